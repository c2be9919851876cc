/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames from outside: every class, every way to be malformed, and the extension header walk
 * against a naive twin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/bytes.h"
#include "lib/classify.h"
#include "lib/csum.h"

#define ETH 14
#define IP6 40

static const struct gw_local local = {
	.n = 2,
	.addr = {{{{0x20, 0x01, 0x0d, 0xb8, [13] = 0xab, [14] = 0xcd, [15] = 0xef}}},
		{{{0xfe, 0x80, [15] = 1}}}},
};
static const uint8_t peer[16] = {0x20, 0x01, 0x0d, 0xb8, 1, [15] = 2};
static const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 1};

static uint8_t frame[4096];

/* An Ethernet frame with len bytes of IPv6 payload, all zero, to our first address. */
static size_t
make(uint8_t next, size_t len)
{
	memset(frame, 0, sizeof(frame));
	gw_put16(frame + 12, 0x86dd);
	frame[ETH] = 0x60;
	gw_put16(frame + ETH + 4, (uint16_t)len);
	frame[ETH + 6] = next;
	frame[ETH + 7] = 61;
	memcpy(frame + ETH + 8, peer, 16);
	memcpy(frame + ETH + 24, &local.addr[0], 16);
	return ETH + IP6 + len;
}

static uint8_t *
payload(void)
{
	return frame + ETH + IP6;
}

static size_t
make_udp(uint16_t sport, uint16_t dport, const void *body, size_t len)
{
	size_t total = make(IPPROTO_UDP, 8 + len);
	uint8_t *u = payload();
	uint64_t sum;

	gw_put16(u, sport);
	gw_put16(u + 2, dport);
	gw_put16(u + 4, (uint16_t)(8 + len));
	memcpy(u + 8, body, len);
	sum = gw_csum_pseudo6(frame + ETH + 8, frame + ETH + 24, IPPROTO_UDP, (uint32_t)(8 + len));
	gw_put16(u + 6, gw_csum_fold(gw_csum_add(sum, u, 8 + len)));
	return total;
}

/* From a copy of exactly len bytes, so that the sanitizer sees a step beyond. */
static struct gw_classified
classify_with(size_t len, uint16_t vlan, bool csum_good)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct gw_classified c;

	memcpy(copy, frame, len);
	gw_classify(copy, len, vlan, &local, csum_good, &c);
	free(copy);
	return c;
}

static struct gw_classified
classify(size_t len)
{
	return classify_with(len, 0, false);
}

static void
expect_drop(size_t len, enum gw_drop reason)
{
	struct gw_classified c = classify(len);

	assert_int_equal(c.cls, GW_CLASS_DROP);
	assert_string_equal(gw_drop_name(c.reason), gw_drop_name(reason));
}

static void
test_esp(void **state)
{
	size_t len = make(IPPROTO_ESP, 100);
	struct gw_classified c;

	frame[ETH] = 0x6b; /* traffic class 0xb9 */
	frame[ETH + 1] = 0x93;
	c = classify(len + 7); /* link padding */
	assert_int_equal(c.cls, GW_CLASS_ESP);
	assert_int_equal(c.reason, GW_DROP_NONE);
	assert_int_equal(c.l3_off, ETH);
	assert_int_equal(c.l4_off, ETH + IP6);
	assert_int_equal(c.end, len);
	assert_int_equal(c.tc, 0xb9);
	assert_int_equal(c.hop_limit, 61);
	assert_false(c.udp_encap);
	assert_false(c.multicast);
}

static void
test_esp_behind_options(void **state)
{
	/* tunnel encapsulation limit as Linux sends it (RFC 2473 4.1.1) */
	static const uint8_t limit[8] = {IPPROTO_ESP, 0, 4, 1, 4, 1, 1, 0};
	size_t len = make(IPPROTO_DSTOPTS, 108);

	memcpy(payload(), limit, 8);
	assert_int_equal(classify(len).cls, GW_CLASS_ESP);
	assert_int_equal(classify(len).l4_off, ETH + IP6 + 8);
	/* hop-by-hop with router alert in front of it */
	len = make(IPPROTO_HOPOPTS, 116);
	memcpy(payload(), (const uint8_t[]){IPPROTO_DSTOPTS, 0, 5, 2, 0, 0, 1, 0}, 8);
	memcpy(payload() + 8, limit, 8);
	assert_int_equal(classify(len).cls, GW_CLASS_ESP);
	assert_int_equal(classify(len).l4_off, ETH + IP6 + 16);
}

static void
test_vlan(void **state)
{
	size_t len = make(IPPROTO_ESP, 50);

	assert_int_equal(classify_with(len, 7, false).reason, GW_DROP_NOT_IP6);
	memmove(frame + 16, frame + 12, len - 12);
	gw_put16(frame + 12, 0x8100);
	gw_put16(frame + 14, 0x6007); /* priority bits do not matter */
	assert_int_equal(classify_with(len + 4, 7, false).cls, GW_CLASS_ESP);
	assert_int_equal(classify_with(len + 4, 7, false).l3_off, ETH + 4);
	assert_int_equal(classify_with(len + 4, 7, false).end, len + 4);
	assert_int_equal(classify_with(len + 4, 8, false).reason, GW_DROP_NOT_IP6);
	assert_int_equal(classify_with(len + 4, 0, false).reason, GW_DROP_NOT_IP6);
	assert_int_equal(classify_with(17, 7, false).reason, GW_DROP_NOT_IP6);
}

static void
test_ip6_malformed(void **state)
{
	size_t len = make(IPPROTO_ESP, 20);

	for (size_t i = 0; i < ETH; i++)
		expect_drop(i, GW_DROP_NOT_IP6);
	for (size_t i = ETH; i < len; i++)
		expect_drop(i, GW_DROP_IP6_TRUNCATED);
	frame[ETH] = 0x40;
	expect_drop(len, GW_DROP_IP6_VERSION);
	make(IPPROTO_ESP, 20);
	gw_put16(frame + 12, 0x0800);
	expect_drop(len, GW_DROP_NOT_IP6);
	make(IPPROTO_ESP, 20);
	gw_put16(frame + ETH + 4, 0xffff);
	expect_drop(len, GW_DROP_IP6_TRUNCATED);
}

static void
test_addresses(void **state)
{
	static const uint8_t zero[16], one[16] = {[15] = 1};
	static const uint8_t solicited[16] = {
		0xff, 0x02, [11] = 1, [12] = 0xff, [13] = 0xab, [14] = 0xcd, [15] = 0xef};
	size_t len = make(IPPROTO_ICMPV6, 24);

	frame[ETH + 39] ^= 1;
	expect_drop(len, GW_DROP_NOT_OURS);
	memcpy(frame + ETH + 24, &local.addr[1], 16);
	assert_int_equal(classify(len).cls, GW_CLASS_ICMP6);
	memcpy(frame + ETH + 24, solicited, 16);
	assert_int_equal(classify(len).cls, GW_CLASS_ICMP6);
	assert_true(classify(len).multicast);
	frame[ETH + 38] ^= 1;
	expect_drop(len, GW_DROP_NOT_OURS);
	memcpy(frame + ETH + 24, all_nodes, 16);
	assert_int_equal(classify(len).cls, GW_CLASS_ICMP6);
	frame[ETH + 39] = 2; /* all routers */
	expect_drop(len, GW_DROP_NOT_OURS);

	make(IPPROTO_ICMPV6, 24);
	memcpy(frame + ETH + 8, zero, 16); /* duplicate address detection */
	assert_int_equal(classify(len).cls, GW_CLASS_ICMP6);
	frame[ETH + 6] = IPPROTO_ESP;
	expect_drop(len, GW_DROP_IP6_SRC);
	frame[ETH + 6] = IPPROTO_ICMPV6;
	memcpy(frame + ETH + 8, one, 16);
	expect_drop(len, GW_DROP_IP6_SRC);
	memcpy(frame + ETH + 8, all_nodes, 16);
	expect_drop(len, GW_DROP_IP6_SRC);
	/* our own: ESP and neighbour discovery see to it by themselves, IKE would answer */
	for (uint32_t i = 0; i < local.n; i++) {
		memcpy(frame + ETH + 8, &local.addr[i], 16);
		frame[ETH + 6] = IPPROTO_ICMPV6;
		assert_int_equal(classify(len).cls, GW_CLASS_ICMP6);
		frame[ETH + 6] = IPPROTO_ESP;
		assert_int_equal(classify(len).cls, GW_CLASS_ESP);
		frame[ETH + 6] = IPPROTO_UDP;
		expect_drop(len, GW_DROP_IP6_SRC);
	}
}

/* What a router has forwarded is no neighbour's. */
static void
test_neighbour_discovery(void **state)
{
	size_t len = make(IPPROTO_ICMPV6, 24);

	for (unsigned int type = 0; type < 256; type++) {
		payload()[0] = (uint8_t)type;
		frame[ETH + 7] = 255;
		assert_int_equal(classify(len).cls, GW_CLASS_ICMP6);
		assert_int_equal(classify(len).nd, type >= 133 && type <= 137);
		frame[ETH + 7] = 254;
		assert_false(classify(len).nd);
	}
}

/* An address that is still being checked hears its group, for somebody else may be checking it too.
 */
static void
test_tentative(void **state)
{
	static const uint8_t solicited[16] = {
		0xff, 0x02, [11] = 1, [12] = 0xff, [13] = 0xab, [14] = 0xcd, [15] = 0xef};
	struct gw_local tentative = local;
	struct gw_classified c;
	size_t len = make(IPPROTO_ICMPV6, 24);

	tentative.n_tentative = tentative.n;
	tentative.n = 0;
	gw_classify(frame, len, 0, &tentative, false, &c);
	assert_int_equal(c.reason, GW_DROP_NOT_OURS);
	memcpy(frame + ETH + 24, solicited, 16);
	gw_classify(frame, len, 0, &tentative, false, &c);
	assert_int_equal(c.cls, GW_CLASS_ICMP6);
}

static void
test_multicast_only_icmp6(void **state)
{
	static const uint8_t others[] = {IPPROTO_ESP, IPPROTO_UDP, IPPROTO_TCP, IPPROTO_NONE};
	size_t len;

	for (size_t i = 0; i < sizeof(others); i++) {
		len = make(others[i], 64);
		memcpy(frame + ETH + 24, all_nodes, 16);
		expect_drop(len, GW_DROP_PROTO);
	}
}

static void
test_other_protocols(void **state)
{
	expect_drop(make(IPPROTO_GRE, 40), GW_DROP_CLEAR_GRE);
	expect_drop(make(IPPROTO_GRE, 0), GW_DROP_CLEAR_GRE);
	expect_drop(make(IPPROTO_TCP, 40), GW_DROP_PROTO);
	expect_drop(make(IPPROTO_NONE, 40), GW_DROP_PROTO);
	expect_drop(make(IPPROTO_AH, 40), GW_DROP_PROTO);
	expect_drop(make(IPPROTO_IPV6, 40), GW_DROP_PROTO);
	expect_drop(make(IPPROTO_ICMPV6, 3), GW_DROP_ICMP_BAD);
	expect_drop(make(IPPROTO_FRAGMENT, 7), GW_DROP_FRAG_BAD);
	assert_int_equal(classify(make(IPPROTO_FRAGMENT, 8)).cls, GW_CLASS_FRAGMENT);
	assert_int_equal(classify(make(IPPROTO_ESP, 0)).cls, GW_CLASS_ESP); /* ESP counts it */
}

static void
test_ike(void **state)
{
	uint8_t msg[28 + 4] = {1, 2, 3, 4, 5, 6, 7, 8};
	struct gw_classified c = classify(make_udp(500, 500, msg, 28));

	assert_int_equal(c.cls, GW_CLASS_IKE_INIT);
	assert_int_equal(c.l4_off, ETH + IP6);
	assert_true(c.ike_spi_i == 0x0102030405060708u);
	assert_true(c.ike_spi_r == 0);
	assert_false(c.marker);
	msg[15] = 9;
	c = classify(make_udp(61000, 500, msg, 28));
	assert_int_equal(c.cls, GW_CLASS_IKE);
	assert_true(c.ike_spi_r == 9);
	expect_drop(make_udp(500, 500, msg, 27), GW_DROP_UDP_BAD);

	memmove(msg + 4, msg, 28);
	memset(msg, 0, 4);
	c = classify(make_udp(4500, 4500, msg, 32));
	assert_int_equal(c.cls, GW_CLASS_IKE);
	assert_true(c.marker);
	assert_int_equal(c.l4_off, ETH + IP6);
	assert_true(c.ike_spi_i == 0x0102030405060708u);
	expect_drop(make_udp(4500, 4500, msg, 31), GW_DROP_UDP_BAD);
}

static void
test_natt(void **state)
{
	uint8_t esp[60] = {0, 0, 1, 0};
	struct gw_classified c = classify(make_udp(1, 4500, esp, sizeof(esp)));

	assert_int_equal(c.cls, GW_CLASS_ESP);
	assert_true(c.udp_encap);
	assert_int_equal(c.l4_off, ETH + IP6 + 8);
	assert_int_equal(c.end, ETH + IP6 + 8 + sizeof(esp));
	expect_drop(make_udp(4500, 4500, "\xff", 1), GW_DROP_NATT_KEEPALIVE);
	expect_drop(make_udp(4500, 4500, "\xfe", 1), GW_DROP_UDP_BAD);
	expect_drop(make_udp(4500, 4500, "", 0), GW_DROP_UDP_BAD);
	expect_drop(make_udp(4500, 4500, "\xff\xff\xff", 3), GW_DROP_UDP_BAD);
}

static void
test_udp_malformed(void **state)
{
	uint8_t esp[61] = {0, 0, 1, 0};
	size_t len = make_udp(4500, 4500, esp, sizeof(esp));

	payload()[30] ^= 1; /* checksum */
	expect_drop(len, GW_DROP_UDP_BAD);
	assert_int_equal(classify_with(len, 0, true).cls, GW_CLASS_ESP);
	make_udp(4500, 4500, esp, sizeof(esp));
	gw_put16(payload() + 6, 0);
	expect_drop(len, GW_DROP_UDP_BAD);
	make_udp(4500, 4500, esp, sizeof(esp));
	gw_put16(payload() + 4, (uint16_t)(8 + sizeof(esp) + 1));
	expect_drop(len, GW_DROP_UDP_BAD);
	gw_put16(payload() + 4, 7);
	expect_drop(len, GW_DROP_UDP_BAD);
	expect_drop(make(IPPROTO_UDP, 7), GW_DROP_UDP_BAD);
	expect_drop(make_udp(4500, 4501, esp, sizeof(esp)), GW_DROP_UDP_PORT);
	expect_drop(make_udp(4500, 53, esp, sizeof(esp)), GW_DROP_UDP_PORT);
}

/* A datagram shorter than the IPv6 payload ends where UDP says. */
static void
test_udp_shorter(void **state)
{
	uint8_t esp[40] = {0, 0, 1, 0};
	size_t len = make_udp(4500, 4500, esp, sizeof(esp));
	struct gw_classified c;

	gw_put16(frame + ETH + 4, (uint16_t)(8 + sizeof(esp) + 10));
	c = classify(len + 10);
	assert_int_equal(c.cls, GW_CLASS_ESP);
	assert_int_equal(c.end, len);
}

struct walk_case {
	const char *name;
	uint8_t first;
	int want; /* offset, or -1 */
	uint8_t want_next;
	size_t len;
	uint8_t bytes[72];
};

static const struct walk_case walk_cases[] = {
	{"no header", IPPROTO_ESP, 0, IPPROTO_ESP, 0, {0}},
	{"ends after", IPPROTO_DSTOPTS, 8, IPPROTO_NONE, 8, {59, 0, 1, 4}},
	{"seven bytes", IPPROTO_DSTOPTS, -1, 0, 7, {59, 0, 1, 3}},
	{"longer than there is", IPPROTO_DSTOPTS, -1, 0, 15, {59, 1, 1, 12}},
	{"option over the end", IPPROTO_DSTOPTS, -1, 0, 8, {59, 0, 1, 5}},
	{"option without length", IPPROTO_DSTOPTS, -1, 0, 8, {59, 0, 1, 3, 0, 0, 0, 1}},
	{"unknown, skip", IPPROTO_DSTOPTS, 8, 50, 8, {50, 0, 0x3e, 4}},
	{"unknown, discard", IPPROTO_DSTOPTS, -1, 0, 8, {50, 0, 0x7e, 4}},
	{"unknown, discard and tell", IPPROTO_DSTOPTS, -1, 0, 8, {50, 0, 0xbe, 4}},
	{"home address", IPPROTO_DSTOPTS, -1, 0, 24, {50, 2, 0xc9, 16, [20] = 1, 2}},
	{"jumbo", IPPROTO_HOPOPTS, -1, 0, 8, {50, 0, 0xc2, 4}},
	{"hop-by-hop second", IPPROTO_DSTOPTS, -1, 0, 16, {0, 0, 1, 4, [8] = 50, 0, 1, 4}},
	{"hop-by-hop twice", IPPROTO_HOPOPTS, -1, 0, 16, {0, 0, 1, 4, [8] = 50, 0, 1, 4}},
	{"routing, done", IPPROTO_ROUTING, 24, 50, 24, {50, 2, 0, 0}},
	{"routing, to be done", IPPROTO_ROUTING, -1, 0, 24, {50, 2, 0, 1}},
	{"stops at fragment", IPPROTO_HOPOPTS, 8, 44, 16, {44, 0, 1, 4, [8] = 50}},
	{"stops at AH", IPPROTO_HOPOPTS, 8, 51, 16, {51, 0, 1, 4}},
	{"eight", IPPROTO_DSTOPTS, 64, 50, 64,
		{60, 0, 1, 4, [8] = 60, 0, 1, 4, [16] = 60, 0, 1, 4, [24] = 60, 0, 1, 4, [32] = 60,
			0, 1, 4, [40] = 60, 0, 1, 4, [48] = 60, 0, 1, 4, [56] = 50, 0, 1, 4}},
	{"nine", IPPROTO_DSTOPTS, -1, 0, 72,
		{60, 0, 1, 4, [8] = 60, 0, 1, 4, [16] = 60, 0, 1, 4, [24] = 60, 0, 1, 4, [32] = 60,
			0, 1, 4, [40] = 60, 0, 1, 4, [48] = 60, 0, 1, 4, [56] = 60, 0, 1,
			4, [64] = 50, 0, 1, 4}},
};

static void
test_walk_table(void **state)
{
	for (size_t i = 0; i < sizeof(walk_cases) / sizeof(walk_cases[0]); i++) {
		const struct walk_case *c = &walk_cases[i];
		uint8_t next = c->first, *copy = malloc(c->len + 1);
		int got;

		memcpy(copy, c->bytes, c->len);
		got = gw_ip6_ext_walk(copy, c->len, &next);
		if (got != c->want || (got >= 0 && next != c->want_next))
			fail_msg("%s: %d, next %u", c->name, got, next);
		free(copy);
	}
}

static void
test_walk_bytes_bound(void **state)
{
	uint8_t p[512] = {50, 31};
	uint8_t next = IPPROTO_DSTOPTS;

	assert_int_equal(gw_ip6_ext_walk(p, sizeof(p), &next), 256);
	p[1] = 32;
	next = IPPROTO_DSTOPTS;
	assert_int_equal(gw_ip6_ext_walk(p, sizeof(p), &next), -1);
	/* it is of all together */
	p[0] = IPPROTO_DSTOPTS;
	p[1] = 15;
	p[128] = 50;
	for (uint8_t more = 15; more < 17; more++) {
		p[129] = more;
		next = IPPROTO_DSTOPTS;
		assert_int_equal(gw_ip6_ext_walk(p, sizeof(p), &next), more == 15 ? 256 : -1);
	}
}

/* In transit neither options nor routing count, nor how long they are; their number and the
 * packet's end do. */
static void
test_skip(void **state)
{
	uint8_t p[2100] = {50, 31}, next = IPPROTO_ROUTING;

	p[2] = 4;
	p[3] = 1;
	assert_int_equal(gw_ip6_ext_walk(p, sizeof(p), &next), -1);
	next = IPPROTO_ROUTING;
	assert_int_equal(gw_ip6_ext_skip(p, sizeof(p), &next), 256);
	assert_int_equal(next, 50);
	next = IPPROTO_DSTOPTS;
	p[1] = 255;
	p[2] = 0xc9;
	assert_int_equal(gw_ip6_ext_skip(p, sizeof(p), &next), 2048);
	next = IPPROTO_DSTOPTS;
	assert_int_equal(gw_ip6_ext_skip(p, 2047, &next), -1);
	memset(p, 0, sizeof(p));
	for (unsigned int n = GW_EXT_HDRS_MAX; n <= GW_EXT_HDRS_MAX + 1; n++) {
		for (unsigned int i = 0; i < n; i++)
			p[8 * i] = i + 1 < n ? IPPROTO_DSTOPTS : 50;
		next = IPPROTO_DSTOPTS;
		assert_int_equal(gw_ip6_ext_skip(p, sizeof(p), &next),
			n == GW_EXT_HDRS_MAX ? 8 * GW_EXT_HDRS_MAX : -1);
	}
}

/* Written the other way round: recursive, a byte at a time, signed arithmetic. */
static int
naive_options(const uint8_t *p, int from, int to)
{
	if (from == to)
		return 1;
	if (p[from] == 0)
		return naive_options(p, from + 1, to);
	if (p[from] > 63 || from + 1 >= to || from + 2 + p[from + 1] > to)
		return 0;
	return naive_options(p, from + 2 + p[from + 1], to);
}

static int
naive_walk(const uint8_t *p, int off, int len, uint8_t *next, int depth)
{
	int end;

	if (*next != 0 && *next != 43 && *next != 60)
		return off;
	if (depth == 8 || off + 8 > len)
		return -1;
	end = off + (p[off + 1] + 1) * 8;
	if (end > len || end > 256)
		return -1;
	if (*next == 0 && depth != 0)
		return -1;
	if (*next == 43 ? p[off + 3] != 0 : !naive_options(p, off + 2, end))
		return -1;
	*next = p[off];
	return naive_walk(p, end, len, next, depth + 1);
}

static uint32_t
rnd(uint32_t *s)
{
	*s = *s * 1664525u + 1013904223u;
	return *s >> 8;
}

static void
test_walk_twin(void **state)
{
	static const uint8_t nexts[] = {0, 43, 60, 60, 60, 43, 50, 44, 17, 59};
	static const uint8_t opts[] = {0, 0, 1, 1, 4, 5, 0x3e, 0xc2};
	uint32_t seed = 20261123, walked = 0, refused = 0;

	for (unsigned int round = 0; round < 200000; round++) {
		uint8_t p[320], a = nexts[rnd(&seed) % 6], b = a;
		size_t len = rnd(&seed) % sizeof(p), at = 0;
		int want, got;

		for (size_t i = 0; i < sizeof(p); i++)
			p[i] = rnd(&seed) % 4 ? 0 : opts[rnd(&seed) % sizeof(opts)];
		while (at + 8 <= sizeof(p)) { /* mostly a chain */
			p[at] = nexts[rnd(&seed) % sizeof(nexts)];
			p[at + 1] = rnd(&seed) % 5 ? 0 : (uint8_t)(rnd(&seed) % 8);
			p[at + 2] = opts[rnd(&seed) % sizeof(opts)];
			p[at + 3] = rnd(&seed) % 3 ? 0 : (uint8_t)(rnd(&seed) % 6);
			at += 8u + 8u * p[at + 1];
		}
		want = naive_walk(p, 0, (int)len, &a, 0);
		got = gw_ip6_ext_walk(p, len, &b);
		assert_int_equal(got, want);
		if (want >= 0)
			assert_int_equal(a, b);
		walked += want > 8;
		refused += want < 0;
	}
	assert_true(walked > 1000 && refused > 1000); /* the test sees both */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_esp),
		cmocka_unit_test(test_esp_behind_options),
		cmocka_unit_test(test_vlan),
		cmocka_unit_test(test_ip6_malformed),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_neighbour_discovery),
		cmocka_unit_test(test_tentative),
		cmocka_unit_test(test_multicast_only_icmp6),
		cmocka_unit_test(test_other_protocols),
		cmocka_unit_test(test_ike),
		cmocka_unit_test(test_natt),
		cmocka_unit_test(test_udp_malformed),
		cmocka_unit_test(test_udp_shorter),
		cmocka_unit_test(test_walk_table),
		cmocka_unit_test(test_walk_bytes_bound),
		cmocka_unit_test(test_skip),
		cmocka_unit_test(test_walk_twin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
