/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What bench_gateway puts between a program and its DPDK ports, by LD_PRELOAD: the same object for
 * raclette and for ipsec-secgw, so both are measured by the same instructions in the same place.
 * It stands in rte_eth_dev_start() and replaces a port's burst functions by its own in front of
 * them.
 *
 *   net_pcap0       source: gives nothing until mode is RUN; counts, and takes the TSC every CHUNK
 * packets net_null0       sink: counts, keeps samples net_af_packet0  raclette's outside: what is
 * not ESP passes, always. While RUN, ESP that is sent goes to a net_null made here. With a capture
 * to loop, what is received comes from a net_pcap made here, infinite_rx, and this port is the
 * source.
 *
 * The script writes mode, pass and want into a file that both map (struct shm) and reads the rest.
 */
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_mbuf.h>

#include "shim.h"

#define CHUNK       256u /* packets, 0.02 to 0.1 ms: short beside what disturbs, see README.md */
#define CHUNKS      262144u
#define SAMPLES     64u
#define SAMPLE_LEN  2040u
#define LINK_POLLS  256u /* polls of a looped capture to one of the link */
#define IDLE_NS     100000
#define ESP_OFF     20u /* next header, behind an Ethernet header */
#define ESP_PROTO   50u
#define DESCRIPTORS 1024u

/* bench_gateway knows this layout */
struct shm {
	/* the script writes */
	_Atomic(uint64_t) mode; /* 0 idle, 1 run */
	_Atomic(uint64_t)
		pass; /* frames of ESP to send on the link all the same; counted down here */
	_Atomic(uint64_t) want; /* frames that the sink is to keep; counted down here */
	uint64_t unused;

	/* the polling lcore writes */
	_Alignas(64) _Atomic(uint64_t) hooks; /* 1 source, 2 sink, 4 link, 8 failed */
	_Atomic(uint64_t) tsc_hz;
	_Atomic(uint64_t) rx_packets; /* of the source */
	_Atomic(uint64_t) tx_packets; /* that ended in the sink, or passed */
	_Atomic(uint64_t) tx_bytes;
	_Atomic(uint64_t) n_chunks;
	_Atomic(uint64_t) n_samples;
	_Atomic(uint64_t)
		idle; /* counts while nothing runs: whoever sees it twice knows that all is done */
	_Alignas(64) struct {
		uint32_t cycles, packets;
	} chunk[CHUNKS];
	struct {
		uint64_t len;
		uint8_t data[SAMPLE_LEN];
	} sample[SAMPLES];
};

static struct {
	struct shm *shm;
	const char *loop; /* a capture that the link is to receive for ever, or NULL */
	struct burst source, sink, link;
	struct rte_mempool *pool; /* of the link */
	uint64_t since_tsc, polls;
	uint32_t packets;
	bool running;
} g;

static void
fail(const char *what)
{
	fprintf(stderr, "gate_shim: %s\n", what);
	if (g.shm != NULL)
		add(&g.shm->hooks, 8);
}

/* --- the source */

static void
idle(bool quiet)
{
	const struct timespec ts = {.tv_nsec = IDLE_NS};

	g.running = false;
	add(&g.shm->idle, 1);
	if (quiet)
		nanosleep(&ts, NULL);
}

/* From poll to poll: all that the program did with the packets in between is in the chunk. */
static void
account(void)
{
	uint64_t now = rte_rdtsc(), n, cycles;

	if (!g.running) {
		g.running = true;
	} else if (g.packets < CHUNK) {
		return;
	} else {
		n = get(&g.shm->n_chunks);
		cycles = now - g.since_tsc;
		g.shm->chunk[n % CHUNKS].cycles =
			cycles < UINT32_MAX ? (uint32_t)cycles : UINT32_MAX;
		g.shm->chunk[n % CHUNKS].packets = g.packets;
		atomic_store_explicit(&g.shm->n_chunks, n + 1, memory_order_release);
	}
	g.since_tsc = now;
	g.packets = 0;
}

static uint16_t
read_source(struct rte_mbuf **pkts, uint16_t n)
{
	account();
	n = g.source.rx(g.source.rxq, pkts, n);
	g.packets += n;
	add(&g.shm->rx_packets, n);
	return n;
}

static uint16_t
source_rx(void *q __rte_unused, struct rte_mbuf **pkts, uint16_t n)
{
	if (get(&g.shm->mode) == 0) {
		idle(true);
		return 0;
	}
	return read_source(pkts, n);
}

/* --- the sink */

static void
keep(struct rte_mbuf **pkts, uint16_t n)
{
	for (uint16_t i = 0; i < n && get(&g.shm->want) > 0; i++) {
		uint64_t s = get(&g.shm->n_samples);

		if (s == SAMPLES)
			return;
		g.shm->sample[s].len = pkts[i]->pkt_len;
		memcpy(g.shm->sample[s].data, rte_pktmbuf_mtod(pkts[i], void *),
			RTE_MIN(pkts[i]->data_len, SAMPLE_LEN));
		add(&g.shm->want, (uint64_t)-1);
		add(&g.shm->n_samples, 1);
	}
}

static uint16_t
sink_tx(void *q __rte_unused, struct rte_mbuf **pkts, uint16_t n)
{
	uint64_t bytes = 0;

	if (unlikely(get(&g.shm->want) > 0))
		keep(pkts, n);
	for (uint16_t i = 0; i < n; i++)
		bytes += pkts[i]->pkt_len;
	n = g.sink.tx(g.sink.txq, pkts, n);
	add(&g.shm->tx_packets, n);
	add(&g.shm->tx_bytes, bytes);
	return n;
}

/* --- raclette's outside */

static bool
make_port(const char *name, const char *args, struct burst *b)
{
	struct rte_eth_conf conf = {0};
	uint16_t id;

	if (rte_eal_hotplug_add("vdev", name, args) != 0 ||
		rte_eth_dev_get_port_by_name(name, &id) != 0 ||
		rte_eth_dev_configure(id, 1, 1, &conf) != 0 ||
		REAL(rte_eth_rx_queue_setup)(id, 0, DESCRIPTORS, 0, NULL, g.pool) != 0 ||
		rte_eth_tx_queue_setup(id, 0, DESCRIPTORS, 0, NULL) != 0 ||
		REAL(rte_eth_dev_start)(id) != 0) {
		fail(name);
		return false;
	}
	*b = burst_of(id);
	return true;
}

static bool
make_loop(void)
{
	char args[512];

	snprintf(args, sizeof(args), "rx_pcap=%s,infinite_rx=1", g.loop);
	return make_port("net_pcap9", args, &g.source);
}

static uint16_t
link_rx(void *q __rte_unused, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t got;

	if (g.loop == NULL)
		return g.link.rx(g.link.rxq, pkts, n);
	if (get(&g.shm->mode) == 0) {
		got = g.link.rx(g.link.rxq, pkts, n);
		idle(got == 0);
		return got;
	}
	if (g.polls++ % LINK_POLLS == 0) {
		got = g.link.rx(g.link.rxq, pkts, n);
		if (got > 0)
			return got;
	}
	if (unlikely(g.source.rx == NULL) && !make_loop()) {
		atomic_store_explicit(&g.shm->mode, 0, memory_order_relaxed);
		return 0;
	}
	return read_source(pkts, n);
}

static bool
is_esp(const struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod(m, const uint8_t *)[ESP_OFF] == ESP_PROTO;
}

static uint16_t
link_tx_one(struct rte_mbuf *m)
{
	if (!is_esp(m))
		return g.link.tx(g.link.txq, &m, 1);
	if (get(&g.shm->pass) == 0)
		return sink_tx(NULL, &m, 1);
	add(&g.shm->pass, (uint64_t)-1);
	if (get(&g.shm->want) > 0)
		keep(&m, 1);
	add(&g.shm->tx_packets, 1);
	add(&g.shm->tx_bytes, m->pkt_len);
	return g.link.tx(g.link.txq, &m, 1);
}

static uint16_t
link_tx(void *q __rte_unused, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t i, esp = 0;

	if (g.loop != NULL)
		return g.link.tx(g.link.txq, pkts, n);
	for (i = 0; i < n; i++)
		esp += is_esp(pkts[i]);
	if (likely(esp == n) && get(&g.shm->pass) == 0)
		return sink_tx(NULL, pkts, n);
	for (i = 0; i < n && link_tx_one(pkts[i]) == 1; i++)
		;
	return i;
}

/* --- where it takes hold */

static bool
map_shm(void)
{
	if (g.shm == NULL) {
		g.shm = shim_map("GATE_SHM", sizeof(*g.shm));
		g.loop = getenv("GATE_LOOP");
	}
	if (g.shm == NULL)
		return false;
	atomic_store_explicit(&g.shm->tsc_hz, rte_get_tsc_hz(), memory_order_relaxed);
	return true;
}

static void
hook(uint16_t id)
{
	struct rte_eth_fp_ops *p = &rte_eth_fp_ops[id];
	char name[RTE_ETH_NAME_MAX_LEN] = "";

	rte_eth_dev_get_name_by_port(id, name);
	if (strcmp(name, "net_pcap0") == 0) {
		g.source = burst_of(id);
		p->rx_pkt_burst = source_rx;
		add(&g.shm->hooks, 1);
	} else if (strcmp(name, "net_null0") == 0) {
		g.sink = burst_of(id);
		p->tx_pkt_burst = sink_tx;
		add(&g.shm->hooks, 2);
	} else if (strcmp(name, "net_af_packet0") == 0) {
		g.link = burst_of(id);
		if (g.loop == NULL && !make_port("net_null9", "no-rx=1", &g.sink))
			return;
		p->rx_pkt_burst = link_rx;
		p->tx_pkt_burst = link_tx;
		add(&g.shm->hooks, 4);
	}
}

int
rte_eth_rx_queue_setup(uint16_t id, uint16_t queue, uint16_t n, unsigned int socket,
	const struct rte_eth_rxconf *conf, struct rte_mempool *pool)
{
	g.pool = pool;
	return REAL(rte_eth_rx_queue_setup)(id, queue, n, socket, conf, pool);
}

int
rte_eth_dev_start(uint16_t id)
{
	int rc = REAL(rte_eth_dev_start)(id);

	if (rc == 0 && map_shm())
		hook(id);
	return rc;
}
