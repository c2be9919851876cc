/* SPDX-License-Identifier: BSD-3-Clause */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_debug.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_ring.h>

#include "lib/bytes.h"
#include "lib/csum.h"
#include "lib/fwd.h"
#include "lib/nexthop.h"
#include "lib/tun.h"
#include "team.h"

#define N_MBUF  32767
#define WIRE    16384
#define HDR_LEN 28 /* IPv4, UDP */
#define SPI_OFF (14 + 40)

#define NET 0x0a000100 /* 10.0.1.0: the tunnels' destinations, by index */

static struct team *team;
static struct gw_nexthop nexthop;
static struct rte_ring *wire[TEAM_WORKERS]; /* by receive queue */
static const struct in6_addr us = {.s6_addr = {0x20, 1, [15] = 1}};

void
team_eal(void)
{
	char line[512] = "test_workers --no-huge -m 512 --no-pci --no-telemetry --no-shconf "
			 "--log-level=*:error --lcores=0@";
	char *args[16], *save = NULL;
	int first = -1, last = -1, n = 0;
	size_t len = strlen(line);
	cpu_set_t set;

	sched_getaffinity(0, sizeof(set), &set);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &set))
			continue;
		first = first < 0 ? cpu : first;
		last = cpu;
	}
	len += (size_t)snprintf(line + len, sizeof(line) - len, "%d", first);
	for (unsigned int i = 1; i <= TEAM_WORKERS; i++)
		len += (size_t)snprintf(
			line + len, sizeof(line) - len, ",%u@(%d,%d)", i, first, last);
	for (args[n] = strtok_r(line, " ", &save); args[n] != NULL && n + 1 < (int)RTE_DIM(args);)
		args[++n] = strtok_r(NULL, " ", &save);
	if (rte_eal_init(n, args) < 0) {
		fprintf(stderr, "no EAL\n");
		exit(1);
	}
}

/* ---- the outside: a wire that leads back, an SA's frames to one queue ---- */

static uint16_t
outside_rx(void *queue, struct rte_mbuf **pkts, uint16_t n)
{
	if (team->hold_wire)
		return 0;
	return (uint16_t)rte_ring_dequeue_burst(queue, (void **)pkts, n, NULL);
}

static uint16_t
outside_tx(void *queue, struct rte_mbuf **pkts, uint16_t n)
{
	if (team->port_full)
		return 0;
	for (uint16_t i = 0; i < n; i++) {
		uint32_t spi = gw_get32(rte_pktmbuf_mtod_offset(pkts[i], uint8_t *, SPI_OFF));

		if (rte_ring_enqueue(wire[spi % team->port.n_rx_queues], pkts[i]) != 0)
			return i;
		if (team->plane.n_workers == 1)
			team->n_out++;
	}
	return n;
}

void
team_inject(struct rte_mbuf *m)
{
	assert_int_equal(rte_ring_enqueue(wire[0], m), 0);
}

static void
port_up(uint16_t n_rx, uint16_t n_tx)
{
	static void *rxq[TEAM_WORKERS], *txq[TEAM_WORKERS], *no_callback[TEAM_WORKERS];
	struct rte_eth_fp_ops *ops = &rte_eth_fp_ops[0];

	for (unsigned int i = 0; i < TEAM_WORKERS; i++) {
		if (wire[i] == NULL)
			wire[i] = rte_ring_create(i == 0   ? "wire0"
						  : i == 1 ? "wire1"
						  : i == 2 ? "wire2"
							   : "wire3",
				WIRE, SOCKET_ID_ANY, 0);
		assert_non_null(wire[i]);
		rxq[i] = wire[i];
	}
	ops->rx_pkt_burst = outside_rx;
	ops->tx_pkt_burst = outside_tx;
	ops->rxq = (struct rte_ethdev_qdata){rxq, no_callback};
	ops->txq = (struct rte_ethdev_qdata){txq, no_callback};
	team->port = (struct gw_port){.mtu = 2000, .n_rx_queues = n_rx, .n_tx_queues = n_tx};
	team->plane.port = &team->port;
}

/* ---- the inside ---- */

static struct rte_mbuf *
numbered(struct gw_tunnel *t, uint32_t number)
{
	uint16_t more = atomic_load_explicit(&team->more, memory_order_relaxed);
	struct rte_mbuf *m = gw_pkt_alloc(team->plane.pool);
	uint8_t *p;

	if (m == NULL)
		return NULL;
	p = (uint8_t *)rte_pktmbuf_append(m, HDR_LEN + 4 + more);
	if (p == NULL)
		rte_panic("a packet of %u bytes does not fit\n", HDR_LEN + 4u + more);
	memset(p, 0, HDR_LEN);
	p[0] = 0x45;
	gw_put16(p + 2, HDR_LEN + 4 + more);
	p[8] = 64;
	p[9] = IPPROTO_UDP;
	gw_put32(p + 12, 0x0a000001);
	gw_put32(p + 16, NET + t->index);
	gw_put16(p + 10, gw_csum_fold(gw_csum_add(0, p, 20)));
	gw_put16(p + 24, 12 + more);
	gw_put32(p + HDR_LEN, number);
	gw_pkt(m)->tunnel = t;
	return m;
}

/* The next of a flow's packets, as many as may be under way. */
static uint16_t
next_of(uint32_t of, struct rte_mbuf **pkts, uint16_t n)
{
	struct flow *f = &team->flows[of];
	uint16_t i = 0;

	while (i < n && f->sent != atomic_load_explicit(&f->limit, memory_order_relaxed) &&
		f->sent - atomic_load_explicit(&f->got, memory_order_relaxed) < team->window) {
		pkts[i] = numbered(team->tunnels[of], f->sent);
		if (pkts[i] == NULL)
			break;
		f->sent++;
		i++;
	}
	return i;
}

/* Takes m, whose bytes p are. */
static void
arrived(uint32_t of, const uint8_t *p, struct rte_mbuf *m)
{
	struct flow *f = &team->flows[of];
	uint32_t number = gw_get32(p + HDR_LEN);

	if (number != f->expected)
		atomic_fetch_add_explicit(&f->wrong, 1, memory_order_relaxed);
	f->expected = number + 1;
	rte_pktmbuf_free(m);
	atomic_fetch_add_explicit(&f->got, 1, memory_order_relaxed);
}

/* Comes from the inside port, not from the tunnel's hand-off. */
static bool
is_from_port(uint32_t of)
{
	return team->plane.inside != NULL && of % 2 == 0;
}

static uint16_t
inside_read(struct gw_tunnel *t, struct rte_mbuf **pkts, uint16_t n, uint16_t *refused)
{
	uint32_t of = team->of_last && t->index == 0 ? TEAM_TUNNELS - 1 : t->index;

	*refused = 0;
	return is_from_port(of) ? 0 : next_of(of, pkts, n);
}

static uint16_t
inside_write(struct gw_tunnel *t, struct rte_mbuf **pkts, uint16_t n)
{
	if (team->slow_us > 0)
		rte_delay_us_block(team->slow_us);
	for (uint16_t i = 0; i < n; i++)
		arrived(t->index, rte_pktmbuf_mtod(pkts[i], uint8_t *), pkts[i]);
	return n;
}

/* ---- the inside port ---- */

static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 1}, host_mac[6] = {2, 0, 0, 0, 0, 2};

static uint16_t
lan_rx(void *queue, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t all = 0;

	for (uint32_t of = 0; of < TEAM_TUNNELS; of += 2) {
		uint16_t k = next_of(of, pkts + all, RTE_MIN(n - all, n / (TEAM_TUNNELS / 2)));

		for (uint16_t i = 0; i < k; i++) {
			uint8_t *e = (uint8_t *)rte_pktmbuf_prepend(pkts[all + i], 14);

			memcpy(e, our_mac, 6);
			memcpy(e + 6, host_mac, 6);
			gw_put16(e + 12, 0x0800);
		}
		all += k;
	}
	return all;
}

static uint16_t
lan_tx(void *queue, struct rte_mbuf **pkts, uint16_t n)
{
	if (team->lan_full)
		return 0;
	for (uint16_t i = 0; i < n; i++) {
		const uint8_t *p = rte_pktmbuf_mtod_offset(pkts[i], uint8_t *, 14);

		arrived(gw_get32(p + 16) - NET, p, pkts[i]);
	}
	return n;
}

/* All teams use the same tables, which are large. */
static struct gw_fib *
tables(void)
{
	static struct gw_rcu *rcu;
	static struct gw_fib *fib;

	if (fib == NULL) {
		rcu = gw_rcu_create(1, SOCKET_ID_ANY);
		fib = gw_fib_create(rcu, SOCKET_ID_ANY);
	}
	assert_non_null(fib);
	for (unsigned int i = 0; i < TEAM_TUNNELS; i++) {
		struct gw_prefix dst = {.family = AF_INET, .bits = 32};
		uint16_t nh = (uint16_t)(GW_FIB_TUNNEL_FIRST + i);

		gw_put32(dst.addr, NET + i);
		if (!is_from_port(i))
			nh = GW_FIB_LINK;
		else
			gw_fib_set_nh(fib, nh,
				&(struct gw_fib_nh){
					.kind = GW_FIB_TUNNEL, .tunnel = team->tunnels[i]});
		assert_int_equal(gw_fib_set(fib, &dst, nh), 0);
	}
	while (!gw_fib_commit(fib))
		gw_rcu_poll(rcu);
	return fib;
}

void
team_neighbour(struct team *t, unsigned int i, bool known)
{
	uint8_t addr4[4];
	struct in6_addr a;

	gw_put32(addr4, NET + i);
	gw_neigh_map4(&a, addr4);
	if (known)
		assert_int_equal(gw_neigh_set(t->inside.neigh, &a, host_mac), 0);
	else
		gw_neigh_del(t->inside.neigh, &a);
}

static void
lan_up(void)
{
	static const struct gw_inside_cfg cfg = {.interface = "lan"};
	static void *queue[1], *no_callback[1];
	struct rte_eth_fp_ops *ops = &rte_eth_fp_ops[1];
	struct gw_inside *in = &team->inside;

	ops->rx_pkt_burst = lan_rx;
	ops->tx_pkt_burst = lan_tx;
	ops->rxq = (struct rte_ethdev_qdata){queue, no_callback};
	ops->txq = (struct rte_ethdev_qdata){queue, no_callback};
	in->cfg = &cfg;
	in->port = (struct gw_port){.id = 1, .mtu = 2000};
	memcpy(&in->port.mac, our_mac, 6);
	in->twin = eventfd(0, EFD_NONBLOCK);
	in->neigh = gw_neigh_create(team->plane.rcu);
	in->asks = rte_ring_create_elem(
		"team_asks", sizeof(struct in6_addr), GW_FWD_ASKS, SOCKET_ID_ANY, 0);
	assert_true(in->twin >= 0);
	assert_non_null(in->neigh);
	assert_non_null(in->asks);
	for (unsigned int i = 1; i < TEAM_TUNNELS; i += 2)
		team_neighbour(team, i, true);
}

static void
lan_down(void)
{
	struct gw_inside *in = team->plane.inside;

	if (in == NULL)
		return;
	close(in->twin);
	gw_neigh_destroy(in->neigh);
	rte_ring_free(in->asks);
}

/* ---- all of it ---- */

static const struct gw_handoff_ops inside = {.read = inside_read, .write = inside_write};

static void
tunnel_up(unsigned int i, bool publish)
{
	const struct gw_crypto_alg *row = gw_crypto_alg_at(i % 2 == 0 ? 0 : 3);
	struct gw_tunnel *t =
		rte_zmalloc("tunnel", sizeof(*t) + GW_HOLD_MAX * sizeof(t->held[0]), 64);
	struct gw_demux *d = rte_zmalloc("demux", sizeof(*d), 64);
	struct gw_sa_params p;

	assert_non_null(t);
	assert_non_null(d);
	util_params(&p, row, i);
	p.spi = gw_sadb_spi_alloc(team->plane.sadb);
	p.local = p.remote = us;
	p.nexthop = &nexthop;
	p.replay_window = 64;
	d->keyless = t;
	d->owner = i % team->plane.n_workers;
	p.demux = d;
	t->index = i;
	t->handoff = &inside;
	t->forwards = team->plane.inside != NULL && !is_from_port(i);
	t->demux = d;
	t->fd = -1;
	t->hop_limit = 64;
	gw_tunnel_set_tc(t, GW_DSCP_COPY, GW_ECN_NORMAL);
	t->mtu = 1400;
	t->hold_max = GW_HOLD_MAX;
	t->sa_out = gw_sa_out_create(&p, SOCKET_ID_ANY);
	team->in[i] = gw_sa_in_create(&p, SOCKET_ID_ANY);
	assert_non_null(t->sa_out);
	assert_non_null(team->in[i]);
	if (publish)
		gw_sadb_publish(team->plane.sadb, team->in[i]);
	atomic_store(&t->answers, d->owner);
	team->tunnels[i] = t;
	team->demux[i] = d;
}

void
team_up(struct team *t, const struct team_shape *s)
{
	static struct gw_l2hdr l2 = {.len = 14, .hdr = {[12] = 0x86, 0xdd}};
	static struct gw_local local = {.n = 1};
	struct gw_plane *p = &t->plane;
	unsigned int n_workers = s->n_workers;

	memset(t, 0, sizeof(*t));
	team = t;
	t->window = GW_BURST_MAX;
	local.addr[0] = us;
	nexthop.l2 = &l2;
	p->socket = SOCKET_ID_ANY;
	p->busy = s->busy;
	p->n_workers = n_workers;
	p->local = &local;
	p->pool = gw_pkt_pool_create("team", N_MBUF, 2048, p->socket);
	p->sadb = gw_sadb_create(256, p->socket);
	p->excp = gw_excp_create(TEAM_EXCP_DEPTH, p->socket);
	p->spis = gw_spiset_create(64, p->socket);
	p->half_open = gw_spiset_create(64, p->socket);
	p->rcu = gw_rcu_create(n_workers, p->socket);
	p->pass = n_workers > 1 ? gw_pass_create(n_workers, GW_PASS_DEPTH, p->socket) : NULL;
	p->offers = n_workers > 1 ? gw_offer_create(n_workers * GW_OFFER_N, p->socket) : NULL;
	assert_non_null(p->pool);
	assert_non_null(p->sadb);
	assert_non_null(p->excp);
	assert_non_null(p->spis);
	assert_non_null(p->half_open);
	assert_non_null(p->rcu);
	assert_true(n_workers == 1 || (p->pass != NULL && p->offers != NULL));
	port_up(s->n_rx, s->n_tx);
	p->fwd_worker = s->fwd_worker;
	p->inside = s->inside ? &t->inside : NULL;
	for (unsigned int i = 0; i < TEAM_TUNNELS; i++)
		tunnel_up(i, i + s->n_late < TEAM_TUNNELS);
	if (s->queues != NULL) {
		t->tunnels[1]->handoff = &gw_tun_handoff;
		t->tunnels[1]->fd = s->queues[0];
		t->tunnels[1]->queues = s->queues;
	}
	if (s->inside) {
		t->inside.fib = tables();
		lan_up();
	}
	p->tunnels = t->tunnels;
	p->n_tunnels = TEAM_TUNNELS;
	for (unsigned int i = 0; i < n_workers; i++) {
		t->w[i] = gw_worker_create(p, i);
		assert_non_null(t->w[i]);
	}
}

static void
drain_wire(void)
{
	void *m;

	for (unsigned int i = 0; i < TEAM_WORKERS; i++) {
		while (rte_ring_dequeue(wire[i], &m) == 0)
			rte_pktmbuf_free(m);
	}
}

void
team_down(struct team *t)
{
	struct gw_plane *p = &t->plane;

	for (unsigned int i = 0; i < p->n_workers; i++)
		gw_worker_destroy(t->w[i]);
	for (unsigned int i = 0; i < TEAM_TUNNELS; i++) {
		uint32_t spi = gw_sa_in_spi(t->in[i]);

		gw_sadb_retire(p->sadb, t->in[i]);
		gw_sadb_spi_free(p->sadb, spi);
		gw_sa_in_destroy(t->in[i]);
		gw_sa_out_destroy(t->tunnels[i]->sa_out);
		rte_free(t->tunnels[i]);
		rte_free(t->demux[i]);
	}
	drain_wire();
	lan_down();
	gw_pass_destroy(p->pass);
	gw_offer_destroy(p->offers, p->n_workers * GW_OFFER_N);
	gw_rcu_destroy(p->rcu);
	gw_spiset_destroy(p->half_open);
	gw_spiset_destroy(p->spis);
	gw_excp_destroy(p->excp);
	gw_sadb_destroy(p->sadb);
	assert_int_equal(rte_mempool_in_use_count(p->pool), 0);
	rte_mempool_free(p->pool);
}

void
team_send(struct team *t, uint32_t n)
{
	for (unsigned int i = 0; i < TEAM_TUNNELS; i++)
		atomic_fetch_add_explicit(&t->flows[i].limit, n, memory_order_relaxed);
}

bool
team_done(const struct team *t)
{
	for (unsigned int i = 0; i < TEAM_TUNNELS; i++) {
		if (atomic_load_explicit(&t->flows[i].got, memory_order_relaxed) !=
			atomic_load_explicit(&t->flows[i].limit, memory_order_relaxed))
			return false;
	}
	return true;
}

bool
team_move(struct team *t, unsigned int i, unsigned int to)
{
	return atomic_load_explicit(&t->demux[i]->owner, memory_order_relaxed) != to &&
	       gw_move_ask(&t->plane.move, t->demux[i], to);
}

uint64_t
team_drops(const struct team *t, enum gw_drop reason)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < t->plane.n_workers; i++) {
		struct gw_worker_stats st;

		gw_worker_get_stats(t->w[i], &st);
		for (unsigned int r = 0; r < GW_DROP_N; r++)
			sum += r == reason || reason == GW_DROP_N ? st.drops[r] : 0;
	}
	return sum;
}

void
team_check(const struct team *t)
{
	for (unsigned int r = 0; r < GW_DROP_N; r++) {
		if (team_drops(t, (enum gw_drop)r) != 0)
			fail_msg("%lu packets dropped: %s",
				(unsigned long)team_drops(t, (enum gw_drop)r), gw_drop_name(r));
	}
	for (unsigned int i = 0; i < TEAM_TUNNELS; i++) {
		const struct flow *f = &t->flows[i];
		struct gw_sa_stats st;

		gw_sa_in_stats(t->in[i], &st);
		assert_int_equal(atomic_load(&f->wrong), 0);
		assert_int_equal(atomic_load(&f->got), atomic_load(&f->limit));
		assert_int_equal(st.packets, atomic_load(&f->limit));
		assert_int_equal(st.seq, st.packets);
		assert_int_equal(st.replays, 0);
	}
}
