/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_QCD_H
#define IKE_QCD_H

/*
 * One end has lost what the other still believes in (RFC 7296 1.5, 2.21.4; RFC 6290). Private to ike/.
 *
 * Whoever gets a message or a packet for an SA that he does not have says so, in the clear. That
 * proves nothing, so it only makes the hearer ask whether its peer lives. A token proves it: each end
 * gives the other one when the SA is made, a keyed hash of its SPIs, and can make it again after a
 * restart, when all it knows are the SPIs of a message that it does not understand.
 */

#include "sa.h"

#define IKE_QCD_TOKEN_LEN 32 /* RFC 6290 4.1: 16 to 128 */

/** Our token for sa, in a protected message; nothing when we have no secret to make it with. */
void ike_qcd_build(struct ike_sa *sa, struct ike_chain *c);
/** The peer's, out of a protected message of sa. */
void ike_qcd_keep(struct ike_sa *sa, const struct ike_msg *m);
/** by takes sa's place: it needs tokens of its own. */
void ike_qcd_renew(const struct ike_sa *sa, struct ike_sa *by);

/** A protected request for an IKE SA that is not ours: answered by INVALID_IKE_SPI, and the token. */
void ike_qcd_answer(struct ike *e, const struct ike_path *path, const struct ike_msg *m);
/** A message in the clear, parsed, whose SPIs are sa's (NULL: nobody's). */
void ike_qcd_clear(
	struct ike *e, struct ike_sa *sa, const struct ike_path *path, const struct ike_msg *m);

#endif
