/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_CTL_BALANCE_H
#define GW_CTL_BALANCE_H

/*
 * Which worker owns which tunnels: new SAs go to the one with the least to do, and once a second
 * one group of tunnels may move (balance.h). Context: control thread only.
 */

#include <stdint.h>

#include "ctl_tunnel.h"
#include "worker.h"

struct gw_balance;

/** All borrowed; workers are looked at from the first tick on. @return NULL without memory */
struct gw_balance *gw_balance_create(struct gw_plane *plane, struct gw_tunnels *tunnels,
	struct gw_worker **workers);
void gw_balance_destroy(struct gw_balance *b); /* NULL is fine */

/** A group of tunnels gets its first SA. */
void gw_balance_place(struct gw_balance *b, struct gw_demux *demux);
void gw_balance_tick(struct gw_balance *b, uint64_t now_ms);

/** Percent of the last second in which a worker had something to do. */
unsigned int gw_balance_busy(const struct gw_balance *b, unsigned int worker);

#endif
