/* SPDX-License-Identifier: BSD-3-Clause */

/* Rekeying of children and IKE SAs, from either side and from both at once, under traffic. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ike/sa.h"
#include "world.h"

static const struct ike_select all_children = {.child = "gre"};
static const struct ike_select all_sas = {.ike = "gw-gw"};

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
assert_no_loss(const struct world *w)
{
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(w->p[i].esp_lost, 0);
		assert_int_equal(w->p[i].esp_no_sa, 0);
		assert_int_equal(w->p[i].esp_bad, 0);
	}
}

static unsigned int
child_rekeys(struct peer *p)
{
	return (unsigned int)peer_stats(p).child_rekeys;
}

static unsigned int
ike_rekeys(struct peer *p)
{
	return (unsigned int)peer_stats(p).ike_rekeys;
}

static void
test_child_from_either_side(void **state)
{
	(void)state;
	for (unsigned int side = 0; side < 2; side++) {
		struct world *w = world_create(10 + side);
		uint32_t before;

		connect_world(w);
		w->esp_every_ms = 1;
		before = peer_sending(&w->p[0])->sa.id;
		world_run(w, 500);
		assert_int_equal(ike_rekey(w->p[side].e, &all_children, w->now), 1);
		world_run(w, 20000);
		world_assert_settled(w, 1);
		assert_no_loss(w);
		for (unsigned int i = 0; i < 2; i++) {
			struct mock_child *c = peer_sending(&w->p[i]);

			assert_int_not_equal(c->sa.id, before);
			assert_int_equal(c->sa.replaces, before);
			assert_int_equal(c->sa.suite.dh, IKE_DH_CURVE25519);
			assert_int_equal(c->sa.mode, IKE_MODE_TRANSPORT);
			assert_int_equal(w->p[i].events[IKE_EV_CHILD_UP], 1);
			assert_int_equal(w->p[i].events[IKE_EV_CHILD_DOWN], 0);
			assert_int_equal(w->p[i].events[IKE_EV_CHILD_REKEY], 1);
			assert_int_equal(child_rekeys(&w->p[i]), 1);
		}
		world_destroy(w);
	}
}

/** Without traffic the switch hangs on the DELETE alone. */
static void
test_child_silent(void **state)
{
	struct world *w = world_create(3);

	(void)state;
	connect_world(w);
	assert_int_equal(ike_rekey(w->p[1].e, &all_children, w->now), 1);
	world_run(w, 1000);
	assert_ptr_equal(world_twin(w, 0, peer_sending(&w->p[0])), peer_sending(&w->p[1]));
	world_run(w, 10000);
	world_assert_settled(w, 1);
	world_destroy(w);
}

static bool
lose_informational(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	(void)w;
	(void)len;
	return from == 1 || buf[18] != IKE_X_INFORMATIONAL;
}

/** Neither a DELETE nor a packet tells the other end that its answer has arrived: it goes over
 * late. */
static void
test_child_told_nothing(void **state)
{
	struct world *w = world_create(24);
	uint32_t before;

	(void)state;
	connect_world(w);
	before = peer_sending(&w->p[1])->sa.id;
	w->filter = lose_informational;
	assert_int_equal(ike_rekey(w->p[0].e, &all_children, w->now), 1);
	world_run(w, 14000);
	assert_int_not_equal(peer_sending(&w->p[0])->sa.id, before);
	assert_int_equal(peer_sending(&w->p[1])->sa.id, before);
	world_run(w, 2000);
	assert_int_equal(peer_sending(&w->p[1])->sa.replaces, before);
	w->filter = NULL;
	world_run(w, 60000);
	world_assert_settled(w, 1);
	world_destroy(w);
}

static bool
receives(const struct peer *p, uint32_t child)
{
	for (unsigned int i = 0; i < p->n_child; i++)
		if (p->child[i].sa.id == child && p->child[i].in)
			return true;
	return false;
}

/** What is under way on the old pair when it is deleted is received. */
static void
test_old_inbound_stays(void **state)
{
	struct world *w = world_create(25);
	uint32_t before[2];

	(void)state;
	for (unsigned int i = 0; i < 2; i++)
		w->p[i].cfg.delete_rekeyed_delay_ms = 3000;
	connect_world(w);
	for (unsigned int i = 0; i < 2; i++)
		before[i] = peer_sending(&w->p[i])->sa.id;
	assert_int_equal(ike_rekey(w->p[0].e, &all_children, w->now), 1);
	world_run(w, 2500);
	for (unsigned int i = 0; i < 2; i++)
		assert_true(receives(&w->p[i], before[i]));
	world_run(w, 1500);
	for (unsigned int i = 0; i < 2; i++)
		assert_false(receives(&w->p[i], before[i]));
	world_assert_settled(w, 1);
	world_destroy(w);
}

static void
test_ike_from_either_side(void **state)
{
	(void)state;
	for (unsigned int side = 0; side < 2; side++) {
		struct world *w = world_create(20 + side);

		connect_world(w);
		w->esp_every_ms = 1;
		assert_int_equal(ike_rekey(w->p[side].e, &all_sas, w->now), 1);
		world_run(w, 2000);
		assert_int_equal(ike_rekey(w->p[1 - side].e, &all_children, w->now), 1);
		world_run(w, 20000);
		world_assert_settled(w, 1);
		assert_no_loss(w);
		for (unsigned int i = 0; i < 2; i++) {
			assert_int_equal(peer_live_sas(&w->p[i]), 1);
			assert_int_equal(ike_rekeys(&w->p[i]), 1);
			assert_int_equal(child_rekeys(&w->p[i]), 1);
			assert_int_equal(w->p[i].events[IKE_EV_IKE_DOWN], 0);
		}
		world_run(w, 100000);
		assert_int_equal(w->p[0].ike_spis, 1);
		assert_int_equal(w->p[1].ike_spis, 1);
		world_destroy(w);
	}
}

/** Modes by configuration of initiator and responder; what was agreed outlives rekeys by each side.
 */
static void
test_mode_survives(void **state)
{
	(void)state;
	for (unsigned int mix = 0; mix < 4; mix++) {
		struct world *w = world_create(30 + mix);
		enum ike_mode want = mix == 3 ? IKE_MODE_TRANSPORT : IKE_MODE_TUNNEL;

		w->p[0].children[0].mode = (mix & 1) != 0 ? IKE_MODE_TRANSPORT : IKE_MODE_TUNNEL;
		w->p[1].children[0].mode = (mix & 2) != 0 ? IKE_MODE_TRANSPORT : IKE_MODE_TUNNEL;
		connect_world(w);
		w->esp_every_ms = 1;
		for (unsigned int n = 0; n < 6; n++) {
			assert_int_equal(peer_sending(&w->p[0])->sa.mode, want);
			assert_int_equal(ike_rekey(w->p[n % 2].e, &all_children, w->now), 1);
			if (n == 3)
				assert_int_equal(ike_rekey(w->p[0].e, &all_sas, w->now), 1);
			world_run(w, 20000);
			world_assert_settled(w, 1);
		}
		assert_int_equal(peer_sending(&w->p[0])->sa.mode, want);
		assert_no_loss(w);
		world_destroy(w);
	}
}

/** The rekeyer's first group is not the other's: INVALID_KE_PAYLOAD, for child and IKE SA. */
static void
test_other_group(void **state)
{
	(void)state;
	for (unsigned int side = 0; side < 2; side++) {
		struct world *w = world_create(40 + side);

		peer_proposals(
			&w->p[0], "aes128-sha256-x25519-ecp256", "aes128gcm16-x25519-ecp256");
		peer_proposals(&w->p[1], "aes128-sha256-ecp256", "aes128gcm16-ecp256");
		connect_world(w);
		assert_int_equal(ike_rekey(w->p[side].e, &all_children, w->now), 1);
		world_run(w, 10000);
		world_assert_settled(w, 1);
		assert_int_equal(peer_sending(&w->p[0])->sa.suite.dh, IKE_DH_ECP_256);
		assert_int_equal(ike_rekey(w->p[side].e, &all_sas, w->now), 1);
		world_run(w, 10000);
		assert_int_equal(ike_rekeys(&w->p[0]), 1);
		assert_int_equal(ike_rekeys(&w->p[1]), 1);
		world_destroy(w);
	}
}

/** PFS on one side only: optional when it says `none`, else refused, and the old child goes on. */
static void
test_pfs_one_sided(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 4; n++) {
		struct world *w = world_create(50 + n);
		unsigned int side = n & 1, optional = n >> 1;

		peer_proposals(&w->p[0], "aes128-sha256-x25519",
			optional ? "aes128gcm16-x25519-none" : "aes128gcm16-x25519");
		peer_proposals(&w->p[1], "aes128-sha256-x25519", "aes128gcm16");
		connect_world(w);
		assert_int_equal(ike_rekey(w->p[side].e, &all_children, w->now), 1);
		world_run(w, 10000);
		world_assert_settled(w, 1);
		for (unsigned int i = 0; i < 2; i++)
			assert_int_equal(child_rekeys(&w->p[i]), optional);
		assert_int_equal(peer_sending(&w->p[0])->sa.suite.dh, IKE_DH_NONE);
		if (!optional)
			assert_non_null(strstr(w->p[side].log, "NO_PROPOSAL_CHOSEN"));
		world_destroy(w);
	}
}

/** No common group: the rekeying fails, says why, and the old child goes on. */
static void
test_pfs_mismatch(void **state)
{
	struct world *w = world_create(51);
	uint32_t before;

	(void)state;
	peer_proposals(&w->p[0], "aes128-sha256-x25519", "aes128gcm16-x25519");
	peer_proposals(&w->p[1], "aes128-sha256-x25519", "aes128gcm16-ecp256");
	connect_world(w);
	w->esp_every_ms = 1;
	before = peer_sending(&w->p[0])->sa.id;
	assert_int_equal(ike_rekey(w->p[0].e, &all_children, w->now), 1);
	world_run(w, 10000);
	world_assert_settled(w, 1);
	assert_no_loss(w);
	assert_int_equal(peer_sending(&w->p[0])->sa.id, before);
	assert_non_null(strstr(w->p[0].log, "NO_PROPOSAL_CHOSEN"));
	assert_non_null(strstr(w->p[1].log, "no common ESP proposal"));
	world_destroy(w);
}

/** Both at the same moment, many times: each time one successor is left (2.8.1). */
static void
test_simultaneous(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 100; seed++) {
		struct world *w = world_create(1000 + seed);
		unsigned int what = (unsigned int)seed % 4;

		connect_world(w);
		w->esp_every_ms = 1;
		for (unsigned int i = 0; i < 2; i++)
			assert_int_equal(ike_rekey(w->p[i].e,
						 what == 1 || (what == 2 && i == 0) ? &all_sas
										    : &all_children,
						 w->now),
				1);
		if (what == 3)
			assert_int_equal(ike_rekey(w->p[seed % 2].e, &all_sas, w->now), 1);
		world_run(w, 60000);
		world_assert_settled(w, 1);
		assert_no_loss(w);
		for (unsigned int i = 0; i < 2; i++) {
			assert_int_equal(peer_live_sas(&w->p[i]), 1);
			assert_int_equal(w->p[i].ike_spis, 1);
			assert_int_equal(w->p[i].events[IKE_EV_CHILD_DOWN], 0);
		}
		world_destroy(w);
	}
}

/** One rekeys while the other deletes: nothing is left over. */
static void
test_rekey_against_delete(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct world *w = world_create(2000 + seed);
		bool whole = (seed & 2) != 0;

		connect_world(w);
		ike_rekey(w->p[seed & 1].e, (seed & 4) != 0 ? &all_sas : &all_children, w->now);
		ike_terminate(w->p[1 - (seed & 1)].e, whole ? &all_sas : &all_children, w->now);
		world_run(w, 100000);
		/* a child that was asked for anew on one side may come back, but then on both */
		assert_int_equal(peer_installed(&w->p[0]), peer_installed(&w->p[1]));
		world_assert_settled(w, peer_installed(&w->p[0]));
		if (whole)
			assert_int_equal(peer_live_sas(&w->p[0]), peer_live_sas(&w->p[1]));
		world_destroy(w);
	}
}

/**
 * A child that is being rekeyed is terminated: what takes its place ends as well. Either side
 * rekeys, and the DELETE waits for our own request to be answered.
 */
static void
test_terminate_while_rekeyed(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 8; n++) {
		struct world *w = world_create(340 + n);
		unsigned int rekeys = n & 1;

		w->p[0].conn.n_children = w->p[1].conn.n_children = 2;
		w->delay_ms = 50;
		connect_world(w);
		if (rekeys == 1) /* the window is taken, so that the DELETE waits */
			ike_initiate(w->p[0].e, NULL, "other", w->now);
		assert_int_equal(ike_rekey(w->p[rekeys].e, &all_children, w->now), 1);
		world_run(w, n / 2 * 20);
		assert_int_equal(ike_terminate(w->p[0].e, &all_children, w->now), 1);
		world_run(w, 60000);
		for (unsigned int i = 0; i < 2; i++)
			assert_int_equal(peer_live_children(&w->p[i]), rekeys);
		world_destroy(w);
	}
}

/** The same when the peer has forgotten the child, which would be set up anew. */
static void
test_terminate_while_forgotten(void **state)
{
	(void)state;
	for (unsigned int wanted = 0; wanted < 2; wanted++) {
		struct world *w = world_create(350 + wanted);

		w->delay_ms = 50;
		connect_world(w);
		assert_int_equal(ike_rekey(w->p[0].e, &all_children, w->now), 1);
		ike_child_remove(w->p[1].e->sas->children, NULL);
		if (wanted)
			assert_int_equal(ike_terminate(w->p[0].e, &all_children, w->now), 1);
		world_run(w, 60000);
		for (unsigned int i = 0; i < 2; i++)
			assert_int_equal(peer_live_children(&w->p[i]), !wanted);
		world_destroy(w);
	}
}

/** Short lifetimes on both sides, traffic all along: nothing lost, nothing left over. */
static void
test_lifetimes(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 4; seed++) {
		struct world *w = world_create(3000 + seed);

		for (unsigned int i = 0; i < 2; i++) {
			struct peer *p = &w->p[i];

			if (seed < 2 && seed != i)
				continue;
			p->children[0].time_s = (struct ike_life){5, 8, 1};
			p->conn.rekey_time_s = 20;
			p->conn.over_time_s = 10;
			p->conn.rand_time_s = 2;
		}
		connect_world(w);
		w->esp_every_ms = 1;
		world_run(w, 120000);
		assert_no_loss(w);
		assert_true(child_rekeys(&w->p[0]) >= 18);
		assert_true(ike_rekeys(&w->p[0]) >= 4);
		for (unsigned int i = 0; i < 2; i++) {
			assert_int_equal(peer_live_sas(&w->p[i]), 1);
			assert_int_equal(peer_live_children(&w->p[i]), 1);
			assert_int_equal(w->p[i].esp_dup_key, 0);
			assert_int_equal(w->p[i].events[IKE_EV_CHILD_DOWN], 0);
			assert_int_equal(w->p[i].events[IKE_EV_IKE_DOWN], 0);
		}
		world_destroy(w);
	}
}

/** Soft limits lie anywhere between rekey - rand and rekey: of time, bytes, packets, and of the IKE
 * SA. */
static void
test_jitter(void **state)
{
	uint64_t low[4] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}, high[4] = {0};

	(void)state;
	for (uint64_t seed = 0; seed < 40; seed++) {
		struct world *w = world_create(3100 + seed);
		struct ike_child_cfg *cfg = &w->p[0].children[0];
		const struct ike_child *c;
		const struct ike_sa *sa;
		uint64_t at[4];

		cfg->time_s = (struct ike_life){100, 200, 50};
		cfg->bytes = (struct ike_life){100000, 200000, 50000};
		cfg->packets = (struct ike_life){100000, 200000, 50000};
		w->p[0].conn.rekey_time_s = 100;
		w->p[0].conn.over_time_s = 100;
		w->p[0].conn.rand_time_s = 50;
		connect_world(w);
		sa = peer_sa(&w->p[0]);
		c = sa->children;
		at[0] = c->rekey_ms - c->installed_ms;
		at[1] = c->rekey_bytes;
		at[2] = c->rekey_packets;
		at[3] = sa->rekey_ms - sa->up_ms;
		for (unsigned int i = 0; i < 4; i++) {
			assert_in_range(at[i], 50000, 100000);
			low[i] = at[i] < low[i] ? at[i] : low[i];
			high[i] = at[i] > high[i] ? at[i] : high[i];
		}
		world_destroy(w);
	}
	for (unsigned int i = 0; i < 4; i++) {
		assert_true(low[i] < 60000);
		assert_true(high[i] > 90000);
	}
}

static void
peer_rekeys_after(struct world *w, uint64_t ms)
{
	world_run(w, ms);
	assert_int_equal(ike_rekey(w->p[1].e, &all_children, w->now), 1);
}

/**
 * The peer has rekeyed so far, and forgets: we do it before it deletes the child at its hard limit,
 * a tenth later. Once: then it is seen anew what the peer does, and how often.
 */
static void
test_peer_forgets(void **state)
{
	struct world *w = world_create(26);

	(void)state;
	w->p[0].children[0].time_s = (struct ike_life){3600, 4000, 0};
	connect_world(w);
	w->esp_every_ms = 10;
	peer_rekeys_after(w, 299000); /* the first is a second old */
	peer_rekeys_after(w, 200000);
	peer_rekeys_after(w, 100000); /* by hand, say */
	world_run(w, 320500);         /* not yet 300 s, a sixteenth and 2 s */
	assert_int_equal(child_rekeys(&w->p[0]), 3);
	world_run(w, 1000);
	assert_int_equal(child_rekeys(&w->p[0]), 4);
	peer_rekeys_after(w, 400000);
	world_run(w, 500000);
	assert_int_equal(child_rekeys(&w->p[0]), 5);
	peer_rekeys_after(w, 0);
	world_run(w, 540000);
	assert_int_equal(child_rekeys(&w->p[0]), 7);
	world_assert_settled(w, 1);
	assert_no_loss(w);
	world_destroy(w);
}

/** Both ends would see to it: neither takes a rekeying by hand, or the other's care, for a habit.
 */
static void
test_both_care(void **state)
{
	(void)state;
	for (unsigned int n = 1; n < 4; n++) {
		struct world *w = world_create(280 + n);

		for (unsigned int i = 0; i < 2; i++)
			w->p[i].children[0].time_s = (struct ike_life){3600, 4000, 0};
		connect_world(w);
		for (unsigned int i = 0; i < n; i++)
			peer_rekeys_after(w, 20000);
		world_run(w, 3400000);
		assert_int_equal(child_rekeys(&w->p[0]), n == 1 ? 1 : n + 1);
		world_destroy(w);
	}
}

/** Who has switched rekeying off leaves it to the peer, whatever that does. */
static void
test_peer_forgets_and_we_never_rekey(void **state)
{
	struct world *w = world_create(27);

	(void)state;
	connect_world(w);
	peer_rekeys_after(w, 10000);
	peer_rekeys_after(w, 10000);
	world_run(w, 1000000);
	assert_int_equal(child_rekeys(&w->p[0]), 2);
	world_destroy(w);
}

static void
test_byte_and_packet_limits(void **state)
{
	(void)state;
	for (unsigned int what = 0; what < 2; what++) {
		struct world *w = world_create(60 + what);
		struct ike_child_cfg *c = &w->p[0].children[0];

		if (what == 0)
			c->packets = (struct ike_life){5000, 20000, 500};
		else
			c->bytes = (struct ike_life){500000, 2000000, 50000};
		connect_world(w);
		w->esp_every_ms = 1;
		world_run(w, 60000);
		assert_no_loss(w);
		assert_true(child_rekeys(&w->p[1]) >= 8);
		world_destroy(w);
	}
}

/**
 * The hard limit is near for the rate: what lasts 5 seconds, or 1, with the soft limit that the
 * configuration gives it by default. The 100 bytes a millisecond stand for 800 Mbit/s and 500 MB.
 */
static void
test_limits_at_line_rate(void **state)
{
	(void)state;
	for (unsigned int mix = 0; mix < 8; mix++) {
		struct world *w = world_create(6200 + mix);
		struct ike_child_cfg *c = &w->p[mix & 1].children[0];
		uint64_t n = (mix & 2) != 0 ? 5000 : 1000;
		struct ike_life l = {n * 10 / 11, n, 0};

		if ((mix & 4) != 0)
			c->packets = l;
		else
			c->bytes = (struct ike_life){l.rekey * 100, l.life * 100, 0};
		connect_world(w);
		w->esp_every_ms = 1;
		world_run(w, 60000);
		assert_no_loss(w);
		assert_true(child_rekeys(&w->p[0]) >= 60000 / n);
		assert_true(child_rekeys(&w->p[0]) <= 4 * 60000 / n);
		for (unsigned int i = 0; i < 2; i++) {
			assert_int_equal(w->p[i].events[IKE_EV_CHILD_DOWN], 0);
			assert_string_equal(w->p[i].log, "");
		}
		world_destroy(w);
	}
}

/** A slow peer of the same limit: soft limits are kept where they are, not early. */
static void
test_limits_at_a_low_rate(void **state)
{
	struct world *w = world_create(6210);

	(void)state;
	w->p[0].children[0].packets = (struct ike_life){2000, 6000, 0};
	connect_world(w);
	w->esp_every_ms = 50;
	world_run(w, 99000);
	assert_int_equal(child_rekeys(&w->p[0]), 0);
	world_run(w, 3000);
	assert_int_equal(child_rekeys(&w->p[0]), 1);
	world_destroy(w);
}

/** Counters past the soft limit do not make a peer that refuses be asked over and over. */
static void
test_refused_soft_limit(void **state)
{
	struct world *w = world_create(6220);
	unsigned int n;

	(void)state;
	peer_proposals(&w->p[0], "aes128-sha256-x25519", "aes128gcm16-x25519");
	peer_proposals(&w->p[1], "aes128-sha256-x25519", "aes128gcm16-ecp256");
	w->p[0].children[0].packets = (struct ike_life){1000, 0, 0};
	connect_world(w);
	w->esp_every_ms = 1;
	world_run(w, 5000);
	n = w->n_ike;
	world_run(w, 60000);
	/* a try and its answer each 15 to 18 s */
	assert_in_range(w->n_ike - n, 4, 10);
	assert_no_loss(w);
	world_destroy(w);
}

/** Sequence numbers near their end force a rekeying, with or without ESN. */
static void
test_sequence_end(void **state)
{
	(void)state;
	for (unsigned int esn = 0; esn < 2; esn++) {
		struct world *w = world_create(70 + esn);
		uint64_t soft = esn ? UINT64_C(0xc000000000000000) : 0xc0000000u;

		for (unsigned int i = 0; i < 2; i++)
			peer_proposals(&w->p[i], "aes128-sha256-x25519",
				esn ? "aes128gcm16-x25519-esn" : "aes128gcm16-x25519");
		connect_world(w);
		assert_int_equal(peer_sending(&w->p[1])->sa.suite.esn, esn);
		peer_sending(&w->p[1])->st.seq_out = soft;
		world_run(w, 60000);
		assert_int_equal(child_rekeys(&w->p[0]), 1);
		world_assert_settled(w, 1);
		world_destroy(w);
	}
}

/** Nobody could rekey before the last number: the child ends, a new one comes if it is wanted. */
static void
test_sequence_used_up(void **state)
{
	(void)state;
	for (unsigned int start = 0; start < 2; start++) {
		struct world *w = world_create(73 + start);

		connect_world(w);
		w->p[1].children[0].start_action = start ? IKE_ACTION_START : IKE_ACTION_TRAP;
		peer_sending(&w->p[1])->st.seq_out = UINT32_MAX;
		world_run(w, 60000);
		assert_int_equal(child_rekeys(&w->p[1]), 0);
		assert_int_equal(w->p[1].events[IKE_EV_CHILD_DOWN], 1);
		assert_string_equal(w->p[1].reason, "its hard limit was reached");
		world_assert_settled(w, start);
		world_destroy(w);
	}
}

/** Nobody rekeys: the hard limit ends the child on both sides; a new one comes if it is wanted. */
static void
test_hard_limit(void **state)
{
	(void)state;
	for (unsigned int mix = 0; mix < 6; mix++) {
		struct world *w = world_create(7100 + mix);
		struct ike_child_cfg *c = &w->p[0].children[0];
		bool start = (mix & 1) != 0;

		if (mix / 2 == 0)
			c->time_s = (struct ike_life){0, 11, 0};
		else if (mix / 2 == 1)
			c->bytes = (struct ike_life){0, 1000000, 0};
		else
			c->packets = (struct ike_life){0, 10000, 0};
		/* the peer neither rekeys by itself nor lets us */
		peer_proposals(&w->p[0], "aes128-sha256-x25519", "aes128gcm16-x25519");
		peer_proposals(&w->p[1], "aes128-sha256-x25519", "aes128gcm16-ecp256");
		connect_world(w);
		c->start_action = start ? IKE_ACTION_START : IKE_ACTION_NONE;
		w->esp_every_ms = 1;
		world_run(w, 9500);
		assert_int_equal(w->p[0].esp_no_sa, 0);
		world_run(w, 1000);
		assert_in_range(w->p[0].esp_sent, 9900, mix / 2 == 0 ? 10100 : 10030);
		assert_int_equal(w->p[0].events[IKE_EV_CHILD_DOWN], 1);
		assert_int_equal(w->p[1].events[IKE_EV_CHILD_DOWN], 1);
		/* a new one is asked for, but needs a group that the peer refuses */
		assert_int_equal(w->p[0].events[IKE_EV_CHILD_FAILED], start);
		assert_int_equal(peer_installed(&w->p[0]), 0);
		assert_int_equal(peer_installed(&w->p[1]), 0);
		world_destroy(w);
	}
}

/** It is reached while the DELETE of a child that somebody terminated is on its way: that stays
 * ended. */
static void
test_hard_limit_of_terminated(void **state)
{
	struct world *w = world_create(72);

	(void)state;
	w->p[0].children[0].packets = (struct ike_life){0, 1000, 0};
	peer_proposals(&w->p[0], "aes128-sha256-x25519", "aes128gcm16-x25519");
	peer_proposals(&w->p[1], "aes128-sha256-x25519", "aes128gcm16-ecp256");
	connect_world(w);
	w->p[0].children[0].start_action = IKE_ACTION_START;
	w->delay_ms = 100;
	w->esp_every_ms = 1;
	world_run(w, 970);
	assert_int_equal(ike_terminate(w->p[0].e, &all_children, w->now), 1);
	world_run(w, 10000);
	assert_int_equal(peer_live_children(&w->p[0]), 0);
	assert_null(strstr(w->p[0].log, "hard limit"));
	world_destroy(w);
}

/** Reauthentication by that end, by both with 2, over and over; nothing is lost and one SA is left.
 */
static void
reauthenticate(struct world *w, unsigned int who, unsigned int n_children)
{
	for (unsigned int i = 0; i < 2; i++) {
		w->p[i].conn.n_children = (uint16_t)n_children;
		w->p[i].conn.reauth_time_s = who == i || who == 2 ? 30 : 0;
	}
	connect_world(w);
	for (unsigned int i = 1; i < n_children; i++)
		assert_int_equal(ike_initiate(w->p[0].e, NULL, "other", w->now), 0);
	world_run(w, 1000);
	w->esp_every_ms = 1;
	world_run(w, 115000);
	w->esp_every_ms = 0;
	world_run(w, 3000);
	assert_no_loss(w);
	world_assert_settled(w, n_children);
	for (unsigned int i = 0; i < 2; i++) {
		struct peer *p = &w->p[i];

		assert_int_equal(peer_live_sas(p), 1);
		assert_true(p->events[IKE_EV_IKE_UP] >= 4);
		assert_int_equal(p->events[IKE_EV_IKE_DOWN], p->events[IKE_EV_IKE_UP] - 1);
		assert_int_equal(
			p->events[IKE_EV_CHILD_DOWN], p->events[IKE_EV_CHILD_UP] - n_children);
		assert_string_equal(p->log, "");
	}
}

static void
test_reauthentication(void **state)
{
	(void)state;
	for (unsigned int unique = IKE_UNIQUE_NO; unique <= IKE_UNIQUE_REPLACE; unique++)
		for (unsigned int who = 0; who < 3; who++) {
			struct world *w = world_create(7200 + 10 * unique + who);

			w->p[0].conn.unique = w->p[1].conn.unique = (enum ike_unique)unique;
			reauthenticate(w, who, 1);
			world_destroy(w);
		}
}

static void
test_reauthentication_of_two_children(void **state)
{
	(void)state;
	for (unsigned int who = 0; who < 2; who++) {
		struct world *w = world_create(7300 + who);

		reauthenticate(w, who, 2);
		world_destroy(w);
	}
}

/** The new SA is rekeyed by the peer while its second child is refused for now: the old one goes.
 */
static void
test_reauthentication_rekeyed(void **state)
{
	const struct ike_select all = {.ike = "gw-gw"};

	(void)state;
	for (unsigned int seed = 0; seed < 20; seed++) {
		struct world *w = world_create(7320 + seed);

		w->delay_ms = 20;
		w->p[0].conn.n_children = w->p[1].conn.n_children = 2;
		connect_world(w);
		assert_int_equal(ike_initiate(w->p[0].e, NULL, "other", w->now), 0);
		world_run(w, 1000);
		world_assert_settled(w, 2);
		w->p[0].conn.reauth_time_s = 30;
		assert_int_equal(ike_rekey(w->p[0].e, &all, w->now), 1);
		for (unsigned int ms = 0; ms < 60000 && w->p[1].events[IKE_EV_IKE_UP] < 2; ms++)
			world_run(w, 1);
		w->p[0].conn.reauth_time_s = 0;
		assert_true(ike_rekey(w->p[1].e, &all, w->now) > 0);
		world_run(w, 60000);
		world_assert_settled(w, 2);
		assert_int_equal(peer_live_sas(&w->p[0]), 1);
		assert_int_equal(peer_live_sas(&w->p[1]), 1);
		world_destroy(w);
	}
}

/** A peer of any address, which has moved: it is found where it is. */
static void
test_reauthentication_by_the_responder_of_any(void **state)
{
	struct world *w = world_create(7310);

	(void)state;
	w->p[1].conn.n_remote = 0;
	peer_id(&w->p[1].conn.remote.id, "2001:db8::1");
	reauthenticate(w, 1, 1);
	world_destroy(w);
}

/** The DELETE of the old SA is long in coming, the new one's answers are: sending moves at once. */
static bool
lose_deletes(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	struct peer *p = &w->p[0];

	(void)buf;
	(void)len;
	return from != 0 || p->events[IKE_EV_IKE_UP] < 2 || *(bool *)w->filter_arg;
}

static void
test_reauthentication_without_traffic(void **state)
{
	struct world *w = world_create(7320);
	bool open = false;

	(void)state;
	w->filter = lose_deletes;
	w->filter_arg = &open;
	w->p[0].conn.reauth_time_s = 30;
	connect_world(w);
	world_run(w, 30000);
	assert_int_equal(w->p[0].events[IKE_EV_IKE_UP], 2);
	open = true;
	world_run(w, 9000);
	assert_int_equal(peer_live_sas(&w->p[1]), 1);
	assert_ptr_equal(world_twin(w, 0, peer_sending(&w->p[0])), peer_sending(&w->p[1]));
	world_destroy(w);
}

/** A link that loses: what was in use goes on until what replaces it is. */
static void
test_reauthentication_over_a_bad_link(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 30; seed++) {
		struct world *w = world_create(7400 + seed);

		w->p[seed % 2].conn.reauth_time_s = 30;
		connect_world(w);
		w->loss = 200;
		w->reorder = w->dup = 100;
		w->esp_every_ms = 1;
		world_run(w, 70000);
		w->loss = w->reorder = w->dup = 0;
		world_run(w, 100000);
		assert_no_loss(w);
		assert_int_equal(peer_live_sas(&w->p[0]), peer_live_sas(&w->p[1]));
		world_destroy(w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_child_from_either_side),
		cmocka_unit_test(test_child_silent),
		cmocka_unit_test(test_child_told_nothing),
		cmocka_unit_test(test_old_inbound_stays),
		cmocka_unit_test(test_ike_from_either_side),
		cmocka_unit_test(test_mode_survives),
		cmocka_unit_test(test_other_group),
		cmocka_unit_test(test_pfs_one_sided),
		cmocka_unit_test(test_pfs_mismatch),
		cmocka_unit_test(test_simultaneous),
		cmocka_unit_test(test_rekey_against_delete),
		cmocka_unit_test(test_terminate_while_rekeyed),
		cmocka_unit_test(test_terminate_while_forgotten),
		cmocka_unit_test(test_lifetimes),
		cmocka_unit_test(test_jitter),
		cmocka_unit_test(test_peer_forgets),
		cmocka_unit_test(test_both_care),
		cmocka_unit_test(test_peer_forgets_and_we_never_rekey),
		cmocka_unit_test(test_byte_and_packet_limits),
		cmocka_unit_test(test_limits_at_line_rate),
		cmocka_unit_test(test_limits_at_a_low_rate),
		cmocka_unit_test(test_refused_soft_limit),
		cmocka_unit_test(test_sequence_end),
		cmocka_unit_test(test_sequence_used_up),
		cmocka_unit_test(test_hard_limit),
		cmocka_unit_test(test_hard_limit_of_terminated),
		cmocka_unit_test(test_reauthentication),
		cmocka_unit_test(test_reauthentication_of_two_children),
		cmocka_unit_test(test_reauthentication_rekeyed),
		cmocka_unit_test(test_reauthentication_by_the_responder_of_any),
		cmocka_unit_test(test_reauthentication_without_traffic),
		cmocka_unit_test(test_reauthentication_over_a_bad_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
