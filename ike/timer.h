/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_TIMER_H
#define IKE_TIMER_H

/* Deadlines: a binary heap of timers that live inside their owners. No clock of its own. */

#include <stdint.h>

#define IKE_NEVER UINT64_MAX

/** Zeroed = not set. Must not move while it is set. */
struct ike_timer {
	uint64_t at;
	uint32_t place; /* 1 + index in the heap, 0 = not set */
};

struct ike_heap {
	struct ike_timer **v;
	uint32_t n, cap;
};

/** Make room for n timers at once, so that setting one cannot fail. @return 0 or -ENOMEM */
int ike_heap_reserve(struct ike_heap *h, uint32_t n);
void ike_heap_fini(struct ike_heap *h);

/** Set, move, or with IKE_NEVER cancel. Room for the timer must have been reserved. */
void ike_timer_set(struct ike_heap *h, struct ike_timer *t, uint64_t at);

/** The earliest timer, still set; NULL when there is none. */
struct ike_timer *ike_heap_first(const struct ike_heap *h);

#endif
