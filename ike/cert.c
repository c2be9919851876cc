/* SPDX-License-Identifier: BSD-3-Clause */
#include "cert.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_TEXT 384
/* libcrypto's level 1: 80 bits, which refuses RSA below 1024 bits and SHA-1 in certificates */
#define AUTH_LEVEL 1

/* ---- one certificate ---- */

X509 *
ike_cert_parse(struct ike_view der)
{
	const unsigned char *p = der.p;
	X509 *x = NULL;

	if (der.len > 0 && der.len <= IKE_CERT_LEN_MAX)
		x = d2i_X509(NULL, &p, (long)der.len);
	ERR_clear_error();
	if (x != NULL && p != der.p + der.len) {
		X509_free(x);
		x = NULL;
	}
	return x;
}

int
ike_cert_subject(const X509 *cert, struct ike_id *id)
{
	unsigned char *der = NULL;
	int len = i2d_X509_NAME(X509_get_subject_name(cert), &der);
	int ret = -E2BIG;

	*id = (struct ike_id){.type = IKE_ID_DER_ASN1_DN};
	if (len > 0 && len <= IKE_ID_MAX) {
		id->len = (uint16_t)len;
		memcpy(id->data, der, (size_t)len);
		ret = 0;
	}
	OPENSSL_free(der);
	return ret;
}

const char *
ike_cert_str(const X509 *cert, char *buf, size_t len)
{
	struct ike_id id;

	if (ike_cert_subject(cert, &id) == 0)
		return ike_id_str(&id, buf, len);
	X509_NAME_oneline(X509_get_subject_name(cert), buf, (int)len);
	return buf;
}

int
ike_cert_keyhash(const X509 *cert, uint8_t out[IKE_KEYHASH_LEN])
{
	unsigned char *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	bool ok = len > 0 && EVP_Digest(der, (size_t)len, out, NULL, EVP_sha1(), NULL) == 1;

	OPENSSL_free(der);
	return ok ? 0 : -EIO;
}

static bool
string_is(const ASN1_STRING *s, const struct ike_id *id, bool fold)
{
	const unsigned char *p = ASN1_STRING_get0_data(s);

	if (ASN1_STRING_length(s) != id->len)
		return false;
	return fold ? ike_name_equal(p, id->data, id->len) : memcmp(p, id->data, id->len) == 0;
}

static bool
altname_is(const GENERAL_NAME *n, const struct ike_id *id)
{
	switch (id->type) {
	case IKE_ID_FQDN:
		return n->type == GEN_DNS && string_is(n->d.dNSName, id, true);
	case IKE_ID_RFC822_ADDR:
		return n->type == GEN_EMAIL && string_is(n->d.rfc822Name, id, true);
	case IKE_ID_IPV4_ADDR:
	case IKE_ID_IPV6_ADDR:
		return n->type == GEN_IPADD && string_is(n->d.iPAddress, id, false);
	default:
		return false;
	}
}

static bool
has_altname(const X509 *cert, const struct ike_id *id)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	bool found = false;

	for (int i = 0; i < sk_GENERAL_NAME_num(names) && !found; i++)
		found = altname_is(sk_GENERAL_NAME_value(names, i), id);
	GENERAL_NAMES_free(names);
	return found;
}

bool
ike_cert_has_id(X509 *cert, const struct ike_id *id)
{
	const ASN1_OCTET_STRING *ski;
	struct ike_id subject;

	switch (id->type) {
	case IKE_ID_DER_ASN1_DN:
		return ike_cert_subject(cert, &subject) == 0 && ike_id_equal(&subject, id);
	case IKE_ID_KEY_ID:
		ski = X509_get0_subject_key_id(cert);
		return ski != NULL && id->len > 0 && string_is(ski, id, false);
	default:
		return has_altname(cert, id);
	}
}

/* ---- ours ---- */

static X509 *
issuer_of(X509 *cert, X509 *const *cas, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (X509_check_issued(cas[i], cert) == X509_V_OK &&
			X509_verify(cert, X509_get0_pubkey(cas[i])) == 1)
			return cas[i];
	ERR_clear_error();
	return NULL;
}

static bool
is_root(X509 *cert)
{
	return X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert)) == 0;
}

int
ike_credential_chain(struct ike_credential *c, X509 *const *cas, unsigned int n_cas)
{
	X509 *at = c->cert;

	while (!is_root(at)) {
		at = issuer_of(at, cas, n_cas);
		if (at == NULL)
			return -ENOENT;
		if (c->n_issuers > IKE_CERT_CHAIN_MAX ||
			ike_cert_keyhash(at, c->issuers[c->n_issuers]) != 0)
			return -ENOENT;
		c->n_issuers++;
		if (is_root(at))
			break;
		if (c->n_chain == IKE_CERT_CHAIN_MAX)
			return -ENOENT;
		X509_up_ref(at);
		c->chain[c->n_chain++] = at;
	}
	return 0;
}

bool
ike_credential_wanted(const struct ike_credential *c, struct ike_view hashes)
{
	for (size_t at = 0; at + IKE_KEYHASH_LEN <= hashes.len; at += IKE_KEYHASH_LEN)
		for (unsigned int i = 0; i < c->n_issuers; i++)
			if (memcmp(hashes.p + at, c->issuers[i], IKE_KEYHASH_LEN) == 0)
				return true;
	return false;
}

void
ike_credential_fini(struct ike_credential *c)
{
	for (unsigned int i = 0; i < c->n_chain; i++)
		X509_free(c->chain[i]);
	X509_free(c->cert);
	EVP_PKEY_free(c->key);
	*c = (struct ike_credential){0};
}

/* ---- trust ---- */

struct ike_trust *
ike_trust_create(X509 *const *cas, unsigned int n_cas, X509_CRL *const *crls, unsigned int n_crls)
{
	struct ike_trust *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->owners = 1;
	t->has_crls = n_crls > 0;
	t->store = X509_STORE_new();
	t->cas = calloc(n_cas > 0 ? n_cas : 1, sizeof(X509 *));
	t->crls = calloc(n_crls > 0 ? n_crls : 1, sizeof(X509_CRL *));
	if (t->store == NULL || t->cas == NULL || t->crls == NULL)
		goto fail;
	for (unsigned int i = 0; i < n_cas; i++) {
		if (X509_STORE_add_cert(t->store, cas[i]) != 1)
			goto fail;
		X509_up_ref(cas[i]);
		t->cas[t->n_cas++] = cas[i];
	}
	for (unsigned int i = 0; i < n_crls; i++) {
		if (X509_STORE_add_crl(t->store, crls[i]) != 1)
			goto fail;
		X509_CRL_up_ref(crls[i]);
		t->crls[t->n_crls++] = crls[i];
	}
	return t;
fail:
	ike_trust_free(t);
	ERR_clear_error();
	return NULL;
}

int
ike_trust_add_peer(struct ike_trust *t, X509 *cert)
{
	X509 **more = realloc(t->peers, (t->n_peers + 1U) * sizeof(*more));

	if (more == NULL)
		return -ENOMEM;
	X509_up_ref(cert);
	more[t->n_peers++] = cert;
	t->peers = more;
	return 0;
}

struct ike_trust *
ike_trust_hold(struct ike_trust *t)
{
	atomic_fetch_add(&t->owners, 1);
	return t;
}

void
ike_trust_free(struct ike_trust *t)
{
	if (t == NULL || atomic_fetch_sub(&t->owners, 1) != 1)
		return;
	for (unsigned int i = 0; i < t->n_cas; i++)
		X509_free(t->cas[i]);
	for (unsigned int i = 0; i < t->n_peers; i++)
		X509_free(t->peers[i]);
	for (unsigned int i = 0; i < t->n_crls; i++)
		X509_CRL_free(t->crls[i]);
	free(t->cas);
	free(t->peers);
	free(t->crls);
	X509_STORE_free(t->store);
	free(t);
}

/* ---- verifying a peer's ---- */

/** The verification's own data: what its callback has to know. */
struct check {
	const struct ike_cert_claim *claim;
	const char *why; /* our own reason */
};

static bool
names_revocation_server(X509 *cert)
{
	return X509_get_ext_by_NID(cert, NID_crl_distribution_points, -1) >= 0 ||
	       X509_get_ext_by_NID(cert, NID_info_access, -1) >= 0;
}

/** No list, or none in force. The anchor is beyond doubt: its own issuer's list is not asked for.
 */
static bool
may_lack_crl(const struct ike_cert_claim *c, X509_STORE_CTX *ctx, X509 *cert)
{
	int last = sk_X509_num(X509_STORE_CTX_get0_chain(ctx)) - 1;

	if (X509_STORE_CTX_get_error_depth(ctx) == last)
		return true;
	if (c->revocation == IKE_REVOCATION_RELAXED)
		return true;
	return c->revocation == IKE_REVOCATION_IFURI && !names_revocation_server(cert);
}

static int
on_verify(int ok, X509_STORE_CTX *ctx)
{
	const struct check *k = X509_STORE_CTX_get_app_data(ctx);
	X509 *cert = X509_STORE_CTX_get_current_cert(ctx);

	if (ok)
		return 1;
	switch (X509_STORE_CTX_get_error(ctx)) {
	case X509_V_ERR_UNABLE_TO_GET_CRL:
	case X509_V_ERR_CRL_HAS_EXPIRED:
	case X509_V_ERR_CRL_NOT_YET_VALID:
		if (cert == NULL || !may_lack_crl(k->claim, ctx, cert))
			return 0;
		X509_STORE_CTX_set_error(ctx, X509_V_OK);
		return 1;
	default:
		return 0;
	}
}

static const struct {
	int nid;
	uint8_t hash;
} sig_hashes[] = {
	{NID_sha1, IKE_HASH_SHA1},
	{NID_sha256, IKE_HASH_SHA2_256},
	{NID_sha384, IKE_HASH_SHA2_384},
	{NID_sha512, IKE_HASH_SHA2_512},
};

/** Keys of all and signatures of all but the anchor are as the rules demand. */
static bool
chain_allowed(const struct check *k, STACK_OF(X509) * chain)
{
	const struct ike_sig_rules strength = {
		.rsa_bits = k->claim->rules.rsa_bits, .ecdsa_bits = k->claim->rules.ecdsa_bits};

	for (int i = 0; i < sk_X509_num(chain); i++) {
		X509 *x = sk_X509_value(chain, i);
		int md = NID_undef;
		bool good = k->claim->rules.hashes == 0;

		if (!ike_key_allowed(X509_get0_pubkey(x), i == 0 ? &k->claim->rules : &strength))
			return false;
		X509_get_signature_info(x, &md, NULL, NULL, NULL);
		good |= md == NID_undef || i == sk_X509_num(chain) - 1; /* EdDSA; the anchor */
		for (size_t h = 0; h < sizeof(sig_hashes) / sizeof(sig_hashes[0]); h++)
			good |= sig_hashes[h].nid == md &&
				(k->claim->rules.hashes & IKE_HASH_BIT(sig_hashes[h].hash)) != 0;
		if (!good)
			return false;
	}
	return true;
}

static void
explain(X509_STORE_CTX *ctx, char *why, size_t len)
{
	int err = X509_STORE_CTX_get_error(ctx);
	X509 *cert = X509_STORE_CTX_get_current_cert(ctx);
	char name[NAME_TEXT];

	if (cert == NULL)
		cert = X509_STORE_CTX_get0_cert(ctx);
	ike_cert_str(cert, name, sizeof(name));
	if (err == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
		err == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE ||
		err == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
		err == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN)
		snprintf(why, len,
			"certificate '%s' leads to no CA that is trusted here (wrong CA, or an "
			"intermediate certificate is missing)",
			name);
	else
		snprintf(
			why, len, "certificate '%s': %s", name, X509_verify_cert_error_string(err));
}

static bool
run_verify(X509_STORE_CTX *ctx, struct check *k, char *why, size_t len)
{
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
	unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN;

	/* an intermediate CA that is configured is as good as a root */
	if (k->claim->trust->has_crls || k->claim->revocation != IKE_REVOCATION_RELAXED)
		flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
	X509_VERIFY_PARAM_set_flags(param, flags);
	X509_VERIFY_PARAM_set_depth(param, IKE_CERT_CHAIN_MAX);
	X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
	/* keys may be for anything: IKE's own extended usages are seldom there (RFC 4945 5.1.3.12)
	 */
	X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_ANY);
	X509_STORE_CTX_set_verify_cb(ctx, on_verify);
	X509_STORE_CTX_set_app_data(ctx, k);
	if (X509_verify_cert(ctx) != 1) {
		explain(ctx, why, len);
		return false;
	}
	if (!chain_allowed(k, X509_STORE_CTX_get0_chain(ctx))) {
		snprintf(
			why, len, "its certificates' keys or signatures are not as 'auth' demands");
		return false;
	}
	return true;
}

static bool
verify_chain(const struct ike_cert_claim *c, X509 *leaf, char *why, size_t len)
{
	struct check k = {.claim = c};
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *others = sk_X509_new_null();
	bool good = ctx != NULL && others != NULL;

	for (unsigned int i = 0; i < c->n && good; i++)
		good = sk_X509_push(others, c->certs[i]) > 0;
	if (good)
		good = X509_STORE_CTX_init(ctx, c->trust->store, leaf, others) == 1;
	if (good)
		good = run_verify(ctx, &k, why, len);
	else
		snprintf(why, len, "out of memory");
	X509_STORE_CTX_free(ctx);
	sk_X509_free(others);
	ERR_clear_error();
	return good;
}

/** Trusted by name: neither issuer nor list is asked for, but it must be in force. */
static bool
verify_pinned(const struct ike_cert_claim *c, X509 *leaf, char *why, size_t len)
{
	int err = X509_V_OK;
	char name[NAME_TEXT];

	if (X509_cmp_current_time(X509_get0_notBefore(leaf)) >= 0)
		err = X509_V_ERR_CERT_NOT_YET_VALID;
	else if (X509_cmp_current_time(X509_get0_notAfter(leaf)) <= 0)
		err = X509_V_ERR_CERT_HAS_EXPIRED;
	if (err != X509_V_OK) {
		snprintf(why, len, "certificate '%s': %s", ike_cert_str(leaf, name, sizeof(name)),
			X509_verify_cert_error_string(err));
		return false;
	}
	if (!ike_key_allowed(X509_get0_pubkey(leaf), &c->rules)) {
		snprintf(why, len, "its certificate's key is not as 'auth' demands");
		return false;
	}
	return true;
}

static bool
is_peer(const struct ike_trust *t, const X509 *cert)
{
	for (unsigned int i = 0; i < t->n_peers; i++)
		if (X509_cmp(t->peers[i], cert) == 0)
			return true;
	return false;
}

/** What the peer sent, or a certificate of its that we have. */
static X509 *
find_leaf(const struct ike_cert_claim *c)
{
	if (c->n > 0)
		return c->certs[0];
	for (unsigned int i = 0; i < c->trust->n_peers; i++)
		if (ike_cert_has_id(c->trust->peers[i], &c->id))
			return c->trust->peers[i];
	return NULL;
}

X509 *
ike_cert_verify(const struct ike_cert_claim *c, char *why, size_t len)
{
	X509 *leaf = find_leaf(c);
	bool known = leaf != NULL && is_peer(c->trust, leaf);
	char name[NAME_TEXT], id[NAME_TEXT];

	if (leaf == NULL) {
		snprintf(why, len, "it sent no certificate, and none of its is configured here");
		return NULL;
	}
	ike_cert_str(leaf, name, sizeof(name));
	if (!ike_cert_has_id(leaf, &c->id)) {
		snprintf(why, len,
			"its certificate '%s' does not hold the identity '%s', neither as subject "
			"nor as subjectAltName",
			name, ike_id_str(&c->id, id, sizeof(id)));
		return NULL;
	}
	if (c->trust->pinned && !known) {
		snprintf(why, len, "its certificate '%s' is none of those configured by certs",
			name);
		return NULL;
	}
	/* RFC 4945 5.1.3.2: where key usage is limited, signing must be in it */
	if ((X509_get_key_usage(leaf) & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) == 0) {
		snprintf(why, len, "its certificate '%s' is not for signatures (keyUsage)", name);
		return NULL;
	}
	if (known ? !verify_pinned(c, leaf, why, len) : !verify_chain(c, leaf, why, len))
		return NULL;
	X509_up_ref(leaf);
	return leaf;
}
