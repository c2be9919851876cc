/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_GUARD_H
#define GW_GUARD_H

/*
 * Guard routes: what is behind a tunnel meets an unreachable route whenever the tunnel's own one is not
 * there, never another route of the host. They outlive the process.
 */

#include "lib/netif.h"

#include "cfg.h"

/**
 * What is routed for a prefix: its network, or the two halves of everything. A default route would lose its
 * traffic to the operator's own one as soon as its interface is gone, for no guard of the same length is better
 * than that.
 * @return how many
 */
unsigned int gw_guard_nets(const struct gw_prefix *p, struct gw_prefix nets[2]);

/**
 * Lay those of every tunnel's addresses and routes; those that are there stay. Control, before anything that
 * may fail or take its time.
 * @return 0, or -errno after logging why
 */
int gw_guard_lay(const struct gw_cfg *cfg, struct gw_netif *netif);

#endif
