/* SPDX-License-Identifier: BSD-3-Clause */
#include "pki.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#define DAY 86400L

static EVP_PKEY *
make_key(const char *what)
{
	EVP_PKEY *key = NULL;

	if (strncmp(what, "rsa", 3) == 0)
		key = EVP_RSA_gen((unsigned int)atoi(what + 3));
	else if (strcmp(what, "ed25519") == 0)
		key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	else if (strcmp(what, "ed448") == 0)
		key = EVP_PKEY_Q_keygen(NULL, NULL, "ED448");
	else
		key = EVP_EC_gen(strcmp(what, "p256") == 0   ? "P-256"
				 : strcmp(what, "p384") == 0 ? "P-384"
							     : "P-521");
	assert_non_null(key);
	return key;
}

static X509_NAME *
name_of(const char *text)
{
	struct ike_id id;
	const unsigned char *p = id.data;
	X509_NAME *n;

	assert_int_equal(ike_id_parse(&id, text), 0);
	n = d2i_X509_NAME(NULL, &p, id.len);
	assert_non_null(n);
	return n;
}

static void
add_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(e);
	assert_int_equal(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
}

/** EdDSA keys have no digest. */
static const EVP_MD *
digest_for(EVP_PKEY *key, const EVP_MD *md)
{
	int type = EVP_PKEY_get_base_id(key);

	if (type == EVP_PKEY_ED25519 || type == EVP_PKEY_ED448)
		return NULL;
	return md != NULL ? md : EVP_sha256();
}

struct pki
pki_make(const struct pki_want *want)
{
	static long serial = 1;
	struct pki p = {.key = make_key(want->key), .cert = X509_new()};
	const struct pki *by = want->issuer != NULL ? want->issuer : &p;
	bool dated = want->from_days != 0 || want->to_days != 0;
	X509_NAME *name = name_of(want->subject);
	X509 *x = p.cert;

	assert_non_null(x);
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
	X509_set_subject_name(x, name);
	X509_set_issuer_name(x, by == &p ? name : X509_get_subject_name(by->cert));
	X509_NAME_free(name);
	X509_gmtime_adj(X509_getm_notBefore(x), DAY * (dated ? want->from_days : -1));
	X509_gmtime_adj(X509_getm_notAfter(x), DAY * (dated ? want->to_days : 365));
	X509_set_pubkey(x, p.key);
	add_ext(x, by->cert, NID_basic_constraints,
		want->ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	if (want->key_usage != NULL || want->ca)
		add_ext(x, by->cert, NID_key_usage,
			want->key_usage != NULL ? want->key_usage : "critical,keyCertSign,cRLSign");
	add_ext(x, by->cert, NID_subject_key_identifier, "hash");
	if (by != &p)
		add_ext(x, by->cert, NID_authority_key_identifier, "keyid");
	if (want->san != NULL)
		add_ext(x, by->cert, NID_subject_alt_name, want->san);
	if (want->crl_point)
		add_ext(x, by->cert, NID_crl_distribution_points,
			"URI:http://crl.example.org/ca.crl");
	assert_true(X509_sign(x, by->key, digest_for(by->key, want->md)) > 0);
	return p;
}

void
pki_free(struct pki *p)
{
	X509_free(p->cert);
	EVP_PKEY_free(p->key);
	*p = (struct pki){0};
}

X509_CRL *
pki_crl(const struct pki *issuer, X509 *revoked, int from_days, int to_days)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *from = X509_gmtime_adj(NULL, DAY * from_days);
	ASN1_TIME *to = X509_gmtime_adj(NULL, DAY * to_days);

	assert_true(crl != NULL && from != NULL && to != NULL);
	X509_CRL_set_version(crl, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->cert));
	X509_CRL_set1_lastUpdate(crl, from);
	X509_CRL_set1_nextUpdate(crl, to);
	if (revoked != NULL) {
		X509_REVOKED *r = X509_REVOKED_new();

		X509_REVOKED_set_serialNumber(r, X509_get_serialNumber(revoked));
		X509_REVOKED_set_revocationDate(r, from);
		assert_int_equal(X509_CRL_add0_revoked(crl, r), 1);
	}
	assert_true(X509_CRL_sign(crl, issuer->key, digest_for(issuer->key, NULL)) > 0);
	ASN1_TIME_free(from);
	ASN1_TIME_free(to);
	return crl;
}
