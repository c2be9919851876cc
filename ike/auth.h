/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_AUTH_H
#define IKE_AUTH_H

/*
 * Who proves what to whom in IKE_AUTH (RFC 7296 2.15): our AUTH payload, and the judgement on the
 * peer's; what both ends say before about signatures and certificates. Private to ike/.
 */

#include "msg.h"
#include "sa.h"

/**
 * Make what is said to every stranger, once for the whole configuration; again whenever trust changes.
 * @return 0 or -ENOMEM, which leaves the old
 */
int ike_auth_init(struct ike *e);

/** IKE_SA_INIT: SIGNATURE_HASH_ALGORITHMS (RFC 7427 4) where signatures may come into it. */
void ike_auth_build_hashes(const struct ike_sa *sa, struct ike_chain *c);
/** IKE_SA_INIT response: the CAs of all connections whose peers have certificates. */
void ike_auth_build_certreq(const struct ike_sa *sa, struct ike_chain *c);
/** Keep what the peer's message says of them. */
void ike_auth_read_wishes(struct ike_sa *sa, const struct ike_msg *m);

/** Append our certificates, if they are to be sent. Stands before AUTH. */
void ike_auth_build_cert(struct ike_sa *sa, struct ike_chain *c);
/** A message may hold two proofs of ours. */
enum ike_auth_which {
	IKE_AUTH_MAIN,
	IKE_AUTH_NO_PPK, /* with the keys as they are without a PPK (RFC 8784) */
};

/**
 * Have what takes long for ike_auth_build() done; before anything has an effect.
 * @return 0; -EINPROGRESS, -EBUSY as ike_job_await(); other -errno: nothing to prove ourselves with;
 *         said why
 */
int ike_auth_prepare(struct ike_sa *sa, enum ike_auth_which which);
/** Append our AUTH payload, prepared. @return as ike_auth_prepare() */
int ike_auth_build(struct ike_sa *sa, enum ike_auth_which which, struct ike_chain *c);
/** How the peer authenticates. */
enum ike_auth_by ike_auth_claimed(const struct ike_msg *m);
/**
 * The peer's AUTH proves that it is remote_id. Has no effect but keys (ppk.h).
 * @return 0; -EACCES: it does not, said why; -EINPROGRESS, -EBUSY as ike_job_await(); -ENOMEM
 */
int ike_auth_verify(struct ike_sa *sa, const struct ike_msg *m);
/** A warning that names both identities. */
void ike_auth_log(const struct ike_sa *sa, const char *what, const char *cause);

#endif
