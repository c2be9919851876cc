/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_SHOW_FMT_H
#define GW_SHOW_FMT_H

/* Objects of `raclette show` on paper. Pure. */

#include <stddef.h>
#include <stdio.h>

#include "conf.h"

/** An array of objects; counts are numbers, flags are true and false, the rest is text. */
void gw_show_json(FILE *f, struct conf *const *objects, size_t n);

/** A table with the columns that people want first. */
void gw_show_table(FILE *f, const char *what, struct conf *const *objects, size_t n);

#endif
