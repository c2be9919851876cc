/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_TAP_H
#define GW_TAP_H

/*
 * A TAP interface: the kernel's twin of a port that is ours. What of that port is for the kernel (its addresses,
 * ARP, neighbour discovery, multicast) is written to it, what the kernel sends there is sent on the port. One
 * frame a system call: this is not the way of many packets. Not persistent: it goes with the process.
 */

#include <stdint.h>

#include <rte_mbuf.h>

/** Create interface name. Control, at start. @return descriptor, non-blocking, or -errno as gw_tun_open() */
int gw_tap_open(const char *name);
/** Whether a TAP of that name can be made. @return 0, or -errno as gw_tun_open_queues() */
int gw_tap_try(const char *name);

/**
 * Read up to n frames. Worker, on a descriptor known to be ready.
 * @return how many; fewer than n: there are no more, or no mbufs
 */
uint16_t gw_tap_read(int fd, struct rte_mempool *pool, struct rte_mbuf **frames, uint16_t n);

/**
 * Write frames and free those written. The rest are moved to the front with their drop reason (TUN_FULL,
 * TUN_DOWN, TUN_ERROR). Worker.
 * @return frames written
 */
uint16_t gw_tap_write(int fd, struct rte_mbuf **frames, uint16_t n);

#endif
