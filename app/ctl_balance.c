/* SPDX-License-Identifier: BSD-3-Clause */

#include <stdlib.h>

#include <rte_cycles.h>

#include "balance.h"
#include "ctl_balance.h"
#include "log.h"

#define LOOK_MS      1000
#define PACKET_BYTES 256 /* what a packet costs beside its bytes, in bytes of AES-GCM */
#define PLACED_SCORE 1   /* what an SA adds to a worker until there are figures, in percent */

struct gw_balance {
	struct gw_plane *plane;
	struct gw_tunnels *tunnels;
	struct gw_worker **workers;
	uint64_t next_ms, last_tsc;
	struct balance_group *groups; /* by binding */
	uint64_t *cost;               /* by binding, at the last look */
	/* by worker */
	unsigned int *busy, *score;
	uint64_t *busy_tsc;              /* at the last look, others' for it included */
	uint64_t *helped, *helped_since; /* packets, at the last look and since the one before */
	struct balance_help *help;
};

struct gw_balance *
gw_balance_create(struct gw_plane *plane, struct gw_tunnels *tunnels, struct gw_worker **workers)
{
	struct gw_balance *b = calloc(1, sizeof(*b));
	size_t n_groups = tunnels->n_bindings + 1u, n = plane->n_workers;

	if (b == NULL)
		return NULL;
	b->plane = plane;
	b->tunnels = tunnels;
	b->workers = workers;
	b->groups = calloc(n_groups, sizeof(*b->groups));
	b->cost = calloc(n_groups, sizeof(*b->cost));
	b->busy = calloc(n, sizeof(*b->busy));
	b->score = calloc(n, sizeof(*b->score));
	b->busy_tsc = calloc(n, sizeof(*b->busy_tsc));
	b->helped = calloc(n, sizeof(*b->helped));
	b->helped_since = calloc(n, sizeof(*b->helped_since));
	b->help = calloc(n, sizeof(*b->help));
	if (b->groups != NULL && b->cost != NULL && b->busy != NULL && b->score != NULL &&
		b->busy_tsc != NULL && b->helped != NULL && b->helped_since != NULL &&
		b->help != NULL)
		return b;
	gw_balance_destroy(b);
	return NULL;
}

void
gw_balance_destroy(struct gw_balance *b)
{
	if (b == NULL)
		return;
	free(b->groups);
	free(b->cost);
	free(b->busy);
	free(b->score);
	free(b->busy_tsc);
	free(b->helped);
	free(b->helped_since);
	free(b->help);
	free(b);
}

static unsigned int
owner_of(const struct gw_demux *d)
{
	return atomic_load_explicit(&d->owner, memory_order_relaxed);
}

void
gw_balance_place(struct gw_balance *b, struct gw_demux *demux)
{
	unsigned int owner = owner_of(demux), to = balance_least(b->score, b->plane->n_workers);

	/* they were dealt out evenly: not worth a move unless one has clearly more */
	if (b->score[owner] <= b->score[to] + PLACED_SCORE ||
		!gw_move_ask(&b->plane->move, demux, to))
		to = owner;
	b->score[to] += PLACED_SCORE;
}

static uint64_t
relaxed(const _Atomic(uint64_t) *p)
{
	return atomic_load_explicit(p, memory_order_relaxed);
}

static uint64_t
cost_of(const struct gw_binding *binding)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < binding->n_tunifs; i++) {
		const struct gw_tunnel *t = binding->tunifs[i]->t;

		sum += (relaxed(&t->rx_packets) + relaxed(&t->tx_packets)) * PACKET_BYTES +
		       relaxed(&t->rx_bytes) + relaxed(&t->tx_bytes);
	}
	return sum;
}

static void
look_at_groups(struct gw_balance *b)
{
	for (uint32_t i = 0; i < b->tunnels->n_bindings; i++) {
		const struct gw_binding *binding = &b->tunnels->bindings[i];
		uint64_t cost = cost_of(binding);

		b->groups[i].owner = owner_of(binding->demux);
		b->groups[i].load = cost - b->cost[i];
		b->cost[i] = cost;
	}
}

static void
look_at_workers(struct gw_balance *b)
{
	uint64_t now_tsc = rte_rdtsc(), passed = now_tsc - b->last_tsc;

	for (unsigned int i = 0; i < b->plane->n_workers; i++) {
		struct gw_worker_stats st;
		uint64_t busy_tsc;

		gw_worker_get_stats(b->workers[i], &st);
		busy_tsc = st.busy_tsc + st.helped_tsc;
		b->busy[i] = (unsigned int)((busy_tsc - b->busy_tsc[i]) * 100 / passed);
		b->score[i] = b->busy[i];
		b->busy_tsc[i] = busy_tsc;
		b->helped_since[i] = st.helped - b->helped[i];
		b->helped[i] = st.helped;
	}
	b->last_tsc = now_tsc;
}

static void
move_one(struct gw_balance *b)
{
	unsigned int to;
	uint32_t i;

	if (!balance_pick(b->busy, b->plane->n_workers, b->groups, b->tunnels->n_bindings, &i, &to))
		return;
	if (gw_move_ask(&b->plane->move, b->tunnels->bindings[i].demux, to))
		gw_log(GW_LOG_DEBUG, "balance",
			"%s: worker %u is %u %% busy, worker %u %u %%: it moves",
			b->tunnels->bindings[i].child->name, b->groups[i].owner,
			b->busy[b->groups[i].owner], to, b->busy[to]);
}

static void
offer(struct gw_balance *b)
{
	uint64_t offering = 0;

	for (unsigned int i = 0; i < b->plane->n_workers; i++) {
		struct balance_help *h = &b->help[i];
		uint64_t work = balance_load(b->groups, b->tunnels->n_bindings, i);
		bool before = h->offers;
		bool shall =
			balance_help(h, b->busy, b->plane->n_workers, i, work, b->helped_since[i]);

		offering |= (uint64_t)shall << i;
		if (shall != before)
			gw_log(GW_LOG_DEBUG, "balance", "worker %u is %u %% busy: %s", i,
				b->busy[i],
				shall         ? "others help with its crypto"
				: h->rest > 0 ? "help brought nothing, it does without"
					      : "it does without help");
	}
	atomic_store_explicit(&b->plane->offering, offering, memory_order_relaxed);
}

void
gw_balance_tick(struct gw_balance *b, uint64_t now_ms)
{
	if (now_ms < b->next_ms)
		return;
	b->next_ms = now_ms + LOOK_MS;
	look_at_workers(b);
	look_at_groups(b);
	move_one(b);
	offer(b);
}

unsigned int
gw_balance_busy(const struct gw_balance *b, unsigned int worker)
{
	return b->busy[worker];
}
