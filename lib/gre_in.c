/* SPDX-License-Identifier: BSD-3-Clause */
#include "stage.h"

#include <string.h>

#include "gre.h"
#include "inner.h"
#include "sa_priv.h"

#define ETHERTYPE_IP4 0x0800
#define ETHERTYPE_IP6 0x86dd

static struct gw_tunnel *
demux_search(const struct gw_demux *d, const struct gw_gre *gre)
{
	uint32_t lo = 0, hi = d->n, mid;

	if (!gre->has_key)
		return d->keyless;
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (d->by_key[mid].key < gre->key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < d->n && d->by_key[lo].key == gre->key ? d->by_key[lo].tunnel : NULL;
}

static struct gw_tunnel *
tunnel_of(const struct gw_sa_in *sa, const struct gw_gre *gre)
{
	struct gw_tunnel *t = sa->first;

	if (likely(t != NULL && t->has_key == gre->has_key &&
		    (!gre->has_key || t->key == gre->key)))
		return t;
	return demux_search(sa->demux, gre);
}

/*
 * RFC 2890 2.2: old is what lies in the range of the last number and the 2^31 - 1 before it.
 */
static bool
seq_is_new(struct gw_tunnel *t, const struct gw_gre *gre)
{
	uint32_t reset = atomic_load_explicit(&t->seq_reset, memory_order_relaxed);

	if (!gre->has_seq)
		return false;
	if (reset != t->seq_reset_seen) {
		t->seq_reset_seen = reset;
		t->gre_seq_in_valid = false;
	}
	return !t->gre_seq_in_valid || t->gre_seq_in - gre->seq > INT32_MAX;
}

/* RFC 2784 4: a packet to the encapsulator itself would go back into the tunnel for ever. */
static bool
loops(const uint8_t *p, const struct gw_inner *in, const struct gw_sa_in *sa)
{
	return in->version == 6 && gw_same16(p + 24, sa->remote.s6_addr);
}

static enum gw_drop
inner_in(struct rte_mbuf *m, const struct gw_gre *gre, struct gw_tunnel *t, struct gw_inner *in)
{
	uint8_t *p = rte_pktmbuf_mtod_offset(m, uint8_t *, gre->hdr_len);
	uint16_t len = rte_pktmbuf_data_len(m) - gre->hdr_len;

	if (gre->proto != ETHERTYPE_IP4 && gre->proto != ETHERTYPE_IP6)
		return GW_DROP_GRE_PROTO;
	if (!gw_inner_parse(p, len, in) || in->version != (gre->proto == ETHERTYPE_IP4 ? 4 : 6))
		return GW_DROP_INNER_BAD;
	if (loops(p, in, gw_pkt(m)->sa_in))
		return GW_DROP_INNER_LOOP;
	if (!gw_ecn_merge(p, gw_pkt(m)->outer_tc))
		return GW_DROP_ECN_CE;
	gw_mss_clamp(p, in->len, atomic_load_explicit(&t->mss4, memory_order_relaxed),
		atomic_load_explicit(&t->mss6, memory_order_relaxed));
	return GW_DROP_NONE;
}

/* GRE options that the tunnel demands. */
static enum gw_drop
check_options(struct gw_tunnel *t, const struct gw_gre *gre)
{
	if (t->checksum && !gre->has_csum)
		return GW_DROP_GRE_CSUM;
	if (t->sequence && !seq_is_new(t, gre))
		return GW_DROP_GRE_SEQ;
	return GW_DROP_NONE;
}

/* The inner packet is what m is from now on. */
static inline void
take_off(struct rte_mbuf *m, uint16_t hdr_len, uint16_t len)
{
	m->data_off += hdr_len;
	m->data_len = len;
	m->pkt_len = len;
}

/* The short way for what nearly every packet is. @return false: it is something else, or wrong */
static inline bool
gre_in_plain(struct rte_mbuf *m, struct gw_tally *tally)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	struct gw_pkt *pkt = gw_pkt(m);
	struct gw_tunnel *t = pkt->sa_in->first;
	uint16_t len;

	if (t == NULL || !gw_tunnel_is_plain(t) || m->data_len < GW_GRE_PLAIN_LEN ||
		!gw_gre_is_plain_ip4(p) || (pkt->outer_tc & 3) != 0)
		return false;
	len = gw_inner_plain(p + GW_GRE_PLAIN_LEN, m->data_len - GW_GRE_PLAIN_LEN);
	if (len == 0)
		return false;
	pkt->tunnel = t;
	take_off(m, GW_GRE_PLAIN_LEN, len);
	gw_tally_add(tally, &t->rx_packets, &t->rx_bytes, len);
	return true;
}

static __rte_noinline enum gw_drop
gre_in_any(struct rte_mbuf *m)
{
	struct gw_pkt *pkt = gw_pkt(m);
	struct gw_inner in;
	struct gw_tunnel *t;
	struct gw_gre gre;
	enum gw_drop reason;

	pkt->tunnel = NULL;
	reason = gw_gre_parse(rte_pktmbuf_mtod(m, const uint8_t *), m->data_len, &gre);
	if (unlikely(reason != GW_DROP_NONE))
		return reason;
	t = tunnel_of(pkt->sa_in, &gre);
	if (unlikely(t == NULL))
		return GW_DROP_GRE_KEY;
	pkt->tunnel = t;
	if (t->checksum | t->sequence) {
		reason = check_options(t, &gre);
		if (reason != GW_DROP_NONE)
			return reason;
	}
	reason = inner_in(m, &gre, t, &in);
	if (unlikely(reason != GW_DROP_NONE))
		return reason;

	if (t->sequence) {
		t->gre_seq_in = gre.seq;
		t->gre_seq_in_valid = true;
	}
	take_off(m, gre.hdr_len, in.len);
	gw_stat_add(&t->rx_packets, 1);
	gw_stat_add(&t->rx_bytes, in.len);
	return GW_DROP_NONE;
}

uint16_t
gw_gre_in(struct rte_mbuf **pkts, uint16_t n)
{
	struct gw_tally tally = {0};
	unsigned int bad = 0;

	for (uint16_t i = 0; i < n; i++) {
		enum gw_drop reason = GW_DROP_NONE;

		if (unlikely(!gre_in_plain(pkts[i], &tally)))
			reason = gre_in_any(pkts[i]);
		gw_pkt_refuse(pkts[i], reason);
		bad += reason != GW_DROP_NONE;
	}
	gw_tally_flush(&tally);
	return bad == 0 ? n : gw_pkt_partition(pkts, n);
}
