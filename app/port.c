/* SPDX-License-Identifier: BSD-3-Clause */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_ethdev.h>

#include "lib/tap.h"

#include "claim.h"
#include "log.h"
#include "pci.h"
#include "port.h"
#include "port_fault.h"
#include "vdev.h"

#define RX_DESC 1024
#define TX_DESC 1024

#define VDEV_BUS  "vdev"
#define VHOST_NET "/dev/vhost-net"
/* and the interface's name: what the driver goes by is in front */
#define VUSER "net_virtio_user_"

/* Of virtio_user: everything that saves a packet its own call. Scatter and segments as
 * super-packets are longer than any mbuf. */
#define VUSER_RX                                                                                   \
	(RTE_ETH_RX_OFFLOAD_TCP_LRO | RTE_ETH_RX_OFFLOAD_TCP_CKSUM |                               \
		RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_SCATTER)
#define VUSER_TX                                                                                   \
	(RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_MULTI_SEGS)
/* By default the driver frees what vhost-net is done with only when that is all of the ring but 32
 * slots. A slot takes a super-packet, of up to 7 buffers. With this, its upper limit, it frees
 * whenever it sends and more than 4 are done; what is under way when nothing is sent any more stays
 * until it is: the pool reckons with it. */
#define VUSER_TX_FREE (RX_DESC - 4)
static_assert(GW_VUSER_MBUFS == RX_DESC + GW_VUSER_TX_DESC * 7, "what its rings may hold");

static void
no_pci_port(const char *name)
{
	char buf[64];
	const char *driver = gw_pci_driver(GW_PCI_SYSFS, name, buf, sizeof(buf));

	if (driver == NULL)
		gw_log(GW_LOG_ERROR, "port", "%s: there is no such PCI device (lspci -D)", name);
	else if (driver[0] == '\0')
		gw_log(GW_LOG_ERROR, "port",
			"%s: bound to no driver: bind it to vfio-pci or igb_uio", name);
	else
		gw_log(GW_LOG_ERROR, "port",
			"%s: bound to '%s', and DPDK made no port of it: bind it to vfio-pci or "
			"igb_uio, or see what DPDK says at --log-level debug",
			name, driver);
}

static int
find_port(struct gw_port *port, const char *spec)
{
	port->claim = -1;
	gw_port_name(spec, port->name, sizeof(port->name));
	/* of af_packet and af_xdp */
	gw_port_arg(spec, "iface", port->ifname, sizeof(port->ifname));
	if (rte_eth_dev_get_port_by_name(port->name, &port->id) == 0)
		return 0;
	if (gw_port_is_pci(spec))
		no_pci_port(port->name);
	else
		gw_log(GW_LOG_ERROR, "port", "%s: DPDK made no port of the vdev string",
			port->name);
	return -ENODEV;
}

static int
check_kernel(const struct gw_port *port, const struct gw_outside_cfg *cfg)
{
	char text[INET6_ADDRSTRLEN];

	for (unsigned int i = 0; i < cfg->n_addrs; i++) {
		struct in6_addr addr;

		memcpy(&addr, cfg->addrs[i].addr, sizeof(addr));
		if (!gw_netif_has_addr6(port->netif, &addr))
			continue;
		gw_log(GW_LOG_ERROR, "port",
			"%s: the kernel owns %s too and would answer its ESP and IKE with errors: "
			"take the address off the kernel's interface",
			port->ifname, inet_ntop(AF_INET6, &addr, text, sizeof(text)));
		return -EADDRINUSE;
	}
	return 0;
}

/* A second gateway on an interface would have the first one's MAC and link-local address. By index,
 * for an interface has several names; VLANs are links of their own. */
static int
claim(struct gw_port *port)
{
	int ifindex = gw_netif_index(port->netif, port->ifname);
	char name[64], who[32] = "";
	pid_t holder;

	if (ifindex > 0)
		snprintf(name, sizeof(name), "raclette port %d.%u", ifindex, port->vlan);
	else /* the driver makes it later */
		snprintf(name, sizeof(name), "raclette port %s.%u", port->ifname, port->vlan);
	port->claim = gw_claim(name, &holder);
	if (port->claim >= 0)
		return 0;
	if (holder > 0)
		snprintf(who, sizeof(who), " (pid %d)", (int)holder);
	if (port->claim == -EADDRINUSE)
		gw_log(GW_LOG_ERROR, "port",
			"%s: another raclette%s runs on this interface: give one gateway both "
			"tunnels, or each an interface of its own",
			port->ifname, who);
	else
		gw_log(GW_LOG_ERROR, "port", "%s: cannot be claimed: %s", port->ifname,
			strerror(-port->claim));
	return port->claim;
}

/* A port in use is up: what dev_start does to a real one. */
static void
raise_kernel(const struct gw_port *port)
{
	int ifindex = gw_netif_index(port->netif, port->ifname);
	int rc = ifindex < 0 ? ifindex : gw_netif_set_up(port->netif, ifindex, true);

	if (rc < 0)
		gw_log(GW_LOG_WARN, "port", "%s: cannot be set up: %s", port->ifname,
			strerror(-rc));
}

static bool
fits(const struct gw_port *port, const struct rte_eth_dev_info *info)
{
	return port->mtu <= info->max_mtu &&
	       (uint32_t)port->mtu + RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN <= info->max_rx_pktlen;
}

/* By SPI if the port can, else by address; what is left to do goes by ring. Fragments of a packet
 * must not part ways, so ports do not count. */
static void
spread(struct rte_eth_conf *conf, const struct rte_eth_dev_info *info)
{
	uint64_t want = RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_FRAG_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_OTHER |
			RTE_ETH_RSS_ESP;

	conf->rx_adv_conf.rss_conf.rss_hf = want & info->flow_type_rss_offloads;
	if (conf->rx_adv_conf.rss_conf.rss_hf != 0)
		conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
}

/* As many queues as port says. @param tx  NULL: as the driver likes it */
static int
set_up(const struct gw_port *port, const struct rte_eth_conf *conf, const struct rte_eth_txconf *tx)
{
	unsigned int socket = (unsigned int)rte_eth_dev_socket_id(port->id);
	uint16_t rx_desc = RX_DESC, tx_desc = port->made ? GW_VUSER_TX_DESC : TX_DESC;
	int rc = rte_eth_dev_configure(port->id, port->n_rx_queues, port->n_tx_queues, conf);

	if (rc == 0)
		rc = rte_eth_dev_adjust_nb_rx_tx_desc(port->id, &rx_desc, &tx_desc);
	for (uint16_t q = 0; rc == 0 && q < port->n_rx_queues; q++)
		rc = rte_eth_rx_queue_setup(port->id, q, rx_desc, socket, NULL, port->pool);
	for (uint16_t q = 0; rc == 0 && q < port->n_tx_queues; q++)
		rc = rte_eth_tx_queue_setup(port->id, q, tx_desc, socket, tx);
	return rc;
}

static int
ask_driver(struct gw_port *port, struct rte_eth_dev_info *info)
{
	int rc = rte_eth_dev_info_get(port->id, info);

	if (rc == 0)
		snprintf(port->driver, sizeof(port->driver), "%s", info->driver_name);
	return rc;
}

static int
configure(struct gw_port *port)
{
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf = {0};
	int rc = ask_driver(port, &info);

	if (rc < 0)
		return rc;
	conf.rxmode.mtu = fits(port, &info) ? port->mtu : 0; /* 0 = the port's default */
	conf.rxmode.offloads = info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
	/* every mbuf has one reference and is of one pool */
	conf.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	port->rx_csum = conf.rxmode.offloads != 0;
	conf.intr_conf.rmv = (*info.dev_flags & RTE_ETH_DEV_INTR_RMV) != 0;
	port->n_rx_queues = (uint16_t)RTE_MIN(port->n_workers, info.max_rx_queues);
	port->n_tx_queues = (uint16_t)RTE_MIN(port->n_workers, info.max_tx_queues);
	if (port->n_rx_queues > 1)
		spread(&conf, &info);
	return set_up(port, &conf, NULL);
}

/* Some virtual ports have no MTU to set; the one they have must do. */
static int
set_mtu(struct gw_port *port)
{
	uint16_t now = 0;
	int rc = rte_eth_dev_set_mtu(port->id, port->mtu);

	/* af_packet claims 1518 bytes as its longest frame, however large its ring's are (vdev.h):
	 * the interface itself knows better */
	if (rc == -EINVAL && port->ifname[0] != '\0')
		rc = gw_netif_set_mtu(
			port->netif, gw_netif_index(port->netif, port->ifname), port->mtu);
	if (rc == 0)
		return 0;
	if (rc == -ENOTSUP) {
		gw_log(GW_LOG_DEBUG, "port", "%s: has no MTU to set", port->name);
		return 0;
	}
	rte_eth_dev_get_mtu(port->id, &now);
	gw_log(GW_LOG_ERROR, "port", "%s: MTU %u refused: %s (it is %u)", port->name, port->mtu,
		strerror(-rc), now);
	return rc;
}

/* ---- virtio_user ---- */

/* Looked at before the driver does, which has no words for what is wrong. @return 0, or -errno
 * after logging why */
static int
check_vhost(const char *interface)
{
	int fd = open(VHOST_NET, O_RDWR | O_CLOEXEC), rc = fd < 0 ? -errno : 0;

	if (rc < 0) {
		gw_log(GW_LOG_ERROR, "port", "%s: handoff = virtio-user: " VHOST_NET ": %s: %s",
			interface, strerror(-rc),
			rc == -EACCES || rc == -EPERM
				? "root is needed, or the right to read and write it"
				: "load the kernel's module vhost_net, or write 'handoff = tun'");
		return rc;
	}
	close(fd);
	rc = gw_tap_try(interface);
	if (rc < 0)
		gw_log(GW_LOG_ERROR, "port", "%s: handoff = virtio-user: %s", interface,
			rc == -EBUSY || rc == -EEXIST ? "an interface has this name already"
			: rc == -ENOENT ? "no /dev/net/tun: load the kernel's module tun"
					: strerror(-rc));
	return rc;
}

static int
make_vuser(struct gw_port *port, const char *interface)
{
	struct rte_ether_addr mac;
	char args[160];
	int rc;

	rte_eth_random_addr(mac.addr_bytes);
	snprintf(port->name, sizeof(port->name), VUSER "%s", interface);
	snprintf(args, sizeof(args),
		"path=" VHOST_NET ",iface=%s,queues=1,queue_size=%d,mac=" RTE_ETHER_ADDR_PRT_FMT,
		interface, RX_DESC, RTE_ETHER_ADDR_BYTES(&mac));
	rc = rte_eal_hotplug_add(VDEV_BUS, port->name, args);
	port->made = rc == 0;
	if (rc == 0)
		rc = rte_eth_dev_get_port_by_name(port->name, &port->id);
	if (rc < 0)
		gw_log(GW_LOG_ERROR, "port",
			"%s: handoff = virtio-user: DPDK makes no virtio_user port: %s%s",
			interface, strerror(-rc),
			rc == -EFAULT ? ": its net_virtio driver is not there" : "");
	return rc;
}

static int
configure_vuser(struct gw_port *port)
{
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf = {0};
	struct rte_eth_txconf tx = {.tx_free_thresh = VUSER_TX_FREE};
	int rc = ask_driver(port, &info);

	if (rc < 0)
		return rc;
	if (port->offload) {
		conf.rxmode.offloads = VUSER_RX;
		conf.txmode.offloads = VUSER_TX;
	}
	if ((conf.rxmode.offloads & ~info.rx_offload_capa) != 0 ||
		(conf.txmode.offloads & ~info.tx_offload_capa) != 0) {
		gw_log(GW_LOG_ERROR, "port",
			"%s: no TCP super-packets with this kernel's vhost-net: write 'offload = "
			"no'",
			port->name);
		return -ENOTSUP;
	}
	return set_up(port, &conf, &tx);
}

/* ---- any of them ---- */

static void
receive_all(struct gw_port *port)
{
	if (rte_eth_allmulticast_enable(port->id) == 0)
		port->mcast = "all";
	else if (rte_eth_promiscuous_enable(port->id) == 0)
		port->mcast = "promiscuous";
}

static int
prepare(struct gw_port *port)
{
	int rc;

	if (port->made)
		return configure_vuser(port);
	if (port->ifname[0] != '\0')
		raise_kernel(port);
	rc = configure(port);
	return rc == 0 ? set_mtu(port) : rc;
}

/* From the device as its driver leaves it, at the beginning and after a reset. @return 0, or -errno
 * after logging why */
static int
start(struct gw_port *port)
{
	char mac[RTE_ETHER_ADDR_FMT_SIZE];
	int rc = prepare(port);

	if (rc == 0)
		rc = rte_eth_dev_start(port->id);
	if (rc == 0)
		rc = rte_eth_macaddr_get(port->id, &port->mac);
	if (rc < 0) {
		gw_log(GW_LOG_ERROR, "port", "%s: does not start: %s", port->name, strerror(-rc));
		return rc;
	}
	port->started = true;
	if (port->wire)
		receive_all(port);
	gw_port_watch(port);
	rte_ether_format_addr(mac, sizeof(mac), &port->mac);
	gw_log(GW_LOG_INFO, "port", "%s (%s): MAC %s, MTU %u%s", port->name, port->driver, mac,
		port->mtu, port->rx_csum ? ", checks UDP checksums" : "");
	return 0;
}

static int
claim_and_start(struct gw_port *port)
{
	int rc = port->ifname[0] != '\0' ? claim(port) : 0;

	return rc == 0 ? start(port) : rc;
}

int
gw_port_open(struct gw_port *port, const struct gw_outside_cfg *cfg, unsigned int n_workers,
	struct rte_mempool *pool, struct gw_netif *netif)
{
	int rc;

	*port = (struct gw_port){
		.mtu = cfg->mtu,
		.vlan = cfg->vlan,
		.mcast = "none",
		.n_workers = n_workers,
		.pool = pool,
		.netif = netif,
	};
	rc = find_port(port, cfg->port);
	if (rc == 0 && port->ifname[0] != '\0')
		rc = check_kernel(port, cfg);
	return rc == 0 ? claim_and_start(port) : rc;
}

int
gw_port_open_wire(struct gw_port *port, const char *spec, uint16_t mtu, struct rte_mempool *pool,
	struct gw_netif *netif)
{
	int rc;

	*port = (struct gw_port){
		.mtu = mtu,
		.wire = true,
		.mcast = "none",
		.n_workers = 1,
		.pool = pool,
		.netif = netif,
	};
	rc = find_port(port, spec);
	return rc == 0 ? claim_and_start(port) : rc;
}

int
gw_port_open_vuser(
	struct gw_port *port, const char *interface, bool offload, struct rte_mempool *pool)
{
	int rc = check_vhost(interface);

	*port = (struct gw_port){
		.mtu = RTE_ETHER_MTU, /* the interface's own says what comes */
		.claim = -1,
		.offload = offload,
		.n_rx_queues = 1,
		.n_tx_queues = 1,
		.mcast = "all",
		.pool = pool,
	};
	if (rc == 0)
		rc = make_vuser(port, interface);
	return rc == 0 ? start(port) : rc;
}

void
gw_port_close(struct gw_port *port)
{
	if (port->started) {
		gw_port_unwatch(port);
		rte_eth_dev_stop(port->id);
		rte_eth_dev_close(port->id);
		if (port->claim >= 0)
			close(port->claim);
	}
	if (port->made)
		rte_eal_hotplug_remove(VDEV_BUS, port->name);
	port->started = port->made = false;
}

int
gw_port_reset(struct gw_port *port)
{
	uint16_t n_rx = port->n_rx_queues, n_tx = port->n_tx_queues;
	struct rte_ether_addr mac = port->mac;
	int rc;

	port->down = true;
	/* the driver may say it again and again until now */
	atomic_fetch_and_explicit(&port->faults, ~(uint32_t)GW_PORT_SICK, memory_order_relaxed);
	rc = rte_eth_dev_reset(port->id);
	if (rc < 0) {
		gw_log(GW_LOG_ERROR, "port", "%s: reset: %s", port->name,
			rc == -ENOTSUP ? "its driver has none" : strerror(-rc));
		return rc;
	}
	rc = start(port);
	if (rc < 0)
		return rc;
	/* workers and neighbour discovery go by them */
	if (n_rx != port->n_rx_queues || n_tx != port->n_tx_queues ||
		!rte_is_same_ether_addr(&mac, &port->mac)) {
		gw_log(GW_LOG_ERROR, "port", "%s: has other queues or another MAC since its reset",
			port->name);
		port->n_rx_queues = n_rx;
		port->n_tx_queues = n_tx;
		port->mac = mac;
		return -EIO;
	}
	port->down = false;
	port->resets++;
	return 0;
}

void
gw_port_set_mcast(struct gw_port *port, uint8_t (*macs)[6], unsigned int n)
{
	struct rte_ether_addr addrs[GW_PORT_MCAST_MAX];
	const char *before = port->mcast;

	if (port->down)
		return;
	for (unsigned int i = 0; i < n && i < GW_PORT_MCAST_MAX; i++)
		memcpy(addrs[i].addr_bytes, macs[i], sizeof(addrs[i].addr_bytes));
	if (n <= GW_PORT_MCAST_MAX && rte_eth_dev_set_mc_addr_list(port->id, addrs, n) == 0)
		port->mcast = "filter";
	else if (rte_eth_allmulticast_enable(port->id) == 0)
		port->mcast = "all";
	else if (rte_eth_promiscuous_enable(port->id) == 0)
		port->mcast = "promiscuous";
	else
		gw_log(GW_LOG_WARN, "port",
			"%s: takes no multicast filter: neighbour discovery may not work",
			port->name);
	if (strcmp(before, port->mcast) != 0)
		gw_log(GW_LOG_DEBUG, "port", "%s: multicast: %s", port->name, port->mcast);
}

bool
gw_port_link_wait(const struct gw_port *port, unsigned int ms)
{
	struct rte_eth_link link;

	for (unsigned int waited = 0;; waited += 10) {
		if (rte_eth_link_get_nowait(port->id, &link) < 0)
			return true; /* the port knows no link state */
		if (link.link_status == RTE_ETH_LINK_UP)
			return true;
		if (waited >= ms)
			return false;
		rte_delay_us_sleep(10000);
	}
}
