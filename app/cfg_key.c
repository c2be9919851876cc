/* SPDX-License-Identifier: BSD-3-Clause */
/* One loop for every section, and the words in which it complains. */
#include "cfg_int.h"
#include "conf_tree.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUOTE_LEN 80

int
cfg_error(struct cfg_ctx *x, const struct conf_node *node, const char *fmt, ...)
{
	char where[201], why[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	conf_path(node, where, sizeof(where));
	conf_fail(
		x->err, node->file, node->line, "%s%s%s", where, where[0] != '\0' ? ": " : "", why);
	return -EINVAL;
}

int
cfg_bad_value(
	struct cfg_ctx *x, const struct conf_node *node, const char *value, const char *allowed)
{
	char quoted[QUOTE_LEN];
	/* `local { auth = psk id = x }` is one value, which surprises */
	const char *hint = node->file != NULL && strstr(value, " = ") != NULL
				   ? "; each setting needs a line of its own"
				   : "";

	return cfg_error(x, node, "'%s' is not possible; allowed: %s%s",
		conf_quote(value, quoted, sizeof(quoted)), allowed, hint);
}

int
cfg_no_memory(struct cfg_ctx *x)
{
	conf_fail(x->err, NULL, 0, "out of memory");
	return -ENOMEM;
}

void
cfg_note(struct cfg_ctx *x, bool warning, const struct conf_node *node, const char *fmt, ...)
{
	struct cfg_notes *ns = x->notes;
	struct cfg_note *more, *n;
	char where[201], what[300];
	va_list ap;

	more = realloc(ns->note, (ns->n + 1) * sizeof(*more));
	if (more == NULL)
		return;
	ns->note = more;
	n = &more[ns->n];
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	memset(n, 0, sizeof(*n));
	n->warning = warning;
	if (node != NULL) {
		snprintf(n->file, sizeof(n->file), "%s", node->file != NULL ? node->file : "");
		n->line = node->line;
		conf_path(node, where, sizeof(where));
	} else {
		where[0] = '\0';
	}
	snprintf(n->msg, sizeof(n->msg), "%s%s%s", where, where[0] != '\0' ? ": " : "", what);
	ns->n++;
}

bool
cfg_first(struct cfg_ctx *x, const char *what)
{
	struct cfg_seen *s;
	size_t len = strlen(what) + 1;

	for (s = x->seen; s != NULL; s = s->next) {
		if (strcmp(s->what, what) == 0)
			return false;
	}
	s = malloc(sizeof(*s) + len);
	if (s == NULL)
		return true;
	memcpy(s->what, what, len);
	s->next = x->seen;
	x->seen = s;
	return true;
}

/* Levenshtein's distance, for names as short as ours */
static unsigned int
distance(const char *a, const char *b)
{
	enum { MAX = 32 };
	unsigned int row[MAX + 1];
	size_t la = strlen(a), lb = strlen(b);

	if (la > MAX || lb > MAX)
		return MAX;
	for (unsigned int j = 0; j <= lb; j++)
		row[j] = j;
	for (unsigned int i = 1; i <= la; i++) {
		unsigned int diag = row[0];
		row[0] = i;
		for (unsigned int j = 1; j <= lb; j++) {
			unsigned int best = diag + (a[i - 1] != b[j - 1]);
			diag = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[lb];
}

static int
unknown_key(
	struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *keys, size_t n_keys)
{
	unsigned int best = 3, limit = strlen(node->name) < 5 ? 1 : 2;
	const char *near = NULL;
	char list[480] = "";
	size_t at = 0;

	for (size_t i = 0; i < n_keys; i++) {
		unsigned int d = distance(node->name, keys[i].name);
		if (d <= limit && d < best) {
			best = d;
			near = keys[i].name;
		}
		if (keys[i].kind == CFG_IGNORED || keys[i].kind == CFG_MISSING ||
			keys[i].kind == CFG_REFUSED || at >= sizeof(list))
			continue;
		at += (size_t)snprintf(
			list + at, sizeof(list) - at, "%s%s", at > 0 ? ", " : "", keys[i].name);
	}
	if (near != NULL)
		return cfg_error(x, node, "unknown key; did you mean '%s'?", near);
	return cfg_error(x, node, "unknown key; known here: %s", list);
}

static const struct cfg_key *
find_key(const struct conf_node *node, const struct cfg_key *keys, size_t n_keys)
{
	for (size_t i = 0; i < n_keys; i++) {
		if (strcmp(keys[i].name, node->name) == 0)
			return &keys[i];
	}
	for (size_t i = 0; i < n_keys; i++) {
		size_t len = strlen(keys[i].name);
		if (len > 0 && keys[i].name[len - 1] == '*' &&
			strncmp(keys[i].name, node->name, len - 1) == 0)
			return &keys[i];
	}
	return NULL;
}

static int
check_kind(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k)
{
	/* a message says by itself what is a list; a file does not */
	if (k->kind == CFG_SECTION && node->kind != CONF_SECTION)
		return cfg_error(x, node, "is a section; write '%s { ... }'", node->name);
	if (k->kind == CFG_VALUE && node->kind != CONF_VALUE)
		return cfg_error(x, node, "takes one value; write '%s = ...'", node->name);
	if (k->kind == CFG_LIST && node->kind != CONF_LIST &&
		(node->kind != CONF_VALUE || node->file == NULL))
		return cfg_error(x, node, "takes a list; write '%s = ..., ...'", node->name);
	if (k->kind == CFG_VALUE && strlen(node->value) != node->len)
		return cfg_error(x, node, "holds a zero byte; only text is possible");
	return 0;
}

static void
note_ignored(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k)
{
	char once[128];

	snprintf(once, sizeof(once), "ignored %s", k->name);
	if (!cfg_first(x, once))
		return;
	if (k->kind == CFG_MISSING)
		cfg_note(x, true, node, "not in this version: ignored");
	else
		cfg_note(x, true, node, "ignored: %s",
			k->text != NULL ? k->text : "it has no meaning here");
}

int
cfg_read(struct cfg_ctx *x, const struct conf_node *section, const struct cfg_key *keys,
	size_t n_keys, void *obj)
{
	for (const struct conf_node *n = section->children; n != NULL; n = n->next) {
		const struct cfg_key *k = find_key(n, keys, n_keys);
		int ret;

		/* a template: read where it is inherited */
		if (k == NULL && n->referred && n->parent->parent == NULL)
			continue;
		/* cert* and the like stand for sections only: a misspelt value must not hide there
		 */
		if (k == NULL ||
			(k->name[strlen(k->name) - 1] == '*' && strcmp(k->name, n->name) != 0 &&
				k->kind == CFG_SECTION && n->kind != CONF_SECTION))
			return unknown_key(x, n, keys, n_keys);
		if (k->kind == CFG_IGNORED || k->kind == CFG_MISSING) {
			note_ignored(x, n, k);
			continue;
		}
		if (k->kind == CFG_REFUSED)
			return cfg_error(x, n, "%s", k->text);
		ret = check_kind(x, n, k);
		if (ret == 0)
			ret = k->set(x, n, k, (char *)obj + k->off);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* as swanctl takes it, but whoever copies a section and forgets to rename it means two */
static void
note_again(struct cfg_ctx *x, const struct conf_node *node)
{
	struct conf_node at = *node;

	at.line = node->again;
	cfg_note(x, true, &at,
		"is there already, in line %u: both are one section; of a key in both the later "
		"one counts",
		node->line);
}

int
cfg_count(struct cfg_ctx *x, const struct conf_node *section, const char *what, unsigned int max,
	unsigned int *n)
{
	*n = 0;
	for (const struct conf_node *k = section->children; k != NULL; k = k->next) {
		if (k->again != 0)
			note_again(x, k);
		if (k->kind != CONF_SECTION)
			return cfg_error(x, k,
				"unknown key; only sections, one for each %s, can stand here",
				what);
		if (++*n > max)
			return cfg_error(
				x, k, "one %s more than the %u that are possible", what, max);
	}
	return 0;
}

int
cfg_name(struct cfg_ctx *x, const struct conf_node *node, char *buf, size_t len)
{
	size_t n = strlen(node->name);

	if (n == 0)
		return cfg_error(x, node, "a name is missing");
	if (n >= len)
		return cfg_error(x, node, "the name has %zu characters; at most %zu are possible",
			n, len - 1);
	memcpy(buf, node->name, n + 1);
	return 0;
}

/* blanks around items do not count */
static char *
trim(char *s)
{
	size_t n;

	s += strspn(s, " \t\r\n");
	for (n = strlen(s); n > 0 && strchr(" \t\r\n", s[n - 1]) != NULL; n--)
		s[n - 1] = '\0';
	return s;
}

static int
each_of_value(struct cfg_ctx *x, const struct conf_node *node,
	int (*each)(struct cfg_ctx *x, const struct conf_node *node, const char *item, void *arg),
	void *arg)
{
	char *copy = strdup(node->value), *rest = copy, *item;
	int ret = 0;

	if (copy == NULL)
		return cfg_no_memory(x);
	while (ret == 0 && (item = strsep(&rest, ",")) != NULL) {
		item = trim(item);
		if (*item != '\0')
			ret = each(x, node, item, arg);
	}
	free(copy);
	return ret;
}

int
cfg_each(struct cfg_ctx *x, const struct conf_node *node,
	int (*each)(struct cfg_ctx *x, const struct conf_node *node, const char *item, void *arg),
	void *arg)
{
	int ret = 0;

	if (node->kind == CONF_VALUE)
		return each_of_value(x, node, each, arg);
	for (size_t i = 0; i < node->n_items && ret == 0; i++) {
		if (strlen(node->items[i]) != node->item_len[i])
			return cfg_error(x, node, "holds a zero byte; only text is possible");
		if (node->item_len[i] > 0)
			ret = each(x, node, node->items[i], arg);
	}
	return ret;
}
