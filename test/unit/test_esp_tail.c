/* SPDX-License-Identifier: BSD-3-Clause */
/* What is inside ESP: trailers of every padding, and tunnel mode's inner header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/esp_tail.h"

static const uint8_t src[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};
static const uint8_t dst[16] = {0x20, 1, 0xd, 0xb8, [15] = 2};

/* Append padding and trailer to len bytes. @return the new length */
static size_t
close_packet(uint8_t *p, size_t len, uint8_t pad_len, uint8_t next)
{
	unsigned int i;

	for (i = 1; i <= pad_len; i++)
		p[len++] = (uint8_t)i;
	p[len++] = pad_len;
	p[len++] = next;
	return len;
}

static enum gw_drop
transport(const uint8_t *p, size_t len, struct gw_esp_tail *out)
{
	enum gw_drop drop = gw_esp_tail(p, len, NULL, NULL, 0xb8, out);
	uint16_t plain = gw_esp_tail_plain(p, len);

	/* the short way knows what a cipher's padding makes of it, and never more */
	if (drop == GW_DROP_NONE && len >= 18 && len - out->len <= 17)
		assert_int_equal(plain, out->len);
	else
		assert_int_equal(plain, 0);
	return drop;
}

static enum gw_drop
tunnel(const uint8_t *p, size_t len, uint8_t tc, struct gw_esp_tail *out)
{
	return gw_esp_tail(p, len, src, dst, tc, out);
}

/* An inner packet: header, ext_len bytes of extension headers, 20 bytes of GRE */
static size_t
inner(uint8_t *p, uint8_t tc, uint8_t next, const uint8_t *ext, size_t ext_len)
{
	size_t len = 40 + ext_len + 20;

	memset(p, 0, len);
	p[0] = (uint8_t)(0x60 | tc >> 4);
	p[1] = (uint8_t)(tc << 4);
	p[5] = (uint8_t)(ext_len + 20);
	p[6] = next;
	p[7] = 64;
	memcpy(p + 8, src, 16);
	memcpy(p + 24, dst, 16);
	if (ext_len > 0)
		memcpy(p + 40, ext, ext_len);
	return len;
}

static void
test_padding(void **state)
{
	uint8_t p[512];
	struct gw_esp_tail out;
	unsigned int pad, bad;
	size_t len;

	for (pad = 0; pad <= 255; pad++) {
		memset(p, 0, sizeof(p));
		len = close_packet(p, 33, (uint8_t)pad, 47);
		memset(&out, 0xff, sizeof(out));
		assert_int_equal(transport(p, len, &out), GW_DROP_NONE);
		assert_int_equal(out.off, 0);
		assert_int_equal(out.len, 33);
		assert_int_equal(out.tc, 0xb8);
		for (bad = 0; bad < pad; bad++) {
			p[33 + bad] ^= 0x80;
			assert_int_equal(transport(p, len, &out), GW_DROP_ESP_TRAILER);
			p[33 + bad] ^= 0x80;
		}
	}
}

static void
test_trailer_lengths(void **state)
{
	uint8_t p[64] = {0};
	struct gw_esp_tail out;

	assert_int_equal(transport(p, 0, &out), GW_DROP_ESP_TRAILER);
	assert_int_equal(transport(p, 1, &out), GW_DROP_ESP_TRAILER);
	close_packet(p, 0, 0, 47);
	assert_int_equal(transport(p, 2, &out), GW_DROP_NONE);
	assert_int_equal(out.len, 0);
	close_packet(p, 0, 2, 47);
	assert_int_equal(transport(p, 4, &out), GW_DROP_NONE);
	assert_int_equal(out.len, 0);
	p[2] = 3; /* one more than there is */
	assert_int_equal(transport(p, 4, &out), GW_DROP_ESP_TRAILER);
	p[2] = 255;
	assert_int_equal(transport(p, 4, &out), GW_DROP_ESP_TRAILER);
}

static void
test_next_header(void **state)
{
	uint8_t p[128];
	struct gw_esp_tail out;
	unsigned int next;
	size_t len;

	for (next = 0; next <= 255; next++) {
		memset(p, 0, sizeof(p));
		len = close_packet(p, 20, 2, (uint8_t)next);
		assert_int_equal(transport(p, len, &out), next == 47   ? GW_DROP_NONE
							  : next == 59 ? GW_DROP_DUMMY
								       : GW_DROP_ESP_NEXT);
		len = inner(p, 0, 47, NULL, 0);
		len = close_packet(p, len, 2, (uint8_t)next);
		assert_int_equal(tunnel(p, len, 0, &out), next == 41   ? GW_DROP_NONE
							  : next == 59 ? GW_DROP_DUMMY
								       : GW_DROP_ESP_NEXT);
		len = inner(p, 0, (uint8_t)next, NULL, 0);
		len = close_packet(p, len, 2, 41);
		/* zeros read as an empty extension header before these */
		if (next == 0 || next == 43 || next == 60)
			assert_int_not_equal(tunnel(p, len, 0, &out), GW_DROP_NONE);
		else
			assert_int_equal(tunnel(p, len, 0, &out),
				next == 47 ? GW_DROP_NONE : GW_DROP_ESP_NEXT);
	}
}

static void
test_inner_header(void **state)
{
	uint8_t p[256], q[256];
	struct gw_esp_tail out;
	size_t len, i;

	len = inner(p, 0, 47, NULL, 0);
	len = close_packet(p, len, 1, 41);
	assert_int_equal(tunnel(p, len, 0, &out), GW_DROP_NONE);
	assert_int_equal(out.off, 40);
	assert_int_equal(out.len, 20);
	for (i = 8; i < 40; i++) { /* each byte of both addresses */
		memcpy(q, p, len);
		q[i] ^= 1;
		assert_int_equal(tunnel(q, len, 0, &out), GW_DROP_INNER_IP6);
	}
	memcpy(q, p, len);
	q[0] = 0x40;
	assert_int_equal(tunnel(q, len, 0, &out), GW_DROP_INNER_IP6);
	memcpy(q, p, len);
	q[5] = 21; /* one byte more than there is */
	assert_int_equal(tunnel(q, len, 0, &out), GW_DROP_INNER_IP6);
	q[4] = 0xff;
	assert_int_equal(tunnel(q, len, 0, &out), GW_DROP_INNER_IP6);
	memcpy(q, p, len);
	q[5] = 7; /* the rest is padding against traffic analysis */
	assert_int_equal(tunnel(q, len, 0, &out), GW_DROP_NONE);
	assert_int_equal(out.len, 7);
	for (i = 0; i < 40; i++) { /* no room for the header */
		memcpy(q, p, i);
		assert_int_equal(tunnel(q, close_packet(q, i, 0, 41), 0, &out), GW_DROP_INNER_IP6);
	}
}

/* Linux's ip6gre puts a tunnel encapsulation limit in front of GRE (RFC 2473 5.1). */
static void
test_encap_limit(void **state)
{
	static const uint8_t limit[8] = {47, 0, 4, 1, 4, 1, 0};
	uint8_t p[256];
	struct gw_esp_tail out;
	size_t len = inner(p, 0, 60, limit, sizeof(limit));

	len = close_packet(p, len, 0, 41);
	assert_int_equal(tunnel(p, len, 0, &out), GW_DROP_NONE);
	assert_int_equal(out.off, 48);
	assert_int_equal(out.len, 20);
	p[41] = 200; /* longer than the packet */
	assert_int_equal(tunnel(p, len, 0, &out), GW_DROP_INNER_IP6);
	p[41] = 0;
	p[40] = 44; /* a fragment has no GRE header to look at */
	assert_int_equal(tunnel(p, len, 0, &out), GW_DROP_ESP_NEXT);
}

/* RFC 6040 4.2, figure 4 */
static void
test_ecn(void **state)
{
	/* [inner][outer]; -1: drop. Codes: 0 Not-ECT, 1 ECT(1), 2 ECT(0), 3 CE */
	static const int want[4][4] = {
		{0, 0, 0, -1},
		{1, 1, 1, 3},
		{2, 1, 2, 3},
		{3, 3, 3, 3},
	};
	uint8_t p[128], i, o;
	struct gw_esp_tail out;
	size_t len;

	for (i = 0; i < 4; i++) {
		for (o = 0; o < 4; o++) {
			len = close_packet(p, inner(p, (uint8_t)(0xb8 | i), 47, NULL, 0), 0, 41);
			if (want[i][o] < 0) {
				assert_int_equal(tunnel(p, len, o, &out), GW_DROP_ECN_CE);
				continue;
			}
			assert_int_equal(tunnel(p, len, (uint8_t)(0x20 | o), &out), GW_DROP_NONE);
			assert_int_equal(out.tc, 0xb8 | want[i][o]);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_trailer_lengths),
		cmocka_unit_test(test_next_header),
		cmocka_unit_test(test_inner_header),
		cmocka_unit_test(test_encap_limit),
		cmocka_unit_test(test_ecn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
