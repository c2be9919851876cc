/* SPDX-License-Identifier: BSD-3-Clause */
/* `gateway`: the machine's own side. */
#include "cfg_int.h"
#include "vdev.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define MTU_MIN 1280
#define MTU_MAX 9216
#define CPU_MAX 1023

#define FRAGMENT_MIN 256 /* headers, IV and ICV take half of it */

int
cfg_port(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	static const char *const kinds[] = {"net_", "eth_", "virtio_user"};
	bool ok = gw_port_is_pci(node->value);

	for (size_t i = 0; i < CFG_N(kinds); i++)
		ok = ok || strncmp(node->value, kinds[i], strlen(kinds[i])) == 0;
	if (!ok || strpbrk(node->value, " \t\n") != NULL)
		return cfg_bad_value(x, node, node->value,
			"a PCI address like 0000:00:06.0, with device arguments behind a comma or "
			"without, or a DPDK device like net_af_packet0,iface=eth1");
	return cfg_text(x, node, k, field);
}

static bool
is_host_addr(const struct gw_prefix *p)
{
	struct in6_addr a = cfg_in6(p);

	return p->family == AF_INET6 && !IN6_IS_ADDR_UNSPECIFIED(&a) && !IN6_IS_ADDR_LOOPBACK(&a) &&
	       !IN6_IS_ADDR_MULTICAST(&a) && !IN6_IS_ADDR_V4MAPPED(&a);
}

static int
add_outside_addr(struct cfg_ctx *x, const struct conf_node *node, const char *item, void *arg)
{
	struct gw_outside_cfg *o = arg;
	struct gw_prefix p;
	bool has_bits;

	if (!cfg_parse_prefix(item, &p, &has_bits) || !is_host_addr(&p) || !has_bits || p.bits == 0)
		return cfg_bad_value(x, node, item,
			"a unicast IPv6 address with the length of its prefix, like "
			"2001:db8::1/64");
	for (unsigned int i = 0; i < o->n_addrs; i++) {
		if (memcmp(o->addrs[i].addr, p.addr, sizeof(p.addr)) == 0)
			return cfg_error(x, node, "'%s' is there twice", item);
	}
	if (o->n_addrs == GW_ADDRS_MAX)
		return cfg_error(x, node, "more than %d addresses", GW_ADDRS_MAX);
	o->addrs[o->n_addrs++] = p;
	return 0;
}

static int
set_outside_addrs(
	struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *obj)
{
	return cfg_each(x, node, add_outside_addr, obj);
}

static int
set_router(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *obj)
{
	struct gw_outside_cfg *o = obj;
	struct gw_prefix p;
	bool has_bits;

	o->router_auto = strcasecmp(node->value, "auto") == 0;
	if (o->router_auto || strcasecmp(node->value, "none") == 0)
		return 0;
	if (!cfg_parse_prefix(node->value, &p, &has_bits) || has_bits || !is_host_addr(&p))
		return cfg_bad_value(x, node, node->value, "auto, none, or a unicast IPv6 address");
	memcpy(&o->router, p.addr, sizeof(o->router));
	return 0;
}

#define OUTSIDE(field) offsetof(struct gw_outside_cfg, field)

static const struct cfg_key outside_keys[] = {
	{"port", CFG_VALUE, cfg_port, OUTSIDE(port),
		.max = sizeof(((struct gw_outside_cfg *)0)->port)},
	{"address", CFG_LIST, set_outside_addrs, 0},
	{"router", CFG_VALUE, set_router, 0},
	{"mtu", CFG_VALUE, cfg_u16, OUTSIDE(mtu), .min = MTU_MIN, .max = MTU_MAX},
	{"vlan", CFG_VALUE, cfg_u16, OUTSIDE(vlan), .min = 0, .max = 4094},
};

static int
set_outside(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *obj)
{
	struct gw_outside_cfg *o = &x->cfg->outside;
	int ret = cfg_read(x, node, outside_keys, CFG_N(outside_keys), o);

	if (ret < 0)
		return ret;
	if (o->port[0] == '\0')
		return cfg_error(x, node,
			"has no port; write 'port = ' and a PCI address, or a DPDK device");
	if (o->n_addrs == 0)
		return cfg_error(x, node, "has no address; write 'address = ADDRESS/BITS'");
	return 0;
}

/* ---- inside ---- */

static int
add_inside_addr(struct cfg_ctx *x, const struct conf_node *node, const char *item, void *arg)
{
	struct gw_inside_cfg *in = arg;
	struct gw_prefix p;
	bool has_bits;

	if (!cfg_parse_prefix(item, &p, &has_bits) || !has_bits || p.bits == 0 || !cfg_is_host(&p))
		return cfg_bad_value(x, node, item,
			"a host's address with the length of its prefix, like 10.1.0.1/24 or "
			"fd01::1/64");
	for (unsigned int i = 0; i < in->n_addrs; i++) {
		if (memcmp(in->addrs[i].addr, p.addr, sizeof(p.addr)) == 0 &&
			in->addrs[i].family == p.family)
			return cfg_error(x, node, "'%s' is there twice", item);
	}
	if (in->n_addrs == GW_ADDRS_MAX)
		return cfg_error(x, node, "more than %d addresses", GW_ADDRS_MAX);
	in->addrs[in->n_addrs++] = p;
	return 0;
}

static int
set_inside_addrs(
	struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *obj)
{
	return cfg_each(x, node, add_inside_addr, obj);
}

static int
set_interface(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	int ret = cfg_check_ifname(x, node, node->value);

	return ret < 0 ? ret : cfg_text(x, node, k, field);
}

#define INSIDE(field) offsetof(struct gw_inside_cfg, field)

static const struct cfg_key inside_keys[] = {
	{"port", CFG_VALUE, cfg_port, INSIDE(port),
		.max = sizeof(((struct gw_inside_cfg *)0)->port)},
	{"interface", CFG_VALUE, set_interface, INSIDE(interface), .max = GW_TUNNEL_NAME_MAX},
	{"address", CFG_LIST, set_inside_addrs, 0},
	{"mtu", CFG_VALUE, cfg_u16, INSIDE(mtu), .min = MTU_MIN, .max = MTU_MAX},
	{"source_check", CFG_VALUE, cfg_enum, INSIDE(source_check), .words = cfg_source_words},
};

static int
set_inside(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *obj)
{
	struct gw_inside_cfg *in = &x->cfg->inside;
	int ret = cfg_read(x, node, inside_keys, CFG_N(inside_keys), in);

	if (ret < 0)
		return ret;
	if (in->port[0] == '\0')
		return cfg_error(x, node,
			"has no port; write 'port = ' and a PCI address, or a DPDK device");
	return 0;
}

/* ---- lcores ---- */

static int
add_lcore(struct cfg_ctx *x, const struct conf_node *node, uint64_t cpu)
{
	struct gw_cfg *cfg = x->cfg;

	/* the first serves control, and may serve packets, too */
	for (unsigned int i = 1; i < cfg->n_lcores; i++) {
		if (cfg->lcores[i] == cpu)
			return cfg_error(x, node, "CPU %u is there twice", (unsigned int)cpu);
	}
	if (cfg->n_lcores == sizeof(cfg->lcores) / sizeof(cfg->lcores[0]))
		return cfg_error(x, node, "more than %zu CPUs",
			sizeof(cfg->lcores) / sizeof(cfg->lcores[0]));
	cfg->lcores[cfg->n_lcores++] = (uint16_t)cpu;
	return 0;
}

/* 3, or 4-7 */
static int
add_lcores(struct cfg_ctx *x, const struct conf_node *node, const char *item, void *arg)
{
	static const char allowed[] = "auto, or CPU numbers like 2, 4-7";
	char from[16];
	size_t len = strcspn(item, "-");
	uint64_t first, last;
	int ret = 0;

	if (len >= sizeof(from))
		return cfg_bad_value(x, node, item, allowed);
	memcpy(from, item, len);
	from[len] = '\0';
	if (!cfg_parse_uint(from, CPU_MAX, &first) ||
		!cfg_parse_uint(item[len] == '-' ? item + len + 1 : from, CPU_MAX, &last) ||
		last < first)
		return cfg_bad_value(x, node, item, allowed);
	for (uint64_t cpu = first; cpu <= last && ret == 0; cpu++)
		ret = add_lcore(x, node, cpu);
	return ret;
}

static int
set_lcores(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *obj)
{
	struct gw_cfg *cfg = x->cfg;

	cfg->lcores_auto = node->kind == CONF_VALUE && strcasecmp(node->value, "auto") == 0;
	if (cfg->lcores_auto)
		return 0;
	cfg->n_lcores = 0;
	snprintf(cfg->lcores_at.file, sizeof(cfg->lcores_at.file), "%s",
		node->file != NULL ? node->file : "");
	cfg->lcores_at.line = node->line;
	int ret = cfg_each(x, node, add_lcores, NULL);
	if (ret == 0 && cfg->n_lcores == 0)
		return cfg_error(x, node, "names no CPU; write auto, or CPU numbers");
	if (ret == 0 && cfg->n_lcores > 1 + GW_WORKERS_MAX) {
		cfg_note(x, true, node,
			"%u CPUs, of which the first %d are used: one for control, %d for workers",
			cfg->n_lcores, 1 + GW_WORKERS_MAX, GW_WORKERS_MAX);
		cfg->n_lcores = 1 + GW_WORKERS_MAX;
	}
	return ret;
}

/* ---- the rest ---- */

static int
set_vici(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	static const char scheme[] = "unix://";
	const char *path = node->value + sizeof(scheme) - 1;
	char *f = field;

	if (strncmp(node->value, scheme, sizeof(scheme) - 1) != 0 || path[0] != '/' ||
		path[1] == '\0')
		return cfg_bad_value(x, node, node->value,
			"unix:// and an absolute path; the control socket is not offered over TCP");
	if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return cfg_error(x, node, "the path has more than %zu characters",
			sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
	memcpy(f, path, strlen(path) + 1);
	return 0;
}

static int
set_qcd_secret(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *obj)
{
	struct gw_cfg *cfg = obj;
	size_t n = strlen(node->value);

	if (strcasecmp(node->value, "no") == 0) {
		cfg->qcd_secret[0] = '\0';
		return 0;
	}
	if (node->value[0] != '/' || node->value[n - 1] == '/')
		return cfg_bad_value(x, node, node->value,
			"the absolute path of a file that survives a restart, or no");
	if (n >= sizeof(cfg->qcd_secret))
		return cfg_error(x, node, "the path has more than %zu characters",
			sizeof(cfg->qcd_secret) - 1);
	memcpy(cfg->qcd_secret, node->value, n + 1);
	return 0;
}

static int
set_metrics(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	cfg_note(x, true, node, "kept, but metrics are not served by this version");
	return cfg_text(x, node, k, field);
}

static int
set_hugepages(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *obj)
{
	static const struct cfg_word words[] = {{"auto", 1}, {"no", 0}, {NULL, 0}};
	unsigned int v;
	int ret = cfg_enum(x, node, &(const struct cfg_key){.words = words}, &v);

	if (ret == 0)
		x->cfg->hugepages_auto = v != 0;
	return ret;
}

/* strongswan.conf has times with decimals: 4.0 */
static int
set_ms(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	uint32_t *ms = field;
	uint64_t v;
	char allowed[80];

	if (cfg_parse_milli(node->value, k->max, &v) && v >= k->min) {
		*ms = (uint32_t)v;
		return 0;
	}
	snprintf(allowed, sizeof(allowed), "a time from %g to %g seconds", (double)k->min / 1000,
		(double)k->max / 1000);
	return cfg_bad_value(x, node, node->value, allowed);
}

static int
set_retransmit_base(
	struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	double *base = field;
	uint64_t v;

	if (!cfg_parse_milli(node->value, 10000, &v) || v < 1000)
		return cfg_bad_value(x, node, node->value, "a number from 1 to 10");
	*base = (double)v / 1000;
	return 0;
}

static int
set_fragment_size(
	struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	uint32_t *size = field;
	uint64_t v;

	if (!cfg_parse_uint(node->value, MTU_MAX, &v) || (v != 0 && v < FRAGMENT_MIN))
		return cfg_bad_value(x, node, node->value,
			"0 (1280 bytes), or 256 to 9216 bytes, of the whole IP packet");
	*size = (uint32_t)v;
	return 0;
}

static const struct cfg_word polls[] = {
	{"adaptive", GW_POLL_ADAPTIVE},
	{"busy", GW_POLL_BUSY},
	{NULL, 0},
};

#define GW(field) offsetof(struct gw_cfg, field)

static const struct cfg_key gateway_keys[] = {
	{"outside", CFG_SECTION, set_outside, 0},
	{"inside", CFG_SECTION, set_inside, 0},
	{"lcores", CFG_LIST, set_lcores, 0},
	{"poll", CFG_VALUE, cfg_enum, GW(poll), .words = polls},
	{"vici", CFG_VALUE, set_vici, GW(vici)},
	{"qcd_secret", CFG_VALUE, set_qcd_secret, 0},
	{"metrics", CFG_VALUE, set_metrics, GW(metrics),
		.max = sizeof(((struct gw_cfg *)0)->metrics)},
	{"hugepages", CFG_VALUE, set_hugepages, 0},
	{"retransmit_timeout", CFG_VALUE, set_ms, GW(ike.retransmit_timeout_ms), .min = 100,
		.max = 60000},
	{"retransmit_tries", CFG_VALUE, cfg_u32, GW(ike.retransmit_tries), .min = 1, .max = 16},
	{"retransmit_base", CFG_VALUE, set_retransmit_base, GW(ike.retransmit_base)},
	{"retransmit_jitter", CFG_VALUE, cfg_u32, GW(ike.retransmit_jitter), .min = 0, .max = 20},
	{"retransmit_limit", CFG_VALUE, set_ms, GW(ike.retransmit_limit_ms), .min = 0,
		.max = 3600000},
	{"delete_rekeyed_delay", CFG_VALUE, set_ms, GW(ike.delete_rekeyed_delay_ms), .min = 100,
		.max = 60000},
	{"cookie_threshold", CFG_VALUE, cfg_u32, GW(ike.cookie_threshold), .min = 1, .max = 65536},
	{"block_threshold", CFG_VALUE, cfg_u32, GW(ike.block_threshold), .min = 1, .max = 65536},
	{"init_limit_half_open", CFG_VALUE, cfg_u32, GW(ike.half_open_max), .min = 1, .max = 65536},
	{"fragment_size", CFG_VALUE, set_fragment_size, GW(ike.fragment_size)},
	{"keep_alive", CFG_VALUE, cfg_time_u32, GW(ike.keep_alive_s)},
};

int
cfg_gateway(struct cfg_ctx *x, const struct conf_node *section)
{
	int ret = cfg_read(x, section, gateway_keys, CFG_N(gateway_keys), x->cfg);

	if (ret == 0 && x->cfg->outside.port[0] == '\0')
		return cfg_error(
			x, section, "has no section 'outside', which says where the port is");
	if (ret == 0 && strcmp(x->cfg->inside.port, x->cfg->outside.port) == 0)
		return cfg_error(x, conf_child(conf_child(section, "inside"), "port"),
			"is the outside's port, too; inside and outside need a port each");
	return ret;
}
