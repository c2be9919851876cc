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

/* How packets are laid out: constants, for most SAs. Lengths in bytes. */
struct layout {
	bool aead, esn, tunnel_mode, udp_encap;
	bool label_by_flow;
	uint8_t outer_len; /* up to the end of the ESP header */
	uint8_t iv_len, inner_len;
	uint8_t align_mask;
	uint8_t next_header;
};

static const struct layout layout_aead = {
	.aead = true,
	.outer_len = GW_IP6_HDR_LEN + GW_ESP_HDR_LEN,
	.iv_len = 8,
	.align_mask = 3,
	.next_header = IPPROTO_GRE,
};
static const struct layout layout_cbc = {
	.outer_len = GW_IP6_HDR_LEN + GW_ESP_HDR_LEN,
	.iv_len = 16,
	.align_mask = 15,
	.next_header = IPPROTO_GRE,
};

/* Of GW_LAYOUT_ANY. One label for the SA by default: a label for each flow lets equal-cost paths
 * reorder the SA. */
static struct layout
layout_any(const struct gw_sa_out *sa, const struct gw_tunnel *t)
{
	return (struct layout){
		.aead = sa->aead,
		.esn = sa->esn,
		.tunnel_mode = sa->tunnel_mode,
		.udp_encap = sa->udp_encap,
		.label_by_flow = t->flowlabel != GW_FLOWLABEL_SA,
		.outer_len = sa->outer_len,
		.iv_len = sa->iv_len,
		.inner_len = sa->inner_len,
		.align_mask = sa->align_mask,
		.next_header = sa->next_header,
	};
}

/* What packets of one SA from one tunnel have in common. */
struct run {
	struct gw_sa_out *sa;
	const struct gw_tunnel *tunnel;
	uint64_t head;   /* of the outer header; traffic class and payload length are still zero */
	uint64_t spi;    /* in the upper half */
	uint32_t around; /* bytes around the text, IPv6 header aside */
	uint32_t salt;   /* as it lies there */
	uint8_t tc_copy, tc_set;
	uint64_t seq;   /* last one used */
	uint64_t bytes; /* of ESP payload */
};

static __rte_always_inline struct run
run_of(const struct gw_pkt *first)
{
	struct gw_sa_out *sa = first->sa_out;
	const struct gw_tunnel *t = first->tunnel;

	return (struct run){
		.sa = sa,
		.tunnel = t,
		.head = sa->head | t->hop_limit,
		.spi = (uint64_t)sa->spi << 32,
		.around = sa->around - GW_IP6_HDR_LEN,
		.salt = gw_raw32(sa->salt),
		.tc_copy = t->tc_copy,
		.tc_set = t->tc_set,
		.seq = atomic_load_explicit(&sa->seq, memory_order_relaxed),
	};
}

/* Outer IPv6 (RFC 8200 3) [UDP] ESP, up to the IV. The UDP checksum waits for the cipher text. */
static __rte_always_inline void
write_outer(const struct layout *l, const struct run *r, const struct gw_pkt *pkt, uint8_t tc,
	uint8_t *p, uint32_t payload_len)
{
	uint64_t head = r->head | (uint64_t)tc << 52 | payload_len << 16;

	if (l->label_by_flow)
		head ^= (uint64_t)(pkt->flow_hash & 0xfffff) << 32;
	gw_put64(p, head);
	memcpy(p + 8, r->sa->hosts, sizeof(r->sa->hosts));
	if (l->udp_encap) {
		memcpy(p + GW_IP6_HDR_LEN, r->sa->ports, sizeof(r->sa->ports));
		gw_put32(p + GW_IP6_HDR_LEN + 4, payload_len << 16);
	}
	gw_put64(p + l->outer_len - GW_ESP_HDR_LEN, r->spi | (uint32_t)r->seq);
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
 * the cipher to show that it was there (crypto_mb.h). By words, of which the ICV is in the way of
 * some. */
static __rte_always_inline void
write_trailer(const struct layout *l, uint8_t *p, uint32_t pad_len)
{
	static const uint8_t padding[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	static const uint8_t gre[4][8] = {{0, IPPROTO_GRE}, {1, 1, IPPROTO_GRE},
		{1, 2, 2, IPPROTO_GRE}, {1, 2, 3, 3, IPPROTO_GRE}};

	if (l->align_mask == 3 && l->next_header == IPPROTO_GRE) {
		memcpy(p, gre[pad_len], sizeof(gre[0]));
	} else {
		memcpy(p, padding, sizeof(padding));
		gw_put16(p + pad_len, (uint16_t)(pad_len << 8 | l->next_header));
	}
	memset(p + pad_len + 2, 0, GW_ICV_ZEROED);
}

/* The 64-bit sequence number is the IV (RFC 4106 3.1, RFC 7634 2). The ESP header is the AAD, with
 * ESN with all of the number in it. */
static __rte_always_inline void
aead_input(const struct layout *l, const struct run *r, uint8_t *esp, struct gw_crypto_op *op)
{
	gw_put64(esp + GW_ESP_HDR_LEN, r->seq);
	memcpy(op->nonce, &r->salt, sizeof(r->salt));
	gw_put64(op->nonce + 4, r->seq);
	op->auth = esp;
	op->auth_len = 8;
	if (l->esn) {
		gw_put32(op->room, r->sa->spi);
		gw_put64(op->room + 4, r->seq);
		op->auth = op->room;
		op->auth_len = 12;
	}
}

/* What the IV of CBC is made of. For the HMAC the high half of an ESN follows the packet, where the
 * ICV then comes to lie. */
static __rte_always_inline void
hmac_input(const struct layout *l, const struct run *r, uint8_t *esp, struct gw_crypto_op *op)
{
	op->iv = esp + GW_ESP_HDR_LEN;
	gw_put64(op->nonce, r->seq);
	memcpy(op->nonce + 8, &r->salt, sizeof(r->salt));
	op->auth = esp;
	op->auth_len = GW_ESP_HDR_LEN + l->iv_len + op->text_len;
	if (l->esn) {
		gw_put32(op->icv, (uint32_t)(r->seq >> 32));
		op->auth_len += 4;
	}
}

/* Everything but the crypto */
static __rte_always_inline enum gw_drop
prepare(const struct layout *l, struct run *r, struct gw_esp_lane *lane, struct rte_mbuf *m)
{
	struct gw_crypto_op *op = &lane->op;
	const struct gw_pkt *pkt = gw_pkt(m);
	/* both headers of tunnel mode carry the same */
	uint8_t tc = (pkt->inner_tc & r->tc_copy) | r->tc_set;
	uint32_t gre_len = m->data_len, payload = l->inner_len + gre_len, off = m->data_off;
	uint32_t text_len = (payload + 2 + l->align_mask) & ~(uint32_t)l->align_mask;
	uint32_t front = l->outer_len + l->iv_len, payload_len = text_len + r->around;
	uint8_t *p, *esp;

	if (unlikely(r->seq == r->sa->seq_max))
		return GW_DROP_OUT_SEQ_END;
	/* what has this room is in a buffer of 64 KB at most, so never longer than IPv6 can say */
	if (unlikely(off < front + l->inner_len || off + gre_len + TAIL_ROOM > m->buf_len))
		return GW_DROP_OUT_CRYPTO;
	r->seq++;
	off -= front + l->inner_len;
	m->data_off = (uint16_t)off;
	m->data_len = (uint16_t)(GW_IP6_HDR_LEN + payload_len);
	m->pkt_len = GW_IP6_HDR_LEN + payload_len;
	p = (uint8_t *)m->buf_addr + off;
	write_outer(l, r, pkt, tc, p, payload_len);

	esp = p + l->outer_len - GW_ESP_HDR_LEN;
	op->done = op->good = false; /* until it is encrypted, nobody may take it for that */
	op->keys = gw_sa_out_keys(r->sa);
	op->text = p + front;
	op->text_len = text_len;
	op->icv = op->text + text_len;
	lane->m = m;
	lane->payload_len = (uint16_t)payload;
	r->bytes += payload;
	if (l->tunnel_mode)
		write_inner(r->sa, tc, gre_len, op->text);
	write_trailer(l, op->text + payload, text_len - payload - 2);
	if (l->aead)
		aead_input(l, r, esp, op);
	else
		hmac_input(l, r, esp, op);
	return GW_DROP_NONE;
}

/*
 * Those in front that are of one SA and one tunnel.
 * @param lane  [in,out] where the next one goes
 * @return how many
 */
static __rte_always_inline uint16_t
prepare_run(const struct layout *l, struct gw_esp_lane **lane, struct rte_mbuf **pkts, uint16_t n,
	uint64_t now_tsc)
{
	struct run r = run_of(gw_pkt(pkts[0]));
	struct rte_mbuf **end = pkts + n, **at = pkts, *m = *at;
	struct gw_esp_lane *next = *lane;

	gw_keys_ahead(r.sa->alg, gw_sa_out_keys(r.sa), m->data_len);
	do {
		enum gw_drop drop = prepare(l, &r, next, m);

		gw_pkt_refuse(m, drop);
		next += likely(drop == GW_DROP_NONE);
	} while (++at < end && gw_pkt(m = *at)->sa_out == r.sa && gw_pkt(m)->tunnel == r.tunnel);
	if (likely(next > *lane)) {
		gw_stat_set(&r.sa->seq, r.seq);
		gw_stat_add(&r.sa->packets, (uint64_t)(next - *lane));
		gw_stat_add(&r.sa->bytes, r.bytes);
		gw_stat_set(&r.sa->last_tsc, now_tsc);
	}
	*lane = next;
	return (uint16_t)(at - pkts);
}

static __rte_noinline uint16_t
prepare_any(struct gw_esp_lane **lane, struct rte_mbuf **pkts, uint16_t n, uint64_t now_tsc)
{
	const struct gw_pkt *first = gw_pkt(pkts[0]);
	struct layout l = layout_any(first->sa_out, first->tunnel);

	return prepare_run(&l, lane, pkts, n, now_tsc);
}

static uint16_t
prepare_some(struct gw_esp_lane **lane, struct rte_mbuf **pkts, uint16_t n, uint64_t now_tsc)
{
	const struct gw_pkt *first = gw_pkt(pkts[0]);

	if (unlikely(first->tunnel->flowlabel != GW_FLOWLABEL_SA))
		return prepare_any(lane, pkts, n, now_tsc);
	switch (first->sa_out->layout) {
	case GW_LAYOUT_AEAD:
		return prepare_run(&layout_aead, lane, pkts, n, now_tsc);
	case GW_LAYOUT_CBC:
		return prepare_run(&layout_cbc, lane, pkts, n, now_tsc);
	default:
		return prepare_any(lane, pkts, n, now_tsc);
	}
}

uint16_t
gw_esp_out_begin(struct gw_esp_batch *b, struct rte_mbuf **pkts, uint16_t n, uint64_t now_tsc)
{
	struct gw_esp_lane *lane = b->lanes;
	bool mixed = false;

	b->alg = gw_pkt(pkts[0])->sa_out->alg;
	for (uint16_t i = 0; i < n;) {
		mixed |= gw_pkt(pkts[i])->sa_out->alg != b->alg;
		i += prepare_some(&lane, pkts + i, n - i, now_tsc);
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

/* The crypto refused it: it does not go, so it does not count. */
static void
refuse(const struct gw_esp_lane *lane)
{
	struct gw_sa_out *sa = gw_pkt(lane->m)->sa_out;

	gw_stat_add(&sa->packets, UINT64_MAX);
	gw_stat_add(&sa->bytes, -(uint64_t)lane->payload_len);
	gw_pkt_refuse(lane->m, GW_DROP_OUT_CRYPTO);
}

uint16_t
gw_esp_out_end(struct gw_esp_batch *b, struct rte_mbuf **pkts)
{
	const struct gw_esp_lane *lane = b->lanes;
	uint16_t n = b->n, bad = 0;

	for (uint16_t i = 0; i < n; i++, lane++) {
		pkts[i] = lane->m;
		if (unlikely(!lane->op.good)) {
			refuse(lane);
			bad++;
		} else if (unlikely(gw_pkt(lane->m)->sa_out->udp_encap)) {
			udp_checksum(lane->m);
		}
	}
	return bad == 0 ? n : gw_pkt_partition(pkts, n);
}

uint16_t
gw_esp_out(struct gw_crypto *c, struct rte_mbuf **pkts, uint16_t n, uint64_t now_tsc)
{
	struct gw_esp_batch *b = gw_crypto_batch(c);

	gw_esp_out_begin(b, pkts, n, now_tsc);
	gw_esp_crypt(c, b);
	return gw_esp_out_end(b, pkts);
}
