/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_PEER_SIM_H
#define TEST_PEER_SIM_H

/*
 * A schedule: a topology, configurations, faults and commands, all drawn from one seed, then peace,
 * and the question whether what has to be there is there. README.md says which invariants hold.
 */

#include <setjmp.h>

#include "world.h"

#define SIM_PEERS    5
#define SIM_EDGES    6
#define SIM_CHILDREN 3
#define SIM_CONNS    5 /* of one peer */
#define SIM_LONE     64

/** What one peer is told. */
struct site {
	struct ike_conn_cfg conns[SIM_CONNS];
	struct ike_child_cfg children[SIM_CONNS][SIM_CHILDREN];
	struct ike_secret secrets[2]; /* the PSK that all know; a PPK */
	unsigned int n_conns;
	char name[SIM_CONNS][16]; /* instead of an address of the other end */
	char *names[SIM_CONNS];
};

/** Two peers that have children with each other. */
struct edge {
	unsigned int a, b;
	unsigned int conn_a, conn_b; /* which connection it is at either end */
	unsigned int n_children;
	bool b_starts; /* b can initiate, and will when it misses something */
};

/** Facts by a 64-bit name, of this schedule. */
struct facts;

struct sim {
	uint64_t seed;
	uint64_t rng; /* of the plan; the world has its own, for chance under way */
	struct world *w;
	struct site sites[SIM_PEERS];
	struct edge edges[SIM_EDGES];
	unsigned int n_edges;
	struct facts *facts;
	bool peace;	   /* no packet may be lost now, */
	struct before {
		uint64_t sent, got, lost, replay, retransmits;
		bool reauth;
	} before[SIM_PEERS]; /* and when it began each peer had sent so much */
	uint64_t n_arrived;   /* ESP packets, in the whole schedule */
	struct lone {
		unsigned int peer;
		uint32_t boots, id;
		uint64_t since_ms, seen_ms; /* seen_ms: the last time; 0 = no entry */
		uint64_t heard_ms;	    /* the last ESP of its children, or since_ms */
		uint64_t limit_ms;
	} lone[SIM_LONE];	   /* IKE SAs whose twin has gone */
	uint64_t looked_ms;	   /* when they were looked for last */
	uint64_t digest;	   /* of all that happened */
	uint64_t patience_ms; /* so long after the last fault everything is there again */
	uint64_t settled_ms; /* how long it took */
	bool log;
	jmp_buf out;
	char why[WORLD_TEXT_MAX];
};

/** Run one schedule. @return true when all held; else s->why says what did not */
bool sim_run(struct sim *s, uint64_t seed, bool log);

/** Uniform in 0..below-1, of the plan. */
uint32_t sim_rand(struct sim *s, uint32_t below);
/** True n times in 100. */
bool sim_percent(struct sim *s, unsigned int n);

/** Topology and configurations. The world is there; its peers have not started. */
void sim_plan(struct sim *s);
/** How many peers the plan will have: the first draw. */
unsigned int sim_plan_peers(struct sim *s);
/** A whole retransmission sequence. */
uint64_t sim_sequence_ms(const struct ike_cfg *c);
/** A peer that starts anew may have been configured anew. */
void sim_plan_again(struct sim *s, unsigned int peer);

/** The NAT of that peer has another address from now on. */
void sim_plan_nat_addr(struct sim *s, unsigned int peer);

/** Eyes on every datagram and on every child. */
void sim_watch(struct sim *s);
void sim_unwatch(struct sim *s);
/** Between them all packets arrive, once, and each child has something to send on. */
void sim_peace_begin(struct sim *s);
void sim_peace_end(struct sim *s);
/** What others call it: its own address, or its NAT's. */
const struct in6_addr *sim_seen(const struct peer *p);
/** With fair weather, and often: an IKE SA without twin lives as long as liveness takes to find out. */
void sim_check_twins(struct sim *s);
/** Objects and counters when all is settled, and when all have left. */
void sim_check_objects(struct sim *s);
void sim_check_gone(struct sim *s);
/** @return NULL when every edge has exactly what it should, else what is wrong */
const char *sim_unsettled(struct sim *s);
/** The end e of an edge has this child live. */
bool sim_has(struct sim *s, const struct edge *e, bool at_b, unsigned int child);

#endif
