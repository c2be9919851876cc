/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_ring.h>

#include "lib/fwd.h"
#include "lib/tap.h"

#include "inside.h"
#include "log.h"
#include "refused.h"

#define LINK_MS 200 /* between looks at the port's link */

static int
failed(const struct gw_inside *in, const char *what, int rc)
{
	return gw_refused(in->netif, "inside", in->cfg->interface, what, rc);
}

/* ---- the kernel's interface beneath the port ---- */

static int
write_sysctl(const char *family, const char *ifname, const char *key, const char *value)
{
	char path[128];
	int fd, rc = 0;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family, ifname, key);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

/*
 * Strict reverse path filtering drops what comes in there of hosts that are routed by the twin, be
 * it to be forwarded or for the kernel itself; ARP is the twin's to answer. A kernel without IPv6
 * has no switch for it.
 */
static int
silence(const struct gw_inside *in)
{
	static const struct {
		const char *family, *key, *value;
	} keys[] = {
		{"ipv6", "disable_ipv6", "1"},
		{"ipv4", "rp_filter", "1"},
		{"ipv4", "arp_ignore", "8"},
		{"ipv4", "forwarding", "0"},
	};
	const char *ifname = in->port.ifname;
	int ifindex = gw_netif_index(in->netif, ifname);

	if (ifindex > 0 && gw_netif_has_addr(in->netif, ifindex)) {
		gw_log(GW_LOG_ERROR, "inside",
			"%s: the kernel has addresses there and would answer what is ours: they "
			"belong "
			"on %s (gateway.inside.address)",
			ifname, in->cfg->interface);
		return -EADDRINUSE;
	}
	for (size_t i = 0; i < RTE_DIM(keys); i++) {
		int rc = write_sysctl(keys[i].family, ifname, keys[i].key, keys[i].value);

		if (rc == 0 || (rc == -ENOENT && strcmp(keys[i].family, "ipv6") == 0))
			continue;
		gw_log(GW_LOG_ERROR, "inside",
			"net.%s.conf.%s.%s: %s: the kernel would forward what is ours",
			keys[i].family, ifname, keys[i].key, strerror(-rc));
		return rc;
	}
	return 0;
}

/* ---- the twin ---- */

static int
configure_twin(struct gw_inside *in)
{
	const struct gw_inside_cfg *cfg = in->cfg;
	struct gw_netif *n = in->netif;
	int rc;

	in->ifindex = gw_netif_index(n, cfg->interface);
	if (in->ifindex < 0)
		return failed(in, "interface", in->ifindex);
	rc = failed(in, "MAC", gw_netif_set_mac(n, in->ifindex, in->port.mac.addr_bytes));
	if (rc == 0)
		rc = failed(in, "MTU", gw_netif_set_mtu(n, in->ifindex, cfg->mtu));
	if (rc == 0)
		rc = failed(in, "up", gw_netif_set_up(n, in->ifindex, true));
	for (unsigned int i = 0; rc == 0 && i < cfg->n_addrs; i++)
		rc = failed(in, "address", gw_netif_add_lan_addr(n, in->ifindex, &cfg->addrs[i]));
	return rc;
}

static int
open_twin(struct gw_inside *in)
{
	in->twin = gw_tap_open(in->cfg->interface);
	if (in->twin < 0) {
		gw_log(GW_LOG_ERROR, "inside", "%s: %s", in->cfg->interface,
			in->twin == -EBUSY    ? "another process has this interface"
			: in->twin == -EEXIST ? "an interface of another kind has this name"
					      : strerror(-in->twin));
		return in->twin;
	}
	in->carrier = true; /* an open TAP has it */
	return configure_twin(in);
}

/* ---- all of it ---- */

static int
make_tables(struct gw_inside *in, struct gw_rcu *rcu, int socket)
{
	in->fib = gw_fib_create(rcu, socket);
	in->neigh = gw_neigh_create(rcu);
	in->asks = rte_ring_create_elem(
		"fwd_asks", sizeof(struct in6_addr), GW_FWD_ASKS, socket, RING_F_SC_DEQ);
	if (in->fib != NULL && in->neigh != NULL && in->asks != NULL)
		return 0;
	gw_log(GW_LOG_ERROR, "inside", "routes: %s", rte_strerror(rte_errno));
	return -ENOMEM;
}

struct gw_inside *
gw_inside_open(const struct gw_inside_cfg *cfg, struct rte_mempool *pool, struct gw_rcu *rcu,
	struct gw_netif *netif, int socket)
{
	struct gw_inside *in = calloc(1, sizeof(*in));
	int rc;

	if (in == NULL) {
		gw_log(GW_LOG_ERROR, "inside", "out of memory");
		return NULL;
	}
	in->cfg = cfg;
	in->netif = netif;
	in->twin = -1;
	rc = make_tables(in, rcu, socket);
	if (rc == 0)
		rc = gw_port_open_wire(&in->port, cfg->port, cfg->mtu, pool, netif);
	if (rc == 0 && in->port.ifname[0] != '\0')
		rc = silence(in);
	if (rc == 0)
		rc = open_twin(in);
	if (rc == 0)
		return in;
	gw_inside_close(in);
	gw_inside_destroy(in);
	return NULL;
}

void
gw_inside_tick(struct gw_inside *in, uint64_t now_ms)
{
	struct rte_eth_link link;
	bool up;

	if (now_ms < in->link_due_ms || in->port.down)
		return;
	in->link_due_ms = now_ms + LINK_MS;
	up = rte_eth_link_get_nowait(in->port.id, &link) < 0 || link.link_status == RTE_ETH_LINK_UP;
	if (up == in->carrier)
		return;
	if (failed(in, "carrier", gw_netif_set_carrier(in->netif, in->ifindex, up)) < 0)
		return;
	in->carrier = up;
	gw_log(GW_LOG_INFO, "inside", "%s: link is %s", in->port.name, up ? "up" : "down");
}

void
gw_inside_close(struct gw_inside *in)
{
	if (in == NULL)
		return;
	if (in->twin >= 0)
		close(in->twin);
	in->twin = -1;
	gw_port_close(&in->port);
}

void
gw_inside_destroy(struct gw_inside *in)
{
	if (in == NULL)
		return;
	gw_fib_destroy(in->fib);
	gw_neigh_destroy(in->neigh);
	rte_ring_free(in->asks);
	free(in);
}
