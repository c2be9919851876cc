/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_PASS_H
#define GW_PASS_H

/*
 * Packets that one worker passes to another: a ring for each pair of workers and kind of packet, one
 * producer and one consumer each. So nobody waits for a worker that is off its CPU, and what one worker
 * passes to another stays in order. Full: the producer drops and counts, never waits.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

enum gw_pass_kind {
	GW_PASS_ESP,   /* classified, as gw_esp_in() takes them: to the SA's owner */
	GW_PASS_INNER, /* as a hand-off gives them: to the tunnel's owner */
	GW_PASS_FORWARD, /* of the far end, to be forwarded: to the worker that has the inside port */
	GW_PASS_FRAME, /* complete: to a worker that has a transmit queue */
	GW_PASS_N
};

struct gw_pass;

/**
 * Control, at start.
 * @param n_workers  2 at least
 * @param depth      packets that each ring takes
 * @return NULL with rte_errno
 */
struct gw_pass *gw_pass_create(unsigned int n_workers, unsigned int depth, int socket);
/** Workers have ended; packets left in it are freed. NULL is fine. */
void gw_pass_destroy(struct gw_pass *p);

/** Worker from. @return packets taken, the first ones; the rest are still the caller's */
uint16_t gw_pass_push(struct gw_pass *p, enum gw_pass_kind kind, unsigned int from, unsigned int to,
	struct rte_mbuf **pkts, uint16_t n);
/** Worker to. @return packets, at most n */
uint16_t gw_pass_pull(struct gw_pass *p, enum gw_pass_kind kind, unsigned int from, unsigned int to,
	struct rte_mbuf **pkts, uint16_t n);
/** Worker from: how far it has pushed, for gw_pass_is_through(). */
uint32_t gw_pass_mark(const struct gw_pass *p, enum gw_pass_kind kind, unsigned int from,
	unsigned int to);
/** Worker from: all that was pushed before the mark has been pulled. */
bool gw_pass_is_through(const struct gw_pass *p, enum gw_pass_kind kind, unsigned int from,
	unsigned int to, uint32_t mark);

#endif
