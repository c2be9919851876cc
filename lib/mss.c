/* SPDX-License-Identifier: BSD-3-Clause */
#include "inner.h"

#include <netinet/in.h>

#include "bytes.h"
#include "classify.h"
#include "csum.h"

#define IP4_LEN     20
#define IP6_LEN     40
#define TCP_LEN     20
#define TCP_SYN     0x02
#define OPT_END     0
#define OPT_NOP     1
#define OPT_MSS     2
#define OPT_MSS_LEN 4

/* What of the packet its own length covers. @return 0 when the bytes are not there */
static size_t
ip_len(const uint8_t *p, size_t len)
{
	size_t said;

	if (len < (p[0] >> 4 == 4 ? IP4_LEN : IP6_LEN))
		return 0;
	said = p[0] >> 4 == 4 ? gw_get16(p + 2) : IP6_LEN + (size_t)gw_get16(p + 4);
	return said <= len ? said : 0;
}

/* @return offset of the TCP header of an unfragmented packet, 0 when it is something else */
static size_t
tcp_offset(const uint8_t *p, size_t len)
{
	uint8_t next;
	int off;

	len = ip_len(p, len);
	if (len == 0)
		return 0;
	if (p[0] >> 4 == 4) {
		off = (p[0] & 0xf) * 4;
		if (p[9] != IPPROTO_TCP || (gw_get16(p + 6) & (GW_IP4_OFFSET | GW_IP4_MF)))
			return 0;
	} else {
		next = p[6];
		off = gw_ip6_ext_skip(p + IP6_LEN, len - IP6_LEN, &next);
		if (off < 0 || next != IPPROTO_TCP)
			return 0;
		off += IP6_LEN;
	}
	return off >= (int)IP4_LEN && (size_t)off <= len && len - (size_t)off >= TCP_LEN
		       ? (size_t)off
		       : 0;
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
gw_mss_clamp_any(uint8_t *p, size_t len, uint16_t mss4, uint16_t mss6)
{
	size_t tcp_off, hdr_len, off;
	uint16_t mss;
	uint8_t *tcp;

	if (len == 0)
		return;
	mss = p[0] >> 4 == 4 ? mss4 : p[0] >> 4 == 6 ? mss6 : 0;
	tcp_off = mss == 0 ? 0 : tcp_offset(p, len);
	if (tcp_off == 0)
		return;
	tcp = p + tcp_off;
	hdr_len = (tcp[12] >> 4) * 4u;
	if (!(tcp[13] & TCP_SYN) || hdr_len < TCP_LEN || hdr_len > ip_len(p, len) - tcp_off)
		return;
	off = mss_offset(tcp, hdr_len);
	if (off != 0 && gw_get16(tcp + off) > mss)
		set_mss(tcp, off, mss);
}
