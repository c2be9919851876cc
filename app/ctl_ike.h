/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_CTL_IKE_H
#define GW_CTL_IKE_H

/* IKE's datagrams: UDP 500 and 4500 (RFC 3948's marker) over IPv6. Bytes only, no DPDK; fuzzed. */

#include <stddef.h>
#include <stdint.h>

#include "ike/addr.h"

#define GW_IKE_PORT	 500
#define GW_IKE_NATT_PORT 4500
#define GW_IKE_MSG_MAX	 16384 /* longest message sent */

/**
 * Read a UDP datagram that the classifier called IKE.
 * @param ip6      IPv6 header, len bytes to the end of its payload
 * @param udp_off  offset of the UDP header from there (extension headers walked)
 * @param path     [out] from our point of view: local is the destination
 * @return the IKE message within ip6, marker skipped, or NULL when this is none
 */
const uint8_t *gw_ike_parse(const uint8_t *ip6, size_t len, size_t udp_off, struct ike_path *path,
	size_t *msg_len);

/**
 * Send a message: one IPv6 packet, or fragments (RFC 8200 4.5) where it exceeds mtu, because an
 * IKE_SA_INIT cannot be fragmented by IKE itself. The marker is added unless the local port is 500.
 * @param id    identification of fragments, unpredictable
 * @param send  called for each packet; returns 0 or -errno, which ends the rest
 * @return 0, -EMSGSIZE (longer than GW_IKE_MSG_MAX), or what send returned
 */
int gw_ike_build(const struct ike_path *path, const uint8_t *msg, size_t len, size_t mtu, uint32_t id,
	int (*send)(void *arg, const uint8_t *ip6, size_t len), void *arg);

/** Send a NAT-keepalive (RFC 3948 2.3, 4): UDP with one byte 0xff. @return what send returned */
int gw_ike_keepalive(const struct ike_path *path,
	int (*send)(void *arg, const uint8_t *ip6, size_t len), void *arg);

#endif
