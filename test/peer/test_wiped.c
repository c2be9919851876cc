/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * No memory is given back with a secret in it. Each secret is noted where it is made: shared
 * secrets of Diffie-Hellman, all keys of IKE SAs and children, the PSK. From then on each block
 * that the engine or libcrypto frees is searched for all of them, through a whole life in each way
 * an SA can end. The linker puts what is called __wrap_ here in front of the real one
 * (meson.build).
 */

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/crypto.h>

#include "ike/crypto.h"
#include "ike/keymat.h"
#include "world.h"

#define SECRETS_MAX 1024
#define SECRET_LEN  16 /* so many bytes of one prove it */

static struct {
	uint8_t bytes[SECRETS_MAX][SECRET_LEN];
	const char *name[SECRETS_MAX];
	unsigned int n;
	bool armed;
	const char *found; /* the first one that was freed */
	uint64_t searched; /* blocks */
} secrets;

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

/* ---- where memory goes back ---- */

void __real_free(void *p);
void __wrap_free(void *p);

void
__wrap_free(void *p)
{
	search(p);
	__real_free(p);
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
	return realloc(p, len);
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

/* ---- lives ---- */

static const struct ike_select all_children = {.child = "gre"};
static const struct ike_select all_sas = {.ike = "gw-gw"};

static struct world *
begin(const char *ike, const char *esp)
{
	static const char psk[] = "a pre-shared key of some length";
	struct world *w = world_create(1);

	secrets.n = 0;
	secrets.found = NULL;
	secrets.searched = 0;
	note("the PSK", (const uint8_t *)psk, sizeof(psk) - 1);
	for (unsigned int i = 0; i < 2; i++) {
		peer_proposals(&w->p[i], ike, esp);
		peer_psk(&w->p[i], psk);
	}
	w->p[0].children[0].start_action = IKE_ACTION_START;
	secrets.armed = true;
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	world_run(w, 5000);
	assert_int_equal(peer_live_children(&w->p[0]), 1);
	return w;
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
	if (secrets.found != NULL)
		fail_msg("memory was freed with %s in it", secrets.found);
}

static void
live(const char *ike, const char *esp, unsigned int job_ms)
{
	struct world *w = begin(ike, esp);

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
	};

	/* before libcrypto allocates anything */
	if (CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free) != 1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
