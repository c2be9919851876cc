/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_LIFE_H
#define IKE_LIFE_H

/*
 * How long a CHILD_SA lives: time, bytes, packets, sequence numbers. At a soft limit it is rekeyed, at
 * a hard one it is used no more. Volumes are looked at now and then, so their soft limits follow the
 * rate: rekeying starts when the hard limit is IKE_LIFE_LEAD_MS away, or half of what a whole SA lasts
 * at that rate, whatever the configured soft limit says. Private to ike/.
 */

#include "child.h"

#define IKE_LIFE_LEAD_MS 10000 /* room for two retransmissions */
#define IKE_POLL_MIN_MS	 20    /* between looks at counters, */
#define IKE_POLL_MS	 250   /* at most with limits of bytes and packets, */
#define IKE_POLL_SEQ_MS	 30000 /* and without */

/* Of sequence numbers: rekey from here on, at latest. The data plane sends none after the last one. */
#define IKE_SEQ_SOFT	 UINT64_C(0xc0000000)
#define IKE_SEQ_SOFT_ESN UINT64_C(0xc000000000000000)

/** c has just been installed. */
void ike_life_start(struct ike_child *c);
/** It goes on after all: soft limits count from here, the hard ones stay. */
void ike_life_start_again(struct ike_child *c);

/** Look at the counters. */
void ike_life_poll(struct ike_child *c);

/** A hard limit is there and no successor: c goes, and comes back when it is to be up always. */
void ike_life_expire(struct ike_child *c);

#endif
