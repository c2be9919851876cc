/* SPDX-License-Identifier: BSD-3-Clause */

/* Post-quantum pre-shared keys (RFC 8784): who uses one, who can do without, and what is said. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ike/sa.h"
#include "world.h"

/** What one end is told; NULL = nothing. */
struct end {
	const char *ppk_id, *owner, *secret;
	bool required;
};

static struct ike_secret secrets[2][2];
static struct ike_id owners[2];

static void
set_end(struct peer *p, const struct end *end)
{
	struct ike_secret *s = secrets[p->index];

	if (end->ppk_id != NULL)
		peer_id(&p->conn.ppk_id, end->ppk_id);
	p->conn.ppk_required = end->required;
	if (end->secret == NULL)
		return;
	s[0] = p->secret;
	s[1] = (struct ike_secret){.name = "ppk-1",
		.type = IKE_SECRET_PPK,
		.len = strlen(end->secret),
		.data = (uint8_t *)(uintptr_t)end->secret};
	if (end->owner != NULL) {
		peer_id(&owners[p->index], end->owner);
		s[1].n_owners = 1;
		s[1].owners = &owners[p->index];
	}
	p->cfg.secrets = s;
	p->cfg.n_secrets = 2;
}

static struct world *
connect_ends(const struct end *initiator, const struct end *responder)
{
	struct world *w = world_create(31);

	set_end(&w->p[0], initiator);
	set_end(&w->p[1], responder);
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	assert_int_equal(ike_initiate(w->p[0].e, "gw-gw", "gre", w->now), 0);
	world_run(w, 3000);
	return w;
}

static void
expect_up(struct world *w, bool ppk)
{
	world_assert_settled(w, 1);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(w->p[i].e->sas->ppk, ppk);
}

#define KEY "a quantum computer does not know it"

/** All that comes up, and with which keys. */
static void
test_comes_up(void **state)
{
	static const struct {
		struct end i, r;
		bool ppk;
	} cases[] = {
		{{"ppk.example", NULL, KEY, false}, {NULL, NULL, KEY, false}, true},
		{{"ppk.example", "ppk.example", KEY, true},
			{"ppk.example", "ppk.example", KEY, true}, true},
		{{"p@b.example", NULL, KEY, true}, {"*@b.example", "p@b.example", KEY, true}, true},
		{{"p.b.example", NULL, KEY, true}, {"*.b.example", "*.b.example", KEY, false},
			true},
		{{"@#00ff10", NULL, KEY, true}, {"@#00ff10", "@#00ff10", KEY, true}, true},
		{{"192.0.2.1", NULL, KEY, true}, {NULL, "192.0.2.1", KEY, true}, true},
		/* somebody has none and nobody insists */
		{{"ppk.example", NULL, KEY, false}, {NULL, NULL, NULL, false}, false},
		{{NULL, NULL, KEY, false}, {"ppk.example", NULL, KEY, false}, false},
		{{"ppk.example", NULL, KEY, false}, {NULL, "other.example", KEY, false}, false},
		{{"ppk.example", "other.example", KEY, false}, {NULL, NULL, KEY, false}, false},
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world *w = connect_ends(&cases[i].i, &cases[i].r);

		expect_up(w, cases[i].ppk);
		world_destroy(w);
	}
}

/** What does not come up, and who says why. */
static void
test_refused(void **state)
{
	static const struct {
		struct end i, r;
		unsigned int who;
		const char *says;
	} cases[] = {
		{{"ppk.example", NULL, KEY, true}, {NULL, NULL, NULL, false}, 0,
			"does not support PPK"},
		{{NULL, NULL, KEY, true}, {NULL, NULL, KEY, false}, 0, "ppk_id names no PPK"},
		{{"*.example", NULL, KEY, true}, {NULL, NULL, KEY, false}, 0,
			"ppk_id names no PPK"},
		{{"ppk.example", "x.example", KEY, true}, {NULL, NULL, KEY, false}, 0,
			"'ppk.example' is required and no secret is configured for it"},
		{{NULL, NULL, NULL, false}, {"ppk.example", NULL, KEY, true}, 1,
			"the peer uses no PPK"},
		{{"ppk.example", NULL, KEY, true}, {NULL, "x.example", KEY, false}, 1,
			"'ppk.example' is what the peer requires, and no secret"},
		{{"ppk.example", NULL, KEY, false}, {NULL, "x.example", KEY, true}, 1,
			"'ppk.example' is what the peer names, no secret"},
		{{"ppk.example", NULL, KEY, false}, {"x.example", NULL, KEY, false}, 1,
			"'x.example' is what ppk_id demands"},
		/* both have one of that name: AUTH is what finds out that they differ */
		{{"ppk.example", NULL, KEY, true}, {NULL, NULL, "another", false}, 1,
			"the PPKs of both ends differ"},
		{{"ppk.example", NULL, KEY, false}, {NULL, NULL, "another", false}, 1,
			"the PPKs of both ends differ"},
		{{"ppk.example", NULL, KEY, true}, {NULL, NULL, "another", false}, 0,
			"another PPK"},
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world *w = connect_ends(&cases[i].i, &cases[i].r);

		world_assert_settled(w, 0);
		assert_non_null(strstr(w->p[cases[i].who].log, cases[i].says));
		assert_null(strstr(w->p[0].log, KEY));
		assert_null(strstr(w->p[1].log, KEY));
		world_destroy(w);
	}
}

/** Takes PPK_IDENTITY out of the responder's IKE_AUTH: a downgrade that only AUTH can show. */
static size_t
hide_identity(void *arg, uint8_t *inner, size_t n, size_t cap, uint8_t *first)
{
	uint8_t type = *first;

	(void)arg;
	(void)cap;
	for (size_t at = 0; at + 8 <= n;) {
		size_t len = (size_t)inner[at + 2] << 8 | inner[at + 3];

		if (type == 41 && (inner[at + 6] << 8 | inner[at + 7]) == IKE_N_PPK_IDENTITY)
			inner[at + 7] = 0xff;
		type = inner[at];
		at += len;
	}
	return n;
}

static bool
hide_filter(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	if (from == 1 && buf[18] == IKE_X_AUTH)
		world_edit(w, from, buf, len, hide_identity, NULL);
	return true;
}

static void
test_answer_without(void **state)
{
	(void)state;
	for (unsigned int required = 0; required < 2; required++) {
		const struct end i = {"ppk.example", NULL, KEY, required == 1},
				 r = {NULL, NULL, KEY, false};
		struct world *w = world_create(32);

		set_end(&w->p[0], &i);
		set_end(&w->p[1], &r);
		w->filter = hide_filter;
		peer_start(&w->p[0]);
		peer_start(&w->p[1]);
		assert_int_equal(ike_initiate(w->p[0].e, "gw-gw", "gre", w->now), 0);
		world_run(w, 3000);
		world_assert_settled(w, 0);
		assert_non_null(strstr(w->p[0].log,
			required ? "the peer did not use it" : "authentication failed"));
		world_destroy(w);
	}
}

/** Rekeyed SAs are made of the mixed keys: nothing goes back to what a quantum computer could know.
 */
static void
test_rekeyed(void **state)
{
	const struct end i = {"ppk.example", NULL, KEY, true}, r = {NULL, NULL, KEY, true};
	struct world *w = connect_ends(&i, &r);

	(void)state;
	for (unsigned int side = 0; side < 2; side++) {
		const struct ike_select all = {0}, child = {.child = "gre"};

		assert_int_equal(ike_rekey(w->p[side].e, &child, w->now), 1);
		world_run(w, 10000);
		assert_int_equal(ike_rekey(w->p[side].e, &all, w->now), 1);
		world_run(w, 40000);
		expect_up(w, true);
	}
	world_destroy(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_comes_up),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_answer_without),
		cmocka_unit_test(test_rekeyed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
