/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_CTL_VICI_H
#define GW_CTL_VICI_H

/*
 * The control socket: a server of strongSwan's VICI protocol with commands of our own behind
 * `raclette show`. Every buffer is bounded; a client that does not read is dropped. Context: control
 * thread only, never blocks.
 */

#include <poll.h>
#include <stdint.h>

#include "ike/host.h"

#define GW_VICI_CLIENTS_MAX 32
#define GW_VICI_FDS_MAX	    (1 + GW_VICI_CLIENTS_MAX)

struct gw_ctl;
struct gw_vici;

/**
 * Listen on the configured path, mode 0660 and group raclette where that exists. A socket left behind
 * by a process that died is replaced, a live one is an error.
 * @param rc  [out] -errno after logging why
 */
struct gw_vici *gw_vici_create(struct gw_ctl *c, int *rc);
/** Close all connections and remove the socket. NULL is fine. */
void gw_vici_destroy(struct gw_vici *v);

/** Descriptors to poll. @return how many, at most GW_VICI_FDS_MAX */
unsigned int gw_vici_fds(const struct gw_vici *v, struct pollfd *fds);
/** Serve them after poll(); fds and n as gw_vici_fds() gave them. */
void gw_vici_io(struct gw_vici *v, const struct pollfd *fds, unsigned int n);
/** Deadlines of commands that wait. */
void gw_vici_tick(struct gw_vici *v, uint64_t now_ms);
/** What IKE reports: commands may wait for it. */
void gw_vici_event(struct gw_vici *v, const struct ike_event *ev);

#endif
