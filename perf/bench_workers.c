/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a second core brings: to workers with SAs and queues of their own, beside crypto alone on
 * one and on two cores in the same run; and to one SA, whose owner the other one helps. Each worker
 * polls as the gateway does, between arrays in memory; and what a cache line takes from one core to
 * the other, for that decides what help is worth. README.md has the method.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_debug.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_malloc.h>

#include "app/worker.h"
#include "bare.h"
#include "lib/esp.h"
#include "lib/nexthop.h"
#include "line.h"

#define CORES      2
#define TURN       50 /* chunks of one core, or of two at a time */
#define TURNS_MAX  200
#define ROUNDS_MAX (2 * TURNS_MAX * TURN)
#define LOW        10         /* the chunk that is faster than all but a tenth */
#define STREAM     LINE_DEPTH /* packets of one SA at a time */

enum what { CRYPTO_OUT, CRYPTO_IN, PATH_OUT, PATH_IN, N_WHAT };

static const char *const names[] = {"AES_GCM_16-128", "AES_CBC-128/HMAC_SHA1_96"};
static const uint16_t sizes[] = {64, 512, 1024, 1420};

/* All that a core has to itself. */
struct core {
	_Alignas(128) struct gw_worker *w;
	struct line outside, inside;
	struct gw_tunnel *tunnel;
	struct gw_demux *demux;
	struct gw_sa_in *in;
	struct bare *bare;
	struct rte_mbuf *pkts[CHUNK];
	unsigned int n;
	bool beside[2 * TURNS_MAX + 1];      /* the other core, by turn */
	uint64_t cycles[N_WHAT][ROUNDS_MAX]; /* of a chunk */
};

struct bench {
	struct gw_plane plane;
	struct gw_port port;
	struct gw_nexthop nexthop;
	const struct gw_crypto_alg *row;
	uint16_t size; /* of the ESP payload */
	unsigned int turns, n_cores;
	double line_cycles; /* see line_cycles() */
	struct core core[CORES];
	struct rte_mbuf *stream[STREAM];
	uint64_t one_sa[2][2][TURNS_MAX]; /* cycles of a stream, by lcores - 1, out and in */
};

static struct bench b;

/* ---- ports of memory ---- */

static uint16_t
inside_read(struct gw_tunnel *t, struct rte_mbuf **pkts, uint16_t n, uint16_t *refused)
{
	*refused = 0;
	n = line_give(&b.core[t->index].inside, pkts, n);
	for (uint16_t i = 0; i < n; i++)
		*gw_pkt(pkts[i]) = (struct gw_pkt){.tunnel = t};
	return n;
}

static uint16_t
inside_write(struct gw_tunnel *t, struct rte_mbuf **pkts, uint16_t n)
{
	return line_take(&b.core[t->index].inside, pkts, n);
}

static const struct gw_handoff_ops memory = {.read = inside_read, .write = inside_write};

static void
port_up(void)
{
	static void *queues[CORES], *no_callback[CORES];
	struct rte_eth_fp_ops *ops = &rte_eth_fp_ops[0];

	for (unsigned int i = 0; i < CORES; i++)
		queues[i] = &b.core[i].outside;
	ops->rx_pkt_burst = line_rx;
	ops->tx_pkt_burst = line_tx;
	ops->rxq = ops->txq = (struct rte_ethdev_qdata){queues, no_callback};
	b.port = (struct gw_port){.mtu = 2000, .n_rx_queues = CORES, .n_tx_queues = CORES};
}

/* ---- workers, tunnels, SAs ---- */

static void
core_up(unsigned int i)
{
	static const struct in6_addr us = {.s6_addr = {0x20, 1, [15] = 1}};
	struct core *c = &b.core[i];
	struct gw_sa_params p = {
		.alg = {.cipher = b.row->cipher,
			.auth = b.row->auth,
			.icv_len = b.row->icv_len,
			.key_len = b.row->key_len,
			.auth_key_len = b.row->auth_key_len,
			.key = {(uint8_t)i}},
		.replay_window = 64,
		.spi = gw_sadb_spi_alloc(b.plane.sadb),
		.local = us,
		.remote = us, /* what goes out comes in again */
		.nexthop = &b.nexthop,
	};
	struct gw_tunnel *t = rte_zmalloc("tunnel", sizeof(*t), 64);
	struct gw_demux *d = rte_zmalloc("demux", sizeof(*d), 64);

	if (t == NULL || d == NULL)
		rte_panic("no memory\n");
	d->keyless = t;
	d->owner = i;
	p.demux = d;
	t->index = i;
	t->handoff = &memory;
	t->demux = d;
	t->fd = -1;
	t->hop_limit = 64;
	gw_tunnel_set_tc(t, GW_DSCP_COPY, GW_ECN_NORMAL);
	t->mtu = 1500;
	t->mss4 = t->mss6 = 1360;
	t->sa_out = gw_sa_out_create(&p, SOCKET_ID_ANY);
	c->in = gw_sa_in_create(&p, SOCKET_ID_ANY);
	c->bare = bare_create(b.row, 1);
	if (t->sa_out == NULL || c->in == NULL || c->bare == NULL)
		rte_panic("no memory\n");
	gw_sadb_publish(b.plane.sadb, c->in);
	c->outside.burst = c->inside.burst = GW_BURST_MAX;
	c->tunnel = t;
	c->demux = d;
}

static void
cores_up(void)
{
	static struct gw_local local = {.n = 1, .addr[0] = {.s6_addr = {0x20, 1, [15] = 1}}};
	static struct gw_tunnel *tunnels[CORES];

	for (unsigned int i = 0; i < CORES; i++) {
		core_up(i);
		tunnels[i] = b.core[i].tunnel;
	}
	b.plane.tunnels = tunnels;
	b.plane.n_tunnels = CORES;
	b.plane.local = &local;
	for (unsigned int i = 0; i < CORES; i++) {
		b.core[i].w = gw_worker_create(&b.plane, i);
		if (b.core[i].w == NULL)
			rte_panic("no worker\n");
	}
}

static void
cores_down(void)
{
	for (unsigned int i = 0; i < CORES; i++) {
		struct core *c = &b.core[i];

		gw_worker_destroy(c->w);
		gw_sadb_retire(b.plane.sadb, c->in);
		gw_sadb_spi_free(b.plane.sadb, gw_sa_in_spi(c->in));
		gw_sa_in_destroy(c->in);
		gw_sa_out_destroy(c->tunnel->sa_out);
		bare_destroy(c->bare);
		rte_free(c->tunnel);
		rte_free(c->demux);
	}
}

/* ---- measuring ---- */

static void
refill(struct core *c)
{
	for (unsigned int i = 0; i < CHUNK; i++)
		line_fill(c->pkts[i], b.size);
}

static uint64_t
time_bare(struct core *c, bool out)
{
	struct bare_text t[CHUNK];
	uint64_t start;

	for (unsigned int i = 0; i < CHUNK; i++)
		t[i] = (struct bare_text){
			.text = (uint8_t *)c->pkts[i]->buf_addr + GW_PKT_HEADROOM - GRE_LEN,
			.len = (b.size + 2u + b.row->align - 1) / b.row->align * b.row->align,
		};
	bare_prepare(c->bare, t, CHUNK);
	start = rte_rdtsc_precise();
	bare_run(c->bare, out);
	return rte_rdtsc_precise() - start;
}

static uint64_t
time_path(struct core *c, struct line *from, struct line *to)
{
	uint64_t spent = line_time(c->w, from, c->pkts, CHUNK, to);

	memcpy(c->pkts, to->taken, sizeof(c->pkts));
	return spent;
}

static _Atomic(unsigned int) ready;

/* All begin at once: what one measures, it measures beside the others. */
static void
together(void)
{
	atomic_fetch_add(&ready, 1);
	while (atomic_load(&ready) < b.n_cores)
		rte_pause();
}

/* Crypto and path in turn: the machine's speed changes in spells. */
static int
turn(void *core)
{
	struct core *c = core;

	together();
	for (unsigned int i = 0; i < TURN; i++) {
		c->cycles[CRYPTO_OUT][c->n] = time_bare(c, true);
		c->cycles[CRYPTO_IN][c->n] = time_bare(c, false);
		refill(c);
		c->cycles[PATH_OUT][c->n] = time_path(c, &c->inside, &c->outside);
		c->cycles[PATH_IN][c->n] = time_path(c, &c->outside, &c->inside);
		c->n++;
	}
	return 0;
}

static int
compare(const void *x, const void *y)
{
	uint64_t a = *(const uint64_t *)x, c = *(const uint64_t *)y;

	return a < c ? -1 : a > c;
}

/* Of the chunks that the core did at its full speed. */
static double
cycles(const struct core *c, enum what what, bool beside)
{
	static uint64_t v[ROUNDS_MAX];
	unsigned int n = 0;

	for (unsigned int i = 0; i < c->n; i++) {
		if (c->beside[i / TURN] == beside)
			v[n++] = c->cycles[what][i];
	}
	qsort(v, n, sizeof(v[0]), compare);
	return (double)v[n / LOW] / CHUNK;
}

/* Cycles of one core for a packet; what n cores do together is the sum of what each does. */
struct figures {
	double cycles[N_WHAT];
	double rate[N_WHAT];
};

static struct figures
figures(unsigned int n_cores)
{
	struct figures f = {0};

	for (enum what what = 0; what < N_WHAT; what++) {
		for (unsigned int i = 0; i < n_cores; i++) {
			double m = cycles(&b.core[i], what, n_cores > 1);

			f.cycles[what] += m / n_cores;
			f.rate[what] += 1 / m;
		}
	}
	return f;
}

static void
take_turn(unsigned int n_cores)
{
	b.n_cores = n_cores;
	atomic_store(&ready, 0);
	for (unsigned int i = 0; i < n_cores; i++)
		b.core[i].beside[b.core[i].n / TURN] = n_cores > 1;
	if (n_cores > 1 && rte_eal_remote_launch(turn, &b.core[1], 1) != 0)
		rte_panic("no second lcore\n");
	turn(&b.core[0]);
	rte_eal_wait_lcore(1);
}

static void
measure(struct figures *one, struct figures *two)
{
	take_turn(CORES); /* warms up */
	for (unsigned int i = 0; i < CORES; i++)
		b.core[i].n = 0;
	for (unsigned int i = 0; i < b.turns; i++) {
		take_turn(1);
		take_turn(CORES);
	}
	*one = figures(1);
	*two = figures(CORES);
}

/* ---- a cache line ---- */

#define THROWS   10000u
#define THROW_MS 10 /* for all of them: two lcores may be on one CPU */

static _Alignas(128) _Atomic(uint32_t) ball;
static _Alignas(128) _Atomic(bool) over;

static int
throw_back(void *core)
{
	together();
	while (!atomic_load_explicit(&over, memory_order_relaxed)) {
		uint32_t seen = atomic_load_explicit(&ball, memory_order_acquire);

		if (seen % 2 == 1)
			atomic_store_explicit(&ball, seen + 1, memory_order_release);
	}
	return 0;
}

/* @return cycles that a line takes to the other core: virtual CPUs may lie side by side or far
 * apart */
static double
line_cycles(void)
{
	uint64_t start, now, end;
	uint32_t n = 0;

	b.n_cores = CORES;
	atomic_store(&ready, 0);
	atomic_store(&ball, 0);
	atomic_store(&over, false);
	if (rte_eal_remote_launch(throw_back, NULL, 1) != 0)
		rte_panic("no second lcore\n");
	together();
	start = now = rte_rdtsc();
	end = start + THROW_MS * (rte_get_tsc_hz() / 1000);
	while (n < 2 * THROWS && now < end) {
		atomic_store_explicit(&ball, n + 1, memory_order_release);
		n += 2;
		while (atomic_load_explicit(&ball, memory_order_acquire) != n && now < end)
			now = rte_rdtsc();
	}
	atomic_store(&over, true);
	rte_eal_wait_lcore(1);
	return (double)(now - start) / n;
}

/* ---- one SA ---- */

/* Idle, but for what core 0 offers. */
static int
help(void *core)
{
	struct core *c = core;

	while (!atomic_load_explicit(&over, memory_order_relaxed))
		gw_worker_poll(c->w);
	return 0;
}

static uint64_t
time_stream(struct line *from, struct line *to)
{
	uint64_t spent = line_time(b.core[0].w, from, b.stream, STREAM, to);

	memcpy(b.stream, to->taken, sizeof(b.stream));
	return spent;
}

static void
one_sa_turn(unsigned int n_cores, unsigned int turn)
{
	struct core *c = &b.core[0];

	atomic_store(&b.plane.offering, n_cores > 1 ? 1 : 0);
	gw_worker_poll(c->w);                              /* takes notice */
	for (unsigned int again = 0; again < 2; again++) { /* the first time warms up */
		for (unsigned int i = 0; i < STREAM; i++)
			line_fill(b.stream[i], b.size);
		b.one_sa[n_cores - 1][0][turn] = time_stream(&c->inside, &c->outside);
		b.one_sa[n_cores - 1][1][turn] = time_stream(&c->outside, &c->inside);
	}
}

/* The second core polls all the time: what it costs the first one is in both figures. */
static void
measure_one_sa(void)
{
	atomic_store(&over, false);
	if (rte_eal_remote_launch(help, &b.core[1], 1) != 0)
		rte_panic("no second lcore\n");
	for (unsigned int i = 0; i < b.turns; i++) {
		one_sa_turn(1, i);
		one_sa_turn(CORES, i);
	}
	atomic_store(&b.plane.offering, 0);
	gw_worker_poll(b.core[0].w);
	atomic_store(&over, true);
	rte_eal_wait_lcore(1);
}

static double
one_sa_cycles(unsigned int n_cores, bool out)
{
	uint64_t *v = b.one_sa[n_cores - 1][out ? 0 : 1];

	qsort(v, b.turns, sizeof(v[0]), compare);
	return (double)v[b.turns / LOW] / STREAM;
}

/* ---- printing ---- */

/* Cycles by the clock for each packet that all lcores together have done. */
static void
print_json(const char *kind, unsigned int lcores, bool out, double cycles, double crypto)
{
	static bool first = true;

	printf("%s\n{\"bench\": \"workers\", \"kind\": \"%s\", \"alg\": \"%s\", \"dir\": \"%s\", "
	       "\"size\": %u, "
	       "\"lcores\": %u, \"cycles\": %.1f, \"crypto_cycles\": %.1f, \"line_cycles\": %.0f}",
		first ? "" : ",", kind, b.row->name, out ? "out" : "in", b.size, lcores, cycles,
		crypto, b.line_cycles);
	first = false;
}

static void
print_row(bool json, bool out, const struct figures *one, const struct figures *two)
{
	enum what c = out ? CRYPTO_OUT : CRYPTO_IN, p = out ? PATH_OUT : PATH_IN;
	double crypto = two->rate[c] / one->rate[c], path = two->rate[p] / one->rate[p];
	double sa_one = one_sa_cycles(1, out), sa_two = one_sa_cycles(CORES, out);

	if (!json) {
		printf("%-26s %-3s %5u | %7.1f %7.1f %5.2f | %7.1f %7.1f %5.2f | %4.0f %% | %7.1f "
		       "%7.1f %5.2f | %4.0f\n",
			b.row->name, out ? "out" : "in", b.size, one->cycles[c], two->cycles[c],
			crypto, one->cycles[p], two->cycles[p], path, path / crypto * 100, sa_one,
			sa_two, sa_one / sa_two, b.line_cycles);
		return;
	}
	print_json("own SAs", 1, out, 1 / one->rate[p], 1 / one->rate[c]);
	print_json("own SAs", CORES, out, 1 / two->rate[p], 1 / two->rate[c]);
	print_json("one SA", 1, out, sa_one, 1 / one->rate[c]);
	print_json("one SA", CORES, out, sa_two, 1 / two->rate[c]);
}

static const struct gw_crypto_alg *
row_named(const char *name)
{
	const struct gw_crypto_alg *row;
	unsigned int i;

	for (i = 0; (row = gw_crypto_alg_at(i)) != NULL && strcmp(row->name, name) != 0; i++)
		;
	return row;
}

static void
plane_up(void)
{
	static struct gw_l2hdr l2 = {.len = 14, .hdr = {[12] = 0x86, 0xdd}};
	struct gw_plane *p = &b.plane;

	p->port = &b.port;
	p->socket = SOCKET_ID_ANY;
	p->busy = true;
	p->n_workers = CORES;
	p->pool = gw_pkt_pool_create("bench", 4095, 2048, p->socket);
	p->sadb = gw_sadb_create(256, p->socket);
	p->excp = gw_excp_create(256, p->socket);
	p->spis = gw_spiset_create(256, p->socket);
	p->half_open = gw_spiset_create(256, p->socket);
	p->rcu = gw_rcu_create(CORES, p->socket);
	p->pass = gw_pass_create(CORES, GW_PASS_DEPTH, p->socket);
	p->offers = gw_offer_create(CORES * GW_OFFER_N, p->socket);
	if (p->pool == NULL || p->sadb == NULL || p->excp == NULL || p->spis == NULL ||
		p->half_open == NULL || p->rcu == NULL || p->pass == NULL || p->offers == NULL)
		rte_panic("no memory\n");
	for (unsigned int i = 0; i < CORES; i++) {
		if (rte_pktmbuf_alloc_bulk(p->pool, b.core[i].pkts, CHUNK) != 0)
			rte_panic("no memory\n");
		gw_rcu_online(p->rcu, i);
	}
	if (rte_pktmbuf_alloc_bulk(p->pool, b.stream, STREAM) != 0)
		rte_panic("no memory\n");
	b.nexthop.l2 = &l2;
	port_up();
}

static void
plane_down(void)
{
	struct gw_plane *p = &b.plane;

	for (unsigned int i = 0; i < CORES; i++) {
		gw_rcu_offline(p->rcu, i);
		rte_pktmbuf_free_bulk(b.core[i].pkts, CHUNK);
	}
	rte_pktmbuf_free_bulk(b.stream, STREAM);
	gw_pass_destroy(p->pass);
	gw_offer_destroy(p->offers, CORES * GW_OFFER_N);
	gw_rcu_destroy(p->rcu);
	gw_spiset_destroy(p->half_open);
	gw_spiset_destroy(p->spis);
	gw_excp_destroy(p->excp);
	gw_sadb_destroy(p->sadb);
	rte_mempool_free(p->pool);
}

static void
each(bool json)
{
	for (unsigned int a = 0; a < RTE_DIM(names); a++) {
		b.row = row_named(names[a]);
		cores_up();
		for (unsigned int s = 0; s < RTE_DIM(sizes); s++) {
			struct figures one, two;

			b.size = sizes[s];
			b.line_cycles = line_cycles();
			measure(&one, &two);
			measure_one_sa();
			print_row(json, true, &one, &two);
			print_row(json, false, &one, &two);
		}
		cores_down();
	}
}

static bool
parse(int argc, char **argv, bool *json, const char **cpus)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
		{"turns", required_argument, NULL, 't'}, {"cpus", required_argument, NULL, 'c'},
		{0}};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'j')
			*json = true;
		else if (c == 't')
			b.turns = (unsigned int)atoi(optarg);
		else if (c == 'c')
			*cpus = optarg;
		else
			return false;
	}
	return optind == argc && b.turns >= 1 && b.turns <= TURNS_MAX && strchr(*cpus, ',') != NULL;
}

int
main(int argc, char **argv)
{
	char line[192], *args[16], *save = NULL;
	const char *cpus = "0,1";
	bool json = false;
	int n = 0;

	b.turns = 60;
	if (!parse(argc, argv, &json, &cpus)) {
		puts("bench_workers [--json] [--turns N] [--cpus A,B]\n"
		     "  TSC cycles per packet of each core, crypto alone and the worker's path, on "
		     "one core and on two at a time,\n"
		     "  and what two do together beside one; cycles by the clock for each packet "
		     "of "
		     "one SA, whose owner is alone\n"
		     "  and helped. turns: of each, 50 chunks of 64 packets, 2048 of the one SA.");
		return 2;
	}
	snprintf(line, sizeof(line),
		"bench %s -m 256 --no-pci --no-telemetry --no-shconf "
		"--log-level=*:error --lcores=0@%.*s,1@%s",
		line_memory(), (int)strcspn(cpus, ","), cpus, strchr(cpus, ',') + 1);
	for (args[n] = strtok_r(line, " ", &save); args[n] != NULL && n + 1 < (int)RTE_DIM(args);)
		args[++n] = strtok_r(NULL, " ", &save);
	if (rte_eal_init(n, args) < 0)
		return 1;
	plane_up();
	if (json)
		printf("[");
	else
		printf("TSC cycles per packet and core\n%-26s %-3s %5s | %7s %7s %5s | %7s %7s %5s "
		       "| of crypto's gain | one SA, helped, gain "
		       "| line\n",
			"", "dir", "size", "crypto", "on 2", "gain", "path", "on 2", "gain");
	each(json);
	if (json)
		printf("\n]\n");
	plane_down();
	rte_eal_cleanup();
	return 0;
}
