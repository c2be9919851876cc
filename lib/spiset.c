/* SPDX-License-Identifier: BSD-3-Clause */
#include "excp.h"

#include <rte_malloc.h>

/*
 * Two cache-line buckets can hold an SPI: its own and the next. A lookup reads both whole, so a
 * deletion simply empties the slot, without tombstones and without moving what a reader may be
 * reading. At half load, two full buckets side by side are rare enough to refuse.
 */
#define SLOTS 8
#define EMPTY 0 /* no IKE SPI is 0, RFC 7296 3.1 */

struct bucket {
	_Alignas(64) _Atomic(uint64_t) spi[SLOTS];
};

struct gw_spiset {
	uint32_t mask;
	struct bucket *bucket;
};

struct gw_spiset *
gw_spiset_create(uint32_t n, int socket)
{
	uint32_t n_buckets = rte_align32pow2(n / (SLOTS / 2) + 2);
	struct gw_spiset *s = rte_zmalloc_socket("gw_spiset", sizeof(*s), 0, socket);

	if (s == NULL)
		return NULL;
	s->mask = n_buckets - 1;
	s->bucket = rte_zmalloc_socket(
		"gw_spiset", n_buckets * sizeof(*s->bucket), RTE_CACHE_LINE_SIZE, socket);
	if (s->bucket == NULL) {
		rte_free(s);
		return NULL;
	}
	return s;
}

void
gw_spiset_destroy(struct gw_spiset *s)
{
	if (s == NULL)
		return;
	rte_free(s->bucket);
	rte_free(s);
}

static _Atomic(uint64_t) *
find(const struct gw_spiset *s, uint64_t home, uint64_t what)
{
	uint32_t at = (uint32_t)((home * 0x9e3779b97f4a7c15u) >> 32);

	for (uint32_t b = 0; b < 2; b++) {
		struct bucket *bucket = &s->bucket[(at + b) & s->mask];

		for (unsigned int i = 0; i < SLOTS; i++) {
			if (atomic_load_explicit(&bucket->spi[i], memory_order_relaxed) == what)
				return &bucket->spi[i];
		}
	}
	return NULL;
}

bool
gw_spiset_add(struct gw_spiset *s, uint64_t spi)
{
	_Atomic(uint64_t) *slot;

	if (spi == EMPTY)
		return false;
	if (find(s, spi, spi) != NULL)
		return true;
	slot = find(s, spi, EMPTY);
	if (slot == NULL)
		return false;
	atomic_store_explicit(slot, spi, memory_order_relaxed);
	return true;
}

void
gw_spiset_del(struct gw_spiset *s, uint64_t spi)
{
	_Atomic(uint64_t) *slot = spi == EMPTY ? NULL : find(s, spi, spi);

	if (slot != NULL)
		atomic_store_explicit(slot, EMPTY, memory_order_relaxed);
}

bool
gw_spiset_has(const struct gw_spiset *s, uint64_t spi)
{
	return spi != EMPTY && find(s, spi, spi) != NULL;
}

enum gw_excp_class
gw_excp_class_of(const struct gw_classified *c, const struct gw_spiset *peers,
	const struct gw_spiset *half_open)
{
	if (c->cls == GW_CLASS_ICMP6)
		return c->nd ? GW_EXCP_ND : GW_EXCP_ICMP6;
	if (gw_spiset_has(peers, c->ike_spi_i) || gw_spiset_has(peers, c->ike_spi_r))
		return GW_EXCP_IKE;
	/* of these we are responder */
	return gw_spiset_has(half_open, c->ike_spi_r) ? GW_EXCP_HALF_OPEN : GW_EXCP_INIT;
}
