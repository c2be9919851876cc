/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_EXCP_H
#define GW_EXCP_H

/*
 * The exception path: counted rings between workers and control, one per class, so that strangers
 * cannot starve established peers. To control: many producers (workers), one consumer. Full: the
 * producer drops and counts, never waits.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "classify.h"

/** In the order in which they are served. */
enum gw_excp_class {
	GW_EXCP_ND,	   /* neighbour discovery from the link */
	GW_EXCP_IKE,	   /* of peers, and of SAs that we start */
	GW_EXCP_ICMP6,	   /* the rest of it: anybody's */
	GW_EXCP_HALF_OPEN, /* for IKE SAs that nobody has authenticated for yet */
	GW_EXCP_INIT,	   /* strangers knocking */
	GW_EXCP_ESP,	   /* samples of what came for unknown SPIs */
	GW_EXCP_N
};

struct gw_excp; /* the rings to control, and one of frames from control to each worker's tx */

/** @param depth  frames that each ring takes  @return NULL with rte_errno */
struct gw_excp *gw_excp_create(unsigned int depth, int socket);
void gw_excp_destroy(struct gw_excp *x); /* frees the mbufs left in it */

/** Worker: hand a frame (data at its start) to control. @return false when full: caller drops it */
bool gw_excp_push(struct gw_excp *x, enum gw_excp_class cls, struct rte_mbuf *m);
/** Control: up to n frames of a class. */
unsigned int gw_excp_pull(struct gw_excp *x, enum gw_excp_class cls, struct rte_mbuf **m, unsigned int n);
/** Control: no room for another frame at the moment. */
bool gw_excp_tx_is_full(const struct gw_excp *x);
/** Control: a frame to be sent. @return false when full: caller frees it */
bool gw_excp_tx_push(struct gw_excp *x, struct rte_mbuf *m);
/** Worker: frames of control to send, complete with link header. */
unsigned int gw_excp_tx_pull(struct gw_excp *x, struct rte_mbuf **m, unsigned int n);

struct gw_excp_stats {
	uint64_t pushed[GW_EXCP_N], full[GW_EXCP_N], pulled[GW_EXCP_N], tx, tx_full;
	uint32_t depth[GW_EXCP_N]; /* now */
};
void gw_excp_get_stats(const struct gw_excp *x, struct gw_excp_stats *st);

/*
 * The local IKE SPIs in use: control writes, workers read to tell known SAs' datagrams from
 * strangers'. Open addressing over atomics, bounded probes; a miss only costs the slower ring.
 */
struct gw_spiset;
struct gw_spiset *gw_spiset_create(uint32_t n, int socket); /* room for n, rounded up */
void gw_spiset_destroy(struct gw_spiset *s);
/** Adding twice is adding once. @return false when the set is (nearly) full or spi is 0 */
bool gw_spiset_add(struct gw_spiset *s, uint64_t spi);
void gw_spiset_del(struct gw_spiset *s, uint64_t spi);
bool gw_spiset_has(const struct gw_spiset *s, uint64_t spi);

/** The ring for a frame of class ICMP6, IKE or IKE_INIT. */
enum gw_excp_class gw_excp_class_of(const struct gw_classified *c, const struct gw_spiset *peers,
	const struct gw_spiset *half_open);

#endif
