/* SPDX-License-Identifier: BSD-3-Clause */
/* IVs of AES-CBC as OpenSSL encrypts their blocks, any number of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <intel-ipsec-mb.h>
#include <openssl/evp.h>

#include "lib/cbc_iv.h"

#define MOST 17

static void
random_bytes(uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)random();
}

static void
by_openssl(const uint8_t key[16], const uint8_t nonce[12], uint8_t out[32])
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t block[16] = {0};
	int len;

	memcpy(block, nonce, 12);
	assert_non_null(ctx);
	assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_128_ecb(), NULL, key, NULL), 1);
	assert_int_equal(EVP_EncryptUpdate(ctx, out, &len, block, sizeof(block)), 1);
	assert_int_equal(len, sizeof(block));
	EVP_CIPHER_CTX_free(ctx);
}

static void
some(IMB_MGR *mgr, unsigned int n)
{
	_Alignas(16) uint8_t sched[GW_CBC_IV_SCHED], other[GW_CBC_IV_SCHED];
	uint8_t key[16], out[MOST][16], want[32];
	struct gw_crypto_op op[MOST], *ops[MOST];

	random_bytes(key, sizeof(key));
	IMB_AES_KEYEXP_128(mgr, key, sched, other);
	for (unsigned int i = 0; i < n; i++) {
		random_bytes((uint8_t *)&op[i],
			sizeof(op[i])); /* what follows the nonce is no part of it */
		op[i].iv = out[i];
		ops[i] = &op[i];
	}
	gw_cbc_iv_make(sched, ops, n);
	for (unsigned int i = 0; i < n; i++) {
		by_openssl(key, op[i].nonce, want);
		assert_memory_equal(out[i], want, sizeof(out[i]));
	}
}

static void
test_ivs(void **state)
{
	IMB_MGR *mgr = alloc_mb_mgr(0);

	assert_non_null(mgr);
	init_mb_mgr_auto(mgr, NULL);
	if (!gw_cbc_iv_works()) {
		free_mb_mgr(mgr);
		skip();
	}
	srandom(1);
	for (unsigned int n = 1; n <= MOST; n++) {
		for (unsigned int round = 0; round < 20; round++)
			some(mgr, n);
	}
	free_mb_mgr(mgr);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ivs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
