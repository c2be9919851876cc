/* SPDX-License-Identifier: BSD-3-Clause */
/* Key derivation and AUTH against test/vectors/ike.py. */
#include "ike_test.h"

#include <errno.h>

static uint64_t
spi(struct ike_view v, size_t at)
{
	struct ike_rd r = ike_rd_make(v.p + at, 8);

	return ike_rd_u64(&r);
}

static struct ike_keymat_in
input(const char *ni, const char *nr, const char *shared, const char *spis)
{
	struct ike_view s = hex(spis);

	return (struct ike_keymat_in){.ni = hex(ni),
		.nr = hex(nr),
		.shared = hex(shared),
		.spi_i = spi(s, 0),
		.spi_r = spi(s, 8)};
}

/** Take n bytes of want and compare. */
static void
expect(struct ike_rd *want, const void *got, size_t n)
{
	const uint8_t *p = ike_rd_bytes(want, n);

	assert_non_null(p);
	if (n > 0)
		assert_memory_equal(got, p, n);
}

static void
expect_keys(const struct ike_keymat *km, const char *keys)
{
	struct ike_rd r = ike_rd_view(hex(keys));
	size_t encr = (size_t)km->i.encr->key_len + km->i.encr->salt_len;

	expect(&r, km->sk_d, km->prf_len);
	expect(&r, km->i.integ_key, km->i.integ->key_len);
	expect(&r, km->r.integ_key, km->r.integ->key_len);
	expect(&r, km->i.encr_key, encr);
	expect(&r, km->r.encr_key, encr);
	expect(&r, km->sk_pi, km->prf_len);
	expect(&r, km->sk_pr, km->prf_len);
	assert_true(ike_rd_done(&r));
}

static void
expect_child(const struct ike_child_keys *k, const char *keymat)
{
	struct ike_rd r = ike_rd_view(hex(keymat));

	expect(&r, k->encr_i, k->encr_key_len);
	expect(&r, k->integ_i, k->integ_key_len);
	expect(&r, k->encr_r, k->encr_key_len);
	expect(&r, k->integ_r, k->integ_key_len);
	assert_true(ike_rd_done(&r));
}

static void
ike_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(key_vectors); i++) {
		const struct key_vector *v = &key_vectors[i];
		struct ike_keymat_in in = input(v->ni, v->nr, v->shared, v->spis), in2;
		struct ike_keymat km, km2, zero = {0};

		assert_int_equal(ike_keymat_init(&km, &v->suite, &in), 0);
		assert_int_equal(km.suite.encr, v->suite.encr);
		expect_keys(&km, v->keys);
		in2 = input(v->ni2, v->nr2, v->shared2, v->spis2);
		assert_int_equal(ike_keymat_rekey(&km2, &v->suite2, &km, &in2), 0);
		expect_keys(&km2, v->keys2);
		ike_keymat_wipe(&km);
		assert_memory_equal(&km, &zero, sizeof(zero));
	}
}

static void
child_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(key_vectors); i++) {
		const struct key_vector *v = &key_vectors[i];
		struct ike_keymat_in in = input(v->ni, v->nr, v->shared, v->spis);
		struct ike_child_keys child, zero = {0};
		struct ike_keymat km;

		assert_int_equal(ike_keymat_init(&km, &v->suite, &in), 0);
		in = input(v->ni2, v->nr2, "", v->spis);
		assert_int_equal(ike_keymat_child(&km, &v->child, &in, &child), 0);
		expect_child(&child, v->keymat);
		in.shared = hex(v->shared2);
		assert_int_equal(ike_keymat_child(&km, &v->child, &in, &child), 0);
		expect_child(&child, v->keymat_dh);
		ike_child_keys_wipe(&child);
		assert_memory_equal(&child, &zero, sizeof(zero));
	}
}

static void
ppk(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(mixed_vectors); i++) {
		const struct key_vector *v = &key_vectors[i];
		struct ike_keymat_in in = input(v->ni, v->nr, v->shared, v->spis);
		struct ike_keymat_roots plain;
		struct ike_keymat km;
		struct ike_rd r = ike_rd_view(hex(mixed_vectors[i].mixed));

		assert_int_equal(ike_keymat_init(&km, &v->suite, &in), 0);
		ike_keymat_save(&km, &plain);
		assert_int_equal(ike_keymat_mix(&km, hex(mixed_vectors[i].ppk)), 0);
		expect(&r, km.sk_d, km.prf_len);
		expect(&r, km.sk_pi, km.prf_len);
		expect(&r, km.sk_pr, km.prf_len);
		assert_true(ike_rd_done(&r));
		ike_keymat_load(&km, &plain);
		expect_keys(&km, v->keys);
	}
}

/** A second key exchange, rekeyings with two secrets, and IntAuth (RFC 9242, RFC 9370). */
static void
several_exchanges(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(mixed_vectors); i++) {
		const struct mixed_vector *mv = &mixed_vectors[i];
		const struct key_vector *v = &key_vectors[i];
		struct ike_keymat_in in = input(v->ni, v->nr, v->shared, v->spis), in2 = in;
		struct ike_keymat km, added, rekeyed;
		struct ike_child_keys child;
		struct ike_hdr hdr = {.spi_i = in.spi_i,
			.spi_r = in.spi_r,
			.next = IKE_PLD_SKF,
			.version = IKE_VERSION,
			.exchange = IKE_X_INTERMEDIATE,
			.flags = IKE_FLAG_INITIATOR,
			.msg_id = 1,
			.length = 4711};
		uint8_t one[IKE_PRF_MAX], two[IKE_PRF_MAX], tail[2 * IKE_PRF_MAX + 4],
			auth[IKE_PRF_MAX];
		struct ike_wr w = ike_wr_make(tail, sizeof(tail));

		assert_int_equal(ike_keymat_init(&km, &v->suite, &in), 0);
		in2.shared = hex(mv->more);
		assert_int_equal(ike_keymat_rekey(&added, &v->suite, &km, &in2), 0);
		expect_keys(&added, mv->added);
		in2 = input(v->ni2, v->nr2, v->shared2, v->spis2);
		in2.more = hex(mv->more);
		assert_int_equal(ike_keymat_rekey(&rekeyed, &v->suite, &km, &in2), 0);
		expect_keys(&rekeyed, mv->rekeyed);
		assert_int_equal(ike_keymat_child(&km, &v->child, &in2, &child), 0);
		expect_child(&child, mv->keymat);

		assert_int_equal(ike_keymat_int_auth(&km, true, (struct ike_view){0}, &hdr,
					 IKE_PLD_KE, hex(mv->inner1), one),
			0);
		assert_view_equal((struct ike_view){one, km.prf_len}, hex(mv->int_auth1));
		hdr.msg_id = 2;
		assert_int_equal(
			ike_keymat_int_auth(&added, true, (struct ike_view){one, km.prf_len}, &hdr,
				IKE_PLD_KE, hex(mv->inner2), two),
			0);
		assert_view_equal((struct ike_view){two, km.prf_len}, hex(mv->int_auth2));
		ike_wr_bytes(&w, two, km.prf_len);
		ike_wr_bytes(&w, one, km.prf_len);
		ike_wr_u32(&w, 3);
		assert_int_equal(
			ike_keymat_auth_psk(&added, true, hex(v->psk), hex(v->message), hex(v->nr),
				hex(v->id_body), (struct ike_view){tail, w.len}, auth),
			0);
		assert_view_equal((struct ike_view){auth, km.prf_len}, hex(mv->auth));
	}
}

static void
null_child_has_integrity_keys_only(void **state)
{
	const struct key_vector *v = &key_vectors[0];
	const struct ike_suite null = {.encr = IKE_ENCR_NULL, .integ = IKE_INTEG_HMAC_SHA2_256_128};
	struct ike_keymat_in in = input(v->ni, v->nr, v->shared, v->spis);
	struct ike_child_keys child;
	struct ike_keymat km;

	(void)state;
	assert_int_equal(ike_keymat_init(&km, &v->suite, &in), 0);
	assert_int_equal(ike_keymat_child(&km, &null, &in, &child), 0);
	assert_int_equal(child.encr_key_len, 0);
	assert_int_equal(child.integ_key_len, 32);
}

static void
psk_auth(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(key_vectors); i++) {
		const struct key_vector *v = &key_vectors[i];
		struct ike_keymat_in in = input(v->ni, v->nr, v->shared, v->spis);
		uint8_t out[IKE_PRF_MAX];
		struct ike_keymat km;

		assert_int_equal(ike_keymat_init(&km, &v->suite, &in), 0);
		assert_int_equal(ike_keymat_auth_psk(&km, true, hex(v->psk), hex(v->message), in.nr,
					 hex(v->id_body), (struct ike_view){0}, out),
			0);
		assert_view_equal((struct ike_view){out, km.prf_len}, hex(v->auth_i));
		assert_int_equal(ike_keymat_auth_psk(&km, false, hex(v->psk), hex(v->message),
					 in.ni, hex(v->id_body), (struct ike_view){0}, out),
			0);
		assert_view_equal((struct ike_view){out, km.prf_len}, hex(v->auth_r));
	}
}

static void
impossible_suites_are_refused(void **state)
{
	static const struct ike_suite bad[] = {
		{.encr = IKE_ENCR_NULL, .integ = IKE_INTEG_HMAC_SHA1_96, .prf = IKE_PRF_HMAC_SHA1},
		{.encr = IKE_ENCR_AES_CBC, .encr_key_bits = 128, .prf = IKE_PRF_HMAC_SHA1},
		{.encr = IKE_ENCR_AES_CBC,
			.integ = IKE_INTEG_HMAC_SHA1_96,
			.prf = IKE_PRF_HMAC_SHA1},
		{.encr = IKE_ENCR_AES_GCM_16, .encr_key_bits = 128},
		{.encr = IKE_ENCR_AES_CBC,
			.encr_key_bits = 128,
			.integ = 5,
			.prf = IKE_PRF_HMAC_SHA1},
	};
	static const struct ike_suite bad_child[] = {
		{.encr = IKE_ENCR_AES_CBC, .encr_key_bits = 128},
		{.encr = IKE_ENCR_NULL},
		{.encr = 3, .integ = IKE_INTEG_HMAC_SHA1_96},
	};
	const struct key_vector *v = &key_vectors[0];
	struct ike_keymat_in in = input(v->ni, v->nr, v->shared, v->spis);
	struct ike_child_keys child;
	struct ike_keymat km;

	(void)state;
	for (size_t i = 0; i < N(bad); i++)
		assert_int_equal(ike_keymat_init(&km, &bad[i], &in), -EINVAL);
	assert_int_equal(ike_keymat_init(&km, &v->suite, &in), 0);
	for (size_t i = 0; i < N(bad_child); i++)
		assert_int_equal(ike_keymat_child(&km, &bad_child[i], &in, &child), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ike_keys),
		cmocka_unit_test(child_keys),
		cmocka_unit_test(ppk),
		cmocka_unit_test(several_exchanges),
		cmocka_unit_test(null_child_has_integrity_keys_only),
		cmocka_unit_test(psk_auth),
		cmocka_unit_test(impossible_suites_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
