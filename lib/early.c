/* SPDX-License-Identifier: BSD-3-Clause */
#include "early.h"
#include "pkt.h"

/* @return the queue of this SPI; n_queues: it has none */
static uint16_t
find(const struct gw_early *e, uint32_t spi)
{
	uint16_t i;

	for (i = 0; i < e->n_queues && e->queues[i].spi != spi; i++)
		;
	return i;
}

/* Another one takes its place. */
static void
queue_remove(struct gw_early *e, struct gw_early_queue *q)
{
	*q = e->queues[--e->n_queues];
}

static struct rte_mbuf *
take_oldest(struct gw_early *e, struct gw_early_queue *q)
{
	struct rte_mbuf *m = q->first;

	q->first = gw_pkt(m)->next;
	q->n--;
	e->n--;
	return m;
}

/* @return false when there is no room */
static bool
append(struct gw_early *e, uint32_t spi, struct rte_mbuf *m, uint64_t now_tsc)
{
	uint16_t i = find(e, spi);
	struct gw_early_queue *q = &e->queues[i];

	if (e->n == GW_EARLY_MAX || i == GW_EARLY_SPIS ||
		(i < e->n_queues && q->n == GW_EARLY_PER_SPI)) {
		gw_pkt_refuse(m, GW_DROP_EARLY_FULL);
		return false;
	}
	gw_pkt(m)->since_tsc = now_tsc;
	if (i == e->n_queues) {
		e->n_queues++;
		*q = (struct gw_early_queue){.spi = spi, .first = m};
	} else {
		gw_pkt(q->last)->next = m;
	}
	q->last = m;
	q->n++;
	e->n++;
	return true;
}

/* @return true when m is held now */
static bool
hold_one(struct gw_early *e, const struct gw_sadb *db, struct rte_mbuf *m, uint64_t now_tsc)
{
	uint32_t spi;

	if (gw_pkt(m)->drop != GW_DROP_NO_SA)
		return false;
	spi = gw_pkt_spi(m);
	return gw_sadb_expects(db, spi) && append(e, spi, m, now_tsc);
}

uint16_t
gw_early_hold(struct gw_early *e, const struct gw_sadb *db, struct rte_mbuf **pkts, uint16_t n,
	uint64_t now_tsc)
{
	uint16_t left = 0;

	for (uint16_t i = 0; i < n; i++) {
		if (!hold_one(e, db, pkts[i], now_tsc))
			pkts[left++] = pkts[i];
	}
	return left;
}

bool
gw_early_has(const struct gw_early *e, uint32_t spi)
{
	return find(e, spi) < e->n_queues;
}

uint16_t
gw_early_behind(struct gw_early *e, struct rte_mbuf **pkts, uint16_t *n, uint64_t now_tsc)
{
	struct rte_mbuf *lost[GW_BURST_MAX];
	uint16_t left = 0, n_lost = 0;

	for (uint16_t i = 0; i < *n; i++) {
		struct rte_mbuf *m = pkts[i];
		bool has_spi = m->data_len >= gw_pkt(m)->l4_off + sizeof(uint32_t);

		if (!has_spi || !gw_early_has(e, gw_pkt_spi(m)))
			pkts[left++] = m;
		else if (!append(e, gw_pkt_spi(m), m, now_tsc))
			lost[n_lost++] = m;
	}
	for (uint16_t i = 0; i < n_lost; i++)
		pkts[left + i] = lost[i];
	*n = left + n_lost;
	return left;
}

/* @return packets of q whose wait is over: their SA is there, will not come, or has not come in
 * time */
static uint16_t
settle_queue(struct gw_early *e, const struct gw_sadb *db, struct gw_early_queue *q,
	struct rte_mbuf **pkts, uint16_t max, bool *ready, uint64_t now_tsc)
{
	enum gw_drop drop;
	struct gw_sa_in *sa;
	bool expected;
	uint16_t n = 0;

	gw_sadb_lookup(db, &q->spi, &sa, 1);
	*ready = sa != NULL;
	expected = !*ready && gw_sadb_expects(db, q->spi);
	drop = *ready ? GW_DROP_NONE : expected ? GW_DROP_EARLY_TIMEOUT : GW_DROP_NO_SA;
	while (q->n > 0 && n < max) {
		if (expected && now_tsc - gw_pkt(q->first)->since_tsc <= e->timeout_tsc)
			break;
		pkts[n] = take_oldest(e, q);
		gw_pkt_refuse(pkts[n++], drop);
	}
	return n;
}

uint16_t
gw_early_settle(struct gw_early *e, const struct gw_sadb *db, struct rte_mbuf **pkts, uint16_t n,
	bool *ready, uint64_t now_tsc)
{
	*ready = false;
	for (uint16_t i = 0; i < e->n_queues; i++) {
		struct gw_early_queue *q = &e->queues[i];
		uint16_t k = settle_queue(e, db, q, pkts, n, ready, now_tsc);

		if (q->n == 0)
			queue_remove(e, q);
		if (k > 0)
			return k;
	}
	return 0;
}

void
gw_early_fini(struct gw_early *e)
{
	for (uint16_t i = 0; i < e->n_queues; i++) {
		while (e->queues[i].n > 0)
			rte_pktmbuf_free(take_oldest(e, &e->queues[i]));
	}
	e->n_queues = 0;
}
