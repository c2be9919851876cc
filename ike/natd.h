/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_NATD_H
#define IKE_NATD_H

/* NAT detection (RFC 7296 2.23): hashes of the addresses as each end sees them. Private to ike/. */

#include "msg.h"
#include "sa.h"

/** Both notifies, for a message that goes along path. With encap our own hash is a wrong one. */
void ike_natd_build(const struct ike_sa *sa, const struct ike_path *path, struct ike_chain *c);

/** What the peer's notifies tell: fills in peer_natt, nat_local, nat_remote. */
void ike_natd_check(struct ike_sa *sa, const struct ike_path *path, const struct ike_msg *m);

#endif
