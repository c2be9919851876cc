/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Two IKE engines; the input is a script of commands, time and changes to what they send. Since the
 * keys are known, changes are also made behind the encryption: messages are opened, changed and
 * sealed again in the sender's name.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

#define OPS_MAX 64

struct script {
	const uint8_t *p;
	size_t left;
};

static uint8_t
next(struct script *s)
{
	if (s->left == 0)
		return 0;
	s->left--;
	return *s->p++;
}

static size_t
next_below(struct script *s, size_t below)
{
	size_t v = (size_t)next(s) << 8;

	v |= next(s);
	return below == 0 ? 0 : v % below;
}

/* ---- changes to a message ---- */

enum change {
	LEAVE,
	DROP,
	TWICE,
	CLEAR_BYTE,
	CLEAR_CUT,
	INNER_BYTE,
	INNER_WORD,
	INNER_CUT,
	INNER_GROW,
	INNER_TYPE,
	N_CHANGES
};

/** One change and where its bytes come from. */
struct edit {
	struct script *s;
	unsigned int how;
};

static size_t
change_inner(void *arg, uint8_t *inner, size_t len, size_t cap, uint8_t *first)
{
	const struct edit *e = arg;
	struct script *s = e->s;
	size_t at = next_below(s, len), n;

	switch (e->how) {
	case INNER_BYTE:
		if (len > 0)
			inner[at] ^= next(s);
		break;
	case INNER_WORD:
		if (len > at + 1) {
			inner[at] = next(s);
			inner[at + 1] = next(s);
		}
		break;
	case INNER_CUT:
		return at;
	case INNER_GROW:
		for (n = next(s); n > 0 && len < cap; n--)
			inner[len++] = next(s);
		break;
	default:
		*first = next(s);
		break;
	}
	return len;
}

static bool
change(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	struct script *s = w->filter_arg;
	unsigned int how = s->left == 0 ? LEAVE : next(s) % (N_CHANGES + 2);

	switch (how) {
	case DROP:
		return false;
	case TWICE:
		w->dup = 1000;
		return true;
	case CLEAR_BYTE:
		buf[next_below(s, *len)] ^= next(s);
		return true;
	case CLEAR_CUT:
		*len = next_below(s, *len) + 1;
		return true;
	case INNER_BYTE:
	case INNER_WORD:
	case INNER_CUT:
	case INNER_GROW:
	case INNER_TYPE:
		world_edit(w, from, buf, len, change_inner, &(struct edit){s, how});
		return true;
	default:
		w->dup = 0;
		return true;
	}
}

/* ---- the script ---- */

static void
command(struct world *w, struct script *s)
{
	static const struct ike_select children = {.child = "gre"}, sas = {.ike = "gw-gw"};
	uint8_t op = next(s);
	struct peer *p = &w->p[op >> 7];

	switch (op & 0x0f) {
	case 0:
		ike_initiate(p->e, NULL, (op & 0x10) != 0 ? "other" : "gre", w->now);
		break;
	case 1:
		ike_rekey(p->e, &children, w->now);
		break;
	case 2:
		ike_rekey(p->e, &sas, w->now);
		break;
	case 3:
		ike_terminate(p->e, &children, w->now);
		break;
	case 4:
		ike_terminate(p->e, &sas, w->now);
		break;
	case 5:
		peer_kill(p);
		peer_start(p);
		break;
	case 6:
		w->nat = !w->nat;
		break;
	case 7:
		p->fail_add = p->fail_add == 0 ? 12 : 0;
		break;
	case 8:
		world_run(w, 30000);
		break;
	default:
		world_run(w, 10u << (op >> 4 & 7));
		break;
	}
}

static void
configure(struct world *w, uint8_t flags)
{
	for (unsigned int i = 0; i < 2; i++) {
		w->p[i].conn.n_children = 2;
		w->p[i].conn.dpd_delay_s = 5;
		w->p[i].conn.encap = (flags & 1) != 0 && i == 0;
		w->p[i].children[0].mode =
			(flags >> (1 + i) & 1) != 0 ? IKE_MODE_TUNNEL : IKE_MODE_TRANSPORT;
		w->p[i].cfg.retransmit_tries = 2;
		w->p[i].cfg.cookie_threshold = (flags & 8) != 0 ? 1 : 0;
		if ((flags & 16) != 0)
			w->p[i].conn.fragmentation = IKE_FRAG_NO;
		if ((flags & 32) != 0)
			peer_proposals(
				&w->p[i], "aes128gcm16-prfsha256-x25519", "aes128-sha256-x25519");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script s = {data, size};
	struct world *w = world_create(1);

	configure(w, next(&s));
	w->filter = change;
	w->filter_arg = &s;
	w->esp_every_ms = 200;
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	for (unsigned int n = 0; n < OPS_MAX && s.left > 0; n++)
		command(w, &s);
	world_run(w, 20000);
	/* creates as many objects as it destroys, whatever came */
	world_destroy(w);
	return 0;
}
