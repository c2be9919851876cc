/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * How much memory strangers can take who know how to go on: IKE_SA_INIT answered, then as much of a
 * valid IKE_AUTH as is kept of it. All that the process allocates is counted, libcrypto's too; the
 * linker puts what is called __wrap_ here in front of the real one (meson.build).
 */

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/crypto.h>

#include "ike/sa.h"
#include "mock.h"
#include "pki.h"

#define STRANGERS 100

/* what ike/README.md says of one */
#define WITH_FRAGMENTS (24 * 1024)
#define WITH_JOB       (48 * 1024)
#define PARSED         (256 * 1024) /* while one job runs, whatever it reads */
#define LINGERING      2048

/* ---- counting ---- */

static struct {
	size_t live, peak;
} heap;

static void *
took(void *p)
{
	heap.live += p != NULL ? malloc_usable_size(p) : 0;
	if (heap.live > heap.peak)
		heap.peak = heap.live;
	return p;
}

void *__real_malloc(size_t len);
void *__wrap_malloc(size_t len);
void *__real_calloc(size_t n, size_t len);
void *__wrap_calloc(size_t n, size_t len);
void *__wrap_realloc(void *p, size_t len);
void __real_free(void *p);
void __wrap_free(void *p);

void *
__wrap_malloc(size_t len)
{
	return took(__real_malloc(len));
}

void *
__wrap_calloc(size_t n, size_t len)
{
	return took(__real_calloc(n, len));
}

void
__wrap_free(void *p)
{
	heap.live -= p != NULL ? malloc_usable_size(p) : 0;
	__real_free(p);
}

void *
__wrap_realloc(void *p, size_t len)
{
	size_t was = p != NULL ? malloc_usable_size(p) : 0;
	void *more = __wrap_malloc(len);

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
	return __wrap_malloc(len);
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
	__wrap_free(p);
}

/* ---- strangers whose IKE_AUTH is nearly as long as one may be ---- */

static struct {
	struct pki root, leaf, fat;
	struct ike_credential cred;
	struct ike_trust *trust;
	bool last_lost; /* the last fragment never comes */
	unsigned int lost;
} s;

static bool
on_auth(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	struct ike_msg m;

	if (from != 0 || buf[18] != IKE_X_AUTH)
		return true;
	w->job_ms = s.last_lost ? 0 : 1000000;
	if (!s.last_lost || ike_msg_parse(&m, buf, *len) != 0 || m.frag_num != m.frag_total)
		return true;
	s.lost++;
	return false;
}

static void
make_certs(void)
{
	static char san[6900];
	size_t at = 0;

	for (unsigned int i = 0; at < sizeof(san) - 64; i++)
		at += (size_t)snprintf(san + at, sizeof(san) - at, "%sDNS:host-%u.example.org",
			i > 0 ? "," : "", i);
	s.root = pki_make(&(struct pki_want){.subject = "CN=Root", .key = "p256", .ca = true});
	s.leaf = pki_make(
		&(struct pki_want){.subject = "CN=stranger", .key = "p256", .issuer = &s.root});
	s.fat = pki_make(&(struct pki_want){
		.subject = "CN=fat", .san = san, .key = "p256", .issuer = &s.root});
	s.cred = (struct ike_credential){.cert = s.leaf.cert, .key = s.leaf.key, .n_chain = 2};
	s.cred.chain[0] = s.cred.chain[1] = s.fat.cert;
	s.trust = ike_trust_create(&s.root.cert, 1, NULL, 0);
}

/** Peer 1 trusts no CA of peer 0's: whatever comes of it fails. */
static struct world *
make_world(bool last_lost)
{
	struct world *w = world_create(1);
	struct ike_cfg *hub = &w->p[1].cfg;

	memset(&s, 0, sizeof(s));
	make_certs();
	s.last_lost = last_lost;
	for (unsigned int i = 0; i < 2; i++) {
		struct ike_auth_cfg *local = &w->p[i].conn.local, *remote = &w->p[i].conn.remote;

		local->by = i == 0 ? IKE_BY_PUBKEY : IKE_BY_PSK;
		remote->by = i == 0 ? IKE_BY_PSK : IKE_BY_PUBKEY;
		peer_id(&w->p[i].conn.local.id, i == 0 ? "nobody.example" : "hub.example");
		remote->trust = s.trust;
	}
	w->p[0].conn.local.creds = &s.cred;
	w->p[0].conn.local.n_creds = 1;
	w->p[0].conn.send_cert = IKE_SEND_CERT_ALWAYS;
	hub->cookie_threshold = hub->block_threshold = hub->half_open_max = 10 * STRANGERS;
	w->filter = on_auth;
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	return w;
}

static void
knock(struct world *w, unsigned int n)
{
	static const struct ike_select all = {.ike = "gw-gw"};

	for (unsigned int i = 0; i < n; i++) {
		w->job_ms = 0;
		assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
		world_run(w, 100);
		assert_int_equal(ike_terminate(w->p[0].e, &all, w->now), 1);
	}
}

static void
done(struct world *w)
{
	world_destroy(w);
	ike_trust_free(s.trust);
	pki_free(&s.root);
	pki_free(&s.leaf);
	pki_free(&s.fat);
}

static void
expect_each(const char *what, size_t before, size_t most)
{
	size_t each = heap.live > before ? (heap.live - before) / STRANGERS : 0;

	print_message("%s: %zu bytes each\n", what, each);
	assert_in_range(each, 1, most);
}

/** All but the last fragment of 15 KiB: it is kept for half a minute, then nothing is. */
static void
test_fragments(void **state)
{
	struct world *w = make_world(true);
	struct ike_stats st;
	size_t before;

	(void)state;
	knock(w, 1);
	before = heap.live;
	knock(w, STRANGERS);
	ike_get_stats(w->p[1].e, &st);
	assert_int_equal(st.n_half_open, STRANGERS + 1);
	assert_int_equal(s.lost, STRANGERS + 1);
	assert_true(w->p[1].e->sas->frags[0]->bytes > 12000);
	expect_each("half-open, with fragments", before, WITH_FRAGMENTS);
	world_run(w, 100000);
	assert_int_equal(w->p[1].e->n_listed, 0);
	done(w);
}

/** The whole message waits for the job that judges its certificates; then what failed lingers. */
static void
test_waiting_for_jobs(void **state)
{
	struct world *w = make_world(false);
	size_t before, waiting;

	(void)state;
	knock(w, 1);
	before = heap.live;
	knock(w, STRANGERS);
	assert_int_equal(w->n_jobs, STRANGERS + 1);
	expect_each("half-open, waiting for a job", before, WITH_JOB);
	waiting = heap.peak = heap.live;
	w->filter = NULL;
	/* what is parsed goes with the job that parsed it */
	for (struct mock_job *j = w->jobs; j != NULL; j = j->next)
		j->at = w->now;
	world_run(w, 10);
	print_message("parsed while a job runs: %zu bytes\n", heap.peak - waiting);
	assert_true(heap.peak - waiting < PARSED);
	assert_int_equal(w->p[1].e->n_state[IKE_SA_LINGER], STRANGERS + 1);
	expect_each("failed, lingering", before, LINGERING);
	world_run(w, 100000);
	assert_int_equal(w->p[1].e->n_listed, 0);
	done(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_waiting_for_jobs),
	};

	/* before libcrypto allocates anything */
	if (CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free) != 1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
