/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_AES_BLOCK_H
#define GW_AES_BLOCK_H

/*
 * Single blocks of AES-128 (FIPS 197), each under a key of its own, several at a time: the rounds of one
 * wait for each other, those of several do not, and IPsec-MB has no such call. For the IVs of AES-CBC
 * (RFC 3602 4), not for text. By AES-NI. Pure.
 */

#include <stdbool.h>
#include <stdint.h>

struct gw_aes_block {
	const uint8_t *sched; /* expanded for encryption: 11 round keys of 16 bytes, aligned to 16 */
	uint64_t number;      /* the block: these bytes as they lie in memory, then eight zeros */
	uint8_t *out;	      /* 16 bytes */
};

/** This CPU has AES-NI. */
bool gw_aes_block_works(void);

/** Encrypt n blocks, 1 at least. */
void gw_aes_block_encrypt(const struct gw_aes_block *blocks, unsigned int n);

#endif
