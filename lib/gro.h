/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_GRO_H
#define GW_GRO_H

/*
 * Which inner packets of one tunnel may reach the kernel as one TCP super-packet. Decisions and
 * headers; the packets stay where they are.
 *
 *   before: up to GW_GRO_PKTS packets in order, as gw_gre_in() leaves them: data at the IP header,
 *           which has been checked, length exact
 *   after:  writes, each of one packet untouched, or of the first packet of a flow with its headers
 *           rewritten, followed by the payload of those that continue it
 *
 * Time: what is coalesced came in one burst. Nothing is kept from one burst to the next, so no packet
 * waits for another.
 *
 * B continues A, when A's segmentation (gso.h, or Linux's) gives back A and B byte for byte:
 * - plain TCP: IPv4 without options and not a fragment, IPv6 without extension headers;
 * - addresses, ports, TOS or traffic class (ECN too), TTL or hop limit, flow label and DF are A's; with DF
 *   any IPv4 identification (RFC 6864: it means nothing there, and counts up afterwards), without it the
 *   next one;
 * - acknowledgement number, window (as in Linux, where a new window must be seen when it comes),
 *   urgent pointer and options, timestamps among them, are A's;
 * - ACK is set, ECE as in A, PSH at most, which ends the super-packet; SYN, FIN, RST, URG and CWR never;
 * - the sequence number is A's end; every payload is as long as the first one, only the last may be
 *   shorter and ends it; all is at most 65535 bytes;
 * - the TCP checksums of both are right, which is looked at last. A damaged segment passes alone and
 *   untouched, for its receiver to find.
 *
 * Order: packets of a flow never overtake one another, for one that does not continue what its flow has
 * open closes it. What is not plain TCP closes all that is open between its addresses. Packets of
 * different flows may change places within the burst.
 *
 * Bytes only, no DPDK; fuzzed. The worker's, on its stack.
 */

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_net.h>

#define GW_GRO_PKTS  64 /* in one burst: so many segments at most */
#define GW_GRO_FLOWS 8	/* open at a time; one more closes another */

/** One write: packet first, then gro->next[] of it and so on, n in all. */
struct gw_gro_out {
	uint8_t first, last, n;
	bool psh;	  /* the last one has it */
	uint16_t hdr_len; /* n > 1: of each packet, in front of its payload */
	uint16_t seg_len; /* n > 1: payload of the first */
	uint32_t len;	  /* n > 1: headers once, all payloads; at most 65535 */
};

/* A super-packet that may grow. */
struct gw_gro_flow {
	const uint8_t *p; /* its first packet */
	uint8_t out;	  /* its write */
	bool verified;	  /* the first packet's checksum */
	uint16_t tcp_off;
	uint16_t next_id;
	uint32_t next_seq;
};

struct gw_gro {
	uint8_t n, n_out, n_flows; /* packets; writes; of the table below in use */
	uint8_t victim;		   /* the next to be closed for another */
	uint8_t next[GW_GRO_PKTS];
	struct gw_gro_out out[GW_GRO_PKTS]; /* in the order of their first packets */
	struct gw_gro_flow flow[GW_GRO_FLOWS];
};

/** Begin a burst. */
void gw_gro_init(struct gw_gro *g);

/**
 * Add the next packet, number g->n. Malformed bytes do no harm: they pass alone.
 * @param p  stays readable and unchanged as long as packets are added; at most GW_GRO_PKTS are
 */
void gw_gro_add(struct gw_gro *g, const uint8_t *p, uint16_t len);

/**
 * Make the headers of the first packet those of the super-packet, once all packets were added: length,
 * IPv4 header checksum, PSH of the last, and in the TCP checksum's place the sum of the pseudo header.
 * @param o  with n > 1
 * @param p  packet o->first
 * @param v  [out] what the kernel is told, fields in host order
 */
void gw_gro_header(const struct gw_gro_out *o, uint8_t *p, struct virtio_net_hdr *v);

#endif
