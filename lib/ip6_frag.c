/* SPDX-License-Identifier: BSD-3-Clause */
#include "stage.h"

#include <netinet/in.h>
#include <string.h>

#include "bytes.h"

#define IP6_LEN  40
#define FRAG_LEN 8
#define MORE     1

/*
 * Copies, rather than the indirect segments of librte_ip_frag: every mbuf of the data path has one
 * segment, and this is the rare case of a path below 1360 bytes with IPv6 inside.
 */
static struct rte_mbuf *
fragment(struct gw_frag6 *f, struct rte_mbuf *m, uint16_t off, uint16_t len, bool more)
{
	const uint8_t *from = rte_pktmbuf_mtod(m, const uint8_t *);
	struct rte_mbuf *r = gw_pkt_alloc(f->pool);
	uint8_t *to, *frag;

	to = r == NULL ? NULL : (uint8_t *)rte_pktmbuf_append(r, IP6_LEN + FRAG_LEN + len);
	if (to == NULL) {
		rte_pktmbuf_free(r);
		return NULL;
	}
	memcpy(to, from, IP6_LEN);
	gw_put16(to + 4, FRAG_LEN + len);
	to[6] = IPPROTO_FRAGMENT;
	frag = to + IP6_LEN;
	frag[0] = from[6];
	frag[1] = 0;
	gw_put16(frag + 2, off | (more ? MORE : 0)); /* off is a multiple of 8: its units fit */
	gw_put32(frag + 4, f->next_id);
	memcpy(frag + FRAG_LEN, from + IP6_LEN + off, len);
	*gw_pkt(r) = *gw_pkt(m);
	return r;
}

uint16_t
gw_ip6_fragment_outer(
	struct gw_frag6 *f, struct rte_mbuf *m, uint16_t mtu, struct rte_mbuf **out, uint16_t cap)
{
	uint16_t total = rte_pktmbuf_data_len(m), payload, chunk, n = 0, off = 0, len;
	struct rte_mbuf *r;

	if (cap == 0 || mtu < GW_IP6_MIN_MTU || total < IP6_LEN)
		return 0;
	if (total <= mtu) {
		out[0] = m;
		return 1;
	}
	payload = total - IP6_LEN;
	chunk = (mtu - IP6_LEN - FRAG_LEN) & ~7;
	while (off < payload) {
		len = RTE_MIN(chunk, (uint16_t)(payload - off));
		r = n < cap ? fragment(f, m, off, len, off + len < payload) : NULL;
		if (r == NULL) {
			rte_pktmbuf_free_bulk(out, n);
			return 0;
		}
		out[n++] = r;
		off += len;
	}
	f->next_id++;
	rte_pktmbuf_free(m);
	return n;
}
