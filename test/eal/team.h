/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_TEAM_H
#define TEST_TEAM_H

/*
 * Several workers around ports of memory: what goes out comes in again. Numbered packets, each tunnel
 * with an SA and a count of its own, so that a lost, doubled or overtaken one shows at once. With an
 * inside port the packets of every second tunnel come from there, and the others' go there.
 */

#include "app/inside.h"
#include "app/worker.h"
#include "esp_util.h"

#define TEAM_WORKERS 4
#define TEAM_TUNNELS 8
#define TEAM_EXCP_DEPTH 64 /* of the rings to control */

/** A tunnel's packets. What is not atomic: its owner's, or who has the inside port's. */
struct flow {
	uint32_t sent, expected;
	_Atomic(uint32_t) limit; /* sent until then */
	_Atomic(uint32_t) got, wrong;
};

struct team {
	struct gw_plane plane;
	struct gw_port port;
	struct gw_inside inside;
	struct gw_worker *w[TEAM_WORKERS];
	unsigned int window;	/* packets under way of each tunnel */
	_Atomic(uint16_t) more; /* bytes of a packet behind its number */
	bool hold_wire;		/* the port gives nothing */
	bool port_full, lan_full; /* the outside port, the inside port, takes nothing */
	unsigned int slow_us;	/* that a hand-off takes for a burst */
	uint32_t n_out;		/* frames that the port has taken; of one worker alone */
	bool of_last;		/* tunnel 0's hand-off gives packets of the last tunnel */
	struct gw_tunnel *tunnels[TEAM_TUNNELS];
	struct gw_demux *demux[TEAM_TUNNELS];
	struct gw_sa_in *in[TEAM_TUNNELS];
	struct flow flows[TEAM_TUNNELS];
};

/** What a team is to be. */
struct team_shape {
	unsigned int n_workers;
	uint16_t n_rx, n_tx; /* queues of the port */
	bool busy;	     /* no poll sleeps */
	unsigned int n_late; /* inbound SAs, the last ones, that are published later */
	bool inside;	     /* there is an inside port */
	unsigned int fwd_worker; /* who has it */
	const int *queues;	 /* tunnel 1 is a TUN with these, one for each worker */
};

/** EAL with an lcore for each worker on the CPUs that there are. */
void team_eal(void);
/** Owners in turn. */
void team_up(struct team *t, const struct team_shape *s);
/** Workers have ended; fails unless every packet buffer is back. */
void team_down(struct team *t);
/** A frame from outside, to the port's first queue. Takes m. */
void team_inject(struct rte_mbuf *m);
/** Each tunnel sends n packets more. */
void team_send(struct team *t, uint32_t n);
/** With an inside port: whether the MAC of the host that tunnel i's packets go to is known; i is odd. */
void team_neighbour(struct team *t, unsigned int i, bool known);
/** All that was sent has come back. */
bool team_done(const struct team *t);
/** Tunnel i to a worker. @return false: another move is under way, or it is there */
bool team_move(struct team *t, unsigned int i, unsigned int to);
/** Packets dropped for a reason, by all workers; GW_DROP_N: for any. */
uint64_t team_drops(const struct team *t, enum gw_drop reason);
/** Fails unless everything came back once and in order, and nothing was dropped. */
void team_check(const struct team *t);

#endif
