/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Answers that no honest peer gives, from one who has the keys: messages are changed behind the
 * encryption. What the initiator did not ask for is not installed, and the other end hears of it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ike/msg.h"
#include "world.h"

static const struct ike_select all_children = {.child = "gre"};
static const struct ike_select all_sas = {.ike = "gw-gw"};

/** What is done to which payload of which message of peer 1. */
struct lie {
	uint8_t exchange, payload;
	uint16_t at; /* in the body */
	uint8_t to;  /* what the byte becomes */
	const char *reason;
};

static const struct lie *lie;
static unsigned int told;

static size_t
tell_lie(void *arg, uint8_t *inner, size_t n, size_t cap, uint8_t *first)
{
	uint8_t type = *first;
	size_t at = 0;

	(void)arg;
	(void)cap;
	while (type != 0 && at + 4 <= n) {
		size_t len = (size_t)inner[at + 2] << 8 | inner[at + 3];

		if (type == lie->payload && lie->at + 4u < len && told == 0) {
			/* a random byte may be what it shall become */
			inner[at + 4 + lie->at] =
				inner[at + 4 + lie->at] != lie->to ? lie->to : lie->to ^ 0x80;
			told++;
		}
		type = inner[at];
		at += len;
	}
	return n;
}

static bool
liar(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	if (from == 1 && buf[18] == lie->exchange && (buf[19] & 0x20) != 0)
		world_edit(w, from, buf, len, tell_lie, NULL);
	return true;
}

static void
test_first_child(void **state)
{
	/*
	 * SA: proposal header 8 with SPI at 8..11, then transforms of 8 or 12; TS: 4, then type,
	 * protocol, length, ports, addresses from 12 and 28; AUTH: 4, then data; ID: 4, then data
	 */
	static const struct lie lies[] = {
		{35, IKE_PLD_SA, 18, 13, "none that we offered"},        /* AES_CTR */
		{35, IKE_PLD_SA, 23, 0, "none that we offered"},         /* key length 0 */
		{35, IKE_PLD_TSI, 5, 6, "not within those we offered"},  /* TCP */
		{35, IKE_PLD_TSI, 5, 0, "not within those we offered"},  /* any protocol */
		{35, IKE_PLD_TSR, 12, 0, "not within those we offered"}, /* a wider range */
		{35, IKE_PLD_TSR, 43, 0xff, "not within those we offered"},
		{35, IKE_PLD_TSR, 4, 7, "malformed"}, /* IPv4 with the length of IPv6 */
		{35, IKE_PLD_AUTH, 4, 0, "authentication failed"},
		{35, IKE_PLD_AUTH, 0, 1, "authentication failed"}, /* RSA */
		{35, IKE_PLD_IDR, 19, 0x99, "authentication failed"},
		{35, IKE_PLD_IDR, 0, 2, "authentication failed"},
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct world *w = world_create(900 + i);

		lie = &lies[i];
		told = 0;
		w->filter = liar;
		peer_start(&w->p[0]);
		peer_start(&w->p[1]);
		ike_initiate(w->p[0].e, NULL, "gre", w->now);
		world_run(w, 30000);
		assert_int_equal(told, 1);
		assert_int_equal(w->p[0].n_child, 0);
		assert_int_equal(peer_installed(&w->p[1]), 0);
		assert_int_equal(w->p[0].events[IKE_EV_CHILD_FAILED], 1);
		if (strstr(w->p[0].reason, lie->reason) == NULL &&
			strstr(w->p[0].log, lie->reason) == NULL)
			fail_msg("lie %u: %s", i, w->p[0].reason);
		world_destroy(w);
	}
}

/** The same at a rekeying: the child in use goes on, no packet is lost. */
static void
test_child_rekey(void **state)
{
	static const struct lie lies[] = {
		{36, IKE_PLD_SA, 18, 13, "none that we offered"},
		{36, IKE_PLD_TSI, 5, 6, "not within those we offered"},
		{36, IKE_PLD_KE, 1, 19, "does not fit the group"},
		{36, IKE_PLD_NOTIFY, 3, 99, NULL}, /* USE_TRANSPORT_MODE is gone: tunnel it is */
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct world *w = world_create(950 + i);
		uint32_t before;

		lie = &lies[i];
		told = 0;
		peer_start(&w->p[0]);
		peer_start(&w->p[1]);
		ike_initiate(w->p[0].e, NULL, "gre", w->now);
		world_run(w, 1000);
		before = peer_sending(&w->p[0])->sa.id;
		w->esp_every_ms = 1;
		w->filter = liar;
		assert_int_equal(ike_rekey(w->p[0].e, &all_children, w->now), 1);
		world_run(w, 10000);
		assert_int_equal(told, 1);
		if (lie->reason != NULL) {
			assert_int_equal(peer_sending(&w->p[0])->sa.id, before);
			assert_int_equal(w->p[0].esp_lost, 0);
			assert_non_null(strstr(w->p[0].log, lie->reason));
			w->filter = NULL;
			world_run(w, 20000); /* tried again by itself */
		} else {
			assert_int_equal(peer_sending(&w->p[0])->sa.mode, IKE_MODE_TUNNEL);
		}
		assert_int_not_equal(peer_sending(&w->p[0])->sa.id, before);
		world_run(w, 10000);
		assert_int_equal(peer_live_children(&w->p[0]), 1);
		assert_int_equal(peer_live_children(&w->p[1]), 1);
		world_destroy(w);
	}
}

static void
test_ike_rekey(void **state)
{
	static const struct lie lies[] = {
		{36, IKE_PLD_SA, 22, 13, "does not fit our proposals"},
		{36, IKE_PLD_KE, 1, 19, "does not fit our proposals"},
		{36, IKE_PLD_SA, 6, 4, "does not fit our proposals"}, /* SPI of 4 octets */
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct world *w = world_create(970 + i);

		lie = &lies[i];
		told = 0;
		peer_start(&w->p[0]);
		peer_start(&w->p[1]);
		ike_initiate(w->p[0].e, NULL, "gre", w->now);
		world_run(w, 1000);
		w->filter = liar;
		assert_int_equal(ike_rekey(w->p[0].e, &all_sas, w->now), 1);
		world_run(w, 10000);
		assert_int_equal(told, 1);
		assert_int_equal(peer_live_sas(&w->p[0]), 1);
		world_destroy(w);
	}
}

/** The group in use is not allowed any more: INVALID_KE_PAYLOAD while rekeying the IKE SA. */
static void
test_ike_rekey_other_group(void **state)
{
	struct world *w = world_create(980);
	struct ike_stats st;

	(void)state;
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	ike_initiate(w->p[0].e, NULL, "gre", w->now);
	world_run(w, 1000);
	peer_proposals(&w->p[0], "aes128-sha256-ecp256-x448", "aes128gcm16-x25519");
	peer_proposals(&w->p[1], "aes128-sha256-x448", "aes128gcm16-x25519");
	assert_int_equal(ike_rekey(w->p[0].e, &all_sas, w->now), 1);
	world_run(w, 1000);
	ike_get_stats(w->p[0].e, &st);
	assert_int_equal(st.ike_rekeys, 1);
	/* and none in common: the old one goes on */
	peer_proposals(&w->p[1], "aes128-sha256-ecp384", "aes128gcm16-x25519");
	assert_int_equal(ike_rekey(w->p[0].e, &all_sas, w->now), 1);
	world_run(w, 1000);
	ike_get_stats(w->p[0].e, &st);
	assert_int_equal(st.ike_rekeys, 1);
	assert_non_null(strstr(w->p[0].log, "NO_PROPOSAL_CHOSEN"));
	assert_non_null(strstr(w->p[1].log, "no common proposal to rekey the IKE_SA"));
	world_assert_settled(w, 1);
	world_destroy(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_child),
		cmocka_unit_test(test_child_rekey),
		cmocka_unit_test(test_ike_rekey),
		cmocka_unit_test(test_ike_rekey_other_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
