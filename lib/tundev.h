/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_TUNDEV_H
#define GW_TUNDEV_H

/* /dev/net/tun, behind TUN and TAP interfaces alike. */

#include "drop.h"

/**
 * Create interface name, or attach to it. Control.
 * @param flags  IFF_TUN or IFF_TAP, and more for TUNSETIFF
 * @return descriptor, non-blocking, or -errno: -EEXIST when name is an interface of another kind
 */
int gw_tundev_open(const char *name, int flags);

/** Why a packet could not be written. Worker. */
enum gw_drop gw_tundev_write_error(int error);

#endif
