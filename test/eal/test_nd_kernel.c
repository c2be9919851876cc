/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ctl_nd against the kernel's neighbour discovery, over a TAP in a namespace of our own: we are
 * 2001:db8::1 behind it, the kernel 2001:db8::2 on it. Skipped where namespaces are not allowed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <netinet/icmp6.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/ctl_nd.h"
#include "lib/netif.h"

static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 9};
static struct gw_netif *nif;

struct link {
	int tap;
	int index;
	uint8_t kernel_mac[6];
	struct nd *nd;
	uint64_t now;
	unsigned int n_usable, n_duplicate, n_udp;
};

static struct in6_addr
ip6(const char *text)
{
	struct in6_addr a;

	assert_int_equal(inet_pton(AF_INET6, text, &a), 1);
	return a;
}

static struct gw_prefix
prefix(const char *text)
{
	struct in6_addr a = ip6(text);
	struct gw_prefix p = {.family = AF_INET6, .bits = 64};

	memcpy(p.addr, &a, 16);
	return p;
}

/* ---- host of the state machine ---- */

static void
on_send(void *arg, const uint8_t *frame, size_t len)
{
	struct link *l = arg;

	assert_int_equal(write(l->tap, frame, len), (ssize_t)len);
}

static void
on_publish(void *arg, struct gw_nexthop *nh, const struct gw_l2hdr *l2)
{
	struct gw_l2hdr *copy = l2 ? malloc(sizeof(*copy)) : NULL;

	if (copy)
		*copy = *l2;
	free((void *)(uintptr_t)atomic_exchange(&nh->l2, copy));
}

static void
on_event(void *arg, const struct nd_event *ev)
{
	struct link *l = arg;

	l->n_usable += ev->type == ND_EV_ADDR_USABLE;
	l->n_duplicate += ev->type == ND_EV_ADDR_DUPLICATE;
}

static void
on_log(void *arg, enum nd_log_level level, const char *msg)
{
}

static uint32_t
on_random(void *arg)
{
	return (uint32_t)random();
}

/* ---- link ---- */

static int
open_tap(uint8_t mac[6])
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), s;

	strcpy(ifr.ifr_name, "out0");
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0)
		return -1;
	s = socket(AF_INET6, SOCK_DGRAM, 0);
	assert_int_equal(ioctl(s, SIOCGIFHWADDR, &ifr), 0);
	memcpy(mac, ifr.ifr_hwaddr.sa_data, 6);
	close(s);
	return fd;
}

static struct link *
up(const char *our_addr)
{
	struct link *l = calloc(1, sizeof(*l));
	struct nd_ops ops = {l, on_send, on_publish, on_event, on_log, on_random};
	struct nd_cfg cfg = {.mtu = 1500, .n_addrs = 1};
	struct gw_prefix theirs = prefix("2001:db8::2");

	l->tap = open_tap(l->kernel_mac);
	assert_true(l->tap >= 0);
	l->index = gw_netif_index(nif, "out0");
	assert_int_equal(gw_netif_add_addr(nif, l->index, &theirs), 0);
	assert_int_equal(gw_netif_set_up(nif, l->index, true), 0);
	memcpy(cfg.mac, our_mac, 6);
	cfg.addrs[0] = prefix(our_addr);
	l->now = 1000;
	l->nd = nd_create(&cfg, &ops, l->now);
	assert_non_null(l->nd);
	return l;
}

static void
down(struct link *l)
{
	nd_destroy(l->nd);
	close(l->tap);
	free(l);
}

static void
take_frame(struct link *l, const uint8_t *f, size_t len)
{
	const uint8_t *p = f + 14;
	struct gw_nd m;
	size_t off;

	if (len < 54 || f[12] != 0x86 || f[13] != 0xdd)
		return;
	if (p[6] == 17 && memcmp(f, our_mac, 6) == 0)
		l->n_udp++;
	off = p[6] == 0 ? 48 : 40;
	if (p[6] != 58 && p[6] != 0)
		return;
	gw_nd_parse(p, len - 14, off, &m);
	assert_int_not_equal(m.type, GW_ND_BAD); /* the kernel's messages are good */
	nd_input(l->nd, l->now, f + 6, &m);
}

/* Let virtual time pass in steps of 50 ms, each of which takes one real millisecond or so. */
static void
run(struct link *l, uint64_t ms)
{
	uint64_t end = l->now + ms;

	while (l->now < end) {
		struct pollfd pfd = {.fd = l->tap, .events = POLLIN};
		uint8_t f[2048];
		ssize_t len;

		nd_tick(l->nd, l->now);
		poll(&pfd, 1, 1);
		while ((len = read(l->tap, f, sizeof(f))) > 0)
			take_frame(l, f, (size_t)len);
		l->now += 50;
	}
}

/* ---- tests ---- */

static void
kernel_reaches_us(void **state)
{
	struct link *l = up("2001:db8::1");
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(9)};
	int s = socket(AF_INET6, SOCK_DGRAM, 0);

	run(l, 3000);
	assert_int_equal(l->n_usable, 2);
	to.sin6_addr = ip6("2001:db8::1");
	assert_int_equal(sendto(s, "x", 1, 0, (void *)&to, sizeof(to)), 1);
	run(l, 500);
	assert_int_equal(l->n_udp, 1);
	gw_nd_link_local(our_mac, &to.sin6_addr);
	to.sin6_scope_id = (uint32_t)l->index;
	assert_int_equal(sendto(s, "x", 1, 0, (void *)&to, sizeof(to)), 1);
	run(l, 20000); /* its link-local address may still be tentative, in real time */
	assert_true(l->n_udp >= 1);
	close(s);
	down(l);
}

static void
we_reach_the_kernel(void **state)
{
	struct link *l = up("2001:db8::1");
	struct in6_addr dst = ip6("2001:db8::2");
	struct gw_nexthop *nh;
	const struct gw_l2hdr *l2;
	unsigned int i;

	run(l, 3000);
	nh = nd_nexthop(l->nd, l->now, &dst);
	run(l, 500);
	l2 = atomic_load(&nh->l2);
	assert_non_null(l2);
	assert_memory_equal(l2->hdr, l->kernel_mac, 6);
	/* ten minutes of one-way traffic: it answers each probe */
	for (i = 0; i < 600; i++) {
		atomic_store(&nh->used, 1);
		run(l, 1000);
		assert_non_null(atomic_load(&nh->l2));
	}
	/* it goes away: that is noticed */
	assert_int_equal(gw_netif_set_up(nif, l->index, false), 0);
	close(l->tap);
	l->tap = open("/dev/null", O_RDWR | O_NONBLOCK);
	for (i = 0; i < 90; i++) {
		atomic_store(&nh->used, 1);
		run(l, 1000);
	}
	assert_null(atomic_load(&nh->l2));
	nd_nexthop_put(l->nd, nh);
	down(l);
}

static void
kernel_has_our_address(void **state)
{
	struct link *l = up("2001:db8::2");

	run(l, 3000);
	assert_int_equal(l->n_duplicate, 1);
	assert_int_equal(l->n_usable, 1); /* the link-local one */
	down(l);
}

static unsigned int
flags_of(const char *hex)
{
	FILE *f = fopen("/proc/thread-self/net/if_inet6", "r");
	unsigned int flags = 0, index, bits, scope;
	char addr[33], name[32];

	assert_non_null(f);
	while (fscanf(f, "%32s %x %x %x %x %31s", addr, &index, &bits, &scope, &flags, name) == 6) {
		if (strcmp(addr, hex) == 0)
			break;
		flags = 0;
	}
	fclose(f);
	return flags;
}

/* `ip addr add` with duplicate detection on: what we answer must keep the kernel off. */
static void
we_defend_our_address(void **state)
{
	struct link *l = up("2001:db8::1");
	struct in6_ifreq {
		struct in6_addr addr;
		uint32_t bits;
		int index;
	} ifr = {ip6("2001:db8::1"), 64, l->index};
	int s = socket(AF_INET6, SOCK_DGRAM, 0);
	unsigned int i;

	run(l, 3000);
	assert_int_equal(ioctl(s, SIOCSIFADDR, &ifr), 0);
	close(s);
	for (i = 0; i < 100 && !(flags_of("20010db8000000000000000000000001") & 0x08); i++)
		run(l, 1500);
	assert_true(flags_of("20010db8000000000000000000000001") & 0x08); /* DADFAILED */
	down(l);
}

static void
kernel_pings_us(void **state)
{
	struct link *l = up("2001:db8::1");
	struct sockaddr_in6 to = {.sin6_family = AF_INET6};
	int s = socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK, IPPROTO_ICMPV6);
	uint8_t ping[1452] = {ICMP6_ECHO_REQUEST, 0, 0, 0, 0x12, 0x34, 0, 1}, pong[2048];
	struct icmp6_filter only;
	ssize_t len;

	ICMP6_FILTER_SETBLOCKALL(&only);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &only);
	assert_int_equal(setsockopt(s, IPPROTO_ICMPV6, ICMP6_FILTER, &only, sizeof(only)), 0);
	memset(ping + 8, 0x5a, sizeof(ping) - 8);
	run(l, 3000);
	to.sin6_addr = ip6("2001:db8::1");
	assert_int_equal(sendto(s, ping, sizeof(ping), 0, (void *)&to, sizeof(to)), sizeof(ping));
	run(l, 1000);
	len = recv(s, pong, sizeof(pong), 0);
	assert_int_equal(len, sizeof(ping));
	assert_int_equal(pong[0], ICMP6_ECHO_REPLY);
	assert_memory_equal(pong + 4, ping + 4, sizeof(ping) - 4);
	close(s);
	down(l);
}

static int
enter_namespace(void)
{
	char map[64];
	unsigned int uid = getuid();
	ssize_t len;
	int fd;

	if (uid == 0)
		return unshare(CLONE_NEWNET);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return -1;
	fd = open("/proc/self/uid_map", O_WRONLY);
	if (fd < 0)
		return -1;
	snprintf(map, sizeof(map), "0 %u 1", uid);
	len = write(fd, map, strlen(map));
	close(fd);
	return len > 0 ? 0 : -1;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernel_reaches_us),
		cmocka_unit_test(we_reach_the_kernel),
		cmocka_unit_test(kernel_has_our_address),
		cmocka_unit_test(we_defend_our_address),
		cmocka_unit_test(kernel_pings_us),
	};
	uint8_t mac[6];
	int fd, failed;

	if (enter_namespace() < 0 || (fd = open_tap(mac)) < 0) {
		fprintf(stderr, "skipped: no network namespace or no /dev/net/tun here\n");
		return 77;
	}
	close(fd);
	nif = gw_netif_open();
	if (!nif)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	gw_netif_close(nif);
	return failed;
}
