/* SPDX-License-Identifier: BSD-3-Clause */
#include "drop.h"

#define NAME(sym, name, text) name,
#define TEXT(sym, name, text) text,
static const char *const names[] = {GW_DROP_REASONS(NAME)};
static const char *const texts[] = {GW_DROP_REASONS(TEXT)};

const char *
gw_drop_name(enum gw_drop reason)
{
	return (unsigned int)reason < GW_DROP_N ? names[reason] : "unknown";
}

const char *
gw_drop_text(enum gw_drop reason)
{
	return (unsigned int)reason < GW_DROP_N ? texts[reason] : "unknown";
}
