/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_CFG_H
#define GW_CFG_H

/*
 * What raclette is told to be: the checked form of a configuration file. Immutable once built, but for
 * certificates and keys (cfg_renew.h). It is pure but for these, which are read.
 */

#include "ike/cfg.h"
#include "lib/netif.h"
#include "lib/tunnel_cfg.h"

#include "conf.h"

#define GW_ADDRS_MAX  8
#define GW_ROUTES_MAX 32
#define GW_WORKERS_MAX 16

enum gw_poll { GW_POLL_ADAPTIVE, GW_POLL_BUSY };
enum gw_carrier { GW_CARRIER_ALWAYS, GW_CARRIER_SA };
enum gw_handoff { GW_HANDOFF_TUN, GW_HANDOFF_PORT, GW_HANDOFF_WIRE, GW_HANDOFF_VIRTIO_USER };

struct gw_outside_cfg {
	char port[512]; /* PCI address, or a DPDK vdev string; "" = no gateway section: nothing can run */
	uint8_t n_addrs;
	struct gw_prefix addrs[GW_ADDRS_MAX]; /* IPv6 */
	bool router_auto;		      /* from router advertisements */
	struct in6_addr router;		      /* else; :: = none, everything on link */
	uint16_t mtu;			      /* 1280..9216 */
	uint16_t vlan;			      /* 0 = untagged */
};

/** The port of tunnels with handoff = port. */
struct gw_inside_cfg {
	char port[512]; /* as outside.port; "" = there is none */
	char interface[GW_TUNNEL_NAME_MAX]; /* its twin in Linux; default "inside" */
	uint8_t n_addrs;
	struct gw_prefix addrs[GW_ADDRS_MAX]; /* of the twin, IPv4 and IPv6, host bits kept */
	uint16_t mtu; /* 1280..9216 */
	enum gw_source_check source_check; /* default any */
};

struct gw_tunnel_cfg {
	char name[GW_TUNNEL_NAME_MAX];
	const struct ike_conn_cfg *conn;   /* into gw_cfg.ike */
	const struct ike_child_cfg *child;
	uint8_t n_addrs;
	struct gw_prefix addrs[GW_ADDRS_MAX]; /* IPv4 and IPv6, host bits kept */
	uint16_t mtu;			      /* 0 = auto */
	bool has_key;
	uint32_t key;
	bool checksum, sequence;
	uint8_t hop_limit; /* default 64 */
	uint16_t hold;	   /* packets, default 16, 0 = off */
	bool mss_auto;
	uint16_t mss; /* if not auto: 0 = off, else the value for IPv4; IPv6 gets 20 less */
	uint8_t dscp; /* GW_DSCP_COPY (default) or 0..63 */
	enum gw_ecn ecn;
	enum gw_flowlabel flowlabel;
	uint8_t n_routes;
	struct gw_prefix routes[GW_ROUTES_MAX];
	enum gw_carrier carrier; /* default always */
	enum gw_handoff handoff;
	enum gw_source_check source_check; /* handoff = port; default any */
	bool offload; /* all but handoff = wire: TCP super-packets from and to the kernel; default yes */
	char handoff_port[512]; /* handoff = wire: `handoff_port`, as outside.port */
};

/** Its hand-off is a port of DPDK's of its own. */
static inline bool
gw_tunnel_cfg_has_port(const struct gw_tunnel_cfg *t)
{
	return t->handoff == GW_HANDOFF_WIRE || t->handoff == GW_HANDOFF_VIRTIO_USER;
}

/**
 * What is routed for a prefix: its network, or the two halves of everything. A default route would lose its
 * traffic to the operator's own one as soon as its interface is gone, for no guard of the same length is better
 * than that.
 * @return how many
 */
unsigned int gw_cfg_nets(const struct gw_prefix *p, struct gw_prefix nets[2]);

/** Where something is written. */
struct cfg_place {
	char file[256]; /* "" from VICI */
	unsigned int line;
};

struct gw_cfg {
	struct gw_outside_cfg outside;
	struct gw_inside_cfg inside;
	bool lcores_auto;
	uint16_t n_lcores;
	uint16_t lcores[64]; /* CPUs; the first serves control, GW_WORKERS_MAX more at most a worker each */
	struct cfg_place lcores_at;
	enum gw_poll poll;
	char vici[128];	   /* path of the socket; default /run/raclette/vici.sock */
	char qcd_secret[256]; /* path of the file; "" = no tokens are made */
	char metrics[128]; /* as written, "" = none */
	bool hugepages_auto; /* use them when reserved (default); false: never */
	uint16_t n_tunnels;
	struct gw_tunnel_cfg *tunnels;
	struct ike_cfg ike;
	uint32_t n_trusts; /* what connections' remote.trust point to */
	struct ike_trust **trusts;
	char pki_fault[768]; /* the first certificate or CRL of a folder that was left out, and why; "" */
};

/** Something worth telling that is no error: ignored keys (once per name), legacy algorithms... */
struct cfg_note {
	bool warning; /* else information */
	char file[256]; /* "" from VICI */
	unsigned int line;
	char msg[512];
};

struct cfg_notes {
	unsigned int n;
	struct cfg_note *note;
};

/**
 * Check a tree and build the configuration; the tree is not needed afterwards.
 *
 * Unknown keys, impossible values and whatever would bypass ESP (mode = pass, ah_proposals...) are
 * errors with file, line, key and what is allowed.
 *
 * @param notes  [out] freed with cfg_notes_free(), also after an error
 * @return NULL with err filled (the first error)
 */
struct gw_cfg *cfg_build(const struct conf *c, struct cfg_notes *notes, struct conf_error *err);
/** The same from a file. On any thread. */
struct gw_cfg *cfg_load(const char *path, struct cfg_notes *notes, struct conf_error *err);
/**
 * Of a tree that is not fit to run what its tunnels lead to all the same, for guard routes: name, hand-off, addresses
 * and routes of each, as many as can be read; nothing else is set.
 * @return NULL without memory
 */
struct gw_cfg *cfg_build_routes(const struct conf *c);
/** The same from a file. @return also NULL when it is no configuration file */
struct gw_cfg *cfg_load_routes(const char *path);
void cfg_free(struct gw_cfg *cfg); /* wipes secrets */
void cfg_notes_free(struct cfg_notes *notes);

/** Print what raclette would do, for `raclette check`. */
void cfg_print(const struct gw_cfg *cfg, void *file);

#endif
