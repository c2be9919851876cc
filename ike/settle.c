/* SPDX-License-Identifier: BSD-3-Clause */

/* Starting SAs, children that wait for their time, and the end of every public call. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "reauth.h"
#include "sa.h"

#define NAME_WAIT_MS    60000
#define NO_ADDR_WAIT_MS 5000 /* an interface or a route may come up later */

static int
choose_path(struct ike *e, const struct ike_conn_cfg *conn, struct ike_path *path)
{
	int err;

	*path = (struct ike_path){
		.local_port = conn->local_port != 0 ? conn->local_port : IKE_PORT,
		.remote_port = conn->remote_port != 0 ? conn->remote_port : IKE_PORT,
	};
	/* a port other than 500 expects the non-ESP marker, which goes with our port: both or
	 * neither */
	if (path->remote_port != IKE_PORT && path->local_port == IKE_PORT)
		path->local_port = IKE_NATT_PORT;
	else if (path->local_port != IKE_PORT && path->remote_port == IKE_PORT)
		path->remote_port = IKE_NATT_PORT;
	err = ike_names_remote(e, conn, &path->remote);
	if (err != 0)
		return err;
	return e->host.local_addr(
		e->host.arg, &path->remote, conn->local_addrs, conn->n_local, &path->local);
}

int
ike_sa_connect_path(struct ike *e, const struct ike_conn_cfg *conn,
	const struct ike_child_cfg *child, const struct ike_path *path, struct ike_sa **out)
{
	char a[64], b[64];
	struct ike_sa *sa = ike_sa_create(e, conn, path, true);

	if (sa == NULL)
		return -ENOMEM;
	sa->setup->child = child;
	sa->n_tries = 1;
	if (ike_task_add(sa, IKE_TASK_INIT, NULL, 0, 0) == NULL) {
		ike_sa_end(sa, IKE_END_QUIET, false, NULL);
		return -ENOMEM;
	}
	ike_log(e, IKE_LOG_INFO, "IKE", conn->name, "IKE_SA %u: connecting %s to %s", sa->id,
		ike_addr_text(&path->local, path->local_port, a, sizeof(a)),
		ike_addr_text(&path->remote, path->remote_port, b, sizeof(b)));
	*out = sa;
	return 0;
}

int
ike_sa_connect(struct ike *e, const struct ike_conn_cfg *conn, const struct ike_child_cfg *child,
	struct ike_sa **out)
{
	struct ike_path path;
	int err = choose_path(e, conn, &path);

	if (err == 0)
		return ike_sa_connect_path(e, conn, child, &path, out);
	ike_log(e, IKE_LOG_WARN, "IKE", conn->name, "cannot connect: %s",
		err == -ENXIO          ? "the peer's name does not resolve"
		: err == -EDESTADDRREQ ? "no address of the peer is configured"
				       : "no local address reaches the peer");
	return err;
}

/** child is up, or being set up, over sa. */
static bool
has_child(const struct ike_sa *sa, const struct ike_child_cfg *child)
{
	if (sa->setup != NULL && sa->setup->child == child && sa->initiator)
		return true;
	return ike_child_is_up(sa, child) || ike_task_find(sa, IKE_TASK_CHILD, child, 0) != NULL;
}

/** Up, and neither replaced nor waiting for that to be decided. */
static bool
is_in_place(const struct ike_sa *sa)
{
	return sa->state == IKE_SA_UP && sa->rival_of == 0 && !sa->replaced;
}

static bool
usable(const struct ike_sa *sa)
{
	/* one that is about to go carries nothing new */
	return (is_in_place(sa) && ike_task_find(sa, IKE_TASK_DELETE_IKE, NULL, 0) == NULL) ||
	       sa->state == IKE_SA_AUTH_SENT || sa->state == IKE_SA_INIT_SENT;
}

/** It carries nothing new, but stays if its children are not up over another one by then
 * (unique.h). */
static bool
may_stay(const struct ike_sa *sa)
{
	const struct ike_task *end = ike_task_find(sa, IKE_TASK_DELETE_IKE, NULL, 0);

	return is_in_place(sa) && end != NULL && end->not_before_ms > sa->e->now_ms;
}

struct ike_sa *
ike_sa_carrier(const struct ike *e, const struct ike_conn_cfg *conn)
{
	struct ike_sa *best = NULL;

	for (struct ike_sa *sa = ike_sa_of_conn(e, conn); sa != NULL; sa = ike_sa_of_conn_next(sa))
		if (usable(sa) && (best == NULL || sa->state == IKE_SA_UP))
			best = sa;
	return best;
}

int
ike_bring_up(struct ike *e, const struct ike_conn_cfg *conn, const struct ike_child_cfg *child)
{
	struct ike_sa *sa;

	for (sa = ike_sa_of_conn(e, conn); sa != NULL; sa = ike_sa_of_conn_next(sa))
		if ((usable(sa) && (child == NULL || has_child(sa, child))) ||
			(child != NULL && may_stay(sa) && ike_child_is_up(sa, child)))
			return -EALREADY;
	sa = ike_sa_carrier(e, conn);
	if (sa == NULL && !ike_names_ready(e, conn)) {
		/* until the answer comes, which sets its time */
		ike_wish(e, conn, child, e->now_ms + NAME_WAIT_MS);
		return 0;
	}
	if (sa == NULL)
		return ike_sa_connect(e, conn, child, &sa);
	return ike_task_add(sa, IKE_TASK_CHILD, child, 0, 0) != NULL ? 0 : -ENOMEM;
}

/* ---- wishes ---- */

/** The IKE SA alone goes by its connection. */
static uint64_t
wish_hash(const struct ike_conn_cfg *conn, const struct ike_child_cfg *child)
{
	return child != NULL ? (uintptr_t)child : (uintptr_t)conn;
}

static struct ike_wish *
find_wish(const struct ike *e, const struct ike_conn_cfg *conn, const struct ike_child_cfg *child)
{
	return IKE_HOLDER(
		ike_hash_first(&e->wishes, wish_hash(conn, child)), struct ike_wish, by_child);
}

static void
drop_wish(struct ike *e, struct ike_wish *w)
{
	ike_timer_set(&e->wish_heap, &w->timer, IKE_NEVER);
	ike_hash_del(&e->wishes, &w->by_child);
	free(w);
}

static struct ike_wish *
first_wish(const struct ike *e)
{
	return IKE_HOLDER(ike_heap_first(&e->wish_heap), struct ike_wish, timer);
}

void
ike_wish_drop_all(struct ike *e)
{
	const struct ike_hash *h = &e->wishes;

	for (uint32_t i = 0; h->n > 0 && i < h->n_buckets; i++)
		while (h->v[i] != NULL)
			drop_wish(e, IKE_HOLDER(h->v[i], struct ike_wish, by_child));
}

/** @return NULL, logged, on lack of memory */
static struct ike_wish *
make_wish(struct ike *e, const struct ike_conn_cfg *conn, const struct ike_child_cfg *child)
{
	struct ike_wish *w = calloc(1, sizeof(*w));

	if (w == NULL || ike_heap_reserve(&e->wish_heap, e->wishes.n + 1) != 0) {
		ike_log(e, IKE_LOG_ERROR, "CHD", conn->name, "%s: out of memory",
			child != NULL ? child->name : "IKE_SA");
		free(w);
		return NULL;
	}
	w->conn = conn;
	w->child = child;
	ike_hash_add(&e->wishes, &w->by_child, wish_hash(conn, child));
	return w;
}

void
ike_wish(struct ike *e, const struct ike_conn_cfg *conn, const struct ike_child_cfg *child,
	uint64_t at_ms)
{
	struct ike_wish *w = find_wish(e, conn, child);

	if (w != NULL && (w->banned || w->timer.at <= at_ms))
		return;
	if (w == NULL)
		w = make_wish(e, conn, child);
	if (w != NULL)
		ike_timer_set(&e->wish_heap, &w->timer, at_ms);
}

bool
ike_wish_move(struct ike *e, const struct ike_conn_cfg *conn, const struct ike_child_cfg *child,
	uint64_t at_ms)
{
	struct ike_wish *w = find_wish(e, conn, child);

	if (w == NULL || w->banned)
		return false;
	if (at_ms == IKE_NEVER)
		drop_wish(e, w);
	else
		ike_timer_set(&e->wish_heap, &w->timer, at_ms);
	return true;
}

void
ike_say_failed(struct ike *e, const struct ike_conn_cfg *conn, const struct ike_child_cfg *child,
	uint32_t ike_id, const char *reason)
{
	const struct ike_event ev = {
		.type = child != NULL ? IKE_EV_CHILD_FAILED : IKE_EV_IKE_FAILED,
		.conn = conn,
		.child = child,
		.ike_id = ike_id,
		.reason = reason,
	};

	if (child != NULL)
		e->stats.child_failed++;
	e->host.event(e->host.arg, &ev);
}

bool
ike_wish_ban(struct ike *e, const struct ike_conn_cfg *conn, const struct ike_child_cfg *child)
{
	struct ike_wish *w = find_wish(e, conn, child);
	bool wished = w != NULL && !w->banned;

	if (w == NULL)
		w = make_wish(e, conn, child);
	if (w == NULL)
		return false;
	ike_timer_set(&e->wish_heap, &w->timer, IKE_NEVER);
	w->banned = true;
	if (wished)
		ike_say_failed(e, conn, child, 0, "terminated");
	return wished;
}

void
ike_wish_unban(struct ike *e, const struct ike_conn_cfg *conn, const struct ike_child_cfg *child)
{
	if (ike_wish_is_banned(e, conn, child))
		drop_wish(e, find_wish(e, conn, child));
}

bool
ike_wish_is_banned(
	const struct ike *e, const struct ike_conn_cfg *conn, const struct ike_child_cfg *child)
{
	const struct ike_wish *w = find_wish(e, conn, child);

	return w != NULL && w->banned;
}

static void
grant(struct ike *e, const struct ike_conn_cfg *conn, const struct ike_child_cfg *child)
{
	int err = ike_bring_up(e, conn, child);

	if (err == -EADDRNOTAVAIL || err == -ENOMEM)
		ike_wish(e, conn, child, e->now_ms + NO_ADDR_WAIT_MS);
}

/** @return true when one was due */
static bool
grant_due(struct ike *e)
{
	const struct ike_wish *due = first_wish(e);
	struct ike_wish w;

	if (due == NULL || due->timer.at > e->now_ms)
		return false;
	w = *due;
	drop_wish(e, first_wish(e));
	grant(e, w.conn, w.child);
	return true;
}

static uint64_t
wishes_due(const struct ike *e)
{
	const struct ike_wish *w = first_wish(e);

	return w == NULL ? IKE_NEVER : w->timer.at;
}

/* ---- settle ---- */

/** A new IKE SA counts its messages from 0; it is asked for once, its own retries follow. */
static void
renew_message_ids(struct ike_sa *sa)
{
	uint32_t top = ike_window_top(&sa->win);

	if (sa->state != IKE_SA_UP || top < IKE_MSG_ID_SOFT)
		return;
	if (top >= IKE_MSG_ID_HARD)
		ike_task_add(sa, IKE_TASK_DELETE_IKE, NULL, 0, 0);
	else if (top == IKE_MSG_ID_SOFT)
		ike_task_add(sa, IKE_TASK_REKEY_IKE, NULL, 0, 0);
}

static void
settle_sa(struct ike_sa *sa)
{
	if (sa->state == IKE_SA_DEAD) {
		ike_sa_free(sa);
		return;
	}
	ike_reauth_finish(sa);
	renew_message_ids(sa);
	ike_task_run(sa);
	/* running tasks may have ended it: then it is on the list again */
	if (!sa->dirty)
		ike_timer_set(&sa->e->heap, &sa->timer, ike_sa_due(sa));
}

/*
 * Thousands of connections may have to start at once, each with a Diffie-Hellman: few at a time, so
 * that what the peers answer is read in between. The rest stays due, and the host comes back at
 * once.
 */
#define GRANTS_MAX 16

static void
settle_dirty(struct ike *e)
{
	struct ike_sa *sa;

	while ((sa = e->dirty) != NULL) {
		e->dirty = sa->dirty_next;
		sa->dirty_next = NULL;
		sa->dirty = false;
		settle_sa(sa);
	}
}

void
ike_settle(struct ike *e)
{
	settle_dirty(e);
	for (unsigned int i = 0; i < GRANTS_MAX && grant_due(e); i++)
		settle_dirty(e);
	ike_timer_set(&e->heap, &e->wish_timer, wishes_due(e));
}
