/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_SA_H
#define GW_SA_H

/*
 * Security associations of the data plane (RFC 4301 4.4.2). Control creates a complete object and
 * publishes it (sadb.h for inbound, gw_tunnel's pointer for outbound); from then on its hot part
 * belongs to its one owner worker, and control reads counters relaxed. Control destroys it after a
 * quiescent period (rcu.h); keys are wiped then.
 */

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gw_cipher {
	GW_CIPHER_NULL,
	GW_CIPHER_AES_CBC,
	GW_CIPHER_AES_GCM,
	GW_CIPHER_CHACHA20_POLY1305,
	GW_CIPHER_N
};
enum gw_auth {
	GW_AUTH_AEAD, /* the cipher authenticates */
	GW_AUTH_HMAC_SHA1_96,
	GW_AUTH_HMAC_SHA2_256_128,
	GW_AUTH_HMAC_SHA2_384_192,
	GW_AUTH_HMAC_SHA2_512_256,
	GW_AUTH_N
};

/** One direction's algorithm and keys. */
struct gw_alg {
	enum gw_cipher cipher;
	enum gw_auth auth;
	uint8_t icv_len;      /* 8, 12 or 16 for AES-GCM; implied by auth otherwise (0 accepted) */
	uint8_t key_len;      /* cipher key without salt, bytes: 0 (NULL), 16, 24, 32 */
	uint8_t auth_key_len; /* bytes, 0 for AEAD */
	uint8_t key[32];
	uint8_t salt[4]; /* AEAD */
	uint8_t auth_key[64];
};

/** "AES_GCM_16-256", "AES_CBC-128/HMAC_SHA1_96"; "unknown" when the data plane has no such thing */
const char *gw_alg_str(const struct gw_alg *alg, char *buf, size_t len);

/** ESP bytes around a payload: fixed part (header, IV, trailer's 2, ICV) and block for padding.
 * Both 0 for an unknown algorithm. */
void gw_alg_overhead(const struct gw_alg *alg, uint16_t *fixed, uint16_t *block);

struct gw_sa_params {
	uint32_t spi; /* host order */
	struct gw_alg alg;
	bool esn;
	bool tunnel_mode; /* inner IPv6 header between the same two hosts */
	bool udp_encap;
	uint16_t local_port, remote_port; /* host order, with udp_encap */
	struct in6_addr local, remote;
	struct in6_addr inner_local, inner_remote; /* tunnel mode; :: = the outer ones */
	uint32_t replay_window;	 /* inbound: packets, 0 = off, 32..8192 */
	uint32_t flow_label;	 /* outbound: 20 bits */
	uint32_t child_id;	 /* of ike/, for control */
	const struct gw_demux *demux; /* inbound: GRE key -> tunnel; borrowed, outlives the SA */
	struct gw_nexthop *nexthop;   /* outbound: borrowed, outlives the SA */
};

struct gw_sa_stats {
	uint64_t packets, bytes; /* bytes of ESP payload */
	uint64_t last_tsc;	 /* of the last good packet, outbound that got a number; 0 = never */
	uint64_t seq;		 /* highest sent, or top of the window */
	uint64_t replays, icv_failures;
};

/** @return NULL with errno EINVAL (parameters the data plane cannot serve) or ENOMEM */
struct gw_sa_in *gw_sa_in_create(const struct gw_sa_params *p, int socket);
struct gw_sa_out *gw_sa_out_create(const struct gw_sa_params *p, int socket);
/**
 * The peer moved (RFC 7296 2.23, RFC 4555): accept from there from now on. Tunnel mode's inner hosts
 * stay. Control, while the owner worker reads: see the source for why that is harmless.
 */
void gw_sa_in_move(struct gw_sa_in *sa, const struct in6_addr *local, const struct in6_addr *remote,
	bool udp_encap, uint16_t remote_port);

/**
 * Where a good packet came from since the last call, if it was not the SA's remote address and port.
 * Only of SAs in UDP: behind a NAT both may change at any time, and such packets are taken (RFC 3948),
 * since their ICV proves the peer. Control.
 */
bool gw_sa_in_elsewhere(struct gw_sa_in *sa, struct in6_addr *addr, uint16_t *port);

#define GW_SA_MOVE_GAP 65536 /* sequence numbers that a moved SA leaves out */

/**
 * A twin of an outbound SA with other outer addresses, ports, encapsulation, next hop and flow label,
 * as p gives them; nothing else of p is read. Its sequence numbers begin GW_SA_MOVE_GAP later, so that
 * what the owner worker sends on the old one until it sees the new one never shares a number (or an
 * IV) with it. Publish it, then retire the old one at once.
 * @return NULL with errno EINVAL or ENOMEM
 */
struct gw_sa_out *gw_sa_out_move(const struct gw_sa_out *old, const struct gw_sa_params *p,
	int socket);

/** Wipe and free; no worker may still see it. NULL is fine. */
void gw_sa_in_destroy(struct gw_sa_in *sa);
void gw_sa_out_destroy(struct gw_sa_out *sa);
/** Of its parameters; for the stages behind gw_esp_in(). */
const struct gw_demux *gw_sa_in_demux(const struct gw_sa_in *sa);
const struct in6_addr *gw_sa_in_remote(const struct gw_sa_in *sa);
/** Any thread; values are read relaxed. */
void gw_sa_in_stats(const struct gw_sa_in *sa, struct gw_sa_stats *st);
void gw_sa_out_stats(const struct gw_sa_out *sa, struct gw_sa_stats *st);

/** Constant over an SA's life; any thread. */
uint32_t gw_sa_in_spi(const struct gw_sa_in *sa);
uint32_t gw_sa_out_spi(const struct gw_sa_out *sa);
uint32_t gw_sa_in_child_id(const struct gw_sa_in *sa);
uint32_t gw_sa_out_child_id(const struct gw_sa_out *sa);
/** Where its packets go on the link, as given in params. Any thread. */
struct gw_nexthop *gw_sa_out_nexthop(const struct gw_sa_out *sa);

/** Outer bytes that sa_out adds to a GRE packet at most, IPv6 header and padding included, and the
 * largest GRE packet (GRE header included) that fits into path_mtu. Same for params, before an SA. */
uint16_t gw_sa_max_payload(const struct gw_sa_params *p, uint16_t path_mtu);

#endif
