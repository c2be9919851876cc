/* SPDX-License-Identifier: BSD-3-Clause */

/* RFC 7296 to the letter while an IKE SA is set up: odd but legal messages, and those that are not.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "forge.h"

/** A set-up of peer 0 in which messages of one kind are changed. */
static struct world *
set_up(uint64_t seed, struct forge *f)
{
	struct world *w = world_create(seed);

	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	forge_edit(w, f);
	assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
	world_run(w, 2000);
	assert_true(f->done >= 1);
	w->filter = NULL;
	return w;
}

static void
assert_up(struct world *w)
{
	world_assert_settled(w, 1);
	world_destroy(w);
}

/** Nothing came of it, and peer 0 was told why. */
static void
assert_failed(struct world *w, unsigned int teller, const char *reason)
{
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(peer_live_sas(&w->p[i]), 0);
		assert_int_equal(peer_installed(&w->p[i]), 0);
	}
	assert_int_equal(w->p[0].events[IKE_EV_CHILD_FAILED], 1);
	if (strstr(w->p[teller].log, reason) == NULL)
		fail_msg("not '%s' but: %s", reason, w->p[teller].log);
	world_destroy(w);
}

/* ---- IKE_SA_INIT ---- */

static struct ike_proposals list;
static uint8_t ke_body[2 + 2 + 32];

static void
edit_sa(const struct ike_msg *m, struct ike_chain *c, void (*change)(struct ike_proposals *l))
{
	assert_int_equal(ike_pld_sa_parse(&list, ike_msg_find(m, IKE_PLD_SA)->body), 0);
	change(&list);
	ike_pld_sa_build(c, &list, true);
	forge_copy(m, c, IKE_PLD_SA);
}

static void
add_spi(struct ike_proposals *l)
{
	l->p[0].spi_len = 8;
}

static void
init_with_spi(const struct ike_msg *m, struct ike_chain *c)
{
	edit_sa(m, c, add_spi);
}

/** For an initial IKE SA the SPI Size is zero (3.3.1): such a proposal is none. */
static void
test_init_spi(void **state)
{
	struct forge f = {.exchange = IKE_X_SA_INIT, .edit = init_with_spi};

	(void)state;
	assert_failed(set_up(1201, &f), 0, "NO_PROPOSAL_CHOSEN");
}

static void
two_of_it(struct ike_proposals *l)
{
	l->p[l->n++] = l->p[0];
}

static void
two_proposals(const struct ike_msg *m, struct ike_chain *c)
{
	edit_sa(m, c, two_of_it);
}

static void
other_ke(const struct ike_msg *m, struct ike_chain *c)
{
	forge_copy(m, c, IKE_PLD_KE);
	ke_body[1] = IKE_DH_ECP_256;
	ike_pld_raw_build(c, IKE_PLD_KE, ke_body, sizeof(ke_body));
}

static void
zero_ke(const struct ike_msg *m, struct ike_chain *c)
{
	forge_copy(m, c, IKE_PLD_KE);
	ke_body[1] = IKE_DH_CURVE25519;
	ike_pld_raw_build(c, IKE_PLD_KE, ke_body, sizeof(ke_body));
}

static void
short_ke(const struct ike_msg *m, struct ike_chain *c)
{
	forge_copy(m, c, IKE_PLD_KE);
	ke_body[1] = IKE_DH_CURVE25519;
	ike_pld_raw_build(c, IKE_PLD_KE, ke_body, sizeof(ke_body) - 1);
}

/** An answer is one proposal of ours, with a KE of its group that is a point of it (2.7, RFC 6989).
 */
static void
test_init_answer(void **state)
{
	static const struct {
		void (*edit)(const struct ike_msg *m, struct ike_chain *c);
		const char *reason;
	} lies[] = {
		{two_proposals, "does not fit our proposals"},
		{other_ke, "does not fit our proposals"},
		{zero_ke, "Diffie-Hellman value is not a valid one"},
		{short_ke, "Diffie-Hellman value is not a valid one"},
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct forge f = {.from = 1,
			.exchange = IKE_X_SA_INIT,
			.response = true,
			.edit = lies[i].edit};
		struct world *w = set_up(1210 + i, &f);

		world_run(w, 40000); /* what peer 1 has is half open */
		assert_failed(w, 0, lies[i].reason);
	}
}

/** The same in a request: refused at once, nothing is kept. */
static void
test_init_bad_value(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct forge f = {.exchange = IKE_X_SA_INIT, .edit = i == 0 ? zero_ke : short_ke};
		struct world *w = set_up(1220 + i, &f);

		/* the work was done: it counts for its source until it stops lingering */
		assert_int_equal(w->p[1].e->n_listed, 1);
		world_run(w, 40000);
		assert_int_equal(w->p[1].e->n_listed, 0);
		assert_failed(w, 0, "INVALID_SYNTAX");
	}
}

static unsigned int cookie_len;

static void
cookie(const struct ike_msg *m, struct ike_chain *c)
{
	static uint8_t value[IKE_COOKIE_MAX + 1];

	(void)m;
	value[0]++; /* another one each time */
	ike_pld_notify_build(c, IKE_N_COOKIE, value, cookie_len);
}

/** 1 to 64 octets (2.6), and not for ever. */
static void
test_cookies(void **state)
{
	struct forge f = {.from = 1, .exchange = IKE_X_SA_INIT, .response = true, .edit = cookie};
	struct world *w;

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		cookie_len = i == 0 ? 0 : IKE_COOKIE_MAX + 1;
		w = set_up(1230 + i, &f);
		assert_int_equal(f.done, 1);
		world_run(w, 40000);
		assert_failed(w, 0, "cookie of impossible length");
	}
	cookie_len = IKE_COOKIE_MAX;
	w = set_up(1232, &f);
	assert_in_range(f.done, 2, 20);
	world_run(w, 40000);
	assert_failed(w, 0, "again and again");
}

static void
critical_unknown(const struct ike_msg *m, struct ike_chain *c)
{
	size_t at;

	forge_copy(m, c, 0);
	at = ike_pld_begin(c, 200);
	c->w.buf[at + 1] = IKE_PLD_CRITICAL;
	ike_pld_end(c, at);
}

static void
test_init_critical(void **state)
{
	struct forge f = {.exchange = IKE_X_SA_INIT, .edit = critical_unknown};

	(void)state;
	assert_failed(set_up(1240, &f), 0, "UNSUPPORTED_CRITICAL_PAYLOAD");
}

/** A higher minor version, reserved bits, odd payloads: all means nothing (2.5, 3.1, 3.2). */
static bool
decorate(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	struct ike_sa *sa = w->p[from].e->sas;

	if (from != 0 || buf[18] != IKE_X_SA_INIT)
		return true;
	buf[17] |= 0x0f;
	buf[19] |= 0xc7 | 0x10;
	buf[IKE_HDR_LEN + 1] = 0xff;
	/* AUTH covers it as it went out */
	memcpy(sa->setup->init_req.p, buf, *len);
	(*(unsigned int *)w->user)++;
	return true;
}

static void
test_forward_compatible(void **state)
{
	struct world *w = world_create(1250);
	unsigned int done = 0;

	(void)state;
	w->filter = decorate;
	w->user = &done;
	forge_connect(w);
	assert_int_equal(done, 1);
	world_destroy(w);
}

/* ---- IKE_AUTH ---- */

static uint16_t notify;

static void
auth_and_notify(const struct ike_msg *m, struct ike_chain *c)
{
	static const uint8_t keep[] = {IKE_PLD_IDR, IKE_PLD_AUTH};

	for (unsigned int i = 0; i < 2; i++) {
		const struct ike_payload *p = ike_msg_find(m, keep[i]);

		ike_pld_raw_build(c, p->type, p->body.p, p->body.len);
	}
	ike_pld_notify_build(c, notify, NULL, 0);
}

/** The IKE SA is made though the child is not, but for three errors (2.21.2). */
static void
test_auth_with_error(void **state)
{
	static const struct {
		uint16_t notify;
		bool up;
	} errors[] = {
		{IKE_N_TS_UNACCEPTABLE, true},
		{IKE_N_NO_PROPOSAL_CHOSEN, true},
		{IKE_N_FAILED_CP_REQUIRED, true},
		{IKE_N_INTERNAL_ADDRESS_FAILURE, true},
		{IKE_N_SINGLE_PAIR_REQUIRED, true},
		{8191, true},
		{IKE_N_INVALID_SYNTAX, false},
		{IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD, false},
		{IKE_N_AUTHENTICATION_FAILED, false},
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		struct forge f = {.from = 1,
			.exchange = IKE_X_AUTH,
			.response = true,
			.edit = auth_and_notify};
		struct world *w;

		notify = errors[i].notify;
		w = set_up(1260 + i, &f);
		assert_int_equal(peer_live_sas(&w->p[0]), errors[i].up);
		assert_int_equal(peer_installed(&w->p[0]), 0);
		assert_int_equal(w->p[0].events[IKE_EV_CHILD_FAILED], 1);
		world_destroy(w);
	}
}

static void
without_tsr(const struct ike_msg *m, struct ike_chain *c)
{
	forge_copy(m, c, IKE_PLD_TSR);
}

static void
bad_sa(const struct ike_msg *m, struct ike_chain *c)
{
	forge_copy(m, c, IKE_PLD_SA);
	ike_pld_raw_build(c, IKE_PLD_SA, "\1", 1);
}

static void
without_idi(const struct ike_msg *m, struct ike_chain *c)
{
	forge_copy(m, c, IKE_PLD_IDI);
}

static void
without_auth(const struct ike_msg *m, struct ike_chain *c)
{
	forge_copy(m, c, IKE_PLD_AUTH);
}

static void
eap(const struct ike_msg *m, struct ike_chain *c)
{
	const struct ike_payload *id = ike_msg_find(m, IKE_PLD_IDR);

	ike_pld_raw_build(c, id->type, id->body.p, id->body.len);
	ike_pld_raw_build(c, IKE_PLD_EAP, "\1\0\0\5\1", 5);
}

static void
cut_off(const struct ike_msg *m, struct ike_chain *c)
{
	forge_copy(m, c, 0);
	ike_pld_raw_build(c, IKE_PLD_NOTIFY, "\0", 1);
}

/** Malformed, or with another kind of authentication on its mind: both ends know why it failed. */
static void
test_auth_refused(void **state)
{
	static const struct {
		bool response;
		void (*edit)(const struct ike_msg *m, struct ike_chain *c);
		unsigned int teller;
		const char *reason;
	} lies[] = {
		{false, without_tsr, 1, "its SA, TSi or TSr payload is malformed or missing"},
		{false, without_tsr, 0, "INVALID_SYNTAX"},
		{false, bad_sa, 0, "INVALID_SYNTAX"},
		{false, cut_off, 0, "INVALID_SYNTAX"},
		{false, critical_unknown, 0, "UNSUPPORTED_CRITICAL_PAYLOAD"},
		{false, without_auth, 1, "it wants EAP, which is not supported"},
		{false, without_auth, 0, "AUTHENTICATION_FAILED"},
		{false, without_idi, 0, "AUTHENTICATION_FAILED"},
		{true, eap, 0, "the peer wants EAP, which is not supported"},
		{true, without_auth, 0, "the peer's answer has no AUTH payload"},
		{true, cut_off, 0, "the peer's IKE_AUTH response is malformed"},
		{true, critical_unknown, 0, "the peer's IKE_AUTH response is malformed"},
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct forge f = {.from = lies[i].response ? 1 : 0,
			.exchange = IKE_X_AUTH,
			.response = lies[i].response,
			.edit = lies[i].edit};
		struct world *w = set_up(1280 + i, &f);

		assert_int_equal(peer_live_sas(&w->p[0]), 0);
		assert_int_equal(peer_installed(&w->p[0]), 0);
		/* an answer that only we cannot use leaves peer 1 with an SA: where keys allow, we
		 * say so */
		if (!lies[i].response || lies[i].edit == cut_off ||
			lies[i].edit == critical_unknown)
			assert_failed(w, lies[i].teller, lies[i].reason);
		else {
			assert_non_null(strstr(w->p[0].log, lies[i].reason));
			world_destroy(w);
		}
	}
}

static void
wants_address(const struct ike_msg *m, struct ike_chain *c)
{
	/* CFG_REQUEST: INTERNAL_IP6_ADDRESS, an attribute that nobody knows, the reserved bit */
	static const uint8_t request[] = {1, 0, 0, 0, 0x80, 8, 0, 0, 0x40, 0, 0, 1, 7};

	forge_copy(m, c, 0);
	ike_pld_raw_build(c, IKE_PLD_CP, request, sizeof(request));
	ike_pld_notify_build(c, IKE_N_IPCOMP_SUPPORTED, "\1\2\3", 3);
	ike_pld_notify_build(c, IKE_N_NON_FIRST_FRAGMENTS_ALSO, NULL, 0);
	ike_pld_notify_build(c, IKE_N_EAP_ONLY_AUTHENTICATION, NULL, 0);
	ike_pld_notify_build(c, 40959, "unknown", 7);
	ike_pld_notify_build(c, 8191, NULL, 0);
	ike_pld_raw_build(c, 201, "unknown as well", 15);
}

static void
reverse(const struct ike_msg *m, struct ike_chain *c)
{
	for (unsigned int i = m->n; i-- > 0;)
		ike_pld_raw_build(c, m->pld[i].type, m->pld[i].body.p, m->pld[i].body.len);
}

/** ESP_TFC_PADDING_NOT_SUPPORTED (1.3.1) is always said, and not missed. */
static void
no_tfc(const struct ike_msg *m, struct ike_chain *c)
{
	const struct ike_view said = {(const uint8_t *)"\0\0\x40\x0a", 4};
	unsigned int n = 0;

	for (unsigned int i = 0; i < m->n; i++) {
		const struct ike_view *body = &m->pld[i].body;

		if (m->pld[i].type == IKE_PLD_NOTIFY && body->len == said.len &&
			memcmp(body->p, said.p, said.len) == 0)
			n++;
		else
			ike_pld_raw_build(c, m->pld[i].type, body->p, body->len);
	}
	assert_int_equal(n, 1);
}

static void
more_selectors(const struct ike_msg *m, struct ike_chain *c)
{
	/* two: one of a type that nobody knows, and what was there */
	const struct ike_payload *tsi = ike_msg_find(m, IKE_PLD_TSI);
	static const uint8_t odd[] = {2, 0, 0, 0, 99, 0, 0, 8, 1, 2, 3, 4};
	uint8_t body[128];

	memcpy(body, odd, sizeof(odd));
	memcpy(body + sizeof(odd), tsi->body.p + 4, tsi->body.len - 4);
	forge_copy(m, c, IKE_PLD_TSI);
	ike_pld_raw_build(c, IKE_PLD_TSI, body, sizeof(odd) + tsi->body.len - 4);
}

/** What is legal and not for us is passed over: it comes up as if it were not there. */
static void
test_auth_odd(void **state)
{
	void (*const odd[])(const struct ike_msg *m, struct ike_chain *c) = {
		wants_address, reverse, more_selectors, no_tfc};
	struct forge answer = {.from = 1, .exchange = IKE_X_AUTH, .response = true};

	(void)state;
	for (unsigned int i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct forge f = {.exchange = IKE_X_AUTH, .edit = odd[i]};

		assert_up(set_up(1300 + i, &f));
	}
	answer.edit = reverse;
	assert_up(set_up(1310, &answer));
	answer.edit = no_tfc;
	assert_up(set_up(1311, &answer));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init_spi),
		cmocka_unit_test(test_init_answer),
		cmocka_unit_test(test_init_bad_value),
		cmocka_unit_test(test_cookies),
		cmocka_unit_test(test_init_critical),
		cmocka_unit_test(test_forward_compatible),
		cmocka_unit_test(test_auth_with_error),
		cmocka_unit_test(test_auth_refused),
		cmocka_unit_test(test_auth_odd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
