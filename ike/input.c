/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * From a datagram to its handler: header, SA, window, decryption, payload chain, occurrence table.
 * Nothing about an SA changes before its message is verified.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nat.h"
#include "nego.h"
#include "payload.h"
#include "qcd.h"
#include "send.h"
#include "x.h"
#include "x_inter.h"

/** A datagram on its way through here. */
struct arrival {
	const struct ike_path *path;
	const uint8_t *buf;
	size_t len;
	uint8_t digest[IKE_DIGEST_LEN];
	struct ike_msg m;
	struct ike_view inner; /* decrypted, joined */
	uint8_t first;         /* type of its first payload */
};

static int
parse_inner(struct arrival *a, uint8_t first, const uint8_t *p, size_t len)
{
	a->inner = (struct ike_view){.p = p, .len = len};
	a->first = first;
	return ike_msg_parse_inner(&a->m, first, p, len);
}

/* ---- decryption ---- */

/** Who is not authenticated yet does not make us keep more than this. */
static size_t
len_max(const struct ike_sa *sa)
{
	return sa->state == IKE_SA_HALF_OPEN ? IKE_AUTH_LEN_MAX : IKE_MSG_MAX;
}

static int
open_fragment(struct ike_sa *sa, struct arrival *a, struct ike_view inner)
{
	bool response = ike_msg_is_response(&a->m);
	struct ike_frags **f = &sa->frags[response];
	uint8_t first = 0;
	ssize_t len;
	int rc;

	if (*f == NULL)
		*f = calloc(1, sizeof(**f));
	if (*f == NULL)
		return -ENOMEM;
	if (a->m.frag_num == 1 && !response)
		memcpy(sa->frag_digest, a->digest, IKE_DIGEST_LEN);
	rc = ike_frags_add(*f, &a->m, inner, len_max(sa));
	if (rc == -EMSGSIZE && sa->state == IKE_SA_HALF_OPEN) {
		memcpy(a->digest, sa->frag_digest, IKE_DIGEST_LEN);
		return -E2BIG;
	}
	/* one that does not fit may be late, of a try with larger ones (RFC 7383 2.6.1) */
	if (rc < 0)
		return -EPERM;
	if ((*f)->since_ms == 0) {
		(*f)->since_ms = sa->e->now_ms;
		ike_sa_touch(sa);
	}
	if (rc == 0)
		return -EAGAIN;
	/* a retransmission is known by its first fragment (RFC 7383 2.6.1) */
	memcpy(a->digest, sa->frag_digest, IKE_DIGEST_LEN);
	len = ike_frags_join(*f, sa->e->open_buf, IKE_MSG_MAX, &first);
	ike_sa_drop_frags(sa, response);
	if (len < 0)
		return (int)len;
	return parse_inner(a, first, sa->e->open_buf, (size_t)len);
}

static int
open_with(const struct ike_sa *sa, const struct ike_sk_key *k, const struct ike_msg *m,
	struct ike_view *inner)
{
	if (m->sk_type == 0 || m->sk_body.len > IKE_MSG_MAX ||
		ike_sk_open(k, m, sa->e->open_buf, inner) != 0)
		return -EPERM;
	return 0;
}

static const struct ike_sk_key *
in_key(const struct ike_sa *sa)
{
	return sa->initiator ? &sa->keys.r : &sa->keys.i;
}

/**
 * The last request again, cut otherwise since the path is narrower than the peer thought: its first
 * fragment gets the reply (RFC 7383 2.6.1). Nobody else can seal one with this Message ID.
 */
static bool
is_recut(const struct ike_sa *sa, const struct ike_msg *m)
{
	const struct ike_sk_key *k = in_key(sa);
	struct ike_view inner;

	if (sa->setup != NULL && sa->setup->key_before.encr != NULL)
		k = &sa->setup->key_before;
	return m->frag_num == 1 && open_with(sa, k, m, &inner) == 0;
}

/**
 * Verify, decrypt and parse what is inside.
 * @return 0; -EAGAIN (fragments missing); -EPERM (not from the peer: as if it had not come);
 *         -EBADMSG (malformed inside), -E2BIG (too long); -EOPNOTSUPP (unknown critical payload)
 */
static int
open_message(struct ike_sa *sa, struct arrival *a)
{
	struct ike_view inner;

	if (open_with(sa, in_key(sa), &a->m, &inner) != 0)
		return -EPERM;
	if (a->m.sk_type == IKE_PLD_SKF)
		return open_fragment(sa, a, inner);
	if (inner.len > len_max(sa))
		return -E2BIG;
	return parse_inner(a, a->m.sk_first, inner.p, inner.len);
}

/* ---- messages that wait ---- */

struct ike_kept {
	struct ike_path path;
	uint8_t digest[IKE_DIGEST_LEN];
	struct ike_hdr hdr;
	uint8_t sk_type, first;
	size_t aad_len, inner_len;
	uint8_t bytes[]; /* what the ICV covers in the clear, then the decrypted payloads */
};

void
ike_kept_free(struct ike_kept *k)
{
	if (k == NULL)
		return;
	ike_wipe(k, sizeof(*k) + k->aad_len + k->inner_len);
	free(k);
}

/**
 * Its handler wants it again later, or it is not its turn yet. One for each side (window size 1),
 * and bounded as messages are.
 */
static void
keep(struct ike_sa *sa, enum ike_job_side side, const struct arrival *a)
{
	size_t aad_len = a->m.sk_aad.len, len = aad_len + a->inner.len;
	struct ike_kept *k = malloc(sizeof(*k) + len);

	if (k == NULL) {
		/* nobody can take the result up */
		ike_sa_end(sa, IKE_END_LOCAL, false, "out of memory");
		return;
	}
	k->path = *a->path;
	memcpy(k->digest, a->digest, sizeof(k->digest));
	k->hdr = a->m.hdr;
	k->sk_type = a->m.sk_type;
	k->first = a->first;
	k->aad_len = aad_len;
	k->inner_len = a->inner.len;
	memcpy(k->bytes, a->m.sk_aad.p, aad_len);
	if (a->inner.len > 0)
		memcpy(k->bytes + aad_len, a->inner.p, a->inner.len);
	sa->jobs[side].kept = k;
}

static bool
unkeep(const struct ike_kept *k, struct arrival *a)
{
	a->path = &k->path;
	memcpy(a->digest, k->digest, sizeof(a->digest));
	a->m.hdr = k->hdr;
	a->m.sk_type = k->sk_type;
	a->m.sk_first = k->first;
	a->m.sk_aad = (struct ike_view){.p = k->bytes, .len = k->aad_len};
	return parse_inner(a, k->first, k->bytes + k->aad_len, k->inner_len) == 0;
}

/**
 * The peer's messages are handled in the order in which they come: what it asks next may rest on
 * what it answered before.
 */
static bool
other_waits(const struct ike_sa *sa, enum ike_job_side side)
{
	return sa->jobs[side == IKE_JOB_PEER ? IKE_JOB_OWN : IKE_JOB_PEER].kept != NULL;
}

/* ---- requests ---- */

static enum ike_after
refuse_malformed(const struct ike_sa *sa, const struct arrival *a, int err, struct ike_chain *c)
{
	const char *name = ike_exchange_name(a->m.hdr.exchange);

	if (err == -EOPNOTSUPP) {
		ike_pld_notify_build(c, IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD, &a->m.critical,
			sizeof(a->m.critical));
		return sa->state == IKE_SA_HALF_OPEN ? IKE_AFTER_FAILED : IKE_AFTER_REPLY;
	}
	if (err == -E2BIG && sa->state == IKE_SA_HALF_OPEN)
		ike_log(sa->e, IKE_LOG_WARN, "ENC", sa->conn->name,
			"the peer's %s request is longer than the %u bytes that are taken from "
			"somebody unknown: it sends too many or too large certificates, most "
			"likely",
			name != NULL ? name : "unknown", IKE_AUTH_LEN_MAX);
	else
		ike_log(sa->e, IKE_LOG_WARN, "ENC", sa->conn->name,
			"the peer's %s request is malformed", name != NULL ? name : "unknown");
	ike_x_refuse(c, IKE_N_INVALID_SYNTAX, 0);
	return sa->state == IKE_SA_HALF_OPEN ? IKE_AFTER_FAILED : IKE_AFTER_BROKEN;
}

static enum ike_after
run_handler(struct ike_sa *sa, const struct arrival *a, struct ike_chain *c)
{
	const struct ike_msg *m = &a->m;

	if (sa->state == IKE_SA_HALF_OPEN && m->hdr.exchange == IKE_X_INTERMEDIATE)
		return ike_x_inter_request(sa, m, c);
	if (sa->state == IKE_SA_HALF_OPEN)
		return m->hdr.exchange == IKE_X_AUTH ? ike_x_auth_request(sa, a->path, m, c)
						     : IKE_AFTER_SILENCE;
	switch (m->hdr.exchange) {
	case IKE_X_CREATE_CHILD_SA:
		return ike_x_create_request(sa, m, c);
	case IKE_X_FOLLOWUP_KE:
		return ike_x_follow_request(sa, m, c);
	case IKE_X_INFORMATIONAL:
		return ike_x_info_request(sa, a->path, m, c);
	default:
		/* its turn is over: every request of an authenticated peer gets an answer (2.21.3)
		 */
		ike_log(sa->e, IKE_LOG_WARN, "ENC", sa->conn->name, "the peer's %s is out of turn",
			ike_exchange_name(m->hdr.exchange));
		ike_x_refuse(c, IKE_N_INVALID_SYNTAX, 0);
		return IKE_AFTER_BROKEN;
	}
}

static void
finish_request(struct ike_sa *sa, enum ike_after after)
{
	switch (after) {
	case IKE_AFTER_REPLY:
		ike_inter_replied(sa);
		break;
	case IKE_AFTER_FAILED:
		ike_sa_end(sa, IKE_END_FAILED, true, "the peer could not be authenticated");
		break;
	case IKE_AFTER_DELETED:
		ike_sa_end(sa, IKE_END_PEER, true, "deleted by the peer");
		break;
	case IKE_AFTER_BROKEN:
		ike_sa_end(sa, IKE_END_PEER, true, "the peer's message was malformed");
		break;
	default:
		break;
	}
}

static void
reply(struct ike_sa *sa, struct arrival *a, int err)
{
	struct ike_chain c;
	enum ike_after after;

	ike_send_begin(sa->e, &c);
	after = err != 0 ? refuse_malformed(sa, a, err, &c) : run_handler(sa, a, &c);
	if (after == IKE_AFTER_WAIT) {
		keep(sa, IKE_JOB_PEER, a);
		return;
	}
	ike_jobs_clear(sa, IKE_JOB_PEER);
	if (after == IKE_AFTER_SILENCE) {
		sa->e->stats.rx_invalid++;
		return;
	}
	if (ike_send_reply(sa, &a->m, &c, a->path, a->digest) != 0) {
		/* what the handler did cannot be told to the peer: do not go on in disagreement */
		ike_sa_end(sa, IKE_END_LOCAL, false, "a response could not be built");
		return;
	}
	finish_request(sa, after);
}

/** Before it the peer is nobody yet, or there are no keys to read with; afterwards all is said. */
static bool
takes_requests(const struct ike_sa *sa)
{
	return (sa->state == IKE_SA_HALF_OPEN && sa->keys.prf_len != 0) || ike_sa_authenticated(sa);
}

/** Who uses a new IKE SA, or goes on after its rekeying over the old one, has our answer to that.
 */
static void
end_hush(struct ike_sa *sa)
{
	struct ike_sa *by = sa->successor != 0 ? ike_sa_by_id(sa->e, sa->successor) : NULL;

	sa->hush_ms = 0;
	if (by == NULL || by->hush_ms == 0)
		return;
	by->hush_ms = 0;
	ike_sa_touch(by);
}

static void
handle_request(struct ike_sa *sa, struct arrival *a)
{
	enum ike_window_verdict verdict;
	struct ike *e = sa->e;
	int err;

	if (ike_digest(a->buf, a->len, a->digest) != 0)
		return;
	verdict = ike_window_request(&sa->win, a->m.hdr.msg_id, a->digest);
	if (verdict == IKE_WIN_OTHER)
		verdict =
			takes_requests(sa) && is_recut(sa, &a->m) ? IKE_WIN_AGAIN : IKE_WIN_IGNORE;
	switch (verdict) {
	case IKE_WIN_AGAIN:
		e->stats.retransmits++;
		ike_child_asked_again(sa);
		ike_send_flight(e, a->path, &sa->win.reply);
		return;
	case IKE_WIN_NEW:
		break;
	default:
		e->stats.rx_invalid++;
		return;
	}
	if (sa->jobs[IKE_JOB_PEER].kept != NULL) {
		/* a copy of the one whose handler waits: its answer is being worked on */
		e->stats.retransmits++;
		return;
	}
	if (!takes_requests(sa)) {
		e->stats.rx_invalid++;
		return;
	}
	e->stranger = sa->state == IKE_SA_HALF_OPEN;
	err = open_message(sa, a);
	if (err == -EPERM)
		e->stats.rx_invalid++;
	if (err == -EPERM || err == -EAGAIN || err == -ENOMEM)
		return;
	sa->last_in_ms = e->now_ms;
	sa->contested = false;
	ike_sa_touch(sa);
	end_hush(sa);
	if (err == 0 && ike_msg_check(&a->m) != 0)
		err = -EBADMSG;
	if (err == 0 && other_waits(sa, IKE_JOB_PEER))
		keep(sa, IKE_JOB_PEER, a);
	else
		reply(sa, a, err);
	ike_nat_heard(sa, a->path, false);
}

/* ---- responses ---- */

/**
 * A response that the peer vouches for and nobody can read would come again and again as it is: the
 * SA is over, and the peer hears of it.
 */
static void
end_malformed(struct ike_sa *sa, const struct ike_msg *m)
{
	enum ike_end why = IKE_END_REFUSED;

	if (ike_sa_authenticated(sa))
		why = sa->state == IKE_SA_UP ? IKE_END_DEAD : IKE_END_LOCAL;
	ike_log(sa->e, IKE_LOG_WARN, "ENC", sa->conn->name, "the peer's %s response is malformed",
		ike_exchange_name(m->hdr.exchange));
	ike_window_answered(&sa->win);
	ike_send_farewell(sa);
	ike_sa_end(sa, why, false, "the peer's response was malformed");
}

/** Processing it waits for a job. */
static void
keep_response(struct ike_sa *sa, const struct arrival *a)
{
	if (sa->active != NULL && ike_job_pending(sa, IKE_JOB_OWN))
		keep(sa, IKE_JOB_OWN, a);
}

static void
handle_response(struct ike_sa *sa, struct arrival *a)
{
	struct ike *e = sa->e;
	int err;

	if (!ike_window_response(&sa->win, a->m.hdr.msg_id) || sa->active == NULL ||
		sa->jobs[IKE_JOB_OWN].kept != NULL ||
		ike_task_exchange(sa->active) != a->m.hdr.exchange) {
		e->stats.rx_invalid++;
		return;
	}
	if (ike_digest(a->buf, a->len, a->digest) != 0)
		return;
	err = open_message(sa, a);
	if (err == -EAGAIN || err == -ENOMEM)
		return;
	if (err == -EPERM) {
		/* the real one may still come */
		e->stats.rx_invalid++;
		return;
	}
	if (err != 0 || ike_msg_check(&a->m) != 0) {
		end_malformed(sa, &a->m);
		return;
	}
	sa->last_in_ms = e->now_ms;
	sa->contested = false;
	sa->active->from = *a->path;
	if (other_waits(sa, IKE_JOB_OWN)) {
		keep(sa, IKE_JOB_OWN, a);
	} else {
		ike_task_response(sa, &a->m);
		keep_response(sa, a);
	}
	ike_nat_heard(sa, a->path, true);
}

/** The response to our IKE_SA_INIT: in the clear, found by our SPI alone. */
static void
handle_init_response(struct ike *e, struct arrival *a)
{
	struct ike_sa *sa = ike_sa_by_spi(e, a->m.hdr.spi_i);

	if (sa == NULL || !sa->initiator || sa->state != IKE_SA_INIT_SENT || sa->active == NULL ||
		!ike_window_response(&sa->win, a->m.hdr.msg_id) ||
		memcmp(&sa->path.remote, &a->path->remote, 16) != 0 || ike_msg_check(&a->m) != 0 ||
		ike_x_init_is_copy(sa, &a->m)) {
		e->stats.rx_invalid++;
		return;
	}
	if (ike_blob_set(&sa->setup->init_resp, a->buf, a->len) != 0)
		return;
	ike_task_response(sa, &a->m);
}

/* ---- after a job ---- */

static void
resume_init_response(struct ike_sa *sa)
{
	struct ike_msg m;

	if (ike_msg_parse(&m, sa->setup->init_resp.p, sa->setup->init_resp.len) == 0)
		ike_task_resume(sa, &m);
}

static void
resume_message(struct ike_sa *sa, enum ike_job_side side)
{
	struct ike_kept *k = sa->jobs[side].kept;
	struct arrival a = {0};

	sa->jobs[side].kept = NULL;
	if (!unkeep(k, &a)) {
		ike_kept_free(k);
		return;
	}
	if (side == IKE_JOB_PEER) {
		reply(sa, &a, 0);
	} else {
		/* one that waited for its turn is still the answer to an outstanding request */
		if (sa->win.request.buf != NULL)
			ike_task_response(sa, &a.m);
		else
			ike_task_resume(sa, &a.m);
		keep_response(sa, &a);
	}
	ike_kept_free(k);
}

void
ike_input_resume(struct ike_sa *sa, enum ike_job_side side)
{
	enum ike_job_side other = side == IKE_JOB_PEER ? IKE_JOB_OWN : IKE_JOB_PEER;

	sa->e->stranger = sa->state == IKE_SA_HALF_OPEN;
	if (sa->jobs[side].kept != NULL)
		resume_message(sa, side);
	else if (side == IKE_JOB_PEER)
		ike_x_init_resume(sa);
	else if (sa->state == IKE_SA_INIT_SENT && sa->active != NULL)
		resume_init_response(sa);
	/* else a request is to be built: that is the task's, in ike_settle() */
	if (sa->jobs[side].kept == NULL && sa->jobs[other].kept != NULL &&
		!ike_job_pending(sa, other))
		resume_message(sa, other);
	ike_sa_touch(sa);
	sa->e->stranger = false;
}

/* ---- dispatch ---- */

static void
handle_init(struct ike *e, struct arrival *a, const struct ike_hdr *hdr)
{
	if ((hdr->flags & IKE_FLAG_RESPONSE) == 0) {
		e->stranger = true;
		if ((hdr->flags & IKE_FLAG_INITIATOR) == 0)
			e->stats.rx_invalid++;
		else
			ike_x_init_request(e, a->path, a->buf, a->len);
		return;
	}
	if (ike_msg_parse(&a->m, a->buf, a->len) != 0)
		e->stats.rx_invalid++;
	else
		handle_init_response(e, a);
}

static struct ike_sa *
find_sa(struct ike *e, const struct ike_hdr *hdr)
{
	bool from_initiator = (hdr->flags & IKE_FLAG_INITIATOR) != 0;
	struct ike_sa *sa = ike_sa_by_spi(e, from_initiator ? hdr->spi_r : hdr->spi_i);

	if (sa == NULL || sa->initiator == from_initiator || sa->spi_i != hdr->spi_i ||
		sa->spi_r != hdr->spi_r)
		return NULL;
	return sa;
}

static void
dispatch(struct ike *e, struct arrival *a)
{
	struct ike_hdr hdr;
	struct ike_sa *sa;
	int err = ike_hdr_parse(&hdr, a->buf, a->len);

	if (err != 0) {
		e->stats.rx_invalid++;
		if (err == -EPROTONOSUPPORT && (hdr.flags & IKE_FLAG_RESPONSE) == 0 &&
			hdr.version >= 0x30)
			ike_send_clear_error(
				e, a->path, &hdr, IKE_N_INVALID_MAJOR_VERSION, NULL, 0);
		return;
	}
	if (hdr.exchange == IKE_X_SA_INIT) {
		handle_init(e, a, &hdr);
		return;
	}
	sa = find_sa(e, &hdr);
	e->stats.rx_invalid_spi += sa == NULL;
	err = ike_msg_parse(&a->m, a->buf, a->len);
	if (err != 0 && err != -EOPNOTSUPP) {
		e->stats.rx_invalid++;
		return;
	}
	if (a->m.sk_type == 0) {
		ike_qcd_clear(e, sa, a->path, &a->m);
		return;
	}
	if (sa == NULL) {
		ike_qcd_answer(e, a->path, &a->m);
		return;
	}
	if (ike_msg_is_response(&a->m))
		handle_response(sa, a);
	else
		handle_request(sa, a);
}

void
ike_input(
	struct ike *e, const struct ike_path *path, const uint8_t *buf, size_t len, uint64_t now_ms)
{
	struct arrival a = {.path = path, .buf = buf, .len = len};

	e->now_ms = now_ms;
	e->stats.rx++;
	dispatch(e, &a);
	e->stranger = false;
	ike_settle(e);
}
