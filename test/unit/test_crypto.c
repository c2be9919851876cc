/* SPDX-License-Identifier: BSD-3-Clause */
/* PRFs, prf+, integrity, Diffie-Hellman: against RFC 2202, 4231, 5903, 7748 and Python. */
#include "ike_test.h"

#include <errno.h>
#include <openssl/evp.h>

static void
hmac_known_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(hmac_vectors); i++) {
		const struct hmac_vector *v = &hmac_vectors[i];
		struct ike_view data = hex(v->data), mac = hex(v->mac);
		uint8_t out[IKE_PRF_MAX];

		assert_int_equal(ike_prf_len(v->prf), mac.len);
		assert_int_equal(ike_prf(v->prf, hex(v->key), &data, 1, out), 0);
		assert_memory_equal(out, mac.p, mac.len);

		/* the same in pieces */
		struct ike_view parts[] = {
			{data.p, 3}, {NULL, 0}, {data.p + 3, 1}, {data.p + 4, data.len - 4}};

		memset(out, 0, sizeof(out));
		assert_int_equal(ike_prf(v->prf, hex(v->key), parts, 4, out), 0);
		assert_memory_equal(out, mac.p, mac.len);
	}
}

static void
integ_is_the_truncated_hmac(void **state)
{
	static const struct {
		uint16_t prf, integ;
		uint8_t len;
	} pairs[] = {
		{IKE_PRF_HMAC_SHA1, IKE_INTEG_HMAC_SHA1_96, 12},
		{IKE_PRF_HMAC_SHA2_256, IKE_INTEG_HMAC_SHA2_256_128, 16},
		{IKE_PRF_HMAC_SHA2_384, IKE_INTEG_HMAC_SHA2_384_192, 24},
		{IKE_PRF_HMAC_SHA2_512, IKE_INTEG_HMAC_SHA2_512_256, 32},
	};

	(void)state;
	for (size_t i = 0; i < N(hmac_vectors); i++) {
		struct ike_view data = hex(hmac_vectors[i].data), mac = hex(hmac_vectors[i].mac);

		for (size_t j = 0; j < N(pairs); j++) {
			uint8_t icv[IKE_ICV_MAX + 1];

			if (pairs[j].prf != hmac_vectors[i].prf)
				continue;
			icv[pairs[j].len] = 0x5a;
			assert_int_equal(
				ike_integ(pairs[j].integ, hex(hmac_vectors[i].key), &data, 1, icv),
				0);
			assert_memory_equal(icv, mac.p, pairs[j].len);
			assert_int_equal(icv[pairs[j].len], 0x5a);
			assert_int_equal(ike_integ_params(pairs[j].integ)->icv_len, pairs[j].len);
			assert_int_equal(ike_integ_params(pairs[j].integ)->key_len,
				ike_prf_len(pairs[j].prf));
		}
	}
}

static void
prf_plus_known_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(prf_plus_vectors); i++) {
		const struct prf_plus_vector *v = &prf_plus_vectors[i];
		struct ike_view seed = hex(v->seed), want = hex(v->sha256);
		struct ike_view parts[] = {{seed.p, 16}, {seed.p + 16, seed.len - 16}};
		uint8_t *out = malloc(v->len), digest[32];

		assert_int_equal(ike_prf_plus(v->prf, hex(v->key), parts, 2, out, v->len), 0);
		assert_int_equal(EVP_Digest(out, v->len, digest, NULL, EVP_sha256(), NULL), 1);
		assert_memory_equal(digest, want.p, 32);
		free(out);
	}
}

static void
prf_plus_ends_at_255_blocks(void **state)
{
	struct ike_view key = hex("00");
	uint8_t *out = malloc(255 * 32 + 1);

	(void)state;
	assert_int_equal(ike_prf_plus(IKE_PRF_HMAC_SHA2_256, key, &key, 1, out, 255 * 32), 0);
	assert_int_equal(
		ike_prf_plus(IKE_PRF_HMAC_SHA2_256, key, &key, 1, out, 255 * 32 + 1), -EINVAL);
	assert_int_equal(ike_prf_plus(99, key, &key, 1, out, 1), -EINVAL);
	assert_int_equal(ike_prf(99, key, &key, 1, out), -EINVAL);
	assert_int_equal(ike_prf_len(99), 0);
	free(out);
}

static void
dh_known_answers(void **state)
{
	uint8_t secret[IKE_DH_PUB_MAX];
	size_t len;

	(void)state;
	assert_int_equal(N(dh_vectors), 12);
	for (size_t i = 0; i < N(dh_vectors); i++) {
		const struct dh_vector *v = &dh_vectors[i];
		struct ike_view a = hex(v->a), b = hex(v->b), want = hex(v->gab);
		struct ike_dh_key *ka = ike_dh_create_from(v->group, a.p, a.len);
		struct ike_dh_key *kb = ike_dh_create_from(v->group, b.p, b.len);

		assert_non_null(ka);
		assert_non_null(kb);
		assert_int_equal(ike_dh_group(ka), v->group);
		assert_int_equal(ike_dh_pub_len(v->group), ike_dh_pub(ka).len);
		assert_view_equal(ike_dh_pub(ka), hex(v->ga));
		assert_view_equal(ike_dh_pub(kb), hex(v->gb));
		assert_int_equal(ike_dh_shared(ka, hex(v->gb), secret, &len), 0);
		assert_view_equal((struct ike_view){secret, len}, want);
		assert_int_equal(ike_dh_shared(kb, hex(v->ga), secret, &len), 0);
		assert_view_equal((struct ike_view){secret, len}, want);
		ike_dh_destroy(ka);
		ike_dh_destroy(kb);
	}
}

static void
dh_fresh_pairs_agree_and_differ(void **state)
{
	uint8_t sa[IKE_DH_PUB_MAX], sb[IKE_DH_PUB_MAX];
	size_t la, lb;

	(void)state;
	for (size_t i = 0; i < N(dh_vectors); i++) {
		struct ike_dh_key *a = ike_dh_create(dh_vectors[i].group);
		struct ike_dh_key *b = ike_dh_create(dh_vectors[i].group);

		assert_non_null(a);
		assert_non_null(b);
		assert_memory_not_equal(ike_dh_pub(a).p, ike_dh_pub(b).p, ike_dh_pub(a).len);
		assert_int_equal(ike_dh_shared(a, ike_dh_pub(b), sa, &la), 0);
		assert_int_equal(ike_dh_shared(b, ike_dh_pub(a), sb, &lb), 0);
		assert_view_equal((struct ike_view){sa, la}, (struct ike_view){sb, lb});
		ike_dh_destroy(a);
		ike_dh_destroy(b);
	}
	assert_null(ike_dh_create(1));
	assert_null(ike_dh_create(IKE_DH_NONE));
	assert_int_equal(ike_dh_pub_len(22), 0);
	ike_dh_destroy(NULL);
}

static void
modp_refuses_what_rfc6989_names(void **state)
{
	uint8_t y[128] = {0}, secret[IKE_DH_PUB_MAX];
	/* RFC 7296 B.2 */
	struct ike_view p =
		hex("FFFFFFFF FFFFFFFF C90FDAA2 2168C234 C4C6628B 80DC1CD1 29024E08 8A67CC74"
		    "020BBEA6 3B139B22 514A0879 8E3404DD EF9519B3 CD3A431B 302B0A6D F25F1437"
		    "4FE1356D 6D51C245 E485B576 625E7EC6 F44C42E9 A637ED6B 0BFF5CB6 F406B7ED"
		    "EE386BFB 5A899FA5 AE9F2411 7C4B1FE6 49286651 ECE65381 FFFFFFFF FFFFFFFF");
	struct ike_dh_key *dh = ike_dh_create(IKE_DH_MODP_1024);
	size_t len;

	(void)state;
	assert_int_equal(p.len, 128);
	assert_int_equal(
		ike_dh_shared(dh, (struct ike_view){y, 128}, secret, &len), -EINVAL); /* 0 */
	y[127] = 1;
	assert_int_equal(ike_dh_shared(dh, (struct ike_view){y, 128}, secret, &len), -EINVAL);
	y[127] = 2;
	assert_int_equal(ike_dh_shared(dh, (struct ike_view){y, 128}, secret, &len), 0);
	memcpy(y, p.p, 128);
	assert_int_equal(
		ike_dh_shared(dh, (struct ike_view){y, 128}, secret, &len), -EINVAL); /* p */
	y[127]--;
	assert_int_equal(
		ike_dh_shared(dh, (struct ike_view){y, 128}, secret, &len), -EINVAL); /* p-1 */
	y[127]--;
	assert_int_equal(ike_dh_shared(dh, (struct ike_view){y, 128}, secret, &len), 0);
	memset(y, 0xff, 128);
	assert_int_equal(ike_dh_shared(dh, (struct ike_view){y, 128}, secret, &len), -EINVAL);
	assert_int_equal(ike_dh_shared(dh, (struct ike_view){p.p, 127}, secret, &len), -EINVAL);
	assert_int_equal(ike_dh_shared(dh, (struct ike_view){p.p, 0}, secret, &len), -EINVAL);
	ike_dh_destroy(dh);
}

static void
ecp_refuses_points_off_the_curve(void **state)
{
	uint8_t pub[IKE_DH_PUB_MAX], secret[IKE_DH_PUB_MAX];
	size_t len;

	(void)state;
	for (uint16_t group = IKE_DH_ECP_256; group <= IKE_DH_ECP_521; group++) {
		struct ike_dh_key *dh = ike_dh_create(group);
		struct ike_view good = ike_dh_pub(dh);

		memcpy(pub, good.p, good.len);
		assert_int_equal(
			ike_dh_shared(dh, (struct ike_view){pub, good.len}, secret, &len), 0);
		pub[good.len - 1] ^= 1;
		assert_int_equal(
			ike_dh_shared(dh, (struct ike_view){pub, good.len}, secret, &len), -EINVAL);
		memset(pub, 0, good.len);
		assert_int_equal(
			ike_dh_shared(dh, (struct ike_view){pub, good.len}, secret, &len), -EINVAL);
		memset(pub, 0xff, good.len);
		assert_int_equal(
			ike_dh_shared(dh, (struct ike_view){pub, good.len}, secret, &len), -EINVAL);
		assert_int_equal(
			ike_dh_shared(dh, (struct ike_view){pub, good.len - 1}, secret, &len),
			-EINVAL);
		ike_dh_destroy(dh);
	}
}

/** 2^521 - 1 more: the same element of the field in the bytes that there are, and no coordinate
 * (RFC 6989 2.3). */
static void
add_p521(uint8_t n[66])
{
	unsigned int sum = 0;

	for (unsigned int i = 66; i-- > 0;) {
		sum += n[i] + (i == 0 ? 0x01u : 0xffu);
		n[i] = (uint8_t)sum;
		sum >>= 8;
	}
}

static void
ecp_refuses_coordinates_outside_the_field(void **state)
{
	struct ike_dh_key *dh = ike_dh_create(IKE_DH_ECP_521);
	struct ike_view good = ike_dh_pub(dh);
	uint8_t pub[132], secret[IKE_DH_PUB_MAX];
	size_t len;

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		memcpy(pub, good.p, good.len);
		add_p521(pub + 66 * i);
		assert_int_equal(
			ike_dh_shared(dh, (struct ike_view){pub, good.len}, secret, &len), -EINVAL);
	}
	ike_dh_destroy(dh);
}

static void
raw_refuses_small_orders(void **state)
{
	uint8_t pub[56] = {0}, secret[IKE_DH_PUB_MAX];
	struct ike_dh_key *x25519 = ike_dh_create(IKE_DH_CURVE25519);
	struct ike_dh_key *x448 = ike_dh_create(IKE_DH_CURVE448);
	/* a point of order 8, RFC 7748 6.1 and its security considerations */
	struct ike_view order8 =
		hex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800");
	size_t len;

	(void)state;
	assert_int_equal(ike_dh_shared(x25519, (struct ike_view){pub, 32}, secret, &len), -EINVAL);
	assert_int_equal(ike_dh_shared(x448, (struct ike_view){pub, 56}, secret, &len), -EINVAL);
	pub[0] = 1;
	assert_int_equal(ike_dh_shared(x25519, (struct ike_view){pub, 32}, secret, &len), -EINVAL);
	assert_int_equal(ike_dh_shared(x448, (struct ike_view){pub, 56}, secret, &len), -EINVAL);
	assert_int_equal(ike_dh_shared(x25519, order8, secret, &len), -EINVAL);
	pub[0] = 9;
	assert_int_equal(ike_dh_shared(x25519, (struct ike_view){pub, 32}, secret, &len), 0);
	assert_int_equal(ike_dh_shared(x25519, (struct ike_view){pub, 31}, secret, &len), -EINVAL);
	ike_dh_destroy(x25519);
	ike_dh_destroy(x448);
}

static void
parameters(void **state)
{
	(void)state;
	assert_null(ike_encr_params(IKE_ENCR_AES_CBC, 0));
	assert_null(ike_encr_params(IKE_ENCR_AES_CBC, 127));
	assert_null(ike_encr_params(3, 0));
	assert_null(ike_integ_params(1));
	assert_int_equal(ike_encr_params(IKE_ENCR_AES_GCM_8, 192)->key_len, 24);
	assert_int_equal(ike_encr_params(IKE_ENCR_AES_GCM_8, 192)->salt_len, 4);
	assert_int_equal(ike_encr_params(IKE_ENCR_AES_GCM_12, 256)->icv_len, 12);
	assert_int_equal(ike_encr_params(IKE_ENCR_NULL, 0)->key_len, 0);
	assert_true(ike_encr_is_aead(IKE_ENCR_CHACHA20_POLY1305));
	assert_false(ike_encr_is_aead(IKE_ENCR_AES_CBC));
	assert_false(ike_encr_is_aead(IKE_ENCR_NULL));
	assert_false(ike_encr_is_aead(77));
}

static void
sha1_of_parts(void **state)
{
	/* FIPS 180: "abc" */
	struct ike_view parts[] = {hex("61"), {NULL, 0}, hex("6263")};
	struct ike_view want = hex("a9993e364706816aba3e25717850c26c9cd0d89d");
	uint8_t out[20];

	(void)state;
	assert_int_equal(ike_sha1(parts, 3, out), 0);
	assert_memory_equal(out, want.p, 20);
}

static void
comparing_and_wiping(void **state)
{
	uint8_t a[4] = {1, 2, 3, 4}, b[4] = {1, 2, 3, 5}, zero[4] = {0};

	(void)state;
	assert_false(ike_mem_equal(a, b, 4));
	assert_true(ike_mem_equal(a, b, 3));
	assert_true(ike_mem_equal(a, b, 0));
	ike_wipe(a, 4);
	assert_memory_equal(a, zero, 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hmac_known_answers),
		cmocka_unit_test(integ_is_the_truncated_hmac),
		cmocka_unit_test(prf_plus_known_answers),
		cmocka_unit_test(prf_plus_ends_at_255_blocks),
		cmocka_unit_test(dh_known_answers),
		cmocka_unit_test(dh_fresh_pairs_agree_and_differ),
		cmocka_unit_test(modp_refuses_what_rfc6989_names),
		cmocka_unit_test(ecp_refuses_points_off_the_curve),
		cmocka_unit_test(ecp_refuses_coordinates_outside_the_field),
		cmocka_unit_test(raw_refuses_small_orders),
		cmocka_unit_test(parameters),
		cmocka_unit_test(sha1_of_parts),
		cmocka_unit_test(comparing_and_wiping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
