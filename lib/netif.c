/* SPDX-License-Identifier: BSD-3-Clause */
#include "netif.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define BUF_LEN      8192
#define GUARD_METRIC 0xffffffffu
#define IP6_METRIC   1024 /* the kernel's own for a route without one */

struct gw_netif {
	struct mnl_socket *nl;
	uint32_t seq;
	char error[256];
	_Alignas(NLMSG_ALIGNTO) char req[1024];
	_Alignas(NLMSG_ALIGNTO) char buf[BUF_LEN];
};

struct gw_netif *
gw_netif_open(void)
{
	struct timeval patience = {.tv_sec = 2}; /* the kernel answers at once, or never will */
	struct gw_netif *n = calloc(1, sizeof(*n));
	int on = 1;

	if (!n)
		return NULL;
	n->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!n->nl)
		goto fail;
	if (mnl_socket_bind(n->nl, 0, MNL_SOCKET_AUTOPID) < 0)
		goto fail;
	setsockopt(mnl_socket_get_fd(n->nl), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	/* only the words are lost where a kernel has neither */
	mnl_socket_setsockopt(n->nl, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(n->nl, NETLINK_CAP_ACK, &on, sizeof(on));
	return n;
fail:
	gw_netif_close(n);
	return NULL;
}

void
gw_netif_close(struct gw_netif *n)
{
	int err = errno;

	if (!n)
		return;
	if (n->nl)
		mnl_socket_close(n->nl);
	free(n);
	errno = err;
}

const char *
gw_netif_error(const struct gw_netif *n)
{
	return n->error;
}

/* ---- request and acknowledgement ---- */

static struct nlmsghdr *
request(struct gw_netif *n, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(n->req);

	h->nlmsg_type = type;
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	h->nlmsg_seq = ++n->seq;
	n->error[0] = '\0';
	return h;
}

static int
ext_attr(const struct nlattr *attr, void *data)
{
	struct gw_netif *n = data;

	if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
		mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0) {
		strncpy(n->error, mnl_attr_get_str(attr), sizeof(n->error) - 1);
		n->error[sizeof(n->error) - 1] = '\0';
	}
	return MNL_CB_OK;
}

/* Keep the kernel's sentence (NETLINK_EXT_ACK), which follows the error code. */
static int
take_ack(struct gw_netif *n, const struct nlmsghdr *h)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);
	size_t off = sizeof(*e);

	if (mnl_nlmsg_get_payload_len(h) < sizeof(*e))
		return -EBADMSG;
	if (!(h->nlmsg_flags & NLM_F_CAPPED))
		off += mnl_nlmsg_get_payload_len(&e->msg);
	if ((h->nlmsg_flags & NLM_F_ACK_TLVS) && off <= mnl_nlmsg_get_payload_len(h))
		mnl_attr_parse(h, (unsigned int)off, ext_attr, n);
	return e->error;
}

/*
 * Send, and hand each answer to cb until the kernel says done. Answers to an earlier request that
 * had timed out are told by their number.
 */
static int
talk(struct gw_netif *n, const struct nlmsghdr *req, mnl_cb_t cb, void *data)
{
	if (mnl_socket_sendto(n->nl, req, req->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		ssize_t got = mnl_socket_recvfrom(n->nl, n->buf, sizeof(n->buf));
		struct nlmsghdr *h = (struct nlmsghdr *)n->buf;
		int left = (int)got;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
			if (h->nlmsg_seq != req->nlmsg_seq)
				continue;
			if (h->nlmsg_type == NLMSG_ERROR)
				return take_ack(n, h);
			if (h->nlmsg_type == NLMSG_DONE)
				return 0;
			if (cb)
				cb(h, data);
		}
	}
}

static int
ask(struct gw_netif *n, const struct nlmsghdr *req)
{
	return talk(n, req, NULL, NULL);
}

/* ---- links ---- */

int
gw_netif_index(struct gw_netif *n, const char *name)
{
	unsigned int index = if_nametoindex(name);

	n->error[0] = '\0';
	return index ? (int)index : -ENODEV;
}

static struct nlmsghdr *
link_request(struct gw_netif *n, int ifindex, struct ifinfomsg **ifi)
{
	struct nlmsghdr *h = request(n, RTM_NEWLINK, NLM_F_ACK);

	*ifi = mnl_nlmsg_put_extra_header(h, sizeof(**ifi));
	(*ifi)->ifi_family = AF_UNSPEC;
	(*ifi)->ifi_index = ifindex;
	return h;
}

int
gw_netif_set_mac(struct gw_netif *n, int ifindex, const uint8_t mac[6])
{
	struct ifinfomsg *ifi;
	struct nlmsghdr *h = link_request(n, ifindex, &ifi);

	mnl_attr_put(h, IFLA_ADDRESS, 6, mac);
	return ask(n, h);
}

int
gw_netif_set_mtu(struct gw_netif *n, int ifindex, uint16_t mtu)
{
	struct ifinfomsg *ifi;
	struct nlmsghdr *h = link_request(n, ifindex, &ifi);

	mnl_attr_put_u32(h, IFLA_MTU, mtu);
	return ask(n, h);
}

int
gw_netif_set_txqlen(struct gw_netif *n, int ifindex, unsigned int packets)
{
	struct ifinfomsg *ifi;
	struct nlmsghdr *h = link_request(n, ifindex, &ifi);

	mnl_attr_put_u32(h, IFLA_TXQLEN, packets);
	return ask(n, h);
}

int
gw_netif_set_group(struct gw_netif *n, int ifindex, uint32_t group)
{
	struct ifinfomsg *ifi;
	struct nlmsghdr *h = link_request(n, ifindex, &ifi);

	mnl_attr_put_u32(h, IFLA_GROUP, group);
	return ask(n, h);
}

int
gw_netif_del_group(struct gw_netif *n, uint32_t group)
{
	struct nlmsghdr *h = request(n, RTM_DELLINK, NLM_F_ACK);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(h, sizeof(*ifi));

	ifi->ifi_family = AF_UNSPEC;
	mnl_attr_put_u32(h, IFLA_GROUP, group);
	return ask(n, h);
}

static int
set_flag(struct gw_netif *n, int ifindex, unsigned int flag, bool on)
{
	struct ifinfomsg *ifi;
	struct nlmsghdr *h = link_request(n, ifindex, &ifi);

	ifi->ifi_change = flag;
	ifi->ifi_flags = on ? flag : 0;
	return ask(n, h);
}

int
gw_netif_set_noarp(struct gw_netif *n, int ifindex)
{
	return set_flag(n, ifindex, IFF_NOARP, true);
}

int
gw_netif_set_up(struct gw_netif *n, int ifindex, bool up)
{
	return set_flag(n, ifindex, IFF_UP, up);
}

int
gw_netif_set_carrier(struct gw_netif *n, int ifindex, bool on)
{
	struct ifinfomsg *ifi;
	struct nlmsghdr *h = link_request(n, ifindex, &ifi);

	mnl_attr_put_u8(h, IFLA_CARRIER, on);
	return ask(n, h);
}

int
gw_netif_no_autoconf6(struct gw_netif *n, int ifindex)
{
	struct ifinfomsg *ifi;
	struct nlmsghdr *h = link_request(n, ifindex, &ifi);
	struct nlattr *spec = mnl_attr_nest_start(h, IFLA_AF_SPEC);
	struct nlattr *inet6 = mnl_attr_nest_start(h, AF_INET6);

	mnl_attr_put_u8(h, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(h, inet6);
	mnl_attr_nest_end(h, spec);
	return ask(n, h);
}

/* ---- addresses ---- */

static size_t
addr_len(uint8_t family)
{
	return family == AF_INET ? 4 : 16;
}

static bool
valid(const struct gw_prefix *p)
{
	return (p->family == AF_INET && p->bits <= 32) || (p->family == AF_INET6 && p->bits <= 128);
}

static int
add_addr(struct gw_netif *n, int ifindex, const struct gw_prefix *addr, uint8_t flags)
{
	struct ifaddrmsg *ifa;
	struct nlmsghdr *h;
	int err;

	if (!valid(addr))
		return -EINVAL;
	h = request(n, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
	ifa = mnl_nlmsg_put_extra_header(h, sizeof(*ifa));
	ifa->ifa_family = addr->family;
	ifa->ifa_prefixlen = addr->bits;
	ifa->ifa_scope = RT_SCOPE_UNIVERSE;
	ifa->ifa_index = (uint32_t)ifindex;
	if (addr->family == AF_INET6)
		ifa->ifa_flags = flags;
	mnl_attr_put(h, IFA_LOCAL, addr_len(addr->family), addr->addr);
	mnl_attr_put(h, IFA_ADDRESS, addr_len(addr->family), addr->addr);
	err = ask(n, h);
	return err == -EEXIST ? 0 : err;
}

int
gw_netif_add_addr(struct gw_netif *n, int ifindex, const struct gw_prefix *addr)
{
	return add_addr(n, ifindex, addr, IFA_F_NODAD);
}

int
gw_netif_add_lan_addr(struct gw_netif *n, int ifindex, const struct gw_prefix *addr)
{
	return add_addr(n, ifindex, addr, 0);
}

struct search {
	const struct in6_addr *addr;
	bool found;
};

static int
match_attr(const struct nlattr *attr, void *data)
{
	struct search *s = data;
	uint16_t type = mnl_attr_get_type(attr);

	/* with a peer, IFA_ADDRESS is the peer's and IFA_LOCAL ours */
	if ((type == IFA_ADDRESS || type == IFA_LOCAL) &&
		mnl_attr_get_payload_len(attr) == sizeof(*s->addr) &&
		memcmp(mnl_attr_get_payload(attr), s->addr, sizeof(*s->addr)) == 0)
		s->found = true;
	return MNL_CB_OK;
}

static int
match_addr(const struct nlmsghdr *h, void *data)
{
	if (h->nlmsg_type != RTM_NEWADDR)
		return MNL_CB_OK;
	return mnl_attr_parse(h, sizeof(struct ifaddrmsg), match_attr, data);
}

bool
gw_netif_has_addr6(struct gw_netif *n, const struct in6_addr *addr)
{
	struct nlmsghdr *h = request(n, RTM_GETADDR, NLM_F_DUMP);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(h, sizeof(*ifa));
	struct search s = {addr, false};

	ifa->ifa_family = AF_INET6;
	talk(n, h, match_addr, &s);
	return s.found;
}

struct on_link {
	uint32_t ifindex;
	bool found;
};

static int
match_link(const struct nlmsghdr *h, void *data)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(h);
	struct on_link *s = data;

	if (h->nlmsg_type == RTM_NEWADDR && ifa->ifa_index == s->ifindex &&
		ifa->ifa_scope != RT_SCOPE_LINK)
		s->found = true;
	return MNL_CB_OK;
}

bool
gw_netif_has_addr(struct gw_netif *n, int ifindex)
{
	struct nlmsghdr *h = request(n, RTM_GETADDR, NLM_F_DUMP);
	struct on_link s = {(uint32_t)ifindex, false};

	mnl_nlmsg_put_extra_header(h, sizeof(struct ifaddrmsg));
	talk(n, h, match_link, &s);
	return s.found;
}

/* ---- routes ---- */

/* The prefix with its host bits cleared, as routes want it. */
static void
put_dst(struct nlmsghdr *h, const struct gw_prefix *dst)
{
	uint8_t net[16];
	unsigned int i;

	memcpy(net, dst->addr, sizeof(net));
	for (i = dst->bits; i < 8 * addr_len(dst->family); i++)
		net[i / 8] &= (uint8_t) ~(0x80u >> (i % 8));
	mnl_attr_put(h, RTA_DST, addr_len(dst->family), net);
}

static int
route(struct gw_netif *n, bool add, uint8_t type, int ifindex, const struct gw_prefix *dst,
	uint32_t metric)
{
	struct nlmsghdr *h;
	struct rtmsg *rtm;

	if (!valid(dst))
		return -EINVAL;
	h = request(n, add ? RTM_NEWROUTE : RTM_DELROUTE,
		(uint16_t)(NLM_F_ACK | (add ? NLM_F_CREATE | NLM_F_EXCL : 0)));
	rtm = mnl_nlmsg_put_extra_header(h, sizeof(*rtm));
	rtm->rtm_family = dst->family;
	rtm->rtm_dst_len = dst->bits;
	rtm->rtm_table = RT_TABLE_MAIN;
	rtm->rtm_protocol = GW_RTPROT;
	rtm->rtm_scope = ifindex ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	rtm->rtm_type = type;
	put_dst(h, dst);
	if (ifindex)
		mnl_attr_put_u32(h, RTA_OIF, (uint32_t)ifindex);
	if (metric)
		mnl_attr_put_u32(h, RTA_PRIORITY, metric);
	return ask(n, h);
}

/*
 * Never NLM_F_REPLACE, which would also replace the operator's own route to the prefix, say the
 * default route. In the moment between removal and addition the guard holds.
 */
int
gw_netif_add_route(struct gw_netif *n, int ifindex, const struct gw_prefix *dst)
{
	uint32_t metric = dst->family == AF_INET6 ? IP6_METRIC : 0;
	int err = route(n, true, RTN_UNICAST, ifindex, dst, metric);

	if (err != -EEXIST)
		return err;
	route(n, false, RTN_UNICAST, ifindex, dst, metric);
	return route(n, true, RTN_UNICAST, ifindex, dst, metric);
}

int
gw_netif_guard(struct gw_netif *n, const struct gw_prefix *dst, bool add)
{
	int err = route(n, add, RTN_UNREACHABLE, 0, dst, GUARD_METRIC);

	return err == (add ? -EEXIST : -ESRCH) ? 0 : err;
}
