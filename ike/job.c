/* SPDX-License-Identifier: BSD-3-Clause */
#include "job.h"

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>

#include "sa.h"

enum state { NEW, PENDING, DONE };

/*
 * Between ike_host.offload() and ike_job_done() the thread that runs it reads ops and has data; all
 * else is the engine's thread's.
 */
struct ike_job {
	const struct ike_job_ops *ops;
	struct ike_job *next;                 /* of its SA's side */
	struct ike_job *run_next, **run_link; /* PENDING: of the engine */
	struct ike *e;                        /* NULL = the engine is gone */
	struct ike_sa *sa;                    /* NULL = nobody wants the result */
	enum ike_job_side side;
	enum state state;
	uint32_t tag;
	alignas(max_align_t) uint8_t data[];
};

static void
job_free(struct ike_job *j)
{
	size_t size = sizeof(*j) + j->ops->size;

	if (j->ops->fini != NULL)
		j->ops->fini(j->data);
	ike_wipe(j, size);
	free(j);
}

static void
set_pending(struct ike_job *j, struct ike *e)
{
	j->state = PENDING;
	j->run_next = e->jobs;
	j->run_link = &e->jobs;
	if (e->jobs != NULL)
		e->jobs->run_link = &j->run_next;
	e->jobs = j;
	e->n_jobs++;
}

static void
unset_pending(struct ike_job *j)
{
	*j->run_link = j->run_next;
	if (j->run_next != NULL)
		j->run_next->run_link = j->run_link;
	j->e->n_jobs--;
}

struct ike_job *
ike_job_find(const struct ike_sa *sa, enum ike_job_side side, const struct ike_job_ops *ops,
	uint32_t tag)
{
	struct ike_job *j;

	for (j = sa->jobs[side].list; j != NULL; j = j->next)
		if (j->ops == ops && j->tag == tag)
			break;
	return j;
}

struct ike_job *
ike_job_new(struct ike_sa *sa, enum ike_job_side side, const struct ike_job_ops *ops, uint32_t tag)
{
	struct ike_job *j = calloc(1, sizeof(*j) + ops->size);

	if (j == NULL) {
		ike_log(sa->e, IKE_LOG_ERROR, "IKE", sa->conn->name, "out of memory");
		return NULL;
	}
	j->ops = ops;
	j->e = sa->e;
	j->sa = sa;
	j->side = side;
	j->tag = tag;
	j->next = sa->jobs[side].list;
	sa->jobs[side].list = j;
	return j;
}

void *
ike_job_data(struct ike_job *j)
{
	return j->data;
}

static void
forget(struct ike_job *j)
{
	struct ike_job **p;

	for (p = &j->sa->jobs[j->side].list; *p != j; p = &(*p)->next)
		;
	*p = j->next;
	job_free(j);
}

static enum ike_offload
offload(struct ike_job *j, uint32_t cost_us)
{
	const struct ike_host *h = &j->e->host;
	bool stranger = j->sa->state == IKE_SA_HALF_OPEN;

	return h->offload == NULL ? IKE_OFFLOAD_INLINE : h->offload(h->arg, j, stranger, cost_us);
}

int
ike_job_await(struct ike_job *j, uint32_t cost_us)
{
	if (j->state == DONE)
		return 0;
	if (j->state == PENDING)
		return -EINPROGRESS;
	switch (offload(j, cost_us)) {
	case IKE_OFFLOAD_TAKEN:
		j->e->stats.jobs++;
		set_pending(j, j->e);
		return -EINPROGRESS;
	case IKE_OFFLOAD_FULL:
		j->e->stats.jobs_refused++;
		forget(j);
		return -EBUSY;
	default:
		j->ops->run(j->data);
		j->state = DONE;
		return 0;
	}
}

bool
ike_job_pending(const struct ike_sa *sa, enum ike_job_side side)
{
	for (const struct ike_job *j = sa->jobs[side].list; j != NULL; j = j->next)
		if (j->state == PENDING)
			return true;
	return false;
}

void
ike_jobs_clear(struct ike_sa *sa, enum ike_job_side side)
{
	struct ike_jobs *l = &sa->jobs[side];
	struct ike_job *j;

	while ((j = l->list) != NULL) {
		l->list = j->next;
		if (j->state == PENDING)
			j->sa = NULL;
		else
			job_free(j);
	}
	ike_kept_free(l->kept);
	l->kept = NULL;
}

void
ike_jobs_orphan(struct ike *e)
{
	for (struct ike_job *j = e->jobs; j != NULL; j = j->run_next)
		j->e = NULL;
	e->jobs = NULL;
}

void
ike_job_run(struct ike_job *j)
{
	j->ops->run(j->data);
}

void
ike_job_done(struct ike_job *j, uint64_t now_ms)
{
	struct ike *e = j->e;

	if (e == NULL) {
		job_free(j);
		return;
	}
	unset_pending(j);
	e->now_ms = now_ms;
	if (j->sa == NULL) {
		job_free(j);
		return;
	}
	j->state = DONE;
	ike_input_resume(j->sa, j->side);
	ike_settle(e);
}
