/* SPDX-License-Identifier: BSD-3-Clause */
#include "inner.h"

#include <netinet/in.h>
#include <string.h>

#include "bytes.h"
#include "classify.h"
#include "csum.h"

#define IP4_LEN  20
#define IP6_LEN  40
#define ICMP_LEN 8
#define FRAG_LEN 8

#define ICMP4_MAX      576 /* RFC 1812 4.3.2.3 */
#define ICMP6_INFO     128 /* first type that is no error */
#define ICMP6_REDIRECT 137

#define TOS_CONTROL 0xc0 /* internetwork control, RFC 1812 4.3.2.5 */
#define TTL         64

struct type_code {
	uint8_t type, code;
};

/* RFC 792, 1191, 1812 5.2.7.1 */
static const struct type_code codes4[] = {
	[GW_ICMP_TOO_BIG] = {3, 4},
	[GW_ICMP_TIME_EXCEEDED] = {11, 0},
	[GW_ICMP_NO_ROUTE] = {3, 0},
	[GW_ICMP_NO_HOST] = {3, 1},
	[GW_ICMP_PROHIBITED] = {3, 13},
	[GW_ICMP_SCOPE] = {3, 0},
};

/* RFC 4443 3 */
static const struct type_code codes6[] = {
	[GW_ICMP_TOO_BIG] = {2, 0},
	[GW_ICMP_TIME_EXCEEDED] = {3, 0},
	[GW_ICMP_NO_ROUTE] = {1, 0},
	[GW_ICMP_NO_HOST] = {1, 3},
	[GW_ICMP_PROHIBITED] = {1, 1},
	[GW_ICMP_SCOPE] = {1, 2},
};

static bool
is_error4(uint8_t type)
{
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

/* RFC 1122 3.2.2, RFC 1812 4.3.2.7 */
static bool
allowed4(const uint8_t *p, const struct gw_inner *in)
{
	uint8_t src = p[12], dst = p[16];

	if (gw_get16(p + 6) & GW_IP4_OFFSET)
		return false;
	if (src == 0 || src == 127 || src >= 224 || dst == 0 || dst >= 224)
		return false;
	if (p[9] != IPPROTO_ICMP)
		return true;
	return in->len > in->hdr_len && !is_error4(p[in->hdr_len]);
}

/*
 * Extension headers, also those behind the header of a first fragment.
 * @return length of them, next is what follows: a later fragment's is not known and stays the
 *         Fragment header. -1 when malformed
 */
static int
walk6(const uint8_t *p, size_t len, uint8_t *next)
{
	int before = gw_ip6_ext_skip(p, len, next), behind;

	if (before < 0 || *next != IPPROTO_FRAGMENT || len - (size_t)before < FRAG_LEN ||
		(gw_get16(p + before + 2) & 0xfff8) != 0)
		return before;
	*next = p[before];
	before += FRAG_LEN;
	behind = gw_ip6_ext_skip(p + before, len - (size_t)before, next);
	return behind < 0 ? -1 : before + behind;
}

/* RFC 4443 2.4 e; a multicast destination is no reason for Packet Too Big (e.3). */
static bool
allowed6(const uint8_t *p, const struct gw_inner *in)
{
	static const uint8_t zero[16];
	uint8_t next = p[6];
	size_t left = (size_t)in->len - IP6_LEN;
	int off;

	if (p[8] == 0xff || (memcmp(p + 8, zero, 15) == 0 && p[23] <= 1))
		return false;
	off = walk6(p + IP6_LEN, left, &next);
	if (off < 0)
		return false;
	if (next != IPPROTO_ICMPV6)
		return true;
	if (left == (size_t)off)
		return false;
	return p[IP6_LEN + off] >= ICMP6_INFO && p[IP6_LEN + off] != ICMP6_REDIRECT;
}

bool
gw_icmp_allowed(const uint8_t *p, size_t len)
{
	struct gw_inner in;

	if (!gw_inner_parse(p, len, &in))
		return false;
	return in.version == 4 ? allowed4(p, &in) : allowed6(p, &in);
}

static size_t
smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t
error4(enum gw_icmp what, const uint8_t *p, size_t len, uint16_t mtu, uint32_t from4, uint8_t *out)
{
	size_t quote = smaller(len, ICMP4_MAX - IP4_LEN - ICMP_LEN);
	size_t total = IP4_LEN + ICMP_LEN + quote;
	uint8_t *icmp = out + IP4_LEN;

	memset(out, 0, IP4_LEN + ICMP_LEN);
	out[0] = 0x45;
	out[1] = TOS_CONTROL;
	gw_put16(out + 2, (uint16_t)total);
	gw_put16(out + 6, GW_IP4_DF); /* atomic, so the identification may be 0 (RFC 6864) */
	out[8] = TTL;
	out[9] = IPPROTO_ICMP;
	memcpy(out + 12, &from4, 4);
	memcpy(out + 16, p + 12, 4);
	gw_put16(out + 10, gw_csum_fold(gw_csum_add(0, out, IP4_LEN)));

	icmp[0] = codes4[what].type;
	icmp[1] = codes4[what].code;
	gw_put16(icmp + 6, mtu);
	memcpy(icmp + ICMP_LEN, p, quote);
	gw_put16(icmp + 2, gw_csum_fold(gw_csum_add(0, icmp, ICMP_LEN + quote)));
	return total;
}

static size_t
error6(enum gw_icmp what, const uint8_t *p, size_t len, uint16_t mtu, const uint8_t from6[16],
	uint8_t *out)
{
	size_t quote = smaller(len, GW_ICMP_MAX - IP6_LEN - ICMP_LEN);
	size_t plen = ICMP_LEN + quote;
	uint8_t *icmp = out + IP6_LEN;
	uint64_t sum;

	memset(out, 0, IP6_LEN + ICMP_LEN);
	out[0] = 0x60;
	gw_put16(out + 4, (uint16_t)plen);
	out[6] = IPPROTO_ICMPV6;
	out[7] = TTL;
	memcpy(out + 8, from6, 16);
	memcpy(out + 24, p + 8, 16);

	icmp[0] = codes6[what].type;
	icmp[1] = codes6[what].code;
	gw_put32(icmp + 4, mtu);
	memcpy(icmp + ICMP_LEN, p, quote);
	sum = gw_csum_pseudo6(out + 8, out + 24, IPPROTO_ICMPV6, (uint32_t)plen);
	gw_put16(icmp + 2, gw_csum_fold(gw_csum_add(sum, icmp, plen)));
	return IP6_LEN + plen;
}

size_t
gw_icmp_error(enum gw_icmp what, const uint8_t *p, size_t len, uint16_t mtu, uint32_t from4,
	const uint8_t from6[16], uint8_t *out)
{
	if (p[0] >> 4 == 4)
		return error4(what, p, len, mtu, from4, out);
	return error6(what, p, len, mtu, from6, out);
}
