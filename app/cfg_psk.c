/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether each connection that proves itself by a pre-shared key has one, by IKE's own rule. */
#include "cfg_int.h"

#include <errno.h>
#include <string.h>

#include "ike/conn.h"

/* of each identity in a message */
#define SHOWN 80

static bool
is_psk(const struct ike_conn_cfg *c)
{
	return c->local.by == IKE_BY_PSK || c->remote.by == IKE_BY_PSK;
}

/* Without an identity of its own an end is called by its address, which a range does not tell. */
static struct ike_id
local_id(const struct ike_conn_cfg *c)
{
	struct ike_id id = c->local.id;

	if (id.type == IKE_ID_ANY && c->n_local == 1 &&
		memcmp(&c->local_addrs[0].from, &c->local_addrs[0].to, 16) == 0)
		ike_id_from_addr(&id, &c->local_addrs[0].from);
	return id;
}

static bool
has_psk(const struct ike_cfg *ike)
{
	for (uint32_t i = 0; i < ike->n_secrets; i++) {
		if (ike->secrets[i].type == IKE_SECRET_PSK)
			return true;
	}
	return false;
}

/* some peer that the pattern lets in has a secret */
static bool
has_psk_of(const struct ike_cfg *ike, const struct ike_id *pattern)
{
	for (uint32_t i = 0; i < ike->n_secrets; i++) {
		const struct ike_secret *s = &ike->secrets[i];

		for (uint16_t k = 0; k < s->n_owners && s->type == IKE_SECRET_PSK; k++) {
			if (ike_id_match(&s->owners[k], pattern) > 0 ||
				ike_id_is_pattern(&s->owners[k]))
				return true;
		}
	}
	return false;
}

static bool
is_owner(const struct ike_secret *s, const struct ike_id *id)
{
	for (uint16_t i = 0; i < s->n_owners; i++) {
		if (ike_id_match(id, &s->owners[i]) > 0)
			return true;
	}
	return s->n_owners == 0;
}

/* one owner is ours, so that it is found; who is the other? A secret of ours alone is for
 * everybody. */
static void
note_others(struct cfg_ctx *x, const struct conf_node *node, const struct ike_secret *s,
	const struct ike_id *remote)
{
	char id[IKE_ID_MAX * 4];

	if (s->n_owners < 2 || is_owner(s, remote))
		return;
	cfg_note(x, true, node,
		"the secret '%s' would be used, which does not name the peer '%.*s': is one of its "
		"identities mistyped?",
		s->name, SHOWN, ike_id_str(remote, id, sizeof(id)));
}

static int
no_secret(struct cfg_ctx *x, const struct conf_node *node, const struct ike_id *local,
	const struct ike_id *remote)
{
	char l[IKE_ID_MAX * 4], r[IKE_ID_MAX * 4];

	ike_id_str(local, l, sizeof(l));
	ike_id_str(remote, r, sizeof(r));
	return cfg_error(x, node,
		"auth = psk, but no secret in 'secrets' is for '%.*s' and '%.*s'; write 'id-1 = "
		"...' "
		"and 'id-2 = ...' with these into one, or a section 'ike-NAME { ... }' of their "
		"own",
		SHOWN, l, SHOWN, r);
}

static int
check_conn(struct cfg_ctx *x, const struct conf_node *node, const struct ike_conn_cfg *c,
	const struct ike_index *secrets)
{
	const struct ike_id local = local_id(c), *remote = &c->remote.id;
	const struct ike_secret *s;

	/* who is not known yet may be the one whom a secret names */
	if (ike_id_is_pattern(&local) || remote->type == IKE_ID_ANY)
		return has_psk(secrets->cfg) ? 0 : no_secret(x, node, &local, remote);
	s = ike_secret_find(secrets, &local, remote);
	if (ike_id_is_pattern(remote))
		return s != NULL || has_psk_of(secrets->cfg, remote)
			       ? 0
			       : no_secret(x, node, &local, remote);
	if (s == NULL)
		return no_secret(x, node, &local, remote);
	note_others(x, node, s, remote);
	return 0;
}

int
cfg_psk_check(struct cfg_ctx *x, const struct conf_node *section)
{
	const struct ike_cfg *ike = &x->cfg->ike,
			     of_secrets = {.n_secrets = ike->n_secrets, .secrets = ike->secrets};
	const struct ike_conn_cfg *c = ike->conns;
	struct ike_index ix;
	int ret = ike_index_init(&ix, &of_secrets) == 0 ? 0 : cfg_no_memory(x);

	for (const struct conf_node *node = section->children; node != NULL && ret == 0;
		node = node->next, c++) {
		/* over the control socket secrets come in messages of their own */
		if (is_psk(c) && node->file != NULL)
			ret = check_conn(x, node, c, &ix);
	}
	ike_index_fini(&ix);
	return ret;
}
