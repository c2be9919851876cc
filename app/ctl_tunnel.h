/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_CTL_TUNNEL_H
#define GW_CTL_TUNNEL_H

/*
 * Tunnel interfaces as control sees them: made at start, with addresses, routes and the guard routes
 * that keep the inside from leaking when they are gone; MTU, MSS and carrier follow the SA in use.
 * Context: control thread only.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "lib/netif.h"
#include "lib/tunnel.h"

#include "cfg.h"
#include "port.h"

struct gw_child; /* ctl_sa.c */
struct gw_binding;

/** Control's side of a tunnel. */
struct gw_tunif {
	const struct gw_tunnel_cfg *cfg;
	struct gw_tunnel *t; /* shared with workers */
	struct gw_binding *binding;
	struct gw_port port; /* with handoff = wire, in place of the interface; virtio-user: of the interface */
	int *queues;	     /* of the interface, one for each worker; NULL: t->fd alone */
	int ifindex;	     /* 0 with a wire */
	bool inner6;	 /* IPv6 addresses or routes are configured on it */
	uint16_t if_mtu; /* as the kernel has it */
	bool carrier;
};

/** A child of the configuration and the tunnels that use it: what a CHILD_SA serves. */
struct gw_binding {
	const struct ike_conn_cfg *conn;
	const struct ike_child_cfg *child;
	struct gw_demux *demux; /* outlives every SA */
	unsigned int n_tunifs;
	struct gw_tunif **tunifs;
	/*
	 * Its tunnels' traffic brings it up: by start_action, or since a dpd_action or close_action with
	 * trap was carried out. A child without start_action has it by being bound.
	 */
	bool trap;
	/* ctl_sa.c */
	LIST_HEAD(gw_children, gw_child) children; /* newest first; also those that are going */
	struct gw_child *out;	 /* sending on it, or NULL */
	uint64_t not_before_ms;	 /* traffic may ask IKE again from then on */
	uint32_t backoff_ms;
};

struct gw_tunnels {
	struct gw_netif *netif;
	unsigned int n_workers;
	uint32_t n_tunifs, n_bindings;
	struct gw_tunif *tunifs;
	struct gw_tunnel **tunnels; /* of tunifs, for workers */
	struct gw_binding *bindings; /* in the order of the configuration */
	struct gw_tunif **by_ifindex; /* those that forward, in order of ifindex */
	uint32_t n_by_ifindex;
	const struct ike_cfg *ike;
	uint32_t *first_binding; /* of each connection */
};

/**
 * Make every interface of cfg, behind its guard routes (guard.h); each comes up with the MTU of the worst case. The
 * workers own the children's tunnels in turn.
 * @return NULL after logging why; then no interface is left
 */
struct gw_tunnels *gw_tunnels_create(const struct gw_cfg *cfg, struct gw_netif *netif,
	struct rte_mempool *pool, unsigned int n_workers, int socket);
/** The interfaces go. No worker runs. NULL is fine. */
void gw_tunnels_destroy(struct gw_tunnels *ts);

/** The forwarding tunnel whose interface it is. @return false: it is none's */
bool gw_tunnels_by_ifindex(const struct gw_tunnels *ts, uint32_t ifindex, uint32_t *tunnel);

/** The binding of a child of the configuration; there is one for each. @return NULL for another's */
struct gw_binding *gw_tunnels_binding(const struct gw_tunnels *ts, const struct ike_conn_cfg *conn,
	const struct ike_child_cfg *child);

/**
 * Set the tunnel's MTU, and with it MSS and interface MTU.
 * @param max_gre  largest GRE packet, header included, that the SA and the path take
 */
void gw_tunif_set_mtu(struct gw_tunnels *ts, struct gw_tunif *tif, uint16_t max_gre);

/** An SA is there, or not: the interface's carrier follows when carrier = sa. */
void gw_tunif_set_sa(struct gw_tunnels *ts, struct gw_tunif *tif, bool up);

#endif
