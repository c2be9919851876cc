/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_HASH_H
#define IKE_HASH_H

/*
 * Hash tables whose nodes lie in what they hold. They grow with their content, so that finding one
 * of ten thousand costs what finding one of ten does. Pure.
 */

#include <stddef.h>
#include <stdint.h>

struct ike_node {
	struct ike_node *next, **link; /* link NULL = in no table, if its owner keeps to that */
	uint64_t hash;
};

struct ike_hash {
	struct ike_node **v;
	uint32_t n_buckets, n; /* n_buckets is a power of two */
};

/** @return 0 or -ENOMEM */
int ike_hash_init(struct ike_hash *h);
/** Forget all nodes; what they lie in is their owner's. */
void ike_hash_fini(struct ike_hash *h);
/** Before all of the same hash. Never fails: without memory the table only gets slower. */
void ike_hash_add(struct ike_hash *h, struct ike_node *n, uint64_t hash);
/** n must be in it; link becomes NULL. */
void ike_hash_del(struct ike_hash *h, struct ike_node *n);
/** The first of those with this hash, and the next one of the same; NULL = no more. */
struct ike_node *ike_hash_first(const struct ike_hash *h, uint64_t hash);
struct ike_node *ike_hash_next(const struct ike_node *n);

#define IKE_HASH_SEED 0xcbf29ce484222325u

/** Continue a hash (FNV-1a) with some bytes. */
uint64_t ike_hash_bytes(uint64_t hash, const void *p, size_t len);

/** What a node lies in; NULL stays NULL. */
#define IKE_HOLDER(node, type, field)                                                              \
	((node) == NULL ? NULL : (type *)(void *)((char *)(node) - offsetof(type, field)))

#endif
