/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_STAGE_H
#define GW_STAGE_H

/*
 * The stages between ESP and the hand-off, over bursts of single-segment mbufs. Context: the worker
 * that owns the tunnels of the burst. They never block or log.
 *
 * inside -> gw_out_prepare -> gw_esp_out -> [gw_ip6_fragment_outer] -> link header -> port
 * port -> gw_classify -> gw_esp_in -> gw_gre_in -> hand-off
 */

#include <stdint.h>

#include "pkt.h"
#include "tunnel.h"

/**
 * Take GRE off a burst and make the inner packets fit for the hand-off.
 *
 * Entry:  as gw_esp_in() leaves it: data at the GRE header, pkt sa_in and outer_tc set.
 * Return: good ones first, in order: data at the inner IP header and as long as that says, ECN merged
 *         (RFC 6040), MSS clamped, pkt tunnel set, counted in the tunnel's rx. The rest
 *         follow, each with its drop reason; pkt tunnel is NULL if no tunnel was found.
 * Checksum: one that is there must be right; a tunnel with checksum wants one. Sequence (RFC 2890):
 * looked at by a tunnel with sequence only, which drops what is not newer than the last.
 * tunnel->drops is left to whoever frees the refused.
 *
 * @param n  1..GW_BURST_MAX
 * @return number of good packets
 */
uint16_t gw_gre_in(struct rte_mbuf **pkts, uint16_t n);

#define GW_OUT_MAX	(8 * GW_BURST_MAX) /* a burst after fragmentation: of 9000 bytes each for an MTU of 1280 */
#define GW_IP6_MIN_MTU	1280		   /* RFC 8200 5 */

/** What becomes of a burst from the inside. */
struct gw_out {
	struct rte_mempool *pool; /* set by the caller: for fragments and ICMP errors */
	uint16_t n_ready, n_reply, n_refused;
	struct rte_mbuf *ready[GW_OUT_MAX];	/* for gw_esp_out(), at most GW_BURST_MAX at a time */
	struct rte_mbuf *reply[GW_BURST_MAX];	/* to be written to the hand-off of pkt tunnel */
	struct rte_mbuf *refused[GW_BURST_MAX]; /* to be freed, each with its drop reason */
};

/**
 * Make packets from the inside ready for gw_esp_out(): size, MSS, GRE.
 *
 * Entry:  data at the inner IP header, GW_PKT_HEADROOM in front, pkt tunnel set, sa_out set (it is
 *         carried over to fragments).
 * Return: o filled anew; all of pkts went there or were freed (those that became fragments).
 *         ready: data at the GRE header, pkt inner_tc, flow_hash and outer_frag set,
 *         counted in the tunnel's tx; order kept.
 * Larger than the tunnel's MTU: IPv4 without DF is fragmented before encryption; IPv4 with DF and
 * IPv6 are refused and the sender is told the MTU (RFC 1191, RFC 4443), unless the rate limit or the
 * packet forbids it. An IPv4 error comes from the refused packet's own destination on an interface: Linux
 * takes no packet from one that claims an address of its own or one that it would not route
 * there (rp_filter). On a wire it comes from tunnel->addr4, else from 192.0.0.8 (RFC 7600).
 * An IPv6 packet of at most 1280 bytes is always carried (RFC 7676 3): beyond the tunnel's MTU it is
 * marked outer_frag, see gw_ip6_fragment_outer(); no Packet Too Big ever names less than 1280.
 * tunnel->drops is left to whoever frees the refused.
 *
 * @param n  1..GW_BURST_MAX
 */
void gw_out_prepare(struct gw_out *o, struct rte_mbuf **pkts, uint16_t n, uint64_t now_tsc);

/** Fragmenting outer packets: one each worker. */
struct gw_frag6 {
	struct rte_mempool *pool;
	uint32_t next_id; /* start at random: strangers shall not guess it (RFC 7739) */
};

/**
 * Cut an encrypted packet with mark outer_frag into fragments (RFC 8200 4.5), so that an inner IPv6
 * packet of 1280 bytes passes where the tunnel's MTU is below that. Nothing else is ever fragmented
 * outside ESP.
 *
 * Entry:  data at the outer IPv6 header, which no extension header follows; complete.
 * Return: each of out as m was, pkt data copied; m is freed, or is out[0] if it fits into mtu as it is.
 *
 * @param mtu  of the path; GW_IP6_MIN_MTU always does
 * @return number of fragments, or 0 when cap or the pool do not suffice: m is still the caller's
 */
uint16_t gw_ip6_fragment_outer(struct gw_frag6 *f, struct rte_mbuf *m, uint16_t mtu,
	struct rte_mbuf **out, uint16_t cap);

#endif
