/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_ICMP_LIMIT_H
#define GW_ICMP_LIMIT_H

/* Rate of ICMP errors (RFC 1812 4.3.2.8, RFC 4443 2.4 f): a bucket of tokens. One thread each. */

#include <stdbool.h>
#include <stdint.h>

#include <rte_cycles.h>

#define GW_ICMP_PER_S 500
#define GW_ICMP_BURST 50

struct gw_icmp_limit {
	uint64_t tokens, refill_tsc;
};

/** @return true when one more error may be sent now */
static inline bool
gw_icmp_token(struct gw_icmp_limit *l, uint64_t now_tsc)
{
	uint64_t cost = rte_get_tsc_hz() / GW_ICMP_PER_S;
	uint64_t since = now_tsc - l->refill_tsc;

	if (since / cost >= GW_ICMP_BURST - l->tokens) {
		l->tokens = GW_ICMP_BURST;
		l->refill_tsc = now_tsc;
	} else {
		l->tokens += since / cost;
		l->refill_tsc += since / cost * cost;
	}
	if (l->tokens == 0)
		return false;
	l->tokens--;
	return true;
}

#endif
