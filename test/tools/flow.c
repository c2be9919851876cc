/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Numbered UDP packets both ways, and what became of each of them.
 *
 *   flow LOCAL REMOTE PORT PER-SECOND SECONDS [BYTES [GRACE]]
 *
 * Sends to REMOTE:PORT from LOCAL:PORT and receives there what the same program at the other end
 * sends. Begins when the other end has been heard of, which it greets meanwhile. Packets carry a
 * number, from 0 on. After SECONDS it goes on receiving for GRACE (3) seconds
 * and prints one line, for scripts to compare with what the other end sent:
 *
 *   sent N received N distinct N duplicated N late N last N gap_ms N gap_at_ms N missing N
 *
 * late: arrived after a higher number. last: the highest number that came, -1 = none. gap_ms: the
 * longest time without a packet between the first and the last, gap_at_ms: of this end's clock,
 * from its first packet on, when it began. missing: the first number that did not come, up to the
 * last one, -1 = none. A plain program that runs anywhere.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BYTES_MAX   9000
#define NUMBERS_MAX (UINT64_C(1) << 28)
#define AT_ONCE     64 /* sent in one go when the machine was late, so that no queue overflows */
#define SECOND      UINT64_C(1000000000)
#define GREETING    UINT64_MAX /* in place of a number: this end listens */
#define PATIENCE_S  60

struct flow {
	int fd;
	uint64_t per_second, n_send;
	size_t bytes;
	uint8_t buf[BYTES_MAX];
	uint64_t sent;
	bool heard;    /* the other end is there */
	uint8_t *seen; /* a bit for each number */
	uint64_t received, distinct, late;
	int64_t last;
	uint64_t first_ns, last_ns; /* when, 0 = never */
	uint64_t gap_ns, gap_at_ns;
};

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static void
die(const char *what)
{
	fprintf(stderr, "flow: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t
number(const char *text, const char *what, uint64_t max)
{
	char *end;
	unsigned long long v = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || v > max) {
		fprintf(stderr, "flow: %s '%s' is no number up to %llu\n", what, text,
			(unsigned long long)max);
		exit(2);
	}
	return v;
}

static socklen_t
address(const char *text, uint16_t port, struct sockaddr_storage *ss)
{
	struct sockaddr_in *a4 = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *a6 = (struct sockaddr_in6 *)ss;

	memset(ss, 0, sizeof(*ss));
	if (inet_pton(AF_INET, text, &a4->sin_addr) == 1) {
		a4->sin_family = AF_INET;
		a4->sin_port = htons(port);
		return sizeof(*a4);
	}
	if (inet_pton(AF_INET6, text, &a6->sin6_addr) == 1) {
		a6->sin6_family = AF_INET6;
		a6->sin6_port = htons(port);
		return sizeof(*a6);
	}
	fprintf(stderr, "flow: '%s' is no address\n", text);
	exit(2);
}

static int
open_socket(const char *local, const char *remote, uint16_t port)
{
	struct sockaddr_storage l, r;
	socklen_t len = address(local, port, &l), rlen = address(remote, port, &r);
	int room = 8 << 20, fd = socket(l.ss_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	if (fd < 0)
		die("socket");
	/* what arrives while this program does not run must not be lost here; FORCE needs root */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if (bind(fd, (struct sockaddr *)&l, len) != 0)
		die("bind");
	if (connect(fd, (struct sockaddr *)&r, rlen) != 0)
		die("connect");
	return fd;
}

/** A full queue on this host is waited for: it says nothing about the way. */
static bool
send_next(struct flow *f)
{
	memcpy(f->buf, &f->sent, sizeof(f->sent));
	if (send(f->fd, f->buf, f->bytes, 0) < 0) {
		/* ECONNREFUSED: the other end was not there yet when an earlier one came */
		if (errno != EAGAIN && errno != ENOBUFS && errno != ECONNREFUSED)
			die("send");
		return false;
	}
	f->sent++;
	return true;
}

static void
greet(struct flow *f)
{
	const uint64_t n = GREETING;

	if (send(f->fd, &n, sizeof(n), 0) < 0 && errno != EAGAIN && errno != ENOBUFS &&
		errno != ECONNREFUSED)
		die("send");
}

static void
count(struct flow *f, uint64_t n, uint64_t now)
{
	uint8_t bit = (uint8_t)(1u << (n % 8));

	f->received++;
	if (f->first_ns == 0)
		f->first_ns = f->last_ns = now;
	if (now - f->last_ns > f->gap_ns) {
		f->gap_ns = now - f->last_ns;
		f->gap_at_ns = f->last_ns - f->first_ns;
	}
	f->last_ns = now;
	if (n >= NUMBERS_MAX)
		return;
	if ((f->seen[n / 8] & bit) == 0)
		f->distinct++;
	f->seen[n / 8] |= bit;
	if ((int64_t)n < f->last)
		f->late++;
	else
		f->last = (int64_t)n;
}

static void
receive(struct flow *f)
{
	uint8_t buf[BYTES_MAX];
	uint64_t n;

	for (unsigned int i = 0; i < 4 * AT_ONCE; i++) {
		ssize_t len = recv(f->fd, buf, sizeof(buf), 0);

		if (len < 0 && errno == ECONNREFUSED)
			continue;
		if (len < (ssize_t)sizeof(n))
			return;
		memcpy(&n, buf, sizeof(n));
		f->heard = true;
		if (n != GREETING)
			count(f, n, now_ns());
	}
}

/** Wait for a packet, or until that time. */
static void
rest(int fd, uint64_t until)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint64_t now = now_ns(), ns = until > now ? until - now : 0;
	const struct timespec t = {(time_t)(ns / SECOND), (long)(ns % SECOND)};

	ppoll(&p, 1, &t, NULL);
}

/** A number sent before the other end listens would count as lost. */
static void
meet(struct flow *f)
{
	uint64_t end = now_ns() + PATIENCE_S * SECOND;

	while (!f->heard) {
		if (now_ns() > end) {
			fprintf(stderr, "flow: nobody at the other end\n");
			exit(1);
		}
		greet(f);
		rest(f->fd, now_ns() + SECOND / 10);
		receive(f);
	}
	greet(f); /* it may have opened after all of ours */
}

static void
run(struct flow *f, uint64_t grace)
{
	uint64_t start = now_ns(), end = 0;

	while (end == 0 || now_ns() < end) {
		uint64_t now = now_ns(), due = (now - start) * f->per_second / SECOND + 1, next;

		if (due > f->n_send)
			due = f->n_send;
		for (unsigned int i = 0; i < AT_ONCE && f->sent < due; i++)
			if (!send_next(f))
				break;
		receive(f);
		if (end == 0 && f->sent == f->n_send)
			end = now_ns() + grace * SECOND;
		next = end != 0        ? end
		       : f->sent < due ? now + SECOND / 2000
				       : start + f->sent * SECOND / f->per_second;
		rest(f->fd, next);
	}
	receive(f);
}

static long long
first_missing(const struct flow *f)
{
	for (int64_t n = 0; n < f->last; n++)
		if ((f->seen[n / 8] & 1u << (n % 8)) == 0)
			return n;
	return -1;
}

int
main(int argc, char **argv)
{
	static struct flow f = {.bytes = 100, .last = -1};
	uint64_t grace = 3;

	if (argc < 6 || argc > 8) {
		fprintf(stderr,
			"usage: flow LOCAL REMOTE PORT PER-SECOND SECONDS [BYTES [GRACE]]\n");
		return 2;
	}
	f.per_second = number(argv[4], "PER-SECOND", 10000000);
	f.n_send = f.per_second * number(argv[5], "SECONDS", 86400);
	if (argc > 6)
		f.bytes = number(argv[6], "BYTES", BYTES_MAX);
	if (argc > 7)
		grace = number(argv[7], "GRACE", 3600);
	if (f.bytes < sizeof(f.sent) || f.per_second == 0 || f.n_send >= NUMBERS_MAX) {
		fprintf(stderr,
			"flow: 8 bytes, 1 packet a second at least, 2^28 packets at most\n");
		return 2;
	}
	f.seen = calloc(NUMBERS_MAX / 8, 1);
	if (f.seen == NULL)
		die("memory");
	f.fd = open_socket(argv[1], argv[2], (uint16_t)number(argv[3], "PORT", 65535));
	meet(&f);
	run(&f, grace);
	printf("sent %llu received %llu distinct %llu duplicated %llu late %llu last %lld gap_ms "
	       "%llu gap_at_ms %llu missing %lld\n",
		(unsigned long long)f.sent, (unsigned long long)f.received,
		(unsigned long long)f.distinct, (unsigned long long)(f.received - f.distinct),
		(unsigned long long)f.late, (long long)f.last,
		(unsigned long long)(f.gap_ns / 1000000),
		(unsigned long long)(f.gap_at_ns / 1000000), first_missing(&f));
	return 0;
}
