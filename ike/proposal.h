/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_PROPOSAL_H
#define IKE_PROPOSAL_H

/* Proposals: RFC 7296 sections 2.7 and 3.3, and swanctl.conf's keywords for them. Pure. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ike_protocol { IKE_PROTO_IKE = 1, IKE_PROTO_AH = 2, IKE_PROTO_ESP = 3 };

enum ike_transform_type {
	IKE_TT_ENCR = 1,
	IKE_TT_PRF = 2,
	IKE_TT_INTEG = 3,
	IKE_TT_DH = 4,
	IKE_TT_ESN = 5,
	/* additional key exchanges (RFC 9370 2.1): methods are those of IKE_TT_DH */
	IKE_TT_ADDKE1 = 6,
	IKE_TT_ADDKE7 = 12,
	IKE_TT_TOO_MANY = 255, /* ours: stands for transforms that there was no room for */
};

#define IKE_ADDKE_MAX 7

/* IANA numbers; the ones we implement */
enum ike_encr {
	IKE_ENCR_NULL = 11,
	IKE_ENCR_AES_CBC = 12,
	IKE_ENCR_AES_GCM_8 = 18,
	IKE_ENCR_AES_GCM_12 = 19,
	IKE_ENCR_AES_GCM_16 = 20,
	IKE_ENCR_CHACHA20_POLY1305 = 28,
};
enum ike_prf {
	IKE_PRF_HMAC_SHA1 = 2,
	IKE_PRF_HMAC_SHA2_256 = 5,
	IKE_PRF_HMAC_SHA2_384 = 6,
	IKE_PRF_HMAC_SHA2_512 = 7,
};
enum ike_integ {
	IKE_INTEG_NONE = 0,
	IKE_INTEG_HMAC_SHA1_96 = 2,
	IKE_INTEG_HMAC_SHA2_256_128 = 12,
	IKE_INTEG_HMAC_SHA2_384_192 = 13,
	IKE_INTEG_HMAC_SHA2_512_256 = 14,
};
enum ike_dh {
	IKE_DH_NONE = 0,
	IKE_DH_MODP_1024 = 2,
	IKE_DH_MODP_1536 = 5,
	IKE_DH_MODP_2048 = 14,
	IKE_DH_MODP_3072 = 15,
	IKE_DH_MODP_4096 = 16,
	IKE_DH_MODP_6144 = 17,
	IKE_DH_MODP_8192 = 18,
	IKE_DH_ECP_256 = 19,
	IKE_DH_ECP_384 = 20,
	IKE_DH_ECP_521 = 21,
	IKE_DH_CURVE25519 = 31,
	IKE_DH_CURVE448 = 32,
	IKE_DH_MLKEM_768 = 36, /* a KEM; with OpenSSL 3.5 only, as an additional exchange only */
};
enum ike_esn { IKE_ESN_NO = 0, IKE_ESN_YES = 1 };

struct ike_transform {
	uint8_t type;	   /* enum ike_transform_type */
	uint16_t id;	   /* IANA number */
	uint16_t key_bits; /* key length attribute, 0 = absent */
};

#define IKE_TRANSFORMS_MAX 64 /* per proposal */
#define IKE_PROPOSALS_MAX  16 /* per list */
#define IKE_SPI_MAX	   8

struct ike_proposal {
	uint8_t number;	  /* as on the wire; 0 in configuration */
	uint8_t protocol; /* enum ike_protocol */
	uint8_t spi_len;
	uint8_t spi[IKE_SPI_MAX];
	uint8_t n_transforms;
	struct ike_transform transforms[IKE_TRANSFORMS_MAX]; /* order of preference in each type */
};

struct ike_proposals {
	uint8_t n;
	struct ike_proposal p[IKE_PROPOSALS_MAX]; /* in order of preference */
};

/** What was agreed: one transform of each type; key bits explicit; 0 where a type is absent. */
struct ike_suite {
	uint16_t encr, encr_key_bits, integ, prf, dh;
	bool esn;
	uint16_t addke[IKE_ADDKE_MAX]; /* additional key exchanges, IKE_DH_NONE = none in that place */
};

/**
 * Parse one proposal of keywords joined by '-' ("aes128-sha1-modp1024"); VICI.md-style rules:
 * IKE without a PRF keyword derives PRFs from the integrity keywords; ESP drops PRFs; AEAD and
 * classic ciphers never share a proposal; neither esn nor noesn means noesn. "default" appends the
 * default list (never a legacy algorithm in it).
 *
 * @param list  [in,out] appended to
 * @param err   [out] on failure a sentence that names the keyword and what would be right
 * @return 0, -EINVAL (err says why), -E2BIG (too many)
 */
int ike_proposals_parse(struct ike_proposals *list, enum ike_protocol protocol, const char *text,
	char *err, size_t err_len);

/** Append the default proposals for protocol: strong algorithms only. */
void ike_proposals_default(struct ike_proposals *list, enum ike_protocol protocol);

/** Leave out the proposals whose SPI is not of that length: they are none for the exchange (3.3.1). */
void ike_proposals_keep_spi(struct ike_proposals *list, uint8_t spi_len);

static inline bool
ike_is_addke(uint8_t type)
{
	return type >= IKE_TT_ADDKE1 && type <= IKE_TT_ADDKE7;
}

/** Some proposal asks for additional key exchanges. */
bool ike_proposals_have_addke(const struct ike_proposals *list);

/** The peer cannot do additional key exchanges: none of those it offers can be chosen. */
void ike_proposals_refuse_addke(struct ike_proposals *list);

/** Leave all additional key exchanges out. */
void ike_proposals_strip_addke(struct ike_proposals *list);

/** The place of the first additional key exchange from place on, IKE_ADDKE_MAX = none. */
unsigned int ike_suite_addke(const struct ike_suite *suite, unsigned int place);

/**
 * Choose from what the peer offers; our order decides (strongSwan's prefer_configured_proposals).
 * A key exchange method is chosen once only, whatever it is chosen for (RFC 9370 2.2.1).
 *
 * @param with_dh    false in IKE_AUTH, where groups are ignored
 * @param chosen     [out] the one transform of each type; number and SPI copied from the offer
 * @return 0, or -ENOENT when nothing fits
 */
int ike_proposals_select(const struct ike_proposals *ours, const struct ike_proposals *offered,
	bool with_dh, struct ike_proposal *chosen, struct ike_suite *suite);

/**
 * Check, as initiator, that the responder's single proposal is a subset of one we offered with
 * exactly one transform of each type, and read it.
 * @return 0, or -EINVAL
 */
int ike_proposal_accept(const struct ike_proposals *offered, const struct ike_proposal *answer,
	bool with_dh, struct ike_suite *suite);

/** strongSwan's spelling of a transform: "AES_CBC", "HMAC_SHA1_96", "MODP_1024"; NULL if unknown. */
const char *ike_transform_name(uint8_t type, uint16_t id);

/** True for what RFC 8221 and 8247 call SHOULD NOT, MUST NOT or MUST-: DH below 2048, SHA1, NULL. */
bool ike_transform_is_legacy(uint8_t type, uint16_t id);

#endif
