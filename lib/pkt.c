/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_common.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf_pool_ops.h>

#include "pkt.h"

/* Objects a core keeps for itself: enough for two bursts each way, never a large part of the pool.
 */
static unsigned int
cache_size(unsigned int n)
{
	unsigned int want = 4 * GW_BURST_MAX;

	return n / 8 < want ? n / 8 : want;
}

/*
 * Without huge pages DPDK would let no object cross a page but give each of them whole pages, 8 KB
 * for 5. No device reads physical memory there, so an object need not lie in one piece of it.
 */
static unsigned int
pool_flags(void)
{
	return rte_eal_has_hugepages() ? 0 : RTE_MEMPOOL_F_NO_IOVA_CONTIG;
}

/* As rte_pktmbuf_pool_create(), which takes no flags. */
struct rte_mempool *
gw_pkt_pool_create(const char *name, unsigned int n, unsigned int max_frame, int socket)
{
	unsigned int room = GW_PKT_HEADROOM + max_frame + GW_PKT_TAILROOM;
	uint16_t priv = RTE_ALIGN_CEIL(sizeof(struct gw_pkt), RTE_MBUF_PRIV_ALIGN);
	struct rte_pktmbuf_pool_private of_mbufs = {
		.mbuf_data_room_size = (uint16_t)room, .mbuf_priv_size = priv};
	struct rte_mempool *mp;
	int rc;

	if (max_frame == 0 || room > UINT16_MAX) {
		rte_errno = EINVAL;
		return NULL;
	}
	mp = rte_mempool_create_empty(name, n, sizeof(struct rte_mbuf) + priv + room, cache_size(n),
		sizeof(of_mbufs), socket, pool_flags());
	if (mp == NULL)
		return NULL;
	rc = rte_mempool_set_ops_byname(mp, rte_mbuf_best_mempool_ops(), NULL);
	if (rc == 0) {
		rte_pktmbuf_pool_init(mp, &of_mbufs);
		rc = rte_mempool_populate_default(mp);
	}
	if (rc < 0) {
		rte_mempool_free(mp);
		rte_errno = -rc;
		return NULL;
	}
	rte_mempool_obj_iter(mp, rte_pktmbuf_init, NULL);
	return mp;
}
