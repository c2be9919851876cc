/* SPDX-License-Identifier: BSD-3-Clause */

/* One end lost what the other believes in: INVALID_IKE_SPI, INVALID_SPI, and tokens (RFC 6290). */

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "ike/payload.h"
#include "ike/sa.h"
#include "world.h"

static const struct ike_select all_sas = {.ike = "gw-gw"};

static struct world *
make_world(uint64_t seed)
{
	struct world *w = world_create(seed);

	for (unsigned int i = 0; i < 2; i++) {
		w->p[i].cfg.has_qcd_secret = true;
		memset(w->p[i].cfg.qcd_secret, 0x11 * (int)(i + 1), 32);
		w->p[i].children[0].dpd_action = IKE_ACTION_START;
		w->p[i].tells_spi = true;
	}
	return w;
}

static void
connect_world(struct world *w)
{
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
	world_run(w, 20000);
	world_assert_settled(w, 1);
}

static struct ike_sa *
only_sa(struct peer *p)
{
	struct ike_sa *up = NULL;

	for (struct ike_sa *sa = p->e->sas; sa != NULL; sa = sa->next) {
		if (sa->state != IKE_SA_UP)
			continue;
		assert_null(up);
		up = sa;
	}
	assert_non_null(up);
	return up;
}

static void
restart(struct world *w, unsigned int side)
{
	peer_kill(&w->p[side]);
	peer_start(&w->p[side]);
}

/** The peer restarted in silence; traffic finds out, and the token makes it a matter of a second.
 */
static void
test_token(void **state)
{
	(void)state;
	for (unsigned int side = 0; side < 2; side++) {
		struct world *w = make_world(1100 + side);

		connect_world(w);
		restart(w, side);
		w->esp_every_ms = 100;
		world_run(w, 1000);
		assert_int_equal(w->p[1 - side].events[IKE_EV_IKE_DOWN], 1);
		assert_non_null(strstr(w->p[1 - side].reason, "RFC 6290"));
		world_run(w, 3000);
		world_assert_settled(w, 1);
		world_destroy(w);
	}
}

/** A rekeyed IKE SA has tokens of its own, whoever rekeyed it. */
static void
test_token_after_rekey(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 4; n++) {
		unsigned int side = n & 1, by = n >> 1;
		struct world *w = make_world(1110 + n);

		connect_world(w);
		assert_int_equal(ike_rekey(w->p[by].e, &all_sas, w->now), 1);
		world_run(w, 60000);
		restart(w, side);
		w->esp_every_ms = 100;
		world_run(w, 1000);
		assert_non_null(strstr(w->p[1 - side].reason, "RFC 6290"));
		world_run(w, 3000);
		world_assert_settled(w, 1);
		world_destroy(w);
	}
}

/** Another secret after the restart, or none: the SA stays until nobody has answered for long. */
static void
test_wrong_token(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 2; n++) {
		struct world *w = make_world(1120 + n);

		connect_world(w);
		w->p[1].cfg.qcd_secret[0] ^= 1;
		w->p[1].cfg.has_qcd_secret = n == 0;
		restart(w, 1);
		w->esp_every_ms = 100;
		world_run(w, 100000);
		assert_int_equal(w->p[0].events[IKE_EV_IKE_DOWN], 0);
		/* asked once, all the same */
		assert_int_equal(only_sa(&w->p[0])->active->type, IKE_TASK_LIVENESS);
		world_run(w, 100000);
		world_assert_settled(w, 1);
		world_destroy(w);
	}
}

/** One message in the clear, in the name of peer 1, about the SA between them. */
static void
forge(struct world *w, uint8_t flags, uint16_t type, const void *data, size_t len)
{
	struct ike_sa *sa = only_sa(&w->p[0]);
	const struct ike_hdr hdr = {.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.exchange = IKE_X_INFORMATIONAL,
		.flags = flags,
		.msg_id = sa->win.next_out};
	uint8_t buf[512];
	struct ike_chain c;

	ike_msg_begin(&c, buf, sizeof(buf), &hdr);
	ike_pld_notify_build(&c, type, NULL, 0);
	if (data != NULL)
		ike_pld_notify_build_ike(&c, IKE_N_QCD_TOKEN, data, len);
	ike_input(w->p[0].e, &sa->path, buf, ike_msg_end(&c), w->now);
}

/** What anybody may send makes us ask, every ten seconds at most, and nothing else. */
static void
test_forged(void **state)
{
	struct world *w = make_world(1130);
	static const uint8_t token[32] = {1, 2, 3};
	unsigned int before;

	(void)state;
	connect_world(w);
	before = w->n_ike;
	for (unsigned int i = 0; i < 300; i++) {
		forge(w, IKE_FLAG_RESPONSE, IKE_N_INVALID_IKE_SPI, i & 1 ? token : NULL, 32);
		forge(w, 0, IKE_N_INVALID_SPI, NULL, 0);
		forge(w, IKE_FLAG_RESPONSE, IKE_N_AUTHENTICATION_FAILED, NULL, 0);
		world_run(w, 100);
	}
	assert_int_equal(w->p[0].events[IKE_EV_IKE_DOWN], 0);
	assert_in_range(w->n_ike - before, 4, 8);
	world_assert_settled(w, 1);
	world_destroy(w);
}

static uint8_t answer[512];
static size_t answer_len;

static bool
keep_answer(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	(void)w;
	if (from == 1 && *len <= sizeof(answer)) {
		memcpy(answer, buf, *len);
		answer_len = *len;
	}
	return true;
}

/** A protected message that nobody here can read. @return the type of the last notify answered */
static bool
asks_for_token(struct world *w, uint64_t spi_i, uint64_t spi_r, uint8_t flags)
{
	const struct ike_hdr hdr = {.spi_i = spi_i,
		.spi_r = spi_r,
		.next = IKE_PLD_SK,
		.version = IKE_VERSION,
		.exchange = IKE_X_INFORMATIONAL,
		.flags = flags,
		.msg_id = 7,
		.length = IKE_HDR_LEN + 40};
	const struct ike_path path = only_sa(&w->p[1])->path;
	uint8_t buf[IKE_HDR_LEN + 40] = {0};
	struct ike_wr wr = ike_wr_make(buf, sizeof(buf));
	struct ike_notify n;
	struct ike_msg m;

	ike_hdr_build(&wr, &hdr);
	buf[IKE_HDR_LEN + 3] = 40;
	answer_len = 0;
	w->filter = keep_answer;
	ike_input(w->p[1].e, &path, buf, sizeof(buf), w->now);
	if (answer_len == 0)
		return false;
	assert_true(answer_len <= sizeof(buf) + 48);
	assert_int_equal(ike_msg_parse(&m, answer, answer_len), 0);
	assert_int_equal(m.hdr.msg_id, 7);
	assert_true(ike_msg_is_response(&m));
	assert_true(ike_msg_notify(&m, IKE_N_INVALID_IKE_SPI, NULL));
	return ike_msg_notify(&m, IKE_N_QCD_TOKEN, &n);
}

/** The token of a living SA is never said in the clear, in whatever way its SPIs are put. */
static void
test_token_is_kept(void **state)
{
	struct world *w = make_world(1140);
	uint64_t i, r;

	(void)state;
	connect_world(w);
	i = only_sa(&w->p[1])->spi_i;
	r = only_sa(&w->p[1])->spi_r;
	assert_true(asks_for_token(w, i + 1, r + 1, IKE_FLAG_INITIATOR));
	assert_false(asks_for_token(w, i, r, 0));
	assert_false(asks_for_token(w, i, r, IKE_FLAG_INITIATOR));
	assert_false(asks_for_token(w, i + 1, r, IKE_FLAG_INITIATOR));
	assert_false(asks_for_token(w, r, i, 0));
	/* no answer to an answer */
	assert_false(asks_for_token(w, i + 1, r + 1, IKE_FLAG_RESPONSE));
	assert_int_equal(answer_len, 0);
	world_assert_settled(w, 1);
	world_destroy(w);
}

static void
test_answers_are_few(void **state)
{
	struct world *w = make_world(1141);
	unsigned int n = 0;

	(void)state;
	connect_world(w);
	for (unsigned int i = 0; i < 1000; i++)
		n += asks_for_token(w, 4711 + i, 4712, IKE_FLAG_INITIATOR);
	assert_int_equal(n, 20);
	world_destroy(w);
}

/** One end lost a child (its host did): the other hears of it inside the IKE SA and makes a new
 * one. */
static void
test_lost_child(void **state)
{
	struct world *w = make_world(1150);
	uint32_t id;

	(void)state;
	connect_world(w);
	id = peer_sending(&w->p[0])->sa.id;
	/* the host of 1 does not know the SPI any more */
	peer_sending(&w->p[1])->sa.spi_in ^= 0x40000000;
	w->esp_every_ms = 500;
	world_run(w, 5000);
	assert_int_not_equal(peer_sending(&w->p[0])->sa.id, id);
	assert_non_null(strstr(w->p[0].log, "INVALID_SPI"));
	world_assert_settled(w, 1);
	assert_int_equal(w->p[0].events[IKE_EV_IKE_DOWN], 0);
	world_destroy(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_token_after_rekey),
		cmocka_unit_test(test_wrong_token),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_token_is_kept),
		cmocka_unit_test(test_answers_are_few),
		cmocka_unit_test(test_lost_child),
	};

	return cmocka_run_group_tests_name("peer/qcd", tests, NULL, NULL);
}
