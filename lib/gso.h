/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_GSO_H
#define GW_GSO_H

/*
 * What a kernel that may leave work undone (TUN_F_CSUM, TUN_F_TSO4, TUN_F_TSO6) leaves: TCP
 * super-packets to be cut into segments, and checksums of which only the pseudo header is summed.
 *
 *   before: struct virtio_net_hdr, fields in host order | one IP packet, up to 64 KB
 *   after:  IP packets as they would be on a wire, all checksums right
 *
 * Bytes only, no DPDK, no state; fuzzed. Any thread.
 * Source: virtio 1.2 section 5.1.6; RFC 9293 3.7 (segments), RFC 3168 6.1.2 (CWR), RFC 6864 (ID).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/virtio_net.h>

/* Of one super-packet. Linux takes an MSS of 48, and up to 40 bytes of options off it: 8 bytes each. */
#define GW_GSO_SEGS_MAX 8192

/** A super-packet that has been checked, and how it is cut. */
struct gw_gso {
	const uint8_t *p;    /* data at the IP header; the caller's, and unchanged until the last segment */
	uint16_t len;	     /* bytes there, all headers included */
	uint16_t tcp_off;    /* of the TCP header: IPv4 options and IPv6 extension headers lie before it */
	uint16_t hdr_len;    /* all headers: what each segment starts with */
	uint16_t seg_len;    /* payload bytes of every segment but the last, which has 1..seg_len */
	uint16_t n_segs;     /* 1..GW_GSO_SEGS_MAX */
	uint16_t pseudo_sum; /* of addresses and protocol, without the length */
};

/**
 * Check a super-packet: TCP in IPv4 (GSO_TCPV4) or IPv6 (GSO_TCPV6), no fragment, IP length exact,
 * headers inside, some payload, NEEDS_CSUM at the TCP header that is there. v->hdr_len is not looked at:
 * Linux says there how much of the packet lies in one piece.
 * @param v  gso_type is not GSO_NONE
 * @return false when anything is wrong: nothing may be sent of it
 */
bool gw_gso_open(struct gw_gso *g, const struct virtio_net_hdr *v, const uint8_t *p, size_t len);

/**
 * Write segment i: headers, then its slice of the payload.
 * IP total or payload length, the IPv4 identification (counts up from segment to segment, wraps), the
 * IPv4 header's checksum, the TCP sequence number and checksum are its own. FIN and PSH are on the last
 * segment only, CWR on the first only; the rest of the headers is every segment's.
 * @param i    below g->n_segs
 * @param out  g->hdr_len + g->seg_len bytes
 * @return bytes written
 */
uint16_t gw_gso_segment(const struct gw_gso *g, unsigned int i, uint8_t *out);

/**
 * Complete the checksum of a packet that is no super-packet (gso_type is GSO_NONE), whatever protocol it
 * is of: from csum_start to its end, stored at csum_offset from there. In place. A UDP checksum of zero
 * becomes 0xffff (RFC 768, RFC 8200 8.1). Without NEEDS_CSUM nothing is done.
 * @param len  of the packet p, IP header included
 * @return false when csum_start or csum_offset lie outside what may be summed: p is unchanged
 */
bool gw_gso_complete(const struct virtio_net_hdr *v, uint8_t *p, size_t len);

/**
 * What a driver that hides struct virtio_net_hdr has kept of it: of the TCP or UDP behind the IP header, and
 * extension headers, only the pseudo header is summed.
 * @param gso_size  payload of a segment, if this is a super-packet; 0: it is none
 * @param v         [out] for gw_gso_open() or gw_gso_complete(), which check the rest
 * @return false when neither protocol is there, or the packet is malformed or a fragment
 */
bool gw_gso_recall(struct virtio_net_hdr *v, uint16_t gso_size, const uint8_t *p, size_t len);

#endif
