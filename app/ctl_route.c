/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <rte_ring.h>

#include "lib/rtnl.h"

#include "ctl_neigh.h"
#include "ctl_rib.h"
#include "ctl_route.h"
#include "log.h"

#define BUF_LEN    32768     /* what one call may bring: the kernel fills as much */
#define EVENTS_LEN (4 << 20) /* of messages that wait: some 10 000 routes */
#define BUDGET     16        /* calls a round */
#define PAUSE                                                                                      \
	10 /* times as long as a reading took, before the next one: a tenth of control at most */
#define ASKS     64 /* next hops a round */
#define STALE_MS 1000

enum stage { IDLE, ROUTES4, ROUTES6, NEIGHS };

/* A next hop of the tables: a gateway, by how many prefixes it is used. */
struct via {
	struct in6_addr addr;
	uint32_t users;
};

struct gw_routes {
	struct gw_inside *in;
	const struct gw_tunnels *ts;
	struct rib *rib;
	struct ctl_neigh *neigh;
	struct mnl_socket *events; /* what the kernel tells of itself */
	struct mnl_socket *ask;    /* readings, and requests to resolve */
	uint32_t seq;

	enum stage stage;
	bool routes_dirty, neighs_dirty, broken; /* broken: this reading is not to be used */
	bool lost;    /* events, and until the queue is empty the kernel drops more */
	bool unshown; /* the tables have changes that workers do not see yet */
	uint32_t reading_seq;
	uint64_t began_ms, due_ms, stale_ms;

	unsigned int n_via;
	struct via via[GW_FIB_VIA_MAX];
	bool *tunnel_known; /* its next hop is in the tables */
	uint64_t told_refused;
	uint32_t addr4; /* as workers see them */
	struct in6_addr addr6;
	struct gw_routes_stats stats;
	_Alignas(NLMSG_ALIGNTO) uint8_t req[GW_RTNL_REQ_LEN];
	_Alignas(NLMSG_ALIGNTO) uint8_t buf[BUF_LEN];
};

/* ---- prefixes to the workers' tables ---- */

static enum rib_if
ifkind(void *arg, uint32_t ifindex, uint32_t *tunnel)
{
	const struct gw_routes *r = arg;

	if (ifindex == (uint32_t)r->in->ifindex)
		return RIB_IF_INSIDE;
	return gw_tunnels_by_ifindex(r->ts, ifindex, tunnel) ? RIB_IF_TUNNEL : RIB_IF_OTHER;
}

/* @return index of a gateway's next hop, 0 when there are too many or no memory */
static uint16_t
via_index(struct gw_routes *r, const struct in6_addr *addr)
{
	struct gw_fib_nh nh = {.kind = GW_FIB_VIA, .via = *addr};
	unsigned int unused = GW_FIB_VIA_MAX;

	for (unsigned int i = 0; i < r->n_via; i++) {
		if (r->via[i].users > 0 && memcmp(&r->via[i].addr, addr, sizeof(*addr)) == 0)
			return (uint16_t)(GW_FIB_VIA_FIRST + i);
		if (r->via[i].users == 0 && unused == GW_FIB_VIA_MAX)
			unused = i;
	}
	if (unused == GW_FIB_VIA_MAX)
		unused = r->n_via;
	if (unused == GW_FIB_VIA_MAX ||
		gw_fib_set_nh(r->in->fib, (uint16_t)(GW_FIB_VIA_FIRST + unused), &nh) < 0)
		return 0;
	r->via[unused].addr = *addr;
	if (unused == r->n_via)
		r->n_via++;
	return (uint16_t)(GW_FIB_VIA_FIRST + unused);
}

/* @return index of a tunnel's next hop, 0 without memory */
static uint16_t
tunnel_index(struct gw_routes *r, uint32_t tunnel)
{
	struct gw_fib_nh nh = {.kind = GW_FIB_TUNNEL, .tunnel = r->ts->tunnels[tunnel]};
	uint16_t i = (uint16_t)(GW_FIB_TUNNEL_FIRST + tunnel);

	if (!r->tunnel_known[tunnel] && gw_fib_set_nh(r->in->fib, i, &nh) < 0)
		return 0;
	r->tunnel_known[tunnel] = true;
	return i;
}

static uint16_t
nh_index(struct gw_routes *r, const struct rib_hop *hop)
{
	switch (hop->kind) {
	case RIB_LOCAL:
		return GW_FIB_LOCAL;
	case RIB_BLACKHOLE:
		return GW_FIB_BLACKHOLE;
	case RIB_UNREACH:
		return GW_FIB_UNREACH;
	case RIB_PROHIBIT:
		return GW_FIB_PROHIBIT;
	case RIB_LINK:
		return GW_FIB_LINK;
	case RIB_VIA:
		return via_index(r, &hop->via);
	case RIB_TUNNEL:
		return tunnel_index(r, hop->tunnel);
	}
	return 0;
}

/* One user less: a gateway that has none gives its place to another. */
static void
leave_via(struct gw_routes *r, const struct rib_hop *hop)
{
	for (unsigned int i = 0; i < r->n_via; i++) {
		if (r->via[i].users == 0 ||
			memcmp(&r->via[i].addr, &hop->via, sizeof(hop->via)) != 0)
			continue;
		r->via[i].users--;
		return;
	}
}

/*
 * A route that finds no next hop is a refused one: unreachable, so that what is meant for it does
 * not follow a shorter prefix to somebody else.
 */
static enum rib_said
changed(void *arg, const struct gw_prefix *dst, const struct rib_hop *was,
	const struct rib_hop *hop)
{
	struct gw_routes *r = arg;
	uint16_t nh = hop != NULL ? nh_index(r, hop) : 0;
	bool refused = hop != NULL && nh == 0;
	int rc;

	if (refused)
		nh = GW_FIB_UNREACH;
	rc = hop != NULL ? gw_fib_set(r->in->fib, dst, nh) : gw_fib_del(r->in->fib, dst);
	if (rc < 0) {
		r->routes_dirty = true;
		return RIB_AGAIN;
	}
	if (nh >= GW_FIB_VIA_FIRST && nh < GW_FIB_TUNNEL_FIRST)
		r->via[nh - GW_FIB_VIA_FIRST].users++;
	if (was != NULL && was->kind == RIB_VIA)
		leave_via(r, was);
	return refused ? RIB_REFUSED : RIB_TAKEN;
}

static void
show_source(struct gw_routes *r)
{
	struct in6_addr addr6 = {0};
	uint32_t addr4 = 0;
	uint8_t addr[16];

	if (rib_source(r->rib, AF_INET, addr))
		memcpy(&addr4, addr, sizeof(addr4));
	if (rib_source(r->rib, AF_INET6, addr))
		memcpy(&addr6, addr, sizeof(addr6));
	if (addr4 == r->addr4 && memcmp(&addr6, &r->addr6, sizeof(addr6)) == 0)
		return;
	if (gw_fib_set_source(r->in->fib, addr4, &addr6) < 0)
		return;
	r->addr4 = addr4;
	r->addr6 = addr6;
}

/* ---- readings ---- */

static int
ask(struct gw_routes *r, const struct nlmsghdr *h)
{
	return mnl_socket_sendto(r->ask, h, h->nlmsg_len) < 0 ? -errno : 0;
}

static bool
start(struct gw_routes *r, enum stage stage)
{
	struct nlmsghdr *h;

	r->reading_seq = ++r->seq;
	if (stage == NEIGHS)
		h = gw_rtnl_get_neighs(r->req, r->seq);
	else
		h = gw_rtnl_get_routes(r->req, r->seq, stage == ROUTES4 ? AF_INET : AF_INET6);
	if (ask(r, h) < 0)
		return false; /* it is still dirty, and tried again */
	r->stage = stage;
	return true;
}

static void
begin(struct gw_routes *r, uint64_t now_ms)
{
	if (r->neighs_dirty && start(r, NEIGHS)) {
		r->neighs_dirty = false;
		ctl_neigh_begin(r->neigh);
	} else if (r->routes_dirty && now_ms >= r->due_ms && start(r, ROUTES4)) {
		r->routes_dirty = false;
		r->began_ms = now_ms;
		rib_begin(r->rib);
	}
}

static uint64_t
count_refused(const struct gw_routes *r)
{
	return gw_fib_refused(r->in->fib) + rib_refused(r->rib);
}

static void
tell_full(struct gw_routes *r)
{
	uint64_t refused = count_refused(r);

	if (refused > r->told_refused)
		gw_log(GW_LOG_ERROR, "route",
			"%llu routes have no place in the tables (%u IPv4, %u IPv6, %u gateways)",
			(unsigned long long)refused, GW_FIB_ROUTES4, GW_FIB_ROUTES6,
			GW_FIB_VIA_MAX);
	else if (refused == 0 && r->told_refused > 0)
		gw_log(GW_LOG_INFO, "route", "all routes have a place in the tables again");
	r->told_refused = refused;
}

/* A part of a reading has come to its end. */
static void
part_done(struct gw_routes *r, bool ok, uint64_t now_ms)
{
	enum stage was = r->stage;

	r->stage = IDLE;
	if (!ok) { /* what has been read is not to be trusted */
		r->routes_dirty |= was != NEIGHS;
		r->neighs_dirty |= was == NEIGHS;
		r->due_ms = now_ms + PAUSE;
		return;
	}
	if (was == NEIGHS) {
		ctl_neigh_end(r->neigh);
		return;
	}
	if (was == ROUTES4) {
		if (!start(r, ROUTES6))
			part_done(r, false, now_ms);
		return;
	}
	r->stats.readings++;
	r->stats.prefixes = rib_end(r->rib);
	show_source(r);
	r->unshown = true;
	r->due_ms = now_ms + PAUSE * (now_ms - r->began_ms);
}

static void
take_message(struct gw_routes *r, const struct nlmsghdr *h)
{
	struct gw_rtnl_route route;
	struct gw_rtnl_neigh neigh;

	r->broken |= (h->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
	if (r->stage == NEIGHS) {
		if (gw_rtnl_neigh(h, &neigh) && ctl_neigh_put(r->neigh, &neigh) < 0)
			r->broken = true;
	} else if (gw_rtnl_route(h, &route) && rib_put(r->rib, &route) < 0) {
		r->broken = true;
	}
}

/* A kernel without IPv6 has no routes of it. */
static bool
is_no_family(const struct gw_routes *r, const struct nlmsghdr *h)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);

	return r->stage == ROUTES6 && mnl_nlmsg_get_payload_len(h) >= sizeof(*e) &&
	       (e->error == -EOPNOTSUPP || e->error == -EAFNOSUPPORT);
}

/* The kernel could not tell everything: the end says why. */
static bool
broke_off(const struct nlmsghdr *h)
{
	const int *err = mnl_nlmsg_get_payload(h);

	return mnl_nlmsg_get_payload_len(h) >= sizeof(*err) && *err < 0;
}

static void
read_answers(struct gw_routes *r, size_t len, uint64_t now_ms)
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)r->buf;
	int left = (int)len;

	for (; gw_rtnl_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
		if (r->stage == IDLE || h->nlmsg_seq != r->reading_seq)
			continue; /* the kernel does not want to resolve something */
		if (h->nlmsg_type != NLMSG_DONE && h->nlmsg_type != NLMSG_ERROR) {
			take_message(r, h);
			continue;
		}
		r->broken |= h->nlmsg_type == NLMSG_ERROR ? !is_no_family(r, h) : broke_off(h);
		part_done(r, !r->broken, now_ms);
		r->broken = false;
	}
}

/* ---- events ---- */

static void
read_events(struct gw_routes *r, size_t len)
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)r->buf;
	int left = (int)len;

	for (; gw_rtnl_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
		struct gw_rtnl_neigh neigh;

		if (h->nlmsg_type != RTM_NEWNEIGH && h->nlmsg_type != RTM_DELNEIGH)
			r->routes_dirty = true;
		else if (gw_rtnl_neigh(h, &neigh) && ctl_neigh_put(r->neigh, &neigh) < 0)
			r->neighs_dirty = true;
	}
}

static void
all_dirty(struct gw_routes *r)
{
	r->routes_dirty = r->neighs_dirty = true;
}

/*
 * What was lost is read at once, and again when the queue of events is empty: only from then on
 * are all told.
 */
static void
nothing_received(struct gw_routes *r, const struct mnl_socket *nl, int err)
{
	if (err == ENOBUFS) {
		r->stats.resyncs++;
		r->lost |= nl == r->events;
		if (nl == r->ask) { /* its end may be among what was lost */
			r->stage = IDLE;
			r->broken = false;
		}
		all_dirty(r);
	} else if (err == EAGAIN && nl == r->events && r->lost) {
		r->lost = false;
		all_dirty(r);
	}
}

/* @return bytes in buf, 0: nothing there */
static size_t
receive(struct gw_routes *r, struct mnl_socket *nl)
{
	ssize_t n;

	do {
		n = recv(mnl_socket_get_fd(nl), r->buf, sizeof(r->buf), MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		nothing_received(r, nl, errno);
	return n > 0 ? (size_t)n : 0;
}

/* ---- what the kernel shall resolve ---- */

static void
use_neigh(void *arg, const struct in6_addr *addr)
{
	struct gw_routes *r = arg;
	bool v4 = IN6_IS_ADDR_V4MAPPED(addr);

	/* what cannot be asked now is asked again by the next packet */
	ask(r, gw_rtnl_use_neigh(r->req, ++r->seq, (uint32_t)r->in->ifindex,
		       v4 ? AF_INET : AF_INET6, v4 ? addr->s6_addr + 12 : addr->s6_addr));
}

static void
take_asks(struct gw_routes *r)
{
	struct in6_addr addr;

	for (unsigned int i = 0; i < ASKS; i++) {
		if (rte_ring_dequeue_elem(r->in->asks, &addr, sizeof(addr)) != 0)
			return;
		use_neigh(r, &addr);
	}
}

/* ---- all of it ---- */

void
gw_routes_tick(struct gw_routes *r, uint64_t now_ms)
{
	size_t len;

	/* not while neighbours are read: events are newer than the answers */
	for (unsigned int i = 0;
		r->stage != NEIGHS && i < BUDGET && (len = receive(r, r->events)) > 0; i++)
		read_events(r, len);
	for (unsigned int i = 0; i < BUDGET && (len = receive(r, r->ask)) > 0; i++)
		read_answers(r, len, now_ms);
	if (r->stage == IDLE)
		begin(r, now_ms);
	if (r->unshown && gw_fib_commit(r->in->fib)) {
		r->unshown = false;
		tell_full(r);
	}
	take_asks(r);
	if (now_ms >= r->stale_ms) {
		r->stale_ms = now_ms + STALE_MS;
		ctl_neigh_stale(r->neigh, use_neigh, r);
	}
}

/* @return 0, -errno */
static int
listen_to(struct mnl_socket *nl)
{
	static const int groups[] = {RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV4_IFADDR,
		RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_NEXTHOP};
	int len = EVENTS_LEN;

	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVBUFFORCE, &len, sizeof(len));
	for (size_t i = 0; i < RTE_DIM(groups); i++) {
		int group = groups[i];

		if (mnl_socket_setsockopt(nl, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
			return -errno;
	}
	return 0;
}

/* @return 0, -errno */
static int
open_sockets(struct gw_routes *r)
{
	r->events = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	r->ask = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (r->events == NULL || r->ask == NULL)
		return -errno;
	if (mnl_socket_bind(r->ask, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	return listen_to(r->events);
}

struct gw_routes *
gw_routes_create(struct gw_inside *in, const struct gw_tunnels *ts)
{
	struct gw_routes *r = calloc(1, sizeof(*r));
	struct rib_ops ops = {.arg = r, .ifkind = ifkind, .changed = changed};
	int rc = -ENOMEM;

	if (r == NULL)
		goto fail;
	r->in = in;
	r->ts = ts;
	r->rib = rib_create(&ops);
	r->neigh = ctl_neigh_create(in->neigh, (uint32_t)in->ifindex);
	r->tunnel_known = calloc(ts->n_tunifs + 1u, sizeof(bool));
	if (r->rib == NULL || r->neigh == NULL || r->tunnel_known == NULL)
		goto fail;
	rc = open_sockets(r);
	if (rc < 0)
		goto fail;
	all_dirty(r);
	return r;
fail:
	gw_log(GW_LOG_ERROR, "route", "rtnetlink: %s", strerror(-rc));
	gw_routes_destroy(r);
	return NULL;
}

void
gw_routes_destroy(struct gw_routes *r)
{
	if (r == NULL)
		return;
	if (r->events != NULL)
		mnl_socket_close(r->events);
	if (r->ask != NULL)
		mnl_socket_close(r->ask);
	ctl_neigh_destroy(r->neigh);
	rib_destroy(r->rib);
	free(r->tunnel_known);
	free(r);
}

void
gw_routes_get_stats(const struct gw_routes *r, struct gw_routes_stats *st)
{
	*st = r->stats;
	st->refused = count_refused(r);
	st->neighbours = ctl_neigh_count(r->neigh);
}

void
gw_routes_walk_neigh(const struct gw_routes *r,
	void (*cb)(void *arg, const struct in6_addr *addr, const uint8_t mac[6], uint16_t state),
	void *arg)
{
	ctl_neigh_walk(r->neigh, cb, arg);
}
