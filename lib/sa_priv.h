/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_SA_PRIV_H
#define GW_SA_PRIV_H

/*
 * What SAs are made of: for the data-path stages. One allocation each, in the order it is touched:
 * what every packet reads, what its owner worker writes, replay window, expanded keys.
 */

#include <assert.h>
#include <stddef.h>

#include "crypto_mb.h"
#include "replay.h"
#include "sa.h"
#include "stat.h"

#define GW_ESP_HDR_LEN 8
#define GW_IP6_HDR_LEN 40
#define GW_UDP_HDR_LEN 8

/* Longest outer header: IPv6, UDP, ESP without IV */
#define GW_OUTER_MAX (GW_IP6_HDR_LEN + GW_UDP_HDR_LEN + GW_ESP_HDR_LEN)

struct gw_sa_in {
	/* set before publish, then read-only */
	const struct gw_crypto_alg *alg;
	const struct gw_keys *keys;
	struct in6_addr remote, local; /* in the order of an IPv6 header */
	uint32_t spi;		       /* host order */
	uint8_t salt[4];
	uint16_t min_len; /* of an ESP packet, header and ICV included */
	uint8_t iv_len, icv_len;
	uint8_t align_mask; /* cipher text is a multiple of this plus one */
	bool aead : 1, esn : 1, tunnel_mode : 1;
	bool udp_encap; /* by itself: gw_sa_in_move() writes it */

	/* owner worker rw; control reads relaxed */
	_Alignas(64) _Atomic(uint64_t) packets;
	_Atomic(uint64_t) bytes, last_tsc, seq;
	_Atomic(uint64_t) replays, icv_failures;
	/* set before publish; what it points at is the owner worker's alone */
	struct gw_replay *replay;
	const struct gw_demux *demux;

	/* set before publish, then read-only */
	_Alignas(64) struct in6_addr inner_remote; /* tunnel mode, in a header's order */
	struct in6_addr inner_local;
	uint16_t remote_port; /* with udp_encap: where the peer's packets come from as a rule */
	/* control only */
	uint32_t child_id;
	size_t size; /* of the allocation */

	/* ESP in UDP that came from elsewhere: the owner worker fills it when it is not full, then
	 * control reads it and empties it */
	_Alignas(64) _Atomic(bool) elsewhere_full;
	uint16_t elsewhere_port;
	struct in6_addr elsewhere;
};
static_assert(offsetof(struct gw_sa_in, inner_local) == offsetof(struct gw_sa_in, inner_remote) + 16,
	"compared with source and destination at once");
static_assert(offsetof(struct gw_sa_in, packets) == 64, "read-only part is one cache line");
static_assert(offsetof(struct gw_sa_in, inner_remote) == 128, "owner's part is one cache line");
static_assert(offsetof(struct gw_sa_in, local) == offsetof(struct gw_sa_in, remote) + 16,
	"compared with source and destination at once");

struct gw_sa_out {
	/* set before publish, then read-only */
	const struct gw_crypto_alg *alg;
	const struct gw_keys *keys;
	struct gw_nexthop *nexthop;
	uint64_t seq_max; /* the last one that may be sent */
	uint64_t head;	  /* of the outer header: version, next header, flow label; the rest zero, host order */
	uint32_t spi;	  /* host order */
	uint32_t flow_label;
	uint8_t salt[4];
	uint8_t iv_len, icv_len;
	uint8_t align_mask; /* payload, padding and trailer are a multiple of this plus one */
	uint8_t outer_len;  /* bytes of outer: up to the end of the ESP header */
	uint8_t inner_len;  /* bytes of inner: 0 in transport mode */
	uint8_t next_header; /* of the ESP trailer */
	uint8_t front;	     /* bytes in front of a GRE packet: outer, IV, inner */
	uint8_t around;	     /* bytes around the text: outer, IV, ICV */
	bool aead, esn, tunnel_mode, udp_encap;

	_Alignas(64) uint8_t outer[GW_OUTER_MAX]; /* template */
	_Alignas(64) uint8_t inner[GW_IP6_HDR_LEN]; /* template, tunnel mode */

	/* owner worker rw; control reads relaxed */
	_Alignas(64) _Atomic(uint64_t) seq; /* last one used */
	_Atomic(uint64_t) packets, bytes, last_tsc;

	/* control only */
	_Alignas(64) uint32_t child_id;
	size_t size; /* of the allocation */
};
static_assert(offsetof(struct gw_sa_out, outer) == 64, "read-only part is one cache line");
static_assert(offsetof(struct gw_sa_out, seq) == 192, "templates have a cache line each");
static_assert(offsetof(struct gw_sa_out, child_id) == 256, "owner's part is one cache line");

#endif
