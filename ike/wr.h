/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_WR_H
#define IKE_WR_H

/*
 * A bounded write cursor with a sticky error: build straight through, test once with ike_wr_ok().
 * After a write that does not fit nothing more is written. Lengths that come before what they
 * measure are patched afterwards through offsets.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct ike_wr {
	uint8_t *buf;
	size_t len; /* written so far */
	size_t cap;
	bool bad; /* something did not fit; stays */
};

static inline struct ike_wr
ike_wr_make(void *buf, size_t cap)
{
	return (struct ike_wr){.buf = buf, .cap = cap};
}

/** Room for n bytes, not initialised; NULL when they do not fit. */
static inline uint8_t *
ike_wr_space(struct ike_wr *w, size_t n)
{
	uint8_t *p;

	if (w->bad || n > w->cap - w->len) {
		w->bad = true;
		return NULL;
	}
	p = w->buf + w->len;
	w->len += n;
	return p;
}

static inline void
ike_wr_bytes(struct ike_wr *w, const void *src, size_t n)
{
	uint8_t *p = ike_wr_space(w, n);

	if (p != NULL && n > 0)
		memcpy(p, src, n);
}

static inline void
ike_wr_zero(struct ike_wr *w, size_t n)
{
	uint8_t *p = ike_wr_space(w, n);

	if (p != NULL && n > 0)
		memset(p, 0, n);
}

static inline void
ike_wr_u8(struct ike_wr *w, uint8_t v)
{
	ike_wr_bytes(w, &v, 1);
}

static inline void
ike_wr_u16(struct ike_wr *w, uint16_t v)
{
	const uint8_t b[2] = {(uint8_t)(v >> 8), (uint8_t)v};

	ike_wr_bytes(w, b, sizeof(b));
}

static inline void
ike_wr_u32(struct ike_wr *w, uint32_t v)
{
	ike_wr_u16(w, (uint16_t)(v >> 16));
	ike_wr_u16(w, (uint16_t)v);
}

static inline void
ike_wr_u64(struct ike_wr *w, uint64_t v)
{
	ike_wr_u32(w, (uint32_t)(v >> 32));
	ike_wr_u32(w, (uint32_t)v);
}

/** Overwrite what was written at offset at; outside of what is written it is an error. */
static inline void
ike_wr_patch_u8(struct ike_wr *w, size_t at, uint8_t v)
{
	if (w->bad || at >= w->len) {
		w->bad = true;
		return;
	}
	w->buf[at] = v;
}

static inline void
ike_wr_patch_u16(struct ike_wr *w, size_t at, uint16_t v)
{
	ike_wr_patch_u8(w, at + 1, (uint8_t)v);
	ike_wr_patch_u8(w, at, (uint8_t)(v >> 8));
}

static inline void
ike_wr_patch_u32(struct ike_wr *w, size_t at, uint32_t v)
{
	ike_wr_patch_u16(w, at + 2, (uint16_t)v);
	ike_wr_patch_u16(w, at, (uint16_t)(v >> 16));
}

/** Patch a 16-bit length at offset at with what was written from offset start on. */
static inline void
ike_wr_patch_len16(struct ike_wr *w, size_t at, size_t start)
{
	if (w->bad || start > w->len || w->len - start > UINT16_MAX) {
		w->bad = true;
		return;
	}
	ike_wr_patch_u16(w, at, (uint16_t)(w->len - start));
}

static inline bool
ike_wr_ok(const struct ike_wr *w)
{
	return !w->bad;
}

#endif
