/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_PAYLOAD_H
#define IKE_PAYLOAD_H

/*
 * Decode and encode each payload (RFC 7296 3.3-3.16). Decoders take a body behind its generic
 * header and check every length; views point into it. Encoders append to a chain (msg.h), whose
 * sticky error the caller tests once at the end. Pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "id.h"
#include "msg.h"
#include "proposal.h"
#include "rd.h"
#include "ts.h"

/** Stands for transforms that we cannot choose (unknown number or attribute): matches nothing. */
#define IKE_TRANSFORM_UNKNOWN 0xffff

#define IKE_DELETE_SPIS_MAX 256 /* of one Delete payload; further ones are ignored */

struct ike_ke {
	uint16_t group;
	struct ike_view data;
};

struct ike_auth {
	uint8_t method; /* enum ike_auth_method */
	struct ike_view data;
};

struct ike_delete {
	uint8_t protocol; /* enum ike_protocol */
	uint16_t n;	  /* SPIs in spis; 0 for IKE */
	uint32_t spis[IKE_DELETE_SPIS_MAX]; /* host order */
};

struct ike_cert { /* CERT and CERTREQ */
	uint8_t encoding;
	struct ike_view data;
};

/**
 * SA, RFC 7296 3.3. An offer may be as long as it likes: transforms that we do not implement are
 * kept as one IKE_TRANSFORM_UNKNOWN for each type, so that the type is known to be asked for; of types
 * that we do not know one is kept, so that the proposal is known to be unacceptable (3.3.6).
 * Proposals beyond IKE_PROPOSALS_MAX, and those with an SPI longer than we hold, are left out.
 *
 * @return 0, or -EBADMSG
 */
int ike_pld_sa_parse(struct ike_proposals *out, struct ike_view body);

/** KE, 3.4. @return 0, or -EBADMSG */
int ike_pld_ke_parse(struct ike_ke *out, struct ike_view body);

/** IDi, IDr, 3.5. @return 0, -EBADMSG, or -E2BIG (longer than we hold) */
int ike_pld_id_parse(struct ike_id *out, struct ike_view body);

/** CERT, CERTREQ, 3.6 and 3.7. @return 0, or -EBADMSG */
int ike_pld_cert_parse(struct ike_cert *out, struct ike_view body);

/** AUTH, 3.8. @return 0, or -EBADMSG */
int ike_pld_auth_parse(struct ike_auth *out, struct ike_view body);

/** Nonce, 3.9. @return 0, or -EBADMSG (not 16..256 bytes) */
int ike_pld_nonce_parse(struct ike_view *out, struct ike_view body);

/** Notify, 3.10. @return 0, or -EBADMSG */
int ike_pld_notify_parse(struct ike_notify *out, struct ike_view body);

/** Delete, 3.11. @return 0, or -EBADMSG */
int ike_pld_delete_parse(struct ike_delete *out, struct ike_view body);

/**
 * TSi, TSr, 3.13. Selectors of unknown type are skipped; more than IKE_TS_MAX are left out (which
 * only narrows).
 * @return 0 (the list may be empty), or -EBADMSG
 */
int ike_pld_ts_parse(struct ike_ts_list *out, struct ike_view body);

/** What sets up keys of an IKE SA: IKE_SA_INIT, and its rekeying. Views into the message. */
struct ike_kex {
	struct ike_proposals sa;
	struct ike_ke ke;
	struct ike_view nonce;
};

/** Decode SA, KE and Nonce, all of which must be there. @return 0, or -EBADMSG */
int ike_kex_parse(struct ike_kex *out, const struct ike_msg *m);

/* CP, EAP and Vendor ID have no inner shape that we read: use the body. */

/** A list of ours, numbered from 1, or with keep_numbers as p[].number says. */
void ike_pld_sa_build(struct ike_chain *c, const struct ike_proposals *list, bool keep_numbers);
/** A response's single proposal, number and SPI as in it. */
void ike_pld_sa_build_one(struct ike_chain *c, const struct ike_proposal *p);
void ike_pld_ke_build(struct ike_chain *c, uint16_t group, const void *data, size_t len);
/** @param type IKE_PLD_IDI or IKE_PLD_IDR */
void ike_pld_id_build(struct ike_chain *c, uint8_t type, const struct ike_id *id);
void ike_pld_auth_build(struct ike_chain *c, uint8_t method, const void *data, size_t len);
void ike_pld_nonce_build(struct ike_chain *c, const void *nonce, size_t len);
/** A notify about no SA: protocol 0, no SPI. */
void ike_pld_notify_build(struct ike_chain *c, uint16_t type, const void *data, size_t len);
/**
 * A notify about a CHILD_SA (REKEY_SA, CHILD_SA_NOT_FOUND, INVALID_SELECTORS).
 * @param spi host order
 */
/** The same with the protocol that some RFCs want, and no SPI. */
void ike_pld_notify_build_ike(struct ike_chain *c, uint16_t type, const void *data, size_t len);
void ike_pld_notify_build_spi(struct ike_chain *c, uint8_t protocol, uint32_t spi, uint16_t type,
	const void *data, size_t len);
/** @param spis host order; none with IKE_PROTO_IKE */
void ike_pld_delete_build(struct ike_chain *c, uint8_t protocol, const uint32_t *spis,
	unsigned int n);
/** @param type IKE_PLD_TSI or IKE_PLD_TSR */
void ike_pld_ts_build(struct ike_chain *c, uint8_t type, const struct ike_ts_list *list);
/** A body written by the caller: Vendor ID, CERTREQ, CP, EAP. */
void ike_pld_raw_build(struct ike_chain *c, uint8_t type, const void *body, size_t len);

/**
 * The body of an ID payload as ike_pld_id_build() writes it: what AUTH signs (RFC 7296 2.15).
 * @return its bytes, 0 when cap is too small
 */
size_t ike_id_body(const struct ike_id *id, uint8_t *buf, size_t cap);
#define IKE_ID_BODY_MAX (4 + IKE_ID_MAX)

#endif
