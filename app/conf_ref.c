/* SPDX-License-Identifier: BSD-3-Clause */
/* Inheritance, `name : template { }`: copied into the tree once, so that readers need not know. */
#include "conf_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHAIN_MAX 256 /* sections that inherit from one another in a row: bounds recursion */

enum { UNSEEN, BUSY, DONE };

static int resolve(struct conf *c, struct conf_node *n, unsigned int chain, struct conf_error *err);

/* own values win, and so does what an earlier reference brought */
static int
merge(struct conf *c, struct conf_node *to, const struct conf_node *from)
{
	for (const struct conf_node *k = from->children; k != NULL; k = k->next) {
		struct conf_node *own = conf_find(c, to, k->name);

		c->file = k->file;
		c->line = k->line;
		if (k->kind == CONF_VALUE) {
			if (own == NULL && conf_add_value(c, to, k->name, k->value, k->len) == NULL)
				return -errno;
		} else if (own == NULL || own->kind == CONF_SECTION) {
			own = conf_add_section(c, to, k->name);
			if (own == NULL)
				return -errno;
			int ret = merge(c, own, k);
			if (ret < 0)
				return ret;
		}
	}
	return 0;
}

/*
 * Walk a dotted path. A step may itself be inherited, so sections on the way are resolved first;
 * those that are just being resolved are taken as they are.
 */
static int
find(struct conf *c, const struct conf_ref *r, unsigned int chain, struct conf_node **target,
	struct conf_error *err)
{
	char *path = conf_dup(r->to, strlen(r->to)), *save = NULL;
	struct conf_node *n = &c->root;
	int ret = 0;

	if (path == NULL) {
		conf_fail(err, r->file, r->line, "out of memory");
		return -ENOMEM;
	}
	for (char *step = strtok_r(path, ".", &save); step != NULL && n != NULL;
		step = strtok_r(NULL, ".", &save)) {
		if (n != &c->root && n->resolved == UNSEEN)
			ret = resolve(c, n, chain + 1, err);
		if (ret < 0)
			break;
		n = conf_find(c, n, step);
		if (n != NULL && n->kind != CONF_SECTION)
			n = NULL;
	}
	free(path);
	*target = n;
	return ret;
}

static bool
inside(const struct conf_node *n, const struct conf_node *outer)
{
	for (; n != NULL; n = n->parent) {
		if (n == outer)
			return true;
	}
	return false;
}

static int
inherit(struct conf *c, struct conf_node *n, const struct conf_ref *r, unsigned int chain,
	struct conf_error *err)
{
	struct conf_node *target = NULL;
	int ret = find(c, r, chain, &target, err);

	if (ret < 0)
		return ret;
	if (target == NULL) {
		conf_warn(c, r->file, r->line,
			"section '%s' refers to '%s', which does not exist: nothing is inherited",
			n->name, r->to);
		return 0;
	}
	if (target->resolved == BUSY || inside(target, n) || inside(n, target)) {
		conf_fail(err, r->file, r->line,
			"section '%s' refers to '%s', and so to itself; refer to a section that "
			"does not "
			"lead back here",
			n->name, r->to);
		return -EINVAL;
	}
	for (struct conf_node *t = target; t != NULL; t = t->parent)
		t->referred = true;
	ret = resolve(c, target, chain + 1, err);
	if (ret < 0)
		return ret;
	ret = merge(c, n, target);
	if (ret < 0)
		conf_fail(err, r->file, r->line, "inheriting from '%s': %s", r->to,
			ret == -E2BIG ? "too many settings or sections too deep" : strerror(-ret));
	return ret;
}

static int
resolve(struct conf *c, struct conf_node *n, unsigned int chain, struct conf_error *err)
{
	int ret = 0;

	if (n->kind != CONF_SECTION || n->resolved != UNSEEN)
		return 0;
	if (chain > CHAIN_MAX) {
		conf_fail(err, n->file, n->line,
			"section '%s' inherits through more than %d others", n->name, CHAIN_MAX);
		return -EINVAL;
	}
	n->resolved = BUSY;
	/* sub-sections first: their own references win over what comes through this section's */
	for (struct conf_node *k = n->children; k != NULL && ret == 0; k = k->next)
		ret = resolve(c, k, chain + 1, err);
	for (const struct conf_ref *r = n->refs; r != NULL && ret == 0; r = r->next)
		ret = inherit(c, n, r, chain, err);
	n->resolved = DONE;
	return ret;
}

int
conf_resolve(struct conf *c, struct conf_error *err)
{
	int ret = resolve(c, &c->root, 0, err);

	if (ret == 0)
		conf_prune(c);
	return ret;
}
