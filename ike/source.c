/* SPDX-License-Identifier: BSD-3-Clause */
#include "source.h"

static const size_t prefix_len[IKE_NETS] = {8, 6}; /* bytes */

static uint64_t
net_hash(const struct in6_addr *addr, unsigned int net)
{
	return ike_hash_bytes(IKE_HASH_SEED, addr, prefix_len[net]);
}

void
ike_source_add(struct ike_sa *sa)
{
	for (unsigned int i = 0; i < IKE_NETS; i++)
		ike_hash_add(&sa->e->by_net[i], &sa->by_net[i], net_hash(&sa->path.remote, i));
}

void
ike_source_del(struct ike_sa *sa)
{
	for (unsigned int i = 0; i < IKE_NETS; i++)
		if (sa->by_net[i].link != NULL)
			ike_hash_del(&sa->e->by_net[i], &sa->by_net[i]);
}

static bool
has_as_many(const struct ike *e, const struct in6_addr *addr, unsigned int net, uint32_t max)
{
	const struct ike_node *n = ike_hash_first(&e->by_net[net], net_hash(addr, net));

	while (n != NULL && max > 0) {
		n = ike_hash_next(n);
		max--;
	}
	return max == 0;
}

bool
ike_source_full(const struct ike *e, const struct in6_addr *addr)
{
	return has_as_many(e, addr, 0, e->block_threshold) ||
	       has_as_many(e, addr, 1, e->block_threshold * IKE_SOURCE_48_TIMES);
}
