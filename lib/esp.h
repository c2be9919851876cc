/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_ESP_H
#define GW_ESP_H

/* ESP (RFC 4303) for bursts, in place. Context: the owner worker of every SA in the burst. */

#include <stdint.h>

#include "pkt.h"
#include "sa.h"
#include "sadb.h"

struct gw_crypto;

/**
 * An IPsec-MB manager of this lcore and its scratch memory. Runs the known-answer self-test of every
 * algorithm once per process.
 * @param failed  [out] name of the algorithm whose self-test failed, or NULL
 * @return NULL when memory is short or a self-test failed
 */
struct gw_crypto *gw_crypto_create(int socket, const char **failed);
void gw_crypto_destroy(struct gw_crypto *c);

/**
 * Have the SAs of packets that gw_esp_in() gets next on their way. Entry: as there; nothing is changed.
 * @param n  0..GW_BURST_MAX
 */
void gw_esp_in_ahead(const struct gw_sadb *db, struct rte_mbuf **pkts, uint16_t n);

/**
 * Look up, check, decrypt and verify a burst of ESP packets.
 *
 * Entry:  data at the frame start; pkt l3_off at IPv6, l4_off at the ESP header, outer_tc,
 *         udp_encap set. Data ends where the IPv6 payload ends (link padding already cut).
 * Return: good ones first, in order: data at the GRE header (tunnel mode: inner IPv6 verified to be
 *         the SA's two hosts, its extension headers walked, header removed, its ECN in outer_tc
 *         merged by RFC 6040), length without trailer, pkt sa_in and next_header = 47 set. The rest
 *         follow, each with its drop reason; next header 59 is reason GW_DROP_DUMMY.
 * Never blocks, allocates or logs. A bad packet costs itself alone.
 * Source: RFC 4303 3.4, RFC 3602, 2404, 4868, 4106, 7634, 2410.
 *
 * @param n  1..GW_BURST_MAX
 * @return number of good packets
 */
uint16_t gw_esp_in(struct gw_crypto *c, const struct gw_sadb *db, struct rte_mbuf **pkts,
	uint16_t n, uint64_t now_tsc);

/**
 * Encrypt a burst of GRE packets.
 *
 * Entry:  data at the GRE header; pkt sa_out set (SAs may be mixed), inner_tc and flow_hash known;
 *         pkt tunnel set (hop limit, DSCP, ECN, flow label policy are its).
 * Return: good ones first, in order: data at the outer IPv6 header, complete (UDP checksum too).
 *         The rest follow with their drop reason.
 * CBC IVs: the sequence number encrypted under a secret of the SA (RFC 3602 4: unpredictable).
 * @return number of good packets
 */
uint16_t gw_esp_out(struct gw_crypto *c, struct rte_mbuf **pkts, uint16_t n, uint64_t now_tsc);

#endif
