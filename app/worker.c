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
/* How often a busy port lets the descriptors wait, in polls. */
#define LOOK_POLLS 16

/* The longest wait for more packets to encrypt or decrypt together. */
#define GATHER_US 10

#define REASS_PACKETS    256
#define REASS_PER_SOURCE 16
#define REASS_FRAGMENTS  8
#define REASS_TIMEOUT_MS 2000

static void
send_burst(struct gw_worker *w)
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
	w->n_tx = 0;
	worker_drop(w, w->tx + sent, n - sent);
}

void
worker_tx(struct gw_worker *w, struct rte_mbuf *m)
{
	/* what the port said of the packet on receive would make it write checksums into ESP;
	 * without flags nobody reads tx_offload, which lies on a cache line of its own */
	m->ol_flags &= RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_INDIRECT;
	w->tx[w->n_tx++] = m;
	if (w->n_tx == GW_BURST_MAX)
		send_burst(w);
}

void
worker_drop(struct gw_worker *w, struct rte_mbuf **pkts, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		const struct gw_pkt *p = gw_pkt(pkts[i]);

		w->stats.drops[p->drop < GW_DROP_N ? p->drop : GW_DROP_NONE]++;
		if (p->tunnel != NULL)
			atomic_store_explicit(&p->tunnel->drops,
				atomic_load_explicit(&p->tunnel->drops, memory_order_relaxed) + 1,
				memory_order_relaxed);
	}
	if (n > 0)
		rte_pktmbuf_free_bulk(pkts, n);
}

/* @return frames that control wanted sent */
static unsigned int
tx_control(struct gw_worker *w)
{
	struct rte_mbuf *m[GW_BURST_MAX];
	unsigned int n = gw_excp_tx_pull(w->plane->excp, m, GW_BURST_MAX);

	for (unsigned int i = 0; i < n; i++) {
		gw_pkt(m[i])->tunnel = NULL;
		worker_tx(w, m[i]);
	}
	return n;
}

/* How long this poll may wait for a descriptor, or -1 to leave them alone. */
static int
wait_us(struct gw_worker *w, uint16_t received)
{
	unsigned int us;

	if (received == GW_BURST_MAX || w->plane->busy)
		return w->stats.polls % LOOK_POLLS == 0 ? 0 : -1;
	if (w->empty < SPIN_POLLS)
		return 0;
	us = (w->empty - SPIN_POLLS + 1) * SLEEP_STEP_US;
	return us < SLEEP_MAX_US ? (int)us : SLEEP_MAX_US;
}

/* Once a poll. @return true when what has gathered shall not wait for more */
static bool
is_due(const struct gw_worker *w, struct gather *g)
{
	bool wait = g->more && g->came > 0 && g->n < GW_BURST_MAX &&
		    rte_rdtsc() - g->since_tsc < w->gather_tsc;

	g->more = g->came > 0;
	g->came = 0;
	return !wait;
}

void
gw_worker_poll(struct gw_worker *w)
{
	uint32_t work;
	uint16_t received;
	int us;

	w->now_tsc = rte_rdtsc();
	w->stats.polls++;
	received = worker_in(w);
	if (is_due(w, &w->in))
		worker_in_go(w);
	work = received + tx_control(w);
	work += worker_out_polled(w);
	if (w->n_holding > 0)
		worker_out_held(w);
	us = work > 0 && !w->plane->busy && received < GW_BURST_MAX ? 0 : wait_us(w, received);
	if (us > 0 && w->n_tx + w->in.n + w->from_inside.n > 0)
		us = 0;
	if (us >= 0)
		work += worker_out(w, (unsigned int)us);
	w->stats.sleeps += us > 0;
	if (is_due(w, &w->from_inside))
		worker_out_go(w);
	if (w->n_tx > 0)
		send_burst(w);
	/* nothing of control's is held from one poll to the next */
	gw_rcu_quiescent(w->plane->rcu, w->id);
	if (w->now_tsc >= w->next_ms_tsc) {
		gw_reass_expire(w->reass, w->now_tsc, w->stats.drops);
		w->next_ms_tsc = w->now_tsc + w->tsc_per_ms;
	}
	w->empty = work > 0 ? 0 : w->empty + (w->empty < UINT16_MAX);
}

static int
run(void *arg)
{
	struct gw_worker *w = arg;

	/* epoll's sleeps of 10 us would last 60 with the default slack */
	prctl(PR_SET_TIMERSLACK, 1UL);
	gw_rcu_online(w->plane->rcu, w->id);
	while (!atomic_load_explicit(&w->stop, memory_order_relaxed))
		gw_worker_poll(w);
	/* control's last words: DELETEs */
	while (tx_control(w) > 0)
		send_burst(w);
	gw_rcu_offline(w->plane->rcu, w->id);
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

	w->crypto = gw_crypto_create(p->socket, &failed);
	if (w->crypto == NULL) {
		gw_log(GW_LOG_ERROR, "worker", "crypto: %s%s",
			failed != NULL ? "known-answer test failed: " : "out of memory",
			failed != NULL ? failed : "");
		return -EIO;
	}
	w->reass = gw_reass_create(&lim, p->pool, p->socket);
	w->tunset = gw_tunset_create(p->n_tunnels + 1);
	w->tun_rx = gw_tun_rx_create(p->pool, p->socket);
	w->holding = calloc(p->n_tunnels + 1, sizeof(struct gw_tunnel *));
	w->polled = calloc(p->n_tunnels + 1, sizeof(struct gw_tunnel *));
	if (w->reass == NULL || w->tunset == NULL || w->tun_rx == NULL || w->holding == NULL ||
		w->polled == NULL) {
		gw_log(GW_LOG_ERROR, "worker", "out of memory");
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < p->n_tunnels; i++) {
		struct gw_tunnel *t = p->tunnels[i];
		int rc = 0;

		if (t->handoff->read != NULL)
			w->polled[w->n_polled++] = t;
		else if (t->fd >= 0)
			rc = gw_tunset_add(w->tunset, t->fd, t);
		if (rc < 0) {
			gw_log(GW_LOG_ERROR, "worker", "%s: %s", t->name, strerror(-rc));
			return rc;
		}
	}
	return 0;
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
	worker_out_fini(w);
	gw_early_fini(&w->early);
	gw_tunset_destroy(w->tunset);
	gw_tun_rx_destroy(w->tun_rx);
	gw_reass_destroy(w->reass);
	gw_crypto_destroy(w->crypto);
	free(w->holding);
	free(w->polled);
	rte_free(w);
}

int
gw_worker_start(struct gw_worker *w, unsigned int lcore)
{
	w->lcore = lcore;
	return rte_eal_remote_launch(run, w, lcore);
}

void
gw_worker_stop(struct gw_worker *w)
{
	atomic_store_explicit(&w->stop, true, memory_order_relaxed);
	rte_eal_wait_lcore(w->lcore);
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
