/* SPDX-License-Identifier: BSD-3-Clause */

#include "kem.h"

#include <errno.h>
#include <openssl/err.h>
#include <pthread.h>

#define NAME "ML-KEM-768"

static bool available;

static void
look(void)
{
	EVP_KEM *kem = EVP_KEM_fetch(NULL, NAME, NULL);

	available = kem != NULL;
	EVP_KEM_free(kem);
	ERR_clear_error();
}

bool
ike_mlkem_available(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, look);
	return available;
}

EVP_PKEY *
ike_mlkem_keygen(uint8_t *pub)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, NAME);
	size_t len = IKE_MLKEM_PUB_LEN;

	if (key != NULL && EVP_PKEY_get_raw_public_key(key, pub, &len) == 1 &&
		len == IKE_MLKEM_PUB_LEN)
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

int
ike_mlkem_encapsulate(struct ike_view pub, uint8_t *ct, uint8_t *secret)
{
	size_t ct_len = IKE_MLKEM_CT_LEN, secret_len = IKE_MLKEM_SECRET_LEN;
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *ctx;
	int ret = -EINVAL;

	/* libcrypto checks the modulus (FIPS 203 7.2) when it reads the key */
	if (pub.len == IKE_MLKEM_PUB_LEN)
		key = EVP_PKEY_new_raw_public_key_ex(NULL, NAME, NULL, pub.p, pub.len);
	if (key == NULL)
		return ret;
	ret = -EIO;
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	if (ctx != NULL && EVP_PKEY_encapsulate_init(ctx, NULL) == 1 &&
		EVP_PKEY_encapsulate(ctx, ct, &ct_len, secret, &secret_len) == 1 &&
		ct_len == IKE_MLKEM_CT_LEN && secret_len == IKE_MLKEM_SECRET_LEN)
		ret = 0;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	return ret;
}

int
ike_mlkem_decapsulate(EVP_PKEY *key, struct ike_view ct, uint8_t *secret)
{
	size_t len = IKE_MLKEM_SECRET_LEN;
	EVP_PKEY_CTX *ctx;
	int ret = -EIO;

	if (ct.len != IKE_MLKEM_CT_LEN)
		return -EINVAL;
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	if (ctx != NULL && EVP_PKEY_decapsulate_init(ctx, NULL) == 1 &&
		EVP_PKEY_decapsulate(ctx, secret, &len, ct.p, ct.len) == 1 &&
		len == IKE_MLKEM_SECRET_LEN)
		ret = 0;
	EVP_PKEY_CTX_free(ctx);
	return ret;
}
