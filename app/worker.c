/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_malloc.h>
#include <rte_random.h>

#include "log.h"
#include "worker_priv.h"

/* Empty polls before the first sleep, and the steps of sleep: short ones first, so that the gap in
 * a steady trickle costs little; 200 us at most, which is what the first packet after a pause
 * waits. */
#define SPIN_POLLS    32
#define SLEEP_STEP_US 10
#define SLEEP_MAX_US  200

/* The longest wait for more packets to encrypt or decrypt together. */
#define GATHER_US 10

#define REASS_PACKETS    256
#define REASS_PER_SOURCE 16
#define REASS_FRAGMENTS  8
#define REASS_TIMEOUT_MS 2000

static void
transmit(struct gw_worker *w)
{
	uint64_t bytes = 0;
	uint16_t n = w->n_tx, sent;

	for (uint16_t i = 0; i < n; i++)
		bytes += w->tx[i]->pkt_len;
	sent = rte_eth_tx_burst(w->plane->port->id, w->queue, w->tx, n);
	if (sent < n) /* the first call has cleaned descriptors that are done */
		sent += rte_eth_tx_burst(w->plane->port->id, w->queue, w->tx + sent, n - sent);
	for (uint16_t i = sent; i < n; i++) {
		bytes -= w->tx[i]->pkt_len;
		gw_pkt_refuse(w->tx[i], GW_DROP_OUT_TX_FULL);
	}
	w->stats.tx_packets += sent;
	w->stats.tx_bytes += bytes;
	worker_drop(w, w->tx + sent, n - sent);
}

void
worker_send(struct gw_worker *w)
{
	if (w->n_tx == 0)
		return;
	if (likely(w->transmits))
		transmit(w);
	else
		worker_pass_frames(w, w->tx, w->n_tx);
	w->n_tx = 0;
}

void
worker_drop(struct gw_worker *w, struct rte_mbuf **pkts, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		const struct gw_pkt *p = gw_pkt(pkts[i]);

		w->stats.drops[p->drop < GW_DROP_N ? p->drop : GW_DROP_NONE]++;
		if (p->tunnel != NULL)
			atomic_fetch_add_explicit(&p->tunnel->drops, 1, memory_order_relaxed);
	}
	if (n > 0)
		rte_pktmbuf_free_bulk(pkts, n);
}

/* The first worker serves control. @return frames that it wanted sent */
static unsigned int
tx_control(struct gw_worker *w)
{
	struct rte_mbuf *m[GW_BURST_MAX];
	unsigned int n;

	if (w->id != 0)
		return 0;
	n = gw_excp_tx_pull(w->plane->excp, m, GW_BURST_MAX);
	for (unsigned int i = 0; i < n; i++) {
		gw_pkt(m[i])->tunnel = NULL;
		worker_tx(w, m[i]);
	}
	return n;
}

/* How long this poll may wait for a descriptor, or -1 to leave them alone: a look is a system call,
 * which shall not be made for every few packets that come another way. */
static int
wait_us(struct gw_worker *w, uint16_t received, uint32_t work)
{
	unsigned int us;

	if (w->more_inside) /* their turn is as good as the port's */
		return 0;
	if (received > GW_BURST_MAX - WORKER_ROOM_MIN || w->plane->busy)
		return w->stats.polls % WORKER_LOOK_POLLS == 0 ? 0 : -1;
	if (work > 0)
		return w->now_tsc < w->next_look_tsc ? -1 : 0;
	if (w->empty < SPIN_POLLS || w->n_tx + w->in.n + w->from_inside.n > 0 ||
		atomic_load_explicit(&w->plane->offering, memory_order_relaxed) != 0 ||
		!gw_move_is_done(&w->plane->move)) /* somebody stands still until all have polled */
		return 0;
	us = (w->empty - SPIN_POLLS + 1) * SLEEP_STEP_US;
	return us < SLEEP_MAX_US ? (int)us : SLEEP_MAX_US;
}

/* Once a poll, so what waits now waits for a poll more. @return true when it shall not */
static bool
is_due(const struct gw_worker *w, struct gather *g)
{
	bool wait = g->more && g->came > 0 && g->n < GW_BURST_MAX &&
		    w->now_tsc - g->since_tsc + w->poll_tsc < w->gather_tsc;

	g->more = g->came > 0;
	g->came = 0;
	return !wait;
}

static void
start_poll(struct gw_worker *w)
{
	uint64_t before = w->now_tsc;

	w->now_tsc = rte_rdtsc();
	w->poll_tsc = w->now_tsc - before;
	w->stats.polls++;
	if (w->empty == 0)
		w->stats.busy_tsc += w->poll_tsc;
}

/* Nothing but what others wait for. */
static void
stand_still(struct gw_worker *w)
{
	tx_control(w);
	worker_pull_frames(w);
	worker_offers_drain(w);
	worker_send(w);
	worker_pass_all(w);
	worker_quiescent(w);
}

/* Port, control and other workers. @return packets that came or went on; received: frames of the
 * port */
static uint32_t
from_outside(struct gw_worker *w, uint16_t *received)
{
	bool stuck = w->stuck[GW_OFFER_IN];
	uint32_t work;

	*received = likely(!stuck) ? worker_in(w) : 0;
	work = *received + tx_control(w);
	if (w->pass != NULL) {
		worker_pass_all(w);
		work += worker_pull(w);
	}
	if (likely(!stuck) && is_due(w, &w->in)) {
		work += w->in.n;
		worker_in_go(w);
	}
	return work;
}

/* Hand-offs and the inside port; waits when there is nothing at all. @return work and packets */
static uint32_t
from_inside(struct gw_worker *w, uint16_t received, uint32_t work)
{
	int us;

	if (unlikely(w->stuck[GW_OFFER_OUT]))
		return work;
	work += worker_out_polled(w);
	if (w->fwd != NULL)
		work += worker_fwd_port(w);
	if (w->n_holding > 0)
		work += worker_out_held(w);
	us = wait_us(w, received, work);
	if (us >= 0) {
		work += worker_out(w, (unsigned int)us);
		w->next_look_tsc = w->now_tsc + w->gather_tsc;
	}
	w->stats.sleeps += us > 0;
	if (is_due(w, &w->from_inside)) {
		work += w->from_inside.n;
		worker_out_go(w);
	}
	return work;
}

/* Before anything that may sleep: what this brings goes on in the same poll. */
static void
every_ms(struct gw_worker *w)
{
	if (w->now_tsc < w->next_ms_tsc)
		return;
	gw_reass_expire(w->reass, w->now_tsc, w->stats.drops);
	if (w->fwd != NULL && likely(!w->stuck[GW_OFFER_OUT]))
		worker_fwd_settle(w);
	w->next_ms_tsc = w->now_tsc + w->tsc_per_ms;
}

void
gw_worker_poll(struct gw_worker *w)
{
	uint16_t received;
	uint32_t work;

	start_poll(w);
	if (w->pass != NULL && !worker_move(w)) {
		stand_still(w);
		return;
	}
	if (unlikely(w->offering))
		worker_offers_look(w);
	every_ms(w);
	work = from_outside(w, &received);
	work = from_inside(w, received, work);
	if (w->offers != NULL)
		work += worker_offers(w, work == 0);
	worker_send(w);
	if (w->pass != NULL)
		worker_pass_all(w);
	worker_quiescent(w);
	w->empty = work > 0 ? 0 : w->empty + (w->empty < UINT16_MAX);
}

static int
run(void *arg)
{
	struct gw_worker *w = arg;
	uint32_t until;

	/* epoll's sleeps of 10 us would last 60 with the default slack */
	prctl(PR_SET_TIMERSLACK, 1UL);
	w->now_tsc = rte_rdtsc(); /* what was before is no time of ours */
	gw_rcu_online(w->plane->rcu, w->id);
	while ((until = atomic_load_explicit(&w->until, memory_order_relaxed)) == UNTIL_TOLD)
		gw_worker_poll(w);
	worker_offers_drain(w);
	worker_send(w);
	/* who counts as quiescent passes nothing on as of before */
	if (w->pass != NULL)
		worker_pass_all(w);
	/* control's last words: DELETEs */
	while (until == UNTIL_END && tx_control(w) > 0)
		worker_send(w);
	gw_rcu_offline(w->plane->rcu, w->id);
	return 0;
}

/* Those that it owns, and its own queue of those that have several. */
static int
watch_all(struct gw_worker *w)
{
	for (uint32_t i = 0; i < w->plane->n_tunnels; i++) {
		struct gw_tunnel *t = w->plane->tunnels[i];
		int rc = 0;

		if (w->pass == NULL || t->queues != NULL ||
			atomic_load_explicit(&t->demux->owner, memory_order_relaxed) == w->id)
			rc = worker_watch(w, t);
		if (rc < 0) {
			gw_log(GW_LOG_ERROR, "worker", "%s: %s", t->name, strerror(-rc));
			return rc;
		}
	}
	return 0;
}

static int
init(struct gw_worker *w)
{
	struct gw_reass_limits lim = {
		.packets = REASS_PACKETS,
		.per_source = REASS_PER_SOURCE,
		.fragments = REASS_FRAGMENTS,
		.timeout_ms = REASS_TIMEOUT_MS,
		.max_len = gw_reass_max_len(w->plane->pool),
	};
	const char *failed = NULL;
	struct gw_plane *p = w->plane;
	int rc;

	w->crypto = gw_crypto_create(p->socket, &failed);
	if (w->crypto == NULL) {
		gw_log(GW_LOG_ERROR, "worker", "crypto: %s%s",
			failed != NULL ? "known-answer test failed: " : "out of memory",
			failed != NULL ? failed : "");
		return -EIO;
	}
	w->reass = gw_reass_create(&lim, p->pool, p->socket);
	w->tunset = gw_tunset_create(p->n_tunnels + 2); /* and the inside port's twin */
	w->tun_rx = gw_tun_rx_create(p->pool, w->queue, p->socket);
	w->holding = calloc(p->n_tunnels + 1, sizeof(struct gw_tunnel *));
	w->polled = calloc(p->n_tunnels + 1, sizeof(struct gw_tunnel *));
	if (w->reass == NULL || w->tunset == NULL || w->tun_rx == NULL || w->holding == NULL ||
		w->polled == NULL) {
		gw_log(GW_LOG_ERROR, "worker", "out of memory");
		return -ENOMEM;
	}
	if (w->pass != NULL) {
		w->boxes = calloc((size_t)p->n_workers * GW_PASS_FRAME, sizeof(*w->boxes));
		if (w->boxes == NULL) {
			gw_log(GW_LOG_ERROR, "worker", "out of memory");
			return -ENOMEM;
		}
	}
	rc = watch_all(w);
	return rc == 0 ? worker_fwd_init(w) : rc;
}

struct gw_worker *
gw_worker_create(struct gw_plane *plane, unsigned int id)
{
	struct gw_worker *w = rte_zmalloc_socket("worker", sizeof(*w), 64, plane->socket);

	if (w == NULL) {
		gw_log(GW_LOG_ERROR, "worker", "out of memory");
		return NULL;
	}
	w->plane = plane;
	w->id = id;
	w->queue = (uint16_t)id;
	w->receives = id < plane->port->n_rx_queues;
	w->transmits = id < plane->port->n_tx_queues;
	w->sender = id % plane->port->n_tx_queues;
	w->pass = plane->pass;
	w->offers = plane->offers != NULL ? worker_offers_of(w, id) : NULL;
	w->tsc_per_ms = rte_get_tsc_hz() / 1000;
	w->gather_tsc = rte_get_tsc_hz() / 1000000 * GATHER_US;
	w->out.pool = plane->pool;
	w->early.timeout_tsc = GW_EARLY_TIMEOUT_MS * w->tsc_per_ms;
	w->frag6 = (struct gw_frag6){.pool = plane->pool};
	if (getrandom(&w->frag6.next_id, sizeof(w->frag6.next_id), 0) < 0)
		w->frag6.next_id = (uint32_t)rte_rand();
	if (init(w) < 0) {
		gw_worker_destroy(w);
		return NULL;
	}
	return w;
}

void
gw_worker_destroy(struct gw_worker *w)
{
	if (w == NULL)
		return;
	rte_pktmbuf_free_bulk(w->in.pkts, w->in.n);
	rte_pktmbuf_free_bulk(w->from_inside.pkts, w->from_inside.n);
	rte_pktmbuf_free_bulk(w->tx, w->n_tx);
	for (unsigned int i = 0; w->boxes != NULL && i < w->plane->n_workers * GW_PASS_FRAME; i++)
		rte_pktmbuf_free_bulk(w->boxes[i].pkts, w->boxes[i].n);
	worker_out_fini(w);
	worker_fwd_fini(w);
	gw_early_fini(&w->early);
	gw_tunset_destroy(w->tunset);
	gw_tun_rx_destroy(w->tun_rx);
	gw_reass_destroy(w->reass);
	gw_crypto_destroy(w->crypto);
	free(w->holding);
	free(w->polled);
	free(w->boxes);
	rte_free(w);
}

int
gw_worker_start(struct gw_worker *w, unsigned int lcore)
{
	w->lcore = lcore;
	return gw_worker_resume(w);
}

int
gw_worker_resume(struct gw_worker *w)
{
	atomic_store_explicit(&w->until, UNTIL_TOLD, memory_order_relaxed);
	return rte_eal_remote_launch(run, w, w->lcore);
}

static void
run_until(struct gw_worker *w, enum until until)
{
	atomic_store_explicit(&w->until, until, memory_order_relaxed);
	rte_eal_wait_lcore(w->lcore);
}

void
gw_worker_pause(struct gw_worker *w)
{
	run_until(w, UNTIL_PAUSE);
}

void
gw_worker_stop(struct gw_worker *w)
{
	run_until(w, UNTIL_END);
}

/* Counters have one writer each and need no order among them: a torn read cannot happen on a
 * naturally aligned 64-bit word, and the compiler is kept from inventing one. */
void
gw_worker_get_stats(const struct gw_worker *w, struct gw_worker_stats *st)
{
	const uint64_t *from = (const uint64_t *)&w->stats;
	uint64_t *to = (uint64_t *)st;

	for (size_t i = 0; i < sizeof(*st) / sizeof(*to); i++)
		to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}
