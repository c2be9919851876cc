/* SPDX-License-Identifier: BSD-3-Clause */

#include "unique.h"

#include "conn.h"
#include "reauth.h"

/* one that came up so shortly before the SA over which the peer says INITIAL_CONTACT began, or
 * later, may not have been known to it then */
#define YOUNG_MS  10000
#define REAUTH_MS 10000 /* so long a peer that reauthenticates has to delete the old SA itself */

void
ike_unique_contest(struct ike_sa *sa)
{
	if (sa->contested)
		return;
	sa->contested = true;
	sa->contested_at = 0;
	if (sa->win.request.buf != NULL) {
		/* what is outstanding is the question: once more, now */
		sa->contested_at = sa->win.tries;
		sa->win.due_ms = sa->e->now_ms;
		ike_sa_touch(sa);
	}
	ike_task_add(sa, IKE_TASK_LIVENESS, NULL, 0, 0);
}

/**
 * INITIAL_CONTACT (2.4): whatever else we have with this peer is gone on its side. When both ends
 * connect at once, or the peer with two connections, it may have said so before it had the other
 * SA: a young one is asked first.
 */
static void
initial_contact(struct ike_sa *sa)
{
	struct ike_sa *o, *next;

	for (o = ike_sa_same_ends(sa, NULL); o != NULL; o = next) {
		next = ike_sa_same_ends(sa, o);
		if (o->up_ms + YOUNG_MS > sa->created_ms)
			ike_unique_contest(o);
		else
			ike_sa_end(o, IKE_END_CONTACT, false,
				"the peer started anew (INITIAL_CONTACT)");
	}
}

/** From where the other one is: then it is a reauthentication, or both ends were connecting. */
static bool
same_address(const struct ike_sa *a, const struct ike_sa *b)
{
	return memcmp(&a->path.remote, &b->path.remote, 16) == 0;
}

/**
 * Both ends may connect at once, each sees its own SA come up in another order, and each would
 * delete the other's: what is young and from the other end is left to dup.h, which both ends decide
 * alike.
 */
static bool
crossing(const struct ike_sa *sa, const struct ike_sa *o)
{
	return o->initiator != sa->initiator && sa->e->now_ms - o->up_ms < YOUNG_MS;
}

/** The peer deletes by itself what it replaces by a reauthentication: it is given the time (2.8.3).
 */
static void
delete_others(struct ike_sa *sa)
{
	struct ike_sa *o;

	for (o = ike_sa_same_ends(sa, NULL); o != NULL; o = ike_sa_same_ends(sa, o)) {
		uint64_t wait_ms = same_address(sa, o) ? REAUTH_MS : 0;

		if (!ike_reauth_replaces(sa, o) && !crossing(sa, o))
			ike_task_add(o, IKE_TASK_DELETE_IKE, NULL, 0, sa->e->now_ms + wait_ms);
	}
}

void
ike_unique_apply(struct ike_sa *sa, bool contact)
{
	enum ike_unique unique = sa->conn->unique;

	if (contact && unique != IKE_UNIQUE_NEVER)
		initial_contact(sa);
	else if (unique == IKE_UNIQUE_REPLACE)
		delete_others(sa);
}

bool
ike_unique_surplus(const struct ike_sa *sa, bool contact)
{
	const struct ike_sa *o;

	if (sa->conn->unique != IKE_UNIQUE_KEEP || contact)
		return false;
	/* from the same address it is a reauthentication, most likely, which must not be refused;
	 * of another connection it is another way to the same peer */
	for (o = ike_sa_same_ends(sa, NULL);
		o != NULL && (same_address(sa, o) || o->conn != sa->conn);
		o = ike_sa_same_ends(sa, o))
		;
	if (o == NULL)
		return false;
	ike_log(sa->e, IKE_LOG_WARN, "IKE", sa->conn->name,
		"unique = keep: there is an IKE_SA with this peer already");
	return true;
}

/** With the same peer, as far as their connections tell. */
static bool
may_be_one(const struct ike_id *a, const struct ike_id *b)
{
	if (ike_id_is_concrete(a))
		return ike_id_match(a, b) != 0;
	return !ike_id_is_concrete(b) || ike_id_match(b, a) != 0;
}

/** Of whoever is at its host, or has its name. */
static uint64_t
claim_hash(const struct ike_sa *sa, bool by_name)
{
	uint64_t hash = ike_id_hash(sa->local_id, IKE_HASH_SEED);

	if (by_name)
		return ike_id_hash(&sa->conn->remote.id, hash);
	return ike_hash_bytes(hash, &sa->path.remote, sizeof(sa->path.remote));
}

static unsigned int
n_claims(const struct ike_sa *sa)
{
	return ike_id_is_concrete(&sa->conn->remote.id) ? 2 : 1;
}

void
ike_unique_claim(struct ike_sa *sa)
{
	struct ike_claim *c = sa->setup->claims;

	for (unsigned int i = 0; i < n_claims(sa) && c[i].node.link == NULL; i++) {
		c[i].sa = sa;
		ike_hash_add(&sa->e->by_claim, &c[i].node, claim_hash(sa, i == 1));
	}
}

void
ike_unique_unclaim(struct ike_sa *sa)
{
	struct ike_claim *c = sa->setup->claims;

	for (unsigned int i = 0; i < 2; i++)
		if (c[i].node.link != NULL)
			ike_hash_del(&sa->e->by_claim, &c[i].node);
}

/** Another connection has just said to the same host, or to the same name, that there is no other.
 */
static bool
is_claimed(const struct ike_sa *sa)
{
	for (unsigned int i = 0; i < n_claims(sa); i++) {
		struct ike_node *n = ike_hash_first(&sa->e->by_claim, claim_hash(sa, i == 1));

		for (; n != NULL; n = ike_hash_next(n)) {
			const struct ike_sa *o = IKE_HOLDER(n, struct ike_claim, node)->sa;

			if (o != sa && ike_id_equal(o->local_id, sa->local_id) &&
				may_be_one(&o->conn->remote.id, &sa->conn->remote.id))
				return true;
		}
	}
	return false;
}

/** One of the SAs that we have may be with whom conn means, who has not said yet who that is. */
static bool
may_be_known(const struct ike_sa *sa)
{
	for (const struct ike_sa *o = sa->e->sas; o != NULL; o = o->next)
		if (o != sa && o->state == IKE_SA_UP && ike_id_equal(o->local_id, sa->local_id) &&
			ike_id_match(o->remote_id, &sa->conn->remote.id) != 0)
			return true;
	return false;
}

bool
ike_unique_first(const struct ike_sa *sa)
{
	if (is_claimed(sa))
		return false;
	if (!ike_id_is_concrete(&sa->conn->remote.id))
		return !may_be_known(sa);
	return ike_sa_same_ends(sa, NULL) == NULL;
}

bool
ike_unique_is_idle(const struct ike_sa *sa)
{
	enum ike_unique unique = sa->conn->unique;
	const struct ike_sa *o;

	if ((unique != IKE_UNIQUE_KEEP && unique != IKE_UNIQUE_REPLACE) || sa->children != NULL ||
		sa->tasks != NULL || sa->active != NULL || sa->state != IKE_SA_UP ||
		sa->rival_of != 0)
		return false;
	for (o = ike_sa_same_ends(sa, NULL); o != NULL; o = ike_sa_same_ends(sa, o))
		if (o->children != NULL && o->rival_of == 0)
			return true;
	return false;
}

bool
ike_unique_is_needed(const struct ike_sa *sa)
{
	if (sa->state != IKE_SA_UP)
		return false;
	for (const struct ike_child *c = sa->children; c != NULL; c = c->next)
		if (ike_child_is_live(c) && ike_reauth_sibling(sa, c->cfg) == NULL)
			return true;
	return ike_sa_same_ends(sa, NULL) == NULL;
}
