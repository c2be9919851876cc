/* SPDX-License-Identifier: BSD-3-Clause */
/* ESP there and back: every algorithm, mode and length. */
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

#include "esp_util.h"
#include "lib/esp_size.h"
#include "lib/sa_priv.h"

#define MTU 1500

static struct rig rig;

/* Seal and open n packets of these lengths; all must come back. */
static void
there_and_back(struct rig *r, const unsigned int *lens, uint16_t n)
{
	struct rte_mbuf *pkts[GW_BURST_MAX];
	uint16_t i;

	for (i = 0; i < n; i++)
		pkts[i] = util_gre(r, lens[i], i);
	assert_int_equal(gw_esp_out(r->c, pkts, n, 1), n);
	for (i = 0; i < n; i++) {
		uint16_t payload = (uint16_t)lens[i];

		assert_int_equal(rte_pktmbuf_pkt_len(pkts[i]),
			gw_esp_packet_len(payload, r->out->iv_len, r->out->alg->icv_len,
				r->out->alg->align, r->out->tunnel_mode, r->out->udp_encap));
		util_received(pkts[i]);
	}
	assert_int_equal(gw_esp_in(r->c, r->db, pkts, n, 2), n);
	for (i = 0; i < n; i++) {
		assert_true(util_gre_same(pkts[i], lens[i], i));
		assert_ptr_equal(gw_pkt(pkts[i])->sa_in, r->in);
		assert_int_equal(gw_pkt(pkts[i])->drop, GW_DROP_NONE);
	}
	rte_pktmbuf_free_bulk(pkts, n);
}

static void
each_length(struct rig *r)
{
	unsigned int lens[GW_BURST_MAX], len = 0, max = gw_sa_max_payload(&r->params, MTU);
	uint16_t n;

	while (len <= max) {
		for (n = 0; n < GW_BURST_MAX && len <= max; n++)
			lens[n] = len++;
		there_and_back(r, lens, n);
	}
}

static void
test_all_lengths(void **state)
{
	const struct gw_crypto_alg *row;
	struct gw_sa_stats in, out;
	unsigned int i, variant;

	for (i = 0; (row = gw_crypto_alg_at(i)) != NULL; i++) {
		for (variant = 0; variant < 8; variant++) {
			util_params(&rig.params, row, i);
			rig.params.esn = (variant & 1) != 0;
			rig.params.tunnel_mode = (variant & 2) != 0;
			rig.params.udp_encap = (variant & 4) != 0;
			rig.params.local_port = 4500;
			rig.params.remote_port = 61234;
			util_sa_up(&rig);
			each_length(&rig);
			gw_sa_out_stats(rig.out, &out);
			gw_sa_in_stats(rig.in, &in);
			assert_int_equal(in.packets, gw_sa_max_payload(&rig.params, MTU) + 1u);
			assert_int_equal(out.packets, in.packets);
			assert_int_equal(out.bytes, in.bytes);
			assert_int_equal(out.seq, out.packets);
			assert_int_equal(in.seq, in.packets);
			assert_int_equal(in.last_tsc, 2);
			assert_int_equal(in.replays + in.icv_failures, 0);
			util_sa_down(&rig);
		}
	}
	assert_int_equal(i, 26);
	assert_int_equal(util_in_use(&rig), 0);
}

static int
setup(void **state)
{
	util_rig_init(&rig);
	return 0;
}

/* Of a tunnel with this DSCP and ECN mode, by RFC 6040 4.1. */
static void
each_traffic_class(uint8_t dscp, enum gw_ecn ecn)
{
	gw_tunnel_set_tc(&rig.tunnel, dscp, ecn);
	for (unsigned int tc = 0; tc < 256; tc++) {
		struct rte_mbuf *m = util_gre(&rig, 40, tc);
		unsigned int outer = dscp == GW_DSCP_COPY ? tc >> 2 : dscp;
		const uint8_t *p;

		gw_pkt(m)->inner_tc = (uint8_t)tc;
		assert_int_equal(gw_esp_out(rig.c, &m, 1, 1), 1);
		p = rte_pktmbuf_mtod(m, const uint8_t *);
		assert_int_equal((p[0] & 0xf) << 4 | p[1] >> 4,
			outer << 2 | (ecn == GW_ECN_NORMAL ? tc & 3 : 0));
		rte_pktmbuf_free(m);
	}
}

static void
test_traffic_class(void **state)
{
	static const uint8_t dscps[] = {GW_DSCP_COPY, 0, 46, 63};

	util_params(&rig.params, gw_crypto_alg_at(0), 0);
	util_sa_up(&rig);
	for (unsigned int i = 0; i < sizeof(dscps); i++) {
		each_traffic_class(dscps[i], GW_ECN_NORMAL);
		each_traffic_class(dscps[i], GW_ECN_COMPAT);
	}
	gw_tunnel_set_tc(&rig.tunnel, GW_DSCP_COPY, GW_ECN_NORMAL);
	util_sa_down(&rig);
}

/* Both ways to make the IVs of a burst agree. */
static void
test_make_iv(void **state)
{
	static uint8_t ivs[2][GW_BURST_MAX][16];
	struct gw_alg alg = {.cipher = GW_CIPHER_AES_CBC,
		.auth = GW_AUTH_HMAC_SHA1_96,
		.key_len = 16,
		.auth_key_len = 20};
	const struct gw_crypto_alg *row = gw_crypto_alg_find(&alg);
	struct gw_crypto_op op[GW_BURST_MAX] = {0}, *ops[GW_BURST_MAX];
	struct gw_keys *keys;

	assert_non_null(row);
	keys = aligned_alloc(64, gw_keys_size(row));
	assert_non_null(keys);
	assert_int_equal(gw_keys_init(keys, row, &alg, true), 0);
	for (unsigned int i = 0; i < GW_BURST_MAX; i++) {
		op[i].keys = keys;
		op[i].nonce[7] = (uint8_t)i;
		op[i].nonce[11] = (uint8_t)(i / 2);
		op[i].iv = ivs[0][i];
		ops[i] = &op[i];
	}
	gw_crypto_cbc_make_iv(rig.c, row, ops, GW_BURST_MAX);
	for (unsigned int i = 0; i < GW_BURST_MAX; i++)
		op[i].iv = ivs[1][i];
	gw_crypto_cbc_make_iv_singly(rig.c, row, ops, GW_BURST_MAX);
	assert_memory_equal(ivs[0], ivs[1], sizeof(ivs[0]));
	for (unsigned int i = 1; i < GW_BURST_MAX; i++)
		assert_memory_not_equal(ivs[0][i], ivs[0][0], sizeof(ivs[0][0]));
	free(keys);
}

/* SAs with the same keys and numbers have IVs of their own: what one has shown says nothing of
 * another's next. */
static void
test_iv_of_sa(void **state)
{
	uint8_t iv[2][16];

	for (unsigned int i = 0; i < 2; i++) {
		struct rte_mbuf *m;

		util_params(&rig.params, gw_crypto_alg_at(4), 0);
		assert_int_equal(rig.params.alg.cipher, GW_CIPHER_AES_CBC);
		util_sa_up(&rig);
		m = util_gre(&rig, 100, 1);
		assert_int_equal(gw_esp_out(rig.c, &m, 1, 1), 1);
		memcpy(iv[i],
			rte_pktmbuf_mtod_offset(m, uint8_t *, GW_IP6_HDR_LEN + GW_ESP_HDR_LEN), 16);
		rte_pktmbuf_free(m);
		util_sa_down(&rig);
	}
	assert_memory_not_equal(iv[0], iv[1], sizeof(iv[0]));
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
		cmocka_unit_test(test_all_lengths),
		cmocka_unit_test(test_traffic_class),
		cmocka_unit_test(test_make_iv),
		cmocka_unit_test(test_iv_of_sa),
	};

	util_eal("test_esp");
	return cmocka_run_group_tests(tests, setup, teardown);
}
