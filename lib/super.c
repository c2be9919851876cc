/* SPDX-License-Identifier: BSD-3-Clause */
#include "super.h"

static_assert(GW_GRO_PKTS >= GW_BURST_MAX, "a burst may be one super-packet");

bool
gw_super_open(struct gw_super *s, const struct virtio_net_hdr *v, size_t len, size_t room)
{
	s->next = 0;
	if (len <= GW_SUPER_MAX && gw_gso_open(&s->gso, v, s->p, len) &&
		(size_t)s->gso.hdr_len + s->gso.seg_len <= room)
		return true;
	s->gso.n_segs = 0;
	return false;
}

uint16_t
gw_super_segments(struct gw_super *s, struct rte_mempool *pool, struct gw_tunnel *t,
	struct rte_mbuf *m, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t got = 0;

	while (got < n && gw_super_is_pending(s)) {
		uint16_t len;

		if (!m)
			m = gw_pkt_alloc(pool);
		if (unlikely(!m))
			break;
		len = gw_gso_segment(&s->gso, s->next++, rte_pktmbuf_mtod(m, uint8_t *));
		m->data_len = len;
		m->pkt_len = len;
		gw_pkt(m)->tunnel = t;
		pkts[got++] = m;
		m = NULL;
	}
	return got;
}

void
gw_super_coalesce(struct gw_gro *g, struct rte_mbuf *const *pkts, uint16_t n)
{
	gw_gro_init(g);
	for (uint16_t i = 0; i < n; i++)
		gw_gro_add(g, rte_pktmbuf_mtod(pkts[i], const uint8_t *), pkts[i]->data_len);
}

void
gw_super_settle(const struct gw_gro *g, const struct gw_gro_out *o, struct rte_mbuf **pkts,
	enum gw_drop reason)
{
	for (uint8_t i = o->first;; i = g->next[i]) {
		gw_pkt_refuse(pkts[i], reason);
		if (i == o->last)
			break;
	}
}
