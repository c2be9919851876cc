/* SPDX-License-Identifier: BSD-3-Clause */
#include "inner.h"

#include "bytes.h"
#include "csum.h"

enum ecn { NOT_ECT, ECT_1, ECT_0, CE }; /* RFC 3168 5 */
#define ECN_MASK 3
#define DROP     0xff

/* RFC 6040 figure 4: [inner][outer] */
static const uint8_t merged[4][4] = {
	[NOT_ECT] = {[NOT_ECT] = NOT_ECT, [ECT_0] = NOT_ECT, [ECT_1] = NOT_ECT, [CE] = DROP},
	[ECT_0] = {[NOT_ECT] = ECT_0, [ECT_0] = ECT_0, [ECT_1] = ECT_1, [CE] = CE},
	[ECT_1] = {[NOT_ECT] = ECT_1, [ECT_0] = ECT_1, [ECT_1] = ECT_1, [CE] = CE},
	[CE] = {[NOT_ECT] = CE, [ECT_0] = CE, [ECT_1] = CE, [CE] = CE},
};

static void
set_tc4(uint8_t *ip, uint8_t tc)
{
	uint16_t old = gw_get16(ip), new = (uint16_t)((old & 0xff00) | tc);

	gw_put16(ip, new);
	gw_put16(ip + 10, gw_csum_update(gw_get16(ip + 10), old, new));
}

bool
gw_ecn_merge_any(uint8_t *inner, uint8_t outer_tc)
{
	bool v4 = inner[0] >> 4 == 4;
	uint8_t tc = v4 ? inner[1] : (uint8_t)(gw_get16(inner) >> 4);
	uint8_t ecn = merged[tc & ECN_MASK][outer_tc & ECN_MASK];

	if (ecn == DROP)
		return false;
	if (ecn == (tc & ECN_MASK))
		return true;
	tc = (uint8_t)((tc & ~ECN_MASK) | ecn);
	if (v4)
		set_tc4(inner, tc);
	else
		gw_put16(inner, (uint16_t)((gw_get16(inner) & 0xf00f) | tc << 4));
	return true;
}
