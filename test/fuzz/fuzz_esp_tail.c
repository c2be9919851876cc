/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes as they come out of a decrypted ESP packet. First byte: 1 = tunnel mode, 2 = hosts as the
 * packet has them (else it would seldom get past them); second: outer traffic class. */
#include <stdlib.h>
#include <string.h>

#include "lib/esp_tail.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The short way must say what the long way says. */
static enum gw_drop
both(const uint8_t *p, size_t len, const uint8_t *src, const uint8_t *dst, uint8_t tc,
	struct gw_esp_tail *out)
{
	enum gw_drop drop = gw_esp_tail(p, len, src, dst, tc, out);
	uint16_t plain = src == NULL ? gw_esp_tail_plain(p, len) : 0;

	if (plain != 0 && (drop != GW_DROP_NONE || out->off != 0 || out->len != plain))
		abort();
	return drop;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t hosts[32] = {0};
	struct gw_esp_tail out;
	enum gw_drop drop;
	uint8_t *p;
	size_t len;

	if (size < 2 || size - 2 > UINT16_MAX)
		return 0;
	len = size - 2;
	if ((data[0] & 2) != 0 && len >= 40)
		memcpy(hosts, data + 2 + 8, sizeof(hosts));
	/* a copy of its own, so that one byte too far is seen */
	p = malloc(len);
	if (p == NULL)
		return 0;
	memcpy(p, data + 2, len);
	drop = both(p, len, (data[0] & 1) != 0 ? hosts : NULL, hosts + 16, data[1], &out);
	if (drop >= GW_DROP_N)
		abort();
	if (drop == GW_DROP_NONE) {
		if ((size_t)out.off + out.len + 2 > len)
			abort();
		if ((data[0] & 1) != 0 ? out.off < 40 : out.off != 0)
			abort();
	}
	free(p);
	return 0;
}
