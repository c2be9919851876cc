/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_NEIGH_H
#define GW_NEIGH_H

/*
 * Neighbours on the inside port's link, as the kernel knows them: address to MAC, both families (IPv4
 * mapped into IPv6). Control writes, workers read; an entry is replaced whole and reclaimed by rcu.h.
 */

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct gw_rcu;

#define GW_NEIGH_BUCKETS 4096

struct gw_neigh {
	/* set before publish, then read-only, but for next, which control changes */
	_Atomic(struct gw_neigh *) next;
	struct in6_addr addr;
	uint8_t mac[6];
	_Atomic(bool) used; /* worker sets when it sends there, control clears */
};

struct gw_neigh_tab {
	struct gw_rcu *rcu;
	_Atomic(struct gw_neigh *) bucket[GW_NEIGH_BUCKETS];
};

struct gw_neigh_tab *gw_neigh_create(struct gw_rcu *rcu);
/** No worker runs. NULL is fine. */
void gw_neigh_destroy(struct gw_neigh_tab *t);

/** Control: addr is at mac. @return 0 or -ENOMEM */
int gw_neigh_set(struct gw_neigh_tab *t, const struct in6_addr *addr, const uint8_t mac[6]);
/** Control; an unknown one is fine. */
void gw_neigh_del(struct gw_neigh_tab *t, const struct in6_addr *addr);
/** Control: sent there since the last call? */
bool gw_neigh_used(struct gw_neigh_tab *t, const struct in6_addr *addr);

static inline void
gw_neigh_map4(struct in6_addr *to, const uint8_t addr4[4])
{
	memset(to, 0, 10);
	memset(to->s6_addr + 10, 0xff, 2);
	memcpy(to->s6_addr + 12, addr4, 4);
}

static inline uint32_t
gw_neigh_bucket(const struct in6_addr *addr)
{
	uint64_t w[2];

	memcpy(w, addr, sizeof(w));
	/* who is on our link chooses its address, but Ethernet lets it do worse: no secret here */
	return (uint32_t)(((w[0] ^ w[1]) * 0x9e3779b97f4a7c15u) >> 52) % GW_NEIGH_BUCKETS;
}

/** Worker; valid until it reports a quiescent state. @return NULL when the kernel knows none */
static inline struct gw_neigh *
gw_neigh_find(const struct gw_neigh_tab *t, const struct in6_addr *addr)
{
	struct gw_neigh *n;

	n = atomic_load_explicit(&t->bucket[gw_neigh_bucket(addr)], memory_order_acquire);
	while (n != NULL && memcmp(&n->addr, addr, sizeof(*addr)) != 0)
		n = atomic_load_explicit(&n->next, memory_order_acquire);
	return n;
}

#endif
