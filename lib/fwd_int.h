/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_FWD_INT_H
#define GW_FWD_INT_H

/* Inside of the forwarding stage: fwd.c decides, fwd_port.c is what goes to the port. */

#include "fwd.h"
#include "inner.h"
#include "tunnel.h"

static inline void
gw_fwd_refuse(struct gw_fwd *f, struct rte_mbuf *m, enum gw_drop reason)
{
	gw_pkt_refuse(m, reason);
	f->refused[f->n_refused++] = m;
}

/** Refuse it and tell its sender, where that is allowed. */
void gw_fwd_refuse_told(struct gw_fwd *f, struct rte_mbuf *m, enum gw_drop reason, enum gw_icmp what,
	uint16_t mtu);

/** An IP packet to a next hop on the port's link, in pieces where it is larger than the port's MTU. */
void gw_fwd_send(struct gw_fwd *f, struct rte_mbuf *m, const struct in6_addr *hop);

/** Send what waits for a next hop that is known now, give up what has waited too long. */
void gw_fwd_settle_waiting(struct gw_fwd *f);

#endif
