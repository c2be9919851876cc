/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_EARLY_H
#define GW_EARLY_H

/*
 * ESP that comes before its SA: a peer may send on a new child as soon as it has its keys, which is
 * before its own answer is out, and that before we have read it (RFC 7296 2.8). Such packets bear an
 * SPI that we have given out and not yet filled; they wait here, in order, for a moment.
 *
 * Nothing about them is known to be true. But an SPI goes to its peer encrypted, so that a stranger who
 * does not see the peer's ESP meets one with a chance of 2^-32. There is room for what 1000 packets a second
 * bring in a second, which a slow peer takes (seen: 0.27 s), and 100 000 in 10 ms; what comes when it is
 * full is lost. One store for each worker; no lock, no allocation: packets are linked.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "sadb.h"

#define GW_EARLY_MAX	    2048 /* packets in all */
#define GW_EARLY_PER_SPI    1024 /* of one SPI */
#define GW_EARLY_SPIS	    256
#define GW_EARLY_TIMEOUT_MS 1000 /* what takes longer has lost its message, and the peer its patience */

struct gw_early {
	uint64_t timeout_tsc;
	uint16_t n; /* packets */
	uint16_t n_queues;
	struct gw_early_queue { /* of one SPI, never empty */
		uint32_t spi;
		uint16_t n;
		struct rte_mbuf *first, *last; /* oldest first, by pkt next */
	} queues[GW_EARLY_SPIS];
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
 * Packets that came after some of their SPI that still wait go behind these, whether their SA is there by now
 * or not.
 * @param n  [in,out] packets; of those that are left, all
 * @return how many of them, in front, in order, have nothing to wait for; the others are refused for want of room
 */
uint16_t gw_early_behind(
	struct gw_early *e, struct rte_mbuf **pkts, uint16_t *n, uint64_t now_tsc);

/**
 * Packets of one SPI whose wait is over, oldest first. Call until it returns 0, or some other time again.
 * @param pkts  room for n, 1..GW_BURST_MAX
 * @param ready  whether gw_esp_in() can take them now; otherwise they are refused, each with its reason
 * @return packets
 */
uint16_t gw_early_settle(struct gw_early *e, const struct gw_sadb *db, struct rte_mbuf **pkts,
	uint16_t n, bool *ready, uint64_t now_tsc);

/** Free what is held; at the end. */
void gw_early_fini(struct gw_early *e);

#endif
