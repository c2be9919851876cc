/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_CTL_PORT_H
#define GW_CTL_PORT_H

/*
 * Ports whose device fails: their drivers' watchdogs run, and a port that asks for it is reset. Workers pause for that
 * long; nothing else is taken down, and IKE goes on, its datagrams waiting in the ring. Context: control thread only.
 */

#include <stdint.h>

#include "ctl_tunnel.h"
#include "inside.h"
#include "worker.h"

struct gw_watch;

enum gw_watch_state {
	GW_WATCH_UP,
	GW_WATCH_DOWN, /* workers pause: a port is being reset */
	GW_WATCH_LOST, /* for good; workers pause */
};

/** All borrowed. @return NULL without memory */
struct gw_watch *gw_watch_create(struct gw_port *outside, struct gw_inside *inside, struct gw_tunnels *tunnels,
	struct gw_worker **workers, unsigned int n_workers);
void gw_watch_destroy(struct gw_watch *w); /* NULL is fine */

/** Once a round, with the workers started. What multicast is received is to be set again after GW_WATCH_DOWN. */
enum gw_watch_state gw_watch_tick(struct gw_watch *w, uint64_t now_ms);

#endif
