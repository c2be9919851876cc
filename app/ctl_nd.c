/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_nd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_nd_int.h"

#define MTU_MIN      1280 /* RFC 8200 5 */
#define REACHABLE_MS 30000
#define RETRANS_MS   1000
#define ECHO_PER_S   200 /* answers; a peer's path tests fit, a flood does not */
#define STRAY_PER_S                                                                                \
	200 /* on-link hosts that IKE wants to send to and no SA does: strangers, as a rule */

/* ---- small things all three files use ---- */

const char *
nd_ntop(const struct in6_addr *addr, char buf[INET6_ADDRSTRLEN])
{
	return inet_ntop(AF_INET6, addr, buf, INET6_ADDRSTRLEN);
}

void
nd_say(struct nd *nd, enum nd_log_level level, const char *fmt, ...)
{
	char msg[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	nd->ops.log(nd->ops.arg, level, msg);
}

uint32_t
nd_rand(struct nd *nd, uint32_t below)
{
	return (uint32_t)(((uint64_t)nd->ops.random(nd->ops.arg) * below) >> 32);
}

static size_t
l2_len(const struct nd *nd)
{
	return nd->cfg.vlan ? 18 : 14;
}

static void
build_l2(const struct nd *nd, const uint8_t mac[6], uint8_t *p)
{
	memcpy(p, mac, 6);
	memcpy(p + 6, nd->cfg.mac, 6);
	p += 12;
	if (nd->cfg.vlan) {
		p[0] = 0x81;
		p[1] = 0x00;
		p[2] = (uint8_t)(nd->cfg.vlan >> 8);
		p[3] = (uint8_t)nd->cfg.vlan;
		p += 4;
	}
	p[0] = 0x86;
	p[1] = 0xdd;
}

void
nd_emit(struct nd *nd, const uint8_t mac[6], size_t len)
{
	build_l2(nd, mac, nd->frame);
	nd->stats.sent++;
	nd->ops.send(nd->ops.arg, nd->frame, l2_len(nd) + len);
}

void
nd_emit_group(struct nd *nd, const struct in6_addr *group, size_t len)
{
	uint8_t mac[6];

	gw_nd_multicast_mac(group, mac);
	nd_emit(nd, mac, len);
}

void
nd_hop_show(struct nd *nd, struct nd_hop *h, const uint8_t *mac)
{
	struct gw_l2hdr l2 = {.len = (uint8_t)l2_len(nd)};

	if (h->shown == (mac != NULL) && (!mac || memcmp(h->mac, mac, 6) == 0))
		return;
	h->shown = mac != NULL;
	if (mac) {
		memcpy(h->mac, mac, 6);
		build_l2(nd, mac, l2.hdr);
	}
	nd->ops.publish(nd->ops.arg, &h->nh, mac ? &l2 : NULL);
}

/* ---- packets that wait ---- */

int
nd_enqueue(struct nd *nd, struct nd_queue *q, const uint8_t *ip6, size_t len)
{
	uint8_t *copy = malloc(len);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, ip6, len);
	if (q->n == ND_QUEUE_MAX) {
		free(q->q[0].pkt);
		memmove(&q->q[0], &q->q[1], (ND_QUEUE_MAX - 1) * sizeof(q->q[0]));
		q->n--;
		nd->stats.queue_dropped++;
	}
	q->q[q->n].pkt = copy;
	q->q[q->n].len = len;
	q->n++;
	return 0;
}

void
nd_queue_drop(struct nd *nd, struct nd_queue *q)
{
	while (q->n > 0) {
		free(q->q[--q->n].pkt);
		nd->stats.queue_dropped++;
	}
}

/* ---- where to ---- */

static bool
in_prefix(const struct in6_addr *addr, const struct nd_own *o)
{
	unsigned int i;

	for (i = 0; i < o->bits; i++) {
		if ((addr->s6_addr[i / 8] ^ o->addr.s6_addr[i / 8]) & (0x80 >> (i % 8)))
			return false;
	}
	return true;
}

static bool
on_link(const struct nd *nd, const struct in6_addr *dst)
{
	unsigned int i;

	if (IN6_IS_ADDR_LINKLOCAL(dst))
		return true;
	if (!nd->cfg.router_auto && IN6_IS_ADDR_UNSPECIFIED(&nd->cfg.router))
		return true;
	for (i = 0; i < nd->n_own; i++) {
		if (in_prefix(dst, &nd->own[i]))
			return true;
	}
	return false;
}

static bool
is_host(struct nd *nd, const struct in6_addr *dst)
{
	return !IN6_IS_ADDR_MULTICAST(dst) && !IN6_IS_ADDR_UNSPECIFIED(dst) &&
	       !IN6_IS_ADDR_LOOPBACK(dst) && !nd_own_find(nd, dst);
}

struct gw_nexthop *
nd_nexthop(struct nd *nd, uint64_t now_ms, const struct in6_addr *dst)
{
	struct nd_neigh *n;

	if (!is_host(nd, dst)) {
		errno = EINVAL;
		return NULL;
	}
	if (!on_link(nd, dst)) {
		nd->def.refs++;
		return &nd->def.nh;
	}
	n = nd_neigh_get(nd, now_ms, dst);
	if (!n)
		return NULL;
	n->hop.refs++;
	nd_neigh_ask(nd, now_ms, n);
	nd_hop_show(nd, &n->hop, n->state != ND_INCOMPLETE ? n->mac : NULL);
	nd->next = 0;
	return &n->hop.nh;
}

void
nd_nexthop_put(struct nd *nd, struct gw_nexthop *nh)
{
	struct nd_hop *h = (struct nd_hop *)nh; /* its first member */

	h->refs--;
	if (h != &nd->def)
		nd_neigh_release(nd, nd->now_ms, (struct nd_neigh *)h); /* likewise */
}

static bool
rate_take(struct nd_rate *r, uint64_t now_ms, unsigned int per_s)
{
	r->tokens += (now_ms - r->ms) * per_s;
	if (r->tokens > per_s * UINT64_C(1000))
		r->tokens = per_s * UINT64_C(1000);
	r->ms = now_ms;
	if (r->tokens < 1000)
		return false;
	r->tokens -= 1000;
	return true;
}

static int
route(struct nd *nd, uint64_t now_ms, const uint8_t *ip6, size_t len)
{
	struct nd_neigh *n = nd->cur;
	struct in6_addr dst;

	memcpy(&dst, ip6 + 24, sizeof(dst));
	if (IN6_IS_ADDR_MULTICAST(&dst)) {
		memcpy(nd->pkt, ip6, len);
		nd_emit_group(nd, &dst, len);
		return 0;
	}
	if (!is_host(nd, &dst))
		return -EINVAL;
	if (on_link(nd, &dst)) {
		if (!nd_neigh_find(nd, &dst) && !rate_take(&nd->stray, now_ms, STRAY_PER_S))
			return -EBUSY;
		n = nd_neigh_get(nd, now_ms, &dst);
		if (!n)
			return -errno;
		nd_neigh_ask(nd, now_ms, n);
	}
	return n ? nd_neigh_send(nd, now_ms, n, ip6, len) : nd_enqueue(nd, &nd->unrouted, ip6, len);
}

int
nd_send(struct nd *nd, uint64_t now_ms, const uint8_t *ip6, size_t len)
{
	struct in6_addr src;
	struct nd_own *o;

	if (len < 40 || ip6[0] >> 4 != 6 || len - 40 != (size_t)(ip6[4] << 8 | ip6[5]))
		return -EINVAL;
	if (len > nd->mtu)
		return -EMSGSIZE;
	memcpy(&src, ip6 + 8, sizeof(src));
	o = nd_own_find(nd, &src);
	if (!o || o->state == ND_ADDR_DUPLICATE)
		return -EADDRNOTAVAIL;
	if (o->state == ND_ADDR_TENTATIVE)
		return nd_enqueue(nd, &nd->unready, ip6, len);
	return route(nd, now_ms, ip6, len);
}

void
nd_confirm(struct nd *nd, uint64_t now_ms, const struct in6_addr *dst)
{
	struct nd_neigh *n = on_link(nd, dst) ? nd_neigh_find(nd, dst) : nd->cur;

	if (n)
		nd_neigh_confirm(nd, now_ms, n);
}

/* ---- input ---- */

static bool
echo_allowed(struct nd *nd, uint64_t now_ms)
{
	bool allowed = rate_take(&nd->echo, now_ms, ECHO_PER_S);

	nd->stats.echo_limited += !allowed;
	return allowed;
}

/* Back to the MAC it came from: nobody can make us resolve or remember an address this way. */
static void
echo(struct nd *nd, uint64_t now_ms, const uint8_t src_mac[6], const struct gw_nd *m)
{
	enum nd_addr_state state;
	size_t len;

	nd->stats.echo_in++;
	if (!nd_addr_state(nd, &m->dst, &state) || state != ND_ADDR_USABLE ||
		!is_host(nd, &m->src) || m->body_len > nd->mtu - 40u) {
		nd->stats.ignored++;
		return;
	}
	if (!echo_allowed(nd, now_ms))
		return;
	len = gw_nd_build_echo_reply(nd->pkt, &m->dst, &m->src, m->body, m->body_len, 64);
	if (len > 0)
		nd_emit(nd, src_mac, len);
}

static void
solicited(struct nd *nd, uint64_t now_ms, const uint8_t src_mac[6], const struct gw_nd *m)
{
	struct nd_own *o = nd_own_find(nd, &m->target);

	nd->stats.ns_in++;
	if (o && !nd_own_find(nd, &m->src))
		nd_own_solicited(nd, now_ms, o, src_mac, m);
	else
		nd->stats.ignored++;
}

static void
neighbour_advertised(
	struct nd *nd, uint64_t now_ms, const uint8_t src_mac[6], const struct gw_nd *m)
{
	struct nd_own *o = nd_own_find(nd, &m->target);
	struct nd_neigh *n = nd_neigh_find(nd, &m->target);

	nd->stats.na_in++;
	if (o)
		nd_own_claimed(nd, now_ms, o, src_mac);
	else if (n)
		nd_neigh_advert(nd, now_ms, n, m);
	else
		nd->stats.ignored++;
}

void
nd_input(struct nd *nd, uint64_t now_ms, const uint8_t src_mac[6], const struct gw_nd *m)
{
	/* our own multicast comes back on some ports, and would look like a duplicate */
	if ((src_mac[0] & 1) || memcmp(src_mac, nd->cfg.mac, 6) == 0) {
		nd->stats.ignored++;
		return;
	}
	switch (m->type) {
	case GW_ND_NS:
		solicited(nd, now_ms, src_mac, m);
		break;
	case GW_ND_NA:
		neighbour_advertised(nd, now_ms, src_mac, m);
		break;
	case GW_ND_RA:
		nd->stats.ra_in++;
		if (nd->cfg.router_auto && !nd_own_find(nd, &m->src))
			nd_router_advert(nd, now_ms, m);
		else
			nd->stats.ignored++;
		break;
	case GW_ND_ECHO:
		echo(nd, now_ms, src_mac, m);
		break;
	case GW_ND_MLD_QUERY:
		nd_own_query(nd, now_ms, m);
		break;
	default: /* redirects too: a router that knows better may forward */
		nd->stats.ignored++;
		break;
	}
}

/* ---- life ---- */

static bool
valid_cfg(const struct nd_cfg *cfg)
{
	unsigned int i;

	if (cfg->mtu < MTU_MIN || cfg->mtu > GW_ND_PKT_MAX || cfg->n_addrs > ND_ADDRS_MAX ||
		cfg->vlan > 4094 || (cfg->mac[0] & 1) || cfg->router.s6_addr[0] == 0xff)
		return false;
	for (i = 0; i < cfg->n_addrs; i++) {
		const struct gw_prefix *p = &cfg->addrs[i];

		if (p->family != AF_INET6 || p->bits > 128 || p->addr[0] == 0xff)
			return false;
	}
	return true;
}

struct nd *
nd_create(const struct nd_cfg *cfg, const struct nd_ops *ops, uint64_t now_ms)
{
	struct nd *nd;

	if (!valid_cfg(cfg)) {
		errno = EINVAL;
		return NULL;
	}
	nd = calloc(1, sizeof(*nd));
	if (!nd)
		return NULL;
	nd->cfg = *cfg;
	nd->ops = *ops;
	nd->mtu = cfg->mtu;
	nd->reachable_ms = REACHABLE_MS;
	nd->retrans_ms = RETRANS_MS;
	nd->pkt = nd->frame + l2_len(nd);
	nd->echo = (struct nd_rate){.tokens = ECHO_PER_S * 1000, .ms = now_ms};
	nd->stray = (struct nd_rate){.tokens = STRAY_PER_S * 1000, .ms = now_ms};
	nd->rs_due = cfg->router_auto ? now_ms + nd_rand(nd, ND_START_MS) : ND_NEVER;
	nd_own_init(nd, now_ms);
	return nd;
}

void
nd_destroy(struct nd *nd)
{
	if (!nd)
		return;
	nd_hop_show(nd, &nd->def, NULL);
	nd->cur = NULL;
	nd_neigh_clear(nd);
	nd_queue_drop(nd, &nd->unready);
	nd_queue_drop(nd, &nd->unrouted);
	free(nd);
}

static void
start(struct nd *nd, uint64_t now_ms)
{
	struct nd_neigh *n;

	nd->started = true;
	if (nd->cfg.router_auto || IN6_IS_ADDR_UNSPECIFIED(&nd->cfg.router))
		return;
	n = nd_neigh_get(nd, now_ms, &nd->cfg.router);
	if (!n || nd_router_add(nd, now_ms, n, ND_NEVER) < 0)
		nd_say(nd, ND_LOG_ERROR, "no memory for the default router");
}

/* One thing's step may make another's due; no chain of them is longer than this. */
#define ROUNDS_MAX 4

uint64_t
nd_tick(struct nd *nd, uint64_t now_ms)
{
	unsigned int i;

	nd->now_ms = now_ms;
	if (!nd->started)
		start(nd, now_ms);
	for (i = 0; i < ROUNDS_MAX && nd->next <= now_ms; i++) {
		uint64_t own, router, next;

		nd->next = ND_NEVER;
		own = nd_own_tick(nd, now_ms);
		router = nd_router_tick(nd, now_ms);
		next = nd_neigh_tick(nd, now_ms);
		next = own < next ? own : next;
		next = router < next ? router : next;
		if (nd->next != 0) /* else one step made another due */
			nd->next = next;
	}
	/* a caller that missed a deadline brought forward by another call misses it by little */
	return nd->next < now_ms + ND_POLL_MS ? nd->next : now_ms + ND_POLL_MS;
}

/* ---- views ---- */

uint16_t
nd_mtu(const struct nd *nd)
{
	return nd->mtu;
}

void
nd_get_stats(const struct nd *nd, struct nd_stats *st)
{
	*st = nd->stats;
}

void
nd_walk(const struct nd *nd, void (*cb)(void *arg, const struct nd_info *info), void *arg)
{
	const struct nd_neigh *n;
	unsigned int i;

	for (i = 0; i < ND_BUCKETS; i++) {
		for (n = nd->bucket[i]; n; n = n->next) {
			struct nd_info info = {
				.addr = n->addr,
				.state = nd_state_str(n->state),
				.refs = n->hop.refs + (n == nd->cur ? nd->def.refs : 0),
				.router = n->is_router,
				.is_default = n == nd->cur,
				.confirmed_ms = n->confirmed_ms,
			};

			memcpy(info.mac, n->mac, 6);
			cb(arg, &info);
		}
	}
}
