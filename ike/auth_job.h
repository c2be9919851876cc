/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_AUTH_JOB_H
#define IKE_AUTH_JOB_H

/*
 * Signatures and certificates of IKE_AUTH as jobs (job.h). A result counts only for the question that it
 * answers: when anything of it has changed meanwhile, there is a new job. Private to ike/.
 */

#include "auth_cert.h"
#include "job.h"

/**
 * Have octets signed by key.
 *
 * @param tag    tells several signatures of one handler apart
 * @param octets taken over, whatever comes of it
 * @param auth   [out] the AUTH payload's data; stays until the handler comes to its end
 * @return 0; -EINPROGRESS, -EBUSY as ike_job_await(); other -errno: libcrypto failed, no memory
 */
int ike_sign_job(struct ike_sa *sa, uint32_t tag, const struct ike_sig *sig, EVP_PKEY *key,
	struct ike_blob *octets, struct ike_view *auth);

/**
 * Have the peer's proof judged.
 *
 * @param octets what it signs; taken over, whatever comes of it
 * @return 0: it holds; -EACCES: it does not, said why; -EINPROGRESS, -EBUSY as ike_job_await(); -ENOMEM
 */
int ike_proof_job(struct ike_sa *sa, const struct ike_msg *m, const struct ike_auth *auth,
	struct ike_blob *octets);

#endif
