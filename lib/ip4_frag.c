/* SPDX-License-Identifier: BSD-3-Clause */
#include "inner.h"

#include <string.h>

#include "bytes.h"
#include "csum.h"

#define OPT_END     0
#define OPT_NOP     1
#define OPT_COPIED  0x80
#define OFFSET_UNIT 8u
#define IP4_LEN     20u

/* The header of fragments after the first: the options whose copied flag is set, RFC 791 3.1. */
static uint16_t
later_header(const uint8_t *p, size_t hdr_len, uint8_t *hdr)
{
	size_t off = IP4_LEN, to = IP4_LEN, opt_len;

	memcpy(hdr, p, IP4_LEN);
	while (off < hdr_len && p[off] != OPT_END) {
		if (p[off] == OPT_NOP) {
			off++;
			continue;
		}
		if (hdr_len - off < 2 || p[off + 1] < 2 || p[off + 1] > hdr_len - off)
			break;
		opt_len = p[off + 1];
		if (p[off] & OPT_COPIED) {
			memcpy(hdr + to, p + off, opt_len);
			to += opt_len;
		}
		off += opt_len;
	}
	while (to % 4 != 0)
		hdr[to++] = OPT_END;
	hdr[0] = (uint8_t)(0x40 | to / 4);
	return (uint16_t)to;
}

static size_t
chunk(uint16_t mtu, size_t hdr_len)
{
	return mtu > hdr_len ? (mtu - hdr_len) / OFFSET_UNIT * OFFSET_UNIT : 0;
}

bool
gw_ip4_fragment(const uint8_t *p, size_t len, uint16_t mtu, unsigned int i, uint8_t *hdr,
	uint16_t *hdr_len, uint16_t *off, uint16_t *flen)
{
	size_t full_len = (p[0] & 0xfu) * 4, payload = len - full_len;
	size_t first = chunk(mtu, full_len), later, from, n;
	uint16_t frag = gw_get16(p + 6);
	bool last;

	*hdr_len = later_header(p, full_len, hdr);
	later = chunk(mtu, *hdr_len);
	if (first == 0 || later == 0)
		return false;
	if (i == 0) {
		memcpy(hdr, p, full_len);
		*hdr_len = (uint16_t)full_len;
		from = 0;
		n = first;
	} else {
		from = first + (i - 1) * later;
		n = later;
		if (from >= payload)
			return false;
	}
	last = n >= payload - from;
	if (last)
		n = payload - from;
	*off = (uint16_t)from;
	*flen = (uint16_t)n;

	gw_put16(hdr + 2, (uint16_t)(*hdr_len + n));
	/* the packet may be a fragment itself: its offset counts on, and its more-flag stays */
	gw_put16(hdr + 6, (uint16_t)((frag & (GW_IP4_OFFSET | GW_IP4_MF)) + from / OFFSET_UNIT) |
				  (last ? 0 : GW_IP4_MF));
	gw_put16(hdr + 10, 0);
	gw_put16(hdr + 10, gw_csum_fold(gw_csum_add(0, hdr, *hdr_len)));
	return true;
}
