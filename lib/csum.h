/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_CSUM_H
#define GW_CSUM_H

/* The Internet checksum (RFC 1071) and its incremental update (RFC 1624). Bytes only, no DPDK. */

#include <stddef.h>
#include <stdint.h>

/**
 * Add bytes to a running sum; only the last piece may have an odd length.
 * @param sum  of what came before, 0 at first
 */
uint64_t gw_csum_add(uint64_t sum, const uint8_t *p, size_t len);

/** Fold to the checksum: the value to store, or 0 over data whose stored checksum is right. */
uint16_t gw_csum_fold(uint64_t sum);

/** Running sum of the IPv6 pseudo header (RFC 8200 8.1). src and dst have 16 bytes each. */
uint64_t gw_csum_pseudo6(const uint8_t *src, const uint8_t *dst, uint8_t next, uint32_t len);

/** The stored checksum after one aligned 16-bit word under it changed from old to new. */
uint16_t gw_csum_update(uint16_t csum, uint16_t old, uint16_t new);

#endif
