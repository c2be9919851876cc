/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_CTL_ND_INT_H
#define GW_CTL_ND_INT_H

/*
 * Inside of ctl_nd: ctl_nd.c wires and routes, ctl_nd_cache.c keeps neighbours (RFC 4861 7),
 * ctl_nd_router.c default routers (RFC 4861 6.3), ctl_nd_addr.c our addresses and groups (RFC 4862
 * 5.4, RFC 3810). Times are milliseconds.
 */

#include "ctl_nd.h"

#define ND_NEVER      UINT64_MAX
#define ND_BUCKETS    256
#define ND_QUEUE_MAX  4	  /* packets that wait in one place */
#define ND_START_MS   100 /* first message within, at random (RFC 4861 6.3.7 allows a second) */
#define ND_OWN_MAX    (ND_ADDRS_MAX + 1)
#define ND_POLL_MS    1000  /* how often a stale next hop is looked at for traffic */
#define ND_DELAY_MS   5000  /* RFC 4861 10: DELAY_FIRST_PROBE_TIME */
#define ND_FORGET_MS  60000 /* a neighbour that nobody refers to */
#define ND_HINT_MS    120000 /* how long hints may stand in for its own answers */
#define ND_BACKOFF_MS 10000 /* longest wait between questions to a dead neighbour */
#define ND_TRIES      3	    /* RFC 4861 10: MAX_MULTICAST_SOLICIT, MAX_UNICAST_SOLICIT */

/** Packets that wait; the oldest gives way. */
struct nd_queue {
	unsigned int n;
	struct {
		uint8_t *pkt;
		size_t len;
	} q[ND_QUEUE_MAX];
};

/** A next hop that workers see, and what was last shown there. */
struct nd_hop {
	struct gw_nexthop nh; /* first: nd_nexthop_put() gets its address back */
	unsigned int refs;
	bool shown;
	uint8_t mac[6];
};

enum nd_state { ND_INCOMPLETE, ND_REACHABLE, ND_STALE, ND_DELAY, ND_PROBE };

struct nd_neigh {
	struct nd_hop hop; /* first, as above */
	struct nd_neigh *next; /* in its bucket */
	struct in6_addr addr;
	uint8_t mac[6]; /* valid unless INCOMPLETE */
	enum nd_state state;
	bool is_router;	  /* says so */
	bool route;	  /* in the router list: a reference */
	bool told;	  /* that it does not answer */
	unsigned int tries; /* solicitations sent in this state */
	uint64_t due;
	uint64_t asked_ms, touched_ms;
	uint64_t confirmed_ms; /* its last answer to a solicitation */
	struct nd_queue queue;
};

struct nd_router {
	struct nd_neigh *n;
	uint64_t expires;
};

struct nd_own {
	struct in6_addr addr;
	uint8_t bits;
	enum nd_addr_state state;
	bool probed; /* DAD solicitation sent */
	uint64_t due; /* next step of DAD */
	unsigned int announce; /* unsolicited advertisements left */
	uint64_t announce_due;
	uint64_t defended_ms; /* last complaint about another host's claim */
};

/* So much a second, and at once. */
struct nd_rate {
	uint64_t tokens, ms; /* in thousandths */
};

struct nd {
	struct nd_cfg cfg;
	struct nd_ops ops;
	uint64_t next;	 /* deadline; 0: something changed */
	uint64_t now_ms; /* of the last tick */
	bool started;
	uint16_t mtu;
	uint32_t reachable_ms, retrans_ms;
	struct nd_stats stats;

	unsigned int n_own;
	struct nd_own own[ND_OWN_MAX];
	int link_local; /* index in own, -1: none */
	struct nd_queue unready; /* packets whose source is being checked */
	unsigned int mld_left;
	bool mld_join;
	uint64_t mld_due;

	unsigned int n_neigh;
	struct nd_neigh *bucket[ND_BUCKETS];

	unsigned int n_routers;
	struct nd_router router[ND_ROUTERS_MAX];
	struct nd_neigh *cur; /* serves the default route, NULL: none */
	struct nd_hop def;
	struct nd_queue unrouted; /* packets that wait for a router */
	unsigned int rs_sent;
	uint64_t rs_due;

	struct nd_rate echo, stray; /* answers to echoes; neighbours that nobody has asked for by configuration */

	uint8_t frame[ND_FRAME_MAX];
	uint8_t *pkt; /* in frame, behind the link header */
};

/* ctl_nd.c */
void nd_emit(struct nd *nd, const uint8_t mac[6], size_t len); /* what is in pkt */
void nd_emit_group(struct nd *nd, const struct in6_addr *group, size_t len);
void nd_say(struct nd *nd, enum nd_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
const char *nd_ntop(const struct in6_addr *addr, char buf[INET6_ADDRSTRLEN]);
uint32_t nd_rand(struct nd *nd, uint32_t below);
int nd_enqueue(struct nd *nd, struct nd_queue *q, const uint8_t *ip6, size_t len);
void nd_queue_drop(struct nd *nd, struct nd_queue *q);
void nd_hop_show(struct nd *nd, struct nd_hop *h, const uint8_t *mac); /* NULL: not resolved */

/* ctl_nd_cache.c */
struct nd_neigh *nd_neigh_find(const struct nd *nd, const struct in6_addr *addr);
/** Find or make. @return NULL with errno ENOSPC or ENOMEM */
struct nd_neigh *nd_neigh_get(struct nd *nd, uint64_t now_ms, const struct in6_addr *addr);
/** Ask for its MAC now, not at the next tick, unless that was done. */
void nd_neigh_ask(struct nd *nd, uint64_t now_ms, struct nd_neigh *n);
void nd_neigh_release(struct nd *nd, uint64_t now_ms, struct nd_neigh *n); /* a reference went */
/** A message of its own gave its MAC: RFC 4861 7.2.3. */
void nd_neigh_learn(struct nd *nd, uint64_t now_ms, struct nd_neigh *n, const uint8_t mac[6]);
void nd_neigh_advert(struct nd *nd, uint64_t now_ms, struct nd_neigh *n, const struct gw_nd *m);
void nd_neigh_confirm(struct nd *nd, uint64_t now_ms, struct nd_neigh *n);
int nd_neigh_send(struct nd *nd, uint64_t now_ms, struct nd_neigh *n, const uint8_t *ip6,
	size_t len);
uint64_t nd_neigh_tick(struct nd *nd, uint64_t now_ms);
void nd_neigh_clear(struct nd *nd);
const char *nd_state_str(enum nd_state state);

/* ctl_nd_addr.c */
void nd_own_init(struct nd *nd, uint64_t now_ms);
struct nd_own *nd_own_find(struct nd *nd, const struct in6_addr *addr);
const struct in6_addr *nd_own_source(const struct nd *nd, const struct in6_addr *dst); /* or NULL */
void nd_own_solicited(struct nd *nd, uint64_t now_ms, struct nd_own *o, const uint8_t src_mac[6],
	const struct gw_nd *m);
void nd_own_claimed(struct nd *nd, uint64_t now_ms, struct nd_own *o, const uint8_t src_mac[6]);
void nd_own_query(struct nd *nd, uint64_t now_ms, const struct gw_nd *m);
uint64_t nd_own_tick(struct nd *nd, uint64_t now_ms);

/* ctl_nd_router.c */
/** @return 0 or -ENOSPC; takes a reference */
int nd_router_add(struct nd *nd, uint64_t now_ms, struct nd_neigh *n, uint64_t expires);
bool nd_drop_router(struct nd *nd, uint64_t now_ms, struct nd_neigh *n); /* true: was one */
void nd_choose_router(struct nd *nd, uint64_t now_ms); /* a router's state changed */
void nd_router_advert(struct nd *nd, uint64_t now_ms, const struct gw_nd *m);
uint64_t nd_router_tick(struct nd *nd, uint64_t now_ms);

#endif
