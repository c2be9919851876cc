/* SPDX-License-Identifier: BSD-3-Clause */
/* `tunnels`: one section for each interface. */
#include "cfg_int.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MTU_MIN      576
#define MTU_MIN_IP6  1280
#define HOLD_DEFAULT 16
#define HOP_LIMIT    64
#define MSS_MIN      256
#define MSS_MAX      9176
#define VDEV_SIGNS   ",=[]()\"" /* in the arguments of a virtual device */

/* a tunnel while it is read: what it is bound to is still a name */
struct tunnel_read {
	struct gw_tunnel_cfg t;
	const struct conf_node *conn, *child;
};

/* ---- values ---- */

static int
set_connection(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *obj)
{
	((struct tunnel_read *)obj)->conn = node;
	return 0;
}

static int
set_child(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *obj)
{
	((struct tunnel_read *)obj)->child = node;
	return 0;
}

bool
cfg_is_host(const struct gw_prefix *p)
{
	struct in6_addr a = cfg_in6(p);

	if (IN6_IS_ADDR_UNSPECIFIED(&a))
		return false;
	if (p->family == AF_INET)
		return p->addr[0] != 127 && p->addr[0] < 224;
	return !IN6_IS_ADDR_MULTICAST(&a) && !IN6_IS_ADDR_LOOPBACK(&a);
}

static int
add_address(struct cfg_ctx *x, const struct conf_node *node, const char *item, void *arg)
{
	struct gw_tunnel_cfg *t = arg;
	struct gw_prefix p;
	bool has_bits;

	if (!cfg_parse_prefix(item, &p, &has_bits) || p.bits == 0 || !cfg_is_host(&p))
		return cfg_bad_value(x, node, item,
			"a host's address, with the length of its prefix where it has a network, "
			"like 169.254.123.1/30 or fd00::1/64");
	for (unsigned int i = 0; i < t->n_addrs; i++) {
		if (memcmp(t->addrs[i].addr, p.addr, sizeof(p.addr)) == 0 &&
			t->addrs[i].family == p.family)
			return cfg_error(x, node, "'%s' is there twice", item);
	}
	if (t->n_addrs == GW_ADDRS_MAX)
		return cfg_error(x, node, "more than %d addresses", GW_ADDRS_MAX);
	t->addrs[t->n_addrs++] = p;
	return 0;
}

static int
set_address(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	return cfg_each(x, node, add_address, field);
}

static int
add_route(struct cfg_ctx *x, const struct conf_node *node, const char *item, void *arg)
{
	struct gw_tunnel_cfg *t = arg;
	struct gw_prefix p;
	bool has_bits;

	if (!cfg_parse_prefix(item, &p, &has_bits))
		return cfg_bad_value(x, node, item, "networks like 10.1.0.0/16 or fd01::/48");
	if (cfg_prefix_has_host_bits(&p))
		return cfg_error(x, node,
			"'%s' has bits set beyond its prefix; write the network's address", item);
	if (t->n_routes == GW_ROUTES_MAX)
		return cfg_error(x, node, "more than %d routes", GW_ROUTES_MAX);
	t->routes[t->n_routes++] = p;
	return 0;
}

static int
set_routes(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	return cfg_each(x, node, add_route, field);
}

static int
set_mtu(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	uint16_t *mtu = field, most = x->cfg->outside.mtu;
	char allowed[64];
	uint64_t v;

	if (strcasecmp(node->value, "auto") == 0)
		return 0;
	if (!cfg_parse_uint(node->value, most, &v) || v < MTU_MIN) {
		snprintf(allowed, sizeof(allowed), "auto, or %d to %u, the port's MTU", MTU_MIN,
			most);
		return cfg_bad_value(x, node, node->value, allowed);
	}
	*mtu = (uint16_t)v;
	return 0;
}

static int
set_key(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	struct gw_tunnel_cfg *t = field;
	struct in_addr quad;
	uint64_t v;

	if (cfg_parse_uint(node->value, UINT32_MAX, &v))
		t->key = (uint32_t)v;
	else if (strchr(node->value, '.') != NULL && inet_pton(AF_INET, node->value, &quad) == 1)
		t->key = ntohl(quad.s_addr);
	else
		return cfg_bad_value(
			x, node, node->value, "a number from 0 to 4294967295, or a dotted quad");
	t->has_key = true;
	return 0;
}

static int
set_hold(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	uint16_t *hold = field;
	uint64_t v;

	if (strcasecmp(node->value, "yes") == 0)
		v = HOLD_DEFAULT;
	else if (strcasecmp(node->value, "no") == 0)
		v = 0;
	else if (!cfg_parse_uint(node->value, GW_HOLD_MAX, &v))
		return cfg_bad_value(x, node, node->value, "yes, no, or 0 to 64 packets");
	*hold = (uint16_t)v;
	return 0;
}

static int
set_mss(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	struct gw_tunnel_cfg *t = field;
	uint64_t v = 0;

	t->mss_auto = strcasecmp(node->value, "auto") == 0;
	if (!t->mss_auto && strcasecmp(node->value, "off") != 0 &&
		strcasecmp(node->value, "no") != 0 &&
		(!cfg_parse_uint(node->value, MSS_MAX, &v) || v < MSS_MIN))
		return cfg_bad_value(x, node, node->value, "auto, off, or 256 to 9176 bytes");
	t->mss = (uint16_t)v;
	return 0;
}

/* RFC 2474, 2597, 3246, 5865, 8622 */
static const struct cfg_word dscps[] = {
	{"cs0", 0},
	{"cs1", 8},
	{"cs2", 16},
	{"cs3", 24},
	{"cs4", 32},
	{"cs5", 40},
	{"cs6", 48},
	{"cs7", 56},
	{"af11", 10},
	{"af12", 12},
	{"af13", 14},
	{"af21", 18},
	{"af22", 20},
	{"af23", 22},
	{"af31", 26},
	{"af32", 28},
	{"af33", 30},
	{"af41", 34},
	{"af42", 36},
	{"af43", 38},
	{"ef", 46},
	{"va", 44},
	{"le", 1},
	{"copy", GW_DSCP_COPY},
	{NULL, 0},
};

static int
set_dscp(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	const char *s = node->value;
	uint8_t *dscp = field;
	uint64_t v = 0;

	for (const struct cfg_word *w = dscps; w->word != NULL; w++) {
		if (strcasecmp(w->word, s) == 0) {
			*dscp = (uint8_t)w->value;
			return 0;
		}
	}
	if (strlen(s) == 6 && strspn(s, "01") == 6) {
		/* as strongSwan writes it: no number has six digits here */
		for (; *s != '\0'; s++)
			v = v << 1 | (*s == '1');
	} else if (!cfg_parse_uint(s, 63, &v)) {
		return cfg_bad_value(x, node, s,
			"copy, 0 to 63, six binary digits, or a name like cs6, af41, ef");
	}
	*dscp = (uint8_t)v;
	return 0;
}

static int
set_handoff(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	static const struct cfg_word words[] = {
		{"tun", GW_HANDOFF_TUN},
		{"port", GW_HANDOFF_PORT},
		{"wire", GW_HANDOFF_WIRE},
		{"virtio-user", GW_HANDOFF_VIRTIO_USER},
		{NULL, 0},
	};

	if (strcasecmp(node->value, "tap") == 0)
		return cfg_error(x, node,
			"'%s' is not in this version; allowed: tun, port, wire, virtio-user",
			node->value);
	return cfg_enum(x, node, &(const struct cfg_key){.words = words}, field);
}

static const struct cfg_word ecns[] = {
	{"normal", GW_ECN_NORMAL},
	{"compat", GW_ECN_COMPAT},
	{NULL, 0},
};
static const struct cfg_word flowlabels[] = {
	{"sa", GW_FLOWLABEL_SA},
	{"flow", GW_FLOWLABEL_FLOW},
	{NULL, 0},
};
static const struct cfg_word carriers[] = {
	{"always", GW_CARRIER_ALWAYS},
	{"sa", GW_CARRIER_SA},
	{NULL, 0},
};

#define TUNNEL(field) offsetof(struct tunnel_read, t.field)

static const struct cfg_key tunnel_keys[] = {
	{"connection", CFG_VALUE, set_connection, 0},
	{"child", CFG_VALUE, set_child, 0},
	{"address", CFG_LIST, set_address, 0},
	{"mtu", CFG_VALUE, set_mtu, TUNNEL(mtu)},
	{"key", CFG_VALUE, set_key, 0},
	{"checksum", CFG_VALUE, cfg_bool, TUNNEL(checksum)},
	{"sequence", CFG_VALUE, cfg_bool, TUNNEL(sequence)},
	{"hop_limit", CFG_VALUE, cfg_u8, TUNNEL(hop_limit), .min = 1, .max = 255},
	{"hold", CFG_VALUE, set_hold, TUNNEL(hold)},
	{"mss", CFG_VALUE, set_mss, 0},
	{"dscp", CFG_VALUE, set_dscp, TUNNEL(dscp)},
	{"ecn", CFG_VALUE, cfg_enum, TUNNEL(ecn), .words = ecns},
	{"flowlabel", CFG_VALUE, cfg_enum, TUNNEL(flowlabel), .words = flowlabels},
	{"routes", CFG_LIST, set_routes, 0},
	{"carrier", CFG_VALUE, cfg_enum, TUNNEL(carrier), .words = carriers},
	{"handoff", CFG_VALUE, set_handoff, TUNNEL(handoff)},
	{"source_check", CFG_VALUE, cfg_enum, TUNNEL(source_check), .words = cfg_source_words},
	{"offload", CFG_VALUE, cfg_bool, TUNNEL(offload)},
	{"handoff_port", CFG_VALUE, cfg_port, TUNNEL(handoff_port),
		.max = sizeof(((struct gw_tunnel_cfg *)0)->handoff_port)},
};

/* what the kernel takes, and does not take to mean something else */
int
cfg_check_ifname(struct cfg_ctx *x, const struct conf_node *node, const char *name)
{
	static const char *const taken[] = {"lo", "all", "default", ".", ".."};

	for (size_t i = 0; i < CFG_N(taken); i++) {
		if (strcmp(name, taken[i]) == 0)
			return cfg_error(x, node,
				"no interface can be called '%s'; choose another name", name);
	}
	for (const char *p = name; *p != '\0'; p++) {
		if (strchr("/:%", *p) != NULL || isspace((unsigned char)*p))
			return cfg_error(
				x, node, "the name of an interface has no '/', ':', '%%' or blank");
	}
	return 0;
}

/* ---- one tunnel ---- */

/* a wire is no interface of the kernel's: what is said about one would be lost */
static int
check_wire(struct cfg_ctx *x, const struct conf_node *node)
{
	static const struct {
		const char *key, *why;
	} lost[] = {
		{"offload", "the packets come from a port, not from the kernel"},
		{"routes", "Linux has no interface to route into; the router on the port has them"},
		{"carrier", "Linux has no interface that could be up or down"},
	};

	if (conf_child(node, "handoff_port") == NULL)
		return cfg_error(x, node, "'handoff = wire' needs a handoff_port");
	for (size_t i = 0; i < CFG_N(lost); i++) {
		const struct conf_node *n = conf_child(node, lost[i].key);

		if (n != NULL)
			return cfg_error(
				x, n, "has no meaning with 'handoff = wire': %s", lost[i].why);
	}
	return 0;
}

static int
check_tunnel(struct cfg_ctx *x, const struct conf_node *node, const struct gw_tunnel_cfg *t)
{
	const struct conf_node *port = conf_child(node, "handoff_port"),
			       *source = conf_child(node, "source_check");

	if (t->handoff == GW_HANDOFF_WIRE && check_wire(x, node) < 0)
		return -EINVAL;
	if (t->handoff != GW_HANDOFF_WIRE && port != NULL)
		return cfg_error(x, port, "has a meaning with 'handoff = wire' only");
	if (t->handoff != GW_HANDOFF_PORT && source != NULL)
		return cfg_error(x, source,
			"has a meaning with 'handoff = port' only; Linux, which routes else, has "
			"rp_filter");
	if (t->handoff == GW_HANDOFF_PORT && x->cfg->inside.port[0] == '\0')
		return cfg_error(x, conf_child(node, "handoff"),
			"'port' needs a section 'gateway.inside', which says what port that is "
			"(a wire to one router is 'handoff = wire')");
	if (t->handoff == GW_HANDOFF_VIRTIO_USER && strpbrk(t->name, VDEV_SIGNS) != NULL)
		return cfg_error(x, node,
			"with 'handoff = virtio-user' a name has none of '" VDEV_SIGNS
			"', which mean something to DPDK");
	for (unsigned int i = 0; i < t->n_addrs; i++) {
		if (t->addrs[i].family == AF_INET6 && t->mtu > 0 && t->mtu < MTU_MIN_IP6)
			return cfg_error(x, conf_child(node, "mtu"),
				"below 1280 Linux takes the interface's IPv6 addresses away; write "
				"1280 or "
				"more, or auto");
	}
	return 0;
}

/* `mtu` is a ceiling: too large a one does no harm, but is not what is used */
static void
note_mtu(struct cfg_ctx *x, const struct conf_node *node, const struct gw_tunnel_cfg *t)
{
	unsigned int most = cfg_inner_mtu_max(x->cfg, t);

	if (most > 0 && t->mtu > most)
		cfg_note(x, true, conf_child(node, "mtu"),
			"%u does not fit into one packet of the port's %u bytes: at most %u is "
			"used, with the algorithms that are configured",
			t->mtu, x->cfg->outside.mtu, most);
}

static int
read_tunnel(struct cfg_ctx *x, const struct conf_node *node, struct gw_tunnel_cfg *t)
{
	struct tunnel_read r = {
		.t = {.hop_limit = HOP_LIMIT,
			.hold = HOLD_DEFAULT,
			.mss_auto = true,
			.offload = true,
			.dscp = GW_DSCP_COPY},
	};
	int ret = cfg_name(x, node, r.t.name, sizeof(r.t.name));

	if (ret == 0)
		ret = cfg_check_ifname(x, node, node->name);
	if (ret == 0)
		ret = cfg_read(x, node, tunnel_keys, CFG_N(tunnel_keys), &r);
	if (ret == 0)
		ret = check_tunnel(x, node, &r.t);
	if (ret == 0)
		ret = cfg_bind(x, node, r.conn, r.child, &r.t);
	if (ret == 0)
		note_mtu(x, node, &r.t);
	*t = r.t;
	return ret;
}

/* two that become one: the first would be gone without a word */
static int
check_names(struct cfg_ctx *x, const struct conf_node *section)
{
	for (const struct conf_node *n = section->children; n != NULL; n = n->next) {
		struct conf_node at = *n;

		at.line = n->again;
		if (n->again != 0)
			return cfg_error(x, &at,
				"is there already, in line %u; give each tunnel a name of its own",
				n->line);
	}
	return 0;
}

/* ---- what can be read of them, whatever else is wrong ---- */

static int
try_address(struct cfg_ctx *x, const struct conf_node *node, const char *item, void *arg)
{
	(void)add_address(x, node, item, arg);
	return 0;
}

/* also with bits beyond the prefix: the network is plain */
static int
try_route(struct cfg_ctx *x, const struct conf_node *node, const char *item, void *arg)
{
	struct gw_tunnel_cfg *t = arg;
	struct gw_prefix p;
	bool has_bits;

	if (cfg_parse_prefix(item, &p, &has_bits) && t->n_routes < GW_ROUTES_MAX)
		t->routes[t->n_routes++] = p;
	return 0;
}

static void
read_routes(struct cfg_ctx *x, const struct conf_node *tunnel, struct gw_tunnel_cfg *t)
{
	const struct conf_node *handoff = conf_child(tunnel, "handoff"),
			       *address = conf_child(tunnel, "address"),
			       *routes = conf_child(tunnel, "routes");

	snprintf(t->name, sizeof(t->name), "%s", tunnel->name);
	if (handoff != NULL && handoff->kind == CONF_VALUE)
		(void)set_handoff(x, handoff, NULL, &t->handoff);
	if (address != NULL && address->kind != CONF_SECTION)
		(void)cfg_each(x, address, try_address, t);
	if (routes != NULL && routes->kind != CONF_SECTION)
		(void)cfg_each(x, routes, try_route, t);
}

void
cfg_tunnels_routes(struct cfg_ctx *x, const struct conf_node *section)
{
	struct gw_cfg *cfg = x->cfg;
	unsigned int n = 0;

	for (const struct conf_node *t = section->children; t != NULL; t = t->next)
		n += t->kind == CONF_SECTION;
	cfg->tunnels = n > 0 && n <= CFG_TUNNELS_MAX ? calloc(n, sizeof(*cfg->tunnels)) : NULL;
	if (cfg->tunnels == NULL)
		return;
	for (const struct conf_node *t = section->children; t != NULL; t = t->next) {
		if (t->kind == CONF_SECTION)
			read_routes(x, t, &cfg->tunnels[cfg->n_tunnels++]);
	}
}

int
cfg_tunnels(struct cfg_ctx *x, const struct conf_node *section)
{
	struct gw_cfg *cfg = x->cfg;
	unsigned int n, i = 0;
	int ret = check_names(x, section);

	if (ret == 0)
		ret = cfg_count(x, section, "tunnel", CFG_TUNNELS_MAX, &n);
	if (ret < 0 || n == 0)
		return ret;
	if (cfg->outside.port[0] == '\0')
		return cfg_error(
			x, section, "there are tunnels, but no section 'gateway' that says where");
	cfg->tunnels = calloc(n, sizeof(*cfg->tunnels));
	if (cfg->tunnels == NULL)
		return cfg_no_memory(x);
	ret = cfg_bind_begin(x);
	for (const struct conf_node *node = section->children; ret == 0 && node != NULL;
		node = node->next) {
		ret = read_tunnel(x, node, &cfg->tunnels[i++]);
		if (ret == 0)
			cfg->n_tunnels = (uint16_t)i;
	}
	cfg_bind_end(x);
	return ret < 0 ? ret : cfg_tunnels_check(x, section);
}
