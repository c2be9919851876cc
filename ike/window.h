/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_WINDOW_H
#define IKE_WINDOW_H

/*
 * Message IDs, the one outstanding request and its retransmission, the cached reply
 * (RFC 7296 2.1-2.3). The window size is 1 in both directions.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IKE_DIGEST_LEN 32

/** A message as it goes on the wire: one datagram, or the fragments of RFC 7383. */
struct ike_flight {
	uint8_t *buf; /* each datagram behind its 16-bit length; NULL = empty */
	size_t len;
};

/** Append a datagram, copied. @return 0, -ENOMEM, -EMSGSIZE */
int ike_flight_add(struct ike_flight *f, const uint8_t *buf, size_t len);
/** Walk: *pos starts at 0. @return the next datagram and its length, NULL at the end */
const uint8_t *ike_flight_next(const struct ike_flight *f, size_t *pos, size_t *len);
void ike_flight_clear(struct ike_flight *f);

/** When a request is repeated: timeout_ms * base^n, no longer than limit_ms (0 = as long as it takes). */
struct ike_backoff {
	uint32_t timeout_ms, tries, limit_ms;
	uint32_t jitter; /* percent, up to which chance shortens each time */
	double base;
};

struct ike_window {
	uint32_t next_out; /* Message ID of our next request, or of the outstanding one */
	uint32_t next_in;  /* Message ID of the peer's next request */
	struct ike_flight request; /* outstanding; empty = none */
	uint32_t tries;		   /* how often it was sent again */
	uint64_t due_ms;	   /* when it is sent again or given up, valid with a request */
	struct ike_flight reply;   /* to the peer's last request */
	uint8_t reply_to[IKE_DIGEST_LEN]; /* digest of (the first fragment of) that request */
};

/* Message IDs do not wrap: near their end the IKE SA is rekeyed, at it closed (2.2). */
#define IKE_MSG_ID_SOFT 0xf0000000u
#define IKE_MSG_ID_HARD 0xfffffff0u

/** The larger one of both counters. */
uint32_t ike_window_top(const struct ike_window *w);

enum ike_window_verdict {
	IKE_WIN_NEW,	/* the next request: handle it */
	IKE_WIN_AGAIN,	/* the last request once more: send the cached reply again */
	IKE_WIN_OTHER,	/* the last request's Message ID on other bytes: cut otherwise, or not the peer's */
	IKE_WIN_IGNORE, /* anything else */
};

/** Where a request with this Message ID stands. digest: of the datagram it came in. */
enum ike_window_verdict ike_window_request(
	const struct ike_window *w, uint32_t id, const uint8_t digest[IKE_DIGEST_LEN]);

/** True when id answers the outstanding request. */
bool ike_window_response(const struct ike_window *w, uint32_t id);

/** Our request went out: takes f's content. chance: 0..UINT16_MAX, of a generator */
void ike_window_sent(struct ike_window *w, struct ike_flight *f, const struct ike_backoff *b,
	uint16_t chance, uint64_t now_ms);

/** The outstanding request was answered: forget it and move on. */
void ike_window_answered(struct ike_window *w);

/** The deadline passed. @return true = send it again, false = give up */
bool ike_window_retry(
	struct ike_window *w, const struct ike_backoff *b, uint16_t chance, uint64_t now_ms);

/** The peer's next request was answered by f, whose content is taken. */
void ike_window_replied(
	struct ike_window *w, struct ike_flight *f, const uint8_t digest[IKE_DIGEST_LEN]);

void ike_window_fini(struct ike_window *w);

/** SHA2-256 of a datagram. @return 0 or -ENOMEM (libcrypto refused) */
int ike_digest(const uint8_t *buf, size_t len, uint8_t out[IKE_DIGEST_LEN]);

#endif
