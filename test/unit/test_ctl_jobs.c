/* SPDX-License-Identifier: BSD-3-Clause */

/* The job thread: all that is taken comes back once, order of the classes, bounds, the end. */

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "app/ctl_jobs.h"

/** What the engine's jobs are to the queue: pointers. */
struct ike_job {
	unsigned int ran, order;
};

#define N (GW_JOBS_KNOWN + GW_JOBS_STRANGER + 8)

static struct ike_job jobs[N];
static unsigned int n_ran;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* held: no job gets through */

static void
run(struct ike_job *job)
{
	pthread_mutex_lock(&gate);
	job->ran++;
	job->order = ++n_ran;
	pthread_mutex_unlock(&gate);
}

static struct gw_jobs *
begin(void)
{
	struct gw_jobs *j = gw_jobs_create(NULL, run);

	assert_non_null(j);
	for (unsigned int i = 0; i < N; i++)
		jobs[i] = (struct ike_job){0};
	n_ran = 0;
	return j;
}

static struct ike_job *
wait_one(struct gw_jobs *j)
{
	struct pollfd fd = {.fd = gw_jobs_fd(j), .events = POLLIN};
	struct ike_job *job;

	while ((job = gw_jobs_pull(j)) == NULL)
		assert_int_equal(poll(&fd, 1, -1), 1);
	return job;
}

static void
test_all_come_back(void **state)
{
	struct gw_jobs *j = begin();
	struct gw_jobs_stats st;

	(void)state;
	for (unsigned int i = 0; i < 500; i++)
		assert_true(gw_jobs_push(j, &jobs[i], false));
	for (unsigned int i = 0; i < 500; i++)
		assert_ptr_equal(wait_one(j), &jobs[i]);
	assert_null(gw_jobs_pull(j));
	for (unsigned int i = 0; i < 500; i++)
		assert_int_equal(jobs[i].ran, 1);
	gw_jobs_get_stats(j, &st);
	assert_int_equal(st.done, 500);
	assert_int_equal(st.waiting + st.waiting_strangers, 0);
	gw_jobs_destroy(j);
}

/** Strangers wait for those we know, and have less room. */
static void
test_strangers_last(void **state)
{
	struct gw_jobs *j = begin();
	unsigned int taken = 0, n = 0;

	(void)state;
	pthread_mutex_lock(&gate);
	while (taken < N && gw_jobs_push(j, &jobs[taken], true))
		taken++;
	/* one may be in hand */
	assert_in_range(taken, GW_JOBS_STRANGER, GW_JOBS_STRANGER + 1);
	assert_true(gw_jobs_push(j, &jobs[taken], false));
	pthread_mutex_unlock(&gate);
	while (n++ <= taken)
		wait_one(j);
	/* of the strangers' only the ones in hand were before it */
	assert_true(jobs[taken].order <= 2);
	gw_jobs_destroy(j);
}

/** Stopped with a full queue: what did not run comes back as well. */
static void
test_stop(void **state)
{
	struct gw_jobs *j = begin();
	unsigned int taken = 0, back = 0;

	(void)state;
	pthread_mutex_lock(&gate);
	while (taken < N && gw_jobs_push(j, &jobs[taken], false))
		taken++;
	assert_in_range(taken, GW_JOBS_KNOWN, GW_JOBS_KNOWN + 1);
	pthread_mutex_unlock(&gate);
	gw_jobs_stop(j);
	while (gw_jobs_pull(j) != NULL)
		back++;
	assert_int_equal(back, taken);
	assert_false(gw_jobs_push(j, &jobs[0], false));
	gw_jobs_destroy(j);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_come_back),
		cmocka_unit_test(test_strangers_last),
		cmocka_unit_test(test_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
