/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BARE_H
#define BARE_H

/*
 * Crypto alone, for comparison: for each algorithm the fastest IPsec-MB calls, on text where it lies,
 * everything that they are told filled in beforehand.
 */

#include <stdbool.h>
#include <stdint.h>

#include "lib/crypto_mb.h"

struct bare;

/** One packet's text, in place; 24 bytes in front of it (ESP header, IV) are readable. */
struct bare_text {
	uint8_t *text;
	uint32_t len; /* padded as the algorithm wants it */
	uint32_t key; /* 0..n_keys - 1 */
};

/** @return NULL without memory */
struct bare *bare_create(const struct gw_crypto_alg *row, uint32_t n_keys);
void bare_destroy(struct bare *b);

/** Fill in the jobs of a burst. @param n  1..GW_BURST_MAX */
void bare_prepare(struct bare *b, const struct bare_text *t, uint16_t n);
/** Encrypt and authenticate, or verify and decrypt, what was prepared: this is what is measured. */
void bare_run(struct bare *b, bool out);

#endif
