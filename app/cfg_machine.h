/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_CFG_MACHINE_H
#define GW_CFG_MACHINE_H

/*
 * A configuration against the machine that this runs on. Apart from the rest, for a file may be checked on
 * another machine than the one that it is meant for.
 */

#include "cfg.h"

/** Each CPU of `lcores` is there and may be used. @return 0, or -ENODEV with err filled */
int cfg_machine_check(const struct gw_cfg *cfg, struct conf_error *err);

#endif
