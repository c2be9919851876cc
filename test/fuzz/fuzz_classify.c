/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames from outside. Byte 0: 1 = a VLAN tag is expected, 2 = the port checked UDP's checksum. */
#include <stdlib.h>
#include <string.h>

#include "lib/classify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct gw_local local = {
	.n = 2,
	.addr = {{{{0x20, 0x01, 0x0d, 0xb8, [15] = 1}}}, {{{0xfe, 0x80, [15] = 1}}}},
};

static void
check(int ok)
{
	if (!ok)
		abort();
}

static void
check_offsets(const struct gw_classified *c, size_t len)
{
	size_t need = c->cls == GW_CLASS_FRAGMENT ? 8 : c->cls == GW_CLASS_ICMP6 ? 4 : 0;

	if (c->cls == GW_CLASS_IKE || c->cls == GW_CLASS_IKE_INIT)
		need = 8 + (c->marker ? 4 : 0) + 28;
	check(c->reason == GW_DROP_NONE);
	check(c->l3_off == 14 || c->l3_off == 18);
	check(c->end <= len);
	check(c->l4_off >= c->l3_off + 40 + (c->udp_encap ? 8 : 0));
	check(c->l4_off <= c->l3_off + 40 + GW_EXT_BYTES_MAX + 8);
	check(c->end >= c->l4_off && (size_t)(c->end - c->l4_off) >= need);
	check(!c->multicast || c->cls == GW_CLASS_ICMP6 || c->cls == GW_CLASS_FRAGMENT);
	check(!c->nd || (c->cls == GW_CLASS_ICMP6 && c->hop_limit == 255));
	check((c->cls == GW_CLASS_IKE) == (c->ike_spi_r != 0));
}

/* What the short way takes, the long way takes for the same. */
static void
check_plain(const uint8_t *frame, size_t len, bool csum_good)
{
	struct gw_classified c;
	uint16_t end;
	uint8_t tc;

	if (!gw_classify_plain_esp(frame, len, &local, &end, &tc))
		return;
	gw_classify(frame, len, 0, &local, csum_good, &c);
	check(c.cls == GW_CLASS_ESP && c.reason == GW_DROP_NONE);
	check(c.l3_off == GW_ETH_LEN && c.l4_off == GW_ESP_PLAIN_OFF);
	check(c.end == end && c.tc == tc);
	check(!c.udp_encap && !c.multicast);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gw_classified c;

	if (size == 0 || size > 10000)
		return 0;
	check_plain(data + 1, size - 1, data[0] & 2);
	gw_classify(data + 1, size - 1, data[0] & 1 ? 7 : 0, &local, data[0] & 2, &c);
	if (c.cls == GW_CLASS_DROP)
		check(c.reason > GW_DROP_NONE && c.reason < GW_DROP_N);
	else
		check_offsets(&c, size - 1);
	return 0;
}
