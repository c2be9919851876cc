/* SPDX-License-Identifier: BSD-3-Clause */
/* Our addresses and groups: duplicate detection (RFC 4862 5.4), defence, MLDv2 (RFC 3810). */
#include <stdlib.h>
#include <string.h>

#include "ctl_nd_int.h"

#define DAD_WAIT_MS   1000 /* RFC 4861 10: RETRANS_TIMER, for one probe */
#define ANNOUNCEMENTS 2    /* RFC 4861 7.2.6 allows three */
#define DEFEND_MS     10000
#define MLD_REPORTS   2 /* RFC 3810 9.1: robustness variable */
#define MLD_REPEAT_MS 1000

static const struct in6_addr all_nodes = {{{0xff, 2, [15] = 1}}};

static void
add_own(struct nd *nd, uint64_t now_ms, const struct in6_addr *addr, uint8_t bits)
{
	struct nd_own *o = &nd->own[nd->n_own++];

	o->addr = *addr;
	o->bits = bits;
	o->state = ND_ADDR_TENTATIVE;
	o->due = now_ms + (nd->cfg.no_dad ? 0 : nd_rand(nd, ND_START_MS));
}

void
nd_own_init(struct nd *nd, uint64_t now_ms)
{
	struct in6_addr addr;
	unsigned int i;

	nd->link_local = -1;
	for (i = 0; i < nd->cfg.n_addrs; i++) {
		memcpy(&addr, nd->cfg.addrs[i].addr, sizeof(addr));
		if (nd_own_find(nd, &addr))
			continue;
		if (IN6_IS_ADDR_LINKLOCAL(&addr) && nd->link_local < 0)
			nd->link_local = (int)nd->n_own;
		add_own(nd, now_ms, &addr, nd->cfg.addrs[i].bits);
	}
	if (nd->link_local < 0) {
		nd->link_local = (int)nd->n_own;
		gw_nd_link_local(nd->cfg.mac, &addr);
		add_own(nd, now_ms, &addr, 64);
	}
	nd->mld_left = MLD_REPORTS;
	nd->mld_join = true;
	nd->mld_due = now_ms;
}

struct nd_own *
nd_own_find(struct nd *nd, const struct in6_addr *addr)
{
	unsigned int i;

	for (i = 0; i < nd->n_own; i++) {
		if (IN6_ARE_ADDR_EQUAL(&nd->own[i].addr, addr))
			return &nd->own[i];
	}
	return NULL;
}

static unsigned int
common_bits(const struct in6_addr *a, const struct in6_addr *b)
{
	unsigned int i;

	for (i = 0; i < 128; i++) {
		if ((a->s6_addr[i / 8] ^ b->s6_addr[i / 8]) & (0x80 >> (i % 8)))
			break;
	}
	return i;
}

/* RFC 6724 5, rules 2 and 8: the scope first, then the longest common prefix. */
const struct in6_addr *
nd_own_source(const struct nd *nd, const struct in6_addr *dst)
{
	const struct in6_addr *best = NULL;
	unsigned int i, best_score = 0;

	for (i = 0; i < nd->n_own; i++) {
		const struct nd_own *o = &nd->own[i];
		bool scope = IN6_IS_ADDR_LINKLOCAL(&o->addr) == IN6_IS_ADDR_LINKLOCAL(dst);
		unsigned int score = (scope ? 257u : 1u) + common_bits(&o->addr, dst);

		if (o->state == ND_ADDR_USABLE && score > best_score) {
			best = &o->addr;
			best_score = score;
		}
	}
	return best;
}

bool
nd_addr_state(const struct nd *nd, const struct in6_addr *addr, enum nd_addr_state *state)
{
	unsigned int i;

	for (i = 0; i < nd->n_own; i++) {
		if (IN6_ARE_ADDR_EQUAL(&nd->own[i].addr, addr)) {
			*state = nd->own[i].state;
			return true;
		}
	}
	return false;
}

void
nd_local(const struct nd *nd, struct gw_local *out)
{
	unsigned int i;

	out->n = out->n_tentative = 0;
	for (i = 0; i < nd->n_own; i++) {
		if (nd->own[i].state == ND_ADDR_USABLE)
			out->addr[out->n++] = nd->own[i].addr;
	}
	for (i = 0; i < nd->n_own; i++) {
		if (nd->own[i].state == ND_ADDR_TENTATIVE)
			out->addr[out->n + out->n_tentative++] = nd->own[i].addr;
	}
}

/* ---- groups ---- */

/* The solicited-node groups of our addresses, each once; all-nodes is never reported. */
static unsigned int
our_groups(const struct nd *nd, struct in6_addr *groups)
{
	unsigned int i, j, n = 0;

	for (i = 0; i < nd->n_own; i++) {
		if (nd->own[i].state == ND_ADDR_DUPLICATE)
			continue;
		gw_nd_solicited_node(&nd->own[i].addr, &groups[n]);
		for (j = 0; !IN6_ARE_ADDR_EQUAL(&groups[j], &groups[n]); j++)
			;
		n += j == n;
	}
	return n;
}

unsigned int
nd_mcast_macs(const struct nd *nd, uint8_t (*macs)[6], unsigned int n)
{
	struct in6_addr groups[ND_OWN_MAX + 1];
	unsigned int i, n_groups = our_groups(nd, groups);

	groups[n_groups++] = all_nodes;
	for (i = 0; i < n_groups && i < n; i++)
		gw_nd_multicast_mac(&groups[i], macs[i]);
	return i;
}

/* RFC 3590: from the unspecified address until there is a link-local one */
static void
send_report(struct nd *nd)
{
	const struct nd_own *ll = &nd->own[nd->link_local];
	struct in6_addr groups[ND_OWN_MAX + 1], dst = {{{0xff, 2, [15] = 0x16}}};
	const struct in6_addr *src = ll->state == ND_ADDR_USABLE ? &ll->addr : &in6addr_any;
	unsigned int n = our_groups(nd, groups);

	if (n > 0)
		nd_emit_group(nd, &dst, gw_nd_build_mld(nd->pkt, src, groups, n, nd->mld_join));
}

static void
join(struct nd *nd, uint64_t now_ms)
{
	nd->mld_left = MLD_REPORTS;
	nd->mld_join = true;
	nd->mld_due = now_ms;
}

void
nd_own_query(struct nd *nd, uint64_t now_ms, const struct gw_nd *m)
{
	struct in6_addr groups[ND_OWN_MAX + 1];
	unsigned int i, n = our_groups(nd, groups);
	bool ours = IN6_IS_ADDR_UNSPECIFIED(&m->target);
	uint32_t within = m->max_resp_ms < MLD_REPEAT_MS ? m->max_resp_ms : MLD_REPEAT_MS;

	for (i = 0; i < n && !ours; i++)
		ours = IN6_ARE_ADDR_EQUAL(&groups[i], &m->target);
	if (!ours || nd->mld_left > 0) /* a pending report answers it too */
		return;
	nd->mld_left = 1;
	nd->mld_join = false;
	nd->mld_due = now_ms + nd_rand(nd, within + 1);
	nd->next = 0;
}

static uint64_t
tick_mld(struct nd *nd, uint64_t now_ms)
{
	if (nd->mld_left == 0)
		return ND_NEVER;
	if (now_ms >= nd->mld_due) {
		send_report(nd);
		nd->mld_left--;
		nd->mld_due = now_ms + MLD_REPEAT_MS;
	}
	return nd->mld_left ? nd->mld_due : ND_NEVER;
}

/* ---- addresses ---- */

static void
flush_unready(struct nd *nd, uint64_t now_ms)
{
	struct nd_queue q = nd->unready;
	unsigned int i;

	nd->unready.n = 0;
	for (i = 0; i < q.n; i++) {
		/* back in line if it is another's turn */
		if (nd_send(nd, now_ms, q.q[i].pkt, q.q[i].len) != 0)
			nd->stats.queue_dropped++;
		free(q.q[i].pkt);
	}
}

static void
raise(struct nd *nd, enum nd_event_type type, const struct in6_addr *addr)
{
	struct nd_event ev = {.type = type, .addr = *addr};

	nd->ops.event(nd->ops.arg, &ev);
}

static void
make_usable(struct nd *nd, uint64_t now_ms, struct nd_own *o)
{
	char text[INET6_ADDRSTRLEN];

	o->state = ND_ADDR_USABLE;
	o->announce = ANNOUNCEMENTS;
	o->announce_due = now_ms;
	nd_say(nd, ND_LOG_INFO, "address %s is usable", nd_ntop(&o->addr, text));
	raise(nd, ND_EV_ADDR_USABLE, &o->addr);
	if (o == &nd->own[nd->link_local]) {
		join(nd, now_ms); /* again, from an address that snooping switches accept */
		if (nd->rs_due != ND_NEVER)
			nd->rs_due = now_ms;
	}
	flush_unready(nd, now_ms);
}

static void
make_duplicate(struct nd *nd, uint64_t now_ms, struct nd_own *o, const uint8_t mac[6])
{
	char text[INET6_ADDRSTRLEN];

	o->state = ND_ADDR_DUPLICATE;
	nd_say(nd, ND_LOG_ERROR,
		"address %s belongs to %02x:%02x:%02x:%02x:%02x:%02x already: it is not used",
		nd_ntop(&o->addr, text), mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	raise(nd, ND_EV_ADDR_DUPLICATE, &o->addr);
	flush_unready(nd, now_ms);
	nd->next = 0;
}

static void
send_dad(struct nd *nd, const struct nd_own *o)
{
	struct in6_addr group;

	gw_nd_solicited_node(&o->addr, &group);
	nd_emit_group(nd, &group, gw_nd_build_ns(nd->pkt, &in6addr_any, &group, &o->addr, NULL));
}

/* To all nodes: after a restart or a takeover, their caches hold another MAC (RFC 4861 7.2.6). */
static void
send_announcement(struct nd *nd, const struct nd_own *o)
{
	nd_emit_group(nd, &all_nodes,
		gw_nd_build_na(nd->pkt, &o->addr, &all_nodes, &o->addr, nd->cfg.mac, false, true));
}

static void
complain(struct nd *nd, uint64_t now_ms, struct nd_own *o, const uint8_t mac[6])
{
	char text[INET6_ADDRSTRLEN];

	if (o->defended_ms && now_ms - o->defended_ms < DEFEND_MS)
		return;
	o->defended_ms = now_ms;
	nd_say(nd, ND_LOG_WARN, "%02x:%02x:%02x:%02x:%02x:%02x claims our address %s", mac[0],
		mac[1], mac[2], mac[3], mac[4], mac[5], nd_ntop(&o->addr, text));
	send_announcement(nd, o);
}

void
nd_own_claimed(struct nd *nd, uint64_t now_ms, struct nd_own *o, const uint8_t src_mac[6])
{
	if (o->state == ND_ADDR_TENTATIVE)
		make_duplicate(nd, now_ms, o, src_mac);
	else if (o->state == ND_ADDR_USABLE)
		complain(nd, now_ms, o, src_mac);
}

/* RFC 4861 7.2.3, 7.2.4 and RFC 4862 5.4.3 */
void
nd_own_solicited(struct nd *nd, uint64_t now_ms, struct nd_own *o, const uint8_t src_mac[6],
	const struct gw_nd *m)
{
	struct nd_neigh *n;

	if (IN6_IS_ADDR_UNSPECIFIED(&m->src)) { /* somebody checks whether it is free */
		if (o->state == ND_ADDR_TENTATIVE)
			make_duplicate(nd, now_ms, o, src_mac);
		else if (o->state == ND_ADDR_USABLE)
			send_announcement(nd, o);
		return;
	}
	if (o->state != ND_ADDR_USABLE)
		return;
	n = nd_neigh_find(nd, &m->src);
	if (n && m->has_lladdr)
		nd_neigh_learn(nd, now_ms, n, m->lladdr);
	nd_emit(nd, m->has_lladdr ? m->lladdr : src_mac,
		gw_nd_build_na(nd->pkt, &o->addr, &m->src, &o->addr, nd->cfg.mac, true, true));
}

static uint64_t
tick_one(struct nd *nd, uint64_t now_ms, struct nd_own *o)
{
	if (o->state == ND_ADDR_TENTATIVE && now_ms >= o->due) {
		if (nd->cfg.no_dad || o->probed) {
			make_usable(nd, now_ms, o);
		} else {
			send_dad(nd, o);
			o->probed = true;
			o->due = now_ms + DAD_WAIT_MS;
		}
	}
	if (o->state == ND_ADDR_TENTATIVE)
		return o->due;
	if (o->state != ND_ADDR_USABLE || o->announce == 0)
		return ND_NEVER;
	if (now_ms >= o->announce_due) {
		send_announcement(nd, o);
		o->announce--;
		o->announce_due = now_ms + nd->retrans_ms;
	}
	return o->announce ? o->announce_due : ND_NEVER;
}

uint64_t
nd_own_tick(struct nd *nd, uint64_t now_ms)
{
	uint64_t next = tick_mld(nd, now_ms); /* groups are joined before a probe is sent to one */
	unsigned int i;

	for (i = 0; i < nd->n_own; i++) {
		uint64_t due = tick_one(nd, now_ms, &nd->own[i]);

		if (due < next)
			next = due;
	}
	if (nd->mld_left > 0 && nd->mld_due < next)
		next = nd->mld_due; /* an address became usable */
	return next;
}
