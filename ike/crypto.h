/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_CRYPTO_H
#define IKE_CRYPTO_H

/*
 * PRF, Diffie-Hellman and ciphers over libcrypto, by IANA number (proposal.h). Nothing here knows
 * of messages. Fetched algorithms and curves are made at first use and shared by the process.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proposal.h"
#include "rd.h"

#define IKE_PRF_MAX	 64 /* longest PRF output and key, bytes */
#define IKE_CIPHER_MAX	 36 /* longest cipher key with salt */
#define IKE_INTEG_MAX	 64 /* longest integrity key */
#define IKE_ICV_MAX	 32
#define IKE_IV_MAX	 16
#define IKE_DH_PUB_MAX	 1184 /* longest public value, ciphertext or secret: ML-KEM-768's encapsulation key */

/* ---- parameters ---- */

/** What an encryption transform needs; the same for IKE and ESP. */
struct ike_encr_params {
	uint16_t id;	  /* enum ike_encr */
	uint16_t key_bits; /* attribute; 0 where the transform has none */
	uint8_t key_len;  /* without salt, bytes */
	uint8_t salt_len; /* taken from KEYMAT behind the key, bytes */
	uint8_t iv_len;
	uint8_t block;	/* ciphertext is a multiple of it in IKE */
	uint8_t icv_len; /* AEAD; 0 = needs an integrity transform */
};

struct ike_integ_params {
	uint16_t id; /* enum ike_integ */
	uint8_t key_len, icv_len;
};

/** @return NULL when we do not implement id with that key length */
const struct ike_encr_params *ike_encr_params(uint16_t id, uint16_t key_bits);
/** @return NULL when unknown; IKE_INTEG_NONE has lengths of 0 */
const struct ike_integ_params *ike_integ_params(uint16_t id);
/** An AEAD transform: no integrity transform beside it. */
bool ike_encr_is_aead(uint16_t id);

/* ---- hash, PRF ---- */

/** SHA-1 of the parts in a row (NAT detection, RFC 7296 2.23). @return 0 or -EIO */
int ike_sha1(const struct ike_view *parts, size_t n, uint8_t out[20]);

/** Output length = preferred key length, bytes; 0 = unknown PRF. */
size_t ike_prf_len(uint16_t prf);

/**
 * prf(key, parts in a row).
 * @param out ike_prf_len() bytes
 * @return 0, -EINVAL (unknown), -EIO (libcrypto failed)
 */
int ike_prf(uint16_t prf, struct ike_view key, const struct ike_view *parts, size_t n,
	uint8_t *out);

/**
 * prf+ (RFC 7296 2.13) over the parts in a row.
 * @param out_len at most 255 * ike_prf_len()
 * @return as ike_prf()
 */
int ike_prf_plus(uint16_t prf, struct ike_view key, const struct ike_view *parts, size_t n,
	uint8_t *out, size_t out_len);

/* ---- integrity, ciphers: for sk.c ---- */

/** Truncated HMAC. @param icv icv_len bytes of its parameters @return 0, -EINVAL, -EIO */
int ike_integ(uint16_t integ, struct ike_view key, const struct ike_view *parts, size_t n,
	uint8_t *icv);

/**
 * Encrypt without padding. AEAD: key ends in the salt, icv is written. CBC: aad and icv unused.
 * @param in  len bytes, a multiple of the block; out may be the same place
 * @return 0, -EINVAL (lengths), -EIO
 */
int ike_encrypt(const struct ike_encr_params *ep, const uint8_t *key, const uint8_t *iv,
	struct ike_view aad, const uint8_t *in, size_t len, uint8_t *out, uint8_t *icv);

/** The reverse. @return 0, -EINVAL (lengths), -EBADMSG (AEAD: wrong ICV, out is wiped), -EIO */
int ike_decrypt(const struct ike_encr_params *ep, const uint8_t *key, const uint8_t *iv,
	struct ike_view aad, const uint8_t *in, size_t len, uint8_t *out, const uint8_t *icv);

/* ---- Diffie-Hellman ---- */

struct ike_dh_key; /* one private value with its public one */

/** Public value's length on the wire (of a KEM: the initiator's), bytes; 0 = group not implemented. */
size_t ike_dh_pub_len(uint16_t group);

/** About what a pair, and a secret, take on a processor of today; microseconds. */
uint32_t ike_dh_cost_us(uint16_t group);

/** Make a fresh pair. @return NULL when the group is unknown or libcrypto failed */
struct ike_dh_key *ike_dh_create(uint16_t group);

/** A key encapsulation mechanism: the responder's value depends on the initiator's. */
bool ike_dh_is_kem(uint16_t group);

/** "3.0.19": whose algorithms these are. */
const char *ike_crypto_version(void);

/**
 * The responder's side: a fresh pair, or what a KEM encapsulates for the initiator's value. Then
 * ike_dh_pub() is what to send, ike_dh_shared() with the same value gives the secret.
 * @return NULL when the group is unknown, the value is none of its (KEM), or libcrypto failed
 */
struct ike_dh_key *ike_dh_answer(uint16_t group, struct ike_view peer);

/** A pair from a given private value (big-endian; raw for 31 and 32). For known-answer tests. */
struct ike_dh_key *ike_dh_create_from(uint16_t group, const uint8_t *priv, size_t len);

/** One more owner, who calls ike_dh_destroy() too; on any thread. */
struct ike_dh_key *ike_dh_hold(struct ike_dh_key *dh);

/** The last owner wipes and frees. NULL is fine. */
void ike_dh_destroy(struct ike_dh_key *dh);

uint16_t ike_dh_group(const struct ike_dh_key *dh);

/** Our public value; lives as long as dh. */
struct ike_view ike_dh_pub(const struct ike_dh_key *dh);

/**
 * The shared secret, as KEYMAT wants it: MODP padded to the prime's length (RFC 7296 2.14), ECP the
 * x coordinate (RFC 5903 7), 31 and 32 raw (RFC 8031). Peer values are validated by RFC 6989:
 * 1 < y < p-1, point on the curve, secret not zero.
 *
 * @param secret [out] IKE_DH_PUB_MAX bytes of room; the caller wipes it
 * @return 0, -EINVAL (wrong length or not a valid public value), -EIO
 */
int ike_dh_shared(const struct ike_dh_key *dh, struct ike_view peer, uint8_t *secret, size_t *len);

/* ---- small things ---- */

/** Equal? In constant time. */
bool ike_mem_equal(const void *a, const void *b, size_t len);
/** Wipe so that the compiler cannot leave it out. */
void ike_wipe(void *p, size_t len);

#endif
