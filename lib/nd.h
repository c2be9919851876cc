/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_ND_H
#define GW_ND_H

/*
 * Neighbour discovery messages (RFC 4861), MLDv2 reports (RFC 3810), echo and the ICMPv6 errors that
 * concern us (RFC 4443). Parse and build, bytes only, no DPDK; fuzzed.
 */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Router solicitation to redirect (RFC 4861 4): ICMPv6 that is of the link alone. */
static inline bool
gw_nd_is(uint8_t icmp_type)
{
	return icmp_type >= 133 && icmp_type <= 137;
}

enum gw_nd_type {
	GW_ND_OTHER, /* valid ICMPv6 that is none of these */
	GW_ND_NS,
	GW_ND_NA,
	GW_ND_RA,
	GW_ND_REDIRECT,
	GW_ND_ECHO,
	GW_ND_TOO_BIG,
	GW_ND_UNREACH, /* destination unreachable, with quoted packet */
	GW_ND_MLD_QUERY,
	GW_ND_BAD, /* malformed, bad checksum, hop limit not 255 where it must be */
};

struct gw_nd {
	enum gw_nd_type type;
	struct in6_addr src, dst;
	struct in6_addr target; /* NS, NA, REDIRECT; MLD_QUERY: the group, :: = all */
	uint8_t code;
	bool has_lladdr; /* source (NS, RA) or target (NA) link-layer address option */
	uint8_t lladdr[6];
	bool router, solicited, override; /* NA flags */
	uint16_t router_lifetime_s;	  /* RA */
	uint8_t cur_hop_limit;		  /* RA */
	uint32_t mtu;			  /* RA option (0 = none) or Packet Too Big */
	uint32_t reachable_ms, retrans_ms; /* RA, 0 = unspecified */
	uint32_t max_resp_ms;		   /* MLD_QUERY: answer within */
	const uint8_t *quoted;		  /* TOO_BIG, UNREACH: the packet inside, from its IPv6 header */
	size_t quoted_len;
	const uint8_t *body; /* ICMPv6 header and the rest (ECHO: to be answered) */
	size_t body_len;
};

/** What a quoted packet of ours was. */
struct gw_quoted {
	struct in6_addr src, dst;
	bool esp;	 /* ESP, in UDP too: spi and seq valid */
	bool ike;	 /* UDP from 500 or 4500 that is not ESP */
	uint32_t spi, seq; /* host order */
	uint16_t sport, dport; /* UDP, 0 otherwise */
};

/**
 * Read an ICMPv6 message and verify its checksum and what RFC 4861 demands of its kind.
 * @param ip6      the IPv6 header, len bytes to the end of its payload
 * @param icmp_off offset of the ICMPv6 header (extension headers walked)
 */
void gw_nd_parse(const uint8_t *ip6, size_t len, size_t icmp_off, struct gw_nd *out);

/** Read the packet inside an ICMPv6 error. @return false when too short to judge */
bool gw_nd_quoted(const uint8_t *p, size_t len, struct gw_quoted *out);

/*
 * Builders write an IPv6 packet (no link header) into buf of GW_ND_PKT_MAX bytes and return its
 * length. lladdr NULL leaves the option out.
 */
#define GW_ND_PKT_MAX 9216 /* an echo may fill the port's MTU */
#define GW_ND_GROUPS_MAX 32
size_t gw_nd_build_ns(uint8_t *buf, const struct in6_addr *src, const struct in6_addr *dst,
	const struct in6_addr *target, const uint8_t *lladdr);
size_t gw_nd_build_na(uint8_t *buf, const struct in6_addr *src, const struct in6_addr *dst,
	const struct in6_addr *target, const uint8_t *lladdr, bool solicited, bool override);
size_t gw_nd_build_rs(uint8_t *buf, const struct in6_addr *src, const uint8_t *lladdr);
/** @return 0 when the reply is longer than GW_ND_PKT_MAX or body is no echo request */
size_t gw_nd_build_echo_reply(uint8_t *buf, const struct in6_addr *src, const struct in6_addr *dst,
	const uint8_t *body, size_t body_len, uint8_t hop_limit);
/**
 * MLDv2 report on at most GW_ND_GROUPS_MAX groups (router alert option included, RFC 3810 5).
 * @param join  true: the groups are new (CHANGE_TO_EXCLUDE); false: an answer to a query
 */
size_t gw_nd_build_mld(uint8_t *buf, const struct in6_addr *src, const struct in6_addr *groups,
	unsigned int n, bool join);

void gw_nd_solicited_node(const struct in6_addr *addr, struct in6_addr *group);
void gw_nd_multicast_mac(const struct in6_addr *group, uint8_t mac[6]);
void gw_nd_link_local(const uint8_t mac[6], struct in6_addr *addr);
/**
 * Internet checksum of an upper layer with IPv6 pseudo header, in host order (store it big-endian);
 * 0 when a present checksum is right.
 */
uint16_t gw_ip6_csum(const struct in6_addr *src, const struct in6_addr *dst, uint8_t next,
	const uint8_t *p, size_t len);

#endif
