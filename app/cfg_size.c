/* SPDX-License-Identifier: BSD-3-Clause */
/* What an inner packet may measure: numbers of each algorithm that may be agreed on. */
#include "cfg_int.h"

#include "lib/esp_size.h"

/* RFC 3602, 4106, 7634 */
static bool
set_cipher(struct cfg_esp *e, uint16_t encr)
{
	e->cipher = ike_transform_name(IKE_TT_ENCR, encr);
	e->integ = NULL;
	e->iv_len = 8;
	e->block = 4;
	switch (encr) {
	case IKE_ENCR_NULL:
		e->iv_len = e->icv_len = 0;
		return true;
	case IKE_ENCR_AES_CBC:
		e->iv_len = e->block = 16;
		e->icv_len = 0;
		return true;
	case IKE_ENCR_AES_GCM_8:
		e->icv_len = 8;
		return true;
	case IKE_ENCR_AES_GCM_12:
		e->icv_len = 12;
		return true;
	case IKE_ENCR_AES_GCM_16:
	case IKE_ENCR_CHACHA20_POLY1305:
		e->icv_len = 16;
		return true;
	default:
		return false;
	}
}

/* RFC 2404, 4868 */
static uint16_t
integ_len(uint16_t integ)
{
	switch (integ) {
	case IKE_INTEG_HMAC_SHA1_96:
		return 12;
	case IKE_INTEG_HMAC_SHA2_256_128:
		return 16;
	case IKE_INTEG_HMAC_SHA2_384_192:
		return 24;
	case IKE_INTEG_HMAC_SHA2_512_256:
		return 32;
	default:
		return 0;
	}
}

/* key lengths do not change sizes: once for each pair of algorithms */
static bool
seen_before(const struct ike_proposal *p, unsigned int k)
{
	for (unsigned int i = 0; i < k; i++) {
		if (p->transforms[i].type == p->transforms[k].type &&
			p->transforms[i].id == p->transforms[k].id)
			return true;
	}
	return false;
}

static void
each_of_cipher(const struct ike_proposal *p, uint16_t encr,
	void (*each)(const struct cfg_esp *e, void *arg), void *arg)
{
	struct cfg_esp e;

	if (!set_cipher(&e, encr))
		return;
	if (e.icv_len > 0) {
		each(&e, arg);
		return;
	}
	for (unsigned int k = 0; k < p->n_transforms; k++) {
		const struct ike_transform *i = &p->transforms[k];
		if (i->type != IKE_TT_INTEG || seen_before(p, k))
			continue;
		e.integ = ike_transform_name(IKE_TT_INTEG, i->id);
		e.icv_len = integ_len(i->id);
		each(&e, arg);
	}
}

void
cfg_each_esp(
	const struct gw_tunnel_cfg *t, void (*each)(const struct cfg_esp *e, void *arg), void *arg)
{
	for (unsigned int i = 0; i < t->child->esp.n; i++) {
		const struct ike_proposal *p = &t->child->esp.p[i];
		for (unsigned int k = 0; k < p->n_transforms; k++) {
			if (p->transforms[k].type == IKE_TT_ENCR && !seen_before(p, k))
				each_of_cipher(p, p->transforms[k].id, each, arg);
		}
	}
}

unsigned int
cfg_inner_mtu(const struct gw_tunnel_cfg *t, uint16_t path, const struct cfg_esp *e,
	bool tunnel_mode, bool udp_encap)
{
	unsigned int gre =
		4u + (t->checksum ? 4 : 0) + (t->has_key ? 4 : 0) + (t->sequence ? 4 : 0);
	unsigned int most =
		gw_esp_max_payload(path, e->iv_len, e->icv_len, e->block, tunnel_mode, udp_encap);

	return most > gre ? most - gre : 0;
}

struct largest {
	const struct gw_cfg *cfg;
	const struct gw_tunnel_cfg *t;
	unsigned int mtu;
};

static void
take_larger(const struct cfg_esp *e, void *arg)
{
	struct largest *l = arg;
	unsigned int mtu = cfg_inner_mtu(l->t, l->cfg->outside.mtu, e,
		l->t->child->mode == IKE_MODE_TUNNEL, l->t->conn->encap);

	if (mtu > l->mtu)
		l->mtu = mtu;
}

unsigned int
cfg_inner_mtu_max(const struct gw_cfg *cfg, const struct gw_tunnel_cfg *t)
{
	struct largest l = {.cfg = cfg, .t = t};

	cfg_each_esp(t, take_larger, &l);
	return l.mtu;
}
