/* SPDX-License-Identifier: BSD-3-Clause */
#include "stage.h"

#include <string.h>

#include <rte_byteorder.h>
#include <rte_cycles.h>
#include <rte_prefetch.h>

#include "bytes.h"
#include "gre.h"
#include "inner.h"
#include "ip4_cut.h"
#include "sa_priv.h"
#include "stat.h"

#define ETHERTYPE_IP4 0x0800
#define ETHERTYPE_IP6 0x86dd
#define IP4_MIN_MTU   68          /* RFC 791 3.2 */
#define IP4_DUMMY     0xc0000008u /* 192.0.0.8, RFC 7600 */

static void
refuse(struct gw_out *o, struct rte_mbuf *m, enum gw_drop reason)
{
	gw_pkt_refuse(m, reason);
	o->refused[o->n_refused++] = m;
}

/* A fragment always has the headroom, so no more than what came in is ever refused. */
static_assert(GW_PKT_HEADROOM >= GW_GRE_HDR_MAX, "fragments take a GRE header");

/* @return the header's length */
static uint16_t
gre_header(struct gw_tunnel *t, uint16_t proto, uint8_t *payload, uint16_t payload_len)
{
	struct gw_gre gre = {
		.proto = proto,
		.has_csum = t->checksum,
		.has_key = t->has_key,
		.has_seq = t->sequence,
		.key = t->key,
		.seq = t->gre_seq_out,
	};
	uint16_t hdr_len = gw_gre_len(gre.has_csum, gre.has_key, gre.has_seq);

	t->gre_seq_out += gre.has_seq;
	gw_gre_build(&gre, payload - hdr_len, payload_len);
	return hdr_len;
}

/* The header is written: m is the GRE packet from now on. */
static inline void
put_on(struct gw_out *o, struct rte_mbuf *m, uint16_t hdr_len, uint16_t payload_len)
{
	m->data_off -= hdr_len;
	m->data_len = payload_len + hdr_len;
	m->pkt_len = m->data_len;
	o->ready[o->n_ready++] = m;
}

static void
push_gre(struct gw_out *o, struct rte_mbuf *m, uint16_t proto)
{
	struct gw_tunnel *t = gw_pkt(m)->tunnel;
	uint16_t hdr_len, payload_len = m->data_len;

	if (m->data_off < GW_GRE_HDR_MAX) { /* whoever filled the mbuf left no headroom */
		refuse(o, m, GW_DROP_OUT_INNER_BAD);
		return;
	}
	hdr_len = gre_header(t, proto, rte_pktmbuf_mtod(m, uint8_t *), payload_len);
	put_on(o, m, hdr_len, payload_len);
	gw_stat_add(&t->tx_packets, 1);
	gw_stat_add(&t->tx_bytes, payload_len);
}

static uint32_t
error_source4(const struct gw_tunnel *t, const uint8_t *p)
{
	uint32_t dst;

	if (t->fd < 0 && t->vuser == NULL)
		return t->addr4 != 0 ? t->addr4 : rte_cpu_to_be_32(IP4_DUMMY);
	memcpy(&dst, p + 16, 4);
	return dst;
}

/* @return true if an error is on its way to the sender */
static bool
tell(struct gw_out *o, struct rte_mbuf *m, const struct gw_inner *in, uint16_t mtu,
	uint64_t now_tsc)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	struct gw_tunnel *t = gw_pkt(m)->tunnel;
	struct rte_mbuf *r;
	size_t len;

	/* of those the forwarding stage has told; the MTU has sunk since */
	if (mtu < IP4_MIN_MTU || gw_pkt(m)->routed)
		return false;
	if (in->version == 6 && IN6_IS_ADDR_UNSPECIFIED(&t->addr6))
		return false;
	if (!gw_icmp_allowed(p, in->len) || !gw_icmp_token(&t->icmp, now_tsc))
		return false;
	r = gw_pkt_alloc(o->pool);
	if (r == NULL || rte_pktmbuf_tailroom(r) < GW_ICMP_MAX) {
		rte_pktmbuf_free(r);
		return false;
	}
	len = gw_icmp_error(GW_ICMP_TOO_BIG, p, in->len, mtu, error_source4(t, p), t->addr6.s6_addr,
		rte_pktmbuf_mtod(r, uint8_t *));
	rte_pktmbuf_append(r, (uint16_t)len);
	gw_pkt(r)->tunnel = t;
	o->reply[o->n_reply++] = r;
	return true;
}

static void
too_big(struct gw_out *o, struct rte_mbuf *m, const struct gw_inner *in, uint16_t mtu,
	uint64_t now_tsc)
{
	bool told = tell(o, m, in, mtu, now_tsc);

	refuse(o, m, told ? GW_DROP_OUT_TOO_BIG : GW_DROP_OUT_TOO_BIG_QUIET);
}

/* @param keep  places in o->ready that the rest of the burst may still need */
static void
fragment_all(struct gw_out *o, struct rte_mbuf *m, uint16_t mtu, uint16_t keep)
{
	uint16_t room = (uint16_t)(GW_OUT_MAX - o->n_ready - keep), n;
	struct rte_mbuf *frags[GW_OUT_MAX];
	enum gw_drop reason;

	n = gw_ip4_cut(o->pool, m, mtu, frags, room, &reason);
	if (n == 0) {
		refuse(o, m, reason);
		return;
	}
	for (uint16_t i = 0; i < n; i++)
		push_gre(o, frags[i], ETHERTYPE_IP4);
	rte_pktmbuf_free(m);
}

/* What is known of an inner packet that goes on. */
static void
note(struct gw_pkt *pkt, const uint8_t *p, const struct gw_inner *in)
{
	pkt->inner_tc = in->tc;
	if (pkt->tunnel->flowlabel != GW_FLOWLABEL_SA)
		pkt->flow_hash = gw_inner_hash(p, in);
}

/* Larger than the tunnel's MTU. @return true when it goes on as it is */
static bool
goes_on(struct gw_out *o, struct rte_mbuf *m, const struct gw_inner *in, uint16_t mtu,
	uint16_t keep, uint64_t now_tsc)
{
	uint16_t limit = in->version == 6 && mtu < GW_IP6_MIN_MTU ? GW_IP6_MIN_MTU : mtu;

	if (in->len <= limit) {
		gw_pkt(m)->outer_frag = 1;
		return true;
	}
	if (in->df)
		too_big(o, m, in, limit, now_tsc);
	else
		fragment_all(o, m, mtu, keep);
	return false;
}

/* The short way for what nearly every packet is. @return false: it is something else, or wrong */
static inline bool
prepare_plain(struct gw_out *o, struct rte_mbuf *m, struct gw_tally *tally)
{
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);
	struct gw_pkt *pkt = gw_pkt(m);
	struct gw_tunnel *t = pkt->tunnel;
	uint16_t len;

	/* where ESP's headers and trailer come to lie */
	rte_prefetch0(p - 64);
	rte_prefetch0(p + m->data_len);
	len = gw_inner_plain(p, m->data_len);
	if (len == 0 || len > atomic_load_explicit(&t->mtu, memory_order_relaxed) ||
		t->flowlabel != GW_FLOWLABEL_SA || !gw_tunnel_is_plain(t) ||
		m->data_off < GW_GRE_HDR_MAX)
		return false;
	pkt->inner_tc = p[1];
	pkt->outer_frag = 0;
	gw_put32(p - GW_GRE_PLAIN_LEN, ETHERTYPE_IP4);
	put_on(o, m, GW_GRE_PLAIN_LEN, len);
	gw_tally_add(tally, &t->tx_packets, &t->tx_bytes, len);
	return true;
}

static __rte_noinline void
prepare_any(struct gw_out *o, struct rte_mbuf *m, uint16_t keep, uint64_t now_tsc)
{
	struct gw_pkt *pkt = gw_pkt(m);
	struct gw_tunnel *t = pkt->tunnel;
	uint16_t mtu = atomic_load_explicit(&t->mtu, memory_order_relaxed);
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);
	struct gw_inner in;

	if (!gw_inner_parse(p, m->data_len, &in)) {
		refuse(o, m, GW_DROP_OUT_INNER_BAD);
		return;
	}
	m->data_len = in.len;
	m->pkt_len = in.len;
	pkt->outer_frag = 0;
	note(pkt, p, &in);
	gw_mss_clamp(p, in.len, atomic_load_explicit(&t->mss4, memory_order_relaxed),
		atomic_load_explicit(&t->mss6, memory_order_relaxed));
	if (in.len <= mtu || goes_on(o, m, &in, mtu, keep, now_tsc))
		push_gre(o, m, in.version == 4 ? ETHERTYPE_IP4 : ETHERTYPE_IP6);
}

/* What gw_esp_out() will touch of a packet's SA, when it is not that of the packet before. */
static inline void
prefetch_sa(const struct gw_sa_out *sa)
{
	rte_prefetch0(sa);
	rte_prefetch0(&sa->seq);
}

void
gw_out_prepare(struct gw_out *o, struct rte_mbuf **pkts, uint16_t n, uint64_t now_tsc)
{
	const struct gw_sa_out *sa = NULL;
	struct gw_tally tally = {0};

	o->n_ready = o->n_reply = o->n_refused = 0;
	for (uint16_t i = 0; i < n; i++) {
		if (gw_pkt(pkts[i])->sa_out != sa) {
			sa = gw_pkt(pkts[i])->sa_out;
			prefetch_sa(sa);
		}
		if (unlikely(!prepare_plain(o, pkts[i], &tally)))
			prepare_any(o, pkts[i], (uint16_t)(n - i - 1), now_tsc);
	}
	gw_tally_flush(&tally);
}
