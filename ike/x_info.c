/* SPDX-License-Identifier: BSD-3-Clause */

/* INFORMATIONAL (RFC 7296 1.4): deletion, liveness, news. */

#include <errno.h>

#include "dup.h"
#include "nego.h"
#include "payload.h"
#include "qcd.h"
#include "reauth.h"
#include "unique.h"
#include "x.h"

/* ---- deleting a child ---- */

static struct ike_child *
child_of(const struct ike_sa *sa, uint32_t id)
{
	struct ike_child *c = id == 0 ? NULL : ike_child_by_id(sa->e, id);

	return c != NULL && c->sa == sa ? c : NULL;
}

int
ike_x_delete_child_build(struct ike_sa *sa, struct ike_task *t, struct ike_chain *c)
{
	struct ike_child *child = child_of(sa, t->child_id);
	uint32_t spi = child != NULL ? child->spi_in : t->spi;

	if (spi == 0 || (child != NULL && child->closed))
		return -EALREADY;
	if (child != NULL && child->state != IKE_CST_REKEYED) {
		ike_child_stop_sending(child);
		ike_child_set_state(child, IKE_CST_DELETING);
	}
	ike_pld_delete_build(c, IKE_PROTO_ESP, &spi, 1);
	return 0;
}

void
ike_x_delete_child_process(struct ike_sa *sa, struct ike_task *t, const struct ike_msg *m)
{
	struct ike_child *child = child_of(sa, t->child_id);

	if (child == NULL || child->closed)
		return;
	if (child->state == IKE_CST_REKEYED)
		ike_child_linger(child);
	else
		ike_child_remove(
			child, child->expired ? "its hard limit was reached" : "deleted by us");
}

/* ---- deleting the IKE SA ---- */

int
ike_x_delete_ike_build(struct ike_sa *sa, struct ike_task *t, struct ike_chain *c)
{
	/* unique = replace gave it some time, and sees again what it has; if it is alive */
	if (t->not_before_ms != 0 && ike_unique_is_needed(sa)) {
		ike_task_add(sa, IKE_TASK_LIVENESS, NULL, 0, 0);
		return -EALREADY;
	}
	if (sa->auth_failed)
		ike_pld_notify_build(c, IKE_N_AUTHENTICATION_FAILED, NULL, 0);
	ike_pld_delete_build(c, IKE_PROTO_IKE, NULL, 0);
	ike_sa_deleting(sa);
	for (struct ike_child *child = sa->children; child != NULL; child = child->next)
		ike_child_stop_sending(child);
	return 0;
}

void
ike_x_delete_ike_process(struct ike_sa *sa, struct ike_task *t, const struct ike_msg *m)
{
	ike_sa_end(sa, IKE_END_LOCAL, true, "deleted by us");
}

/* ---- liveness ---- */

int
ike_x_liveness_build(struct ike_sa *sa, struct ike_task *t, struct ike_chain *c)
{
	return 0; /* an empty message is the question */
}

void
ike_x_liveness_process(struct ike_sa *sa, struct ike_task *t, const struct ike_msg *m)
{
	sa->last_in_ms = sa->e->now_ms;
	ike_reauth_alive(sa);
	if (sa->dup_ms == 0)
		return;
	/* this question was older: what comes behind its answer has not had its time */
	if (sa->e->now_ms < sa->dup_ms)
		ike_task_again(sa, t, sa->dup_ms);
	else
		ike_dup_alive(sa);
}

/* ---- requests of the peer ---- */

/** SPIs of ours that go with those that the peer deletes. */
struct gone {
	uint32_t spis[IKE_DELETE_SPIS_MAX];
	unsigned int n;
};

static void
peer_deletes(struct ike_sa *sa, uint32_t spi, struct gone *gone)
{
	struct ike_child *c = ike_child_by_spi_out(sa, spi);

	/* the answer to our own request is on its way: it may be the one that this makes */
	if (c == NULL && ike_x_child_in_flight(sa) && sa->active->nego != NULL)
		sa->active->nego->gone_spi = spi;
	/* unknown; already deleted; or both ends delete it: then each names its own (1.4.1) */
	if (c == NULL || c->closed || c->state == IKE_CST_DELETING)
		return;
	gone->spis[gone->n++] = c->spi_in;
	if (c->state == IKE_CST_REKEYED) {
		ike_child_linger(c);
		return;
	}
	if (ike_child_revert(c))
		return;
	ike_sa_act(sa, c->cfg, IKE_END_PEER);
	ike_child_remove(c, "deleted by the peer");
}

static void
delete_children(struct ike_sa *sa, const struct ike_delete *d, struct gone *gone)
{
	if (d->protocol != IKE_PROTO_ESP)
		return;
	for (uint16_t i = 0; i < d->n && gone->n < IKE_DELETE_SPIS_MAX; i++)
		peer_deletes(sa, d->spis[i], gone);
}

/** @return true when the IKE SA itself is deleted */
static bool
handle_deletes(struct ike_sa *sa, const struct ike_msg *m, struct ike_chain *c)
{
	struct gone gone = {.n = 0};
	struct ike_delete d;

	for (unsigned int i = 0; i < m->n; i++) {
		if (m->pld[i].type != IKE_PLD_DELETE ||
			ike_pld_delete_parse(&d, m->pld[i].body) != 0)
			continue;
		if (d.protocol == IKE_PROTO_IKE)
			return true;
		ike_sa_adopt(sa);
		delete_children(sa, &d, &gone);
	}
	if (gone.n > 0)
		ike_pld_delete_build(c, IKE_PROTO_ESP, gone.spis, gone.n);
	return false;
}

bool
ike_x_is_fatal(uint16_t error)
{
	return error == IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD || error == IKE_N_INVALID_SYNTAX ||
	       error == IKE_N_AUTHENTICATION_FAILED;
}

/**
 * The peer got ESP on an SPI that it does not know (1.5). When it is one that we use, the two ends
 * disagree: rekeying mends it, or brings CHILD_SA_NOT_FOUND and a new child. When it is one of
 * another IKE SA with the same peer, that one may be forgotten there as a whole.
 */
static void
invalid_spi(struct ike_sa *sa, const struct ike_notify *n)
{
	struct ike_rd r = ike_rd_view(n->data);
	uint32_t spi = ike_rd_u32(&r);
	struct ike_child *c = ike_child_by_spi_out(sa, spi);

	if (!ike_rd_done(&r))
		return;
	if (c != NULL && ike_child_is_live(c)) {
		ike_child_rekey(c);
		return;
	}
	for (struct ike_sa *o = ike_sa_same_ends(sa, NULL); o != NULL;
		o = ike_sa_same_ends(sa, o)) {
		c = ike_child_by_spi_out(o, spi);
		if (c == NULL)
			continue;
		ike_unique_contest(o);
		if (ike_child_is_live(c))
			ike_child_rekey(c);
	}
}

/**
 * What the peer complains of. Errors in a request change nothing (3.10.1) but are worth a line; an
 * initiator that does not take our IKE_AUTH response says so here, with or without a DELETE
 * (2.21.2).
 * @return true when the IKE SA is over
 */
static bool
handle_errors(struct ike_sa *sa, const struct ike_msg *m)
{
	struct ike_notify n;
	unsigned int pos = 0;
	bool fatal = false;
	char buf[32];

	while (ike_msg_notify_next(m, &pos, &n)) {
		if (n.type == 0 || n.type > IKE_N_ERROR_MAX)
			continue;
		ike_log(sa->e, IKE_LOG_WARN, "IKE", sa->conn->name, "the peer reports %s%s",
			ike_x_notify_text(n.type, buf, sizeof(buf)),
			n.type == IKE_N_AUTHENTICATION_FAILED
				? ": our identity or secret is not the one it knows, most likely"
				: "");
		if (n.type == IKE_N_INVALID_SPI)
			invalid_spi(sa, &n);
		fatal |= ike_x_is_fatal(n.type);
	}
	return fatal;
}

enum ike_after
ike_x_info_request(struct ike_sa *sa, const struct ike_path *path, const struct ike_msg *m,
	struct ike_chain *c)
{
	if (handle_errors(sa, m))
		return IKE_AFTER_DELETED;
	if (handle_deletes(sa, m, c))
		return IKE_AFTER_DELETED;
	ike_qcd_keep(sa, m);
	ike_mobike_request(sa, path, m, c);
	return IKE_AFTER_REPLY;
}
