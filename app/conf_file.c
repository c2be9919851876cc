/* SPDX-License-Identifier: BSD-3-Clause */
/* Files, and files that include files. */
#include "conf_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INCLUDE_DEPTH_MAX 16
#define INCLUDE_FILES_MAX 4096
#define FILE_LEN_MAX      (16u << 20)

static int load(struct conf *c, const char *path, struct conf_node *section,
	const struct conf_parser *outer, unsigned int *n_files, struct conf_error *err);

/* the folder of the including file, escaped for glob(), and the pattern */
static char *
glob_path(const char *file, const char *pattern)
{
	const char *slash = strrchr(file, '/');
	size_t dir_len = slash == NULL || pattern[0] == '/' ? 0 : (size_t)(slash - file) + 1;
	char *path = malloc(dir_len * 2 + strlen(pattern) + 1), *q = path;

	if (path == NULL)
		return NULL;
	for (size_t i = 0; i < dir_len; i++) {
		if (strchr("*?[]\\", file[i]) != NULL)
			*q++ = '\\';
		*q++ = file[i];
	}
	memcpy(q, pattern, strlen(pattern) + 1);
	return path;
}

/* a name and no pattern, as glob() reads it */
static bool
is_plain(const char *pattern)
{
	for (const char *p = pattern; *p != '\0'; p++) {
		if (*p == '\\' && p[1] != '\0')
			p++;
		else if (strchr("*?[", *p) != NULL)
			return false;
	}
	return true;
}

/* Nothing may lie in a folder; who names one file means it. */
static int
no_match(struct conf_parser *ps, const char *pattern, const char *path, unsigned int line)
{
	if (is_plain(pattern))
		return CONF_FAIL(ps, line,
			"include: there is no file %s; a pattern, with '*' in it, may match none",
			path);
	conf_warn(ps->c, ps->file, line, "include matches no file: %s", path);
	return 0;
}

int
conf_include(
	struct conf_parser *ps, struct conf_node *section, const char *pattern, unsigned int line)
{
	glob_t found;
	char *path;
	int ret;

	if (ps->level >= INCLUDE_DEPTH_MAX)
		return CONF_FAIL(
			ps, line, "files include one another more than %d deep", INCLUDE_DEPTH_MAX);
	path = glob_path(ps->file, pattern);
	if (path == NULL)
		return CONF_FAIL(ps, line, "out of memory");
	ret = glob(path, 0, NULL, &found);
	if (ret == GLOB_NOMATCH) {
		ret = no_match(ps, pattern, path, line);
	} else if (ret != 0) {
		ret = CONF_FAIL(ps, line, "include %s: %s", path,
			ret == GLOB_NOSPACE ? "out of memory" : "cannot be searched for");
	} else {
		for (size_t i = 0; i < found.gl_pathc && ret == 0; i++)
			ret = load(ps->c, found.gl_pathv[i], section, ps, ps->n_files, ps->err);
		globfree(&found);
		ps->c->file = ps->file;
	}
	free(path);
	return ret;
}

/* secrets are in it: wiped by the caller, and not read through a buffer of stdio's */
static int
read_all(int fd, char **text, size_t *len)
{
	size_t cap = 1 << 16, n = 0;
	char *buf = malloc(cap), *larger;
	ssize_t got = 0;

	while (buf != NULL) {
		got = read(fd, buf + n, cap - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		n += (size_t)got;
		if (n < cap)
			continue;
		if (n > FILE_LEN_MAX) {
			errno = EFBIG;
			got = -1;
			break;
		}
		cap *= 2;
		larger = malloc(cap);
		if (larger != NULL)
			memcpy(larger, buf, n);
		explicit_bzero(buf, n);
		free(buf);
		buf = larger;
	}
	if (buf == NULL)
		return -ENOMEM;
	*text = buf;
	*len = n;
	return got < 0 ? -errno : 0;
}

static bool
includes_itself(const struct conf_parser *ps)
{
	for (const struct conf_parser *o = ps->outer; o != NULL; o = o->outer) {
		if (o->dev == ps->dev && o->ino == ps->ino)
			return true;
	}
	return false;
}

static int
load_fd(struct conf_parser *ps, int fd, const char *path, struct conf_node *section)
{
	const struct conf_parser *o = ps->outer;
	char *text = NULL;
	struct stat st;
	size_t len = 0;
	int ret;

	if (fstat(fd, &st) < 0)
		return CONF_FAIL(ps, 0, "cannot be read: %s", strerror(errno));
	ps->c->files->others = (st.st_mode & (S_IRGRP | S_IROTH)) != 0; /* the newest: this one */
	ps->dev = st.st_dev;
	ps->ino = st.st_ino;
	if (includes_itself(ps)) {
		conf_fail(ps->err, o->file, o->line, "include of %s leads back to the same file",
			path);
		return -EINVAL;
	}
	ret = read_all(fd, &text, &len);
	if (ret < 0)
		ret = CONF_FAIL(ps, 0, "cannot be read: %s", strerror(-ret));
	else
		ret = conf_parse_buffer(ps, text, len, section);
	if (text != NULL)
		explicit_bzero(text, len);
	free(text);
	return ret;
}

static int
load(struct conf *c, const char *path, struct conf_node *section, const struct conf_parser *outer,
	unsigned int *n_files, struct conf_error *err)
{
	struct conf_parser ps = {
		.c = c,
		.err = err,
		.file = conf_add_file(c, path),
		.allow_include = true,
		.outer = outer,
		.level = outer != NULL ? outer->level + 1 : 0,
		.n_files = n_files,
	};
	int fd, ret;

	if (ps.file == NULL) {
		conf_fail(err, path, 0, "out of memory");
		return -ENOMEM;
	}
	if (++*n_files > INCLUDE_FILES_MAX)
		return CONF_FAIL(&ps, 0, "more than %d files are included", INCLUDE_FILES_MAX);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return CONF_FAIL(&ps, 0, "cannot be opened: %s", strerror(errno));
	ret = load_fd(&ps, fd, path, section);
	close(fd);
	return ret;
}

static struct conf *
finish(struct conf *c, int ret, struct conf_error *err)
{
	if (ret == 0)
		ret = conf_resolve(c, err);
	if (ret == 0)
		return c;
	conf_free(c);
	return NULL;
}

struct conf *
conf_load(const char *path, struct conf_error *err)
{
	struct conf *c = conf_new();
	unsigned int n_files = 0;

	memset(err, 0, sizeof(*err));
	if (c == NULL) {
		conf_fail(err, path, 0, "out of memory");
		return NULL;
	}
	return finish(c, load(c, path, &c->root, NULL, &n_files, err), err);
}

struct conf *
conf_parse(
	const char *text, size_t len, const char *name, bool allow_include, struct conf_error *err)
{
	struct conf *c = conf_new();
	unsigned int n_files = 0;
	struct conf_parser ps = {
		.c = c,
		.err = err,
		.file = c != NULL ? conf_add_file(c, name) : NULL,
		.allow_include = allow_include,
		.n_files = &n_files,
	};

	memset(err, 0, sizeof(*err));
	if (ps.file == NULL) {
		conf_fail(err, name, 0, "out of memory");
		conf_free(c);
		return NULL;
	}
	return finish(c, conf_parse_buffer(&ps, text, len, &c->root), err);
}
