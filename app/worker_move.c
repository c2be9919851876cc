/* SPDX-License-Identifier: BSD-3-Clause */

#include "worker_priv.h"

/*
 * Tunnels change their owner without a packet lost or doubled:
 *
 * - Control asks.
 * - The new owner stands still: it neither receives nor reads, so that it can serve nothing of
 *   theirs before it is allowed to. Frames of others still go out, and what it has begun ends.
 * - The old one waits until everybody has been quiescent (the new one knows by now), then reads
 *   nothing of theirs any more but the rest of a super-packet: it may have more segments than can
 *   wait for who stands still. It names the new owner and waits again: from then on nobody passes
 *   it anything of theirs. It works off what it has been passed and what has gathered, and waits
 *   for what others send or forward for it, if any do.
 * - The new one takes over: first what has been passed to it in the meantime.
 *
 * Several polls in all: microseconds, unless a worker is off its CPU. Nor is a packet overtaken,
 * but in the port's queues: frames of the old owner by the new one's. A TUN follows its flows to
 * the queue that they are answered on: that stays the old owner's until it is empty (worker_out.c).
 */

static void
set_state(struct gw_move *mv, enum gw_move_step step, unsigned int from, unsigned int to)
{
	atomic_store_explicit(&mv->state, step | from << 8 | to << 16, memory_order_release);
}

bool
gw_move_is_done(const struct gw_move *mv)
{
	return atomic_load_explicit(&mv->state, memory_order_acquire) == GW_MOVE_NONE;
}

bool
gw_move_ask(struct gw_move *mv, struct gw_demux *what, unsigned int to)
{
	unsigned int from = atomic_load_explicit(&what->owner, memory_order_relaxed);

	if (!gw_move_is_done(mv) || from == to)
		return false;
	mv->what = what;
	set_state(mv, GW_MOVE_ASKED, from, to);
	return true;
}

static void
forget_polled(struct gw_worker *w, struct gw_tunnel *t)
{
	for (uint32_t i = 0; i < w->n_polled; i++) {
		if (w->polled[i] == t) {
			w->polled[i] = w->polled[--w->n_polled];
			return;
		}
	}
}

int
worker_watch(struct gw_worker *w, struct gw_tunnel *t)
{
	if (t->handoff->read != NULL) {
		w->polled[w->n_polled++] = t;
		return 0;
	}
	return t->fd >= 0 ? gw_tunset_add(w->tunset, gw_tun_rx_fd(w->tun_rx, t), t) : 0;
}

/* Of a TUN that has them each worker reads its own queue, whoever owns it. */
static void
unwatch(struct gw_worker *w, struct gw_tunnel *t)
{
	if (t->handoff->read != NULL)
		forget_polled(w, t);
	else if (t->queues == NULL && t->fd >= 0)
		gw_tunset_del(w->tunset, t->fd);
}

static void
adopt(struct gw_worker *w, struct gw_tunnel *t)
{
	if (t->n_held > 0)
		w->holding[w->n_holding++] = t;
	/* an interface that is gone cannot be watched, and need not be */
	if (t->queues == NULL)
		(void)worker_watch(w, t);
}

static void
each(struct gw_worker *w, struct gw_demux *d, void (*fn)(struct gw_worker *w, struct gw_tunnel *t))
{
	if (d->keyless != NULL)
		fn(w, d->keyless);
	for (uint32_t i = 0; i < d->n; i++)
		fn(w, d->by_key[i].tunnel);
}

/* @return true when everybody passes to the new owner from now on */
static bool
redirect(struct gw_worker *w, struct gw_move *mv, unsigned int to)
{
	const struct gw_tunnel *pending = gw_tun_rx_pending(w->tun_rx);

	each(w, mv->what, unwatch);
	/* where each worker has a queue, reading it goes on */
	if (pending != NULL && pending->demux == mv->what && pending->queues == NULL)
		return false;
	atomic_store_explicit(&mv->what->owner, to, memory_order_release);
	return true;
}

/* Nothing of theirs is left here, but for what a poll passes on at its end. */
static void
flush(struct gw_worker *w, struct gw_move *mv)
{
	worker_pull_all(w);
	each(w, mv->what, worker_out_forget);
}

/* Another one forwards for us, and not who takes over: that one pulls what it forwards first. */
static bool
others_forward(const struct gw_worker *w, unsigned int to)
{
	unsigned int fwd = w->plane->fwd_worker;

	return w->plane->inside != NULL && fwd != w->id && fwd != to;
}

/* What others send or forward for us is theirs by now, up to the marks; more may follow of the
 * rest. */
static void
mark(struct gw_worker *w, unsigned int to)
{
	if (!w->transmits)
		w->give_frames = gw_pass_mark(w->pass, GW_PASS_FRAME, w->id, w->sender);
	if (others_forward(w, to))
		w->give_forward =
			gw_pass_mark(w->pass, GW_PASS_FORWARD, w->id, w->plane->fwd_worker);
}

static bool
marks_are_passed(const struct gw_worker *w, unsigned int to)
{
	if (!w->transmits &&
		!gw_pass_is_through(w->pass, GW_PASS_FRAME, w->id, w->sender, w->give_frames))
		return false;
	return !others_forward(w, to) || gw_pass_is_through(w->pass, GW_PASS_FORWARD, w->id,
						 w->plane->fwd_worker, w->give_forward);
}

/* The next step comes when all have been quiescent. */
static void
wait_for_all(struct gw_worker *w, enum give next)
{
	w->give = next;
	w->give_token = gw_rcu_start(w->plane->rcu);
}

/* Once a poll. Each step that does not wait for all is a poll of its own. */
static void
give(struct gw_worker *w, struct gw_move *mv, unsigned int to)
{
	if (w->give != GIVE_NOTHING && !gw_rcu_passed(w->plane->rcu, w->give_token))
		return;
	switch (w->give) {
	case GIVE_NOTHING:
		wait_for_all(w, GIVE_ANNOUNCED);
		break;
	case GIVE_ANNOUNCED:
		if (redirect(w, mv, to))
			wait_for_all(w, GIVE_REDIRECTED);
		break;
	case GIVE_REDIRECTED:
		flush(w, mv);
		w->give = w->transmits && !others_forward(w, to) ? GIVE_SENT : GIVE_FLUSHED;
		break;
	case GIVE_FLUSHED:
		mark(w, to);
		w->give = GIVE_MARKED;
		break;
	case GIVE_MARKED:
		/* whoever pulls a frame sends it before it is quiescent */
		if (marks_are_passed(w, to))
			wait_for_all(w, GIVE_SENT);
		break;
	case GIVE_SENT:
		w->give = GIVE_NOTHING;
		set_state(mv, GW_MOVE_GIVEN, w->id, to);
		break;
	}
}

static void
take(struct gw_worker *w, struct gw_move *mv)
{
	/* first, or what has to be held of what others have passed would be noted twice */
	each(w, mv->what, adopt);
	/* ahead of what is read from now on */
	worker_pull_all(w);
	set_state(mv, GW_MOVE_NONE, 0, 0);
}

bool
worker_move(struct gw_worker *w)
{
	struct gw_move *mv = &w->plane->move;
	uint32_t state = atomic_load_explicit(&mv->state, memory_order_acquire);
	unsigned int from = state >> 8 & 0xff, to = state >> 16;

	if (likely(state == GW_MOVE_NONE))
		return true;
	if (from == w->id && (state & 0xff) == GW_MOVE_ASKED)
		give(w, mv, to);
	if (to != w->id)
		return true;
	if ((state & 0xff) != GW_MOVE_GIVEN)
		return false;
	take(w, mv);
	return true;
}
