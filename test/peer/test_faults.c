/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Schedules: a seed chooses loss, duplication and reordering, what both sides do and when, crashes
 * and cuts. Then the link heals, and within SETTLE_MS there is exactly one live pair again.
 * PEER_SEED=n runs one schedule, PEER_SEEDS=n that many.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

#define N_SEEDS   150 /* of each kind; scripts/test.sh full runs 400 */
#define STEPS     12
#define SETTLE_MS 900000 /* DPD, a whole retransmission sequence, one more attempt, lingering */

static const struct ike_select all_children = {.child = "gre"};
static const struct ike_select all_sas = {.ike = "gw-gw"};

static void
configure(struct world *w, bool crashes)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct peer *p = &w->p[i];

		p->conn.dpd_delay_s = 10;
		p->conn.keyingtries = 0;
		p->children[0].dpd_action = IKE_ACTION_START;
		p->children[0].close_action = crashes ? IKE_ACTION_START : IKE_ACTION_NONE;
		p->conn.rekey_time_s = 60 + world_rand(w, 60);
		p->conn.over_time_s = 600;
		p->children[0].time_s = (struct ike_life){20 + world_rand(w, 20), 600, 5};
	}
	w->p[0].children[0].start_action = IKE_ACTION_START;
	w->loss = world_rand(w, 300);
	w->dup = world_rand(w, 200);
	w->reorder = world_rand(w, 200);
}

static void
act(struct world *w, bool crashes)
{
	struct peer *p = &w->p[world_rand(w, 2)];

	switch (world_rand(w, crashes ? 7 : 4)) {
	case 0:
		ike_rekey(p->e, &all_children, w->now);
		break;
	case 1:
		ike_rekey(p->e, &all_sas, w->now);
		break;
	case 2:
		ike_rekey(w->p[0].e, &all_children, w->now);
		ike_rekey(w->p[1].e, world_rand(w, 2) ? &all_children : &all_sas, w->now);
		break;
	case 4:
		peer_kill(p);
		world_run(w, world_rand(w, 20000));
		peer_start(p);
		break;
	case 5:
		w->cut = true;
		world_run(w, world_rand(w, 200000));
		w->cut = false;
		break;
	case 6:
		ike_terminate(p->e, world_rand(w, 2) ? &all_children : &all_sas, w->now);
		break;
	default:
		break;
	}
}

static void
heal(struct world *w)
{
	w->loss = w->dup = w->reorder = 0;
	/* what nobody's configuration brings back, traffic would: both sides want the child */
	for (unsigned int n = 0; n < 3; n++) {
		for (unsigned int i = 0; i < 2; i++)
			if (peer_live_children(&w->p[i]) == 0)
				ike_initiate(w->p[i].e, NULL, "gre", w->now);
		world_run(w, SETTLE_MS / 3);
	}
	/* no rekeying is under way at the moment of truth */
	for (unsigned int n = 0; n < 60; n++) {
		if (peer_installed(&w->p[0]) == 1 && peer_installed(&w->p[1]) == 1 &&
			peer_live_children(&w->p[0]) == 1 && peer_live_children(&w->p[1]) == 1 &&
			peer_live_sas(&w->p[0]) == 1 && peer_live_sas(&w->p[1]) == 1)
			break;
		world_run(w, 1000);
	}
}

static void
run_seed(uint64_t seed, bool crashes)
{
	struct world *w = world_create(seed * 2 + crashes);

	configure(w, crashes);
	w->esp_every_ms = 50;
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	for (unsigned int n = 0; n < STEPS; n++) {
		world_run(w, world_rand(w, 15000));
		act(w, crashes);
	}
	heal(w);
	world_assert_settled(w, 1);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(peer_live_sas(&w->p[i]), 1);
	world_destroy(w);
}

static void
run_seeds(bool crashes)
{
	const char *one = getenv("PEER_SEED"), *many = getenv("PEER_SEEDS");
	uint64_t n = many != NULL ? strtoull(many, NULL, 0) : N_SEEDS;

	if (one != NULL) {
		run_seed(strtoull(one, NULL, 0), crashes);
		return;
	}
	for (uint64_t seed = 0; seed < n; seed++) {
		/* the last line before a failure names the seed */
		fprintf(stderr, "\rseed %llu ", (unsigned long long)seed);
		run_seed(seed, crashes);
	}
	fprintf(stderr, "\r");
}

static void
test_lossy_link(void **state)
{
	(void)state;
	run_seeds(false);
}

static void
test_crashes(void **state)
{
	(void)state;
	run_seeds(true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lossy_link),
		cmocka_unit_test(test_crashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
