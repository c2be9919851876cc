/* SPDX-License-Identifier: BSD-3-Clause */
/* Bad packets among good ones, replays, ends of sequences: what gw_esp_in and gw_esp_out refuse. */
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

#include "esp_util.h"
#include "lib/sa_priv.h"

#define BURST 32
#define LEN   100

static struct rig rig;

/* Neighbours differ in length: batches are sorted by it. */
static unsigned int
len_of(unsigned int seed)
{
	return LEN + seed * 37 % 61;
}

static void
seal(struct rte_mbuf **pkts, uint16_t n, unsigned int seed)
{
	uint16_t i;

	for (i = 0; i < n; i++)
		pkts[i] = util_gre(&rig, len_of(seed + i), seed + i);
	assert_int_equal(gw_esp_out(rig.c, pkts, n, 1), n);
	for (i = 0; i < n; i++)
		util_received(pkts[i]);
}

static uint8_t *
esp_of(struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod_offset(m, uint8_t *, gw_pkt(m)->l4_off);
}

/*
 * One kind of damage each
 */

static void
cut_to(struct rte_mbuf *m, unsigned int esp_len)
{
	rte_pktmbuf_trim(m, (uint16_t)(rte_pktmbuf_data_len(m) - gw_pkt(m)->l4_off - esp_len));
}

static void
no_header(struct rte_mbuf *m)
{
	cut_to(m, 7);
}

static void
header_only(struct rte_mbuf *m)
{
	cut_to(m, 8);
}

static void
no_text(struct rte_mbuf *m)
{
	cut_to(m, 8u + rig.out->iv_len + rig.out->alg->icv_len);
}

static void
short_by_one(struct rte_mbuf *m)
{
	cut_to(m, (unsigned int)rig.in->min_len - 1);
}

static void
odd_length(struct rte_mbuf *m)
{
	rte_pktmbuf_trim(m, 1);
}

static void
half_block(struct rte_mbuf *m)
{
	rte_pktmbuf_trim(m, rig.out->alg->align == 16 ? 8 : 2);
}

static void
whole_block_less(struct rte_mbuf *m)
{
	rte_pktmbuf_trim(m, rig.out->alg->align);
}

static void
l4_beyond(struct rte_mbuf *m)
{
	gw_pkt(m)->l4_off = 0xfffe;
}

static void
other_spi_slot(struct rte_mbuf *m)
{
	esp_of(m)[3] ^= 1;
}

static void
other_spi_bits(struct rte_mbuf *m)
{
	esp_of(m)[0] ^= 0x40;
}

static void
spi_zero(struct rte_mbuf *m)
{
	memset(esp_of(m), 0, 4);
}

static void
other_source(struct rte_mbuf *m)
{
	rte_pktmbuf_mtod(m, uint8_t *)[8 + 15] ^= 1;
}

static void
other_destination(struct rte_mbuf *m)
{
	rte_pktmbuf_mtod(m, uint8_t *)[24] ^= 1;
}

static void
seq_zero(struct rte_mbuf *m)
{
	memset(esp_of(m) + 4, 0, 4);
}

static void
seq_other(struct rte_mbuf *m)
{
	esp_of(m)[5] ^= 1; /* far ahead: never seen */
}

static void
iv_other(struct rte_mbuf *m)
{
	/* NULL has no IV: the payload's first byte then */
	esp_of(m)[8] ^= 0x10;
}

static void
text_first(struct rte_mbuf *m)
{
	esp_of(m)[8 + rig.out->iv_len] ^= 1;
}

static void
text_last(struct rte_mbuf *m)
{
	esp_of(m)[rte_pktmbuf_data_len(m) - gw_pkt(m)->l4_off - rig.out->alg->icv_len - 1] ^= 0x80;
}

static void
icv_first(struct rte_mbuf *m)
{
	esp_of(m)[rte_pktmbuf_data_len(m) - gw_pkt(m)->l4_off - rig.out->alg->icv_len] ^= 0x80;
}

static void
icv_last(struct rte_mbuf *m)
{
	esp_of(m)[rte_pktmbuf_data_len(m) - gw_pkt(m)->l4_off - 1] ^= 1;
}

static const struct {
	const char *name;
	void (*spoil)(struct rte_mbuf *m);
	enum gw_drop want;
} spoils[] = {
	{"no header", no_header, GW_DROP_ESP_SHORT},
	{"header only", header_only, GW_DROP_ESP_SHORT},
	{"no text", no_text, GW_DROP_ESP_SHORT},
	{"short by one", short_by_one, GW_DROP_ESP_SHORT},
	{"odd length", odd_length, GW_DROP_ESP_LEN},
	{"half a block", half_block, GW_DROP_ESP_LEN},
	{"a block less", whole_block_less, GW_DROP_ICV},
	{"offset beyond", l4_beyond, GW_DROP_ESP_SHORT},
	{"other slot", other_spi_slot, GW_DROP_NO_SA},
	{"other SPI in the slot", other_spi_bits, GW_DROP_NO_SA},
	{"SPI zero", spi_zero, GW_DROP_NO_SA},
	{"other source", other_source, GW_DROP_SA_ADDR},
	{"other destination", other_destination, GW_DROP_SA_ADDR},
	{"sequence zero", seq_zero, GW_DROP_REPLAY},
	{"other sequence", seq_other, GW_DROP_ICV},
	{"other IV", iv_other, GW_DROP_ICV},
	{"first byte of text", text_first, GW_DROP_ICV},
	{"last byte of text", text_last, GW_DROP_ICV},
	{"first byte of ICV", icv_first, GW_DROP_ICV},
	{"last byte of ICV", icv_last, GW_DROP_ICV},
};

/* One of 32 is spoilt: it alone is lost, for the right reason, and the others keep their order. */
static void
spoil_one(unsigned int kind, unsigned int at)
{
	struct rte_mbuf *pkts[BURST], *bad;
	uint16_t i;

	/* with ESN, 0 may be the low half of a number to come */
	if (rig.params.esn && spoils[kind].spoil == seq_zero)
		return;
	seal(pkts, BURST, kind);
	bad = pkts[at];
	spoils[kind].spoil(bad);
	assert_int_equal(gw_esp_in(rig.c, rig.db, pkts, BURST, 2), BURST - 1);
	for (i = 0; i < BURST - 1; i++)
		assert_true(
			util_gre_same(pkts[i], len_of(kind + i + (i >= at)), kind + i + (i >= at)));
	assert_ptr_equal(pkts[BURST - 1], bad);
	if (gw_pkt(bad)->drop != spoils[kind].want)
		fail_msg("%s, %s: dropped as %s", rig.out->alg->name, spoils[kind].name,
			gw_drop_name(gw_pkt(bad)->drop));
	rte_pktmbuf_free_bulk(pkts, BURST);
}

static void
test_one_bad(void **state)
{
	const struct gw_crypto_alg *row;
	unsigned int i, kind, variant;

	for (i = 0; (row = gw_crypto_alg_at(i)) != NULL; i++) {
		for (variant = 0; variant < 4; variant++) {
			util_params(&rig.params, row, i);
			rig.params.esn = (variant & 1) != 0;
			rig.params.tunnel_mode = (variant & 2) != 0;
			util_sa_up(&rig);
			for (kind = 0; kind < sizeof(spoils) / sizeof(spoils[0]); kind++) {
				spoil_one(kind, 0);
				spoil_one(kind, 13);
				spoil_one(kind, BURST - 1);
			}
			util_sa_down(&rig);
		}
	}
}

/* Every kind in one burst, and one good packet among them */
static void
test_all_bad(void **state)
{
	const unsigned int n = sizeof(spoils) / sizeof(spoils[0]);
	const struct gw_crypto_alg *row;
	struct rte_mbuf *pkts[GW_BURST_MAX], *sent[GW_BURST_MAX];
	struct gw_sa_stats st;
	unsigned int i, k, icv;

	for (i = 0; (row = gw_crypto_alg_at(i)) != NULL; i++) {
		util_params(&rig.params, row, i);
		util_sa_up(&rig);
		seal(pkts, (uint16_t)(n + 1), 0);
		memcpy(sent, pkts, sizeof(sent));
		for (k = 0, icv = 0; k < n; k++) {
			spoils[k].spoil(pkts[k]);
			icv += spoils[k].want == GW_DROP_ICV;
		}
		assert_int_equal(gw_esp_in(rig.c, rig.db, pkts, (uint16_t)(n + 1), 2), 1);
		assert_true(util_gre_same(pkts[0], len_of(n), n));
		for (k = 0; k < n; k++)
			assert_int_equal(gw_pkt(sent[k])->drop, spoils[k].want);
		gw_sa_in_stats(rig.in, &st);
		assert_int_equal(st.packets, 1);
		assert_int_equal(st.bytes, len_of(n));
		assert_int_equal(st.icv_failures, icv);
		assert_int_equal(st.replays, 1);
		rte_pktmbuf_free_bulk(pkts, n + 1);
		util_sa_down(&rig);
	}
}

/*
 * What a peer with the right keys may send: sealed by hand
 */

/* Encrypt text (which ends in a trailer) as the outbound SA would. */
static struct rte_mbuf *
seal_text(const uint8_t *text, uint16_t len)
{
	struct gw_sa_out *sa = rig.out;
	struct rte_mbuf *m = gw_pkt_alloc(rig.pool);
	uint64_t seq = atomic_load(&sa->seq) + 1;
	rte_be32_t low = rte_cpu_to_be_32((uint32_t)seq);
	rte_be64_t be = rte_cpu_to_be_64(seq);
	uint16_t payload = (uint16_t)(8 + sa->iv_len + len + sa->alg->icv_len);
	struct gw_crypto_op op = {.keys = gw_sa_out_keys(sa)}, *ops = &op;
	uint8_t *p;

	assert_non_null(m);
	p = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(40 + payload));
	assert_non_null(p);
	atomic_store(&sa->seq, seq);
	p[0] = 0x60;
	p[6] = IPPROTO_ESP;
	memcpy(p + 8, sa->hosts, sizeof(sa->hosts));
	p[40] = (uint8_t)(sa->spi >> 24);
	p[41] = (uint8_t)(sa->spi >> 16);
	p[42] = (uint8_t)(sa->spi >> 8);
	p[43] = (uint8_t)sa->spi;
	p[4] = (uint8_t)(payload >> 8);
	p[5] = (uint8_t)payload;
	memcpy(p + 44, &low, 4);
	op.iv = p + 48;
	op.text = op.iv + sa->iv_len;
	op.text_len = len;
	op.icv = op.text + len;
	memcpy(op.text, text, len);
	if (sa->alg->auth == GW_AUTH_AEAD) {
		memcpy(op.iv, &be, 8);
		memcpy(op.nonce, sa->salt, 4);
		memcpy(op.nonce + 4, &be, 8);
		op.auth = p + 40;
		op.auth_len = 8;
	} else {
		memset(op.iv, 0x5a, sa->iv_len);
		op.auth = p + 40;
		op.auth_len = 8u + sa->iv_len + len;
	}
	sa->alg->encrypt(rig.c, sa->alg, &ops, 1);
	assert_true(op.good);
	util_received(m);
	return m;
}

static void
expect(const uint8_t *text, uint16_t len, enum gw_drop want)
{
	struct rte_mbuf *m = seal_text(text, len);

	assert_int_equal(gw_esp_in(rig.c, rig.db, &m, 1, 2), want == GW_DROP_NONE);
	assert_int_equal(gw_pkt(m)->drop, want);
	rte_pktmbuf_free(m);
}

static void
test_trailers(void **state)
{
	const struct gw_crypto_alg *row;
	uint8_t text[64];
	struct gw_sa_stats st;
	unsigned int i;

	for (i = 0; (row = gw_crypto_alg_at(i)) != NULL; i++) {
		util_params(&rig.params, row, i);
		util_sa_up(&rig);
		memset(text, 0, sizeof(text));
		text[47] = 47;
		expect(text, 48, GW_DROP_NONE);
		text[47] = 59;
		expect(text, 48, GW_DROP_DUMMY);
		text[47] = 41;
		expect(text, 48, GW_DROP_ESP_NEXT);
		text[47] = 47;
		text[46] = 1; /* padding byte is 0, not 1 */
		expect(text, 48, GW_DROP_ESP_TRAILER);
		text[45] = 1;
		expect(text, 48, GW_DROP_NONE);
		text[46] = 47; /* more than there is */
		expect(text, 48, GW_DROP_ESP_TRAILER);
		gw_sa_in_stats(rig.in, &st);
		assert_int_equal(st.packets, 6); /* all were the peer's own */
		assert_int_equal(st.bytes, 46 + 45);
		util_sa_down(&rig);
	}
}

/* Two SAs of different algorithms, tunnel and transport, interleaved in one burst */
static void
test_mixed_sas(void **state)
{
	static struct rig sas[4];
	struct rte_mbuf *pkts[GW_BURST_MAX];
	unsigned int i, k;

	for (i = 0; i < 4; i++) {
		sas[i] = rig;
		util_params(&sas[i].params, gw_crypto_alg_at(i * 7), i);
		sas[i].params.tunnel_mode = i == 2;
		sas[i].params.esn = i == 1;
		util_sa_up(&sas[i]);
	}
	for (i = 0; i < GW_BURST_MAX; i++)
		pkts[i] = util_gre(&sas[i % 4], 40 + i, i);
	assert_int_equal(gw_esp_out(rig.c, pkts, GW_BURST_MAX, 1), GW_BURST_MAX);
	for (i = 0; i < GW_BURST_MAX; i++)
		util_received(pkts[i]);
	assert_int_equal(gw_esp_in(rig.c, rig.db, pkts, GW_BURST_MAX, 2), GW_BURST_MAX);
	for (i = 0; i < GW_BURST_MAX; i++) {
		assert_true(util_gre_same(pkts[i], 40 + i, i));
		assert_ptr_equal(gw_pkt(pkts[i])->sa_in, sas[i % 4].in);
	}
	rte_pktmbuf_free_bulk(pkts, GW_BURST_MAX);
	for (i = 0; i < 4; i++) {
		struct gw_sa_stats st;

		gw_sa_in_stats(sas[i].in, &st);
		assert_int_equal(st.packets, GW_BURST_MAX / 4);
		for (k = 0, st.seq = 0; k < GW_BURST_MAX; k++)
			st.seq += k % 4 == i ? 40 + k + (i == 2 ? 40 : 0) : 0;
		assert_int_equal(st.bytes, st.seq);
		util_sa_down(&sas[i]);
	}
}

/*
 * Replay and sequence numbers
 */

static void
test_replay(void **state)
{
	struct rte_mbuf *pkts[BURST], *again[2 * BURST];
	struct gw_sa_stats st;
	uint16_t i;

	util_params(&rig.params, gw_crypto_alg_at(4), 0);
	rig.params.replay_window = 32;
	util_sa_up(&rig);
	seal(pkts, BURST, 0);
	for (i = 0; i < BURST; i++) { /* each twice, in one burst */
		again[2 * i] = pkts[i];
		again[2 * i + 1] = rte_pktmbuf_copy(pkts[i], rig.pool, 0, UINT32_MAX);
		assert_non_null(again[2 * i + 1]);
		util_received(again[2 * i + 1]);
		pkts[i] = rte_pktmbuf_copy(pkts[i], rig.pool, 0, UINT32_MAX);
		assert_non_null(pkts[i]);
		util_received(pkts[i]);
	}
	assert_int_equal(gw_esp_in(rig.c, rig.db, again, 2 * BURST, 2), BURST);
	for (i = 0; i < BURST; i++) {
		assert_true(util_gre_same(again[i], len_of(i), i));
		assert_int_equal(gw_pkt(again[BURST + i])->drop, GW_DROP_REPLAY);
	}
	/* and once more, caught before any crypto */
	assert_int_equal(gw_esp_in(rig.c, rig.db, pkts, BURST, 3), 0);
	for (i = 0; i < BURST; i++)
		assert_int_equal(gw_pkt(pkts[i])->drop, GW_DROP_REPLAY);
	gw_sa_in_stats(rig.in, &st);
	assert_int_equal(st.replays, 2 * BURST);
	assert_int_equal(st.packets, BURST);
	assert_int_equal(st.seq, BURST);
	rte_pktmbuf_free_bulk(again, 2 * BURST);
	rte_pktmbuf_free_bulk(pkts, BURST);
	util_sa_down(&rig);
}

/* A forged number far ahead must not move the window. */
static void
test_forged_jump(void **state)
{
	struct rte_mbuf *pkts[2];

	util_params(&rig.params, gw_crypto_alg_at(18), 0);
	util_sa_up(&rig);
	seal(pkts, 2, 0);
	esp_of(pkts[0])[4] = 0x7f;
	assert_int_equal(gw_esp_in(rig.c, rig.db, pkts, 2, 2), 1);
	assert_true(util_gre_same(pkts[0], len_of(1), 1));
	assert_int_equal(gw_pkt(pkts[1])->drop, GW_DROP_ICV);
	rte_pktmbuf_free_bulk(pkts, 2);
	util_sa_down(&rig);
}

static void
test_window_off(void **state)
{
	struct rte_mbuf *pkts[2];

	util_params(&rig.params, gw_crypto_alg_at(18), 0);
	rig.params.replay_window = 0;
	util_sa_up(&rig);
	seal(pkts, 1, 0);
	pkts[1] = rte_pktmbuf_copy(pkts[0], rig.pool, 0, UINT32_MAX);
	util_received(pkts[1]);
	assert_int_equal(gw_esp_in(rig.c, rig.db, pkts, 2, 2), 2);
	rte_pktmbuf_free_bulk(pkts, 2);
	util_sa_down(&rig);
}

/* From the end of one epoch into the next, in every order that the window allows */
static void
test_esn_wrap(void **state)
{
	static const unsigned int rows[] = {1, 4, 18, 25};
	struct rte_mbuf *pkts[BURST], *late[BURST];
	uint64_t start;
	unsigned int i, k, round;

	for (i = 0; i < 4; i++) {
		util_params(&rig.params, gw_crypto_alg_at(rows[i]), i);
		rig.params.esn = true;
		rig.params.replay_window = 64;
		for (round = 1; round < 4; round++) {
			util_sa_up(&rig);
			start = ((uint64_t)round << 32) - BURST / 2;
			atomic_store(&rig.out->seq, start);
			assert_true(gw_replay_commit(&rig.in->replay, start));
			seal(late, BURST, 0); /* overtaken by the next burst */
			seal(pkts, BURST, BURST);
			assert_int_equal(gw_esp_in(rig.c, rig.db, pkts, BURST, 2), BURST);
			assert_int_equal(rig.in->replay.top, start + 2 * BURST);
			assert_int_equal(gw_esp_in(rig.c, rig.db, late, BURST, 3), BURST);
			for (k = 0; k < BURST; k++) {
				assert_true(util_gre_same(late[k], len_of(k), k));
				assert_true(util_gre_same(pkts[k], len_of(BURST + k), BURST + k));
			}
			rte_pktmbuf_free_bulk(pkts, BURST);
			rte_pktmbuf_free_bulk(late, BURST);
			util_sa_down(&rig);
		}
	}
}

/* Sequence numbers never wrap: the last one is used, then nothing is sent. */
static void
test_sequence_end(void **state)
{
	struct rte_mbuf *pkts[4];
	struct gw_sa_stats st;
	unsigned int esn, i;

	for (esn = 0; esn < 2; esn++) {
		uint64_t last = esn ? UINT64_MAX : UINT32_MAX;

		util_params(&rig.params, gw_crypto_alg_at(18), 0);
		rig.params.esn = esn != 0;
		util_sa_up(&rig);
		atomic_store(&rig.out->seq, last - 2);
		for (i = 0; i < 4; i++)
			pkts[i] = util_gre(&rig, LEN, i);
		assert_int_equal(gw_esp_out(rig.c, pkts, 4, 1), 2);
		assert_int_equal(gw_pkt(pkts[2])->drop, GW_DROP_OUT_SEQ_END);
		assert_int_equal(gw_pkt(pkts[3])->drop, GW_DROP_OUT_SEQ_END);
		assert_true(util_gre_same(pkts[2], LEN, 2));
		gw_sa_out_stats(rig.out, &st);
		assert_true(st.seq == last);
		assert_int_equal(st.packets, 2);
		rte_pktmbuf_free_bulk(pkts, 4);
		util_sa_down(&rig);
	}
}

/* No room in the mbuf: that packet alone is refused, and no sequence number is spent on it. */
static void
test_no_room(void **state)
{
	struct rte_mbuf *pkts[3];

	util_params(&rig.params, gw_crypto_alg_at(7), 0);
	util_sa_up(&rig);
	pkts[0] = util_gre(&rig, LEN, 0);
	pkts[1] = util_gre(&rig, LEN, 1);
	pkts[2] = util_gre(&rig, LEN, 2);
	rte_pktmbuf_append(pkts[0], (uint16_t)(rte_pktmbuf_tailroom(pkts[0]) - 33));
	rte_pktmbuf_prepend(pkts[1], GW_PKT_HEADROOM - 63);
	assert_int_equal(gw_esp_out(rig.c, pkts, 3, 1), 1);
	assert_int_equal(gw_pkt(pkts[1])->drop, GW_DROP_OUT_CRYPTO);
	assert_int_equal(gw_pkt(pkts[2])->drop, GW_DROP_OUT_CRYPTO);
	assert_int_equal(atomic_load(&rig.out->seq), 1);
	rte_pktmbuf_free_bulk(pkts, 3);
	util_sa_down(&rig);
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
		cmocka_unit_test(test_one_bad),
		cmocka_unit_test(test_all_bad),
		cmocka_unit_test(test_trailers),
		cmocka_unit_test(test_mixed_sas),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_forged_jump),
		cmocka_unit_test(test_window_off),
		cmocka_unit_test(test_esn_wrap),
		cmocka_unit_test(test_sequence_end),
		cmocka_unit_test(test_no_room),
	};

	util_eal("test_esp_bad");
	return cmocka_run_group_tests(tests, setup, teardown);
}
