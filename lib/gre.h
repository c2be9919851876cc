/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_GRE_H
#define GW_GRE_H

/*
 * GRE (RFC 2784, 2890, 7676). Bytes only, no DPDK; fuzzed. In the header, so that a plain header costs
 * a packet no call.
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-----+---------+-----+-------------------------------+
 * |C|R|K|S|s|recur| reserved| Ver |         Protocol Type         |
 * +-+-+-+-+-+-----+---------+-----+-------------------------------+
 * |      Checksum (optional)      |       Reserved1 (optional)    |
 * |                         Key (optional)                        |
 * |                    Sequence Number (optional)                 |
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "csum.h"
#include "drop.h"

#define GW_GRE_HDR_MAX 16

#define GW_GRE_CSUM 0x8000
#define GW_GRE_KEY  0x2000
#define GW_GRE_SEQ  0x1000
/* RFC 2784 2.3: bits 1 to 5 set and not understood: discard. RFC 2890 explains 2 and 3. Bits 6 to
 * 12 are ignored. */
#define GW_GRE_REFUSED 0x4c00
#define GW_GRE_VERSION 0x0007

struct gw_gre {
	uint8_t hdr_len; /* 4, 8, 12 or 16 */
	uint16_t proto;	 /* EtherType, host order */
	bool has_csum, has_key, has_seq;
	uint32_t key, seq; /* host order */
};

#define GW_GRE_PLAIN_LEN 4 /* without options */

/** The header without options in front of IPv4. */
static inline bool
gw_gre_is_plain_ip4(const uint8_t *p)
{
	return gw_raw32(p) == htobe32(0x0800);
}

/** Header length for these options. */
static inline uint8_t
gw_gre_len(bool csum, bool key, bool seq)
{
	return (uint8_t)(4 + 4 * (csum + key + seq));
}

/** gw_gre_parse() for a header with options. */
enum gw_drop gw_gre_parse_any(const uint8_t *p, size_t len, struct gw_gre *out);

/**
 * Read and check a GRE header; the checksum, if present, is verified over the whole packet.
 * @return GW_DROP_NONE, GRE_SHORT, GRE_VERSION, GRE_FLAGS (bits 1, 4, 5 of RFC 2784/2890) or GRE_CSUM
 */
static inline enum gw_drop
gw_gre_parse(const uint8_t *p, size_t len, struct gw_gre *out)
{
	if (len < 4 || gw_get16(p) != 0)
		return gw_gre_parse_any(p, len, out);
	*out = (struct gw_gre){.hdr_len = 4, .proto = gw_get16(p + 2)};
	return GW_DROP_NONE;
}

/**
 * Write the header that gre describes in front of payload: buf[0..hdr_len) directly precedes
 * payload_len bytes of payload. Sets hdr_len.
 */
static inline void
gw_gre_build(struct gw_gre *gre, uint8_t *buf, size_t payload_len)
{
	uint32_t flags = (gre->has_csum ? GW_GRE_CSUM : 0) | (gre->has_key ? GW_GRE_KEY : 0) |
			 (gre->has_seq ? GW_GRE_SEQ : 0);
	uint8_t *p = buf + 4;

	gw_put32(buf, flags << 16 | gre->proto);
	if (gre->has_csum) {
		gw_put32(p, 0);
		p += 4;
	}
	if (gre->has_key) {
		gw_put32(p, gre->key);
		p += 4;
	}
	if (gre->has_seq) {
		gw_put32(p, gre->seq);
		p += 4;
	}
	gre->hdr_len = (uint8_t)(p - buf);
	if (gre->has_csum)
		gw_put16(buf + 4, gw_csum_fold(gw_csum_add(0, buf, gre->hdr_len + payload_len)));
}

#endif
