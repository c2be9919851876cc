/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "app/ctl_ike.h"
#include "lib/nd.h"

#define PACKETS_MAX 16

struct packets {
	unsigned int n;
	int rc; /* what the next send returns */
	struct {
		uint8_t buf[2048];
		size_t len;
	} p[PACKETS_MAX];
};

static int
collect(void *arg, const uint8_t *ip6, size_t len)
{
	struct packets *ps = arg;

	assert_true(ps->n < PACKETS_MAX);
	assert_true(len <= sizeof(ps->p[0].buf));
	memcpy(ps->p[ps->n].buf, ip6, len);
	ps->p[ps->n++].len = len;
	return ps->rc;
}

static struct ike_path
path_of(uint16_t local_port, uint16_t remote_port)
{
	struct ike_path path = {.local_port = local_port, .remote_port = remote_port};

	inet_pton(AF_INET6, "2001:db8::a", &path.local);
	inet_pton(AF_INET6, "2001:db8::b", &path.remote);
	return path;
}

static struct ike_path
mirrored(const struct ike_path *p)
{
	return (struct ike_path){.local = p->remote,
		.remote = p->local,
		.local_port = p->remote_port,
		.remote_port = p->local_port};
}

static uint16_t
get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* What is sent is read back by the other end, with and without marker; the checksum is right. */
static void
there_and_back(void **state)
{
	static const uint16_t ports[] = {500, 4500};
	uint8_t msg[300];

	for (size_t i = 0; i < sizeof(msg); i++)
		msg[i] = (uint8_t)i;
	for (size_t i = 0; i < 2; i++) {
		for (size_t len = 0; len < sizeof(msg); len++) {
			struct ike_path path = path_of(ports[i], ports[i]), back;
			struct ike_path other = mirrored(&path);
			struct packets ps = {0};
			const uint8_t *got;
			size_t got_len;

			assert_int_equal(gw_ike_build(&path, msg, len, 1500, 1, collect, &ps), 0);
			assert_int_equal(ps.n, 1);
			assert_int_equal(ps.p[0].len, 40 + 8 + (i == 1 ? 4 : 0) + len);
			assert_int_equal(gw_ip6_csum(&path.local, &path.remote, IPPROTO_UDP,
						 ps.p[0].buf + 40, ps.p[0].len - 40),
				0);
			got = gw_ike_parse(ps.p[0].buf, ps.p[0].len, 40, &back, &got_len);
			assert_non_null(got);
			assert_int_equal(got_len, len);
			assert_memory_equal(got, msg, len);
			assert_memory_equal(&back, &other, sizeof(back));
		}
	}
}

/* RFC 8200 4.5: pieces of a multiple of 8, one identification, together the datagram. */
static void
large_ones_are_fragmented(void **state)
{
	struct ike_path path = path_of(500, 500), back;
	struct packets ps = {0};
	uint8_t msg[3000], whole[4096];
	size_t off = 0, len;

	for (size_t i = 0; i < sizeof(msg); i++)
		msg[i] = (uint8_t)(i * 7);
	assert_int_equal(gw_ike_build(&path, msg, sizeof(msg), 1280, 0x01020304, collect, &ps), 0);
	assert_int_equal(ps.n, 3);
	memcpy(whole, ps.p[0].buf, 40);
	for (unsigned int i = 0; i < ps.n; i++) {
		const uint8_t *p = ps.p[i].buf;
		size_t n = ps.p[i].len - 48;

		assert_true(ps.p[i].len <= 1280);
		assert_int_equal(get16(p + 4), ps.p[i].len - 40);
		assert_int_equal(p[6], IPPROTO_FRAGMENT);
		assert_int_equal(p[40], IPPROTO_UDP);
		assert_int_equal(get16(p + 42) & 0xfff8, off);
		assert_int_equal(get16(p + 42) & 1, i + 1 < ps.n);
		assert_memory_equal(p + 44, ps.p[0].buf + 44, 4);
		assert_true(i + 1 == ps.n || n % 8 == 0);
		memcpy(whole + 40 + off, p + 48, n);
		off += n;
	}
	assert_int_equal(off, sizeof(msg) + 8);
	assert_int_equal(gw_ip6_csum(&path.local, &path.remote, IPPROTO_UDP, whole + 40, off), 0);
	assert_ptr_equal(gw_ike_parse(whole, 40 + off, 40, &back, &len), whole + 48);
	assert_int_equal(len, sizeof(msg));
	assert_memory_equal(whole + 48, msg, sizeof(msg));
}

static void
errors_end_it(void **state)
{
	static uint8_t msg[GW_IKE_MSG_MAX + 1];
	struct ike_path path = path_of(500, 500);
	struct packets ps = {.rc = -EADDRNOTAVAIL};

	assert_int_equal(gw_ike_build(&path, msg, sizeof(msg), 1500, 1, collect, &ps), -EMSGSIZE);
	assert_int_equal(ps.n, 0);
	assert_int_equal(gw_ike_build(&path, msg, 4000, 1500, 1, collect, &ps), -EADDRNOTAVAIL);
	assert_int_equal(ps.n, 1);
}

/* Every truncation, each in memory of its own so that a byte read too far is seen. */
static void
short_ones_are_refused(void **state)
{
	struct ike_path path = path_of(4500, 4500), back;
	struct packets ps = {0};
	uint8_t msg[28] = {1};
	size_t len;

	assert_int_equal(gw_ike_build(&path, msg, sizeof(msg), 1500, 1, collect, &ps), 0);
	for (size_t n = 0; n < ps.p[0].len; n++) {
		uint8_t *copy = malloc(n + 1);

		assert_non_null(copy);
		memcpy(copy, ps.p[0].buf, n);
		copy = realloc(copy, n > 0 ? n : 1);
		assert_null(gw_ike_parse(copy, n, 40, &back, &len));
		free(copy);
	}
	assert_null(gw_ike_parse(ps.p[0].buf, ps.p[0].len, ps.p[0].len + 1, &back, &len));
	ps.p[0].buf[48] = 1; /* an SPI where the marker should be: ESP */
	assert_null(gw_ike_parse(ps.p[0].buf, ps.p[0].len, 40, &back, &len));
	ps.p[0].buf[48] = 0;
	ps.p[0].buf[45] = 7; /* UDP length below its header */
	ps.p[0].buf[44] = 0;
	assert_null(gw_ike_parse(ps.p[0].buf, ps.p[0].len, 40, &back, &len));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(large_ones_are_fragmented),
		cmocka_unit_test(errors_end_it),
		cmocka_unit_test(short_ones_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
