/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_AUTH_H
#define IKE_AUTH_H

/*
 * Who proves what to whom in IKE_AUTH (RFC 7296 2.15): our AUTH payload, and the judgement on the
 * peer's. Private to ike/.
 */

#include "msg.h"
#include "sa.h"

/** Append our AUTH payload. @return 0, or -errno: nothing to prove ourselves with; said why */
int ike_auth_build(struct ike_sa *sa, struct ike_chain *c);
/** The peer's AUTH proves that it is remote_id. false: said why */
bool ike_auth_verify(struct ike_sa *sa, const struct ike_msg *m);
/** A warning that names both identities. */
void ike_auth_log(const struct ike_sa *sa, const char *what, const char *cause);

#endif
