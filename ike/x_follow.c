/* SPDX-License-Identifier: BSD-3-Clause */
#include "x_follow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dh_job.h"
#include "payload.h"
#include "send.h"
#include "x.h"

#define WAIT_MS  60000 /* for each round: the first retransmissions of a request fit in */
#define LINK_LEN 8

/* ---- both ---- */

static unsigned int
next_place(const struct ike_nego *n)
{
	return ike_suite_addke(&n->suite, n->following ? n->place + 1U : 0);
}

bool
ike_follow_missing(const struct ike_nego *n)
{
	return next_place(n) < IKE_ADDKE_MAX;
}

/** Grown by a copy, so that no secret stays behind in memory given back. */
static int
append(struct ike_blob *b, struct ike_view more)
{
	struct ike_blob grown = {.p = malloc(b->len + more.len), .len = b->len + more.len};

	if (grown.p == NULL)
		return -ENOMEM;
	if (b->len > 0)
		memcpy(grown.p, b->p, b->len);
	memcpy(grown.p + b->len, more.p, more.len);
	ike_blob_set(b, NULL, 0);
	*b = grown;
	return 0;
}

int
ike_follow_keep(struct ike_nego *n, struct ike_view secret)
{
	unsigned int next = next_place(n);
	int err = append(n->following ? &n->more : &n->sk0, secret);

	if (err != 0)
		return err;
	n->following = true;
	n->place = (uint8_t)next;
	return 0;
}

/** The KE payload of the round under way. @return 0, -EBADMSG (none, malformed, another method) */
static int
read_ke(const struct ike_nego *n, const struct ike_msg *m, struct ike_ke *ke)
{
	const struct ike_payload *p = ike_msg_find(m, IKE_PLD_KE);

	if (p == NULL || ike_pld_ke_parse(ke, p->body) != 0 || ke->data.len == 0 ||
		ke->group != n->suite.addke[n->place])
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
build_link(struct ike_chain *c, const struct ike_nego *n)
{
	ike_pld_notify_build(c, IKE_N_ADDITIONAL_KEY_EXCHANGE, n->link.p, n->link.len);
}

/* ---- initiator ---- */

int
ike_follow_shared(struct ike_sa *sa, const struct ike_nego *n, const struct ike_msg *m,
	uint8_t *secret, size_t *len)
{
	struct ike_ke ke;

	*len = 0;
	if (read_ke(n, m, &ke) != 0)
		return -EBADMSG;
	return ike_dh_job_shared(sa, IKE_JOB_OWN, n->dh, ke.data, secret, len);
}

int
ike_follow_ask(
	struct ike_sa *sa, struct ike_nego *n, const struct ike_msg *m, struct ike_view secret)
{
	struct ike_dh_key *dh = NULL;
	struct ike_notify link;
	struct ike_chain c;
	int err;

	if (!ike_msg_notify(m, IKE_N_ADDITIONAL_KEY_EXCHANGE, &link) || link.data.len == 0)
		return -EBADMSG;
	err = ike_dh_job_pair(
		sa, IKE_JOB_OWN, n->suite.addke[next_place(n)], (struct ike_view){0}, &dh);
	if (err != 0)
		return err;
	ike_dh_destroy(n->dh);
	n->dh = dh;
	err = ike_blob_set(&n->link, link.data.p, link.data.len);
	if (err == 0)
		err = ike_follow_keep(n, secret);
	if (err != 0)
		return err;
	ike_send_begin(sa->e, &c);
	build_ke(&c, n->dh);
	build_link(&c, n);
	return ike_send_request(sa, IKE_X_FOLLOWUP_KE, &c, &sa->path);
}

/* ---- responder ---- */

void
ike_follow_drop(struct ike_sa *sa)
{
	ike_nego_free(sa, sa->follow);
	sa->follow = NULL;
}

uint64_t
ike_follow_due(const struct ike_sa *sa)
{
	return sa->follow == NULL ? IKE_NEVER : sa->follow_ms;
}

/** Which data links the next round to this one is ours to say. */
static int
new_link(struct ike_sa *sa, struct ike_nego *n)
{
	uint8_t link[LINK_LEN];
	uint64_t chance = ike_random_upto(sa->e, UINT64_MAX);

	memcpy(link, &chance, sizeof(link));
	return ike_blob_set(&n->link, link, sizeof(link));
}

void
ike_follow_await(struct ike_sa *sa, struct ike_nego *n, struct ike_chain *c)
{
	if (sa->follow != n)
		ike_follow_drop(sa);
	sa->follow = n;
	sa->follow_ms = sa->e->now_ms + WAIT_MS;
	ike_sa_touch(sa);
	if (new_link(sa, n) != 0)
		c->w.bad = true; /* the answer cannot be built */
	build_link(c, n);
}

static bool
is_linked(const struct ike_nego *n, const struct ike_msg *m)
{
	struct ike_notify link;

	return n != NULL && ike_msg_notify(m, IKE_N_ADDITIONAL_KEY_EXCHANGE, &link) &&
	       link.data.len == n->link.len && memcmp(link.data.p, n->link.p, n->link.len) == 0;
}

/** The peer's half of a round and ours: one secret more. */
static uint16_t
take_round(struct ike_sa *sa, struct ike_nego *n, const struct ike_msg *m, struct ike_chain *c)
{
	uint8_t secret[IKE_DH_PUB_MAX];
	struct ike_view shared = {.p = secret};
	struct ike_dh_key *dh;
	struct ike_ke ke;
	int err;

	if (read_ke(n, m, &ke) != 0)
		return IKE_N_INVALID_SYNTAX;
	err = ike_dh_job_pair(sa, IKE_JOB_PEER, ke.group, ke.data, &dh);
	if (err == -EINPROGRESS)
		return IKE_JOB_WAIT;
	if (err != 0)
		return IKE_N_TEMPORARY_FAILURE;
	err = ike_dh_job_shared(sa, IKE_JOB_PEER, dh, ke.data, secret, &shared.len);
	if (err == 0) {
		build_ke(c, dh);
		ike_dh_destroy(n->dh);
		n->dh = dh;
	} else {
		ike_dh_destroy(dh);
	}
	/* the round that this one is is counted when the next begins, the secret now */
	if (err == 0)
		err = append(&n->more, shared);
	ike_wipe(secret, sizeof(secret));
	return err == 0 ? 0 : IKE_N_INVALID_SYNTAX;
}

static uint16_t
finish(struct ike_sa *sa, struct ike_nego *n)
{
	return n->cfg != NULL ? ike_x_child_complete(sa, n) : ike_x_rekey_complete(sa, n);
}

enum ike_after
ike_x_follow_request(struct ike_sa *sa, const struct ike_msg *m, struct ike_chain *c)
{
	struct ike_nego *n = sa->follow;
	uint16_t error = IKE_N_STATE_NOT_FOUND;

	if (sa->state == IKE_SA_UP && is_linked(n, m))
		error = take_round(sa, n, m, c);
	else
		n = NULL;
	if (error == IKE_JOB_WAIT)
		return IKE_AFTER_WAIT;
	if (error == 0 && ike_follow_missing(n)) {
		n->place = (uint8_t)next_place(n);
		ike_follow_await(sa, n, c);
		return IKE_AFTER_REPLY;
	}
	if (n != NULL)
		sa->follow = NULL;
	if (error == 0)
		error = finish(sa, n);
	if (error != 0) {
		ike_send_begin(sa->e, c);
		ike_x_refuse(c, error, 0);
	}
	ike_nego_free(sa, n);
	return error == IKE_N_INVALID_SYNTAX ? IKE_AFTER_BROKEN : IKE_AFTER_REPLY;
}
