/* SPDX-License-Identifier: BSD-3-Clause */
/* From a tree to what raclette is told to be: the order of the sections, and who owns what. */
#include "cfg.h"

#include "cfg_cert.h"
#include "conf_tree.h"

#include <stdlib.h>
#include <string.h>

#define VICI_PATH    "/run/raclette/vici.sock"
#define QCD_PATH     "/var/lib/raclette/qcd.secret"
#define OUTSIDE_MTU  1500
#define INSIDE_MTU   1500
#define INSIDE_IF    "inside"
#define KEEP_ALIVE_S 20

/* sections as found: tunnels refer to the others, wherever they stand in the file */
struct top {
	const struct conf_node *connections, *secrets, *gateway, *tunnels;
};

static int
set_top(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	const struct conf_node **where = field;

	*where = node;
	return 0;
}

static const struct cfg_key top_keys[] = {
	{"connections", CFG_SECTION, set_top, offsetof(struct top, connections)},
	{"secrets", CFG_SECTION, set_top, offsetof(struct top, secrets)},
	{"gateway", CFG_SECTION, set_top, offsetof(struct top, gateway)},
	{"tunnels", CFG_SECTION, set_top, offsetof(struct top, tunnels)},
	{"authorities", CFG_IGNORED,
		.text = "CAs come from x509ca and cacerts, CRLs from x509crl; nothing is looked up "
			"online"},
	{"pools", CFG_IGNORED, .text = "no virtual addresses are given"},
};

/* most likely not the file that was meant */
static int
no_text(struct cfg_ctx *x, const struct conf *c)
{
	const struct conf_node at = {.file = c->files != NULL ? c->files->name : NULL};

	return cfg_error(x, &at,
		"there is nothing in it; a gateway needs the sections gateway, tunnels, "
		"connections and secrets");
}

static int
build(struct cfg_ctx *x, const struct conf *c)
{
	struct top top = {0};
	int ret = cfg_read(x, conf_root(c), top_keys, sizeof(top_keys) / sizeof(top_keys[0]), &top);

	if (ret == 0 && conf_root(c)->children == NULL)
		return no_text(x, c);
	x->secrets = top.secrets;
	if (ret == 0 && top.connections != NULL)
		ret = cfg_connections(x, top.connections);
	if (ret == 0 && top.secrets != NULL)
		ret = cfg_secrets(x, top.secrets);
	if (ret == 0 && top.gateway != NULL)
		ret = cfg_gateway(x, top.gateway);
	if (ret == 0 && top.tunnels != NULL)
		ret = cfg_tunnels(x, top.tunnels);
	if (ret == 0 && top.connections != NULL)
		ret = cfg_psk_check(x, top.connections);
	if (ret == 0 && top.gateway == NULL) {
		const struct conf_node *first = conf_root(c)->children;
		const struct conf_node at = {.file = first != NULL ? first->file : NULL};
		cfg_note(x, false, &at, "no section 'gateway': this can be checked, but not run");
	}
	return ret;
}

static void
take_warnings(struct cfg_ctx *x, const struct conf *c)
{
	for (const struct conf_warning *w = conf_warnings(c); w != NULL; w = w->next) {
		const struct conf_node at = {.file = w->file, .line = w->line};
		cfg_note(x, true, &at, "%s", w->msg);
	}
}

static void
seen_free(struct cfg_seen *s)
{
	for (struct cfg_seen *next; s != NULL; s = next) {
		next = s->next;
		free(s);
	}
}

struct gw_cfg *
cfg_build(const struct conf *c, struct cfg_notes *notes, struct conf_error *err)
{
	struct gw_cfg *cfg = calloc(1, sizeof(*cfg));
	struct cfg_ctx x = {.cfg = cfg, .notes = notes, .err = err, .conf = c};
	int ret;

	memset(notes, 0, sizeof(*notes));
	memset(err, 0, sizeof(*err));
	if (cfg == NULL) {
		cfg_no_memory(&x);
		return NULL;
	}
	cfg->outside.mtu = OUTSIDE_MTU;
	cfg->inside.mtu = INSIDE_MTU;
	strcpy(cfg->inside.interface, INSIDE_IF);
	cfg->outside.router_auto = true;
	cfg->lcores_auto = true;
	cfg->hugepages_auto = true;
	cfg->ike.keep_alive_s = KEEP_ALIVE_S;
	strcpy(cfg->vici, VICI_PATH);
	strcpy(cfg->qcd_secret, QCD_PATH);

	take_warnings(&x, c);
	ret = build(&x, c);
	seen_free(x.seen);
	cfg_cert_done(&x);
	if (ret == 0)
		return cfg;
	cfg_free(cfg);
	return NULL;
}

struct gw_cfg *
cfg_load(const char *path, struct cfg_notes *notes, struct conf_error *err)
{
	struct conf *conf = conf_load(path, err);
	struct gw_cfg *cfg = conf != NULL ? cfg_build(conf, notes, err) : NULL;

	conf_free(conf);
	return cfg;
}

struct gw_cfg *
cfg_build_routes(const struct conf *c)
{
	const struct conf_node *tunnels = conf_child(conf_root(c), "tunnels");
	struct gw_cfg *cfg = calloc(1, sizeof(*cfg));
	struct conf_error err = {0};
	struct cfg_ctx x = {.cfg = cfg, .err = &err, .conf = c};

	if (cfg != NULL && tunnels != NULL)
		cfg_tunnels_routes(&x, tunnels);
	return cfg;
}

struct gw_cfg *
cfg_load_routes(const char *path)
{
	struct conf_error err = {0};
	struct conf *conf = conf_load(path, &err);
	struct gw_cfg *cfg = conf != NULL ? cfg_build_routes(conf) : NULL;

	conf_free(conf);
	return cfg;
}

void
cfg_free(struct gw_cfg *cfg)
{
	if (cfg == NULL)
		return;
	cfg_conns_free(&cfg->ike);
	cfg_secrets_free(&cfg->ike);
	explicit_bzero(cfg->ike.qcd_secret, sizeof(cfg->ike.qcd_secret));
	for (unsigned int i = 0; i < cfg->n_trusts; i++)
		ike_trust_free(cfg->trusts[i]);
	free(cfg->trusts);
	free(cfg->tunnels);
	free(cfg);
}

void
cfg_notes_free(struct cfg_notes *notes)
{
	free(notes->note);
	memset(notes, 0, sizeof(*notes));
}
