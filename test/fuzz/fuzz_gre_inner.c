/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What comes out of ESP, and what comes from the inside. Bytes 0 and 1: MTU, 2: outer traffic
 * class, then a GRE packet; everything that may be done to its inner packet is done to a copy.
 * Where there is a short way for plain packets it must say and do what the long way does.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "lib/bytes.h"
#include "lib/csum.h"
#include "lib/gre.h"
#include "lib/inner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(int ok)
{
	if (!ok)
		abort();
}

static uint8_t *
copy_of(const uint8_t *p, size_t len)
{
	uint8_t *c = malloc(len + !len);

	memcpy(c, p, len);
	return c;
}

static bool
parse_gre(const uint8_t *p, size_t len, struct gw_gre *g)
{
	enum gw_drop drop = gw_gre_parse(p, len, g);
	struct gw_gre any;

	check(gw_gre_parse_any(p, len, &any) == drop);
	if (drop != GW_DROP_NONE)
		return false;
	check(any.hdr_len == g->hdr_len && any.proto == g->proto);
	check(any.has_csum == g->has_csum && any.has_key == g->has_key &&
		any.has_seq == g->has_seq);
	check(any.key == g->key && any.seq == g->seq);
	return true;
}

/* What is plain is what the long way would have left as it is. */
static void
plain(const uint8_t *p, size_t len)
{
	uint16_t total = gw_inner_plain(p, len);
	struct gw_inner in;
	uint8_t *c;

	if (total == 0)
		return;
	check(gw_inner_parse_any(p, len, &in));
	check(in.version == 4 && in.len == total && in.tc == p[1]);
	c = copy_of(p, len);
	gw_mss_clamp_any(c, in.len, 1, 1);
	check(memcmp(p, c, len) == 0);
	free(c);
}

static bool
parse_inner(const uint8_t *p, size_t len, struct gw_inner *in)
{
	bool good = gw_inner_parse(p, len, in);
	struct gw_inner any;

	plain(p, len);
	check(gw_inner_parse_any(p, len, &any) == good);
	if (!good)
		return false;
	check(any.version == in->version && any.tc == in->tc && any.df == in->df);
	check(any.hdr_len == in->hdr_len && any.len == in->len);
	return true;
}

static void
rebuild(const uint8_t *p, size_t len, const struct gw_gre *g)
{
	uint8_t *c = copy_of(p, len);
	struct gw_gre built = *g, again;

	gw_gre_build(&built, c, len - g->hdr_len);
	check(built.hdr_len == g->hdr_len);
	check(gw_gre_parse(c, len, &again) == GW_DROP_NONE);
	check(again.proto == g->proto && again.key == g->key && again.seq == g->seq);
	free(c);
}

/* Both keep a valid packet valid, and only the size stays sure. */
static void
rewrite(const uint8_t *p, size_t len, uint16_t mss, uint8_t outer_tc)
{
	uint8_t *c = copy_of(p, len), *any = copy_of(p, len);
	struct gw_inner in, after;

	gw_mss_clamp(c, len, mss, mss); /* must do nothing to what is malformed */
	gw_mss_clamp_any(any, len, mss, mss);
	check(memcmp(c, any, len) == 0);
	if (parse_inner(p, len, &in)) {
		check(gw_ecn_merge(c, outer_tc) == gw_ecn_merge_any(any, outer_tc));
		check(memcmp(c, any, len) == 0);
		check(parse_inner(c, len, &after));
		check(after.len == in.len && after.hdr_len == in.hdr_len);
		check((after.tc & 0xfc) == (in.tc & 0xfc));
	}
	free(any);
	free(c);
}

static void
error(const uint8_t *p, const struct gw_inner *in, uint16_t mtu)
{
	static const uint8_t from6[16] = {0xfd, [15] = 1};
	uint8_t *out = malloc(GW_ICMP_MAX);
	struct gw_inner err;
	size_t n;

	if (gw_icmp_allowed(p, in->len)) {
		n = gw_icmp_error((enum gw_icmp)(in->len % (GW_ICMP_SCOPE + 1u)), p, in->len, mtu,
			0x08000000, from6, out);
		check(n <= GW_ICMP_MAX && gw_inner_parse(out, n, &err) && err.len == n);
		check(err.version == in->version);
		check(!gw_icmp_allowed(out, n)); /* no error about an error */
	}
	free(out);
}

static void
fragments(const uint8_t *p, const struct gw_inner *in, uint16_t mtu)
{
	size_t got = 0, payload = (size_t)in->len - in->hdr_len;
	uint8_t *packet = malloc(65536);
	uint16_t hdr_len, off, flen;
	struct gw_inner piece;
	unsigned int i;

	for (i = 0; gw_ip4_fragment(p, in->len, mtu, i, packet, &hdr_len, &off, &flen); i++) {
		check(hdr_len <= in->hdr_len && hdr_len + flen <= mtu);
		check(off == got && flen <= payload - got);
		memcpy(packet + hdr_len, p + in->hdr_len + off, flen);
		check(gw_inner_parse(packet, (size_t)hdr_len + flen, &piece));
		check(piece.len == hdr_len + flen && !piece.df);
		got += flen;
	}
	check(i == 0 || got == payload);
	check(i != 0 || mtu < 68);
	free(packet);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gw_inner in;
	struct gw_gre g;
	uint16_t mtu;
	size_t len;

	if (size < 3 || size > 65000)
		return 0;
	mtu = gw_get16(data);
	if (!parse_gre(data + 3, size - 3, &g))
		return 0;
	check(g.hdr_len <= GW_GRE_HDR_MAX && g.hdr_len <= size - 3);
	rebuild(data + 3, size - 3, &g);
	len = size - 3 - g.hdr_len;
	rewrite(data + 3 + g.hdr_len, len, mtu, data[2]);
	if (!parse_inner(data + 3 + g.hdr_len, len, &in))
		return 0;
	check(in.len <= len && in.hdr_len >= 20 && in.hdr_len <= in.len);
	error(data + 3 + g.hdr_len, &in, mtu);
	if (in.version == 4)
		fragments(data + 3 + g.hdr_len, &in, mtu);
	return 0;
}
