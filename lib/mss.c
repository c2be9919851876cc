/* SPDX-License-Identifier: BSD-3-Clause */
#include "inner.h"

#include <netinet/in.h>

#include "bytes.h"
#include "classify.h"
#include "csum.h"

#define IP6_LEN     40
#define TCP_LEN     20
#define TCP_SYN     0x02
#define OPT_END     0
#define OPT_NOP     1
#define OPT_MSS     2
#define OPT_MSS_LEN 4

/* @return offset of the TCP header of an unfragmented packet, 0 when it is something else */
static size_t
tcp_offset(const uint8_t *p, const struct gw_inner *in)
{
	uint8_t next = p[6];
	int off;

	if (in->version == 4) {
		if (p[9] != IPPROTO_TCP || (gw_get16(p + 6) & (GW_IP4_OFFSET | GW_IP4_MF)))
			return 0;
		return in->hdr_len;
	}
	off = gw_ip6_ext_walk(p + IP6_LEN, (size_t)in->len - IP6_LEN, &next);
	return off >= 0 && next == IPPROTO_TCP ? IP6_LEN + (size_t)off : 0;
}

/* @return offset of the MSS option's value in the TCP header, 0 when there is none */
static size_t
mss_offset(const uint8_t *tcp, size_t hdr_len)
{
	size_t off = TCP_LEN;

	while (off < hdr_len && tcp[off] != OPT_END) {
		if (tcp[off] == OPT_NOP) {
			off++;
			continue;
		}
		if (hdr_len - off < 2 || tcp[off + 1] < 2 || tcp[off + 1] > hdr_len - off)
			return 0;
		if (tcp[off] == OPT_MSS)
			return tcp[off + 1] == OPT_MSS_LEN ? off + 2 : 0;
		off += tcp[off + 1];
	}
	return 0;
}

/* Behind a single NOP the value straddles two checksum words; seen through its own 16 bits that is
 * the same sum with its bytes swapped (RFC 1071 2 B). */
static void
set_mss(uint8_t *tcp, size_t off, uint16_t mss)
{
	uint16_t old = gw_get16(tcp + off), new = mss;

	gw_put16(tcp + off, mss);
	if (off % 2 != 0) {
		old = (uint16_t)(old << 8 | old >> 8);
		new = (uint16_t)(new << 8 | new >> 8);
	}
	gw_put16(tcp + 16, gw_csum_update(gw_get16(tcp + 16), old, new));
}

void
gw_mss_clamp(uint8_t *p, size_t len, uint16_t mss4, uint16_t mss6)
{
	struct gw_inner in;
	size_t tcp_off, hdr_len, off;
	uint16_t mss;
	uint8_t *tcp;

	if (!gw_inner_parse(p, len, &in))
		return;
	mss = in.version == 4 ? mss4 : mss6;
	if (mss == 0)
		return;
	tcp_off = tcp_offset(p, &in);
	if (tcp_off == 0 || in.len - tcp_off < TCP_LEN)
		return;
	tcp = p + tcp_off;
	hdr_len = (tcp[12] >> 4) * 4u;
	if (!(tcp[13] & TCP_SYN) || hdr_len < TCP_LEN || hdr_len > in.len - tcp_off)
		return;
	off = mss_offset(tcp, hdr_len);
	if (off != 0 && gw_get16(tcp + off) > mss)
		set_mss(tcp, off, mss);
}
