/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_CBC_IV_H
#define GW_CBC_IV_H

/*
 * IVs of AES-CBC (RFC 3602 4: not to be predicted): what no two packets have in common, encrypted as one
 * block of AES-128 (FIPS 197) under a secret. Several at a time, by AES-NI: the rounds of one wait for each
 * other, those of several do not, and IPsec-MB has no such call. Pure.
 */

#include <stdbool.h>
#include <stdint.h>

#include "crypto_mb.h"

#define GW_CBC_IV_SCHED (16 * 11)

/** This CPU has AES-NI. */
bool gw_cbc_iv_works(void);

/**
 * Fill op->iv, 16 bytes each: op->nonce and four zeros, encrypted.
 * @param sched  expanded for encryption: 11 round keys, aligned to 16
 * @param n      1 at least
 */
void gw_cbc_iv_make(
	const uint8_t sched[GW_CBC_IV_SCHED], struct gw_crypto_op *const *ops, unsigned int n);

#endif
