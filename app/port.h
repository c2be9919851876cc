/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_PORT_H
#define GW_PORT_H

/* The outside port, and those of tunnels: any ethdev. Control sets it up; workers use rx_burst and tx_burst on their queue. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_mempool.h>

#include "cfg.h"
#include "lib/netif.h"

#define GW_PORT_MCAST_MAX 64
#define GW_PORT_BAD_MAX	  128 /* counters of faults: a few of each queue */

#define GW_VUSER_TX_DESC 512  /* of a virtio-user port; each may hold 7 buffers */
#define GW_VUSER_MBUFS	 4608 /* that its rings may hold */

/** What befell a port. */
enum gw_port_fault {
	GW_PORT_SICK = 1, /* its driver wants it reset */
	GW_PORT_GONE = 2, /* pulled out */
};

struct gw_port {
	/* set by gw_port_open(), then read-only; gw_port_reset() sets some of it anew while no worker runs */
	uint16_t id;
	char name[64];	 /* DPDK's */
	char driver[64]; /* "net_af_packet" */
	char ifname[IF_NAMESIZE]; /* kernel interface beneath, "" = none */
	struct rte_ether_addr mac;
	uint16_t mtu;
	uint16_t vlan; /* 0 = untagged */
	uint16_t n_rx_queues, n_tx_queues; /* the first workers have one each, 1 at least */
	bool rx_csum;  /* the port verifies UDP checksums and says so */
	/* control only */
	int claim; /* on the interface beneath; -1 = there is none */
	bool started;
	bool made; /* by us, and so unmade: virtio_user */
	bool offload; /* of that */
	bool wire; /* everything on the wire is received */
	bool down; /* from a fault on until it is reset: nothing is asked of it */
	const char *mcast; /* how multicast is received: "filter", "all", "promiscuous" */
	unsigned int n_workers;
	struct rte_mempool *pool;
	struct gw_netif *netif;
	uint64_t resets;
	unsigned int n_bad;
	uint64_t bad_ids[GW_PORT_BAD_MAX], bad; /* counters of faults, and their sum when last looked at */
	/* any thread sets, control takes */
	_Atomic(uint32_t) faults; /* bits of enum gw_port_fault */
};

/**
 * Configure and start the port with one receive and one transmit queue per worker, as far as it has them.
 *
 * A kernel interface beneath (af_packet, af_xdp) is refused when the kernel owns one of the outside
 * addresses too: it would answer ESP and IKE with errors of its own.
 *
 * @return 0, or -errno after logging why
 */
int gw_port_open(struct gw_port *port, const struct gw_outside_cfg *cfg, unsigned int n_workers,
	struct rte_mempool *pool, struct gw_netif *netif);
/** The same for a tunnel's hand-off port: one queue each way, everything on the wire received. */
int gw_port_open_wire(struct gw_port *port, const char *spec, uint16_t mtu,
	struct rte_mempool *pool, struct gw_netif *netif);
/**
 * Make the TAP interface of a tunnel with handoff = virtio-user, and the ethdev that vhost-net serves it by.
 * @param offload  with LRO, TSO and TCP and UDP checksums
 */
int gw_port_open_vuser(struct gw_port *port, const char *interface, bool offload, struct rte_mempool *pool);
/** Workers have ended. A port that never opened is fine. */
void gw_port_close(struct gw_port *port);

/** Now and then: faults that the driver counts and says nothing of (port_fault.c). */
void gw_port_look(struct gw_port *port);
/** @return what befell the port since it was last asked: bits of enum gw_port_fault */
uint32_t gw_port_faults(struct gw_port *port);
/**
 * Reset the device and start it as gw_port_open...() did. No worker runs. Multicast addresses are for the caller to
 * set again.
 * @return 0, or -errno after logging why; then the port is down still
 */
int gw_port_reset(struct gw_port *port);

/** Receive these multicast MACs: by filter, else all multicast, else everything. */
void gw_port_set_mcast(struct gw_port *port, uint8_t (*macs)[6], unsigned int n);

/** Wait for the link, at most ms. @return true when it is up */
bool gw_port_link_wait(const struct gw_port *port, unsigned int ms);

#endif
