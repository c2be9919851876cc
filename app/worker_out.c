/* SPDX-License-Identifier: BSD-3-Clause */

#include <string.h>

#include <rte_cycles.h>
#include <rte_prefetch.h>

#include "lib/crypto_mb.h"
#include "lib/nexthop.h"
#include "worker_priv.h"

#define AHEAD       16  /* packets: whose tunnel and bytes are prefetched */
#define FRAGS_OUTER 8   /* of one outer packet: a packet of 1280 bytes needs two */
#define HELD_LOOKS  8   /* tunnels with held packets that one poll looks at: a packet must not */
#define HELD_IDLE   512 /* cost more because thousands wait for their SAs; and in an idle poll */

/* From inside in one poll, more or less, which is what the port gives: its queue must not run over
 * because many tunnels have something to send, or one has a super-packet of small segments. */
#define OUT_PACKETS GW_BURST_MAX
#define OUT_READS   16 /* of one polled tunnel */

/*
 * Link header, MTU of the port: the last checks. Takes m. Without flags: the port would write
 * checksums into ESP; and nobody reads tx_offload then, which lies on a cache line of its own.
 */
static __rte_noinline void
send_outer(struct gw_worker *w, struct rte_mbuf *m, const struct gw_l2hdr *l2, uint32_t mtu)
{
	enum gw_drop reason = GW_DROP_OUT_MTU;
	char *p = NULL;

	if (m->pkt_len <= mtu) {
		reason = GW_DROP_OUT_NO_NEXTHOP;
		p = l2 != NULL ? rte_pktmbuf_prepend(m, l2->len) : NULL;
	}
	if (p == NULL) {
		gw_pkt_refuse(m, reason);
		worker_drop(w, &m, 1);
		return;
	}
	memcpy(p, l2->hdr, l2->len);
	gw_pkt_clear_flags(m);
	worker_tx(w, m);
}

/* The short way for what nearly every packet is: a complete frame. @return false: it is something
 * else */
static inline bool
frame_plain(struct rte_mbuf *m, const struct gw_l2hdr *eth, uint32_t mtu)
{
	if (eth == NULL || m->pkt_len > mtu || m->data_off < GW_ETH_LEN || gw_pkt(m)->outer_frag)
		return false;
	m->data_off -= GW_ETH_LEN;
	m->data_len += GW_ETH_LEN;
	m->pkt_len += GW_ETH_LEN;
	memcpy(rte_pktmbuf_mtod(m, char *), eth->hdr, GW_ETH_LEN);
	gw_pkt_clear_flags(m);
	return true;
}

static void
send_fragments(struct gw_worker *w, struct rte_mbuf *m, const struct gw_l2hdr *l2)
{
	struct rte_mbuf *frag[FRAGS_OUTER];
	uint16_t n = gw_ip6_fragment_outer(&w->frag6, m, GW_IP6_MIN_MTU, frag, FRAGS_OUTER);

	if (n == 0) {
		gw_pkt_refuse(m, GW_DROP_NO_MBUF);
		worker_drop(w, &m, 1);
	}
	for (uint16_t i = 0; i < n; i++)
		send_outer(w, frag[i], l2, w->plane->port->mtu);
}

/* @return the link header of an SA's next hop, NULL when it is not known */
static const struct gw_l2hdr *
link_header(const struct gw_sa_out *sa)
{
	struct gw_nexthop *nh = gw_sa_out_nexthop(sa);
	const struct gw_l2hdr *l2 = atomic_load_explicit(&nh->l2, memory_order_acquire);

	/* looked at first: the line is shared with control */
	if (l2 != NULL && atomic_load_explicit(&nh->used, memory_order_relaxed) == 0)
		atomic_store_explicit(&nh->used, 1, memory_order_relaxed);
	return l2;
}

/* What gw_esp_out_end() says to be good, and nothing else, gets a link header. */
static void
send_esp(struct gw_worker *w, struct rte_mbuf **pkts, uint16_t n)
{
	const struct gw_sa_out *sa = NULL;
	const struct gw_l2hdr *l2 = NULL, *eth = NULL; /* eth: of Ethernet without a tag, or NULL */
	uint32_t mtu = w->plane->port->mtu;
	uint16_t done = 0;

	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];

		if (gw_pkt(m)->sa_out != sa) {
			sa = gw_pkt(m)->sa_out;
			l2 = link_header(sa);
			eth = l2 != NULL && l2->len == GW_ETH_LEN ? l2 : NULL;
		}
		if (likely(frame_plain(m, eth, mtu)))
			continue;
		worker_tx_burst(w, pkts + done, i - done);
		done = i + 1;
		if (gw_pkt(m)->outer_frag)
			send_fragments(w, m, l2);
		else
			send_outer(w, m, l2, mtu);
	}
	worker_tx_burst(w, pkts + done, n - done);
}

/* Of n packets those that are good to the port. */
static void
send_good(struct gw_worker *w, struct rte_mbuf **pkts, uint16_t good, uint16_t n)
{
	send_esp(w, pkts, good);
	worker_drop(w, pkts + good, n - good);
}

/* GRE to the port. */
static void
esp_now(struct gw_worker *w, struct rte_mbuf **gre, uint16_t n)
{
	send_good(w, gre, gw_esp_out(w->crypto, gre, n, w->now_tsc), n);
}

/* The same with others' help. */
static void
esp_offer(struct gw_worker *w, struct rte_mbuf **gre, uint16_t n)
{
	struct gw_offer *o = &w->offers[GW_OFFER_OUT];
	struct gw_esp_batch *b = worker_offer_next(w, o);
	uint16_t k = gw_esp_out_begin(b, gre, n, w->now_tsc);

	worker_drop(w, gre + k, n - k);
	if (k > 0)
		worker_offer(w, o);
}

void
worker_out_end(struct gw_worker *w, struct gw_esp_batch *b)
{
	struct rte_mbuf *pkts[GW_BURST_MAX];

	send_good(w, pkts, gw_esp_out_end(b, pkts), b->n);
}

/* Packets with their SAs: through GRE and ESP to the port. */
static void
out_burst(struct gw_worker *w, struct rte_mbuf **pkts, uint16_t n)
{
	struct gw_out *o = &w->out;

	gw_out_prepare(o, pkts, n, w->now_tsc);
	worker_drop(w, o->refused, o->n_refused);
	worker_hand_off(w, o->reply, o->n_reply);
	for (uint16_t from = 0; from < o->n_ready;) {
		uint16_t left = o->n_ready - from;
		uint16_t chunk = left < GW_BURST_MAX ? left : GW_BURST_MAX;

		if (unlikely(w->offering) &&
			worker_offer_is_worth(w, GW_OFFER_OUT, o->ready + from, chunk))
			esp_offer(w, o->ready + from, chunk);
		else
			esp_now(w, o->ready + from, chunk);
		from += chunk;
	}
}

static void
drop_held(struct gw_worker *w, struct gw_tunnel *t, enum gw_drop reason)
{
	for (uint16_t i = 0; i < t->n_held; i++)
		gw_pkt_refuse(t->held[i], reason);
	worker_drop(w, t->held, t->n_held);
	t->n_held = 0;
}

/* Ask control for an SA; it counts on being asked again by the next packet if the first try fails.
 */
static void
acquire(struct gw_worker *w, struct gw_tunnel *t)
{
	if (atomic_load_explicit(&t->acquire, memory_order_relaxed))
		return;
	atomic_store_explicit(&t->acquire, true, memory_order_relaxed);
	atomic_fetch_add_explicit(&w->plane->acquires, 1, memory_order_release);
}

/* No SA: the first packets wait for one, without a GRE sequence number yet; later ones are lost. */
static void
hold(struct gw_worker *w, struct gw_tunnel *t, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t room, taken;

	if (t->n_held == 0) {
		/* what control said of earlier packets is not about these */
		t->hold_flush_seen = atomic_load_explicit(&t->hold_flush, memory_order_relaxed);
		t->hold_since_tsc = w->now_tsc;
		if (t->hold_max > 0)
			w->holding[w->n_holding++] = t;
	}
	room = t->hold_max - t->n_held;
	taken = n < room ? n : room;
	memcpy(t->held + t->n_held, pkts, taken * sizeof(pkts[0]));
	t->n_held += taken;
	acquire(w, t);
	for (uint16_t i = taken; i < n; i++)
		gw_pkt_refuse(pkts[i], GW_DROP_OUT_NO_SA);
	worker_drop(w, pkts + taken, n - taken);
}

/* @return true when nothing is held any more */
static bool
settle_held(struct gw_worker *w, struct gw_tunnel *t)
{
	struct gw_sa_out *sa = atomic_load_explicit(&t->sa_out, memory_order_acquire);

	if (sa != NULL) {
		uint16_t n = t->n_held;

		for (uint16_t i = 0; i < n; i++)
			gw_pkt(t->held[i])->sa_out = sa;
		t->n_held = 0;
		out_burst(w, t->held, n);
		return true;
	}
	if (atomic_load_explicit(&t->hold_flush, memory_order_relaxed) != t->hold_flush_seen) {
		drop_held(w, t, GW_DROP_OUT_NO_SA);
		return true;
	}
	if (w->now_tsc - t->hold_since_tsc > GW_HOLD_TIMEOUT_MS * w->tsc_per_ms) {
		drop_held(w, t, GW_DROP_OUT_HOLD_TIMEOUT);
		return true;
	}
	return false;
}

uint32_t
worker_out_held(struct gw_worker *w)
{
	uint32_t looks = w->empty > 0 ? HELD_IDLE : HELD_LOOKS, settled = 0;

	for (looks = RTE_MIN(looks, w->n_holding); looks > 0; looks--) {
		if (w->hold_next >= w->n_holding)
			w->hold_next = 0;
		if (settle_held(w, w->holding[w->hold_next])) {
			w->holding[w->hold_next] = w->holding[--w->n_holding];
			settled++;
		} else {
			w->hold_next++;
		}
	}
	return settled;
}

void
worker_out_forget(struct gw_worker *w, struct gw_tunnel *t)
{
	for (uint32_t i = w->n_holding; i-- > 0;) {
		if (w->holding[i] == t)
			w->holding[i] = w->holding[--w->n_holding];
	}
}

/* t has an SA and more to send: what it holds is older and does not wait for its turn. */
static void
held_of(struct gw_worker *w, struct gw_tunnel *t)
{
	if (settle_held(w, t))
		worker_out_forget(w, t);
}

void
worker_out_fini(struct gw_worker *w)
{
	for (uint32_t i = 0; i < w->n_holding; i++)
		drop_held(w, w->holding[i], GW_DROP_OUT_NO_SA);
	w->n_holding = 0;
}

/* A packet's bytes and its tunnel, if that is another one than before. */
static inline const struct gw_tunnel *
prefetch(struct rte_mbuf *m, const struct gw_tunnel *before)
{
	const struct gw_tunnel *t = gw_pkt(m)->tunnel;

	rte_prefetch0(rte_pktmbuf_mtod(m, void *));
	if (t != before)
		rte_prefetch0(t);
	return t;
}

/*
 * Packets that are next to go, n of them, and as many as there are behind these.
 * @param ahead  [in,out] the tunnel of the last one that was asked for
 * @return how many of n, in front, have an SA now; the others are held
 */
static uint16_t
find_sas(struct gw_worker *w, struct rte_mbuf **pkts, uint16_t n, uint16_t behind,
	const struct gw_tunnel **ahead)
{
	struct gw_tunnel *t = NULL;
	struct gw_sa_out *sa = NULL;
	uint16_t ready = 0;

	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];

		if (i + AHEAD < n + behind)
			*ahead = prefetch(pkts[i + AHEAD], *ahead);
		if (gw_pkt(m)->tunnel != t) {
			t = gw_pkt(m)->tunnel;
			sa = atomic_load_explicit(&t->sa_out, memory_order_acquire);
			if (unlikely(sa != NULL && t->n_held > 0))
				held_of(w, t);
		}
		if (unlikely(sa == NULL)) {
			hold(w, t, &m, 1);
			continue;
		}
		gw_pkt(m)->sa_out = sa;
		pkts[ready++] = m;
	}
	return ready;
}

void
worker_out_go(struct gw_worker *w)
{
	struct rte_mbuf *pkts[GW_BURST_MAX];
	uint16_t n = w->from_inside.n, ready, k;
	uint16_t step = w->offering ? GW_BURST_MAX : gw_crypto_step(w->crypto);
	const struct gw_tunnel *ahead = NULL;

	memcpy(pkts, w->from_inside.pkts, n * sizeof(pkts[0]));
	w->from_inside.n = 0;
	for (uint16_t i = 0; i < AHEAD && i < n; i++)
		ahead = prefetch(pkts[i], ahead);
	for (uint16_t from = 0; from < n; from += k) {
		k = RTE_MIN(step, n - from);
		ready = find_sas(w, pkts + from, k, n - from - k, &ahead);
		if (ready > 0)
			out_burst(w, pkts + from, ready);
	}
}

struct rte_mbuf **
worker_out_room(struct gw_worker *w, uint16_t *room)
{
	if (w->from_inside.n > GW_BURST_MAX - WORKER_ROOM_MIN)
		worker_out_go(w);
	*room = GW_BURST_MAX - w->from_inside.n;
	return w->from_inside.pkts + w->from_inside.n;
}

/* n good packets were read to where the next ones go, with the refused ones behind them. */
static void
took(struct gw_worker *w, struct rte_mbuf **pkts, uint16_t n, uint16_t refused)
{
	if (refused > 0)
		worker_drop(w, pkts + n, refused);
	if (w->pass != NULL)
		n = worker_pass_inner(w, pkts, n);
	worker_gathered(w, &w->from_inside, n);
}

/*
 * Since a move another one owns t, and its flows still come to our queue. If the owner wrote to its
 * own at once, the kernel would put them there, and what follows would overtake what waits here.
 * @param read  packets came of the queue, which is empty now
 */
static void
note_dry(struct gw_worker *w, struct gw_tunnel *t, bool read)
{
	if (atomic_load_explicit(&t->answers, memory_order_relaxed) != w->id ||
		atomic_load_explicit(&t->demux->owner, memory_order_relaxed) == w->id)
		return;
	if (w->dry != t || read)
		w->dry_marked = false;
	w->dry = t;
}

static uint16_t
out_tun(struct gw_worker *w, struct gw_tunnel *t)
{
	uint16_t room, n, refused;
	struct rte_mbuf **pkts = worker_out_room(w, &room);

	n = gw_tun_read(w->tun_rx, t, pkts, room, &refused);
	took(w, pkts, n, refused);
	w->more_inside |= n + refused == room;
	if (t->queues == NULL)
		return n + refused;
	if (n + refused < room && gw_tun_rx_pending(w->tun_rx) == NULL)
		note_dry(w, t, n + refused > 0);
	else if (w->dry == t)
		w->dry = NULL;
	return n + refused;
}

/*
 * When all that was read has been pulled by the owner, and nothing has come here since, the owner
 * writes to its own queue from now on. What the kernel puts here until then is still overtaken.
 */
static uint16_t
answer_there(struct gw_worker *w)
{
	struct gw_tunnel *t = w->dry;
	uint32_t owner = atomic_load_explicit(&t->demux->owner, memory_order_relaxed);
	uint16_t n;

	if (owner == w->id) {
		w->dry = NULL;
		return 0;
	}
	if (!w->dry_marked || w->dry_to != owner) {
		w->dry_mark = gw_pass_mark(w->pass, GW_PASS_INNER, w->id, owner);
		w->dry_to = owner;
		w->dry_marked = true;
	}
	if (gw_tun_rx_pending(w->tun_rx) != NULL ||
		!gw_pass_is_through(w->pass, GW_PASS_INNER, w->id, owner, w->dry_mark))
		return 0;
	n = out_tun(w, t);
	if (n == 0) {
		atomic_store_explicit(&t->answers, owner, memory_order_release);
		w->dry = NULL;
	}
	return n;
}

/*
 * What is pending of a super-packet: nothing else can be read until it is gone.
 * @return false when some is left for the next poll
 */
static bool
out_pending(struct gw_worker *w, uint32_t *packets)
{
	struct gw_tunnel *t;
	uint16_t n;

	while ((t = gw_tun_rx_pending(w->tun_rx)) != NULL) {
		if (*packets >= OUT_PACKETS)
			return false;
		n = out_tun(w, t);
		if (n == 0) /* no mbufs */
			return false;
		*packets += n;
	}
	return true;
}

static uint16_t
read_polled(struct gw_worker *w, struct gw_tunnel *t)
{
	uint16_t room, n, refused;
	struct rte_mbuf **pkts = worker_out_room(w, &room);

	n = t->handoff->read(t, pkts, room, &refused);
	took(w, pkts, n, refused);
	return n;
}

/* A read, or some if that is what it is like. @param left  packets, more or less */
static uint16_t
out_polled(struct gw_worker *w, struct gw_tunnel *t, uint32_t left)
{
	uint16_t n = read_polled(w, t), first = n;

	if (n == 0 || !worker_asks_again(w, t->polled_hope))
		return n;
	/* by reads, for what is refused was work, too */
	for (unsigned int reads = 1; reads < OUT_READS && n < left; reads++) {
		uint16_t k = read_polled(w, t);

		if (k == 0)
			break;
		n += k;
	}
	t->polled_hope = worker_asked_again(t->polled_hope, first, n);
	return n;
}

uint32_t
worker_out_polled(struct gw_worker *w)
{
	uint32_t packets = 0;

	for (uint32_t i = 0; i < w->n_polled && packets < OUT_PACKETS; i++) {
		if (w->polled_next >= w->n_polled)
			w->polled_next = 0;
		packets += out_polled(w, w->polled[w->polled_next++], OUT_PACKETS - packets);
	}
	return packets;
}

uint32_t
worker_out(struct gw_worker *w, unsigned int timeout_us)
{
	uint32_t packets = 0;
	void *cookie;

	w->more_inside = false;
	if (unlikely(w->dry != NULL))
		packets += answer_there(w);
	if (!out_pending(w, &packets))
		return packets;
	gw_tunset_wait(w->tunset, packets > 0 ? 0 : timeout_us);
	if (timeout_us > 0) /* asleep it has not been busy */
		w->now_tsc = rte_rdtsc();
	while (packets < OUT_PACKETS && (cookie = gw_tunset_next(w->tunset)) != NULL) {
		if (cookie == w->fwd) { /* the twin's cookie; no tunnel has NULL */
			packets += worker_fwd_twin(w);
			continue;
		}
		packets += out_tun(w, cookie);
		if (!out_pending(w, &packets))
			break;
	}
	w->more_inside |= packets >= OUT_PACKETS;
	return packets;
}
