/* SPDX-License-Identifier: BSD-3-Clause */

#include "unique.h"

#include "conn.h"
#include "reauth.h"

/* one that is younger may not have been known to the peer when it said INITIAL_CONTACT */
#define YOUNG_MS  10000
#define REAUTH_MS 10000 /* so long a peer that reauthenticates has to delete the old SA itself */

void
ike_unique_contest(struct ike_sa *sa)
{
	sa->contested = true;
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
		if (sa->e->now_ms - o->up_ms < YOUNG_MS)
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

/** o has said that there is no other, and it is not known yet to whom. */
static bool
claims(const struct ike_sa *o, const struct ike_sa *sa)
{
	return o != sa && o->state == IKE_SA_AUTH_SENT && o->setup->sent_contact &&
	       ike_id_equal(o->local_id, sa->local_id) &&
	       may_be_one(&o->conn->remote.id, &sa->conn->remote.id);
}

/** Another connection has just said to the same host, or to the same name, that there is no other.
 */
static bool
is_claimed(const struct ike_sa *sa)
{
	const struct ike_index_ref *r = NULL;
	const struct ike_sa *o;

	for (o = ike_sa_same_host(sa, NULL); o != NULL; o = ike_sa_same_host(sa, o))
		if (claims(o, sa))
			return true;
	if (ike_id_is_concrete(&sa->conn->remote.id))
		r = ike_index_id(&sa->e->index, &sa->conn->remote.id);
	for (; r != NULL; r = ike_index_more(r))
		for (o = ike_sa_of_conn(sa->e, r->conn); o != NULL; o = ike_sa_of_conn_next(o))
			if (claims(o, sa))
				return true;
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
