/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "lib/nd.h"
#include "lib/wire_answer.h"

static const uint8_t ours[6] = {2, 0, 0, 0, 0, 1}, theirs[6] = {2, 0, 0, 0, 0, 9};

static size_t
arp(uint8_t *f, const char *sender, const char *target)
{
	static const uint8_t head[] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 1};

	memset(f, 0xff, 6);
	memcpy(f + 6, theirs, 6);
	memcpy(f + 12, head, sizeof(head));
	memcpy(f + 22, theirs, 6);
	inet_pton(AF_INET, sender, f + 28);
	memset(f + 32, 0, 6);
	inet_pton(AF_INET, target, f + 38);
	memset(f + 42, 0xee, 18); /* padding of the link */
	return 60;
}

static void
arp_is_answered(void **state)
{
	uint8_t f[64], want[4];
	size_t len = arp(f, "169.254.123.1", "169.254.123.2");

	assert_int_equal(gw_wire_answer(f, len, sizeof(f), ours), 42);
	assert_memory_equal(f, theirs, 6);
	assert_memory_equal(f + 6, ours, 6);
	assert_int_equal(f[21], 2);
	assert_memory_equal(f + 22, ours, 6);
	inet_pton(AF_INET, "169.254.123.2", want);
	assert_memory_equal(f + 28, want, 4);
	assert_memory_equal(f + 32, theirs, 6);
	inet_pton(AF_INET, "169.254.123.1", want);
	assert_memory_equal(f + 38, want, 4);
	/* an answer is no question */
	assert_int_equal(gw_wire_answer(f, 42, sizeof(f), ours), 0);
}

/* RFC 5227: probes and announcements must not meet somebody who has every address. */
static void
arp_probes_are_not(void **state)
{
	uint8_t f[64], before[64];
	size_t len = arp(f, "0.0.0.0", "169.254.123.2");

	memcpy(before, f, sizeof(f));
	assert_int_equal(gw_wire_answer(f, len, sizeof(f), ours), 0);
	assert_memory_equal(f, before, len);
	len = arp(f, "169.254.123.1", "169.254.123.1");
	assert_int_equal(gw_wire_answer(f, len, sizeof(f), ours), 0);
}

static size_t
solicit(uint8_t *f, const char *src, const uint8_t *lladdr)
{
	struct in6_addr from, target, group;

	inet_pton(AF_INET6, src, &from);
	inet_pton(AF_INET6, "fd00::2", &target);
	gw_nd_solicited_node(&target, &group);
	gw_nd_multicast_mac(&group, f);
	memcpy(f + 6, theirs, 6);
	f[12] = 0x86;
	f[13] = 0xdd;
	return 14 + gw_nd_build_ns(f + 14, &from, &group, &target, lladdr);
}

static void
solicitations_are_answered(void **state)
{
	uint8_t f[14 + GW_ND_PKT_MAX];
	size_t len = solicit(f, "fd00::1", theirs);
	struct in6_addr want;
	struct gw_nd nd;

	len = gw_wire_answer(f, len, sizeof(f), ours);
	assert_true(len > 14);
	assert_memory_equal(f, theirs, 6);
	assert_memory_equal(f + 6, ours, 6);
	gw_nd_parse(f + 14, len - 14, 40, &nd);
	assert_int_equal(nd.type, GW_ND_NA);
	assert_true(nd.solicited);
	assert_true(nd.has_lladdr);
	assert_memory_equal(nd.lladdr, ours, 6);
	inet_pton(AF_INET6, "fd00::2", &want);
	assert_memory_equal(&nd.target, &want, 16);
	assert_memory_equal(&nd.src, &want, 16);
	inet_pton(AF_INET6, "fd00::1", &want);
	assert_memory_equal(&nd.dst, &want, 16);
}

static void
duplicate_detection_is_not(void **state)
{
	uint8_t f[14 + GW_ND_PKT_MAX];
	size_t len = solicit(f, "::", NULL);

	assert_int_equal(gw_wire_answer(f, len, sizeof(f), ours), 0);
}

/* Cut anywhere, in memory of its own size: no answer, no byte read or written beyond. */
static void
cut_short(void **state)
{
	uint8_t whole[2][14 + GW_ND_PKT_MAX];
	size_t len[2] = {
		arp(whole[0], "10.0.0.1", "10.0.0.2"), solicit(whole[1], "fd00::1", theirs)};
	size_t min[2] = {42, len[1]};

	for (size_t k = 0; k < 2; k++) {
		for (size_t n = 0; n < min[k]; n++) {
			uint8_t *f = malloc(n > 0 ? n : 1);

			assert_non_null(f);
			memcpy(f, whole[k], n);
			assert_int_equal(gw_wire_answer(f, n, n, ours), 0);
			free(f);
		}
	}
	/* a question without option asks for a longer answer: not where there is no room */
	len[1] = solicit(whole[1], "fd00::1", NULL);
	assert_int_equal(gw_wire_answer(whole[1], len[1], len[1], ours), 0);
	assert_int_equal(gw_wire_answer(whole[1], len[1], len[1] + 8, ours), len[1] + 8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arp_is_answered),
		cmocka_unit_test(arp_probes_are_not),
		cmocka_unit_test(solicitations_are_answered),
		cmocka_unit_test(duplicate_detection_is_not),
		cmocka_unit_test(cut_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
