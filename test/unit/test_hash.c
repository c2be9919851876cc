/* SPDX-License-Identifier: BSD-3-Clause */

/* Tables that grow: against a plain array. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ike/hash.h"
#include "ike/id.h"

#define N 5000

struct thing {
	struct ike_node node;
	uint64_t key, since;
};

static struct thing things[N];

static uint64_t
next_random(uint64_t *s)
{
	*s = *s * 6364136223846793005u + 1442695040888963407u;
	return *s >> 33;
}

/** The newest of the key that is older than that; NULL = none. */
static struct thing *
naive(uint64_t key, uint64_t before)
{
	struct thing *best = NULL;

	for (unsigned int i = 0; i < N; i++) {
		struct thing *t = &things[i];

		if (t->node.link != NULL && t->key == key && t->since < before &&
			(best == NULL || t->since > best->since))
			best = t;
	}
	return best;
}

/** All of a key, newest first. */
static void
compare(const struct ike_hash *h, uint64_t key)
{
	struct ike_node *n = ike_hash_first(h, key);
	struct thing *want = naive(key, UINT64_MAX);

	for (; n != NULL; n = ike_hash_next(n), want = naive(key, want->since)) {
		assert_non_null(want);
		assert_ptr_equal(IKE_HOLDER(n, struct thing, node), want);
	}
	assert_null(want);
}

static void
test_twin(void **state)
{
	uint64_t rng = 1, now = 0;
	struct ike_hash h;
	uint32_t n = 0;

	(void)state;
	assert_int_equal(ike_hash_init(&h), 0);
	for (unsigned int round = 0; round < 40000; round++) {
		struct thing *t = &things[next_random(&rng) % N];

		if (t->node.link != NULL) {
			ike_hash_del(&h, &t->node);
			assert_null(t->node.link);
			n--;
		} else {
			/* few keys: many share one; each third has a key of its own */
			t->key = t - things;
			if (t->key % 3 != 0)
				t->key = next_random(&rng) % 700 << 40;
			t->since = ++now;
			ike_hash_add(&h, &t->node, t->key);
			n++;
		}
		assert_int_equal(h.n, n);
		if (round % 64 == 0)
			compare(&h, t->key);
	}
	assert_true(h.n_buckets > 1024);
	ike_hash_fini(&h);
}

/* Equal identities must meet in one place, however they are written. */
static void
test_id_hash(void **state)
{
	static const char *const same[][2] = {
		{"gw.example.org", "GW.Example.ORG"},
		{"carol@example.org", "Carol@EXAMPLE.org"},
		{"2001:db8::7", "2001:db8:0::7"},
		{"C=CH, O=raclette, CN=spoke 17", "C=CH, O=Raclette, CN=SPOKE  17"},
	};
	static const char *const other[][2] = {
		{"a.example.org", "b.example.org"},
		{"fqdn:a", "keyid:a"},
		{"keyid:a", "keyid:A"},
		{"C=CH, CN=spoke 17", "C=CH, CN=spoke 18"},
	};
	struct ike_id a, b;

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		assert_int_equal(ike_id_parse(&a, same[i][0]), 0);
		assert_int_equal(ike_id_parse(&b, same[i][1]), 0);
		assert_true(ike_id_equal(&a, &b));
		assert_true(ike_id_hash(&a, 1) == ike_id_hash(&b, 1));
		assert_true(ike_id_hash(&a, 1) != ike_id_hash(&b, 2));
	}
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		assert_int_equal(ike_id_parse(&a, other[i][0]), 0);
		assert_int_equal(ike_id_parse(&b, other[i][1]), 0);
		assert_false(ike_id_equal(&a, &b));
		assert_true(ike_id_hash(&a, 1) != ike_id_hash(&b, 1));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_twin),
		cmocka_unit_test(test_id_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
