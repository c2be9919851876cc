/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_WORKER_H
#define GW_WORKER_H

/*
 * The poll loop of a data-plane lcore: bursts run to completion, between the outside port and the
 * tunnels' descriptors. No lock, no log, no allocation but mbufs; system calls on ready descriptors
 * only, and to sleep when there is nothing to do.
 *
 * What workers and control share:
 *
 *   object                    writer          readers   handed over            reclaimed
 *   ------------------------  --------------  --------  ---------------------  -------------------
 *   struct gw_plane           control         workers   before they start      after they ended
 *   plane->local              control         workers   release store          rcu
 *   inbound SA, its keys      control         worker    gw_sadb_publish()      gw_sadb_retire(), rcu
 *   - replay window, counters owner worker    control   relaxed                with the SA
 *   SPIs given out            control         worker    gw_sadb_expects()      -
 *   outbound SA, its keys     control         worker    tunnel->sa_out         unlinked, rcu
 *   - sequence, counters      owner worker    control   relaxed                with the SA
 *   struct gw_tunnel          by field group  both      plane->tunnels         after workers ended
 *   struct gw_demux           control         workers   with the inbound SA    after workers ended
 *   - owner                   who gives away  workers   plane->move, rcu       -
 *   plane->move               by turns        both      release store          -
 *   packets between workers   a worker        a worker  gw_pass_push(), ring   by who pulled them
 *   batches offered           owner, taker    any       lib/offer.h            owner's rcu: the oldest
 *   plane->offering           control         workers   relaxed                -
 *   gw_nexthop->l2            control         workers   release store          rcu
 *   routes (gw_fib)           control         workers   two views, release     rcu
 *   neighbours (gw_neigh_tab) control         workers   release store          rcu
 *   - neigh->used             worker sets     control   relaxed                with the neighbour
 *   addresses to be resolved  worker          control   inside->asks, ring     -
 *   IKE SPIs (gw_spiset)      control         workers   atomics                after workers ended
 *   frames to control         worker          control   gw_excp_push(), ring   by control
 *   frames of control         control         worker    gw_excp_tx_push()      by the worker
 *   worker's counters         worker          control   relaxed                with the worker
 *   tunnel->acquire           worker sets     control   plane->acquires counts -
 *   worker->until             control         worker    relaxed                -
 *
 * An SA is served by one worker, the owner of the tunnels that share it (gw_demux->owner): sequence
 * number, replay window and what the tunnel counts need no lock. Workers receive on queues of their own,
 * as far as there are any, and pass on what is not theirs. An owner changes in the steps of gw_move. One
 * that has more to do than a core can has others do the crypto (worker_offer.c).
 *
 * A third thread (ctl_jobs.h) shares with control alone: jobs of IKE, under a lock.
 *
 * There is one way from an inner packet to the outside port, and it leads through gw_esp_out(), or its
 * three steps: held and fresh packets meet in out_burst(), and what gw_esp_out_end() says to be good, and
 * nothing else, goes to the port; what is forwarded (worker_fwd.c) to a tunnel joins the fresh ones. Control's
 * own frames (ICMPv6, IKE) come by ring.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_mempool.h>

#include "lib/classify.h"
#include "lib/drop.h"
#include "lib/excp.h"
#include "lib/offer.h"
#include "lib/pass.h"
#include "lib/rcu.h"
#include "lib/sadb.h"
#include "lib/tunnel.h"

#include "port.h"

/* What the pool's mbufs take at least, put together from fragments: IKE_AUTH with certificates; an inner
 * packet of the port's MTU in ESP */
#define GW_REASS_LEN	   4096
#define GW_REASS_OUTER	   256
#define GW_HOLD_TIMEOUT_MS 30000 /* a held packet older than that is of no use to anybody */

#define GW_PASS_DEPTH	   1024  /* packets of a kind that one worker has passed to another */

/** A worker's batches by direction. */
enum gw_offer_dir { GW_OFFER_IN, GW_OFFER_OUT, GW_OFFER_N };

/** How far a move is; whose turn it is sets the next one, in this order, in a circle. */
enum gw_move_step {
	GW_MOVE_NONE,  /* control's turn: there is none */
	GW_MOVE_ASKED, /* from's turn: it gives away, while to stands still */
	GW_MOVE_GIVEN, /* to's turn: everything that was received before is done, it takes over */
};

/** Tunnels that share an SA on their way from one worker to another, one at a time: worker_move.c. */
struct gw_move {
	/* step, from, to: one word, for a third worker may look at any time, and must not see the step of
	 * one move with the workers of the next */
	_Atomic(uint32_t) state;
	struct gw_demux *what; /* of who has its turn */
};

/** Control: @return false when another move is under way */
bool gw_move_ask(struct gw_move *mv, struct gw_demux *what, unsigned int to);
/** Any thread. */
bool gw_move_is_done(const struct gw_move *mv);

/** What all workers and control share. */
struct gw_plane {
	/* set before the workers start, then read-only */
	const struct gw_port *port;
	struct rte_mempool *pool;
	struct gw_sadb *sadb;
	struct gw_excp *excp;
	struct gw_spiset *spis, *half_open; /* of peers, of strangers */
	struct gw_rcu *rcu;
	unsigned int n_workers;
	unsigned int fwd_worker; /* has the inside port: the last, as the first has the most to do with the outside */
	struct gw_pass *pass; /* between workers; NULL: there is one */
	struct gw_offer *offers; /* GW_OFFER_N for each worker; NULL: there is one */
	struct gw_tunnel **tunnels;
	uint32_t n_tunnels;
	struct gw_inside *inside; /* NULL: nothing is forwarded here */
	int socket; /* NUMA node of the port */
	bool busy;  /* never sleep */

	/* control writes, workers read */
	_Alignas(64) _Atomic(const struct gw_local *) local;
	_Atomic(uint64_t) offering; /* a bit for each worker that others are to help */

	/* by turns */
	_Alignas(64) struct gw_move move;

	/* workers write, control reads */
	_Alignas(64) _Atomic(uint32_t) acquires; /* counts up when a tunnel's acquire flag is set */
};

/** Written by the worker; control reads relaxed, through gw_worker_get_stats(). */
struct gw_worker_stats {
	uint64_t drops[GW_DROP_N];
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes; /* frames of the outside port */
	uint64_t fwd_from_port, fwd_to_port, fwd_to_tunnels; /* packets; frames of the inside port */
	uint64_t fwd_to_kernel, fwd_from_kernel; /* through the inside port's twin */
	uint64_t polls, sleeps;
	uint64_t passed;   /* packets to other workers */
	uint64_t helped, helped_tsc; /* packets whose crypto others did, and their time */
	uint64_t busy_tsc; /* awake, in polls that found something to do */
};

struct gw_worker;

/**
 * Make a worker: its crypto manager (self-tests run), reassembly and readiness set.
 * @return NULL after logging why
 */
struct gw_worker *gw_worker_create(struct gw_plane *plane, unsigned int id);
/** The worker has ended. Packets it holds are freed. NULL is fine. */
void gw_worker_destroy(struct gw_worker *w);

/** Launch on an lcore. @return 0, -errno */
int gw_worker_start(struct gw_worker *w, unsigned int lcore);
/** Ask it to end and wait for it: what control has queued for the port goes out first. */
void gw_worker_stop(struct gw_worker *w);
/**
 * Likewise, to go on later: it keeps what has gathered, is held or was passed to it, and what control has queued stays
 * there. Between its polls it has nothing of control's, so everything that waits for workers goes on without it.
 */
void gw_worker_pause(struct gw_worker *w);
/** Launch again after gw_worker_pause(). @return 0, -errno */
int gw_worker_resume(struct gw_worker *w);

/**
 * One round of the loop, on the calling thread: what gw_worker_start() repeats. For a thread that is an
 * lcore and has called gw_rcu_online() for the worker's id, when the worker is not started.
 */
void gw_worker_poll(struct gw_worker *w);

/** Any thread. */
void gw_worker_get_stats(const struct gw_worker *w, struct gw_worker_stats *st);

#endif
