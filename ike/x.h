/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_X_H
#define IKE_X_H

/*
 * Requests of the peer: one handler for each exchange. A handler writes the response's payloads to
 * c and says what becomes of the SA once the response is on its way. Private to ike/.
 */

#include "msg.h"
#include "sa.h"

enum ike_after {
	IKE_AFTER_REPLY,   /* send the response, all goes on */
	IKE_AFTER_SILENCE, /* no response: as if the request had not come */
	IKE_AFTER_WAIT,	   /* nothing was done: once more when the job is done that is under way */
	IKE_AFTER_FAILED,  /* send it, the SA never comes up */
	IKE_AFTER_DELETED, /* send it, the peer deleted the SA */
	IKE_AFTER_BROKEN,  /* send it, the SA ends: the peer's messages are malformed (2.21.3) */
};

/** IKE_SA_INIT from a stranger: no SA yet. */
void ike_x_init_request(struct ike *e, const struct ike_path *path, const uint8_t *buf, size_t len);

/** The job is done that an IKE_SA_INIT request, taken up but not answered, waits for. */
void ike_x_init_resume(struct ike_sa *sa);

/** A response that asks for the cookie or the group that our request has by now: a late copy. */
bool ike_x_init_is_copy(const struct ike_sa *sa, const struct ike_msg *m);

enum ike_after ike_x_inter_request(struct ike_sa *sa, const struct ike_msg *m, struct ike_chain *c);
enum ike_after ike_x_auth_request(struct ike_sa *sa, const struct ike_path *path,
	const struct ike_msg *m, struct ike_chain *c);
enum ike_after ike_x_create_request(struct ike_sa *sa, const struct ike_msg *m, struct ike_chain *c);
enum ike_after ike_x_rekey_request(struct ike_sa *sa, const struct ike_msg *m, struct ike_chain *c);
enum ike_after ike_x_follow_request(struct ike_sa *sa, const struct ike_msg *m, struct ike_chain *c);
/** The last additional key exchange of the peer is over: make what it is for. @return 0 or a notify */
uint16_t ike_x_child_complete(struct ike_sa *sa, struct ike_nego *n);
uint16_t ike_x_rekey_complete(struct ike_sa *sa, struct ike_nego *n);
enum ike_after ike_x_info_request(struct ike_sa *sa, const struct ike_path *path,
	const struct ike_msg *m, struct ike_chain *c);

/** The MOBIKE part of an INFORMATIONAL request (RFC 4555). */
/** sa ends: what it had not found out of where the peer is, its successor does. */
void ike_mobike_hand_over(struct ike_sa *sa);
void ike_mobike_request(struct ike_sa *sa, const struct ike_path *path, const struct ike_msg *m,
	struct ike_chain *c);

/** Have the peer delete a child that it believes in and we did not install. */
void ike_x_delete_unwanted(struct ike_sa *sa, const struct ike_nego *n);

/** A notify that refuses a request. INVALID_KE_PAYLOAD: group is its data. */
void ike_x_refuse(struct ike_chain *c, uint16_t type, uint16_t group);

/** Errors that end the IKE SA without a DELETE, in and right after IKE_AUTH (2.21.2). */
bool ike_x_is_fatal(uint16_t error);

/** Delay before a request is tried again that got TEMPORARY_FAILURE. */
uint64_t ike_x_retry_delay(struct ike *e);

#define IKE_X_RETRIES_MAX 10

/** The group an INVALID_KE_PAYLOAD asks for, 0 = malformed. */
uint16_t ike_x_wanted_group(const struct ike_notify *n);

/** "NO_PROPOSAL_CHOSEN", or "notify 4711" in buf. */
const char *ike_x_notify_text(uint16_t type, char *buf, size_t len);

/** A request of ours that makes a child is on its way: what the peer names may be that child. */
bool ike_x_child_in_flight(const struct ike_sa *sa);

#endif
