/* SPDX-License-Identifier: BSD-3-Clause */
#include "pmtu.h"

#include <stdlib.h>

struct entry {
	struct in6_addr dst;
	uint16_t mtu;
	uint64_t expires;
};

struct pmtu {
	uint16_t link_mtu;
	pmtu_lookup lookup;
	void *arg;
	unsigned int n;
	struct entry entry[PMTU_MAX];
};

const char *
pmtu_result_str(enum pmtu_result r)
{
	static const char *const str[] = {
		[PMTU_CHANGED] = "changed",
		[PMTU_REFRESHED] = "refreshed",
		[PMTU_TOO_SMALL] = "below 1280",
		[PMTU_TOO_LARGE] = "not smaller than what is known",
		[PMTU_NOT_OURS] = "quotes no SA of ours",
		[PMTU_STALE] = "quotes no recent packet",
	};

	return str[r];
}

struct pmtu *
pmtu_create(uint16_t link_mtu, pmtu_lookup lookup, void *arg)
{
	struct pmtu *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->link_mtu = link_mtu;
	p->lookup = lookup;
	p->arg = arg;
	return p;
}

void
pmtu_destroy(struct pmtu *p)
{
	free(p);
}

static int
find(const struct pmtu *p, const struct in6_addr *dst)
{
	unsigned int i;

	for (i = 0; i < p->n; i++) {
		if (IN6_ARE_ADDR_EQUAL(&p->entry[i].dst, dst))
			return (int)i;
	}
	return -1;
}

uint16_t
pmtu_get(const struct pmtu *p, const struct in6_addr *dst)
{
	int i = find(p, dst);

	if (i < 0 || p->entry[i].mtu > p->link_mtu)
		return p->link_mtu;
	return p->entry[i].mtu;
}

/* The one that would be forgotten first. */
static unsigned int
oldest(const struct pmtu *p)
{
	unsigned int i, old = 0;

	for (i = 1; i < p->n; i++) {
		if (p->entry[i].expires < p->entry[old].expires)
			old = i;
	}
	return old;
}

static void
learn(struct pmtu *p, uint64_t now_ms, const struct in6_addr *dst, uint16_t mtu)
{
	int known = find(p, dst);
	unsigned int i;

	if (known >= 0)
		i = (unsigned int)known;
	else
		i = p->n < PMTU_MAX ? p->n++ : oldest(p);
	p->entry[i] = (struct entry){*dst, mtu, now_ms + PMTU_AGE_MS};
}

/* The number on the wire is the low half; the window is too short for its wrap to matter. */
static bool
recently_sent(uint64_t highest, uint32_t seq)
{
	uint32_t behind = (uint32_t)highest - seq;

	return behind < PMTU_SEQ_RECENT && behind < highest;
}

enum pmtu_result
pmtu_input(struct pmtu *p, uint64_t now_ms, const struct gw_nd *m, struct in6_addr *dst)
{
	struct gw_quoted q;
	uint64_t highest;
	uint16_t now;

	if (!gw_nd_quoted(m->quoted, m->quoted_len, &q) || !q.esp ||
		!p->lookup(p->arg, &q, &highest))
		return PMTU_NOT_OURS;
	if (!recently_sent(highest, q.seq))
		return PMTU_STALE;
	if (m->mtu < PMTU_MIN)
		return PMTU_TOO_SMALL;
	now = pmtu_get(p, &q.dst);
	if (m->mtu > now || m->mtu == p->link_mtu)
		return PMTU_TOO_LARGE;
	*dst = q.dst;
	learn(p, now_ms, &q.dst, (uint16_t)m->mtu);
	return m->mtu == now ? PMTU_REFRESHED : PMTU_CHANGED;
}

void
pmtu_set_link(struct pmtu *p, uint16_t link_mtu)
{
	p->link_mtu = link_mtu;
}

uint64_t
pmtu_tick(struct pmtu *p, uint64_t now_ms, void (*raised)(void *arg, const struct in6_addr *dst),
	void *arg)
{
	uint64_t next = UINT64_MAX;
	unsigned int i = 0;

	while (i < p->n) {
		struct entry e = p->entry[i];

		if (e.expires <= now_ms) {
			p->entry[i] = p->entry[--p->n];
			raised(arg, &e.dst);
			continue;
		}
		if (e.expires < next)
			next = e.expires;
		i++;
	}
	return next;
}

void
pmtu_walk(const struct pmtu *p,
	void (*cb)(void *arg, const struct in6_addr *dst, uint16_t mtu, uint64_t expires_ms),
	void *arg)
{
	unsigned int i;

	for (i = 0; i < p->n; i++) {
		if (p->entry[i].mtu < p->link_mtu)
			cb(arg, &p->entry[i].dst, p->entry[i].mtu, p->entry[i].expires);
	}
}
