/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define NO_COMPAT_IMB_API_053 /* its old names are too short to share */
#include <intel-ipsec-mb.h>

#include <rte_common.h>
#include <rte_malloc.h>
#include <rte_prefetch.h>

#include "bytes.h"
#include "cbc_iv.h"
#include "crypto_mb.h"
#include "esp.h"
#include "sa_priv.h"

struct gw_keys {
	union {
		struct {
			uint8_t sched[16 * 15]; /* of the direction in use */
			uint8_t ipad[64], opad[64];
		} cbc;
		_Alignas(64) struct gcm_key_data gcm;
		uint8_t chacha[32];
	};
};
static_assert(_Alignof(struct gw_keys) == 64, "IPsec-MB reads key schedules aligned");

#define WINDOW_1024 256 /* gw_replay_size() of it */
static_assert(sizeof(struct gw_sa_in) + sizeof(struct gw_sa_out) + 2 * sizeof(struct gw_keys) +
			      WINDOW_1024 <=
		      3072,
	"a pair of SAs takes no more than 3 KB");

#define STEP_BYTES 768 /* that a packet touches from stage to stage, with an SA of its own */

struct gw_crypto {
	IMB_MGR *mgr;
	uint16_t step; /* see gw_crypto_step() */
	uint16_t step_min;
	struct gcm_context_data gcm_ctx;
	uint8_t tags[GW_BURST_MAX][GW_ICV_MAX];  /* inbound: ICVs computed here */
	_Alignas(64) IMB_JOB jobs[GW_BURST_MAX]; /* of AES-CBC and HMAC */
	struct {
		const struct gw_crypto_alg *alg;
		const struct gw_keys *keys;
	} filled[GW_BURST_MAX]; /* what jobs were filled for */
	struct gw_esp_batch batch;
};

static IMB_MGR *
mgr_create(void)
{
	IMB_MGR *mgr = alloc_mb_mgr(0);

	if (mgr == NULL)
		return NULL;
	init_mb_mgr_auto(mgr, NULL);
	/* the library tests itself at init; its verdict is an errno */
	if (imb_get_errno(mgr) != 0) {
		free_mb_mgr(mgr);
		return NULL;
	}
	return mgr;
}

/* Of many algorithms in turn none shall be hurt: from one at a time to another it goes slowly. */
static void
one_at_a_time(struct gw_crypto *c)
{
	if (c->step > c->step_min)
		c->step--;
}

static void
many_at_a_time(struct gw_crypto *c)
{
	c->step = GW_BURST_MAX;
}

uint16_t
gw_crypto_step(const struct gw_crypto *c)
{
	return c->step;
}

/*
 * ICVs
 */

/* A call that silently did nothing must not leave behind what compares as equal. */
static void
poison(uint8_t *tag, const struct gw_crypto_op *op)
{
	uint32_t v;

	memcpy(&v, op->icv, sizeof(v));
	v = ~v;
	memcpy(tag, &v, sizeof(v));
}

/* Constant time: no branch on the bytes. Every icv_len is a multiple of 4, and 8 at least. */
static inline bool
icv_equal(const uint8_t *a, const uint8_t *b, unsigned int len)
{
	uint64_t diff = 0;

	if (likely(len <= 16)) /* the first eight and the last eight */
		return ((gw_raw64(a) ^ gw_raw64(b)) |
			       (gw_raw64(a + len - 8) ^ gw_raw64(b + len - 8))) == 0;
	for (unsigned int i = 0; i + 8 <= len; i += 8)
		diff |= gw_raw64(a + i) ^ gw_raw64(b + i);
	return (diff | (gw_raw64(a + len - 8) ^ gw_raw64(b + len - 8))) == 0;
}

static void
icv_verdicts(struct gw_crypto *c, const struct gw_crypto_alg *alg, struct gw_crypto_op *const *ops,
	unsigned int n)
{
	unsigned int i;

	if (alg->icv_len == 16) /* most often */
		for (i = 0; i < n; i++)
			ops[i]->good = ops[i]->done & icv_equal(c->tags[i], ops[i]->icv, 16);
	else
		for (i = 0; i < n; i++)
			ops[i]->good =
				ops[i]->done & icv_equal(c->tags[i], ops[i]->icv, alg->icv_len);
}

/*
 * AES-CBC and HMAC: a cipher burst and a hash burst (faster than chained jobs)
 */

static IMB_HASH_ALG
hash_of(const struct gw_crypto_alg *alg)
{
	switch (alg->auth) {
	case GW_AUTH_HMAC_SHA1_96:
		return IMB_AUTH_HMAC_SHA_1;
	case GW_AUTH_HMAC_SHA2_256_128:
		return IMB_AUTH_HMAC_SHA_256;
	case GW_AUTH_HMAC_SHA2_384_192:
		return IMB_AUTH_HMAC_SHA_384;
	case GW_AUTH_HMAC_SHA2_512_256:
		return IMB_AUTH_HMAC_SHA_512;
	default:
		return IMB_AUTH_NULL;
	}
}

/* What packets of an SA have in common. */
static void
fill_keys(IMB_JOB *j, const struct gw_crypto_alg *alg, const struct gw_keys *keys)
{
	j->enc_keys = keys->cbc.sched;
	j->dec_keys = keys->cbc.sched;
	j->key_len_in_bytes = alg->key_len;
	j->iv_len_in_bytes = 16;
	j->hash_start_src_offset_in_bytes = 0;
	j->auth_tag_output_len_in_bytes = alg->icv_len;
	j->u.HMAC._hashed_auth_key_xor_ipad = keys->cbc.ipad;
	j->u.HMAC._hashed_auth_key_xor_opad = keys->cbc.opad;
}

/* One job describes both halves: src is what the hash covers, the cipher starts inside it. */
static inline void
fill_job(struct gw_crypto *c, unsigned int i, const struct gw_crypto_alg *alg,
	const struct gw_crypto_op *op, uint8_t *tag)
{
	IMB_JOB *j = &c->jobs[i];

	if (unlikely(c->filled[i].keys != op->keys || c->filled[i].alg != alg)) {
		fill_keys(j, alg, op->keys);
		c->filled[i].keys = op->keys;
		c->filled[i].alg = alg;
	}
	j->src = op->auth;
	j->dst = op->text;
	j->cipher_start_src_offset_in_bytes = (uint64_t)(op->text - op->auth);
	j->msg_len_to_cipher_in_bytes = op->text_len;
	j->iv = op->iv;
	j->msg_len_to_hash_in_bytes = op->auth_len;
	j->auth_tag_output = tag;
	j->status = IMB_STATUS_BEING_PROCESSED;
}

/*
 * The checked burst calls are all or nothing: one job they dislike and none is done. Lengths were
 * validated, so that is a bug or a library that differs; then each job is tried alone, and only
 * what says "completed" counts.
 */
static void
cipher_burst(struct gw_crypto *c, const struct gw_crypto_alg *alg, unsigned int n,
	IMB_CIPHER_DIRECTION dir)
{
	IMB_KEY_SIZE_BYTES key_len = (IMB_KEY_SIZE_BYTES)alg->key_len;

	if (IMB_SUBMIT_CIPHER_BURST(c->mgr, c->jobs, n, IMB_CIPHER_CBC, dir, key_len) != 0)
		return;
	for (unsigned int i = 0; i < n; i++) {
		c->jobs[i].status = IMB_STATUS_BEING_PROCESSED;
		IMB_SUBMIT_CIPHER_BURST(c->mgr, &c->jobs[i], 1, IMB_CIPHER_CBC, dir, key_len);
	}
}

static void
hash_burst(struct gw_crypto *c, const struct gw_crypto_alg *alg, unsigned int n)
{
	IMB_HASH_ALG hash = hash_of(alg);

	if (IMB_SUBMIT_HASH_BURST(c->mgr, c->jobs, n, hash) != 0)
		return;
	for (unsigned int i = 0; i < n; i++) {
		c->jobs[i].status = IMB_STATUS_BEING_PROCESSED;
		IMB_SUBMIT_HASH_BURST(c->mgr, &c->jobs[i], 1, hash);
	}
}

/* After a burst, and before the next one. */
static inline bool
completed(IMB_JOB *j)
{
	bool done = j->status == IMB_STATUS_COMPLETED;

	j->status = IMB_STATUS_BEING_PROCESSED;
	return done;
}

/* Under which IVs of AES-CBC are made: of the process, as an SA's number is part of what is
 * encrypted. With key_mgr. */
static _Alignas(64) uint8_t iv_sched[GW_CBC_IV_SCHED];

/* One block of CFB over zeros is the block cipher itself. */
void
gw_crypto_cbc_make_iv_singly(struct gw_crypto *c, const struct gw_crypto_alg *alg,
	struct gw_crypto_op *const *ops, unsigned int n)
{
	static const uint8_t zero[16];
	uint8_t block[16] = {0};

	for (unsigned int i = 0; i < n; i++) {
		memcpy(block, ops[i]->nonce, sizeof(ops[i]->nonce));
		IMB_AES128_CFB_ONE(c->mgr, ops[i]->iv, zero, block, iv_sched, sizeof(zero));
	}
}

void
gw_crypto_cbc_make_iv(struct gw_crypto *c, const struct gw_crypto_alg *alg,
	struct gw_crypto_op *const *ops, unsigned int n)
{
	if (likely(gw_cbc_iv_works()))
		gw_cbc_iv_make(iv_sched, ops, n);
	else
		gw_crypto_cbc_make_iv_singly(c, alg, ops, n);
}

/*
 * Lanes run as long as their shortest packet: neighbours of one length cost least (mixed sizes in a
 * burst of 32 cost half as much again unsorted). Bursts are short, and sorted already as a rule.
 * @param room  for n
 * @return ops as they are, or room with them in order
 */
static struct gw_crypto_op *const *
by_length(struct gw_crypto_op *const *ops, unsigned int n, struct gw_crypto_op **room)
{
	unsigned int i, k;

	for (i = 1; i < n && ops[i - 1]->text_len <= ops[i]->text_len; i++)
		;
	if (i >= n)
		return ops;
	memcpy(room, ops, n * sizeof(ops[0]));
	for (; i < n; i++) {
		struct gw_crypto_op *op = room[i];

		for (k = i; k > 0 && room[k - 1]->text_len > op->text_len; k--)
			room[k] = room[k - 1];
		room[k] = op;
	}
	return room;
}

void
gw_crypto_cbc_encrypt(struct gw_crypto *c, const struct gw_crypto_alg *alg,
	struct gw_crypto_op *const *ops, unsigned int n)
{
	struct gw_crypto_op *room[GW_BURST_MAX];
	unsigned int i;

	many_at_a_time(c);
	ops = by_length(ops, n, room);
	for (i = 0; i < n; i++)
		fill_job(c, i, alg, ops[i], ops[i]->icv);
	cipher_burst(c, alg, n, IMB_DIR_ENCRYPT);
	for (i = 0; i < n; i++)
		ops[i]->done = completed(&c->jobs[i]);
	hash_burst(c, alg, n);
	for (i = 0; i < n; i++) {
		ops[i]->done = ops[i]->done && completed(&c->jobs[i]);
		ops[i]->good = ops[i]->done;
	}
}

/* Hash all; @return true when all are good */
static bool
hmac_verify(struct gw_crypto *c, const struct gw_crypto_alg *alg, struct gw_crypto_op *const *ops,
	unsigned int n)
{
	unsigned int i, good = 0, icv_len = alg->icv_len;

	for (i = 0; i < n; i++) {
		poison(c->tags[i], ops[i]);
		fill_job(c, i, alg, ops[i], c->tags[i]);
	}
	hash_burst(c, alg, n);
	for (i = 0; i < n; i++) {
		struct gw_crypto_op *op = ops[i];

		op->done = completed(&c->jobs[i]);
		op->good = op->done & icv_equal(c->tags[i], op->icv, icv_len);
		good += op->good;
	}
	return good == n;
}

void
gw_crypto_cbc_decrypt(struct gw_crypto *c, const struct gw_crypto_alg *alg,
	struct gw_crypto_op *const *ops, unsigned int n)
{
	struct gw_crypto_op *room[GW_BURST_MAX];
	unsigned int i, k = 0;

	many_at_a_time(c);
	ops = by_length(ops, n, room);
	if (!hmac_verify(c, alg, ops, n)) {
		for (i = 0; i < n; i++) {
			if (!ops[i]->good)
				continue;
			fill_job(c, k, alg, ops[i], c->tags[k]);
			room[k++] = ops[i];
		}
		ops = room;
		n = k;
	}
	if (n == 0)
		return;
	cipher_burst(c, alg, n, IMB_DIR_DECRYPT);
	for (i = 0; i < n; i++) {
		ops[i]->done = completed(&c->jobs[i]);
		ops[i]->good = ops[i]->done;
	}
}

void
gw_crypto_null_encrypt(struct gw_crypto *c, const struct gw_crypto_alg *alg,
	struct gw_crypto_op *const *ops, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		fill_job(c, i, alg, ops[i], ops[i]->icv);
	hash_burst(c, alg, n);
	for (i = 0; i < n; i++) {
		ops[i]->done = completed(&c->jobs[i]);
		ops[i]->good = ops[i]->done;
	}
}

void
gw_crypto_null_decrypt(struct gw_crypto *c, const struct gw_crypto_alg *alg,
	struct gw_crypto_op *const *ops, unsigned int n)
{
	hmac_verify(c, alg, ops, n);
}

/*
 * AES-GCM: direct calls
 */

static aes_gcm_enc_dec_t
gcm_fn(const struct gw_crypto *c, const struct gw_crypto_alg *alg, bool encrypt)
{
	switch (alg->key_len) {
	case 16:
		return encrypt ? c->mgr->gcm128_enc : c->mgr->gcm128_dec;
	case 24:
		return encrypt ? c->mgr->gcm192_enc : c->mgr->gcm192_dec;
	default:
		return encrypt ? c->mgr->gcm256_enc : c->mgr->gcm256_dec;
	}
}

static inline void
gcm_call(aes_gcm_enc_dec_t fn, struct gw_crypto *c, const struct gw_crypto_op *op, uint8_t *tag,
	uint64_t tag_len)
{
	fn(&op->keys->gcm, &c->gcm_ctx, op->text, op->text, op->text_len, op->nonce, op->auth,
		op->auth_len, tag, tag_len);
}

void
gw_crypto_gcm_encrypt(struct gw_crypto *c, const struct gw_crypto_alg *alg,
	struct gw_crypto_op *const *ops, unsigned int n)
{
	aes_gcm_enc_dec_t fn = gcm_fn(c, alg, true);
	uint64_t tag_len = alg->icv_len;

	one_at_a_time(c);
	for (unsigned int i = 0; i < n; i++)
		gcm_call(fn, c, ops[i], ops[i]->icv, tag_len);
	/* the call returns nothing: an ICV that stayed zero is the sign that it refused, and the
	 * packet still is clear text (a true ICV of 64 zero bits costs one packet in 2^64). In a
	 * loop of its own, as an ICV just written cannot be read at once */
	for (unsigned int i = 0; i < n; i++)
		ops[i]->done = ops[i]->good = gw_raw64(ops[i]->icv) != 0;
}

void
gw_crypto_gcm_decrypt(struct gw_crypto *c, const struct gw_crypto_alg *alg,
	struct gw_crypto_op *const *ops, unsigned int n)
{
	aes_gcm_enc_dec_t fn = gcm_fn(c, alg, false);
	uint64_t tag_len = alg->icv_len;

	one_at_a_time(c);
	for (unsigned int i = 0; i < n; i++) {
		struct gw_crypto_op *op = ops[i];
		uint8_t *tag = c->tags[i];

		poison(tag, op);
		gcm_call(fn, c, op, tag, tag_len);
		op->done = true; /* a refused call shows as a wrong ICV */
	}
	icv_verdicts(c, alg, ops, n);
}

/*
 * ChaCha20-Poly1305: jobs
 */

static void
chacha_job(IMB_JOB *j, const struct gw_crypto_alg *alg, struct gw_crypto_op *op, uint8_t *tag,
	bool encrypt)
{
	j->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
	j->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
	j->cipher_direction = encrypt ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
	j->chain_order = encrypt ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
	j->enc_keys = op->keys->chacha;
	j->dec_keys = op->keys->chacha;
	j->key_len_in_bytes = alg->key_len;
	j->src = op->text;
	j->dst = op->text;
	j->cipher_start_src_offset_in_bytes = 0;
	j->msg_len_to_cipher_in_bytes = op->text_len;
	j->hash_start_src_offset_in_bytes = 0;
	j->msg_len_to_hash_in_bytes = op->text_len;
	j->iv = op->nonce;
	j->iv_len_in_bytes = 12;
	j->u.CHACHA20_POLY1305.aad = op->auth;
	j->u.CHACHA20_POLY1305.aad_len_in_bytes = op->auth_len;
	j->u.CHACHA20_POLY1305.ctx = NULL;
	j->auth_tag_output = tag;
	j->auth_tag_output_len_in_bytes = alg->icv_len;
	j->user_data = op;
}

static void
chacha_collect(const IMB_JOB *j)
{
	struct gw_crypto_op *op = j->user_data;

	if (j->status == IMB_STATUS_COMPLETED)
		op->done = true;
}

static void
chacha_run(struct gw_crypto *c, const struct gw_crypto_alg *alg, struct gw_crypto_op *const *ops,
	unsigned int n, bool encrypt)
{
	IMB_JOB *j;
	unsigned int i;

	for (i = 0; i < n; i++) {
		ops[i]->done = false;
		j = IMB_GET_NEXT_JOB(c->mgr);
		chacha_job(j, alg, ops[i], encrypt ? ops[i]->icv : c->tags[i], encrypt);
		for (j = IMB_SUBMIT_JOB(c->mgr); j != NULL; j = IMB_GET_COMPLETED_JOB(c->mgr))
			chacha_collect(j);
	}
	while ((j = IMB_FLUSH_JOB(c->mgr)) != NULL)
		chacha_collect(j);
}

void
gw_crypto_chacha_encrypt(struct gw_crypto *c, const struct gw_crypto_alg *alg,
	struct gw_crypto_op *const *ops, unsigned int n)
{
	unsigned int i;

	chacha_run(c, alg, ops, n, true);
	for (i = 0; i < n; i++)
		ops[i]->good = ops[i]->done;
}

void
gw_crypto_chacha_decrypt(struct gw_crypto *c, const struct gw_crypto_alg *alg,
	struct gw_crypto_op *const *ops, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		poison(c->tags[i], ops[i]);
	chacha_run(c, alg, ops, n, false);
	icv_verdicts(c, alg, ops, n);
}

/*
 * Keys
 */

static pthread_once_t key_mgr_once = PTHREAD_ONCE_INIT;
static IMB_MGR *key_mgr; /* lives as long as the process: read only, of the same kind everywhere */
static uint32_t gcm_len; /* with it: bytes of struct gcm_key_data that this CPU's code uses */

/* Of the library's structure, which has room for what any CPU may want: what is written, whatever
 * was there. */
static uint32_t
gcm_used(IMB_MGR *mgr)
{
	static const uint8_t key[32];
	struct gcm_key_data k[2];
	const uint8_t *p = (const uint8_t *)&k[0], *q = (const uint8_t *)&k[1];
	uint32_t n = sizeof(k[0]);

	memset(&k[0], 0, sizeof(k[0]));
	memset(&k[1], 0xff, sizeof(k[1]));
	IMB_AES256_GCM_PRE(mgr, key, &k[0]);
	IMB_AES256_GCM_PRE(mgr, key, &k[1]);
	while (n > 0 && p[n - 1] != q[n - 1])
		n--;
	return n;
}

static bool
iv_secret_init(IMB_MGR *mgr)
{
	_Alignas(16) uint8_t other[GW_CBC_IV_SCHED];
	uint8_t secret[16];

	if (getrandom(secret, sizeof(secret), 0) != sizeof(secret))
		return false;
	IMB_AES_KEYEXP_128(mgr, secret, iv_sched, other);
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(other, sizeof(other));
	return true;
}

static void
key_mgr_init(void)
{
	IMB_MGR *mgr = mgr_create();

	if (mgr == NULL || !iv_secret_init(mgr)) {
		free_mb_mgr(mgr);
		return;
	}
	gcm_len = gcm_used(mgr);
	key_mgr = mgr;
}

static bool
have_key_mgr(void)
{
	pthread_once(&key_mgr_once, key_mgr_init);
	return key_mgr != NULL;
}

size_t
gw_keys_size(const struct gw_crypto_alg *row)
{
	size_t n = sizeof(((struct gw_keys *)NULL)->cbc);

	if (row->cipher == GW_CIPHER_AES_GCM)
		n = have_key_mgr() ? gcm_len : sizeof(struct gcm_key_data);
	else if (row->cipher == GW_CIPHER_CHACHA20_POLY1305)
		n = sizeof(((struct gw_keys *)NULL)->chacha);
	return RTE_ALIGN_CEIL(n, _Alignof(struct gw_keys));
}

static inline void
prefetch(const uint8_t *from, size_t len)
{
	for (size_t at = 0; at < len; at += 64)
		rte_prefetch0(from + at);
}

/* Of the rounds, and from the end as many powers of the hash key as there are blocks, length and
 * additional data among them. */
static void
gcm_ahead(const struct gw_crypto_alg *row, const struct gw_keys *keys, uint32_t text_len)
{
	const uint8_t *k = keys->gcm.expanded_keys;
	uint32_t rounds = 16 * (row->key_len / 4u + 7), from = rounds;

	if (text_len + 48 < gcm_len - rounds)
		from = gcm_len - (text_len + 48);
	prefetch(k, rounds);
	for (uint32_t i = gcm_len; i > from; i -= RTE_MIN(i, 64u))
		rte_prefetch0(k + i - 1);
}

void
gw_keys_ahead(const struct gw_crypto_alg *row, const struct gw_keys *keys, uint32_t text_len)
{
	switch (row->cipher) {
	case GW_CIPHER_AES_GCM:
		gcm_ahead(row, keys, text_len);
		break;
	case GW_CIPHER_CHACHA20_POLY1305:
		prefetch(keys->chacha, sizeof(keys->chacha));
		break;
	default:
		prefetch(keys->cbc.sched, sizeof(keys->cbc));
		break;
	}
}

static void
aes_expand(const uint8_t *key, unsigned int len, void *enc, void *dec)
{
	switch (len) {
	case 16:
		IMB_AES_KEYEXP_128(key_mgr, key, enc, dec);
		break;
	case 24:
		IMB_AES_KEYEXP_192(key_mgr, key, enc, dec);
		break;
	default:
		IMB_AES_KEYEXP_256(key_mgr, key, enc, dec);
		break;
	}
}

/* The hash state after one block of the key and pad (RFC 2104 section 4) */
static void
hmac_pad(enum gw_auth auth, const uint8_t *key, unsigned int len, uint8_t pad, uint8_t *state)
{
	_Alignas(16) uint8_t block[128];
	unsigned int i;

	memset(block, pad, sizeof(block));
	for (i = 0; i < len; i++)
		block[i] ^= key[i];
	switch (auth) {
	case GW_AUTH_HMAC_SHA1_96:
		IMB_SHA1_ONE_BLOCK(key_mgr, block, state);
		break;
	case GW_AUTH_HMAC_SHA2_256_128:
		IMB_SHA256_ONE_BLOCK(key_mgr, block, state);
		break;
	case GW_AUTH_HMAC_SHA2_384_192:
		IMB_SHA384_ONE_BLOCK(key_mgr, block, state);
		break;
	default:
		IMB_SHA512_ONE_BLOCK(key_mgr, block, state);
		break;
	}
	explicit_bzero(block, sizeof(block));
}

static void
gcm_expand(const struct gw_alg *alg, struct gcm_key_data *gcm)
{
	switch (alg->key_len) {
	case 16:
		IMB_AES128_GCM_PRE(key_mgr, alg->key, gcm);
		break;
	case 24:
		IMB_AES192_GCM_PRE(key_mgr, alg->key, gcm);
		break;
	default:
		IMB_AES256_GCM_PRE(key_mgr, alg->key, gcm);
		break;
	}
}

static void
cbc_expand(struct gw_keys *keys, const struct gw_alg *alg, bool out)
{
	_Alignas(16) uint8_t other[16 * 15];

	if (out)
		aes_expand(alg->key, alg->key_len, keys->cbc.sched, other);
	else
		aes_expand(alg->key, alg->key_len, other, keys->cbc.sched);
	explicit_bzero(other, sizeof(other));
}

int
gw_keys_init(
	struct gw_keys *keys, const struct gw_crypto_alg *row, const struct gw_alg *alg, bool out)
{
	if (!have_key_mgr())
		return -ENOMEM;
	if (row->auth != GW_AUTH_AEAD) {
		hmac_pad(alg->auth, alg->auth_key, alg->auth_key_len, 0x36, keys->cbc.ipad);
		hmac_pad(alg->auth, alg->auth_key, alg->auth_key_len, 0x5c, keys->cbc.opad);
	}
	switch (row->cipher) {
	case GW_CIPHER_AES_CBC:
		cbc_expand(keys, alg, out);
		return 0;
	case GW_CIPHER_AES_GCM:
		gcm_expand(alg, &keys->gcm);
		return 0;
	case GW_CIPHER_CHACHA20_POLY1305:
		memcpy(keys->chacha, alg->key, sizeof(keys->chacha));
		return 0;
	default:
		return 0;
	}
}

/*
 * Managers
 */

void
gw_crypto_destroy(struct gw_crypto *c)
{
	if (c == NULL)
		return;
	free_mb_mgr(c->mgr);
	explicit_bzero(c, sizeof(*c));
	rte_free(c);
}

/* @return packets, a power of two, that take half of the first-level cache: 16 of 32 KB, 32 of 48
 * KB */
static uint16_t
step_min(void)
{
	long cache = sysconf(_SC_LEVEL1_DCACHE_SIZE), n = 16;

	while (2 * n <= GW_BURST_MAX && 2 * n * STEP_BYTES <= cache / 2)
		n *= 2;
	return (uint16_t)n;
}

static struct gw_crypto *
crypto_alloc(int socket)
{
	struct gw_crypto *c = rte_zmalloc_socket("gw_crypto", sizeof(*c), 64, socket);

	if (c == NULL)
		return NULL;
	c->mgr = have_key_mgr() ? mgr_create() : NULL;
	if (c->mgr == NULL) {
		rte_free(c);
		return NULL;
	}
	c->step = GW_BURST_MAX;
	c->step_min = step_min();
	gw_esp_batch_init(&c->batch);
	return c;
}

struct gw_esp_batch *
gw_crypto_batch(struct gw_crypto *c)
{
	return &c->batch;
}

static pthread_mutex_t kat_lock = PTHREAD_MUTEX_INITIALIZER;
static bool kat_passed; /* under kat_lock */

struct gw_crypto *
gw_crypto_create(int socket, const char **failed)
{
	struct gw_crypto *c = crypto_alloc(socket);
	const char *bad = NULL;

	*failed = NULL;
	if (c == NULL)
		return NULL;
	pthread_mutex_lock(&kat_lock);
	if (!kat_passed)
		bad = gw_crypto_kat(c);
	kat_passed = bad == NULL;
	pthread_mutex_unlock(&kat_lock);
	if (bad != NULL) {
		*failed = bad;
		gw_crypto_destroy(c);
		return NULL;
	}
	return c;
}
