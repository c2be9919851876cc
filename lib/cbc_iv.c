/* SPDX-License-Identifier: BSD-3-Clause */
#include "cbc_iv.h"

#include <immintrin.h>

#define LANES  8
#define ROUNDS 10

bool
gw_cbc_iv_works(void)
{
	return __builtin_cpu_supports("aes");
}

__attribute__((target("aes"))) static inline void
make_lanes(const __m128i *key, struct gw_crypto_op *const *op)
{
	const __m128i nonce = _mm_set_epi32(0, -1, -1, -1);
	__m128i s[LANES];

	for (unsigned int i = 0; i < LANES; i++) {
		s[i] = _mm_loadu_si128((const __m128i *)(const void *)op[i]->nonce);
		s[i] = _mm_xor_si128(_mm_and_si128(s[i], nonce), key[0]);
	}
	for (unsigned int r = 1; r < ROUNDS; r++) {
		for (unsigned int i = 0; i < LANES; i++)
			s[i] = _mm_aesenc_si128(s[i], key[r]);
	}
	for (unsigned int i = 0; i < LANES; i++)
		_mm_storeu_si128(
			(__m128i *)(void *)op[i]->iv, _mm_aesenclast_si128(s[i], key[ROUNDS]));
}

__attribute__((target("aes"))) void
gw_cbc_iv_make(
	const uint8_t sched[GW_CBC_IV_SCHED], struct gw_crypto_op *const *ops, unsigned int n)
{
	const __m128i *key = (const __m128i *)(const void *)sched;
	struct gw_crypto_op *last[LANES];
	unsigned int at;

	for (at = 0; at + LANES <= n; at += LANES)
		make_lanes(key, ops + at);
	if (at == n)
		return;
	/* the last one again, where fewer are left */
	for (unsigned int i = 0; i < LANES; i++)
		last[i] = ops[at + i < n ? at + i : n - 1];
	make_lanes(key, last);
}
