/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_CONF_TREE_H
#define GW_CONF_TREE_H

/* Inside of the tree: for conf.c, conf_parse.c and conf_ref.c only. */

#include <sys/types.h>

#include "conf.h"

/** `section : to { }`, kept at the section until the whole file is read. */
struct conf_ref {
	struct conf_ref *next; /* as written: earlier ones win */
	const char *file;
	unsigned int line;
	char to[]; /* dotted path from the root */
};

struct conf_file {
	struct conf_file *next;
	bool others; /* can read it who does not own it */
	char name[];
};

struct conf {
	struct conf_node root;
	uint32_t n_nodes, n_items;
	/* (parent, name) -> node, open addressing: a linear search would make hostile input quadratic */
	struct conf_node **index;
	uint32_t index_size; /* power of two */
	struct conf_file *files;
	struct conf_warning *warnings, **warnings_tail;
	unsigned int n_warnings;
	const char *file; /* what is being parsed: given to nodes as they are made */
	unsigned int line;
};

/** A terminated copy. @return NULL on lack of memory */
char *conf_dup(const void *p, size_t len);
/** Find a child by the index. */
struct conf_node *conf_find(const struct conf *c, const struct conf_node *parent, const char *name);
/** Keep a file name. @return NULL on lack of memory */
const char *conf_add_file(struct conf *c, const char *name);
/** Note that section inherits from the section at path to. @return 0 or -ENOMEM */
int conf_add_ref(struct conf *c, struct conf_node *section, const char *to, size_t len);
/** Remove children that are values without text, and make the index fit again. */
void conf_prune(struct conf *c);
/** Copy s with what is not printable replaced and its length limited. @return buf */
const char *conf_quote(const char *s, char *buf, size_t len);
/** "connections.gw.children.gre.mode". @return buf */
const char *conf_path(const struct conf_node *node, char *buf, size_t len);
/** Lack of memory loses the warning, and so does a flood of them. */
void conf_warn(struct conf *c, const char *file, unsigned int line, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void conf_fail(struct conf_error *err, const char *file, unsigned int line, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/** Where a parser stands in one text. */
struct conf_parser {
	struct conf *c;
	struct conf_error *err;
	const char *p, *end;
	const char *file; /* kept by c */
	unsigned int line;
	bool allow_include;
	char *word; /* room for any word of this text; wiped */
	size_t word_len;
	/* files that include this one */
	const struct conf_parser *outer;
	unsigned int level;
	unsigned int *n_files;
	dev_t dev;
	ino_t ino;
};

#define CONF_FAIL(ps, at, ...) (conf_fail((ps)->err, (ps)->file, (at), __VA_ARGS__), -EINVAL)

/** Parse text into section. @return 0 or -errno with err */
int conf_parse_buffer(struct conf_parser *ps, const char *text, size_t len, struct conf_node *section);
/** Parse the files that pattern matches, as seen from ps->file. @return 0 or -errno with err */
int conf_include(struct conf_parser *ps, struct conf_node *section, const char *pattern,
	unsigned int line);

/** Carry out inheritance, then drop values that were set empty. @return 0, or -EINVAL with err */
int conf_resolve(struct conf *c, struct conf_error *err);

#endif
