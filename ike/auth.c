/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth.h"
#include "auth_cert.h"
#include "auth_job.h"
#include "conn.h"
#include "payload.h"
#include "ppk.h"
#include "x_inter.h"

#define NO_KEY_FITS "none of our keys makes a signature that both the peer and 'auth' accept"
#define NO_SECRET   "no pre-shared key is configured for them"

void
ike_auth_log(const struct ike_sa *sa, const char *what, const char *cause)
{
	char l[IKE_TEXT_MAX], r[IKE_TEXT_MAX];

	ike_log(sa->e, IKE_LOG_WARN, "IKE", sa->conn->name, "%s: we are '%s', the peer is '%s': %s",
		what, ike_id_str(sa->local_id, l, sizeof(l)),
		ike_id_str(sa->remote_id, r, sizeof(r)), cause);
}

/* ---- what is covered ---- */

/** Whose AUTH it is, and what it covers: that side's first message, the other's nonce, its
 * identity. */
struct covered {
	bool of_initiator;
	struct ike_view message, nonce, id_body;
};

/**
 * @param id_body as it was received: what is RESERVED there is covered too (2.15)
 */
static struct covered
covered(const struct ike_sa *sa, bool ours, struct ike_view id_body)
{
	const struct ike_setup *s = sa->setup;
	bool of_initiator = ours == sa->initiator;
	const struct ike_blob *msg = of_initiator ? &s->init_req : &s->init_resp;

	return (struct covered){
		.of_initiator = of_initiator,
		.message = {.p = msg->p, .len = msg->len},
		.nonce = ike_blob_view(of_initiator ? &s->nr : &s->ni),
		.id_body = id_body,
	};
}

static struct covered
ours(const struct ike_sa *sa, uint8_t body[IKE_ID_BODY_MAX])
{
	struct ike_view v = {.p = body, .len = ike_id_body(sa->local_id, body, IKE_ID_BODY_MAX)};

	return covered(sa, true, v);
}

static struct covered
theirs(const struct ike_sa *sa, const struct ike_msg *m)
{
	const struct ike_payload *p = ike_msg_find(m, sa->initiator ? IKE_PLD_IDR : IKE_PLD_IDI);

	return covered(sa, false, p != NULL ? p->body : (struct ike_view){0});
}

/* ---- pre-shared keys ---- */

static int
psk_value(struct ike_sa *sa, const struct covered *v, uint8_t out[IKE_PRF_MAX])
{
	const struct ike_secret *psk = ike_secret_find(&sa->e->index, sa->local_id, sa->remote_id);
	uint8_t inter[IKE_INT_AUTH_MAX];
	struct ike_view int_auth = {.p = inter, .len = ike_inter_auth(sa, inter)};

	if (psk == NULL) {
		ike_auth_log(sa, "authentication impossible", NO_SECRET);
		return -ENOKEY;
	}
	return ike_keymat_auth_psk(&sa->keys, v->of_initiator,
		(struct ike_view){.p = psk->data, .len = psk->len}, v->message, v->nonce,
		v->id_body, int_auth, out);
}

static int
build_psk(struct ike_sa *sa, const struct covered *v, struct ike_chain *c)
{
	uint8_t auth[IKE_PRF_MAX];
	int err = psk_value(sa, v, auth);

	if (err == 0)
		ike_pld_auth_build(c, IKE_AUTH_PSK, auth, sa->keys.prf_len);
	ike_wipe(auth, sizeof(auth));
	return err;
}

static bool
verify_psk(struct ike_sa *sa, const struct covered *v, const struct ike_auth *got)
{
	uint8_t want[IKE_PRF_MAX];
	bool good;

	if (got->method != IKE_AUTH_PSK) {
		ike_auth_log(sa, "authentication failed",
			"the peer does not authenticate by pre-shared key, which is what is "
			"configured");
		return false;
	}
	if (psk_value(sa, v, want) != 0)
		return false;
	good = got->data.len == sa->keys.prf_len &&
	       ike_mem_equal(want, got->data.p, sa->keys.prf_len);
	ike_wipe(want, sizeof(want));
	if (!good)
		ike_auth_log(sa, "authentication failed",
			sa->ppk ? "the pre-shared keys or the PPKs of both ends differ, most likely"
				: "the pre-shared keys of both ends differ, most likely");
	return good;
}

/* ---- public keys ---- */

/** The octets that a signature signs (2.15, RFC 9242 3.3.2), on the heap. @return 0 or -errno */
static int
signed_octets(const struct ike_sa *sa, const struct covered *v, struct ike_blob *out)
{
	uint8_t maced_id[IKE_PRF_MAX], inter[IKE_INT_AUTH_MAX];
	const struct ike_view parts[] = {v->message, v->nonce,
		{.p = maced_id, .len = sa->keys.prf_len},
		{.p = inter, .len = ike_inter_auth(sa, inter)}};
	size_t len = 0;
	struct ike_wr w;

	*out = (struct ike_blob){0};
	if (ike_keymat_maced_id(&sa->keys, v->of_initiator, v->id_body, maced_id) != 0)
		return -EIO;
	for (unsigned int i = 0; i < 4; i++)
		len += parts[i].len;
	out->p = malloc(len);
	if (out->p == NULL)
		return -ENOMEM;
	out->len = len;
	w = ike_wr_make(out->p, len);
	for (unsigned int i = 0; i < 4; i++)
		ike_wr_bytes(&w, parts[i].p, parts[i].len);
	return 0;
}

/** Have our signature made. @return as ike_sign_job(), -ENOKEY; said why */
static int
make_signature(struct ike_sa *sa, const struct covered *v, enum ike_auth_which which,
	struct ike_sig *sig, struct ike_view *auth)
{
	const struct ike_credential *cred = ike_auth_credential(sa, sig);
	struct ike_blob octets;
	int err;

	if (cred == NULL) {
		ike_auth_log(sa, "authentication impossible", NO_KEY_FITS);
		return -ENOKEY;
	}
	err = signed_octets(sa, v, &octets);
	if (err == 0)
		err = ike_sign_job(sa, which, sig, cred->key, &octets, auth);
	if (err != 0 && err != -EINPROGRESS && err != -EBUSY)
		ike_auth_log(sa, "authentication impossible", "libcrypto cannot sign with our key");
	return err;
}

static int
build_signature(
	struct ike_sa *sa, const struct covered *v, enum ike_auth_which which, struct ike_chain *c)
{
	struct ike_view auth;
	struct ike_sig sig;
	int err = make_signature(sa, v, which, &sig, &auth);

	if (err == 0)
		ike_pld_auth_build(c, sig.method, auth.p, auth.len);
	return err;
}

static int
verify_signature(struct ike_sa *sa, const struct covered *v, const struct ike_msg *m,
	const struct ike_auth *got)
{
	struct ike_blob octets;
	int err = signed_octets(sa, v, &octets);

	return err != 0 ? err : ike_proof_job(sa, m, got, &octets);
}

/* ---- either ---- */

int
ike_auth_prepare(struct ike_sa *sa, enum ike_auth_which which)
{
	uint8_t body[IKE_ID_BODY_MAX];
	struct covered v = ours(sa, body);
	struct ike_view auth;
	struct ike_sig sig;

	if (sa->conn->local.by == IKE_BY_PUBKEY)
		return make_signature(sa, &v, which, &sig, &auth);
	if (ike_secret_find(&sa->e->index, sa->local_id, sa->remote_id) != NULL)
		return 0;
	ike_auth_log(sa, "authentication impossible", NO_SECRET);
	return -ENOKEY;
}

int
ike_auth_build(struct ike_sa *sa, enum ike_auth_which which, struct ike_chain *c)
{
	uint8_t body[IKE_ID_BODY_MAX];
	struct covered v = ours(sa, body);

	return sa->conn->local.by == IKE_BY_PUBKEY ? build_signature(sa, &v, which, c)
						   : build_psk(sa, &v, c);
}

enum ike_auth_by
ike_auth_claimed(const struct ike_msg *m)
{
	const struct ike_payload *p = ike_msg_find(m, IKE_PLD_AUTH);
	struct ike_auth a;

	return p == NULL || ike_pld_auth_parse(&a, p->body) != 0 || a.method == IKE_AUTH_PSK
		       ? IKE_BY_PSK
		       : IKE_BY_PUBKEY;
}

int
ike_auth_verify(struct ike_sa *sa, const struct ike_msg *m)
{
	const struct ike_payload *p = ike_msg_find(m, IKE_PLD_AUTH);
	struct covered v = theirs(sa, m);
	struct ike_auth got;

	if (p == NULL) {
		ike_auth_log(sa, "authentication failed",
			"the peer sends no AUTH payload: it wants EAP, which is not supported");
		return -EACCES;
	}
	if (ike_pld_auth_parse(&got, p->body) != 0) {
		ike_auth_log(sa, "authentication failed", "the peer's AUTH payload is malformed");
		return -EACCES;
	}
	ike_ppk_pick_auth(sa, m, &got);
	if (sa->conn->remote.by == IKE_BY_PUBKEY)
		return verify_signature(sa, &v, m, &got);
	return verify_psk(sa, &v, &got) ? 0 : -EACCES;
}
