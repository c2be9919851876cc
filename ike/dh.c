/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "kem.h"

enum kind { MODP, ECP, RAW, KEM };

/**
 * Private exponents of MODP groups are short: twice the group's strength, as RFC 3526 section 8
 * estimates it. The primes are safe ones, so nothing is lost, and the largest group costs a
 * sixteenth.
 */
struct group {
	uint16_t id;
	enum kind kind;
	uint16_t pub_len;           /* on the wire */
	uint16_t priv_bits;         /* MODP */
	BIGNUM *(*prime)(BIGNUM *); /* MODP: RFC 2409, RFC 3526 */
	int nid;                    /* ECP: RFC 5903; RAW: RFC 8031 */
	uint32_t cost_us;           /* measured on a 2020 server core with OpenSSL 3.0 */
};

static const struct group groups[] = {
	{IKE_DH_MODP_1024, MODP, 128, 256, BN_get_rfc2409_prime_1024, 0, 60},
	{IKE_DH_MODP_1536, MODP, 192, 256, BN_get_rfc3526_prime_1536, 0, 120},
	{IKE_DH_MODP_2048, MODP, 256, 256, BN_get_rfc3526_prime_2048, 0, 200},
	{IKE_DH_MODP_3072, MODP, 384, 320, BN_get_rfc3526_prime_3072, 0, 530},
	{IKE_DH_MODP_4096, MODP, 512, 384, BN_get_rfc3526_prime_4096, 0, 1100},
	{IKE_DH_MODP_6144, MODP, 768, 448, BN_get_rfc3526_prime_6144, 0, 2800},
	{IKE_DH_MODP_8192, MODP, 1024, 512, BN_get_rfc3526_prime_8192, 0, 5600},
	{IKE_DH_ECP_256, ECP, 64, 0, NULL, NID_X9_62_prime256v1, 20},
	{IKE_DH_ECP_384, ECP, 96, 0, NULL, NID_secp384r1, 500},
	{IKE_DH_ECP_521, ECP, 132, 0, NULL, NID_secp521r1, 140},
	{IKE_DH_CURVE25519, RAW, 32, 0, NULL, EVP_PKEY_X25519, 25},
	{IKE_DH_CURVE448, RAW, 56, 0, NULL, EVP_PKEY_X448, 150},
	{IKE_DH_MLKEM_768, KEM, IKE_MLKEM_PUB_LEN, 0, NULL, 0, 60}, /* a guess */
};

#define N_GROUPS (sizeof(groups) / sizeof(groups[0]))

/* What libcrypto wants ready for a group; made at first use under the lock, then read-only. */
struct ready {
	BIGNUM *p, *p_minus_1, *g; /* MODP */
	BN_MONT_CTX *mont;
	EC_GROUP *ec; /* ECP */
};

static struct {
	pthread_mutex_t lock;
	struct ready *group[N_GROUPS];
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

struct ike_dh_key {
	atomic_uint owners;
	const struct group *g;
	const struct ready *rd;
	BIGNUM *priv;   /* MODP, ECP */
	EVP_PKEY *pkey; /* RAW, KEM */
	bool answered;  /* KEM: pub is a ciphertext, the secret is known already */
	uint8_t secret[IKE_MLKEM_SECRET_LEN];
	uint8_t pub[IKE_DH_PUB_MAX];
};

static const struct group *
find_group(uint16_t id)
{
	for (size_t i = 0; i < N_GROUPS; i++)
		if (groups[i].id == id)
			return groups[i].kind == KEM && !ike_mlkem_available() ? NULL : &groups[i];
	return NULL;
}

static void
ready_free(struct ready *rd)
{
	BN_free(rd->p);
	BN_free(rd->p_minus_1);
	BN_free(rd->g);
	BN_MONT_CTX_free(rd->mont);
	EC_GROUP_free(rd->ec);
	free(rd);
}

static bool
ready_modp(struct ready *rd, const struct group *g)
{
	BN_CTX *ctx = BN_CTX_new();
	bool ok;

	rd->p = g->prime(NULL);
	rd->g = BN_new();
	rd->mont = BN_MONT_CTX_new();
	rd->p_minus_1 = rd->p == NULL ? NULL : BN_dup(rd->p);
	ok = ctx != NULL && rd->p_minus_1 != NULL && rd->g != NULL && rd->mont != NULL &&
	     BN_sub_word(rd->p_minus_1, 1) == 1 && BN_set_word(rd->g, 2) == 1 &&
	     BN_MONT_CTX_set(rd->mont, rd->p, ctx) == 1;
	BN_CTX_free(ctx);
	return ok;
}

static struct ready *
ready_new(const struct group *g)
{
	struct ready *rd = calloc(1, sizeof(*rd));
	bool ok = true;

	if (rd == NULL)
		return NULL;
	if (g->kind == MODP)
		ok = ready_modp(rd, g);
	else if (g->kind == ECP)
		ok = (rd->ec = EC_GROUP_new_by_curve_name(g->nid)) != NULL;
	if (ok)
		return rd;
	ready_free(rd);
	return NULL;
}

static const struct ready *
get_ready(const struct group *g)
{
	struct ready **slot = &cache.group[g - groups];
	const struct ready *rd;

	pthread_mutex_lock(&cache.lock);
	if (*slot == NULL)
		*slot = ready_new(g);
	rd = *slot;
	pthread_mutex_unlock(&cache.lock);
	return rd;
}

/* ---- MODP ---- */

static int
modp_public(struct ike_dh_key *dh)
{
	const struct ready *rd = dh->rd;
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *y = BN_new();
	bool ok = ctx != NULL && y != NULL &&
		  BN_mod_exp_mont_consttime(y, rd->g, dh->priv, rd->p, ctx, rd->mont) == 1 &&
		  BN_bn2binpad(y, dh->pub, dh->g->pub_len) == dh->g->pub_len;

	BN_free(y);
	BN_CTX_free(ctx);
	return ok ? 0 : -EIO;
}

static int
modp_shared(const struct ike_dh_key *dh, struct ike_view peer, uint8_t *secret)
{
	const struct ready *rd = dh->rd;
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *y = BN_bin2bn(peer.p, (int)peer.len, NULL);
	BIGNUM *s = BN_new();
	int ret = -EIO;

	if (ctx == NULL || y == NULL || s == NULL)
		goto out;
	/* RFC 6989 2.1: the primes are safe, so 1 < y < p - 1 is the whole test */
	ret = -EINVAL;
	if (BN_cmp(y, BN_value_one()) <= 0 || BN_cmp(y, rd->p_minus_1) >= 0)
		goto out;
	ret = -EIO;
	if (BN_mod_exp_mont_consttime(s, y, dh->priv, rd->p, ctx, rd->mont) == 1 &&
		BN_bn2binpad(s, secret, dh->g->pub_len) == dh->g->pub_len)
		ret = 0;
out:
	BN_clear_free(s);
	BN_free(y);
	BN_CTX_free(ctx);
	return ret;
}

/* ---- ECP: a point is x | y on the wire (RFC 5903 7) ---- */

static int
ecp_write(const struct ike_dh_key *dh, const EC_POINT *pt, BN_CTX *ctx, uint8_t *x, uint8_t *y)
{
	int half = dh->g->pub_len / 2;
	BIGNUM *bx = BN_new(), *by = BN_new();
	bool ok = bx != NULL && by != NULL &&
		  EC_POINT_get_affine_coordinates(dh->rd->ec, pt, bx, by, ctx) == 1 &&
		  BN_bn2binpad(bx, x, half) == half &&
		  (y == NULL || BN_bn2binpad(by, y, half) == half);

	BN_clear_free(bx);
	BN_clear_free(by);
	return ok ? 0 : -EIO;
}

static int
ecp_public(struct ike_dh_key *dh)
{
	const EC_GROUP *ec = dh->rd->ec;
	EC_POINT *pt = EC_POINT_new(ec);
	BN_CTX *ctx = BN_CTX_new();
	int ret = -EIO;

	if (pt != NULL && ctx != NULL && EC_POINT_mul(ec, pt, dh->priv, NULL, NULL, ctx) == 1)
		ret = ecp_write(dh, pt, ctx, dh->pub, dh->pub + dh->g->pub_len / 2);
	EC_POINT_free(pt);
	BN_CTX_free(ctx);
	return ret;
}

/** RFC 6989 2.3: 0 <= n < p; libcrypto would reduce it. */
static bool
in_field(const EC_GROUP *ec, const BIGNUM *n)
{
	return BN_cmp(n, EC_GROUP_get0_field(ec)) < 0;
}

/** Read a peer's point; libcrypto refuses what is off the curve. */
static EC_POINT *
ecp_read(const struct ike_dh_key *dh, struct ike_view peer, BN_CTX *ctx)
{
	int half = dh->g->pub_len / 2;
	BIGNUM *x = BN_bin2bn(peer.p, half, NULL);
	BIGNUM *y = BN_bin2bn(peer.p + half, half, NULL);
	EC_POINT *pt = EC_POINT_new(dh->rd->ec);

	if (x == NULL || y == NULL || pt == NULL || !in_field(dh->rd->ec, x) ||
		!in_field(dh->rd->ec, y) ||
		EC_POINT_set_affine_coordinates(dh->rd->ec, pt, x, y, ctx) != 1) {
		EC_POINT_free(pt);
		pt = NULL;
	}
	BN_free(x);
	BN_free(y);
	return pt;
}

static int
ecp_shared(const struct ike_dh_key *dh, struct ike_view peer, uint8_t *secret)
{
	const EC_GROUP *ec = dh->rd->ec;
	BN_CTX *ctx = BN_CTX_new();
	EC_POINT *pt = ctx == NULL ? NULL : ecp_read(dh, peer, ctx);
	EC_POINT *s = EC_POINT_new(ec);
	int ret = -EIO;

	/* the curves' cofactor is 1: on the curve and finite is the whole test of RFC 6989 2.3 */
	if (ctx != NULL && pt == NULL)
		ret = -EINVAL;
	else if (s != NULL && pt != NULL && EC_POINT_mul(ec, s, NULL, pt, dh->priv, ctx) == 1)
		ret = EC_POINT_is_at_infinity(ec, s) ? -EINVAL
						     : ecp_write(dh, s, ctx, secret, NULL);
	EC_POINT_clear_free(s);
	EC_POINT_free(pt);
	BN_CTX_free(ctx);
	return ret;
}

/* ---- curve25519, curve448 ---- */

static int
raw_shared(const struct ike_dh_key *dh, struct ike_view peer, uint8_t *secret)
{
	static const uint8_t zero[IKE_DH_PUB_MAX];
	EVP_PKEY *pub = EVP_PKEY_new_raw_public_key(dh->g->nid, NULL, peer.p, peer.len);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(dh->pkey, NULL);
	size_t len = dh->g->pub_len;
	int ret = -EIO;

	if (pub != NULL && ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
		EVP_PKEY_derive_set_peer_ex(ctx, pub, 0) == 1) {
		/* libcrypto refuses a zero result itself (RFC 8031 2), and with nothing else to
		 * fail */
		ret = EVP_PKEY_derive(ctx, secret, &len) == 1 && len == dh->g->pub_len &&
				      !ike_mem_equal(secret, zero, len)
			      ? 0
			      : -EINVAL;
	}
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(pub);
	return ret;
}

static int
raw_public(struct ike_dh_key *dh)
{
	size_t len = dh->g->pub_len;

	return EVP_PKEY_get_raw_public_key(dh->pkey, dh->pub, &len) == 1 && len == dh->g->pub_len
		       ? 0
		       : -EIO;
}

/* ---- KEM ---- */

/** The pair, or what belongs to it, was made together with the public value. */
static int
kem_public(struct ike_dh_key *dh)
{
	return dh->answered || dh->pkey != NULL ? 0 : -EIO;
}

static int
kem_shared(const struct ike_dh_key *dh, struct ike_view peer, uint8_t *secret)
{
	if (!dh->answered)
		return ike_mlkem_decapsulate(dh->pkey, peer, secret);
	memcpy(secret, dh->secret, sizeof(dh->secret));
	return 0;
}

bool
ike_dh_is_kem(uint16_t group)
{
	const struct group *g = find_group(group);

	return g != NULL && g->kind == KEM;
}

const char *
ike_crypto_version(void)
{
	return OpenSSL_version(OPENSSL_VERSION_STRING);
}

/* ---- all ---- */

size_t
ike_dh_pub_len(uint16_t group)
{
	const struct group *g = find_group(group);

	return g == NULL ? 0 : g->pub_len;
}

uint32_t
ike_dh_cost_us(uint16_t group)
{
	const struct group *g = find_group(group);

	return g == NULL ? 0 : g->cost_us;
}

struct ike_dh_key *
ike_dh_hold(struct ike_dh_key *dh)
{
	atomic_fetch_add(&dh->owners, 1);
	return dh;
}

void
ike_dh_destroy(struct ike_dh_key *dh)
{
	if (dh == NULL || atomic_fetch_sub(&dh->owners, 1) != 1)
		return;
	BN_clear_free(dh->priv);
	EVP_PKEY_free(dh->pkey);
	OPENSSL_cleanse(dh, sizeof(*dh));
	free(dh);
}

static struct ike_dh_key *
dh_alloc(uint16_t group)
{
	const struct group *g = find_group(group);
	const struct ready *rd = g == NULL ? NULL : get_ready(g);
	struct ike_dh_key *dh;

	if (rd == NULL)
		return NULL;
	dh = calloc(1, sizeof(*dh));
	if (dh != NULL) {
		atomic_init(&dh->owners, 1);
		dh->g = g;
		dh->rd = rd;
	}
	return dh;
}

/** With the private value there: work out the public one, or give up the whole. */
static struct ike_dh_key *
dh_finish(struct ike_dh_key *dh)
{
	static int (*const publics[])(struct ike_dh_key *) = {
		[MODP] = modp_public,
		[ECP] = ecp_public,
		[RAW] = raw_public,
		[KEM] = kem_public,
	};

	if (dh->priv != NULL)
		BN_set_flags(dh->priv, BN_FLG_CONSTTIME);
	if (publics[dh->g->kind](dh) == 0)
		return dh;
	ike_dh_destroy(dh);
	return NULL;
}

static bool
random_private(struct ike_dh_key *dh)
{
	const struct group *g = dh->g;

	if (g->kind == RAW) {
		dh->pkey = EVP_PKEY_Q_keygen(NULL, NULL, OBJ_nid2sn(g->nid));
		return dh->pkey != NULL;
	}
	if (g->kind == KEM) {
		dh->pkey = ike_mlkem_keygen(dh->pub);
		return dh->pkey != NULL;
	}
	dh->priv = BN_secure_new();
	if (dh->priv == NULL)
		return false;
	if (g->kind == MODP)
		return BN_priv_rand(dh->priv, g->priv_bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) ==
		       1;
	do {
		if (BN_priv_rand_range(dh->priv, EC_GROUP_get0_order(dh->rd->ec)) != 1)
			return false;
	} while (BN_is_zero(dh->priv));
	return true;
}

struct ike_dh_key *
ike_dh_create(uint16_t group)
{
	struct ike_dh_key *dh = dh_alloc(group);

	if (dh == NULL)
		return NULL;
	if (random_private(dh))
		return dh_finish(dh);
	ike_dh_destroy(dh);
	return NULL;
}

struct ike_dh_key *
ike_dh_answer(uint16_t group, struct ike_view peer)
{
	struct ike_dh_key *dh;

	if (!ike_dh_is_kem(group))
		return ike_dh_create(group);
	dh = dh_alloc(group);
	if (dh == NULL)
		return NULL;
	dh->answered = ike_mlkem_encapsulate(peer, dh->pub, dh->secret) == 0;
	return dh_finish(dh);
}

struct ike_dh_key *
ike_dh_create_from(uint16_t group, const uint8_t *priv, size_t len)
{
	/* a KEM's private value is libcrypto's alone */
	struct ike_dh_key *dh =
		len > IKE_DH_PUB_MAX || ike_dh_is_kem(group) ? NULL : dh_alloc(group);

	if (dh == NULL)
		return NULL;
	if (dh->g->kind == RAW)
		dh->pkey = EVP_PKEY_new_raw_private_key(dh->g->nid, NULL, priv, len);
	else
		dh->priv = BN_bin2bn(priv, (int)len, NULL);
	if (dh->pkey != NULL || dh->priv != NULL)
		return dh_finish(dh);
	ike_dh_destroy(dh);
	return NULL;
}

uint16_t
ike_dh_group(const struct ike_dh_key *dh)
{
	return dh->g->id;
}

struct ike_view
ike_dh_pub(const struct ike_dh_key *dh)
{
	return (struct ike_view){
		.p = dh->pub, .len = dh->answered ? IKE_MLKEM_CT_LEN : dh->g->pub_len};
}

int
ike_dh_shared(const struct ike_dh_key *dh, struct ike_view peer, uint8_t *secret, size_t *len)
{
	static int (*const shareds[])(const struct ike_dh_key *, struct ike_view, uint8_t *) = {
		[MODP] = modp_shared,
		[ECP] = ecp_shared,
		[RAW] = raw_shared,
	};

	*len = 0;
	if (dh->g->kind == KEM) {
		*len = IKE_MLKEM_SECRET_LEN;
		return kem_shared(dh, peer, secret);
	}
	if (peer.len != dh->g->pub_len)
		return -EINVAL;
	*len = dh->g->kind == ECP ? dh->g->pub_len / 2U : dh->g->pub_len;
	return shareds[dh->g->kind](dh, peer, secret);
}
