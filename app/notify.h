/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_NOTIFY_H
#define GW_NOTIFY_H

/**
 * Tell who started us, if that is a systemd that wants to know (sd_notify(3)): "READY=1", "STOPPING=1". Control.
 * @return 0, also when nobody asked; -errno
 */
int gw_notify(const char *state);

#endif
