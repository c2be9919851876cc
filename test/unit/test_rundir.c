/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/rundir.h"

static char base[64];

/* A process id that nobody has: of a child that has ended. */
static int
dead_pid(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return pid;
}

static const char *
path_of(const char *dir, const char *file)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s%s%s", base, dir, file[0] != 0 ? "/" : "", file);
	return path;
}

static bool
is_there(const char *dir, const char *file)
{
	struct stat st;

	return lstat(path_of(dir, file), &st) == 0;
}

static void
make(const char *dir, const char *file)
{
	int fd;

	if (!is_there(dir, ""))
		assert_int_equal(mkdir(path_of(dir, ""), 0700), 0);
	if (file[0] == 0)
		return;
	fd = open(path_of(dir, file), O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static int
serve(const char *dir, const char *file)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	const char *path;

	make(dir, "");
	path = path_of(dir, file);
	assert_true(strlen(path) < sizeof(addr.sun_path));
	memcpy(addr.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static int
set_up(void **state)
{
	snprintf(base, sizeof(base), "/tmp/test_rundir.XXXXXX");
	return mkdtemp(base) != NULL ? 0 : -1;
}

static int
tear_down(void **state)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", base);
	return system(cmd);
}

static void
sweeps_the_dead(void **state)
{
	char dead[32], full[32], alive[32];

	snprintf(dead, sizeof(dead), "raclette-%d", dead_pid());
	snprintf(full, sizeof(full), "raclette-%d", dead_pid());
	snprintf(alive, sizeof(alive), "raclette-%d", (int)getpid());
	make(dead, "");
	make(full, "config");
	make(full, "fbarray_memzone");
	close(serve(full, "dpdk_telemetry.v2"));
	make(alive, "config");
	assert_int_equal(gw_rundir_sweep(base), 2);
	assert_false(is_there(dead, ""));
	assert_false(is_there(full, ""));
	assert_true(is_there(alive, "config"));
}

static void
leaves_the_rest(void **state)
{
	char keep[6][32];
	int dead = dead_pid();

	snprintf(keep[0], sizeof(keep[0]), "raclette-%dx", dead);
	snprintf(keep[1], sizeof(keep[1]), "raclette-0%d", dead);
	snprintf(keep[2], sizeof(keep[2]), "other-%d", dead);
	snprintf(keep[3], sizeof(keep[3]), "raclette-");
	snprintf(keep[4], sizeof(keep[4]), "raclette--%d", dead);
	snprintf(keep[5], sizeof(keep[5]), "rte");
	for (int i = 0; i < 6; i++)
		make(keep[i], "");
	assert_int_equal(gw_rundir_sweep(base), 0);
	for (int i = 0; i < 6; i++)
		assert_true(is_there(keep[i], ""));
	assert_int_equal(gw_rundir_sweep("/nonexistent"), 0);
}

/* Somebody's own file, a socket that is served, a link to elsewhere. */
static void
leaves_what_is_not_dpdks(void **state)
{
	char own[32], served[32], link[32];
	int fd;

	snprintf(own, sizeof(own), "raclette-%d", dead_pid());
	snprintf(served, sizeof(served), "raclette-%d", dead_pid());
	snprintf(link, sizeof(link), "raclette-%d", dead_pid());
	make(own, "config");
	make(own, "notes.txt");
	fd = serve(served, "dpdk_telemetry.v2");
	make("elsewhere", "config");
	assert_int_equal(symlink("elsewhere", path_of(link, "")), 0);
	assert_int_equal(gw_rundir_sweep(base), 0);
	assert_true(is_there(own, "config"));
	assert_true(is_there(served, "dpdk_telemetry.v2"));
	assert_true(is_there("elsewhere", "config"));
	assert_int_equal(gw_rundir_remove(path_of(own, ""), true), -ENOTEMPTY);
	assert_int_equal(gw_rundir_remove(path_of(served, ""), false), -EBUSY);
	assert_int_equal(gw_rundir_remove(path_of(served, ""), true), 0);
	assert_int_equal(gw_rundir_remove(path_of(served, ""), true), -ENOENT);
	close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sweeps_the_dead),
		TEST(leaves_the_rest),
		TEST(leaves_what_is_not_dpdks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
