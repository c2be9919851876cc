/* SPDX-License-Identifier: BSD-3-Clause */
/* The grammar of swanctl.conf: text -> tree. */
#include "conf_tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLANK " \t\r"

/* what ends a name; blanks and line ends do too */
#define NOT_NAME "#{}:.,=\""

static bool
at_end(const struct conf_parser *ps)
{
	return ps->p == ps->end;
}

/* the next byte, or NUL, which is in no text we take */
static char
peek(const struct conf_parser *ps)
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
skip_blanks(struct conf_parser *ps)
{
	while (is_blank(peek(ps)))
		ps->p++;
}

static void
skip_line(struct conf_parser *ps)
{
	while (!at_end(ps) && *ps->p != '\n')
		ps->p++;
}

/* blanks, line ends and comments */
static void
skip_space(struct conf_parser *ps)
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
put(struct conf_parser *ps, char ch)
{
	ps->word[ps->word_len++] = ch;
}

/* a name as a terminated string in ps->word */
static const char *
read_name(struct conf_parser *ps)
{
	ps->word_len = 0;
	while (is_name(peek(ps)))
		put(ps, *ps->p++);
	put(ps, '\0');
	return ps->word;
}

/* what stands at p, for error messages */
static const char *
here(const struct conf_parser *ps, char buf[8])
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
read_quoted(struct conf_parser *ps)
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
	return CONF_FAIL(
		ps, opened, "the quote opened here is never closed; end the text with '\"'");
}

/* words up to the end of the line, '}' or '#', joined by one blank each */
static int
read_value(struct conf_parser *ps, bool *empty)
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
no_node(struct conf_parser *ps, unsigned int line, const char *name)
{
	switch (errno) {
	case EEXIST:
		return CONF_FAIL(
			ps, line, "'%.64s' is both a setting and a section; use one of them", name);
	case E2BIG:
		return CONF_FAIL(ps, line,
			"'%.64s' is too much: at most %u settings in all, sections at most %u deep",
			name, CONF_NODES_MAX, CONF_DEPTH_MAX);
	default:
		return CONF_FAIL(ps, line, "out of memory");
	}
}

/* Of one file. What another one has set is there to be overridden. */
static struct conf_node *
set_before(const struct conf_parser *ps, const struct conf_node *section, const char *name)
{
	struct conf_node *n = conf_find(ps->c, section, name);

	return n != NULL && n->file == ps->file ? n : NULL;
}

static void
warn_again(struct conf_parser *ps, const struct conf_node *before, unsigned int line)
{
	char path[201];

	conf_warn(ps->c, ps->file, line, "%s: is set again; what line %u says does not count",
		conf_path(before, path, sizeof(path)), before->line);
}

static int
parse_setting(
	struct conf_parser *ps, struct conf_node *section, const char *name, unsigned int line)
{
	const struct conf_node *before = set_before(ps, section, name);
	bool empty;
	int ret = read_value(ps, &empty);

	if (ret < 0)
		return ret;
	if (before != NULL && before->kind == CONF_VALUE)
		warn_again(ps, before, line);
	ps->c->line = line;
	if (conf_add_value(ps->c, section, name, empty ? NULL : ps->word,
		    empty ? 0 : ps->word_len) == NULL)
		return no_node(ps, line, name);
	return 0;
}

/* p is behind ':' */
static int
parse_refs(struct conf_parser *ps, struct conf_node *section)
{
	char buf[8];

	for (;;) {
		skip_space(ps);
		const char *from = ps->p;
		while (is_name(peek(ps)) || peek(ps) == '.')
			ps->p++;
		if (ps->p == from)
			return CONF_FAIL(ps, ps->line,
				"%s after ':'; expected the name of a section to inherit from",
				here(ps, buf));
		ps->c->line = ps->line;
		if (conf_add_ref(ps->c, section, from, (size_t)(ps->p - from)) < 0)
			return CONF_FAIL(ps, ps->line, "out of memory");
		skip_space(ps);
		if (peek(ps) == '{')
			return 0;
		if (peek(ps) != ',')
			return CONF_FAIL(ps, ps->line,
				"%s after a section to inherit from; expected ',' or '{'",
				here(ps, buf));
		ps->p++;
	}
}

/* an unquoted pattern keeps its escapes, which glob() understands */
static int
read_pattern(struct conf_parser *ps)
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
		return CONF_FAIL(ps, ps->line,
			"%s in an include; expected one file name or pattern", here(ps, buf));
	return 0;
}

static int
parse_include(struct conf_parser *ps, struct conf_node *section)
{
	unsigned int line = ps->line;
	int ret = read_pattern(ps);

	if (ret < 0)
		return ret;
	if (!ps->allow_include)
		return CONF_FAIL(
			ps, line, "include is not possible here; write the settings themselves");
	return conf_include(ps, section, ps->word, line);
}

/* `include X`, but not `include = X` nor a section of that name */
static bool
is_include(const struct conf_parser *ps, const char *name)
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
parse_named(struct conf_parser *ps, struct conf_node **section, const char *name, unsigned int line)
{
	struct conf_node *sub, *before;
	char buf[8];
	bool eol;

	skip_blanks(ps);
	if (peek(ps) == '=') {
		ps->p++;
		return parse_setting(ps, *section, name, line);
	}
	if (peek(ps) == '.')
		return CONF_FAIL(ps, line,
			"dotted names cannot be set; write '%.64s { ... }' around it", name);
	eol = peek(ps) == '\n' || peek(ps) == '#';
	if (eol)
		skip_space(ps);
	if (peek(ps) != '{' && peek(ps) != ':')
		return CONF_FAIL(ps, line,
			"'%.64s' is followed by %s; expected '=' and a value, or '{'", name,
			eol ? "the end of the line" : here(ps, buf));
	ps->c->line = line;
	before = set_before(ps, *section, name);
	sub = conf_add_section(ps->c, *section, name);
	if (sub == NULL)
		return no_node(ps, line, name);
	if (before != NULL && before->again == 0)
		before->again = line;
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
parse_statement(struct conf_parser *ps, struct conf_node **section)
{
	unsigned int line = ps->line;
	char buf[8];
	char *name;
	int ret;

	if (!is_name(peek(ps)))
		return CONF_FAIL(ps, line,
			"%s where a name should be; expected 'name = value' or 'name {'",
			here(ps, buf));
	name = strdup(read_name(ps));
	if (name == NULL)
		return CONF_FAIL(ps, line, "out of memory");
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
parse_text(struct conf_parser *ps, struct conf_node *top)
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
				return CONF_FAIL(
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
		return CONF_FAIL(ps, opened[level],
			"section '%.64s' is never closed; end it with '}'", section->name);
	return 0;
}

/* text that is no text would otherwise end early, or look like something else in messages */
static int
check_bytes(struct conf_parser *ps)
{
	unsigned int line = 1;

	for (const char *p = ps->p; p < ps->end; p++) {
		unsigned char ch = (unsigned char)*p;
		if (ch == '\n')
			line++;
		else if ((ch < 0x20 && ch != '\t' && ch != '\r') || ch == 0x7f)
			return CONF_FAIL(ps, line,
				"control character 0x%02x; the file must be plain text", ch);
	}
	return 0;
}

int
conf_parse_buffer(struct conf_parser *ps, const char *text, size_t len, struct conf_node *section)
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
		return CONF_FAIL(ps, 0, "out of memory");
	ret = check_bytes(ps);
	if (ret == 0)
		ret = parse_text(ps, section);
	explicit_bzero(ps->word, cap);
	free(ps->word);
	return ret;
}
