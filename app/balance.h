/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_BALANCE_H
#define GW_BALANCE_H

/* Which tunnels should change their owner: numbers in, a choice out. Pure. */

#include <stdbool.h>
#include <stdint.h>

/** Tunnels that share an SA: they go together. */
struct balance_group {
	unsigned int owner;
	uint64_t load; /* in any unit, over the same time */
};

/**
 * A worker has more to do than another, and one of its groups, moved there, makes it more even. Nothing
 * moves while no worker has much to do: two that share a CPU would be no faster.
 *
 * @param busy   by worker: percent of the time with something to do
 * @param group  [out] which one
 * @param to     [out] where to
 * @return true when one should move
 */
bool balance_pick(const unsigned int *busy, unsigned int n_workers,
	const struct balance_group *groups, uint32_t n_groups, uint32_t *group, unsigned int *to);

/**
 * Whether others shall help a worker with what it has: when it has no time left and one of them has some;
 * until nobody has, or what it does, and others do for it, is well below what one core can do. Moves
 * go on meanwhile: one that helps makes help end.
 *
 * @param offers  they do now
 * @param busy    by worker: percent of a core's time, others' for it included: 100 may be exceeded
 */
bool balance_offers(bool offers, const unsigned int *busy, unsigned int n_workers,
	unsigned int worker);

/** The worker with the lowest score, the first of several. */
unsigned int balance_least(const unsigned int *score, unsigned int n_workers);

#endif
