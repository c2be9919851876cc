/* SPDX-License-Identifier: BSD-3-Clause */
#include "conn.h"

#include <string.h>

/* ---- addresses ---- */

static bool
in_range(const struct ike_range *r, const struct in6_addr *a)
{
	return memcmp(&r->from, a, 16) <= 0 && memcmp(a, &r->to, 16) <= 0;
}

/** 0 = no match, 1 = %any, 2 = a range, 3 = this very address. */
static unsigned int
local_score(const struct ike_conn_cfg *c, const struct in6_addr *a)
{
	unsigned int best = c->n_local == 0 ? 1 : 0;

	for (unsigned int i = 0; i < c->n_local; i++) {
		const struct ike_range *r = &c->local_addrs[i];
		unsigned int s = memcmp(&r->from, &r->to, 16) == 0 ? 3 : 2;

		if (s > best && in_range(r, a))
			best = s;
	}
	return best;
}

#define PATH_SCORES 1024 /* more than any path_score() */

/** The peer's address counts before ours: itself, then the longer prefix, then %any. */
static unsigned int
path_score(const struct ike_index *ix, const struct ike_conn_cfg *c, const struct ike_path *path)
{
	unsigned int remote = ike_index_fit(ix, c, &path->remote);
	unsigned int local = local_score(c, &path->local);

	return remote == 0 || local == 0 ? 0 : remote * 4 + local;
}

bool
ike_conn_remote_addr(const struct ike_conn_cfg *conn, struct in6_addr *out)
{
	for (unsigned int i = 0; i < conn->n_remote; i++)
		if (memcmp(&conn->remote_addrs[i].from, &conn->remote_addrs[i].to, 16) == 0) {
			*out = conn->remote_addrs[i].from;
			return true;
		}
	return false;
}

/* ---- responder ---- */

const struct ike_conn_cfg *
ike_conn_by_offer(const struct ike_index *ix, const struct ike_path *path,
	const struct ike_proposals *offered, struct ike_proposal *chosen, struct ike_suite *suite,
	const struct ike_conn_cfg **any_match)
{
	struct ike_index_walk w = ike_index_by_addr(ix, &path->remote, true);
	const struct ike_conn_cfg *best = NULL, *c;
	unsigned int best_score = 0, any_score = 0;

	*any_match = NULL;
	while ((c = ike_index_next(&w)) != NULL) {
		unsigned int s = path_score(ix, c, path);
		struct ike_proposal p;
		struct ike_suite got;

		/* the most specific ones came first */
		if (best != NULL && w.bits + 1 < (int)(best_score / 4))
			break;
		if (s > any_score) {
			any_score = s;
			*any_match = c;
		}
		if (s < best_score || s == 0 || (s == best_score && c >= best) ||
			ike_proposals_select(&c->proposals, offered, true, &p, &got) != 0)
			continue;
		best = c;
		best_score = s;
		*chosen = p;
		*suite = got;
	}
	return best;
}

static bool
has_type(const struct ike_proposal *p, uint8_t type)
{
	for (uint8_t i = 0; i < p->n_transforms; i++)
		if (p->transforms[i].type == type)
			return true;
	return false;
}

static bool
has_transform(const struct ike_proposal *p, uint8_t type, uint16_t id, uint16_t bits)
{
	for (uint8_t i = 0; i < p->n_transforms; i++)
		if (p->transforms[i].type == type && p->transforms[i].id == id &&
			(bits == 0 || p->transforms[i].key_bits == bits))
			return true;
	return false;
}

static bool
has_addkes(const struct ike_proposal *p, const struct ike_suite *s)
{
	for (unsigned int i = 0; i < IKE_ADDKE_MAX; i++) {
		uint8_t type = (uint8_t)(IKE_TT_ADDKE1 + i);

		if (!has_transform(p, type, s->addke[i], 0) &&
			(s->addke[i] != IKE_DH_NONE || has_type(p, type)))
			return false;
	}
	return true;
}

static bool
suite_allowed(const struct ike_proposals *l, const struct ike_suite *s)
{
	for (uint8_t i = 0; i < l->n; i++) {
		const struct ike_proposal *p = &l->p[i];

		if (has_transform(p, IKE_TT_ENCR, s->encr, s->encr_key_bits) &&
			(s->integ == IKE_INTEG_NONE ||
				has_transform(p, IKE_TT_INTEG, s->integ, 0)) &&
			has_transform(p, IKE_TT_PRF, s->prf, 0) &&
			has_transform(p, IKE_TT_DH, s->dh, 0) && has_addkes(p, s))
			return true;
	}
	return false;
}

/**
 * An initiator may ask for an identity that we do not use: we answer with ours and leave the
 * decision to it (RFC 7296 3.5), so a different one only ranks lower, unless ours is configured.
 */
static unsigned int
local_id_score(const struct ike_conn_cfg *c, const struct ike_path *path, const struct ike_id *idr)
{
	struct ike_id own;

	if (idr == NULL)
		return 1;
	ike_conn_local_id(c, path, &own);
	if (c->local.id.type == IKE_ID_ANY)
		return ike_id_equal(idr, &own) ? 20 : 1;
	return ike_id_match(idr, &own);
}

/** What an IKE_AUTH request shows, and the best connection for it so far. */
struct by_ids {
	const struct ike_index *ix;
	const struct ike_path *path;
	const struct ike_suite *suite;
	enum ike_auth_by by;
	const struct ike_id *idi, *idr;
	const struct ike_conn_cfg *best;
	unsigned int score;
};

static void
judge(struct by_ids *q, const struct ike_conn_cfg *c)
{
	unsigned int p = path_score(q->ix, c, q->path);
	unsigned int r = ike_id_match(q->idi, &c->remote.id);
	unsigned int l = local_id_score(c, q->path, q->idr);
	unsigned int s = ((c->remote.by == q->by ? 32 + r : r) * 32 + l) * PATH_SCORES + p;

	/* of equal ones the first in the file */
	if (p == 0 || r == 0 || l == 0 || s < q->score || (s == q->score && c >= q->best) ||
		!suite_allowed(&c->proposals, q->suite))
		return;
	q->best = c;
	q->score = s;
}

const struct ike_conn_cfg *
ike_conn_by_ids(const struct ike_index *ix, const struct ike_path *path,
	const struct ike_suite *suite, enum ike_auth_by by, const struct ike_id *idi,
	const struct ike_id *idr)
{
	struct by_ids q = {
		.ix = ix, .path = path, .suite = suite, .by = by, .idi = idi, .idr = idr};
	struct ike_index_walk w = ike_index_by_addr(ix, &path->remote, false);
	const struct ike_conn_cfg *c;

	for (const struct ike_index_ref *r = ike_index_id(ix, idi); r != NULL;
		r = ike_index_more(r))
		judge(&q, r->conn);
	while ((c = ike_index_next(&w)) != NULL)
		judge(&q, c);
	return q.best;
}

/* ---- identities ---- */

void
ike_id_from_addr(struct ike_id *id, const struct in6_addr *addr)
{
	*id = (struct ike_id){.type = IKE_ID_IPV6_ADDR, .len = 16};
	memcpy(id->data, addr, 16);
}

void
ike_conn_local_id(const struct ike_conn_cfg *conn, const struct ike_path *path, struct ike_id *out)
{
	if (conn->local.id.type == IKE_ID_ANY)
		ike_id_from_addr(out, &path->local);
	else
		*out = conn->local.id;
}

bool
ike_id_is_concrete(const struct ike_id *id)
{
	return id->len > 0 && !ike_id_is_pattern(id);
}

/* ---- secrets ---- */

#define EXACT 20 /* of ike_id_match() */

struct owner_match {
	unsigned int local, remote;
};

static struct owner_match
match_owners(const struct ike_secret *s, const struct ike_id *local, const struct ike_id *remote)
{
	struct owner_match m = {0, 0};

	if (s->n_owners == 0)
		return (struct owner_match){1, 1};
	for (uint16_t i = 0; i < s->n_owners; i++) {
		unsigned int l = ike_id_match(local, &s->owners[i]);
		unsigned int r = ike_id_match(remote, &s->owners[i]);

		if (l > m.local)
			m.local = l;
		if (r > m.remote)
			m.remote = r;
	}
	return m;
}

/** The best secret for two identities so far. */
struct for_ids {
	const struct ike_id *local, *remote;
	const struct ike_secret *best;
	struct owner_match m;
};

static void
weigh(struct for_ids *q, const struct ike_secret *s)
{
	struct owner_match m;

	if (s->type != IKE_SECRET_PSK)
		return;
	m = match_owners(s, q->local, q->remote);
	if (m.remote < q->m.remote || (m.remote == q->m.remote && m.local < q->m.local) ||
		m.remote + m.local == 0)
		return;
	/* the later in the file wins a tie */
	if (m.remote == q->m.remote && m.local == q->m.local && s < q->best)
		return;
	q->best = s;
	q->m = m;
}

/** Chains may be long where an identity is in many secrets: of two, the other one is walked. */
static bool
is_shorter(const struct ike_index_ref *a, const struct ike_index_ref *b)
{
	while (a != NULL && b != NULL) {
		a = ike_index_more(a);
		b = ike_index_more(b);
	}
	return a == NULL;
}

const struct ike_secret *
ike_secret_find(const struct ike_index *ix, const struct ike_id *local, const struct ike_id *remote)
{
	const struct ike_index_ref *l = ike_index_owner(ix, local);
	const struct ike_index_ref *r = ike_index_owner(ix, remote), *shorter;
	struct for_ids q = {.local = local, .remote = remote};

	/* both named: nothing is better, and each of the chains has it */
	for (shorter = is_shorter(l, r) ? l : r; shorter != NULL; shorter = ike_index_more(shorter))
		weigh(&q, shorter->secret);
	if (q.m.remote == EXACT && q.m.local == EXACT)
		return q.best;
	for (; r != NULL; r = ike_index_more(r))
		weigh(&q, r->secret);
	for (uint32_t i = 0; i < ix->n_loose; i++)
		weigh(&q, ix->loose[i]);
	for (; q.m.remote == 0 && l != NULL; l = ike_index_more(l))
		weigh(&q, l->secret);
	return q.best;
}

/** A PPK's name has no type on the wire: equal bytes are the same name. */
static unsigned int
match_ppk(const struct ike_secret *s, const struct ike_id *id)
{
	unsigned int best = s->n_owners == 0 ? 1 : 0;

	for (uint16_t i = 0; i < s->n_owners; i++) {
		const struct ike_id *o = &s->owners[i];
		unsigned int m = ike_id_match(id, o);

		if (o->len == id->len && memcmp(o->data, id->data, id->len) == 0)
			m = EXACT;
		if (m > best)
			best = m;
	}
	return best;
}

/** The best PPK so far. */
struct for_ppk {
	const struct ike_secret *best;
	unsigned int m;
};

static void
weigh_ppk(struct for_ppk *q, const struct ike_secret *s, const struct ike_id *id)
{
	unsigned int m = match_ppk(s, id);

	/* the later in the file wins a tie */
	if (m == 0 || m < q->m || (m == q->m && s < q->best))
		return;
	q->best = s;
	q->m = m;
}

const struct ike_secret *
ike_ppk_find(const struct ike_index *ix, const struct ike_id *id)
{
	const struct ike_index_ref *r = ike_index_ppk(ix, id);
	struct for_ppk q = {0};

	for (; r != NULL; r = ike_index_more(r))
		weigh_ppk(&q, r->secret, id);
	for (uint32_t i = 0; i < ix->n_loose_ppks; i++)
		weigh_ppk(&q, ix->loose_ppks[i], id);
	return q.best;
}

/* ---- names ---- */

const struct ike_child_cfg *
ike_conn_child(const struct ike_conn_cfg *conn, const char *child)
{
	for (uint16_t i = 0; i < conn->n_children; i++)
		if (strcmp(conn->children[i].name, child) == 0)
			return &conn->children[i];
	return NULL;
}

const struct ike_conn_cfg *
ike_conn_find(const struct ike_index *ix, const char *conn, const char *child)
{
	const struct ike_index_ref *r;

	if (conn == NULL && child == NULL)
		return ix->cfg->n_conns > 0 ? &ix->cfg->conns[0] : NULL;
	r = conn != NULL ? ike_index_conn(ix, conn) : ike_index_child(ix, child);
	for (; r != NULL; r = ike_index_more(r))
		if ((conn == NULL || strcmp(r->conn->name, conn) == 0) &&
			(child == NULL || ike_conn_child(r->conn, child) != NULL))
			return r->conn;
	return NULL;
}
