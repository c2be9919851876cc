/* SPDX-License-Identifier: BSD-3-Clause */
#include "vuser.h"

#include <string.h>

#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_malloc.h>

#include "frame.h"
#include "super.h"

#define RX_BURST 32 /* frames: of super-packets they are many bursts */

static_assert(GW_GRO_PKTS <= 64, "packets are bits of a word");

struct gw_vuser {
	uint16_t port;
	struct rte_mempool *pool;
	struct rte_ether_addr own, kernel; /* its MAC is the interface's, ours another */
	uint16_t next, n; /* of what was received: the first that is not handed out */
	struct rte_mbuf *frames[RX_BURST];
	struct gw_super super;
};

struct gw_vuser *
gw_vuser_create(uint16_t port, const uint8_t mac[6], struct rte_mempool *pool, int socket)
{
	struct gw_vuser *v = rte_zmalloc_socket("vuser", sizeof(*v), 64, socket);

	if (v == NULL)
		return NULL;
	v->port = port;
	v->pool = pool;
	memcpy(&v->kernel, mac, sizeof(v->kernel));
	v->own = v->kernel;
	v->own.addr_bytes[5] ^= 1;
	return v;
}

void
gw_vuser_destroy(struct gw_vuser *v)
{
	if (v == NULL)
		return;
	rte_pktmbuf_free_bulk(v->frames + v->next, v->n - v->next);
	rte_free(v);
}

/* ---- reading ---- */

/* What one call reads. */
struct burst {
	struct rte_mbuf **pkts; /* good ones */
	uint16_t max, n, n_bad;
	struct rte_mbuf *bad[GW_BURST_MAX];
};

/* The packet, which lies in several mbufs, in one piece. @return its length, 0: too long for any */
static size_t
gather(struct gw_super *s, const struct rte_mbuf *m)
{
	size_t len = 0;

	for (; m != NULL; m = m->next) {
		if (m->data_len > sizeof(s->p) - len)
			return 0;
		memcpy(s->p + len, rte_pktmbuf_mtod(m, const void *), m->data_len);
		len += m->data_len;
	}
	return len;
}

/* @return true when segments of m are pending; it is still the caller's */
static bool
open_super(struct gw_super *s, const struct rte_mbuf *m)
{
	struct virtio_net_hdr h;
	size_t len;

	/* recall() would take it for a packet that need not be cut */
	if (m->tso_segsz == 0)
		return false;
	len = gather(s, m);
	return len > 0 && gw_gso_recall(&h, m->tso_segsz, s->p, len) &&
	       gw_super_open(s, &h, len, gw_super_room(m));
}

/* The checksum that the kernel has left to do. @return false when there is no place for it */
static bool
complete(struct rte_mbuf *m)
{
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);
	struct virtio_net_hdr h;

	if ((m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) != RTE_MBUF_F_RX_L4_CKSUM_NONE)
		return true;
	return gw_gso_recall(&h, 0, p, m->data_len) && gw_gso_complete(&h, p, m->data_len);
}

static void
refuse(struct burst *b, struct rte_mbuf *m, enum gw_drop reason)
{
	gw_pkt_refuse(m, reason);
	b->bad[b->n_bad++] = m;
}

static void
segments(struct gw_tunnel *t, struct burst *b)
{
	struct gw_vuser *v = t->vuser;

	b->n += gw_super_segments(
		&v->super, v->pool, t, NULL, b->pkts + b->n, b->max - b->n - b->n_bad);
}

/* One frame: a packet, or segments, or refused. */
static void
take(struct gw_tunnel *t, struct rte_mbuf *m, struct burst *b)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);

	*gw_pkt(m) = (struct gw_pkt){.tunnel = t};
	if (m->data_len <= sizeof(*eth) || !gw_frame_is_ip(m, eth)) {
		refuse(b, m, GW_DROP_WIRE_FRAME);
		return;
	}
	rte_pktmbuf_adj(m, sizeof(*eth));
	if (m->ol_flags & RTE_MBUF_F_RX_LRO) {
		if (!open_super(&t->vuser->super, m)) {
			refuse(b, m, GW_DROP_OUT_INNER_BAD);
			return;
		}
		rte_pktmbuf_free(m);
		segments(t, b);
		return;
	}
	if (m->nb_segs != 1 || m->data_len > gw_super_room(m) || !complete(m) ||
		!gw_room_for(t, m)) {
		refuse(b, m, GW_DROP_OUT_INNER_BAD);
		return;
	}
	gw_pkt_clear_flags(m);
	b->pkts[b->n++] = m;
}

static uint16_t
vuser_read(struct gw_tunnel *t, struct rte_mbuf **pkts, uint16_t n, uint16_t *refused)
{
	struct gw_vuser *v = t->vuser;
	struct burst b;

	b.pkts = pkts;
	b.max = RTE_MIN(n, GW_BURST_MAX);
	b.n = b.n_bad = 0;
	segments(t, &b);
	if (v->next == v->n) {
		v->next = 0;
		v->n = rte_eth_rx_burst(v->port, 0, v->frames, RX_BURST);
	}
	while (b.n + b.n_bad < b.max && v->next < v->n && !gw_super_is_pending(&v->super))
		take(t, v->frames[v->next++], &b);
	memcpy(pkts + b.n, b.bad, b.n_bad * sizeof(b.bad[0]));
	*refused = b.n_bad;
	return b.n;
}

/* ---- writing ---- */

/* @return false without room, m is as it was */
static bool
put_ether(const struct gw_vuser *v, struct rte_mbuf *m)
{
	uint8_t version = rte_pktmbuf_mtod(m, const uint8_t *)[0] >> 4;
	struct rte_ether_hdr *eth;

	eth = (struct rte_ether_hdr *)(void *)rte_pktmbuf_prepend(m, sizeof(*eth));
	if (eth == NULL)
		return false;
	eth->dst_addr = v->kernel;
	eth->src_addr = v->own;
	eth->ether_type =
		rte_cpu_to_be_16(version == 4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);
	gw_pkt_clear_flags(m);
	return true;
}

/* The packets of o as one: the headers of the first, behind them the payloads where they lie. */
static void
chain(const struct gw_gro *g, const struct gw_gro_out *o, struct rte_mbuf **pkts)
{
	struct rte_mbuf *head = pkts[o->first], *last = head;
	struct virtio_net_hdr h;

	gw_gro_header(o, rte_pktmbuf_mtod(head, uint8_t *), &h);
	for (uint8_t i = o->first; i != o->last;) {
		i = g->next[i];
		rte_pktmbuf_adj(pkts[i], o->hdr_len);
		last->next = pkts[i];
		last = pkts[i];
		head->pkt_len += last->data_len;
		head->nb_segs++;
	}
	head->tx_offload = 0;
	head->l2_len = sizeof(struct rte_ether_hdr);
	head->l3_len = h.csum_start;
	head->l4_len = (uint64_t)h.hdr_len - h.csum_start;
	head->tso_segsz = h.gso_size;
}

static uint64_t
super_flags(const struct gw_gro_out *o, const struct rte_mbuf *m)
{
	if (o->n == 1)
		return 0;
	return RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM |
	       (rte_pktmbuf_mtod(m, const uint8_t *)[0] >> 4 == 4 ? RTE_MBUF_F_TX_IPV4
								  : RTE_MBUF_F_TX_IPV6);
}

/* Packets again, each by itself, all refused. @return their bits */
static uint64_t
unchain(const struct gw_gro *g, const struct gw_gro_out *o, struct rte_mbuf **pkts,
	enum gw_drop reason)
{
	uint64_t bits = 0;

	for (uint8_t i = o->first;; i = g->next[i]) {
		pkts[i]->next = NULL;
		pkts[i]->nb_segs = 1;
		pkts[i]->pkt_len = pkts[i]->data_len;
		bits |= UINT64_C(1) << i;
		if (i == o->last)
			break;
	}
	gw_super_settle(g, o, pkts, reason);
	return bits;
}

/* What is not coalesced is a write of its own. */
static void
each_alone(struct gw_gro *g, uint16_t n)
{
	gw_gro_init(g);
	for (; g->n < n; g->n++) {
		g->out[g->n].first = g->out[g->n].last = g->n;
		g->out[g->n].n = 1;
	}
	g->n_out = g->n;
}

/* The frame of o. @return NULL without room in front */
static struct rte_mbuf *
frame(const struct gw_vuser *v, const struct gw_gro *g, const struct gw_gro_out *o,
	struct rte_mbuf **pkts)
{
	struct rte_mbuf *m = pkts[o->first];
	uint64_t flags = super_flags(o, m);

	if (o->n > 1)
		chain(g, o, pkts);
	if (!put_ether(v, m))
		return NULL;
	m->ol_flags |= flags; /* beside what says how the buffer is to be freed */
	return m;
}

static uint16_t
vuser_write(struct gw_tunnel *t, struct rte_mbuf **pkts, uint16_t n)
{
	struct rte_mbuf *frames[GW_BURST_MAX];
	const struct gw_gro_out *outs[GW_BURST_MAX];
	uint16_t n_frames = 0, sent, bad = 0;
	uint64_t refused = 0;
	struct gw_gro g;

	if (t->offload && n > 1)
		gw_super_coalesce(&g, pkts, n);
	else
		each_alone(&g, n);
	for (uint8_t i = 0; i < g.n_out; i++) {
		outs[n_frames] = &g.out[i];
		frames[n_frames] = frame(t->vuser, &g, &g.out[i], pkts);
		if (likely(frames[n_frames] != NULL))
			n_frames++;
		else
			refused |= unchain(&g, &g.out[i], pkts, GW_DROP_TUN_ERROR);
	}
	sent = rte_eth_tx_burst(t->vuser->port, 0, frames, n_frames);
	for (uint16_t i = sent; i < n_frames; i++)
		refused |= unchain(&g, outs[i], pkts, GW_DROP_TUN_FULL);
	/* what was sent may be another packet by now */
	for (uint16_t i = 0; i < n; i++) {
		if (refused >> i & 1)
			pkts[bad++] = pkts[i];
	}
	return (uint16_t)(n - bad);
}

const struct gw_handoff_ops gw_vuser_handoff = {.read = vuser_read, .write = vuser_write};
