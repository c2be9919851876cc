/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include <rte_prefetch.h>

#include "bytes.h"
#include "esp.h"
#include "esp_tail.h"
#include "sa_priv.h"
#include "tunnel.h"

void
gw_esp_in_ahead(const struct gw_sadb *db, struct rte_mbuf **pkts, uint16_t n)
{
	uint32_t spis[GW_BURST_MAX], before = 0;
	uint16_t k = 0;

	/* of a packet that is too short the buffer's own bytes: they lead to some other slot */
	for (uint16_t i = 0; i < n; i++) {
		uint32_t spi = gw_pkt_spi(pkts[i]);

		if (spi != before)
			spis[k++] = before = spi;
	}
	gw_sadb_prefetch(db, spis, k);
}

/* @return the SA of packets that follow in the batch, NULL: there is none */
static struct gw_sa_in *
look_up_one(const struct gw_sadb *db, struct gw_esp_batch *b, uint32_t spi, uint32_t len)
{
	struct gw_sa_in *sa;

	gw_sadb_lookup(db, &spi, &sa, 1);
	if (sa == NULL)
		return NULL;
	if (sa->first != NULL)
		rte_prefetch0(sa->first);
	gw_keys_ahead(sa->alg, gw_sa_in_keys(sa), len > sa->min_len ? len - sa->min_len : 0);
	b->mixed |= b->alg != NULL && b->alg != sa->alg;
	b->alg = sa->alg;
	return sa;
}

/* Look up every packet that has an ESP header. */
static void
look_up(const struct gw_sadb *db, struct gw_esp_batch *b, struct rte_mbuf **pkts, unsigned int n)
{
	struct gw_sa_in *sa = NULL;
	uint32_t before = 0; /* no SA has this SPI */

	b->alg = NULL;
	b->mixed = false;
	for (unsigned int i = 0; i < n; i++) {
		struct gw_pkt *pkt = gw_pkt(pkts[i]);
		uint32_t len = rte_pktmbuf_data_len(pkts[i]), spi;

		if (unlikely(len < (uint32_t)pkt->l4_off + GW_ESP_HDR_LEN)) {
			pkt->drop = GW_DROP_ESP_SHORT;
			continue;
		}
		spi = gw_pkt_spi(pkts[i]);
		if (spi != before)
			sa = look_up_one(db, b, before = spi, len - pkt->l4_off);
		pkt->drop = likely(sa != NULL) ? GW_DROP_NONE : GW_DROP_NO_SA;
		pkt->sa_in = sa;
	}
}

/* Source and destination at once */
static bool
same_hosts(const uint8_t *p, const struct gw_sa_in *sa)
{
	const uint8_t *q = sa->remote.s6_addr;

	return gw_same16(p, q) && gw_same16(p + 16, q + 16);
}

static bool
same_host(const uint8_t *p, const struct in6_addr *addr)
{
	return gw_same16(p, addr->s6_addr);
}

/* Between the SA's hosts, with or without UDP around it whatever was negotiated (RFC 7296 2.23): a
 * peer may move from one to the other while packets are under way. A NAT may change the peer's
 * address and ports at any time (RFC 3948), so of an SA in UDP they are no part of this in packets
 * that are in UDP: the ICV is what proves the peer. */
static inline enum gw_drop
check_outer(const struct gw_sa_in *sa, const struct rte_mbuf *m, const struct gw_pkt *pkt)
{
	const uint8_t *ip6 = rte_pktmbuf_mtod_offset(m, const uint8_t *, pkt->l3_off);

	if (pkt->l4_off < GW_IP6_HDR_LEN || pkt->l3_off > pkt->l4_off - GW_IP6_HDR_LEN)
		return GW_DROP_SA_ADDR;
	if (same_hosts(ip6 + 8, sa))
		return GW_DROP_NONE;
	return sa->udp_encap && pkt->udp_encap && same_host(ip6 + 24, &sa->local) ? GW_DROP_NONE
										  : GW_DROP_SA_ADDR;
}

/* A good packet in UDP: control is to know when the peer's NAT has changed its mind. */
static void
note_source(struct gw_sa_in *sa, const struct gw_esp_lane *lane)
{
	const struct gw_pkt *pkt = gw_pkt(lane->m);
	const uint8_t *ip6 = rte_pktmbuf_mtod_offset(lane->m, const uint8_t *, pkt->l3_off);
	const uint8_t *udp =
		rte_pktmbuf_mtod_offset(lane->m, const uint8_t *, pkt->l4_off - GW_UDP_HDR_LEN);

	if ((gw_get16(udp) == sa->remote_port && same_host(ip6 + 8, &sa->remote)) ||
		atomic_load_explicit(&sa->elsewhere_full, memory_order_acquire))
		return;
	memcpy(&sa->elsewhere, ip6 + 8, sizeof(sa->elsewhere));
	sa->elsewhere_port = gw_get16(udp);
	atomic_store_explicit(&sa->elsewhere_full, true, memory_order_release);
}

/* RFC 4303 3.4.3: the cheap check, before any crypto; the window moves only after it */
static inline enum gw_drop
check_replay(struct gw_sa_in *sa, bool esn, uint32_t low, uint64_t *seq)
{
	if (gw_replay_infer(&sa->replay, low, esn, seq) && gw_replay_check(&sa->replay, *seq))
		return GW_DROP_NONE;
	gw_stat_add(&sa->replays, 1);
	return GW_DROP_REPLAY;
}

/* How packets are laid out: constants, for most SAs. Lengths in bytes. */
struct layout {
	bool aead, esn;
	uint8_t iv_len;
	uint8_t align_mask;
};

static const struct layout layout_aead = {.aead = true, .iv_len = 8, .align_mask = 3};
static const struct layout layout_cbc = {.iv_len = 16, .align_mask = 15};

/* RFC 4106 5, RFC 7634 2.1: SPI and sequence number, all 64 bits of it with ESN */
static inline void
aead_input(const struct layout *l, const struct gw_sa_in *sa, uint8_t *esp, uint64_t seq,
	struct gw_crypto_op *op)
{
	memcpy(op->nonce, sa->salt, 4);
	memcpy(op->nonce + 4, esp + GW_ESP_HDR_LEN, 8);
	op->auth = esp;
	op->auth_len = 8;
	if (l->esn) {
		memcpy(op->room, esp, 4);
		gw_put32(op->room + 4, (uint32_t)(seq >> 32));
		memcpy(op->room + 8, esp + 4, 4);
		op->auth = op->room;
		op->auth_len = 12;
	}
}

/* RFC 4303 2.2.1: the high half of an ESN follows the packet for the HMAC. It takes the place of
 * the ICV, which has been copied. */
static inline void
hmac_input(const struct layout *l, const struct gw_sa_in *sa, uint8_t *esp, uint64_t seq,
	struct gw_crypto_op *op)
{
	op->iv = esp + GW_ESP_HDR_LEN;
	op->auth = esp;
	op->auth_len = GW_ESP_HDR_LEN + l->iv_len + op->text_len;
	if (l->esn) {
		memcpy(op->room, op->icv, sa->icv_len);
		gw_put32(op->icv, (uint32_t)(seq >> 32));
		op->icv = op->room;
		op->auth_len += 4;
	}
}

/* All that can be known without keys. A packet that passes cannot spoil a batch. */
static __rte_always_inline enum gw_drop
admit_as(const struct layout *l, struct gw_sa_in *sa, struct gw_esp_lane *lane, struct rte_mbuf *m)
{
	struct gw_pkt *pkt = gw_pkt(m);
	struct gw_crypto_op *op = &lane->op;
	uint8_t *esp = rte_pktmbuf_mtod_offset(m, uint8_t *, pkt->l4_off);
	uint32_t len = (uint32_t)rte_pktmbuf_data_len(m) - pkt->l4_off;
	uint32_t text_len = len - GW_ESP_HDR_LEN - l->iv_len - sa->icv_len;
	enum gw_drop drop = check_outer(sa, m, pkt);
	uint64_t seq;

	if (unlikely(drop != GW_DROP_NONE))
		return drop;
	if (unlikely(len < sa->min_len))
		return GW_DROP_ESP_SHORT;
	if (unlikely((text_len & l->align_mask) != 0))
		return GW_DROP_ESP_LEN;
	drop = check_replay(sa, l->esn, gw_get32(esp + 4), &seq);
	if (unlikely(drop != GW_DROP_NONE))
		return drop;
	pkt->seq = seq;
	lane->m = m;
	op->done = op->good = false;
	op->keys = gw_sa_in_keys(sa);
	op->text = esp + GW_ESP_HDR_LEN + l->iv_len;
	op->text_len = text_len;
	op->icv = op->text + text_len;
	if (l->aead)
		aead_input(l, sa, esp, seq, op);
	else
		hmac_input(l, sa, esp, seq, op);
	return GW_DROP_NONE;
}

static __rte_noinline enum gw_drop
admit_any(struct gw_sa_in *sa, struct gw_esp_lane *lane, struct rte_mbuf *m)
{
	const struct layout l = {
		.aead = sa->aead,
		.esn = sa->esn,
		.iv_len = sa->iv_len,
		.align_mask = sa->align_mask,
	};

	return admit_as(&l, sa, lane, m);
}

static __rte_always_inline enum gw_drop
admit(struct gw_esp_lane *lane, struct rte_mbuf *m)
{
	struct gw_sa_in *sa = gw_pkt(m)->sa_in;

	switch (sa->layout) {
	case GW_LAYOUT_AEAD:
		return admit_as(&layout_aead, sa, lane, m);
	case GW_LAYOUT_CBC:
		return admit_as(&layout_cbc, sa, lane, m);
	default:
		return admit_any(sa, lane, m);
	}
}

uint16_t
gw_esp_in_begin(
	const struct gw_sadb *db, struct gw_esp_batch *b, struct rte_mbuf **pkts, uint16_t n)
{
	struct gw_esp_lane *lane = b->lanes;

	look_up(db, b, pkts, n);
	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		enum gw_drop drop;

		if (unlikely(gw_pkt(m)->drop != GW_DROP_NONE))
			continue;
		drop = admit(lane, m);
		gw_pkt_refuse(m, drop);
		lane += likely(drop == GW_DROP_NONE);
	}
	b->n = (uint16_t)(lane - b->lanes);
	b->out = false;
	return b->n == n ? n : gw_pkt_partition(pkts, n);
}

/* What a burst adds to an SA's counters; written when the SA changes, mostly once a burst */
struct tally {
	struct gw_sa_in *sa;
	uint64_t packets, bytes;
};

static inline void
count(struct gw_sa_in *sa, uint64_t packets, uint64_t bytes, uint64_t now_tsc)
{
	gw_stat_add(&sa->packets, packets);
	gw_stat_add(&sa->bytes, bytes);
	gw_stat_set(&sa->last_tsc, now_tsc);
}

static inline void
tally_flush(struct tally *t, uint64_t now_tsc)
{
	if (t->packets == 0)
		return;
	count(t->sa, t->packets, t->bytes, now_tsc);
	t->packets = t->bytes = 0;
}

static inline void
tally_add(struct tally *t, struct gw_sa_in *sa, uint32_t bytes, uint64_t now_tsc)
{
	if (t->sa != sa) {
		tally_flush(t, now_tsc);
		t->sa = sa;
	}
	t->packets++;
	t->bytes += bytes;
}

/* The ICV's verdict, then the window's: of duplicates in one burst the first one passes */
static inline enum gw_drop
verdict(const struct gw_esp_lane *lane, struct gw_sa_in *sa)
{
	if (!lane->op.good) {
		if (!lane->op.done)
			return GW_DROP_CRYPTO;
		gw_stat_add(&sa->icv_failures, 1);
		return GW_DROP_ICV;
	}
	if (!gw_replay_commit(&sa->replay, gw_pkt(lane->m)->seq)) {
		gw_stat_add(&sa->replays, 1);
		return GW_DROP_REPLAY;
	}
	return GW_DROP_NONE;
}

/* Cut the mbuf down to the GRE packet. */
static inline void
strip(struct rte_mbuf *m, const uint8_t *gre, uint16_t len)
{
	m->data_off = (uint16_t)(gre - (const uint8_t *)m->buf_addr);
	m->data_len = len;
	m->pkt_len = len;
}

/* Tunnel mode, much padding, or wrong. Authenticated, so it counts as the peer's, whatever it
 * holds. */
static __rte_noinline bool
finish_any(const struct gw_esp_lane *lane, uint64_t now_tsc)
{
	struct gw_pkt *pkt = gw_pkt(lane->m);
	struct gw_sa_in *sa = pkt->sa_in;
	const uint8_t *src = sa->tunnel_mode ? sa->inner_remote.s6_addr : NULL;
	struct gw_esp_tail tail;
	enum gw_drop drop = gw_esp_tail(lane->op.text, lane->op.text_len, src,
		sa->inner_local.s6_addr, pkt->outer_tc, &tail);

	count(sa, 1, drop == GW_DROP_NONE ? tail.off + tail.len : 0u, now_tsc);
	if (drop != GW_DROP_NONE) {
		gw_pkt_refuse(lane->m, drop);
		return false;
	}
	strip(lane->m, lane->op.text + tail.off, tail.len);
	pkt->outer_tc = tail.tc;
	return true;
}

static inline bool
finish(const struct gw_esp_lane *lane, struct tally *t, uint64_t now_tsc)
{
	struct gw_sa_in *sa = gw_pkt(lane->m)->sa_in;
	enum gw_drop drop = verdict(lane, sa);
	uint16_t len;

	if (unlikely(drop != GW_DROP_NONE)) {
		gw_pkt_refuse(lane->m, drop);
		return false;
	}
	if (unlikely(sa->udp_encap && gw_pkt(lane->m)->udp_encap))
		note_source(sa, lane);
	len = sa->tunnel_mode ? 0 : gw_esp_tail_plain(lane->op.text, lane->op.text_len);
	if (unlikely(len == 0))
		return finish_any(lane, now_tsc);
	tally_add(t, sa, len, now_tsc);
	strip(lane->m, lane->op.text, len);
	return true;
}

uint16_t
gw_esp_in_end(struct gw_esp_batch *b, struct rte_mbuf **pkts, uint64_t now_tsc)
{
	const struct gw_esp_lane *lane = b->lanes;
	uint16_t n = b->n, n_good = 0;
	struct tally t = {0};

	for (uint16_t i = 0; i < n; i++, lane++) {
		pkts[i] = lane->m;
		n_good += finish(lane, &t, now_tsc);
	}
	tally_flush(&t, now_tsc);
	return n_good == n ? n : gw_pkt_partition(pkts, n);
}

uint16_t
gw_esp_in(struct gw_crypto *c, const struct gw_sadb *db, struct rte_mbuf **pkts, uint16_t n,
	uint64_t now_tsc)
{
	struct gw_esp_batch *b = gw_crypto_batch(c);

	gw_esp_in_begin(db, b, pkts, n);
	gw_esp_crypt(c, b);
	return gw_esp_in_end(b, pkts, now_tsc);
}
