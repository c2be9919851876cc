/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_UNIQUE_H
#define IKE_UNIQUE_H

/* One IKE SA for a pair of identities, or several: `unique` and INITIAL_CONTACT (RFC 7296 2.4). Private to ike/. */

#include "sa.h"

/** There is no other SA between the same identities, nor one that may turn out to be. */
bool ike_unique_first(const struct ike_sa *sa);
/** It says so: others are not to, until it is up or has ended. */
void ike_unique_claim(struct ike_sa *sa);
void ike_unique_unclaim(struct ike_sa *sa);
/** unique = keep: the first one stays, so sa has to be refused; said. contact: the peer forgot the others */
bool ike_unique_surplus(const struct ike_sa *sa, bool contact);
/** sa is up: what becomes of the others. */
void ike_unique_apply(struct ike_sa *sa, bool contact);
/** The peer may have forgotten it: it lives if the peer says so soon. */
void ike_unique_contest(struct ike_sa *sa);
/** keep and replace: sa has nothing to do, another one between the same identities carries all: it may go. */
bool ike_unique_is_idle(const struct ike_sa *sa);

/** It is up, and has a child that no other SA between the same identities has, or there is none. */
bool ike_unique_is_needed(const struct ike_sa *sa);

#endif
