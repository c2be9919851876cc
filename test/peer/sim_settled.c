/* SPDX-License-Identifier: BSD-3-Clause */

/* What must hold after the dust has settled. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ike/nego.h"
#include "ike/sa.h"
#include "link.h"
#include "sim.h"

#define SNAP_MAX 128

/* What one engine says that it has. */
struct snap {
	struct ike_sa_view sa[SNAP_MAX];
	struct ike_child_view child[SNAP_MAX];
	unsigned int n_sa, n_child;
};

static void
snap_sa(void *arg, const struct ike_sa_view *v)
{
	struct snap *n = arg;

	if (n->n_sa < SNAP_MAX)
		n->sa[n->n_sa++] = *v;
}

static void
snap_child(void *arg, const struct ike_child_view *v)
{
	struct snap *n = arg;

	if (n->n_child < SNAP_MAX)
		n->child[n->n_child++] = *v;
}

static void
snap_take(struct sim *s, unsigned int peer, struct snap *n)
{
	n->n_sa = n->n_child = 0;
	if (s->w->p[peer].e != NULL)
		ike_walk(s->w->p[peer].e, snap_sa, snap_child, n);
}

static struct snap snaps[SIM_PEERS];

static void
snap_all(struct sim *s)
{
	for (unsigned int p = 0; p < s->w->n_peers; p++)
		snap_take(s, p, &snaps[p]);
}

static const struct ike_sa_view *
sa_of(const struct snap *n, uint32_t id)
{
	for (unsigned int i = 0; i < n->n_sa; i++)
		if (n->sa[i].id == id)
			return &n->sa[i];
	return NULL;
}

static bool
same_addr(const struct in6_addr *a, const struct in6_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static bool
live(const struct ike_child_view *c)
{
	return c->state == IKE_CST_INSTALLED || c->state == IKE_CST_REKEYING;
}

/** The peer's live children of cfg with who is at addr; *one is one of them. */
static unsigned int
count(const struct snap *n, const struct ike_child_cfg *cfg, const struct in6_addr *addr,
	const struct ike_child_view **one)
{
	unsigned int found = 0;

	for (unsigned int i = 0; i < n->n_child; i++) {
		const struct ike_child_view *c = &n->child[i];
		const struct ike_sa_view *sa = sa_of(n, c->ike_id);

		if (c->child != cfg || !live(c) || sa == NULL || !same_addr(&sa->path.remote, addr))
			continue;
		*one = c;
		found++;
	}
	return found;
}

bool
sim_has(struct sim *s, const struct edge *e, bool at_b, unsigned int child)
{
	const struct ike_child_view *one;
	unsigned int me = at_b ? e->b : e->a, other = at_b ? e->a : e->b;
	static struct snap n;

	snap_take(s, me, &n);
	return count(&n, &s->sites[me].children[at_b ? e->conn_b : e->conn_a][child],
		       sim_seen(&s->w->p[other]), &one) > 0;
}

static const struct mock_child *
installed(const struct peer *p, uint32_t id)
{
	for (unsigned int i = 0; i < p->n_child; i++)
		if (p->child[i].sa.id == id && p->child[i].in && p->child[i].out)
			return &p->child[i];
	return NULL;
}

static char text[WORLD_TEXT_MAX];

static const char *
say(const struct edge *e, unsigned int child, const char *what, unsigned int n)
{
	snprintf(text, sizeof(text), "edge %u-%u, child k%u: %s (%u)", e->a, e->b, child, what, n);
	return text;
}

static const char *
child_unsettled(struct sim *s, const struct edge *e, unsigned int k)
{
	const struct ike_child_view *a = NULL, *b = NULL;
	const struct mock_child *ma, *mb;
	unsigned int n;

	n = count(
		&snaps[e->a], &s->sites[e->a].children[e->conn_a][k], sim_seen(&s->w->p[e->b]), &a);
	if (n != 1)
		return say(e, k, "live at the first end, not 1", n);
	n = count(
		&snaps[e->b], &s->sites[e->b].children[e->conn_b][k], sim_seen(&s->w->p[e->a]), &b);
	if (n != 1)
		return say(e, k, "live at the second end, not 1", n);
	ma = installed(&s->w->p[e->a], a->id);
	mb = installed(&s->w->p[e->b], b->id);
	if (ma == NULL || mb == NULL)
		return say(e, k, "not installed at an end", ma == NULL);
	if (world_twin(s->w, e->a, ma) != mb || ma->sa.mode != mb->sa.mode)
		return say(e, k, "the two are no twins", ma->sa.spi_in);
	if (!link_leads(&s->w->p[e->a], &ma->sa.path) || !link_leads(&s->w->p[e->b], &mb->sa.path))
		return say(e, k, "an end sends to where nobody is", ma->sa.path.remote_port);
	if (!ma->sending || !mb->sending)
		return say(e, k, "an end does not send on it", ma->sending);
	return NULL;
}

/** What peer p's SA is at its other end. */
static const struct ike_sa_view *
twin_of(const struct sim *s, unsigned int p, const struct ike_sa_view *v)
{
	for (unsigned int q = 0; q < s->w->n_peers; q++)
		for (unsigned int j = 0; q != p && j < snaps[q].n_sa; j++) {
			const struct ike_sa_view *o = &snaps[q].sa[j];

			if (o->spi_i == v->spi_i && o->spi_r == v->spi_r &&
				o->initiator != v->initiator)
				return o;
		}
	return NULL;
}

/** Every IKE SA that an engine believes in is believed in at the other end. */
static const char *
sas_unsettled(struct sim *s)
{
	for (unsigned int p = 0; p < s->w->n_peers; p++)
		for (unsigned int i = 0; i < snaps[p].n_sa; i++) {
			const struct ike_sa_view *v = &snaps[p].sa[i], *o = twin_of(s, p, v);

			if (v->state == IKE_ST_ESTABLISHED && o != NULL &&
				o->state == IKE_ST_ESTABLISHED)
				continue;
			snprintf(text, sizeof(text), "peer %u: IKE_SA %u in state %d %s", p, v->id,
				v->state, o != NULL ? "has a twin in another" : "has no twin");
			return text;
		}
	return NULL;
}

/* ---- twins ---- */

#define SLACK_MS 5000 /* looks are 2 s apart; jobs of bad times are late */

/** How long an SA may outlive its twin and ESP: until the peer is asked, and that is given up. */
static uint64_t
lone_ms(const struct peer *p, const struct ike_sa_view *v)
{
	uint64_t ms = (uint64_t)v->conn->dpd_delay_s * 1000 + sim_sequence_ms(&p->cfg) + SLACK_MS;

	/* of what was replaced the other end is to send a DELETE */
	return v->state == IKE_ST_REKEYED ? ms + IKE_REKEYED_MS : ms;
}

/**
 * How long ESP may keep it: a successor of which only this end knows has taken over children that
 * the other end still sends on, until the SA that was replaced is deleted there.
 */
static uint64_t
evidence_ms(const struct peer *p)
{
	return IKE_REKEYED_MS + sim_sequence_ms(&p->cfg) + SLACK_MS;
}

/** When ESP came for it last: evidence of life, unless its connection does not take it for that. */
static uint64_t
heard_ms(const struct peer *p, const struct snap *n, const struct ike_sa_view *v)
{
	uint64_t last = 0;

	if (v->conn->dpd_ignore_esp)
		return 0;
	for (unsigned int i = 0; i < n->n_child; i++) {
		if (n->child[i].ike_id != v->id)
			continue;
		for (unsigned int k = 0; k < p->n_child; k++)
			if (p->child[k].sa.id == n->child[i].id && p->child[k].in &&
				p->child[k].heard_ms > last)
				last = p->child[k].heard_ms;
	}
	return last;
}

/** What is known of it: since when it has been alone, as far as it was seen. */
static struct lone *
lone_entry(struct sim *s, unsigned int p, uint32_t id)
{
	struct lone *free = NULL;

	for (unsigned int i = 0; i < SIM_LONE; i++) {
		struct lone *l = &s->lone[i];

		if (l->seen_ms == 0 || l->seen_ms < s->looked_ms) {
			free = l;
		} else if (l->peer == p && l->boots == s->w->p[p].boots && l->id == id) {
			l->seen_ms = s->w->now;
			return l;
		}
	}
	world_check(s->w, free != NULL, "too many IKE SAs are alone");
	*free = (struct lone){p, s->w->p[p].boots, id, s->w->now, s->w->now, s->w->now, 0};
	return free;
}

static void
check_lone(struct sim *s, unsigned int p, const struct ike_sa_view *v)
{
	const struct peer *peer = &s->w->p[p];
	struct lone *l = lone_entry(s, p, v->id);
	uint64_t heard = heard_ms(peer, &snaps[p], v);

	if (l->heard_ms < heard)
		l->heard_ms = heard;
	/* from REKEYED it goes to DELETING: the longest of all counts */
	if (l->limit_ms < lone_ms(peer, v))
		l->limit_ms = lone_ms(peer, v);
	world_check(s->w,
		s->w->now - l->heard_ms <= l->limit_ms &&
			l->heard_ms - l->since_ms <= evidence_ms(peer),
		"peer %u: IKE_SA %u in state %d has had no twin for %llu ms, no ESP for %llu ms", p,
		v->id, v->state, (unsigned long long)(s->w->now - l->since_ms),
		(unsigned long long)(s->w->now - l->heard_ms));
}

/** An IKE SA may be alone for a while, not longer. */
void
sim_check_twins(struct sim *s)
{
	snap_all(s);
	for (unsigned int p = 0; p < s->w->n_peers; p++)
		for (unsigned int i = 0; i < snaps[p].n_sa; i++) {
			const struct ike_sa_view *v = &snaps[p].sa[i];

			if (v->state != IKE_ST_CONNECTING && twin_of(s, p, v) == NULL)
				check_lone(s, p, v);
		}
	s->looked_ms = s->w->now;
}

/* ---- objects ---- */

/** What an engine counts is what it has, and what its host has of it. */
void
sim_check_objects(struct sim *s)
{
	for (unsigned int i = 0; i < s->w->n_peers; i++) {
		const struct peer *p = &s->w->p[i];
		unsigned int sas = 0, children = 0, hosted = 0;
		int spis = 0;
		struct ike_stats st;

		ike_get_stats(p->e, &st);
		for (const struct ike_sa *sa = p->e->sas; sa != NULL; sa = sa->next) {
			sas++;
			spis += sa->follow != NULL && sa->follow->cfg != NULL;
			for (const struct ike_child *c = sa->children; c != NULL; c = c->next)
				children++;
		}
		for (unsigned int k = 0; k < p->n_child; k++)
			hosted += p->child[k].in || p->child[k].out;
		world_check(s->w, sas == p->e->n_listed && sas == p->e->by_spi.n,
			"peer %u lists %u IKE SAs, knows %u, counts %u", i, sas, p->e->by_spi.n,
			p->e->n_listed);
		world_check(s->w, children == st.n_children && children == hosted,
			"peer %u has %u children, counts %u, its host %u", i, children,
			st.n_children, hosted);
		world_check(s->w, p->spis_out == spis, "peer %u: %d SPIs are out, not %d", i,
			p->spis_out, spis);
		world_check(s->w, st.n_half_open == 0 && st.n_jobs == 0 && p->e->dirty == NULL,
			"peer %u: %u half-open IKE SAs, %u jobs", i, st.n_half_open, st.n_jobs);
		world_check(s->w, st.n_timers <= sas + 2, "peer %u: %u timers for %u IKE SAs", i,
			st.n_timers, sas);
	}
}

/** After ike_shutdown() and the last job. */
void
sim_check_gone(struct sim *s)
{
	for (unsigned int i = 0; i < s->w->n_peers; i++) {
		const struct ike *e = s->w->p[i].e;
		/* names have one from the start */
		uint32_t timers = e->heap.n - (e->n_names > 0 && e->heap.n > 0);
		const uint32_t left[] = {e->n_listed, e->by_spi.n, e->by_id.n, e->by_conn.n,
			e->by_host.n, e->by_init.n, e->by_ends.n, e->by_net[0].n, e->by_net[1].n,
			e->children.n, timers, e->wish_heap.n, e->wishes.n, e->n_jobs,
			(uint32_t)s->w->p[i].spis_out, (uint32_t)s->w->p[i].ike_spis};

		for (unsigned int k = 0; k < sizeof(left) / sizeof(left[0]); k++)
			world_check(s->w, left[k] == 0, "peer %u keeps %u objects of kind %u", i,
				left[k], k);
		for (unsigned int k = 0; k < IKE_SA_STATES; k++)
			world_check(s->w, e->n_state[k] == 0, "peer %u counts %u in state %u", i,
				e->n_state[k], k);
	}
}

/* ---- settled or not ---- */

/**
 * Of one edge: one IKE SA, unless the policy allows more. Both ends may have begun at once, each
 * with another child: two SAs that both carry something stay.
 */
static const char *
too_many_sas(struct sim *s, const struct edge *e, bool at_b)
{
	unsigned int me = at_b ? e->b : e->a, other = at_b ? e->a : e->b;
	const struct ike_conn_cfg *conn = &s->sites[me].conns[at_b ? e->conn_b : e->conn_a];
	bool strict = conn->unique == IKE_UNIQUE_REPLACE || conn->unique == IKE_UNIQUE_KEEP;
	unsigned int n = 0, idle = 0;

	for (unsigned int i = 0; i < snaps[me].n_sa; i++) {
		const struct ike_sa_view *v = &snaps[me].sa[i];

		if (v->conn != conn || !same_addr(&v->path.remote, sim_seen(&s->w->p[other])))
			continue;
		n++;
		idle += v->n_children == 0;
	}
	if (n > 3 || (n > 1 && strict && idle > 0))
		return say(e, 0, "too many IKE_SAs", n);
	return NULL;
}

/** A question without answer, or one that waits, may change all. */
static const char *
under_way(struct sim *s)
{
	for (unsigned int p = 0; p < s->w->n_peers; p++)
		for (const struct ike_sa *sa = s->w->p[p].e->sas; sa != NULL; sa = sa->next) {
			if (sa->win.request.buf == NULL && sa->tasks == NULL && sa->active == NULL)
				continue;
			snprintf(text, sizeof(text), "peer %u: IKE_SA %u has not finished", p,
				sa->id);
			return text;
		}
	return NULL;
}

const char *
sim_unsettled(struct sim *s)
{
	const char *why = NULL;

	snap_all(s);
	for (unsigned int i = 0; i < s->n_edges && why == NULL; i++) {
		const struct edge *e = &s->edges[i];

		for (unsigned int k = 0; k < e->n_children && why == NULL; k++)
			why = child_unsettled(s, e, k);
		for (unsigned int at_b = 0; at_b < 2 && why == NULL; at_b++)
			why = too_many_sas(s, e, at_b);
	}
	if (why == NULL)
		why = sas_unsettled(s);
	return why != NULL ? why : under_way(s);
}
