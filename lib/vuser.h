/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_VUSER_H
#define GW_VUSER_H

/*
 * A TAP interface whose packets the kernel's vhost-net moves: an ethdev of DPDK's virtio_user in place of a
 * TUN's descriptor. Ethernet exists between the two only: the interface resolves nothing (IFF_NOARP), so the
 * kernel sends to the interface's own MAC, and is sent to it.
 *
 * With offload, as on a TUN, TCP comes from and goes to the kernel in super-packets: what is received is cut
 * into segments here (gso.h), what is given is coalesced (gro.h) and chained, not copied. The driver hides
 * struct virtio_net_hdr behind the mbuf's flags.
 *
 * The driver makes a system call, a kick, when vhost-net has run dry and sleeps; else both sides only look at the rings.
 *
 * Context: the owner worker; what has been received and not handed out yet is the tunnel's, and goes with it.
 */

#include <stdint.h>

#include <rte_mempool.h>

#include "tunnel.h"

/**
 * One for a tunnel. Control, at start.
 * @param port  the ethdev, started, with one queue each way; with LRO, TSO and checksums if tunnel->offload
 * @param mac   its address, and the interface's
 * @param pool  segments are made of
 * @return NULL without memory
 */
struct gw_vuser *gw_vuser_create(
	uint16_t port, const uint8_t mac[6], struct rte_mempool *pool, int socket);
/** The worker has ended. NULL is fine. */
void gw_vuser_destroy(struct gw_vuser *v);

/**
 * Of a tunnel with tunnel->vuser. Read: frames lose their Ethernet header. GW_DROP_WIRE_FRAME: no IP in it.
 * GW_DROP_OUT_INNER_BAD: a super-packet or a partial checksum that cannot be, or more than an mbuf takes.
 * Write: what the interface refuses for being down is not heard of.
 */
extern const struct gw_handoff_ops gw_vuser_handoff;

#endif
