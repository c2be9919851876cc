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
 * Lay those of every tunnel's addresses and routes; those that are there stay. Control, before anything that
 * may fail or take its time.
 * @return 0, or -errno after logging why
 */
int gw_guard_lay(const struct gw_cfg *cfg, struct gw_netif *netif);

#endif
