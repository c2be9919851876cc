/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_INSIDE_H
#define GW_INSIDE_H

/*
 * The inside port of tunnels with handoff = port, and its twin in the kernel: a TAP interface with the port's MAC,
 * whose addresses, routes and neighbours the kernel keeps. What is for the kernel goes between the two as it is.
 */

#include <stdbool.h>

#include "lib/fib.h"
#include "lib/neigh.h"
#include "lib/netif.h"

#include "cfg.h"
#include "port.h"

struct gw_rcu;

struct gw_inside {
	/* set by gw_inside_open(), then read-only */
	const struct gw_inside_cfg *cfg;
	struct gw_port port;
	int twin; /* its descriptor: read and written by the worker that has the port; -1 = none */
	int ifindex; /* of the twin */
	struct gw_fib *fib;	   /* control writes, workers read; each with a rule of its own */
	struct gw_neigh_tab *neigh;
	struct rte_ring *asks; /* workers put, control takes: addresses to be resolved */
	/* control only */
	struct gw_netif *netif;
	bool carrier; /* of the twin */
	uint64_t link_due_ms;
};

/**
 * Start the port, make the twin. A kernel interface beneath the port (af_packet) is told to keep out of IP: it gets
 * every frame too, and would answer or forward what is ours.
 * @return NULL after logging why
 */
struct gw_inside *gw_inside_open(const struct gw_inside_cfg *cfg, struct rte_mempool *pool, struct gw_rcu *rcu,
	struct gw_netif *netif, int socket);
/** Now and then: the twin's carrier is the port's link. Control. */
void gw_inside_tick(struct gw_inside *in, uint64_t now_ms);
/** No worker runs. Port and twin go. NULL is fine. */
void gw_inside_close(struct gw_inside *in);
/** After gw_rcu_destroy(): what was retired may be of its tables. NULL is fine. */
void gw_inside_destroy(struct gw_inside *in);

#endif
