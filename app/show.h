/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_SHOW_H
#define GW_SHOW_H

/* `raclette show`: a client of the control socket. No EAL. */

#include <stdbool.h>

#define GW_SHOW_SOCKET "/run/raclette/vici.sock"

/** True when there is something of that name to show. */
bool gw_show_known(const char *what);

/**
 * Ask a running gateway and print: a table, or an array of objects.
 * @param path  of the socket, "unix://" in front or not; NULL: GW_SHOW_SOCKET
 * @return exit status, after saying what is wrong
 */
int gw_show(const char *what, const char *path, bool json);

#endif
