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
addr_score(const struct ike_range *list, unsigned int n, const struct in6_addr *a)
{
	unsigned int best = n == 0 ? 1 : 0;

	for (unsigned int i = 0; i < n; i++) {
		unsigned int s = memcmp(&list[i].from, &list[i].to, 16) == 0 ? 3 : 2;

		if (s > best && in_range(&list[i], a))
			best = s;
	}
	return best;
}

static unsigned int
path_score(const struct ike_conn_cfg *c, const struct ike_path *path)
{
	unsigned int remote = addr_score(c->remote_addrs, c->n_remote, &path->remote);
	unsigned int local = addr_score(c->local_addrs, c->n_local, &path->local);

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
ike_conn_by_offer(const struct ike_cfg *cfg, const struct ike_path *path,
	const struct ike_proposals *offered, struct ike_proposal *chosen, struct ike_suite *suite,
	const struct ike_conn_cfg **any_match)
{
	const struct ike_conn_cfg *best = NULL;
	unsigned int best_score = 0, any_score = 0;

	*any_match = NULL;
	for (uint16_t i = 0; i < cfg->n_conns; i++) {
		const struct ike_conn_cfg *c = &cfg->conns[i];
		unsigned int s = path_score(c, path);
		struct ike_proposal p;
		struct ike_suite got;

		if (s > any_score) {
			any_score = s;
			*any_match = c;
		}
		if (s <= best_score ||
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
has_transform(const struct ike_proposal *p, uint8_t type, uint16_t id, uint16_t bits)
{
	for (uint8_t i = 0; i < p->n_transforms; i++)
		if (p->transforms[i].type == type && p->transforms[i].id == id &&
			(bits == 0 || p->transforms[i].key_bits == bits))
			return true;
	return false;
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
			has_transform(p, IKE_TT_DH, s->dh, 0))
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

const struct ike_conn_cfg *
ike_conn_by_ids(const struct ike_cfg *cfg, const struct ike_path *path,
	const struct ike_suite *suite, const struct ike_id *idi, const struct ike_id *idr)
{
	const struct ike_conn_cfg *best = NULL;
	unsigned int best_score = 0;

	for (uint16_t i = 0; i < cfg->n_conns; i++) {
		const struct ike_conn_cfg *c = &cfg->conns[i];
		unsigned int p = path_score(c, path);
		unsigned int r = ike_id_match(idi, &c->remote.id);
		unsigned int l = local_id_score(c, path, idr);
		unsigned int s = (r * 32 + l) * 32 + p;

		if (p == 0 || r == 0 || l == 0 || s <= best_score ||
			!suite_allowed(&c->proposals, suite))
			continue;
		best = c;
		best_score = s;
	}
	return best;
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
	if (id->type == IKE_ID_ANY)
		return false;
	if (id->type == IKE_ID_FQDN || id->type == IKE_ID_RFC822_ADDR)
		return id->len > 0 && id->data[0] != '*';
	return true;
}

/* ---- secrets ---- */

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

const struct ike_secret *
ike_secret_find(const struct ike_cfg *cfg, const struct ike_id *local, const struct ike_id *remote)
{
	const struct ike_secret *best = NULL;
	struct owner_match best_m = {0, 0};

	/* newest first: the later in the file wins a tie */
	for (uint16_t i = cfg->n_secrets; i-- > 0;) {
		const struct ike_secret *s = &cfg->secrets[i];
		struct owner_match m;

		if (s->type != IKE_SECRET_PSK)
			continue;
		m = match_owners(s, local, remote);
		if (m.remote > best_m.remote ||
			(m.remote == best_m.remote && m.local > best_m.local)) {
			best = s;
			best_m = m;
		}
	}
	return best;
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
			m = 20;
		if (m > best)
			best = m;
	}
	return best;
}

const struct ike_secret *
ike_ppk_find(const struct ike_cfg *cfg, const struct ike_id *id)
{
	const struct ike_secret *best = NULL;
	unsigned int best_m = 0;

	for (uint16_t i = cfg->n_secrets; i-- > 0;) {
		const struct ike_secret *s = &cfg->secrets[i];
		unsigned int m = s->type == IKE_SECRET_PPK ? match_ppk(s, id) : 0;

		if (m > best_m) {
			best = s;
			best_m = m;
		}
	}
	return best;
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
ike_conn_find(const struct ike_cfg *cfg, const char *conn, const char *child)
{
	for (uint16_t i = 0; i < cfg->n_conns; i++) {
		const struct ike_conn_cfg *c = &cfg->conns[i];

		if (conn != NULL && strcmp(c->name, conn) != 0)
			continue;
		if (child == NULL || ike_conn_child(c, child) != NULL)
			return c;
	}
	return NULL;
}
