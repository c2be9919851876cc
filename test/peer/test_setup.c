/* SPDX-License-Identifier: BSD-3-Clause */

/* Setting up: roles, algorithms, modes, selectors, identities; what is refused and what is said. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ike/sa.h"
#include "world.h"

static struct world *
connected(struct world *w, unsigned int initiator)
{
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	assert_int_equal(ike_initiate(w->p[initiator].e, "gw-gw", "gre", w->now), 0);
	world_run(w, 3000);
	return w;
}

static void
test_scenario(void **state)
{
	(void)state;
	for (unsigned int initiator = 0; initiator < 2; initiator++) {
		struct world *w = world_create(1);

		for (unsigned int i = 0; i < 2; i++)
			peer_proposals(&w->p[i], "aes128-sha1-modp1024", "aes128-sha1-modp1024");
		connected(w, initiator);
		world_assert_settled(w, 1);
		assert_int_equal(w->n_ike, 4);
		for (unsigned int i = 0; i < 2; i++) {
			struct mock_child *c = peer_sending(&w->p[i]);

			assert_int_equal(c->sa.mode, IKE_MODE_TRANSPORT);
			assert_int_equal(c->sa.suite.encr, IKE_ENCR_AES_CBC);
			assert_int_equal(c->sa.suite.integ, IKE_INTEG_HMAC_SHA1_96);
			assert_int_equal(c->sa.suite.dh, IKE_DH_NONE);
			assert_int_equal(c->sa.encr_key_len, 16);
			assert_int_equal(c->sa.integ_key_len, 20);
			assert_int_equal(c->sa.udp_encap, false);
			assert_int_equal(c->sa.local_ts.ts[0].proto, 47);
			assert_int_equal(c->sa.initiator, i == initiator);
			assert_int_equal(w->p[i].events[IKE_EV_IKE_UP], 1);
			assert_int_equal(w->p[i].events[IKE_EV_CHILD_UP], 1);
			assert_int_equal(w->p[i].events[IKE_EV_CHILD_FAILED], 0);
		}
		assert_int_equal(ike_initiate(w->p[0].e, "gw-gw", "gre", w->now), -EALREADY);
		world_destroy(w);
	}
}

/** Each IKE and ESP algorithm of ours once. */
static void
test_algorithms(void **state)
{
	static const struct {
		const char *ike, *esp;
		uint16_t encr;
		uint8_t key_len, integ_len;
	} cases[] = {
		{"aes128-sha1-modp1024", "aes128-sha1", IKE_ENCR_AES_CBC, 16, 20},
		{"aes192-sha256-modp1536", "aes192-sha256", IKE_ENCR_AES_CBC, 24, 32},
		{"aes256-sha384-modp2048", "aes256-sha384", IKE_ENCR_AES_CBC, 32, 48},
		{"aes256-sha512-ecp521", "aes256-sha512", IKE_ENCR_AES_CBC, 32, 64},
		{"aes256gcm16-prfsha384-ecp384", "aes128gcm16", IKE_ENCR_AES_GCM_16, 20, 0},
		{"aes128gcm8-prfsha256-x25519", "aes256gcm8", IKE_ENCR_AES_GCM_8, 36, 0},
		{"aes192gcm12-prfsha512-x448", "aes192gcm12", IKE_ENCR_AES_GCM_12, 28, 0},
		{"chacha20poly1305-prfsha256-x25519", "chacha20poly1305",
			IKE_ENCR_CHACHA20_POLY1305, 36, 0},
		{"aes128-sha256-ecp256", "null-sha256", IKE_ENCR_NULL, 0, 32},
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world *w = world_create(100 + i);
		struct mock_child *c;

		peer_proposals(&w->p[0], cases[i].ike, cases[i].esp);
		peer_proposals(&w->p[1], cases[i].ike, cases[i].esp);
		connected(w, i % 2);
		world_assert_settled(w, 1);
		c = peer_sending(&w->p[0]);
		assert_int_equal(c->sa.suite.encr, cases[i].encr);
		assert_int_equal(c->sa.encr_key_len, cases[i].key_len);
		assert_int_equal(c->sa.integ_key_len, cases[i].integ_len);
		world_destroy(w);
	}
}

static void
test_esn(void **state)
{
	struct world *w = world_create(2);

	(void)state;
	peer_proposals(&w->p[0], "aes128-sha256-x25519", "aes128gcm16-esn aes128gcm16");
	peer_proposals(&w->p[1], "aes128-sha256-x25519", "aes128gcm16-esn");
	connected(w, 0);
	world_assert_settled(w, 1);
	assert_true(peer_sending(&w->p[0])->sa.suite.esn);
	world_destroy(w);
}

/** The first group guessed is not the responder's (INVALID_KE_PAYLOAD), from either side. */
static void
test_group_guess(void **state)
{
	(void)state;
	for (unsigned int side = 0; side < 2; side++) {
		struct world *w = world_create(3);

		peer_proposals(&w->p[0], "aes128-sha256-x25519-modp2048", "aes128gcm16");
		peer_proposals(&w->p[1], "aes128-sha256-modp2048", "aes128gcm16");
		connected(w, side);
		world_assert_settled(w, 1);
		assert_int_equal(w->n_ike, side == 0 ? 6 : 4);
		world_destroy(w);
	}
}

/**
 * The responder has two connections, which allow different groups: which one answers decides
 * whether the group is asked for anew (INVALID_KE_PAYLOAD), and the answer to that leads to the
 * same one.
 */
static void
test_group_of_candidate(void **state)
{
	static const struct {
		const char *offer;
		unsigned int conn, n_ike;
	} v[] = {
		{"aes128-sha256-x25519-modp2048", 1,
			6}, /* of both the more specific one, once more */
		{"aes128-sha256-modp2048", 1, 4},
		{"aes128-sha256-x25519", 0, 4}, /* only anybody's connection takes it */
		{"aes128-sha256-x25519 aes128-sha256-modp2048", 1, 6},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct world *w = world_create(30);
		struct ike_conn_cfg conns[2];

		peer_proposals(&w->p[0], v[i].offer, "aes128gcm16");
		conns[0] = conns[1] = w->p[1].conn;
		world_proposals(&conns[0].proposals, IKE_PROTO_IKE, "aes128-sha256-x25519");
		world_proposals(&conns[1].proposals, IKE_PROTO_IKE, "aes128-sha256-modp2048");
		snprintf(conns[0].name, sizeof(conns[0].name), "any");
		conns[0].n_remote = 0;
		w->p[1].cfg.conns = conns;
		w->p[1].cfg.n_conns = 2;
		connected(w, 0);
		world_assert_settled(w, 1);
		assert_ptr_equal(peer_sending(&w->p[1])->sa.conn, &conns[v[i].conn]);
		assert_int_equal(w->n_ike, v[i].n_ike);
		world_destroy(w);
	}
}

/** Somebody on the way asks for a group that we do not offer: not followed. */
static bool
weaken(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	static const uint8_t notify[] = {0, 0, 0, 10, 0, 0, 0, 17, 0, 2};

	(void)w;
	if (from != 1)
		return true;
	/* header with Next Payload 41, one N(INVALID_KE_PAYLOAD) for group 2, length 38 */
	buf[16] = 41;
	memcpy(buf + 28, notify, sizeof(notify));
	*len = 38;
	memset(buf + 24, 0, 3);
	buf[27] = 38;
	return true;
}

static void
test_weaker_group(void **state)
{
	struct world *w = world_create(4);

	(void)state;
	w->filter = weaken;
	connected(w, 0);
	world_assert_settled(w, 0);
	assert_int_equal(w->p[0].events[IKE_EV_CHILD_FAILED], 1);
	assert_non_null(strstr(w->p[0].reason, "group that is not configured"));
	world_destroy(w);
}

static bool
drop_auth(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	(void)w;
	(void)from;
	(void)len;
	return buf[18] != 35;
}

/** One half-open SA is enough for a cookie to be asked; two for silence. */
static void
test_cookie_and_limit(void **state)
{
	struct world *w = world_create(5);
	struct ike_stats st;

	(void)state;
	w->p[1].cfg.cookie_threshold = 1;
	w->p[1].cfg.half_open_max = 2;
	w->filter = drop_auth;
	connected(w, 0);
	for (unsigned int n = 0; n < 2; n++) {
		peer_kill(&w->p[0]);
		peer_start(&w->p[0]);
		assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
		world_run(w, 1000);
		ike_get_stats(w->p[1].e, &st);
		assert_int_equal(st.cookies_asked, 1);
		assert_int_equal(st.n_half_open, 2);
	}
	assert_true(st.init_dropped >= 1);
	/* the half-open ones time out, and then who is serious gets in */
	w->filter = NULL;
	world_run(w, 60000);
	ike_get_stats(w->p[1].e, &st);
	assert_int_equal(st.n_half_open, 0);
	world_assert_settled(w, 1);
	world_destroy(w);
}

static void
test_wrong_psk(void **state)
{
	(void)state;
	for (unsigned int side = 0; side < 2; side++) {
		struct world *w = world_create(6);

		peer_psk(&w->p[1], "MyFavouriteMealIsFondue");
		connected(w, side);
		world_run(w, 60000);
		world_assert_settled(w, 0);
		for (unsigned int i = 0; i < 2; i++) {
			assert_int_equal(w->p[i].n_child, 0);
			assert_int_equal(w->p[i].events[IKE_EV_IKE_UP], 0);
			assert_int_equal(w->p[i].events[IKE_EV_CHILD_FAILED], i == side);
			assert_non_null(strstr(w->p[i].log, "pre-shared key"));
			assert_null(strstr(w->p[i].log, "Raclette"));
			assert_null(strstr(w->p[i].log, "Fondue"));
			assert_int_equal(w->p[i].ike_spis, 0);
		}
		assert_non_null(strstr(w->p[side].log, "AUTHENTICATION_FAILED"));
		world_destroy(w);
	}
}

/** The responder knows the secret but is somebody else: the initiator refuses and says so. */
static void
test_wrong_responder(void **state)
{
	struct world *w = world_create(7);

	(void)state;
	peer_id(&w->p[1].conn.local.id, "impostor.example.org");
	w->p[0].conn.remote.id.type = IKE_ID_ANY;
	connected(w, 0);
	world_assert_settled(w, 1); /* anybody is configured: fine */
	world_destroy(w);

	w = world_create(8);
	peer_id(&w->p[1].conn.local.id, "b.example.org");
	peer_id(&w->p[0].conn.remote.id, "*.example.com");
	connected(w, 0);
	world_run(w, 10000);
	world_assert_settled(w, 0);
	assert_int_equal(w->p[0].events[IKE_EV_CHILD_FAILED], 1);
	assert_int_equal(w->p[0].n_child, 0);
	assert_non_null(strstr(w->p[0].log, "remote id is configured as '*.example.com'"));
	assert_non_null(strstr(w->p[1].log, "AUTHENTICATION_FAILED"));
	assert_int_equal(w->p[1].events[IKE_EV_CHILD_DOWN], 1);
	world_destroy(w);
}

/** Who is refused may be set right later: what is to be up always is tried again. */
static void
test_wrong_responder_for_a_while(void **state)
{
	struct world *w = world_create(8);

	(void)state;
	peer_id(&w->p[1].conn.local.id, "b.example.org");
	peer_id(&w->p[0].conn.remote.id, "*.example.com");
	w->p[0].children[0].start_action = IKE_ACTION_START;
	peer_start(&w->p[1]);
	peer_start(&w->p[0]);
	world_run(w, 10000);
	world_assert_settled(w, 0);
	assert_int_equal(w->p[0].events[IKE_EV_CHILD_FAILED], 1);
	peer_id(&w->p[1].conn.local.id, "b.example.com");
	world_run(w, 40000);
	world_assert_settled(w, 1);
	world_destroy(w);
}

/** A reauthentication that is refused leaves the old SA in place, which tries again. */
static void
test_wrong_responder_at_reauthentication(void **state)
{
	struct world *w = world_create(8);

	(void)state;
	peer_id(&w->p[1].conn.local.id, "b.example.com");
	peer_id(&w->p[0].conn.remote.id, "*.example.com");
	w->p[0].conn.reauth_time_s = 30;
	w->p[0].conn.over_time_s = 300;
	connected(w, 0);
	peer_id(&w->p[1].conn.local.id, "b.example.org");
	world_run(w, 40000);
	world_assert_settled(w, 1);
	assert_int_equal(w->p[0].events[IKE_EV_IKE_UP], 1);
	assert_non_null(strstr(w->p[0].log, "that is not whom we want"));
	peer_id(&w->p[1].conn.local.id, "b.example.com");
	world_run(w, 70000);
	world_assert_settled(w, 1);
	assert_true(w->p[0].events[IKE_EV_IKE_UP] > 1);
	world_destroy(w);
}

static void
test_wrong_initiator(void **state)
{
	struct world *w = world_create(9);

	(void)state;
	peer_id(&w->p[0].conn.local.id, "a.example.org");
	peer_id(&w->p[1].conn.remote.id, "c.example.org");
	connected(w, 0);
	world_assert_settled(w, 0);
	assert_non_null(
		strstr(w->p[1].log, "no connection matches the peer's identity 'a.example.org'"));
	world_destroy(w);
}

static void
test_identities(void **state)
{
	static const char *const ids[] = {"a.example.org", "carol@example.org", "@#cafe01",
		"2001:db8::77", "C=CH, O=raclette, CN=gw"};

	(void)state;
	for (unsigned int i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct world *w = world_create(200 + i);

		peer_id(&w->p[0].conn.local.id, ids[i]);
		peer_id(&w->p[1].conn.remote.id, ids[i]);
		connected(w, i % 2);
		world_assert_settled(w, 1);
		assert_true(ike_id_equal(
			&peer_sending(&w->p[1])->sa.remote_id, &w->p[0].conn.local.id));
		world_destroy(w);
	}
}

/** Several secrets: the one whose owners fit best, not the first. */
static void
test_secret_choice(void **state)
{
	struct world *w = world_create(10);
	struct ike_secret s[3];
	struct ike_id owner[2];

	(void)state;
	memset(s, 0, sizeof(s));
	for (unsigned int i = 0; i < 3; i++)
		s[i].type = IKE_SECRET_PSK;
	s[0].data = (uint8_t *)(uintptr_t) "for anybody";
	s[0].len = 11;
	s[1] = w->p[0].secret;
	s[1].n_owners = 1;
	s[1].owners = &owner[0];
	peer_id(&owner[0], "2001:db8::2");
	s[2].data = (uint8_t *)(uintptr_t) "for another";
	s[2].len = 11;
	s[2].n_owners = 1;
	s[2].owners = &owner[1];
	peer_id(&owner[1], "2001:db8::3");
	w->p[0].cfg.secrets = s;
	w->p[0].cfg.n_secrets = 3;
	connected(w, 1);
	world_assert_settled(w, 1);
	world_destroy(w);
}

static void
test_no_common_ike_proposal(void **state)
{
	struct world *w = world_create(11);

	(void)state;
	peer_proposals(&w->p[1], "aes256-sha512-x25519", "aes128gcm16");
	connected(w, 0);
	world_assert_settled(w, 0);
	assert_int_equal(w->p[0].events[IKE_EV_CHILD_FAILED], 1);
	assert_non_null(strstr(w->p[0].reason, "NO_PROPOSAL_CHOSEN"));
	assert_non_null(strstr(w->p[1].log, "AES_CBC_128"));
	assert_non_null(strstr(w->p[1].log, "AES_CBC_256"));
	world_destroy(w);
}

/** The IKE SA comes up all the same, and a second attempt needs no new one. */
static void
test_no_common_esp_proposal(void **state)
{
	struct world *w = world_create(12);

	(void)state;
	peer_proposals(&w->p[1], "aes128-sha256-x25519", "aes256gcm16");
	connected(w, 0);
	world_assert_settled(w, 0);
	assert_int_equal(peer_live_sas(&w->p[0]), 1);
	assert_int_equal(peer_live_sas(&w->p[1]), 1);
	assert_int_equal(w->p[0].events[IKE_EV_CHILD_FAILED], 1);
	assert_non_null(strstr(w->p[0].reason, "NO_PROPOSAL_CHOSEN"));
	assert_non_null(strstr(w->p[1].log, "no common ESP proposal"));
	peer_proposals(&w->p[0], "aes128-sha256-x25519", "aes128gcm16 aes256gcm16");
	assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
	world_run(w, 1000);
	world_assert_settled(w, 1);
	assert_int_equal(w->n_ike, 6);
	world_destroy(w);
}

static void
test_selectors(void **state)
{
	static const struct {
		const char *ours, *theirs;
		unsigned int n;
		uint8_t proto;
	} cases[] = {
		{"dynamic", "dynamic[gre]", 1, 47}, /* the responder narrows */
		{"dynamic[gre]", "dynamic", 1, 47},
		{"dynamic[tcp]", "dynamic[gre]", 0, 0},
		{"2001:db8:1::/64", "2001:db8:2::/64", 0, 0},
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world *w = world_create(300 + i);

		for (unsigned int k = 0; k < 2; k++) {
			const char *text = k == 0 ? cases[i].ours : cases[i].theirs;

			peer_ts(&w->p[k].children[0].local_ts, text);
			peer_ts(&w->p[k].children[0].remote_ts, text);
		}
		connected(w, 0);
		world_assert_settled(w, cases[i].n);
		if (cases[i].n == 0) {
			assert_non_null(strstr(w->p[0].reason, "TS_UNACCEPTABLE"));
			assert_non_null(strstr(w->p[1].log, "no common selectors"));
		} else {
			assert_int_equal(
				peer_sending(&w->p[0])->sa.local_ts.ts[0].proto, cases[i].proto);
			assert_int_equal(
				peer_sending(&w->p[1])->sa.local_ts.ts[0].proto, cases[i].proto);
		}
		world_destroy(w);
	}
}

/** Selectors that are more than the two hosts: transport mode is not even offered. */
static void
test_transport_needs_hosts(void **state)
{
	struct world *w = world_create(13);

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		peer_ts(&w->p[i].children[0].local_ts, i == 0 ? "fd00:1::/64" : "fd00:2::/64");
		peer_ts(&w->p[i].children[0].remote_ts, i == 0 ? "fd00:2::/64" : "fd00:1::/64");
	}
	connected(w, 0);
	world_assert_settled(w, 1);
	assert_int_equal(peer_sending(&w->p[0])->sa.mode, IKE_MODE_TUNNEL);
	world_destroy(w);
}

static void
test_several_children(void **state)
{
	struct world *w = world_create(14);

	(void)state;
	w->p[0].conn.n_children = w->p[1].conn.n_children = 2;
	connected(w, 0);
	assert_int_equal(ike_initiate(w->p[1].e, NULL, "other", w->now), 0);
	world_run(w, 1000);
	world_assert_settled(w, 2);
	assert_int_equal(peer_live_sas(&w->p[0]), 1);
	assert_string_equal(peer_sending(&w->p[0])->sa.child->name, "other");
	world_destroy(w);
}

static void
test_childless(void **state)
{
	struct world *w = world_create(15);

	(void)state;
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	assert_int_equal(ike_initiate(w->p[0].e, "gw-gw", NULL, w->now), 0);
	world_run(w, 1000);
	world_assert_settled(w, 0);
	assert_int_equal(peer_live_sas(&w->p[1]), 1);
	assert_int_equal(ike_initiate(w->p[1].e, "gw-gw", "gre", w->now), 0);
	world_run(w, 1000);
	world_assert_settled(w, 1);
	assert_int_equal(peer_live_sas(&w->p[1]), 1);
	world_destroy(w);
}

/** A NAT, found or faked: 4500 on both sides, ESP in UDP. */
static void
test_nat(void **state)
{
	(void)state;
	for (unsigned int how = 0; how < 3; how++) {
		struct world *w = world_create(16 + how);

		w->nat = how == 0;
		w->p[0].conn.encap = how == 1;
		w->p[1].conn.encap = how == 2;
		connected(w, 0);
		world_assert_settled(w, 1);
		for (unsigned int i = 0; i < 2; i++) {
			assert_true(peer_sending(&w->p[i])->sa.udp_encap);
			assert_int_equal(peer_sending(&w->p[i])->sa.path.local_port, 4500);
			assert_int_equal(peer_sending(&w->p[i])->sa.path.remote_port,
				how == 0 && i == 1 ? 14500 : 4500);
		}
		world_destroy(w);
	}
}

/** Either port at 4500 means both: what comes to 500 has no marker (RFC 3948 2.2). */
static void
test_ports(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 4; n++) {
		struct world *w = world_create(2160 + n);
		uint16_t want = n == 0 ? 500 : 4500;

		w->p[0].conn.local_port = n & 1 ? 4500 : 500;
		w->p[0].conn.remote_port = n & 2 ? 4500 : 500;
		connected(w, 0);
		world_assert_settled(w, 1);
		for (unsigned int i = 0; i < 2; i++) {
			assert_int_equal(peer_sending(&w->p[i])->sa.path.local_port, want);
			assert_int_equal(peer_sending(&w->p[i])->sa.path.remote_port, want);
		}
		world_destroy(w);
	}
}

/** No address yet: the command says so, start_action tries until there is one. */
static void
test_no_local_address(void **state)
{
	struct world *w = world_create(20);

	(void)state;
	w->p[0].no_addr = true;
	w->p[0].children[0].start_action = IKE_ACTION_START;
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), -EADDRNOTAVAIL);
	world_run(w, 20000);
	world_assert_settled(w, 0);
	w->p[0].no_addr = false;
	world_run(w, 6000);
	world_assert_settled(w, 1);
	world_destroy(w);
}

static void
test_names(void **state)
{
	struct world *w = world_create(21);

	(void)state;
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	assert_int_equal(ike_initiate(w->p[0].e, "nobody", "gre", w->now), -ENOENT);
	assert_int_equal(ike_initiate(w->p[0].e, NULL, "nothing", w->now), -ENOENT);
	assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
	assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), -EALREADY);
	w->p[1].conn.n_remote = 0;
	assert_int_equal(ike_initiate(w->p[1].e, NULL, "gre", w->now), -EDESTADDRREQ);
	world_run(w, 1000);
	world_assert_settled(w, 1);
	world_destroy(w);
}

/** keyingtries sequences of 1 + retransmit_tries datagrams, then one event. */
static void
test_silent_peer(void **state)
{
	struct world *w = world_create(22);

	(void)state;
	w->p[0].conn.keyingtries = 2;
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	w->cut = true;
	assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
	world_run(w, 160000);
	assert_int_equal(w->n_ike, 6);
	assert_int_equal(w->p[0].events[IKE_EV_CHILD_FAILED], 0);
	world_run(w, 200000);
	assert_int_equal(w->n_ike, 12);
	assert_int_equal(w->p[0].events[IKE_EV_CHILD_FAILED], 1);
	assert_int_equal(w->p[0].ike_spis, 0);
	world_destroy(w);
}

/** The host cannot install: no half of a pair is left on the other side. */
static void
test_install_fails(void **state)
{
	(void)state;
	for (unsigned int side = 0; side < 2; side++) {
		struct world *w = world_create(23);

		w->p[side].fail_add = ENOSPC;
		connected(w, 0);
		world_run(w, 20000);
		world_assert_settled(w, 0);
		assert_int_equal(w->p[0].events[IKE_EV_CHILD_FAILED], 1);
		w->p[side].fail_add = 0;
		assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
		world_run(w, 1000);
		world_assert_settled(w, 1);
		world_destroy(w);
	}
}

/** Both want it in the same millisecond: one pair is left. */
static void
test_both_start(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 30; seed++) {
		struct world *w = world_create(400 + seed);

		w->p[0].children[0].start_action = IKE_ACTION_START;
		w->p[1].children[0].start_action = IKE_ACTION_START;
		w->jitter_ms = 30;
		peer_start(&w->p[0]);
		peer_start(&w->p[1]);
		w->esp_every_ms = 1;
		world_run(w, 20000);
		world_assert_settled(w, 1);
		assert_int_equal(peer_live_sas(&w->p[0]), 1);
		assert_int_equal(peer_live_sas(&w->p[1]), 1);
		world_destroy(w);
	}
}

/* ---- what strangers may send ---- */

static void
inject(struct world *w, const uint8_t *buf, size_t len)
{
	struct ike_path path = {w->p[1].addr, w->p[0].addr, 500, 500};

	ike_input(w->p[1].e, &path, buf, len, w->now);
}

static struct {
	uint8_t buf[1500];
	size_t len;
} last, answer;

/** Keep what peer 1 says, let nothing else through. */
static bool
keep_answer(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	(void)w;
	if (from == 1 && *len <= sizeof(last.buf)) {
		memcpy(last.buf, buf, *len);
		last.len = *len;
	}
	return false;
}

/** Keep what peer 0 asks, let nothing through. */
static bool
keep_request(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	(void)w;
	if (from == 0 && *len <= sizeof(last.buf)) {
		memcpy(last.buf, buf, *len);
		last.len = *len;
	}
	return false;
}

static void
test_strange_messages(void **state)
{
	/* IKE_SA_INIT request: SPIi 0102.., version, one unknown payload 200 of 4 bytes */
	uint8_t m[] = {1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, 200, 0x20, 34, 0x08, 0, 0, 0,
		0, 0, 0, 0, 32, 0, 0x80, 0, 4};
	struct world *w = world_create(24);
	struct ike_stats st;

	(void)state;
	w->filter = keep_answer;
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	last.len = 0;
	inject(w, m, sizeof(m));
	assert_int_equal(last.len, 37); /* UNSUPPORTED_CRITICAL_PAYLOAD, naming 200 */
	assert_int_equal(last.buf[19], 0x20);
	assert_int_equal(last.buf[35], 1);
	assert_int_equal(last.buf[36], 200);

	m[29] = 0; /* not critical: then SA, KE and nonce are missing */
	inject(w, m, sizeof(m));
	assert_int_equal(last.len, 36);
	assert_int_equal(last.buf[35], 7);

	m[17] = 0x30;
	inject(w, m, sizeof(m));
	assert_int_equal(last.buf[35], 5); /* INVALID_MAJOR_VERSION */
	assert_int_equal(last.buf[17] & 0xf0, 0x20);

	last.len = 0;
	m[17] = 0x10; /* IKEv1: silence */
	inject(w, m, sizeof(m));
	m[17] = 0x20;
	m[19] = 0x28; /* a response that nobody waits for */
	inject(w, m, sizeof(m));
	m[18] = 36;
	m[19] = 0x08; /* CREATE_CHILD_SA for an unknown SPI */
	m[8] = 1;
	inject(w, m, sizeof(m));
	for (size_t len = 0; len < sizeof(m); len++)
		inject(w, m, len);
	assert_int_equal(last.len, 0);
	ike_get_stats(w->p[1].e, &st);
	assert_int_equal(st.rx_invalid_spi, 1);
	assert_int_equal(st.n_sas, 0);
	world_destroy(w);
}

/* ---- fragments (RFC 7383) ---- */

/** So many proposals that IKE_AUTH and CREATE_CHILD_SA do not fit into 1280 bytes. */
static void
offer_much(struct peer *p)
{
	char err[128];

	p->children[0].esp.n = 0;
	for (unsigned int n = 0; n < 15; n++)
		assert_int_equal(ike_proposals_parse(&p->children[0].esp, IKE_PROTO_ESP,
					 n < 14 ? "aes256-aes192-sha512-sha384-sha256-x25519-x448-"
						  "ecp256-ecp384-ecp521"
						: "aes128gcm16-x25519",
					 err, sizeof(err)),
			0);
}

static unsigned int longest;

static bool
measure(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	(void)w;
	(void)from;
	(void)buf;
	if (*len > longest)
		longest = (unsigned int)*len;
	return true;
}

static void
test_fragments(void **state)
{
	static const struct ike_select children = {.child = "gre"};

	(void)state;
	for (unsigned int n = 0; n < 20; n++) {
		struct world *w = world_create(700 + n);
		bool announced = n != 1;

		offer_much(&w->p[0]);
		if (!announced)
			w->p[1].conn.fragmentation = IKE_FRAG_NO;
		if (n > 1) {
			w->loss = 200;
			w->dup = w->reorder = 300;
		}
		longest = 0;
		w->filter = measure;
		peer_start(&w->p[0]);
		peer_start(&w->p[1]);
		assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
		world_run(w, 100000);
		ike_rekey(w->p[0].e, &children, w->now);
		world_run(w, 100000);
		w->loss = w->dup = w->reorder = 0;
		world_run(w, 100000);
		world_assert_settled(w, 1);
		assert_int_equal(peer_sending(&w->p[1])->sa.suite.encr, IKE_ENCR_AES_GCM_16);
		if (announced)
			assert_in_range(longest, 1000, 1228);
		else
			assert_true(longest > 1280);
		world_destroy(w);
	}
}

/** A flood of IKE_SA_INIT from invented sources: bounded memory and lines, and a peer gets in. */
static void
test_flood(void **state)
{
	struct world *w = world_create(800);
	struct ike_path path = {.local_port = 500, .remote_port = 500};
	struct ike_stats st;
	size_t log_len;

	(void)state;
	w->p[1].conn.n_remote = 0;
	w->filter = keep_request;
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
	path.local = w->p[1].addr;
	for (unsigned int n = 0; n < 5000; n++) {
		for (unsigned int i = 0; i < 8; i++)
			last.buf[i] = (uint8_t)world_rand(w, 256);
		memset(&path.remote, 0x20, 16);
		memcpy(&path.remote.s6_addr[12], last.buf, 4);
		ike_input(w->p[1].e, &path, last.buf, last.len, w->now);
	}
	ike_get_stats(w->p[1].e, &st);
	assert_int_equal(st.n_half_open, 30);
	assert_int_equal(w->p[1].half_open_spis, 30); /* their own ring */
	assert_int_equal(w->p[0].half_open_spis, 0);
	assert_int_equal(st.cookies_asked, 5000 - 30);
	log_len = strlen(w->p[1].log);
	assert_true(log_len < 4000);
	w->filter = NULL;
	world_run(w, 10000);
	world_assert_settled(w, 1);
	world_run(w, 60000);
	ike_get_stats(w->p[1].e, &st);
	assert_int_equal(st.n_half_open, 0);
	assert_int_equal(w->p[1].half_open_spis, 0);
	assert_int_equal(w->p[1].ike_spis, 1); /* of the peer that came up meanwhile */
	world_destroy(w);
}

/** A stranger's IKE_SA_INIT from that network, with another SPI; and again with the cookie it gets.
 */
static void
knock(struct world *w, uint8_t byte5, uint8_t byte7, bool with_cookie)
{
	static unsigned int n;
	struct ike_path path = {.local = w->p[1].addr, .local_port = 500, .remote_port = 500};
	uint8_t buf[sizeof(last.buf) + 256];
	uint8_t *const msg = last.buf;

	memset(&path.remote, 0x20, 16);
	path.remote.s6_addr[5] = byte5;
	path.remote.s6_addr[7] = byte7;
	path.remote.s6_addr[15] = (uint8_t)++n;
	path.remote.s6_addr[14] = (uint8_t)(n >> 8);
	memcpy(msg, path.remote.s6_addr + 8, 8);
	answer.len = 0;
	ike_input(w->p[1].e, &path, msg, last.len, w->now);
	if (!with_cookie || answer.len < 29 || answer.buf[16] != 41 || answer.buf[18] != 34)
		return;
	/* header, then the answer's only payload as the first one, then the rest */
	memcpy(buf, msg, 28);
	memcpy(buf + 28, answer.buf + 28, answer.len - 28);
	memcpy(buf + answer.len, msg + 28, last.len - 28);
	buf[28] = buf[16];
	buf[16] = 41;
	buf[26] = (uint8_t)((answer.len + last.len - 28) >> 8);
	buf[27] = (uint8_t)(answer.len + last.len - 28);
	ike_input(w->p[1].e, &path, buf, answer.len + last.len - 28, w->now);
}

static bool
keep_both(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	if (from == 0)
		return keep_request(w, from, buf, len);
	memcpy(answer.buf, buf, *len < sizeof(answer.buf) ? *len : sizeof(answer.buf));
	answer.len = *len;
	return false;
}

static struct world *
knocking(uint64_t seed)
{
	struct world *w = world_create(seed);

	w->p[1].conn.n_remote = 0;
	w->filter = keep_both;
	return w;
}

static void
start_knocking(struct world *w)
{
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
}

static unsigned int
half_open(struct world *w)
{
	struct ike_stats st;

	ike_get_stats(w->p[1].e, &st);
	return st.n_half_open;
}

/** Whoever owns a /64, or a /48, and answers cookies gets his share and no more. */
static void
test_networks(void **state)
{
	struct world *w = knocking(40);

	(void)state;
	w->p[1].cfg.cookie_threshold = 2;
	w->p[1].cfg.block_threshold = 3;
	start_knocking(w);
	for (unsigned int i = 0; i < 50; i++)
		knock(w, 1, 1, false);
	assert_int_equal(half_open(w), 2);
	for (unsigned int i = 0; i < 50; i++)
		knock(w, 1, 1, true);
	assert_int_equal(half_open(w), 3);
	for (unsigned int i = 0; i < 50; i++)
		knock(w, 1, (uint8_t)i, true);
	assert_int_equal(half_open(w), 12);
	for (unsigned int i = 0; i < 50; i++)
		knock(w, 2, 1, true);
	assert_int_equal(half_open(w), 15);
	world_run(w, 40000);
	assert_int_equal(half_open(w), 0);
	knock(w, 1, 1, true);
	assert_int_equal(half_open(w), 1);
	world_destroy(w);
}

/** Under pressure the first one has to show a cookie already. */
static void
test_pressure(void **state)
{
	struct world *w = knocking(41);
	struct ike_stats st;

	(void)state;
	start_knocking(w);
	ike_set_pressure(w->p[1].e, true);
	for (unsigned int i = 0; i < 20; i++)
		knock(w, 1, 1, false);
	assert_int_equal(half_open(w), 0);
	ike_get_stats(w->p[1].e, &st);
	assert_int_equal(st.cookies_asked, 20);
	knock(w, 1, 1, true);
	assert_int_equal(half_open(w), 1);
	ike_set_pressure(w->p[1].e, false);
	knock(w, 1, 1, false);
	assert_int_equal(half_open(w), 2);
	world_destroy(w);
}

static unsigned int n_answers;

static bool
count_answers(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	(void)w;
	(void)len;
	n_answers += from == 1 && buf[18] == IKE_X_SA_INIT;
	return buf[18] == IKE_X_SA_INIT && from == 0;
}

/** A copy of an IKE_SA_INIT gets its answer again, and a thousand of them do not get a thousand. */
static void
test_init_copies(void **state)
{
	struct world *w = world_create(690);
	struct ike_path path;

	(void)state;
	n_answers = 0;
	w->filter = count_answers;
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
	world_run(w, 50);
	assert_int_equal(n_answers, 1);
	path = w->p[1].e->sas->path;
	for (unsigned int i = 0; i < 1000; i++) {
		const struct ike_blob *b = &w->p[0].e->sas->setup->init_req;

		world_run(w, 1);
		ike_input(w->p[1].e, &path, b->p, b->len, peer_now(&w->p[1]));
	}
	world_run(w, 50);
	assert_in_range(n_answers, 2, 12);
	world_destroy(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init_copies),
		cmocka_unit_test(test_scenario),
		cmocka_unit_test(test_algorithms),
		cmocka_unit_test(test_esn),
		cmocka_unit_test(test_group_guess),
		cmocka_unit_test(test_group_of_candidate),
		cmocka_unit_test(test_weaker_group),
		cmocka_unit_test(test_cookie_and_limit),
		cmocka_unit_test(test_wrong_psk),
		cmocka_unit_test(test_wrong_responder),
		cmocka_unit_test(test_wrong_responder_for_a_while),
		cmocka_unit_test(test_wrong_responder_at_reauthentication),
		cmocka_unit_test(test_wrong_initiator),
		cmocka_unit_test(test_identities),
		cmocka_unit_test(test_secret_choice),
		cmocka_unit_test(test_no_common_ike_proposal),
		cmocka_unit_test(test_no_common_esp_proposal),
		cmocka_unit_test(test_selectors),
		cmocka_unit_test(test_transport_needs_hosts),
		cmocka_unit_test(test_several_children),
		cmocka_unit_test(test_childless),
		cmocka_unit_test(test_nat),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_no_local_address),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_silent_peer),
		cmocka_unit_test(test_install_fails),
		cmocka_unit_test(test_both_start),
		cmocka_unit_test(test_strange_messages),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_pressure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
