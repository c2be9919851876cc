/* SPDX-License-Identifier: BSD-3-Clause */
#include "life.h"

#include "sa.h"

/** A volume: how much is used of which limits; 0 = no limit. */
struct gauge {
	uint64_t used, soft, hard;
};

static uint64_t
larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* ---- time ---- */

/** Soft limit minus a random part; 0 stays no limit. */
static uint64_t
soft_limit(struct ike *e, const struct ike_life *l)
{
	uint64_t rand = l->rand < l->rekey ? l->rand : l->rekey;

	return l->rekey == 0 ? 0 : l->rekey - ike_random_upto(e, rand);
}

static bool
has_volumes(const struct ike_child_cfg *cfg)
{
	return cfg->bytes.rekey != 0 || cfg->packets.rekey != 0 || cfg->bytes.life != 0 ||
	       cfg->packets.life != 0;
}

static uint64_t
poll_max(const struct ike_child *c)
{
	return has_volumes(c->cfg) ? IKE_POLL_MS : IKE_POLL_SEQ_MS;
}

/** The age at which the peer has forgotten to rekey c. */
static uint64_t
overdue_ms(const struct ike_child *c)
{
	uint64_t ms = c->peer_rekeys_ms;

	return !c->peer_rekeys || c->cfg->time_s.rekey == 0 ? IKE_NEVER
							    : ms + ms / 16 + IKE_LIFE_LATE_MS;
}

static void
start_soft(struct ike_child *c)
{
	struct ike *e = c->sa->e;
	const struct ike_child_cfg *cfg = c->cfg;
	const struct ike_life ms = {cfg->time_s.rekey * 1000, 0, cfg->time_s.rand * 1000};
	uint64_t soft = soft_limit(e, &ms), overdue = overdue_ms(c);

	if (overdue < soft)
		soft = overdue;
	c->rekey_ms = soft == 0 ? IKE_NEVER : e->now_ms + soft;
	c->rekey_bytes = soft_limit(e, &cfg->bytes);
	c->rekey_packets = soft_limit(e, &cfg->packets);
	c->use_out_ms = c->linger_ms = c->orphan_ms = IKE_NEVER;
	c->poll_ms = e->now_ms + poll_max(c);
	c->backing_off = false;
}

void
ike_life_start(struct ike_child *c, const struct ike_child *old, bool ours)
{
	uint64_t now = c->sa->e->now_ms, life_s = c->cfg->time_s.life;

	if (old != NULL && !ours) {
		c->peer_rekeys = old->peer_rekeys_ms != 0;
		c->peer_rekeys_ms = larger(old->peer_rekeys_ms, now - old->installed_ms);
	}
	c->installed_ms = c->last_in_ms = c->polled_ms = now;
	c->expire_ms = life_s == 0 ? IKE_NEVER : now + life_s * 1000;
	start_soft(c);
}

void
ike_life_start_again(struct ike_child *c)
{
	start_soft(c);
}

void
ike_life_soft(struct ike_child *c)
{
	const struct ike_sa *sa = c->sa;
	uint64_t age_ms = sa->e->now_ms - c->installed_ms;

	if (age_ms >= overdue_ms(c) && !c->backing_off && ike_child_is_live(c))
		ike_log(sa->e, IKE_LOG_INFO, "CHD", sa->conn->name,
			"%s: the peer has not rekeyed CHILD_SA %u for %u s, those before it after "
			"%u s at most: we do",
			c->cfg->name, c->id, (unsigned int)(age_ms / 1000),
			(unsigned int)(c->peer_rekeys_ms / 1000));
	ike_child_rekey(c);
}

/* ---- volumes ---- */

static void
read_gauges(const struct ike_child *c, const struct ike_child_stats *st,
	struct gauge g[IKE_CHILD_GAUGES])
{
	bool esn = c->suite.esn;

	g[0] = (struct gauge){
		larger(st->bytes_in, st->bytes_out), c->rekey_bytes, c->cfg->bytes.life};
	g[1] = (struct gauge){
		larger(st->packets_in, st->packets_out), c->rekey_packets, c->cfg->packets.life};
	g[2] = (struct gauge){
		st->seq_out, esn ? IKE_SEQ_SOFT_ESN : IKE_SEQ_SOFT, esn ? UINT64_MAX : UINT32_MAX};
}

static uint64_t
left(uint64_t used, uint64_t limit)
{
	return used < limit ? limit - used : 0;
}

/** How many milliseconds until a volume is used up, per_ms of it at a time. */
static double
lasts(uint64_t volume, double per_ms)
{
	return per_ms > 0 ? (double)volume / per_ms : 1e18;
}

/** When the volume has to be rekeyed, in milliseconds from now; 0 = now. */
static double
until_rekey(const struct gauge *g, double per_ms)
{
	double at = g->soft == 0 ? 1e18 : lasts(left(g->used, g->soft), per_ms), early, lead;

	if (g->soft != 0 && g->used >= g->soft)
		return 0;
	if (g->hard == 0)
		return at;
	lead = lasts(g->hard, per_ms) / 2;
	if (lead > IKE_LIFE_LEAD_MS)
		lead = IKE_LIFE_LEAD_MS;
	early = lasts(left(g->used, g->hard), per_ms) - lead;
	if (early < at)
		at = early;
	return at > 0 ? at : 0;
}

static uint64_t
next_look(const struct ike_child *c, double until)
{
	double max = (double)poll_max(c);

	/* half of the way there: rates change */
	until /= 2;
	if (until > max)
		until = max;
	return until < IKE_POLL_MIN_MS ? IKE_POLL_MIN_MS : (uint64_t)until;
}

void
ike_life_poll(struct ike_child *c)
{
	struct ike *e = c->sa->e;
	struct gauge g[IKE_CHILD_GAUGES];
	struct ike_child_stats st = {0};
	uint64_t ms = e->now_ms - c->polled_ms;
	double rekey_in = 1e18, expire_in = 1e18;
	bool gone = false;

	c->poll_ms = e->now_ms + poll_max(c);
	if (ms == 0 || e->host.child_stats(e->host.arg, c->id, &st) != 0)
		return;
	read_gauges(c, &st, g);
	for (unsigned int i = 0; i < IKE_CHILD_GAUGES; i++) {
		double per_ms = (double)left(c->polled[i], g[i].used) / (double)ms;
		double until = until_rekey(&g[i], per_ms);
		double end = g[i].hard == 0 ? 1e18 : lasts(left(g[i].used, g[i].hard), per_ms);

		c->polled[i] = g[i].used;
		rekey_in = until < rekey_in ? until : rekey_in;
		expire_in = end < expire_in ? end : expire_in;
		gone |= g[i].hard != 0 && g[i].used >= g[i].hard;
	}
	c->polled_ms = e->now_ms;
	if (gone) {
		/* one that is being deleted does not send any more, and goes by itself */
		c->poll_ms = IKE_NEVER;
		if (ike_child_is_live(c))
			ike_life_expire(c);
		return;
	}
	if (c->state == IKE_CST_INSTALLED && !c->backing_off) {
		if (rekey_in < 1)
			ike_child_rekey(c);
		else if (rekey_in < expire_in)
			expire_in = rekey_in;
	}
	c->poll_ms = e->now_ms + next_look(c, expire_in);
}

void
ike_life_expire(struct ike_child *c)
{
	struct ike_sa *sa = c->sa;

	ike_log(sa->e, IKE_LOG_WARN, "CHD", sa->conn->name,
		"%s: CHILD_SA %u reached its hard limit", c->cfg->name, c->id);
	c->expire_ms = c->rekey_ms = c->poll_ms = IKE_NEVER;
	c->expired = true;
	/* not one packet more, however long the peer takes to answer */
	ike_child_stop_sending(c);
	ike_child_set_state(c, IKE_CST_DELETING);
	ike_task_add(sa, IKE_TASK_DELETE_CHILD, c->cfg, c->id, 0);
	if ((c->cfg->start_action & IKE_ACTION_START) != 0)
		ike_wish(sa->e, sa->conn, c->cfg, sa->e->now_ms);
}
