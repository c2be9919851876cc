/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_CTL_JOBS_H
#define GW_CTL_JOBS_H

/*
 * A thread for what is too long for control: IKE's jobs (ike/host.h). Two bounded queues, of which
 * strangers' comes last; what is done is announced by a descriptor. No EAL.
 *
 *   queues of jobs to do      control writes   job thread reads    under the lock
 *   queue of jobs done        job thread       control             under the lock
 *   a job                     one of the two at a time
 */

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Places for peers that we know, and for strangers: a stranger's wait for the largest group's 11 ms
 * each stays below a second, and below the time after which its peer asks again.
 */
#define GW_JOBS_KNOWN	 1024
#define GW_JOBS_STRANGER 64

struct ike_job;
struct gw_jobs;

struct gw_jobs_stats {
	uint64_t done;
	uint32_t waiting, waiting_strangers;
};

/**
 * Start the thread. Signals are to be blocked before.
 *
 * @param cpus  where it may run; NULL = where the caller may
 * @param run   does a job, on that thread
 * @return NULL with errno
 */
struct gw_jobs *gw_jobs_create(const cpu_set_t *cpus, void (*run)(struct ike_job *job));

/** @return false when the queue is full */
bool gw_jobs_push(struct gw_jobs *j, struct ike_job *job, bool stranger);

/** Readable when something is done. */
int gw_jobs_fd(const struct gw_jobs *j);
/** The next one that is done, NULL = none. After gw_jobs_stop() those that never ran too. */
struct ike_job *gw_jobs_pull(struct gw_jobs *j);

void gw_jobs_get_stats(struct gw_jobs *j, struct gw_jobs_stats *st);

/** End the thread; the job in hand is finished, nothing new is begun. */
void gw_jobs_stop(struct gw_jobs *j);
/** All were pulled. NULL is fine. */
void gw_jobs_destroy(struct gw_jobs *j);

#endif
