/* SPDX-License-Identifier: BSD-3-Clause */

/* Ends: DELETE, liveness, crashes and restarts, uniqueness, shutdown; retransmission; MOBIKE. */

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ike/natd.h"
#include "ike/payload.h"
#include "ike/sa.h"
#include "ike/send.h"
#include "world.h"

static const struct ike_select all_children = {.child = "gre"};
static const struct ike_select all_sas = {.ike = "gw-gw"};

static struct world *
make_world(uint64_t seed, uint32_t dpd_delay_s)
{
	struct world *w = world_create(seed);

	for (unsigned int i = 0; i < 2; i++)
		w->p[i].conn.dpd_delay_s = dpd_delay_s;
	return w;
}

static void
connect_world(struct world *w)
{
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
	world_run(w, 1000);
	world_assert_settled(w, 1);
}

static void
test_terminate(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 8; n++) {
		struct world *w = make_world(500 + n, 0);
		bool whole = (n & 1) != 0, both = (n & 2) != 0;
		unsigned int side = n >> 2;

		connect_world(w);
		assert_int_equal(
			ike_terminate(w->p[side].e, whole ? &all_sas : &all_children, w->now), 1);
		if (both)
			assert_int_equal(ike_terminate(w->p[1 - side].e,
						 whole ? &all_sas : &all_children, w->now),
				1);
		world_run(w, 1000);
		world_assert_settled(w, 0);
		for (unsigned int i = 0; i < 2; i++) {
			assert_int_equal(peer_live_sas(&w->p[i]), whole ? 0 : 1);
			assert_int_equal(w->p[i].events[IKE_EV_CHILD_DOWN], 1);
			assert_int_equal(w->p[i].events[IKE_EV_IKE_DOWN], whole);
		}
		/* and up again */
		assert_int_equal(ike_initiate(w->p[side].e, NULL, "gre", w->now), 0);
		world_run(w, 1000);
		world_assert_settled(w, 1);
		world_run(w, 40000);
		assert_int_equal(w->p[0].ike_spis, 1);
		world_destroy(w);
	}
}

static void
test_close_action(void **state)
{
	(void)state;
	for (unsigned int whole = 0; whole < 2; whole++) {
		struct world *w = make_world(510, 0);

		w->p[1].children[0].close_action = IKE_ACTION_START;
		connect_world(w);
		ike_terminate(w->p[0].e, whole ? &all_sas : &all_children, w->now);
		world_run(w, 2000);
		world_assert_settled(w, 1);
		assert_int_equal(w->p[1].events[IKE_EV_CHILD_UP], 2);
		world_destroy(w);
	}
}

/** An action with trap tells the host, for its own reason and no other; and may start as well. */
static void
test_trap(void **state)
{
	static const struct {
		unsigned int dpd, close;
		bool killed; /* else the peer deletes it */
		unsigned int traps, up;
	} cases[] = {
		{IKE_ACTION_TRAP, IKE_ACTION_NONE, true, 1, 0},
		{IKE_ACTION_TRAP, IKE_ACTION_NONE, false, 0, 0},
		{IKE_ACTION_NONE, IKE_ACTION_TRAP, true, 0, 0},
		{IKE_ACTION_NONE, IKE_ACTION_TRAP, false, 1, 0},
		{IKE_ACTION_START, IKE_ACTION_START, true, 0, 1},
		{IKE_ACTION_START, IKE_ACTION_TRAP | IKE_ACTION_START, false, 1, 1},
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world *w = make_world(515 + i, 5);
		struct ike_child_cfg *child = &w->p[1].children[0];

		child->dpd_action = cases[i].dpd;
		child->close_action = cases[i].close;
		w->p[1].cfg.retransmit_tries = 2;
		connect_world(w);
		assert_int_equal(w->p[1].traps, 0);
		if (cases[i].killed) {
			peer_kill(&w->p[0]);
			peer_start(&w->p[0]);
		} else {
			ike_terminate(w->p[0].e, &all_sas, w->now);
		}
		world_run(w, 60000);
		assert_int_equal(w->p[1].traps, cases[i].traps);
		world_assert_settled(w, cases[i].up);
		world_destroy(w);
	}
}

/** One DELETE each, everything gone at once, nothing comes back. */
static void
test_shutdown(void **state)
{
	struct world *w = make_world(520, 0);
	unsigned int before;

	(void)state;
	w->p[0].children[0].close_action = IKE_ACTION_START;
	connect_world(w);
	before = w->n_ike;
	ike_shutdown(w->p[0].e, w->now);
	assert_int_equal(w->n_ike, before + 1);
	assert_int_equal(peer_installed(&w->p[0]), 0);
	world_run(w, 100000);
	assert_int_equal(w->n_ike, before + 2);
	world_assert_settled(w, 0);
	assert_int_equal(w->p[0].ike_spis, 0);
	world_destroy(w);
}

/** A silent but living peer is asked every dpd_delay; ESP from it makes that unnecessary. */
static void
test_liveness_asked(void **state)
{
	struct world *w = make_world(530, 0);
	unsigned int before;

	(void)state;
	w->p[0].conn.dpd_delay_s = 10;
	connect_world(w);
	before = w->n_ike;
	world_run(w, 105000);
	assert_in_range(w->n_ike - before, 18, 22);
	w->esp_every_ms = 1000;
	world_run(w, 10000);
	before = w->n_ike;
	world_run(w, 100000);
	assert_int_equal(w->n_ike, before);
	world_assert_settled(w, 1);
	world_destroy(w);
}

/** The peer is gone: found out after dpd_delay and a retransmission sequence. */
static void
test_liveness_fails(void **state)
{
	struct world *w = make_world(540, 10);

	(void)state;
	connect_world(w);
	peer_kill(&w->p[1]);
	world_run(w, 150000);
	assert_int_equal(w->p[0].events[IKE_EV_IKE_DOWN], 0);
	world_run(w, 40000);
	assert_int_equal(w->p[0].events[IKE_EV_IKE_DOWN], 1);
	assert_int_equal(w->p[0].events[IKE_EV_CHILD_DOWN], 1);
	assert_non_null(strstr(w->p[0].reason, "does not answer"));
	assert_int_equal(peer_installed(&w->p[0]), 0);
	peer_start(&w->p[1]);
	world_run(w, 300000);
	world_assert_settled(w, 0); /* dpd_action none: it stays down until asked for */
	world_destroy(w);
}

/** The peer restarted without a word: DPD notices, dpd_action brings the child back. */
static void
test_silent_restart(void **state)
{
	(void)state;
	for (unsigned int side = 0; side < 2; side++) {
		struct world *w = make_world(550 + side, 5);

		w->p[0].children[0].dpd_action = w->p[1].children[0].dpd_action = IKE_ACTION_START;
		w->p[0].cfg.retransmit_tries = w->p[1].cfg.retransmit_tries = 3;
		connect_world(w);
		peer_kill(&w->p[side]);
		peer_start(&w->p[side]);
		world_run(w, 60000);
		world_assert_settled(w, 1);
		world_destroy(w);
	}
}

/** The peer restarted and connects: INITIAL_CONTACT clears what was left, in no time. */
static void
test_initial_contact(void **state)
{
	(void)state;
	for (unsigned int side = 0; side < 2; side++) {
		struct world *w = make_world(560 + side, 0);

		connect_world(w);
		world_run(w, 20000);
		peer_kill(&w->p[side]);
		peer_start(&w->p[side]);
		assert_int_equal(ike_initiate(w->p[side].e, NULL, "gre", w->now), 0);
		world_run(w, 1000);
		world_assert_settled(w, 1);
		assert_int_equal(peer_live_sas(&w->p[1 - side]), 1);
		assert_int_equal(w->p[1 - side].events[IKE_EV_CHILD_DOWN], 1);
		assert_non_null(strstr(w->p[1 - side].reason, "INITIAL_CONTACT"));
		world_destroy(w);
	}
}

static void
test_unique_never(void **state)
{
	struct world *w = make_world(570, 0);

	(void)state;
	w->p[0].conn.unique = w->p[1].conn.unique = IKE_UNIQUE_NEVER;
	connect_world(w);
	world_run(w, 20000);
	peer_kill(&w->p[0]);
	peer_start(&w->p[0]);
	ike_initiate(w->p[0].e, NULL, "gre", w->now);
	world_run(w, 1000);
	assert_int_equal(peer_live_sas(&w->p[1]), 2);
	/* the newest pair is the one that is sent on */
	assert_non_null(world_twin(w, 1, peer_sending(&w->p[1])));
	world_destroy(w);
}

static void
test_unique_keep_and_replace(void **state)
{
	(void)state;
	for (unsigned int mix = 0; mix < 4; mix++) {
		struct world *w = make_world(580 + mix, 0);
		bool keep = (mix & 1) != 0, elsewhere = (mix & 2) != 0;

		/* the newcomer does not say INITIAL_CONTACT */
		w->p[0].conn.unique = IKE_UNIQUE_NEVER;
		w->p[1].conn.unique = keep ? IKE_UNIQUE_KEEP : IKE_UNIQUE_REPLACE;
		peer_id(&w->p[0].conn.local.id, "a.example.org");
		w->p[1].conn.n_remote = 0;
		connect_world(w);
		peer_kill(&w->p[0]);
		if (elsewhere) {
			w->p[0].addr.s6_addr[15] ^= 0x40;
			w->p[0].conn.local_addrs[0] =
				(struct ike_range){w->p[0].addr, w->p[0].addr};
		}
		peer_start(&w->p[0]);
		ike_initiate(w->p[0].e, NULL, "gre", w->now);
		world_run(w, 1000);
		/* where the old one is, it may be a reauthentication: never refused, given some
		 * time */
		assert_int_equal(peer_live_children(&w->p[0]), keep && elsewhere ? 0 : 1);
		assert_int_equal(peer_live_sas(&w->p[1]), elsewhere ? 1 : 2);
		world_run(w, 300000);
		assert_int_equal(peer_live_sas(&w->p[1]), keep && !elsewhere ? 2 : 1);
		world_destroy(w);
	}
}

/* ---- retransmission ---- */

static struct {
	uint8_t buf[4][2048];
	size_t len[4];
	unsigned int n;
} seen;

/** Collect what peer 1 answers, lose it. */
static bool
collect(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	(void)w;
	if (from == 0)
		return true;
	if (seen.n < 4) {
		memcpy(seen.buf[seen.n], buf, *len);
		seen.len[seen.n++] = *len;
	}
	return false;
}

/** The same request again gets the same bytes again, and is carried out once. */
static void
test_cached_reply(void **state)
{
	(void)state;
	for (unsigned int what = 0; what < 3; what++) {
		struct world *w = make_world(590 + what, 0);

		if (what == 0) {
			/* IKE_SA_INIT */
			peer_start(&w->p[0]);
			peer_start(&w->p[1]);
			w->filter = collect;
			ike_initiate(w->p[0].e, NULL, "gre", w->now);
		} else {
			connect_world(w);
			w->filter = collect;
			ike_rekey(w->p[0].e, what == 1 ? &all_children : &all_sas, w->now);
		}
		seen.n = 0;
		world_run(w, 12000);
		assert_int_equal(seen.n, 3);
		for (unsigned int i = 1; i < 3; i++) {
			assert_int_equal(seen.len[i], seen.len[0]);
			assert_memory_equal(seen.buf[i], seen.buf[0], seen.len[0]);
		}
		w->filter = NULL;
		world_run(w, 40000);
		world_assert_settled(w, 1);
		assert_int_equal(peer_live_sas(&w->p[1]), 1);
		world_destroy(w);
	}
}

static bool
flip(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	if (from == 0)
		buf[28 + world_rand(w, (uint32_t)*len - 28)] ^= 1;
	return true;
}

/** Protected messages with a bit changed count for nothing: no state moves, nothing is answered. */
static void
test_forged(void **state)
{
	struct world *w = make_world(600, 0);
	struct ike_stats st;

	(void)state;
	connect_world(w);
	w->filter = flip;
	ike_terminate(w->p[0].e, &all_sas, w->now);
	world_run(w, 20000);
	assert_int_equal(peer_live_children(&w->p[1]), 1);
	ike_get_stats(w->p[1].e, &st);
	assert_true(st.rx_invalid >= 3);
	w->filter = NULL;
	world_run(w, 100000);
	world_assert_settled(w, 0);
	world_destroy(w);
}

/* ---- messages that our own engine would not send ---- */

/** A request in peer 0's name along path; its answer is taken as that of a liveness check. */
static void
ask(struct world *w, struct ike_chain *c, const struct ike_path *path)
{
	struct ike_sa *sa = peer_sa(&w->p[0]);

	assert_int_equal(ike_send_request(sa, IKE_X_INFORMATIONAL, c, path), 0);
	sa->active = calloc(1, sizeof(*sa->active));
	sa->active->type = IKE_TASK_LIVENESS;
}

static void
test_critical_payload_inside(void **state)
{
	struct world *w = make_world(610, 0);
	struct ike_chain c;

	(void)state;
	connect_world(w);
	ike_send_begin(w->p[0].e, &c);
	ike_pld_raw_build(&c, IKE_PLD_VENDOR, "\1\2", 2);
	c.first = 200; /* the vendor payload's number changed: unknown, not critical */
	ask(w, &c, &peer_sa(&w->p[0])->path);
	world_run(w, 1000);
	world_assert_settled(w, 1);

	ike_send_begin(w->p[0].e, &c);
	ike_pld_raw_build(&c, IKE_PLD_VENDOR, "\1\2", 2);
	c.first = 200;
	c.w.buf[1] = IKE_PLD_CRITICAL;
	ask(w, &c, &peer_sa(&w->p[0])->path);
	world_run(w, 1000);
	world_assert_settled(w, 1); /* refused, but no reason to part */
	assert_int_equal(peer_sa(&w->p[1])->win.next_in, peer_sa(&w->p[0])->win.next_out);
	world_destroy(w);
}

/** A malformed but authentic request: INVALID_SYNTAX and the end (2.21.3). */
static void
test_malformed_inside(void **state)
{
	struct world *w = make_world(611, 0);
	struct ike_chain c;

	(void)state;
	connect_world(w);
	ike_send_begin(w->p[0].e, &c);
	ike_pld_raw_build(&c, IKE_PLD_NOTIFY, "\0", 1);
	ask(w, &c, &peer_sa(&w->p[0])->path);
	world_run(w, 1000);
	assert_int_equal(peer_live_sas(&w->p[1]), 0);
	assert_int_equal(peer_installed(&w->p[1]), 0);
	world_destroy(w);
}

/** peer 0 moves to another address or port and says so (RFC 4555). */
static void
move(struct world *w, struct ike_path *path)
{
	struct ike_sa *sa = peer_sa(&w->p[0]);
	struct ike_chain c;

	inet_pton(AF_INET6, "2001:db8::99", &path->local);
	path->remote = w->p[1].addr;
	path->local_port = path->remote_port = 4500;
	ike_send_begin(w->p[0].e, &c);
	ike_pld_notify_build(&c, IKE_N_UPDATE_SA_ADDRESSES, NULL, 0);
	ike_natd_build(sa, path, &c);
	ask(w, &c, path);
}

static bool
claims_mobike(struct world *w)
{
	/* our engine does not announce MOBIKE as initiator: pretend that both did */
	peer_sa(&w->p[1])->mobike = true;
	return true;
}

static void
test_mobike(void **state)
{
	struct world *w = make_world(620, 0);
	struct ike_path path;

	(void)state;
	connect_world(w);
	claims_mobike(w);
	move(w, &path);
	world_run(w, 5);
	/* nothing moves before the cookie came back from there */
	assert_int_equal(peer_sa(&w->p[1])->path.remote_port, 500);
	world_run(w, 1000);
	assert_memory_equal(&peer_sa(&w->p[1])->path.remote, &path.local, 16);
	assert_memory_equal(&peer_sending(&w->p[1])->sa.path.remote, &path.local, 16);
	assert_int_equal(peer_sending(&w->p[1])->sa.path.remote_port, 4500);
	assert_false(peer_sending(&w->p[1])->sa.udp_encap);
	world_assert_settled(w, 1);
	world_destroy(w);
}

static bool
spoil_cookie2(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	(void)w;
	(void)buf;
	(void)len;
	/* nobody is at the new address */
	return from == 0;
}

static void
test_mobike_not_reachable(void **state)
{
	struct world *w = make_world(621, 0);
	struct ike_path path;

	(void)state;
	connect_world(w);
	claims_mobike(w);
	w->filter = spoil_cookie2;
	move(w, &path);
	world_run(w, 10000);
	assert_memory_equal(&peer_sa(&w->p[1])->path.remote, &w->p[0].addr, 16);
	assert_memory_equal(&peer_sending(&w->p[1])->sa.path.remote, &w->p[0].addr, 16);
	world_destroy(w);
}

/** Without MOBIKE agreed an UPDATE_SA_ADDRESSES is answered and ignored. */
static void
test_mobike_not_agreed(void **state)
{
	struct world *w = make_world(622, 0);
	struct ike_path path;

	(void)state;
	connect_world(w);
	move(w, &path);
	world_run(w, 10000);
	assert_memory_equal(&peer_sa(&w->p[1])->path.remote, &w->p[0].addr, 16);
	world_assert_settled(w, 1);
	world_destroy(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_terminate),
		cmocka_unit_test(test_close_action),
		cmocka_unit_test(test_trap),
		cmocka_unit_test(test_shutdown),
		cmocka_unit_test(test_liveness_asked),
		cmocka_unit_test(test_liveness_fails),
		cmocka_unit_test(test_silent_restart),
		cmocka_unit_test(test_initial_contact),
		cmocka_unit_test(test_unique_never),
		cmocka_unit_test(test_unique_keep_and_replace),
		cmocka_unit_test(test_cached_reply),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_critical_payload_inside),
		cmocka_unit_test(test_malformed_inside),
		cmocka_unit_test(test_mobike),
		cmocka_unit_test(test_mobike_not_reachable),
		cmocka_unit_test(test_mobike_not_agreed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
