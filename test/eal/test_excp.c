/* SPDX-License-Identifier: BSD-3-Clause */
/* The rings between workers and control, and the set of IKE SPIs. */
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include <rte_lcore.h>
#include <rte_mempool.h>

#include "esp_util.h"
#include "lib/excp.h"
#include "lib/pkt.h"

#define DEPTH  20 /* no power of two */
#define N_MBUF 255

static struct rte_mempool *pool;

static struct rte_mbuf *
numbered(uint16_t i)
{
	struct rte_mbuf *m = gw_pkt_alloc(pool);

	assert_non_null(m);
	gw_pkt(m)->l4_off = i;
	return m;
}

/* A class that is full does not touch the others; order is kept; all is counted. */
static void
rings(void **state)
{
	struct gw_excp *x = gw_excp_create(DEPTH, SOCKET_ID_ANY);
	struct rte_mbuf *m, *got[DEPTH + 5];
	struct gw_excp_stats st;

	assert_non_null(x);
	for (uint16_t i = 0; i < DEPTH + 3; i++) {
		m = numbered(i);
		assert_int_equal(gw_excp_push(x, GW_EXCP_INIT, m), i < DEPTH);
		if (i >= DEPTH)
			rte_pktmbuf_free(m);
	}
	assert_true(gw_excp_push(x, GW_EXCP_IKE, numbered(100)));
	m = numbered(101);
	assert_true(gw_excp_push(x, GW_EXCP_HALF_OPEN, m));
	assert_int_equal(gw_excp_pull(x, GW_EXCP_HALF_OPEN, got, 5), 1);
	assert_ptr_equal(got[0], m);
	rte_pktmbuf_free(m);
	gw_excp_get_stats(x, &st);
	assert_int_equal(st.pushed[GW_EXCP_INIT], DEPTH);
	assert_int_equal(st.full[GW_EXCP_INIT], 3);
	assert_int_equal(st.depth[GW_EXCP_INIT], DEPTH);
	assert_int_equal(st.pushed[GW_EXCP_IKE], 1);
	assert_int_equal(st.full[GW_EXCP_IKE], 0);
	assert_int_equal(st.pushed[GW_EXCP_ICMP6], 0);

	assert_int_equal(gw_excp_pull(x, GW_EXCP_ICMP6, got, 5), 0);
	assert_int_equal(gw_excp_pull(x, GW_EXCP_INIT, got, 7), 7);
	assert_int_equal(gw_excp_pull(x, GW_EXCP_INIT, got + 7, DEPTH), DEPTH - 7);
	for (uint16_t i = 0; i < DEPTH; i++)
		assert_int_equal(gw_pkt(got[i])->l4_off, i);
	rte_pktmbuf_free_bulk(got, DEPTH);
	gw_excp_get_stats(x, &st);
	assert_int_equal(st.pulled[GW_EXCP_INIT], DEPTH);
	assert_int_equal(st.depth[GW_EXCP_INIT], 0);
	assert_int_equal(st.depth[GW_EXCP_IKE], 1);
	gw_excp_destroy(x);
	assert_int_equal(rte_mempool_in_use_count(pool), 0); /* what was left in it, too */
}

static void
ring_of_frames(void **state)
{
	struct gw_excp *x = gw_excp_create(DEPTH, SOCKET_ID_ANY);
	struct rte_mbuf *m, *got[DEPTH];
	struct gw_excp_stats st;

	for (uint16_t i = 0; i < DEPTH; i++)
		assert_true(gw_excp_tx_push(x, numbered(i)));
	m = numbered(0);
	assert_false(gw_excp_tx_push(x, m));
	rte_pktmbuf_free(m);
	assert_int_equal(gw_excp_tx_pull(x, got, 4), 4);
	assert_int_equal(gw_pkt(got[3])->l4_off, 3);
	rte_pktmbuf_free_bulk(got, 4);
	gw_excp_get_stats(x, &st);
	assert_int_equal(st.tx, 4);
	assert_int_equal(st.tx_full, 1);
	gw_excp_destroy(x);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
	assert_null(gw_excp_create(0, SOCKET_ID_ANY));
	gw_excp_destroy(NULL);
}

struct producer {
	struct gw_excp *x;
	struct rte_mbuf *m[50];
	unsigned int n;
};

static void *
produce(void *arg)
{
	struct producer *p = arg;

	while (p->n < RTE_DIM(p->m)) {
		if (gw_excp_push(p->x, GW_EXCP_ICMP6, p->m[p->n]))
			p->n++;
		else
			sched_yield();
	}
	return NULL;
}

/* Workers push at once: each frame arrives once, in its worker's order. */
static void
many_producers(void **state)
{
	struct gw_excp *x = gw_excp_create(7, SOCKET_ID_ANY);
	struct producer p[3] = {0};
	unsigned int n = 0, next[3] = {0};
	struct rte_mbuf *got[4];
	struct gw_excp_stats st;
	pthread_t thread[3];

	for (unsigned int i = 0; i < 3; i++) {
		p[i].x = x;
		for (unsigned int j = 0; j < RTE_DIM(p[i].m); j++)
			p[i].m[j] = numbered((uint16_t)(i << 8 | j));
	}
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, produce, &p[i]), 0);
	while (n < 3 * RTE_DIM(p[0].m)) {
		unsigned int k = gw_excp_pull(x, GW_EXCP_ICMP6, got, RTE_DIM(got));

		if (k == 0)
			sched_yield();
		for (unsigned int i = 0; i < k; i++) {
			uint16_t v = gw_pkt(got[i])->l4_off;

			assert_int_equal(v & 0xff, next[v >> 8]++);
			rte_pktmbuf_free(got[i]);
		}
		n += k;
	}
	for (unsigned int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	gw_excp_get_stats(x, &st);
	assert_int_equal(st.pushed[GW_EXCP_ICMP6], n);
	assert_int_equal(st.pulled[GW_EXCP_ICMP6], n);
	gw_excp_destroy(x);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

static uint64_t
spi_of(unsigned int i)
{
	uint64_t v = (i + 1) * 0xd1342543de82ef95u;

	return v ^ v >> 29;
}

static void
spis(void **state)
{
	static const unsigned int sizes[] = {1, 7, 64, 1000, 20000};

	for (unsigned int s = 0; s < RTE_DIM(sizes); s++) {
		struct gw_spiset *set = gw_spiset_create(sizes[s], SOCKET_ID_ANY);

		assert_non_null(set);
		for (unsigned int i = 0; i < sizes[s]; i++)
			assert_true(gw_spiset_add(set, spi_of(i)));
		for (unsigned int i = 0; i < 2 * sizes[s]; i++)
			assert_int_equal(gw_spiset_has(set, spi_of(i)), i < sizes[s]);
		for (unsigned int i = 0; i < sizes[s]; i += 2)
			gw_spiset_del(set, spi_of(i));
		for (unsigned int i = 0; i < sizes[s]; i++)
			assert_int_equal(gw_spiset_has(set, spi_of(i)), i % 2);
		for (unsigned int i = 0; i < sizes[s]; i += 2) /* no tombstones */
			assert_true(gw_spiset_add(set, spi_of(i + 5 * sizes[s])));
		gw_spiset_destroy(set);
	}
	gw_spiset_destroy(NULL);
}

static void
spis_edges(void **state)
{
	struct gw_spiset *set = gw_spiset_create(1, SOCKET_ID_ANY);
	unsigned int n = 0;

	assert_false(gw_spiset_add(set, 0));
	assert_false(gw_spiset_has(set, 0));
	gw_spiset_del(set, 0);
	assert_true(gw_spiset_add(set, 42));
	assert_true(gw_spiset_add(set, 42));
	gw_spiset_del(set, 42);
	assert_false(gw_spiset_has(set, 42)); /* it was in only once */
	while (gw_spiset_add(set, spi_of(n)))
		n++;
	assert_true(n >= 8 && n <= 16); /* full: refused, and nothing is lost */
	for (unsigned int i = 0; i <= n; i++)
		assert_int_equal(gw_spiset_has(set, spi_of(i)), i < n);
	gw_spiset_destroy(set);
}

#define PEER   0x1111111111111111u
#define HALF   0x2222222222222222u
#define NOBODY 0x3333333333333333u

/* Who may fill whose ring. */
static void
classes(void **state)
{
	static const struct {
		struct gw_classified c;
		enum gw_excp_class cls;
	} want[] = {
		{{.cls = GW_CLASS_ICMP6, .nd = true}, GW_EXCP_ND},
		{{.cls = GW_CLASS_ICMP6}, GW_EXCP_ICMP6},
		{{.cls = GW_CLASS_IKE_INIT, .ike_spi_i = NOBODY}, GW_EXCP_INIT},
		{{.cls = GW_CLASS_IKE_INIT, .ike_spi_i = HALF}, GW_EXCP_INIT},
		/* an error or a cookie for a request of ours has no responder's SPI yet */
		{{.cls = GW_CLASS_IKE_INIT, .ike_spi_i = PEER}, GW_EXCP_IKE},
		{{.cls = GW_CLASS_IKE, .ike_spi_i = PEER, .ike_spi_r = NOBODY}, GW_EXCP_IKE},
		{{.cls = GW_CLASS_IKE, .ike_spi_i = NOBODY, .ike_spi_r = PEER}, GW_EXCP_IKE},
		{{.cls = GW_CLASS_IKE, .ike_spi_i = NOBODY, .ike_spi_r = HALF}, GW_EXCP_HALF_OPEN},
		{{.cls = GW_CLASS_IKE, .ike_spi_i = HALF, .ike_spi_r = NOBODY}, GW_EXCP_INIT},
		{{.cls = GW_CLASS_IKE, .ike_spi_i = NOBODY, .ike_spi_r = NOBODY}, GW_EXCP_INIT},
	};
	struct gw_spiset *peers = gw_spiset_create(8, SOCKET_ID_ANY);
	struct gw_spiset *half = gw_spiset_create(8, SOCKET_ID_ANY);

	assert_true(gw_spiset_add(peers, PEER));
	assert_true(gw_spiset_add(half, HALF));
	for (unsigned int i = 0; i < RTE_DIM(want); i++)
		assert_int_equal(gw_excp_class_of(&want[i].c, peers, half), want[i].cls);
	/* it has authenticated: first in the one, then out of the other */
	assert_true(gw_spiset_add(peers, HALF));
	assert_int_equal(gw_excp_class_of(&want[7].c, peers, half), GW_EXCP_IKE);
	gw_spiset_del(half, HALF);
	assert_int_equal(gw_excp_class_of(&want[7].c, peers, half), GW_EXCP_IKE);
	gw_spiset_destroy(peers);
	gw_spiset_destroy(half);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(rings),
		cmocka_unit_test(ring_of_frames),
		cmocka_unit_test(many_producers),
		cmocka_unit_test(spis),
		cmocka_unit_test(spis_edges),
		cmocka_unit_test(classes),
	};

	util_eal("test_excp");
	pool = gw_pkt_pool_create("excp", N_MBUF, 100, SOCKET_ID_ANY);
	if (pool == NULL)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
