/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include <rte_ip.h>

#include "bytes.h"
#include "esp.h"
#include "inner.h"
#include "sa_priv.h"
#include "tunnel.h"

/* Padding, trailer, ICV at most; the first two are written as whole words. */
#define TAIL_ROOM (15 + 2 + GW_ICV_MAX)

static_assert(TAIL_ROOM >= 16 + 2 + GW_ICV_ZEROED, "trailer by words");
static_assert(GW_PKT_TAILROOM >= TAIL_ROOM, "whatever the SA is");

/* One label for the SA by default: a label for each flow lets equal-cost paths reorder the SA. */
static uint64_t
head(const struct gw_sa_out *sa, const struct gw_tunnel *t, const struct gw_pkt *pkt)
{
	if (t->flowlabel == GW_FLOWLABEL_SA)
		return sa->head;
	return sa->head ^ (uint64_t)(pkt->flow_hash & 0xfffff) << 32;
}

/* Outer IPv6 (RFC 8200 3) [UDP] ESP, up to the IV. The UDP checksum waits for the cipher text. */
static void
write_outer(const struct gw_sa_out *sa, const struct gw_pkt *pkt, uint8_t tc, uint64_t seq,
	uint8_t *p, uint32_t total)
{
	const struct gw_tunnel *t = pkt->tunnel;
	uint32_t payload_len = total - GW_IP6_HDR_LEN;

	gw_put64(p, head(sa, t, pkt) | (uint64_t)tc << 52 | payload_len << 16 | t->hop_limit);
	memcpy(p + 8, sa->hosts, sizeof(sa->hosts));
	if (unlikely(sa->udp_encap)) {
		memcpy(p + GW_IP6_HDR_LEN, sa->ports, sizeof(sa->ports));
		gw_put32(p + GW_IP6_HDR_LEN + 4, payload_len << 16);
	}
	gw_put64(p + sa->outer_len - GW_ESP_HDR_LEN, (uint64_t)sa->spi << 32 | (uint32_t)seq);
}

/* Tunnel mode: an IPv6 header between the same two hosts, without a label: it would only say again
 * what the outer one says. */
static void
write_inner(const struct gw_sa_out *sa, uint8_t tc, uint32_t gre_len, uint8_t *p)
{
	memcpy(p, sa->inner, GW_IP6_HDR_LEN);
	gw_put64(p, UINT64_C(6) << 60 | (uint64_t)tc << 52 | gre_len << 16 |
			    (uint32_t)sa->inner[6] << 8 | sa->inner[7]);
}

/* Padding (RFC 4303 2.4), its length, the next header; and zeros where the ICV comes to lie, for
 * the cipher to show that it was there (crypto_mb.h). */
static void
write_trailer(uint8_t *p, uint32_t pad_len, uint8_t next)
{
	static const uint8_t padding[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	const uint8_t end[2] = {(uint8_t)pad_len, next};

	memcpy(p, padding, sizeof(padding));
	memcpy(p + pad_len, end, sizeof(end));
	memset(p + pad_len + 2, 0, GW_ICV_ZEROED);
}

/* The 64-bit sequence number is the IV (RFC 4106 3.1, RFC 7634 2). The ESP header is the AAD, with
 * ESN with all of the number in it. */
static void
aead_input(const struct gw_sa_out *sa, uint8_t *esp, uint64_t seq, struct gw_crypto_op *op)
{
	gw_put64(op->iv, seq);
	memcpy(op->nonce, sa->salt, 4);
	gw_put64(op->nonce + 4, seq);
	op->auth = esp;
	op->auth_len = 8;
	if (sa->esn) {
		gw_put32(op->room, sa->spi);
		gw_put64(op->room + 4, seq);
		op->auth = op->room;
		op->auth_len = 12;
	}
}

/* For the HMAC the high half of an ESN follows the packet, where the ICV then comes to lie. */
static void
hmac_input(const struct gw_sa_out *sa, uint8_t *esp, uint64_t seq, struct gw_crypto_op *op)
{
	gw_put64(op->nonce, seq);
	memset(op->nonce + 8, 0, 4);
	op->auth = esp;
	op->auth_len = GW_ESP_HDR_LEN + sa->iv_len + op->text_len;
	if (sa->esn) {
		gw_put32(op->icv, (uint32_t)(seq >> 32));
		op->auth_len += 4;
	}
}

/* Everything but the crypto */
static enum gw_drop
prepare(struct gw_esp_lane *lane, struct rte_mbuf *m)
{
	struct gw_crypto_op *op = &lane->op;
	struct gw_pkt *pkt = gw_pkt(m);
	struct gw_sa_out *sa = pkt->sa_out;
	uint64_t seq = atomic_load_explicit(&sa->seq, memory_order_relaxed);
	/* both headers of tunnel mode carry the same */
	uint8_t tc = (pkt->inner_tc & pkt->tunnel->tc_copy) | pkt->tunnel->tc_set;
	uint32_t gre_len = m->data_len, payload = sa->inner_len + gre_len;
	uint32_t text_len = (payload + 2 + sa->align_mask) & ~(uint32_t)sa->align_mask;
	uint32_t total = text_len + sa->around;
	uint8_t *p, *esp;

	if (unlikely(seq == sa->seq_max))
		return GW_DROP_OUT_SEQ_END;
	/* what has this room is in a buffer of 64 KB at most, so never longer than IPv6 can say */
	if (unlikely(m->data_off < sa->front || m->data_off + gre_len + TAIL_ROOM > m->buf_len))
		return GW_DROP_OUT_CRYPTO;
	gw_stat_set(&sa->seq, ++seq);
	pkt->seq = seq;
	m->data_off = (uint16_t)(m->data_off - sa->front);
	m->data_len = (uint16_t)total;
	m->pkt_len = total;
	p = rte_pktmbuf_mtod(m, uint8_t *);
	write_outer(sa, pkt, tc, seq, p, total);

	esp = p + sa->outer_len - GW_ESP_HDR_LEN;
	op->done = op->good = false; /* until it is encrypted, nobody may take it for that */
	op->keys = gw_sa_out_keys(sa);
	op->iv = p + sa->outer_len;
	op->text = op->iv + sa->iv_len;
	op->text_len = text_len;
	op->icv = op->text + text_len;
	lane->m = m;
	lane->alg = sa->alg;
	lane->payload_len = (uint16_t)payload;
	if (unlikely(sa->tunnel_mode))
		write_inner(sa, tc, gre_len, op->text);
	write_trailer(op->text + payload, text_len - payload - 2, sa->next_header);
	if (sa->aead)
		aead_input(sa, esp, seq, op);
	else
		hmac_input(sa, esp, seq, op);
	return GW_DROP_NONE;
}

uint16_t
gw_esp_out_begin(struct gw_esp_batch *b, struct rte_mbuf **pkts, uint16_t n)
{
	const struct gw_crypto_alg *alg = gw_pkt(pkts[0])->sa_out->alg;
	struct gw_esp_lane *lane = b->lanes;
	bool mixed = false;

	for (uint16_t i = 0; i < n; i++) {
		enum gw_drop drop = prepare(lane, pkts[i]);

		gw_pkt(pkts[i])->drop = (uint16_t)drop;
		if (unlikely(drop != GW_DROP_NONE))
			continue;
		mixed |= lane->alg != alg;
		lane++;
	}
	b->n = (uint16_t)(lane - b->lanes);
	b->out = true;
	b->mixed = mixed;
	return b->n == n ? n : gw_pkt_partition(pkts, n);
}

/* RFC 8200 8.1: over IPv6 a UDP checksum is never zero, whatever RFC 3948 allows for IPv4 */
static void
udp_checksum(struct rte_mbuf *m)
{
	struct rte_ipv6_hdr *ip6 = rte_pktmbuf_mtod(m, struct rte_ipv6_hdr *);
	uint8_t *udp = (uint8_t *)(ip6 + 1);
	uint16_t sum = rte_ipv6_udptcp_cksum(ip6, udp);

	memcpy(udp + 6, &sum, sizeof(sum));
}

/* What a burst adds to an SA's counters; written when the SA changes, mostly once a burst */
struct tally {
	struct gw_sa_out *sa;
	uint64_t packets, bytes;
};

static void
tally_flush(struct tally *t, uint64_t now_tsc)
{
	if (t->packets == 0)
		return;
	gw_stat_add(&t->sa->packets, t->packets);
	gw_stat_add(&t->sa->bytes, t->bytes);
	gw_stat_set(&t->sa->last_tsc, now_tsc);
	t->packets = t->bytes = 0;
}

static bool
finish(const struct gw_esp_lane *lane, struct tally *t, uint64_t now_tsc)
{
	struct gw_sa_out *sa = gw_pkt(lane->m)->sa_out;

	if (!lane->op.good) {
		gw_pkt_refuse(lane->m, GW_DROP_OUT_CRYPTO);
		return false;
	}
	if (unlikely(sa->udp_encap))
		udp_checksum(lane->m);
	if (t->sa != sa) {
		tally_flush(t, now_tsc);
		t->sa = sa;
	}
	t->packets++;
	t->bytes += lane->payload_len;
	return true;
}

uint16_t
gw_esp_out_end(struct gw_esp_batch *b, struct rte_mbuf **pkts, uint64_t now_tsc)
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
gw_esp_out(struct gw_crypto *c, struct rte_mbuf **pkts, uint16_t n, uint64_t now_tsc)
{
	struct gw_esp_batch b;

	gw_esp_out_begin(&b, pkts, n);
	gw_esp_crypt(c, &b);
	return gw_esp_out_end(&b, pkts, now_tsc);
}
