/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_CLAIM_H
#define GW_CLAIM_H

/* One gateway for one thing in a network namespace: who claims its name first has it while he lives. */

#include <sys/types.h>

/**
 * Claim a name: an abstract socket, which goes with its process however that ends.
 * @param holder  who has it, when it is taken; 0 = he does not say
 * @return descriptor to keep open, -EADDRINUSE when it is taken, -errno
 */
int gw_claim(const char *name, pid_t *holder);

#endif
