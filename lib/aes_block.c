/* SPDX-License-Identifier: BSD-3-Clause */
#include "aes_block.h"

#include <immintrin.h>

#define LANES  4
#define ROUNDS 10

bool
gw_aes_block_works(void)
{
	return __builtin_cpu_supports("aes");
}

__attribute__((target("aes"))) static void
encrypt_lanes(const struct gw_aes_block *const b[LANES])
{
	const __m128i *key[LANES];
	__m128i s[LANES];

	for (unsigned int i = 0; i < LANES; i++) {
		key[i] = (const __m128i *)(const void *)b[i]->sched;
		s[i] = _mm_xor_si128(_mm_set_epi64x(0, (long long)b[i]->number), key[i][0]);
	}
	for (unsigned int r = 1; r < ROUNDS; r++) {
		for (unsigned int i = 0; i < LANES; i++)
			s[i] = _mm_aesenc_si128(s[i], key[i][r]);
	}
	for (unsigned int i = 0; i < LANES; i++)
		_mm_storeu_si128(
			(__m128i *)(void *)b[i]->out, _mm_aesenclast_si128(s[i], key[i][ROUNDS]));
}

void
gw_aes_block_encrypt(const struct gw_aes_block *blocks, unsigned int n)
{
	for (unsigned int from = 0; from < n; from += LANES) {
		const struct gw_aes_block *b[LANES];

		/* the last one again, where fewer are left */
		for (unsigned int i = 0; i < LANES; i++)
			b[i] = &blocks[from + i < n ? from + i : n - 1];
		encrypt_lanes(b);
	}
}
