/* SPDX-License-Identifier: BSD-3-Clause */
/* ESP ahead of its SA: what waits, for how long, and how much; and the ends of the counters. */
#include <string.h>

#include "esp_util.h"
#include "lib/bytes.h"
#include "lib/early.h"
#include "lib/sa_priv.h"

#define LIMIT 1000 /* of waiting */
#define LEN   64

static struct rig rig;
static struct gw_early early;

/* An SA whose inbound half the table does not show yet. */
static void
setup_hidden(void)
{
	util_params(&rig.params, gw_crypto_alg_at(18), 1);
	util_sa_up(&rig);
	gw_sadb_retire(rig.db, rig.in);
	gw_sadb_spi_free(rig.db, rig.params.spi);
	gw_sa_in_destroy(rig.in);
	gw_sa_out_destroy(rig.out);
	rig.params.spi = gw_sadb_spi_alloc(rig.db);
	rig.out = gw_sa_out_create(&rig.params, SOCKET_ID_ANY);
	struct gw_sa_params mirror = rig.params;
	mirror.local = rig.params.remote;
	mirror.remote = rig.params.local;
	rig.in = gw_sa_in_create(&mirror, SOCKET_ID_ANY);
	assert_true(rig.in != NULL && rig.out != NULL);
	early = (struct gw_early){.timeout_tsc = LIMIT};
}

static struct rte_mbuf *
sealed(unsigned int seed)
{
	struct rte_mbuf *m = util_gre(&rig, LEN, seed);

	assert_int_equal(gw_esp_out(rig.c, &m, 1, 1), 1);
	util_received(m);
	return m;
}

/* @return true when it waits; else it is refused for want, and freed */
static bool
offer(struct rte_mbuf *m, uint64_t now, enum gw_drop want)
{
	assert_int_equal(gw_esp_in(rig.c, rig.db, &m, 1, now), 0);
	if (gw_early_hold(&early, rig.db, &m, 1, now) == 0)
		return true;
	assert_int_equal(gw_pkt(m)->drop, want);
	rte_pktmbuf_free(m);
	return false;
}

/* All that is held is lost, for this reason. */
static void
expect_lost(unsigned int n, uint64_t now, enum gw_drop want)
{
	struct rte_mbuf *pkts[GW_BURST_MAX];
	uint16_t got;
	bool ready;

	while ((got = gw_early_settle(&early, rig.db, pkts, GW_BURST_MAX, &ready, now)) > 0) {
		assert_false(ready);
		for (uint16_t i = 0; i < got; i++, n--)
			assert_int_equal(gw_pkt(pkts[i])->drop, want);
		rte_pktmbuf_free_bulk(pkts, got);
	}
	assert_int_equal(n, 0);
	assert_int_equal(early.n, 0);
}

/* All that is held comes, so many at a time, in order and as it was sent. @return packets */
static unsigned int
take_ready(uint16_t at_most, uint64_t now)
{
	struct rte_mbuf *pkts[GW_BURST_MAX];
	unsigned int seed = 0;
	bool ready;
	uint16_t n;

	while ((n = gw_early_settle(&early, rig.db, pkts, at_most, &ready, now)) > 0) {
		assert_true(ready && n <= at_most);
		assert_int_equal(gw_esp_in(rig.c, rig.db, pkts, n, 20), n);
		for (uint16_t i = 0; i < n; i++)
			assert_true(util_gre_same(pkts[i], LEN, seed++));
		rte_pktmbuf_free_bulk(pkts, n);
	}
	return seed;
}

static void
test_published(void **state)
{
	enum { N = GW_EARLY_PER_SPI }; /* more than a burst */
	struct rte_mbuf *pkts[GW_BURST_MAX];
	bool ready;

	setup_hidden();
	for (unsigned int i = 0; i < N; i++)
		assert_true(offer(sealed(i), 10, GW_DROP_NONE));
	assert_int_equal(
		gw_early_settle(&early, rig.db, pkts, GW_BURST_MAX, &ready, 10 + LIMIT), 0);
	gw_sadb_publish(rig.db, rig.in);
	/* however long it took, the SA is there */
	assert_int_equal(take_ready(GW_BURST_MAX, 11 + LIMIT), N);
	/* retired, and not freed yet: nothing is still to come */
	gw_sadb_retire(rig.db, rig.in);
	assert_false(offer(sealed(0), 30, GW_DROP_NO_SA));
	gw_sadb_spi_free(rig.db, rig.params.spi);
	util_sa_down(&rig);
}

static void
test_freed(void **state)
{
	setup_hidden();
	for (unsigned int i = 0; i < 40; i++)
		assert_true(offer(sealed(i), 10, GW_DROP_NONE));
	gw_sadb_spi_free(rig.db, rig.params.spi);
	expect_lost(40, 11, GW_DROP_NO_SA);
	assert_false(offer(sealed(0), 12, GW_DROP_NO_SA));
	util_sa_down(&rig);
}

static void
test_timed_out(void **state)
{
	setup_hidden();
	for (unsigned int i = 0; i < 3; i++)
		assert_true(offer(sealed(i), 10, GW_DROP_NONE));
	expect_lost(3, 11 + LIMIT, GW_DROP_EARLY_TIMEOUT);
	util_sa_down(&rig);
}

/* The oldest stay; other SPIs have room until all of it is taken. */
static void
test_overflow(void **state)
{
	uint32_t spi[3];
	unsigned int taken = 0;

	setup_hidden();
	spi[0] = rig.params.spi;
	spi[1] = gw_sadb_spi_alloc(rig.db);
	spi[2] = gw_sadb_spi_alloc(rig.db);
	for (unsigned int k = 0; k < 3; k++) {
		unsigned int room = GW_EARLY_MAX - taken;
		unsigned int want = room < GW_EARLY_PER_SPI ? room : GW_EARLY_PER_SPI;

		for (unsigned int i = 0; i < GW_EARLY_PER_SPI + 5; i++) {
			struct rte_mbuf *m = sealed(i);

			gw_put32(rte_pktmbuf_mtod_offset(m, uint8_t *, GW_IP6_HDR_LEN), spi[k]);
			assert_int_equal(offer(m, 10, GW_DROP_EARLY_FULL), i < want);
		}
		taken += want;
		assert_int_equal(early.n, taken);
	}
	assert_int_equal(taken, GW_EARLY_MAX);
	gw_early_fini(&early);
	assert_int_equal(util_in_use(&rig), 0);
	gw_sadb_spi_free(rig.db, spi[1]);
	gw_sadb_spi_free(rig.db, spi[2]);
	util_sa_down(&rig);
}

/* What comes while some wait goes behind them, SA or not; of other SPIs, and what has none, nothing
 * does. */
static void
test_behind(void **state)
{
	enum { N = 100 };
	struct rte_mbuf *pkts[GW_BURST_MAX], *other, *short_one;
	uint16_t n;

	setup_hidden();
	for (unsigned int i = 0; i < N; i++)
		assert_true(offer(sealed(i), 10, GW_DROP_NONE));
	gw_sadb_publish(rig.db, rig.in);
	other = sealed(0);
	gw_put32(rte_pktmbuf_mtod_offset(other, uint8_t *, GW_IP6_HDR_LEN), rig.params.spi ^ 1);
	short_one = sealed(0);
	rte_pktmbuf_trim(short_one, short_one->data_len - GW_IP6_HDR_LEN - 3);
	rig.out->seq = N; /* theirs is none of the order's */
	pkts[0] = sealed(N);
	pkts[1] = other;
	pkts[2] = sealed(N + 1);
	pkts[3] = short_one;
	n = 4;
	assert_int_equal(gw_early_behind(&early, pkts, &n, 11), 2);
	assert_int_equal(n, 2);
	assert_true(pkts[0] == other && pkts[1] == short_one);
	rte_pktmbuf_free_bulk(pkts, 2);
	assert_int_equal(take_ready(7, 12), N + 2);
	pkts[0] = other = sealed(0);
	n = 1;
	assert_int_equal(gw_early_behind(&early, pkts, &n, 13), 1); /* none wait any more */
	rte_pktmbuf_free(other);
	util_sa_down(&rig);
}

/* So many SPIs wait, and no more; those that have room of their own are not hurt by it. */
static void
test_many_spis(void **state)
{
	static uint32_t spi[GW_EARLY_SPIS + 1];

	setup_hidden();
	for (unsigned int turn = 0; turn < 2; turn++) {
		for (unsigned int k = 0; k <= GW_EARLY_SPIS; k++) {
			struct rte_mbuf *m = sealed(k);

			if (turn == 0)
				spi[k] = gw_sadb_spi_alloc(rig.db);
			assert_true(spi[k] != 0);
			gw_put32(rte_pktmbuf_mtod_offset(m, uint8_t *, GW_IP6_HDR_LEN), spi[k]);
			assert_int_equal(offer(m, 10, GW_DROP_EARLY_FULL), k < GW_EARLY_SPIS);
		}
	}
	assert_int_equal(early.n, 2 * GW_EARLY_SPIS);
	for (unsigned int k = 0; k <= GW_EARLY_SPIS; k++)
		gw_sadb_spi_free(rig.db, spi[k]);
	expect_lost(2 * GW_EARLY_SPIS, 11, GW_DROP_NO_SA);
	gw_early_fini(&early);
	assert_int_equal(util_in_use(&rig), 0);
	util_sa_down(&rig);
}

/* Every bit of the SPI counts, and other refusals are none of ours. */
static void
test_wrong_spi(void **state)
{
	struct rte_mbuf *m;

	setup_hidden();
	for (unsigned int bit = 0; bit < 32; bit++) {
		m = sealed(bit);
		gw_put32(rte_pktmbuf_mtod_offset(m, uint8_t *, GW_IP6_HDR_LEN),
			rig.params.spi ^ 1u << bit);
		assert_false(offer(m, 10, GW_DROP_NO_SA));
	}
	m = sealed(0);
	gw_put32(rte_pktmbuf_mtod_offset(m, uint8_t *, GW_IP6_HDR_LEN), 0);
	assert_false(offer(m, 10, GW_DROP_NO_SA));
	m = sealed(0);
	rte_pktmbuf_trim(m, m->data_len - GW_IP6_HDR_LEN - 7);
	assert_false(offer(m, 10, GW_DROP_ESP_SHORT));
	assert_int_equal(early.n, 0);
	util_sa_down(&rig);
}

/* RFC 4303 3.3.3: the counter does not cycle. The last numbers pass, nothing follows them. */
static void
counter_end(bool esn)
{
	const uint64_t last = esn ? UINT64_MAX : UINT32_MAX;
	struct rte_mbuf *pkts[4], *again;
	struct gw_sa_stats st;

	util_params(&rig.params, gw_crypto_alg_at(18), 1);
	rig.params.esn = esn;
	util_sa_up(&rig);
	rig.out->seq = last - 2;
	rig.in->replay.top = last - 3;
	for (unsigned int i = 0; i < 4; i++)
		pkts[i] = util_gre(&rig, LEN, i);
	assert_int_equal(gw_esp_out(rig.c, pkts, 4, 1), 2);
	for (unsigned int i = 2; i < 4; i++)
		assert_int_equal(gw_pkt(pkts[i])->drop, GW_DROP_OUT_SEQ_END);
	rte_pktmbuf_free_bulk(pkts + 2, 2);
	gw_sa_out_stats(rig.out, &st);
	assert_true(st.seq == last && st.packets == 2);
	again = rte_pktmbuf_copy(pkts[1], rig.pool, 0, UINT32_MAX);
	assert_non_null(again);
	util_received(pkts[0]);
	util_received(pkts[1]);
	util_received(again);
	assert_int_equal(gw_esp_in(rig.c, rig.db, pkts, 2, 2), 2);
	gw_sa_in_stats(rig.in, &st);
	assert_true(st.seq == last);
	rte_pktmbuf_free_bulk(pkts, 2);

	/* nor does the window come round: neither a replay nor a small number gets in */
	assert_int_equal(gw_esp_in(rig.c, rig.db, &again, 1, 3), 0);
	assert_int_equal(gw_pkt(again)->drop, GW_DROP_REPLAY);
	gw_put32(rte_pktmbuf_mtod_offset(again, uint8_t *, GW_IP6_HDR_LEN + 4), 1);
	assert_int_equal(gw_esp_in(rig.c, rig.db, &again, 1, 3), 0);
	assert_int_equal(gw_pkt(again)->drop, GW_DROP_REPLAY);
	rte_pktmbuf_free(again);
	util_sa_down(&rig);
}

static void
test_counter_end(void **state)
{
	counter_end(false);
	counter_end(true);
}

static int
setup(void **state)
{
	util_rig_init(&rig);
	return 0;
}

static int
teardown(void **state)
{
	util_rig_fini(&rig);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_freed),
		cmocka_unit_test(test_timed_out),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_behind),
		cmocka_unit_test(test_many_spis),
		cmocka_unit_test(test_wrong_spi),
		cmocka_unit_test(test_counter_end),
	};

	util_eal("test_early");
	return cmocka_run_group_tests(tests, setup, teardown);
}
