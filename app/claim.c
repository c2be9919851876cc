/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "claim.h"

#define QUEUE 64 /* of those who asked who holds it: each stays in there */

static int
new_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

static pid_t
holder_of(const struct sockaddr_un *addr, socklen_t len)
{
	struct ucred cred = {0};
	socklen_t cred_len = sizeof(cred);
	int fd = new_socket();

	if (fd < 0)
		return 0;
	if (connect(fd, (const struct sockaddr *)addr, len) == 0 &&
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &cred_len) < 0)
		cred.pid = 0;
	close(fd);
	return cred.pid;
}

int
gw_claim(const char *name, pid_t *holder)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t n = strlen(name);
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n);
	int fd, rc;

	*holder = 0;
	if (n > sizeof(addr.sun_path) - 1)
		return -ENAMETOOLONG;
	memcpy(addr.sun_path + 1, name, n); /* after a 0: abstract, one per network namespace */
	fd = new_socket();
	if (fd < 0)
		return fd;
	/* listening, so that who is refused can learn by whom; nobody is ever accepted */
	if (bind(fd, (const struct sockaddr *)&addr, len) == 0 && listen(fd, QUEUE) == 0)
		return fd;
	rc = -errno;
	close(fd);
	if (rc == -EADDRINUSE)
		*holder = holder_of(&addr, len);
	return rc;
}
