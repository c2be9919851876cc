/* SPDX-License-Identifier: BSD-3-Clause */

#include <string.h>

#include <rte_ethdev.h>
#include <rte_prefetch.h>

#include "lib/bytes.h"
#include "lib/crypto_mb.h"
#include "worker_priv.h"

#define PREFETCH  8  /* frames ahead */
#define SAMPLE_MS 50 /* between packets of unknown SPIs that control gets to see */
#define EARLY_MAX                                                                                  \
	96 /* packets a poll that have waited for their SA: more than may come meanwhile */

static const enum gw_drop excp_full[GW_EXCP_N] = {
	[GW_EXCP_ND] = GW_DROP_EXCP_ND_FULL,
	[GW_EXCP_IKE] = GW_DROP_EXCP_IKE_FULL,
	[GW_EXCP_ICMP6] = GW_DROP_EXCP_ICMP_FULL,
	[GW_EXCP_HALF_OPEN] = GW_DROP_EXCP_HALF_OPEN_FULL,
	[GW_EXCP_INIT] = GW_DROP_EXCP_INIT_FULL,
};

static void
drop_one(struct gw_worker *w, struct rte_mbuf *m, enum gw_drop reason)
{
	gw_pkt_refuse(m, reason);
	worker_drop(w, &m, 1);
}

static void
classify(struct gw_worker *w, struct rte_mbuf *m, const struct gw_local *local,
	struct gw_classified *c)
{
	const struct gw_port *port = w->plane->port;
	struct gw_pkt *p = gw_pkt(m);
	bool csum_good = port->rx_csum &&
			 (m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD;

	gw_classify(
		rte_pktmbuf_mtod(m, const uint8_t *), m->data_len, port->vlan, local, csum_good, c);
	*p = (struct gw_pkt){
		.l3_off = c->l3_off,
		.l4_off = c->l4_off,
		.outer_tc = c->tc,
		.udp_encap = c->udp_encap,
	};
	if (c->cls != GW_CLASS_DROP && c->end < m->data_len)
		rte_pktmbuf_trim(m, m->data_len - c->end);
}

/* Sort one frame: ESP is returned for the burst, the rest ends here or goes to control. */
static struct rte_mbuf *
sort_frame(struct gw_worker *w, struct rte_mbuf *m, const struct gw_local *local)
{
	struct gw_classified c;
	enum gw_excp_class cls;
	uint16_t end;
	uint8_t tc;

	if (likely(m->nb_segs == 1 && !(m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) &&
		    w->plane->port->vlan == 0 &&
		    gw_classify_plain_esp(
			    rte_pktmbuf_mtod(m, const uint8_t *), m->data_len, local, &end, &tc))) {
		struct gw_pkt *p = gw_pkt(m);

		p->tunnel = NULL;
		p->l3_off = GW_ETH_LEN;
		p->l4_off = GW_ESP_PLAIN_OFF;
		p->outer_tc = tc;
		p->udp_encap = 0;
		m->data_len = end;
		m->pkt_len = end;
		return m;
	}

	/* all that follows reads the first segment only */
	if (m->nb_segs > 1 && rte_pktmbuf_linearize(m) != 0) {
		*gw_pkt(m) = (struct gw_pkt){0};
		drop_one(w, m, GW_DROP_IP6_TRUNCATED);
		return NULL;
	}
	/* some ports take the tag off unasked: without it a frame of any VLAN would look untagged
	 */
	if ((m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0 && rte_vlan_insert(&m) != 0) {
		*gw_pkt(m) = (struct gw_pkt){0};
		drop_one(w, m, GW_DROP_NO_MBUF);
		return NULL;
	}
	classify(w, m, local, &c);
	if (c.cls == GW_CLASS_FRAGMENT) {
		m = gw_reass_add(w->reass, m, c.l3_off, c.l4_off, w->now_tsc, w->stats.drops);
		if (m == NULL)
			return NULL;
		gw_pkt_clear_flags(m); /* what the port said was of a fragment */
		classify(w, m, local, &c);
	}
	switch (c.cls) {
	case GW_CLASS_ESP:
		return m;
	case GW_CLASS_DROP:
		drop_one(w, m, c.reason);
		return NULL;
	case GW_CLASS_FRAGMENT: /* a fragment of a fragment */
		drop_one(w, m, GW_DROP_FRAG_BAD);
		return NULL;
	case GW_CLASS_ICMP6:
	case GW_CLASS_IKE:
	case GW_CLASS_IKE_INIT:
		break;
	}
	cls = gw_excp_class_of(&c, w->plane->spis, w->plane->half_open);
	if (!gw_excp_push(w->plane->excp, cls, m))
		drop_one(w, m, excp_full[cls]);
	return NULL;
}

static void
deliver(struct gw_worker *w, struct gw_tunnel *t, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t written = t->handoff->write(t, pkts, n);

	if (written < n)
		worker_drop(w, pkts, n - written);
}

void
worker_hand_off(struct gw_worker *w, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t from = 0;

	for (uint16_t i = 1; i <= n; i++) {
		if (i < n && gw_pkt(pkts[i])->tunnel == gw_pkt(pkts[from])->tunnel)
			continue;
		deliver(w, gw_pkt(pkts[from])->tunnel, pkts + from, i - from);
		from = i;
	}
}

void
worker_deliver(struct gw_worker *w, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t from = 0;

	if (w->plane->inside == NULL) {
		worker_hand_off(w, pkts, n);
		return;
	}
	for (uint16_t i = 1; i <= n; i++) {
		bool forwards = gw_pkt(pkts[from])->tunnel->forwards;

		if (i < n && gw_pkt(pkts[i])->tunnel->forwards == forwards)
			continue;
		if (forwards)
			worker_fwd(w, pkts + from, i - from);
		else
			worker_hand_off(w, pkts + from, i - from);
		from = i;
	}
}

/* ESP for an unknown SPI may mean that one end has lost its SAs: control gets a packet now and
 * then.
 * @return how many refused packets are left */
static uint16_t
sample_unknown(struct gw_worker *w, struct rte_mbuf **refused, uint16_t n)
{
	if (w->now_tsc < w->next_sample_tsc)
		return n;
	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = refused[i];

		if (gw_pkt(m)->drop != GW_DROP_NO_SA)
			continue;
		w->next_sample_tsc = w->now_tsc + SAMPLE_MS * w->tsc_per_ms;
		if (!gw_excp_push(w->plane->excp, GW_EXCP_ESP, m))
			break;
		w->stats.drops[GW_DROP_NO_SA]++;
		refused[i] = refused[--n];
		break;
	}
	return n;
}

/* ESP that is refused may only be early. */
static void
refused(struct gw_worker *w, struct rte_mbuf **esp, uint16_t n)
{
	uint16_t left = gw_early_hold(&w->early, w->plane->sadb, esp, n, w->now_tsc);

	worker_drop(w, esp, sample_unknown(w, esp, left));
}

/* GRE to inner packets. @return how many, in front */
static uint16_t
gre_step(struct gw_worker *w, struct rte_mbuf **gre, uint16_t n)
{
	uint16_t good = n > 0 ? gw_gre_in(gre, n) : 0;

	worker_drop(w, gre + good, n - good);
	return good;
}

/* ESP to inner packets. @return how many, in front */
static uint16_t
in_step(struct gw_worker *w, struct rte_mbuf **esp, uint16_t n)
{
	uint16_t good = gw_esp_in(w->crypto, w->plane->sadb, esp, n, w->now_tsc);

	if (good < n)
		refused(w, esp + good, n - good);
	return gre_step(w, esp, good);
}

/* ESP, with others' help. */
static void
in_offer(struct gw_worker *w, struct rte_mbuf **esp, uint16_t n)
{
	struct gw_offer *o = &w->offers[GW_OFFER_IN];
	struct gw_esp_batch *b = worker_offer_next(w, o);
	uint16_t k = gw_esp_in_begin(w->plane->sadb, b, esp, n);

	if (k < n)
		refused(w, esp + k, n - k);
	if (k > 0)
		worker_offer(w, o);
}

void
worker_in_end(struct gw_worker *w, struct gw_esp_batch *b)
{
	struct rte_mbuf *pkts[GW_BURST_MAX];
	uint16_t good = gw_esp_in_end(b, pkts, w->now_tsc);

	worker_drop(w, pkts + good, b->n - good);
	worker_deliver(w, pkts, gre_step(w, pkts, good));
}

/* ESP, all the way to the tunnels. */
static void
in_burst(struct gw_worker *w, struct rte_mbuf **esp, uint16_t n)
{
	uint16_t step = gw_crypto_step(w->crypto), good = 0, k;

	if (unlikely(w->offering) && worker_offer_is_worth(w, GW_OFFER_IN, esp, n)) {
		in_offer(w, esp, n);
		return;
	}
	gw_esp_in_ahead(w->plane->sadb, esp, RTE_MIN(step, n));
	for (uint16_t from = 0; from < n; from += step) {
		step = RTE_MIN(step, n - from);
		gw_esp_in_ahead(w->plane->sadb, esp + from + step, RTE_MIN(step, n - from - step));
		k = in_step(w, esp + from, step);
		memmove(esp + good, esp + from, k * sizeof(esp[0]));
		good += k;
	}
	worker_deliver(w, esp, good);
}

static void
gather(struct gw_worker *w, struct rte_mbuf **esp, uint16_t n)
{
	while (n > 0) {
		uint16_t room, k;
		struct rte_mbuf **to = worker_in_room(w, &room);

		k = RTE_MIN(n, room);
		memcpy(to, esp, k * sizeof(esp[0]));
		worker_gathered(w, &w->in, k);
		esp += k;
		n -= k;
	}
}

struct rte_mbuf **
worker_in_room(struct gw_worker *w, uint16_t *room)
{
	if (w->in.n == GW_BURST_MAX)
		worker_in_go(w);
	*room = GW_BURST_MAX - w->in.n;
	return w->in.pkts + w->in.n;
}

/* Only an owner may look at an SA: what has none yet, or no more, ends here. */
static void
to_owner(struct gw_worker *w, struct rte_mbuf *m)
{
	const struct gw_demux *d = gw_sadb_demux(w->plane->sadb, gw_pkt_spi(m));
	uint32_t owner;

	if (unlikely(d == NULL)) {
		gw_pkt_refuse(m, GW_DROP_NO_SA);
		refused(w, &m, 1);
		return;
	}
	owner = atomic_load_explicit(&d->owner, memory_order_acquire);
	if (owner == w->id)
		gather(w, &m, 1);
	else
		worker_pass(w, GW_PASS_ESP, owner, m);
}

/* What came before its SA, in pieces: a poll does not last longer because much has waited. */
static void
in_early(struct gw_worker *w)
{
	struct rte_mbuf *pkts[GW_BURST_MAX];
	uint16_t left = EARLY_MAX, n;
	bool ready;

	while (left > 0 && (n = gw_early_settle(&w->early, w->plane->sadb, pkts,
				    RTE_MIN(left, GW_BURST_MAX), &ready, w->now_tsc)) > 0) {
		left -= n;
		if (!ready)
			worker_drop(w, pkts, n);
		else if (w->pass == NULL)
			in_burst(w, pkts, n);
		else
			for (uint16_t i = 0; i < n; i++)
				to_owner(w, pkts[i]);
	}
}

/* What came before goes before what came after it. @return packets of n, in front, that may go */
static uint16_t
behind_early(struct gw_worker *w, struct rte_mbuf **esp, uint16_t n)
{
	uint16_t go = gw_early_behind(&w->early, esp, &n, w->now_tsc);

	worker_drop(w, esp + go, n - go);
	return go;
}

void
worker_in_go(struct gw_worker *w)
{
	uint16_t n = w->in.n;

	w->in.n = 0;
	if (unlikely(w->early.n > 0 && w->pass == NULL)) {
		in_early(w);
		n = behind_early(w, w->in.pkts, n);
	}
	if (n > 0)
		in_burst(w, w->in.pkts, n);
}

/* ESP from the port, with other workers. */
static void
sort_esp(struct gw_worker *w, struct rte_mbuf *m)
{
	if (m->data_len - gw_pkt(m)->l4_off < (int)sizeof(uint32_t)) {
		gather(w, &m, 1); /* too short for an SPI: refused for that before all else */
		return;
	}
	if (unlikely(w->early.n > 0) && behind_early(w, &m, 1) == 0)
		return;
	to_owner(w, m);
}

/* Headers and the beginning of the cipher text. */
static void
prefetch_frame(const struct rte_mbuf *m)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);

	rte_prefetch0(p);
	rte_prefetch0(p + 64);
	rte_prefetch0(p + 128);
	rte_prefetch0(p + m->data_len - 1);
}

uint16_t
worker_rx(struct gw_worker *w, uint16_t port, uint16_t queue, struct rte_mbuf **pkts, uint8_t *hope)
{
	uint16_t n = rte_eth_rx_burst(port, queue, pkts, GW_BURST_MAX), first = n, k;

	if (n == 0 || n > GW_BURST_MAX - WORKER_ROOM_MIN || !worker_asks_again(w, *hope))
		return n;
	do {
		k = rte_eth_rx_burst(port, queue, pkts + n, GW_BURST_MAX - n);
		n += k;
	} while (k > 0 && n <= GW_BURST_MAX - WORKER_ROOM_MIN);
	*hope = worker_asked_again(*hope, first, n);
	return n;
}

uint16_t
worker_in(struct gw_worker *w)
{
	struct rte_mbuf *pkts[GW_BURST_MAX];
	const struct gw_local *local;
	uint16_t n = 0, n_esp = 0;
	uint64_t bytes = 0;

	if (likely(w->receives))
		n = worker_rx(w, w->plane->port->id, w->queue, pkts, &w->port_hope);
	if (unlikely(w->early.n > 0 && w->pass != NULL))
		in_early(w);
	if (n == 0)
		return 0;
	local = atomic_load_explicit(&w->plane->local, memory_order_acquire);
	for (uint16_t i = 0; i < n && i < 2 * PREFETCH; i++) {
		rte_prefetch0(pkts[i]);
		rte_prefetch0(gw_pkt(pkts[i]));
	}
	for (uint16_t i = 0; i < n && i < PREFETCH; i++)
		prefetch_frame(pkts[i]);
	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m;

		if (i + 2 * PREFETCH < n) {
			rte_prefetch0(pkts[i + 2 * PREFETCH]);
			rte_prefetch0(gw_pkt(pkts[i + 2 * PREFETCH]));
		}
		if (i + PREFETCH < n)
			prefetch_frame(pkts[i + PREFETCH]);
		bytes += pkts[i]->pkt_len;
		m = sort_frame(w, pkts[i], local);
		if (m != NULL)
			pkts[n_esp++] = m;
	}
	w->stats.rx_packets += n;
	w->stats.rx_bytes += bytes;
	if (w->pass == NULL)
		gather(w, pkts, n_esp);
	else
		for (uint16_t i = 0; i < n_esp; i++)
			sort_esp(w, pkts[i]);
	return n;
}
