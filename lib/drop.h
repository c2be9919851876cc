/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_DROP_H
#define GW_DROP_H

/*
 * Every reason for which a packet ends in raclette. One list makes the enum, the counter's name and
 * the sentence that `raclette show drops` prints. Pure. GW_DROP_NONE is not a drop.
 */

#define GW_DROP_REASONS(X)                                                                         \
	X(NONE, "none", "not dropped")                                                             \
	/* outside, inbound, before ESP */                                                         \
	X(NOT_IP6, "not-ip6", "frame that is not IPv6")                                            \
	X(IP6_TRUNCATED, "ip6-truncated", "IPv6 header or length exceeds the frame")               \
	X(IP6_VERSION, "ip6-version", "IP version is not 6")                                       \
	X(IP6_SRC, "ip6-src", "source address is multicast, loopback, unspecified or (UDP) ours")  \
	X(NOT_OURS, "not-ours", "destination is not an address of ours")                           \
	X(EXT_HDR, "ext-hdr", "extension headers malformed or more than the bound")                \
	X(FRAG_BAD, "frag-bad", "fragment malformed, overlapping or atomic nonsense")              \
	X(FRAG_LIMIT, "frag-limit", "reassembly full, per source or in all: the oldest gave way")  \
	X(FRAG_TIMEOUT, "frag-timeout", "reassembly not completed in time")                        \
	X(CLEAR_GRE, "clear-gre", "GRE from outside without ESP")                                  \
	X(PROTO, "proto", "protocol that is not served here")                                      \
	X(UDP_BAD, "udp-bad", "UDP header, length or checksum wrong")                              \
	X(UDP_PORT, "udp-port", "UDP to a port that is not served")                                \
	X(NATT_KEEPALIVE, "natt-keepalive", "NAT keepalive (expected)")                            \
	X(ICMP_BAD, "icmp-bad", "ICMPv6 malformed or its checksum wrong")                          \
	X(PTB_REFUSED, "ptb-refused", "Packet Too Big that quotes no recent packet of ours, or an MTU that cannot be") \
	X(EXCP_ND_FULL, "excp-nd-full", "control thread's ring for neighbour discovery full")      \
	X(EXCP_IKE_FULL, "excp-ike-full", "control thread's ring for peers' IKE SAs full")         \
	X(EXCP_ICMP_FULL, "excp-icmp-full", "control thread's ring for other ICMPv6 full")         \
	X(EXCP_HALF_OPEN_FULL, "excp-half-open-full", "control thread's ring for half-open IKE SAs full") \
	X(EXCP_INIT_FULL, "excp-init-full", "control thread's ring for IKE_SA_INIT full")          \
	X(NO_MBUF, "no-mbuf", "packet pool empty")                                                 \
	/* ESP inbound */                                                                          \
	X(ESP_SHORT, "esp-short", "ESP too short for its algorithm")                               \
	X(ESP_LEN, "esp-len", "ESP ciphertext is no whole number of blocks")                       \
	X(PASS_FULL, "pass-full", "ring to the worker that serves the SA full, inbound")           \
	X(NO_SA, "no-sa", "ESP for an unknown SPI")                                                \
	X(EARLY_FULL, "early-full", "ESP ahead of its SA, more than may wait for one")             \
	X(EARLY_TIMEOUT, "early-timeout", "ESP ahead of its SA, which did not come in time")       \
	X(SA_ADDR, "sa-addr", "ESP for a known SPI between other addresses")                       \
	X(REPLAY, "replay", "sequence number seen before or older than the window")                \
	X(ICV, "icv", "integrity check failed")                                                    \
	X(CRYPTO, "crypto", "job not confirmed by the crypto library")                             \
	X(ESP_TRAILER, "esp-trailer", "padding or pad length wrong")                               \
	X(DUMMY, "dummy", "next header 59, a dummy packet (expected)")                             \
	X(ESP_NEXT, "esp-next", "next header not allowed for this SA")                             \
	X(INNER_IP6, "inner-ip6", "tunnel mode: inner IPv6 header malformed or not the SA's hosts") \
	/* GRE inbound */                                                                          \
	X(GRE_SHORT, "gre-short", "GRE header truncated")                                          \
	X(GRE_VERSION, "gre-version", "GRE version is not 0")                                      \
	X(GRE_FLAGS, "gre-flags", "GRE reserved bits or routing present")                          \
	X(GRE_KEY, "gre-key", "no tunnel has this GRE key")                                        \
	X(GRE_CSUM, "gre-csum", "GRE checksum missing or wrong")                                   \
	X(GRE_SEQ, "gre-seq", "GRE sequence missing or out of order")                              \
	X(GRE_PROTO, "gre-proto", "GRE payload is neither IPv4 nor IPv6")                          \
	X(INNER_BAD, "inner-bad", "inner packet malformed")                                        \
	X(INNER_LOOP, "inner-loop", "inner destination is the far end itself (RFC 2784 4)")         \
	X(ECN_CE, "ecn-ce", "congestion mark over a packet that is not ECN capable (RFC 6040)")    \
	X(TUN_DOWN, "tun-down", "tunnel interface is down")                                        \
	X(TUN_FULL, "tun-full", "tunnel interface takes no more")                                  \
	X(TUN_ERROR, "tun-error", "tunnel interface refused the packet")                           \
	/* forwarding, between the inside port and tunnels */                                      \
	X(FWD_FRAME, "fwd-frame", "frame on the inside port malformed, tagged, or unicast IP in a broadcast") \
	X(FWD_OTHER_MAC, "fwd-other-mac", "frame on the inside port for another MAC")              \
	X(FWD_BAD, "fwd-bad", "packet to be forwarded malformed, or without room for its headers") \
	X(FWD_MARTIAN, "fwd-martian", "packet to be forwarded from or to an address that no router passes on") \
	X(FWD_SOURCE, "fwd-source", "source address not routed to where the packet came from (source_check)") \
	X(FWD_SCOPE, "fwd-scope", "packet to be forwarded from or to a link-local address")        \
	X(FWD_OPTION, "fwd-option", "source-routed packet")                                        \
	X(FWD_TTL, "fwd-ttl", "TTL or hop limit used up")                                          \
	X(FWD_NO_ROUTE, "fwd-no-route", "no route, or one to an interface that is not forwarded to") \
	X(FWD_BLACKHOLE, "fwd-blackhole", "blackhole route")                                       \
	X(FWD_PROHIBITED, "fwd-prohibited", "prohibit route")                                      \
	X(FWD_LOOP, "fwd-loop", "route leads back into the tunnel it came from")                   \
	X(FWD_TOO_BIG, "fwd-too-big", "to be forwarded, larger than the MTU there, not to be fragmented") \
	X(FWD_NEIGH_FULL, "fwd-neigh-full", "next hop's MAC not known, too many packets wait")     \
	X(FWD_NEIGH_DEAD, "fwd-neigh-dead", "next hop does not answer")                            \
	X(FWD_PUNT, "fwd-punt", "for the kernel, more from the inside port than it is given at once") \
	X(FWD_TX_FULL, "fwd-tx-full", "inside port's transmit queue full")                         \
	X(FWD_PASS_FULL, "fwd-pass-full", "ring to the worker that has the inside port full")      \
	/* outbound */                                                                             \
	X(WIRE_FRAME, "wire-frame", "frame on a hand-off port that is no IP packet to us")         \
	X(OUT_INNER_BAD, "out-inner-bad", "packet from inside malformed")                          \
	X(OUT_PASS_FULL, "out-pass-full", "ring to the worker that serves the tunnel full")        \
	X(OUT_NO_SA, "out-no-sa", "packet from inside without an SA, hold queue full or off")      \
	X(OUT_HOLD_TIMEOUT, "out-hold-timeout", "held packet, no SA came in time")                 \
	X(OUT_TOO_BIG, "out-too-big", "larger than the tunnel's MTU, sender told")                 \
	X(OUT_TOO_BIG_QUIET, "out-too-big-quiet", "larger than the tunnel's MTU, sender not told (rate limit, or no answer allowed)") \
	X(OUT_FRAGS, "out-frags", "needs more fragments than one burst takes")                     \
	X(OUT_SEQ_END, "out-seq-end", "SA's sequence numbers used up")                             \
	X(OUT_CRYPTO, "out-crypto", "job not confirmed by the crypto library, outbound")           \
	X(OUT_NO_NEXTHOP, "out-no-nexthop", "next hop's link address not known")                   \
	X(OUT_TX_FULL, "out-tx-full", "port's transmit queue full")                                \
	X(OUT_TX_PASS_FULL, "out-tx-pass-full", "ring to a worker that has a transmit queue full") \
	X(OUT_MTU, "out-mtu", "frame larger than the port's MTU")

#define GW_DROP_ENUM(sym, name, text) GW_DROP_##sym,
enum gw_drop { GW_DROP_REASONS(GW_DROP_ENUM) GW_DROP_N };
#undef GW_DROP_ENUM

/** "no-sa" */
const char *gw_drop_name(enum gw_drop reason);
/** "ESP for an unknown SPI" */
const char *gw_drop_text(enum gw_drop reason);

#endif
