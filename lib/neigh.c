/* SPDX-License-Identifier: BSD-3-Clause */
#include "neigh.h"

#include <errno.h>
#include <stdlib.h>

#include "rcu.h"

struct gw_neigh_tab *
gw_neigh_create(struct gw_rcu *rcu)
{
	struct gw_neigh_tab *t = calloc(1, sizeof(*t));

	if (t != NULL)
		t->rcu = rcu;
	return t;
}

void
gw_neigh_destroy(struct gw_neigh_tab *t)
{
	if (t == NULL)
		return;
	for (unsigned int i = 0; i < GW_NEIGH_BUCKETS; i++) {
		struct gw_neigh *n = atomic_load_explicit(&t->bucket[i], memory_order_relaxed);

		while (n != NULL) {
			struct gw_neigh *next =
				atomic_load_explicit(&n->next, memory_order_relaxed);

			free(n);
			n = next;
		}
	}
	free(t);
}

/* @return the place that points to addr's entry, or to NULL */
static _Atomic(struct gw_neigh *) *
place(struct gw_neigh_tab *t, const struct in6_addr *addr)
{
	_Atomic(struct gw_neigh *) *at = &t->bucket[gw_neigh_bucket(addr)];
	struct gw_neigh *n;

	while ((n = atomic_load_explicit(at, memory_order_relaxed)) != NULL) {
		if (memcmp(&n->addr, addr, sizeof(*addr)) == 0)
			break;
		at = &n->next;
	}
	return at;
}

int
gw_neigh_set(struct gw_neigh_tab *t, const struct in6_addr *addr, const uint8_t mac[6])
{
	_Atomic(struct gw_neigh *) *at = place(t, addr);
	struct gw_neigh *old = atomic_load_explicit(at, memory_order_relaxed), *n;

	if (old != NULL && memcmp(old->mac, mac, sizeof(old->mac)) == 0)
		return 0;
	n = calloc(1, sizeof(*n));
	if (n == NULL)
		return -ENOMEM;
	n->addr = *addr;
	memcpy(n->mac, mac, sizeof(n->mac));
	if (old != NULL)
		atomic_init(&n->next, atomic_load_explicit(&old->next, memory_order_relaxed));
	atomic_store_explicit(at, n, memory_order_release);
	if (old != NULL)
		gw_rcu_retire(t->rcu, free, old);
	return 0;
}

void
gw_neigh_del(struct gw_neigh_tab *t, const struct in6_addr *addr)
{
	_Atomic(struct gw_neigh *) *at = place(t, addr);
	struct gw_neigh *n = atomic_load_explicit(at, memory_order_relaxed);

	if (n == NULL)
		return;
	/* who stands on n still finds the rest of the chain */
	atomic_store_explicit(
		at, atomic_load_explicit(&n->next, memory_order_relaxed), memory_order_release);
	gw_rcu_retire(t->rcu, free, n);
}

bool
gw_neigh_used(struct gw_neigh_tab *t, const struct in6_addr *addr)
{
	struct gw_neigh *n = atomic_load_explicit(place(t, addr), memory_order_relaxed);

	return n != NULL && atomic_exchange_explicit(&n->used, false, memory_order_relaxed);
}
