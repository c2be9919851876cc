/* SPDX-License-Identifier: BSD-3-Clause */
#include "sa.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "nego.h"
#include "qcd.h"
#include "reauth.h"
#include "send.h"
#include "source.h"
#include "unique.h"
#include "x.h"
#include "x_follow.h"

#define REFUSED_RETRY_MS 30000 /* a peer that is starting has no configuration for a while */
#define CONTACT_WAIT_MS  2000  /* one that has started brings back what it wants itself */

static void
set_state(struct ike_sa *sa, enum ike_sa_state state)
{
	/* who failed to prove itself has cost as much as who still may: it counts while it lingers
	 */
	if (state != IKE_SA_LINGER)
		ike_source_del(sa);
	sa->e->n_state[sa->state]--;
	sa->e->n_state[state]++;
	sa->state = state;
	sa->state_ms = sa->e->now_ms;
	ike_sa_touch(sa);
}

void
ike_sa_touch(struct ike_sa *sa)
{
	if (sa->dirty)
		return;
	sa->dirty = true;
	sa->dirty_next = sa->e->dirty;
	sa->e->dirty = sa;
}

static void
free_id(const struct ike_id *id)
{
	if (id != &ike_id_any)
		free((void *)(uintptr_t)id);
}

int
ike_blob_set(struct ike_blob *b, const void *p, size_t len)
{
	uint8_t *copy = NULL;

	if (len > 0) {
		copy = malloc(len);
		if (copy == NULL)
			return -ENOMEM;
		memcpy(copy, p, len);
	}
	if (b->p != NULL)
		ike_wipe(b->p, b->len);
	free(b->p);
	b->p = copy;
	b->len = len;
	return 0;
}

int
ike_sa_set_id(const struct ike_id **at, const struct ike_id *id)
{
	const struct ike_id *copy = ike_id_dup(id);

	if (copy == NULL)
		return -ENOMEM;
	free_id(*at);
	*at = copy;
	return 0;
}

static void
setup_free(struct ike_sa *sa)
{
	struct ike_setup *s = sa->setup;

	if (s == NULL)
		return;
	ike_unique_unclaim(sa);
	ike_blob_set(&s->init_req, NULL, 0);
	ike_blob_set(&s->init_resp, NULL, 0);
	ike_blob_set(&s->ni, NULL, 0);
	ike_blob_set(&s->nr, NULL, 0);
	ike_blob_set(&s->int_auth_i, NULL, 0);
	ike_blob_set(&s->int_auth_r, NULL, 0);
	ike_blob_set(&s->cookie, NULL, 0);
	ike_blob_set(&s->cas, NULL, 0);
	ike_dh_destroy(s->dh);
	if (s->plain != NULL)
		ike_wipe(s->plain, sizeof(*s->plain));
	free(s->plain);
	if (s->next_keys != NULL)
		ike_wipe(s->next_keys, sizeof(*s->next_keys));
	free(s->next_keys);
	ike_wipe(s, sizeof(*s));
	free(s);
	sa->setup = NULL;
}

void
ike_sa_drop_frags(struct ike_sa *sa, bool response)
{
	if (sa->frags[response] != NULL)
		ike_frags_fini(sa->frags[response]);
	free(sa->frags[response]);
	sa->frags[response] = NULL;
}

static void
frags_free(struct ike_sa *sa)
{
	ike_sa_drop_frags(sa, false);
	ike_sa_drop_frags(sa, true);
}

static void
jobs_free(struct ike_sa *sa)
{
	ike_follow_drop(sa);
	ike_jobs_clear(sa, IKE_JOB_PEER);
	ike_jobs_clear(sa, IKE_JOB_OWN);
}

/* ---- creation ---- */

static struct ike_sa *
make_sa(struct ike *e, const struct ike_conn_cfg *conn, const struct ike_path *path)
{
	struct ike_sa *sa;

	if (ike_heap_reserve(&e->heap, e->n_listed + 3) != 0)
		return NULL;
	sa = calloc(1, sizeof(*sa));
	if (sa == NULL)
		return NULL;
	sa->e = e;
	sa->local_id = sa->remote_id = &ike_id_any;
	sa->id = ++e->last_sa_id;
	sa->conn = conn;
	sa->path = *path;
	sa->created_ms = sa->last_in_ms = sa->state_ms = e->now_ms;
	sa->rekey_ms = sa->reauth_ms = sa->expire_ms = IKE_NEVER;
	return sa;
}

/** Into lists and tables: from here on it ends by ike_sa_end(). */
static void
start_life(struct ike_sa *sa, enum ike_sa_state state)
{
	sa->state = state;
	sa->e->n_state[state]++;
	ike_sa_enlist(sa);
	ike_sa_touch(sa);
}

struct ike_sa *
ike_sa_create(
	struct ike *e, const struct ike_conn_cfg *conn, const struct ike_path *path, bool initiator)
{
	struct ike_sa *sa = make_sa(e, conn, path);

	if (sa == NULL)
		return NULL;
	sa->setup = calloc(1, sizeof(*sa->setup));
	if (sa->setup == NULL) {
		free(sa);
		return NULL;
	}
	sa->initiator = initiator;
	if (initiator)
		sa->spi_i = ike_new_spi(e);
	else
		sa->spi_r = ike_new_spi(e);
	start_life(sa, initiator ? IKE_SA_INIT_SENT : IKE_SA_HALF_OPEN);
	if (!initiator)
		ike_source_add(sa);
	return sa;
}

static uint64_t
in_s(const struct ike_sa *sa, uint64_t s, uint64_t rand_s)
{
	uint64_t ms = s * 1000, rand = (rand_s < s ? rand_s : s) * 1000;

	return s == 0 ? IKE_NEVER : sa->e->now_ms + ms - ike_random_upto(sa->e, rand);
}

static void
start_lifetimes(struct ike_sa *sa)
{
	const struct ike_conn_cfg *c = sa->conn;
	uint64_t first;

	sa->up_ms = sa->last_in_ms = sa->e->now_ms;
	sa->rekey_ms = in_s(sa, c->rekey_time_s, c->rand_time_s);
	/* reauthentication counts from the first authentication and survives rekeying */
	if (sa->reauth_ms == IKE_NEVER)
		sa->reauth_ms = in_s(sa, c->reauth_time_s, c->rand_time_s);
	/* so long for what comes first to succeed; reauthentication may be due in an instant here
	 */
	first = sa->reauth_ms < sa->rekey_ms ? sa->reauth_ms : sa->rekey_ms;
	if (first != IKE_NEVER && c->over_time_s != 0)
		sa->expire_ms = first + c->over_time_s * UINT64_C(1000);
}

struct ike_sa *
ike_sa_create_rekeyed(struct ike_sa *old, bool initiator)
{
	struct ike_sa *sa = make_sa(old->e, old->conn, &old->path);

	if (sa == NULL)
		return NULL;
	sa->initiator = initiator;
	if (ike_sa_set_id(&sa->local_id, old->local_id) != 0 ||
		ike_sa_set_id(&sa->remote_id, old->remote_id) != 0) {
		ike_sa_discard(sa);
		return NULL;
	}
	sa->nat_local = old->nat_local;
	sa->nat_remote = old->nat_remote;
	sa->peer_natt = old->peer_natt;
	sa->behind_nat = old->behind_nat;
	sa->sent_ms = old->sent_ms;
	sa->frag = old->frag;
	sa->mobike = old->mobike;
	sa->ppk = old->ppk;
	sa->reauth_ms = old->reauth_ms;
	start_lifetimes(sa);
	return sa;
}

void
ike_sa_begin_rekeyed(struct ike_sa *sa, uint64_t spi_i, uint64_t spi_r)
{
	sa->spi_i = spi_i;
	sa->spi_r = spi_r;
	start_life(sa, IKE_SA_UP);
	ike_sa_know_ends(sa);
}

void
ike_sa_discard(struct ike_sa *sa)
{
	free_id(sa->local_id);
	free_id(sa->remote_id);
	ike_wipe(sa, sizeof(*sa));
	free(sa);
}

/* ---- transitions ---- */

void
ike_sa_auth_sent(struct ike_sa *sa)
{
	set_state(sa, IKE_SA_AUTH_SENT);
}

static void
raise_event(struct ike_sa *sa, enum ike_event_type type, const char *reason)
{
	const struct ike_event ev = {
		.type = type, .conn = sa->conn, .ike_id = sa->id, .reason = reason};

	sa->e->host.event(sa->e->host.arg, &ev);
}

void
ike_sa_up(struct ike_sa *sa)
{
	char l[IKE_TEXT_MAX], r[IKE_TEXT_MAX], a[64], b[64], s[IKE_TEXT_MAX];
	const struct ike_path *p = &sa->path;

	set_state(sa, IKE_SA_UP);
	ike_sa_know_ends(sa);
	start_lifetimes(sa);
	sa->e->stranger = false;
	sa->e->stats.ike_up++;
	ike_log(sa->e, IKE_LOG_INFO, "IKE", sa->conn->name,
		"IKE_SA %u up: %s (%s) - %s (%s), %s%s, as %s", sa->id,
		ike_addr_text(&p->local, p->local_port, a, sizeof(a)),
		ike_id_str(sa->local_id, l, sizeof(l)),
		ike_addr_text(&p->remote, p->remote_port, b, sizeof(b)),
		ike_id_str(sa->remote_id, r, sizeof(r)),
		ike_suite_text(&sa->keys.suite, s, sizeof(s)), sa->ppk ? " with PPK" : "",
		sa->initiator ? "initiator" : "responder");
	sa->was_up = true;
	raise_event(sa, IKE_EV_IKE_UP, NULL);
}

void
ike_sa_setup_done(struct ike_sa *sa)
{
	setup_free(sa);
}

void
ike_sa_replaced(struct ike_sa *sa, struct ike_sa *by)
{
	by->was_up = true;
	/* a rival that is not decided on is that under its new keys, too */
	by->rival_of = sa->rival_of;
	sa->rival_of = 0;
	sa->successor = by->id;
	ike_reauth_follow(sa, by);
	by->reauth_of = sa->reauth_of;
	sa->reauth_of = 0;
	sa->replaced = true;
	sa->was_up = false;
	ike_qcd_renew(sa, by);
	ike_follow_drop(sa);
	ike_child_move_all(sa, by);
	ike_task_move(sa, by);
	if (sa->dup_ms != 0) {
		by->dup_ms = sa->dup_ms;
		ike_task_add(by, IKE_TASK_LIVENESS, NULL, 0, by->dup_ms);
	}
	sa->e->stats.ike_rekeys++;
	ike_log(sa->e, IKE_LOG_INFO, "IKE", sa->conn->name, "IKE_SA %u rekeyed, %u takes over",
		sa->id, by->id);
	if (sa->state == IKE_SA_UP)
		set_state(sa, IKE_SA_REKEYED);
}

void
ike_sa_retire(struct ike_sa *sa)
{
	sa->replaced = true;
	ike_task_add(sa, IKE_TASK_DELETE_IKE, NULL, 0, 0);
}

bool
ike_sa_is_leaving(const struct ike_sa *sa)
{
	const struct ike_task *end = ike_task_find(sa, IKE_TASK_DELETE_IKE, NULL, 0);

	return sa->replaced || (end != NULL && end->not_before_ms == 0);
}

struct ike_sa *
ike_sa_rival(const struct ike_sa *sa)
{
	struct ike_sa *o = ike_sa_same_ends(sa, NULL);

	while (o != NULL && o->rival_of != sa->id)
		o = ike_sa_same_ends(sa, o);
	return o;
}

void
ike_sa_adopt(struct ike_sa *sa)
{
	struct ike_sa *old = sa->rival_of != 0 ? ike_sa_by_id(sa->e, sa->rival_of) : NULL;

	sa->rival_of = 0;
	if (old != NULL && old->state == IKE_SA_UP)
		ike_sa_replaced(old, sa);
}

void
ike_sa_moved(struct ike_sa *sa, const struct ike_path *path, bool nat_local, bool nat_remote)
{
	char a[64], b[64];

	ike_log(sa->e, IKE_LOG_INFO, "NET", sa->conn->name,
		"IKE_SA %u: the peer moved from %s to %s", sa->id,
		ike_addr_text(&sa->path.remote, sa->path.remote_port, a, sizeof(a)),
		ike_addr_text(&path->remote, path->remote_port, b, sizeof(b)));
	ike_sa_set_path(sa, path);
	sa->nat_local = nat_local;
	sa->nat_remote = nat_remote;
	for (struct ike_child *c = sa->children; c != NULL; c = c->next) {
		c->udp_encap = ike_sa_encap(sa);
		sa->e->host.child_path(sa->e->host.arg, c->id, path, c->udp_encap);
	}
}

void
ike_sa_deleting(struct ike_sa *sa)
{
	set_state(sa, IKE_SA_DELETING);
}

/* ---- the end ---- */

static const char *
action_name(enum ike_end why)
{
	static const char *const names[] = {
		[IKE_END_PEER] = "close_action",
		[IKE_END_DEAD] = "dpd_action",
		[IKE_END_REFUSED] = "no success for now",
		[IKE_END_CONTACT] = "the peer started anew",
	};

	return names[why];
}

/** What the configuration says of a child that ended for that reason. */
static unsigned int
action_of(const struct ike_child_cfg *cfg, enum ike_end why)
{
	switch (why) {
	case IKE_END_DEAD:
		return cfg->dpd_action;
	case IKE_END_PEER:
		return cfg->close_action;
	case IKE_END_REFUSED:
		/* nothing has ended that an action is for, but what was to be up is not */
		return (cfg->start_action | cfg->dpd_action | cfg->close_action) & IKE_ACTION_START;
	case IKE_END_CONTACT:
		/* what was to be up is not, and its peer was dead */
		return cfg->dpd_action | (cfg->start_action & IKE_ACTION_START);
	default:
		return IKE_ACTION_NONE;
	}
}

void
ike_sa_act(struct ike_sa *sa, const struct ike_child_cfg *cfg, enum ike_end why)
{
	struct ike_host *h = &sa->e->host;
	bool unwanted = sa->replaced || ike_wish_is_banned(sa->e, sa->conn, cfg);
	unsigned int action = unwanted ? IKE_ACTION_NONE : action_of(cfg, why);
	uint64_t at = sa->e->now_ms;

	if ((action & IKE_ACTION_TRAP) != 0 && h->trap != NULL)
		h->trap(h->arg, sa->conn, cfg);
	if ((action & IKE_ACTION_START) == 0)
		return;
	if (why == IKE_END_REFUSED)
		at += REFUSED_RETRY_MS;
	else if (why == IKE_END_CONTACT)
		at += CONTACT_WAIT_MS;
	ike_log(sa->e, IKE_LOG_INFO, "CHD", sa->conn->name, "%s: %s: starting it again%s",
		cfg->name, action_name(why), at > sa->e->now_ms ? " later" : "");
	ike_wish(sa->e, sa->conn, cfg, at);
}

void
ike_sa_child_refused(struct ike_sa *sa, const struct ike_child_cfg *cfg, const char *reason)
{
	ike_sa_act(sa, cfg, IKE_END_REFUSED);
	ike_child_failed(sa, cfg, reason);
}

static void
end_children(struct ike_sa *sa, enum ike_end why, const char *reason)
{
	struct ike_child *c, *sibling;

	while ((c = sa->children) != NULL) {
		bool live = c->state != IKE_CST_REKEYED;
		const char *say = live && why != IKE_END_QUIET ? reason : NULL;

		sibling = why == IKE_END_QUIET ? NULL : ike_reauth_sibling(sa, c->cfg);
		if (sibling != NULL) {
			ike_child_leave_to(c, sibling, say);
			continue;
		}
		if (ike_child_is_live(c))
			ike_sa_act(sa, c->cfg, why);
		ike_child_remove(c, say);
	}
}

/** Children that were to come up with or over this SA. */
static void
end_tasks(struct ike_sa *sa, enum ike_end why, const char *reason)
{
	const char *say = why == IKE_END_QUIET ? NULL : reason;
	const struct ike_child_cfg *first = sa->setup != NULL ? sa->setup->child : NULL;

	if (sa->active != NULL && sa->active->type == IKE_TASK_CHILD)
		ike_sa_act(sa, sa->active->cfg, why);
	for (const struct ike_task *t = sa->tasks; t != NULL; t = t->next)
		if (t->type == IKE_TASK_CHILD)
			ike_sa_act(sa, t->cfg, why);
	if (first != NULL && why == IKE_END_REFUSED)
		ike_sa_act(sa, first, why);
	ike_task_drop_all(sa, say);
	ike_follow_drop(sa);
	if (first != NULL && say != NULL)
		ike_child_failed(sa, first, reason);
}

/** The SA that a peer's colliding rekeying made takes over when ours goes without a decision. */
static struct ike_sa *
heir_of(const struct ike_sa *sa)
{
	const struct ike_task *t = sa->active;
	bool asked = t != NULL && t->type == IKE_TASK_REKEY_IKE && t->nego->rival_id != 0;

	return asked ? ike_sa_rival(sa) : NULL;
}

static void
connect_failed(const struct ike_sa *sa, const char *reason)
{
	sa->e->stats.ike_failed++;
	if (sa->initiator && !sa->was_up)
		ike_say_failed(sa->e, sa->conn, NULL, sa->id, reason);
}

/** sa ends before it could take the place of what it was to replace: that goes on. */
static void
reauth_failed(const struct ike_sa *sa)
{
	struct ike_sa *old = sa->reauth_of != 0 ? ike_sa_by_id(sa->e, sa->reauth_of) : NULL;

	if (old != NULL && old->state == IKE_SA_UP)
		ike_reauth_later(old);
}

void
ike_sa_end(struct ike_sa *sa, enum ike_end why, bool linger, const char *reason)
{
	struct ike_sa *heir = why == IKE_END_QUIET ? NULL : heir_of(sa);

	/* nobody has vouched for it: its DELETE is only a courtesy */
	if (sa->auth_failed && why != IKE_END_QUIET)
		why = IKE_END_REFUSED;
	if (heir != NULL)
		ike_sa_replaced(sa, heir);
	/* both ends delete at once: what we end is not brought back by close_action */
	if (why == IKE_END_PEER && sa->state == IKE_SA_DELETING)
		why = IKE_END_LOCAL;
	if (sa->was_up && why != IKE_END_QUIET)
		ike_log(sa->e, IKE_LOG_INFO, "IKE", sa->conn->name, "IKE_SA %u down: %s", sa->id,
			reason);
	if (why == IKE_END_FAILED || why == IKE_END_REFUSED)
		connect_failed(sa, reason);
	if (why != IKE_END_QUIET)
		reauth_failed(sa);
	end_children(sa, why, reason);
	ike_mobike_hand_over(sa);
	end_tasks(sa, why, reason);
	if (sa->was_up && why != IKE_END_QUIET)
		raise_event(sa, IKE_EV_IKE_DOWN, reason);
	sa->was_up = false;
	setup_free(sa);
	ike_flight_clear(&sa->win.request);
	jobs_free(sa);
	frags_free(sa);
	/* the last reply is repeated as it is */
	ike_keymat_wipe(&sa->keys);
	set_state(sa, linger ? IKE_SA_LINGER : IKE_SA_DEAD);
}

void
ike_sa_free(struct ike_sa *sa)
{
	ike_timer_set(&sa->e->heap, &sa->timer, IKE_NEVER);
	ike_sa_forget(sa);
	ike_source_del(sa);
	sa->e->n_state[sa->state]--;
	setup_free(sa);
	ike_window_fini(&sa->win);
	jobs_free(sa);
	frags_free(sa);
	ike_keymat_wipe(&sa->keys);
	ike_sa_discard(sa);
}

void
ike_sa_gone(struct ike_sa *sa)
{
	set_state(sa, IKE_SA_DEAD);
}
