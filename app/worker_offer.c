/* SPDX-License-Identifier: BSD-3-Clause */

#include <rte_prefetch.h>

#include "worker_priv.h"

/*
 * A worker that has no time left has idle ones help with the crypto (lib/offer.h): control decides
 * (plane->offering). What has an order stays with the owner.
 */

/* Bytes of a packet, below which it costs more to bring it to another core and back than to do its
 * crypto. */
#define WORTH 256

/* What the end of a packet touches: another core has written it. */
static void
prefetch(const struct gw_esp_batch *b)
{
	for (unsigned int i = 0; i < b->n; i++) {
		const struct gw_crypto_op *op = &b->lanes[i].op;

		rte_prefetch0(&op->good);
		rte_prefetch0(b->out ? op->auth : op->text);
		if (!b->out)
			rte_prefetch0(op->text + op->text_len - 1);
	}
}

/* @return true when there was one whose crypto is done */
static bool
end_oldest(struct gw_worker *w, struct gw_offer *o)
{
	struct gw_offer_slot *s = gw_offer_oldest(o);

	if (s == NULL || !atomic_load_explicit(&s->done, memory_order_acquire))
		return false;
	prefetch(&s->batch);
	w->stats.helped_tsc += s->spent_tsc;
	w->stats.helped += s->spent_tsc > 0 ? s->batch.n : 0;
	if (s->batch.out)
		worker_out_end(w, &s->batch);
	else
		worker_in_end(w, &s->batch);
	gw_offer_ended(o);
	return true;
}

/* @return false: somebody else is at the oldest one and has not done it, and there is no other */
static bool
go_on(struct gw_worker *w, struct gw_offer *o)
{
	return end_oldest(w, o) || gw_offer_work(o, w->crypto, true);
}

/* @return false: somebody else is at the rest */
static bool
try_drain(struct gw_worker *w, struct gw_offer *o)
{
	while (gw_offer_oldest(o) != NULL) {
		if (!go_on(w, o))
			return false;
	}
	return true;
}

bool
worker_offer_is_worth(struct gw_worker *w, unsigned int dir, struct rte_mbuf **pkts, uint16_t n)
{
	uint32_t bytes = 0;

	for (uint16_t i = 0; i < n; i++)
		bytes += pkts[i]->data_len;
	/* nothing may overtake what is under way */
	return bytes >= n * WORTH || !try_drain(w, &w->offers[dir]);
}

/* What is read while this is so would have to wait, and all else with it. */
void
worker_offers_look(struct gw_worker *w)
{
	for (unsigned int i = 0; i < GW_OFFER_N; i++) {
		struct gw_offer *o = &w->offers[i];

		w->stuck[i] = w->offering && gw_offer_next(o) == NULL && gw_offer_waiting(o) == 0 &&
			      !end_oldest(w, o);
	}
}

struct gw_esp_batch *
worker_offer_next(struct gw_worker *w, struct gw_offer *o)
{
	struct gw_offer_slot *s;

	while ((s = gw_offer_next(o)) == NULL) {
		if (!go_on(w, o))
			rte_pause();
	}
	s->quiet = w->quiet;
	atomic_store_explicit(&s->done, false, memory_order_relaxed);
	return &s->batch;
}

void
worker_offer(struct gw_worker *w, struct gw_offer *o)
{
	gw_offer_begun(o);
	/* one is left to the others */
	if (gw_offer_waiting(o) > 1)
		gw_offer_work(o, w->crypto, true);
	while (end_oldest(w, o))
		;
}

/* Everything that is under way, to its end. */
static void
drain(struct gw_worker *w, struct gw_offer *o)
{
	while (!try_drain(w, o))
		rte_pause();
}

void
worker_offers_drain(struct gw_worker *w)
{
	if (likely(!w->offering))
		return;
	for (unsigned int i = 0; i < GW_OFFER_N; i++) {
		drain(w, &w->offers[i]);
		w->stuck[i] = false;
	}
}

static void
help(struct gw_worker *w, uint64_t offering)
{
	for (; offering != 0; offering &= offering - 1) {
		struct gw_offer *o = worker_offers_of(w, (unsigned int)__builtin_ctzll(offering));

		gw_offer_work(&o[GW_OFFER_IN], w->crypto, false);
		gw_offer_work(&o[GW_OFFER_OUT], w->crypto, false);
	}
}

/* Nobody has come for it in a whole poll. */
static bool
waits(const struct gw_worker *w, unsigned int dir)
{
	uint32_t taken = atomic_load_explicit(&w->offers[dir].taken, memory_order_relaxed);

	return (int32_t)(w->offered[dir] - taken) > 0;
}

/* @return batches that it did something about */
static uint32_t
own(struct gw_worker *w, bool idle)
{
	uint32_t n = 0;

	for (unsigned int i = 0; i < GW_OFFER_N; i++) {
		struct gw_offer *o = &w->offers[i];

		if (idle || waits(w, i))
			n += gw_offer_work(o, w->crypto, true);
		while (end_oldest(w, o))
			n++;
		w->offered[i] = atomic_load_explicit(&o->begun, memory_order_relaxed);
	}
	return n;
}

uint32_t
worker_offers(struct gw_worker *w, bool idle)
{
	uint64_t mine = UINT64_C(1) << w->id;
	uint64_t offering = atomic_load_explicit(&w->plane->offering, memory_order_relaxed);
	uint32_t n = 0;

	if (w->offering)
		n = own(w, idle);
	if (unlikely(w->offering != ((offering & mine) != 0))) {
		worker_offers_drain(w);
		w->offering = !w->offering;
	}
	if (idle && (offering & ~mine) != 0)
		help(w, offering & ~mine);
	return n;
}

/* Batches may outlive polls: SAs are held as of when the oldest was begun. */
void
worker_quiescent(struct gw_worker *w)
{
	uint64_t quiet = w->quiet = gw_rcu_token(w->plane->rcu);

	for (unsigned int i = 0; w->offering && i < GW_OFFER_N; i++) {
		const struct gw_offer_slot *s = gw_offer_oldest(&w->offers[i]);

		if (s != NULL && s->quiet < quiet)
			quiet = s->quiet;
	}
	gw_rcu_report(w->plane->rcu, w->id, quiet);
}
