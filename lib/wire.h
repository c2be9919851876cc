/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_WIRE_H
#define GW_WIRE_H

/*
 * An ethdev in place of a TUN: a wire between whoever sits on that port, usually a router, and the
 * far end of the tunnel. The two are neighbours; raclette is the wire and takes nothing off the TTL.
 * Ethernet exists on this side only: the neighbour's MAC is learned from its frames, and every address
 * that it asks for (ARP, neighbour solicitation) is at ours. Context: the owner worker.
 */

#include "tunnel.h"

/**
 * Received frames lose their Ethernet header; what was ARP or neighbour discovery is answered and gone.
 * GW_DROP_WIRE_FRAME: neither that nor an inner packet to us.
 */
extern const struct gw_handoff_ops gw_wire_handoff;

#endif
