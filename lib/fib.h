/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_FIB_H
#define GW_FIB_H

/*
 * Routes of the forwarding stage: longest prefix by rte_fib (DIR-24-8) and rte_fib6 (trie).
 *
 * What DPDK 22.11's tables do not do right is kept from them. A prefix that reaches to the last address,
 * under a shorter one that does, takes over all of that: these prefixes (0/0, 128/1, 8000::/1...) consist of
 * ones, any other that matches an address is longer, so they stand in arrays of their own. Multicast, at the
 * end of both families, is never looked up. And both miscount the room that deleted routes leave (rte_fib where
 * the route that covered them led to the same): one that says it is full is built again, once in a commit.
 *
 * Two views, one of which workers look at while control changes the other: a change is made to the
 * spare view, the spare is shown, and once no worker can see the old one (rcu.h) the same change is
 * made there. So a worker never looks into a table that changes under it, whose halves might lead a
 * packet into another tunnel. Control writes, workers read; one of each function's thread is named.
 */

#include <netinet/in.h>
#include <stdint.h>

#include <rte_fib.h>
#include <rte_fib6.h>

#include "netif.h"

struct gw_rcu;
struct gw_tunnel;

/* What routes may lead to: indices of nh. The first are fixed, gateways and tunnels follow. */
enum gw_fib_kind {
	GW_FIB_NONE,	  /* no route */
	GW_FIB_LOCAL,	  /* an address of this host, or a broadcast: to the kernel */
	GW_FIB_BLACKHOLE, /* dropped without a word */
	GW_FIB_PROHIBIT,
	GW_FIB_UNREACH, /* a route that says so, or leads elsewhere */
	GW_FIB_LINK,	/* on the inside port's link: the destination is the next hop */
	GW_FIB_VIA,	/* by a gateway on that link */
	GW_FIB_TUNNEL,
};
#define GW_FIB_VIA_FIRST    8
#define GW_FIB_VIA_MAX	    1016 /* gateways */
#define GW_FIB_TUNNEL_FIRST (GW_FIB_VIA_FIRST + GW_FIB_VIA_MAX)
#define GW_FIB_NH_MAX	    0x7fff /* DIR-24-8 with entries of two bytes */
#define GW_FIB_TUNNELS_MAX  (GW_FIB_NH_MAX - GW_FIB_TUNNEL_FIRST)
#define GW_FIB_ROUTES4	    65536
#define GW_FIB_ROUTES6	    16384
#define GW_FIB_ONES4	    3 /* 224/3 is multicast, and what nobody has */
#define GW_FIB_ONES6	    8 /* ff00::/8 */
#define GW_FIB_MB	    256 /* of memory, both views and both families */

struct gw_fib_nh {
	uint8_t kind; /* enum gw_fib_kind */
	union {
		struct in6_addr via; /* VIA; IPv4 mapped into IPv6 */
		struct gw_tunnel *tunnel;
	};
};

/** What workers see. Immutable while they do. */
struct gw_fib_view {
	struct rte_fib *fib4;
	struct rte_fib6 *fib6;
	uint32_t addr4;	      /* our address on the inside link, network order; 0 = none */
	struct in6_addr addr6; /* likewise; :: = none */
	uint16_t ones4[GW_FIB_ONES4], ones6[GW_FIB_ONES6]; /* prefixes of so many ones */
	struct gw_fib_nh nh[GW_FIB_NH_MAX + 1];
};

struct gw_fib;

/** No route, nothing known. Control, at start. @return NULL without memory, rte_errno set */
struct gw_fib *gw_fib_create(struct gw_rcu *rcu, int socket);
/** After gw_rcu_destroy(). NULL is fine. */
void gw_fib_destroy(struct gw_fib *f);

/** Worker, once a burst; valid until it reports a quiescent state. */
const struct gw_fib_view *gw_fib_view(const struct gw_fib *f);

/**
 * Where to: indices of v->nh. Worker.
 * @param addrs  host order; neither multicast nor above
 */
void gw_fib_look_up4(const struct gw_fib_view *v, uint32_t *addrs, uint64_t *nhs, unsigned int n);
/** @param addrs  no multicast */
void gw_fib_look_up6(
	const struct gw_fib_view *v, uint8_t (*addrs)[16], uint64_t *nhs, unsigned int n);

/*
 * Control. Changes gather until gw_fib_commit(). Each returns 0, or -ENOMEM with nothing changed.
 * A next hop must be set before the first route to it is. Routes to multicast are taken and have no effect.
 */
int gw_fib_set(struct gw_fib *f, const struct gw_prefix *dst, uint16_t nh);
int gw_fib_del(struct gw_fib *f, const struct gw_prefix *dst);
int gw_fib_set_nh(struct gw_fib *f, uint16_t i, const struct gw_fib_nh *nh);
int gw_fib_set_source(struct gw_fib *f, uint32_t addr4, const struct in6_addr *addr6);

/**
 * Show workers what has changed.
 * @return false when that has to wait for workers to leave the other view: call again. True: they see
 *         everything.
 */
bool gw_fib_commit(struct gw_fib *f);

/**
 * Routes that have no place in the tables: what they cover goes by shorter prefixes, or nowhere. They are tried
 * again in a commit that takes others away.
 */
uint64_t gw_fib_refused(const struct gw_fib *f);

#endif
