/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_HANDOFF_H
#define GW_HANDOFF_H

/*
 * How inner packets come and go: chosen once per tunnel. A TUN (tun.h) is read when its descriptor
 * is ready; an ethdev (wire.h, vuser.h), and memory in benchmarks, are polled. Context: the owner worker.
 */

#include <stdint.h>

#include <rte_mbuf.h>

struct gw_tunnel;

struct gw_handoff_ops {
	/**
	 * Take up to n packets. NULL for a hand-off that is not polled.
	 * Return: good ones first: data at the inner IP header, room in front for all that goes
	 *         there for its tunnel (GW_PKT_HEADROOM at most), pkt zero but for tunnel, which
	 *         need not be t: an interface may serve many. *refused packets follow, each with
	 *         its drop reason.
	 * @return number of good packets
	 */
	uint16_t (*read)(struct gw_tunnel *t, struct rte_mbuf **pkts, uint16_t n, uint16_t *refused);
	/**
	 * Give n packets away. The rest are moved to the front with their drop reason.
	 * @return how many it took
	 */
	uint16_t (*write)(struct gw_tunnel *t, struct rte_mbuf **pkts, uint16_t n);
};

#endif
