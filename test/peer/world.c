/* SPDX-License-Identifier: BSD-3-Clause */
#include "mock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ike/sa.h"
#include "link.h"

/* ---- chance ---- */

uint32_t
world_rand(struct world *w, uint32_t below)
{
	w->rng ^= w->rng << 13;
	w->rng ^= w->rng >> 7;
	w->rng ^= w->rng << 17;
	return below == 0 ? 0 : (uint32_t)((w->rng >> 16) % below);
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

void
world_proposals(struct ike_proposals *out, enum ike_protocol protocol, const char *text)
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
	world_proposals(&p->conn.proposals, IKE_PROTO_IKE, ike);
	world_proposals(&p->children[0].esp, IKE_PROTO_ESP, esp);
	p->children[1].esp = p->children[2].esp = p->children[0].esp;
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
	const struct peer *other = &p->w->p[p->index == 0 ? 1 : 0];
	struct ike_conn_cfg *c = &p->conn;

	snprintf(c->name, sizeof(c->name), "gw-gw");
	c->n_local = c->n_remote = 1;
	c->local_addrs[0] = (struct ike_range){p->addr, p->addr};
	c->remote_addrs[0] = (struct ike_range){other->addr, other->addr};
	c->local_port = c->remote_port = 500;
	c->mobike = true;
	c->keyingtries = 1;
	c->children = p->children;
	c->n_children = 1;
	for (unsigned int i = 0; i < 3; i++) {
		static const char *const names[] = {"gre", "other", "third"};
		static const char *const ts[] = {"dynamic[gre]", "dynamic[tcp]", "dynamic[udp]"};
		struct ike_child_cfg *k = &p->children[i];

		snprintf(k->name, sizeof(k->name), "%s", names[i]);
		k->mode = IKE_MODE_TRANSPORT;
		k->replay_window = 1024;
		peer_ts(&k->local_ts, ts[i]);
		peer_ts(&k->remote_ts, ts[i]);
	}
	peer_proposals(p, "aes128-sha256-x25519", "aes128gcm16-x25519");
	snprintf(p->secret.name, sizeof(p->secret.name), "ike-1");
	peer_psk(p, "MyFavouriteMealIsRaclette");
	p->cfg.n_conns = p->cfg.n_secrets = 1;
	p->cfg.conns = &p->conn;
	p->cfg.secrets = &p->secret;
}

struct world *
world_create_n(uint64_t seed, unsigned int n_peers)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->p = calloc(n_peers, sizeof(*w->p));
	w->links = calloc((size_t)n_peers * n_peers, sizeof(*w->links));
	assert_true(w->p != NULL && w->links != NULL);
	w->n_peers = n_peers;
	w->now = 1000;
	w->rng = seed * 0x9e3779b97f4a7c15u + 0x1234567u;
	w->delay_ms = 10;
	w->jitter_ms = 5;
	if (getenv("PEER_JOB_MS") != NULL)
		w->job_ms = (unsigned int)atoi(getenv("PEER_JOB_MS"));
	for (unsigned int i = 0; i < n_peers; i++) {
		w->p[i].w = w;
		w->p[i].index = i;
		w->p[i].spi_next = 0x1000 + i * 0x10000;
		inet_pton(AF_INET6, "2001:db8::1", &w->p[i].addr);
		w->p[i].addr.s6_addr[15] = (uint8_t)(i + 1);
	}
	for (unsigned int i = 0; i < n_peers; i++)
		default_config(&w->p[i]);
	return w;
}

struct world *
world_create(uint64_t seed)
{
	return world_create_n(seed, 2);
}

struct link *
world_link(struct world *w, unsigned int from, unsigned int to)
{
	return &w->links[from * w->n_peers + to];
}

void
world_fail(struct world *w, const char *fmt, ...)
{
	char text[WORLD_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (w->failed != NULL)
		w->failed(w, text);
	fail_msg("%s", text);
	abort();
}

void
peer_start(struct peer *p)
{
	const struct ike_host host = mock_host(p);

	p->e = ike_create(&host, &p->cfg, peer_now(p));
	world_check(p->w, p->e != NULL, "peer %u: ike_create() failed", p->index);
	p->boots++;
	ike_start(p->e, peer_now(p));
	p->next_tick = peer_now(p);
}

static void
check_nothing_left(struct peer *p)
{
	for (unsigned int i = 0; i < p->n_child; i++)
		world_check(p->w, !p->child[i].in && !p->child[i].out,
			"peer %u: a child is left behind", p->index);
	world_check(
		p->w, p->spis_out == 0, "peer %u: %d SPIs are left behind", p->index, p->spis_out);
	world_check(p->w, p->half_open_spis == 0, "peer %u: %d strangers' SPIs are left behind",
		p->index, p->half_open_spis);
	world_check(p->w, p->ike_spis == 0, "peer %u: %d IKE SPIs are left behind", p->index,
		p->ike_spis);
}

void
peer_kill(struct peer *p)
{
	ike_destroy(p->e);
	p->e = NULL;
	check_nothing_left(p);
}

void
world_abandon(struct world *w)
{
	for (unsigned int i = 0; i < w->n_peers; i++) {
		ike_destroy(w->p[i].e);
		w->p[i].e = NULL;
		free(w->p[i].secret.data);
	}
	while (mock_job_do(w, UINT64_MAX))
		;
	link_drop_all(w);
	free(w->links);
	free(w->p);
	free(w);
}

void
world_destroy(struct world *w)
{
	for (unsigned int i = 0; i < w->n_peers; i++)
		peer_kill(&w->p[i]);
	world_abandon(w);
}

/* ---- time ---- */

uint64_t
peer_now(const struct peer *p)
{
	return p->w->now + p->skew_ms + p->w->now * p->fast_ppm / 1000000;
}

/** When p's clock shows what its next deadline is. */
static uint64_t
due(const struct peer *p)
{
	uint64_t now = peer_now(p), left;

	if (p->e == NULL || p->asleep || p->next_tick == UINT64_MAX)
		return UINT64_MAX;
	if (p->next_tick <= now)
		return p->w->now;
	left = (p->next_tick - now) * 1000000 / (1000000 + p->fast_ppm);
	return p->w->now + (left > 0 ? left : 1);
}

void
peer_tick(struct peer *p)
{
	if (p->e != NULL && !p->asleep)
		p->next_tick = ike_tick(p->e, peer_now(p));
}

static void
deliver(struct world *w, struct packet *k)
{
	struct peer *p = &w->p[k->to];

	if (p->e == NULL || p->asleep)
		return;
	if (k->esp)
		mock_esp_receive(p, k);
	else
		ike_input(p->e, &k->path, k->buf, k->len, peer_now(p));
	peer_tick(p);
}

static uint64_t
next_event(const struct world *w)
{
	uint64_t at = link_next(w), job = mock_job_next(w);

	if (job < at)
		at = job;
	for (unsigned int i = 0; i < w->n_peers; i++) {
		uint64_t d = due(&w->p[i]);

		if (d < at)
			at = d;
	}
	if (w->esp_every_ms != 0 && w->esp_next < at)
		at = w->esp_next;
	return at;
}

static void
step(struct world *w)
{
	struct packet *k = link_due(w);

	if (k != NULL) {
		deliver(w, k);
		free(k);
		return;
	}
	if (mock_job_do(w, w->now))
		return;
	if (w->esp_every_ms != 0 && w->esp_next <= w->now) {
		w->esp_next = w->now + w->esp_every_ms;
		for (unsigned int i = 0; i < w->n_peers; i++)
			mock_esp_send(&w->p[i]);
		return;
	}
	for (unsigned int i = 0; i < w->n_peers; i++)
		if (due(&w->p[i]) <= w->now)
			peer_tick(&w->p[i]);
}

void
world_run(struct world *w, uint64_t ms)
{
	uint64_t end = w->now + ms, at;
	unsigned int spins = 0;

	/* commands of the test changed what is due */
	for (unsigned int i = 0; i < w->n_peers; i++)
		peer_tick(&w->p[i]);
	while ((at = next_event(w)) <= end) {
		spins = at > w->now ? 0 : spins + 1;
		world_check(w, spins < 10000, "a deadline is never served");
		if (at > w->now)
			w->now = at;
		step(w);
		if (w->stepped != NULL)
			w->stepped(w);
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

struct ike_stats
peer_stats(const struct peer *p)
{
	struct ike_stats st;

	ike_get_stats(p->e, &st);
	return st;
}

struct ike_sa *
peer_sa(struct peer *p)
{
	struct ike_sa *sa;

	for (sa = p->e->sas; sa != NULL && sa->state != IKE_SA_UP; sa = sa->next)
		;
	assert_non_null(sa);
	return sa;
}

unsigned int
peer_installed(struct peer *p)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < p->n_child; i++)
		n += p->child[i].in && p->child[i].out;
	return n;
}

static bool
is_twin(const struct mock_child *o, const struct mock_child *c)
{
	return (o->in || o->out) && o->sa.spi_in == c->sa.spi_out &&
	       o->sa.spi_out == c->sa.spi_in &&
	       memcmp(o->sa.encr_in, c->sa.encr_out, IKE_ESP_KEY_MAX) == 0 &&
	       memcmp(o->sa.encr_out, c->sa.encr_in, IKE_ESP_KEY_MAX) == 0 &&
	       memcmp(o->sa.integ_in, c->sa.integ_out, IKE_ESP_KEY_MAX) == 0 &&
	       memcmp(o->sa.integ_out, c->sa.integ_in, IKE_ESP_KEY_MAX) == 0;
}

struct mock_child *
world_twin(struct world *w, unsigned int of, const struct mock_child *c)
{
	for (unsigned int n = 0; n < w->n_peers; n++)
		for (unsigned int i = 0; n != of && i < w->p[n].n_child; i++)
			if (is_twin(&w->p[n].child[i], c))
				return &w->p[n].child[i];
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
