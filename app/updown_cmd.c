/* SPDX-License-Identifier: BSD-3-Clause */
/* A command line: its words, and whether its program is root's alone. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "updown_int.h"

#define LINKS_MAX 16

static int refuse(int err, char *buf, size_t len, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static int
refuse(int err, char *buf, size_t len, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, len, fmt, ap);
	va_end(ap);
	return -err;
}

/* ---- words ---- */

struct splitter {
	const char *in;
	char *out;
	const char *problem;
};

/* Up to the closing quote; in double ones a backslash protects '"' and itself. */
static void
take_quoted(struct splitter *s)
{
	char quote = *s->in++;

	while (*s->in && *s->in != quote) {
		if (quote == '"' && s->in[0] == '\\' && (s->in[1] == '"' || s->in[1] == '\\'))
			s->in++;
		else if (quote == '"' && (*s->in == '$' || *s->in == '`'))
			s->problem = "needs a shell: put it into a script";
		*s->out++ = *s->in++;
	}
	if (*s->in)
		s->in++;
	else
		s->problem = "has a quote that does not end";
}

/* One word, which begins at in. What a shell would have understood is refused, not passed on. */
static void
take_word(struct splitter *s)
{
	while (*s->in && !strchr(" \t\r\n", *s->in)) {
		if (*s->in == '\'' || *s->in == '"') {
			take_quoted(s);
			continue;
		}
		if (strchr("|&;<>`$()*?[", *s->in))
			s->problem = "needs a shell: put it into a script";
		if (*s->in == '\\' && s->in[1])
			s->in++;
		*s->out++ = *s->in++;
	}
	*s->out++ = '\0';
}

int
updown_split(const char *command, struct updown_words *w, char *err, size_t err_len)
{
	struct splitter s = {.in = command, .out = w->text};

	w->n = 0;
	if (strlen(command) >= sizeof(w->text) / 2)
		return refuse(EINVAL, err, err_len, "the command is too long");
	for (;;) {
		s.in += strspn(s.in, " \t\r\n");
		if (!*s.in)
			break;
		if (w->n == UPDOWN_WORDS_MAX)
			return refuse(EINVAL, err, err_len, "the command has too many words");
		w->argv[w->n++] = s.out;
		take_word(&s);
	}
	w->argv[w->n] = NULL;
	if (s.problem)
		return refuse(EINVAL, err, err_len, "'%s' %s", command, s.problem);
	if (w->n == 0)
		return refuse(EINVAL, err, err_len, "the command is empty");
	if (w->argv[0][0] != '/')
		return refuse(EINVAL, err, err_len, "'%s' is no absolute path", w->argv[0]);
	return 0;
}

/* ---- whose file ---- */

/*
 * A path is walked by hand, because each step of it must be root's: whoever can write to a
 * directory on the way, or replace a link, chooses what runs.
 */
struct walk {
	char done[PATH_MAX]; /* free of links, checked */
	char todo[PATH_MAX];
	unsigned int links;
	char *err;
	size_t err_len;
};

static int
check_owner(struct walk *w, const char *path, const struct stat *st)
{
	if (st->st_uid != 0)
		return refuse(EPERM, w->err, w->err_len, "%s is not root's", path);
	if (!S_ISLNK(st->st_mode) && (st->st_mode & 022))
		return refuse(
			EPERM, w->err, w->err_len, "%s may be written by others than root", path);
	return 0;
}

static int
follow_link(struct walk *w, const char *link)
{
	char target[PATH_MAX], rest[PATH_MAX];
	ssize_t len = readlink(link, target, sizeof(target) - 1);

	if (len < 0)
		return refuse(errno, w->err, w->err_len, "%s: %s", link, strerror(errno));
	if (++w->links > LINKS_MAX)
		return refuse(EINVAL, w->err, w->err_len, "%s: too many links", link);
	target[len] = '\0';
	if (target[0] == '/')
		w->done[0] = '\0';
	strcpy(rest, w->todo);
	if ((size_t)snprintf(w->todo, sizeof(w->todo), "%s/%s", target, rest) >= sizeof(w->todo))
		return refuse(EINVAL, w->err, w->err_len, "%s: too long", link);
	return 0;
}

/* Take the next name off todo. @return false: none left */
static bool
next_name(struct walk *w, char name[NAME_MAX + 1])
{
	size_t skip = strspn(w->todo, "/"), len = strcspn(w->todo + skip, "/");

	if (len > NAME_MAX) /* no file has such a name: let lstat() say so */
		len = NAME_MAX;
	memcpy(name, w->todo + skip, len);
	name[len] = '\0';
	memmove(w->todo, w->todo + skip + len, strlen(w->todo + skip + len) + 1);
	return len > 0;
}

static int
step(struct walk *w, const char *name, struct stat *st)
{
	char path[PATH_MAX];
	int err;

	if (strcmp(name, ".") == 0)
		return 0;
	if (strcmp(name, "..") == 0) {
		char *slash = strrchr(w->done, '/');

		if (slash)
			*slash = '\0';
		return lstat(w->done[0] ? w->done : "/", st) < 0 ? -errno : 0;
	}
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", w->done, name) >= sizeof(path))
		return refuse(EINVAL, w->err, w->err_len, "%s: too long", w->done);
	if (lstat(path, st) < 0)
		return refuse(errno, w->err, w->err_len, "%s: %s", path, strerror(errno));
	err = check_owner(w, path, st);
	if (err)
		return err;
	if (S_ISLNK(st->st_mode))
		return follow_link(w, path);
	strcpy(w->done, path);
	return 0;
}

int
updown_trusted(const char *path, char *err, size_t err_len)
{
	struct walk w = {.err = err, .err_len = err_len};
	char name[NAME_MAX + 1];
	struct stat st;
	int e;

	if (strlen(path) >= sizeof(w.todo))
		return refuse(EINVAL, err, err_len, "the path is too long");
	strcpy(w.todo, path);
	if (lstat("/", &st) < 0)
		return -errno;
	e = check_owner(&w, "/", &st);
	while (e == 0 && next_name(&w, name))
		e = step(&w, name, &st);
	if (e)
		return e;
	if (!S_ISREG(st.st_mode))
		return refuse(EACCES, err, err_len, "%s is no file", path);
	if (!(st.st_mode & 0111))
		return refuse(EACCES, err, err_len, "%s is not executable", path);
	return 0;
}

int
updown_check(const char *command, char *err, size_t err_len)
{
	struct updown_words w;
	int e = updown_split(command, &w, err, err_len);

	return e ? e : updown_trusted(w.argv[0], err, err_len);
}
