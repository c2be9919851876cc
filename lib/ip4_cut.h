/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_IP4_CUT_H
#define GW_IP4_CUT_H

/* IPv4 fragmentation of inner packets in mbufs, over gw_ip4_fragment() of inner.h. */

#include "pkt.h"

/**
 * Cut an IPv4 packet, DF clear and as long as its header says, to mtu. All or nothing: a packet that
 * lacks a fragment is only load for the other side.
 *
 * @param m       stays the caller's
 * @param out     [out] room places: fragments in order, GW_PKT_HEADROOM in front, pkt data as m's
 * @param reason  [out] without any: OUT_FRAGS (more than room), NO_MBUF, OUT_TOO_BIG_QUIET (mtu has no
 *                room for eight bytes)
 * @return how many, or 0
 */
uint16_t gw_ip4_cut(struct rte_mempool *pool, struct rte_mbuf *m, uint16_t mtu, struct rte_mbuf **out,
	uint16_t room, enum gw_drop *reason);

#endif
