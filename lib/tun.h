/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_TUN_H
#define GW_TUN_H

/*
 * The hand-off descriptor: a TUN interface without packet information header, non-blocking, not
 * persistent: it goes with the process, and the unreachable routes of netif.h then take over.
 *
 * With offload a system call carries a TCP super-packet of up to 64 KB, behind a struct virtio_net_hdr:
 * what is read of the kernel is cut into segments here (gso.h), what is written is coalesced (gro.h), and
 * the kernel leaves checksums to us. Without it each packet is a call, complete as on a wire.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "handoff.h"
#include "tunnel.h"

/**
 * Create interface name. Control, at start.
 * @param offload  TCP super-packets; what then uses the descriptor must know (struct gw_tunnel)
 * @return descriptor, or -errno: EBUSY (another process holds it), EEXIST (an interface of another
 *         kind has the name), EPERM
 */
int gw_tun_open(const char *name, bool offload);
/**
 * The same with several queues, over which the kernel spreads what it sends by flow; a flow's packets come
 * from the queue that its last answer was written to.
 * @param fds  [out] n descriptors, one a queue; n is 1 to 256
 * @return 0, or -errno with none open; EBUSY also for an interface that is there, of whatever kind
 */
int gw_tun_open_queues(const char *name, bool offload, int *fds, unsigned int n);

/** What reading needs: room for a super-packet, and how far the one in it has been handed out. */
struct gw_tun_rx;
/**
 * For one worker. Control, at start.
 * @param queue  which one it reads of a tunnel that has several
 * @return NULL without memory
 */
struct gw_tun_rx *gw_tun_rx_create(struct rte_mempool *pool, unsigned int queue, int socket);
/** The descriptor that it reads of a tunnel. */
int gw_tun_rx_fd(const struct gw_tun_rx *rx, const struct gw_tunnel *t);
void gw_tun_rx_destroy(struct gw_tun_rx *rx);

/**
 * The tunnel whose super-packet is not all handed out yet, NULL = none. It has to be read again before any
 * other tunnel is: there is room for one super-packet only. Worker.
 */
struct gw_tunnel *gw_tun_rx_pending(const struct gw_tun_rx *rx);

/**
 * Read up to n packets of gw_tun_rx_fd(); data at the inner IP header, GW_PKT_HEADROOM in front, pkt data zero but
 * for the tunnel. Segments of one super-packet are in order; those that n or the pool had no room
 * for stay pending, and a call that finds some pending returns of these only. Worker, on a descriptor known
 * to be ready, or pending.
 * @param pkts     [out] n places: good packets in front, refused ones behind them
 * @param refused  [out] how many the kernel handed over that are none: GW_DROP_OUT_INNER_BAD
 * @return good packets; fewer than n with those refused: drained, or the pool is empty (then what is left
 *         waits in the kernel's queue, or pending)
 */
uint16_t gw_tun_read(struct gw_tun_rx *rx, struct gw_tunnel *t, struct rte_mbuf **pkts, uint16_t n,
	uint16_t *refused);

/**
 * Write packets to t->fd, or the owner's queue, as gw_gre_in() leaves them; frees those written. The rest are moved to the front
 * with their drop reason (TUN_FULL, TUN_DOWN, TUN_ERROR): of a super-packet that the kernel refuses, all
 * that went into it. With offload, TCP segments that continue each other are one write; only within a
 * call, nothing is kept. Lone packets go as they are: TUN reads no DATA_VALID, so that to verify their
 * checksums would spare the kernel nothing. Worker.
 * @param n  at most GW_BURST_MAX
 * @return packets written
 */
uint16_t gw_tun_write(const struct gw_tunnel *t, struct rte_mbuf **pkts, uint16_t n);

/** Written as gw_tun_write() does; read by readiness, not polled. */
extern const struct gw_handoff_ops gw_tun_handoff;

/** Readiness of many descriptors: an epoll set. Worker owns it after start. */
struct gw_tunset;
struct gw_tunset *gw_tunset_create(unsigned int max);
void gw_tunset_destroy(struct gw_tunset *s);
int gw_tunset_add(struct gw_tunset *s, int fd, void *cookie); /* 0 or -errno */
int gw_tunset_del(struct gw_tunset *s, int fd);
/** See which are readable, up to timeout_us (0: only look), unless some are left of the last time. */
void gw_tunset_wait(struct gw_tunset *s, unsigned int timeout_us);
/** @return cookie of one that was readable, each once: those that are still are again behind all others; NULL: none is left */
void *gw_tunset_next(struct gw_tunset *s);

#endif
