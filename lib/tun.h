/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_TUN_H
#define GW_TUN_H

/*
 * The hand-off descriptor: a TUN interface without packet information header, non-blocking, not
 * persistent: it goes with the process, and the unreachable routes of netif.h then take over.
 */

#include <stdint.h>

#include <rte_mbuf.h>

#include "handoff.h"

/**
 * Create interface name. Control, at start.
 * @return descriptor, or -errno: EBUSY (another process holds it), EEXIST (an interface of another
 *         kind has the name), EPERM
 */
int gw_tun_open(const char *name);

/**
 * Read up to n packets; data at the inner IP header, GW_PKT_HEADROOM in front. Worker, only on a
 * descriptor known to be ready.
 * @return packets read; *again is false once the descriptor is drained
 */
uint16_t gw_tun_read(int fd, struct rte_mempool *pool, struct rte_mbuf **pkts, uint16_t n, bool *again);

/**
 * Write n packets, one each; frees those written. The rest are moved to the front with their drop
 * reason (TUN_FULL, TUN_DOWN, TUN_ERROR). Worker.
 * @return packets written
 */
uint16_t gw_tun_write(int fd, struct rte_mbuf **pkts, uint16_t n);

/** Written as gw_tun_write() does; read by readiness, not polled. */
extern const struct gw_handoff_ops gw_tun_handoff;

/** Readiness of many descriptors: an epoll set. Worker owns it after start. */
struct gw_tunset;
struct gw_tunset *gw_tunset_create(unsigned int max);
void gw_tunset_destroy(struct gw_tunset *s);
int gw_tunset_add(struct gw_tunset *s, int fd, void *cookie); /* 0 or -errno */
int gw_tunset_del(struct gw_tunset *s, int fd);
/**
 * Wait up to timeout_us (0: only look) for readable descriptors.
 * @param cookies [out] of ready ones, at most n
 * @return how many
 */
unsigned int gw_tunset_wait(struct gw_tunset *s, unsigned int timeout_us, void **cookies, unsigned int n);

#endif
