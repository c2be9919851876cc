/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_FRAME_H
#define GW_FRAME_H

/* Inner packets that come as Ethernet frames. */

#include <stdbool.h>
#include <string.h>

#include <rte_ether.h>

#include "gre.h"
#include "pkt.h"
#include "tunnel.h"

/* What later stages put in front at most, but for GRE: see GW_PKT_HEADROOM. Drivers leave
 * RTE_PKTMBUF_HEADROOM in front of a frame; with its Ethernet header gone that is enough unless GRE
 * has all of its options. */
#define GW_ROOM_OUTER 130
#define GW_ROOM_STEP  64

/** In one piece, and with all its tags: some ports take one off unasked, and without it a frame of any VLAN
 * looks untagged. */
static inline bool
gw_frame_is_whole(const struct rte_mbuf *m)
{
	return m->nb_segs == 1 && (m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) == 0;
}

/** The IP version that the EtherType of a frame says is that of the byte behind it. */
static inline bool
gw_frame_is_ip(const struct rte_mbuf *m, const struct rte_ether_hdr *eth)
{
	uint8_t version = rte_pktmbuf_mtod(m, const uint8_t *)[sizeof(*eth)] >> 4;

	return (eth->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) && version == 4) ||
	       (eth->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6) && version == 6);
}

/** Move the packet where it has too little in front for what t puts there. @return false: no place */
static inline bool
gw_room_for(const struct gw_tunnel *t, struct rte_mbuf *m)
{
	if (rte_pktmbuf_headroom(m) >=
		GW_ROOM_OUTER + gw_gre_len(t->checksum, t->has_key, t->sequence))
		return true;
	if (rte_pktmbuf_tailroom(m) < GW_ROOM_STEP + GW_PKT_TAILROOM)
		return false;
	memmove(rte_pktmbuf_mtod_offset(m, uint8_t *, GW_ROOM_STEP), rte_pktmbuf_mtod(m, uint8_t *),
		m->data_len);
	m->data_off += GW_ROOM_STEP;
	return true;
}

#endif
