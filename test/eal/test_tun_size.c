/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sizes against the real kernel, in a network namespace (skipped where that is not allowed): a
 * Linux sender believes the errors that gw_out_prepare writes back, under the strictest rp_filter,
 * and a Linux receiver puts together the fragments that it makes.
 *
 *   sz0  the tunnel: 10.9.0.1/24 fd09::1/64, its MTU larger than the SA's
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_mempool.h>

#include "esp_util.h"
#include "lib/bytes.h"
#include "lib/csum.h"
#include "lib/gre.h"
#include "lib/inner.h"
#include "lib/netif.h"
#include "lib/stage.h"
#include "lib/tun.h"

#define PORT 9999

static struct rte_mempool *pool;
static struct gw_tunnel tunnel;
static struct gw_out out;
static struct gw_tun_rx *rx;

static int
write_file(const char *path, const char *what)
{
	int fd = open(path, O_WRONLY), ok;

	if (fd < 0)
		return -1;
	ok = write(fd, what, strlen(what)) == (ssize_t)strlen(what);
	close(fd);
	return ok ? 0 : -1;
}

/* A connected UDP socket that sets DF; the kernel drops from it what it knows to be too big. */
static int
sender(int family, const char *to)
{
	struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
	int s = socket(family, SOCK_DGRAM, 0), on = IP_PMTUDISC_DO;

	assert_true(s >= 0);
	if (family == AF_INET) {
		assert_int_equal(inet_pton(AF_INET, to, &a4.sin_addr), 1);
		assert_int_equal(setsockopt(s, IPPROTO_IP, IP_MTU_DISCOVER, &on, sizeof(on)), 0);
		assert_int_equal(connect(s, (struct sockaddr *)&a4, sizeof(a4)), 0);
	} else {
		assert_int_equal(inet_pton(AF_INET6, to, &a6.sin6_addr), 1);
		assert_int_equal(connect(s, (struct sockaddr *)&a6, sizeof(a6)), 0);
	}
	return s;
}

static int
path_mtu(int s, int family)
{
	int mtu = 0;
	socklen_t len = sizeof(mtu);

	assert_int_equal(family == AF_INET ? getsockopt(s, IPPROTO_IP, IP_MTU, &mtu, &len)
					   : getsockopt(s, IPPROTO_IPV6, IPV6_MTU, &mtu, &len),
		0);
	return mtu;
}

/* The kernel has things to say of its own, such as multicast reports. */
static bool
is_udp(struct rte_mbuf *m)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);

	return (p[0] >> 4 == 4 ? p[9] : p[6]) == IPPROTO_UDP;
}

/* What the kernel gave to the interface goes through the stage; its answers go back. */
static void
pass(unsigned int *ready, unsigned int *reply, unsigned int *refused)
{
	struct rte_mbuf *pkts[GW_BURST_MAX];
	uint16_t n, n_udp, bad;

	*ready = *reply = *refused = 0;
	while ((n = gw_tun_read(rx, &tunnel, pkts, GW_BURST_MAX, &bad)) > 0) {
		assert_int_equal(bad, 0);
		n_udp = 0;
		for (uint16_t i = 0; i < n; i++) {
			if (is_udp(pkts[i]))
				pkts[n_udp++] = pkts[i];
			else
				rte_pktmbuf_free(pkts[i]);
		}
		if (n_udp == 0)
			continue;
		gw_out_prepare(&out, pkts, n_udp, rte_rdtsc());
		*ready += out.n_ready;
		*reply += out.n_reply;
		*refused += out.n_refused;
		assert_int_equal(gw_tun_write(&tunnel, out.reply, out.n_reply), out.n_reply);
		rte_pktmbuf_free_bulk(out.ready, out.n_ready);
		rte_pktmbuf_free_bulk(out.refused, out.n_refused);
	}
}

/*
 * The kernel takes what was written in a softirq: soon, not at once. Asked of new sockets, because
 * an error that arrives while its socket is being asked does not reach what the socket has cached.
 */
static int
path_mtu_becomes(int family, const char *to, int want)
{
	int mtu = 0;

	for (unsigned int i = 0; i < 300 && mtu != want; i++) {
		int s = sender(family, to);

		mtu = path_mtu(s, family);
		close(s);
		if (mtu != want)
			usleep(10000);
	}
	return mtu;
}

/* Send at sizes around the MTU that only the stage knows, until the kernel knows it as well. */
static void
learns(int family, const char *to, uint16_t mtu, uint16_t told, uint16_t headers)
{
	unsigned int ready, reply, refused;
	int s = sender(family, to);
	char data[1500] = {0};

	tunnel.mtu = mtu;
	assert_int_equal(path_mtu(s, family), 1500);
	assert_int_equal(send(s, data, told - headers, 0), told - headers);
	pass(&ready, &reply, &refused);
	assert_int_equal(ready, 1);
	assert_int_equal(send(s, data, told - headers + 1u, 0), told - headers + 1);
	pass(&ready, &reply, &refused);
	assert_int_equal(ready, 0);
	assert_int_equal(reply, 1);
	assert_int_equal(refused, 1);
	assert_int_equal(path_mtu_becomes(family, to, told), told);
	close(s);
}

static void
sender_learns4(void **state)
{
	learns(AF_INET, "10.9.0.7", 1402, 1402, 28);
	learns(AF_INET, "10.9.0.8", 1194, 1194, 28);
}

static void
sender_learns6(void **state)
{
	learns(AF_INET6, "fd09::7", 1402, 1402, 48);
	learns(AF_INET6, "fd09::8", 1194, 1280, 48); /* never less than 1280 */
}

/* The other end's kernel is this one: what comes out of the stage is turned round and written back.
 */
static void
receiver_reassembles(void **state)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	uint8_t data[4000], got[4001];
	struct rte_mbuf *m = gw_pkt_alloc(pool), *r;
	struct gw_gre g;
	ssize_t len = -1;
	uint8_t *p;

	assert_int_equal(bind(s, (struct sockaddr *)&here, sizeof(here)), 0);
	for (unsigned int i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + (i >> 8));
	p = (uint8_t *)rte_pktmbuf_append(m, 28 + sizeof(data));
	if (p == NULL) { /* assert_non_null() does not tell gcc that it may not return */
		fail();
		return;
	}
	memset(p, 0, 28);
	p[0] = 0x45;
	gw_put16(p + 2, 28 + sizeof(data));
	gw_put16(p + 4, 77);
	p[8] = 64;
	p[9] = IPPROTO_UDP;
	memcpy(p + 12, (const uint8_t[]){10, 9, 0, 9, 10, 9, 0, 1}, 8);
	gw_put16(p + 10, gw_csum_fold(gw_csum_add(0, p, 20)));
	gw_put16(p + 20, PORT);
	gw_put16(p + 22, PORT);
	gw_put16(p + 24, 8 + sizeof(data)); /* no UDP checksum: IPv4 allows that */
	memcpy(p + 28, data, sizeof(data));

	tunnel.mtu = 1202;
	gw_pkt(m)->tunnel = &tunnel;
	gw_out_prepare(&out, &m, 1, rte_rdtsc());
	assert_int_equal(out.n_ready, 4);
	for (unsigned int i = 0; i < 4; i++) {
		r = out.ready[3 - i]; /* last one first */
		assert_int_equal(
			gw_gre_parse(rte_pktmbuf_mtod(r, uint8_t *), rte_pktmbuf_data_len(r), &g),
			GW_DROP_NONE);
		rte_pktmbuf_adj(r, g.hdr_len);
		assert_int_equal(gw_tun_write(&tunnel, &r, 1), 1);
	}
	for (unsigned int i = 0; i < 100 && len < 0; i++) {
		len = recv(s, got, sizeof(got), 0);
		if (len < 0)
			usleep(10000);
	}
	assert_int_equal(len, sizeof(data));
	assert_memory_equal(got, data, sizeof(data));
	close(s);
}

/*
 * A work queue makes the local route of an IPv6 address, some time after it was added; until then
 * what is sent to it is no packet of ours to the kernel. The route of an own address has loopback's
 * MTU.
 */
static int
wait_for_addr6(const char *addr)
{
	for (unsigned int i = 0; i < 300; i++) {
		int s = sender(AF_INET6, addr), mtu = path_mtu(s, AF_INET6);

		close(s);
		if (mtu > 1500)
			return 0;
		usleep(10000);
	}
	return -1;
}

static int
set_up(void **state)
{
	struct gw_prefix a4 = {.family = AF_INET, .bits = 24, .addr = {10, 9, 0, 1}};
	struct gw_prefix a6 = {.family = AF_INET6, .bits = 64, .addr = {0xfd, 0x09, [15] = 1}};
	struct gw_netif *nif = gw_netif_open();
	int index;

	pool = gw_pkt_pool_create("size", 255, 4200, SOCKET_ID_ANY);
	rx = gw_tun_rx_create(pool, 0, SOCKET_ID_ANY);
	if (pool == NULL || rx == NULL || nif == NULL)
		return -1;
	/* a source must be routed to where its packet came from */
	if (write_file("/proc/sys/net/ipv4/conf/all/rp_filter", "1") < 0)
		return -1;
	index = gw_netif_index(nif, "sz0");
	if (gw_netif_set_mtu(nif, index, 1500) < 0 || gw_netif_add_addr(nif, index, &a4) < 0 ||
		gw_netif_add_addr(nif, index, &a6) < 0 || gw_netif_set_up(nif, index, true) < 0)
		return -1;
	gw_netif_close(nif);
	if (wait_for_addr6("fd09::1") < 0)
		return -1;
	memcpy(&tunnel.addr6, a6.addr, 16);
	memcpy(&tunnel.addr4, a4.addr, 4);
	out.pool = pool;
	return 0;
}

static int
tear_down(void **state)
{
	close(tunnel.fd);
	gw_tun_rx_destroy(rx);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
	rte_mempool_free(pool);
	return 0;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(sender_learns4),
		cmocka_unit_test(sender_learns6),
		cmocka_unit_test(receiver_reassembles),
	};

	if (unshare(getuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET) < 0 ||
		(tunnel.fd = gw_tun_open("sz0", false)) < 0) {
		fprintf(stderr, "skipped: no network namespace or no /dev/net/tun here\n");
		return 77;
	}
	util_eal("test_tun_size");
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
