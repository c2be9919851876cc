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

/** Whether others help a worker, and what is known of it. Start zeroed. */
struct balance_help {
	bool offers;		/* they do now */
	bool trial;		/* and whether that brings anything is not known yet */
	uint64_t before;	/* what it did alone, having no time left */
	unsigned int rest;	/* calls until it may be tried again */
	unsigned int rest_next; /* after another failure */
};

/**
 * Whether others shall help a worker with what it has: when it has no time left and one of them has some;
 * until nobody has, or what it does, and others do for it, is well below what one core can do. Moves
 * go on meanwhile: one that helps makes help end.
 *
 * To bring packets to another core and back may cost more than their crypto, as it was seen with AES-GCM by AVX-512
 * (perf/README.md). So it is a trial at first, and where a worker does not do at least a twentieth more
 * with help than it did without, it does without for some calls, for twice as many each time.
 *
 * @param h       that worker's
 * @param busy    by worker: percent of a core's time, others' for it included: 100 may be exceeded
 * @param work    what it has done since the last call, others' part included, in any unit
 * @param helped  packets that others had a part in since the last call
 * @return h->offers
 */
bool balance_help(struct balance_help *h, const unsigned int *busy, unsigned int n_workers,
	unsigned int worker, uint64_t work, uint64_t helped);

/** What the groups of a worker have done. */
uint64_t balance_load(const struct balance_group *groups, uint32_t n_groups, unsigned int owner);

/** The worker with the lowest score, the first of several. */
unsigned int balance_least(const unsigned int *score, unsigned int n_workers);

#endif
