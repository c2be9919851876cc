/* SPDX-License-Identifier: BSD-3-Clause */
/* The replay window against a twin that remembers every number and reckons as RFC 4303 words it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/replay.h"

#define TWIN_MAX 20000

struct twin {
	uint64_t top, window;
	size_t n;
	uint64_t seen[TWIN_MAX];
};

static uint64_t rnd_state;

/* xorshift64: the same numbers each run */
static uint64_t
rnd(void)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return rnd_state;
}

static bool
twin_accept(struct twin *t, uint64_t seq)
{
	size_t i;

	if (seq == 0)
		return false;
	if (seq <= t->top && t->top - seq >= t->window)
		return false;
	/* newest first: what can still match lies within a window of the top */
	for (i = t->n; i > 0 && t->n - i < 2 * GW_REPLAY_MAX; i--) {
		if (t->seen[i - 1] == seq)
			return false;
	}
	assert_true(t->n < TWIN_MAX);
	t->seen[t->n++] = seq;
	if (seq > t->top)
		t->top = seq;
	return true;
}

/* The only number with these low bits in the 2^32 numbers that begin with the window */
static bool
twin_infer(const struct twin *t, uint32_t low, uint64_t *seq)
{
	__int128 bottom = (__int128)t->top - (__int128)t->window + 1;
	__int128 high, candidate;

	for (high = (__int128)(t->top >> 32) - 1; high <= (__int128)(t->top >> 32) + 1; high++) {
		candidate = high * ((__int128)1 << 32) + low;
		if (candidate < bottom || candidate >= bottom + ((__int128)1 << 32))
			continue;
		if (candidate < 0 || candidate > (__int128)UINT64_MAX)
			return false;
		*seq = (uint64_t)candidate;
		return true;
	}
	return false;
}

/* Mostly close to the top, on both sides; sometimes a jump */
static uint64_t
next_seq(uint64_t top, uint32_t window)
{
	uint64_t r = rnd() % 100, delta;

	if (r < 40)
		return top + 1 + rnd() % 4;
	if (r < 80)
		delta = rnd() % (window + 66);
	else if (r < 97)
		return top + rnd() % (2 * window + 130);
	else
		return top + rnd() % 100000;
	return top > delta ? top - delta : 0;
}

static struct gw_replay *
window_new(uint32_t window)
{
	struct gw_replay *r = malloc(sizeof(*r) + gw_replay_size(window));

	assert_non_null(r);
	gw_replay_init(r, window, (uint64_t *)(r + 1));
	return r;
}

static void
run(uint32_t window, uint64_t start, bool esn, unsigned int steps)
{
	struct gw_replay *r = window_new(window);
	struct twin *t = calloc(1, sizeof(*t));
	unsigned int i, accepted = 0;

	assert_non_null(t);
	t->window = window;
	if (start > 0) {
		assert_true(gw_replay_commit(r, start));
		assert_true(twin_accept(t, start));
	}
	for (i = 0; i < steps; i++) {
		uint64_t sent = next_seq(t->top, window), seq = 0, seq_twin = 0;
		bool ok;

		if (!esn)
			sent = (uint32_t)sent;
		ok = gw_replay_infer(r, (uint32_t)sent, esn, &seq);
		if (esn) {
			assert_int_equal(ok, twin_infer(t, (uint32_t)sent, &seq_twin));
			if (!ok)
				continue;
			assert_true(seq == seq_twin);
			/* the sender's own number, when the window can know it */
			if (sent + window > t->top)
				assert_true(seq == sent);
		} else {
			assert_true(ok && seq == (uint32_t)sent);
		}
		ok = gw_replay_check(r, seq);
		assert_int_equal(gw_replay_commit(r, seq), ok);
		assert_int_equal(twin_accept(t, seq), ok);
		assert_true(r->top == t->top);
		assert_false(gw_replay_check(r, seq));
		accepted += ok;
	}
	assert_true(accepted > steps / 4);
	free(t);
	free(r);
}

static void
test_twin(void **state)
{
	static const uint32_t windows[] = {
		32, 33, 63, 64, 65, 100, 128, 1000, 1024, 4096, 8191, 8192};
	static const uint64_t starts[] = {0, 1, 31, 5000, UINT32_MAX - 3000, UINT32_MAX,
		(UINT64_C(1) << 32) + 10, (UINT64_C(7) << 32) - 100,
		UINT64_MAX - (UINT64_C(1) << 31)};
	size_t w, s;

	rnd_state = 0x9e3779b97f4a7c15;
	for (w = 0; w < sizeof(windows) / sizeof(windows[0]); w++) {
		for (s = 0; s < sizeof(starts) / sizeof(starts[0]); s++)
			run(windows[w], starts[s], true, 4000);
		run(windows[w], 0, false, 4000);
		run(windows[w], 100000, false, 4000);
	}
}

static void
test_table(void **state)
{
	static const struct {
		uint64_t seq;
		bool ok;
	} steps[] = {
		{0, false},
		{1, true},
		{1, false},
		{9, true},
		{8, true},
		{7, true},
		{7, false},
		{40, true},
		{9, false},
		{8, false}, /* 9 seen, 8 just out */
		{10, true},
		{10, false},
		{1000, true},
		{969, true},
		{968, false},
		{1000, false},
		{1001, true},
		{969, false},
		{970, true},
	};
	struct gw_replay *r = window_new(32);
	size_t i;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		assert_int_equal(gw_replay_commit(r, steps[i].seq), steps[i].ok);
	free(r);
}

static void
test_off(void **state)
{
	struct gw_replay *r = window_new(0);
	uint64_t seq;

	assert_true(gw_replay_infer(r, 5, false, &seq));
	assert_true(gw_replay_check(r, 5) && gw_replay_commit(r, 5) && gw_replay_commit(r, 5));
	assert_true(gw_replay_commit(r, 3));
	assert_true(r->top == 5);
	free(r);
}

/* The last epoch has no next one, the first none before. */
static void
test_ends(void **state)
{
	struct gw_replay *r = window_new(64);
	uint64_t seq;

	assert_false(gw_replay_infer(r, UINT32_MAX, true, &seq));
	assert_true(gw_replay_commit(r, UINT64_MAX));
	assert_false(gw_replay_infer(r, 0, true, &seq));
	assert_true(gw_replay_infer(r, UINT32_MAX - 63, true, &seq));
	assert_true(seq == UINT64_MAX - 63);
	free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_twin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
