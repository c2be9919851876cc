/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Super-packets against the real kernel, in a network namespace (skipped where that is not
 * allowed): what its TCP sends through a TUN with offload is read as valid segments, and what is
 * written coalesced its TCP takes. The tunnel is its own far end: what is read has its addresses
 * turned round by NAT of ours and is written back, so that a TCP connection runs through it.
 *
 *   of0  10.9.0.1/24 fd09::1/64, MTU 1400
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_mempool.h>

#include "esp_util.h"
#include "lib/bytes.h"
#include "lib/csum.h"
#include "lib/inner.h"
#include "lib/netif.h"
#include "lib/super.h"
#include "lib/tun.h"

#define MTU   1400
#define MSS   (MTU - 20 - 32) /* IPv4, with timestamps */
#define BYTES (300 * 1024)

static struct rte_mempool *pool;
static struct gw_tun_rx *rx;
static struct gw_tunnel tunnel = {.name = "of0", .offload = true};
static uint8_t data[BYTES], got[BYTES];

/* ---- packets ---- */

static size_t
tcp_off(const uint8_t *p)
{
	return p[0] >> 4 == 4 ? 20 : 40;
}

static bool
is_tcp(const struct rte_mbuf *m)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);

	return p[0] == 0x45 ? p[9] == IPPROTO_TCP : p[0] >> 4 == 6 && p[6] == IPPROTO_TCP;
}

static uint16_t
l4_csum(const uint8_t *p, uint8_t proto)
{
	size_t off = tcp_off(p), len = p[0] >> 4 == 4 ? gw_get16(p + 2) : 40u + gw_get16(p + 4);
	uint64_t sum = (uint64_t)proto + len - off;

	sum = p[0] >> 4 == 4 ? gw_csum_add(sum, p + 12, 8) : gw_csum_add(sum, p + 8, 32);
	return gw_csum_fold(gw_csum_add(sum, p + off, len - off));
}

/* As on a wire: size, lengths and every checksum. */
static void
check_segment(struct rte_mbuf *m)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	struct gw_inner in;

	assert_int_equal(m->data_off, GW_PKT_HEADROOM);
	assert_true(m->data_len <= MTU);
	assert_int_equal(m->pkt_len, m->data_len);
	assert_true(rte_pktmbuf_tailroom(m) >= GW_PKT_TAILROOM);
	assert_ptr_equal(gw_pkt(m)->tunnel, &tunnel);
	assert_true(gw_inner_parse(p, m->data_len, &in));
	assert_int_equal(in.len, m->data_len);
	if (is_tcp(m))
		assert_int_equal(l4_csum(p, IPPROTO_TCP), 0);
}

/*
 * From 10.9.0.1 to 10.9.0.2 becomes from 10.9.0.2 to 10.9.0.1, and so with fd09::: the kernel talks
 * to itself through us. To exchange addresses changes no checksum.
 */
static void
turn_round(struct rte_mbuf *m)
{
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *), src[16];
	size_t at = p[0] >> 4 == 4 ? 12 : 8, len = p[0] >> 4 == 4 ? 4 : 16;

	memcpy(src, p + at, len);
	memcpy(p + at, p + at + len, len);
	memcpy(p + at + len, src, len);
}

/* ---- the wire ---- */

struct counts {
	unsigned int segments, full_bursts, writes_failed;
};

/* Read what there is, in bursts of max, and give it back to the kernel. */
static void
pump(uint16_t max, struct counts *c)
{
	struct rte_mbuf *pkts[GW_BURST_MAX];
	uint16_t n, refused, n_tcp;

	while ((n = gw_tun_read(rx, &tunnel, pkts, max, &refused)) > 0) {
		n_tcp = 0;
		assert_int_equal(refused, 0);
		c->full_bursts += n == max;
		for (uint16_t i = 0; i < n; i++) {
			check_segment(pkts[i]);
			if (!is_tcp(pkts[i])) { /* the kernel's own: router solicitations */
				rte_pktmbuf_free(pkts[i]);
				continue;
			}
			turn_round(pkts[i]);
			pkts[n_tcp++] = pkts[i];
		}
		c->segments += n_tcp;
		if (n_tcp > 0)
			c->writes_failed += n_tcp - gw_tun_write(&tunnel, pkts, n_tcp);
	}
	assert_null(gw_tun_rx_pending(rx));
}

/* ---- sockets ---- */

static socklen_t
address(int family, const char *text, uint16_t port, struct sockaddr_storage *sa)
{
	struct sockaddr_in *a4 = (struct sockaddr_in *)sa;
	struct sockaddr_in6 *a6 = (struct sockaddr_in6 *)sa;

	memset(sa, 0, sizeof(*sa));
	sa->ss_family = (sa_family_t)family;
	if (family == AF_INET) {
		a4->sin_port = htons(port);
		assert_int_equal(inet_pton(AF_INET, text, &a4->sin_addr), 1);
		return sizeof(*a4);
	}
	a6->sin6_port = htons(port);
	assert_int_equal(inet_pton(AF_INET6, text, &a6->sin6_addr), 1);
	return sizeof(*a6);
}

/* Our own address, so that what we turn round comes from where it was sent to. */
static int
listener(int family)
{
	struct sockaddr_storage sa;
	socklen_t len = address(family, family == AF_INET ? "10.9.0.1" : "fd09::1", 7000, &sa);
	int s = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;

	assert_true(s >= 0);
	assert_int_equal(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
	assert_int_equal(bind(s, (struct sockaddr *)&sa, len), 0);
	assert_int_equal(listen(s, 1), 0);
	return s;
}

static int
sender(int family)
{
	struct sockaddr_storage sa;
	socklen_t len = address(family, family == AF_INET ? "10.9.0.2" : "fd09::2", 7000, &sa);
	int s = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_true(s >= 0);
	connect(s, (struct sockaddr *)&sa, len);
	return s;
}

/* What the interface counts: a super-packet is one. */
static void
if_packets(unsigned long *in, unsigned long *out)
{
	FILE *f = fopen("/proc/thread-self/net/dev", "r");
	char line[512];
	int found = 0;

	assert_non_null(f);
	while (found != 2 && fgets(line, sizeof(line), f) != NULL)
		found = sscanf(line, " of0: %*u %lu %*u %*u %*u %*u %*u %*u %*u %lu", in, out);
	fclose(f);
	assert_int_equal(found, 2);
}

/* Everything from a to b, the wire between them worked by us. */
static void
transfer(int a, int listening, uint16_t max, struct counts *c)
{
	size_t sent = 0, received = 0;
	int b = -1;

	for (unsigned int i = 0; i < 20000 && received < BYTES; i++) {
		ssize_t n = sent < BYTES ? send(a, data + sent, BYTES - sent, MSG_NOSIGNAL) : 0;

		sent += n > 0 ? (size_t)n : 0;
		pump(max, c);
		if (b < 0)
			b = accept(listening, NULL, NULL);
		n = b >= 0 ? recv(b, got + received, BYTES - received, MSG_DONTWAIT) : 0;
		received += n > 0 ? (size_t)n : 0;
		if (n <= 0)
			usleep(200);
	}
	assert_int_equal(received, BYTES);
	close(b);
}

static void
stream(int family, uint16_t max)
{
	struct counts c = {0};
	int s = listener(family), a = sender(family);
	unsigned long in, out, in_then, out_then;

	if_packets(&in_then, &out_then);
	memset(got, 0, BYTES);
	transfer(a, s, max, &c);
	assert_memory_equal(got, data, BYTES);
	assert_int_equal(c.writes_failed, 0);
	assert_true(c.segments > BYTES / MTU);
	/* fewer packets crossed the descriptor than there were segments, each way */
	if_packets(&in, &out);
	assert_true(out - out_then < c.segments / 2);
	if (max > 8)
		assert_true(in - in_then < c.segments / 2);
	close(a);
	close(s);
	usleep(1000);
	pump(max, &c);
}

/* ---- tests ---- */

static void
stream4(void **state)
{
	stream(AF_INET, GW_BURST_MAX);
}

static void
stream6(void **state)
{
	stream(AF_INET6, GW_BURST_MAX);
}

/* A burst of five: a super-packet is handed out in many. */
static void
small_bursts(void **state)
{
	struct counts c = {0};

	stream(AF_INET, 5);
	stream(AF_INET6, 1);
	pump(5, &c);
}

static uint32_t
seq_of(const struct rte_mbuf *m)
{
	return gw_get32(rte_pktmbuf_mtod_offset(m, const uint8_t *, 24));
}

/* No mbuf in the middle of a super-packet: the rest is there when some have come back. */
static void
pool_runs_dry(void **state)
{
	struct rte_mbuf *hoard[512], *pkts[GW_BURST_MAX];
	int s = listener(AF_INET), a = sender(AF_INET), b = -1;
	unsigned int n_hoard = 0, first, rest = 0;
	struct counts c = {0};
	uint16_t refused, n;

	for (unsigned int i = 0; i < 1000 && b < 0; i++) {
		pump(GW_BURST_MAX, &c);
		b = accept(s, NULL, NULL);
	}
	assert_true(b >= 0);
	assert_true(send(a, data, 8 * MSS, MSG_NOSIGNAL) > 0);
	while (n_hoard < 512 && (hoard[n_hoard] = rte_pktmbuf_alloc(pool)) != NULL)
		n_hoard++;
	for (unsigned int i = 0; i < 3; i++)
		rte_pktmbuf_free(hoard[--n_hoard]);
	first = gw_tun_read(rx, &tunnel, pkts, GW_BURST_MAX, &refused);
	assert_int_equal(first, 3);
	assert_ptr_equal(gw_tun_rx_pending(rx), &tunnel);
	assert_int_equal(gw_tun_read(rx, &tunnel, pkts + 3, GW_BURST_MAX - 3, &refused), 0);
	assert_ptr_equal(gw_tun_rx_pending(rx), &tunnel);
	rte_pktmbuf_free_bulk(hoard, n_hoard);
	while (first + rest < 8 &&
		(n = gw_tun_read(rx, &tunnel, pkts + first + rest, 2, &refused)) > 0)
		rest += n;
	assert_int_equal(first + rest, 8);
	for (unsigned int i = 0; i < 8; i++) {
		check_segment(pkts[i]);
		assert_int_equal(seq_of(pkts[i]), seq_of(pkts[0]) + i * MSS);
	}
	rte_pktmbuf_free_bulk(pkts, 8);
	close(a);
	close(b);
	close(s);
	usleep(1000);
	pump(GW_BURST_MAX, &c);
}

/* The kernel leaves UDP's checksum to us. */
static void
udp_checksum(void **state)
{
	for (unsigned int i = 0; i < 2; i++) {
		int family = i == 0 ? AF_INET : AF_INET6, s = socket(family, SOCK_DGRAM, 0);
		struct sockaddr_storage sa;
		socklen_t len = address(family, family == AF_INET ? "10.9.0.7" : "fd09::7", 9, &sa);
		struct rte_mbuf *pkts[GW_BURST_MAX];
		unsigned int seen = 0;
		uint16_t n, refused;

		assert_int_equal(sendto(s, "odd", 3, 0, (struct sockaddr *)&sa, len), 3);
		close(s);
		n = gw_tun_read(rx, &tunnel, pkts, GW_BURST_MAX, &refused);
		for (uint16_t k = 0; k < n; k++) {
			const uint8_t *p = rte_pktmbuf_mtod(pkts[k], const uint8_t *);

			check_segment(pkts[k]);
			if ((p[0] >> 4 == 4 ? p[9] : p[6]) != IPPROTO_UDP)
				continue;
			seen++;
			assert_int_equal(l4_csum(p, IPPROTO_UDP), 0);
			assert_int_not_equal(gw_get16(p + tcp_off(p) + 6), 0);
		}
		assert_int_equal(seen, 1);
		rte_pktmbuf_free_bulk(pkts, n);
	}
}

/* An mbuf takes each of its segments, or none is cut: the interface's MTU may be any. */
static void
segments_that_fit(void **state)
{
	const struct virtio_net_hdr v = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.gso_size = 100,
		.csum_start = 20,
		.csum_offset = 16,
	};
	static struct gw_super s;
	uint8_t *p = s.p;

	p[0] = 0x45;
	gw_put16(p + 2, 340);
	p[8] = 64;
	p[9] = IPPROTO_TCP;
	gw_put16(p + 10, gw_csum_fold(gw_csum_add(0, p, 20)));
	p[32] = 0x50;
	assert_true(gw_super_open(&s, &v, 340, 140));
	assert_true(gw_super_is_pending(&s));
	assert_false(gw_super_open(&s, &v, 340, 139));
	assert_false(gw_super_is_pending(&s));
}

/* As one goes, all go: of a super-packet each mbuf has the reason, in front and in order. */
static void
down(void **state)
{
	struct gw_netif *nif = gw_netif_open();
	struct rte_mbuf *pkts[3];
	int index = gw_netif_index(nif, "of0");

	for (unsigned int i = 0; i < 3; i++) {
		uint8_t *p;

		pkts[i] = gw_pkt_alloc(pool);
		p = (uint8_t *)rte_pktmbuf_append(pkts[i], 140);
		if (p == NULL) {
			fail();
			return;
		}
		memset(p, 0, 140);
		memcpy(p, (const uint8_t[]){0x45, 0, 0, 140, 0, 0, 0x40, 0, 64, 6}, 10);
		memcpy(p + 12, (const uint8_t[]){10, 9, 0, 2, 10, 9, 0, 1}, 8);
		gw_put16(p + 10, gw_csum_fold(gw_csum_add(0, p, 20)));
		gw_put32(p + 24, i * 100);
		gw_put16(p + 32, 0x5010);
		gw_put16(p + 36, l4_csum(p, IPPROTO_TCP));
	}
	assert_int_equal(gw_netif_set_up(nif, index, false), 0);
	assert_int_equal(gw_tun_write(&tunnel, pkts, 3), 0);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(gw_pkt(pkts[i])->drop, GW_DROP_TUN_DOWN);
		assert_int_equal(seq_of(pkts[i]), i * 100);
	}
	rte_pktmbuf_free_bulk(pkts, 3);
	gw_netif_close(nif);
}

/* ---- set-up ---- */

static int
write_file(const char *path, const char *what)
{
	FILE *f = fopen(path, "w");

	if (f == NULL)
		return -1;
	fputs(what, f);
	return fclose(f);
}

static int
set_up(void **state)
{
	struct gw_prefix a4 = {.family = AF_INET, .bits = 24, .addr = {10, 9, 0, 1}};
	struct gw_prefix a6 = {.family = AF_INET6, .bits = 64, .addr = {0xfd, 0x09, [15] = 1}};
	struct gw_netif *nif = gw_netif_open();
	int index;

	pool = gw_pkt_pool_create("offload", 511, 4200, SOCKET_ID_ANY);
	rx = gw_tun_rx_create(pool, 0, SOCKET_ID_ANY);
	if (pool == NULL || rx == NULL || nif == NULL)
		return -1;
	for (unsigned int i = 0; i < BYTES; i++)
		data[i] = (uint8_t)(i * 2654435761u >> 13);
	index = gw_netif_index(nif, "of0");
	if (gw_netif_no_autoconf6(nif, index) < 0 || gw_netif_set_mtu(nif, index, MTU) < 0 ||
		write_file("/proc/sys/net/ipv6/conf/of0/accept_dad", "0") < 0 ||
		gw_netif_add_addr(nif, index, &a4) < 0 || gw_netif_add_addr(nif, index, &a6) < 0 ||
		gw_netif_set_up(nif, index, true) < 0)
		return -1;
	gw_netif_close(nif);
	usleep(100000);
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
		cmocka_unit_test(stream4),
		cmocka_unit_test(stream6),
		cmocka_unit_test(small_bursts),
		cmocka_unit_test(pool_runs_dry),
		cmocka_unit_test(udp_checksum),
		cmocka_unit_test(segments_that_fit),
		cmocka_unit_test(down),
	};

	if (unshare(getuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET) < 0 ||
		(tunnel.fd = gw_tun_open("of0", true)) < 0) {
		fprintf(stderr, "skipped: no network namespace or no /dev/net/tun here\n");
		return 77;
	}
	util_eal("test_tun_offload");
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
