/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_RUN_H
#define GW_RUN_H

/* `raclette run`: everything is made, runs, and is taken down in the reverse order. */

#include <stdbool.h>

#include "cfg.h"

struct updown;

/**
 * Run a configuration until a signal ends it, or a port is lost.
 * @param path where cfg is from: certificates are read again from there (ctl_certs.h)
 * @return 0, or -errno after logging why
 */
int gw_run(struct gw_cfg *cfg, const char *path, struct updown *updown, bool telemetry);

/** Fork the helper for updown commands: first thing, it must know nothing. @return NULL after logging */
struct updown *gw_run_helper(void);
void gw_run_helper_stop(struct updown *updown);

#endif
