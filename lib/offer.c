/* SPDX-License-Identifier: BSD-3-Clause */
#include "offer.h"

#include <rte_cycles.h>
#include <rte_malloc.h>
#include <rte_prefetch.h>

struct gw_offer *
gw_offer_create(unsigned int n, int socket)
{
	struct gw_offer *offers =
		rte_zmalloc_socket("gw_offer", n * sizeof(struct gw_offer), 64, socket);

	for (unsigned int i = 0; offers != NULL && i < n; i++)
		for (unsigned int k = 0; k < GW_OFFER_SLOTS; k++)
			gw_esp_batch_init(&offers[i].slots[k].batch);
	return offers;
}

void
gw_offer_destroy(struct gw_offer *offers, unsigned int n)
{
	struct gw_offer_slot *s;

	for (unsigned int i = 0; offers != NULL && i < n; i++) {
		for (; (s = gw_offer_oldest(&offers[i])) != NULL; gw_offer_ended(&offers[i])) {
			for (unsigned int k = 0; k < s->batch.n; k++)
				rte_pktmbuf_free(s->batch.lanes[k].m);
		}
	}
	rte_free(offers);
}

/* @return NULL: none is left. What is read of begun may be older than what is read of taken, and
 * then even less. No slot is begun anew before it has been taken, so taken cannot come round to
 * what was read of it. */
static struct gw_offer_slot *
take(struct gw_offer *o)
{
	uint32_t taken = atomic_load_explicit(&o->taken, memory_order_relaxed);

	do {
		if ((int32_t)(atomic_load_explicit(&o->begun, memory_order_acquire) - taken) <= 0)
			return NULL;
	} while (!atomic_compare_exchange_weak_explicit(
		&o->taken, &taken, taken + 1, memory_order_relaxed, memory_order_relaxed));
	return &o->slots[taken % GW_OFFER_SLOTS];
}

#define FRONT 24 /* bytes of ESP header and IV */

/* All of it comes from another core's cache. */
static void
fetch(const struct gw_esp_batch *b)
{
	for (unsigned int i = 0; i < b->n; i++)
		rte_prefetch0(&b->lanes[i].op);
	for (unsigned int i = 0; i < b->n; i++) {
		const struct gw_crypto_op *op = &b->lanes[i].op;
		uint32_t end = op->text_len + GW_ICV_MAX;

		for (uint32_t at = 0; at < end; at += 64)
			rte_prefetch0(op->text + at);
		rte_prefetch0(op->text + end - 1);
		rte_prefetch0(op->text - FRONT);
	}
}

bool
gw_offer_work(struct gw_offer *o, struct gw_crypto *c, bool owner)
{
	struct gw_offer_slot *s = take(o);
	uint64_t since;

	if (s == NULL)
		return false;
	since = rte_rdtsc();
	if (!owner)
		fetch(&s->batch);
	gw_esp_crypt(c, &s->batch);
	s->spent_tsc = owner ? 0 : rte_rdtsc() - since;
	atomic_store_explicit(&s->done, true, memory_order_release);
	return true;
}
