/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_RTNL_H
#define GW_RTNL_H

/*
 * What the kernel says of routes and neighbours (rtnetlink(7)): messages to plain structs, and the
 * requests that ask for them. Bytes only, over libmnl; fuzzed. Any thread.
 */

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netif.h"

#define GW_RTNL_LEGS_MAX 8 /* next hops of one route that are looked at */

enum gw_rtnl_type { /* where a route leads, of rtm_type */
	GW_RTNL_UNICAST,
	GW_RTNL_LOCAL,
	GW_RTNL_SHARED, /* broadcast and anycast: for this host, but no address of its own */
	GW_RTNL_BLACKHOLE,
	GW_RTNL_UNREACHABLE,
	GW_RTNL_PROHIBIT,
};

struct gw_rtnl_leg {
	uint32_t ifindex;
	uint8_t family;	 /* of via: AF_INET, AF_INET6; 0 = the destination is on the link */
	uint8_t via[16]; /* network order; IPv4 in the first four */
	bool encap;	 /* into something of the kernel's own (lwtunnel) */
	bool dead;	 /* the kernel does not use it: the interface is down */
};

struct gw_rtnl_route {
	enum gw_rtnl_type type;
	struct gw_prefix dst;
	uint32_t table, metric;
	uint8_t n_legs;
	struct gw_rtnl_leg leg[GW_RTNL_LEGS_MAX];
};

struct gw_rtnl_neigh {
	uint32_t ifindex;
	uint8_t family;
	uint8_t addr[16];
	uint16_t state; /* NUD_* */
	bool usable;	/* mac is to be used: reachable, stale, being asked again, permanent */
	uint8_t mac[6];
};

/**
 * True when a complete message is at h, of left bytes, with its padding: mnl_attr_parse() reads up to
 * that. mnl_nlmsg_ok() takes a length above 2 GB for one.
 */
static inline bool
gw_rtnl_ok(const struct nlmsghdr *h, int left)
{
	return left >= (int)sizeof(*h) && h->nlmsg_len >= sizeof(*h) &&
	       h->nlmsg_len <= (uint32_t)left && NLMSG_ALIGN(h->nlmsg_len) <= (uint32_t)left;
}

/**
 * A route. The routes of multicast, those of one TOS, and cached copies of routes, are none. A
 * unicast one without legs leads where only the kernel knows (a nexthop object).
 * @param h  complete: gw_rtnl_ok() was true
 * @return false when it is no RTM_NEWROUTE that forwarding depends on, or malformed
 */
bool gw_rtnl_route(const struct nlmsghdr *h, struct gw_rtnl_route *r);
/** RTM_NEWNEIGH or RTM_DELNEIGH (then not usable). @return false when it is none, or malformed */
bool gw_rtnl_neigh(const struct nlmsghdr *h, struct gw_rtnl_neigh *n);

#define GW_RTNL_REQ_LEN 128
/** A request for all routes of a family, in buf of GW_RTNL_REQ_LEN. */
struct nlmsghdr *gw_rtnl_get_routes(void *buf, uint32_t seq, uint8_t family);
/** For all neighbours. */
struct nlmsghdr *gw_rtnl_get_neighs(void *buf, uint32_t seq);
/** Have the kernel resolve an address, or see whether its neighbour is still there (NTF_USE). */
struct nlmsghdr *gw_rtnl_use_neigh(
	void *buf, uint32_t seq, uint32_t ifindex, uint8_t family, const uint8_t *addr);

#endif
