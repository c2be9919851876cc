/* SPDX-License-Identifier: BSD-3-Clause */
#include "window.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

int
ike_flight_add(struct ike_flight *f, const uint8_t *buf, size_t len)
{
	uint8_t *p;

	if (len == 0 || len > UINT16_MAX)
		return -EMSGSIZE;
	p = realloc(f->buf, f->len + 2 + len);
	if (p == NULL)
		return -ENOMEM;
	f->buf = p;
	p += f->len;
	p[0] = (uint8_t)(len >> 8);
	p[1] = (uint8_t)len;
	memcpy(p + 2, buf, len);
	f->len += 2 + len;
	return 0;
}

const uint8_t *
ike_flight_next(const struct ike_flight *f, size_t *pos, size_t *len)
{
	const uint8_t *p;

	if (*pos >= f->len)
		return NULL;
	p = f->buf + *pos;
	*len = (size_t)p[0] << 8 | p[1];
	*pos += 2 + *len;
	return p + 2;
}

void
ike_flight_clear(struct ike_flight *f)
{
	free(f->buf);
	*f = (struct ike_flight){0};
}

uint32_t
ike_window_top(const struct ike_window *w)
{
	return w->next_out > w->next_in ? w->next_out : w->next_in;
}

enum ike_window_verdict
ike_window_request(const struct ike_window *w, uint32_t id, const uint8_t digest[IKE_DIGEST_LEN])
{
	if (id == w->next_in)
		return IKE_WIN_NEW;
	if (w->next_in == 0 || id != w->next_in - 1 || w->reply.buf == NULL)
		return IKE_WIN_IGNORE;
	/* bitwise identical or not a retransmission (2.1) */
	return memcmp(w->reply_to, digest, IKE_DIGEST_LEN) == 0 ? IKE_WIN_AGAIN : IKE_WIN_OTHER;
}

bool
ike_window_response(const struct ike_window *w, uint32_t id)
{
	return w->request.buf != NULL && id == w->next_out;
}

static uint64_t
delay_ms(const struct ike_backoff *b, uint32_t tries, uint16_t chance)
{
	double d = b->timeout_ms;

	for (uint32_t i = 0; i < tries && d < 1e9; i++)
		d *= b->base;
	if (b->limit_ms != 0 && d > b->limit_ms)
		d = b->limit_ms;
	return (uint64_t)(d - d * b->jitter / 100 * chance / UINT16_MAX);
}

void
ike_window_sent(struct ike_window *w, struct ike_flight *f, const struct ike_backoff *b,
	uint16_t chance, uint64_t now_ms)
{
	ike_flight_clear(&w->request);
	w->request = *f;
	*f = (struct ike_flight){0};
	w->tries = 0;
	w->due_ms = now_ms + delay_ms(b, 0, chance);
}

void
ike_window_answered(struct ike_window *w)
{
	ike_flight_clear(&w->request);
	w->next_out++;
}

bool
ike_window_retry(
	struct ike_window *w, const struct ike_backoff *b, uint16_t chance, uint64_t now_ms)
{
	if (w->tries >= b->tries)
		return false;
	w->tries++;
	w->due_ms = now_ms + delay_ms(b, w->tries, chance);
	return true;
}

void
ike_window_replied(struct ike_window *w, struct ike_flight *f, const uint8_t digest[IKE_DIGEST_LEN])
{
	ike_flight_clear(&w->reply);
	w->reply = *f;
	*f = (struct ike_flight){0};
	memcpy(w->reply_to, digest, IKE_DIGEST_LEN);
	w->next_in++;
}

void
ike_window_fini(struct ike_window *w)
{
	ike_flight_clear(&w->request);
	ike_flight_clear(&w->reply);
	OPENSSL_cleanse(w, sizeof(*w));
}

int
ike_digest(const uint8_t *buf, size_t len, uint8_t out[IKE_DIGEST_LEN])
{
	unsigned int n = 0;

	if (EVP_Digest(buf, len, out, &n, EVP_sha256(), NULL) != 1 || n != IKE_DIGEST_LEN)
		return -ENOMEM;
	return 0;
}
