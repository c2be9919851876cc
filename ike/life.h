/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_LIFE_H
#define IKE_LIFE_H

/*
 * How long a CHILD_SA lives: time, bytes, packets, sequence numbers. At a soft limit it is rekeyed, at
 * a hard one it is used no more. Volumes are looked at now and then, so their soft limits follow the
 * rate: rekeying starts when the hard limit is IKE_LIFE_LEAD_MS away, or half of what a whole SA lasts
 * at that rate, whatever the configured soft limit says.
 *
 * A peer that has rekeyed children one after the other, two at least, and does not rekey what took their place in
 * the longest time it took, a sixteenth and IKE_LIFE_LATE_MS more, has forgotten it, and would delete it at its
 * hard limit: we rekey it, unless our own limit of time is switched off. Then what is known of the peer's times
 * begins anew: it is not outdone again and again because it once was early, and two ends that both do
 * so do not take turns. strongSwan 5.9.8 forgets a soft limit that falls into its own rekeying of the
 * IKE SA; its hard limit is a tenth later by default.
 *
 * Private to ike/.
 */

#include "child.h"

#define IKE_LIFE_LEAD_MS 10000 /* room for two retransmissions */
#define IKE_LIFE_LATE_MS  2000 /* of a peer's rekeying; its first repetition may come later and collide */
#define IKE_POLL_MIN_MS	 20    /* between looks at counters, */
#define IKE_POLL_MS	 250   /* at most with limits of bytes and packets, */
#define IKE_POLL_SEQ_MS	 30000 /* and without */

/* Of sequence numbers: rekey from here on, at latest. The data plane sends none after the last one. */
#define IKE_SEQ_SOFT	 UINT64_C(0xc0000000)
#define IKE_SEQ_SOFT_ESN UINT64_C(0xc000000000000000)

/** c has just been installed. old: what it replaces, NULL = none; ours: we rekeyed that */
void ike_life_start(struct ike_child *c, const struct ike_child *old, bool ours);
/** It goes on after all: soft limits count from here, the hard ones stay. */
void ike_life_start_again(struct ike_child *c);

/** Its time has come: ours, or that at which the peer should have rekeyed it. */
void ike_life_soft(struct ike_child *c);

/** Look at the counters. */
void ike_life_poll(struct ike_child *c);

/** A hard limit is there and no successor: c goes, and comes back when it is to be up always. */
void ike_life_expire(struct ike_child *c);

#endif
