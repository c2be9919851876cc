/* SPDX-License-Identifier: BSD-3-Clause */
#include "updown.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "updown_int.h"

#define LINES_A_POLL 64

struct updown {
	int fd; /* -1: helper gone */
	pid_t pid;
};

struct updown *
updown_start_limit(unsigned int timeout_ms)
{
	struct updown *u = calloc(1, sizeof(*u));
	int pair[2], err;

	if (!u)
		return NULL;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		goto free_u;
	u->fd = pair[0];
	u->pid = fork();
	if (u->pid < 0)
		goto close_pair;
	if (u->pid == 0) {
		close(pair[0]);
		updown_helper(pair[1], timeout_ms);
		_exit(0);
	}
	close(pair[1]);
	return u;
close_pair:
	err = errno;
	close(pair[0]);
	close(pair[1]);
	errno = err;
free_u:
	free(u);
	return NULL;
}

struct updown *
updown_start(void)
{
	return updown_start_limit(UPDOWN_TIMEOUT_MS);
}

int
updown_fd(const struct updown *u)
{
	return u->fd;
}

/* ---- what a command is told ---- */

struct message {
	size_t len;
	bool full;
	char buf[UPDOWN_MSG_MAX];
};

static void put(struct message *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Identities are the peer's words: nothing in them may look like a new line in a script's log. */
static void
put(struct message *m, const char *fmt, ...)
{
	size_t room = sizeof(m->buf) - m->len;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(m->buf + m->len, room, fmt, ap);
	va_end(ap);
	if (len < 0 || (size_t)len >= room) {
		m->full = true;
		return;
	}
	for (; len > 0; len--, m->len++) {
		if ((unsigned char)m->buf[m->len] < 0x20 || m->buf[m->len] == 0x7f)
			m->buf[m->len] = '?';
	}
	m->len++;
}

/* Bits that both ends of the range have in common: the network that holds it. */
static unsigned int
ts_bits(const struct ike_ts *ts, unsigned int max)
{
	unsigned int i;

	for (i = 0; i < max; i++) {
		if ((ts->from[i / 8] ^ ts->to[i / 8]) & (0x80 >> (i % 8)))
			break;
	}
	return i;
}

static void
put_side(struct message *m, const char *side, const struct in6_addr *host, const char *id,
	const struct ike_ts *ts)
{
	bool v4 = ts->type == IKE_TS_IPV4_ADDR_RANGE;
	char addr[INET6_ADDRSTRLEN], net[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET6, host, addr, sizeof(addr));
	inet_ntop(v4 ? AF_INET : AF_INET6, ts->from, net, sizeof(net));
	put(m, "PLUTO_%s=%s", strcmp(side, "MY") == 0 ? "ME" : side, addr);
	put(m, "PLUTO_%s_ID=%s", side, id);
	put(m, "PLUTO_%s_CLIENT=%s/%u", side, net, ts_bits(ts, v4 ? 32 : 128));
	put(m, "PLUTO_%s_PORT=%u", side, ts->port_from);
	put(m, "PLUTO_%s_PROTOCOL=%u", side, ts->proto);
}

/* "host" when the selector is our own address, as strongSwan has it */
static bool
is_own_host(const struct updown_call *c)
{
	const struct ike_ts *ts = &c->my_ts;

	return ts->type == IKE_TS_IPV6_ADDR_RANGE && memcmp(ts->from, &c->me, 16) == 0 &&
	       memcmp(ts->to, &c->me, 16) == 0;
}

static void
put_call(struct message *m, const struct updown_call *c)
{
	put(m, "%s", c->child);
	put(m, "%s", c->command);
	put(m, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	put(m, "PLUTO_VERSION=1.1");
	put(m, "PLUTO_VERB=%s-%s-v6", c->up ? "up" : "down", is_own_host(c) ? "host" : "client");
	put(m, "PLUTO_CONNECTION=%s", c->child);
	put(m, "PLUTO_INTERFACE=%s", c->interface);
	put(m, "PLUTO_REQID=%u", c->reqid);
	put(m, "PLUTO_PROTO=esp");
	put(m, "PLUTO_UNIQUEID=%u", c->uniqueid);
	put_side(m, "MY", &c->me, c->my_id, &c->my_ts);
	put_side(m, "PEER", &c->peer, c->peer_id, &c->peer_ts);
	if (c->udp_enc)
		put(m, "PLUTO_UDP_ENC=%u", c->udp_enc);
	if (c->host_access)
		put(m, "PLUTO_HOST_ACCESS=1");
}

static void
helper_gone(struct updown *u)
{
	close(u->fd);
	u->fd = -1;
}

int
updown_run(struct updown *u, const struct updown_call *call)
{
	struct updown_words words;
	struct message m = {0};
	char err[8];

	if (u->fd < 0)
		return -EPIPE;
	if (updown_split(call->command, &words, err, sizeof(err)) < 0)
		return -EINVAL;
	put_call(&m, call);
	if (m.full)
		return -EMSGSIZE;
	if (send(u->fd, m.buf, m.len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	if (errno == EAGAIN || errno == ENOBUFS)
		return -EAGAIN;
	helper_gone(u);
	return -EPIPE;
}

/* ---- what comes back ---- */

static void
make_printable(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = *text == '\t' ? ' ' : '?';
	}
}

void
updown_poll(
	struct updown *u, void (*line)(void *arg, const char *child, const char *text), void *arg)
{
	char buf[UPDOWN_MSG_MAX];
	unsigned int i;

	for (i = 0; i < LINES_A_POLL && u->fd >= 0; i++) {
		ssize_t len = recv(u->fd, buf, sizeof(buf) - 1, MSG_DONTWAIT);
		size_t child_len;

		if (len < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (len <= 0) {
			helper_gone(u);
			line(arg, "", "the updown helper has died: no more commands are run");
			return;
		}
		buf[len] = '\0';
		child_len = strlen(buf);
		if ((ssize_t)child_len >= len)
			continue;
		make_printable(buf + child_len + 1);
		line(arg, buf, buf + child_len + 1);
	}
}

/* ---- stop ---- */

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Until the helper's end of the socket is closed, which is when it has nothing left to run. */
static void
await_end(struct updown *u)
{
	int64_t left, end = now_ms() + UPDOWN_GRACE_MS + 100;
	struct pollfd pfd = {.fd = u->fd, .events = POLLIN};
	char buf[UPDOWN_MSG_MAX];
	ssize_t len;

	while ((left = end - now_ms()) > 0) {
		if (poll(&pfd, 1, (int)left) <= 0)
			continue;
		len = recv(u->fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (len == 0 || (len < 0 && errno != EAGAIN && errno != EINTR))
			break;
	}
}

void
updown_stop(struct updown *u)
{
	if (!u)
		return;
	if (u->fd >= 0) {
		shutdown(u->fd, SHUT_WR);
		await_end(u);
		close(u->fd);
	}
	kill(u->pid, SIGKILL);
	waitpid(u->pid, NULL, 0);
	free(u);
}
