/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_WORKER_PRIV_H
#define GW_WORKER_PRIV_H

/* Inside the worker: worker.c polls, worker_in.c and worker_out.c are its two directions. */

#include <rte_mbuf.h>

#include "lib/early.h"
#include "lib/esp.h"
#include "lib/pkt.h"
#include "lib/reass.h"
#include "lib/stage.h"
#include "lib/tun.h"

#include "worker.h"

/*
 * Packets of any SA that gather until there are enough of them to fill the crypto's lanes. At rest
 * they go on in the poll that brought them; while every poll brings some they wait for more, 10 us
 * from the first on. Nothing of control's is known of them yet: no SA is held over a poll.
 */
struct gather {
	uint16_t n;
	uint16_t came; /* in this poll */
	bool more;     /* the poll before brought some, too */
	uint64_t since_tsc;
	struct rte_mbuf *pkts[GW_BURST_MAX];
};

struct gw_worker {
	/* set before start, then read-only */
	struct gw_plane *plane;
	unsigned int id, lcore;
	uint16_t queue;
	struct gw_crypto *crypto;
	struct gw_reass *reass;
	struct gw_tunset *tunset;
	struct gw_tun_rx *tun_rx; /* what is read of descriptors; worker only */
	uint32_t n_polled;
	struct gw_tunnel **polled; /* tunnels whose hand-off has no descriptor to wait for */
	uint64_t tsc_per_ms, gather_tsc;

	/* control writes */
	_Alignas(64) _Atomic(bool) stop;

	/* worker only */
	_Alignas(64) uint64_t now_tsc; /* of this poll */
	uint64_t next_ms_tsc;	       /* when what is due every millisecond is due */
	uint64_t next_sample_tsc;      /* when control may hear of an unknown SPI again */
	unsigned int empty;	       /* polls in a row that found nothing */
	uint16_t n_tx;
	uint32_t n_holding;
	struct gw_tunnel **holding; /* tunnels with held packets */
	struct rte_mbuf *tx[GW_BURST_MAX];
	struct gw_frag6 frag6;
	struct gather in;  /* ESP, classified */
	struct gather from_inside; /* inner packets */
	struct gw_out out; /* of the burst in hand */
	struct gw_early early;

	/* worker writes, control reads relaxed */
	_Alignas(64) struct gw_worker_stats stats;
};

/** Count and free packets that a stage refused: the reason is in each. */
void worker_drop(struct gw_worker *w, struct rte_mbuf **pkts, uint16_t n);
/** Queue a complete frame for the port; sent when the burst is full or at the end of the poll. */
void worker_tx(struct gw_worker *w, struct rte_mbuf *m);

/** n packets were put behind those that gather. */
static inline void
worker_gathered(const struct gw_worker *w, struct gather *g, uint16_t n)
{
	if (g->n == 0)
		g->since_tsc = w->now_tsc;
	g->n += n;
	g->came += n;
}

/** Inner packets to their tunnels' hand-offs. */
void worker_deliver(struct gw_worker *w, struct rte_mbuf **pkts, uint16_t n);
/** One burst from the port: sorted, ESP gathers. @return frames received */
uint16_t worker_in(struct gw_worker *w);
/** What has gathered, all the way to the tunnels' hand-offs. */
void worker_in_go(struct gw_worker *w);
/** One burst from each hand-off that is polled. @return packets read */
uint32_t worker_out_polled(struct gw_worker *w);
/** One burst from each ready descriptor, waiting for one up to timeout_us. @return packets read */
uint32_t worker_out(struct gw_worker *w, unsigned int timeout_us);
/** What has gathered, all the way to the outside port; held where there is no SA. */
void worker_out_go(struct gw_worker *w);
/** Send what is held where there is an SA now; drop what nobody will send. */
void worker_out_held(struct gw_worker *w);
/** Free held packets of every tunnel; at the end. */
void worker_out_fini(struct gw_worker *w);

#endif
