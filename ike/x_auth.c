/* SPDX-License-Identifier: BSD-3-Clause */

/* IKE_AUTH (RFC 7296 1.2): identities, authentication, and the first child. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "auth.h"
#include "conn.h"
#include "nego.h"
#include "payload.h"
#include "ppk.h"
#include "qcd.h"
#include "reauth.h"
#include "unique.h"
#include "x.h"
#include "x_inter.h"

/* ---- initiator ---- */

static void
auth_failed(struct ike_sa *sa, const char *reason)
{
	ike_sa_end(sa, IKE_END_REFUSED, false, reason);
}

static bool
childless(const struct ike_sa *sa)
{
	enum ike_childless how = sa->conn->childless;

	return sa->setup->peer_childless && how != IKE_CHILDLESS_NEVER &&
	       (sa->setup->child == NULL || how == IKE_CHILDLESS_FORCE ||
		       how == IKE_CHILDLESS_PREFER);
}

/** The child to ask for with IKE_AUTH; without childless initiation (RFC 6023) there must be one.
 */
static int
prepare_child(struct ike_sa *sa, struct ike_task *t)
{
	const struct ike_child_cfg *cfg = sa->setup->child;

	if (childless(sa)) {
		sa->setup->child = NULL;
		if (cfg != NULL)
			ike_task_add(sa, IKE_TASK_CHILD, cfg, 0, 0);
		return 0;
	}
	if (cfg == NULL && sa->conn->n_children > 0)
		cfg = &sa->conn->children[0];
	if (cfg == NULL || sa->conn->childless == IKE_CHILDLESS_FORCE) {
		ike_log(sa->e, IKE_LOG_WARN, "IKE", sa->conn->name,
			"the peer does not support an IKE_SA without child");
		return -EINVAL;
	}
	sa->setup->child = cfg;
	t->nego = ike_nego_create(sa);
	return t->nego == NULL ? -ENOMEM : ike_nego_offer(sa, t->nego, cfg, NULL, true, 0);
}

/** Who we say that we are, and whom we want. */
static int
name_ends(struct ike_sa *sa)
{
	struct ike_id id;
	int err;

	ike_conn_local_id(sa->conn, &sa->path, &id);
	err = ike_sa_set_id(&sa->local_id, &id);
	if (err != 0)
		return err;
	if (ike_id_is_concrete(&sa->conn->remote.id))
		return ike_sa_set_id(&sa->remote_id, &sa->conn->remote.id);
	ike_id_from_addr(&id, &sa->path.remote);
	return ike_sa_set_id(&sa->remote_id, &id);
}

/** Whom the peer says that it is. */
static bool
read_remote_id(struct ike_sa *sa, const struct ike_payload *p)
{
	struct ike_id id;

	return p != NULL && ike_pld_id_parse(&id, p->body) == 0 &&
	       ike_sa_set_id(&sa->remote_id, &id) == 0;
}

int
ike_x_auth_build(struct ike_sa *sa, struct ike_task *t, struct ike_chain *c)
{
	int err;

	err = name_ends(sa);
	if (err == 0)
		err = ike_ppk_mix(sa);
	if (err == 0)
		err = ike_auth_prepare(sa, IKE_AUTH_MAIN);
	if (err == 0)
		err = ike_ppk_prepare(sa);
	if (err == 0)
		err = prepare_child(sa, t);
	if (err != 0)
		return err;
	ike_pld_id_build(c, IKE_PLD_IDI, sa->local_id);
	ike_auth_build_cert(sa, c);
	if (sa->conn->unique != IKE_UNIQUE_NEVER && sa->reauth_of == 0 && ike_unique_first(sa)) {
		ike_unique_claim(sa);
		ike_pld_notify_build(c, IKE_N_INITIAL_CONTACT, NULL, 0);
	}
	ike_auth_build_certreq(sa, c);
	if (ike_id_is_concrete(&sa->conn->remote.id))
		ike_pld_id_build(c, IKE_PLD_IDR, &sa->conn->remote.id);
	err = ike_auth_build(sa, IKE_AUTH_MAIN, c);
	if (err == 0)
		err = ike_ppk_build(sa, c);
	if (err == 0 && t->nego != NULL)
		ike_nego_build_offer(sa, t->nego, c);
	ike_qcd_build(sa, c);
	return err;
}

/** The peer is who it should be: what it called itself fits, and it proves it. @return as
 * ike_auth_verify() */
static int
authenticate(struct ike_sa *sa, const struct ike_msg *m)
{
	const struct ike_payload *p = ike_msg_find(m, IKE_PLD_IDR);
	char want[IKE_TEXT_MAX];

	if (!read_remote_id(sa, p))
		return -EBADMSG;
	if (ike_id_match(sa->remote_id, &sa->conn->remote.id) == 0) {
		ike_auth_log(sa, "authentication failed", "that is not whom we want");
		ike_log(sa->e, IKE_LOG_WARN, "IKE", sa->conn->name,
			"remote id is configured as '%s'",
			ike_id_str(&sa->conn->remote.id, want, sizeof(want)));
		return -EACCES;
	}
	return ike_auth_verify(sa, m);
}

static void
refused(struct ike_sa *sa, uint16_t error)
{
	char buf[32], reason[160];

	snprintf(reason, sizeof(reason), "the peer refused IKE_AUTH with %s",
		ike_x_notify_text(error, buf, sizeof(buf)));
	if (error == IKE_N_AUTHENTICATION_FAILED)
		ike_auth_log(sa, "the peer says AUTHENTICATION_FAILED",
			sa->conn->local.by == IKE_BY_PUBKEY
				? "it knows other identities or does not trust our certificate, "
				  "most likely"
			: sa->ppk ? "it knows other identities, another pre-shared key or another "
				    "PPK, most likely"
				  : "it knows other identities or another pre-shared key, most "
				    "likely");
	else
		ike_log(sa->e, IKE_LOG_WARN, "IKE", sa->conn->name, "%s", reason);
	auth_failed(sa, reason);
}

/** The peer took us, we do not take it: it has to hear of it (2.21.2). No child is installed. */
static void
reject_peer(struct ike_sa *sa)
{
	const struct ike_child_cfg *child = sa->setup->child;

	sa->auth_failed = true;
	sa->setup->child = NULL;
	if (child != NULL)
		ike_sa_child_refused(sa, child, "the peer's authentication failed");
	/* without memory for that the SA would stay as it is, in nobody's way but its connection's
	 */
	if (ike_task_add(sa, IKE_TASK_DELETE_IKE, NULL, 0, 0) == NULL)
		ike_sa_end(sa, IKE_END_FAILED, false, "out of memory");
}

/** The first pair of its selectors alone, by an exchange of its own (2.9). */
static bool
ask_single(struct ike_sa *sa, const struct ike_child_cfg *cfg)
{
	struct ike_task *t = ike_task_add(sa, IKE_TASK_CHILD, cfg, 0, 0);

	if (t != NULL)
		t->single = true;
	return t != NULL;
}

/** The first child's part of the response. The IKE SA is up whatever becomes of it (1.2). */
static void
accept_child(struct ike_sa *sa, struct ike_task *t, const struct ike_msg *m)
{
	const struct ike_child_cfg *cfg = sa->setup->child;
	const char *why = "the peer's answer is malformed";
	uint16_t error = ike_msg_error(m);
	struct ike_nego_msg in;
	char buf[32], reason[128];

	sa->setup->child = NULL;
	if (error == IKE_N_SINGLE_PAIR_REQUIRED && ike_nego_has_pairs(t->nego) &&
		ask_single(sa, cfg))
		return;
	if (error == IKE_N_NO_ADDITIONAL_SAS && sa->setup->peer_childless &&
		sa->conn->childless != IKE_CHILDLESS_NEVER) {
		/* childless = force, or like it: not with IKE_AUTH, but by an exchange of its own
		 */
		ike_task_add(sa, IKE_TASK_CHILD, cfg, 0, 0);
		return;
	}
	if (error != 0) {
		if (error == IKE_N_NO_PROPOSAL_CHOSEN)
			ike_nego_log_refused(sa, t->nego);
		snprintf(reason, sizeof(reason), "the peer refused it with %s",
			ike_x_notify_text(error, buf, sizeof(buf)));
		ike_sa_child_refused(sa, cfg, reason);
		return;
	}
	if (ike_nego_parse(&in, m, true) != 0 || ike_nego_accept(sa, t->nego, &in, &why) != 0) {
		ike_sa_child_refused(sa, cfg, why);
		ike_x_delete_unwanted(sa, t->nego);
		return;
	}
	if (ike_child_install(sa, t->nego, true, (struct ike_view){0}, true) == NULL) {
		ike_sa_child_refused(sa, cfg, "it could not be installed");
		ike_x_delete_unwanted(sa, t->nego);
	}
}

/** No AUTH and no error: a peer with EAP on its mind, or none that knows the RFC. */
static void
no_auth(struct ike_sa *sa, const struct ike_msg *m)
{
	const char *why = ike_msg_find(m, IKE_PLD_EAP) != NULL
				  ? "the peer wants EAP, which is not supported"
				  : "the peer's answer has no AUTH payload";

	ike_auth_log(sa, "authentication failed", why);
	auth_failed(sa, why);
}

void
ike_x_auth_process(struct ike_sa *sa, struct ike_task *t, const struct ike_msg *m)
{
	bool has_auth = ike_msg_find(m, IKE_PLD_AUTH) != NULL;
	uint16_t error = ike_msg_error(m);
	int err;

	/* without AUTH it is the whole SA that is refused, and always by these three (2.21.2) */
	if (error != 0 && (!has_auth || ike_x_is_fatal(error))) {
		refused(sa, error);
		return;
	}
	if (!has_auth) {
		no_auth(sa, m);
		return;
	}
	err = ike_ppk_used(sa, m) ? authenticate(sa, m) : -EACCES;
	if (err == -EINPROGRESS)
		return;
	if (err != 0) {
		reject_peer(sa);
		return;
	}
	ike_sa_up(sa);
	ike_qcd_keep(sa, m);
	if (t->nego != NULL)
		accept_child(sa, t, m);
	ike_sa_setup_done(sa);
	ike_unique_apply(sa, false);
}

/* ---- responder ---- */

static bool
read_ids(struct ike_sa *sa, const struct ike_msg *m, struct ike_id *idr, bool *has_idr)
{
	const struct ike_payload *i = ike_msg_find(m, IKE_PLD_IDI);
	const struct ike_payload *r = ike_msg_find(m, IKE_PLD_IDR);

	*has_idr = r != NULL;
	if (!read_remote_id(sa, i))
		return false;
	return r == NULL || ike_pld_id_parse(idr, r->body) == 0;
}

static bool
choose_conn(struct ike_sa *sa, const struct ike_path *path, const struct ike_msg *m)
{
	const struct ike_conn_cfg *conn;
	struct ike_id idr;
	bool has_idr;
	char i[IKE_TEXT_MAX], r[IKE_TEXT_MAX];

	if (!read_ids(sa, m, &idr, &has_idr))
		return false;
	conn = ike_conn_by_ids(&sa->e->index, path, &sa->keys.suite, ike_auth_claimed(m),
		sa->remote_id, has_idr ? &idr : NULL);
	if (conn == NULL) {
		ike_log(sa->e, IKE_LOG_WARN, "IKE", sa->conn->name,
			"no connection matches the peer's identity '%s'%s%s%s",
			ike_id_str(sa->remote_id, i, sizeof(i)),
			has_idr ? ", which asks for '" : "",
			has_idr ? ike_id_str(&idr, r, sizeof(r)) : "", has_idr ? "'" : "");
		return false;
	}
	ike_sa_set_conn(sa, conn);
	ike_conn_local_id(conn, path, &idr);
	return ike_sa_set_id(&sa->local_id, &idr) == 0;
}

/** The child that comes with IKE_AUTH. Its failure leaves the IKE SA up (1.2). */
static void
answer_child(struct ike_sa *sa, const struct ike_nego_msg *in, bool contact, struct ike_chain *c)
{
	struct ike_nego *n;
	uint16_t error;
	bool use_out;

	if (sa->conn->childless == IKE_CHILDLESS_FORCE) {
		ike_log(sa->e, IKE_LOG_WARN, "CHD", sa->conn->name,
			"the peer wants a CHILD_SA with IKE_AUTH, and childless = force: refused, "
			"the IKE_SA stays");
		ike_x_refuse(c, IKE_N_NO_ADDITIONAL_SAS, 0);
		return;
	}
	n = ike_nego_create(sa);
	if (n == NULL) {
		ike_x_refuse(c, IKE_N_NO_ADDITIONAL_SAS, 0);
		return;
	}
	error = ike_nego_answer(sa, n, in, NULL, true);
	/* where the peer has this child already, traffic stays there until it uses the new one */
	use_out = contact || error != 0 || ike_reauth_is_first(sa, n->cfg);
	if (error == 0 && ike_child_install(sa, n, false, (struct ike_view){0}, use_out) == NULL)
		error = IKE_N_NO_ADDITIONAL_SAS;
	if (error == 0 && !use_out)
		ike_task_add(sa, IKE_TASK_LIVENESS, NULL, 0, 0);
	if (error == 0)
		ike_nego_build_answer(n, c);
	else
		ike_x_refuse(c, error, 0);
	ike_nego_free(sa, n);
}

static void
build_response(struct ike_sa *sa, const struct ike_msg *m, struct ike_chain *c)
{
	ike_pld_id_build(c, IKE_PLD_IDR, sa->local_id);
	ike_auth_build_cert(sa, c);
	if (ike_auth_build(sa, IKE_AUTH_MAIN, c) != 0)
		c->w.bad = true; /* ike_auth_prepare() has seen what it takes: libcrypto failed */
	ike_ppk_answer(sa, c);
	sa->mobike = sa->conn->mobike && ike_msg_notify(m, IKE_N_MOBIKE_SUPPORTED, NULL);
	if (sa->mobike)
		ike_pld_notify_build(c, IKE_N_MOBIKE_SUPPORTED, NULL, 0);
	ike_qcd_build(sa, c);
}

/** RFC 6023 3: for who does not support it, an IKE_AUTH without child is malformed. */
static bool
lacks_child(const struct ike_sa *sa, const struct ike_msg *m)
{
	if (sa->conn->childless != IKE_CHILDLESS_NEVER || ike_msg_find(m, IKE_PLD_SA) != NULL)
		return false;
	ike_auth_log(sa, "IKE_AUTH refused", "it asks for no CHILD_SA, and childless = never");
	return true;
}

/** Bad contents count like a malformed message: INVALID_SYNTAX ends the IKE SA (2.21.2). */
static bool
is_malformed(const struct ike_sa *sa, const struct ike_msg *m, struct ike_nego_msg *in)
{
	if (ike_msg_find(m, IKE_PLD_SA) == NULL || ike_nego_parse(in, m, true) == 0)
		return false;
	ike_auth_log(sa, "IKE_AUTH refused", "its SA, TSi or TSr payload is malformed or missing");
	return true;
}

/** 2.19: who needs an address gets none from us, and goes on without or gives up. */
static void
note_cp(const struct ike_sa *sa, const struct ike_msg *m)
{
	if (ike_msg_find(m, IKE_PLD_CP) != NULL)
		ike_log(sa->e, IKE_LOG_INFO, "CFG", sa->conn->name,
			"the peer asks for an address or other configuration: none is given");
}

static enum ike_after
refuse_peer(struct ike_chain *c, uint16_t error)
{
	ike_x_refuse(c, error, 0);
	return IKE_AFTER_FAILED;
}

/** Either proof is not there: a job has it, there are too many of them, or there is none. */
static enum ike_after
no_proof(struct ike_chain *c, int err)
{
	if (err == -EINPROGRESS)
		return IKE_AFTER_WAIT;
	if (err == -EBUSY)
		return IKE_AFTER_SILENCE;
	return refuse_peer(c, IKE_N_AUTHENTICATION_FAILED);
}

enum ike_after
ike_x_auth_request(struct ike_sa *sa, const struct ike_path *path, const struct ike_msg *m,
	struct ike_chain *c)
{
	bool contact = ike_msg_notify(m, IKE_N_INITIAL_CONTACT, NULL);
	struct ike_nego_msg in;
	int err;

	if (ike_inter_missing(sa)) {
		ike_log(sa->e, IKE_LOG_WARN, "IKE", sa->conn->name,
			"the peer leaves out additional key exchanges that it agreed to");
		return refuse_peer(c, IKE_N_INVALID_SYNTAX);
	}
	if (!choose_conn(sa, path, m) || !ike_ppk_request(sa, m))
		return refuse_peer(c, IKE_N_AUTHENTICATION_FAILED);
	err = ike_auth_verify(sa, m);
	if (err != 0)
		return no_proof(c, err);
	if (ike_unique_surplus(sa, contact))
		return refuse_peer(c, IKE_N_AUTHENTICATION_FAILED);
	ike_auth_read_wishes(sa, m);
	if (lacks_child(sa, m) || is_malformed(sa, m, &in))
		return refuse_peer(c, IKE_N_INVALID_SYNTAX);
	err = ike_auth_prepare(sa, IKE_AUTH_MAIN);
	if (err != 0)
		return no_proof(c, err);
	/* the peer may have floated to 4500, by NAT or MOBIKE: follow it from here on */
	ike_sa_set_path(sa, path);
	build_response(sa, m, c);
	ike_sa_up(sa);
	ike_qcd_keep(sa, m);
	note_cp(sa, m);
	if (ike_msg_find(m, IKE_PLD_SA) != NULL) /* else childless, RFC 6023 */
		answer_child(sa, &in, contact, c);
	ike_sa_setup_done(sa);
	ike_unique_apply(sa, contact);
	return IKE_AFTER_REPLY;
}
