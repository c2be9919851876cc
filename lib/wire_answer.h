/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_WIRE_ANSWER_H
#define GW_WIRE_ANSWER_H

/* Proxy ARP (RFC 826) and neighbour discovery (RFC 4861) for wire.h. Bytes only, no DPDK; fuzzed. */

#include <stddef.h>
#include <stdint.h>

/**
 * Answer an ARP request or a neighbour solicitation, in place: whatever is asked for is at mac.
 * Probes of duplicate address detection get no answer. Bytes only.
 * @param frame  [in,out] cap bytes, len of them a frame
 * @return length of the answer, or 0 when the frame asks nothing that we answer
 */
size_t gw_wire_answer(uint8_t *frame, size_t len, size_t cap, const uint8_t mac[6]);

#endif
