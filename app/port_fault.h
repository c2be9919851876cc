/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_PORT_FAULT_H
#define GW_PORT_FAULT_H

/* What a port's driver says when the device does not work any more. */

#include "port.h"

/** The port has been started: hear of its faults from now on. Again after each reset. */
void gw_port_watch(struct gw_port *port);
void gw_port_unwatch(struct gw_port *port);

#endif
