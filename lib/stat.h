/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_STAT_H
#define GW_STAT_H

/* Counters with one writer, the owner worker, which control reads relaxed. */

#include <stdatomic.h>
#include <stdint.h>

/** No locked instruction is needed. */
static inline void
gw_stat_add(_Atomic(uint64_t) *counter, uint64_t n)
{
	atomic_store_explicit(counter,
		atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}

static inline void
gw_stat_set(_Atomic(uint64_t) *counter, uint64_t value)
{
	atomic_store_explicit(counter, value, memory_order_relaxed);
}

/**
 * What a burst adds to a pair of counters; written when they change, mostly once a burst. Start zeroed. Its address
 * goes to inline functions alone, so that it stays in registers.
 */
struct gw_tally {
	_Atomic(uint64_t) *packets, *bytes;
	uint64_t n_packets, n_bytes;
};

static inline void
gw_tally_flush(struct gw_tally *t)
{
	if (t->n_packets == 0)
		return;
	gw_stat_add(t->packets, t->n_packets);
	gw_stat_add(t->bytes, t->n_bytes);
	t->n_packets = t->n_bytes = 0;
}

/** One packet of len bytes. */
static inline void
gw_tally_add(struct gw_tally *t, _Atomic(uint64_t) *packets, _Atomic(uint64_t) *bytes, uint32_t len)
{
	if (t->packets != packets) {
		gw_tally_flush(t);
		t->packets = packets;
		t->bytes = bytes;
	}
	t->n_packets++;
	t->n_bytes += len;
}

#endif
