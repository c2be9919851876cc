/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_INDEX_H
#define IKE_INDEX_H

/*
 * The configuration, found from what a peer shows: its address, its identity, a name. Made once for
 * a struct ike_cfg, so that of ten thousand connections a handful is looked at. What is found is a
 * candidate: conn.c judges it.
 */

#include "cfg.h"
#include "hash.h"

/** Addresses that a connection accepts from its peer. Found by the bits that both ends share. */
struct ike_index_addr {
	struct ike_node by_offer, by_id; /* in the tables of that name, or not */
	const struct ike_conn_cfg *conn;
	struct ike_range range;
	uint8_t bits;
	bool resolved; /* of a name: it may change */
	struct ike_index_addr *next; /* of the same connection */
};

/** A connection, child or owner of a secret, by a hash of its name or identity. */
struct ike_index_ref {
	struct ike_node node;
	const struct ike_conn_cfg *conn;
	const struct ike_secret *secret;
};

struct ike_index {
	const struct ike_cfg *cfg;
	/*
	 * By address. For IKE_SA_INIT: of connections that neither addresses nor proposals tell apart
	 * the first one. For IKE_AUTH: those whose peer's identity is a pattern.
	 */
	struct ike_hash by_offer, by_id;
	uint32_t n_bits[129]; /* entries of each length */
	struct ike_index_addr **of_conn; /* n_conns */
	struct ike_hash conns, children; /* by name; the first in the file comes first */
	struct ike_hash ids;		 /* connections, by a peer's identity that is no pattern */
	struct ike_hash owners;		 /* secrets, the last in the file comes first */
	struct ike_index_ref *refs;
	size_t n_refs;
	const struct ike_secret **loose; /* secrets with an owner that is a pattern, or with none */
	uint32_t n_loose;
	/* PPKs (RFC 8784) apart from these: a stranger may name one before it has proved anything */
	struct ike_hash ppks; /* by an owner's bytes without case, the last in the file comes first */
	const struct ike_secret **loose_ppks;
	uint32_t n_loose_ppks;
	uint32_t n_ppks; /* secrets that are PPKs */
};

/** @return 0 or -ENOMEM; ike_index_fini() in either case */
int ike_index_init(struct ike_index *ix, const struct ike_cfg *cfg);
void ike_index_fini(struct ike_index *ix);

/** Replace the addresses that conn's names stood for. @return 0 or -ENOMEM */
int ike_index_resolved(struct ike_index *ix, const struct ike_conn_cfg *conn,
	const struct in6_addr *addrs, unsigned int n);

/** How well an address fits what conn accepts: 0 = not, 1 = %any, 129 = it is named itself. */
unsigned int ike_index_fit(
	const struct ike_index *ix, const struct ike_conn_cfg *conn, const struct in6_addr *remote);

/** A connection names this very host. */
bool ike_index_names(const struct ike_index *ix, const struct in6_addr *remote);

/** A walk over connections whose addresses may fit, the most specific ones first. */
struct ike_index_walk {
	const struct ike_index *ix;
	bool offer;
	const struct in6_addr *remote;
	int bits;		/* of the entry at hand */
	struct ike_node *node;
};

/** @param offer who may answer an IKE_SA_INIT; false: whose peer may call itself many things */
struct ike_index_walk ike_index_by_addr(
	const struct ike_index *ix, const struct in6_addr *remote, bool offer);
/** @return NULL at the end; one may come twice */
const struct ike_conn_cfg *ike_index_next(struct ike_index_walk *w);

/* Chains by hash: what is found may be another one of the same hash. */
const struct ike_index_ref *ike_index_id(const struct ike_index *ix, const struct ike_id *remote);
const struct ike_index_ref *ike_index_owner(const struct ike_index *ix, const struct ike_id *owner);
/** PPKs whose name may be this one: it has no type on the wire, and case may count or not. */
const struct ike_index_ref *ike_index_ppk(const struct ike_index *ix, const struct ike_id *id);
const struct ike_index_ref *ike_index_conn(const struct ike_index *ix, const char *name);
const struct ike_index_ref *ike_index_child(const struct ike_index *ix, const char *name);
const struct ike_index_ref *ike_index_more(const struct ike_index_ref *r);

#endif
