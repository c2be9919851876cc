/* SPDX-License-Identifier: BSD-3-Clause */

/* RFC 7296 to the letter, for an IKE SA that is up: odd but legal requests, and those that are not.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "forge.h"
#include "ike/nego.h"
#include "ike/task.h"

static const struct ike_select all_children = {.child = "gre"}, all_sas = {.ike = "gw-gw"};

#define UNKNOWN_PLD    200
#define UNKNOWN_ERROR  8191
#define UNKNOWN_STATUS 40000

static struct world *
connected(uint64_t seed)
{
	struct world *w = world_create(seed);

	for (unsigned int i = 0; i < 2; i++)
		w->p[i].conn.n_children = 2;
	forge_connect(w);
	return w;
}

static void
assert_over(struct world *w)
{
	assert_int_equal(peer_live_sas(&w->p[1]), 0);
	assert_int_equal(peer_installed(&w->p[1]), 0);
	world_destroy(w);
}

static void
assert_up(struct world *w)
{
	world_run(w, 1000);
	world_assert_settled(w, 1);
	world_destroy(w);
}

/* ---- what means nothing to us (2.5, 2.20, 3.10.1, 3.12) ---- */

static void
test_ignored(void **state)
{
	static const uint8_t version[] = {
		1, 0, 0, 0, 0, 7, 0, 0}; /* CFG_REQUEST APPLICATION_VERSION */
	struct world *w = connected(1001);
	const struct ike_msg *m;
	struct ike_chain c;

	(void)state;
	ike_send_begin(w->p[0].e, &c);
	ike_pld_notify_build(&c, UNKNOWN_STATUS, "any", 3);
	ike_pld_notify_build(&c, UNKNOWN_ERROR, NULL, 0);
	ike_pld_notify_build(&c, IKE_N_SET_WINDOW_SIZE, "\0\0\0\5", 4);
	ike_pld_notify_build(&c, IKE_N_INVALID_MESSAGE_ID, "\0\0\0\1", 4);
	ike_pld_raw_build(&c, IKE_PLD_VENDOR, "somebody", 8);
	ike_pld_raw_build(&c, IKE_PLD_VENDOR, NULL, 0);
	ike_pld_raw_build(&c, UNKNOWN_PLD, "what", 4);
	ike_pld_raw_build(&c, IKE_PLD_CP, version, sizeof(version));
	m = forge_ask(w, 0, IKE_X_INFORMATIONAL, &c);
	assert_non_null(m);
	assert_int_equal(m->n, 0);
	assert_non_null(strstr(w->p[1].log, "the peer reports notify 8191"));
	assert_non_null(strstr(w->p[1].log, "the peer reports INVALID_MESSAGE_ID"));
	assert_up(w);
}

/** The critical bit: unknown payloads are refused by number, known ones take no notice (2.5, 3.2).
 */
static void
test_critical(void **state)
{
	struct world *w = connected(1002);
	const struct ike_msg *m;
	struct ike_chain c;
	struct ike_notify n;

	(void)state;
	ike_send_begin(w->p[0].e, &c);
	ike_pld_raw_build(&c, IKE_PLD_VENDOR, "v", 1);
	c.w.buf[1] = 0xff; /* the reserved bits as well */
	m = forge_ask(w, 0, IKE_X_INFORMATIONAL, &c);
	assert_non_null(m);
	assert_int_equal(m->n, 0);

	ike_send_begin(w->p[0].e, &c);
	ike_pld_delete_build(&c, IKE_PROTO_IKE, NULL, 0);
	ike_pld_raw_build(&c, UNKNOWN_PLD, "what", 4);
	c.w.buf[8 + 1] = IKE_PLD_CRITICAL;
	m = forge_ask(w, 0, IKE_X_INFORMATIONAL, &c);
	assert_non_null(m);
	assert_int_equal(m->n, 1);
	assert_true(ike_msg_notify(m, IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD, &n));
	assert_int_equal(n.data.len, 1);
	assert_int_equal(n.data.p[0], UNKNOWN_PLD);
	/* the message counts for nothing, its DELETE neither */
	assert_up(w);
}

/* ---- what ends the IKE SA (2.21.2, 2.21.3) ---- */

static void
test_fatal_notifies(void **state)
{
	static const uint16_t fatal[] = {IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD, IKE_N_INVALID_SYNTAX,
		IKE_N_AUTHENTICATION_FAILED};

	(void)state;
	for (unsigned int i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++) {
		struct world *w = connected(1010 + i);
		const struct ike_msg *m;
		struct ike_chain c;

		ike_send_begin(w->p[0].e, &c);
		ike_pld_notify_build(&c, fatal[i], NULL, 0);
		m = forge_ask(w, 0, IKE_X_INFORMATIONAL, &c);
		assert_non_null(m);
		assert_int_equal(m->n, 0);
		assert_over(w);
	}
}

/** All IKE_AUTH exchanges are over (section 1); each request with errors is answered (2.21.3). */
static void
test_out_of_turn(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct world *w = connected(1020 + i);
		const struct ike_msg *m;
		struct ike_chain c;

		ike_send_begin(w->p[0].e, &c);
		if (i == 0)
			ike_pld_id_build(&c, IKE_PLD_IDI, peer_sa(&w->p[0])->local_id);
		m = forge_ask(w, 0, i == 0 ? IKE_X_AUTH : IKE_X_INTERMEDIATE, &c);
		assert_non_null(m);
		assert_int_equal(ike_msg_error(m), IKE_N_INVALID_SYNTAX);
		assert_over(w);
	}
}

/** Bodies whose lengths lie, and mandatory payloads that are missing. */
static void
test_malformed(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 5; i++) {
		struct world *w = connected(1030 + i);
		static const uint8_t zero[64];
		const struct ike_msg *m;
		struct ike_chain c;

		ike_send_begin(w->p[0].e, &c);
		if (i == 0) /* a DELETE for ESP with SPIs of 3 octets */
			ike_pld_raw_build(&c, IKE_PLD_DELETE, "\3\3\0\1abc", 7);
		if (i == 1) /* CREATE_CHILD_SA without SA */
			ike_pld_nonce_build(&c, zero, 32);
		if (i == 2) { /* two nonces */
			ike_pld_sa_build(&c, &w->p[0].conn.proposals, false);
			ike_pld_nonce_build(&c, zero, 32);
			ike_pld_nonce_build(&c, zero, 32);
		}
		if (i == 3) { /* a nonce of 15 octets */
			ike_pld_sa_build(&c, &w->p[0].children[0].esp, false);
			ike_pld_nonce_build(&c, zero, 15);
			ike_pld_ts_build(&c, IKE_PLD_TSI, &w->p[0].children[0].local_ts);
			ike_pld_ts_build(&c, IKE_PLD_TSR, &w->p[0].children[0].local_ts);
		}
		if (i == 4) { /* an IKE SA is rekeyed with a KE always (2.18) */
			ike_pld_sa_build(&c, &w->p[0].conn.proposals, false);
			ike_pld_nonce_build(&c, zero, 32);
		}
		m = forge_ask(w, 0, i == 0 ? IKE_X_INFORMATIONAL : IKE_X_CREATE_CHILD_SA, &c);
		assert_non_null(m);
		assert_int_equal(m->n, 1);
		assert_int_equal(ike_msg_error(m), IKE_N_INVALID_SYNTAX);
		assert_over(w);
	}
}

static void
cut_off(const struct ike_msg *m, struct ike_chain *c)
{
	(void)m;
	/* a Notify payload that ends within its own header */
	ike_pld_raw_build(c, IKE_PLD_NOTIFY, "\0", 1);
}

/** Waiting for a better copy is in vain: the SA ends, the peer hears of it, who shall be up
 * returns. */
static void
test_malformed_response(void **state)
{
	struct forge f = {
		.from = 1, .exchange = IKE_X_INFORMATIONAL, .response = true, .edit = cut_off};
	struct world *w = world_create(1040);

	(void)state;
	w->p[0].children[0].dpd_action = IKE_ACTION_START;
	w->p[0].conn.dpd_delay_s = 10;
	forge_connect(w);
	forge_edit(w, &f);
	world_run(w, 11000);
	assert_true(f.done >= 1); /* the answer to our DELETE as well */
	assert_non_null(strstr(w->p[0].log, "INFORMATIONAL response is malformed"));
	assert_int_equal(w->p[0].events[IKE_EV_IKE_DOWN], 1);
	assert_int_equal(w->p[1].events[IKE_EV_IKE_DOWN], 1);
	w->filter = NULL;
	assert_up(w);
}

/* ---- DELETE (1.4.1, 3.11) ---- */

static unsigned int
spis_of(const struct ike_msg *m, uint32_t spis[IKE_DELETE_SPIS_MAX])
{
	struct ike_delete d;

	assert_int_equal(m->n, 1);
	assert_int_equal(m->pld[0].type, IKE_PLD_DELETE);
	assert_int_equal(ike_pld_delete_parse(&d, m->pld[0].body), 0);
	assert_int_equal(d.protocol, IKE_PROTO_ESP);
	memcpy(spis, d.spis, d.n * sizeof(spis[0]));
	return d.n;
}

/** Several SPIs, unknown ones among them, in several payloads, AH as well: one answer names ours.
 */
static void
test_delete_many(void **state)
{
	struct world *w = connected(1050);
	uint32_t theirs[2], ours[IKE_DELETE_SPIS_MAX], odd[2] = {0x77777777, 0};
	const struct ike_msg *m;
	struct ike_chain c;

	(void)state;
	assert_int_equal(ike_initiate(w->p[0].e, NULL, "other", w->now), 0);
	world_run(w, 1000);
	assert_int_equal(peer_live_children(&w->p[1]), 2);
	for (unsigned int i = 0; i < 2; i++)
		theirs[i] = w->p[0].child[i].sa.spi_in;
	odd[1] = theirs[0];
	ike_send_begin(w->p[0].e, &c);
	ike_pld_delete_build(&c, IKE_PROTO_ESP, odd, 2);
	ike_pld_delete_build(&c, IKE_PROTO_AH, theirs, 2);
	ike_pld_delete_build(&c, IKE_PROTO_ESP, &theirs[1], 1);
	m = forge_ask(w, 0, IKE_X_INFORMATIONAL, &c);
	assert_non_null(m);
	assert_int_equal(spis_of(m, ours), 2);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(ours[i], w->p[0].child[i].sa.spi_out);
	assert_int_equal(peer_live_children(&w->p[1]), 0);
	assert_int_equal(peer_live_sas(&w->p[1]), 1);
	world_destroy(w);
}

/** The IKE SA's DELETE beside a child's: the answer is empty, both are gone. */
static void
test_delete_all(void **state)
{
	struct world *w = connected(1051);
	uint32_t spi = w->p[0].child[0].sa.spi_in;
	const struct ike_msg *m;
	struct ike_chain c;

	(void)state;
	ike_send_begin(w->p[0].e, &c);
	ike_pld_delete_build(&c, IKE_PROTO_ESP, &spi, 1);
	ike_pld_delete_build(&c, IKE_PROTO_IKE, NULL, 0);
	m = forge_ask(w, 0, IKE_X_INFORMATIONAL, &c);
	assert_non_null(m);
	assert_int_equal(m->n, 0);
	assert_over(w);
}

/* ---- CREATE_CHILD_SA ---- */

static void
reverse(const struct ike_msg *m, struct ike_chain *c)
{
	for (unsigned int i = m->n; i-- > 0;)
		ike_pld_raw_build(c, m->pld[i].type, m->pld[i].body.p, m->pld[i].body.len);
}

/** Payloads come in any order (2.5), in requests and responses. */
static void
test_any_order(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		struct forge f = {.from = i & 1,
			.exchange = IKE_X_CREATE_CHILD_SA,
			.response = (i & 1) != 0,
			.edit = reverse};
		struct world *w = connected(1060 + i);

		forge_edit(w, &f);
		assert_int_equal(ike_rekey(w->p[0].e, i < 2 ? &all_children : &all_sas, w->now), 1);
		world_run(w, 1000);
		assert_int_equal(f.done, 1);
		assert_int_equal(w->p[0].events[IKE_EV_CHILD_REKEY], i < 2);
		world_run(w, 10000);
		w->filter = NULL;
		assert_up(w);
	}
}

/** REKEY_SA of an SA that is none, by protocol, size or number (2.25, 3.10). */
static void
test_rekey_of_nothing(void **state)
{
	static const uint8_t bodies[3][12] = {
		{IKE_PROTO_ESP, 4, IKE_N_REKEY_SA >> 8, IKE_N_REKEY_SA & 0xff, 1, 2, 3, 4},
		{IKE_PROTO_AH, 4, IKE_N_REKEY_SA >> 8, IKE_N_REKEY_SA & 0xff, 1, 2, 3, 4},
		{IKE_PROTO_IKE, 8, IKE_N_REKEY_SA >> 8, IKE_N_REKEY_SA & 0xff, 1, 2, 3, 4, 5, 6, 7,
			8},
	};
	struct world *w = connected(1070);

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		static const uint8_t nonce[32] = {1};
		struct ike_proposals esp = w->p[0].children[0].esp;
		const struct ike_msg *m;
		struct ike_chain c;

		esp.p[0].spi_len = 4;
		memcpy(esp.p[0].spi, "\1\2\3\4", 4);
		ike_send_begin(w->p[0].e, &c);
		ike_pld_raw_build(&c, IKE_PLD_NOTIFY, bodies[i], 4u + bodies[i][1]);
		ike_pld_sa_build(&c, &esp, false);
		ike_pld_nonce_build(&c, nonce, sizeof(nonce));
		ike_pld_ts_build(&c, IKE_PLD_TSI, &w->p[0].child[0].sa.local_ts);
		ike_pld_ts_build(&c, IKE_PLD_TSR, &w->p[0].child[0].sa.remote_ts);
		m = forge_ask(w, 0, IKE_X_CREATE_CHILD_SA, &c);
		assert_non_null(m);
		assert_int_equal(ike_msg_error(m), IKE_N_CHILD_SA_NOT_FOUND);
	}
	assert_up(w);
}

static void
long_spis(const struct ike_msg *m, struct ike_chain *c)
{
	struct ike_proposals l;

	assert_int_equal(ike_pld_sa_parse(&l, ike_msg_find(m, IKE_PLD_SA)->body), 0);
	for (unsigned int i = 0; i < l.n; i++)
		l.p[i].spi_len = 6;
	forge_copy(m, c, IKE_PLD_SA);
	ike_pld_sa_build(c, &l, true);
}

/** A proposal with an SPI of the wrong size is none (3.3.1). */
static void
test_spi_size(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct forge f = {.exchange = IKE_X_CREATE_CHILD_SA, .edit = long_spis};
		struct world *w = connected(1080 + i);

		forge_edit(w, &f);
		ike_rekey(w->p[0].e, i == 0 ? &all_children : &all_sas, w->now);
		world_run(w, 1000);
		assert_int_equal(f.done, 1);
		assert_non_null(strstr(w->p[0].log, "NO_PROPOSAL_CHOSEN"));
		w->filter = NULL;
		assert_up(w);
	}
}

/* ---- the mode in use, at a rekeying ---- */

static unsigned int transport_said;

static void
note_transport(const struct ike_msg *m, struct ike_chain *c)
{
	forge_copy(m, c, 0);
	transport_said += ike_msg_notify(m, IKE_N_USE_TRANSPORT_MODE, NULL);
}

static void
wish_transport(const struct ike_msg *m, struct ike_chain *c)
{
	forge_copy(m, c, 0);
	ike_pld_notify_build(c, IKE_N_USE_TRANSPORT_MODE, NULL, 0);
}

/** Peer 0 is for transport mode; peer 1, too, unless they have fallen back. Peer who rekeys. */
static void
rekey_with_mode(unsigned int who, bool fallen_back,
	void (*edit)(const struct ike_msg *m, struct ike_chain *c))
{
	struct forge f = {.from = who, .exchange = IKE_X_CREATE_CHILD_SA, .edit = edit};
	struct world *w = world_create(1500 + who);
	struct ike_stats st;

	w->p[0].children[0].mode = IKE_MODE_TRANSPORT;
	w->p[1].children[0].mode = fallen_back ? IKE_MODE_TUNNEL : IKE_MODE_TRANSPORT;
	forge_connect(w);
	forge_edit(w, &f);
	transport_said = 0;
	assert_int_equal(ike_rekey(w->p[who].e, &all_children, w->now), 1);
	world_run(w, 1000);
	assert_int_equal(f.done, 1);
	for (unsigned int i = 0; i < 2; i++) {
		ike_get_stats(w->p[i].e, &st);
		assert_int_equal(st.child_rekeys, 1);
		assert_int_equal(peer_sending(&w->p[i])->sa.mode,
			fallen_back ? IKE_MODE_TUNNEL : IKE_MODE_TRANSPORT);
	}
	w->filter = NULL;
	assert_up(w);
}

/** It is what is offered, and what is answered to who wishes another one, whatever is configured.
 */
static void
test_mode_in_use(void **state)
{
	(void)state;
	for (unsigned int who = 0; who < 2; who++) {
		rekey_with_mode(who, false, note_transport);
		assert_int_equal(transport_said, 1);
		rekey_with_mode(who, true, note_transport);
		assert_int_equal(transport_said, 0);
		rekey_with_mode(who, true, wish_transport);
	}
}

/** A peer that has one child for an IKE SA and rekeys none: reauthentication instead (section 4).
 */
static void
test_no_additional_sas(void **state)
{
	struct world *w = connected(1090);
	uint32_t before = peer_sending(&w->p[0])->sa.ike_id;

	(void)state;
	w->p[1].fail_add = 12;
	assert_int_equal(ike_rekey(w->p[0].e, &all_children, w->now), 1);
	world_run(w, 30);
	assert_non_null(strstr(w->p[0].log, "one CHILD_SA"));
	w->p[1].fail_add = 0;
	w->esp_every_ms = 1;
	world_run(w, 1000);
	assert_int_not_equal(peer_sending(&w->p[0])->sa.ike_id, before);
	assert_int_equal(peer_live_sas(&w->p[0]), 1);
	assert_int_equal(w->p[0].esp_no_sa, 0);
	assert_up(w);
}

static struct forge refusal;
static void spoil(const struct ike_msg *m, struct ike_chain *c);

static void
refuse(const struct ike_msg *m, struct ike_chain *c)
{
	(void)m;
	ike_pld_notify_build(c, IKE_N_NO_ADDITIONAL_SAS, NULL, 0);
	refusal.from = 0;
	refusal.response = false;
	refusal.edit = spoil;
}

/** A request that peer 1's engine has no use for: its answer becomes the refusal. */
static void
spoil(const struct ike_msg *m, struct ike_chain *c)
{
	long_spis(m, c);
	refusal.from = 1;
	refusal.response = true;
	refusal.edit = refuse;
}

/** Nor does it rekey the IKE SA: the same. Asked again meanwhile, one successor is enough. */
static void
test_no_rekeying(void **state)
{
	struct world *w = connected(1092);
	struct ike_stats st;

	(void)state;
	w->esp_every_ms = 1;
	w->delay_ms = 20;
	refusal = (struct forge){.exchange = IKE_X_CREATE_CHILD_SA, .edit = spoil};
	forge_edit(w, &refusal);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(ike_rekey(w->p[0].e, &all_sas, w->now), 1);
		world_run(w, 80);
	}
	assert_int_equal(refusal.done, 4);
	w->filter = NULL;
	world_run(w, 2000);
	ike_get_stats(w->p[0].e, &st);
	assert_int_equal(st.ike_up, 2);
	assert_int_equal(st.ike_rekeys, 0);
	assert_int_equal(peer_live_sas(&w->p[0]), 1);
	assert_int_equal(w->p[0].esp_no_sa, 0);
	assert_int_equal(w->p[1].esp_no_sa, 0);
	assert_up(w);
}

/** Nor over a new IKE SA: the old one goes on, for it has what the new one lacks. */
static void
test_reauth_without_child(void **state)
{
	struct world *w = connected(1091);
	uint32_t before = peer_sending(&w->p[0])->sa.id;

	(void)state;
	w->p[1].fail_add = 12;
	assert_int_equal(ike_rekey(w->p[0].e, &all_children, w->now), 1);
	w->esp_every_ms = 1;
	world_run(w, 5000);
	assert_int_equal(peer_sending(&w->p[0])->sa.id, before);
	assert_int_equal(peer_live_sas(&w->p[0]), 1);
	w->p[1].fail_add = 0;
	world_run(w, 70000);
	assert_int_not_equal(peer_sending(&w->p[0])->sa.id, before);
	assert_int_equal(w->p[0].esp_no_sa, 0);
	assert_up(w);
}

/* ---- the two ends disagree ---- */

/** INVALID_SPI for what we send on: rekeyed when the peer has it after all, else made anew (1.5).
 */
static void
test_invalid_spi(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		struct world *w = connected(1100 + i);
		struct mock_child *child = peer_sending(&w->p[1]);
		uint32_t spi = child->sa.spi_out, before = child->sa.id;
		struct ike_child *forgotten = peer_sa(&w->p[0])->children;
		const struct ike_msg *m;
		struct ike_chain c;
		uint8_t data[4];

		if (i == 1)
			ike_child_remove(forgotten, NULL);
		if (i == 2)
			spi ^= 1; /* none of ours */
		for (unsigned int k = 0; k < 4; k++)
			data[k] = (uint8_t)(spi >> (24 - 8 * k));
		ike_send_begin(w->p[0].e, &c);
		ike_pld_notify_build(&c, IKE_N_INVALID_SPI, data, sizeof(data));
		m = forge_ask(w, 0, IKE_X_INFORMATIONAL, &c);
		assert_non_null(m);
		assert_int_equal(m->n, 0);
		world_run(w, 10000);
		if (i == 2)
			assert_int_equal(peer_sending(&w->p[1])->sa.id, before);
		else
			assert_int_not_equal(peer_sending(&w->p[1])->sa.id, before);
		assert_up(w);
	}
}

/** Message IDs do not wrap (2.2): near the end the IKE SA is rekeyed, at the end it is closed. */
static void
test_message_ids_end(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct world *w = connected(1110 + i);
		struct ike_sa *a = peer_sa(&w->p[0]), *b = peer_sa(&w->p[1]);

		a->win.next_out = b->win.next_in = (i == 0 ? IKE_MSG_ID_SOFT : IKE_MSG_ID_HARD) - 1;
		ike_task_add(a, IKE_TASK_LIVENESS, NULL, 0, 0);
		world_run(w, 2000);
		if (i == 0) {
			assert_int_equal(peer_live_sas(&w->p[0]), 1);
			assert_in_range(ike_window_top(&peer_sa(&w->p[0])->win), 0, 2);
			assert_up(w);
		} else {
			assert_int_equal(peer_live_sas(&w->p[0]), 0);
			assert_over(w);
		}
	}
}

/** An authenticated peer that asks for child after child: NO_ADDITIONAL_SAS at some point (1.3.1).
 */
static void
test_children_are_bounded(void **state)
{
	struct world *w = world_create(1099);
	struct ike_sa *sa;
	unsigned int made = 0;
	bool refused = false;

	(void)state;
	forge_connect(w);
	sa = peer_sa(&w->p[0]);
	for (unsigned int i = 0; i < IKE_CHILDREN_MAX + 20; i++) {
		struct ike_nego *n = ike_nego_create(sa);
		const struct ike_msg *m;
		struct ike_chain c;

		assert_int_equal(ike_nego_offer(sa, n, &w->p[0].children[0], NULL, false, 0), 0);
		ike_send_begin(sa->e, &c);
		ike_nego_build_offer(sa, n, &c);
		m = forge_ask(w, 0, IKE_X_CREATE_CHILD_SA, &c);
		assert_non_null(m);
		made += ike_msg_find(m, IKE_PLD_SA) != NULL;
		refused = ike_msg_notify(m, IKE_N_NO_ADDITIONAL_SAS, NULL);
		ike_nego_free(sa, n);
	}
	assert_int_equal(made, IKE_CHILDREN_MAX - 1);
	assert_true(refused);
	assert_int_equal(peer_live_children(&w->p[1]), IKE_CHILDREN_MAX);
	world_destroy(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ignored),
		cmocka_unit_test(test_critical),
		cmocka_unit_test(test_fatal_notifies),
		cmocka_unit_test(test_out_of_turn),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_malformed_response),
		cmocka_unit_test(test_delete_many),
		cmocka_unit_test(test_delete_all),
		cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_rekey_of_nothing),
		cmocka_unit_test(test_spi_size),
		cmocka_unit_test(test_mode_in_use),
		cmocka_unit_test(test_no_additional_sas),
		cmocka_unit_test(test_no_rekeying),
		cmocka_unit_test(test_reauth_without_child),
		cmocka_unit_test(test_invalid_spi),
		cmocka_unit_test(test_message_ids_end),
		cmocka_unit_test(test_children_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
