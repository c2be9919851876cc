/* SPDX-License-Identifier: BSD-3-Clause */
/* `connections`: their strongSwan meaning and defaults. */
#include "cfg_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define UNSET32 UINT32_MAX /* a time that was not written; none can be as long */
#define UNSET64 UINT64_MAX

#define IKE_REKEY_S       (4 * 3600)
#define CHILD_REKEY_S     3600
#define REPLAY_WINDOW     1024
#define REPLAY_WINDOW_MIN 32
#define REPLAY_WINDOW_MAX 8192
#define N_KEYS(keys)      (sizeof(keys) / sizeof((keys)[0]))

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
};

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
	return cfg_bad_value(x, node, item,
		"an IPv6 address, ADDRESS/BITS, FIRST-LAST or %any; names are not looked up in "
		"this "
		"version");
}

static int
set_addrs(struct cfg_ctx *x, const struct conf_node *node, struct ike_range *range, uint8_t *n)
{
	struct addrs a = {.range = range};
	int ret = cfg_each(x, node, add_addr, &a);

	*n = a.any ? 0 : a.n;
	return ret;
}

static int
set_local_addrs(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *obj)
{
	struct ike_conn_cfg *c = obj;

	return set_addrs(x, node, c->local_addrs, &c->n_local);
}

static int
set_remote_addrs(
	struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *obj)
{
	struct ike_conn_cfg *c = obj;

	return set_addrs(x, node, c->remote_addrs, &c->n_remote);
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

/* ---- proposals ---- */

static void
note_legacy(struct cfg_ctx *x, const struct conf_node *node, const struct ike_transform *t)
{
	const char *name = ike_transform_name(t->type, t->id);

	if (name == NULL || !ike_transform_is_legacy(t->type, t->id) || !cfg_first(x, name))
		return;
	if (t->type == IKE_TT_ENCR && t->id == IKE_ENCR_NULL)
		cfg_note(x, true, node, "NULL is no encryption: everything can be read on the way");
	else
		cfg_note(x, true, node,
			"%s is a legacy algorithm (RFC 8221, RFC 8247): used because it is "
			"configured",
			name);
}

struct proposals {
	struct ike_proposals *list;
	enum ike_protocol protocol;
};

static int
add_proposal(struct cfg_ctx *x, const struct conf_node *node, const char *item, void *arg)
{
	const struct proposals *p = arg;
	uint8_t before = p->list->n;
	char why[256] = "";
	int ret = ike_proposals_parse(p->list, p->protocol, item, why, sizeof(why));

	if (ret == -E2BIG)
		return cfg_error(x, node, "more than %d proposals, or %d algorithms in one",
			IKE_PROPOSALS_MAX, IKE_TRANSFORMS_MAX);
	if (ret < 0)
		return cfg_error(x, node, "%s", why);
	for (uint8_t i = before; i < p->list->n; i++) {
		const struct ike_proposal *prop = &p->list->p[i];
		for (uint8_t j = 0; j < prop->n_transforms; j++)
			note_legacy(x, node, &prop->transforms[j]);
	}
	return 0;
}

static int
set_proposals(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	struct proposals p = {.list = field, .protocol = (enum ike_protocol)k->min};

	p.list->n = 0;
	return cfg_each(x, node, add_proposal, &p);
}

static bool
has_transform(const struct ike_proposals *list, uint8_t type, uint16_t id)
{
	for (uint8_t i = 0; i < list->n; i++) {
		for (uint8_t j = 0; j < list->p[i].n_transforms; j++) {
			if (list->p[i].transforms[j].type == type &&
				list->p[i].transforms[j].id == id)
				return true;
		}
	}
	return false;
}

/* ---- children ---- */

static int
add_ts(struct cfg_ctx *x, const struct conf_node *node, const char *item, void *arg)
{
	struct ike_ts_list *list = arg;
	char why[256] = "";

	if (list->n == IKE_TS_MAX)
		return cfg_error(x, node, "more than %d selectors", IKE_TS_MAX);
	if (ike_ts_parse(&list->ts[list->n], item, why, sizeof(why)) < 0)
		return cfg_error(x, node, "%s", why);
	list->n++;
	return 0;
}

static int
set_ts(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	struct ike_ts_list *list = field;

	list->n = 0;
	return cfg_each(x, node, add_ts, list);
}

static const struct cfg_word modes[] = {
	{"tunnel", IKE_MODE_TUNNEL},
	{"transport", IKE_MODE_TRANSPORT},
	{NULL, 0},
};

static int
set_mode(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	if (strcasecmp(node->value, "pass") == 0 || strcasecmp(node->value, "drop") == 0)
		return cfg_error(x, node,
			"'%s' would take GRE past ESP, which never happens here; allowed: tunnel, "
			"transport",
			node->value);
	if (strcasecmp(node->value, "beet") == 0 || strcasecmp(node->value, "transport_proxy") == 0)
		return cfg_error(x, node, "'%s' does not exist here; allowed: tunnel, transport",
			node->value);
	return cfg_enum(x, node, &(const struct cfg_key){.words = modes}, field);
}

static int
set_ah(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	return cfg_error(x, node,
		"AH would carry GRE in clear, which never happens here; write esp_proposals");
}

static int
set_sha256_96(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	bool on = false;
	int ret = cfg_bool(x, node, k, &on);

	if (ret == 0 && on)
		return cfg_error(
			x, node, "SHA-256 cut to 96 bits is not in this version; allowed: no");
	return ret;
}

static const struct cfg_word actions[] = {
	{"none", IKE_ACTION_NONE},
	{"trap", IKE_ACTION_TRAP},
	{"route", IKE_ACTION_TRAP},
	{"start", IKE_ACTION_START},
	{"restart", IKE_ACTION_START},
	{"trap|start", IKE_ACTION_TRAP | IKE_ACTION_START},
	{"start|trap", IKE_ACTION_TRAP | IKE_ACTION_START},
	{"route|start", IKE_ACTION_TRAP | IKE_ACTION_START},
	{NULL, 0},
};

static const struct cfg_word dpd_actions[] = {
	{"clear", IKE_ACTION_NONE},
	{"none", IKE_ACTION_NONE},
	{"trap", IKE_ACTION_TRAP},
	{"route", IKE_ACTION_TRAP},
	{"hold", IKE_ACTION_TRAP},
	{"restart", IKE_ACTION_START},
	{"start", IKE_ACTION_START},
	{NULL, 0},
};

static int
set_start_action(
	struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *obj)
{
	struct ike_child_cfg *c = obj;

	c->start_action_set = true;
	return cfg_enum(x, node, k, &c->start_action);
}

static int
set_replay_window(
	struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	uint32_t *window = field;
	uint64_t v;

	if (!cfg_parse_uint(node->value, REPLAY_WINDOW_MAX, &v) || (v > 0 && v < REPLAY_WINDOW_MIN))
		return cfg_bad_value(x, node, node->value, "0 (off), or 32 to 8192 packets");
	*window = (uint32_t)v;
	return 0;
}

/* what it says is run as root: never what came over the control socket */
static int
set_updown(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *obj)
{
	struct ike_child_cfg *c = obj;

	if (node->file == NULL) {
		cfg_note(x, true, node,
			"ignored: commands are taken from the configuration file only");
		return 0;
	}
	free(c->updown);
	c->updown = strdup(node->value);
	return c->updown != NULL ? 0 : cfg_no_memory(x);
}

#define CHILD(field) offsetof(struct ike_child_cfg, field)
#define IGNORED(key)                                                                               \
	{                                                                                          \
		.name = (key), .kind = CFG_IGNORED                                                 \
	}
#define IGNORED_AS(key, why)                                                                       \
	{                                                                                          \
		.name = (key), .kind = CFG_IGNORED, .text = (why)                                  \
	}

static const struct cfg_key child_keys[] = {
	{"esp_proposals", CFG_LIST, set_proposals, CHILD(esp), .min = IKE_PROTO_ESP},
	{"local_ts", CFG_LIST, set_ts, CHILD(local_ts)},
	{"remote_ts", CFG_LIST, set_ts, CHILD(remote_ts)},
	{"mode", CFG_VALUE, set_mode, CHILD(mode)},
	{"start_action", CFG_VALUE, set_start_action, 0, .words = actions},
	{"close_action", CFG_VALUE, cfg_enum, CHILD(close_action), .words = actions},
	{"dpd_action", CFG_VALUE, cfg_enum, CHILD(dpd_action), .words = dpd_actions},
	{"rekey_time", CFG_VALUE, cfg_time_u64, CHILD(time_s.rekey)},
	{"life_time", CFG_VALUE, cfg_time_u64, CHILD(time_s.life)},
	{"rand_time", CFG_VALUE, cfg_time_u64, CHILD(time_s.rand)},
	{"rekey_bytes", CFG_VALUE, cfg_bytes_u64, CHILD(bytes.rekey)},
	{"life_bytes", CFG_VALUE, cfg_bytes_u64, CHILD(bytes.life)},
	{"rand_bytes", CFG_VALUE, cfg_bytes_u64, CHILD(bytes.rand)},
	{"rekey_packets", CFG_VALUE, cfg_count_u64, CHILD(packets.rekey), .max = UINT64_MAX / 4},
	{"life_packets", CFG_VALUE, cfg_count_u64, CHILD(packets.life), .max = UINT64_MAX / 4},
	{"rand_packets", CFG_VALUE, cfg_count_u64, CHILD(packets.rand), .max = UINT64_MAX / 4},
	{"replay_window", CFG_VALUE, set_replay_window, CHILD(replay_window)},
	{"updown", CFG_VALUE, set_updown, 0},
	{"sha256_96", CFG_VALUE, set_sha256_96, 0},
	{"ah_proposals", CFG_LIST, set_ah, 0},
	IGNORED("mark_in"),
	IGNORED("mark_in_sa"),
	IGNORED("mark_out"),
	IGNORED("set_mark_in"),
	IGNORED("set_mark_out"),
	IGNORED("if_id_in"),
	IGNORED("if_id_out"),
	IGNORED("interface"),
	IGNORED("hw_offload"),
	IGNORED("priority"),
	IGNORED("reqid"),
	IGNORED_AS("policies", "GRE goes through ESP or not at all"),
	IGNORED("policies_fwd_out"),
	IGNORED("hostaccess"),
	IGNORED("ipcomp"),
	IGNORED("tfc_padding"),
	IGNORED("inactivity"),
	IGNORED("copy_df"),
	IGNORED_AS("copy_ecn", "a tunnel's 'ecn' says what happens"),
	IGNORED_AS("copy_dscp", "a tunnel's 'dscp' says what happens"),
	IGNORED("label"),
	IGNORED("label_mode"),
	IGNORED("per_cpu_sas"),
};

/* strongSwan's rules, and none that would rekey at once or never */
static int
finish_life(struct cfg_ctx *x, const struct conf_node *node, const char *unit, struct ike_life *l,
	uint64_t rekey_default)
{
	bool rand_set = l->rand != UNSET64;

	if (l->rekey == UNSET64)
		l->rekey = l->life != UNSET64 && l->life > 0 && l->life <= rekey_default
				   ? l->life * 10 / 11
				   : rekey_default;
	if (l->life == UNSET64)
		l->life = l->rekey == 0 ? 0 : l->rekey + (l->rekey < 10 ? 1 : l->rekey / 10);
	if (l->life > 0 && l->rekey > 0 && l->life <= l->rekey)
		return cfg_error(x, node,
			"life_%s must be larger than rekey_%s, so that rekeying is in time", unit,
			unit);
	if (!rand_set) {
		l->rand = l->life > l->rekey && l->rekey > 0 ? l->life - l->rekey : 0;
		if (l->rand > l->rekey / 2)
			l->rand = l->rekey / 2;
	}
	if (l->rekey > 0 && l->rand >= l->rekey)
		return cfg_error(x, node, "rand_%s must be less than rekey_%s", unit, unit);
	return 0;
}

static int
finish_child(struct cfg_ctx *x, const struct conf_node *node, struct ike_child_cfg *c)
{
	const struct conf_node *esp = conf_child(node, "esp_proposals");
	char why[8];
	int ret;

	if (c->esp.n == 0)
		ike_proposals_default(&c->esp, IKE_PROTO_ESP);
	if (c->local_ts.n == 0)
		ike_ts_parse(&c->local_ts.ts[c->local_ts.n++], "dynamic", why, sizeof(why));
	if (c->remote_ts.n == 0)
		ike_ts_parse(&c->remote_ts.ts[c->remote_ts.n++], "dynamic", why, sizeof(why));
	if (c->replay_window == 0 && has_transform(&c->esp, IKE_TT_ESN, IKE_ESN_YES))
		return cfg_error(x, esp != NULL ? esp : node,
			"esn needs a replay window (RFC 4303 A2.1); write noesn, or a "
			"replay_window other "
			"than 0");
	ret = finish_life(x, node, "time", &c->time_s, CHILD_REKEY_S);
	if (ret == 0)
		ret = finish_life(x, node, "bytes", &c->bytes, 0);
	if (ret == 0)
		ret = finish_life(x, node, "packets", &c->packets, 0);
	return ret;
}

static int
read_child(struct cfg_ctx *x, const struct conf_node *node, struct ike_child_cfg *c)
{
	static const struct ike_life unset = {UNSET64, UNSET64, UNSET64};
	int ret = cfg_name(x, node, c->name, sizeof(c->name));

	if (ret < 0)
		return ret;
	c->time_s = c->bytes = c->packets = unset;
	c->replay_window = REPLAY_WINDOW;
	ret = cfg_read(x, node, child_keys, N_KEYS(child_keys), c);
	return ret < 0 ? ret : finish_child(x, node, c);
}

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
		ret = read_child(x, child, &c->children[i++]);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* ---- authentication ---- */

struct auth_read {
	struct ike_auth_cfg *auth;
	bool is_psk;
};

#define AUTH_HINT "this version knows pre-shared keys only; write 'auth = psk'"

static int
set_auth(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *obj)
{
	struct auth_read *a = obj;

	if (strcasecmp(node->value, "psk") != 0)
		return cfg_bad_value(x, node, node->value, "psk; " AUTH_HINT);
	a->is_psk = true;
	return 0;
}

static int
set_id(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *obj)
{
	struct auth_read *a = obj;

	switch (ike_id_parse(&a->auth->id, node->value)) {
	case 0:
		return 0;
	case -E2BIG:
		return cfg_error(x, node, "an identity has at most %d bytes", IKE_ID_MAX);
	default:
		return cfg_bad_value(x, node, node->value,
			"an address, a name, user@host, a distinguished name, or TYPE:VALUE");
	}
}

#define CERTS "pre-shared keys need none"

static const struct cfg_key auth_keys[] = {
	{"auth", CFG_VALUE, set_auth, 0},
	{"id", CFG_VALUE, set_id, 0},
	IGNORED("round"),
	IGNORED_AS("certs", CERTS),
	IGNORED_AS("cacerts", CERTS),
	IGNORED_AS("pubkeys", CERTS),
	IGNORED_AS("cert_policy", CERTS),
	IGNORED_AS("revocation", CERTS),
	IGNORED_AS("ca_id", CERTS),
	IGNORED("eap_id"),
	IGNORED("aaa_id"),
	IGNORED("xauth_id"),
	IGNORED("groups"),
	IGNORED_AS("cert*", CERTS),
	IGNORED_AS("cacert*", CERTS),
};

/* sections called local, local-1, localhost... are rounds of authentication */
static const struct conf_node *
first_round(const struct conf_node *conn, const char *prefix)
{
	for (const struct conf_node *n = conn->children; n != NULL; n = n->next) {
		if (n->kind == CONF_SECTION && strncmp(n->name, prefix, strlen(prefix)) == 0)
			return n;
	}
	return NULL;
}

static int
read_auth(struct cfg_ctx *x, const struct conf_node *conn, const char *prefix,
	struct ike_auth_cfg *auth)
{
	const struct conf_node *node = first_round(conn, prefix);
	struct auth_read a = {.auth = auth};
	int ret;

	if (node == NULL)
		return cfg_error(x, conn,
			"has no section '%s', and its authentication would be by public "
			"key; " AUTH_HINT " in '%s { ... }'",
			prefix, prefix);
	ret = cfg_read(x, node, auth_keys, N_KEYS(auth_keys), &a);
	if (ret == 0 && !a.is_psk)
		return cfg_error(x, node, "auth is not set, and its default is pubkey; " AUTH_HINT);
	return ret;
}

static int
set_round(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *obj)
{
	char prefix[8];
	size_t len = strlen(k->name) - 1;

	memcpy(prefix, k->name, len);
	prefix[len] = '\0';
	if (first_round(node->parent, prefix) != node)
		return cfg_error(x, node,
			"a second round of authentication (RFC 4739) is not in this version");
	return 0; /* read by read_auth() */
}

static int
set_ppk(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	return cfg_error(x, node,
		"post-quantum keys (RFC 8784) are not in this version: the connection would do "
		"without; "
		"remove the key");
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
	{"prefer", IKE_CHILDLESS_ALLOW},
	{"force", IKE_CHILDLESS_FORCE},
	{NULL, 0},
};

#define CONN(field) offsetof(struct ike_conn_cfg, field)

static const struct cfg_key conn_keys[] = {
	{"version", CFG_VALUE, set_version, 0},
	{"local_addrs", CFG_LIST, set_local_addrs, 0},
	{"remote_addrs", CFG_LIST, set_remote_addrs, 0},
	{"local_port", CFG_VALUE, set_local_port, CONN(local_port)},
	{"remote_port", CFG_VALUE, cfg_u16, CONN(remote_port), .min = 1, .max = 65535},
	{"proposals", CFG_LIST, set_proposals, CONN(proposals), .min = IKE_PROTO_IKE},
	{"encap", CFG_VALUE, cfg_bool, CONN(encap)},
	{"mobike", CFG_VALUE, cfg_bool, CONN(mobike)},
	{"dpd_delay", CFG_VALUE, cfg_time_u32, CONN(dpd_delay_s)},
	{"fragmentation", CFG_VALUE, cfg_enum, CONN(fragmentation), .words = frags},
	{"childless", CFG_VALUE, cfg_enum, CONN(childless), .words = childless},
	{"unique", CFG_VALUE, cfg_enum, CONN(unique), .words = uniques},
	{"reauth_time", CFG_VALUE, cfg_time_u32, CONN(reauth_time_s)},
	{"rekey_time", CFG_VALUE, cfg_time_u32, CONN(rekey_time_s)},
	{"over_time", CFG_VALUE, cfg_time_u32, CONN(over_time_s)},
	{"rand_time", CFG_VALUE, cfg_time_u32, CONN(rand_time_s)},
	{"keyingtries", CFG_VALUE, cfg_u32, CONN(keyingtries), .max = UINT32_MAX},
	{"children", CFG_SECTION, set_children, 0},
	{"local*", CFG_SECTION, set_round, 0},
	{"remote*", CFG_SECTION, set_round, 0},
	{"ppk_id", CFG_VALUE, set_ppk, 0},
	{"ppk_required", CFG_VALUE, set_ppk, 0},
	IGNORED_AS("vips", "no virtual addresses are asked for or given"),
	IGNORED_AS("pools", "no virtual addresses are asked for or given"),
	IGNORED_AS("send_cert", CERTS),
	IGNORED_AS("send_certreq", CERTS),
	IGNORED_AS("dpd_timeout", "IKEv2 gives up by retransmission"),
	IGNORED_AS("aggressive", "IKEv1 only"),
	IGNORED_AS("pull", "IKEv1 only"),
	IGNORED("mediation"),
	IGNORED("mediated_by"),
	IGNORED("mediation_peer"),
	IGNORED("dscp"),
	IGNORED("if_id_in"),
	IGNORED("if_id_out"),
	IGNORED("ocsp"),
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
	ret = cfg_read(x, node, conn_keys, N_KEYS(conn_keys), c);
	if (ret == 0)
		ret = read_auth(x, node, "local", &c->local);
	if (ret == 0)
		ret = read_auth(x, node, "remote", &c->remote);
	if (ret == 0)
		ret = finish_ike_times(x, node, c);
	if (ret == 0 && c->proposals.n == 0)
		ike_proposals_default(&c->proposals, IKE_PROTO_IKE);
	if (ret == 0 && has_transform(&c->proposals, IKE_TT_ENCR, IKE_ENCR_NULL))
		ret = cfg_error(
			x, node, "proposals: IKE itself must be encrypted; 'null' is for ESP only");
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
	}
	free(ike->conns);
}
