/* SPDX-License-Identifier: BSD-3-Clause */
#include "child.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dup.h"
#include "life.h"
#include "nego.h"
#include "sa.h"

static void
enter_sa(struct ike_sa *sa, struct ike_child *c)
{
	c->sa = sa;
	c->next = sa->children;
	sa->children = c;
}

static void
leave_sa(struct ike_child *c)
{
	struct ike_child **p;

	for (p = &c->sa->children; *p != c; p = &(*p)->next)
		;
	*p = c->next;
}

static void
link_child(struct ike_sa *sa, struct ike_child *c)
{
	enter_sa(sa, c);
	ike_hash_add(&sa->e->children, &c->by_id, c->id);
}

static void
unlink_child(struct ike_child *c)
{
	leave_sa(c);
	ike_hash_del(&c->sa->e->children, &c->by_id);
}

static void
raise_event(const struct ike_sa *sa, const struct ike_child *c, enum ike_event_type type,
	const char *reason)
{
	const struct ike_event ev = {
		.type = type,
		.conn = sa->conn,
		.child = c->cfg,
		.ike_id = sa->id,
		.child_id = c->id,
		.reason = reason,
	};

	sa->e->host.event(sa->e->host.arg, &ev);
}

void
ike_child_failed(struct ike_sa *sa, const struct ike_child_cfg *cfg, const char *reason)
{
	ike_log(sa->e, IKE_LOG_WARN, "CHD", sa->conn->name, "%s: no CHILD_SA: %s", cfg->name,
		reason);
	ike_say_failed(sa->e, sa->conn, cfg, sa->id, reason);
}

/* ---- install ---- */

static struct ike_child *
make_child(struct ike_sa *sa, const struct ike_nego *n, bool initiator, bool use_out)
{
	const struct ike_child *old = ike_child_by_id(sa->e, n->old_id);
	struct ike_child *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->sa = sa;
	c->cfg = n->cfg;
	c->id = ++sa->e->last_child_id;
	c->spi_in = n->spi_in;
	c->spi_out = n->spi_out;
	c->state = IKE_CST_INSTALLED;
	c->mode = n->mode;
	c->udp_encap = ike_sa_encap(sa);
	c->in = c->out = true;
	c->sending = use_out;
	c->replaces = n->old_id;
	c->ours = old != NULL ? old->ours : initiator;
	c->first = n->in_auth;
	c->suite = n->suite;
	c->local_ts = n->local_ts;
	c->remote_ts = n->remote_ts;
	ike_life_start(c, old, initiator);
	/* that the peer has the one of IKE_AUTH shows when its SA answers, see reauth.h */
	if (!use_out && !c->first)
		c->use_out_ms = sa->e->now_ms + IKE_USE_OUT_MS;
	return c;
}

static void
describe(struct ike_child_sa *s, const struct ike_child *c, const struct ike_child_keys *k,
	bool initiator)
{
	const struct ike_sa *sa = c->sa;

	s->id = c->id;
	s->ike_id = sa->id;
	s->conn = sa->conn;
	s->child = c->cfg;
	s->path = sa->path;
	s->spi_in = c->spi_in;
	s->spi_out = c->spi_out;
	s->mode = c->mode;
	s->udp_encap = c->udp_encap;
	s->initiator = initiator;
	s->replaces = c->replaces;
	s->suite = c->suite;
	s->local_ts = c->local_ts;
	s->remote_ts = c->remote_ts;
	ike_id_load(&s->local_id, sa->local_id);
	ike_id_load(&s->remote_id, sa->remote_id);
	s->encr_key_len = k->encr_key_len;
	s->integ_key_len = k->integ_key_len;
	memcpy(s->encr_out, initiator ? k->encr_i : k->encr_r, IKE_ESP_KEY_MAX);
	memcpy(s->encr_in, initiator ? k->encr_r : k->encr_i, IKE_ESP_KEY_MAX);
	memcpy(s->integ_out, initiator ? k->integ_i : k->integ_r, IKE_ESP_KEY_MAX);
	memcpy(s->integ_in, initiator ? k->integ_r : k->integ_i, IKE_ESP_KEY_MAX);
	s->use_out = c->sending;
}

/** Keys live on this stack only and are wiped on the way out. */
static int
hand_over(struct ike_child *c, const struct ike_nego *n, bool initiator, struct ike_view shared)
{
	struct ike_sa *sa = c->sa;
	const struct ike_keymat_in in = {
		.ni = n->in_auth ? ike_blob_view(&sa->setup->ni) : ike_nonce_view(&n->ni),
		.nr = n->in_auth ? ike_blob_view(&sa->setup->nr) : ike_nonce_view(&n->nr),
		.shared = shared,
		.more = {.p = n->more.p, .len = n->more.len},
	};
	struct ike_child_keys keys;
	struct ike_child_sa *s = calloc(1, sizeof(*s));
	int err = s == NULL ? -ENOMEM : ike_keymat_child(&sa->keys, &c->suite, &in, &keys);

	if (err == 0) {
		describe(s, c, &keys, initiator);
		err = sa->e->host.child_add(sa->e->host.arg, s);
		ike_child_keys_wipe(&keys);
		ike_wipe(s, sizeof(*s));
	}
	free(s);
	return err;
}

static void
announce(struct ike_sa *sa, const struct ike_child *c)
{
	char suite[IKE_TEXT_MAX], l[IKE_TEXT_MAX], r[IKE_TEXT_MAX];

	ike_log(sa->e, IKE_LOG_INFO, "CHD", sa->conn->name,
		"%s: CHILD_SA %u %s with SPIs %08x in, %08x out, %s%s, %s === %s, %s", c->cfg->name,
		c->id, c->replaces != 0 ? "rekeyed" : "up", c->spi_in, c->spi_out,
		c->mode == IKE_MODE_TRANSPORT ? "transport" : "tunnel",
		c->udp_encap ? " in UDP" : "", ike_ts_list_text(&c->local_ts, l, sizeof(l)),
		ike_ts_list_text(&c->remote_ts, r, sizeof(r)),
		ike_suite_text(&c->suite, suite, sizeof(suite)));
	if (c->cfg->mode == IKE_MODE_TRANSPORT && c->mode == IKE_MODE_TUNNEL && c->replaces == 0)
		ike_log(sa->e, IKE_LOG_INFO, "CHD", sa->conn->name,
			"%s: transport mode is configured, the peer does tunnel mode: tunnel it is",
			c->cfg->name);
}

struct ike_child *
ike_child_install(
	struct ike_sa *sa, struct ike_nego *n, bool initiator, struct ike_view shared, bool use_out)
{
	struct ike_child *c = make_child(sa, n, initiator, use_out);
	int err = c == NULL ? -ENOMEM : hand_over(c, n, initiator, shared);

	if (err != 0) {
		ike_log(sa->e, IKE_LOG_ERROR, "CHD", sa->conn->name,
			"%s: CHILD_SA could not be installed: %s", n->cfg->name, strerror(-err));
		free(c);
		return NULL;
	}
	n->spi_in = 0;
	link_child(sa, c);
	announce(sa, c);
	if (c->replaces == 0) {
		sa->e->stats.child_up++;
		raise_event(sa, c, IKE_EV_CHILD_UP, NULL);
	}
	if (!initiator && c->replaces == 0)
		ike_wish_unban(sa->e, sa->conn, c->cfg);
	else if (c->replaces == 0 && ike_wish_is_banned(sa->e, sa->conn, c->cfg))
		ike_child_terminate(c); /* it was on its way */
	ike_dup_check(c);
	ike_sa_touch(sa);
	return c;
}

/* ---- lookup ---- */

struct ike_child *
ike_child_by_id(const struct ike *e, uint32_t id)
{
	return IKE_HOLDER(ike_hash_first(&e->children, id), struct ike_child, by_id);
}

struct ike_child *
ike_child_by_spi_out(const struct ike_sa *sa, uint32_t spi)
{
	struct ike_child *c;

	for (c = sa->children; c != NULL && c->spi_out != spi; c = c->next)
		;
	return c;
}

bool
ike_child_is_up(const struct ike_sa *sa, const struct ike_child_cfg *cfg)
{
	for (const struct ike_child *c = sa->children; c != NULL; c = c->next)
		if (c->cfg == cfg && ike_child_is_live(c))
			return true;
	return false;
}

/* ---- who sends ---- */

void
ike_child_stop_sending(struct ike_child *c)
{
	struct ike *e = c->sa->e;

	if (!c->out)
		return;
	/* another one sends before this one stops */
	if (c->sending && c->state != IKE_CST_REKEYED)
		ike_dup_pass_on(c);
	c->out = c->sending = false;
	e->host.child_del(e->host.arg, c->id, false, true);
}

void
ike_child_switch(struct ike_child *c)
{
	struct ike *e = c->sa->e;

	c->use_out_ms = IKE_NEVER;
	ike_sa_touch(c->sa);
	if (c->out && !c->sending) {
		c->sending = true;
		e->host.child_use_out(e->host.arg, c->id);
	}
	for (struct ike_child *o = c->sa->children; o != NULL; o = o->next)
		if (o->replaced_by == c->id)
			ike_child_stop_sending(o);
}

void
ike_child_asked_again(struct ike_sa *sa)
{
	uint64_t now = sa->e->now_ms;

	for (struct ike_child *c = sa->children; c != NULL; c = c->next) {
		struct ike_child *old = ike_child_by_id(sa->e, c->replaces);
		/* the next one comes twice as late, and may be lost, too */
		uint64_t wait_ms = 4 * (now - c->installed_ms);

		if (c->use_out_ms == IKE_NEVER || wait_ms < IKE_USE_OUT_MS)
			continue;
		c->use_out_ms = now + wait_ms;
		if (old != NULL && old->orphan_ms != IKE_NEVER)
			old->orphan_ms = now + wait_ms + IKE_ORPHAN_MS;
		ike_sa_touch(sa);
	}
}

void
ike_child_set_state(struct ike_child *c, enum ike_child_state state)
{
	c->state = state;
	ike_sa_touch(c->sa);
}

/** Its end was wanted while it was being rekeyed: that is the end of what takes its place. */
static void
end_follows(const struct ike_child *old, const struct ike_child *by)
{
	struct ike_task *t = ike_task_find(old->sa, IKE_TASK_DELETE_CHILD, NULL, old->id);

	if (t != NULL && t->wanted)
		t->child_id = by->id;
}

void
ike_child_replaced(struct ike_child *old, struct ike_child *by)
{
	const struct ike_sa *sa = old->sa;

	/* what old itself had replaced is by's concern now */
	for (struct ike_child *o = sa->children; o != NULL; o = o->next)
		if (o->replaced_by == old->id)
			o->replaced_by = by->id;
	old->replaced_by = by->id;
	old->rekey_ms = old->poll_ms = IKE_NEVER;
	old->use_out_ms = IKE_NEVER;
	old->orphan_ms = sa->e->now_ms + IKE_ORPHAN_MS;
	ike_child_set_state(old, IKE_CST_REKEYED);
	end_follows(old, by);
}

void
ike_child_rekeyed(struct ike_child *c)
{
	c->sa->e->stats.child_rekeys++;
	raise_event(c->sa, c, IKE_EV_CHILD_REKEY, NULL);
}

/**
 * That the peer forgot c says that it has what replaced c, and no more: when that has been replaced
 * in its turn, the last one may not be there yet. Nor does the end of a redundant child, which
 * never sent, say that the peer has the one that stays.
 */
static struct ike_child *
known_successor(const struct ike_child *c)
{
	struct ike_child *by = ike_child_by_id(c->sa->e, c->replaced_by);

	if (by == NULL || by->sending || by->replaces == c->id)
		return by;
	for (struct ike_child *o = c->sa->children; o != NULL; o = o->next)
		if (o->replaces == c->id && o->out)
			return o;
	return c->sending ? by : NULL;
}

void
ike_child_linger(struct ike_child *c)
{
	struct ike *e = c->sa->e;
	struct ike_child *by = known_successor(c);

	if (by != NULL)
		ike_child_switch(by);
	ike_child_stop_sending(c);
	c->closed = true;
	c->orphan_ms = c->expire_ms = IKE_NEVER;
	c->linger_ms = e->now_ms + e->delete_rekeyed_ms;
	ike_sa_touch(c->sa);
}

static void
say_down(const struct ike_child *c, const char *reason)
{
	if (reason == NULL)
		return;
	ike_log(c->sa->e, IKE_LOG_INFO, "CHD", c->sa->conn->name, "%s: CHILD_SA %u down: %s",
		c->cfg->name, c->id, reason);
	raise_event(c->sa, c, IKE_EV_CHILD_DOWN, reason);
}

void
ike_child_leave_to(struct ike_child *c, struct ike_child *by, const char *reason)
{
	uint64_t linger_ms = c->linger_ms;

	say_down(c, reason);
	leave_sa(c);
	enter_sa(by->sa, c);
	ike_child_replaced(c, by);
	ike_child_switch(by);
	ike_child_linger(c);
	if (linger_ms != IKE_NEVER)
		c->linger_ms = linger_ms;
}

void
ike_child_remove(struct ike_child *c, const char *reason)
{
	struct ike_sa *sa = c->sa;

	if (c->sending && c->state != IKE_CST_REKEYED && reason != NULL)
		ike_dup_pass_on(c);
	if (c->in || c->out)
		sa->e->host.child_del(sa->e->host.arg, c->id, c->in, c->out);
	say_down(c, reason);
	unlink_child(c);
	ike_wipe(c, sizeof(*c));
	free(c);
	ike_sa_touch(sa);
}

/** What c replaced, as long as both ends have all of it. */
static struct ike_child *
predecessor(const struct ike_child *c)
{
	struct ike_child *o;

	for (o = c->sa->children; o != NULL; o = o->next)
		if (o->replaced_by == c->id && !o->closed && o->in && o->out)
			break;
	return o;
}

bool
ike_child_revert(struct ike_child *c)
{
	struct ike_child *old = predecessor(c);
	struct ike *e = c->sa->e;

	if (old == NULL)
		return false;
	ike_log(e, IKE_LOG_WARN, "CHD", c->sa->conn->name,
		"%s: the peer took back its rekeying, CHILD_SA %u goes on", c->cfg->name, old->id);
	old->replaced_by = 0;
	old->orphan_ms = IKE_NEVER;
	old->sending = true;
	ike_child_set_state(old, IKE_CST_INSTALLED);
	ike_life_start_again(old);
	end_follows(c, old);
	ike_child_remove(c, NULL);
	e->host.child_use_out(e->host.arg, old->id);
	raise_event(old->sa, old, IKE_EV_CHILD_REKEY, NULL);
	return true;
}

void
ike_child_move_all(struct ike_sa *from, struct ike_sa *to)
{
	struct ike_child **end;

	for (end = &to->children; *end != NULL; end = &(*end)->next)
		;
	*end = from->children;
	from->children = NULL;
	for (; *end != NULL; end = &(*end)->next)
		(*end)->sa = to;
	ike_sa_touch(from);
	ike_sa_touch(to);
}

/* ---- time ---- */

bool
ike_child_terminate(struct ike_child *c)
{
	struct ike_task *t;

	if (!ike_child_is_live(c))
		return false;
	t = ike_task_add(c->sa, IKE_TASK_DELETE_CHILD, c->cfg, c->id, 0);
	if (t == NULL)
		return false;
	t->wanted = true;
	return true;
}

bool
ike_child_rekey(struct ike_child *c)
{
	c->rekey_ms = IKE_NEVER;
	c->backing_off = false;
	if (!ike_child_is_live(c))
		return false;
	if (ike_task_add(c->sa, IKE_TASK_REKEY_CHILD, c->cfg, c->id, 0) != NULL)
		return true;
	ike_child_rekey_later(c, IKE_REBUILD_MS);
	return false;
}

void
ike_child_rekey_later(struct ike_child *c, uint64_t delay_ms)
{
	if (c->state == IKE_CST_REKEYING)
		ike_child_set_state(c, IKE_CST_INSTALLED);
	c->rekey_ms = c->sa->e->now_ms + delay_ms;
	c->backing_off = true;
	ike_sa_touch(c->sa);
}

uint64_t
ike_child_last_in(struct ike_child *c)
{
	struct ike *e = c->sa->e;
	struct ike_child_stats st = {0};

	if (c->in && e->host.child_stats(e->host.arg, c->id, &st) == 0 &&
		st.last_in_ms > c->last_in_ms)
		c->last_in_ms = st.last_in_ms;
	return c->last_in_ms;
}

/** Replaced by the peer, who should have deleted it long ago. */
static void
delete_orphan(struct ike_child *c)
{
	c->orphan_ms = IKE_NEVER;
	ike_task_add(c->sa, IKE_TASK_DELETE_CHILD, c->cfg, c->id, 0);
}

void
ike_child_tick(struct ike_child *c)
{
	uint64_t now = c->sa->e->now_ms;

	if (now >= c->linger_ms) {
		ike_child_remove(c, NULL);
		return;
	}
	if (now >= c->use_out_ms)
		ike_child_switch(c);
	if (now >= c->orphan_ms)
		delete_orphan(c);
	if (now >= c->expire_ms) {
		if (ike_child_is_live(c))
			ike_life_expire(c);
		c->expire_ms = IKE_NEVER;
	}
	if (now >= c->rekey_ms)
		ike_life_soft(c);
	if (now >= c->poll_ms)
		ike_life_poll(c);
}

uint64_t
ike_child_due(const struct ike_child *c)
{
	const uint64_t at[] = {
		c->rekey_ms, c->expire_ms, c->use_out_ms, c->linger_ms, c->orphan_ms, c->poll_ms};
	uint64_t due = IKE_NEVER;

	for (unsigned int i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		if (at[i] < due)
			due = at[i];
	return due;
}
