/* SPDX-License-Identifier: BSD-3-Clause */
#include "cfg_renew.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pki_file.h"

/* ---- exchange ---- */

static bool
proves(const struct ike_conn_cfg *c)
{
	return c->local.by == IKE_BY_PUBKEY || c->remote.by == IKE_BY_PUBKEY;
}

static bool
same_end(const struct ike_auth_cfg *a, const struct ike_auth_cfg *b)
{
	return a->by == b->by && a->id.type == b->id.type && ike_id_equal(&a->id, &b->id) &&
	       a->revocation == b->revocation && ike_sig_rules_equal(&a->rules, &b->rules) &&
	       ike_sig_rules_equal(&a->chain_rules, &b->chain_rules);
}

/** The connection of that name, most likely at the same place. */
static struct ike_conn_cfg *
find_conn(const struct ike_cfg *cfg, const char *name, uint16_t at)
{
	for (uint32_t i = 0; i < cfg->n_conns; i++) {
		struct ike_conn_cfg *c = &cfg->conns[(at + i) % cfg->n_conns];

		if (strcmp(c->name, name) == 0)
			return c;
	}
	return NULL;
}

static int
check_conn(const struct gw_cfg *cfg, const struct gw_cfg *fresh, uint16_t i, char *why, size_t len)
{
	const struct ike_conn_cfg *c = &cfg->ike.conns[i], *f;

	if (!proves(c))
		return 0;
	f = find_conn(&fresh->ike, c->name, i);
	if (f == NULL) {
		snprintf(why, len, "connections.%s: is not in the file any more", c->name);
		return -EINVAL;
	}
	if (same_end(&c->local, &f->local) && same_end(&c->remote, &f->remote))
		return 0;
	snprintf(why, len,
		"connections.%s.%s: auth, id or revocation are others than those that run", c->name,
		same_end(&c->local, &f->local) ? "remote" : "local");
	return -EINVAL;
}

static void
swap_end(struct ike_auth_cfg *a, struct ike_auth_cfg *b)
{
	const struct ike_auth_cfg was = *a;

	a->n_creds = b->n_creds;
	a->creds = b->creds;
	a->trust = b->trust;
	b->n_creds = was.n_creds;
	b->creds = was.creds;
	b->trust = was.trust;
}

static void
swap_trusts(struct gw_cfg *a, struct gw_cfg *b)
{
	struct ike_trust **trusts = a->trusts;
	uint32_t n = a->n_trusts;

	a->trusts = b->trusts;
	a->n_trusts = b->n_trusts;
	b->trusts = trusts;
	b->n_trusts = n;
}

int
cfg_renew(struct gw_cfg *cfg, struct gw_cfg *fresh, char *why, size_t len)
{
	if (fresh->pki_fault[0] != '\0') {
		snprintf(why, len, "%s", fresh->pki_fault);
		return -EINVAL;
	}
	for (uint16_t i = 0; i < cfg->ike.n_conns; i++)
		if (check_conn(cfg, fresh, i, why, len) != 0)
			return -EINVAL;
	for (uint16_t i = 0; i < cfg->ike.n_conns; i++) {
		struct ike_conn_cfg *c = &cfg->ike.conns[i], *f;

		if (!proves(c))
			continue;
		f = find_conn(&fresh->ike, c->name, i);
		swap_end(&c->local, &f->local);
		swap_end(&c->remote, &f->remote);
	}
	swap_trusts(cfg, fresh);
	return 0;
}

/* ---- what ends soon ---- */

#define SAID_MAX 32 /* sentences, so that a folder of old certificates does not fill the log */

struct due {
	void (*say)(void *arg, const char *text);
	void *arg;
	unsigned int n;
	const void *said[SAID_MAX]; /* one may be in the trust of many */
};

static bool
is_said(const struct due *d, const void *what)
{
	for (unsigned int i = 0; i < d->n; i++)
		if (d->said[i] == what)
			return true;
	return false;
}

static void
say(struct due *d, const void *what, const char *text)
{
	if (d->n == SAID_MAX || is_said(d, what))
		return;
	d->said[d->n++] = what;
	d->say(d->arg, text);
}

static void
look_at_cert(struct due *d, const X509 *cert)
{
	char text[1024];

	if (gw_pki_ends_soon(cert, CFG_CERT_SOON_S, text, sizeof(text)) != NULL)
		say(d, cert, text);
}

static void
look_at_trust(struct due *d, const struct ike_trust *t)
{
	char text[1024];

	for (unsigned int i = 0; i < t->n_cas; i++)
		look_at_cert(d, t->cas[i]);
	for (unsigned int i = 0; i < t->n_peers; i++)
		look_at_cert(d, t->peers[i]);
	for (unsigned int i = 0; i < t->n_crls; i++)
		if (gw_pki_crl_due(t->crls[i], CFG_CRL_SOON_S, text, sizeof(text)) != NULL)
			say(d, t->crls[i], text);
}

void
cfg_renew_due(const struct gw_cfg *cfg, void (*say_it)(void *arg, const char *text), void *arg)
{
	struct due d = {.say = say_it, .arg = arg};

	for (uint32_t i = 0; i < cfg->n_trusts; i++)
		look_at_trust(&d, cfg->trusts[i]);
	for (uint16_t i = 0; i < cfg->ike.n_conns; i++)
		for (uint16_t k = 0; k < cfg->ike.conns[i].local.n_creds; k++)
			look_at_cert(&d, cfg->ike.conns[i].local.creds[k].cert);
}
