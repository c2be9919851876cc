/* SPDX-License-Identifier: BSD-3-Clause */
/* Decisions: where each packet of a burst goes. What goes to the port is fwd_port.c's. */
#include <string.h>

#include <rte_ether.h>

#include "bytes.h"
#include "csum.h"
#include "frame.h"
#include "fwd_int.h"
#include "inner.h"
#include "nd.h"

#define IP6_MIN_MTU 1280
#define IP4_DUMMY   0xc0000008u /* 192.0.0.8, RFC 7600 */

static void
begin(struct gw_fwd *f, uint64_t now_tsc)
{
	f->n_port = f->n_tunnel = f->n_kernel = f->n_refused = 0;
	f->n_own = f->n_punted[0] = f->n_punted[1] = 0;
	f->now_tsc = now_tsc;
	f->view = gw_fib_view(f->fib);
}

static bool
is_own(struct rte_mbuf *m)
{
	return gw_pkt(m)->routed == GW_ROUTED_OWN;
}

/* @return the tunnel m came from, NULL = the port */
static struct gw_tunnel *
from_of(struct rte_mbuf *m)
{
	return gw_pkt(m)->tunnel;
}

/* ---- errors ---- */

static uint32_t
source4(const struct gw_fwd *f, const struct gw_tunnel *from)
{
	if (from != NULL && from->addr4 != 0)
		return from->addr4;
	return f->view->addr4 != 0 ? f->view->addr4 : rte_cpu_to_be_32(IP4_DUMMY);
}

static const struct in6_addr *
source6(const struct gw_fwd *f, const struct gw_tunnel *from)
{
	return from != NULL ? &from->addr6 : &f->view->addr6;
}

/* fe80::/10 is somebody on the link that m came from; our routes may name another link. */
static bool
is_of_link(const uint8_t *p)
{
	return p[0] >> 4 == 6 && p[8] == 0xfe && (p[9] & 0xc0) == 0x80;
}

/* An error for m, which came from a tunnel or the port; it is routed at the end of the call. */
static void
tell(struct gw_fwd *f, struct rte_mbuf *m, enum gw_icmp what, uint16_t mtu)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	struct gw_tunnel *from = from_of(m);
	const struct in6_addr *from6 = source6(f, from);
	struct rte_mbuf *r;

	if (p[0] >> 4 == 6 && IN6_IS_ADDR_UNSPECIFIED(from6))
		return;
	if (f->n_own == RTE_DIM(f->own) || !gw_icmp_allowed(p, m->data_len) || is_of_link(p) ||
		!gw_icmp_token(from != NULL ? &from->icmp_fwd : &f->icmp, f->now_tsc))
		return;
	r = gw_pkt_alloc(f->pool);
	if (r == NULL || rte_pktmbuf_tailroom(r) < GW_ICMP_MAX) {
		rte_pktmbuf_free(r);
		return;
	}
	rte_pktmbuf_append(r, (uint16_t)gw_icmp_error(what, p, m->data_len, mtu, source4(f, from),
				      from6->s6_addr, rte_pktmbuf_mtod(r, uint8_t *)));
	gw_pkt(r)->routed = GW_ROUTED_OWN;
	f->own[f->n_own++] = r;
}

void
gw_fwd_refuse_told(
	struct gw_fwd *f, struct rte_mbuf *m, enum gw_drop reason, enum gw_icmp what, uint16_t mtu)
{
	if (!is_own(m))
		tell(f, m, what, mtu);
	gw_fwd_refuse(f, m, reason);
}

/* ---- one packet ---- */

/* RFC 1812 5.3.7, RFC 4291 2.5: addresses that no router passes on */
static enum gw_drop
check_addrs(const uint8_t *p, uint8_t version)
{
	struct in6_addr src, dst;

	if (version == 4) {
		bool bad = p[12] == 0 || p[12] == 127 || p[12] >= 224 || p[16] == 0;

		return bad ? GW_DROP_FWD_MARTIAN : GW_DROP_NONE;
	}
	memcpy(&src, p + 8, sizeof(src));
	memcpy(&dst, p + 24, sizeof(dst));
	if (IN6_IS_ADDR_MULTICAST(&src) || IN6_IS_ADDR_UNSPECIFIED(&src) ||
		IN6_IS_ADDR_LOOPBACK(&src) || IN6_IS_ADDR_UNSPECIFIED(&dst))
		return GW_DROP_FWD_MARTIAN;
	if (IN6_IS_ADDR_LINKLOCAL(&src) || IN6_IS_ADDR_LINKLOCAL(&dst))
		return GW_DROP_FWD_SCOPE;
	return GW_DROP_NONE;
}

static uint8_t *
ttl_of(uint8_t *p, uint8_t version)
{
	return version == 4 ? p + 8 : p + 7;
}

/* One hop less; IPv4's checksum follows (RFC 1624). */
static void
age(uint8_t *p, uint8_t version)
{
	uint16_t before = gw_get16(p + 8);

	--*ttl_of(p, version);
	if (version == 4)
		gw_put16(p + 10, gw_csum_update(gw_get16(p + 10), before, gw_get16(p + 8)));
}

/* The last that may be asked before a packet goes; it is aged here. @return true when it goes */
static bool
may_go(struct gw_fwd *f, struct rte_mbuf *m, const struct gw_inner *in, uint16_t mtu)
{
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);
	enum gw_drop bad;

	if (is_own(m))
		return true; /* our addresses, and no larger than any MTU */
	bad = check_addrs(p, in->version);
	if (bad == GW_DROP_FWD_SCOPE) {
		gw_fwd_refuse_told(f, m, bad, GW_ICMP_SCOPE, 0);
		return false;
	}
	if (bad != GW_DROP_NONE) {
		gw_fwd_refuse(f, m, bad);
		return false;
	}
	/* errors quote the packet as it came */
	if (*ttl_of(p, in->version) <= 1) {
		gw_fwd_refuse_told(f, m, GW_DROP_FWD_TTL, GW_ICMP_TIME_EXCEEDED, 0);
		return false;
	}
	if (in->len > mtu && in->df) {
		gw_fwd_refuse_told(f, m, GW_DROP_FWD_TOO_BIG, GW_ICMP_TOO_BIG, mtu);
		return false;
	}
	age(p, in->version);
	return true;
}

static void
by_link(struct gw_fwd *f, struct rte_mbuf *m, const struct gw_inner *in, const struct in6_addr *hop)
{
	if (may_go(f, m, in, f->mtu))
		gw_fwd_send(f, m, hop);
}

static void
by_tunnel(struct gw_fwd *f, struct rte_mbuf *m, const struct gw_inner *in, struct gw_tunnel *t)
{
	uint16_t mtu = atomic_load_explicit(&t->mtu, memory_order_relaxed);

	if (in->version == 6 && mtu < IP6_MIN_MTU)
		mtu = IP6_MIN_MTU; /* see gw_out_prepare() */
	/* a link of two ends: back to where it came from would be to and fro (RFC 4443 3.1) */
	if (from_of(m) == t) {
		gw_fwd_refuse_told(f, m, GW_DROP_FWD_LOOP, GW_ICMP_NO_HOST, 0);
		return;
	}
	if (!may_go(f, m, in, mtu))
		return;
	if (!gw_room_for(t, m)) {
		gw_fwd_refuse(f, m, GW_DROP_FWD_BAD);
		return;
	}
	*gw_pkt(m) = (struct gw_pkt){.tunnel = t, .routed = GW_ROUTED_ON};
	f->to_tunnel[f->n_tunnel++] = m;
}

/* @param link  ARP, neighbour discovery, groups of the link: who floods the host with something
 * else must not keep it from knowing its neighbours */
static void
to_kernel(struct gw_fwd *f, struct rte_mbuf *m, bool link)
{
	if (is_own(m)) { /* who claims our own address gets no answer */
		gw_fwd_refuse(f, m, GW_DROP_FWD_MARTIAN);
		return;
	}
	if (from_of(m) == NULL) {
		if (f->n_punted[link] == GW_FWD_PUNT_MAX) {
			gw_fwd_refuse(f, m, GW_DROP_FWD_PUNT);
			return;
		}
		f->n_punted[link]++;
		rte_pktmbuf_prepend(m, sizeof(struct rte_ether_hdr)); /* it is still there */
	}
	f->to_kernel[f->n_kernel++] = m;
}

/* Neighbour discovery asks whether an address that is known is still there by unicast. */
static bool
is_nd(struct rte_mbuf *m, const struct gw_inner *in)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);

	return in->version == 6 && p[6] == IPPROTO_ICMPV6 && p[7] == 255 && in->len > 40 &&
	       gw_nd_is(p[40]);
}

static void
go(struct gw_fwd *f, struct rte_mbuf *m, const struct gw_inner *in, const struct in6_addr *dst,
	const struct gw_fib_nh *nh)
{
	if (nh->kind == GW_FIB_LOCAL) {
		to_kernel(f, m, is_nd(m, in));
		return;
	}
	/* behind the Ethernet header a short frame is padded */
	m->data_len = in->len;
	m->pkt_len = in->len;
	switch ((enum gw_fib_kind)nh->kind) {
	case GW_FIB_LINK:
		by_link(f, m, in, dst);
		break;
	case GW_FIB_VIA:
		by_link(f, m, in, &nh->via);
		break;
	case GW_FIB_TUNNEL:
		by_tunnel(f, m, in, nh->tunnel);
		break;
	case GW_FIB_BLACKHOLE:
		gw_fwd_refuse(f, m, GW_DROP_FWD_BLACKHOLE);
		break;
	case GW_FIB_PROHIBIT:
		gw_fwd_refuse_told(f, m, GW_DROP_FWD_PROHIBITED, GW_ICMP_PROHIBITED, 0);
		break;
	case GW_FIB_NONE:
	case GW_FIB_UNREACH:
	case GW_FIB_LOCAL:
		gw_fwd_refuse_told(f, m, GW_DROP_FWD_NO_ROUTE, GW_ICMP_NO_ROUTE, 0);
		break;
	}
}

/* ---- a burst ---- */

/* One packet of a burst, before and after its route is known. */
struct item {
	struct rte_mbuf *m;
	struct gw_inner in;
	struct in6_addr dst; /* IPv4 mapped */
	uint16_t nh;
};

struct items {
	uint16_t n;
	struct item item[GW_BURST_MAX];
};

/* more than one destination, or nobody's but this host's: not a matter of routes */
static bool
is_multi(const uint8_t *p, uint8_t version)
{
	if (version == 6)
		return p[24] == 0xff;
	return p[16] >> 4 == 14 || gw_raw32(p + 16) == UINT32_MAX;
}

/* Of the link alone, where routing protocols and neighbour discovery talk (RFC 5771 4, RFC
 * 4291 2.7) */
static bool
is_link_group(const uint8_t *p, uint8_t version)
{
	return version == 4 ? gw_get32(p + 16) >> 8 == 0xe00000
			    : p[24] == 0xff && (p[25] & 15) == 2;
}

/* Nobody's on a wire: the kernel's own, and class E, which Linux would forward by a default route
 * (RFC 1812 5.3.7) */
static bool
is_nobody4(const uint8_t *p)
{
	return p[16] == 127 || p[16] >= 240;
}

/* RFC 791 3.1: loose or strict source routes. Malformed options may have one: as bad. */
static bool
source_routed(const uint8_t *p, uint16_t hdr_len)
{
	for (unsigned int i = 20; i < hdr_len && p[i] != 0;) {
		if (p[i] == 1) {
			i++;
			continue;
		}
		if (p[i] == 131 || p[i] == 137 || i + 1 >= hdr_len || p[i + 1] < 2)
			return true;
		i += p[i + 1];
	}
	return false;
}

/* An address of an IP packet, IPv4 mapped */
static void
map_addr(struct in6_addr *a, const uint8_t *p, uint8_t version, bool dst)
{
	if (version == 4)
		gw_neigh_map4(a, p + (dst ? 16 : 12));
	else
		memcpy(a, p + (dst ? 24 : 8), sizeof(*a));
}

static void
look_at(struct gw_fwd *f, struct rte_mbuf *m, struct items *all)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	struct item *it = &all->item[all->n];

	if (!gw_inner_parse(p, m->data_len, &it->in)) {
		gw_fwd_refuse(f, m, GW_DROP_FWD_BAD);
		return;
	}
	if (is_multi(p, it->in.version)) {
		to_kernel(f, m, is_link_group(p, it->in.version));
		return;
	}
	if (it->in.version == 4 && is_nobody4(p)) {
		gw_fwd_refuse(f, m, GW_DROP_FWD_MARTIAN);
		return;
	}
	if (it->in.version == 4 && unlikely(it->in.hdr_len > 20) &&
		source_routed(p, it->in.hdr_len)) {
		gw_fwd_refuse(f, m, GW_DROP_FWD_OPTION);
		return;
	}
	map_addr(&it->dst, p, it->in.version, true);
	it->m = m;
	all->n++;
}

static void
look_up(const struct gw_fib_view *v, struct items *all)
{
	uint16_t who4[GW_BURST_MAX], who6[GW_BURST_MAX], n4 = 0, n6 = 0;
	uint32_t addr4[GW_BURST_MAX];
	uint8_t addr6[GW_BURST_MAX][16];
	uint64_t nh[GW_BURST_MAX];

	for (uint16_t i = 0; i < all->n; i++) {
		const struct item *it = &all->item[i];

		if (it->in.version == 4) {
			addr4[n4] = gw_get32(it->dst.s6_addr + 12);
			who4[n4++] = i;
		} else {
			memcpy(addr6[n6], &it->dst, sizeof(addr6[n6]));
			who6[n6++] = i;
		}
	}
	if (n4 > 0)
		gw_fib_look_up4(v, addr4, nh, n4);
	for (uint16_t i = 0; i < n4; i++)
		all->item[who4[i]].nh = (uint16_t)nh[i];
	if (n6 > 0)
		gw_fib_look_up6(v, addr6, nh, n6);
	for (uint16_t i = 0; i < n6; i++)
		all->item[who6[i]].nh = (uint16_t)nh[i];
}

/* ---- sources ---- */

/* What is for the kernel is its to check. What nobody may be called is refused elsewhere, and has
 * no place in tables. */
static enum gw_source_check
check_of(const struct gw_fwd *f, const struct item *it)
{
	const struct gw_tunnel *from = from_of(it->m);
	enum gw_source_check check = from != NULL ? from->source_check : f->source_check;

	if (likely(check == GW_SOURCE_ANY) || is_own(it->m) ||
		f->view->nh[it->nh].kind == GW_FIB_LOCAL ||
		check_addrs(rte_pktmbuf_mtod(it->m, const uint8_t *), it->in.version) !=
			GW_DROP_NONE)
		return GW_SOURCE_ANY;
	return check;
}

/* @param nh  where its source is routed to; a blackhole is one for sources, too */
static bool
is_from_there(enum gw_source_check check, const struct gw_tunnel *from, const struct gw_fib_nh *nh)
{
	bool loose = check == GW_SOURCE_LOOSE;

	switch ((enum gw_fib_kind)nh->kind) {
	case GW_FIB_LINK:
	case GW_FIB_VIA:
		return loose || from == NULL;
	case GW_FIB_TUNNEL:
		return loose || nh->tunnel == from;
	default:
		return false;
	}
}

/* RFC 1812 5.3.8: those whose source is routed elsewhere go, silently. */
static void
check_sources(struct gw_fwd *f, struct items *all)
{
	enum gw_source_check check[GW_BURST_MAX];
	struct items by_source;
	uint16_t n = 0, k = 0;

	by_source.n = 0;
	for (uint16_t i = 0; i < all->n; i++) {
		struct item *s = &by_source.item[by_source.n];
		const uint8_t *p = rte_pktmbuf_mtod(all->item[i].m, const uint8_t *);

		check[i] = check_of(f, &all->item[i]);
		if (check[i] == GW_SOURCE_ANY)
			continue;
		s->in.version = all->item[i].in.version;
		map_addr(&s->dst, p, s->in.version, false);
		by_source.n++;
	}
	if (by_source.n == 0)
		return;
	look_up(f->view, &by_source);
	for (uint16_t i = 0; i < all->n; i++) {
		struct rte_mbuf *m = all->item[i].m;

		if (check[i] == GW_SOURCE_ANY ||
			is_from_there(check[i], from_of(m), &f->view->nh[by_source.item[k++].nh]))
			all->item[n++] = all->item[i];
		else
			gw_fwd_refuse(f, m, GW_DROP_FWD_SOURCE);
	}
	all->n = n;
}

/* @param n  at most GW_BURST_MAX */
static void
route(struct gw_fwd *f, struct rte_mbuf *const *pkts, uint16_t n)
{
	struct items all;

	all.n = 0;
	for (uint16_t i = 0; i < n; i++)
		look_at(f, pkts[i], &all);
	look_up(f->view, &all);
	check_sources(f, &all);
	for (uint16_t i = 0; i < all.n; i++) {
		const struct item *it = &all.item[i];

		go(f, it->m, &it->in, &it->dst, &f->view->nh[it->nh]);
	}
}

/* Our own errors, in bursts: they go by the same routes, and cause none. */
static void
route_own(struct gw_fwd *f)
{
	for (uint16_t from = 0; from < f->n_own; from += GW_BURST_MAX) {
		uint16_t left = f->n_own - from;

		route(f, f->own + from, left < GW_BURST_MAX ? left : GW_BURST_MAX);
	}
	f->n_own = 0;
}

/* ---- from the port ---- */

/* RFC 1812 5.3.4: unicast in a frame to many is not ours to pass on. */
static bool
is_group_ip(const struct rte_mbuf *m)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	uint8_t version = p[0] >> 4;

	return m->data_len >= (version == 4 ? 20 : 40) && is_multi(p, version);
}

/* @return true when m is IP that may have to be forwarded, its Ethernet header off */
static bool
take_frame(struct gw_fwd *f, struct rte_mbuf *m)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	const uint8_t *p;
	bool group, ip;

	if (m->data_len <= sizeof(*eth) || !gw_frame_is_whole(m) ||
		!rte_is_valid_assigned_ether_addr(&eth->src_addr)) {
		gw_fwd_refuse(f, m, GW_DROP_FWD_FRAME);
		return false;
	}
	group = rte_is_multicast_ether_addr(&eth->dst_addr);
	if (!group && memcmp(&eth->dst_addr, f->mac, sizeof(f->mac)) != 0) {
		gw_fwd_refuse(f, m, GW_DROP_FWD_OTHER_MAC);
		return false;
	}
	ip = gw_frame_is_ip(m, eth);
	p = (const uint8_t *)rte_pktmbuf_adj(m, sizeof(*eth));
	if (ip && !group)
		return true;
	if (!ip)
		to_kernel(f, m, eth->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP));
	else if (is_group_ip(m))
		to_kernel(f, m, is_link_group(p, p[0] >> 4));
	else
		gw_fwd_refuse(f, m, GW_DROP_FWD_FRAME);
	return false;
}

void
gw_fwd_from_port(struct gw_fwd *f, struct rte_mbuf **frames, uint16_t n, uint64_t now_tsc)
{
	struct rte_mbuf *pkts[GW_BURST_MAX];
	uint16_t n_ip = 0;

	begin(f, now_tsc);
	for (uint16_t i = 0; i < n; i++) {
		*gw_pkt(frames[i]) = (struct gw_pkt){0};
		if (take_frame(f, frames[i]))
			pkts[n_ip++] = frames[i];
	}
	route(f, pkts, n_ip);
	route_own(f);
}

/* ---- from tunnels ---- */

void
gw_fwd_from_tunnel(struct gw_fwd *f, struct rte_mbuf **pkts, uint16_t n, uint64_t now_tsc)
{
	begin(f, now_tsc);
	for (uint16_t i = 0; i < n; i++)
		gw_pkt(pkts[i])->routed = GW_ROUTED_NO;
	route(f, pkts, n);
	route_own(f);
}

void
gw_fwd_settle(struct gw_fwd *f, uint64_t now_tsc)
{
	begin(f, now_tsc);
	gw_fwd_settle_waiting(f);
	route_own(f);
}
