/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TUN descriptors and rtnetlink against the real kernel, in a network namespace of our own (as
 * root, or in a user namespace where those are allowed; else skipped).
 *
 *   tt0  the tunnel: 10.9.0.1/24 fd09::1/64, routes 10.99.0.0/16 fd99::/64, all guarded
 *   dt0  stands for the outside: default routes lead here, so whatever leaks can be read from it
 */
#include <rte_eal.h>
#include <rte_mbuf.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/netif.h"
#include "lib/pkt.h"
#include "lib/tap.h"
#include "lib/tun.h"

static struct rte_mempool *pool;
static struct gw_netif *nif;
static int outside_fd;
static struct gw_tun_rx *rx;

static struct gw_prefix
prefix(const char *addr, uint8_t bits)
{
	struct gw_prefix p = {.family = strchr(addr, ':') ? AF_INET6 : AF_INET, .bits = bits};

	assert_int_equal(inet_pton(p.family, addr, p.addr), 1);
	return p;
}

static void
check(int err)
{
	if (err)
		fail_msg("%s: %s", strerror(-err), gw_netif_error(nif));
}

static struct ifreq
ask_kernel(const char *name, unsigned long what)
{
	struct ifreq ifr = {0};
	int s = socket(AF_INET, SOCK_DGRAM, 0), err;

	strcpy(ifr.ifr_name, name);
	err = ioctl(s, what, &ifr);
	close(s);
	assert_int_equal(err, 0);
	return ifr;
}

static short
if_flags(const char *name)
{
	return ask_kernel(name, SIOCGIFFLAGS).ifr_flags;
}

/* The kernel follows a carrier from a work queue, within about a second. */
static bool
becomes_running(const char *name, bool want)
{
	unsigned int i;

	for (i = 0; i < 300; i++) {
		if (!!(if_flags(name) & IFF_RUNNING) == want)
			return true;
		usleep(10000);
	}
	return false;
}

static int
if_mtu(const char *name)
{
	return ask_kernel(name, SIOCGIFMTU).ifr_mtu;
}

static const char *const guarded[][2] = {
	{"10.9.0.0", "24"}, {"10.99.0.0", "16"}, {"fd09::", "64"}, {"fd99::", "64"}};

static void
guard_all(bool add)
{
	unsigned int i;

	for (i = 0; i < 4; i++) {
		struct gw_prefix p = prefix(guarded[i][0], (uint8_t)atoi(guarded[i][1]));

		check(gw_netif_guard(nif, &p, add));
	}
}

static void
configure(int index)
{
	struct gw_prefix a4 = prefix("10.9.0.1", 24), a6 = prefix("fd09::1", 64);
	struct gw_prefix r4 = prefix("10.99.0.0", 16), r6 = prefix("fd99::", 64);

	check(gw_netif_no_autoconf6(nif, index));
	check(gw_netif_set_mtu(nif, index, 1400));
	check(gw_netif_add_addr(nif, index, &a4));
	check(gw_netif_add_addr(nif, index, &a6));
	check(gw_netif_set_up(nif, index, true));
	check(gw_netif_add_route(nif, index, &r4));
	check(gw_netif_add_route(nif, index, &r6));
}

/* In the order that leaves no moment without a guard; the caller has set it. */
static int
tunnel_open(void)
{
	int fd = gw_tun_open("tt0", false), index;

	assert_true(fd >= 0);
	index = gw_netif_index(nif, "tt0");
	assert_true(index > 0);
	configure(index);
	return fd;
}

/* Read what is there and count the packets for a guarded destination. */
static unsigned int
drain(int fd)
{
	unsigned int n = 0;
	uint8_t b[2048];
	ssize_t len;

	while ((len = read(fd, b, sizeof(b))) > 0) {
		if (b[0] >> 4 == 4)
			n += b[16] == 10 && (b[17] == 9 || b[17] == 99);
		else if (b[0] >> 4 == 6)
			n += b[24] == 0xfd && (b[25] == 0x09 || b[25] == 0x99);
	}
	return n;
}

static const char *const inner_dst[] = {"10.9.0.7", "10.99.1.2", "fd09::7", "fd99::2"};

static int
send_to(const char *dst)
{
	struct gw_prefix p = prefix(dst, 0);
	struct sockaddr_in6 s6 = {.sin6_family = AF_INET6, .sin6_port = htons(9)};
	struct sockaddr_in s4 = {.sin_family = AF_INET, .sin_port = htons(9)};
	const struct sockaddr *sa = p.family == AF_INET ? (void *)&s4 : (void *)&s6;
	socklen_t len = p.family == AF_INET ? sizeof(s4) : sizeof(s6);
	int s = socket(p.family, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;

	memcpy(&s4.sin_addr, p.addr, 4);
	memcpy(&s6.sin6_addr, p.addr, 16);
	err = sendto(s, "leak", 4, 0, sa, len) < 0 ? -errno : 0;
	close(s);
	return err;
}

static void
send_quietly(void)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		send_to(inner_dst[i]);
}

static void
send_all(bool want_error)
{
	unsigned int i;

	for (i = 0; i < 4; i++) {
		int err = send_to(inner_dst[i]);

		if (want_error)
			assert_true(err == -EHOSTUNREACH || err == -ENETUNREACH);
		else
			assert_int_equal(err, 0);
	}
}

/* ---- tests ---- */

static void
open_names(void **state)
{
	int fd = gw_tun_open("tt0", false);

	assert_true(fd >= 0);
	assert_int_equal(if_flags("tt0") & (IFF_POINTOPOINT | IFF_NOARP | IFF_MULTICAST),
		IFF_POINTOPOINT | IFF_NOARP | IFF_MULTICAST);
	assert_int_equal(gw_tun_open("tt0", false), -EBUSY);
	assert_int_equal(gw_tun_open("lo", false), -EEXIST);
	assert_int_equal(gw_tun_open("tt%d", false), -EINVAL);
	assert_int_equal(gw_tun_open("", false), -EINVAL);
	assert_int_equal(gw_tun_open("sixteen-letters-", false), -ENAMETOOLONG);
	close(fd);
	assert_int_equal(gw_netif_index(nif, "tt0"), -ENODEV);
}

/* One interface, as many queues as workers; nobody else gets one by asking for the name. */
static void
open_queues(void **state)
{
	int fds[3], more[2];

	assert_int_equal(gw_tun_open_queues("tt0", true, fds, 3), 0);
	assert_int_equal(gw_tun_open_queues("tt0", true, more, 2), -EBUSY);
	assert_true(gw_tun_open("tt0", true) < 0);
	assert_int_equal(gw_tun_open_queues("tt%d", true, more, 2), -EINVAL);
	close(fds[0]);
	close(fds[1]);
	assert_true(gw_netif_index(nif, "tt0") > 0);
	close(fds[2]);
	assert_int_equal(gw_netif_index(nif, "tt0"), -ENODEV);
}

/* All of a group and nothing else; the descriptors then lead nowhere, and closing them is fine. */
static void
groups(void **state)
{
	int fd[3] = {
		gw_tun_open("tt0", false), gw_tun_open("tt1", false), gw_tun_open("tt2", false)};

	for (int i = 0; i < 3; i++)
		assert_true(fd[i] >= 0);
	check(gw_netif_set_group(nif, gw_netif_index(nif, "tt0"), 0x72610001));
	check(gw_netif_set_group(nif, gw_netif_index(nif, "tt2"), 0x72610001));
	check(gw_netif_del_group(nif, 0x72610001));
	assert_int_equal(gw_netif_index(nif, "tt0"), -ENODEV);
	assert_true(gw_netif_index(nif, "tt1") > 0);
	assert_int_equal(gw_netif_index(nif, "tt2"), -ENODEV);
	assert_true(gw_netif_del_group(nif, 0x72610001) < 0);
	for (int i = 0; i < 3; i++)
		close(fd[i]);
	assert_int_equal(gw_netif_index(nif, "tt1"), -ENODEV);
}

static void
link_settings(void **state)
{
	struct gw_prefix a6 = prefix("fd09::1", 64);
	struct in6_addr addr;
	int fd, index;

	guard_all(true);
	fd = tunnel_open();
	index = gw_netif_index(nif, "tt0");
	assert_int_equal(if_mtu("tt0"), 1400);
	assert_true(if_flags("tt0") & IFF_UP);
	check(gw_netif_set_carrier(nif, index, false));
	assert_true(becomes_running("tt0", false));
	drain(outside_fd);
	send_quietly();
	assert_int_equal(drain(fd) + drain(outside_fd), 0);
	check(gw_netif_set_carrier(nif, index, true));
	assert_true(becomes_running("tt0", true));
	check(gw_netif_add_addr(nif, index, &a6)); /* again is fine */
	memcpy(&addr, a6.addr, 16);
	assert_true(gw_netif_has_addr6(nif, &addr));
	addr.s6_addr[15] = 99;
	assert_false(gw_netif_has_addr6(nif, &addr));
	check(gw_netif_set_up(nif, index, false));
	assert_false(if_flags("tt0") & IFF_UP);
	close(fd);
	guard_all(false);
}

static void
no_stray_link_local(void **state)
{
	int fd = tunnel_open();
	FILE *f = fopen("/proc/thread-self/net/if_inet6", "r");
	unsigned int others = 0;
	char line[128];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		others += strstr(line, "tt0") && strncmp(line, "fe80", 4) == 0;
	fclose(f);
	assert_int_equal(others, 0);
	close(fd);
}

static void
kernel_words(void **state)
{
	int fd = gw_tun_open("tt0", false);
	struct gw_prefix bad = {.family = AF_INET, .bits = 33};

	assert_int_equal(gw_netif_set_mtu(nif, gw_netif_index(nif, "tt0"), 20), -EINVAL);
	assert_non_null(strstr(gw_netif_error(nif), "mtu"));
	assert_int_equal(gw_netif_set_up(nif, 12345, true), -ENODEV);
	assert_int_equal(gw_netif_guard(nif, &bad, true), -EINVAL);
	close(fd);
}

/* Somebody else's route with the same prefix and metric stays; ours is made anew. */
static void
routes_are_exclusive(void **state)
{
	struct gw_prefix r4 = prefix("10.99.0.0", 16), r6 = prefix("fd99::", 64);
	struct gw_prefix default4 = prefix("0.0.0.0", 0), default6 = prefix("::", 0);
	int fd = tunnel_open(), index = gw_netif_index(nif, "tt0");

	check(gw_netif_add_route(nif, index, &r4));
	check(gw_netif_add_route(nif, index, &r6));
	assert_int_equal(gw_netif_add_route(nif, index, &default4), -EEXIST);
	assert_int_equal(gw_netif_add_route(nif, index, &default6), -EEXIST);
	drain(outside_fd);
	assert_int_equal(send_to("10.100.0.1"), 0);
	assert_int_equal(drain(fd), 0);
	close(fd);
}

static void
guard_takes_over(void **state)
{
	int fd;

	guard_all(true);
	guard_all(true); /* again is fine */
	drain(outside_fd);
	send_all(true);
	assert_int_equal(drain(outside_fd), 0);
	fd = tunnel_open();
	send_all(false); /* the device's routes win while it is up */
	assert_int_equal(drain(fd), 4);
	check(gw_netif_set_up(nif, gw_netif_index(nif, "tt0"), false));
	send_all(true);
	close(fd);
	send_all(true);
	assert_int_equal(drain(outside_fd), 0);
	guard_all(false);
	guard_all(false); /* gone already is fine */
	/* the detector detects */
	send_all(false);
	assert_int_equal(drain(outside_fd), 4);
}

static atomic_bool flood_stop;
static atomic_uint flood_sent;

static void *
flood(void *arg)
{
	while (!atomic_load(&flood_stop)) {
		send_quietly();
		atomic_fetch_add(&flood_sent, 4);
	}
	return NULL;
}

/* Comes and goes under traffic: not one packet takes the default route. */
static void
no_leak_in_between(void **state)
{
	unsigned int i, leaked = 0, carried = 0;
	pthread_t thread;

	guard_all(true);
	drain(outside_fd);
	atomic_store(&flood_stop, false);
	assert_int_equal(pthread_create(&thread, NULL, flood, NULL), 0);
	for (i = 0; i < 30; i++) {
		int fd = tunnel_open();

		usleep(3000);
		carried += drain(fd);
		close(fd);
		usleep(3000);
		leaked += drain(outside_fd);
	}
	atomic_store(&flood_stop, true);
	pthread_join(thread, NULL);
	leaked += drain(outside_fd);
	guard_all(false);
	assert_int_equal(leaked, 0);
	assert_true(carried > 0);
	assert_true(atomic_load(&flood_sent) > carried);
}

static struct rte_mbuf *
udp4(const char *text)
{
	static const uint8_t head[28] = {0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 10, 9, 0, 7, 10,
		9, 0, 1, 0x12, 0x34, 0x0f, 0xa0};
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	uint16_t len = (uint16_t)(sizeof(head) + strlen(text));
	uint32_t sum = 0;
	uint8_t *p;
	int i;

	assert_non_null(m);
	p = (uint8_t *)rte_pktmbuf_append(m, len);
	memcpy(p, head, sizeof(head));
	memcpy(p + sizeof(head), text, strlen(text));
	p[3] = (uint8_t)len;
	p[25] = (uint8_t)(len - 20);
	for (i = 0; i < 20; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	p[10] = (uint8_t)(~sum >> 8);
	p[11] = (uint8_t)~sum;
	return m;
}

static void
write_packets(void **state)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(4000)};
	int fd = tunnel_open(), s = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	const struct gw_tunnel t = {.fd = fd};
	struct rte_mbuf *pkts[3] = {udp4("one"), udp4("junk"), udp4("two")};
	char text[8] = {0};

	assert_int_equal(bind(s, (void *)&sin, sizeof(sin)), 0);
	*rte_pktmbuf_mtod(pkts[1], uint8_t *) = 0x25; /* neither IPv4 nor IPv6 */
	assert_int_equal(gw_tun_write(&t, pkts, 3), 2);
	assert_int_equal(gw_pkt(pkts[0])->drop, GW_DROP_TUN_ERROR);
	assert_memory_equal(rte_pktmbuf_mtod_offset(pkts[0], char *, 28), "junk", 4);
	rte_pktmbuf_free(pkts[0]);
	assert_int_equal(recv(s, text, sizeof(text), 0), 3);
	assert_string_equal(text, "one");
	assert_int_equal(recv(s, text, sizeof(text), 0), 3);
	assert_string_equal(text, "two");

	check(gw_netif_set_up(nif, gw_netif_index(nif, "tt0"), false));
	pkts[0] = udp4("late");
	assert_int_equal(gw_tun_write(&t, pkts, 1), 0);
	assert_int_equal(gw_pkt(pkts[0])->drop, GW_DROP_TUN_DOWN);
	rte_pktmbuf_free(pkts[0]);
	close(s);
	close(fd);
}

static void
read_packets(void **state)
{
	int fd = tunnel_open();
	struct gw_tunnel t = {.fd = fd};
	struct rte_mbuf *pkts[8];
	uint16_t i, n, refused;

	drain(fd);
	send_all(false);
	n = gw_tun_read(rx, &t, pkts, 3, &refused);
	assert_int_equal(n, 3);
	assert_ptr_equal(gw_pkt(pkts[0])->tunnel, &t);
	assert_int_equal(pkts[0]->data_off, GW_PKT_HEADROOM);
	assert_int_equal(pkts[0]->data_len, 20 + 8 + 4);
	assert_int_equal(pkts[0]->pkt_len, 20 + 8 + 4);
	assert_int_equal(*rte_pktmbuf_mtod(pkts[0], uint8_t *), 0x45);
	assert_int_equal(*rte_pktmbuf_mtod(pkts[2], uint8_t *) >> 4, 6);
	n = (uint16_t)(n + gw_tun_read(rx, &t, pkts + 3, 5, &refused));
	assert_int_equal(n, 4);
	assert_int_equal(refused, 0);
	assert_null(gw_tun_rx_pending(rx));
	for (i = 0; i < n; i++)
		rte_pktmbuf_free(pkts[i]);
	close(fd);
}

/* No mbuf left: packets stay in the kernel's queue, and are there afterwards. */
static void
read_without_mbufs(void **state)
{
	struct rte_mbuf *hoard[512], *pkts[8];
	int fd = tunnel_open();
	struct gw_tunnel t = {.fd = fd};
	unsigned int n = 0;
	uint16_t refused;

	drain(fd);
	send_all(false);
	while (n < 512 && (hoard[n] = rte_pktmbuf_alloc(pool)))
		n++;
	assert_int_equal(gw_tun_read(rx, &t, pkts, 8, &refused), 0);
	while (n > 0)
		rte_pktmbuf_free(hoard[--n]);
	assert_int_equal(gw_tun_read(rx, &t, pkts, 8, &refused), 4);
	for (n = 0; n < 4; n++)
		rte_pktmbuf_free(pkts[n]);
	close(fd);
}

/* A free name, and nothing is left of the question. */
static void
tap_names(void **state)
{
	int fd;

	assert_int_equal(gw_tap_try("tt0"), 0);
	assert_int_equal(gw_netif_index(nif, "tt0"), -ENODEV);
	assert_int_equal(gw_tap_try("lo"), -EBUSY);
	assert_int_equal(gw_tap_try("sixteen-letters-"), -ENAMETOOLONG);
	fd = gw_tap_open("tt0");
	assert_true(fd >= 0);
	assert_int_equal(gw_tap_try("tt0"), -EBUSY);
	close(fd);
}

/* What handoff = virtio-user counts on: with IFF_NOARP the kernel asks for no address, IPv6 or not,
 * and sends to the interface's own MAC; and it takes what comes from any to that one. */
static void
tap_without_arp(void **state)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(4000)};
	int fd = gw_tap_open("tt0"), s, index = gw_netif_index(nif, "tt0");
	struct ifreq ifr;
	uint8_t b[2048];
	unsigned int n = 0;
	struct rte_mbuf *m;
	char text[16] = "";
	ssize_t len;

	assert_true(fd >= 0);
	check(gw_netif_set_noarp(nif, index));
	configure(index);
	assert_int_equal(if_flags("tt0") & (IFF_NOARP | IFF_UP), IFF_NOARP | IFF_UP);
	ifr = ask_kernel("tt0", SIOCGIFHWADDR);
	send_all(false);
	while ((len = read(fd, b, sizeof(b))) > 0) {
		assert_true(b[14] >> 4 == (b[12] == 0x08 ? 4 : 6)); /* no ARP */
		assert_false(b[12] == 0x86 && b[20] == 58 &&
			     b[54] == 135);         /* no neighbour solicitation */
		if (b[12] == 0x86 && b[38] == 0xff) /* multicast listener reports */
			continue;
		assert_memory_equal(b, ifr.ifr_hwaddr.sa_data, 6);
		n++;
	}
	assert_int_equal(n, 4);

	s = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(s, (void *)&to, sizeof(to)), 0);
	m = udp4("hello");
	memcpy(b, ifr.ifr_hwaddr.sa_data, 6);
	memcpy(b + 6, ifr.ifr_hwaddr.sa_data, 6);
	b[11] ^= 1;
	memcpy(b + 12, "\x08", 2);
	memcpy(b + 14, rte_pktmbuf_mtod(m, void *), m->data_len);
	assert_int_equal(write(fd, b, 14u + m->data_len), 14 + m->data_len);
	assert_int_equal(recv(s, text, sizeof(text), 0), 5);
	assert_string_equal(text, "hello");
	rte_pktmbuf_free(m);
	close(s);
	close(fd);
}

static uint64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void
readiness(void **state)
{
	struct gw_tunset *s = gw_tunset_create(2);
	int fd = tunnel_open(), pipefd[2], one, two;
	uint64_t start;
	void *first;

	assert_non_null(s);
	assert_int_equal(pipe(pipefd), 0);
	drain(fd);
	assert_int_equal(gw_tunset_add(s, fd, &one), 0);
	assert_int_equal(gw_tunset_add(s, fd, &one), -EEXIST);
	assert_int_equal(gw_tunset_add(s, pipefd[0], &two), 0);
	assert_int_equal(gw_tunset_add(s, 0, &two), -ENOSPC);
	assert_null(gw_tunset_next(s));
	gw_tunset_wait(s, 0);
	assert_null(gw_tunset_next(s));
	start = now_us();
	gw_tunset_wait(s, 2000);
	assert_in_range(now_us() - start, 1900, 500000);
	assert_null(gw_tunset_next(s));
	send_all(false);
	gw_tunset_wait(s, 100000);
	assert_ptr_equal(gw_tunset_next(s), &one);
	assert_null(gw_tunset_next(s)); /* until it is looked at again */
	assert_int_equal(write(pipefd[1], "x", 1), 1);
	gw_tunset_wait(s, 0);
	first = gw_tunset_next(s);
	gw_tunset_wait(s, 0); /* one is left */
	assert_ptr_equal(gw_tunset_next(s), first == &one ? (void *)&two : &one);
	assert_null(gw_tunset_next(s));
	/* taken out between the look and its turn */
	gw_tunset_wait(s, 0);
	assert_int_equal(gw_tunset_del(s, pipefd[0]), 0);
	assert_int_equal(gw_tunset_del(s, pipefd[0]), -ENOENT);
	assert_ptr_equal(gw_tunset_next(s), &one);
	assert_null(gw_tunset_next(s));
	gw_tunset_destroy(s);
	close(pipefd[0]);
	close(pipefd[1]);
	close(fd);
}

/* ---- set-up ---- */

static int
enter_namespace(void)
{
	char map[64];
	unsigned int uid = getuid();
	int fd;

	if (uid == 0)
		return unshare(CLONE_NEWNET);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return -1;
	fd = open("/proc/self/uid_map", O_WRONLY);
	if (fd < 0)
		return -1;
	snprintf(map, sizeof(map), "0 %u 1", uid);
	if (write(fd, map, strlen(map)) < 0)
		map[0] = '\0';
	close(fd);
	return map[0] ? 0 : -1;
}

static int
set_up(void **state)
{
	struct gw_prefix a4 = prefix("192.0.2.1", 24), a6 = prefix("2001:db8::1", 64);
	struct gw_prefix default4 = prefix("0.0.0.0", 0), default6 = prefix("::", 0);
	int index;

	pool = rte_pktmbuf_pool_create("tt", 255, 0, RTE_ALIGN(sizeof(struct gw_pkt), 8),
		2048 + GW_PKT_HEADROOM + GW_PKT_TAILROOM, SOCKET_ID_ANY);
	rx = gw_tun_rx_create(pool, 0, SOCKET_ID_ANY);
	nif = gw_netif_open();
	outside_fd = gw_tun_open("dt0", false);
	if (!pool || !rx || !nif || outside_fd < 0)
		return -1;
	check(gw_netif_set_up(nif, gw_netif_index(nif, "lo"), true));
	index = gw_netif_index(nif, "dt0");
	check(gw_netif_no_autoconf6(nif, index));
	check(gw_netif_add_addr(nif, index, &a4));
	check(gw_netif_add_addr(nif, index, &a6));
	check(gw_netif_set_up(nif, index, true));
	check(gw_netif_add_route(nif, index, &default4));
	check(gw_netif_add_route(nif, index, &default6));
	return 0;
}

static int
tear_down(void **state)
{
	int left = (int)rte_mempool_in_use_count(pool);

	gw_tun_rx_destroy(rx);
	gw_netif_close(nif);
	close(outside_fd);
	return left; /* every mbuf came back */
}

int
main(int argc, char **argv)
{
	static char words[][16] = {"test", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry",
		"-m", "64", "-l", "0", "--log-level=3"};
	char *eal[RTE_DIM(words)];
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_names),
		cmocka_unit_test(open_queues),
		cmocka_unit_test(groups),
		cmocka_unit_test(link_settings),
		cmocka_unit_test(no_stray_link_local),
		cmocka_unit_test(kernel_words),
		cmocka_unit_test(routes_are_exclusive),
		cmocka_unit_test(guard_takes_over),
		cmocka_unit_test(no_leak_in_between),
		cmocka_unit_test(write_packets),
		cmocka_unit_test(read_packets),
		cmocka_unit_test(read_without_mbufs),
		cmocka_unit_test(tap_names),
		cmocka_unit_test(tap_without_arp),
		cmocka_unit_test(readiness),
	};
	unsigned int i;
	int fd;

	for (i = 0; i < RTE_DIM(words); i++)
		eal[i] = words[i];
	if (enter_namespace() < 0 || (fd = gw_tun_open("probe0", false)) < 0) {
		fprintf(stderr, "skipped: no network namespace or no /dev/net/tun here\n");
		return 77;
	}
	close(fd);
	if (rte_eal_init(RTE_DIM(eal), eal) < 0)
		return 1;
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
