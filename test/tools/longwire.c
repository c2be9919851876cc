/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A long wire: what comes in on one interface goes out on the other so many milliseconds later.
 *
 *   longwire IF IF MS
 *
 * For kernels without netem. Frames keep their order; one that finds the queue full is lost, and
 * said so at the end. Runs until SIGTERM or SIGINT.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define FRAME_MAX 9200
#define QUEUE     8192 /* frames each way */

struct frame {
	uint64_t due_us;
	size_t len;
	uint8_t buf[FRAME_MAX];
};

struct end {
	int fd;
	struct frame *queue; /* came in here, goes out at the other end */
	unsigned int head, n;
	unsigned long lost;
};

static volatile sig_atomic_t stopping;

static void
on_signal(int sig)
{
	stopping = 1;
}

static uint64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void
die(const char *what)
{
	fprintf(stderr, "longwire: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
open_end(struct end *e, const char *name)
{
	struct sockaddr_ll ll = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int room = 8 << 20, one = 1;

	ll.sll_ifindex = (int)if_nametoindex(name);
	if (ll.sll_ifindex == 0)
		die(name);
	e->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL));
	if (e->fd < 0 || bind(e->fd, (struct sockaddr *)&ll, sizeof(ll)) != 0)
		die(name);
	/* ours going out is not theirs coming in */
	if (setsockopt(e->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) != 0)
		die("PACKET_IGNORE_OUTGOING");
	setsockopt(e->fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	e->queue = calloc(QUEUE, sizeof(*e->queue));
	if (e->queue == NULL)
		die("memory");
}

static void
take_in(struct end *e, uint64_t due_us)
{
	static uint8_t spill[FRAME_MAX];

	for (;;) {
		struct frame *f = &e->queue[(e->head + e->n) % QUEUE];
		ssize_t len = recv(e->fd, e->n < QUEUE ? f->buf : spill, FRAME_MAX, 0);

		if (len <= 0)
			return;
		if (e->n == QUEUE) {
			e->lost++;
			continue;
		}
		f->len = (size_t)len;
		f->due_us = due_us;
		e->n++;
	}
}

static void
pass_on(struct end *e, int to, uint64_t now)
{
	while (e->n > 0 && e->queue[e->head].due_us <= now) {
		struct frame *f = &e->queue[e->head];

		if (send(to, f->buf, f->len, 0) < 0) {
			if (errno == EAGAIN || errno == ENOBUFS)
				return; /* at the next round */
			e->lost++;
		}
		e->head = (e->head + 1) % QUEUE;
		e->n--;
	}
}

/** Until something comes in, or the next frame goes out. */
static void
rest(const struct end e[2])
{
	struct pollfd p[2] = {{.fd = e[0].fd, .events = POLLIN}, {.fd = e[1].fd, .events = POLLIN}};
	uint64_t now = now_us(), until = now + 1000000, us;
	struct timespec t;

	for (unsigned int i = 0; i < 2; i++)
		if (e[i].n > 0 && e[i].queue[e[i].head].due_us < until)
			until = e[i].queue[e[i].head].due_us;
	us = until > now ? until - now : 0;
	t = (struct timespec){(time_t)(us / 1000000), (long)(us % 1000000) * 1000};
	ppoll(p, 2, &t, NULL);
}

int
main(int argc, char **argv)
{
	static struct end e[2];
	uint64_t delay_us;

	if (argc != 4 || atoi(argv[3]) <= 0) {
		fprintf(stderr, "usage: longwire IF IF MS\n");
		return 2;
	}
	delay_us = (uint64_t)atoi(argv[3]) * 1000;
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	for (unsigned int i = 0; i < 2; i++)
		open_end(&e[i], argv[1 + i]);
	while (!stopping) {
		uint64_t now = now_us();

		for (unsigned int i = 0; i < 2; i++)
			take_in(&e[i], now + delay_us);
		for (unsigned int i = 0; i < 2; i++)
			pass_on(&e[i], e[1 - i].fd, now);
		rest(e);
	}
	printf("lost %lu %lu\n", e[0].lost, e[1].lost);
	return 0;
}
