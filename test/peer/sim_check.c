/* SPDX-License-Identifier: BSD-3-Clause */

/* What must hold at every datagram, child, event and packet. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ike/sa.h"
#include "sim.h"

#define N_FACTS (1u << 18) /* far more than a schedule has datagrams and packets */

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

/* ---- peace: rekeyings go on, and nothing is lost ---- */

const struct in6_addr *
sim_seen(const struct peer *p)
{
	return IN6_IS_ADDR_UNSPECIFIED(&p->nat_addr) ? &p->addr : &p->nat_addr;
}

/** A packet of this child would find an SA at that end. */
static bool
has_way(struct sim *s, const struct edge *e, bool at_b, unsigned int k)
{
	const struct peer *p = &s->w->p[at_b ? e->b : e->a];
	const struct in6_addr *remote = sim_seen(&s->w->p[at_b ? e->a : e->b]);
	const struct ike_child_cfg *cfg =
		&s->sites[p->index].children[at_b ? e->conn_b : e->conn_a][k];

	for (unsigned int i = 0; i < p->n_child; i++) {
		const struct mock_child *c = &p->child[i];

		if (c->sending && c->sa.child == cfg &&
			IN6_ARE_ADDR_EQUAL(&c->sa.path.remote, remote))
			return true;
	}
	return false;
}

static void
check_ways(struct sim *s)
{
	for (unsigned int i = 0; i < s->n_edges; i++)
		for (unsigned int k = 0; k < 2 * s->edges[i].n_children; k++)
			world_check(s->w, has_way(s, &s->edges[i], k % 2 == 1, k / 2),
				"edge %u-%u, child k%u: %s end has nothing to send on in peace",
				s->edges[i].a, s->edges[i].b, k / 2,
				k % 2 == 1 ? "second" : "first");
}

static void
watch_step(struct world *w)
{
	struct sim *s = w->user;

	if (!s->peace)
		return;
	for (unsigned int i = 0; i < w->n_peers; i++) {
		const struct peer *p = &w->p[i];

		world_check(w, p->esp_lost == s->before[i].lost,
			"peer %u sent a packet in peace for an SA that is not there", i);
		world_check(w, p->esp_replay == s->before[i].replay,
			"peer %u sent a packet in peace that a replay window dropped", i);
	}
	check_ways(s);
}

/** Where a connection is reauthenticated both ends have a child twice before the old one goes. */
static bool
is_reauthenticated(const struct sim *s, const struct peer *p, const struct ike_event *ev)
{
	bool may = false, twice = false;

	for (unsigned int i = 0; i < s->n_edges; i++) {
		const struct edge *e = &s->edges[i];
		const struct ike_conn_cfg *a = &s->sites[e->a].conns[e->conn_a];
		const struct ike_conn_cfg *b = &s->sites[e->b].conns[e->conn_b];

		may |= (ev->conn == a || ev->conn == b) &&
		       (a->reauth_time_s != 0 || b->reauth_time_s != 0);
	}
	for (unsigned int i = 0; i < p->n_child; i++) {
		const struct mock_child *c = &p->child[i];

		twice |= c->in && c->out && c->sa.child == ev->child && c->sa.id != ev->child_id;
	}
	return may && twice;
}

static void
watch_event(struct world *w, const struct peer *p, const struct ike_event *ev)
{
	struct sim *s = w->user;

	world_check(w, !s->peace || ev->type != IKE_EV_CHILD_DOWN || is_reauthenticated(s, p, ev),
		"peer %u: child %u went down in peace: %s", p->index, ev->child_id, ev->reason);
}

static void
watch_packet(struct world *w, unsigned int from, uint64_t number)
{
	struct sim *s = w->user;
	const uint64_t name[2] = {from, number};

	/* each arrival is another value: the second one does not fit the first */
	world_check(w, note(s, hash(4, name, sizeof(name)), ++s->n_arrived),
		"peer %u: packet %llu arrives twice", from, (unsigned long long)number);
}

void
sim_peace_begin(struct sim *s)
{
	for (unsigned int i = 0; i < s->w->n_peers; i++) {
		const struct peer *p = &s->w->p[i];

		s->before[i] = (struct before){p->esp_sent, p->esp_got, p->esp_lost, p->esp_replay};
	}
	s->peace = true;
}

void
sim_peace_end(struct sim *s)
{
	s->peace = false;
	for (unsigned int i = 0; i < s->w->n_peers; i++) {
		const struct peer *p = &s->w->p[i];
		uint64_t sent = p->esp_sent - s->before[i].sent;
		uint64_t got = p->esp_got - s->before[i].got;

		world_check(s->w, sent == got, "peer %u: of %llu packets in peace %llu arrived", i,
			(unsigned long long)sent, (unsigned long long)got);
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
	s->w->happened = watch_event;
	s->w->let_in = watch_packet;
	s->w->stepped = watch_step;
	s->n_arrived = 0;
	s->peace = false;
}

void
sim_unwatch(struct sim *s)
{
	free(s->facts);
	s->facts = NULL;
}
