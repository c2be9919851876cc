/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_TEST_H
#define IKE_TEST_H

/* What the tests of ike/ share: known answers, bytes from hex, a seeded generator. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ike/keymat.h"
#include "ike/payload.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/** Bytes of a hex string (blanks allowed), rotating through static buffers of 70000. */
static inline struct ike_view
hex(const char *text)
{
	static uint8_t bufs[16][70000];
	static unsigned int turn;
	uint8_t *buf = bufs[turn++ % 16];
	size_t n = 0;
	unsigned int byte;

	for (; *text != '\0'; text++) {
		if (*text == ' ')
			continue;
		assert_int_equal(sscanf(text, "%2x", &byte), 1);
		buf[n++] = (uint8_t)byte;
		text++;
	}
	return (struct ike_view){.p = buf, .len = n};
}

static inline void
assert_view_equal(struct ike_view a, struct ike_view b)
{
	assert_int_equal(a.len, b.len);
	if (a.len > 0)
		assert_memory_equal(a.p, b.p, a.len);
}

/** A copy on the heap of exactly that size, so that the sanitizer sees each read past the end. */
static inline uint8_t *
exact(const void *p, size_t len)
{
	uint8_t *copy = malloc(len == 0 ? 1 : len);

	assert_non_null(copy);
	if (len > 0)
		memcpy(copy, p, len);
	return copy;
}

/** xorshift: the same numbers in each run. */
struct rng {
	uint64_t s;
};

static inline uint32_t
rng_next(struct rng *r)
{
	r->s ^= r->s << 13;
	r->s ^= r->s >> 7;
	r->s ^= r->s << 17;
	return (uint32_t)(r->s >> 16);
}

static inline uint32_t
rng_below(struct rng *r, uint32_t n)
{
	return rng_next(r) % n;
}

struct hmac_vector {
	uint16_t prf;
	const char *key, *data, *mac;
};

struct prf_plus_vector {
	uint16_t prf;
	const char *key, *seed;
	size_t len;
	const char *sha256; /* of the output */
};

struct dh_vector {
	uint16_t group;
	const char *a, *ga, *b, *gb, *gab;
};

struct key_vector {
	struct ike_suite suite;
	const char *ni, *nr, *shared, *spis, *keys; /* SK_d to SK_pr in a row */
	struct ike_suite suite2;		    /* of the SA that rekeys it */
	const char *ni2, *nr2, *shared2, *spis2, *keys2;
	struct ike_suite child;
	const char *keymat, *keymat_dh;
	const char *psk, *message, *id_body, *auth_i, *auth_r;
};

/** Over the SA of the key_vector with the same index. */
struct mixed_vector {
	const char *ppk, *mixed; /* SK_d, SK_pi, SK_pr */
	const char *more, *added, *rekeyed, *keymat;
	const char *inner1, *inner2, *int_auth1, *int_auth2, *auth;
};

struct seal_vector {
	struct ike_suite suite;
	const char *encr_key, *integ_key, *inner, *message;
};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-const-variable"
#pragma GCC diagnostic ignored "-Wunused-variable"
#include "test/vectors/ike.h"
#pragma GCC diagnostic pop

#endif
