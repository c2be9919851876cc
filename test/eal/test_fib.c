/* SPDX-License-Identifier: BSD-3-Clause */
/* Routes: what workers see is what a naive list would say, before and after each commit; churn
 * loses no room. */
#include <stdlib.h>
#include <string.h>

#include "esp_util.h"
#include "lib/bytes.h"
#include "lib/fib.h"
#include "lib/neigh.h"
#include "lib/rcu.h"

#define ROUTES 200
#define STEPS  3000
#define CHURN  100000

struct twin {
	bool there;
	struct gw_prefix dst;
	uint16_t nh;
};

static struct twin twins[ROUTES];
static uint32_t seed = 4632;

static uint32_t
rnd(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)seed * below >> 32);
}

static bool
covers(const struct gw_prefix *p, uint8_t family, const uint8_t *addr)
{
	if (p->family != family)
		return false;
	for (unsigned int i = 0; i < p->bits; i++) {
		if ((p->addr[i / 8] ^ addr[i / 8]) & (0x80 >> i % 8))
			return false;
	}
	return true;
}

static uint16_t
naive(uint8_t family, const uint8_t *addr)
{
	int best = -1;
	uint16_t nh = GW_FIB_NONE;

	for (unsigned int i = 0; i < ROUTES; i++) {
		if (twins[i].there && covers(&twins[i].dst, family, addr) &&
			twins[i].dst.bits > best) {
			best = twins[i].dst.bits;
			nh = twins[i].nh;
		}
	}
	return nh;
}

static uint16_t
look_up(const struct gw_fib_view *v, uint8_t family, const uint8_t *addr)
{
	uint8_t a6[1][16];
	uint64_t nh = UINT64_MAX;
	uint32_t a4;

	if (family == AF_INET) {
		a4 = gw_get32(addr);
		gw_fib_look_up4(v, &a4, &nh, 1);
	} else {
		memcpy(a6[0], addr, 16);
		gw_fib_look_up6(v, a6, &nh, 1);
	}
	return (uint16_t)nh;
}

/* few different bytes, so that prefixes nest; also at the end of all addresses, where sums wrap */
static void
random_addr(uint8_t addr[16])
{
	static const uint8_t bytes[] = {0, 1, 0x7f, 0x80, 0xfe, 0xff};
	static const uint8_t first[] = {0, 0x7f, 0x80, 0xc0, 0xdf, 0xfd, 0xfe, 0xff};

	for (int i = 1; i < 16; i++)
		addr[i] = i < 3 ? (rnd(2) ? 0xff : 0xfd) : bytes[rnd(sizeof(bytes))];
	addr[0] = first[rnd(sizeof(first))];
}

static void
random_prefix(struct gw_prefix *p)
{
	static const uint8_t bits6[] = {0, 1, 2, 3, 7, 8, 9, 24, 25, 32, 48, 63, 64, 65, 127, 128};
	static const uint8_t bits4[] = {0, 1, 2, 3, 4, 8, 16, 23, 24, 25, 30, 31, 32};

	memset(p, 0, sizeof(*p));
	p->family = rnd(2) ? AF_INET : AF_INET6;
	p->bits = p->family == AF_INET ? bits4[rnd(sizeof(bits4))] : bits6[rnd(sizeof(bits6))];
	random_addr(p->addr);
	for (unsigned int i = p->bits; i < 128; i++)
		p->addr[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
}

static bool
same(const struct gw_prefix *a, const struct gw_prefix *b)
{
	return a->family == b->family && a->bits == b->bits && memcmp(a->addr, b->addr, 16) == 0;
}

/* one change, in the list and in the tables */
static void
change(struct gw_fib *f)
{
	struct twin *t = &twins[rnd(ROUTES)];
	struct gw_prefix p;

	if (t->there && rnd(3) > 0) {
		assert_int_equal(gw_fib_del(f, &t->dst), 0);
		t->there = false;
		return;
	}
	if (!t->there) {
		random_prefix(&p);
		for (unsigned int i = 0; i < ROUTES; i++) {
			if (twins[i].there && same(&twins[i].dst, &p))
				return;
		}
		t->dst = p;
	}
	t->nh = (uint16_t)(1 + rnd(GW_FIB_NH_MAX - 1));
	t->there = true;
	assert_int_equal(gw_fib_set(f, &t->dst, t->nh), 0);
}

static void
compare(const struct gw_fib_view *v)
{
	for (int i = 0; i < 64; i++) {
		uint8_t addr[16];

		random_addr(addr);
		if (i % 2) { /* in or beside a route */
			memcpy(addr, twins[rnd(ROUTES)].dst.addr, 16);
			addr[rnd(16)] ^= (uint8_t)(rnd(4) == 0);
		}
		if (addr[0] < 0xe0)
			assert_int_equal(look_up(v, AF_INET, addr), naive(AF_INET, addr));
		if (addr[0] < 0xff)
			assert_int_equal(look_up(v, AF_INET6, addr), naive(AF_INET6, addr));
	}
}

static void
test_naive_twin(void **state)
{
	struct gw_rcu *rcu = gw_rcu_create(1, SOCKET_ID_ANY);
	struct gw_fib *f = gw_fib_create(rcu, SOCKET_ID_ANY);

	assert_non_null(f);
	memset(twins, 0, sizeof(twins));
	compare(gw_fib_view(f));
	for (int i = 0; i < STEPS; i++) {
		for (uint32_t n = rnd(8); n > 0; n--)
			change(f);
		gw_rcu_poll(rcu);
		assert_true(gw_fib_commit(f));
		compare(gw_fib_view(f));
	}
	assert_int_equal(gw_fib_refused(f), 0);
	gw_rcu_destroy(rcu);
	gw_fib_destroy(f);
}

static void
test_worker_keeps_its_view(void **state)
{
	struct gw_rcu *rcu = gw_rcu_create(1, SOCKET_ID_ANY);
	struct gw_fib *f = gw_fib_create(rcu, SOCKET_ID_ANY);
	struct gw_prefix a = {.family = AF_INET, .bits = 8, .addr = {10}};
	struct gw_prefix b = {.family = AF_INET, .bits = 25, .addr = {10, 1, 1, 128}};
	const uint8_t in_a[4] = {10, 9, 9, 9}, in_b[4] = {10, 1, 1, 200};
	const struct gw_fib_view *old, *new;

	gw_rcu_online(rcu, 0);
	old = gw_fib_view(f);
	gw_fib_set(f, &a, 1);
	assert_ptr_equal(gw_fib_view(f), old); /* not shown before the commit */
	assert_true(gw_fib_commit(f));
	new = gw_fib_view(f);
	assert_ptr_not_equal(old, new);
	assert_int_equal(look_up(old, AF_INET, in_a), GW_FIB_NONE);
	assert_int_equal(look_up(new, AF_INET, in_a), 1);
	gw_fib_set(f, &b, 2);
	gw_rcu_poll(rcu);
	assert_false(gw_fib_commit(f)); /* the worker may look at the old one */
	assert_int_equal(look_up(old, AF_INET, in_a), GW_FIB_NONE);
	gw_rcu_quiescent(rcu, 0);
	gw_rcu_poll(rcu);
	assert_true(gw_fib_commit(f));
	assert_ptr_equal(gw_fib_view(f), old); /* which has everything now */
	assert_int_equal(look_up(old, AF_INET, in_a), 1);
	assert_int_equal(look_up(old, AF_INET, in_b), 2);
	assert_true(gw_fib_commit(f)); /* nothing to do */
	gw_rcu_offline(rcu, 0);
	gw_rcu_destroy(rcu);
	gw_fib_destroy(f);
}

/* hosts that come and go use up nothing */
static void
test_churn(void **state)
{
	struct gw_rcu *rcu = gw_rcu_create(1, SOCKET_ID_ANY);
	struct gw_fib *f = gw_fib_create(rcu, SOCKET_ID_ANY);
	struct gw_prefix p4 = {.family = AF_INET, .bits = 32, .addr = {10, 1}};
	struct gw_prefix p6 = {.family = AF_INET6, .bits = 128, .addr = {0xfd}};

	for (uint32_t i = 0; i < CHURN; i++) {
		gw_put32(p4.addr, 0x0a000000 + rnd(1 << 24));
		gw_put32(p6.addr + 4, rnd(1 << 24));
		assert_int_equal(gw_fib_set(f, &p4, 1) | gw_fib_set(f, &p6, 1), 0);
		assert_int_equal(gw_fib_del(f, &p4) | gw_fib_del(f, &p6), 0);
		if (i % 1000 == 999) {
			gw_rcu_poll(rcu);
			assert_true(gw_fib_commit(f));
			assert_int_equal(gw_fib_refused(f), 0);
		}
	}
	gw_rcu_destroy(rcu);
	gw_fib_destroy(f);
}

/* DPDK 22.11 counts no room for a host that leads where its net does, and gives that back */
static void
test_miscounted(void **state)
{
	struct gw_rcu *rcu = gw_rcu_create(1, SOCKET_ID_ANY);
	struct gw_fib *f = gw_fib_create(rcu, SOCKET_ID_ANY);
	struct gw_prefix net = {.family = AF_INET, .bits = 8, .addr = {10}};
	struct gw_prefix a = {.family = AF_INET, .bits = 32, .addr = {10, 1, 1, 1}};
	struct gw_prefix b = {.family = AF_INET, .bits = 32, .addr = {10, 1, 2, 1}};
	const uint8_t beside[4] = {10, 1, 2, 2};

	gw_fib_set(f, &net, 1);
	gw_fib_set(f, &a, 1);
	gw_fib_del(f, &a);
	gw_fib_set(f, &b, 2);
	for (uint16_t i = 0; i < 2; i++) { /* each view */
		gw_rcu_poll(rcu);
		assert_true(gw_fib_commit(f));
		assert_int_equal(look_up(gw_fib_view(f), AF_INET, b.addr), 2);
		assert_int_equal(look_up(gw_fib_view(f), AF_INET, beside), 1);
		assert_int_equal(look_up(gw_fib_view(f), AF_INET, a.addr), 1 + i);
		gw_fib_set(f, &a, 2);
	}
	assert_int_equal(gw_fib_refused(f), 0);
	gw_rcu_destroy(rcu);
	gw_fib_destroy(f);
}

static void
commit(struct gw_fib *f, struct gw_rcu *rcu)
{
	while (!gw_fib_commit(f))
		gw_rcu_poll(rcu);
}

/* One /24 with a longer prefix more than there is room for, and many whose longer prefix leads
 * where the net does, which cost nothing until the table is built again: what it has no room for
 * then, neither view has. */
static void
test_built_again_too_small(void **state)
{
	enum { MORE = 300, FULL = 8192 };
	struct gw_rcu *rcu = gw_rcu_create(1, SOCKET_ID_ANY);
	struct gw_fib *f = gw_fib_create(rcu, SOCKET_ID_ANY);
	struct gw_prefix net = {.family = AF_INET, .bits = 8, .addr = {10}};
	struct gw_prefix host = {.family = AF_INET, .bits = 32};
	static uint16_t seen[2][MORE + FULL + 1];
	uint64_t refused = 0;

	gw_fib_set(f, &net, 1);
	for (uint32_t i = 0; i < MORE + FULL + 1; i++) {
		gw_put32(host.addr, 0x0a000001 + (i << 8));
		gw_fib_set(f, &host, i < MORE ? 1 : 2);
	}
	for (unsigned int view = 0; view < 2; view++) {
		commit(f, rcu);
		for (uint32_t i = 0; i < MORE + FULL + 1; i++) {
			gw_put32(host.addr, 0x0a000001 + (i << 8));
			seen[view][i] = look_up(gw_fib_view(f), AF_INET, host.addr);
		}
		assert_true(view == 0 || gw_fib_refused(f) == refused);
		refused = gw_fib_refused(f);
		gw_fib_set_nh(f, 8, &(struct gw_fib_nh){.kind = GW_FIB_VIA});
	}
	assert_true(refused > 1);
	assert_memory_equal(seen[0], seen[1], sizeof(seen[0]));
	gw_rcu_destroy(rcu);
	gw_fib_destroy(f);
}

static void
test_full(void **state)
{
	struct gw_rcu *rcu = gw_rcu_create(1, SOCKET_ID_ANY);
	struct gw_fib *f = gw_fib_create(rcu, SOCKET_ID_ANY);
	struct gw_prefix p = {.family = AF_INET, .bits = 24};
	const uint8_t first[4] = {1, 0, 0, 1}, last[4] = {2, 0, 0, 1}, later[4] = {3, 0, 0, 1};
	struct gw_prefix more = {.family = AF_INET, .bits = 24, .addr = {3}};

	for (uint32_t i = 0; i <= GW_FIB_ROUTES4; i++) {
		gw_put32(p.addr, 0x01000000 + (i << 8));
		gw_fib_set(f, &p, 1 + i % 2); /* neighbours differ */
	}
	assert_true(gw_fib_commit(f));
	assert_int_equal(gw_fib_refused(f), 1); /* and said */
	assert_int_equal(look_up(gw_fib_view(f), AF_INET, first), 1);
	assert_int_equal(look_up(gw_fib_view(f), AF_INET, last), GW_FIB_NONE);
	/* what changes nothing about that */
	gw_fib_set_nh(f, 8, &(struct gw_fib_nh){.kind = GW_FIB_VIA});
	commit(f, rcu);
	assert_int_equal(gw_fib_refused(f), 1);
	/* when another goes it is there, in both views */
	gw_put32(p.addr, 0x01000000);
	gw_fib_del(f, &p);
	for (unsigned int i = 0; i < 2; i++) {
		commit(f, rcu);
		assert_int_equal(gw_fib_refused(f), 0);
		assert_int_equal(look_up(gw_fib_view(f), AF_INET, first), GW_FIB_NONE);
		assert_int_equal(look_up(gw_fib_view(f), AF_INET, last), 1);
		gw_fib_set_nh(f, 8, &(struct gw_fib_nh){.kind = GW_FIB_VIA});
	}
	/* what is said of it while it waits counts: it goes, or leads elsewhere */
	gw_fib_set(f, &p, 1);
	commit(f, rcu);
	assert_int_equal(gw_fib_refused(f), 1);
	gw_fib_set(f, &p, 2);
	commit(f, rcu);
	assert_int_equal(gw_fib_refused(f), 1);
	gw_fib_del(f, &p);
	commit(f, rcu);
	assert_int_equal(gw_fib_refused(f), 0);
	assert_int_equal(look_up(gw_fib_view(f), AF_INET, first), GW_FIB_NONE);
	/* of several words in one commit the last one; there is room only behind them */
	gw_fib_set(f, &p, 1);
	gw_fib_del(f, &p);
	gw_fib_set(f, &more, 2);
	gw_fib_set(f, &more, 1);
	commit(f, rcu);
	assert_int_equal(gw_fib_refused(f), 1);
	gw_fib_set(f, &p, 1);
	gw_put32(p.addr, 0x01000100);
	gw_fib_del(f, &p);
	gw_put32(p.addr, 0x01000200);
	gw_fib_del(f, &p);
	for (unsigned int i = 0; i < 2; i++) {
		commit(f, rcu);
		assert_int_equal(gw_fib_refused(f), 0);
		assert_int_equal(look_up(gw_fib_view(f), AF_INET, first), 1);
		assert_int_equal(look_up(gw_fib_view(f), AF_INET, later), 1);
		gw_fib_set_nh(f, 8, &(struct gw_fib_nh){.kind = GW_FIB_VIA});
	}
	gw_rcu_destroy(rcu);
	gw_fib_destroy(f);
}

static void
test_neighbours(void **state)
{
	struct gw_rcu *rcu = gw_rcu_create(1, SOCKET_ID_ANY);
	struct gw_neigh_tab *t = gw_neigh_create(rcu);
	const uint8_t mac[6] = {2, 0, 0, 0, 0, 1}, other[6] = {2, 0, 0, 0, 0, 2};
	struct in6_addr addr[9000];
	struct gw_neigh *n;

	for (uint32_t i = 0; i < 9000; i++) { /* more than buckets */
		uint8_t a4[4];

		gw_put32(a4, 0x0a000000 + i);
		gw_neigh_map4(&addr[i], a4);
		assert_int_equal(gw_neigh_set(t, &addr[i], mac), 0);
	}
	gw_rcu_online(rcu, 0);
	n = gw_neigh_find(t, &addr[17]);
	assert_memory_equal(n->mac, mac, 6);
	assert_false(gw_neigh_used(t, &addr[17]));
	atomic_store(&n->used, true);
	assert_true(gw_neigh_used(t, &addr[17]));
	assert_false(gw_neigh_used(t, &addr[17]));
	gw_neigh_set(t, &addr[17], mac);
	assert_ptr_equal(gw_neigh_find(t, &addr[17]), n); /* the same is no change */
	gw_neigh_set(t, &addr[17], other);
	assert_memory_equal(gw_neigh_find(t, &addr[17])->mac, other, 6);
	assert_memory_equal(n->mac, mac, 6); /* still there for whoever has it */
	assert_int_equal(gw_rcu_poll(rcu), 1);
	gw_rcu_quiescent(rcu, 0);
	assert_int_equal(gw_rcu_poll(rcu), 0);
	for (uint32_t i = 0; i < 9000; i += 2)
		gw_neigh_del(t, &addr[i]);
	gw_neigh_del(t, &addr[0]);
	for (uint32_t i = 0; i < 9000; i++)
		assert_int_equal(gw_neigh_find(t, &addr[i]) != NULL, i % 2);
	gw_rcu_offline(rcu, 0);
	gw_rcu_destroy(rcu);
	gw_neigh_destroy(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_naive_twin),
		cmocka_unit_test(test_worker_keeps_its_view),
		cmocka_unit_test(test_churn),
		cmocka_unit_test(test_miscounted),
		cmocka_unit_test(test_built_again_too_small),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_neighbours),
	};

	util_eal("test_fib");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
