/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_common.h>
#include <rte_errno.h>

#include "pkt.h"

/* Objects a core keeps for itself: enough for two bursts each way, never a large part of the pool.
 */
static unsigned int
cache_size(unsigned int n)
{
	unsigned int want = 4 * GW_BURST_MAX;

	return n / 8 < want ? n / 8 : want;
}

struct rte_mempool *
gw_pkt_pool_create(const char *name, unsigned int n, unsigned int max_frame, int socket)
{
	unsigned int room = GW_PKT_HEADROOM + max_frame + GW_PKT_TAILROOM;

	if (max_frame == 0 || room > UINT16_MAX) {
		rte_errno = EINVAL;
		return NULL;
	}
	return rte_pktmbuf_pool_create(name, n, cache_size(n),
		RTE_ALIGN_CEIL(sizeof(struct gw_pkt), RTE_MBUF_PRIV_ALIGN), (uint16_t)room, socket);
}
