/* SPDX-License-Identifier: BSD-3-Clause */
#include "ip4_cut.h"

#include <string.h>

#include "inner.h"

#define IP4_HDR_MAX 60

/* @return the mbuf of fragment i, NULL past the last one or without memory */
static struct rte_mbuf *
fragment(struct rte_mempool *pool, struct rte_mbuf *m, uint16_t mtu, unsigned int i,
	enum gw_drop *reason)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	uint16_t hdr_len, off, len;
	uint8_t hdr[IP4_HDR_MAX];
	struct rte_mbuf *f;
	uint8_t *to;

	if (!gw_ip4_fragment(p, rte_pktmbuf_data_len(m), mtu, i, hdr, &hdr_len, &off, &len)) {
		/* an MTU that has no room for eight bytes: nothing fits, nothing can be told */
		*reason = i == 0 ? GW_DROP_OUT_TOO_BIG_QUIET : GW_DROP_NONE;
		return NULL;
	}
	f = gw_pkt_alloc(pool);
	to = f == NULL ? NULL : (uint8_t *)rte_pktmbuf_append(f, hdr_len + len);
	if (to == NULL) {
		rte_pktmbuf_free(f);
		*reason = GW_DROP_NO_MBUF;
		return NULL;
	}
	memcpy(to, hdr, hdr_len);
	memcpy(to + hdr_len, p + ((p[0] & 0xf) * 4) + off, len);
	*gw_pkt(f) = *gw_pkt(m);
	return f;
}

uint16_t
gw_ip4_cut(struct rte_mempool *pool, struct rte_mbuf *m, uint16_t mtu, struct rte_mbuf **out,
	uint16_t room, enum gw_drop *reason)
{
	uint16_t n = 0;

	*reason = GW_DROP_NONE;
	for (;;) {
		struct rte_mbuf *f = fragment(pool, m, mtu, n, reason);

		if (f == NULL)
			break;
		if (n == room) {
			rte_pktmbuf_free(f);
			*reason = GW_DROP_OUT_FRAGS;
			break;
		}
		out[n++] = f;
	}
	if (*reason == GW_DROP_NONE)
		return n;
	rte_pktmbuf_free_bulk(out, n);
	return 0;
}
