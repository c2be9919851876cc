/* SPDX-License-Identifier: BSD-3-Clause */

/* IKE_AUTH (RFC 7296 1.2): identities, authentication, and the first child. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conn.h"
#include "nego.h"
#include "payload.h"
#include "x.h"

#define NATT_PORT 4500
#define YOUNG_MS  10000

static void
auth_log(const struct ike_sa *sa, const char *what, const char *cause)
{
	char l[IKE_TEXT_MAX], r[IKE_TEXT_MAX];

	ike_log(sa->e, IKE_LOG_WARN, "IKE", sa->conn->name, "%s: we are '%s', the peer is '%s': %s",
		what, ike_id_str(&sa->local_id, l, sizeof(l)),
		ike_id_str(&sa->remote_id, r, sizeof(r)), cause);
}

/* ---- AUTH, RFC 7296 2.15 ---- */

/**
 * AUTH of the original initiator or responder. Its first message, the other side's nonce and its
 * own identity are covered.
 */
static int
auth_value(struct ike_sa *sa, bool of_initiator, uint8_t out[IKE_PRF_MAX])
{
	const struct ike_setup *s = sa->setup;
	const struct ike_secret *psk = ike_secret_find(sa->e->cfg, &sa->local_id, &sa->remote_id);
	const struct ike_id *id = of_initiator == sa->initiator ? &sa->local_id : &sa->remote_id;
	const struct ike_blob *msg = of_initiator ? &s->init_req : &s->init_resp;
	uint8_t body[IKE_ID_BODY_MAX];
	struct ike_view id_body = {.p = body, .len = ike_id_body(id, body, sizeof(body))};

	if (psk == NULL) {
		auth_log(sa, "authentication impossible",
			"no pre-shared key is configured for them");
		return -ENOKEY;
	}
	return ike_keymat_auth_psk(&sa->keys, of_initiator,
		(struct ike_view){.p = psk->data, .len = psk->len},
		(struct ike_view){.p = msg->p, .len = msg->len},
		ike_nonce_view(of_initiator ? &s->nr : &s->ni), id_body, out);
}

static int
build_auth(struct ike_sa *sa, struct ike_chain *c)
{
	uint8_t auth[IKE_PRF_MAX];
	int err = auth_value(sa, sa->initiator, auth);

	if (err == 0)
		ike_pld_auth_build(c, IKE_AUTH_PSK, auth, sa->keys.prf_len);
	ike_wipe(auth, sizeof(auth));
	return err;
}

static bool
verify_auth(struct ike_sa *sa, const struct ike_msg *m)
{
	const struct ike_payload *p = ike_msg_find(m, IKE_PLD_AUTH);
	uint8_t want[IKE_PRF_MAX];
	struct ike_auth got;
	bool good;

	if (p == NULL || ike_pld_auth_parse(&got, p->body) != 0 || got.method != IKE_AUTH_PSK) {
		auth_log(sa, "authentication failed",
			"the peer does not authenticate by pre-shared key, which is what is "
			"configured");
		return false;
	}
	if (auth_value(sa, !sa->initiator, want) != 0)
		return false;
	good = got.data.len == sa->keys.prf_len &&
	       ike_mem_equal(want, got.data.p, sa->keys.prf_len);
	ike_wipe(want, sizeof(want));
	if (!good)
		auth_log(sa, "authentication failed",
			"the pre-shared keys of both ends differ, most likely");
	return good;
}

/* ---- uniqueness ---- */

static bool
same_ends(const struct ike_sa *a, const struct ike_sa *b)
{
	return ike_id_equal(&a->remote_id, &b->remote_id) &&
	       ike_id_equal(&a->local_id, &b->local_id);
}

/** Another SA between the same two identities. NULL = none, from = where to go on looking. */
static struct ike_sa *
other_sa(const struct ike_sa *sa, struct ike_sa *from)
{
	struct ike_sa *o;

	for (o = from; o != NULL; o = o->next)
		if (o != sa && o->state == IKE_SA_UP && same_ends(o, sa))
			break;
	return o;
}

/**
 * INITIAL_CONTACT (2.4): whatever else we have with this peer is gone on its side. When both ends
 * connect at once, the peer may have said so before it took our SA: a young one is asked first.
 */
static void
initial_contact(struct ike_sa *sa)
{
	struct ike_sa *o, *next;

	for (o = other_sa(sa, sa->e->sas); o != NULL; o = next) {
		next = other_sa(sa, o->next);
		if (o->initiator && sa->e->now_ms - o->up_ms < YOUNG_MS)
			ike_task_add(o, IKE_TASK_LIVENESS, NULL, 0, 0);
		else
			ike_sa_end(
				o, IKE_END_LOCAL, false, "the peer started anew (INITIAL_CONTACT)");
	}
}

static void
delete_others(struct ike_sa *sa)
{
	struct ike_sa *o;

	for (o = other_sa(sa, sa->e->sas); o != NULL; o = other_sa(sa, o->next))
		ike_task_add(o, IKE_TASK_DELETE_IKE, NULL, 0, 0);
}

static void
apply_unique(struct ike_sa *sa, bool contact)
{
	enum ike_unique unique = sa->conn->unique;

	if (contact && unique != IKE_UNIQUE_NEVER)
		initial_contact(sa);
	else if (unique == IKE_UNIQUE_REPLACE)
		delete_others(sa);
}

/* ---- initiator ---- */

static void
auth_failed(struct ike_sa *sa, const char *reason)
{
	ike_sa_end(sa, IKE_END_FAILED, false, reason);
}

static bool
childless(const struct ike_sa *sa)
{
	return sa->setup->peer_childless && sa->conn->childless != IKE_CHILDLESS_NEVER &&
	       (sa->setup->child == NULL || sa->conn->childless == IKE_CHILDLESS_FORCE);
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

/** NAT found, by the other's hashes: from here on both use 4500 (2.23). */
static void
float_ports(struct ike_sa *sa)
{
	if (!ike_sa_encap(sa) || sa->path.remote_port != 500)
		return;
	sa->path.local_port = sa->path.remote_port = NATT_PORT;
}

int
ike_x_auth_build(struct ike_sa *sa, struct ike_task *t, struct ike_chain *c)
{
	struct ike_setup *s = sa->setup;
	int err;

	float_ports(sa);
	ike_conn_local_id(sa->conn, &sa->path, &sa->local_id);
	if (ike_id_is_concrete(&sa->conn->remote.id))
		sa->remote_id = sa->conn->remote.id;
	else
		ike_id_from_addr(&sa->remote_id, &sa->path.remote);
	err = prepare_child(sa, t);
	if (err != 0)
		return err;
	ike_pld_id_build(c, IKE_PLD_IDI, &sa->local_id);
	s->sent_contact = sa->conn->unique != IKE_UNIQUE_NEVER && sa->reauth_of == 0 &&
			  other_sa(sa, sa->e->sas) == NULL;
	if (s->sent_contact)
		ike_pld_notify_build(c, IKE_N_INITIAL_CONTACT, NULL, 0);
	if (ike_id_is_concrete(&sa->conn->remote.id))
		ike_pld_id_build(c, IKE_PLD_IDR, &sa->conn->remote.id);
	err = build_auth(sa, c);
	if (err == 0 && t->nego != NULL)
		ike_nego_build_offer(sa, t->nego, c);
	return err;
}

/** The peer is who it should be: what it called itself fits, and it knows the secret. */
static bool
authenticate(struct ike_sa *sa, const struct ike_msg *m)
{
	const struct ike_payload *p = ike_msg_find(m, IKE_PLD_IDR);
	char want[IKE_TEXT_MAX];

	if (p == NULL || ike_pld_id_parse(&sa->remote_id, p->body) != 0)
		return false;
	if (ike_id_match(&sa->remote_id, &sa->conn->remote.id) == 0) {
		auth_log(sa, "authentication failed", "that is not whom we want");
		ike_log(sa->e, IKE_LOG_WARN, "IKE", sa->conn->name,
			"remote id is configured as '%s'",
			ike_id_str(&sa->conn->remote.id, want, sizeof(want)));
		return false;
	}
	return verify_auth(sa, m);
}

static void
refused(struct ike_sa *sa, uint16_t error)
{
	char buf[32], reason[160];

	snprintf(reason, sizeof(reason), "the peer refused IKE_AUTH with %s",
		ike_x_notify_text(error, buf, sizeof(buf)));
	if (error == IKE_N_AUTHENTICATION_FAILED)
		auth_log(sa, "the peer says AUTHENTICATION_FAILED",
			"it knows other identities or another pre-shared key, most likely");
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
		ike_child_failed(sa, child, "the peer's authentication failed");
	sa->e->stats.ike_failed++;
	ike_task_add(sa, IKE_TASK_DELETE_IKE, NULL, 0, 0);
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
	if (error != 0) {
		if (error == IKE_N_NO_PROPOSAL_CHOSEN)
			ike_nego_log_refused(sa, t->nego);
		snprintf(reason, sizeof(reason), "the peer refused it with %s",
			ike_x_notify_text(error, buf, sizeof(buf)));
		ike_child_failed(sa, cfg, reason);
		return;
	}
	if (ike_nego_parse(&in, m, true) != 0 || ike_nego_accept(sa, t->nego, &in, &why) != 0) {
		ike_child_failed(sa, cfg, why);
		ike_x_delete_unwanted(sa, t->nego);
		return;
	}
	if (ike_child_install(sa, t->nego, true, (struct ike_view){0}, true) == NULL) {
		ike_child_failed(sa, cfg, "it could not be installed");
		ike_x_delete_unwanted(sa, t->nego);
	}
}

void
ike_x_auth_process(struct ike_sa *sa, struct ike_task *t, const struct ike_msg *m)
{
	uint16_t error = ike_msg_error(m);

	/* without AUTH it is the whole SA that is refused */
	if (ike_msg_find(m, IKE_PLD_AUTH) == NULL) {
		refused(sa, error != 0 ? error : IKE_N_INVALID_SYNTAX);
		return;
	}
	if (!authenticate(sa, m)) {
		reject_peer(sa);
		return;
	}
	ike_sa_up(sa);
	if (t->nego != NULL)
		accept_child(sa, t, m);
	ike_sa_setup_done(sa);
	apply_unique(sa, false);
}

/* ---- responder ---- */

static bool
read_ids(struct ike_sa *sa, const struct ike_msg *m, struct ike_id *idr, bool *has_idr)
{
	const struct ike_payload *i = ike_msg_find(m, IKE_PLD_IDI);
	const struct ike_payload *r = ike_msg_find(m, IKE_PLD_IDR);

	*has_idr = r != NULL;
	if (i == NULL || ike_pld_id_parse(&sa->remote_id, i->body) != 0)
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
	conn = ike_conn_by_ids(
		sa->e->cfg, path, &sa->keys.suite, &sa->remote_id, has_idr ? &idr : NULL);
	if (conn == NULL) {
		ike_log(sa->e, IKE_LOG_WARN, "IKE", sa->conn->name,
			"no connection matches the peer's identity '%s'%s%s%s",
			ike_id_str(&sa->remote_id, i, sizeof(i)),
			has_idr ? ", which asks for '" : "",
			has_idr ? ike_id_str(&idr, r, sizeof(r)) : "", has_idr ? "'" : "");
		return false;
	}
	sa->conn = conn;
	ike_conn_local_id(conn, path, &sa->local_id);
	return true;
}

/** unique = keep: the first one stays. */
static bool
is_surplus(const struct ike_sa *sa, bool contact)
{
	if (sa->conn->unique != IKE_UNIQUE_KEEP || contact || other_sa(sa, sa->e->sas) == NULL)
		return false;
	ike_log(sa->e, IKE_LOG_WARN, "IKE", sa->conn->name,
		"unique = keep: there is an IKE_SA with this peer already");
	return true;
}

/** The child that comes with IKE_AUTH. Its failure leaves the IKE SA up (1.2). */
static void
answer_child(struct ike_sa *sa, const struct ike_msg *m, struct ike_chain *c)
{
	struct ike_nego_msg in;
	struct ike_nego *n;
	uint16_t error;

	if (ike_msg_find(m, IKE_PLD_SA) == NULL)
		return; /* childless, RFC 6023 */
	n = ike_nego_create(sa);
	if (n == NULL) {
		ike_x_refuse(c, IKE_N_NO_ADDITIONAL_SAS, 0);
		return;
	}
	error = ike_nego_parse(&in, m, true) != 0 ? IKE_N_INVALID_SYNTAX
						  : ike_nego_answer(sa, n, &in, NULL, true);
	if (error == 0 && ike_child_install(sa, n, false, (struct ike_view){0}, true) == NULL)
		error = IKE_N_NO_ADDITIONAL_SAS;
	if (error == 0)
		ike_nego_build_answer(n, c);
	else
		ike_x_refuse(c, error, 0);
	ike_nego_free(sa, n);
}

static void
build_response(struct ike_sa *sa, const struct ike_msg *m, struct ike_chain *c)
{
	ike_pld_id_build(c, IKE_PLD_IDR, &sa->local_id);
	if (build_auth(sa, c) != 0)
		c->w.bad = true; /* it has just been computed for the peer: libcrypto failed */
	sa->mobike = sa->conn->mobike && ike_msg_notify(m, IKE_N_MOBIKE_SUPPORTED, NULL);
	if (sa->mobike)
		ike_pld_notify_build(c, IKE_N_MOBIKE_SUPPORTED, NULL, 0);
}

/** RFC 6023 3: for who does not support it, an IKE_AUTH without child is malformed. */
static bool
lacks_child(const struct ike_sa *sa, const struct ike_msg *m)
{
	if (sa->conn->childless != IKE_CHILDLESS_NEVER || ike_msg_find(m, IKE_PLD_SA) != NULL)
		return false;
	auth_log(sa, "IKE_AUTH refused", "it asks for no CHILD_SA, and childless = never");
	return true;
}

static enum ike_after
refuse_peer(struct ike_chain *c, uint16_t error)
{
	ike_x_refuse(c, error, 0);
	return IKE_AFTER_FAILED;
}

enum ike_after
ike_x_auth_request(struct ike_sa *sa, const struct ike_path *path, const struct ike_msg *m,
	struct ike_chain *c)
{
	bool contact = ike_msg_notify(m, IKE_N_INITIAL_CONTACT, NULL);

	if (!choose_conn(sa, path, m) || !verify_auth(sa, m) || is_surplus(sa, contact))
		return refuse_peer(c, IKE_N_AUTHENTICATION_FAILED);
	if (lacks_child(sa, m))
		return refuse_peer(c, IKE_N_INVALID_SYNTAX);
	/* the peer may have floated to 4500, by NAT or MOBIKE: follow it from here on */
	sa->path = *path;
	build_response(sa, m, c);
	ike_sa_up(sa);
	answer_child(sa, m, c);
	ike_sa_setup_done(sa);
	apply_unique(sa, contact);
	return IKE_AFTER_REPLY;
}
