/* SPDX-License-Identifier: BSD-3-Clause */

/* IKE_SA_INIT (RFC 7296 1.2): algorithms, Diffie-Hellman, nonces; cookies; NAT detection. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth.h"
#include "conn.h"
#include "dh_job.h"
#include "natd.h"
#include "nego.h"
#include "payload.h"
#include "ppk.h"
#include "send.h"
#include "source.h"
#include "x.h"
#include "x_inter.h"

/* COOKIE and INVALID_KE_PAYLOAD together: more than that is somebody playing with us */
#define RESTARTS_MAX 5

/* who asks again gets the answer again, no sooner: it may be somebody else whom it hits */
#define REPEAT_MS 100

void
ike_x_refuse(struct ike_chain *c, uint16_t type, uint16_t group)
{
	const uint8_t wanted[2] = {(uint8_t)(group >> 8), (uint8_t)group};

	if (type == IKE_N_INVALID_KE_PAYLOAD)
		ike_pld_notify_build(c, type, wanted, sizeof(wanted));
	else
		ike_pld_notify_build(c, type, NULL, 0);
}

uint16_t
ike_x_wanted_group(const struct ike_notify *n)
{
	struct ike_rd r = ike_rd_view(n->data);
	uint16_t group = ike_rd_u16(&r);

	return ike_rd_done(&r) ? group : 0;
}

const char *
ike_x_notify_text(uint16_t type, char *buf, size_t len)
{
	const char *name = ike_notify_name(type);

	if (name != NULL)
		return name;
	snprintf(buf, len, "notify %u", type);
	return buf;
}

/* ---- what both ends do ---- */

static bool
make_nonce(struct ike *e, struct ike_blob *out)
{
	struct ike_nonce n;

	ike_nonce_make(e, &n);
	return ike_blob_set(out, n.data, n.len) == 0;
}

static int
derive_keys(struct ike_sa *sa, enum ike_job_side side, const struct ike_suite *suite,
	struct ike_dh_key *dh, struct ike_view peer_ke)
{
	uint8_t secret[IKE_DH_PUB_MAX];
	struct ike_keymat_in in = {
		.ni = ike_blob_view(&sa->setup->ni),
		.nr = ike_blob_view(&sa->setup->nr),
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
	};
	size_t len = 0;
	int err = ike_dh_job_shared(sa, side, dh, peer_ke, secret, &len);

	if (err == 0) {
		in.shared = (struct ike_view){.p = secret, .len = len};
		err = ike_keymat_init(&sa->keys, suite, &in);
	}
	ike_wipe(secret, sizeof(secret));
	return err;
}

static void
build_extras(const struct ike_sa *sa, struct ike_chain *c)
{
	ike_natd_build(sa, &sa->path, c);
	if (sa->conn->fragmentation != IKE_FRAG_NO)
		ike_pld_notify_build(c, IKE_N_FRAGMENTATION_SUPPORTED, NULL, 0);
	if (sa->initiator ? ike_ppk_wanted(sa) : sa->setup->use_ppk)
		ike_pld_notify_build(c, IKE_N_USE_PPK, NULL, 0);
	ike_inter_announce(sa, c);
	ike_auth_build_hashes(sa, c);
}

static bool
agree_fragments(const struct ike_sa *sa, const struct ike_msg *m)
{
	return sa->conn->fragmentation != IKE_FRAG_NO &&
	       sa->conn->fragmentation != IKE_FRAG_ACCEPT &&
	       ike_msg_notify(m, IKE_N_FRAGMENTATION_SUPPORTED, NULL);
}

/* ---- initiator ---- */

static int
prepare(struct ike_sa *sa, const struct ike_task *t)
{
	struct ike_setup *s = sa->setup;
	uint16_t group = t->group != 0 ? t->group : ike_offer_group(&sa->conn->proposals, 0);

	if (s->ni.len == 0 && !make_nonce(sa->e, &s->ni))
		return -ENOMEM;
	if (s->dh != NULL && ike_dh_group(s->dh) == group)
		return 0;
	ike_dh_destroy(s->dh);
	return ike_dh_job_pair(sa, IKE_JOB_OWN, group, (struct ike_view){0}, &s->dh);
}

int
ike_x_init_build(struct ike_sa *sa, struct ike_task *t, struct ike_chain *c)
{
	const struct ike_hdr hdr = {
		.spi_i = sa->spi_i, .exchange = IKE_X_SA_INIT, .flags = IKE_FLAG_INITIATOR};
	struct ike_setup *s = sa->setup;
	struct ike_proposals offer;
	struct ike_view pub;
	size_t len;
	int err = prepare(sa, t);

	if (err != 0)
		return err;
	ike_msg_begin(c, sa->e->wire_buf, IKE_WIRE_CAP, &hdr);
	if (s->cookie.p != NULL)
		ike_pld_notify_build(c, IKE_N_COOKIE, s->cookie.p, s->cookie.len);
	ike_offer_fill(&offer, &sa->conn->proposals, NULL, 0, false);
	ike_pld_sa_build(c, &offer, true);
	pub = ike_dh_pub(s->dh);
	ike_pld_ke_build(c, ike_dh_group(s->dh), pub.p, pub.len);
	ike_pld_nonce_build(c, s->ni.p, s->ni.len);
	build_extras(sa, c);
	len = ike_msg_end(c);
	if (len == 0)
		return -EMSGSIZE;
	err = ike_blob_set(&s->init_req, sa->e->wire_buf, len);
	return err != 0 ? err : ike_send_clear_request(sa, sa->e->wire_buf, len);
}

static void
init_failed(struct ike_sa *sa, const char *reason)
{
	ike_log(sa->e, IKE_LOG_WARN, "IKE", sa->conn->name, "IKE_SA_INIT failed: %s", reason);
	ike_sa_end(sa, IKE_END_REFUSED, false, reason);
}

/** Once more from Message ID 0, with what the responder asked for. */
static void
restart(struct ike_sa *sa, struct ike_task *t)
{
	if (++sa->setup->restarts > RESTARTS_MAX) {
		init_failed(sa, "the peer asks again and again for another group or cookie");
		return;
	}
	sa->win.next_out = 0;
	sa->spi_r = 0;
	ike_task_again(sa, t, 0);
}

static void
restart_with_group(struct ike_sa *sa, struct ike_task *t, const struct ike_notify *n)
{
	uint16_t group = ike_x_wanted_group(n);
	const char *name = ike_transform_name(IKE_TT_DH, group);

	/* only a group that we offered: else anybody could weaken us */
	if (!ike_offer_has_group(&sa->conn->proposals, group) || ike_dh_pub_len(group) == 0) {
		init_failed(sa, "the peer wants a Diffie-Hellman group that is not configured");
		return;
	}
	ike_log(sa->e, IKE_LOG_INFO, "IKE", sa->conn->name, "the peer wants group %s",
		name != NULL ? name : "?");
	t->group = group;
	restart(sa, t);
}

static void
refused(struct ike_sa *sa, uint16_t error)
{
	char buf[32], offer[IKE_TEXT_MAX], reason[128];

	if (error == IKE_N_NO_PROPOSAL_CHOSEN)
		ike_log(sa->e, IKE_LOG_WARN, "IKE", sa->conn->name,
			"the peer accepts none of our IKE proposals: %s",
			ike_proposals_text(&sa->conn->proposals, offer, sizeof(offer)));
	snprintf(reason, sizeof(reason), "the peer refused IKE_SA_INIT with %s",
		ike_x_notify_text(error, buf, sizeof(buf)));
	init_failed(sa, reason);
}

/** COOKIE, INVALID_KE_PAYLOAD and other errors. @return true when the message is dealt with */
static bool
handle_notifies(struct ike_sa *sa, struct ike_task *t, const struct ike_msg *m)
{
	struct ike_notify n;
	uint16_t error = ike_msg_error(m);

	if (ike_msg_notify(m, IKE_N_INVALID_KE_PAYLOAD, &n)) {
		restart_with_group(sa, t, &n);
		return true;
	}
	if (error != 0) {
		refused(sa, error);
		return true;
	}
	if (ike_msg_find(m, IKE_PLD_SA) != NULL || !ike_msg_notify(m, IKE_N_COOKIE, &n))
		return false;
	if (n.data.len == 0 || n.data.len > IKE_COOKIE_MAX ||
		ike_blob_set(&sa->setup->cookie, n.data.p, n.data.len) != 0)
		init_failed(sa, "the peer sent a cookie of impossible length");
	else
		restart(sa, t);
	return true;
}

bool
ike_x_init_is_copy(const struct ike_sa *sa, const struct ike_msg *m)
{
	const struct ike_setup *s = sa->setup;
	struct ike_notify n;

	if (ike_msg_notify(m, IKE_N_INVALID_KE_PAYLOAD, &n))
		return s->dh != NULL && ike_x_wanted_group(&n) == ike_dh_group(s->dh);
	return s->cookie.len > 0 && ike_msg_find(m, IKE_PLD_SA) == NULL &&
	       ike_msg_notify(m, IKE_N_COOKIE, &n) && n.data.len == s->cookie.len &&
	       memcmp(n.data.p, s->cookie.p, n.data.len) == 0;
}

/** NAT found, by the other's hashes: all that follows goes by 4500 (2.23; RFC 9242 3.2). */
static void
float_ports(struct ike_sa *sa)
{
	if (!ike_sa_encap(sa) || sa->path.remote_port != IKE_PORT)
		return;
	sa->path.local_port = sa->path.remote_port = IKE_NATT_PORT;
}

void
ike_x_init_process(struct ike_sa *sa, struct ike_task *t, const struct ike_msg *m)
{
	struct ike_setup *s = sa->setup;
	struct ike_proposals offer;
	struct ike_suite suite;
	struct ike_kex in;
	int err;

	if (handle_notifies(sa, t, m))
		return;
	ike_offer_fill(&offer, &sa->conn->proposals, NULL, 0, false);
	if (m->hdr.spi_r == 0 || ike_kex_parse(&in, m) != 0 || in.sa.n != 1 ||
		ike_proposal_accept(&offer, &in.sa.p[0], true, &suite) != 0 ||
		suite.dh != in.ke.group || suite.dh != ike_dh_group(s->dh)) {
		init_failed(sa, "the peer's answer does not fit our proposals");
		return;
	}
	ike_ppk_agree(sa, ike_msg_notify(m, IKE_N_USE_PPK, NULL));
	if (ike_ppk_missing(sa)) {
		init_failed(sa, ike_ppk_wanted(sa)
					? "ppk_required is set, and the peer does not support PPK"
					: "ppk_required is set, and ppk_id names no PPK to use");
		return;
	}
	if (ike_suite_addke(&suite, 0) < IKE_ADDKE_MAX &&
		!ike_msg_notify(m, IKE_N_INTERMEDIATE_EXCHANGE_SUPPORTED, NULL)) {
		init_failed(sa, "the peer chose additional key exchanges and does not support "
				"IKE_INTERMEDIATE");
		return;
	}
	sa->spi_r = m->hdr.spi_r;
	err = ike_blob_set(&s->nr, in.nonce.p, in.nonce.len);
	if (err != 0) {
		init_failed(sa, "out of memory");
		return;
	}
	err = derive_keys(sa, IKE_JOB_OWN, &suite, s->dh, in.ke.data);
	if (err == -EINPROGRESS)
		return;
	if (err != 0) {
		init_failed(sa, "the peer's Diffie-Hellman value is not a valid one");
		return;
	}
	ike_dh_destroy(s->dh);
	s->dh = NULL;
	sa->frag = agree_fragments(sa, m);
	ike_auth_read_wishes(sa, m);
	s->peer_childless = ike_msg_notify(m, IKE_N_CHILDLESS_IKEV2_SUPPORTED, NULL);
	ike_natd_check(sa, &sa->path, m);
	float_ports(sa);
	ike_sa_auth_sent(sa);
	if (!ike_inter_next(sa))
		init_failed(sa, "out of memory");
}

/* ---- responder ---- */

static void
answer_cookie(struct ike *e, const struct ike_path *path, const struct ike_hdr *hdr,
	const struct ike_cookie_claim *claim)
{
	uint8_t secret[IKE_COOKIE_SECRET_LEN], cookie[IKE_COOKIE_LEN];

	if (ike_cookie_stale(&e->cookie, e->now_ms)) {
		e->host.random(e->host.arg, secret, sizeof(secret));
		ike_cookie_rotate(&e->cookie, secret, e->now_ms);
		ike_wipe(secret, sizeof(secret));
	}
	if (ike_cookie_make(&e->cookie, claim, cookie) != 0)
		return;
	e->stats.cookies_asked++;
	ike_send_clear_notify(e, path, hdr, IKE_N_COOKIE, cookie, sizeof(cookie));
}

/** The sender gets what is sent to its address. */
static bool
shows_cookie(const struct ike *e, const struct ike_msg *m, const struct ike_cookie_claim *claim)
{
	struct ike_notify n;

	return ike_msg_notify(m, IKE_N_COOKIE, &n) &&
	       ike_cookie_check(&e->cookie, claim, n.data.p, n.data.len, e->now_ms);
}

/**
 * Strangers under load: above half_open_max nothing, above cookie_threshold or under pressure only
 * who shows a cookie, and from one network only so many.
 * @return true when the request may cost us a Diffie-Hellman
 */
static bool
admit(struct ike *e, const struct ike_path *path, const struct ike_msg *m, const struct ike_kex *in)
{
	const struct ike_cookie_claim claim = {.path = path,
		.spi_i = m->hdr.spi_i,
		.nonce = in->nonce.p,
		.nonce_len = in->nonce.len};
	uint32_t half_open = ike_source_count(e);

	if (half_open >= e->half_open_max || ike_source_full(e, &path->remote)) {
		e->stats.init_dropped++;
		return false;
	}
	if ((half_open < e->cookie_threshold && !e->pressed) || shows_cookie(e, m, &claim))
		return true;
	answer_cookie(e, path, &m->hdr, &claim);
	return false;
}

static void
log_no_proposal(struct ike *e, const struct ike_path *path, const struct ike_conn_cfg *conn,
	const struct ike_proposals *offered)
{
	char a[64], b[IKE_TEXT_MAX], c[IKE_TEXT_MAX];

	ike_addr_text(&path->remote, path->remote_port, a, sizeof(a));
	if (conn == NULL) {
		ike_log(e, IKE_LOG_WARN, "IKE", NULL, "no connection is configured for %s", a);
		return;
	}
	ike_log(e, IKE_LOG_WARN, "IKE", conn->name,
		"no common IKE proposal with %s: it offers %s; configured is %s", a,
		ike_proposals_text(offered, b, sizeof(b)),
		ike_proposals_text(&conn->proposals, c, sizeof(c)));
}

static size_t
build_response(struct ike_sa *sa, const struct ike_proposal *chosen, const struct ike_dh_key *dh)
{
	const struct ike_hdr hdr = {
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.exchange = IKE_X_SA_INIT,
		.flags = IKE_FLAG_RESPONSE,
	};
	struct ike_view pub = ike_dh_pub(dh);
	struct ike_chain c;

	ike_msg_begin(&c, sa->e->wire_buf, IKE_WIRE_CAP, &hdr);
	ike_pld_sa_build_one(&c, chosen);
	ike_pld_ke_build(&c, ike_dh_group(dh), pub.p, pub.len);
	ike_pld_nonce_build(&c, sa->setup->nr.p, sa->setup->nr.len);
	ike_auth_build_certreq(sa, &c);
	build_extras(sa, &c);
	if (sa->conn->childless != IKE_CHILDLESS_NEVER)
		ike_pld_notify_build(&c, IKE_N_CHILDLESS_IKEV2_SUPPORTED, NULL, 0);
	return ike_msg_end(&c);
}

/** The SA's half of the exchange. @return 0; -EINPROGRESS, -EBUSY as ike_job_await(); other -errno
 */
static int
respond(struct ike_sa *sa, const struct ike_msg *m, const struct ike_kex *in,
	const struct ike_proposal *chosen, const struct ike_suite *suite)
{
	struct ike_setup *s = sa->setup;
	struct ike_dh_key *dh;
	int err = ike_dh_job_pair(sa, IKE_JOB_PEER, suite->dh, in->ke.data, &dh);
	size_t len;

	if (err != 0)
		return err;
	if (ike_blob_set(&s->ni, in->nonce.p, in->nonce.len) != 0 || !make_nonce(sa->e, &s->nr)) {
		ike_dh_destroy(dh);
		return -ENOMEM;
	}
	sa->frag = agree_fragments(sa, m);
	ike_ppk_agree(sa, ike_msg_notify(m, IKE_N_USE_PPK, NULL));
	s->intermediate = ike_msg_notify(m, IKE_N_INTERMEDIATE_EXCHANGE_SUPPORTED, NULL);
	ike_auth_read_wishes(sa, m);
	ike_natd_check(sa, &sa->path, m);
	err = derive_keys(sa, IKE_JOB_PEER, suite, dh, in->ke.data);
	if (err == 0) {
		len = build_response(sa, chosen, dh);
		err = len == 0 ? -EMSGSIZE : ike_blob_set(&s->init_resp, sa->e->wire_buf, len);
	}
	ike_dh_destroy(dh);
	return err;
}

/** Answer, or have the answer worked on. */
static void
answer_stranger(struct ike_sa *sa, const struct ike_msg *m, const struct ike_kex *in,
	const struct ike_proposal *chosen, const struct ike_suite *suite)
{
	const struct ike_path *path = &sa->path;
	struct ike *e = sa->e;
	int err = respond(sa, m, in, chosen, suite);
	char a[64];

	if (err == -EINPROGRESS)
		return;
	ike_jobs_clear(sa, IKE_JOB_PEER);
	if (err == -EBUSY) {
		e->stats.init_dropped++;
		ike_sa_end(sa, IKE_END_QUIET, false, NULL);
		return;
	}
	ike_addr_text(&path->remote, path->remote_port, a, sizeof(a));
	if (err != 0) {
		ike_log(e, IKE_LOG_WARN, "IKE", sa->conn->name,
			"IKE_SA_INIT from %s: its key exchange is not valid", a);
		ike_send_clear_error(e, path, &m->hdr, IKE_N_INVALID_SYNTAX, NULL, 0);
		/* nothing to repeat, but our key pair was made: it counts on */
		ike_sa_end(sa, IKE_END_QUIET, true, NULL);
		return;
	}
	ike_log(e, IKE_LOG_INFO, "IKE", sa->conn->name, "IKE_SA %u: %s wants to connect", sa->id,
		a);
	e->stats.tx++;
	e->host.send(e->host.arg, path, sa->setup->init_resp.p, sa->setup->init_resp.len);
}

/** What of its offer can be meant. */
static void
read_offer(const struct ike_msg *m, struct ike_kex *in)
{
	ike_proposals_keep_spi(&in->sa, 0);
	if (!ike_msg_notify(m, IKE_N_INTERMEDIATE_EXCHANGE_SUPPORTED, NULL))
		ike_proposals_refuse_addke(&in->sa);
}

void
ike_x_init_resume(struct ike_sa *sa)
{
	struct ike_proposal chosen;
	struct ike_suite suite;
	struct ike_kex in;
	struct ike_msg m;

	/* all of it went well when the request came */
	if (ike_msg_parse(&m, sa->setup->init_req.p, sa->setup->init_req.len) != 0 ||
		ike_kex_parse(&in, &m) != 0)
		return;
	read_offer(&m, &in);
	if (ike_proposals_select(&sa->conn->proposals, &in.sa, true, &chosen, &suite) == 0)
		answer_stranger(sa, &m, &in, &chosen, &suite);
}

static void
accept_stranger(struct ike *e, const struct ike_path *path, struct ike_view datagram,
	const struct ike_msg *m, const struct ike_kex *in, const uint8_t digest[IKE_DIGEST_LEN])
{
	const struct ike_conn_cfg *match, *conn;
	struct ike_proposal chosen;
	struct ike_suite suite;
	struct ike_sa *sa;

	conn = ike_conn_by_offer(&e->index, path, &in->sa, &chosen, &suite, &match);
	if (conn == NULL) {
		log_no_proposal(e, path, match, &in->sa);
		if (match == NULL)
			ike_names_stranger(e);
		ike_send_clear_notify(e, path, &m->hdr, IKE_N_NO_PROPOSAL_CHOSEN, NULL, 0);
		return;
	}
	if (in->ke.group != suite.dh) {
		const uint8_t wanted[2] = {(uint8_t)(suite.dh >> 8), (uint8_t)suite.dh};

		ike_send_clear_notify(
			e, path, &m->hdr, IKE_N_INVALID_KE_PAYLOAD, wanted, sizeof(wanted));
		return;
	}
	sa = ike_sa_create(e, conn, path, false);
	if (sa == NULL)
		return;
	sa->spi_i = m->hdr.spi_i;
	sa->win.next_in = 1;
	memcpy(sa->init_digest, digest, IKE_DIGEST_LEN);
	ike_sa_remember_init(sa);
	if (ike_blob_set(&sa->setup->init_req, datagram.p, datagram.len) != 0)
		ike_sa_end(sa, IKE_END_QUIET, false, NULL);
	else
		answer_stranger(sa, m, in, &chosen, &suite);
}

/** A retransmission of a request that made an SA. @return true when it was one */
static bool
answer_again(struct ike *e, const struct ike_path *path, uint64_t spi_i,
	const uint8_t digest[IKE_DIGEST_LEN])
{
	struct ike_sa *sa = ike_sa_by_init(e, spi_i, path, digest);

	if (sa == NULL)
		return false;
	/* once IKE_AUTH is done it is only a late duplicate; before a job is, there is no answer */
	if (sa->state == IKE_SA_HALF_OPEN && sa->setup->init_resp.p != NULL &&
		e->now_ms >= sa->setup->repeat_ms) {
		sa->setup->repeat_ms = e->now_ms + REPEAT_MS;
		e->stats.tx++;
		e->host.send(e->host.arg, path, sa->setup->init_resp.p, sa->setup->init_resp.len);
	}
	return true;
}

void
ike_x_init_request(struct ike *e, const struct ike_path *path, const uint8_t *buf, size_t len)
{
	uint8_t digest[IKE_DIGEST_LEN];
	struct ike_kex in;
	struct ike_msg m;
	int err = ike_msg_parse(&m, buf, len);

	if (err == -EOPNOTSUPP) {
		ike_send_clear_error(
			e, path, &m.hdr, IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD, &m.critical, 1);
		return;
	}
	if (err != 0 || len > IKE_INIT_LEN_MAX || m.hdr.spi_i == 0 || m.hdr.spi_r != 0 ||
		m.hdr.msg_id != 0) {
		e->stats.rx_invalid++;
		return;
	}
	if (ike_digest(buf, len, digest) != 0 || answer_again(e, path, m.hdr.spi_i, digest))
		return;
	if (ike_msg_check(&m) != 0 || ike_kex_parse(&in, &m) != 0) {
		e->stats.rx_invalid++;
		ike_send_clear_error(e, path, &m.hdr, IKE_N_INVALID_SYNTAX, NULL, 0);
		return;
	}
	read_offer(&m, &in);
	if (admit(e, path, &m, &in))
		accept_stranger(e, path, (struct ike_view){.p = buf, .len = len}, &m, &in, digest);
}
