/* SPDX-License-Identifier: BSD-3-Clause */

/* Peers by name: nothing waits for the look-up, and what it says is followed. */

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

static char name[] = "gw.example.org";
static char *names[] = {name};

/** p knows its peer by name alone. */
static void
by_name(struct peer *p)
{
	p->conn.n_remote = 0;
	p->conn.n_names = 1;
	p->conn.names = names;
	p->conn.name_first = true;
}

static void
answer(struct peer *p, const struct in6_addr *addrs, unsigned int n)
{
	ike_resolved(p->e, p->lookup, addrs, n, "NXDOMAIN", peer_now(p));
	peer_tick(p);
}

static struct in6_addr
addr(const char *text)
{
	struct in6_addr a;

	assert_int_equal(inet_pton(AF_INET6, text, &a), 1);
	return a;
}

static struct world *
start(void)
{
	struct world *w = world_create(1);

	by_name(&w->p[0]);
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	return w;
}

static void
test_initiate(void **state)
{
	struct world *w = start();
	struct in6_addr both[2] = {w->p[1].addr, addr("2001:db8::99")};

	(void)state;
	assert_int_equal(w->p[0].n_lookups, 1);
	assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", peer_now(&w->p[0])), 0);
	world_run(w, 5000);
	/* one look-up at a time, and not a word before its answer */
	assert_int_equal(w->p[0].n_lookups, 1);
	assert_int_equal(w->n_ike, 0);
	answer(&w->p[0], both, 2);
	world_run(w, 5000);
	world_assert_settled(w, 1);
	assert_memory_equal(&peer_sending(&w->p[0])->sa.path.remote, &w->p[1].addr, 16);
	world_destroy(w);
}

/* what was found long ago is looked up once more before it is used */
static void
test_again(void **state)
{
	struct world *w = start();
	struct in6_addr old = addr("2001:db8::99");

	(void)state;
	answer(&w->p[0], &old, 1);
	world_run(w, 60000);
	assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", peer_now(&w->p[0])), 0);
	assert_int_equal(w->p[0].n_lookups, 2);
	assert_int_equal(w->n_ike, 0);
	answer(&w->p[0], &w->p[1].addr, 1);
	world_run(w, 5000);
	world_assert_settled(w, 1);
	world_destroy(w);
}

/* the look-up fails: whoever waits hears of it; what is to be up always is tried again, less often
 */
static void
test_fails(void **state)
{
	struct world *w = world_create(1);
	struct peer *p = &w->p[0];

	(void)state;
	by_name(p);
	p->children[0].start_action = IKE_ACTION_START;
	peer_start(p);
	peer_start(&w->p[1]);
	world_run(w, 100);
	assert_int_equal(p->n_lookups, 1);
	answer(p, NULL, 0);
	assert_int_equal(p->events[IKE_EV_CHILD_FAILED], 1);
	assert_string_equal(p->reason, "the peer's name does not resolve");
	assert_non_null(strstr(p->log, "gw.example.org does not resolve: NXDOMAIN"));
	for (unsigned int i = 2; i < 6; i++) {
		uint64_t before = w->now;

		while (p->n_lookups < i)
			world_run(w, 1000);
		/* 5 s, 10 s, 20 s... */
		assert_in_range(w->now - before, 4000u << (i - 2), 7000u << (i - 2));
		answer(p, NULL, 0);
		assert_int_equal(p->events[IKE_EV_CHILD_FAILED], i);
	}
	while (p->n_lookups < 6)
		world_run(w, 1000);
	answer(p, &w->p[1].addr, 1);
	world_run(w, 5000);
	world_assert_settled(w, 1);
	world_destroy(w);
}

/* traffic or a command asked: it is told, and has to ask again */
static void
test_fails_once(void **state)
{
	struct world *w = start();
	struct peer *p = &w->p[0];

	(void)state;
	assert_int_equal(ike_initiate(p->e, NULL, "gre", peer_now(p)), 0);
	answer(p, NULL, 0);
	assert_int_equal(p->events[IKE_EV_CHILD_FAILED], 1);
	world_run(w, 120000);
	assert_int_equal(p->n_lookups, 1);
	assert_int_equal(w->n_ike, 0);
	/* later the name server is back */
	assert_int_equal(ike_initiate(p->e, NULL, "gre", peer_now(p)), 0);
	assert_int_equal(p->n_lookups, 2);
	answer(p, &w->p[1].addr, 1);
	world_run(w, 5000);
	world_assert_settled(w, 1);
	world_destroy(w);
}

/* a name server that fails later takes nothing away */
static void
test_stays(void **state)
{
	struct world *w = start();
	struct peer *p = &w->p[0];

	(void)state;
	answer(p, &w->p[1].addr, 1);
	world_run(w, 60000);
	assert_int_equal(ike_initiate(p->e, NULL, "gre", peer_now(p)), 0);
	answer(p, NULL, 0);
	world_run(w, 5000);
	world_assert_settled(w, 1);
	assert_int_equal(p->events[IKE_EV_CHILD_FAILED], 0);
	world_destroy(w);
}

/* as responder the name's addresses are the ones to come from; who fits none causes a look-up */
static void
test_respond(void **state)
{
	struct world *w = start();
	struct peer *p = &w->p[0];
	struct in6_addr other = addr("2001:db8::99");

	(void)state;
	answer(p, &other, 1);
	world_run(w, 60000);
	assert_int_equal(ike_initiate(w->p[1].e, NULL, "gre", peer_now(&w->p[1])), 0);
	world_run(w, 1000);
	assert_non_null(strstr(p->log, "no connection is configured for 2001:db8::2"));
	assert_int_equal(p->n_lookups, 2);
	answer(p, &w->p[1].addr, 1);
	assert_int_equal(ike_initiate(w->p[1].e, NULL, "gre", peer_now(&w->p[1])), 0);
	world_run(w, 5000);
	world_assert_settled(w, 1);
	/* every five minutes */
	world_run(w, 400000);
	assert_int_equal(p->n_lookups, 3);
	world_destroy(w);
}

/* a token that nobody gave, an answer that nobody waits for */
static void
test_stray(void **state)
{
	struct world *w = start();
	struct peer *p = &w->p[0];

	(void)state;
	ike_resolved(p->e, 4711, &w->p[1].addr, 1, NULL, peer_now(p));
	answer(p, &w->p[1].addr, 1);
	answer(p, NULL, 0);
	assert_int_equal(ike_initiate(p->e, NULL, "gre", peer_now(p)), 0);
	world_run(w, 5000);
	world_assert_settled(w, 1);
	world_destroy(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_initiate),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_fails),
		cmocka_unit_test(test_fails_once),
		cmocka_unit_test(test_stays),
		cmocka_unit_test(test_respond),
		cmocka_unit_test(test_stray),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
