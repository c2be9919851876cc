/* SPDX-License-Identifier: BSD-3-Clause */

/* What time brings to an IKE SA: retransmission, liveness, lifetimes, reauthentication. */

#include "nat.h"
#include "reauth.h"
#include "sa.h"
#include "send.h"
#include "unique.h"
#include "x_follow.h"

#define REAUTH_WAIT_MS  2000 /* till it is seen again whether the peer answers */
#define CONTESTED_TRIES 1    /* of an SA that the peer's INITIAL_CONTACT denies */
#define PATH_TRIES      3    /* to where a peer says that it is; then where it was, too */

/** The peer connected meanwhile: what we wanted goes over that SA. */
static void
join(struct ike_sa *sa, struct ike_sa *other)
{
	const struct ike_child_cfg *child = sa->setup->child;

	if (child != NULL && !ike_child_is_up(other, child))
		ike_task_add(other, IKE_TASK_CHILD, child, 0, 0);
	ike_task_move(sa, other);
	ike_sa_end(sa, IKE_END_QUIET, false, NULL);
}

/** The first waiting task that asks for a child which nobody has terminated. */
static struct ike_task *
next_child(const struct ike_sa *sa)
{
	struct ike_task *t;

	for (t = sa->tasks; t != NULL; t = t->next)
		if (t->type == IKE_TASK_CHILD && !ike_wish_is_banned(sa->e, sa->conn, t->cfg))
			break;
	return t;
}

bool
ike_sa_drop_first(struct ike_sa *sa)
{
	struct ike_task *t = next_child(sa);

	ike_child_failed(sa, sa->setup->child, "terminated");
	sa->setup->child = t != NULL ? t->cfg : NULL;
	if (t == NULL)
		return false;
	ike_task_remove(sa, t);
	return true;
}

/** No answer while connecting: once more from the start as often as keyingtries says. */
static void
connect_again(struct ike_sa *sa)
{
	const struct ike_conn_cfg *conn = sa->conn;
	const struct ike_child_cfg *child = sa->setup->child;
	struct ike_sa *again, *other;

	if (child != NULL && ike_wish_is_banned(sa->e, conn, child) && !ike_sa_drop_first(sa)) {
		ike_sa_end(sa, IKE_END_FAILED, false, "terminated");
		return;
	}
	child = sa->setup->child;
	/* what it was to replace may be gone by now, and its children up over another one */
	if (sa->reauth_of != 0 && ike_sa_by_id(sa->e, sa->reauth_of) == NULL)
		sa->reauth_of = 0;
	other = sa->reauth_of == 0 ? ike_sa_carrier(sa->e, conn) : NULL;
	if (other != NULL && other->state == IKE_SA_UP) {
		join(sa, other);
		return;
	}
	if (conn->keyingtries != 0 && sa->n_tries >= conn->keyingtries) {
		ike_sa_end(sa, conn->keyingtries_set ? IKE_END_FAILED : IKE_END_REFUSED, false,
			"the peer does not answer");
		return;
	}
	ike_log(sa->e, IKE_LOG_WARN, "IKE", conn->name, "the peer does not answer, trying again");
	if (ike_sa_connect(sa->e, conn, child, &again) != 0) {
		ike_sa_end(sa, IKE_END_REFUSED, false, "the peer does not answer");
		return;
	}
	again->n_tries = sa->n_tries + 1;
	again->reauth_of = sa->reauth_of;
	ike_task_move(sa, again);
	sa->setup->child = NULL;
	ike_sa_end(sa, IKE_END_QUIET, false, NULL);
}

static void
give_up(struct ike_sa *sa)
{
	switch (sa->state) {
	case IKE_SA_INIT_SENT:
	case IKE_SA_AUTH_SENT:
		connect_again(sa);
		break;
	case IKE_SA_DELETING:
	case IKE_SA_REKEYED:
		ike_sa_end(sa, IKE_END_LOCAL, false, "the peer did not answer the DELETE");
		break;
	default:
		if (sa->contested) {
			/* what the SA has over which the peer said so carries on there */
			ike_sa_end(sa, IKE_END_CONTACT, false, "the peer has forgotten it");
			break;
		}
		if (sa->active != NULL && sa->active->type == IKE_TASK_PATH_CHECK)
			ike_log(sa->e, IKE_LOG_WARN, "NET", sa->conn->name,
				"neither the new address answers nor the old one");
		ike_sa_end(sa, IKE_END_DEAD, false, "the peer does not answer");
		break;
	}
}

/** The outstanding request has been repeated as often as is worth it. */
static bool
heard_enough(struct ike_sa *sa)
{
	if (sa->contested && sa->win.tries >= sa->contested_at + CONTESTED_TRIES)
		return true;
	return !ike_window_retry(
		&sa->win, &sa->e->backoff, ike_backoff_chance(sa->e), sa->e->now_ms);
}

static void
repeat(struct ike_sa *sa, const struct ike_path *path)
{
	if (path != NULL)
		ike_send_flight(sa->e, path, &sa->win.request);
}

static void
retransmit(struct ike_sa *sa)
{
	struct ike_task *check;

	if (heard_enough(sa)) {
		give_up(sa);
		return;
	}
	ike_log(sa->e, IKE_LOG_DEBUG, "NET", sa->conn->name, "retransmission %u of request %u",
		sa->win.tries, sa->win.next_out);
	sa->e->stats.retransmits++;
	/* a peer that says it moved hears nothing any more where it was (RFC 4555 3.5) */
	check = ike_task_find(sa, IKE_TASK_PATH_CHECK, NULL, 0);
	if (check != NULL)
		repeat(sa, &check->path);
	/* but somebody who is not reached there may be where it was, after all */
	if (check == NULL || sa->win.tries >= PATH_TRIES) {
		repeat(sa, &sa->path);
		if (check != NULL)
			check->told_old = true;
	}
	if (check == NULL)
		repeat(sa, ike_nat_elsewhere(sa));
	ike_nat_sent(sa);
}

static uint64_t
liveness_due(const struct ike_sa *sa)
{
	if (sa->conn->dpd_delay_s == 0 || sa->win.request.buf != NULL)
		return IKE_NEVER;
	/* one that waits is asked in its time: if it were due we would come back at once */
	if (ike_task_find(sa, IKE_TASK_LIVENESS, NULL, 0) != NULL)
		return IKE_NEVER;
	return sa->last_in_ms + (uint64_t)sa->conn->dpd_delay_s * 1000;
}

/**
 * ESP of a child is evidence of life as good as a message. But where a firewall keeps a state for
 * ESP and another one for IKE, only messages keep the latter: dpd_ignore_esp.
 */
static void
check_liveness(struct ike_sa *sa)
{
	for (struct ike_child *c = sa->children; c != NULL; c = c->next) {
		uint64_t last = sa->conn->dpd_ignore_esp ? 0 : ike_child_last_in(c);

		if (last > sa->last_in_ms)
			sa->last_in_ms = last;
	}
	if (sa->e->now_ms < liveness_due(sa))
		return;
	if (ike_unique_is_idle(sa))
		ike_task_add(sa, IKE_TASK_DELETE_IKE, NULL, 0, 0);
	else
		ike_task_add(sa, IKE_TASK_LIVENESS, NULL, 0, 0);
}

/** Its hard limit is there and no successor: it goes; what is to be up always gets a new one. */
static void
expire(struct ike_sa *sa)
{
	sa->expire_ms = IKE_NEVER;
	ike_log(sa->e, IKE_LOG_WARN, "IKE", sa->conn->name, "IKE_SA %u reached its hard limit",
		sa->id);
	ike_task_add(sa, IKE_TASK_DELETE_IKE, NULL, 0, 0);
	for (const struct ike_child *c = sa->children; c != NULL; c = c->next)
		if (ike_child_is_live(c) && (c->cfg->start_action & IKE_ACTION_START) != 0)
			ike_wish(sa->e, sa->conn, c->cfg, sa->e->now_ms);
}

/**
 * One whose DELETE waits for an answer to what it asked before gets no successor. Nor does one
 * whose peer does not answer, yet: is it dead, dpd_action says what comes after it, and two such
 * SAs would both leave successors.
 */
static void
reauthenticate(struct ike_sa *sa)
{
	const struct ike_task *end = ike_task_find(sa, IKE_TASK_DELETE_IKE, NULL, 0);

	if (end != NULL && end->not_before_ms == 0)
		sa->reauth_ms = IKE_NEVER;
	else if (end != NULL) /* it may be needed again: unique.h */
		sa->reauth_ms = sa->e->now_ms + REAUTH_WAIT_MS;
	else if (sa->win.request.buf != NULL && sa->win.tries > 0)
		sa->reauth_ms = sa->e->now_ms + REAUTH_WAIT_MS;
	else
		ike_reauth_start(sa);
}

static void
tick_up(struct ike_sa *sa)
{
	uint64_t now = sa->e->now_ms;
	struct ike_child *c, *next;

	for (c = sa->children; c != NULL; c = next) {
		next = c->next;
		ike_child_tick(c);
	}
	if (now >= sa->rekey_ms) {
		sa->rekey_ms = ike_task_add(sa, IKE_TASK_REKEY_IKE, NULL, 0, 0) != NULL
				       ? IKE_NEVER
				       : now + IKE_REBUILD_MS;
	}
	if (now >= ike_follow_due(sa))
		ike_follow_drop(sa);
	if (now >= sa->reauth_ms)
		reauthenticate(sa);
	if (now >= sa->expire_ms && sa->replaced) {
		/* a redundant SA that its maker does not delete: it forgot it with what it replaced
		 */
		ike_sa_end(sa, IKE_END_QUIET, false, NULL);
		return;
	}
	if (now >= sa->expire_ms)
		expire(sa);
	if (now >= liveness_due(sa))
		check_liveness(sa);
	ike_nat_tick(sa);
}

static uint64_t
frags_due(const struct ike_frags *f)
{
	return f == NULL ? IKE_NEVER : f->since_ms + IKE_FRAGS_MS;
}

/** The rest of a message never came: what is here of it was held long enough. */
static void
drop_old_frags(struct ike_sa *sa)
{
	for (unsigned int i = 0; i < 2; i++)
		if (sa->e->now_ms >= frags_due(sa->frags[i]))
			ike_sa_drop_frags(sa, i);
}

void
ike_sa_tick(struct ike_sa *sa)
{
	uint64_t now = sa->e->now_ms;

	drop_old_frags(sa);
	if (sa->win.request.buf != NULL && now >= sa->win.due_ms)
		retransmit(sa);
	switch (sa->state) {
	case IKE_SA_UP:
		tick_up(sa);
		break;
	case IKE_SA_HALF_OPEN:
		if (now >= sa->created_ms + IKE_HALF_OPEN_MS)
			ike_sa_end(
				sa, IKE_END_FAILED, false, "the peer did not go on with IKE_AUTH");
		break;
	case IKE_SA_REKEYED:
		if (now >= sa->state_ms + IKE_REKEYED_MS)
			ike_task_add(sa, IKE_TASK_DELETE_IKE, NULL, 0, 0);
		break;
	case IKE_SA_LINGER:
		if (now >= sa->state_ms + IKE_LINGER_MS)
			ike_sa_gone(sa);
		break;
	default:
		break;
	}
}

static uint64_t
earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t
due_up(const struct ike_sa *sa)
{
	uint64_t due = earlier(earlier(sa->rekey_ms, sa->reauth_ms), sa->expire_ms);

	due = earlier(due, earlier(liveness_due(sa), ike_nat_due(sa)));
	due = earlier(due, ike_follow_due(sa));
	for (const struct ike_child *c = sa->children; c != NULL; c = c->next)
		due = earlier(due, ike_child_due(c));
	return earlier(due, ike_task_due(sa));
}

uint64_t
ike_sa_due(const struct ike_sa *sa)
{
	uint64_t due = sa->win.request.buf != NULL ? sa->win.due_ms : IKE_NEVER;

	due = earlier(due, earlier(frags_due(sa->frags[0]), frags_due(sa->frags[1])));
	switch (sa->state) {
	case IKE_SA_UP:
		return earlier(due, due_up(sa));
	case IKE_SA_HALF_OPEN:
		return sa->created_ms + IKE_HALF_OPEN_MS;
	case IKE_SA_REKEYED:
		/* only until our own DELETE is on its way, or waits for what we have begun to ask
		 */
		if (ike_task_find(sa, IKE_TASK_DELETE_IKE, NULL, 0) != NULL)
			return earlier(due, ike_task_due(sa));
		return earlier(due, sa->state_ms + IKE_REKEYED_MS);
	case IKE_SA_LINGER:
		return sa->state_ms + IKE_LINGER_MS;
	default:
		return due;
	}
}
