/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_SK_H
#define IKE_SK_H

/*
 * The Encrypted payload (RFC 7296 3.14, RFC 5282 for AEAD) and Encrypted Fragments (RFC 7383).
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "crypto.h"
#include "msg.h"

/** One direction's keys of an IKE SA. Never copy one that has sealed: AEAD IVs would repeat. */
struct ike_sk_key {
	const struct ike_encr_params *encr;
	const struct ike_integ_params *integ; /* IKE_INTEG_NONE's with AEAD */
	uint8_t encr_key[IKE_CIPHER_MAX];     /* AEAD: salt behind it */
	uint8_t integ_key[IKE_INTEG_MAX];
	uint64_t next_iv; /* AEAD: counter of sealed payloads */
};

/** Most bytes that sealing adds to inner bytes: header, SK header, IV, padding, ICV. */
#define IKE_SK_OVERHEAD_MAX (IKE_HDR_LEN + 8 + IKE_IV_MAX + 16 + IKE_ICV_MAX)

/**
 * Build a protected message.
 *
 * @param hdr   next, version and length are filled in
 * @param first type of the first inner payload, 0 = empty message (a liveness check)
 * @param out   must not overlap inner
 * @return bytes written, -EMSGSIZE (cap or 64 KiB too small), -EIO
 */
ssize_t ike_sk_seal(struct ike_sk_key *k, const struct ike_hdr *hdr, uint8_t first,
	const uint8_t *inner, size_t inner_len, uint8_t *out, size_t cap);

/**
 * Verify and decrypt a parsed message's SK or SKF payload. The datagram stays as it is.
 *
 * @param m    from ike_msg_parse(), sk_type not 0
 * @param out  at least m->sk_body.len bytes
 * @param inner [out] the clear bytes in out, without padding
 * @return 0, -EBADMSG (lengths, ICV or padding wrong, or there is no key any more: drop silently), -EIO
 */
int ike_sk_open(const struct ike_sk_key *k, const struct ike_msg *m, uint8_t *out,
	struct ike_view *inner);

#define IKE_FRAGS_MAX 128 /* fragments of one message, both ways */

/**
 * Build a message as fragments, back to back in out; each one's length is in its own header.
 * A message that fits into frag_max unfragmented is sealed as one SK message instead.
 *
 * @param frag_max largest IKE message, header included (IP and UDP not)
 * @param n        [out] messages in out
 * @return bytes written, -EMSGSIZE (cap, or more than IKE_FRAGS_MAX), -EIO
 */
ssize_t ike_sk_seal_frags(struct ike_sk_key *k, const struct ike_hdr *hdr, uint8_t first,
	const uint8_t *inner, size_t inner_len, size_t frag_max, uint8_t *out, size_t cap,
	unsigned int *n);

/** Length field of a message that we built (at least IKE_HDR_LEN bytes). */
size_t ike_msg_length(const uint8_t *msg);

/** Fragments of one message on their way together; all zero = none. Verified content only. */
struct ike_frags {
	uint64_t since_ms; /* of the first one; the caller's to set */
	uint32_t msg_id;
	uint16_t total; /* 0 = nothing here */
	uint16_t n;	/* there so far */
	uint8_t first;	/* from fragment 1 */
	size_t bytes;	/* of all parts, at most IKE_MSG_MAX */
	struct {
		uint8_t *p; /* heap, len + 1 bytes; NULL = missing */
		uint16_t len;
	} part[IKE_FRAGS_MAX];
};

/**
 * Take an opened SKF message's clear bytes (copied). A new message ID or a larger total starts
 * over (RFC 7383 2.6: the sender tries smaller fragments); duplicates are ignored.
 *
 * @param max bytes that all parts may have together, at most IKE_MSG_MAX
 * @return 1 when the message is complete, 0 when fragments are missing, -EBADMSG (drop it),
 *         -E2BIG (too many or too large), -EMSGSIZE (the message becomes longer than max), -ENOMEM
 */
int ike_frags_add(struct ike_frags *f, const struct ike_msg *m, struct ike_view inner, size_t max);

/**
 * Put a complete message's inner bytes together; f is emptied.
 * @param out f->bytes bytes of room; first: for ike_msg_parse_inner()
 * @return bytes, or -EINVAL (not complete, or cap too small)
 */
ssize_t ike_frags_join(struct ike_frags *f, uint8_t *out, size_t cap, uint8_t *first);

/** Wipe and forget. */
void ike_frags_fini(struct ike_frags *f);

#endif
