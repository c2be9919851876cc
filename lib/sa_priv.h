/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_SA_PRIV_H
#define GW_SA_PRIV_H

/*
 * What SAs are made of: for the data-path stages. One allocation each, in the order it is touched:
 * what every packet reads, what its owner worker writes, what few packets need, expanded keys,
 * the replay window's blocks.
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

/* How an SA's packets are laid out: most are of a kind that has code of its own, in which that is constant. */
enum gw_sa_layout {
	GW_LAYOUT_ANY,
	GW_LAYOUT_AEAD, /* no ESN: IV of 8 bytes, padded to 4; outbound: transport mode, not in UDP */
	GW_LAYOUT_CBC,	/* likewise: IV of 16 bytes, padded to 16, HMAC */
};

struct gw_sa_in {
	/* set before publish, then read-only */
	const struct gw_crypto_alg *alg;
	struct gw_tunnel *first;       /* of demux, the only one as a rule */
	struct in6_addr remote, local; /* in the order of an IPv6 header */
	uint32_t spi;		       /* host order */
	uint8_t salt[4];
	uint16_t min_len; /* of an ESP packet, header and ICV included */
	uint8_t iv_len, icv_len;
	uint8_t align_mask; /* cipher text is a multiple of this plus one */
	bool aead : 1, esn : 1, tunnel_mode : 1;
	uint8_t layout : 2; /* enum gw_sa_layout */
	bool udp_encap; /* by itself: gw_sa_in_move() writes it */

	/* owner worker rw; control reads the counters relaxed */
	_Alignas(64) struct gw_replay replay;
	_Atomic(uint64_t) packets, bytes, last_tsc;
	/* set before publish, then read-only */
	const struct gw_demux *demux;

	/* owner worker rw, for packets that are refused; control reads relaxed */
	_Alignas(64) _Atomic(uint64_t) replays;
	_Atomic(uint64_t) icv_failures;
	/* set before publish, then read-only */
	struct in6_addr inner_remote; /* tunnel mode, in a header's order */
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
static_assert(offsetof(struct gw_sa_in, replay) == 64, "read-only part is one cache line");
static_assert(offsetof(struct gw_sa_in, replays) == 128, "owner's part is one cache line");
static_assert(offsetof(struct gw_sa_in, local) == offsetof(struct gw_sa_in, remote) + 16,
	"compared with source and destination at once");
static_assert(sizeof(struct gw_sa_in) == 256, "keys follow on a cache line");

struct gw_sa_out {
	/* set before publish, then read-only */
	const struct gw_crypto_alg *alg;
	uint64_t head;	   /* of the outer header: version, next header, flow label; the rest zero, host order */
	uint8_t hosts[32]; /* of the outer header: source and destination */
	uint32_t spi;	   /* host order */
	uint8_t salt[4];   /* AEAD: of the nonce; others: no other outbound SA but its twin
			    * (gw_sa_out_move()) has the same, for CBC's IVs */
	uint8_t iv_len;
	uint8_t align_mask; /* payload, padding and trailer are a multiple of this plus one */
	uint8_t outer_len;  /* bytes of the outer header: up to the end of the ESP header */
	uint8_t inner_len;  /* bytes of inner: 0 in transport mode */
	uint8_t next_header; /* of the ESP trailer */
	uint8_t around;	     /* bytes around the text: outer, IV, ICV */
	bool aead : 1, esn : 1, tunnel_mode : 1, udp_encap : 1;
	uint8_t layout : 2; /* enum gw_sa_layout */

	/* owner worker rw; control reads relaxed */
	_Alignas(64) _Atomic(uint64_t) seq; /* last one used */
	_Atomic(uint64_t) packets, bytes, last_tsc;
	/* set before publish, then read-only */
	uint64_t seq_max; /* the last one that may be sent */
	struct gw_nexthop *nexthop;

	/* set before publish, then read-only; tunnel mode and UDP */
	_Alignas(64) uint8_t inner[GW_IP6_HDR_LEN]; /* template */
	uint8_t ports[4];			    /* source and destination */
	/* control only */
	uint32_t child_id;
	size_t size; /* of the allocation */
};
static_assert(offsetof(struct gw_sa_out, seq) == 64, "read-only part is one cache line");
static_assert(offsetof(struct gw_sa_out, inner) == 128, "owner's part is one cache line");
static_assert(sizeof(struct gw_sa_out) == 192, "keys follow on a cache line");

/* Keys lie behind their SA: where is known before the SA has been read. */
static inline const struct gw_keys *
gw_sa_in_keys(const struct gw_sa_in *sa)
{
	return (const struct gw_keys *)(sa + 1);
}

static inline const struct gw_keys *
gw_sa_out_keys(const struct gw_sa_out *sa)
{
	return (const struct gw_keys *)(sa + 1);
}

#endif
