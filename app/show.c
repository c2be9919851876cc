/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "conf.h"
#include "show.h"
#include "show_fmt.h"
#include "vici.h"

#define TIMEOUT_S   10
#define OBJECTS_MAX 1000000

static const char *const things[] = {"sa", "ike", "tunnels", "ports", "drops", "neighbours"};

bool
gw_show_known(const char *what)
{
	for (size_t i = 0; i < sizeof(things) / sizeof(things[0]); i++) {
		if (strcmp(what, things[i]) == 0)
			return true;
	}
	return false;
}

static int
connect_to(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct timeval tv = {.tv_sec = TIMEOUT_S};
	int fd;

	if (strncmp(path, "unix://", 7) == 0)
		path += 7;
	if (strlen(path) >= sizeof(addr.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(addr.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

static int
read_all(int fd, uint8_t *buf, size_t len)
{
	while (len > 0) {
		ssize_t n = recv(fd, buf, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = ECONNRESET;
		if (n <= 0)
			return -1;
		buf += n;
		len -= (size_t)n;
	}
	return 0;
}

/* @return a packet in memory that the caller frees, or NULL with errno */
static uint8_t *
read_packet(int fd, struct vici_packet *p)
{
	uint8_t head[4], *buf;
	size_t len;

	if (read_all(fd, head, sizeof(head)) < 0)
		return NULL;
	len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
	if (len == 0 || len > VICI_SEGMENT_MAX) {
		errno = EPROTO;
		return NULL;
	}
	buf = malloc(len);
	if (buf == NULL)
		return NULL;
	if (read_all(fd, buf, len) == 0) {
		if (vici_packet_parse(p, buf, len) == 0)
			return buf;
		errno = EPROTO;
	}
	free(buf);
	return NULL;
}

static int
request(int fd, enum vici_type type, const char *name)
{
	struct vici_out o;
	int rc = -1;

	vici_begin(&o, type, name);
	if (vici_end(&o) == 0 && send(fd, o.buf, o.len, MSG_NOSIGNAL) == (ssize_t)o.len)
		rc = 0;
	vici_out_free(&o);
	return rc;
}

/* @return 0, or -1 with errno when the server does not confirm */
static int
expect(int fd, enum vici_type type)
{
	struct vici_packet p;
	uint8_t *buf = read_packet(fd, &p);

	if (buf == NULL)
		return -1;
	free(buf);
	if (p.type == type)
		return 0;
	errno = ENOTSUP;
	return -1;
}

struct objects {
	struct conf **o;
	size_t n, cap;
};

static int
keep(struct objects *all, const struct vici_packet *p)
{
	struct conf *c = vici_decode(p->msg, p->msg_len);

	if (c == NULL)
		return -1;
	if (all->n == all->cap) {
		size_t cap = all->cap > 0 ? 2 * all->cap : 64;
		struct conf **o = cap <= OBJECTS_MAX ? realloc(all->o, cap * sizeof(*o)) : NULL;

		if (o == NULL) {
			conf_free(c);
			errno = ENOMEM;
			return -1;
		}
		all->o = o;
		all->cap = cap;
	}
	all->o[all->n++] = c;
	return 0;
}

/* The stream of events up to the response that ends it. */
static int
collect(int fd, const char *command, struct objects *all)
{
	if (request(fd, VICI_EVENT_REGISTER, command) < 0 || expect(fd, VICI_EVENT_CONFIRM) < 0 ||
		request(fd, VICI_CMD_REQUEST, command) < 0)
		return -1;
	for (;;) {
		struct vici_packet p;
		uint8_t *buf = read_packet(fd, &p);
		int rc = 0;

		if (buf == NULL)
			return -1;
		if (p.type == VICI_CMD_RESPONSE) {
			free(buf);
			return 0;
		}
		if (p.type == VICI_EVENT && strcmp(p.name, command) == 0)
			rc = keep(all, &p);
		else
			errno = EPROTO, rc = -1;
		free(buf);
		if (rc < 0)
			return -1;
	}
}

int
gw_show(const char *what, const char *path, bool json)
{
	struct objects all = {0};
	char command[32];
	int fd, rc;

	if (path == NULL)
		path = GW_SHOW_SOCKET;
	fd = connect_to(path);
	if (fd < 0) {
		fprintf(stderr, "raclette: %s: %s%s\n", path, strerror(errno),
			errno == ENOENT || errno == ECONNREFUSED ? " (is raclette running?)" : "");
		return EXIT_FAILURE;
	}
	snprintf(command, sizeof(command), "show-%s", what);
	rc = collect(fd, command, &all);
	if (rc < 0)
		fprintf(stderr, "raclette: %s: %s\n", path, strerror(errno));
	else if (json)
		gw_show_json(stdout, all.o, all.n);
	else
		gw_show_table(stdout, what, all.o, all.n);
	close(fd);
	for (size_t i = 0; i < all.n; i++)
		conf_free(all.o[i]);
	free(all.o);
	if (rc == 0 && (fflush(stdout) != 0 || ferror(stdout))) {
		fprintf(stderr, "raclette: standard output: %s\n", strerror(errno));
		rc = -1;
	}
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
