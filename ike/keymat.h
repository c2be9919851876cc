/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_KEYMAT_H
#define IKE_KEYMAT_H

/* Keys of an IKE SA and its children: RFC 7296 2.14, 2.15, 2.17, 2.18. Pure. */

#include <stdbool.h>
#include <stdint.h>

#include "crypto.h"
#include "host.h"
#include "proposal.h"
#include "sk.h"

/** Keys of an IKE SA. i = of what its initiator sends. */
struct ike_keymat {
	struct ike_suite suite;
	uint8_t prf_len;
	uint8_t sk_d[IKE_PRF_MAX];
	uint8_t sk_pi[IKE_PRF_MAX];
	uint8_t sk_pr[IKE_PRF_MAX];
	struct ike_sk_key i; /* SK_ei, SK_ai */
	struct ike_sk_key r; /* SK_er, SK_ar */
};

/** What an exchange gave for keys; views. */
struct ike_keymat_in {
	struct ike_view ni, nr;	/* nonce payload bodies */
	struct ike_view shared;	/* g^ir, len 0 = no KE in a child's exchange */
	struct ike_view more;	/* secrets of additional key exchanges in a row, RFC 9370 2.2.4 */
	uint64_t spi_i, spi_r;	/* of the IKE SA to be keyed, host order; not for children */
};

/** Keys of a CHILD_SA. i = of what the initiator of its exchange sends. */
struct ike_child_keys {
	uint8_t encr_key_len, integ_key_len;
	uint8_t encr_i[IKE_ESP_KEY_MAX], encr_r[IKE_ESP_KEY_MAX]; /* AEAD: salt behind the key */
	uint8_t integ_i[IKE_ESP_KEY_MAX], integ_r[IKE_ESP_KEY_MAX];
};

/** First keys: SKEYSEED = prf(Ni | Nr, g^ir), 2.14. @return 0, -EINVAL (suite), -EIO */
int ike_keymat_init(struct ike_keymat *km, const struct ike_suite *suite,
	const struct ike_keymat_in *in);

/** Keys of the IKE SA that replaces old: SKEYSEED = prf_old(SK_d_old, g^ir | Ni | Nr | more), 2.18. */
int ike_keymat_rekey(struct ike_keymat *km, const struct ike_suite *suite,
	const struct ike_keymat *old, const struct ike_keymat_in *in);

/** What a PPK changes: the keys that further keys and AUTH are made of. */
struct ike_keymat_roots {
	uint8_t sk_d[IKE_PRF_MAX], sk_pi[IKE_PRF_MAX], sk_pr[IKE_PRF_MAX];
};
void ike_keymat_save(const struct ike_keymat *km, struct ike_keymat_roots *out);
void ike_keymat_load(struct ike_keymat *km, const struct ike_keymat_roots *in);

/** Mix a PPK in: each of the three = prf+(PPK, itself), RFC 8784 3. @return 0 or -EIO (km unchanged) */
int ike_keymat_mix(struct ike_keymat *km, struct ike_view ppk);

/** A child's KEYMAT = prf+(SK_d, [g^ir |] Ni | Nr | more), split by 2.17. */
int ike_keymat_child(const struct ike_keymat *km, const struct ike_suite *child,
	const struct ike_keymat_in *in, struct ike_child_keys *out);

/**
 * AUTH by shared secret, 2.15: prf(prf(secret, "Key Pad for IKEv2"), octets).
 *
 * @param initiator whose AUTH: it picks SK_pi or SK_pr
 * @param message   that side's first message, whole IKE_SA_INIT as sent (header included)
 * @param nonce     the other side's nonce
 * @param id_body   that side's ID payload body (type, reserved, data)
 * @param int_auth  RFC 9242 3.3.2, len 0 = there was no IKE_INTERMEDIATE
 * @param out       km->prf_len bytes
 */
int ike_keymat_auth_psk(const struct ike_keymat *km, bool initiator, struct ike_view secret,
	struct ike_view message, struct ike_view nonce, struct ike_view id_body,
	struct ike_view int_auth, uint8_t *out);

/**
 * The MAC over one more IKE_INTERMEDIATE message (RFC 9242 3.3.2): as it would be on the wire if it
 * were neither encrypted nor fragmented.
 *
 * @param initiator  whose message: it picks SK_pi or SK_pr
 * @param before     the one over what that side sent before, len 0 = this is the first
 * @param hdr        its header; next and length are not looked at
 * @param first      type of the first inner payload
 * @param out        km->prf_len bytes
 */
int ike_keymat_int_auth(const struct ike_keymat *km, bool initiator, struct ike_view before,
	const struct ike_hdr *hdr, uint8_t first, struct ike_view inner, uint8_t *out);

/** prf(SK_px, IDx'), the tail of the octets that a signature signs, 2.15. @param out prf_len bytes */
int ike_keymat_maced_id(const struct ike_keymat *km, bool initiator, struct ike_view id_body,
	uint8_t *out);

void ike_keymat_wipe(struct ike_keymat *km);
void ike_child_keys_wipe(struct ike_child_keys *keys);

#endif
