/* SPDX-License-Identifier: BSD-3-Clause */
#include "keymat.h"

#include <errno.h>
#include <string.h>

static struct ike_view
view(const void *p, size_t len)
{
	return (struct ike_view){.p = p, .len = len};
}

/* ---- IKE SA ---- */

static int
bind_suite(struct ike_keymat *km, const struct ike_suite *suite)
{
	const struct ike_encr_params *ep = ike_encr_params(suite->encr, suite->encr_key_bits);
	const struct ike_integ_params *ip;

	/* an AEAD may come with whatever the caller left in integ; it has no key then */
	ip = ike_integ_params(
		ep != NULL && ep->icv_len > 0 ? (uint16_t)IKE_INTEG_NONE : suite->integ);
	if (ep == NULL || ip == NULL || ike_prf_len(suite->prf) == 0)
		return -EINVAL;
	if (ep->id == IKE_ENCR_NULL || (ep->icv_len == 0 && ip->icv_len == 0))
		return -EINVAL;
	memset(km, 0, sizeof(*km));
	km->suite = *suite;
	km->prf_len = (uint8_t)ike_prf_len(suite->prf);
	km->i.encr = km->r.encr = ep;
	km->i.integ = km->r.integ = ip;
	return 0;
}

#define IKE_KEYS_MAX (3 * IKE_PRF_MAX + 2 * IKE_INTEG_MAX + 2 * IKE_CIPHER_MAX)

static void
put_spi(uint8_t *buf, uint64_t spi)
{
	for (int i = 0; i < 8; i++)
		buf[i] = (uint8_t)(spi >> (56 - 8 * i));
}

/** {SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr} = prf+(SKEYSEED, Ni | Nr | SPIi | SPIr)
 */
static int
expand(struct ike_keymat *km, struct ike_view skeyseed, const struct ike_keymat_in *in)
{
	size_t prf = km->prf_len, integ = km->i.integ->key_len;
	size_t encr = (size_t)km->i.encr->key_len + km->i.encr->salt_len;
	uint8_t buf[IKE_KEYS_MAX], spis[16];
	const struct ike_view seed[] = {in->ni, in->nr, view(spis, sizeof(spis))};
	struct ike_rd r = ike_rd_make(buf, 3 * prf + 2 * integ + 2 * encr);
	int ret;

	put_spi(spis, in->spi_i);
	put_spi(spis + 8, in->spi_r);
	ret = ike_prf_plus(km->suite.prf, skeyseed, seed, 3, buf, r.left);
	if (ret == 0) {
		ike_rd_copy(&r, km->sk_d, prf);
		ike_rd_copy(&r, km->i.integ_key, integ);
		ike_rd_copy(&r, km->r.integ_key, integ);
		ike_rd_copy(&r, km->i.encr_key, encr);
		ike_rd_copy(&r, km->r.encr_key, encr);
		ike_rd_copy(&r, km->sk_pi, prf);
		ike_rd_copy(&r, km->sk_pr, prf);
	}
	ike_wipe(buf, sizeof(buf));
	return ret;
}

int
ike_keymat_init(
	struct ike_keymat *km, const struct ike_suite *suite, const struct ike_keymat_in *in)
{
	uint8_t key[2 * IKE_NONCE_MAX], skeyseed[IKE_PRF_MAX];
	struct ike_wr w = ike_wr_make(key, sizeof(key));
	int ret;

	ret = bind_suite(km, suite);
	if (ret < 0)
		return ret;
	ike_wr_bytes(&w, in->ni.p, in->ni.len);
	ike_wr_bytes(&w, in->nr.p, in->nr.len);
	if (!ike_wr_ok(&w))
		return -EINVAL;
	ret = ike_prf(suite->prf, view(key, w.len), &in->shared, 1, skeyseed);
	if (ret == 0)
		ret = expand(km, view(skeyseed, km->prf_len), in);
	ike_wipe(skeyseed, sizeof(skeyseed));
	if (ret < 0)
		ike_keymat_wipe(km);
	return ret;
}

int
ike_keymat_rekey(struct ike_keymat *km, const struct ike_suite *suite, const struct ike_keymat *old,
	const struct ike_keymat_in *in)
{
	const struct ike_view seed[] = {in->shared, in->ni, in->nr, in->more};
	uint8_t skeyseed[IKE_PRF_MAX];
	int ret;

	ret = bind_suite(km, suite);
	if (ret < 0)
		return ret;
	/* the old SA's PRF makes SKEYSEED, the new one's goes on from it (2.18) */
	ret = ike_prf(old->suite.prf, view(old->sk_d, old->prf_len), seed, 4, skeyseed);
	if (ret == 0)
		ret = expand(km, view(skeyseed, old->prf_len), in);
	ike_wipe(skeyseed, sizeof(skeyseed));
	if (ret < 0)
		ike_keymat_wipe(km);
	return ret;
}

void
ike_keymat_save(const struct ike_keymat *km, struct ike_keymat_roots *out)
{
	memcpy(out->sk_d, km->sk_d, sizeof(out->sk_d));
	memcpy(out->sk_pi, km->sk_pi, sizeof(out->sk_pi));
	memcpy(out->sk_pr, km->sk_pr, sizeof(out->sk_pr));
}

void
ike_keymat_load(struct ike_keymat *km, const struct ike_keymat_roots *in)
{
	memcpy(km->sk_d, in->sk_d, sizeof(in->sk_d));
	memcpy(km->sk_pi, in->sk_pi, sizeof(in->sk_pi));
	memcpy(km->sk_pr, in->sk_pr, sizeof(in->sk_pr));
}

int
ike_keymat_mix(struct ike_keymat *km, struct ike_view ppk)
{
	struct ike_keymat_roots out = {0};
	uint8_t *const to[] = {out.sk_d, out.sk_pi, out.sk_pr};
	const uint8_t *const from[] = {km->sk_d, km->sk_pi, km->sk_pr};
	int ret = 0;

	for (unsigned int i = 0; i < 3 && ret == 0; i++) {
		const struct ike_view seed = view(from[i], km->prf_len);

		ret = ike_prf_plus(km->suite.prf, ppk, &seed, 1, to[i], km->prf_len);
	}
	if (ret == 0)
		ike_keymat_load(km, &out);
	ike_wipe(&out, sizeof(out));
	return ret;
}

void
ike_keymat_wipe(struct ike_keymat *km)
{
	ike_wipe(km, sizeof(*km));
}

/* ---- CHILD_SA ---- */

int
ike_keymat_child(const struct ike_keymat *km, const struct ike_suite *child,
	const struct ike_keymat_in *in, struct ike_child_keys *out)
{
	const struct ike_encr_params *ep = ike_encr_params(child->encr, child->encr_key_bits);
	const struct ike_integ_params *ip = ike_integ_params(
		ike_encr_is_aead(child->encr) ? (uint16_t)IKE_INTEG_NONE : child->integ);
	const struct ike_view seed[] = {in->shared, in->ni, in->nr, in->more};
	uint8_t buf[2 * (IKE_CIPHER_MAX + IKE_INTEG_MAX)];
	struct ike_rd r;
	size_t encr, integ;
	int ret;

	if (ep == NULL || ip == NULL || (ep->icv_len == 0 && ip->icv_len == 0))
		return -EINVAL;
	encr = (size_t)ep->key_len + ep->salt_len;
	integ = ip->key_len;
	r = ike_rd_make(buf, 2 * (encr + integ));
	ret = ike_prf_plus(km->suite.prf, view(km->sk_d, km->prf_len), seed, 4, buf, r.left);
	memset(out, 0, sizeof(*out));
	if (ret == 0) {
		/* the initiator's direction first, in each the cipher's key first (2.17) */
		out->encr_key_len = (uint8_t)encr;
		out->integ_key_len = (uint8_t)integ;
		ike_rd_copy(&r, out->encr_i, encr);
		ike_rd_copy(&r, out->integ_i, integ);
		ike_rd_copy(&r, out->encr_r, encr);
		ike_rd_copy(&r, out->integ_r, integ);
	}
	ike_wipe(buf, sizeof(buf));
	return ret;
}

void
ike_child_keys_wipe(struct ike_child_keys *keys)
{
	ike_wipe(keys, sizeof(*keys));
}

/* ---- AUTH ---- */

int
ike_keymat_maced_id(
	const struct ike_keymat *km, bool initiator, struct ike_view id_body, uint8_t *out)
{
	const uint8_t *sk_p = initiator ? km->sk_pi : km->sk_pr;

	return ike_prf(km->suite.prf, view(sk_p, km->prf_len), &id_body, 1, out);
}

int
ike_keymat_auth_psk(const struct ike_keymat *km, bool initiator, struct ike_view secret,
	struct ike_view message, struct ike_view nonce, struct ike_view id_body,
	struct ike_view int_auth, uint8_t *out)
{
	static const char pad[] = "Key Pad for IKEv2";
	const struct ike_view pad_view = view(pad, sizeof(pad) - 1);
	uint8_t maced_id[IKE_PRF_MAX], key[IKE_PRF_MAX];
	const struct ike_view octets[] = {message, nonce, view(maced_id, km->prf_len), int_auth};
	int ret;

	ret = ike_keymat_maced_id(km, initiator, id_body, maced_id);
	if (ret == 0)
		ret = ike_prf(km->suite.prf, secret, &pad_view, 1, key);
	if (ret == 0)
		ret = ike_prf(km->suite.prf, view(key, km->prf_len), octets, 4, out);
	ike_wipe(key, sizeof(key));
	return ret;
}

int
ike_keymat_int_auth(const struct ike_keymat *km, bool initiator, struct ike_view before,
	const struct ike_hdr *hdr, uint8_t first, struct ike_view inner, uint8_t *out)
{
	const uint8_t *sk_p = initiator ? km->sk_pi : km->sk_pr;
	uint8_t head[IKE_HDR_LEN + IKE_PLD_HDR_LEN];
	struct ike_wr w = ike_wr_make(head, sizeof(head));
	const struct ike_view parts[] = {before, view(head, sizeof(head)), inner};
	struct ike_hdr h = *hdr;

	/* of the Encrypted payload only its header is there, and lengths are without IV, padding
	 * and ICV */
	h.next = IKE_PLD_SK;
	h.length = (uint32_t)(sizeof(head) + inner.len);
	ike_hdr_build(&w, &h);
	ike_wr_u8(&w, first);
	ike_wr_u8(&w, 0);
	ike_wr_u16(&w, (uint16_t)(IKE_PLD_HDR_LEN + inner.len));
	return ike_prf(km->suite.prf, view(sk_p, km->prf_len), parts, 3, out);
}
