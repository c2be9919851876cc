/* SPDX-License-Identifier: BSD-3-Clause */

/* Message IDs, retransmission and the cached reply. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "ike/window.h"

static const struct ike_backoff defaults = {.timeout_ms = 4000, .tries = 5, .base = 1.8};

static void
test_flight(void **state)
{
	struct ike_flight f = {0};
	uint8_t big[300];
	const uint8_t *p;
	size_t pos = 0, len;

	(void)state;
	memset(big, 7, sizeof(big));
	assert_int_equal(ike_flight_add(&f, (const uint8_t *)"abc", 3), 0);
	assert_int_equal(ike_flight_add(&f, big, sizeof(big)), 0);
	assert_int_equal(ike_flight_add(&f, big, 0), -EMSGSIZE);
	assert_int_equal(ike_flight_add(&f, big, 65536), -EMSGSIZE);
	p = ike_flight_next(&f, &pos, &len);
	assert_int_equal(len, 3);
	assert_memory_equal(p, "abc", 3);
	p = ike_flight_next(&f, &pos, &len);
	assert_int_equal(len, sizeof(big));
	assert_memory_equal(p, big, sizeof(big));
	assert_null(ike_flight_next(&f, &pos, &len));
	ike_flight_clear(&f);
	pos = 0;
	assert_null(ike_flight_next(&f, &pos, &len));
}

/** strongSwan's times: 4, 7.2, 12.96, 23.3, 42, 75.6 s. */
/** strongSwan's retransmit_limit and retransmit_jitter: the limit first, then up to so much less.
 */
static void
test_limit_and_jitter(void **state)
{
	static const struct ike_backoff b = {
		.timeout_ms = 1000, .tries = 3, .base = 2, .limit_ms = 3000, .jitter = 20};
	static const struct {
		uint16_t chance;
		uint64_t waits[4];
	} cases[] = {
		{0, {1000, 2000, 3000, 3000}},
		{UINT16_MAX, {800, 1600, 2400, 2400}},
		{UINT16_MAX / 2, {900, 1800, 2700, 2700}},
	};

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		struct ike_window w = {.next_out = 7};
		struct ike_flight f = {0};
		uint64_t now = 0;

		assert_int_equal(ike_flight_add(&f, (const uint8_t *)"req", 3), 0);
		ike_window_sent(&w, &f, &b, cases[i].chance, now);
		for (unsigned int k = 0; k < 4; k++) {
			assert_in_range(w.due_ms - now, cases[i].waits[k], cases[i].waits[k] + 1);
			now = w.due_ms;
			assert_int_equal(ike_window_retry(&w, &b, cases[i].chance, now), k < 3);
		}
		ike_window_fini(&w);
	}
}

static void
test_backoff(void **state)
{
	static const uint64_t at[] = {4000, 11200, 24160, 47488, 89478};
	struct ike_window w = {.next_out = 7};
	struct ike_flight f = {0};
	uint64_t now = 0;

	(void)state;
	assert_false(ike_window_response(&w, 7));
	assert_int_equal(ike_flight_add(&f, (const uint8_t *)"req", 3), 0);
	ike_window_sent(&w, &f, &defaults, 0, now);
	assert_null(f.buf);
	assert_true(ike_window_response(&w, 7));
	assert_false(ike_window_response(&w, 6));
	assert_false(ike_window_response(&w, 8));
	for (unsigned int i = 0; i < 5; i++) {
		assert_in_range(w.due_ms, at[i] - 3, at[i]);
		now = w.due_ms;
		assert_true(ike_window_retry(&w, &defaults, 0, now));
	}
	assert_in_range(w.due_ms - now, 75580, 75584);
	assert_false(ike_window_retry(&w, &defaults, 0, w.due_ms));
	ike_window_answered(&w);
	assert_int_equal(w.next_out, 8);
	assert_false(ike_window_response(&w, 7));
	assert_false(ike_window_response(&w, 8));
	ike_window_fini(&w);
}

static void
test_requests(void **state)
{
	uint8_t d1[IKE_DIGEST_LEN], d2[IKE_DIGEST_LEN];
	struct ike_window w = {0};
	struct ike_flight f = {0};

	(void)state;
	assert_int_equal(ike_digest((const uint8_t *)"one", 3, d1), 0);
	assert_int_equal(ike_digest((const uint8_t *)"two", 3, d2), 0);
	assert_int_equal(ike_window_request(&w, 0, d1), IKE_WIN_NEW);
	assert_int_equal(ike_window_request(&w, 1, d1), IKE_WIN_IGNORE);
	assert_int_equal(ike_window_request(&w, UINT32_MAX, d1), IKE_WIN_IGNORE);
	assert_int_equal(ike_flight_add(&f, (const uint8_t *)"answer", 6), 0);
	ike_window_replied(&w, &f, d1);
	assert_int_equal(ike_window_request(&w, 0, d1), IKE_WIN_AGAIN);
	assert_int_equal(ike_window_request(&w, 0, d2), IKE_WIN_OTHER); /* not bitwise identical */
	assert_int_equal(ike_window_request(&w, 1, d2), IKE_WIN_NEW);
	assert_int_equal(ike_flight_add(&f, (const uint8_t *)"answer", 6), 0);
	ike_window_replied(&w, &f, d2);
	assert_int_equal(ike_window_request(&w, 0, d1), IKE_WIN_IGNORE); /* too old */
	assert_int_equal(ike_window_request(&w, 1, d2), IKE_WIN_AGAIN);
	ike_window_fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flight),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_limit_and_jitter),
		cmocka_unit_test(test_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
