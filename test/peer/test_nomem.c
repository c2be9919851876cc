/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Memory runs out: the n-th allocation that an engine makes fails, for every n of a life from
 * connecting to the end, first the engine's own ones, then libcrypto's as well. Nothing crashes,
 * leaks or stays half done, and once there is memory again both ends agree again. The linker puts
 * what is called __wrap_ here in front of the real one (meson.build); what the host does always
 * succeeds.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/crypto.h>

#include "ike/sa.h"
#include "world.h"

static struct {
	unsigned int depth; /* calls into an engine less calls out to its host: even = not inside */
	bool crypto;        /* libcrypto's count too */
	uint64_t seen;      /* allocations inside an engine so far */
	uint64_t fail, fail_to; /* those of them that fail */
} mem;

static bool
refuse(bool counts)
{
	if (mem.depth % 2 == 0 || !counts)
		return false;
	mem.seen++;
	return mem.seen >= mem.fail && mem.seen < mem.fail_to;
}

/* ---- allocation ---- */

void *__real_malloc(size_t len);
void *__real_calloc(size_t n, size_t len);
void *__real_realloc(void *p, size_t len);
void *__real_reallocarray(void *p, size_t n, size_t len);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t len);
void *__wrap_calloc(size_t n, size_t len);
void *__wrap_realloc(void *p, size_t len);
void *__wrap_reallocarray(void *p, size_t n, size_t len);
char *__wrap_strdup(const char *s);

void *
__wrap_malloc(size_t len)
{
	return refuse(true) ? NULL : __real_malloc(len);
}

void *
__wrap_calloc(size_t n, size_t len)
{
	return refuse(true) ? NULL : __real_calloc(n, len);
}

void *
__wrap_realloc(void *p, size_t len)
{
	return refuse(true) ? NULL : __real_realloc(p, len);
}

void *
__wrap_reallocarray(void *p, size_t n, size_t len)
{
	return refuse(true) ? NULL : __real_reallocarray(p, n, len);
}

char *
__wrap_strdup(const char *s)
{
	return refuse(true) ? NULL : __real_strdup(s);
}

static void *
crypto_malloc(size_t len, const char *file, int line)
{
	(void)file;
	(void)line;
	return refuse(mem.crypto) ? NULL : __real_malloc(len);
}

static void *
crypto_realloc(void *p, size_t len, const char *file, int line)
{
	(void)file;
	(void)line;
	return refuse(mem.crypto) ? NULL : __real_realloc(p, len);
}

static void
crypto_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

/* ---- in and out of an engine ---- */

#define INSIDE(type, name, args, call)                                                             \
	type __real_##name args;                                                                   \
	type __wrap_##name args;                                                                   \
	type __wrap_##name args                                                                    \
	{                                                                                          \
		type ret;                                                                          \
                                                                                                   \
		mem.depth++;                                                                       \
		ret = __real_##name call;                                                          \
		mem.depth--;                                                                       \
		return ret;                                                                        \
	}

INSIDE(uint64_t, ike_tick, (struct ike * e, uint64_t now), (e, now))
INSIDE(int, ike_initiate, (struct ike * e, const char *conn, const char *child, uint64_t now),
	(e, conn, child, now))
INSIDE(int, ike_rekey, (struct ike * e, const struct ike_select *sel, uint64_t now), (e, sel, now))
INSIDE(int, ike_terminate, (struct ike * e, const struct ike_select *sel, uint64_t now),
	(e, sel, now))

void __real_ike_input(
	struct ike *e, const struct ike_path *path, const uint8_t *buf, size_t len, uint64_t now);
void __wrap_ike_input(
	struct ike *e, const struct ike_path *path, const uint8_t *buf, size_t len, uint64_t now);

void
__wrap_ike_input(
	struct ike *e, const struct ike_path *path, const uint8_t *buf, size_t len, uint64_t now)
{
	mem.depth++;
	__real_ike_input(e, path, buf, len, now);
	mem.depth--;
}

/* the host as world.c made it, with what allocates there taken out of the count */
static struct ike_host outside;

static void
host_send(void *arg, const struct ike_path *path, const uint8_t *buf, size_t len)
{
	mem.depth++;
	outside.send(arg, path, buf, len);
	mem.depth--;
}

static int
host_child_add(void *arg, const struct ike_child_sa *sa)
{
	int ret;

	mem.depth++;
	ret = outside.child_add(arg, sa);
	mem.depth--;
	return ret;
}

static void
host_event(void *arg, const struct ike_event *ev)
{
	mem.depth++;
	outside.event(arg, ev);
	mem.depth--;
}

static void
host_log(void *arg, enum ike_log_level level, const char *group, const char *name, const char *msg)
{
	mem.depth++;
	outside.log(arg, level, group, name, msg);
	mem.depth--;
}

static void
start(struct peer *p)
{
	peer_start(p);
	outside = p->e->host;
	p->e->host.send = host_send;
	p->e->host.child_add = host_child_add;
	p->e->host.event = host_event;
	p->e->host.log = host_log;
}

/* ---- a life ---- */

static const struct ike_select all_children = {.child = "gre"}, all_sas = {.ike = "gw-gw"};

static void
live(struct world *w)
{
	ike_initiate(w->p[0].e, NULL, "gre", w->now);
	world_run(w, 1000);
	ike_rekey(w->p[0].e, &all_children, w->now);
	world_run(w, 1000);
	ike_rekey(w->p[1].e, &all_sas, w->now);
	world_run(w, 1000);
	/* both at once: a collision */
	ike_rekey(w->p[0].e, &all_children, w->now);
	ike_rekey(w->p[1].e, &all_children, w->now);
	world_run(w, 1000);
	ike_initiate(w->p[1].e, NULL, "other", w->now);
	world_run(w, 1000);
	ike_terminate(w->p[0].e, &all_children, w->now);
	world_run(w, 1000);
	ike_initiate(w->p[0].e, NULL, "gre", w->now);
	world_run(w, 6000);
}

static struct world *
make_world(uint64_t seed)
{
	struct world *w = world_create(seed);

	for (unsigned int i = 0; i < 2; i++) {
		w->p[i].conn.dpd_delay_s = 20;
		w->p[i].conn.n_children = 2;
		w->p[i].cfg.retransmit_tries = 3;
		w->p[i].children[0].start_action = IKE_ACTION_START;
		w->p[i].children[0].dpd_action = IKE_ACTION_START;
		w->p[i].children[0].close_action = IKE_ACTION_START;
		w->p[i].children[0].time_s = (struct ike_life){60, 90, 10};
		w->p[i].conn.rekey_time_s = i == 0 ? 5 : 0;
		w->p[i].conn.over_time_s = 60;
		start(&w->p[i]);
	}
	return w;
}

/** One life; allocations from..to-1 fail. @return how many there were until the end of live() */
static uint64_t
run(uint64_t from, uint64_t to)
{
	struct world *w = make_world(77);
	uint64_t seen;

	mem.seen = 0;
	mem.fail = from;
	mem.fail_to = to;
	live(w);
	seen = mem.seen;
	mem.fail = mem.fail_to = UINT64_MAX;
	/* lifetimes and liveness put in order what was left behind, whatever it is */
	world_run(w, 600000);
	ike_terminate(w->p[0].e, &(struct ike_select){.child = "other"}, w->now);
	world_run(w, 10000);
	ike_initiate(w->p[0].e, NULL, "gre", w->now);
	world_run(w, 10000);
	assert_int_equal(mem.depth, 0);
	world_assert_settled(w, 1);
	for (unsigned int i = 0; i < 2; i++)
		assert_null(strstr(w->p[i].log, "IKE_SA 1 reached its hard limit"));
	world_destroy(w);
	return seen;
}

static unsigned int
env_number(const char *name, unsigned int dflt)
{
	const char *text = getenv(name);

	return text != NULL ? (unsigned int)strtoul(text, NULL, 0) : dflt;
}

/* A life needs more allocations than that: with fewer they were not counted. */
#define FEWEST 150

/** Each single one fails, and from each one on several do. */
static void
test_own(void **state)
{
	static const unsigned int spans[] = {1, 4, 40};
	unsigned int one = env_number("NOMEM", 0);

	(void)state;
	mem.crypto = false;
	for (unsigned int s = 0; s < sizeof(spans) / sizeof(spans[0]); s++)
		for (uint64_t n = one != 0 ? one : 1;; n++) {
			fprintf(stderr, "\r%u from %u on fail ", spans[s], (unsigned int)n);
			if (run(n, n + spans[s]) < n || one != 0) {
				assert_true(one != 0 || n > FEWEST);
				break;
			}
		}
}

/** libcrypto makes thousands: every 37th is tried, each run of the test begins at the same one. */
static void
test_crypto(void **state)
{
	unsigned int one = env_number("NOMEM_CRYPTO", 0), step = env_number("NOMEM_STEP", 37);

	(void)state;
	mem.crypto = true;
	for (uint64_t n = one != 0 ? one : 1;; n += step) {
		fprintf(stderr, "\rnumber %u fails ", (unsigned int)n);
		if (run(n, n + 1) < n || one != 0) {
			assert_true(one != 0 || n > FEWEST);
			break;
		}
	}
	mem.crypto = false;
}

/** Creation fails as a whole. */
static void
test_create(void **state)
{
	struct world *w = make_world(78);
	struct ike_host host = w->p[0].e->host;
	struct ike *e = NULL;
	unsigned int n = 0;

	(void)state;
	while (e == NULL) {
		assert_true(n < 100);
		mem.seen = 0;
		mem.fail = ++n;
		mem.fail_to = n + 1;
		mem.depth++;
		e = ike_create(&host, &w->p[0].cfg, 1);
		mem.depth--;
	}
	assert_true(n > 5);
	ike_destroy(e);
	mem.fail = mem.fail_to = UINT64_MAX;
	world_destroy(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_create),
		cmocka_unit_test(test_crypto),
	};

	mem.fail = mem.fail_to = UINT64_MAX;
	if (CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free) != 1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
