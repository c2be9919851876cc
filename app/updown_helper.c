/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The helper process: one loop over its socket, its commands' output and their ends. It outlives
 * the gateway by UPDOWN_GRACE_MS at most, however that ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "updown_int.h"

struct request {
	size_t len;
	char msg[UPDOWN_MSG_MAX]; /* child, command, environment */
};

struct job {
	pid_t pid; /* and process group; 0: free */
	int out;
	int64_t deadline;
	char child[128];
	size_t len;
	char line[UPDOWN_LINE_MAX];
	unsigned int lost; /* lines that the gateway was too slow for */
};

struct helper {
	int sock, sigfd;
	unsigned int timeout_ms; /* of a command */
	bool ending;
	int64_t end; /* at the latest, when ending */
	struct job job[UPDOWN_RUNNING_MAX];
	unsigned int n_waiting;
	struct request *waiting[UPDOWN_WAITING_MAX];
};

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- output ---- */

static bool
tell(struct helper *h, const char *child, const char *text)
{
	char buf[128 + UPDOWN_LINE_MAX + 256];
	size_t n = strlen(child) + 1;

	if (n > 128)
		return true;
	memcpy(buf, child, n);
	n += (size_t)snprintf(buf + n, sizeof(buf) - n, "%s", text) + 1;
	if (n > sizeof(buf))
		n = sizeof(buf);
	return send(h->sock, buf, n, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 || errno != EAGAIN;
}

static void
end_line(struct helper *h, struct job *j)
{
	char text[UPDOWN_LINE_MAX + 1];

	if (j->lost > 0) {
		snprintf(text, sizeof(text), "(%u lines lost)", j->lost);
		if (!tell(h, j->child, text)) {
			j->lost++;
			j->len = 0;
			return;
		}
		j->lost = 0;
	}
	memcpy(text, j->line, j->len);
	text[j->len] = '\0';
	if (!tell(h, j->child, text))
		j->lost++;
	j->len = 0;
}

/* @return bytes read, 0 at its end, -1 when there is nothing now */
static ssize_t
read_output(struct helper *h, struct job *j)
{
	char buf[4096];
	ssize_t i, len = read(j->out, buf, sizeof(buf));

	if (len < 0)
		return errno == EAGAIN || errno == EINTR ? -1 : 0;
	for (i = 0; i < len; i++) {
		if (buf[i] == '\n' || j->len == sizeof(j->line))
			end_line(h, j);
		if (buf[i] != '\n')
			j->line[j->len++] = buf[i] == '\0' ? (char)'?' : buf[i];
	}
	return len;
}

static void
close_output(struct helper *h, struct job *j)
{
	if (j->out < 0)
		return;
	if (j->len > 0)
		end_line(h, j);
	close(j->out);
	j->out = -1;
}

/* ---- commands ---- */

/* In the child. Nothing of the helper's state reaches the command: signals, files, environment. */
static void
execute(const struct updown_words *w, char **env, int out)
{
	struct sigaction dfl = {.sa_handler = SIG_DFL};
	sigset_t none;
	int null = open("/dev/null", O_RDONLY), sig;

	setpgid(0, 0);
	for (sig = 1; sig < NSIG; sig++)
		sigaction(sig, &dfl, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0 || chdir("/") < 0)
		_exit(126);
	umask(022);
	close_range(3, ~0u, 0);
	execve(w->argv[0], w->argv, env);
	dprintf(2, "%s: %s\n", w->argv[0], strerror(errno));
	_exit(127);
}

static void
launch(struct helper *h, struct job *j, const char *child, const struct updown_words *w, char **env)
{
	int pipefd[2];

	if (pipe2(pipefd, O_CLOEXEC) < 0) {
		tell(h, child, strerror(errno));
		return;
	}
	memset(j, 0, sizeof(*j));
	snprintf(j->child, sizeof(j->child), "%s", child);
	j->pid = fork();
	if (j->pid == 0)
		execute(w, env, pipefd[1]);
	close(pipefd[1]);
	if (j->pid < 0) {
		j->pid = 0;
		close(pipefd[0]);
		tell(h, child, strerror(errno));
		return;
	}
	setpgid(j->pid, j->pid); /* here too: whoever comes first */
	fcntl(pipefd[0], F_SETFL, O_NONBLOCK);
	j->out = pipefd[0];
	j->deadline = now_ms() + h->timeout_ms;
}

/* The strings of a request. @return how many, at most max */
static unsigned int
cut_strings(struct request *r, char **s, unsigned int max)
{
	size_t at = 0;
	unsigned int n = 0;

	while (at < r->len && n < max) {
		s[n++] = r->msg + at;
		at += strlen(r->msg + at) + 1;
	}
	return n;
}

static void
run(struct helper *h, struct job *j, struct request *r)
{
	char *s[2 + UPDOWN_ENV_MAX + 1], err[256];
	unsigned int n = cut_strings(r, s, 2 + UPDOWN_ENV_MAX);
	struct updown_words w;
	int e;

	if (n < 2)
		return;
	s[n] = NULL;
	e = updown_split(s[1], &w, err, sizeof(err));
	if (e == 0)
		e = updown_trusted(w.argv[0], err, sizeof(err));
	if (e == 0)
		launch(h, j, s[0], &w, s + 2);
	else if (e != -ENOENT)
		tell(h, s[0], err);
}

static bool
child_busy(const struct helper *h, const char *child)
{
	unsigned int i;

	for (i = 0; i < UPDOWN_RUNNING_MAX; i++) {
		if (h->job[i].pid > 0 && strncmp(h->job[i].child, child, 127) == 0)
			return true;
	}
	return false;
}

/* A child's commands run one after the other: its "down" must not overtake its "up". */
static struct request *
next_request(struct helper *h)
{
	unsigned int i, j;

	for (i = 0; i < h->n_waiting; i++) {
		struct request *r = h->waiting[i];

		for (j = 0; j < i && strcmp(h->waiting[j]->msg, r->msg) != 0; j++)
			;
		if (j < i || child_busy(h, r->msg))
			continue;
		h->n_waiting--;
		memmove(&h->waiting[i], &h->waiting[i + 1],
			(h->n_waiting - i) * sizeof(h->waiting[0]));
		return r;
	}
	return NULL;
}

static void
start_waiting(struct helper *h)
{
	struct request *r;
	unsigned int i;

	for (i = 0; i < UPDOWN_RUNNING_MAX; i++) {
		while (h->job[i].pid == 0 && (r = next_request(h))) {
			run(h, &h->job[i], r);
			free(r);
		}
	}
}

/*
 * Its last words (a pipe holds 64 KiB), then free. What it left in the background lives on, but
 * talks to nobody.
 */
static void
finish(struct helper *h, struct job *j)
{
	unsigned int i;

	for (i = 0; i < 16 && j->out >= 0 && read_output(h, j) > 0; i++)
		;
	close_output(h, j);
	j->pid = 0;
}

static void
reap(struct helper *h)
{
	struct signalfd_siginfo si;
	unsigned int i;

	while (read(h->sigfd, &si, sizeof(si)) > 0)
		;
	for (i = 0; i < UPDOWN_RUNNING_MAX; i++) {
		struct job *j = &h->job[i];

		if (j->pid > 0 && waitpid(j->pid, NULL, WNOHANG) == j->pid)
			finish(h, j);
	}
}

static void
kill_late(struct helper *h, int64_t now)
{
	unsigned int i;

	for (i = 0; i < UPDOWN_RUNNING_MAX; i++) {
		struct job *j = &h->job[i];

		if (j->pid == 0 || now < j->deadline)
			continue;
		tell(h, j->child, "the updown command took too long and is killed");
		kill(-j->pid, SIGKILL);
		j->deadline = INT64_MAX; /* reaped in a moment */
	}
}

/* ---- loop ---- */

static void
receive(struct helper *h)
{
	struct request *r = malloc(sizeof(*r));
	ssize_t len;

	if (!r)
		return;
	len = recv(h->sock, r->msg, sizeof(r->msg) - 1, MSG_DONTWAIT);
	if (len > 0) {
		r->msg[len] = '\0';
		r->len = (size_t)len;
		h->waiting[h->n_waiting++] = r;
		return;
	}
	free(r);
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	h->ending = true;
	h->end = now_ms() + UPDOWN_GRACE_MS;
}

static unsigned int
n_running(const struct helper *h)
{
	unsigned int i, n = 0;

	for (i = 0; i < UPDOWN_RUNNING_MAX; i++)
		n += h->job[i].pid > 0;
	return n;
}

static int
until_next(const struct helper *h, int64_t now)
{
	int64_t next = h->ending ? h->end : INT64_MAX;
	unsigned int i;

	for (i = 0; i < UPDOWN_RUNNING_MAX; i++) {
		if (h->job[i].pid > 0 && h->job[i].deadline < next)
			next = h->job[i].deadline;
	}
	if (next == INT64_MAX)
		return -1;
	return next > now ? (int)(next - now) : 0;
}

/* While the queue is full the socket is not read: the gateway gets EAGAIN when that is full too. */
static void
wait_and_read(struct helper *h)
{
	struct pollfd pfd[2 + UPDOWN_RUNNING_MAX] = {
		{.fd = h->ending ? -1 : h->sock},
		{.fd = h->sigfd, .events = POLLIN},
	};
	unsigned int i;

	if (h->n_waiting < UPDOWN_WAITING_MAX)
		pfd[0].events = POLLIN;
	for (i = 0; i < UPDOWN_RUNNING_MAX; i++) {
		pfd[2 + i].fd = h->job[i].pid > 0 ? h->job[i].out : -1;
		pfd[2 + i].events = POLLIN;
	}
	if (poll(pfd, 2 + UPDOWN_RUNNING_MAX, until_next(h, now_ms())) < 0)
		return;
	for (i = 0; i < UPDOWN_RUNNING_MAX; i++) {
		struct job *j = &h->job[i];

		/* the job itself ends with its process */
		if (pfd[2 + i].revents && read_output(h, j) == 0)
			close_output(h, j);
	}
	if (pfd[0].revents)
		receive(h);
	if (pfd[1].revents)
		reap(h);
}

static void
kill_all(struct helper *h)
{
	unsigned int i;

	for (i = 0; i < UPDOWN_RUNNING_MAX; i++) {
		if (h->job[i].pid > 0)
			kill(-h->job[i].pid, SIGKILL);
	}
}

/* Its own session: Ctrl-C at the gateway's terminal is the gateway's affair. */
static int
settle(int sock)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t chld;

	setsid();
	prctl(PR_SET_NAME, "raclette-updown");
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN); /* a service manager's too: the socket says when it is over */
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
		return -1;
	if (sock > 3)
		close_range(3, (unsigned int)sock - 1, 0);
	close_range((unsigned int)sock + 1, ~0u, 0);
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_SETMASK, &chld, NULL);
	return signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
}

void
updown_helper(int sock, unsigned int timeout_ms)
{
	struct helper *h = calloc(1, sizeof(*h));

	if (!h)
		return;
	h->sock = sock;
	h->timeout_ms = timeout_ms;
	h->sigfd = settle(sock);
	while (h->sigfd >= 0) {
		start_waiting(h);
		if (h->ending && ((n_running(h) == 0 && h->n_waiting == 0) || now_ms() >= h->end))
			break;
		wait_and_read(h);
		kill_late(h, now_ms());
	}
	kill_all(h);
	free(h);
}
