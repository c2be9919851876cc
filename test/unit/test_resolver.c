/* SPDX-License-Identifier: BSD-3-Clause */

/* Look-ups on other threads, with names that need no name server: addresses. */

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/resolver.h"

#define N 100

static unsigned int got, v6, v4_only, wrong;

static void
answer(void *arg, uint32_t token, const struct in6_addr *addrs, unsigned int n, const char *why)
{
	char text[64], name[64];

	(void)arg;
	got++;
	if (token % 3 == 0) {
		snprintf(name, sizeof(name), "2001:db8::%x", token + 1);
		assert_int_equal(n, 1);
		assert_string_equal(inet_ntop(AF_INET6, &addrs[0], text, sizeof(text)), name);
		v6++;
		return;
	}
	assert_int_equal(n, 0);
	assert_non_null(why);
	if (token % 3 == 1)
		v4_only += strstr(why, "IPv4 addresses only") != NULL;
	else
		wrong += strstr(why, "can be a peer's") != NULL;
}

static void
test_all(void **state)
{
	struct resolver *r = resolver_create();
	char name[64];

	(void)state;
	assert_non_null(r);
	for (uint32_t i = 0; i < N * 3; i++) {
		if (i % 3 == 0)
			snprintf(name, sizeof(name), "2001:db8::%x", i + 1);
		else
			snprintf(name, sizeof(name), i % 3 == 1 ? "192.0.2.1" : "ff02::1");
		assert_int_equal(resolver_ask(r, i, name), 0);
	}
	while (got < N * 3) {
		resolver_poll(r, answer, NULL);
		usleep(1000);
	}
	assert_int_equal(v6, N);
	assert_int_equal(v4_only, N);
	assert_int_equal(wrong, N);
	resolver_destroy(r);
}

/* its threads see to the rest */
static void
test_leave(void **state)
{
	struct resolver *r = resolver_create();

	(void)state;
	for (uint32_t i = 0; i < N; i++)
		assert_int_equal(resolver_ask(r, i, "2001:db8::1"), 0);
	resolver_destroy(r);
	resolver_destroy(resolver_create());
	resolver_destroy(NULL);
	usleep(200000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
