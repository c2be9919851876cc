/* SPDX-License-Identifier: BSD-3-Clause */
#include "forge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ike/sk.h"

void
forge_connect(struct world *w)
{
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
	world_run(w, 1000);
	world_assert_settled(w, 1);
}

/* ---- asking ---- */

static struct {
	unsigned int from; /* who asks */
	struct ike_sk_key key;
	uint8_t wire[IKE_MSG_MAX], inner[IKE_MSG_MAX];
	struct ike_msg m;
	bool got;
} answer;

static bool
keep_answer(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	struct ike_view clear;

	(void)w;
	if (from == answer.from || (buf[19] & IKE_FLAG_RESPONSE) == 0)
		return true;
	memcpy(answer.wire, buf, *len);
	assert_int_equal(ike_msg_parse(&answer.m, answer.wire, *len), 0);
	assert_int_equal(ike_sk_open(&answer.key, &answer.m, answer.inner, &clear), 0);
	assert_int_equal(ike_msg_parse_inner(&answer.m, answer.m.sk_first, clear.p, clear.len), 0);
	answer.got = true;
	return false;
}

const struct ike_msg *
forge_ask(struct world *w, unsigned int from, uint8_t exchange, struct ike_chain *c)
{
	struct ike_sa *sa = peer_sa(&w->p[from]);

	answer.from = from;
	answer.key = sa->initiator ? sa->keys.r : sa->keys.i;
	answer.got = false;
	w->filter = keep_answer;
	assert_int_equal(ike_send_request(sa, exchange, c, &sa->path), 0);
	world_run(w, 100);
	w->filter = NULL;
	/* the engine goes on as if it had asked nothing */
	ike_window_answered(&sa->win);
	return answer.got ? &answer.m : NULL;
}

/* ---- changing ---- */

static void
inject(struct world *w, unsigned int to, const uint8_t *buf, size_t len)
{
	const struct ike_path path = {w->p[to].addr, w->p[1 - to].addr, 500, 500};

	ike_input(w->p[to].e, &path, buf, len, w->now);
}

/** The keys of the sender of m, NULL while it has none. */
static struct ike_sk_key *
sender_keys(struct peer *p, const struct ike_msg *m)
{
	bool of_initiator = (m->hdr.flags & IKE_FLAG_INITIATOR) != 0;
	struct ike_sa *sa = ike_sa_by_spi(p->e, of_initiator ? m->hdr.spi_i : m->hdr.spi_r);

	assert_non_null(sa);
	return of_initiator ? &sa->keys.i : &sa->keys.r;
}

static bool
apply(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	static uint8_t inner[IKE_MSG_MAX], plain[IKE_MSG_MAX], wire[IKE_WIRE_CAP];
	struct forge *f = w->filter_arg;
	struct ike_sk_key *k;
	struct ike_view clear;
	struct ike_chain c;
	struct ike_msg m;
	ssize_t n;

	if (from != f->from || buf[18] != f->exchange ||
		((buf[19] & IKE_FLAG_RESPONSE) != 0) != f->response)
		return true;
	f->done++;
	assert_int_equal(ike_msg_parse(&m, buf, *len), 0);
	if (m.sk_type == 0) {
		ike_msg_begin(&c, wire, sizeof(wire), &m.hdr);
		f->edit(&m, &c);
		n = (ssize_t)ike_msg_end(&c);
	} else {
		k = sender_keys(&w->p[from], &m);
		assert_int_equal(ike_sk_open(k, &m, inner, &clear), 0);
		assert_int_equal(ike_msg_parse_inner(&m, m.sk_first, clear.p, clear.len), 0);
		ike_chain_begin(&c, plain, sizeof(plain));
		f->edit(&m, &c);
		n = ike_sk_seal(k, &m.hdr, c.first, plain, c.w.len, wire, sizeof(wire));
	}
	assert_true(n > 0);
	inject(w, 1 - from, wire, (size_t)n);
	return false;
}

void
forge_edit(struct world *w, struct forge *f)
{
	f->done = 0;
	w->filter = apply;
	w->filter_arg = f;
}

void
forge_copy(const struct ike_msg *m, struct ike_chain *c, uint8_t but)
{
	for (unsigned int i = 0; i < m->n; i++)
		if (m->pld[i].type != but)
			ike_pld_raw_build(c, m->pld[i].type, m->pld[i].body.p, m->pld[i].body.len);
}
