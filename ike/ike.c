/* SPDX-License-Identifier: BSD-3-Clause */

/* The public face (ike.h): life of the engine, commands, views. */

#include "ike.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "auth.h"
#include "conn.h"
#include "sa.h"
#include "send.h"
#include "source.h"

/* ---- life ---- */

static void
set_limits(struct ike *e, const struct ike_cfg *cfg)
{
	e->backoff.timeout_ms = cfg->retransmit_timeout_ms != 0 ? cfg->retransmit_timeout_ms : 4000;
	e->backoff.tries = cfg->retransmit_tries != 0 ? cfg->retransmit_tries : 5;
	e->backoff.jitter = cfg->retransmit_jitter;
	e->backoff.limit_ms = cfg->retransmit_limit_ms;
	e->backoff.base = cfg->retransmit_base > 0 ? cfg->retransmit_base : 1.8;
	e->cookie_threshold = cfg->cookie_threshold != 0 ? cfg->cookie_threshold : 30;
	e->half_open_max = cfg->half_open_max != 0 ? cfg->half_open_max : 1024;
	e->block_threshold = cfg->block_threshold != 0 ? cfg->block_threshold : 64;
	e->delete_rekeyed_ms =
		cfg->delete_rekeyed_delay_ms != 0 ? cfg->delete_rekeyed_delay_ms : 5000;
	e->fragment_size = cfg->fragment_size != 0 ? cfg->fragment_size : 1280;
	e->keep_alive_ms = (uint64_t)cfg->keep_alive_s * 1000;
}

#define N_TABLES 11

static struct ike_hash *
table(struct ike *e, size_t i)
{
	struct ike_hash *const all[N_TABLES] = {&e->by_spi, &e->by_id, &e->by_conn, &e->by_host,
		&e->by_init, &e->by_ends, &e->by_claim, &e->children, &e->wishes, &e->by_net[0],
		&e->by_net[1]};

	return all[i];
}

static int
alloc_tables(struct ike *e)
{
	e->open_buf = malloc(IKE_MSG_MAX);
	e->plain_buf = malloc(IKE_MSG_MAX);
	e->wire_buf = malloc(IKE_WIRE_CAP);
	if (e->open_buf == NULL || e->plain_buf == NULL || e->wire_buf == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < N_TABLES; i++)
		if (ike_hash_init(table(e, i)) != 0)
			return -ENOMEM;
	if (ike_index_init(&e->index, e->cfg) != 0)
		return -ENOMEM;
	if (ike_names_init(e) != 0 || ike_auth_init(e) != 0)
		return -ENOMEM;
	return ike_heap_reserve(&e->heap, 2);
}

struct ike *
ike_create(const struct ike_host *host, const struct ike_cfg *cfg, uint64_t now_ms)
{
	struct ike *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->host = *host;
	e->cfg = cfg;
	e->now_ms = now_ms;
	set_limits(e, cfg);
	if (alloc_tables(e) != 0) {
		ike_destroy(e);
		return NULL;
	}
	return e;
}

static void
wipe_free(uint8_t *p, size_t len)
{
	if (p != NULL)
		ike_wipe(p, len);
	free(p);
}

void
ike_destroy(struct ike *e)
{
	if (e == NULL)
		return;
	for (struct ike_sa *sa = e->sas; sa != NULL; sa = sa->next)
		ike_sa_end(sa, IKE_END_QUIET, false, NULL);
	ike_wish_drop_all(e);
	while (e->sas != NULL)
		ike_sa_free(e->sas);
	ike_jobs_orphan(e);
	for (size_t i = 0; i < N_TABLES; i++)
		ike_hash_fini(table(e, i));
	ike_index_fini(&e->index);
	ike_blob_set(&e->certreq, NULL, 0);
	ike_names_fini(e);
	ike_heap_fini(&e->heap);
	ike_heap_fini(&e->wish_heap);
	ike_cookie_fini(&e->cookie);
	wipe_free(e->open_buf, IKE_MSG_MAX);
	wipe_free(e->plain_buf, IKE_MSG_MAX);
	free(e->wire_buf);
	free(e);
}

int
ike_certs_changed(struct ike *e)
{
	return ike_auth_init(e);
}

void
ike_set_pressure(struct ike *e, bool pressed)
{
	e->pressed = pressed;
}

void
ike_start(struct ike *e, uint64_t now_ms)
{
	e->now_ms = now_ms;
	ike_names_start(e);
	for (uint16_t i = 0; i < e->cfg->n_conns; i++) {
		const struct ike_conn_cfg *c = &e->cfg->conns[i];

		for (uint16_t k = 0; k < c->n_children; k++)
			if ((c->children[k].start_action & IKE_ACTION_START) != 0)
				ike_wish(e, c, &c->children[k], now_ms);
	}
	ike_settle(e);
}

uint64_t
ike_tick(struct ike *e, uint64_t now_ms)
{
	struct ike_timer *t;

	e->now_ms = now_ms;
	while ((t = ike_heap_first(&e->heap)) != NULL && t->at <= now_ms) {
		ike_timer_set(&e->heap, t, IKE_NEVER);
		if (t == &e->names_timer) {
			ike_names_tick(e);
		} else if (t != &e->wish_timer) {
			struct ike_sa *sa =
				(struct ike_sa *)(void *)((uint8_t *)t -
							  offsetof(struct ike_sa, timer));

			ike_sa_tick(sa);
			ike_sa_touch(sa);
		}
	}
	ike_settle(e);
	return ike_due(e);
}

uint64_t
ike_due(const struct ike *e)
{
	const struct ike_timer *t = ike_heap_first(&e->heap);

	return t == NULL ? UINT64_MAX : t->at;
}

/* ---- commands ---- */

/** A DELETE of a child that waits for its turn is taken back. */
static void
keep_child(struct ike *e, const struct ike_conn_cfg *conn, const struct ike_child_cfg *child)
{
	for (struct ike_sa *sa = ike_sa_of_conn(e, conn); sa != NULL; sa = ike_sa_of_conn_next(sa))
		for (const struct ike_child *c = sa->children; c != NULL; c = c->next) {
			struct ike_task *t =
				c->cfg == child && ike_child_is_live(c)
					? ike_task_find(sa, IKE_TASK_DELETE_CHILD, NULL, c->id)
					: NULL;

			if (t != NULL && t != sa->active && t->wanted)
				ike_task_remove(sa, t);
		}
}

/** A command, or traffic, wants it. child: NULL = all that goes over the IKE SA */
static void
unban(struct ike *e, const struct ike_conn_cfg *c, const struct ike_child_cfg *child)
{
	if (child != NULL && ike_wish_is_banned(e, c, child))
		keep_child(e, c, child);
	ike_wish_unban(e, c, child);
	for (uint16_t i = 0; child == NULL && i < c->n_children; i++)
		ike_wish_unban(e, c, &c->children[i]);
}

int
ike_initiate(struct ike *e, const char *conn, const char *child, uint64_t now_ms)
{
	const struct ike_conn_cfg *c = ike_conn_find(&e->index, conn, child);
	const struct ike_child_cfg *wanted;
	int err;

	e->now_ms = now_ms;
	if (c == NULL)
		return -ENOENT;
	wanted = child != NULL ? ike_conn_child(c, child) : NULL;
	unban(e, c, wanted);
	err = ike_bring_up(e, c, wanted);
	ike_settle(e);
	return err;
}

bool
ike_is_up(const struct ike *e, const char *conn)
{
	const struct ike_conn_cfg *c = ike_conn_find(&e->index, conn, NULL);
	const struct ike_sa *sa = c != NULL ? ike_sa_carrier(e, c) : NULL;

	return sa != NULL && sa->state == IKE_SA_UP;
}

static bool
selects_sa(const struct ike_select *s, const struct ike_sa *sa)
{
	return (s->ike == NULL || strcmp(s->ike, sa->conn->name) == 0) &&
	       (s->ike_id == 0 || s->ike_id == sa->id);
}

static bool
selects_child(const struct ike_select *s, const struct ike_child *c)
{
	return (s->child == NULL || strcmp(s->child, c->cfg->name) == 0) &&
	       (s->child_id == 0 || s->child_id == c->id);
}

static bool
wants_children(const struct ike_select *s)
{
	return s->child != NULL || s->child_id != 0;
}

static bool
rekey_child(struct ike_child *c)
{
	return ike_child_rekey(c);
}

static bool
rekey_sa(struct ike_sa *sa)
{
	return sa->state == IKE_SA_UP && ike_task_add(sa, IKE_TASK_REKEY_IKE, NULL, 0, 0) != NULL;
}

static bool
terminate_sa(struct ike_sa *sa)
{
	switch (sa->state) {
	case IKE_SA_UP:
		/* by id, too: what was refused over it is not tried again */
		for (uint16_t i = 0; i < sa->conn->n_children; i++)
			ike_wish_move(sa->e, sa->conn, &sa->conn->children[i], IKE_NEVER);
		return ike_task_add(sa, IKE_TASK_DELETE_IKE, NULL, 0, 0) != NULL;
	case IKE_SA_INIT_SENT:
	case IKE_SA_AUTH_SENT:
		/* nothing is authenticated yet: there is nobody to tell */
		ike_sa_end(sa, IKE_END_FAILED, false, "terminated while connecting");
		return true;
	default:
		return false;
	}
}

/** Apply one of the two to what s selects. */
static int
for_selected(struct ike *e, const struct ike_select *s, bool (*on_sa)(struct ike_sa *sa),
	bool (*on_child)(struct ike_child *c))
{
	int n = 0;

	for (struct ike_sa *sa = e->sas; sa != NULL; sa = sa->next) {
		if (!selects_sa(s, sa))
			continue;
		if (!wants_children(s)) {
			n += on_sa(sa);
			continue;
		}
		for (struct ike_child *c = sa->children; c != NULL; c = c->next)
			if (selects_child(s, c))
				n += on_child(c);
	}
	return n;
}

int
ike_rekey(struct ike *e, const struct ike_select *sel, uint64_t now_ms)
{
	int n;

	e->now_ms = now_ms;
	n = for_selected(e, sel, rekey_sa, rekey_child);
	ike_settle(e);
	return n;
}

/** What is selected by name is not to come up by itself any more. @return how many were wished for
 */
static int
ban(struct ike *e, const struct ike_select *s)
{
	int n = 0;

	for (uint16_t i = 0; s->ike_id == 0 && s->child_id == 0 && i < e->cfg->n_conns; i++) {
		const struct ike_conn_cfg *c = &e->cfg->conns[i];

		if (s->ike != NULL && strcmp(s->ike, c->name) != 0)
			continue;
		for (uint16_t k = 0; k < c->n_children; k++)
			if (s->child == NULL || strcmp(s->child, c->children[k].name) == 0)
				n += ike_wish_ban(e, c, &c->children[k]);
		if (s->child == NULL)
			n += ike_wish_ban(e, c, NULL);
	}
	return n;
}

/** child is to come up over sa. @return false when it is not, or is there already */
static bool
withdraw_child(struct ike_sa *sa, const struct ike_child_cfg *child)
{
	struct ike_task *t = ike_task_find(sa, IKE_TASK_CHILD, child, 0);
	bool first = sa->initiator && sa->setup != NULL && sa->setup->child == child;
	bool found = first || t != NULL;

	/* what has been asked for is deleted when it is there: ike_child_install() */
	if (t != NULL && t != sa->active) {
		ike_task_remove(sa, t);
		ike_child_failed(sa, child, "terminated");
	}
	if (first && (sa->active == NULL || sa->active->type != IKE_TASK_AUTH) &&
		!ike_sa_drop_first(sa))
		ike_sa_end(sa, IKE_END_FAILED, false, "terminated while connecting");
	return found;
}

/** Children by name that are yet to come up, and SAs that would come up for them alone. @return how
 * many */
static int
withdraw(struct ike *e, const struct ike_select *s)
{
	int n = 0;

	if (s->child == NULL || s->ike_id != 0 || s->child_id != 0)
		return 0;
	for (struct ike_sa *sa = e->sas; sa != NULL; sa = sa->next) {
		const struct ike_child_cfg *child =
			selects_sa(s, sa) ? ike_conn_child(sa->conn, s->child) : NULL;

		if (child != NULL)
			n += withdraw_child(sa, child);
	}
	return n;
}

int
ike_terminate(struct ike *e, const struct ike_select *sel, uint64_t now_ms)
{
	int n, wished;

	e->now_ms = now_ms;
	wished = ban(e, sel);
	n = for_selected(e, sel, terminate_sa, ike_child_terminate) + withdraw(e, sel);
	ike_settle(e);
	return n > 0 ? n : wished;
}

bool
ike_is_terminated(
	const struct ike *e, const struct ike_conn_cfg *conn, const struct ike_child_cfg *child)
{
	return ike_wish_is_banned(e, conn, child);
}

void
ike_shutdown(struct ike *e, uint64_t now_ms)
{
	e->now_ms = now_ms;
	for (struct ike_sa *sa = e->sas; sa != NULL; sa = sa->next) {
		if (ike_sa_authenticated(sa) && sa->state != IKE_SA_DELETING)
			ike_send_farewell(sa);
		if (sa->state != IKE_SA_DEAD)
			ike_sa_end(sa, IKE_END_LOCAL, false, "raclette stops");
	}
	ike_wish_drop_all(e);
	ike_settle(e);
}

void
ike_child_in_use(struct ike *e, uint32_t child_id, uint64_t now_ms)
{
	struct ike_child *c = ike_child_by_id(e, child_id);

	e->now_ms = now_ms;
	if (c == NULL || c->sending || !ike_child_is_live(c))
		return;
	ike_child_switch(c);
	ike_settle(e);
}

/* ---- views ---- */

static enum ike_state
shown_state(const struct ike_sa *sa)
{
	switch (sa->state) {
	case IKE_SA_UP:
		if (sa->replaced)
			return IKE_ST_DELETING;
		return sa->active != NULL && sa->active->type == IKE_TASK_REKEY_IKE
			       ? IKE_ST_REKEYING
			       : IKE_ST_ESTABLISHED;
	case IKE_SA_REKEYED:
		return IKE_ST_REKEYED;
	case IKE_SA_DELETING:
		return IKE_ST_DELETING;
	default:
		return IKE_ST_CONNECTING;
	}
}

static uint64_t
shown_ms(uint64_t at)
{
	return at == IKE_NEVER ? 0 : at;
}

static void
show_child(const struct ike_child *c, void (*child)(void *arg, const struct ike_child_view *v),
	void *arg)
{
	const struct ike_child_view v = {
		.id = c->id,
		.ike_id = c->sa->id,
		.conn = c->sa->conn,
		.child = c->cfg,
		.state = c->state,
		.mode = c->mode,
		.udp_encap = c->udp_encap,
		.spi_in = c->spi_in,
		.spi_out = c->spi_out,
		.suite = c->suite,
		.installed_ms = c->installed_ms,
		.rekey_at_ms = shown_ms(c->rekey_ms),
		.expire_at_ms = shown_ms(c->expire_ms),
		.local_ts = &c->local_ts,
		.remote_ts = &c->remote_ts,
	};

	child(arg, &v);
}

static void
show_sa(const struct ike_sa *sa, void (*show)(void *arg, const struct ike_sa_view *v), void *arg)
{
	struct ike_sa_view v = {
		.id = sa->id,
		.conn = sa->conn,
		.state = shown_state(sa),
		.path = sa->path,
		.initiator = sa->initiator,
		.nat_local = sa->nat_local,
		.nat_remote = sa->nat_remote,
		.ppk = sa->ppk,
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.suite = sa->keys.suite,
		.established_ms = sa->up_ms,
		.rekey_at_ms = shown_ms(sa->rekey_ms),
	};

	ike_id_load(&v.local_id, sa->local_id);
	ike_id_load(&v.remote_id, sa->remote_id);
	for (const struct ike_child *c = sa->children; c != NULL; c = c->next)
		v.n_children++;
	show(arg, &v);
}

void
ike_walk(struct ike *e, void (*sa)(void *arg, const struct ike_sa_view *v),
	void (*child)(void *arg, const struct ike_child_view *v), void *arg)
{
	for (const struct ike_sa *s = e->sas; s != NULL; s = s->next) {
		if (s->state == IKE_SA_LINGER || s->state == IKE_SA_DEAD)
			continue;
		if (sa != NULL)
			show_sa(s, sa, arg);
		for (const struct ike_child *c = s->children; child != NULL && c != NULL;
			c = c->next)
			show_child(c, child, arg);
	}
}

void
ike_get_stats(const struct ike *e, struct ike_stats *st)
{
	*st = e->stats;
	st->n_half_open = e->n_state[IKE_SA_HALF_OPEN];
	st->n_strangers = ike_source_count(e);
	st->n_sas = e->n_listed - e->n_state[IKE_SA_LINGER] - e->n_state[IKE_SA_DEAD];
	st->n_children = e->children.n;
	st->n_timers = e->heap.n;
	st->n_jobs = e->n_jobs;
}
