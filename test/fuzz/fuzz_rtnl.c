/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages about routes and neighbours; what they say goes into a table of routes. */
#include <libmnl/libmnl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "app/ctl_rib.h"
#include "lib/rtnl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum rib_if
ifkind(void *arg, uint32_t ifindex, uint32_t *tunnel)
{
	*tunnel = ifindex;
	return (enum rib_if)(ifindex % 3);
}

static enum rib_said
changed(void *arg, const struct gw_prefix *dst, const struct rib_hop *was,
	const struct rib_hop *hop)
{
	if (dst->bits > (dst->family == AF_INET ? 32 : 128) || (was == NULL && hop == NULL))
		abort();
	return (enum rib_said)(dst->addr[0] % 3);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct rib_ops ops = {.ifkind = ifkind, .changed = changed};
	/* as received: aligned, and nothing behind it */
	uint8_t *buf = malloc(size > 0 ? size : 1), addr[16];
	const struct nlmsghdr *h = (const struct nlmsghdr *)(void *)buf;
	struct rib *rib = rib_create(&ops);
	int left = (int)size;

	memcpy(buf, data, size);
	rib_begin(rib);
	for (unsigned int i = 0; gw_rtnl_ok(h, left); i++, h = mnl_nlmsg_next(h, &left)) {
		struct gw_rtnl_route r;
		struct gw_rtnl_neigh n;

		if (gw_rtnl_route(h, &r)) {
			if (r.n_legs > GW_RTNL_LEGS_MAX)
				abort();
			rib_put(rib, &r);
		}
		if (gw_rtnl_neigh(h, &n) && n.family != AF_INET && n.family != AF_INET6)
			abort();
		if (i % 4 == 3) {
			rib_end(rib);
			rib_begin(rib);
		}
	}
	rib_end(rib);
	rib_source(rib, AF_INET, addr);
	rib_destroy(rib);
	free(buf);
	return 0;
}
