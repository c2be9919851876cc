/* SPDX-License-Identifier: BSD-3-Clause */

/* Which connection and which secret a peer gets. */

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "ike/conn.h"

static struct in6_addr
addr(const char *text)
{
	struct in6_addr a;

	assert_int_equal(inet_pton(AF_INET6, text, &a), 1);
	return a;
}

static struct ike_id
id(const char *text)
{
	struct ike_id i;

	assert_int_equal(ike_id_parse(&i, text), 0);
	return i;
}

static void
proposals(struct ike_proposals *l, const char *text)
{
	char err[128];

	l->n = 0;
	assert_int_equal(ike_proposals_parse(l, IKE_PROTO_IKE, text, err, sizeof(err)), 0);
}

/* 0: %any; 1: a prefix; 2: one host; 3: the same host, other proposal and identity */
static struct ike_conn_cfg conns[4];
static const struct ike_cfg cfg = {.n_conns = 4, .conns = conns};

static int
setup(void **state)
{
	(void)state;
	memset(conns, 0, sizeof(conns));
	for (unsigned int i = 0; i < 4; i++) {
		conns[i].name[0] = (char)('a' + i);
		proposals(&conns[i].proposals,
			i == 3 ? "aes256-sha256-x25519" : "aes128-sha256-x25519");
	}
	conns[1].n_remote = conns[2].n_remote = conns[3].n_remote = 1;
	conns[1].remote_addrs[0] = (struct ike_range){addr("2001:db8::"), addr("2001:db8::ffff")};
	conns[2].remote_addrs[0] = (struct ike_range){addr("2001:db8::7"), addr("2001:db8::7")};
	conns[3].remote_addrs[0] = conns[2].remote_addrs[0];
	conns[3].remote.id = id("carol@example.org");
	conns[2].local.id = id("gw.example.org");
	return 0;
}

static const struct ike_conn_cfg *
by_offer(const char *remote, const char *offer)
{
	struct ike_path path = {.local = addr("2001:db8::1"), .remote = addr(remote)};
	const struct ike_conn_cfg *match, *got;
	struct ike_proposals l;
	struct ike_proposal p;
	struct ike_index ix;
	struct ike_suite s;

	proposals(&l, offer);
	assert_int_equal(ike_index_init(&ix, &cfg), 0);
	got = ike_conn_by_offer(&ix, &path, &l, &p, &s, &match);
	ike_index_fini(&ix);
	return got;
}

static void
test_by_offer(void **state)
{
	(void)state;
	assert_ptr_equal(by_offer("2001:db8::7", "aes128-sha256-x25519"), &conns[2]);
	assert_ptr_equal(by_offer("2001:db8::7", "aes256-sha256-x25519"), &conns[3]);
	assert_ptr_equal(by_offer("2001:db8::8", "aes128-sha256-x25519"), &conns[1]);
	assert_ptr_equal(by_offer("2001:db8::1:0", "aes128-sha256-x25519"), &conns[0]);
	assert_null(by_offer("2001:db8::8", "aes256-sha256-x25519"));
	conns[0].n_local = 1;
	conns[0].local_addrs[0] = (struct ike_range){addr("2001:db8::2"), addr("2001:db8::2")};
	assert_null(by_offer("2001:db8:1::", "aes128-sha256-x25519"));
}

static const struct ike_conn_cfg *
by_ids(const char *remote, uint16_t bits, const char *idi, const char *idr)
{
	struct ike_path path = {.local = addr("2001:db8::1"), .remote = addr(remote)};
	struct ike_suite s = {IKE_ENCR_AES_CBC, bits, IKE_INTEG_HMAC_SHA2_256_128,
		IKE_PRF_HMAC_SHA2_256, IKE_DH_CURVE25519, false};
	struct ike_id i = id(idi), r = id(idr != NULL ? idr : "%any");
	const struct ike_conn_cfg *got;
	struct ike_index ix;

	assert_int_equal(ike_index_init(&ix, &cfg), 0);
	got = ike_conn_by_ids(&ix, &path, &s, IKE_BY_PSK, &i, idr != NULL ? &r : NULL);
	ike_index_fini(&ix);
	return got;
}

static void
test_by_ids(void **state)
{
	(void)state;
	assert_ptr_equal(by_ids("2001:db8::7", 128, "carol@example.org", NULL), &conns[2]);
	assert_ptr_equal(by_ids("2001:db8::7", 256, "carol@example.org", NULL), &conns[3]);
	assert_null(by_ids("2001:db8::7", 256, "dave@example.org", NULL));
	assert_ptr_equal(by_ids("2001:db8::7", 128, "x", "gw.example.org"), &conns[2]);
	/* who is asked for is nobody's configured name: one without a name answers with its address
	 */
	assert_ptr_equal(by_ids("2001:db8::7", 128, "x", "other.example.org"), &conns[1]);
	assert_ptr_equal(by_ids("2001:db8::8", 128, "x", "2001:db8::1"), &conns[1]);
	/* the proposal in use must be one of the connection's */
	assert_null(by_ids("2001:db8::8", 192, "x", NULL));
}

static const struct ike_secret *
find_secret(const struct ike_cfg *c, const struct ike_id *local, const struct ike_id *remote)
{
	const struct ike_secret *got;
	struct ike_index ix;

	assert_int_equal(ike_index_init(&ix, c), 0);
	got = ike_secret_find(&ix, local, remote);
	ike_index_fini(&ix);
	return got;
}

static void
test_secrets(void **state)
{
	struct ike_id owners[] = {id("2001:db8::7"), id("gw.example.org"), id("*.example.org")};
	struct ike_secret s[] = {
		{.name = "any"},
		{.name = "remote", .n_owners = 1, .owners = &owners[0]},
		{.name = "local", .n_owners = 1, .owners = &owners[1]},
		{.name = "both", .n_owners = 2, .owners = &owners[0]},
		{.name = "wild", .n_owners = 1, .owners = &owners[2]},
		{.name = "ppk", .type = IKE_SECRET_PPK},
	};
	const struct ike_cfg c = {.n_secrets = 6, .secrets = s};
	struct ike_id gw = id("gw.example.org"), seven = id("2001:db8::7"), x = id("x@y"),
		      b = id("b.example.org");

	(void)state;
	assert_string_equal(find_secret(&c, &gw, &seven)->name, "both");
	assert_string_equal(find_secret(&c, &x, &seven)->name, "both"); /* newest of two equal */
	assert_string_equal(find_secret(&c, &x, &b)->name, "wild");
	assert_string_equal(find_secret(&c, &x, &x)->name, "any");
	/* an owner that is only us is weaker than anybody's: the remote match counts first */
	assert_string_equal(find_secret(&c, &gw, &x)->name, "any");
	s[0].type = IKE_SECRET_PPK;
	assert_string_equal(find_secret(&c, &gw, &x)->name, "both");
	assert_null(find_secret(&c, &x, &x));
}

static const struct ike_conn_cfg *
find_conn(const char *conn, const char *child)
{
	const struct ike_conn_cfg *got;
	struct ike_index ix;

	assert_int_equal(ike_index_init(&ix, &cfg), 0);
	got = ike_conn_find(&ix, conn, child);
	ike_index_fini(&ix);
	return got;
}

static void
test_names(void **state)
{
	struct ike_child_cfg kids[2] = {{.name = "one"}, {.name = "two"}};
	struct in6_addr a;

	(void)state;
	conns[2].children = kids;
	conns[2].n_children = 2;
	assert_ptr_equal(find_conn(NULL, "two"), &conns[2]);
	assert_ptr_equal(find_conn("b", NULL), &conns[1]);
	assert_null(find_conn("b", "two"));
	assert_null(find_conn(NULL, "three"));
	assert_ptr_equal(ike_conn_child(&conns[2], "two"), &kids[1]);
	assert_false(ike_conn_remote_addr(&conns[0], &a));
	assert_false(ike_conn_remote_addr(&conns[1], &a)); /* a prefix is nobody to call */
	assert_true(ike_conn_remote_addr(&conns[2], &a));
}

/* ---- against a walk over everything ---- */

#define N_RANDOM 60

static const char *const id_pool[] = {"%any", "*.example.org", "a.example.org", "b.example.org",
	"A.Example.ORG", "*.b.example.org", "c.b.example.org", "carol@example.org", "*@example.org",
	"2001:db8::3", "C=CH, CN=a", "C=CH, CN=A", "keyid:a"};
static const char *const proposal_pool[] = {
	"aes128-sha256-x25519", "aes256-sha256-x25519", "aes128-sha256-ecp256"};

static uint64_t rng;

static unsigned int
below(unsigned int n)
{
	rng = rng * 6364136223846793005u + 1442695040888963407u;
	return (unsigned int)(rng >> 33) % n;
}

static struct ike_id
some_id(bool concrete)
{
	struct ike_id i;

	do
		i = id(id_pool[below(sizeof(id_pool) / sizeof(id_pool[0]))]);
	while (concrete && !ike_id_is_concrete(&i));
	return i;
}

static struct in6_addr
some_addr(void)
{
	struct in6_addr a = addr("2001:db8::");

	a.s6_addr[7] = (uint8_t)below(3);
	a.s6_addr[15] = (uint8_t)below(6);
	return a;
}

/* a host, a prefix, any two ends */
static struct ike_range
some_range(void)
{
	struct ike_range r = {some_addr(), some_addr()};

	switch (below(3)) {
	case 0:
		r.to = r.from;
		break;
	case 1:
		memset(r.from.s6_addr + 8, 0, 8);
		r.to = r.from;
		memset(r.to.s6_addr + 8, 0xff, 8);
		break;
	default:
		if (memcmp(&r.from, &r.to, 16) > 0)
			r = (struct ike_range){r.to, r.from};
		break;
	}
	return r;
}

static void
some_conn(struct ike_conn_cfg *c)
{
	*c = (struct ike_conn_cfg){.n_remote = (uint8_t)below(3), .n_local = (uint8_t)below(2)};
	for (unsigned int i = 0; i < 2; i++)
		c->remote_addrs[i] = some_range();
	c->local_addrs[0] = some_range();
	c->remote.id = some_id(false);
	if (below(3) == 0)
		c->local.id = some_id(true);
	proposals(&c->proposals, proposal_pool[below(3)]);
}

static bool
inside(const struct ike_range *r, const struct in6_addr *a)
{
	return memcmp(&r->from, a, 16) <= 0 && memcmp(a, &r->to, 16) <= 0;
}

/* of a range: the length of the shortest prefix that holds it, one more */
static unsigned int
naive_fit(const struct ike_range *r, unsigned int n, const struct in6_addr *a)
{
	unsigned int best = n == 0 ? 1 : 0;

	for (unsigned int i = 0; i < n; i++) {
		unsigned int bits = 0;

		while (bits < 128 && ((r[i].from.s6_addr[bits / 8] ^ r[i].to.s6_addr[bits / 8]) >>
						     (7 - bits % 8) &
					     1) == 0)
			bits++;
		if (inside(&r[i], a) && bits + 1 > best)
			best = bits + 1;
	}
	return best;
}

static unsigned int
naive_path(const struct ike_conn_cfg *c, const struct ike_path *p)
{
	unsigned int r = naive_fit(c->remote_addrs, c->n_remote, &p->remote);
	unsigned int l = naive_fit(c->local_addrs, c->n_local, &p->local);

	return r == 0 || l == 0 ? 0 : r * 4 + (l == 129 ? 3 : c->n_local > 0 ? 2 : 1);
}

static const struct ike_conn_cfg *
naive_by_offer(const struct ike_cfg *c, const struct ike_path *p, const struct ike_proposals *offer)
{
	const struct ike_conn_cfg *best = NULL;
	struct ike_proposal chosen;
	struct ike_suite suite;
	unsigned int score = 0;

	for (unsigned int i = 0; i < c->n_conns; i++) {
		unsigned int s = naive_path(&c->conns[i], p);

		if (s > score && ike_proposals_select(&c->conns[i].proposals, offer, true, &chosen,
					 &suite) == 0) {
			best = &c->conns[i];
			score = s;
		}
	}
	return best;
}

/* with identity of the initiator's choice alone: no IDr, one suite */
static const struct ike_conn_cfg *
naive_by_ids(const struct ike_cfg *c, const struct ike_path *p, const struct ike_id *idi)
{
	const struct ike_conn_cfg *best = NULL;
	unsigned int score = 0;

	for (unsigned int i = 0; i < c->n_conns; i++) {
		unsigned int a = naive_path(&c->conns[i], p);
		unsigned int r = ike_id_match(idi, &c->conns[i].remote.id);
		unsigned int s = a == 0 || r == 0 ? 0 : r * 1024 + a;
		const struct ike_transform *t = c->conns[i].proposals.p[0].transforms;

		for (; t->type != IKE_TT_DH; t++)
			if (t->type == IKE_TT_ENCR && t->key_bits != 128)
				s = 0;
		if (t->id == IKE_DH_CURVE25519 && s > score) {
			best = &c->conns[i];
			score = s;
		}
	}
	return best;
}

static void
test_twin(void **state)
{
	static struct ike_conn_cfg many[N_RANDOM];
	const struct ike_suite suite = {IKE_ENCR_AES_CBC, 128, IKE_INTEG_HMAC_SHA2_256_128,
		IKE_PRF_HMAC_SHA2_256, IKE_DH_CURVE25519, false};
	unsigned int found = 0;

	(void)state;
	for (rng = 1; found < 3000;) {
		const struct ike_cfg c = {
			.n_conns = (uint16_t)(1 + below(N_RANDOM)), .conns = many};
		struct ike_index ix;

		for (unsigned int i = 0; i < c.n_conns; i++)
			some_conn(&many[i]);
		assert_int_equal(ike_index_init(&ix, &c), 0);
		for (unsigned int i = 0; i < 50; i++) {
			const struct ike_path p = {.local = some_addr(), .remote = some_addr()};
			const struct ike_conn_cfg *want, *any;
			struct ike_id idi = some_id(true);
			struct ike_proposal chosen;
			struct ike_proposals offer;
			struct ike_suite got;

			proposals(&offer, proposal_pool[below(3)]);
			want = naive_by_offer(&c, &p, &offer);
			assert_ptr_equal(
				ike_conn_by_offer(&ix, &p, &offer, &chosen, &got, &any), want);
			found += want != NULL;
			want = naive_by_ids(&c, &p, &idi);
			assert_ptr_equal(
				ike_conn_by_ids(&ix, &p, &suite, IKE_BY_PSK, &idi, NULL), want);
			found += want != NULL;
		}
		ike_index_fini(&ix);
	}
}

static const struct ike_secret *
naive_secret(const struct ike_cfg *c, const struct ike_id *local, const struct ike_id *remote)
{
	const struct ike_secret *best = NULL;
	unsigned int best_l = 0, best_r = 0;

	for (unsigned int i = 0; i < c->n_secrets; i++) {
		const struct ike_secret *s = &c->secrets[i];
		unsigned int l = s->n_owners == 0, r = l;

		for (unsigned int k = 0; k < s->n_owners; k++) {
			unsigned int m = ike_id_match(local, &s->owners[k]);

			l = m > l ? m : l;
			m = ike_id_match(remote, &s->owners[k]);
			r = m > r ? m : r;
		}
		if (l + r > 0 && (r > best_r || (r == best_r && l >= best_l))) {
			best = s;
			best_l = l;
			best_r = r;
		}
	}
	return best;
}

static void
test_secrets_twin(void **state)
{
	static struct ike_secret s[N_RANDOM];
	static struct ike_id owners[N_RANDOM][3];

	(void)state;
	rng = 2;
	for (unsigned int round = 0; round < 200; round++) {
		const struct ike_cfg c = {
			.n_secrets = (uint16_t)(1 + below(N_RANDOM)), .secrets = s};
		struct ike_index ix;

		for (unsigned int i = 0; i < c.n_secrets; i++) {
			s[i] = (struct ike_secret){
				.n_owners = (uint16_t)below(4), .owners = owners[i]};
			for (unsigned int k = 0; k < 3; k++)
				owners[i][k] = some_id(below(4) != 0);
		}
		assert_int_equal(ike_index_init(&ix, &c), 0);
		for (unsigned int i = 0; i < 20; i++) {
			struct ike_id l = some_id(true), r = some_id(true);

			assert_ptr_equal(ike_secret_find(&ix, &l, &r), naive_secret(&c, &l, &r));
		}
		ike_index_fini(&ix);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_by_offer, setup),
		cmocka_unit_test_setup(test_by_ids, setup),
		cmocka_unit_test_setup(test_secrets, setup),
		cmocka_unit_test_setup(test_names, setup),
		cmocka_unit_test(test_twin),
		cmocka_unit_test(test_secrets_twin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
