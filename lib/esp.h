/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_ESP_H
#define GW_ESP_H

/*
 * ESP (RFC 4303) for bursts, in place, in three steps: begin and end are the owner worker's, of every SA
 * in the burst, in the order in which the packets came; gw_esp_crypt() between them writes nothing but the
 * batch and the packets' bytes, and reads of packets' SAs what never changes, so that any worker may do it, with its
 * own crypto manager. SAs and packets must live until the end. gw_esp_in() and gw_esp_out() are the three in a row.
 */

#include <stdbool.h>
#include <stdint.h>

#include "crypto_mb.h"
#include "pkt.h"
#include "sa.h"
#include "sadb.h"

/** A packet between what is done without keys before the crypto and what is done after it. */
struct gw_esp_lane {
	_Alignas(64) struct gw_crypto_op op;
	struct rte_mbuf *m;   /* pkt sa_in or sa_out set */
	uint16_t payload_len; /* outbound: of ESP, without trailer */
};
static_assert(sizeof(struct gw_esp_lane) == 128, "two cache lines, the first of them the crypto's");

/** A burst of them. */
struct gw_esp_batch {
	uint16_t n;
	bool out;
	bool mixed; /* perhaps not all of one algorithm: each of its SA's */
	const struct gw_crypto_alg *alg; /* of all, if not mixed */
	struct gw_crypto_op *ops[GW_BURST_MAX]; /* those of lanes: a batch is never copied */
	struct gw_esp_lane lanes[GW_BURST_MAX];
};

/** Once, before it is first begun. */
void gw_esp_batch_init(struct gw_esp_batch *b);

/**
 * An IPsec-MB manager of this lcore and its scratch memory. Runs the known-answer self-test of every
 * algorithm once per process.
 * @param failed  [out] name of the algorithm whose self-test failed, or NULL
 * @return NULL when memory is short or a self-test failed
 */
struct gw_crypto *gw_crypto_create(int socket, const char **failed);
void gw_crypto_destroy(struct gw_crypto *c);
/** A batch of this lcore's: that of gw_esp_in() and gw_esp_out(), which leave nothing in it. */
struct gw_esp_batch *gw_crypto_batch(struct gw_crypto *c);

/**
 * Have the SAs of packets that gw_esp_in() gets next on their way. Entry: as there; nothing is changed.
 * @param n  0..GW_BURST_MAX
 */
void gw_esp_in_ahead(const struct gw_sadb *db, struct rte_mbuf **pkts, uint16_t n);

/**
 * Look up and check a burst of ESP packets: all that can be known without keys. Numbers that were seen
 * are refused.
 *
 * Entry:  data at the frame start; pkt l3_off at IPv6, l4_off at the ESP header, outer_tc,
 *         udp_encap set. Data ends where the IPv6 payload ends (link padding already cut).
 * Return: those that are in the batch first, in order, with pkt sa_in and seq set. The rest follow, each
 *         with its drop reason.
 * Source: RFC 4303 3.4.1-3.4.3.
 *
 * @param b  [out] the batch
 * @param n  1..GW_BURST_MAX
 * @return number of packets in the batch
 */
uint16_t gw_esp_in_begin(const struct gw_sadb *db, struct gw_esp_batch *b, struct rte_mbuf **pkts,
	uint16_t n);

/**
 * The verdicts, in order: ICV, replay window (the only place that moves it), trailer.
 *
 * Return: good ones first, in order: data at the GRE header (tunnel mode: inner IPv6 verified to be
 *         the SA's two hosts, its extension headers walked, header removed, its ECN in outer_tc
 *         merged by RFC 6040), length without trailer. The rest follow, each with
 *         its drop reason; next header 59 is reason GW_DROP_DUMMY.
 * Source: RFC 4303 3.4.3, 3.4.4.
 *
 * @param pkts  [out] the packets of the batch
 * @return number of good packets
 */
uint16_t gw_esp_in_end(struct gw_esp_batch *b, struct rte_mbuf **pkts, uint64_t now_tsc);

/**
 * Look up, check, decrypt and verify a burst of ESP packets: entry as gw_esp_in_begin(), return as
 * gw_esp_in_end(), with what either refused behind the good ones.
 * Never blocks, allocates or logs. A bad packet costs itself alone.
 * Source: RFC 4303 3.4, RFC 3602, 2404, 4868, 4106, 7634, 2410.
 *
 * @param n  1..GW_BURST_MAX
 * @return number of good packets
 */
uint16_t gw_esp_in(struct gw_crypto *c, const struct gw_sadb *db, struct rte_mbuf **pkts,
	uint16_t n, uint64_t now_tsc);

/**
 * Sequence numbers, headers, trailers and counters of a burst of GRE packets.
 *
 * Entry:  data at the GRE header; pkt sa_out set (SAs may be mixed), inner_tc and flow_hash known;
 *         pkt tunnel set (hop limit, DSCP, ECN, flow label policy are its).
 * Return: those that are in the batch first, in order: data at the outer IPv6 header, clear text still.
 *         The rest follow with their drop reason.
 * CBC IVs: the sequence number and the SA's, encrypted under a secret of the process (RFC 3602 4: unpredictable).
 *
 * @param b  [out] the batch
 * @param n  1..GW_BURST_MAX
 * @return number of packets in the batch
 */
uint16_t gw_esp_out_begin(struct gw_esp_batch *b, struct rte_mbuf **pkts, uint16_t n,
	uint64_t now_tsc);

/**
 * UDP checksums.
 *
 * Return: good ones first, in order: complete. The rest, which the crypto refused, follow with their
 *         drop reason and do not count.
 *
 * @param pkts  [out] the packets of the batch
 * @return number of good packets
 */
uint16_t gw_esp_out_end(struct gw_esp_batch *b, struct rte_mbuf **pkts);

/**
 * Encrypt a burst of GRE packets: entry as gw_esp_out_begin(), return as gw_esp_out_end(), with what
 * either refused behind the good ones.
 *
 * @param n  1..GW_BURST_MAX
 * @return number of good packets
 */
uint16_t gw_esp_out(struct gw_crypto *c, struct rte_mbuf **pkts, uint16_t n, uint64_t now_tsc);

/** Encrypt or decrypt a batch. Any worker, one at a time. */
void gw_esp_crypt(struct gw_crypto *c, struct gw_esp_batch *b);

#endif
