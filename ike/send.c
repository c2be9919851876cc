/* SPDX-License-Identifier: BSD-3-Clause */
#include "send.h"

#include <errno.h>
#include <string.h>

#include "nat.h"
#include "payload.h"
#include "x_inter.h"

#define IP6_UDP_LEN (40 + 8)
#define MARKER_LEN  4 /* RFC 3948 2.2, may come in front; counted always: a port may still float */

#define CLEAR_ERRORS_PER_S 20

void
ike_send_begin(struct ike *e, struct ike_chain *c)
{
	ike_chain_begin(c, e->plain_buf, IKE_MSG_MAX);
}

void
ike_send_flight(struct ike *e, const struct ike_path *path, const struct ike_flight *f)
{
	const uint8_t *p;
	size_t pos = 0, len;

	while ((p = ike_flight_next(f, &pos, &len)) != NULL) {
		e->stats.tx++;
		e->host.send(e->host.arg, path, p, len);
	}
}

/** Largest IKE message that goes unfragmented, or as one fragment (RFC 7383 2.5.1). */
static size_t
frag_max(const struct ike_sa *sa, const struct ike_path *path)
{
	const struct ike_host *h = &sa->e->host;
	size_t size = sa->e->fragment_size, mtu;

	mtu = h->path_mtu != NULL ? h->path_mtu(h->arg, &path->remote) : size;
	if (mtu < size)
		size = mtu;
	return size - IP6_UDP_LEN - MARKER_LEN;
}

static int
seal(struct ike_sa *sa, const struct ike_path *path, const struct ike_hdr *hdr,
	const struct ike_chain *c, struct ike_flight *f)
{
	struct ike *e = sa->e;
	struct ike_sk_key *k = sa->initiator ? &sa->keys.i : &sa->keys.r;
	unsigned int n = 1;
	ssize_t len;
	size_t at = 0;

	if (!ike_wr_ok(&c->w))
		return -EMSGSIZE;
	if (hdr->exchange == IKE_X_INTERMEDIATE && ike_inter_sent(sa, hdr, c) != 0)
		return -EIO;
	if (sa->frag)
		len = ike_sk_seal_frags(k, hdr, c->first, c->w.buf, c->w.len, frag_max(sa, path),
			e->wire_buf, IKE_WIRE_CAP, &n);
	else
		len = ike_sk_seal(k, hdr, c->first, c->w.buf, c->w.len, e->wire_buf, IKE_WIRE_CAP);
	if (len < 0)
		return (int)len;
	for (unsigned int i = 0; i < n; i++) {
		size_t one = ike_msg_length(e->wire_buf + at);
		int err = ike_flight_add(f, e->wire_buf + at, one);

		if (err != 0)
			return err;
		at += one;
	}
	return 0;
}

static struct ike_hdr
header(const struct ike_sa *sa, uint8_t exchange, uint32_t msg_id, bool response)
{
	return (struct ike_hdr){
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.exchange = exchange,
		.flags = (uint8_t)((sa->initiator ? IKE_FLAG_INITIATOR : 0) |
				   (response ? IKE_FLAG_RESPONSE : 0)),
		.msg_id = msg_id,
	};
}

static int
failed(struct ike_sa *sa, struct ike_flight *f, int err)
{
	ike_flight_clear(f);
	ike_log(sa->e, IKE_LOG_ERROR, "ENC", sa->conn->name, "cannot build a message: %s",
		strerror(-err));
	return err;
}

int
ike_send_request(
	struct ike_sa *sa, uint8_t exchange, struct ike_chain *c, const struct ike_path *path)
{
	struct ike *e = sa->e;
	struct ike_hdr hdr = header(sa, exchange, sa->win.next_out, false);
	struct ike_flight f = {0};
	int err = seal(sa, path, &hdr, c, &f);

	if (err != 0)
		return failed(sa, &f, err);
	ike_window_sent(&sa->win, &f, &e->backoff, ike_backoff_chance(e), e->now_ms);
	ike_send_flight(e, path, &sa->win.request);
	ike_nat_sent(sa);
	ike_sa_touch(sa);
	return 0;
}

int
ike_send_clear_request(struct ike_sa *sa, const uint8_t *msg, size_t len)
{
	struct ike *e = sa->e;
	struct ike_flight f = {0};
	int err = ike_flight_add(&f, msg, len);

	if (err != 0)
		return failed(sa, &f, err);
	ike_window_sent(&sa->win, &f, &e->backoff, ike_backoff_chance(e), e->now_ms);
	ike_send_flight(e, &sa->path, &sa->win.request);
	ike_sa_touch(sa);
	return 0;
}

int
ike_send_reply(struct ike_sa *sa, const struct ike_msg *in, struct ike_chain *c,
	const struct ike_path *path, const uint8_t digest[IKE_DIGEST_LEN])
{
	struct ike_hdr hdr = header(sa, in->hdr.exchange, in->hdr.msg_id, true);
	struct ike_flight f = {0};
	int err = seal(sa, path, &hdr, c, &f);

	if (err != 0)
		return failed(sa, &f, err);
	ike_window_replied(&sa->win, &f, digest);
	ike_send_flight(sa->e, path, &sa->win.reply);
	ike_nat_sent(sa);
	return 0;
}

void
ike_send_farewell(struct ike_sa *sa)
{
	/* an outstanding request keeps its Message ID: the peer most likely has it already */
	uint32_t id = sa->win.next_out + (sa->win.request.buf != NULL ? 1 : 0);
	struct ike_hdr hdr = header(sa, IKE_X_INFORMATIONAL, id, false);
	struct ike_flight f = {0};
	struct ike_chain c;

	ike_send_begin(sa->e, &c);
	ike_pld_delete_build(&c, IKE_PROTO_IKE, NULL, 0);
	if (seal(sa, &sa->path, &hdr, &c, &f) == 0)
		ike_send_flight(sa->e, &sa->path, &f);
	ike_flight_clear(&f);
}

static void
clear_begin(struct ike *e, const struct ike_hdr *req, struct ike_chain *c)
{
	const struct ike_hdr hdr = {
		.spi_i = req->spi_i,
		.spi_r = req->spi_r,
		.exchange = req->exchange,
		.flags = (uint8_t)(~req->flags & (IKE_FLAG_RESPONSE | IKE_FLAG_INITIATOR)),
		.msg_id = req->msg_id,
	};

	ike_msg_begin(c, e->wire_buf, IKE_WIRE_CAP, &hdr);
}

void
ike_send_clear_end(struct ike *e, const struct ike_path *path, struct ike_chain *c)
{
	size_t n = ike_msg_end(c);

	if (n == 0)
		return;
	e->stats.tx++;
	e->host.send(e->host.arg, path, e->wire_buf, n);
}

void
ike_send_clear_notify(struct ike *e, const struct ike_path *path, const struct ike_hdr *req,
	uint16_t type, const void *data, size_t len)
{
	struct ike_chain c;

	clear_begin(e, req, &c);
	ike_pld_notify_build(&c, type, data, len);
	ike_send_clear_end(e, path, &c);
}

bool
ike_send_clear_begin(struct ike *e, const struct ike_hdr *req, struct ike_chain *c)
{
	if (e->now_ms - e->clear_reply_ms >= 1000) {
		e->clear_reply_ms = e->now_ms;
		e->clear_replies = 0;
	}
	if (++e->clear_replies > CLEAR_ERRORS_PER_S)
		return false;
	clear_begin(e, req, c);
	return true;
}

void
ike_send_clear_error(struct ike *e, const struct ike_path *path, const struct ike_hdr *req,
	uint16_t type, const void *data, size_t len)
{
	struct ike_chain c;

	if (!ike_send_clear_begin(e, req, &c))
		return;
	ike_pld_notify_build(&c, type, data, len);
	ike_send_clear_end(e, path, &c);
}
