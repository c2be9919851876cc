/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_CLASSIFY_H
#define GW_CLASSIFY_H

/* What a frame from outside is. Bytes only, no DPDK; fuzzed. Source: RFC 8200, RFC 3948, RFC 7296 3.1. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "drop.h"

#define GW_ETH_LEN	 14
#define GW_ESP_PLAIN_OFF (GW_ETH_LEN + 40)

#define GW_EXT_HDRS_MAX	  8   /* extension headers walked */
#define GW_EXT_BYTES_MAX  256 /* bytes of them */
#define GW_LOCAL_MAX	  16  /* addresses of ours, link-local included */

enum gw_class {
	GW_CLASS_DROP,	   /* reason says why */
	GW_CLASS_ESP,	   /* l4_off at the ESP header; udp_encap tells how it came */
	GW_CLASS_FRAGMENT, /* l4_off at the fragment header */
	GW_CLASS_ICMP6,	   /* l4_off at the ICMPv6 header */
	GW_CLASS_IKE_INIT, /* l4_off at the UDP header; responder SPI is 0 */
	GW_CLASS_IKE,	   /* l4_off at the UDP header; responder SPI is not 0 */
};

/**
 * Addresses that are ours. Control publishes whole new copies. Those behind the first n are still being
 * checked (RFC 4862 5.4): nothing is taken for them, but their solicited-node groups are heard.
 */
struct gw_local {
	uint32_t n, n_tentative;
	struct in6_addr addr[GW_LOCAL_MAX];
};

struct gw_classified {
	enum gw_class cls;
	enum gw_drop reason;
	uint16_t l3_off; /* IPv6 header */
	uint16_t l4_off; /* see enum gw_class */
	uint16_t end;	 /* end of the IPv6 payload (UDP: of the datagram): cut what follows */
	uint8_t tc;	 /* traffic class */
	uint8_t hop_limit;
	bool udp_encap;
	bool marker;	 /* IKE classes: 4 zero bytes (RFC 3948 2.2) between UDP and IKE header */
	bool nd;	 /* ICMPv6 class: neighbour discovery from the link (RFC 4861 6.1, 7.1) */
	bool multicast;	 /* destination is multicast (only ICMPv6 passes then) */
	uint64_t ike_spi_i, ike_spi_r; /* IKE classes; host order */
};

/**
 * Classify one Ethernet frame (an 802.1Q tag must be vlan, none when vlan is 0).
 * UDP checksums of IKE and UDP-encapsulated ESP are verified unless csum_good says the port did.
 */
void gw_classify(const uint8_t *frame, size_t len, uint16_t vlan, const struct gw_local *local,
	bool csum_good, struct gw_classified *out);

/**
 * The shortest of ways through gw_classify(), for most of the frames: untagged, ESP right behind the IPv6
 * header, to an address of ours.
 * @param end,tc  [out] as in struct gw_classified; IPv6 begins at GW_ETH_LEN, ESP at GW_ESP_PLAIN_OFF
 * @return false when gw_classify() has to look
 */
static inline bool
gw_classify_plain_esp(const uint8_t *frame, size_t len, const struct gw_local *local, uint16_t *end,
	uint8_t *tc)
{
	const uint8_t *ip = frame + GW_ETH_LEN;
	uint32_t i, head;
	uint16_t plen;

	if (len < GW_ESP_PLAIN_OFF)
		return false;
	head = gw_get32(ip);
	plen = gw_get16(ip + 4);
	if (gw_get16(ip - 2) != 0x86dd || head >> 28 != 6 || ip[6] != IPPROTO_ESP ||
		plen > len - GW_ESP_PLAIN_OFF)
		return false;
	/* what an address must not begin with, loopback and none among it: RFC 4291 2.5, 2.7 */
	if (ip[8] == 0xff || gw_raw64(ip + 8) == 0)
		return false;
	for (i = 0; i < local->n && i < GW_LOCAL_MAX; i++) {
		if (gw_same16(ip + 24, local->addr[i].s6_addr)) {
			*end = (uint16_t)(GW_ESP_PLAIN_OFF + plen);
			*tc = (uint8_t)(head >> 20);
			return true;
		}
	}
	return false;
}

/**
 * Walk IPv6 extension headers (hop-by-hop, destination options, routing with no segments left) under
 * the bounds above; stops at fragment, ESP, upper layers and no-next-header. Malformed options and
 * unknown ones that ask for it (RFC 8200 4.2) make the chain malformed.
 * @param p     first byte after the IPv6 header
 * @param next  [in,out] next header value
 * @return offset of the header that *next names, 0..len, or -1 when malformed or out of bounds
 */
int gw_ip6_ext_walk(const uint8_t *p, size_t len, uint8_t *next);

/**
 * The same for a packet that is on its way to somebody else (RFC 8200 4): lengths and the number of headers
 * are all that is checked, for options and routing are none of our business.
 */
int gw_ip6_ext_skip(const uint8_t *p, size_t len, uint8_t *next);

#endif
