/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_WORKER_PRIV_H
#define GW_WORKER_PRIV_H

/*
 * Inside the worker: worker.c polls, worker_in.c and worker_out.c are its two directions,
 * worker_pass.c, worker_move.c and worker_offer.c what it has to do with the others.
 */

#include <string.h>

#include <rte_mbuf.h>

#include "lib/early.h"
#include "lib/esp.h"
#include "lib/fwd.h"
#include "lib/pkt.h"
#include "lib/reass.h"
#include "lib/stage.h"
#include "lib/tun.h"

#include "worker.h"

/*
 * Packets of any SA that gather until there are enough of them to fill the crypto's lanes. At rest
 * they go on in the poll that brought them; while every poll brings some they wait for more, 10 us
 * from the first on. Nothing of control's is known of them yet: they hold no SA over a poll.
 */
struct gather {
	uint16_t n;
	uint16_t came; /* in this poll */
	bool more;     /* the poll before brought some, too */
	uint64_t since_tsc;
	struct rte_mbuf *pkts[GW_BURST_MAX];
};

/* Packets on their way to another worker; a poll leaves none behind. */
struct box {
	uint16_t n;
	struct rte_mbuf *pkts[GW_BURST_MAX];
};

/* What the poll loop goes on until. */
enum until { UNTIL_TOLD, UNTIL_PAUSE, UNTIL_END };

/* How far this worker is in giving tunnels away (worker_move.c). */
enum give { GIVE_NOTHING, GIVE_ANNOUNCED, GIVE_REDIRECTED, GIVE_FLUSHED, GIVE_MARKED, GIVE_SENT };

struct gw_worker {
	/* set before start, then read-only */
	struct gw_plane *plane;
	unsigned int id, lcore;
	uint16_t queue; /* of the port, both ways, and of TUNs that have several */
	bool receives, transmits; /* the port has such a queue */
	unsigned int sender; /* who transmits for it */
	struct gw_pass *pass; /* to and from the others; NULL: there are none */
	struct gw_offer *offers; /* its own, by direction; NULL: there are no others */
	struct gw_crypto *crypto;
	struct gw_reass *reass;
	struct gw_tunset *tunset;
	struct gw_tun_rx *tun_rx; /* what is read of descriptors; worker only */
	uint32_t n_polled, polled_next; /* whose turn it is */
	struct gw_tunnel **polled; /* tunnels whose hand-off has no descriptor to wait for */
	uint64_t tsc_per_ms, gather_tsc;
	struct gw_fwd *fwd; /* NULL: nothing is forwarded, or by another worker */

	/* control writes */
	_Alignas(64) _Atomic(uint32_t) until; /* enum until */

	/* worker only */
	_Alignas(64) uint64_t now_tsc; /* of this poll, since it last slept */
	uint64_t poll_tsc;	       /* how long the one before took */
	uint64_t next_ms_tsc;	       /* when what is due every millisecond is due */
	uint64_t next_look_tsc;	       /* when descriptors are looked at, though the port is busy */
	uint64_t next_sample_tsc;      /* when control may hear of an unknown SPI again */
	uint64_t quiet;		       /* rcu's token after the last poll, while offering */
	unsigned int empty;	       /* polls in a row that found nothing to do */
	bool more_inside;	       /* descriptors had more when last looked at */
	uint8_t port_hope, inside_hope; /* see worker_asks_again() */
	struct gw_tunnel *dry;	       /* read to the end in this queue, which is not the owner's; NULL */
	bool dry_marked;	       /* all that was read of it has been passed, before dry_mark, to dry_to */
	uint32_t dry_mark, dry_to;
	bool offering;		       /* its batches may go through offers */
	bool stuck[GW_OFFER_N];	       /* whoever helps is off its CPU: no more of that direction */
	uint32_t offered[GW_OFFER_N];  /* batches begun until the end of the last poll */
	uint16_t n_tx;
	uint32_t n_holding, hold_next; /* whose turn it is */
	struct gw_tunnel **holding; /* tunnels with held packets */
	struct rte_mbuf *tx[GW_BURST_MAX];
	struct gw_frag6 frag6;
	struct gather in;  /* ESP, classified */
	struct gather from_inside; /* inner packets */
	struct gw_out out; /* of the burst in hand */
	struct gw_early early;
	enum give give;
	uint64_t give_token;	/* of rcu */
	uint32_t give_frames, give_forward; /* marks of what others have still to pull */
	struct box *boxes;	/* by owner, then kind; NULL: no others */
	uint64_t full[GW_PASS_FRAME]; /* boxes of a kind that hold something, by owner */

	/* worker writes, control reads relaxed */
	_Alignas(64) struct gw_worker_stats stats;
};

/** How often something is tried that is of no use mostly, in polls. */
#define WORKER_LOOK_POLLS 16
/** For a read: some ports give nothing when asked for few. */
#define WORKER_ROOM_MIN 16
/** Times that a port is asked again in vain before this is left to WORKER_LOOK_POLLS. */
#define WORKER_HOPE 4

/**
 * Whether a port that just gave some packets is asked for more in the same poll. There are ports that give few at a time
 * although they have more, as drivers see fit, and a poll costs as much as some packets do. Others would answer
 * "nothing", so they are tried now and then.
 * @param hope  of this port, see worker_asked_again()
 */
static inline bool
worker_asks_again(const struct gw_worker *w, uint8_t hope)
{
	return hope > 0 || w->stats.polls % WORKER_LOOK_POLLS == 0;
}

/**
 * @param first  packets that it gave when asked once
 * @param n      and in all; a straggler or two came meanwhile
 * @return the new hope, which vain questions use up
 */
static inline uint8_t
worker_asked_again(uint8_t hope, uint16_t first, uint16_t n)
{
	return n >= 2 * first ? WORKER_HOPE : hope - (hope > 0);
}

/**
 * Frames of a port, a burst at most.
 * @param hope  [in,out] the worker's of this port, see worker_asked_again()
 */
uint16_t worker_rx(struct gw_worker *w, uint16_t port, uint16_t queue, struct rte_mbuf **pkts, uint8_t *hope);

/** Count and free packets that a stage refused: the reason is in each. */
void worker_drop(struct gw_worker *w, struct rte_mbuf **pkts, uint16_t n);
/** Send what worker_tx() has queued, or pass it to who can. */
void worker_send(struct gw_worker *w);

/**
 * Queue complete frames for the port, without what a port has said of them on receive (gw_pkt_clear_flags()); sent when
 * the burst is full or at the end of the poll.
 */
static inline void
worker_tx_burst(struct gw_worker *w, struct rte_mbuf **pkts, uint16_t n)
{
	for (uint16_t from = 0, k; from < n; from += k) {
		k = RTE_MIN(n - from, GW_BURST_MAX - w->n_tx);
		memcpy(w->tx + w->n_tx, pkts + from, k * sizeof(pkts[0]));
		w->n_tx += k;
		if (w->n_tx == GW_BURST_MAX)
			worker_send(w);
	}
}

static inline void
worker_tx(struct gw_worker *w, struct rte_mbuf *m)
{
	worker_tx_burst(w, &m, 1);
}

/** n packets were put behind those that gather. */
static inline void
worker_gathered(const struct gw_worker *w, struct gather *g, uint16_t n)
{
	if (g->n == 0)
		g->since_tsc = w->now_tsc;
	g->n += n;
	g->came += n;
}

/** Put a packet into the box for a worker: what is in boxes goes with worker_pass_all(). */
void worker_pass(struct gw_worker *w, enum gw_pass_kind kind, unsigned int to, struct rte_mbuf *m);
/** Empty the boxes into the rings; drop what does not fit. */
void worker_pass_all(struct gw_worker *w);
/** Complete frames to who transmits them. Takes them. */
void worker_pass_frames(struct gw_worker *w, struct rte_mbuf **pkts, uint16_t n);
/** Of packets from inside keep those of tunnels that are ours, in front; box the others. @return kept */
uint16_t worker_pass_inner(struct gw_worker *w, struct rte_mbuf **pkts, uint16_t n);
/** A burst from each of the others, of each kind, and their frames. @return packets */
uint32_t worker_pull(struct gw_worker *w);
/** All frames that the others had passed when this is called, if they may be sent here. @return frames */
uint32_t worker_pull_frames(struct gw_worker *w);
/** All that the others had passed when this is called, all the way. */
void worker_pull_all(struct gw_worker *w);

/** Owner, once a poll: whether a direction has to wait for who helps with it. */
void worker_offers_look(struct gw_worker *w);
/** Owner: whether a burst goes through the offers of a direction (enum gw_offer_dir), while it has any. */
bool worker_offer_is_worth(struct gw_worker *w, unsigned int dir, struct rte_mbuf **pkts, uint16_t n);
/** Owner: the batch that may be begun next, once there is room. */
struct gw_esp_batch *worker_offer_next(struct gw_worker *w, struct gw_offer *o);
/** Owner: it has been begun. */
void worker_offer(struct gw_worker *w, struct gw_offer *o);
/** Owner: everything that is under way, to its end. What of it is forwarded to tunnels gathers. */
void worker_offers_drain(struct gw_worker *w);
/** Once a poll: end what is done; idle: do what waits, others' too. @return batches of its own */
uint32_t worker_offers(struct gw_worker *w, bool idle);
/** At the end of a poll: nothing of control's is held but by batches under way. */
void worker_quiescent(struct gw_worker *w);
/** What follows the crypto of a batch. */
void worker_in_end(struct gw_worker *w, struct gw_esp_batch *b);
void worker_out_end(struct gw_worker *w, struct gw_esp_batch *b);

/** A worker's batches, by direction. */
static inline struct gw_offer *
worker_offers_of(const struct gw_worker *w, unsigned int id)
{
	return &w->plane->offers[id * GW_OFFER_N];
}

/** Do our part of a move, if there is one. @return false: stand still in this poll */
bool worker_move(struct gw_worker *w);
/** Read a tunnel's hand-off from now on. @return 0, -errno */
int worker_watch(struct gw_worker *w, struct gw_tunnel *t);

/** Inner packets of the far end to where they go: forwarded, or to their tunnels' hand-offs. */
void worker_deliver(struct gw_worker *w, struct rte_mbuf **pkts, uint16_t n);
/** Inner packets to their tunnels' hand-offs. */
void worker_hand_off(struct gw_worker *w, struct rte_mbuf **pkts, uint16_t n);
/** One burst from the port: sorted, ESP gathers. @return frames received */
uint16_t worker_in(struct gw_worker *w);
/** Where the next ESP packets that are ours go. @return their place, *room of them at most, 1 at least */
struct rte_mbuf **worker_in_room(struct gw_worker *w, uint16_t *room);
/** What has gathered, all the way to the tunnels' hand-offs. */
void worker_in_go(struct gw_worker *w);
/** A burst from each hand-off that is polled, in turn, as many as one poll may read. @return packets read */
uint32_t worker_out_polled(struct gw_worker *w);
/** Likewise from each ready descriptor, waiting for one up to timeout_us. @return packets read */
uint32_t worker_out(struct gw_worker *w, unsigned int timeout_us);
/** Where the next packets from inside go, *room of them at most, some at least. */
struct rte_mbuf **worker_out_room(struct gw_worker *w, uint16_t *room);
/** What has gathered, all the way to the outside port; held where there is no SA. */
void worker_out_go(struct gw_worker *w);
/** Send what is held where there is an SA now; drop what nobody will send: so many tunnels in turn.
 * @return tunnels that hold nothing any more */
uint32_t worker_out_held(struct gw_worker *w);
/** What t holds is gone, or another worker's. */
void worker_out_forget(struct gw_worker *w, struct gw_tunnel *t);
/** The forwarding stage of the inside port, if there is one and this worker has it. @return 0, -errno */
int worker_fwd_init(struct gw_worker *w);
void worker_fwd_fini(struct gw_worker *w);
/** One burst from the inside port. @return frames received */
uint32_t worker_fwd_port(struct gw_worker *w);
/** A burst of what the kernel sends on the inside port, its twin being ready. @return frames read */
uint32_t worker_fwd_twin(struct gw_worker *w);
/** Inner packets of tunnels that forward: here, or passed to the worker that has the inside port. */
void worker_fwd(struct gw_worker *w, struct rte_mbuf **pkts, uint16_t n);
/** What waits for a next hop's MAC; every millisecond. */
void worker_fwd_settle(struct gw_worker *w);
/** Free held packets of every tunnel; at the end. */
void worker_out_fini(struct gw_worker *w);

#endif
