/* SPDX-License-Identifier: BSD-3-Clause */

/* AlgorithmIdentifiers byte for byte, choice of schemes, and what is refused in an AUTH payload. */

#include "ike_test.h"

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "ike/sign.h"

#define ANY_RULES ((struct ike_sig_rules){0})

/* RFC 7427 appendix A, RFC 8420 2; PSS without the trailer field, which DER leaves out as the
 * default */
static const struct {
	uint8_t key, hash;
	bool pss;
	uint16_t salt;
	const char *der;
} algorithms[] = {
	{IKE_KEY_RSA, IKE_HASH_SHA1, false, 0, "300d06092a864886f70d0101050500"},
	{IKE_KEY_RSA, IKE_HASH_SHA2_256, false, 0, "300d06092a864886f70d01010b0500"},
	{IKE_KEY_RSA, IKE_HASH_SHA2_384, false, 0, "300d06092a864886f70d01010c0500"},
	{IKE_KEY_RSA, IKE_HASH_SHA2_512, false, 0, "300d06092a864886f70d01010d0500"},
	{IKE_KEY_ECDSA, IKE_HASH_SHA1, false, 0, "300906072a8648ce3d0401"},
	{IKE_KEY_ECDSA, IKE_HASH_SHA2_256, false, 0, "300a06082a8648ce3d040302"},
	{IKE_KEY_ECDSA, IKE_HASH_SHA2_384, false, 0, "300a06082a8648ce3d040303"},
	{IKE_KEY_ECDSA, IKE_HASH_SHA2_512, false, 0, "300a06082a8648ce3d040304"},
	{IKE_KEY_RSA, IKE_HASH_SHA2_256, true, 32,
		"304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a8648"
		"86f70d010108300d06096086480165030402010500a203020120"},
	{IKE_KEY_RSA, IKE_HASH_SHA2_512, true, 64,
		"304106092a864886f70d01010a3034a00f300d06096086480165030402030500a11c301a06092a8648"
		"86f70d010108300d06096086480165030402030500a203020140"},
	{IKE_KEY_ED25519, IKE_HASH_IDENTITY, false, 0, "300506032b6570"},
	{IKE_KEY_ED448, IKE_HASH_IDENTITY, false, 0, "300506032b6571"},
};

/** AUTH data with that AlgorithmIdentifier and a signature of four bytes. */
static struct ike_view
auth_data(struct ike_view der)
{
	static uint8_t buf[512];

	buf[0] = (uint8_t)der.len;
	memcpy(buf + 1, der.p, der.len);
	memset(buf + 1 + der.len, 0xaa, 4);
	return (struct ike_view){.p = buf, .len = 5 + der.len};
}

static void
test_identifiers(void **state)
{
	uint8_t buf[256];

	(void)state;
	for (size_t i = 0; i < N(algorithms); i++) {
		const struct ike_sig s = {.method = IKE_AUTH_SIGNATURE,
			.key = algorithms[i].key,
			.hash = algorithms[i].hash,
			.pss = algorithms[i].pss,
			.salt_len = algorithms[i].salt};
		struct ike_view der = hex(algorithms[i].der), value;
		struct ike_sig back;
		size_t len = ike_sig_algorithm(&s, buf, sizeof(buf));

		assert_view_equal((struct ike_view){.p = buf, .len = len}, der);
		assert_int_equal(ike_sig_algorithm(&s, buf, der.len - 1), 0);
		assert_int_equal(
			ike_sig_parse(&back, IKE_AUTH_SIGNATURE, auth_data(der), &value), 0);
		assert_memory_equal(&back, &s, sizeof(s));
		assert_int_equal(value.len, 4);
	}
}

static void
test_refused(void **state)
{
	static const struct {
		const char *der;
		int want;
	} table[] = {
		/* RSA-PSS: with the trailer field written, which is allowed to be */
		{"304606092a864886f70d01010a3039a00f300d06096086480165030402010500a11c301a06092a864"
		 "886"
		 "f70d010108300d06096086480165030402010500a203020120a303020101",
			0},
		/* another trailer; SHA-384 for the mask; SHA-1 by default; a salt below 0 */
		{"304606092a864886f70d01010a3039a00f300d06096086480165030402010500a11c301a06092a864"
		 "886"
		 "f70d010108300d06096086480165030402010500a203020120a303020102",
			-EOPNOTSUPP},
		{"304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864"
		 "886"
		 "f70d010108300d06096086480165030402020500a203020120",
			-EOPNOTSUPP},
		{"300d06092a864886f70d01010a3000", -EOPNOTSUPP},
		{"304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864"
		 "886"
		 "f70d010108300d06096086480165030402010500a2030201ff",
			-EBADMSG},
		{"300d06092a864886f70d01010a0500", -EBADMSG},
		{"300d06092a864886f70d0101040500", -EOPNOTSUPP}, /* MD5 */
		{"300906072a8648ce380403", -EOPNOTSUPP},         /* DSA */
		{"300d06092a864886f70d01010b05", -EBADMSG},
		{"300d06092a864886f70d01010b050000", -EBADMSG}, /* something behind it */
		{"0500", -EBADMSG},
		{"30030601", -EBADMSG},
	};
	struct ike_view value;
	struct ike_sig s;

	(void)state;
	for (size_t i = 0; i < N(table); i++) {
		struct ike_view data = auth_data(hex(table[i].der));
		uint8_t *copy = exact(data.p, data.len);
		int got = ike_sig_parse(&s, IKE_AUTH_SIGNATURE,
			(struct ike_view){.p = copy, .len = data.len}, &value);

		if (got != table[i].want)
			fail_msg("%s: %d", table[i].der, got);
		free(copy);
	}
	assert_int_equal(ike_sig_parse(&s, IKE_AUTH_SIGNATURE, hex("00aaaa"), &value), -EBADMSG);
	assert_int_equal(ike_sig_parse(&s, IKE_AUTH_SIGNATURE, hex("ff30"), &value), -EBADMSG);
	assert_int_equal(ike_sig_parse(&s, IKE_AUTH_SIGNATURE, hex(""), &value), -EBADMSG);
	assert_int_equal(ike_sig_parse(&s, IKE_AUTH_RSA, hex(""), &value), -EBADMSG);
	assert_int_equal(ike_sig_parse(&s, IKE_AUTH_ECDSA_256, hex("00"), &value), -EBADMSG);
	assert_int_equal(ike_sig_parse(&s, IKE_AUTH_DSS, hex("00"), &value), -EOPNOTSUPP);
	assert_int_equal(ike_sig_parse(&s, IKE_AUTH_NULL, hex("00"), &value), -EOPNOTSUPP);
}

static void
test_choice(void **state)
{
	EVP_PKEY *rsa = EVP_RSA_gen(2048), *p384 = EVP_EC_gen("P-384");
	EVP_PKEY *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	const uint8_t all = IKE_HASHES_OURS, only512 = IKE_HASH_BIT(IKE_HASH_SHA2_512);
	struct ike_sig_rules r = ANY_RULES;
	struct ike_sig s;

	(void)state;
	assert_int_equal(ike_sig_choose(&s, rsa, &r, all), 0);
	assert_true(s.method == IKE_AUTH_SIGNATURE && s.hash == IKE_HASH_SHA2_256 && !s.pss);
	assert_int_equal(ike_sig_choose(&s, rsa, &r, only512), 0);
	assert_int_equal(s.hash, IKE_HASH_SHA2_512);
	assert_int_equal(ike_sig_choose(&s, p384, &r, all), 0);
	assert_int_equal(s.hash, IKE_HASH_SHA2_384);
	assert_int_equal(ike_sig_choose(&s, p384, &r, IKE_HASH_BIT(IKE_HASH_SHA2_256)), 0);
	assert_int_equal(s.hash, IKE_HASH_SHA2_256);
	assert_int_equal(ike_sig_choose(&s, ed, &r, only512), -EOPNOTSUPP);
	assert_int_equal(ike_sig_choose(&s, ed, &r, all), 0);
	assert_int_equal(s.hash, IKE_HASH_IDENTITY);
	/* a peer that has only SHA-1 gets it when it is configured, and not before */
	assert_int_equal(ike_sig_choose(&s, rsa, &r, IKE_HASH_BIT(IKE_HASH_SHA1)), -EOPNOTSUPP);
	r.hashes = IKE_HASH_BIT(IKE_HASH_SHA1);
	assert_int_equal(ike_sig_choose(&s, rsa, &r, IKE_HASH_BIT(IKE_HASH_SHA1)), 0);
	r = (struct ike_sig_rules){.pss = true, .hashes = only512};
	assert_int_equal(ike_sig_choose(&s, rsa, &r, all), 0);
	assert_true(s.pss && s.hash == IKE_HASH_SHA2_512 && s.salt_len == 64);
	assert_int_equal(ike_sig_choose(&s, rsa, &r, 0), -EOPNOTSUPP); /* no PSS without RFC 7427 */
	r = (struct ike_sig_rules){.rsa_bits = 3072};
	assert_int_equal(ike_sig_choose(&s, rsa, &r, all), -EOPNOTSUPP);
	r = (struct ike_sig_rules){.keys = IKE_KEY_BIT(IKE_KEY_ECDSA)};
	assert_int_equal(ike_sig_choose(&s, rsa, &r, all), -EOPNOTSUPP);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(p384);
	EVP_PKEY_free(ed);
}

/** Key and scheme must fit, and each bit counts. */
static void
test_verify(void **state)
{
	EVP_PKEY *p256 = EVP_EC_gen("P-256"), *p384 = EVP_EC_gen("P-384");
	EVP_PKEY *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	struct ike_view octets = hex("00112233"), value;
	struct ike_sig s, old = {.method = IKE_AUTH_ECDSA_256,
				  .key = IKE_KEY_ECDSA,
				  .hash = IKE_HASH_SHA2_256};
	uint8_t auth[IKE_SIG_MAX];
	size_t len;

	(void)state;
	assert_int_equal(ike_sig_choose(&s, ed, &ANY_RULES, IKE_HASHES_OURS), 0);
	assert_int_equal(ike_sig_make(&s, p256, octets, auth, sizeof(auth), &len), -EINVAL);
	assert_int_equal(ike_sig_make(&s, ed, octets, auth, 70, &len), -EMSGSIZE);
	assert_int_equal(ike_sig_make(&s, ed, octets, auth, sizeof(auth), &len), 0);
	assert_int_equal(len, 1 + 7 + 64);
	assert_int_equal(
		ike_sig_parse(&s, IKE_AUTH_SIGNATURE, (struct ike_view){auth, len}, &value), 0);
	assert_int_equal(ike_sig_verify(&s, ed, octets, value), 0);
	assert_int_equal(ike_sig_verify(&s, p256, octets, value), -EINVAL);
	assert_int_equal(ike_sig_verify(&s, ed, hex("00112234"), value), -EBADMSG);
	/* method 9 is P-256 only, 14 takes any curve with any hash */
	assert_int_equal(ike_sig_make(&old, p384, octets, auth, sizeof(auth), &len), -EINVAL);
	assert_int_equal(ike_sig_make(&old, p256, octets, auth, sizeof(auth), &len), 0);
	assert_int_equal(len, 64);
	assert_int_equal(ike_sig_verify(&old, p384, octets, (struct ike_view){auth, len}), -EINVAL);
	old.method = IKE_AUTH_SIGNATURE;
	assert_int_equal(ike_sig_make(&old, p384, octets, auth, sizeof(auth), &len), 0);
	EVP_PKEY_free(p256);
	EVP_PKEY_free(p384);
	EVP_PKEY_free(ed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_identifiers),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_verify),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
