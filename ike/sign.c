/* SPDX-License-Identifier: BSD-3-Clause */
#include "sign.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "wire.h"
#include "wr.h"

/* ---- tables ---- */

struct hash_info {
	uint8_t id;
	uint8_t len; /* of its output, and of the salt that goes with it */
	int nid;
	const char *name;
};

static const struct hash_info hashes[] = {
	{IKE_HASH_SHA1, 20, NID_sha1, "SHA-1"},
	{IKE_HASH_SHA2_256, 32, NID_sha256, "SHA-256"},
	{IKE_HASH_SHA2_384, 48, NID_sha384, "SHA-384"},
	{IKE_HASH_SHA2_512, 64, NID_sha512, "SHA-512"},
};

/* RFC 4754: the curve goes with the hash, and r and s stand side by side */
static const struct {
	uint8_t method, hash;
	uint16_t bits;
} old_ecdsa[] = {
	{IKE_AUTH_ECDSA_256, IKE_HASH_SHA2_256, 256},
	{IKE_AUTH_ECDSA_384, IKE_HASH_SHA2_384, 384},
	{IKE_AUTH_ECDSA_521, IKE_HASH_SHA2_512, 521},
};

#define N(a)       (sizeof(a) / sizeof((a)[0]))
#define ED25519_ID "\x30\x05\x06\x03\x2b\x65\x70"
#define ED448_ID   "\x30\x05\x06\x03\x2b\x65\x71"
#define ED_ID_LEN  7
#define ALGOR_MAX  256 /* the length stands in one octet */
#define ECDSA_MAX  160 /* DER of two numbers of 521 bits */

static const struct hash_info *
hash_by_id(uint8_t id)
{
	for (size_t i = 0; i < N(hashes); i++)
		if (hashes[i].id == id)
			return &hashes[i];
	return NULL;
}

static const struct hash_info *
hash_by_nid(int nid)
{
	for (size_t i = 0; i < N(hashes); i++)
		if (hashes[i].nid == nid)
			return &hashes[i];
	return NULL;
}

static bool
is_eddsa(uint8_t key)
{
	return key == IKE_KEY_ED25519 || key == IKE_KEY_ED448;
}

enum ike_key_type
ike_key_type(const EVP_PKEY *key)
{
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
	case EVP_PKEY_RSA_PSS:
		return IKE_KEY_RSA;
	case EVP_PKEY_EC:
		return IKE_KEY_ECDSA;
	case EVP_PKEY_ED25519:
		return IKE_KEY_ED25519;
	case EVP_PKEY_ED448:
		return IKE_KEY_ED448;
	default:
		return IKE_KEY_OTHER;
	}
}

const char *
ike_key_name(uint8_t type)
{
	static const char *const names[] = {"unknown", "RSA", "ECDSA", "Ed25519", "Ed448"};

	return type < N(names) ? names[type] : names[0];
}

const char *
ike_sig_str(const struct ike_sig *s, char *buf, size_t len)
{
	const struct hash_info *h = hash_by_id(s->hash);

	if (is_eddsa(s->key))
		snprintf(buf, len, "%s", ike_key_name(s->key));
	else
		snprintf(buf, len, "%s with %s", s->pss ? "RSASSA-PSS" : ike_key_name(s->key),
			h != NULL ? h->name : "?");
	return buf;
}

/* ---- rules ---- */

bool
ike_key_allowed(const EVP_PKEY *key, const struct ike_sig_rules *rules)
{
	enum ike_key_type type = ike_key_type(key);
	int bits = EVP_PKEY_get_bits(key);

	if (type == IKE_KEY_OTHER || (type == IKE_KEY_RSA && bits > IKE_RSA_BITS_MAX))
		return false;
	if (rules->keys != 0 && (rules->keys & IKE_KEY_BIT(type)) == 0)
		return false;
	if (type == IKE_KEY_RSA)
		return bits >= rules->rsa_bits;
	return type != IKE_KEY_ECDSA || bits >= rules->ecdsa_bits;
}

bool
ike_sig_allowed(const struct ike_sig *s, const struct ike_sig_rules *rules)
{
	if (rules->keys != 0 && (rules->keys & IKE_KEY_BIT(s->key)) == 0)
		return false;
	if (rules->pss && s->key == IKE_KEY_RSA && !s->pss)
		return false;
	/* EdDSA hashes by itself: a list of hashes says nothing about it */
	return rules->hashes == 0 || is_eddsa(s->key) ||
	       (rules->hashes & IKE_HASH_BIT(s->hash)) != 0;
}

/* ---- choosing ---- */

/** The hash as strong as the key; RFC 7427 5.1 asks for it. */
static uint8_t
natural_hash(enum ike_key_type type, int bits)
{
	if (is_eddsa((uint8_t)type))
		return IKE_HASH_IDENTITY;
	if (type == IKE_KEY_RSA)
		return bits <= 3072   ? IKE_HASH_SHA2_256
		       : bits <= 7680 ? IKE_HASH_SHA2_384
				      : IKE_HASH_SHA2_512;
	return bits <= 256   ? IKE_HASH_SHA2_256
	       : bits <= 384 ? IKE_HASH_SHA2_384
			     : IKE_HASH_SHA2_512;
}

/** The peer does not know RFC 7427: RSA with SHA-1, or the ECDSA of its curve. */
static int
choose_old(struct ike_sig *s, int bits)
{
	if (s->key == IKE_KEY_RSA && !s->pss) {
		s->method = IKE_AUTH_RSA;
		s->hash = IKE_HASH_SHA1;
		return 0;
	}
	for (size_t i = 0; s->key == IKE_KEY_ECDSA && i < N(old_ecdsa); i++) {
		if (old_ecdsa[i].bits == bits) {
			s->method = old_ecdsa[i].method;
			s->hash = old_ecdsa[i].hash;
			return 0;
		}
	}
	return -EOPNOTSUPP;
}

static bool
try_hash(struct ike_sig *s, uint8_t hash, const struct ike_sig_rules *rules, uint8_t peer)
{
	s->hash = hash;
	return (peer & IKE_HASH_BIT(hash)) != 0 && ike_sig_allowed(s, rules);
}

static bool
choose_hash(struct ike_sig *s, int bits, const struct ike_sig_rules *rules, uint8_t peer)
{
	uint8_t natural = natural_hash((enum ike_key_type)s->key, bits);

	if (try_hash(s, natural, rules, peer))
		return true;
	/* stronger ones first, then weaker ones; SHA-1 only if the rules name it */
	for (uint8_t h = natural + 1; h <= IKE_HASH_SHA2_512 && !is_eddsa(s->key); h++)
		if (try_hash(s, h, rules, peer))
			return true;
	for (uint8_t h = natural; h-- > IKE_HASH_SHA2_256 && !is_eddsa(s->key);)
		if (try_hash(s, h, rules, peer))
			return true;
	return (rules->hashes & IKE_HASH_BIT(IKE_HASH_SHA1)) != 0 && !s->pss && !is_eddsa(s->key) &&
	       try_hash(s, IKE_HASH_SHA1, rules, peer);
}

int
ike_sig_choose(
	struct ike_sig *s, const EVP_PKEY *key, const struct ike_sig_rules *rules, uint8_t peer)
{
	int bits = EVP_PKEY_get_bits(key);

	*s = (struct ike_sig){.method = IKE_AUTH_SIGNATURE, .key = (uint8_t)ike_key_type(key)};
	s->pss = s->key == IKE_KEY_RSA &&
		 (rules->pss || EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA_PSS);
	if (!ike_key_allowed(key, rules))
		return -EOPNOTSUPP;
	if (peer == 0) {
		int err = choose_old(s, bits);

		return err == 0 && !ike_sig_allowed(s, rules) ? -EOPNOTSUPP : err;
	}
	if (!choose_hash(s, bits, rules, peer))
		return -EOPNOTSUPP;
	if (s->pss)
		s->salt_len = hash_by_id(s->hash)->len;
	return 0;
}

/* ---- AlgorithmIdentifier, RFC 7427 appendix A ---- */

static X509_ALGOR *
pss_algorithm(const struct hash_info *h, int salt_len)
{
	RSA_PSS_PARAMS *p = RSA_PSS_PARAMS_new();
	X509_ALGOR *a = X509_ALGOR_new(), *mgf_hash = X509_ALGOR_new();
	ASN1_STRING *mgf = NULL, *all = NULL;

	if (p == NULL || a == NULL || mgf_hash == NULL)
		goto fail;
	/* with NULL, as RFC 4055 2.1 writes them */
	if (X509_ALGOR_set0(mgf_hash, OBJ_nid2obj(h->nid), V_ASN1_NULL, NULL) != 1)
		goto fail;
	p->hashAlgorithm = X509_ALGOR_dup(mgf_hash);
	p->maskGenAlgorithm = X509_ALGOR_new();
	p->saltLength = ASN1_INTEGER_new();
	mgf = ASN1_item_pack(mgf_hash, ASN1_ITEM_rptr(X509_ALGOR), NULL);
	if (p->hashAlgorithm == NULL || p->maskGenAlgorithm == NULL || p->saltLength == NULL ||
		mgf == NULL || ASN1_INTEGER_set(p->saltLength, salt_len) != 1)
		goto fail;
	if (X509_ALGOR_set0(p->maskGenAlgorithm, OBJ_nid2obj(NID_mgf1), V_ASN1_SEQUENCE, mgf) != 1)
		goto fail;
	mgf = NULL;
	all = ASN1_item_pack(p, ASN1_ITEM_rptr(RSA_PSS_PARAMS), NULL);
	if (all == NULL ||
		X509_ALGOR_set0(a, OBJ_nid2obj(NID_rsassaPss), V_ASN1_SEQUENCE, all) != 1)
		goto fail;
	X509_ALGOR_free(mgf_hash);
	RSA_PSS_PARAMS_free(p);
	return a;
fail:
	ASN1_STRING_free(mgf);
	ASN1_STRING_free(all);
	X509_ALGOR_free(mgf_hash);
	X509_ALGOR_free(a);
	RSA_PSS_PARAMS_free(p);
	return NULL;
}

/** sha256WithRSAEncryption and the like with NULL, ecdsa-with-SHA256 and the like without. */
static X509_ALGOR *
plain_algorithm(const struct ike_sig *s, const struct hash_info *h)
{
	X509_ALGOR *a = X509_ALGOR_new();
	bool rsa = s->key == IKE_KEY_RSA;
	int nid;

	if (a != NULL &&
		OBJ_find_sigid_by_algs(
			&nid, h->nid, rsa ? NID_rsaEncryption : NID_X9_62_id_ecPublicKey) == 1 &&
		X509_ALGOR_set0(a, OBJ_nid2obj(nid), rsa ? V_ASN1_NULL : V_ASN1_UNDEF, NULL) == 1)
		return a;
	X509_ALGOR_free(a);
	return NULL;
}

size_t
ike_sig_algorithm(const struct ike_sig *s, uint8_t *buf, size_t cap)
{
	const struct hash_info *h = hash_by_id(s->hash);
	unsigned char *der = NULL;
	X509_ALGOR *a = NULL;
	size_t len = 0;
	int n;

	if (is_eddsa(s->key) && cap >= ED_ID_LEN) {
		memcpy(buf, s->key == IKE_KEY_ED25519 ? ED25519_ID : ED448_ID, ED_ID_LEN);
		return ED_ID_LEN;
	}
	if (h != NULL)
		a = s->pss ? pss_algorithm(h, s->salt_len) : plain_algorithm(s, h);
	n = a != NULL ? i2d_X509_ALGOR(a, &der) : -1;
	if (n > 0 && (size_t)n <= cap) {
		memcpy(buf, der, (size_t)n);
		len = (size_t)n;
	}
	OPENSSL_free(der);
	X509_ALGOR_free(a);
	return len;
}

/** Both hashes are the same one, mask generation is MGF1, the trailer is 0xbc (RFC 4055 3.1). */
static int
read_pss_params(struct ike_sig *s, const RSA_PSS_PARAMS *p)
{
	const struct hash_info *h, *mgf;
	const ASN1_OBJECT *obj;
	X509_ALGOR *mgf_hash;
	const void *value;
	long salt = 20;
	int type;

	/* what is left out stands for SHA-1, which is nothing to start with today */
	if (p->hashAlgorithm == NULL || p->maskGenAlgorithm == NULL)
		return -EOPNOTSUPP;
	X509_ALGOR_get0(&obj, NULL, NULL, p->hashAlgorithm);
	h = hash_by_nid(OBJ_obj2nid(obj));
	X509_ALGOR_get0(&obj, &type, &value, p->maskGenAlgorithm);
	if (h == NULL || h->id == IKE_HASH_SHA1 || OBJ_obj2nid(obj) != NID_mgf1 ||
		type != V_ASN1_SEQUENCE)
		return -EOPNOTSUPP;
	mgf_hash = ASN1_item_unpack(value, ASN1_ITEM_rptr(X509_ALGOR));
	if (mgf_hash == NULL)
		return -EBADMSG;
	X509_ALGOR_get0(&obj, NULL, NULL, mgf_hash);
	mgf = hash_by_nid(OBJ_obj2nid(obj));
	X509_ALGOR_free(mgf_hash);
	if (p->saltLength != NULL)
		salt = ASN1_INTEGER_get(p->saltLength);
	if (salt < 0 || salt > IKE_RSA_BITS_MAX / 8)
		return -EBADMSG;
	if (mgf != h || (p->trailerField != NULL && ASN1_INTEGER_get(p->trailerField) != 1))
		return -EOPNOTSUPP;
	s->hash = h->id;
	s->salt_len = (uint16_t)salt;
	return 0;
}

static int
read_pss(struct ike_sig *s, int type, const void *value)
{
	RSA_PSS_PARAMS *p;
	int err;

	s->key = IKE_KEY_RSA;
	s->pss = true;
	if (type != V_ASN1_SEQUENCE)
		return type == V_ASN1_UNDEF ? -EOPNOTSUPP : -EBADMSG;
	p = ASN1_item_unpack(value, ASN1_ITEM_rptr(RSA_PSS_PARAMS));
	if (p == NULL)
		return -EBADMSG;
	err = read_pss_params(s, p);
	RSA_PSS_PARAMS_free(p);
	return err;
}

static int
read_algorithm(struct ike_sig *s, const X509_ALGOR *a)
{
	const struct hash_info *h;
	const ASN1_OBJECT *obj;
	const void *value;
	int type, nid, md, pk;

	X509_ALGOR_get0(&obj, &type, &value, a);
	nid = OBJ_obj2nid(obj);
	if (nid == NID_rsassaPss)
		return read_pss(s, type, value);
	if (nid == NID_ED25519 || nid == NID_ED448) {
		s->key = nid == NID_ED25519 ? IKE_KEY_ED25519 : IKE_KEY_ED448;
		s->hash = IKE_HASH_IDENTITY;
		return 0;
	}
	if (nid == NID_undef || OBJ_find_sigid_algs(nid, &md, &pk) != 1)
		return -EOPNOTSUPP;
	h = hash_by_nid(md);
	if (h == NULL || (pk != NID_rsaEncryption && pk != NID_X9_62_id_ecPublicKey))
		return -EOPNOTSUPP;
	s->key = pk == NID_rsaEncryption ? IKE_KEY_RSA : IKE_KEY_ECDSA;
	s->hash = h->id;
	return 0;
}

/** RFC 7427 3: length of the AlgorithmIdentifier in one octet, itself, the signature. */
static int
parse_signature(struct ike_sig *s, struct ike_view data, struct ike_view *value)
{
	struct ike_rd r = ike_rd_view(data);
	uint8_t len = ike_rd_u8(&r);
	const unsigned char *p = ike_rd_bytes(&r, len), *begin = p;
	X509_ALGOR *a;
	int err;

	*value = ike_rd_rest(&r);
	if (!ike_rd_ok(&r) || len == 0 || value->len == 0)
		return -EBADMSG;
	a = d2i_X509_ALGOR(NULL, &p, len);
	err = a == NULL || p != begin + len ? -EBADMSG : read_algorithm(s, a);
	X509_ALGOR_free(a);
	ERR_clear_error();
	return err;
}

int
ike_sig_parse(struct ike_sig *s, uint8_t method, struct ike_view data, struct ike_view *value)
{
	*s = (struct ike_sig){.method = method};
	*value = data;
	if (method == IKE_AUTH_SIGNATURE)
		return parse_signature(s, data, value);
	if (method == IKE_AUTH_RSA) {
		s->key = IKE_KEY_RSA;
		s->hash = IKE_HASH_SHA1;
		return data.len > 0 ? 0 : -EBADMSG;
	}
	for (size_t i = 0; i < N(old_ecdsa); i++) {
		if (old_ecdsa[i].method != method)
			continue;
		s->key = IKE_KEY_ECDSA;
		s->hash = old_ecdsa[i].hash;
		return data.len == 2 * ((old_ecdsa[i].bits + 7U) / 8) ? 0 : -EBADMSG;
	}
	return -EOPNOTSUPP;
}

/* ---- ECDSA of RFC 4754: r and s, each as long as the group's order ---- */

static bool
raw_from_der(const uint8_t *der, size_t len, uint8_t *raw, size_t half)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
	bool ok = sig != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, (int)half) >= 0 &&
		  BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + half, (int)half) >= 0;

	ECDSA_SIG_free(sig);
	return ok;
}

/** @return bytes of DER, 0 = it failed */
static size_t
der_from_raw(struct ike_view raw, uint8_t der[ECDSA_MAX])
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	int half = (int)(raw.len / 2);
	BIGNUM *r = BN_bin2bn(raw.p, half, NULL), *s = BN_bin2bn(raw.p + half, half, NULL);
	int len = 0;

	if (sig != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(sig, r, s) == 1) {
		r = s = NULL; /* sig's now */
		len = i2d_ECDSA_SIG(sig, NULL);
		if (len > 0 && len <= ECDSA_MAX)
			len = i2d_ECDSA_SIG(sig, &der);
		else
			len = 0;
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	return len > 0 ? (size_t)len : 0;
}

/* ---- signing and verifying ---- */

static bool
fits(const struct ike_sig *s, const EVP_PKEY *key)
{
	if (ike_key_type(key) != s->key)
		return false;
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA_PSS && !s->pss)
		return false;
	for (size_t i = 0; i < N(old_ecdsa); i++)
		if (old_ecdsa[i].method == s->method)
			return EVP_PKEY_get_bits(key) == old_ecdsa[i].bits;
	return s->key != IKE_KEY_RSA || EVP_PKEY_get_bits(key) <= IKE_RSA_BITS_MAX;
}

static bool
begin(EVP_MD_CTX *ctx, const struct ike_sig *s, EVP_PKEY *key, bool sign)
{
	const struct hash_info *h = hash_by_id(s->hash);
	const EVP_MD *md = h != NULL ? EVP_get_digestbynid(h->nid) : NULL;
	EVP_PKEY_CTX *p = NULL;

	if ((sign ? EVP_DigestSignInit(ctx, &p, md, NULL, key)
		  : EVP_DigestVerifyInit(ctx, &p, md, NULL, key)) != 1)
		return false;
	if (s->key != IKE_KEY_RSA)
		return true;
	if (EVP_PKEY_CTX_set_rsa_padding(p, s->pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) <=
		0)
		return false;
	return !s->pss || (EVP_PKEY_CTX_set_rsa_mgf1_md(p, md) > 0 &&
				  EVP_PKEY_CTX_set_rsa_pss_saltlen(p, s->salt_len) > 0);
}

/** The bare signature, in the form that s->method has. @return bytes, or -errno */
static ssize_t
sign(const struct ike_sig *s, EVP_PKEY *key, struct ike_view octets, uint8_t *out, size_t cap)
{
	bool raw = s->key == IKE_KEY_ECDSA && s->method != IKE_AUTH_SIGNATURE;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t sig[IKE_SIG_MAX];
	size_t len = sizeof(sig), half = (size_t)(EVP_PKEY_get_bits(key) + 7) / 8;
	ssize_t ret = -EIO;

	if (ctx != NULL && begin(ctx, s, key, true) &&
		EVP_DigestSign(ctx, sig, &len, octets.p, octets.len) == 1)
		ret = (ssize_t)(raw ? 2 * half : len);
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	if (ret < 0)
		return ret;
	if ((size_t)ret > cap)
		return -EMSGSIZE;
	if (!raw)
		memcpy(out, sig, len);
	else if (!raw_from_der(sig, len, out, half))
		return -EIO;
	return ret;
}

int
ike_sig_make(const struct ike_sig *s, EVP_PKEY *key, struct ike_view octets, uint8_t *out,
	size_t cap, size_t *len)
{
	uint8_t id[ALGOR_MAX];
	struct ike_wr w = ike_wr_make(out, cap);
	size_t id_len;
	ssize_t n;

	if (!fits(s, key))
		return -EINVAL;
	if (s->method == IKE_AUTH_SIGNATURE) {
		id_len = ike_sig_algorithm(s, id, UINT8_MAX);
		if (id_len == 0)
			return -EINVAL;
		ike_wr_u8(&w, (uint8_t)id_len);
		ike_wr_bytes(&w, id, id_len);
	}
	if (!ike_wr_ok(&w))
		return -EMSGSIZE;
	n = sign(s, key, octets, out + w.len, cap - w.len);
	if (n < 0)
		return (int)n;
	*len = w.len + (size_t)n;
	return 0;
}

int
ike_sig_verify(
	const struct ike_sig *s, EVP_PKEY *key, struct ike_view octets, struct ike_view value)
{
	uint8_t der[ECDSA_MAX];
	EVP_MD_CTX *ctx;
	bool good;

	if (!fits(s, key))
		return -EINVAL;
	if (s->key == IKE_KEY_ECDSA && s->method != IKE_AUTH_SIGNATURE) {
		value.len = der_from_raw(value, der);
		value.p = der;
	}
	ctx = EVP_MD_CTX_new();
	good = ctx != NULL && begin(ctx, s, key, false) &&
	       EVP_DigestVerify(ctx, value.p, value.len, octets.p, octets.len) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return good ? 0 : -EBADMSG;
}
