/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_RESOLVER_H
#define GW_RESOLVER_H

/*
 * Host names of peers, looked up by the C library on threads of its own: a name server that is slow
 * or gone must not hold control up. Questions and answers are matched by a token. Needs no EAL.
 */

#include <netinet/in.h>
#include <stdint.h>

#define RESOLVER_ADDRS_MAX 8

struct resolver;

/** @return NULL on lack of memory; no thread runs before the first question */
struct resolver *resolver_create(void);
/** What is under way goes on by itself and is forgotten. NULL is fine. */
void resolver_destroy(struct resolver *r);

/** @return 0, or -errno: there will be no answer */
int resolver_ask(struct resolver *r, uint32_t token, const char *name);

/**
 * Hand out the answers that are there.
 * @param answer n IPv6 addresses in getaddrinfo()'s order; with n == 0 why says what went wrong
 */
void resolver_poll(struct resolver *r,
	void (*answer)(void *arg, uint32_t token, const struct in6_addr *addrs, unsigned int n,
		const char *why),
	void *arg);

#endif
