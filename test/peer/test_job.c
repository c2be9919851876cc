/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Jobs that are done later: what the engine gives away comes back after a random delay, when the
 * SA may be gone, the peer may have repeated itself, or the engine may be another one.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

static const struct ike_select all_children = {.ike = "gw-gw", .child = "gre"};
static const struct ike_select all_sas = {.ike = "gw-gw"};

#define ALL "aes128-sha256-modp2048-ecp384-x448", "aes128gcm16-modp3072-ecp521-x25519"

static struct world *
slow_world(uint64_t seed, unsigned int job_ms)
{
	struct world *w = world_create(seed);

	for (unsigned int i = 0; i < 2; i++)
		peer_proposals(&w->p[i], ALL);
	w->job_ms = job_ms;
	return w;
}

static void
start(struct world *w)
{
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
}

static bool
drop_auth(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	(void)w;
	(void)from;
	(void)len;
	return buf[18] != 35;
}

/** Each of the exchanges that need a group, by either side, several groups. */
static void
test_all_exchanges(void **state)
{
	static const char *const ike[] = {"modp1024", "modp1536", "modp2048", "modp3072", "ecp256",
		"ecp384", "ecp521", "x25519", "x448"};

	(void)state;
	for (unsigned int i = 0; i < sizeof(ike) / sizeof(ike[0]); i++) {
		struct world *w = slow_world(40 + i, 100);
		char a[64], b[64];

		snprintf(a, sizeof(a), "aes128-sha256-%s", ike[i]);
		snprintf(b, sizeof(b), "aes128gcm16-%s", ike[i]);
		for (unsigned int side = 0; side < 2; side++)
			peer_proposals(&w->p[side], a, b);
		start(w);
		world_run(w, 1000);
		world_assert_settled(w, 1);
		assert_int_equal(
			w->n_jobs, 3); /* the initiator's pair and secret, and both at once */
		for (unsigned int side = 0; side < 2; side++) {
			assert_int_equal(ike_rekey(w->p[side].e, &all_children, w->now), 1);
			world_run(w, 10000);
			world_assert_settled(w, 1);
			assert_int_equal(ike_rekey(w->p[side].e, &all_sas, w->now), 1);
			world_run(w, 10000);
			world_assert_settled(w, 1);
		}
		assert_int_equal(w->n_jobs, 15);
		for (unsigned int side = 0; side < 2; side++) {
			struct ike_stats st = peer_stats(&w->p[side]);

			assert_int_equal(st.child_rekeys, 2);
			assert_int_equal(st.ike_rekeys, 2);
			assert_int_equal(st.n_jobs, 0);
			/* a wait is no reason to send anything again */
			assert_int_equal(st.retransmits, 0);
		}
		world_destroy(w);
	}
}

/** Both rekey the same at once, and answers take their time: nothing is lost, one pair is left. */
static void
test_collisions(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 60; seed++) {
		struct world *w = slow_world(100 + seed, 60);
		const struct ike_select *s = seed % 2 == 0 ? &all_children : &all_sas;

		w->jitter_ms = 0; /* links that keep the order: see what jobs alone do to it */
		start(w);
		world_run(w, 1000);
		w->esp_every_ms = 1;
		for (unsigned int i = 0; i < 2; i++)
			assert_int_equal(ike_rekey(w->p[i].e, s, w->now), 1);
		if (seed % 5 == 0)
			assert_int_equal(ike_rekey(w->p[seed % 2].e, &all_sas, w->now), 1);
		world_run(w, 60000);
		world_assert_settled(w, 1);
		for (unsigned int i = 0; i < 2; i++) {
			assert_int_equal(w->p[i].esp_lost, 0);
			assert_int_equal(w->p[i].esp_no_sa, 0);
			assert_int_equal(peer_live_sas(&w->p[i]), 1);
			assert_int_equal(w->p[i].events[IKE_EV_CHILD_DOWN], 0);
		}
		world_destroy(w);
	}
}

/** The peer asks again and again while its request is worked on: one job, one answer. */
static void
test_retransmissions(void **state)
{
	uint64_t asked[2] = {0, 0};

	(void)state;
	for (uint64_t seed = 200; seed < 208; seed++) {
		struct world *w = slow_world(seed, 12000);

		start(w);
		world_run(w, 120000);
		world_assert_settled(w, 1);
		assert_int_equal(w->n_jobs, 3);
		asked[0] += peer_stats(&w->p[1]).retransmits;
		assert_int_equal(ike_rekey(w->p[0].e, &all_children, w->now), 1);
		world_run(w, 120000);
		world_assert_settled(w, 1);
		assert_int_equal(w->n_jobs, 6);
		asked[1] += peer_stats(&w->p[1]).retransmits;
		assert_int_equal(w->n_ike, peer_stats(&w->p[0]).tx + peer_stats(&w->p[1]).tx);
		world_destroy(w);
	}
	/* IKE_SA_INIT again is no request of an SA, CREATE_CHILD_SA again is */
	assert_int_equal(asked[0], 0);
	assert_true(asked[1] > 0);
}

/** The SA, or the whole engine, goes at any moment while jobs are under way. */
static void
test_gone_meanwhile(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 120; n++) {
		struct world *w = slow_world(300 + n, 50);
		struct peer *victim = &w->p[n % 2];

		start(w);
		if (n >= 60) {
			world_run(w, 1000);
			ike_rekey(victim->e, n % 4 < 2 ? &all_children : &all_sas, w->now);
		}
		world_run(w, 2 * (n % 60));
		switch (n % 3) {
		case 0:
			peer_kill(victim);
			peer_start(victim);
			break;
		case 1:
			ike_terminate(victim->e, &all_sas, w->now);
			break;
		default:
			ike_shutdown(victim->e, w->now);
			break;
		}
		world_run(w, 300000);
		assert_int_equal(peer_stats(&w->p[0]).n_jobs, 0);
		assert_int_equal(peer_stats(&w->p[1]).n_jobs, 0);
		world_destroy(w); /* no child and no SPI is left behind */
	}
}

/** The world ends while a job is under way: it comes back to an engine that is no more. */
static void
test_destroyed_meanwhile(void **state)
{
	struct world *w = slow_world(500, 1000);

	(void)state;
	start(w);
	world_run(w, 1);
	assert_int_equal(peer_stats(&w->p[0]).n_jobs, 1);
	world_destroy(w);
}

/** There is no room for strangers' jobs: they are dropped and counted, and those we know go on. */
static void
test_full(void **state)
{
	struct world *w = slow_world(501, 50);

	(void)state;
	w->jobs_full = true;
	start(w);
	world_run(w, 1000);
	assert_int_equal(peer_live_sas(&w->p[1]), 0);
	assert_int_equal(peer_stats(&w->p[1]).n_half_open, 0);
	assert_int_equal(peer_stats(&w->p[1]).jobs_refused, 1);
	assert_int_equal(peer_stats(&w->p[1]).init_dropped, 1);
	w->jobs_full = false;
	world_run(w, 10000);
	world_assert_settled(w, 1);
	w->jobs_full = true;
	assert_int_equal(ike_rekey(w->p[0].e, &all_children, w->now), 1);
	world_run(w, 10000);
	world_assert_settled(w, 1);
	assert_int_equal(peer_stats(&w->p[1]).child_rekeys, 1);
	world_destroy(w);
}

/** A half-open SA whose answer is not there yet takes no IKE_AUTH, and its time runs out. */
static void
test_half_open_ends(void **state)
{
	struct world *w = slow_world(502, 50);

	(void)state;
	w->filter = drop_auth;
	start(w);
	while (peer_stats(&w->p[1]).n_half_open == 0 && w->now < 2000)
		world_run(w, 1);
	assert_int_equal(peer_stats(&w->p[1]).n_half_open, 1);
	ike_terminate(w->p[0].e, &all_sas, w->now);
	world_run(w, 60000);
	assert_int_equal(peer_stats(&w->p[1]).n_half_open, 0);
	world_destroy(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_exchanges),
		cmocka_unit_test(test_collisions),
		cmocka_unit_test(test_retransmissions),
		cmocka_unit_test(test_gone_meanwhile),
		cmocka_unit_test(test_destroyed_meanwhile),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_half_open_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
