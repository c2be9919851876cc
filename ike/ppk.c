/* SPDX-License-Identifier: BSD-3-Clause */

#include "ppk.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "auth.h"
#include "conn.h"

#define PPK_ID_FIXED 2    /* RFC 8784 5.1; 1 is opaque, for which nobody but its maker has a use */
#define AUTH_MAX     8192 /* our AUTH payload by any method */

static void
say(const struct ike_sa *sa, enum ike_log_level level, const struct ike_id *id, const char *what)
{
	char text[IKE_TEXT_MAX];

	ike_log(sa->e, level, "IKE", sa->conn->name, "PPK '%s' %s",
		ike_id_str(id, text, sizeof(text)), what);
}

/** What becomes of it, once: a handler that waited for a job runs again. */
static void
tell(struct ike_sa *sa, const struct ike_id *id, const char *what)
{
	if (!sa->setup->told_ppk)
		say(sa, IKE_LOG_INFO, id, what);
	sa->setup->told_ppk = true;
}

/** The keys as the key exchange gave them; kept at the first call. */
static int
start_over(struct ike_sa *sa)
{
	struct ike_setup *s = sa->setup;

	if (s->plain != NULL) {
		ike_keymat_load(&sa->keys, s->plain);
	} else {
		s->plain = malloc(sizeof(*s->plain));
		if (s->plain == NULL)
			return -ENOMEM;
		ike_keymat_save(&sa->keys, s->plain);
	}
	s->no_ppk_auth = false;
	sa->ppk = false;
	return 0;
}

/** @return 0, -ENOKEY (there is no such PPK), -EIO */
static int
mix(struct ike_sa *sa, const struct ike_id *id)
{
	const struct ike_secret *ppk = ike_ppk_find(&sa->e->index, id);
	int err;

	if (ppk == NULL)
		return -ENOKEY;
	err = ike_keymat_mix(&sa->keys, (struct ike_view){.p = ppk->data, .len = ppk->len});
	sa->ppk = err == 0;
	return err;
}

bool
ike_ppk_wanted(const struct ike_sa *sa)
{
	/* a responder does not know yet who asks: any PPK may turn out to be the one */
	return sa->initiator ? ike_id_is_concrete(&sa->conn->ppk_id) : sa->e->index.n_ppks > 0;
}

void
ike_ppk_agree(struct ike_sa *sa, bool peer_uses)
{
	sa->setup->use_ppk = peer_uses && ike_ppk_wanted(sa);
}

/* ---- initiator ---- */

bool
ike_ppk_missing(const struct ike_sa *sa)
{
	return sa->conn->ppk_required && !sa->setup->use_ppk;
}

int
ike_ppk_mix(struct ike_sa *sa)
{
	int err;

	if (!sa->setup->use_ppk)
		return 0;
	err = start_over(sa);
	if (err != 0)
		return err;
	err = mix(sa, &sa->conn->ppk_id);
	if (err != -ENOKEY)
		return err;
	if (sa->conn->ppk_required) {
		say(sa, IKE_LOG_WARN, &sa->conn->ppk_id,
			"is required and no secret is configured for it");
		return err;
	}
	tell(sa, &sa->conn->ppk_id, "has no secret; it is not required: going on without");
	return 0;
}

/** The AUTH data that the keys without PPK give: what an AUTH payload would hold. */
static int
build_no_ppk_auth(struct ike_sa *sa, struct ike_chain *c)
{
	uint8_t buf[AUTH_MAX];
	struct ike_keymat_roots mixed;
	struct ike_chain alone;
	struct ike_auth auth;
	int err;

	ike_keymat_save(&sa->keys, &mixed);
	ike_keymat_load(&sa->keys, sa->setup->plain);
	ike_chain_begin(&alone, buf, sizeof(buf));
	err = ike_auth_build(sa, IKE_AUTH_NO_PPK, &alone);
	if (err == 0 && (!ike_wr_ok(&alone.w) || alone.w.len < IKE_PLD_HDR_LEN))
		err = -EMSGSIZE;
	if (err == 0)
		err = ike_pld_auth_parse(&auth, (struct ike_view){.p = buf + IKE_PLD_HDR_LEN,
							.len = alone.w.len - IKE_PLD_HDR_LEN});
	if (err == 0)
		ike_pld_notify_build(c, IKE_N_NO_PPK_AUTH, auth.data.p, auth.data.len);
	ike_keymat_load(&sa->keys, &mixed);
	ike_wipe(&mixed, sizeof(mixed));
	ike_wipe(buf, sizeof(buf));
	return err;
}

int
ike_ppk_prepare(struct ike_sa *sa)
{
	struct ike_keymat_roots mixed;
	int err;

	if (!sa->ppk || sa->conn->ppk_required)
		return 0;
	ike_keymat_save(&sa->keys, &mixed);
	ike_keymat_load(&sa->keys, sa->setup->plain);
	err = ike_auth_prepare(sa, IKE_AUTH_NO_PPK);
	ike_keymat_load(&sa->keys, &mixed);
	ike_wipe(&mixed, sizeof(mixed));
	return err;
}

int
ike_ppk_build(struct ike_sa *sa, struct ike_chain *c)
{
	const struct ike_id *id = &sa->conn->ppk_id;
	uint8_t data[1 + IKE_ID_MAX];

	if (!sa->ppk)
		return 0;
	data[0] = PPK_ID_FIXED;
	memcpy(data + 1, id->data, id->len);
	ike_pld_notify_build(c, IKE_N_PPK_IDENTITY, data, 1U + id->len);
	return sa->conn->ppk_required ? 0 : build_no_ppk_auth(sa, c);
}

bool
ike_ppk_used(struct ike_sa *sa, const struct ike_msg *m)
{
	if (!sa->ppk)
		return true;
	if (ike_msg_notify(m, IKE_N_PPK_IDENTITY, NULL)) {
		tell(sa, &sa->conn->ppk_id, "is used");
		return true;
	}
	if (sa->conn->ppk_required) {
		say(sa, IKE_LOG_WARN, &sa->conn->ppk_id,
			"is required and the peer did not use it: authentication failed");
		return false;
	}
	tell(sa, &sa->conn->ppk_id, "is unknown to the peer; it is not required: going on without");
	return start_over(sa) == 0;
}

/* ---- responder ---- */

/** A name on the wire has no type: text is read as configuration is, anything else is a key id. */
static bool
read_id(struct ike_id *id, struct ike_view data)
{
	char text[IKE_ID_MAX + 1];
	size_t len = data.len - 1;

	if (data.len < 2 || len > IKE_ID_MAX || data.p[0] != PPK_ID_FIXED)
		return false;
	*id = (struct ike_id){.type = IKE_ID_KEY_ID, .len = (uint16_t)len};
	memcpy(id->data, data.p + 1, len);
	for (size_t i = 0; i < len; i++)
		if (!isprint(id->data[i]))
			return true;
	memcpy(text, id->data, len);
	text[len] = '\0';
	/* a name that is meant for a pattern of ours is not one */
	if (ike_id_parse(id, text) != 0 || !ike_id_is_concrete(id)) {
		*id = (struct ike_id){.type = IKE_ID_KEY_ID, .len = (uint16_t)len};
		memcpy(id->data, text, len);
	}
	return true;
}

/** No PPK for this peer. @return true when both ends can do without */
static bool
fall_back(struct ike_sa *sa, const struct ike_msg *m, const struct ike_id *id)
{
	if (sa->conn->ppk_required) {
		say(sa, IKE_LOG_WARN, id,
			"is what the peer names, no secret is configured for it, and "
			"ppk_required is set: authentication failed");
		return false;
	}
	if (!ike_msg_notify(m, IKE_N_NO_PPK_AUTH, NULL)) {
		say(sa, IKE_LOG_WARN, id,
			"is what the peer requires, and no secret is configured for it: "
			"authentication failed");
		return false;
	}
	tell(sa, id, "has no secret here; both ends can do without");
	sa->setup->no_ppk_auth = true;
	return true;
}

bool
ike_ppk_request(struct ike_sa *sa, const struct ike_msg *m)
{
	struct ike_notify n;
	struct ike_id id;
	int err;

	if (start_over(sa) != 0)
		return false;
	if (!sa->setup->use_ppk || !ike_msg_notify(m, IKE_N_PPK_IDENTITY, &n)) {
		if (sa->conn->ppk_required)
			ike_auth_log(sa, "authentication failed",
				"ppk_required is set, and the peer uses no PPK");
		return !sa->conn->ppk_required;
	}
	if (!read_id(&id, n.data)) {
		ike_auth_log(sa, "authentication failed", "the peer's PPK_IDENTITY is malformed");
		return false;
	}
	if (ike_id_match(&id, &sa->conn->ppk_id) == 0) {
		say(sa, IKE_LOG_WARN, &id, "is what the peer names");
		say(sa, IKE_LOG_WARN, &sa->conn->ppk_id,
			"is what ppk_id demands: authentication failed");
		return false;
	}
	err = mix(sa, &id);
	if (err == 0)
		tell(sa, &id, "is used");
	return err == 0 || (err == -ENOKEY && fall_back(sa, m, &id));
}

void
ike_ppk_pick_auth(const struct ike_sa *sa, const struct ike_msg *m, struct ike_auth *auth)
{
	struct ike_notify n;

	if (sa->setup->no_ppk_auth && ike_msg_notify(m, IKE_N_NO_PPK_AUTH, &n))
		auth->data = n.data;
}

void
ike_ppk_answer(const struct ike_sa *sa, struct ike_chain *c)
{
	if (sa->ppk)
		ike_pld_notify_build(c, IKE_N_PPK_IDENTITY, NULL, 0);
}
