/* SPDX-License-Identifier: BSD-3-Clause */
/* Nothing is reclaimed while a worker may hold it: by hand, then with two threads that read. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "esp_util.h"
#include "lib/rcu.h"

static unsigned int n_reclaimed;
static void *last_reclaimed;

static void
note(void *obj)
{
	n_reclaimed++;
	last_reclaimed = obj;
}

static void
test_by_hand(void **state)
{
	struct gw_rcu *r = gw_rcu_create(2, SOCKET_ID_ANY);
	int a, b, c;

	assert_non_null(r);
	n_reclaimed = 0;
	/* nobody is online: at once */
	gw_rcu_retire(r, note, &a);
	assert_int_equal(gw_rcu_poll(r), 0);
	assert_int_equal(n_reclaimed, 1);

	gw_rcu_online(r, 0);
	gw_rcu_online(r, 1);
	gw_rcu_retire(r, note, &a);
	gw_rcu_retire(r, note, &b);
	assert_int_equal(gw_rcu_poll(r), 2);
	gw_rcu_quiescent(r, 0);
	assert_int_equal(gw_rcu_poll(r), 2); /* the other may still hold them */
	gw_rcu_retire(r, note, &c);
	gw_rcu_quiescent(r, 1);
	assert_int_equal(gw_rcu_poll(r), 1); /* c was retired after 0 had reported */
	assert_int_equal(n_reclaimed, 3);
	assert_ptr_equal(last_reclaimed, &b);
	gw_rcu_offline(r, 0); /* as good as a report */
	assert_int_equal(gw_rcu_poll(r), 0);
	assert_ptr_equal(last_reclaimed, &c);

	gw_rcu_retire(r, note, &a);
	assert_int_equal(gw_rcu_poll(r), 1);
	gw_rcu_offline(r, 1);
	gw_rcu_destroy(r); /* runs what is pending */
	assert_int_equal(n_reclaimed, 5);
	gw_rcu_destroy(NULL);
}

/* A worker that keeps what it found in an earlier poll reports that poll. */
static void
test_held_over(void **state)
{
	struct gw_rcu *r = gw_rcu_create(1, SOCKET_ID_ANY);
	uint64_t first, second;
	int a, b;

	n_reclaimed = 0;
	gw_rcu_online(r, 0);
	first = gw_rcu_token(r);
	gw_rcu_retire(r, note, &a);
	second = gw_rcu_token(r); /* who looks from now on does not find a */
	gw_rcu_report(r, 0, first);
	assert_int_equal(gw_rcu_poll(r), 1);
	gw_rcu_retire(r, note, &b);
	gw_rcu_report(r, 0, second);
	assert_int_equal(gw_rcu_poll(r), 1);
	assert_ptr_equal(last_reclaimed, &a);
	gw_rcu_report(r, 0, gw_rcu_token(r));
	assert_int_equal(gw_rcu_poll(r), 0);
	gw_rcu_offline(r, 0);
	gw_rcu_destroy(r);
}

/*
 * Threads: an object is poisoned when reclaimed; no reader may ever see that.
 */

#define ROUNDS 20000
#define ALIVE  0x600dcafe

struct shared {
	struct gw_rcu *r;
	_Atomic(_Atomic(uint32_t) *) current;
	_Atomic(bool) stop;
	_Atomic(unsigned int) online;
	_Atomic(uint64_t) reads, dead;
};

struct reader {
	struct shared *sh;
	unsigned int id;
};

static void
bury(void *obj)
{
	_Atomic(uint32_t) *o = obj;

	atomic_store(o, 0xdead);
	free(obj);
}

static void *
read_on(void *arg)
{
	struct reader *rd = arg;
	struct shared *sh = rd->sh;
	uint64_t n = 0, dead = 0;
	cpu_set_t any;

	/* EAL pinned the main thread, and pins are inherited; the readers shall run beside it */
	memset(&any, 0xff, sizeof(any));
	pthread_setaffinity_np(pthread_self(), sizeof(any), &any);
	gw_rcu_online(sh->r, rd->id);
	atomic_fetch_add(&sh->online, 1);
	while (!atomic_load_explicit(&sh->stop, memory_order_relaxed)) {
		_Atomic(uint32_t) *o = atomic_load_explicit(&sh->current, memory_order_acquire);

		dead += atomic_load_explicit(o, memory_order_relaxed) != ALIVE;
		gw_rcu_quiescent(sh->r, rd->id);
		if (++n % 1024 == 0) { /* sleeps in between, as an idle worker does */
			gw_rcu_offline(sh->r, rd->id);
			gw_rcu_online(sh->r, rd->id);
		}
	}
	gw_rcu_offline(sh->r, rd->id);
	atomic_fetch_add(&sh->reads, n);
	atomic_fetch_add(&sh->dead, dead);
	return NULL;
}

static _Atomic(uint32_t) *
alive(void)
{
	_Atomic(uint32_t) *o = malloc(sizeof(*o));

	assert_non_null(o);
	atomic_store(o, ALIVE);
	return o;
}

static void
test_threads(void **state)
{
	struct shared sh = {.r = gw_rcu_create(2, SOCKET_ID_ANY)};
	struct reader readers[2] = {{&sh, 0}, {&sh, 1}};
	_Atomic(uint32_t) *old;
	pthread_t tids[2];
	unsigned int i;

	assert_non_null(sh.r);
	atomic_store(&sh.current, alive());
	for (i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&tids[i], NULL, read_on, &readers[i]), 0);
	while (atomic_load(&sh.online) < 2)
		sched_yield();
	for (i = 0; i < ROUNDS; i++) {
		old = atomic_exchange(&sh.current, alive());
		gw_rcu_retire(sh.r, bury, old);
		gw_rcu_poll(sh.r);
	}
	atomic_store(&sh.stop, true);
	for (i = 0; i < 2; i++)
		pthread_join(tids[i], NULL);
	assert_int_equal(gw_rcu_poll(sh.r), 0);
	assert_int_equal(atomic_load(&sh.dead), 0);
	assert_true(atomic_load(&sh.reads) > 0);
	bury(atomic_load(&sh.current));
	gw_rcu_destroy(sh.r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_held_over),
		cmocka_unit_test(test_threads),
	};

	util_eal("test_rcu");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
