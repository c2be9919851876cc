/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/claim.h"

static char name[32], other[64];

static void
one_holder(void **state)
{
	pid_t holder;
	int fd = gw_claim(name, &holder), fd2;

	assert_true(fd >= 0);
	for (int i = 0; i < 200; i++) /* the queue of its listener fills; the refusal stays */
		assert_int_equal(gw_claim(name, &holder), -EADDRINUSE);
	fd2 = gw_claim(other, &holder);
	assert_true(fd2 >= 0);
	assert_int_equal(gw_claim(other, &holder), -EADDRINUSE);
	assert_int_equal(holder, getpid());
	close(fd);
	close(fd2);
	fd = gw_claim(name, &holder);
	assert_true(fd >= 0);
	assert_int_equal(holder, 0);
	close(fd);
}

/* A killed process leaves nothing behind. */
static void
killed_holder(void **state)
{
	int ready[2], fd;
	pid_t pid, holder;
	char c;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (gw_claim(name, &holder) < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	assert_int_equal(gw_claim(name, &holder), -EADDRINUSE);
	assert_int_equal(holder, pid);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	fd = gw_claim(name, &holder);
	assert_true(fd >= 0);
	close(fd);
}

static void
long_names(void **state)
{
	char text[200];
	pid_t holder;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	assert_int_equal(gw_claim(text, &holder), -ENAMETOOLONG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_holder),
		cmocka_unit_test(killed_holder),
		cmocka_unit_test(long_names),
	};

	snprintf(name, sizeof(name), "raclette test %d", (int)getpid());
	snprintf(other, sizeof(other), "%s b", name);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
