/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_REAUTH_H
#define IKE_REAUTH_H

/*
 * Reauthentication (RFC 7296 2.8.3), make before break: a second IKE SA is set up with the same
 * children, then the first one is deleted. No packet is lost meanwhile:
 *
 *   who starts it     sends on the new children at once, as the peer has had them before it answered;
 *   the other end     goes on sending on the old ones until their DELETE comes, a packet arrives on
 *                     the new ones, or the new SA answers a request: ours may come before the answer does;
 *   both              keep receiving on the old ones for a while after their IKE SA has gone.
 *
 * Nothing in a message says that it is one. Whoever has a child with this peer already, and is not
 * told INITIAL_CONTACT, treats a second one so. Private to ike/.
 */

#include "child.h"

/** Start it: an SA that is up gets a successor. */
void ike_reauth_start(struct ike_sa *sa);

/** The peer rekeys neither sa nor its children: so instead (RFC 7296 4), unless a successor comes up already. */
void ike_reauth_instead(struct ike_sa *sa);

/** It failed: again in a minute, or half-way to the hard limit of sa when that is sooner. */
void ike_reauth_later(struct ike_sa *sa);

/** sa, made by a reauthentication, may have all it needs: then the old one goes. */
void ike_reauth_finish(struct ike_sa *sa);

/** by took old's place by a rekeying: a reauthentication of old is one of by. */
void ike_reauth_follow(const struct ike_sa *old, const struct ike_sa *by);

/** o is what sa is to replace. */
bool ike_reauth_replaces(const struct ike_sa *sa, const struct ike_sa *o);

/** The peer has no other child of cfg, over sa or another one, that sends till it uses a new one. */
bool ike_reauth_is_first(const struct ike_sa *sa, const struct ike_child_cfg *cfg);

/** sa answered a liveness check: what came with IKE_AUTH works at the peer, too. */
void ike_reauth_alive(struct ike_sa *sa);

/** The same child of the same peer over another IKE SA: one that stays and is in use, if there is; NULL = none. */
struct ike_child *ike_reauth_sibling(const struct ike_sa *sa, const struct ike_child_cfg *cfg);

#endif
