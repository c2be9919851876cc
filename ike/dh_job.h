/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_DH_JOB_H
#define IKE_DH_JOB_H

/* Diffie-Hellman (dh.c) as jobs of an SA's handlers. Private to ike/. */

#include "crypto.h"
#include "job.h"

/**
 * A fresh pair of that group for the handler at work on that side. Runs again of the handler get
 * the same pair, a handler uses a group once.
 *
 * @param peer  the peer's public value if it is there: then the secret is worked out in one go with
 *              the pair; else empty
 * @param dh    [out] the caller's, to be given to ike_dh_destroy()
 * @return 0; -EINPROGRESS, -EBUSY: as ike_job_await(); -EIO, -ENOMEM
 */
int ike_dh_job_pair(struct ike_sa *sa, enum ike_job_side side, uint16_t group, struct ike_view peer,
	struct ike_dh_key **dh);

/**
 * The shared secret of dh and the peer's public value.
 *
 * @param secret [out] IKE_DH_PUB_MAX bytes of room; the caller wipes it
 * @return 0; -EINPROGRESS, -EBUSY; -EINVAL (not a valid value), -EIO, -ENOMEM
 */
int ike_dh_job_shared(struct ike_sa *sa, enum ike_job_side side, struct ike_dh_key *dh,
	struct ike_view peer, uint8_t *secret, size_t *len);

#endif
