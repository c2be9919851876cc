/* SPDX-License-Identifier: BSD-3-Clause */

/* IKE fragmentation (RFC 7383): who sends fragments, how large, and what a partial set costs. */

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "ike/sa.h"
#include "world.h"

#define IP6_UDP_MARKER 52

/** As many proposals as one may have: IKE_AUTH exceeds any fragment. */
static void
offer_much(struct peer *p)
{
	struct ike_proposals *esp = &p->children[0].esp;

	for (uint8_t n = esp->n; n < IKE_PROPOSALS_MAX; n++)
		esp->p[esp->n++] = esp->p[0];
}

static struct {
	size_t longest;
	unsigned int fragments[2];
} seen;

static bool
measure(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	(void)w;
	if (*len > seen.longest && buf[18] != IKE_X_SA_INIT)
		seen.longest = *len;
	seen.fragments[from] += buf[16] == IKE_PLD_SKF;
	return true;
}

static struct world *
make_world(uint64_t seed)
{
	struct world *w = world_create(seed);

	memset(&seen, 0, sizeof(seen));
	for (unsigned int i = 0; i < 2; i++)
		offer_much(&w->p[i]);
	w->filter = measure;
	return w;
}

static void
connect_world(struct world *w)
{
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
	world_run(w, 1000);
	world_assert_settled(w, 1);
}

/** yes and force send them when the peer can, accept only takes them, no does not announce it. */
static void
test_words(void **state)
{
	static const struct {
		enum ike_frag initiator, responder;
		bool fragments;
	} cases[] = {
		{IKE_FRAG_YES, IKE_FRAG_YES, true},
		{IKE_FRAG_FORCE, IKE_FRAG_ACCEPT, true},
		{IKE_FRAG_YES, IKE_FRAG_NO, false},
		{IKE_FRAG_ACCEPT, IKE_FRAG_YES, false},
		{IKE_FRAG_NO, IKE_FRAG_FORCE, false},
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world *w = make_world(900 + i);

		w->p[0].cfg.fragment_size = w->p[1].cfg.fragment_size = 400;
		w->p[0].conn.fragmentation = cases[i].initiator;
		w->p[1].conn.fragmentation = cases[i].responder;
		connect_world(w);
		assert_int_equal(seen.fragments[0] > 0, cases[i].fragments);
		world_destroy(w);
	}
}

static uint16_t mtu;

static uint16_t
path_mtu(void *arg, const struct in6_addr *remote)
{
	(void)arg;
	(void)remote;
	return mtu;
}

/** fragment_size counts the IP packet; the path's MTU counts when it is smaller. */
static void
test_sizes(void **state)
{
	static const struct {
		uint32_t size;
		uint16_t mtu;
		size_t at_most;
	} cases[] = {{0, 0, 1280}, {600, 0, 600}, {256, 0, 256}, {9000, 0, 9000},
		{9000, 1280, 1280}, {600, 1280, 600}};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world *w = make_world(910 + i);

		w->p[0].cfg.fragment_size = w->p[1].cfg.fragment_size = cases[i].size;
		mtu = cases[i].mtu;
		peer_start(&w->p[0]);
		peer_start(&w->p[1]);
		w->p[0].e->host.path_mtu = mtu != 0 ? path_mtu : NULL;
		assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
		world_run(w, 1000);
		world_assert_settled(w, 1);
		assert_true(seen.longest + IP6_UDP_MARKER <= cases[i].at_most);
		/* and hardly less than that: a block of the cipher at most */
		if (seen.fragments[0] > 0)
			assert_true(seen.longest + IP6_UDP_MARKER + 16 > cases[i].at_most);
		world_destroy(w);
	}
}

static bool
lose_the_last(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	(void)w;
	(void)len;
	/* behind the IKE header: next payload, flags, length, then number and total */
	return from == 1 || buf[16] != IKE_PLD_SKF || memcmp(buf + 32, buf + 34, 2) != 0;
}

static const struct ike_sa *
only_sa(const struct peer *p)
{
	assert_non_null(p->e->sas);
	assert_null(p->e->sas->next);
	return p->e->sas;
}

/** What never becomes whole is forgotten after 30 s, and a whole message leaves nothing behind. */
static void
test_partial_set(void **state)
{
	struct world *w = make_world(920);

	(void)state;
	w->p[0].cfg.fragment_size = 400;
	connect_world(w);
	assert_null(only_sa(&w->p[1])->frags[0]);
	w->filter = lose_the_last;
	assert_int_equal(ike_rekey(w->p[0].e, &(struct ike_select){.child = "gre"}, w->now), 1);
	world_run(w, 3000);
	assert_non_null(only_sa(&w->p[1])->frags[0]);
	/* not a retransmission more */
	peer_kill(&w->p[0]);
	world_run(w, 25000);
	assert_non_null(only_sa(&w->p[1])->frags[0]);
	world_run(w, 3000);
	assert_null(only_sa(&w->p[1])->frags[0]);
	world_destroy(w);
}

/** The last fragment comes late, with the retransmission: nothing is done twice. */
static void
test_rest_comes_later(void **state)
{
	struct world *w = make_world(921);

	(void)state;
	w->p[0].cfg.fragment_size = 400;
	connect_world(w);
	w->filter = lose_the_last;
	assert_int_equal(ike_rekey(w->p[0].e, &(struct ike_select){.child = "gre"}, w->now), 1);
	world_run(w, 3000);
	w->filter = NULL;
	world_run(w, 30000);
	world_assert_settled(w, 1);
	assert_int_equal(w->p[0].events[IKE_EV_CHILD_REKEY], 1);
	assert_int_equal(w->p[1].events[IKE_EV_CHILD_REKEY], 1);
	world_destroy(w);
}

/** The n-th fragment of the request that sa answered last, cut into others, with peer 0's key. */
static void
send_recut(struct world *w, const struct ike_sa *sa, enum ike_exchange exchange,
	struct ike_sk_key *k, unsigned int n, bool spoilt)
{
	struct ike_hdr hdr = {.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.exchange = exchange,
		.flags = IKE_FLAG_INITIATOR,
		.msg_id = sa->win.next_in - 1};
	uint8_t inner[700] = {0}, out[2048], *msg = out;
	struct ike_path path = sa->path;
	unsigned int total;

	assert_true(ike_sk_seal_frags(k, &hdr, IKE_PLD_NOTIFY, inner, sizeof(inner), 250, out,
			    sizeof(out), &total) > 0);
	assert_true(total > n);
	while (n-- > 1)
		msg += ike_msg_length(msg);
	msg[ike_msg_length(msg) - 1] ^= spoilt;
	ike_input(w->p[1].e, &path, msg, ike_msg_length(msg), w->now);
}

/**
 * The path is narrower than the peer thought, and its request went through all the same but the
 * answer did not: it cuts the request into smaller fragments, and the first of them gets the answer
 * (RFC 7383 2.6.1).
 */
static void
test_cut_otherwise(void **state)
{
	struct world *w = make_world(922);
	struct ike_stats st;
	unsigned int answers;

	(void)state;
	w->p[0].cfg.fragment_size = 400;
	connect_world(w);
	assert_int_equal(ike_rekey(w->p[0].e, &(struct ike_select){.child = "gre"}, w->now), 1);
	world_run(w, 5000);
	ike_get_stats(w->p[1].e, &st);
	answers = (unsigned int)st.retransmits;
	for (unsigned int i = 0; i < 3; i++) {
		send_recut(w, only_sa(&w->p[1]), IKE_X_CREATE_CHILD_SA, &w->p[0].e->sas->keys.i,
			i == 1 ? 2 : 1, i == 0);
		ike_get_stats(w->p[1].e, &st);
		assert_int_equal(st.retransmits - answers, i == 2);
	}
	world_run(w, 1000);
	world_assert_settled(w, 1);
	world_destroy(w);
}

static bool
lose_answers(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	(void)w;
	(void)len;
	return from == 0 || buf[18] != IKE_X_INTERMEDIATE;
}

/** The same when the lost answer changed the keys (RFC 9242): the request has the old ones. */
static void
test_cut_between_keys(void **state)
{
	struct world *w = make_world(924);
	struct ike_stats st;
	unsigned int answers;

	(void)state;
	for (unsigned int i = 0; i < 2; i++)
		peer_proposals(&w->p[i], "aes128-sha256-x25519-ke1_ecp384", "aes128gcm16");
	w->filter = lose_answers;
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
	world_run(w, 1000);
	ike_get_stats(w->p[1].e, &st);
	answers = (unsigned int)st.retransmits;
	/* not with keys that nobody has */
	for (unsigned int i = 0; i < 2; i++) {
		struct ike_sk_key key = w->p[0].e->sas->keys.i;

		key.integ_key[0] ^= i == 0;
		w->filter = i == 0 ? lose_answers : NULL;
		send_recut(w, only_sa(&w->p[1]), IKE_X_INTERMEDIATE, &key, 1, false);
		ike_get_stats(w->p[1].e, &st);
		assert_int_equal(st.retransmits - answers, i);
	}
	/* before its own retransmission */
	assert_int_equal(w->p[0].events[IKE_EV_IKE_UP], 0);
	world_run(w, 1000);
	world_assert_settled(w, 1);
	world_destroy(w);
}

/** An SA that is over repeats its last answer, and has no keys any more: nothing else is read. */
static void
test_cut_after_the_end(void **state)
{
	struct world *w = make_world(923);
	struct ike_sk_key key;
	struct ike_stats st;

	(void)state;
	connect_world(w);
	key = w->p[0].e->sas->keys.i;
	assert_int_equal(ike_terminate(w->p[0].e, &(struct ike_select){.ike = "gw-gw"}, w->now), 1);
	world_run(w, 1000);
	assert_int_equal(only_sa(&w->p[1])->state, IKE_SA_LINGER);
	send_recut(w, only_sa(&w->p[1]), IKE_X_CREATE_CHILD_SA, &key, 1, false);
	ike_get_stats(w->p[1].e, &st);
	assert_int_equal(st.retransmits, 0);
	world_run(w, 60000);
	assert_null(w->p[1].e->sas);
	world_destroy(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_partial_set),
		cmocka_unit_test(test_rest_comes_later),
		cmocka_unit_test(test_cut_otherwise),
		cmocka_unit_test(test_cut_between_keys),
		cmocka_unit_test(test_cut_after_the_end),
	};

	return cmocka_run_group_tests_name("peer/frag", tests, NULL, NULL);
}
