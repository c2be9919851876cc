/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_GRE_H
#define GW_GRE_H

/* GRE (RFC 2784, 2890, 7676). Bytes only, no DPDK; fuzzed. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drop.h"

#define GW_GRE_HDR_MAX 16

struct gw_gre {
	uint8_t hdr_len; /* 4, 8, 12 or 16 */
	uint16_t proto;	 /* EtherType, host order */
	bool has_csum, has_key, has_seq;
	uint32_t key, seq; /* host order */
};

/**
 * Read and check a GRE header; the checksum, if present, is verified over the whole packet.
 * @return GW_DROP_NONE, GRE_SHORT, GRE_VERSION, GRE_FLAGS (bits 1, 4, 5 of RFC 2784/2890) or GRE_CSUM
 */
enum gw_drop gw_gre_parse(const uint8_t *p, size_t len, struct gw_gre *out);

/**
 * Write the header that gre describes in front of payload: buf[0..hdr_len) directly precedes
 * payload_len bytes of payload. Sets hdr_len.
 */
void gw_gre_build(struct gw_gre *gre, uint8_t *buf, size_t payload_len);

/** Header length for these options. */
uint8_t gw_gre_len(bool csum, bool key, bool seq);

#endif
