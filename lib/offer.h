/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_OFFER_H
#define GW_OFFER_H

/*
 * Batches of one worker on their way through the crypto, offered to all of them. Their owner begins
 * and ends them, in order; whoever comes first does the crypto in between. So several lcores work on
 * the packets of one SA, which get their numbers and leave in order all the same.
 *
 * A ring of slots for each owner and direction, ended <= taken <= begun <= ended + GW_OFFER_SLOTS:
 *
 *   counter  writer        what it hands over
 *   begun    owner         a batch, to whoever takes it (release)
 *   taken    any, by turns who wins the exchange has the batch alone
 *   done     who took it   the batch, back to the owner (release)
 *   ended    owner         -
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "esp.h"

#define GW_OFFER_SLOTS 8

struct gw_offer_slot {
	struct gw_esp_batch batch;
	uint64_t quiet;		     /* owner's: gw_rcu_token() before the batch's SAs were looked up */
	_Alignas(64) _Atomic(bool) done; /* whoever took it */
	uint64_t spent_tsc;	     /* whoever took it, if that was not the owner; else 0 */
};

struct gw_offer {
	_Alignas(64) _Atomic(uint32_t) begun;
	_Alignas(64) _Atomic(uint32_t) taken;
	_Alignas(64) uint32_t ended;
	struct gw_offer_slot slots[GW_OFFER_SLOTS];
};

/** Control, at start: n empty ones. @return NULL without memory */
struct gw_offer *gw_offer_create(unsigned int n, int socket);
/** Workers have ended; packets left are freed. NULL is fine. */
void gw_offer_destroy(struct gw_offer *offers, unsigned int n);

/** Owner. @return the slot whose batch may be begun next, NULL: all are under way */
static inline struct gw_offer_slot *
gw_offer_next(struct gw_offer *o)
{
	uint32_t begun = atomic_load_explicit(&o->begun, memory_order_relaxed);

	return begun - o->ended < GW_OFFER_SLOTS ? &o->slots[begun % GW_OFFER_SLOTS] : NULL;
}

/** Owner: the batch of gw_offer_next() has been begun. */
static inline void
gw_offer_begun(struct gw_offer *o)
{
	uint32_t begun = atomic_load_explicit(&o->begun, memory_order_relaxed);

	atomic_store_explicit(&o->begun, begun + 1, memory_order_release);
}

/** Owner. @return the oldest batch that has not ended, NULL: there is none */
static inline struct gw_offer_slot *
gw_offer_oldest(struct gw_offer *o)
{
	if (o->ended == atomic_load_explicit(&o->begun, memory_order_relaxed))
		return NULL;
	return &o->slots[o->ended % GW_OFFER_SLOTS];
}

/** Owner: the oldest batch, its crypto being done, has been ended. */
static inline void
gw_offer_ended(struct gw_offer *o)
{
	o->ended++;
}

/** Owner. @return batches that nobody has taken yet: at once fewer */
static inline uint32_t
gw_offer_waiting(const struct gw_offer *o)
{
	uint32_t taken = atomic_load_explicit(&o->taken, memory_order_relaxed);

	return atomic_load_explicit(&o->begun, memory_order_relaxed) - taken;
}

/**
 * Take the oldest batch that nobody has taken and do its crypto, with the calling worker's manager.
 * Any worker, owner says which it is.
 * @return false when there was none
 */
bool gw_offer_work(struct gw_offer *o, struct gw_crypto *c, bool owner);

#endif
