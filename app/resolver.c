/* SPDX-License-Identifier: BSD-3-Clause */
#include "resolver.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define THREADS_MAX                                                                                \
	4 /* names whose server does not answer delay the others no more than this allows */

struct question {
	struct question *next;
	uint32_t token;
	unsigned int n;
	struct in6_addr addrs[RESOLVER_ADDRS_MAX];
	const char *why;
	char name[];
};

struct list {
	struct question *first, **last;
};

struct resolver {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct list asked, done;
	unsigned int n_threads, n_idle;
	bool stopping; /* the last thread frees it */
};

static void
put(struct list *l, struct question *q)
{
	q->next = NULL;
	*l->last = q;
	l->last = &q->next;
}

static struct question *
take(struct list *l)
{
	struct question *q = l->first;

	if (q == NULL)
		return NULL;
	l->first = q->next;
	if (l->first == NULL)
		l->last = &l->first;
	return q;
}

static void
discard(struct list *l)
{
	struct question *q;

	while ((q = take(l)) != NULL)
		free(q);
}

/* ---- looking up, without the lock ---- */

static int
look_up(const char *name, int family, struct addrinfo **found)
{
	/* not AI_ADDRCONFIG: the outside's addresses are raclette's, the kernel may have none */
	const struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_DGRAM};

	*found = NULL;
	return getaddrinfo(name, NULL, &hints, found);
}

static bool
is_unicast(const struct in6_addr *a)
{
	return !IN6_IS_ADDR_UNSPECIFIED(a) && !IN6_IS_ADDR_LOOPBACK(a) &&
	       !IN6_IS_ADDR_MULTICAST(a) && !IN6_IS_ADDR_LINKLOCAL(a) && !IN6_IS_ADDR_V4MAPPED(a);
}

static void
answer_question(struct question *q)
{
	struct addrinfo *found, *v4;
	int rc = look_up(q->name, AF_INET6, &found);

	for (const struct addrinfo *a = found; rc == 0 && a != NULL; a = a->ai_next) {
		struct sockaddr_in6 sin6;

		memcpy(&sin6, a->ai_addr, sizeof(sin6));
		if (q->n < RESOLVER_ADDRS_MAX && is_unicast(&sin6.sin6_addr))
			q->addrs[q->n++] = sin6.sin6_addr;
	}
	if (rc == 0)
		freeaddrinfo(found);
	if (q->n > 0)
		return;
	q->why = rc != 0 ? gai_strerror(rc) : "none of its IPv6 addresses can be a peer's";
	if (rc == EAI_AGAIN || look_up(q->name, AF_INET, &v4) != 0)
		return;
	freeaddrinfo(v4);
	q->why = "it has IPv4 addresses only, and outside there is IPv6 only";
}

/* ---- threads ---- */

static void
free_all(struct resolver *r)
{
	discard(&r->asked);
	discard(&r->done);
	pthread_cond_destroy(&r->more);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static void *
serve(void *arg)
{
	struct resolver *r = arg;
	struct question *q;
	bool last;

	pthread_mutex_lock(&r->lock);
	while (!r->stopping) {
		q = take(&r->asked);
		if (q == NULL) {
			r->n_idle++;
			pthread_cond_wait(&r->more, &r->lock);
			r->n_idle--;
			continue;
		}
		pthread_mutex_unlock(&r->lock);
		answer_question(q);
		pthread_mutex_lock(&r->lock);
		put(&r->done, q);
	}
	last = --r->n_threads == 0;
	pthread_mutex_unlock(&r->lock);
	if (last)
		free_all(r);
	return NULL;
}

/** One more when none is idle. @return 0, or an errno when there is none at all */
static int
start_thread(struct resolver *r)
{
	pthread_t t;
	int rc;

	if (r->n_idle > 0 || r->n_threads == THREADS_MAX)
		return 0;
	rc = pthread_create(&t, NULL, serve, r);
	if (rc != 0)
		return r->n_threads > 0 ? 0 : rc;
	pthread_detach(t);
	r->n_threads++;
	return 0;
}

struct resolver *
resolver_create(void)
{
	struct resolver *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->more, NULL);
	r->asked.last = &r->asked.first;
	r->done.last = &r->done.first;
	return r;
}

void
resolver_destroy(struct resolver *r)
{
	bool last;

	if (r == NULL)
		return;
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	last = r->n_threads == 0;
	pthread_cond_broadcast(&r->more);
	pthread_mutex_unlock(&r->lock);
	if (last)
		free_all(r);
}

int
resolver_ask(struct resolver *r, uint32_t token, const char *name)
{
	size_t len = strlen(name) + 1;
	struct question *q = calloc(1, sizeof(*q) + len);
	int rc;

	if (q == NULL)
		return -ENOMEM;
	q->token = token;
	memcpy(q->name, name, len);
	pthread_mutex_lock(&r->lock);
	rc = start_thread(r);
	if (rc == 0) {
		put(&r->asked, q);
		pthread_cond_signal(&r->more);
	}
	pthread_mutex_unlock(&r->lock);
	if (rc != 0)
		free(q);
	return -rc;
}

void
resolver_poll(struct resolver *r,
	void (*answer)(void *arg, uint32_t token, const struct in6_addr *addrs, unsigned int n,
		const char *why),
	void *arg)
{
	struct question *q;

	for (;;) {
		pthread_mutex_lock(&r->lock);
		q = take(&r->done);
		pthread_mutex_unlock(&r->lock);
		if (q == NULL)
			return;
		answer(arg, q->token, q->addrs, q->n, q->why);
		free(q);
	}
}
