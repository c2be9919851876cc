/* SPDX-License-Identifier: BSD-3-Clause */
/* Each payload's decoder and encoder; messages of scapy read, and written again byte by byte. */
#include "ike_test.h"

#include <errno.h>

/* ---- scapy's messages: read, rebuild, compare ---- */

static void
rebuild(struct ike_chain *c, const struct ike_payload *p)
{
	struct ike_proposals props;
	struct ike_ts_list ts;
	struct ike_delete del;
	struct ike_notify n;
	struct ike_auth auth;
	struct ike_id id;
	struct ike_ke ke;

	switch (p->type) {
	case IKE_PLD_SA:
		assert_int_equal(ike_pld_sa_parse(&props, p->body), 0);
		ike_pld_sa_build(c, &props, true);
		break;
	case IKE_PLD_KE:
		assert_int_equal(ike_pld_ke_parse(&ke, p->body), 0);
		ike_pld_ke_build(c, ke.group, ke.data.p, ke.data.len);
		break;
	case IKE_PLD_IDI:
		assert_int_equal(ike_pld_id_parse(&id, p->body), 0);
		ike_pld_id_build(c, p->type, &id);
		break;
	case IKE_PLD_AUTH:
		assert_int_equal(ike_pld_auth_parse(&auth, p->body), 0);
		ike_pld_auth_build(c, auth.method, auth.data.p, auth.data.len);
		break;
	case IKE_PLD_NOTIFY:
		assert_int_equal(ike_pld_notify_parse(&n, p->body), 0);
		if (n.spi.len == 0) {
			ike_pld_notify_build(c, n.type, n.data.p, n.data.len);
		} else {
			struct ike_rd r = ike_rd_view(n.spi);

			ike_pld_notify_build_spi(
				c, n.protocol, ike_rd_u32(&r), n.type, n.data.p, n.data.len);
		}
		break;
	case IKE_PLD_DELETE:
		assert_int_equal(ike_pld_delete_parse(&del, p->body), 0);
		ike_pld_delete_build(c, del.protocol, del.spis, del.n);
		break;
	case IKE_PLD_TSI:
	case IKE_PLD_TSR:
		assert_int_equal(ike_pld_ts_parse(&ts, p->body), 0);
		ike_pld_ts_build(c, p->type, &ts);
		break;
	default:
		ike_pld_raw_build(c, p->type, p->body.p, p->body.len);
	}
}

static void
scapy_init_message(void **state)
{
	struct ike_view v = hex(scapy_init), nonce;
	struct ike_proposals props;
	uint8_t buf[1024];
	struct ike_chain c;
	struct ike_msg m;
	struct ike_ke ke;

	(void)state;
	assert_int_equal(ike_msg_parse(&m, v.p, v.len), 0);
	assert_int_equal(ike_msg_check(&m), 0);
	assert_int_equal(m.hdr.exchange, IKE_X_SA_INIT);
	assert_int_equal(m.hdr.flags, IKE_FLAG_INITIATOR);
	assert_true(m.hdr.spi_i == 0x0001020304050607);
	assert_int_equal(m.n, 6);
	assert_true(ike_msg_notify(&m, IKE_N_NAT_DETECTION_SOURCE_IP, NULL));
	assert_true(ike_msg_notify(&m, IKE_N_FRAGMENTATION_SUPPORTED, NULL));

	assert_int_equal(ike_pld_sa_parse(&props, ike_msg_find(&m, IKE_PLD_SA)->body), 0);
	assert_int_equal(props.n, 2);
	assert_int_equal(props.p[0].n_transforms, 4);
	assert_int_equal(props.p[0].transforms[0].id, IKE_ENCR_AES_CBC);
	assert_int_equal(props.p[0].transforms[0].key_bits, 128);
	assert_int_equal(props.p[0].transforms[3].id, IKE_DH_MODP_1024);
	assert_int_equal(props.p[1].number, 2);
	assert_int_equal(props.p[1].transforms[0].key_bits, 256);
	assert_int_equal(ike_pld_ke_parse(&ke, ike_msg_find(&m, IKE_PLD_KE)->body), 0);
	assert_int_equal(ke.group, 2);
	assert_int_equal(ke.data.len, 128);
	assert_int_equal(ike_pld_nonce_parse(&nonce, ike_msg_find(&m, IKE_PLD_NONCE)->body), 0);
	assert_int_equal(nonce.len, 32);

	ike_msg_begin(&c, buf, sizeof(buf), &m.hdr);
	for (unsigned int i = 0; i < m.n; i++)
		rebuild(&c, &m.pld[i]);
	assert_int_equal(ike_msg_end(&c), v.len);
	assert_memory_equal(buf, v.p, v.len);
}

static void
scapy_inner_chain(void **state)
{
	struct ike_view v = hex(scapy_inner), host = hex("20010db8000000000000000000000002");
	struct ike_msg m = {0};
	struct ike_ts_list ts;
	uint8_t buf[1024];
	struct ike_chain c;
	struct ike_delete del;
	struct ike_id id;

	(void)state;
	assert_int_equal(ike_msg_parse_inner(&m, IKE_PLD_IDI, v.p, v.len), 0);
	assert_int_equal(m.n, 7);
	assert_int_equal(ike_pld_id_parse(&id, ike_msg_find(&m, IKE_PLD_IDI)->body), 0);
	assert_int_equal(id.type, IKE_ID_FQDN);
	assert_memory_equal(id.data, "left.example", 12);
	assert_int_equal(ike_pld_ts_parse(&ts, ike_msg_find(&m, IKE_PLD_TSR)->body), 0);
	assert_int_equal(ts.n, 1);
	assert_int_equal(ts.ts[0].proto, 47);
	assert_int_equal(ts.ts[0].port_to, 65535);
	assert_memory_equal(ts.ts[0].from, host.p, 16);
	assert_int_equal(ike_pld_delete_parse(&del, ike_msg_find(&m, IKE_PLD_DELETE)->body), 0);
	assert_int_equal(del.n, 2);
	assert_int_equal(del.spis[1], 0x103);

	ike_chain_begin(&c, buf, sizeof(buf));
	for (unsigned int i = 0; i < m.n; i++)
		rebuild(&c, &m.pld[i]);
	assert_true(ike_wr_ok(&c.w));
	assert_int_equal(c.first, IKE_PLD_IDI);
	assert_view_equal((struct ike_view){buf, c.w.len}, v);
}

/* ---- SA ---- */

static int
parse_sa(const char *text, struct ike_proposals *p)
{
	struct ike_view v = hex(text);
	uint8_t *copy = exact(v.p, v.len);
	int ret = ike_pld_sa_parse(p, (struct ike_view){copy, v.len});

	free(copy);
	return ret;
}

static void
malformed_sa(void **state)
{
	static const char *const bad[] = {
		"",
		"00000008 010100",
		"00000007 01010000",
		"00000000 01010000",
		"00000009 01010000",
		"00000008 01010000 00",                /* leftovers */
		"02000008 01010000",                   /* more announced, none there */
		"01000008 01010000",                   /* neither 0 nor 2 */
		"00000008 01010001",                   /* a transform announced, none there */
		"00000010 01010000 00000008 01000002", /* one there, none announced */
		"00000008 01010800",                   /* an SPI that is not there */
		"00000008 0101ff00",
		"0000000c 01010400 ffffffff 00",
		"00000010 01010001 03000008 01000002", /* the last one says more */
		"00000010 01010001 01000008 01000002",
		"00000018 01010002 00000008 01000002 00000008 02000002", /* the first says last */
		"00000010 01010001 00000007 01000002",
		"00000010 01010001 00000009 01000002",
		"00000010 01010001 0000ffff 01000002",
		"00000012 01010001 0000000a 01000002 800e",     /* half an attribute */
		"00000014 01010001 0000000c 01000002 000e0001", /* TLV longer than there is */
		"00000014 01010001 0000000c 01000002 000effff",
	};
	struct ike_proposals p;

	(void)state;
	for (size_t i = 0; i < N(bad); i++) {
		if (parse_sa(bad[i], &p) != -EBADMSG)
			print_error("row %zu\n", i);
		assert_int_equal(parse_sa(bad[i], &p), -EBADMSG);
	}
}

static void
unknown_things_in_sa(void **state)
{
	struct ike_proposals p;

	(void)state;
	/* a transform without number for us, a key length that AES does not have, unknown
	 * attributes */
	assert_int_equal(parse_sa("00000048 01030405 c0ffee00"
				  "03000008 01000003"
				  "0300000c 0100000c 800e0081"
				  "03000010 0100000c 800e0080 00120000"
				  "0300000e 0100000c 00120002 aabb"
				  "0000000a 0f0000ff"
				  "8001",
				 &p),
		-EBADMSG); /* an attribute cut short */
	assert_int_equal(parse_sa("0000004a 01030405 c0ffee00"
				  "03000008 01000003"
				  "0300000c 0100000c 800e0081"
				  "03000010 0100000c 800e0080 00120000"
				  "0300000e 0100000c 00120002 aabb"
				  "0000000c 0f0000ff 80010002",
				 &p),
		0);
	assert_int_equal(p.n, 1);
	assert_int_equal(p.p[0].spi_len, 4);
	assert_int_equal(p.p[0].spi[0], 0xc0);
	/* one unknown cipher stands for all, with no key length; one unknown type */
	assert_int_equal(p.p[0].n_transforms, 2);
	assert_int_equal(p.p[0].transforms[0].type, IKE_TT_ENCR);
	assert_int_equal(p.p[0].transforms[0].id, IKE_TRANSFORM_UNKNOWN);
	assert_int_equal(p.p[0].transforms[0].key_bits, 0);
	assert_int_equal(p.p[0].transforms[1].type, 15);
}

static void
long_offers(void **state)
{
	static uint8_t buf[65536];
	struct ike_wr w = ike_wr_make(buf, sizeof(buf));
	struct ike_proposals p;

	(void)state;
	/* 20 proposals of 255 transforms each, a real one at the end of each */
	for (unsigned int i = 0; i < 20; i++) {
		size_t start = w.len;

		ike_wr_u16(&w, i == 19 ? 0 : 0x0200);
		ike_wr_u16(&w, 0);
		ike_wr_u32(&w, 0x010100ffU + ((i + 1) << 24) - (1U << 24));
		for (unsigned int j = 0; j < 255; j++) {
			ike_wr_u32(&w, j == 254 ? 0x00000008 : 0x03000008);
			ike_wr_u32(&w, j == 254 ? 0x04000013 : (j % 17) << 24 | (j + 100));
		}
		ike_wr_patch_len16(&w, start + 2, start);
	}
	assert_true(ike_wr_ok(&w));
	assert_int_equal(ike_pld_sa_parse(&p, (struct ike_view){buf, w.len}), 0);
	assert_int_equal(p.n, IKE_PROPOSALS_MAX);
	for (unsigned int i = 0; i < p.n; i++) {
		const struct ike_proposal *o = &p.p[i];

		assert_int_equal(o->number, i + 1);
		/* types 1 to 12 once each, one of the rest, and group 19 */
		assert_int_equal(o->n_transforms, 14);
		assert_int_equal(o->transforms[13].id, IKE_DH_ECP_256);
	}
	/* SPIs longer than any protocol's are left out, not an error */
	assert_int_equal(parse_sa("02000011 01030900 010203040506070809 00000008 02010000", &p), 0);
	assert_int_equal(p.n, 1);
	assert_int_equal(p.p[0].number, 2);
}

static void
every_implemented_transform_fits(void **state)
{
	struct ike_proposals p, back;
	struct ike_proposal *o = &p.p[0];
	uint8_t buf[2048];
	struct ike_chain c;

	(void)state;
	memset(&p, 0, sizeof(p));
	p.n = 1;
	o->protocol = IKE_PROTO_IKE;
	for (uint8_t type = 1; type <= 5; type++)
		for (uint16_t id = 0; id < 64; id++)
			for (uint16_t bits = 0; bits <= 256; bits += 64) {
				bool known = type == IKE_TT_ENCR ? ike_encr_params(id, bits) != NULL
								 : bits == 0 &&
									   ike_transform_name(type,
										   id) != NULL &&
									   id != IKE_DH_MLKEM_768;

				if (!known)
					continue;
				assert_true(o->n_transforms < IKE_TRANSFORMS_MAX);
				o->transforms[o->n_transforms++] =
					(struct ike_transform){type, id, bits};
			}
	assert_int_equal(o->n_transforms, 14 + 4 + 5 + 13 + 2);
	ike_chain_begin(&c, buf, sizeof(buf));
	ike_pld_sa_build(&c, &p, false);
	assert_true(ike_wr_ok(&c.w));
	assert_int_equal(ike_pld_sa_parse(&back, (struct ike_view){buf + 4, c.w.len - 4}), 0);
	assert_int_equal(back.p[0].number, 1);
	back.p[0].number = 0;
	assert_memory_equal(&back.p[0], &p.p[0], sizeof(p.p[0]));
}

/** Beyond the room there is: then the proposal must not look as if it asked for less. */
static void
too_many_key_exchanges(void **state)
{
	struct ike_proposals back;
	uint8_t buf[2048];
	struct ike_chain c;
	struct ike_wr *w = &c.w;
	size_t start;

	(void)state;
	ike_chain_begin(&c, buf, sizeof(buf));
	start = ike_pld_begin(&c, IKE_PLD_SA);
	ike_wr_u32(w, 0x00000000 | (8 + 84 * 8));
	ike_wr_u32(w, 0x01010000 | 84);
	for (unsigned int j = 0; j < 84; j++) {
		static const uint16_t groups[] = {2, 5, 14, 15, 16, 17, 18, 19, 20, 21, 31, 32};

		ike_wr_u32(w, j == 83 ? 0x00000008 : 0x03000008);
		ike_wr_u32(w, (6 + j / 12) << 24 | groups[j % 12]);
	}
	ike_pld_end(&c, start);
	assert_true(ike_wr_ok(w));
	assert_int_equal(ike_pld_sa_parse(&back, (struct ike_view){buf + 4, w->len - 4}), 0);
	assert_int_equal(back.p[0].n_transforms, IKE_TRANSFORMS_MAX);
	assert_int_equal(back.p[0].transforms[IKE_TRANSFORMS_MAX - 1].type, IKE_TT_TOO_MANY);
}

/* ---- the others ---- */

static void
key_exchange(void **state)
{
	struct ike_ke ke;

	(void)state;
	assert_int_equal(ike_pld_ke_parse(&ke, hex("001f0000 aabb")), 0);
	assert_int_equal(ke.group, 31);
	assert_view_equal(ke.data, hex("aabb"));
	assert_int_equal(ike_pld_ke_parse(&ke, hex("001f0000")), -EBADMSG);
	assert_int_equal(ike_pld_ke_parse(&ke, hex("001f00")), -EBADMSG);
	assert_int_equal(ike_pld_ke_parse(&ke, hex("")), -EBADMSG);
}

static void
identities(void **state)
{
	static uint8_t big[4 + IKE_ID_MAX + 1] = {IKE_ID_KEY_ID};
	uint8_t body[IKE_ID_BODY_MAX];
	struct ike_id id;

	(void)state;
	assert_int_equal(ike_pld_id_parse(&id, hex("02000000 6162")), 0);
	assert_int_equal(id.len, 2);
	assert_int_equal(ike_id_body(&id, body, sizeof(body)), 6);
	assert_view_equal((struct ike_view){body, 6}, hex("02000000 6162"));
	assert_int_equal(ike_id_body(&id, body, 5), 0);
	assert_int_equal(ike_pld_id_parse(&id, hex("02000000")), 0); /* empty, but there */
	assert_int_equal(ike_pld_id_parse(&id, hex("020000")), -EBADMSG);
	assert_int_equal(ike_pld_id_parse(&id, hex("00000000 6162")), -EBADMSG);
	assert_int_equal(ike_pld_id_parse(&id, hex("01000000 0a0000")), -EBADMSG);
	assert_int_equal(ike_pld_id_parse(&id, hex("01000000 0a000001")), 0);
	assert_int_equal(ike_pld_id_parse(&id, hex("05000000 0a000001")), -EBADMSG);
	assert_int_equal(ike_pld_id_parse(&id, (struct ike_view){big, 4 + IKE_ID_MAX}), 0);
	assert_int_equal(ike_pld_id_parse(&id, (struct ike_view){big, 5 + IKE_ID_MAX}), -E2BIG);
}

static void
small_ones(void **state)
{
	static const uint8_t zero[257];
	struct ike_auth auth;
	struct ike_cert cert;
	struct ike_view nonce;

	(void)state;
	assert_int_equal(ike_pld_auth_parse(&auth, hex("02000000 aa")), 0);
	assert_int_equal(auth.method, IKE_AUTH_PSK);
	assert_view_equal(auth.data, hex("aa"));
	assert_int_equal(ike_pld_auth_parse(&auth, hex("020000")), -EBADMSG);
	assert_int_equal(ike_pld_cert_parse(&cert, hex("04 3082")), 0);
	assert_int_equal(cert.encoding, 4);
	assert_int_equal(cert.data.len, 2);
	assert_int_equal(ike_pld_cert_parse(&cert, hex("")), -EBADMSG);
	for (size_t n = 0; n <= 257; n++)
		assert_int_equal(ike_pld_nonce_parse(&nonce, (struct ike_view){zero, n}),
			n < 16 || n > 256 ? -EBADMSG : 0);
}

static void
deletes(void **state)
{
	static uint8_t many[4 + 4 * 300] = {3, 4, 300 >> 8, 300 & 0xff};
	static struct ike_delete d;

	(void)state;
	assert_int_equal(ike_pld_delete_parse(&d, hex("01000000")), 0);
	assert_int_equal(d.n, 0);
	assert_int_equal(ike_pld_delete_parse(&d, hex("01000001")), 0);
	assert_int_equal(ike_pld_delete_parse(&d, hex("01080001 0102030405060708")), -EBADMSG);
	assert_int_equal(ike_pld_delete_parse(&d, hex("03080001 0102030405060708")), -EBADMSG);
	assert_int_equal(ike_pld_delete_parse(&d, hex("03000001")), -EBADMSG);
	assert_int_equal(ike_pld_delete_parse(&d, hex("03040000")), 0);
	assert_int_equal(ike_pld_delete_parse(&d, hex("03040001 010203")), -EBADMSG);
	assert_int_equal(ike_pld_delete_parse(&d, hex("07020001 0102")), 0);
	assert_int_equal(d.n, 0);
	assert_int_equal(ike_pld_delete_parse(&d, (struct ike_view){many, sizeof(many)}), 0);
	assert_int_equal(d.n, IKE_DELETE_SPIS_MAX);
	assert_int_equal(
		ike_pld_delete_parse(&d, (struct ike_view){many, sizeof(many) - 1}), -EBADMSG);
}

#define V4 "07 2f 0010 0000 ffff 0a000000 0affffff"
#define V6 "08 00 0028 0000 ffff 20010db8000000000000000000000001 20010db8000000000000000000000001"

static void
selectors(void **state)
{
	static const struct {
		const char *body;
		int want;
		unsigned int n;
	} table[] = {
		{"", -EBADMSG, 0},
		{"000000", -EBADMSG, 0},
		{"00000000", 0, 0},
		{"00000000 00", -EBADMSG, 0},
		{"01000000", -EBADMSG, 0},
		{"01000000" V4, 0, 1},
		{"02000000" V4 V6, 0, 2},
		{"01000000" V4 V6, -EBADMSG, 0},
		{"03000000" V4 V6, -EBADMSG, 0},
		{"ff000000" V4, -EBADMSG, 0},
		/* unknown types are skipped, whatever their shape (Fibre Channel, RFC 4595) */
		{"02000000 09 00 0018 0000000000000000000000000000000000000000" V6, 0, 1},
		{"01000000 09 00 0004", 0, 0},
		{"01000000 09 00 0003", -EBADMSG, 0},
		{"01000000 09 00 0000", -EBADMSG, 0},
		{"01000000 09 00 ffff", -EBADMSG, 0},
		/* lengths that do not go with the type */
		{"01000000 07 00 0028 0000 ffff 20010db8000000000000000000000001"
		 "20010db8000000000000000000000001",
			-EBADMSG, 0},
		{"01000000 08 00 0010 0000 ffff 0a000000 0affffff", -EBADMSG, 0},
		/* ranges that hold nothing hold nothing; OPAQUE is one of its own */
		{"01000000 07 2f 0010 0000 ffff 0a000001 0a000000", 0, 0},
		{"01000000 07 2f 0010 0002 0001 0a000000 0affffff", 0, 0},
		{"01000000 07 2f 0010 ffff 0000 0a000000 0affffff", 0, 1},
	};

	(void)state;
	for (size_t i = 0; i < N(table); i++) {
		struct ike_view v = hex(table[i].body);
		uint8_t *copy = exact(v.p, v.len);
		struct ike_ts_list l;
		int ret = ike_pld_ts_parse(&l, (struct ike_view){copy, v.len});

		if (ret != table[i].want)
			print_error("row %zu\n", i);
		assert_int_equal(ret, table[i].want);
		if (ret == 0)
			assert_int_equal(l.n, table[i].n);
		free(copy);
	}
}

static void
many_selectors_are_cut(void **state)
{
	uint8_t body[4 + 16 * 20] = {20};
	struct ike_view v4 = hex(V4);
	struct ike_ts_list l;

	(void)state;
	for (unsigned int i = 0; i < 20; i++)
		memcpy(body + 4 + 16 * i, v4.p, 16);
	assert_int_equal(ike_pld_ts_parse(&l, (struct ike_view){body, sizeof(body)}), 0);
	assert_int_equal(l.n, IKE_TS_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scapy_init_message),
		cmocka_unit_test(scapy_inner_chain),
		cmocka_unit_test(malformed_sa),
		cmocka_unit_test(unknown_things_in_sa),
		cmocka_unit_test(long_offers),
		cmocka_unit_test(every_implemented_transform_fits),
		cmocka_unit_test(too_many_key_exchanges),
		cmocka_unit_test(key_exchange),
		cmocka_unit_test(identities),
		cmocka_unit_test(small_ones),
		cmocka_unit_test(deletes),
		cmocka_unit_test(selectors),
		cmocka_unit_test(many_selectors_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
