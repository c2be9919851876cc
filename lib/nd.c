/* SPDX-License-Identifier: BSD-3-Clause */
#include "nd.h"

#include <string.h>

#define IP6_LEN  40
#define NH_HBH   0
#define NH_UDP   17
#define NH_ESP   50
#define NH_ICMP6 58

enum icmp6_type {
	T_UNREACH = 1,
	T_TOO_BIG = 2,
	T_ECHO_REQUEST = 128,
	T_ECHO_REPLY = 129,
	T_MLD_QUERY = 130,
	T_RS = 133,
	T_RA = 134,
	T_NS = 135,
	T_NA = 136,
	T_REDIRECT = 137,
	T_MLD2_REPORT = 143,
};

enum nd_opt { OPT_SOURCE_LLADDR = 1, OPT_TARGET_LLADDR = 2, OPT_MTU = 5 };

/* options in one message; RFC 4861 knows five kinds, none useful twice but prefixes */
#define OPTS_MAX 64

static const struct in6_addr all_mld2_routers = {{{0xff, 2, [15] = 0x16}}};
static const struct in6_addr all_routers = {{{0xff, 2, [15] = 2}}};

static uint16_t
get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void
put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t
sum16(uint32_t sum, const uint8_t *p, size_t len)
{
	for (; len >= 2; p += 2, len -= 2)
		sum += get16(p);
	if (len)
		sum += (uint32_t)p[0] << 8;
	return sum;
}

uint16_t
gw_ip6_csum(const struct in6_addr *src, const struct in6_addr *dst, uint8_t next, const uint8_t *p,
	size_t len)
{
	uint32_t sum;

	/* 64 KiB of 16-bit words cannot overflow 32 bits */
	sum = sum16(0, src->s6_addr, 16);
	sum = sum16(sum, dst->s6_addr, 16);
	sum += (uint32_t)(len >> 16) + (uint32_t)(len & 0xffff) + next;
	sum = sum16(sum, p, len);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

void
gw_nd_solicited_node(const struct in6_addr *addr, struct in6_addr *group)
{
	static const uint8_t prefix[13] = {0xff, 2, [11] = 1, [12] = 0xff};

	memcpy(group->s6_addr, prefix, sizeof(prefix));
	memcpy(group->s6_addr + 13, addr->s6_addr + 13, 3);
}

void
gw_nd_multicast_mac(const struct in6_addr *group, uint8_t mac[6])
{
	mac[0] = mac[1] = 0x33;
	memcpy(mac + 2, group->s6_addr + 12, 4);
}

void
gw_nd_link_local(const uint8_t mac[6], struct in6_addr *addr)
{
	*addr = (struct in6_addr){{{0xfe, 0x80}}};
	memcpy(addr->s6_addr + 8, mac, 3);
	addr->s6_addr[8] ^= 2;
	addr->s6_addr[11] = 0xff;
	addr->s6_addr[12] = 0xfe;
	memcpy(addr->s6_addr + 13, mac + 3, 3);
}

/* ---- parse ---- */

struct view {
	const uint8_t *ip6;
	uint8_t hop_limit;
	const uint8_t *p; /* ICMPv6 header */
	size_t len;
};

/* A group address or zeros as somebody's MAC would make us send to everybody, or nobody. */
static void
take_lladdr(struct gw_nd *m, const uint8_t *opt, size_t len)
{
	static const uint8_t zero[6];

	if (len != 8 || (opt[2] & 1) || memcmp(opt + 2, zero, 6) == 0)
		return;
	memcpy(m->lladdr, opt + 2, 6);
	m->has_lladdr = true;
}

/* RFC 4861 4.6: options are type, length in units of 8 bytes; length 0 spoils the message. */
static bool
parse_options(struct gw_nd *m, const uint8_t *p, size_t left, uint8_t lladdr_type)
{
	unsigned int n;

	for (n = 0; left > 0; n++) {
		size_t len;

		if (left < 8 || n == OPTS_MAX)
			return false;
		len = (size_t)p[1] * 8;
		if (len == 0 || len > left)
			return false;
		if (p[0] == lladdr_type)
			take_lladdr(m, p, len);
		else if (p[0] == OPT_MTU && len == 8)
			m->mtu = get32(p + 4);
		p += len;
		left -= len;
	}
	return true;
}

/* RFC 4861 7.1.1 */
static enum gw_nd_type
parse_ns(const struct view *v, struct gw_nd *m)
{
	struct in6_addr group;

	if (v->len < 24 || v->p[1] != 0)
		return GW_ND_BAD;
	memcpy(&m->target, v->p + 8, 16);
	if (IN6_IS_ADDR_MULTICAST(&m->target))
		return GW_ND_BAD;
	if (!parse_options(m, v->p + 24, v->len - 24, OPT_SOURCE_LLADDR))
		return GW_ND_BAD;
	if (IN6_IS_ADDR_UNSPECIFIED(&m->src)) {
		gw_nd_solicited_node(&m->target, &group);
		if (m->has_lladdr || !IN6_ARE_ADDR_EQUAL(&m->dst, &group))
			return GW_ND_BAD;
	}
	return GW_ND_NS;
}

/* RFC 4861 7.1.2 */
static enum gw_nd_type
parse_na(const struct view *v, struct gw_nd *m)
{
	if (v->len < 24 || v->p[1] != 0)
		return GW_ND_BAD;
	m->router = v->p[4] & 0x80;
	m->solicited = v->p[4] & 0x40;
	m->override = v->p[4] & 0x20;
	memcpy(&m->target, v->p + 8, 16);
	if (IN6_IS_ADDR_MULTICAST(&m->target))
		return GW_ND_BAD;
	if (IN6_IS_ADDR_MULTICAST(&m->dst) && m->solicited)
		return GW_ND_BAD;
	if (!parse_options(m, v->p + 24, v->len - 24, OPT_TARGET_LLADDR))
		return GW_ND_BAD;
	return GW_ND_NA;
}

/* RFC 4861 6.1.2 */
static enum gw_nd_type
parse_ra(const struct view *v, struct gw_nd *m)
{
	if (v->len < 16 || v->p[1] != 0 || !IN6_IS_ADDR_LINKLOCAL(&m->src))
		return GW_ND_BAD;
	m->cur_hop_limit = v->p[4];
	m->router_lifetime_s = get16(v->p + 6);
	m->reachable_ms = get32(v->p + 8);
	m->retrans_ms = get32(v->p + 12);
	if (!parse_options(m, v->p + 16, v->len - 16, OPT_SOURCE_LLADDR))
		return GW_ND_BAD;
	return GW_ND_RA;
}

/* RFC 4861 8.1 */
static enum gw_nd_type
parse_redirect(const struct view *v, struct gw_nd *m)
{
	if (v->len < 40 || v->p[1] != 0 || !IN6_IS_ADDR_LINKLOCAL(&m->src))
		return GW_ND_BAD;
	memcpy(&m->target, v->p + 8, 16);
	if (v->p[24] == 0xff) /* the destination, never multicast */
		return GW_ND_BAD;
	if (!parse_options(m, v->p + 40, v->len - 40, OPT_TARGET_LLADDR))
		return GW_ND_BAD;
	return GW_ND_REDIRECT;
}

static enum gw_nd_type
parse_error(const struct view *v, struct gw_nd *m, enum gw_nd_type type)
{
	if (v->len < 8)
		return GW_ND_BAD;
	if (type == GW_ND_TOO_BIG)
		m->mtu = get32(v->p + 4);
	m->quoted = v->p + 8;
	m->quoted_len = v->len - 8;
	return type;
}

/* RFC 3810 6.2 and RFC 2711: a query without router alert is not one */
static bool
has_router_alert(const struct view *v)
{
	const uint8_t *p = v->ip6 + IP6_LEN;
	size_t left = (size_t)(v->p - p);

	if (v->ip6[6] != NH_HBH || left < 8 || ((size_t)p[1] + 1) * 8 > left)
		return false;
	left = ((size_t)p[1] + 1) * 8 - 2;
	p += 2;
	while (left > 0) {
		size_t len = 1;

		if (p[0] != 0) { /* all but Pad1 have a length */
			if (left < 2 || left - 2 < p[1])
				return false;
			len = (size_t)p[1] + 2;
		}
		if (p[0] == 5 && len == 4)
			return get16(p + 2) == 0;
		p += len;
		left -= len;
	}
	return false;
}

static enum gw_nd_type
parse_mld_query(const struct view *v, struct gw_nd *m)
{
	uint16_t code;

	if (v->len < 24 || v->hop_limit != 1 || !IN6_IS_ADDR_LINKLOCAL(&m->src))
		return GW_ND_BAD;
	if (!has_router_alert(v))
		return GW_ND_BAD;
	code = get16(v->p + 4);
	memcpy(&m->target, v->p + 8, 16);
	/* RFC 3810 5.1.3: large values are floating point; MLDv1 queries (24 bytes) are not */
	m->max_resp_ms = code;
	if (v->len >= 28 && code >= 0x8000)
		m->max_resp_ms = ((code & 0xfffu) | 0x1000u) << (((code >> 12) & 7u) + 3u);
	return GW_ND_MLD_QUERY;
}

/* What RFC 4861 lets only the link's own nodes say: a router would have lowered the hop limit. */
static enum gw_nd_type
parse_link_message(const struct view *v, struct gw_nd *m)
{
	if (v->hop_limit != 255)
		return GW_ND_BAD;
	switch (v->p[0]) {
	case T_NS:
		return parse_ns(v, m);
	case T_NA:
		return parse_na(v, m);
	case T_RA:
		return parse_ra(v, m);
	case T_REDIRECT:
		return parse_redirect(v, m);
	default: /* solicitations are for routers */
		return GW_ND_OTHER;
	}
}

static enum gw_nd_type
parse_message(const struct view *v, struct gw_nd *m)
{
	m->code = v->p[1];
	switch (v->p[0]) {
	case T_RS:
	case T_RA:
	case T_NS:
	case T_NA:
	case T_REDIRECT:
		return parse_link_message(v, m);
	case T_TOO_BIG:
		return parse_error(v, m, GW_ND_TOO_BIG);
	case T_UNREACH:
		return parse_error(v, m, GW_ND_UNREACH);
	case T_ECHO_REQUEST:
		return v->len < 8 || v->p[1] != 0 ? GW_ND_BAD : GW_ND_ECHO;
	case T_MLD_QUERY:
		return parse_mld_query(v, m);
	default:
		return GW_ND_OTHER;
	}
}

void
gw_nd_parse(const uint8_t *ip6, size_t len, size_t icmp_off, struct gw_nd *out)
{
	struct view v;

	memset(out, 0, sizeof(*out));
	out->type = GW_ND_BAD;
	if (len < IP6_LEN || icmp_off < IP6_LEN || icmp_off > len || len - icmp_off < 4)
		return;
	v = (struct view){ip6, ip6[7], ip6 + icmp_off, len - icmp_off};
	memcpy(&out->src, ip6 + 8, 16);
	memcpy(&out->dst, ip6 + 24, 16);
	out->body = v.p;
	out->body_len = v.len;
	if (IN6_IS_ADDR_MULTICAST(&out->src))
		return;
	if (gw_ip6_csum(&out->src, &out->dst, NH_ICMP6, v.p, v.len) != 0)
		return;
	out->type = parse_message(&v, out);
}

/*
 * Our own packets carry no extension headers, so none are walked. ESP in UDP is told from IKE by
 * the non-ESP marker (RFC 3948 2.2), which port 500 does not have.
 */
static void
quoted_udp(const uint8_t *p, size_t len, struct gw_quoted *out)
{
	out->sport = get16(p);
	out->dport = get16(p + 2);
	if (out->sport == 500) {
		out->ike = true;
		return;
	}
	if (len < 16)
		return;
	if (get32(p + 8) == 0) {
		out->ike = out->sport == 4500;
		return;
	}
	out->esp = true;
	out->spi = get32(p + 8);
	out->seq = get32(p + 12);
}

bool
gw_nd_quoted(const uint8_t *p, size_t len, struct gw_quoted *out)
{
	memset(out, 0, sizeof(*out));
	if (len < IP6_LEN + 8 || p[0] >> 4 != 6)
		return false;
	memcpy(&out->src, p + 8, 16);
	memcpy(&out->dst, p + 24, 16);
	if (p[6] == NH_ESP) {
		out->esp = true;
		out->spi = get32(p + IP6_LEN);
		out->seq = get32(p + IP6_LEN + 4);
	} else if (p[6] == NH_UDP) {
		quoted_udp(p + IP6_LEN, len - IP6_LEN, out);
	}
	return true;
}

/* ---- build ---- */

static void
put_ip6(uint8_t *buf, const struct in6_addr *src, const struct in6_addr *dst, uint8_t next,
	size_t payload, uint8_t hop_limit)
{
	memset(buf, 0, 8);
	buf[0] = 0x60;
	put16(buf + 4, (uint16_t)payload);
	buf[6] = next;
	buf[7] = hop_limit;
	memcpy(buf + 8, src, 16);
	memcpy(buf + 24, dst, 16);
}

/* Header and checksum around an ICMPv6 message that is in place already. */
static size_t
finish(uint8_t *buf, const struct in6_addr *src, const struct in6_addr *dst, size_t len,
	uint8_t hop_limit)
{
	uint8_t *p = buf + IP6_LEN;

	put_ip6(buf, src, dst, NH_ICMP6, len, hop_limit);
	put16(p + 2, 0);
	put16(p + 2, gw_ip6_csum(src, dst, NH_ICMP6, p, len));
	return IP6_LEN + len;
}

static size_t
put_lladdr(uint8_t *p, enum nd_opt type, const uint8_t *lladdr)
{
	if (!lladdr)
		return 0;
	p[0] = (uint8_t)type;
	p[1] = 1;
	memcpy(p + 2, lladdr, 6);
	return 8;
}

size_t
gw_nd_build_ns(uint8_t *buf, const struct in6_addr *src, const struct in6_addr *dst,
	const struct in6_addr *target, const uint8_t *lladdr)
{
	uint8_t *p = buf + IP6_LEN;

	memset(p, 0, 8);
	p[0] = T_NS;
	memcpy(p + 8, target, 16);
	return finish(buf, src, dst, 24 + put_lladdr(p + 24, OPT_SOURCE_LLADDR, lladdr), 255);
}

size_t
gw_nd_build_na(uint8_t *buf, const struct in6_addr *src, const struct in6_addr *dst,
	const struct in6_addr *target, const uint8_t *lladdr, bool solicited, bool override)
{
	uint8_t *p = buf + IP6_LEN;

	memset(p, 0, 8);
	p[0] = T_NA;
	p[4] = (uint8_t)((solicited ? 0x40 : 0) | (override ? 0x20 : 0));
	memcpy(p + 8, target, 16);
	return finish(buf, src, dst, 24 + put_lladdr(p + 24, OPT_TARGET_LLADDR, lladdr), 255);
}

size_t
gw_nd_build_rs(uint8_t *buf, const struct in6_addr *src, const uint8_t *lladdr)
{
	uint8_t *p = buf + IP6_LEN;

	memset(p, 0, 8);
	p[0] = T_RS;
	return finish(
		buf, src, &all_routers, 8 + put_lladdr(p + 8, OPT_SOURCE_LLADDR, lladdr), 255);
}

size_t
gw_nd_build_echo_reply(uint8_t *buf, const struct in6_addr *src, const struct in6_addr *dst,
	const uint8_t *body, size_t body_len, uint8_t hop_limit)
{
	if (body_len < 8 || body_len > GW_ND_PKT_MAX - IP6_LEN || body[0] != T_ECHO_REQUEST)
		return 0;
	memcpy(buf + IP6_LEN, body, body_len);
	buf[IP6_LEN] = T_ECHO_REPLY;
	buf[IP6_LEN + 1] = 0;
	return finish(buf, src, dst, body_len, hop_limit);
}

size_t
gw_nd_build_mld(uint8_t *buf, const struct in6_addr *src, const struct in6_addr *groups,
	unsigned int n, bool join)
{
	static const uint8_t hbh[8] = {NH_ICMP6, 0, 5, 2, 0, 0, 1, 0}; /* router alert, PadN */
	uint8_t *p = buf + IP6_LEN + sizeof(hbh);
	unsigned int i;
	size_t len;

	if (n > GW_ND_GROUPS_MAX)
		n = GW_ND_GROUPS_MAX;
	len = 8 + (size_t)n * 20;
	memset(p, 0, len);
	p[0] = T_MLD2_REPORT;
	put16(p + 6, (uint16_t)n);
	for (i = 0; i < n; i++) {
		uint8_t *rec = p + 8 + (size_t)i * 20;

		rec[0] = join ? 4 : 2; /* CHANGE_TO_EXCLUDE_MODE, MODE_IS_EXCLUDE */
		memcpy(rec + 4, &groups[i], 16);
	}
	put16(p + 2, gw_ip6_csum(src, &all_mld2_routers, NH_ICMP6, p, len));
	put_ip6(buf, src, &all_mld2_routers, NH_HBH, sizeof(hbh) + len, 1);
	memcpy(buf + IP6_LEN, hbh, sizeof(hbh));
	return IP6_LEN + sizeof(hbh) + len;
}
