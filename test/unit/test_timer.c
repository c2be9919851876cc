/* SPDX-License-Identifier: BSD-3-Clause */

/* The deadline heap against a naive twin: the earliest of an array. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ike/timer.h"

#define N 200

static uint64_t
naive_first(const struct ike_timer *t, const bool *set)
{
	uint64_t at = IKE_NEVER;

	for (unsigned int i = 0; i < N; i++)
		if (set[i] && t[i].at < at)
			at = t[i].at;
	return at;
}

static void
test_against_naive(void **state)
{
	struct ike_timer t[N] = {0};
	struct ike_heap h = {0};
	bool set[N] = {false};

	(void)state;
	srandom(1);
	assert_int_equal(ike_heap_reserve(&h, N), 0);
	for (unsigned int n = 0; n < 20000; n++) {
		unsigned int i = (unsigned int)random() % N;
		struct ike_timer *first;

		set[i] = random() % 3 != 0;
		ike_timer_set(&h, &t[i], set[i] ? (uint64_t)random() % 1000 : IKE_NEVER);
		assert_int_equal(t[i].place != 0, set[i]);
		first = ike_heap_first(&h);
		if (first == NULL)
			assert_int_equal(naive_first(t, set), IKE_NEVER);
		else
			assert_int_equal(first->at, naive_first(t, set));
	}
	ike_heap_fini(&h);
}

static void
test_in_order(void **state)
{
	struct ike_timer t[N] = {0};
	struct ike_heap h = {0};
	uint64_t last = 0;

	(void)state;
	assert_int_equal(ike_heap_reserve(&h, N), 0);
	for (unsigned int i = 0; i < N; i++)
		ike_timer_set(&h, &t[i], (uint64_t)random());
	for (unsigned int i = 0; i < N; i++) {
		struct ike_timer *first = ike_heap_first(&h);

		assert_non_null(first);
		assert_true(first->at >= last);
		last = first->at;
		ike_timer_set(&h, first, IKE_NEVER);
	}
	assert_null(ike_heap_first(&h));
	ike_timer_set(&h, &t[0], IKE_NEVER); /* not set: nothing to cancel */
	ike_heap_fini(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_naive),
		cmocka_unit_test(test_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
