/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_FUZZ_H
#define IKE_FUZZ_H

/* Every decoder on a payload's body, with what must hold afterwards. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ike/payload.h"

#define MUST(x)                                                                                    \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                    \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static inline void
fuzz_sa(struct ike_view body)
{
	static struct ike_proposals ours[2], offered, back;
	static uint8_t buf[1 << 16];
	struct ike_proposal chosen;
	struct ike_suite a, b;
	struct ike_chain c;

	if (ours[0].n == 0) {
		ike_proposals_default(&ours[0], IKE_PROTO_IKE);
		ike_proposals_default(&ours[1], IKE_PROTO_ESP);
	}
	if (ike_pld_sa_parse(&offered, body) != 0)
		return;
	MUST(offered.n <= IKE_PROPOSALS_MAX);
	for (int i = 0; i < 4; i++) {
		if (ike_proposals_select(&ours[i / 2], &offered, i % 2, &chosen, &a) == 0) {
			MUST(ike_proposal_accept(&ours[i / 2], &chosen, i % 2, &b) == 0);
			MUST(a.encr == b.encr && a.integ == b.integ && a.dh == b.dh);
		}
		if (offered.n > 0)
			ike_proposal_accept(&ours[i / 2], &offered.p[0], i % 2, &b);
	}
	/* what was read is written and read again the same */
	ike_chain_begin(&c, buf, sizeof(buf));
	ike_pld_sa_build(&c, &offered, true);
	MUST(ike_wr_ok(&c.w));
	MUST(offered.n == 0 ||
		ike_pld_sa_parse(&back, (struct ike_view){buf + 4, c.w.len - 4}) == 0);
	MUST(offered.n == 0 || memcmp(&back, &offered, offsetof(struct ike_proposals, p)) == 0);
	for (unsigned int i = 0; i < offered.n; i++)
		MUST(memcmp(&back.p[i], &offered.p[i], sizeof(back.p[i])) == 0);
}

static inline void
fuzz_ts(struct ike_view body)
{
	static struct ike_ts_list offered, policy, out;
	char text[160], err[160];

	if (ike_pld_ts_parse(&offered, body) != 0)
		return;
	MUST(offered.n <= IKE_TS_MAX);
	policy.n = 2;
	MUST(ike_ts_parse(&policy.ts[0], "::/0[gre]", err, sizeof(err)) == 0);
	MUST(ike_ts_parse(&policy.ts[1], "10.0.0.0/8", err, sizeof(err)) == 0);
	for (unsigned int i = 0; i < offered.n; i++)
		ike_ts_str(&offered.ts[i], text, sizeof(text));
	if (ike_ts_narrow(&policy, &offered, &out) == 0)
		MUST(ike_ts_subset(&out, &policy) && ike_ts_subset(&out, &offered));
	MUST(ike_ts_narrow(&offered, &offered, &out) == (offered.n > 0 ? 0 : -2));
}

static inline void
fuzz_id(struct ike_view body)
{
	char text[2 * IKE_ID_MAX + 32];
	uint8_t buf[IKE_ID_BODY_MAX];
	struct ike_id id, back;

	if (ike_pld_id_parse(&id, body) != 0)
		return;
	MUST(ike_id_equal(&id, &id));
	MUST(ike_id_match(&id, &id) == 20);
	ike_id_str(&id, text, sizeof(text));
	MUST(ike_id_parse(&back, text) == 0);
	MUST(ike_id_equal(&id, &back));
	MUST(ike_id_body(&id, buf, sizeof(buf)) == 4U + id.len);
}

static inline void
fuzz_payload(const struct ike_payload *p)
{
	struct ike_delete del;
	struct ike_notify n;
	struct ike_view nonce;
	struct ike_auth auth;
	struct ike_cert cert;
	struct ike_ke ke;

	/* bodies of one type are tried as all the others too: decoders trust nobody */
	fuzz_sa(p->body);
	fuzz_ts(p->body);
	fuzz_id(p->body);
	ike_pld_ke_parse(&ke, p->body);
	ike_pld_auth_parse(&auth, p->body);
	ike_pld_cert_parse(&cert, p->body);
	ike_pld_nonce_parse(&nonce, p->body);
	if (ike_pld_notify_parse(&n, p->body) == 0)
		MUST(4 + n.spi.len + n.data.len == p->body.len);
	else
		MUST(p->type != IKE_PLD_NOTIFY);
	if (ike_pld_delete_parse(&del, p->body) == 0)
		MUST(del.n <= IKE_DELETE_SPIS_MAX);
	else
		MUST(p->type != IKE_PLD_DELETE);
}

static inline void
fuzz_message(const struct ike_msg *m)
{
	struct ike_notify n;
	unsigned int pos = 0, count = 0;

	MUST(m->n + m->skipped <= IKE_PAYLOADS_MAX);
	ike_msg_check(m);
	ike_msg_error(m);
	for (unsigned int i = 0; i < m->n; i++) {
		MUST(ike_payload_name(m->pld[i].type) != NULL);
		MUST(ike_msg_find(m, m->pld[i].type) != NULL);
		count += m->pld[i].type == IKE_PLD_NOTIFY;
		fuzz_payload(&m->pld[i]);
	}
	while (ike_msg_notify_next(m, &pos, &n))
		count--;
	MUST(count == 0);
}

#endif
