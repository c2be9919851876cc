/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What bench_latency puts between raclette and its DPDK ports, by LD_PRELOAD: packets that arrive
 * at a given rate whether or not somebody comes to read them, and a clock where they leave.
 *
 *   net_null0   the hand-off port      net_memif0   the outside: what is not ESP passes, always
 *
 *   by itself   net_null0 is the source of inner packets; ESP that leaves is timed and ends here
 *   FEED        the outside is the source, of ESP that FEED's program has made; what the hand-off
 * port is given is timed and ends here FEEDER      as by itself, but ESP that leaves is kept for a
 * program with FEED
 *
 * A packet is due at a time of its own. Between its time and the poll that takes it, it stands in a
 * queue of QUEUE packets as in a port's; what comes while that is full is lost and counted. Its
 * latency is from when it was due to when it is given to the port at the other end.
 *
 * In mode BARE the polling thread does nothing but this: the same arrivals and, in place of the
 * gateway, so much fixed work a packet. What is late there is the machine's doing.
 */
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>

#include "shim.h"

#define QUEUE      1024u /* as many as the gateway's ports have descriptors */
#define BURST      64u
#define CHUNK      256u /* packets between two looks at the rate, in mode FLOOD */
#define CHUNKS     65536u
#define MARKS      4u
#define STEPS      32u /* buckets an octave */
#define BUCKETS    (40u * STEPS)
#define GAPS       4096u
#define GAP_US     200u /* the kernel's clock interrupt alone takes 50 to 100 here */
#define SLOTS      64u
#define FRAME_MAX  2032u
#define LINK_POLLS 64u /* polls of the source to one of the link */
#define IDLE_NS    100000
#define ESP_OFF    20u /* next header, behind an Ethernet header */
#define SPI_OFF    54u
#define ESP_PROTO  50u
#define FP         8 /* fractional bits of a time */

enum mode { IDLE, PACED, FLOOD, BARE };

/* bench_latency knows this layout */
struct shm {
	/* the script writes */
	_Atomic(uint64_t) mode, interval; /* cycles << FP between two packets */
	_Atomic(uint64_t) len;            /* of an inner packet */
	_Atomic(uint64_t) work;           /* units a packet, in mode BARE */
	_Atomic(uint64_t) mark;           /* which histogram, 0..MARKS - 1 */
	uint64_t unused[3];

	/* the polling lcore writes */
	_Alignas(64) _Atomic(uint64_t) hooks; /* 1 hand-off, 2 outside, 4 failed */
	_Atomic(uint64_t) tsc_hz;
	_Atomic(uint64_t) taken, left, lost, no_mbuf;
	_Atomic(uint64_t) idle; /* counts while nothing runs */
	_Atomic(uint64_t) n_chunks, n_gaps;
	_Atomic(uint64_t) unit;    /* cycles of a unit of work at full speed, << FP */
	_Atomic(uint64_t) n_slots; /* kept so far */
	uint64_t unused2[5];
	uint64_t buckets[MARKS][BUCKETS];
	uint32_t chunk[CHUNKS]; /* cycles */
	/* from one poll of the source to the next, all in cycles */
	struct gap {
		uint64_t cycles, packets, link;
		uint64_t away;         /* ready to run, but not on the CPU */
		uint64_t slept, asked; /* in epoll_wait(), and what it was asked to sleep */
		uint64_t faults;       /* untouched pages */
	} gap[GAPS];
	struct {
		_Atomic(uint64_t) version; /* odd while it is written */
		uint64_t len;
		uint8_t data[FRAME_MAX];
	} slot[SLOTS];
};

static struct {
	struct shm *shm, *feed;
	bool feeder;
	struct burst source, link;
	struct rte_mempool *pool;
	int due_off; /* in mbufs */
	uint64_t gap_min, base_max;
	uint8_t frame[FRAME_MAX];
	uint16_t frame_len;

	/* packets that wait: when each was due */
	uint64_t due[QUEUE], next_due; /* << FP */
	uint32_t head, tail;
	uint64_t slot, polls;

	/* since the last poll */
	uint64_t last_poll, link_cycles, packets, slept, asked;
	/* what the thread had had at that time, a millisecond ago at most or after its last sleep
	 */
	struct {
		uint64_t tsc, cpu, faults;
	} base;
	bool running;
} g;

static uint64_t *
due_of(struct rte_mbuf *m)
{
	return RTE_MBUF_DYNFIELD(m, g.due_off, uint64_t *);
}

/* Cycles that this thread has had: without what other threads and, if the kernel is told of it,
 * other machines on the same core took. */
static uint64_t
cpu_cycles(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)((double)ts.tv_sec * (double)get(&g.shm->tsc_hz) +
			  (double)ts.tv_nsec * (double)get(&g.shm->tsc_hz) / 1e9);
}

static uint64_t
faults(void)
{
	struct rusage u;

	getrusage(RUSAGE_THREAD, &u);
	return (uint64_t)(u.ru_minflt + u.ru_majflt);
}

static void
set_base(uint64_t now)
{
	g.base.tsc = now;
	g.base.cpu = cpu_cycles();
	g.base.faults = faults();
}

/* --- arrivals */

static void
start(uint64_t now)
{
	g.head = g.tail = 0;
	g.next_due = now << FP;
	g.running = true;
	g.last_poll = now;
	g.link_cycles = g.packets = g.slept = g.asked = 0;
	set_base(now);
}

static uint32_t
waiting(void)
{
	return g.tail - g.head;
}

static void
arrive(uint64_t now)
{
	uint64_t interval = get(&g.shm->interval), n;

	for (; g.next_due >> FP <= now && waiting() < QUEUE; g.next_due += interval)
		g.due[g.tail++ % QUEUE] = g.next_due >> FP;
	if (g.next_due >> FP > now)
		return;
	n = (((now + 1) << FP) - g.next_due) / interval + 1;
	g.next_due += n * interval;
	add(&g.shm->lost, n);
}

static void
timed(uint64_t latency)
{
	unsigned int octave = latency < STEPS ? 0 : 64 - 5 - (unsigned int)__builtin_clzll(latency);
	uint64_t bucket =
		octave == 0 ? latency : octave * STEPS + (latency >> (octave - 1)) - STEPS;

	g.shm->buckets[get(&g.shm->mark) % MARKS][RTE_MIN(bucket, BUCKETS - 1)]++;
}

/* --- what disturbs */

/* A long time between two polls: whose doing it was is for the script to tell. */
static void
note_gap(uint64_t now)
{
	uint64_t n = get(&g.shm->n_gaps), wall = now - g.base.tsc, on = cpu_cycles() - g.base.cpu;

	g.shm->gap[n % GAPS] = (struct gap){
		.cycles = now - g.last_poll,
		.packets = g.packets,
		.link = g.link_cycles,
		.away = wall > on ? wall - on : 0,
		.slept = g.slept,
		.asked = g.asked,
		.faults = faults() - g.base.faults,
	};
	atomic_store_explicit(&g.shm->n_gaps, n + 1, memory_order_release);
	set_base(now);
}

static void
look_back(uint64_t now)
{
	bool gap = now - g.last_poll > g.gap_min;

	if (unlikely(gap))
		note_gap(now);
	else if (unlikely(now - g.base.tsc > g.base_max))
		set_base(now);
	g.last_poll = gap ? rte_rdtsc() : now;
	g.link_cycles = g.packets = g.slept = g.asked = 0;
}

/* The worker sleeps here, and nowhere else. */
int
epoll_pwait2(int fd, struct epoll_event *events, int max, const struct timespec *timeout,
	const sigset_t *mask)
{
	bool sleeps = timeout != NULL && timeout->tv_nsec > 0 && g.running;
	uint64_t t = rte_rdtsc();
	int rc = REAL(epoll_pwait2)(fd, events, max, timeout, mask);

	if (sleeps && rte_lcore_id() != rte_get_main_lcore()) {
		g.slept += rte_rdtsc() - t;
		g.asked += (uint64_t)timeout->tv_nsec * g.gap_min / (GAP_US * 1000);
		set_base(rte_rdtsc());
	}
	return rc;
}

/* --- the source */

static bool
make_inner(uint8_t *frame, uint16_t *len)
{
	static const uint8_t ip[28] = {
		0x45, [8] = 64, 17, [12] = 10, 1, 0, 1, 10, 2, 0, 1, 0x03, 0xe8, 0x07, 0xd0};
	uint16_t n = (uint16_t)get(&g.shm->len);
	struct rte_ether_hdr eth = {.src_addr = {{2, 0, 0, 0, 0, 9}},
		.ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4)};
	struct rte_ipv4_hdr h;

	if (n < sizeof(ip) || n > FRAME_MAX - sizeof(eth))
		return false;
	rte_eth_macaddr_get(g.source.id, &eth.dst_addr);
	memcpy(&h, ip, sizeof(h));
	h.total_length = rte_cpu_to_be_16(n);
	h.hdr_checksum = rte_ipv4_cksum(&h);
	memcpy(frame, &eth, sizeof(eth));
	memcpy(frame + sizeof(eth), &h, sizeof(h));
	memcpy(frame + sizeof(eth) + sizeof(h), ip + sizeof(h), sizeof(ip) - sizeof(h));
	*len = (uint16_t)(sizeof(eth) + n);
	return true;
}

/* The next of the frames that the feeder has made, if it has the newest one's SPI. */
static bool
fed(uint8_t *frame, uint16_t *len)
{
	uint64_t n = get(&g.feed->n_slots), newest = n - 1, before;
	uint32_t spi, now;

	if (n < SLOTS)
		return false;
	memcpy(&spi, g.feed->slot[newest % SLOTS].data + SPI_OFF, sizeof(spi));
	for (unsigned int tries = 0; tries < SLOTS; tries++) {
		__typeof__(&g.feed->slot[0]) s = &g.feed->slot[g.slot++ % SLOTS];

		before = atomic_load_explicit(&s->version, memory_order_acquire);
		*len = (uint16_t)s->len;
		memcpy(frame, s->data, RTE_MIN(*len, FRAME_MAX));
		atomic_thread_fence(memory_order_acquire);
		memcpy(&now, frame + SPI_OFF, sizeof(now));
		if (before % 2 == 0 && get(&s->version) == before && now == spi)
			return true;
	}
	return false;
}

static bool
put_frame(struct rte_mbuf *m)
{
	uint8_t *to = rte_pktmbuf_mtod(m, uint8_t *);
	uint16_t len = g.frame_len;

	if (g.feed != NULL && !fed(to, &len))
		return false;
	if (g.feed == NULL)
		memcpy(to, g.frame, len);
	m->data_len = len;
	m->pkt_len = len;
	return true;
}

static uint16_t
give(struct rte_mbuf **pkts, uint16_t n, uint64_t now)
{
	bool flood = get(&g.shm->mode) == FLOOD;
	uint16_t done = 0;

	n = RTE_MIN(n, flood ? BURST : waiting());
	if (n == 0)
		return 0;
	if (rte_pktmbuf_alloc_bulk(g.pool, pkts, n) != 0) {
		add(&g.shm->no_mbuf, 1);
		return 0;
	}
	for (; done < n && put_frame(pkts[done]); done++)
		*due_of(pkts[done]) = flood ? now : g.due[g.head++ % QUEUE];
	rte_pktmbuf_free_bulk(pkts + done, n - done);
	add(&g.shm->taken, done);
	g.packets += done;
	return done;
}

/* In mode FLOOD: cycles of so many packets, from poll to poll */
static void
account(uint64_t now)
{
	static uint64_t since, packets;
	uint64_t n = get(&g.shm->n_chunks), taken = get(&g.shm->taken);

	if (!g.running || taken - packets > 2 * CHUNK) {
		since = now;
		packets = taken;
	} else if (taken - packets >= CHUNK) {
		g.shm->chunk[n % CHUNKS] = (uint32_t)((now - since) * CHUNK / (taken - packets));
		atomic_store_explicit(&g.shm->n_chunks, n + 1, memory_order_release);
		since = now;
		packets = taken;
	}
}

/* --- the bare loop */

/* Work like a packet's: what one thread of a core leaves to the other one counts */
static uint64_t
work(uint64_t units)
{
	static uint64_t lane[8] = {1, 2, 3, 4, 5, 6, 7, 8};

	for (; units > 0; units--) {
		for (unsigned int i = 0; i < RTE_DIM(lane); i++)
			lane[i] = lane[i] * 0x9e3779b97f4a7c15u + units;
		__asm__ volatile("" : : "r"(lane) : "memory");
	}
	return lane[0];
}

static void
measure_unit(void)
{
	uint64_t best = UINT64_MAX;

	for (unsigned int i = 0; i < 2000; i++) {
		uint64_t t = rte_rdtsc();

		work(64);
		best = RTE_MIN(best, rte_rdtsc() - t);
	}
	atomic_store_explicit(&g.shm->unit, (best << FP) / 64, memory_order_relaxed);
}

static void
bare(void)
{
	uint64_t units = get(&g.shm->work);

	start(rte_rdtsc());
	while (get(&g.shm->mode) == BARE) {
		uint64_t now = rte_rdtsc();
		uint32_t n;

		look_back(now);
		arrive(now);
		n = RTE_MIN(waiting(), BURST);
		work(units * n);
		now = rte_rdtsc();
		for (g.packets = n; n > 0; n--)
			timed(now - g.due[g.head++ % QUEUE]);
	}
	g.running = false;
}

/* --- a poll of the source */

static void
rest(void)
{
	const struct timespec ts = {.tv_nsec = IDLE_NS};

	g.running = false;
	add(&g.shm->idle, 1);
	nanosleep(&ts, NULL);
}

static uint16_t
poll_source(struct rte_mbuf **pkts, uint16_t n)
{
	uint64_t now = rte_rdtsc(), mode = get(&g.shm->mode);

	if (mode == BARE)
		bare();
	if (mode != PACED && mode != FLOOD) {
		rest();
		return 0;
	}
	if (mode == FLOOD)
		account(now);
	if (!g.running) {
		if (g.feed == NULL && !make_inner(g.frame, &g.frame_len)) {
			add(&g.shm->hooks, 4);
			return 0;
		}
		start(now);
	}
	look_back(now);
	if (mode == PACED)
		arrive(now);
	return give(pkts, n, now);
}

static uint16_t
handoff_rx(void *q __rte_unused, struct rte_mbuf **pkts, uint16_t n)
{
	return poll_source(pkts, n);
}

static uint16_t
link_rx(void *q __rte_unused, struct rte_mbuf **pkts, uint16_t n)
{
	uint64_t t = rte_rdtsc();
	uint16_t got = 0;

	if (g.polls++ % LINK_POLLS == 0 || g.feed == NULL || !g.running)
		got = g.link.rx(g.link.rxq, pkts, n);
	g.link_cycles += rte_rdtsc() - t;
	return got > 0 || g.feed == NULL ? got : poll_source(pkts, n);
}

/* --- the sinks */

static void
leave(struct rte_mbuf **pkts, uint16_t n)
{
	uint64_t now = rte_rdtsc();

	for (uint16_t i = 0; i < n; i++)
		timed(now - *due_of(pkts[i]));
	add(&g.shm->left, n);
	rte_pktmbuf_free_bulk(pkts, n);
}

static uint16_t
handoff_tx(void *q __rte_unused, struct rte_mbuf **pkts, uint16_t n)
{
	leave(pkts, n);
	return n;
}

static void
keep(const struct rte_mbuf *m)
{
	uint64_t n = get(&g.shm->n_slots);
	__typeof__(&g.shm->slot[0]) s = &g.shm->slot[n % SLOTS];

	if (m->pkt_len > FRAME_MAX)
		return;
	add(&s->version, 1);
	atomic_thread_fence(memory_order_release);
	s->len = m->pkt_len;
	memcpy(s->data, rte_pktmbuf_mtod(m, void *), m->pkt_len);
	atomic_store_explicit(&s->version, get(&s->version) + 1, memory_order_release);
	atomic_store_explicit(&g.shm->n_slots, n + 1, memory_order_release);
}

static uint16_t
link_tx(void *q __rte_unused, struct rte_mbuf **pkts, uint16_t n)
{
	struct rte_mbuf *esp[BURST * 2];
	uint16_t n_esp = 0, i;
	uint64_t t;

	for (i = 0; i < n && n_esp < RTE_DIM(esp); i++) {
		if (rte_pktmbuf_mtod(pkts[i], const uint8_t *)[ESP_OFF] == ESP_PROTO) {
			if (g.feeder)
				keep(pkts[i]);
			esp[n_esp++] = pkts[i];
			continue;
		}
		t = rte_rdtsc();
		if (g.link.tx(g.link.txq, &pkts[i], 1) == 0)
			rte_pktmbuf_free(pkts[i]);
		g.link_cycles += rte_rdtsc() - t;
	}
	leave(esp, n_esp);
	return i;
}

/* --- where it takes hold */

static bool
ready(void)
{
	static const struct rte_mbuf_dynfield field = {
		.name = "latency_due", .size = sizeof(uint64_t), .align = _Alignof(uint64_t)};

	if (g.shm != NULL)
		return true;
	g.shm = shim_map("LATENCY_SHM", sizeof(*g.shm));
	if (g.shm == NULL)
		return false;
	g.feed = shim_map("LATENCY_FEED", sizeof(*g.feed));
	g.feeder = getenv("LATENCY_FEEDER") != NULL;
	g.due_off = rte_mbuf_dynfield_register(&field);
	if (g.due_off < 0)
		add(&g.shm->hooks, 4);
	atomic_store_explicit(&g.shm->tsc_hz, rte_get_tsc_hz(), memory_order_relaxed);
	g.gap_min = rte_get_tsc_hz() / 1000000 * GAP_US;
	g.base_max = rte_get_tsc_hz() / 1000;
	measure_unit();
	return g.due_off >= 0;
}

static void
hook(uint16_t id)
{
	struct rte_eth_fp_ops *p = &rte_eth_fp_ops[id];
	char name[RTE_ETH_NAME_MAX_LEN] = "";

	rte_eth_dev_get_name_by_port(id, name);
	if (strcmp(name, "net_null0") == 0) {
		g.source = burst_of(id);
		p->tx_pkt_burst = handoff_tx;
		if (g.feed == NULL)
			p->rx_pkt_burst = handoff_rx;
		add(&g.shm->hooks, 1);
	} else if (strcmp(name, "net_memif0") == 0) {
		g.link = burst_of(id);
		p->rx_pkt_burst = link_rx;
		if (g.feed == NULL)
			p->tx_pkt_burst = link_tx;
		add(&g.shm->hooks, 2);
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

	if (rc == 0 && ready())
		hook(id);
	return rc;
}
