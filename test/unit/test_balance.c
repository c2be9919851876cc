/* SPDX-License-Identifier: BSD-3-Clause */
/* Which tunnels should change their owner. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "app/balance.h"

#define N(a) (uint32_t)(sizeof(a) / sizeof((a)[0]))

static void
test_least(void **state)
{
	assert_int_equal(balance_least((unsigned int[]){3}, 1), 0);
	assert_int_equal(balance_least((unsigned int[]){3, 1, 2, 1}, 4), 1);
}

static void
test_stays(void **state)
{
	const struct balance_group groups[] = {{0, 50}, {0, 50}, {1, 10}};
	const struct balance_group one[] = {{0, 100}, {1, 0}};
	unsigned int to;
	uint32_t i;

	/* nobody has much to do */
	assert_false(balance_pick((unsigned int[]){49, 0}, 2, groups, N(groups), &i, &to));
	/* little between them */
	assert_false(balance_pick((unsigned int[]){90, 71}, 2, groups, N(groups), &i, &to));
	/* the only group there is would only make the other one as busy */
	assert_false(balance_pick((unsigned int[]){100, 0}, 2, one, N(one), &i, &to));
	/* busy, but not by any group's doing */
	assert_false(balance_pick((unsigned int[]){100, 0}, 2, one + 1, 1, &i, &to));
	assert_false(balance_pick((unsigned int[]){100, 0}, 2, NULL, 0, &i, &to));
}

static void
test_moves(void **state)
{
	const struct balance_group groups[] = {{0, 10}, {0, 0}, {0, 55}, {1, 5}, {0, 35}};
	unsigned int to;
	uint32_t i;

	/* half of the gap is 40: 35 is next to it */
	assert_true(balance_pick((unsigned int[]){100, 20}, 2, groups, N(groups), &i, &to));
	assert_int_equal(i, 4);
	assert_int_equal(to, 1);
	/* half of the gap is 10 */
	assert_true(balance_pick((unsigned int[]){100, 90, 80}, 3, groups, N(groups), &i, &to));
	assert_int_equal(i, 0);
	assert_int_equal(to, 2);
}

/* The state that says so, and that no trial is running. */
static bool
help(bool offers, const unsigned int *busy, unsigned int n, unsigned int worker)
{
	struct balance_help h = {.offers = offers};

	return balance_help(&h, busy, n, worker, 100, 0);
}

static void
test_help(void **state)
{
	/* it has no time left, somebody else has */
	assert_true(help(false, (unsigned int[]){100, 10}, 2, 0));
	assert_true(help(false, (unsigned int[]){80, 100, 75}, 3, 1));
	assert_false(help(false, (unsigned int[]){100, 10}, 2, 1));
	assert_false(help(false, (unsigned int[]){94, 10}, 2, 0));
	assert_false(help(false, (unsigned int[]){100, 76}, 2, 0));
	/* with help it does more than one core can, or nearly */
	assert_true(help(true, (unsigned int[]){170, 0}, 2, 0));
	assert_true(help(true, (unsigned int[]){76, 90}, 2, 0));
	assert_false(help(true, (unsigned int[]){75, 0}, 2, 0));
	/* nobody has time */
	assert_true(help(true, (unsigned int[]){120, 94}, 2, 0));
	assert_false(help(true, (unsigned int[]){120, 95}, 2, 0));
}

static const unsigned int full[] = {100, 10}, helped[] = {160, 70};

/* Help that brings a twentieth goes on, whatever the load is later. */
static void
test_help_is_worth(void **state)
{
	struct balance_help h = {0};

	assert_true(balance_help(&h, full, 2, 0, 1000, 0));
	assert_true(balance_help(
		&h, helped, 2, 0, 500, 0)); /* nobody has come to it yet: it says nothing */
	assert_true(balance_help(&h, helped, 2, 0, 1050, 9));
	assert_true(balance_help(&h, helped, 2, 0, 900, 9));
	assert_false(balance_help(&h, (unsigned int[]){60, 10}, 2, 0, 600, 9));
	assert_true(balance_help(&h, full, 2, 0, 1000, 0)); /* no rest after that */
}

/* Help that brings less ends, and is tried again later and later. */
static void
test_help_is_not_worth(void **state)
{
	static const unsigned int rests[] = {8, 16, 32, 64, 128, 256, 256};
	struct balance_help h = {0};

	for (unsigned int i = 0; i < N(rests); i++) {
		assert_true(balance_help(&h, full, 2, 0, 1000, 0));
		assert_false(balance_help(&h, helped, 2, 0, 1049, 9));
		for (unsigned int k = 1; k < rests[i]; k++)
			assert_false(balance_help(&h, full, 2, 0, 1000, 0));
	}
	/* once it was worth it, the next failure is the first one again */
	assert_true(balance_help(&h, full, 2, 0, 1000, 0));
	assert_true(balance_help(&h, helped, 2, 0, 2000, 9));
	assert_false(balance_help(&h, (unsigned int[]){60, 10}, 2, 0, 600, 9));
	assert_true(balance_help(&h, full, 2, 0, 1000, 0));
	assert_false(balance_help(&h, helped, 2, 0, 1000, 9));
	for (unsigned int k = 1; k < rests[0]; k++)
		assert_false(balance_help(&h, full, 2, 0, 1000, 0));
	assert_true(balance_help(&h, full, 2, 0, 1000, 0));
}

/* Whatever the loads, a move makes the busiest worker less busy and nobody busier than it was. */
static void
test_any(void **state)
{
	unsigned int n_moves = 0;

	srandom(1);
	for (unsigned int round = 0; round < 20000; round++) {
		struct balance_group groups[12];
		unsigned int n = 2 + (unsigned int)random() % 5, busy[6] = {0}, to, from;
		uint32_t i;

		for (uint32_t k = 0; k < N(groups); k++) {
			groups[k] = (struct balance_group){.owner = (unsigned int)random() % n,
				.load = (uint64_t)random() % 30};
			busy[groups[k].owner] += (unsigned int)groups[k].load;
		}
		if (!balance_pick(busy, n, groups, N(groups), &i, &to))
			continue;
		from = groups[i].owner;
		assert_int_not_equal(from, to);
		for (unsigned int w = 0; w < n; w++)
			assert_true(busy[w] <= busy[from] && busy[w] >= busy[to]);
		assert_true(busy[to] + groups[i].load < busy[from]);
		n_moves++;
	}
	assert_true(n_moves > 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_least),
		cmocka_unit_test(test_stays),
		cmocka_unit_test(test_moves),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_help_is_worth),
		cmocka_unit_test(test_help_is_not_worth),
		cmocka_unit_test(test_any),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
