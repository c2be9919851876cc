/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The stages between ESP and the hand-off over bursts of mbufs: GRE in, preparation out, outer
 * fragments; and the whole way from the inside of one gateway to the inside of the other.
 */
#include <string.h>

#include <rte_byteorder.h>
#include <rte_cycles.h>
#include <rte_lcore.h>

#include "esp_util.h"
#include "lib/bytes.h"
#include "lib/classify.h"
#include "lib/csum.h"
#include "lib/drop.h"
#include "lib/gre.h"
#include "lib/inner.h"
#include "lib/reass.h"
#include "lib/sa_priv.h"
#include "lib/stage.h"

#define N_KEYED 5
#define NOW     (1ull << 44) /* long after the start of time, so that token buckets are full */

static struct rig rig;
static struct gw_tunnel keyless, keyed[N_KEYED];
static union {
	struct gw_demux d;
	uint8_t room[sizeof(struct gw_demux) + N_KEYED * 16];
} demux;
static struct gw_out out;

static void
tunnel_init(struct gw_tunnel *t)
{
	memset(t, 0, sizeof(*t));
	t->fd = 3;
	t->mtu = 1400;
	t->hop_limit = 64;
	gw_tunnel_set_tc(t, GW_DSCP_COPY, GW_ECN_NORMAL);
	t->addr6.s6_addr[0] = 0xfd;
	t->addr6.s6_addr[15] = 0xff;
}

static int
set_up(void **state)
{
	static const uint32_t keys[N_KEYED] = {0, 7, 8, 0x80000000, 0xffffffff};

	util_rig_init(&rig);
	tunnel_init(&keyless);
	demux.d.n = N_KEYED;
	demux.d.keyless = &keyless;
	for (unsigned int i = 0; i < N_KEYED; i++) {
		tunnel_init(&keyed[i]);
		keyed[i].has_key = true;
		keyed[i].key = keys[i];
		demux.d.by_key[i].key = keys[i];
		demux.d.by_key[i].tunnel = &keyed[i];
	}
	util_params(&rig.params, gw_crypto_alg_at(0), 1);
	rig.params.demux = &demux.d;
	util_sa_up(&rig);
	memset(&out, 0, sizeof(out));
	out.pool = rig.pool;
	return 0;
}

/* SAs whose tunnels are others. */
static void
sa_with(struct gw_tunnel *without_key, uint32_t n_keyed)
{
	util_sa_down(&rig);
	demux.d.keyless = without_key;
	demux.d.n = n_keyed;
	util_sa_up(&rig);
}

static int
tear_down(void **state)
{
	util_rig_fini(&rig);
	return 0;
}

/* ---- packets ---- */

/* An inner packet of len bytes, IPv4 (frag: flags and offset) or IPv6, bytes by seed. */
static struct rte_mbuf *
inner4(struct gw_tunnel *t, uint16_t len, uint16_t frag, unsigned int seed)
{
	struct rte_mbuf *m = gw_pkt_alloc(rig.pool);
	uint8_t *p;

	assert_non_null(m);
	p = (uint8_t *)rte_pktmbuf_append(m, len);
	assert_non_null(p);
	for (uint16_t i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 7 + seed);
	memset(p, 0, 20);
	p[0] = 0x45;
	gw_put16(p + 2, len);
	gw_put16(p + 4, (uint16_t)seed);
	gw_put16(p + 6, frag);
	p[8] = 1;
	p[9] = 17;
	memcpy(p + 12, (const uint8_t[]){10, 1, 0, 1, 10, 2, 0, 2}, 8);
	gw_put16(p + 10, gw_csum_fold(gw_csum_add(0, p, 20)));
	gw_pkt(m)->tunnel = t;
	gw_pkt(m)->sa_out = rig.out;
	return m;
}

static void
set_byte4(struct rte_mbuf *m, unsigned int at, uint8_t to)
{
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);

	p[at] = to;
	gw_put16(p + 10, 0);
	gw_put16(p + 10, gw_csum_fold(gw_csum_add(0, p, 20)));
}

static struct rte_mbuf *
inner6(struct gw_tunnel *t, uint16_t len, unsigned int seed)
{
	struct rte_mbuf *m = inner4(t, len, 0, seed);
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);

	memset(p, 0, 40);
	p[0] = 0x60;
	gw_put16(p + 4, len - 40);
	p[6] = 17;
	p[7] = 1;
	p[8] = p[24] = 0xfd;
	p[23] = 1;
	p[39] = 2;
	return m;
}

/* The same behind a GRE header, as gw_esp_in() leaves it. */
static struct rte_mbuf *
gre(struct rte_mbuf *m, struct gw_gre g)
{
	uint16_t len = rte_pktmbuf_data_len(m);
	uint8_t *p =
		(uint8_t *)rte_pktmbuf_prepend(m, gw_gre_len(g.has_csum, g.has_key, g.has_seq));

	assert_non_null(p);
	gw_gre_build(&g, p, len);
	memset(gw_pkt(m), 0xee, sizeof(struct gw_pkt));
	gw_pkt(m)->sa_in = rig.in;
	gw_pkt(m)->outer_tc = 0;
	return m;
}

#define GRE4(...) ((struct gw_gre){.proto = 0x0800, __VA_ARGS__})

static void
expect_one(struct rte_mbuf *m, enum gw_drop reason)
{
	assert_int_equal(gw_gre_in(&m, 1), reason == GW_DROP_NONE);
	if (reason != GW_DROP_NONE)
		assert_string_equal(gw_drop_name(gw_pkt(m)->drop), gw_drop_name(reason));
	rte_pktmbuf_free(m);
}

/* ---- inbound ---- */

static void
gre_in_good(void **state)
{
	struct rte_mbuf *m = gre(inner4(NULL, 100, 0, 5), GRE4());

	rte_pktmbuf_append(m, 9); /* what follows the inner packet's own end */
	assert_int_equal(gw_gre_in(&m, 1), 1);
	assert_ptr_equal(gw_pkt(m)->tunnel, &keyless);
	assert_int_equal(rte_pktmbuf_data_len(m), 100);
	assert_int_equal(rte_pktmbuf_pkt_len(m), 100);
	assert_int_equal(rte_pktmbuf_mtod(m, uint8_t *)[0], 0x45);
	assert_int_equal(rte_pktmbuf_mtod(m, uint8_t *)[8], 1); /* TTL untouched */
	assert_int_equal(keyless.rx_packets, 1);
	assert_int_equal(keyless.rx_bytes, 100);
	rte_pktmbuf_free(m);
}

static void
gre_in_keys(void **state)
{
	for (unsigned int i = 0; i < 2 * N_KEYED; i++) {
		struct gw_tunnel *t = &keyed[i % N_KEYED];
		struct rte_mbuf *m;

		if (i == N_KEYED) /* then the first of them is the likely one */
			sa_with(NULL, N_KEYED);
		m = gre(inner4(NULL, 60, 0, i), GRE4(.has_key = true, .key = t->key));
		assert_int_equal(gw_gre_in(&m, 1), 1);
		assert_ptr_equal(gw_pkt(m)->tunnel, t);
		rte_pktmbuf_free(m);
	}
	expect_one(gre(inner4(NULL, 60, 0, 1), GRE4(.has_key = true, .key = 1)), GW_DROP_GRE_KEY);
	expect_one(gre(inner4(NULL, 60, 0, 1), GRE4(.has_key = true, .key = 0xfffffffe)),
		GW_DROP_GRE_KEY);
	sa_with(NULL, N_KEYED);
	expect_one(gre(inner4(NULL, 60, 0, 1), GRE4()), GW_DROP_GRE_KEY);
	sa_with(NULL, 0);
	expect_one(gre(inner4(NULL, 60, 0, 1), GRE4(.has_key = true, .key = 7)), GW_DROP_GRE_KEY);
}

static void
gre_in_checksum(void **state)
{
	struct rte_mbuf *m;

	expect_one(gre(inner4(NULL, 61, 0, 1), GRE4(.has_csum = true)), GW_DROP_NONE);
	keyless.checksum = true;
	expect_one(gre(inner4(NULL, 61, 0, 1), GRE4(.has_csum = true)), GW_DROP_NONE);
	expect_one(gre(inner4(NULL, 61, 0, 1), GRE4()), GW_DROP_GRE_CSUM);
	m = gre(inner4(NULL, 61, 0, 1), GRE4(.has_csum = true));
	rte_pktmbuf_mtod(m, uint8_t *)[50] ^= 1;
	expect_one(m, GW_DROP_GRE_CSUM);
	assert_int_equal(keyless.rx_packets, 2);
}

static struct rte_mbuf *
numbered(uint32_t seq)
{
	return gre(inner4(NULL, 60, 0, seq), GRE4(.has_seq = true, .seq = seq));
}

static void
gre_in_sequence(void **state)
{
	expect_one(numbered(9), GW_DROP_NONE); /* the tunnel does not care */
	expect_one(numbered(3), GW_DROP_NONE);
	keyless.sequence = true;
	expect_one(gre(inner4(NULL, 60, 0, 1), GRE4()), GW_DROP_GRE_SEQ);
	expect_one(numbered(0xfffffff0), GW_DROP_NONE); /* the first is taken as it is */
	expect_one(numbered(0xfffffff0), GW_DROP_GRE_SEQ);
	expect_one(numbered(0xffffffef), GW_DROP_GRE_SEQ);
	expect_one(numbered(0xfffffff5), GW_DROP_NONE); /* gaps are fine */
	expect_one(numbered(2), GW_DROP_NONE);          /* around the end */
	expect_one(numbered(0xffffffff), GW_DROP_GRE_SEQ);
	expect_one(numbered(2 + 0x80000001u), GW_DROP_GRE_SEQ); /* 2^31 - 1 before */
	expect_one(numbered(2 + 0x80000000u), GW_DROP_NONE);    /* RFC 2890: no longer old */
	expect_one(numbered(0x80000003u), GW_DROP_NONE);
	expect_one(numbered(0x80000002u), GW_DROP_GRE_SEQ);
	expect_one(numbered(4), GW_DROP_GRE_SEQ);
	keyless.seq_reset++; /* the peer started again */
	expect_one(numbered(4), GW_DROP_NONE);
	expect_one(numbered(4), GW_DROP_GRE_SEQ);
}

/* A packet that is refused later on does not count as the last one received. */
static void
gre_in_sequence_of_bad(void **state)
{
	struct rte_mbuf *m = numbered(100);

	keyless.sequence = true;
	expect_one(numbered(1), GW_DROP_NONE);
	rte_pktmbuf_mtod(m, uint8_t *)[8 + 10] ^= 1; /* inner header checksum */
	expect_one(m, GW_DROP_INNER_BAD);
	expect_one(numbered(2), GW_DROP_NONE);
}

static void
gre_in_payload(void **state)
{
	struct rte_mbuf *m;

	expect_one(gre(inner6(NULL, 80, 1), (struct gw_gre){.proto = 0x86dd}), GW_DROP_NONE);
	expect_one(gre(inner6(NULL, 80, 1), GRE4()), GW_DROP_INNER_BAD);
	expect_one(
		gre(inner4(NULL, 80, 0, 1), (struct gw_gre){.proto = 0x86dd}), GW_DROP_INNER_BAD);
	expect_one(
		gre(inner4(NULL, 80, 0, 1), (struct gw_gre){.proto = 0x6558}), GW_DROP_GRE_PROTO);
	m = gre(inner4(NULL, 80, 0, 1), GRE4());
	rte_pktmbuf_trim(m, 1);
	expect_one(m, GW_DROP_INNER_BAD);
	m = gre(inner4(NULL, 80, 0, 1), GRE4());
	rte_pktmbuf_trim(m, 80); /* GRE and nothing in it */
	expect_one(m, GW_DROP_INNER_BAD);
	m = gre(inner4(NULL, 80, 0, 1), GRE4());
	rte_pktmbuf_trim(m, 81);
	expect_one(m, GW_DROP_GRE_SHORT);
	m = gre(inner6(NULL, 80, 1), (struct gw_gre){.proto = 0x86dd});
	memcpy(rte_pktmbuf_mtod(m, uint8_t *) + 4 + 24, gw_sa_in_remote(rig.in), 16);
	expect_one(m, GW_DROP_INNER_LOOP);
}

static void
gre_in_ecn(void **state)
{
	struct rte_mbuf *m = gre(inner6(NULL, 80, 1), (struct gw_gre){.proto = 0x86dd});

	gw_pkt(m)->outer_tc = 3;
	expect_one(m, GW_DROP_ECN_CE);
	m = inner6(NULL, 80, 1);
	rte_pktmbuf_mtod(m, uint8_t *)[1] = 2 << 4; /* ECT(0) */
	m = gre(m, (struct gw_gre){.proto = 0x86dd});
	gw_pkt(m)->outer_tc = 3;
	assert_int_equal(gw_gre_in(&m, 1), 1);
	assert_int_equal(rte_pktmbuf_mtod(m, uint8_t *)[1], 3 << 4);
	rte_pktmbuf_free(m);
}

/* One bad among the good costs itself alone, wherever it stands; order is kept. */
static void
gre_in_burst(void **state)
{
	for (unsigned int bad = 0; bad < GW_BURST_MAX; bad++) {
		struct rte_mbuf *pkts[GW_BURST_MAX];
		unsigned int seed = 0;

		for (unsigned int i = 0; i < GW_BURST_MAX; i++)
			pkts[i] = gre(inner4(NULL, (uint16_t)(20 + i), 0, i),
				GRE4(.has_key = i % 2 != 0, .key = 7));
		rte_pktmbuf_mtod(pkts[bad], uint8_t *)[1] = 1; /* version */
		assert_int_equal(gw_gre_in(pkts, GW_BURST_MAX), GW_BURST_MAX - 1);
		for (unsigned int i = 0; i < GW_BURST_MAX - 1; i++, seed++) {
			const uint8_t *p = rte_pktmbuf_mtod(pkts[i], const uint8_t *);

			seed += seed == bad;
			assert_int_equal(gw_get16(p + 4), seed);
			assert_int_equal(rte_pktmbuf_data_len(pkts[i]), 20 + seed);
			assert_ptr_equal(gw_pkt(pkts[i])->tunnel, seed % 2 ? &keyed[1] : &keyless);
		}
		assert_int_equal(gw_pkt(pkts[GW_BURST_MAX - 1])->drop, GW_DROP_GRE_VERSION);
		rte_pktmbuf_free_bulk(pkts, GW_BURST_MAX);
	}
}

/* ---- outbound ---- */

static void
prepare(struct rte_mbuf *m, uint64_t now)
{
	gw_out_prepare(&out, &m, 1, now);
}

static void
expect_out(unsigned int n_ready, unsigned int n_reply, unsigned int n_refused)
{
	assert_int_equal(out.n_ready, n_ready);
	assert_int_equal(out.n_reply, n_reply);
	assert_int_equal(out.n_refused, n_refused);
}

static void
out_free(void)
{
	rte_pktmbuf_free_bulk(out.ready, out.n_ready);
	rte_pktmbuf_free_bulk(out.reply, out.n_reply);
	rte_pktmbuf_free_bulk(out.refused, out.n_refused);
	assert_int_equal(util_in_use(&rig), 0);
}

static void
out_headers(void **state)
{
	struct gw_tunnel *t = &keyed[1];

	for (unsigned int bits = 0; bits < 8; bits++) {
		struct rte_mbuf *m = inner4(t, 100, 0, bits);
		struct gw_gre g;

		t->checksum = bits & 4;
		t->has_key = bits & 2;
		t->sequence = bits & 1;
		t->gre_seq_out = 41;
		set_byte4(m, 1, 0xb9);
		rte_pktmbuf_append(m, 3); /* beyond the packet's own end */
		prepare(m, NOW);
		expect_out(1, 0, 0);
		m = out.ready[0];
		assert_int_equal(
			gw_gre_parse(rte_pktmbuf_mtod(m, uint8_t *), rte_pktmbuf_data_len(m), &g),
			GW_DROP_NONE);
		assert_int_equal(rte_pktmbuf_data_len(m), g.hdr_len + 100);
		assert_int_equal(g.proto, 0x0800);
		assert_int_equal(g.has_csum, t->checksum);
		assert_int_equal(g.has_key, t->has_key);
		assert_int_equal(g.has_seq, t->sequence);
		assert_int_equal(g.key, t->has_key ? 7 : 0);
		assert_int_equal(g.seq, t->sequence ? 41 : 0);
		assert_int_equal(t->gre_seq_out, t->sequence ? 42 : 41);
		assert_int_equal(gw_pkt(m)->inner_tc, 0xb9);
		assert_int_equal(gw_pkt(m)->outer_frag, 0);
		assert_ptr_equal(gw_pkt(m)->sa_out, rig.out);
		out_free();
	}
	assert_int_equal(t->tx_packets, 8);
	assert_int_equal(t->tx_bytes, 800);
}

static void
out_malformed(void **state)
{
	struct rte_mbuf *m = inner4(&keyless, 100, 0, 1);

	rte_pktmbuf_trim(m, 1);
	prepare(m, NOW);
	expect_out(0, 0, 1);
	assert_int_equal(gw_pkt(out.refused[0])->drop, GW_DROP_OUT_INNER_BAD);
	out_free();
	m = inner4(&keyless, 100, 0, 1);
	rte_pktmbuf_trim(m, 100);
	prepare(m, NOW);
	expect_out(0, 0, 1);
	out_free();
	assert_int_equal(keyless.tx_packets, 0);
}

/* The error goes back into the same tunnel, and is a packet that a host believes. */
static void
out_too_big4(void **state)
{
	struct gw_inner in;
	const uint8_t *p;

	prepare(inner4(&keyless, 1400, GW_IP4_DF, 1), NOW);
	expect_out(1, 0, 0);
	out_free();
	prepare(inner4(&keyless, 1401, GW_IP4_DF, 1), NOW);
	expect_out(0, 1, 1);
	assert_int_equal(gw_pkt(out.refused[0])->drop, GW_DROP_OUT_TOO_BIG);
	assert_ptr_equal(gw_pkt(out.reply[0])->tunnel, &keyless);
	p = rte_pktmbuf_mtod(out.reply[0], const uint8_t *);
	assert_true(gw_inner_parse(p, rte_pktmbuf_data_len(out.reply[0]), &in));
	assert_int_equal(in.len, rte_pktmbuf_data_len(out.reply[0]));
	assert_int_equal(gw_get32(p + 12), 0x0a020002); /* a TUN: from where the packet went */
	assert_int_equal(gw_get32(p + 16), 0x0a010001);
	assert_int_equal(gw_get16(p + 20), 0x0304);
	assert_int_equal(gw_get16(p + 26), 1400);
	out_free();

	keyless.fd = -1; /* an ethdev */
	prepare(inner4(&keyless, 1401, GW_IP4_DF, 1), NOW);
	assert_int_equal(gw_get32(rte_pktmbuf_mtod(out.reply[0], uint8_t *) + 12), 0xc0000008);
	out_free();
	keyless.addr4 = rte_cpu_to_be_32(0x0a090909);
	prepare(inner4(&keyless, 1401, GW_IP4_DF, 1), NOW);
	assert_int_equal(gw_get32(rte_pktmbuf_mtod(out.reply[0], uint8_t *) + 12), 0x0a090909);
	out_free();
}

static void
out_too_big6(void **state)
{
	const uint8_t *p;

	prepare(inner6(&keyless, 1400, 1), NOW);
	expect_out(1, 0, 0);
	out_free();
	prepare(inner6(&keyless, 1401, 1), NOW);
	expect_out(0, 1, 1);
	p = rte_pktmbuf_mtod(out.reply[0], const uint8_t *);
	assert_int_equal(rte_pktmbuf_data_len(out.reply[0]), 1280);
	assert_int_equal(p[40], 2);
	assert_int_equal(gw_get32(p + 44), 1400);
	assert_memory_equal(p + 8, &keyless.addr6, 16);
	out_free();

	keyless.mtu = 1202;
	prepare(inner6(&keyless, 1281, 1), NOW); /* never less than 1280 is told */
	expect_out(0, 1, 1);
	assert_int_equal(gw_get32(rte_pktmbuf_mtod(out.reply[0], uint8_t *) + 44), 1280);
	out_free();
	prepare(inner6(&keyless, 1280, 1), NOW);
	expect_out(1, 0, 0);
	assert_int_equal(gw_pkt(out.ready[0])->outer_frag, 1);
	out_free();
	prepare(inner6(&keyless, 1202, 1), NOW);
	assert_int_equal(gw_pkt(out.ready[0])->outer_frag, 0);
	out_free();

	memset(&keyless.addr6, 0, 16); /* nobody to say it */
	prepare(inner6(&keyless, 1281, 1), NOW);
	expect_out(0, 0, 1);
	assert_int_equal(gw_pkt(out.refused[0])->drop, GW_DROP_OUT_TOO_BIG_QUIET);
	out_free();
}

static void
out_too_big_quiet(void **state)
{
	struct rte_mbuf *m = inner4(&keyless, 1500, GW_IP4_DF, 1);

	set_byte4(m, 16, 224); /* to a group */
	prepare(m, NOW);
	expect_out(0, 0, 1);
	assert_int_equal(gw_pkt(out.refused[0])->drop, GW_DROP_OUT_TOO_BIG_QUIET);
	out_free();
	keyless.mtu = 0; /* control gave none yet: nothing passes, nothing is told */
	prepare(inner4(&keyless, 100, GW_IP4_DF, 1), NOW);
	expect_out(0, 0, 1);
	out_free();
	prepare(inner4(&keyless, 100, 0, 1), NOW);
	expect_out(0, 0, 1);
	assert_int_equal(gw_pkt(out.refused[0])->drop, GW_DROP_OUT_TOO_BIG_QUIET);
	out_free();
}

static void
out_rate_limit(void **state)
{
	uint64_t hz = rte_get_tsc_hz(), now = 1000 * hz;
	unsigned int told = 0;

	for (unsigned int i = 0; i < 3 * GW_ICMP_BURST; i++) {
		prepare(inner4(&keyless, 1500, GW_IP4_DF, 1), now);
		told += out.n_reply;
		out_free();
	}
	assert_int_equal(told, GW_ICMP_BURST);
	prepare(inner4(&keyed[0], 1500, GW_IP4_DF, 1), now); /* each tunnel has its own */
	expect_out(0, 1, 1);
	out_free();
	/* half a second's worth, asked for in small steps, a long second and a half */
	told = 0;
	for (unsigned int i = 0; i < 3000; i++) {
		now += hz / 2000;
		prepare(inner4(&keyless, 1500, GW_IP4_DF, 1), now);
		told += out.n_reply;
		out_free();
	}
	assert_in_range(told, GW_ICMP_PER_S * 3 / 2 - 3, GW_ICMP_PER_S * 3 / 2 + 1);
}

static void
out_fragments(void **state)
{
	uint8_t want[5000], got[5000];

	for (uint16_t len = 1401; len < 5000; len += 171) {
		struct rte_mbuf *m = inner4(&keyless, len, 0, len);
		unsigned int n_bytes = 0;

		memcpy(want, rte_pktmbuf_mtod(m, uint8_t *), len);
		keyless.sequence = true;
		keyless.gre_seq_out = 0;
		prepare(m, NOW);
		expect_out((len - 20 + 1375) / 1376u, 0, 0);
		for (unsigned int i = 0; i < out.n_ready; i++) {
			const uint8_t *p = rte_pktmbuf_mtod(out.ready[i], const uint8_t *);
			struct gw_inner in;
			struct gw_gre g;

			assert_int_equal(gw_gre_parse(p, rte_pktmbuf_data_len(out.ready[i]), &g),
				GW_DROP_NONE);
			assert_int_equal(g.proto, 0x0800);
			assert_int_equal(g.seq, i);
			p += g.hdr_len;
			assert_true(gw_inner_parse(
				p, rte_pktmbuf_data_len(out.ready[i]) - g.hdr_len, &in));
			assert_true(in.len <= 1400);
			assert_int_equal((gw_get16(p + 6) & GW_IP4_OFFSET) * 8, n_bytes);
			assert_int_equal(!(gw_get16(p + 6) & GW_IP4_MF), i == out.n_ready - 1u);
			memcpy(got + 20 + n_bytes, p + 20, in.len - 20u);
			n_bytes += in.len - 20u;
			assert_ptr_equal(gw_pkt(out.ready[i])->tunnel, &keyless);
			assert_ptr_equal(gw_pkt(out.ready[i])->sa_out, rig.out);
			assert_int_equal(
				gw_pkt(out.ready[i])->flow_hash, gw_pkt(out.ready[0])->flow_hash);
		}
		assert_int_equal(n_bytes, len - 20);
		assert_memory_equal(got + 20, want + 20, len - 20u);
		out_free();
	}
}

/* A full burst of packets that all want more than their share: order kept, none half sent, and the
 * last one still finds a place. */
static void
out_fragments_bounded(void **state)
{
	struct rte_mbuf *pkts[GW_BURST_MAX];
	unsigned int whole = 0;

	keyless.mtu = 588; /* 16 fragments each: the array would be filled to its end */
	for (unsigned int i = 0; i < GW_BURST_MAX; i++)
		pkts[i] = inner4(&keyless, i == GW_BURST_MAX - 1 ? 60 : 9000, 0, i);
	gw_out_prepare(&out, pkts, GW_BURST_MAX, NOW);
	assert_true(out.n_ready <= GW_OUT_MAX);
	assert_int_equal(gw_get16(rte_pktmbuf_mtod(out.ready[out.n_ready - 1], uint8_t *) + 4 + 4),
		GW_BURST_MAX - 1);
	for (unsigned int i = 0; i < out.n_ready; i++)
		whole += !(gw_get16(rte_pktmbuf_mtod(out.ready[i], uint8_t *) + 4 + 6) & GW_IP4_MF);
	assert_int_equal(whole + out.n_refused, GW_BURST_MAX);
	assert_true(out.n_refused > 0 && whole > 10);
	for (unsigned int i = 0; i < out.n_refused; i++)
		assert_int_equal(gw_pkt(out.refused[i])->drop, GW_DROP_OUT_FRAGS);
	out_free();
}

static void
out_fragments_without_memory(void **state)
{
	static struct rte_mbuf *rest[8192];
	struct rte_mbuf *m = inner4(&keyless, 9000, 0, 1);
	unsigned int n = 0;

	while (n < RTE_DIM(rest) && (rest[n] = rte_pktmbuf_alloc(rig.pool)) != NULL)
		n++;
	assert_true(n < RTE_DIM(rest));
	rte_pktmbuf_free_bulk(rest, 4); /* fewer than it takes */
	prepare(m, NOW);
	expect_out(0, 0, 1);
	assert_int_equal(gw_pkt(out.refused[0])->drop, GW_DROP_NO_MBUF);
	rte_pktmbuf_free_bulk(rest + 4, n - 4);
	out_free();
}

static void
out_mixed_burst(void **state)
{
	struct rte_mbuf *pkts[8];

	for (unsigned int i = 0; i < 8; i++)
		pkts[i] = inner4(i % 2 ? &keyed[i / 2] : &keyless, 100, 0, i);
	rte_pktmbuf_trim(pkts[2], 1);
	rte_pktmbuf_free(pkts[5]);
	pkts[5] = inner4(&keyed[2], 1401, GW_IP4_DF, 5);
	rte_pktmbuf_free(pkts[6]);
	pkts[6] = inner4(&keyless, 1500, 0, 6);
	gw_out_prepare(&out, pkts, 8, NOW);
	expect_out(7, 1, 2);
	for (unsigned int i = 0; i < 7; i++) {
		static const unsigned int seeds[] = {0, 1, 3, 4, 6, 6, 7};
		const uint8_t *p = rte_pktmbuf_mtod(out.ready[i], const uint8_t *);
		struct gw_tunnel *t = seeds[i] % 2 ? &keyed[seeds[i] / 2] : &keyless;

		assert_ptr_equal(gw_pkt(out.ready[i])->tunnel, t);
		assert_int_equal(gw_get16(p + (t->has_key ? 8 : 4) + 4), seeds[i]);
	}
	out_free();
}

/* ---- outside fragments, and all the way ---- */

static struct rte_mbuf *
with_link(struct rte_mbuf *m)
{
	uint8_t *p = (uint8_t *)rte_pktmbuf_prepend(m, 14);

	assert_non_null(p);
	memset(p, 0, 12);
	gw_put16(p + 12, 0x86dd);
	return m;
}

/* What a worker does with a frame from the port up to ESP. @return NULL while fragments are missing
 */
static struct rte_mbuf *
receive(struct gw_reass *r, struct rte_mbuf *m, const struct gw_local *local)
{
	static uint64_t drops[GW_DROP_N];
	struct gw_classified c;

	for (unsigned int i = 0; i < 2 && m != NULL; i++) {
		gw_classify(rte_pktmbuf_mtod(m, uint8_t *), rte_pktmbuf_data_len(m), 0, local,
			false, &c);
		if (c.cls != GW_CLASS_FRAGMENT)
			break;
		m = gw_reass_add(r, m, c.l3_off, c.l4_off, 0, drops);
	}
	if (m == NULL)
		return NULL;
	assert_int_equal(c.cls, GW_CLASS_ESP);
	memset(gw_pkt(m), 0xee, sizeof(struct gw_pkt));
	gw_pkt(m)->l3_off = c.l3_off;
	gw_pkt(m)->l4_off = c.l4_off;
	gw_pkt(m)->outer_tc = c.tc;
	gw_pkt(m)->udp_encap = c.udp_encap;
	rte_pktmbuf_trim(m, (uint16_t)(rte_pktmbuf_data_len(m) - c.end));
	return m;
}

/* Send m from the inside of one end, and see it come out of the other. */
static void
all_the_way(struct rte_mbuf *m, unsigned int n_frames, struct gw_reass *r)
{
	struct gw_local local = {.n = 1, .addr = {rig.params.remote}};
	struct gw_frag6 frag6 = {.pool = rig.pool, .next_id = 0xfffffffe};
	uint16_t len = rte_pktmbuf_data_len(m), n = 1;
	struct rte_mbuf *frames[4], *got = NULL;
	uint8_t want[2000];

	memcpy(want, rte_pktmbuf_mtod(m, uint8_t *), len);
	prepare(m, NOW);
	expect_out(1, 0, 0);
	assert_int_equal(gw_esp_out(rig.c, out.ready, 1, rte_rdtsc()), 1);
	frames[0] = out.ready[0];
	if (gw_pkt(frames[0])->outer_frag)
		n = gw_ip6_fragment_outer(&frag6, frames[0], GW_IP6_MIN_MTU, frames, 4);
	assert_int_equal(n, n_frames);
	for (unsigned int i = 0; i < n; i++) {
		assert_null(got);
		if (n > 1)
			assert_true(rte_pktmbuf_data_len(frames[i]) <= GW_IP6_MIN_MTU);
		assert_ptr_equal(gw_pkt(frames[i])->sa_out, rig.out);
		got = receive(r, with_link(frames[i]), &local);
	}
	assert_non_null(got);
	assert_int_equal(gw_esp_in(rig.c, rig.db, &got, 1, rte_rdtsc()), 1);
	assert_int_equal(gw_gre_in(&got, 1), 1);
	assert_ptr_equal(gw_pkt(got)->tunnel, &keyless);
	assert_int_equal(rte_pktmbuf_data_len(got), len);
	assert_memory_equal(rte_pktmbuf_mtod(got, uint8_t *), want, len);
	rte_pktmbuf_free(got);
}

static void
there(void **state)
{
	static const struct gw_reass_limits lim = {
		.packets = 4, .per_source = 4, .fragments = 8, .timeout_ms = 1000, .max_len = 9000};
	struct gw_reass *r = gw_reass_create(&lim, rig.pool, SOCKET_ID_ANY);

	assert_non_null(r);
	for (unsigned int alg = 0; gw_crypto_alg_at(alg) != NULL; alg++) {
		for (unsigned int kind = 0; kind < 4; kind++) {
			util_sa_down(&rig);
			util_params(&rig.params, gw_crypto_alg_at(alg), alg);
			rig.params.demux = &demux.d;
			rig.params.tunnel_mode = kind & 1;
			rig.params.udp_encap = kind & 2;
			rig.params.local_port = rig.params.remote_port = 4500;
			util_sa_up(&rig);
			keyless.mtu = 1194;
			all_the_way(inner4(&keyless, 20, 0, 1), 1, r);
			all_the_way(inner4(&keyless, 1194, GW_IP4_DF, 2), 1, r);
			all_the_way(inner6(&keyless, 1194, 3), 1, r);
			all_the_way(inner6(&keyless, 1280, 4), 2, r);
			assert_int_equal(util_in_use(&rig), 0);
		}
	}
	gw_reass_destroy(r);
}

static void
outer_fragment_limits(void **state)
{
	struct gw_frag6 f = {.pool = rig.pool, .next_id = 7};
	struct rte_mbuf *m = inner6(&keyless, 1280, 1), *frames[9];
	const uint8_t *p;

	assert_int_equal(gw_ip6_fragment_outer(&f, m, 1280, frames, 9), 1); /* fits */
	assert_ptr_equal(frames[0], m);
	assert_int_equal(gw_ip6_fragment_outer(&f, m, 1279, frames, 9), 0);
	rte_pktmbuf_free(m);
	m = inner6(&keyless, 9000, 1);
	assert_int_equal(gw_ip6_fragment_outer(&f, m, 1280, frames, 7), 0);
	assert_int_equal(util_in_use(&rig), 1); /* m is still ours */
	assert_int_equal(f.next_id, 7);
	assert_int_equal(gw_ip6_fragment_outer(&f, m, 1280, frames, 9), 8);
	assert_int_equal(f.next_id, 8);
	p = rte_pktmbuf_mtod(frames[7], const uint8_t *);
	assert_int_equal(p[6], 44);
	assert_int_equal(p[40], 17);
	assert_int_equal(gw_get16(p + 42), 7 * 1232); /* last: no more */
	assert_int_equal(gw_get32(p + 44), 7);
	assert_int_equal(gw_get16(p + 4) + 40, rte_pktmbuf_data_len(frames[7]));
	rte_pktmbuf_free_bulk(frames, 8);
	assert_int_equal(util_in_use(&rig), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(gre_in_good),
		TEST(gre_in_keys),
		TEST(gre_in_checksum),
		TEST(gre_in_sequence),
		TEST(gre_in_sequence_of_bad),
		TEST(gre_in_payload),
		TEST(gre_in_ecn),
		TEST(gre_in_burst),
		TEST(out_headers),
		TEST(out_malformed),
		TEST(out_too_big4),
		TEST(out_too_big6),
		TEST(out_too_big_quiet),
		TEST(out_rate_limit),
		TEST(out_fragments),
		TEST(out_fragments_bounded),
		TEST(out_fragments_without_memory),
		TEST(out_mixed_burst),
		TEST(there),
		TEST(outer_fragment_limits),
	};

	util_eal("test_stage");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
