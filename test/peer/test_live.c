/* SPDX-License-Identifier: BSD-3-Clause */

/* Who lives, who restarted, who connects twice: liveness, actions, uniqueness, childless SAs. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "ike/sa.h"
#include "ike/unique.h"
#include "world.h"

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

static unsigned int
all_sas(struct peer *p)
{
	unsigned int n = 0;

	for (const struct ike_sa *sa = p->e->sas; sa != NULL; sa = sa->next)
		n += sa->state != IKE_SA_LINGER;
	return n;
}

/* ---- liveness ---- */

/** dpd_ignore_esp: traffic does not keep us from asking. */
static void
test_ignore_esp(void **state)
{
	struct world *w = world_create(800);
	unsigned int before;

	(void)state;
	w->p[0].conn.dpd_delay_s = 10;
	w->p[0].conn.dpd_ignore_esp = true;
	w->esp_every_ms = 1000;
	connect_world(w);
	before = w->n_ike;
	world_run(w, 105000);
	assert_in_range(w->n_ike - before, 18, 22);
	world_destroy(w);
}

/* ---- INITIAL_CONTACT ---- */

/**
 * The peer restarts when our SA is seconds old and connects: it is asked before it is dropped, and
 * since nobody answers it is gone long before a sequence of retransmissions ends; no dpd_action.
 */
static void
test_young_contested(void **state)
{
	(void)state;
	for (unsigned int side = 0; side < 2; side++) {
		struct world *w = world_create(810 + side);
		struct peer *stays = &w->p[side], *restarts = &w->p[1 - side];

		start_both(w);
		stays->children[0].dpd_action = IKE_ACTION_START;
		assert_int_equal(ike_initiate(stays->e, NULL, "gre", w->now), 0);
		world_run(w, 1000);
		world_assert_settled(w, 1);
		peer_kill(restarts);
		peer_start(restarts);
		assert_int_equal(ike_initiate(restarts->e, NULL, "gre", w->now), 0);
		world_run(w, 1000);
		/* traffic goes on at once, over the new pair */
		assert_non_null(world_twin(w, side, peer_sending(stays)));
		world_run(w, 14000);
		assert_int_equal(all_sas(stays), 1);
		world_assert_settled(w, 1);
		world_run(w, 200000);
		assert_int_equal(stays->events[IKE_EV_CHILD_UP], 2);
		world_assert_settled(w, 1);
		world_destroy(w);
	}
}

/** Both ends connect at once, each with INITIAL_CONTACT: neither kills what the other just made. */
static void
test_both_contact(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 30; n++) {
		struct world *w = world_create(820 + n);

		start_both(w);
		ike_initiate(w->p[0].e, NULL, "gre", w->now);
		world_run(w, n * 4);
		ike_initiate(w->p[1].e, NULL, "gre", w->now);
		world_run(w, 60000);
		world_assert_settled(w, 1);
		assert_int_equal(all_sas(&w->p[0]), 1);
		assert_int_equal(all_sas(&w->p[1]), 1);
		world_destroy(w);
	}
}

/**
 * A peer that starts anew brings one of two children back. The other one is up a little later when
 * we are to have it up, or to restart it when its peer is dead; also when the old SA was asked
 * first.
 */
static void
test_contact_and_the_rest(void **state)
{
	static const struct {
		unsigned int start, dpd;
		bool young;
		unsigned int up, traps;
	} cases[] = {
		{IKE_ACTION_START, IKE_ACTION_NONE, false, 2, 0},
		{IKE_ACTION_NONE, IKE_ACTION_START, false, 2, 0},
		{IKE_ACTION_NONE, IKE_ACTION_START, true, 2, 0},
		{IKE_ACTION_NONE, IKE_ACTION_TRAP, false, 1, 1},
		{IKE_ACTION_TRAP, IKE_ACTION_NONE, true, 1, 0},
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world *w = world_create(860 + i);

		for (unsigned int k = 0; k < 2; k++)
			w->p[k].conn.n_children = 2;
		w->p[1].children[1].start_action = cases[i].start;
		w->p[1].children[1].dpd_action = cases[i].dpd;
		start_both(w);
		ike_initiate(w->p[1].e, NULL, "gre", w->now);
		ike_initiate(w->p[1].e, NULL, "other", w->now);
		world_run(w, cases[i].young ? 2000 : 20000);
		world_assert_settled(w, 2);
		peer_kill(&w->p[0]);
		peer_start(&w->p[0]);
		assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
		world_run(w, cases[i].young ? 25000 : 3000);
		world_assert_settled(w, cases[i].up);
		assert_int_equal(all_sas(&w->p[1]), 1);
		assert_int_equal(w->p[1].traps, cases[i].traps);
		world_destroy(w);
	}
}

/** Peer 0 has a connection for each child; two lives as long as the world. */
static void
two_conns(struct world *w, struct ike_conn_cfg two[2])
{
	w->p[1].conn.n_children = 2;
	two[0] = two[1] = w->p[0].conn;
	two[1].children = &w->p[0].children[1];
	two[1].name[0] = 'G';
	w->p[0].cfg.n_conns = 2;
	w->p[0].cfg.conns = two;
}

/** Of the SAs of peer 0 that are not up yet one at most says that there is no other. */
static void
one_claims(struct world *w)
{
	unsigned int n = 0;

	for (const struct ike_sa *sa = w->p[0].e->sas; sa != NULL; sa = sa->next)
		n += sa->setup != NULL && sa->setup->claims[0].node.link != NULL;
	assert_true(n <= 1);
}

/**
 * Two connections to one gateway, which calls itself by a name that remote.id does not tell: the
 * second one does not say that there is no other. After a restart the first one does.
 */
static void
test_contact_with_patterns(void **state)
{
	static const char *const ids[] = {NULL, "*.example.org", "gw.example.org"};

	(void)state;
	for (unsigned int n = 0; n < 6; n++) {
		struct world *w = world_create(866 + n);
		struct ike_conn_cfg two[2];

		if (ids[n / 2] != NULL)
			peer_id(&w->p[0].conn.remote.id, ids[n / 2]);
		peer_id(&w->p[1].conn.local.id, "gw.example.org");
		two_conns(w, two);
		w->stepped = one_claims;
		start_both(w);
		for (unsigned int boot = 0; boot < 2; boot++) {
			ike_initiate(w->p[0].e, NULL, "gre", w->now);
			world_run(w, n % 2 * 15000);
			ike_initiate(w->p[0].e, NULL, "other", w->now);
			world_run(w, 60000);
			for (unsigned int k = 0; k < 2; k++)
				assert_int_equal(peer_live_children(&w->p[k]), 2);
			assert_int_equal(w->p[0].events[IKE_EV_IKE_DOWN], 0);
			assert_int_equal(w->p[1].events[IKE_EV_IKE_DOWN], 2 * boot);
			if (boot == 0) {
				peer_kill(&w->p[0]);
				peer_start(&w->p[0]);
			}
		}
		world_destroy(w);
	}
}

/** A peer says so of one SA after it has begun another, as some do: both stay. */
static bool
say_contact(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	(void)buf;
	(void)len;
	for (struct ike_sa *sa = w->p[from].e->sas; sa != NULL; sa = sa->next)
		if (sa->setup != NULL)
			ike_unique_unclaim(sa); /* nobody remembers */
	return true;
}

static void
test_contact_of_both(void **state)
{
	struct world *w = world_create(873);
	struct ike_conn_cfg two[2];

	(void)state;
	two_conns(w, two);
	w->filter = say_contact;
	w->delay_ms = 50;
	start_both(w);
	ike_initiate(w->p[0].e, NULL, "gre", w->now);
	world_run(w, 20);
	ike_initiate(w->p[0].e, NULL, "other", w->now);
	world_run(w, 60000);
	for (unsigned int k = 0; k < 2; k++) {
		assert_int_equal(peer_live_children(&w->p[k]), 2);
		assert_int_equal(w->p[k].events[IKE_EV_IKE_DOWN], 0);
	}
	world_destroy(w);
}

/** What the peer's word contests is asked once more before it ends, also if it had asked in vain
 * before. */
static void
test_contested_is_asked(void **state)
{
	(void)state;
	for (unsigned int alive = 0; alive < 2; alive++) {
		struct world *w = world_create(875 + alive);
		struct ike_sa *sa;

		start_both(w);
		ike_initiate(w->p[0].e, NULL, "gre", w->now);
		world_run(w, 20000);
		sa = w->p[1].e->sas;
		w->cut = true;
		ike_task_add(sa, IKE_TASK_LIVENESS, NULL, 0, 0);
		ike_rekey(
			w->p[1].e, &(struct ike_select){.child = "no such"}, w->now); /* settles */
		world_run(w, 8000);
		assert_true(sa->win.tries > 0);
		ike_unique_contest(sa);
		ike_rekey(w->p[1].e, &(struct ike_select){.child = "no such"}, w->now);
		w->cut = !alive;
		world_run(w, 30000);
		assert_int_equal(w->p[1].events[IKE_EV_IKE_DOWN], !alive);
		world_destroy(w);
	}
}

static bool
lose_create(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	(void)w;
	(void)from;
	(void)len;
	return buf[18] != IKE_X_CREATE_CHILD_SA && buf[18] != IKE_X_INFORMATIONAL;
}

/** The IKE SA dies while it asks for its second child: that one comes back as the first one does.
 */
static void
test_child_on_its_way_returns(void **state)
{
	struct world *w = world_create(877);

	(void)state;
	for (unsigned int k = 0; k < 2; k++) {
		w->p[k].conn.n_children = 2;
		w->p[0].children[k].start_action = w->p[0].children[k].dpd_action =
			IKE_ACTION_START;
	}
	w->filter = lose_create;
	start_both(w);
	world_run(w, 1000);
	assert_int_equal(w->p[0].e->sas->active->type, IKE_TASK_CHILD);
	/* it comes up again, without the second child, and stays for a moment */
	world_run(w, 200000);
	w->filter = NULL;
	world_run(w, 300000);
	world_assert_settled(w, 2);
	world_destroy(w);
}

/* ---- trying again ---- */

/** A configured tunnel returns: without keyingtries written, silence is no end. */
static void
test_start_returns(void **state)
{
	(void)state;
	for (unsigned int written = 0; written < 2; written++) {
		struct world *w = world_create(830 + written);

		w->p[0].conn.keyingtries_set = written;
		w->p[0].children[0].start_action = IKE_ACTION_START;
		peer_start(&w->p[0]);
		world_run(w, 1000000);
		peer_start(&w->p[1]);
		world_run(w, 200000);
		world_assert_settled(w, written ? 0 : 1);
		world_destroy(w);
	}
}

/** The peer has another secret for a while. */
static void
test_refused_for_a_while(void **state)
{
	struct world *w = world_create(832);

	(void)state;
	w->p[0].children[0].start_action = IKE_ACTION_START;
	peer_psk(&w->p[1], "SomebodyElsesMeal");
	start_both(w);
	world_run(w, 100000);
	world_assert_settled(w, 0);
	peer_psk(&w->p[1], "MyFavouriteMealIsRaclette");
	world_run(w, 60000);
	world_assert_settled(w, 1);
	world_destroy(w);
}

/** Ways to have a child refused, and to take that back. */
enum way { BY_SELECTORS, BY_PROPOSAL, BY_INSTALL, WAYS };

static void
make_unfit(struct world *w, enum way how, unsigned int child, bool unfit)
{
	struct peer *p = &w->p[1];
	const char *fits = child == 0 ? "dynamic[gre]" : "dynamic[tcp]";

	if (how == BY_SELECTORS)
		peer_ts(&p->children[child].remote_ts, unfit ? "dynamic[udp]" : fits);
	else if (how == BY_PROPOSAL)
		world_proposals(&p->children[child].esp, IKE_PROTO_ESP,
			unfit ? "aes256-sha512" : "aes128gcm16-x25519");
	else
		w->p[0].fail_add = unfit ? 5 : 0;
}

/** A child that is refused while its IKE SA lives comes back like one that failed with it. */
static void
test_child_refused_for_a_while(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 4 * WAYS; n++) {
		struct world *w = world_create(870 + n);
		enum way how = n % WAYS;
		/* with IKE_AUTH, or after it; wanted always, or once */
		unsigned int late = n / WAYS & 1, wanted = n / WAYS < 2, up;

		for (unsigned int i = 0; i < 2; i++)
			w->p[i].conn.n_children = 2;
		w->p[0].children[late].dpd_action = wanted ? IKE_ACTION_START : IKE_ACTION_NONE;
		start_both(w);
		if (late) {
			ike_initiate(w->p[0].e, NULL, "gre", w->now);
			world_run(w, 1000);
			world_assert_settled(w, 1);
		}
		make_unfit(w, how, late, true);
		assert_int_equal(ike_initiate(w->p[0].e, NULL, late ? "other" : "gre", w->now), 0);
		world_run(w, 80000);
		assert_int_equal(peer_live_children(&w->p[0]), late);
		assert_int_equal(peer_live_sas(&w->p[0]), 1);
		assert_int_equal(w->p[0].events[IKE_EV_CHILD_FAILED], wanted ? 3 : 1);
		make_unfit(w, how, late, false);
		world_run(w, 35000);
		up = late + wanted;
		assert_int_equal(peer_live_children(&w->p[0]), up);
		assert_int_equal(peer_live_children(&w->p[1]), up);
		assert_int_equal(peer_live_sas(&w->p[0]), 1);
		world_destroy(w);
	}
}

/** The peer takes no child with IKE_AUTH: the next try is not with IKE_AUTH. */
static void
test_child_refused_with_auth(void **state)
{
	struct world *w = world_create(889);

	(void)state;
	w->p[0].children[0].start_action = IKE_ACTION_START;
	w->p[0].conn.childless = IKE_CHILDLESS_NEVER;
	w->p[1].conn.childless = IKE_CHILDLESS_FORCE;
	start_both(w);
	world_run(w, 40000);
	world_assert_settled(w, 1);
	assert_int_equal(w->p[0].events[IKE_EV_CHILD_FAILED], 1);
	world_destroy(w);
}

/** Who ends something by command ends what comes up, or waits for its time, as well. */
static void
test_terminate_ends_trying(void **state)
{
	static const struct ike_select sa = {.ike = "gw-gw"}, child = {.child = "gre"},
				       both = {.ike = "gw-gw", .child = "gre"};
	static const struct {
		const struct ike_select *what;
		bool refused; /* the child is; else there is no peer at all */
		uint32_t after_ms, keyingtries;
		uint32_t sas, sas_then;
	} cases[] = {
		{&sa, true, 10000, 0, 1, 0},
		{&child, true, 10000, 0, 1, 1},
		{&both, true, 10000, 0, 1, 1},
		{&child, false, 100, 1, 1, 0}, /* connecting */
		{&sa, false, 100, 1, 1, 0},
		{&child, false, 20000, 1, 0, 0}, /* between two attempts */
		{&sa, false, 20000, 1, 0, 0},
	};

	(void)state;
	for (unsigned int n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		struct world *w = world_create(8900 + n);

		w->p[0].children[0].start_action = IKE_ACTION_START;
		w->p[0].conn.keyingtries = cases[n].keyingtries;
		w->p[0].cfg.retransmit_tries = 1;
		make_unfit(w, BY_SELECTORS, 0, true);
		peer_start(&w->p[0]);
		if (cases[n].refused)
			peer_start(&w->p[1]);
		world_run(w, cases[n].after_ms);
		assert_int_equal(all_sas(&w->p[0]), cases[n].sas);
		make_unfit(w, BY_SELECTORS, 0, false);
		if (!cases[n].refused)
			peer_start(&w->p[1]);
		assert_int_equal(ike_terminate(w->p[0].e, cases[n].what, w->now), 1);
		assert_int_equal(ike_terminate(w->p[0].e, &child, w->now), 0);
		world_run(w, 100000);
		assert_int_equal(all_sas(&w->p[0]), cases[n].sas_then);
		assert_int_equal(peer_live_children(&w->p[0]), 0);
		world_destroy(w);
	}
}

static const struct ike_select first_child = {.child = "gre"};

/** Of two children, while neither is there yet: it is said at once. What is asked for again comes.
 */
static void
test_terminate_one_of_two(void **state)
{
	(void)state;
	for (unsigned int which = 0; which < 2; which++) {
		struct world *w = world_create(8908 + which);
		const struct ike_select what = {.child = which == 0 ? "gre" : "other"};

		for (unsigned int i = 0; i < 2; i++) {
			w->p[i].conn.n_children = 2;
			w->p[0].children[i].start_action = IKE_ACTION_START;
		}
		peer_start(&w->p[0]);
		world_run(w, 100);
		assert_int_equal(ike_terminate(w->p[0].e, &what, w->now), 1);
		assert_int_equal(w->p[0].events[IKE_EV_CHILD_FAILED], 1);
		peer_start(&w->p[1]);
		world_run(w, 60000);
		for (unsigned int i = 0; i < 2; i++) {
			assert_int_equal(peer_live_children(&w->p[i]), 1);
			assert_ptr_equal(
				peer_sending(&w->p[i])->sa.child, &w->p[i].children[1 - which]);
		}
		assert_int_equal(w->p[0].events[IKE_EV_CHILD_UP], 1);
		assert_int_equal(ike_initiate(w->p[0].e, NULL, what.child, w->now), 0);
		world_run(w, 60000);
		for (unsigned int i = 0; i < 2; i++)
			assert_int_equal(peer_live_children(&w->p[i]), 2);
		world_destroy(w);
	}
}

/** Its DELETE waits for its turn when it is wanted after all. */
static void
test_initiate_before_the_delete(void **state)
{
	struct world *w = world_create(8907);

	(void)state;
	start_both(w);
	ike_initiate(w->p[0].e, NULL, "gre", w->now);
	world_run(w, 1000);
	assert_int_equal(ike_rekey(w->p[0].e, &(struct ike_select){.ike = "gw-gw"}, w->now), 1);
	assert_int_equal(ike_terminate(w->p[0].e, &first_child, w->now), 1);
	assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), -EALREADY);
	world_run(w, 60000);
	world_assert_settled(w, 1);
	assert_int_equal(w->p[0].events[IKE_EV_CHILD_DOWN], 0);
	world_destroy(w);
}

/** A child is terminated while its IKE SA is reauthenticated: it does not come back with the new
 * one. */
static void
test_terminate_during_reauthentication(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 40; n++) {
		struct world *w = world_create(8910 + n);
		unsigned int others = n % 2;

		w->delay_ms = 50;
		w->p[0].conn.reauth_time_s = 5;
		for (unsigned int i = 0; i < 2; i++)
			w->p[i].conn.n_children = (uint16_t)(1 + others);
		start_both(w);
		ike_initiate(w->p[0].e, NULL, "gre", w->now);
		if (others)
			ike_initiate(w->p[0].e, NULL, "other", w->now);
		world_run(w, 5190 + 25 * (n / 2)); /* it begins at 5210, and takes 320 */
		assert_true(ike_terminate(w->p[0].e, &first_child, w->now) >= 1);
		world_run(w, 2500);
		assert_int_equal(peer_live_children(&w->p[0]), others);
		assert_int_equal(peer_live_children(&w->p[1]), others);
		world_destroy(w);
	}
}

enum then { IS_REFUSED, IS_LOST, IS_INITIATED, THENS };

/** At any moment of coming up; and then the peer refuses it, or falls silent, or it is wanted after
 * all. */
static void
test_terminate_while_it_comes(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 16 * THENS; n++) {
		struct world *w = world_create(8960 + n);
		enum then then = n % THENS;

		w->delay_ms = 50;
		w->p[0].children[0].start_action = IKE_ACTION_START;
		w->p[0].children[0].dpd_action = IKE_ACTION_START;
		w->p[0].children[0].close_action = IKE_ACTION_START;
		w->p[1].conn.dpd_delay_s = 30;
		if (then == IS_REFUSED)
			make_unfit(w, BY_SELECTORS, 0, true);
		peer_start(&w->p[1]);
		peer_start(&w->p[0]);
		world_run(w, n / THENS * 25);
		assert_int_equal(ike_terminate(w->p[0].e, &first_child, w->now), 1);
		if (then == IS_LOST)
			w->cut = true;
		if (then == IS_INITIATED)
			ike_initiate(w->p[0].e, NULL, "gre", w->now);
		world_run(w, 2000);
		make_unfit(w, BY_SELECTORS, 0, false);
		world_run(w, 300000);
		w->cut = false;
		world_run(w, 60000);
		assert_int_equal(peer_live_children(&w->p[0]), then == IS_INITIATED);
		assert_int_equal(peer_live_children(&w->p[1]), then == IS_INITIATED);
		world_destroy(w);
	}
}

/** The IKE SA as a whole while a request of its own waits for an answer that never comes. */
static void
test_terminate_a_dead_peer(void **state)
{
	static const struct ike_select sa = {.ike = "gw-gw"};
	struct world *w = world_create(9010);

	(void)state;
	w->p[0].conn.dpd_delay_s = 5;
	w->p[0].children[0].dpd_action = IKE_ACTION_START;
	start_both(w);
	ike_initiate(w->p[0].e, NULL, "gre", w->now);
	world_run(w, 1000);
	world_assert_settled(w, 1);
	w->cut = true;
	world_run(w, 7000);
	assert_int_equal(ike_terminate(w->p[0].e, &sa, w->now), 1);
	world_run(w, 300000);
	assert_int_equal(all_sas(&w->p[0]), 0);
	w->cut = false;
	assert_int_equal(ike_initiate(w->p[0].e, "gw-gw", NULL, w->now), 0);
	world_run(w, 1000);
	assert_int_equal(peer_live_sas(&w->p[0]), 1);
	world_destroy(w);
}

/** An IKE SA alone that does not come up: who waits for it is told. */
static void
test_failed_alone(void **state)
{
	struct world *w = world_create(9011);

	(void)state;
	w->p[0].conn.keyingtries = 1;
	w->p[0].conn.keyingtries_set = true;
	peer_start(&w->p[0]);
	assert_int_equal(ike_initiate(w->p[0].e, "gw-gw", NULL, w->now), 0);
	world_run(w, 300000);
	assert_int_equal(w->p[0].events[IKE_EV_IKE_FAILED], 1);
	assert_int_equal(w->p[0].events[IKE_EV_IKE_DOWN], 0);
	world_destroy(w);
}

/** No address of our own when the next sequence of retransmissions should begin. */
static void
test_address_is_lost(void **state)
{
	(void)state;
	for (unsigned int tries = 0; tries < 4; tries += 3) {
		struct world *w = world_create(895 + tries);

		w->p[0].conn.keyingtries = tries;
		w->p[0].conn.keyingtries_set = true;
		w->p[0].children[0].start_action = IKE_ACTION_START;
		peer_start(&w->p[0]);
		world_run(w, 10000);
		w->p[0].no_addr = true;
		world_run(w, 200000);
		assert_int_equal(all_sas(&w->p[0]), 0);
		w->p[0].no_addr = false;
		peer_start(&w->p[1]);
		world_run(w, 40000);
		world_assert_settled(w, 1);
		world_destroy(w);
	}
}

/* ---- childless ---- */

/** How many messages until the child is up tells whether it came with IKE_AUTH. */
static void
test_childless_words(void **state)
{
	static const struct {
		enum ike_childless initiator, responder;
		unsigned int messages, children;
		bool sa;
	} cases[] = {
		{IKE_CHILDLESS_ALLOW, IKE_CHILDLESS_ALLOW, 4, 1, true},
		{IKE_CHILDLESS_PREFER, IKE_CHILDLESS_ALLOW, 6, 1, true},
		{IKE_CHILDLESS_PREFER, IKE_CHILDLESS_NEVER, 4, 1, true},
		{IKE_CHILDLESS_FORCE, IKE_CHILDLESS_FORCE, 6, 1, true},
		{IKE_CHILDLESS_FORCE, IKE_CHILDLESS_NEVER, 2, 0, false},
		/* the responder insists: the SA is up, its child was refused */
		{IKE_CHILDLESS_NEVER, IKE_CHILDLESS_FORCE, 4, 0, true},
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world *w = world_create(840 + i);

		w->p[0].conn.childless = cases[i].initiator;
		w->p[1].conn.childless = cases[i].responder;
		start_both(w);
		assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
		world_run(w, 1000);
		assert_int_equal(w->n_ike, cases[i].messages);
		world_assert_settled(w, cases[i].children);
		assert_int_equal(peer_live_sas(&w->p[0]), cases[i].sa);
		assert_int_equal(w->p[0].events[IKE_EV_CHILD_FAILED], 1 - cases[i].children);
		world_destroy(w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ignore_esp),
		cmocka_unit_test(test_young_contested),
		cmocka_unit_test(test_both_contact),
		cmocka_unit_test(test_contact_and_the_rest),
		cmocka_unit_test(test_contact_with_patterns),
		cmocka_unit_test(test_contact_of_both),
		cmocka_unit_test(test_contested_is_asked),
		cmocka_unit_test(test_child_on_its_way_returns),
		cmocka_unit_test(test_start_returns),
		cmocka_unit_test(test_refused_for_a_while),
		cmocka_unit_test(test_child_refused_for_a_while),
		cmocka_unit_test(test_child_refused_with_auth),
		cmocka_unit_test(test_terminate_ends_trying),
		cmocka_unit_test(test_terminate_one_of_two),
		cmocka_unit_test(test_initiate_before_the_delete),
		cmocka_unit_test(test_terminate_during_reauthentication),
		cmocka_unit_test(test_terminate_while_it_comes),
		cmocka_unit_test(test_terminate_a_dead_peer),
		cmocka_unit_test(test_failed_alone),
		cmocka_unit_test(test_address_is_lost),
		cmocka_unit_test(test_childless_words),
	};

	return cmocka_run_group_tests_name("peer/live", tests, NULL, NULL);
}
