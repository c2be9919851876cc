/* SPDX-License-Identifier: BSD-3-Clause */
#include "excp.h"

#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_ring.h>

struct counted_ring {
	struct rte_ring *ring;
	_Atomic(uint64_t) pushed, full; /* producers */
	_Alignas(64) _Atomic(uint64_t) pulled;
};

struct gw_excp {
	struct counted_ring to_ctl[GW_EXCP_N];
	struct counted_ring tx;
};

/* Not rte_ring_create(): that wants a name unique in the process. */
static int
ring_init(struct counted_ring *r, unsigned int depth, unsigned int flags, int socket)
{
	unsigned int slots = rte_align32pow2(depth + 1);
	ssize_t size = rte_ring_get_memsize(slots);

	if (size < 0)
		return (int)size;
	r->ring = rte_zmalloc_socket("gw_excp_ring", (size_t)size, RTE_CACHE_LINE_SIZE, socket);
	if (r->ring == NULL)
		return -ENOMEM;
	return rte_ring_init(r->ring, "gw_excp", depth, flags | RING_F_EXACT_SZ);
}

struct gw_excp *
gw_excp_create(unsigned int depth, int socket)
{
	struct gw_excp *x = rte_zmalloc_socket("gw_excp", sizeof(*x), RTE_CACHE_LINE_SIZE, socket);
	int err = x == NULL ? -ENOMEM : depth == 0 || depth > RTE_RING_SZ_MASK / 2 ? -EINVAL : 0;

	for (unsigned int i = 0; err == 0 && i < GW_EXCP_N; i++)
		err = ring_init(&x->to_ctl[i], depth, RING_F_SC_DEQ, socket);
	if (err == 0)
		err = ring_init(&x->tx, depth, RING_F_SP_ENQ, socket);
	if (err != 0) {
		gw_excp_destroy(x);
		rte_errno = -err;
		return NULL;
	}
	return x;
}

static void
ring_fini(struct counted_ring *r)
{
	void *m;

	if (r->ring == NULL)
		return;
	while (rte_ring_dequeue(r->ring, &m) == 0)
		rte_pktmbuf_free(m);
	rte_free(r->ring);
}

void
gw_excp_destroy(struct gw_excp *x)
{
	if (x == NULL)
		return;
	for (unsigned int i = 0; i < GW_EXCP_N; i++)
		ring_fini(&x->to_ctl[i]);
	ring_fini(&x->tx);
	rte_free(x);
}

static bool
ring_push(struct counted_ring *r, struct rte_mbuf *m)
{
	if (rte_ring_enqueue(r->ring, m) != 0) {
		atomic_fetch_add_explicit(&r->full, 1, memory_order_relaxed);
		return false;
	}
	atomic_fetch_add_explicit(&r->pushed, 1, memory_order_relaxed);
	return true;
}

static unsigned int
ring_pull(struct counted_ring *r, struct rte_mbuf **m, unsigned int n)
{
	unsigned int got = rte_ring_dequeue_burst(r->ring, (void **)m, n, NULL);

	if (got > 0)
		atomic_fetch_add_explicit(&r->pulled, got, memory_order_relaxed);
	return got;
}

bool
gw_excp_push(struct gw_excp *x, enum gw_excp_class cls, struct rte_mbuf *m)
{
	return ring_push(&x->to_ctl[cls], m);
}

unsigned int
gw_excp_pull(struct gw_excp *x, enum gw_excp_class cls, struct rte_mbuf **m, unsigned int n)
{
	return ring_pull(&x->to_ctl[cls], m, n);
}

bool
gw_excp_tx_is_full(const struct gw_excp *x)
{
	return rte_ring_full(x->tx.ring) != 0;
}

bool
gw_excp_tx_push(struct gw_excp *x, struct rte_mbuf *m)
{
	return ring_push(&x->tx, m);
}

unsigned int
gw_excp_tx_pull(struct gw_excp *x, struct rte_mbuf **m, unsigned int n)
{
	return ring_pull(&x->tx, m, n);
}

static uint64_t
read_relaxed(const _Atomic(uint64_t) *v)
{
	return atomic_load_explicit(v, memory_order_relaxed);
}

void
gw_excp_get_stats(const struct gw_excp *x, struct gw_excp_stats *st)
{
	for (unsigned int i = 0; i < GW_EXCP_N; i++) {
		st->pushed[i] = read_relaxed(&x->to_ctl[i].pushed);
		st->full[i] = read_relaxed(&x->to_ctl[i].full);
		st->pulled[i] = read_relaxed(&x->to_ctl[i].pulled);
		st->depth[i] = rte_ring_count(x->to_ctl[i].ring);
	}
	st->tx = read_relaxed(&x->tx.pulled);
	st->tx_full = read_relaxed(&x->tx.full);
}
