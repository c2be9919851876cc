/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_NEGO_H
#define IKE_NEGO_H

/*
 * What both ends agree on for a CHILD_SA: proposals, mode, selectors, and in CREATE_CHILD_SA
 * nonces and groups. Shared by IKE_AUTH and CREATE_CHILD_SA, both roles. Private to ike/.
 */

#include "payload.h"
#include "sa.h"

struct ike_nego {
	const struct ike_child_cfg *cfg;
	uint32_t old_id; /* the child being rekeyed, 0 */
	bool single;	 /* only the first pair of selectors is offered (SINGLE_PAIR_REQUIRED) */
	bool in_auth;	 /* first child: no nonces, no group (RFC 7296 1.2) */
	struct ike_proposals offer;  /* initiator */
	struct ike_proposal chosen;  /* responder: our answer */
	uint32_t spi_in, spi_out;    /* spi_in is given back by ike_nego_free() unless taken */
	enum ike_mode mode;
	struct ike_ts_list local_ts, remote_ts;
	struct ike_suite suite;
	struct ike_nonce ni, nr;
	struct ike_dh_key *dh; /* NULL = no KE */

	uint64_t new_spi;  /* rekeying an IKE SA: our SPI of the new one */
	uint64_t peer_spi; /* and the peer's */

	/* additional key exchanges: x_follow.h */
	bool following;		   /* SK(0) is there, rounds of IKE_FOLLOWUP_KE come after it */
	uint8_t place;		   /* of the one under way */
	struct ike_blob sk0, more; /* SK(0); SK(1) and so on in a row */
	struct ike_blob link;	   /* what ties the next round to this negotiation */

	/* the peer's own exchange for the same end, answered while ours was on its way (2.8.1) */
	uint32_t gone_spi; /* ours is on its way: the peer deleted one by this SPI, which may be it; 0 */
	uint32_t rival_id; /* the child or IKE SA that it made */
	bool rival_waits; /* it is not made before the last of the peer's additional key exchanges */
	struct ike_nonce rival_nonce; /* the lower one of that exchange */
};

/** A request or response for a CHILD_SA, decoded; views into the message. */
struct ike_nego_msg {
	struct ike_proposals sa;
	struct ike_ts_list tsi, tsr;
	struct ike_view nonce;
	bool has_ke, transport;
	struct ike_ke ke;
};

struct ike_nego *ike_nego_create(struct ike_sa *sa);
/** Wipe and free; an inbound SPI not taken goes back to the host. NULL is fine. */
void ike_nego_free(struct ike_sa *sa, struct ike_nego *n);

/* ---- initiator ---- */

/**
 * Decide what to offer: configuration, or with old what that child has in use.
 * @param group  for the KE payload, 0 = our choice; ignored with in_auth
 * @return 0, -ENOSPC (no SPI), -EINVAL (nothing to offer), -EIO, -EINPROGRESS
 */
int ike_nego_offer(struct ike_sa *sa, struct ike_nego *n, const struct ike_child_cfg *cfg,
	const struct ike_child *old, bool in_auth, uint16_t group);
void ike_nego_build_offer(const struct ike_sa *sa, const struct ike_nego *n, struct ike_chain *c);

/**
 * Judge the response: one of our proposals, selectors within what we offered.
 * @param why [out] a sentence when it fails
 * @return 0, -EINVAL (protocol broken), -EACCES (selectors outside of policy)
 */
int ike_nego_accept(struct ike_sa *sa, struct ike_nego *n, const struct ike_nego_msg *in,
	const char **why);

/** Two children of one SPI: a DELETE or REKEY_SA would mean either. */
bool ike_nego_spi_is_taken(const struct ike_sa *sa, uint32_t spi);

/** The peer's SINGLE_PAIR_REQUIRED leaves something to try: more than one pair was offered. */
bool ike_nego_has_pairs(const struct ike_nego *n);

/** The peer took none of our proposals: say which they were. */
void ike_nego_log_refused(struct ike_sa *sa, const struct ike_nego *n);

/* ---- responder ---- */

/**
 * Choose configuration, proposal, mode and selectors.
 * @param old  the child that the peer rekeys, or NULL
 * @return 0, or the notify to answer with (logged); for INVALID_KE_PAYLOAD suite.dh is the group;
 *         IKE_JOB_WAIT
 */
uint16_t ike_nego_answer(struct ike_sa *sa, struct ike_nego *n, const struct ike_nego_msg *in,
	const struct ike_child *old, bool in_auth);
void ike_nego_build_answer(const struct ike_nego *n, struct ike_chain *c);

/** Our half of the key exchange of n->suite for the peer's KE. @return as ike_nego_answer() */
uint16_t ike_nego_pair(struct ike_sa *sa, struct ike_nego *n, struct ike_view ke);

/* ---- both ---- */

/** @return 0, or -EBADMSG */
int ike_nego_parse(struct ike_nego_msg *out, const struct ike_msg *m, bool in_auth);

/**
 * Shared secret with the peer's KE.
 * @param secret IKE_DH_PUB_MAX bytes; len 0 when no group
 * @return as ike_dh_job_shared()
 */
int ike_nego_shared(struct ike_sa *sa, enum ike_job_side side, const struct ike_nego *n,
	const struct ike_nego_msg *in, uint8_t *secret, size_t *len);

/** The peer's exchange prevails over ours for the same end (2.8.1): ours has the lowest nonce. */
bool ike_nego_rival_wins(const struct ike_nego *n);

/** Octet by octet, as 2.8.1 compares. @return <0, 0, >0 */
int ike_nonce_cmp(const struct ike_nonce *a, const struct ike_nonce *b);
/** Of the nonces of one exchange. */
const struct ike_nonce *ike_nonce_lower(const struct ike_nonce *a, const struct ike_nonce *b);

/** All of list with numbers from 1 and our SPI in each. strip_dh: without groups, for IKE_AUTH. */
void ike_offer_fill(struct ike_proposals *out, const struct ike_proposals *list, const uint8_t *spi,
	uint8_t spi_len, bool strip_dh);
/** preferred when list has it, else the first group in it, 0 = there is none. */
uint16_t ike_offer_group(const struct ike_proposals *list, uint16_t preferred);
bool ike_offer_has_group(const struct ike_proposals *list, uint16_t group);

#endif
