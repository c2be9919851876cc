/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_PEER_WORLD_H
#define TEST_PEER_WORLD_H

/*
 * IKE engines, links between them and clocks, all in one process. A link drops, duplicates, delays,
 * corrupts and cuts by a seeded generator, so that a seed is a schedule. ESP is played by datagrams
 * that carry the SPI and the keys of the SA they were sent on: the receiver compares them with its
 * own. world.c: peers, time, questions; link.c: what is under way; mock.c: the engines' host.
 */

#include <stdbool.h>
#include <stdint.h>

#include "ike/ike.h"

#define WORLD_CHILDREN_MAX 512
#define WORLD_TEXT_MAX	   256
#define WORLD_WINDOW_MAX   1024 /* packets that a replay window of a host covers at most */

struct world;
struct mock_job;

/** One direction between two peers; adds to what the world's own fields say. Chances per mille. */
struct link {
	unsigned int loss, dup, reorder, corrupt;
	unsigned int delay_ms, jitter_ms;
	size_t hole; /* longer IKE datagrams vanish; 0 = none does */
	bool cut;
};

/** What the host knows about a child. */
struct mock_child {
	bool in, out, sending;
	struct ike_child_sa sa;
	struct ike_child_stats st;
	uint64_t heard_ms; /* when ESP came in last, by the world's clock */
	uint64_t seq_in; /* the highest number so far, and which ones below it were there */
	uint64_t seen[WORLD_WINDOW_MAX / 64];
};

struct peer {
	struct world *w;
	unsigned int index; /* 0, 1, ... */
	struct ike *e;	    /* NULL = down */
	uint32_t boots;	    /* engines created so far */
	uint64_t next_tick; /* by its own clock, as all times that the engine gets and gives */
	struct in6_addr addr;
	bool no_addr;	   /* local_addr() fails */
	bool asleep;	   /* suspended: it is given nothing and its deadlines pass */
	uint64_t skew_ms;  /* its clock is ahead by this */
	uint32_t fast_ppm; /* and gains that */
	uint16_t nat_shift; /* behind a NAT that adds this to its port, 0 = none */
	struct in6_addr nat_addr; /* and that puts this in place of its address, :: = does not */
	bool tells_spi;		  /* its host says when ESP comes for an SPI it does not have */
	uint16_t esp_port;	  /* its ESP in UDP comes from this port, 0 = from IKE's */

	/* configuration: one connection with one child of three, one secret; tests change it before starting */
	struct ike_cfg cfg;
	struct ike_conn_cfg conn;
	struct ike_child_cfg children[3];
	struct ike_secret secret;

	/* the host's side */
	unsigned int n_lookups; /* of names, which the test answers */
	uint32_t lookup;	/* the last one's token */
	struct mock_child child[WORLD_CHILDREN_MAX];
	unsigned int n_child;	/* entries used, also those gone */
	uint32_t spi_next;
	int spis_out;		/* allocated, neither installed nor given back */
	uint32_t spi_out[WORLD_CHILDREN_MAX]; /* those */
	int ike_spis;		/* in use */
	int half_open_spis;	/* those of strangers among them */
	unsigned int traps;	/* actions with trap that were carried out */
	int fail_add;		/* errno for child_add(), 0 = works */
	unsigned int events[IKE_EV_CHILD_FAILED + 1];
	char reason[WORLD_TEXT_MAX]; /* of the last event that had one */
	char log[16384];	     /* what was logged at warning level */

	unsigned int keepalives;
	/* what it sent: all, for want of an SA there, under other keys, dropped by a replay window, let in */
	uint64_t esp_sent, esp_lost, esp_bad, esp_replay, esp_got;
	uint64_t esp_dup_key, esp_no_sa;
};

struct world {
	struct peer *p;
	unsigned int n_peers;
	struct link *links; /* n_peers * n_peers, see world_link() */
	uint64_t now;
	uint64_t rng;
	unsigned int loss, dup, reorder; /* per mille, of IKE */
	unsigned int delay_ms, jitter_ms;
	bool cut;	/* no IKE gets through */
	bool nat;	/* peer 0 is behind a NAT that changes its port */
	bool routed;	 /* addresses count; else all goes to the other one of two */
	bool esp_faults; /* ESP is lost, doubled, late and cut off like IKE */
	uint32_t esp_every_ms; /* all send ESP so often, 0 = never */
	uint64_t esp_next;
	/* a test's eye on each IKE datagram; may change it, false = drop */
	bool (*filter)(struct world *w, unsigned int from, uint8_t *buf, size_t *len);
	void *filter_arg;
	/* the same on what is sent, also if no way leads to its receiver */
	void (*sent)(struct world *w, unsigned int from, const uint8_t *buf, size_t len);
	/* instead of PEER_LOG's: each line of an engine */
	void (*logged)(struct world *w, const struct peer *p, const char *line);
	/* a test's eye on each child that a host installs */
	void (*added)(struct world *w, const struct peer *p, const struct ike_child_sa *sa);
	/* on each event, on each packet that a host lets in, and on what there is after each step */
	void (*happened)(struct world *w, const struct peer *p, const struct ike_event *ev);
	void (*let_in)(struct world *w, unsigned int from, uint64_t number);
	void (*stepped)(struct world *w);
	/* instead of cmocka's: must not return */
	void (*failed)(struct world *w, const char *what);
	void *user;
	unsigned int job_ms; /* jobs are done so late at most; 0 = at once. PEER_JOB_MS sets it */
	bool jobs_full;	     /* no room for strangers' jobs */
	unsigned int lookup_ms;	  /* names are answered so late at most; 0 = by the test */
	unsigned int lookup_fail; /* per mille of the answers say that there is no such name */
	unsigned int n_jobs; /* given away so far */
	uint32_t stranger_us; /* what a stranger's dearest job was said to cost */
	struct mock_job *jobs;
	unsigned int n_ike;	/* IKE datagrams sent */
	struct packet *queue;
};

/** Two peers. Proposals, mode and selectors of both: the scenario's by default. */
struct world *world_create(uint64_t seed);
/** More of them: 1 and so on have 0 as their other end. */
struct world *world_create_n(uint64_t seed, unsigned int n_peers);
/** All engines gone; objects created equal objects destroyed. */
void world_destroy(struct world *w);
/** Free what is left of a world that failed, without questions. */
void world_abandon(struct world *w);
struct link *world_link(struct world *w, unsigned int from, unsigned int to);
/** Give up: the world is not as it must be. */
void world_fail(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3), noreturn));
#define world_check(w, cond, ...)                                                                  \
	do {                                                                                       \
		if (!(cond))                                                                       \
			world_fail(w, __VA_ARGS__);                                                \
	} while (0)

/** Proposals with blanks between them. */
void world_proposals(struct ike_proposals *out, enum ike_protocol protocol, const char *text);
void peer_proposals(struct peer *p, const char *ike, const char *esp);
void peer_ts(struct ike_ts_list *l, const char *text);
void peer_id(struct ike_id *id, const char *text);
void peer_psk(struct peer *p, const char *psk);

/** Create the engine and carry out start actions. */
void peer_start(struct peer *p);
/** As kill -9: no word to anybody; the host forgets all SAs. */
void peer_kill(struct peer *p);

/** Its clock. */
uint64_t peer_now(const struct peer *p);
/** Do what is due, also after a command. */
void peer_tick(struct peer *p);

/** Let virtual time pass. */
void world_run(struct world *w, uint64_t ms);

/** Live children (INSTALLED or REKEYING), IKE SAs that are not on their way out. */
unsigned int peer_live_children(struct peer *p);
unsigned int peer_live_sas(struct peer *p);
/** What p's engine counts. */
struct ike_stats peer_stats(const struct peer *p);
/** The first IKE SA of p's engine that is up: there has to be one. */
struct ike_sa *peer_sa(struct peer *p);
/** The host's children that have both directions. */
unsigned int peer_installed(struct peer *p);
/** The one that the host sends on; NULL = none. */
struct mock_child *peer_sending(struct peer *p);
/** Its twin on another side: SPIs crossed and all keys equal. */
struct mock_child *world_twin(struct world *w, unsigned int of, const struct mock_child *c);

/** Exactly n live children on each side, each sending one has a twin, keys are equal. */
void world_assert_settled(struct world *w, unsigned int n);

/**
 * For filters: open a protected message of peer from, let edit change what is inside, and seal it
 * again in that peer's name. The result is never longer than the message was.
 * @param edit gets the inner payloads and the type of the first; returns their new length
 * @return false when it is no message that can be opened, or it grew too long: nothing changed
 */
bool world_edit(struct world *w, unsigned int from, uint8_t *buf, size_t *len,
	size_t (*edit)(void *arg, uint8_t *inner, size_t n, size_t cap, uint8_t *first), void *arg);

uint32_t world_rand(struct world *w, uint32_t below);

#endif
