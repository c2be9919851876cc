/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel's messages to routes and neighbours (lib/rtnl), and its routes to one for each prefix
 * (app/ctl_rib). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "app/ctl_rib.h"
#include "lib/rtnl.h"

#define INSIDE 7
#define GRE1   11
#define ETH0   2

static _Alignas(8) uint8_t buf[1024];

/* ---- messages ---- */

static struct nlmsghdr *
route_msg(uint8_t family, const char *dst, uint8_t bits, uint8_t table, uint8_t type)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct rtmsg *rtm;
	uint8_t addr[16];

	h->nlmsg_type = RTM_NEWROUTE;
	rtm = mnl_nlmsg_put_extra_header(h, sizeof(*rtm));
	rtm->rtm_family = family;
	rtm->rtm_dst_len = bits;
	rtm->rtm_table = table;
	rtm->rtm_type = type;
	if (dst != NULL) {
		assert_int_equal(inet_pton(family, dst, addr), 1);
		mnl_attr_put(h, RTA_DST, family == AF_INET ? 4 : 16, addr);
	}
	return h;
}

static void
put_addr(struct nlmsghdr *h, uint16_t attr, uint8_t family, const char *text)
{
	uint8_t addr[16];

	assert_int_equal(inet_pton(family, text, addr), 1);
	mnl_attr_put(h, attr, family == AF_INET ? 4 : 16, addr);
}

static void
assert_addr(const uint8_t *addr, uint8_t family, const char *text)
{
	uint8_t want[16];

	assert_int_equal(inet_pton(family, text, want), 1);
	assert_memory_equal(addr, want, family == AF_INET ? 4 : 16);
}

static void
test_route(void **state)
{
	struct gw_rtnl_route r;
	struct nlmsghdr *h = route_msg(AF_INET, "10.3.0.0", 24, RT_TABLE_MAIN, RTN_UNICAST);

	mnl_attr_put_u32(h, RTA_OIF, INSIDE);
	put_addr(h, RTA_GATEWAY, AF_INET, "10.1.0.3");
	mnl_attr_put_u32(h, RTA_PRIORITY, 100);
	assert_true(gw_rtnl_route(h, &r));
	assert_int_equal(r.type, GW_RTNL_UNICAST);
	assert_int_equal(r.dst.family, AF_INET);
	assert_int_equal(r.dst.bits, 24);
	assert_addr(r.dst.addr, AF_INET, "10.3.0.0");
	assert_int_equal(r.table, RT_TABLE_MAIN);
	assert_int_equal(r.metric, 100);
	assert_int_equal(r.n_legs, 1);
	assert_int_equal(r.leg[0].ifindex, INSIDE);
	assert_int_equal(r.leg[0].family, AF_INET);
	assert_addr(r.leg[0].via, AF_INET, "10.1.0.3");
	assert_false(r.leg[0].dead);

	h = route_msg(AF_INET6, NULL, 0, RT_TABLE_UNSPEC, RTN_UNICAST);
	mnl_attr_put_u32(h, RTA_TABLE, 1000);
	mnl_attr_put_u32(h, RTA_OIF, GRE1);
	((struct rtmsg *)mnl_nlmsg_get_payload(h))->rtm_flags = RTNH_F_DEAD | RTNH_F_LINKDOWN;
	assert_true(gw_rtnl_route(h, &r));
	assert_int_equal(r.dst.family, AF_INET6);
	assert_int_equal(r.dst.bits, 0);
	assert_int_equal(r.table, 1000);
	assert_int_equal(r.leg[0].family, 0);
	assert_true(r.leg[0].dead);
	/* no carrier is not dead: a tunnel without an SA keeps its routes */
	((struct rtmsg *)mnl_nlmsg_get_payload(h))->rtm_flags = RTNH_F_LINKDOWN;
	assert_true(gw_rtnl_route(h, &r));
	assert_false(r.leg[0].dead);
}

/* an IPv6 gateway of an IPv4 route (RFC 8950) */
static void
test_route_via(void **state)
{
	struct nlmsghdr *h = route_msg(AF_INET, "10.3.0.0", 24, RT_TABLE_MAIN, RTN_UNICAST);
	uint8_t via[2 + 16] = {AF_INET6, 0, 0xfe, 0x80, [17] = 3};
	struct gw_rtnl_route r;

	mnl_attr_put_u32(h, RTA_OIF, INSIDE);
	mnl_attr_put(h, RTA_VIA, sizeof(via), via);
	assert_true(gw_rtnl_route(h, &r));
	assert_int_equal(r.leg[0].family, AF_INET6);
	assert_addr(r.leg[0].via, AF_INET6, "fe80::3");
	/* of a length that its family has not */
	h = route_msg(AF_INET, "10.3.0.0", 24, RT_TABLE_MAIN, RTN_UNICAST);
	mnl_attr_put(h, RTA_VIA, 6 + 1, via);
	assert_false(gw_rtnl_route(h, &r));
}

static void
put_leg(struct nlmsghdr *h, int ifindex, uint8_t flags, const char *gateway)
{
	struct rtnexthop *nh = mnl_nlmsg_get_payload_tail(h);
	uint8_t addr[4];
	struct nlattr *a = (struct nlattr *)(nh + 1);

	memset(nh, 0, sizeof(*nh));
	nh->rtnh_ifindex = ifindex;
	nh->rtnh_flags = flags;
	nh->rtnh_len = sizeof(*nh) + MNL_ATTR_HDRLEN + 4;
	a->nla_type = RTA_GATEWAY;
	a->nla_len = MNL_ATTR_HDRLEN + 4;
	inet_pton(AF_INET, gateway, addr);
	memcpy(a + 1, addr, 4);
	h->nlmsg_len += nh->rtnh_len;
}

static struct nlmsghdr *
multipath_of(int first, uint8_t flags, int second, uint8_t flags2)
{
	struct nlmsghdr *h = route_msg(AF_INET, "10.3.0.0", 24, RT_TABLE_MAIN, RTN_UNICAST);
	struct nlattr *nest = mnl_attr_nest_start(h, RTA_MULTIPATH);

	put_leg(h, first, flags, "10.1.0.3");
	put_leg(h, second, flags2, "10.1.0.4");
	mnl_attr_nest_end(h, nest);
	return h;
}

static struct nlmsghdr *
multipath(int first, uint8_t flags, int second)
{
	return multipath_of(first, flags, second, 0);
}

static void
test_route_legs(void **state)
{
	struct nlmsghdr *h = multipath(ETH0, RTNH_F_DEAD, INSIDE);
	struct gw_rtnl_route r;

	assert_true(gw_rtnl_route(h, &r));
	assert_int_equal(r.n_legs, 2);
	assert_int_equal(r.leg[0].ifindex, ETH0);
	assert_true(r.leg[0].dead);
	assert_int_equal(r.leg[1].ifindex, INSIDE);
	assert_addr(r.leg[1].via, AF_INET, "10.1.0.4");
	/* a next hop longer than what holds it */
	((struct rtnexthop *)(void *)(buf + h->nlmsg_len - 32))->rtnh_len = 999;
	((struct rtnexthop *)(void *)(buf + h->nlmsg_len - 16))->rtnh_len = 999;
	assert_false(gw_rtnl_route(h, &r));
}

static void
test_route_refused(void **state)
{
	struct gw_rtnl_route r;
	struct nlmsghdr *h;

	assert_false(gw_rtnl_route(
		route_msg(AF_INET, "224.0.0.0", 4, RT_TABLE_MAIN, RTN_MULTICAST), &r));
	assert_false(gw_rtnl_route(route_msg(AF_PACKET, NULL, 0, RT_TABLE_MAIN, RTN_UNICAST), &r));
	assert_false(
		gw_rtnl_route(route_msg(AF_INET, "10.0.0.0", 33, RT_TABLE_MAIN, RTN_UNICAST), &r));
	h = route_msg(AF_INET6, "fd00::", 64, RT_TABLE_MAIN, RTN_UNICAST);
	((struct rtmsg *)mnl_nlmsg_get_payload(h))->rtm_flags = RTM_F_CLONED;
	assert_false(gw_rtnl_route(h, &r));
	h = route_msg(AF_INET6, "fd00::", 64, RT_TABLE_MAIN, RTN_UNICAST);
	((struct rtmsg *)mnl_nlmsg_get_payload(h))->rtm_src_len = 64; /* a route by source */
	assert_false(gw_rtnl_route(h, &r));
	h = route_msg(AF_INET, "10.0.0.0", 8, RT_TABLE_MAIN, RTN_UNICAST);
	((struct rtmsg *)mnl_nlmsg_get_payload(h))->rtm_tos = 0x10;
	assert_false(gw_rtnl_route(h, &r));
	h = route_msg(AF_INET, "10.0.0.0", 8, RT_TABLE_MAIN, RTN_UNICAST);
	h->nlmsg_type = RTM_DELROUTE;
	assert_false(gw_rtnl_route(h, &r));
	h = route_msg(AF_INET, "10.0.0.0", 8, RT_TABLE_MAIN, RTN_UNICAST);
	mnl_attr_put_u16(h, RTA_OIF, 1);
	assert_false(gw_rtnl_route(h, &r));
}

static struct nlmsghdr *
neigh_msg(uint16_t type, uint8_t family, uint16_t state, const char *addr, const void *mac)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct ndmsg *ndm;

	h->nlmsg_type = type;
	ndm = mnl_nlmsg_put_extra_header(h, sizeof(*ndm));
	ndm->ndm_family = family;
	ndm->ndm_ifindex = INSIDE;
	ndm->ndm_state = state;
	put_addr(h, NDA_DST, family, addr);
	if (mac != NULL)
		mnl_attr_put(h, NDA_LLADDR, 6, mac);
	return h;
}

static void
test_neigh(void **state)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 9}, group[6] = {0x33, 0x33, 0, 0, 0, 0x16};
	static const uint16_t usable[] = {
		NUD_REACHABLE, NUD_STALE, NUD_DELAY, NUD_PROBE, NUD_PERMANENT, NUD_NOARP};
	struct gw_rtnl_neigh n;
	struct nlmsghdr *h;

	for (size_t i = 0; i < sizeof(usable) / sizeof(usable[0]); i++) {
		assert_true(gw_rtnl_neigh(
			neigh_msg(RTM_NEWNEIGH, AF_INET6, usable[i], "fd01::2", mac), &n));
		assert_true(n.usable);
	}
	assert_int_equal(n.ifindex, INSIDE);
	assert_addr(n.addr, AF_INET6, "fd01::2");
	assert_memory_equal(n.mac, mac, 6);
	assert_true(
		gw_rtnl_neigh(neigh_msg(RTM_NEWNEIGH, AF_INET, NUD_FAILED, "10.1.0.2", mac), &n));
	assert_false(n.usable);
	assert_true(
		gw_rtnl_neigh(neigh_msg(RTM_NEWNEIGH, AF_INET6, NUD_NOARP, "ff02::16", group), &n));
	assert_false(n.usable);
	assert_true(gw_rtnl_neigh(
		neigh_msg(RTM_NEWNEIGH, AF_INET, NUD_INCOMPLETE, "10.1.0.2", NULL), &n));
	assert_false(n.usable);
	assert_true(gw_rtnl_neigh(
		neigh_msg(RTM_DELNEIGH, AF_INET, NUD_REACHABLE, "10.1.0.2", mac), &n));
	assert_false(n.usable);
	h = neigh_msg(RTM_NEWNEIGH, AF_INET, NUD_PERMANENT, "10.1.0.2", mac);
	((struct ndmsg *)mnl_nlmsg_get_payload(h))->ndm_flags = NTF_PROXY;
	assert_false(gw_rtnl_neigh(h, &n));
	assert_false(
		gw_rtnl_neigh(route_msg(AF_INET, "10.0.0.0", 8, RT_TABLE_MAIN, RTN_UNICAST), &n));
}

/* ---- one route for each prefix ---- */

static char told[1024];
static enum rib_said answer;

static enum rib_if
ifkind(void *arg, uint32_t ifindex, uint32_t *tunnel)
{
	*tunnel = 3;
	return ifindex == INSIDE ? RIB_IF_INSIDE : ifindex == GRE1 ? RIB_IF_TUNNEL : RIB_IF_OTHER;
}

static const char *
hop_text(const struct rib_hop *hop, char *text, size_t len)
{
	static const char *const kinds[] = {"local", "blackhole", "unreach", "prohibit", "link"};
	char via[INET6_ADDRSTRLEN];

	if (hop == NULL)
		return "none";
	if (hop->kind == RIB_TUNNEL)
		snprintf(text, len, "tunnel %u", hop->tunnel);
	else if (hop->kind == RIB_VIA)
		snprintf(text, len, "via %s", inet_ntop(AF_INET6, &hop->via, via, sizeof(via)));
	else
		return kinds[hop->kind];
	return text;
}

static enum rib_said
changed(void *arg, const struct gw_prefix *dst, const struct rib_hop *was,
	const struct rib_hop *hop)
{
	char net[INET6_ADDRSTRLEN], a[80], b[80];
	size_t n = strlen(told);

	if (answer == RIB_AGAIN)
		return answer;
	snprintf(told + n, sizeof(told) - n, "%s/%u %s > %s;",
		inet_ntop(dst->family, dst->addr, net, sizeof(net)), dst->bits,
		hop_text(was, a, sizeof(a)), hop_text(hop, b, sizeof(b)));
	return answer;
}

static struct rib *
new_rib(void)
{
	answer = RIB_TAKEN;
	return rib_create(&(struct rib_ops){.ifkind = ifkind, .changed = changed});
}

static void
put_h(struct rib *rib, const struct nlmsghdr *h)
{
	struct gw_rtnl_route r;

	assert_true(gw_rtnl_route(h, &r));
	assert_int_equal(rib_put(rib, &r), 0);
}

static void
put(struct rib *rib, const char *dst, uint8_t bits, uint8_t table, uint8_t type, uint32_t oif,
	const char *gateway, uint32_t metric)
{
	uint8_t family = strchr(dst, ':') != NULL ? AF_INET6 : AF_INET;
	struct nlmsghdr *h = route_msg(family, dst, bits, table, type);

	if (oif != 0)
		mnl_attr_put_u32(h, RTA_OIF, oif);
	if (gateway != NULL)
		put_addr(h, RTA_GATEWAY, family, gateway);
	if (metric != 0)
		mnl_attr_put_u32(h, RTA_PRIORITY, metric);
	put_h(rib, h);
}

#define MAIN  RT_TABLE_MAIN
#define LOCAL RT_TABLE_LOCAL

static void
end(struct rib *rib, const char *want)
{
	told[0] = '\0';
	rib_end(rib);
	assert_string_equal(told, want);
}

static void
test_rib(void **state)
{
	struct rib *rib = new_rib();

	rib_begin(rib);
	put(rib, "10.1.0.0", 24, MAIN, RTN_UNICAST, INSIDE, NULL, 0);
	end(rib, "10.1.0.0/24 none > link;");
	rib_begin(rib);
	put(rib, "10.1.0.0", 24, MAIN, RTN_UNICAST, INSIDE, NULL, 0);
	end(rib, ""); /* the same is no change */
	rib_begin(rib);
	put(rib, "10.1.0.0", 24, MAIN, RTN_UNICAST, GRE1, NULL, 0);
	end(rib, "10.1.0.0/24 link > tunnel 3;");
	rib_begin(rib);
	put(rib, "10.1.0.0", 24, MAIN, RTN_UNICAST, INSIDE, "10.9.0.1", 0);
	end(rib, "10.1.0.0/24 tunnel 3 > via ::ffff:10.9.0.1;");
	rib_begin(rib);
	put(rib, "10.1.0.0", 24, MAIN, RTN_UNICAST, ETH0, "10.9.0.1", 0);
	end(rib, "10.1.0.0/24 via ::ffff:10.9.0.1 > unreach;");
	rib_begin(rib);
	end(rib, "10.1.0.0/24 unreach > none;");
	rib_begin(rib);
	put(rib, "fd05::", 64, MAIN, RTN_UNICAST, INSIDE, "fe80::9", 1024);
	end(rib, "fd05::/64 none > via fe80::9;");
	rib_destroy(rib);
	rib_destroy(NULL);
}

static void
test_rib_kinds(void **state)
{
	static const struct {
		uint8_t type;
		const char *want;
	} cases[] = {
		{RTN_LOCAL, "10.1.0.1/32 none > local;"},
		{RTN_BROADCAST, "10.1.0.1/32 none > local;"},
		{RTN_ANYCAST, "10.1.0.1/32 none > local;"},
		{RTN_BLACKHOLE, "10.1.0.1/32 none > blackhole;"},
		{RTN_UNREACHABLE, "10.1.0.1/32 none > unreach;"},
		{RTN_THROW, "10.1.0.1/32 none > unreach;"},
		{RTN_PROHIBIT, "10.1.0.1/32 none > prohibit;"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rib *rib = new_rib();

		rib_begin(rib);
		put(rib, "10.1.0.1", 32, MAIN, cases[i].type, 0, NULL, 0);
		end(rib, cases[i].want);
		rib_destroy(rib);
	}
}

/* which of several: by table, by metric, the first; the guard routes have the worst metric */
static void
test_rib_best(void **state)
{
	struct rib *rib = new_rib();

	rib_begin(rib);
	put(rib, "10.2.0.0", 16, MAIN, RTN_UNREACHABLE, 0, NULL, 0xffffffff);
	put(rib, "10.2.0.0", 16, MAIN, RTN_UNICAST, GRE1, NULL, 0);
	put(rib, "10.2.0.0", 16, MAIN, RTN_UNICAST, INSIDE, NULL, 5);
	end(rib, "10.2.0.0/16 none > tunnel 3;");
	rib_begin(rib);
	put(rib, "10.2.0.0", 16, MAIN, RTN_UNICAST, INSIDE, NULL, 5);
	put(rib, "10.2.0.0", 16, MAIN, RTN_UNREACHABLE, 0, NULL, 0xffffffff);
	end(rib, "10.2.0.0/16 tunnel 3 > link;");
	rib_begin(rib);
	put(rib, "10.2.0.0", 16, MAIN, RTN_UNREACHABLE, 0, NULL, 0xffffffff);
	end(rib, "10.2.0.0/16 link > unreach;"); /* the tunnel is gone, its guard is not */
	rib_begin(rib);
	put(rib, "10.2.0.0", 16, MAIN, RTN_UNICAST, GRE1, NULL, 0);
	put(rib, "10.2.0.0", 16, LOCAL, RTN_LOCAL, INSIDE, NULL, 9);
	put(rib, "10.2.0.0", 16, 100, RTN_BLACKHOLE, 0, NULL, 0); /* for rules of the operator's */
	end(rib, "10.2.0.0/16 unreach > local;");
	rib_destroy(rib);
}

static void
test_rib_legs(void **state)
{
	struct rib *rib = new_rib();

	rib_begin(rib);
	put_h(rib, multipath(ETH0, 0, INSIDE));
	end(rib, "10.3.0.0/24 none > via ::ffff:10.1.0.4;");
	rib_begin(rib);
	put_h(rib, multipath(INSIDE, 0, GRE1));
	end(rib, "10.3.0.0/24 via ::ffff:10.1.0.4 > via ::ffff:10.1.0.3;");
	rib_begin(rib);
	put_h(rib, multipath(INSIDE, RTNH_F_DEAD, GRE1));
	end(rib, "10.3.0.0/24 via ::ffff:10.1.0.3 > tunnel 3;");
	rib_begin(rib);
	put_h(rib, multipath(INSIDE, RTNH_F_DEAD, ETH0));
	end(rib, "10.3.0.0/24 tunnel 3 > unreach;");
	rib_begin(rib);
	put_h(rib, multipath(GRE1, RTNH_F_LINKDOWN, INSIDE));
	end(rib, "10.3.0.0/24 unreach > tunnel 3;");
	rib_destroy(rib);
}

static struct nlmsghdr *
encap(void)
{
	struct nlmsghdr *h = route_msg(AF_INET, "10.3.0.0", 24, RT_TABLE_MAIN, RTN_UNICAST);

	mnl_attr_put_u32(h, RTA_OIF, INSIDE);
	put_addr(h, RTA_GATEWAY, AF_INET, "10.1.0.3");
	mnl_attr_nest_end(h, mnl_attr_nest_start(h, RTA_ENCAP));
	return h;
}

static struct nlmsghdr *
encap_leg(void)
{
	struct nlmsghdr *h = route_msg(AF_INET, "10.3.0.0", 24, RT_TABLE_MAIN, RTN_UNICAST);
	struct nlattr *nest = mnl_attr_nest_start(h, RTA_MULTIPATH), *a;
	struct rtnexthop *nh = mnl_nlmsg_get_payload_tail(h);

	put_leg(h, INSIDE, 0, "10.1.0.3");
	a = mnl_nlmsg_get_payload_tail(h);
	mnl_attr_nest_end(h, mnl_attr_nest_start(h, RTA_ENCAP));
	nh->rtnh_len += a->nla_len;
	mnl_attr_nest_end(h, nest);
	return h;
}

/* what cannot be done as the kernel would keeps its prefix from shorter ones */
static void
test_rib_unusable(void **state)
{
	struct rib *rib = new_rib();

	rib_begin(rib);
	put_h(rib, encap());
	end(rib, "10.3.0.0/24 none > unreach;");
	rib_begin(rib);
	put(rib, "10.3.0.0", 24, MAIN, RTN_UNICAST, INSIDE, NULL, 0);
	end(rib, "10.3.0.0/24 unreach > link;");
	rib_begin(rib);
	put_h(rib, encap_leg());
	end(rib, "10.3.0.0/24 link > unreach;");
	rib_begin(rib); /* a nexthop object */
	put(rib, "10.3.0.0", 24, MAIN, RTN_UNICAST, 0, NULL, 0);
	put(rib, "10.3.0.0", 24, MAIN, RTN_UNICAST, INSIDE, NULL, 5);
	end(rib, "");
	rib_begin(rib);
	put_h(rib, multipath_of(INSIDE, RTNH_F_DEAD, GRE1, RTNH_F_DEAD));
	put(rib, "10.3.0.0", 24, MAIN, RTN_UNICAST, INSIDE, NULL, 5);
	end(rib, "10.3.0.0/24 unreach > link;");
	rib_begin(rib);
	put_h(rib, multipath_of(INSIDE, RTNH_F_DEAD, GRE1, RTNH_F_DEAD));
	end(rib, "10.3.0.0/24 link > unreach;");
	rib_destroy(rib);
}

static void
test_rib_again(void **state)
{
	struct rib *rib = new_rib();

	rib_begin(rib);
	put(rib, "10.1.0.0", 24, MAIN, RTN_UNICAST, INSIDE, NULL, 0);
	answer = RIB_AGAIN;
	end(rib, "");
	answer = RIB_TAKEN;
	rib_begin(rib);
	put(rib, "10.1.0.0", 24, MAIN, RTN_UNICAST, INSIDE, NULL, 0);
	end(rib, "10.1.0.0/24 none > link;");
	/* a reading that was broken off leaves nothing behind */
	rib_begin(rib);
	put(rib, "10.1.0.0", 24, MAIN, RTN_UNICAST, GRE1, NULL, 0);
	rib_begin(rib);
	put(rib, "10.1.0.0", 24, MAIN, RTN_UNICAST, INSIDE, NULL, 0);
	end(rib, "");
	answer = RIB_AGAIN;
	rib_begin(rib);
	end(rib, "");
	answer = RIB_TAKEN;
	rib_begin(rib);
	end(rib, "10.1.0.0/24 link > none;");
	rib_destroy(rib);
}

/* who counts users of a next hop has none for a route that found no place */
static void
test_rib_no_place(void **state)
{
	struct rib *rib = new_rib();

	answer = RIB_REFUSED;
	rib_begin(rib);
	put(rib, "10.1.0.0", 24, MAIN, RTN_UNICAST, INSIDE, "10.9.0.1", 0);
	end(rib, "10.1.0.0/24 none > via ::ffff:10.9.0.1;");
	assert_int_equal(rib_refused(rib), 1);
	answer = RIB_TAKEN;
	/* nothing has gone that could have made room */
	rib_begin(rib);
	put(rib, "10.1.0.0", 24, MAIN, RTN_UNICAST, INSIDE, "10.9.0.1", 0);
	put(rib, "10.2.0.0", 24, MAIN, RTN_UNICAST, INSIDE, "10.9.0.3", 0);
	end(rib, "10.2.0.0/24 none > via ::ffff:10.9.0.3;");
	rib_begin(rib);
	put(rib, "10.1.0.0", 24, MAIN, RTN_UNICAST, INSIDE, "10.9.0.1", 0);
	end(rib, "10.2.0.0/24 via ::ffff:10.9.0.3 > none;"
		 "10.1.0.0/24 unreach > via ::ffff:10.9.0.1;");
	assert_int_equal(rib_refused(rib), 0);
	answer = RIB_REFUSED;
	rib_begin(rib);
	put(rib, "10.1.0.0", 24, MAIN, RTN_UNICAST, INSIDE, "10.9.0.4", 0);
	end(rib, "10.1.0.0/24 via ::ffff:10.9.0.1 > via ::ffff:10.9.0.4;"
		 "10.1.0.0/24 unreach > via ::ffff:10.9.0.4;");
	answer = RIB_TAKEN;
	rib_begin(rib);
	put(rib, "10.1.0.0", 24, MAIN, RTN_UNICAST, INSIDE, "10.9.0.2", 0);
	end(rib, "10.1.0.0/24 unreach > via ::ffff:10.9.0.2;");
	rib_begin(rib);
	end(rib, "10.1.0.0/24 via ::ffff:10.9.0.2 > none;");
	rib_destroy(rib);
}

static void
test_rib_source(void **state)
{
	struct rib *rib = new_rib();
	uint8_t addr[16];

	rib_begin(rib);
	put(rib, "169.254.123.1", 32, LOCAL, RTN_LOCAL, GRE1, NULL, 0);
	put(rib, "10.1.0.1", 32, LOCAL, RTN_LOCAL, INSIDE, NULL, 0);
	put(rib, "10.1.0.0", 32, LOCAL, RTN_BROADCAST, INSIDE, NULL, 0);
	put(rib, "fe80::1", 128, LOCAL, RTN_LOCAL, INSIDE, NULL, 0);
	assert_false(rib_source(rib, AF_INET, addr)); /* not before the end */
	rib_end(rib);
	assert_true(rib_source(rib, AF_INET, addr));
	assert_addr(addr, AF_INET, "10.1.0.1");
	assert_false(rib_source(rib, AF_INET6, addr));
	rib_begin(rib);
	put(rib, "fd01::", 128, LOCAL, RTN_ANYCAST, INSIDE, NULL, 0);
	put(rib, "fd01::1", 128, LOCAL, RTN_LOCAL, INSIDE, NULL, 0);
	rib_end(rib);
	assert_false(rib_source(rib, AF_INET, addr));
	assert_true(rib_source(rib, AF_INET6, addr));
	assert_addr(addr, AF_INET6, "fd01::1");
	rib_destroy(rib);
}

static void
test_rib_many(void **state)
{
	struct rib *rib = new_rib();
	struct gw_rtnl_route r = {
		.type = GW_RTNL_BLACKHOLE, .dst = {.family = AF_INET, .bits = 32}, .table = MAIN};

	for (int reading = 0; reading < 3; reading++) {
		rib_begin(rib);
		for (uint32_t i = 0; i < 5000; i++) {
			memcpy(r.dst.addr, &i, sizeof(i));
			assert_int_equal(rib_put(rib, &r), 0);
		}
		told[0] = '\0';
		assert_int_equal(rib_end(rib), 5000);
		assert_int_equal(told[0] != '\0', reading == 0);
	}
	rib_begin(rib);
	assert_int_equal(rib_end(rib), 0);
	rib_destroy(rib);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_route),
		cmocka_unit_test(test_route_via),
		cmocka_unit_test(test_route_legs),
		cmocka_unit_test(test_route_refused),
		cmocka_unit_test(test_neigh),
		cmocka_unit_test(test_rib),
		cmocka_unit_test(test_rib_kinds),
		cmocka_unit_test(test_rib_best),
		cmocka_unit_test(test_rib_legs),
		cmocka_unit_test(test_rib_unusable),
		cmocka_unit_test(test_rib_again),
		cmocka_unit_test(test_rib_no_place),
		cmocka_unit_test(test_rib_source),
		cmocka_unit_test(test_rib_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
