/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_NEXTHOP_H
#define GW_NEXTHOP_H

/*
 * Where an outer packet goes on the link. Control resolves (app/ctl_nd.c) and publishes a finished
 * link header; workers prepend it. A header is replaced whole and reclaimed through rcu.h.
 */

#include <stdatomic.h>
#include <stdint.h>

struct gw_l2hdr {
	uint8_t len;	 /* 14, or 18 with a VLAN tag */
	uint8_t hdr[18]; /* destination, source, [802.1Q], 0x86dd */
};

struct gw_nexthop {
	_Atomic(const struct gw_l2hdr *) l2; /* NULL: not resolved */
	_Atomic(uint32_t) used;		     /* worker sets 1 when it sent through it; control clears (NUD) */
};

#endif
