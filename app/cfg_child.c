/* SPDX-License-Identifier: BSD-3-Clause */
/* `children`: their strongSwan meaning and defaults. */
#include "cfg_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "updown.h"

#define UNSET64           UINT64_MAX /* a limit that was not written; none can be as large */
#define CHILD_REKEY_S     3600
#define REPLAY_WINDOW     1024
#define REPLAY_WINDOW_MIN 32
#define REPLAY_WINDOW_MAX 8192

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
	char why[200] = "";
	int ret;

	if (node->file == NULL) {
		cfg_note(x, true, node,
			"ignored: commands are taken from the configuration file only");
		return 0;
	}
	ret = updown_check(node->value, why, sizeof(why));
	if (ret == -EINVAL)
		return cfg_error(x, node, "%s", why);
	/* once for each script: many children may name the same one */
	if (ret < 0 && cfg_first(x, node->value))
		cfg_note(x, true, node, "will not be run: %s", why);
	free(c->updown);
	c->updown = strdup(node->value);
	return c->updown != NULL ? 0 : cfg_no_memory(x);
}

#define CHILD(field) offsetof(struct ike_child_cfg, field)
static const struct cfg_key child_keys[] = {
	{"esp_proposals", CFG_LIST, cfg_proposals, CHILD(esp), .min = IKE_PROTO_ESP},
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
	{"ah_proposals", CFG_REFUSED,
		.text = "AH would carry GRE in clear, which never happens here; write "
			"esp_proposals"},
	CFG_IGNORE("mark_in"),
	CFG_IGNORE("mark_in_sa"),
	CFG_IGNORE("mark_out"),
	CFG_IGNORE("set_mark_in"),
	CFG_IGNORE("set_mark_out"),
	CFG_IGNORE("if_id_in"),
	CFG_IGNORE("if_id_out"),
	CFG_IGNORE("interface"),
	CFG_MISS("hw_offload"),
	CFG_IGNORE("priority"),
	CFG_IGNORE("reqid"),
	CFG_IGNORE_AS("policies", "GRE goes through ESP or not at all"),
	CFG_IGNORE("policies_fwd_out"),
	CFG_MISS("hostaccess"),
	CFG_MISS("ipcomp"),
	CFG_MISS("tfc_padding"),
	CFG_MISS("inactivity"),
	CFG_IGNORE("copy_df"),
	CFG_IGNORE_AS("copy_ecn", "a tunnel's 'ecn' says what happens"),
	CFG_IGNORE_AS("copy_dscp", "a tunnel's 'dscp' says what happens"),
	CFG_MISS("label"),
	CFG_MISS("label_mode"),
	CFG_MISS("per_cpu_sas"),
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
	if (c->replay_window == 0 && cfg_has_transform(&c->esp, IKE_TT_ESN, IKE_ESN_YES))
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

int
cfg_child(struct cfg_ctx *x, const struct conf_node *node, struct ike_child_cfg *c)
{
	static const struct ike_life unset = {UNSET64, UNSET64, UNSET64};
	int ret = cfg_name(x, node, c->name, sizeof(c->name));

	if (ret < 0)
		return ret;
	c->time_s = c->bytes = c->packets = unset;
	c->replay_window = REPLAY_WINDOW;
	ret = cfg_read(x, node, child_keys, CFG_N(child_keys), c);
	return ret < 0 ? ret : finish_child(x, node, c);
}
