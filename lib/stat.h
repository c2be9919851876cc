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

#endif
