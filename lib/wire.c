/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include <rte_ethdev.h>
#include <rte_ether.h>

#include "frame.h"
#include "pkt.h"
#include "wire.h"
#include "wire_answer.h"

/* ARP and neighbour discovery end here. @return true when m is gone */
static bool
answered(struct gw_tunnel *t, struct rte_mbuf *m)
{
	size_t cap = (size_t)m->data_len + rte_pktmbuf_tailroom(m);
	size_t len = gw_wire_answer(rte_pktmbuf_mtod(m, uint8_t *), m->data_len, cap, t->wire_mac);

	if (len == 0)
		return false;
	m->data_len = (uint16_t)len;
	m->pkt_len = (uint32_t)len;
	gw_pkt_clear_flags(m);
	if (rte_eth_tx_burst(t->wire_port, 0, &m, 1) == 0)
		rte_pktmbuf_free(m); /* it will be asked again */
	return true;
}

/* @return true when m is an inner packet now */
static bool
take(struct gw_tunnel *t, struct rte_mbuf *m)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);

	if (m->data_len <= sizeof(*eth))
		return false;
	if (rte_is_unicast_ether_addr(&eth->dst_addr) &&
		memcmp(&eth->dst_addr, t->wire_mac, sizeof(t->wire_mac)) != 0)
		return false;
	if (!gw_frame_is_ip(m, eth) || !rte_is_valid_assigned_ether_addr(&eth->src_addr))
		return false;
	memcpy(t->wire_peer, &eth->src_addr, sizeof(t->wire_peer));
	gw_pkt_clear_flags(m);
	rte_pktmbuf_adj(m, sizeof(*eth));
	return gw_room_for(t, m);
}

static uint16_t
wire_read(struct gw_tunnel *t, struct rte_mbuf **pkts, uint16_t n, uint16_t *refused)
{
	struct rte_mbuf *bad[GW_BURST_MAX];
	uint16_t good = 0, n_bad = 0;

	n = rte_eth_rx_burst(t->wire_port, 0, pkts, n);
	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		bool whole = gw_frame_is_whole(m);

		*gw_pkt(m) = (struct gw_pkt){.tunnel = t};
		if (whole && answered(t, m))
			continue;
		if (whole && take(t, m)) {
			pkts[good++] = m;
			continue;
		}
		gw_pkt_refuse(m, GW_DROP_WIRE_FRAME);
		bad[n_bad++] = m;
	}
	memcpy(pkts + good, bad, n_bad * sizeof(bad[0]));
	*refused = n_bad;
	return good;
}

/* @return true with a frame in m */
static bool
put_ether(const struct gw_tunnel *t, struct rte_mbuf *m)
{
	static const uint8_t unknown[6];
	bool known = memcmp(t->wire_peer, unknown, sizeof(unknown)) != 0;
	uint8_t version = rte_pktmbuf_mtod(m, const uint8_t *)[0] >> 4;
	struct rte_ether_hdr *eth;

	eth = (struct rte_ether_hdr *)(void *)rte_pktmbuf_prepend(m, sizeof(*eth));
	if (eth == NULL)
		return false;
	if (known)
		memcpy(&eth->dst_addr, t->wire_peer, sizeof(t->wire_peer));
	else
		memset(&eth->dst_addr, 0xff, sizeof(eth->dst_addr));
	memcpy(&eth->src_addr, t->wire_mac, sizeof(t->wire_mac));
	eth->ether_type =
		rte_cpu_to_be_16(version == 4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);
	gw_pkt_clear_flags(m);
	return true;
}

static uint16_t
wire_write(struct gw_tunnel *t, struct rte_mbuf **pkts, uint16_t n)
{
	struct rte_mbuf *frames[GW_BURST_MAX];
	uint16_t n_frames = 0, bad = 0, sent;

	for (uint16_t i = 0; i < n; i++) {
		if (put_ether(t, pkts[i])) {
			frames[n_frames++] = pkts[i];
			continue;
		}
		gw_pkt_refuse(pkts[i], GW_DROP_TUN_ERROR);
		pkts[bad++] = pkts[i];
	}
	sent = rte_eth_tx_burst(t->wire_port, 0, frames, n_frames);
	for (uint16_t i = sent; i < n_frames; i++) {
		gw_pkt_refuse(frames[i], GW_DROP_TUN_FULL);
		pkts[bad++] = frames[i];
	}
	return sent;
}

const struct gw_handoff_ops gw_wire_handoff = {.read = wire_read, .write = wire_write};
