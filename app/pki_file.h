/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_PKI_FILE_H
#define GW_PKI_FILE_H

/* Certificates, lists and keys from files, PEM or DER, and words about them. Knows no configuration. */

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>

/** Read one certificate (of several in a PEM file the first). @return NULL with why: a clause without a dot */
X509 *gw_pki_cert(const char *path, char *why, size_t len);
/** Read a CRL. @return NULL with why */
X509_CRL *gw_pki_crl(const char *path, char *why, size_t len);

enum gw_pki_key_fault { GW_PKI_UNREADABLE, GW_PKI_FORBIDDEN, GW_PKI_NO_PASSPHRASE, GW_PKI_WRONG_PASSPHRASE };

/**
 * Read a private key.
 * @param passphrase NULL = none
 * @param others     [out] others than the owner can read the file
 * @return NULL with why and fault
 */
EVP_PKEY *gw_pki_key(const char *path, const char *passphrase, bool *others,
	enum gw_pki_key_fault *fault, char *why, size_t len);

/** The private key belongs to the certificate. */
bool gw_pki_match(const X509 *cert, const EVP_PKEY *key);
bool gw_pki_is_ca(X509 *cert);
/** "has expired on ...", "is not valid before ..."; NULL = it is in force. @return buf or NULL */
const char *gw_pki_not_valid(const X509 *cert, char *buf, size_t len);
/** "has expired on ..." for a list. @return buf or NULL */
const char *gw_pki_crl_stale(const X509_CRL *crl, char *buf, size_t len);
/** "certificate 'CN=x' ends on ..." when it does within so many seconds, or has. @return buf or NULL */
const char *gw_pki_ends_soon(const X509 *cert, long soon_s, char *buf, size_t len);
/** "the CRL of '/CN=x' is to be replaced by ..." when its nextUpdate is that near. @return buf or NULL */
const char *gw_pki_crl_due(const X509_CRL *crl, long soon_s, char *buf, size_t len);
/** "'C=CH, CN=x', RSA 2048 bits, until 2027-01-02, SHA-256 ab:cd:...". @return buf */
const char *gw_pki_describe(const X509 *cert, char *buf, size_t len);
const char *gw_pki_crl_describe(const X509_CRL *crl, char *buf, size_t len);

X509 *gw_pki_cert_ref(X509 *cert);
EVP_PKEY *gw_pki_key_ref(EVP_PKEY *key);
void gw_pki_cert_free(X509 *cert);
void gw_pki_crl_free(X509_CRL *crl);
void gw_pki_key_free(EVP_PKEY *key); /* wipes it */

#endif
