/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_CERT_H
#define IKE_CERT_H

/*
 * X.509 certificates (RFC 5280, RFC 4945) through libcrypto's own verification. Parsed objects are
 * made by whoever fills struct ike_cfg and are read-only here; all may run on any thread.
 */

#include <openssl/types.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "id.h"
#include "rd.h"
#include "sign.h"

#define IKE_CERTS_MAX	   12	 /* of one peer, its own and intermediate ones */
#define IKE_CERT_LEN_MAX   8192	 /* DER of one */
#define IKE_CERT_CHAIN_MAX 8	 /* intermediate ones between a certificate and its anchor */
#define IKE_KEYHASH_LEN	   20	 /* CERTREQ names CAs by SHA-1 of their SubjectPublicKeyInfo (RFC 7296 3.7) */

/** RFC 7296 3.6. */
enum ike_cert_encoding {
	IKE_CERT_X509_SIGNATURE = 4,
	IKE_CERT_CRL = 7,
	IKE_CERT_HASH_URL = 12,
	IKE_CERT_HASH_URL_BUNDLE = 13,
};

/** swanctl.conf's revocation. */
enum ike_revocation {
	IKE_REVOCATION_RELAXED, /* fails when a CRL lists the certificate */
	IKE_REVOCATION_IFURI,	/* also when it names a CRL or OCSP server and we have no valid CRL */
	IKE_REVOCATION_STRICT,	/* also when there is no valid CRL */
};

/** A certificate of ours. */
struct ike_credential {
	X509 *cert;
	EVP_PKEY *key;
	unsigned int n_chain;
	X509 *chain[IKE_CERT_CHAIN_MAX]; /* intermediate ones, the next issuer first; root left out */
	uint8_t issuers[IKE_CERT_CHAIN_MAX + 1][IKE_KEYHASH_LEN]; /* key hashes of all issuers up to the root */
	unsigned int n_issuers;
};

/** What a peer's certificate is checked against. Made once; whoever looks at it holds it. */
struct ike_trust {
	atomic_uint owners;
	X509_STORE *store; /* anchors, CRLs */
	unsigned int n_cas, n_peers, n_crls;
	X509_CRL **crls; /* those in store */
	X509 **cas;    /* the anchors, for CERTREQ; NULL with n_cas = 0 */
	X509 **peers;  /* end entity certificates that are trusted as they are */
	bool pinned;   /* none but those of peers */
	bool has_crls;
};

/** The claim of a peer. */
struct ike_cert_claim {
	struct ike_trust *trust;
	enum ike_revocation revocation;
	struct ike_sig_rules rules;  /* for keys and signatures of the chain */
	struct ike_id id;
	unsigned int n;
	X509 *certs[IKE_CERTS_MAX]; /* as received; the first is the peer's own */
};

/**
 * Judge a peer's certificate: it holds the identity, its chain ends in an anchor, all is valid now and
 * nothing of it revoked.
 * @param why [out] a sentence when it is not accepted
 * @return the certificate, a reference of the caller's; NULL = not accepted
 */
X509 *ike_cert_verify(const struct ike_cert_claim *c, char *why, size_t len);

/** DER to certificate. @return NULL when it is not exactly one, or too long */
X509 *ike_cert_parse(struct ike_view der);

/** id is the subject or a subjectAltName of that type (RFC 4945 3.1, 5.1.3.6); key id: subjectKeyIdentifier. */
bool ike_cert_has_id(X509 *cert, const struct ike_id *id);
/** The subject as an identity. @return 0 or -E2BIG */
int ike_cert_subject(const X509 *cert, struct ike_id *id);
/** The subject as text. @return buf */
const char *ike_cert_str(const X509 *cert, char *buf, size_t len);

/** SHA-1 of the SubjectPublicKeyInfo. @return 0 or -EIO */
int ike_cert_keyhash(const X509 *cert, uint8_t out[IKE_KEYHASH_LEN]);

/**
 * Find the issuers of c->cert among cas and fill chain and issuers.
 * @return 0, or -ENOENT when it ends at a certificate whose issuer is not among them
 */
int ike_credential_chain(struct ike_credential *c, X509 *const *cas, unsigned int n_cas);
/** Drop its references; the key is wiped with the last one. */
void ike_credential_fini(struct ike_credential *c);
/** One of c's issuers is among these CERTREQ hashes in a row. */
bool ike_credential_wanted(const struct ike_credential *c, struct ike_view hashes);

/** A store with these anchors and lists. @return NULL when libcrypto has no memory */
struct ike_trust *ike_trust_create(X509 *const *cas, unsigned int n_cas, X509_CRL *const *crls,
	unsigned int n_crls);
/** Let a trusted end entity certificate in. @return 0 or -ENOMEM */
int ike_trust_add_peer(struct ike_trust *t, X509 *cert);
/** One more owner, on any thread. @return t */
struct ike_trust *ike_trust_hold(struct ike_trust *t);
/** One owner less; the last one frees it. NULL is fine. */
void ike_trust_free(struct ike_trust *t);

#endif
