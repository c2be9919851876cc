/* SPDX-License-Identifier: BSD-3-Clause */

/* A NAT in between (RFC 7296 2.23, RFC 3948): transport mode, keepalives, mappings that change. */

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "ike/sa.h"
#include "world.h"

static const struct ike_select all_children = {.child = "gre"};
static const struct ike_select all_sas = {.ike = "gw-gw"};

static void
start_both(struct world *w)
{
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
}

static void
connect_from(struct world *w, unsigned int side)
{
	start_both(w);
	assert_int_equal(ike_initiate(w->p[side].e, NULL, "gre", w->now), 0);
	world_run(w, 1000);
	world_assert_settled(w, 1);
}

/** Peer p behind a NAT that hides its address and adds shift to its ports (0: keeps them). */
static void
hide(struct world *w, unsigned int p, uint16_t shift)
{
	struct peer *other = &w->p[1 - p];

	inet_pton(AF_INET6, p == 0 ? "2001:db8:a::1" : "2001:db8:b::1", &w->p[p].nat_addr);
	w->p[p].nat_shift = shift;
	other->conn.remote_addrs[0] = (struct ike_range){w->p[p].nat_addr, w->p[p].nat_addr};
}

static const struct ike_sa *
first_sa(const struct peer *p)
{
	assert_non_null(p->e->sas);
	return p->e->sas;
}

static void
assert_transport(struct world *w)
{
	world_assert_settled(w, 1);
	for (unsigned int i = 0; i < 2; i++) {
		const struct ike_child_sa *sa = &peer_sending(&w->p[i])->sa;

		assert_int_equal(sa->mode, IKE_MODE_TRANSPORT);
		assert_true(sa->udp_encap);
		/* each end calls the other as it sees it */
		assert_memory_equal(sa->local_ts.ts[0].from, &w->p[i].addr, 16);
		assert_memory_equal(sa->remote_ts.ts[0].from, &sa->path.remote, 16);
	}
}

/** 2.23.1: the NAT may be in front of either end or of both, and either may rekey. */
static void
test_transport(void **state)
{
	static const struct {
		bool hidden[2];
		uint16_t shift;
	} cases[] = {{{true, false}, 10000}, {{false, true}, 0}, {{true, true}, 0}};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world *w = world_create(1000 + i);

		for (unsigned int p = 0; p < 2; p++)
			if (cases[i].hidden[p])
				hide(w, p, cases[i].shift);
		connect_from(w, 0);
		assert_transport(w);
		for (unsigned int p = 0; p < 2; p++) {
			assert_int_equal(ike_rekey(w->p[p].e, &all_children, w->now), 1);
			world_run(w, 30000);
			assert_transport(w);
			assert_int_equal(ike_rekey(w->p[p].e, &all_sas, w->now), 1);
			world_run(w, 40000);
			assert_transport(w);
		}
		assert_int_equal(w->p[0].events[IKE_EV_CHILD_REKEY], 2);
		world_destroy(w);
	}
}

/** Selectors that are no single host are not renamed: they fall back to tunnel mode. */
static void
test_networks_are_not_renamed(void **state)
{
	struct world *w = world_create(1005);

	(void)state;
	hide(w, 0, 10000);
	for (unsigned int i = 0; i < 2; i++) {
		peer_ts(&w->p[i].children[0].local_ts, i == 0 ? "fd00:1::/64" : "fd00:2::/64");
		peer_ts(&w->p[i].children[0].remote_ts, i == 0 ? "fd00:2::/64" : "fd00:1::/64");
	}
	connect_from(w, 0);
	assert_int_equal(peer_sending(&w->p[1])->sa.mode, IKE_MODE_TUNNEL);
	assert_int_equal(peer_sending(&w->p[1])->sa.remote_ts.ts[0].from[0], 0xfd);
	world_destroy(w);
}

/* ---- keepalives ---- */

static void
keep_alive(struct world *w)
{
	w->p[0].cfg.keep_alive_s = w->p[1].cfg.keep_alive_s = 20;
}

/** Only the end that is behind the NAT, and only when it has nothing else to send. */
static void
test_keepalives(void **state)
{
	struct world *w = world_create(1010);

	(void)state;
	keep_alive(w);
	hide(w, 0, 10000);
	connect_from(w, 0);
	world_run(w, 205000);
	assert_int_equal(w->p[0].keepalives, 10);
	/* the timer survives a rekeying, by either side */
	assert_int_equal(ike_rekey(w->p[1].e, &all_sas, w->now), 1);
	world_run(w, 100000);
	assert_in_range(w->p[0].keepalives, 14, 15);
	assert_int_equal(w->p[1].keepalives, 0);
	w->esp_every_ms = 5000;
	world_run(w, 10000);
	w->p[0].keepalives = 0;
	world_run(w, 200000);
	assert_int_equal(w->p[0].keepalives, 0);
	world_destroy(w);
}

static void
test_no_keepalives(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		struct world *w = world_create(1011 + i);

		keep_alive(w);
		w->p[0].conn.encap = i == 0; /* faked */
		w->p[1].conn.encap = i == 1;
		if (i == 2)
			hide(w, 0, 10000);
		if (i == 2)
			w->p[0].cfg.keep_alive_s = 0;
		connect_from(w, 0);
		world_run(w, 200000);
		assert_int_equal(w->p[0].keepalives + w->p[1].keepalives, 0);
		world_destroy(w);
	}
}

/* ---- mappings that change ---- */

static uint16_t
port_of_peer(struct world *w)
{
	return first_sa(&w->p[1])->path.remote_port;
}

/** A verified message comes from another port: followed at once, ESP too. */
static void
test_message_is_followed(void **state)
{
	struct world *w = world_create(1020);

	(void)state;
	hide(w, 0, 10000);
	w->p[0].conn.dpd_delay_s = 10;
	connect_from(w, 0);
	assert_int_equal(port_of_peer(w), 14500);
	w->p[0].nat_shift = 20000;
	inet_pton(AF_INET6, "2001:db8:a::2", &w->p[0].nat_addr);
	world_run(w, 11000);
	assert_int_equal(port_of_peer(w), 24500);
	assert_memory_equal(&peer_sending(&w->p[1])->sa.path.remote, &w->p[0].nat_addr, 16);
	assert_int_equal(peer_sending(&w->p[1])->sa.path.remote_port, 24500);
	/* and what it is called in the selectors with the next rekeying */
	assert_int_equal(ike_rekey(w->p[1].e, &all_children, w->now), 1);
	world_run(w, 30000);
	assert_transport(w);
	world_destroy(w);
}

/** Not behind a NAT, nobody moves without a word; answers go where the question came from. */
static void
test_message_is_not_followed(void **state)
{
	(void)state;
	for (unsigned int mobike = 0; mobike < 2; mobike++) {
		struct world *w = world_create(1021 + mobike);

		w->p[0].conn.dpd_delay_s = 10;
		if (mobike)
			hide(w, 0, 10000);
		connect_from(w, 0);
		w->p[1].e->sas->mobike = mobike;
		w->p[0].nat_shift = 20000;
		world_run(w, 60000);
		assert_int_equal(port_of_peer(w), mobike ? 14500 : 500);
		assert_int_equal(peer_sending(&w->p[1])->sa.path.remote_port, mobike ? 14500 : 500);
		assert_int_equal(w->p[0].events[IKE_EV_IKE_DOWN], 0);
		world_destroy(w);
	}
}

/**
 * ESP comes from elsewhere: the peer is asked where it was, then there as well, and followed when
 * it answers from there. With MOBIKE too, though its messages from there are answered and no more.
 */
static void
test_esp_is_followed(void **state)
{
	(void)state;
	for (unsigned int mobike = 0; mobike < 2; mobike++) {
		struct world *w = world_create(1023 + 1000 * mobike);

		hide(w, 0, 10000);
		w->esp_every_ms = 100;
		w->p[0].conn.dpd_delay_s = mobike;
		connect_from(w, 0);
		w->p[1].e->sas->mobike = mobike;
		w->p[0].nat_shift = 20000;
		world_run(w, 3000);
		assert_int_equal(port_of_peer(w), 14500);
		world_run(w, 3000);
		assert_int_equal(port_of_peer(w), 24500);
		assert_int_equal(peer_sending(&w->p[1])->sa.path.remote_port, 24500);
		world_run(w, 200000);
		assert_int_equal(w->p[1].events[IKE_EV_IKE_DOWN], 0);
		world_assert_settled(w, 1);
		world_destroy(w);
	}
}

/** ESP from other ports on purpose: accepted, not followed, and few questions because of it. */
static void
test_esp_ports_are_not_followed(void **state)
{
	struct world *w = world_create(1024);
	unsigned int before;

	(void)state;
	w->p[0].conn.encap = true;
	w->esp_every_ms = 100;
	connect_from(w, 0);
	before = w->n_ike;
	for (uint16_t i = 0; i < 600; i++) {
		w->p[0].esp_port = (uint16_t)(30000 + i);
		world_run(w, 100);
	}
	assert_int_equal(port_of_peer(w), 4500);
	assert_int_equal(peer_sending(&w->p[1])->sa.path.remote_port, 4500);
	assert_in_range(w->n_ike - before, 2, 6);
	assert_int_equal(w->p[0].esp_lost, 0);
	world_destroy(w);
}

static unsigned int to_lose; /* requests of peer 1 */

static bool
lose_requests(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	(void)w;
	(void)len;
	return from == 0 || (buf[19] & IKE_FLAG_RESPONSE) != 0 || to_lose == 0 || to_lose-- == 0;
}

/**
 * Each packet of ESP from another port, as strongSwan's per_cpu_sas = encap has it, and a question
 * of ours is lost: nobody listens at those ports, the peer is where it was.
 */
static void
test_lost_question(void **state)
{
	(void)state;
	for (unsigned int mobike = 0; mobike < 2; mobike++) {
		struct world *w = world_create(1026 + mobike);

		hide(w, 0, 10000);
		w->p[1].conn.dpd_delay_s = 20;
		w->p[1].conn.dpd_ignore_esp = true;
		w->esp_every_ms = 100;
		w->filter = lose_requests;
		connect_from(w, 0);
		w->p[1].e->sas->mobike = mobike;
		for (uint16_t i = 0; i < 1200; i++) {
			w->p[0].esp_port = (uint16_t)(30000 + i);
			if (i % 100 == 0)
				to_lose = 1 + i / 100 % 2;
			world_run(w, 100);
			assert_int_equal(port_of_peer(w), 14500);
		}
		assert_int_equal(peer_sending(&w->p[1])->sa.path.remote_port, 14500);
		assert_int_equal(w->p[0].esp_lost + w->p[1].esp_lost, 0);
		assert_int_equal(w->p[1].events[IKE_EV_IKE_DOWN], 0);
		world_destroy(w);
	}
}

/** It was elsewhere once, long ago: nothing is sent there. */
static void
test_elsewhere_is_forgotten(void **state)
{
	struct world *w = world_create(1028);
	struct ike_path path;
	unsigned int before;

	(void)state;
	hide(w, 0, 10000);
	connect_from(w, 0);
	path = first_sa(&w->p[1])->path;
	path.remote_port = 40000;
	w->p[1].e->sas->ask_ms = UINT64_MAX;
	ike_child_elsewhere(w->p[1].e, peer_sending(&w->p[1])->sa.id, &path, w->now);
	world_run(w, 40000);
	to_lose = 1;
	w->filter = lose_requests;
	before = w->n_ike;
	assert_int_equal(ike_rekey(w->p[1].e, &all_children, w->now), 1);
	world_run(w, 30000);
	/* once more for what was lost; then the DELETE of the old one */
	assert_int_equal(w->n_ike - before, 5);
	world_destroy(w);
}

/** Without a NAT, ESP is no evidence of anything. */
static void
test_esp_without_nat(void **state)
{
	struct world *w = world_create(1025);
	struct ike_path path;
	unsigned int before;

	(void)state;
	connect_from(w, 0);
	path = first_sa(&w->p[1])->path;
	path.remote_port = 4500;
	before = w->n_ike;
	ike_child_elsewhere(w->p[1].e, peer_sending(&w->p[1])->sa.id, &path, w->now);
	ike_child_elsewhere(w->p[1].e, 4711, &path, w->now);
	world_run(w, 20000);
	assert_int_equal(w->n_ike, before);
	assert_int_equal(port_of_peer(w), 500);
	world_destroy(w);
}

/** Both ends begin, and each sees the other's address and its own differ in another order. */
static void
test_both_begin(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 20; n++) {
		struct world *w = world_create(780 + n);

		hide(w, n & 1, 0);
		start_both(w);
		assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
		world_run(w, n / 2 * 4);
		assert_int_equal(ike_initiate(w->p[1].e, NULL, "gre", w->now), 0);
		world_run(w, 60000);
		world_assert_settled(w, 1);
		for (unsigned int i = 0; i < 2; i++)
			assert_int_equal(peer_live_sas(&w->p[i]), 1);
		world_destroy(w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_begin),
		cmocka_unit_test(test_transport),
		cmocka_unit_test(test_networks_are_not_renamed),
		cmocka_unit_test(test_keepalives),
		cmocka_unit_test(test_no_keepalives),
		cmocka_unit_test(test_message_is_followed),
		cmocka_unit_test(test_message_is_not_followed),
		cmocka_unit_test(test_esp_is_followed),
		cmocka_unit_test(test_esp_ports_are_not_followed),
		cmocka_unit_test(test_lost_question),
		cmocka_unit_test(test_elsewhere_is_forgotten),
		cmocka_unit_test(test_esp_without_nat),
	};

	return cmocka_run_group_tests_name("peer/nat", tests, NULL, NULL);
}
