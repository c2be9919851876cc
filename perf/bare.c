/* SPDX-License-Identifier: BSD-3-Clause */
#include "bare.h"

#include <stdlib.h>
#include <string.h>

#define NO_COMPAT_IMB_API_053
#include <intel-ipsec-mb.h>

#include <rte_debug.h>
#include <rte_malloc.h>
#include <rte_prefetch.h>

#include "lib/pkt.h"

#define KEY_AHEAD 4 /* packets: whose key schedule is prefetched */

struct bare_keys {
	union {
		struct {
			uint8_t enc[16 * 15], dec[16 * 15], ipad[64], opad[64];
		} cbc;
		struct gcm_key_data gcm;
		uint8_t chacha[32];
	};
} __attribute__((aligned(64)));

struct bare {
	const struct gw_crypto_alg *row;
	IMB_MGR *mgr;
	struct bare_keys *keys;
	uint32_t n_keys;
	uint32_t key_len; /* of a key schedule: what the CPU's code writes, and reads */
	uint16_t n;
	struct bare_text text[GW_BURST_MAX];
	struct gcm_context_data ctx;
	uint8_t iv[16], aad[8], tags[GW_BURST_MAX][32];
	IMB_JOB jobs[GW_BURST_MAX];
};

static void
make_keys(struct bare *b, uint32_t n_keys)
{
	uint8_t key[32];

	for (uint32_t i = 0; i < n_keys; i++) {
		struct bare_keys *k = &b->keys[i];

		memset(key, 0x33, sizeof(key));
		memcpy(key, &i, sizeof(i));
		if (b->row->cipher == GW_CIPHER_AES_GCM && b->row->key_len == 16)
			IMB_AES128_GCM_PRE(b->mgr, key, &k->gcm);
		else if (b->row->cipher == GW_CIPHER_AES_GCM)
			IMB_AES256_GCM_PRE(b->mgr, key, &k->gcm);
		else if (b->row->cipher == GW_CIPHER_CHACHA20_POLY1305)
			memcpy(k->chacha, key, sizeof(key));
		else if (b->row->key_len == 16)
			IMB_AES_KEYEXP_128(b->mgr, key, k->cbc.enc, k->cbc.dec);
		else
			IMB_AES_KEYEXP_256(b->mgr, key, k->cbc.enc, k->cbc.dec);
	}
}

static uint32_t
used(const struct bare_keys *k)
{
	const uint8_t *p = (const uint8_t *)k;
	uint32_t n = sizeof(*k);

	while (n > 0 && p[n - 1] == 0)
		n--;
	return n;
}

struct bare *
bare_create(const struct gw_crypto_alg *row, uint32_t n_keys)
{
	struct bare *b = rte_zmalloc("bare", sizeof(*b), 64);

	if (b == NULL)
		return NULL;
	b->row = row;
	b->n_keys = n_keys;
	b->keys = rte_zmalloc("bare", n_keys * sizeof(b->keys[0]), 64);
	b->mgr = alloc_mb_mgr(0);
	if (b->keys == NULL || b->mgr == NULL) {
		bare_destroy(b);
		return NULL;
	}
	init_mb_mgr_auto(b->mgr, NULL);
	make_keys(b, n_keys);
	/* of HMAC the states are all zero here */
	b->key_len = row->cipher == GW_CIPHER_AES_CBC ? sizeof(b->keys->cbc) : used(&b->keys[0]);
	return b;
}

void
bare_destroy(struct bare *b)
{
	if (b == NULL)
		return;
	if (b->mgr != NULL)
		free_mb_mgr(b->mgr);
	rte_free(b->keys);
	rte_free(b);
}

/* Lanes of one length cost least: in the order in which the data plane would put them */
static int
by_length(const void *x, const void *y)
{
	const struct bare_text *a = x, *b = y;

	return a->len < b->len ? -1 : a->len > b->len;
}

static void
cbc_job(struct bare *b, IMB_JOB *j, const struct bare_text *t, uint8_t *tag)
{
	const struct bare_keys *k = &b->keys[t->key];

	memset(j, 0, sizeof(*j));
	j->enc_keys = k->cbc.enc;
	j->dec_keys = k->cbc.dec;
	j->key_len_in_bytes = b->row->key_len;
	j->src = t->text - 24;
	j->dst = t->text;
	j->cipher_start_src_offset_in_bytes = 24;
	j->msg_len_to_cipher_in_bytes = t->len;
	j->iv = t->text - 16;
	j->iv_len_in_bytes = 16;
	j->msg_len_to_hash_in_bytes = t->len + 24;
	j->auth_tag_output = tag;
	j->auth_tag_output_len_in_bytes = b->row->icv_len;
	j->u.HMAC._hashed_auth_key_xor_ipad = k->cbc.ipad;
	j->u.HMAC._hashed_auth_key_xor_opad = k->cbc.opad;
}

void
bare_prepare(struct bare *b, const struct bare_text *t, uint16_t n)
{
	memcpy(b->text, t, n * sizeof(t[0]));
	b->n = n;
	if (b->row->cipher != GW_CIPHER_AES_CBC)
		return;
	qsort(b->text, n, sizeof(b->text[0]), by_length);
	for (uint16_t i = 0; i < n; i++)
		cbc_job(b, &b->jobs[i], &b->text[i], b->tags[i]);
}

/* Keys and text of a packet, while others are worked on */
static inline void
prefetch(const struct bare *b, const struct bare_text *t)
{
	const uint8_t *k = (const uint8_t *)&b->keys[t->key];

	for (uint32_t i = 0; i < b->key_len; i += 64)
		rte_prefetch0(k + i);
	rte_prefetch0(t->text);
	rte_prefetch0(t->text + t->len - 1);
}

static void
run_cbc(struct bare *b, bool out)
{
	IMB_KEY_SIZE_BYTES len = (IMB_KEY_SIZE_BYTES)b->row->key_len;
	IMB_HASH_ALG hash =
		b->row->auth == GW_AUTH_HMAC_SHA1_96 ? IMB_AUTH_HMAC_SHA_1 : IMB_AUTH_HMAC_SHA_256;
	uint32_t n = 0;

	for (uint16_t i = 0; b->n_keys > 1 && i < b->n; i++)
		prefetch(b, &b->text[i]);
	if (out)
		n = IMB_SUBMIT_CIPHER_BURST(
			b->mgr, b->jobs, b->n, IMB_CIPHER_CBC, IMB_DIR_ENCRYPT, len);
	n += IMB_SUBMIT_HASH_BURST(b->mgr, b->jobs, b->n, hash);
	if (!out)
		n += IMB_SUBMIT_CIPHER_BURST(
			b->mgr, b->jobs, b->n, IMB_CIPHER_CBC, IMB_DIR_DECRYPT, len);
	if (n != 2u * b->n)
		rte_panic("bare CBC: %u\n", n);
}

static void
run_gcm(struct bare *b, bool out)
{
	bool k128 = b->row->key_len == 16;
	aes_gcm_enc_dec_t fn = k128 ? (out ? b->mgr->gcm128_enc : b->mgr->gcm128_dec)
				    : (out ? b->mgr->gcm256_enc : b->mgr->gcm256_dec);

	for (uint16_t i = 0; b->n_keys > 1 && i < KEY_AHEAD && i < b->n; i++)
		prefetch(b, &b->text[i]);
	for (uint16_t i = 0; i < b->n; i++) {
		const struct bare_text *t = &b->text[i];

		if (b->n_keys > 1 && i + KEY_AHEAD < b->n)
			prefetch(b, t + KEY_AHEAD);
		fn(&b->keys[t->key].gcm, &b->ctx, t->text, t->text, t->len, b->iv, b->aad, 8,
			b->tags[i], 16);
	}
}

static void
run_chacha(struct bare *b, bool out)
{
	unsigned int n = 0;

	for (uint16_t i = 0; i < b->n; i++) {
		const struct bare_text *t = &b->text[i];
		IMB_JOB *j = IMB_GET_NEXT_JOB(b->mgr);

		j->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
		j->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
		j->cipher_direction = out ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
		j->chain_order = out ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
		j->enc_keys = j->dec_keys = b->keys[t->key].chacha;
		j->key_len_in_bytes = 32;
		j->src = t->text;
		j->dst = t->text;
		j->cipher_start_src_offset_in_bytes = 0;
		j->hash_start_src_offset_in_bytes = 0;
		j->msg_len_to_cipher_in_bytes = t->len;
		j->msg_len_to_hash_in_bytes = t->len;
		j->iv = b->iv;
		j->iv_len_in_bytes = 12;
		j->u.CHACHA20_POLY1305.aad = b->aad;
		j->u.CHACHA20_POLY1305.aad_len_in_bytes = 8;
		j->auth_tag_output = b->tags[i];
		j->auth_tag_output_len_in_bytes = 16;
		for (j = IMB_SUBMIT_JOB(b->mgr); j != NULL; j = IMB_GET_COMPLETED_JOB(b->mgr))
			n++;
	}
	while (IMB_FLUSH_JOB(b->mgr) != NULL)
		n++;
	if (n != b->n)
		rte_panic("bare ChaCha20: %u\n", n);
}

void
bare_run(struct bare *b, bool out)
{
	switch (b->row->cipher) {
	case GW_CIPHER_AES_CBC:
		run_cbc(b, out);
		break;
	case GW_CIPHER_AES_GCM:
		run_gcm(b, out);
		break;
	default:
		run_chacha(b, out);
	}
}
