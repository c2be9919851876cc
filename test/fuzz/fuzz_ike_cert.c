/* SPDX-License-Identifier: BSD-3-Clause */
/* What peers send to prove themselves: the first byte says AUTH (its method follows) or CERTs (each
 * behind its length). */
#include "ike_fuzz.h"

#include <openssl/x509.h>

#include "ike/cert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
auth(struct ike_rd *r)
{
	uint8_t method = ike_rd_u8(r), der[256];
	struct ike_view value;
	struct ike_sig s, back;
	char text[64];
	size_t len;

	if (ike_sig_parse(&s, method, ike_rd_rest(r), &value) != 0)
		return;
	MUST(s.key != IKE_KEY_OTHER && s.hash >= IKE_HASH_SHA1 && s.hash <= IKE_HASH_IDENTITY);
	MUST(ike_sig_str(&s, text, sizeof(text))[0] != '\0' && strchr(text, '?') == NULL);
	if (method != IKE_AUTH_SIGNATURE)
		return;
	/* what was understood is written and understood again the same */
	len = ike_sig_algorithm(&s, der + 1, sizeof(der) - 2);
	MUST(len > 0);
	der[0] = (uint8_t)len;
	der[1 + len] = 0;
	MUST(ike_sig_parse(&back, method, (struct ike_view){.p = der, .len = len + 2}, &value) ==
		0);
	MUST(memcmp(&s, &back, sizeof(s)) == 0);
}

static void
look_at(X509 *x)
{
	struct ike_id id;
	uint8_t hash[IKE_KEYHASH_LEN];
	char text[512];

	if (ike_cert_subject(x, &id) == 0)
		MUST(ike_cert_has_id(x, &id));
	for (unsigned int type = 1; type < 12; type++) {
		id.type = (uint8_t)type;
		ike_cert_has_id(x, &id);
	}
	ike_cert_str(x, text, sizeof(text));
	ike_cert_keyhash(x, hash);
}

static void
certs(struct ike_rd *r)
{
	static struct ike_trust *none;
	struct ike_cert_claim c = {.revocation = IKE_REVOCATION_STRICT};
	char why[512] = "";

	if (none == NULL)
		none = ike_trust_create(NULL, 0, NULL, 0);
	MUST(none != NULL);
	c.trust = none;
	while (r->left > 0 && c.n < IKE_CERTS_MAX) {
		size_t len = ike_rd_u16(r);
		struct ike_rd one = ike_rd_sub(r, len < r->left ? len : r->left);
		X509 *x = ike_cert_parse(ike_rd_rest(&one));

		if (x == NULL)
			continue;
		look_at(x);
		c.certs[c.n++] = x;
	}
	if (c.n > 0 && ike_cert_subject(c.certs[0], &c.id) == 0) {
		/* nothing is trusted, so nothing is accepted, and the reason is said */
		MUST(ike_cert_verify(&c, why, sizeof(why)) == NULL);
		MUST(why[0] != '\0');
	}
	for (unsigned int i = 0; i < c.n; i++)
		X509_free(c.certs[i]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1);
	struct ike_rd r;

	MUST(copy != NULL);
	memcpy(copy, data, size);
	r = ike_rd_make(copy, size);
	if (ike_rd_u8(&r) == 'a')
		auth(&r);
	else
		certs(&r);
	free(copy);
	return 0;
}
