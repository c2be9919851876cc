/* SPDX-License-Identifier: BSD-3-Clause */
#include "pass.h"

#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_ring.h>

struct gw_pass {
	unsigned int n;
	struct rte_ring *rings[]; /* [kind][from][to], NULL where from is to */
};

static size_t
at(const struct gw_pass *p, enum gw_pass_kind kind, unsigned int from, unsigned int to)
{
	return ((size_t)kind * p->n + from) * p->n + to;
}

/* Not rte_ring_create(): that wants a name unique in the process. */
static struct rte_ring *
ring_create(unsigned int depth, int socket)
{
	ssize_t size = rte_ring_get_memsize(rte_align32pow2(depth + 1));
	struct rte_ring *r;

	if (size < 0) {
		rte_errno = (int)-size;
		return NULL;
	}
	r = rte_zmalloc_socket("gw_pass", (size_t)size, RTE_CACHE_LINE_SIZE, socket);
	if (r == NULL) {
		rte_errno = ENOMEM;
		return NULL;
	}
	rte_ring_init(r, "gw_pass", depth, RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
	return r;
}

struct gw_pass *
gw_pass_create(unsigned int n_workers, unsigned int depth, int socket)
{
	size_t n = (size_t)GW_PASS_N * n_workers * n_workers;
	struct gw_pass *p = rte_zmalloc_socket(
		"gw_pass", sizeof(*p) + n * sizeof(p->rings[0]), RTE_CACHE_LINE_SIZE, socket);

	if (p == NULL) {
		rte_errno = ENOMEM;
		return NULL;
	}
	p->n = n_workers;
	for (size_t i = 0; i < n; i++) {
		if (i / n_workers % n_workers == i % n_workers)
			continue;
		p->rings[i] = ring_create(depth, socket);
		if (p->rings[i] == NULL) {
			gw_pass_destroy(p);
			return NULL;
		}
	}
	return p;
}

void
gw_pass_destroy(struct gw_pass *p)
{
	void *m;

	if (p == NULL)
		return;
	for (size_t i = 0; i < (size_t)GW_PASS_N * p->n * p->n; i++) {
		while (p->rings[i] != NULL && rte_ring_dequeue(p->rings[i], &m) == 0)
			rte_pktmbuf_free(m);
		rte_free(p->rings[i]);
	}
	rte_free(p);
}

uint16_t
gw_pass_push(struct gw_pass *p, enum gw_pass_kind kind, unsigned int from, unsigned int to,
	struct rte_mbuf **pkts, uint16_t n)
{
	return (uint16_t)rte_ring_sp_enqueue_burst(
		p->rings[at(p, kind, from, to)], (void *const *)pkts, n, NULL);
}

uint16_t
gw_pass_pull(struct gw_pass *p, enum gw_pass_kind kind, unsigned int from, unsigned int to,
	struct rte_mbuf **pkts, uint16_t n)
{
	return (uint16_t)rte_ring_sc_dequeue_burst(
		p->rings[at(p, kind, from, to)], (void **)pkts, n, NULL);
}

uint32_t
gw_pass_mark(const struct gw_pass *p, enum gw_pass_kind kind, unsigned int from, unsigned int to)
{
	return p->rings[at(p, kind, from, to)]->prod.tail;
}

bool
gw_pass_is_through(const struct gw_pass *p, enum gw_pass_kind kind, unsigned int from,
	unsigned int to, uint32_t mark)
{
	const struct rte_ring *r = p->rings[at(p, kind, from, to)];
	uint32_t pulled = __atomic_load_n(&r->cons.tail, __ATOMIC_ACQUIRE);

	return (int32_t)(pulled - mark) >= 0;
}
