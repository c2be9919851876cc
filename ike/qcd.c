/* SPDX-License-Identifier: BSD-3-Clause */

#include "qcd.h"

#include <errno.h>
#include <string.h>

#include "nego.h"
#include "payload.h"
#include "send.h"

#define ASK_MS  10000 /* at most so often a peer is asked because of what anybody may have said */
#define TELL_MS 10000 /* at most so often a peer hears of SPIs that we do not know */

/* ---- tokens ---- */

static bool
make_token(const struct ike *e, uint64_t spi_i, uint64_t spi_r, uint8_t token[IKE_QCD_TOKEN_LEN])
{
	uint8_t text[16];
	struct ike_wr w = ike_wr_make(text, sizeof(text));
	const struct ike_view key = {.p = e->cfg->qcd_secret, .len = sizeof(e->cfg->qcd_secret)};
	const struct ike_view spis = {.p = text, .len = sizeof(text)};

	if (!e->cfg->has_qcd_secret)
		return false;
	ike_wr_u64(&w, spi_i);
	ike_wr_u64(&w, spi_r);
	return ike_prf(IKE_PRF_HMAC_SHA2_256, key, &spis, 1, token) == 0;
}

void
ike_qcd_build(struct ike_sa *sa, struct ike_chain *c)
{
	uint8_t token[IKE_QCD_TOKEN_LEN];

	if (!make_token(sa->e, sa->spi_i, sa->spi_r, token))
		return;
	ike_pld_notify_build_ike(c, IKE_N_QCD_TOKEN, token, sizeof(token));
	ike_wipe(token, sizeof(token));
	sa->qcd_given = true;
}

void
ike_qcd_keep(struct ike_sa *sa, const struct ike_msg *m)
{
	struct ike_notify n;

	if (!ike_msg_notify(m, IKE_N_QCD_TOKEN, &n) || n.data.len < 16 || n.data.len > 128)
		return;
	/* its digest will do to know it again */
	sa->has_qcd = ike_digest(n.data.p, n.data.len, sa->qcd) == 0;
}

void
ike_qcd_renew(const struct ike_sa *sa, struct ike_sa *by)
{
	if (sa->qcd_given)
		ike_task_add(by, IKE_TASK_QCD, NULL, 0, 0);
}

int
ike_x_qcd_build(struct ike_sa *sa, struct ike_task *t, struct ike_chain *c)
{
	ike_qcd_build(sa, c);
	return 0;
}

void
ike_x_qcd_process(struct ike_sa *sa, struct ike_task *t, const struct ike_msg *m)
{
}

/* ---- what we do not have ---- */

/**
 * A rekeying of ours has chosen this SPI, and the peer, who has answered it, is quick with its
 * first request: the SA will be here when its answer is. A token would be believed, now or when
 * replayed.
 */
static bool
is_coming(const struct ike *e, const struct ike_hdr *hdr)
{
	for (const struct ike_sa *sa = e->sas; sa != NULL; sa = sa->next) {
		const struct ike_task *t = sa->active;

		if (t != NULL && t->type == IKE_TASK_REKEY_IKE && t->nego != NULL &&
			(t->nego->new_spi == hdr->spi_i || t->nego->new_spi == hdr->spi_r))
			return true;
	}
	return false;
}

void
ike_qcd_answer(struct ike *e, const struct ike_path *path, const struct ike_msg *m)
{
	uint8_t token[IKE_QCD_TOKEN_LEN];
	struct ike_chain c;

	/* the look through all SAs comes behind the limit on such answers */
	if (ike_msg_is_response(m) || !ike_send_clear_begin(e, &m->hdr, &c) ||
		is_coming(e, &m->hdr))
		return;
	ike_pld_notify_build(&c, IKE_N_INVALID_IKE_SPI, NULL, 0);
	/* never the token of an SA that lives, whatever the rest of the header says (RFC 6290 9.2)
	 */
	if (ike_sa_by_spi(e, m->hdr.spi_i) == NULL && ike_sa_by_spi(e, m->hdr.spi_r) == NULL &&
		make_token(e, m->hdr.spi_i, m->hdr.spi_r, token)) {
		ike_pld_notify_build_ike(&c, IKE_N_QCD_TOKEN, token, sizeof(token));
		ike_wipe(token, sizeof(token));
	}
	ike_send_clear_end(e, path, &c);
}

/** Outside of any IKE SA (1.5): SPIs of zero, initiator's flag, no answer is expected. */
static void
tell_in_clear(struct ike *e, const struct ike_path *path, uint32_t spi)
{
	const struct ike_hdr hdr = {.exchange = IKE_X_INFORMATIONAL, .flags = IKE_FLAG_RESPONSE};
	const uint8_t data[4] = {
		(uint8_t)(spi >> 24), (uint8_t)(spi >> 16), (uint8_t)(spi >> 8), (uint8_t)spi};
	struct ike_chain c;

	if (!ike_send_clear_begin(e, &hdr, &c))
		return;
	ike_pld_notify_build(&c, IKE_N_INVALID_SPI, data, sizeof(data));
	ike_send_clear_end(e, path, &c);
}

void
ike_unknown_spi(struct ike *e, const struct ike_path *path, uint32_t spi, uint64_t now_ms)
{
	struct ike_sa *sa;
	struct ike_task *t;

	e->now_ms = now_ms;
	sa = ike_sa_between(e, path);
	if (sa == NULL) {
		/* we may have forgotten an SA with it */
		if (ike_index_names(&e->index, &path->remote))
			tell_in_clear(e, path, spi);
		return;
	}
	/* with a child on its way the SPI may be one that comes */
	if (sa->state != IKE_SA_UP || now_ms < sa->tell_ms ||
		(sa->active != NULL &&
			ike_task_ops[sa->active->type].exchange == IKE_X_CREATE_CHILD_SA))
		return;
	sa->tell_ms = now_ms + TELL_MS;
	t = ike_task_add(sa, IKE_TASK_INVALID_SPI, NULL, 0, 0);
	if (t != NULL && t != sa->active)
		t->bad_spi = spi;
	ike_settle(e);
}

int
ike_x_invalid_spi_build(struct ike_sa *sa, struct ike_task *t, struct ike_chain *c)
{
	const uint8_t data[4] = {(uint8_t)(t->bad_spi >> 24), (uint8_t)(t->bad_spi >> 16),
		(uint8_t)(t->bad_spi >> 8), (uint8_t)t->bad_spi};

	ike_pld_notify_build(c, IKE_N_INVALID_SPI, data, sizeof(data));
	return 0;
}

void
ike_x_invalid_spi_process(struct ike_sa *sa, struct ike_task *t, const struct ike_msg *m)
{
}

/* ---- what the peer does not have ---- */

/** Anybody may have said it: the peer is asked, that is all (2.21.4). */
static void
doubt(struct ike_sa *sa)
{
	if (sa->state != IKE_SA_UP || sa->e->now_ms < sa->doubt_ms)
		return;
	sa->doubt_ms = sa->e->now_ms + ASK_MS;
	ike_task_add(sa, IKE_TASK_LIVENESS, NULL, 0, 0);
}

static bool
proves(const struct ike_sa *sa, const struct ike_msg *m)
{
	uint8_t digest[IKE_DIGEST_LEN];
	struct ike_notify n;

	return sa->has_qcd && ike_msg_notify(m, IKE_N_QCD_TOKEN, &n) &&
	       ike_digest(n.data.p, n.data.len, digest) == 0 &&
	       ike_mem_equal(digest, sa->qcd, sizeof(digest));
}

void
ike_qcd_clear(
	struct ike *e, struct ike_sa *sa, const struct ike_path *path, const struct ike_msg *m)
{
	e->stats.rx_invalid++;
	if (sa == NULL) {
		/* INVALID_SPI comes without SPIs of an IKE SA */
		sa = ike_msg_notify(m, IKE_N_INVALID_SPI, NULL) ? ike_sa_between(e, path) : NULL;
		if (sa != NULL)
			doubt(sa);
		return;
	}
	if (!ike_sa_authenticated(sa) || !ike_msg_is_response(m) ||
		!ike_msg_notify(m, IKE_N_INVALID_IKE_SPI, NULL))
		return;
	if (proves(sa, m))
		ike_sa_end(sa, sa->state == IKE_SA_UP ? IKE_END_DEAD : IKE_END_LOCAL, false,
			"the peer has lost it: its token says so (RFC 6290)");
	else
		doubt(sa);
}
