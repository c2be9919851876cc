/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_CFG_H
#define IKE_CFG_H

/*
 * What the engine is told about connections and secrets: swanctl.conf's meaning, already checked.
 * Filled by app/cfg.c (or by a test); owned by the caller, who keeps it until ike_destroy() and
 * changes nothing but what ike_certs_changed() names. Read-only for the engine. Times are seconds, 0 = off.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "cert.h"
#include "id.h"
#include "proposal.h"
#include "ts.h"

#define IKE_NAME_MAX  64 /* connection, child and secret names, with the terminator */
#define IKE_ADDRS_MAX 16
#define IKE_NAME_ADDRS_MAX 8 /* of one host name */

enum ike_mode { IKE_MODE_TUNNEL = 0, IKE_MODE_TRANSPORT = 1 };

/* start_action, dpd_action, close_action: flags */
enum ike_action { IKE_ACTION_NONE = 0, IKE_ACTION_TRAP = 1, IKE_ACTION_START = 2 };

enum ike_unique { IKE_UNIQUE_NO, IKE_UNIQUE_NEVER, IKE_UNIQUE_KEEP, IKE_UNIQUE_REPLACE };
enum ike_frag { IKE_FRAG_YES, IKE_FRAG_ACCEPT, IKE_FRAG_FORCE, IKE_FRAG_NO };
enum ike_childless {
	IKE_CHILDLESS_ALLOW,  /* as responder: with or without */
	IKE_CHILDLESS_PREFER, /* the same; as initiator without, if the peer can */
	IKE_CHILDLESS_NEVER,
	IKE_CHILDLESS_FORCE, /* both roles: no child comes with IKE_AUTH */
};

/** Soft limit, hard limit and the random amount taken off the soft one; 0 = no limit. */
struct ike_life {
	uint64_t rekey, life, rand;
};

struct ike_child_cfg {
	char name[IKE_NAME_MAX];
	struct ike_proposals esp; /* order of preference */
	struct ike_ts_list local_ts, remote_ts;
	enum ike_mode mode;	 /* transport falls back to tunnel */
	unsigned int start_action; /* enum ike_action flags */
	bool start_action_set;	 /* false: not written; a tunnel bound to the child makes it a trap */
	unsigned int dpd_action;
	unsigned int close_action;
	struct ike_life time_s, bytes, packets;
	uint32_t replay_window;	 /* packets, 0 = off, else 32..8192 */
	char *updown;		 /* NULL, or the command line as written */
};

enum ike_auth_by { IKE_BY_PSK, IKE_BY_PUBKEY };
enum ike_send_cert { IKE_SEND_CERT_IFASKED, IKE_SEND_CERT_ALWAYS, IKE_SEND_CERT_NEVER };

/** One end's authentication. What is behind pointers is its owner's, as all of it (cert.h). */
struct ike_auth_cfg {
	struct ike_id id; /* IKE_ID_ANY: local = own address, remote = anything */
	enum ike_auth_by by;
	struct ike_sig_rules rules; /* of AUTH's signature; local: which one is made */
	/* local, by public key: in order of preference */
	uint16_t n_creds;
	struct ike_credential *creds;
	/* remote, by public key */
	struct ike_trust *trust; /* read-only, but for who holds it */
	struct ike_sig_rules chain_rules; /* of keys and signatures of certificates */
	enum ike_revocation revocation;
};

struct ike_conn_cfg {
	char name[IKE_NAME_MAX];
	uint8_t n_local, n_remote; /* 0 = %any; n_remote also with names only */
	uint8_t n_names;	   /* host names in remote_addrs, at most IKE_ADDRS_MAX */
	char **names;
	bool any_remote; /* %any, also beside addresses and names: these are connected to */
	bool name_first; /* a name comes before all single addresses: it is connected to */
	struct ike_range local_addrs[IKE_ADDRS_MAX];
	struct ike_range remote_addrs[IKE_ADDRS_MAX];
	uint16_t local_port, remote_port;
	struct ike_proposals proposals;
	struct ike_auth_cfg local, remote;
	enum ike_send_cert send_cert;
	bool no_certreq; /* send_certreq = no */
	bool mobike;
	bool encap; /* force UDP encapsulation by a faked NAT detection */
	uint32_t dpd_delay_s;
	bool dpd_ignore_esp; /* only IKE messages are evidence of life */
	enum ike_frag fragmentation;
	enum ike_childless childless;
	enum ike_unique unique;
	struct ike_id ppk_id; /* RFC 8784; IKE_ID_ANY: none as initiator, any as responder */
	bool ppk_required;
	uint32_t reauth_time_s, rekey_time_s, over_time_s, rand_time_s;
	uint32_t keyingtries; /* 0 = for ever */
	bool keyingtries_set; /* false: not written; what has start in an action comes back later */
	uint16_t n_children;
	struct ike_child_cfg *children;
};

enum ike_secret_type { IKE_SECRET_PSK, IKE_SECRET_PPK };

struct ike_secret {
	char name[IKE_NAME_MAX];
	enum ike_secret_type type;
	uint16_t n_owners; /* 0 = anybody */
	struct ike_id *owners;
	size_t len;
	uint8_t *data; /* wiped by its owner before it is freed */
};

struct ike_cfg {
	uint16_t n_conns;
	struct ike_conn_cfg *conns;
	uint16_t n_secrets;
	struct ike_secret *secrets; /* file order */
	/* engine-wide; 0 takes the default in brackets */
	uint32_t retransmit_timeout_ms; /* [4000] strongSwan's retransmit_timeout */
	uint32_t retransmit_tries;	/* [5] */
	double retransmit_base;		/* [1.8] */
	uint32_t retransmit_jitter;	/* percent, up to which each time is cut at random; 0 = none */
	uint32_t retransmit_limit_ms;	/* no time is longer; 0 = no limit */
	uint32_t cookie_threshold;	/* [30] half-open IKE SAs above which a COOKIE is asked */
	uint32_t half_open_max;		/* [1024] above it strangers' IKE_SA_INIT are dropped */
	uint32_t block_threshold;	/* [64] the same for those of one /64; a /48 has 4 times as many */
	uint32_t delete_rekeyed_delay_ms; /* [5000] how long a replaced inbound SA stays */
	uint32_t fragment_size; /* [1280] of an IP packet that carries a fragment of a message */
	bool has_qcd_secret;	/* crash detection (RFC 6290): what tokens are made with */
	uint8_t qcd_secret[32]; /* the same after a restart; wiped by its owner */
	uint32_t keep_alive_s;	/* idle time after which a NAT in front of us gets a packet; 0 = none */
};

#endif
