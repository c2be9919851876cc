/* SPDX-License-Identifier: BSD-3-Clause */
#include "balance.h"

#define BUSY_MIN 50 /* percent: below that one core does it all well enough */
#define GAP_MIN  20 /* percent: what loads differ by from second to second */
#define OFFER_ON 95 /* percent: it may have more to do than it can */
#define GAIN_MIN 20 /* help brings one part in so many at least */
#define REST_MIN 8  /* calls */
#define REST_MAX 256

unsigned int
balance_least(const unsigned int *score, unsigned int n_workers)
{
	unsigned int least = 0;

	for (unsigned int i = 1; i < n_workers; i++) {
		if (score[i] < score[least])
			least = i;
	}
	return least;
}

static unsigned int
most(const unsigned int *busy, unsigned int n_workers)
{
	unsigned int most = 0;

	for (unsigned int i = 1; i < n_workers; i++) {
		if (busy[i] > busy[most])
			most = i;
	}
	return most;
}

uint64_t
balance_load(const struct balance_group *groups, uint32_t n_groups, unsigned int owner)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n_groups; i++) {
		if (groups[i].owner == owner)
			sum += groups[i].load;
	}
	return sum;
}

static uint64_t
distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

bool
balance_pick(const unsigned int *busy, unsigned int n_workers, const struct balance_group *groups,
	uint32_t n_groups, uint32_t *group, unsigned int *to)
{
	unsigned int from = most(busy, n_workers), gap;
	uint64_t all = balance_load(groups, n_groups, from), want, best = UINT64_MAX;

	*to = balance_least(busy, n_workers);
	gap = busy[from] - busy[*to];
	if (busy[from] < BUSY_MIN || gap < GAP_MIN || all == 0)
		return false;
	/* the best one takes half of the gap along; one as large as the gap would only swap the
	 * roles */
	want = all * gap / busy[from] / 2;
	for (uint32_t i = 0; i < n_groups; i++) {
		uint64_t load = groups[i].load;

		if (groups[i].owner != from || load == 0 || load > want * 3 / 2 ||
			distance(load, want) >= best)
			continue;
		best = distance(load, want);
		*group = i;
	}
	return best != UINT64_MAX;
}

static bool
may_help(bool offers, const unsigned int *busy, unsigned int n_workers, unsigned int worker)
{
	unsigned int least = busy[balance_least(busy, n_workers)];

	if (offers)
		return busy[worker] + GAP_MIN > OFFER_ON && least < OFFER_ON;
	return busy[worker] >= OFFER_ON && least + GAP_MIN <= OFFER_ON;
}

/* There was help all the time since the last call. @return true when it was worth it */
static bool
judge(struct balance_help *h, uint64_t work)
{
	h->trial = false;
	if (work >= h->before + h->before / GAIN_MIN) {
		h->rest_next = 0;
		return true;
	}
	h->rest = h->rest_next = h->rest_next == 0             ? REST_MIN
				 : 2 * h->rest_next < REST_MAX ? 2 * h->rest_next
							       : REST_MAX;
	return false;
}

bool
balance_help(struct balance_help *h, const unsigned int *busy, unsigned int n_workers,
	unsigned int worker, uint64_t work, uint64_t helped)
{
	bool may = may_help(h->offers, busy, n_workers, worker);

	if (h->rest > 0)
		h->rest--;
	if (h->offers) {
		h->offers = may && (!h->trial || helped == 0 || judge(h, work));
	} else if (may && h->rest == 0) {
		h->offers = h->trial = true;
		h->before = work;
	}
	return h->offers;
}
