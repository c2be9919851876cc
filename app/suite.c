/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <string.h>

#include "suite.h"

static const struct {
	uint16_t encr;
	enum gw_cipher cipher;
	uint8_t icv_len; /* AEAD; 0 = integrity is another transform's */
	uint16_t default_bits;
} ciphers[] = {
	{IKE_ENCR_NULL, GW_CIPHER_NULL, 0, 0},
	{IKE_ENCR_AES_CBC, GW_CIPHER_AES_CBC, 0, 128},
	{IKE_ENCR_AES_GCM_8, GW_CIPHER_AES_GCM, 8, 128},
	{IKE_ENCR_AES_GCM_12, GW_CIPHER_AES_GCM, 12, 128},
	{IKE_ENCR_AES_GCM_16, GW_CIPHER_AES_GCM, 16, 128},
	{IKE_ENCR_CHACHA20_POLY1305, GW_CIPHER_CHACHA20_POLY1305, 16, 256},
};

static const struct {
	uint16_t integ;
	enum gw_auth auth;
	uint8_t icv_len, key_len;
} auths[] = {
	{IKE_INTEG_HMAC_SHA1_96, GW_AUTH_HMAC_SHA1_96, 12, 20},
	{IKE_INTEG_HMAC_SHA2_256_128, GW_AUTH_HMAC_SHA2_256_128, 16, 32},
	{IKE_INTEG_HMAC_SHA2_384_192, GW_AUTH_HMAC_SHA2_384_192, 24, 48},
	{IKE_INTEG_HMAC_SHA2_512_256, GW_AUTH_HMAC_SHA2_512_256, 32, 64},
};

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

int
gw_suite_alg(const struct ike_suite *suite, struct gw_alg *alg)
{
	size_t c = 0, a = 0;
	uint16_t bits;

	while (c < N_OF(ciphers) && ciphers[c].encr != suite->encr)
		c++;
	if (c == N_OF(ciphers))
		return -ENOTSUP;
	bits = suite->encr_key_bits != 0 ? suite->encr_key_bits : ciphers[c].default_bits;
	*alg = (struct gw_alg){
		.cipher = ciphers[c].cipher,
		.auth = GW_AUTH_AEAD,
		.icv_len = ciphers[c].icv_len,
		.key_len = (uint8_t)(bits / 8),
	};
	if (ciphers[c].icv_len != 0)
		return 0;
	while (a < N_OF(auths) && auths[a].integ != suite->integ)
		a++;
	if (a == N_OF(auths))
		return -ENOTSUP;
	alg->auth = auths[a].auth;
	alg->icv_len = auths[a].icv_len;
	alg->auth_key_len = auths[a].key_len;
	return 0;
}

int
gw_suite_keys(struct gw_alg *alg, const uint8_t *encr, uint8_t encr_len, const uint8_t *integ,
	uint8_t integ_len)
{
	size_t salt_len = alg->auth == GW_AUTH_AEAD ? sizeof(alg->salt) : 0;

	if (alg->key_len > sizeof(alg->key) || encr_len != alg->key_len + salt_len ||
		integ_len != alg->auth_key_len)
		return -EINVAL;
	memcpy(alg->key, encr, alg->key_len);
	memcpy(alg->salt, encr + alg->key_len, salt_len);
	memcpy(alg->auth_key, integ, integ_len);
	return 0;
}

/* The largest payload with this cipher and any integrity algorithm of the proposal; 0 = none fits.
 */
static uint16_t
worst_of_cipher(const struct ike_proposal *p, const struct ike_transform *encr,
	struct gw_sa_params *sa, uint16_t path_mtu)
{
	struct ike_suite suite = {.encr = encr->id, .encr_key_bits = encr->key_bits};
	uint16_t worst = 0;

	if (gw_suite_alg(&suite, &sa->alg) == 0 && sa->alg.auth == GW_AUTH_AEAD)
		return gw_sa_max_payload(sa, path_mtu);
	for (unsigned int i = 0; i < p->n_transforms; i++) {
		uint16_t size;

		suite.integ = p->transforms[i].id;
		if (p->transforms[i].type != IKE_TT_INTEG || gw_suite_alg(&suite, &sa->alg) < 0)
			continue;
		size = gw_sa_max_payload(sa, path_mtu);
		if (worst == 0 || size < worst)
			worst = size;
	}
	return worst;
}

uint16_t
gw_suite_worst_payload(
	const struct ike_conn_cfg *conn, const struct ike_child_cfg *child, uint16_t path_mtu)
{
	struct gw_sa_params sa = {
		.tunnel_mode = child->mode == IKE_MODE_TUNNEL,
		.udp_encap = conn->encap,
	};
	uint16_t worst = 0;

	for (unsigned int i = 0; i < child->esp.n; i++) {
		const struct ike_proposal *p = &child->esp.p[i];

		for (unsigned int j = 0; j < p->n_transforms; j++) {
			uint16_t size;

			if (p->transforms[j].type != IKE_TT_ENCR)
				continue;
			size = worst_of_cipher(p, &p->transforms[j], &sa, path_mtu);
			if (size != 0 && (worst == 0 || size < worst))
				worst = size;
		}
	}
	return worst;
}
