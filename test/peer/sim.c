/* SPDX-License-Identifier: BSD-3-Clause */
/* RAND_set_rand_method() */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "sim.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX 10
#define PAUSE_MS  15000 /* between two steps, at most */
#define LOOK_MS   2000  /* how often the settled state is looked for */
#define WANT_MS   4000  /* how often traffic without SA asks for one */
#define STEADY_MS 40000 /* of peace, in which no packet may be lost */
#define DRAIN_MS  6000  /* longer than anything is under way */

static void
say(struct sim *s, const char *what, unsigned int n)
{
	if (s->log)
		fprintf(stderr, "%10.3f - %s %u\n", (double)s->w->now / 1000, what, n);
}

static void
failed(struct world *w, const char *what)
{
	struct sim *s = w->user;

	snprintf(s->why, sizeof(s->why), "at %.3f s: %s", (double)w->now / 1000, what);
	longjmp(s->out, 1);
}

static void
logged(struct world *w, const struct peer *p, const char *line)
{
	const struct sim *s = w->user;

	if (s->log)
		fprintf(stderr, "%10.3f %u %s\n", (double)w->now / 1000, p->index, line);
}

/* ---- what one end of an edge does ---- */

struct end {
	struct edge *e;
	struct peer *p;
	const struct ike_conn_cfg *conn;
	bool b;
};

static struct end
end_of(struct sim *s, struct edge *e, bool b)
{
	unsigned int peer = b ? e->b : e->a;

	return (struct end){e, &s->w->p[peer], &s->sites[peer].conns[b ? e->conn_b : e->conn_a], b};
}

static struct end
any_end(struct sim *s)
{
	struct edge *e = &s->edges[sim_rand(s, s->n_edges)];

	return end_of(s, e, sim_percent(s, 50));
}

static bool
awake(const struct peer *p)
{
	return p->e != NULL && !p->asleep;
}

static void
rekey(struct sim *s, struct end x, bool ike)
{
	const struct ike_select sel = {.ike = x.conn->name,
		.child = ike ? NULL : x.conn->children[sim_rand(s, x.conn->n_children)].name};

	if (!awake(x.p))
		return;
	say(s, ike ? "rekey the IKE_SA at peer" : "rekey a child at peer", x.p->index);
	ike_rekey(x.p->e, &sel, peer_now(x.p));
	peer_tick(x.p);
}

static void
terminate(struct sim *s, struct end x)
{
	bool ike = sim_percent(s, 50);
	const struct ike_select sel = {.ike = x.conn->name,
		.child = ike ? NULL : x.conn->children[sim_rand(s, x.conn->n_children)].name};

	if (!awake(x.p))
		return;
	say(s, ike ? "terminate the IKE_SA at peer" : "terminate a child at peer", x.p->index);
	ike_terminate(x.p->e, &sel, peer_now(x.p));
	peer_tick(x.p);
}

/** As traffic does that finds no SA: whoever is able to starts what it misses. */
static void
want(struct sim *s, struct edge *e)
{
	for (unsigned int b = 0; b < 2; b++) {
		struct end x = end_of(s, e, b == 1);

		if (!awake(x.p) || (b == 1 && !e->b_starts) || sim_percent(s, 40))
			continue;
		for (unsigned int k = 0; k < e->n_children; k++)
			if (!sim_has(s, e, x.b, k))
				ike_initiate(x.p->e, x.conn->name, x.conn->children[k].name,
					peer_now(x.p));
		peer_tick(x.p);
	}
}

/* ---- faults ---- */

static void
crash(struct sim *s)
{
	struct peer *p = &s->w->p[sim_rand(s, s->w->n_peers)];

	if (!awake(p))
		return;
	say(s, "crash of peer", p->index);
	peer_kill(p);
	world_run(s->w, sim_percent(s, 50) ? sim_rand(s, 2000) : sim_rand(s, 60000));
	if (sim_percent(s, 30))
		sim_plan_again(s, p->index);
	say(s, "start of peer", p->index);
	peer_start(p);
}

/** Suspended: it hears nothing, and finds that time has passed. */
static void
nap(struct sim *s)
{
	struct peer *p = &s->w->p[sim_rand(s, s->w->n_peers)];

	say(s, "suspend peer", p->index);
	p->asleep = true;
	world_run(s->w, sim_rand(s, 100000));
	p->asleep = false;
	say(s, "resume peer", p->index);
	peer_tick(p);
}

/** Its clock jumps: nothing was lost meanwhile. */
static void
jump(struct sim *s)
{
	struct peer *p = &s->w->p[sim_rand(s, s->w->n_peers)];

	say(s, "clock jump at peer", p->index);
	p->skew_ms += sim_rand(s, 60000);
	peer_tick(p);
}

/** Nothing between two peers, in both directions or in one. */
static void
partition(struct sim *s)
{
	struct edge *e = &s->edges[sim_rand(s, s->n_edges)];
	unsigned int ways = 1 + sim_rand(s, 3);

	say(s, "partition around peer", e->a);
	world_link(s->w, e->a, e->b)->cut = (ways & 1) != 0;
	world_link(s->w, e->b, e->a)->cut = (ways & 2) != 0;
	world_run(s->w, sim_percent(s, 50) ? sim_rand(s, 10000) : sim_rand(s, 100000));
	world_link(s->w, e->a, e->b)->cut = world_link(s->w, e->b, e->a)->cut = false;
	say(s, "no partition any more around peer", e->a);
}

static void
weather(struct sim *s)
{
	for (unsigned int i = 0; i < s->w->n_peers * s->w->n_peers; i++)
		s->w->links[i] = (struct link){
			.loss = sim_percent(s, 60) ? sim_rand(s, 300) : 0,
			.dup = sim_percent(s, 40) ? sim_rand(s, 200) : 0,
			.reorder = sim_percent(s, 40) ? sim_rand(s, 200) : 0,
			.corrupt = sim_percent(s, 20) ? sim_rand(s, 100) : 0,
			.delay_ms = sim_percent(s, 30) ? sim_rand(s, 1500) : 0,
			.jitter_ms = sim_percent(s, 30) ? sim_rand(s, 1000) : 0,
			.hole = sim_percent(s, 3) ? 400 + sim_rand(s, 900) : 0,
		};
}

static void
fair_weather(struct sim *s)
{
	memset(s->w->links, 0, (size_t)s->w->n_peers * s->w->n_peers * sizeof(*s->w->links));
}

/** The NAT forgets: from now on it uses another port, or has another address, or both. */
static void
rebind(struct sim *s)
{
	for (unsigned int i = 0; i < s->w->n_peers; i++) {
		struct peer *p = &s->w->p[i];
		bool hidden = !IN6_IS_ADDR_UNSPECIFIED(&p->nat_addr);

		if (p->nat_shift == 0 && !hidden)
			continue;
		say(s, "NAT rebinds peer", i);
		if (p->nat_shift != 0)
			p->nat_shift = (uint16_t)(p->nat_shift + 1 + sim_rand(s, 100));
		if (hidden && (p->nat_shift == 0 || sim_percent(s, 50)))
			sim_plan_nat_addr(s, i);
	}
}

static void
act(struct sim *s)
{
	struct edge *e = &s->edges[sim_rand(s, s->n_edges)];

	switch (sim_rand(s, 14)) {
	case 0:
	case 1:
		rekey(s, any_end(s), false);
		break;
	case 2:
		rekey(s, any_end(s), true);
		break;
	case 3:
	case 4:
		rekey(s, end_of(s, e, false), sim_percent(s, 50));
		/* in the midst of the other's exchange, or of its additional key exchanges */
		if (sim_percent(s, 50))
			world_run(s->w, sim_rand(s, sim_percent(s, 80) ? 400 : 3000));
		rekey(s, end_of(s, e, true), sim_percent(s, 50));
		break;
	case 5:
		terminate(s, any_end(s));
		break;
	case 6:
		terminate(s, end_of(s, e, false));
		if (sim_percent(s, 50))
			rekey(s, end_of(s, e, true), sim_percent(s, 50));
		else
			terminate(s, end_of(s, e, true));
		break;
	case 7:
		want(s, e);
		break;
	case 8:
	case 9:
		crash(s);
		break;
	case 10:
		partition(s);
		break;
	case 11:
		nap(s);
		break;
	case 12:
		if (sim_percent(s, 50))
			jump(s);
		else
			rebind(s);
		break;
	default:
		weather(s);
		break;
	}
}

/* ---- libcrypto's chance ---- */

static uint64_t crypto_rng;

static int
seeded_bytes(unsigned char *buf, int len)
{
	for (int i = 0; i < len; i++) {
		crypto_rng = crypto_rng * 0x5851f42d4c957f2du + 0x14057b7ef767814fu;
		buf[i] = (unsigned char)(crypto_rng >> 56);
	}
	return 1;
}

static int
seeded_status(void)
{
	return 1;
}

/** Private keys and IVs come from the seed as well: then two runs are the same to the last byte. */
static void
seed_crypto(uint64_t seed)
{
	static const RAND_METHOD method = {
		.bytes = seeded_bytes, .pseudorand = seeded_bytes, .status = seeded_status};

	crypto_rng = seed;
	RAND_set_rand_method(&method);
}

/* ---- the whole of it ---- */

static void
trouble(struct sim *s)
{
	unsigned int steps = 3 + sim_rand(s, STEPS_MAX - 2);

	if (sim_percent(s, 60))
		weather(s);
	for (unsigned int i = 0; i < s->w->n_peers; i++) {
		if (sim_percent(s, 30))
			world_run(s->w, sim_rand(s, 3000));
		peer_start(&s->w->p[i]);
	}
	for (unsigned int i = 0; i < steps; i++) {
		world_run(s->w, sim_percent(s, 20) ? sim_rand(s, 100) : sim_rand(s, PAUSE_MS));
		if (sim_percent(s, 50))
			for (unsigned int e = 0; e < s->n_edges; e++)
				want(s, &s->edges[e]);
		act(s);
	}
}

static uint64_t
wait_settled(struct sim *s, uint64_t patience_ms)
{
	uint64_t start = s->w->now, wanted = 0;
	const char *why;

	while ((why = sim_unsettled(s)) != NULL) {
		world_check(s->w, s->w->now - start < patience_ms, "not settled after %llu s: %s",
			(unsigned long long)(patience_ms / 1000), why);
		if (s->w->now >= wanted) {
			for (unsigned int e = 0; e < s->n_edges; e++)
				want(s, &s->edges[e]);
			wanted = s->w->now + WANT_MS;
		}
		world_run(s->w, LOOK_MS);
		sim_check_twins(s);
	}
	return s->w->now - start;
}

/** What is under way arrives. */
static void
drain(struct sim *s)
{
	s->w->esp_every_ms = 0;
	world_run(s->w, DRAIN_MS);
}

/** Peace: rekeyings go on, and nothing is lost. */
static void
steady(struct sim *s)
{
	drain(s);
	wait_settled(s, s->patience_ms);
	sim_peace_begin(s);
	s->w->esp_every_ms = 100;
	for (unsigned int ms = 0; ms < STEADY_MS; ms += LOOK_MS) {
		world_run(s->w, LOOK_MS);
		sim_check_twins(s);
	}
	drain(s);
	sim_peace_end(s);
	wait_settled(s, s->patience_ms);
	sim_check_objects(s);
}

static void
check_esp(struct sim *s)
{
	for (unsigned int i = 0; i < s->w->n_peers; i++)
		world_check(s->w, s->w->p[i].esp_bad == 0, "peer %u sent ESP under wrong keys", i);
}

/** All leave: one DELETE each, and then there is nothing. */
static void
leave(struct sim *s)
{
	for (unsigned int i = 0; i < s->w->n_peers; i++) {
		struct peer *p = &s->w->p[i];

		ike_shutdown(p->e, peer_now(p));
		peer_tick(p);
	}
	world_run(s->w, DRAIN_MS);
	sim_check_gone(s);
}

static void
play(struct sim *s)
{
	struct world *w = s->w;

	sim_plan(s);
	w->routed = w->esp_faults = true;
	w->delay_ms = 5 + sim_rand(s, 30);
	w->jitter_ms = sim_rand(s, 3);
	w->esp_every_ms = sim_percent(s, 70) ? 500 + sim_rand(s, 3000) : 0;
	/* work off the engines' thread that is done late */
	if (sim_percent(s, 50))
		w->job_ms = sim_percent(s, 50) ? 50 : 3000;
	w->jobs_full = sim_percent(s, 10);
	w->lookup_ms = sim_percent(s, 50) ? 50 : 10000;
	w->lookup_fail = sim_percent(s, 50) ? 300 : 0;
	trouble(s);
	fair_weather(s);
	w->job_ms = w->job_ms > 0 ? 50 : 0;
	w->jobs_full = false;
	w->lookup_ms = 50;
	w->lookup_fail = 0;
	say(s, "the last fault is over", 0);
	memset(s->lone, 0, sizeof(s->lone));
	s->looked_ms = s->w->now;
	s->settled_ms = wait_settled(s, s->patience_ms);
	say(s, "settled", 0);
	steady(s);
	check_esp(s);
	leave(s);
}

bool
sim_run(struct sim *s, uint64_t seed, bool log)
{
	s->seed = s->rng = seed;
	seed_crypto(seed);
	s->log = log;
	s->why[0] = '\0';
	s->w = world_create_n(seed, sim_plan_peers(s));
	sim_watch(s);
	s->w->failed = failed;
	s->w->logged = logged;
	if (setjmp(s->out) != 0)
		/* what the engines were at is undone nowhere: they stay as they are */
		return false;
	play(s);
	world_destroy(s->w);
	return true;
}
