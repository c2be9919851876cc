/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_ESP_TAIL_H
#define GW_ESP_TAIL_H

/*
 * What is inside a decrypted ESP packet: trailer, and in tunnel mode the inner IPv6 header. The peer
 * has proven its key by then; its bytes are still checked like any stranger's. Bytes only; fuzzed.
 * Source: RFC 4303 2.4-2.7, 3.4.4; RFC 8200; RFC 6040 4.2.
 */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "drop.h"

struct gw_esp_tail {
	uint16_t off; /* of the GRE header */
	uint16_t len; /* from there */
	uint8_t tc;   /* traffic class of the outer headers, merged */
};

/** gw_esp_tail() for the rest. */
enum gw_drop gw_esp_tail_any(const uint8_t *p, size_t len, const uint8_t *src, const uint8_t *dst,
	uint8_t tc, struct gw_esp_tail *out);

/**
 * Check payload and trailer.
 *
 * @param p       payload; its trailer ends at len (ICV cut off)
 * @param len     at most 65535
 * @param src,dst 16 bytes each: tunnel mode's inner hosts, NULL in transport mode
 * @param tc      traffic class of the outer header
 * @return GW_DROP_NONE, ESP_TRAILER, DUMMY, ESP_NEXT, INNER_IP6 or ECN_CE
 */
static inline enum gw_drop
gw_esp_tail(const uint8_t *p, size_t len, const uint8_t *src, const uint8_t *dst, uint8_t tc,
	struct gw_esp_tail *out)
{
	/* the last eight bytes as a number, of which padding, its length and the next header are so much */
	static const uint64_t whole[4] = {0xffff, 0xffffff, 0xffffffff, 0xffffffffff};
	static const uint64_t gre[4] = {IPPROTO_GRE, 0x010100 | IPPROTO_GRE, 0x01020200 | IPPROTO_GRE,
		0x0102030300 | IPPROTO_GRE};
	uint64_t end = len >= 8 ? gw_get64(p + len - 8) : 0;
	uint32_t pad_len = (uint32_t)(end >> 8) & 0xff;

	/* transport mode, no more padding than alignment to 4 asks for (RFC 4303 2.4) */
	if (src != NULL || pad_len > 3 || (end & whole[pad_len]) != gre[pad_len])
		return gw_esp_tail_any(p, len, src, dst, tc, out);
	out->off = 0;
	out->len = (uint16_t)(len - 2 - pad_len);
	out->tc = tc;
	return GW_DROP_NONE;
}

#endif
