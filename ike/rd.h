/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_RD_H
#define IKE_RD_H

/*
 * A bounded read cursor over foreign bytes, with a sticky error: decode straight through, test
 * once with ike_rd_ok() or ike_rd_done(). A read past the end yields zeroes (NULL for bytes) and
 * leaves nothing to read. Views point into the buffer that the cursor was made for.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct ike_rd {
	const uint8_t *p;
	size_t left; /* bytes from p on */
	bool bad;    /* something was read that was not there; stays */
};

/** A view of len bytes of a buffer that somebody else owns. */
struct ike_view {
	const uint8_t *p; /* may be NULL when len is 0 */
	size_t len;
};

static inline struct ike_rd
ike_rd_make(const void *buf, size_t len)
{
	return (struct ike_rd){.p = buf, .left = len};
}

static inline struct ike_rd
ike_rd_view(struct ike_view v)
{
	return (struct ike_rd){.p = v.p, .left = v.len};
}

static inline void
ike_rd_fail(struct ike_rd *r)
{
	r->bad = true;
	r->left = 0;
}

/** The next n bytes; NULL when there are fewer. n = 0 always works, the result is not to be read. */
static inline const uint8_t *
ike_rd_bytes(struct ike_rd *r, size_t n)
{
	const uint8_t *p = r->p;

	if (n > r->left) {
		ike_rd_fail(r);
		return NULL;
	}
	if (n > 0) {
		r->p += n;
		r->left -= n;
	}
	return p;
}

static inline uint8_t
ike_rd_u8(struct ike_rd *r)
{
	const uint8_t *p = ike_rd_bytes(r, 1);

	return p == NULL ? 0 : p[0];
}

static inline uint16_t
ike_rd_u16(struct ike_rd *r)
{
	const uint8_t *p = ike_rd_bytes(r, 2);

	return (uint16_t)(p == NULL ? 0 : p[0] << 8 | p[1]);
}

static inline uint32_t
ike_rd_u32(struct ike_rd *r)
{
	const uint8_t *p = ike_rd_bytes(r, 4);

	if (p == NULL)
		return 0;
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t
ike_rd_u64(struct ike_rd *r)
{
	const uint8_t *p = ike_rd_bytes(r, 8);
	uint64_t v = 0;

	for (int i = 0; p != NULL && i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

/** Copy the next n bytes; dst is zeroed when there are fewer. */
static inline void
ike_rd_copy(struct ike_rd *r, void *dst, size_t n)
{
	const uint8_t *p = ike_rd_bytes(r, n);

	if (n == 0)
		return;
	if (p == NULL)
		memset(dst, 0, n);
	else
		memcpy(dst, p, n);
}

/** A cursor over exactly the next n bytes, which are taken from r; bad when there are fewer. */
static inline struct ike_rd
ike_rd_sub(struct ike_rd *r, size_t n)
{
	const uint8_t *p = ike_rd_bytes(r, n);

	return (struct ike_rd){.p = p, .left = r->bad ? 0 : n, .bad = r->bad};
}

/** Everything that is left, as a view; the cursor is then at its end. */
static inline struct ike_view
ike_rd_rest(struct ike_rd *r)
{
	struct ike_view v = {.len = r->left};

	v.p = ike_rd_bytes(r, r->left);
	return v;
}

/** Nothing was read past the end so far. */
static inline bool
ike_rd_ok(const struct ike_rd *r)
{
	return !r->bad;
}

/** Read without error and to the last byte: leftovers are an error too. */
static inline bool
ike_rd_done(const struct ike_rd *r)
{
	return !r->bad && r->left == 0;
}

#endif
