/* SPDX-License-Identifier: BSD-3-Clause */
#include "reauth.h"

#include "sa.h"

#define REAUTH_RETRY_MS     60000
#define REAUTH_RETRY_MIN_MS 1000

/* ---- who starts it ---- */

/** It is to be up over another SA, too: nobody has terminated it. */
static bool
is_wanted(const struct ike_child *c)
{
	return ike_child_is_live(c) && !ike_wish_is_banned(c->sa->e, c->sa->conn, c->cfg);
}

/** The other children follow the first one over the new SA. */
static void
take_along(const struct ike_sa *sa, const struct ike_child_cfg *first, struct ike_sa *fresh)
{
	for (const struct ike_child *c = sa->children; c != NULL; c = c->next)
		if (is_wanted(c) && c->cfg != first)
			ike_task_add(fresh, IKE_TASK_CHILD, c->cfg, 0, 0);
}

void
ike_reauth_later(struct ike_sa *sa)
{
	uint64_t now = sa->e->now_ms, wait = REAUTH_RETRY_MS;

	/* with time left to come to an end, and to be tried once more */
	if (sa->expire_ms != IKE_NEVER && sa->expire_ms < now + 2 * wait)
		wait = sa->expire_ms > now ? (sa->expire_ms - now) / 2 : 0;
	sa->reauth_ms = now + (wait > REAUTH_RETRY_MIN_MS ? wait : REAUTH_RETRY_MIN_MS);
	ike_sa_touch(sa);
}

void
ike_reauth_start(struct ike_sa *sa)
{
	const struct ike_child_cfg *first = NULL;
	struct ike_sa *fresh = NULL;

	sa->reauth_ms = IKE_NEVER;
	for (const struct ike_child *c = sa->children; c != NULL; c = c->next)
		if (is_wanted(c))
			first = c->cfg;
	ike_log(sa->e, IKE_LOG_INFO, "IKE", sa->conn->name, "IKE_SA %u: reauthenticating", sa->id);
	/* to where the peer is now: it may have moved, or never had an address in the configuration
	 */
	if (ike_sa_connect_path(sa->e, sa->conn, first, &sa->path, &fresh) != 0) {
		ike_log(sa->e, IKE_LOG_WARN, "IKE", sa->conn->name,
			"reauthentication cannot start");
		ike_reauth_later(sa);
		return;
	}
	fresh->reauth_of = sa->id;
	take_along(sa, first, fresh);
}

void
ike_reauth_instead(struct ike_sa *sa)
{
	if (sa->state != IKE_SA_UP)
		return;
	for (const struct ike_sa *o = ike_sa_of_conn(sa->e, sa->conn); o != NULL;
		o = ike_sa_of_conn_next(o))
		if (o->reauth_of == sa->id)
			return;
	sa->reauth_ms = sa->e->now_ms;
	ike_sa_touch(sa);
}

/** Each live child of old is up over sa as well. */
static bool
has_children_of(const struct ike_sa *sa, const struct ike_sa *old)
{
	for (const struct ike_child *c = old->children; c != NULL; c = c->next)
		if (is_wanted(c) && !ike_child_is_up(sa, c->cfg))
			return false;
	return true;
}

/** We brought it up, and it is up over sa, which is younger. */
static bool
is_surplus(const struct ike_child *c, const struct ike_sa *sa)
{
	return is_wanted(c) && c->ours && ike_child_is_up(sa, c->cfg);
}

/** All that o carries is surplus. The peer sees two of ours and leaves them alone, and of those of
 * both ends dup.h leaves one. */
static bool
is_outdone(const struct ike_sa *o, const struct ike_sa *sa)
{
	bool any = false;

	if (ike_task_asks_child(o))
		return false;
	for (const struct ike_child *c = o->children; c != NULL; c = c->next) {
		if (!is_wanted(c))
			continue;
		if (!is_surplus(c, sa))
			return false;
		any = true;
	}
	return any;
}

/** Of both we are the end that decides: the peer does not delete the other one meanwhile. */
static bool
is_ours_over(const struct ike_sa *sa, const struct ike_child_cfg *cfg)
{
	for (const struct ike_child *c = sa->children; c != NULL; c = c->next)
		if (c->cfg == cfg && c->ours && ike_child_is_live(c))
			return true;
	return false;
}

/** Of o, which also carries what is needed, or not ours, the children that are not. */
static void
drop_singly(struct ike_sa *o, const struct ike_sa *sa)
{
	for (const struct ike_child *c = o->children; c != NULL; c = c->next) {
		if (!is_wanted(c) || !c->ours || !is_ours_over(sa, c->cfg))
			continue;
		ike_log(sa->e, IKE_LOG_INFO, "CHD", sa->conn->name,
			"%s: it is up over IKE_SA %u, too: CHILD_SA %u goes", c->cfg->name, sa->id,
			c->id);
		ike_task_add(o, IKE_TASK_DELETE_CHILD, c->cfg, c->id, 0);
	}
}

/** Children that are still to come over old, or would come up only to go with it. */
static void
take_what_comes(struct ike_sa *old, struct ike_sa *sa)
{
	struct ike_task *t, *next;

	if (old->active != NULL && old->active->type == IKE_TASK_CHILD)
		ike_task_add(sa, IKE_TASK_CHILD, old->active->cfg, 0, 0);
	for (t = old->tasks; t != NULL; t = next) {
		next = t->next;
		if (t->type != IKE_TASK_CHILD)
			continue;
		ike_task_add(sa, IKE_TASK_CHILD, t->cfg, 0, t->not_before_ms);
		ike_task_remove(old, t);
	}
}

static void
drop_outdone(const struct ike_sa *sa)
{
	for (struct ike_sa *o = ike_sa_same_ends(sa, NULL); o != NULL;
		o = ike_sa_same_ends(sa, o)) {
		if (o->conn != sa->conn || o->replaced || o->reauth_of != 0 ||
			ike_sa_is_leaving(o) || !ike_sa_same_addresses(o, sa))
			continue;
		if (!is_outdone(o, sa)) {
			drop_singly(o, sa);
			continue;
		}
		ike_log(sa->e, IKE_LOG_INFO, "IKE", sa->conn->name,
			"IKE_SA %u: its children are up over IKE_SA %u, too: it goes", o->id,
			sa->id);
		ike_sa_retire(o);
	}
}

void
ike_reauth_finish(struct ike_sa *sa)
{
	struct ike_sa *old;

	if (sa->reauth_of == 0 || sa->state != IKE_SA_UP || ike_sa_is_leaving(sa) ||
		ike_task_asks_child(sa))
		return;
	old = ike_sa_by_id(sa->e, sa->reauth_of);
	sa->reauth_of = 0;
	if (old != NULL && old->state == IKE_SA_UP) {
		if (!has_children_of(sa, old)) {
			ike_log(sa->e, IKE_LOG_WARN, "IKE", sa->conn->name,
				"IKE_SA %u: the peer refuses its children over the new one, it "
				"goes on",
				old->id);
			ike_reauth_later(old);
			ike_sa_retire(sa);
			return;
		}
		if (!ike_sa_is_leaving(old))
			take_what_comes(old, sa);
		ike_sa_retire(old);
	}
	drop_outdone(sa);
}

void
ike_reauth_follow(const struct ike_sa *old, const struct ike_sa *by)
{
	for (struct ike_sa *sa = ike_sa_of_conn(old->e, old->conn); sa != NULL;
		sa = ike_sa_of_conn_next(sa))
		if (sa->reauth_of == old->id)
			sa->reauth_of = by->id;
}

bool
ike_reauth_replaces(const struct ike_sa *sa, const struct ike_sa *o)
{
	return sa->reauth_of != 0 && sa->reauth_of == o->id;
}

/* ---- both ends ---- */

bool
ike_reauth_is_first(const struct ike_sa *sa, const struct ike_child_cfg *cfg)
{
	return !ike_child_is_up(sa, cfg) && ike_reauth_sibling(sa, cfg) == NULL;
}

void
ike_reauth_alive(struct ike_sa *sa)
{
	for (struct ike_child *c = sa->children; c != NULL; c = c->next)
		if (c->first && !c->sending && ike_child_is_live(c))
			ike_child_switch(c);
}

/** One over an SA that stays, and that in use, if its peer was heard since sa is up, is better than
 * the newest. */
static unsigned int
rank(const struct ike_child *c, const struct ike_sa *sa)
{
	bool used = c->sending && c->sa->last_in_ms >= sa->up_ms;

	return (ike_sa_is_leaving(c->sa) ? 0u : 2u) + (used ? 1u : 0u);
}

struct ike_child *
ike_reauth_sibling(const struct ike_sa *sa, const struct ike_child_cfg *cfg)
{
	struct ike_child *best = NULL;

	for (struct ike_sa *o = ike_sa_same_ends(sa, NULL); o != NULL;
		o = ike_sa_same_ends(sa, o)) {
		if (o->conn != sa->conn)
			continue;
		for (struct ike_child *c = o->children; c != NULL; c = c->next)
			if (c->cfg == cfg && c->out && ike_child_is_live(c) &&
				(best == NULL || rank(c, sa) > rank(best, sa)))
				best = c;
	}
	return best;
}
