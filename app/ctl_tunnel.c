/* SPDX-License-Identifier: BSD-3-Clause */

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_malloc.h>

#include "lib/gre.h"
#include "lib/tun.h"
#include "lib/vuser.h"
#include "lib/wire.h"

#include "ctl_tunnel.h"
#include "log.h"
#include "refused.h"
#include "suite.h"

#define IP6_MTU_MIN 1280
#define IP4_MTU_MIN 68
#define TCP4_HDRS   40
#define TCP6_HDRS   60

/* A full TUN drops at once. The default 500 packets are 5 ms at 1 Gbit/s, less than a worker may be
 * off a shared CPU: 4 TCP streams lost 5 % and ran at two thirds of the speed they have with this.
 */
#define IF_QUEUE_LEN 2000

/* A queue of each worker for each tunnel, up to so many in all: the kernel sets 16 KB aside for
 * each. Many tunnels spread over the workers as they are. */
#define IF_QUEUES_MAX 1024

#define IF_GROUP 0x72610000u /* "ra", and 16 bits of the process id: nobody else's */

static int
told(const struct gw_tunnels *ts, const char *name, const char *what, int rc)
{
	return gw_refused(ts->netif, "tunnel", name, what, rc);
}

static int
add_route(struct gw_tunnels *ts, const struct gw_tunif *tif, const struct gw_prefix *net)
{
	int rc = gw_netif_add_route(ts->netif, tif->ifindex, net);
	char addr[INET6_ADDRSTRLEN], what[160];

	snprintf(what, sizeof(what), "route %s/%u%s",
		inet_ntop(net->family, net->addr, addr, sizeof(addr)), net->bits,
		rc == -EEXIST ? ": the host has one to elsewhere, which must go or take a metric"
			      : "");
	return told(ts, tif->cfg->name, what, rc);
}

static int
route_prefix(struct gw_tunnels *ts, const struct gw_tunif *tif, const struct gw_prefix *p)
{
	struct gw_prefix nets[2];
	unsigned int n = gw_cfg_nets(p, nets);
	int rc = 0;

	for (unsigned int i = 0; rc == 0 && i < n; i++)
		rc = add_route(ts, tif, &nets[i]);
	return rc;
}

static int
configure_if(struct gw_tunnels *ts, struct gw_tunif *tif)
{
	const struct gw_tunnel_cfg *cfg = tif->cfg;
	struct gw_netif *n = ts->netif;
	int rc;

	tif->ifindex = gw_netif_index(n, cfg->name);
	if (tif->ifindex < 0)
		return told(ts, cfg->name, "interface", tif->ifindex);
	rc = told(
		ts, cfg->name, "queue length", gw_netif_set_txqlen(n, tif->ifindex, IF_QUEUE_LEN));
	if (rc == 0 && cfg->handoff == GW_HANDOFF_VIRTIO_USER) /* a TUN has it of itself */
		rc = told(ts, cfg->name, "no ARP", gw_netif_set_noarp(n, tif->ifindex));
	if (rc == 0)
		rc = told(ts, cfg->name, "address generation",
			gw_netif_no_autoconf6(n, tif->ifindex));
	for (unsigned int i = 0; rc == 0 && i < cfg->n_addrs; i++)
		rc = told(ts, cfg->name, "address",
			gw_netif_add_addr(n, tif->ifindex, &cfg->addrs[i]));
	if (rc == 0)
		rc = told(ts, cfg->name, "up", gw_netif_set_up(n, tif->ifindex, true));
	for (unsigned int i = 0; rc == 0 && i < cfg->n_routes; i++)
		rc = route_prefix(ts, tif, &cfg->routes[i]);
	return rc;
}

/* @return 0, -errno */
static int
open_queues(const struct gw_tunnels *ts, struct gw_tunif *tif)
{
	unsigned int n = ts->n_workers;
	int rc;

	if (n == 1 || ts->n_tunifs > IF_QUEUES_MAX / n) {
		rc = gw_tun_open(tif->cfg->name, tif->cfg->offload);
		if (rc >= 0)
			tif->t->fd = rc;
		return rc < 0 ? rc : 0;
	}
	tif->queues = calloc(n, sizeof(tif->queues[0]));
	if (tif->queues == NULL)
		return -ENOMEM;
	rc = gw_tun_open_queues(tif->cfg->name, tif->cfg->offload, tif->queues, n);
	if (rc == 0) {
		tif->t->fd = tif->queues[0];
		tif->t->queues = tif->queues;
	}
	return rc;
}

static void
close_queues(const struct gw_tunnels *ts, const struct gw_tunif *tif)
{
	if (tif->t->fd >= 0)
		close(tif->t->fd);
	for (unsigned int i = 1; tif->t->queues != NULL && i < ts->n_workers; i++)
		close(tif->t->queues[i]);
	free(tif->queues);
}

static int
open_tun(const struct gw_tunnels *ts, struct gw_tunif *tif)
{
	int rc = open_queues(ts, tif);

	if (rc < 0) {
		gw_log(GW_LOG_ERROR, "tunnel", "%s: %s", tif->cfg->name,
			rc == -EBUSY    ? "another process has this interface"
			: rc == -EEXIST ? "an interface of another kind has this name"
			: rc == -ENOENT ? "there is no /dev/net/tun: modprobe tun"
					: strerror(-rc));
		return rc;
	}
	tif->t->handoff = &gw_tun_handoff;
	tif->t->offload = tif->cfg->offload;
	tif->t->forwards = tif->cfg->handoff == GW_HANDOFF_PORT;
	tif->t->source_check = (uint8_t)tif->cfg->source_check;
	return 0;
}

static int
open_vuser(struct gw_tunif *tif, struct rte_mempool *pool, int socket)
{
	const struct gw_tunnel_cfg *cfg = tif->cfg;
	int rc = gw_port_open_vuser(&tif->port, cfg->name, cfg->offload, pool);

	if (rc < 0)
		return rc;
	tif->t->vuser = gw_vuser_create(tif->port.id, tif->port.mac.addr_bytes, pool, socket);
	if (tif->t->vuser == NULL) {
		gw_log(GW_LOG_ERROR, "tunnel", "%s: out of memory", cfg->name);
		return -ENOMEM;
	}
	tif->t->handoff = &gw_vuser_handoff;
	tif->t->offload = cfg->offload;
	return 0;
}

/* Where the data plane's ICMP errors come from. */
static void
error_sources(struct gw_tunnel *t, const struct gw_tunnel_cfg *cfg, const struct gw_cfg *gw)
{
	if (gw->outside.n_addrs > 0)
		memcpy(&t->addr6, gw->outside.addrs[0].addr, sizeof(t->addr6));
	for (unsigned int i = cfg->n_addrs; i-- > 0;) {
		if (cfg->addrs[i].family == AF_INET)
			memcpy(&t->addr4, cfg->addrs[i].addr, sizeof(t->addr4));
		else
			memcpy(&t->addr6, cfg->addrs[i].addr, sizeof(t->addr6));
	}
}

static struct gw_tunnel *
new_tunnel(const struct gw_tunnel_cfg *cfg, const struct gw_cfg *gw, uint32_t index, int socket)
{
	uint16_t hold_max = RTE_MIN(cfg->hold, GW_HOLD_MAX);
	struct gw_tunnel *t = rte_zmalloc_socket(
		"tunnel", sizeof(*t) + hold_max * sizeof(t->held[0]), 64, socket);

	if (t == NULL)
		return NULL;
	memcpy(t->name, cfg->name, sizeof(t->name));
	t->index = index;
	t->fd = -1;
	t->has_key = cfg->has_key;
	t->key = cfg->key;
	t->checksum = cfg->checksum;
	t->sequence = cfg->sequence;
	t->hop_limit = cfg->hop_limit;
	gw_tunnel_set_tc(t, cfg->dscp, cfg->ecn);
	t->flowlabel = cfg->flowlabel;
	t->hold_max = hold_max;
	error_sources(t, cfg, gw);
	return t;
}

static bool
has_inner6(const struct gw_tunnel_cfg *cfg)
{
	for (unsigned int i = 0; i < cfg->n_addrs; i++) {
		if (cfg->addrs[i].family == AF_INET6)
			return true;
	}
	for (unsigned int i = 0; i < cfg->n_routes; i++) {
		if (cfg->routes[i].family == AF_INET6)
			return true;
	}
	return false;
}

static int
by_key(const void *a, const void *b)
{
	const struct gw_tunif *const *ta = a, *const *tb = b;

	return ((*ta)->t->key > (*tb)->t->key) - ((*ta)->t->key < (*tb)->t->key);
}

static int
make_demux(struct gw_binding *b, uint32_t owner, int socket)
{
	size_t size = sizeof(*b->demux) + b->n_tunifs * sizeof(b->demux->by_key[0]);

	b->demux = rte_zmalloc_socket("demux", size, 64, socket);
	if (b->demux == NULL)
		return -ENOMEM;
	atomic_store_explicit(&b->demux->owner, owner, memory_order_relaxed);
	if (b->n_tunifs > 1)
		qsort(b->tunifs, b->n_tunifs, sizeof(struct gw_tunif *), by_key);
	for (unsigned int i = 0; i < b->n_tunifs; i++) {
		struct gw_tunnel *t = b->tunifs[i]->t;

		t->demux = b->demux;
		atomic_store_explicit(&t->answers, owner, memory_order_relaxed);
		if (!t->has_key) {
			b->demux->keyless = t;
			continue;
		}
		b->demux->by_key[b->demux->n].key = t->key;
		b->demux->by_key[b->demux->n].tunnel = t;
		b->demux->n++;
	}
	return 0;
}

static int
make_bindings(struct gw_tunnels *ts)
{
	uint32_t n = 0;

	ts->first_binding = calloc(ts->ike->n_conns + 1u, sizeof(*ts->first_binding));
	if (ts->first_binding == NULL)
		return -ENOMEM;
	for (unsigned int i = 0; i < ts->ike->n_conns; i++) {
		ts->first_binding[i] = n;
		n += ts->ike->conns[i].n_children;
	}
	ts->bindings = calloc(n + 1u, sizeof(*ts->bindings));
	if (ts->bindings == NULL)
		return -ENOMEM;
	for (unsigned int i = 0; i < ts->ike->n_conns; i++) {
		const struct ike_conn_cfg *conn = &ts->ike->conns[i];

		for (unsigned int j = 0; j < conn->n_children; j++) {
			struct gw_binding *b = &ts->bindings[ts->n_bindings++];

			b->conn = conn;
			b->child = &conn->children[j];
			b->trap = !b->child->start_action_set ||
				  (b->child->start_action & IKE_ACTION_TRAP) != 0;
			LIST_INIT(&b->children);
		}
	}
	return 0;
}

static int
bind_all(struct gw_tunnels *ts, int socket)
{
	if (make_bindings(ts) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < ts->n_tunifs; i++) {
		struct gw_tunif *tif = &ts->tunifs[i];

		tif->binding = gw_tunnels_binding(ts, tif->cfg->conn, tif->cfg->child);
		tif->binding->n_tunifs++;
	}
	for (uint32_t i = 0; i < ts->n_bindings; i++) {
		struct gw_binding *b = &ts->bindings[i];

		b->tunifs = calloc(b->n_tunifs + 1u, sizeof(struct gw_tunif *));
		if (b->tunifs == NULL)
			return -ENOMEM;
		b->n_tunifs = 0;
	}
	for (uint32_t i = 0; i < ts->n_tunifs; i++) {
		struct gw_binding *b = ts->tunifs[i].binding;

		b->tunifs[b->n_tunifs++] = &ts->tunifs[i];
	}
	for (uint32_t i = 0, n = 0; i < ts->n_bindings; i++) {
		if (make_demux(&ts->bindings[i], n % ts->n_workers, socket) < 0)
			return -ENOMEM;
		n += ts->bindings[i].n_tunifs > 0;
	}
	return 0;
}

static int
make_tunifs(struct gw_tunnels *ts, const struct gw_cfg *cfg, int socket)
{
	ts->tunifs = calloc(cfg->n_tunnels + 1u, sizeof(*ts->tunifs));
	ts->tunnels = calloc(cfg->n_tunnels + 1u, sizeof(struct gw_tunnel *));
	if (ts->tunifs == NULL || ts->tunnels == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < cfg->n_tunnels; i++) {
		struct gw_tunif *tif = &ts->tunifs[i];

		tif->cfg = &cfg->tunnels[i];
		tif->inner6 = has_inner6(tif->cfg);
		tif->t = new_tunnel(tif->cfg, cfg, i, socket);
		if (tif->t == NULL)
			return -ENOMEM;
		ts->tunnels[i] = tif->t;
		ts->n_tunifs++;
	}
	return bind_all(ts, socket);
}

/* A port has no routes in the kernel, nor addresses: whoever sits on it has them. */
static int
open_wire(struct gw_tunnels *ts, struct gw_tunif *tif, uint16_t mtu, struct rte_mempool *pool)
{
	int rc = gw_port_open_wire(&tif->port, tif->cfg->handoff_port, mtu, pool, ts->netif);

	if (rc < 0)
		return rc;
	tif->t->handoff = &gw_wire_handoff;
	tif->t->wire_port = tif->port.id;
	memcpy(tif->t->wire_mac, &tif->port.mac, sizeof(tif->t->wire_mac));
	gw_tunif_set_mtu(ts, tif, gw_suite_worst_payload(tif->cfg->conn, tif->cfg->child, mtu));
	tif->carrier = true;
	return 0;
}

static int
bring_up(struct gw_tunnels *ts, struct gw_tunif *tif, uint16_t path_mtu, struct rte_mempool *pool,
	int socket)
{
	int rc = tif->cfg->handoff == GW_HANDOFF_VIRTIO_USER ? open_vuser(tif, pool, socket)
							     : open_tun(ts, tif);

	if (rc < 0)
		return rc;
	tif->ifindex = gw_netif_index(ts->netif, tif->cfg->name);
	gw_tunif_set_mtu(
		ts, tif, gw_suite_worst_payload(tif->cfg->conn, tif->cfg->child, path_mtu));
	rc = configure_if(ts, tif);
	if (rc < 0)
		return rc;
	tif->carrier = true; /* an open TUN or TAP has it */
	gw_tunif_set_sa(ts, tif, false);
	gw_log(GW_LOG_INFO, "tunnel", "%s: MTU %u until an SA says otherwise", tif->cfg->name,
		atomic_load_explicit(&tif->t->mtu, memory_order_relaxed));
	return 0;
}

static int
by_ifindex(const void *a, const void *b)
{
	const struct gw_tunif *const *ta = a, *const *tb = b;

	return ((*ta)->ifindex > (*tb)->ifindex) - ((*ta)->ifindex < (*tb)->ifindex);
}

static int
sort_forwarding(struct gw_tunnels *ts)
{
	ts->by_ifindex = calloc(ts->n_tunifs + 1u, sizeof(struct gw_tunif *));
	if (ts->by_ifindex == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < ts->n_tunifs; i++) {
		if (ts->tunifs[i].t->forwards)
			ts->by_ifindex[ts->n_by_ifindex++] = &ts->tunifs[i];
	}
	qsort(ts->by_ifindex, ts->n_by_ifindex, sizeof(struct gw_tunif *), by_ifindex);
	return 0;
}

bool
gw_tunnels_by_ifindex(const struct gw_tunnels *ts, uint32_t ifindex, uint32_t *tunnel)
{
	const struct gw_tunif key = {.ifindex = (int)ifindex}, *const wanted = &key;
	struct gw_tunif *const *found;

	found = bsearch(
		&wanted, ts->by_ifindex, ts->n_by_ifindex, sizeof(struct gw_tunif *), by_ifindex);
	if (found == NULL)
		return false;
	*tunnel = (*found)->t->index;
	return true;
}

struct gw_tunnels *
gw_tunnels_create(const struct gw_cfg *cfg, struct gw_netif *netif, struct rte_mempool *pool,
	unsigned int n_workers, int socket)
{
	struct gw_tunnels *ts = calloc(1, sizeof(*ts));
	uint16_t mtu = cfg->outside.mtu;

	if (ts == NULL)
		goto nomem;
	ts->netif = netif;
	ts->n_workers = n_workers;
	ts->ike = &cfg->ike;
	if (make_tunifs(ts, cfg, socket) < 0)
		goto nomem;
	for (uint32_t i = 0; i < ts->n_tunifs; i++) {
		struct gw_tunif *tif = &ts->tunifs[i];
		bool wire = tif->cfg->handoff == GW_HANDOFF_WIRE;

		if ((wire ? open_wire(ts, tif, mtu, pool) : bring_up(ts, tif, mtu, pool, socket)) <
			0)
			goto fail;
	}
	if (sort_forwarding(ts) < 0)
		goto nomem;
	return ts;
nomem:
	gw_log(GW_LOG_ERROR, "tunnel", "out of memory");
fail:
	gw_tunnels_destroy(ts);
	return NULL;
}

/* A stop within a second, with hundreds of interfaces too. What this cannot delete goes with its
 * descriptor. */
static void
delete_ifs(struct gw_tunnels *ts)
{
	uint32_t group = IF_GROUP | ((uint32_t)getpid() & 0xffff);
	unsigned int n = 0;

	for (uint32_t i = 0; i < ts->n_tunifs; i++) {
		const struct gw_tunif *tif = &ts->tunifs[i];

		if (tif->t->fd >= 0 && tif->ifindex > 0 &&
			gw_netif_set_group(ts->netif, tif->ifindex, group) == 0)
			n++;
	}
	if (n > 0 && gw_netif_del_group(ts->netif, group) < 0)
		gw_log(GW_LOG_DEBUG, "tunnel", "interfaces go one by one: %s",
			gw_netif_error(ts->netif));
}

void
gw_tunnels_destroy(struct gw_tunnels *ts)
{
	if (ts == NULL)
		return;
	delete_ifs(ts);
	for (uint32_t i = 0; i < ts->n_tunifs; i++) {
		gw_vuser_destroy(ts->tunifs[i].t->vuser);
		gw_port_close(&ts->tunifs[i].port);
		close_queues(ts, &ts->tunifs[i]);
		/* of one that was about to change its owner when the workers ended */
		rte_pktmbuf_free_bulk(ts->tunifs[i].t->held, ts->tunifs[i].t->n_held);
		rte_free(ts->tunifs[i].t);
	}
	for (uint32_t i = 0; i < ts->n_bindings; i++) {
		rte_free(ts->bindings[i].demux);
		free(ts->bindings[i].tunifs);
	}
	free(ts->bindings);
	free(ts->first_binding);
	free(ts->by_ifindex);
	free(ts->tunnels);
	free(ts->tunifs);
	free(ts);
}

struct gw_binding *
gw_tunnels_binding(const struct gw_tunnels *ts, const struct ike_conn_cfg *conn,
	const struct ike_child_cfg *child)
{
	const struct ike_cfg *ike = ts->ike;

	if (conn < ike->conns || conn >= ike->conns + ike->n_conns || child < conn->children ||
		child >= conn->children + conn->n_children)
		return NULL;
	return &ts->bindings[ts->first_binding[conn - ike->conns] + (child - conn->children)];
}

static uint16_t
less(uint16_t from, uint16_t n)
{
	return from > n ? (uint16_t)(from - n) : 0;
}

static void
set_mss(struct gw_tunif *tif, uint16_t mtu)
{
	const struct gw_tunnel_cfg *cfg = tif->cfg;
	uint16_t mss4 = cfg->mss, mss6 = less(cfg->mss, TCP6_HDRS - TCP4_HDRS);

	if (cfg->mss_auto) {
		mss4 = less(mtu, TCP4_HDRS);
		mss6 = less(mtu, TCP6_HDRS);
	}
	atomic_store_explicit(&tif->t->mss4, mss4, memory_order_relaxed);
	atomic_store_explicit(&tif->t->mss6, mss6, memory_order_relaxed);
}

void
gw_tunif_set_mtu(struct gw_tunnels *ts, struct gw_tunif *tif, uint16_t max_gre)
{
	const struct gw_tunnel_cfg *cfg = tif->cfg;
	uint16_t mtu = less(max_gre, gw_gre_len(cfg->checksum, cfg->has_key, cfg->sequence));
	uint16_t if_mtu;
	int rc;

	if (cfg->mtu != 0 && mtu > cfg->mtu)
		mtu = cfg->mtu;
	if (mtu < IP4_MTU_MIN)
		mtu = IP4_MTU_MIN;
	/* below 1280 the kernel takes IPv6 off the interface for good; the data plane refuses or
	 * fragments what is larger than the tunnel's own MTU */
	if_mtu = tif->inner6 && mtu < IP6_MTU_MIN ? IP6_MTU_MIN : mtu;
	atomic_store_explicit(&tif->t->mtu, mtu, memory_order_release);
	set_mss(tif, mtu);
	if (tif->if_mtu == if_mtu || tif->ifindex == 0) {
		tif->if_mtu = if_mtu;
		return;
	}
	rc = gw_netif_set_mtu(ts->netif, tif->ifindex, if_mtu);
	if (told(ts, cfg->name, "MTU", rc) < 0)
		return;
	gw_log(tif->if_mtu != 0 ? GW_LOG_INFO : GW_LOG_DEBUG, "tunnel", "%s: MTU %u, interface %u",
		cfg->name, mtu, if_mtu);
	tif->if_mtu = if_mtu;
}

void
gw_tunif_set_sa(struct gw_tunnels *ts, struct gw_tunif *tif, bool up)
{
	bool carrier = up || tif->cfg->carrier == GW_CARRIER_ALWAYS;

	if (tif->carrier == carrier || tif->ifindex == 0)
		return;
	if (told(ts, tif->cfg->name, "carrier",
		    gw_netif_set_carrier(ts->netif, tif->ifindex, carrier)) == 0)
		tif->carrier = carrier;
}
