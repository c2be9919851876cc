/* SPDX-License-Identifier: BSD-3-Clause */
/* GRE headers: the layouts of RFC 2784 and 2890, and scapy's packets both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/bytes.h"
#include "lib/gre.h"
#include "test_vectors.h"

static enum gw_drop
parse(const uint8_t *p, size_t len, struct gw_gre *g)
{
	uint8_t *copy = malloc(len + !len); /* exact, for the sanitizer */
	enum gw_drop reason;

	memcpy(copy, p, len);
	memset(g, 0xa5, sizeof(*g));
	reason = gw_gre_parse(copy, len, g);
	free(copy);
	return reason;
}

static void
test_layouts(void **state)
{
	static const struct {
		uint16_t flags;
		uint8_t hdr_len;
	} layouts[] = {{0, 4}, {0x8000, 8}, {0x2000, 8}, {0x1000, 8}, {0xa000, 12}, {0x9000, 12},
		{0x3000, 12}, {0xb000, 16}};

	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		uint8_t p[16] = {0};
		struct gw_gre g;

		gw_put16(p, layouts[i].flags);
		gw_put16(p + 2, 0x0800);
		if (layouts[i].flags & 0x8000) /* all else is zero but these two words */
			gw_put16(p + 4, (uint16_t) ~(layouts[i].flags + 0x0800));
		assert_int_equal(parse(p, layouts[i].hdr_len, &g), GW_DROP_NONE);
		assert_int_equal(g.hdr_len, layouts[i].hdr_len);
		assert_int_equal(gw_gre_len(g.has_csum, g.has_key, g.has_seq), layouts[i].hdr_len);
		for (size_t len = 0; len < layouts[i].hdr_len; len++)
			assert_int_equal(parse(p, len, &g), GW_DROP_GRE_SHORT);
	}
}

static void
test_flags(void **state)
{
	for (unsigned int bit = 0; bit < 16; bit++) {
		uint16_t flags = (uint16_t)(0x8000 >> bit);
		enum gw_drop want = GW_DROP_NONE;
		uint8_t p[12] = {0};
		struct gw_gre g;

		if (bit == 1 || bit == 4 || bit == 5)
			want = GW_DROP_GRE_FLAGS;
		else if (bit >= 13)
			want = GW_DROP_GRE_VERSION;
		else if (bit == 0)
			want = GW_DROP_GRE_CSUM;
		gw_put16(p, flags); /* bits 6 to 12 are ignored */
		gw_put16(p + 2, 0x86dd);
		assert_int_equal(parse(p, sizeof(p), &g), want);
	}
}

static void
test_scapy_parse(void **state)
{
	for (size_t i = 0; i < N_VECTORS(gre_vectors); i++) {
		const struct gre_vector *v = &gre_vectors[i];
		struct gw_gre g;

		if (parse(v->bytes, v->len, &g) != GW_DROP_NONE)
			fail_msg("%s refused", v->name);
		assert_int_equal(g.proto, v->proto);
		assert_int_equal(g.has_csum, v->csum);
		assert_int_equal(g.has_key, v->has_key);
		assert_int_equal(g.has_seq, v->has_seq);
		assert_int_equal(g.key, v->key);
		assert_int_equal(g.seq, v->seq);
	}
}

static void
test_scapy_build(void **state)
{
	for (size_t i = 0; i < N_VECTORS(gre_vectors); i++) {
		const struct gre_vector *v = &gre_vectors[i];
		struct gw_gre g = {.proto = v->proto,
			.has_csum = v->csum,
			.has_key = v->has_key,
			.has_seq = v->has_seq,
			.key = v->key,
			.seq = v->seq};
		size_t hdr_len = gw_gre_len(v->csum, v->has_key, v->has_seq);
		uint8_t *p = malloc(v->len);

		memset(p, 0x5a, hdr_len);
		memcpy(p + hdr_len, v->bytes + hdr_len, v->len - hdr_len);
		gw_gre_build(&g, p, v->len - hdr_len);
		assert_int_equal(g.hdr_len, hdr_len);
		assert_memory_equal(p, v->bytes, v->len);
		free(p);
	}
}

/* Any single bit wrong, anywhere in a packet with checksum, is noticed. */
static void
test_checksum(void **state)
{
	for (size_t i = 0; i < N_VECTORS(gre_vectors); i++) {
		const struct gre_vector *v = &gre_vectors[i];
		uint8_t p[256];
		struct gw_gre g;

		assert_true(v->len <= sizeof(p));
		memcpy(p, v->bytes, v->len);
		for (size_t bit = 16; v->csum && bit < v->len * 8u; bit++) {
			p[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_equal(parse(p, v->len, &g), GW_DROP_GRE_CSUM);
			p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layouts),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_scapy_parse),
		cmocka_unit_test(test_scapy_build),
		cmocka_unit_test(test_checksum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
