/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_neigh.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BUCKETS 1024

struct entry {
	struct entry *next; /* in its bucket */
	struct in6_addr addr;
	uint8_t mac[6];
	uint16_t state;
	uint32_t reading; /* the last one that had it, or had begun when it came */
};

struct ctl_neigh {
	struct gw_neigh_tab *tab;
	uint32_t ifindex;
	uint32_t reading;
	unsigned int n;
	struct entry *bucket[BUCKETS];
};

struct ctl_neigh *
ctl_neigh_create(struct gw_neigh_tab *tab, uint32_t ifindex)
{
	struct ctl_neigh *c = calloc(1, sizeof(*c));

	if (c != NULL) {
		c->tab = tab;
		c->ifindex = ifindex;
	}
	return c;
}

void
ctl_neigh_destroy(struct ctl_neigh *c)
{
	if (c == NULL)
		return;
	for (unsigned int i = 0; i < BUCKETS; i++) {
		while (c->bucket[i] != NULL) {
			struct entry *e = c->bucket[i];

			c->bucket[i] = e->next;
			free(e);
		}
	}
	free(c);
}

/* @return the place that points to its entry, or to NULL */
static struct entry **
place(struct ctl_neigh *c, const struct in6_addr *addr)
{
	struct entry **at = &c->bucket[gw_neigh_bucket(addr) % BUCKETS];

	while (*at != NULL && memcmp(&(*at)->addr, addr, sizeof(*addr)) != 0)
		at = &(*at)->next;
	return at;
}

static void
forget(struct ctl_neigh *c, struct entry **at)
{
	struct entry *e = *at;

	gw_neigh_del(c->tab, &e->addr);
	*at = e->next;
	free(e);
	c->n--;
}

int
ctl_neigh_put(struct ctl_neigh *c, const struct gw_rtnl_neigh *n)
{
	struct in6_addr addr;
	struct entry **at, *e;

	if (n->ifindex != c->ifindex)
		return 0;
	if (n->family == AF_INET)
		gw_neigh_map4(&addr, n->addr);
	else
		memcpy(&addr, n->addr, sizeof(addr));
	at = place(c, &addr);
	e = *at;
	if (!n->usable) {
		if (e != NULL)
			forget(c, at);
		return 0;
	}
	if (gw_neigh_set(c->tab, &addr, n->mac) < 0)
		return -ENOMEM;
	if (e == NULL) {
		e = calloc(1, sizeof(*e));
		if (e == NULL) {
			gw_neigh_del(c->tab, &addr);
			return -ENOMEM;
		}
		e->addr = addr;
		*at = e;
		c->n++;
	}
	memcpy(e->mac, n->mac, sizeof(e->mac));
	e->state = n->state;
	e->reading = c->reading;
	return 0;
}

void
ctl_neigh_begin(struct ctl_neigh *c)
{
	c->reading++;
}

void
ctl_neigh_end(struct ctl_neigh *c)
{
	for (unsigned int i = 0; i < BUCKETS; i++) {
		struct entry **at = &c->bucket[i];

		while (*at != NULL) {
			if ((*at)->reading != c->reading)
				forget(c, at);
			else
				at = &(*at)->next;
		}
	}
}

void
ctl_neigh_stale(struct ctl_neigh *c, void (*cb)(void *arg, const struct in6_addr *addr), void *arg)
{
	for (unsigned int i = 0; i < BUCKETS; i++) {
		for (const struct entry *e = c->bucket[i]; e != NULL; e = e->next) {
			if (e->state == NUD_STALE && gw_neigh_used(c->tab, &e->addr))
				cb(arg, &e->addr);
		}
	}
}

unsigned int
ctl_neigh_count(const struct ctl_neigh *c)
{
	return c->n;
}

void
ctl_neigh_walk(const struct ctl_neigh *c,
	void (*cb)(void *arg, const struct in6_addr *addr, const uint8_t mac[6], uint16_t state),
	void *arg)
{
	for (unsigned int i = 0; i < BUCKETS; i++) {
		for (const struct entry *e = c->bucket[i]; e != NULL; e = e->next)
			cb(arg, &e->addr, e->mac, e->state);
	}
}
