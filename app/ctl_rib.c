/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_rib.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN 1024

/* A route that competes for its prefix. */
struct candidate {
	bool local; /* of the local table, which is looked at first */
	bool dead;  /* the kernel uses others of this prefix first */
	uint32_t metric;
	struct rib_hop hop;
};

struct entry {
	struct entry *next; /* in its bucket */
	struct gw_prefix dst;
	uint32_t reading;      /* the last one that had it */
	struct candidate best; /* of that reading */
	bool shown;
	struct rib_hop as; /* shown so */
	bool refused;      /* and is unreachable */
};

struct source {
	bool known;
	uint8_t addr[16];
};

struct rib {
	struct rib_ops ops;
	uint32_t reading;
	unsigned int n, n_buckets, n_refused;
	struct entry **bucket;
	struct source source[2], coming[2]; /* IPv4, IPv6; of the last reading, of this one */
};

struct rib *
rib_create(const struct rib_ops *ops)
{
	struct rib *rib = calloc(1, sizeof(*rib));

	if (rib == NULL)
		return NULL;
	rib->ops = *ops;
	rib->n_buckets = BUCKETS_MIN;
	rib->bucket = calloc(rib->n_buckets, sizeof(struct entry *));
	if (rib->bucket == NULL) {
		free(rib);
		return NULL;
	}
	return rib;
}

void
rib_destroy(struct rib *rib)
{
	if (rib == NULL)
		return;
	for (unsigned int i = 0; i < rib->n_buckets; i++) {
		while (rib->bucket[i] != NULL) {
			struct entry *e = rib->bucket[i];

			rib->bucket[i] = e->next;
			free(e);
		}
	}
	free(rib->bucket);
	free(rib);
}

/* ---- entries ---- */

static bool
same_prefix(const struct gw_prefix *a, const struct gw_prefix *b)
{
	return a->family == b->family && a->bits == b->bits &&
	       memcmp(a->addr, b->addr, sizeof(a->addr)) == 0;
}

static unsigned int
hash(const struct rib *rib, const struct gw_prefix *p)
{
	uint32_t h = 2166136261u ^ p->bits;

	for (unsigned int i = 0; i < sizeof(p->addr); i++)
		h = (h ^ p->addr[i]) * 16777619u;
	return (h ^ h >> 15) & (rib->n_buckets - 1);
}

/* Twice as many buckets; without memory chains get longer, that is all. */
static void
grow(struct rib *rib)
{
	unsigned int n = rib->n_buckets;
	struct entry **more = calloc(2u * n, sizeof(struct entry *)), **old = rib->bucket;

	if (more == NULL)
		return;
	rib->bucket = more;
	rib->n_buckets = 2 * n;
	for (unsigned int i = 0; i < n; i++) {
		while (old[i] != NULL) {
			struct entry *e = old[i];
			unsigned int k = hash(rib, &e->dst);

			old[i] = e->next;
			e->next = more[k];
			more[k] = e;
		}
	}
	free(old);
}

/* Find or make. @return NULL without memory */
static struct entry *
entry_of(struct rib *rib, const struct gw_prefix *dst)
{
	struct entry *e = rib->bucket[hash(rib, dst)];
	unsigned int k;

	while (e != NULL && !same_prefix(&e->dst, dst))
		e = e->next;
	if (e != NULL)
		return e;
	if (rib->n >= rib->n_buckets)
		grow(rib);
	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return NULL;
	e->dst = *dst;
	e->reading = rib->reading - 1;
	k = hash(rib, dst);
	e->next = rib->bucket[k];
	rib->bucket[k] = e;
	rib->n++;
	return e;
}

/* ---- a reading ---- */

void
rib_begin(struct rib *rib)
{
	rib->reading++;
	memset(rib->coming, 0, sizeof(rib->coming));
}

static void
hop_of_leg(const struct rib *rib, const struct gw_rtnl_leg *leg, struct rib_hop *hop)
{
	if (leg->encap) { /* never out without what it shall be wrapped in */
		hop->kind = RIB_UNREACH;
		return;
	}
	switch (rib->ops.ifkind(rib->ops.arg, leg->ifindex, &hop->tunnel)) {
	case RIB_IF_TUNNEL:
		hop->kind = RIB_TUNNEL;
		return;
	case RIB_IF_INSIDE:
		break;
	case RIB_IF_OTHER:
		hop->kind = RIB_UNREACH;
		return;
	}
	hop->kind = leg->family == 0 ? RIB_LINK : RIB_VIA;
	if (leg->family == AF_INET6) {
		memcpy(&hop->via, leg->via, sizeof(hop->via));
	} else if (leg->family == AF_INET) {
		memset(hop->via.s6_addr + 10, 0xff, 2);
		memcpy(hop->via.s6_addr + 12, leg->via, 4);
	}
}

/*
 * Without a leg to be used it is unreachable, not absent: what is meant for it does not follow a
 * shorter prefix to somebody else.
 * @return false when all of its interfaces are down
 */
static bool
unicast_hop(const struct rib *rib, const struct gw_rtnl_route *r, struct rib_hop *hop)
{
	bool alive = false;

	hop->kind = RIB_UNREACH;
	for (unsigned int i = 0; i < r->n_legs; i++) {
		if (r->leg[i].dead)
			continue;
		if (alive && hop->kind != RIB_UNREACH)
			break;
		memset(hop, 0, sizeof(*hop));
		hop_of_leg(rib, &r->leg[i], hop);
		alive = true;
	}
	return alive || r->n_legs == 0;
}

/* @return false when another route of the prefix goes before it */
static bool
make_hop(const struct rib *rib, const struct gw_rtnl_route *r, struct rib_hop *hop)
{
	memset(hop, 0, sizeof(*hop)); /* compared by bytes */
	switch (r->type) {
	case GW_RTNL_UNICAST:
		return unicast_hop(rib, r, hop);
	case GW_RTNL_LOCAL:
	case GW_RTNL_SHARED:
		hop->kind = RIB_LOCAL;
		return true;
	case GW_RTNL_BLACKHOLE:
		hop->kind = RIB_BLACKHOLE;
		return true;
	case GW_RTNL_UNREACHABLE:
		hop->kind = RIB_UNREACH;
		return true;
	case GW_RTNL_PROHIBIT:
		hop->kind = RIB_PROHIBIT;
		return true;
	}
	return false;
}

/* Our addresses are the local routes that are one address long. */
static void
note_source(struct rib *rib, const struct gw_rtnl_route *r)
{
	bool v4 = r->dst.family == AF_INET;
	struct source *s = &rib->coming[!v4];
	uint32_t tunnel;

	if (r->type != GW_RTNL_LOCAL || r->dst.bits != (v4 ? 32 : 128) || s->known ||
		r->n_legs == 0 ||
		rib->ops.ifkind(rib->ops.arg, r->leg[0].ifindex, &tunnel) != RIB_IF_INSIDE)
		return;
	/* fe80::/10 says nothing beyond the link */
	if (!v4 && r->dst.addr[0] == 0xfe && (r->dst.addr[1] & 0xc0) == 0x80)
		return;
	s->known = true;
	memcpy(s->addr, r->dst.addr, sizeof(s->addr));
}

static bool
better(const struct candidate *a, const struct candidate *b)
{
	if (a->local != b->local)
		return a->local;
	if (a->dead != b->dead)
		return !a->dead;
	return a->metric < b->metric;
}

int
rib_put(struct rib *rib, const struct gw_rtnl_route *r)
{
	struct candidate c = {.local = r->table == RT_TABLE_LOCAL, .metric = r->metric};
	struct entry *e;

	if (r->table != RT_TABLE_LOCAL && r->table != RT_TABLE_MAIN)
		return 0;
	c.dead = !make_hop(rib, r, &c.hop);
	note_source(rib, r);
	e = entry_of(rib, &r->dst);
	if (e == NULL)
		return -ENOMEM;
	if (e->reading == rib->reading && !better(&c, &e->best))
		return 0;
	e->reading = rib->reading;
	e->best = c;
	return 0;
}

/* @return where it leads as far as it was taken, NULL: nowhere */
static const struct rib_hop *
was_shown(const struct entry *e)
{
	static const struct rib_hop unreach = {.kind = RIB_UNREACH};

	if (!e->shown)
		return NULL;
	return e->refused ? &unreach : &e->as;
}

/* @param left  [out] set when it no longer leads where it did
 * @return false when it is to be forgotten */
static bool
show(struct rib *rib, struct entry *e, bool refused_too, bool *left)
{
	const struct rib_hop *hop = e->reading == rib->reading ? &e->best.hop : NULL;
	bool same = hop != NULL && e->shown && memcmp(hop, &e->as, sizeof(*hop)) == 0;
	enum rib_said said;

	if (hop == NULL && !e->shown)
		return false;
	if (same && !(refused_too && e->refused))
		return true;
	said = rib->ops.changed(rib->ops.arg, &e->dst, was_shown(e), hop);
	if (said == RIB_AGAIN)
		return true;
	*left |= e->shown && !same;
	rib->n_refused -= e->refused;
	e->refused = said == RIB_REFUSED;
	rib->n_refused += e->refused;
	e->shown = hop != NULL;
	if (hop != NULL)
		e->as = *hop;
	return e->shown;
}

/* @return true when a route went or leads elsewhere */
static bool
show_all(struct rib *rib, bool refused_too)
{
	bool left = false;

	for (unsigned int i = 0; i < rib->n_buckets; i++) {
		struct entry **at = &rib->bucket[i];

		while (*at != NULL) {
			struct entry *e = *at;

			if (show(rib, e, refused_too, &left)) {
				at = &e->next;
				continue;
			}
			*at = e->next;
			free(e);
			rib->n--;
		}
	}
	return left;
}

unsigned int
rib_end(struct rib *rib)
{
	/* there may be room now for what had none */
	if (show_all(rib, false) && rib->n_refused > 0)
		show_all(rib, true);
	memcpy(rib->source, rib->coming, sizeof(rib->source));
	return rib->n;
}

unsigned int
rib_refused(const struct rib *rib)
{
	return rib->n_refused;
}

bool
rib_source(const struct rib *rib, uint8_t family, uint8_t addr[16])
{
	const struct source *s = &rib->source[family != AF_INET];

	memcpy(addr, s->addr, sizeof(s->addr));
	return s->known;
}
