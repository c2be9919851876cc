/* SPDX-License-Identifier: BSD-3-Clause */

#include "x_inter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "dh_job.h"
#include "payload.h"
#include "x.h"

/* one for each additional key exchange, and some of a peer's that carry nothing for us */
#define ROUNDS_MAX (IKE_ADDKE_MAX + 3)

/* ---- IntAuth ---- */

/** One message more, of the original initiator or of the responder. */
static int
note(struct ike_sa *sa, bool of_initiator, const struct ike_hdr *hdr, uint8_t first,
	struct ike_view inner)
{
	struct ike_setup *s = sa->setup;
	struct ike_blob *sum = of_initiator ? &s->int_auth_i : &s->int_auth_r;
	uint8_t out[IKE_PRF_MAX];
	int err = ike_keymat_int_auth(
		&sa->keys, of_initiator, ike_blob_view(sum), hdr, first, inner, out);

	return err != 0 ? err : ike_blob_set(sum, out, sa->keys.prf_len);
}

int
ike_inter_sent(struct ike_sa *sa, const struct ike_hdr *hdr, const struct ike_chain *c)
{
	struct ike_hdr h = *hdr;

	/* a refusal: the peer's came when the time for it was over */
	if (sa->setup == NULL)
		return 0;
	h.version = IKE_VERSION; /* as it will be on the wire */
	return note(
		sa, sa->initiator, &h, c->first, (struct ike_view){.p = c->w.buf, .len = c->w.len});
}

size_t
ike_inter_auth(const struct ike_sa *sa, uint8_t out[IKE_INT_AUTH_MAX])
{
	const struct ike_setup *s = sa->setup;
	struct ike_wr w = ike_wr_make(out, IKE_INT_AUTH_MAX);

	if (s->n_inter == 0)
		return 0;
	ike_wr_bytes(&w, s->int_auth_i.p, s->int_auth_i.len);
	ike_wr_bytes(&w, s->int_auth_r.p, s->int_auth_r.len);
	/* of IKE_AUTH: IKE_SA_INIT was 0 and each round took one */
	ike_wr_u32(&w, s->n_inter + 1U);
	return w.len;
}

/* ---- both ---- */

void
ike_inter_announce(const struct ike_sa *sa, struct ike_chain *c)
{
	if (sa->initiator ? ike_proposals_have_addke(&sa->conn->proposals)
			  : sa->setup->intermediate)
		ike_pld_notify_build(c, IKE_N_INTERMEDIATE_EXCHANGE_SUPPORTED, NULL, 0);
}

/** The keys after this exchange: SKEYSEED(n) = prf(SK_d(n-1), SK(n) | Ni | Nr), RFC 9370 2.2.2. */
static int
next_keys(struct ike_sa *sa, enum ike_job_side side, struct ike_dh_key *dh, struct ike_view peer,
	struct ike_keymat *out)
{
	const struct ike_setup *s = sa->setup;
	uint8_t secret[IKE_DH_PUB_MAX];
	struct ike_keymat_in in = {
		.ni = ike_blob_view(&s->ni),
		.nr = ike_blob_view(&s->nr),
		.shared.p = secret,
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
	};
	int err = ike_dh_job_shared(sa, side, dh, peer, secret, &in.shared.len);

	if (err == 0) /* the formula is that of a rekeying (RFC 7296 2.18) */
		err = ike_keymat_rekey(out, &sa->keys.suite, &sa->keys, &in);
	ike_wipe(secret, sizeof(secret));
	return err;
}

static unsigned int
place(const struct ike_sa *sa)
{
	return ike_suite_addke(&sa->keys.suite, sa->setup->addke);
}

bool
ike_inter_missing(const struct ike_sa *sa)
{
	return place(sa) < IKE_ADDKE_MAX;
}

/** The KE payload for this place, or none. @return 0, -EBADMSG (malformed, or of another method) */
static int
read_ke(const struct ike_sa *sa, const struct ike_msg *m, struct ike_ke *ke)
{
	const struct ike_payload *p = ike_msg_find(m, IKE_PLD_KE);
	unsigned int at = place(sa);

	*ke = (struct ike_ke){0};
	if (p == NULL)
		return 0;
	if (ike_pld_ke_parse(ke, p->body) != 0 || at == IKE_ADDKE_MAX ||
		ke->group != sa->keys.suite.addke[at])
		return -EBADMSG;
	return 0;
}

static void
build_ke(struct ike_chain *c, const struct ike_dh_key *dh)
{
	struct ike_view pub = ike_dh_pub(dh);

	ike_pld_ke_build(c, ike_dh_group(dh), pub.p, pub.len);
}

static void
take_keys(struct ike_sa *sa, struct ike_keymat *fresh)
{
	sa->keys = *fresh; /* it has sealed nothing yet */
	ike_wipe(fresh, sizeof(*fresh));
	sa->setup->addke = (uint8_t)(place(sa) + 1);
}

/* ---- initiator ---- */

bool
ike_inter_next(struct ike_sa *sa)
{
	enum ike_task_type type = ike_inter_missing(sa) ? IKE_TASK_INTERMEDIATE : IKE_TASK_AUTH;

	return ike_task_add(sa, type, NULL, 0, 0) != NULL;
}

int
ike_x_inter_build(struct ike_sa *sa, struct ike_task *t, struct ike_chain *c)
{
	uint16_t method = sa->keys.suite.addke[place(sa)];
	struct ike_setup *s = sa->setup;
	int err;

	(void)t;
	err = ike_dh_job_pair(sa, IKE_JOB_OWN, method, (struct ike_view){0}, &s->dh);
	if (err == 0)
		build_ke(c, s->dh);
	return err;
}

static void
failed(struct ike_sa *sa, const char *reason)
{
	ike_log(sa->e, IKE_LOG_WARN, "IKE", sa->conn->name, "IKE_INTERMEDIATE failed: %s", reason);
	ike_sa_end(sa, IKE_END_REFUSED, false, reason);
}

/** The responder's part. @return 0 and the keys are the new ones, -EINPROGRESS, other -errno */
static int
accept_ke(struct ike_sa *sa, const struct ike_msg *m)
{
	struct ike_setup *s = sa->setup;
	struct ike_keymat fresh = {0};
	struct ike_ke ke;
	int err = read_ke(sa, m, &ke);

	if (err == 0)
		err = ke.data.len == 0 ? -EBADMSG
				       : next_keys(sa, IKE_JOB_OWN, s->dh, ke.data, &fresh);
	if (err == 0)
		err = note(sa, false, &m->hdr, m->inner_first, m->inner);
	if (err == 0) {
		s->n_inter++;
		ike_dh_destroy(s->dh);
		s->dh = NULL;
		take_keys(sa, &fresh);
	}
	ike_wipe(&fresh, sizeof(fresh));
	return err;
}

void
ike_x_inter_process(struct ike_sa *sa, struct ike_task *t, const struct ike_msg *m)
{
	uint16_t error = ike_msg_error(m);
	char buf[32], reason[128];
	int err;

	if (error != 0) {
		snprintf(reason, sizeof(reason), "the peer refused it with %s",
			ike_x_notify_text(error, buf, sizeof(buf)));
		failed(sa, reason);
		return;
	}
	err = accept_ke(sa, m);
	if (err == -EINPROGRESS)
		return;
	if (err != 0) {
		failed(sa, "the peer's key exchange is not a valid one");
		return;
	}
	if (ike_inter_missing(sa))
		ike_task_again(sa, t, 0);
	else if (ike_task_add(sa, IKE_TASK_AUTH, NULL, 0, 0) == NULL)
		failed(sa, "out of memory");
}

/* ---- responder ---- */

/** Our part of a key exchange; its keys wait until the response is out. */
static int
answer_ke(struct ike_sa *sa, const struct ike_ke *ke, struct ike_chain *c)
{
	struct ike_setup *s = sa->setup;
	struct ike_keymat fresh;
	struct ike_dh_key *dh;
	int err = ike_dh_job_pair(sa, IKE_JOB_PEER, ke->group, ke->data, &dh);

	if (err != 0)
		return err;
	err = next_keys(sa, IKE_JOB_PEER, dh, ke->data, &fresh);
	if (err == 0) {
		s->next_keys = malloc(sizeof(*s->next_keys));
		err = s->next_keys == NULL ? -ENOMEM : 0;
	}
	if (err == 0) {
		*s->next_keys = fresh;
		build_ke(c, dh);
	}
	ike_wipe(&fresh, sizeof(fresh));
	ike_dh_destroy(dh);
	return err;
}

static int
answer(struct ike_sa *sa, const struct ike_msg *m, struct ike_chain *c)
{
	struct ike_ke ke;
	int err = read_ke(sa, m, &ke);

	if (err == 0 && ke.data.len > 0)
		err = answer_ke(sa, &ke, c);
	return err != 0 ? err : note(sa, true, &m->hdr, m->inner_first, m->inner);
}

enum ike_after
ike_x_inter_request(struct ike_sa *sa, const struct ike_msg *m, struct ike_chain *c)
{
	struct ike_setup *s = sa->setup;
	int err;

	if (!s->intermediate)
		return IKE_AFTER_SILENCE;
	err = s->n_inter == ROUNDS_MAX ? -E2BIG : answer(sa, m, c);
	if (err == -EINPROGRESS)
		return IKE_AFTER_WAIT;
	if (err == -EBUSY)
		return IKE_AFTER_SILENCE;
	if (err != 0) {
		ike_log(sa->e, IKE_LOG_WARN, "IKE", sa->conn->name,
			err == -E2BIG ? "the peer goes on and on with IKE_INTERMEDIATE"
				      : "the peer's additional key exchange is not a "
					"valid one");
		ike_x_refuse(c, IKE_N_INVALID_SYNTAX, 0);
		return IKE_AFTER_FAILED;
	}
	s->n_inter++;
	return IKE_AFTER_REPLY;
}

void
ike_inter_replied(struct ike_sa *sa)
{
	struct ike_setup *s = sa->setup;

	if (s == NULL)
		return;
	ike_wipe(&s->key_before, sizeof(s->key_before));
	if (s->next_keys == NULL)
		return;
	s->key_before = sa->keys.i;
	take_keys(sa, s->next_keys);
	free(s->next_keys);
	s->next_keys = NULL;
}
