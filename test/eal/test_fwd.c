/* SPDX-License-Identifier: BSD-3-Clause */
/* The forwarding stage: where packets go, what becomes of TTL, checksum and size, and who is told
 * what. */
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <rte_cycles.h>
#include <rte_ether.h>
#include <rte_malloc.h>

#include "esp_util.h"
#include "lib/bytes.h"
#include "lib/csum.h"
#include "lib/fwd.h"
#include "lib/inner.h"
#include "lib/rcu.h"

#define MTU 1400

static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 1}, host_mac[6] = {2, 0, 0, 0, 0, 2},
		     gw_mac[6] = {2, 0, 0, 0, 0, 3}, other_mac[6] = {2, 0, 0, 0, 0, 9};

static struct {
	struct rte_mempool *pool;
	struct gw_rcu *rcu;
	struct gw_fib *fib;
	struct gw_neigh_tab *neigh;
	struct rte_ring *asks;
	struct gw_fwd *f;
	struct gw_tunnel *t1, *t2;
} x;

/* ---- the rig ---- */

static void
set_route(const char *dst, uint8_t bits, uint16_t nh)
{
	struct gw_prefix p = {.family = strchr(dst, ':') ? AF_INET6 : AF_INET, .bits = bits};

	assert_int_equal(inet_pton(p.family, dst, p.addr), 1);
	assert_int_equal(gw_fib_set(x.fib, &p, nh), 0);
}

static struct in6_addr
key(const char *addr)
{
	struct in6_addr a;
	uint8_t a4[4];

	if (inet_pton(AF_INET, addr, a4) == 1)
		gw_neigh_map4(&a, a4);
	else
		assert_int_equal(inet_pton(AF_INET6, addr, &a), 1);
	return a;
}

static void
set_neigh(const char *addr, const uint8_t mac[6])
{
	struct in6_addr a = key(addr);

	assert_int_equal(gw_neigh_set(x.neigh, &a, mac), 0);
}

static struct gw_tunnel *
new_tunnel(const char *addr4, const char *addr6)
{
	struct gw_tunnel *t = rte_zmalloc("tunnel", sizeof(*t), 64);

	t->forwards = true;
	atomic_store(&t->mtu, 1300);
	assert_int_equal(inet_pton(AF_INET, addr4, &t->addr4), 1);
	assert_int_equal(inet_pton(AF_INET6, addr6, &t->addr6), 1);
	return t;
}

static int
setup(void **state)
{
	struct in6_addr addr6;
	uint32_t addr4;

	x.pool = gw_pkt_pool_create("fwd_pool", 2047, 9000, SOCKET_ID_ANY);
	x.rcu = gw_rcu_create(1, SOCKET_ID_ANY);
	x.fib = gw_fib_create(x.rcu, SOCKET_ID_ANY);
	x.neigh = gw_neigh_create(x.rcu);
	x.asks = rte_ring_create_elem(
		"fwd_asks", sizeof(struct in6_addr), GW_FWD_ASKS, SOCKET_ID_ANY, 0);
	x.f = rte_zmalloc("fwd", sizeof(*x.f), 64);
	assert_non_null(x.pool);
	assert_non_null(x.fib);
	x.t1 = new_tunnel("169.254.1.1", "fd00:1::1");
	x.t2 = new_tunnel("169.254.2.1", "fd00:2::1");
	x.f->fib = x.fib;
	x.f->neigh = x.neigh;
	x.f->asks = x.asks;
	x.f->pool = x.pool;
	memcpy(x.f->mac, our_mac, 6);
	x.f->mtu = MTU;
	x.f->tsc_per_ms = rte_get_tsc_hz() / 1000;

	gw_fib_set_nh(x.fib, GW_FIB_VIA_FIRST,
		&(struct gw_fib_nh){.kind = GW_FIB_VIA, .via = key("10.1.0.3")});
	gw_fib_set_nh(x.fib, GW_FIB_TUNNEL_FIRST,
		&(struct gw_fib_nh){.kind = GW_FIB_TUNNEL, .tunnel = x.t1});
	gw_fib_set_nh(x.fib, GW_FIB_TUNNEL_FIRST + 1,
		&(struct gw_fib_nh){.kind = GW_FIB_TUNNEL, .tunnel = x.t2});
	inet_pton(AF_INET, "10.1.0.1", &addr4);
	inet_pton(AF_INET6, "fd01::1", &addr6);
	gw_fib_set_source(x.fib, addr4, &addr6);
	set_route("10.1.0.0", 24, GW_FIB_LINK);
	set_route("10.1.0.1", 32, GW_FIB_LOCAL);
	set_route("10.3.0.0", 16, GW_FIB_VIA_FIRST);
	set_route("10.2.0.0", 16, GW_FIB_TUNNEL_FIRST);
	set_route("10.4.0.0", 16, GW_FIB_TUNNEL_FIRST + 1);
	set_route("10.5.0.0", 16, GW_FIB_BLACKHOLE);
	set_route("10.6.0.0", 16, GW_FIB_PROHIBIT);
	set_route("10.7.0.0", 16, GW_FIB_UNREACH);
	set_route("fd01::", 64, GW_FIB_LINK);
	set_route("fd01::1", 128, GW_FIB_LOCAL);
	set_route("fe80::", 64, GW_FIB_LINK);
	set_route("fe80::1", 128, GW_FIB_LOCAL);
	set_route("fd02::", 64, GW_FIB_TUNNEL_FIRST);
	assert_true(gw_fib_commit(x.fib));
	set_neigh("10.1.0.2", host_mac);
	set_neigh("10.1.0.3", gw_mac);
	set_neigh("fd01::2", host_mac);
	return 0;
}

/* after each test nothing is out */
static int
teardown(void **state)
{
	gw_fwd_fini(x.f);
	assert_int_equal(rte_mempool_in_use_count(x.pool), 0);
	rte_free(x.f);
	rte_free(x.t1);
	rte_free(x.t2);
	gw_rcu_destroy(x.rcu);
	gw_fib_destroy(x.fib);
	gw_neigh_destroy(x.neigh);
	rte_ring_free(x.asks);
	rte_mempool_free(x.pool);
	return 0;
}

static void
fix4(uint8_t *p)
{
	gw_put16(p + 10, 0);
	gw_put16(p + 10, gw_csum_fold(gw_csum_add(0, p, (size_t)(p[0] & 15) * 4)));
}

/* An IP packet of len bytes: UDP, TTL 64, DF clear; whose tunnel it is of. */
static struct rte_mbuf *
packet(struct gw_tunnel *from, const char *src, const char *dst, uint16_t len)
{
	struct rte_mbuf *m = gw_pkt_alloc(x.pool);
	uint8_t *p = (uint8_t *)rte_pktmbuf_append(m, len);

	for (uint16_t i = 0; i < len; i++)
		p[i] = (uint8_t)i;
	if (strchr(dst, ':') != NULL) {
		memset(p, 0, 8);
		p[0] = 0x60;
		gw_put16(p + 4, len - 40);
		p[6] = 17;
		p[7] = 64;
		assert_int_equal(inet_pton(AF_INET6, src, p + 8), 1);
		assert_int_equal(inet_pton(AF_INET6, dst, p + 24), 1);
	} else {
		memset(p, 0, 12);
		p[0] = 0x45;
		gw_put16(p + 2, len);
		p[8] = 64;
		p[9] = 17;
		assert_int_equal(inet_pton(AF_INET, src, p + 12), 1);
		assert_int_equal(inet_pton(AF_INET, dst, p + 16), 1);
		fix4(p);
	}
	gw_pkt(m)->tunnel = from;
	return m;
}

static uint8_t *
bytes(struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod(m, uint8_t *);
}

/* Put it into a frame, padded as on Ethernet. */
static struct rte_mbuf *
frame(struct rte_mbuf *m, const uint8_t dst[6])
{
	uint16_t type = bytes(m)[0] >> 4 == 6 ? 0x86dd : 0x0800;
	uint8_t *e = (uint8_t *)rte_pktmbuf_prepend(m, 14);

	memcpy(e, dst, 6);
	memcpy(e + 6, host_mac, 6);
	gw_put16(e + 12, type);
	if (m->data_len < 60)
		memset(rte_pktmbuf_append(m, 60 - m->data_len), 0xee, 60 - m->data_len);
	return m;
}

static uint64_t now = 1000000000000;

static void
from_port(struct rte_mbuf *m)
{
	gw_fwd_from_port(x.f, &m, 1, now);
}

static void
from_tunnel(struct rte_mbuf *m)
{
	gw_fwd_from_tunnel(x.f, &m, 1, now);
}

static void
free_all(struct rte_mbuf **m, uint16_t *n)
{
	rte_pktmbuf_free_bulk(m, *n);
	*n = 0;
}

static void
expect(uint16_t port, uint16_t tunnel, uint16_t kernel, uint16_t refused)
{
	assert_int_equal(x.f->n_port, port);
	assert_int_equal(x.f->n_tunnel, tunnel);
	assert_int_equal(x.f->n_kernel, kernel);
	assert_int_equal(x.f->n_refused, refused);
}

static void
done(void)
{
	free_all(x.f->to_port, &x.f->n_port);
	free_all(x.f->to_tunnel, &x.f->n_tunnel);
	free_all(x.f->to_kernel, &x.f->n_kernel);
	free_all(x.f->refused, &x.f->n_refused);
}

static void
assert_frame(struct rte_mbuf *m, const uint8_t dst[6], uint16_t type)
{
	const uint8_t *e = bytes(m);

	assert_memory_equal(e, dst, 6);
	assert_memory_equal(e + 6, our_mac, 6);
	assert_int_equal(gw_get16(e + 12), type);
	if (type == 0x0800)
		assert_true(gw_ip4_csum_ok(e + 14));
}

/* ---- tests ---- */

static void
test_tunnel_to_port(void **state)
{
	from_tunnel(packet(x.t1, "10.2.0.9", "10.1.0.2", 100));
	expect(1, 0, 0, 0);
	assert_frame(x.f->to_port[0], host_mac, 0x0800);
	assert_int_equal(bytes(x.f->to_port[0])[14 + 8], 63);
	assert_int_equal(x.f->to_port[0]->data_len, 114);
	done();
	from_tunnel(packet(x.t1, "10.2.0.9", "10.3.7.7", 100)); /* by a gateway */
	expect(1, 0, 0, 0);
	assert_frame(x.f->to_port[0], gw_mac, 0x0800);
	done();
	from_tunnel(packet(x.t1, "fd02::9", "fd01::2", 100));
	expect(1, 0, 0, 0);
	assert_frame(x.f->to_port[0], host_mac, 0x86dd);
	assert_int_equal(bytes(x.f->to_port[0])[14 + 7], 63);
	done();
}

static void
test_port_to_tunnel(void **state)
{
	from_port(frame(packet(NULL, "10.1.0.2", "10.2.0.9", 30), our_mac));
	expect(0, 1, 0, 0);
	assert_ptr_equal(gw_pkt(x.f->to_tunnel[0])->tunnel, x.t1);
	assert_int_equal(gw_pkt(x.f->to_tunnel[0])->routed, GW_ROUTED_ON);
	assert_int_equal(x.f->to_tunnel[0]->data_len, 30); /* padding is off */
	assert_int_equal(bytes(x.f->to_tunnel[0])[8], 63);
	assert_true(gw_ip4_csum_ok(bytes(x.f->to_tunnel[0])));
	done();
	from_port(frame(packet(NULL, "fd01::2", "fd02::9", 60), our_mac));
	expect(0, 1, 0, 0);
	done();
	from_tunnel(packet(x.t1, "10.2.0.9", "10.4.0.9", 100)); /* and from tunnel to tunnel */
	expect(0, 1, 0, 0);
	assert_ptr_equal(gw_pkt(x.f->to_tunnel[0])->tunnel, x.t2);
	done();
	from_port(frame(
		packet(NULL, "10.1.0.2", "10.3.0.9", 100), our_mac)); /* and back to the port */
	expect(1, 0, 0, 0);
	done();
}

/* all headrooms that a driver may leave are enough for what comes in front */
static void
test_headroom(void **state)
{
	struct rte_mbuf *m = packet(NULL, "10.1.0.2", "10.2.0.9", 500);
	uint8_t before[500];

	x.t1->checksum = x.t1->has_key = x.t1->sequence = true;
	memcpy(before, bytes(m), 500);
	memmove((uint8_t *)m->buf_addr + 142, bytes(m), 500);
	m->data_off = 142;
	from_port(frame(m, our_mac));
	expect(0, 1, 0, 0);
	assert_true(rte_pktmbuf_headroom(x.f->to_tunnel[0]) >= 146);
	assert_memory_equal(bytes(x.f->to_tunnel[0]) + 12, before + 12, 488);
	done();
}

/* RFC 1812 5.3.8: in one burst those go on, in order, whose source leads back. */
static void
test_source_of_tunnel(void **state)
{
	static const char *const src[] = {"10.2.0.9", "10.1.0.9", "10.4.0.9", "10.9.0.9",
		"10.5.0.9", "10.1.0.1", "fd02::9", "fd01::9", "fd09::9"};
	static const bool passes[3][9] = {
		[GW_SOURCE_ANY] = {1, 1, 1, 1, 1, 1, 1, 1, 1},
		[GW_SOURCE_LOOSE] = {1, 1, 1, 0, 0, 0, 1, 1, 0},
		[GW_SOURCE_STRICT] = {1, 0, 0, 0, 0, 0, 1, 0, 0},
	};

	for (unsigned int check = GW_SOURCE_ANY; check <= GW_SOURCE_STRICT; check++) {
		struct rte_mbuf *pkts[RTE_DIM(src)];
		uint16_t n = RTE_DIM(src), good = 0;

		x.t1->source_check = (uint8_t)check;
		for (unsigned int i = 0; i < n; i++) {
			pkts[i] = packet(
				x.t1, src[i], strchr(src[i], ':') ? "fd01::2" : "10.1.0.2", 100);
			good += passes[check][i];
		}
		gw_fwd_from_tunnel(x.f, pkts, n, now);
		expect(good, 0, 0, n - good);
		for (unsigned int i = 0, k = 0, r = 0; i < n; i++) {
			if (passes[check][i])
				assert_ptr_equal(x.f->to_port[k++], pkts[i]);
			else
				assert_ptr_equal(x.f->refused[r++], pkts[i]);
		}
		for (uint16_t r = 0; r < x.f->n_refused; r++)
			assert_int_equal(gw_pkt(x.f->refused[r])->drop, GW_DROP_FWD_SOURCE);
		done();
	}
}

static void
test_source_of_port(void **state)
{
	x.f->source_check = GW_SOURCE_STRICT;
	from_port(frame(packet(NULL, "10.1.0.2", "10.2.0.9", 100), our_mac));
	expect(0, 1, 0, 0);
	done();
	from_port(frame(packet(NULL, "10.3.0.2", "10.2.0.9", 100), our_mac)); /* by a gateway */
	expect(0, 1, 0, 0);
	done();
	from_port(frame(packet(NULL, "10.4.0.2", "10.2.0.9", 100), our_mac));
	expect(0, 0, 0, 1);
	done();
	/* what is for the kernel is its to judge, and has nothing to do with a tunnel's check */
	from_port(frame(packet(NULL, "10.4.0.2", "10.1.0.1", 100), our_mac));
	expect(0, 0, 1, 0);
	done();
	from_tunnel(packet(x.t1, "10.77.0.9", "10.1.0.2", 100));
	expect(1, 0, 0, 0);
	done();
	/* what nobody is called stays what it is, and an error of ours goes out as ever */
	from_port(frame(packet(NULL, "224.0.0.9", "10.2.0.9", 100), our_mac));
	expect(0, 0, 0, 1);
	assert_int_equal(gw_pkt(x.f->refused[0])->drop, GW_DROP_FWD_MARTIAN);
	done();
	from_port(frame(packet(NULL, "10.1.0.2", "10.7.0.9", 100), our_mac));
	expect(1, 0, 0, 1);
	assert_int_equal(gw_pkt(x.f->refused[0])->drop, GW_DROP_FWD_NO_ROUTE);
	done();
}

static void
test_to_kernel(void **state)
{
	static const uint8_t all[6] = {255, 255, 255, 255, 255, 255},
			     group[6] = {1, 0, 0x5e, 0, 0, 5};
	struct rte_mbuf *m = frame(packet(NULL, "10.1.0.2", "10.1.0.1", 100), our_mac);
	uint8_t before[114];

	memcpy(before, bytes(m), 114);
	from_port(m);
	expect(0, 0, 1, 0);
	assert_memory_equal(bytes(x.f->to_kernel[0]), before, 114); /* the frame, as it was */
	done();
	from_port(frame(packet(NULL, "10.1.0.2", "224.0.0.5", 100), group));
	expect(0, 0, 1, 0);
	done();
	from_port(frame(packet(NULL, "10.1.0.2", "255.255.255.255", 100), all));
	expect(0, 0, 1, 0);
	done();
	from_port(frame(packet(NULL, "fe80::2", "fe80::1", 100), our_mac));
	expect(0, 0, 1, 0);
	done();
	m = frame(packet(NULL, "10.1.0.2", "10.2.0.9", 100),
		all); /* ARP, as far as it matters here */
	gw_put16(bytes(m) + 12, 0x0806);
	from_port(m);
	expect(0, 0, 1, 0);
	done();
	from_tunnel(packet(x.t1, "10.2.0.9", "10.1.0.1", 100));
	expect(0, 0, 1, 0);
	assert_int_equal(x.f->to_kernel[0]->data_len, 100); /* for its TUN */
	assert_int_equal(bytes(x.f->to_kernel[0])[8], 64);
	assert_ptr_equal(gw_pkt(x.f->to_kernel[0])->tunnel, x.t1);
	done();
}

static void
test_kernel_is_not_flooded(void **state)
{
	struct rte_mbuf *m[GW_BURST_MAX];

	for (int i = 0; i < GW_BURST_MAX; i++)
		m[i] = frame(packet(NULL, "10.1.0.2", "10.1.0.1", 100), our_mac);
	gw_fwd_from_port(x.f, m, GW_BURST_MAX, now);
	expect(0, 0, GW_FWD_PUNT_MAX, GW_BURST_MAX - GW_FWD_PUNT_MAX);
	assert_int_equal(gw_pkt(x.f->refused[0])->drop, GW_DROP_FWD_PUNT);
	done();
	/* nor does that, or a stream to a group, keep it from its neighbours: ARP, OSPF, a probe */
	for (int i = 0; i < GW_BURST_MAX - 3; i++)
		m[i] = frame(
			packet(NULL, "10.1.0.2", i % 2 ? "10.1.0.1" : "239.1.1.1", 100), our_mac);
	m[GW_BURST_MAX - 3] = frame(packet(NULL, "10.1.0.2", "10.1.0.1", 100), our_mac);
	gw_put16(bytes(m[GW_BURST_MAX - 3]) + 12, 0x0806);
	m[GW_BURST_MAX - 2] = frame(packet(NULL, "10.1.0.2", "224.0.0.5", 100), our_mac);
	m[GW_BURST_MAX - 1] = packet(NULL, "fd01::2", "fd01::1", 72);
	bytes(m[GW_BURST_MAX - 1])[6] = IPPROTO_ICMPV6;
	bytes(m[GW_BURST_MAX - 1])[7] = 255;
	bytes(m[GW_BURST_MAX - 1])[40] = 135;
	frame(m[GW_BURST_MAX - 1], our_mac);
	gw_fwd_from_port(x.f, m, GW_BURST_MAX, now);
	expect(0, 0, GW_FWD_PUNT_MAX + 3, GW_BURST_MAX - GW_FWD_PUNT_MAX - 3);
	done();
}

/* an error that went to the port: to whom, from whom, of what kind */
static void
assert_error(const uint8_t *p, const char *from, const char *to, uint8_t type, uint8_t code,
	uint16_t mtu)
{
	uint8_t a[16], b[16];
	bool v6 = p[0] >> 4 == 6;

	assert_int_equal(inet_pton(v6 ? AF_INET6 : AF_INET, from, a), 1);
	assert_int_equal(inet_pton(v6 ? AF_INET6 : AF_INET, to, b), 1);
	assert_memory_equal(p + (v6 ? 8 : 12), a, v6 ? 16 : 4);
	assert_memory_equal(p + (v6 ? 24 : 16), b, v6 ? 16 : 4);
	p += v6 ? 40 : 20;
	assert_int_equal(p[0], type);
	assert_int_equal(p[1], code);
	assert_int_equal(gw_get16(p + 6), mtu);
}

struct refusal {
	const char *src, *dst;
	enum gw_drop reason;
	int type, code; /* of the error, -1: none */
};

static void
test_refused(void **state)
{
	static const struct refusal cases[] = {
		{"10.1.0.2", "10.99.0.1", GW_DROP_FWD_NO_ROUTE, 3, 0},
		{"10.1.0.2", "10.7.0.1", GW_DROP_FWD_NO_ROUTE, 3, 0},
		{"10.1.0.2", "10.6.0.1", GW_DROP_FWD_PROHIBITED, 3, 13},
		{"10.1.0.2", "10.5.0.1", GW_DROP_FWD_BLACKHOLE, -1, 0},
		{"127.0.0.1", "10.2.0.1", GW_DROP_FWD_MARTIAN, -1, 0},
		{"0.0.0.0", "10.2.0.1", GW_DROP_FWD_MARTIAN, -1, 0},
		{"224.0.0.1", "10.2.0.1", GW_DROP_FWD_MARTIAN, -1, 0},
		{"255.255.255.255", "10.2.0.1", GW_DROP_FWD_MARTIAN, -1, 0},
		{"10.1.0.2", "127.0.0.1", GW_DROP_FWD_MARTIAN, -1, 0},
		{"10.1.0.2", "240.0.0.1", GW_DROP_FWD_MARTIAN, -1, 0},
		{"10.1.0.2", "255.255.255.254", GW_DROP_FWD_MARTIAN, -1, 0},
		{"10.1.0.2", "0.0.0.0", GW_DROP_FWD_NO_ROUTE, -1, 0},
		{"fd01::2", "fd99::1", GW_DROP_FWD_NO_ROUTE, 1, 0},
		{"::1", "fd02::1", GW_DROP_FWD_MARTIAN, -1, 0},
		{"::", "fd02::1", GW_DROP_FWD_MARTIAN, -1, 0},
		{"ff02::1", "fd02::1", GW_DROP_FWD_MARTIAN, -1, 0},
		{"fd01::2", "fe80::7", GW_DROP_FWD_SCOPE, 1, 2},
		/* to a link-local source nothing is routed */
		{"fe80::2", "fd02::1", GW_DROP_FWD_SCOPE, -1, 0},
		{"fe80::2", "fd99::1", GW_DROP_FWD_NO_ROUTE, -1, 0},
	};

	set_neigh("fe80::2", host_mac);
	for (size_t i = 0; i < RTE_DIM(cases); i++) {
		const struct refusal *c = &cases[i];
		const char *us = strchr(c->dst, ':') != NULL ? "fd01::1" : "10.1.0.1";

		from_port(frame(packet(NULL, c->src, c->dst, 100), our_mac));
		expect(c->type >= 0, 0, 0, 1);
		assert_int_equal(gw_pkt(x.f->refused[0])->drop, c->reason);
		if (c->type >= 0)
			assert_error(bytes(x.f->to_port[0]) + 14, us, c->src, (uint8_t)c->type,
				(uint8_t)c->code, 0);
		done();
	}
}

static void
test_frames_refused(void **state)
{
	static const uint8_t all[6] = {255, 255, 255, 255, 255, 255};
	struct rte_mbuf *m;

	from_port(frame(packet(NULL, "10.1.0.2", "10.2.0.9", 100), other_mac));
	expect(0, 0, 0, 1);
	assert_int_equal(gw_pkt(x.f->refused[0])->drop, GW_DROP_FWD_OTHER_MAC);
	done();
	from_port(frame(packet(NULL, "10.1.0.2", "10.2.0.9", 100), all));
	expect(0, 0, 0, 1);
	assert_int_equal(gw_pkt(x.f->refused[0])->drop, GW_DROP_FWD_FRAME);
	done();
	m = frame(packet(NULL, "10.1.0.2", "10.2.0.9", 100), our_mac);
	m->ol_flags |= RTE_MBUF_F_RX_VLAN_STRIPPED;
	from_port(m);
	expect(0, 0, 0, 1);
	assert_int_equal(gw_pkt(x.f->refused[0])->drop, GW_DROP_FWD_FRAME);
	done();
	for (uint16_t len = 1; len < 14 + 20; len++) { /* cut off anywhere */
		m = frame(packet(NULL, "10.1.0.2", "10.2.0.9", 100), our_mac);
		rte_pktmbuf_trim(m, (uint16_t)(m->data_len - len));
		from_port(m);
		expect(0, 0, 0, 1);
		done();
	}
	m = packet(NULL, "10.1.0.2", "10.2.0.9", 100); /* loose source route */
	bytes(m)[0] = 0x47;
	memcpy(bytes(m) + 20, (uint8_t[]){131, 7, 4, 10, 1, 0, 3, 0}, 8);
	fix4(bytes(m));
	from_port(frame(m, our_mac));
	expect(0, 0, 0, 1);
	assert_int_equal(gw_pkt(x.f->refused[0])->drop, GW_DROP_FWD_OPTION);
	done();
	m = packet(NULL, "10.1.0.2", "10.2.0.9", 100); /* a time stamp is none of our business */
	bytes(m)[0] = 0x47;
	memcpy(bytes(m) + 20, (uint8_t[]){1, 68, 6, 5, 0, 0, 0, 0}, 8);
	fix4(bytes(m));
	from_port(frame(m, our_mac));
	expect(0, 1, 0, 0);
	done();
}

static void
test_ttl(void **state)
{
	for (int ttl = 0; ttl < 3; ttl++) {
		struct rte_mbuf *m = packet(NULL, "10.1.0.2", "10.2.0.9", 100);
		uint8_t before[100];

		bytes(m)[8] = (uint8_t)ttl;
		fix4(bytes(m));
		memcpy(before, bytes(m), 100);
		from_port(frame(m, our_mac));
		expect(ttl < 2, ttl == 2, 0, ttl < 2);
		if (ttl < 2) {
			assert_error(bytes(x.f->to_port[0]) + 14, "10.1.0.1", "10.1.0.2", 11, 0, 0);
			/* the quote is the packet as it came */
			assert_memory_equal(bytes(x.f->to_port[0]) + 14 + 28, before, 100);
		}
		done();
	}
	for (int ttl = 1; ttl < 256; ttl++) { /* the checksum's carry */
		struct rte_mbuf *m = packet(x.t1, "10.2.0.9", "10.1.0.2", 100);

		bytes(m)[8] = (uint8_t)ttl;
		gw_put16(bytes(m) + 4, (uint16_t)(ttl * 257));
		fix4(bytes(m));
		from_tunnel(m);
		if (ttl == 1) { /* told where it came from: into the tunnel, by its address */
			expect(0, 1, 0, 1);
			assert_error(bytes(x.f->to_tunnel[0]), "169.254.1.1", "10.2.0.9", 11, 0, 0);
			assert_int_equal(gw_pkt(x.f->to_tunnel[0])->routed, GW_ROUTED_ON);
		} else {
			expect(1, 0, 0, 0);
			assert_true(gw_ip4_csum_ok(bytes(x.f->to_port[0]) + 14));
		}
		done();
	}
}

static void
test_sizes(void **state)
{
	struct rte_mbuf *m = packet(NULL, "10.1.0.2", "10.2.0.9", 1301);

	bytes(m)[6] = 0x40;
	fix4(bytes(m));
	from_port(frame(m, our_mac)); /* larger than the tunnel's */
	expect(1, 0, 0, 1);
	assert_int_equal(gw_pkt(x.f->refused[0])->drop, GW_DROP_FWD_TOO_BIG);
	assert_error(bytes(x.f->to_port[0]) + 14, "10.1.0.1", "10.1.0.2", 3, 4, 1300);
	done();
	from_port(frame(packet(NULL, "10.1.0.2", "10.2.0.9", 1301), our_mac));
	expect(0, 1, 0, 0); /* without DF: gw_out_prepare() cuts it */
	done();
	from_port(frame(packet(NULL, "fd01::2", "fd02::9", 1301), our_mac));
	expect(1, 0, 0, 1);
	assert_error(bytes(x.f->to_port[0]) + 14, "fd01::1", "fd01::2", 2, 0, 1300);
	done();
	atomic_store(&x.t1->mtu, 1200); /* 1280 bytes of IPv6 always pass */
	from_port(frame(packet(NULL, "fd01::2", "fd02::9", 1280), our_mac));
	expect(0, 1, 0, 0);
	done();

	m = packet(x.t1, "10.2.0.9", "10.1.0.2", MTU + 1);
	bytes(m)[6] = 0x40;
	fix4(bytes(m));
	from_tunnel(m); /* larger than the port's */
	expect(0, 1, 0, 1);
	assert_error(bytes(x.f->to_tunnel[0]), "169.254.1.1", "10.2.0.9", 3, 4, MTU);
	done();
	from_tunnel(packet(x.t1, "10.2.0.9", "10.1.0.2", 4000));
	expect(3, 0, 0, 0);
	for (int i = 0; i < 3; i++) {
		assert_frame(x.f->to_port[i], host_mac, 0x0800);
		assert_true(x.f->to_port[i]->data_len <= MTU + 14);
		assert_int_equal(bytes(x.f->to_port[i])[14 + 8], 63);
	}
	done();
}

/* what comes in fragments goes on in fragments */
static void
test_fragments(void **state)
{
	struct rte_mbuf *m[2] = {packet(NULL, "10.1.0.2", "10.2.0.9", 1500),
		packet(NULL, "10.1.0.2", "10.2.0.9", 1068)};

	gw_put16(bytes(m[0]) + 6, GW_IP4_MF);
	gw_put16(bytes(m[1]) + 6, 185);
	for (int i = 0; i < 2; i++) {
		fix4(bytes(m[i]));
		frame(m[i], our_mac);
	}
	gw_fwd_from_port(x.f, m, 2, now);
	expect(0, 2, 0, 0);
	done();
	m[0] = packet(x.t1, "10.2.0.9", "10.1.0.2", 1500); /* a fragment that is cut again */
	gw_put16(bytes(m[0]) + 6, GW_IP4_MF | 185);
	fix4(bytes(m[0]));
	from_tunnel(m[0]);
	expect(2, 0, 0, 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(gw_get16(bytes(x.f->to_port[i]) + 14 + 6) & GW_IP4_MF, GW_IP4_MF);
	done();
}

/* between two ends there and back is for nobody */
/* a burst of jumbo packets loses nothing of its tail */
static void
test_fragments_of_a_burst(void **state)
{
	struct rte_mbuf *m[GW_BURST_MAX];

	for (int i = 0; i < GW_BURST_MAX; i++)
		m[i] = packet(x.t1, "10.2.0.9", "10.1.0.2", 8900);
	gw_fwd_from_tunnel(x.f, m, GW_BURST_MAX, now);
	expect(7 * GW_BURST_MAX, 0, 0, 0);
	done();
}

static void
test_loop(void **state)
{
	from_tunnel(packet(x.t1, "10.3.0.9", "10.2.0.9", 100));
	expect(1, 0, 0, 1);
	assert_int_equal(gw_pkt(x.f->refused[0])->drop, GW_DROP_FWD_LOOP);
	assert_error(bytes(x.f->to_port[0]) + 14, "169.254.1.1", "10.3.0.9", 3, 1, 0);
	done();
}

static void
test_errors_are_limited(void **state)
{
	unsigned int told = 0;

	now += rte_get_tsc_hz();
	for (int i = 0; i < 3 * GW_ICMP_BURST; i++) {
		from_port(frame(packet(NULL, "10.1.0.2", "10.99.0.1", 100), our_mac));
		told += x.f->n_port;
		done();
	}
	assert_int_equal(told, GW_ICMP_BURST);
	/* the tunnel's limit is its own */
	from_tunnel(packet(x.t1, "10.3.0.9", "10.99.0.1", 100));
	expect(1, 0, 0, 1);
	done();
	/* nobody is told of an error, nor who claims to be us */
	now += rte_get_tsc_hz();
	struct rte_mbuf *m = packet(NULL, "10.1.0.2", "10.99.0.1", 100);
	bytes(m)[9] = 1;
	bytes(m)[20] = 11;
	fix4(bytes(m));
	from_port(frame(m, our_mac));
	expect(0, 0, 0, 1);
	done();
	from_port(frame(packet(NULL, "10.1.0.1", "10.99.0.1", 100), our_mac));
	expect(0, 0, 0, 2); /* the packet, and the error to ourselves */
	done();
}

static void
test_resolve(void **state)
{
	struct in6_addr asked, want = key("10.1.0.77");

	for (int i = 0; i < GW_FWD_WAIT_PKTS; i++) {
		from_tunnel(packet(x.t1, "10.2.0.9", "10.1.0.77", (uint16_t)(100 + i)));
		expect(0, 0, 0, 0);
	}
	assert_int_equal(rte_ring_count(x.asks), 1); /* asked once */
	assert_int_equal(rte_ring_dequeue_elem(x.asks, &asked, sizeof(asked)), 0);
	assert_memory_equal(&asked, &want, sizeof(want));
	from_tunnel(packet(x.t1, "10.2.0.9", "10.1.0.77", 3000)); /* the oldest gives way */
	expect(0, 0, 0, 1);
	assert_int_equal(gw_pkt(x.f->refused[0])->drop, GW_DROP_FWD_NEIGH_FULL);
	assert_int_equal(x.f->refused[0]->data_len, 100);
	done();
	gw_fwd_settle(x.f, now);
	expect(0, 0, 0, 0);
	set_neigh("10.1.0.77", other_mac);
	gw_fwd_settle(x.f, now);
	expect(3 + 3, 0, 0, 0);
	assert_frame(x.f->to_port[0], other_mac, 0x0800);
	assert_int_equal(x.f->to_port[0]->data_len, 14 + 101); /* in order */
	assert_int_equal(x.f->n_waiting, 0);
	done();
	from_tunnel(packet(x.t1, "10.2.0.9", "10.1.0.77", 100));
	expect(1, 0, 0, 0);
	done();
}

/* What has waited goes before what comes when the answer is there. */
static void
test_waiting_first(void **state)
{
	for (uint16_t i = 0; i < 2; i++)
		from_tunnel(packet(x.t1, "10.2.0.9", "10.1.0.77", (uint16_t)(100 + i)));
	from_tunnel(packet(x.t1, "10.2.0.9", "10.1.0.78", 100));
	set_neigh("10.1.0.77", other_mac);
	from_tunnel(packet(x.t1, "10.2.0.9", "10.1.0.77", 102));
	expect(3, 0, 0, 0);
	for (uint16_t i = 0; i < 3; i++) {
		assert_frame(x.f->to_port[i], other_mac, 0x0800);
		assert_int_equal(x.f->to_port[i]->data_len, 14 + 100 + i);
	}
	assert_int_equal(x.f->n_waiting, 1);
	done();
}

static void
test_no_answer(void **state)
{
	now += rte_get_tsc_hz();
	from_tunnel(packet(x.t1, "10.2.0.9", "10.1.0.78", 100));
	from_port(frame(packet(NULL, "10.1.0.2", "10.1.0.78", 100), our_mac));
	from_tunnel(packet(x.t1, "fd02::9", "fd01::78", 100));
	expect(0, 0, 0, 0);
	gw_fwd_settle(x.f, now + GW_FWD_WAIT_MS * x.f->tsc_per_ms);
	expect(0, 0, 0, 0);
	gw_fwd_settle(x.f, now + GW_FWD_WAIT_MS * x.f->tsc_per_ms + 1);
	expect(1, 2, 0, 3);
	assert_int_equal(gw_pkt(x.f->refused[0])->drop, GW_DROP_FWD_NEIGH_DEAD);
	assert_error(bytes(x.f->to_tunnel[0]), "169.254.1.1", "10.2.0.9", 3, 1, 0);
	assert_error(bytes(x.f->to_tunnel[1]), "fd00:1::1", "fd02::9", 1, 3, 0);
	assert_error(bytes(x.f->to_port[0]) + 14, "10.1.0.1", "10.1.0.2", 3, 1, 0);
	assert_int_equal(x.f->n_waiting, 0);
	done();
}

/* somebody scans the LAN: what is remembered is bounded, and others get their turn */
static void
test_scan(void **state)
{
	unsigned int refused = 0;
	struct in6_addr asked;
	char addr[32];

	for (int i = 0; i < 100; i++) {
		snprintf(addr, sizeof(addr), "10.1.0.%d", 100 + i);
		now++;
		from_tunnel(packet(x.t1, "10.2.0.9", addr, (uint16_t)(100 + i)));
		if (x.f->n_refused > 0) /* the one before, which came first */
			assert_int_equal(x.f->refused[0]->data_len, 100 + i - GW_FWD_WAIT_HOSTS);
		refused += x.f->n_refused;
		done();
	}
	assert_int_equal(refused, 100 - GW_FWD_WAIT_HOSTS);
	assert_int_equal(x.f->n_waiting, GW_FWD_WAIT_HOSTS);
	/* those that are known do not suffer */
	from_tunnel(packet(x.t1, "10.2.0.9", "10.1.0.2", 100));
	expect(1, 0, 0, 0);
	done();
	/* nor does who is there and answers */
	now++;
	from_tunnel(packet(x.t2, "10.4.0.1", "10.1.0.77", 300));
	expect(0, 0, 0, 1);
	done();
	now++;
	from_tunnel(packet(x.t1, "10.2.0.9", "10.1.0.99", 100));
	expect(0, 0, 0, 1);
	done();
	set_neigh("10.1.0.77", other_mac);
	gw_fwd_settle(x.f, now);
	expect(1, 0, 0, 0);
	done();
	assert_int_equal(x.f->n_waiting, GW_FWD_WAIT_HOSTS - 1);
	/* when control does not keep up, what waits stays */
	while (rte_ring_count(x.asks) < rte_ring_get_capacity(x.asks))
		rte_ring_enqueue_elem(x.asks, &(struct in6_addr){0}, sizeof(struct in6_addr));
	from_tunnel(packet(x.t1, "10.2.0.9", "10.1.0.98", 444));
	expect(0, 0, 0, 1);
	assert_int_equal(x.f->refused[0]->data_len, 444);
	assert_int_equal(x.f->n_waiting, GW_FWD_WAIT_HOSTS - 1);
	done();
	while (rte_ring_dequeue_elem(x.asks, &asked, sizeof(asked)) == 0)
		;
}

/* A burst to as many hosts while all places are taken by full ones: each packet ends once. */
static void
test_scan_burst(void **state)
{
	struct rte_mbuf *m[GW_BURST_MAX];
	struct in6_addr asked;
	char addr[32];

	for (int i = 0; i < GW_FWD_WAIT_HOSTS * GW_FWD_WAIT_PKTS; i++) {
		snprintf(addr, sizeof(addr), "10.1.0.%d", 100 + i / GW_FWD_WAIT_PKTS);
		from_tunnel(packet(x.t1, "10.2.0.9", addr, 100));
		expect(0, 0, 0, 0);
	}
	now++;
	for (int i = 0; i < GW_BURST_MAX; i++) {
		snprintf(addr, sizeof(addr), "10.1.0.%d", 180 + i);
		m[i] = packet(x.t1, "10.2.0.9", addr, 100);
	}
	gw_fwd_from_tunnel(x.f, m, GW_BURST_MAX, now);
	expect(0, 0, 0, GW_FWD_WAIT_HOSTS * GW_FWD_WAIT_PKTS + GW_BURST_MAX - GW_FWD_WAIT_HOSTS);
	assert_int_equal(x.f->n_waiting, GW_FWD_WAIT_HOSTS);
	done();
	while (rte_ring_dequeue_elem(x.asks, &asked, sizeof(asked)) == 0)
		;
}

/* A burst of everything: each packet is somewhere, and only once. */
static void
test_mixed(void **state)
{
	static const char *const dsts[] = {"10.2.0.1", "10.1.0.2", "10.1.0.1", "10.99.0.1",
		"fd02::1", "fd01::2", "10.3.0.1", "10.1.0.200", "224.0.0.1", "fd99::1"};
	struct rte_mbuf *m[GW_BURST_MAX];

	now += rte_get_tsc_hz();
	for (int i = 0; i < GW_BURST_MAX; i++) {
		const char *dst = dsts[i % RTE_DIM(dsts)];

		m[i] = packet(x.t2, strchr(dst, ':') ? "fd02::77" : "10.4.0.1", dst, 100);
	}
	gw_fwd_from_tunnel(x.f, m, GW_BURST_MAX, now);
	/* 7 of the first four, 6 of the others; errors: IPv4 back into t2, IPv6 into t1 */
	expect(7 + 6 + 6, 7 + 7 + 6 + 6, 7 + 6, 7 + 6 + 2);
	done();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_tunnel_to_port),
		TEST(test_port_to_tunnel),
		TEST(test_headroom),
		TEST(test_source_of_tunnel),
		TEST(test_source_of_port),
		TEST(test_to_kernel),
		TEST(test_kernel_is_not_flooded),
		TEST(test_refused),
		TEST(test_frames_refused),
		TEST(test_ttl),
		TEST(test_sizes),
		TEST(test_fragments),
		TEST(test_fragments_of_a_burst),
		TEST(test_loop),
		TEST(test_errors_are_limited),
		TEST(test_resolve),
		TEST(test_waiting_first),
		TEST(test_no_answer),
		TEST(test_scan),
		TEST(test_scan_burst),
		TEST(test_mixed),
	};

	util_eal("test_fwd");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
