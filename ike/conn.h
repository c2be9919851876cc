/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_CONN_H
#define IKE_CONN_H

/* Which connection and which secret a peer gets. Pure look-ups in what index.h finds. */

#include "cfg.h"
#include "index.h"

/**
 * The connection for an IKE_SA_INIT request: addresses must match, the more specific the better,
 * and its IKE proposals must fit the offer.
 *
 * @param any_match [out] a connection whose addresses match, NULL = there is none at all
 * @return NULL when no proposal fits (or nothing matches)
 */
const struct ike_conn_cfg *ike_conn_by_offer(const struct ike_index *ix, const struct ike_path *path,
	const struct ike_proposals *offered, struct ike_proposal *chosen, struct ike_suite *suite,
	const struct ike_conn_cfg **any_match);

/**
 * The connection for an IKE_AUTH request: addresses, suite and identities must match; one whose peer
 * authenticates that way comes before all others.
 * @param idr the identity that the initiator asked for, NULL = none
 */
const struct ike_conn_cfg *ike_conn_by_ids(const struct ike_index *ix, const struct ike_path *path,
	const struct ike_suite *suite, enum ike_auth_by by, const struct ike_id *idi,
	const struct ike_id *idr);

/** What we call ourselves on this connection. */
void ike_conn_local_id(
	const struct ike_conn_cfg *conn, const struct ike_path *path, struct ike_id *out);

/** The address as an identity. */
void ike_id_from_addr(struct ike_id *id, const struct in6_addr *addr);

/** id can stand on the wire: neither %any nor a pattern. */
bool ike_id_is_concrete(const struct ike_id *id);

/**
 * The PSK for two identities: an owner must match one of them (no owner matches all, weakest); the
 * best remote match wins, then the best local one, then the newest.
 */
const struct ike_secret *ike_secret_find(
	const struct ike_index *ix, const struct ike_id *local, const struct ike_id *remote);

/** The PPK that a peer names (RFC 8784): the best owner's, then the newest. */
const struct ike_secret *ike_ppk_find(const struct ike_index *ix, const struct ike_id *id);

/** By name; NULL = the first connection that has such a child, or the first of all. */
const struct ike_conn_cfg *ike_conn_find(
	const struct ike_index *ix, const char *conn, const char *child);
const struct ike_child_cfg *ike_conn_child(const struct ike_conn_cfg *conn, const char *child);

/** An address to send to. @return false when the peer is %any or only ranges */
bool ike_conn_remote_addr(const struct ike_conn_cfg *conn, struct in6_addr *out);

#endif
