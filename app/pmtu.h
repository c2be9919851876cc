/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_PMTU_H
#define GW_PMTU_H

/*
 * Path MTU per remote address (RFC 8201). A Packet Too Big is anybody's to forge, so it is believed
 * only when it quotes ESP that we just sent: an outbound SA of ours between the quoted addresses,
 * and a sequence number among the last PMTU_SEQ_RECENT. No DPDK, no clock of its own.
 * Context: control thread only.
 */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/nd.h"

#define PMTU_MIN	1280
#define PMTU_AGE_MS	600000u /* RFC 8201 section 4: ten minutes until a larger one is tried */
#define PMTU_SEQ_RECENT 65536u
#define PMTU_MAX	1024 /* destinations below the link's MTU; the oldest gives way */

/**
 * Look an outbound SA up by what was quoted. @return false when there is none that sends from src
 * to dst with this SPI (UDP: with these ports too); else *seq is the highest number it has sent.
 */
typedef bool (*pmtu_lookup)(void *arg, const struct gw_quoted *q, uint64_t *seq);

enum pmtu_result {
	PMTU_CHANGED,	/* smaller now: *dst says for whom */
	PMTU_REFRESHED, /* known already */
	PMTU_TOO_SMALL, /* below 1280: discarded, RFC 8201 section 4 */
	PMTU_TOO_LARGE, /* not below what is believed now */
	PMTU_NOT_OURS,	/* quotes no SA of ours */
	PMTU_STALE,	/* quotes a sequence number that is old, or was never sent */
};
/** "changed" */
const char *pmtu_result_str(enum pmtu_result r);

struct pmtu;

/** @return NULL with errno ENOMEM */
struct pmtu *pmtu_create(uint16_t link_mtu, pmtu_lookup lookup, void *arg);
void pmtu_destroy(struct pmtu *p);

/**
 * Judge a Packet Too Big.
 * @param m    of type GW_ND_TOO_BIG
 * @param dst  [out] with CHANGED and REFRESHED: the remote address
 */
enum pmtu_result pmtu_input(struct pmtu *p, uint64_t now_ms, const struct gw_nd *m,
	struct in6_addr *dst);

/** Path MTU to dst: the link's unless a smaller one is known. */
uint16_t pmtu_get(const struct pmtu *p, const struct in6_addr *dst);

/** The link's MTU changed (router advertisement): everything is capped by it. */
void pmtu_set_link(struct pmtu *p, uint16_t link_mtu);

/**
 * Forget what is too old; raised is called for each destination whose path MTU is the link's again.
 * @return when to call again at the latest, UINT64_MAX when nothing is known
 */
uint64_t pmtu_tick(struct pmtu *p, uint64_t now_ms,
	void (*raised)(void *arg, const struct in6_addr *dst), void *arg);

/** Each destination below the link's MTU, with the time its value goes. */
void pmtu_walk(const struct pmtu *p,
	void (*cb)(void *arg, const struct in6_addr *dst, uint16_t mtu, uint64_t expires_ms),
	void *arg);

#endif
