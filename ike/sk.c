/* SPDX-License-Identifier: BSD-3-Clause */
#include "sk.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#define SKF_HDR_LEN 4 /* fragment number and total, RFC 7383 2.5 */

/*
 * RFC 7296 3.14, RFC 7383 2.5
 * | IKE header | clear payloads | SK header | [number, total] | IV | ciphertext | ICV |
 *   <------------------------ AAD of an AEAD -------------->
 *   <------------------------ covered by an HMAC ------------------------------>
 */

/** What goes into one message. */
struct piece {
	uint8_t type; /* IKE_PLD_SK or IKE_PLD_SKF */
	uint8_t first;
	uint16_t num, total;
	const uint8_t *inner;
	size_t len;
};

static size_t
icv_len(const struct ike_sk_key *k)
{
	return k->encr->icv_len > 0 ? k->encr->icv_len : k->integ->icv_len;
}

/** Bytes around the ciphertext. */
static size_t
envelope_len(const struct ike_sk_key *k, uint8_t type)
{
	return IKE_HDR_LEN + IKE_PLD_HDR_LEN + (type == IKE_PLD_SKF ? SKF_HDR_LEN : 0U) +
	       k->encr->iv_len + icv_len(k);
}

/** Ciphertext of len clear bytes: padding and the pad length octet. */
static size_t
cipher_len(const struct ike_sk_key *k, size_t len)
{
	size_t block = k->encr->block;

	return (len + 1 + block - 1) / block * block;
}

static int
make_iv(struct ike_sk_key *k, uint8_t *iv)
{
	/* an AEAD's must never repeat (RFC 5282 3.1); CBC's must not be guessable (RFC 3602 3) */
	if (k->encr->icv_len == 0)
		return RAND_bytes(iv, k->encr->iv_len) == 1 ? 0 : -EIO;
	if (k->next_iv == UINT64_MAX)
		return -EIO;
	for (int i = 0; i < 8; i++)
		iv[i] = (uint8_t)(k->next_iv >> (56 - 8 * i));
	k->next_iv++;
	return 0;
}

static void
build_headers(struct ike_wr *w, const struct ike_hdr *hdr, const struct piece *pc, size_t total)
{
	struct ike_hdr h = *hdr;

	h.next = pc->type;
	h.version = IKE_VERSION;
	h.length = (uint32_t)total;
	ike_hdr_build(w, &h);
	ike_wr_u8(w, pc->first);
	ike_wr_u8(w, 0);
	ike_wr_u16(w, (uint16_t)(total - IKE_HDR_LEN));
	if (pc->type == IKE_PLD_SKF) {
		ike_wr_u16(w, pc->num);
		ike_wr_u16(w, pc->total);
	}
}

static ssize_t
seal(struct ike_sk_key *k, const struct ike_hdr *hdr, const struct piece *pc, uint8_t *out,
	size_t cap)
{
	size_t clen = cipher_len(k, pc->len), total = envelope_len(k, pc->type) + clen;
	struct ike_wr w = ike_wr_make(out, cap);
	struct ike_view aad, covered;
	uint8_t *iv, *ct, *icv;
	int ret;

	if (total > cap || total > IKE_MSG_MAX)
		return -EMSGSIZE;
	build_headers(&w, hdr, pc, total);
	aad = (struct ike_view){.p = out, .len = w.len};
	iv = ike_wr_space(&w, k->encr->iv_len);
	ct = w.buf + w.len;
	ike_wr_bytes(&w, pc->inner, pc->len);
	ike_wr_zero(&w, clen - pc->len - 1);
	ike_wr_u8(&w, (uint8_t)(clen - pc->len - 1));
	covered = (struct ike_view){.p = out, .len = w.len};
	icv = ike_wr_space(&w, icv_len(k));
	if (!ike_wr_ok(&w))
		return -EMSGSIZE;
	ret = make_iv(k, iv);
	if (ret == 0)
		ret = ike_encrypt(k->encr, k->encr_key, iv, aad, ct, clen, ct, icv);
	if (ret == 0 && k->encr->icv_len == 0)
		ret = ike_integ(k->integ->id,
			(struct ike_view){.p = k->integ_key, .len = k->integ->key_len}, &covered, 1,
			icv);
	if (ret == 0)
		return (ssize_t)total;
	/* the clear bytes must not be left where a message was expected */
	ike_wipe(out, total);
	return -EIO;
}

ssize_t
ike_sk_seal(struct ike_sk_key *k, const struct ike_hdr *hdr, uint8_t first, const uint8_t *inner,
	size_t inner_len, uint8_t *out, size_t cap)
{
	const struct piece pc = {
		.type = IKE_PLD_SK, .first = first, .inner = inner, .len = inner_len};

	if (inner_len > IKE_MSG_MAX)
		return -EMSGSIZE;
	return seal(k, hdr, &pc, out, cap);
}

/** Verify; false when the ICV is wrong. */
static bool
verify(const struct ike_sk_key *k, const struct ike_msg *m, size_t clen)
{
	/* the parts follow each other in the datagram */
	const struct ike_view covered = {
		.p = m->sk_aad.p, .len = m->sk_aad.len + k->encr->iv_len + clen};
	uint8_t icv[IKE_ICV_MAX];

	return ike_integ(k->integ->id,
		       (struct ike_view){.p = k->integ_key, .len = k->integ->key_len}, &covered, 1,
		       icv) == 0 &&
	       ike_mem_equal(icv, covered.p + covered.len, k->integ->icv_len);
}

int
ike_sk_open(
	const struct ike_sk_key *k, const struct ike_msg *m, uint8_t *out, struct ike_view *inner)
{
	const struct ike_encr_params *ep = k->encr;
	const uint8_t *iv = m->sk_body.p, *ct;
	size_t around, clen, pad;
	int ret;

	*inner = (struct ike_view){0};
	if (ep == NULL || m->sk_type == 0)
		return -EBADMSG;
	around = ep->iv_len + icv_len(k);
	if (m->sk_body.len <= around)
		return -EBADMSG;
	clen = m->sk_body.len - around;
	if (clen % ep->block != 0)
		return -EBADMSG;
	if (ep->icv_len == 0 && !verify(k, m, clen))
		return -EBADMSG;
	ct = iv + ep->iv_len;
	ret = ike_decrypt(ep, k->encr_key, iv, m->sk_aad, ct, clen, out, ct + clen);
	if (ret < 0)
		return ret;
	pad = out[clen - 1];
	if (pad >= clen)
		return -EBADMSG;
	*inner = (struct ike_view){.p = out, .len = clen - 1 - pad};
	return 0;
}

/* ---- fragments: sending ---- */

size_t
ike_msg_length(const uint8_t *msg)
{
	struct ike_rd r = ike_rd_make(msg + 24, 4);

	return ike_rd_u32(&r);
}

/** Clear bytes that fit into a fragment of at most frag_max; 0 = none. */
static size_t
frag_room(const struct ike_sk_key *k, size_t frag_max)
{
	size_t around = envelope_len(k, IKE_PLD_SKF);

	if (frag_max < around + k->encr->block)
		return 0;
	return (frag_max - around) / k->encr->block * k->encr->block - 1;
}

ssize_t
ike_sk_seal_frags(struct ike_sk_key *k, const struct ike_hdr *hdr, uint8_t first,
	const uint8_t *inner, size_t inner_len, size_t frag_max, uint8_t *out, size_t cap,
	unsigned int *n)
{
	size_t room = frag_room(k, frag_max), total, done = 0, used = 0;
	ssize_t len;

	*n = 1;
	if (inner_len > IKE_MSG_MAX)
		return -EMSGSIZE;
	if (envelope_len(k, IKE_PLD_SK) + cipher_len(k, inner_len) <= frag_max)
		return ike_sk_seal(k, hdr, first, inner, inner_len, out, cap);
	*n = 0;
	if (room == 0)
		return -EMSGSIZE;
	total = (inner_len + room - 1) / room;
	if (total > IKE_FRAGS_MAX)
		return -EMSGSIZE;
	for (size_t num = 1; num <= total; num++) {
		struct piece pc = {
			.type = IKE_PLD_SKF, .num = (uint16_t)num, .total = (uint16_t)total};

		pc.first = num == 1 ? first : IKE_PLD_NONE;
		pc.inner = inner + done;
		pc.len = inner_len - done < room ? inner_len - done : room;
		len = seal(k, hdr, &pc, out + used, cap - used);
		if (len < 0)
			return len;
		done += pc.len;
		used += (size_t)len;
	}
	*n = (unsigned int)total;
	return (ssize_t)used;
}

/* ---- fragments: receiving ---- */

void
ike_frags_fini(struct ike_frags *f)
{
	for (unsigned int i = 0; i < f->total; i++) {
		if (f->part[i].p == NULL)
			continue;
		ike_wipe(f->part[i].p, f->part[i].len);
		free(f->part[i].p);
	}
	*f = (struct ike_frags){0};
}

/** Does what is here belong to another attempt than m? Then it makes room (RFC 7383 2.6). */
static bool
is_newer(const struct ike_frags *f, const struct ike_msg *m)
{
	return f->total == 0 || f->msg_id != m->hdr.msg_id || m->frag_total > f->total;
}

int
ike_frags_add(struct ike_frags *f, const struct ike_msg *m, struct ike_view inner, size_t max)
{
	unsigned int at = m->frag_num - 1U;
	uint8_t *p;

	if (m->sk_type != IKE_PLD_SKF || m->frag_num == 0 || m->frag_num > m->frag_total)
		return -EBADMSG;
	if (m->frag_total > IKE_FRAGS_MAX || inner.len > IKE_MSG_MAX)
		return -E2BIG;
	if (is_newer(f, m)) {
		ike_frags_fini(f);
		f->msg_id = m->hdr.msg_id;
		f->total = m->frag_total;
	}
	if (m->frag_total < f->total)
		return -EBADMSG;
	if (f->part[at].p != NULL)
		return f->n == f->total;
	if (inner.len > max - f->bytes)
		return -EMSGSIZE;
	p = malloc(inner.len + 1);
	if (p == NULL)
		return -ENOMEM;
	if (inner.len > 0)
		memcpy(p, inner.p, inner.len);
	f->part[at].p = p;
	f->part[at].len = (uint16_t)inner.len;
	f->bytes += inner.len;
	f->n++;
	if (at == 0)
		f->first = m->sk_first;
	return f->n == f->total;
}

ssize_t
ike_frags_join(struct ike_frags *f, uint8_t *out, size_t cap, uint8_t *first)
{
	struct ike_wr w = ike_wr_make(out, cap);

	if (f->total == 0 || f->n != f->total || f->bytes > cap)
		return -EINVAL;
	for (unsigned int i = 0; i < f->total; i++)
		ike_wr_bytes(&w, f->part[i].p, f->part[i].len);
	*first = f->first;
	ike_frags_fini(f);
	return ike_wr_ok(&w) ? (ssize_t)w.len : -EINVAL;
}
