/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_SUITE_H
#define GW_SUITE_H

/* Between what IKE negotiates and what the data plane serves. Pure. */

#include <stdint.h>

#include "ike/cfg.h"
#include "ike/host.h"
#include "lib/sa.h"

/** Names and sizes of an agreed suite, without keys. @return 0, or -ENOTSUP */
int gw_suite_alg(const struct ike_suite *suite, struct gw_alg *alg);

/**
 * Add one direction's keys as IKE hands them over (RFC 7296 2.17): the salt of an AEAD cipher is the
 * tail of its key.
 * @return 0, or -EINVAL when lengths do not fit the suite
 */
int gw_suite_keys(struct gw_alg *alg, const uint8_t *encr, uint8_t encr_len, const uint8_t *integ,
	uint8_t integ_len);

/**
 * Largest GRE packet that fits into path_mtu whichever of the child's proposals is agreed, in the
 * child's mode and encapsulation: what a tunnel starts with before its first SA.
 */
uint16_t gw_suite_worst_payload(const struct ike_conn_cfg *conn, const struct ike_child_cfg *child,
	uint16_t path_mtu);

#endif
