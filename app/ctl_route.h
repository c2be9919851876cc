/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_CTL_ROUTE_H
#define GW_CTL_ROUTE_H

/*
 * The forwarding stage's routes and neighbours, kept in step with the kernel's over rtnetlink.
 *
 * A change of routes, addresses or links makes the routing tables be read again, in pieces between control's other
 * work: the kernel does not tell everything (IPv4 routes that go with their interface or address), and what it
 * tells of replacements can be read in two ways. Neighbours follow the messages one by one, and are read again when
 * some were lost (ENOBUFS). Unresolved next hops of the workers are the kernel's to ask for, and so are those in
 * use that it has not heard of for a while. Context: control thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "ctl_tunnel.h"
#include "inside.h"

struct gw_routes;

/** @return NULL after logging why; what workers see is empty until gw_routes_tick() has run for a while */
struct gw_routes *gw_routes_create(struct gw_inside *in, const struct gw_tunnels *ts);
/** NULL is fine. */
void gw_routes_destroy(struct gw_routes *r);

/** Once a round. Never blocks. */
void gw_routes_tick(struct gw_routes *r, uint64_t now_ms);

struct gw_routes_stats {
	unsigned int prefixes, neighbours;
	uint64_t readings; /* of the kernel's tables */
	uint64_t resyncs;  /* messages were lost */
	uint64_t refused;  /* routes that have no place */
};
void gw_routes_get_stats(const struct gw_routes *r, struct gw_routes_stats *st);

/** For `show neighbours`: state is the kernel's, NUD_*; IPv4 is mapped into IPv6. */
void gw_routes_walk_neigh(const struct gw_routes *r,
	void (*cb)(void *arg, const struct in6_addr *addr, const uint8_t mac[6], uint16_t state), void *arg);

#endif
