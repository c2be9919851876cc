/* SPDX-License-Identifier: BSD-3-Clause */
/* Headers, chains and the occurrence table; malformed ones by table. */
#include "ike_test.h"

#include <errno.h>

/* SPIs, then next payload, version, exchange, flags, message ID */
#define SPIS "0102030405060708 0000000000000000"

/** Header of a message with total length len, first payload next. */
static struct ike_view
message(uint8_t next, uint8_t exchange, uint8_t flags, const char *payloads)
{
	static uint8_t bufs[4][4096];
	static unsigned int turn;
	struct ike_view body = hex(payloads);
	struct ike_wr w = ike_wr_make(bufs[turn++ % 4], 4096);
	const struct ike_hdr h = {.spi_i = 0x0102030405060708,
		.next = next,
		.version = IKE_VERSION,
		.exchange = exchange,
		.flags = flags,
		.length = (uint32_t)(IKE_HDR_LEN + body.len)};

	ike_hdr_build(&w, &h);
	ike_wr_bytes(&w, body.p, body.len);
	assert_true(ike_wr_ok(&w));
	return (struct ike_view){w.buf, w.len};
}

static int
parse(struct ike_msg *m, struct ike_view v)
{
	static uint8_t *copy; /* lives until the next call: m has views into it */

	free(copy);
	copy = exact(v.p, v.len);
	return ike_msg_parse(m, copy, v.len);
}

static void
headers(void **state)
{
	static const struct {
		const char *bytes;
		int want;
	} table[] = {
		{"", -EBADMSG}, {SPIS "00 20 25 08 00000000 0000001c", 0},
		{SPIS "00 20 25 08 00000000 0000001d", -EBADMSG},
		{SPIS "00 20 25 08 00000000 0000001b", -EBADMSG},
		{SPIS "00 20 25 08 00000000 ffffffff", -EBADMSG},
		{SPIS "00 20 25 08 00000000 000000", -EBADMSG},
		{SPIS "00 2f 25 08 00000000 0000001c", 0}, /* minor versions are ignored (2.5) */
		{SPIS "00 30 25 08 00000000 0000001c", -EPROTONOSUPPORT},
		{SPIS "00 f0 25 08 00000000 00000000", -EPROTONOSUPPORT},
		{SPIS "00 10 25 08 00000000 0000001c", -EBADMSG}, /* IKEv1 */
	};

	(void)state;
	for (size_t i = 0; i < N(table); i++) {
		struct ike_view v = hex(table[i].bytes);
		uint8_t *copy = exact(v.p, v.len);
		struct ike_hdr h;

		assert_int_equal(ike_hdr_parse(&h, copy, v.len), table[i].want);
		if (table[i].want == 0)
			assert_true(h.spi_i == 0x0102030405060708 && h.spi_r == 0);
		free(copy);
	}
}

static void
chains(void **state)
{
	static const struct {
		uint8_t next;
		const char *payloads;
		int want;
		unsigned int n;
	} table[] = {
		{0, "", 0, 0},
		{0, "00", -EBADMSG, 0},
		{IKE_PLD_NONCE, "", -EBADMSG, 0},
		{IKE_PLD_NONCE, "0000", -EBADMSG, 0},
		{IKE_PLD_NONCE, "00000004", 0, 1},
		{IKE_PLD_NONCE, "00000003", -EBADMSG, 0},
		{IKE_PLD_NONCE, "00000000", -EBADMSG, 0},
		{IKE_PLD_NONCE, "00000005", -EBADMSG, 0},
		{IKE_PLD_NONCE, "0000ffff", -EBADMSG, 0},
		{IKE_PLD_NONCE, "00000005aa", 0, 1},
		{IKE_PLD_NONCE, "00000005aabb", -EBADMSG, 0},
		{IKE_PLD_NONCE, "28000004", -EBADMSG, 0},
		{IKE_PLD_NONCE, "28000004 00000004", 0, 2},
		/* the critical bit of a known payload is ignored */
		{IKE_PLD_NONCE, "00800004", 0, 1},
		/* unknown payloads */
		{200, "28000006aaaa 00000004", 0, 1},
		{200, "28800006aaaa 00000004", -EOPNOTSUPP, 1},
		{54, "00800004", -EOPNOTSUPP, 0},
		{1, "00000004", 0, 0},
		/* a broken chain behind a critical one is a syntax error all the same */
		{200, "28800006aaaa 00000003", -EBADMSG, 0},
		/* notify: SPI longer than what is there; delete: counts that do not fit */
		{IKE_PLD_NOTIFY, "00000008 00004000", 0, 1},
		{IKE_PLD_NOTIFY, "00000008 03044000", -EBADMSG, 0},
		{IKE_PLD_NOTIFY, "00000007 000040", -EBADMSG, 0},
		{IKE_PLD_DELETE, "0000000c 03040001 00000100", 0, 1},
		{IKE_PLD_DELETE, "0000000c 03040002 00000100", -EBADMSG, 0},
		{IKE_PLD_DELETE, "0000000c 0304ffff 00000100", -EBADMSG, 0},
		{IKE_PLD_DELETE, "00000008 01000000", 0, 1},
		/* SK is last; nothing may follow it; SKF needs sane numbers */
		{IKE_PLD_SK, "00000008 aabbccdd", 0, 0},
		{IKE_PLD_SK, "00000008 aabbccdd 00000004", -EBADMSG, 0},
		{IKE_PLD_NONCE, "2e000004 00000008 aabbccdd", 0, 1},
		{IKE_PLD_SKF, "00000008 00010001", 0, 0},
		{IKE_PLD_SKF, "00000007 000100", -EBADMSG, 0},
		{IKE_PLD_SKF, "00000008 00000001", -EBADMSG, 0},
		{IKE_PLD_SKF, "00000008 00020001", -EBADMSG, 0},
		/* critical in front of SK: nothing is said before the ICV */
		{200, "2e800004 00000008 aabbccdd", 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < N(table); i++) {
		struct ike_msg m;
		int ret = parse(
			&m, message(table[i].next, IKE_X_INFORMATIONAL, 0, table[i].payloads));

		if (ret != table[i].want)
			print_error("row %zu\n", i);
		assert_int_equal(ret, table[i].want);
		if (ret == 0 || ret == -EOPNOTSUPP)
			assert_int_equal(m.n, table[i].n);
		if (ret == -EOPNOTSUPP)
			assert_int_equal(m.critical, table[i].next);
	}
}

static void
inner_chains(void **state)
{
	struct ike_view v = hex("28000004 00000004"), sk = hex("00000008 aabbccdd");
	struct ike_view critical = hex("00800004");
	struct ike_msg m;

	(void)state;
	assert_int_equal(parse(&m, message(IKE_PLD_SK, 37, 0, "00000008 aabbccdd")), 0);
	assert_int_equal(ike_msg_parse_inner(&m, IKE_PLD_NONCE, v.p, v.len), 0);
	assert_int_equal(m.n, 2);
	assert_true(m.pld[0].enc);
	assert_int_equal(ike_msg_parse_inner(&m, 0, v.p, 0), 0);
	assert_int_equal(ike_msg_parse_inner(&m, 0, v.p, v.len), -EBADMSG);
	assert_int_equal(ike_msg_parse_inner(&m, IKE_PLD_NONCE, v.p, 0), -EBADMSG);
	/* no Russian dolls */
	assert_int_equal(ike_msg_parse_inner(&m, IKE_PLD_SK, sk.p, sk.len), -EBADMSG);
	assert_int_equal(ike_msg_parse_inner(&m, IKE_PLD_SKF, sk.p, sk.len), -EBADMSG);
	assert_int_equal(ike_msg_parse_inner(&m, 99, critical.p, critical.len), -EOPNOTSUPP);
	/* a critical payload in front of SK counts once the inner chain is read */
	assert_int_equal(parse(&m, message(200, 37, 0, "2e800004 00000008 aabbccdd")), 0);
	assert_int_equal(ike_msg_parse_inner(&m, 0, v.p, 0), -EOPNOTSUPP);
	assert_int_equal(m.critical, 200);
}

static void
sk_views(void **state)
{
	struct ike_msg m;

	(void)state;
	assert_int_equal(parse(&m, message(IKE_PLD_SK, 35, 0, "23000008 aabbccdd")), 0);
	assert_int_equal(m.sk_type, IKE_PLD_SK);
	assert_int_equal(m.sk_first, IKE_PLD_IDI);
	assert_int_equal(m.sk_aad.len, IKE_HDR_LEN + 4);
	assert_view_equal(m.sk_body, hex("aabbccdd"));
	assert_ptr_equal(m.sk_aad.p + m.sk_aad.len, m.sk_body.p);
	assert_int_equal(parse(&m, message(IKE_PLD_SKF, 35, 0, "2300000c 00020003 aabbccdd")), 0);
	assert_int_equal(m.frag_num, 2);
	assert_int_equal(m.frag_total, 3);
	assert_int_equal(m.sk_first, 0);
	assert_int_equal(m.sk_aad.len, IKE_HDR_LEN + 8);
	assert_view_equal(m.sk_body, hex("aabbccdd"));
}

static void
payload_count_is_bounded(void **state)
{
	char text[8 * (IKE_PAYLOADS_MAX + 1) + 1] = "";
	struct ike_msg m;

	(void)state;
	for (unsigned int n = 1; n <= IKE_PAYLOADS_MAX + 1; n++) {
		strcat(text, "28000004");
		memcpy(text + strlen(text) - 8, "00", 2);
		if (n > 1)
			memcpy(text + strlen(text) - 16, n % 2 ? "28" : "c8", 2);
		/* a chain whose links alternate between known and unknown ones */
		if (n < IKE_PAYLOADS_MAX)
			continue;
		assert_int_equal(parse(&m, message(IKE_PLD_NONCE, 37, 0, text)),
			n == IKE_PAYLOADS_MAX ? 0 : -E2BIG);
	}
}

/* ---- occurrence ---- */

#define R     IKE_FLAG_RESPONSE
#define INIT  IKE_X_SA_INIT
#define CHILD IKE_X_CREATE_CHILD_SA

static void
occurrence_in_the_clear(void **state)
{
	static const struct {
		uint8_t next, flags;
		const char *payloads;
		int want;
	} table[] = {
		/* SA, KE, No: bodies are not looked at here */
		{33, 0, "22000004 28000004 00000004", 0},
		{33, R, "22000004 28000004 00000004", 0},
		{34, 0, "21000004 28000004 00000004", 0}, /* any order (2.5) */
		{41, 0, "21000008 00004006 22000004 28000004 00000004", 0},
		{33, 0, "22000004 00000004", -EBADMSG},
		{33, 0, "21000004 22000004 28000004 00000004", -EBADMSG},
		{33, 0, "22000004 28000004 23000004 00000004", -EBADMSG}, /* IDi */
		{33, 0, "22000004 28000004 26000004 00000004", -EBADMSG}, /* CERTREQ */
		{33, R, "22000004 28000004 26000004 00000004", 0},
		{33, 0, "22000004 28000004 2b000004 00000004", 0}, /* vendor */
		{41, R, "00000008 00004006", 0},                   /* COOKIE */
		{41, R, "0000000a 00000011 000e", 0},              /* INVALID_KE */
		{41, 0, "00000008 00004006", -EBADMSG},            /* as a request */
		{41, R, "00000008 00004005", -EBADMSG},            /* not a refusal */
		{33, 0, "22000004 28000004 2e000004 00000008 aabbccdd", -EBADMSG}, /* SK */
		{0, 0, "", -EBADMSG},
	};

	(void)state;
	for (size_t i = 0; i < N(table); i++) {
		struct ike_msg m;

		assert_int_equal(
			parse(&m, message(table[i].next, INIT, table[i].flags, table[i].payloads)),
			0);
		if (ike_msg_check(&m) != table[i].want)
			print_error("row %zu\n", i);
		assert_int_equal(ike_msg_check(&m), table[i].want);
	}
}

static void
occurrence_in_sk(void **state)
{
	static const struct {
		uint8_t exchange, flags, next;
		const char *inner;
		int want;
	} table[] = {
		{37, 0, 0, "", 0}, /* a liveness check */
		{37, R, 0, "", 0},
		{37, 0, 41, "29000008 00004000 2a000008 00004000 00000008 01000000", 0},
		{37, 0, 33, "00000004", -EBADMSG},
		{35, 0, 35, "27000008 02000000 21000004 2c000004 2d000004 00000004", 0},
		{35, R, 35, "27000008 02000000 21000004 2c000004 2d000004 00000004", -EBADMSG},
		{35, R, 36, "27000008 02000000 21000004 2c000004 2d000004 00000004", 0},
		{35, R, 41, "00000008 00000018", 0},
		{35, 0, 39, "27000004 00000004", -EBADMSG},
		{35, 0, 40, "00000004", -EBADMSG},
		{35, 0, 42, "00000008 01000000", -EBADMSG},
		{CHILD, 0, 33, "28000004 2c000004 2d000004 00000004", 0},
		{CHILD, 0, 41,
			"2100000c 03044009 01020304 28000004 22000004 2c000004 2d000004 00000004",
			0},
		{CHILD, 0, 33, "28000004 22000004 00000004", 0},
		{CHILD, 0, 33, "2c000004 2d000004 00000004", -EBADMSG}, /* no nonce */
		{CHILD, 0, 33, "28000004 2c000004 2c000004 00000004", -EBADMSG},
		{CHILD, 0, 33, "28000004 27000004 00000004", -EBADMSG},
		{CHILD, R, 41, "00000008 0000000e", 0},
		{CHILD, R, 41, "00000008 00004007", -EBADMSG},
		{CHILD, 0, 41, "00000008 0000000e", -EBADMSG},
		{43, 0, 34, "00000004", 0},
		{34, 0, 33, "22000004 28000004 00000004", -EBADMSG},
		{38, 0, 0, "", -ENOENT},
		{33, 0, 0, "", -ENOENT},
	};

	(void)state;
	for (size_t i = 0; i < N(table); i++) {
		struct ike_view inner = hex(table[i].inner);
		struct ike_msg m;

		assert_int_equal(parse(&m, message(IKE_PLD_SK, table[i].exchange, table[i].flags,
						   "00000008 aabbccdd")),
			0);
		assert_int_equal(ike_msg_parse_inner(&m, table[i].next, inner.p, inner.len), 0);
		if (ike_msg_check(&m) != table[i].want)
			print_error("row %zu\n", i);
		assert_int_equal(ike_msg_check(&m), table[i].want);
	}
}

static void
clear_payloads_beside_sk_are_refused(void **state)
{
	struct ike_msg m;

	(void)state;
	assert_int_equal(parse(&m, message(41, 37, 0, "2e000008 00004000 00000008 aabbccdd")), 0);
	assert_int_equal(ike_msg_check(&m), -EBADMSG);
	/* without SK an INFORMATIONAL may carry notifies, and nothing else */
	assert_int_equal(parse(&m, message(41, 37, R, "00000008 00000004")), 0);
	assert_int_equal(ike_msg_check(&m), 0);
	assert_int_equal(parse(&m, message(42, 37, 0, "00000008 01000000")), 0);
	assert_int_equal(ike_msg_check(&m), -EBADMSG);
	assert_int_equal(parse(&m, message(0, 37, 0, "")), 0);
	assert_int_equal(ike_msg_check(&m), -EBADMSG);
	assert_int_equal(parse(&m, message(41, 35, R, "00000008 00000018")), 0);
	assert_int_equal(ike_msg_check(&m), -EBADMSG);
}

/* ---- looking, building ---- */

static void
notifies(void **state)
{
	struct ike_notify n;
	struct ike_msg m;
	unsigned int pos = 0;

	(void)state;
	assert_int_equal(parse(&m, message(41, INIT, R,
					   "28000008 00004000 29000004"
					   "29000008 0000000e 0000000f 03044009 01020304 aabbcc")),
		0);
	assert_true(ike_msg_notify_next(&m, &pos, &n));
	assert_int_equal(n.type, IKE_N_INITIAL_CONTACT);
	assert_true(ike_msg_notify_next(&m, &pos, &n));
	assert_int_equal(n.type, IKE_N_NO_PROPOSAL_CHOSEN);
	assert_true(ike_msg_notify_next(&m, &pos, &n));
	assert_int_equal(n.type, IKE_N_REKEY_SA);
	assert_int_equal(n.protocol, IKE_PROTO_ESP);
	assert_view_equal(n.spi, hex("01020304"));
	assert_view_equal(n.data, hex("aabbcc"));
	assert_false(ike_msg_notify_next(&m, &pos, &n));
	assert_true(ike_msg_notify(&m, IKE_N_REKEY_SA, NULL));
	assert_false(ike_msg_notify(&m, IKE_N_COOKIE, &n));
	assert_int_equal(ike_msg_error(&m), IKE_N_NO_PROPOSAL_CHOSEN);
	assert_non_null(ike_msg_find(&m, IKE_PLD_NONCE));
	assert_null(ike_msg_find(&m, IKE_PLD_SA));
}

static void
building_patches_chain_and_length(void **state)
{
	const struct ike_hdr h = {
		.spi_i = 1, .spi_r = 2, .exchange = IKE_X_INFORMATIONAL, .flags = R, .msg_id = 9};
	uint8_t buf[64];
	struct ike_chain c;

	(void)state;
	ike_msg_begin(&c, buf, sizeof(buf), &h);
	assert_int_equal(ike_msg_end(&c), IKE_HDR_LEN);
	assert_view_equal((struct ike_view){buf, IKE_HDR_LEN},
		hex("0000000000000001 0000000000000002 00202520 00000009 0000001c"));

	ike_msg_begin(&c, buf, sizeof(buf), &h);
	ike_pld_notify_build(&c, IKE_N_COOKIE, "\xaa", 1);
	ike_pld_raw_build(&c, IKE_PLD_VENDOR, "xy", 2);
	assert_int_equal(ike_msg_end(&c), 43);
	assert_int_equal(c.first, IKE_PLD_NOTIFY);
	assert_view_equal((struct ike_view){buf, 43},
		hex("0000000000000001 0000000000000002 29202520 00000009 0000002b"
		    "2b000009 00004006 aa 00000006 7879"));

	ike_chain_begin(&c, buf, sizeof(buf));
	assert_int_equal(c.first, 0);
	ike_pld_raw_build(&c, IKE_PLD_NONCE, "", 0);
	ike_pld_raw_build(&c, IKE_PLD_VENDOR, "", 0);
	assert_int_equal(c.first, IKE_PLD_NONCE);
	assert_view_equal((struct ike_view){buf, c.w.len}, hex("2b000004 00000004"));
}

static void
building_stops_at_the_end(void **state)
{
	const struct ike_hdr h = {.exchange = INIT};
	uint8_t buf[64];
	struct ike_chain c;

	(void)state;
	for (size_t cap = 0; cap < 43; cap++) {
		memset(buf, 0x5a, sizeof(buf));
		ike_msg_begin(&c, buf, cap, &h);
		ike_pld_notify_build(&c, IKE_N_COOKIE, "\xaa", 1);
		ike_pld_raw_build(&c, IKE_PLD_VENDOR, "xy", 2);
		assert_int_equal(ike_msg_end(&c), 0);
		for (size_t i = cap; i < sizeof(buf); i++)
			assert_int_equal(buf[i], 0x5a);
	}
}

static void
cursors(void **state)
{
	uint8_t buf[8] = {1, 2, 3, 4, 5, 6, 7, 8}, out[4];
	struct ike_rd r = ike_rd_make(buf, 8), sub;
	struct ike_wr w;

	(void)state;
	assert_int_equal(ike_rd_u8(&r), 1);
	assert_int_equal(ike_rd_u16(&r), 0x0203);
	sub = ike_rd_sub(&r, 2);
	assert_int_equal(ike_rd_u32(&sub), 0); /* more than the sub-cursor has */
	assert_false(ike_rd_ok(&sub));
	assert_true(ike_rd_ok(&r));
	assert_int_equal(r.left, 3);
	ike_rd_copy(&r, out, 4);
	assert_false(ike_rd_ok(&r));
	assert_int_equal(ike_rd_u8(&r), 0);
	assert_int_equal(out[0], 0);
	r = ike_rd_make(buf, 8);
	assert_true(ike_rd_u64(&r) == 0x0102030405060708);
	assert_true(ike_rd_done(&r));
	assert_null(ike_rd_bytes(&r, SIZE_MAX));

	w = ike_wr_make(buf, 8);
	ike_wr_u64(&w, 0x1112131415161718);
	assert_true(ike_wr_ok(&w));
	ike_wr_patch_u16(&w, 6, 0xaabb);
	assert_int_equal(buf[7], 0xbb);
	ike_wr_patch_u16(&w, 7, 0xccdd);
	assert_false(ike_wr_ok(&w));
	assert_int_equal(buf[7], 0xbb);
	w = ike_wr_make(buf, 8);
	assert_null(ike_wr_space(&w, SIZE_MAX));
	assert_null(ike_wr_space(&w, 1));
}

static void
names(void **state)
{
	(void)state;
	assert_string_equal(ike_exchange_name(IKE_X_AUTH), "IKE_AUTH");
	assert_string_equal(ike_notify_name(IKE_N_TS_UNACCEPTABLE), "TS_UNACCEPTABLE");
	assert_string_equal(ike_payload_name(IKE_PLD_TSI), "TSi");
	assert_null(ike_exchange_name(1));
	assert_null(ike_notify_name(2));
	assert_null(ike_payload_name(1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers),
		cmocka_unit_test(chains),
		cmocka_unit_test(inner_chains),
		cmocka_unit_test(sk_views),
		cmocka_unit_test(payload_count_is_bounded),
		cmocka_unit_test(occurrence_in_the_clear),
		cmocka_unit_test(occurrence_in_sk),
		cmocka_unit_test(clear_payloads_beside_sk_are_refused),
		cmocka_unit_test(notifies),
		cmocka_unit_test(building_patches_chain_and_length),
		cmocka_unit_test(building_stops_at_the_end),
		cmocka_unit_test(cursors),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
