/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_ADDR_H
#define IKE_ADDR_H

/* Addresses as IKE sees them. IPv6 outside only; an IPv4 outside would use mapped addresses. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/** The two ends of a datagram's way. Ports are in host order. */
struct ike_path {
	struct in6_addr local;
	struct in6_addr remote;
	uint16_t local_port;
	uint16_t remote_port;
};

/** An inclusive range of addresses, both ends in network order. A host is a range of one. */
struct ike_range {
	struct in6_addr from;
	struct in6_addr to;
};

#endif
