/* SPDX-License-Identifier: BSD-3-Clause */

/* CREATE_CHILD_SA for the IKE SA itself (RFC 7296 1.3.2, 2.18), with collisions (2.8.1, 2.25.2). */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dh_job.h"
#include "nego.h"
#include "payload.h"
#include "reauth.h"
#include "x.h"
#include "x_follow.h"

#define REFUSED_MS   30000
#define REFUSED_RAND 30000

static void
put_spi(uint8_t out[IKE_SPI_LEN], uint64_t spi)
{
	for (unsigned int i = 0; i < IKE_SPI_LEN; i++)
		out[i] = (uint8_t)(spi >> (56 - 8 * i));
}

/** The peer's new SPI. @return 0 when there is none */
static uint64_t
spi_of(const struct ike_proposal *p)
{
	struct ike_rd r = ike_rd_make(p->spi, p->spi_len);
	uint64_t spi = ike_rd_u64(&r);

	return ike_rd_done(&r) ? spi : 0;
}

/** The new SA with its keys, up. shared: SK(0) */
static int
make_successor(struct ike_sa *sa, const struct ike_nego *n, struct ike_view shared, bool initiator,
	struct ike_sa **out)
{
	struct ike_keymat_in in = {
		.ni = ike_nonce_view(&n->ni),
		.nr = ike_nonce_view(&n->nr),
		.shared = shared,
		.more = {.p = n->more.p, .len = n->more.len},
		.spi_i = initiator ? n->new_spi : n->peer_spi,
		.spi_r = initiator ? n->peer_spi : n->new_spi,
	};
	struct ike_sa *fresh = ike_sa_create_rekeyed(sa, initiator);
	int err =
		fresh == NULL ? -ENOMEM : ike_keymat_rekey(&fresh->keys, &n->suite, &sa->keys, &in);

	if (err != 0) {
		if (fresh != NULL)
			ike_sa_discard(fresh);
		return err;
	}
	ike_sa_begin_rekeyed(fresh, in.spi_i, in.spi_r);
	*out = fresh;
	return 0;
}

/* ---- initiator ---- */

int
ike_x_rekey_build(struct ike_sa *sa, struct ike_task *t, struct ike_chain *c)
{
	uint16_t group =
		t->group != 0 ? t->group : ike_offer_group(&sa->conn->proposals, sa->keys.suite.dh);
	struct ike_nego *n = t->nego = ike_nego_create(sa);
	uint8_t spi[IKE_SPI_LEN];
	struct ike_view pub;
	int err;

	if (n == NULL)
		return -ENOMEM;
	err = ike_dh_job_pair(sa, IKE_JOB_OWN, group, (struct ike_view){0}, &n->dh);
	if (err != 0)
		return err;
	n->new_spi = ike_new_spi(sa->e);
	put_spi(spi, n->new_spi);
	ike_offer_fill(&n->offer, &sa->conn->proposals, spi, sizeof(spi), false);
	ike_nonce_make(sa->e, &n->ni);
	ike_pld_sa_build(c, &n->offer, true);
	ike_pld_nonce_build(c, n->ni.data, n->ni.len);
	pub = ike_dh_pub(n->dh);
	ike_pld_ke_build(c, group, pub.p, pub.len);
	return 0;
}

static struct ike_sa *
rival_of(const struct ike_sa *sa, const struct ike_nego *n)
{
	return n->rival_id == 0 ? NULL : ike_sa_rival(sa);
}

static void
attempt_failed(struct ike_sa *sa, const struct ike_task *t, const char *reason, uint64_t delay_ms)
{
	struct ike_sa *rival = rival_of(sa, t->nego);

	if (rival != NULL) {
		ike_sa_adopt(rival);
		return;
	}
	if (sa->state != IKE_SA_UP)
		return;
	ike_log(sa->e, IKE_LOG_WARN, "IKE", sa->conn->name, "rekeying IKE_SA %u failed: %s", sa->id,
		reason);
	sa->rekey_ms = sa->e->now_ms + delay_ms;
}

static void
other_group(struct ike_sa *sa, struct ike_task *t, const struct ike_msg *m)
{
	struct ike_notify n;
	uint16_t group =
		ike_msg_notify(m, IKE_N_INVALID_KE_PAYLOAD, &n) ? ike_x_wanted_group(&n) : 0;

	/* a rival would be lost with the attempt's memory: it is as good as ours */
	if (t->nego->following || rival_of(sa, t->nego) != NULL ||
		t->retries >= IKE_X_RETRIES_MAX || ike_dh_pub_len(group) == 0 ||
		!ike_offer_has_group(&sa->conn->proposals, group)) {
		attempt_failed(sa, t,
			"the peer wants a Diffie-Hellman group that is not configured",
			REFUSED_MS + ike_random_upto(sa->e, REFUSED_RAND));
		return;
	}
	t->group = group;
	ike_task_again(sa, t, 0);
}

static void
refused(struct ike_sa *sa, struct ike_task *t, const struct ike_msg *m, uint16_t error)
{
	char buf[32], reason[128];
	uint64_t delay = error == IKE_N_TEMPORARY_FAILURE || error == IKE_N_STATE_NOT_FOUND
				 ? ike_x_retry_delay(sa->e)
				 : REFUSED_MS + ike_random_upto(sa->e, REFUSED_RAND);

	if (error == IKE_N_INVALID_KE_PAYLOAD) {
		other_group(sa, t, m);
		return;
	}
	snprintf(reason, sizeof(reason), "the peer refused it with %s",
		ike_x_notify_text(error, buf, sizeof(buf)));
	attempt_failed(sa, t, reason, delay);
	if (error == IKE_N_NO_ADDITIONAL_SAS)
		ike_reauth_instead(sa);
}

/** Two successors, or one: see who takes the children (2.8.1). Who made the redundant one deletes
 * it. */
static void
decide(struct ike_sa *sa, const struct ike_nego *n, struct ike_sa *fresh)
{
	struct ike_sa *rival = rival_of(sa, n);
	bool lose = n->rival_id != 0 && ike_nego_rival_wins(n);

	if (lose && rival == NULL && sa->state == IKE_SA_UP) {
		/* what prevailed is over already, and with it the children that the peer had over
		 * it */
		ike_sa_retire(fresh);
		ike_sa_end(sa, IKE_END_PEER, true, "deleted by the peer");
		return;
	}
	if (sa->state != IKE_SA_UP) {
		/* the peer went on with its own while our response was under way */
		ike_sa_retire(fresh);
		return;
	}
	if (lose) {
		ike_sa_adopt(rival);
		ike_sa_retire(fresh);
		return;
	}
	ike_sa_replaced(sa, fresh);
	ike_task_add(sa, IKE_TASK_DELETE_IKE, NULL, 0, 0);
	if (rival == NULL)
		return;
	/* the peer deletes it, unless our DELETE made it forget its attempt (2.25.2): then time
	 * does */
	rival->replaced = true;
	rival->rival_of = 0;
	rival->rekey_ms = rival->reauth_ms = IKE_NEVER;
	rival->expire_ms = sa->e->now_ms + IKE_REKEYED_MS;
	ike_sa_touch(rival);
}

/** What the response to CREATE_CHILD_SA agrees on. */
static int
accept_answer(struct ike_sa *sa, struct ike_nego *n, const struct ike_msg *m, uint8_t *secret,
	size_t *len)
{
	struct ike_kex in;

	if (ike_kex_parse(&in, m) != 0 || in.sa.n != 1 ||
		ike_proposal_accept(&n->offer, &in.sa.p[0], true, &n->suite) != 0 ||
		n->suite.dh != in.ke.group || n->suite.dh != ike_dh_group(n->dh) ||
		spi_of(&in.sa.p[0]) == 0)
		return -EINVAL;
	ike_nonce_keep(&n->nr, in.nonce);
	n->peer_spi = spi_of(&in.sa.p[0]);
	return ike_dh_job_shared(sa, IKE_JOB_OWN, n->dh, in.ke.data, secret, len);
}

/** The peer's rekeying prevails: ours need not come to its end. */
static bool
outdone(struct ike_sa *sa, const struct ike_nego *n)
{
	struct ike_sa *rival = rival_of(sa, n);

	if ((rival == NULL && !n->rival_waits) || !ike_nego_rival_wins(n))
		return false;
	if (rival != NULL)
		ike_sa_adopt(rival);
	else if (sa->state == IKE_SA_UP) /* unless the peer comes to its end */
		sa->rekey_ms = sa->e->now_ms + REFUSED_MS + ike_random_upto(sa->e, REFUSED_RAND);
	return true;
}

void
ike_x_rekey_process(struct ike_sa *sa, struct ike_task *t, const struct ike_msg *m)
{
	uint8_t secret[IKE_DH_PUB_MAX];
	struct ike_view shared = {.p = secret};
	struct ike_nego *n = t->nego;
	uint16_t error = ike_msg_error(m);
	struct ike_sa *fresh = NULL;
	bool asked = false;
	int err;

	if (error != 0) {
		refused(sa, t, m, error);
		return;
	}
	err = n->following ? ike_follow_shared(sa, n, m, secret, &shared.len)
			   : accept_answer(sa, n, m, secret, &shared.len);
	if (err == 0 && ike_follow_missing(n)) {
		asked = outdone(sa, n);
		err = asked ? 0 : ike_follow_ask(sa, n, m, shared);
		asked = asked || err == 0;
	} else if (err == 0 && n->following) {
		err = ike_follow_keep(n, shared);
		shared = (struct ike_view){.p = n->sk0.p, .len = n->sk0.len};
	}
	if (err == 0 && !asked)
		err = make_successor(sa, n, shared, true, &fresh);
	ike_wipe(secret, sizeof(secret));
	if (err == -EINPROGRESS || asked)
		return;
	if (err != 0)
		attempt_failed(sa, t, "the peer's answer does not fit our proposals", REFUSED_MS);
	else
		decide(sa, n, fresh);
}

/* ---- responder ---- */

static void
build_answer(const struct ike_nego *n, struct ike_chain *c)
{
	struct ike_view pub = ike_dh_pub(n->dh);

	ike_pld_sa_build_one(c, &n->chosen);
	ike_pld_nonce_build(c, n->nr.data, n->nr.len);
	ike_pld_ke_build(c, n->suite.dh, pub.p, pub.len);
}

static uint16_t
choose(struct ike_sa *sa, struct ike_nego *n, const struct ike_kex *in)
{
	char a[IKE_TEXT_MAX], b[IKE_TEXT_MAX];

	if (ike_proposals_select(&sa->conn->proposals, &in->sa, true, &n->chosen, &n->suite) != 0 ||
		spi_of(&n->chosen) == 0) {
		ike_log(sa->e, IKE_LOG_WARN, "IKE", sa->conn->name,
			"no common proposal to rekey the IKE_SA: the peer offers %s; configured is "
			"%s",
			ike_proposals_text(&in->sa, a, sizeof(a)),
			ike_proposals_text(&sa->conn->proposals, b, sizeof(b)));
		return IKE_N_NO_PROPOSAL_CHOSEN;
	}
	if (in->ke.group != n->suite.dh)
		return IKE_N_INVALID_KE_PAYLOAD;
	return ike_nego_pair(sa, n, in->ke.data);
}

/** Ours is on its way too: its response decides; until then the children stay where they are. */
static void
take_over(struct ike_sa *sa, const struct ike_nego *n, struct ike_sa *fresh)
{
	struct ike_task *t = sa->active;

	if (t == NULL || t->type != IKE_TASK_REKEY_IKE) {
		ike_sa_replaced(sa, fresh);
		return;
	}
	ike_log(sa->e, IKE_LOG_INFO, "IKE", sa->conn->name,
		"our rekeying of IKE_SA %u collided with the peer's", sa->id);
	fresh->rival_of = sa->id;
	t->nego->rival_id = fresh->id;
	t->nego->rival_waits = false;
	t->nego->rival_nonce = *ike_nonce_lower(&n->ni, &n->nr);
}

/** The SA of a finished negotiation takes over. */
static uint16_t
succeed(struct ike_sa *sa, const struct ike_nego *n, struct ike_view shared)
{
	struct ike_sa *fresh;

	if (make_successor(sa, n, shared, false, &fresh) != 0)
		return IKE_N_INVALID_SYNTAX;
	fresh->hush_ms = sa->e->now_ms + IKE_HUSH_MS;
	take_over(sa, n, fresh);
	return 0;
}

/** It waits for the peer's additional key exchanges: ours is judged by its nonces all the same. */
static uint16_t
begin_rounds(struct ike_sa *sa, struct ike_nego *n, struct ike_view shared)
{
	struct ike_task *t = sa->active;

	if (ike_follow_keep(n, shared) != 0)
		return IKE_N_TEMPORARY_FAILURE;
	if (t != NULL && t->type == IKE_TASK_REKEY_IKE) {
		t->nego->rival_waits = true;
		t->nego->rival_nonce = *ike_nonce_lower(&n->ni, &n->nr);
	}
	return 0;
}

static uint16_t
answer(struct ike_sa *sa, struct ike_nego *n, const struct ike_msg *m)
{
	uint8_t secret[IKE_DH_PUB_MAX];
	struct ike_view shared = {.p = secret};
	struct ike_kex in;
	uint16_t error;

	if (ike_kex_parse(&in, m) != 0)
		return IKE_N_INVALID_SYNTAX;
	ike_proposals_keep_spi(&in.sa, IKE_SPI_LEN);
	error = choose(sa, n, &in);
	if (error != 0)
		return error;
	n->new_spi = ike_new_spi(sa->e);
	ike_nonce_keep(&n->ni, in.nonce);
	ike_nonce_make(sa->e, &n->nr);
	n->peer_spi = spi_of(&n->chosen);
	put_spi(n->chosen.spi, n->new_spi);
	if (ike_dh_job_shared(sa, IKE_JOB_PEER, n->dh, in.ke.data, secret, &shared.len) != 0)
		return IKE_N_INVALID_SYNTAX;
	error = ike_follow_missing(n) ? begin_rounds(sa, n, shared) : succeed(sa, n, shared);
	ike_wipe(secret, sizeof(secret));
	return error;
}

/**
 * A child exchange of ours is on its way: it has to end first (2.25.2). Nor does an SA get a second
 * rival while our own rekeying is undecided.
 */
static bool
is_busy(const struct ike_sa *sa)
{
	const struct ike_task *t = sa->active;

	if (t == NULL)
		return false;
	return t->type == IKE_TASK_CHILD || t->type == IKE_TASK_REKEY_CHILD ||
	       t->type == IKE_TASK_DELETE_CHILD ||
	       (t->type == IKE_TASK_REKEY_IKE && (t->nego->rival_id != 0 || t->nego->following));
}

uint16_t
ike_x_rekey_complete(struct ike_sa *sa, struct ike_nego *n)
{
	/* what we began meanwhile has to end first */
	if (is_busy(sa))
		return IKE_N_TEMPORARY_FAILURE;
	return succeed(sa, n, (struct ike_view){.p = n->sk0.p, .len = n->sk0.len});
}

enum ike_after
ike_x_rekey_request(struct ike_sa *sa, const struct ike_msg *m, struct ike_chain *c)
{
	struct ike_nego *n;
	uint16_t error = IKE_N_TEMPORARY_FAILURE;

	n = is_busy(sa) ? NULL : ike_nego_create(sa);
	if (n != NULL)
		error = answer(sa, n, m);
	if (error == IKE_JOB_WAIT) {
		ike_nego_free(sa, n);
		return IKE_AFTER_WAIT;
	}
	if (error == 0)
		build_answer(n, c);
	else
		ike_x_refuse(c, error, n != NULL ? n->suite.dh : 0);
	if (error == 0 && n->following)
		ike_follow_await(sa, n, c);
	else
		ike_nego_free(sa, n);
	return error == IKE_N_INVALID_SYNTAX ? IKE_AFTER_BROKEN : IKE_AFTER_REPLY;
}
