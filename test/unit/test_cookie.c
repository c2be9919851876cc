/* SPDX-License-Identifier: BSD-3-Clause */

/* Cookies: bound to address, SPI and nonce; two secrets' lives and no longer. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "ike/cookie.h"

static const uint8_t secret_a[IKE_COOKIE_SECRET_LEN] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
static const uint8_t secret_b[IKE_COOKIE_SECRET_LEN] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

struct claim_data {
	struct ike_path path;
	uint8_t nonce[256];
	struct ike_cookie_claim claim;
};

static void
make_claim(struct claim_data *d)
{
	memset(d, 0, sizeof(*d));
	memset(&d->path.remote, 0x20, 16);
	memset(d->nonce, 7, sizeof(d->nonce));
	d->claim = (struct ike_cookie_claim){
		.path = &d->path, .spi_i = 0x0102030405060708, .nonce = d->nonce, .nonce_len = 32};
}

static void
test_binding(void **state)
{
	struct ike_cookie c = {0};
	uint8_t cookie[IKE_COOKIE_LEN];
	struct claim_data d;

	(void)state;
	make_claim(&d);
	assert_true(ike_cookie_stale(&c, 1000));
	ike_cookie_rotate(&c, secret_a, 1000);
	assert_false(ike_cookie_stale(&c, 1000));
	assert_int_equal(ike_cookie_make(&c, &d.claim, cookie), 0);
	assert_true(ike_cookie_check(&c, &d.claim, cookie, sizeof(cookie), 2000));
	assert_false(ike_cookie_check(&c, &d.claim, cookie, sizeof(cookie) - 1, 2000));
	for (unsigned int i = 0; i < sizeof(cookie); i++) {
		cookie[i] ^= 0x10;
		assert_false(ike_cookie_check(&c, &d.claim, cookie, sizeof(cookie), 2000));
		cookie[i] ^= 0x10;
	}
	d.claim.spi_i++;
	assert_false(ike_cookie_check(&c, &d.claim, cookie, sizeof(cookie), 2000));
	d.claim.spi_i--;
	d.path.remote.s6_addr[15] ^= 1;
	assert_false(ike_cookie_check(&c, &d.claim, cookie, sizeof(cookie), 2000));
	d.path.remote.s6_addr[15] ^= 1;
	d.nonce[31] ^= 1;
	assert_false(ike_cookie_check(&c, &d.claim, cookie, sizeof(cookie), 2000));
	d.nonce[31] ^= 1;
	d.claim.nonce_len = 33;
	assert_false(ike_cookie_check(&c, &d.claim, cookie, sizeof(cookie), 2000));
	/* a port is not part of it: a NAT may change that */
	d.claim.nonce_len = 32;
	d.path.remote_port = 4711;
	assert_true(ike_cookie_check(&c, &d.claim, cookie, sizeof(cookie), 2000));
	ike_cookie_fini(&c);
}

static void
test_lives(void **state)
{
	struct ike_cookie c = {0};
	uint8_t cookie[IKE_COOKIE_LEN];
	struct claim_data d;

	(void)state;
	make_claim(&d);
	ike_cookie_rotate(&c, secret_a, 1000);
	assert_int_equal(ike_cookie_make(&c, &d.claim, cookie), 0);
	assert_true(
		ike_cookie_check(&c, &d.claim, cookie, sizeof(cookie), 1000 + IKE_COOKIE_LIFE_MS));
	assert_true(ike_cookie_stale(&c, 1000 + IKE_COOKIE_LIFE_MS));
	ike_cookie_rotate(&c, secret_b, 1000 + IKE_COOKIE_LIFE_MS);
	assert_true(
		ike_cookie_check(&c, &d.claim, cookie, sizeof(cookie), 1000 + IKE_COOKIE_LIFE_MS));
	ike_cookie_rotate(&c, secret_a, 1000 + 2 * IKE_COOKIE_LIFE_MS);
	assert_false(ike_cookie_check(
		&c, &d.claim, cookie, sizeof(cookie), 1000 + 2 * IKE_COOKIE_LIFE_MS));
	ike_cookie_fini(&c);
}

/** After a long silence the last secret does not come back as the previous one. */
static void
test_silence(void **state)
{
	struct ike_cookie c = {0};
	uint8_t cookie[IKE_COOKIE_LEN];
	struct claim_data d;

	(void)state;
	make_claim(&d);
	ike_cookie_rotate(&c, secret_a, 1000);
	assert_int_equal(ike_cookie_make(&c, &d.claim, cookie), 0);
	ike_cookie_rotate(&c, secret_b, 1000 + 5 * IKE_COOKIE_LIFE_MS);
	assert_false(ike_cookie_check(
		&c, &d.claim, cookie, sizeof(cookie), 1000 + 5 * IKE_COOKIE_LIFE_MS));
	ike_cookie_fini(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_binding),
		cmocka_unit_test(test_lives),
		cmocka_unit_test(test_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
