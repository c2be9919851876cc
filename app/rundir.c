/* SPDX-License-Identifier: BSD-3-Clause */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

#include "rundir.h"

#define PREFIX "raclette-"

static bool
is_dpdk(const char *name)
{
	static const char *const begins[] = {
		"dpdk_telemetry.v2", "config", "hugepage_info", "mp_socket", "fbarray_"};

	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
		if (strncmp(name, begins[i], strlen(begins[i])) == 0)
			return true;
	}
	return false;
}

/* A process in another PID namespace looks dead from here, but its sockets answer. */
static bool
is_served(int dir, const char *name)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct stat st;
	int fd, rc;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	rc = snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/%s", dir, name);
	if (rc < 0 || (size_t)rc >= sizeof(addr.sun_path))
		return true;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return true;
	rc = connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0 ? 0 : errno;
	close(fd);
	return rc != ECONNREFUSED;
}

/* @return 0 when all that is in there may go */
static int
check_files(DIR *d, bool force)
{
	struct dirent *de;

	while ((de = readdir(d)) != NULL) {
		if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
			continue;
		if (!is_dpdk(de->d_name))
			return -ENOTEMPTY;
		if (!force && is_served(dirfd(d), de->d_name))
			return -EBUSY;
	}
	rewinddir(d);
	return 0;
}

static int
remove_at(int base, const char *name, bool force)
{
	int fd = openat(base, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), rc;
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *de;

	if (d == NULL) {
		rc = -errno;
		if (fd >= 0)
			close(fd);
		return rc;
	}
	rc = check_files(d, force);
	while (rc == 0 && (de = readdir(d)) != NULL) {
		if (is_dpdk(de->d_name))
			unlinkat(fd, de->d_name, 0);
	}
	if (rc == 0 && unlinkat(base, name, AT_REMOVEDIR) < 0)
		rc = -errno;
	closedir(d);
	return rc;
}

int
gw_rundir_remove(const char *path, bool force)
{
	return remove_at(AT_FDCWD, path, force);
}

/* raclette-PID of a process that is no more? */
static bool
is_stale(const char *name)
{
	char canon[sizeof(PREFIX) + 16];
	int pid;

	if (sscanf(name, PREFIX "%9d", &pid) != 1 || pid <= 0)
		return false;
	snprintf(canon, sizeof(canon), PREFIX "%d", pid);
	return strcmp(name, canon) == 0 && kill(pid, 0) < 0 && errno == ESRCH;
}

unsigned int
gw_rundir_sweep(const char *base)
{
	DIR *d = opendir(base);
	struct dirent *de;
	unsigned int n = 0;

	if (d == NULL)
		return 0;
	while ((de = readdir(d)) != NULL) {
		if (is_stale(de->d_name))
			n += remove_at(dirfd(d), de->d_name, false) == 0;
	}
	closedir(d);
	return n;
}
