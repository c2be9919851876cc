/* SPDX-License-Identifier: BSD-3-Clause */

/* Who talks to whom, and how they are configured. */

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "sim.h"

static const char *const ts_names[SIM_CHILDREN] = {"dynamic[gre]", "dynamic[tcp]", "dynamic[udp]"};

/* what both ends offer: they have something in common, and a first guess may be wrong */
static const struct {
	const char *a, *b;
} ike_suites[] =
	{
		{"aes128-sha256-x25519", "aes128-sha256-x25519"},
		{"aes128gcm16-prfsha256-x25519", "aes128gcm16-prfsha256-x25519"},
		{"aes128-sha256-ecp256-x25519", "aes128-sha256-x25519"},
		{"aes128-sha256-x25519",
			"aes128gcm16-prfsha256-ecp256 aes128-sha256-ecp256-x25519"},
		/* additional key exchanges, at both ends or perhaps not */
		{"aes128-sha256-x25519-ke1_ecp256", "aes128-sha256-x25519-ke1_ecp256"},
		{"aes128gcm16-prfsha256-x25519-ke1_ecp256-ke2_x448-ke2_none",
			"aes128gcm16-prfsha256-x25519-ke1_ecp256-ke2_none"},
		{"aes128-sha256-ecp256-x25519-ke1_ecp256-ke1_x25519-ke1_none",
			"aes128-sha256-x25519-ke1_ecp256"},
},
  esp_suites[] = {
	  {"aes128gcm16", "aes128gcm16"},
	  {"aes128gcm16-x25519", "aes128gcm16-x25519"},
	  {"aes128gcm16-ecp256-x25519", "aes128gcm16-x25519"},
	  {"aes128gcm16-x25519-none", "aes128gcm16"},
	  {"aes128-sha256-x25519", "aes128gcm16 aes128-sha256-x25519"},
	  {"aes128gcm16-esn-noesn", "aes128gcm16-noesn"},
	  {"aes128gcm16-x25519-ke1_ecp256", "aes128gcm16-x25519-ke1_ecp256"},
	  {"aes128gcm16-x25519-ke1_ecp256-ke2_x448", "aes128gcm16-x25519-ke1_ecp256-ke2_x448"},
	  {"aes128gcm16-ecp256-x25519-ke2_x25519-ke2_ecp256-ke2_none",
		  "aes128gcm16-x25519-ke2_ecp256-ke2_none"},
	  {"aes128gcm16-x25519-ke1_ecp256 aes128gcm16-x25519", "aes128gcm16-x25519"},
};

uint32_t
sim_rand(struct sim *s, uint32_t below)
{
	/* splitmix64: neighbouring seeds have nothing in common */
	uint64_t z = s->rng += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	z ^= z >> 31;
	return below == 0 ? 0 : (uint32_t)((z >> 16) % below);
}

bool
sim_percent(struct sim *s, unsigned int n)
{
	return sim_rand(s, 100) < n;
}

static uint32_t
between(struct sim *s, uint32_t from, uint32_t to)
{
	return from + sim_rand(s, to - from + 1);
}

/* ---- children ---- */

static unsigned int
action(struct sim *s)
{
	return sim_percent(s, 60) ? IKE_ACTION_START : sim_percent(s, 50) ? IKE_ACTION_TRAP : 0;
}

static void
limits(struct sim *s, struct ike_child_cfg *k)
{
	uint64_t rekey = between(s, 20, 90);

	k->time_s = (struct ike_life){0};
	k->packets = k->bytes = (struct ike_life){0};
	if (sim_percent(s, 80))
		k->time_s =
			(struct ike_life){rekey, rekey + between(s, 60, 120), between(s, 0, 10)};
	if (sim_percent(s, 10))
		k->packets = (struct ike_life){between(s, 20, 60), 400, 5};
	if (sim_percent(s, 10))
		k->bytes = (struct ike_life){between(s, 2000, 6000), 40000, 500};
}

static void
plan_child(struct sim *s, struct ike_child_cfg *k, unsigned int n, bool tunnel)
{
	snprintf(k->name, sizeof(k->name), "k%u", n);
	peer_ts(&k->local_ts, ts_names[n]);
	peer_ts(&k->remote_ts, ts_names[n]);
	k->mode = tunnel ? IKE_MODE_TUNNEL : IKE_MODE_TRANSPORT;
	k->replay_window = 64;
	k->start_action_set = true;
	k->start_action = 0;
	k->dpd_action = action(s);
	k->close_action = action(s);
	limits(s, k);
}

/* ---- connections ---- */

static void
lifetimes(struct sim *s, struct ike_conn_cfg *c)
{
	c->dpd_delay_s = between(s, 5, 20);
	c->rekey_time_s = sim_percent(s, 80) ? between(s, 40, 200) : 0;
	c->reauth_time_s = sim_percent(s, 10) ? between(s, 60, 200) : 0;
	c->over_time_s = between(s, 60, 120);
	c->rand_time_s = sim_percent(s, 50) ? 10 : 0;
}

static struct ike_conn_cfg *
add_conn(struct sim *s, unsigned int peer, const char *name)
{
	struct site *t = &s->sites[peer];
	struct ike_conn_cfg *c = &t->conns[t->n_conns];

	*c = s->w->p[peer].conn;
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->children = t->children[t->n_conns++];
	c->n_children = 0;
	lifetimes(s, c);
	c->encap = sim_percent(s, 10);
	c->keyingtries = sim_percent(s, 50) ? 0 : between(s, 1, 3);
	c->unique = (enum ike_unique)sim_rand(s, 4);
	c->fragmentation = (enum ike_frag)sim_rand(s, 4);
	c->childless = sim_percent(s, 15)   ? IKE_CHILDLESS_FORCE
		       : sim_percent(s, 15) ? IKE_CHILDLESS_PREFER
					    : IKE_CHILDLESS_ALLOW;
	c->keyingtries_set = sim_percent(s, 80);
	c->dpd_ignore_esp = sim_percent(s, 20);
	if (sim_percent(s, 15))
		peer_id(&c->ppk_id, "ppk@example.net");
	return c;
}

/** Both ends of an edge agree on this much. */
static void
plan_pair(struct sim *s, struct ike_conn_cfg *a, struct ike_conn_cfg *b, unsigned int n_children)
{
	unsigned int ike = sim_rand(s, sizeof(ike_suites) / sizeof(ike_suites[0]));
	bool tunnel_a = sim_percent(s, 30), tunnel_b = sim_percent(s, 80) ? tunnel_a : !tunnel_a;
	unsigned int unique = sim_rand(s, 4);

	a->unique = b->unique = (enum ike_unique)unique;
	world_proposals(&a->proposals, IKE_PROTO_IKE, ike_suites[ike].a);
	world_proposals(&b->proposals, IKE_PROTO_IKE, ike_suites[ike].b);
	a->n_children = b->n_children = (uint16_t)n_children;
	for (unsigned int i = 0; i < n_children; i++) {
		unsigned int esp = sim_rand(s, sizeof(esp_suites) / sizeof(esp_suites[0]));

		plan_child(s, &a->children[i], i, tunnel_a);
		plan_child(s, &b->children[i], i, tunnel_b);
		world_proposals(&a->children[i].esp, IKE_PROTO_ESP, esp_suites[esp].a);
		world_proposals(&b->children[i].esp, IKE_PROTO_ESP, esp_suites[esp].b);
	}
}

void
sim_plan_nat_addr(struct sim *s, unsigned int peer)
{
	struct in6_addr *addr = &s->w->p[peer].nat_addr;
	uint8_t before = addr->s6_addr[15];

	inet_pton(AF_INET6, "2001:db8:a::", addr);
	addr->s6_addr[7] = (uint8_t)peer;
	do
		addr->s6_addr[15] = (uint8_t)between(s, 1, 254);
	while (addr->s6_addr[15] == before);
}

/** The other end knows a NAT's whole network, as it can be no name for one host any more. */
static void
hide(struct sim *s, const struct edge *e)
{
	struct ike_conn_cfg *other = &s->sites[e->b].conns[e->conn_b];

	sim_plan_nat_addr(s, e->a);
	other->n_names = 0;
	other->name_first = false;
	other->n_remote = other->any_remote ? 0 : 1;
	other->remote_addrs[0] = (struct ike_range){s->w->p[e->a].nat_addr, s->w->p[e->a].nat_addr};
	other->remote_addrs[0].from.s6_addr[15] = 0;
	other->remote_addrs[0].to.s6_addr[15] = 255;
	/* in tunnel mode each end's own address means something else to either */
	for (unsigned int k = 0; k < e->n_children; k++)
		s->sites[e->a].children[e->conn_a][k].mode =
			s->sites[e->b].children[e->conn_b][k].mode = IKE_MODE_TRANSPORT;
}

/** Behind a NAT somebody can only initiate: for ends of a star. */
static void
plan_nats(struct sim *s)
{
	for (unsigned int i = 0; i < s->n_edges; i++) {
		struct edge *e = &s->edges[i];

		if (!sim_percent(s, 15))
			continue;
		if (sim_percent(s, 70))
			s->w->p[e->a].nat_shift = 10000;
		if (s->w->p[e->a].nat_shift == 0 || sim_percent(s, 60))
			hide(s, e);
		e->b_starts = false;
	}
}

static void
join(struct sim *s, unsigned int a, unsigned int b, unsigned int conn_a, unsigned int conn_b)
{
	struct edge *e = &s->edges[s->n_edges++];

	*e = (struct edge){.a = a, .b = b, .conn_a = conn_a, .conn_b = conn_b};
	e->n_children = s->sites[a].conns[conn_a].n_children;
	e->b_starts = !s->sites[b].conns[conn_b].any_remote && sim_percent(s, 50);
}

/** The other end is known by a name alone. */
static void
by_name(struct sim *s, unsigned int peer, unsigned int other)
{
	struct site *t = &s->sites[peer];
	unsigned int i = t->n_conns - 1;

	snprintf(t->name[i], sizeof(t->name[i]), "peer%u", other);
	t->names[i] = t->name[i];
	t->conns[i].names = &t->names[i];
	t->conns[i].n_names = 1;
	t->conns[i].n_remote = 0;
	t->conns[i].name_first = true;
}

static void
plan_edge(struct sim *s, unsigned int a, unsigned int b)
{
	char name[IKE_NAME_MAX];
	struct ike_conn_cfg *ca, *cb;

	snprintf(name, sizeof(name), "c%u-%u", a, b);
	ca = add_conn(s, a, name);
	cb = add_conn(s, b, name);
	ca->remote_addrs[0] = (struct ike_range){s->w->p[b].addr, s->w->p[b].addr};
	cb->remote_addrs[0] = (struct ike_range){s->w->p[a].addr, s->w->p[a].addr};
	if (sim_percent(s, 10))
		by_name(s, a, b);
	if (sim_percent(s, 10))
		by_name(s, b, a);
	plan_pair(s, ca, cb, 1 + (sim_percent(s, 40) ? sim_rand(s, SIM_CHILDREN) : 0));
	join(s, a, b, s->sites[a].n_conns - 1, s->sites[b].n_conns - 1);
}

/** One connection of the hub takes all: it cannot initiate. */
static void
plan_any_hub(struct sim *s, unsigned int n)
{
	struct ike_conn_cfg *hub = add_conn(s, 0, "any"), *first = NULL;

	hub->n_remote = 0;
	hub->any_remote = true;
	for (unsigned int i = 1; i < n; i++) {
		struct ike_conn_cfg *c = add_conn(s, i, "hub");

		c->remote_addrs[0] = (struct ike_range){s->w->p[0].addr, s->w->p[0].addr};
		if (first == NULL) {
			first = c;
			plan_pair(s, c, hub, 1 + (sim_percent(s, 30) ? 1 : 0));
		} else {
			c->proposals = first->proposals;
			c->unique = first->unique;
			c->n_children = first->n_children;
			memcpy(c->children, first->children, sizeof(s->sites[i].children[0]));
		}
		join(s, i, 0, 0, 0);
	}
}

static void
start_actions(struct sim *s, struct site *t, unsigned int conn)
{
	for (unsigned int i = 0; i < t->conns[conn].n_children; i++)
		if (sim_percent(s, 80))
			t->children[conn][i].start_action = IKE_ACTION_START;
}

/** Who has no PPK is taken without by who has one. */
static void
plan_secrets(struct sim *s, struct peer *p, struct site *t)
{
	static uint8_t ppk[] = "CheeseFromTheValais";

	t->secrets[0] = p->secret;
	t->secrets[1] = (struct ike_secret){
		.name = "ppk-1", .type = IKE_SECRET_PPK, .len = sizeof(ppk), .data = ppk};
	p->cfg.secrets = t->secrets;
	p->cfg.n_secrets = sim_percent(s, 60) ? 2 : 1;
	for (unsigned int i = 0; i < t->n_conns && p->cfg.n_secrets == 1; i++)
		t->conns[i].ppk_id.type = IKE_ID_ANY;
}

static void
plan_peer(struct sim *s, unsigned int i)
{
	struct peer *p = &s->w->p[i];
	struct site *t = &s->sites[i];

	plan_secrets(s, p, t);

	p->cfg.conns = t->conns;
	p->cfg.n_conns = (uint16_t)t->n_conns;
	p->cfg.retransmit_timeout_ms = between(s, 500, 3000);
	p->cfg.retransmit_tries = between(s, 3, 5);
	p->cfg.retransmit_base = 1.5;
	p->cfg.cookie_threshold = sim_percent(s, 10) ? 1 : 0;
	p->cfg.retransmit_jitter = sim_percent(s, 30) ? sim_rand(s, 30) : 0;
	p->cfg.fragment_size = sim_percent(s, 20) ? between(s, 576, 1280) : 0;
	p->cfg.keep_alive_s = sim_percent(s, 50) ? 20 : 0;
	p->cfg.has_qcd_secret = sim_percent(s, 30);
	p->cfg.qcd_secret[0] = (uint8_t)i;
	p->cfg.delete_rekeyed_delay_ms = between(s, 1000, 6000);
	p->tells_spi = sim_percent(s, 40);
	if (sim_percent(s, 10))
		p->esp_port = (uint16_t)between(s, 40000, 50000);
	p->fast_ppm = sim_percent(s, 30) ? sim_rand(s, 20000) : 0;
	p->skew_ms = sim_rand(s, 100000000);
}

uint64_t
sim_sequence_ms(const struct ike_cfg *c)
{
	double d = c->retransmit_timeout_ms, sum = 0;

	for (unsigned int i = 0; i <= c->retransmit_tries; i++, d *= c->retransmit_base)
		sum += d;
	return (uint64_t)sum;
}

unsigned int
sim_plan_peers(struct sim *s)
{
	return sim_percent(s, 60) ? 2 : 3 + sim_rand(s, SIM_PEERS - 2);
}

void
sim_plan(struct sim *s)
{
	unsigned int n = s->w->n_peers;
	uint64_t longest = 0;

	s->n_edges = 0;
	memset(s->sites, 0, sizeof(s->sites));
	if (n == 2 && sim_percent(s, 80))
		plan_edge(s, 1, 0);
	else if (sim_percent(s, 50))
		plan_any_hub(s, n);
	else if (n == 3 && sim_percent(s, 50))
		for (unsigned int i = 3; i-- > 0;)
			plan_edge(s, (i + 1) % 3, (i + 2) % 3);
	else
		for (unsigned int i = 1; i < n; i++)
			plan_edge(s, i, 0);
	if (s->edges[0].b == 0)
		plan_nats(s);
	for (unsigned int i = 0; i < n; i++)
		plan_peer(s, i);
	for (unsigned int i = 0; i < s->n_edges; i++) {
		start_actions(s, &s->sites[s->edges[i].a], s->edges[i].conn_a);
		if (s->edges[i].b_starts)
			start_actions(s, &s->sites[s->edges[i].b], s->edges[i].conn_b);
	}
	for (unsigned int i = 0; i < n; i++)
		if (sim_sequence_ms(&s->w->p[i].cfg) > longest)
			longest = sim_sequence_ms(&s->w->p[i].cfg);
	/* liveness is asked after dpd_delay at the latest, a dead peer is noticed a sequence later;
	 * an attempt may fail once on what the other end still believes; a refusal waits a minute
	 */
	s->patience_ms = 20000 + 3 * longest + 120000;
}

void
sim_plan_again(struct sim *s, unsigned int peer)
{
	struct site *t = &s->sites[peer];

	for (unsigned int i = 0; i < t->n_conns; i++) {
		lifetimes(s, &t->conns[i]);
		for (unsigned int k = 0; k < t->conns[i].n_children; k++)
			limits(s, &t->children[i][k]);
	}
}
