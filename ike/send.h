/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_SEND_H
#define IKE_SEND_H

/* Messages on their way out: sealed, split when too large, remembered, sent. Private to ike/. */

#include "sa.h"

/** Where inner payloads of the next message are written. */
void ike_send_begin(struct ike *e, struct ike_chain *c);

/** Seal c's payloads as the next request; it becomes the outstanding one. @return 0 or -errno */
int ike_send_request(struct ike_sa *sa, uint8_t exchange, struct ike_chain *c,
	const struct ike_path *path);

/** The same in the clear: IKE_SA_INIT. msg lies in the engine's wire buffer. */
int ike_send_clear_request(struct ike_sa *sa, const uint8_t *msg, size_t len);

/** Seal c's payloads as the reply to the request in and remember it. */
int ike_send_reply(struct ike_sa *sa, const struct ike_msg *in, struct ike_chain *c,
	const struct ike_path *path, const uint8_t digest[IKE_DIGEST_LEN]);

/** A DELETE for the IKE SA that nobody waits for an answer to: the engine is going. */
void ike_send_farewell(struct ike_sa *sa);

/** Send all datagrams of f. */
void ike_send_flight(struct ike *e, const struct ike_path *path, const struct ike_flight *f);

/** The whole answer to an IKE_SA_INIT request that makes no SA: shorter than the request. */
void ike_send_clear_notify(struct ike *e, const struct ike_path *path, const struct ike_hdr *req,
	uint16_t type, const void *data, size_t len);

/** An error in the clear about a request that makes no sense, at most a few a second (2.21). */
void ike_send_clear_error(struct ike *e, const struct ike_path *path, const struct ike_hdr *req,
	uint16_t type, const void *data, size_t len);

/**
 * Begin an answer in the clear to req; payloads are to follow.
 * @return false when enough were sent this second
 */
bool ike_send_clear_begin(struct ike *e, const struct ike_hdr *req, struct ike_chain *c);
void ike_send_clear_end(struct ike *e, const struct ike_path *path, struct ike_chain *c);

#endif
