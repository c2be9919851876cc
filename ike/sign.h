/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_SIGN_H
#define IKE_SIGN_H

/*
 * Signatures in AUTH payloads over libcrypto: RSA and ECDSA of RFC 7296 3.8 and RFC 4754, any of
 * RFC 7427 with EdDSA (RFC 8420). Pure: nothing here knows of SAs, all may run on any thread.
 */

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rd.h"

#define IKE_SIG_MAX	 1200 /* AUTH data: an RSA signature of 8192 bits and what names it */
#define IKE_RSA_BITS_MAX 8192 /* of a peer's key: what it costs us to verify is bounded */

/** IANA "IKEv2 Hash Algorithms" (RFC 7427 7, RFC 8420 3). */
enum ike_hash_alg {
	IKE_HASH_SHA1 = 1,
	IKE_HASH_SHA2_256 = 2,
	IKE_HASH_SHA2_384 = 3,
	IKE_HASH_SHA2_512 = 4,
	IKE_HASH_IDENTITY = 5,
};

#define IKE_HASH_BIT(h) (1u << (h))
/** What we announce in SIGNATURE_HASH_ALGORITHMS: SHA-1 is not among it (RFC 8247 3.2). */
#define IKE_HASHES_OURS                                                                            \
	(IKE_HASH_BIT(IKE_HASH_SHA2_256) | IKE_HASH_BIT(IKE_HASH_SHA2_384) |                       \
		IKE_HASH_BIT(IKE_HASH_SHA2_512) | IKE_HASH_BIT(IKE_HASH_IDENTITY))

enum ike_key_type { IKE_KEY_OTHER, IKE_KEY_RSA, IKE_KEY_ECDSA, IKE_KEY_ED25519, IKE_KEY_ED448 };

#define IKE_KEY_BIT(t) (1u << (t))

/** What `auth = pubkey-...` asks of signatures and keys; 0 = no matter. */
struct ike_sig_rules {
	uint8_t keys;	/* IKE_KEY_BIT()s */
	uint8_t hashes; /* IKE_HASH_BIT()s */
	bool pss;	/* RSA by RSASSA-PSS only */
	uint16_t rsa_bits, ecdsa_bits; /* at least */
};

static inline bool
ike_sig_rules_equal(const struct ike_sig_rules *a, const struct ike_sig_rules *b)
{
	return a->keys == b->keys && a->hashes == b->hashes && a->pss == b->pss &&
	       a->rsa_bits == b->rsa_bits && a->ecdsa_bits == b->ecdsa_bits;
}

/** How something is signed. */
struct ike_sig {
	uint8_t method; /* enum ike_auth_method: 1, 9, 10, 11 or 14 */
	uint8_t key;	/* enum ike_key_type */
	uint8_t hash;	/* enum ike_hash_alg */
	bool pss;
	uint16_t salt_len; /* PSS */
};

enum ike_key_type ike_key_type(const EVP_PKEY *key);
/** "RSA", "ECDSA"... */
const char *ike_key_name(uint8_t type);
/** "RSASSA-PSS with SHA-256". @return buf */
const char *ike_sig_str(const struct ike_sig *s, char *buf, size_t len);

/** Key type and strength are as rules demand. */
bool ike_key_allowed(const EVP_PKEY *key, const struct ike_sig_rules *rules);
/** So are hash and scheme. */
bool ike_sig_allowed(const struct ike_sig *s, const struct ike_sig_rules *rules);

/**
 * How we sign with key: what the rules name, else PKCS#1 v1.5 and the hash that is as strong as the key.
 * @param hashes what the peer announced, IKE_HASH_BIT()s; 0 = it does not know RFC 7427
 * @return 0, or -EOPNOTSUPP: the peer takes nothing that this key and these rules allow
 */
int ike_sig_choose(struct ike_sig *s, const EVP_PKEY *key, const struct ike_sig_rules *rules,
	uint8_t hashes);

/** Write the RFC 7427 AlgorithmIdentifier (DER). @return bytes, 0 when it has none or no room */
size_t ike_sig_algorithm(const struct ike_sig *s, uint8_t *buf, size_t cap);

/**
 * Read an AUTH payload's method and data.
 * @param value [out] the signature itself
 * @return 0, -EBADMSG (malformed), -EOPNOTSUPP (a method or algorithm that we do not have)
 */
int ike_sig_parse(struct ike_sig *s, uint8_t method, struct ike_view data, struct ike_view *value);

/**
 * Sign octets.
 * @param out what stands in the AUTH payload behind the method, the AlgorithmIdentifier included
 * @return 0, -EINVAL (key and scheme do not fit), -EIO (libcrypto failed), -EMSGSIZE
 */
int ike_sig_make(const struct ike_sig *s, EVP_PKEY *key, struct ike_view octets, uint8_t *out,
	size_t cap, size_t *len);

/** @return 0, -EINVAL (key and scheme do not fit), -EBADMSG (not signed by that key) */
int ike_sig_verify(const struct ike_sig *s, EVP_PKEY *key, struct ike_view octets,
	struct ike_view value);

#endif
