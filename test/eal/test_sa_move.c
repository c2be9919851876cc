/* SPDX-License-Identifier: BSD-3-Clause */
/* A peer that moves (MOBIKE, NAT): both halves of an SA follow, with every algorithm and
 * encapsulation. */
#include <arpa/inet.h>
#include <string.h>

#include "esp_util.h"
#include "lib/sa_priv.h"

#define LEN 100

static struct rig rig;

static struct rte_mbuf *
seal(unsigned int seed)
{
	struct rte_mbuf *m = util_gre(&rig, LEN, seed);

	assert_int_equal(gw_esp_out(rig.c, &m, 1, 1), 1);
	util_received(m);
	return m;
}

static enum gw_drop
open_one(struct rte_mbuf *m, unsigned int seed)
{
	enum gw_drop drop = GW_DROP_NONE;

	if (gw_esp_in(rig.c, rig.db, &m, 1, 2) == 1)
		assert_true(util_gre_same(m, LEN, seed));
	else
		drop = gw_pkt(m)->drop;
	rte_pktmbuf_free(m);
	return drop;
}

static struct gw_sa_params
elsewhere(bool udp_encap)
{
	struct gw_sa_params p = {.udp_encap = udp_encap, .flow_label = 0x54321};

	if (udp_encap) {
		p.local_port = 4500;
		p.remote_port = 61000;
	}
	inet_pton(AF_INET6, "2001:db8::1", &p.local);
	inet_pton(AF_INET6, "2001:db8:77::7", &p.remote);
	return p;
}

static void
move_out(const struct gw_sa_params *p)
{
	struct gw_sa_out *out = gw_sa_out_move(rig.out, p, SOCKET_ID_ANY);

	assert_non_null(out);
	gw_sa_out_destroy(rig.out); /* the twin has nothing in common with it */
	rig.out = out;
}

static void
follows(const struct gw_crypto_alg *row, bool tunnel_mode, bool from_encap, bool to_encap)
{
	struct gw_sa_params to = elsewhere(to_encap);
	struct gw_sa_stats st;
	struct rte_mbuf *m;

	util_params(&rig.params, row, 3);
	rig.params.tunnel_mode = tunnel_mode;
	rig.params.udp_encap = from_encap;
	rig.params.local_port = rig.params.remote_port = from_encap ? 4500 : 0;
	util_sa_up(&rig);
	assert_int_equal(open_one(seal(1), 1), GW_DROP_NONE);
	move_out(&to);
	m = seal(2);
	assert_memory_equal(rte_pktmbuf_mtod_offset(m, uint8_t *, 24), &to.remote, 16);
	gw_sa_out_stats(rig.out, &st);
	assert_int_equal(st.packets, 2);
	assert_int_equal(st.seq, GW_SA_MOVE_GAP + 2);
	assert_int_equal(open_one(m, 2), GW_DROP_SA_ADDR);
	gw_sa_in_move(rig.in, &to.remote, &to.local, !to_encap, to.local_port);
	/* the other form: on its way when the peer moved, or its choice (RFC 7296 2.23) */
	assert_int_equal(open_one(seal(3), 3), GW_DROP_NONE);
	gw_sa_in_move(rig.in, &to.remote, &to.local, to_encap, to.local_port);
	assert_int_equal(open_one(seal(4), 4), GW_DROP_NONE);
	gw_sa_in_stats(rig.in, &st);
	assert_int_equal(st.packets, 3);
	assert_int_equal(st.replays, 0);
	util_sa_down(&rig);
}

/* Without UDP the peer is where its address says, and nothing is learned from it. */
static void
test_bare_in_udp(void **state)
{
	struct in6_addr addr;
	struct rte_mbuf *m;
	uint16_t port;

	util_params(&rig.params, gw_crypto_alg_at(0), 1);
	util_sa_up(&rig);
	gw_sa_in_move(rig.in, &rig.params.remote, &rig.params.local, true, 4500);
	assert_int_equal(open_one(seal(1), 1), GW_DROP_NONE);
	assert_false(gw_sa_in_elsewhere(rig.in, &addr, &port));
	m = seal(2);
	rte_pktmbuf_mtod_offset(m, uint8_t *, gw_pkt(m)->l3_off)[8 + 15] ^= 0x40;
	assert_int_equal(open_one(m, 2), GW_DROP_SA_ADDR);
	assert_false(gw_sa_in_elsewhere(rig.in, &addr, &port));
	util_sa_down(&rig);
}

static void
test_follows(void **state)
{
	const struct gw_crypto_alg *row;

	for (unsigned int i = 0; (row = gw_crypto_alg_at(i)) != NULL; i++) {
		for (unsigned int k = 0; k < 8; k++)
			follows(row, k & 1, k & 2, k & 4);
	}
}

/* Behind a NAT the peer's address and port may be any: good packets are taken, and control is told
 * of the first one; bad ones and those to another address of ours are not. */
static void
test_elsewhere(void **state)
{
	struct in6_addr addr, want;
	struct rte_mbuf *m;
	uint16_t port;

	util_params(&rig.params, gw_crypto_alg_at(0), 1);
	rig.params.udp_encap = true;
	rig.params.local_port = rig.params.remote_port = 4500;
	util_sa_up(&rig);
	assert_int_equal(open_one(seal(1), 1), GW_DROP_NONE);
	assert_false(gw_sa_in_elsewhere(rig.in, &addr, &port));
	for (unsigned int seed = 2; seed < 4; seed++) {
		uint8_t *p;

		m = seal(seed);
		p = rte_pktmbuf_mtod_offset(m, uint8_t *, gw_pkt(m)->l3_off);
		p[8 + 15] ^= 0x40;
		memcpy(&want, p + 8, sizeof(want));
		p[40] = (uint8_t)seed; /* the port's high byte */
		assert_int_equal(open_one(m, seed), GW_DROP_NONE);
	}
	assert_true(gw_sa_in_elsewhere(rig.in, &addr, &port));
	assert_memory_equal(&addr, &want, sizeof(addr));
	assert_int_equal(port, 2 << 8 | (4500 & 0xff));
	assert_false(gw_sa_in_elsewhere(rig.in, &addr, &port));
	/* a bad one says nothing */
	m = seal(4);
	rte_pktmbuf_mtod_offset(m, uint8_t *, gw_pkt(m)->l3_off)[8 + 15] ^= 0x40;
	rte_pktmbuf_mtod_offset(m, uint8_t *,
		gw_pkt(m)->l4_off)[rte_pktmbuf_data_len(m) - gw_pkt(m)->l4_off - 1] ^= 1;
	assert_int_equal(open_one(m, 4), GW_DROP_ICV);
	assert_false(gw_sa_in_elsewhere(rig.in, &addr, &port));
	m = seal(5);
	rte_pktmbuf_mtod_offset(m, uint8_t *, gw_pkt(m)->l3_off)[24 + 15] ^= 0x40;
	assert_int_equal(open_one(m, 5), GW_DROP_SA_ADDR);
	util_sa_down(&rig);
}

/* Tunnel mode between hosts of the selectors: a NAT changes the outer header only. */
static void
test_inner_hosts(void **state)
{
	struct in6_addr other;

	inet_pton(AF_INET6, "2001:db8:77::7", &other);
	for (unsigned int wrong = 0; wrong < 2; wrong++) {
		util_params(&rig.params, gw_crypto_alg_at(0), 1);
		rig.params.tunnel_mode = true;
		inet_pton(AF_INET6, "2001:db8:99::1", &rig.params.inner_local);
		inet_pton(AF_INET6, "2001:db8:99::2", &rig.params.inner_remote);
		util_sa_up(&rig);
		if (wrong)
			rig.in->inner_remote = other;
		assert_int_equal(open_one(seal(1), 1), wrong ? GW_DROP_INNER_IP6 : GW_DROP_NONE);
		util_sa_down(&rig);
	}
	rig.params.inner_local = rig.params.inner_remote = in6addr_any;
}

/* Near the end of 32-bit numbers the gap must not lead to numbers that were used. */
static void
test_no_number_twice(void **state)
{
	struct gw_sa_params to = elsewhere(false);
	struct rte_mbuf *m;

	util_params(&rig.params, gw_crypto_alg_at(0), 1);
	util_sa_up(&rig);
	gw_stat_set(&rig.out->seq, UINT32_MAX - 10);
	move_out(&to);
	m = util_gre(&rig, LEN, 1);
	assert_int_equal(gw_esp_out(rig.c, &m, 1, 1), 0);
	assert_int_equal(gw_pkt(m)->drop, GW_DROP_OUT_SEQ_END);
	rte_pktmbuf_free(m);
	util_sa_down(&rig);
}

static void
test_refused(void **state)
{
	struct gw_sa_params to = elsewhere(true);

	util_params(&rig.params, gw_crypto_alg_at(0), 1);
	util_sa_up(&rig);
	to.remote_port = 0;
	assert_null(gw_sa_out_move(rig.out, &to, SOCKET_ID_ANY));
	to = elsewhere(false);
	to.flow_label = 1u << 20;
	assert_null(gw_sa_out_move(rig.out, &to, SOCKET_ID_ANY));
	util_sa_down(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bare_in_udp),
		cmocka_unit_test(test_follows),
		cmocka_unit_test(test_elsewhere),
		cmocka_unit_test(test_inner_hosts),
		cmocka_unit_test(test_no_number_twice),
		cmocka_unit_test(test_refused),
	};
	int failed;

	util_eal("sa_move");
	util_rig_init(&rig);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	failed += util_in_use(&rig) != 0;
	util_rig_fini(&rig);
	return failed;
}
