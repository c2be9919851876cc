/* SPDX-License-Identifier: BSD-3-Clause */
/* Which Packet Too Big is believed, and for how long. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "app/pmtu.h"

#define SPI 0xc0ffee01

static struct in6_addr
ip6(const char *text)
{
	struct in6_addr a;

	assert_int_equal(inet_pton(AF_INET6, text, &a), 1);
	return a;
}

/* One outbound SA, to every 2001:db8:f::/48 host; with ports 4500 -> 4501 when in UDP. */
struct sa {
	uint64_t seq;
	bool udp;
};

static bool
lookup(void *arg, const struct gw_quoted *q, uint64_t *seq)
{
	const struct sa *sa = arg;
	struct in6_addr ours = ip6("2001:db8::1"), net = ip6("2001:db8:f::");

	if (!IN6_ARE_ADDR_EQUAL(&q->src, &ours) || memcmp(&q->dst, &net, 6) != 0 || q->spi != SPI)
		return false;
	if (q->sport != (sa->udp ? 4500 : 0) || q->dport != (sa->udp ? 4501 : 0))
		return false;
	*seq = sa->seq;
	return true;
}

struct message {
	struct gw_nd m;
	uint8_t quoted[64];
};

static void
make(struct message *x, uint32_t mtu, const char *src, const char *dst, bool udp, uint32_t spi,
	uint32_t seq)
{
	struct in6_addr a = ip6(src), b = ip6(dst);
	uint8_t *p = x->quoted;
	uint32_t words[2] = {htonl(spi), htonl(seq)};

	memset(x, 0, sizeof(*x));
	x->m = (struct gw_nd){.type = GW_ND_TOO_BIG, .mtu = mtu, .quoted = p, .quoted_len = 64};
	p[0] = 0x60;
	p[6] = udp ? 17 : 50;
	memcpy(p + 8, &a, 16);
	memcpy(p + 24, &b, 16);
	if (udp) {
		memcpy(p + 40, "\x11\x94\x11\x95", 4);
		p += 8;
	}
	memcpy(p + 40, words, 8);
}

static enum pmtu_result
hear_from(struct pmtu *p, uint64_t now, uint32_t mtu, const char *dst, uint32_t seq)
{
	struct message x;
	struct in6_addr got;

	make(&x, mtu, "2001:db8::1", dst, false, SPI, seq);
	return pmtu_input(p, now, &x.m, &got);
}

static enum pmtu_result
hear(struct pmtu *p, uint64_t now, uint32_t mtu, uint32_t seq)
{
	return hear_from(p, now, mtu, "2001:db8:f::2", seq);
}

static void
believes_its_own(void **state)
{
	struct sa sa = {.seq = 1000};
	struct pmtu *p = pmtu_create(1500, lookup, &sa);
	struct in6_addr dst = ip6("2001:db8:f::2"), other = ip6("2001:db8:f::3"), got;
	struct message x;

	assert_int_equal(pmtu_get(p, &dst), 1500);
	make(&x, 1400, "2001:db8::1", "2001:db8:f::2", false, SPI, 1000);
	assert_int_equal(pmtu_input(p, 0, &x.m, &got), PMTU_CHANGED);
	assert_memory_equal(&got, &dst, 16);
	assert_int_equal(pmtu_get(p, &dst), 1400);
	assert_int_equal(pmtu_get(p, &other), 1500);
	assert_int_equal(pmtu_input(p, 0, &x.m, &got), PMTU_REFRESHED);
	assert_int_equal(hear(p, 0, 1401, 1000), PMTU_TOO_LARGE); /* it never grows this way */
	assert_int_equal(hear(p, 0, 1280, 1000), PMTU_CHANGED);
	assert_int_equal(pmtu_get(p, &dst), 1280);
	pmtu_destroy(p);
}

static void
believes_in_udp(void **state)
{
	struct sa sa = {.seq = 1000, .udp = true};
	struct pmtu *p = pmtu_create(1500, lookup, &sa);
	struct in6_addr got;
	struct message x;

	make(&x, 1400, "2001:db8::1", "2001:db8:f::2", true, SPI, 999);
	assert_int_equal(pmtu_input(p, 0, &x.m, &got), PMTU_CHANGED);
	make(&x, 1300, "2001:db8::1", "2001:db8:f::2", false, SPI, 999);
	assert_int_equal(pmtu_input(p, 0, &x.m, &got), PMTU_NOT_OURS);
	make(&x, 1300, "2001:db8::1", "2001:db8:f::2", true, 0, 999); /* IKE, by its marker */
	assert_int_equal(pmtu_input(p, 0, &x.m, &got), PMTU_NOT_OURS);
	pmtu_destroy(p);
}

static void
refuses_forgeries(void **state)
{
	struct sa sa = {.seq = 100000};
	struct pmtu *p = pmtu_create(1500, lookup, &sa);
	struct in6_addr dst = ip6("2001:db8:f::2"), got;
	struct message x;

	make(&x, 1400, "2001:db8::1", "2001:db8:f::2", false, SPI + 1, 100000);
	assert_int_equal(pmtu_input(p, 0, &x.m, &got), PMTU_NOT_OURS);
	make(&x, 1400, "2001:db8::2", "2001:db8:f::2", false, SPI, 100000);
	assert_int_equal(pmtu_input(p, 0, &x.m, &got), PMTU_NOT_OURS);
	make(&x, 1400, "2001:db8::1", "2001:db8:e::2", false, SPI, 100000);
	assert_int_equal(pmtu_input(p, 0, &x.m, &got), PMTU_NOT_OURS);
	make(&x, 1400, "2001:db8::1", "2001:db8:f::2", false, SPI, 100000);
	x.m.quoted_len = 47;
	assert_int_equal(pmtu_input(p, 0, &x.m, &got), PMTU_NOT_OURS);
	x.quoted[6] = 47; /* GRE: we never sent that */
	x.m.quoted_len = 64;
	assert_int_equal(pmtu_input(p, 0, &x.m, &got), PMTU_NOT_OURS);
	assert_int_equal(hear(p, 0, 1400, 100001), PMTU_STALE); /* not sent yet */
	assert_int_equal(hear(p, 0, 1400, 100000 - 65536), PMTU_STALE);
	assert_int_equal(hear(p, 0, 1279, 100000), PMTU_TOO_SMALL);
	assert_int_equal(hear(p, 0, 0, 100000), PMTU_TOO_SMALL);
	assert_int_equal(hear(p, 0, 1500, 100000), PMTU_TOO_LARGE);
	assert_int_equal(hear(p, 0, 0x10000 + 1400, 100000), PMTU_TOO_LARGE);
	assert_int_equal(pmtu_get(p, &dst), 1500);
	assert_int_equal(hear(p, 0, 1400, 100000 - 65535), PMTU_CHANGED);
	pmtu_destroy(p);
}

static void
sequence_edges(void **state)
{
	struct sa sa = {.seq = 0};
	struct pmtu *p = pmtu_create(1500, lookup, &sa);

	assert_int_equal(hear(p, 0, 1400, 0), PMTU_STALE); /* nothing sent at all */
	sa.seq = 5;
	assert_int_equal(hear(p, 0, 1400, 0), PMTU_STALE); /* numbers begin with 1 */
	assert_int_equal(hear(p, 0, 1400, 0xffffffff), PMTU_STALE);
	assert_int_equal(hear(p, 0, 1400, 1), PMTU_CHANGED);
	sa.seq = 0x100000010; /* ESN: the low half has wrapped */
	assert_int_equal(hear(p, 0, 1390, 0xfffffff0), PMTU_CHANGED);
	assert_int_equal(hear(p, 0, 1380, 0x11), PMTU_STALE);
	assert_int_equal(hear(p, 0, 1380, 0x10), PMTU_CHANGED);
	pmtu_destroy(p);
}

struct raised {
	unsigned int n;
	struct in6_addr dst;
};

static void
on_raised(void *arg, const struct in6_addr *dst)
{
	struct raised *r = arg;

	r->n++;
	r->dst = *dst;
}

static void
ages(void **state)
{
	struct sa sa = {.seq = 7};
	struct pmtu *p = pmtu_create(1500, lookup, &sa);
	struct in6_addr dst = ip6("2001:db8:f::2");
	struct raised r = {0};

	assert_true(pmtu_tick(p, 0, on_raised, &r) == UINT64_MAX);
	hear(p, 1000, 1400, 7);
	assert_true(pmtu_tick(p, 1000, on_raised, &r) == 601000);
	hear(p, 2000, 1400, 7); /* still too big: another ten minutes */
	assert_true(pmtu_tick(p, 601999, on_raised, &r) == 602000);
	assert_int_equal(pmtu_get(p, &dst), 1400);
	assert_int_equal(r.n, 0);
	assert_true(pmtu_tick(p, 602000, on_raised, &r) == UINT64_MAX);
	assert_int_equal(r.n, 1);
	assert_memory_equal(&r.dst, &dst, 16);
	assert_int_equal(pmtu_get(p, &dst), 1500);
	pmtu_destroy(p);
}

static void
count(void *arg, const struct in6_addr *dst, uint16_t mtu, uint64_t expires_ms)
{
	unsigned int *n = arg;

	assert_in_range(mtu, 1280, 1499);
	assert_true(expires_ms >= PMTU_AGE_MS);
	(*n)++;
}

static void
link_mtu(void **state)
{
	struct sa sa = {.seq = 7};
	struct pmtu *p = pmtu_create(9001, lookup, &sa);
	struct in6_addr dst = ip6("2001:db8:f::2"), other = ip6("2001:db8:f::3");
	unsigned int n = 0;

	assert_int_equal(hear(p, 0, 8900, 7), PMTU_CHANGED);
	assert_int_equal(pmtu_get(p, &other), 9001);
	pmtu_set_link(p, 1500);
	assert_int_equal(pmtu_get(p, &dst), 1500);
	assert_int_equal(pmtu_get(p, &other), 1500);
	pmtu_walk(p, count, &n);
	assert_int_equal(n, 0);
	pmtu_set_link(p, 9001);
	assert_int_equal(pmtu_get(p, &dst), 8900);
	pmtu_destroy(p);
}

static void
bounded(void **state)
{
	struct sa sa = {.seq = 7};
	struct pmtu *p = pmtu_create(1500, lookup, &sa);
	struct in6_addr first = ip6("2001:db8:f::1"), second = ip6("2001:db8:f::2");
	unsigned int i, n = 0;
	char dst[64];

	for (i = 1; i <= PMTU_MAX + 1; i++) {
		snprintf(dst, sizeof(dst), "2001:db8:f::%x", i);
		assert_int_equal(hear_from(p, i, 1400, dst, 7), PMTU_CHANGED);
	}
	pmtu_walk(p, count, &n);
	assert_int_equal(n, PMTU_MAX);
	assert_int_equal(pmtu_get(p, &first), 1500); /* the oldest gave way */
	assert_int_equal(pmtu_get(p, &second), 1400);
	pmtu_destroy(p);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(believes_its_own),
		cmocka_unit_test(believes_in_udp),
		cmocka_unit_test(refuses_forgeries),
		cmocka_unit_test(sequence_edges),
		cmocka_unit_test(ages),
		cmocka_unit_test(link_mtu),
		cmocka_unit_test(bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
