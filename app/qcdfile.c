/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qcdfile.h"

#define NAME_LEN 300

static int
failed(char *why, size_t len, const char *what, const char *path)
{
	int err = errno;

	snprintf(why, len, "%s %s: %s", what, path, strerror(err));
	return -err;
}

/** Only we may know it. */
static int
check(int fd, const char *path, char *why, size_t len)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return failed(why, len, "stat", path);
	if (!S_ISREG(st.st_mode) || st.st_size != GW_QCD_SECRET_LEN) {
		snprintf(why, len, "%s is no file of %d bytes; remove it, and a new one is made",
			path, GW_QCD_SECRET_LEN);
		return -EINVAL;
	}
	if (st.st_uid != geteuid() || (st.st_mode & 077) != 0) {
		snprintf(why, len, "%s may be read by others than its owner; its mode must be 0600",
			path);
		return -EPERM;
	}
	return 0;
}

static int
read_secret(const char *path, uint8_t secret[GW_QCD_SECRET_LEN], char *why, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), rc;

	if (fd < 0)
		return failed(why, len, "open", path);
	rc = check(fd, path, why, len);
	if (rc == 0 && read(fd, secret, GW_QCD_SECRET_LEN) != GW_QCD_SECRET_LEN) {
		snprintf(why, len, "%s cannot be read", path);
		rc = -EIO;
	}
	close(fd);
	return rc;
}

static int
write_secret(const char *tmp, char *why, size_t len)
{
	uint8_t secret[GW_QCD_SECRET_LEN];
	int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600), rc = 0;

	if (fd < 0)
		return failed(why, len, "create", tmp);
	if (getrandom(secret, sizeof(secret), 0) != sizeof(secret) ||
		write(fd, secret, sizeof(secret)) != sizeof(secret) || fsync(fd) < 0)
		rc = failed(why, len, "write", tmp);
	explicit_bzero(secret, sizeof(secret));
	close(fd);
	return rc;
}

/** Complete or not there at all; of two that start at once the first one's counts. */
static int
make_file(const char *path, char *why, size_t len)
{
	char tmp[NAME_LEN];
	int rc;

	if ((size_t)snprintf(tmp, sizeof(tmp), "%s.%ld", path, (long)getpid()) >= sizeof(tmp)) {
		snprintf(why, len, "%s: the path is too long", path);
		return -ENAMETOOLONG;
	}
	unlink(tmp); /* of a process that had our number and was killed */
	rc = write_secret(tmp, why, len);
	if (rc == 0 && link(tmp, path) < 0 && errno != EEXIST)
		rc = failed(why, len, "create", path);
	unlink(tmp);
	return rc;
}

static void
make_folder(const char *path)
{
	char dir[NAME_LEN];
	const char *end = strrchr(path, '/');
	size_t n = end != NULL ? (size_t)(end - path) : 0;

	if (n == 0 || n >= sizeof(dir))
		return;
	memcpy(dir, path, n);
	dir[n] = '\0';
	mkdir(dir, 0700); /* what is wrong with it shows when the file is made */
}

int
gw_qcdfile(const char *path, uint8_t secret[GW_QCD_SECRET_LEN], char *why, size_t why_len)
{
	int rc;

	memset(secret, 0, GW_QCD_SECRET_LEN);
	rc = read_secret(path, secret, why, why_len);
	if (rc == -ENOENT) {
		make_folder(path);
		rc = make_file(path, why, why_len);
		if (rc == 0)
			rc = read_secret(path, secret, why, why_len);
	}
	if (rc < 0)
		explicit_bzero(secret, GW_QCD_SECRET_LEN);
	return rc;
}
