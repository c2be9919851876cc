/* SPDX-License-Identifier: BSD-3-Clause */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <string.h>

#include "lib/nd.h"

#include "ctl_ike.h"

#define IP6_HDR    40u
#define UDP_HDR    8u
#define FRAG_HDR   8u
#define MARKER_LEN 4u
#define HOP_LIMIT  64

const uint8_t *
gw_ike_parse(const uint8_t *ip6, size_t len, size_t udp_off, struct ike_path *path, size_t *msg_len)
{
	static const uint8_t marker[MARKER_LEN];
	struct udphdr udp;
	size_t left, skip = UDP_HDR;

	if (len < IP6_HDR || udp_off < IP6_HDR || udp_off > len || len - udp_off < UDP_HDR)
		return NULL;
	left = len - udp_off;
	memcpy(&udp, ip6 + udp_off, sizeof(udp));
	if (ntohs(udp.uh_ulen) < UDP_HDR || ntohs(udp.uh_ulen) > left)
		return NULL;
	left = ntohs(udp.uh_ulen);
	memcpy(&path->remote, ip6 + 8, sizeof(path->remote));
	memcpy(&path->local, ip6 + 24, sizeof(path->local));
	path->remote_port = ntohs(udp.uh_sport);
	path->local_port = ntohs(udp.uh_dport);
	if (path->local_port != GW_IKE_PORT) {
		if (left - UDP_HDR < MARKER_LEN ||
			memcmp(ip6 + udp_off + UDP_HDR, marker, MARKER_LEN) != 0)
			return NULL;
		skip += MARKER_LEN;
	}
	*msg_len = left - skip;
	return ip6 + udp_off + skip;
}

static void
put_ip6(uint8_t *buf, const struct ike_path *path, uint8_t next, size_t payload_len)
{
	uint16_t be = htons((uint16_t)payload_len);

	memset(buf, 0, IP6_HDR);
	buf[0] = 0x60;
	memcpy(buf + 4, &be, sizeof(be));
	buf[6] = next;
	buf[7] = HOP_LIMIT;
	memcpy(buf + 8, &path->local, 16);
	memcpy(buf + 24, &path->remote, 16);
}

static void
put_udp(uint8_t *udp, const struct ike_path *path, size_t udp_len)
{
	struct udphdr h = {
		.uh_sport = htons(path->local_port),
		.uh_dport = htons(path->remote_port),
		.uh_ulen = htons((uint16_t)udp_len),
	};

	memcpy(udp, &h, sizeof(h));
	h.uh_sum = htons(gw_ip6_csum(&path->local, &path->remote, IPPROTO_UDP, udp, udp_len));
	if (h.uh_sum == 0) /* zero means "none", which IPv6 does not allow: RFC 8200 8.1 */
		h.uh_sum = 0xffff;
	memcpy(udp, &h, sizeof(h));
}

/* payload: the UDP datagram; each fragment but the last carries a multiple of 8 bytes. */
static int
send_fragments(const struct ike_path *path, const uint8_t *payload, size_t len, size_t mtu,
	uint32_t id, int (*send)(void *arg, const uint8_t *ip6, size_t len), void *arg)
{
	size_t step = (mtu - IP6_HDR - FRAG_HDR) & ~(size_t)7;
	uint8_t buf[GW_ND_PKT_MAX];
	int rc = 0;

	for (size_t off = 0; rc == 0 && off < len; off += step) {
		size_t n = len - off < step ? len - off : step;
		struct ip6_frag frag = {
			.ip6f_nxt = IPPROTO_UDP,
			.ip6f_offlg = htons((uint16_t)off),
			.ip6f_ident = id,
		};

		if (off + n < len)
			frag.ip6f_offlg |= htons(1);
		put_ip6(buf, path, IPPROTO_FRAGMENT, FRAG_HDR + n);
		memcpy(buf + IP6_HDR, &frag, sizeof(frag));
		memcpy(buf + IP6_HDR + FRAG_HDR, payload + off, n);
		rc = send(arg, buf, IP6_HDR + FRAG_HDR + n);
	}
	return rc;
}

int
gw_ike_build(const struct ike_path *path, const uint8_t *msg, size_t len, size_t mtu, uint32_t id,
	int (*send)(void *arg, const uint8_t *ip6, size_t len), void *arg)
{
	size_t marker_len = path->local_port != GW_IKE_PORT ? MARKER_LEN : 0;
	uint8_t buf[IP6_HDR + UDP_HDR + MARKER_LEN + GW_IKE_MSG_MAX];
	size_t udp_len;

	if (len > GW_IKE_MSG_MAX)
		return -EMSGSIZE;
	if (mtu > GW_ND_PKT_MAX)
		mtu = GW_ND_PKT_MAX;
	udp_len = UDP_HDR + marker_len + len;
	put_ip6(buf, path, IPPROTO_UDP, udp_len);
	memset(buf + IP6_HDR + UDP_HDR, 0, marker_len);
	memcpy(buf + IP6_HDR + UDP_HDR + marker_len, msg, len);
	put_udp(buf + IP6_HDR, path, udp_len);
	if (IP6_HDR + udp_len <= mtu)
		return send(arg, buf, IP6_HDR + udp_len);
	return send_fragments(path, buf + IP6_HDR, udp_len, mtu, id, send, arg);
}

int
gw_ike_keepalive(const struct ike_path *path,
	int (*send)(void *arg, const uint8_t *ip6, size_t len), void *arg)
{
	uint8_t buf[IP6_HDR + UDP_HDR + 1];

	put_ip6(buf, path, IPPROTO_UDP, UDP_HDR + 1);
	buf[IP6_HDR + UDP_HDR] = 0xff;
	put_udp(buf + IP6_HDR, path, UDP_HDR + 1);
	return send(arg, buf, sizeof(buf));
}
