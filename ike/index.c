/* SPDX-License-Identifier: BSD-3-Clause */
#include "index.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conn.h"

/* ---- addresses ---- */

/** Leading bits that both ends of a range share: a prefix's length, 128 for a host. */
static uint8_t
shared_bits(const struct ike_range *r)
{
	for (unsigned int i = 0; i < 16; i++) {
		unsigned int differ = r->from.s6_addr[i] ^ r->to.s6_addr[i], same = 8;

		for (; differ != 0; differ >>= 1)
			same--;
		if (same < 8)
			return (uint8_t)(i * 8 + same);
	}
	return 128;
}

static uint64_t
prefix_hash(const struct in6_addr *a, uint8_t bits)
{
	uint64_t hash = ike_hash_bytes(IKE_HASH_SEED, a, bits / 8);
	uint8_t rest = (uint8_t)(a->s6_addr[bits < 128 ? bits / 8 : 15] & (0xff00u >> bits % 8));

	if (bits % 8 != 0)
		hash = ike_hash_bytes(hash, &rest, 1);
	return ike_hash_bytes(hash, &bits, 1);
}

static bool
in_range(const struct ike_range *r, const struct in6_addr *a)
{
	return memcmp(&r->from, a, 16) <= 0 && memcmp(a, &r->to, 16) <= 0;
}

static struct ike_index_addr **
list_of(const struct ike_index *ix, const struct ike_conn_cfg *conn)
{
	return &ix->of_conn[conn - ix->cfg->conns];
}

static bool
same_proposals(const struct ike_proposals *a, const struct ike_proposals *b)
{
	bool same = a->n == b->n;

	for (uint8_t i = 0; i < a->n && same; i++) {
		const struct ike_proposal *p = &a->p[i], *q = &b->p[i];

		same = p->n_transforms == q->n_transforms;
		for (uint8_t k = 0; k < p->n_transforms && same; k++)
			same = p->transforms[k].type == q->transforms[k].type &&
			       p->transforms[k].id == q->transforms[k].id &&
			       p->transforms[k].key_bits == q->transforms[k].key_bits;
	}
	return same;
}

/** An IKE_SA_INIT cannot tell them apart. */
static bool
same_offer(const struct ike_index_addr *a, const struct ike_index_addr *b)
{
	const struct ike_conn_cfg *c = a->conn, *d = b->conn;

	return !a->resolved && !b->resolved &&
	       memcmp(&a->range, &b->range, sizeof(a->range)) == 0 && c->n_local == d->n_local &&
	       memcmp(c->local_addrs, d->local_addrs, c->n_local * sizeof(c->local_addrs[0])) ==
		       0 &&
	       same_proposals(&c->proposals, &d->proposals);
}

static void
enter_tables(struct ike_index *ix, struct ike_index_addr *a)
{
	uint64_t hash = prefix_hash(&a->range.from, a->bits);
	struct ike_node *n, *next;

	/* connections come in from the last to the first: the one before stands for those behind */
	for (n = ike_hash_first(&ix->by_offer, hash); n != NULL; n = next) {
		next = ike_hash_next(n);
		if (same_offer(IKE_HOLDER(n, struct ike_index_addr, by_offer), a))
			ike_hash_del(&ix->by_offer, n);
	}
	ike_hash_add(&ix->by_offer, &a->by_offer, hash);
	if (!ike_id_is_concrete(&a->conn->remote.id))
		ike_hash_add(&ix->by_id, &a->by_id, hash);
	ix->n_bits[a->bits]++;
}

static int
add_addr(struct ike_index *ix, const struct ike_conn_cfg *conn, const struct ike_range *range,
	bool resolved)
{
	struct ike_index_addr *a = calloc(1, sizeof(*a)), **list = list_of(ix, conn);

	if (a == NULL)
		return -ENOMEM;
	a->conn = conn;
	a->range = *range;
	a->bits = shared_bits(range);
	a->resolved = resolved;
	a->next = *list;
	*list = a;
	enter_tables(ix, a);
	return 0;
}

/** Addresses of a connection; only those of names when it goes on. */
static void
drop_addrs(struct ike_index *ix, struct ike_index_addr **list, bool all)
{
	struct ike_index_addr *a;

	while ((a = *list) != NULL) {
		if (!all && !a->resolved) {
			list = &a->next;
			continue;
		}
		*list = a->next;
		if (a->by_offer.link != NULL)
			ike_hash_del(&ix->by_offer, &a->by_offer);
		if (a->by_id.link != NULL)
			ike_hash_del(&ix->by_id, &a->by_id);
		ix->n_bits[a->bits]--;
		free(a);
	}
}

static int
add_addrs(struct ike_index *ix, const struct ike_conn_cfg *c)
{
	static const struct ike_range any = {.to = {{{255, 255, 255, 255, 255, 255, 255, 255, 255,
						     255, 255, 255, 255, 255, 255, 255}}}};
	int err = 0;

	for (uint8_t i = 0; i < c->n_remote && err == 0; i++)
		err = add_addr(ix, c, &c->remote_addrs[i], false);
	if (err == 0 && (c->any_remote || (c->n_remote == 0 && c->n_names == 0)))
		err = add_addr(ix, c, &any, false);
	return err;
}

int
ike_index_resolved(struct ike_index *ix, const struct ike_conn_cfg *conn,
	const struct in6_addr *addrs, unsigned int n)
{
	int err = 0;

	drop_addrs(ix, list_of(ix, conn), false);
	for (unsigned int i = 0; i < n && err == 0; i++)
		err = add_addr(ix, conn, &(struct ike_range){addrs[i], addrs[i]}, true);
	return err;
}

unsigned int
ike_index_fit(
	const struct ike_index *ix, const struct ike_conn_cfg *conn, const struct in6_addr *remote)
{
	unsigned int best = 0;

	for (const struct ike_index_addr *a = *list_of(ix, conn); a != NULL; a = a->next)
		if (a->bits >= best && in_range(&a->range, remote))
			best = a->bits + 1u;
	return best;
}

bool
ike_index_names(const struct ike_index *ix, const struct in6_addr *remote)
{
	const struct ike_node *n = ike_hash_first(&ix->by_offer, prefix_hash(remote, 128));

	for (; n != NULL; n = ike_hash_next(n)) {
		const struct ike_index_addr *a = IKE_HOLDER(
			(struct ike_node *)(uintptr_t)n, struct ike_index_addr, by_offer);

		if (a->bits == 128 && memcmp(&a->range.from, remote, 16) == 0)
			return true;
	}
	return false;
}

struct ike_index_walk
ike_index_by_addr(const struct ike_index *ix, const struct in6_addr *remote, bool offer)
{
	return (struct ike_index_walk){.ix = ix, .offer = offer, .remote = remote, .bits = 129};
}

const struct ike_conn_cfg *
ike_index_next(struct ike_index_walk *w)
{
	const struct ike_hash *h = w->offer ? &w->ix->by_offer : &w->ix->by_id;

	if (w->node != NULL)
		w->node = ike_hash_next(w->node);
	while (w->node == NULL && --w->bits >= 0)
		if (w->ix->n_bits[w->bits] != 0)
			w->node = ike_hash_first(h, prefix_hash(w->remote, (uint8_t)w->bits));
	if (w->node == NULL)
		return NULL;
	return w->offer ? IKE_HOLDER(w->node, struct ike_index_addr, by_offer)->conn
			: IKE_HOLDER(w->node, struct ike_index_addr, by_id)->conn;
}

/* ---- names and identities ---- */

static uint64_t
name_hash(const char *name)
{
	return ike_hash_bytes(IKE_HASH_SEED, name, strlen(name));
}

static void
add_ref(struct ike_index *ix, struct ike_hash *h, uint64_t hash, const struct ike_conn_cfg *conn,
	const struct ike_secret *secret)
{
	struct ike_index_ref *r = &ix->refs[ix->n_refs++];

	r->conn = conn;
	r->secret = secret;
	ike_hash_add(h, &r->node, hash);
}

static size_t
count_refs(const struct ike_cfg *cfg)
{
	size_t n = 0;

	for (uint16_t i = 0; i < cfg->n_conns; i++)
		n += 2u + cfg->conns[i].n_children;
	for (uint16_t i = 0; i < cfg->n_secrets; i++)
		n += cfg->secrets[i].n_owners;
	return n;
}

static void
add_conn_refs(struct ike_index *ix, const struct ike_conn_cfg *c)
{
	add_ref(ix, &ix->conns, name_hash(c->name), c, NULL);
	for (uint16_t k = 0; k < c->n_children; k++)
		add_ref(ix, &ix->children, name_hash(c->children[k].name), c, NULL);
	if (ike_id_is_concrete(&c->remote.id))
		add_ref(ix, &ix->ids, ike_id_hash(&c->remote.id, IKE_HASH_SEED), c, NULL);
}

/** The bytes without their case, whatever they are the name of. */
static uint64_t
ppk_hash(const struct ike_id *id)
{
	uint64_t hash = IKE_HASH_SEED;

	for (uint16_t i = 0; i < id->len; i++) {
		uint8_t b = (uint8_t)tolower(id->data[i]);

		hash = ike_hash_bytes(hash, &b, 1);
	}
	return hash;
}

/** Names that one hash need not find: patterns, and DNs, which may be equal and differ in bytes. */
static bool
is_loose(const struct ike_secret *s, const struct ike_id *owner)
{
	return !ike_id_is_concrete(owner) ||
	       (s->type == IKE_SECRET_PPK && owner->type == IKE_ID_DER_ASN1_DN);
}

static void
add_secret_refs(struct ike_index *ix, const struct ike_secret *s)
{
	bool loose = s->n_owners == 0, ppk = s->type == IKE_SECRET_PPK;

	for (uint16_t i = 0; i < s->n_owners; i++) {
		const struct ike_id *o = &s->owners[i];

		loose |= is_loose(s, o);
		if (is_loose(s, o))
			continue;
		if (ppk)
			add_ref(ix, &ix->ppks, ppk_hash(o), NULL, s);
		else
			add_ref(ix, &ix->owners, ike_id_hash(o, IKE_HASH_SEED), NULL, s);
	}
	ix->n_ppks += ppk;
	if (loose && ppk)
		ix->loose_ppks[ix->n_loose_ppks++] = s;
	else if (loose)
		ix->loose[ix->n_loose++] = s;
}

int
ike_index_init(struct ike_index *ix, const struct ike_cfg *cfg)
{
	int err = 0;

	*ix = (struct ike_index){.cfg = cfg};
	ix->of_conn = calloc(cfg->n_conns + 1u, sizeof(struct ike_index_addr *));
	ix->refs = calloc(count_refs(cfg) + 1u, sizeof(*ix->refs));
	ix->loose = calloc(cfg->n_secrets + 1u, sizeof(const struct ike_secret *));
	ix->loose_ppks = calloc(cfg->n_secrets + 1u, sizeof(const struct ike_secret *));
	if (ix->of_conn == NULL || ix->refs == NULL || ix->loose == NULL ||
		ix->loose_ppks == NULL || ike_hash_init(&ix->ppks) != 0 ||
		ike_hash_init(&ix->by_offer) != 0 || ike_hash_init(&ix->by_id) != 0 ||
		ike_hash_init(&ix->conns) != 0 || ike_hash_init(&ix->children) != 0 ||
		ike_hash_init(&ix->ids) != 0 || ike_hash_init(&ix->owners) != 0)
		return -ENOMEM;
	/* tables give the newest first */
	for (uint16_t i = cfg->n_conns; i-- > 0 && err == 0;) {
		add_conn_refs(ix, &cfg->conns[i]);
		err = add_addrs(ix, &cfg->conns[i]);
	}
	for (uint16_t i = 0; i < cfg->n_secrets; i++)
		add_secret_refs(ix, &cfg->secrets[i]);
	return err;
}

void
ike_index_fini(struct ike_index *ix)
{
	for (uint16_t i = 0; ix->of_conn != NULL && i < ix->cfg->n_conns; i++)
		drop_addrs(ix, &ix->of_conn[i], true);
	ike_hash_fini(&ix->by_offer);
	ike_hash_fini(&ix->by_id);
	ike_hash_fini(&ix->conns);
	ike_hash_fini(&ix->children);
	ike_hash_fini(&ix->ids);
	ike_hash_fini(&ix->owners);
	ike_hash_fini(&ix->ppks);
	free(ix->of_conn);
	free(ix->refs);
	free(ix->loose);
	free(ix->loose_ppks);
	*ix = (struct ike_index){0};
}

static const struct ike_index_ref *
ref_of(const struct ike_node *n)
{
	return IKE_HOLDER((struct ike_node *)(uintptr_t)n, struct ike_index_ref, node);
}

const struct ike_index_ref *
ike_index_id(const struct ike_index *ix, const struct ike_id *remote)
{
	return ref_of(ike_hash_first(&ix->ids, ike_id_hash(remote, IKE_HASH_SEED)));
}

const struct ike_index_ref *
ike_index_owner(const struct ike_index *ix, const struct ike_id *owner)
{
	return ref_of(ike_hash_first(&ix->owners, ike_id_hash(owner, IKE_HASH_SEED)));
}

const struct ike_index_ref *
ike_index_ppk(const struct ike_index *ix, const struct ike_id *id)
{
	return ref_of(ike_hash_first(&ix->ppks, ppk_hash(id)));
}

const struct ike_index_ref *
ike_index_conn(const struct ike_index *ix, const char *name)
{
	return ref_of(ike_hash_first(&ix->conns, name_hash(name)));
}

const struct ike_index_ref *
ike_index_child(const struct ike_index *ix, const char *name)
{
	return ref_of(ike_hash_first(&ix->children, name_hash(name)));
}

const struct ike_index_ref *
ike_index_more(const struct ike_index_ref *r)
{
	return ref_of(ike_hash_next(&r->node));
}
