/* SPDX-License-Identifier: BSD-3-Clause */
#include "ike_edit.h"

#include <string.h>

#include "ike/payload.h"
#include "ike/sk.h"

#define ITEMS_MAX 48
#define BODY_MAX  512 /* of what is inserted */

struct item {
	uint8_t type, flags;
	const uint8_t *body;
	size_t len;
};

/** A message's payloads, taken apart. */
struct parts {
	struct item item[ITEMS_MAX];
	unsigned int n;
	uint8_t made[2 * BODY_MAX]; /* bodies that are ours */
	size_t n_made;
};

/* what can be said by a notify in any exchange; the rest is for EDIT_WORD to find */
static const uint16_t notifies[] = {
	IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD,
	IKE_N_INVALID_IKE_SPI,
	IKE_N_INVALID_SYNTAX,
	IKE_N_INVALID_MESSAGE_ID,
	IKE_N_INVALID_SPI,
	IKE_N_NO_PROPOSAL_CHOSEN,
	IKE_N_INVALID_KE_PAYLOAD,
	IKE_N_AUTHENTICATION_FAILED,
	IKE_N_SINGLE_PAIR_REQUIRED,
	IKE_N_NO_ADDITIONAL_SAS,
	IKE_N_FAILED_CP_REQUIRED,
	IKE_N_TS_UNACCEPTABLE,
	IKE_N_UNACCEPTABLE_ADDRESSES,
	IKE_N_UNEXPECTED_NAT_DETECTED,
	IKE_N_TEMPORARY_FAILURE,
	IKE_N_CHILD_SA_NOT_FOUND,
	IKE_N_STATE_NOT_FOUND,
	IKE_N_INITIAL_CONTACT,
	IKE_N_SET_WINDOW_SIZE,
	IKE_N_ADDITIONAL_TS_POSSIBLE,
	IKE_N_IPCOMP_SUPPORTED,
	IKE_N_NAT_DETECTION_SOURCE_IP,
	IKE_N_NAT_DETECTION_DESTINATION_IP,
	IKE_N_COOKIE,
	IKE_N_USE_TRANSPORT_MODE,
	IKE_N_HTTP_CERT_LOOKUP_SUPPORTED,
	IKE_N_REKEY_SA,
	IKE_N_MOBIKE_SUPPORTED,
	IKE_N_ADDITIONAL_IP6_ADDRESS,
	IKE_N_NO_ADDITIONAL_ADDRESSES,
	IKE_N_UPDATE_SA_ADDRESSES,
	IKE_N_COOKIE2,
	IKE_N_NO_NATS_ALLOWED,
	IKE_N_AUTH_LIFETIME,
	IKE_N_REDIRECT,
	IKE_N_EAP_ONLY_AUTHENTICATION,
	IKE_N_CHILDLESS_IKEV2_SUPPORTED,
	IKE_N_QCD_TOKEN,
	IKE_N_FRAGMENTATION_SUPPORTED,
	IKE_N_SIGNATURE_HASH_ALGORITHMS,
	IKE_N_USE_PPK,
	IKE_N_PPK_IDENTITY,
	IKE_N_NO_PPK_AUTH,
	IKE_N_INTERMEDIATE_EXCHANGE_SUPPORTED,
	IKE_N_ADDITIONAL_KEY_EXCHANGE,
};

/* ---- apart and together ---- */

/** Take a chain apart as far as it makes sense. */
static void
take_apart(struct parts *p, uint8_t type, const uint8_t *buf, size_t len)
{
	size_t at = 0;

	p->n = 0;
	p->n_made = 0;
	while (type != IKE_PLD_NONE && p->n < ITEMS_MAX && at + IKE_PLD_HDR_LEN <= len) {
		size_t one = (size_t)buf[at + 2] << 8 | buf[at + 3];

		if (one < IKE_PLD_HDR_LEN || one > len - at)
			return;
		p->item[p->n++] = (struct item){
			type, buf[at + 1], buf + at + IKE_PLD_HDR_LEN, one - IKE_PLD_HDR_LEN};
		type = buf[at];
		at += one;
	}
}

/** @return bytes written, cap at most; whole payloads only */
static size_t
put_together(const struct parts *p, uint8_t *first, uint8_t *out, size_t cap)
{
	size_t at = 0;

	*first = p->n > 0 ? p->item[0].type : IKE_PLD_NONE;
	for (unsigned int i = 0; i < p->n; i++) {
		const struct item *it = &p->item[i];
		size_t one = IKE_PLD_HDR_LEN + it->len;

		if (one > cap - at) {
			if (i == 0)
				*first = IKE_PLD_NONE;
			break;
		}
		out[at] = i + 1 < p->n ? p->item[i + 1].type : IKE_PLD_NONE;
		out[at + 1] = it->flags;
		out[at + 2] = (uint8_t)(one >> 8);
		out[at + 3] = (uint8_t)one;
		if (it->len > 0)
			memcpy(out + at + IKE_PLD_HDR_LEN, it->body, it->len);
		at += one;
	}
	return at;
}

/** A copy of a body that may be changed, with len bytes; NULL when there is no room. */
static uint8_t *
own_body(struct parts *p, struct item *it, size_t len, uint8_t fill)
{
	uint8_t *body = p->made + p->n_made;

	if (len > sizeof(p->made) - p->n_made)
		return NULL;
	p->n_made += len;
	memset(body, fill, len);
	if (it->len > 0 && len > 0)
		memcpy(body, it->body, it->len < len ? it->len : len);
	it->body = body;
	it->len = len;
	return body;
}

/* ---- one change ---- */

static void
insert(struct parts *p, const struct edit *ed)
{
	static const uint8_t types[] = {IKE_PLD_NOTIFY, IKE_PLD_NOTIFY, IKE_PLD_NOTIFY,
		IKE_PLD_DELETE, IKE_PLD_VENDOR, IKE_PLD_CP, IKE_PLD_EAP, IKE_PLD_CERT,
		IKE_PLD_CERTREQ, IKE_PLD_KE, IKE_PLD_NONCE, IKE_PLD_AUTH, IKE_PLD_IDR, IKE_PLD_TSI,
		IKE_PLD_SA, 200};
	struct item it = {.type = types[ed->kind % sizeof(types)]};
	size_t at = p->n == 0 ? 0 : ed->at % (p->n + 1);
	uint8_t *body;

	if (p->n == ITEMS_MAX)
		return;
	if (it.type == IKE_PLD_NOTIFY) {
		uint16_t type = notifies[ed->hi % (sizeof(notifies) / sizeof(notifies[0]))];

		body = own_body(p, &it, 4u + ed->lo % 80, ed->value);
		if (body == NULL)
			return;
		body[0] = 0;
		body[1] = 0;
		body[2] = (uint8_t)(type >> 8);
		body[3] = (uint8_t)type;
	} else if (own_body(p, &it, (size_t)(ed->hi & 1) << 8 | ed->lo, ed->value) == NULL) {
		return;
	}
	memmove(&p->item[at + 1], &p->item[at], (p->n - at) * sizeof(it));
	p->item[at] = it;
	p->n++;
}

static void
change_body(struct parts *p, struct item *it, const struct edit *ed)
{
	size_t offset = (size_t)ed->hi << 8 | ed->lo;
	uint8_t *body = NULL;

	if (ed->what == EDIT_CUT)
		own_body(p, it, it->len == 0 ? 0 : offset % it->len, 0);
	else if (ed->what == EDIT_GROW)
		own_body(p, it, it->len + 1 + ed->lo, ed->value);
	else if (it->len > 0)
		body = own_body(p, it, it->len, 0);
	if (body == NULL || ed->what == EDIT_CUT || ed->what == EDIT_GROW)
		return;
	body[offset % it->len] = ed->value;
	if (ed->what == EDIT_WORD)
		body[(offset + 1) % it->len] = ed->kind;
}

static void
change(struct parts *p, const struct edit *ed)
{
	struct item *it = &p->item[p->n == 0 ? 0 : ed->at % p->n], other;

	if (ed->what == EDIT_INSERT) {
		insert(p, ed);
		return;
	}
	if (p->n == 0)
		return;
	switch (ed->what) {
	case EDIT_DROP:
		memmove(it, it + 1, (size_t)(&p->item[p->n] - (it + 1)) * sizeof(*it));
		p->n--;
		break;
	case EDIT_TWICE:
		if (p->n < ITEMS_MAX)
			p->item[p->n++] = *it;
		break;
	case EDIT_SWAP:
		other = p->item[ed->kind % p->n];
		p->item[ed->kind % p->n] = *it;
		*it = other;
		break;
	case EDIT_TYPE:
		it->type = ed->kind;
		break;
	case EDIT_FLAGS:
		it->flags = ed->value;
		break;
	default:
		change_body(p, it, ed);
		break;
	}
}

/** The whole chain: apart, changed, together again. @return its new length */
static size_t
edit_chain(const struct edit *ed, uint8_t *first, uint8_t *chain, size_t len, size_t cap)
{
	static uint8_t copy[EDIT_CAP];
	struct parts p;

	if (ed->what == EDIT_RAW) {
		if (len > 0)
			chain[((size_t)ed->hi << 8 | ed->lo) % len] = ed->value;
		return len;
	}
	memcpy(copy, chain, len);
	take_apart(&p, *first, copy, len);
	change(&p, ed);
	return put_together(&p, first, chain, cap);
}

static void
edit_header(const struct edit *ed, struct ike_hdr *h)
{
	if (ed->what != EDIT_HEADER)
		return;
	if (ed->kind % 3 == 0)
		h->exchange = (uint8_t)(IKE_X_SA_INIT + ed->value % 12);
	else if (ed->kind % 3 == 1)
		h->flags ^= ed->value;
	else
		h->msg_id += (uint32_t)ed->value - 128;
}

/* ---- messages ---- */

static struct ike_sa *
sender(struct ike *e, const struct ike_hdr *h)
{
	return ike_sa_by_spi(e, (h->flags & IKE_FLAG_INITIATOR) != 0 ? h->spi_i : h->spi_r);
}

static size_t
edit_clear(struct ike *e, const struct edit *ed, const struct ike_msg *m, uint8_t *buf, size_t len)
{
	struct ike_hdr h = m->hdr;
	uint8_t first = h.next;
	struct ike_sa *sa = sender(e, &h);
	struct ike_wr w = ike_wr_make(buf, IKE_HDR_LEN);

	edit_header(ed, &h);
	len = IKE_HDR_LEN +
	      edit_chain(ed, &first, buf + IKE_HDR_LEN, len - IKE_HDR_LEN, EDIT_CAP - IKE_HDR_LEN);
	h.next = first;
	h.length = (uint32_t)len;
	ike_hdr_build(&w, &h);
	/* AUTH covers what was sent: the sender means it like that */
	if (sa != NULL && sa->setup != NULL && m->hdr.exchange == IKE_X_SA_INIT)
		ike_blob_set(
			sa->initiator ? &sa->setup->init_req : &sa->setup->init_resp, buf, len);
	return len;
}

size_t
edit_message(struct ike *e, const struct edit *ed, uint8_t *buf, size_t len)
{
	static uint8_t inner[EDIT_CAP], wire[EDIT_CAP];
	struct ike_view clear;
	struct ike_sk_key *k;
	struct ike_sa *sa;
	struct ike_msg m;
	ssize_t n;

	if (e == NULL || (ike_msg_parse(&m, buf, len) != 0 && m.sk_type == 0))
		return len;
	if (m.sk_type == 0)
		return edit_clear(e, ed, &m, buf, len);
	sa = sender(e, &m.hdr);
	if (sa == NULL || m.sk_type != IKE_PLD_SK || sa->keys.prf_len == 0)
		return len;
	k = sa->initiator ? &sa->keys.i : &sa->keys.r;
	if (ike_sk_open(k, &m, inner, &clear) != 0)
		return len;
	memmove(inner, clear.p, clear.len);
	edit_header(ed, &m.hdr);
	clear.len = edit_chain(ed, &m.sk_first, inner, clear.len, EDIT_CAP - 256);
	n = ike_sk_seal(k, &m.hdr, m.sk_first, inner, clear.len, wire, sizeof(wire));
	if (n <= 0)
		return len;
	memcpy(buf, wire, (size_t)n);
	return (size_t)n;
}
