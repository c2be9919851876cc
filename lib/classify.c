/* SPDX-License-Identifier: BSD-3-Clause */
#include "classify.h"

#include <string.h>

#include "bytes.h"
#include "csum.h"
#include "nd.h"

#define ETH_LEN        14
#define ETHERTYPE_IP6  0x86dd
#define ETHERTYPE_VLAN 0x8100

#define IP6_LEN  40
#define UDP_LEN  8
#define FRAG_LEN 8
#define IKE_LEN  28 /* RFC 7296 3.1 */

#define PORT_IKE  500
#define PORT_NATT 4500

#define ND_HOP_LIMIT 255 /* what a router would have lowered */

#define OPT_PAD1     0
#define OPT_ACT_MASK 0xc0 /* RFC 8200 4.2: what to do when the option is not known */

static bool
is_ext(uint8_t next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_DSTOPTS || next == IPPROTO_ROUTING;
}

/*
 * RFC 8200 4.2. None of the options that ask for more than being skipped is known here (jumbo
 * payload, home address), so an option that says "discard" means it. The tunnel encapsulation limit
 * (RFC 2473), which Linux peers send, may be skipped.
 */
static bool
options_ok(const uint8_t *p, size_t len)
{
	size_t left = len;

	while (left > 0) {
		if (*p == OPT_PAD1) {
			p++;
			left--;
			continue;
		}
		if (left < 2 || p[1] > left - 2 || (*p & OPT_ACT_MASK) != 0)
			return false;
		left -= 2u + p[1];
		p += 2u + p[1];
	}
	return true;
}

static bool
ext_ok(uint8_t type, bool first, const uint8_t *p, size_t len)
{
	switch (type) {
	case IPPROTO_HOPOPTS:
		return first && options_ok(p + 2, len - 2); /* RFC 8200 4.1: only in front */
	case IPPROTO_ROUTING:
		return p[3] == 0; /* segments left; with none the header is skipped (4.4) */
	default:
		return options_ok(p + 2, len - 2);
	}
}

/* @param ours  the packet ends here: what the headers ask for counts */
static int
walk(const uint8_t *p, size_t len, uint8_t *next, bool ours)
{
	size_t off = 0, ext_len;

	for (unsigned int i = 0; is_ext(*next); i++) {
		if (i == GW_EXT_HDRS_MAX || len - off < 8)
			return -1;
		ext_len = 8u + 8u * p[off + 1];
		if (ext_len > len - off)
			return -1;
		if (ours && (ext_len > GW_EXT_BYTES_MAX - off ||
				    !ext_ok(*next, i == 0, p + off, ext_len)))
			return -1;
		*next = p[off];
		off += ext_len;
	}
	return (int)off;
}

int
gw_ip6_ext_walk(const uint8_t *p, size_t len, uint8_t *next)
{
	return walk(p, len, next, true);
}

int
gw_ip6_ext_skip(const uint8_t *p, size_t len, uint8_t *next)
{
	return walk(p, len, next, false);
}

static void
drop(struct gw_classified *out, enum gw_drop reason)
{
	out->cls = GW_CLASS_DROP;
	out->reason = reason;
}

static void
take(struct gw_classified *out, enum gw_class cls)
{
	out->cls = cls;
	out->reason = GW_DROP_NONE;
}

/* @return offset of the IPv6 header, 0 when the frame carries none that is for us */
static uint16_t
link_parse(const uint8_t *frame, size_t len, uint16_t vlan)
{
	uint16_t off = ETH_LEN;

	if (len < ETH_LEN)
		return 0;
	if (vlan != 0) {
		if (len < ETH_LEN + 4 || gw_get16(frame + 12) != ETHERTYPE_VLAN ||
			(gw_get16(frame + 14) & 0xfff) != vlan)
			return 0;
		off += 4;
	}
	return gw_get16(frame + off - 2) == ETHERTYPE_IP6 ? off : 0;
}

static bool
is_local(const uint8_t *addr, const struct gw_local *local)
{
	for (uint32_t i = 0; i < local->n && i < GW_LOCAL_MAX; i++) {
		if (memcmp(addr, &local->addr[i], 16) == 0)
			return true;
	}
	return false;
}

/* All nodes, and the solicited-node group of each address (RFC 4291 2.7.1, 2.8). */
static bool
is_our_group(const uint8_t *addr, const struct gw_local *local)
{
	static const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 1};
	static const uint8_t solicited[13] = {0xff, 0x02, [11] = 1, [12] = 0xff};

	if (memcmp(addr, all_nodes, 16) == 0)
		return true;
	if (memcmp(addr, solicited, 13) != 0)
		return false;
	for (uint32_t i = 0; i < local->n + local->n_tentative && i < GW_LOCAL_MAX; i++) {
		if (memcmp(addr + 13, local->addr[i].s6_addr + 13, 3) == 0)
			return true;
	}
	return false;
}

/* Neither multicast nor loopback (RFC 4291 2.7, 2.5.3); unspecified only in neighbour discovery. */
static bool
source_ok(const uint8_t *addr, uint8_t next)
{
	static const uint8_t zero[16];

	if (addr[0] == 0xff)
		return false;
	if (memcmp(addr, zero, 15) != 0 || addr[15] > 1)
		return true;
	return addr[15] == 0 && next == IPPROTO_ICMPV6;
}

/* Reads the IPv6 header and walks to what follows. @return next header, or -1 with out a drop */
static int
ip6_parse(const uint8_t *frame, size_t len, const struct gw_local *local, struct gw_classified *out)
{
	const uint8_t *ip = frame + out->l3_off;
	size_t left = len - out->l3_off, plen;
	uint8_t next;
	int off;

	if (left < IP6_LEN) {
		drop(out, GW_DROP_IP6_TRUNCATED);
		return -1;
	}
	if (ip[0] >> 4 != 6) {
		drop(out, GW_DROP_IP6_VERSION);
		return -1;
	}
	plen = gw_get16(ip + 4);
	if (plen > left - IP6_LEN || out->l3_off + IP6_LEN + plen > UINT16_MAX) {
		drop(out, GW_DROP_IP6_TRUNCATED);
		return -1;
	}
	out->tc = (uint8_t)(gw_get16(ip) >> 4);
	out->hop_limit = ip[7];
	out->end = (uint16_t)(out->l3_off + IP6_LEN + plen);
	out->multicast = ip[24] == 0xff;
	if (out->multicast ? !is_our_group(ip + 24, local) : !is_local(ip + 24, local)) {
		drop(out, GW_DROP_NOT_OURS);
		return -1;
	}
	next = ip[6];
	off = gw_ip6_ext_walk(ip + IP6_LEN, plen, &next);
	if (off < 0) {
		drop(out, GW_DROP_EXT_HDR);
		return -1;
	}
	out->l4_off = (uint16_t)(out->l3_off + IP6_LEN + off);
	/* in our name nobody but a reflection sends, or who wants us to answer ourselves; neighbour
	 * discovery looks at it by itself, and ESP proves who sent it */
	if (!source_ok(ip + 8, next) || (next == IPPROTO_UDP && is_local(ip + 8, local))) {
		drop(out, GW_DROP_IP6_SRC);
		return -1;
	}
	return next;
}

static void
icmp6(const uint8_t *p, size_t len, struct gw_classified *out)
{
	if (len < 4) {
		drop(out, GW_DROP_ICMP_BAD);
		return;
	}
	out->nd = out->hop_limit == ND_HOP_LIMIT && gw_nd_is(p[0]);
	take(out, GW_CLASS_ICMP6);
}

static void
ike(const uint8_t *p, size_t len, struct gw_classified *out)
{
	if (len < IKE_LEN) {
		drop(out, GW_DROP_UDP_BAD);
		return;
	}
	out->ike_spi_i = gw_get64(p);
	out->ike_spi_r = gw_get64(p + 8);
	take(out, out->ike_spi_r == 0 ? GW_CLASS_IKE_INIT : GW_CLASS_IKE);
}

/* RFC 3948 2: ESP, or IKE behind four zero bytes, or a keepalive of one 0xff. */
static void
natt(const uint8_t *p, size_t len, struct gw_classified *out)
{
	if (len == 1 && p[0] == 0xff) {
		drop(out, GW_DROP_NATT_KEEPALIVE);
	} else if (len < 4) {
		drop(out, GW_DROP_UDP_BAD);
	} else if (gw_get32(p) == 0) {
		out->marker = true;
		ike(p + 4, len - 4, out);
	} else {
		out->udp_encap = true;
		out->l4_off += UDP_LEN;
		take(out, GW_CLASS_ESP);
	}
}

static bool
udp_csum_ok(const uint8_t *ip, const uint8_t *udp, size_t len)
{
	uint64_t sum;

	if (gw_get16(udp + 6) == 0) /* RFC 8200 8.1: IPv6 has no UDP without */
		return false;
	sum = gw_csum_pseudo6(ip + 8, ip + 24, IPPROTO_UDP, (uint32_t)len);
	return gw_csum_fold(gw_csum_add(sum, udp, len)) == 0;
}

static void
udp(const uint8_t *frame, bool csum_good, struct gw_classified *out)
{
	const uint8_t *p = frame + out->l4_off;
	size_t left = (size_t)out->end - out->l4_off, len;
	uint16_t port;

	if (left < UDP_LEN) {
		drop(out, GW_DROP_UDP_BAD);
		return;
	}
	port = gw_get16(p + 2);
	if (port != PORT_IKE && port != PORT_NATT) {
		drop(out, GW_DROP_UDP_PORT);
		return;
	}
	len = gw_get16(p + 4);
	if (len < UDP_LEN || len > left ||
		(!csum_good && !udp_csum_ok(frame + out->l3_off, p, len))) {
		drop(out, GW_DROP_UDP_BAD);
		return;
	}
	out->end = (uint16_t)(out->l4_off + len);
	if (port == PORT_NATT)
		natt(p + UDP_LEN, len - UDP_LEN, out);
	else
		ike(p + UDP_LEN, len - UDP_LEN, out);
}

void
gw_classify(const uint8_t *frame, size_t len, uint16_t vlan, const struct gw_local *local,
	bool csum_good, struct gw_classified *out)
{
	size_t left;
	int next;

	memset(out, 0, sizeof(*out));
	out->l3_off = link_parse(frame, len, vlan);
	if (out->l3_off == 0) {
		drop(out, GW_DROP_NOT_IP6);
		return;
	}
	next = ip6_parse(frame, len, local, out);
	if (next < 0)
		return;
	left = (size_t)out->end - out->l4_off;

	if (next == IPPROTO_GRE) {
		drop(out, GW_DROP_CLEAR_GRE);
	} else if (next == IPPROTO_ICMPV6) {
		icmp6(frame + out->l4_off, left, out);
	} else if (next == IPPROTO_FRAGMENT) {
		if (left < FRAG_LEN)
			drop(out, GW_DROP_FRAG_BAD);
		else
			take(out, GW_CLASS_FRAGMENT);
	} else if (next == IPPROTO_ESP && !out->multicast) {
		take(out, GW_CLASS_ESP);
	} else if (next == IPPROTO_UDP && !out->multicast) {
		udp(frame, csum_good, out);
	} else {
		drop(out, GW_DROP_PROTO);
	}
}
