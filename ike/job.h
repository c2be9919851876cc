/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_JOB_H
#define IKE_JOB_H

/*
 * Work that is too long for the engine's thread: Diffie-Hellman of large groups, signatures. A job
 * is a function over data of its own; it touches neither engine nor SA, so that these may change or
 * go while it runs. Private to ike/; what the host sees is in host.h.
 *
 * A handler asks for the job before it has any effect. While the result is not there it backs out;
 * the message is kept with the SA, and when the job is done the same handler runs again from its
 * start and finds the job done. When it comes to an end its jobs are wiped and freed.
 *
 *	j = ike_job_find(sa, side, &ops, tag);
 *	if (j == NULL) {
 *		j = ike_job_new(sa, side, &ops, tag);
 *		... fill ike_job_data(j), check for NULL ...
 *	}
 *	err = ike_job_await(j, cost_us);
 *	if (err != 0)
 *		return err;  (-EINPROGRESS: IKE_AFTER_WAIT in the end; -EBUSY: IKE_AFTER_SILENCE)
 *	... the result is in ike_job_data(j) ...
 */

#include "host.h"
#include "rd.h"
#include "window.h"

struct ike;
struct ike_sa;
struct ike_job;
struct ike_msg;

/** Whose message waits. Each side has one exchange at a time (window size 1), so one handler. */
enum ike_job_side {
	IKE_JOB_PEER, /* the handler of the peer's request */
	IKE_JOB_OWN,  /* building our request, or processing its response */
	IKE_JOB_SIDES
};

/** A kind of job. */
struct ike_job_ops {
	size_t size;		 /* of its data */
	void (*run)(void *data); /* on any thread, sees nothing else; must not fail silently: data says it */
	void (*fini)(void *data); /* free what data points at, may be NULL; data itself is wiped for it */
};

/** A protected message that waits for its handler to run again: clear text and where it came from. */
struct ike_kept;

/** With each SA, for each side. */
struct ike_jobs {
	struct ike_job *list;
	struct ike_kept *kept;
};

/** Where a function returns a notify: there is none yet, a job is under way. */
#define IKE_JOB_WAIT UINT16_MAX

/** The handler's job of that kind, done or not. tag tells several of one kind apart. NULL = none. */
struct ike_job *ike_job_find(const struct ike_sa *sa, enum ike_job_side side,
	const struct ike_job_ops *ops, uint32_t tag);

/** A new one, its data zeroed. @return NULL on lack of memory */
struct ike_job *ike_job_new(struct ike_sa *sa, enum ike_job_side side, const struct ike_job_ops *ops,
	uint32_t tag);

void *ike_job_data(struct ike_job *j);

/**
 * Have it done, unless that was asked for before.
 *
 * @param cost_us about how long it takes: what is short the host lets run at once
 * @return 0 = done; -EINPROGRESS = under way, the handler runs again; -EBUSY = too much of this is
 *         waiting: as if the message had not come. The job is gone then.
 */
int ike_job_await(struct ike_job *j, uint32_t cost_us);

/** A job of that side is under way: what its handler said does not count. */
bool ike_job_pending(const struct ike_sa *sa, enum ike_job_side side);

/** The handler came to its end, or nobody wants to know any more: forget jobs and message. */
void ike_jobs_clear(struct ike_sa *sa, enum ike_job_side side);

/** The engine goes: what is under way belongs to nobody. */
void ike_jobs_orphan(struct ike *e);

/** input.c: the job is done, run the handler again. */
void ike_input_resume(struct ike_sa *sa, enum ike_job_side side);
/** Wipe and free. NULL is fine. */
void ike_kept_free(struct ike_kept *k);

#endif
