/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_CRYPTO_MB_H
#define GW_CRYPTO_MB_H

/*
 * IPsec-MB behind an interface of our own: crypto_mb.c is the only file that sees its header. An
 * algorithm is a row of a constant table (crypto_alg.c); an SA points to its row, and packets whose
 * SAs share a row go through it together, whatever their keys.
 */

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sa.h"

struct gw_crypto;

#define GW_ICV_MAX    32
#define GW_ICV_ZEROED 8 /* shortest ICV of an AEAD */

/** Expanded keys of one direction. Their layout depends on the CPU: never written anywhere. */
struct gw_keys;

/** One packet. Lengths must be valid for the algorithm: see gw_crypto_alg. What the crypto touches is one
 * cache line, most often. */
struct gw_crypto_op {
	const struct gw_keys *keys;
	uint8_t *iv;	   /* CBC: 16 bytes in the packet; unused by others */
	uint8_t *text;	   /* encrypted or decrypted in place */
	uint8_t *auth;	   /* HMAC: first byte covered; AEAD: the additional data */
	uint8_t *icv;	   /* icv_len bytes: outbound written, the first GW_ICV_ZEROED are zero before:
			    * an AEAD call that refuses in silence shows by them; inbound only read */
	uint32_t text_len; /* CBC: a positive multiple of 16; others: any but 0 */
	uint32_t auth_len; /* HMAC: bytes covered, not 0; AEAD: of the additional data */
	uint8_t nonce[12]; /* AEAD: salt and IV; CBC outbound: what the IV is made of, no two packets' the same */
	bool done;	   /* [out] the library did the work */
	bool good;	   /* [out] done, and (inbound) the ICV is right: text is valid */
	uint8_t room[GW_ICV_MAX]; /* the caller's, for auth or icv to point at */
};
static_assert(offsetof(struct gw_crypto_op, room) <= 64, "one cache line");

struct gw_crypto_alg;
typedef void gw_crypto_fn(struct gw_crypto *c, const struct gw_crypto_alg *alg,
	struct gw_crypto_op *const *ops, unsigned int n);

struct gw_crypto_alg {
	const char *name;
	enum gw_cipher cipher;
	enum gw_auth auth;
	uint8_t key_len, auth_key_len, salt_len;
	uint8_t iv_len;	 /* bytes of IV in the packet */
	uint8_t icv_len;
	uint8_t align;	 /* padded payload and trailer are a multiple of this (RFC 4303 2.4) */
	gw_crypto_fn *make_iv; /* outbound: fills op->iv from op->nonce; NULL: IV is the counter */
	gw_crypto_fn *encrypt; /* op->text, then op->icv */
	gw_crypto_fn *decrypt; /* ICV against op->icv (constant time), then op->text if that was right */
};

/* The functions behind the rows. c is this lcore's, alg the ops' common row, n at most GW_BURST_MAX. */
gw_crypto_fn gw_crypto_cbc_make_iv_singly; /* of gw_crypto_cbc_make_iv(), where there is no AES-NI */
gw_crypto_fn gw_crypto_cbc_make_iv, gw_crypto_cbc_encrypt, gw_crypto_cbc_decrypt;
gw_crypto_fn gw_crypto_null_encrypt, gw_crypto_null_decrypt;
gw_crypto_fn gw_crypto_gcm_encrypt, gw_crypto_gcm_decrypt;
gw_crypto_fn gw_crypto_chacha_encrypt, gw_crypto_chacha_decrypt;

/** The row for alg. @return NULL when there is none, or a key length does not fit */
const struct gw_crypto_alg *gw_crypto_alg_find(const struct gw_alg *alg);

/** Row i, NULL past the last: for self-test and tests. */
const struct gw_crypto_alg *gw_crypto_alg_at(unsigned int i);

/**
 * How many packets to bring at a time, GW_BURST_MAX at most, going by what algorithms there were lately: all
 * there are for those that work on many at once, fewer for the others. Then all that these packets touch
 * stays in the first-level cache from stage to stage.
 */
uint16_t gw_crypto_step(const struct gw_crypto *c);

/** Bytes of struct gw_keys that this row needs on this CPU: a multiple of 64, to be aligned to 64. */
size_t gw_keys_size(const struct gw_crypto_alg *row);

/**
 * Expand the keys of one direction. Control: uses a manager made once for the process, of which it reads
 * function pointers only, so any thread may. The caller wipes: memory of gw_keys_size(row) bytes.
 * @return 0, -ENOMEM
 */
int gw_keys_init(struct gw_keys *keys, const struct gw_crypto_alg *row, const struct gw_alg *alg,
	bool out);

/**
 * Have the keys of an SA on their way, for packets of text_len bytes: of thousands of SAs none has them in the cache.
 * Any lcore, as soon as a packet's SA is known: those of a burst all at once would be more than a core can wait for.
 */
void gw_keys_ahead(const struct gw_crypto_alg *row, const struct gw_keys *keys, uint32_t text_len);

/** Known-answer test of every row, both directions. @return name of the first that failed, or NULL */
const char *gw_crypto_kat(struct gw_crypto *c);

#endif
