/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_INNER_H
#define GW_INNER_H

/*
 * Inner IPv4 and IPv6 packets: validity, size against the tunnel's MTU, ICMP errors, fragmentation
 * before encryption, MSS clamping, ECN. Bytes only, no DPDK; fuzzed.
 * Source: RFC 791, 792, 1191, 8200, 4443, 6040, 4301 8.2.1.
 */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "bytes.h"
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
};

/** gw_inner_parse() for whatever is not an IPv4 header without options, and for what is wrong. */
bool gw_inner_parse_any(const uint8_t *p, size_t len, struct gw_inner *out);

/**
 * The checksum of an IPv4 header of 20 bytes, not all of them zero, is right: the one's complement sum of its
 * 16-bit words is 0xffff (RFC 791 3.1), which is to say that their sum, that of 32-bit words just as well,
 * is a multiple of it (RFC 1071 2).
 */
static inline bool
gw_ip4_csum_ok(const uint8_t *p)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < 20; i += 4)
		sum += gw_raw32(p + i);
	return sum % 0xffff == 0;
}

/** @return total length of IPv4 without options that is no later fragment; 0: it is something else, or wrong */
static inline uint16_t
gw_ip4_plain(const uint8_t *p, size_t len)
{
	uint16_t total;

	if (len < 20 || p[0] != 0x45)
		return 0;
	total = gw_get16(p + 2);
	if (total < 20 || total > len || (gw_raw16(p + 6) & htobe16(GW_IP4_OFFSET)) != 0 ||
		!gw_ip4_csum_ok(p))
		return 0;
	return total;
}

/** Of IPv4 without options: it may be the SYN of a TCP connection. */
static inline bool
gw_ip4_may_be_syn(const uint8_t *p, size_t len)
{
	return p[9] == IPPROTO_TCP && (len < 40 || (p[33] & 0x02) != 0);
}

/**
 * Check version, header, total length and, for IPv4, header checksum and fragment offset.
 * @return false when malformed
 */
static inline bool
gw_inner_parse(const uint8_t *p, size_t len, struct gw_inner *out)
{
	uint16_t total = gw_ip4_plain(p, len);

	if (total == 0)
		return gw_inner_parse_any(p, len, out);
	out->version = 4;
	out->tc = p[1];
	out->df = (gw_get16(p + 6) & GW_IP4_DF) != 0;
	out->hdr_len = 20;
	out->len = total;
	return true;
}

/**
 * What nearly every packet is: IPv4 without options, no later fragment, and no TCP SYN, whose MSS may have
 * to be clamped.
 * @return its total length, or 0: it is something else, or wrong, as gw_inner_parse() can tell
 */
static inline uint16_t
gw_inner_plain(const uint8_t *p, size_t len)
{
	uint16_t total = gw_ip4_plain(p, len);

	return total > 0 && !gw_ip4_may_be_syn(p, total) ? total : 0;
}

/** Of addresses, protocol and ports: constant for a flow. For what has passed gw_inner_parse(). */
uint32_t gw_inner_hash(const uint8_t *p, const struct gw_inner *in);

/** True if an error may answer this packet (RFC 1122 3.2.2, RFC 4443 2.4 e). */
bool gw_icmp_allowed(const uint8_t *p, size_t len);

#define GW_ICMP_MAX 1280 /* longest error built */

enum gw_icmp {
	GW_ICMP_TOO_BIG, /* fragmentation needed; Packet Too Big */
	GW_ICMP_TIME_EXCEEDED,
	GW_ICMP_NO_ROUTE, /* net unreachable; no route to destination */
	GW_ICMP_NO_HOST,  /* host unreachable; address unreachable */
	GW_ICMP_PROHIBITED,
	GW_ICMP_SCOPE, /* beyond scope of source address (IPv6 only; else as NO_ROUTE) */
};

/**
 * Build an ICMP error for packet p, which has passed gw_inner_parse(): len is its total length.
 * @param mtu     for GW_ICMP_TOO_BIG, 0 for the others
 * @param from4   source of an IPv4 error, network order
 * @param from6   source of an IPv6 error
 * @param out     GW_ICMP_MAX bytes
 * @return bytes written
 */
size_t gw_icmp_error(enum gw_icmp what, const uint8_t *p, size_t len, uint16_t mtu, uint32_t from4,
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

/** gw_mss_clamp() for what may be a SYN. */
void gw_mss_clamp_any(uint8_t *p, size_t len, uint16_t mss4, uint16_t mss6);

/** Lower the MSS option of a TCP SYN to mss (0 = leave it), checksum updated; anything else, fragments
 * too, is left alone. */
static inline void
gw_mss_clamp(uint8_t *p, size_t len, uint16_t mss4, uint16_t mss6)
{
	/* most packets: IPv4 without options, and not TCP or not the first of a connection */
	if (len >= 20 && p[0] == 0x45 && !gw_ip4_may_be_syn(p, len))
		return;
	gw_mss_clamp_any(p, len, mss4, mss6);
}

/**
 * RFC 6040 egress: merge the outer ECN field into the inner header (IPv4 checksum updated). inner has
 * passed gw_inner_parse().
 * @return false when the packet must be dropped (CE over Not-ECT)
 */
bool gw_ecn_merge_any(uint8_t *inner, uint8_t outer_tc);

static inline bool
gw_ecn_merge(uint8_t *inner, uint8_t outer_tc)
{
	return (outer_tc & 3) == 0 || gw_ecn_merge_any(inner, outer_tc); /* not ECT says nothing */
}

#endif
