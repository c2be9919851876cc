/* SPDX-License-Identifier: BSD-3-Clause */
#include "nego.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dh_job.h"

struct ike_nego *
ike_nego_create(struct ike_sa *sa)
{
	struct ike_nego *n = calloc(1, sizeof(*n));

	if (n == NULL)
		ike_log(sa->e, IKE_LOG_ERROR, "CHD", sa->conn->name, "out of memory");
	return n;
}

void
ike_nego_free(struct ike_sa *sa, struct ike_nego *n)
{
	if (n == NULL)
		return;
	if (n->spi_in != 0)
		sa->e->host.spi_free(sa->e->host.arg, n->spi_in);
	ike_dh_destroy(n->dh);
	ike_blob_set(&n->sk0, NULL, 0);
	ike_blob_set(&n->more, NULL, 0);
	ike_blob_set(&n->link, NULL, 0);
	ike_wipe(n, sizeof(*n));
	free(n);
}

int
ike_nonce_cmp(const struct ike_nonce *a, const struct ike_nonce *b)
{
	size_t len = a->len < b->len ? a->len : b->len;
	int d = memcmp(a->data, b->data, len);

	return d != 0 ? d : (int)a->len - (int)b->len;
}

const struct ike_nonce *
ike_nonce_lower(const struct ike_nonce *a, const struct ike_nonce *b)
{
	return ike_nonce_cmp(a, b) <= 0 ? a : b;
}

bool
ike_nego_rival_wins(const struct ike_nego *n)
{
	return ike_nonce_cmp(ike_nonce_lower(&n->ni, &n->nr), &n->rival_nonce) < 0;
}

/* ---- offers ---- */

static void
strip_groups(struct ike_proposal *p)
{
	uint8_t kept = 0;

	for (uint8_t i = 0; i < p->n_transforms; i++)
		if (p->transforms[i].type != IKE_TT_DH && !ike_is_addke(p->transforms[i].type))
			p->transforms[kept++] = p->transforms[i];
	p->n_transforms = kept;
}

/**
 * Without a replay window nobody knows the high half of an extended number (RFC 4303 A2.1): what
 * takes no other goes.
 */
static void
strip_esn(struct ike_proposals *l)
{
	uint8_t n = 0;

	for (uint8_t i = 0; i < l->n; i++) {
		struct ike_proposal *p = &l->p[i];
		uint8_t kept = 0;
		bool plain = false;

		for (uint8_t k = 0; k < p->n_transforms; k++) {
			const struct ike_transform *t = &p->transforms[k];

			if (t->type == IKE_TT_ESN && t->id == IKE_ESN_YES)
				continue;
			plain |= t->type == IKE_TT_ESN;
			p->transforms[kept++] = *t;
		}
		p->n_transforms = kept;
		if (plain)
			l->p[n++] = *p;
	}
	l->n = n;
}

void
ike_offer_fill(struct ike_proposals *out, const struct ike_proposals *list, const uint8_t *spi,
	uint8_t spi_len, bool strip_dh)
{
	*out = *list;
	for (uint8_t i = 0; i < out->n; i++) {
		struct ike_proposal *p = &out->p[i];

		p->number = (uint8_t)(i + 1);
		p->spi_len = spi_len;
		if (spi_len > 0)
			memcpy(p->spi, spi, spi_len);
		if (strip_dh)
			strip_groups(p);
	}
}

bool
ike_offer_has_group(const struct ike_proposals *list, uint16_t group)
{
	for (uint8_t i = 0; i < list->n; i++)
		for (uint8_t k = 0; k < list->p[i].n_transforms; k++)
			if (list->p[i].transforms[k].type == IKE_TT_DH &&
				list->p[i].transforms[k].id == group)
				return true;
	return false;
}

uint16_t
ike_offer_group(const struct ike_proposals *list, uint16_t preferred)
{
	if (preferred != IKE_DH_NONE && ike_offer_has_group(list, preferred))
		return preferred;
	for (uint8_t i = 0; i < list->n; i++)
		for (uint8_t k = 0; k < list->p[i].n_transforms; k++)
			if (list->p[i].transforms[k].type == IKE_TT_DH &&
				list->p[i].transforms[k].id != IKE_DH_NONE)
				return list->p[i].transforms[k].id;
	return IKE_DH_NONE;
}

/** All selectors name host and nothing else (transport mode protects only the SA's own ends). */
static bool
only_host(const struct ike_ts_list *l, const struct in6_addr *host)
{
	for (uint8_t i = 0; i < l->n; i++)
		if (l->ts[i].type != IKE_TS_IPV6_ADDR_RANGE ||
			memcmp(l->ts[i].from, host, 16) != 0 || memcmp(l->ts[i].to, host, 16) != 0)
			return false;
	return true;
}

static bool
host_to_host(const struct ike_sa *sa, const struct ike_nego *n)
{
	return only_host(&n->local_ts, &sa->path.local) &&
	       only_host(&n->remote_ts, &sa->path.remote);
}

static bool
one_host(const struct ike_ts_list *l)
{
	struct in6_addr named;

	if (l->n == 0)
		return false;
	memcpy(&named, l->ts[0].from, sizeof(named));
	return only_host(l, &named);
}

static void
rename_host(struct ike_ts_list *l, const struct in6_addr *host)
{
	for (uint8_t i = 0; i < l->n; i++) {
		memcpy(l->ts[i].from, host, 16);
		memcpy(l->ts[i].to, host, 16);
	}
}

/**
 * Transport mode with a NAT between (RFC 7296 2.23.1): selectors name each end as it knows itself,
 * or as its peer sees it. Here each end is called what our side of the SA calls it.
 */
static void
rename_natted(const struct ike_sa *sa, struct ike_ts_list *local, struct ike_ts_list *remote)
{
	if (!one_host(local) || !one_host(remote))
		return;
	if (sa->nat_local)
		rename_host(local, &sa->path.local);
	if (sa->nat_remote)
		rename_host(remote, &sa->path.remote);
}

static int
alloc_spi(struct ike_sa *sa, struct ike_nego *n, uint8_t spi[IKE_ESP_SPI_LEN])
{
	if (n->spi_in == 0)
		n->spi_in = sa->e->host.spi_alloc(sa->e->host.arg);
	if (n->spi_in == 0) {
		ike_log(sa->e, IKE_LOG_ERROR, "CHD", sa->conn->name, "%s: no ESP SPI left",
			n->cfg->name);
		return -ENOSPC;
	}
	for (unsigned int i = 0; i < 4; i++)
		spi[i] = (uint8_t)(n->spi_in >> (24 - 8 * i));
	return 0;
}

static void
offer_selectors(const struct ike_sa *sa, struct ike_nego *n, const struct ike_child *old)
{
	if (old != NULL) {
		n->local_ts = old->local_ts;
		n->remote_ts = old->remote_ts;
		n->mode = old->mode;
		/* an end may have moved since */
		if (n->mode == IKE_MODE_TRANSPORT && one_host(&n->local_ts) &&
			one_host(&n->remote_ts)) {
			rename_host(&n->local_ts, &sa->path.local);
			rename_host(&n->remote_ts, &sa->path.remote);
		}
		return;
	}
	ike_ts_resolve(&n->local_ts, &n->cfg->local_ts, &sa->path.local);
	ike_ts_resolve(&n->remote_ts, &n->cfg->remote_ts, &sa->path.remote);
	if (n->single && n->local_ts.n > 1)
		n->local_ts.n = 1;
	if (n->single && n->remote_ts.n > 1)
		n->remote_ts.n = 1;
	n->mode = n->cfg->mode;
	if (n->mode == IKE_MODE_TRANSPORT && !host_to_host(sa, n))
		n->mode = IKE_MODE_TUNNEL;
}

int
ike_nego_offer(struct ike_sa *sa, struct ike_nego *n, const struct ike_child_cfg *cfg,
	const struct ike_child *old, bool in_auth, uint16_t group)
{
	uint8_t spi[IKE_ESP_SPI_LEN];
	int err;

	n->cfg = cfg;
	n->old_id = old != NULL ? old->id : 0;
	n->in_auth = in_auth;
	err = alloc_spi(sa, n, spi);
	if (err != 0)
		return err;
	ike_offer_fill(&n->offer, &cfg->esp, spi, IKE_ESP_SPI_LEN, in_auth);
	if (cfg->replay_window == 0)
		strip_esn(&n->offer);
	offer_selectors(sa, n, old);
	if (n->offer.n == 0 || n->local_ts.n == 0 || n->remote_ts.n == 0)
		return -EINVAL;
	if (in_auth)
		return 0;
	ike_nonce_make(sa->e, &n->ni);
	if (group == 0)
		group = ike_offer_group(&n->offer, old != NULL ? old->suite.dh : IKE_DH_NONE);
	if (group == IKE_DH_NONE)
		return 0;
	return ike_dh_job_pair(sa, IKE_JOB_OWN, group, (struct ike_view){0}, &n->dh);
}

static void
build_mode(const struct ike_nego *n, struct ike_chain *c)
{
	if (n->mode == IKE_MODE_TRANSPORT)
		ike_pld_notify_build(c, IKE_N_USE_TRANSPORT_MODE, NULL, 0);
	ike_pld_notify_build(c, IKE_N_ESP_TFC_PADDING_NOT_SUPPORTED, NULL, 0);
}

static void
build_keys(const struct ike_nego *n, const struct ike_nonce *nonce, struct ike_chain *c)
{
	struct ike_view pub;

	if (n->in_auth)
		return;
	ike_pld_nonce_build(c, nonce->data, nonce->len);
	if (n->dh == NULL)
		return;
	pub = ike_dh_pub(n->dh);
	ike_pld_ke_build(c, ike_dh_group(n->dh), pub.p, pub.len);
}

void
ike_nego_build_offer(const struct ike_sa *sa, const struct ike_nego *n, struct ike_chain *c)
{
	const struct ike_child *old = ike_child_by_id(sa->e, n->old_id);

	if (old != NULL)
		ike_pld_notify_build_spi(c, IKE_PROTO_ESP, old->spi_in, IKE_N_REKEY_SA, NULL, 0);
	build_mode(n, c);
	ike_pld_sa_build(c, &n->offer, true);
	build_keys(n, &n->ni, c);
	ike_pld_ts_build(c, IKE_PLD_TSI, &n->local_ts);
	ike_pld_ts_build(c, IKE_PLD_TSR, &n->remote_ts);
}

bool
ike_nego_has_pairs(const struct ike_nego *n)
{
	return !n->single && n->old_id == 0 && (n->local_ts.n > 1 || n->remote_ts.n > 1);
}

void
ike_nego_log_refused(struct ike_sa *sa, const struct ike_nego *n)
{
	char text[IKE_TEXT_MAX];

	ike_log(sa->e, IKE_LOG_WARN, "CHD", sa->conn->name,
		"%s: the peer accepts none of our ESP proposals: %s", n->cfg->name,
		ike_proposals_text(&n->offer, text, sizeof(text)));
}

/* ---- what came ---- */

int
ike_nego_parse(struct ike_nego_msg *out, const struct ike_msg *m, bool in_auth)
{
	const struct ike_payload *sa = ike_msg_find(m, IKE_PLD_SA);
	const struct ike_payload *tsi = ike_msg_find(m, IKE_PLD_TSI);
	const struct ike_payload *tsr = ike_msg_find(m, IKE_PLD_TSR);
	const struct ike_payload *nonce = ike_msg_find(m, IKE_PLD_NONCE);
	const struct ike_payload *ke = ike_msg_find(m, IKE_PLD_KE);

	*out = (struct ike_nego_msg){0};
	if (sa == NULL || tsi == NULL || tsr == NULL || (nonce == NULL && !in_auth))
		return -EBADMSG;
	if (ike_pld_sa_parse(&out->sa, sa->body) != 0 ||
		ike_pld_ts_parse(&out->tsi, tsi->body) != 0 ||
		ike_pld_ts_parse(&out->tsr, tsr->body) != 0)
		return -EBADMSG;
	ike_proposals_keep_spi(&out->sa, IKE_ESP_SPI_LEN);
	out->transport = ike_msg_notify(m, IKE_N_USE_TRANSPORT_MODE, NULL);
	if (in_auth)
		return 0;
	out->has_ke = ke != NULL;
	if (ke != NULL && ike_pld_ke_parse(&out->ke, ke->body) != 0)
		return -EBADMSG;
	return ike_pld_nonce_parse(&out->nonce, nonce->body);
}

/** The peer's inbound SPI out of its proposal. @return 0 when it is none */
static uint32_t
spi_of(const struct ike_proposal *p)
{
	if (p->spi_len != IKE_ESP_SPI_LEN)
		return 0;
	return (uint32_t)p->spi[0] << 24 | (uint32_t)p->spi[1] << 16 | (uint32_t)p->spi[2] << 8 |
	       p->spi[3];
}

bool
ike_nego_spi_is_taken(const struct ike_sa *sa, uint32_t spi)
{
	for (const struct ike_child *c = sa->children; c != NULL; c = c->next)
		if (c->spi_out == spi && !c->closed)
			return true;
	return false;
}

static void
log_selectors(struct ike_sa *sa, const struct ike_nego *n, const char *what,
	const struct ike_ts_list *local, const struct ike_ts_list *remote)
{
	char l[IKE_TEXT_MAX], r[IKE_TEXT_MAX];

	ike_log(sa->e, IKE_LOG_WARN, "CHD", sa->conn->name, "%s: %s %s === %s",
		n->cfg != NULL ? n->cfg->name : "?", what, ike_ts_list_text(local, l, sizeof(l)),
		ike_ts_list_text(remote, r, sizeof(r)));
}

int
ike_nego_accept(
	struct ike_sa *sa, struct ike_nego *n, const struct ike_nego_msg *in, const char **why)
{
	struct ike_ts_list local = in->tsi, remote = in->tsr;

	if (in->sa.n != 1 ||
		ike_proposal_accept(&n->offer, &in->sa.p[0], !n->in_auth, &n->suite) != 0) {
		*why = "the peer's proposal is none that we offered";
		return -EINVAL;
	}
	n->spi_out = spi_of(&in->sa.p[0]);
	if (ike_nego_spi_is_taken(sa, n->spi_out)) {
		*why = "the peer's ESP SPI is that of another CHILD_SA";
		return -EINVAL;
	}
	if (n->spi_out == 0) {
		*why = "the peer's proposal has no ESP SPI";
		return -EINVAL;
	}
	if (in->transport)
		rename_natted(sa, &local, &remote);
	if (local.n == 0 || remote.n == 0 || !ike_ts_subset(&local, &n->local_ts) ||
		!ike_ts_subset(&remote, &n->remote_ts)) {
		log_selectors(
			sa, n, "the peer answered selectors outside of ours:", &in->tsi, &in->tsr);
		*why = "the peer's selectors are not within those we offered";
		return -EACCES;
	}
	n->local_ts = local;
	n->remote_ts = remote;
	if (!in->transport)
		n->mode = IKE_MODE_TUNNEL;
	else if (n->mode != IKE_MODE_TRANSPORT) {
		*why = "the peer wants transport mode, which we did not offer";
		return -EINVAL;
	}
	if (n->in_auth)
		return 0;
	ike_nonce_keep(&n->nr, in->nonce);
	if (n->suite.dh == IKE_DH_NONE)
		return 0;
	if (n->dh == NULL || !in->has_ke || in->ke.group != n->suite.dh ||
		ike_dh_group(n->dh) != n->suite.dh) {
		*why = "the peer's KE payload does not fit the group it chose";
		return -EINVAL;
	}
	return 0;
}

int
ike_nego_shared(struct ike_sa *sa, enum ike_job_side side, const struct ike_nego *n,
	const struct ike_nego_msg *in, uint8_t *secret, size_t *len)
{
	*len = 0;
	if (n->suite.dh == IKE_DH_NONE)
		return 0;
	return ike_dh_job_shared(sa, side, n->dh, in->ke.data, secret, len);
}

/* ---- responder ---- */

/** How well a configured child fits an offer. 0 = not; higher is better. */
struct fit {
	unsigned int score;
	uint16_t error;
};

static bool
same_selectors(const struct ike_ts_list *a, const struct ike_ts_list *b)
{
	return ike_ts_subset(a, b) && ike_ts_subset(b, a);
}

/** What a rekeying narrows to: the selectors in use when the peer still offers them. */
static bool
narrow(const struct ike_sa *sa, const struct ike_child_cfg *cfg, const struct ike_nego_msg *in,
	const struct ike_child *old, struct ike_ts_list *local, struct ike_ts_list *remote)
{
	enum ike_mode mode = old != NULL ? old->mode : cfg->mode;
	struct ike_ts_list pl, pr, local_in = in->tsr, remote_in = in->tsi;

	if (in->transport && mode == IKE_MODE_TRANSPORT)
		rename_natted(sa, &local_in, &remote_in);
	if (old != NULL && ike_ts_subset(&old->local_ts, &local_in) &&
		ike_ts_subset(&old->remote_ts, &remote_in)) {
		*local = old->local_ts;
		*remote = old->remote_ts;
		return true;
	}
	ike_ts_resolve(&pl, &cfg->local_ts, &sa->path.local);
	ike_ts_resolve(&pr, &cfg->remote_ts, &sa->path.remote);
	return ike_ts_narrow(&pl, &local_in, local) == 0 &&
	       ike_ts_narrow(&pr, &remote_in, remote) == 0;
}

static struct fit
try_child(const struct ike_sa *sa, const struct ike_child_cfg *cfg, const struct ike_nego_msg *in,
	const struct ike_child *old, struct ike_nego *n)
{
	struct ike_proposals esp = cfg->esp;
	struct fit f = {.score = 1};

	if (cfg->replay_window == 0)
		strip_esn(&esp);
	if (!narrow(sa, cfg, in, old, &n->local_ts, &n->remote_ts)) {
		f = (struct fit){.error = IKE_N_TS_UNACCEPTABLE};
		return f;
	}
	if (ike_proposals_select(&esp, &in->sa, !n->in_auth, &n->chosen, &n->suite) != 0) {
		f = (struct fit){.error = IKE_N_NO_PROPOSAL_CHOSEN};
		return f;
	}
	/* of several that fit: the one that asks for the same selectors, then for the same mode */
	if (same_selectors(&n->local_ts, &in->tsr) && same_selectors(&n->remote_ts, &in->tsi))
		f.score += 2;
	if ((cfg->mode == IKE_MODE_TRANSPORT) == in->transport)
		f.score += 1;
	n->cfg = cfg;
	return f;
}

static void
log_mismatch(struct ike_sa *sa, const struct ike_child_cfg *cfg, const struct ike_nego_msg *in,
	uint16_t error)
{
	char a[IKE_TEXT_MAX], b[IKE_TEXT_MAX], c[IKE_TEXT_MAX], d[IKE_TEXT_MAX];

	if (error == IKE_N_NO_PROPOSAL_CHOSEN) {
		ike_log(sa->e, IKE_LOG_WARN, "CHD", sa->conn->name,
			"%s: no common ESP proposal: the peer offers %s; configured is %s",
			cfg->name, ike_proposals_text(&in->sa, a, sizeof(a)),
			ike_proposals_text(&cfg->esp, b, sizeof(b)));
		return;
	}
	ike_log(sa->e, IKE_LOG_WARN, "CHD", sa->conn->name,
		"%s: no common selectors: the peer offers %s === %s; configured is %s === %s",
		cfg->name, ike_ts_list_text(&in->tsr, a, sizeof(a)),
		ike_ts_list_text(&in->tsi, b, sizeof(b)),
		ike_ts_list_text(&cfg->local_ts, c, sizeof(c)),
		ike_ts_list_text(&cfg->remote_ts, d, sizeof(d)));
}

/** The configured child that fits best; its selectors, proposal and suite go into n. */
static uint16_t
choose_child(struct ike_sa *sa, struct ike_nego *n, const struct ike_nego_msg *in,
	const struct ike_child *old)
{
	const struct ike_child_cfg *list = old != NULL ? old->cfg : sa->conn->children;
	uint16_t n_list = old != NULL ? 1 : sa->conn->n_children;
	const struct ike_child_cfg *best = NULL;
	unsigned int score = 0;
	uint16_t error = IKE_N_TS_UNACCEPTABLE;

	for (uint16_t i = 0; i < n_list; i++) {
		struct fit f = try_child(sa, &list[i], in, old, n);

		if (f.score > score) {
			score = f.score;
			best = &list[i];
		} else if (f.score == 0 && f.error == IKE_N_NO_PROPOSAL_CHOSEN) {
			error = f.error;
		}
	}
	if (best == NULL) {
		for (uint16_t i = 0; i < n_list; i++)
			log_mismatch(sa, &list[i], in, error);
		return error;
	}
	try_child(sa, best, in, old, n);
	return 0;
}

static enum ike_mode
answer_mode(const struct ike_sa *sa, const struct ike_nego *n, const struct ike_nego_msg *in,
	const struct ike_child *old)
{
	enum ike_mode ours = old != NULL ? old->mode : n->cfg->mode;

	if (!in->transport || ours != IKE_MODE_TRANSPORT || !host_to_host(sa, n))
		return IKE_MODE_TUNNEL;
	return IKE_MODE_TRANSPORT;
}

uint16_t
ike_nego_pair(struct ike_sa *sa, struct ike_nego *n, struct ike_view ke)
{
	int err = ike_dh_job_pair(sa, IKE_JOB_PEER, n->suite.dh, ke, &n->dh);

	if (err == -EINPROGRESS)
		return IKE_JOB_WAIT;
	return err != 0 ? IKE_N_TEMPORARY_FAILURE : 0;
}

static uint16_t
answer_keys(struct ike_sa *sa, struct ike_nego *n, const struct ike_nego_msg *in)
{
	ike_nonce_keep(&n->ni, in->nonce);
	ike_nonce_make(sa->e, &n->nr);
	if (n->suite.dh == IKE_DH_NONE)
		return 0;
	if (!in->has_ke || in->ke.group != n->suite.dh) {
		ike_log(sa->e, IKE_LOG_INFO, "CHD", sa->conn->name,
			"%s: the peer sent a KE of group %u, asking for %s", n->cfg->name,
			in->has_ke ? in->ke.group : 0, ike_transform_name(IKE_TT_DH, n->suite.dh));
		return IKE_N_INVALID_KE_PAYLOAD;
	}
	return ike_nego_pair(sa, n, in->ke.data);
}

/** A peer that rekeys without deleting is bounded, too. */
static bool
has_room(struct ike_sa *sa, const struct ike_child *old)
{
	unsigned int max = old != NULL ? IKE_CHILDREN_ALL_MAX : IKE_CHILDREN_MAX, n = 0;

	for (const struct ike_child *c = sa->children; c != NULL; c = c->next)
		n++;
	if (n < max)
		return true;
	ike_log(sa->e, IKE_LOG_WARN, "CHD", sa->conn->name,
		"IKE_SA %u has %u CHILD_SAs, no more are accepted", sa->id, n);
	return false;
}

uint16_t
ike_nego_answer(struct ike_sa *sa, struct ike_nego *n, const struct ike_nego_msg *in,
	const struct ike_child *old, bool in_auth)
{
	uint8_t spi[IKE_ESP_SPI_LEN];
	uint16_t error;

	n->in_auth = in_auth;
	n->old_id = old != NULL ? old->id : 0;
	if (!has_room(sa, old))
		return IKE_N_NO_ADDITIONAL_SAS;
	error = choose_child(sa, n, in, old);
	if (error != 0)
		return error;
	n->mode = answer_mode(sa, n, in, old);
	n->spi_out = spi_of(&n->chosen);
	if (n->spi_out == 0)
		return IKE_N_NO_PROPOSAL_CHOSEN;
	if (ike_nego_spi_is_taken(sa, n->spi_out)) {
		ike_log(sa->e, IKE_LOG_WARN, "CHD", sa->conn->name,
			"%s: refused, the peer's ESP SPI %08x is that of another CHILD_SA",
			n->cfg->name, n->spi_out);
		return IKE_N_NO_PROPOSAL_CHOSEN;
	}
	if (!in_auth) {
		error = answer_keys(sa, n, in);
		if (error != 0)
			return error;
	}
	if (alloc_spi(sa, n, spi) != 0)
		return IKE_N_NO_ADDITIONAL_SAS;
	memcpy(n->chosen.spi, spi, sizeof(spi));
	return 0;
}

void
ike_nego_build_answer(const struct ike_nego *n, struct ike_chain *c)
{
	build_mode(n, c);
	ike_pld_sa_build_one(c, &n->chosen);
	build_keys(n, &n->nr, c);
	/* the initiator of this exchange is the peer: its selectors are our remote ones */
	ike_pld_ts_build(c, IKE_PLD_TSI, &n->remote_ts);
	ike_pld_ts_build(c, IKE_PLD_TSR, &n->local_ts);
}
