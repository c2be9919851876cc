/* SPDX-License-Identifier: BSD-3-Clause */

/* What must hold after the dust has settled. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ike/sa.h"
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
child_unsettled(struct sim *s, const struct snap *snaps, const struct edge *e, unsigned int k)
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
	if (!ma->sending || !mb->sending)
		return say(e, k, "an end does not send on it", ma->sending);
	return NULL;
}

/** Every IKE SA that an engine believes in is believed in at the other end. */
static const char *
sas_unsettled(struct sim *s, const struct snap *snaps)
{
	for (unsigned int p = 0; p < s->w->n_peers; p++)
		for (unsigned int i = 0; i < snaps[p].n_sa; i++) {
			const struct ike_sa_view *v = &snaps[p].sa[i], *o = NULL;
			bool found = false;

			for (unsigned int q = 0; q < s->w->n_peers && !found; q++)
				for (unsigned int j = 0; q != p && j < snaps[q].n_sa && !found;
					j++) {
					o = &snaps[q].sa[j];
					found = o->spi_i == v->spi_i && o->spi_r == v->spi_r &&
						o->initiator != v->initiator;
				}
			if (v->state == IKE_ST_ESTABLISHED && found &&
				o->state == IKE_ST_ESTABLISHED)
				continue;
			snprintf(text, sizeof(text), "peer %u: IKE_SA %u in state %d %s", p, v->id,
				v->state, found ? "has a twin in another" : "has no twin");
			return text;
		}
	return NULL;
}

/**
 * Of one edge: one IKE SA, unless the policy allows more. Both ends may have begun at once, each
 * with another child: two SAs that both carry something stay.
 */
static const char *
too_many_sas(struct sim *s, const struct snap *snaps, const struct edge *e)
{
	const struct ike_conn_cfg *conn = &s->sites[e->a].conns[e->conn_a];
	bool strict = conn->unique == IKE_UNIQUE_REPLACE || conn->unique == IKE_UNIQUE_KEEP;
	unsigned int n = 0, idle = 0;

	for (unsigned int i = 0; i < snaps[e->a].n_sa; i++) {
		const struct ike_sa_view *v = &snaps[e->a].sa[i];

		if (v->conn != conn || !same_addr(&v->path.remote, sim_seen(&s->w->p[e->b])))
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
			if (sa->win.request.buf == NULL && sa->tasks == NULL)
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
	static struct snap snaps[SIM_PEERS];
	const char *why = NULL;

	for (unsigned int p = 0; p < s->w->n_peers; p++)
		snap_take(s, p, &snaps[p]);
	for (unsigned int i = 0; i < s->n_edges && why == NULL; i++) {
		const struct edge *e = &s->edges[i];

		for (unsigned int k = 0; k < e->n_children && why == NULL; k++)
			why = child_unsettled(s, snaps, e, k);
		if (why == NULL)
			why = too_many_sas(s, snaps, e);
	}
	if (why == NULL)
		why = sas_unsettled(s, snaps);
	return why != NULL ? why : under_way(s);
}
