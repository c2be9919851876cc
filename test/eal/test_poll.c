/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What one poll does, in the worker itself, between an outside port and hand-offs in memory.
 * Packets held for want of an SA go out once, in order, and a poll looks at a bounded number of
 * tunnels that hold some. However many tunnels have packets to send, all get their turn, and the
 * port does, too, which is asked again when it has more than it gives at once. A worker is busy
 * while packets come or go on, and not while it sleeps.
 */
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>

#include "app/worker_priv.h"
#include "lib/nexthop.h"
#include "lib/sa_priv.h"

#include "esp_util.h"

#define TUNNELS 200u
#define POLLED  4u           /* of them, the first; the others have descriptors */
#define BUSY    8u           /* worker_out.c's HELD_LOOKS */
#define MANY    GW_BURST_MAX /* its OUT_PACKETS */
#define FRAMES  1024
#define HOLD    2

/* the inner packet's length tells which one it is */
#define FIRST  100u
#define SECOND 200u

static struct {
	struct gw_plane plane;
	struct gw_port port;
	struct gw_worker *w;
	struct gw_nexthop nexthop;
	struct gw_tunnel *tunnels[TUNNELS];
	struct rte_mbuf *in[FRAMES], *out[FRAMES];
	unsigned int n_in, n_out;
	int fds[TUNNELS];           /* the kernel's end of a tunnel's descriptor */
	unsigned int sent[TUNNELS]; /* packets that went out by flush() */
	bool flood;                 /* outside never stops */
	uint16_t few;               /* it gives so many at a time, 0 = as many as it is asked for */
	uint16_t left;              /* and when it does not flood it has these */
	unsigned int asked;         /* times */
	uint64_t received;          /* before it began */
	void *data, *no_callback;
} t;

/* Frames for nobody */
static uint16_t
outside_rx(void *q, struct rte_mbuf **pkts, uint16_t n)
{
	t.asked++;
	if (!t.flood)
		n = RTE_MIN(n, t.left);
	if (t.few > 0)
		n = RTE_MIN(n, t.few);
	if (n == 0)
		return 0;
	if (!t.flood)
		t.left -= n;
	assert_int_equal(rte_pktmbuf_alloc_bulk(t.plane.pool, pkts, n), 0);
	for (uint16_t i = 0; i < n; i++)
		memset(rte_pktmbuf_append(pkts[i], 60), 0, 60);
	return n;
}

static uint16_t
outside_tx(void *q, struct rte_mbuf **pkts, uint16_t n)
{
	assert_true(t.n_out + n <= FRAMES);
	memcpy(t.out + t.n_out, pkts, n * sizeof(pkts[0]));
	t.n_out += n;
	return n;
}

static uint16_t
inside_read(struct gw_tunnel *tunnel, struct rte_mbuf **pkts, uint16_t n, uint16_t *refused)
{
	*refused = 0;
	n = (uint16_t)RTE_MIN(n, t.n_in);
	if (t.few > 0)
		n = RTE_MIN(n, t.few);
	memcpy(pkts, t.in, n * sizeof(pkts[0]));
	t.n_in -= n;
	memmove(t.in, t.in + n, t.n_in * sizeof(t.in[0]));
	return n;
}

static uint16_t
inside_write(struct gw_tunnel *tunnel, struct rte_mbuf **pkts, uint16_t n)
{
	fail_msg("nothing comes from outside");
	return 0;
}

static const struct gw_handoff_ops polled = {.read = inside_read, .write = inside_write};
static const struct gw_handoff_ops written = {.write = inside_write};

static void
fill(uint8_t *p, uint16_t len)
{
	static const uint8_t template[20] = {0x45, [8] = 64, 17, [12] = 10, 0, 0, 1, 10, 0, 0, 2};
	struct rte_ipv4_hdr *h = (struct rte_ipv4_hdr *)p;

	memset(p, 0, len);
	memcpy(p, template, sizeof(template));
	h->total_length = rte_cpu_to_be_16(len);
	h->hdr_checksum = rte_ipv4_cksum(h);
}

/* To a polled one. */
static void
give(unsigned int i, uint16_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(t.plane.pool);

	assert_non_null(m);
	m->data_off = GW_PKT_HEADROOM;
	m->data_len = len;
	m->pkt_len = len;
	fill(rte_pktmbuf_mtod(m, uint8_t *), len);
	*gw_pkt(m) = (struct gw_pkt){.tunnel = t.tunnels[i]};
	t.in[t.n_in++] = m;
}

/* By its descriptor. */
static void
give_fd(unsigned int i, unsigned int n)
{
	uint8_t p[FIRST];

	fill(p, FIRST);
	while (n-- > 0)
		assert_int_equal(send(t.fds[i], p, FIRST, MSG_DONTWAIT), FIRST);
}

static void
polls(unsigned int n)
{
	while (n-- > 0)
		gw_worker_poll(t.w);
}

/* Take what went out. @return packets */
static unsigned int
flush(void)
{
	unsigned int n = t.n_out;

	for (unsigned int i = 0; i < n; i++)
		t.sent[gw_pkt(t.out[i])->tunnel->index]++;
	rte_pktmbuf_free_bulk(t.out, n);
	t.n_out = 0;
	return n;
}

static struct gw_worker_stats
stats(void)
{
	struct gw_worker_stats st;

	gw_worker_get_stats(t.w, &st);
	return st;
}

static uint32_t
n_held(void)
{
	uint32_t n = 0;

	for (unsigned int i = 0; i < TUNNELS; i++)
		n += t.tunnels[i]->n_held;
	return n;
}

static void
sa_up(unsigned int i)
{
	struct gw_sa_params p = {
		.alg = {.cipher = GW_CIPHER_AES_GCM,
			.auth = GW_AUTH_AEAD,
			.icv_len = 16,
			.key_len = 16},
		.spi = 256 + i,
		.local = {.s6_addr = {0x20, 1, [15] = 1}},
		.remote = {.s6_addr = {0x20, 1, [15] = 2}},
		.nexthop = &t.nexthop,
	};
	struct gw_sa_out *out = gw_sa_out_create(&p, SOCKET_ID_ANY);

	assert_non_null(out);
	atomic_store(&t.tunnels[i]->sa_out, out);
}

static void
sas_down(void)
{
	for (unsigned int i = 0; i < TUNNELS; i++)
		gw_sa_out_destroy(atomic_exchange(&t.tunnels[i]->sa_out, NULL));
	rte_pktmbuf_free_bulk(t.out, t.n_out);
	t.n_out = 0;
}

static int
up(void **state)
{
	static struct gw_l2hdr l2 = {.len = 14, .hdr = {[12] = 0x86, 0xdd}};
	static struct gw_local local;
	struct gw_plane *p = &t.plane;
	struct rte_eth_fp_ops *ops = &rte_eth_fp_ops[0];

	ops->rx_pkt_burst = outside_rx;
	ops->tx_pkt_burst = outside_tx;
	ops->rxq = ops->txq = (struct rte_ethdev_qdata){&t.data, &t.no_callback};
	t.port.mtu = 1500;
	t.port.n_rx_queues = t.port.n_tx_queues = 1;
	t.nexthop.l2 = &l2;
	p->port = &t.port;
	p->socket = SOCKET_ID_ANY;
	p->pool = gw_pkt_pool_create("poll", FRAMES - 1, 2048, p->socket);
	p->sadb = gw_sadb_create(256, p->socket);
	p->excp = gw_excp_create(64, p->socket);
	p->n_workers = 1;
	p->rcu = gw_rcu_create(1, p->socket);
	p->local = &local;
	assert_true(p->pool != NULL && p->sadb != NULL && p->excp != NULL && p->rcu != NULL);
	for (unsigned int i = 0; i < TUNNELS; i++) {
		struct gw_tunnel *tunnel =
			rte_zmalloc("tunnel", sizeof(*tunnel) + HOLD * sizeof(tunnel->held[0]), 64);

		assert_non_null(tunnel);
		tunnel->index = i;
		tunnel->handoff = i < POLLED ? &polled : &written;
		tunnel->fd = -1;
		if (i >= POLLED) {
			int pair[2];

			assert_int_equal(
				socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
			tunnel->fd = pair[0];
			t.fds[i] = pair[1];
		}
		tunnel->hop_limit = 64;
		tunnel->mtu = 1400;
		tunnel->hold_max = HOLD;
		t.tunnels[i] = tunnel;
	}
	p->tunnels = t.tunnels;
	p->n_tunnels = TUNNELS;
	t.w = gw_worker_create(p, 0);
	assert_non_null(t.w);
	gw_rcu_online(p->rcu, 0);
	return 0;
}

static int
down(void **state)
{
	struct gw_plane *p = &t.plane;

	gw_rcu_offline(p->rcu, 0);
	gw_worker_destroy(t.w);
	for (unsigned int i = 0; i < TUNNELS; i++) {
		if (i >= POLLED) {
			close(t.tunnels[i]->fd);
			close(t.fds[i]);
		}
		rte_free(t.tunnels[i]);
	}
	gw_rcu_destroy(p->rcu);
	gw_excp_destroy(p->excp);
	gw_sadb_destroy(p->sadb);
	assert_int_equal(rte_mempool_in_use_count(p->pool), 0);
	rte_mempool_free(p->pool);
	return 0;
}

/* A packet of its own for each tunnel, held. */
static void
all_hold(void)
{
	for (unsigned int i = 0; i < TUNNELS; i++)
		give(i, FIRST);
	polls(TUNNELS);
	assert_int_equal(n_held(), TUNNELS);
	assert_int_equal(t.n_out, 0);
}

/* A poll that is not idle: tunnel 0 has traffic, and no SA. */
static void
busy_poll(void)
{
	give(0, SECOND);
	polls(1);
}

static void
test_bounded(void **state)
{
	unsigned int before;

	all_hold();
	busy_poll();
	for (unsigned int i = 1; i < TUNNELS; i++)
		sa_up(i);
	for (unsigned int i = 0; i < 2 * TUNNELS / BUSY; i++) {
		before = t.n_out;
		busy_poll();
		assert_true(t.n_out - before <= BUSY);
	}
	polls(2); /* what gathered, too */
	assert_int_equal(t.n_out, TUNNELS - 1);
	assert_int_equal(n_held(), t.tunnels[0]->hold_max);
	sa_up(0);
	polls(1);
	assert_int_equal(n_held(), 0);
	assert_int_equal(t.n_out, TUNNELS - 1 + t.tunnels[0]->hold_max);
	sas_down();
}

static void
test_in_order(void **state)
{
	const uint16_t around = 14 + 40 + 8 + 8 + 16;

	all_hold();
	sa_up(TUNNELS - 1);
	give(TUNNELS - 1, SECOND);
	polls(TUNNELS);
	assert_int_equal(t.n_out, 2);
	/* GRE's four bytes, and ESP's trailer to a multiple of four */
	assert_int_equal(t.out[0]->pkt_len, around + FIRST + 4 + 4);
	assert_int_equal(t.out[1]->pkt_len, around + SECOND + 4 + 4);
	assert_int_equal(n_held(), TUNNELS - 1);
	for (unsigned int i = 0; i < TUNNELS - 1; i++)
		atomic_fetch_add(&t.tunnels[i]->hold_flush, 1);
	polls(TUNNELS);
	assert_int_equal(n_held(), 0);
	sas_down();
}

/* @return how many more went out of one tunnel with a descriptor than of another, at most */
static unsigned int
spread(void)
{
	unsigned int least = UINT32_MAX, most = 0;

	for (unsigned int i = POLLED; i < TUNNELS; i++) {
		least = RTE_MIN(least, t.sent[i]);
		most = RTE_MAX(most, t.sent[i]);
	}
	return most - least;
}

static void
flood_begins(void)
{
	for (unsigned int i = 0; i < TUNNELS; i++)
		sa_up(i);
	memset(t.sent, 0, sizeof(t.sent));
	t.received = stats().rx_packets;
	t.flood = true;
}

/* Every poll has taken a burst from the port. */
static void
flood_ends(unsigned int n_polls)
{
	assert_int_equal(stats().rx_packets - t.received, n_polls * GW_BURST_MAX);
	t.flood = false;
	sas_down();
}

/* 196 tunnels with more than a burst each, and a port that is always full. */
static void
test_turns(void **state)
{
	unsigned int total = 0, n = 0, each = GW_BURST_MAX + 6, all = (TUNNELS - POLLED) * each;

	flood_begins();
	for (unsigned int i = POLLED; i < TUNNELS; i++)
		give_fd(i, each);
	for (; total < all; n++) {
		unsigned int out;

		assert_true(n < 2 * all / MANY);
		polls(1);
		out = flush();
		assert_true(out <= MANY + GW_BURST_MAX);
		total += out;
		/* nobody is served a second time before all have been once */
		assert_true(spread() <= GW_BURST_MAX);
	}
	assert_int_equal(total, all);
	flood_ends(n);
}

/* One that has much to send gets a burst in each poll. */
static void
test_one(void **state)
{
	unsigned int n = 0, total = 0, each = 3 * GW_BURST_MAX;

	flood_begins();
	give_fd(TUNNELS - 1, each);
	while (total == 0 && n < 17) { /* somewhen it is looked at */
		polls(1);
		n++;
		total += flush();
	}
	for (unsigned int i = 0; i < 4; i++, n++) {
		polls(1);
		total += flush();
	}
	assert_int_equal(total, each);
	flood_ends(n);
}

static void
test_polled_turns(void **state)
{
	unsigned int all = 500, total = 0, n = 0;

	flood_begins();
	for (unsigned int i = 0; i < all; i++)
		give(i % POLLED, FIRST);
	for (; total < all && n < 12; n++) {
		unsigned int before = t.n_in;

		polls(1);
		assert_true(before - t.n_in <= 2 * MANY);
		total += flush();
	}
	assert_int_equal(total, all);
	flood_ends(n);
}

#define TRIED 16 /* one poll of so many asks a port again that had no more before */
#define MOST  48 /* packets, and there is no room for a read any more */

/* A port and a hand-off that give few at a time although they have more are asked until a burst is
 * there. */
static void
test_few(void **state)
{
	uint64_t before;
	unsigned int had;

	t.few = 4;
	t.flood = true;
	polls(TRIED);
	before = stats().rx_packets;
	polls(10);
	assert_true(stats().rx_packets - before > 10 * MOST);
	t.flood = false;

	sa_up(0);
	for (unsigned int i = 0; i < 600; i++)
		give(0, FIRST);
	do {
		had = t.n_in;
		polls(1);
		assert_true(t.n_in > 200);
	} while (had - t.n_in == POLLED * t.few);
	had = t.n_in;
	polls(4);
	assert_true(had - t.n_in > 4 * MOST);
	polls(20);
	assert_int_equal(flush(), 600);
	t.few = 0;
	sas_down();
}

/* One that has given all that it has is asked a second time now and then. */
static void
test_all(void **state)
{
	const unsigned int n = 100 * TRIED;

	polls(TRIED);
	t.asked = 0;
	for (unsigned int i = 0; i < n; i++) {
		t.left = 10;
		polls(1);
		assert_int_equal(t.left, 0);
	}
	assert_true(t.asked > n);
	assert_true(t.asked <= n + n / TRIED + TRIED); /* and some after the test before */
}

/* @return whether the last poll was busy, which the next one counts */
static bool
was_busy(void)
{
	uint64_t before = stats().busy_tsc;

	polls(1);
	return stats().busy_tsc > before;
}

/* What came before and goes on now is work, too. */
static void
test_busy(void **state)
{
	uint64_t gather_tsc = t.w->gather_tsc;

	t.w->gather_tsc = 100 * t.w->tsc_per_ms; /* longer than any poll, but slow ones */
	polls(2);
	assert_false(was_busy());
	sa_up(0);
	give(0, FIRST);
	polls(1);
	give(0, FIRST);
	polls(1);
	assert_int_equal(t.n_out, 1); /* the second one waits for more */
	polls(1);
	assert_int_equal(t.n_out, 2);
	assert_true(was_busy());
	assert_false(was_busy());
	give(1, FIRST);
	polls(3);
	assert_int_equal(n_held(), 1);
	assert_false(was_busy());
	sa_up(1);
	polls(1);
	assert_int_equal(n_held(), 0);
	assert_true(was_busy());
	assert_false(was_busy());
	t.w->gather_tsc = gather_tsc;
	sas_down();
}

#define WAKES 100

static void *
wake(void *arg)
{
	for (unsigned int i = 0; i < WAKES; i++) {
		usleep(1000);
		give_fd(TUNNELS - 1, 1);
	}
	return NULL;
}

/* Packets that wake it cost what is done with them, not the time it slept before. */
static void
test_asleep(void **state)
{
	unsigned int some = 0, less = 0, out = 0;
	uint64_t busy, before, began, sleeps;
	pthread_t thread;

	sa_up(TUNNELS - 1);
	polls(100);
	assert_int_equal(pthread_create(&thread, NULL, wake, NULL), 0);
	while (out < WAKES) {
		sleeps = stats().sleeps;
		began = rte_rdtsc();
		polls(1);
		began = rte_rdtsc() - began;
		if (t.n_out == 0)
			continue;
		out += flush();
		if (stats().sleeps == sleeps)
			continue;
		before = stats().busy_tsc;
		polls(1);
		busy = stats().busy_tsc - before;
		some += busy > 0;
		/* not always: its CPU may be taken away when it is awake */
		less += busy < began / 2;
	}
	pthread_join(thread, NULL);
	assert_true(some > 0);
	assert_true(less > 0);
	sas_down();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_in_order),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_polled_turns),
		cmocka_unit_test(test_few),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_asleep),
	};

	util_eal("test_poll");
	return cmocka_run_group_tests(tests, up, down);
}
