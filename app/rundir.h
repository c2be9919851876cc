/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_RUNDIR_H
#define GW_RUNDIR_H

/* DPDK's runtime directories, one per process, which DPDK makes and never removes. */

#include <stdbool.h>

/**
 * Remove a runtime directory with DPDK's files. Nothing is removed when anything else is in it, or a
 * process still serves a socket there and force is not set.
 * @return 0, -errno: -ENOTEMPTY, -EBUSY
 */
int gw_rundir_remove(const char *path, bool force);

/**
 * Remove the directories raclette-PID in base of processes that are no more.
 * @return how many
 */
unsigned int gw_rundir_sweep(const char *base);

#endif
