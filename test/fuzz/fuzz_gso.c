/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a kernel hands over. Byte 0: bit 0 puts the IP length and IPv4 header checksum right, which
 * no mutation would, bit 1 hides struct virtio_net_hdr as virtio_user does, but for the size; then
 * that header and a packet. What opens is cut, and every segment must be a packet of its own;
 * together they carry the payload.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/bytes.h"
#include "lib/csum.h"
#include "lib/gso.h"
#include "lib/inner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(int ok)
{
	if (!ok)
		abort();
}

static void
put_right(uint8_t *p, size_t len)
{
	size_t hdr_len = (p[0] & 0xfu) * 4;

	if (p[0] >> 4 == 6 && len >= 40)
		gw_put16(p + 4, (uint16_t)(len - 40));
	if (p[0] >> 4 != 4 || hdr_len < 20 || hdr_len > len)
		return;
	gw_put16(p + 2, (uint16_t)len);
	gw_put16(p + 10, 0);
	gw_put16(p + 10, gw_csum_fold(gw_csum_add(0, p, hdr_len)));
}

static void
segments(const struct gw_gso *g)
{
	size_t cap = (size_t)g->hdr_len + g->seg_len, got = 0,
	       payload = (size_t)g->len - g->hdr_len;
	uint8_t *out = malloc(cap);
	struct gw_inner in;

	check(g->n_segs > 0 && g->n_segs <= GW_GSO_SEGS_MAX);
	for (unsigned int i = 0; i < g->n_segs; i++) {
		size_t len = gw_gso_segment(g, i, out);

		check(len <= cap && len > g->hdr_len);
		check(gw_inner_parse(out, len, &in) && in.len == len);
		check(len - g->hdr_len <= payload - got);
		check(memcmp(out + g->hdr_len, g->p + g->hdr_len + got, len - g->hdr_len) == 0);
		/* what the sums of the packet and of the pseudo header say of one another is kept
		 */
		check(gw_csum_fold(gw_csum_add((uint64_t)g->pseudo_sum + len - g->tcp_off,
			      out + g->tcp_off, len - g->tcp_off)) == 0);
		got += len - g->hdr_len;
	}
	check(got == payload);
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct virtio_net_hdr v;
	size_t len;
	uint8_t *p;
	struct gw_gso g;

	if (size < 1 + sizeof(v) || size > 66000)
		return 0;
	memcpy(&v, data + 1, sizeof(v));
	len = size - 1 - sizeof(v);
	p = malloc(len + !len);
	memcpy(p, data + 1 + sizeof(v), len);
	if ((data[0] & 1) && len > 0 && len <= 65535)
		put_right(p, len);
	if ((data[0] & 2) && !gw_gso_recall(&v, v.gso_size, p, len))
		memset(&v, 0, sizeof(v));
	if (gw_gso_open(&g, &v, p, len))
		segments(&g);
	gw_gso_complete(&v, p, len);
	free(p);
	return 0;
}
