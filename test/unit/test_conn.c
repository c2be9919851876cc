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
	const struct ike_conn_cfg *match;
	struct ike_proposals l;
	struct ike_proposal p;
	struct ike_suite s;

	proposals(&l, offer);
	return ike_conn_by_offer(&cfg, &path, &l, &p, &s, &match);
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

	return ike_conn_by_ids(&cfg, &path, &s, &i, idr != NULL ? &r : NULL);
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
	assert_string_equal(ike_secret_find(&c, &gw, &seven)->name, "both");
	assert_string_equal(
		ike_secret_find(&c, &x, &seven)->name, "both"); /* newest of two equal */
	assert_string_equal(ike_secret_find(&c, &x, &b)->name, "wild");
	assert_string_equal(ike_secret_find(&c, &x, &x)->name, "any");
	/* an owner that is only us is weaker than anybody's: the remote match counts first */
	assert_string_equal(ike_secret_find(&c, &gw, &x)->name, "any");
	s[0].type = IKE_SECRET_PPK;
	assert_string_equal(ike_secret_find(&c, &gw, &x)->name, "both");
	assert_null(ike_secret_find(&c, &x, &x));
}

static void
test_names(void **state)
{
	struct ike_child_cfg kids[2] = {{.name = "one"}, {.name = "two"}};
	struct in6_addr a;

	(void)state;
	conns[2].children = kids;
	conns[2].n_children = 2;
	assert_ptr_equal(ike_conn_find(&cfg, NULL, "two"), &conns[2]);
	assert_ptr_equal(ike_conn_find(&cfg, "b", NULL), &conns[1]);
	assert_null(ike_conn_find(&cfg, "b", "two"));
	assert_null(ike_conn_find(&cfg, NULL, "three"));
	assert_ptr_equal(ike_conn_child(&conns[2], "two"), &kids[1]);
	assert_false(ike_conn_remote_addr(&conns[0], &a));
	assert_false(ike_conn_remote_addr(&conns[1], &a)); /* a prefix is nobody to call */
	assert_true(ike_conn_remote_addr(&conns[2], &a));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_by_offer, setup),
		cmocka_unit_test_setup(test_by_ids, setup),
		cmocka_unit_test_setup(test_secrets, setup),
		cmocka_unit_test_setup(test_names, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
