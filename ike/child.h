/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_CHILD_H
#define IKE_CHILD_H

/*
 * CHILD_SAs: install, the switch of the outbound side, lifetimes, removal. Private to ike/.
 *
 * Rekeying without loss (RFC 7296 2.8): whoever starts it installs both directions, sends on the
 * new SA at once and deletes the old; the other side installs both but goes on sending on the old
 * one until it knows that the new one works: the DELETE of the old arrived, a packet came in on the
 * new (ike_child_in_use()), or IKE_USE_OUT_MS passed. The old inbound lingers for what is under way.
 */

#include "hash.h"
#include "ike.h"
#include "timer.h"

struct ike_sa;
struct ike_nego;
struct ike_view;

/*
 * Longer than the first two retransmissions: when our response was lost, the peer has no inbound SA
 * before its request came again, and our traffic must not run ahead of that.
 */
#define IKE_USE_OUT_MS	15000
#define IKE_ORPHAN_MS	30000 /* after it we delete a replaced child that its replacer left over */
#define IKE_CHILD_GAUGES 3 /* bytes, packets, sequence numbers: life.h */

/*
 * CHILD_SAs of one IKE SA, those being replaced not counted and counted: an authenticated peer does not
 * get all our memory either.
 */
#define IKE_CHILDREN_MAX     256
#define IKE_CHILDREN_ALL_MAX 512

struct ike_child {
	struct ike_child *next;	   /* in its SA */
	struct ike_node by_id;
	struct ike_sa *sa;
	const struct ike_child_cfg *cfg;
	uint32_t id, spi_in, spi_out;
	enum ike_child_state state;
	enum ike_mode mode;
	bool udp_encap;
	bool in, out; /* directions that the host has */
	bool sending; /* the host sends on it, or would if it were the only one */
	bool ours;    /* we asked for it, or for what it replaced */
	bool first;   /* came with IKE_AUTH */
	bool expired; /* a hard limit was reached */
	bool backing_off; /* a rekeying failed: rekey_ms says when to try again, not the counters */
	bool closed;  /* the peer forgot it: only inbound lingers */
	uint32_t replaces, replaced_by; /* ids; 0 */
	struct ike_suite suite;
	struct ike_ts_list local_ts, remote_ts;
	uint64_t installed_ms, last_in_ms;
	uint64_t rekey_ms, expire_ms;			      /* IKE_NEVER = never */
	uint64_t peer_rekeys_ms; /* the age up to which the peer, in a row, rekeyed those before it; 0 = it did not */
	bool peer_rekeys;	 /* twice at least */
	uint64_t use_out_ms, linger_ms, orphan_ms, poll_ms;   /* IKE_NEVER = not now */
	uint64_t rekey_bytes, rekey_packets;		      /* 0 = no limit */
	uint64_t polled_ms, polled[IKE_CHILD_GAUGES];	      /* the last look at its counters */
};

/**
 * Derive keys and hand the SA to the host.
 * @param n         a finished negotiation; its inbound SPI is used up on success
 * @param initiator of the exchange that made it
 * @param shared    g^ir of the exchange, len 0 = none
 * @param use_out   send on it at once
 * @return the new child, in the SA's list; NULL (logged) when keys or host failed
 */
struct ike_child *ike_child_install(struct ike_sa *sa, struct ike_nego *n, bool initiator,
	struct ike_view shared, bool use_out);

struct ike_child *ike_child_by_id(const struct ike *e, uint32_t id);
/** By the SPI that the peer expects: the one its messages name. */
struct ike_child *ike_child_by_spi_out(const struct ike_sa *sa, uint32_t spi);

/** It is in use or about to be: neither replaced nor on its way out. */
static inline bool
ike_child_is_live(const struct ike_child *c)
{
	return c->state == IKE_CST_INSTALLED || c->state == IKE_CST_REKEYING;
}

/** Send on c from now on and no more on what it replaced. */
void ike_child_switch(struct ike_child *c);

/** by takes old's place; who sends where is decided apart. */
void ike_child_replaced(struct ike_child *old, struct ike_child *by);

/**
 * What c had replaced is in use again, because the peer does not want c; c is removed.
 * @return false when there is nothing to go back to: c stays
 */
bool ike_child_revert(struct ike_child *c);

/** The peer repeats its last request: it lacks our answer, and what that set up on its side. */
void ike_child_asked_again(struct ike_sa *sa);

/** Say that c took the place of what it replaces. */
void ike_child_rekeyed(struct ike_child *c);

/** No more sending; inbound stays. */
void ike_child_stop_sending(struct ike_child *c);

void ike_child_set_state(struct ike_child *c, enum ike_child_state state);

/** The peer forgot a replaced child: sending moves on, inbound lingers. */
void ike_child_linger(struct ike_child *c);

/**
 * c's IKE SA ends while its sibling by lives on over another one: sending moves there, and c's inbound
 * lingers there. reason: raise IKE_EV_CHILD_DOWN with it, NULL = say nothing.
 */
void ike_child_leave_to(struct ike_child *c, struct ike_child *by, const char *reason);

/** Take it from the host and free it. reason: raise IKE_EV_CHILD_DOWN with it, NULL = say nothing. */
void ike_child_remove(struct ike_child *c, const char *reason);

/** Nobody wants it any more, nor what takes its place: queue its DELETE. @return false when not live */
bool ike_child_terminate(struct ike_child *c);

/** Its soft limit was reached or somebody asked: queue its rekeying. @return false when not live */
bool ike_child_rekey(struct ike_child *c);
/** A rekeying failed: the old child goes on, try again after that time. */
void ike_child_rekey_later(struct ike_child *c, uint64_t delay_ms);

/** The newest time the host saw ESP from the peer. */
uint64_t ike_child_last_in(struct ike_child *c);

/** Do what is due. c may be gone afterwards. */
void ike_child_tick(struct ike_child *c);
uint64_t ike_child_due(const struct ike_child *c);

/** An attempt to set cfg up ended without SA. */
void ike_child_failed(struct ike_sa *sa, const struct ike_child_cfg *cfg, const char *reason);

/** Move every child from one SA to another. */
void ike_child_move_all(struct ike_sa *from, struct ike_sa *to);

/** A live child of cfg in any SA. */
bool ike_child_is_up(const struct ike_sa *sa, const struct ike_child_cfg *cfg);

#endif
