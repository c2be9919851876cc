/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_CTL_HOST_H
#define GW_CTL_HOST_H

/*
 * What neighbour discovery and IKE ask of control: struct nd_ops and struct ike_host. Frames go to a
 * worker's ring, SAs to ctl_sa, events to the log, the control socket and the updown helper.
 */

#include <stdbool.h>

#include "ctl.h"

/** Create the state machines and wire them up. @return 0, -errno after logging why */
int gw_host_open(struct gw_ctl *c);
/** Take them down, in the reverse order; workers have ended. */
void gw_host_close(struct gw_ctl *c);

/** Show workers and the port which addresses are ours now. */
void gw_host_publish_local(struct gw_ctl *c);

#endif
