/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/notify.h"

/* A socket as systemd has it; name begins with '@' for one without a file. */
static int
listen_on(const char *name)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	memcpy(addr.sun_path, name, strlen(name));
	if (name[0] == '@')
		addr.sun_path[0] = '\0';
	assert_int_equal(
		bind(fd, (struct sockaddr *)&addr,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
		0);
	return fd;
}

static void
check_told(const char *name)
{
	int fd = listen_on(name);
	char buf[32] = "";

	setenv("NOTIFY_SOCKET", name, 1);
	assert_int_equal(gw_notify("READY=1"), 0);
	assert_int_equal(recv(fd, buf, sizeof(buf) - 1, 0), 7);
	assert_string_equal(buf, "READY=1");
	close(fd);
}

static void
test_told(void **state)
{
	char file[64], hidden[64];

	snprintf(file, sizeof(file), "/tmp/test_notify.%d", (int)getpid());
	snprintf(hidden, sizeof(hidden), "@test_notify.%d", (int)getpid());
	check_told(hidden);
	check_told(file);
	/* systemd went away */
	assert_int_equal(gw_notify("STOPPING=1"), -ECONNREFUSED);
	unlink(file);
	assert_int_equal(gw_notify("STOPPING=1"), -ENOENT);
}

static void
test_nobody(void **state)
{
	char path[200];

	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(gw_notify("READY=1"), 0);
	setenv("NOTIFY_SOCKET", "", 1);
	assert_int_equal(gw_notify("READY=1"), 0);
	setenv("NOTIFY_SOCKET", "vsock:2:1", 1);
	assert_int_equal(gw_notify("READY=1"), -EINVAL);
	memset(path, 'a', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	setenv("NOTIFY_SOCKET", path, 1);
	assert_int_equal(gw_notify("READY=1"), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_told),
		cmocka_unit_test(test_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
