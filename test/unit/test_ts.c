/* SPDX-License-Identifier: BSD-3-Clause */
/* Selectors: notation, and sets against a twin that looks at single packets. */
#include "ike_test.h"

#include <arpa/inet.h>
#include <errno.h>

static struct ike_ts
ts_of(const char *text)
{
	struct ike_ts ts;
	char err[256];

	if (ike_ts_parse(&ts, text, err, sizeof(err)) != 0)
		fail_msg("%s: %s", text, err);
	return ts;
}

static struct ike_ts_list
list_of(const char *a, const char *b)
{
	struct ike_ts_list l = {0};

	l.ts[l.n++] = ts_of(a);
	if (b != NULL)
		l.ts[l.n++] = ts_of(b);
	return l;
}

static struct in6_addr
host_of(const char *text)
{
	struct in6_addr a;

	assert_int_equal(inet_pton(AF_INET6, text, &a), 1);
	return a;
}

static void
notation(void **state)
{
	static const struct {
		const char *text, *want; /* NULL: as it is */
	} table[] = {
		{"dynamic", NULL},
		{"dynamic[gre]", NULL},
		{"dynamic[GRE]", "dynamic[gre]"},
		{"dynamic[47]", "dynamic[gre]"},
		{"dynamic[gre/]", "dynamic[gre]"},
		{"dynamic[any/any]", "dynamic"},
		{"dynamic[]", "dynamic"},
		{"dynamic[/]", "dynamic"},
		{"fd00:1::1/128[gre]", NULL},
		{"fd00:1::1[gre]", "fd00:1::1/128[gre]"},
		{"fd00:1::ffff/64", "fd00:1::/64"},
		{"fd00:1::ffff/0", "::/0"},
		{"2001:db8::abcd/33", "2001:db8::/33"},
		{"10.1.2.3/8[tcp/80]", "10.0.0.0/8[tcp/http]"},
		{"10.1.2.3[tcp/http]", "10.1.2.3/32[tcp/http]"},
		{"10.1.2.3[udp/ipsec-nat-t]", "10.1.2.3/32[udp/ipsec-nat-t]"},
		{"10.1.2.3[sctp/80]", "10.1.2.3/32[sctp/80]"},
		{"10.0.0.5-10.0.0.9", "10.0.0.5..10.0.0.9"},
		{"10.0.0.0-10.0.0.255", "10.0.0.0/24"},
		{"fd00::1-fd00::ff[tcp/http]", "fd00::1..fd00::ff[tcp/http]"},
		{"10.0.0.0/8[tcp/1024-65535]", NULL},
		{"10.0.0.0/8[/53]", NULL},
		{"10.0.0.0/8[icmp/opaque]", NULL},
		{"10.0.0.0/8[253]", NULL},
		{"10.0.0.0/8[0]", "10.0.0.0/8"},
		{"::/0[icmpv6]", "::/0[ipv6-icmp]"},
		{"::ffff:10.0.0.1", "::ffff:10.0.0.1/128"},
	};
	char buf[256];

	(void)state;
	for (size_t i = 0; i < N(table); i++) {
		const char *want = table[i].want == NULL ? table[i].text : table[i].want;
		struct ike_ts ts = ts_of(table[i].text);

		assert_string_equal(ike_ts_str(&ts, buf, sizeof(buf)), want);
	}
	assert_true(strlen(ike_ts_str(&(struct ike_ts){.type = 8}, buf, 4)) == 3);
}

static void
wrong_notation(void **state)
{
	static const char *const bad[] = {"", "dynamics", "dynamic ", " dynamic", "dynamic[gre",
		"dynamic[gre]x", "dynamic[gre/", "dynamic[grey]", "dynamic[256]", "dynamic[-1]",
		"dynamic[tcp/65536]", "dynamic[tcp/nosuch]", "dynamic[tcp/80-]", "dynamic[tcp/-80]",
		"dynamic[tcp/90-80]", "dynamic[tcp/80/90]", "10.0.0.0/33", "10.0.0.0/",
		"10.0.0.0/-1", "10.0.0/8", "10.0.0.0/8/8", "fd00::/129", "10.0.0.9-10.0.0.5",
		"10.0.0.1-fd00::1", "10.0.0.1-", "-10.0.0.1", "fd00::1%eth0", "dynamic/64", "any",
		"[gre]", "10.0.0.0/8]",
		("fd00:0000:0000:0000:0000:0000:0000:0001-fd00:0000:0000:0000:0000:0000:0000:0001-"
		 "fd00:0000:0000:0000:0000:0000:0000:0001-fd00:0000:0000:0000:0000:0000:0000:"
		 "0001")};
	struct ike_ts ts;

	(void)state;
	for (size_t i = 0; i < N(bad); i++) {
		char err[256] = "";

		if (ike_ts_parse(&ts, bad[i], err, sizeof(err)) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
		assert_true(strlen(err) > 0);
	}
}

static void
resolving(void **state)
{
	struct ike_ts_list l = list_of("dynamic[gre]", "fd00::/64"), out;
	struct in6_addr v6 = host_of("2001:db8::1"), v4 = host_of("::ffff:192.0.2.1");
	char buf[128];

	(void)state;
	ike_ts_resolve(&out, &l, &v6);
	assert_int_equal(out.n, 2);
	assert_string_equal(ike_ts_str(&out.ts[0], buf, sizeof(buf)), "2001:db8::1/128[gre]");
	assert_string_equal(ike_ts_str(&out.ts[1], buf, sizeof(buf)), "fd00::/64");
	ike_ts_resolve(&l, &l, &v4);
	assert_string_equal(ike_ts_str(&l.ts[0], buf, sizeof(buf)), "192.0.2.1/32[gre]");
}

static void
covering(void **state)
{
	struct in6_addr host = host_of("2001:db8::1");
	struct ike_ts_list l;

	(void)state;
	l = list_of("2001:db8::1[gre]", NULL);
	assert_true(ike_ts_covers(&l, &host, 47));
	assert_false(ike_ts_covers(&l, &host, 6));
	l = list_of("2001:db8::/64", NULL);
	assert_true(ike_ts_covers(&l, &host, 47));
	l = list_of("2001:db8::2[gre]", "2001:db8::1[tcp]");
	assert_false(ike_ts_covers(&l, &host, 47));
	l = list_of("2001:db8::1[gre/1-65535]", NULL);
	assert_false(ike_ts_covers(&l, &host, 47));
	l = list_of("2001:db8::1[gre/opaque]", NULL);
	assert_false(ike_ts_covers(&l, &host, 47));
	l.n = 0;
	assert_false(ike_ts_covers(&l, &host, 47));
}

static void
narrowing(void **state)
{
	static const struct {
		const char *policy, *policy2, *offer, *offer2, *want, *want2;
	} table[] = {
		{"2001:db8::1[gre]", NULL, "2001:db8::1[gre]", NULL, "2001:db8::1/128[gre]", NULL},
		{"2001:db8::1[gre]", NULL, "::/0", NULL, "2001:db8::1/128[gre]", NULL},
		{"::/0", NULL, "2001:db8::1[gre]", NULL, "2001:db8::1/128[gre]", NULL},
		{"2001:db8::1[gre]", NULL, "2001:db8::1[tcp]", NULL, NULL, NULL},
		{"2001:db8::1[gre]", NULL, "2001:db8::2[gre]", NULL, NULL, NULL},
		{"10.0.0.0/8", NULL, "::/0", NULL, NULL, NULL},
		/* the packet's selector first, then the wide one: the wide one holds it */
		{"10.0.0.0/8", NULL, "10.0.0.1[tcp/80]", "10.0.0.0/16", "10.0.0.0/16", NULL},
		/* they stay apart, in the offer's order */
		{"10.0.0.0/24", "10.0.2.0/24", "10.0.2.7", "10.0.0.0/16", "10.0.0.0/24",
			"10.0.2.0/24"},
		{"10.0.0.0/24", "10.0.2.0/24", "10.0.2.7[udp]", "10.0.0.5[tcp]", "10.0.2.7/32[udp]",
			"10.0.0.5/32[tcp]"},
		{"10.0.0.0/24[/100-200]", NULL, "10.0.0.0/8[tcp/150-300]", NULL,
			"10.0.0.0/24[tcp/150-200]", NULL},
		{"10.0.0.0/24[icmp/opaque]", NULL, "10.0.0.0/24[icmp]", NULL,
			"10.0.0.0/24[icmp/opaque]", NULL},
		{"10.0.0.0/24[icmp/opaque]", NULL, "10.0.0.0/24[icmp/1-2]", NULL, NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < N(table); i++) {
		struct ike_ts_list policy = list_of(table[i].policy, table[i].policy2);
		struct ike_ts_list offer = list_of(table[i].offer, table[i].offer2), out;
		unsigned int n = (table[i].want != NULL) + (table[i].want2 != NULL);
		int ret = ike_ts_narrow(&policy, &offer, &out);
		char buf[128];

		assert_int_equal(ret, n == 0 ? -ENOENT : 0);
		assert_int_equal(out.n, n);
		if (n > 0)
			assert_string_equal(
				ike_ts_str(&out.ts[0], buf, sizeof(buf)), table[i].want);
		if (n > 1)
			assert_string_equal(
				ike_ts_str(&out.ts[1], buf, sizeof(buf)), table[i].want2);
		assert_true(ike_ts_subset(&out, &policy));
		assert_true(ike_ts_subset(&out, &offer));
	}
}

/* ---- the twin: a set is what each single packet says ---- */

/* Addresses 10.0.0.0 to .7, protocols 0 (unused) to 3, ports 65533 to 65535 and 0 to 2, or none */
struct packet {
	uint8_t host, proto;
	uint16_t port;
	bool opaque; /* its port cannot be seen */
};

static bool
twin_holds(const struct ike_ts *ts, const struct packet *p)
{
	if (p->host < ts->from[3] || p->host > ts->to[3])
		return false;
	if (ts->proto != 0 && ts->proto != p->proto)
		return false;
	if (ts->port_from == 0 && ts->port_to == 65535)
		return true;
	if (ts->port_from == 65535 && ts->port_to == 0)
		return p->opaque;
	return !p->opaque && p->port >= ts->port_from && p->port <= ts->port_to;
}

static bool
twin_list_holds(const struct ike_ts_list *l, const struct packet *p)
{
	for (unsigned int i = 0; i < l->n; i++)
		if (twin_holds(&l->ts[i], p))
			return true;
	return false;
}

static struct ike_ts
random_ts(struct rng *r)
{
	static const uint16_t ports[] = {0, 1, 2, 65533, 65534, 65535};
	struct ike_ts ts = {.type = IKE_TS_IPV4_ADDR_RANGE, .from = {10}, .to = {10}};
	uint32_t a = rng_below(r, 8), b = rng_below(r, 8), p = rng_below(r, 6), q = rng_below(r, 6);

	ts.from[3] = (uint8_t)(a < b ? a : b);
	ts.to[3] = (uint8_t)(a < b ? b : a);
	ts.proto = (uint8_t)rng_below(r, 4);
	ts.port_from = ports[p < q ? p : q];
	ts.port_to = ports[p < q ? q : p];
	if (rng_below(r, 3) == 0) {
		ts.port_from = 0;
		ts.port_to = 65535;
	} else if (rng_below(r, 6) == 0) {
		ts.port_from = 65535;
		ts.port_to = 0;
	}
	return ts;
}

static struct ike_ts_list
random_list(struct rng *r)
{
	struct ike_ts_list l = {.n = (uint8_t)(1 + rng_below(r, 4))};

	for (unsigned int i = 0; i < l.n; i++)
		l.ts[i] = random_ts(r);
	return l;
}

/** Call fn for each packet of the small world; false as soon as one says so. */
static bool
all_packets(bool (*fn)(const struct packet *p, void *arg), void *arg)
{
	static const uint16_t ports[] = {0, 1, 2, 3, 1000, 65533, 65534, 65535};

	for (uint8_t host = 0; host < 8; host++)
		for (uint8_t proto = 1; proto < 4; proto++)
			for (size_t i = 0; i <= N(ports); i++) {
				const struct packet p = {
					host, proto, i < N(ports) ? ports[i] : 0, i == N(ports)};

				if (!fn(&p, arg))
					return false;
			}
	return true;
}

struct three {
	const struct ike_ts_list *a, *b, *both;
};

static bool
is_intersection(const struct packet *p, void *arg)
{
	struct three *t = arg;

	return twin_list_holds(t->both, p) ==
	       (twin_list_holds(t->a, p) && twin_list_holds(t->b, p));
}

static bool
is_implied(const struct packet *p, void *arg)
{
	struct three *t = arg;

	return !twin_list_holds(t->a, p) || twin_list_holds(t->b, p);
}

static void
narrowing_against_the_twin(void **state)
{
	struct rng r = {.s = 0x7296};
	unsigned int empty = 0;

	(void)state;
	for (unsigned int round = 0; round < 20000; round++) {
		struct ike_ts_list a = random_list(&r), b = random_list(&r), both;
		struct three t = {&a, &b, &both};
		int ret = ike_ts_narrow(&a, &b, &both);

		empty += ret != 0;
		assert_int_equal(ret == 0, both.n > 0);
		assert_true(all_packets(is_intersection, &t));
		assert_true(ike_ts_subset(&both, &a) && ike_ts_subset(&both, &b));
		/* no selector lies in another one */
		for (unsigned int i = 0; i < both.n; i++)
			for (unsigned int j = 0; j < both.n; j++) {
				struct ike_ts_list x = {.n = 1, .ts = {both.ts[i]}};
				struct ike_ts_list y = {.n = 1, .ts = {both.ts[j]}};

				assert_true(i == j || !ike_ts_subset(&x, &y));
			}
	}
	/* both outcomes were seen */
	assert_true(empty > 100 && empty < 19900);
}

static void
subset_against_the_twin(void **state)
{
	struct rng r = {.s = 0x4301};
	unsigned int yes = 0;

	(void)state;
	for (unsigned int round = 0; round < 20000; round++) {
		struct ike_ts_list a = random_list(&r), b = random_list(&r);
		struct three t = {&a, &b, NULL};

		a.n = 1;
		b.n = 1;
		/* for single selectors being inside is the same as implying, packet by packet */
		assert_int_equal(ike_ts_subset(&a, &b), all_packets(is_implied, &t));
		yes += ike_ts_subset(&a, &b);
	}
	assert_true(yes > 100);
}

static void
long_lists_are_cut_not_widened(void **state)
{
	struct ike_ts_list a = {.n = IKE_TS_MAX}, b = {.n = IKE_TS_MAX}, out;
	char text[64];

	(void)state;
	for (unsigned int i = 0; i < IKE_TS_MAX; i++) {
		snprintf(text, sizeof(text), "10.0.%u.0/24", i);
		a.ts[i] = ts_of(text);
		snprintf(text, sizeof(text), "10.0.0.0/8[tcp/%u]", i + 1);
		b.ts[i] = ts_of(text);
	}
	assert_int_equal(ike_ts_narrow(&a, &b, &out), 0);
	assert_int_equal(out.n, IKE_TS_MAX);
	assert_true(ike_ts_subset(&out, &a) && ike_ts_subset(&out, &b));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(notation),
		cmocka_unit_test(wrong_notation),
		cmocka_unit_test(resolving),
		cmocka_unit_test(covering),
		cmocka_unit_test(narrowing),
		cmocka_unit_test(narrowing_against_the_twin),
		cmocka_unit_test(subset_against_the_twin),
		cmocka_unit_test(long_lists_are_cut_not_widened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
