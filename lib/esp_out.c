/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include <rte_ip.h>
#include <rte_prefetch.h>

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

/* Where everything goes in the finished packet */
struct plan {
	uint16_t front;   /* bytes in front of the GRE packet */
	uint16_t payload; /* of ESP: inner IPv6 header, GRE */
	uint16_t tail;    /* padding, trailer, ICV */
	uint8_t pad_len;
};

/* @return false when the packet does not fit into its mbuf, or into IPv6 */
static bool
plan_packet(const struct gw_sa_out *sa, const struct rte_mbuf *m, struct plan *plan)
{
	uint32_t inner = sa->tunnel_mode ? GW_IP6_HDR_LEN : 0;
	uint32_t payload = inner + rte_pktmbuf_data_len(m);
	uint32_t pad = (0u - (payload + 2)) & sa->align_mask;
	uint32_t front = sa->outer_len + sa->iv_len + inner;
	uint32_t tail = pad + 2 + sa->icv_len;

	if (front + rte_pktmbuf_data_len(m) + tail > GW_IP6_HDR_LEN + UINT16_MAX)
		return false;
	plan->front = (uint16_t)front;
	plan->payload = (uint16_t)payload;
	plan->tail = (uint16_t)tail;
	plan->pad_len = (uint8_t)pad;
	return rte_pktmbuf_headroom(m) >= front && rte_pktmbuf_tailroom(m) >= tail;
}

/* DSCP as the tunnel says, ECN by RFC 6040; both headers of tunnel mode carry the same */
static uint8_t
traffic_class(const struct gw_tunnel *t, uint8_t inner_tc)
{
	uint8_t dscp = t->dscp == GW_DSCP_COPY ? inner_tc >> 2 : t->dscp;

	return (uint8_t)(dscp << 2 | gw_ecn_outer(inner_tc, t->ecn == GW_ECN_COMPAT));
}

static void
ip6_patch(uint8_t *h, uint8_t tc, uint32_t label, uint16_t payload_len)
{
	gw_put32(h, UINT32_C(6) << 28 | (uint32_t)tc << 20 | label);
	gw_put16(h + 4, payload_len);
}

/* One label for the SA by default: a label for each flow lets equal-cost paths reorder the SA. */
static uint32_t
flow_label(const struct gw_sa_out *sa, const struct gw_tunnel *t, const struct gw_pkt *pkt)
{
	if (t->flowlabel == GW_FLOWLABEL_SA)
		return sa->flow_label;
	return (pkt->flow_hash ^ sa->flow_label) & 0xfffff;
}

/* Outer IPv6 [UDP] ESP, up to the IV. The UDP checksum waits for the cipher text. */
static void
write_outer(const struct gw_sa_out *sa, const struct gw_pkt *pkt, uint8_t tc, uint8_t *p,
	uint16_t total)
{
	const struct gw_tunnel *t = pkt->tunnel;
	uint16_t payload_len = (uint16_t)(total - GW_IP6_HDR_LEN);

	if (sa->udp_encap) {
		memcpy(p, sa->outer, GW_OUTER_MAX);
		gw_put16(p + GW_IP6_HDR_LEN + 4, payload_len);
	} else {
		memcpy(p, sa->outer, GW_OUTER_MAX - GW_UDP_HDR_LEN);
	}
	ip6_patch(p, tc, flow_label(sa, t, pkt), payload_len);
	p[7] = t->hop_limit;
	gw_put32(p + sa->outer_len - 4, (uint32_t)pkt->seq);
}

/* Whole words, so without a call: there is room for them, as trailer and ICV take 10 bytes at
 * least, and 14 where the padding may be longer than 3. */
static void
write_trailer(uint8_t *p, uint8_t pad_len, uint8_t next)
{
	static const uint8_t padding[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

	static_assert(GW_PKT_TAILROOM >= 16 + 2 + GW_ICV_MAX, "padding, trailer, ICV");
	memcpy(p, padding, 8);
	if (pad_len > 8)
		memcpy(p + 8, padding + 8, 8);
	p[pad_len] = pad_len;
	p[pad_len + 1] = next;
}

/* The 64-bit sequence number is the IV (RFC 4106 3.1, RFC 7634 2) and, with ESN, part of the AAD.
 */
static void
aead_input(const struct gw_sa_out *sa, const uint8_t *esp, uint64_t seq, struct gw_crypto_op *op)
{
	gw_put64(op->iv, seq);
	memcpy(op->nonce, sa->salt, 4);
	memcpy(op->nonce + 4, op->iv, 8);
	op->auth = op->room;
	memcpy(op->room, esp, 4);
	if (sa->esn) {
		gw_put64(op->room + 4, seq);
		op->auth_len = 12;
	} else {
		memcpy(op->room + 4, esp + 4, 4);
		op->auth_len = 8;
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
prepare(struct lane *lane)
{
	struct gw_crypto_op *op = &lane->op;
	struct gw_pkt *pkt = gw_pkt(lane->m);
	struct gw_sa_out *sa = lane->sa;
	uint64_t seq = atomic_load_explicit(&sa->seq, memory_order_relaxed);
	uint8_t tc = traffic_class(pkt->tunnel, pkt->inner_tc);
	struct plan plan;
	uint8_t *p, *esp;

	if (seq == sa->seq_max)
		return GW_DROP_OUT_SEQ_END;
	if (!plan_packet(sa, lane->m, &plan))
		return GW_DROP_OUT_CRYPTO;
	pkt->seq = ++seq;
	gw_stat_set(&sa->seq, seq);
	p = (uint8_t *)rte_pktmbuf_prepend(lane->m, plan.front);
	rte_pktmbuf_append(lane->m, plan.tail);
	write_outer(sa, pkt, tc, p, rte_pktmbuf_data_len(lane->m));

	esp = p + sa->outer_len - GW_ESP_HDR_LEN;
	op->keys = sa->keys;
	op->iv = p + sa->outer_len;
	op->text = op->iv + sa->iv_len;
	op->text_len = (uint32_t)plan.payload + plan.pad_len + 2;
	op->icv = op->text + op->text_len;
	lane->payload_len = plan.payload;
	if (sa->tunnel_mode) {
		memcpy(op->text, sa->inner, GW_IP6_HDR_LEN);
		ip6_patch(op->text, tc, 0, (uint16_t)(plan.payload - GW_IP6_HDR_LEN));
	}
	write_trailer(op->text + plan.payload, plan.pad_len,
		sa->tunnel_mode ? IPPROTO_IPV6 : IPPROTO_GRE);
	if (sa->alg->auth == GW_AUTH_AEAD)
		aead_input(sa, esp, seq, op);
	else
		hmac_input(sa, esp, seq, op);
	return GW_DROP_NONE;
}

static unsigned int
prepare_all(struct rte_mbuf **pkts, unsigned int n, struct lane *lanes)
{
	unsigned int i, k = 0;

	for (i = 0; i < n; i++) {
		rte_prefetch0(gw_pkt(pkts[i])->sa_out);
		rte_prefetch0(&gw_pkt(pkts[i])->sa_out->seq);
	}
	for (i = 0; i < n; i++) {
		struct gw_pkt *pkt = gw_pkt(pkts[i]);
		enum gw_drop drop;

		lanes[k].m = pkts[i];
		lanes[k].sa = pkt->sa_out;
		drop = prepare(&lanes[k]);
		pkt->drop = (uint16_t)drop;
		k += drop == GW_DROP_NONE;
	}
	return k;
}

/* One call for each algorithm in the burst: nearly always one */
static void
encrypt_all(struct gw_crypto *c, struct lane *lanes, unsigned int n)
{
	struct gw_crypto_op *ops[GW_BURST_MAX];
	uint64_t todo = n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
	unsigned int i, k;

	static_assert(GW_BURST_MAX <= 64, "one bit a packet");
	while (todo != 0) {
		const struct gw_crypto_alg *alg = lanes[__builtin_ctzll(todo)].sa->alg;

		for (i = 0, k = 0; i < n; i++) {
			if ((todo >> i & 1) == 0 || lanes[i].sa->alg != alg)
				continue;
			ops[k++] = &lanes[i].op;
			todo &= ~(UINT64_C(1) << i);
		}
		if (alg->make_iv != NULL)
			alg->make_iv(c, alg, ops, k);
		alg->encrypt(c, alg, ops, k);
	}
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
	if (lane->sa->udp_encap)
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

	k = prepare_all(pkts, n, lanes);
	encrypt_all(c, lanes, k);
	for (i = 0; i < k; i++)
		n_good += finish(&lanes[i], &t, now_tsc);
	tally_flush(&t, now_tsc);
	return n_good == n ? n : gw_pkt_partition(pkts, n);
}
