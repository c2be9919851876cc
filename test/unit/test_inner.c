/* SPDX-License-Identifier: BSD-3-Clause */
/* Inner packets: validity, ICMP errors, fragmentation, MSS and ECN. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/bytes.h"
#include "lib/csum.h"
#include "lib/inner.h"
#include "test_vectors.h"

static uint32_t seed = 791;

static uint32_t
rnd(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % below;
}

static bool
parse(const uint8_t *p, size_t len, struct gw_inner *in)
{
	uint8_t *copy = malloc(len + !len); /* exact, for the sanitizer */
	bool ok;

	memcpy(copy, p, len);
	ok = gw_inner_parse(copy, len, in);
	free(copy);
	return ok;
}

static void
csum4(uint8_t *p)
{
	gw_put16(p + 10, 0);
	gw_put16(p + 10, gw_csum_fold(gw_csum_add(0, p, (p[0] & 0xfu) * 4)));
}

/* IPv4 with options of opt_len bytes and a payload of len bytes. */
static size_t
make4(uint8_t *p, uint8_t proto, uint16_t frag, const uint8_t *opts, size_t opt_len, size_t len)
{
	size_t total = 20 + opt_len + len;

	memset(p, 0, 20);
	p[0] = (uint8_t)(0x45 + opt_len / 4);
	gw_put16(p + 2, (uint16_t)total);
	gw_put16(p + 4, 0xbeef);
	gw_put16(p + 6, frag);
	p[8] = 1; /* a TTL that must survive: OSPF's */
	p[9] = proto;
	memcpy(p + 12, (const uint8_t[]){10, 1, 0, 1, 10, 2, 0, 2}, 8);
	if (opt_len != 0)
		memcpy(p + 20, opts, opt_len);
	for (size_t i = 20 + opt_len; i < total; i++)
		p[i] = (uint8_t)rnd(256);
	csum4(p);
	return total;
}

static size_t
make6(uint8_t *p, uint8_t next, size_t len)
{
	memset(p, 0, 40);
	p[0] = 0x60;
	gw_put16(p + 4, (uint16_t)len);
	p[6] = next;
	p[7] = 1;
	p[8] = p[24] = 0xfd;
	p[23] = 1;
	p[39] = 2;
	for (size_t i = 40; i < 40 + len; i++)
		p[i] = (uint8_t)rnd(256);
	return 40 + len;
}

/* The checksum by the definition of RFC 1071, a word at a time, the carries at once. */
static uint16_t
naive_csum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++) {
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
		if (sum > 0xffff)
			sum -= 0xffff;
	}
	return (uint16_t)~sum;
}

static void
test_csum_twin(void **state)
{
	uint8_t p[2000];

	for (unsigned int round = 0; round < 3000; round++) {
		size_t from = rnd(9), len = rnd(1900), cut = 2 * rnd((uint32_t)len / 2 + 1);
		uint64_t sum;

		for (size_t i = 0; i < sizeof(p); i++)
			p[i] = round % 3 == 0 ? 0xff : (uint8_t)rnd(256);
		assert_int_equal(
			gw_csum_fold(gw_csum_add(0, p + from, len)), naive_csum(p + from, len));
		sum = gw_csum_add(0, p + from, cut);
		sum = gw_csum_add(sum, p + from + cut, len - cut);
		assert_int_equal(gw_csum_fold(sum), naive_csum(p + from, len));
	}
}

static void
test_csum_update(void **state)
{
	uint8_t p[40];

	for (unsigned int round = 0; round < 100000; round++) {
		size_t at = 2 * (1 + rnd(19));
		uint16_t old, new = (uint16_t)(rnd(4) ? rnd(65536) : rnd(2) * 0xffff), csum;

		for (size_t i = 0; i < sizeof(p); i++)
			p[i] = (uint8_t)rnd(256);
		p[2] |= 1; /* not all zero, where 0 and 0xffff mean the same */
		gw_put16(p, 0);
		csum = gw_csum_fold(gw_csum_add(0, p, sizeof(p)));
		old = gw_get16(p + at);
		gw_put16(p + at, at == 2 ? new | 0x100 : new);
		csum = gw_csum_update(csum, old, gw_get16(p + at));
		assert_int_equal(csum, gw_csum_fold(gw_csum_add(0, p, sizeof(p))));
	}
}

static void
test_parse4(void **state)
{
	uint8_t p[200];
	size_t len = make4(p, 17, GW_IP4_DF, NULL, 0, 50);
	struct gw_inner in;

	p[1] = 0xb8;
	csum4(p);
	assert_true(parse(p, len + 9, &in)); /* what follows is not ours to judge */
	assert_int_equal(in.version, 4);
	assert_int_equal(in.tc, 0xb8);
	assert_true(in.df);
	assert_int_equal(in.hdr_len, 20);
	assert_int_equal(in.len, 70);
	for (size_t i = 0; i < len; i++)
		assert_false(parse(p, i, &in));
	for (size_t bit = 0; bit < 160; bit++) { /* the header checksum sees each */
		p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(parse(p, len, &in));
		p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	p[0] = 0x44; /* header of 16 bytes */
	csum4(p);
	assert_false(parse(p, len, &in));
	p[0] = 0x45;
	gw_put16(p + 2, 19);
	csum4(p);
	assert_false(parse(p, len, &in));
	make4(p, 17, 0x1ffe, NULL, 0, 50); /* ends beyond 65535 */
	assert_false(parse(p, len, &in));
	make4(p, 17, 0x1ff0, NULL, 0, 50);
	assert_true(parse(p, len, &in));
	assert_false(in.df);
}

static void
test_parse6(void **state)
{
	uint8_t p[200];
	size_t len = make6(p, 17, 50);
	struct gw_inner in;

	p[0] = 0x6b;
	p[1] = 0x80;
	assert_true(parse(p, len + 3, &in));
	assert_int_equal(in.version, 6);
	assert_int_equal(in.tc, 0xb8);
	assert_true(in.df);
	assert_int_equal(in.hdr_len, 40);
	assert_int_equal(in.len, 90);
	for (size_t i = 0; i < len; i++)
		assert_false(parse(p, i, &in));
	for (unsigned int v = 0; v < 16; v++) {
		p[0] = (uint8_t)(v << 4 | 0xb);
		assert_int_equal(parse(p, len, &in), v == 6);
	}
}

static uint32_t
flow_hash(const uint8_t *p, size_t len)
{
	struct gw_inner in;

	assert_true(parse(p, len, &in));
	return gw_inner_hash(p, &in);
}

static void
test_flow_hash(void **state)
{
	uint8_t p[200];
	uint32_t a;
	size_t len = make4(p, 6, 0, NULL, 0, 40);

	a = flow_hash(p, len);
	p[30] ^= 1; /* beyond the ports */
	assert_int_equal(a, flow_hash(p, len));
	p[22] ^= 1;
	assert_int_not_equal(a, flow_hash(p, len));
	/* all fragments of a packet are one flow, whatever stands where ports would */
	make4(p, 6, GW_IP4_MF, NULL, 0, 40);
	a = flow_hash(p, len);
	make4(p, 6, 5, NULL, 0, 40);
	assert_int_equal(a, flow_hash(p, len));
	len = make6(p, 17, 40);
	a = flow_hash(p, len);
	p[39] ^= 1;
	assert_int_not_equal(a, flow_hash(p, len));
}

static void
test_icmp_scapy(void **state)
{
	static const uint8_t from6[16] = {0xfd, [15] = 0xff};
	uint8_t out[GW_ICMP_MAX];
	uint32_t from4;

	memcpy(&from4, (const uint8_t[]){192, 0, 0, 8}, 4);
	for (size_t i = 0; i < N_VECTORS(icmp_vectors); i++) {
		const struct icmp_vector *v = &icmp_vectors[i];
		size_t hdr_len = v->packet[0] >> 4 == 4 ? 28 : 48;

		assert_int_equal(gw_icmp_error(GW_ICMP_TOO_BIG, v->packet, v->len, v->mtu, from4,
					 from6, out),
			v->err_len);
		assert_memory_equal(out, v->headers, hdr_len);
		assert_memory_equal(out + hdr_len, v->packet, v->err_len - hdr_len);
	}
}

/* types and codes of RFC 792, 1812 5.2.7.1 and 4443 3; the rest of the message is as a too-big's */
static void
test_icmp_kinds(void **state)
{
	static const struct {
		enum gw_icmp what;
		uint8_t type4, code4, type6, code6;
	} cases[] = {
		{GW_ICMP_TOO_BIG, 3, 4, 2, 0},
		{GW_ICMP_TIME_EXCEEDED, 11, 0, 3, 0},
		{GW_ICMP_NO_ROUTE, 3, 0, 1, 0},
		{GW_ICMP_NO_HOST, 3, 1, 1, 3},
		{GW_ICMP_PROHIBITED, 3, 13, 1, 1},
		{GW_ICMP_SCOPE, 3, 0, 1, 2},
	};
	static const uint8_t from6[16] = {0xfd, [15] = 0xff};
	uint8_t out[GW_ICMP_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t v = 0; v < N_VECTORS(icmp_vectors); v++) {
			const uint8_t *p = icmp_vectors[v].packet;
			size_t len = icmp_vectors[v].len, n;
			bool v4 = p[0] >> 4 == 4;
			const uint8_t *icmp = out + (v4 ? 20 : 40);

			n = gw_icmp_error(cases[i].what, p, len, 0, 0x0100000a, from6, out);
			assert_int_equal(icmp[0], v4 ? cases[i].type4 : cases[i].type6);
			assert_int_equal(icmp[1], v4 ? cases[i].code4 : cases[i].code6);
			assert_int_equal(gw_get32(icmp + 4), 0);
			assert_memory_equal(icmp + 8, p, (size_t)(out + n - (icmp + 8)));
			if (v4)
				assert_int_equal(gw_csum_fold(gw_csum_add(0, icmp, n - 20)), 0);
			else
				assert_int_equal(
					gw_csum_fold(gw_csum_add(gw_csum_pseudo6(out + 8, out + 24,
									 58, (uint32_t)n - 40),
						icmp, n - 40)),
					0);
			assert_false(gw_icmp_allowed(out, n)); /* no error about an error */
		}
	}
}

struct allowed_case {
	const char *name;
	size_t at; /* byte to be set */
	uint8_t to;
	bool want;
};

static void
test_icmp_allowed4(void **state)
{
	static const struct allowed_case cases[] = {
		{"UDP", 9, 17, true},
		{"later fragment", 7, 1, false},
		{"first fragment", 6, 0x20, true},
		{"from 0/8", 12, 0, false},
		{"from loopback", 12, 127, false},
		{"from multicast", 12, 224, false},
		{"from class E", 12, 240, false},
		{"to multicast", 16, 224, false},
		{"to broadcast", 16, 255, false},
		{"ICMP unreachable", 20, 3, false},
		{"ICMP source quench", 20, 4, false},
		{"ICMP redirect", 20, 5, false},
		{"ICMP time exceeded", 20, 11, false},
		{"ICMP parameter problem", 20, 12, false},
		{"ICMP echo", 20, 8, true},
		{"ICMP echo reply", 20, 0, true},
	};
	uint8_t p[100];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = make4(p, 1, 0, NULL, 0, 30);

		p[20] = 8;
		p[cases[i].at] = cases[i].to;
		csum4(p);
		if (gw_icmp_allowed(p, len) != cases[i].want)
			fail_msg("%s", cases[i].name);
	}
	assert_false(gw_icmp_allowed(p, make4(p, 1, 0, NULL, 0, 0)));
	assert_false(gw_icmp_allowed(p, 19));
}

static void
test_icmp_allowed6(void **state)
{
	static const struct allowed_case cases[] = {
		{"UDP", 6, 17, true},
		{"from multicast", 8, 0xff, false},
		{"to multicast", 24, 0xff, true}, /* RFC 4443 2.4 e.3 */
		{"unreachable", 40, 1, false},
		{"too big", 40, 2, false},
		{"unknown error", 40, 127, false},
		{"echo", 40, 128, true},
		{"redirect", 40, 137, false},
		{"options that are too long", 6, 60, false},
	};
	uint8_t p[100];
	size_t len;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		len = make6(p, 58, 30);
		p[40] = 128;
		p[41] = 255;
		p[cases[i].at] = cases[i].to;
		if (gw_icmp_allowed(p, len) != cases[i].want)
			fail_msg("%s", cases[i].name);
	}
	len = make6(p, 58, 30);
	p[40] = 128;
	memset(p + 8, 0, 16); /* unspecified */
	assert_false(gw_icmp_allowed(p, len));
	len = make6(p, 44, 30);
	memset(p + 40, 0, 8);
	p[40] = 58;
	p[48] = 1;
	assert_false(gw_icmp_allowed(p, len)); /* an error in a first fragment */
	p[43] = 8;
	assert_true(gw_icmp_allowed(p, len));
	p[43] = 1;
	p[40] = 60; /* and behind options there */
	memset(p + 48, 0, 8);
	p[48] = 58;
	p[50] = 1; /* PadN */
	p[51] = 4;
	p[56] = 1;
	assert_false(gw_icmp_allowed(p, len));
	p[56] = 128;
	assert_true(gw_icmp_allowed(p, len));
	p[50] = 0xc9; /* Home Address: for the end, not for us */
	assert_true(gw_icmp_allowed(p, len));
	p[40] = 43; /* nor is a routing header with segments left */
	p[51] = 1;
	assert_true(gw_icmp_allowed(p, len));
	p[56] = 1;
	assert_false(gw_icmp_allowed(p, len));
	p[49] = 255; /* longer than the packet */
	assert_false(gw_icmp_allowed(p, len));
	assert_false(gw_icmp_allowed(p, make6(p, 58, 0)));
}

/* Put a packet together again by offsets, and check what each fragment says of itself. */
static void
reassemble(const uint8_t *p, size_t len, uint16_t mtu, uint8_t *out, size_t hdr_len, size_t later)
{
	size_t base = (gw_get16(p + 6) & GW_IP4_OFFSET) * 8u, got = 0, payload = len - hdr_len;
	bool more = gw_get16(p + 6) & GW_IP4_MF;
	uint16_t n, off, flen;
	uint8_t hdr[60];
	unsigned int i;

	for (i = 0; gw_ip4_fragment(p, len, mtu, i, hdr, &n, &off, &flen); i++) {
		uint16_t frag = gw_get16(hdr + 6);

		assert_int_equal(n, i == 0 ? hdr_len : later);
		assert_int_equal(hdr[0], 0x40 | n / 4);
		assert_true(n + flen <= mtu);
		assert_int_equal(gw_get16(hdr + 2), n + flen);
		assert_int_equal(naive_csum(hdr, n), 0);
		assert_memory_equal(hdr + 12, p + 12, 8);
		assert_int_equal(gw_get16(hdr + 4), gw_get16(p + 4));
		assert_int_equal(hdr[8], p[8]);
		assert_int_equal((frag & GW_IP4_OFFSET) * 8u, base + off);
		assert_int_equal(off, got);
		assert_int_equal(!!(frag & GW_IP4_MF), more || got + flen < payload);
		assert_true(got + flen == payload || flen % 8 == 0);
		memcpy(out + off, p + hdr_len + off, flen);
		got += flen;
		assert_true(got <= payload);
	}
	assert_int_equal(got, payload);
	assert_true(i >= (len + mtu - 1) / mtu);
	assert_memory_equal(out, p + hdr_len, payload);
}

static void
test_fragment(void **state)
{
	/* end-of-list padded; route recording (not copied), loose source route (copied) */
	static const uint8_t opts[40] = {1, 7, 7, 4, 0, 0, 0, 0, 131, 7, 4, 10, 0, 0, 1, 1, 1};
	static uint8_t p[65536], out[65536];

	for (unsigned int round = 0; round < 3000; round++) {
		bool with_opts = rnd(3) == 0;
		size_t opt_len = with_opts ? 40 : 0, payload = rnd(round % 10 ? 4000 : 65000), len;
		uint16_t mtu = (uint16_t)(68 + rnd(1500)), frag = 0;

		if (rnd(4) == 0) { /* a fragment itself */
			payload = payload / 8 % 1000 * 8;
			frag = (uint16_t)(GW_IP4_MF | rnd(1000));
		}
		len = make4(p, 17, frag, opts, opt_len, payload);
		reassemble(p, len, mtu, out, 20 + opt_len, with_opts ? 28 : 20);
	}
}

static void
test_fragment_limits(void **state)
{
	uint8_t p[200], hdr[60];
	uint16_t n, off, flen;
	size_t len = make4(p, 17, 0, NULL, 0, 100);

	assert_false(gw_ip4_fragment(p, len, 27, 0, hdr, &n, &off, &flen));
	assert_false(gw_ip4_fragment(p, len, 0, 0, hdr, &n, &off, &flen));
	assert_true(gw_ip4_fragment(p, len, 28, 12, hdr, &n, &off, &flen));
	assert_int_equal(flen, 4);
	assert_false(gw_ip4_fragment(p, len, 28, 13, hdr, &n, &off, &flen));
	assert_false(gw_ip4_fragment(p, len, 28, 1u << 31, hdr, &n, &off, &flen));
	/* options that run out of the header end the copying */
	len = make4(p, 17, 0, (const uint8_t[]){0x83, 9, 4, 0}, 4, 100);
	assert_true(gw_ip4_fragment(p, len, 68, 1, hdr, &n, &off, &flen));
	assert_int_equal(n, 20);
}

static void
test_mss_scapy(void **state)
{
	for (size_t i = 0; i < N_VECTORS(syn_vectors); i++) {
		const struct syn_vector *v = &syn_vectors[i];
		uint8_t *p = malloc(v->len);

		memcpy(p, v->before, v->len);
		gw_mss_clamp(p, v->len, 0, 0); /* off */
		assert_memory_equal(p, v->before, v->len);
		gw_mss_clamp(p, v->len, 1300, 1300);
		assert_memory_equal(p, v->after, v->len);
		free(p);
	}
}

/* Which of the two values counts, and what must be left alone. */
static void
test_mss_untouched(void **state)
{
	const struct syn_vector *v4 = NULL, *v6 = NULL;
	uint8_t p[120];

	for (size_t i = 0; i < N_VECTORS(syn_vectors); i++) {
		const struct syn_vector *v = &syn_vectors[i];

		if (memcmp(v->before, v->after, v->len) == 0)
			continue;
		if (v->before[0] >> 4 == 4)
			v4 = v;
		else
			v6 = v;
	}
	assert_non_null(v4);
	assert_non_null(v6);
	memcpy(p, v4->before, v4->len);
	gw_mss_clamp(p, v4->len, 0, 1300);
	assert_memory_equal(p, v4->before, v4->len);
	gw_mss_clamp(p, v4->len - 1u, 1300, 1300); /* truncated */
	assert_memory_equal(p, v4->before, v4->len);
	p[7] = 1; /* a later fragment */
	gw_mss_clamp(p, v4->len, 1300, 1300);
	assert_memory_equal(p + 20, v4->before + 20, v4->len - 20u);
	p[7] = 0;
	p[9] = 17;
	gw_mss_clamp(p, v4->len, 1300, 1300);
	assert_memory_equal(p + 20, v4->before + 20, v4->len - 20u);
	memcpy(p, v6->before, v6->len);
	gw_mss_clamp(p, v6->len, 1300, 0);
	assert_memory_equal(p, v6->before, v6->len);
	p[52] = 0xf0; /* a TCP header longer than the packet */
	gw_mss_clamp(p, v6->len, 1300, 1300);
	assert_memory_equal(p + 53, v6->before + 53, v6->len - 53u);
}

/* RFC 6040 figure 4, as printed there; inner in rows: Not-ECT, ECT(0), ECT(1), CE. 255: drop. */
static void
test_ecn_merge(void **state)
{
	static const uint8_t order[4] = {0, 2, 1, 3}; /* Not-ECT, ECT(0), ECT(1), CE */
	static const uint8_t figure4[4][4] = {
		{0, 0, 0, 255},
		{2, 2, 1, 3},
		{1, 1, 1, 3},
		{3, 3, 3, 3},
	};
	uint8_t p[60];

	for (unsigned int i = 0; i < 4; i++) {
		for (unsigned int o = 0; o < 4; o++) {
			uint8_t inner = 0xb8 | order[i], outer = 0x40 | order[o];
			uint8_t want = figure4[i][o];

			make4(p, 17, 0, NULL, 0, 40);
			p[1] = inner;
			csum4(p);
			assert_int_equal(gw_ecn_merge(p, outer), want != 255);
			assert_int_equal(p[1], want == 255 ? inner : 0xb8 | want);
			assert_int_equal(naive_csum(p, 20), 0);

			make6(p, 17, 20);
			gw_put16(p, (uint16_t)(0x6005 | inner << 4));
			assert_int_equal(gw_ecn_merge(p, outer), want != 255);
			assert_int_equal(
				gw_get16(p), 0x6005 | (want == 255 ? inner : 0xb8 | want) << 4);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_csum_twin),
		cmocka_unit_test(test_csum_update),
		cmocka_unit_test(test_parse4),
		cmocka_unit_test(test_parse6),
		cmocka_unit_test(test_flow_hash),
		cmocka_unit_test(test_icmp_scapy),
		cmocka_unit_test(test_icmp_kinds),
		cmocka_unit_test(test_icmp_allowed4),
		cmocka_unit_test(test_icmp_allowed6),
		cmocka_unit_test(test_fragment),
		cmocka_unit_test(test_fragment_limits),
		cmocka_unit_test(test_mss_scapy),
		cmocka_unit_test(test_mss_untouched),
		cmocka_unit_test(test_ecn_merge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
