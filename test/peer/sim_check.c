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

/** Where name is, or would be. */
static struct fact *
place(struct sim *s, uint64_t name)
{
	struct facts *f = s->facts;
	uint64_t i = name;

	while (f->v[i % N_FACTS].round == f->round && f->v[i % N_FACTS].name != name)
		i++;
	return &f->v[i % N_FACTS];
}

static bool
known(struct sim *s, uint64_t name)
{
	return place(s, name)->round == s->facts->round;
}

/** @return false when name stands for something else already */
static bool
note(struct sim *s, uint64_t name, uint64_t value)
{
	struct facts *f = s->facts;
	struct fact *at = place(s, name);

	if (at->round == f->round)
		return at->value == value;
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

/**
 * Whoever has the IKE SA says nothing in the clear about it. But for a version that it does not
 * know, which is looked at first.
 */
static void
check_stranger(struct sim *s, unsigned int from, const uint8_t *buf, size_t len)
{
	bool initiator = (buf[19] & IKE_FLAG_INITIATOR) != 0;
	const struct ike_sa *sa;
	struct ike_hdr hdr;

	if (len >= IKE_HDR_LEN + 8 && buf[16] == IKE_PLD_NOTIFY &&
		(buf[IKE_HDR_LEN + 6] << 8 | buf[IKE_HDR_LEN + 7]) == IKE_N_INVALID_MAJOR_VERSION)
		return;
	ike_hdr_parse(&hdr, buf, IKE_HDR_LEN);
	sa = ike_sa_by_spi(s->w->p[from].e, initiator ? hdr.spi_i : hdr.spi_r);
	world_check(s->w,
		sa == NULL || sa->initiator != initiator || sa->spi_i != hdr.spi_i ||
			sa->spi_r != hdr.spi_r,
		"peer %u answers in the clear for its IKE_SA %u", from, sa->id);
}

/**
 * In the clear, after IKE_SA_INIT, are only notifies that answer somebody unknown: an IKE message
 * by a response, ESP by what belongs to no IKE SA and to which nobody answers (1.5).
 */
static void
check_clear(struct sim *s, unsigned int from, const uint8_t *buf, size_t len)
{
	static const uint8_t no_spis[16];
	uint8_t next = buf[16];
	size_t at = IKE_HDR_LEN;

	world_check(s->w,
		(buf[19] & IKE_FLAG_RESPONSE) != 0 ||
			(buf[18] == IKE_X_INFORMATIONAL && memcmp(buf, no_spis, 16) == 0),
		"peer %u asks in the clear: exchange %u", from, buf[18]);
	check_stranger(s, from, buf, len);
	while (next != 0 && at + 4 <= len) {
		world_check(s->w, next == IKE_PLD_NOTIFY, "peer %u sends payload %u in the clear",
			from, next);
		next = buf[at];
		at += (size_t)buf[at + 2] << 8 | buf[at + 3];
	}
}

/** What a message is known by: its sender, its IKE SA, request or response, Message ID. */
static uint64_t
message_name(unsigned int from, const uint8_t *buf, bool response, uint32_t id)
{
	const uint32_t rest[2] = {response, id};

	return hash(hash(2 + from, buf, 16), rest, sizeof(rest));
}

/**
 * Window size 1: a response answers a request of another peer, a request follows the one before it.
 * The first Message IDs may be those of IKE_SA_INIT.
 */
static void
check_order(struct sim *s, unsigned int from, const uint8_t *buf, bool response, uint32_t id)
{
	bool found = false;

	if (!response && id < 2)
		return;
	for (unsigned int p = 0; p < s->w->n_peers && response; p++)
		found |= p != from && known(s, message_name(p, buf, false, id));
	if (!response)
		found = known(s, message_name(from, buf, false, id - 1));
	world_check(s->w, found, "peer %u sends %s %u out of order", from,
		response ? "response" : "request", id);
}

/** A secret belongs to one IKE SA and purpose: both ends have it there, nobody elsewhere. */
static void
check_secret(struct sim *s, unsigned int from, uint64_t owner, const uint8_t *key, size_t len)
{
	static const uint8_t none[IKE_PRF_MAX + IKE_CIPHER_MAX + IKE_INTEG_MAX];

	if (memcmp(key, none, len) != 0)
		world_check(s->w, note(s, hash(5, key, len), owner),
			"peer %u uses a key of another IKE SA, or twice", from);
}

static void
check_secrets(struct sim *s, unsigned int from, const struct ike_sa *sa)
{
	const uint64_t spis[2] = {sa->spi_i, sa->spi_r};
	const struct ike_keymat *k = &sa->keys;
	uint64_t owner = hash(6, spis, sizeof(spis));

	check_secret(s, from, owner + 1, k->i.encr_key, sizeof(k->i.encr_key));
	check_secret(s, from, owner + 2, k->r.encr_key, sizeof(k->r.encr_key));
	check_secret(s, from, owner + 3, k->i.integ_key, sizeof(k->i.integ_key));
	check_secret(s, from, owner + 4, k->r.integ_key, sizeof(k->r.integ_key));
	check_secret(s, from, owner + 5, k->sk_d, sizeof(k->sk_d));
	check_secret(s, from, owner + 6, k->sk_pi, sizeof(k->sk_pi));
	check_secret(s, from, owner + 7, k->sk_pr, sizeof(k->sk_pr));
}

/** No IV twice under one key: each round of IKE_INTERMEDIATE makes other keys, and IVs begin anew.
 */
static void
check_iv(struct sim *s, unsigned int from, const uint8_t *buf, const uint8_t *iv, uint64_t what)
{
	struct ike_hdr hdr;
	const struct ike_sa *sa;
	const struct ike_sk_key *k;
	uint64_t key;

	ike_hdr_parse(&hdr, buf, IKE_HDR_LEN);
	sa = ike_sa_by_spi(
		s->w->p[from].e, (hdr.flags & IKE_FLAG_INITIATOR) != 0 ? hdr.spi_i : hdr.spi_r);
	world_check(s->w, sa != NULL && sa->keys.prf_len != 0, "peer %u seals without keys", from);
	check_secrets(s, from, sa);
	k = sa->initiator ? &sa->keys.i : &sa->keys.r;
	key = hash(7, k->encr_key, sizeof(k->encr_key));
	world_check(s->w, note(s, hash(key, iv, 8), what),
		"peer %u seals two messages with one IV, Message ID %u", from, hdr.msg_id);
}

/** No Message ID twice: a name stands for one content, whole or in fragments. */
static void
check_sealed(struct sim *s, unsigned int from, const uint8_t *buf, size_t len)
{
	bool fragment = buf[16] == IKE_PLD_SKF, response = (buf[19] & IKE_FLAG_RESPONSE) != 0;
	size_t iv = IKE_HDR_LEN + (fragment ? 8 : 4);
	uint32_t id = be32(buf + 20);
	uint64_t what = hash(1, buf, len), message = message_name(from, buf, response, id);
	uint64_t name = fragment ? hash(message, buf + IKE_HDR_LEN + 4, 2) : message ^ 0x7777;

	world_check(s->w, len > iv + 8, "peer %u sends an empty SK", from);
	/* of how many parts it is: 0 = whole */
	world_check(s->w, note(s, message, fragment ? hash(8, buf + IKE_HDR_LEN + 6, 2) : 0),
		"peer %u cuts Message ID %u in another way", from, id);
	if (!known(s, name)) {
		check_order(s, from, buf, response, id);
		check_iv(s, from, buf, buf + iv, what);
	}
	world_check(
		s->w, note(s, name, what), "peer %u uses Message ID %u for two messages", from, id);
}

/** Into what two runs of a seed are compared by. */
static void
record(struct sim *s, unsigned int who, const void *what, size_t len)
{
	const uint64_t when[2] = {s->w->now, who};

	s->digest = hash(hash(s->digest, when, sizeof(when)), what, len);
}

static void
watch_datagram(struct world *w, unsigned int from, const uint8_t *buf, size_t len)
{
	struct sim *s = w->user;

	world_check(w, len >= IKE_HDR_LEN && be32(buf + 24) == len, "peer %u: no IKE header", from);
	record(s, from, buf, len);
	if (s->log)
		fprintf(stderr, "%10.3f %u   sends %s%u %s%u, %zu bytes\n", (double)w->now / 1000,
			from, buf[16] == IKE_PLD_SK || buf[16] == IKE_PLD_SKF ? "" : "clear ",
			buf[18], (buf[19] & IKE_FLAG_RESPONSE) != 0 ? "response " : "request ",
			be32(buf + 20), len);
	if (buf[18] == IKE_X_SA_INIT)
		return;
	if (buf[16] == IKE_PLD_SK || buf[16] == IKE_PLD_SKF)
		check_sealed(s, from, buf, len);
	else
		check_clear(s, from, buf, len);
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
	/* nor does one end use it both ways, whatever for */
	world_check(w,
		note(s, hash(9 + p->index, &in, sizeof(in)), 0) &&
			note(s, hash(9 + p->index, &out, sizeof(out)), 1),
		"peer %u: a key is used in both directions, child %u", p->index, sa->id);
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

/** Some IKE SA of it is reauthenticated: the other end asks in it at once, before its answer is
 * there. */
static bool
reauthenticates(const struct sim *s, unsigned int peer)
{
	bool any = false;

	for (unsigned int i = 0; i < s->n_edges; i++) {
		const struct edge *e = &s->edges[i];

		any |= (e->a == peer || e->b == peer) &&
		       (s->sites[e->a].conns[e->conn_a].reauth_time_s != 0 ||
			       s->sites[e->b].conns[e->conn_b].reauth_time_s != 0);
	}
	return any;
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
		world_check(w,
			s->before[i].reauth || p->e->stats.retransmits == s->before[i].retransmits,
			"peer %u repeats a request in peace", i);
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
	const uint32_t what[3] = {ev->type, ev->ike_id, ev->child_id};

	record(s, p->index, what, sizeof(what));
	world_check(w, !s->peace || ev->type != IKE_EV_CHILD_DOWN || is_reauthenticated(s, p, ev),
		"peer %u: child %u went down in peace: %s", p->index, ev->child_id, ev->reason);
}

static void
watch_packet(struct world *w, unsigned int from, uint64_t number)
{
	struct sim *s = w->user;
	const uint64_t name[2] = {from, number};

	record(s, from, &number, sizeof(number));
	/* each arrival is another value: the second one does not fit the first */
	world_check(w, note(s, hash(4, name, sizeof(name)), ++s->n_arrived),
		"peer %u: packet %llu arrives twice", from, (unsigned long long)number);
}

void
sim_peace_begin(struct sim *s)
{
	for (unsigned int i = 0; i < s->w->n_peers; i++) {
		const struct peer *p = &s->w->p[i];

		s->before[i] = (struct before){p->esp_sent, p->esp_got, p->esp_lost, p->esp_replay,
			p->e->stats.retransmits, reauthenticates(s, i)};
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
	s->w->sent = watch_datagram;
	s->w->added = watch_child;
	s->w->happened = watch_event;
	s->w->let_in = watch_packet;
	s->w->stepped = watch_step;
	s->n_arrived = s->digest = 0;
	s->peace = false;
}

void
sim_unwatch(struct sim *s)
{
	free(s->facts);
	s->facts = NULL;
}
