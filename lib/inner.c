/* SPDX-License-Identifier: BSD-3-Clause */
#include "inner.h"

#include <netinet/in.h>

#include "bytes.h"
#include "csum.h"

#define IP6_LEN 40

static bool
parse4(const uint8_t *p, size_t len, struct gw_inner *out)
{
	uint16_t frag;

	if (len < 20)
		return false;
	out->hdr_len = (uint16_t)((p[0] & 0xf) * 4);
	out->len = gw_get16(p + 2);
	if (out->hdr_len < 20 || out->len < out->hdr_len || out->len > len)
		return false;
	if (gw_csum_fold(gw_csum_add(0, p, out->hdr_len)) != 0)
		return false;
	frag = gw_get16(p + 6);
	if ((frag & GW_IP4_OFFSET) * 8 + (out->len - out->hdr_len) > UINT16_MAX)
		return false;
	out->tc = p[1];
	out->df = frag & GW_IP4_DF;
	return true;
}

static bool
parse6(const uint8_t *p, size_t len, struct gw_inner *out)
{
	uint16_t plen;

	if (len < IP6_LEN)
		return false;
	plen = gw_get16(p + 4);
	if (plen > len - IP6_LEN || plen > UINT16_MAX - IP6_LEN)
		return false;
	out->hdr_len = IP6_LEN;
	out->len = (uint16_t)(IP6_LEN + plen);
	out->tc = (uint8_t)(gw_get16(p) >> 4);
	out->df = true;
	return true;
}

bool
gw_inner_parse_any(const uint8_t *p, size_t len, struct gw_inner *out)
{
	if (len == 0)
		return false;
	out->version = p[0] >> 4;
	if (out->version == 4)
		return parse4(p, len, out);
	return out->version == 6 && parse6(p, len, out);
}

/* A flow, not a packet, must choose the value; it need not resist a searcher of collisions. */
static uint32_t
mix(uint32_t h, uint32_t v)
{
	h = (h ^ v) * 0x9e3779b1u;
	return h ^ h >> 15;
}

static uint32_t
hash_words(uint32_t h, const uint8_t *p, size_t n_words)
{
	for (size_t i = 0; i < n_words; i++)
		h = mix(h, gw_get32(p + 4 * i));
	return h;
}

static bool
has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

static uint32_t
hash4(const uint8_t *p, const struct gw_inner *in)
{
	uint32_t h = mix(hash_words(4, p + 12, 2), p[9]);

	/* only the first fragment has ports: none may use them */
	if (!(gw_get16(p + 6) & (GW_IP4_MF | GW_IP4_OFFSET)) && has_ports(p[9]) &&
		in->len - in->hdr_len >= 4)
		h = hash_words(h, p + in->hdr_len, 1);
	return h;
}

static uint32_t
hash6(const uint8_t *p, const struct gw_inner *in)
{
	uint32_t h = mix(hash_words(6, p + 8, 8), p[6]);

	if (has_ports(p[6]) && in->len - IP6_LEN >= 4)
		h = hash_words(h, p + IP6_LEN, 1);
	return h;
}

uint32_t
gw_inner_hash(const uint8_t *p, const struct gw_inner *in)
{
	return in->version == 4 ? hash4(p, in) : hash6(p, in);
}
