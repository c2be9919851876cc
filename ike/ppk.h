/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_PPK_H
#define IKE_PPK_H

/*
 * Post-quantum pre-shared keys (RFC 8784): who uses which, and the keys that they change. Private to
 * ike/. Each step starts from the keys of the key exchange, so a handler may run twice.
 */

#include "msg.h"
#include "payload.h"
#include "sa.h"

/** We have something to mix in, as initiator or for some connection: USE_PPK belongs into IKE_SA_INIT. */
bool ike_ppk_wanted(const struct ike_sa *sa);

/** USE_PPK was in the peer's IKE_SA_INIT, or not. */
void ike_ppk_agree(struct ike_sa *sa, bool peer_uses);

/* ---- initiator ---- */

/** The connection demands a PPK and there will be none. */
bool ike_ppk_missing(const struct ike_sa *sa);

/** Mix the connection's PPK into the keys, before AUTH. @return 0, -ENOKEY: required and not there; said so */
int ike_ppk_mix(struct ike_sa *sa);
/** Have what takes long for ike_ppk_build() done. @return as ike_auth_prepare() */
int ike_ppk_prepare(struct ike_sa *sa);
/** PPK_IDENTITY, and NO_PPK_AUTH when we could do without: after AUTH. @return 0 or -errno */
int ike_ppk_build(struct ike_sa *sa, struct ike_chain *c);
/** The response says whether the PPK was used. @return false: it was not, and is required; said so */
bool ike_ppk_used(struct ike_sa *sa, const struct ike_msg *m);

/* ---- responder ---- */

/**
 * Mix in what the peer names, or fall back to the AUTH without it (RFC 8784 3, table 1).
 * @return false when this connection and this peer cannot agree; said why
 */
bool ike_ppk_request(struct ike_sa *sa, const struct ike_msg *m);
/** After a fallback: it is NO_PPK_AUTH that has to be right. */
void ike_ppk_pick_auth(const struct ike_sa *sa, const struct ike_msg *m, struct ike_auth *auth);
/** That the PPK was used. */
void ike_ppk_answer(const struct ike_sa *sa, struct ike_chain *c);

#endif
