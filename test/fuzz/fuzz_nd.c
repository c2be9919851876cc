/* SPDX-License-Identifier: BSD-3-Clause */
/* lib/nd: any packet, as it is and with its checksum mended; what it quotes; the echo's answer. */
#include <stdlib.h>
#include <string.h>

#include "lib/nd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
look(const uint8_t *p, size_t len, size_t off)
{
	uint8_t reply[GW_ND_PKT_MAX];
	struct gw_quoted q;
	struct gw_nd m, back;
	size_t n;

	gw_nd_parse(p, len, off, &m);
	if (m.quoted && gw_nd_quoted(m.quoted, m.quoted_len, &q) && q.esp && q.ike)
		abort();
	if ((m.type == GW_ND_TOO_BIG || m.type == GW_ND_UNREACH) != (m.quoted != NULL))
		abort();
	if (m.has_lladdr && (m.lladdr[0] & 1))
		abort();
	if (m.type != GW_ND_ECHO)
		return;
	n = gw_nd_build_echo_reply(reply, &m.dst, &m.src, m.body, m.body_len, 64);
	if (n == 0 && m.body_len <= GW_ND_PKT_MAX - 40)
		abort();
	if (n == 0)
		return;
	/* a reply from a group would be refused; ours never is one */
	gw_nd_parse(reply, n, 40, &back);
	if (m.dst.s6_addr[0] != 0xff && back.type != GW_ND_OTHER)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t off = size > 6 && data[6] == 0 ? 48 : 40;
	struct in6_addr src, dst;
	uint8_t *copy;
	uint16_t sum;

	if (size > 65535)
		return 0;
	look(data, size, off);
	if (size < off + 4)
		return 0;
	copy = malloc(size);
	memcpy(copy, data, size);
	memcpy(&src, copy + 8, 16);
	memcpy(&dst, copy + 24, 16);
	memset(copy + off + 2, 0, 2);
	sum = gw_ip6_csum(&src, &dst, 58, copy + off, size - off);
	copy[off + 2] = (uint8_t)(sum >> 8);
	copy[off + 3] = (uint8_t)sum;
	look(copy, size, off);
	free(copy);
	return 0;
}
