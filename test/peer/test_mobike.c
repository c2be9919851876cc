/* SPDX-License-Identifier: BSD-3-Clause */

/* MOBIKE (RFC 4555): peer 0 says where it is; our engine is the responder. */

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ike/natd.h"
#include "ike/payload.h"
#include "ike/sa.h"
#include "ike/send.h"
#include "world.h"

static const struct ike_select all_children = {.child = "gre"};
static const struct ike_select all_sas = {.ike = "gw-gw"};

static struct world *
connected(uint64_t seed)
{
	struct world *w = world_create(seed);

	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
	world_run(w, 1000);
	world_assert_settled(w, 1);
	/* our engine does not announce MOBIKE as initiator: pretend that both did */
	peer_sa(&w->p[1])->mobike = true;
	return w;
}

/** A request in peer 0's name along path; its answer is taken as that of a liveness check. */
static void
ask(struct world *w, struct ike_chain *c, const struct ike_path *path)
{
	struct ike_sa *sa = peer_sa(&w->p[0]);

	assert_int_equal(ike_send_request(sa, IKE_X_INFORMATIONAL, c, path), 0);
	sa->active = calloc(1, sizeof(*sa->active));
	assert_non_null(sa->active);
	sa->active->type = IKE_TASK_LIVENESS;
}

static struct ike_path
new_path(const struct world *w)
{
	struct ike_path path = {.remote = w->p[1].addr, .local_port = 4500, .remote_port = 4500};

	inet_pton(AF_INET6, "2001:db8::99", &path.local);
	return path;
}

/** addr: what NO_NATS_ALLOWED says of the source; NULL = none is sent. */
static void
move(struct world *w, const struct ike_path *path, const struct in6_addr *no_nats)
{
	struct in6_addr more = w->p[0].addr;
	uint8_t forbid[16 + 16 + 2 + 2];
	struct ike_wr wr = ike_wr_make(forbid, sizeof(forbid));
	struct ike_chain c;

	ike_send_begin(w->p[0].e, &c);
	ike_pld_notify_build(&c, IKE_N_UPDATE_SA_ADDRESSES, NULL, 0);
	if (no_nats != NULL) {
		ike_wr_bytes(&wr, no_nats, 16);
		ike_wr_bytes(&wr, &path->remote, 16);
		ike_wr_u16(&wr, path->local_port);
		ike_wr_u16(&wr, path->remote_port);
		ike_pld_notify_build(&c, IKE_N_NO_NATS_ALLOWED, forbid, sizeof(forbid));
	} else {
		ike_natd_build(peer_sa(&w->p[0]), path, &c);
	}
	ike_pld_notify_build(&c, IKE_N_ADDITIONAL_IP6_ADDRESS, &more, sizeof(more));
	ask(w, &c, path);
}

static bool
is_at(struct world *w, const struct in6_addr *addr)
{
	return memcmp(&peer_sa(&w->p[1])->path.remote, addr, 16) == 0 &&
	       memcmp(&peer_sending(&w->p[1])->sa.path.remote, addr, 16) == 0;
}

/** NO_NATS_ALLOWED (3.9): the addresses are as the sender says, or nothing is followed. */
static void
test_no_nats(void **state)
{
	(void)state;
	for (unsigned int changed = 0; changed < 2; changed++) {
		struct world *w = connected(1200 + changed);
		struct ike_path path = new_path(w);

		move(w, &path, changed ? &w->p[0].addr : &path.local);
		world_run(w, 2000);
		assert_true(is_at(w, changed ? &w->p[0].addr : &path.local));
		assert_false(peer_sending(&w->p[1])->sa.udp_encap);
		world_assert_settled(w, 1);
		world_destroy(w);
	}
}

/** It moves while a rekeying of either kind is under way, by either side: both come to their end.
 */
static void
test_moves_during_rekey(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 8; n++) {
		struct world *w = connected(1210 + n);
		const struct ike_select *what = n & 1 ? &all_sas : &all_children;
		struct ike_path path = new_path(w);

		assert_int_equal(ike_rekey(w->p[1].e, what, w->now), 1);
		world_run(w, n & 2 ? 0 : 12);
		if (peer_sa(&w->p[0])->active == NULL)
			move(w, &path, NULL);
		world_run(w, n & 4 ? 60000 : 40000);
		world_assert_settled(w, 1);
		assert_int_equal(peer_live_sas(&w->p[1]), 1);
		assert_true(is_at(w, &path.local));
		world_destroy(w);
	}
}

/** Of our engine, the responder, no request arrives. */
static bool
lose_checks(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	(void)w;
	(void)len;
	return from != 1 || (buf[19] & IKE_FLAG_RESPONSE) != 0;
}

/** It moves, and rekeys before our question whether it is there has reached it. */
static void
test_rekeys_after_move(void **state)
{
	struct world *w = connected(1260);
	struct ike_path path = new_path(w);

	(void)state;
	w->filter = lose_checks;
	move(w, &path, NULL);
	world_run(w, 100);
	assert_int_equal(peer_sa(&w->p[1])->active->type, IKE_TASK_PATH_CHECK);
	assert_int_equal(ike_rekey(w->p[0].e, &all_sas, w->now), 1);
	world_run(w, 1000);
	assert_int_equal(peer_live_sas(&w->p[1]), 1);
	assert_false(is_at(w, &path.local));
	w->filter = NULL;
	world_run(w, 60000);
	world_assert_settled(w, 1);
	assert_true(is_at(w, &path.local));
	world_destroy(w);
}

/** It moves on before the first new address has answered: only the last one counts. */
static void
test_moves_twice(void **state)
{
	struct world *w = connected(1220);
	struct ike_path first = new_path(w), second = first;
	struct ike_sa *sa;

	(void)state;
	inet_pton(AF_INET6, "2001:db8::77", &second.local);
	move(w, &first, NULL);
	world_run(w, 14);
	sa = peer_sa(&w->p[0]);
	/* the answer has not come: the peer gives its request up and sends another one */
	if (sa->active != NULL) {
		world_run(w, 20);
		sa = peer_sa(&w->p[0]);
	}
	move(w, &second, NULL);
	world_run(w, 3000);
	assert_true(is_at(w, &second.local));
	world_assert_settled(w, 1);
	world_destroy(w);
}

/**
 * Nobody answers at the new address. The peer is where it was, or it is dead, or it took some time
 * to get to where it said.
 */
static void
test_check_fails(void **state)
{
	enum { STAYS, DIES, IS_LATE };

	(void)state;
	for (unsigned int what = STAYS; what <= IS_LATE; what++) {
		struct world *w = connected(1240 + what);
		struct ike_path path = new_path(w);

		w->p[0].conn.dpd_delay_s = w->p[1].conn.dpd_delay_s = 0;
		/* not there */
		peer_sa(&w->p[1])->behind_nat = true;
		move(w, &path, NULL);
		world_run(w, 9);
		/* what is sent from here on goes by its addresses: none to the new one */
		w->routed = true;
		if (what == DIES)
			w->cut = true;
		world_run(w, what == IS_LATE ? 7000 : 40000);
		assert_true(is_at(w, &w->p[0].addr));
		w->routed = what != IS_LATE;
		if (what == DIES) {
			assert_int_equal(w->p[1].events[IKE_EV_IKE_DOWN], 0);
			world_run(w, 140000);
			assert_int_equal(w->p[1].events[IKE_EV_IKE_DOWN], 1);
			assert_non_null(strstr(w->p[1].reason, "does not answer"));
			w->cut = false;
		} else {
			world_run(w, 20000);
			assert_true(is_at(w, what == STAYS ? &w->p[0].addr : &path.local));
			assert_int_equal(peer_sa(&w->p[1])->behind_nat, what == STAYS);
			w->routed = false;
			/* it is over: other requests have their turn */
			assert_null(peer_sa(&w->p[1])->active);
			assert_int_equal(ike_rekey(w->p[1].e, &all_sas, w->now), 1);
			world_run(w, 10000);
			assert_int_equal(peer_live_sas(&w->p[0]), 1);
			world_assert_settled(w, 1);
		}
		world_destroy(w);
	}
}

/** What peer 0 answers is seen to come from the address that it claims, whether it receives there
 * or not. */
static bool
forge_source(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	const struct ike_path mine = new_path(w);
	const struct ike_path path = {mine.remote, mine.local, mine.remote_port, mine.local_port};

	if (from != 0 || (buf[19] & IKE_FLAG_RESPONSE) == 0)
		return true;
	ike_input(w->p[1].e, &path, buf, *len, w->now);
	return false;
}

/**
 * A peer that claims the address of somebody else gets the cookie where it is, with the copies that
 * go there when nobody has answered: it is not followed (RFC 4555 3.7), and that is over some time.
 */
static void
test_claims_another_address(void **state)
{
	struct world *w = connected(1270);
	struct ike_path path = new_path(w);

	(void)state;
	w->p[0].conn.dpd_delay_s = w->p[1].conn.dpd_delay_s = 0;
	move(w, &path, NULL);
	world_run(w, 9);
	w->routed = true;
	w->filter = forge_source;
	for (unsigned int s = 0; s < 100; s++) {
		world_run(w, 1000);
		assert_true(is_at(w, &w->p[0].addr));
	}
	assert_non_null(strstr(w->p[1].log, "answers too late"));
	assert_null(peer_sa(&w->p[1])->active);
	w->filter = NULL;
	world_run(w, 1000);
	world_assert_settled(w, 1);
	world_destroy(w);
}

/** One that has moved, and is reached so late that the cookie went to where it was, too, shows it
 * once more. */
static void
test_answers_late(void **state)
{
	struct world *w = connected(1271);
	struct ike_path path = new_path(w);

	(void)state;
	w->p[0].conn.dpd_delay_s = w->p[1].conn.dpd_delay_s = 0;
	w->filter = lose_checks;
	move(w, &path, NULL);
	world_run(w, 30000);
	assert_true(is_at(w, &w->p[0].addr));
	w->filter = NULL;
	w->p[0].addr = path.local;
	w->routed = true;
	world_run(w, 30000);
	assert_true(is_at(w, &path.local));
	world_assert_settled(w, 1);
	world_destroy(w);
}

static bool hashes_seen;

static bool
watch_answer(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	uint8_t out[2048];
	struct ike_view inner;
	struct ike_msg m;

	if (from != 1 || *len > sizeof(out) || ike_msg_parse(&m, buf, *len) != 0 || m.sk_type == 0)
		return true;
	if (ike_sk_open(&peer_sa(&w->p[1])->keys.r, &m, out, &inner) == 0 &&
		ike_msg_parse_inner(&m, m.sk_first, inner.p, inner.len) == 0)
		hashes_seen |= ike_msg_notify(&m, IKE_N_NAT_DETECTION_SOURCE_IP, NULL) &&
			       ike_msg_notify(&m, IKE_N_NAT_DETECTION_DESTINATION_IP, NULL);
	return true;
}

/** A liveness check with NAT detection is answered with it, and moves nobody (3.8). */
static void
test_hashes_in_liveness(void **state)
{
	(void)state;
	for (unsigned int agreed = 0; agreed < 2; agreed++) {
		struct world *w = connected(1230 + agreed);
		struct ike_path path = new_path(w);
		struct ike_chain c;

		peer_sa(&w->p[1])->mobike = agreed;
		peer_sa(&w->p[1])->nat_remote = true;
		hashes_seen = false;
		w->filter = watch_answer;
		ike_send_begin(w->p[0].e, &c);
		ike_natd_build(peer_sa(&w->p[0]), &path, &c);
		ask(w, &c, &path);
		world_run(w, 1000);
		assert_int_equal(hashes_seen, agreed);
		assert_true(is_at(w, agreed ? &w->p[0].addr : &path.local));
		world_destroy(w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_nats),
		cmocka_unit_test(test_moves_during_rekey),
		cmocka_unit_test(test_rekeys_after_move),
		cmocka_unit_test(test_moves_twice),
		cmocka_unit_test(test_check_fails),
		cmocka_unit_test(test_claims_another_address),
		cmocka_unit_test(test_answers_late),
		cmocka_unit_test(test_hashes_in_liveness),
	};

	return cmocka_run_group_tests_name("peer/mobike", tests, NULL, NULL);
}
