/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_NAT_H
#define IKE_NAT_H

/*
 * Life with a NAT in between (RFC 7296 2.23, RFC 3948): keepalives when we are behind it, and a peer
 * behind it whose address or port changes. Private to ike/.
 *
 * A message follows the mapping at once, ESP never does by itself: it may come from other ports on
 * purpose (one for each of several SAs, where nobody listens to IKE). What is not answered where the
 * peer was is asked where its ESP comes from as well, and it is the answer from there that is
 * followed. With MOBIKE the initiator says itself where it is and its requests are not followed, but
 * such an answer is (RFC 4555 3.8): an initiator that has asked nothing yet when its NAT forgets it has
 * nothing to compare our answers with, and never notices.
 */

#include "sa.h"

/** A verified message came along path. response: to our own request */
void ike_nat_heard(struct ike_sa *sa, const struct ike_path *path, bool response);

/** Where ESP came from lately, unlike IKE: a request that is repeated goes there, too. NULL = nowhere */
const struct ike_path *ike_nat_elsewhere(const struct ike_sa *sa);

/** Something went out to the peer: the mapping in front of us is fresh. */
void ike_nat_sent(struct ike_sa *sa);

/** Send a keepalive when one is due. */
void ike_nat_tick(struct ike_sa *sa);
uint64_t ike_nat_due(const struct ike_sa *sa);

#endif
