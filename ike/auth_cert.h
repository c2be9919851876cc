/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_AUTH_CERT_H
#define IKE_AUTH_CERT_H

/* Certificates and signatures in an exchange: what is sent, what is asked for, what a peer's proof is. */

#include "auth.h"
#include "payload.h"

#define IKE_PROOF_TEXT 640

/**
 * A peer's proof by signature, with copies or references of all that is judged: ike_proof_check()
 * touches neither engine nor SA.
 */
struct ike_proof {
	struct ike_cert_claim claim; /* its certs: read out of der by ike_proof_check() */
	unsigned int n_der;
	struct ike_blob der[IKE_CERTS_MAX]; /* certificates as they came */
	struct ike_sig_rules rules;
	struct ike_sig sig;
	uint8_t value[IKE_SIG_MAX];
	size_t value_len;
	struct ike_blob octets; /* what is signed */
	/* results */
	bool good, told;
	unsigned int n_unread; /* of der */
	char subject[IKE_PROOF_TEXT], why[IKE_PROOF_TEXT];
};

/** Take the proof out of the message, all but octets. @return false: said why; nothing to be freed */
bool ike_proof_read(struct ike_proof *p, const struct ike_sa *sa, const struct ike_msg *m,
	const struct ike_auth *auth);
/** What of der was no certificate. */
void ike_proof_log_unread(const struct ike_proof *p, const struct ike_sa *sa);
/** p->good: certificate and signature hold; else p->why. */
void ike_proof_check(struct ike_proof *p);
void ike_proof_fini(struct ike_proof *p);

/** Which of our certificates we use with this peer, and how it signs. NULL = none will do */
const struct ike_credential *ike_auth_credential(const struct ike_sa *sa, struct ike_sig *sig);

#endif
