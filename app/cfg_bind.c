/* SPDX-License-Identifier: BSD-3-Clause */
/* The connection and child of a tunnel, which have to let its GRE pass. */
#include "cfg_int.h"

#include <stdlib.h>
#include <string.h>

#define PROTO_GRE 47

static int
by_name(const void *a, const void *b)
{
	const struct ike_conn_cfg *const *s = a, *const *t = b;

	return strcmp((*s)->name, (*t)->name);
}

int
cfg_bind_begin(struct cfg_ctx *x)
{
	const struct ike_cfg *ike = &x->cfg->ike;

	x->by_name = calloc(ike->n_conns + 1u, sizeof(const struct ike_conn_cfg *));
	if (x->by_name == NULL)
		return cfg_no_memory(x);
	for (unsigned int i = 0; i < ike->n_conns; i++)
		x->by_name[i] = &ike->conns[i];
	qsort(x->by_name, ike->n_conns, sizeof(x->by_name[0]), by_name);
	return 0;
}

/* @return NULL: no section is called so */
static const struct ike_conn_cfg *
conn_named(const struct cfg_ctx *x, const char *name)
{
	unsigned int low = 0, high = x->cfg->ike.n_conns;

	while (low < high) {
		unsigned int mid = low + (high - low) / 2;
		int d = strcmp(x->by_name[mid]->name, name);

		if (d == 0)
			return x->by_name[mid];
		if (d < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

static int
bind_conn(struct cfg_ctx *x, const struct conf_node *node, const struct conf_node *conn,
	struct gw_tunnel_cfg *t)
{
	const struct ike_cfg *ike = &x->cfg->ike;

	if (conn == NULL && ike->n_conns == 1) {
		t->conn = &ike->conns[0];
		return 0;
	}
	if (conn == NULL)
		return cfg_error(x, node,
			"says no connection, and there are %u; write 'connection = NAME'",
			ike->n_conns);
	t->conn = conn_named(x, conn->value);
	if (t->conn != NULL)
		return 0;
	return cfg_bad_value(x, conn, conn->value,
		ike->n_conns == 1 ? ike->conns[0].name : "the name of a section in connections");
}

static int
no_children(struct cfg_ctx *x, const struct conf_node *node, const struct ike_conn_cfg *c)
{
	const struct conf_node *conn =
		conf_child(conf_child(conf_root(x->conf), "connections"), c->name);

	return cfg_error(x, node,
		"connection '%s' (line %u) has no children, and so nothing for a tunnel; write "
		"'children { gre { local_ts = dynamic[gre] ... } }' there",
		c->name, conn != NULL ? conn->line : 0);
}

static int
bind_child(struct cfg_ctx *x, const struct conf_node *node, const struct conf_node *child,
	struct gw_tunnel_cfg *t)
{
	const struct ike_conn_cfg *c = t->conn;

	if (c->n_children == 0)
		return no_children(x, node, c);
	if (child == NULL && c->n_children == 1) {
		t->child = &c->children[0];
		return 0;
	}
	if (child == NULL)
		return cfg_error(x, node,
			"says no child, and connection '%s' has %u; write 'child = NAME'", c->name,
			c->n_children);
	for (unsigned int i = 0; i < c->n_children; i++) {
		if (strcmp(c->children[i].name, child->value) == 0) {
			t->child = &c->children[i];
			return 0;
		}
	}
	return cfg_bad_value(x, child, child->value,
		c->n_children == 1 ? c->children[0].name
				   : "the name of one of the connection's children");
}

static bool
covers(const struct ike_ts_list *list, const struct in6_addr *host)
{
	struct ike_ts_list resolved;

	ike_ts_resolve(&resolved, list, host);
	return ike_ts_covers(&resolved, host, PROTO_GRE);
}

/* some host of the ranges can send GRE under these selectors */
static bool
covers_ranges(const struct ike_ts_list *list, const struct ike_range *range, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		if (covers(list, &range[i].from) || covers(list, &range[i].to))
			return true;
	}
	return false;
}

/* peers from anywhere: a host that the selectors themselves name will do */
static bool
covers_any(const struct ike_ts_list *list)
{
	for (unsigned int i = 0; i < list->n; i++) {
		struct in6_addr host;
		if (list->ts[i].type != IKE_TS_IPV6_ADDR_RANGE)
			continue;
		memcpy(&host, list->ts[i].from, sizeof(host));
		if (covers(list, &host))
			return true;
	}
	return false;
}

static bool
in_ranges(const struct in6_addr *a, const struct ike_range *range, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		if (memcmp(a, &range[i].from, 16) >= 0 && memcmp(a, &range[i].to, 16) <= 0)
			return true;
	}
	return n == 0;
}

/* Where the selectors of the tunnel's child are written; they are, for without them GRE passes. */
static const struct conf_node *
ts_node(const struct cfg_ctx *x, const struct conf_node *tunnel, const struct gw_tunnel_cfg *t,
	const char *key)
{
	const char *const way[] = {"connections", t->conn->name, "children", t->child->name, key};
	const struct conf_node *n = conf_root(x->conf);

	for (size_t i = 0; i < CFG_N(way) && n != NULL; i++)
		n = conf_child(n, way[i]);
	return n != NULL ? n : tunnel;
}

static int
check_local(struct cfg_ctx *x, const struct conf_node *node, const struct gw_tunnel_cfg *t)
{
	const struct gw_outside_cfg *o = &x->cfg->outside;
	bool usable = false, covered = false;

	for (unsigned int i = 0; i < o->n_addrs; i++) {
		struct in6_addr a = cfg_in6(&o->addrs[i]);
		if (!in_ranges(&a, t->conn->local_addrs, t->conn->n_local))
			continue;
		usable = true;
		covered = covered || covers(&t->child->local_ts, &a);
	}
	if (!usable)
		return cfg_error(x, node,
			"none of local_addrs of connection '%s' is in gateway.outside.address",
			t->conn->name);
	if (!covered)
		return cfg_error(x, ts_node(x, node, t, "local_ts"),
			"does not let GRE (protocol 47) of our own address pass, which tunnel '%s' "
			"needs; write 'local_ts = dynamic[gre]'",
			t->name);
	return 0;
}

static int
check_remote(struct cfg_ctx *x, const struct conf_node *node, const struct gw_tunnel_cfg *t)
{
	const struct ike_conn_cfg *c = t->conn;
	bool covered = c->n_remote > 0 && c->n_names == 0 && !c->any_remote
			       ? covers_ranges(&t->child->remote_ts, c->remote_addrs, c->n_remote)
			       : covers_any(&t->child->remote_ts);

	if (covered)
		return 0;
	return cfg_error(x, ts_node(x, node, t, "remote_ts"),
		"does not let GRE (protocol 47) of the peer's address pass, which tunnel '%s' "
		"needs; write 'remote_ts = dynamic[gre]'",
		t->name);
}

int
cfg_bind(struct cfg_ctx *x, const struct conf_node *node, const struct conf_node *conn,
	const struct conf_node *child, struct gw_tunnel_cfg *t)
{
	int ret = bind_conn(x, node, conn, t);

	if (ret == 0)
		ret = bind_child(x, node, child, t);
	if (ret == 0)
		ret = check_local(x, node, t);
	if (ret == 0)
		ret = check_remote(x, node, t);
	return ret;
}

void
cfg_bind_end(struct cfg_ctx *x)
{
	free(x->by_name);
	x->by_name = NULL;
}
