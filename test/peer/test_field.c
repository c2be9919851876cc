/* SPDX-License-Identifier: BSD-3-Clause */

/* What went wrong in other implementations, in the field, done here again: name of project, number.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "forge.h"

static const struct ike_select gre = {.child = "gre"}, all = {.ike = "gw-gw"};

static void
assert_no_loss(const struct world *w)
{
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(w->p[i].esp_lost, 0);
		assert_int_equal(w->p[i].esp_no_sa, 0);
		assert_int_equal(w->p[i].esp_bad, 0);
	}
}

/** The n-th message of one kind is lost. */
struct lose {
	unsigned int from;
	uint8_t exchange;
	bool response;
	unsigned int nth;
};

static bool
lose(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	struct lose *l = w->filter_arg;

	(void)len;
	if (from != l->from || buf[18] != l->exchange ||
		((buf[19] & IKE_FLAG_RESPONSE) != 0) != l->response || l->nth == 0)
		return true;
	return --l->nth != 0;
}

/**
 * strongSwan 1896: both rekey the child, one response is lost, and the DELETE of the old child
 * comes before its repetition: no outbound SA was left.
 */
static void
test_strongswan_1896(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 40; i++) {
		struct world *w = world_create(1896 + i);
		struct lose l = {.from = i & 1,
			.exchange = IKE_X_CREATE_CHILD_SA,
			.response = (i & 2) == 0,
			.nth = 1};

		forge_connect(w);
		w->esp_every_ms = 1;
		w->filter = lose;
		w->filter_arg = &l;
		for (unsigned int k = 0; k < 2; k++)
			assert_int_equal(ike_rekey(w->p[k].e, &gre, w->now), 1);
		world_run(w, 60000);
		assert_int_equal(l.nth, 0);
		world_assert_settled(w, 1);
		assert_no_loss(w);
		world_destroy(w);
	}
}

/** Selectors that nobody has configured. */
static void
other_selectors(const struct ike_msg *m, struct ike_chain *c)
{
	struct ike_ts_list ts;

	forge_copy(m, c, IKE_PLD_TSI);
	peer_ts(&ts, "2001:db8:ffff::/64[udp]");
	ike_pld_ts_build(c, IKE_PLD_TSI, &ts);
}

/**
 * strongSwan 2477: both rekey the child, a Cisco ASA refuses ours with TS_UNACCEPTABLE while its
 * own goes through: its outbound SA was never used.
 */
static void
test_strongswan_2477(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 10; i++) {
		struct world *w = world_create(2477 + i);
		struct forge f = {
			.from = i & 1, .exchange = IKE_X_CREATE_CHILD_SA, .edit = other_selectors};
		uint32_t before;

		forge_connect(w);
		before = peer_sending(&w->p[0])->sa.id;
		w->esp_every_ms = 1;
		forge_edit(w, &f);
		assert_int_equal(ike_rekey(w->p[1 - f.from].e, &gre, w->now), 1);
		assert_int_equal(ike_rekey(w->p[f.from].e, &gre, w->now), 1);
		world_run(w, 10000);
		assert_true(f.done >= 1);
		world_assert_settled(w, 1);
		assert_int_not_equal(peer_sending(&w->p[0])->sa.id, before);
		assert_no_loss(w);
		world_destroy(w);
	}
}

/**
 * strongSwan 3042: the link goes down while the IKE SA is rekeyed, and comes back with the response
 * on it: the new IKE SA was deleted with the old one.
 */
static void
test_strongswan_3042(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 20; i++) {
		struct world *w = world_create(3042 + i);

		forge_connect(w);
		w->esp_every_ms = 1;
		assert_int_equal(ike_rekey(w->p[0].e, &all, w->now), 1);
		world_run(w, (i * 3) % 30);
		w->cut = true;
		world_run(w, 2000 + i * 1000);
		w->cut = false;
		world_run(w, 60000);
		world_assert_settled(w, 1);
		assert_no_loss(w);
		for (unsigned int k = 0; k < 2; k++) {
			assert_int_equal(peer_live_sas(&w->p[k]), 1);
			assert_int_equal(w->p[k].events[IKE_EV_IKE_DOWN], 0);
			assert_int_equal(w->p[k].events[IKE_EV_CHILD_DOWN], 0);
		}
		world_destroy(w);
	}
}

static uint32_t used_spi; /* that the forged proposal names again */

/** The SPI of the first proposal, behind its 8 bytes (3.3.1). */
static void
same_spi(const struct ike_msg *m, struct ike_chain *c)
{
	uint8_t sa[1024];

	for (unsigned int i = 0; i < m->n; i++) {
		const struct ike_payload *p = &m->pld[i];

		if (p->type != IKE_PLD_SA) {
			ike_pld_raw_build(c, p->type, p->body.p, p->body.len);
			continue;
		}
		assert_in_range(p->body.len, 12, sizeof(sa));
		memcpy(sa, p->body.p, p->body.len);
		for (unsigned int k = 0; k < 4; k++)
			sa[8 + k] = (uint8_t)(used_spi >> (24 - 8 * k));
		ike_pld_raw_build(c, IKE_PLD_SA, sa, p->body.len);
	}
}

/** strongSwan 2778: a second child with the SPI of the first was taken, by either role. */
static void
test_strongswan_2778(void **state)
{
	(void)state;
	for (unsigned int response = 0; response < 2; response++) {
		struct world *w = world_create(2778 + response);
		struct forge f = {.from = response,
			.exchange = IKE_X_CREATE_CHILD_SA,
			.response = response != 0,
			.edit = same_spi};

		forge_connect(w);
		used_spi = peer_sending(&w->p[f.from])->sa.spi_in;
		w->esp_every_ms = 1;
		forge_edit(w, &f);
		assert_int_equal(ike_rekey(w->p[0].e, &gre, w->now), 1);
		world_run(w, 5000);
		assert_int_equal(f.done, 1);
		assert_non_null(strstr(w->p[1 - f.from].log, "is that of another CHILD_SA"));
		assert_no_loss(w);
		/* without the forger all goes well */
		w->filter = NULL;
		world_run(w, 30000);
		world_assert_settled(w, 1);
		assert_no_loss(w);
		world_destroy(w);
	}
}

/**
 * But over another IKE SA the same SPI is no error: a peer that started anew, and counts them,
 * comes to it while what it lost is still here.
 */
static void
test_strongswan_2778_anew(void **state)
{
	(void)state;
	for (unsigned int contact = 0; contact < 2; contact++) {
		struct world *w = world_create(2780 + contact);
		uint32_t first;

		w->p[0].conn.unique = contact ? IKE_UNIQUE_NO : IKE_UNIQUE_NEVER;
		first = w->p[0].spi_next;
		forge_connect(w);
		world_run(w, 20000);
		peer_kill(&w->p[0]);
		w->p[0].spi_next = first;
		peer_start(&w->p[0]);
		assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
		/* our question may overtake the answer that makes the SA */
		world_run(w, 6000);
		assert_int_equal(peer_live_children(&w->p[0]), 1);
		assert_non_null(world_twin(w, 1, peer_sending(&w->p[1])));
		assert_int_equal(peer_sending(&w->p[1])->sa.spi_out, first);
		assert_int_equal(peer_live_sas(&w->p[1]), contact ? 1 : 2);
		world_destroy(w);
	}
}

static unsigned int to_refuse; /* answers */

static void
single_pair(const struct ike_msg *m, struct ike_chain *c)
{
	if (to_refuse == 0) {
		forge_copy(m, c, 0);
		return;
	}
	to_refuse--;
	for (unsigned int i = 0; i < m->n; i++)
		if (m->pld[i].type == IKE_PLD_IDR || m->pld[i].type == IKE_PLD_AUTH)
			ike_pld_raw_build(c, m->pld[i].type, m->pld[i].body.p, m->pld[i].body.len);
	ike_pld_notify_build(c, IKE_N_SINGLE_PAIR_REQUIRED, NULL, 0);
}

/** A peer that wants one pair of addresses for a CHILD_SA (2.9) gets the first one, at once; and
 * once. */
static void
test_single_pair(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 4; n++) {
		struct world *w = world_create(34 + n);
		bool auth = (n & 1) != 0, again = (n & 2) != 0;
		struct forge f = {.from = 1,
			.exchange = auth ? IKE_X_AUTH : IKE_X_CREATE_CHILD_SA,
			.response = true,
			.edit = single_pair};

		for (unsigned int i = 0; i < 2; i++) {
			struct ike_child_cfg *c = &w->p[i].children[0];

			w->p[i].conn.childless = auth ? IKE_CHILDLESS_ALLOW : IKE_CHILDLESS_FORCE;
			c->mode = IKE_MODE_TUNNEL;
			c->local_ts.ts[1] = c->local_ts.ts[0];
			c->local_ts.ts[1].proto = 17;
			c->local_ts.n = 2;
		}
		to_refuse = again && !auth ? 2 : 1;
		peer_start(&w->p[0]);
		peer_start(&w->p[1]);
		forge_edit(w, &f);
		assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
		world_run(w, 5000);
		assert_int_equal(peer_live_children(&w->p[0]), to_refuse == 0 && (auth || !again));
		if (auth || !again) {
			assert_int_equal(peer_sending(&w->p[0])->sa.local_ts.n, 1);
			assert_non_null(world_twin(w, 0, peer_sending(&w->p[0])));
		}
		world_destroy(w);
	}
}

/** strongSwan 3024: a KE of another group at a child's rekeying got NO_PROPOSAL_CHOSEN. */
static void
test_strongswan_3024(void **state)
{
	(void)state;
	for (unsigned int side = 0; side < 2; side++) {
		struct world *w = world_create(3024 + side);

		peer_proposals(&w->p[side], "aes256-sha256-ecp256", "aes256gcm16-x25519-modp2048");
		peer_proposals(&w->p[1 - side], "aes256-sha256-ecp256", "aes256gcm16-modp2048");
		forge_connect(w);
		assert_int_equal(ike_rekey(w->p[side].e, &gre, w->now), 1);
		world_run(w, 500);
		assert_int_equal(peer_sending(&w->p[0])->sa.suite.dh, IKE_DH_MODP_2048);
		assert_string_equal(w->p[0].log, "");
		world_destroy(w);
	}
}

/** What the engine of peer 0 says in CREATE_CHILD_SA. */
static struct {
	bool seen, has_ke;
	struct ike_ts_list tsi, tsr;
} said;

static void
note_said(const struct ike_msg *m, struct ike_chain *c)
{
	const struct ike_payload *tsi = ike_msg_find(m, IKE_PLD_TSI);
	const struct ike_payload *tsr = ike_msg_find(m, IKE_PLD_TSR);

	forge_copy(m, c, 0);
	if (tsi == NULL || tsr == NULL)
		return;
	said.seen = true;
	said.has_ke = ike_msg_find(m, IKE_PLD_KE) != NULL;
	assert_int_equal(ike_pld_ts_parse(&said.tsi, tsi->body), 0);
	assert_int_equal(ike_pld_ts_parse(&said.tsr, tsr->body), 0);
}

static void
rekey_and_note(struct world *w)
{
	struct forge f = {.from = 0, .exchange = IKE_X_CREATE_CHILD_SA, .edit = note_said};

	memset(&said, 0, sizeof(said));
	forge_edit(w, &f);
	assert_int_equal(ike_rekey(w->p[0].e, &gre, w->now), 1);
	world_run(w, 10000);
	w->filter = NULL;
	assert_true(said.seen);
}

static void
assert_ts(const struct ike_ts_list *l, const char *text)
{
	struct ike_ts_list want;

	peer_ts(&want, text);
	assert_int_equal(l->n, 1);
	assert_memory_equal(l->ts[0].from, want.ts[0].from, 16);
	assert_memory_equal(l->ts[0].to, want.ts[0].to, 16);
	assert_int_equal(l->ts[0].proto, want.ts[0].proto);
}

/** strongSwan 6.0.2: a rekeying offered the configured selectors, not those that were narrowed to.
 */
static void
test_strongswan_602_narrowed(void **state)
{
	(void)state;
	for (unsigned int narrower = 0; narrower < 2; narrower++) {
		struct world *w = world_create(602 + narrower);

		for (unsigned int i = 0; i < 2; i++) {
			struct ike_child_cfg *c = &w->p[i].children[0];
			const char *bits = i == narrower ? "64" : "48";
			char a[64], b[64];

			snprintf(a, sizeof(a), "fd00:1::/%s", bits);
			snprintf(b, sizeof(b), "fd00:2::/%s", bits);
			peer_ts(&c->local_ts, i == 0 ? a : b);
			peer_ts(&c->remote_ts, i == 0 ? b : a);
			c->mode = IKE_MODE_TUNNEL;
		}
		forge_connect(w);
		for (unsigned int n = 0; n < 2; n++) {
			rekey_and_note(w);
			assert_ts(&said.tsi, "fd00:1::/64");
			assert_ts(&said.tsr, "fd00:2::/64");
			world_assert_settled(w, 1);
		}
		world_destroy(w);
	}
}

/**
 * libreswan 1234: groups for PFS that have nothing in common showed at the first rekeying, and then
 * as an outage. The old child goes on, the log says why, and it is tried again.
 */
static void
test_libreswan_1234(void **state)
{
	(void)state;
	for (unsigned int side = 0; side < 2; side++) {
		struct world *w = world_create(1234 + side);

		peer_proposals(&w->p[0], "aes128-sha256-x25519", "aes128gcm16-x25519");
		peer_proposals(&w->p[1], "aes128-sha256-x25519", "aes128gcm16-ecp256");
		forge_connect(w);
		w->esp_every_ms = 10;
		assert_int_equal(ike_rekey(w->p[side].e, &gre, w->now), 1);
		world_run(w, 60000);
		world_assert_settled(w, 1);
		assert_no_loss(w);
		assert_int_equal(w->p[0].events[IKE_EV_CHILD_REKEY], 0);
		assert_non_null(strstr(w->p[1 - side].log, "no common ESP proposal"));
		assert_non_null(strstr(w->p[side].log, "failed: the peer refused it"));
		/* mended without a new IKE SA */
		world_proposals(&w->p[1].children[0].esp, IKE_PROTO_ESP, "aes128gcm16-x25519");
		world_run(w, 40000);
		assert_int_equal(w->p[0].events[IKE_EV_CHILD_REKEY], 1);
		assert_no_loss(w);
		world_destroy(w);
	}
}

/** docker-strongswan 10: the first child has no group, so PFS begins with the first rekeying, of
 * either side. */
static void
test_docker_10(void **state)
{
	(void)state;
	for (unsigned int side = 0; side < 2; side++) {
		struct world *w = world_create(10 + side);

		forge_connect(w);
		assert_int_equal(peer_sending(&w->p[0])->sa.suite.dh, IKE_DH_NONE);
		w->esp_every_ms = 1;
		assert_int_equal(ike_rekey(w->p[side].e, &gre, w->now), 1);
		world_run(w, 10000);
		for (unsigned int i = 0; i < 2; i++)
			assert_int_equal(peer_sending(&w->p[i])->sa.suite.dh, IKE_DH_CURVE25519);
		world_assert_settled(w, 1);
		assert_no_loss(w);
		world_destroy(w);
	}
}

/** strongSwan 6.0.2: `none` beside the groups makes PFS optional, for a peer that has none
 * configured. */
static void
test_strongswan_602_optional_pfs(void **state)
{
	(void)state;
	for (unsigned int old = 0; old < 2; old++) {
		struct world *w = world_create(612 + old);

		peer_proposals(&w->p[0], "aes128-sha256-x25519", "aes128gcm16-x25519-none");
		peer_proposals(&w->p[1], "aes128-sha256-x25519",
			old ? "aes128gcm16" : "aes128gcm16-x25519");
		forge_connect(w);
		for (unsigned int side = 0; side < 2; side++) {
			assert_int_equal(ike_rekey(w->p[side].e, &gre, w->now), 1);
			world_run(w, 10000);
			assert_int_equal(peer_sending(&w->p[0])->sa.suite.dh,
				old ? IKE_DH_NONE : IKE_DH_CURVE25519);
			world_assert_settled(w, 1);
		}
		assert_int_equal(w->p[0].events[IKE_EV_CHILD_REKEY], 2);
		world_destroy(w);
	}
}

/**
 * libreswan 673: a rekeying that breaks before it makes. At no instant is there no pair that both
 * ends have and send on, by either side, for children and for a reauthenticated IKE SA.
 */
static void
test_libreswan_673(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 4; n++) {
		struct world *w = world_create(673 + n);
		unsigned int side = n & 1;

		if (n & 2)
			w->p[side].conn.reauth_time_s = 5;
		forge_connect(w);
		w->esp_every_ms = 1;
		if ((n & 2) == 0)
			assert_int_equal(ike_rekey(w->p[side].e, &gre, w->now), 1);
		world_run(w, 12000);
		assert_no_loss(w);
		assert_true(peer_sending(&w->p[0])->sa.id > 1);
		assert_int_equal(w->p[side].events[IKE_EV_CHILD_REKEY], (n & 2) == 0);
		world_destroy(w);
	}
}

/**
 * libreswan 2184: both ends bring the child up at once, messages are lost, and one end had a second
 * child that the other knew nothing of, and sent on it.
 */
static void
test_libreswan_2184(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 32; i++) {
		struct world *w = world_create(2184 + i);
		struct lose l = {.from = i & 1,
			.exchange = (i & 2) != 0 ? IKE_X_AUTH : IKE_X_SA_INIT,
			.response = (i & 4) != 0,
			.nth = 1 + ((i & 8) != 0)};

		w->filter = lose;
		w->filter_arg = &l;
		for (unsigned int k = 0; k < 2; k++) {
			peer_start(&w->p[k]);
			ike_initiate(w->p[k].e, NULL, "gre", w->now);
			peer_tick(&w->p[k]);
		}
		world_run(w, 300000);
		world_assert_settled(w, 1);
		world_destroy(w);
	}
}

/** OpenIKED-portable 72: at 1.8 Gbit/s, with a limit of 500 MB, traffic stopped for good. */
static void
test_openiked_72(void **state)
{
	struct world *w = world_create(72);

	(void)state;
	/* 100 bytes stand for 225 kB: what passes in a millisecond */
	for (unsigned int i = 0; i < 2; i++)
		w->p[i].children[0].bytes = (struct ike_life){202020, 222222, 0};
	forge_connect(w);
	w->esp_every_ms = 1;
	world_run(w, 60000);
	assert_no_loss(w);
	assert_int_equal(w->p[0].events[IKE_EV_CHILD_DOWN], 0);
	assert_true(w->p[0].events[IKE_EV_CHILD_REKEY] >= 27);
	world_destroy(w);
}

/**
 * strongSwan 1855: two children, and dpd_action = restart brings both back at once: they shared one
 * identity, and traffic of one went over the other.
 */
static void
test_strongswan_1855(void **state)
{
	struct world *w = world_create(1855);

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		w->p[i].conn.n_children = 2;
		w->p[i].conn.dpd_delay_s = 2;
		w->p[i].cfg.retransmit_timeout_ms = 500;
		for (unsigned int k = 0; k < 2; k++)
			w->p[i].children[k].dpd_action = IKE_ACTION_START;
	}
	forge_connect(w);
	assert_int_equal(ike_initiate(w->p[0].e, NULL, "other", w->now), 0);
	world_run(w, 1000);
	peer_kill(&w->p[1]);
	peer_start(&w->p[1]);
	world_run(w, 120000);
	assert_int_equal(peer_live_children(&w->p[0]), 2);
	for (unsigned int k = 0; k < w->p[0].n_child; k++) {
		const struct mock_child *c = &w->p[0].child[k], *t;

		if (!c->in || !c->out)
			continue;
		t = world_twin(w, 0, c);
		assert_non_null(t);
		assert_string_equal(t->sa.child->name, c->sa.child->name);
	}
	world_destroy(w);
}

/** ESN needs a replay window (RFC 4303 A2.1), whoever configured the engine. */
static void
test_esn_without_window(void **state)
{
	(void)state;
	for (unsigned int side = 0; side < 2; side++) {
		struct world *w = world_create(4303 + side);

		for (unsigned int i = 0; i < 2; i++)
			peer_proposals(
				&w->p[i], "aes128-sha256-x25519", "aes128gcm16-x25519-esn-noesn");
		w->p[side].children[0].replay_window = 0;
		forge_connect(w);
		assert_false(peer_sending(&w->p[0])->sa.suite.esn);
		assert_int_equal(ike_rekey(w->p[side].e, &gre, w->now), 1);
		world_run(w, 10000);
		world_assert_settled(w, 1);
		assert_false(peer_sending(&w->p[0])->sa.suite.esn);
		world_destroy(w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strongswan_1896),
		cmocka_unit_test(test_strongswan_2477),
		cmocka_unit_test(test_strongswan_3042),
		cmocka_unit_test(test_strongswan_2778),
		cmocka_unit_test(test_strongswan_2778_anew),
		cmocka_unit_test(test_single_pair),
		cmocka_unit_test(test_strongswan_3024),
		cmocka_unit_test(test_strongswan_602_narrowed),
		cmocka_unit_test(test_strongswan_602_optional_pfs),
		cmocka_unit_test(test_libreswan_1234),
		cmocka_unit_test(test_libreswan_673),
		cmocka_unit_test(test_docker_10),
		cmocka_unit_test(test_libreswan_2184),
		cmocka_unit_test(test_openiked_72),
		cmocka_unit_test(test_strongswan_1855),
		cmocka_unit_test(test_esn_without_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
