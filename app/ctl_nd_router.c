/* SPDX-License-Identifier: BSD-3-Clause */
/* Default routers: RFC 4861 section 6.3. */
#include <errno.h>
#include <stdlib.h>

#include "ctl_nd_int.h"

#define MTU_MIN        1280   /* RFC 8200 5 */
#define RS_INTERVAL_MS 4000   /* RFC 4861 10 */
#define RS_MAX_MS      600000 /* RFC 7559: go on asking, ever more rarely */

/* RFC 4861 6.3.6: one that may be reachable rather than one that is not; else the present one. */
static struct nd_neigh *
best_router(const struct nd *nd)
{
	struct nd_neigh *best = nd->cur;
	unsigned int i;

	for (i = 0; i < nd->n_routers; i++) {
		struct nd_neigh *n = nd->router[i].n;

		if (!best || (best->state == ND_INCOMPLETE && n->state != ND_INCOMPLETE))
			best = n;
	}
	return best;
}

static void
flush_unrouted(struct nd *nd, uint64_t now_ms)
{
	unsigned int i;

	for (i = 0; i < nd->unrouted.n; i++) {
		nd_neigh_send(nd, now_ms, nd->cur, nd->unrouted.q[i].pkt, nd->unrouted.q[i].len);
		free(nd->unrouted.q[i].pkt);
	}
	nd->unrouted.n = 0;
}

static void
set_default(struct nd *nd, uint64_t now_ms, struct nd_neigh *n)
{
	struct nd_event ev = {.type = ND_EV_ROUTER};
	char text[INET6_ADDRSTRLEN];

	nd->cur = n;
	nd_hop_show(nd, &nd->def, n && n->state != ND_INCOMPLETE ? n->mac : NULL);
	if (n) {
		ev.addr = n->addr;
		nd_say(nd, ND_LOG_INFO, "default router is %s", nd_ntop(&n->addr, text));
		flush_unrouted(nd, now_ms);
	} else {
		nd_say(nd, ND_LOG_WARN, "there is no default router");
	}
	nd->next = 0;
	nd->ops.event(nd->ops.arg, &ev);
}

void
nd_choose_router(struct nd *nd, uint64_t now_ms)
{
	struct nd_neigh *best = best_router(nd);

	if (best != nd->cur)
		set_default(nd, now_ms, best);
}

int
nd_router_add(struct nd *nd, uint64_t now_ms, struct nd_neigh *n, uint64_t expires)
{
	if (nd->n_routers == ND_ROUTERS_MAX)
		return -ENOSPC;
	nd->router[nd->n_routers++] = (struct nd_router){n, expires};
	n->route = true;
	n->is_router = true;
	nd_choose_router(nd, now_ms);
	return 0;
}

static void
ask_for_routers(struct nd *nd, uint64_t due)
{
	nd->rs_sent = 0;
	nd->rs_due = due;
	nd->next = 0;
}

bool
nd_drop_router(struct nd *nd, uint64_t now_ms, struct nd_neigh *n)
{
	unsigned int i;

	for (i = 0; i < nd->n_routers && nd->router[i].n != n; i++)
		;
	if (i == nd->n_routers)
		return false;
	nd->router[i] = nd->router[--nd->n_routers];
	n->route = false;
	if (nd->cur == n) {
		nd->cur = NULL; /* so that it does not count as the present one */
		set_default(nd, now_ms, best_router(nd));
	}
	nd_neigh_release(nd, now_ms, n);
	if (nd->n_routers == 0)
		ask_for_routers(nd, now_ms);
	return true;
}

static struct nd_router *
find_router(struct nd *nd, const struct in6_addr *addr)
{
	unsigned int i;

	for (i = 0; i < nd->n_routers; i++) {
		if (IN6_ARE_ADDR_EQUAL(&nd->router[i].n->addr, addr))
			return &nd->router[i];
	}
	return NULL;
}

/* RFC 4861 6.3.4: what a router says of the link */
static void
take_link_parameters(struct nd *nd, const struct gw_nd *m)
{
	struct nd_event ev = {.type = ND_EV_MTU, .addr = m->src};

	if (m->reachable_ms > 0 && m->reachable_ms <= 3600000)
		nd->reachable_ms = m->reachable_ms;
	if (m->retrans_ms >= 100 && m->retrans_ms <= 60000)
		nd->retrans_ms = m->retrans_ms;
	if (m->mtu < MTU_MIN || m->mtu > nd->cfg.mtu || m->mtu == nd->mtu)
		return;
	nd->mtu = ev.mtu = (uint16_t)m->mtu;
	nd_say(nd, ND_LOG_INFO, "the link's MTU is %u", nd->mtu);
	nd->ops.event(nd->ops.arg, &ev);
}

static struct nd_neigh *
learn_router(struct nd *nd, uint64_t now_ms, const struct in6_addr *addr, uint64_t expires)
{
	struct nd_neigh *n;

	if (nd->n_routers == ND_ROUTERS_MAX)
		return NULL;
	n = nd_neigh_get(nd, now_ms, addr);
	if (n)
		nd_router_add(nd, now_ms, n, expires);
	return n;
}

void
nd_router_advert(struct nd *nd, uint64_t now_ms, const struct gw_nd *m)
{
	uint64_t expires = now_ms + m->router_lifetime_s * UINT64_C(1000);
	struct nd_router *r = find_router(nd, &m->src);
	struct nd_neigh *n;

	take_link_parameters(nd, m);
	if (m->router_lifetime_s == 0) {
		if (r)
			nd_drop_router(nd, now_ms, r->n);
		return;
	}
	if (r)
		r->expires = expires;
	n = r ? r->n : learn_router(nd, now_ms, &m->src, expires);
	if (!n) {
		nd->stats.ignored++;
		return;
	}
	if (m->has_lladdr)
		nd_neigh_learn(nd, now_ms, n, m->lladdr);
	nd->rs_due = ND_NEVER;
	nd->next = 0;
}

static void
send_rs(struct nd *nd)
{
	static const struct in6_addr all_routers = {{{0xff, 2, [15] = 2}}};
	const struct nd_own *ll = &nd->own[nd->link_local];
	bool ready = ll->state == ND_ADDR_USABLE;

	nd_emit_group(nd, &all_routers,
		gw_nd_build_rs(
			nd->pkt, ready ? &ll->addr : &in6addr_any, ready ? nd->cfg.mac : NULL));
}

/* Three times four seconds apart (RFC 4861 6.3.7), and then still, at doubling intervals. */
static uint64_t
tick_rs(struct nd *nd, uint64_t now_ms)
{
	uint64_t wait = RS_INTERVAL_MS;
	unsigned int over;

	if (now_ms < nd->rs_due)
		return nd->rs_due;
	send_rs(nd);
	nd->rs_sent++;
	over = nd->rs_sent > 3 ? nd->rs_sent - 3 : 0;
	wait <<= over < 8 ? over : 8;
	nd->rs_due = now_ms + (wait < RS_MAX_MS ? wait : RS_MAX_MS);
	return nd->rs_due;
}

static uint64_t
tick_expiry(struct nd *nd, uint64_t now_ms)
{
	uint64_t next = ND_NEVER;
	unsigned int i = 0;
	char text[INET6_ADDRSTRLEN];

	while (i < nd->n_routers) {
		struct nd_router *r = &nd->router[i];

		if (r->expires <= now_ms) {
			nd_say(nd, ND_LOG_WARN, "router %s has expired",
				nd_ntop(&r->n->addr, text));
			nd_drop_router(nd, now_ms, r->n); /* another takes its place in the list */
			continue;
		}
		if (r->expires < next)
			next = r->expires;
		i++;
	}
	return next;
}

uint64_t
nd_router_tick(struct nd *nd, uint64_t now_ms)
{
	uint64_t expiry = tick_expiry(nd, now_ms), rs = tick_rs(nd, now_ms);

	return expiry < rs ? expiry : rs;
}
