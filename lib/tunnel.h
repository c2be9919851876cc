/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_TUNNEL_H
#define GW_TUNNEL_H

/*
 * A tunnel as the data plane sees it: one hand-off interface, one GRE key, one outbound SA in use.
 * Created, published and destroyed by control; field groups say who writes what.
 */

#include <assert.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "drop.h"
#include "handoff.h"
#include "icmp_limit.h"
#include "sa.h"
#include "tunnel_cfg.h"

struct gw_tunnel {
	/* what the stages need for each packet is one cache line. Control writes (release), worker reads (acquire / relaxed): */
	_Atomic(struct gw_sa_out *) sa_out; /* NULL: hold, then drop */
	/* set before publish, then read-only */
	const struct gw_handoff_ops *handoff;
	/* control writes, worker reads relaxed */
	_Atomic(uint16_t) mtu; /* largest inner packet, from SA and path MTU */
	_Atomic(uint16_t) mss4, mss6; /* clamp to, 0 = off */
	/* set before publish, then read-only */
	union {
		struct {
			bool has_key : 1, checksum : 1, sequence : 1; /* GRE: sent, and demanded on receive */
		};
		uint8_t gre_options; /* 0: none of them */
	};
	uint8_t hop_limit; /* of the outer header, 1..255 */
	uint8_t tc_copy, tc_set; /* traffic class outside: these bits of the inner one, and these */
	uint8_t flowlabel; /* enum gw_flowlabel */
	/* owner worker; control reads the counters relaxed */
	uint16_t n_held;
	_Atomic(uint64_t) rx_packets; /* from outside, to the inside */
	_Atomic(uint64_t) rx_bytes;
	_Atomic(uint64_t) tx_packets, tx_bytes; /* from the inside, to outside; inner bytes */

	/* set before publish, then read-only: what other workers read, too */
	_Alignas(64) const struct gw_demux *demux; /* it is one of these */
	const int *queues; /* a TUN with a queue for each worker: their descriptors; NULL: fd alone */
	struct gw_vuser *vuser; /* the interface's ethdev, with that hand-off (vuser.h) */
	uint32_t key; /* of GRE, host order */
	int fd; /* TUN descriptor, non-blocking, -1 with another hand-off; the first of its queues */
	uint32_t index;
	bool offload; /* the interface was opened so: TCP super-packets (tun.h, vuser.h) */
	bool forwards; /* its packets go by the forwarding stage (fwd.h), what is the kernel's to the TUN */
	uint8_t source_check; /* enum gw_source_check: of what it brings to be forwarded */
	char name[GW_TUNNEL_NAME_MAX];
	uint16_t hold_max;   /* packets held while there is no SA, 0..GW_HOLD_MAX */
	uint16_t wire_port;  /* the ethdev in its place, see wire.h */
	uint8_t wire_mac[6]; /* its address */
	uint32_t addr4;	     /* network order; source of ICMP errors on an ethdev hand-off, 0 = none */
	struct in6_addr addr6; /* source of ICMPv6 errors: the tunnel's own, else an outside address */
	/* whose queue packets are written to, and so where the kernel puts the answers: the owner's, as soon as the
	 * one before has read its own to the end. Control before publish, then that worker; the owner reads */
	_Atomic(uint32_t) answers;
	/* control writes, worker reads relaxed */
	_Atomic(uint32_t) seq_reset;  /* control counts up: the peer may have started again, so its
				       * GRE sequence numbers start anywhere (RFC 2890) */
	_Atomic(uint32_t) hold_flush; /* control counts up: drop what is held, no SA will come */

	/* owner worker */
	_Alignas(64) _Atomic(uint64_t) drops; /* any worker */
	_Atomic(bool) acquire; /* worker sets: wants an SA; control clears when it has asked IKE */
	bool gre_seq_in_valid;
	uint8_t polled_hope; /* that it has more than it gives at once (worker_asks_again()) */
	uint8_t wire_peer[6]; /* who sits at the other end of the wire; broadcast until a frame tells */
	uint32_t gre_seq_out;
	uint32_t gre_seq_in; /* last accepted */
	uint32_t seq_reset_seen;
	uint32_t hold_flush_seen;
	uint64_t hold_since_tsc;		/* oldest held packet */
	struct gw_icmp_limit icmp; /* errors that answer its packets, from inside; the owner's */
	struct gw_icmp_limit icmp_fwd; /* and forwarded from the far end; of the worker that has the inside port */
	struct rte_mbuf *held[]; /* hold_max of them */
};
static_assert(offsetof(struct gw_tunnel, demux) == 64, "what the stages need for each packet is one cache line");

/** GRE without options: no key, nothing sent or demanded beside the protocol. */
static inline bool
gw_tunnel_is_plain(const struct gw_tunnel *t)
{
	return t->gre_options == 0;
}

/** What is outside of the inner traffic class: DSCP, 0..63 or GW_DSCP_COPY, and ECN (RFC 6040 4.1). Before publish. */
static inline void
gw_tunnel_set_tc(struct gw_tunnel *t, uint8_t dscp, enum gw_ecn ecn)
{
	t->tc_copy = (dscp == GW_DSCP_COPY ? 0xfc : 0) | (ecn == GW_ECN_COMPAT ? 0 : 3);
	t->tc_set = dscp == GW_DSCP_COPY ? 0 : (uint8_t)(dscp << 2);
}

/**
 * The tunnels that share an SA, told apart by GRE key: what one worker owns, with all SAs that serve
 * them. Immutable once published, but for the owner.
 */
struct gw_demux {
	_Atomic(uint32_t) owner; /* worker: packets go there. Who gives it away writes (app/worker_move.c) */
	uint32_t n;
	struct gw_tunnel *keyless; /* tunnel without key, or NULL */
	struct {
		uint32_t key;
		struct gw_tunnel *tunnel;
	} by_key[]; /* sorted by key */
};

#endif
