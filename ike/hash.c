/* SPDX-License-Identifier: BSD-3-Clause */
#include "hash.h"

#include <errno.h>
#include <stdlib.h>

#define BUCKETS_MIN 64

static struct ike_node **
bucket(struct ike_node **v, uint32_t n_buckets, uint64_t hash)
{
	/* SPIs and ids come as they are: mix them */
	return &v[(hash * 0x9e3779b97f4a7c15u) >> 32 & (n_buckets - 1)];
}

int
ike_hash_init(struct ike_hash *h)
{
	*h = (struct ike_hash){
		.v = calloc(BUCKETS_MIN, sizeof(struct ike_node *)), .n_buckets = BUCKETS_MIN};
	return h->v == NULL ? -ENOMEM : 0;
}

void
ike_hash_fini(struct ike_hash *h)
{
	free(h->v);
	*h = (struct ike_hash){0};
}

static void
push(struct ike_node **head, struct ike_node *n)
{
	n->next = *head;
	n->link = head;
	if (*head != NULL)
		(*head)->link = &n->next;
	*head = n;
}

/** Nodes of one hash keep their order when they are pushed once more from here. */
static struct ike_node *
reversed(struct ike_node *n)
{
	struct ike_node *out = NULL, *next;

	for (; n != NULL; n = next) {
		next = n->next;
		n->next = out;
		out = n;
	}
	return out;
}

static void
grow(struct ike_hash *h)
{
	uint32_t n_buckets = h->n_buckets * 2;
	struct ike_node **v, *n;

	if (n_buckets > UINT32_MAX / 2)
		return;
	v = calloc(n_buckets, sizeof(struct ike_node *));
	if (v == NULL)
		return;
	for (uint32_t i = 0; i < h->n_buckets; i++) {
		h->v[i] = reversed(h->v[i]);
		while ((n = h->v[i]) != NULL) {
			h->v[i] = n->next;
			push(bucket(v, n_buckets, n->hash), n);
		}
	}
	free(h->v);
	h->v = v;
	h->n_buckets = n_buckets;
}

void
ike_hash_add(struct ike_hash *h, struct ike_node *n, uint64_t hash)
{
	if (h->n >= h->n_buckets)
		grow(h);
	n->hash = hash;
	push(bucket(h->v, h->n_buckets, hash), n);
	h->n++;
}

void
ike_hash_del(struct ike_hash *h, struct ike_node *n)
{
	*n->link = n->next;
	if (n->next != NULL)
		n->next->link = n->link;
	n->link = NULL;
	h->n--;
}

static struct ike_node *
skip_to(struct ike_node *n, uint64_t hash)
{
	while (n != NULL && n->hash != hash)
		n = n->next;
	return n;
}

struct ike_node *
ike_hash_first(const struct ike_hash *h, uint64_t hash)
{
	return skip_to(*bucket(h->v, h->n_buckets, hash), hash);
}

struct ike_node *
ike_hash_next(const struct ike_node *n)
{
	return skip_to(n->next, n->hash);
}

uint64_t
ike_hash_bytes(uint64_t hash, const void *p, size_t len)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ b[i]) * 0x100000001b3u;
	return hash;
}
