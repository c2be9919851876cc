/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a packet costs in the worker, in TSC cycles, beside its crypto alone: gw_worker_poll() as it
 * is, between an outside port and a hand-off that are arrays in memory. README.md has the method.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_debug.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>

#include "app/worker.h"
#include "bare.h"
#include "lib/esp.h"
#include "lib/nexthop.h"
#include "lib/sa_priv.h"
#include "line.h"

#define POOL_COLD  8192 /* mbufs of 2.3 KB: some times the second-level cache */
#define SAS_MANY   10000
#define ROUNDS_MAX 20000

static const char *const names[] = {"AES_GCM_16-128", "AES_GCM_16-256", "AES_CBC-128/HMAC_SHA1_96",
	"AES_CBC-256/HMAC_SHA2_256_128", "CHACHA20_POLY1305"};
static const uint16_t sizes[] = {64, 128, 256, 512, 1024, 1420, 0};
static const uint16_t bursts[] = {4, 8, 32, 64};

struct want {
	const char *alg, *pool;
	int size, burst;
	long sas;
	unsigned int rounds;
	bool json, no_huge, sleep;
};

struct bench {
	struct gw_plane plane;
	struct gw_worker *w;
	struct gw_port port;
	struct gw_nexthop nexthop;
	struct line outside, inside;
	void *outside_data, *no_callback;

	/* of one algorithm and number of SAs */
	const struct gw_crypto_alg *row;
	struct bare *bare;
	uint32_t n_sas;
	struct gw_tunnel **tunnels;
	struct gw_sa_in **in;
	struct gw_demux **demux;

	/* of one measurement */
	uint16_t size, burst; /* size 0: mixed */
	uint32_t n_pkts;
	struct rte_mbuf *pkts[POOL_COLD];
	uint32_t sa_of[POOL_COLD];
};

static struct bench b;

/*
 * Ports of memory
 */

/* the tunnel that a packet is from stays in it from one measurement to the next */
static uint16_t
inside_read(struct gw_tunnel *t, struct rte_mbuf **pkts, uint16_t n, uint16_t *refused)
{
	*refused = 0;
	n = line_give(&b.inside, pkts, n);
	for (uint16_t i = 0; i < n; i++)
		*gw_pkt(pkts[i]) = (struct gw_pkt){.tunnel = gw_pkt(pkts[i])->tunnel};
	return n;
}

static uint16_t
inside_write(struct gw_tunnel *t, struct rte_mbuf **pkts, uint16_t n)
{
	return line_take(&b.inside, pkts, n);
}

static const struct gw_handoff_ops polled = {.read = inside_read, .write = inside_write};
static const struct gw_handoff_ops written = {.write = inside_write};

/* What an ethdev's fast path is made of (rte_ethdev_core.h), without the ethdev. */
static void
port_up(void)
{
	struct rte_eth_fp_ops *ops = &rte_eth_fp_ops[0];

	b.outside_data = &b.outside;
	ops->rx_pkt_burst = line_rx;
	ops->tx_pkt_burst = line_tx;
	ops->rxq = (struct rte_ethdev_qdata){&b.outside_data, &b.no_callback};
	ops->txq = (struct rte_ethdev_qdata){&b.outside_data, &b.no_callback};
	b.port.mtu = 2000;
	b.port.n_rx_queues = b.port.n_tx_queues = 1;
	snprintf(b.port.name, sizeof(b.port.name), "memory");
}

/*
 * Tunnels and SAs
 */

static const struct in6_addr us = {.s6_addr = {0x20, 1, [15] = 1}};

static void
tunnel_up(uint32_t i)
{
	struct gw_sa_params p = {
		.alg = {.cipher = b.row->cipher,
			.auth = b.row->auth,
			.icv_len = b.row->icv_len,
			.key_len = b.row->key_len,
			.auth_key_len = b.row->auth_key_len},
		.replay_window = 1024,
		.spi = gw_sadb_spi_alloc(b.plane.sadb),
		.local = us,
		.remote = us, /* what goes out comes in again */
		.nexthop = &b.nexthop,
	};
	struct gw_tunnel *t = rte_zmalloc("tunnel", sizeof(*t), 64);
	struct gw_demux *d = rte_zmalloc("demux", sizeof(*d), 64);
	struct gw_sa_out *out;

	if (t == NULL || d == NULL)
		rte_panic("no memory for tunnel %u\n", i);
	memcpy(p.alg.key, &i, sizeof(i));
	d->keyless = t;
	p.demux = d;
	out = gw_sa_out_create(&p, SOCKET_ID_ANY);
	b.in[i] = gw_sa_in_create(&p, SOCKET_ID_ANY);
	if (out == NULL || b.in[i] == NULL)
		rte_panic("no memory for SA %u\n", i);
	gw_sadb_publish(b.plane.sadb, b.in[i]);
	t->index = i;
	t->handoff = i == 0 ? &polled : &written;
	t->fd = -1;
	t->hop_limit = 64;
	gw_tunnel_set_tc(t, GW_DSCP_COPY, GW_ECN_NORMAL);
	t->mtu = 1500;
	t->mss4 = t->mss6 = 1360;
	t->sa_out = out;
	b.tunnels[i] = t;
	b.demux[i] = d;
}

static void
sas_up(uint32_t n)
{
	static struct gw_local local = {.n = 1};

	local.addr[0] = us;
	b.n_sas = n;
	b.tunnels = calloc(n, sizeof(b.tunnels[0]));
	b.in = calloc(n, sizeof(b.in[0]));
	b.demux = calloc(n, sizeof(b.demux[0]));
	b.bare = bare_create(b.row, n);
	if (b.tunnels == NULL || b.in == NULL || b.demux == NULL || b.bare == NULL)
		rte_panic("no memory\n");
	for (uint32_t i = 0; i < n; i++)
		tunnel_up(i);
	b.plane.tunnels = b.tunnels;
	b.plane.n_tunnels = n;
	b.plane.local = &local;
	b.w = gw_worker_create(&b.plane, 0);
	if (b.w == NULL)
		rte_panic("no worker\n");
}

static void
sas_down(void)
{
	gw_worker_destroy(b.w);
	for (uint32_t i = 0; i < b.n_sas; i++) {
		gw_sadb_retire(b.plane.sadb, b.in[i]);
		gw_sadb_spi_free(b.plane.sadb, gw_sa_in_spi(b.in[i]));
		gw_sa_in_destroy(b.in[i]);
		gw_sa_out_destroy(b.tunnels[i]->sa_out);
		rte_free(b.tunnels[i]);
		rte_free(b.demux[i]);
	}
	bare_destroy(b.bare);
	free(b.tunnels);
	free(b.in);
	free(b.demux);
}

/*
 * Packets
 */

/* The size is that of the ESP payload: GRE and the inner packet. Mixed: 7 of 64, 4 of 512, 1 of
 * 1420 */
static uint16_t
size_of(uint32_t i)
{
	static const uint16_t mix[12] = {64, 512, 64, 64, 1420, 64, 512, 64, 512, 64, 512, 64};

	return b.size != 0 ? b.size : mix[i % RTE_DIM(mix)];
}

static void
refill(void)
{
	for (uint32_t i = 0; i < b.n_pkts; i++) {
		line_fill(b.pkts[i], size_of(i));
		gw_pkt(b.pkts[i])->tunnel = b.tunnels[b.sa_of[i]];
	}
}

/* each SA is met once before any is met again, in random order */
static void
shuffle(void)
{
	static uint32_t order[SAS_MANY];

	for (uint32_t i = 0; i < b.n_sas; i++)
		order[i] = i;
	srandom(1);
	for (uint32_t i = 0; i < b.n_pkts; i++) {
		uint32_t at = i % b.n_sas, with = at + (uint32_t)random() % (b.n_sas - at),
			 v = order[at];

		order[at] = order[with];
		order[with] = v;
		b.sa_of[i] = order[at];
	}
}

static void
texts(uint32_t first, struct bare_text *t)
{
	for (uint32_t i = 0; i < CHUNK; i++) {
		const struct rte_mbuf *m = b.pkts[first + i];

		t[i].text = (uint8_t *)m->buf_addr + GW_PKT_HEADROOM -
			    GRE_LEN; /* where it is in the path */
		t[i].len =
			(size_of(first + i) + 2u + b.row->align - 1) / b.row->align * b.row->align;
		t[i].key = b.sa_of[first + i];
	}
}

/*
 * Measuring
 */

static uint64_t
time_bare(uint32_t first, bool out)
{
	struct bare_text t[CHUNK];
	uint64_t start, spent = 0;

	texts(first, t);
	for (uint16_t at = 0; at < CHUNK; at += b.burst) {
		bare_prepare(b.bare, t + at, b.burst);
		start = rte_rdtsc_precise();
		bare_run(b.bare, out);
		spent += rte_rdtsc_precise() - start;
	}
	return spent;
}

static int
compare(const void *x, const void *y)
{
	uint64_t a = *(const uint64_t *)x, c = *(const uint64_t *)y;

	return a < c ? -1 : a > c;
}

static double
median(uint64_t *v, unsigned int n)
{
	qsort(v, n, sizeof(v[0]), compare);
	return (double)v[n / 2] / CHUNK;
}

static void
print_row(const struct want *want, bool out, double crypto, double path)
{
	const char *dir = out ? "out" : "in", *pool = b.n_pkts == CHUNK ? "hot" : "cold";
	static bool first = true;

	if (!want->json) {
		printf("%-30s %-3s %5u %5u %6u %-4s | %7.1f %7.1f %+7.1f %5.2f\n", b.row->name, dir,
			b.size, b.burst, b.n_sas, pool, crypto, path, path - crypto, path / crypto);
		return;
	}
	printf("%s\n{\"alg\": \"%s\", \"dir\": \"%s\", \"size\": %u, \"burst\": %u, \"sas\": %u, "
	       "\"pool\": \"%s\", "
	       "\"crypto_cycles\": %.1f, \"path_cycles\": %.1f, \"overhead_cycles\": %.1f, "
	       "\"ratio\": %.3f}",
		first ? "" : ",", b.row->name, dir, b.size, b.burst, b.n_sas, pool, crypto, path,
		path - crypto, path / crypto);
	first = false;
}

static void
measure(const struct want *want)
{
	static uint64_t v[4][ROUNDS_MAX];
	unsigned int chunks = b.n_pkts / CHUNK, rounds = RTE_MAX(want->rounds / chunks, 1u), n = 0;
	struct rte_mbuf *frames[CHUNK];
	double m[4];

	b.outside.burst = b.inside.burst = b.burst;
	shuffle();
	for (unsigned int r = 0; r <= rounds; r++) {
		if (r == 1)
			n = 0; /* the first round warms up */
		for (unsigned int c = 0; c < chunks; c++)
			v[0][n + c] = time_bare(c * CHUNK, true);
		for (unsigned int c = 0; c < chunks; c++)
			v[1][n + c] = time_bare(c * CHUNK, false);
		refill();
		for (unsigned int c = 0; c < chunks; c++) {
			v[2][n + c] =
				line_time(b.w, &b.inside, b.pkts + c * CHUNK, CHUNK, &b.outside);
			memcpy(b.pkts + c * CHUNK, b.outside.taken, sizeof(frames));
		}
		for (unsigned int c = 0; c < chunks; c++) {
			memcpy(frames, b.pkts + c * CHUNK, sizeof(frames));
			v[3][n + c] = line_time(b.w, &b.outside, frames, CHUNK, &b.inside);
		}
		n += chunks;
	}
	for (unsigned int i = 0; i < 4; i++)
		m[i] = median(v[i], n);
	print_row(want, true, m[0], m[2]);
	print_row(want, false, m[1], m[3]);
}

/*
 * Which
 */

static void
each_burst_and_size(const struct want *want)
{
	for (unsigned int k = 0; k < RTE_DIM(bursts); k++) {
		for (unsigned int s = 0; s < RTE_DIM(sizes); s++) {
			b.burst = bursts[k];
			b.size = sizes[s];
			if ((want->burst == 0 || want->burst == b.burst) &&
				(want->size < 0 || want->size == b.size))
				measure(want);
		}
	}
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
each(const struct want *want)
{
	const uint32_t all[] = {1, SAS_MANY}, one[] = {(uint32_t)want->sas};
	const uint32_t *sas = want->sas != 0 ? one : all;
	unsigned int n = want->sas != 0 ? RTE_DIM(one) : RTE_DIM(all);
	static const char *const pools[] = {"hot", "cold"};

	for (unsigned int a = 0; a < RTE_DIM(names); a++) {
		b.row = row_named(names[a]);
		if (want->alg != NULL && strstr(names[a], want->alg) == NULL)
			continue;
		for (unsigned int i = 0; i < n; i++) {
			sas_up(sas[i]);
			for (unsigned int p = 0; p < RTE_DIM(pools); p++) {
				if (want->pool != NULL && strcmp(want->pool, pools[p]) != 0)
					continue;
				b.n_pkts = p == 0 ? CHUNK : POOL_COLD;
				/* more SAs than buffers are never met with hot ones */
				if (p == 1 || sas[i] <= CHUNK)
					each_burst_and_size(want);
			}
			sas_down();
		}
	}
}

static void
plane_up(const struct want *want)
{
	static struct gw_l2hdr l2 = {.len = 14, .hdr = {[12] = 0x86, 0xdd}};
	struct gw_plane *p = &b.plane;

	p->port = &b.port;
	p->socket = SOCKET_ID_ANY;
	p->busy = !want->sleep;
	p->pool = gw_pkt_pool_create("bench", POOL_COLD + 2 * GW_BURST_MAX - 1, 2048, p->socket);
	p->sadb = gw_sadb_create(1 << 15, p->socket);
	p->excp = gw_excp_create(256, p->socket);
	p->spis = gw_spiset_create(256, p->socket);
	p->half_open = gw_spiset_create(256, p->socket);
	p->n_workers = 1;
	p->rcu = gw_rcu_create(1, p->socket);
	if (p->pool == NULL || p->sadb == NULL || p->excp == NULL || p->spis == NULL ||
		p->half_open == NULL || p->rcu == NULL ||
		rte_pktmbuf_alloc_bulk(p->pool, b.pkts, POOL_COLD) != 0)
		rte_panic("no memory\n");
	gw_rcu_online(p->rcu, 0);
	b.nexthop.l2 = &l2;
	port_up();
}

static void
plane_down(void)
{
	struct gw_plane *p = &b.plane;

	gw_rcu_offline(p->rcu, 0);
	gw_rcu_destroy(p->rcu);
	gw_spiset_destroy(p->half_open);
	gw_spiset_destroy(p->spis);
	gw_excp_destroy(p->excp);
	gw_sadb_destroy(p->sadb);
	rte_pktmbuf_free_bulk(b.pkts, POOL_COLD);
	rte_mempool_free(p->pool);
}

static void
usage(void)
{
	puts("bench_path [--json] [--rounds N] [--alg PART] [--size BYTES] [--burst N] [--sas N] "
	     "[--pool hot|cold] [--no-huge] [--sleep]\n"
	     "  TSC cycles per packet in the worker, beside crypto alone. size: ESP payload, 0: "
	     "mixed, 7 of 64, 4 of 512,\n"
	     "  1 of 1420 bytes. rounds: chunks of 64 packets per figure, 2000 by default. sleep: "
	     "the worker may, "
	     "so it looks at descriptors.");
}

static bool
parse(int argc, char **argv, struct want *want)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
		{"rounds", required_argument, NULL, 'r'}, {"alg", required_argument, NULL, 'a'},
		{"size", required_argument, NULL, 's'}, {"burst", required_argument, NULL, 'b'},
		{"sas", required_argument, NULL, 'n'}, {"pool", required_argument, NULL, 'p'},
		{"no-huge", no_argument, NULL, 'h'}, {"sleep", no_argument, NULL, 'i'}, {0}};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			want->json = true;
			break;
		case 'h':
			want->no_huge = true;
			break;
		case 'i':
			want->sleep = true;
			break;
		case 'r':
			want->rounds = (unsigned int)atoi(optarg);
			break;
		case 'a':
			want->alg = optarg;
			break;
		case 's':
			want->size = atoi(optarg);
			break;
		case 'b':
			want->burst = atoi(optarg);
			break;
		case 'n':
			want->sas = atol(optarg);
			break;
		case 'p':
			want->pool = optarg;
			break;
		default:
			return false;
		}
	}
	return optind == argc && want->sas >= 0 && want->sas <= SAS_MANY && want->rounds >= 1 &&
	       want->rounds <= ROUNDS_MAX - POOL_COLD / CHUNK;
}

int
main(int argc, char **argv)
{
	struct want want = {.size = -1, .rounds = 2000};
	char line[128], *args[16], *save = NULL;
	const char *memory;
	int n = 0;

	if (!parse(argc, argv, &want)) {
		usage();
		return 2;
	}
	memory = want.no_huge ? "--no-huge" : line_memory();
	snprintf(line, sizeof(line),
		"bench %s -m 512 --no-pci --no-telemetry --no-shconf --lcores=0 "
		"--log-level=*:error",
		memory);
	for (args[n] = strtok_r(line, " ", &save); args[n] != NULL && n + 1 < (int)RTE_DIM(args);)
		args[++n] = strtok_r(NULL, " ", &save);
	if (rte_eal_init(n, args) < 0)
		return 1;
	plane_up(&want);
	if (want.json)
		printf("[");
	else
		printf("TSC cycles per packet, %s pages\n%-30s %-3s %5s %5s %6s %-4s | %7s %7s %7s "
		       "%5s\n",
			strcmp(memory, "--no-huge") == 0 ? "4 KB" : "huge", "", "dir", "size",
			"burst", "sas", "pool", "crypto", "path", "over", "ratio");
	each(&want);
	if (want.json)
		printf("\n]\n");
	plane_down();
	rte_eal_cleanup();
	return 0;
}
