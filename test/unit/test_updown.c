/* SPDX-License-Identifier: BSD-3-Clause */
/* The updown helper with real processes: what is run, with what, in which order, for how long. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/updown_int.h"

#define LINES_MAX 256
#define HANGS_MS  30000 /* what ends within this has not hung */

struct log {
	unsigned int n;
	char child[LINES_MAX][32];
	char text[LINES_MAX][600];
};

static void
on_line(void *arg, const char *child, const char *text)
{
	struct log *l = arg;

	assert_true(l->n < LINES_MAX);
	snprintf(l->child[l->n], sizeof(l->child[0]), "%s", child);
	snprintf(l->text[l->n], sizeof(l->text[0]), "%s", text);
	l->n++;
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Until there are n lines, or nothing has come for a while. */
static void
collect(struct updown *u, struct log *l, unsigned int n)
{
	int64_t end = now_ms() + 10000;

	while (l->n < n && now_ms() < end && updown_fd(u) >= 0) {
		struct pollfd pfd = {.fd = updown_fd(u), .events = POLLIN};

		poll(&pfd, 1, 100);
		updown_poll(u, on_line, l);
	}
}

static struct updown_call
call(const char *child, const char *command)
{
	struct updown_call c = {
		.command = command,
		.up = true,
		.child = child,
		.interface = "gre1",
		.reqid = 7,
		.uniqueid = 3,
		.my_id = "gw@example.org",
		.peer_id = "fd00::2",
		.my_ts = {.type = IKE_TS_IPV6_ADDR_RANGE, .proto = 47, .port_to = 65535},
		.peer_ts = {.type = IKE_TS_IPV6_ADDR_RANGE, .proto = 47, .port_to = 65535},
	};

	inet_pton(AF_INET6, "fd00::1", &c.me);
	inet_pton(AF_INET6, "fd00::2", &c.peer);
	memcpy(c.my_ts.from, &c.me, 16);
	memcpy(c.my_ts.to, &c.me, 16);
	memcpy(c.peer_ts.from, &c.peer, 16);
	memcpy(c.peer_ts.to, &c.peer, 16);
	return c;
}

static void
run(struct updown *u, const char *child, const char *command)
{
	struct updown_call c = call(child, command);

	assert_int_equal(updown_run(u, &c), 0);
}

/* ---- command lines ---- */

static void
words(void **state)
{
	static const struct {
		const char *in, *out; /* words, each in brackets; NULL: refused */
	} rows[] = {
		{"/a", "[/a]"},
		{"  /a\tb  c ", "[/a][b][c]"},
		{"/a 'b c' \"d e\"", "[/a][b c][d e]"},
		{"/a x'b'\"c\"y", "[/a][xbcy]"},
		{"/a '' \"\"", "[/a][][]"},
		{"/a '$x|y' \"a\\\"b\\\\c\\d\"", "[/a][$x|y][a\"b\\c\\d]"},
		{"/a b\\ c \\$x", "[/a][b c][$x]"},
		{"/a b\\", "[/a][b\\]"},
		{"/a 'b", NULL},
		{"/a \"b", NULL},
		{"", NULL},
		{"  ", NULL},
		{"a b", NULL},
		{"./a", NULL},
		{"/a; b", NULL},
		{"/a | b", NULL},
		{"/a > b", NULL},
		{"/a $x", NULL},
		{"/a \"$x\"", NULL},
		{"/a `b`", NULL},
		{"/a *", NULL},
		{"/a &", NULL},
	};
	unsigned int i, j;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct updown_words w;
		char err[256] = "", got[256] = "";

		if (!rows[i].out) {
			assert_int_equal(updown_split(rows[i].in, &w, err, sizeof(err)), -EINVAL);
			assert_true(strlen(err) > 0);
			continue;
		}
		assert_int_equal(updown_split(rows[i].in, &w, err, sizeof(err)), 0);
		for (j = 0; w.argv[j]; j++) {
			strcat(got, "[");
			strcat(got, w.argv[j]);
			strcat(got, "]");
		}
		assert_int_equal(j, w.n);
		assert_string_equal(got, rows[i].out);
	}
}

static void
words_are_bounded(void **state)
{
	struct updown_words w;
	char err[256], in[UPDOWN_MSG_MAX] = "/a";
	unsigned int i;

	for (i = 1; i < UPDOWN_WORDS_MAX; i++)
		strcat(in, " b");
	assert_int_equal(updown_split(in, &w, err, sizeof(err)), 0);
	strcat(in, " b");
	assert_int_equal(updown_split(in, &w, err, sizeof(err)), -EINVAL);
	memset(in, 'x', sizeof(in) - 1);
	in[0] = '/';
	in[sizeof(in) - 1] = '\0';
	assert_int_equal(updown_split(in, &w, err, sizeof(err)), -EINVAL);
}

static void
whose_file(void **state)
{
	char dir[] = "/tmp/updown.XXXXXX", path[64], link[64], err[256];
	int fd;

	assert_int_equal(updown_check("/usr/bin/env a b", err, sizeof(err)), 0);
	assert_int_equal(updown_check("/bin/sh", err, sizeof(err)), 0); /* links of root's */
	assert_int_equal(updown_check("/usr/./bin/../bin//env", err, sizeof(err)), 0);
	assert_int_equal(updown_check("/usr/bin/no-such-thing", err, sizeof(err)), -ENOENT);
	assert_int_equal(updown_check("/no/such/dir", err, sizeof(err)), -ENOENT);
	assert_int_equal(updown_check("/usr/bin", err, sizeof(err)), -EACCES);
	assert_int_equal(updown_check("/", err, sizeof(err)), -EACCES);
	assert_int_equal(updown_check("/etc/passwd", err, sizeof(err)), -EACCES);
	assert_int_equal(updown_check("env", err, sizeof(err)), -EINVAL);
	/* below a directory where others may write, nothing is root's alone */
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/script", dir);
	snprintf(link, sizeof(link), "%s/link", dir);
	fd = open(path, O_CREAT | O_WRONLY, 0755);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(symlink("/usr/bin/env", link), 0);
	assert_int_equal(updown_check(path, err, sizeof(err)), -EPERM);
	assert_non_null(strstr(err, "/tmp"));
	assert_int_equal(updown_check(link, err, sizeof(err)), -EPERM);
	unlink(path);
	unlink(link);
	rmdir(dir);
}

/* ---- runs ---- */

static bool
has_line(const struct log *l, const char *text)
{
	unsigned int i;

	for (i = 0; i < l->n; i++) {
		if (strcmp(l->text[i], text) == 0)
			return true;
	}
	return false;
}

/* Exactly these and nothing of our own environment. */
static void
environment(void **state)
{
	static const char *const want[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"PLUTO_VERSION=1.1", "PLUTO_VERB=up-host-v6", "PLUTO_CONNECTION=gre",
		"PLUTO_INTERFACE=gre1", "PLUTO_REQID=7", "PLUTO_PROTO=esp", "PLUTO_UNIQUEID=3",
		"PLUTO_ME=fd00::1", "PLUTO_MY_ID=gw@example.org", "PLUTO_MY_CLIENT=fd00::1/128",
		"PLUTO_MY_PORT=0", "PLUTO_MY_PROTOCOL=47", "PLUTO_PEER=fd00::2",
		"PLUTO_PEER_ID=fd00::2", "PLUTO_PEER_CLIENT=fd00::2/128", "PLUTO_PEER_PORT=0",
		"PLUTO_PEER_PROTOCOL=47"};
	unsigned int i, n = sizeof(want) / sizeof(want[0]);
	struct updown *u = updown_start();
	struct log l = {0};

	assert_non_null(u);
	run(u, "gre", "/usr/bin/env");
	run(u, "gre", "/bin/sh -c 'echo end'");
	collect(u, &l, n + 1);
	assert_int_equal(l.n, n + 1);
	assert_string_equal(l.text[n], "end");
	assert_string_equal(l.child[0], "gre");
	for (i = 0; i < n; i++) {
		if (!has_line(&l, want[i]))
			fail_msg("missing: %s", want[i]);
	}
	updown_stop(u);
}

static void
environment_variants(void **state)
{
	struct updown_call c = call("net", "/usr/bin/env");
	struct updown *u = updown_start();
	struct log l = {0};

	c.up = false;
	c.peer_id = "C=X,\nPLUTO_VERB=up-host\x7f";
	c.my_ts = (struct ike_ts){.type = IKE_TS_IPV4_ADDR_RANGE,
		.port_from = 80,
		.port_to = 80,
		.from = {10, 1, 0, 0},
		.to = {10, 1, 3, 255}};
	c.udp_enc = 4500;
	c.host_access = true;
	assert_int_equal(updown_run(u, &c), 0);
	collect(u, &l, 20);
	assert_int_equal(l.n, 20);
	assert_true(has_line(&l, "PLUTO_VERB=down-client-v6"));
	assert_true(has_line(&l, "PLUTO_MY_CLIENT=10.1.0.0/22"));
	assert_true(has_line(&l, "PLUTO_MY_PORT=80"));
	assert_true(has_line(&l, "PLUTO_MY_PROTOCOL=0"));
	assert_true(has_line(&l, "PLUTO_UDP_ENC=4500"));
	assert_true(has_line(&l, "PLUTO_HOST_ACCESS=1"));
	assert_true(has_line(&l, "PLUTO_PEER_ID=C=X,?PLUTO_VERB=up-host?"));
	updown_stop(u);
}

static void
output_lines(void **state)
{
	struct updown *u = updown_start();
	struct log l = {0};

	run(u, "a", "/bin/sh -c 'printf \"one\\ntwo\\33[31m\\n\\nlast\"; echo err >&2'");
	collect(u, &l, 4);
	assert_int_equal(l.n, 4);
	assert_string_equal(l.text[0], "one");
	assert_string_equal(l.text[1], "two?[31m");
	assert_string_equal(l.text[2], "");
	assert_string_equal(l.text[3], "lasterr");
	/* a line without end comes in pieces */
	l.n = 0;
	run(u, "a", "/bin/sh -c 'head -c 1200 /dev/zero'");
	collect(u, &l, 3);
	assert_int_equal(l.n, 3);
	assert_int_equal(strlen(l.text[0]), UPDOWN_LINE_MAX);
	assert_int_equal(strlen(l.text[2]), 1200 - 2 * UPDOWN_LINE_MAX);
	updown_stop(u);
}

/* One child's commands in order, another's beside them. */
static void
order(void **state)
{
	char path[] = "/tmp/updown.XXXXXX", first[128], other[128];
	struct updown *u = updown_start();
	int fd = mkstemp(path);
	struct log l = {0};

	assert_true(fd >= 0);
	close(fd);
	/* the first one ends when the other child's has run */
	snprintf(first, sizeof(first), "/bin/sh -c 'while [ -e %s ]; do sleep 0.02; done; echo up'",
		path);
	snprintf(other, sizeof(other), "/bin/sh -c 'echo other; rm %s'", path);
	run(u, "a", first);
	run(u, "a", "/bin/sh -c 'echo down'");
	run(u, "b", other);
	collect(u, &l, 3);
	unlink(path);
	assert_int_equal(l.n, 3);
	assert_string_equal(l.text[0], "other");
	assert_string_equal(l.text[1], "up");
	assert_string_equal(l.text[2], "down");
	updown_stop(u);
}

static void
refusals(void **state)
{
	struct updown_call c = call("a", "env");
	struct updown *u = updown_start();
	char big[UPDOWN_MSG_MAX];
	struct log l = {0};

	assert_int_equal(updown_run(u, &c), -EINVAL);
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	c = call("a", "/usr/bin/env");
	c.peer_id = big;
	assert_int_equal(updown_run(u, &c), -EMSGSIZE);
	run(u, "a", "/usr/bin/no-such-script"); /* in silence */
	run(u, "a", "/etc/passwd");
	run(u, "a", "/bin/sh -c 'exit 3'"); /* status ignored */
	run(u, "a", "/bin/sh -c 'echo end'");
	collect(u, &l, 2);
	assert_int_equal(l.n, 2);
	assert_non_null(strstr(l.text[0], "not executable"));
	assert_string_equal(l.text[1], "end");
	updown_stop(u);
}

static void
bounded(void **state)
{
	struct updown_call c = call("", "/bin/sleep 60");
	struct updown *u = updown_start();
	int64_t start = now_ms();
	unsigned int i;
	char child[32];
	int err = 0;

	for (i = 0; i < 100000 && err == 0; i++) {
		snprintf(child, sizeof(child), "c%u", i);
		c.child = child;
		err = updown_run(u, &c);
		if (i % 50 == 0)
			usleep(1000);
	}
	assert_int_equal(err, -EAGAIN);
	assert_true(i > UPDOWN_RUNNING_MAX + UPDOWN_WAITING_MAX);
	updown_stop(u);
	assert_true(now_ms() - start < HANGS_MS);
}

/* Gone, or a zombie that nobody collects. */
static bool
is_dead(pid_t pid)
{
	char path[64], buf[256] = "";
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return true;
	len = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	return len <= 0 || strstr(buf, ") Z");
}

static bool
dies(pid_t pid)
{
	int i;

	for (i = 0; i < 300; i++) {
		if (is_dead(pid))
			return true;
		usleep(10000);
	}
	return false;
}

static void
stop_kills(void **state)
{
	struct updown *u = updown_start();
	struct log l = {0};
	int64_t start;
	pid_t pid;

	run(u, "a", "/bin/sh -c 'echo $$; trap \"\" TERM INT; sleep 60; sleep 60'");
	collect(u, &l, 1);
	pid = atoi(l.text[0]);
	assert_true(pid > 1);
	assert_false(is_dead(pid));
	start = now_ms();
	updown_stop(u);
	assert_in_range(now_ms() - start, 500, HANGS_MS);
	assert_true(dies(pid));
	updown_stop(NULL);
}

/* What is asked just before the end is still done. */
static void
stop_is_graceful(void **state)
{
	char path[] = "/tmp/updown.XXXXXX", command[128];
	struct updown *u = updown_start();
	int fd = mkstemp(path);
	struct stat st;

	assert_true(fd >= 0);
	snprintf(command, sizeof(command), "/bin/sh -c 'sleep 0.1; echo x >> %s'", path);
	run(u, "a", command);
	run(u, "a", command);
	updown_stop(u);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 4);
	close(fd);
	unlink(path);
}

static void
time_limit(void **state)
{
	struct updown *u = updown_start_limit(200);
	struct log l = {0};
	pid_t pid;

	run(u, "a", "/bin/sh -c 'echo $$; sleep 60; echo never'");
	run(u, "a", "/bin/sh -c 'echo next'");
	collect(u, &l, 3);
	assert_int_equal(l.n, 3);
	pid = atoi(l.text[0]);
	assert_non_null(strstr(l.text[1], "killed"));
	assert_string_equal(l.text[2], "next");
	assert_true(dies(pid));
	updown_stop(u);
}

static void
helper_dies(void **state)
{
	struct updown_call c = call("a", "/usr/bin/env");
	struct updown *u = updown_start();
	struct log l = {0};

	run(u, "a", "/bin/sh -c 'kill -9 $PPID'");
	collect(u, &l, 1);
	assert_non_null(strstr(l.text[0], "has died"));
	assert_int_equal(updown_fd(u), -1);
	assert_int_equal(updown_run(u, &c), -EPIPE);
	updown_poll(u, on_line, &l);
	assert_int_equal(l.n, 1);
	updown_stop(u);
}

/* kill -9 of the gateway takes helper and commands along. */
static void
gateway_dies(void **state)
{
	int pipefd[2];
	pid_t gateway, pid = 0;

	assert_int_equal(pipe(pipefd), 0);
	gateway = fork();
	if (gateway == 0) {
		struct updown *u = updown_start();
		struct log l = {0};

		run(u, "a", "/bin/sh -c 'echo $$; sleep 60'");
		collect(u, &l, 1);
		pid = atoi(l.text[0]);
		if (write(pipefd[1], &pid, sizeof(pid)) == sizeof(pid))
			pause();
		_exit(1);
	}
	assert_int_equal(read(pipefd[0], &pid, sizeof(pid)), sizeof(pid));
	assert_true(pid > 1);
	kill(gateway, SIGKILL);
	waitpid(gateway, NULL, 0);
	assert_true(dies(pid));
	close(pipefd[0]);
	close(pipefd[1]);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(words_are_bounded),
		cmocka_unit_test(whose_file),
		cmocka_unit_test(environment),
		cmocka_unit_test(environment_variants),
		cmocka_unit_test(output_lines),
		cmocka_unit_test(order),
		cmocka_unit_test(refusals),
		cmocka_unit_test(bounded),
		cmocka_unit_test(stop_kills),
		cmocka_unit_test(stop_is_graceful),
		cmocka_unit_test(time_limit),
		cmocka_unit_test(helper_dies),
		cmocka_unit_test(gateway_dies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
