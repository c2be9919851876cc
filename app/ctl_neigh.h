/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_CTL_NEIGH_H
#define GW_CTL_NEIGH_H

/* The kernel's neighbours on one interface, as control remembers them; workers see the usable ones (lib/neigh.h). */

#include <stdint.h>

#include "lib/neigh.h"
#include "lib/rtnl.h"

struct ctl_neigh;

/** @param tab  what workers see; @param ifindex  others' neighbours are not looked at */
struct ctl_neigh *ctl_neigh_create(struct gw_neigh_tab *tab, uint32_t ifindex);
void ctl_neigh_destroy(struct ctl_neigh *c); /* NULL is fine */

/** What a message said. @return 0 or -ENOMEM */
int ctl_neigh_put(struct ctl_neigh *c, const struct gw_rtnl_neigh *n);
/** A reading of them all: what is not put in between is gone. */
void ctl_neigh_begin(struct ctl_neigh *c);
void ctl_neigh_end(struct ctl_neigh *c);

/** Those that workers used since the last call, and the kernel has not heard of for a while (NUD_STALE). */
void ctl_neigh_stale(struct ctl_neigh *c, void (*cb)(void *arg, const struct in6_addr *addr), void *arg);

unsigned int ctl_neigh_count(const struct ctl_neigh *c);
void ctl_neigh_walk(const struct ctl_neigh *c,
	void (*cb)(void *arg, const struct in6_addr *addr, const uint8_t mac[6], uint16_t state), void *arg);

#endif
