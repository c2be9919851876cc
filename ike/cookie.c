/* SPDX-License-Identifier: BSD-3-Clause */
#include "cookie.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define MAC_LEN   32
#define CLAIM_MAX (256 + 16 + 8)

bool
ike_cookie_stale(const struct ike_cookie *c, uint64_t now_ms)
{
	return c->version == 0 || now_ms >= c->rotate_ms;
}

void
ike_cookie_rotate(
	struct ike_cookie *c, const uint8_t secret[IKE_COOKIE_SECRET_LEN], uint64_t now_ms)
{
	/* after a long silence the last secret is too old to count as the previous one: skip a
	 * number */
	c->version += c->version != 0 && now_ms >= c->rotate_ms + IKE_COOKIE_LIFE_MS ? 2 : 1;
	memcpy(c->secret[c->version & 1], secret, IKE_COOKIE_SECRET_LEN);
	c->rotate_ms = now_ms + IKE_COOKIE_LIFE_MS;
}

static int
make_version(const struct ike_cookie *c, uint32_t version, const struct ike_cookie_claim *claim,
	uint8_t out[IKE_COOKIE_LEN])
{
	uint8_t text[CLAIM_MAX];
	unsigned int mac_len = 0;
	size_t n = claim->nonce_len;

	if (n > 256)
		return -EINVAL;
	memcpy(text, claim->nonce, n);
	memcpy(text + n, &claim->path->remote, 16);
	memcpy(text + n + 16, &claim->spi_i, 8);
	for (unsigned int i = 0; i < 4; i++)
		out[i] = (uint8_t)(version >> (24 - 8 * i));
	if (HMAC(EVP_sha256(), c->secret[version & 1], IKE_COOKIE_SECRET_LEN, text, n + 24, out + 4,
		    &mac_len) == NULL ||
		mac_len != MAC_LEN)
		return -ENOMEM;
	return 0;
}

int
ike_cookie_make(const struct ike_cookie *c, const struct ike_cookie_claim *claim,
	uint8_t out[IKE_COOKIE_LEN])
{
	return make_version(c, c->version, claim, out);
}

bool
ike_cookie_check(const struct ike_cookie *c, const struct ike_cookie_claim *claim,
	const uint8_t *cookie, size_t len, uint64_t now_ms)
{
	uint8_t want[IKE_COOKIE_LEN];
	uint32_t version;

	if (len != IKE_COOKIE_LEN || c->version == 0)
		return false;
	version = (uint32_t)cookie[0] << 24 | (uint32_t)cookie[1] << 16 | (uint32_t)cookie[2] << 8 |
		  cookie[3];
	if (version == 0 || (version != c->version && version != c->version - 1))
		return false;
	if (now_ms >= c->rotate_ms + IKE_COOKIE_LIFE_MS)
		return false;
	if (make_version(c, version, claim, want) != 0)
		return false;
	return CRYPTO_memcmp(want, cookie, IKE_COOKIE_LEN) == 0;
}

void
ike_cookie_fini(struct ike_cookie *c)
{
	OPENSSL_cleanse(c, sizeof(*c));
}
