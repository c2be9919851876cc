/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_PEER_PKI_H
#define TEST_PEER_PKI_H

/* Certificates for tests, made by libcrypto while they run. */

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "world.h"

/** One certificate with its key. */
struct pki {
	EVP_PKEY *key;
	X509 *cert;
};

struct pki_want {
	const char *subject;	  /* swanctl.conf's notation */
	const char *san;	  /* "DNS:gw.example.org,email:a@b,IP:::1", NULL = none */
	const char *key;	  /* "rsa2048", "rsa4096", "p256", "p384", "p521", "ed25519" */
	const struct pki *issuer; /* NULL = self-signed */
	bool ca;
	int from_days, to_days;	  /* from now; 0, 0 = yesterday to next year */
	const char *key_usage;	  /* NULL = none for ends, certificate and CRL signing for CAs */
	bool crl_point;
	const EVP_MD *md;	  /* NULL = SHA-256 */
};

struct pki pki_make(const struct pki_want *want);
void pki_free(struct pki *p);
/** A CRL of issuer that lists revoked (NULL = nothing). */
X509_CRL *pki_crl(const struct pki *issuer, X509 *revoked, int from_days, int to_days);

#endif
