/* SPDX-License-Identifier: BSD-3-Clause */
/* Values: numbers, times, words, addresses. */
#include "cfg_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct cfg_word cfg_source_words[] = {
	{"no", GW_SOURCE_ANY},
	{"loose", GW_SOURCE_LOOSE},
	{"strict", GW_SOURCE_STRICT},
	{NULL, 0},
};

static const struct cfg_word bools[] = {
	{"yes", 1},
	{"true", 1},
	{"enabled", 1},
	{"1", 1},
	{"no", 0},
	{"false", 0},
	{"disabled", 0},
	{"0", 0},
	{NULL, 0},
};

/* @return digits read */
static size_t
digits(const char *s, unsigned int base, uint64_t *v)
{
	static const char all[] = "0123456789abcdef";
	size_t n = 0;

	*v = 0;
	for (;; n++) {
		char ch = s[n] >= 'A' && s[n] <= 'F' ? (char)(s[n] - 'A' + 'a') : s[n];
		const char *d = ch == '\0' ? NULL : strchr(all, ch);
		if (d == NULL || d - all >= (ptrdiff_t)base)
			return n;
		if (__builtin_mul_overflow(*v, base, v) ||
			__builtin_add_overflow(*v, (uint64_t)(d - all), v))
			return 0;
	}
}

/* an integer in front of s. @return characters read, 0 = none */
static size_t
uint_prefix(const char *s, uint64_t *v)
{
	size_t n;

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		n = digits(s + 2, 16, v);
		return n > 0 ? n + 2 : 0;
	}
	return digits(s, s[0] == '0' ? 8 : 10, v);
}

bool
cfg_parse_uint(const char *s, uint64_t max, uint64_t *v)
{
	size_t n = uint_prefix(s, v);

	return n > 0 && s[n] == '\0' && *v <= max;
}

bool
cfg_parse_milli(const char *s, uint64_t max, uint64_t *ms)
{
	uint64_t unit = 1000;
	size_t n = 0;

	*ms = 0;
	for (; s[n] >= '0' && s[n] <= '9' && *ms <= max; n++)
		*ms = *ms * 10 + (uint64_t)(s[n] - '0') * 1000;
	if (n == 0)
		return false;
	if (s[n] == '.') {
		/* a fourth digit has no weight */
		for (n++; s[n] >= '0' && s[n] <= '9' && unit >= 10; n++) {
			unit /= 10;
			*ms += (uint64_t)(s[n] - '0') * unit;
		}
		if (unit == 1000)
			return false;
	}
	if (s[n] == 's')
		n++;
	return s[n] == '\0' && *ms <= max;
}

static bool
find_word(const struct cfg_word *words, const char *s, unsigned int *v)
{
	for (; words->word != NULL; words++) {
		if (strcasecmp(words->word, s) == 0) {
			*v = words->value;
			return true;
		}
	}
	return false;
}

const char *
cfg_word(const struct cfg_word *words, unsigned int v)
{
	for (; words->word != NULL; words++) {
		if (words->value == v)
			return words->word;
	}
	return NULL;
}

static int
bad_word(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_word *words)
{
	char allowed[256] = "";
	size_t at = 0;

	for (; words->word != NULL && at < sizeof(allowed); words++)
		at += (size_t)snprintf(allowed + at, sizeof(allowed) - at, "%s%s",
			at > 0 ? ", " : "", words->word);
	return cfg_bad_value(x, node, node->value, allowed);
}

int
cfg_bool(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	bool *b = field;
	unsigned int v;

	if (!find_word(bools, node->value, &v))
		return cfg_bad_value(x, node, node->value, "yes, no");
	*b = v != 0;
	return 0;
}

int
cfg_enum(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	unsigned int *e = field;

	if (!find_word(k->words, node->value, e))
		return bad_word(x, node, k->words);
	return 0;
}

static int
ranged(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, uint64_t *v)
{
	char allowed[64];

	if (cfg_parse_uint(node->value, k->max, v) && *v >= k->min)
		return 0;
	snprintf(allowed, sizeof(allowed), "a number from %llu to %llu", (unsigned long long)k->min,
		(unsigned long long)k->max);
	return cfg_bad_value(x, node, node->value, allowed);
}

int
cfg_u8(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	uint8_t *f = field;
	uint64_t v;
	int ret = ranged(x, node, k, &v);

	if (ret == 0)
		*f = (uint8_t)v;
	return ret;
}

int
cfg_u16(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	uint16_t *f = field;
	uint64_t v;
	int ret = ranged(x, node, k, &v);

	if (ret == 0)
		*f = (uint16_t)v;
	return ret;
}

int
cfg_u32(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	uint32_t *f = field;
	uint64_t v;
	int ret = ranged(x, node, k, &v);

	if (ret == 0)
		*f = (uint32_t)v;
	return ret;
}

int
cfg_count_u64(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	uint64_t *f = field;

	return ranged(x, node, k, f);
}

/* a number and perhaps one letter that multiplies it */
static bool
with_unit(const char *s, const char *units, const uint64_t *factors, uint64_t max, uint64_t *v)
{
	size_t n = uint_prefix(s, v);
	const char *u;

	if (n == 0)
		return false;
	s += n;
	if (*s != '\0') {
		/* swanctl.conf takes both cases for bytes; times are lower case, which we do not
		 * insist on */
		char ch = *s >= 'A' && *s <= 'Z' ? (char)(*s - 'A' + 'a') : *s;
		u = strchr(units, ch);
		if (u == NULL || s[1] != '\0' || __builtin_mul_overflow(*v, factors[u - units], v))
			return false;
	}
	return *v <= max;
}

static int
seconds(struct cfg_ctx *x, const struct conf_node *node, uint64_t *v)
{
	static const uint64_t factors[] = {1, 60, 3600, 86400};

	/* 100 years: nobody's clock overflows */
	if (!with_unit(node->value, "smhd", factors, 36525ull * 86400, v))
		return cfg_bad_value(x, node, node->value,
			"a number of seconds, or one followed by s, m, h or d");
	return 0;
}

int
cfg_time_u32(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	uint32_t *f = field;
	uint64_t v;
	int ret = seconds(x, node, &v);

	if (ret == 0)
		*f = (uint32_t)v;
	return ret;
}

int
cfg_time_u64(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	uint64_t *f = field;

	return seconds(x, node, f);
}

int
cfg_bytes_u64(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	static const uint64_t factors[] = {1ull << 10, 1ull << 20, 1ull << 30};
	uint64_t *f = field;

	if (!with_unit(node->value, "kmg", factors, UINT64_MAX / 4, f))
		return cfg_bad_value(x, node, node->value,
			"a number of bytes, or one followed by k, m or g (1024)");
	return 0;
}

int
cfg_text(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	char *f = field;

	if (node->len == 0)
		return cfg_error(x, node, "is empty; write a value, or leave the key out");
	if (node->len >= k->max)
		return cfg_error(x, node, "has %zu characters; at most %llu are possible",
			node->len, (unsigned long long)k->max - 1);
	memcpy(f, node->value, node->len + 1);
	return 0;
}

bool
cfg_parse_prefix(const char *s, struct gw_prefix *p, bool *has_bits)
{
	const char *slash = strchr(s, '/');
	size_t len = slash != NULL ? (size_t)(slash - s) : strlen(s);
	char addr[INET6_ADDRSTRLEN];
	uint64_t bits;

	memset(p, 0, sizeof(*p));
	*has_bits = slash != NULL;
	if (len >= sizeof(addr))
		return false;
	memcpy(addr, s, len);
	addr[len] = '\0';
	if (inet_pton(AF_INET6, addr, p->addr) == 1)
		p->family = AF_INET6;
	else if (inet_pton(AF_INET, addr, p->addr) == 1)
		p->family = AF_INET;
	else
		return false;
	p->bits = p->family == AF_INET6 ? 128 : 32;
	if (slash == NULL)
		return true;
	/* decimal only: /010 is no /8 */
	if (slash[1] == '\0' || (slash[1] == '0' && slash[2] != '\0') ||
		!cfg_parse_uint(slash + 1, p->bits, &bits))
		return false;
	p->bits = (uint8_t)bits;
	return true;
}

bool
cfg_prefix_has_host_bits(const struct gw_prefix *p)
{
	unsigned int n = p->family == AF_INET6 ? 128 : 32;

	for (unsigned int i = p->bits; i < n; i++) {
		if (p->addr[i / 8] & 0x80 >> i % 8)
			return true;
	}
	return false;
}

struct in6_addr
cfg_in6(const struct gw_prefix *p)
{
	struct in6_addr a;

	memcpy(&a, p->addr, sizeof(a));
	return a;
}

const char *
cfg_prefix_str(const struct gw_prefix *p, char *buf, size_t len)
{
	char addr[INET6_ADDRSTRLEN];

	inet_ntop(p->family, p->addr, addr, sizeof(addr));
	snprintf(buf, len, "%s/%u", addr, p->bits);
	return buf;
}

void
cfg_mask(struct gw_prefix *p)
{
	for (unsigned int i = p->bits; i < 128; i++)
		p->addr[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
}

unsigned int
gw_cfg_nets(const struct gw_prefix *p, struct gw_prefix nets[2])
{
	nets[0] = *p;
	cfg_mask(&nets[0]);
	if (p->bits > 0)
		return 1;
	nets[0].bits = 1;
	nets[1] = nets[0];
	nets[1].addr[0] = 0x80;
	return 2;
}

/* the last address of p */
static void
prefix_end(const struct gw_prefix *p, struct in6_addr *end)
{
	memcpy(end, p->addr, 16);
	for (unsigned int i = p->bits; i < 128; i++)
		end->s6_addr[i / 8] |= (uint8_t)(0x80 >> i % 8);
}

static bool
parse_ends(const char *s, const char *dash, struct ike_range *r)
{
	char from[INET6_ADDRSTRLEN];
	size_t len = (size_t)(dash - s);

	if (len >= sizeof(from))
		return false;
	memcpy(from, s, len);
	from[len] = '\0';
	return inet_pton(AF_INET6, from, &r->from) == 1 &&
	       inet_pton(AF_INET6, dash + 1, &r->to) == 1 &&
	       memcmp(&r->from, &r->to, sizeof(r->to)) <= 0;
}

bool
cfg_parse_range(const char *s, struct ike_range *r)
{
	const char *dash = strchr(s, '-');
	struct gw_prefix p;
	bool has_bits;

	if (dash != NULL)
		return parse_ends(s, dash, r);
	if (!cfg_parse_prefix(s, &p, &has_bits) || p.family != AF_INET6)
		return false;
	prefix_end(&p, &r->to);
	for (unsigned int i = p.bits; i < 128; i++)
		p.addr[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	memcpy(&r->from, p.addr, 16);
	return true;
}
