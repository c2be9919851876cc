/* SPDX-License-Identifier: BSD-3-Clause */
/* Neighbour cache and unreachability detection: RFC 4861 section 7. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_nd_int.h"

const char *
nd_state_str(enum nd_state state)
{
	static const char *const str[] = {
		[ND_INCOMPLETE] = "INCOMPLETE",
		[ND_REACHABLE] = "REACHABLE",
		[ND_STALE] = "STALE",
		[ND_DELAY] = "DELAY",
		[ND_PROBE] = "PROBE",
	};

	return str[state];
}

/* ---- table ---- */

static unsigned int
bucket_of(const struct in6_addr *addr)
{
	unsigned int i, h = 0;

	for (i = 0; i < 16; i++)
		h = h * 31 + addr->s6_addr[i];
	return (h ^ h >> 8 ^ h >> 16) % ND_BUCKETS;
}

struct nd_neigh *
nd_neigh_find(const struct nd *nd, const struct in6_addr *addr)
{
	struct nd_neigh *n = nd->bucket[bucket_of(addr)];

	while (n && !IN6_ARE_ADDR_EQUAL(&n->addr, addr))
		n = n->next;
	return n;
}

static bool
referenced(const struct nd_neigh *n)
{
	return n->hop.refs > 0 || n->route;
}

static void
del_neigh(struct nd *nd, struct nd_neigh *n)
{
	struct nd_neigh **p = &nd->bucket[bucket_of(&n->addr)];

	while (*p != n)
		p = &(*p)->next;
	*p = n->next;
	nd->n_neigh--;
	nd_queue_drop(nd, &n->queue);
	nd_hop_show(nd, &n->hop, NULL);
	free(n);
}

void
nd_neigh_clear(struct nd *nd)
{
	unsigned int i;

	for (i = 0; i < ND_BUCKETS; i++) {
		while (nd->bucket[i])
			del_neigh(nd, nd->bucket[i]);
	}
}

/* Strays come from control answering whoever asks, so they get a corner of the table only. */
static bool
make_room(struct nd *nd)
{
	struct nd_neigh *n, *oldest = NULL;
	unsigned int i, strays = 0;

	for (i = 0; i < ND_BUCKETS; i++) {
		for (n = nd->bucket[i]; n; n = n->next) {
			if (referenced(n))
				continue;
			strays++;
			if (!oldest || n->touched_ms < oldest->touched_ms)
				oldest = n;
		}
	}
	if (strays < ND_STRAY_MAX && nd->n_neigh < ND_NEIGHBOURS_MAX)
		return true;
	if (!oldest)
		return false;
	del_neigh(nd, oldest);
	return true;
}

/* ---- states ---- */

static bool
resolved(const struct nd_neigh *n)
{
	return n->state != ND_INCOMPLETE;
}

/* Workers' traffic since the last look. */
static bool
take_used(struct nd *nd, struct nd_neigh *n)
{
	uint32_t used = atomic_exchange_explicit(&n->hop.nh.used, 0, memory_order_relaxed);

	if (n == nd->cur)
		used |= atomic_exchange_explicit(&nd->def.nh.used, 0, memory_order_relaxed);
	return used != 0;
}

/* Show workers what the state says. */
static void
show(struct nd *nd, struct nd_neigh *n)
{
	const uint8_t *mac = resolved(n) ? n->mac : NULL;

	if (n->hop.refs > 0)
		nd_hop_show(nd, &n->hop, mac);
	if (n == nd->cur)
		nd_hop_show(nd, &nd->def, mac);
}

/* RFC 4861 6.3.4: uniformly between half and one and a half times the base. */
static uint64_t
reachable_time(struct nd *nd)
{
	return nd->reachable_ms / 2 + nd_rand(nd, nd->reachable_ms + 1);
}

static void
enter(struct nd *nd, uint64_t now_ms, struct nd_neigh *n, enum nd_state state)
{
	n->state = state;
	n->tries = 0;
	switch (state) {
	case ND_INCOMPLETE:
	case ND_PROBE:
		n->due = now_ms;
		break;
	case ND_REACHABLE:
		n->due = now_ms + reachable_time(nd);
		break;
	case ND_STALE:
		take_used(nd, n); /* only traffic from now on asks for a probe */
		n->due = now_ms + ND_POLL_MS;
		break;
	case ND_DELAY:
		n->due = now_ms + ND_DELAY_MS;
		break;
	}
	nd->next = 0;
}

/* Send what waited for the address. */
static void
flush(struct nd *nd, struct nd_neigh *n)
{
	unsigned int i;

	for (i = 0; i < n->queue.n; i++) {
		memcpy(nd->pkt, n->queue.q[i].pkt, n->queue.q[i].len);
		nd_emit(nd, n->mac, n->queue.q[i].len);
		free(n->queue.q[i].pkt);
	}
	n->queue.n = 0;
}

/* A MAC is known now, or another one: the caller enters the state that goes with it. */
static void
take_mac(struct nd *nd, uint64_t now_ms, struct nd_neigh *n, const uint8_t mac[6],
	enum nd_state state)
{
	char text[INET6_ADDRSTRLEN];

	memcpy(n->mac, mac, 6);
	if (n->told)
		nd_say(nd, ND_LOG_INFO, "neighbour %s answers again", nd_ntop(&n->addr, text));
	n->told = false;
	enter(nd, now_ms, n, state);
	show(nd, n);
	flush(nd, n);
	if (n->route)
		nd_choose_router(nd, now_ms);
}

/* @return false: there is no address to ask from yet */
static bool
solicit(struct nd *nd, uint64_t now_ms, struct nd_neigh *n, bool unicast)
{
	const struct in6_addr *src = nd_own_source(nd, &n->addr);
	struct in6_addr group;

	if (!src)
		return false;
	n->asked_ms = now_ms;
	n->tries++;
	if (unicast) {
		nd_emit(nd, n->mac, gw_nd_build_ns(nd->pkt, src, &n->addr, &n->addr, nd->cfg.mac));
		return true;
	}
	gw_nd_solicited_node(&n->addr, &group);
	nd_emit_group(nd, &group, gw_nd_build_ns(nd->pkt, src, &group, &n->addr, nd->cfg.mac));
	return true;
}

static void
not_answering(struct nd *nd, struct nd_neigh *n)
{
	char text[INET6_ADDRSTRLEN];

	nd_queue_drop(nd, &n->queue);
	if (!n->told)
		nd_say(nd, ND_LOG_WARN, "neighbour %s does not answer", nd_ntop(&n->addr, text));
	n->told = true;
}

/* Three questions a second apart (by default), then ever more rarely; @return false: forgotten */
static bool
tick_incomplete(struct nd *nd, uint64_t now_ms, struct nd_neigh *n)
{
	uint64_t wait = nd->retrans_ms;
	unsigned int over;

	if (n->tries == ND_TRIES) {
		not_answering(nd, n);
		if (!referenced(n)) {
			del_neigh(nd, n);
			return false;
		}
	}
	if (!solicit(nd, now_ms, n, false)) {
		n->due = now_ms + ND_START_MS;
		return true;
	}
	over = n->tries > ND_TRIES ? n->tries - ND_TRIES : 0;
	wait <<= over < 5 ? over : 5;
	n->due = now_ms + (wait < ND_BACKOFF_MS || over == 0 ? wait : ND_BACKOFF_MS);
	return true;
}

/*
 * Unicast first; then also by multicast, while packets still go to the old MAC: a neighbour that
 * changed its MAC, or lost three packets, is found without a gap (RFC 7048).
 */
static void
tick_probe(struct nd *nd, uint64_t now_ms, struct nd_neigh *n)
{
	if (n->tries < 2 * ND_TRIES) {
		bool sent = solicit(nd, now_ms, n, n->tries < ND_TRIES);

		n->due = now_ms + (sent ? nd->retrans_ms : ND_START_MS);
		return;
	}
	enter(nd, now_ms, n, ND_INCOMPLETE);
	n->tries = ND_TRIES; /* those were asked already */
	if (n->route)
		nd_choose_router(nd, now_ms); /* before: the default route has no gap */
	show(nd, n);
}

/* @return false: forgotten */
static bool
tick_stale(struct nd *nd, uint64_t now_ms, struct nd_neigh *n)
{
	if (take_used(nd, n)) {
		enter(nd, now_ms, n, ND_DELAY);
		return true;
	}
	if (!referenced(n) && now_ms - n->touched_ms >= ND_FORGET_MS) {
		del_neigh(nd, n);
		return false;
	}
	n->due = now_ms + ND_POLL_MS;
	return true;
}

static bool
tick_one(struct nd *nd, uint64_t now_ms, struct nd_neigh *n)
{
	switch (n->state) {
	case ND_INCOMPLETE:
		return tick_incomplete(nd, now_ms, n);
	case ND_REACHABLE:
		enter(nd, now_ms, n, ND_STALE);
		return true;
	case ND_STALE:
		return tick_stale(nd, now_ms, n);
	case ND_DELAY:
		enter(nd, now_ms, n, ND_PROBE);
		return true;
	case ND_PROBE:
		tick_probe(nd, now_ms, n);
		return true;
	}
	return true;
}

/* A state may be over as soon as it is entered; no chain of them is longer than this. */
#define STEPS_MAX 4

uint64_t
nd_neigh_tick(struct nd *nd, uint64_t now_ms)
{
	uint64_t next = ND_NEVER;
	unsigned int i, step;

	for (i = 0; i < ND_BUCKETS; i++) {
		struct nd_neigh *n, *after;

		for (n = nd->bucket[i]; n; n = after) {
			bool there = true;

			after = n->next;
			for (step = 0; there && n->due <= now_ms && step < STEPS_MAX; step++)
				there = tick_one(nd, now_ms, n);
			if (there && n->due < next)
				next = n->due;
		}
	}
	return next;
}

/* ---- what the rest asks ---- */

struct nd_neigh *
nd_neigh_get(struct nd *nd, uint64_t now_ms, const struct in6_addr *addr)
{
	struct nd_neigh *n = nd_neigh_find(nd, addr);
	unsigned int b = bucket_of(addr);

	if (n) {
		n->touched_ms = now_ms;
		return n;
	}
	if (!make_room(nd)) {
		errno = ENOSPC;
		return NULL;
	}
	n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	n->addr = *addr;
	n->touched_ms = now_ms;
	n->next = nd->bucket[b];
	nd->bucket[b] = n;
	nd->n_neigh++;
	enter(nd, now_ms, n, ND_INCOMPLETE);
	return n;
}

void
nd_neigh_ask(struct nd *nd, uint64_t now_ms, struct nd_neigh *n)
{
	if (n->state == ND_INCOMPLETE && n->tries == 0)
		tick_incomplete(nd, now_ms, n);
}

void
nd_neigh_release(struct nd *nd, uint64_t now_ms, struct nd_neigh *n)
{
	if (n->hop.refs == 0)
		nd_hop_show(nd, &n->hop, NULL);
	n->touched_ms = now_ms;
	nd->next = 0;
}

void
nd_neigh_learn(struct nd *nd, uint64_t now_ms, struct nd_neigh *n, const uint8_t mac[6])
{
	if (!resolved(n) || memcmp(n->mac, mac, 6) != 0)
		take_mac(nd, now_ms, n, mac, ND_STALE);
}

static void
take_router_flag(struct nd *nd, uint64_t now_ms, struct nd_neigh *n, bool router)
{
	char text[INET6_ADDRSTRLEN];

	/* RFC 4861 7.2.5: a router that turns host is one no more; a configured one we were told */
	if (n->is_router && !router && nd->cfg.router_auto && nd_drop_router(nd, now_ms, n))
		nd_say(nd, ND_LOG_WARN, "%s is no router any more", nd_ntop(&n->addr, text));
	n->is_router = router;
}

/* RFC 4861 7.2.5, with its cases in its order */
void
nd_neigh_advert(struct nd *nd, uint64_t now_ms, struct nd_neigh *n, const struct gw_nd *m)
{
	bool differs = m->has_lladdr && memcmp(m->lladdr, n->mac, 6) != 0;

	if (!resolved(n) && !m->has_lladdr)
		return;
	if (m->solicited && (!differs || m->override || !resolved(n)))
		n->confirmed_ms = now_ms;
	if (!resolved(n)) {
		n->is_router = m->router;
		take_mac(nd, now_ms, n, m->lladdr, m->solicited ? ND_REACHABLE : ND_STALE);
		return;
	}
	if (differs && !m->override) {
		if (n->state == ND_REACHABLE)
			enter(nd, now_ms, n, ND_STALE);
		return;
	}
	if (differs)
		take_mac(nd, now_ms, n, m->lladdr, m->solicited ? ND_REACHABLE : ND_STALE);
	else if (m->solicited)
		enter(nd, now_ms, n, ND_REACHABLE);
	take_router_flag(nd, now_ms, n, m->router);
}

/*
 * Packets that come in do not prove that this very neighbour takes ours: they may come through
 * another router. So hints save probes only for a while after an answer of its own.
 */
void
nd_neigh_confirm(struct nd *nd, uint64_t now_ms, struct nd_neigh *n)
{
	if (resolved(n) && n->confirmed_ms && now_ms - n->confirmed_ms < ND_HINT_MS)
		enter(nd, now_ms, n, ND_REACHABLE);
}

int
nd_neigh_send(struct nd *nd, uint64_t now_ms, struct nd_neigh *n, const uint8_t *ip6, size_t len)
{
	n->touched_ms = now_ms;
	if (resolved(n)) {
		memcpy(nd->pkt, ip6, len);
		nd_emit(nd, n->mac, len);
		if (n->state == ND_STALE)
			enter(nd, now_ms, n, ND_DELAY);
		return 0;
	}
	/* somebody wants it now: do not wait for the end of a long interval */
	if (n->tries > ND_TRIES && now_ms - n->asked_ms >= nd->retrans_ms) {
		n->due = now_ms;
		nd->next = 0;
	}
	return nd_enqueue(nd, &n->queue, ip6, len);
}
