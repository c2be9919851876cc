/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_TUNNEL_CFG_H
#define GW_TUNNEL_CFG_H

/* What a tunnel can be told to be: shared by its configuration and the data plane. No DPDK. */

#define GW_TUNNEL_NAME_MAX 16 /* IFNAMSIZ */
#define GW_HOLD_MAX	   64 /* packets */

enum gw_ecn { GW_ECN_NORMAL, GW_ECN_COMPAT };
enum gw_flowlabel { GW_FLOWLABEL_SA, GW_FLOWLABEL_FLOW };
#define GW_DSCP_COPY 0xff

#endif
