/* SPDX-License-Identifier: BSD-3-Clause */

/* What schedules of the simulator found, each in its shortest form. The seed is that of its day. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ike/reauth.h"
#include "ike/sa.h"
#include "ike/wire.h"
#include "world.h"

static const struct ike_select all_children = {.child = "gre"};

/* Messages of one exchange and kind from one peer that get lost. */
static const struct ike_select all_sas = {.ike = "gw-gw"};

struct lost {
	unsigned int from, n;
	uint8_t exchange, response; /* IKE_FLAG_RESPONSE or 0 */
};

static bool
lose(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	struct lost *l = w->filter_arg;

	(void)len;
	if (l->n == 0 || from != l->from || buf[18] != l->exchange ||
		(buf[19] & IKE_FLAG_RESPONSE) != l->response)
		return true;
	l->n--;
	return false;
}

static void
start_both(struct world *w)
{
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
}

static void
connect_world(struct world *w)
{
	start_both(w);
	assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
	world_run(w, 1000);
	world_assert_settled(w, 1);
}

/**
 * The response that made a child is lost, and its sender rekeys that child already. The other end
 * said CHILD_SA_NOT_FOUND, then the repeated response made the child there alone. Seed 7074.
 */
static void
test_rekey_of_what_is_not_known_yet(void **state)
{
	struct lost l = {.from = 0,
		.n = 1,
		.exchange = IKE_X_CREATE_CHILD_SA,
		.response = IKE_FLAG_RESPONSE};
	struct world *w = world_create(1);

	(void)state;
	connect_world(w);
	w->filter = lose;
	w->filter_arg = &l;
	ike_rekey(w->p[1].e, &all_children, w->now);
	world_run(w, 200);
	assert_int_equal(l.n, 0);
	assert_int_equal(ike_rekey(w->p[0].e, &all_children, w->now), 1);
	world_run(w, 60000);
	world_assert_settled(w, 1);
	assert_int_equal(w->p[0].events[IKE_EV_CHILD_DOWN], 0);
	world_destroy(w);
}

/** The same, and its sender deletes that child. */
static void
test_delete_of_what_is_not_known_yet(void **state)
{
	struct lost l = {.from = 0,
		.n = 1,
		.exchange = IKE_X_CREATE_CHILD_SA,
		.response = IKE_FLAG_RESPONSE};

	(void)state;
	for (unsigned int rekeyed = 0; rekeyed < 2; rekeyed++) {
		struct world *w = world_create(2 + rekeyed);

		w->p[0].conn.n_children = w->p[1].conn.n_children = 2;
		connect_world(w);
		l.n = 1;
		w->filter = lose;
		w->filter_arg = &l;
		if (rekeyed == 1)
			ike_rekey(w->p[1].e, &all_children, w->now);
		else
			ike_initiate(w->p[1].e, NULL, "other", w->now);
		world_run(w, 200);
		assert_int_equal(l.n, 0);
		ike_terminate(w->p[0].e,
			&(struct ike_select){.child = rekeyed == 1 ? "gre" : "other"}, w->now);
		world_run(w, 90000);
		world_assert_settled(w, rekeyed == 1 ? 0 : 1);
		world_destroy(w);
	}
}

/**
 * Both ends bring a child up at once. While the check of which pair lives is under way, one end
 * rekeys both: the DELETE of the surplus one found a replaced child. Seed 458.
 */
static void
test_duplicates_rekeyed(void **state)
{
	struct world *w = world_create(4);
	unsigned int before;

	(void)state;
	start_both(w);
	assert_int_equal(ike_initiate(w->p[0].e, NULL, NULL, w->now), 0);
	world_run(w, 1000);
	ike_terminate(w->p[0].e, &all_children, w->now);
	world_run(w, 1000);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(ike_initiate(w->p[i].e, NULL, "gre", w->now), 0);
	world_run(w, 100);
	assert_int_equal(peer_live_children(&w->p[0]), 2);
	before = w->n_ike;
	for (unsigned int i = 0; i < 2000 && w->n_ike == before; i++)
		world_run(w, 1);
	assert_int_equal(ike_rekey(w->p[0].e, &all_children, w->now), 2);
	world_run(w, 60000);
	world_assert_settled(w, 1);
	world_destroy(w);
}

/** Both connect at once, one of the two SAs gets no child: with a policy it does not stay. Seed 42.
 */
static void
test_idle_beside_another(void **state)
{
	(void)state;
	for (unsigned int keep = 0; keep < 2; keep++) {
		struct world *w = world_create(6 + keep);

		for (unsigned int i = 0; i < 2; i++) {
			w->p[i].conn.unique = keep == 1 ? IKE_UNIQUE_KEEP : IKE_UNIQUE_REPLACE;
			w->p[i].conn.dpd_delay_s = 10;
			w->p[i].children[0].start_action = IKE_ACTION_START;
		}
		w->p[0].conn.childless = IKE_CHILDLESS_FORCE;
		start_both(w);
		world_run(w, 60000);
		world_assert_settled(w, 1);
		for (unsigned int i = 0; i < 2; i++)
			assert_int_equal(peer_live_sas(&w->p[i]), 1);
		world_destroy(w);
	}
}

/** The hard limit has come, its DELETE waits behind a request: no successor any more. Seed 12771.
 */
static void
test_expired_is_not_reauthenticated(void **state)
{
	struct world *w = world_create(8);
	struct ike_conn_cfg *c = &w->p[0].conn;

	(void)state;
	c->rekey_time_s = 10;
	c->over_time_s = 20;
	c->reauth_time_s = 35;
	connect_world(w);
	w->cut = true;
	world_run(w, 40000);
	assert_int_equal(peer_stats(&w->p[0]).n_sas, 1);
	world_destroy(w);
}

/**
 * A reauthentication that nobody answers outlived what it was to replace, and went on for ever
 * though the peer had brought all up again. Seed 22121.
 */
static void
test_reauthentication_of_nothing(void **state)
{
	struct lost l = {.from = 0, .n = UINT32_MAX, .exchange = IKE_X_SA_INIT};
	struct world *w = world_create(9);

	(void)state;
	w->p[0].conn.reauth_time_s = 20;
	w->p[0].conn.keyingtries = 0;
	w->p[0].conn.dpd_delay_s = 5;
	connect_world(w);
	w->filter = lose;
	w->filter_arg = &l;
	world_run(w, 22000);
	assert_int_equal(peer_stats(&w->p[0]).n_sas, 2);
	peer_kill(&w->p[1]);
	world_run(w, 200000);
	assert_int_equal(peer_live_sas(&w->p[0]), 0);
	w->p[0].conn.reauth_time_s = 0;
	peer_start(&w->p[1]);
	assert_int_equal(ike_initiate(w->p[1].e, NULL, "gre", w->now), 0);
	world_run(w, 200000);
	world_assert_settled(w, 1);
	assert_int_equal(peer_stats(&w->p[0]).n_sas, 1);
	world_destroy(w);
}

/**
 * An SA whose peer does not answer is not reauthenticated: two of them, one of them forgotten by
 * the peer long ago, each left a successor, and both stayed. Seed 5515.
 */
static void
test_unanswered_is_not_reauthenticated(void **state)
{
	struct world *w = world_create(11);

	(void)state;
	w->p[0].conn.reauth_time_s = 30;
	w->p[0].conn.dpd_delay_s = 5;
	connect_world(w);
	w->cut = true;
	world_run(w, 40000);
	assert_int_equal(peer_stats(&w->p[0]).n_sas, 1);
	w->cut = false;
	world_run(w, 60000);
	world_assert_settled(w, 1);
	assert_int_equal(peer_stats(&w->p[0]).n_sas, 1);
	world_destroy(w);
}

/**
 * The answer to an IKE rekeying is lost, and who gave it asks something over the new SA already:
 * the other end said with its token (RFC 6290) that it had lost it. Seed 5419.
 */
static void
test_token_of_what_is_coming(void **state)
{
	struct lost l = {.from = 1,
		.n = 1,
		.exchange = IKE_X_CREATE_CHILD_SA,
		.response = IKE_FLAG_RESPONSE};
	struct world *w = world_create(10);

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		w->p[i].cfg.has_qcd_secret = true;
		w->p[i].cfg.qcd_secret[0] = (uint8_t)(1 + i);
	}
	connect_world(w);
	w->filter = lose;
	w->filter_arg = &l;
	assert_int_equal(ike_rekey(w->p[0].e, &(struct ike_select){.ike = "gw-gw"}, w->now), 1);
	world_run(w, 60000);
	assert_int_equal(l.n, 0);
	world_assert_settled(w, 1);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(w->p[i].events[IKE_EV_IKE_DOWN], 0);
		assert_int_equal(w->p[i].events[IKE_EV_CHILD_DOWN], 0);
	}
	world_destroy(w);
}

/**
 * Who answered a rekeying of the IKE SA sent its new token at once, over an SA that the other end
 * did not have yet: it was lost each time, and came with the first repetition.
 */
static void
test_nothing_is_asked_before_the_answer_is_there(void **state)
{
	struct world *w = world_create(15);
	struct ike_stats st;

	(void)state;
	w->job_ms = 50;
	for (unsigned int i = 0; i < 2; i++) {
		w->p[i].cfg.has_qcd_secret = true;
		w->p[i].cfg.qcd_secret[0] = (uint8_t)(1 + i);
	}
	connect_world(w);
	for (unsigned int i = 0; i < 20; i++) {
		assert_int_equal(
			ike_rekey(w->p[i % 2].e, &(struct ike_select){.ike = "gw-gw"}, w->now), 1);
		world_run(w, 40000);
		world_assert_settled(w, 1);
	}
	for (unsigned int i = 0; i < 2; i++) {
		ike_get_stats(w->p[i].e, &st);
		assert_int_equal(st.retransmits, 0);
		assert_int_equal(st.rx_invalid_spi, 0);
		assert_int_equal(st.ike_rekeys, 20);
	}
	world_destroy(w);
}

/**
 * unique = replace gives a reauthentication 10 s to delete the old SA. It failed, the peer deleted
 * the new one instead, and the old one went after 10 s all the same. Seed 1693.
 */
static void
test_failed_reauthentication_replaces_nothing(void **state)
{
	struct world *w = world_create(13);

	(void)state;
	w->p[0].conn.reauth_time_s = 20;
	w->p[1].conn.unique = IKE_UNIQUE_REPLACE;
	connect_world(w);
	world_run(w, 18000);
	w->p[1].fail_add = ENOMEM;
	world_run(w, 3000);
	w->p[1].fail_add = 0;
	assert_int_equal(w->p[1].events[IKE_EV_IKE_UP], 2);
	assert_int_equal(peer_live_sas(&w->p[1]), 1);
	world_run(w, 30000);
	world_assert_settled(w, 1);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(w->p[i].events[IKE_EV_CHILD_DOWN], 0);
	world_destroy(w);
}

/**
 * Both ends connected at once, each with another child: two IKE SAs that both stay. One is
 * reauthenticated, and unique = replace took the other one and its child after 10 s.
 */
static void
test_reauthentication_beside_another(void **state)
{
	struct world *w = world_create(16);

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		w->p[i].conn.n_children = 2;
		w->p[i].conn.unique = IKE_UNIQUE_REPLACE;
		w->p[i].children[i].start_action = IKE_ACTION_START;
	}
	w->p[0].conn.reauth_time_s = 30;
	start_both(w);
	world_run(w, 20000);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(peer_live_sas(&w->p[i]), 2);
		assert_int_equal(peer_live_children(&w->p[i]), 2);
	}
	for (unsigned int s = 0; s < 100; s++) {
		world_run(w, 1000);
		for (unsigned int i = 0; i < 2; i++) {
			assert_in_range(peer_live_children(&w->p[i]), 2, 4);
			assert_int_equal(
				w->p[i].events[IKE_EV_CHILD_UP] - w->p[i].events[IKE_EV_CHILD_DOWN],
				peer_live_children(&w->p[i]));
		}
	}
	assert_true(w->p[0].events[IKE_EV_IKE_UP] > 3);
	world_destroy(w);
}

/** childless = force at the other end: each reauthentication failed, as it refused the first child.
 */
static void
test_reauthentication_of_childless(void **state)
{
	struct world *w = world_create(14);

	(void)state;
	w->p[0].conn.reauth_time_s = 20;
	w->p[0].conn.n_children = w->p[1].conn.n_children = 2;
	w->p[1].conn.childless = IKE_CHILDLESS_FORCE;
	connect_world(w);
	world_run(w, 25000);
	world_assert_settled(w, 1);
	assert_int_equal(w->p[0].events[IKE_EV_IKE_UP], 2);
	assert_int_equal(peer_live_sas(&w->p[0]), 1);
	assert_int_equal(w->p[0].events[IKE_EV_CHILD_FAILED], 0);
	world_destroy(w);
}

/**
 * A reauthentication that failed was tried again a minute later, when the hard limit had long ended
 * the SA and its children. Seed 34846.
 */
static void
test_reauthentication_before_the_limit(void **state)
{
	struct world *w = world_create(34);
	struct ike_sa *sa;

	(void)state;
	connect_world(w);
	sa = w->p[0].e->sas;
	sa->expire_ms = w->now + 50000;
	ike_reauth_later(sa);
	w->esp_every_ms = 100;
	world_run(w, 49000);
	world_assert_settled(w, 1);
	world_run(w, 100000);
	assert_int_equal(w->p[0].esp_lost + w->p[1].esp_lost, 0);
	assert_int_equal(w->p[0].esp_no_sa + w->p[1].esp_no_sa, 0);
	world_destroy(w);
}

/**
 * A child that both ends asked for, after a rekeying, over an IKE SA that is reauthenticated with
 * another child first. The end whose own goes asked the new SA whether it is alive before the child
 * came, and took that answer as one that had had its time: the old SA went while what said of the
 * new child was under way. Seed 89440.
 */
static void
test_liveness_asked_too_early(void **state)
{
	struct world *w = world_create(89);

	(void)state;
	w->p[0].conn.n_children = w->p[1].conn.n_children = 2;
	connect_world(w);
	ike_initiate(w->p[1].e, NULL, "other", w->now);
	world_run(w, 1000);
	w->delay_ms = 30;
	ike_rekey(w->p[0].e, &all_children, w->now);
	world_run(w, 1000);
	ike_reauth_start(
		w->p[1].e->sas); /* the other one has the lower address: its children yield */
	for (unsigned int ms = 0; ms < 3000; ms++) {
		world_run(w, 1);
		for (unsigned int p = 0; p < 2; p++)
			assert_true(peer_live_children(&w->p[p]) >= 2);
	}
	for (unsigned int p = 0; p < 2; p++)
		assert_int_equal(peer_live_children(&w->p[p]), 2);
	world_destroy(w);
}

/**
 * The peer rekeyed the IKE SA, and does not delete the old one, while we had begun to: our DELETE
 * waits for the job of a request that will not be sent, and the time was overdue all the while.
 * Seed 92030.
 */
static void
test_replaced_while_a_job_runs(void **state)
{
	struct lost l = {.from = 0, .n = UINT32_MAX, .exchange = IKE_X_INFORMATIONAL};
	struct world *w = world_create(92);

	(void)state;
	connect_world(w);
	w->job_ms = 1000000;
	assert_int_equal(ike_rekey(w->p[1].e, &all_sas, w->now), 1);
	assert_int_equal(w->n_jobs > 0, 1);
	w->job_ms = 0;
	w->filter = lose;
	w->filter_arg = &l;
	assert_int_equal(ike_rekey(w->p[0].e, &all_sas, w->now), 1);
	world_run(w, 40000);
	w->filter = NULL;
	world_run(w, 1200000);
	world_assert_settled(w, 1);
	world_destroy(w);
}

/**
 * unique = replace gives an SA 10 s, and takes it if its children are up over another one then.
 * Meanwhile the peer deleted a duplicate there, and close_action brought a second one up, though
 * the first lived on. Seed 206280.
 */
static void
test_replaced_is_enough(void **state)
{
	struct world *w = world_create(9);
	struct peer *p = &w->p[1];
	struct ike_sa *sa;

	(void)state;
	connect_world(w);
	sa = peer_sa(p);
	assert_non_null(ike_task_add(sa, IKE_TASK_DELETE_IKE, NULL, 0, p->e->now_ms + 10000));
	assert_int_equal(ike_initiate(p->e, NULL, "gre", p->e->now_ms), -EALREADY);
	world_run(w, 5000);
	assert_int_equal(peer_live_sas(p), 1);
	assert_int_equal(peer_live_children(p), 1);
	world_run(w, 60000);
	world_assert_settled(w, 1);
	world_destroy(w);
}

/** Of the first IKE SA peer 1's answer to the rekeying, and its DELETE. */
static bool
lose_late_of_first(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	const uint8_t *spi_i = w->filter_arg;

	(void)len;
	if (from != 1 || memcmp(buf, spi_i, 8) != 0)
		return true;
	return buf[18] == IKE_X_CREATE_CHILD_SA && (buf[19] & IKE_FLAG_RESPONSE) == 0;
}

/** The first IKE SA, whose SPI goes to spi_i. */
static void
rekey_by_both(struct world *w, uint8_t spi_i[8])
{
	connect_world(w);
	for (unsigned int i = 0; i < 8; i++)
		spi_i[i] = (uint8_t)(peer_sa(&w->p[0])->spi_i >> (56 - 8 * i));
	w->filter = lose_late_of_first;
	w->filter_arg = spi_i;
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(ike_rekey(w->p[i].e, &all_sas, w->now), 1);
}

/**
 * Both ends rekey the IKE SA. Where the peer's prevails, it deletes that with the children before
 * ours is answered: nothing of it is left, least of all a child without a twin. Seed 276119.
 */
static void
test_prevailing_one_is_over(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 20; n++) {
		struct world *w = world_create(500 + n);
		uint8_t spi_i[8];

		rekey_by_both(w, spi_i);
		assert_int_equal(ike_terminate(w->p[1].e, &all_sas, w->now), 1);
		world_run(w, 2500);
		w->filter = NULL;
		world_run(w, 300000);
		for (unsigned int i = 0; i < 2; i++) {
			assert_int_equal(peer_installed(&w->p[i]), 0);
			assert_int_equal(peer_live_sas(&w->p[i]), 0);
		}
		world_destroy(w);
	}
}

/**
 * As before, but what prevails is rekeyed once more, by either end, before ours is answered: the
 * children are to go there, and not to end.
 */
static void
test_prevailing_one_is_rekeyed(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 20; n++) {
		struct world *w = world_create(520 + n / 2);
		uint8_t spi_i[8];

		rekey_by_both(w, spi_i);
		world_run(w, 100);
		assert_in_range(ike_rekey(w->p[n % 2].e, &all_sas, w->now), 1, 2);
		world_run(w, 12000);
		w->filter = NULL;
		world_run(w, 300000);
		world_assert_settled(w, 1);
		for (unsigned int i = 0; i < 2; i++) {
			assert_int_equal(peer_live_sas(&w->p[i]), 1);
			assert_int_equal(w->p[i].events[IKE_EV_CHILD_DOWN], 0);
			assert_int_equal(w->p[i].events[IKE_EV_IKE_DOWN], 0);
		}
		world_destroy(w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rekey_of_what_is_not_known_yet),
		cmocka_unit_test(test_delete_of_what_is_not_known_yet),
		cmocka_unit_test(test_duplicates_rekeyed),
		cmocka_unit_test(test_idle_beside_another),
		cmocka_unit_test(test_expired_is_not_reauthenticated),
		cmocka_unit_test(test_reauthentication_of_nothing),
		cmocka_unit_test(test_token_of_what_is_coming),
		cmocka_unit_test(test_unanswered_is_not_reauthenticated),
		cmocka_unit_test(test_nothing_is_asked_before_the_answer_is_there),
		cmocka_unit_test(test_failed_reauthentication_replaces_nothing),
		cmocka_unit_test(test_reauthentication_of_childless),
		cmocka_unit_test(test_reauthentication_beside_another),
		cmocka_unit_test(test_reauthentication_before_the_limit),
		cmocka_unit_test(test_liveness_asked_too_early),
		cmocka_unit_test(test_replaced_while_a_job_runs),
		cmocka_unit_test(test_replaced_is_enough),
		cmocka_unit_test(test_prevailing_one_is_over),
		cmocka_unit_test(test_prevailing_one_is_rekeyed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
