/* SPDX-License-Identifier: BSD-3-Clause */
/* Super-packets of the kernel: cut into segments as scapy has them, or refused; checksums. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/bytes.h"
#include "lib/csum.h"
#include "lib/gso.h"
#include "lib/inner.h"
#include "test_vectors.h"

#define NEEDS_CSUM VIRTIO_NET_HDR_F_NEEDS_CSUM
#define TCPV4      VIRTIO_NET_HDR_GSO_TCPV4
#define TCPV6      VIRTIO_NET_HDR_GSO_TCPV6

static uint32_t seed = 9293;

static uint32_t
rnd(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % below;
}

static struct virtio_net_hdr
told(const struct gso_vector *v)
{
	return (struct virtio_net_hdr){
		.flags = NEEDS_CSUM,
		.gso_type = v->packet[0] >> 4 == 4 ? TCPV4 : TCPV6,
		.gso_size = v->size,
		.csum_start = v->csum_start,
		.csum_offset = 16,
	};
}

/* Of a copy as long as is said, for the sanitizer. */
static bool
opens(const struct virtio_net_hdr *h, const uint8_t *p, size_t len)
{
	uint8_t *copy = malloc(len + !len);
	struct gw_gso g;
	bool ok;

	memcpy(copy, p, len);
	ok = gw_gso_open(&g, h, copy, len);
	free(copy);
	return ok;
}

static void
test_scapy(void **state)
{
	for (size_t i = 0; i < N_VECTORS(gso_vectors); i++) {
		const struct gso_vector *v = &gso_vectors[i];
		struct virtio_net_hdr h = told(v);
		const uint8_t *want = v->segs;
		uint8_t *out;
		struct gw_gso g;

		if (!gw_gso_open(&g, &h, v->packet, v->len))
			fail_msg("%s", v->name);
		assert_int_equal(g.n_segs, v->n_segs);
		out = malloc((size_t)g.hdr_len + g.seg_len);
		for (unsigned int k = 0; k < g.n_segs; k++) {
			if (gw_gso_segment(&g, k, out) != v->seg_len[k] ||
				memcmp(out, want, v->seg_len[k]) != 0)
				fail_msg("%s: segment %u", v->name, k);
			want += v->seg_len[k];
		}
		free(out);
	}
}

/* The kernel's hints may be anything; what counts is in the packet. */
static void
test_hints(void **state)
{
	struct virtio_net_hdr h = told(&gso_vectors[0]);

	h.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	h.hdr_len = 1;
	assert_true(opens(&h, gso_vectors[0].packet, gso_vectors[0].len));
	h.gso_size = 65535;
	assert_true(opens(&h, gso_vectors[0].packet, gso_vectors[0].len));
}

static void
test_bad_vnet(void **state)
{
	for (size_t i = 0; i < N_VECTORS(gso_vectors); i++) {
		const struct gso_vector *v = &gso_vectors[i];
		struct virtio_net_hdr good = told(v), h;

		assert_true(opens(&good, v->packet, v->len));
		for (unsigned int type = 0; type < 256; type++) {
			h = good;
			h.gso_type = (uint8_t)type;
			assert_int_equal(
				opens(&h, v->packet, v->len), (type & 0x7f) == good.gso_type);
		}
		h = good;
		h.flags = 0;
		assert_false(opens(&h, v->packet, v->len));
		h = good;
		h.gso_size = 0;
		assert_false(opens(&h, v->packet, v->len));
		h = good;
		h.csum_offset = 6;
		assert_false(opens(&h, v->packet, v->len));
		for (unsigned int start = 0; start < 65536; start++) {
			h = good;
			h.csum_start = (uint16_t)start;
			assert_int_equal(opens(&h, v->packet, v->len), start == v->csum_start);
		}
	}
}

static void
csum4(uint8_t *p)
{
	gw_put16(p + 10, 0);
	gw_put16(p + 10, gw_csum_fold(gw_csum_add(0, p, (p[0] & 0xfu) * 4)));
}

struct bad {
	const char *name;
	size_t at;
	uint8_t to;
};

static void
test_bad_packet(void **state)
{
	static const struct bad bad4[] = {
		{"version", 0, 0x65},
		{"header length", 0, 0x46},
		{"total length", 3, 0x55},
		{"more fragments", 6, 0x20},
		{"offset", 7, 1},
		{"UDP", 9, 17},
		{"data offset below 5", 32, 0x40},
		{"data offset beyond the end", 32, 0xf0},
	};
	static const struct bad bad6[] = {
		{"payload length", 5, 0},
		{"UDP", 6, 17},
		{"fragment header", 6, 44},
		{"hop-by-hop that is TCP's ports", 6, 0},
		{"data offset below 5", 52, 0x40},
	};
	const struct gso_vector *v4 = &gso_vectors[0], *v6 = &gso_vectors[8];
	struct virtio_net_hdr h4 = told(v4), h6 = told(v6);
	uint8_t p[400];

	for (size_t i = 0; i < N_VECTORS(bad4); i++) {
		size_t len = i == 7 ? 60 : v4->len; /* less than its header says */

		memcpy(p, v4->packet, v4->len);
		gw_put16(p + 2, (uint16_t)len);
		p[bad4[i].at] = bad4[i].to;
		csum4(p);
		if (opens(&h4, p, len))
			fail_msg("v4 %s", bad4[i].name);
	}
	for (size_t i = 0; i < N_VECTORS(bad6); i++) {
		memcpy(p, v6->packet, v6->len);
		p[bad6[i].at] = bad6[i].to;
		if (opens(&h6, p, v6->len))
			fail_msg("v6 %s", bad6[i].name);
	}
	for (size_t len = 0; len < v4->len; len++)
		assert_false(opens(&h4, v4->packet, len));
	for (size_t len = 0; len < v6->len; len++)
		assert_false(opens(&h6, v6->packet, len));
	/* headers alone */
	memcpy(p, v4->packet, 40);
	gw_put16(p + 2, 40);
	csum4(p);
	assert_false(opens(&h4, p, 40));
}

/* The longest there is, and one that is cut into more than anybody wants. */
static void
test_limits(void **state)
{
	const struct gso_vector *v = &gso_vectors[0];
	struct virtio_net_hdr h = told(v);
	uint8_t *p = calloc(1, 65535), out[40 + 1400];
	size_t got = 0;
	struct gw_gso g;

	memcpy(p, v->packet, 40);
	gw_put16(p + 2, 65535);
	csum4(p);
	gw_put16(p + 36, (uint16_t)~gw_csum_fold((uint64_t)gw_get16(p + 36) + 65515 - 320));
	h.gso_size = 1400;
	assert_true(gw_gso_open(&g, &h, p, 65535));
	assert_int_equal(g.n_segs, 47);
	for (unsigned int i = 0; i < g.n_segs; i++) {
		size_t len = gw_gso_segment(&g, i, out);
		uint64_t sum = gw_csum_add(6 + len - 20, out + 12, 8);

		assert_int_equal(gw_csum_fold(gw_csum_add(sum, out + 20, len - 20)), 0);
		assert_int_equal(gw_get32(out + 24), 1000 + got);
		got += len - 40;
	}
	assert_int_equal(got, 65535 - 40);
	h.gso_size = 8;
	assert_true(gw_gso_open(&g, &h, p, 65535));
	assert_int_equal(g.n_segs, 8187);
	h.gso_size = 7;
	assert_false(gw_gso_open(&g, &h, p, 65535));
	free(p);
}

/* UDP over IPv4 with the sum of the pseudo header where the checksum belongs. */
static size_t
partial_udp(uint8_t *p, size_t len)
{
	memset(p, 0, 28);
	p[0] = 0x45;
	gw_put16(p + 2, (uint16_t)(28 + len));
	p[8] = 64;
	p[9] = 17;
	memcpy(p + 12, (const uint8_t[]){10, 1, 0, 1, 10, 2, 0, 2}, 8);
	csum4(p);
	gw_put16(p + 20, 1000);
	gw_put16(p + 22, 53);
	gw_put16(p + 24, (uint16_t)(8 + len));
	gw_put16(p + 26, (uint16_t)~gw_csum_fold(gw_csum_add(17 + 8 + len, p + 12, 8)));
	for (size_t i = 0; i < len; i++)
		p[28 + i] = (uint8_t)rnd(256);
	return 28 + len;
}

static void
test_complete(void **state)
{
	const struct virtio_net_hdr h = {.flags = NEEDS_CSUM, .csum_start = 20, .csum_offset = 6};
	uint8_t p[128];

	for (unsigned int round = 0; round < 2000; round++) {
		size_t len = partial_udp(p, rnd(100));

		assert_true(gw_gso_complete(&h, p, len));
		assert_int_not_equal(gw_get16(p + 26), 0);
		assert_int_equal(gw_csum_fold(gw_csum_add(
					 gw_csum_add(17 + len - 20, p + 12, 8), p + 20, len - 20)),
			0);
	}
}

/* A sum of 0xffff would be written as zero, which UDP takes for "none". */
static void
test_complete_zero(void **state)
{
	struct virtio_net_hdr h = {.flags = NEEDS_CSUM, .csum_start = 20, .csum_offset = 6};
	uint8_t p[64], q[64];
	size_t len = partial_udp(p, 2);

	gw_put16(p + 28, 0);
	gw_put16(p + 28, gw_csum_fold(gw_csum_add(0, p + 20, 10)));
	memcpy(q, p, len);
	assert_true(gw_gso_complete(&h, p, len));
	assert_int_equal(gw_get16(p + 26), 0xffff);
	/* elsewhere zero is as good as any */
	h.csum_offset = 4;
	assert_true(gw_gso_complete(&h, q, len));
	assert_int_equal(gw_get16(q + 24), 0);
}

static void
test_complete_bad(void **state)
{
	uint8_t p[64], before[64];
	size_t len = partial_udp(p, 20);

	memcpy(before, p, len);
	for (unsigned int start = 0; start < 100; start++) {
		for (unsigned int offset = 0; offset < 100; offset++) {
			struct virtio_net_hdr h = {.flags = NEEDS_CSUM,
				.csum_start = (uint16_t)start,
				.csum_offset = (uint16_t)offset};
			uint8_t *q = malloc(len);
			bool ok;

			memcpy(q, before, len);
			ok = gw_gso_complete(&h, q, len);
			assert_int_equal(ok, start >= 20 && start + offset + 2 <= len);
			if (!ok)
				assert_memory_equal(q, before, len);
			free(q);
		}
	}
	assert_true(gw_gso_complete(&(struct virtio_net_hdr){.csum_start = 9999}, p, len));
	assert_memory_equal(p, before, len);
	assert_false(gw_gso_complete(
		&(struct virtio_net_hdr){
			.flags = NEEDS_CSUM, .csum_start = 65535, .csum_offset = 65535},
		p, len));
	assert_false(gw_gso_complete(&(struct virtio_net_hdr){.flags = NEEDS_CSUM}, p, 0));
}

/* What scapy made super-packets of, and a driver has told of in its own way. */
static void
test_recall(void **state)
{
	struct virtio_net_hdr h;
	uint8_t p[64], *q;
	size_t len;

	for (size_t i = 0; i < N_VECTORS(gso_vectors); i++) {
		const struct gso_vector *v = &gso_vectors[i];
		struct virtio_net_hdr want = told(v);

		assert_true(gw_gso_recall(&h, v->size, v->packet, v->len));
		assert_memory_equal(&h, &want, sizeof(h));
		assert_true(gw_gso_recall(&h, 0, v->packet, v->len));
		assert_int_equal(h.gso_type, VIRTIO_NET_HDR_GSO_NONE);
		assert_int_equal(h.gso_size, 0);
	}
	len = partial_udp(p, 20);
	assert_true(gw_gso_recall(&h, 0, p, len));
	assert_int_equal(h.flags, NEEDS_CSUM);
	assert_int_equal(h.csum_start, 20);
	assert_int_equal(h.csum_offset, 6);
	for (size_t cut = 0; cut < len; cut++) {
		q = malloc(cut + !cut);
		memcpy(q, p, cut);
		assert_false(gw_gso_recall(&h, 0, q, cut));
		free(q);
	}
	p[9] = 47; /* no checksum where we look for one */
	csum4(p);
	assert_false(gw_gso_recall(&h, 0, p, len));
	p[9] = 17;
	gw_put16(p + 6, GW_IP4_MF);
	csum4(p);
	assert_false(gw_gso_recall(&h, 0, p, len));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scapy),
		cmocka_unit_test(test_hints),
		cmocka_unit_test(test_bad_vnet),
		cmocka_unit_test(test_bad_packet),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_complete_zero),
		cmocka_unit_test(test_complete_bad),
		cmocka_unit_test(test_recall),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
