/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdbool.h>
#include <string.h>

#include "nd.h"
#include "wire_answer.h"

#define ETH_LEN   14
#define ARP_LEN   28
#define IP6_LEN   40
#define ARP_REPLY 2

/* RFC 826, Ethernet and IPv4: hardware 1, protocol 0x0800, lengths 6 and 4, request */
static const uint8_t arp_request[8] = {0, 1, 8, 0, 6, 4, 0, 1};

/* @return true when there is an answer now in arp's place */
static bool
answer_arp(uint8_t *arp, const uint8_t mac[6])
{
	static const uint8_t nobody[4];
	uint8_t sender[10], target[4];

	memcpy(sender, arp + 8, sizeof(sender));
	memcpy(target, arp + 24, sizeof(target));
	/* RFC 5227: a probe has no sender address, an announcement asks for its own */
	if (memcmp(arp, arp_request, sizeof(arp_request)) != 0 ||
		memcmp(sender + 6, nobody, 4) == 0 || memcmp(sender + 6, target, 4) == 0)
		return false;
	arp[7] = ARP_REPLY;
	memcpy(arp + 8, mac, 6);
	memcpy(arp + 14, target, 4);
	memcpy(arp + 18, sender, sizeof(sender));
	return true;
}

/* @return length of an advertisement in ip6's place, 0 when none is due */
static size_t
answer_ns(uint8_t *ip6, size_t len, size_t cap, const uint8_t mac[6])
{
	uint8_t na[GW_ND_PKT_MAX];
	struct gw_nd nd;
	size_t n;

	gw_nd_parse(ip6, len, IP6_LEN, &nd);
	/* RFC 4862: duplicate address detection asks without an address of its own */
	if (nd.type != GW_ND_NS || IN6_IS_ADDR_UNSPECIFIED(&nd.src))
		return 0;
	n = gw_nd_build_na(na, &nd.target, &nd.src, &nd.target, mac, true, false);
	if (n > cap)
		return 0;
	memcpy(ip6, na, n);
	return n;
}

size_t
gw_wire_answer(uint8_t *frame, size_t len, size_t cap, const uint8_t mac[6])
{
	size_t n = 0;

	if (len >= ETH_LEN + ARP_LEN && frame[12] == 0x08 && frame[13] == 0x06) {
		if (answer_arp(frame + ETH_LEN, mac))
			n = ARP_LEN;
	} else if (len >= ETH_LEN + IP6_LEN && frame[12] == 0x86 && frame[13] == 0xdd) {
		size_t ip6_len = IP6_LEN + (size_t)(frame[18] << 8 | frame[19]);

		/* behind extension headers there is no neighbour discovery worth an answer */
		if (ip6_len <= len - ETH_LEN && frame[ETH_LEN + 6] == 58)
			n = answer_ns(frame + ETH_LEN, ip6_len, cap - ETH_LEN, mac);
	}
	if (n == 0)
		return 0;
	memcpy(frame, frame + 6, 6);
	memcpy(frame + 6, mac, 6);
	return ETH_LEN + n;
}
