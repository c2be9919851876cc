/* SPDX-License-Identifier: BSD-3-Clause */
#include "ts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TEXT_MAX 128

struct named {
	uint16_t number;
	const char *name;
};

/* The first name of a number is the one that is printed. */
static const struct named protocols[] = {
	{1, "icmp"},
	{2, "igmp"},
	{4, "ipencap"},
	{4, "ipip"},
	{6, "tcp"},
	{17, "udp"},
	{33, "dccp"},
	{41, "ipv6"},
	{46, "rsvp"},
	{47, "gre"},
	{50, "esp"},
	{51, "ah"},
	{58, "ipv6-icmp"},
	{58, "icmpv6"},
	{88, "eigrp"},
	{89, "ospf"},
	{89, "ospfigp"},
	{97, "etherip"},
	{103, "pim"},
	{108, "ipcomp"},
	{112, "vrrp"},
	{115, "l2tp"},
	{132, "sctp"},
	{135, "mobility-header"},
	{136, "udplite"},
	{137, "mpls-in-ip"},
};

static const struct named services[] = {
	{20, "ftp-data"},
	{21, "ftp"},
	{22, "ssh"},
	{23, "telnet"},
	{25, "smtp"},
	{49, "tacacs"},
	{53, "domain"},
	{67, "bootps"},
	{68, "bootpc"},
	{69, "tftp"},
	{80, "http"},
	{88, "kerberos"},
	{110, "pop3"},
	{111, "sunrpc"},
	{123, "ntp"},
	{143, "imap2"},
	{143, "imap"},
	{161, "snmp"},
	{162, "snmp-trap"},
	{179, "bgp"},
	{389, "ldap"},
	{443, "https"},
	{500, "isakmp"},
	{514, "syslog"},
	{546, "dhcpv6-client"},
	{547, "dhcpv6-server"},
	{587, "submission"},
	{636, "ldaps"},
	{646, "ldp"},
	{853, "domain-s"},
	{993, "imaps"},
	{995, "pop3s"},
	{1701, "l2f"},
	{1812, "radius"},
	{1813, "radius-acct"},
	{2049, "nfs"},
	{3306, "mysql"},
	{3389, "ms-wbt-server"},
	{3784, "bfd-control"},
	{4500, "ipsec-nat-t"},
	{4789, "vxlan"},
	{5432, "postgresql"},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool
find_number(const struct named *t, size_t n, const char *name, uint16_t *number)
{
	for (size_t i = 0; i < n; i++) {
		if (strcasecmp(t[i].name, name) == 0) {
			*number = t[i].number;
			return true;
		}
	}
	return false;
}

static const char *
find_name(const struct named *t, size_t n, uint16_t number)
{
	for (size_t i = 0; i < n; i++)
		if (t[i].number == number)
			return t[i].name;
	return NULL;
}

static size_t
addr_len(uint8_t type)
{
	return type == IKE_TS_IPV4_ADDR_RANGE ? 4 : 16;
}

static bool
is_opaque(const struct ike_ts *ts)
{
	return ts->port_from == 65535 && ts->port_to == 0;
}

static bool
any_port(const struct ike_ts *ts)
{
	return ts->port_from == 0 && ts->port_to == 65535;
}

/* ---- parsing ---- */

static bool
parse_number(const char *text, unsigned long max, uint16_t *out)
{
	unsigned long v = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		v = v * 10 + (unsigned long)(*text - '0');
		if (v > max)
			return false;
	}
	*out = (uint16_t)v;
	return true;
}

static bool
parse_addr(const char *text, uint8_t *type, uint8_t *addr)
{
	if (inet_pton(AF_INET6, text, addr) == 1) {
		*type = IKE_TS_IPV6_ADDR_RANGE;
		return true;
	}
	if (inet_pton(AF_INET, text, addr) == 1) {
		*type = IKE_TS_IPV4_ADDR_RANGE;
		return true;
	}
	return false;
}

/** Host bits of from to 0, of to to 1. */
static void
set_prefix(struct ike_ts *ts, unsigned int bits)
{
	for (unsigned int i = 0; i < addr_len(ts->type); i++) {
		unsigned int in_byte = bits > 8 * i ? bits - 8 * i : 0;
		uint8_t host = (uint8_t)(in_byte >= 8 ? 0 : 0xff >> in_byte);

		ts->to[i] = ts->from[i] | host;
		ts->from[i] = (uint8_t)(ts->from[i] & ~host);
	}
}

static bool
parse_addresses(struct ike_ts *ts, char *text)
{
	char *slash = strchr(text, '/'), *dash = strchr(text, '-');
	uint8_t to_type;
	uint16_t bits;

	if (strcmp(text, "dynamic") == 0) {
		ts->dynamic = true;
		ts->type = IKE_TS_IPV6_ADDR_RANGE;
		set_prefix(ts, 0);
		return true;
	}
	if (dash != NULL) {
		*dash = '\0';
		return parse_addr(text, &ts->type, ts->from) &&
		       parse_addr(dash + 1, &to_type, ts->to) && to_type == ts->type &&
		       memcmp(ts->from, ts->to, addr_len(ts->type)) <= 0;
	}
	if (slash != NULL)
		*slash = '\0';
	if (!parse_addr(text, &ts->type, ts->from))
		return false;
	bits = (uint16_t)(8 * addr_len(ts->type));
	if (slash != NULL && !parse_number(slash + 1, bits, &bits))
		return false;
	set_prefix(ts, bits);
	return true;
}

static bool
parse_port(const char *text, uint16_t *port)
{
	return parse_number(text, 65535, port) ||
	       find_number(services, COUNT(services), text, port);
}

/** A-B of numbers; a service's name may hold a '-' itself. */
static bool
parse_port_range(struct ike_ts *ts, char *text)
{
	char *dash = strchr(text, '-');

	if (dash == NULL)
		return false;
	*dash = '\0';
	return parse_number(text, 65535, &ts->port_from) &&
	       parse_number(dash + 1, 65535, &ts->port_to) && ts->port_from <= ts->port_to;
}

static bool
parse_ports(struct ike_ts *ts, char *text)
{
	if (*text == '\0' || strcmp(text, "any") == 0)
		return true;
	if (strcmp(text, "opaque") == 0) {
		ts->port_from = 65535;
		ts->port_to = 0;
		return true;
	}
	if (parse_port(text, &ts->port_from)) {
		ts->port_to = ts->port_from;
		return true;
	}
	return parse_port_range(ts, text);
}

static bool
parse_proto(struct ike_ts *ts, const char *text)
{
	uint16_t proto = 0;

	if (*text != '\0' && strcmp(text, "any") != 0 && !parse_number(text, 255, &proto) &&
		!find_number(protocols, COUNT(protocols), text, &proto))
		return false;
	ts->proto = (uint8_t)proto;
	return true;
}

static int
fail(char *err, size_t err_len, const char *what, const char *text)
{
	snprintf(err, err_len, "%s in '%.*s'", what, TEXT_MAX, text);
	return -EINVAL;
}

int
ike_ts_parse(struct ike_ts *ts, const char *text, char *err, size_t err_len)
{
	char copy[TEXT_MAX], *inner, *end, *slash;
	size_t len = strlen(text);

	*ts = (struct ike_ts){.port_to = 65535};
	if (len >= sizeof(copy))
		return fail(err, err_len, "too long a selector", text);
	memcpy(copy, text, len + 1);
	inner = strchr(copy, '[');
	if (inner != NULL) {
		end = strchr(inner, ']');
		if (end == NULL || end[1] != '\0')
			return fail(err, err_len, "no ']' at the end", text);
		*inner++ = '\0';
		*end = '\0';
		slash = strchr(inner, '/');
		if (slash != NULL)
			*slash++ = '\0';
		if (!parse_proto(ts, inner))
			return fail(err, err_len, "not a protocol (name, 0-255, any)", text);
		if (slash != NULL && !parse_ports(ts, slash))
			return fail(
				err, err_len, "not a port (name, number, A-B, any, opaque)", text);
	}
	if (!parse_addresses(ts, copy))
		return fail(err, err_len, "not 'dynamic', ADDR, ADDR/BITS or ADDR-ADDR", text);
	return 0;
}

/* ---- printing ---- */

/** Prefix length if the range is one, else -1. */
static int
prefix_bits(const struct ike_ts *ts)
{
	int len = (int)addr_len(ts->type), bits = 0;

	while (bits < 8 * len) {
		int mask = 0x80 >> (bits % 8);

		if (((ts->from[bits / 8] ^ ts->to[bits / 8]) & mask) != 0)
			break;
		bits++;
	}
	for (int i = bits; i < 8 * len; i++) {
		int mask = 0x80 >> (i % 8);

		if ((ts->from[i / 8] & mask) != 0 || (ts->to[i / 8] & mask) == 0)
			return -1;
	}
	return bits;
}

static void
print_addresses(const struct ike_ts *ts, char *buf, size_t len)
{
	int family = ts->type == IKE_TS_IPV4_ADDR_RANGE ? AF_INET : AF_INET6;
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];
	int bits = prefix_bits(ts);

	inet_ntop(family, ts->from, from, sizeof(from));
	inet_ntop(family, ts->to, to, sizeof(to));
	if (ts->dynamic)
		snprintf(buf, len, "dynamic");
	else if (bits >= 0)
		snprintf(buf, len, "%s/%d", from, bits);
	else
		snprintf(buf, len, "%s..%s", from, to);
}

static void
print_ports(const struct ike_ts *ts, char *buf, size_t len)
{
	const char *name = find_name(services, COUNT(services), ts->port_from);

	if (any_port(ts))
		snprintf(buf, len, "%s", "");
	else if (is_opaque(ts))
		snprintf(buf, len, "/opaque");
	else if (ts->port_from != ts->port_to)
		snprintf(buf, len, "/%u-%u", ts->port_from, ts->port_to);
	else if (name != NULL && (ts->proto == IPPROTO_TCP || ts->proto == IPPROTO_UDP))
		snprintf(buf, len, "/%s", name);
	else
		snprintf(buf, len, "/%u", ts->port_from);
}

const char *
ike_ts_str(const struct ike_ts *ts, char *buf, size_t len)
{
	char addresses[2 * INET6_ADDRSTRLEN + 3], proto[24], ports[24];
	const char *name = find_name(protocols, COUNT(protocols), ts->proto);

	print_addresses(ts, addresses, sizeof(addresses));
	print_ports(ts, ports, sizeof(ports));
	if (ts->proto == 0)
		snprintf(proto, sizeof(proto), "%s", "");
	else if (name != NULL)
		snprintf(proto, sizeof(proto), "%s", name);
	else
		snprintf(proto, sizeof(proto), "%u", ts->proto);
	if (ts->proto == 0 && any_port(ts))
		snprintf(buf, len, "%s", addresses);
	else
		snprintf(buf, len, "%s[%s%s]", addresses, proto, ports);
	return buf;
}

/* ---- sets ---- */

void
ike_ts_resolve(struct ike_ts_list *out, const struct ike_ts_list *cfg, const struct in6_addr *host)
{
	struct ike_ts_list res = *cfg; /* out may be cfg */

	for (unsigned int i = 0; i < res.n; i++) {
		struct ike_ts *ts = &res.ts[i];
		bool v4 = IN6_IS_ADDR_V4MAPPED(host);

		if (!ts->dynamic)
			continue;
		ts->dynamic = false;
		ts->type = v4 ? IKE_TS_IPV4_ADDR_RANGE : IKE_TS_IPV6_ADDR_RANGE;
		memset(ts->from, 0, sizeof(ts->from));
		memset(ts->to, 0, sizeof(ts->to));
		memcpy(ts->from, host->s6_addr + (v4 ? 12 : 0), v4 ? 4 : 16);
		memcpy(ts->to, host->s6_addr + (v4 ? 12 : 0), v4 ? 4 : 16);
	}
	*out = res;
}

/** OPAQUE is no range: it meets itself and ANY, which holds it (RFC 7296 3.13.1, RFC 4301 4.4.1.1).
 */
static bool
intersect_ports(const struct ike_ts *a, const struct ike_ts *b, struct ike_ts *out)
{
	if (is_opaque(a) || is_opaque(b)) {
		out->port_from = 65535;
		out->port_to = 0;
		return (is_opaque(a) || any_port(a)) && (is_opaque(b) || any_port(b));
	}
	out->port_from = a->port_from > b->port_from ? a->port_from : b->port_from;
	out->port_to = a->port_to < b->port_to ? a->port_to : b->port_to;
	return out->port_from <= out->port_to;
}

bool
ike_ts_intersect(const struct ike_ts *a, const struct ike_ts *b, struct ike_ts *out)
{
	struct ike_ts res = {.type = a->type};
	size_t len = addr_len(a->type);

	if (a->type != b->type || (a->proto != 0 && b->proto != 0 && a->proto != b->proto))
		return false;
	res.proto = a->proto != 0 ? a->proto : b->proto;
	if (!intersect_ports(a, b, &res))
		return false;
	memcpy(res.from, memcmp(a->from, b->from, len) > 0 ? a->from : b->from, len);
	memcpy(res.to, memcmp(a->to, b->to, len) < 0 ? a->to : b->to, len);
	if (memcmp(res.from, res.to, len) > 0)
		return false;
	*out = res;
	return true;
}

static bool
same(const struct ike_ts *a, const struct ike_ts *b)
{
	size_t len = addr_len(a->type);

	return a->type == b->type && a->proto == b->proto && a->port_from == b->port_from &&
	       a->port_to == b->port_to && memcmp(a->from, b->from, len) == 0 &&
	       memcmp(a->to, b->to, len) == 0;
}

/** What both have is inner itself. */
static bool
is_inside(const struct ike_ts *inner, const struct ike_ts *outer)
{
	struct ike_ts both;

	return ike_ts_intersect(inner, outer, &both) && same(&both, inner);
}

/** Add a selector unless the list has it; those that it holds give way to it. */
static void
add(struct ike_ts_list *list, const struct ike_ts *ts)
{
	uint8_t n = 0;

	for (unsigned int i = 0; i < list->n; i++)
		if (is_inside(ts, &list->ts[i]))
			return;
	for (unsigned int i = 0; i < list->n; i++)
		if (!is_inside(&list->ts[i], ts))
			list->ts[n++] = list->ts[i];
	list->n = n;
	if (list->n < IKE_TS_MAX)
		list->ts[list->n++] = *ts;
}

int
ike_ts_narrow(const struct ike_ts_list *policy, const struct ike_ts_list *offered,
	struct ike_ts_list *out)
{
	struct ike_ts_list res = {0};
	struct ike_ts both;

	/* the offer's order outside: its first selector is the packet that asked for the SA (2.9)
	 */
	for (unsigned int i = 0; i < offered->n; i++)
		for (unsigned int j = 0; j < policy->n; j++)
			if (ike_ts_intersect(&offered->ts[i], &policy->ts[j], &both))
				add(&res, &both);
	*out = res;
	return res.n > 0 ? 0 : -ENOENT;
}

bool
ike_ts_subset(const struct ike_ts_list *inner, const struct ike_ts_list *outer)
{
	for (unsigned int i = 0; i < inner->n; i++) {
		bool found = false;

		for (unsigned int j = 0; j < outer->n && !found; j++)
			found = is_inside(&inner->ts[i], &outer->ts[j]);
		if (!found)
			return false;
	}
	return true;
}

bool
ike_ts_covers(const struct ike_ts_list *list, const struct in6_addr *host, uint8_t proto)
{
	struct ike_ts_list want = {.n = 1};

	want.ts[0] = (struct ike_ts){.proto = proto, .port_to = 65535, .dynamic = true};
	ike_ts_resolve(&want, &want, host);
	return ike_ts_subset(&want, list);
}
