/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/esp_size.h"

enum { GRE = 4, GRE_KEY = 8 };

static const struct alg {
	uint16_t iv, icv, block;
} gcm16 = {8, 16, 4}, cbc_sha1 = {16, 12, 16}, cbc_sha256 = {16, 16, 16};

static uint16_t
inner_mtu(uint16_t path, const struct alg *a, bool tunnel, bool udp, uint16_t gre)
{
	return (uint16_t)(gw_esp_max_payload(path, a->iv, a->icv, a->block, tunnel, udp) - gre);
}

/* figures of packets measured against Linux and strongSwan */
static void
known_mtus(void **state)
{
	static const struct {
		uint16_t path;
		bool tunnel, udp;
		uint16_t mtu[3]; /* AES-GCM-16, AES-CBC with SHA1-96, AES-CBC with SHA2-256-128 */
	} t[] = {
		{1500, false, false, {1422, 1418, 1402}},
		{1500, true, false, {1382, 1378, 1362}},
		{1500, false, true, {1414, 1402, 1402}},
		{1280, false, false, {1202, 1194, 1194}},
		{9001, false, false, {8922, 8906, 8906}},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		const struct alg *a[] = {&gcm16, &cbc_sha1, &cbc_sha256};
		for (size_t k = 0; k < 3; k++) {
			uint16_t m = t[i].mtu[k];
			assert_int_equal(inner_mtu(t[i].path, a[k], t[i].tunnel, t[i].udp, GRE), m);
			assert_int_equal(
				inner_mtu(t[i].path, a[k], t[i].tunnel, t[i].udp, GRE_KEY), m - 4);
		}
	}
}

/* the answer fits and one byte more does not, for every path and shape */
static void
largest_is_largest(void **state)
{
	const struct alg *algs[] = {&gcm16, &cbc_sha1, &cbc_sha256};

	for (uint16_t path = 0; path < 2000; path++) {
		for (unsigned int i = 0; i < 12; i++) {
			const struct alg *a = algs[i % 3];
			bool tun = i / 3 % 2, udp = i / 6;
			uint16_t p = gw_esp_max_payload(path, a->iv, a->icv, a->block, tun, udp);
			uint16_t more = (uint16_t)(p + 1);
			assert_true(
				gw_esp_packet_len(more, a->iv, a->icv, a->block, tun, udp) > path);
			if (p > 0)
				assert_true(gw_esp_packet_len(
						    p, a->iv, a->icv, a->block, tun, udp) <= path);
		}
	}
}

static void
small_and_large(void **state)
{
	assert_int_equal(gw_esp_max_payload(0, 8, 16, 4, false, false), 0);
	assert_int_equal(gw_esp_max_payload(72, 8, 16, 4, false, false), 0);
	assert_int_equal(gw_esp_max_payload(76, 8, 16, 4, false, false), 2);
	assert_int_equal(gw_esp_max_payload(76, 8, 16, 4, true, false), 0);
	/* a stream cipher's block of 1 is still aligned to 4 */
	assert_int_equal(gw_esp_max_payload(1500, 8, 16, 1, false, false), 1426);
	assert_int_equal(gw_esp_max_payload(65535, 8, 16, 4, false, false), 65535 - 72 - 2 - 3);
	assert_int_equal(gw_esp_packet_len(65535, 16, 32, 16, true, true), 65584 + 40 + 8 + 8 + 48);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_mtus),
		cmocka_unit_test(largest_is_largest),
		cmocka_unit_test(small_and_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
