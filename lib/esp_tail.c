/* SPDX-License-Identifier: BSD-3-Clause */
#include <netinet/in.h>
#include <string.h>

#include "classify.h"
#include "esp_tail.h"

#define IP6_HDR_LEN 40
#define ECN_MASK    3
#define ECN_CE      3

/* Count up from n + 1 */
#define COUNT4(n)  (n) + 1, (n) + 2, (n) + 3, (n) + 4
#define COUNT16(n) COUNT4(n), COUNT4((n) + 4), COUNT4((n) + 8), COUNT4((n) + 12)
#define COUNT64(n) COUNT16(n), COUNT16((n) + 16), COUNT16((n) + 32), COUNT16((n) + 48)

const uint8_t gw_esp_padding_mask[32] = {
	[16] = 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
const uint8_t gw_esp_padding[32] = {[16] = COUNT16(0)};

/* RFC 4303 2.4: the padding reads 1, 2, 3, ... By words, the last one overlapping: a block cipher's
 * padding is most often longer than a word. */
static bool
padding_ok(const uint8_t *pad, size_t len)
{
	static const uint8_t want[192 + 63] = {COUNT64(0), COUNT64(64), COUNT64(128), COUNT16(192),
		COUNT16(208), COUNT16(224), COUNT4(240), COUNT4(244), COUNT4(248), 253, 254, 255};
	uint64_t diff = 0;
	size_t i;

	if (len >= 8) {
		for (i = 0; i < len - 8; i += 8)
			diff |= gw_raw64(pad + i) ^ gw_raw64(want + i);
		diff |= gw_raw64(pad + len - 8) ^ gw_raw64(want + len - 8);
	} else {
		for (i = 0; i < len; i++)
			diff |= pad[i] ^ want[i];
	}
	return diff == 0;
}

/* RFC 6040 4.2 for two headers that both go: what is left of their marks. @return false: drop */
static bool
ecn_merge(uint8_t outer, uint8_t *inner)
{
	if ((outer & ECN_MASK) == ECN_CE) {
		if ((*inner & ECN_MASK) == 0)
			return false;
		*inner |= ECN_CE;
	} else if ((outer & ECN_MASK) == 1 && (*inner & ECN_MASK) == 2) {
		*inner = (uint8_t)((*inner & ~ECN_MASK) | 1);
	}
	return true;
}

/* Tunnel mode: an IPv6 header between the SA's own hosts, then GRE. The payload may be longer than
 * the header says (RFC 4303 2.7: traffic flow confidentiality padding), never shorter. */
static enum gw_drop
inner_ip6(const uint8_t *p, size_t len, const uint8_t *src, const uint8_t *dst, uint8_t tc,
	struct gw_esp_tail *out)
{
	size_t payload_len;
	uint8_t next;
	int off;

	if (len < IP6_HDR_LEN || p[0] >> 4 != 6)
		return GW_DROP_INNER_IP6;
	payload_len = (size_t)p[4] << 8 | p[5];
	if (payload_len > len - IP6_HDR_LEN)
		return GW_DROP_INNER_IP6;
	if (memcmp(p + 8, src, 16) != 0 || memcmp(p + 24, dst, 16) != 0)
		return GW_DROP_INNER_IP6;
	next = p[6];
	off = gw_ip6_ext_walk(p + IP6_HDR_LEN, payload_len, &next);
	if (off < 0 || (size_t)off > payload_len)
		return GW_DROP_INNER_IP6;
	if (next != IPPROTO_GRE)
		return GW_DROP_ESP_NEXT;
	out->off = (uint16_t)(IP6_HDR_LEN + off);
	out->len = (uint16_t)(payload_len - (size_t)off);
	out->tc = (uint8_t)((p[0] & 0xf) << 4 | p[1] >> 4);
	return ecn_merge(tc, &out->tc) ? GW_DROP_NONE : GW_DROP_ECN_CE;
}

enum gw_drop
gw_esp_tail(const uint8_t *p, size_t len, const uint8_t *src, const uint8_t *dst, uint8_t tc,
	struct gw_esp_tail *out)
{
	size_t pad_len;
	uint8_t next;

	if (len < 2)
		return GW_DROP_ESP_TRAILER;
	len -= 2;
	pad_len = p[len];
	next = p[len + 1];
	if (pad_len > len)
		return GW_DROP_ESP_TRAILER;
	len -= pad_len;
	if (!padding_ok(p + len, pad_len))
		return GW_DROP_ESP_TRAILER;
	if (next == IPPROTO_NONE)
		return GW_DROP_DUMMY;
	if (src != NULL)
		return next == IPPROTO_IPV6 ? inner_ip6(p, len, src, dst, tc, out)
					    : GW_DROP_ESP_NEXT;
	if (next != IPPROTO_GRE)
		return GW_DROP_ESP_NEXT;
	out->off = 0;
	out->len = (uint16_t)len;
	out->tc = tc;
	return GW_DROP_NONE;
}
