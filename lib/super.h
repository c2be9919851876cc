/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_SUPER_H
#define GW_SUPER_H

/*
 * TCP super-packets and mbufs, whatever way they come from and go to the kernel (tun.h, vuser.h): gso.h and
 * gro.h know bytes only. Context: the worker that owns the object.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "gro.h"
#include "gso.h"
#include "pkt.h"

/* Longest packet there can be: an IPv6 header and 65535 bytes. */
#define GW_SUPER_MAX (40 + 65535)

/** A super-packet in hand, and how far it has been given out. All zero: none. */
struct gw_super {
	struct gw_gso gso; /* it is cut so */
	unsigned int next; /* segment that goes next */
	uint8_t p[GW_SUPER_MAX + 1]; /* one byte more, which tells that something is longer */
};

/** What an mbuf takes of an inner packet. */
static inline size_t
gw_super_room(const struct rte_mbuf *m)
{
	return (size_t)m->buf_len - GW_PKT_HEADROOM - GW_PKT_TAILROOM;
}

/** Some segments are not given out yet. */
static inline bool
gw_super_is_pending(const struct gw_super *s)
{
	return s->next < s->gso.n_segs;
}

/**
 * Check the super-packet in s->p.
 * @param room  gw_super_room() of the mbufs to come
 * @return false when it may not be cut, or its segments are longer than that: nothing is pending
 */
bool gw_super_open(struct gw_super *s, const struct virtio_net_hdr *v, size_t len, size_t room);

/**
 * Its next segments, in order, as many as n and the pool have room for: the data at the IP header,
 * GW_PKT_HEADROOM in front, pkt data zero but for t.
 * @param m     an mbuf for the first of them, of gw_pkt_alloc(); NULL: all come from pool
 * @param pkts  [out]
 * @return how many
 */
uint16_t gw_super_segments(struct gw_super *s, struct rte_mempool *pool, struct gw_tunnel *t,
	struct rte_mbuf *m, struct rte_mbuf **pkts, uint16_t n);

/** Coalesce a burst: gw_gro_init(), and gw_gro_add() of each. @param n  at most GW_BURST_MAX */
void gw_super_coalesce(struct gw_gro *g, struct rte_mbuf *const *pkts, uint16_t n);

/** As one of a write goes, all go: the packets of o have this drop reason from now on. */
void gw_super_settle(const struct gw_gro *g, const struct gw_gro_out *o, struct rte_mbuf **pkts,
	enum gw_drop reason);

#endif
