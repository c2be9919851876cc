/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_COOKIE_H
#define IKE_COOKIE_H

/*
 * Stateless cookies (RFC 7296 2.6): a stranger must show that it receives at the address it claims
 * before we spend a Diffie-Hellman on it. Cookie = version | HMAC-SHA2-256(secret, Ni | IPi | SPIi).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"

#define IKE_COOKIE_LEN	      36
#define IKE_COOKIE_SECRET_LEN 32
#define IKE_COOKIE_LIFE_MS    60000 /* a secret makes cookies so long and verifies them twice that */

struct ike_cookie {
	uint8_t secret[2][IKE_COOKIE_SECRET_LEN]; /* by the version's lowest bit */
	uint32_t version;			  /* of the newest secret; 0 = none yet */
	uint64_t rotate_ms;
};

/** What the cookie is bound to; the initiator repeats all of it. */
struct ike_cookie_claim {
	const struct ike_path *path;
	uint64_t spi_i;
	const uint8_t *nonce;
	size_t nonce_len;
};

/** True when a new secret is due: fetch IKE_COOKIE_SECRET_LEN random bytes and rotate. */
bool ike_cookie_stale(const struct ike_cookie *c, uint64_t now_ms);
void ike_cookie_rotate(
	struct ike_cookie *c, const uint8_t secret[IKE_COOKIE_SECRET_LEN], uint64_t now_ms);

/** @return 0 or -ENOMEM (libcrypto refused) */
int ike_cookie_make(const struct ike_cookie *c, const struct ike_cookie_claim *claim,
	uint8_t out[IKE_COOKIE_LEN]);

/** Constant time in the cookie's value. */
bool ike_cookie_check(const struct ike_cookie *c, const struct ike_cookie_claim *claim,
	const uint8_t *cookie, size_t len, uint64_t now_ms);

/** Wipe the secrets. */
void ike_cookie_fini(struct ike_cookie *c);

#endif
