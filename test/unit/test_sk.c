/* SPDX-License-Identifier: BSD-3-Clause */
/* Sealing, opening, fragments: RFC 7634 B, python-cryptography, and each bit turned over. */
#include "ike_test.h"

#include <errno.h>

static const struct ike_hdr hdr = {.spi_i = 0x1122334455667788,
	.spi_r = 0x99aabbccddeeff00,
	.exchange = IKE_X_INFORMATIONAL,
	.flags = IKE_FLAG_INITIATOR,
	.msg_id = 5};

static struct ike_sk_key
key_of(const struct seal_vector *v)
{
	struct ike_view e = hex(v->encr_key), a = hex(v->integ_key);
	struct ike_sk_key k = {.encr = ike_encr_params(v->suite.encr, v->suite.encr_key_bits),
		.integ = ike_integ_params(v->suite.integ)};

	assert_non_null(k.encr);
	assert_non_null(k.integ);
	memcpy(k.encr_key, e.p, e.len);
	memcpy(k.integ_key, a.p, a.len);
	return k;
}

static int
open_bytes(const struct ike_sk_key *k, const uint8_t *msg, size_t len, uint8_t *out,
	struct ike_view *inner, struct ike_msg *m)
{
	int ret = ike_msg_parse(m, msg, len);

	return ret < 0 ? ret : ike_sk_open(k, m, out, inner);
}

static void
opens_what_python_sealed(void **state)
{
	struct ike_view inner;
	struct ike_msg m;

	(void)state;
	for (size_t i = 0; i < N(seal_vectors); i++) {
		struct ike_sk_key k = key_of(&seal_vectors[i]);
		struct ike_view msg = hex(seal_vectors[i].message);
		uint8_t *copy = exact(msg.p, msg.len), *out = malloc(msg.len);

		assert_int_equal(open_bytes(&k, copy, msg.len, out, &inner, &m), 0);
		assert_view_equal(inner, hex(seal_vectors[i].inner));
		assert_memory_equal(copy, msg.p, msg.len);
		free(copy);
		free(out);
	}
}

static void
seals_rfc7634_appendix_b(void **state)
{
	const struct seal_vector *v = &seal_vectors[N(seal_vectors) - 1];
	struct ike_view want = hex(v->message), inner = hex(v->inner);
	struct ike_sk_key k = key_of(v);
	uint8_t out[256];
	struct ike_hdr h;

	(void)state;
	assert_int_equal(ike_hdr_parse(&h, want.p, want.len), 0);
	k.next_iv = 0x1011121314151617;
	assert_int_equal(ike_sk_seal(&k, &h, IKE_PLD_NOTIFY, inner.p, inner.len, out, sizeof(out)),
		want.len);
	assert_memory_equal(out, want.p, want.len);
	assert_true(k.next_iv == 0x1011121314151618);
}

static void
a_turned_bit_is_seen(void **state)
{
	struct ike_view inner = {0};
	struct ike_msg m;
	uint8_t out[2048];

	(void)state;
	for (size_t i = 0; i < N(seal_vectors); i++) {
		struct ike_sk_key k = key_of(&seal_vectors[i]);
		struct ike_view msg = hex(seal_vectors[i].message);
		uint8_t *copy = exact(msg.p, msg.len);

		for (size_t bit = 0; bit < 8 * msg.len; bit++) {
			copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_true(open_bytes(&k, copy, msg.len, out, &inner, &m) != 0);
			assert_int_equal(inner.len * (m.sk_type != 0), 0);
			copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		free(copy);
	}
}

/** Shortened messages whose lengths were put right again. */
static void
too_short_is_refused(void **state)
{
	struct ike_view inner = {0};
	struct ike_msg m;
	uint8_t out[2048];

	(void)state;
	for (size_t i = 0; i < N(seal_vectors); i++) {
		struct ike_sk_key k = key_of(&seal_vectors[i]);
		struct ike_view msg = hex(seal_vectors[i].message);

		for (size_t len = 32; len < msg.len; len++) {
			uint8_t *copy = exact(msg.p, len);

			copy[26] = (uint8_t)(len >> 8);
			copy[27] = (uint8_t)len;
			copy[30] = (uint8_t)((len - 28) >> 8);
			copy[31] = (uint8_t)(len - 28);
			assert_int_equal(open_bytes(&k, copy, len, out, &inner, &m), -EBADMSG);
			free(copy);
		}
	}
}

static void
round_trips_of_every_size(void **state)
{
	uint8_t clear[200], msg[512], out[512];
	struct ike_view inner;
	struct ike_msg m;

	(void)state;
	for (size_t i = 0; i < sizeof(clear); i++)
		clear[i] = (uint8_t)i;
	for (size_t i = 0; i < N(seal_vectors); i += 4) {
		struct ike_sk_key k = key_of(&seal_vectors[i]);

		for (size_t n = 0; n <= sizeof(clear); n++) {
			ssize_t len = ike_sk_seal(
				&k, &hdr, n == 0 ? 0 : IKE_PLD_NONCE, clear, n, msg, sizeof(msg));

			assert_true(len > 0 && (size_t)len <= n + IKE_SK_OVERHEAD_MAX);
			assert_int_equal(ike_msg_length(msg), len);
			assert_int_equal(open_bytes(&k, msg, (size_t)len, out, &inner, &m), 0);
			assert_view_equal(inner, (struct ike_view){clear, n});
			assert_int_equal(m.sk_first, n == 0 ? 0 : IKE_PLD_NONCE);
			assert_int_equal(m.hdr.msg_id, 5);
			/* one byte too little room */
			assert_int_equal(ike_sk_seal(&k, &hdr, 0, clear, n, msg, (size_t)len - 1),
				-EMSGSIZE);
		}
	}
}

static void
ivs_do_not_repeat(void **state)
{
	uint8_t a[128], b[128];

	(void)state;
	for (size_t i = 0; i < N(seal_vectors); i++) {
		struct ike_sk_key k = key_of(&seal_vectors[i]);
		ssize_t len = ike_sk_seal(&k, &hdr, 0, NULL, 0, a, sizeof(a));

		assert_int_equal(ike_sk_seal(&k, &hdr, 0, NULL, 0, b, sizeof(b)), len);
		assert_memory_not_equal(a + 32, b + 32, k.encr->iv_len);
	}
}

static void
an_exhausted_counter_refuses(void **state)
{
	struct ike_sk_key k = key_of(&seal_vectors[N(seal_vectors) - 1]);
	uint8_t out[128], zero[128] = {0};

	(void)state;
	k.next_iv = UINT64_MAX;
	assert_int_equal(ike_sk_seal(&k, &hdr, 0, NULL, 0, out, sizeof(out)), -EIO);
	assert_memory_equal(out, zero, 32);
}

/* ---- fragments ---- */

struct sent {
	uint8_t buf[80000], clear[66000];
	unsigned int n;
	size_t at[IKE_FRAGS_MAX];
};

static void
send_frags(struct sent *s, struct ike_sk_key *k, size_t clear_len, size_t frag_max)
{
	size_t off = 0;
	ssize_t len;

	for (size_t i = 0; i < clear_len; i++)
		s->clear[i] = (uint8_t)(i * 7 + i / 256);
	len = ike_sk_seal_frags(k, &hdr, IKE_PLD_CERT, s->clear, clear_len, frag_max, s->buf,
		sizeof(s->buf), &s->n);
	assert_true(len > 0);
	for (unsigned int i = 0; i < s->n; i++) {
		s->at[i] = off;
		assert_true(ike_msg_length(s->buf + off) <= frag_max);
		off += ike_msg_length(s->buf + off);
	}
	assert_int_equal(off, len);
}

static int
take(struct ike_frags *f, const struct ike_sk_key *k, const struct sent *s, unsigned int i)
{
	static uint8_t out[70000];
	const uint8_t *msg = s->buf + s->at[i];
	struct ike_view inner;
	struct ike_msg m;

	assert_int_equal(open_bytes(k, msg, ike_msg_length(msg), out, &inner, &m), 0);
	assert_int_equal(m.sk_type, IKE_PLD_SKF);
	return ike_frags_add(f, &m, inner, IKE_MSG_MAX);
}

static void
expect_joined(struct ike_frags *f, const struct sent *s, size_t clear_len)
{
	uint8_t *out = malloc(clear_len), first = 0;

	assert_int_equal(f->bytes, clear_len);
	assert_int_equal(ike_frags_join(f, out, clear_len, &first), clear_len);
	assert_int_equal(first, IKE_PLD_CERT);
	assert_memory_equal(out, s->clear, clear_len);
	assert_int_equal(f->total, 0);
	free(out);
}

static void
fragments_in_any_order(void **state)
{
	static const size_t sizes[] = {1300, 2000, 2500, 9000, 60000};
	static struct sent s;
	struct rng rng = {.s = 7383};

	(void)state;
	for (size_t v = 0; v < N(seal_vectors); v += 4) {
		for (size_t i = 0; i < N(sizes); i++) {
			struct ike_sk_key k = key_of(&seal_vectors[v]);
			struct ike_frags f = {0};
			unsigned int order[IKE_FRAGS_MAX];

			send_frags(&s, &k, sizes[i], 1280 - 48);
			assert_true(s.n > 1);
			for (unsigned int j = 0; j < s.n; j++)
				order[j] = j;
			for (unsigned int j = s.n - 1; j > 0; j--) {
				unsigned int o = rng_below(&rng, j + 1), t = order[j];

				order[j] = order[o];
				order[o] = t;
			}
			for (unsigned int j = 0; j < s.n; j++) {
				assert_int_equal(take(&f, &k, &s, order[j]), j + 1 == s.n);
				/* a duplicate changes nothing */
				assert_int_equal(take(&f, &k, &s, order[j]), j + 1 == s.n);
			}
			expect_joined(&f, &s, sizes[i]);
		}
	}
}

static void
a_small_message_is_not_fragmented(void **state)
{
	static struct sent s;
	struct ike_sk_key k = key_of(&seal_vectors[0]);

	(void)state;
	send_frags(&s, &k, 100, 1232);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.buf[16], IKE_PLD_SK);
}

static void
every_fragment_size(void **state)
{
	static struct sent s;

	(void)state;
	for (size_t v = 0; v < N(seal_vectors); v += 4) {
		for (size_t max = 100; max < 200; max++) {
			struct ike_sk_key k = key_of(&seal_vectors[v]);
			struct ike_frags f = {0};

			send_frags(&s, &k, 700, max);
			for (unsigned int j = 0; j < s.n; j++)
				assert_int_equal(take(&f, &k, &s, j), j + 1 == s.n);
			expect_joined(&f, &s, 700);
		}
	}
}

static void
fragment_limits(void **state)
{
	static struct sent s;
	struct ike_sk_key k = key_of(&seal_vectors[0]);
	unsigned int n;

	(void)state;
	/* no room for a single block, more fragments than we keep, no room in the buffer */
	assert_int_equal(
		ike_sk_seal_frags(&k, &hdr, 33, s.clear, 500, 64, s.buf, sizeof(s.buf), &n),
		-EMSGSIZE);
	assert_int_equal(
		ike_sk_seal_frags(&k, &hdr, 33, s.clear, 5000, 90, s.buf, sizeof(s.buf), &n),
		-EMSGSIZE);
	assert_int_equal(
		ike_sk_seal_frags(&k, &hdr, 33, s.clear, 5000, 1232, s.buf, 3000, &n), -EMSGSIZE);
}

static struct ike_msg
fragment(uint32_t msg_id, uint16_t num, uint16_t total)
{
	return (struct ike_msg){.hdr = {.msg_id = msg_id},
		.sk_type = IKE_PLD_SKF,
		.sk_first = num == 1 ? IKE_PLD_IDI : 0,
		.frag_num = num,
		.frag_total = total};
}

static void
reassembly_starts_over(void **state)
{
	struct ike_view v = hex("0102030405");
	struct ike_frags f = {0};
	struct ike_msg m;
	uint8_t out[64], first;

	(void)state;
	m = fragment(1, 1, 2);
	assert_int_equal(ike_frags_add(&f, &m, v, IKE_MSG_MAX), 0);
	assert_int_equal(ike_frags_join(&f, out, sizeof(out), &first), -EINVAL);
	m = fragment(1, 2, 3); /* RFC 7383 2.6: the sender went smaller */
	assert_int_equal(ike_frags_add(&f, &m, v, IKE_MSG_MAX), 0);
	assert_int_equal(f.n, 1);
	m = fragment(1, 2, 2); /* a late one of the first attempt */
	assert_int_equal(ike_frags_add(&f, &m, v, IKE_MSG_MAX), -EBADMSG);
	m = fragment(1, 1, 3);
	assert_int_equal(ike_frags_add(&f, &m, v, IKE_MSG_MAX), 0);
	m = fragment(2, 2, 2); /* another message */
	assert_int_equal(ike_frags_add(&f, &m, v, IKE_MSG_MAX), 0);
	m = fragment(2, 1, 2);
	assert_int_equal(ike_frags_add(&f, &m, v, IKE_MSG_MAX), 1);
	assert_int_equal(ike_frags_join(&f, out, 9, &first), -EINVAL);
	assert_int_equal(ike_frags_join(&f, out, 10, &first), 10);
	assert_int_equal(first, IKE_PLD_IDI);
	assert_int_equal(f.total, 0);
	ike_frags_fini(&f);
}

static void
reassembly_is_bounded(void **state)
{
	static uint8_t big[65536];
	struct ike_frags f = {0};
	struct ike_msg m;

	(void)state;
	m = fragment(1, 1, IKE_FRAGS_MAX + 1);
	assert_int_equal(ike_frags_add(&f, &m, (struct ike_view){big, 1}, IKE_MSG_MAX), -E2BIG);
	m = fragment(1, 1, UINT16_MAX);
	assert_int_equal(ike_frags_add(&f, &m, (struct ike_view){big, 1}, IKE_MSG_MAX), -E2BIG);
	m = fragment(1, 1, 3);
	assert_int_equal(ike_frags_add(&f, &m, (struct ike_view){big, 65536}, IKE_MSG_MAX), -E2BIG);
	assert_int_equal(ike_frags_add(&f, &m, (struct ike_view){big, 65000}, IKE_MSG_MAX), 0);
	m = fragment(1, 2, 3);
	assert_int_equal(
		ike_frags_add(&f, &m, (struct ike_view){big, 536}, IKE_MSG_MAX), -EMSGSIZE);
	assert_int_equal(ike_frags_add(&f, &m, (struct ike_view){big, 535}, IKE_MSG_MAX), 0);
	m = fragment(1, 0, 3);
	assert_int_equal(ike_frags_add(&f, &m, (struct ike_view){big, 1}, IKE_MSG_MAX), -EBADMSG);
	m = fragment(1, 4, 3);
	assert_int_equal(ike_frags_add(&f, &m, (struct ike_view){big, 1}, IKE_MSG_MAX), -EBADMSG);
	m.sk_type = IKE_PLD_SK;
	assert_int_equal(ike_frags_add(&f, &m, (struct ike_view){big, 1}, IKE_MSG_MAX), -EBADMSG);
	ike_frags_fini(&f);
	assert_int_equal(f.bytes, 0);
	/* what is there already, or makes room, counts for nothing */
	m = fragment(2, 1, 2);
	assert_int_equal(ike_frags_add(&f, &m, (struct ike_view){big, 900}, 1000), 0);
	assert_int_equal(ike_frags_add(&f, &m, (struct ike_view){big, 900}, 1000), 0);
	m = fragment(2, 2, 3);
	assert_int_equal(ike_frags_add(&f, &m, (struct ike_view){big, 900}, 1000), 0);
	m = fragment(2, 1, 3);
	assert_int_equal(ike_frags_add(&f, &m, (struct ike_view){big, 101}, 1000), -EMSGSIZE);
	ike_frags_fini(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_what_python_sealed),
		cmocka_unit_test(seals_rfc7634_appendix_b),
		cmocka_unit_test(a_turned_bit_is_seen),
		cmocka_unit_test(too_short_is_refused),
		cmocka_unit_test(round_trips_of_every_size),
		cmocka_unit_test(ivs_do_not_repeat),
		cmocka_unit_test(an_exhausted_counter_refuses),
		cmocka_unit_test(fragments_in_any_order),
		cmocka_unit_test(a_small_message_is_not_fragmented),
		cmocka_unit_test(every_fragment_size),
		cmocka_unit_test(fragment_limits),
		cmocka_unit_test(reassembly_starts_over),
		cmocka_unit_test(reassembly_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
