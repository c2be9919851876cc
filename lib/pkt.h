/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_PKT_H
#define GW_PKT_H

/*
 * What the data path knows of a packet, kept in its mbuf's private area between stages.
 * All data-path mbufs are single-segment and come from pools made with gw_pkt_pool_create().
 */

#include <assert.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "bytes.h"
#include "drop.h"

#define GW_BURST_MAX 64 /* packets in one burst, every stage */

/* Room in front of an inner packet: Ethernet + VLAN 18, IPv6 40, UDP 8, ESP 8, IV 16, inner IPv6 40,
 * GRE 16; and behind it: padding 15, trailer 2, ICV 32. */
#define GW_PKT_HEADROOM 192
#define GW_PKT_TAILROOM 64

struct gw_sa_in;
struct gw_sa_out;
struct gw_tunnel;

enum gw_routed {
	GW_ROUTED_NO,
	GW_ROUTED_ON,  /* outbound: forwarded, not from the tunnel's own hand-off */
	GW_ROUTED_OWN, /* inside the stage: an error of its own */
};

struct gw_pkt {
	union {
		struct gw_sa_in *sa_in;	  /* inbound: from SPI look-up on */
		struct gw_sa_out *sa_out; /* outbound: from gw_out on */
		struct rte_mbuf *next;	  /* while it waits for its SA (early.h) */
	};
	struct gw_tunnel *tunnel; /* inbound: from GRE on; outbound: always */
	union {
		uint64_t seq;	    /* inbound: ESP sequence number, 64 bits */
		uint64_t since_tsc; /* while it waits for its SA */
	};
	uint16_t l3_off;	  /* outer IPv6 header, from data start */
	uint16_t l4_off;	  /* first header that is no extension header, from data start */
	uint16_t drop;		  /* enum gw_drop, set by the stage that refuses the packet */
	uint8_t outer_tc;	  /* traffic class of the outer header (tunnel mode: of the inner IPv6 too) */
	uint8_t inner_tc;	  /* outbound: TOS or traffic class of the inner packet */
	uint8_t udp_encap;	  /* inbound: ESP came in UDP */
	uint8_t outer_frag;	  /* outbound: 1 = may be cut to 1280 after encryption (stage.h) */
	uint8_t routed;		  /* enum gw_routed: by the forwarding stage (fwd.h) */
	uint32_t flow_hash;	  /* outbound: hash of inner addresses, for flowlabel = flow */
};
static_assert(sizeof(struct gw_pkt) <= 64, "one cache line");

static inline struct gw_pkt *
gw_pkt(struct rte_mbuf *m)
{
	return rte_mbuf_to_priv(m);
}

/**
 * Forget what a port said of a packet on receive: on transmit it would mean something else. What says how the
 * buffer is to be freed stays.
 */
static inline void
gw_pkt_clear_flags(struct rte_mbuf *m)
{
	m->ol_flags &= RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_INDIRECT;
}

/** The SPI of an inbound ESP packet, which has to have one: four bytes from l4_off on. */
static inline uint32_t
gw_pkt_spi(struct rte_mbuf *m)
{
	return gw_get32(rte_pktmbuf_mtod_offset(m, const uint8_t *, gw_pkt(m)->l4_off));
}

static inline void
gw_pkt_refuse(struct rte_mbuf *m, enum gw_drop reason)
{
	gw_pkt(m)->drop = (uint16_t)reason;
}

/** An empty mbuf with GW_PKT_HEADROOM in front and pkt data zero. @return NULL when pool is empty */
static inline struct rte_mbuf *
gw_pkt_alloc(struct rte_mempool *pool)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	if (m != NULL) {
		m->data_off = GW_PKT_HEADROOM;
		*gw_pkt(m) = (struct gw_pkt){0};
	}
	return m;
}

/**
 * Stable partition by drop reason: the good ones first, the refused behind them.
 * @param n  at most GW_BURST_MAX
 * @return number of good ones
 */
static inline uint16_t
gw_pkt_partition(struct rte_mbuf **pkts, uint16_t n)
{
	struct rte_mbuf *bad[GW_BURST_MAX];
	uint16_t i, n_good = 0, n_bad = 0;

	for (i = 0; i < n; i++) {
		if (gw_pkt(pkts[i])->drop == GW_DROP_NONE)
			pkts[n_good++] = pkts[i];
		else
			bad[n_bad++] = pkts[i];
	}
	for (i = 0; i < n_bad; i++)
		pkts[n_good + i] = bad[i];
	return n_good;
}

/**
 * A pool whose mbufs take a frame of max_frame bytes with GW_PKT_HEADROOM and GW_PKT_TAILROOM
 * around it. Control, at start.
 * @return NULL with rte_errno set
 */
struct rte_mempool *gw_pkt_pool_create(const char *name, unsigned int n, unsigned int max_frame,
	int socket);

#endif
