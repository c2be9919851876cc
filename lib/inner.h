/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_INNER_H
#define GW_INNER_H

/*
 * Inner IPv4 and IPv6 packets: validity, size against the tunnel's MTU, ICMP errors, fragmentation
 * before encryption, MSS clamping, ECN. Bytes only, no DPDK; fuzzed.
 * Source: RFC 791, 792, 1191, 8200, 4443, 6040, 4301 8.2.1.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drop.h"

#define GW_IP4_DF     0x4000 /* bits of the flags and fragment offset field */
#define GW_IP4_MF     0x2000
#define GW_IP4_OFFSET 0x1fff

struct gw_inner {
	uint8_t version;  /* 4 or 6 */
	uint8_t tc;	  /* TOS or traffic class */
	bool df;	  /* IPv4: don't fragment; IPv6: always true */
	uint16_t hdr_len; /* IPv4 header, or 40 */
	uint16_t len;	  /* total length as the header says; <= the bytes there are */
	uint32_t hash;	  /* of addresses, protocol and ports: constant for a flow */
};

/**
 * Check version, header, total length and, for IPv4, header checksum and fragment offset.
 * @return false when malformed
 */
bool gw_inner_parse(const uint8_t *p, size_t len, struct gw_inner *out);

/** True if a too-big error may answer this packet (RFC 1122 3.2.2, RFC 4443 2.4 e). */
bool gw_icmp_allowed(const uint8_t *p, size_t len);

#define GW_ICMP_MAX 1280 /* longest error built */

/**
 * Build "fragmentation needed" (IPv4) or Packet Too Big (IPv6) for packet p, which has passed
 * gw_inner_parse(): len is its total length.
 * @param from4   source of an IPv4 error, network order
 * @param from6   source of an IPv6 error
 * @param out     GW_ICMP_MAX bytes
 * @return bytes written
 */
size_t gw_icmp_too_big(const uint8_t *p, size_t len, uint16_t mtu, uint32_t from4,
	const uint8_t from6[16], uint8_t *out);

/**
 * Describe fragment i of an IPv4 packet (DF clear, total length len, has passed gw_inner_parse())
 * cut to mtu, RFC 791. Header options are copied by their copied flag in later fragments.
 * @param hdr      [out] 60 bytes: the fragment's header, checksum done
 * @param hdr_len  [out]
 * @param off,flen [out] the slice of the packet's payload that follows it
 * @return true, or false when i is past the last or mtu leaves no room for eight bytes
 */
bool gw_ip4_fragment(const uint8_t *p, size_t len, uint16_t mtu, unsigned int i, uint8_t *hdr,
	uint16_t *hdr_len, uint16_t *off, uint16_t *flen);

/** Lower the MSS option of a TCP SYN to mss (0 = leave it), checksum updated; anything else, fragments
 * too, is left alone. */
void gw_mss_clamp(uint8_t *p, size_t len, uint16_t mss4, uint16_t mss6);

/**
 * RFC 6040 egress: merge the outer ECN field into the inner header (IPv4 checksum updated). inner has
 * passed gw_inner_parse().
 * @return false when the packet must be dropped (CE over Not-ECT)
 */
bool gw_ecn_merge(uint8_t *inner, uint8_t outer_tc);

/** RFC 6040 ingress: outer ECN bits for an inner traffic class. normal copies, compat clears. */
uint8_t gw_ecn_outer(uint8_t inner_tc, bool compat);

#endif
