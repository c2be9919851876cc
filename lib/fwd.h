/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_FWD_H
#define GW_FWD_H

/*
 * The forwarding stage: between the inside port and the tunnels, and from tunnel to tunnel, by the kernel's
 * routes (fib.h) and neighbours (neigh.h) but without the kernel. What a router owes (RFC 1812, RFC 8200):
 * TTL, MTU, ICMP errors; what is for this host, multicast and ARP goes to the kernel.
 * Context: one each worker. Never blocks, logs, or calls the system.
 *
 * There is no way from here to the outside port: to_tunnel is what gw_out_prepare() and gw_esp_out() take.
 */

#include <netinet/in.h>
#include <stdint.h>

#include <rte_mempool.h>
#include <rte_ring.h>

#include "fib.h"
#include "icmp_limit.h"
#include "neigh.h"
#include "pkt.h"
#include "tunnel_cfg.h"

#define GW_FWD_MAX	   (11 * GW_BURST_MAX) /* frames to the port: a burst in fragments, as GW_OUT_MAX, and what has waited */
#define GW_FWD_PUNT_MAX	   16		      /* frames of one burst that the kernel is given, each a system call: of the
					       * host's own traffic, and as many of what keeps the link going */
#define GW_FWD_WAIT_HOSTS  32		      /* next hops that are waited for; the oldest gives way */
#define GW_FWD_WAIT_PKTS   4		      /* packets that wait for one; the oldest gives way */
#define GW_FWD_WAIT_MS	   3000		      /* the kernel asks three times, a second apart */
#define GW_FWD_ASKS	   256		      /* of the ring to control */

/** A next hop whose MAC is not known, and what waits for it. */
struct gw_fwd_wait {
	struct in6_addr addr;
	uint64_t since_tsc;
	uint16_t n; /* 0 = unused */
	struct rte_mbuf *pkts[GW_FWD_WAIT_PKTS];
};

struct gw_fwd {
	/* set by the caller */
	const struct gw_fib *fib;
	const struct gw_neigh_tab *neigh;
	struct rte_ring *asks;	  /* of struct in6_addr: control shall have the kernel resolve them */
	struct rte_mempool *pool; /* for fragments and ICMP errors */
	uint8_t mac[6];		  /* of the port */
	uint16_t mtu;		  /* of the port */
	enum gw_source_check source_check; /* of what comes from the port */
	uint64_t tsc_per_ms;

	/* what became of the last call's packets; the caller takes them all */
	uint16_t n_port, n_tunnel, n_kernel, n_refused;
	struct rte_mbuf *to_port[GW_FWD_MAX]; /* frames */
	struct rte_mbuf *to_tunnel[2 * GW_BURST_MAX];
	struct rte_mbuf *to_kernel[GW_BURST_MAX]; /* as they came: frames from the port, inner packets from tunnels */
	struct rte_mbuf *refused[2 * GW_FWD_WAIT_HOSTS * GW_FWD_WAIT_PKTS]; /* each with its drop reason */

	/* its own */
	const struct gw_fib_view *view; /* of this call */
	uint64_t now_tsc;
	uint16_t n_punted[2], n_own; /* of the host's own traffic, of what keeps the link going */
	struct rte_mbuf *own[GW_FWD_WAIT_HOSTS * GW_FWD_WAIT_PKTS]; /* ICMP errors, to be routed */
	struct gw_icmp_limit icmp; /* of errors that answer packets from the port; tunnels have theirs */
	uint16_t n_waiting;
	struct gw_fwd_wait wait[GW_FWD_WAIT_HOSTS];
};

/**
 * Frames of the port.
 *
 * Entry:  as received, single-segment.
 * Return: to_port, to_tunnel (data at the inner IP header, pkt zero but for tunnel and routed), to_kernel
 *         (the frame untouched) and refused, filled anew.
 * Frames for another MAC, and unicast IP in a broadcast, are refused.
 *
 * @param n  1..GW_BURST_MAX
 */
void gw_fwd_from_port(struct gw_fwd *f, struct rte_mbuf **frames, uint16_t n, uint64_t now_tsc);

/**
 * Inner packets of tunnels, as gw_gre_in() leaves them; pkt tunnel says whose, and to_kernel is in order, so
 * that packets of a tunnel stay together. The rest as gw_fwd_from_port().
 * @param n  1..GW_BURST_MAX
 */
void gw_fwd_from_tunnel(struct gw_fwd *f, struct rte_mbuf **pkts, uint16_t n, uint64_t now_tsc);

/** What waited and can go, or has waited too long. Results as above. */
void gw_fwd_settle(struct gw_fwd *f, uint64_t now_tsc);

/** Free what waits; at the end. */
void gw_fwd_fini(struct gw_fwd *f);

#endif
