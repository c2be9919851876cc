/* SPDX-License-Identifier: BSD-3-Clause */
/* Blocks of AES-128 as OpenSSL encrypts them, any number of them, each under a key of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <intel-ipsec-mb.h>
#include <openssl/evp.h>

#include "lib/aes_block.h"

#define MOST 9

static void
random_bytes(uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)random();
}

static void
by_openssl(const uint8_t key[16], uint64_t number, uint8_t out[32])
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t block[16] = {0};
	int len;

	memcpy(block, &number, sizeof(number));
	assert_non_null(ctx);
	assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_128_ecb(), NULL, key, NULL), 1);
	assert_int_equal(EVP_EncryptUpdate(ctx, out, &len, block, sizeof(block)), 1);
	assert_int_equal(len, sizeof(block));
	EVP_CIPHER_CTX_free(ctx);
}

static void
some(IMB_MGR *mgr, unsigned int n)
{
	_Alignas(16) uint8_t sched[MOST][16 * 11], other[16 * 11];
	uint8_t key[MOST][16], out[MOST][16], want[32];
	struct gw_aes_block blocks[MOST];

	for (unsigned int i = 0; i < n; i++) {
		random_bytes(key[i], sizeof(key[i]));
		IMB_AES_KEYEXP_128(mgr, key[i], sched[i], other);
		blocks[i].sched = sched[i];
		blocks[i].out = out[i];
		random_bytes((uint8_t *)&blocks[i].number, sizeof(blocks[i].number));
	}
	gw_aes_block_encrypt(blocks, n);
	for (unsigned int i = 0; i < n; i++) {
		by_openssl(key[i], blocks[i].number, want);
		assert_memory_equal(out[i], want, sizeof(out[i]));
	}
}

static void
test_blocks(void **state)
{
	IMB_MGR *mgr = alloc_mb_mgr(0);

	assert_non_null(mgr);
	init_mb_mgr_auto(mgr, NULL);
	if (!gw_aes_block_works()) {
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
		cmocka_unit_test(test_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
