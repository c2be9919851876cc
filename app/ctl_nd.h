/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_CTL_ND_H
#define GW_CTL_ND_H

/*
 * The outside link as control sees it: our addresses on it (RFC 4862), its neighbours and routers
 * (RFC 4861), our multicast groups (RFC 3810) and echo. A state machine: frames and a time go in,
 * frames, link headers and events come out through struct nd_ops. No DPDK, no clock of its own.
 * Context: control thread only. now_ms is monotonic and never goes back.
 *
 * Who may make us remember something: only control's own wishes (nd_nexthop(), nd_send()) create
 * neighbours, and only router advertisements create routers; both tables are bounded. A stranger's
 * solicitation or echo is answered to the MAC it came from and leaves no trace.
 */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/classify.h"
#include "lib/nd.h"
#include "lib/netif.h"
#include "lib/nexthop.h"

#define ND_ADDRS_MAX	  (GW_LOCAL_MAX - 1) /* configured ones; the link-local comes on top */
#define ND_NEIGHBOURS_MAX 1024
#define ND_STRAY_MAX	  64 /* of them, without reference */
#define ND_ROUTERS_MAX	  8
#define ND_FRAME_MAX	  (18 + GW_ND_PKT_MAX)

enum nd_log_level { ND_LOG_ERROR, ND_LOG_WARN, ND_LOG_INFO, ND_LOG_DEBUG };

enum nd_event_type {
	ND_EV_ADDR_USABLE,    /* addr may be used from now on: publish nd_local() */
	ND_EV_ADDR_DUPLICATE, /* addr is another host's and stays unused */
	ND_EV_MTU,	      /* the link's MTU, as routers advertise it, is mtu now */
	ND_EV_ROUTER,	      /* default router is addr now; :: = there is none */
};

struct nd_event {
	enum nd_event_type type;
	struct in6_addr addr;
	uint16_t mtu;
};

/**
 * What the state machine asks of control. Called from inside nd_*() calls; must not call back, but
 * for what takes a const nd.
 */
struct nd_ops {
	void *arg; /* first argument of each call */
	/** Send a frame, link header included; frame is valid during the call. */
	void (*send)(void *arg, const uint8_t *frame, size_t len);
	/**
	 * Show workers a new link header: store a copy of l2 (NULL: not resolved) in nh->l2 and
	 * reclaim the old one after a quiescent period.
	 */
	void (*publish)(void *arg, struct gw_nexthop *nh, const struct gw_l2hdr *l2);
	void (*event)(void *arg, const struct nd_event *ev);
	void (*log)(void *arg, enum nd_log_level level, const char *msg); /* no newline */
	uint32_t (*random)(void *arg);
};

struct nd_cfg {
	uint8_t mac[6]; /* of the port */
	uint16_t vlan;	/* 0 = untagged */
	uint16_t mtu;	/* of the port, 1280..9216 */
	bool no_dad;	/* our addresses are usable at once */
	unsigned int n_addrs;
	struct gw_prefix addrs[ND_ADDRS_MAX]; /* IPv6; their prefixes are on link */
	bool router_auto;		      /* from router advertisements */
	struct in6_addr router;		      /* else; :: = none, everything is on link */
};

struct nd;

/** Nothing is sent before the first nd_tick(). @return NULL with errno EINVAL or ENOMEM */
struct nd *nd_create(const struct nd_cfg *cfg, const struct nd_ops *ops, uint64_t now_ms);
/** Publishes NULL for every next hop and frees them; no worker may use one. NULL is fine. */
void nd_destroy(struct nd *nd);

/**
 * Feed an ICMPv6 message that gw_nd_parse() has read. Errors (TOO_BIG, UNREACH) are not for this
 * room: they are ignored.
 * @param src_mac  source of its Ethernet frame
 */
void nd_input(struct nd *nd, uint64_t now_ms, const uint8_t src_mac[6], const struct gw_nd *m);

/**
 * Do what is due. Cheap when nothing is: call it once a round, since the other calls may bring the
 * deadline forward.
 * @return when to call again at the latest, at most a second from now; earlier is fine
 */
uint64_t nd_tick(struct nd *nd, uint64_t now_ms);

/**
 * The next hop towards dst: the neighbour itself where dst is on link, else the default route. The
 * default route is one object for ever, whichever router serves it. Kept resolved while referenced:
 * silence is probed, and a dead neighbour is asked for again and again, at growing intervals.
 * @return a reference, to be given back with nd_nexthop_put() when no worker can hold it; NULL with
 *         errno ENOSPC (table full), ENOMEM or EINVAL (multicast, unspecified, our own)
 */
struct gw_nexthop *nd_nexthop(struct nd *nd, uint64_t now_ms, const struct in6_addr *dst);
void nd_nexthop_put(struct nd *nd, struct gw_nexthop *nh);

/**
 * Send an IPv6 packet of control's own. While its next hop is being resolved, its source address is
 * being checked or no router is known, the last few packets wait.
 * @return 0 (sent or waiting), -EADDRNOTAVAIL (source is not ours, or a duplicate), -ENOSPC,
 *         -EMSGSIZE (above the link's MTU), -EINVAL, -ENOMEM
 */
int nd_send(struct nd *nd, uint64_t now_ms, const uint8_t *ip6, size_t len);

/**
 * An answer from dst arrived (IKE, ESP): its next hop seems to work (RFC 4861 7.3.1), and is probed
 * less often, though still every few minutes.
 */
void nd_confirm(struct nd *nd, uint64_t now_ms, const struct in6_addr *dst);

/** Addresses of ours, link-local included, for the classifier: usable ones, and those being checked. */
void nd_local(const struct nd *nd, struct gw_local *out);
/** Port MTU, or less when routers say so. */
uint16_t nd_mtu(const struct nd *nd);
/** Multicast MACs that the port must receive. @return how many were written, at most n */
unsigned int nd_mcast_macs(const struct nd *nd, uint8_t (*macs)[6], unsigned int n);

enum nd_addr_state { ND_ADDR_TENTATIVE, ND_ADDR_USABLE, ND_ADDR_DUPLICATE };
/** State of an address of ours. @return false when it is not one of ours */
bool nd_addr_state(const struct nd *nd, const struct in6_addr *addr, enum nd_addr_state *state);

struct nd_info {
	struct in6_addr addr;
	uint8_t mac[6]; /* zero while unknown */
	const char *state; /* "INCOMPLETE", "REACHABLE"... as RFC 4861 names them */
	unsigned int refs; /* held next hops, default route's for its router */
	bool router;	   /* says it is one, or configured */
	bool is_default;   /* serves the default route now */
	uint64_t confirmed_ms; /* its last answer to a solicitation, 0 = never */
};
/** For `show neighbours`. */
void nd_walk(const struct nd *nd, void (*cb)(void *arg, const struct nd_info *info), void *arg);

struct nd_stats {
	uint64_t ns_in, na_in, ra_in, echo_in, ignored; /* ignored: not for us, or not to be believed */
	uint64_t sent, echo_limited, queue_dropped;
};
void nd_get_stats(const struct nd *nd, struct nd_stats *st);

#endif
