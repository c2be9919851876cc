/* SPDX-License-Identifier: BSD-3-Clause */
/* The outside link's state machine in virtual time: what it sends, shows and says, and when. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/ctl_nd.h"

#define SENT_MAX 4096
#define NEVER    UINT64_MAX

static const uint8_t our_mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
static const uint8_t peer_mac[6] = {2, 0, 0, 0, 0, 9};
static const uint8_t other_mac[6] = {2, 0, 0, 0, 0, 10};
static const uint8_t router_mac[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t router2_mac[6] = {2, 0, 0, 0, 0, 2};

struct sent {
	uint64_t at;
	uint8_t mac[6];
	uint8_t next; /* header */
	struct gw_nd m;
	uint8_t icmp; /* ICMPv6 type */
};

struct link {
	struct nd *nd;
	uint64_t now;
	unsigned int n_sent;
	struct sent sent[SENT_MAX];
	size_t l2_len;
	unsigned int n_publish, n_unresolved;
	unsigned int n_usable, n_duplicate, n_mtu, n_router;
	struct in6_addr router;
	unsigned int n_log[4];
	char last_log[256];
	uint32_t random;
};

static struct in6_addr
ip6(const char *text)
{
	struct in6_addr a;

	assert_int_equal(inet_pton(AF_INET6, text, &a), 1);
	return a;
}

static bool
is_addr(const struct in6_addr *a, const char *text)
{
	struct in6_addr b = ip6(text);

	return IN6_ARE_ADDR_EQUAL(a, &b);
}

/* ---- host ---- */

static void
on_send(void *arg, const uint8_t *frame, size_t len)
{
	struct link *l = arg;
	struct sent *s = &l->sent[l->n_sent];
	const uint8_t *p = frame + l->l2_len;
	size_t off;

	assert_true(l->n_sent < SENT_MAX);
	l->n_sent++;
	memset(s, 0, sizeof(*s));
	s->at = l->now;
	memcpy(s->mac, frame, 6);
	assert_memory_equal(frame + 6, our_mac, 6);
	assert_memory_equal(frame + l->l2_len - 2, "\x86\xdd", 2);
	assert_int_equal(len - l->l2_len, 40 + (p[4] << 8 | p[5]));
	s->next = p[6];
	off = p[6] == 0 ? 48 : 40;
	if (p[6] == 58 || p[6] == 0) {
		gw_nd_parse(p, len - l->l2_len, off, &s->m);
		assert_int_not_equal(s->m.type, GW_ND_BAD);
		s->icmp = p[off];
		s->m.body = s->m.quoted = NULL;
	}
}

static void
on_publish(void *arg, struct gw_nexthop *nh, const struct gw_l2hdr *l2)
{
	struct link *l = arg;
	struct gw_l2hdr *copy = NULL;

	if (l2) {
		copy = malloc(sizeof(*copy));
		*copy = *l2;
	}
	l->n_publish++;
	l->n_unresolved += l2 == NULL;
	free((void *)(uintptr_t)atomic_exchange(&nh->l2, copy));
}

static void
on_event(void *arg, const struct nd_event *ev)
{
	struct link *l = arg;

	l->n_usable += ev->type == ND_EV_ADDR_USABLE;
	l->n_duplicate += ev->type == ND_EV_ADDR_DUPLICATE;
	l->n_mtu += ev->type == ND_EV_MTU;
	if (ev->type == ND_EV_ROUTER) {
		l->n_router++;
		l->router = ev->addr;
	}
}

static void
on_log(void *arg, enum nd_log_level level, const char *msg)
{
	struct link *l = arg;

	l->n_log[level]++;
	snprintf(l->last_log, sizeof(l->last_log), "%s", msg);
}

static uint32_t
on_random(void *arg)
{
	struct link *l = arg;

	l->random = l->random * 1664525 + 1013904223;
	return l->random;
}

static struct nd_cfg
config(const char *router)
{
	struct nd_cfg cfg = {.mtu = 1500, .n_addrs = 1};
	struct in6_addr addr = ip6("2001:db8::1");

	memcpy(cfg.mac, our_mac, 6);
	cfg.addrs[0] = (struct gw_prefix){.family = AF_INET6, .bits = 64};
	memcpy(cfg.addrs[0].addr, &addr, 16);
	if (router)
		cfg.router = ip6(router);
	else
		cfg.router_auto = true;
	return cfg;
}

static struct link *
up(const struct nd_cfg *cfg)
{
	struct link *l = calloc(1, sizeof(*l));
	struct nd_ops ops = {l, on_send, on_publish, on_event, on_log, on_random};

	l->now = 1000000;
	l->l2_len = cfg->vlan ? 18 : 14;
	l->nd = nd_create(cfg, &ops, l->now);
	assert_non_null(l->nd);
	return l;
}

static void
down(struct link *l)
{
	nd_destroy(l->nd);
	free(l);
}

/* Let time pass, waking only when told to. */
static void
run(struct link *l, uint64_t ms)
{
	uint64_t end = l->now + ms;
	unsigned int turns = 0;

	for (;;) {
		uint64_t due = nd_tick(l->nd, l->now);

		assert_true(due > l->now);
		assert_true(++turns < 100000);
		if (due > end)
			break;
		l->now = due;
	}
	l->now = end;
}

/* An address is usable after a second, its announcements over after another. */
static struct link *
settled(const char *router)
{
	struct nd_cfg cfg = config(router);
	struct link *l = up(&cfg);

	run(l, 30000);
	assert_int_equal(l->n_usable, 2);
	l->n_sent = 0;
	return l;
}

static unsigned int
count(const struct link *l, uint8_t icmp)
{
	unsigned int i, n = 0;

	for (i = 0; i < l->n_sent; i++)
		n += l->sent[i].icmp == icmp;
	return n;
}

static const struct sent *
nth(const struct link *l, uint8_t icmp, unsigned int k)
{
	unsigned int i;

	for (i = 0; i < l->n_sent; i++) {
		if (l->sent[i].icmp == icmp && k-- == 0)
			return &l->sent[i];
	}
	fail_msg("no such message");
	return NULL;
}

#define NS   135
#define NA   136
#define RS   133
#define MLD  143
#define PONG 129

static const uint8_t *
mac_of(const struct gw_nexthop *nh)
{
	const struct gw_l2hdr *l2 = atomic_load(&nh->l2);

	return l2 ? l2->hdr : NULL;
}

/* ---- what others say ---- */

static void
hear_na(struct link *l, const char *target, const uint8_t *mac, bool solicited, bool override,
	bool router)
{
	struct gw_nd m = {
		.type = GW_ND_NA, .solicited = solicited, .override = override, .router = router};

	m.src = m.target = ip6(target);
	m.dst = ip6("2001:db8::1");
	m.has_lladdr = mac != NULL;
	memcpy(m.lladdr, mac ? mac : peer_mac, 6);
	nd_input(l->nd, l->now, m.lladdr, &m);
}

static void
hear_ns(struct link *l, const char *src, const char *target, const uint8_t *mac, bool lladdr)
{
	struct gw_nd m = {.type = GW_ND_NS, .has_lladdr = lladdr};

	m.src = ip6(src);
	m.target = ip6(target);
	gw_nd_solicited_node(&m.target, &m.dst);
	memcpy(m.lladdr, mac, 6);
	nd_input(l->nd, l->now, mac, &m);
}

static void
hear_ra(struct link *l, const char *src, const uint8_t *mac, uint16_t lifetime, uint32_t mtu)
{
	struct gw_nd m = {.type = GW_ND_RA, .router_lifetime_s = lifetime, .mtu = mtu};

	m.src = ip6(src);
	m.dst = ip6("ff02::1");
	m.has_lladdr = true;
	memcpy(m.lladdr, mac, 6);
	nd_input(l->nd, l->now, mac, &m);
}

static int
send_from(struct link *l, const char *src, const char *dst)
{
	uint8_t p[48] = {0x60, 0, 0, 0, 0, 8, 17, 64};
	struct in6_addr a = ip6(src), b = ip6(dst);

	memcpy(p + 8, &a, 16);
	memcpy(p + 24, &b, 16);
	return nd_send(l->nd, l->now, p, sizeof(p));
}

static int
send_to(struct link *l, const char *dst)
{
	return send_from(l, "2001:db8::1", dst);
}

static unsigned int
count_udp(const struct link *l)
{
	unsigned int i, n = 0;

	for (i = 0; i < l->n_sent; i++)
		n += l->sent[i].next == 17;
	return n;
}

struct seen {
	struct in6_addr addr;
	unsigned int n, total;
	struct nd_info info;
};

static void
on_info(void *arg, const struct nd_info *info)
{
	struct seen *s = arg;

	s->total++;
	if (IN6_ARE_ADDR_EQUAL(&info->addr, &s->addr)) {
		s->n++;
		s->info = *info;
	}
}

static const char *
state_of(struct link *l, const char *addr)
{
	struct seen s = {.addr = ip6(addr)};

	nd_walk(l->nd, on_info, &s);
	return s.n ? s.info.state : "none";
}

static unsigned int
table_size(struct link *l)
{
	struct seen s = {.total = 0};

	nd_walk(l->nd, on_info, &s);
	return s.total;
}

/* ---- our addresses ---- */

static void
address_comes_up(void **state)
{
	struct nd_cfg cfg = config("::");
	struct link *l = up(&cfg);
	struct gw_local local;
	uint8_t macs[8][6];

	assert_int_equal(l->n_sent, 0);
	nd_local(l->nd, &local);
	assert_int_equal(local.n, 0);
	assert_int_equal(local.n_tentative, 2); /* another that checks the same one must be heard */
	run(l, 150);
	/* joined first, then one probe for each address, from nobody and without a MAC */
	assert_int_equal(l->sent[0].icmp, MLD);
	assert_true(is_addr(&l->sent[0].m.src, "::"));
	assert_int_equal(count(l, NS), 2);
	assert_true(is_addr(&nth(l, NS, 0)->m.src, "::"));
	assert_false(nth(l, NS, 0)->m.has_lladdr);
	assert_int_equal(l->n_usable, 0);
	run(l, 1000);
	assert_int_equal(l->n_usable, 2);
	nd_local(l->nd, &local);
	assert_int_equal(local.n, 2);
	assert_int_equal(local.n_tentative, 0);
	assert_true(is_addr(&local.addr[0], "2001:db8::1"));
	assert_true(is_addr(&local.addr[1], "fe80::5054:ff:fe12:3456"));
	run(l, 5000);
	assert_int_equal(count(l, NS), 2);
	assert_int_equal(count(l, NA), 4); /* two announcements each */
	assert_true(nth(l, NA, 0)->m.override && !nth(l, NA, 0)->m.solicited);
	assert_true(is_addr(&nth(l, NA, 0)->m.dst, "ff02::1"));
	assert_memory_equal(nth(l, NA, 0)->mac, "\x33\x33\0\0\0\x01", 6);
	assert_true(count(l, MLD) >= 3);
	assert_true(is_addr(&nth(l, MLD, count(l, MLD) - 1)->m.src, "fe80::5054:ff:fe12:3456"));
	assert_int_equal(nd_mcast_macs(l->nd, macs, 8), 3);
	assert_int_equal(nd_mcast_macs(l->nd, macs, 2), 2);
	assert_memory_equal(macs[0], "\x33\x33\xff\0\0\x01", 6);
	down(l);
}

static void
address_without_dad(void **state)
{
	struct nd_cfg cfg = config("::");
	struct link *l;

	cfg.no_dad = true;
	l = up(&cfg);
	nd_tick(l->nd, l->now);
	assert_int_equal(l->n_usable, 2);
	assert_int_equal(count(l, NS), 0);
	down(l);
}

static void
duplicate_by_advertisement(void **state)
{
	struct nd_cfg cfg = config("::");
	struct link *l = up(&cfg);
	enum nd_addr_state st;
	struct in6_addr addr = ip6("2001:db8::1");
	struct gw_local local;

	run(l, 500);
	hear_na(l, "2001:db8::1", peer_mac, false, true, false);
	run(l, 60000);
	assert_int_equal(l->n_duplicate, 1);
	assert_int_equal(l->n_log[ND_LOG_ERROR], 1);
	assert_true(nd_addr_state(l->nd, &addr, &st));
	assert_int_equal(st, ND_ADDR_DUPLICATE);
	nd_local(l->nd, &local);
	assert_int_equal(local.n, 1);
	assert_int_equal(send_to(l, "2001:db8::9"), -EADDRNOTAVAIL);
	/* nor is it ever defended */
	l->n_sent = 0;
	hear_ns(l, "2001:db8::9", "2001:db8::1", peer_mac, true);
	hear_ns(l, "::", "2001:db8::1", peer_mac, false);
	assert_int_equal(l->n_sent, 0);
	down(l);
}

static void
duplicate_by_probe(void **state)
{
	struct nd_cfg cfg = config("::");
	struct link *l = up(&cfg);

	run(l, 500);
	hear_ns(l, "::", "2001:db8::1", our_mac, false); /* our own, come back */
	hear_ns(l, "2001:db8::9", "2001:db8::1", peer_mac,
		true); /* asks for it: does not have it */
	assert_int_equal(l->n_duplicate, 0);
	assert_int_equal(count(l, NA), 0);
	hear_ns(l, "::", "2001:db8::1", peer_mac, false);
	assert_int_equal(l->n_duplicate, 1);
	down(l);
}

static void
answers_and_defends(void **state)
{
	struct link *l = settled("::");
	unsigned int before = table_size(l);

	hear_ns(l, "2001:db8::9", "2001:db8::1", peer_mac, true);
	assert_int_equal(l->n_sent, 1);
	assert_memory_equal(l->sent[0].mac, peer_mac, 6);
	assert_true(l->sent[0].m.solicited && l->sent[0].m.override && !l->sent[0].m.router);
	assert_memory_equal(l->sent[0].m.lladdr, our_mac, 6);
	assert_true(is_addr(&l->sent[0].m.dst, "2001:db8::9"));
	hear_ns(l, "2001:db8::9", "2001:db8::1", other_mac, false); /* a unicast probe */
	assert_memory_equal(l->sent[1].mac, other_mac, 6);
	hear_ns(l, "::", "2001:db8::1", peer_mac, false);
	assert_int_equal(l->n_sent, 3);
	assert_true(is_addr(&l->sent[2].m.dst, "ff02::1"));
	assert_false(l->sent[2].m.solicited);
	hear_ns(l, "2001:db8::9", "2001:db8::2", peer_mac, true); /* not ours */
	hear_ns(l, "2001:db8::1", "2001:db8::1", peer_mac, true); /* says it is us */
	assert_int_equal(l->n_sent, 3);
	assert_int_equal(table_size(l), before); /* strangers leave no trace */
	/* another host uses our address: said and countered, but not each time */
	hear_na(l, "2001:db8::1", other_mac, false, true, false);
	hear_na(l, "2001:db8::1", other_mac, false, true, false);
	assert_int_equal(l->n_sent, 4);
	assert_int_equal(l->n_log[ND_LOG_WARN], 1);
	down(l);
}

static void
answers_queries(void **state)
{
	struct link *l = settled("::");
	struct gw_nd m = {.type = GW_ND_MLD_QUERY, .max_resp_ms = 10000};

	m.src = ip6("fe80::1");
	m.dst = ip6("ff02::1");
	nd_input(l->nd, l->now, router_mac, &m);
	nd_input(l->nd, l->now, router_mac, &m);
	run(l, 10000);
	assert_int_equal(count(l, MLD), 1);
	m.target = ip6("ff02::1:ff00:99"); /* not our group */
	nd_input(l->nd, l->now, router_mac, &m);
	run(l, 10000);
	assert_int_equal(count(l, MLD), 1);
	m.target = ip6("ff02::1:ff00:1");
	nd_input(l->nd, l->now, router_mac, &m);
	run(l, 10000);
	assert_int_equal(count(l, MLD), 2);
	down(l);
}

static void
echoes(void **state)
{
	static const uint8_t body[16] = {128, 0, 0, 0, 0x12, 0x34, 0, 1, 'h', 'i'};
	struct link *l = settled("::");
	struct gw_nd m = {.type = GW_ND_ECHO, .body = body, .body_len = sizeof(body)};
	struct nd_stats st;
	unsigned int i;

	m.src = ip6("2001:db8:f::9");
	m.dst = ip6("2001:db8::1");
	nd_input(l->nd, l->now, router_mac, &m);
	assert_int_equal(count(l, PONG), 1);
	assert_memory_equal(l->sent[0].mac, router_mac, 6);
	assert_true(is_addr(&l->sent[0].m.dst, "2001:db8:f::9"));
	assert_true(is_addr(&l->sent[0].m.src, "2001:db8::1"));
	m.dst = ip6("fe80::5054:ff:fe12:3456");
	nd_input(l->nd, l->now, router_mac, &m);
	assert_int_equal(count(l, PONG), 2);
	m.dst = ip6("ff02::1");
	nd_input(l->nd, l->now, router_mac, &m);
	m.dst = ip6("2001:db8::1");
	m.src = ip6("::");
	nd_input(l->nd, l->now, router_mac, &m);
	m.src = ip6("2001:db8::1");
	nd_input(l->nd, l->now, router_mac, &m);
	assert_int_equal(count(l, PONG), 2);
	m.src = ip6("2001:db8:f::9");
	for (i = 0; i < 1000; i++)
		nd_input(l->nd, l->now, router_mac, &m);
	assert_in_range(count(l, PONG), 100, 250);
	nd_get_stats(l->nd, &st);
	assert_in_range(st.echo_limited, 750, 900);
	l->n_sent = 0;
	l->now += 1000;
	nd_input(l->nd, l->now, router_mac, &m);
	assert_int_equal(count(l, PONG), 1);
	assert_int_equal(table_size(l), 0);
	down(l);
}

/* ---- neighbours ---- */

static void
resolves(void **state)
{
	struct link *l = settled("::");
	struct in6_addr peer = ip6("2001:db8::9");
	struct gw_nexthop *nh = nd_nexthop(l->nd, l->now, &peer);

	assert_non_null(nh);
	assert_null(mac_of(nh));
	run(l, 10);
	assert_int_equal(count(l, NS), 1);
	assert_true(is_addr(&l->sent[0].m.src, "2001:db8::1"));
	assert_true(is_addr(&l->sent[0].m.dst, "ff02::1:ff00:9"));
	assert_memory_equal(l->sent[0].mac, "\x33\x33\xff\0\0\x09", 6);
	assert_memory_equal(l->sent[0].m.lladdr, our_mac, 6);
	hear_na(l, "2001:db8::9", NULL, true, true, false); /* without MAC: worth nothing */
	assert_null(mac_of(nh));
	hear_na(l, "2001:db8::9", peer_mac, true, true, false);
	assert_memory_equal(mac_of(nh), peer_mac, 6);
	assert_memory_equal(mac_of(nh) + 6, our_mac, 6);
	assert_int_equal(atomic_load(&nh->l2)->len, 14);
	assert_string_equal(state_of(l, "2001:db8::9"), "REACHABLE");
	assert_ptr_equal(nd_nexthop(l->nd, l->now, &peer), nh); /* the same one again */
	nd_nexthop_put(l->nd, nh);
	assert_memory_equal(mac_of(nh), peer_mac, 6);
	nd_nexthop_put(l->nd, nh);
	run(l, 200000);
	assert_int_equal(table_size(l), 0); /* nobody refers to it: forgotten */
	down(l);
}

static void
vlan_tag(void **state)
{
	struct nd_cfg cfg = config("::");
	struct in6_addr peer = ip6("2001:db8::9");
	struct gw_nexthop *nh;
	struct link *l;

	cfg.vlan = 0x123;
	l = up(&cfg);
	run(l, 3000);
	nh = nd_nexthop(l->nd, l->now, &peer);
	hear_na(l, "2001:db8::9", peer_mac, true, true, false);
	assert_int_equal(atomic_load(&nh->l2)->len, 18);
	assert_memory_equal(mac_of(nh) + 12, "\x81\x00\x01\x23\x86\xdd", 6);
	nd_nexthop_put(l->nd, nh);
	down(l);
}

/* Three questions a second apart, then ever more rarely, for ever; said once; then it comes back.
 */
static void
dead_neighbour(void **state)
{
	struct link *l = settled("::");
	struct in6_addr peer = ip6("2001:db8::9");
	struct gw_nexthop *nh = nd_nexthop(l->nd, l->now, &peer);
	uint64_t start = l->now;
	unsigned int n;

	run(l, 2500);
	assert_int_equal(count(l, NS), 3);
	assert_int_equal(l->n_log[ND_LOG_WARN], 0);
	run(l, 600000);
	assert_int_equal(l->n_log[ND_LOG_WARN], 1);
	n = count(l, NS);
	assert_in_range(n, 3 + 50, 3 + 70);
	assert_in_range(nth(l, NS, 3)->at - start, 3000, 3100);
	assert_in_range(nth(l, NS, 4)->at - nth(l, NS, 3)->at, 2000, 2000);
	assert_in_range(nth(l, NS, n - 1)->at - nth(l, NS, n - 2)->at, 10000, 10000);
	/* control wants to send: asked again at once, and what is sent waits */
	run(l, 2000);
	n = count(l, NS);
	assert_int_equal(send_to(l, "2001:db8::9"), 0);
	run(l, 1);
	assert_int_equal(count(l, NS), n + 1);
	assert_int_equal(count_udp(l), 0);
	hear_na(l, "2001:db8::9", peer_mac, true, true, false);
	assert_memory_equal(mac_of(nh), peer_mac, 6);
	assert_int_equal(count_udp(l), 1);
	assert_non_null(strstr(l->last_log, "answers again"));
	nd_nexthop_put(l->nd, nh);
	down(l);
}

/* Idle: goes stale and is left alone. In use: probed, and stays as long as it answers. */
static void
unreachability_detection(void **state)
{
	struct link *l = settled("::");
	struct in6_addr peer = ip6("2001:db8::9");
	struct gw_nexthop *nh = nd_nexthop(l->nd, l->now, &peer);
	unsigned int i;

	hear_na(l, "2001:db8::9", peer_mac, true, true, false);
	run(l, 14000);
	assert_string_equal(state_of(l, "2001:db8::9"), "REACHABLE");
	run(l, 40000);
	assert_string_equal(state_of(l, "2001:db8::9"), "STALE");
	l->n_sent = 0;
	run(l, 3600000);
	assert_int_equal(l->n_sent, 0);
	assert_memory_equal(mac_of(nh), peer_mac, 6);

	atomic_store(&nh->used, 1);
	run(l, 1001);
	assert_string_equal(state_of(l, "2001:db8::9"), "DELAY");
	run(l, 5000);
	assert_string_equal(state_of(l, "2001:db8::9"), "PROBE");
	assert_int_equal(l->n_sent, 1);
	assert_memory_equal(l->sent[0].mac, peer_mac, 6); /* unicast */
	assert_true(is_addr(&l->sent[0].m.dst, "2001:db8::9"));
	hear_na(l, "2001:db8::9", NULL, true, true, false);
	assert_string_equal(state_of(l, "2001:db8::9"), "REACHABLE");
	/* in use for an hour, always answering */
	l->n_publish = 0;
	for (i = 0; i < 3600; i++) {
		atomic_store(&nh->used, 1);
		run(l, 1000);
		if (strcmp(state_of(l, "2001:db8::9"), "PROBE") == 0)
			hear_na(l, "2001:db8::9", NULL, true, false, false);
		assert_non_null(mac_of(nh));
	}
	assert_int_equal(l->n_publish, 0);
	assert_in_range(count(l, NS), 50, 200);
	nd_nexthop_put(l->nd, nh);
	down(l);
}

/* Three unicast probes, three multicast ones with the old MAC still in use, then nothing. */
static void
fails_probes(void **state)
{
	struct link *l = settled("::");
	struct in6_addr peer = ip6("2001:db8::9");
	struct gw_nexthop *nh = nd_nexthop(l->nd, l->now, &peer);
	unsigned int i;

	hear_na(l, "2001:db8::9", peer_mac, true, true, false);
	run(l, 60000);
	l->n_sent = 0;
	atomic_store(&nh->used, 1);
	run(l, 1000 + 5000 + 5500);
	assert_int_equal(count(l, NS), 6);
	for (i = 0; i < 6; i++)
		assert_int_equal(nth(l, NS, i)->mac[0] == 0x33, i >= 3);
	assert_memory_equal(mac_of(nh), peer_mac, 6);
	assert_int_equal(l->n_log[ND_LOG_WARN], 0);
	run(l, 1000);
	assert_null(mac_of(nh));
	assert_string_equal(state_of(l, "2001:db8::9"), "INCOMPLETE");
	assert_int_equal(l->n_log[ND_LOG_WARN], 1);
	run(l, 100000);
	assert_int_equal(l->n_log[ND_LOG_WARN], 1);
	hear_na(l, "2001:db8::9", other_mac, true, true, false);
	assert_memory_equal(mac_of(nh), other_mac, 6);
	nd_nexthop_put(l->nd, nh);
	down(l);
}

static void
hints_spare_probes(void **state)
{
	struct link *l = settled("::");
	struct in6_addr peer = ip6("2001:db8::9");
	struct gw_nexthop *nh = nd_nexthop(l->nd, l->now, &peer);
	unsigned int i;

	nd_confirm(l->nd, l->now, &peer); /* nothing known yet: no proof */
	assert_string_equal(state_of(l, "2001:db8::9"), "INCOMPLETE");
	hear_na(l, "2001:db8::9", peer_mac, true, true, false);
	l->n_sent = 0;
	for (i = 0; i < 1200; i++) {
		atomic_store(&nh->used, 1);
		run(l, 1000);
		nd_confirm(l->nd, l->now, &peer);
		if (strcmp(state_of(l, "2001:db8::9"), "PROBE") == 0)
			hear_na(l, "2001:db8::9", NULL, true, true, false);
	}
	assert_in_range(l->n_sent, 6, 10);
	/* it takes nothing any more, but packets still come in, by whatever way: noticed all the
	 * same */
	for (i = 0; i < 200; i++) {
		atomic_store(&nh->used, 1);
		run(l, 1000);
		nd_confirm(l->nd, l->now, &peer);
	}
	assert_null(mac_of(nh));
	nd_nexthop_put(l->nd, nh);
	down(l);
}

/* RFC 4861 7.2.5, the table of appendix C for entries that have a MAC */
static void
advertisement_table(void **state)
{
	static const struct {
		bool solicited, override, other, mac; /* heard */
		const char *from, *to;
		bool changed;
	} rows[] = {
		{true, false, false, true, "STALE", "REACHABLE", false},
		{true, true, false, true, "STALE", "REACHABLE", false},
		{true, true, false, false, "STALE", "REACHABLE", false},
		{true, false, true, true, "REACHABLE", "STALE", false},
		{true, false, true, true, "STALE", "STALE", false},
		{true, true, true, true, "STALE", "REACHABLE", true},
		{false, false, false, true, "REACHABLE", "REACHABLE", false},
		{false, false, true, true, "REACHABLE", "STALE", false},
		{false, false, true, true, "STALE", "STALE", false},
		{false, true, false, true, "STALE", "STALE", false},
		{false, true, true, true, "REACHABLE", "STALE", true},
		{false, true, true, true, "STALE", "STALE", true},
	};
	struct in6_addr peer = ip6("2001:db8::9");
	unsigned int i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct link *l = settled("::");
		struct gw_nexthop *nh = nd_nexthop(l->nd, l->now, &peer);

		hear_na(l, "2001:db8::9", peer_mac, rows[i].from[0] == 'R', true, false);
		assert_string_equal(state_of(l, "2001:db8::9"), rows[i].from);
		hear_na(l, "2001:db8::9",
			rows[i].mac ? (rows[i].other ? other_mac : peer_mac) : NULL,
			rows[i].solicited, rows[i].override, false);
		assert_string_equal(state_of(l, "2001:db8::9"), rows[i].to);
		assert_memory_equal(mac_of(nh), rows[i].changed ? other_mac : peer_mac, 6);
		nd_nexthop_put(l->nd, nh);
		down(l);
	}
}

/* A solicitation of the neighbour's own tells its MAC, but only of one that we want to know. */
static void
learns_from_solicitation(void **state)
{
	struct link *l = settled("::");
	struct in6_addr peer = ip6("2001:db8::9");
	struct gw_nexthop *nh = nd_nexthop(l->nd, l->now, &peer);

	hear_ns(l, "2001:db8::9", "2001:db8::1", peer_mac, true);
	assert_memory_equal(mac_of(nh), peer_mac, 6);
	assert_string_equal(state_of(l, "2001:db8::9"), "STALE");
	nd_nexthop_put(l->nd, nh);
	down(l);
}

/* Packets of control's own wait for the address and for the neighbour; the newest few survive. */
static void
packets_wait(void **state)
{
	struct nd_cfg cfg = config("::");
	struct link *l = up(&cfg);
	struct nd_stats st;
	unsigned int i;

	for (i = 0; i < 6; i++)
		assert_int_equal(send_to(l, "2001:db8::9"), 0);
	run(l, 1500);
	assert_int_equal(count_udp(l), 0);
	hear_na(l, "2001:db8::9", peer_mac, true, true, false);
	assert_int_equal(count_udp(l), 4);
	nd_get_stats(l->nd, &st);
	assert_int_equal(st.queue_dropped, 2);
	assert_int_equal(send_to(l, "2001:db8::9"), 0);
	assert_int_equal(count_udp(l), 5);
	assert_int_equal(send_to(l, "2001:db8::1"), -EINVAL);
	assert_int_equal(send_from(l, "2001:db8::77", "2001:db8::9"), -EADDRNOTAVAIL);
	down(l);
}

static void
refuses_nonsense(void **state)
{
	static const char *const bad[] = {"::", "ff02::1", "2001:db8::1", "::1"};
	struct link *l = settled("::");
	struct in6_addr dst;
	uint8_t p[2000] = {0x60, 0, 0, 8};
	unsigned int i;

	for (i = 0; i < 4; i++) {
		dst = ip6(bad[i]);
		errno = 0;
		assert_null(nd_nexthop(l->nd, l->now, &dst));
		assert_int_equal(errno, EINVAL);
	}
	assert_int_equal(nd_send(l->nd, l->now, p, 39), -EINVAL);
	assert_int_equal(nd_send(l->nd, l->now, p, 60), -EINVAL);
	p[4] = 1461 >> 8;
	p[5] = 1461 & 0xff;
	assert_int_equal(nd_send(l->nd, l->now, p, 1501), -EMSGSIZE);
	down(l);
}

static void
table_is_bounded(void **state)
{
	struct link *l = settled("::");
	struct gw_nexthop *nh[ND_NEIGHBOURS_MAX];
	struct in6_addr dst = ip6("2001:db8::");
	char text[64];
	unsigned int i;

	/* strays, made by answering whoever asks: no more than 200 a second, or the link is full of
	 * our solicitations */
	for (i = 0; i < 500; i++) {
		snprintf(text, sizeof(text), "2001:db8::5:%x", i + 1);
		assert_int_equal(send_to(l, text), i < 200 ? 0 : -EBUSY);
	}
	run(l, 100);
	for (i = 0; i < 50; i++) {
		snprintf(text, sizeof(text), "2001:db8::6:%x", i + 1);
		assert_int_equal(send_to(l, text), i < 20 ? 0 : -EBUSY);
	}
	assert_int_equal(table_size(l), ND_STRAY_MAX);
	/* do not stand in the way of what is wanted */
	for (i = 0; i < ND_NEIGHBOURS_MAX; i++) {
		dst.s6_addr[13] = 9;
		dst.s6_addr[14] = (uint8_t)(i >> 8);
		dst.s6_addr[15] = (uint8_t)i;
		nh[i] = nd_nexthop(l->nd, l->now, &dst);
		assert_non_null(nh[i]);
	}
	assert_int_equal(table_size(l), ND_NEIGHBOURS_MAX);
	dst.s6_addr[13] = 10;
	assert_null(nd_nexthop(l->nd, l->now, &dst));
	assert_int_equal(errno, ENOSPC);
	run(l, 100);
	assert_int_equal(send_to(l, "2001:db8::5:1"), -ENOSPC);
	for (i = 0; i < ND_NEIGHBOURS_MAX; i++)
		nd_nexthop_put(l->nd, nh[i]);
	run(l, 10000); /* none ever answered */
	assert_int_equal(table_size(l), 0);
	down(l);
}

/* ---- routers ---- */

static void
asks_for_routers(void **state)
{
	struct nd_cfg cfg = config(NULL);
	struct link *l = up(&cfg);
	struct in6_addr far = ip6("2001:db8:f::2");
	struct gw_nexthop *nh = nd_nexthop(l->nd, l->now, &far);
	unsigned int n;

	run(l, 900);
	assert_int_equal(count(l, RS), 1); /* before we have an address, so as to lose no time */
	assert_true(is_addr(&nth(l, RS, 0)->m.src, "::"));
	run(l, 12000);
	n = count(l, RS);
	assert_in_range(n, 3, 5);
	assert_true(is_addr(&nth(l, RS, 1)->m.src, "fe80::5054:ff:fe12:3456"));
	assert_int_equal(send_to(l, "2001:db8:f::2"), 0);
	assert_null(mac_of(nh));
	hear_ra(l, "fe80::1", router_mac, 1800, 1480);
	assert_memory_equal(mac_of(nh), router_mac, 6);
	assert_int_equal(count_udp(l), 1); /* it waited for a router */
	assert_int_equal(nd_mtu(l->nd), 1480);
	assert_int_equal(l->n_mtu, 1);
	assert_int_equal(l->n_router, 1);
	assert_true(is_addr(&l->router, "fe80::1"));
	n = count(l, RS);
	run(l, 1700000);
	assert_int_equal(count(l, RS), n);
	run(l, 200000); /* its lifetime is over */
	assert_null(mac_of(nh));
	assert_true(is_addr(&l->router, "::"));
	assert_true(count(l, RS) > n);
	nd_nexthop_put(l->nd, nh);
	down(l);
}

static void
mtu_option(void **state)
{
	struct link *l = settled(NULL);

	hear_ra(l, "fe80::1", router_mac, 1800, 1279);
	hear_ra(l, "fe80::1", router_mac, 1800, 9000); /* more than the port's */
	hear_ra(l, "fe80::1", router_mac, 1800, 0);
	assert_int_equal(nd_mtu(l->nd), 1500);
	hear_ra(l, "fe80::1", router_mac, 1800, 1280);
	assert_int_equal(nd_mtu(l->nd), 1280);
	hear_ra(l, "fe80::1", router_mac, 1800, 1500);
	assert_int_equal(nd_mtu(l->nd), 1500);
	down(l);
}

/* A dead router gives way to a live one without a moment without next hop, on the same object. */
static void
two_routers(void **state)
{
	struct link *l = settled(NULL);
	struct in6_addr far = ip6("2001:db8:f::2");
	struct gw_nexthop *nh = nd_nexthop(l->nd, l->now, &far);
	unsigned int i;

	hear_ra(l, "fe80::1", router_mac, 9000, 0);
	hear_ra(l, "fe80::2", router2_mac, 9000, 0);
	assert_memory_equal(mac_of(nh), router_mac, 6);
	for (i = 0; i < 60; i++) {
		atomic_store(&nh->used, 1);
		run(l, 1000);
		if (strcmp(state_of(l, "fe80::2"), "PROBE") == 0)
			hear_na(l, "fe80::2", router2_mac, true, true, true);
	}
	assert_int_equal(l->n_unresolved, 0);
	assert_memory_equal(mac_of(nh), router2_mac, 6);
	assert_string_equal(state_of(l, "fe80::1"), "INCOMPLETE");
	/* it stays with the one that works, also when the other is back */
	hear_na(l, "fe80::1", router_mac, true, true, true);
	hear_na(l, "fe80::2", router2_mac, true, true, true);
	assert_memory_equal(mac_of(nh), router2_mac, 6);
	hear_ra(l, "fe80::2", router2_mac, 0, 0); /* resigns */
	assert_memory_equal(mac_of(nh), router_mac, 6);
	hear_na(l, "fe80::1", router_mac, true, true, false); /* turns host */
	assert_null(mac_of(nh));
	nd_nexthop_put(l->nd, nh);
	down(l);
}

static void
static_router(void **state)
{
	struct link *l = settled("fe80::1");
	struct in6_addr far = ip6("2001:db8:f::2"), near = ip6("2001:db8::9");
	struct gw_nexthop *nh = nd_nexthop(l->nd, l->now, &far), *nh2;

	assert_null(mac_of(nh));
	assert_string_equal(state_of(l, "fe80::1"), "INCOMPLETE");
	run(l, 11000);
	assert_true(count(l, NS) > 0);
	assert_true(is_addr(&nth(l, NS, 0)->m.src, "fe80::5054:ff:fe12:3456"));
	hear_ra(l, "fe80::2", router2_mac, 1800, 1400); /* not asked for */
	assert_string_equal(state_of(l, "fe80::2"), "none");
	assert_int_equal(nd_mtu(l->nd), 1500);
	hear_na(l, "fe80::1", router_mac, true, true, false); /* no matter what it says it is */
	assert_memory_equal(mac_of(nh), router_mac, 6);
	nh2 = nd_nexthop(l->nd, l->now, &near);
	assert_ptr_not_equal(nh, nh2);
	nd_nexthop_put(l->nd, nh);
	nd_nexthop_put(l->nd, nh2);
	assert_int_equal(count(l, RS), 0);
	down(l);
}

static void
router_list_is_bounded(void **state)
{
	struct link *l = settled(NULL);
	char text[32];
	unsigned int i;

	for (i = 1; i <= 100; i++) {
		snprintf(text, sizeof(text), "fe80::%x", i);
		hear_ra(l, text, router_mac, 1800, 0);
	}
	assert_int_equal(table_size(l), ND_ROUTERS_MAX);
	down(l);
}

static void
ignores_its_own(void **state)
{
	struct link *l = settled(NULL);

	hear_ra(l, "fe80::5054:ff:fe12:3456", router_mac, 1800, 1400);
	hear_ra(l, "fe80::7", our_mac, 1800, 1400);
	assert_int_equal(table_size(l), 0);
	assert_int_equal(nd_mtu(l->nd), 1500);
	down(l);
}

static void
refuses_configurations(void **state)
{
	struct nd_ops ops = {NULL, on_send, on_publish, on_event, on_log, on_random};
	struct nd_cfg cfg = config("::");

	cfg.mtu = 1279;
	assert_null(nd_create(&cfg, &ops, 0));
	cfg = config("::");
	cfg.addrs[0].family = AF_INET;
	assert_null(nd_create(&cfg, &ops, 0));
	cfg = config("ff02::1");
	assert_null(nd_create(&cfg, &ops, 0));
	cfg = config("::");
	cfg.vlan = 4095;
	assert_null(nd_create(&cfg, &ops, 0));
	assert_int_equal(errno, EINVAL);
	nd_destroy(NULL);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(address_comes_up),
		cmocka_unit_test(address_without_dad),
		cmocka_unit_test(duplicate_by_advertisement),
		cmocka_unit_test(duplicate_by_probe),
		cmocka_unit_test(answers_and_defends),
		cmocka_unit_test(answers_queries),
		cmocka_unit_test(echoes),
		cmocka_unit_test(resolves),
		cmocka_unit_test(vlan_tag),
		cmocka_unit_test(dead_neighbour),
		cmocka_unit_test(unreachability_detection),
		cmocka_unit_test(fails_probes),
		cmocka_unit_test(hints_spare_probes),
		cmocka_unit_test(advertisement_table),
		cmocka_unit_test(learns_from_solicitation),
		cmocka_unit_test(packets_wait),
		cmocka_unit_test(refuses_nonsense),
		cmocka_unit_test(table_is_bounded),
		cmocka_unit_test(asks_for_routers),
		cmocka_unit_test(mtu_option),
		cmocka_unit_test(two_routers),
		cmocka_unit_test(static_router),
		cmocka_unit_test(router_list_is_bounded),
		cmocka_unit_test(ignores_its_own),
		cmocka_unit_test(refuses_configurations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
