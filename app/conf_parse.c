/* SPDX-License-Identifier: BSD-3-Clause */
/* The grammar of swanctl.conf: text -> tree. */
#include "conf_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INCLUDE_DEPTH_MAX 16
#define INCLUDE_FILES_MAX 4096
#define FILE_LEN_MAX      (16u << 20)
#define BLANK             " \t\r"

/* what ends a name; blanks and line ends do too */
#define NOT_NAME "#{}:.,=\""

struct parser {
	struct conf *c;
	struct conf_error *err;
	const char *p, *end;
	const char *file; /* kept by c */
	unsigned int line;
	bool allow_include;
	char *word; /* room for any word of this text; wiped */
	size_t word_len;
	/* files that include this one */
	const struct parser *outer;
	unsigned int level;
	unsigned int *n_files;
	dev_t dev;
	ino_t ino;
};

static int load(struct conf *c, const char *path, struct conf_node *section,
	const struct parser *outer, unsigned int *n_files, struct conf_error *err);

#define FAIL(ps, at, ...) (conf_fail((ps)->err, (ps)->file, (at), __VA_ARGS__), -EINVAL)

static bool
at_end(const struct parser *ps)
{
	return ps->p == ps->end;
}

/* the next byte, or NUL, which is in no text we take */
static char
peek(const struct parser *ps)
{
	return at_end(ps) ? '\0' : *ps->p;
}

static bool
is_blank(char ch)
{
	return ch != '\0' && strchr(BLANK, ch) != NULL;
}

static bool
is_name(char ch)
{
	return ch != '\0' && ch != '\n' && !is_blank(ch) && strchr(NOT_NAME, ch) == NULL;
}

static void
skip_blanks(struct parser *ps)
{
	while (is_blank(peek(ps)))
		ps->p++;
}

static void
skip_line(struct parser *ps)
{
	while (!at_end(ps) && *ps->p != '\n')
		ps->p++;
}

/* blanks, line ends and comments */
static void
skip_space(struct parser *ps)
{
	for (;;) {
		skip_blanks(ps);
		if (peek(ps) == '#') {
			skip_line(ps);
		} else if (peek(ps) == '\n') {
			ps->line++;
			ps->p++;
		} else {
			return;
		}
	}
}

static void
put(struct parser *ps, char ch)
{
	ps->word[ps->word_len++] = ch;
}

/* a name as a terminated string in ps->word */
static const char *
read_name(struct parser *ps)
{
	ps->word_len = 0;
	while (is_name(peek(ps)))
		put(ps, *ps->p++);
	put(ps, '\0');
	return ps->word;
}

/* what stands at p, for error messages */
static const char *
here(const struct parser *ps, char buf[8])
{
	char ch = peek(ps);

	if (ch == '\0')
		return "the end of the file";
	if (ch == '\n')
		return "the end of the line";
	snprintf(buf, 8, "'%c'", ch);
	return buf;
}

/* p is behind the opening quote; the text goes to ps->word */
static int
read_quoted(struct parser *ps)
{
	unsigned int opened = ps->line;

	while (!at_end(ps)) {
		char ch = *ps->p++;

		if (ch == '"')
			return 0;
		if (ch == '\n')
			ps->line++;
		if (ch != '\\') {
			put(ps, ch);
			continue;
		}
		if (at_end(ps))
			break;
		ch = *ps->p++;
		switch (ch) {
		case 'n':
			put(ps, '\n');
			break;
		case 'r':
			put(ps, '\r');
			break;
		case 't':
			put(ps, '\t');
			break;
		case '\n': /* the line goes on */
			ps->line++;
			break;
		default:
			put(ps, ch);
		}
	}
	return FAIL(ps, opened, "the quote opened here is never closed; end the text with '\"'");
}

/* words up to the end of the line, '}' or '#', joined by one blank each */
static int
read_value(struct parser *ps, bool *empty)
{
	int ret;

	ps->word_len = 0;
	*empty = true;
	for (;;) {
		skip_blanks(ps);
		char ch = peek(ps);
		if (ch == '\0' || ch == '\n' || ch == '}' || ch == '#')
			return 0;
		if (!*empty)
			put(ps, ' ');
		*empty = false;
		if (ch == '"') {
			ps->p++;
			ret = read_quoted(ps);
			if (ret < 0)
				return ret;
			continue;
		}
		while (ch != '\0' && ch != '\n' && !is_blank(ch) && strchr("#}\"", ch) == NULL) {
			put(ps, ch);
			ps->p++;
			ch = peek(ps);
		}
	}
}

/* sets err for a node that could not be added */
static int
no_node(struct parser *ps, unsigned int line, const char *name)
{
	switch (errno) {
	case EEXIST:
		return FAIL(
			ps, line, "'%.64s' is both a setting and a section; use one of them", name);
	case E2BIG:
		return FAIL(ps, line,
			"'%.64s' is too much: at most %u settings in all, sections at most %u deep",
			name, CONF_NODES_MAX, CONF_DEPTH_MAX);
	default:
		return FAIL(ps, line, "out of memory");
	}
}

static int
parse_setting(struct parser *ps, struct conf_node *section, const char *name, unsigned int line)
{
	bool empty;
	int ret = read_value(ps, &empty);

	if (ret < 0)
		return ret;
	ps->c->line = line;
	if (conf_add_value(ps->c, section, name, empty ? NULL : ps->word,
		    empty ? 0 : ps->word_len) == NULL)
		return no_node(ps, line, name);
	return 0;
}

/* p is behind ':' */
static int
parse_refs(struct parser *ps, struct conf_node *section)
{
	char buf[8];

	for (;;) {
		skip_space(ps);
		const char *from = ps->p;
		while (is_name(peek(ps)) || peek(ps) == '.')
			ps->p++;
		if (ps->p == from)
			return FAIL(ps, ps->line,
				"%s after ':'; expected the name of a section to inherit from",
				here(ps, buf));
		ps->c->line = ps->line;
		if (conf_add_ref(ps->c, section, from, (size_t)(ps->p - from)) < 0)
			return FAIL(ps, ps->line, "out of memory");
		skip_space(ps);
		if (peek(ps) == '{')
			return 0;
		if (peek(ps) != ',')
			return FAIL(ps, ps->line,
				"%s after a section to inherit from; expected ',' or '{'",
				here(ps, buf));
		ps->p++;
	}
}

/* an unquoted pattern keeps its escapes, which glob() understands */
static int
read_pattern(struct parser *ps)
{
	char buf[8];

	ps->word_len = 0;
	if (peek(ps) == '"') {
		ps->p++;
		int ret = read_quoted(ps);
		if (ret < 0)
			return ret;
	} else {
		while (!at_end(ps) && !is_blank(*ps->p) && strchr("\n#}\"", *ps->p) == NULL) {
			if (*ps->p == '\\' && ps->end - ps->p > 1 && ps->p[1] != '\n')
				put(ps, *ps->p++);
			put(ps, *ps->p++);
		}
	}
	put(ps, '\0');
	skip_blanks(ps);
	if (ps->word[0] == '\0' || (!at_end(ps) && strchr("\n#}", *ps->p) == NULL))
		return FAIL(ps, ps->line, "%s in an include; expected one file name or pattern",
			here(ps, buf));
	return 0;
}

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

static int
parse_include(struct parser *ps, struct conf_node *section)
{
	unsigned int line = ps->line;
	glob_t found;
	char *path;
	int ret = read_pattern(ps);

	if (ret < 0)
		return ret;
	if (!ps->allow_include)
		return FAIL(
			ps, line, "include is not possible here; write the settings themselves");
	if (ps->level >= INCLUDE_DEPTH_MAX)
		return FAIL(
			ps, line, "files include one another more than %d deep", INCLUDE_DEPTH_MAX);
	path = glob_path(ps->file, ps->word);
	if (path == NULL)
		return FAIL(ps, line, "out of memory");
	ret = glob(path, 0, NULL, &found);
	if (ret == GLOB_NOMATCH) {
		conf_warn(ps->c, ps->file, line, "include matches no file: %s", path);
		ret = 0;
	} else if (ret != 0) {
		ret = FAIL(ps, line, "include %s: %s", path,
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

/* `include X`, but not `include = X` nor a section of that name */
static bool
is_include(const struct parser *ps, const char *name)
{
	const char *p = ps->p;

	if (strcmp(name, "include") != 0 || p == ps->end || !is_blank(*p))
		return false;
	while (p < ps->end && is_blank(*p))
		p++;
	return p < ps->end && strchr("={:", *p) == NULL;
}

/* name is behind us: a setting, or a section whose '{' is then behind us too */
static int
parse_named(struct parser *ps, struct conf_node **section, const char *name, unsigned int line)
{
	struct conf_node *sub;
	char buf[8];
	bool eol;

	skip_blanks(ps);
	if (peek(ps) == '=') {
		ps->p++;
		return parse_setting(ps, *section, name, line);
	}
	if (peek(ps) == '.')
		return FAIL(ps, line, "dotted names cannot be set; write '%.64s { ... }' around it",
			name);
	eol = peek(ps) == '\n' || peek(ps) == '#';
	if (eol)
		skip_space(ps);
	if (peek(ps) != '{' && peek(ps) != ':')
		return FAIL(ps, line, "'%.64s' is followed by %s; expected '=' and a value, or '{'",
			name, eol ? "the end of the line" : here(ps, buf));
	ps->c->line = line;
	sub = conf_add_section(ps->c, *section, name);
	if (sub == NULL)
		return no_node(ps, line, name);
	if (*ps->p++ == ':') {
		int ret = parse_refs(ps, sub);
		if (ret < 0)
			return ret;
		ps->p++;
	}
	*section = sub;
	return 0;
}

static int
parse_statement(struct parser *ps, struct conf_node **section)
{
	unsigned int line = ps->line;
	char buf[8];
	char *name;
	int ret;

	if (!is_name(peek(ps)))
		return FAIL(ps, line,
			"%s where a name should be; expected 'name = value' or 'name {'",
			here(ps, buf));
	name = strdup(read_name(ps));
	if (name == NULL)
		return FAIL(ps, line, "out of memory");
	if (is_include(ps, name)) {
		skip_blanks(ps);
		ret = parse_include(ps, *section);
	} else {
		ret = parse_named(ps, section, name, line);
	}
	free(name);
	return ret;
}

static int
parse_text(struct parser *ps, struct conf_node *top)
{
	unsigned int opened[CONF_DEPTH_MAX + 1] = {0},
					     level = 0; /* conf_add_section() bounds level */
	struct conf_node *section = top;
	int ret = 0;

	ps->c->file = ps->file;
	for (;;) {
		skip_space(ps);
		if (at_end(ps))
			break;
		if (*ps->p == '}') {
			if (level == 0)
				return FAIL(
					ps, ps->line, "'}' without a section that it would close");
			ps->p++;
			level--;
			section = section->parent;
			continue;
		}
		struct conf_node *before = section;
		unsigned int line = ps->line;
		ret = parse_statement(ps, &section);
		if (ret < 0)
			return ret;
		if (section != before)
			opened[++level] = line;
	}
	if (level > 0)
		return FAIL(ps, opened[level], "section '%.64s' is never closed; end it with '}'",
			section->name);
	return 0;
}

/* text that is no text would otherwise end early, or look like something else in messages */
static int
check_bytes(struct parser *ps)
{
	unsigned int line = 1;

	for (const char *p = ps->p; p < ps->end; p++) {
		unsigned char ch = (unsigned char)*p;
		if (ch == '\n')
			line++;
		else if ((ch < 0x20 && ch != '\t' && ch != '\r') || ch == 0x7f)
			return FAIL(ps, line,
				"control character 0x%02x; the file must be plain text", ch);
	}
	return 0;
}

static int
parse_buffer(struct parser *ps, const char *text, size_t len, struct conf_node *section)
{
	static const char bom[] = "\xef\xbb\xbf";
	/* a word is never longer than its text; one more for the terminator */
	size_t cap = len + 1;
	int ret;

	ps->p = text;
	ps->end = text + len;
	ps->line = 1;
	if (len >= 3 && memcmp(text, bom, 3) == 0)
		ps->p += 3;
	ps->word = malloc(cap);
	if (ps->word == NULL)
		return FAIL(ps, 0, "out of memory");
	ret = check_bytes(ps);
	if (ret == 0)
		ret = parse_text(ps, section);
	explicit_bzero(ps->word, cap);
	free(ps->word);
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
includes_itself(const struct parser *ps)
{
	for (const struct parser *o = ps->outer; o != NULL; o = o->outer) {
		if (o->dev == ps->dev && o->ino == ps->ino)
			return true;
	}
	return false;
}

static int
load_fd(struct parser *ps, int fd, const char *path, struct conf_node *section)
{
	const struct parser *o = ps->outer;
	char *text = NULL;
	struct stat st;
	size_t len = 0;
	int ret;

	if (fstat(fd, &st) < 0)
		return FAIL(ps, 0, "cannot be read: %s", strerror(errno));
	ps->dev = st.st_dev;
	ps->ino = st.st_ino;
	if (includes_itself(ps)) {
		conf_fail(ps->err, o->file, o->line, "include of %s leads back to the same file",
			path);
		return -EINVAL;
	}
	ret = read_all(fd, &text, &len);
	if (ret < 0)
		ret = FAIL(ps, 0, "cannot be read: %s", strerror(-ret));
	else
		ret = parse_buffer(ps, text, len, section);
	if (text != NULL)
		explicit_bzero(text, len);
	free(text);
	return ret;
}

static int
load(struct conf *c, const char *path, struct conf_node *section, const struct parser *outer,
	unsigned int *n_files, struct conf_error *err)
{
	struct parser ps = {
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
		return FAIL(&ps, 0, "more than %d files are included", INCLUDE_FILES_MAX);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return FAIL(&ps, 0, "cannot be opened: %s", strerror(errno));
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
	struct parser ps = {
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
	return finish(c, parse_buffer(&ps, text, len, &c->root), err);
}
