/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an IKE_SA with its CHILD_SA costs: two engines in one process bring N connections up, over a
 * wire that is a queue; beside it the libcrypto calls that they cannot do without, in the same run.
 * Times are of the CPU, one thread. Usage: bench_ike [--json] [SETUPS [TUNNELS...]]
 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "ike/ike.h"

#define ROUNDS    5   /* of which the median counts */
#define STRANGERS 500 /* of whom what one takes is a mean */
#define PSK       "MyFavouriteMealIsRaclette"

static const struct kind {
	const char *name; /* ours */
	const char *type; /* libcrypto's, by EVP; NULL = by what is beneath it */
	int nid;          /* of the curve; 0 = the modp2048 of RFC 3526 */
} kinds[] = {
	{"x25519", "X25519", 0},
	{"ecp256", NULL, NID_X9_62_prime256v1},
	{"modp2048", NULL, 0},
};

/* ---- two ends and a wire ---- */

struct datagram {
	struct datagram *next;
	struct end *to;
	struct ike_path path;
	size_t len;
	uint8_t buf[];
};

struct end {
	struct end *other;
	struct ike *e;
	struct ike_cfg cfg;
	uint32_t next_spi;
	unsigned int up, down; /* children */
	uint64_t next_tick;
};

static struct {
	struct datagram *first, **last;
	uint64_t now_ms;
	uint64_t datagrams, bytes;
} wire = {.last = &wire.first};

__attribute__((noreturn)) static void
give_up(const char *what)
{
	fprintf(stderr, "bench_ike: %s\n", what);
	exit(1);
}

static void *
need(void *p)
{
	if (p == NULL)
		give_up("out of memory");
	return p;
}

static void
host_send(void *arg, const struct ike_path *path, const uint8_t *buf, size_t len)
{
	struct datagram *d = need(malloc(sizeof(*d) + len));
	struct end *me = arg;

	d->next = NULL;
	d->to = me->other;
	d->path = (struct ike_path){.local = path->remote,
		.remote = path->local,
		.local_port = path->remote_port,
		.remote_port = path->local_port};
	d->len = len;
	memcpy(d->buf, buf, len);
	*wire.last = d;
	wire.last = &d->next;
	wire.datagrams++;
	wire.bytes += len;
}

static void
host_random(void *arg, void *buf, size_t len)
{
	(void)arg;
	if (RAND_bytes(buf, (int)len) != 1)
		give_up("no random bytes");
}

static int
host_local_addr(void *arg, const struct in6_addr *remote, const struct ike_range *allowed,
	unsigned int n_allowed, struct in6_addr *local)
{
	(void)arg;
	(void)remote;
	if (n_allowed == 0)
		return -EADDRNOTAVAIL;
	*local = allowed[0].from;
	return 0;
}

static uint32_t
host_spi_alloc(void *arg)
{
	struct end *me = arg;

	return ++me->next_spi;
}

static void
host_spi_free(void *arg, uint32_t spi)
{
	(void)arg;
	(void)spi;
}

static void
host_ike_spi(void *arg, uint64_t spi, enum ike_spi_use before, enum ike_spi_use now)
{
	(void)arg;
	(void)spi;
	(void)before;
	(void)now;
}

static int
host_child_add(void *arg, const struct ike_child_sa *sa)
{
	struct end *me = arg;

	(void)sa;
	me->up++;
	return 0;
}

static void
host_child_use_out(void *arg, uint32_t id)
{
	(void)arg;
	(void)id;
}

static void
host_child_path(void *arg, uint32_t id, const struct ike_path *path, bool udp_encap)
{
	(void)arg;
	(void)id;
	(void)path;
	(void)udp_encap;
}

static void
host_child_del(void *arg, uint32_t id, bool in, bool out)
{
	struct end *me = arg;

	(void)id;
	(void)out;
	me->down += in;
}

static int
host_child_stats(void *arg, uint32_t id, struct ike_child_stats *st)
{
	(void)arg;
	(void)id;
	*st = (struct ike_child_stats){0};
	return 0;
}

static void
host_event(void *arg, const struct ike_event *ev)
{
	(void)arg;
	(void)ev;
}

static void
host_log(void *arg, enum ike_log_level level, const char *group, const char *name, const char *msg)
{
	(void)arg;
	if (level <= IKE_LOG_WARN)
		fprintf(stderr, "bench_ike: %s %s: %s\n", group, name != NULL ? name : "-", msg);
}

/** All that is under way and due, until nothing is. */
static void
run(struct end *a, struct end *b)
{
	struct end *const ends[] = {a, b};
	struct datagram *d;

	for (;;) {
		while ((d = wire.first) != NULL) {
			wire.first = d->next;
			if (wire.first == NULL)
				wire.last = &wire.first;
			ike_input(d->to->e, &d->path, d->buf, d->len, wire.now_ms);
			free(d);
		}
		for (unsigned int i = 0; i < 2; i++)
			ends[i]->next_tick = ike_tick(ends[i]->e, wire.now_ms);
		if (wire.first == NULL && a->next_tick > wire.now_ms && b->next_tick > wire.now_ms)
			return;
	}
}

/** Nobody gets what is on the wire. */
static void
drop_all(void)
{
	struct datagram *d;

	while ((d = wire.first) != NULL) {
		wire.first = d->next;
		free(d);
	}
	wire.last = &wire.first;
}

/* ---- configuration ---- */

static struct in6_addr
address(uint8_t net, unsigned int i)
{
	struct in6_addr a = {{{0x20, 0x01, 0x0d, 0xb8, 0, net}}};

	for (unsigned int k = 0; k < 4; k++)
		a.s6_addr[12 + k] = (uint8_t)(i >> (24 - 8 * k));
	return a;
}

static void
set_ts(struct ike_ts_list *l)
{
	char err[128];

	l->n = 1;
	if (ike_ts_parse(&l->ts[0], "dynamic[gre]", err, sizeof(err)) != 0)
		give_up(err);
}

static void
parse(struct ike_proposals *l, enum ike_protocol protocol, const char *text)
{
	char err[128];

	if (ike_proposals_parse(l, protocol, text, err, sizeof(err)) != 0)
		give_up(err);
}

static void
set_conn(struct ike_conn_cfg *c, const char *group, bool hub, unsigned int i)
{
	struct in6_addr h = address(1, 0), s = address(2, i);
	struct ike_id *spoke_id = hub ? &c->remote.id : &c->local.id;
	struct ike_id *hub_id = hub ? &c->local.id : &c->remote.id;
	char text[64];

	snprintf(c->name, sizeof(c->name), "spoke%u", i);
	c->n_local = c->n_remote = 1;
	c->local_addrs[0] = hub ? (struct ike_range){h, h} : (struct ike_range){s, s};
	c->remote_addrs[0] = hub ? (struct ike_range){s, s} : (struct ike_range){h, h};
	c->local_port = c->remote_port = 500;
	c->keyingtries = 1;
	snprintf(text, sizeof(text), "spoke%u.example.org", i);
	if (ike_id_parse(spoke_id, text) != 0 || ike_id_parse(hub_id, "hub.example.org") != 0)
		give_up("bad identity");
	snprintf(text, sizeof(text), "aes128-sha256-%s", group);
	parse(&c->proposals, IKE_PROTO_IKE, text);
	c->n_children = 1;
	c->children = need(calloc(1, sizeof(*c->children)));
	snprintf(c->children[0].name, sizeof(c->children[0].name), "gre%u", i);
	c->children[0].mode = IKE_MODE_TRANSPORT;
	c->children[0].replay_window = 1024;
	parse(&c->children[0].esp, IKE_PROTO_ESP, "aes128gcm16");
	set_ts(&c->children[0].local_ts);
	set_ts(&c->children[0].remote_ts);
}

static void
set_secret(struct ike_secret *s, unsigned int i)
{
	char text[64];

	snprintf(s->name, sizeof(s->name), "ike-%u", i);
	s->owners = need(calloc(1, sizeof(*s->owners)));
	s->n_owners = 1;
	snprintf(text, sizeof(text), "spoke%u.example.org", i);
	if (ike_id_parse(&s->owners[0], text) != 0)
		give_up("bad identity");
	s->data = need(strdup(PSK));
	s->len = strlen(PSK);
}

static void
configure(struct end *me, const char *group, bool hub, unsigned int n)
{
	me->cfg = (struct ike_cfg){.n_conns = (uint16_t)n,
		.conns = need(calloc(n, sizeof(struct ike_conn_cfg))),
		.n_secrets = (uint16_t)n,
		.secrets = need(calloc(n, sizeof(struct ike_secret))),
		/* one end plays all spokes: its hub is not under attack */
		.cookie_threshold = UINT16_MAX,
		.block_threshold = UINT16_MAX,
		.half_open_max = UINT16_MAX};
	for (unsigned int i = 0; i < n; i++) {
		set_conn(&me->cfg.conns[i], group, hub, i);
		set_secret(&me->cfg.secrets[i], i);
	}
}

static void
deconfigure(struct end *me)
{
	for (unsigned int i = 0; i < me->cfg.n_conns; i++) {
		free(me->cfg.conns[i].children);
		free(me->cfg.secrets[i].owners);
		free(me->cfg.secrets[i].data);
	}
	free(me->cfg.conns);
	free(me->cfg.secrets);
}

static void
make_end(struct end *me, struct end *other, const char *group, bool hub, unsigned int n)
{
	const struct ike_host host = {
		.arg = me,
		.send = host_send,
		.random = host_random,
		.local_addr = host_local_addr,
		.spi_alloc = host_spi_alloc,
		.spi_free = host_spi_free,
		.ike_spi = host_ike_spi,
		.child_add = host_child_add,
		.child_use_out = host_child_use_out,
		.child_path = host_child_path,
		.child_del = host_child_del,
		.child_stats = host_child_stats,
		.event = host_event,
		.log = host_log,
	};

	*me = (struct end){.other = other, .next_spi = 256};
	configure(me, group, hub, n);
	wire.now_ms = 1000;
	me->e = need(ike_create(&host, &me->cfg, wire.now_ms));
}

/* ---- measuring ---- */

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static size_t
heap_used(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double
median(double *v, unsigned int n)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[n / 2];
}

/** Bring connections from..to up, one after the other. */
static void
set_up(struct end *hub, struct end *spokes, unsigned int from, unsigned int to)
{
	char conn[IKE_NAME_MAX], child[IKE_NAME_MAX];

	for (unsigned int i = from; i < to; i++) {
		snprintf(conn, sizeof(conn), "spoke%u", i);
		snprintf(child, sizeof(child), "gre%u", i);
		if (ike_initiate(spokes->e, conn, child, wire.now_ms) != 0)
			give_up("cannot initiate");
		run(hub, spokes);
	}
}

static void
expect(const struct end *me, unsigned int up, unsigned int down, uint32_t sas)
{
	struct ike_stats st;

	ike_get_stats(me->e, &st);
	if (me->up != up || me->down != down || st.n_sas != sas || st.n_children != up - down ||
		st.retransmits != 0 || st.ike_failed != 0 || st.child_failed != 0)
		give_up("not all came up, or went down, as they should");
}

/* ---- the bare calls ---- */

/**
 * What both ends together need of libcrypto for one set-up, on contexts made beforehand:
 * - two key pairs and two shared secrets;
 * - HMAC, counted below in calls of both ends: SKEYSEED 1, prf+ 7 blocks (SK_*: 6 of 32 and 2 of 16
 *   bytes), AUTH of both sides 3 each (key pad, ID, octets), KEYMAT 2 blocks, integrity of two
 *   messages: 2 * (1 + 7 + 6 + 2) + 2 * 2 = 36;
 * - AES-CBC of two messages, sealed and opened: 4 of 256 bytes;
 * - SHA-1 for NAT detection: each end makes two and checks two: 8;
 * - SHA-256 of what comes in, four messages.
 */
#define BARE_HMACS 36
#define BARE_HMAC_LEN                                                                              \
	128 /* most cover nonces and SPIs, a few the IKE_SA_INIT message of 350 bytes */

struct bare {
	EVP_MAC *mac;
	EVP_MAC_CTX *mac_ctx;
	EVP_CIPHER *cipher;
	EVP_CIPHER_CTX *cipher_ctx;
	EVP_MD *sha1, *sha256;
	EVP_MD_CTX *md_ctx;
	EVP_PKEY_CTX *group; /* NULL: ec, or p and so on */
	EC_GROUP *ec;        /* NULL: none */
	BN_CTX *bn;
	BN_MONT_CTX *mont;
	BIGNUM *p, *two, *peer;
};

static EVP_PKEY_CTX *
bare_group(const struct kind *k)
{
	EVP_PKEY_CTX *ctx = need(EVP_PKEY_CTX_new_from_name(NULL, k->type, NULL));

	if (EVP_PKEY_keygen_init(ctx) != 1)
		give_up("libcrypto does not know the group");
	return ctx;
}

static void
bare_init(struct bare *b, const struct kind *k)
{
	*b = (struct bare){0};
	b->bn = need(BN_CTX_new());
	b->mont = need(BN_MONT_CTX_new());
	b->p = need(BN_get_rfc3526_prime_2048(NULL));
	b->two = need(BN_new());
	b->peer = need(BN_dup(b->p));
	if (BN_set_word(b->two, 2) != 1 || BN_rshift1(b->peer, b->peer) != 1 ||
		BN_MONT_CTX_set(b->mont, b->p, b->bn) != 1)
		give_up("libcrypto sets no prime up");
	if (k->nid != 0)
		b->ec = need(EC_GROUP_new_by_curve_name(k->nid));
	else if (k->type != NULL)
		b->group = bare_group(k);
	b->mac = need(EVP_MAC_fetch(NULL, "HMAC", NULL));
	b->mac_ctx = need(EVP_MAC_CTX_new(b->mac));
	b->cipher = need(EVP_CIPHER_fetch(NULL, "AES-128-CBC", NULL));
	b->cipher_ctx = need(EVP_CIPHER_CTX_new());
	b->sha1 = need(EVP_MD_fetch(NULL, "SHA1", NULL));
	b->sha256 = need(EVP_MD_fetch(NULL, "SHA256", NULL));
	b->md_ctx = need(EVP_MD_CTX_new());
}

static void
bare_fini(struct bare *b)
{
	EVP_MAC_CTX_free(b->mac_ctx);
	EVP_MAC_free(b->mac);
	EVP_CIPHER_CTX_free(b->cipher_ctx);
	EVP_CIPHER_free(b->cipher);
	EVP_MD_free(b->sha1);
	EVP_MD_free(b->sha256);
	EVP_MD_CTX_free(b->md_ctx);
	EVP_PKEY_CTX_free(b->group);
	EC_GROUP_free(b->ec);
	BN_MONT_CTX_free(b->mont);
	BN_CTX_free(b->bn);
	BN_free(b->p);
	BN_free(b->two);
	BN_free(b->peer);
}

/** One key pair; its context takes the group once. */
static EVP_PKEY *
bare_key(EVP_PKEY_CTX *ctx)
{
	EVP_PKEY *key = NULL;

	if (EVP_PKEY_generate(ctx, &key) != 1)
		give_up("libcrypto makes no key");
	return key;
}

static void
bare_derive(EVP_PKEY *own, EVP_PKEY *peer)
{
	EVP_PKEY_CTX *ctx = need(EVP_PKEY_CTX_new(own, NULL));
	uint8_t secret[1024];
	size_t len = sizeof(secret);

	if (EVP_PKEY_derive_init(ctx) != 1 || EVP_PKEY_derive_set_peer(ctx, peer) != 1 ||
		EVP_PKEY_derive(ctx, secret, &len) != 1)
		give_up("libcrypto derives nothing");
	EVP_PKEY_CTX_free(ctx);
}

/** Four exponentiations, exponents of 256 bits: EVP's own way to a MODP key checks more than it
 * needs. */
static void
bare_modp(struct bare *b)
{
	BIGNUM *x = need(BN_new()), *y = need(BN_new());

	for (unsigned int i = 0; i < 4; i++)
		if (BN_priv_rand(x, 256, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) != 1 ||
			BN_mod_exp_mont_consttime(
				y, i < 2 ? b->two : b->peer, x, b->p, b->bn, b->mont) != 1)
			give_up("libcrypto exponentiates nothing");
	BN_free(x);
	BN_free(y);
}

/**
 * Two points that are multiples of the base, two of the other's: EVP's way to such a key checks
 * more than IKE needs. Points come and go as coordinates, which costs an inversion each.
 */
static void
bare_ecp(struct bare *b)
{
	EC_POINT *pub[2] = {need(EC_POINT_new(b->ec)), need(EC_POINT_new(b->ec))};
	EC_POINT *secret = need(EC_POINT_new(b->ec));
	BIGNUM *priv[2] = {need(BN_new()), need(BN_new())}, *x = need(BN_new()),
	       *y = need(BN_new());
	bool ok = true;

	for (unsigned int i = 0; i < 2; i++)
		ok = ok && BN_priv_rand(priv[i], 255, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
		     EC_POINT_mul(b->ec, pub[i], priv[i], NULL, NULL, b->bn) == 1 &&
		     EC_POINT_get_affine_coordinates(b->ec, pub[i], x, y, b->bn) == 1 &&
		     EC_POINT_set_affine_coordinates(b->ec, pub[i], x, y, b->bn) == 1;
	for (unsigned int i = 0; i < 2; i++)
		ok = ok && EC_POINT_mul(b->ec, secret, NULL, pub[1 - i], priv[i], b->bn) == 1 &&
		     EC_POINT_get_affine_coordinates(b->ec, secret, x, y, b->bn) == 1;
	if (!ok)
		give_up("libcrypto multiplies nothing");
	for (unsigned int i = 0; i < 2; i++) {
		EC_POINT_free(pub[i]);
		BN_free(priv[i]);
	}
	EC_POINT_free(secret);
	BN_free(x);
	BN_free(y);
}

/** Two key pairs and two shared secrets. */
static void
bare_dh(struct bare *b)
{
	EVP_PKEY *i, *r;

	if (b->ec != NULL) {
		bare_ecp(b);
		return;
	}

	if (b->group == NULL) {
		bare_modp(b);
		return;
	}
	i = bare_key(b->group);
	r = bare_key(b->group);
	bare_derive(i, r);
	bare_derive(r, i);
	EVP_PKEY_free(i);
	EVP_PKEY_free(r);
}

static void
bare_rest(struct bare *b)
{
	uint8_t buf[512] = {1}, key[32] = {2}, iv[16] = {3}, out[64];
	char name[] = "SHA256";
	const OSSL_PARAM params[] = {
		{"digest", OSSL_PARAM_UTF8_STRING, name, sizeof(name) - 1, 0}, {0}};
	bool ok = true;
	size_t n;
	int len;

	/* the digest is looked up by name once per context, not per message */
	for (unsigned int i = 0; i < BARE_HMACS; i++)
		ok = ok &&
		     EVP_MAC_init(b->mac_ctx, key, sizeof(key), i == 0 ? params : NULL) == 1 &&
		     EVP_MAC_update(b->mac_ctx, buf, BARE_HMAC_LEN) == 1 &&
		     EVP_MAC_final(b->mac_ctx, out, &n, sizeof(out)) == 1;
	for (int i = 0; i < 4; i++)
		ok = ok &&
		     EVP_CipherInit_ex2(b->cipher_ctx, b->cipher, key, iv, i % 2, NULL) == 1 &&
		     EVP_CIPHER_CTX_set_padding(b->cipher_ctx, 0) == 1 &&
		     EVP_CipherUpdate(b->cipher_ctx, buf, &len, buf, 256) == 1;
	for (unsigned int i = 0; i < 8 + 4; i++)
		ok = ok && EVP_DigestInit_ex2(b->md_ctx, i < 8 ? b->sha1 : b->sha256, NULL) == 1 &&
		     EVP_DigestUpdate(b->md_ctx, buf, i < 8 ? 34 : 300) == 1 &&
		     EVP_DigestFinal_ex(b->md_ctx, out, NULL) == 1;
	if (!ok)
		give_up("libcrypto");
}

/* ---- what is shown ---- */

struct rate {
	double ours, bare, bare_dh; /* microseconds per set-up */
};

/** In turn, so that a change of the core's clock meets both. */
static struct rate
measure_rate(const struct kind *k, unsigned int n)
{
	double ours[ROUNDS], bare[ROUNDS], dh[ROUNDS];
	struct end hub, spokes;
	struct bare b;

	bare_init(&b, k);
	make_end(&hub, &spokes, k->name, true, n * ROUNDS);
	make_end(&spokes, &hub, k->name, false, n * ROUNDS);
	for (unsigned int r = 0; r < ROUNDS; r++) {
		double t = seconds();

		set_up(&hub, &spokes, r * n, (r + 1) * n);
		ours[r] = (seconds() - t) / n * 1e6;
		t = seconds();
		for (unsigned int i = 0; i < n; i++)
			bare_dh(&b);
		dh[r] = (seconds() - t) / n * 1e6;
		for (unsigned int i = 0; i < n; i++)
			bare_rest(&b);
		bare[r] = (seconds() - t) / n * 1e6;
	}
	expect(&hub, n * ROUNDS, 0, n * ROUNDS);
	expect(&spokes, n * ROUNDS, 0, n * ROUNDS);
	ike_destroy(hub.e);
	ike_destroy(spokes.e);
	deconfigure(&hub);
	deconfigure(&spokes);
	bare_fini(&b);
	return (struct rate){median(ours, ROUNDS), median(bare, ROUNDS), median(dh, ROUNDS)};
}

struct scale {
	unsigned int n;
	double up_us, last_us, down_us, again_us; /* per tunnel; last: of the last hundred */
	size_t cfg_bytes, sa_bytes;               /* per connection; per IKE_SA with CHILD_SA */
	uint64_t bytes;
};

static struct scale
measure_scale(unsigned int n)
{
	unsigned int tail = n < 100 ? n : 100;
	struct ike_select all = {0};
	struct end hub, spokes;
	struct scale s = {.n = n};
	size_t before = heap_used();
	double t;

	make_end(&hub, &spokes, "x25519", true, n);
	s.cfg_bytes = (heap_used() - before) / n;
	make_end(&spokes, &hub, "x25519", false, n);
	before = heap_used();
	t = seconds();
	set_up(&hub, &spokes, 0, n - tail);
	s.last_us = seconds();
	set_up(&hub, &spokes, n - tail, n);
	s.up_us = (seconds() - t) / n * 1e6;
	s.last_us = (seconds() - s.last_us) / tail * 1e6;
	/* both ends hold one */
	s.sa_bytes = (heap_used() - before) / n / 2;
	expect(&hub, n, 0, n);
	t = seconds();
	if (ike_terminate(hub.e, &all, wire.now_ms) != (int)n)
		give_up("cannot terminate");
	run(&hub, &spokes);
	s.down_us = (seconds() - t) / n * 1e6;
	expect(&hub, n, n, 0);
	expect(&spokes, n, n, 0);
	t = seconds();
	set_up(&hub, &spokes, 0, n);
	s.again_us = (seconds() - t) / n * 1e6;
	expect(&hub, 2 * n, n, n);
	expect(&spokes, 2 * n, n, n);
	ike_destroy(hub.e);
	ike_destroy(spokes.e);
	deconfigure(&hub);
	deconfigure(&spokes);
	return s;
}

/** A stranger whose IKE_SA_INIT a hub of n_conns connections has answered. */
struct stranger {
	size_t bytes; /* that the hub keeps of it */
	double us;    /* for the answer */
};

static struct stranger
measure_half_open(const struct kind *k, unsigned int n_conns)
{
	unsigned int n = n_conns < STRANGERS ? n_conns : STRANGERS;
	struct stranger s;
	double t;
	struct end hub, spokes;
	struct datagram *d, *held;
	struct ike_stats st;
	char conn[IKE_NAME_MAX];
	size_t before;

	make_end(&hub, &spokes, k->name, true, n_conns);
	make_end(&spokes, &hub, k->name, false, n);
	for (unsigned int i = 0; i < n; i++) {
		snprintf(conn, sizeof(conn), "spoke%u", i);
		if (ike_initiate(spokes.e, conn, NULL, wire.now_ms) != 0)
			give_up("cannot initiate");
	}
	held = wire.first;
	wire.first = NULL;
	wire.last = &wire.first;
	before = heap_used();
	t = seconds();
	for (d = held; d != NULL; d = d->next) {
		ike_input(hub.e, &d->path, d->buf, d->len, wire.now_ms);
		drop_all();
	}
	s.us = (seconds() - t) / n * 1e6;
	s.bytes = (heap_used() - before) / n;
	ike_get_stats(hub.e, &st);
	if (st.n_half_open != n)
		give_up("not all are half-open");
	for (; held != NULL; held = d) {
		d = held->next;
		free(held);
	}
	ike_destroy(hub.e);
	ike_destroy(spokes.e);
	drop_all();
	deconfigure(&hub);
	deconfigure(&spokes);
	return s;
}

static void
show_half_open(const char *name, unsigned int n, const struct stranger *s, bool json)
{
	if (json)
		printf("{\"group\": \"%s\", \"connections\": %u, \"half_open_bytes\": %zu, "
		       "\"init_us\": %.1f}\n",
			name, n, s->bytes, s->us);
	else
		printf("%-9s %12u %8zu %8.1f\n", name, n, s->bytes, s->us);
}

/** At a small hub and at a large one: a stranger must not cost more there. */
static void
half_open(bool json)
{
	static const unsigned int conns[] = {100, 10000};

	if (!json)
		printf("\na responder and a stranger: bytes of its half-open IKE_SA, us to answer\n"
		       "group      connections    bytes       us\n");
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		for (size_t i = 0; i < sizeof(conns) / sizeof(conns[0]); i++) {
			struct stranger s = measure_half_open(&kinds[k], conns[i]);

			show_half_open(kinds[k].name, conns[i], &s, json);
		}
}

static void
show_rate(const char *name, const struct rate *r, bool json)
{
	if (json)
		printf("{\"group\": \"%s\", \"setups_per_s\": %.0f, \"us\": %.1f, \"bare_us\": "
		       "%.1f, "
		       "\"bare_dh_us\": %.1f, \"share\": %.3f}\n",
			name, 1e6 / r->ours, r->ours, r->bare, r->bare_dh, r->bare / r->ours);
	else
		printf("%-9s %8.0f %10.1f %10.1f %10.1f %7.0f %%\n", name, 1e6 / r->ours, r->ours,
			r->bare, r->bare_dh, 100 * r->bare / r->ours);
}

static void
show_scale(const struct scale *s, bool json)
{
	if (json)
		printf("{\"tunnels\": %u, \"up_us\": %.1f, \"last_us\": %.1f, \"down_us\": %.1f, "
		       "\"again_us\": %.1f, \"cfg_bytes\": %zu, \"sa_bytes\": %zu}\n",
			s->n, s->up_us, s->last_us, s->down_us, s->again_us, s->cfg_bytes,
			s->sa_bytes);
	else
		printf("%8u %10.1f %10.1f %10.1f %10.1f %10zu %10zu\n", s->n, s->up_us, s->last_us,
			s->down_us, s->again_us, s->cfg_bytes, s->sa_bytes);
}

int
main(int argc, char **argv)
{
	unsigned int sizes[8] = {1, 100, 1000, 10000}, n_sizes = 4, setups = 200;
	bool json = false;
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		json = json || strcmp(argv[i], "--json") == 0;
	}
	if (i < argc)
		setups = (unsigned int)strtoul(argv[i++], NULL, 10);
	for (n_sizes = i < argc ? 0 : n_sizes; i < argc && n_sizes < 8; i++)
		sizes[n_sizes++] = (unsigned int)strtoul(argv[i], NULL, 10);
	if (setups == 0 || setups > 10000)
		give_up("SETUPS is 1 to 10000");
	if (!json)
		printf("IKE_SA + CHILD_SA, both ends, one core, PSK, aes128-sha256\n"
		       "group      setups/s   us/setup    bare us of it DH    bare/ours\n");
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		struct rate r = measure_rate(&kinds[k], setups);

		show_rate(kinds[k].name, &r, json);
	}
	if (!json)
		printf("\none hub, each spoke a connection, x25519; us per tunnel, both ends\n"
		       " tunnels         up   last 100       down   up again  cfg bytes   SA "
		       "bytes\n");
	for (unsigned int k = 0; k < n_sizes; k++) {
		struct scale s;

		if (sizes[k] == 0 || sizes[k] > UINT16_MAX)
			give_up("TUNNELS is 1 to 65535");
		s = measure_scale(sizes[k]);
		show_scale(&s, json);
	}
	half_open(json);
	return 0;
}
