/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_WIRE_H
#define GW_WIRE_H

/*
 * An ethdev in place of a TUN: a wire between whoever sits on that port, usually a router, and the
 * far end of the tunnel. The two are neighbours; raclette is the wire and takes nothing off the TTL.
 * Ethernet exists on this side only: the neighbour's MAC is learned from its frames, and every address
 * that it asks for (ARP, neighbour solicitation) is at ours. Context: the owner worker.
 */

#include <stdint.h>

#include <rte_mbuf.h>

#include "tunnel.h"

/**
 * Receive up to n frames from the tunnel's port.
 * Return: good ones first: data at the inner IP header, with room in front for everything that
 *         outbound stages put there, pkt zero but for tunnel. What was ARP or neighbour discovery is
 *         answered and gone; *refused packets follow, with their drop reason.
 * @return number of good packets
 */
uint16_t gw_wire_read(struct gw_tunnel *t, struct rte_mbuf **pkts, uint16_t n, uint16_t *refused);

/**
 * Send n inner packets; takes those sent. The rest are moved to the front with their drop reason.
 * @return packets sent
 */
uint16_t gw_wire_write(struct gw_tunnel *t, struct rte_mbuf **pkts, uint16_t n);

#endif
