/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_X_INTER_H
#define IKE_X_INTER_H

/*
 * IKE_INTERMEDIATE between IKE_SA_INIT and IKE_AUTH (RFC 9242), for additional key exchanges
 * (RFC 9370 2.2.2). AUTH covers these messages by IntAuth. Private to ike/.
 */

#include "sa.h"

/** What IKE_SA_INIT says of it; the responder's answer only when the initiator asked. */
void ike_inter_announce(const struct ike_sa *sa, struct ike_chain *c);

/** Initiator: what comes after IKE_SA_INIT, IKE_INTERMEDIATE or IKE_AUTH. @return false: no memory */
bool ike_inter_next(struct ike_sa *sa);

/** Additional key exchanges were agreed on and are not over: no IKE_AUTH yet. */
bool ike_inter_missing(const struct ike_sa *sa);

/** send.c: a message of the exchange is about to be sealed. @return 0 or -EIO */
int ike_inter_sent(struct ike_sa *sa, const struct ike_hdr *hdr, const struct ike_chain *c);
/** input.c: the response is on its way, the keys that it agreed on count from here. */
void ike_inter_replied(struct ike_sa *sa);

#define IKE_INT_AUTH_MAX (2 * IKE_PRF_MAX + 4)
/** IntAuth, the end of the octets that AUTH covers (RFC 9242 3.3.2). @return its bytes, 0 = no exchange */
size_t ike_inter_auth(const struct ike_sa *sa, uint8_t out[IKE_INT_AUTH_MAX]);

#endif
