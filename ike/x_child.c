/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * CREATE_CHILD_SA for children (RFC 7296 1.3.1, 1.3.3): a new one, or one that replaces another.
 * Collisions: 2.8.1 and 2.25.1.
 */

#include <errno.h>
#include <stdio.h>

#include "nego.h"
#include "payload.h"
#include "reauth.h"
#include "x.h"
#include "x_follow.h"

#define RETRY_MIN_MS  1000
#define RETRY_RAND_MS 3000
#define REFUSED_MS    15000 /* a rekeying that the peer refused is tried again after about that */

uint64_t
ike_x_retry_delay(struct ike *e)
{
	return RETRY_MIN_MS + ike_random_upto(e, RETRY_RAND_MS);
}

/* ---- initiator ---- */

static struct ike_child *
child_of(const struct ike_sa *sa, uint32_t id)
{
	struct ike_child *c = id == 0 ? NULL : ike_child_by_id(sa->e, id);

	return c != NULL && c->sa == sa ? c : NULL;
}

int
ike_x_child_build(struct ike_sa *sa, struct ike_task *t, struct ike_chain *c)
{
	struct ike_child *old = child_of(sa, t->child_id);
	int err;

	if (t->type == IKE_TASK_REKEY_CHILD && (old == NULL || !ike_child_is_live(old)))
		return -EALREADY;
	if (t->type == IKE_TASK_CHILD && ike_child_is_up(sa, t->cfg))
		return -EALREADY;
	if (t->type == IKE_TASK_CHILD && ike_wish_is_banned(sa->e, sa->conn, t->cfg)) {
		ike_child_failed(sa, t->cfg, "terminated");
		return -EALREADY;
	}
	t->nego = ike_nego_create(sa);
	if (t->nego != NULL)
		t->nego->single = t->single;
	err = t->nego == NULL ? -ENOMEM : ike_nego_offer(sa, t->nego, t->cfg, old, false, t->group);
	if (err != 0)
		return err;
	ike_nego_build_offer(sa, t->nego, c);
	if (old != NULL)
		ike_child_set_state(old, IKE_CST_REKEYING);
	return 0;
}

/** The attempt is over: a new child failed, an old one lives on unless the peer replaced it. */
static void
attempt_failed(struct ike_sa *sa, const struct ike_task *t, const char *reason, uint64_t delay_ms)
{
	struct ike_child *old = child_of(sa, t->child_id);

	if (t->type == IKE_TASK_CHILD) {
		ike_sa_child_refused(sa, t->cfg, reason);
		return;
	}
	if (old == NULL || !ike_child_is_live(old))
		return;
	ike_log(sa->e, IKE_LOG_WARN, "CHD", sa->conn->name, "%s: rekeying CHILD_SA %u failed: %s",
		t->cfg->name, old->id, reason);
	ike_child_rekey_later(old, delay_ms + ike_random_upto(sa->e, RETRY_RAND_MS));
}

void
ike_x_delete_unwanted(struct ike_sa *sa, const struct ike_nego *n)
{
	struct ike_task *t;

	if (n->spi_in == 0)
		return;
	t = ike_task_add(sa, IKE_TASK_DELETE_CHILD, n->cfg, 0, 0);
	if (t != NULL)
		t->spi = n->spi_in;
}

static void
other_group(struct ike_sa *sa, struct ike_task *t, const struct ike_notify *n)
{
	uint16_t group = ike_x_wanted_group(n);

	if (t->nego->following || t->retries >= IKE_X_RETRIES_MAX || ike_dh_pub_len(group) == 0 ||
		!ike_offer_has_group(&t->cfg->esp, group)) {
		attempt_failed(sa, t,
			"the peer wants a Diffie-Hellman group that is not configured", REFUSED_MS);
		return;
	}
	t->group = group;
	ike_task_again(sa, t, 0);
}

static void
temporary_failure(struct ike_sa *sa, struct ike_task *t)
{
	const struct ike_child *old = child_of(sa, t->child_id);

	if (t->type == IKE_TASK_REKEY_CHILD && (old == NULL || !ike_child_is_live(old)))
		return; /* the peer's own rekeying came first: nothing is left to do */
	if (t->retries >= IKE_X_RETRIES_MAX)
		attempt_failed(
			sa, t, "the peer says TEMPORARY_FAILURE again and again", REFUSED_MS);
	else
		ike_task_again(sa, t, sa->e->now_ms + ike_x_retry_delay(sa->e));
}

/** The peer forgot the child that we want to rekey: start from scratch (2.25.1). */
static void
start_over(struct ike_sa *sa, struct ike_task *t)
{
	struct ike_child *old = child_of(sa, t->child_id);
	const struct ike_task *end;

	if (old == NULL || !ike_child_is_live(old))
		return;
	/* its own exchange made it, and our answer may not have arrived: not known yet */
	if (old->use_out_ms != IKE_NEVER) {
		temporary_failure(sa, t);
		return;
	}
	end = ike_task_find(sa, IKE_TASK_DELETE_CHILD, NULL, old->id);
	ike_child_remove(old, "the peer does not know it any more");
	if ((end == NULL || !end->wanted) && ike_reauth_is_first(sa, t->cfg))
		ike_task_add(sa, IKE_TASK_CHILD, t->cfg, 0, 0);
}

/** Once more with the first pair of selectors (2.9), and without a wait: it is the peer's way. */
static void
single_pair(struct ike_sa *sa, struct ike_task *t)
{
	if (!ike_nego_has_pairs(t->nego)) {
		attempt_failed(sa, t, "the peer wants a single pair of addresses", REFUSED_MS);
		return;
	}
	t->single = true;
	ike_task_again(sa, t, 0);
}

static void
refused(struct ike_sa *sa, struct ike_task *t, const struct ike_msg *m, uint16_t error)
{
	char buf[32], reason[128];
	struct ike_notify n;

	switch (error) {
	case IKE_N_INVALID_KE_PAYLOAD:
		ike_msg_notify(m, IKE_N_INVALID_KE_PAYLOAD, &n);
		other_group(sa, t, &n);
		break;
	case IKE_N_TEMPORARY_FAILURE:
	case IKE_N_STATE_NOT_FOUND: /* our rounds took too long for the peer */
		temporary_failure(sa, t);
		break;
	case IKE_N_CHILD_SA_NOT_FOUND:
		start_over(sa, t);
		break;
	case IKE_N_SINGLE_PAIR_REQUIRED:
		single_pair(sa, t);
		break;
	case IKE_N_NO_ADDITIONAL_SAS:
		attempt_failed(sa, t, "the peer has one CHILD_SA for an IKE_SA", REFUSED_MS);
		if (t->type == IKE_TASK_REKEY_CHILD)
			ike_reauth_instead(sa);
		break;
	default:
		if (error == IKE_N_NO_PROPOSAL_CHOSEN)
			ike_nego_log_refused(sa, t->nego);
		snprintf(reason, sizeof(reason), "the peer refused it with %s",
			ike_x_notify_text(error, buf, sizeof(buf)));
		attempt_failed(sa, t, reason, REFUSED_MS);
		break;
	}
}

/** We made the redundant one of two successors: the peer's stays, ours goes. */
static void
yield_to(struct ike_sa *sa, struct ike_child *ours, struct ike_child *rival)
{
	ike_child_replaced(ours, rival);
	ike_task_add(sa, IKE_TASK_DELETE_CHILD, ours->cfg, ours->id, 0);
}

/** Ours takes the place of what is left of the old one and of the peer's successor. */
static void
prevail(struct ike_sa *sa, struct ike_child *ours, struct ike_child *old, struct ike_child *rival)
{
	if (old != NULL)
		ike_child_replaced(old, ours);
	if (rival != NULL)
		ike_child_replaced(rival, ours);
	ike_child_rekeyed(ours);
	ike_child_switch(ours);
	if (old != NULL)
		ike_task_add(sa, IKE_TASK_DELETE_CHILD, old->cfg, old->id, 0);
}

/**
 * The old child may be gone when the answer comes late: who made the redundant one is decided by
 * the nonces all the same.
 */
static void
finish(struct ike_sa *sa, struct ike_task *t, struct ike_view shared)
{
	struct ike_nego *n = t->nego;
	struct ike_child *old = child_of(sa, t->child_id), *ours;
	struct ike_child *rival = child_of(sa, n->rival_id);
	bool lost = n->rival_id != 0 && ike_nego_rival_wins(n), yield = lost && rival != NULL;

	if (lost && rival == NULL && old == NULL) {
		/* what prevailed had its own successor, or its end */
		ike_x_delete_unwanted(sa, n);
		return;
	}
	if (old == NULL && rival == NULL)
		n->old_id = 0; /* gone meanwhile: a new child like any other */
	ours = ike_child_install(sa, n, true, shared, !yield);
	if (ours == NULL) {
		attempt_failed(sa, t, "it could not be installed", REFUSED_MS);
		ike_x_delete_unwanted(sa, n);
		return;
	}
	if (yield)
		yield_to(sa, ours, rival);
	else if (old != NULL || rival != NULL)
		prevail(sa, ours, old, rival);
}

/** The peer's DELETE came before the answer that says what was made: it is over already. */
static void
taken_back(struct ike_sa *sa, const struct ike_task *t)
{
	const struct ike_child *old = child_of(sa, t->child_id);

	if (t->type == IKE_TASK_CHILD)
		ike_child_failed(sa, t->cfg, "the peer deleted it at once");
	if (old != NULL && ike_child_is_live(old))
		ike_task_add(sa, IKE_TASK_DELETE_CHILD, t->cfg, old->id, 0);
	ike_sa_act(sa, t->cfg, IKE_END_PEER);
}

/** What the response to CREATE_CHILD_SA agrees on. */
static int
accept_answer(struct ike_sa *sa, struct ike_nego *n, const struct ike_msg *m, uint8_t *secret,
	size_t *len, const char **why)
{
	struct ike_nego_msg in;
	int err = ike_nego_parse(&in, m, false);

	if (err == 0)
		err = ike_nego_accept(sa, n, &in, why);
	if (err == 0)
		err = ike_nego_shared(sa, IKE_JOB_OWN, n, &in, secret, len);
	return err;
}

/** The peer's exchange for the same child prevails: ours need not come to its end. */
static bool
outdone(struct ike_sa *sa, const struct ike_task *t)
{
	const struct ike_nego *n = t->nego;
	struct ike_child *old = child_of(sa, t->child_id);

	if ((n->rival_id == 0 && !n->rival_waits) || !ike_nego_rival_wins(n))
		return false;
	/* should the peer not come to its end either, it is our turn again */
	if (old != NULL && ike_child_is_live(old))
		ike_child_rekey_later(old, REFUSED_MS);
	return true;
}

void
ike_x_child_process(struct ike_sa *sa, struct ike_task *t, const struct ike_msg *m)
{
	const char *why = "the peer's answer is malformed";
	uint8_t secret[IKE_DH_PUB_MAX];
	struct ike_view shared = {.p = secret};
	struct ike_nego *n = t->nego;
	uint16_t error = ike_msg_error(m);
	bool asked = false;
	int err;

	if (error != 0) {
		refused(sa, t, m, error);
		return;
	}
	err = n->following ? ike_follow_shared(sa, n, m, secret, &shared.len)
			   : accept_answer(sa, n, m, secret, &shared.len, &why);
	if (err == 0 && ike_follow_missing(n)) {
		asked = outdone(sa, t);
		err = asked ? 0 : ike_follow_ask(sa, n, m, shared);
		asked = asked || err == 0;
	} else if (err == 0 && n->following) {
		err = ike_follow_keep(n, shared);
		ike_wipe(secret, sizeof(secret));
		shared = (struct ike_view){.p = n->sk0.p, .len = n->sk0.len};
	}
	if (err == -EINPROGRESS || asked) {
		ike_wipe(secret, sizeof(secret));
		return;
	}
	if (err != 0) {
		ike_wipe(secret, sizeof(secret));
		attempt_failed(sa, t, why, REFUSED_MS);
		ike_x_delete_unwanted(sa, t->nego);
		return;
	}
	if (t->nego->gone_spi == t->nego->spi_out)
		taken_back(sa, t);
	else
		finish(sa, t, shared);
	ike_wipe(secret, sizeof(secret));
}

/* ---- responder ---- */

bool
ike_x_child_in_flight(const struct ike_sa *sa)
{
	const struct ike_task *t = sa->active;

	return t != NULL && (t->type == IKE_TASK_CHILD || t->type == IKE_TASK_REKEY_CHILD);
}

/** Which child a request wants to rekey. @return 0, or the notify that refuses it */
static uint16_t
find_old(const struct ike_sa *sa, const struct ike_notify *rekey, struct ike_child **old)
{
	struct ike_rd r = ike_rd_view(rekey->spi);
	uint32_t spi = ike_rd_u32(&r);

	*old = NULL;
	if (!ike_rd_done(&r) || rekey->protocol != IKE_PROTO_ESP)
		return IKE_N_CHILD_SA_NOT_FOUND;
	*old = ike_child_by_spi_out(sa, spi);
	/* the answer to our own request, which is on its way, may make it known */
	if (*old == NULL && ike_x_child_in_flight(sa))
		return IKE_N_TEMPORARY_FAILURE;
	if (*old == NULL || (*old)->closed)
		return IKE_N_CHILD_SA_NOT_FOUND;
	/* ours is further than the peer's: it has all nonces */
	if (sa->active != NULL && sa->active->type == IKE_TASK_REKEY_CHILD &&
		sa->active->child_id == (*old)->id && sa->active->nego->following)
		return IKE_N_TEMPORARY_FAILURE;
	/* we are closing it, or it has a successor already */
	return ike_child_is_live(*old) ? 0 : IKE_N_TEMPORARY_FAILURE;
}

/** Our own rekeying of the same child is on its way: remember what its response is compared with.
 */
static void
note_collision(struct ike_sa *sa, const struct ike_child *old, const struct ike_child *fresh,
	const struct ike_nego *n)
{
	struct ike_task *t = sa->active;

	if (t == NULL || t->type != IKE_TASK_REKEY_CHILD || t->child_id != old->id)
		return;
	ike_log(sa->e, IKE_LOG_INFO, "CHD", sa->conn->name,
		"%s: our rekeying of CHILD_SA %u collided with the peer's", old->cfg->name,
		old->id);
	t->nego->rival_id = fresh != NULL ? fresh->id : 0;
	t->nego->rival_waits = fresh == NULL;
	t->nego->rival_nonce = *ike_nonce_lower(&n->ni, &n->nr);
}

static uint16_t
set_up(struct ike_sa *sa, struct ike_nego *n, struct ike_child *old, struct ike_view shared)
{
	struct ike_child *fresh = ike_child_install(
		sa, n, false, shared, old == NULL && ike_reauth_is_first(sa, n->cfg));

	if (fresh == NULL)
		return IKE_N_NO_ADDITIONAL_SAS;
	if (old != NULL) {
		note_collision(sa, old, fresh, n);
		ike_child_replaced(old, fresh);
		ike_child_rekeyed(fresh);
	}
	return 0;
}

uint16_t
ike_x_child_complete(struct ike_sa *sa, struct ike_nego *n)
{
	struct ike_child *old = child_of(sa, n->old_id);

	/* it came to its end, or got another successor, meanwhile */
	if (n->old_id != 0 && (old == NULL || !ike_child_is_live(old)))
		return IKE_N_STATE_NOT_FOUND;
	if (ike_nego_spi_is_taken(sa, n->spi_out))
		return IKE_N_NO_PROPOSAL_CHOSEN;
	return set_up(sa, n, old, (struct ike_view){.p = n->sk0.p, .len = n->sk0.len});
}

static uint16_t
answer(struct ike_sa *sa, struct ike_nego *n, const struct ike_msg *m, struct ike_child *old)
{
	uint8_t secret[IKE_DH_PUB_MAX];
	struct ike_view shared = {.p = secret};
	struct ike_nego_msg in;
	uint16_t error;

	if (ike_nego_parse(&in, m, false) != 0)
		return IKE_N_INVALID_SYNTAX;
	error = ike_nego_answer(sa, n, &in, old, false);
	if (error != 0)
		return error;
	if (ike_nego_shared(sa, IKE_JOB_PEER, n, &in, secret, &shared.len) != 0)
		return IKE_N_INVALID_SYNTAX;
	if (!ike_follow_missing(n)) {
		error = set_up(sa, n, old, shared);
	} else {
		error = ike_follow_keep(n, shared) == 0 ? 0 : IKE_N_TEMPORARY_FAILURE;
		if (old != NULL)
			note_collision(sa, old, NULL, n);
	}
	ike_wipe(secret, sizeof(secret));
	return error;
}

static void
refuse(struct ike_chain *c, uint16_t error, uint16_t group, const struct ike_notify *rekey)
{
	struct ike_rd r = ike_rd_view(rekey->spi);
	uint32_t spi = ike_rd_u32(&r);

	if (error == IKE_N_CHILD_SA_NOT_FOUND && ike_rd_done(&r))
		ike_pld_notify_build_spi(c, rekey->protocol, spi, error, NULL, 0);
	else
		ike_x_refuse(c, error, group);
}

static enum ike_after
create_child(struct ike_sa *sa, const struct ike_msg *m, struct ike_chain *c)
{
	struct ike_notify rekey = {0};
	struct ike_child *old = NULL;
	struct ike_nego *n;
	uint16_t error = 0;

	if (ike_msg_notify(m, IKE_N_REKEY_SA, &rekey))
		error = find_old(sa, &rekey, &old);
	n = error == 0 ? ike_nego_create(sa) : NULL;
	if (n != NULL)
		error = answer(sa, n, m, old);
	else if (error == 0)
		error = IKE_N_NO_ADDITIONAL_SAS;
	if (error == IKE_JOB_WAIT) {
		ike_nego_free(sa, n);
		return IKE_AFTER_WAIT;
	}
	if (error == 0)
		ike_nego_build_answer(n, c);
	else
		refuse(c, error, n != NULL ? n->suite.dh : 0, &rekey);
	if (error == 0 && n->following)
		ike_follow_await(sa, n, c);
	else
		ike_nego_free(sa, n);
	return error == IKE_N_INVALID_SYNTAX ? IKE_AFTER_BROKEN : IKE_AFTER_REPLY;
}

/** The SA payload of the request is about an IKE SA. */
static bool
is_ike_rekey(const struct ike_msg *m)
{
	const struct ike_payload *p = ike_msg_find(m, IKE_PLD_SA);
	struct ike_proposals l;

	return p != NULL && ike_msg_find(m, IKE_PLD_TSI) == NULL &&
	       ike_pld_sa_parse(&l, p->body) == 0 && l.n > 0 && l.p[0].protocol == IKE_PROTO_IKE;
}

enum ike_after
ike_x_create_request(struct ike_sa *sa, const struct ike_msg *m, struct ike_chain *c)
{
	ike_sa_adopt(sa);
	/* 2.25.2: nothing new on an SA that is being replaced or closed */
	if (sa->state != IKE_SA_UP) {
		ike_x_refuse(c, IKE_N_TEMPORARY_FAILURE, 0);
		return IKE_AFTER_REPLY;
	}
	if (is_ike_rekey(m))
		return ike_x_rekey_request(sa, m, c);
	if (sa->active != NULL && sa->active->type == IKE_TASK_REKEY_IKE) {
		ike_x_refuse(c, IKE_N_TEMPORARY_FAILURE, 0);
		return IKE_AFTER_REPLY;
	}
	return create_child(sa, m, c);
}
