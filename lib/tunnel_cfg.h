/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_TUNNEL_CFG_H
#define GW_TUNNEL_CFG_H

/* What a tunnel can be told to be: shared by its configuration and the data plane. No DPDK. */

#define GW_TUNNEL_NAME_MAX 16 /* IFNAMSIZ */
#define GW_HOLD_MAX	   64 /* packets */

enum gw_ecn { GW_ECN_NORMAL, GW_ECN_COMPAT };
/** Of what is forwarded (RFC 1812 5.3.8): its source is routed to where it came from; or anywhere; not looked at. */
enum gw_source_check { GW_SOURCE_ANY, GW_SOURCE_LOOSE, GW_SOURCE_STRICT };
enum gw_flowlabel { GW_FLOWLABEL_SA, GW_FLOWLABEL_FLOW };
#define GW_DSCP_COPY 0xff

#endif
