/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Two IKE engines; the input is a schedule: what is configured, then events of 8 bytes each.
 * Nothing arrives by itself: datagrams lie in a pool until an event delivers, drops, doubles or
 * changes one, the protected ones behind their encryption. Time, commands, NAT and restarts are
 * events as well. The mutator works on events, so that a schedule stays one. Nothing here depends
 * on time or chance.
 */

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ike_edit.h"
#include "ike_fuzz.h"
#include "pki.h"
#include "world.h"

#define HEAD       8 /* bytes of configuration */
#define EVENTS_MAX 96
#define POOL_MAX   24
#define OLD_MAX    8 /* delivered ones that may come once more */
#define FLUSH_MAX  48
#define NAT_SHIFT  10000

enum op {
	DELIVER,
	DROP,
	COPY,
	AGAIN,
	FLUSH,
	TICK,
	COMMAND,
	FAULT,
	CLEAR_BYTE,
	CLEAR_CUT,
	EDIT,
	RECUT,
	OP_N
};

struct event {
	uint8_t op;
	uint8_t who; /* bit 0: peer; or place in the pool */
	uint8_t arg[6];
};

struct datagram {
	unsigned int from;
	struct ike_path path; /* as the receiver sees it */
	uint8_t *buf;         /* EDIT_CAP */
	size_t len;
};

static struct datagram pool[POOL_MAX], old[OLD_MAX];
static unsigned int n_pool, n_old;
static struct world *world;

/* ---- the link ---- */

static void
take_out(unsigned int i, bool keep)
{
	struct datagram d = pool[i];

	memmove(&pool[i], &pool[i + 1], (n_pool - i - 1) * sizeof(d));
	n_pool--;
	if (!keep) {
		free(d.buf);
		return;
	}
	if (n_old == OLD_MAX) {
		free(old[0].buf);
		memmove(&old[0], &old[1], (OLD_MAX - 1) * sizeof(d));
		n_old--;
	}
	old[n_old++] = d;
}

/** Peer 0 may be behind a NAT: its address and port are others for peer 1. @return false = lost
 * there */
static bool
translate(const struct peer *from, struct ike_path *p)
{
	const struct peer *inside = &world->p[0];
	uint16_t shift = inside->nat_shift;

	if (from->index == 0) {
		p->remote_port = (uint16_t)(p->remote_port + shift);
		if (!IN6_IS_ADDR_UNSPECIFIED(&inside->nat_addr))
			p->remote = inside->nat_addr;
		return true;
	}
	if (p->local_port != 500 + shift && p->local_port != 4500 + shift)
		return false;
	p->local_port = (uint16_t)(p->local_port - shift);
	if (!IN6_IS_ADDR_UNSPECIFIED(&inside->nat_addr) &&
		!IN6_ARE_ADDR_EQUAL(&p->local, &inside->nat_addr))
		return false;
	p->local = inside->addr;
	return true;
}

static void
to_pool(void *arg, const struct ike_path *path, const uint8_t *buf, size_t len)
{
	struct peer *from = arg;
	struct datagram d = {.from = from->index,
		.path = {path->remote, path->local, path->remote_port, path->local_port},
		.len = len};

	if (len > EDIT_CAP || !translate(from, &d.path))
		return;
	if (n_pool == POOL_MAX)
		take_out(0, false);
	d.buf = malloc(EDIT_CAP);
	MUST(d.buf != NULL);
	memcpy(d.buf, buf, len);
	pool[n_pool++] = d;
}

static void
start(struct peer *p)
{
	peer_start(p);
	p->e->host.send = to_pool;
}

/** In memory of its own, as long as it is, so that the sanitizer sees who reads beyond. */
static void
deliver(const struct datagram *d)
{
	struct peer *p = &world->p[1 - d->from];
	uint8_t *copy = malloc(d->len > 0 ? d->len : 1);

	MUST(copy != NULL);
	memcpy(copy, d->buf, d->len);
	ike_input(p->e, &d->path, copy, d->len, peer_now(p));
	free(copy);
	peer_tick(p);
}

/** One of the pool; the answers to it go there while it is read. */
static void
deliver_from_pool(unsigned int i, bool keep)
{
	struct datagram d = pool[i];

	d.buf = malloc(EDIT_CAP);
	MUST(d.buf != NULL);
	memcpy(d.buf, pool[i].buf, d.len);
	if (!keep)
		take_out(i, true);
	deliver(&d);
	free(d.buf);
}

/** A delivered one as if its sender had cut it anew: a fragment that nobody has sealed. */
static void
deliver_recut(const struct datagram *old_one, const uint8_t arg[6])
{
	struct datagram d = *old_one;
	uint8_t *p;

	if (d.len < 32 || d.len + 4 > EDIT_CAP)
		return;
	p = d.buf = malloc(EDIT_CAP);
	MUST(p != NULL);
	memcpy(p, old_one->buf, 32);
	memcpy(p + 36, old_one->buf + 32, d.len - 32);
	d.len += 4;
	p[16] = 53;
	memcpy(p + 24, (uint8_t[]){0, 0, (uint8_t)(d.len >> 8), (uint8_t)d.len}, 4);
	memcpy(p + 30, (uint8_t[]){(uint8_t)((d.len - 28) >> 8), (uint8_t)(d.len - 28)}, 2);
	memcpy(p + 32, (uint8_t[]){0, arg[0] % 4, 0, arg[1] % 4}, 4);
	deliver(&d);
	free(p);
}

/* ---- events ---- */

static void
command(const struct event *ev)
{
	static const struct ike_select children = {.child = "gre"}, sas = {.ike = "gw-gw"};
	struct peer *p = &world->p[ev->who & 1];
	uint64_t now = peer_now(p);

	switch (ev->arg[0] % 9) {
	case 0:
		ike_initiate(p->e, NULL, "gre", now);
		break;
	case 1:
		ike_initiate(p->e, NULL, "other", now);
		break;
	case 2:
		ike_initiate(p->e, "gw-gw", NULL, now);
		break;
	case 3:
		ike_rekey(p->e, &children, now);
		break;
	case 4:
		ike_rekey(p->e, &sas, now);
		break;
	case 5:
		ike_terminate(p->e, &children, now);
		break;
	case 6:
		ike_terminate(p->e, &sas, now);
		break;
	case 7:
		ike_shutdown(p->e, now);
		peer_kill(p);
		start(p);
		break;
	default:
		peer_kill(p);
		start(p);
		break;
	}
	peer_tick(p);
}

static void
fault(const struct event *ev)
{
	struct peer *p = &world->p[ev->who & 1];

	switch (ev->arg[0] % 6) {
	case 0:
		world->p[0].nat_shift = world->p[0].nat_shift == 0 ? NAT_SHIFT : 0;
		break;
	case 1:
		p->fail_add = p->fail_add == 0 ? 12 : 0;
		break;
	case 2:
		p->no_addr = !p->no_addr;
		break;
	case 3:
		inet_pton(AF_INET6,
			(ev->arg[1] & 1) != 0 ? "2001:db8::99" : "::", &world->p[0].nat_addr);
		break;
	case 4:
		world->jobs_full = !world->jobs_full;
		break;
	default:
		world->esp_every_ms = world->esp_every_ms == 0 ? 200 : 0;
		break;
	}
}

static void
flush(unsigned int most)
{
	while (n_pool > 0 && most-- > 0)
		deliver_from_pool(0, false);
}

/** What becomes of one datagram in the pool. */
static void
on_datagram(const struct event *ev)
{
	const uint8_t *a = ev->arg;
	unsigned int i = ev->who % n_pool;
	struct datagram *d = &pool[i];

	switch (ev->op) {
	case DROP:
		take_out(i, false);
		break;
	case DELIVER:
	case COPY:
		deliver_from_pool(i, ev->op == COPY);
		break;
	case CLEAR_BYTE:
		d->buf[((size_t)a[0] << 8 | a[1]) % (d->len > 0 ? d->len : 1)] ^= a[2];
		break;
	case CLEAR_CUT:
		d->len = ((size_t)a[0] << 8 | a[1]) % (d->len + 1);
		break;
	default:
		d->len = edit_message(world->p[d->from].e,
			&(struct edit){a[0] % EDIT_N, a[1], a[2], a[3], a[4], a[5]}, d->buf,
			d->len);
		break;
	}
}

static void
happen(const struct event *ev)
{
	switch (ev->op) {
	case AGAIN:
		if (n_old > 0)
			deliver(&old[ev->who % n_old]);
		break;
	case RECUT:
		if (n_old > 0)
			deliver_recut(&old[ev->who % n_old], ev->arg);
		break;
	case FLUSH:
		flush(1 + ev->arg[0] % FLUSH_MAX);
		break;
	case TICK:
		world_run(world, 5u << ev->arg[0] % 14);
		break;
	case COMMAND:
		command(ev);
		break;
	case FAULT:
		fault(ev);
		break;
	default:
		if (n_pool > 0)
			on_datagram(ev);
		break;
	}
}

/* ---- secrets ---- */

/** RFC 8784: bit 0 it has one, bit 1 the other one, bit 2 not without. */
static void
give_ppk(struct peer *p, uint8_t how)
{
	static struct ike_secret secrets[2][2];
	static char keys[2][32] = {"a quantum computer", "or two of them"};
	struct ike_secret *s = secrets[p->index];

	if ((how & 1) == 0)
		return;
	s[0] = p->secret;
	s[1] = (struct ike_secret){.name = "ppk-1",
		.type = IKE_SECRET_PPK,
		.len = sizeof(keys[0]),
		.data = (uint8_t *)keys[how >> 1 & 1]};
	p->cfg.secrets = s;
	p->cfg.n_secrets = 2;
	MUST(ike_id_parse(&p->conn.ppk_id, "keyid:ppk") == 0);
	p->conn.ppk_required = (how & 4) != 0;
}

/* ---- certificates: made once, under one root ---- */

static struct {
	bool made;
	struct pki root, leaf[2];
	struct ike_credential cred[2];
	struct ike_trust *trust;
} certs;

static void
make_certs(void)
{
	static const char *const subject[2] = {
		"C=CH, O=Raclette, CN=left.example.org", "C=CH, O=Raclette, CN=right.example.org"};
	const struct pki_want root = {
		.subject = "C=CH, O=Raclette, CN=Root", .key = "p256", .ca = true};

	certs.root = pki_make(&root);
	certs.trust = ike_trust_create(&certs.root.cert, 1, NULL, 0);
	MUST(certs.trust != NULL);
	for (unsigned int i = 0; i < 2; i++) {
		const struct pki_want want = {.subject = subject[i],
			.key = i == 0 ? "p256" : "ed25519",
			.issuer = &certs.root};

		certs.leaf[i] = pki_make(&want);
		certs.cred[i] = (struct ike_credential){
			.cert = certs.leaf[i].cert, .key = certs.leaf[i].key};
		ike_credential_chain(&certs.cred[i], &certs.root.cert, 1);
	}
	certs.made = true;
}

/** Peer i shows a certificate, and the other one wants one from it. */
static void
give_cert(unsigned int i)
{
	struct ike_auth_cfg *own = &world->p[i].conn.local, *wanted = &world->p[1 - i].conn.remote;

	if (!certs.made)
		make_certs();
	own->by = wanted->by = IKE_BY_PUBKEY;
	own->creds = &certs.cred[i];
	own->n_creds = 1;
	MUST(ike_cert_subject(certs.leaf[i].cert, &own->id) == 0);
	wanted->trust = certs.trust;
	wanted->id = (struct ike_id){.type = IKE_ID_ANY};
}

/* ---- a schedule ---- */

static void
configure(const uint8_t head[HEAD])
{
	static const char *const ike[4] = {"aes128-sha256-x25519", "aes128gcm16-prfsha256-x448",
		"aes256-sha512-x25519-ecp256", "chacha20poly1305-prfsha384-ecp256-x25519"};
	/* additional key exchanges (RFC 9370) */
	static const char *const more[4] = {
		"", "-ke1_ecp384", "-ke1_ecp384-ke2_ecp521-ke2_none", "-ke2_ecp384-ke5_ecp521"};
	static const char *const esp[8] = {"aes128gcm16-x25519", "aes128-sha256",
		"aes256gcm16-esn-noesn", "aes128gcm16-x25519-ecp256-none",
		"aes128-sha1-ecp256-x25519", "chacha20poly1305-esn-x25519", "null-sha256-x25519",
		"aes128gcm16-x448"};
	char suites[128];

	for (unsigned int i = 0; i < 2; i++) {
		struct peer *p = &world->p[i];
		uint8_t own = head[2 + i], also = head[4 + i];

		snprintf(suites, sizeof(suites), "%s%s", ike[head[i] & 3], more[head[i] >> 2 & 3]);
		peer_proposals(p, suites, esp[head[i] >> 4 & 7]);
		p->conn.n_children = 2;
		p->conn.encap = (own & 1) != 0;
		p->children[0].mode = (own & 2) != 0 ? IKE_MODE_TUNNEL : IKE_MODE_TRANSPORT;
		p->conn.mobike = (own & 4) == 0;
		p->conn.fragmentation = (enum ike_frag)(own >> 3 & 3);
		p->conn.childless = (enum ike_childless)(own >> 5 & 3);
		p->conn.unique = (enum ike_unique)(also & 3);
		p->children[0].start_action = (also & 4) != 0 ? IKE_ACTION_START : 0;
		p->children[0].close_action = (also & 8) != 0 ? IKE_ACTION_START : 0;
		p->children[0].dpd_action = (also & 16) != 0 ? IKE_ACTION_START : 0;
		p->conn.dpd_delay_s = (also & 32) != 0 ? 5 : 0;
		p->conn.reauth_time_s = (also & 64) != 0 ? 20 : 0;
		if ((also & 128) != 0)
			p->children[0].time_s = (struct ike_life){10, 15, 2};
		p->cfg.retransmit_tries = 2;
		p->cfg.cookie_threshold = (head[6] >> i & 1) != 0 ? 1 : 0;
		p->cfg.fragment_size = (head[6] >> 2 & 1) != 0 ? 600 : 0;
		p->cfg.has_qcd_secret = (head[6] >> (4 + i) & 1) != 0;
		give_ppk(p, head[7] >> (3 * i));
		if ((own & 128) != 0)
			give_cert(i);
	}
	world->job_ms = (head[6] >> 6 & 1) != 0 ? 300 : 0;
}

/** Nobody reuses keys, whatever is done to the messages. */
static void
judge(void)
{
	for (unsigned int i = 0; i < 2; i++)
		MUST(world->p[i].esp_dup_key == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct event ev;

	if (size < HEAD)
		return 0;
	world = world_create(1);
	n_pool = n_old = 0;
	configure(data);
	start(&world->p[0]);
	start(&world->p[1]);
	for (size_t n = 0; n < EVENTS_MAX && (n + 1) * sizeof(ev) <= size - HEAD; n++) {
		memcpy(&ev, data + HEAD + n * sizeof(ev), sizeof(ev));
		ev.op %= OP_N;
		happen(&ev);
	}
	/* the dust settles */
	world->p[0].nat_shift = 0;
	for (unsigned int n = 0; n < 30; n++) {
		flush(FLUSH_MAX);
		world_run(world, 1000);
	}
	judge();
	while (n_pool > 0)
		take_out(0, false);
	while (n_old > 0)
		free(old[--n_old].buf);
	/* creates as many objects as it destroys, whatever came */
	world_destroy(world);
	return 0;
}

/* ---- mutation ---- */

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len,
	uint8_t *out, size_t max, unsigned int seed);

static uint32_t rng;

static uint32_t
below(uint32_t n)
{
	rng = rng * 1664525u + 1013904223u;
	return n == 0 ? 0 : (rng >> 8) % n;
}

/** One that has an effect most of the time: half of them change a message or move on. */
static struct event
any_event(void)
{
	static const uint8_t ops[] = {DELIVER, DELIVER, DROP, COPY, AGAIN, RECUT, FLUSH, FLUSH,
		FLUSH, TICK, TICK, COMMAND, COMMAND, FAULT, CLEAR_BYTE, CLEAR_CUT, EDIT, EDIT, EDIT,
		EDIT, EDIT};
	struct event ev = {.op = ops[below(sizeof(ops))]};

	ev.who = (uint8_t)below(ev.op == COMMAND || ev.op == FAULT ? 2 : 4);
	for (unsigned int i = 0; i < sizeof(ev.arg); i++)
		ev.arg[i] = (uint8_t)below(below(3) == 0 ? 256 : 16);
	return ev;
}

static size_t
mutate_events(struct event *ev, size_t n, size_t max)
{
	size_t i = below((uint32_t)n), k = 1 + below(4);
	struct event other;

	switch (below(6)) {
	case 0:
	case 1:
		if (n == max)
			return n;
		i = below((uint32_t)n + 1);
		memmove(&ev[i + 1], &ev[i], (n - i) * sizeof(*ev));
		ev[i] = any_event();
		return n + 1;
	case 2:
		if (n == 0)
			return 0;
		k = k > n - i ? n - i : k;
		memmove(&ev[i], &ev[i + k], (n - i - k) * sizeof(*ev));
		return n - k;
	case 3:
		if (n == 0)
			return 0;
		k = k > n - i ? n - i : k;
		k = k > max - n ? max - n : k;
		memmove(&ev[i + k], &ev[i], (n - i) * sizeof(*ev));
		return n + k;
	case 4:
		if (n == 0)
			return 0;
		other = ev[i];
		ev[i] = ev[k % n];
		ev[k % n] = other;
		return n;
	default:
		if (n == 0)
			return 0;
		((uint8_t *)&ev[i])[below(sizeof(*ev))] = (uint8_t)below(below(2) == 0 ? 256 : 20);
		return n;
	}
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	struct event ev[EVENTS_MAX];
	size_t n = size > HEAD ? (size - HEAD) / sizeof(ev[0]) : 0, max;

	rng = seed;
	if (max_size < HEAD + sizeof(ev[0]))
		return LLVMFuzzerMutate(data, size, max_size);
	if (size < HEAD)
		memset(data + size, 0, HEAD - size);
	max = (max_size - HEAD) / sizeof(ev[0]);
	max = max > EVENTS_MAX ? EVENTS_MAX : max;
	n = n > max ? max : n;
	memcpy(ev, data + HEAD, n * sizeof(ev[0]));
	if (below(12) == 0)
		data[below(HEAD)] ^= (uint8_t)(1u << below(8));
	else
		for (unsigned int times = 1 + below(3); times > 0; times--)
			n = mutate_events(ev, n, max);
	memcpy(data + HEAD, ev, n * sizeof(ev[0]));
	return HEAD + n * sizeof(ev[0]);
}

/** One schedule's beginning and another one's end. */
size_t
LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len,
	uint8_t *out, size_t max, unsigned int seed)
{
	size_t from_a, skip_b, from_b;

	if (a_len < HEAD || b_len < HEAD || max < a_len)
		return 0;
	rng = seed;
	from_a = HEAD + sizeof(struct event) *
				below((uint32_t)((a_len - HEAD) / sizeof(struct event)) + 1);
	skip_b = HEAD + sizeof(struct event) *
				below((uint32_t)((b_len - HEAD) / sizeof(struct event)) + 1);
	from_b = b_len - skip_b;
	if (from_b > max - from_a)
		from_b = (max - from_a) / sizeof(struct event) * sizeof(struct event);
	memcpy(out, a, from_a);
	memcpy(out + from_a, b + skip_b, from_b);
	return from_a + from_b;
}
