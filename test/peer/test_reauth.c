/* SPDX-License-Identifier: BSD-3-Clause */

/* Reauthentication where two IKE SAs carry the same children: one successor is enough, none too
 * few. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ike/reauth.h"
#include "ike/sa.h"
#include "ike/wire.h"
#include "world.h"

/** No liveness check and no DELETE gets through. */
static bool
lose_informational(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	(void)w;
	(void)from;
	(void)len;
	return buf[18] != IKE_X_INFORMATIONAL;
}

/** Both ends connected for the same child, and what would end one of the two IKE SAs is lost. */
static void
connect_twice(struct world *w)
{
	for (unsigned int i = 0; i < 2; i++)
		peer_start(&w->p[i]);
	w->filter = lose_informational;
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(ike_initiate(w->p[i].e, NULL, "gre", w->now), 0);
	world_run(w, 1000);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(peer_stats(&w->p[i]).n_sas, 2);
}

/** Of p's SAs those that it initiated, or those of the peer. */
static void
reauthenticate(struct peer *p, bool initiated)
{
	for (struct ike_sa *sa = p->e->sas; sa != NULL; sa = sa->next)
		if (sa->initiator == initiated)
			ike_reauth_instead(sa);
}

/** One end loses both, the other one hears of it, or does not. */
static struct world *
one_end_lost(uint64_t seed, bool token)
{
	struct world *w = world_create(seed);

	for (unsigned int i = 0; i < 2; i++) {
		w->p[i].cfg.has_qcd_secret = token;
		w->p[i].cfg.qcd_secret[0] = (uint8_t)(1 + i);
	}
	w->p[0].conn.dpd_delay_s = 5;
	connect_twice(w);
	world_run(w, 400000);
	assert_int_equal(peer_stats(&w->p[0]).n_sas, 0);
	assert_int_equal(peer_live_sas(&w->p[1]), 2);
	w->filter = NULL;
	return w;
}

/**
 * The other one reauthenticates both: one successor is enough, whether or not what it is to replace
 * has gone before. Seed 287759.
 */
static void
test_both_of_what_is_lost(void **state)
{
	(void)state;
	for (unsigned int token = 0; token < 2; token++) {
		struct world *w = one_end_lost(600 + token, token != 0);

		for (struct ike_sa *sa = w->p[1].e->sas; sa != NULL; sa = sa->next) {
			ike_reauth_instead(sa);
			ike_task_add(sa, IKE_TASK_LIVENESS, NULL, 0, 0);
		}
		world_run(w, 400000);
		world_assert_settled(w, 1);
		for (unsigned int i = 0; i < 2; i++)
			assert_int_equal(peer_stats(&w->p[i]).n_sas, 1);
		world_destroy(w);
	}
}

/** It reauthenticates one of them: the successor is what works, and not the other old one. */
static void
test_one_of_what_is_lost(void **state)
{
	(void)state;
	for (unsigned int initiated = 0; initiated < 2; initiated++) {
		struct world *w = one_end_lost(602 + initiated, false);

		reauthenticate(&w->p[1], initiated != 0);
		world_run(w, 5000);
		assert_non_null(peer_sending(&w->p[1]));
		assert_non_null(world_twin(w, 1, peer_sending(&w->p[1])));
		/* the peer's, if nobody asks for it and it asks for nobody */
		world_run(w, 400000);
		assert_int_equal(peer_stats(&w->p[0]).n_sas, 1);
		assert_int_equal(peer_stats(&w->p[1]).n_sas, 1 + initiated);
		world_destroy(w);
	}
}

/**
 * Each end reauthenticates its own, the peer's, both or none, while they decide which one of the
 * two goes, or cannot: all ways one is left, they never leave it to each other.
 */
static void
test_duplicates(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 16 * 2 * 3; n++) {
		struct world *w = world_create(620 + n);

		connect_twice(w);
		w->jitter_ms = 20;
		for (unsigned int i = 0; i < 4; i++)
			if (n & 1u << i)
				reauthenticate(&w->p[i / 2], i % 2 != 0);
		if (n & 16)
			w->filter = NULL;
		world_run(w, 1000);
		w->filter = NULL;
		world_run(w, 400000);
		world_assert_settled(w, 1);
		for (unsigned int i = 0; i < 2; i++)
			assert_int_equal(
				w->p[i].events[IKE_EV_CHILD_UP] - w->p[i].events[IKE_EV_CHILD_DOWN],
				1);
		world_destroy(w);
	}
}

/** A hub's SAs with two hosts that call themselves the same: each is reauthenticated, both stay. */
static void
test_two_hosts_of_one_name(void **state)
{
	struct world *w = world_create_n(603, 3);

	(void)state;
	w->routed = true;
	w->p[0].conn.n_remote = 0;
	w->p[0].conn.unique = IKE_UNIQUE_NEVER;
	for (unsigned int i = 1; i < 3; i++)
		peer_id(&w->p[i].conn.local.id, "host.example.org");
	for (unsigned int i = 0; i < 3; i++)
		peer_start(&w->p[i]);
	for (unsigned int i = 1; i < 3; i++)
		assert_int_equal(ike_initiate(w->p[i].e, NULL, "gre", w->now), 0);
	world_run(w, 1000);
	for (unsigned int turn = 0; turn < 4; turn++) {
		for (struct ike_sa *sa = w->p[0].e->sas; sa != NULL; sa = sa->next)
			ike_reauth_instead(sa);
		world_run(w, 60000);
		assert_int_equal(peer_stats(&w->p[0]).n_sas, 2);
		for (unsigned int i = 1; i < 3; i++) {
			assert_int_equal(peer_stats(&w->p[i]).n_sas, 1);
			assert_int_equal(peer_live_children(&w->p[i]), 1);
		}
	}
	world_destroy(w);
}

/** connect_twice() with so many children configured. */
static struct world *
connected_twice(uint64_t seed, unsigned int n_children)
{
	struct world *w = world_create(seed);

	for (unsigned int i = 0; i < 2; i++) {
		w->p[i].conn.n_children = n_children;
		w->p[i].conn.unique = IKE_UNIQUE_NEVER;
	}
	connect_twice(w);
	return w;
}

/** Peer 1 reauthenticates all of them, what would end them gets through again, and so many are
 * left. */
static void
reauthenticate_all(struct world *w, unsigned int n_sas, unsigned int n_children)
{
	w->jitter_ms = 20;
	for (struct ike_sa *sa = w->p[1].e->sas; sa != NULL; sa = sa->next)
		ike_reauth_instead(sa);
	world_run(w, 1000);
	w->filter = NULL;
	world_run(w, 400000);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(peer_stats(&w->p[i]).n_sas, n_sas);
		assert_int_equal(peer_live_children(&w->p[i]), n_children);
	}
}

/** With two children: what one successor has left to the other does not make that one needed. */
static void
test_duplicates_of_two_children(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 20; n++) {
		struct world *w = connected_twice(720 + n, 2);

		for (unsigned int i = 0; i < 2; i++)
			ike_initiate(w->p[i].e, NULL, w->p[1].children[1].name, w->now);
		world_run(w, 1000);
		reauthenticate_all(w, 1, 2);
		world_destroy(w);
	}
}

/** Each of p's SAs also gets a child that the other one has not. */
static void
one_more_each(struct peer *p)
{
	unsigned int i = 1;

	for (struct ike_sa *sa = p->e->sas; sa != NULL; sa = sa->next)
		ike_task_add(sa, IKE_TASK_CHILD, &p->children[i++], 0, 0);
	assert_int_equal(i, 3);
}

/**
 * With a child of their own each and one of both: neither outdoes the other one, and still only one
 * has what both had. Seed 619969.
 */
static void
test_duplicates_in_part(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 20; n++) {
		struct world *w = connected_twice(740 + n, 3);

		one_more_each(&w->p[1]);
		world_run(w, 1000);
		for (unsigned int i = 0; i < 2; i++)
			assert_int_equal(peer_live_children(&w->p[i]), 4);
		/* so that all of them are of one end */
		reauthenticate_all(w, 2, 3);
		world_destroy(w);
	}
}

/** CREATE_CHILD_SA of peer 0 gets lost. */
static bool
lose_child_requests(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	(void)w;
	(void)len;
	return from != 0 || buf[18] != IKE_X_CREATE_CHILD_SA;
}

/** Peer 0's reauthentication is up, the request for its child got lost. */
static struct world *
successor_without_child(uint64_t seed)
{
	struct world *w = world_create(seed);
	struct peer *p = &w->p[0];

	w->p[1].conn.childless = IKE_CHILDLESS_FORCE;
	p->conn.reauth_time_s = 30;
	p->conn.over_time_s = 100;
	for (unsigned int i = 0; i < 2; i++)
		peer_start(&w->p[i]);
	assert_int_equal(ike_initiate(p->e, NULL, "gre", w->now), 0);
	world_run(w, 20000);
	world_assert_settled(w, 1);
	w->filter = lose_child_requests;
	while (p->events[IKE_EV_IKE_UP] < 2)
		world_run(w, 100);
	return w;
}

/**
 * The peer deletes the successor, as it has no child there: the old IKE SA is reauthenticated again
 * before its hard limit. Seed 471657.
 */
static void
test_successor_deleted_by_the_peer(void **state)
{
	struct world *w = successor_without_child(604);
	struct peer *p = &w->p[0];

	(void)state;
	assert_int_equal(ike_terminate(w->p[1].e, &(struct ike_select){.ike_id = 2}, w->now), 1);
	world_run(w, 1000);
	assert_string_equal(p->reason, "deleted by the peer");
	w->filter = NULL;
	for (unsigned int s = 0; s < 110; s++) {
		world_run(w, 1000);
		for (unsigned int i = 0; i < 2; i++)
			assert_int_not_equal(peer_live_children(&w->p[i]), 0);
	}
	assert_true(p->events[IKE_EV_IKE_UP] > 2);
	world_assert_settled(w, 1);
	world_destroy(w);
}

/**
 * The successor is ended by command while its child is still to come: what was to be replaced goes
 * on.
 */
static void
test_successor_terminated(void **state)
{
	struct world *w = successor_without_child(605);
	struct peer *p = &w->p[0];

	(void)state;
	assert_int_equal(ike_terminate(p->e, &(struct ike_select){.ike_id = 2}, w->now), 1);
	w->filter = NULL;
	world_run(w, 10000);
	assert_int_equal(p->events[IKE_EV_IKE_DOWN], 1);
	world_assert_settled(w, 1);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(peer_stats(&w->p[i]).n_sas, 1);
	world_destroy(w);
}

/**
 * Both ends connect at once, the one that yields has a second child still to come over the IKE SA
 * that is not needed for the first one: it comes.
 */
static void
test_child_still_to_come(void **state)
{
	(void)state;
	for (unsigned int yielding = 0; yielding < 2; yielding++) {
		struct world *w = world_create(606 + yielding);
		const char *second = w->p[0].children[1].name;

		for (unsigned int i = 0; i < 2; i++)
			w->p[i].conn.n_children = 2;
		for (unsigned int i = 0; i < 2; i++)
			peer_start(&w->p[i]);
		for (unsigned int i = 0; i < 2; i++)
			assert_int_equal(ike_initiate(w->p[i].e, NULL, "gre", w->now), 0);
		w->filter = lose_child_requests;
		assert_int_equal(ike_initiate(w->p[yielding].e, NULL, second, w->now), 0);
		world_run(w, 3000);
		w->filter = NULL;
		world_run(w, 60000);
		for (unsigned int i = 0; i < 2; i++)
			assert_int_equal(peer_live_children(&w->p[i]), 2);
		world_destroy(w);
	}
}

/** A child is asked for over what a reauthentication is about to replace: it comes over the other.
 */
static void
test_child_asked_over_the_old_one(void **state)
{
	struct world *w = world_create(608);
	struct peer *p = &w->p[0];

	(void)state;
	p->conn.reauth_time_s = 30;
	for (unsigned int i = 0; i < 2; i++) {
		w->p[i].conn.n_children = 2;
		peer_start(&w->p[i]);
	}
	assert_int_equal(ike_initiate(p->e, NULL, "gre", w->now), 0);
	world_run(w, 20000);
	assert_int_equal(peer_live_children(p), 1);
	w->filter = lose_child_requests;
	while (peer_stats(p).n_sas < 2)
		world_run(w, 1);
	assert_int_equal(ike_initiate(p->e, NULL, p->children[1].name, w->now), 0);
	world_run(w, 2000);
	w->filter = NULL;
	world_run(w, 20000);
	assert_int_equal(peer_stats(p).n_sas, 1);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(peer_live_children(&w->p[i]), 2);
	world_destroy(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_of_what_is_lost),
		cmocka_unit_test(test_one_of_what_is_lost),
		cmocka_unit_test(test_duplicates),
		cmocka_unit_test(test_two_hosts_of_one_name),
		cmocka_unit_test(test_duplicates_of_two_children),
		cmocka_unit_test(test_duplicates_in_part),
		cmocka_unit_test(test_successor_deleted_by_the_peer),
		cmocka_unit_test(test_successor_terminated),
		cmocka_unit_test(test_child_still_to_come),
		cmocka_unit_test(test_child_asked_over_the_old_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
