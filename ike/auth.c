/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>

#include "auth.h"
#include "conn.h"
#include "payload.h"
#include "ppk.h"
#include "x_inter.h"

void
ike_auth_log(const struct ike_sa *sa, const char *what, const char *cause)
{
	char l[IKE_TEXT_MAX], r[IKE_TEXT_MAX];

	ike_log(sa->e, IKE_LOG_WARN, "IKE", sa->conn->name, "%s: we are '%s', the peer is '%s': %s",
		what, ike_id_str(&sa->local_id, l, sizeof(l)),
		ike_id_str(&sa->remote_id, r, sizeof(r)), cause);
}

/**
 * AUTH of the original initiator or responder. Its first message, the other side's nonce and its
 * own identity are covered.
 */
static int
auth_value(struct ike_sa *sa, bool of_initiator, uint8_t out[IKE_PRF_MAX])
{
	const struct ike_setup *s = sa->setup;
	const struct ike_secret *psk =
		ike_secret_find(&sa->e->index, &sa->local_id, &sa->remote_id);
	const struct ike_id *id = of_initiator == sa->initiator ? &sa->local_id : &sa->remote_id;
	const struct ike_blob *msg = of_initiator ? &s->init_req : &s->init_resp;
	uint8_t body[IKE_ID_BODY_MAX];
	struct ike_view id_body = {.p = body, .len = ike_id_body(id, body, sizeof(body))};
	uint8_t inter[IKE_INT_AUTH_MAX];
	struct ike_view int_auth = {.p = inter, .len = ike_inter_auth(sa, inter)};

	if (psk == NULL) {
		ike_auth_log(sa, "authentication impossible",
			"no pre-shared key is configured for them");
		return -ENOKEY;
	}
	return ike_keymat_auth_psk(&sa->keys, of_initiator,
		(struct ike_view){.p = psk->data, .len = psk->len},
		(struct ike_view){.p = msg->p, .len = msg->len},
		ike_nonce_view(of_initiator ? &s->nr : &s->ni), id_body, int_auth, out);
}

int
ike_auth_build(struct ike_sa *sa, struct ike_chain *c)
{
	uint8_t auth[IKE_PRF_MAX];
	int err = auth_value(sa, sa->initiator, auth);

	if (err == 0)
		ike_pld_auth_build(c, IKE_AUTH_PSK, auth, sa->keys.prf_len);
	ike_wipe(auth, sizeof(auth));
	return err;
}

bool
ike_auth_verify(struct ike_sa *sa, const struct ike_msg *m)
{
	const struct ike_payload *p = ike_msg_find(m, IKE_PLD_AUTH);
	uint8_t want[IKE_PRF_MAX];
	struct ike_auth got;
	bool good;

	if (p == NULL) {
		ike_auth_log(sa, "authentication failed",
			"the peer sends no AUTH payload: it wants EAP, which is not supported");
		return false;
	}
	if (ike_pld_auth_parse(&got, p->body) != 0 || got.method != IKE_AUTH_PSK) {
		ike_auth_log(sa, "authentication failed",
			"the peer does not authenticate by pre-shared key, which is what is "
			"configured");
		return false;
	}
	ike_ppk_pick_auth(sa, m, &got);
	if (auth_value(sa, !sa->initiator, want) != 0)
		return false;
	good = got.data.len == sa->keys.prf_len &&
	       ike_mem_equal(want, got.data.p, sa->keys.prf_len);
	ike_wipe(want, sizeof(want));
	if (!good)
		ike_auth_log(sa, "authentication failed",
			sa->ppk ? "the pre-shared keys or the PPKs of both ends differ, most likely"
				: "the pre-shared keys of both ends differ, most likely");
	return good;
}
