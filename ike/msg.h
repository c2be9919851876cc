/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_MSG_H
#define IKE_MSG_H

/*
 * A message: header, payload chains (RFC 7296 3.1, 3.2) and which payloads may appear where.
 * Parsing makes views into the datagram and allocates nothing. Pure.
 *
 * Receiving: ike_msg_parse(); for a protected message ike_sk_open() (sk.h), then
 * ike_msg_parse_inner() on the clear bytes; then ike_msg_check(); then decoders of payload.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rd.h"
#include "wire.h"
#include "wr.h"

#define IKE_PAYLOADS_MAX 64 /* per message, both chains together; unknown ones count too */

struct ike_hdr {
	uint64_t spi_i, spi_r; /* host order; spi_r is 0 in the first message */
	uint8_t next;	       /* type of the first payload; builders fill it in */
	uint8_t version;       /* IKE_VERSION; builders fill it in */
	uint8_t exchange;      /* enum ike_exchange */
	uint8_t flags;	       /* enum ike_hdr_flag */
	uint32_t msg_id;
	uint32_t length; /* of the whole message; builders fill it in */
};

struct ike_payload {
	uint8_t type;	       /* enum ike_payload_type, always a known one */
	bool enc;	       /* came from inside the Encrypted payload */
	struct ike_view body;  /* behind the generic header */
};

/** A parsed message. Views live as long as the datagram and the decrypted bytes. */
struct ike_msg {
	struct ike_hdr hdr;
	unsigned int n;
	struct ike_payload pld[IKE_PAYLOADS_MAX]; /* in order; SK and SKF are not among them */
	uint8_t critical; /* first unknown payload with the critical bit, 0 = none */
	unsigned int skipped; /* unknown payloads left out */

	/* the Encrypted (Fragment) payload, RFC 7296 3.14, RFC 7383 2.5 */
	uint8_t sk_type;	/* IKE_PLD_SK, IKE_PLD_SKF, or 0 when there is none */
	uint8_t sk_first;	/* type of the first inner payload; 0 in fragments but the first */
	uint16_t frag_num;	/* SKF: 1..frag_total, else 0 */
	uint16_t frag_total;	/* SKF, else 0 */
	uint8_t inner_first;	/* what ike_msg_parse_inner() was given: AUTH may cover it (RFC 9242) */
	struct ike_view inner;
	struct ike_view sk_aad; /* the message up to the IV: what the ICV covers in the clear */
	struct ike_view sk_body; /* IV, ciphertext with padding, ICV */
};

/** A notify, RFC 7296 3.10. */
struct ike_notify {
	uint8_t protocol; /* enum ike_protocol, 0 without SPI */
	uint16_t type;	  /* enum ike_notify_type or unknown */
	struct ike_view spi;
	struct ike_view data;
};

/**
 * Parse a header. SPIs, exchange and flags are not judged.
 *
 * @return 0; -EBADMSG (short, or Length differs from len); -EPROTONOSUPPORT (major version above
 *         2: INVALID_MAJOR_VERSION; below: drop). The header is filled in with -EPROTONOSUPPORT.
 */
int ike_hdr_parse(struct ike_hdr *hdr, const uint8_t *buf, size_t len);

/**
 * Parse header and outer chain. Notify and Delete bodies are checked for their own lengths, so that
 * iterators cannot fail later. SK and SKF must come last.
 *
 * @return 0; -EBADMSG (INVALID_SYNTAX); -EPROTONOSUPPORT as ike_hdr_parse(); -E2BIG (more than
 *         IKE_PAYLOADS_MAX); -EOPNOTSUPP (m->critical: UNSUPPORTED_CRITICAL_PAYLOAD, all lengths
 *         were right and the rest of m is filled in). With SK or SKF in the message the last is
 *         left to ike_msg_parse_inner(), for nothing is believed before the ICV.
 */
int ike_msg_parse(struct ike_msg *m, const uint8_t *buf, size_t len);

/**
 * Parse decrypted bytes as the inner chain and append it to m.
 *
 * @param first type of the first payload (m->sk_first, or what reassembly gave), 0 = empty chain
 * @return as ike_msg_parse()
 */
int ike_msg_parse_inner(struct ike_msg *m, uint8_t first, const uint8_t *buf, size_t len);

/**
 * Check the occurrence table: which payloads may appear in this exchange and direction, how often,
 * in the clear or encrypted. Minima are not asked for in a response that carries an error notify
 * (or COOKIE). Which optional ones belong together is the exchange's business.
 *
 * @return 0; -EBADMSG (INVALID_SYNTAX); -ENOENT (no such exchange)
 */
int ike_msg_check(const struct ike_msg *m);

bool ike_msg_is_response(const struct ike_msg *m);

/** The first payload of that type, NULL = none. */
const struct ike_payload *ike_msg_find(const struct ike_msg *m, uint8_t type);

/**
 * Next notify in order of appearance.
 *
 * @param pos [in,out] start at 0
 * @return false at the end
 */
bool ike_msg_notify_next(const struct ike_msg *m, unsigned int *pos, struct ike_notify *n);

/** First notify of that type. @param n [out] may be NULL */
bool ike_msg_notify(const struct ike_msg *m, uint16_t type, struct ike_notify *n);

/** Type of the first error notify (below 16384), 0 = none. */
uint16_t ike_msg_error(const struct ike_msg *m);

/* ---- building ---- */

/** A chain of payloads being written; next-payload fields are patched as payloads follow. */
struct ike_chain {
	struct ike_wr w;
	uint8_t first;	  /* type of the first payload, 0 = none yet */
	size_t next_at;	  /* where the next type goes, behind the first payload */
	bool has_hdr;	  /* a whole message: the first type also goes into the header */
};

/** Begin a bare chain: what goes inside SK (ike_sk_seal() takes first, w.buf, w.len). */
void ike_chain_begin(struct ike_chain *c, void *buf, size_t cap);

/** Begin an unprotected message with its header. */
void ike_msg_begin(struct ike_chain *c, void *buf, size_t cap, const struct ike_hdr *hdr);

/** Fill in the header's length. @return bytes of the message, 0 when it did not fit */
size_t ike_msg_end(struct ike_chain *c);

/** Begin a payload: generic header, body to be written to c->w. @return where it starts */
size_t ike_pld_begin(struct ike_chain *c, uint8_t type);
/** Finish it: fill in the length. */
void ike_pld_end(struct ike_chain *c, size_t start);

/** Write a header as given (length and next included). For sk.c, and hand-made messages. */
void ike_hdr_build(struct ike_wr *w, const struct ike_hdr *hdr);

/** "IKE_AUTH", "NO_PROPOSAL_CHOSEN", "TSi" for logs; NULL when unknown. */
const char *ike_exchange_name(uint8_t exchange);
const char *ike_notify_name(uint16_t type);
const char *ike_payload_name(uint8_t type);

#endif
