/* SPDX-License-Identifier: BSD-3-Clause */
#include "guard.h"

#include "refused.h"

static int
lay(struct gw_netif *netif, const char *name, const struct gw_prefix *prefixes, unsigned int n)
{
	int rc = 0;

	for (unsigned int i = 0; i < n; i++) {
		struct gw_prefix nets[2];
		unsigned int n_nets = gw_cfg_nets(&prefixes[i], nets);

		for (unsigned int k = 0; rc == 0 && k < n_nets; k++)
			rc = gw_refused(netif, "guard", name, "guard route",
				gw_netif_guard(netif, &nets[k], true));
	}
	return rc;
}

int
gw_guard_lay(const struct gw_cfg *cfg, struct gw_netif *netif)
{
	int rc = 0;

	for (unsigned int i = 0; rc == 0 && i < cfg->n_tunnels; i++) {
		const struct gw_tunnel_cfg *t = &cfg->tunnels[i];

		if (t->handoff == GW_HANDOFF_WIRE) /* has no routes: whoever sits on it has them */
			continue;
		rc = lay(netif, t->name, t->addrs, t->n_addrs);
		if (rc == 0)
			rc = lay(netif, t->name, t->routes, t->n_routes);
	}
	return rc;
}
