/* SPDX-License-Identifier: BSD-3-Clause */
/* Tunnels among each other. */
#include "cfg_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
by_sa_and_key(const void *a, const void *b)
{
	const struct gw_tunnel_cfg *s = *(const struct gw_tunnel_cfg *const *)a,
				   *t = *(const struct gw_tunnel_cfg *const *)b;

	if (s->child != t->child)
		return s->child < t->child ? -1 : 1;
	if (s->has_key != t->has_key)
		return s->has_key ? 1 : -1;
	if (s->key != t->key)
		return s->key < t->key ? -1 : 1;
	return 0;
}

static int
check_keys(struct cfg_ctx *x, const struct conf_node *section)
{
	const struct gw_cfg *cfg = x->cfg;
	const struct gw_tunnel_cfg **t =
		calloc(cfg->n_tunnels, sizeof(const struct gw_tunnel_cfg *));
	int ret = 0;

	if (t == NULL)
		return cfg_no_memory(x);
	for (unsigned int i = 0; i < cfg->n_tunnels; i++)
		t[i] = &cfg->tunnels[i];
	qsort(t, cfg->n_tunnels, sizeof(t[0]), by_sa_and_key);
	for (unsigned int i = 1; i < cfg->n_tunnels && ret == 0; i++) {
		if (by_sa_and_key(&t[i - 1], &t[i]) != 0)
			continue;
		const struct gw_tunnel_cfg *first = t[i - 1] < t[i] ? t[i - 1] : t[i],
					   *second = first == t[i] ? t[i - 1] : t[i];
		ret = cfg_error(x, conf_child(section, second->name),
			"shares child '%s' with tunnel '%s' and has %s; give each a 'key' of its "
			"own",
			second->child->name, first->name,
			second->has_key ? "the same key" : "no key either");
	}
	free(t);
	return ret;
}

/* an address or a route with the tunnel that has it */
struct owned {
	struct gw_prefix p;
	const struct gw_prefix *written;
	const struct gw_tunnel_cfg *tunnel;
};

/* whether the first bits of both are the same */
static bool
same_bits(const struct gw_prefix *a, const struct gw_prefix *b, unsigned int bits)
{
	unsigned int bytes = bits / 8;
	uint8_t mask = (uint8_t)(0xff00u >> bits % 8);

	return memcmp(a->addr, b->addr, bytes) == 0 &&
	       (bits % 8 == 0 || ((a->addr[bytes] ^ b->addr[bytes]) & mask) == 0);
}

/* networks in order, larger ones before what lies in them */
static int
by_network(const void *a, const void *b)
{
	const struct owned *s = a, *t = b;
	int d;

	if (s->p.family != t->p.family)
		return s->p.family < t->p.family ? -1 : 1;
	d = memcmp(s->p.addr, t->p.addr, sizeof(s->p.addr));
	if (d != 0)
		return d;
	return (int)s->p.bits - (int)t->p.bits;
}

/* every link-local network is the same one, on each link */
static unsigned int
collect(const struct gw_cfg *cfg, struct owned *o)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < cfg->n_tunnels; i++) {
		const struct gw_tunnel_cfg *t = &cfg->tunnels[i];
		for (unsigned int k = 0; k < t->n_addrs; k++) {
			struct in6_addr a = cfg_in6(&t->addrs[k]);
			if (t->addrs[k].family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&a))
				continue;
			o[n] = (struct owned){
				.p = t->addrs[k], .written = &t->addrs[k], .tunnel = t};
			cfg_mask(&o[n++].p);
		}
	}
	return n;
}

static int
overlap(struct cfg_ctx *x, const struct conf_node *section, const struct owned *a,
	const struct owned *b)
{
	const struct owned *first = a->tunnel < b->tunnel ? a : b, *second = first == a ? b : a;
	const struct conf_node *node =
		conf_child(conf_child(section, second->tunnel->name), "address");
	char net[64], other[64];

	return cfg_error(x, node,
		"%s overlaps with %s of tunnel '%s'; each tunnel needs a network of its own",
		cfg_prefix_str(&second->p, net, sizeof(net)),
		cfg_prefix_str(&first->p, other, sizeof(other)), first->tunnel->name);
}

/* prefixes are nested or apart: in order, only the widest one before can hold the next */
static int
check_overlaps(struct cfg_ctx *x, const struct conf_node *section)
{
	struct owned *o = calloc((size_t)x->cfg->n_tunnels * GW_ADDRS_MAX, sizeof(*o));
	const struct owned *widest = NULL;
	unsigned int n;
	int ret = 0;

	if (o == NULL)
		return cfg_no_memory(x);
	n = collect(x->cfg, o);
	qsort(o, n, sizeof(*o), by_network);
	for (unsigned int i = 0; i < n && ret == 0; i++) {
		if (widest == NULL || widest->p.family != o[i].p.family ||
			!same_bits(&widest->p, &o[i].p, widest->p.bits))
			widest = &o[i];
		else if (widest->tunnel != o[i].tunnel)
			ret = overlap(x, section, widest, &o[i]);
	}
	free(o);
	return ret;
}

/* ---- routes ---- */

/* as the kernel gets them */
static unsigned int
collect_routes(const struct gw_cfg *cfg, struct owned *o)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < cfg->n_tunnels; i++) {
		const struct gw_tunnel_cfg *t = &cfg->tunnels[i];
		for (unsigned int k = 0; k < t->n_routes; k++) {
			struct gw_prefix nets[2];
			unsigned int n_nets = gw_cfg_nets(&t->routes[k], nets);
			for (unsigned int m = 0; m < n_nets; m++)
				o[n++] = (struct owned){
					.p = nets[m], .written = &t->routes[k], .tunnel = t};
		}
	}
	return n;
}

static int
route_twice(struct cfg_ctx *x, const struct conf_node *section, const struct owned *a,
	const struct owned *b)
{
	const struct owned *first = a->tunnel < b->tunnel ? a : b, *second = first == a ? b : a;
	const struct conf_node *node =
		conf_child(conf_child(section, second->tunnel->name), "routes");
	const struct conf_node *other =
		conf_child(conf_child(section, first->tunnel->name), "routes");
	char net[64], by[64];

	return cfg_error(x, node,
		"%s goes into tunnel '%s' already, by %s in line %u of %s; a network is behind one "
		"tunnel",
		cfg_prefix_str(second->written, net, sizeof(net)), first->tunnel->name,
		cfg_prefix_str(first->written, by, sizeof(by)), other->line,
		other->file != NULL ? other->file : "the message");
}

/* Of two routes to one network the later one would take the earlier one's place. */
static int
check_routes(struct cfg_ctx *x, const struct conf_node *section)
{
	unsigned int n = 0;
	struct owned *o;
	int ret = 0;

	for (unsigned int i = 0; i < x->cfg->n_tunnels; i++)
		n += x->cfg->tunnels[i].n_routes * 2u;
	o = calloc(n + 1u, sizeof(*o));
	if (o == NULL)
		return cfg_no_memory(x);
	n = collect_routes(x->cfg, o);
	qsort(o, n, sizeof(*o), by_network);
	for (unsigned int i = 1; i < n && ret == 0; i++) {
		if (by_network(&o[i - 1], &o[i]) == 0 && o[i - 1].tunnel != o[i].tunnel)
			ret = route_twice(x, section, &o[i - 1], &o[i]);
	}
	free(o);
	return ret;
}

/* ---- ports ---- */

/* a port has one user */
static int
check_ports(struct cfg_ctx *x, const struct conf_node *section)
{
	const struct gw_cfg *cfg = x->cfg;

	for (unsigned int i = 0; i < cfg->n_tunnels; i++) {
		const struct gw_tunnel_cfg *t = &cfg->tunnels[i];
		bool taken = strcmp(t->handoff_port, cfg->outside.port) == 0 ||
			     strcmp(t->handoff_port, cfg->inside.port) == 0;

		if (t->handoff != GW_HANDOFF_WIRE)
			continue;
		for (unsigned int k = 0; k < i && !taken; k++)
			taken = cfg->tunnels[k].handoff == GW_HANDOFF_WIRE &&
				strcmp(t->handoff_port, cfg->tunnels[k].handoff_port) == 0;
		if (taken)
			return cfg_error(x,
				conf_child(conf_child(section, t->name), "handoff_port"),
				"another tunnel, the inside or the outside has this port already");
	}
	return 0;
}

static int
check_n_ports(struct cfg_ctx *x, const struct conf_node *section)
{
	const struct gw_cfg *cfg = x->cfg;
	unsigned int n = 1 + (cfg->inside.port[0] != '\0');

	for (unsigned int i = 0; i < cfg->n_tunnels; i++) {
		n += gw_tunnel_cfg_has_port(&cfg->tunnels[i]);
		if (n > CFG_PORTS_MAX)
			return cfg_error(x,
				conf_child(conf_child(section, cfg->tunnels[i].name), "handoff"),
				"is port %u of DPDK's, which has %d at most, the outside and the "
				"inside included; others may be 'handoff = tun'",
				n, CFG_PORTS_MAX);
	}
	return 0;
}

/* what virtio-user needs of the machine: a word in time, for the file may be meant for another */
static void
note_vhost(struct cfg_ctx *x, const struct conf_node *section)
{
	const struct gw_cfg *cfg = x->cfg;

	for (unsigned int i = 0; i < cfg->n_tunnels; i++) {
		if (cfg->tunnels[i].handoff != GW_HANDOFF_VIRTIO_USER ||
			access("/dev/vhost-net", F_OK) == 0)
			continue;
		cfg_note(x, true, conf_child(conf_child(section, cfg->tunnels[i].name), "handoff"),
			"there is no /dev/vhost-net here: the kernel's module vhost_net is needed "
			"(modprobe vhost_net)");
		return;
	}
}

/* the interface of the inside port among those of tunnels, and whether there is any use of it */
static int
check_inside(struct cfg_ctx *x, const struct conf_node *section)
{
	const struct gw_cfg *cfg = x->cfg;
	unsigned int forwarding = 0;

	if (cfg->inside.port[0] == '\0')
		return 0;
	for (unsigned int i = 0; i < cfg->n_tunnels; i++) {
		const struct gw_tunnel_cfg *t = &cfg->tunnels[i];

		if (strcmp(t->name, cfg->inside.interface) == 0)
			return cfg_error(x, conf_child(section, t->name),
				"gateway.inside.interface has this name, too; give them different "
				"ones");
		forwarding += t->handoff == GW_HANDOFF_PORT;
	}
	if (forwarding > CFG_FORWARDING_MAX)
		return cfg_error(x, section, "more than %d tunnels with 'handoff = port'",
			CFG_FORWARDING_MAX);
	if (forwarding == 0)
		cfg_note(x, true, section,
			"no tunnel has 'handoff = port': gateway.inside forwards nothing");
	return 0;
}

static int
by_place(const void *a, const void *b)
{
	const struct ike_child_cfg *const *s = a, *const *t = b;

	return (*s > *t) - (*s < *t);
}

/* The children that tunnels use, in order. */
static const struct ike_child_cfg **
bound_children(const struct gw_cfg *cfg)
{
	const struct ike_child_cfg **bound =
		calloc(cfg->n_tunnels + 1u, sizeof(const struct ike_child_cfg *));

	if (bound == NULL)
		return NULL;
	for (unsigned int i = 0; i < cfg->n_tunnels; i++)
		bound[i] = cfg->tunnels[i].child;
	qsort(bound, cfg->n_tunnels, sizeof(bound[0]), by_place);
	return bound;
}

/* no traffic would ever ask for it */
static int
note_unbound(struct cfg_ctx *x, const struct conf_node *section)
{
	const struct gw_cfg *cfg = x->cfg;
	const struct ike_child_cfg **bound = bound_children(cfg);

	if (bound == NULL)
		return cfg_no_memory(x);
	for (unsigned int i = 0; i < cfg->ike.n_conns; i++) {
		const struct ike_conn_cfg *c = &cfg->ike.conns[i];
		for (unsigned int k = 0; k < c->n_children; k++) {
			const struct ike_child_cfg *child = &c->children[k];
			if (bsearch(&child, bound, cfg->n_tunnels, sizeof(bound[0]), by_place) ==
				NULL)
				cfg_note(x, true, section,
					"child '%s' of connection '%s' belongs to no tunnel: no "
					"traffic will use it",
					child->name, c->name);
		}
	}
	free(bound);
	return 0;
}

int
cfg_tunnels_check(struct cfg_ctx *x, const struct conf_node *section)
{
	int ret = check_keys(x, section);

	if (ret == 0)
		ret = check_overlaps(x, section);
	if (ret == 0)
		ret = check_routes(x, section);
	if (ret == 0)
		ret = check_ports(x, section);
	if (ret == 0)
		ret = check_n_ports(x, section);
	if (ret == 0)
		ret = check_inside(x, section);
	if (ret == 0)
		ret = note_unbound(x, section);
	if (ret == 0)
		note_vhost(x, section);
	return ret;
}
