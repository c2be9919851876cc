/* SPDX-License-Identifier: BSD-3-Clause */
#include "msg.h"

#include <errno.h>

#include "payload.h"

#define ANY IKE_PAYLOADS_MAX /* in the table: as many as you like */

enum { REQ = 1, RSP = 2, BOTH = REQ | RSP };

/** One line of the occurrence table: RFC 7296 1.2, 1.3, 1.4, appendix C. */
struct rule {
	uint8_t exchange;
	uint8_t dir;
	uint8_t type;
	uint8_t min, max;
};

/* All payloads of an exchange but IKE_SA_INIT's are encrypted. */
static const struct rule rules[] = {
	{IKE_X_SA_INIT, BOTH, IKE_PLD_SA, 1, 1},
	{IKE_X_SA_INIT, BOTH, IKE_PLD_KE, 1, 1},
	{IKE_X_SA_INIT, BOTH, IKE_PLD_NONCE, 1, 1},
	{IKE_X_SA_INIT, RSP, IKE_PLD_CERTREQ, 0, ANY},
	{IKE_X_SA_INIT, BOTH, IKE_PLD_NOTIFY, 0, ANY},
	{IKE_X_SA_INIT, BOTH, IKE_PLD_VENDOR, 0, ANY},

	{IKE_X_INTERMEDIATE, BOTH, IKE_PLD_KE, 0, 1},
	{IKE_X_INTERMEDIATE, BOTH, IKE_PLD_NOTIFY, 0, ANY},
	{IKE_X_INTERMEDIATE, BOTH, IKE_PLD_VENDOR, 0, ANY},

	{IKE_X_FOLLOWUP_KE, BOTH, IKE_PLD_KE, 0, 1},
	{IKE_X_FOLLOWUP_KE, BOTH, IKE_PLD_NOTIFY, 0, ANY},
	{IKE_X_FOLLOWUP_KE, BOTH, IKE_PLD_VENDOR, 0, ANY},

	/* EAP and multiple authentication (2.16, RFC 4739) run several rounds: all are optional */
	{IKE_X_AUTH, REQ, IKE_PLD_IDI, 0, 1},
	{IKE_X_AUTH, BOTH, IKE_PLD_IDR, 0, 1},
	{IKE_X_AUTH, BOTH, IKE_PLD_CERT, 0, ANY},
	{IKE_X_AUTH, BOTH, IKE_PLD_CERTREQ, 0, ANY},
	{IKE_X_AUTH, BOTH, IKE_PLD_AUTH, 0, 1},
	{IKE_X_AUTH, BOTH, IKE_PLD_EAP, 0, 1},
	{IKE_X_AUTH, BOTH, IKE_PLD_CP, 0, 1},
	{IKE_X_AUTH, BOTH, IKE_PLD_SA, 0, 1},
	{IKE_X_AUTH, BOTH, IKE_PLD_TSI, 0, 1},
	{IKE_X_AUTH, BOTH, IKE_PLD_TSR, 0, 1},
	{IKE_X_AUTH, BOTH, IKE_PLD_NOTIFY, 0, ANY},
	{IKE_X_AUTH, BOTH, IKE_PLD_VENDOR, 0, ANY},

	{IKE_X_CREATE_CHILD_SA, BOTH, IKE_PLD_SA, 1, 1},
	{IKE_X_CREATE_CHILD_SA, BOTH, IKE_PLD_NONCE, 1, 1},
	{IKE_X_CREATE_CHILD_SA, BOTH, IKE_PLD_KE, 0, 1},
	{IKE_X_CREATE_CHILD_SA, BOTH, IKE_PLD_TSI, 0, 1},
	{IKE_X_CREATE_CHILD_SA, BOTH, IKE_PLD_TSR, 0, 1},
	{IKE_X_CREATE_CHILD_SA, BOTH, IKE_PLD_CP, 0, 1},
	{IKE_X_CREATE_CHILD_SA, BOTH, IKE_PLD_NOTIFY, 0, ANY},
	{IKE_X_CREATE_CHILD_SA, BOTH, IKE_PLD_VENDOR, 0, ANY},

	{IKE_X_INFORMATIONAL, BOTH, IKE_PLD_NOTIFY, 0, ANY},
	{IKE_X_INFORMATIONAL, BOTH, IKE_PLD_DELETE, 0, ANY},
	{IKE_X_INFORMATIONAL, BOTH, IKE_PLD_CP, 0, 1},
	{IKE_X_INFORMATIONAL, BOTH, IKE_PLD_VENDOR, 0, ANY},
};

#define N_RULES (sizeof(rules) / sizeof(rules[0]))

/* ---- header ---- */

int
ike_hdr_parse(struct ike_hdr *hdr, const uint8_t *buf, size_t len)
{
	struct ike_rd r = ike_rd_make(buf, len);

	hdr->spi_i = ike_rd_u64(&r);
	hdr->spi_r = ike_rd_u64(&r);
	hdr->next = ike_rd_u8(&r);
	hdr->version = ike_rd_u8(&r);
	hdr->exchange = ike_rd_u8(&r);
	hdr->flags = ike_rd_u8(&r);
	hdr->msg_id = ike_rd_u32(&r);
	hdr->length = ike_rd_u32(&r);
	if (!ike_rd_ok(&r))
		return -EBADMSG;
	/* the version decides how to read the rest, so it comes before the length (2.5) */
	if ((hdr->version >> 4) > (IKE_VERSION >> 4))
		return -EPROTONOSUPPORT;
	if ((hdr->version >> 4) < (IKE_VERSION >> 4) || hdr->length != len)
		return -EBADMSG;
	return 0;
}

void
ike_hdr_build(struct ike_wr *w, const struct ike_hdr *hdr)
{
	ike_wr_u64(w, hdr->spi_i);
	ike_wr_u64(w, hdr->spi_r);
	ike_wr_u8(w, hdr->next);
	ike_wr_u8(w, hdr->version);
	ike_wr_u8(w, hdr->exchange);
	ike_wr_u8(w, hdr->flags);
	ike_wr_u32(w, hdr->msg_id);
	ike_wr_u32(w, hdr->length);
}

/* ---- chains ---- */

static bool
is_known(uint8_t type)
{
	return (type >= IKE_PLD_SA && type <= IKE_PLD_EAP) || type == IKE_PLD_SKF;
}

/** Bodies that iterators hand out without a return code are proven here. */
static int
body_check(uint8_t type, struct ike_view body)
{
	struct ike_notify n;
	struct ike_delete d;

	if (type == IKE_PLD_NOTIFY)
		return ike_pld_notify_parse(&n, body);
	if (type == IKE_PLD_DELETE)
		return ike_pld_delete_parse(&d, body);
	return 0;
}

static int
take_payload(struct ike_msg *m, uint8_t type, uint8_t flags, bool enc, struct ike_view body)
{
	int ret;

	if (m->n + m->skipped >= IKE_PAYLOADS_MAX)
		return -E2BIG;
	if (!is_known(type)) {
		/* 2.5: the critical bit of a payload that we know is ignored */
		if ((flags & IKE_PLD_CRITICAL) != 0 && m->critical == 0)
			m->critical = type;
		m->skipped++;
		return 0;
	}
	ret = body_check(type, body);
	if (ret < 0)
		return ret;
	m->pld[m->n++] = (struct ike_payload){.type = type, .enc = enc, .body = body};
	return 0;
}

/** SK or SKF: always the last one; its next-payload field names the first one inside. */
static int
take_sk(struct ike_msg *m, uint8_t type, uint8_t next, const uint8_t *buf, struct ike_view body)
{
	struct ike_rd r = ike_rd_view(body);

	m->sk_type = type;
	m->sk_first = next;
	if (type == IKE_PLD_SKF) {
		m->frag_num = ike_rd_u16(&r);
		m->frag_total = ike_rd_u16(&r);
		if (!ike_rd_ok(&r) || m->frag_num == 0 || m->frag_num > m->frag_total)
			return -EBADMSG;
		if (m->frag_num > 1)
			m->sk_first = IKE_PLD_NONE;
	}
	m->sk_body = ike_rd_rest(&r);
	m->sk_aad = (struct ike_view){.p = buf, .len = (size_t)(m->sk_body.p - buf)};
	return 0;
}

/** Walk one chain. @param buf the whole message for the outer chain, NULL for the inner one */
static int
parse_chain(struct ike_msg *m, uint8_t next, struct ike_rd *r, const uint8_t *buf)
{
	while (next != IKE_PLD_NONE) {
		uint8_t type = next, flags;
		struct ike_view body;
		size_t len;
		int ret;

		next = ike_rd_u8(r);
		flags = ike_rd_u8(r);
		len = ike_rd_u16(r);
		if (!ike_rd_ok(r) || len < IKE_PLD_HDR_LEN)
			return -EBADMSG;
		body.len = len - IKE_PLD_HDR_LEN;
		body.p = ike_rd_bytes(r, body.len);
		if (!ike_rd_ok(r))
			return -EBADMSG;
		if (type == IKE_PLD_SK || type == IKE_PLD_SKF) {
			if (buf == NULL || r->left != 0)
				return -EBADMSG;
			return take_sk(m, type, next, buf, body);
		}
		ret = take_payload(m, type, flags, buf == NULL, body);
		if (ret < 0)
			return ret;
	}
	return ike_rd_done(r) ? 0 : -EBADMSG;
}

int
ike_msg_parse(struct ike_msg *m, const uint8_t *buf, size_t len)
{
	struct ike_rd r = ike_rd_make(buf, len);
	int ret;

	*m = (struct ike_msg){0};
	ret = ike_hdr_parse(&m->hdr, buf, len);
	if (ret < 0)
		return ret;
	ike_rd_bytes(&r, IKE_HDR_LEN);
	ret = parse_chain(m, m->hdr.next, &r, buf);
	if (ret < 0)
		return ret;
	/* of a protected message nothing is believed before its ICV: the inner parse reports it */
	return m->critical != 0 && m->sk_type == 0 ? -EOPNOTSUPP : 0;
}

int
ike_msg_parse_inner(struct ike_msg *m, uint8_t first, const uint8_t *buf, size_t len)
{
	struct ike_rd r = ike_rd_make(buf, len);
	int ret;

	m->inner_first = first;
	m->inner = (struct ike_view){.p = buf, .len = len};
	ret = parse_chain(m, first, &r, NULL);
	if (ret < 0)
		return ret;
	return m->critical != 0 ? -EOPNOTSUPP : 0;
}

/* ---- occurrence ---- */

bool
ike_msg_is_response(const struct ike_msg *m)
{
	return (m->hdr.flags & IKE_FLAG_RESPONSE) != 0;
}

static const struct rule *
find_rule(uint8_t exchange, uint8_t dir, uint8_t type)
{
	for (size_t i = 0; i < N_RULES; i++)
		if (rules[i].exchange == exchange && (rules[i].dir & dir) != 0 &&
			rules[i].type == type)
			return &rules[i];
	return NULL;
}

static unsigned int
count(const struct ike_msg *m, uint8_t type)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < m->n; i++)
		n += m->pld[i].type == type;
	return n;
}

/** A response that refuses, or asks for another try, comes without the regular payloads. */
static bool
is_refusal(const struct ike_msg *m)
{
	return ike_msg_is_response(m) &&
	       (ike_msg_error(m) != 0 || ike_msg_notify(m, IKE_N_COOKIE, NULL) ||
		       ike_msg_notify(m, IKE_N_REDIRECT, NULL));
}

/** INVALID_IKE_SPI and its like may come outside of any IKE SA (1.5): notifies, nothing else. */
static int
check_clear_informational(const struct ike_msg *m)
{
	for (unsigned int i = 0; i < m->n; i++)
		if (m->pld[i].type != IKE_PLD_NOTIFY)
			return -EBADMSG;
	return m->n > 0 ? 0 : -EBADMSG;
}

static bool
is_exchange(uint8_t exchange)
{
	return exchange == IKE_X_INTERMEDIATE || exchange == IKE_X_FOLLOWUP_KE ||
	       (exchange >= IKE_X_SA_INIT && exchange <= IKE_X_INFORMATIONAL);
}

int
ike_msg_check(const struct ike_msg *m)
{
	uint8_t dir = ike_msg_is_response(m) ? RSP : REQ;
	bool want_enc = m->hdr.exchange != IKE_X_SA_INIT;

	if (!is_exchange(m->hdr.exchange))
		return -ENOENT;
	if (want_enc != (m->sk_type != 0))
		return m->hdr.exchange == IKE_X_INFORMATIONAL ? check_clear_informational(m)
							      : -EBADMSG;
	for (unsigned int i = 0; i < m->n; i++)
		if (m->pld[i].enc != want_enc ||
			find_rule(m->hdr.exchange, dir, m->pld[i].type) == NULL)
			return -EBADMSG;
	for (size_t i = 0; i < N_RULES; i++) {
		const struct rule *r = &rules[i];
		unsigned int n;

		if (r->exchange != m->hdr.exchange || (r->dir & dir) == 0)
			continue;
		n = count(m, r->type);
		if (n > r->max || (n < r->min && !is_refusal(m)))
			return -EBADMSG;
	}
	return 0;
}

/* ---- looking ---- */

const struct ike_payload *
ike_msg_find(const struct ike_msg *m, uint8_t type)
{
	for (unsigned int i = 0; i < m->n; i++)
		if (m->pld[i].type == type)
			return &m->pld[i];
	return NULL;
}

bool
ike_msg_notify_next(const struct ike_msg *m, unsigned int *pos, struct ike_notify *n)
{
	while (*pos < m->n) {
		const struct ike_payload *p = &m->pld[(*pos)++];

		if (p->type == IKE_PLD_NOTIFY && ike_pld_notify_parse(n, p->body) == 0)
			return true;
	}
	return false;
}

bool
ike_msg_notify(const struct ike_msg *m, uint16_t type, struct ike_notify *n)
{
	struct ike_notify tmp;
	unsigned int pos = 0;

	if (n == NULL)
		n = &tmp;
	while (ike_msg_notify_next(m, &pos, n))
		if (n->type == type)
			return true;
	return false;
}

uint16_t
ike_msg_error(const struct ike_msg *m)
{
	struct ike_notify n;
	unsigned int pos = 0;

	while (ike_msg_notify_next(m, &pos, &n))
		if (n.type > 0 && n.type <= IKE_N_ERROR_MAX)
			return n.type;
	return 0;
}

/* ---- building ---- */

void
ike_chain_begin(struct ike_chain *c, void *buf, size_t cap)
{
	*c = (struct ike_chain){.w = ike_wr_make(buf, cap)};
}

void
ike_msg_begin(struct ike_chain *c, void *buf, size_t cap, const struct ike_hdr *hdr)
{
	struct ike_hdr h = *hdr;

	ike_chain_begin(c, buf, cap);
	h.next = IKE_PLD_NONE;
	h.version = IKE_VERSION;
	h.length = 0;
	ike_hdr_build(&c->w, &h);
	c->has_hdr = true;
	c->next_at = 16; /* the header's Next Payload */
}

size_t
ike_msg_end(struct ike_chain *c)
{
	if (c->w.len > IKE_MSG_MAX)
		c->w.bad = true;
	ike_wr_patch_u32(&c->w, 24, (uint32_t)c->w.len);
	return ike_wr_ok(&c->w) ? c->w.len : 0;
}

size_t
ike_pld_begin(struct ike_chain *c, uint8_t type)
{
	size_t start = c->w.len;

	if (c->first == IKE_PLD_NONE)
		c->first = type;
	if (c->has_hdr || start > 0)
		ike_wr_patch_u8(&c->w, c->next_at, type);
	c->next_at = start;
	ike_wr_zero(&c->w, IKE_PLD_HDR_LEN);
	return start;
}

void
ike_pld_end(struct ike_chain *c, size_t start)
{
	ike_wr_patch_len16(&c->w, start + 2, start);
}

/* ---- names ---- */

struct name {
	uint16_t id;
	const char *name;
};

static const char *
find_name(const struct name *t, size_t n, uint16_t id)
{
	for (size_t i = 0; i < n; i++)
		if (t[i].id == id)
			return t[i].name;
	return NULL;
}

#define FIND(table, id) find_name(table, sizeof(table) / sizeof((table)[0]), id)

const char *
ike_exchange_name(uint8_t exchange)
{
	static const struct name names[] = {
		{IKE_X_SA_INIT, "IKE_SA_INIT"},
		{IKE_X_AUTH, "IKE_AUTH"},
		{IKE_X_CREATE_CHILD_SA, "CREATE_CHILD_SA"},
		{IKE_X_INFORMATIONAL, "INFORMATIONAL"},
		{IKE_X_INTERMEDIATE, "IKE_INTERMEDIATE"},
		{IKE_X_FOLLOWUP_KE, "IKE_FOLLOWUP_KE"},
	};

	return FIND(names, exchange);
}

const char *
ike_payload_name(uint8_t type)
{
	static const struct name names[] = {
		{IKE_PLD_SA, "SA"},
		{IKE_PLD_KE, "KE"},
		{IKE_PLD_IDI, "IDi"},
		{IKE_PLD_IDR, "IDr"},
		{IKE_PLD_CERT, "CERT"},
		{IKE_PLD_CERTREQ, "CERTREQ"},
		{IKE_PLD_AUTH, "AUTH"},
		{IKE_PLD_NONCE, "No"},
		{IKE_PLD_NOTIFY, "N"},
		{IKE_PLD_DELETE, "D"},
		{IKE_PLD_VENDOR, "V"},
		{IKE_PLD_TSI, "TSi"},
		{IKE_PLD_TSR, "TSr"},
		{IKE_PLD_SK, "SK"},
		{IKE_PLD_CP, "CP"},
		{IKE_PLD_EAP, "EAP"},
		{IKE_PLD_SKF, "SKF"},
	};

	return FIND(names, type);
}

/* clang-format off */
#define NOTIFY(n) {IKE_N_##n, #n}
/* clang-format on */

static const struct name notify_names[] = {
	NOTIFY(UNSUPPORTED_CRITICAL_PAYLOAD),
	NOTIFY(INVALID_IKE_SPI),
	NOTIFY(INVALID_MAJOR_VERSION),
	NOTIFY(INVALID_SYNTAX),
	NOTIFY(INVALID_MESSAGE_ID),
	NOTIFY(INVALID_SPI),
	NOTIFY(NO_PROPOSAL_CHOSEN),
	NOTIFY(INVALID_KE_PAYLOAD),
	NOTIFY(AUTHENTICATION_FAILED),
	NOTIFY(SINGLE_PAIR_REQUIRED),
	NOTIFY(NO_ADDITIONAL_SAS),
	NOTIFY(INTERNAL_ADDRESS_FAILURE),
	NOTIFY(FAILED_CP_REQUIRED),
	NOTIFY(TS_UNACCEPTABLE),
	NOTIFY(INVALID_SELECTORS),
	NOTIFY(UNACCEPTABLE_ADDRESSES),
	NOTIFY(UNEXPECTED_NAT_DETECTED),
	NOTIFY(TEMPORARY_FAILURE),
	NOTIFY(CHILD_SA_NOT_FOUND),
	NOTIFY(INVALID_GROUP_ID),
	NOTIFY(AUTHORIZATION_FAILED),
	NOTIFY(STATE_NOT_FOUND),
	NOTIFY(TS_MAX_QUEUE),
	NOTIFY(INITIAL_CONTACT),
	NOTIFY(SET_WINDOW_SIZE),
	NOTIFY(ADDITIONAL_TS_POSSIBLE),
	NOTIFY(IPCOMP_SUPPORTED),
	NOTIFY(NAT_DETECTION_SOURCE_IP),
	NOTIFY(NAT_DETECTION_DESTINATION_IP),
	NOTIFY(COOKIE),
	NOTIFY(USE_TRANSPORT_MODE),
	NOTIFY(HTTP_CERT_LOOKUP_SUPPORTED),
	NOTIFY(REKEY_SA),
	NOTIFY(ESP_TFC_PADDING_NOT_SUPPORTED),
	NOTIFY(NON_FIRST_FRAGMENTS_ALSO),
	NOTIFY(MOBIKE_SUPPORTED),
	NOTIFY(ADDITIONAL_IP4_ADDRESS),
	NOTIFY(ADDITIONAL_IP6_ADDRESS),
	NOTIFY(NO_ADDITIONAL_ADDRESSES),
	NOTIFY(UPDATE_SA_ADDRESSES),
	NOTIFY(COOKIE2),
	NOTIFY(NO_NATS_ALLOWED),
	NOTIFY(AUTH_LIFETIME),
	NOTIFY(MULTIPLE_AUTH_SUPPORTED),
	NOTIFY(ANOTHER_AUTH_FOLLOWS),
	NOTIFY(REDIRECT_SUPPORTED),
	NOTIFY(REDIRECT),
	NOTIFY(REDIRECTED_FROM),
	NOTIFY(TICKET_LT_OPAQUE),
	NOTIFY(TICKET_REQUEST),
	NOTIFY(TICKET_ACK),
	NOTIFY(TICKET_NACK),
	NOTIFY(TICKET_OPAQUE),
	NOTIFY(LINK_ID),
	NOTIFY(USE_WESP_MODE),
	NOTIFY(ROHC_SUPPORTED),
	NOTIFY(EAP_ONLY_AUTHENTICATION),
	NOTIFY(CHILDLESS_IKEV2_SUPPORTED),
	NOTIFY(QCD_TOKEN),
	NOTIFY(MESSAGE_ID_SYNC_SUPPORTED),
	NOTIFY(REPLAY_COUNTER_SYNC_SUPPORTED),
	NOTIFY(MESSAGE_ID_SYNC),
	NOTIFY(REPLAY_COUNTER_SYNC),
	NOTIFY(SECURE_PASSWORD_METHODS),
	NOTIFY(PSK_PERSIST),
	NOTIFY(PSK_CONFIRM),
	NOTIFY(ERX_SUPPORTED),
	NOTIFY(FRAGMENTATION_SUPPORTED),
	NOTIFY(SIGNATURE_HASH_ALGORITHMS),
	NOTIFY(CLONE_IKE_SA_SUPPORTED),
	NOTIFY(CLONE_IKE_SA),
	NOTIFY(PUZZLE),
	NOTIFY(USE_PPK),
	NOTIFY(PPK_IDENTITY),
	NOTIFY(NO_PPK_AUTH),
	NOTIFY(INTERMEDIATE_EXCHANGE_SUPPORTED),
	NOTIFY(IP4_ALLOWED),
	NOTIFY(IP6_ALLOWED),
	NOTIFY(ADDITIONAL_KEY_EXCHANGE),
	NOTIFY(USE_AGGFRAG),
	NOTIFY(SA_RESOURCE_INFO),
};

const char *
ike_notify_name(uint16_t type)
{
	return FIND(notify_names, type);
}
