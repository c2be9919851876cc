/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_CTL_RIB_H
#define GW_CTL_RIB_H

/*
 * The kernel's routes as the forwarding stage needs them: one for each prefix. A reading of the kernel's tables
 * goes from rib_begin() to rib_end(), which tells what is different from the reading before. Pure: no DPDK, no
 * system call. Context: control thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "lib/netif.h"
#include "lib/rtnl.h"

enum rib_kind { RIB_LOCAL, RIB_BLACKHOLE, RIB_UNREACH, RIB_PROHIBIT, RIB_LINK, RIB_VIA, RIB_TUNNEL };

/** Where a prefix leads. */
struct rib_hop {
	enum rib_kind kind;
	uint32_t tunnel;     /* TUNNEL: as rib_ops says */
	struct in6_addr via; /* VIA; IPv4 mapped into IPv6 */
};

struct rib_ops {
	void *arg;
	/** What an interface is: the inside port's, a tunnel's (*tunnel is set), or another's. */
	enum rib_if { RIB_IF_OTHER, RIB_IF_INSIDE, RIB_IF_TUNNEL } (*ifkind)(
		void *arg, uint32_t ifindex, uint32_t *tunnel);
	/**
	 * A prefix leads to hop from now on, not to was; NULL: there is, was, no route.
	 * @return AGAIN: say it at the next reading; REFUSED: hop has no place, the prefix is unreachable (and
	 *         so is the next was): it is said again when others have gone or lead elsewhere
	 */
	enum rib_said { RIB_AGAIN, RIB_TAKEN, RIB_REFUSED } (*changed)(void *arg, const struct gw_prefix *dst,
		const struct rib_hop *was, const struct rib_hop *hop);
};

struct rib;

struct rib *rib_create(const struct rib_ops *ops); /* NULL without memory */
void rib_destroy(struct rib *rib);

/** A reading begins: what has been put in since the last end is forgotten. */
void rib_begin(struct rib *rib);
/**
 * A route of the kernel's. Of several for a prefix the local table's is best, then the lowest metric, then the
 * first; of several next hops the first one whose interface is up and forwarded to. A route none of whose
 * interfaces is up comes last, and is unreachable. Tables other than local
 * and main, to which rules of the operator's lead, are left alone.
 * @return 0 or -ENOMEM: then the reading is not complete, and shall not be ended
 */
int rib_put(struct rib *rib, const struct gw_rtnl_route *r);
/** The reading is complete. @return prefixes that have a route */
unsigned int rib_end(struct rib *rib);

/** Prefixes that were refused. */
unsigned int rib_refused(const struct rib *rib);

/** An address of ours on the inside interface by the last reading; IPv6: one that is not link-local. */
bool rib_source(const struct rib *rib, uint8_t family, uint8_t addr[16]);

#endif
