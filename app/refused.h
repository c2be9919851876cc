/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_REFUSED_H
#define GW_REFUSED_H

#include "lib/netif.h"

/**
 * Log, if rc is negative, what the kernel refused about an interface, with its own words where it has any.
 * @param area  of the log line
 * @return rc
 */
int gw_refused(const struct gw_netif *netif, const char *area, const char *name, const char *what, int rc);

#endif
