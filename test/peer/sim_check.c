/* SPDX-License-Identifier: BSD-3-Clause */

/* What must hold: at every datagram, at every child, and after the dust has settled. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ike/sa.h"
#include "sim.h"

#define N_FACTS (1u << 16) /* far more than a schedule has datagrams */

/* Names seen in this round and what they stood for. */
struct facts {
	uint32_t round, n;
	struct fact {
		uint64_t name, value;
		uint32_t round;
	} v[N_FACTS];
};

static uint64_t
hash(uint64_t h, const void *p, size_t len)
{
	const uint8_t *b = p;

	while (len >= 8) {
		uint64_t x;

		memcpy(&x, b, 8);
		h = (h ^ x) * 0x9fb21c651e98df25u;
		h ^= h >> 32;
		b += 8;
		len -= 8;
	}
	while (len-- > 0)
		h = (h ^ *b++) * 0x100000001b3u;
	return h ^ h >> 29;
}

/** @return false when name stands for something else already */
static bool
note(struct sim *s, uint64_t name, uint64_t value)
{
	struct facts *f = s->facts;
	struct fact *at;

	for (uint64_t i = name;; i++) {
		at = &f->v[i % N_FACTS];
		if (at->round != f->round)
			break;
		if (at->name == name)
			return at->value == value;
	}
	world_check(s->w, ++f->n < N_FACTS / 2, "too many datagrams for one schedule");
	*at = (struct fact){.name = name, .value = value, .round = f->round};
	return true;
}

/* ---- datagrams ---- */

static uint32_t
be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/** In the clear, after IKE_SA_INIT, are only notifies that answer somebody unknown. */
static void
check_clear(struct sim *s, unsigned int from, const uint8_t *buf, size_t len)
{
	uint8_t next = buf[16];
	size_t at = IKE_HDR_LEN;

	world_check(s->w, (buf[19] & IKE_FLAG_RESPONSE) != 0,
		"peer %u asks in the clear: exchange %u", from, buf[18]);
	while (next != 0 && at + 4 <= len) {
		world_check(s->w, next == IKE_PLD_NOTIFY, "peer %u sends payload %u in the clear",
			from, next);
		next = buf[at];
		at += (size_t)buf[at + 2] << 8 | buf[at + 3];
	}
}

/** No Message ID twice, no IV twice: a name stands for one content. */
static void
check_sealed(struct sim *s, unsigned int from, const uint8_t *buf, size_t len)
{
	bool fragment = buf[16] == IKE_PLD_SKF;
	size_t iv = IKE_HDR_LEN + (fragment ? 8 : 4);
	uint64_t what = hash(1, buf, len), sa = hash(2 + from, buf, 16), name;

	name = hash(sa, buf + 19, 5); /* flags, Message ID */
	if (fragment)
		name = hash(name, buf + IKE_HDR_LEN + 4, 2);
	world_check(s->w, len > iv + 8, "peer %u sends an empty SK", from);
	world_check(s->w, note(s, name, what), "peer %u uses Message ID %u for two messages", from,
		be32(buf + 20));
	world_check(s->w, note(s, hash(sa ^ 0x1111, buf + iv, 8), what),
		"peer %u seals two messages with one IV, Message ID %u", from, be32(buf + 20));
}

static bool
watch_datagram(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	struct sim *s = w->user;

	world_check(
		w, *len >= IKE_HDR_LEN && be32(buf + 24) == *len, "peer %u: no IKE header", from);
	if (s->log)
		fprintf(stderr, "%10.3f %u   sends %s%u %s%u, %zu bytes\n", (double)w->now / 1000,
			from, buf[16] == IKE_PLD_SK || buf[16] == IKE_PLD_SKF ? "" : "clear ",
			buf[18], (buf[19] & IKE_FLAG_RESPONSE) != 0 ? "response " : "request ",
			be32(buf + 20), *len);
	if (buf[18] == IKE_X_SA_INIT)
		return true;
	if (buf[16] == IKE_PLD_SK || buf[16] == IKE_PLD_SKF)
		check_sealed(s, from, buf, *len);
	else
		check_clear(s, from, buf, *len);
	return true;
}

/* ---- children ---- */

static void
watch_child(struct world *w, const struct peer *p, const struct ike_child_sa *sa)
{
	struct sim *s = w->user;
	uint64_t in = hash(hash(3, sa->encr_in, IKE_ESP_KEY_MAX), sa->integ_in, IKE_ESP_KEY_MAX);
	uint64_t out = hash(hash(3, sa->encr_out, IKE_ESP_KEY_MAX), sa->integ_out, IKE_ESP_KEY_MAX);
	uint64_t me = (uint64_t)p->index << 32 | p->boots;

	world_check(w, in != out, "peer %u: one key for both directions", p->index);
	/* as key to receive by it belongs to this child, and the same for sending */
	world_check(w,
		note(s, in ^ 0x5555, me << 20 | sa->id) && note(s, out ^ 0xaaaa, me << 20 | sa->id),
		"peer %u: a key is used again, child %u", p->index, sa->id);
	for (unsigned int i = 0; i < p->n_child; i++) {
		const struct mock_child *o = &p->child[i];

		world_check(w, !o->in || o->sa.id == sa->id || o->sa.spi_in != sa->spi_in,
			"peer %u: SPI %08x is in use already", p->index, sa->spi_in);
	}
}

void
sim_watch(struct sim *s)
{
	if (s->facts == NULL)
		s->facts = calloc(1, sizeof(*s->facts));
	if (s->facts == NULL)
		abort();
	s->facts->round++;
	s->facts->n = 0;
	s->w->user = s;
	s->w->filter = watch_datagram;
	s->w->added = watch_child;
}

void
sim_unwatch(struct sim *s)
{
	free(s->facts);
	s->facts = NULL;
}

/* ---- after the dust has settled ---- */

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
		       &s->w->p[other].addr, &one) > 0;
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

	n = count(&snaps[e->a], &s->sites[e->a].children[e->conn_a][k], &s->w->p[e->b].addr, &a);
	if (n != 1)
		return say(e, k, "live at the first end, not 1", n);
	n = count(&snaps[e->b], &s->sites[e->b].children[e->conn_b][k], &s->w->p[e->a].addr, &b);
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

		if (v->conn != conn || !same_addr(&v->path.remote, &s->w->p[e->b].addr))
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
