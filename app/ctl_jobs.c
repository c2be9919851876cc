/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_jobs.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#define DONE_MAX (GW_JOBS_KNOWN + GW_JOBS_STRANGER + 1) /* all that wait, and the one in hand */
#define NICE     5 /* control, which serves everybody, goes first where they share a CPU */

struct queue {
	struct ike_job **v;
	uint32_t cap, first, n;
};

struct gw_jobs {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	int fd;
	bool stop, stopped;
	void (*run)(struct ike_job *job);
	struct queue known, stranger, done;
	uint64_t n_done;
	uint32_t out; /* pushed and not pulled yet: done has room for all */
};

static bool
put(struct queue *q, struct ike_job *job)
{
	if (q->n == q->cap)
		return false;
	q->v[(q->first + q->n++) % q->cap] = job;
	return true;
}

static struct ike_job *
get(struct queue *q)
{
	struct ike_job *job;

	if (q->n == 0)
		return NULL;
	job = q->v[q->first];
	q->first = (q->first + 1) % q->cap;
	q->n--;
	return job;
}

/** Under the lock. @return NULL = the thread is to end */
static struct ike_job *
next_job(struct gw_jobs *j)
{
	struct ike_job *job = NULL;

	while (!j->stop) {
		job = get(&j->known);
		if (job == NULL)
			job = get(&j->stranger);
		if (job != NULL)
			return job;
		pthread_cond_wait(&j->more, &j->lock);
	}
	return NULL;
}

static void *
work(void *arg)
{
	struct gw_jobs *j = arg;
	struct ike_job *job;

	/* of this thread alone, on Linux; refused it is only less polite */
	(void)setpriority(PRIO_PROCESS, 0, NICE);
	pthread_mutex_lock(&j->lock);
	while ((job = next_job(j)) != NULL) {
		pthread_mutex_unlock(&j->lock);
		j->run(job);
		pthread_mutex_lock(&j->lock);
		(void)put(&j->done, job);
		j->n_done++;
		(void)eventfd_write(j->fd, 1);
	}
	pthread_mutex_unlock(&j->lock);
	return NULL;
}

static bool
alloc_queue(struct queue *q, uint32_t cap)
{
	q->v = calloc(cap, sizeof(struct ike_job *));
	q->cap = cap;
	return q->v != NULL;
}

static int
start(struct gw_jobs *j, const cpu_set_t *cpus)
{
	int rc = pthread_create(&j->thread, NULL, work, j);

	if (rc != 0)
		return rc;
	(void)pthread_setname_np(j->thread, "gw-jobs");
	/* the set is a wish: CPUs may have gone since it was read */
	if (cpus != NULL)
		(void)pthread_setaffinity_np(j->thread, sizeof(*cpus), cpus);
	return 0;
}

static void
release(struct gw_jobs *j)
{
	if (j->fd >= 0)
		close(j->fd);
	free(j->known.v);
	free(j->stranger.v);
	free(j->done.v);
	free(j);
}

struct gw_jobs *
gw_jobs_create(const cpu_set_t *cpus, void (*run)(struct ike_job *job))
{
	struct gw_jobs *j = calloc(1, sizeof(*j));
	int rc = ENOMEM;

	if (j == NULL)
		return NULL;
	j->run = run;
	pthread_mutex_init(&j->lock, NULL);
	pthread_cond_init(&j->more, NULL);
	j->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (j->fd < 0)
		rc = errno;
	else if (alloc_queue(&j->known, GW_JOBS_KNOWN) &&
		 alloc_queue(&j->stranger, GW_JOBS_STRANGER) && alloc_queue(&j->done, DONE_MAX))
		rc = start(j, cpus);
	if (rc == 0)
		return j;
	release(j);
	errno = rc;
	return NULL;
}

bool
gw_jobs_push(struct gw_jobs *j, struct ike_job *job, bool stranger)
{
	bool ok;

	pthread_mutex_lock(&j->lock);
	ok = !j->stop && j->out < DONE_MAX && put(stranger ? &j->stranger : &j->known, job);
	j->out += ok;
	pthread_cond_signal(&j->more);
	pthread_mutex_unlock(&j->lock);
	return ok;
}

int
gw_jobs_fd(const struct gw_jobs *j)
{
	return j->fd;
}

struct ike_job *
gw_jobs_pull(struct gw_jobs *j)
{
	struct ike_job *job;
	eventfd_t n;

	pthread_mutex_lock(&j->lock);
	job = get(&j->done);
	if (job == NULL)
		(void)eventfd_read(j->fd, &n);
	if (job == NULL && j->stopped)
		job = get(&j->known);
	if (job == NULL && j->stopped)
		job = get(&j->stranger);
	j->out -= job != NULL;
	pthread_mutex_unlock(&j->lock);
	return job;
}

void
gw_jobs_get_stats(struct gw_jobs *j, struct gw_jobs_stats *st)
{
	pthread_mutex_lock(&j->lock);
	*st = (struct gw_jobs_stats){
		.done = j->n_done,
		.waiting = j->known.n,
		.waiting_strangers = j->stranger.n,
	};
	pthread_mutex_unlock(&j->lock);
}

void
gw_jobs_stop(struct gw_jobs *j)
{
	if (j == NULL || j->stopped)
		return;
	pthread_mutex_lock(&j->lock);
	j->stop = true;
	pthread_cond_signal(&j->more);
	pthread_mutex_unlock(&j->lock);
	pthread_join(j->thread, NULL);
	j->stopped = true;
}

void
gw_jobs_destroy(struct gw_jobs *j)
{
	if (j == NULL)
		return;
	gw_jobs_stop(j);
	pthread_cond_destroy(&j->more);
	pthread_mutex_destroy(&j->lock);
	release(j);
}
