/* SPDX-License-Identifier: BSD-3-Clause */
/* `proposals` and `esp_proposals`. */
#include "cfg_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

int
cfg_proposals(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field)
{
	struct proposals p = {.list = field, .protocol = (enum ike_protocol)k->min};

	p.list->n = 0;
	return cfg_each(x, node, add_proposal, &p);
}

bool
cfg_has_transform(const struct ike_proposals *list, uint8_t type, uint16_t id)
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
