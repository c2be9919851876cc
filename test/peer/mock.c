/* SPDX-License-Identifier: BSD-3-Clause */
#include "mock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
host_send(void *arg, const struct ike_path *path, const uint8_t *buf, size_t len)
{
	link_send_ike(arg, path, buf, len);
}

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

static void
host_keepalive(void *arg, const struct ike_path *path)
{
	struct peer *me = arg;

	(void)path;
	me->keepalives++;
}

/** It is done late by chance. */
static struct mock_job *
new_job(struct peer *me, unsigned int late_ms)
{
	struct world *w = me->w;
	struct mock_job *j = calloc(1, sizeof(*j));

	if (j == NULL)
		return NULL;
	*j = (struct mock_job){.next = w->jobs, .p = me};
	j->at = w->now + 1 + world_rand(w, late_ms);
	w->jobs = j;
	return j;
}

/** Names are "peer" and a number. */
static void
look_up(struct peer *me, uint32_t token, const char *name)
{
	struct mock_job *j = new_job(me, me->w->lookup_ms);

	world_check(me->w, j != NULL && strncmp(name, "peer", 4) == 0, "who is %s?", name);
	j->boots = me->boots;
	j->token = token;
	j->who = (unsigned int)atoi(name + 4);
}

static void
answer_lookup(struct mock_job *j)
{
	struct peer *me = j->p;
	bool found = world_rand(me->w, 1000) >= me->w->lookup_fail;

	/* nobody is told who did not ask */
	if (me->e != NULL && me->boots == j->boots)
		ike_resolved(me->e, j->token, &me->w->p[j->who].addr, found ? 1 : 0, "NXDOMAIN",
			peer_now(me));
}

static void
host_resolve(void *arg, uint32_t token, const char *name)
{
	struct peer *me = arg;

	world_check(me->w, name[0] != '\0', "peer %u: a name is empty", me->index);
	me->n_lookups++;
	me->lookup = token;
	if (me->w->lookup_ms != 0)
		look_up(me, token, name);
}

static uint32_t
host_spi_alloc(void *arg)
{
	struct peer *me = arg;

	world_check(me->w, me->spis_out < WORLD_CHILDREN_MAX, "peer %u: too many SPIs", me->index);
	me->spi_out[me->spis_out++] = me->spi_next;
	return me->spi_next++;
}

/** It is installed, or given back. */
static void
take_spi(struct peer *me, uint32_t spi)
{
	int i = 0;

	while (i < me->spis_out && me->spi_out[i] != spi)
		i++;
	world_check(me->w, i < me->spis_out, "peer %u: SPI %08x is not out", me->index, spi);
	me->spi_out[i] = me->spi_out[--me->spis_out];
}

static void
host_spi_free(void *arg, uint32_t spi)
{
	take_spi(arg, spi);
}

static void
host_ike_spi(void *arg, uint64_t spi, enum ike_spi_use before, enum ike_spi_use now)
{
	struct peer *me = arg;

	world_check(me->w, spi != 0, "an IKE SPI is 0");
	world_check(me->w, before != now && now < IKE_SPI_USES, "no news about an IKE SPI");
	me->ike_spis += (now != IKE_SPI_UNUSED) - (before != IKE_SPI_UNUSED);
	me->half_open_spis += (now == IKE_SPI_STRANGER) - (before == IKE_SPI_STRANGER);
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
	world_check(
		me->w, me->n_child < WORLD_CHILDREN_MAX, "peer %u: too many children", me->index);
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
	world_check(me->w, sa->id != 0 && find_child(me, sa->id) == NULL,
		"peer %u: child %u is installed twice", me->index, sa->id);
	world_check(me->w, sa->encr_key_len + sa->integ_key_len > 0, "peer %u: no keys", me->index);
	for (unsigned int i = 0; i < me->n_child; i++)
		if (same_keys(&me->child[i].sa, sa))
			me->esp_dup_key++;
	c = free_slot(me);
	*c = (struct mock_child){.in = true, .out = true, .sending = sa->use_out, .sa = *sa};
	take_spi(me, sa->spi_in);
	if (me->w->added != NULL)
		me->w->added(me->w, me, sa);
	return 0;
}

static void
host_child_use_out(void *arg, uint32_t id)
{
	struct peer *me = arg;
	struct mock_child *c = find_child(me, id);

	world_check(me->w, c != NULL && c->out, "peer %u: child %u cannot send", me->index, id);
	c->sending = true;
}

static void
host_child_path(void *arg, uint32_t id, const struct ike_path *path, bool udp_encap)
{
	struct peer *me = arg;
	struct mock_child *c = find_child(me, id);

	world_check(me->w, c != NULL, "peer %u: child %u moves and is not there", me->index, id);
	c->sa.path = *path;
	c->sa.udp_encap = udp_encap;
}

static void
host_child_del(void *arg, uint32_t id, bool in, bool out)
{
	struct peer *me = arg;
	struct mock_child *c = find_child(me, id);

	world_check(me->w, c != NULL && (in || out) && (!in || c->in) && (!out || c->out),
		"peer %u: child %u cannot be removed", me->index, id);
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

/** It runs at the end of the time that it takes, when much may have gone meanwhile. */
static enum ike_offload
host_offload(void *arg, struct ike_job *job, bool stranger, uint32_t cost_us)
{
	struct peer *me = arg;
	struct world *w = me->w;
	struct mock_job *j;

	if (stranger && cost_us > w->stranger_us)
		w->stranger_us = cost_us;
	if (w->job_ms == 0)
		return IKE_OFFLOAD_INLINE;
	if (stranger && w->jobs_full)
		return IKE_OFFLOAD_FULL;
	j = new_job(me, w->job_ms);
	if (j == NULL)
		return IKE_OFFLOAD_INLINE;
	j->job = job;
	w->n_jobs++;
	return IKE_OFFLOAD_TAKEN;
}

static void
host_trap(void *arg, const struct ike_conn_cfg *conn, const struct ike_child_cfg *child)
{
	struct peer *me = arg;

	world_check(me->w, conn != NULL && child != NULL, "peer %u: a trap for nothing", me->index);
	me->traps++;
}

static void
host_event(void *arg, const struct ike_event *ev)
{
	struct peer *me = arg;

	me->events[ev->type]++;
	if (me->w->happened != NULL)
		me->w->happened(me->w, me, ev);
	if (ev->reason != NULL)
		snprintf(me->reason, sizeof(me->reason), "%s", ev->reason);
	world_check(me->w, ev->conn != NULL, "peer %u: an event without connection", me->index);
	world_check(me->w,
		ev->reason != NULL ||
			(ev->type != IKE_EV_CHILD_FAILED && ev->type != IKE_EV_CHILD_DOWN),
		"peer %u: an event without reason", me->index);
}

static void
host_log(void *arg, enum ike_log_level level, const char *group, const char *name, const char *msg)
{
	struct peer *me = arg;
	char line[512];
	size_t at;

	if (me->w->logged != NULL) {
		snprintf(line, sizeof(line), "%s %s: %s", group, name != NULL ? name : "-", msg);
		me->w->logged(me->w, me, line);
		return;
	}
	at = strlen(me->log);
	if (getenv("PEER_LOG") != NULL)
		fprintf(stderr, "%8.3f %u %d %s %s: %s\n", (double)me->w->now / 1000, me->index,
			level, group, name != NULL ? name : "-", msg);
	if (level <= IKE_LOG_WARN)
		snprintf(me->log + at, sizeof(me->log) - at, "%s\n", msg);
}

struct ike_host
mock_host(struct peer *p)
{
	return (struct ike_host){
		.arg = p,
		.send = host_send,
		.random = host_random,
		.local_addr = host_local_addr,
		.keepalive = host_keepalive,
		.resolve = host_resolve,
		.spi_alloc = host_spi_alloc,
		.spi_free = host_spi_free,
		.ike_spi = host_ike_spi,
		.child_add = host_child_add,
		.child_use_out = host_child_use_out,
		.child_path = host_child_path,
		.child_del = host_child_del,
		.child_stats = host_child_stats,
		.offload = host_offload,
		.trap = host_trap,
		.event = host_event,
		.log = host_log,
	};
}

/* ---- jobs ---- */

uint64_t
mock_job_next(const struct world *w)
{
	uint64_t at = UINT64_MAX;

	for (const struct mock_job *j = w->jobs; j != NULL; j = j->next)
		if (j->at < at && !j->p->asleep)
			at = j->at;
	return at;
}

bool
mock_job_do(struct world *w, uint64_t until)
{
	struct mock_job **p, *j;
	struct peer *me;

	for (p = &w->jobs; *p != NULL; p = &(*p)->next)
		if (until == UINT64_MAX || ((*p)->at <= until && !(*p)->p->asleep))
			break;
	j = *p;
	if (j == NULL)
		return false;
	*p = j->next;
	me = j->p;
	if (j->job != NULL) {
		ike_job_run(j->job);
		ike_job_done(j->job, peer_now(me));
	} else {
		answer_lookup(j);
	}
	free(j);
	peer_tick(me);
	return true;
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

/** A newer one takes its traffic. */
static bool
outdated(const struct peer *p, const struct mock_child *c)
{
	for (unsigned int i = 0; i < p->n_child; i++) {
		const struct mock_child *o = &p->child[i];

		if (o->sending && o->sa.id > c->sa.id && o->sa.child == c->sa.child &&
			memcmp(&o->sa.path.remote, &c->sa.path.remote, 16) == 0)
			return true;
	}
	return false;
}

static void
send_on(struct peer *p, struct mock_child *c)
{
	struct ike_path path = c->sa.path;
	struct esp_packet esp = {.spi = c->sa.spi_out};

	if (p->esp_port != 0)
		path.local_port = p->esp_port;
	memcpy(esp.keys, c->sa.encr_out, IKE_ESP_KEY_MAX);
	memcpy(esp.keys + IKE_ESP_KEY_MAX, c->sa.integ_out, IKE_ESP_KEY_MAX);
	c->st.packets_out++;
	c->st.bytes_out += 100;
	esp.seq = ++c->st.seq_out;
	c->st.last_out_ms = peer_now(p);
	esp.number = ++p->esp_sent;
	link_send_esp(p, &path, &esp);
}

void
mock_esp_send(struct peer *p)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < p->n_child && p->e != NULL && !p->asleep; i++) {
		if (!p->child[i].sending || outdated(p, &p->child[i]))
			continue;
		send_on(p, &p->child[i]);
		n++;
	}
	if (n == 0)
		p->esp_no_sa++;
}

/** RFC 4303 3.4.3. @return false when the packet was there, or is older than the window */
static bool
fits_window(struct mock_child *c, uint64_t seq)
{
	uint64_t window = c->sa.child->replay_window, *word, bit = UINT64_C(1) << seq % 64;

	if (window == 0)
		return true;
	if (window > WORLD_WINDOW_MAX)
		window = WORLD_WINDOW_MAX;
	if (seq + window <= c->seq_in)
		return false;
	for (; c->seq_in < seq; c->seq_in++) {
		uint64_t next = c->seq_in + 1;

		c->seen[next / 64 % (WORLD_WINDOW_MAX / 64)] &= ~(UINT64_C(1) << next % 64);
	}
	word = &c->seen[seq / 64 % (WORLD_WINDOW_MAX / 64)];
	if ((*word & bit) != 0)
		return false;
	*word |= bit;
	return true;
}

void
mock_esp_receive(struct peer *p, const struct packet *k)
{
	const struct esp_packet *esp = (const struct esp_packet *)k->buf;
	struct peer *from = &p->w->p[k->from];
	struct mock_child *c = NULL;

	for (unsigned int i = 0; i < p->n_child; i++)
		if (p->child[i].in && p->child[i].sa.spi_in == esp->spi)
			c = &p->child[i];
	if (c == NULL) {
		from->esp_lost++;
		if (p->tells_spi && p->e != NULL)
			ike_unknown_spi(p->e, &k->path, esp->spi, peer_now(p));
		return;
	}
	if (memcmp(esp->keys, c->sa.encr_in, IKE_ESP_KEY_MAX) != 0 ||
		memcmp(esp->keys + IKE_ESP_KEY_MAX, c->sa.integ_in, IKE_ESP_KEY_MAX) != 0) {
		from->esp_bad++;
		return;
	}
	if (!fits_window(c, esp->seq)) {
		from->esp_replay++;
		return;
	}
	from->esp_got++;
	if (p->w->let_in != NULL)
		p->w->let_in(p->w, k->from, esp->number);
	c->st.last_in_ms = peer_now(p);
	c->heard_ms = p->w->now;
	c->st.bytes_in += 100;
	if (c->sa.udp_encap && p->e != NULL &&
		(k->path.remote_port != c->sa.path.remote_port ||
			!IN6_ARE_ADDR_EQUAL(&k->path.remote, &c->sa.path.remote)))
		ike_child_elsewhere(p->e, c->sa.id, &k->path, peer_now(p));
	if (c->st.packets_in++ == 0 && p->e != NULL)
		ike_child_in_use(p->e, c->sa.id, peer_now(p));
}
