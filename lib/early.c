/* SPDX-License-Identifier: BSD-3-Clause */
#include "early.h"
#include "bytes.h"
#include "pkt.h"

static uint16_t
count_spi(const struct gw_early *e, uint32_t spi)
{
	uint16_t n = 0;

	for (uint16_t i = 0; i < e->n; i++)
		n += e->held[i].spi == spi;
	return n;
}

/* @return true when m is held now */
static bool
hold_one(struct gw_early *e, const struct gw_sadb *db, struct rte_mbuf *m, uint64_t now_tsc)
{
	uint32_t spi;

	if (gw_pkt(m)->drop != GW_DROP_NO_SA)
		return false;
	spi = gw_get32(rte_pktmbuf_mtod_offset(m, const uint8_t *, gw_pkt(m)->l4_off));
	if (!gw_sadb_expects(db, spi))
		return false;
	if (e->n == GW_EARLY_MAX || count_spi(e, spi) >= GW_EARLY_PER_SPI) {
		gw_pkt_refuse(m, GW_DROP_EARLY_FULL);
		return false;
	}
	e->held[e->n++] = (struct gw_early_entry){.m = m, .since_tsc = now_tsc, .spi = spi};
	return true;
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
	return count_spi(e, spi) > 0;
}

enum wait { WAIT_MORE, WAIT_READY, WAIT_LOST };

static enum wait
settle_one(const struct gw_early *e, const struct gw_sadb *db, const struct gw_early_entry *held,
	uint64_t now_tsc)
{
	struct gw_sa_in *sa;

	gw_sadb_lookup(db, &held->spi, &sa, 1);
	if (sa != NULL)
		return WAIT_READY;
	if (!gw_sadb_expects(db, held->spi)) {
		gw_pkt_refuse(held->m, GW_DROP_NO_SA);
		return WAIT_LOST;
	}
	if (now_tsc - held->since_tsc <= e->timeout_tsc)
		return WAIT_MORE;
	gw_pkt_refuse(held->m, GW_DROP_EARLY_TIMEOUT);
	return WAIT_LOST;
}

uint16_t
gw_early_settle(struct gw_early *e, const struct gw_sadb *db, struct rte_mbuf **pkts,
	uint16_t *ready, uint64_t now_tsc)
{
	struct rte_mbuf *lost[GW_BURST_MAX];
	uint16_t n_lost = 0, kept = 0;

	*ready = 0;
	for (uint16_t i = 0; i < e->n; i++) {
		enum wait wait = WAIT_MORE;

		if (*ready + n_lost < GW_BURST_MAX)
			wait = settle_one(e, db, &e->held[i], now_tsc);
		if (wait == WAIT_READY)
			pkts[(*ready)++] = e->held[i].m;
		else if (wait == WAIT_LOST)
			lost[n_lost++] = e->held[i].m;
		else
			e->held[kept++] = e->held[i];
	}
	e->n = kept;
	for (uint16_t i = 0; i < n_lost; i++)
		pkts[*ready + i] = lost[i];
	return *ready + n_lost;
}

void
gw_early_fini(struct gw_early *e)
{
	for (uint16_t i = 0; i < e->n; i++)
		rte_pktmbuf_free(e->held[i].m);
	e->n = 0;
}
