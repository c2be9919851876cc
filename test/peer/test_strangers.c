/* SPDX-License-Identifier: BSD-3-Clause */

/* What somebody unknown can make a responder do and keep, whatever it is configured for. */

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "ike/sa.h"
#include "world.h"

/* ---- what is configured for others is not even read ---- */

#define CONNS 16
#define PPKS  1024

/** An array whose pages in the middle can be taken away. */
struct guarded {
	void *at;
	size_t len, from, to; /* what is taken away */
};

static struct guarded
guarded_alloc(size_t n, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct guarded g = {.len = (n * size + page - 1) / page * page};

	g.at = mmap(NULL, g.len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(g.at, MAP_FAILED);
	/* all but the first and the last element, as far as they fill pages */
	g.from = (size + page - 1) / page * page;
	g.to = (n - 1) * size / page * page;
	assert_true(g.from < g.to);
	return g;
}

static void
guard(const struct guarded *g, bool on)
{
	assert_int_equal(mprotect((uint8_t *)g->at + g->from, g->to - g->from,
				 on ? PROT_NONE : PROT_READ | PROT_WRITE),
		0);
}

static void
many_conns(struct peer *p, struct ike_conn_cfg *c)
{
	for (unsigned int i = 0; i < CONNS; i++) {
		c[i] = p->conn;
		snprintf(c[i].name, sizeof(c[i].name), "conn-%u", i);
		if (i == 0)
			continue;
		c[i].remote_addrs[0].from.s6_addr[14] = c[i].remote_addrs[0].to.s6_addr[14] =
			(uint8_t)i;
		c[i].remote.by = IKE_BY_PUBKEY;
		peer_id(&c[i].remote.id, c[i].name);
	}
	p->cfg.conns = c;
	p->cfg.n_conns = CONNS;
}

static void
many_ppks(struct peer *p, struct ike_secret *s, struct ike_id *owners, const char *ppk)
{
	char name[IKE_NAME_MAX];

	for (unsigned int i = 0; i < PPKS; i++) {
		snprintf(name, sizeof(name), "ppk-%u", i);
		peer_id(&owners[i], name);
		s[i] = (struct ike_secret){.type = IKE_SECRET_PPK,
			.n_owners = 1,
			.owners = &owners[i],
			.data = (uint8_t *)(uintptr_t)ppk,
			.len = strlen(ppk)};
	}
	s[0] = p->secret;
	p->cfg.secrets = s;
	p->cfg.n_secrets = PPKS;
}

/** With neither connections nor PPKs of others at hand a stranger gets its answer, and comes up. */
static void
test_others_are_not_read(void **state)
{
	static const char ppk[] = "a quantum computer does not know it";
	static struct ike_id owners[PPKS], own_owner;
	struct guarded conns = guarded_alloc(CONNS, sizeof(struct ike_conn_cfg));
	struct guarded secrets = guarded_alloc(PPKS, sizeof(struct ike_secret));
	struct world *w = world_create(900);
	struct ike_secret own[2];

	(void)state;
	many_conns(&w->p[1], conns.at);
	many_ppks(&w->p[1], secrets.at, owners, ppk);
	peer_id(&own_owner, "ppk-1023");
	w->p[0].conn.ppk_id = own_owner;
	own[0] = w->p[0].secret;
	own[1] = (struct ike_secret){.type = IKE_SECRET_PPK,
		.n_owners = 1,
		.owners = &own_owner,
		.data = (uint8_t *)(uintptr_t)ppk,
		.len = strlen(ppk)};
	w->p[0].cfg.secrets = own;
	w->p[0].cfg.n_secrets = 2;
	for (unsigned int i = 1; i < CONNS; i++)
		((struct ike_conn_cfg *)conns.at)[i].remote.trust =
			ike_trust_create(NULL, 0, NULL, 0);
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	guard(&conns, true);
	guard(&secrets, true);
	assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
	world_run(w, 3000);
	guard(&conns, false);
	guard(&secrets, false);
	world_assert_settled(w, 1);
	assert_true(w->p[1].e->sas->ppk);
	world_destroy(w);
	for (unsigned int i = 1; i < CONNS; i++)
		ike_trust_free(((struct ike_conn_cfg *)conns.at)[i].remote.trust);
	munmap(conns.at, conns.len);
	munmap(secrets.at, secrets.len);
}

/* ---- failed attempts count ---- */

/**
 * A hub that takes all; beside it somebody with the wrong secret and a peer, from two networks.
 * Neither can be told from the other by the hub's configuration.
 */
static struct world *
hub_of_two(uint64_t seed)
{
	struct world *w = world_create_n(seed, 3);

	w->routed = true;
	inet_pton(AF_INET6, "2001:db8:bad::1", &w->p[1].addr);
	inet_pton(AF_INET6, "2001:db8:900d::1", &w->p[2].addr);
	for (unsigned int i = 1; i < 3; i++)
		w->p[i].conn.local_addrs[0] = (struct ike_range){w->p[i].addr, w->p[i].addr};
	w->p[0].conn.n_remote = 0;
	peer_psk(&w->p[1], "something else");
	for (unsigned int i = 0; i < 3; i++)
		peer_start(&w->p[i]);
	return w;
}

static void
fail_to_connect(struct world *w, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		/* one that is not answered any more is under way still */
		ike_initiate(w->p[1].e, NULL, "gre", w->now);
		world_run(w, 100);
	}
}

/**
 * One host that connects, fails and connects again: COOKIE from cookie_threshold on, silence from
 * block_threshold on, for its network alone; and when it gives up all is forgotten.
 */
static void
test_failures_count(void **state)
{
	struct world *w = hub_of_two(901);
	struct peer *hub = &w->p[0];
	unsigned int dropped;

	(void)state;
	fail_to_connect(w, 30);
	assert_int_equal(peer_stats(hub).cookies_asked, 0);
	assert_int_equal(peer_stats(hub).n_half_open, 0);
	assert_int_equal(peer_stats(hub).n_strangers, 30);
	fail_to_connect(w, 34);
	assert_int_equal(peer_stats(hub).cookies_asked, 34);
	assert_int_equal(w->p[1].events[IKE_EV_CHILD_FAILED], 64);
	assert_int_equal(peer_stats(hub).init_dropped, 0);
	fail_to_connect(w, 10);
	dropped = (unsigned int)peer_stats(hub).init_dropped;
	assert_true(dropped > 0);
	assert_int_equal(w->p[1].events[IKE_EV_CHILD_FAILED], 64);
	assert_int_equal(peer_stats(hub).n_strangers, 64);
	/* somebody elsewhere has to show a cookie, and is in */
	assert_int_equal(ike_initiate(w->p[2].e, NULL, "gre", w->now), 0);
	world_run(w, 1000);
	assert_int_equal(peer_live_children(&w->p[2]), 1);
	assert_int_equal(peer_stats(hub).n_strangers, 64);
	peer_kill(&w->p[1]);
	world_run(w, 40000);
	assert_int_equal(peer_stats(hub).n_strangers, 0);
	assert_int_equal(peer_stats(hub).n_sas, 1);
	world_destroy(w);
}

/** An IKE_SA_INIT whose key exchange fails has cost a key pair: it counts as well. */
static bool
spoil_ke(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	static const uint8_t ke[] = {0, 40, 0, 31, 0, 0}; /* 32 bytes, group 31 */

	(void)w;
	for (size_t i = 28; from == 1 && buf[18] == IKE_X_SA_INIT && i + 38 < *len; i++)
		if (memcmp(buf + i, ke, sizeof(ke)) == 0)
			memset(buf + i + 6, 0, 32); /* a point of small order */
	return true;
}

static void
test_spoilt_key_exchange_counts(void **state)
{
	struct world *w = hub_of_two(902);

	(void)state;
	w->filter = spoil_ke;
	fail_to_connect(w, 3);
	assert_int_equal(peer_stats(&w->p[0]).n_half_open, 0);
	assert_int_equal(peer_stats(&w->p[0]).n_strangers, 3);
	world_run(w, 40000);
	assert_int_equal(peer_stats(&w->p[0]).n_strangers, 0);
	world_destroy(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_others_are_not_read),
		cmocka_unit_test(test_failures_count),
		cmocka_unit_test(test_spoilt_key_exchange_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
