/* SPDX-License-Identifier: BSD-3-Clause */
#include "rtnl.h"

#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#define NUD_USABLE (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP)

static size_t
addr_len(uint8_t family)
{
	return family == AF_INET ? 4 : 16;
}

static bool
is_ip(uint8_t family)
{
	return family == AF_INET || family == AF_INET6;
}

/* @return false when the attribute is not as long as an address of the family */
static bool
get_addr(const struct nlattr *a, uint8_t family, uint8_t addr[16])
{
	if (mnl_attr_get_payload_len(a) != addr_len(family))
		return false;
	memset(addr, 0, 16);
	memcpy(addr, mnl_attr_get_payload(a), addr_len(family));
	return true;
}

static bool
get_u32(const struct nlattr *a, uint32_t *v)
{
	if (mnl_attr_get_payload_len(a) != sizeof(*v))
		return false;
	memcpy(v, mnl_attr_get_payload(a), sizeof(*v));
	return true;
}

/* ---- routes ---- */

static bool
get_type(uint8_t rtm_type, enum gw_rtnl_type *type)
{
	switch (rtm_type) {
	case RTN_UNICAST:
		*type = GW_RTNL_UNICAST;
		return true;
	case RTN_LOCAL:
		*type = GW_RTNL_LOCAL;
		return true;
	case RTN_BROADCAST:
	case RTN_ANYCAST:
		*type = GW_RTNL_SHARED;
		return true;
	case RTN_BLACKHOLE:
		*type = GW_RTNL_BLACKHOLE;
		return true;
	case RTN_UNREACHABLE:
	case RTN_THROW:
		*type = GW_RTNL_UNREACHABLE;
		return true;
	case RTN_PROHIBIT:
		*type = GW_RTNL_PROHIBIT;
		return true;
	default:
		return false;
	}
}

/* A gateway of the other family: struct rtvia, whose address follows its family. */
static bool
get_via(const struct nlattr *a, struct gw_rtnl_leg *leg)
{
	const uint8_t *p = mnl_attr_get_payload(a);
	size_t len = mnl_attr_get_payload_len(a);
	uint16_t family;

	if (len < sizeof(family))
		return false;
	memcpy(&family, p, sizeof(family));
	if ((family != AF_INET && family != AF_INET6) ||
		len != sizeof(family) + addr_len((uint8_t)family))
		return false;
	leg->family = (uint8_t)family;
	memset(leg->via, 0, sizeof(leg->via));
	memcpy(leg->via, p + sizeof(family), addr_len(leg->family));
	return true;
}

/* RTA_GATEWAY and RTA_VIA, which both a route and each of its next hops may have */
static bool
get_gateway(const struct nlattr *a, uint8_t family, struct gw_rtnl_leg *leg)
{
	if (mnl_attr_get_type(a) == RTA_VIA)
		return get_via(a, leg);
	leg->family = family;
	return get_addr(a, family, leg->via);
}

static bool
is_gateway(const struct nlattr *a)
{
	return mnl_attr_get_type(a) == RTA_GATEWAY || mnl_attr_get_type(a) == RTA_VIA;
}

/*
 * A link without carrier alone (RTNH_F_LINKDOWN) is none: the kernel goes on using it, and says
 * that it is dead as well where it does not (ignore_routes_with_linkdown).
 */
static bool
is_dead(unsigned int flags)
{
	return (flags & RTNH_F_DEAD) != 0;
}

struct leg_read {
	uint8_t family;
	struct gw_rtnl_leg *leg;
};

static int
leg_attr(const struct nlattr *attr, void *data)
{
	const struct leg_read *read = data;

	if (is_gateway(attr) && !get_gateway(attr, read->family, read->leg))
		return MNL_CB_ERROR;
	read->leg->encap |= mnl_attr_get_type(attr) == RTA_ENCAP;
	return MNL_CB_OK;
}

/* @return false when malformed */
static bool
get_legs(const struct nlattr *multipath, uint8_t family, struct gw_rtnl_route *r)
{
	const uint8_t *p = mnl_attr_get_payload(multipath);
	size_t left = mnl_attr_get_payload_len(multipath);

	r->n_legs = 0;
	while (left >= sizeof(struct rtnexthop) && r->n_legs < GW_RTNL_LEGS_MAX) {
		struct gw_rtnl_leg *leg = &r->leg[r->n_legs];
		struct rtnexthop nh;
		size_t step;

		memcpy(&nh, p, sizeof(nh));
		if (nh.rtnh_len < sizeof(nh) || nh.rtnh_len > left)
			return false;
		*leg = (struct gw_rtnl_leg){
			.ifindex = (uint32_t)nh.rtnh_ifindex, .dead = is_dead(nh.rtnh_flags)};
		if (mnl_attr_parse_payload(p + sizeof(nh), nh.rtnh_len - sizeof(nh), leg_attr,
			    &(struct leg_read){family, leg}) == MNL_CB_ERROR)
			return false;
		r->n_legs++;
		step = MNL_ALIGN(nh.rtnh_len);
		if (step >= left)
			break;
		p += step;
		left -= step;
	}
	return r->n_legs > 0;
}

/* @return false when malformed */
static bool
get_route_attr(const struct nlattr *a, struct gw_rtnl_route *r)
{
	uint8_t family = r->dst.family;

	switch (mnl_attr_get_type(a)) {
	case RTA_DST:
		return get_addr(a, family, r->dst.addr);
	case RTA_TABLE:
		return get_u32(a, &r->table);
	case RTA_PRIORITY:
		return get_u32(a, &r->metric);
	case RTA_OIF:
		r->n_legs = 1;
		return get_u32(a, &r->leg[0].ifindex);
	case RTA_GATEWAY:
	case RTA_VIA:
		return get_gateway(a, family, &r->leg[0]);
	case RTA_ENCAP:
		r->leg[0].encap = true;
		return true;
	default:
		return true;
	}
}

struct route_read {
	struct gw_rtnl_route *r;
	const struct nlattr *multipath;
};

static int
route_attr(const struct nlattr *attr, void *data)
{
	struct route_read *read = data;

	if (mnl_attr_get_type(attr) == RTA_MULTIPATH)
		read->multipath = attr;
	else if (!get_route_attr(attr, read->r))
		return MNL_CB_ERROR;
	return MNL_CB_OK;
}

bool
gw_rtnl_route(const struct nlmsghdr *h, struct gw_rtnl_route *r)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(h);
	struct route_read read = {.r = r};

	*r = (struct gw_rtnl_route){0};
	if (h->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(h) < sizeof(*rtm))
		return false;
	if (!is_ip(rtm->rtm_family) || (rtm->rtm_flags & RTM_F_CLONED) != 0 ||
		rtm->rtm_dst_len > 8 * addr_len(rtm->rtm_family) || rtm->rtm_src_len != 0 ||
		rtm->rtm_tos != 0 || !get_type(rtm->rtm_type, &r->type))
		return false;
	r->dst.family = rtm->rtm_family;
	r->dst.bits = rtm->rtm_dst_len;
	r->table = rtm->rtm_table;
	if (mnl_attr_parse(h, sizeof(*rtm), route_attr, &read) == MNL_CB_ERROR)
		return false;
	r->leg[0].dead = is_dead(rtm->rtm_flags);
	return read.multipath == NULL || get_legs(read.multipath, r->dst.family, r);
}

/* ---- neighbours ---- */

struct neigh_read {
	struct gw_rtnl_neigh *n;
	bool has_addr, has_mac;
};

static int
neigh_attr(const struct nlattr *attr, void *data)
{
	struct neigh_read *read = data;
	struct gw_rtnl_neigh *n = read->n;

	if (mnl_attr_get_type(attr) == NDA_DST) {
		read->has_addr = get_addr(attr, n->family, n->addr);
	} else if (mnl_attr_get_type(attr) == NDA_LLADDR &&
		   mnl_attr_get_payload_len(attr) == sizeof(n->mac)) {
		memcpy(n->mac, mnl_attr_get_payload(attr), sizeof(n->mac));
		read->has_mac = true;
	}
	return MNL_CB_OK;
}

bool
gw_rtnl_neigh(const struct nlmsghdr *h, struct gw_rtnl_neigh *n)
{
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(h);
	struct neigh_read read = {.n = n};

	*n = (struct gw_rtnl_neigh){0};
	if ((h->nlmsg_type != RTM_NEWNEIGH && h->nlmsg_type != RTM_DELNEIGH) ||
		mnl_nlmsg_get_payload_len(h) < sizeof(*ndm))
		return false;
	/* proxy entries are addresses that we answer for */
	if (!is_ip(ndm->ndm_family) || (ndm->ndm_flags & NTF_PROXY) != 0)
		return false;
	n->family = ndm->ndm_family;
	n->ifindex = (uint32_t)ndm->ndm_ifindex;
	n->state = ndm->ndm_state;
	mnl_attr_parse(h, sizeof(*ndm), neigh_attr, &read);
	/* NUD_NOARP has whoever wrote so by hand, and each multicast address, which is nobody's */
	n->usable = h->nlmsg_type == RTM_NEWNEIGH && read.has_mac && (n->state & NUD_USABLE) != 0 &&
		    (n->mac[0] & 1) == 0;
	return read.has_addr;
}

/* ---- requests ---- */

static struct nlmsghdr *
request(void *buf, uint32_t seq, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);

	h->nlmsg_type = type;
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	h->nlmsg_seq = seq;
	return h;
}

struct nlmsghdr *
gw_rtnl_get_routes(void *buf, uint32_t seq, uint8_t family)
{
	struct nlmsghdr *h = request(buf, seq, RTM_GETROUTE, NLM_F_DUMP);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(h, sizeof(*rtm));

	rtm->rtm_family = family;
	return h;
}

struct nlmsghdr *
gw_rtnl_get_neighs(void *buf, uint32_t seq)
{
	struct nlmsghdr *h = request(buf, seq, RTM_GETNEIGH, NLM_F_DUMP);

	((struct ndmsg *)mnl_nlmsg_put_extra_header(h, sizeof(struct ndmsg)))->ndm_family =
		AF_UNSPEC;
	return h;
}

struct nlmsghdr *
gw_rtnl_use_neigh(void *buf, uint32_t seq, uint32_t ifindex, uint8_t family, const uint8_t *addr)
{
	struct nlmsghdr *h = request(buf, seq, RTM_NEWNEIGH, NLM_F_CREATE);
	struct ndmsg *ndm = mnl_nlmsg_put_extra_header(h, sizeof(*ndm));

	ndm->ndm_family = family;
	ndm->ndm_ifindex = (int)ifindex;
	ndm->ndm_flags = NTF_USE;
	mnl_attr_put(h, NDA_DST, addr_len(family), addr);
	return h;
}
