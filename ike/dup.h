/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_DUP_H
#define IKE_DUP_H

/*
 * Duplicates: when both ends bring the same child up at the same moment, two pairs exist, and both
 * ends are right. The one that the end with the lower identity asked for goes, deleted by that end,
 * once the other one's IKE SA has shown a second later that it is alive. Private to ike/.
 *
 * Several pairs that one end asked for are its own business (RFC 9611): they stay.
 */

#include "child.h"

/** A child was installed: see whether it is one too many. */
void ike_dup_check(struct ike_child *c);

/** sa answered a liveness check: if it was asked because of a duplicate, that one can go. */
void ike_dup_alive(struct ike_sa *sa);

/** A child that was sent on goes: another live one of the same configuration takes over. */
void ike_dup_pass_on(const struct ike_child *gone);

#endif
