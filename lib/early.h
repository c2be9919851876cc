/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_EARLY_H
#define GW_EARLY_H

/*
 * ESP that comes before its SA: a peer may send on a new child as soon as its own answer is out,
 * which is before we have read that answer (RFC 7296 2.8). Such packets bear an SPI that we have
 * given out and not yet filled; they wait here, in order, for a moment. Nothing about them is
 * known to be true, so there are few of them, in all and for one SPI, and the newest one is lost
 * when there is no room. One store for each worker; no lock, no allocation.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "sadb.h"

#define GW_EARLY_MAX	    256  /* packets in all */
#define GW_EARLY_PER_SPI    128  /* of one SPI */
#define GW_EARLY_TIMEOUT_MS 1000 /* what takes longer has lost its message, and the peer its patience */

struct gw_early {
	uint64_t timeout_tsc;
	uint16_t n;
	struct gw_early_entry {
		struct rte_mbuf *m;
		uint64_t since_tsc;
		uint32_t spi;
	} held[GW_EARLY_MAX]; /* oldest first */
};

/**
 * Take from packets that gw_esp_in() refused those whose SA is still to come.
 * @return how many are left, in front, in order; one for which there was no room has its reason
 */
uint16_t gw_early_hold(struct gw_early *e, const struct gw_sadb *db, struct rte_mbuf **pkts,
	uint16_t n, uint64_t now_tsc);

/** Some of spi wait. */
bool gw_early_has(const struct gw_early *e, uint32_t spi);

/**
 * Packets whose wait is over, oldest first. Call until it returns 0.
 * @param pkts  room for GW_BURST_MAX
 * @param ready  how many of them, in front, gw_esp_in() can take now; the others are refused
 * @return packets
 */
uint16_t gw_early_settle(struct gw_early *e, const struct gw_sadb *db, struct rte_mbuf **pkts,
	uint16_t *ready, uint64_t now_tsc);

/** Free what is held; at the end. */
void gw_early_fini(struct gw_early *e);

#endif
