/* SPDX-License-Identifier: BSD-3-Clause */
/* To the port: next hops, packets that wait for one, fragments, the link header. */
#include <string.h>

#include <rte_ether.h>

#include "fwd_int.h"
#include "ip4_cut.h"

/* @param m  an IP packet no longer than the port's MTU */
static void
put_frame(struct gw_fwd *f, struct rte_mbuf *m, const struct gw_neigh *hop)
{
	bool v4 = rte_pktmbuf_mtod(m, const uint8_t *)[0] >> 4 == 4;
	struct rte_ether_hdr *eth = NULL;

	if (f->n_port < RTE_DIM(f->to_port))
		eth = (struct rte_ether_hdr *)(void *)rte_pktmbuf_prepend(m, sizeof(*eth));
	if (eth == NULL) {
		gw_fwd_refuse(f, m, GW_DROP_FWD_TX_FULL);
		return;
	}
	memcpy(&eth->dst_addr, hop->mac, sizeof(hop->mac));
	memcpy(&eth->src_addr, f->mac, sizeof(f->mac));
	eth->ether_type = rte_cpu_to_be_16(v4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);
	gw_pkt_clear_flags(m);
	f->to_port[f->n_port++] = m;
}

static void
put_fragments(struct gw_fwd *f, struct rte_mbuf *m, const struct gw_neigh *hop)
{
	uint16_t room = (uint16_t)(RTE_DIM(f->to_port) - f->n_port), n;
	struct rte_mbuf *frags[GW_FWD_MAX];
	enum gw_drop reason;

	n = gw_ip4_cut(f->pool, m, f->mtu, frags, room, &reason);
	if (n == 0) {
		gw_fwd_refuse(f, m, reason);
		return;
	}
	rte_pktmbuf_free(m);
	for (uint16_t i = 0; i < n; i++)
		put_frame(f, frags[i], hop);
}

static void
put(struct gw_fwd *f, struct rte_mbuf *m, struct gw_neigh *hop)
{
	/* looked at first: the line is shared with control */
	if (!atomic_load_explicit(&hop->used, memory_order_relaxed))
		atomic_store_explicit(&hop->used, true, memory_order_relaxed);
	if (likely(m->data_len <= f->mtu))
		put_frame(f, m, hop);
	else
		put_fragments(f, m, hop);
}

/* ---- next hops whose MAC is not known ---- */

static void
refuse_waiting(struct gw_fwd *f, struct gw_fwd_wait *w)
{
	for (uint16_t i = 0; i < w->n; i++)
		gw_fwd_refuse(f, w->pkts[i], GW_DROP_FWD_NEIGH_FULL);
	w->n = 0;
	f->n_waiting--;
}

/* @return an unused place, or that of the next hop which has been waited for longest: who scans the
 * link must not keep others from it, and a host that is there answers long before its turn comes */
static struct gw_fwd_wait *
place_for(struct gw_fwd *f)
{
	struct gw_fwd_wait *oldest = &f->wait[0];

	for (unsigned int i = 0; i < GW_FWD_WAIT_HOSTS; i++) {
		struct gw_fwd_wait *w = &f->wait[i];

		if (w->n == 0)
			return w;
		if (w->since_tsc < oldest->since_tsc)
			oldest = w;
	}
	return oldest;
}

/* @return where packets wait for addr already, or NULL */
static struct gw_fwd_wait *
find_wait(struct gw_fwd *f, const struct in6_addr *addr)
{
	for (unsigned int i = 0, left = f->n_waiting; left > 0; i++) {
		struct gw_fwd_wait *w = &f->wait[i];

		if (w->n == 0)
			continue;
		if (memcmp(&w->addr, addr, sizeof(*addr)) == 0)
			return w;
		left--;
	}
	return NULL;
}

/* @return where packets wait for addr, NULL when control has been asked too much */
static struct gw_fwd_wait *
wait_for(struct gw_fwd *f, const struct in6_addr *addr)
{
	struct gw_fwd_wait *w = find_wait(f, addr);
	struct in6_addr ask = *addr;

	if (w != NULL)
		return w;
	if (rte_ring_enqueue_elem(f->asks, &ask, sizeof(ask)) != 0)
		return NULL;
	w = place_for(f);
	if (w->n > 0)
		refuse_waiting(f, w);
	w->addr = *addr;
	w->since_tsc = f->now_tsc;
	f->n_waiting++;
	return w;
}

/* The kernel is asked for it, through control. The oldest packet gives way: its sender will try
 * again first. */
static void
hold(struct gw_fwd *f, struct rte_mbuf *m, const struct in6_addr *addr)
{
	struct gw_fwd_wait *w = wait_for(f, addr);

	if (w == NULL) {
		gw_fwd_refuse(f, m, GW_DROP_FWD_NEIGH_FULL);
		return;
	}
	if (w->n == GW_FWD_WAIT_PKTS) {
		gw_fwd_refuse(f, w->pkts[0], GW_DROP_FWD_NEIGH_FULL);
		memmove(&w->pkts[0], &w->pkts[1], sizeof(w->pkts) - sizeof(w->pkts[0]));
		w->n--;
	}
	w->pkts[w->n++] = m;
}

static void
release(struct gw_fwd *f, struct gw_fwd_wait *w, struct gw_neigh *hop)
{
	for (uint16_t i = 0; i < w->n; i++)
		put(f, w->pkts[i], hop);
	w->n = 0;
	f->n_waiting--;
}

void
gw_fwd_send(struct gw_fwd *f, struct rte_mbuf *m, const struct in6_addr *addr)
{
	struct gw_neigh *hop = gw_neigh_find(f->neigh, addr);
	struct gw_fwd_wait *w;

	if (unlikely(hop == NULL)) {
		hold(f, m, addr);
		return;
	}
	w = find_wait(f, addr);
	if (unlikely(w != NULL)) /* it goes before what comes now */
		release(f, w, hop);
	put(f, m, hop);
}

/* RFC 1812 5.2.7.1, RFC 4861 7.2.2: the senders are told */
static void
give_up(struct gw_fwd *f, struct gw_fwd_wait *w)
{
	for (uint16_t i = 0; i < w->n; i++)
		gw_fwd_refuse_told(f, w->pkts[i], GW_DROP_FWD_NEIGH_DEAD, GW_ICMP_NO_HOST, 0);
	w->n = 0;
	f->n_waiting--;
}

void
gw_fwd_settle_waiting(struct gw_fwd *f)
{
	for (unsigned int i = 0; f->n_waiting > 0 && i < GW_FWD_WAIT_HOSTS; i++) {
		struct gw_fwd_wait *w = &f->wait[i];
		struct gw_neigh *hop;

		if (w->n == 0)
			continue;
		hop = gw_neigh_find(f->neigh, &w->addr);
		if (hop != NULL)
			release(f, w, hop);
		else if (f->now_tsc - w->since_tsc > GW_FWD_WAIT_MS * f->tsc_per_ms)
			give_up(f, w);
	}
}

void
gw_fwd_fini(struct gw_fwd *f)
{
	for (unsigned int i = 0; i < GW_FWD_WAIT_HOSTS; i++) {
		rte_pktmbuf_free_bulk(f->wait[i].pkts, f->wait[i].n);
		f->wait[i].n = 0;
	}
	f->n_waiting = 0;
}
