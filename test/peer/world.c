/* SPDX-License-Identifier: BSD-3-Clause */
#include "world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ike/sa.h"

#define ESP_KEYS (2 * IKE_ESP_KEY_MAX)

struct packet {
	struct packet *next;
	uint64_t at;
	unsigned int to;
	bool esp;
	struct ike_path path; /* as the receiver sees it */
	uint32_t spi;         /* esp */
	size_t len;
	uint8_t buf[];
};

/* ---- chance ---- */

uint32_t
world_rand(struct world *w, uint32_t below)
{
	w->rng ^= w->rng << 13;
	w->rng ^= w->rng >> 7;
	w->rng ^= w->rng << 17;
	return below == 0 ? 0 : (uint32_t)((w->rng >> 16) % below);
}

static bool
chance(struct world *w, unsigned int per_mille)
{
	return per_mille != 0 && world_rand(w, 1000) < per_mille;
}

/* ---- link ---- */

static void
enqueue(struct world *w, struct packet *p)
{
	struct packet **at;

	for (at = &w->queue; *at != NULL && (*at)->at <= p->at; at = &(*at)->next)
		;
	p->next = *at;
	*at = p;
}

static struct packet *
make_packet(struct world *w, unsigned int from, const struct ike_path *path, const uint8_t *buf,
	size_t len)
{
	struct packet *p = calloc(1, sizeof(*p) + len);

	assert_non_null(p);
	p->to = 1 - from;
	p->at = w->now + w->delay_ms + world_rand(w, w->jitter_ms + 1);
	p->path = (struct ike_path){path->remote, path->local, path->remote_port, path->local_port};
	if (w->nat && from == 0)
		p->path.remote_port = (uint16_t)(p->path.remote_port + 10000);
	if (w->nat && from == 1 && p->path.local_port > 10000)
		p->path.local_port = (uint16_t)(p->path.local_port - 10000);
	p->len = len;
	memcpy(p->buf, buf, len);
	return p;
}

static void
host_send(void *arg, const struct ike_path *path, const uint8_t *buf, size_t len)
{
	struct peer *me = arg;
	struct world *w = me->w;
	struct packet *p = make_packet(w, me->index, path, buf, len);

	w->n_ike++;
	if (w->filter != NULL && !w->filter(w, me->index, p->buf, &p->len)) {
		free(p);
		return;
	}
	if (chance(w, w->dup))
		enqueue(w, make_packet(w, me->index, path, p->buf, p->len));
	if (w->cut || chance(w, w->loss)) {
		free(p);
		return;
	}
	if (chance(w, w->reorder))
		p->at += 20 + world_rand(w, 3000);
	enqueue(w, p);
}

/* ---- host ---- */

static void
host_random(void *arg, void *buf, size_t len)
{
	struct peer *me = arg;
	uint8_t *p = buf;

	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)world_rand(me->w, 256);
}

static int
host_local_addr(void *arg, const struct in6_addr *remote, const struct ike_range *allowed,
	unsigned int n_allowed, struct in6_addr *local)
{
	struct peer *me = arg;

	(void)remote;
	(void)allowed;
	(void)n_allowed;
	if (me->no_addr)
		return -EADDRNOTAVAIL;
	*local = me->addr;
	return 0;
}

static uint32_t
host_spi_alloc(void *arg)
{
	struct peer *me = arg;

	me->spis_out++;
	return me->spi_next++;
}

static void
host_spi_free(void *arg, uint32_t spi)
{
	struct peer *me = arg;

	(void)spi;
	me->spis_out--;
}

static void
host_ike_spi(void *arg, uint64_t spi, bool in_use)
{
	struct peer *me = arg;

	assert_int_not_equal(spi, 0);
	me->ike_spis += in_use ? 1 : -1;
}

static struct mock_child *
find_child(struct peer *me, uint32_t id)
{
	for (unsigned int i = 0; i < me->n_child; i++)
		if (me->child[i].sa.id == id && (me->child[i].in || me->child[i].out))
			return &me->child[i];
	return NULL;
}

static struct mock_child *
free_slot(struct peer *me)
{
	for (unsigned int i = 0; i < me->n_child; i++)
		if (!me->child[i].in && !me->child[i].out)
			return &me->child[i];
	assert_true(me->n_child < WORLD_CHILDREN_MAX);
	return &me->child[me->n_child++];
}

static bool
same_keys(const struct ike_child_sa *a, const struct ike_child_sa *b)
{
	return memcmp(a->encr_in, b->encr_in, IKE_ESP_KEY_MAX) == 0 &&
	       memcmp(a->integ_in, b->integ_in, IKE_ESP_KEY_MAX) == 0;
}

static int
host_child_add(void *arg, const struct ike_child_sa *sa)
{
	struct peer *me = arg;
	struct mock_child *c;

	if (me->fail_add != 0)
		return -me->fail_add;
	assert_int_not_equal(sa->id, 0);
	assert_null(find_child(me, sa->id));
	assert_true(sa->encr_key_len + sa->integ_key_len > 0);
	for (unsigned int i = 0; i < me->n_child; i++)
		if (same_keys(&me->child[i].sa, sa))
			me->esp_dup_key++;
	c = free_slot(me);
	*c = (struct mock_child){.in = true, .out = true, .sending = sa->use_out, .sa = *sa};
	me->spis_out--;
	return 0;
}

static void
host_child_use_out(void *arg, uint32_t id)
{
	struct peer *me = arg;
	struct mock_child *c = find_child(me, id);

	assert_non_null(c);
	assert_true(c->out);
	c->sending = true;
}

static void
host_child_path(void *arg, uint32_t id, const struct ike_path *path, bool udp_encap)
{
	struct peer *me = arg;
	struct mock_child *c = find_child(me, id);

	assert_non_null(c);
	c->sa.path = *path;
	c->sa.udp_encap = udp_encap;
}

static void
host_child_del(void *arg, uint32_t id, bool in, bool out)
{
	struct peer *me = arg;
	struct mock_child *c = find_child(me, id);

	assert_non_null(c);
	assert_true(in || out);
	assert_true((!in || c->in) && (!out || c->out));
	if (in)
		c->in = false;
	if (out)
		c->out = c->sending = false;
}

static int
host_child_stats(void *arg, uint32_t id, struct ike_child_stats *st)
{
	struct peer *me = arg;
	struct mock_child *c = find_child(me, id);

	if (c == NULL)
		return -ENOENT;
	*st = c->st;
	return 0;
}

static void
host_event(void *arg, const struct ike_event *ev)
{
	struct peer *me = arg;

	me->events[ev->type]++;
	if (ev->reason != NULL)
		snprintf(me->reason, sizeof(me->reason), "%s", ev->reason);
	assert_non_null(ev->conn);
	if (ev->type == IKE_EV_CHILD_FAILED || ev->type == IKE_EV_CHILD_DOWN)
		assert_non_null(ev->reason);
}

static void
host_log(void *arg, enum ike_log_level level, const char *group, const char *name, const char *msg)
{
	struct peer *me = arg;
	size_t at = strlen(me->log);

	if (getenv("PEER_LOG") != NULL)
		fprintf(stderr, "%8.3f %u %d %s %s: %s\n", (double)me->w->now / 1000, me->index,
			level, group, name != NULL ? name : "-", msg);
	if (level <= IKE_LOG_WARN)
		snprintf(me->log + at, sizeof(me->log) - at, "%s\n", msg);
}

/* ---- configuration ---- */

void
peer_ts(struct ike_ts_list *l, const char *text)
{
	char err[WORLD_TEXT_MAX];

	l->n = 1;
	assert_int_equal(ike_ts_parse(&l->ts[0], text, err, sizeof(err)), 0);
}

void
peer_id(struct ike_id *id, const char *text)
{
	assert_int_equal(ike_id_parse(id, text), 0);
}

static void
parse_list(struct ike_proposals *out, enum ike_protocol protocol, const char *text)
{
	char copy[WORLD_TEXT_MAX], err[WORLD_TEXT_MAX] = "";
	char *save = NULL;

	out->n = 0;
	snprintf(copy, sizeof(copy), "%s", text);
	for (char *s = strtok_r(copy, " ", &save); s != NULL; s = strtok_r(NULL, " ", &save))
		if (ike_proposals_parse(out, protocol, s, err, sizeof(err)) != 0)
			fail_msg("%s: %s", s, err);
}

void
peer_proposals(struct peer *p, const char *ike, const char *esp)
{
	parse_list(&p->conn.proposals, IKE_PROTO_IKE, ike);
	parse_list(&p->children[0].esp, IKE_PROTO_ESP, esp);
	p->children[1].esp = p->children[0].esp;
}

void
peer_psk(struct peer *p, const char *psk)
{
	free(p->secret.data);
	p->secret.data = (uint8_t *)strdup(psk);
	p->secret.len = strlen(psk);
}

static void
default_config(struct peer *p)
{
	struct ike_conn_cfg *c = &p->conn;

	snprintf(c->name, sizeof(c->name), "gw-gw");
	c->n_local = c->n_remote = 1;
	c->local_addrs[0] = (struct ike_range){p->addr, p->addr};
	c->remote_addrs[0] =
		(struct ike_range){p->w->p[1 - p->index].addr, p->w->p[1 - p->index].addr};
	c->local_port = c->remote_port = 500;
	c->mobike = true;
	c->keyingtries = 1;
	c->children = p->children;
	c->n_children = 1;
	for (unsigned int i = 0; i < 2; i++) {
		struct ike_child_cfg *k = &p->children[i];

		snprintf(k->name, sizeof(k->name), i == 0 ? "gre" : "other");
		k->mode = IKE_MODE_TRANSPORT;
		k->replay_window = 1024;
		peer_ts(&k->local_ts, i == 0 ? "dynamic[gre]" : "dynamic[tcp]");
		peer_ts(&k->remote_ts, i == 0 ? "dynamic[gre]" : "dynamic[tcp]");
	}
	peer_proposals(p, "aes128-sha256-x25519", "aes128gcm16-x25519");
	snprintf(p->secret.name, sizeof(p->secret.name), "ike-1");
	peer_psk(p, "MyFavouriteMealIsRaclette");
	p->cfg.n_conns = p->cfg.n_secrets = 1;
	p->cfg.conns = &p->conn;
	p->cfg.secrets = &p->secret;
}

struct world *
world_create(uint64_t seed)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->now = 1000;
	w->rng = seed * 0x9e3779b97f4a7c15u + 0x1234567u;
	w->delay_ms = 10;
	w->jitter_ms = 5;
	for (unsigned int i = 0; i < 2; i++) {
		w->p[i].w = w;
		w->p[i].index = i;
		w->p[i].spi_next = 0x1000 + i * 0x10000;
		inet_pton(AF_INET6, i == 0 ? "2001:db8::1" : "2001:db8::2", &w->p[i].addr);
	}
	for (unsigned int i = 0; i < 2; i++)
		default_config(&w->p[i]);
	return w;
}

void
peer_start(struct peer *p)
{
	const struct ike_host host = {
		.arg = p,
		.send = host_send,
		.random = host_random,
		.local_addr = host_local_addr,
		.spi_alloc = host_spi_alloc,
		.spi_free = host_spi_free,
		.ike_spi = host_ike_spi,
		.child_add = host_child_add,
		.child_use_out = host_child_use_out,
		.child_path = host_child_path,
		.child_del = host_child_del,
		.child_stats = host_child_stats,
		.event = host_event,
		.log = host_log,
	};

	p->e = ike_create(&host, &p->cfg, p->w->now);
	assert_non_null(p->e);
	ike_start(p->e, p->w->now);
	p->next_tick = p->w->now;
}

static void
assert_nothing_left(struct peer *p)
{
	for (unsigned int i = 0; i < p->n_child; i++)
		assert_false(p->child[i].in || p->child[i].out);
	assert_int_equal(p->spis_out, 0);
	assert_int_equal(p->ike_spis, 0);
}

void
peer_kill(struct peer *p)
{
	ike_destroy(p->e);
	p->e = NULL;
	assert_nothing_left(p);
}

void
world_destroy(struct world *w)
{
	struct packet *q;

	for (unsigned int i = 0; i < 2; i++) {
		peer_kill(&w->p[i]);
		free(w->p[i].secret.data);
	}
	while ((q = w->queue) != NULL) {
		w->queue = q->next;
		free(q);
	}
	free(w);
}

/* ---- ESP ---- */

struct mock_child *
peer_sending(struct peer *p)
{
	struct mock_child *best = NULL;

	for (unsigned int i = 0; i < p->n_child; i++)
		if (p->child[i].sending && (best == NULL || p->child[i].sa.id > best->sa.id))
			best = &p->child[i];
	return best;
}

static void
esp_send(struct peer *p)
{
	struct mock_child *c = peer_sending(p);
	uint8_t keys[ESP_KEYS];
	struct packet *k;

	if (c == NULL) {
		p->esp_no_sa++;
		return;
	}
	memcpy(keys, c->sa.encr_out, IKE_ESP_KEY_MAX);
	memcpy(keys + IKE_ESP_KEY_MAX, c->sa.integ_out, IKE_ESP_KEY_MAX);
	k = make_packet(p->w, p->index, &c->sa.path, keys, sizeof(keys));
	k->esp = true;
	k->spi = c->sa.spi_out;
	c->st.packets_out++;
	c->st.bytes_out += 100;
	c->st.seq_out++;
	c->st.last_out_ms = p->w->now;
	p->esp_sent++;
	enqueue(p->w, k);
}

static void
esp_receive(struct peer *p, const struct packet *k)
{
	struct peer *from = &p->w->p[1 - p->index];
	struct mock_child *c = NULL;

	for (unsigned int i = 0; i < p->n_child; i++)
		if (p->child[i].in && p->child[i].sa.spi_in == k->spi)
			c = &p->child[i];
	if (c == NULL) {
		from->esp_lost++;
		return;
	}
	if (memcmp(k->buf, c->sa.encr_in, IKE_ESP_KEY_MAX) != 0 ||
		memcmp(k->buf + IKE_ESP_KEY_MAX, c->sa.integ_in, IKE_ESP_KEY_MAX) != 0) {
		from->esp_bad++;
		return;
	}
	c->st.last_in_ms = p->w->now;
	c->st.bytes_in += 100;
	if (c->st.packets_in++ == 0 && p->e != NULL)
		ike_child_in_use(p->e, c->sa.id, p->w->now);
}

/* ---- time ---- */

static void
deliver(struct world *w, struct packet *k)
{
	struct peer *p = &w->p[k->to];

	if (p->e == NULL)
		return;
	if (k->esp)
		esp_receive(p, k);
	else
		ike_input(p->e, &k->path, k->buf, k->len, w->now);
	p->next_tick = ike_tick(p->e, w->now);
}

static uint64_t
next_event(const struct world *w)
{
	uint64_t at = w->queue != NULL ? w->queue->at : UINT64_MAX;

	for (unsigned int i = 0; i < 2; i++)
		if (w->p[i].e != NULL && w->p[i].next_tick < at)
			at = w->p[i].next_tick;
	if (w->esp_every_ms != 0 && w->esp_next < at)
		at = w->esp_next;
	return at;
}

static void
step(struct world *w)
{
	struct packet *k = w->queue;

	if (k != NULL && k->at <= w->now) {
		w->queue = k->next;
		deliver(w, k);
		free(k);
		return;
	}
	if (w->esp_every_ms != 0 && w->esp_next <= w->now) {
		w->esp_next = w->now + w->esp_every_ms;
		for (unsigned int i = 0; i < 2; i++)
			esp_send(&w->p[i]);
		return;
	}
	for (unsigned int i = 0; i < 2; i++)
		if (w->p[i].e != NULL && w->p[i].next_tick <= w->now)
			w->p[i].next_tick = ike_tick(w->p[i].e, w->now);
}

void
world_run(struct world *w, uint64_t ms)
{
	uint64_t end = w->now + ms, at;
	unsigned int spins = 0;

	/* commands of the test changed what is due */
	for (unsigned int i = 0; i < 2; i++)
		if (w->p[i].e != NULL)
			w->p[i].next_tick = ike_tick(w->p[i].e, w->now);
	while ((at = next_event(w)) <= end) {
		spins = at > w->now ? 0 : spins + 1;
		assert_true(spins < 10000); /* a deadline that is never served */
		if (at > w->now)
			w->now = at;
		step(w);
	}
	w->now = end;
}

/* ---- behind the encryption ---- */

bool
world_edit(struct world *w, unsigned int from, uint8_t *buf, size_t *len,
	size_t (*edit)(void *arg, uint8_t *inner, size_t n, size_t cap, uint8_t *first), void *arg)
{
	uint8_t inner[4096], out[4096];
	struct ike_view clear;
	struct ike_sk_key *k;
	struct ike_sa *sa;
	struct ike_msg m;
	uint8_t first;
	ssize_t n;

	if (*len > 2048 || ike_msg_parse(&m, buf, *len) != 0 || m.sk_type != IKE_PLD_SK)
		return false;
	sa = ike_sa_by_spi(
		w->p[from].e, (m.hdr.flags & IKE_FLAG_INITIATOR) != 0 ? m.hdr.spi_i : m.hdr.spi_r);
	if (sa == NULL || sa->keys.prf_len == 0)
		return false;
	k = sa->initiator ? &sa->keys.i : &sa->keys.r;
	if (ike_sk_open(k, &m, out, &clear) != 0)
		return false;
	memcpy(inner, clear.p, clear.len);
	first = m.sk_first;
	clear.len = edit(arg, inner, clear.len, sizeof(inner) - 512, &first);
	n = ike_sk_seal(k, &m.hdr, first, inner, clear.len, out, sizeof(out));
	if (n < 0 || (size_t)n > *len)
		return false;
	memcpy(buf, out, (size_t)n);
	*len = (size_t)n;
	return true;
}

/* ---- questions ---- */

struct count {
	unsigned int sas, children;
};

static void
count_sa(void *arg, const struct ike_sa_view *v)
{
	struct count *n = arg;

	n->sas += v->state == IKE_ST_ESTABLISHED || v->state == IKE_ST_REKEYING;
}

static void
count_child(void *arg, const struct ike_child_view *v)
{
	struct count *n = arg;

	n->children += v->state == IKE_CST_INSTALLED || v->state == IKE_CST_REKEYING;
}

static struct count
count(struct peer *p)
{
	struct count n = {0, 0};

	if (p->e != NULL)
		ike_walk(p->e, count_sa, count_child, &n);
	return n;
}

unsigned int
peer_live_children(struct peer *p)
{
	return count(p).children;
}

unsigned int
peer_live_sas(struct peer *p)
{
	return count(p).sas;
}

unsigned int
peer_installed(struct peer *p)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < p->n_child; i++)
		n += p->child[i].in && p->child[i].out;
	return n;
}

struct mock_child *
world_twin(struct world *w, unsigned int of, const struct mock_child *c)
{
	struct peer *other = &w->p[1 - of];

	for (unsigned int i = 0; i < other->n_child; i++) {
		struct mock_child *o = &other->child[i];

		if ((o->in || o->out) && o->sa.spi_in == c->sa.spi_out &&
			o->sa.spi_out == c->sa.spi_in &&
			memcmp(o->sa.encr_in, c->sa.encr_out, IKE_ESP_KEY_MAX) == 0 &&
			memcmp(o->sa.encr_out, c->sa.encr_in, IKE_ESP_KEY_MAX) == 0 &&
			memcmp(o->sa.integ_in, c->sa.integ_out, IKE_ESP_KEY_MAX) == 0 &&
			memcmp(o->sa.integ_out, c->sa.integ_in, IKE_ESP_KEY_MAX) == 0)
			return o;
	}
	return NULL;
}

void
world_assert_settled(struct world *w, unsigned int n)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct peer *p = &w->p[i];
		struct mock_child *c, *t;

		assert_int_equal(peer_live_children(p), n);
		assert_int_equal(peer_installed(p), n);
		assert_int_equal(p->esp_dup_key, 0);
		assert_int_equal(p->esp_bad, 0);
		c = peer_sending(p);
		if (n == 0) {
			assert_null(c);
			continue;
		}
		assert_non_null(c);
		t = world_twin(w, i, c);
		assert_non_null(t);
		assert_true(t->in);
		assert_int_equal(t->sa.mode, c->sa.mode);
	}
}
