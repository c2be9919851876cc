/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Both ends ask for something at the same moment, or nearly: each pair of rekeying, deleting and
 * setting up, for children and for the IKE SA (RFC 7296 2.8.1, 2.25.1, 2.25.2). Requests take 10 to
 * 15 ms, so they cross when they start within that time; later ones meet what the first one left.
 * Over each of them ESP flows: what both ends want to keep loses no packet.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ike/wire.h"
#include "world.h"

#define OFFSETS 12 /* the second end starts 0 to 44 ms later */
#define SEEDS   6  /* of nonces and delays */

static const struct ike_select gre = {.child = "gre"}, all = {.ike = "gw-gw"};

enum what { REKEY_CHILD, REKEY_IKE, DELETE_CHILD, DELETE_IKE, NEW_CHILD };

static void
act(struct peer *p, enum what what)
{
	switch (what) {
	case REKEY_CHILD:
		ike_rekey(p->e, &gre, p->w->now);
		break;
	case REKEY_IKE:
		ike_rekey(p->e, &all, p->w->now);
		break;
	case DELETE_CHILD:
		ike_terminate(p->e, &gre, p->w->now);
		break;
	case DELETE_IKE:
		ike_terminate(p->e, &all, p->w->now);
		break;
	case NEW_CHILD:
		ike_initiate(p->e, NULL, "other", p->w->now);
		break;
	}
	peer_tick(p);
}

static struct world *
collide(uint64_t seed, enum what first, enum what second, unsigned int offset_ms)
{
	struct world *w = world_create(seed);

	for (unsigned int i = 0; i < 2; i++)
		w->p[i].conn.n_children = 2;
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
	world_run(w, 1000);
	world_assert_settled(w, 1);
	if (first != NEW_CHILD && second != NEW_CHILD)
		w->esp_every_ms = 1;
	world_run(w, 100);
	act(&w->p[seed % 2], first);
	world_run(w, offset_ms);
	act(&w->p[1 - seed % 2], second);
	world_run(w, 60000);
	w->esp_every_ms = 0;
	world_run(w, 1000);
	return w;
}

static void
assert_no_loss(const struct world *w)
{
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(w->p[i].esp_lost, 0);
		assert_int_equal(w->p[i].esp_no_sa, 0);
	}
}

static bool
either(enum what a, enum what b, enum what what)
{
	return a == what || b == what;
}

/**
 * Each end starts first. What is left is what both wanted; a child that was asked for when the IKE
 * SA had just gone brings a new one up.
 */
static void
check(enum what a, enum what b)
{
	bool no_sa = either(a, b, DELETE_IKE), no_child = either(a, b, DELETE_CHILD);
	unsigned int n = no_sa ? 0 : !no_child + either(a, b, NEW_CHILD);

	for (unsigned int i = 0; i < 2 * OFFSETS * SEEDS; i++) {
		bool swap = (i & 1) != 0;
		struct world *w =
			collide(30000 + i, swap ? b : a, swap ? a : b, i / 2 % OFFSETS * 4);

		if (either(a, b, NEW_CHILD) && either(a, b, DELETE_IKE)) {
			n = peer_live_children(&w->p[0]);
			no_sa = n == 0;
		}
		world_assert_settled(w, n);
		if (!no_sa && !no_child && n == 1)
			assert_no_loss(w);
		for (unsigned int k = 0; k < 2; k++) {
			struct peer *p = &w->p[k];

			assert_int_equal(peer_live_sas(p), !no_sa);
			assert_int_equal(p->ike_spis, !no_sa);
			assert_int_equal(
				p->events[IKE_EV_IKE_UP] - p->events[IKE_EV_IKE_DOWN], !no_sa);
			assert_int_equal(
				p->events[IKE_EV_CHILD_UP] - p->events[IKE_EV_CHILD_DOWN], n);
		}
		world_destroy(w);
	}
}

#define COLLISION(name, a, b)                                                                      \
	static void test_##name(void **state)                                                      \
	{                                                                                          \
		(void)state;                                                                       \
		check(a, b);                                                                       \
	}

/* 2.8.1: the exchange with the lowest nonce loses, its starter deletes what it made */
COLLISION(child_rekey_child_rekey, REKEY_CHILD, REKEY_CHILD)
/* 2.25.2: the same, and the loser's SA goes */
COLLISION(ike_rekey_ike_rekey, REKEY_IKE, REKEY_IKE)
/* 2.25.2: TEMPORARY_FAILURE for whichever meets the other; it is tried again over the new SA */
COLLISION(child_rekey_ike_rekey, REKEY_CHILD, REKEY_IKE)
COLLISION(new_child_ike_rekey, NEW_CHILD, REKEY_IKE)
COLLISION(child_delete_ike_rekey, DELETE_CHILD, REKEY_IKE)
/* 2.25.1: TEMPORARY_FAILURE for a child that is being closed, CHILD_SA_NOT_FOUND for one that is */
COLLISION(child_rekey_child_delete, REKEY_CHILD, DELETE_CHILD)
/* 1.4.1: each names its own half in its request, none in its response */
COLLISION(child_delete_child_delete, DELETE_CHILD, DELETE_CHILD)
/* 2.25.2: whatever goes on, the end of the IKE SA is the end */
COLLISION(child_rekey_ike_delete, REKEY_CHILD, DELETE_IKE)
COLLISION(ike_rekey_ike_delete, REKEY_IKE, DELETE_IKE)
COLLISION(child_delete_ike_delete, DELETE_CHILD, DELETE_IKE)
COLLISION(new_child_ike_delete, NEW_CHILD, DELETE_IKE)
COLLISION(ike_delete_ike_delete, DELETE_IKE, DELETE_IKE)
/* nothing to do with each other: two requests on their way, one each way (2.3) */
COLLISION(new_child_child_rekey, NEW_CHILD, REKEY_CHILD)
COLLISION(new_child_child_delete, NEW_CHILD, DELETE_CHILD)

/** The first two answers of that peer to CREATE_CHILD_SA are lost: the third one takes 11 s. */
static bool
lose_two(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	unsigned int *left = w->filter_arg; /* how many; of which peer */

	(void)len;
	if (from != left[1] || buf[18] != IKE_X_CREATE_CHILD_SA ||
		(buf[19] & IKE_FLAG_RESPONSE) == 0 || left[0] == 0)
		return true;
	left[0]--;
	return false;
}

/**
 * The answer to the rekeying that loses comes when the old child is gone for good: what it makes is
 * the redundant one all the same, is never sent on and goes at once.
 */
static void
test_late_answer(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 16; i++) {
		struct world *w = world_create(950 + i);
		unsigned int left[2] = {2, i & 1};

		peer_start(&w->p[0]);
		peer_start(&w->p[1]);
		assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
		world_run(w, 1000);
		w->esp_every_ms = 10;
		w->filter = lose_two;
		w->filter_arg = left;
		for (unsigned int k = 0; k < 2; k++)
			act(&w->p[k], REKEY_CHILD);
		world_run(w, 19000);
		assert_int_equal(left[0], 0);
		world_assert_settled(w, 1);
		assert_no_loss(w);
		for (unsigned int k = 0; k < 2; k++) {
			assert_int_equal(w->p[k].events[IKE_EV_CHILD_UP], 1);
			assert_int_equal(w->p[k].events[IKE_EV_CHILD_DOWN], 0);
		}
		world_destroy(w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_child_rekey_child_rekey),
		cmocka_unit_test(test_ike_rekey_ike_rekey),
		cmocka_unit_test(test_child_rekey_ike_rekey),
		cmocka_unit_test(test_new_child_ike_rekey),
		cmocka_unit_test(test_child_delete_ike_rekey),
		cmocka_unit_test(test_child_rekey_child_delete),
		cmocka_unit_test(test_child_delete_child_delete),
		cmocka_unit_test(test_child_rekey_ike_delete),
		cmocka_unit_test(test_ike_rekey_ike_delete),
		cmocka_unit_test(test_child_delete_ike_delete),
		cmocka_unit_test(test_new_child_ike_delete),
		cmocka_unit_test(test_ike_delete_ike_delete),
		cmocka_unit_test(test_new_child_child_rekey),
		cmocka_unit_test(test_new_child_child_delete),
		cmocka_unit_test(test_late_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
