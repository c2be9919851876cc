/* SPDX-License-Identifier: BSD-3-Clause */

#include "worker_priv.h"

/* The other workers: packets to them and from them. */

static const enum gw_drop full[GW_PASS_N] = {
	[GW_PASS_ESP] = GW_DROP_PASS_FULL,
	[GW_PASS_INNER] = GW_DROP_OUT_PASS_FULL,
	[GW_PASS_FORWARD] = GW_DROP_FWD_PASS_FULL,
	[GW_PASS_FRAME] = GW_DROP_OUT_TX_PASS_FULL,
};

/* Takes pkts. */
static void
push(struct gw_worker *w, enum gw_pass_kind kind, unsigned int to, struct rte_mbuf **pkts,
	uint16_t n)
{
	uint16_t taken = gw_pass_push(w->pass, kind, w->id, to, pkts, n);

	w->stats.passed += taken;
	for (uint16_t i = taken; i < n; i++)
		gw_pkt_refuse(pkts[i], full[kind]);
	worker_drop(w, pkts + taken, n - taken);
}

static struct box *
box_of(const struct gw_worker *w, enum gw_pass_kind kind, unsigned int to)
{
	return &w->boxes[to * GW_PASS_FRAME + kind];
}

static void
empty_box(struct gw_worker *w, enum gw_pass_kind kind, unsigned int to)
{
	struct box *b = box_of(w, kind, to);

	push(w, kind, to, b->pkts, b->n);
	b->n = 0;
	w->full[kind] &= ~(UINT64_C(1) << to);
}

void
worker_pass(struct gw_worker *w, enum gw_pass_kind kind, unsigned int to, struct rte_mbuf *m)
{
	struct box *b = box_of(w, kind, to);

	b->pkts[b->n++] = m;
	w->full[kind] |= UINT64_C(1) << to;
	if (b->n == GW_BURST_MAX)
		empty_box(w, kind, to);
}

void
worker_pass_all(struct gw_worker *w)
{
	for (enum gw_pass_kind kind = 0; kind < GW_PASS_FRAME; kind++) {
		while (w->full[kind] != 0)
			empty_box(w, kind, (unsigned int)__builtin_ctzll(w->full[kind]));
	}
}

void
worker_pass_frames(struct gw_worker *w, struct rte_mbuf **pkts, uint16_t n)
{
	push(w, GW_PASS_FRAME, w->sender, pkts, n);
}

uint16_t
worker_pass_inner(struct gw_worker *w, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < n; i++) {
		uint32_t owner = atomic_load_explicit(
			&gw_pkt(pkts[i])->tunnel->demux->owner, memory_order_acquire);

		if (likely(owner == w->id))
			pkts[kept++] = pkts[i];
		else
			worker_pass(w, GW_PASS_INNER, owner, pkts[i]);
	}
	return kept;
}

static uint16_t
pull_esp(struct gw_worker *w, unsigned int from)
{
	uint16_t room, n;
	struct rte_mbuf **pkts;

	if (w->stuck[GW_OFFER_IN])
		return 0;
	pkts = worker_in_room(w, &room);
	n = gw_pass_pull(w->pass, GW_PASS_ESP, from, w->id, pkts, room);
	worker_gathered(w, &w->in, n);
	return n;
}

static uint16_t
pull_inner(struct gw_worker *w, unsigned int from)
{
	uint16_t room, n;
	struct rte_mbuf **pkts;

	if (w->stuck[GW_OFFER_OUT])
		return 0;
	pkts = worker_out_room(w, &room);
	n = gw_pass_pull(w->pass, GW_PASS_INNER, from, w->id, pkts, room);
	worker_gathered(w, &w->from_inside, n);
	return n;
}

static uint16_t
pull_forward(struct gw_worker *w, unsigned int from)
{
	struct rte_mbuf *pkts[GW_BURST_MAX];
	uint16_t n;

	if (w->stuck[GW_OFFER_OUT]) /* some may be for tunnels */
		return 0;
	n = gw_pass_pull(w->pass, GW_PASS_FORWARD, from, w->id, pkts, GW_BURST_MAX);
	if (n > 0)
		worker_fwd(w, pkts, n);
	return n;
}

static uint16_t
pull_frames(struct gw_worker *w, unsigned int from)
{
	struct rte_mbuf *pkts[GW_BURST_MAX];
	uint16_t n = gw_pass_pull(w->pass, GW_PASS_FRAME, from, w->id, pkts, GW_BURST_MAX);

	for (uint16_t i = 0; i < n; i++)
		worker_tx(w, pkts[i]);
	return n;
}

/* No more of each than a ring takes: others may go on passing. @return packets */
static uint32_t
drain(struct gw_worker *w, uint16_t (*pull)(struct gw_worker *w, unsigned int from))
{
	uint32_t all = 0;

	for (unsigned int from = 0; from < w->plane->n_workers; from++) {
		uint32_t left = from != w->id ? GW_PASS_DEPTH : 0;
		uint16_t n;

		while (left > 0 && (n = pull(w, from)) > 0) {
			left -= RTE_MIN(n, left);
			all += n;
		}
	}
	return all;
}

/* Their crypto is done, and others make more of them in a poll than a burst. */
uint32_t
worker_pull_frames(struct gw_worker *w)
{
	return w->transmits ? drain(w, pull_frames) : 0;
}

uint32_t
worker_pull(struct gw_worker *w)
{
	uint32_t n = worker_pull_frames(w);

	for (unsigned int from = 0; from < w->plane->n_workers; from++) {
		if (from == w->id)
			continue;
		n += pull_esp(w, from) + pull_inner(w, from);
		if (w->fwd != NULL)
			n += pull_forward(w, from);
	}
	return n;
}

void
worker_pull_all(struct gw_worker *w)
{
	worker_offers_drain(w); /* or it would be stuck, and pull nothing */
	/* decrypted before: ahead of what is decrypted now */
	if (w->fwd != NULL)
		drain(w, pull_forward);
	drain(w, pull_esp);
	drain(w, pull_inner);
	worker_in_go(w);
	worker_offers_drain(w);
	worker_out_go(w);
	worker_offers_drain(w);
	worker_send(w);
}
