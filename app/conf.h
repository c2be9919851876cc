/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_CONF_H
#define GW_CONF_H

/*
 * The one tree behind configuration: what swanctl.conf's grammar and a VICI message both produce and
 * the validator (cfg.h) reads. Pure but for the includes of conf_load(); fuzzed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum conf_kind { CONF_SECTION, CONF_VALUE, CONF_LIST };

struct conf_node {
	enum conf_kind kind;
	char *name;
	char *value;	  /* CONF_VALUE: terminated text; len counts bytes (VICI values may hold any) */
	size_t len;
	char **items;	  /* CONF_LIST */
	size_t *item_len; /* bytes of each, without the terminator */
	size_t n_items;
	const char *file; /* where it was written; NULL from VICI. Owned by the tree */
	unsigned int line;
	unsigned int again; /* CONF_SECTION: the line where the same file opens it anew; 0 = nowhere */
	struct conf_node *children, *next; /* CONF_SECTION; order of the file */
	/* the tree's own book-keeping */
	struct conf_node *parent, *last;
	struct conf_ref *refs;
	uint8_t resolved;
	bool referred; /* others inherit from it, or from what is in it */
};

#define CONF_DEPTH_MAX 32	 /* sections in sections */
#define CONF_NODES_MAX (1u << 19) /* in one tree, inherited copies counted */

struct conf; /* owns nodes and file names */

struct conf_error {
	char file[256];
	unsigned int line;
	char msg[512]; /* a sentence, with what would be right */
};

/**
 * Parse a file and what it includes. Inheritance is already carried out in the tree, and values
 * that were set empty (`name =`) are gone from it.
 * @return NULL with err filled
 */
struct conf *conf_load(const char *path, struct conf_error *err);
/**
 * Parse text; include statements fail when allow_include is false.
 * @param name  what errors call it; the folder that relative includes start from
 */
struct conf *conf_parse(const char *text, size_t len, const char *name, bool allow_include,
	struct conf_error *err);
struct conf *conf_new(void);
void conf_free(struct conf *c); /* wipes values: secrets are among them */

/**
 * What was odd but no error: an include that matched nothing, an unknown section referred to, a
 * key that one file sets twice.
 */
struct conf_warning {
	const char *file; /* owned by the tree */
	unsigned int line;
	char msg[288];
	struct conf_warning *next;
};
const struct conf_warning *conf_warnings(const struct conf *c); /* NULL = none */

/** The folder of the file that it began with; "." from VICI. @return buf */
const char *conf_dir(const struct conf *c, char *buf, size_t len);

/** Others than its owner can read the file that n was written in. */
bool conf_others_read(const struct conf *c, const struct conf_node *n);

struct conf_node *conf_root(const struct conf *c);
struct conf_node *conf_child(const struct conf_node *section, const char *name); /* NULL */
const char *conf_get(const struct conf_node *section, const char *name);	      /* NULL */

/*
 * Building, for the VICI decoder; parents stay owners. A section or list that is there already is
 * returned, a value that is there already is replaced in its place. NULL with errno: ENOMEM, E2BIG
 * (a bound above), EEXIST (the name is there as another kind).
 */
struct conf_node *conf_add_section(struct conf *c, struct conf_node *parent, const char *name);
struct conf_node *conf_add_value(struct conf *c, struct conf_node *parent, const char *name,
	const void *value, size_t len);
struct conf_node *conf_add_list(struct conf *c, struct conf_node *parent, const char *name);
/** @return 0, -ENOMEM or -E2BIG */
int conf_add_item(struct conf *c, struct conf_node *list, const void *item, size_t len);

#endif
