/* SPDX-License-Identifier: BSD-3-Clause */
#include "gro.h"

#include <netinet/in.h>
#include <string.h>

#include "bytes.h"
#include "csum.h"
#include "inner.h"

#define IP4_LEN  20
#define IP6_LEN  40
#define TCP_LEN  20
#define TCP_CSUM 16 /* offset of the checksum */
#define TCP_PSH  0x08
#define TCP_ACK  0x10
#define TCP_ECE  0x40
#define LEN_MAX  65535
#define IP4_ADDRS                                                                                  \
	12 /* offsets of the addresses; TCP's ports follow them when there are no options */
#define IP6_ADDRS 8

/* A packet, or what its flow's first one was. */
struct seg {
	const uint8_t *p;
	uint16_t tcp_off; /* 0: not plain TCP */
	uint16_t hdr_len;
	uint16_t payload;
};

/* @return offset of the header behind IP's when it is TCP's, 0 when something else may be between
 */
static uint16_t
tcp_offset(const uint8_t *p, uint16_t len)
{
	if (len >= IP4_LEN + TCP_LEN && p[0] == 0x45)
		return p[9] == IPPROTO_TCP && gw_get16(p + 2) == len &&
				       (gw_get16(p + 6) & ~GW_IP4_DF) == 0
			       ? IP4_LEN
			       : 0;
	if (len >= IP6_LEN + TCP_LEN && p[0] >> 4 == 6)
		return p[6] == IPPROTO_TCP && gw_get16(p + 4) == len - IP6_LEN ? IP6_LEN : 0;
	return 0;
}

static struct seg
look(const uint8_t *p, uint16_t len)
{
	uint16_t off = tcp_offset(p, len), hdr_len;

	if (off == 0)
		return (struct seg){.p = p};
	hdr_len = (uint16_t)(off + (p[off + 12] >> 4) * 4);
	if (hdr_len < off + TCP_LEN || hdr_len > len)
		return (struct seg){.p = p};
	return (struct seg){p, off, hdr_len, (uint16_t)(len - hdr_len)};
}

static bool
csum_ok(const struct seg *s)
{
	uint32_t len = (uint32_t)(s->hdr_len - s->tcp_off) + s->payload;
	const uint8_t *p = s->p;
	uint64_t sum = (uint64_t)IPPROTO_TCP + len;

	/* the addresses end where TCP begins */
	sum = s->tcp_off == IP4_LEN ? gw_csum_add(sum, p + IP4_ADDRS, IP4_LEN - IP4_ADDRS)
				    : gw_csum_add(sum, p + IP6_ADDRS, IP6_LEN - IP6_ADDRS);
	return gw_csum_fold(gw_csum_add(sum, p + s->tcp_off, len)) == 0;
}

/* ---- the open ones ---- */

/* Between the same addresses, and @param ports too. */
static bool
same_ends(const uint8_t *a, const uint8_t *b, bool ports)
{
	size_t more = ports ? 4 : 0;

	if (a[0] >> 4 != b[0] >> 4)
		return false;
	if (a[0] >> 4 == 4)
		return memcmp(a + IP4_ADDRS, b + IP4_ADDRS, IP4_LEN - IP4_ADDRS + more) == 0;
	return memcmp(a + IP6_ADDRS, b + IP6_ADDRS, IP6_LEN - IP6_ADDRS + more) == 0;
}

static void
close_flow(struct gw_gro *g, struct gw_gro_flow *f)
{
	*f = g->flow[--g->n_flows];
}

static void
close_between(struct gw_gro *g, const uint8_t *p, uint16_t len)
{
	if (len < (p[0] >> 4 == 4 ? IP4_LEN : IP6_LEN))
		return;
	for (unsigned int i = g->n_flows; i-- > 0;) {
		if (same_ends(g->flow[i].p, p, false))
			close_flow(g, &g->flow[i]);
	}
}

static struct gw_gro_flow *
find(struct gw_gro *g, const struct seg *s)
{
	for (unsigned int i = 0; i < g->n_flows; i++) {
		if (same_ends(g->flow[i].p, s->p, true))
			return &g->flow[i];
	}
	return NULL;
}

/* ---- may b continue a? ---- */

static bool
same_ip(const struct gw_gro_flow *f, const uint8_t *b)
{
	const uint8_t *a = f->p;

	if (f->tcp_off == IP6_LEN)
		return memcmp(a, b, 4) == 0 && a[7] == b[7];
	if (a[1] != b[1] || a[8] != b[8] || memcmp(a + 6, b + 6, 2) != 0)
		return false;
	return (gw_get16(b + 6) & GW_IP4_DF) || gw_get16(b + 4) == f->next_id;
}

static bool
same_tcp(const struct gw_gro_flow *f, const struct seg *s)
{
	const uint8_t *a = f->p + f->tcp_off, *b = s->p + s->tcp_off;

	return gw_get32(b + 4) == f->next_seq && memcmp(a + 8, b + 8, 5) == 0 &&
	       ((a[13] ^ b[13]) & ~TCP_PSH) == 0 && memcmp(a + 14, b + 14, 2) == 0 &&
	       memcmp(a + 18, b + 18, (size_t)(s->hdr_len - s->tcp_off) - 18) == 0;
}

static bool
continues(struct gw_gro *g, struct gw_gro_flow *f, const struct seg *s)
{
	const struct gw_gro_out *o = &g->out[f->out];
	const struct seg first = {f->p, f->tcp_off, o->hdr_len, o->seg_len};

	if (s->payload == 0 || s->payload > o->seg_len || o->len + s->payload > LEN_MAX)
		return false;
	if (!same_ip(f, s->p) || !same_tcp(f, s))
		return false;
	/* the costly question last, and of the first packet only when somebody wants to follow it
	 */
	f->verified = f->verified || csum_ok(&first);
	return f->verified && csum_ok(s);
}

/* ---- building ---- */

static void
append(struct gw_gro *g, struct gw_gro_flow *f, const struct seg *s)
{
	struct gw_gro_out *o = &g->out[f->out];

	g->next[o->last] = g->n;
	o->last = g->n;
	o->n++;
	o->len += s->payload;
	o->psh = s->p[s->tcp_off + 13] & TCP_PSH;
	f->next_seq += s->payload;
	f->next_id++;
	if (o->psh || s->payload < o->seg_len)
		close_flow(g, f);
}

static bool
may_begin(const struct seg *s)
{
	return s->tcp_off != 0 && s->payload > 0 && (s->p[s->tcp_off + 13] & ~TCP_ECE) == TCP_ACK;
}

static struct gw_gro_flow *
new_flow(struct gw_gro *g)
{
	if (g->n_flows < GW_GRO_FLOWS)
		return &g->flow[g->n_flows++];
	g->victim = (uint8_t)((g->victim + 1) % GW_GRO_FLOWS);
	return &g->flow[g->victim];
}

static void
begin(struct gw_gro *g, const struct seg *s)
{
	g->out[g->n_out] = (struct gw_gro_out){
		.first = g->n,
		.last = g->n,
		.n = 1,
		.hdr_len = s->hdr_len,
		.seg_len = s->payload,
		.len = (uint32_t)s->hdr_len + s->payload,
	};
	if (may_begin(s))
		*new_flow(g) = (struct gw_gro_flow){
			.p = s->p,
			.out = g->n_out,
			.tcp_off = s->tcp_off,
			.next_id = (uint16_t)(gw_get16(s->p + 4) + 1),
			.next_seq = gw_get32(s->p + s->tcp_off + 4) + s->payload,
		};
	g->n_out++;
}

void
gw_gro_init(struct gw_gro *g)
{
	g->n = g->n_out = g->n_flows = g->victim = 0;
}

void
gw_gro_add(struct gw_gro *g, const uint8_t *p, uint16_t len)
{
	struct seg s = look(p, len);
	struct gw_gro_flow *f = NULL;

	if (s.tcp_off != 0)
		f = find(g, &s);
	else if (len > 0)
		close_between(g, p, len);
	if (f != NULL && continues(g, f, &s)) {
		append(g, f, &s);
	} else {
		if (f != NULL)
			close_flow(g, f);
		begin(g, &s);
	}
	g->n++;
}

/* ---- headers ---- */

void
gw_gro_header(const struct gw_gro_out *o, uint8_t *p, struct virtio_net_hdr *v)
{
	bool v4 = p[0] >> 4 == 4;
	uint16_t off = v4 ? IP4_LEN : IP6_LEN, len = (uint16_t)o->len;
	uint64_t sum = (uint64_t)IPPROTO_TCP + (uint64_t)(len - off);

	if (v4) {
		gw_put16(p + 2, len);
		gw_put16(p + 10, 0);
		gw_put16(p + 10, gw_csum_fold(gw_csum_add(0, p, IP4_LEN)));
		sum = gw_csum_add(sum, p + IP4_ADDRS, IP4_LEN - IP4_ADDRS);
	} else {
		gw_put16(p + 4, (uint16_t)(len - IP6_LEN));
		sum = gw_csum_add(sum, p + IP6_ADDRS, IP6_LEN - IP6_ADDRS);
	}
	if (o->psh)
		p[off + 13] |= TCP_PSH;
	gw_put16(p + off + TCP_CSUM, (uint16_t)~gw_csum_fold(sum));
	*v = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = v4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6,
		.hdr_len = o->hdr_len,
		.gso_size = o->seg_len,
		.csum_start = off,
		.csum_offset = TCP_CSUM,
	};
}
