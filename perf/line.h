/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PERF_LINE_H
#define PERF_LINE_H

/* Ports and hand-offs in memory, for benchmarks that poll a worker themselves. */

#include <stdint.h>

#include <rte_mbuf.h>

#include "app/worker.h"
#include "lib/pkt.h"

#define CHUNK	 GW_BURST_MAX /* packets between two looks at the clock, if not more */
#define LINE_DEPTH 2048
#define GRE_LEN 4

/** Gives what lies in it, at most burst a call, and takes what comes. */
struct line {
	struct rte_mbuf **give;
	uint32_t n_give, n_taken;
	uint16_t burst;
	struct rte_mbuf *taken[LINE_DEPTH];
};

uint16_t line_give(struct line *l, struct rte_mbuf **pkts, uint16_t n);
uint16_t line_take(struct line *l, struct rte_mbuf **pkts, uint16_t n);

/** The burst functions of an outside port whose queues' data are lines. */
uint16_t line_rx(void *line, struct rte_mbuf **pkts, uint16_t n);
uint16_t line_tx(void *line, struct rte_mbuf **pkts, uint16_t n);

/** EAL's option for memory: huge pages when 512 MB of them are free, for else each SA and each mbuf would
 * cost a TLB miss more. */
const char *line_memory(void);

/** Make m an inner IPv4 packet with UDP that is size bytes long behind GRE's 4. */
void line_fill(struct rte_mbuf *m, uint16_t size);

/**
 * Poll until n packets, LINE_DEPTH at most, have gone from one end to the other.
 * @return TSC cycles; they lie in to->taken. Ends the program, telling drops, when some do not arrive
 */
uint64_t line_time(struct gw_worker *w, struct line *from, struct rte_mbuf **pkts, uint32_t n,
	struct line *to);

#endif
