/* SPDX-License-Identifier: BSD-3-Clause */
#include "task.h"

#include <errno.h>
#include <stdlib.h>

#include "nego.h"
#include "sa.h"
#include "send.h"

const struct ike_task_ops ike_task_ops[IKE_TASK_N] = {
	[IKE_TASK_INIT] = {IKE_X_SA_INIT, ike_x_init_build, ike_x_init_process},
	[IKE_TASK_INTERMEDIATE] = {IKE_X_INTERMEDIATE, ike_x_inter_build, ike_x_inter_process},
	[IKE_TASK_AUTH] = {IKE_X_AUTH, ike_x_auth_build, ike_x_auth_process},
	[IKE_TASK_CHILD] = {IKE_X_CREATE_CHILD_SA, ike_x_child_build, ike_x_child_process},
	[IKE_TASK_REKEY_CHILD] = {IKE_X_CREATE_CHILD_SA, ike_x_child_build, ike_x_child_process},
	[IKE_TASK_REKEY_IKE] = {IKE_X_CREATE_CHILD_SA, ike_x_rekey_build, ike_x_rekey_process},
	[IKE_TASK_DELETE_CHILD] = {IKE_X_INFORMATIONAL, ike_x_delete_child_build,
		ike_x_delete_child_process},
	[IKE_TASK_DELETE_IKE] = {IKE_X_INFORMATIONAL, ike_x_delete_ike_build,
		ike_x_delete_ike_process},
	[IKE_TASK_LIVENESS] = {IKE_X_INFORMATIONAL, ike_x_liveness_build, ike_x_liveness_process},
	[IKE_TASK_QCD] = {IKE_X_INFORMATIONAL, ike_x_qcd_build, ike_x_qcd_process},
	[IKE_TASK_INVALID_SPI] = {IKE_X_INFORMATIONAL, ike_x_invalid_spi_build,
		ike_x_invalid_spi_process},
	[IKE_TASK_PATH_CHECK] = {IKE_X_INFORMATIONAL, ike_x_path_build, ike_x_path_process},
};

uint8_t
ike_task_exchange(const struct ike_task *t)
{
	return t->nego != NULL && t->nego->following ? (uint8_t)IKE_X_FOLLOWUP_KE
						     : ike_task_ops[t->type].exchange;
}

static bool
same(const struct ike_task *t, enum ike_task_type type, const struct ike_child_cfg *cfg,
	uint32_t child_id)
{
	return t->type == type && t->child_id == child_id && t->spi == 0 &&
	       (type != IKE_TASK_CHILD || t->cfg == cfg);
}

struct ike_task *
ike_task_find(const struct ike_sa *sa, enum ike_task_type type, const struct ike_child_cfg *cfg,
	uint32_t child_id)
{
	struct ike_task *t;

	if (sa->active != NULL && same(sa->active, type, cfg, child_id))
		return sa->active;
	for (t = sa->tasks; t != NULL && !same(t, type, cfg, child_id); t = t->next)
		;
	return t;
}

bool
ike_task_asks_child(const struct ike_sa *sa)
{
	if (sa->active != NULL && sa->active->type == IKE_TASK_CHILD)
		return true;
	for (const struct ike_task *t = sa->tasks; t != NULL; t = t->next)
		if (t->type == IKE_TASK_CHILD)
			return true;
	return false;
}

static void
append(struct ike_sa *sa, struct ike_task *t)
{
	struct ike_task **p;

	for (p = &sa->tasks; *p != NULL; p = &(*p)->next)
		;
	t->next = NULL;
	*p = t;
	ike_sa_touch(sa);
}

struct ike_task *
ike_task_add(struct ike_sa *sa, enum ike_task_type type, const struct ike_child_cfg *cfg,
	uint32_t child_id, uint64_t not_before_ms)
{
	struct ike_task *t = ike_task_find(sa, type, cfg, child_id);

	if (t != NULL) {
		/* an end that was to come later may come now */
		if (type == IKE_TASK_DELETE_IKE && not_before_ms < t->not_before_ms)
			t->not_before_ms = not_before_ms;
		return t;
	}
	t = calloc(1, sizeof(*t));
	if (t == NULL) {
		ike_log(sa->e, IKE_LOG_ERROR, "IKE", sa->conn->name, "out of memory");
		return NULL;
	}
	t->type = type;
	t->cfg = cfg;
	t->child_id = child_id;
	t->not_before_ms = not_before_ms;
	append(sa, t);
	return t;
}

static void
task_free(struct ike_sa *sa, struct ike_task *t)
{
	ike_nego_free(sa, t->nego);
	ike_wipe(t, sizeof(*t));
	free(t);
}

void
ike_task_again(struct ike_sa *sa, struct ike_task *t, uint64_t not_before_ms)
{
	ike_nego_free(sa, t->nego);
	t->nego = NULL;
	t->not_before_ms = not_before_ms;
	t->retries++;
	sa->active = NULL;
	append(sa, t);
}

void
ike_task_remove(struct ike_sa *sa, struct ike_task *t)
{
	struct ike_task **p;

	for (p = &sa->tasks; *p != t; p = &(*p)->next)
		;
	*p = t->next;
	task_free(sa, t);
}

/** What may be asked in the SA's state. */
static bool
may_run(const struct ike_sa *sa, const struct ike_task *t)
{
	switch (sa->state) {
	case IKE_SA_INIT_SENT:
		return t->type == IKE_TASK_INIT;
	case IKE_SA_AUTH_SENT:
		return t->type == IKE_TASK_AUTH || t->type == IKE_TASK_INTERMEDIATE ||
		       (sa->auth_failed && t->type == IKE_TASK_DELETE_IKE);
	case IKE_SA_UP:
		return true;
	case IKE_SA_REKEYED:
		return t->type == IKE_TASK_DELETE_IKE;
	default:
		return false;
	}
}

/**
 * About a child that our answer made, and the peer may not have got that answer yet: it would not
 * know what we talk of. As soon as the peer uses the child, or DELETEs what it replaced, the task
 * goes on.
 */
static bool
is_early(const struct ike_sa *sa, const struct ike_task *t)
{
	const struct ike_child *c;

	if (t->child_id == 0)
		return false;
	c = ike_child_by_id(sa->e, t->child_id);
	return c != NULL && ike_child_is_live(c) && c->use_out_ms != IKE_NEVER;
}

/** The first task whose time has come; the end of the IKE SA goes before all else. */
static struct ike_task **
next_task(struct ike_sa *sa)
{
	struct ike_task **found = NULL;

	if (sa->hush_ms > sa->e->now_ms)
		return NULL;
	for (struct ike_task **p = &sa->tasks; *p != NULL; p = &(*p)->next) {
		if (!may_run(sa, *p) || (*p)->not_before_ms > sa->e->now_ms || is_early(sa, *p))
			continue;
		if ((*p)->type == IKE_TASK_DELETE_IKE)
			return p;
		if (found == NULL)
			found = p;
	}
	return found;
}

/** Back where it came from, until the job is done that its request needs. */
static void
put_back(struct ike_sa *sa, struct ike_task *t)
{
	ike_nego_free(sa, t->nego);
	t->nego = NULL;
	t->next = sa->tasks;
	sa->tasks = t;
}

/** It could not be asked for. */
static void
rekey_later(struct ike_sa *sa, const struct ike_task *t)
{
	struct ike_child *c = ike_child_by_id(sa->e, t->child_id);

	if (t->type == IKE_TASK_REKEY_IKE)
		sa->rekey_ms = sa->e->now_ms + IKE_REBUILD_MS;
	else if (t->type == IKE_TASK_REKEY_CHILD && c != NULL && ike_child_is_live(c))
		ike_child_rekey_later(c, IKE_REBUILD_MS);
}

/** @return true when a request went out, or waits for a job */
static bool
start(struct ike_sa *sa, struct ike_task *t)
{
	const struct ike_task_ops *ops = &ike_task_ops[t->type];
	struct ike_chain c;
	int err;

	sa->active = t;
	ike_send_begin(sa->e, &c);
	err = ops->build(sa, t, &c);
	/* IKE_SA_INIT goes in the clear: its builder sends by itself */
	if (err == 0 && t->type != IKE_TASK_INIT)
		err = ike_send_request(sa, ops->exchange, &c,
			t->type == IKE_TASK_PATH_CHECK ? &t->path : &sa->path);
	if (err == -EINPROGRESS) {
		sa->active = NULL;
		put_back(sa, t);
		return true;
	}
	ike_jobs_clear(sa, IKE_JOB_OWN);
	if (err == 0)
		return true;
	sa->active = NULL;
	if (err != -EALREADY)
		rekey_later(sa, t);
	if (err != -EALREADY && t->type == IKE_TASK_CHILD)
		ike_sa_child_refused(sa, t->cfg, "the request could not be built");
	if (err != -EALREADY && (t->type == IKE_TASK_INIT || t->type == IKE_TASK_INTERMEDIATE ||
					t->type == IKE_TASK_AUTH))
		ike_sa_end(sa, IKE_END_REFUSED, false, "the request could not be built");
	/* what it was to end does not send any more: nothing else would end it */
	if (err != -EALREADY &&
		(t->type == IKE_TASK_DELETE_IKE || t->type == IKE_TASK_DELETE_CHILD))
		ike_sa_end(sa, IKE_END_LOCAL, false, "a DELETE could not be built");
	task_free(sa, t);
	return false;
}

/** A request is outstanding, or its response or the next one's content waits for a job. */
static bool
is_busy(const struct ike_sa *sa)
{
	return sa->win.request.buf != NULL || sa->active != NULL ||
	       ike_job_pending(sa, IKE_JOB_OWN);
}

void
ike_task_run(struct ike_sa *sa)
{
	struct ike_task **p, *t;

	while (!is_busy(sa) && (p = next_task(sa)) != NULL) {
		t = *p;
		*p = t->next;
		t->next = NULL;
		if (start(sa, t))
			return;
	}
}

uint64_t
ike_task_due(const struct ike_sa *sa)
{
	uint64_t due = IKE_NEVER;

	if (is_busy(sa))
		return IKE_NEVER;
	for (const struct ike_task *t = sa->tasks; t != NULL; t = t->next)
		if (may_run(sa, t) && !is_early(sa, t) && t->not_before_ms < due)
			due = t->not_before_ms;
	return due < sa->hush_ms ? sa->hush_ms : due;
}

void
ike_task_response(struct ike_sa *sa, const struct ike_msg *m)
{
	struct ike_task *t = sa->active;

	ike_window_answered(&sa->win);
	ike_sa_touch(sa);
	if (t == NULL)
		return;
	if (ike_sa_authenticated(sa) && ike_msg_notify(m, IKE_N_INVALID_SYNTAX, NULL)) {
		/* fatal to the SA on both sides, without a DELETE (2.21.3) */
		ike_sa_end(sa, IKE_END_PEER, false, "the peer found our request malformed");
		return;
	}
	ike_task_resume(sa, m);
}

void
ike_task_resume(struct ike_sa *sa, const struct ike_msg *m)
{
	struct ike_task *t = sa->active;

	ike_task_ops[t->type].process(sa, t, m);
	if (sa->active == t && ike_job_pending(sa, IKE_JOB_OWN))
		return;
	ike_jobs_clear(sa, IKE_JOB_OWN);
	/* queued again, or gone with its SA, or asked for more, or done */
	if (sa->active != t || sa->win.request.buf != NULL)
		return;
	sa->active = NULL;
	task_free(sa, t);
	ike_sa_touch(sa);
}

void
ike_task_drop_all(struct ike_sa *sa, const char *reason)
{
	struct ike_task *t, *list = sa->active;

	if (list != NULL)
		list->next = sa->tasks;
	else
		list = sa->tasks;
	sa->active = sa->tasks = NULL;
	while ((t = list) != NULL) {
		list = t->next;
		if (t->type == IKE_TASK_CHILD && reason != NULL)
			ike_child_failed(sa, t->cfg, reason);
		task_free(sa, t);
	}
}

void
ike_task_move(struct ike_sa *from, struct ike_sa *to)
{
	struct ike_task *t, *list = from->tasks;

	from->tasks = NULL;
	while ((t = list) != NULL) {
		list = t->next;
		switch (t->type) {
		case IKE_TASK_CHILD:
		case IKE_TASK_REKEY_CHILD:
		case IKE_TASK_DELETE_CHILD:
		case IKE_TASK_PATH_CHECK:
			append(to, t);
			break;
		case IKE_TASK_DELETE_IKE:
			/* asked for before the rekeying: meant is the pair of ends */
			append(to, t);
			break;
		default:
			task_free(from, t);
			break;
		}
	}
}
