/* SPDX-License-Identifier: BSD-3-Clause */
#include "crypto.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>

#define HASH_BLOCK_MAX 128
#define AEAD_NONCE_LEN 12 /* salt and IV: RFC 4106 4, RFC 7634 2 */

enum hash { SHA1, SHA256, SHA384, SHA512, N_HASHES };

struct hash_info {
	const char *name;
	uint8_t len, block;
};

static const struct hash_info hashes[N_HASHES] = {
	[SHA1] = {"SHA1", 20, 64},
	[SHA256] = {"SHA256", 32, 64},
	[SHA384] = {"SHA384", 48, 128},
	[SHA512] = {"SHA512", 64, 128},
};

static const struct {
	uint16_t id;
	enum hash hash;
} prfs[] = {
	{IKE_PRF_HMAC_SHA1, SHA1},
	{IKE_PRF_HMAC_SHA2_256, SHA256},
	{IKE_PRF_HMAC_SHA2_384, SHA384},
	{IKE_PRF_HMAC_SHA2_512, SHA512},
};

/* RFC 2404, RFC 4868 */
static const struct {
	struct ike_integ_params p;
	enum hash hash;
} integs[] = {
	{{IKE_INTEG_NONE, 0, 0}, N_HASHES},
	{{IKE_INTEG_HMAC_SHA1_96, 20, 12}, SHA1},
	{{IKE_INTEG_HMAC_SHA2_256_128, 32, 16}, SHA256},
	{{IKE_INTEG_HMAC_SHA2_384_192, 48, 24}, SHA384},
	{{IKE_INTEG_HMAC_SHA2_512_256, 64, 32}, SHA512},
};

/* RFC 3602, 4106 and 5282, 7634, 2410. id, bits, key, salt, IV, block, ICV */
static const struct {
	struct ike_encr_params p;
	const char *name; /* of libcrypto */
} encrs[] = {
	{{IKE_ENCR_NULL, 0, 0, 0, 0, 1, 0}, NULL},
	{{IKE_ENCR_AES_CBC, 128, 16, 0, 16, 16, 0}, "AES-128-CBC"},
	{{IKE_ENCR_AES_CBC, 192, 24, 0, 16, 16, 0}, "AES-192-CBC"},
	{{IKE_ENCR_AES_CBC, 256, 32, 0, 16, 16, 0}, "AES-256-CBC"},
	{{IKE_ENCR_AES_GCM_8, 128, 16, 4, 8, 1, 8}, "AES-128-GCM"},
	{{IKE_ENCR_AES_GCM_8, 192, 24, 4, 8, 1, 8}, "AES-192-GCM"},
	{{IKE_ENCR_AES_GCM_8, 256, 32, 4, 8, 1, 8}, "AES-256-GCM"},
	{{IKE_ENCR_AES_GCM_12, 128, 16, 4, 8, 1, 12}, "AES-128-GCM"},
	{{IKE_ENCR_AES_GCM_12, 192, 24, 4, 8, 1, 12}, "AES-192-GCM"},
	{{IKE_ENCR_AES_GCM_12, 256, 32, 4, 8, 1, 12}, "AES-256-GCM"},
	{{IKE_ENCR_AES_GCM_16, 128, 16, 4, 8, 1, 16}, "AES-128-GCM"},
	{{IKE_ENCR_AES_GCM_16, 192, 24, 4, 8, 1, 16}, "AES-192-GCM"},
	{{IKE_ENCR_AES_GCM_16, 256, 32, 4, 8, 1, 16}, "AES-256-GCM"},
	{{IKE_ENCR_CHACHA20_POLY1305, 0, 32, 4, 8, 1, 16}, "ChaCha20-Poly1305"},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/*
 * Fetching costs libcrypto 3.0 more than hashing a message does, so it is done once. Written under
 * pthread_once, read-only from then on.
 */
static struct {
	pthread_once_t once;
	EVP_MD *md[N_HASHES];
	EVP_CIPHER *cipher[COUNT(encrs)];
} evp = {.once = PTHREAD_ONCE_INIT};

static void
fetch_all(void)
{
	for (size_t i = 0; i < N_HASHES; i++)
		evp.md[i] = EVP_MD_fetch(NULL, hashes[i].name, NULL);
	for (size_t i = 0; i < COUNT(encrs); i++)
		if (encrs[i].name != NULL)
			evp.cipher[i] = EVP_CIPHER_fetch(NULL, encrs[i].name, NULL);
}

static const EVP_MD *
get_md(enum hash h)
{
	pthread_once(&evp.once, fetch_all);
	return evp.md[h];
}

/* ---- parameters ---- */

const struct ike_encr_params *
ike_encr_params(uint16_t id, uint16_t key_bits)
{
	for (size_t i = 0; i < COUNT(encrs); i++)
		if (encrs[i].p.id == id && encrs[i].p.key_bits == key_bits)
			return &encrs[i].p;
	return NULL;
}

const struct ike_integ_params *
ike_integ_params(uint16_t id)
{
	for (size_t i = 0; i < COUNT(integs); i++)
		if (integs[i].p.id == id)
			return &integs[i].p;
	return NULL;
}

bool
ike_encr_is_aead(uint16_t id)
{
	for (size_t i = 0; i < COUNT(encrs); i++)
		if (encrs[i].p.id == id)
			return encrs[i].p.icv_len > 0;
	return false;
}

static enum hash
prf_hash(uint16_t prf)
{
	for (size_t i = 0; i < COUNT(prfs); i++)
		if (prfs[i].id == prf)
			return prfs[i].hash;
	return N_HASHES;
}

size_t
ike_prf_len(uint16_t prf)
{
	enum hash h = prf_hash(prf);

	return h == N_HASHES ? 0 : hashes[h].len;
}

/* ---- hashes ---- */

static bool
update_all(EVP_MD_CTX *ctx, const struct ike_view *parts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (parts[i].len > 0 && EVP_DigestUpdate(ctx, parts[i].p, parts[i].len) != 1)
			return false;
	return true;
}

int
ike_sha1(const struct ike_view *parts, size_t n, uint8_t out[20])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx != NULL && EVP_DigestInit_ex(ctx, get_md(SHA1), NULL) == 1 &&
		  update_all(ctx, parts, n) && EVP_DigestFinal_ex(ctx, out, NULL) == 1;

	EVP_MD_CTX_free(ctx);
	return ok ? 0 : -EIO;
}

/**
 * HMAC (RFC 2104) with the two keyed states kept: prf+ runs one key many times, and EVP_MAC would
 * fetch its digest by name for each.
 */
struct hmac {
	const struct hash_info *info;
	EVP_MD_CTX *inner, *outer; /* after the padded key */
	EVP_MD_CTX *run;
};

static bool
hmac_key_block(enum hash h, struct ike_view key, uint8_t *block)
{
	memset(block, 0, HASH_BLOCK_MAX);
	if (key.len > hashes[h].block)
		return EVP_Digest(key.p, key.len, block, NULL, get_md(h), NULL) == 1;
	if (key.len > 0)
		memcpy(block, key.p, key.len);
	return true;
}

static bool
hmac_start(EVP_MD_CTX *ctx, enum hash h, const uint8_t *block, uint8_t pad)
{
	uint8_t buf[HASH_BLOCK_MAX];
	bool ok;

	for (size_t i = 0; i < hashes[h].block; i++)
		buf[i] = block[i] ^ pad;
	ok = EVP_DigestInit_ex(ctx, get_md(h), NULL) == 1 &&
	     EVP_DigestUpdate(ctx, buf, hashes[h].block) == 1;
	OPENSSL_cleanse(buf, sizeof(buf));
	return ok;
}

static void
hmac_fini(struct hmac *m)
{
	EVP_MD_CTX_free(m->inner);
	EVP_MD_CTX_free(m->outer);
	EVP_MD_CTX_free(m->run);
}

static int
hmac_init(struct hmac *m, enum hash h, struct ike_view key)
{
	uint8_t block[HASH_BLOCK_MAX];
	bool ok;

	*m = (struct hmac){.info = &hashes[h],
		.inner = EVP_MD_CTX_new(),
		.outer = EVP_MD_CTX_new(),
		.run = EVP_MD_CTX_new()};
	ok = m->inner != NULL && m->outer != NULL && m->run != NULL &&
	     hmac_key_block(h, key, block) && hmac_start(m->inner, h, block, 0x36) &&
	     hmac_start(m->outer, h, block, 0x5c);
	OPENSSL_cleanse(block, sizeof(block));
	if (ok)
		return 0;
	hmac_fini(m);
	return -EIO;
}

/** @param out info->len bytes; may be one of the parts */
static int
hmac_run(struct hmac *m, const struct ike_view *parts, size_t n, uint8_t *out)
{
	if (EVP_MD_CTX_copy_ex(m->run, m->inner) != 1 || !update_all(m->run, parts, n) ||
		EVP_DigestFinal_ex(m->run, out, NULL) != 1 ||
		EVP_MD_CTX_copy_ex(m->run, m->outer) != 1 ||
		EVP_DigestUpdate(m->run, out, m->info->len) != 1 ||
		EVP_DigestFinal_ex(m->run, out, NULL) != 1)
		return -EIO;
	return 0;
}

static int
hmac(enum hash h, struct ike_view key, const struct ike_view *parts, size_t n, uint8_t *out)
{
	struct hmac m;
	int ret;

	ret = hmac_init(&m, h, key);
	if (ret < 0)
		return ret;
	ret = hmac_run(&m, parts, n, out);
	hmac_fini(&m);
	return ret;
}

int
ike_prf(uint16_t prf, struct ike_view key, const struct ike_view *parts, size_t n, uint8_t *out)
{
	enum hash h = prf_hash(prf);

	return h == N_HASHES ? -EINVAL : hmac(h, key, parts, n, out);
}

#define PRF_PLUS_PARTS 8 /* seeds are nonces, SPIs and a shared secret */

int
ike_prf_plus(uint16_t prf, struct ike_view key, const struct ike_view *parts, size_t n,
	uint8_t *out, size_t out_len)
{
	struct ike_view in[PRF_PLUS_PARTS + 2]; /* T(i-1), seed..., counter */
	enum hash h = prf_hash(prf);
	size_t step = ike_prf_len(prf);
	uint8_t t[IKE_PRF_MAX], counter;
	struct hmac m;
	int ret;

	if (h == N_HASHES || n > PRF_PLUS_PARTS || out_len > 255 * step)
		return -EINVAL;
	ret = hmac_init(&m, h, key);
	if (ret < 0)
		return ret;
	in[0] = (struct ike_view){.p = t, .len = 0};
	for (size_t i = 0; i < n; i++)
		in[1 + i] = parts[i];
	in[1 + n] = (struct ike_view){.p = &counter, .len = 1};
	for (counter = 1; out_len > 0; counter++) {
		size_t take = out_len < step ? out_len : step;

		ret = hmac_run(&m, in, n + 2, t);
		if (ret < 0)
			break;
		memcpy(out, t, take);
		out += take;
		out_len -= take;
		in[0].len = step;
	}
	hmac_fini(&m);
	OPENSSL_cleanse(t, sizeof(t));
	return ret;
}

int
ike_integ(uint16_t integ, struct ike_view key, const struct ike_view *parts, size_t n, uint8_t *icv)
{
	uint8_t full[IKE_PRF_MAX];
	int ret = -EINVAL;

	for (size_t i = 1; i < COUNT(integs); i++) {
		if (integs[i].p.id != integ)
			continue;
		ret = hmac(integs[i].hash, key, parts, n, full);
		if (ret == 0)
			memcpy(icv, full, integs[i].p.icv_len);
	}
	OPENSSL_cleanse(full, sizeof(full));
	return ret;
}

/* ---- ciphers ---- */

static const EVP_CIPHER *
get_cipher(const struct ike_encr_params *ep)
{
	pthread_once(&evp.once, fetch_all);
	for (size_t i = 0; i < COUNT(encrs); i++)
		if (&encrs[i].p == ep)
			return evp.cipher[i];
	return NULL;
}

/** Key, and IV or nonce, into a fresh context. */
static EVP_CIPHER_CTX *
cipher_start(const struct ike_encr_params *ep, const uint8_t *key, const uint8_t *iv, int enc)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	const EVP_CIPHER *cipher = get_cipher(ep);
	uint8_t nonce[AEAD_NONCE_LEN];

	if (ep->icv_len > 0) {
		memcpy(nonce, key + ep->key_len, ep->salt_len);
		memcpy(nonce + ep->salt_len, iv, ep->iv_len);
		iv = nonce;
	}
	if (ctx == NULL || cipher == NULL ||
		EVP_CipherInit_ex2(ctx, cipher, key, iv, enc, NULL) != 1 ||
		EVP_CIPHER_CTX_set_padding(ctx, 0) != 1) {
		EVP_CIPHER_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

static bool
cipher_update(EVP_CIPHER_CTX *ctx, uint8_t *out, const uint8_t *in, size_t len)
{
	int n = 0;

	return len == 0 || (EVP_CipherUpdate(ctx, out, &n, in, (int)len) == 1 && (size_t)n == len);
}

/** Associated data goes in through an update without output. */
static bool
cipher_aad(EVP_CIPHER_CTX *ctx, struct ike_view aad)
{
	int n = 0;

	return aad.len == 0 || EVP_CipherUpdate(ctx, NULL, &n, aad.p, (int)aad.len) == 1;
}

static bool
lengths_fit(const struct ike_encr_params *ep, struct ike_view aad, size_t len)
{
	return ep->block > 0 && len % ep->block == 0 && len <= INT_MAX && aad.len <= INT_MAX;
}

int
ike_encrypt(const struct ike_encr_params *ep, const uint8_t *key, const uint8_t *iv,
	struct ike_view aad, const uint8_t *in, size_t len, uint8_t *out, uint8_t *icv)
{
	EVP_CIPHER_CTX *ctx;
	uint8_t tail[IKE_IV_MAX];
	int n = 0;
	bool ok;

	if (!lengths_fit(ep, aad, len))
		return -EINVAL;
	ctx = cipher_start(ep, key, iv, 1);
	if (ctx == NULL)
		return -EIO;
	ok = (ep->icv_len == 0 || cipher_aad(ctx, aad)) && cipher_update(ctx, out, in, len) &&
	     EVP_CipherFinal_ex(ctx, tail, &n) == 1;
	if (ok && ep->icv_len > 0)
		ok = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, ep->icv_len, icv) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return ok ? 0 : -EIO;
}

int
ike_decrypt(const struct ike_encr_params *ep, const uint8_t *key, const uint8_t *iv,
	struct ike_view aad, const uint8_t *in, size_t len, uint8_t *out, const uint8_t *icv)
{
	EVP_CIPHER_CTX *ctx;
	uint8_t tail[IKE_IV_MAX], tag[IKE_ICV_MAX];
	int n = 0;
	bool ok;

	if (!lengths_fit(ep, aad, len))
		return -EINVAL;
	ctx = cipher_start(ep, key, iv, 0);
	if (ctx == NULL)
		return -EIO;
	if (ep->icv_len > 0) {
		memcpy(tag, icv, ep->icv_len); /* the control call wants it writable */
		ok = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, ep->icv_len, tag) == 1 &&
		     cipher_aad(ctx, aad);
	} else {
		ok = true;
	}
	if (!ok || !cipher_update(ctx, out, in, len)) {
		EVP_CIPHER_CTX_free(ctx);
		return -EIO;
	}
	ok = EVP_CipherFinal_ex(ctx, tail, &n) == 1;
	EVP_CIPHER_CTX_free(ctx);
	if (ok)
		return 0;
	OPENSSL_cleanse(out, len);
	return ep->icv_len > 0 ? -EBADMSG : -EIO;
}

/* ---- small things ---- */

bool
ike_mem_equal(const void *a, const void *b, size_t len)
{
	return len == 0 || CRYPTO_memcmp(a, b, len) == 0;
}

void
ike_wipe(void *p, size_t len)
{
	if (len > 0)
		OPENSSL_cleanse(p, len);
}
