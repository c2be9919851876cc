/* SPDX-License-Identifier: BSD-3-Clause */
#include "payload.h"

#include <errno.h>

#include "crypto.h"

/* substructures of SA, RFC 7296 3.3.1, 3.3.2, 3.3.5 */
#define MORE_PROPOSALS    2
#define MORE_TRANSFORMS   3
#define PROPOSAL_HDR_LEN  8
#define TRANSFORM_HDR_LEN 8
#define ATTR_KEY_LENGTH   14
#define ATTR_TV           0x8000

/* 3.13.1: with header */
#define TS_LEN_IPV4 16
#define TS_LEN_IPV6 40

/* ---- SA, decoding ---- */

/** Read attributes; false when one is unknown, for then the transform must not be chosen (3.3.6).
 */
static bool
parse_attributes(struct ike_rd *r, struct ike_transform *t)
{
	bool known = true;

	while (ike_rd_ok(r) && r->left > 0) {
		uint16_t type = ike_rd_u16(r);
		uint16_t value = ike_rd_u16(r);

		if (type == (ATTR_TV | ATTR_KEY_LENGTH) && t->key_bits == 0 && value != 0) {
			t->key_bits = value;
			continue;
		}
		known = false;
		if ((type & ATTR_TV) == 0)
			ike_rd_bytes(r, value);
	}
	return known;
}

static bool
is_type_known(const struct ike_transform *t)
{
	return t->type >= IKE_TT_ENCR && t->type <= IKE_TT_ADDKE7;
}

static bool
is_implemented(const struct ike_transform *t)
{
	if (t->type == IKE_TT_ENCR)
		return ike_encr_params(t->id, t->key_bits) != NULL;
	if ((t->type == IKE_TT_DH || ike_is_addke(t->type)) && t->id != IKE_DH_NONE)
		return t->key_bits == 0 && ike_dh_pub_len(t->id) != 0 &&
		       (t->type != IKE_TT_DH || !ike_dh_is_kem(t->id));
	return t->key_bits == 0 && ike_transform_name(t->type, t->id) != NULL;
}

/**
 * Keep a transform. What we could never choose is kept once for each type, types that do not exist
 * for us once in all. Who fills the room with additional key exchanges all the same offers nothing
 * that could be chosen.
 */
static void
keep_transform(struct ike_proposal *p, struct ike_transform t)
{
	if (!is_implemented(&t)) {
		t.id = IKE_TRANSFORM_UNKNOWN;
		t.key_bits = 0;
	}
	for (unsigned int i = 0; i < p->n_transforms; i++) {
		const struct ike_transform *o = &p->transforms[i];

		if (!is_type_known(o) && !is_type_known(&t))
			return;
		if (o->type == t.type && o->id == t.id && o->key_bits == t.key_bits)
			return;
	}
	if (p->n_transforms < IKE_TRANSFORMS_MAX)
		p->transforms[p->n_transforms++] = t;
	else
		p->transforms[IKE_TRANSFORMS_MAX - 1] =
			(struct ike_transform){.type = IKE_TT_TOO_MANY};
}

static int
parse_transforms(struct ike_rd *r, struct ike_proposal *p, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct ike_transform t = {0};
		struct ike_rd attrs;
		uint8_t more = ike_rd_u8(r);
		size_t len;

		ike_rd_u8(r);
		len = ike_rd_u16(r);
		t.type = ike_rd_u8(r);
		ike_rd_u8(r);
		t.id = ike_rd_u16(r);
		if (!ike_rd_ok(r) || len < TRANSFORM_HDR_LEN)
			return -EBADMSG;
		if (more != (i + 1 < n ? MORE_TRANSFORMS : 0))
			return -EBADMSG;
		attrs = ike_rd_sub(r, len - TRANSFORM_HDR_LEN);
		if (!parse_attributes(&attrs, &t))
			t.id = IKE_TRANSFORM_UNKNOWN;
		if (!ike_rd_done(&attrs))
			return -EBADMSG;
		keep_transform(p, t);
	}
	return ike_rd_done(r) ? 0 : -EBADMSG;
}

/** @return 1 when it is to be kept, 0 to leave it out, -EBADMSG */
static int
parse_proposal(struct ike_rd *r, struct ike_proposal *p, bool *last)
{
	uint8_t more = ike_rd_u8(r);
	unsigned int n_transforms;
	const uint8_t *spi;
	struct ike_rd body;
	size_t len;
	int ret;

	ike_rd_u8(r);
	len = ike_rd_u16(r);
	if (!ike_rd_ok(r) || len < PROPOSAL_HDR_LEN || (more != 0 && more != MORE_PROPOSALS))
		return -EBADMSG;
	*last = more == 0;
	body = ike_rd_sub(r, len - 4);
	*p = (struct ike_proposal){0};
	p->number = ike_rd_u8(&body);
	p->protocol = ike_rd_u8(&body);
	p->spi_len = ike_rd_u8(&body);
	n_transforms = ike_rd_u8(&body);
	spi = ike_rd_bytes(&body, p->spi_len);
	if (!ike_rd_ok(&body))
		return -EBADMSG;
	if (p->spi_len > 0 && p->spi_len <= IKE_SPI_MAX)
		memcpy(p->spi, spi, p->spi_len);
	ret = parse_transforms(&body, p, n_transforms);
	if (ret < 0)
		return ret;
	return p->spi_len <= IKE_SPI_MAX;
}

int
ike_pld_sa_parse(struct ike_proposals *out, struct ike_view body)
{
	struct ike_rd r = ike_rd_view(body);
	struct ike_proposal p;
	bool last = false;

	out->n = 0;
	while (!last) {
		int ret = parse_proposal(&r, &p, &last);

		if (ret < 0)
			return ret;
		if (ret > 0 && out->n < IKE_PROPOSALS_MAX)
			out->p[out->n++] = p;
	}
	return ike_rd_done(&r) ? 0 : -EBADMSG;
}

/* ---- the others, decoding ---- */

int
ike_pld_ke_parse(struct ike_ke *out, struct ike_view body)
{
	struct ike_rd r = ike_rd_view(body);

	out->group = ike_rd_u16(&r);
	ike_rd_u16(&r);
	out->data = ike_rd_rest(&r);
	return ike_rd_ok(&r) && out->data.len > 0 ? 0 : -EBADMSG;
}

int
ike_pld_id_parse(struct ike_id *out, struct ike_view body)
{
	struct ike_rd r = ike_rd_view(body);

	*out = (struct ike_id){.type = ike_rd_u8(&r)};
	ike_rd_bytes(&r, 3); /* RESERVED: AUTH covers it as it came, see auth.c */
	if (!ike_rd_ok(&r) || out->type == IKE_ID_ANY)
		return -EBADMSG;
	if (r.left > IKE_ID_MAX)
		return -E2BIG;
	if ((out->type == IKE_ID_IPV4_ADDR && r.left != 4) ||
		(out->type == IKE_ID_IPV6_ADDR && r.left != 16))
		return -EBADMSG;
	out->len = (uint16_t)r.left;
	ike_rd_copy(&r, out->data, out->len);
	return 0;
}

int
ike_pld_cert_parse(struct ike_cert *out, struct ike_view body)
{
	struct ike_rd r = ike_rd_view(body);

	out->encoding = ike_rd_u8(&r);
	out->data = ike_rd_rest(&r);
	return ike_rd_ok(&r) ? 0 : -EBADMSG;
}

int
ike_pld_auth_parse(struct ike_auth *out, struct ike_view body)
{
	struct ike_rd r = ike_rd_view(body);

	out->method = ike_rd_u8(&r);
	ike_rd_bytes(&r, 3);
	out->data = ike_rd_rest(&r);
	return ike_rd_ok(&r) ? 0 : -EBADMSG;
}

int
ike_pld_nonce_parse(struct ike_view *out, struct ike_view body)
{
	*out = body;
	return body.len >= IKE_NONCE_MIN && body.len <= IKE_NONCE_MAX ? 0 : -EBADMSG;
}

int
ike_pld_notify_parse(struct ike_notify *out, struct ike_view body)
{
	struct ike_rd r = ike_rd_view(body);
	uint8_t spi_len;

	out->protocol = ike_rd_u8(&r);
	spi_len = ike_rd_u8(&r);
	out->type = ike_rd_u16(&r);
	out->spi.p = ike_rd_bytes(&r, spi_len);
	out->spi.len = spi_len;
	out->data = ike_rd_rest(&r);
	return ike_rd_ok(&r) ? 0 : -EBADMSG;
}

int
ike_pld_delete_parse(struct ike_delete *out, struct ike_view body)
{
	struct ike_rd r = ike_rd_view(body);
	uint8_t spi_len;
	size_t n;

	out->n = 0;
	out->protocol = ike_rd_u8(&r);
	spi_len = ike_rd_u8(&r);
	n = ike_rd_u16(&r);
	if (!ike_rd_ok(&r) || r.left != n * spi_len)
		return -EBADMSG;
	/* the SPI of an IKE SA is the header's; of protocols we do not know there is none of ours
	 */
	if (out->protocol == IKE_PROTO_IKE)
		return spi_len == 0 ? 0 : -EBADMSG;
	if (out->protocol != IKE_PROTO_ESP && out->protocol != IKE_PROTO_AH)
		return 0;
	if (spi_len != IKE_ESP_SPI_LEN)
		return -EBADMSG;
	while (out->n < n && out->n < IKE_DELETE_SPIS_MAX)
		out->spis[out->n++] = ike_rd_u32(&r);
	return 0;
}

static bool
ts_is_sane(const struct ike_ts *ts, size_t addr_len)
{
	bool opaque = ts->port_from == 65535 && ts->port_to == 0;

	return (opaque || ts->port_from <= ts->port_to) && memcmp(ts->from, ts->to, addr_len) <= 0;
}

/** @return 1 when ts is one for us, 0 when it is to be left out, -EBADMSG */
static int
parse_ts(struct ike_rd *r, struct ike_ts *ts)
{
	struct ike_rd sel;
	size_t len, addr_len;

	*ts = (struct ike_ts){.type = ike_rd_u8(r)};
	ts->proto = ike_rd_u8(r);
	len = ike_rd_u16(r);
	if (!ike_rd_ok(r) || len < 4)
		return -EBADMSG;
	sel = ike_rd_sub(r, len - 4);
	if (!ike_rd_ok(&sel))
		return -EBADMSG;
	if (ts->type != IKE_TS_IPV4_ADDR_RANGE && ts->type != IKE_TS_IPV6_ADDR_RANGE)
		return 0;
	addr_len = ts->type == IKE_TS_IPV4_ADDR_RANGE ? 4 : 16;
	ts->port_from = ike_rd_u16(&sel);
	ts->port_to = ike_rd_u16(&sel);
	ike_rd_copy(&sel, ts->from, addr_len);
	ike_rd_copy(&sel, ts->to, addr_len);
	if (!ike_rd_done(&sel))
		return -EBADMSG;
	return ts_is_sane(ts, addr_len);
}

int
ike_pld_ts_parse(struct ike_ts_list *out, struct ike_view body)
{
	struct ike_rd r = ike_rd_view(body);
	unsigned int n = ike_rd_u8(&r);
	struct ike_ts ts;

	out->n = 0;
	ike_rd_bytes(&r, 3);
	for (unsigned int i = 0; i < n; i++) {
		int ret = parse_ts(&r, &ts);

		if (ret < 0)
			return ret;
		if (ret > 0 && out->n < IKE_TS_MAX)
			out->ts[out->n++] = ts;
	}
	return ike_rd_done(&r) ? 0 : -EBADMSG;
}

int
ike_kex_parse(struct ike_kex *out, const struct ike_msg *m)
{
	const struct ike_payload *sa = ike_msg_find(m, IKE_PLD_SA);
	const struct ike_payload *ke = ike_msg_find(m, IKE_PLD_KE);
	const struct ike_payload *nonce = ike_msg_find(m, IKE_PLD_NONCE);

	if (sa == NULL || ke == NULL || nonce == NULL)
		return -EBADMSG;
	if (ike_pld_sa_parse(&out->sa, sa->body) != 0 || ike_pld_ke_parse(&out->ke, ke->body) != 0)
		return -EBADMSG;
	return ike_pld_nonce_parse(&out->nonce, nonce->body);
}

/* ---- encoding ---- */

static void
build_transform(struct ike_wr *w, const struct ike_transform *t, bool last)
{
	size_t start = w->len;

	ike_wr_u8(w, last ? 0 : MORE_TRANSFORMS);
	ike_wr_u8(w, 0);
	ike_wr_u16(w, 0);
	ike_wr_u8(w, t->type);
	ike_wr_u8(w, 0);
	ike_wr_u16(w, t->id);
	if (t->key_bits != 0) {
		ike_wr_u16(w, ATTR_TV | ATTR_KEY_LENGTH);
		ike_wr_u16(w, t->key_bits);
	}
	ike_wr_patch_len16(w, start + 2, start);
}

static void
build_proposal(struct ike_wr *w, const struct ike_proposal *p, uint8_t number, bool last)
{
	size_t start = w->len;

	ike_wr_u8(w, last ? 0 : MORE_PROPOSALS);
	ike_wr_u8(w, 0);
	ike_wr_u16(w, 0);
	ike_wr_u8(w, number);
	ike_wr_u8(w, p->protocol);
	ike_wr_u8(w, p->spi_len);
	ike_wr_u8(w, p->n_transforms);
	ike_wr_bytes(w, p->spi, p->spi_len);
	for (unsigned int i = 0; i < p->n_transforms; i++)
		build_transform(w, &p->transforms[i], i + 1U == p->n_transforms);
	ike_wr_patch_len16(w, start + 2, start);
}

void
ike_pld_sa_build(struct ike_chain *c, const struct ike_proposals *list, bool keep_numbers)
{
	size_t at = ike_pld_begin(c, IKE_PLD_SA);

	for (uint8_t i = 0; i < list->n; i++) {
		uint8_t number = keep_numbers ? list->p[i].number : (uint8_t)(i + 1);

		build_proposal(&c->w, &list->p[i], number, i + 1U == list->n);
	}
	ike_pld_end(c, at);
}

void
ike_pld_sa_build_one(struct ike_chain *c, const struct ike_proposal *p)
{
	size_t at = ike_pld_begin(c, IKE_PLD_SA);

	build_proposal(&c->w, p, p->number, true);
	ike_pld_end(c, at);
}

void
ike_pld_ke_build(struct ike_chain *c, uint16_t group, const void *data, size_t len)
{
	size_t at = ike_pld_begin(c, IKE_PLD_KE);

	ike_wr_u16(&c->w, group);
	ike_wr_u16(&c->w, 0);
	ike_wr_bytes(&c->w, data, len);
	ike_pld_end(c, at);
}

static void
write_id(struct ike_wr *w, const struct ike_id *id)
{
	ike_wr_u8(w, id->type);
	ike_wr_zero(w, 3); /* RESERVED */
	ike_wr_bytes(w, id->data, id->len);
}

void
ike_pld_id_build(struct ike_chain *c, uint8_t type, const struct ike_id *id)
{
	size_t at = ike_pld_begin(c, type);

	write_id(&c->w, id);
	ike_pld_end(c, at);
}

size_t
ike_id_body(const struct ike_id *id, uint8_t *buf, size_t cap)
{
	struct ike_wr w = ike_wr_make(buf, cap);

	write_id(&w, id);
	return ike_wr_ok(&w) ? w.len : 0;
}

void
ike_pld_auth_build(struct ike_chain *c, uint8_t method, const void *data, size_t len)
{
	size_t at = ike_pld_begin(c, IKE_PLD_AUTH);

	ike_wr_u8(&c->w, method);
	ike_wr_zero(&c->w, 3);
	ike_wr_bytes(&c->w, data, len);
	ike_pld_end(c, at);
}

void
ike_pld_nonce_build(struct ike_chain *c, const void *nonce, size_t len)
{
	ike_pld_raw_build(c, IKE_PLD_NONCE, nonce, len);
}

void
ike_pld_notify_build(struct ike_chain *c, uint16_t type, const void *data, size_t len)
{
	size_t at = ike_pld_begin(c, IKE_PLD_NOTIFY);

	ike_wr_u8(&c->w, 0);
	ike_wr_u8(&c->w, 0);
	ike_wr_u16(&c->w, type);
	ike_wr_bytes(&c->w, data, len);
	ike_pld_end(c, at);
}

void
ike_pld_notify_build_ike(struct ike_chain *c, uint16_t type, const void *data, size_t len)
{
	size_t at = ike_pld_begin(c, IKE_PLD_NOTIFY);

	ike_wr_u8(&c->w, IKE_PROTO_IKE);
	ike_wr_u8(&c->w, 0);
	ike_wr_u16(&c->w, type);
	ike_wr_bytes(&c->w, data, len);
	ike_pld_end(c, at);
}

void
ike_pld_notify_build_spi(struct ike_chain *c, uint8_t protocol, uint32_t spi, uint16_t type,
	const void *data, size_t len)
{
	size_t at = ike_pld_begin(c, IKE_PLD_NOTIFY);

	ike_wr_u8(&c->w, protocol);
	ike_wr_u8(&c->w, IKE_ESP_SPI_LEN);
	ike_wr_u16(&c->w, type);
	ike_wr_u32(&c->w, spi);
	ike_wr_bytes(&c->w, data, len);
	ike_pld_end(c, at);
}

void
ike_pld_delete_build(struct ike_chain *c, uint8_t protocol, const uint32_t *spis, unsigned int n)
{
	size_t at = ike_pld_begin(c, IKE_PLD_DELETE);

	if (protocol == IKE_PROTO_IKE)
		n = 0;
	ike_wr_u8(&c->w, protocol);
	ike_wr_u8(&c->w, protocol == IKE_PROTO_IKE ? 0 : IKE_ESP_SPI_LEN);
	ike_wr_u16(&c->w, (uint16_t)n);
	for (unsigned int i = 0; i < n; i++)
		ike_wr_u32(&c->w, spis[i]);
	ike_pld_end(c, at);
}

void
ike_pld_ts_build(struct ike_chain *c, uint8_t type, const struct ike_ts_list *list)
{
	size_t at = ike_pld_begin(c, type);

	ike_wr_u8(&c->w, list->n);
	ike_wr_zero(&c->w, 3);
	for (unsigned int i = 0; i < list->n; i++) {
		const struct ike_ts *ts = &list->ts[i];
		bool v4 = ts->type == IKE_TS_IPV4_ADDR_RANGE;

		ike_wr_u8(&c->w, ts->type);
		ike_wr_u8(&c->w, ts->proto);
		ike_wr_u16(&c->w, v4 ? TS_LEN_IPV4 : TS_LEN_IPV6);
		ike_wr_u16(&c->w, ts->port_from);
		ike_wr_u16(&c->w, ts->port_to);
		ike_wr_bytes(&c->w, ts->from, v4 ? 4 : 16);
		ike_wr_bytes(&c->w, ts->to, v4 ? 4 : 16);
	}
	ike_pld_end(c, at);
}

void
ike_pld_raw_build(struct ike_chain *c, uint8_t type, const void *body, size_t len)
{
	size_t at = ike_pld_begin(c, type);

	ike_wr_bytes(&c->w, body, len);
	ike_pld_end(c, at);
}
