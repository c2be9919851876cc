/* SPDX-License-Identifier: BSD-3-Clause */
/* `connections`: their strongSwan meaning and defaults. */
#include "cfg_int.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define UNSET32 UINT32_MAX /* a time that was not written; none can be as long */

#define IKE_REKEY_S (4 * 3600)

/* ---- values that only connections have ---- */

static int
set_version(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	uint64_t v;

	if (cfg_parse_uint(node->value, 2, &v) && v != 1)
		return 0;
	return cfg_bad_value(x, node, node->value, "2, or 0; IKEv1 is not spoken here");
}

struct addrs {
	struct ike_range *range;
	uint8_t n;
	bool any;
	struct ike_conn_cfg *names; /* where names go; NULL: none are allowed */
};

/* RFC 1123 2.1; the last label is no number, so that a mistyped IPv4 address is no name */
static bool
is_host_name(const char *s)
{
	const char *last = strrchr(s, '.');
	size_t len = strlen(s), label = 0;

	last = last != NULL ? last + 1 : s;
	if (len == 0 || len > 253 || strspn(last, "0123456789") == strlen(last))
		return false;
	for (const char *p = s; *p != '\0'; p++) {
		if (*p == '.') {
			if (label == 0 || p[-1] == '-')
				return false;
			label = 0;
			continue;
		}
		if (!isalnum((unsigned char)*p) && *p != '_' && (*p != '-' || label == 0))
			return false;
		if (++label > 63)
			return false;
	}
	return s[len - 1] != '-';
}

static int
add_name(struct cfg_ctx *x, const struct conf_node *node, const char *item, struct addrs *a)
{
	struct ike_conn_cfg *c = a->names;
	bool host = false;

	if (c->n_names == IKE_ADDRS_MAX)
		return cfg_error(x, node, "more than %d names", IKE_ADDRS_MAX);
	if (c->names == NULL)
		c->names = calloc(IKE_ADDRS_MAX, sizeof(*c->names));
	if (c->names == NULL)
		return cfg_no_memory(x);
	for (uint8_t i = 0; i < a->n; i++)
		host = host || memcmp(&a->range[i].from, &a->range[i].to, 16) == 0;
	c->names[c->n_names] = strdup(item);
	if (c->names[c->n_names] == NULL)
		return cfg_no_memory(x);
	c->n_names++;
	c->name_first = c->name_first || !host;
	return 0;
}

static int
add_addr(struct cfg_ctx *x, const struct conf_node *node, const char *item, void *arg)
{
	struct addrs *a = arg;
	struct in_addr v4;

	if (strcmp(item, "%any") == 0 || strcmp(item, "%any6") == 0 || strcmp(item, "::") == 0) {
		a->any = true;
		return 0;
	}
	if (a->n == IKE_ADDRS_MAX)
		return cfg_error(x, node, "more than %d addresses", IKE_ADDRS_MAX);
	if (cfg_parse_range(item, &a->range[a->n])) {
		a->n++;
		return 0;
	}
	if (strcmp(item, "%any4") == 0 || inet_pton(AF_INET, item, &v4) == 1)
		return cfg_bad_value(
			x, node, item, "IPv6 addresses; outside there is no IPv4 in this version");
	if (a->names != NULL && is_host_name(item))
		return add_name(x, node, item, a);
	return cfg_bad_value(x, node, item,
		a->names != NULL ? "an IPv6 address, ADDRESS/BITS, FIRST-LAST, %any or a host name"
				 : "an IPv6 address, ADDRESS/BITS, FIRST-LAST or %any; these are "
				   "raclette's own, which names are not looked up for");
}

static int
set_local_addrs(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *obj)
{
	struct ike_conn_cfg *c = obj;

	struct addrs a = {.range = c->local_addrs};
	int ret = cfg_each(x, node, add_addr, &a);

	c->n_local = a.any ? 0 : a.n;
	return ret;
}

static int
set_remote_addrs(
	struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *obj)
{
	struct ike_conn_cfg *c = obj;

	struct addrs a = {.range = c->remote_addrs, .names = c};
	int ret = cfg_each(x, node, add_addr, &a);

	/* any of the list makes it any, but addresses and names are still somebody to connect to */
	c->n_remote = a.n;
	c->any_remote = a.any;
	return ret;
}

static int
set_local_port(
	struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	uint16_t *port = field;
	uint64_t v;

	if (!cfg_parse_uint(node->value, 65535, &v) || (v != 0 && v != 500 && v != 4500))
		return cfg_bad_value(x, node, node->value, "500 or 4500, the ports served here");
	if (v != 0)
		*port = (uint16_t)v;
	return 0;
}

static int
set_keyingtries(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *obj)
{
	struct ike_conn_cfg *c = obj;

	c->keyingtries_set = true;
	return cfg_u32(x, node, k, &c->keyingtries);
}

/* ---- children ---- */

static int
set_children(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *obj)
{
	struct ike_conn_cfg *c = obj;
	unsigned int n, i = 0;
	int ret = cfg_count(x, node, "child", CFG_CHILDREN_MAX, &n);

	if (ret < 0 || n == 0)
		return ret;
	c->children = calloc(n, sizeof(*c->children));
	if (c->children == NULL)
		return cfg_no_memory(x);
	c->n_children = (uint16_t)n;
	for (const struct conf_node *child = node->children; child != NULL; child = child->next) {
		ret = cfg_child(x, child, &c->children[i++]);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* ---- authentication ---- */

static int
set_ppk_id(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	if (ike_id_parse(field, node->value) < 0)
		return cfg_bad_value(x, node, node->value,
			"the name of a PPK (ppk... in secrets): a name, user@host, an address, or "
			"TYPE:VALUE, with '*' in front for any that ends so");
	return 0;
}

/* ---- connections ---- */

static const struct cfg_word uniques[] = {
	{"no", IKE_UNIQUE_NO},
	{"never", IKE_UNIQUE_NEVER},
	{"keep", IKE_UNIQUE_KEEP},
	{"replace", IKE_UNIQUE_REPLACE},
	{NULL, 0},
};

static const struct cfg_word frags[] = {
	{"yes", IKE_FRAG_YES},
	{"accept", IKE_FRAG_ACCEPT},
	{"force", IKE_FRAG_FORCE},
	{"no", IKE_FRAG_NO},
	{NULL, 0},
};

static const struct cfg_word childless[] = {
	{"allow", IKE_CHILDLESS_ALLOW},
	{"never", IKE_CHILDLESS_NEVER},
	{"prefer", IKE_CHILDLESS_PREFER},
	{"force", IKE_CHILDLESS_FORCE},
	{NULL, 0},
};

static const struct cfg_word send_certs[] = {
	{"ifasked", IKE_SEND_CERT_IFASKED},
	{"always", IKE_SEND_CERT_ALWAYS},
	{"never", IKE_SEND_CERT_NEVER},
	{NULL, 0},
};

static int
set_send_certreq(
	struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	bool *off = field, on = true;
	int ret = cfg_bool(x, node, k, &on);

	*off = !on;
	return ret;
}

#define CONN(field) offsetof(struct ike_conn_cfg, field)

static const struct cfg_key conn_keys[] = {
	{"version", CFG_VALUE, set_version, 0},
	{"local_addrs", CFG_LIST, set_local_addrs, 0},
	{"remote_addrs", CFG_LIST, set_remote_addrs, 0},
	{"local_port", CFG_VALUE, set_local_port, CONN(local_port)},
	{"remote_port", CFG_VALUE, cfg_u16, CONN(remote_port), .min = 1, .max = 65535},
	{"proposals", CFG_LIST, cfg_proposals, CONN(proposals), .min = IKE_PROTO_IKE},
	{"encap", CFG_VALUE, cfg_bool, CONN(encap)},
	{"mobike", CFG_VALUE, cfg_bool, CONN(mobike)},
	{"dpd_delay", CFG_VALUE, cfg_time_u32, CONN(dpd_delay_s)},
	{"dpd_ignore_esp", CFG_VALUE, cfg_bool, CONN(dpd_ignore_esp)},
	{"fragmentation", CFG_VALUE, cfg_enum, CONN(fragmentation), .words = frags},
	{"childless", CFG_VALUE, cfg_enum, CONN(childless), .words = childless},
	{"unique", CFG_VALUE, cfg_enum, CONN(unique), .words = uniques},
	{"reauth_time", CFG_VALUE, cfg_time_u32, CONN(reauth_time_s)},
	{"rekey_time", CFG_VALUE, cfg_time_u32, CONN(rekey_time_s)},
	{"over_time", CFG_VALUE, cfg_time_u32, CONN(over_time_s)},
	{"rand_time", CFG_VALUE, cfg_time_u32, CONN(rand_time_s)},
	{"keyingtries", CFG_VALUE, set_keyingtries, 0, .max = UINT32_MAX},
	{"send_cert", CFG_VALUE, cfg_enum, CONN(send_cert), .words = send_certs},
	{"send_certreq", CFG_VALUE, set_send_certreq, CONN(no_certreq)},
	{"children", CFG_SECTION, set_children, 0},
	{"local*", CFG_SECTION, cfg_auth_round, 0},
	{"remote*", CFG_SECTION, cfg_auth_round, 0},
	{"ppk_id", CFG_VALUE, set_ppk_id, CONN(ppk_id)},
	{"ppk_required", CFG_VALUE, cfg_bool, CONN(ppk_required)},
	CFG_IGNORE_AS("vips", "no virtual addresses are asked for or given"),
	CFG_IGNORE_AS("pools", "no virtual addresses are asked for or given"),
	CFG_IGNORE_AS("dpd_timeout", "IKEv2 gives up by retransmission"),
	CFG_IGNORE_AS("aggressive", "IKEv1 only"),
	CFG_IGNORE_AS("pull", "IKEv1 only"),
	CFG_MISS("mediation"),
	CFG_MISS("mediated_by"),
	CFG_MISS("mediation_peer"),
	CFG_MISS("dscp"),
	CFG_IGNORE("if_id_in"),
	CFG_IGNORE("if_id_out"),
	CFG_MISS("ocsp"),
};

static int
finish_ike_times(struct cfg_ctx *x, const struct conf_node *node, struct ike_conn_cfg *c)
{
	uint32_t longer;

	if (c->rekey_time_s == UNSET32)
		c->rekey_time_s = c->reauth_time_s > 0 ? 0 : IKE_REKEY_S;
	longer = c->rekey_time_s > c->reauth_time_s ? c->rekey_time_s : c->reauth_time_s;
	if (c->over_time_s == UNSET32)
		c->over_time_s = longer / 10;
	if (c->rand_time_s == UNSET32) {
		c->rand_time_s = c->over_time_s < longer / 2 ? c->over_time_s : longer / 2;
		if (c->rekey_time_s > 0 && c->rand_time_s > c->rekey_time_s / 2)
			c->rand_time_s = c->rekey_time_s / 2;
		if (c->reauth_time_s > 0 && c->rand_time_s > c->reauth_time_s / 2)
			c->rand_time_s = c->reauth_time_s / 2;
	}
	if ((c->rekey_time_s > 0 && c->rand_time_s >= c->rekey_time_s) ||
		(c->reauth_time_s > 0 && c->rand_time_s >= c->reauth_time_s))
		return cfg_error(x, node, "rand_time must be less than rekey_time and reauth_time");
	return 0;
}

static int
read_conn(struct cfg_ctx *x, const struct conf_node *node, struct ike_conn_cfg *c)
{
	int ret = cfg_name(x, node, c->name, sizeof(c->name));

	if (ret < 0)
		return ret;
	c->local_port = c->remote_port = 500;
	c->mobike = true;
	c->keyingtries = 1;
	c->rekey_time_s = c->over_time_s = c->rand_time_s = UNSET32;
	ret = cfg_read(x, node, conn_keys, CFG_N(conn_keys), c);
	if (ret == 0)
		ret = cfg_auth(x, node, "local", &c->local);
	if (ret == 0)
		ret = cfg_auth(x, node, "remote", &c->remote);
	if (ret == 0)
		ret = finish_ike_times(x, node, c);
	if (ret == 0 && c->proposals.n == 0)
		ike_proposals_default(&c->proposals, IKE_PROTO_IKE);
	return ret;
}

int
cfg_connections(struct cfg_ctx *x, const struct conf_node *section)
{
	struct ike_cfg *ike = &x->cfg->ike;
	unsigned int n, i = 0;
	int ret = cfg_count(x, section, "connection", CFG_CONNS_MAX, &n);

	if (ret < 0 || n == 0)
		return ret;
	ike->conns = calloc(n, sizeof(*ike->conns));
	if (ike->conns == NULL)
		return cfg_no_memory(x);
	ike->n_conns = (uint16_t)n;
	for (const struct conf_node *node = section->children; node != NULL; node = node->next) {
		ret = read_conn(x, node, &ike->conns[i++]);
		if (ret < 0)
			return ret;
	}
	return 0;
}

void
cfg_conns_free(struct ike_cfg *ike)
{
	for (unsigned int i = 0; i < ike->n_conns; i++) {
		for (unsigned int k = 0; k < ike->conns[i].n_children; k++)
			free(ike->conns[i].children[k].updown);
		free(ike->conns[i].children);
		cfg_auth_free(&ike->conns[i].local);
		cfg_auth_free(&ike->conns[i].remote);
		for (unsigned int k = 0; k < ike->conns[i].n_names; k++)
			free(ike->conns[i].names[k]);
		free(ike->conns[i].names);
	}
	free(ike->conns);
}
