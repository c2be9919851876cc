/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * No memory is given back with a secret in it, and none is logged. Each secret is noted where it is
 * made: shared secrets of all key exchanges, all keys of IKE SAs and children with and without PPK,
 * PSK and PPK, private keys of certificates, secrets of cookies and of crash detection. From then
 * on each block that the engine or libcrypto frees or lets grow is searched for all of them, and
 * each line for their bytes and their hexadecimal digits, through a whole life in each way an SA
 * can end. The linker puts what is called __wrap_ here in front of the real one (meson.build).
 */

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>

#include "ike/cookie.h"
#include "ike/crypto.h"
#include "ike/keymat.h"
#include "pki.h"
#include "world.h"

#define SECRETS_MAX 4096
#define SECRET_LEN  16 /* so many bytes of one prove it */

static struct {
	uint8_t bytes[SECRETS_MAX][SECRET_LEN];
	const char *name[SECRETS_MAX];
	unsigned int n;
	bool armed;
	const char *found;  /* the first one that was freed */
	const char *logged; /* and that was written */
	uint64_t searched;  /* blocks */
	uint64_t lines;
	unsigned int kinds; /* KIND_*s that were noted */
} secrets;

enum { KIND_PPK = 1, KIND_KEY = 2, KIND_COOKIE = 4, KIND_QCD = 8, KIND_MIXED = 16 };

static void
note(const char *name, const uint8_t *p, size_t len)
{
	if (len < SECRET_LEN)
		return;
	assert_true(secrets.n < SECRETS_MAX);
	memcpy(secrets.bytes[secrets.n], p, SECRET_LEN);
	secrets.name[secrets.n++] = name;
}

static void
search(void *p)
{
	size_t len;

	if (p == NULL || !secrets.armed)
		return;
	len = malloc_usable_size(p);
	secrets.searched++;
	for (unsigned int i = 0; i < secrets.n && secrets.found == NULL; i++)
		if (memmem(p, len, secrets.bytes[i], SECRET_LEN) != NULL)
			secrets.found = secrets.name[i];
}

/* ---- what is logged ---- */

static bool
has_hex(const char *line, const uint8_t *p)
{
	char hex[2 * SECRET_LEN + 1];

	for (unsigned int i = 0; i < SECRET_LEN; i++)
		snprintf(hex + 2 * (size_t)i, 3, "%02x", p[i]);
	return strcasestr(line, hex) != NULL;
}

static void
search_line(struct world *w, const struct peer *p, const char *line)
{
	size_t len = strlen(line);

	(void)w;
	(void)p;
	secrets.lines++;
	for (unsigned int i = 0; i < secrets.n && secrets.logged == NULL; i++)
		if (memmem(line, len, secrets.bytes[i], SECRET_LEN) != NULL ||
			has_hex(line, secrets.bytes[i]))
			secrets.logged = secrets.name[i];
}

/* ---- where memory goes back ---- */

void __real_free(void *p);
void __wrap_free(void *p);

void
__wrap_free(void *p)
{
	search(p);
	__real_free(p);
}

void *__wrap_realloc(void *p, size_t len);

/** It always moves: what it leaves behind is searched. */
void *
__wrap_realloc(void *p, size_t len)
{
	size_t was = p != NULL ? malloc_usable_size(p) : 0;
	void *more = malloc(len);

	if (more == NULL)
		return NULL;
	if (was > 0)
		memcpy(more, p, was < len ? was : len);
	__wrap_free(p);
	return more;
}

static void *
crypto_malloc(size_t len, const char *file, int line)
{
	(void)file;
	(void)line;
	return malloc(len);
}

static void *
crypto_realloc(void *p, size_t len, const char *file, int line)
{
	(void)file;
	(void)line;
	return __wrap_realloc(p, len);
}

static void
crypto_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	search(p);
	__real_free(p);
}

/* ---- where secrets are made ---- */

static void
note_keymat(const struct ike_keymat *km)
{
	note("SK_d", km->sk_d, km->prf_len);
	note("SK_pi", km->sk_pi, km->prf_len);
	note("SK_pr", km->sk_pr, km->prf_len);
	note("SK_ei", km->i.encr_key, km->i.encr->key_len);
	note("SK_er", km->r.encr_key, km->r.encr->key_len);
	note("SK_ai", km->i.integ_key, km->i.integ->key_len);
	note("SK_ar", km->r.integ_key, km->r.integ->key_len);
}

int __real_ike_keymat_init(
	struct ike_keymat *km, const struct ike_suite *suite, const struct ike_keymat_in *in);
int __wrap_ike_keymat_init(
	struct ike_keymat *km, const struct ike_suite *suite, const struct ike_keymat_in *in);
int __real_ike_keymat_rekey(struct ike_keymat *km, const struct ike_suite *suite,
	const struct ike_keymat *old, const struct ike_keymat_in *in);
int __wrap_ike_keymat_rekey(struct ike_keymat *km, const struct ike_suite *suite,
	const struct ike_keymat *old, const struct ike_keymat_in *in);
int __real_ike_keymat_child(const struct ike_keymat *km, const struct ike_suite *child,
	const struct ike_keymat_in *in, struct ike_child_keys *out);
int __wrap_ike_keymat_child(const struct ike_keymat *km, const struct ike_suite *child,
	const struct ike_keymat_in *in, struct ike_child_keys *out);
int __real_ike_dh_shared(
	const struct ike_dh_key *dh, struct ike_view peer, uint8_t *secret, size_t *len);
int __wrap_ike_dh_shared(
	const struct ike_dh_key *dh, struct ike_view peer, uint8_t *secret, size_t *len);

int
__wrap_ike_keymat_init(
	struct ike_keymat *km, const struct ike_suite *suite, const struct ike_keymat_in *in)
{
	int err = __real_ike_keymat_init(km, suite, in);

	note_keymat(km);
	return err;
}

int
__wrap_ike_keymat_rekey(struct ike_keymat *km, const struct ike_suite *suite,
	const struct ike_keymat *old, const struct ike_keymat_in *in)
{
	int err = __real_ike_keymat_rekey(km, suite, old, in);

	note_keymat(km);
	return err;
}

int
__wrap_ike_keymat_child(const struct ike_keymat *km, const struct ike_suite *child,
	const struct ike_keymat_in *in, struct ike_child_keys *out)
{
	int err = __real_ike_keymat_child(km, child, in, out);

	note("the child's encryption key", out->encr_i, out->encr_key_len);
	note("the child's encryption key", out->encr_r, out->encr_key_len);
	note("the child's integrity key", out->integ_i, out->integ_key_len);
	note("the child's integrity key", out->integ_r, out->integ_key_len);
	return err;
}

int
__wrap_ike_dh_shared(
	const struct ike_dh_key *dh, struct ike_view peer, uint8_t *secret, size_t *len)
{
	int err = __real_ike_dh_shared(dh, peer, secret, len);

	note("the shared secret", secret, *len);
	return err;
}

int __real_ike_keymat_mix(struct ike_keymat *km, struct ike_view ppk);
int __wrap_ike_keymat_mix(struct ike_keymat *km, struct ike_view ppk);
void __real_ike_cookie_rotate(
	struct ike_cookie *c, const uint8_t secret[IKE_COOKIE_SECRET_LEN], uint64_t now_ms);
void __wrap_ike_cookie_rotate(
	struct ike_cookie *c, const uint8_t secret[IKE_COOKIE_SECRET_LEN], uint64_t now_ms);

int
__wrap_ike_keymat_mix(struct ike_keymat *km, struct ike_view ppk)
{
	int err = __real_ike_keymat_mix(km, ppk);

	secrets.kinds |= KIND_MIXED;
	note_keymat(km);
	return err;
}

void
__wrap_ike_cookie_rotate(
	struct ike_cookie *c, const uint8_t secret[IKE_COOKIE_SECRET_LEN], uint64_t now_ms)
{
	secrets.kinds |= KIND_COOKIE;
	note("a cookie's secret", secret, IKE_COOKIE_SECRET_LEN);
	__real_ike_cookie_rotate(c, secret, now_ms);
}

/* ---- lives ---- */

static const struct ike_select all_children = {.child = "gre"};
static const struct ike_select all_sas = {.ike = "gw-gw"};

/** More that is secret than a PSK; a test sets what it needs before begin_with() starts the
 * engines. */
struct extras {
	struct ike_secret with_ppk[2][2];
	struct pki root, leaf[2];
	struct ike_credential cred[2];
	struct ike_trust *trust;
};

static void
give_ppk(struct world *w, struct extras *x)
{
	static const char ppk[] = "a post-quantum key of some length";

	secrets.kinds |= KIND_PPK;
	note("the PPK", (const uint8_t *)ppk, sizeof(ppk) - 1);
	for (unsigned int i = 0; i < 2; i++) {
		x->with_ppk[i][0] = w->p[i].secret;
		x->with_ppk[i][1] = (struct ike_secret){.name = "ppk",
			.type = IKE_SECRET_PPK,
			.len = sizeof(ppk) - 1,
			.data = (uint8_t *)(uintptr_t)ppk};
		w->p[i].cfg.secrets = x->with_ppk[i];
		w->p[i].cfg.n_secrets = 2;
	}
	peer_id(&w->p[0].conn.ppk_id, "ppk.example");
}

static void
give_qcd(struct world *w)
{
	secrets.kinds |= KIND_QCD;
	for (unsigned int i = 0; i < 2; i++) {
		struct ike_cfg *c = &w->p[i].cfg;

		c->has_qcd_secret = true;
		for (unsigned int k = 0; k < sizeof(c->qcd_secret); k++)
			c->qcd_secret[k] = (uint8_t)world_rand(w, 256);
		note("the secret of crash detection", c->qcd_secret, sizeof(c->qcd_secret));
	}
}

/** A private key as it is written, and as libcrypto has it in words of a little-endian machine. */
static void
note_key(const EVP_PKEY *key)
{
	uint8_t big[66], little[66];
	BIGNUM *priv = NULL;

	secrets.kinds |= KIND_KEY;
	assert_int_equal(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &priv), 1);
	assert_int_equal(BN_bn2binpad(priv, big, 32), 32);
	assert_int_equal(BN_bn2lebinpad(priv, little, 32), 32);
	note("a private key", big, 32);
	note("a private key", little, 32);
	BN_clear_free(priv);
}

static void
give_certs(struct world *w, struct extras *x)
{
	x->root = pki_make(&(struct pki_want){.subject = "CN=Root", .key = "p256", .ca = true});
	x->trust = ike_trust_create(&x->root.cert, 1, NULL, 0);
	for (unsigned int i = 0; i < 2; i++) {
		struct ike_conn_cfg *c = &w->p[i].conn;

		x->leaf[i] = pki_make(&(struct pki_want){.subject = i == 0 ? "CN=left" : "CN=right",
			.key = "p256",
			.issuer = &x->root});
		note_key(x->leaf[i].key);
		x->cred[i] =
			(struct ike_credential){.cert = x->leaf[i].cert, .key = x->leaf[i].key};
		c->local.by = c->remote.by = IKE_BY_PUBKEY;
		c->local.creds = &x->cred[i];
		c->local.n_creds = 1;
		c->remote.trust = x->trust;
		ike_cert_subject(x->leaf[i].cert, &c->local.id);
	}
}

static void
take_certs(struct extras *x)
{
	ike_trust_free(x->trust);
	pki_free(&x->root);
	for (unsigned int i = 0; i < 2; i++)
		pki_free(&x->leaf[i]);
}

static struct world *
begin_with(const char *ike, const char *esp, struct extras *x, unsigned int kinds)
{
	static const char psk[] = "a pre-shared key of some length";
	struct world *w = world_create(1);

	secrets.n = 0;
	secrets.found = NULL;
	secrets.logged = NULL;
	secrets.searched = secrets.lines = 0;
	secrets.kinds = 0;
	w->logged = search_line;
	note("the PSK", (const uint8_t *)psk, sizeof(psk) - 1);
	for (unsigned int i = 0; i < 2; i++) {
		peer_proposals(&w->p[i], ike, esp);
		peer_psk(&w->p[i], psk);
	}
	w->p[0].children[0].start_action = IKE_ACTION_START;
	if ((kinds & KIND_PPK) != 0)
		give_ppk(w, x);
	if ((kinds & KIND_QCD) != 0)
		give_qcd(w);
	if ((kinds & KIND_KEY) != 0)
		give_certs(w, x);
	secrets.armed = true;
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	ike_set_pressure(w->p[1].e, (kinds & KIND_COOKIE) != 0);
	world_run(w, 5000);
	assert_int_equal(peer_live_children(&w->p[0]), 1);
	return w;
}

static struct world *
begin(const char *ike, const char *esp)
{
	return begin_with(ike, esp, NULL, 0);
}

/** The engines go; what the mocks know of keys goes unsearched. */
static void
end(struct world *w, unsigned int least)
{
	peer_kill(&w->p[0]);
	peer_kill(&w->p[1]);
	secrets.armed = false;
	world_destroy(w);
	assert_true(secrets.n >= least);
	assert_true(secrets.searched > 100);
	assert_true(secrets.lines > 4);
	if (secrets.found != NULL)
		fail_msg("memory was freed with %s in it", secrets.found);
	if (secrets.logged != NULL)
		fail_msg("%s was logged", secrets.logged);
}

static void
live_on(struct world *w, unsigned int job_ms)
{
	w->job_ms = job_ms;
	ike_rekey(w->p[0].e, &all_children, w->now);
	world_run(w, 40000);
	ike_rekey(w->p[1].e, &all_sas, w->now);
	world_run(w, 40000);
	ike_rekey(w->p[0].e, &all_sas, w->now);
	ike_rekey(w->p[1].e, &all_children, w->now);
	world_run(w, 40000);
	ike_terminate(w->p[0].e, &all_children, w->now);
	world_run(w, 40000);
	ike_terminate(w->p[1].e, &all_sas, w->now);
	world_run(w, 40000);
	assert_int_equal(peer_live_sas(&w->p[0]), 0);
	/* once more, to be there when the engines go */
	ike_initiate(w->p[1].e, NULL, "gre", w->now);
	world_run(w, 5000);
	assert_int_equal(peer_live_children(&w->p[0]), 1);
	end(w, 60);
}

static void
live(const char *ike, const char *esp, unsigned int job_ms)
{
	live_on(begin(ike, esp), job_ms);
}

/** Additional key exchanges in IKE_SA_INIT and in rekeyings, a PPK, cookies, tokens, late jobs or
 * not. */
static void
test_all_there_is(void **state)
{
	static const unsigned int all = KIND_PPK | KIND_COOKIE | KIND_QCD;
	struct extras x = {0};

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		live_on(begin_with("aes256-sha256-x25519-ke1_ecp256",
				"aes256gcm16-x25519-ke1_ecp256", &x, all),
			i * 300);
		assert_int_equal(secrets.kinds, all | KIND_MIXED);
	}
}

static void
test_certificates(void **state)
{
	struct extras x = {0};

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		live_on(begin_with("aes256-sha256-x25519", "aes256gcm16", &x, KIND_KEY | KIND_PPK),
			i * 300);
		assert_int_equal(secrets.kinds, KIND_KEY | KIND_PPK | KIND_MIXED);
		take_certs(&x);
	}
}

/** A round of IKE_INTERMEDIATE that the peer spoils, and an SA that ends in the midst of its
 * rounds. */
static void
test_ends_in_rounds(void **state)
{
	struct extras x = {0};

	(void)state;
	for (unsigned int i = 0; i < 12; i++) {
		struct world *w = begin_with("aes256-sha256-x25519-ke1_ecp256",
			"aes256gcm16-x25519-ke1_ecp256", &x, KIND_PPK);

		w->job_ms = 20;
		if (i % 2 == 0)
			ike_rekey(w->p[i / 2 % 2].e, &all_sas, w->now);
		else
			ike_rekey(w->p[i / 2 % 2].e, &all_children, w->now);
		world_run(w, 15 * (i / 2) + 10);
		end(w, 20);
	}
}

static void
test_aead(void **state)
{
	(void)state;
	live("aes256gcm16-prfsha384-x25519", "aes256gcm16-x25519", 0);
	live("chacha20poly1305-prfsha256-ecp384", "chacha20poly1305-ecp256", 0);
}

static void
test_cbc_modp(void **state)
{
	(void)state;
	live("aes128-sha1-modp1024", "aes128-sha1-modp1024", 0);
}

static void
test_late_jobs(void **state)
{
	(void)state;
	live("aes256-sha256-x25519", "aes256-sha256-x25519", 500);
}

static void
test_wrong_psk(void **state)
{
	struct world *w = begin("aes256-sha256-x25519", "aes256-sha256");

	(void)state;
	ike_terminate(w->p[0].e, &all_sas, w->now);
	world_run(w, 40000);
	secrets.armed = false; /* the test's own copy goes */
	peer_psk(&w->p[1], "another one, also long enough");
	secrets.armed = true;
	ike_initiate(w->p[0].e, NULL, "gre", w->now);
	world_run(w, 60000);
	assert_int_equal(peer_live_sas(&w->p[0]), 0);
	end(w, 20);
}

/** It would have been found. */
static void
test_control(void **state)
{
	uint8_t *block = malloc(64);

	(void)state;
	assert_non_null(block);
	secrets.n = 0;
	secrets.found = NULL;
	note("the control", (const uint8_t *)"0123456789abcdef", SECRET_LEN);
	memset(block, 0, 64);
	memcpy(block + 30, "0123456789abcdef", SECRET_LEN);
	secrets.armed = true;
	free(block);
	secrets.armed = false;
	assert_string_equal(secrets.found, "the control");
	secrets.logged = NULL;
	search_line(NULL, NULL, "key 30313233343536373839414243444546 here");
	assert_null(secrets.logged);
	search_line(NULL, NULL, "key 30313233343536373839616263646566 here");
	assert_string_equal(secrets.logged, "the control");
	block = malloc(64);
	assert_non_null(block);
	memset(block, 0, 64);
	memcpy(block + 30, "0123456789abcdef", SECRET_LEN);
	secrets.found = NULL;
	secrets.armed = true;
	free(realloc(block, 16));
	secrets.armed = false;
	assert_string_equal(secrets.found, "the control");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_control),
		cmocka_unit_test(test_aead),
		cmocka_unit_test(test_cbc_modp),
		cmocka_unit_test(test_late_jobs),
		cmocka_unit_test(test_wrong_psk),
		cmocka_unit_test(test_all_there_is),
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_ends_in_rounds),
	};

	/* before libcrypto allocates anything */
	if (CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free) != 1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
