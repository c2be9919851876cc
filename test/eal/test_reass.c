/* SPDX-License-Identifier: BSD-3-Clause */
/* Reassembly of outer fragments: orders, overlaps, limits, time, and mbufs back in the pool. */
#include <string.h>

#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_mempool.h>

#include "esp_util.h"
#include "lib/bytes.h"
#include "lib/classify.h"
#include "lib/pkt.h"
#include "lib/reass.h"

#define ETH    14
#define IP6    40
#define N_MBUF 255
#define FRAME  4000

static struct rte_mempool *pool;
static struct gw_reass *reass;
static uint64_t drops[GW_DROP_N];

static const struct gw_reass_limits limits = {
	.packets = 8,
	.per_source = 4,
	.fragments = 16,
	.timeout_ms = 500,
	.max_len = FRAME,
};

static int
set_up(void **state)
{
	memset(drops, 0, sizeof(drops));
	reass = gw_reass_create(&limits, pool, SOCKET_ID_ANY);
	assert_non_null(reass);
	return 0;
}

/* Whatever happened: no mbuf is lost. */
static int
tear_down(void **state)
{
	gw_reass_destroy(reass);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
	return 0;
}

static uint64_t
all_drops(void)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < GW_DROP_N; i++)
		n += drops[i];
	return n;
}

static uint8_t
pattern(unsigned int i)
{
	return (uint8_t)(i * 13 + (i >> 8));
}

struct opts {
	uint8_t source, next, ecn;
	bool option; /* a hop-by-hop header in front */
	bool vlan;
	uint8_t type; /* first byte of the payload if not 0 */
};

/* Bytes off..off+len of the payload of packet id. */
static struct rte_mbuf *
fragment(uint32_t id, unsigned int off, unsigned int len, bool more, struct opts o)
{
	unsigned int link = ETH + (o.vlan ? 4 : 0), hdr = link + IP6 + (o.option ? 8 : 0);
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	uint8_t *p;

	assert_non_null(m);
	p = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(hdr + 8 + len));
	assert_non_null(p);
	memset(p, 0, hdr + 8);
	gw_put16(p + link - 2, 0x86dd);
	p[link] = 0x60;
	p[link + 1] = (uint8_t)(o.ecn << 4);
	gw_put16(p + link + 4, (uint16_t)(hdr + 8 + len - link - IP6));
	p[link + 6] = o.option ? 0 : 44;
	p[link + 7] = 64;
	p[link + 8] = p[link + 24] = 0x20;
	p[link + 23] = o.source;
	p[link + 39] = 1;
	if (o.option) {
		p[link + IP6] = 44;
		p[link + IP6 + 2] = 1;
		p[link + IP6 + 3] = 4;
	}
	p[hdr] = o.next != 0 ? o.next : 50;
	gw_put16(p + hdr + 2, (uint16_t)(off | more));
	gw_put32(p + hdr + 4, id);
	for (unsigned int i = 0; i < len; i++)
		p[hdr + 8 + i] = pattern(off + i);
	if (o.type != 0 && off == 0 && len > 0)
		p[hdr + 8] = o.type;
	return m;
}

static struct rte_mbuf *
add_at(struct rte_mbuf *m, struct opts o, uint64_t now)
{
	uint16_t l3 = ETH + (o.vlan ? 4 : 0);

	return gw_reass_add(reass, m, l3, (uint16_t)(l3 + IP6 + (o.option ? 8 : 0)), now, drops);
}

static struct rte_mbuf *
add(uint32_t id, unsigned int off, unsigned int len, bool more, struct opts o)
{
	return add_at(fragment(id, off, len, more, o), o, 0);
}

#define PLAIN ((struct opts){0})

/* A whole packet of len bytes of payload, as classify likes it; freed. */
static void
expect_whole(struct rte_mbuf *m, unsigned int len, struct opts o)
{
	struct gw_local local = {.n = 1};
	struct gw_classified c;
	const uint8_t *p;

	assert_non_null(m);
	assert_int_equal(m->nb_segs, 1);
	assert_int_equal(rte_pktmbuf_pkt_len(m), rte_pktmbuf_data_len(m));
	assert_true(rte_pktmbuf_tailroom(m) >= GW_PKT_TAILROOM);
	p = rte_pktmbuf_mtod(m, const uint8_t *);
	memcpy(&local.addr[0], p + ETH + (o.vlan ? 4 : 0) + 24, 16);
	if (o.vlan) {
		assert_int_equal(gw_get16(p + 16), 0x86dd);
		gw_put16(rte_pktmbuf_mtod(m, uint8_t *) + 12, 0x8100);
		gw_put16(rte_pktmbuf_mtod(m, uint8_t *) + 14, 5);
	}
	gw_classify(p, rte_pktmbuf_data_len(m), o.vlan ? 5 : 0, &local, false, &c);
	assert_int_equal(c.cls, GW_CLASS_ESP);
	assert_int_equal(c.end, rte_pktmbuf_data_len(m));
	assert_int_equal(c.end - c.l4_off, len);
	for (unsigned int i = 0; i < len; i++) {
		if (p[c.l4_off + i] != pattern(i))
			fail_msg("byte %u of %u", i, len);
	}
	rte_pktmbuf_free(m);
}

static void
in_order(void **state)
{
	struct gw_reass_stats st;

	assert_null(add(1, 0, 1232, true, PLAIN));
	assert_null(add(1, 1232, 1232, true, PLAIN));
	expect_whole(add(1, 2464, 77, false, PLAIN), 2541, PLAIN);
	gw_reass_get_stats(reass, &st);
	assert_int_equal(st.fragments, 3);
	assert_int_equal(st.packets, 1);
	assert_int_equal(st.in_use, 0);
	assert_int_equal(all_drops(), 0);
}

/* Every order of five, with and without what stands in front of the fragment header. */
static void
any_order(void **state)
{
	unsigned int order[5] = {0, 1, 2, 3, 4}, n = 0;
	uint32_t seed = 1;

	for (unsigned int round = 0; round < 600; round++) {
		struct opts o = {.option = round & 1, .vlan = round & 2};
		struct rte_mbuf *m = NULL;

		for (unsigned int i = 4; i > 0; i--) {
			unsigned int j = (seed = seed * 1664525u + 1013904223u) >> 8, t = order[i];

			order[i] = order[j % (i + 1)];
			order[j % (i + 1)] = t;
		}
		for (unsigned int i = 0; i < 5; i++) {
			assert_null(m);
			m = add(round, order[i] * 104, order[i] == 4 ? 3 : 104, order[i] != 4, o);
		}
		expect_whole(m, 4 * 104 + 3, o);
		n++;
	}
	assert_int_equal(n, 600);
	assert_int_equal(all_drops(), 0);
}

/* Packets that differ in source, destination or identification alone do not mix. */
static void
apart(void **state)
{
	assert_null(add(1, 0, 64, true, PLAIN));
	assert_null(add(2, 64, 8, false, PLAIN));
	assert_null(add(1, 64, 8, false, (struct opts){.source = 2}));
	expect_whole(add(1, 64, 8, false, PLAIN), 72, PLAIN);
	expect_whole(add(2, 0, 64, true, PLAIN), 72, PLAIN);
	expect_whole(add(1, 0, 64, true, (struct opts){.source = 2}), 72, PLAIN);
	assert_int_equal(all_drops(), 0);
}

/* RFC 6946: a packet by itself, and no other fragment can be part of it. */
static void
atomic_fragment(void **state)
{
	struct opts o = {.option = true};

	assert_null(add(1, 64, 8, false, o));
	expect_whole(add(1, 0, 64, false, o), 64, o);
	expect_whole(add(1, 0, 64, true, o), 72, o);
	assert_int_equal(all_drops(), 0);
}

static void
duplicates(void **state)
{
	struct rte_mbuf *m;

	assert_null(add(1, 0, 64, true, PLAIN));
	assert_null(add(1, 0, 64, true, PLAIN));
	assert_int_equal(drops[GW_DROP_FRAG_BAD], 1);
	expect_whole(add(1, 64, 8, false, PLAIN), 72, PLAIN);
	/* the same place, other bytes: an overlap */
	assert_null(add(2, 0, 64, true, PLAIN));
	m = fragment(2, 0, 64, true, PLAIN);
	rte_pktmbuf_mtod(m, uint8_t *)[ETH + IP6 + 8 + 63] ^= 1;
	assert_null(add_at(m, PLAIN, 0));
	assert_int_equal(drops[GW_DROP_FRAG_BAD], 3);
	assert_null(add(2, 64, 8, false, PLAIN));
	assert_int_equal(drops[GW_DROP_FRAG_BAD], 4);
}

/* RFC 5722: all of the packet dies, what comes later as well. */
static void
overlaps(void **state)
{
	static const struct {
		unsigned int off, len;
		bool more;
	} second[] = {{0, 72, true}, {0, 56, true}, {56, 16, true}, {56, 8, false}, {32, 8, true},
		{8, 120, false}, {40, 40, true}};

	for (unsigned int i = 0; i < RTE_DIM(second); i++) {
		uint64_t before = drops[GW_DROP_FRAG_BAD];

		assert_null(add(i, 32, 32, true, PLAIN)); /* bytes 32..64 */
		assert_null(add(i, second[i].off, second[i].len, second[i].more, PLAIN));
		assert_null(add(i, 0, 32, true, PLAIN));
		assert_null(add(i, 64, 8, false, PLAIN));
		assert_int_equal(drops[GW_DROP_FRAG_BAD] - before, 4);
		assert_int_equal(rte_mempool_in_use_count(pool), 0); /* the dead hold nothing */
		gw_reass_destroy(reass);
		reass = gw_reass_create(&limits, pool, SOCKET_ID_ANY);
	}
	assert_int_equal(all_drops(), drops[GW_DROP_FRAG_BAD]);
}

static void
contradicting_ends(void **state)
{
	assert_null(add(1, 64, 8, false, PLAIN));
	assert_null(add(1, 128, 8, false, PLAIN)); /* another end */
	assert_null(add(1, 0, 64, true, PLAIN));
	assert_int_equal(drops[GW_DROP_FRAG_BAD], 3);
	assert_null(add(2, 64, 8, false, PLAIN));
	assert_null(add(2, 72, 8, true, PLAIN)); /* beyond it */
	assert_int_equal(drops[GW_DROP_FRAG_BAD], 5);
	assert_null(add(3, 72, 8, true, PLAIN));
	assert_null(add(3, 64, 8, false, PLAIN)); /* before what came */
	assert_int_equal(drops[GW_DROP_FRAG_BAD], 7);
}

static void
malformed(void **state)
{
	static const struct opts nd = {.next = 58, .type = 135}, nested = {.next = 44},
				 hopopts = {.next = 0};
	unsigned int n = 0;

	assert_null(add(1, 0, 63, true, PLAIN)); /* no multiple of eight */
	assert_null(add(2, 64, 0, false, PLAIN));
	assert_null(add(3, 65528, 16, false, PLAIN)); /* beyond 65535 */
	assert_null(add(4, 0, 64, true, nd));         /* RFC 6980 */
	assert_null(add(5, 0, 64, false, nd));
	assert_null(add(6, 0, 64, true, nested));
	assert_null(add(7, 0, 64, false, nested));
	assert_null(add(8, 0, 7, false, PLAIN)); /* no upper-layer header, RFC 7112 */
	n = 8;
	assert_int_equal(drops[GW_DROP_FRAG_BAD], n);
	/* a chain of options that the first fragment does not finish */
	assert_null(add(9, 0, 16, true, (struct opts){.next = 60}));
	assert_int_equal(drops[GW_DROP_FRAG_BAD], n + 1);
	/* offsets that point outside: never from classify, but never followed either */
	assert_null(gw_reass_add(reass, fragment(10, 0, 64, true, hopopts), 14, 200, 0, drops));
	assert_null(gw_reass_add(reass, fragment(10, 0, 64, true, hopopts), 14, 20, 0, drops));
	assert_int_equal(drops[GW_DROP_FRAG_BAD], n + 3);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

/* RFC 8200 4.5: reserved is ignored on reception. */
static void
reserved_bits(void **state)
{
	struct rte_mbuf *m;

	assert_null(add(1, 0, 64, true, PLAIN));
	m = fragment(1, 64, 8, false, PLAIN);
	rte_pktmbuf_mtod(m, uint8_t *)[ETH + IP6 + 1] = 0xff;
	rte_pktmbuf_mtod(m, uint8_t *)[ETH + IP6 + 3] |= 6;
	expect_whole(add_at(m, PLAIN, 0), 72, PLAIN);
}

static void
echo_in_fragments(void **state)
{
	static const struct opts echo = {.next = 58, .type = 128};
	struct rte_mbuf *m;

	assert_null(add(4, 0, 64, true, echo));
	m = add(4, 64, 8, false, echo);
	assert_non_null(m);
	rte_pktmbuf_free(m);
}

/* The oldest gives way, so that whoever makes a packet at once gets it through. */
static void
limit_per_source(void **state)
{
	for (unsigned int i = 0; i < 4; i++)
		assert_null(add(i, 0, 64, true, PLAIN));
	assert_null(add(4, 0, 64, true, PLAIN));
	assert_int_equal(drops[GW_DROP_FRAG_LIMIT], 1);
	assert_null(add(4, 0, 64, true, (struct opts){.source = 9}));
	assert_int_equal(drops[GW_DROP_FRAG_LIMIT], 1);
	expect_whole(add(1, 64, 8, false, PLAIN), 72, PLAIN);
	assert_null(add(0, 64, 8, false, PLAIN)); /* whose beginning has gone */
	assert_int_equal(drops[GW_DROP_FRAG_LIMIT], 1);
	for (unsigned int i = 0; i < 100; i++) {
		assert_null(add(100 + i, 8, 8, true, PLAIN));
		assert_null(add(200 + i, 0, 64, true, PLAIN));
		assert_null(add(300 + i, 8, 8, true, PLAIN));
		expect_whole(add(200 + i, 64, 8, false, PLAIN), 72, PLAIN);
	}
	expect_whole(
		add(4, 64, 8, false, (struct opts){.source = 9}), 72, (struct opts){.source = 9});
}

static void
limit_in_all(void **state)
{
	for (unsigned int i = 0; i < 9; i++)
		assert_null(add(1, 0, 64, true, (struct opts){.source = (uint8_t)i}));
	assert_int_equal(drops[GW_DROP_FRAG_LIMIT], 1);
	expect_whole(add(1, 64, 8, false, (struct opts){.source = 7}), 72, PLAIN);
	expect_whole(add(1, 64, 8, false, (struct opts){.source = 8}), 72, PLAIN);
	assert_null(add(1, 64, 8, false, (struct opts){.source = 0}));
	for (unsigned int i = 0; i < 200; i++) {
		assert_null(add(1, 8, 8, true, (struct opts){.source = (uint8_t)(20 + i)}));
		assert_null(add(2 + i, 0, 64, true, PLAIN));
		assert_null(add(3, 8, 8, true, (struct opts){.source = (uint8_t)(20 + i)}));
		expect_whole(add(2 + i, 64, 8, false, PLAIN), 72, PLAIN);
	}
}

static void
limit_of_fragments(void **state)
{
	for (unsigned int i = 0; i < 16; i++)
		assert_null(add(1, i * 8, 8, true, PLAIN));
	assert_int_equal(all_drops(), 0);
	assert_null(add(1, 128, 8, false, PLAIN)); /* the seventeenth */
	assert_int_equal(drops[GW_DROP_FRAG_LIMIT], 1);
	assert_int_equal(drops[GW_DROP_FRAG_BAD], 16);
	for (unsigned int i = 0; i < 15; i++)
		assert_null(add(2, i * 8, 8, true, PLAIN));
	expect_whole(add(2, 120, 8, false, PLAIN), 128, PLAIN);
}

static void
limit_of_length(void **state)
{
	/* max_len is of the frame: link header, IPv6 header and payload */
	unsigned int most = FRAME - ETH - IP6;

	assert_null(add(1, 0, 2000, true, PLAIN));
	expect_whole(add(1, 2000, most - 2000, false, PLAIN), most, PLAIN);
	assert_null(add(2, 0, 2000, true, PLAIN));
	assert_null(add(2, 2000, most - 2000 + 1, false, PLAIN));
	assert_int_equal(drops[GW_DROP_FRAG_LIMIT] + drops[GW_DROP_FRAG_BAD], 2);
	assert_null(add(3, 4000, 80, true, PLAIN)); /* before it is known what stands in front */
	assert_int_equal(drops[GW_DROP_FRAG_LIMIT], 1);
}

/* What a pool is said to take, it takes, and it ends there: a jumbo packet in three parts. */
static void
length_of_pool(void **state)
{
	enum { JUMBO = 9257, PART = 4000 };
	struct rte_mempool *big =
		gw_pkt_pool_create("jumbo", N_MBUF, JUMBO + GW_EXT_BYTES_MAX, SOCKET_ID_ANY);
	unsigned int most = JUMBO - ETH - IP6;
	struct gw_reass_limits l = limits;

	assert_non_null(big);
	l.max_len = gw_reass_max_len(big);
	assert_int_equal(l.max_len, JUMBO);
	gw_reass_destroy(reass);
	reass = gw_reass_create(&l, big, SOCKET_ID_ANY);
	assert_non_null(reass);
	for (unsigned int over = 0; over < 2; over++) {
		struct rte_mbuf *m;

		assert_null(add(over, 0, PART, true, PLAIN));
		assert_null(add(over, PART, PART, true, PLAIN));
		m = add(over, 2 * PART, most + over - 2 * PART, false, PLAIN);
		if (over == 0)
			expect_whole(m, most, PLAIN);
		else
			assert_null(m);
	}
	assert_int_equal(all_drops(), 3);
	gw_reass_destroy(reass);
	reass = NULL;
	assert_int_equal(rte_mempool_in_use_count(big), 0);
	rte_mempool_free(big);
}

static void
time_runs_out(void **state)
{
	uint64_t ms = rte_get_tsc_hz() / 1000, t0 = 77 * ms;
	struct gw_reass_stats st;

	add_at(fragment(1, 0, 64, true, PLAIN), PLAIN, t0);
	add_at(fragment(1, 64, 64, true, PLAIN), PLAIN, t0 + 400 * ms);
	add_at(fragment(2, 0, 64, true, PLAIN), PLAIN, t0 + 400 * ms);
	gw_reass_expire(reass, t0 + 499 * ms, drops);
	assert_int_equal(all_drops(), 0);
	gw_reass_expire(reass, t0 + 501 * ms, drops); /* counted from the first */
	assert_int_equal(drops[GW_DROP_FRAG_TIMEOUT], 2);
	expect_whole(add_at(fragment(2, 64, 8, false, PLAIN), PLAIN, t0 + 600 * ms), 72, PLAIN);
	gw_reass_expire(reass, t0 + 9000 * ms, drops);
	assert_int_equal(all_drops(), 2);
	gw_reass_get_stats(reass, &st);
	assert_int_equal(st.in_use, 0);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

/* A dead packet is forgotten when its time is over, not before. */
static void
dead_time_runs_out(void **state)
{
	uint64_t ms = rte_get_tsc_hz() / 1000;

	add(1, 0, 64, true, PLAIN);
	add(1, 8, 64, true, PLAIN);
	assert_int_equal(drops[GW_DROP_FRAG_BAD], 2);
	gw_reass_expire(reass, 501 * ms, drops);
	assert_int_equal(all_drops(), 2);
	assert_null(add_at(fragment(1, 0, 64, true, PLAIN), PLAIN, 502 * ms));
	expect_whole(add_at(fragment(1, 64, 8, false, PLAIN), PLAIN, 502 * ms), 72, PLAIN);
}

static void
without_memory(void **state)
{
	struct rte_mbuf *m = fragment(1, 0, 64, true, PLAIN), *rest[N_MBUF];
	unsigned int n = 0;

	while ((rest[n] = rte_pktmbuf_alloc(pool)) != NULL)
		n++;
	assert_null(add_at(m, PLAIN, 0));
	assert_int_equal(drops[GW_DROP_NO_MBUF], 1);
	rte_pktmbuf_free_bulk(rest, n);
	assert_null(add(1, 0, 64, true, PLAIN));
	expect_whole(add(1, 64, 8, false, PLAIN), 72, PLAIN);
}

/* RFC 3168 5.3 */
static void
congestion_marks(void **state)
{
	static const struct {
		uint8_t first, second;
		int want; /* -1: none */
	} cases[] = {{0, 0, 0}, {2, 2, 2}, {2, 3, 3}, {3, 2, 3}, {3, 3, 3}, {1, 3, 3}, {0, 3, -1},
		{3, 0, -1}, {2, 1, 2}};

	for (unsigned int i = 0; i < RTE_DIM(cases); i++) {
		struct opts a = {.source = (uint8_t)i, .ecn = cases[i].first},
			    b = {.source = (uint8_t)i, .ecn = cases[i].second};
		struct rte_mbuf *m;

		assert_null(add(i, 0, 64, true, a));
		m = add(i, 64, 8, false, b);
		if (cases[i].want < 0) {
			assert_null(m);
		} else {
			assert_int_equal(
				rte_pktmbuf_mtod(m, uint8_t *)[ETH + 1] >> 4 & 3, cases[i].want);
			rte_pktmbuf_free(m);
		}
	}
	assert_int_equal(drops[GW_DROP_FRAG_BAD], 4);
}

/* Anything at all: bounded, nothing lost, and what comes out is a packet. */
static void
storm(void **state)
{
	uint64_t ms = rte_get_tsc_hz() / 1000, given = 0, whole = 0;
	struct gw_reass_stats st;
	uint32_t seed = 5;

	for (unsigned int i = 0; i < 50000; i++) {
		uint32_t r = (seed = seed * 1664525u + 1013904223u) >> 4;
		struct opts o = {.source = (uint8_t)(r % 5)};
		unsigned int off = (r >> 4) % 5 * 64;
		bool more = off != 256 && (r >> 8) % 64;
		uint64_t now = (i + i / 500 * 1000) * ms; /* with pauses */
		struct rte_mbuf *m;

		m = fragment((r >> 14) % 2, off, (r >> 16) % 50 ? 64 : 72, more, o);
		given++;
		m = add_at(m, o, now);
		whole += m != NULL;
		rte_pktmbuf_free(m);
		if (i % 7 == 0)
			gw_reass_expire(reass, now, drops);
		gw_reass_get_stats(reass, &st);
		assert_true(st.in_use <= limits.packets);
		assert_true(rte_mempool_in_use_count(pool) <= limits.packets);
	}
	assert_int_equal(st.fragments, given);
	assert_true(st.packets > 100 && st.packets <= whole); /* atomic ones come besides */
	assert_true(whole > 100 && drops[GW_DROP_FRAG_BAD] > 100 &&
		    drops[GW_DROP_FRAG_LIMIT] > 100 && drops[GW_DROP_FRAG_TIMEOUT] > 30);
}

static void
bad_parameters(void **state)
{
	struct gw_reass_limits l = limits;

	l.packets = 0;
	assert_null(gw_reass_create(&l, pool, SOCKET_ID_ANY));
	l = limits;
	l.fragments = GW_REASS_FRAGS_MAX + 1;
	assert_null(gw_reass_create(&l, pool, SOCKET_ID_ANY));
	l.fragments = 1;
	assert_null(gw_reass_create(&l, pool, SOCKET_ID_ANY));
	l = limits;
	l.timeout_ms = 0;
	assert_null(gw_reass_create(&l, pool, SOCKET_ID_ANY));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(in_order),
		TEST(any_order),
		TEST(apart),
		TEST(atomic_fragment),
		TEST(duplicates),
		TEST(overlaps),
		TEST(contradicting_ends),
		TEST(malformed),
		TEST(reserved_bits),
		TEST(echo_in_fragments),
		TEST(limit_per_source),
		TEST(limit_in_all),
		TEST(limit_of_fragments),
		TEST(limit_of_length),
		TEST(length_of_pool),
		TEST(time_runs_out),
		TEST(dead_time_runs_out),
		TEST(without_memory),
		TEST(congestion_marks),
		TEST(storm),
		TEST(bad_parameters),
	};

	util_eal("test_reass");
	pool = gw_pkt_pool_create("reass", N_MBUF, FRAME + 200, SOCKET_ID_ANY);
	if (pool == NULL)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
