/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * flood: IKE_SA_INIT requests from random addresses, onto an interface by AF_PACKET.
 *
 *   flood INTERFACE DST-MAC DST-ADDRESS PER-SECOND SECONDS
 *
 * Each has its own source in 2001:db8:f000::/36, SPI, public value and nonce, and offers what a
 * peer may be configured with (aes128-sha256-x25519). Prints how many it sent and how many a second
 * that were.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ETH 14
#define IP6 40
#define UDP 8
#define IKE 28

/* SA: ENCR AES-CBC-128, PRF HMAC-SHA2-256, INTEG HMAC-SHA2-256-128, group 31 (RFC 7296 3.3) */
static const uint8_t sa[] = {34, 0, 0, 48, 0, 0, 0, 44, 1, 1, 0, 4, 3, 0, 0, 12, 1, 0, 0, 12, 0x80,
	14, 0, 128, 3, 0, 0, 8, 2, 0, 0, 5, 3, 0, 0, 8, 3, 0, 0, 12, 0, 0, 0, 8, 4, 0, 0, 31};
static const uint8_t ke[] = {40, 0, 0, 40, 0, 31, 0, 0};
static const uint8_t nonce[] = {0, 0, 0, 36};

#define KE_AT    (IKE + sizeof(sa) + sizeof(ke))
#define NONCE_AT (KE_AT + 32 + sizeof(nonce))
#define MSG_LEN  (NONCE_AT + 32)
#define LEN      (ETH + IP6 + UDP + MSG_LEN)

static uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t
draw(void)
{
	static uint64_t s;

	while (s == 0)
		if (getrandom(&s, sizeof(s), 0) != (ssize_t)sizeof(s))
			s = 0;
	s ^= s << 13;
	s ^= s >> 7;
	s ^= s << 17;
	return s;
}

static void
fill(uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(draw() >> 24);
}

static uint32_t
sum(uint32_t s, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		s += (uint32_t)p[i] << 8 | p[i + 1];
	return s;
}

static void template(uint8_t f[LEN], const uint8_t mac[6], const struct in6_addr *dst)
{
	static const uint8_t head[] = {33, 0x20, 34, 0x08, 0, 0, 0, 0, 0, 0, 0, MSG_LEN};
	uint8_t *ip = f + ETH, *udp = ip + IP6, *m = udp + UDP;

	memset(f, 0, LEN);
	memcpy(f, mac, 6);
	memcpy(f + 6, "\x02\0\0\0\0\xf0", 6);
	f[12] = 0x86;
	f[13] = 0xdd;
	ip[0] = 0x60;
	ip[5] = UDP + MSG_LEN;
	ip[6] = IPPROTO_UDP;
	ip[7] = 64;
	memcpy(ip + 8, "\x20\x01\x0d\xb8\xf0", 5);
	memcpy(ip + 24, dst, 16);
	udp[0] = udp[2] = 1;
	udp[1] = udp[3] = 0xf4;
	udp[5] = UDP + MSG_LEN;
	memcpy(m + 16, head, sizeof(head));
	memcpy(m + IKE, sa, sizeof(sa));
	memcpy(m + IKE + sizeof(sa), ke, sizeof(ke));
	memcpy(m + KE_AT + 32, nonce, sizeof(nonce));
}

static void
vary(uint8_t f[LEN])
{
	uint8_t *ip = f + ETH, *udp = ip + IP6, *m = udp + UDP;
	uint32_t s;

	fill(ip + 8 + 5, 11);
	fill(m, 8);
	fill(m + KE_AT, 32);
	m[KE_AT] &= 0x7f;
	fill(m + NONCE_AT, 32);
	udp[6] = udp[7] = 0;
	s = sum(UDP + MSG_LEN + IPPROTO_UDP, ip + 8, 32);
	s = sum(s, udp, UDP + MSG_LEN);
	s = (s & 0xffff) + (s >> 16);
	s = ~((s & 0xffff) + (s >> 16)) & 0xffff;
	if (s == 0)
		s = 0xffff;
	udp[6] = (uint8_t)(s >> 8);
	udp[7] = (uint8_t)s;
}

static int
open_link(const char *name)
{
	struct sockaddr_ll a = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(name)};
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	if (a.sll_ifindex == 0 || fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		fprintf(stderr, "flood: %s: %s\n", name, strerror(errno));
		exit(1);
	}
	return fd;
}

int
main(int argc, char **argv)
{
	const struct ether_addr *mac = argc == 6 ? ether_aton(argv[2]) : NULL;
	uint64_t sent = 0, full = 0, start, rate, end;
	struct in6_addr dst;
	uint8_t f[LEN];
	int fd;

	if (mac == NULL || inet_pton(AF_INET6, argv[3], &dst) != 1) {
		fprintf(stderr, "usage: flood INTERFACE DST-MAC DST-ADDRESS PER-SECOND SECONDS\n");
		return 2;
	}
	rate = strtoull(argv[4], NULL, 10);
	template(f, mac->ether_addr_octet, &dst);
	fd = open_link(argv[1]);
	start = now_ns();
	end = start + strtoull(argv[5], NULL, 10) * 1000000000u;
	for (uint64_t t = start; t < end; t = now_ns()) {
		uint64_t due = (t - start) * rate / 1000000000u;

		for (; sent + full < due; vary(f)) {
			if (send(fd, f, sizeof(f), 0) == (ssize_t)sizeof(f))
				sent++;
			else
				full++;
		}
		usleep(1000);
	}
	printf("%llu %llu\n", (unsigned long long)sent,
		(unsigned long long)(sent * 1000000000u / (now_ns() - start)));
	return 0;
}
