/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include <rte_ip.h>

#include "bytes.h"
#include "esp.h"
#include "inner.h"
#include "sa_priv.h"
#include "tunnel.h"

/* A packet between its headers and its cipher text */
struct lane {
	struct gw_crypto_op op;
	struct gw_sa_out *sa;
	struct rte_mbuf *m;
	uint16_t payload_len; /* of ESP, without trailer */
};

/* Trailers are written as whole words, so there is always room for one behind the padding. */
#define TAIL_ROOM 32

static_assert(GW_PKT_TAILROOM >= TAIL_ROOM, "trailer by words");
static_assert(GW_PKT_TAILROOM >= 15 + 2 + GW_ICV_MAX, "padding, trailer, ICV");

/* DSCP as the tunnel says, ECN by RFC 6040; both headers of tunnel mode carry the same */
static uint8_t
traffic_class(const struct gw_tunnel *t, uint8_t inner_tc)
{
	uint8_t dscp = t->dscp == GW_DSCP_COPY ? inner_tc >> 2 : t->dscp;

	return (uint8_t)(dscp << 2 | gw_ecn_outer(inner_tc, t->ecn == GW_ECN_COMPAT));
}

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
	memset(op->nonce + 8, 0, 8);
	op->auth = esp;
	op->auth_len = GW_ESP_HDR_LEN + sa->iv_len + op->text_len;
	if (sa->esn) {
		gw_put32(op->icv, (uint32_t)(seq >> 32));
		op->auth_len += 4;
	}
}

/* Everything but the crypto */
static enum gw_drop
prepare(struct lane *lane, struct gw_sa_out *sa, struct rte_mbuf *m)
{
	struct gw_crypto_op *op = &lane->op;
	struct gw_pkt *pkt = gw_pkt(m);
	uint64_t seq = atomic_load_explicit(&sa->seq, memory_order_relaxed);
	uint8_t tc = traffic_class(pkt->tunnel, pkt->inner_tc);
	uint32_t gre_len = m->data_len, payload = sa->inner_len + gre_len;
	uint32_t text_len = (payload + 2 + sa->align_mask) & ~(uint32_t)sa->align_mask;
	uint32_t total = text_len + sa->around, tail = total - sa->front - gre_len;
	uint8_t *p, *esp;

	if (unlikely(seq == sa->seq_max))
		return GW_DROP_OUT_SEQ_END;
	if (unlikely(total > GW_IP6_HDR_LEN + UINT16_MAX || m->data_off < sa->front ||
		     (uint32_t)m->buf_len - m->data_off - gre_len < RTE_MAX(tail, TAIL_ROOM)))
		return GW_DROP_OUT_CRYPTO;
	gw_stat_set(&sa->seq, ++seq);
	pkt->seq = seq;
	m->data_off = (uint16_t)(m->data_off - sa->front);
	m->data_len = (uint16_t)total;
	m->pkt_len = total;
	p = rte_pktmbuf_mtod(m, uint8_t *);
	write_outer(sa, pkt, tc, seq, p, total);

	esp = p + sa->outer_len - GW_ESP_HDR_LEN;
	op->keys = gw_sa_out_keys(sa);
	op->iv = p + sa->outer_len;
	op->text = op->iv + sa->iv_len;
	op->text_len = text_len;
	op->icv = op->text + text_len;
	lane->m = m;
	lane->sa = sa;
	lane->payload_len = (uint16_t)payload;
	if (sa->tunnel_mode)
		write_inner(sa, tc, gre_len, op->text);
	write_trailer(op->text + payload, text_len - payload - 2, sa->next_header);
	if (sa->aead)
		aead_input(sa, esp, seq, op);
	else
		hmac_input(sa, esp, seq, op);
	return GW_DROP_NONE;
}

/* @return lanes taken; *mixed: not all of one algorithm */
static unsigned int
prepare_all(struct rte_mbuf **pkts, unsigned int n, struct lane *lanes, bool *mixed)
{
	const struct gw_crypto_alg *alg = gw_pkt(pkts[0])->sa_out->alg;
	unsigned int i, k = 0;

	*mixed = false;
	for (i = 0; i < n; i++) {
		struct gw_sa_out *sa = gw_pkt(pkts[i])->sa_out;
		enum gw_drop drop;

		drop = prepare(&lanes[k], sa, pkts[i]);
		gw_pkt(pkts[i])->drop = (uint16_t)drop;
		*mixed |= sa->alg != alg;
		k += drop == GW_DROP_NONE;
	}
	return k;
}

static void
encrypt(struct gw_crypto *c, const struct gw_crypto_alg *alg, struct gw_crypto_op *const *ops,
	unsigned int n)
{
	if (alg->make_iv != NULL)
		alg->make_iv(c, alg, ops, n);
	alg->encrypt(c, alg, ops, n);
}

/* One call for each algorithm in the burst */
static void
encrypt_mixed(struct gw_crypto *c, struct lane *lanes, unsigned int n)
{
	struct gw_crypto_op *ops[GW_BURST_MAX];
	struct lane *rest[GW_BURST_MAX];
	unsigned int i, k, n_rest;

	for (i = 0; i < n; i++)
		rest[i] = &lanes[i];
	for (; n > 0; n = n_rest) {
		const struct gw_crypto_alg *alg = rest[0]->sa->alg;

		for (i = 0, k = 0, n_rest = 0; i < n; i++) {
			if (rest[i]->sa->alg == alg)
				ops[k++] = &rest[i]->op;
			else
				rest[n_rest++] = rest[i];
		}
		encrypt(c, alg, ops, k);
	}
}

static void
encrypt_all(struct gw_crypto *c, struct lane *lanes, unsigned int n, bool mixed)
{
	struct gw_crypto_op *ops[GW_BURST_MAX];

	if (n == 0)
		return;
	if (mixed) {
		encrypt_mixed(c, lanes, n);
		return;
	}
	for (unsigned int i = 0; i < n; i++)
		ops[i] = &lanes[i].op;
	encrypt(c, lanes[0].sa->alg, ops, n);
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
finish(const struct lane *lane, struct tally *t, uint64_t now_tsc)
{
	if (!lane->op.good) {
		gw_pkt_refuse(lane->m, GW_DROP_OUT_CRYPTO);
		return false;
	}
	if (unlikely(lane->sa->udp_encap))
		udp_checksum(lane->m);
	if (t->sa != lane->sa) {
		tally_flush(t, now_tsc);
		t->sa = lane->sa;
	}
	t->packets++;
	t->bytes += lane->payload_len;
	return true;
}

uint16_t
gw_esp_out(struct gw_crypto *c, struct rte_mbuf **pkts, uint16_t n, uint64_t now_tsc)
{
	struct lane lanes[GW_BURST_MAX];
	struct tally t = {0};
	unsigned int i, k, n_good = 0;
	bool mixed;

	k = prepare_all(pkts, n, lanes, &mixed);
	encrypt_all(c, lanes, k, mixed);
	for (i = 0; i < k; i++)
		n_good += finish(&lanes[i], &t, now_tsc);
	tally_flush(&t, now_tsc);
	return n_good == n ? n : gw_pkt_partition(pkts, n);
}
