/* SPDX-License-Identifier: BSD-3-Clause */
#include "link.h"

#include <stdlib.h>
#include <string.h>

static bool
chance(struct world *w, unsigned int per_mille)
{
	return per_mille != 0 && world_rand(w, 1000) < per_mille;
}

static void
enqueue(struct world *w, struct packet *p)
{
	struct packet **at;

	for (at = &w->queue; *at != NULL && (*at)->at <= p->at; at = &(*at)->next)
		;
	p->next = *at;
	*at = p;
}

static uint16_t
shift_of(const struct peer *p)
{
	return p->w->nat && p->index == 0 ? 10000 : p->nat_shift;
}

/** Who gets what me sends on that path. NULL = nobody. */
static struct peer *
receiver(struct peer *me, const struct ike_path *path)
{
	struct world *w = me->w;

	if (!w->routed)
		return &w->p[me->index == 0 ? 1 : 0];
	if (memcmp(&path->local, &me->addr, sizeof(me->addr)) != 0)
		return NULL;
	for (unsigned int i = 0; i < w->n_peers; i++)
		if (i != me->index && (IN6_ARE_ADDR_EQUAL(&w->p[i].addr, &path->remote) ||
					      IN6_ARE_ADDR_EQUAL(&w->p[i].nat_addr, &path->remote)))
			return &w->p[i];
	return NULL;
}

/** @return NULL when nobody is there, or a NAT does not know the port (any more) */
static struct packet *
make_packet(struct peer *me, const struct ike_path *path, const uint8_t *buf, size_t len)
{
	struct world *w = me->w;
	struct peer *to = receiver(me, path);
	struct packet *p;
	struct link *l;

	if (to == NULL)
		return NULL;
	p = calloc(1, sizeof(*p) + len);
	if (p == NULL)
		abort();
	l = world_link(w, me->index, to->index);
	p->from = me->index;
	p->to = to->index;
	p->at = w->now + w->delay_ms + l->delay_ms + world_rand(w, w->jitter_ms + l->jitter_ms + 1);
	p->path = (struct ike_path){path->remote, path->local, path->remote_port, path->local_port};
	p->path.remote_port = (uint16_t)(p->path.remote_port + shift_of(me));
	if (!IN6_IS_ADDR_UNSPECIFIED(&me->nat_addr))
		p->path.remote = me->nat_addr;
	if (!IN6_IS_ADDR_UNSPECIFIED(&to->nat_addr)) {
		if (!IN6_ARE_ADDR_EQUAL(&path->remote, &to->nat_addr)) {
			free(p);
			return NULL;
		}
		p->path.local = to->addr;
	}
	if (shift_of(to) != 0) {
		/* its mapping may be another by now */
		unsigned int port = p->path.local_port - shift_of(to);

		if (port != 500 && port != 4500) {
			free(p);
			return NULL;
		}
		p->path.local_port = (uint16_t)port;
	}
	p->len = len;
	if (len > 0)
		memcpy(p->buf, buf, len);
	return p;
}

static void
corrupt(struct world *w, struct packet *p)
{
	unsigned int n = 1 + world_rand(w, 4);

	if (world_rand(w, 8) == 0)
		p->len = world_rand(w, (uint32_t)p->len + 1);
	while (n-- > 0 && p->len > 0)
		p->buf[world_rand(w, (uint32_t)p->len)] ^= (uint8_t)(1u << world_rand(w, 8));
}

static void
go(struct world *w, struct packet *p, const struct link *l)
{
	if (!p->esp && chance(w, l->corrupt))
		corrupt(w, p);
	if (chance(w, w->reorder + l->reorder))
		p->at += 20 + world_rand(w, 3000);
	enqueue(w, p);
}

void
link_send_ike(struct peer *me, const struct ike_path *path, const uint8_t *buf, size_t len)
{
	struct world *w = me->w;
	struct packet *p = make_packet(me, path, buf, len), *twice;
	struct link *l;

	w->n_ike++;
	if (w->sent != NULL)
		w->sent(w, me->index, buf, len);
	if (p == NULL)
		return;
	if (w->filter != NULL && !w->filter(w, me->index, p->buf, &p->len)) {
		free(p);
		return;
	}
	l = world_link(w, me->index, p->to);
	if (w->cut || l->cut || (l->hole != 0 && p->len > l->hole)) {
		free(p);
		return;
	}
	if (chance(w, w->dup + l->dup)) {
		twice = make_packet(me, path, p->buf, p->len);
		if (twice != NULL)
			enqueue(w, twice);
	}
	if (chance(w, w->loss + l->loss))
		free(p);
	else
		go(w, p, l);
}

/** What is corrupted is as good as lost: no ICV fits. */
static bool
esp_vanishes(struct world *w, const struct link *l)
{
	return w->cut || l->cut || chance(w, w->loss + l->loss) || chance(w, l->corrupt);
}

void
link_send_esp(struct peer *me, const struct ike_path *path, const struct esp_packet *esp)
{
	struct world *w = me->w;
	struct packet *p = make_packet(me, path, (const uint8_t *)esp, sizeof(*esp)), *twice;
	struct link *l;

	if (p == NULL)
		return;
	p->esp = true;
	if (!w->esp_faults) {
		enqueue(w, p);
		return;
	}
	l = world_link(w, me->index, p->to);
	if (chance(w, w->dup + l->dup) && !w->cut && !l->cut) {
		twice = make_packet(me, path, (const uint8_t *)esp, sizeof(*esp));
		if (twice != NULL) {
			twice->esp = true;
			go(w, twice, l);
		}
	}
	if (esp_vanishes(w, l))
		free(p);
	else
		go(w, p, l);
}

bool
link_leads(struct peer *me, const struct ike_path *path)
{
	uint64_t rng = me->w->rng;
	struct packet *p = make_packet(me, path, NULL, 0);
	bool leads = p != NULL;

	/* a question is no chance */
	me->w->rng = rng;
	free(p);
	return leads;
}

struct packet *
link_due(struct world *w)
{
	struct packet *p = w->queue;

	if (p == NULL || p->at > w->now)
		return NULL;
	w->queue = p->next;
	return p;
}

uint64_t
link_next(const struct world *w)
{
	return w->queue != NULL ? w->queue->at : UINT64_MAX;
}

void
link_drop_all(struct world *w)
{
	struct packet *p;

	while ((p = w->queue) != NULL) {
		w->queue = p->next;
		free(p);
	}
}
