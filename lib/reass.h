/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_REASS_H
#define GW_REASS_H

/*
 * Bounded reassembly of outer IPv6 fragments (RFC 8200 4.5, RFC 5722: overlaps kill the packet, and
 * what else comes of it, until its time is over), limited per source address and in all: the oldest
 * gives way. Each packet is put together in one mbuf; fragments are copied and freed as they come.
 * Not librte_ip_frag: it takes 8 fragments at most, does not tell duplicates from overlaps, knows no
 * limit per source and returns chains. Context: one worker each.
 */

#include <stdint.h>

#include <rte_mbuf.h>

struct gw_reass;

struct gw_reass_limits {
	uint32_t packets;    /* being reassembled, in all */
	uint32_t per_source; /* of one source address */
	uint32_t fragments;  /* of one packet, 2..GW_REASS_FRAGS_MAX */
	uint32_t timeout_ms; /* from the first fragment */
	uint32_t max_len;    /* of a reassembled frame; mbufs for max_len + GW_EXT_BYTES_MAX take it */
};

#define GW_REASS_FRAGS_MAX 64

struct gw_reass_stats {
	uint64_t fragments;  /* taken */
	uint64_t packets;    /* made whole */
	uint32_t in_use;     /* packets begun, dead ones included */
};

/** The max_len that a pool of gw_pkt_pool_create() takes; 0 when its mbufs are too small for any. */
uint32_t gw_reass_max_len(struct rte_mempool *pool);

/** @param pool  of gw_pkt_pool_create()  @return NULL with rte_errno EINVAL or ENOMEM */
struct gw_reass *gw_reass_create(const struct gw_reass_limits *lim, struct rte_mempool *pool, int socket);
void gw_reass_destroy(struct gw_reass *r); /* frees what is in it */

/**
 * Take a fragment: data at the frame start and ending where the IPv6 payload ends, l3_off and
 * frag_off (fragment header) as gw_classify() gave them. Ownership of m passes. drops[reason] (of
 * GW_DROP_N) is counted for each fragment that comes to nothing: FRAG_BAD, FRAG_LIMIT, FRAG_TIMEOUT
 * or NO_MBUF. Neighbour discovery is never taken in fragments (RFC 6980).
 * @return a whole, single-segment frame without fragment header, to be classified again, or NULL.
 *         What follows the extension headers in it is no further fragment header.
 */
struct rte_mbuf *gw_reass_add(struct gw_reass *r, struct rte_mbuf *m, uint16_t l3_off,
	uint16_t frag_off, uint64_t now_tsc, uint64_t *drops);

/** Any thread; values are read relaxed. */
void gw_reass_get_stats(const struct gw_reass *r, struct gw_reass_stats *st);

/** Free what is too old; call about every millisecond. */
void gw_reass_expire(struct gw_reass *r, uint64_t now_tsc, uint64_t *drops);

#endif
