/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_SOURCE_H
#define IKE_SOURCE_H

/*
 * Strangers' SAs by the network they come from, so that one network cannot take the place of all
 * others. A site has a /64 or a /48 (RFC 6177), and whoever has that has all addresses in it.
 * Private to ike/.
 *
 * Counted are half-open SAs, and those that ended without proof of who the peer is, as long as they
 * linger (IKE_LINGER_MS): the work that a failed attempt costs is done, and whoever fails at once
 * could have it done again and again. So half_open_max bounds both together.
 *
 * block_threshold counts for a /64, four times as much for a /48. Clients behind one NAT share an
 * address: the default leaves them 64 attempts at a time, where each lasts a few round trips. As it is
 * above cookie_threshold, nobody can lock others out with addresses that are not his.
 */

#include "sa.h"

#define IKE_SOURCE_48_TIMES 4

/** A half-open SA begins; and is somebody's, or has gone. */
void ike_source_add(struct ike_sa *sa);
void ike_source_del(struct ike_sa *sa);

/** All that are counted. */
static inline uint32_t
ike_source_count(const struct ike *e)
{
	return e->by_net[0].n;
}

/** Where addr is there are as many as one network may have. */
bool ike_source_full(const struct ike *e, const struct in6_addr *addr);

#endif
