/* SPDX-License-Identifier: BSD-3-Clause */
/* The tree: nodes, look-up and the order of things. Its grammar is in conf_parse.c. */
#include "conf.h"

#include "conf_tree.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_MIN    64
#define WARNINGS_MAX 1024 /* nobody reads more */
#define QUOTE_LEN    80

char *
conf_dup(const void *p, size_t len)
{
	char *s = malloc(len + 1);

	if (s == NULL)
		return NULL;
	if (len > 0)
		memcpy(s, p, len);
	s[len] = '\0';
	return s;
}

static void
wipe_free(char *s, size_t len)
{
	if (s != NULL)
		explicit_bzero(s, len);
	free(s);
}

/* FNV-1a over the parent's address and the name */
static uint64_t
hash(const struct conf_node *parent, const char *name)
{
	uint64_t h = 0xcbf29ce484222325 ^ (uintptr_t)parent;

	h *= 0x100000001b3;
	for (; *name != '\0'; name++)
		h = (h ^ (uint8_t)*name) * 0x100000001b3;
	return h ^ h >> 32;
}

/* the slot that holds the node, or the free one where it belongs */
static struct conf_node **
slot(const struct conf *c, const struct conf_node *parent, const char *name)
{
	uint32_t i = (uint32_t)hash(parent, name) & (c->index_size - 1);

	while (c->index[i] != NULL &&
		(c->index[i]->parent != parent || strcmp(c->index[i]->name, name) != 0))
		i = (i + 1) & (c->index_size - 1);
	return &c->index[i];
}

static int
index_grow(struct conf *c)
{
	struct conf_node **old = c->index;
	uint32_t n = c->index_size;

	c->index = calloc((size_t)n * 2, sizeof(*c->index));
	if (c->index == NULL) {
		c->index = old;
		return -ENOMEM;
	}
	c->index_size = n * 2;
	for (uint32_t i = 0; i < n; i++) {
		if (old[i] != NULL)
			*slot(c, old[i]->parent, old[i]->name) = old[i];
	}
	free(old);
	return 0;
}

struct conf *
conf_new(void)
{
	struct conf *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->index = calloc(INDEX_MIN, sizeof(*c->index));
	if (c->index == NULL) {
		free(c);
		return NULL;
	}
	c->index_size = INDEX_MIN;
	c->root.kind = CONF_SECTION;
	c->warnings_tail = &c->warnings;
	return c;
}

static void
node_free(struct conf_node *n)
{
	struct conf_node *next;

	for (struct conf_ref *r = n->refs, *after; r != NULL; r = after) {
		after = r->next;
		free(r);
	}
	for (struct conf_node *k = n->children; k != NULL; k = next) {
		next = k->next;
		node_free(k);
		free(k);
	}
	wipe_free(n->value, n->len);
	for (size_t i = 0; i < n->n_items; i++)
		wipe_free(n->items[i], n->item_len[i]);
	free(n->items);
	free(n->item_len);
	free(n->name);
}

void
conf_free(struct conf *c)
{
	if (c == NULL)
		return;
	node_free(&c->root);
	for (struct conf_warning *w = c->warnings, *next; w != NULL; w = next) {
		next = w->next;
		free(w);
	}
	for (struct conf_file *f = c->files, *next; f != NULL; f = next) {
		next = f->next;
		free(f);
	}
	free(c->index);
	free(c);
}

struct conf_node *
conf_root(const struct conf *c)
{
	/* the root is part of c, and whoever may read c may be given its tree */
	return (struct conf_node *)(uintptr_t)&c->root;
}

struct conf_node *
conf_find(const struct conf *c, const struct conf_node *parent, const char *name)
{
	return *slot(c, parent, name);
}

struct conf_node *
conf_child(const struct conf_node *section, const char *name)
{
	for (struct conf_node *n = section->children; n != NULL; n = n->next) {
		if (strcmp(n->name, name) == 0)
			return n;
	}
	return NULL;
}

const char *
conf_get(const struct conf_node *section, const char *name)
{
	const struct conf_node *n = conf_child(section, name);

	return n != NULL && n->kind == CONF_VALUE ? n->value : NULL;
}

static unsigned int
depth(const struct conf_node *n)
{
	unsigned int d = 0;

	for (; n->parent != NULL; n = n->parent)
		d++;
	return d;
}

static struct conf_node *
node_new(struct conf *c, struct conf_node *parent, const char *name, enum conf_kind kind)
{
	struct conf_node *n;

	if (c->n_nodes >= CONF_NODES_MAX || depth(parent) >= CONF_DEPTH_MAX) {
		errno = E2BIG;
		return NULL;
	}
	/* at most half full: probes stay short */
	if (c->n_nodes >= c->index_size / 2 && index_grow(c) < 0)
		return NULL;
	n = calloc(1, sizeof(*n));
	if (n == NULL)
		return NULL;
	n->name = conf_dup(name, strlen(name));
	if (n->name == NULL) {
		free(n);
		return NULL;
	}
	n->kind = kind;
	n->file = c->file;
	n->line = c->line;
	n->parent = parent;
	*slot(c, parent, name) = n;
	c->n_nodes++;
	if (parent->last != NULL)
		parent->last->next = n;
	else
		parent->children = n;
	parent->last = n;
	return n;
}

static struct conf_node *
node_get(struct conf *c, struct conf_node *parent, const char *name, enum conf_kind kind)
{
	struct conf_node *n = conf_find(c, parent, name);

	if (n == NULL)
		return node_new(c, parent, name, kind);
	if (n->kind == kind)
		return n;
	errno = EEXIST;
	return NULL;
}

struct conf_node *
conf_add_section(struct conf *c, struct conf_node *parent, const char *name)
{
	return node_get(c, parent, name, CONF_SECTION);
}

struct conf_node *
conf_add_value(
	struct conf *c, struct conf_node *parent, const char *name, const void *value, size_t len)
{
	struct conf_node *n = node_get(c, parent, name, CONF_VALUE);
	char *copy = NULL;

	if (n == NULL)
		return NULL;
	/* value == NULL stands for `name =` until conf_resolve() */
	if (value != NULL) {
		copy = conf_dup(value, len);
		if (copy == NULL)
			return NULL;
	}
	wipe_free(n->value, n->len);
	n->value = copy;
	n->len = len;
	n->file = c->file;
	n->line = c->line;
	return n;
}

struct conf_node *
conf_add_list(struct conf *c, struct conf_node *parent, const char *name)
{
	return node_get(c, parent, name, CONF_LIST);
}

int
conf_add_item(struct conf *c, struct conf_node *list, const void *item, size_t len)
{
	size_t n = list->n_items, cap = n == 0 ? 4 : n * 2;

	if (c->n_items >= CONF_NODES_MAX)
		return -E2BIG;
	/* 4, 8, 16...: full exactly when the count is 0 or one of them */
	if (n == 0 || (n >= 4 && (n & (n - 1)) == 0)) {
		char **items = realloc(list->items, cap * sizeof(*items));
		if (items == NULL)
			return -ENOMEM;
		list->items = items;
		size_t *lens = realloc(list->item_len, cap * sizeof(*lens));
		if (lens == NULL)
			return -ENOMEM;
		list->item_len = lens;
	}
	list->items[n] = conf_dup(item, len);
	if (list->items[n] == NULL)
		return -ENOMEM;
	list->item_len[n] = len;
	list->n_items++;
	c->n_items++;
	return 0;
}

const char *
conf_add_file(struct conf *c, const char *name)
{
	size_t len = strlen(name) + 1;
	struct conf_file *f = malloc(sizeof(*f) + len);

	if (f == NULL)
		return NULL;
	memcpy(f->name, name, len);
	f->others = false;
	f->next = c->files;
	c->files = f;
	return f->name;
}

bool
conf_others_read(const struct conf *c, const struct conf_node *n)
{
	const struct conf_file *f = c->files;

	while (f != NULL && f->name != n->file)
		f = f->next;
	return f != NULL && f->others;
}

const char *
conf_dir(const struct conf *c, char *buf, size_t len)
{
	const struct conf_file *f = c->files;
	const char *slash;

	while (f != NULL && f->next != NULL) /* the newest comes first */
		f = f->next;
	slash = f != NULL ? strrchr(f->name, '/') : NULL;
	if (slash == NULL)
		snprintf(buf, len, ".");
	else
		snprintf(buf, len, "%.*s", (int)(slash > f->name ? slash - f->name : 1), f->name);
	return buf;
}

int
conf_add_ref(struct conf *c, struct conf_node *section, const char *to, size_t len)
{
	struct conf_ref *r = calloc(1, sizeof(*r) + len + 1), **tail = &section->refs;

	if (r == NULL)
		return -ENOMEM;
	memcpy(r->to, to, len);
	r->file = c->file;
	r->line = c->line;
	while (*tail != NULL)
		tail = &(*tail)->next;
	*tail = r;
	return 0;
}

static void
prune_section(struct conf *c, struct conf_node *section)
{
	struct conf_node *kept = NULL, *next;

	for (struct conf_node *n = section->children; n != NULL; n = next) {
		next = n->next;
		if (n->kind == CONF_VALUE && n->value == NULL) {
			if (kept != NULL)
				kept->next = next;
			else
				section->children = next;
			node_free(n);
			free(n);
			c->n_nodes--;
			continue;
		}
		kept = n;
		*slot(c, section, n->name) = n;
		prune_section(c, n);
	}
	section->last = kept;
}

void
conf_prune(struct conf *c)
{
	memset(c->index, 0, c->index_size * sizeof(*c->index));
	prune_section(c, &c->root);
}

const char *
conf_quote(const char *s, char *buf, size_t len)
{
	size_t n = 0;

	for (; n < len - 1 && s[n] != '\0'; n++)
		buf[n] = s[n] >= 0x20 && s[n] < 0x7f ? s[n] : '?';
	buf[n] = '\0';
	if (s[n] != '\0' && len > 4)
		memcpy(buf + len - 4, "...", 4);
	return buf;
}

const char *
conf_path(const struct conf_node *node, char *buf, size_t len)
{
	const struct conf_node *chain[CONF_DEPTH_MAX + 1];
	size_t n = 0, at = 0;

	for (; node != NULL && node->parent != NULL && n <= CONF_DEPTH_MAX; node = node->parent)
		chain[n++] = node;
	buf[0] = '\0';
	while (n-- > 0 && at < len - 1) {
		char name[QUOTE_LEN];
		int put = snprintf(buf + at, len - at, "%s%s", at > 0 ? "." : "",
			conf_quote(chain[n]->name, name, sizeof(name)));
		at += (size_t)put;
	}
	return buf;
}

const struct conf_warning *
conf_warnings(const struct conf *c)
{
	return c->warnings;
}

void
conf_warn(struct conf *c, const char *file, unsigned int line, const char *fmt, ...)
{
	struct conf_warning *w = NULL;
	va_list ap;

	if (c->n_warnings < WARNINGS_MAX)
		w = calloc(1, sizeof(*w));
	if (w == NULL)
		return;
	c->n_warnings++;
	w->file = file;
	w->line = line;
	va_start(ap, fmt);
	vsnprintf(w->msg, sizeof(w->msg), fmt, ap);
	va_end(ap);
	*c->warnings_tail = w;
	c->warnings_tail = &w->next;
}

void
conf_fail(struct conf_error *err, const char *file, unsigned int line, const char *fmt, ...)
{
	va_list ap;

	snprintf(err->file, sizeof(err->file), "%s", file != NULL ? file : "");
	err->line = line;
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
}
