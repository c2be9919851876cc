/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_NETIF_H
#define GW_NETIF_H

/*
 * The kernel's side of a hand-off interface, over rtnetlink (libmnl). Control only; each call is one
 * acknowledged request. All return 0 or -errno, and put the kernel's extended message in err.
 */

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GW_RTPROT 82 /* rtm_protocol of every route we make: `ip route show proto 82` */

struct gw_netif;

struct gw_netif *gw_netif_open(void); /* NULL with errno */
void gw_netif_close(struct gw_netif *n);
const char *gw_netif_error(const struct gw_netif *n); /* the kernel's words for the last failure, or "" */

struct gw_prefix {
	uint8_t family; /* AF_INET, AF_INET6 */
	uint8_t bits;
	uint8_t addr[16]; /* network order; IPv4 in the first four */
};

int gw_netif_index(struct gw_netif *n, const char *name); /* > 0, or -ENODEV */
int gw_netif_set_mac(struct gw_netif *n, int ifindex, const uint8_t mac[6]);
int gw_netif_set_mtu(struct gw_netif *n, int ifindex, uint16_t mtu);
/** Packets that wait for the worker to read them. */
int gw_netif_set_txqlen(struct gw_netif *n, int ifindex, unsigned int packets);
/** Put an interface into a group; del_group deletes all of it at once, where one by one takes the
 * kernel some 30 ms each. group is not 0. */
int gw_netif_set_group(struct gw_netif *n, int ifindex, uint32_t group);
int gw_netif_del_group(struct gw_netif *n, uint32_t group);
/** No ARP, no neighbour discovery: every address is at the interface's own MAC. */
int gw_netif_set_noarp(struct gw_netif *n, int ifindex);
int gw_netif_set_up(struct gw_netif *n, int ifindex, bool up);
/** Operational state as shown by `ip link`: carrier on or off (IFLA_CARRIER). */
int gw_netif_set_carrier(struct gw_netif *n, int ifindex, bool on);
/** IPv6 address generation off (none), so that a TUN gets no stray link-local. */
int gw_netif_no_autoconf6(struct gw_netif *n, int ifindex);
int gw_netif_add_addr(struct gw_netif *n, int ifindex, const struct gw_prefix *addr); /* EEXIST is fine */
/** The same where others may have it: IPv6 asks first (RFC 4862). A point-to-point link has nobody to ask. */
int gw_netif_add_lan_addr(struct gw_netif *n, int ifindex, const struct gw_prefix *addr);
int gw_netif_add_route(struct gw_netif *n, int ifindex, const struct gw_prefix *dst); /* replaces ours */
/** The guard: an unreachable route of the worst metric that outlives the interface and the process. */
int gw_netif_guard(struct gw_netif *n, const struct gw_prefix *dst, bool add);
/** True when the interface has an address, but for link-local IPv6 ones. */
bool gw_netif_has_addr(struct gw_netif *n, int ifindex);
/** True when some interface of this namespace has the address. */
bool gw_netif_has_addr6(struct gw_netif *n, const struct in6_addr *addr);

#endif
