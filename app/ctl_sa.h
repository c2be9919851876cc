/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_CTL_SA_H
#define GW_CTL_SA_H

/*
 * CHILD_SAs between IKE and the data plane: makes, publishes and retires SAs, and binds the tunnels to
 * the one in use. Context: control thread only.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "ike/hash.h"
#include "ike/ike.h"
#include "lib/nd.h"
#include "lib/sa.h"

#include "ctl_tunnel.h"
#include "pmtu.h"
#include "worker.h"

struct nd;
struct updown;
struct gw_balance;
struct gw_sas;

/** What it needs; borrowed. */
struct gw_sas_deps {
	const struct gw_cfg *cfg;
	struct gw_plane *plane;
	struct gw_tunnels *tunnels;
	struct nd *nd;
	struct updown *updown; /* NULL: no commands are run */
	struct gw_balance *balance; /* NULL: there is one worker */
};

/** A CHILD_SA's counterpart. */
struct gw_child {
	uint32_t id, ike_id;
	struct gw_binding *binding;
	struct ike_path path;
	bool tunnel_mode, udp_encap;
	uint32_t spi_in, spi_out;
	struct gw_sa_params sizes; /* no keys in it: for MTU */
	struct gw_sa_in *in;	   /* NULL: gone or going */
	struct gw_sa_out *out;
	struct gw_nexthop *nexthop;
	bool wanted;   /* use_out was said: may carry its tunnels' traffic */
	bool used;     /* IKE was told that the peer uses it */
	uint64_t confirmed_packets; /* inbound count at the last look */
	struct gw_sa_stats last_in, last_out; /* when retired */
	struct ike_id local_id, remote_id;
	struct ike_ts_list local_ts, remote_ts;
	/* life */
	struct gw_sas *sas;
	struct gw_sa_in *dying_in; /* retired, until the workers have let go */
	struct gw_sa_out *dying_out;
	struct ike_node by_id, by_spi_out; /* in the tables of that name */
	LIST_ENTRY(gw_child) link, sibling; /* of all, of the same binding */
};

struct gw_sas *gw_sas_create(const struct gw_sas_deps *deps, uint64_t now_ms);
/** Workers have ended; every SA is retired and reclaimed. NULL is fine. */
void gw_sas_destroy(struct gw_sas *s);

/** The calls of struct ike_host that are about children and SPIs; arg is the struct gw_sas. */
uint32_t gw_sas_spi_alloc(struct gw_sas *s);
void gw_sas_spi_free(struct gw_sas *s, uint32_t spi);
int gw_sas_child_add(struct gw_sas *s, const struct ike_child_sa *sa);
void gw_sas_child_use_out(struct gw_sas *s, uint32_t child_id);
void gw_sas_child_path(struct gw_sas *s, uint32_t child_id, const struct ike_path *path,
	bool udp_encap);
void gw_sas_child_del(struct gw_sas *s, uint32_t child_id, bool in, bool out);
int gw_sas_child_stats(struct gw_sas *s, uint32_t child_id, struct ike_child_stats *st);

/** An attempt ended without SA: what its tunnels hold is dropped, traffic asks again a little later. */
void gw_sas_failed(struct gw_sas *s, const struct ike_conn_cfg *conn,
	const struct ike_child_cfg *child);
/** Run the child's updown command. */
void gw_sas_updown(struct gw_sas *s, uint32_t child_id, bool up);

/** Every few milliseconds: the time, and what inbound counters tell IKE and neighbour discovery. */
void gw_sas_tick(struct gw_sas *s, struct ike *ike, uint64_t now_ms);

/** A Packet Too Big has been received. @return true when it is believed */
bool gw_sas_too_big(struct gw_sas *s, const struct gw_nd *m);
/** The link's MTU changed. */
void gw_sas_link_mtu(struct gw_sas *s, uint16_t mtu);

/** By id; also one that is going. @return NULL when unknown */
const struct gw_child *gw_sas_find(const struct gw_sas *s, uint32_t child_id);
uint16_t gw_sas_path_mtu(const struct gw_sas *s, const struct in6_addr *remote);

#endif
