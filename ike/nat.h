/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_NAT_H
#define IKE_NAT_H

/*
 * Life with a NAT in between (RFC 7296 2.23, RFC 3948): keepalives when we are behind it, and a peer
 * behind it whose address or port changes. Private to ike/.
 *
 * A message follows the mapping at once, a packet of ESP only when the peer does not answer any more
 * where it was: ESP may come from other ports on purpose (one for each of several SAs), a message
 * never does. With MOBIKE the initiator says itself where it is and its messages are not followed, but
 * ESP may be (RFC 4555 3.8), and is: an initiator that has asked nothing yet when its NAT forgets it has
 * nothing to compare our answers with, and never notices.
 */

#include "sa.h"

/** A verified message came along path. */
void ike_nat_heard(struct ike_sa *sa, const struct ike_path *path);

/** Nothing was heard for a retransmission; follow ESP when it came from elsewhere meanwhile. */
void ike_nat_unheard(struct ike_sa *sa);

/** Something went out to the peer: the mapping in front of us is fresh. */
void ike_nat_sent(struct ike_sa *sa);

/** Send a keepalive when one is due. */
void ike_nat_tick(struct ike_sa *sa);
uint64_t ike_nat_due(const struct ike_sa *sa);

#endif
