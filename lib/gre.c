/* SPDX-License-Identifier: BSD-3-Clause */
#include "gre.h"

enum gw_drop
gw_gre_parse_any(const uint8_t *p, size_t len, struct gw_gre *out)
{
	uint16_t flags;
	size_t off = 4;

	if (len < 4)
		return GW_DROP_GRE_SHORT;
	flags = gw_get16(p);
	if (flags & GW_GRE_VERSION)
		return GW_DROP_GRE_VERSION;
	if (flags & GW_GRE_REFUSED)
		return GW_DROP_GRE_FLAGS;
	*out = (struct gw_gre){
		.proto = gw_get16(p + 2),
		.has_csum = flags & GW_GRE_CSUM,
		.has_key = flags & GW_GRE_KEY,
		.has_seq = flags & GW_GRE_SEQ,
	};
	out->hdr_len = gw_gre_len(out->has_csum, out->has_key, out->has_seq);
	if (len < out->hdr_len)
		return GW_DROP_GRE_SHORT;
	if (out->has_csum) {
		if (gw_csum_fold(gw_csum_add(0, p, len)) != 0)
			return GW_DROP_GRE_CSUM;
		off += 4;
	}
	if (out->has_key) {
		out->key = gw_get32(p + off);
		off += 4;
	}
	if (out->has_seq)
		out->seq = gw_get32(p + off);
	return GW_DROP_NONE;
}
