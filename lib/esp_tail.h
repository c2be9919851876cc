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

/**
 * Check payload and trailer.
 *
 * @param p       payload; its trailer ends at len (ICV cut off)
 * @param len     at most 65535
 * @param src,dst 16 bytes each: tunnel mode's inner hosts, NULL in transport mode
 * @param tc      traffic class of the outer header
 * @return GW_DROP_NONE, ESP_TRAILER, DUMMY, ESP_NEXT, INNER_IP6 or ECN_CE
 */
enum gw_drop gw_esp_tail(const uint8_t *p, size_t len, const uint8_t *src, const uint8_t *dst,
	uint8_t tc, struct gw_esp_tail *out);

/* Of the 16 bytes before padding length and next header, from entry pad_len on: those that are padding, and what it reads. */
extern const uint8_t gw_esp_padding_mask[32], gw_esp_padding[32];

/**
 * What nearly every packet of transport mode is: GRE, with no more padding than a block cipher asks for
 * (RFC 4303 2.4).
 * @return bytes of the GRE packet, or 0: it is something else, or wrong, as gw_esp_tail() can tell
 */
static inline uint16_t
gw_esp_tail_plain(const uint8_t *p, size_t len)
{
	uint32_t pad_len;
	uint64_t wrong;

	if (len < 18 || p[len - 1] != IPPROTO_GRE || (pad_len = p[len - 2]) > 15)
		return 0;
	p += len - 18;
	wrong = (gw_raw64(p) ^ gw_raw64(gw_esp_padding + pad_len)) & gw_raw64(gw_esp_padding_mask + pad_len);
	wrong |= (gw_raw64(p + 8) ^ gw_raw64(gw_esp_padding + pad_len + 8)) &
		 gw_raw64(gw_esp_padding_mask + pad_len + 8);
	return wrong == 0 ? (uint16_t)(len - 2 - pad_len) : 0;
}

#endif
