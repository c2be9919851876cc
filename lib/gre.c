/* SPDX-License-Identifier: BSD-3-Clause */
#include "gre.h"

#include "bytes.h"
#include "csum.h"

/*
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-----+---------+-----+-------------------------------+
 * |C|R|K|S|s|recur| reserved| Ver |         Protocol Type         |
 * +-+-+-+-+-+-----+---------+-----+-------------------------------+
 * |      Checksum (optional)      |       Reserved1 (optional)    |
 * |                         Key (optional)                        |
 * |                    Sequence Number (optional)                 |
 */
#define FLAG_CSUM 0x8000
#define FLAG_KEY  0x2000
#define FLAG_SEQ  0x1000
/* RFC 2784 2.3: bits 1 to 5 set and not understood: discard. RFC 2890 explains 2 and 3. Bits 6 to
 * 12 are ignored. */
#define FLAGS_REFUSED 0x4c00
#define VERSION_MASK  0x0007

uint8_t
gw_gre_len(bool csum, bool key, bool seq)
{
	return (uint8_t)(4 + 4 * (csum + key + seq));
}

enum gw_drop
gw_gre_parse(const uint8_t *p, size_t len, struct gw_gre *out)
{
	uint16_t flags;
	size_t off = 4;

	if (len < 4)
		return GW_DROP_GRE_SHORT;
	flags = gw_get16(p);
	if (flags & VERSION_MASK)
		return GW_DROP_GRE_VERSION;
	if (flags & FLAGS_REFUSED)
		return GW_DROP_GRE_FLAGS;
	*out = (struct gw_gre){
		.proto = gw_get16(p + 2),
		.has_csum = flags & FLAG_CSUM,
		.has_key = flags & FLAG_KEY,
		.has_seq = flags & FLAG_SEQ,
	};
	out->hdr_len = gw_gre_len(out->has_csum, out->has_key, out->has_seq);
	if (len < out->hdr_len)
		return GW_DROP_GRE_SHORT;
	if (out->has_csum) {
		if (gw_csum_fold(gw_csum_add(0, p, len)) != 0)
			return GW_DROP_GRE_CSUM;
		off += 4;
	}
	if (out->has_key) {
		out->key = gw_get32(p + off);
		off += 4;
	}
	if (out->has_seq)
		out->seq = gw_get32(p + off);
	return GW_DROP_NONE;
}

void
gw_gre_build(struct gw_gre *gre, uint8_t *buf, size_t payload_len)
{
	uint16_t flags = 0;
	size_t off = 4;

	gre->hdr_len = gw_gre_len(gre->has_csum, gre->has_key, gre->has_seq);
	if (gre->has_csum) {
		flags |= FLAG_CSUM;
		gw_put32(buf + off, 0);
		off += 4;
	}
	if (gre->has_key) {
		flags |= FLAG_KEY;
		gw_put32(buf + off, gre->key);
		off += 4;
	}
	if (gre->has_seq) {
		flags |= FLAG_SEQ;
		gw_put32(buf + off, gre->seq);
	}
	gw_put16(buf, flags);
	gw_put16(buf + 2, gre->proto);
	if (gre->has_csum)
		gw_put16(buf + 4, gw_csum_fold(gw_csum_add(0, buf, gre->hdr_len + payload_len)));
}
