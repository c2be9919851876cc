/* SPDX-License-Identifier: BSD-3-Clause */

/* IKE_INTERMEDIATE (RFC 9242) and several key exchanges (RFC 9370). */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ike/sa.h"
#include "world.h"

#define ESP "aes128gcm16-x25519"

/** Connect with these IKE proposals of initiator and responder. */
static struct world *
connect_with(uint64_t seed, const char *initiator, const char *responder)
{
	struct world *w = world_create(seed);

	peer_proposals(&w->p[0], initiator, ESP);
	peer_proposals(&w->p[1], responder, ESP);
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	assert_int_equal(ike_initiate(w->p[0].e, "gw-gw", "gre", w->now), 0);
	world_run(w, 3000);
	return w;
}

/** Message count tells how many rounds there were: 4 without any, 2 more for each. */
static void
test_rounds(void **state)
{
	static const struct {
		const char *i, *r;
		unsigned int n_ike;
		uint16_t addke[IKE_ADDKE_MAX];
	} cases[] = {
		{"aes128-sha256-x25519-ke1_ecp384", "aes128-sha256-x25519-ke1_ecp384", 6, {20}},
		{"aes128-sha256-x25519-ke1_ecp384-ke2_modp2048",
			"aes128-sha256-x25519-ke1_ecp384-ke2_modp2048", 8, {20, 14}},
		/* places may be left free, and filled with NONE */
		{"aes128-sha256-x25519-ke3_ecp256-ke7_x448",
			"aes128-sha256-x25519-ke3_ecp256-ke7_x448", 8, {0, 0, 19, 0, 0, 0, 32}},
		{"aes128gcm16-prfsha384-x25519-ke1_ecp384-ke1_none", "aes128gcm16-prfsha384-x25519",
			4, {0}},
		{"aes128gcm16-prfsha384-x25519", "aes128gcm16-prfsha384-x25519-ke1_none-ke1_ecp384",
			4, {0}},
		/* a second proposal for who knows nothing of it */
		{"aes128gcm16-prfsha384-x25519-ke1_ecp384 aes128gcm16-prfsha384-x25519",
			"aes128gcm16-prfsha384-x25519", 4, {0}},
		{"aes128-sha256-x25519-ke1_ecp384-ke2_modp1024-ke3_modp1536-ke4_modp2048-ke5_"
		 "ecp256-ke6_x448-"
		 "ke7_ecp521",
			"aes128-sha256-x25519-ke1_ecp384-ke2_modp1024-ke3_modp1536-ke4_modp2048-"
			"ke5_ecp256-"
			"ke6_x448-ke7_ecp521",
			18, {20, 2, 5, 14, 19, 32, 21}},
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world *w = connect_with(40 + i, cases[i].i, cases[i].r);

		world_assert_settled(w, 1);
		assert_int_equal(w->n_ike, cases[i].n_ike);
		for (unsigned int k = 0; k < 2; k++)
			assert_memory_equal(w->p[k].e->sas->keys.suite.addke, cases[i].addke,
				sizeof(cases[i].addke));
		assert_memory_equal(
			w->p[0].e->sas->keys.sk_d, w->p[1].e->sas->keys.sk_d, IKE_PRF_MAX);
		world_destroy(w);
	}
}

static void
test_no_common(void **state)
{
	struct world *w =
		connect_with(50, "aes128-sha256-x25519-ke1_ecp384", "aes128-sha256-x25519");

	(void)state;
	world_assert_settled(w, 0);
	assert_non_null(strstr(w->p[1].log, "KE1_ECP_384"));
	world_destroy(w);
}

/** Values of 1024 bytes come in fragments; what is lost or doubled changes nothing. */
static void
test_faults(void **state)
{
	(void)state;
	for (unsigned int seed = 0; seed < 40; seed++) {
		struct world *w = world_create(1000 + seed);

		for (unsigned int i = 0; i < 2; i++) {
			peer_proposals(
				&w->p[i], "aes128-sha256-x25519-ke1_modp8192-ke2_ecp256", ESP);
			w->p[i].conn.keyingtries = 0;
		}
		w->loss = w->dup = w->reorder = 150;
		w->job_ms = seed % 2 == 0 ? 0 : 400; /* off the thread, and late */
		w->p[0].cfg.fragment_size = w->p[1].cfg.fragment_size = 600;
		peer_start(&w->p[0]);
		peer_start(&w->p[1]);
		assert_int_equal(ike_initiate(w->p[0].e, "gw-gw", "gre", w->now), 0);
		world_run(w, 120000);
		w->loss = w->dup = w->reorder = 0;
		world_run(w, 60000);
		world_assert_settled(w, 1);
		assert_int_equal(w->p[0].e->sas->keys.suite.addke[0], IKE_DH_MODP_8192);
		world_destroy(w);
	}
}

/** An IKE_INTERMEDIATE message is changed by somebody who broke the first key exchange: AUTH tells.
 */
struct forger {
	unsigned int from;
	bool done;
};

static size_t
change_reserved(void *arg, uint8_t *inner, size_t n, size_t cap, uint8_t *first)
{
	(void)arg;
	(void)cap;
	/* KE: two reserved octets behind the group, which no parser looks at */
	if (*first == IKE_PLD_KE && n > 8)
		inner[6] ^= 1;
	return n;
}

static bool
forge(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	struct forger *f = w->filter_arg;

	if (buf[18] != IKE_X_INTERMEDIATE || from != f->from || f->done)
		return true;
	f->done = world_edit(w, from, buf, len, change_reserved, NULL);
	assert_true(f->done);
	return true;
}

static void
test_forged(void **state)
{
	(void)state;
	for (unsigned int from = 0; from < 2; from++) {
		struct forger f = {.from = from};
		struct world *w = world_create(60 + from);

		for (unsigned int i = 0; i < 2; i++)
			peer_proposals(&w->p[i], "aes128-sha256-x25519-ke1_ecp384", ESP);
		w->filter = forge;
		w->filter_arg = &f;
		peer_start(&w->p[0]);
		peer_start(&w->p[1]);
		assert_int_equal(ike_initiate(w->p[0].e, "gw-gw", "gre", w->now), 0);
		world_run(w, 3000);
		assert_true(f.done);
		world_assert_settled(w, 0);
		assert_non_null(strstr(w->p[1].log, "authentication failed"));
		world_destroy(w);
	}
}

/** Strips INTERMEDIATE_EXCHANGE_SUPPORTED from a message in the clear: its type becomes another. */
static bool
strip_support(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	const unsigned int *whose = w->filter_arg;

	if (buf[18] == IKE_X_SA_INIT && from == *whose)
		for (size_t i = 28; i + 1 < *len; i++)
			if (buf[i] == (IKE_N_INTERMEDIATE_EXCHANGE_SUPPORTED >> 8) &&
				buf[i + 1] == (IKE_N_INTERMEDIATE_EXCHANGE_SUPPORTED & 0xff))
				buf[i] = 0xf0;
	return true;
}

static void
test_support_missing(void **state)
{
	(void)state;
	for (unsigned int whose = 0; whose < 2; whose++) {
		struct world *w = world_create(70);

		for (unsigned int i = 0; i < 2; i++)
			peer_proposals(&w->p[i], "aes128-sha256-x25519-ke1_ecp384", ESP);
		w->filter = strip_support;
		w->filter_arg = &whose;
		peer_start(&w->p[0]);
		peer_start(&w->p[1]);
		assert_int_equal(ike_initiate(w->p[0].e, "gw-gw", "gre", w->now), 0);
		world_run(w, 3000);
		world_assert_settled(w, 0);
		assert_non_null(
			strstr(w->p[0].log, whose == 0 ? "accepts none of our IKE proposals"
						       : "does not support IKE_INTERMEDIATE"));
		world_destroy(w);
	}
}

/** The KE of the first round gets another method's number, or none at all: refused, nothing comes
 * up. */
static size_t
other_method(void *arg, uint8_t *inner, size_t n, size_t cap, uint8_t *first)
{
	(void)arg;
	(void)cap;
	(void)first;
	inner[5] = IKE_DH_ECP_256;
	return n;
}

static size_t
bad_point(void *arg, uint8_t *inner, size_t n, size_t cap, uint8_t *first)
{
	(void)arg;
	(void)cap;
	(void)first;
	inner[20] ^= 1;
	return n;
}

static size_t
nothing(void *arg, uint8_t *inner, size_t n, size_t cap, uint8_t *first)
{
	(void)arg;
	(void)inner;
	(void)n;
	(void)cap;
	*first = 0;
	return 0;
}

struct spoiler {
	unsigned int from;
	size_t (*edit)(void *arg, uint8_t *inner, size_t n, size_t cap, uint8_t *first);
};

static bool
spoil(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	const struct spoiler *s = w->filter_arg;

	if (buf[18] == IKE_X_INTERMEDIATE && from == s->from)
		world_edit(w, from, buf, len, s->edit, NULL);
	return true;
}

static void
test_spoiled(void **state)
{
	static size_t (*const edits[])(void *, uint8_t *, size_t, size_t, uint8_t *) = {
		other_method, bad_point, nothing};

	(void)state;
	for (unsigned int i = 0; i < 6; i++) {
		struct spoiler s = {.from = i % 2, .edit = edits[i / 2]};
		struct world *w = world_create(80 + i);

		for (unsigned int k = 0; k < 2; k++)
			peer_proposals(&w->p[k], "aes128-sha256-x25519-ke1_ecp384", ESP);
		w->filter = spoil;
		w->filter_arg = &s;
		peer_start(&w->p[0]);
		peer_start(&w->p[1]);
		assert_int_equal(ike_initiate(w->p[0].e, "gw-gw", "gre", w->now), 0);
		world_run(w, 60000);
		world_assert_settled(w, 0);
		/* an empty round is allowed, an empty answer to a key exchange is not */
		assert_non_null(strstr(w->p[s.from == 0 && i < 4 ? 1 : 0].log, "key exchange"));
		world_destroy(w);
	}
}

/** With a PPK on top. */
static void
test_with_ppk(void **state)
{
	static uint8_t key[] = "a quantum computer does not know it";
	struct world *w = world_create(90);
	struct ike_secret s[2][2];

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct peer *p = &w->p[i];

		peer_proposals(p, "aes128-sha256-x25519-ke1_ecp384", ESP);
		peer_id(&p->conn.ppk_id, "ppk.example");
		p->conn.ppk_required = true;
		s[i][0] = p->secret;
		s[i][1] = (struct ike_secret){
			.name = "ppk-1", .type = IKE_SECRET_PPK, .len = sizeof(key), .data = key};
		p->cfg.secrets = s[i];
		p->cfg.n_secrets = 2;
	}
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	assert_int_equal(ike_initiate(w->p[0].e, "gw-gw", "gre", w->now), 0);
	world_run(w, 3000);
	world_assert_settled(w, 1);
	assert_true(w->p[0].e->sas->ppk);
	world_destroy(w);
}

/* ---- IKE_FOLLOWUP_KE ---- */

#define IKE3 "aes128-sha256-x25519-ke1_ecp384-ke2_ecp256-ke5_modp2048"
#define ESP3 "aes128gcm16-x25519-ke1_ecp256-ke2_ecp384-ke3_modp2048"

static const struct ike_select all_children = {.child = "gre"};
static const struct ike_select all_sas = {.ike = "gw-gw"};

/** Either side rekeys both kinds with one to three additional key exchanges, in jobs and at once.
 */
static void
test_follow(void **state)
{
	static const struct {
		const char *ike, *esp;
		unsigned int rounds_ike, rounds_esp;
	} cases[] = {
		{"aes128-sha256-x25519-ke1_ecp384", "aes128gcm16-x25519-ke1_ecp256", 1, 1},
		{"aes128-sha256-x25519-ke2_ecp384-ke3_ecp256", "aes128gcm16-x25519", 2, 0},
		{IKE3, ESP3, 3, 3},
	};

	(void)state;
	for (unsigned int i = 0; i < 12; i++) {
		struct world *w = world_create(100 + i);
		unsigned int side = i % 2, before;

		for (unsigned int k = 0; k < 2; k++) {
			peer_proposals(&w->p[k], cases[i / 4].ike, cases[i / 4].esp);
			peer_start(&w->p[k]);
		}
		w->job_ms = i % 4 < 2 ? 0 : 300;
		assert_int_equal(ike_initiate(w->p[0].e, "gw-gw", "gre", w->now), 0);
		world_run(w, 6000);
		world_assert_settled(w, 1);
		before = w->n_ike;
		assert_int_equal(ike_rekey(w->p[side].e, &all_children, w->now), 1);
		world_run(w, 8000);
		world_assert_settled(w, 1);
		assert_int_equal(w->n_ike - before, 4 + 2 * cases[i / 4].rounds_esp);
		before = w->n_ike;
		assert_int_equal(ike_rekey(w->p[side].e, &all_sas, w->now), 1);
		world_run(w, 8000);
		world_assert_settled(w, 1);
		assert_int_equal(w->n_ike - before, 4 + 2 * cases[i / 4].rounds_ike);
		assert_memory_equal(
			w->p[0].e->sas->keys.sk_d, w->p[1].e->sas->keys.sk_d, IKE_PRF_MAX);
		world_destroy(w);
	}
}

/** Both rekey at once, over and over, and messages are lost, doubled and reordered. */
static void
test_follow_faults(void **state)
{
	(void)state;
	for (unsigned int seed = 0; seed < 40; seed++) {
		struct world *w = world_create(2000 + seed);

		for (unsigned int k = 0; k < 2; k++) {
			peer_proposals(&w->p[k], IKE3, ESP3);
			w->p[k].conn.keyingtries = 0;
			peer_start(&w->p[k]);
		}
		w->job_ms = seed % 4 < 2 ? 0 : 300;
		assert_int_equal(ike_initiate(w->p[0].e, "gw-gw", "gre", w->now), 0);
		world_run(w, 6000);
		world_assert_settled(w, 1);
		w->loss = w->dup = w->reorder = seed % 2 == 0 ? 0 : 150;
		for (unsigned int n = 0; n < 4; n++) {
			const struct ike_select *what = n % 2 == 0 ? &all_children : &all_sas;

			ike_rekey(w->p[0].e, what, w->now);
			ike_rekey(w->p[1].e, what, w->now);
			world_run(w, 40000);
		}
		w->loss = w->dup = w->reorder = 0;
		world_run(w, 150000);
		world_assert_settled(w, 1);
		for (unsigned int k = 0; k < 2; k++)
			assert_null(w->p[k].e->sas->follow);
		world_destroy(w);
	}
}

/** The peer's rounds take too long: nothing is left of them, and the next attempt comes through. */
static bool
hold_rounds(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	const uint64_t *until = w->filter_arg;

	(void)from;
	(void)len;
	return buf[18] != IKE_X_FOLLOWUP_KE || w->now >= *until;
}

static void
test_follow_late(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		struct world *w = world_create(120 + i);
		uint64_t until;

		for (unsigned int k = 0; k < 2; k++) {
			peer_proposals(&w->p[k], IKE3, ESP3);
			peer_start(&w->p[k]);
		}
		assert_int_equal(ike_initiate(w->p[0].e, "gw-gw", "gre", w->now), 0);
		world_run(w, 6000);
		until = w->now + 70000;
		w->filter = hold_rounds;
		w->filter_arg = &until;
		assert_int_equal(
			ike_rekey(w->p[i % 2].e, i < 2 ? &all_children : &all_sas, w->now), 1);
		world_run(w, 50000);
		assert_non_null(w->p[1 - i % 2].e->sas->follow);
		world_run(w, 15000);
		assert_null(w->p[1 - i % 2].e->sas->follow);
		world_run(w, 120000);
		world_assert_settled(w, 1);
		if (i >= 2)
			assert_non_null(strstr(w->p[i % 2].log, "STATE_NOT_FOUND"));
		for (unsigned int k = 0; k < 2; k++)
			assert_int_equal(
				i < 2 ? w->p[k].e->stats.child_rekeys : w->p[k].e->stats.ike_rekeys,
				1);
		world_destroy(w);
	}
}

static unsigned int seen_rounds;

static bool
watch_port(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	(void)len;
	if (from == 0 && buf[18] == IKE_X_INTERMEDIATE) {
		assert_int_equal(w->p[0].e->sas->path.local_port, IKE_NATT_PORT);
		assert_int_equal(w->p[0].e->sas->path.remote_port, IKE_NATT_PORT);
		seen_rounds++;
	}
	return true;
}

/** Where there is a NAT, the additional rounds go by port 4500 already (RFC 9242 3.2). */
static void
test_rounds_behind_nat(void **state)
{
	struct world *w = world_create(480);

	(void)state;
	seen_rounds = 0;
	w->filter = watch_port;
	w->p[0].conn.encap = true;
	for (unsigned int i = 0; i < 2; i++) {
		peer_proposals(&w->p[i], "aes128-sha256-x25519-ke1_ecp384", ESP);
		peer_start(&w->p[i]);
	}
	assert_int_equal(ike_initiate(w->p[0].e, "gw-gw", "gre", w->now), 0);
	world_run(w, 3000);
	world_assert_settled(w, 1);
	assert_int_equal(seen_rounds, 1);
	world_destroy(w);
}

/** Write another notify in place of INTERMEDIATE_EXCHANGE_SUPPORTED, and let no more than
 * IKE_SA_INIT through. */
static bool
hide_support(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	(void)w;
	for (size_t i = 28; from == 0 && buf[18] == IKE_X_SA_INIT && i + 8 <= *len; i++)
		if (memcmp(buf + i, "\0\0\0\x08\0\0\x40\x36", 8) == 0 ||
			memcmp(buf + i, "\x29\0\0\x08\0\0\x40\x36", 8) == 0)
			buf[i + 6] = 0x9f;
	return buf[18] == IKE_X_SA_INIT;
}

/** Who does not know IKE_INTERMEDIATE gets no additional rounds, also when the answer waits for a
 * job. */
static void
test_offer_after_job(void **state)
{
	(void)state;
	for (unsigned int late = 0; late < 2; late++) {
		struct world *w = world_create(482 + late);

		w->job_ms = late ? 60 : 0;
		w->filter = hide_support;
		for (unsigned int i = 0; i < 2; i++) {
			peer_proposals(&w->p[i], "aes128-sha256-x25519-ke1_ecp384-ke1_none", ESP);
			peer_start(&w->p[i]);
		}
		assert_int_equal(ike_initiate(w->p[0].e, "gw-gw", "gre", w->now), 0);
		world_run(w, 500);
		assert_non_null(w->p[1].e->sas);
		assert_int_not_equal(w->p[1].e->sas->keys.prf_len, 0);
		assert_int_equal(w->p[1].e->sas->keys.suite.addke[0], 0);
		world_destroy(w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rounds),
		cmocka_unit_test(test_rounds_behind_nat),
		cmocka_unit_test(test_offer_after_job),
		cmocka_unit_test(test_no_common),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_support_missing),
		cmocka_unit_test(test_spoiled),
		cmocka_unit_test(test_with_ppk),
		cmocka_unit_test(test_follow),
		cmocka_unit_test(test_follow_faults),
		cmocka_unit_test(test_follow_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
