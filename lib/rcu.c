/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

#include "rcu.h"

/* Something unlinked that a worker may still hold until it passes a quiescent state after token. */
struct retired {
	struct retired *next;
	uint64_t token;
	void (*reclaim)(void *obj);
	void *obj;
};

struct gw_rcu {
	struct rte_rcu_qsbr *qsbr; /* workers report, control asks */

	/* control only: in order of retirement, so of tokens */
	struct retired *first, **last;
	unsigned int n_pending;
};

struct gw_rcu *
gw_rcu_create(unsigned int n_workers, int socket)
{
	struct gw_rcu *r = calloc(1, sizeof(*r));
	unsigned int i;

	if (r == NULL)
		return NULL;
	r->last = &r->first;
	r->qsbr = rte_zmalloc_socket("gw_rcu", rte_rcu_qsbr_get_memsize(n_workers), 64, socket);
	if (r->qsbr == NULL || rte_rcu_qsbr_init(r->qsbr, n_workers) != 0)
		goto fail;
	/* registered for good, online only while they run */
	for (i = 0; i < n_workers; i++) {
		if (rte_rcu_qsbr_thread_register(r->qsbr, i) != 0)
			goto fail;
	}
	return r;
fail:
	rte_free(r->qsbr);
	free(r);
	return NULL;
}

static void
reclaim_first(struct gw_rcu *r)
{
	struct retired *it = r->first;

	r->first = it->next;
	if (r->first == NULL)
		r->last = &r->first;
	r->n_pending--;
	it->reclaim(it->obj);
	free(it);
}

void
gw_rcu_destroy(struct gw_rcu *r)
{
	if (r == NULL)
		return;
	while (r->first != NULL)
		reclaim_first(r);
	rte_free(r->qsbr);
	free(r);
}

void
gw_rcu_online(struct gw_rcu *r, unsigned int id)
{
	rte_rcu_qsbr_thread_online(r->qsbr, id);
}

void
gw_rcu_offline(struct gw_rcu *r, unsigned int id)
{
	rte_rcu_qsbr_thread_offline(r->qsbr, id);
}

void
gw_rcu_quiescent(struct gw_rcu *r, unsigned int id)
{
	gw_rcu_report(r, id, gw_rcu_token(r));
}

uint64_t
gw_rcu_token(struct gw_rcu *r)
{
	return __atomic_load_n(&r->qsbr->token, __ATOMIC_ACQUIRE);
}

void
gw_rcu_report(struct gw_rcu *r, unsigned int id, uint64_t token)
{
	/* rte_rcu_qsbr_quiescent() with a token of its own; control's line is left alone where it
	 * can */
	if (__atomic_load_n(&r->qsbr->qsbr_cnt[id].cnt, __ATOMIC_RELAXED) != token)
		__atomic_store_n(&r->qsbr->qsbr_cnt[id].cnt, token, __ATOMIC_RELEASE);
}

uint64_t
gw_rcu_start(struct gw_rcu *r)
{
	return rte_rcu_qsbr_start(r->qsbr);
}

bool
gw_rcu_passed(struct gw_rcu *r, uint64_t token)
{
	return rte_rcu_qsbr_check(r->qsbr, token, false) == 1;
}

void
gw_rcu_retire(struct gw_rcu *r, void (*reclaim)(void *obj), void *obj)
{
	struct retired *it = malloc(sizeof(*it));

	/* Without memory to remember it, the object stays for good: a leak harms less than a worker
	 * that reads freed keys. */
	if (it == NULL)
		return;
	*it = (struct retired){
		.token = rte_rcu_qsbr_start(r->qsbr),
		.reclaim = reclaim,
		.obj = obj,
	};
	*r->last = it;
	r->last = &it->next;
	r->n_pending++;
}

unsigned int
gw_rcu_poll(struct gw_rcu *r)
{
	while (r->first != NULL && rte_rcu_qsbr_check(r->qsbr, r->first->token, false) == 1)
		reclaim_first(r);
	return r->n_pending;
}
