/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_REASS_H
#define GW_REASS_H

/*
 * Bounded reassembly of outer IPv6 fragments (RFC 8200 4.5, RFC 5722: overlaps kill the packet)
 * over librte_ip_frag, limited per source address and in all. Context: one worker each.
 */

#include <rte_mbuf.h>

struct gw_reass;

struct gw_reass_limits {
	uint32_t packets;	 /* being reassembled, in all */
	uint32_t per_source;	 /* of one source address */
	uint32_t fragments;	 /* of one packet */
	uint32_t timeout_ms;	 /* from the first fragment */
	uint32_t max_len;	 /* of a reassembled frame */
};

struct gw_reass *gw_reass_create(const struct gw_reass_limits *lim, struct rte_mempool *pool, int socket);
void gw_reass_destroy(struct gw_reass *r); /* frees what is in it */

/**
 * Take a fragment: data at the frame start, l3_off and frag_off (fragment header) given.
 * Ownership of m passes. drops[reason] is counted for each mbuf that ends here.
 * @return a whole, single-segment frame without fragment header, to be classified again, or NULL
 */
struct rte_mbuf *gw_reass_add(struct gw_reass *r, struct rte_mbuf *m, uint16_t l3_off,
	uint16_t frag_off, uint64_t now_tsc, uint64_t *drops);

/** Free what is too old; call about every millisecond. */
void gw_reass_expire(struct gw_reass *r, uint64_t now_tsc, uint64_t *drops);

#endif
