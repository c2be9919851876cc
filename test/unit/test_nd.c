/* SPDX-License-Identifier: BSD-3-Clause */
/* lib/nd against messages that scapy made (test/vectors/nd.py), and against broken ones. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/nd.h"
#include "test/vectors/nd.h"

#define NEXT_HBH 0

static const uint8_t our_mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
static const uint8_t peer_mac[6] = {2, 0, 0, 0, 0, 9};
static const uint8_t router_mac[6] = {2, 0, 0, 0, 0, 1};

static struct in6_addr
ip6(const char *text)
{
	struct in6_addr a;

	assert_int_equal(inet_pton(AF_INET6, text, &a), 1);
	return a;
}

static void
assert_addr(const struct in6_addr *a, const char *text)
{
	struct in6_addr want = ip6(text);

	assert_memory_equal(a, &want, sizeof(want));
}

static size_t
icmp_off(const uint8_t *p)
{
	return p[6] == NEXT_HBH ? 48 : 40;
}

/* From a copy of exactly its size, so that the sanitizer sees a read beyond it. */
static struct gw_nd
parse(const uint8_t *p, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct gw_nd m;

	memcpy(copy, p, len);
	gw_nd_parse(copy, len, icmp_off(p), &m);
	m.quoted = m.quoted ? p + (m.quoted - copy) : NULL;
	m.body = m.body ? p + (m.body - copy) : NULL;
	free(copy);
	return m;
}

#define PARSE(v) parse(v, sizeof(v))

/* Set a byte of a message and mend its checksum. */
static enum gw_nd_type
patched(const uint8_t *v, size_t len, size_t off, uint8_t byte)
{
	uint8_t p[256];
	size_t at = icmp_off(v);
	struct in6_addr src, dst;
	uint16_t sum;

	assert_true(len <= sizeof(p));
	memcpy(p, v, len);
	p[off] = byte;
	memcpy(&src, p + 8, 16);
	memcpy(&dst, p + 24, 16);
	p[at + 2] = p[at + 3] = 0;
	sum = gw_ip6_csum(&src, &dst, 58, p + at, len - at);
	p[at + 2] = (uint8_t)(sum >> 8);
	p[at + 3] = (uint8_t)sum;
	return parse(p, len).type;
}

#define PATCHED(v, off, byte) patched(v, sizeof(v), off, byte)

static void
parse_solicitations(void **state)
{
	struct gw_nd m = PARSE(v_ns);

	assert_int_equal(m.type, GW_ND_NS);
	assert_addr(&m.src, "2001:db8::abcd:ef01");
	assert_addr(&m.target, "2001:db8::1");
	assert_true(m.has_lladdr);
	assert_memory_equal(m.lladdr, peer_mac, 6);
	m = PARSE(v_ns_dad);
	assert_int_equal(m.type, GW_ND_NS);
	assert_addr(&m.src, "::");
	assert_false(m.has_lladdr);
}

static void
parse_advertisements(void **state)
{
	struct gw_nd m = PARSE(v_na);

	assert_int_equal(m.type, GW_ND_NA);
	assert_true(m.solicited && m.override && !m.router && m.has_lladdr);
	assert_memory_equal(m.lladdr, peer_mac, 6);
	m = PARSE(v_ra);
	assert_int_equal(m.type, GW_ND_RA);
	assert_addr(&m.src, "fe80::1");
	assert_int_equal(m.router_lifetime_s, 1800);
	assert_int_equal(m.cur_hop_limit, 64);
	assert_int_equal(m.reachable_ms, 20000);
	assert_int_equal(m.retrans_ms, 500);
	assert_int_equal(m.mtu, 1480);
	assert_memory_equal(m.lladdr, router_mac, 6);
	m = PARSE(v_redirect);
	assert_int_equal(m.type, GW_ND_REDIRECT);
	assert_addr(&m.target, "fe80::2");
	assert_int_equal(PARSE(v_rs).type, GW_ND_OTHER);
	assert_int_equal(PARSE(v_echo_reply).type, GW_ND_OTHER);
}

/* Each rule of RFC 4861 6.1.2, 7.1.1, 7.1.2, 8.1 broken by itself. */
static void
parse_refuses(void **state)
{
	assert_int_equal(PATCHED(v_ns, 7, 254), GW_ND_BAD);    /* hop limit */
	assert_int_equal(PATCHED(v_ns, 41, 1), GW_ND_BAD);     /* code */
	assert_int_equal(PATCHED(v_ns, 48, 0xff), GW_ND_BAD);  /* multicast target */
	assert_int_equal(PATCHED(v_ns, 65, 0), GW_ND_BAD);     /* option of length 0 */
	assert_int_equal(PATCHED(v_ns, 65, 2), GW_ND_BAD);     /* option longer than the message */
	assert_int_equal(PATCHED(v_ns_dad, 39, 2), GW_ND_BAD); /* DAD to another group */
	assert_int_equal(PATCHED(v_na, 7, 64), GW_ND_BAD);
	assert_int_equal(PATCHED(v_na, 41, 9), GW_ND_BAD);
	assert_int_equal(PATCHED(v_na, 48, 0xff), GW_ND_BAD);
	assert_int_equal(PATCHED(v_na, 24, 0xff), GW_ND_BAD); /* solicited, to a group */
	assert_int_equal(PATCHED(v_ra, 8, 0x20), GW_ND_BAD);  /* source not link-local */
	assert_int_equal(PATCHED(v_ra, 41, 1), GW_ND_BAD);
	assert_int_equal(PATCHED(v_ra, 7, 1), GW_ND_BAD);
	assert_int_equal(PATCHED(v_redirect, 8, 0x20), GW_ND_BAD);
	assert_int_equal(PATCHED(v_redirect, 64, 0xff), GW_ND_BAD); /* multicast destination */
	assert_int_equal(PATCHED(v_echo, 41, 1), GW_ND_BAD);
	assert_int_equal(PATCHED(v_ns, 8, 0xff), GW_ND_BAD); /* multicast source */
	/* all of them are good when mended without a change */
	assert_int_equal(PATCHED(v_ns, 41, 0), GW_ND_NS);
	assert_int_equal(PATCHED(v_na, 41, 0), GW_ND_NA);
	assert_int_equal(PATCHED(v_ra, 41, 0), GW_ND_RA);
	assert_int_equal(PATCHED(v_redirect, 41, 0), GW_ND_REDIRECT);
}

static void
parse_checksum(void **state)
{
	uint8_t p[sizeof(v_na)];
	size_t i;

	for (i = 8; i < sizeof(p); i++) { /* addresses, message: all are covered */
		memcpy(p, v_na, sizeof(p));
		p[i] ^= 1;
		assert_int_equal(parse(p, sizeof(p)).type, GW_ND_BAD);
	}
}

/* A group or nobody as MAC is no MAC; the message itself stays good. */
static void
parse_bad_lladdr(void **state)
{
	uint8_t p[sizeof(v_na)];
	struct in6_addr src, dst;
	struct gw_nd m;
	uint16_t sum;

	memcpy(p, v_na, sizeof(p));
	p[66] = 0x33;
	memcpy(&src, p + 8, 16);
	memcpy(&dst, p + 24, 16);
	p[42] = p[43] = 0;
	sum = gw_ip6_csum(&src, &dst, 58, p + 40, sizeof(p) - 40);
	p[42] = (uint8_t)(sum >> 8);
	p[43] = (uint8_t)sum;
	m = PARSE(p);
	assert_int_equal(m.type, GW_ND_NA);
	assert_false(m.has_lladdr);
}

/* Every shorter length, its checksum mended: no read beyond, nothing but BAD or a message. */
static void
parse_truncated(void **state)
{
	static const struct {
		const uint8_t *v;
		size_t len;
	} all[] = {{v_ns, sizeof(v_ns)}, {v_na, sizeof(v_na)}, {v_ra, sizeof(v_ra)},
		{v_redirect, sizeof(v_redirect)}, {v_echo, sizeof(v_echo)},
		{v_too_big_esp, sizeof(v_too_big_esp)}, {v_mld_query2, sizeof(v_mld_query2)}};
	size_t i, len;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		size_t off = icmp_off(all[i].v);

		for (len = 0; len < off + 4; len++)
			assert_int_equal(parse(all[i].v, len).type, GW_ND_BAD);
		for (; len < off + 8; len++)
			assert_int_equal(patched(all[i].v, len, 0, 0x60), GW_ND_BAD);
		for (; len < all[i].len; len++)
			patched(all[i].v, len, 0, 0x60);
	}
}

static void
parse_errors(void **state)
{
	struct gw_nd m = PARSE(v_too_big_esp);
	struct gw_quoted q;

	assert_int_equal(m.type, GW_ND_TOO_BIG);
	assert_int_equal(m.mtu, 1400);
	assert_true(gw_nd_quoted(m.quoted, m.quoted_len, &q));
	assert_true(q.esp && !q.ike);
	assert_int_equal(q.spi, 0xc0ffee01);
	assert_int_equal(q.seq, 0x1234);
	assert_int_equal(q.sport, 0);
	assert_addr(&q.src, "2001:db8::1");
	assert_addr(&q.dst, "2001:db8:f::2");
	assert_false(gw_nd_quoted(m.quoted, 47, &q));
	assert_true(gw_nd_quoted(m.quoted, 48, &q));

	m = PARSE(v_too_big_udp);
	assert_true(gw_nd_quoted(m.quoted, m.quoted_len, &q));
	assert_true(q.esp && !q.ike);
	assert_int_equal(q.spi, 0xc0ffee01);
	assert_int_equal(q.seq, 0x1234);
	assert_int_equal(q.sport, 4500);
	assert_int_equal(q.dport, 4501);
	assert_true(gw_nd_quoted(m.quoted, 55, &q)); /* the SPI is cut off */
	assert_false(q.esp);

	m = PARSE(v_unreach_ike);
	assert_int_equal(m.type, GW_ND_UNREACH);
	assert_int_equal(m.code, 1);
	assert_true(gw_nd_quoted(m.quoted, m.quoted_len, &q));
	assert_true(!q.esp && q.ike);
	m = PARSE(v_unreach_500);
	assert_true(gw_nd_quoted(m.quoted, m.quoted_len, &q));
	assert_true(!q.esp && q.ike);
	assert_int_equal(q.sport, 500);
}

static void
parse_mld(void **state)
{
	struct gw_nd m = PARSE(v_mld_query2);

	assert_int_equal(m.type, GW_ND_MLD_QUERY);
	assert_int_equal(m.max_resp_ms, (0x801 | 0x1000) << 3); /* floating point, exponent 0 */
	assert_addr(&m.target, "::");
	m = PARSE(v_mld_query1);
	assert_int_equal(m.type, GW_ND_MLD_QUERY);
	assert_int_equal(m.max_resp_ms, 10000);
	assert_addr(&m.target, "ff02::1:ff00:1");
	assert_int_equal(PARSE(v_mld_no_alert).type, GW_ND_BAD);
	assert_int_equal(PATCHED(v_mld_query2, 7, 2), GW_ND_BAD);
	assert_int_equal(PATCHED(v_mld_query2, 8, 0x20), GW_ND_BAD);
	assert_int_equal(PATCHED(v_mld_query2, 42, 6), GW_ND_BAD); /* some other option */
	assert_int_equal(PATCHED(v_mld_query2, 43, 9), GW_ND_BAD); /* its length too long */
	assert_int_equal(PATCHED(v_mld_query2, 41, 7), GW_ND_BAD); /* header too long */
}

#define assert_built(buf, len, v)                                                                  \
	do {                                                                                       \
		assert_int_equal(len, sizeof(v));                                                  \
		assert_memory_equal(buf, v, sizeof(v));                                            \
	} while (0)

static void
build(void **state)
{
	struct in6_addr our = ip6("2001:db8::1"), our_ll = ip6("fe80::5054:ff:fe12:3456");
	struct in6_addr peer = ip6("2001:db8::abcd:ef01"), all = ip6("ff02::1"), group;
	struct in6_addr groups[2] = {ip6("ff02::1:ff00:1"), ip6("ff02::1:ff12:3456")};
	uint8_t buf[GW_ND_PKT_MAX];

	memset(buf, 0xaa, sizeof(buf));
	gw_nd_solicited_node(&peer, &group);
	assert_addr(&group, "ff02::1:ffcd:ef01");
	assert_built(buf, gw_nd_build_ns(buf, &our, &group, &peer, our_mac), v_ns_ours);
	gw_nd_solicited_node(&our, &group);
	assert_built(buf, gw_nd_build_ns(buf, &in6addr_any, &group, &our, NULL), v_ns_dad);
	assert_built(buf, gw_nd_build_na(buf, &our, &peer, &our, our_mac, true, true), v_na_ours);
	assert_built(buf, gw_nd_build_na(buf, &our, &all, &our, our_mac, false, true), v_na_all);
	assert_built(buf, gw_nd_build_rs(buf, &our_ll, our_mac), v_rs);
	assert_built(buf, gw_nd_build_mld(buf, &our_ll, groups, 2, true), v_mld_join);
	assert_built(buf,
		gw_nd_build_echo_reply(buf, &our, &peer, v_echo + 40, sizeof(v_echo) - 40, 64),
		v_echo_reply);
	assert_int_equal(gw_nd_build_echo_reply(buf, &our, &peer, v_echo + 40, 7, 64), 0);
	assert_int_equal(gw_nd_build_echo_reply(buf, &our, &peer, v_na + 40, 32, 64), 0);
}

static void
build_bounds(void **state)
{
	struct in6_addr groups[40] = {0}, our = ip6("2001:db8::1");
	uint8_t buf[GW_ND_PKT_MAX], body[GW_ND_PKT_MAX] = {128};

	assert_int_equal(
		gw_nd_build_mld(buf, &our, groups, 40, false), 48 + 8 + 20 * GW_ND_GROUPS_MAX);
	assert_int_equal(buf[56], 2);
	assert_int_equal(gw_nd_build_echo_reply(buf, &our, &our, body, GW_ND_PKT_MAX - 40, 64),
		GW_ND_PKT_MAX);
	assert_int_equal(gw_nd_build_echo_reply(buf, &our, &our, body, GW_ND_PKT_MAX - 39, 64), 0);
}

static void
addresses(void **state)
{
	struct in6_addr ll, group = ip6("ff02::1:ffcd:ef01");
	uint8_t mac[6];

	gw_nd_link_local(our_mac, &ll);
	assert_addr(&ll, "fe80::5054:ff:fe12:3456");
	gw_nd_multicast_mac(&group, mac);
	assert_memory_equal(mac, "\x33\x33\xff\xcd\xef\x01", 6);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_solicitations),
		cmocka_unit_test(parse_advertisements),
		cmocka_unit_test(parse_refuses),
		cmocka_unit_test(parse_checksum),
		cmocka_unit_test(parse_bad_lladdr),
		cmocka_unit_test(parse_truncated),
		cmocka_unit_test(parse_errors),
		cmocka_unit_test(parse_mld),
		cmocka_unit_test(build),
		cmocka_unit_test(build_bounds),
		cmocka_unit_test(addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
