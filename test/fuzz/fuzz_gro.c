/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A burst of decrypted packets. Each: a byte that says what to do, two of length, the packet.
 *   bit 0  put lengths and checksums right, which no mutation would
 *   bit 1  no bytes follow: the last packet once more, its sequence number and identification moved
 * on Packets that gw_gre_in() would refuse are left out. Every packet must be in one write, in its
 * flow's order, and what is coalesced must come back from segmentation as it was.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "lib/bytes.h"
#include "lib/csum.h"
#include "lib/gro.h"
#include "lib/gso.h"
#include "lib/inner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct packet {
	uint16_t len;
	uint8_t *p;
};

static void
check(int ok)
{
	if (!ok)
		abort();
}

/* @return offset of what follows the IP header, as far as it goes */
static size_t
ip_hdr_len(const uint8_t *p)
{
	return p[0] >> 4 == 4 ? (p[0] & 0xfu) * 4 : 40;
}

static void
csum4(uint8_t *p)
{
	gw_put16(p + 10, 0);
	gw_put16(p + 10, gw_csum_fold(gw_csum_add(0, p, ip_hdr_len(p))));
}

static void
put_right(uint8_t *p, size_t len)
{
	bool v4 = p[0] >> 4 == 4;
	size_t off = ip_hdr_len(p);
	uint64_t sum = IPPROTO_TCP + (uint64_t)(len - off);

	if (off < 20 || len < off + 20 || (v4 ? p[9] : p[6]) != IPPROTO_TCP)
		return;
	if (v4) {
		gw_put16(p + 2, (uint16_t)len);
		csum4(p);
	} else {
		gw_put16(p + 4, (uint16_t)(len - 40));
	}
	sum = v4 ? gw_csum_add(sum, p + 12, 8) : gw_csum_add(sum, p + 8, 32);
	gw_put16(p + off + 16, 0);
	gw_put16(p + off + 16, gw_csum_fold(gw_csum_add(sum, p + off, len - off)));
}

/* The packet that follows in the stream. */
static void
move_on(uint8_t *p, size_t len)
{
	size_t off = ip_hdr_len(p), hdr_len;

	if (len < off + 20)
		return;
	hdr_len = off + (p[off + 12] >> 4) * 4u;
	if (hdr_len < len)
		gw_put32(p + off + 4, gw_get32(p + off + 4) + (uint32_t)(len - hdr_len));
	if (p[0] >> 4 == 4)
		gw_put16(p + 4, (uint16_t)(gw_get16(p + 4) + 1));
	put_right(p, len);
}

/* @return bytes of input used, 0 at its end */
static size_t
take(const uint8_t *data, size_t size, const struct packet *last, struct packet *m)
{
	size_t used = 1;

	if (size < 3)
		return 0;
	if (data[0] & 2) {
		if (last == NULL)
			return 0;
		*m = (struct packet){last->len, malloc(last->len)};
		memcpy(m->p, last->p, last->len);
		move_on(m->p, m->len);
		return used;
	}
	m->len = gw_get16(data + 1);
	used = 3 + (size_t)m->len;
	if (m->len == 0 || m->len > 3000 || used > size)
		return 0;
	m->p = malloc(m->len);
	memcpy(m->p, data + 3, m->len);
	if (data[0] & 1)
		put_right(m->p, m->len);
	return used;
}

static void
each_once_in_order(const struct gw_gro *g)
{
	bool seen[GW_GRO_PKTS] = {false};
	unsigned int n = 0;

	for (unsigned int o = 0; o < g->n_out; o++) {
		uint8_t k = g->out[o].first;

		for (unsigned int i = 1;; i++) {
			check(k < g->n && !seen[k]);
			seen[k] = true;
			n++;
			if (i == g->out[o].n)
				break;
			check(g->next[k] > k);
			k = g->next[k];
		}
		check(k == g->out[o].last);
	}
	check(n == g->n);
}

/* With DF any identification may become one that counts up; 0xffff and 0 are one sum. */
static void
even_out(uint8_t *p)
{
	size_t off = ip_hdr_len(p);

	if (p[0] >> 4 == 4 && (gw_get16(p + 6) & GW_IP4_DF)) {
		gw_put16(p + 4, 0);
		csum4(p);
	}
	if (p[0] >> 4 == 4 && gw_get16(p + 10) == 0xffff)
		gw_put16(p + 10, 0);
	if (gw_get16(p + off + 16) == 0xffff)
		gw_put16(p + off + 16, 0);
}

static void
back(const struct gw_gro *g, const struct gw_gro_out *o, const struct packet *m)
{
	uint8_t *whole = malloc(o->len), *head = malloc(m[o->first].len), *seg;
	size_t len = m[o->first].len;
	struct virtio_net_hdr v;
	struct gw_gso gso;
	uint8_t k = o->first;

	memcpy(head, m[k].p, len);
	gw_gro_header(o, head, &v);
	memcpy(whole, head, len);
	while (k != o->last) {
		k = g->next[k];
		check(len + m[k].len - o->hdr_len <= o->len);
		memcpy(whole + len, m[k].p + o->hdr_len, m[k].len - o->hdr_len);
		len += (size_t)m[k].len - o->hdr_len;
	}
	check(len == o->len && len <= 65535);
	check(gw_gso_open(&gso, &v, whole, len) && gso.n_segs == o->n);
	seg = malloc((size_t)gso.hdr_len + gso.seg_len);
	k = o->first;
	for (unsigned int i = 0; i < o->n; i++) {
		check(gw_gso_segment(&gso, i, seg) == m[k].len);
		even_out(seg);
		even_out(m[k].p);
		check(memcmp(seg, m[k].p, m[k].len) == 0);
		if (k != o->last)
			k = g->next[k];
	}
	free(seg);
	free(head);
	free(whole);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet m[GW_GRO_PKTS], one;
	struct gw_inner in;
	struct gw_gro g;
	unsigned int n = 0;
	size_t used;

	while (n < GW_GRO_PKTS && (used = take(data, size, n ? &m[n - 1] : NULL, &one)) > 0) {
		data += used;
		size -= used;
		if (gw_inner_parse(one.p, one.len, &in) && in.len == one.len)
			m[n++] = one;
		else
			free(one.p);
	}
	gw_gro_init(&g);
	for (unsigned int i = 0; i < n; i++)
		gw_gro_add(&g, m[i].p, m[i].len);
	each_once_in_order(&g);
	for (unsigned int o = 0; o < g.n_out; o++) {
		if (g.out[o].n > 1)
			back(&g, &g.out[o], m);
	}
	for (unsigned int i = 0; i < n; i++)
		free(m[i].p);
	return 0;
}
