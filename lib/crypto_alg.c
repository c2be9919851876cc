/* SPDX-License-Identifier: BSD-3-Clause */
/* What there is: every algorithm as a row, with the functions that do it. */
#include <rte_common.h>

#include "crypto_mb.h"

#define CBC(bits, sym, str, klen, ilen)                                                            \
	{                                                                                          \
		.name = "AES_CBC-" #bits "/" str, .cipher = GW_CIPHER_AES_CBC, .auth = (sym),      \
		.key_len = (bits) / 8, .auth_key_len = (klen), .iv_len = 16, .icv_len = (ilen),    \
		.align = 16, .make_iv = gw_crypto_cbc_make_iv, .encrypt = gw_crypto_cbc_encrypt,   \
		.decrypt = gw_crypto_cbc_decrypt,                                                  \
	}
#define NUL(sym, str, klen, ilen)                                                                  \
	{                                                                                          \
		.name = "NULL/" str, .cipher = GW_CIPHER_NULL, .auth = (sym),                      \
		.auth_key_len = (klen), .icv_len = (ilen), .align = 4,                             \
		.encrypt = gw_crypto_null_encrypt, .decrypt = gw_crypto_null_decrypt,              \
	}
#define GCM(bits, ilen)                                                                            \
	{                                                                                          \
		.name = "AES_GCM_" #ilen "-" #bits, .cipher = GW_CIPHER_AES_GCM,                   \
		.auth = GW_AUTH_AEAD, .key_len = (bits) / 8, .salt_len = 4, .iv_len = 8,           \
		.icv_len = (ilen), .align = 4, .encrypt = gw_crypto_gcm_encrypt,                   \
		.decrypt = gw_crypto_gcm_decrypt,                                                  \
	}
#define HMACS(row)                                                                                 \
	row(GW_AUTH_HMAC_SHA1_96, "HMAC_SHA1_96", 20, 12),                                         \
		row(GW_AUTH_HMAC_SHA2_256_128, "HMAC_SHA2_256_128", 32, 16),                       \
		row(GW_AUTH_HMAC_SHA2_384_192, "HMAC_SHA2_384_192", 48, 24),                       \
		row(GW_AUTH_HMAC_SHA2_512_256, "HMAC_SHA2_512_256", 64, 32)
#define CBC128(...) CBC(128, __VA_ARGS__)
#define CBC192(...) CBC(192, __VA_ARGS__)
#define CBC256(...) CBC(256, __VA_ARGS__)

static const struct gw_crypto_alg algs[] = {
	/* HMACs alone first: the self-test of the others builds on them */
	HMACS(NUL),
	HMACS(CBC128),
	HMACS(CBC192),
	HMACS(CBC256),
	GCM(128, 8),
	GCM(128, 12),
	GCM(128, 16),
	GCM(192, 8),
	GCM(192, 12),
	GCM(192, 16),
	GCM(256, 8),
	GCM(256, 12),
	GCM(256, 16),
	{
		.name = "CHACHA20_POLY1305",
		.cipher = GW_CIPHER_CHACHA20_POLY1305,
		.auth = GW_AUTH_AEAD,
		.key_len = 32,
		.salt_len = 4,
		.iv_len = 8,
		.icv_len = 16,
		.align = 4,
		.encrypt = gw_crypto_chacha_encrypt,
		.decrypt = gw_crypto_chacha_decrypt,
	},
};

const struct gw_crypto_alg *
gw_crypto_alg_at(unsigned int i)
{
	return i < RTE_DIM(algs) ? &algs[i] : NULL;
}

const struct gw_crypto_alg *
gw_crypto_alg_find(const struct gw_alg *alg)
{
	const struct gw_crypto_alg *row;
	unsigned int i;

	for (i = 0; (row = gw_crypto_alg_at(i)) != NULL; i++) {
		if (row->cipher != alg->cipher || row->auth != alg->auth)
			continue;
		if (row->key_len != alg->key_len || row->auth_key_len != alg->auth_key_len)
			continue;
		/* only AES-GCM has a choice of ICV lengths */
		if (row->icv_len == alg->icv_len ||
			(alg->icv_len == 0 && row->cipher != GW_CIPHER_AES_GCM))
			return row;
	}
	return NULL;
}
