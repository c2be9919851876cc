/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_REPLAY_H
#define GW_REPLAY_H

/*
 * Anti-replay window (RFC 4303 3.4.3) with extended sequence numbers (appendix A), as a ring of
 * 64-bit blocks (the idea of RFC 6479: advancing clears whole blocks and shifts nothing). Pure.
 *
 * Order of use: infer before the crypto; check early, to drop cheaply; commit after the ICV was found
 * right, which checks again: duplicates inside one burst end there.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define GW_REPLAY_MIN 32u
#define GW_REPLAY_MAX 8192u

struct gw_replay {
	uint64_t top;	  /* highest number accepted, 0 = none yet */
	uint64_t newest;  /* the block that top is in, whose place in blocks is not looked at */
	uint32_t window;  /* 0 = off */
	uint32_t mask;	  /* blocks - 1 */
	uint64_t *blocks; /* apart: packets that come in order need none of them */
};

/** Blocks for a window: one more than it spans, since the newest is filled as it advances. */
static inline uint32_t
gw_replay_blocks(uint32_t window)
{
	uint32_t need = (window + 63) / 64 + 1, n = 1;

	while (n < need)
		n *= 2;
	return n;
}

/** Bytes for the blocks of this window. */
static inline size_t
gw_replay_size(uint32_t window)
{
	return gw_replay_blocks(window) * sizeof(uint64_t);
}

/**
 * @param window  0, or GW_REPLAY_MIN..GW_REPLAY_MAX
 * @param blocks  gw_replay_size(window) bytes of the caller's
 */
static inline void
gw_replay_init(struct gw_replay *r, uint32_t window, uint64_t *blocks)
{
	r->top = r->newest = 0;
	r->window = window;
	r->mask = gw_replay_blocks(window) - 1;
	r->blocks = blocks;
	memset(r->blocks, 0, (r->mask + 1) * sizeof(r->blocks[0]));
}

/**
 * The 64-bit number behind the 32 bits of a packet. Without ESN it is those 32 bits. With ESN, the
 * high half is chosen so that the number falls into the window or after it (RFC 4303 A2.2).
 * @return false when there is no such number: before the first epoch or past the last
 */
static inline bool
gw_replay_infer(const struct gw_replay *r, uint32_t low, bool esn, uint64_t *seq)
{
	uint32_t top_low = (uint32_t)r->top, top_high = (uint32_t)(r->top >> 32);
	uint32_t bottom = top_low - r->window + 1;

	if (!esn) {
		*seq = low;
		return true;
	}
	if (top_low >= r->window - 1) { /* case A: the window lies within one epoch */
		if (low < bottom && top_high++ == UINT32_MAX)
			return false;
	} else { /* case B: it reaches back into the epoch before */
		if (low >= bottom && top_high-- == 0)
			return false;
	}
	*seq = (uint64_t)top_high << 32 | low;
	return true;
}

/* The block that seq, which is not after top, is in. */
static inline uint64_t
gw_replay_block(const struct gw_replay *r, uint64_t seq)
{
	return seq / 64 == r->top / 64 ? r->newest : r->blocks[(seq / 64) & r->mask];
}

/** True if seq is new: after the window, or inside it and not seen. Number 0 is never sent. */
static inline bool
gw_replay_check(const struct gw_replay *r, uint64_t seq)
{
	if (r->window == 0)
		return true;
	if (seq > r->top)
		return true;
	if (seq == 0 || r->top - seq >= r->window)
		return false;
	return (gw_replay_block(r, seq) >> (seq % 64) & 1) == 0;
}

/* A new top: blocks in between have not been seen. */
static inline void
gw_replay_advance(struct gw_replay *r, uint64_t seq)
{
	uint64_t block = r->top / 64, ahead = seq / 64 - block;

	if (ahead > 0) {
		r->blocks[block & r->mask] = r->newest;
		for (uint64_t i = 1; i < ahead && i <= r->mask + 1; i++)
			r->blocks[(block + i) & r->mask] = 0;
		r->newest = 0;
	}
	r->top = seq;
}

/** Check again and mark as seen. @return false when it is a replay after all */
static inline bool
gw_replay_commit(struct gw_replay *r, uint64_t seq)
{
	if (r->window == 0) {
		if (seq > r->top)
			r->top = seq;
		return true;
	}
	/* most packets: the next one, in the block of the last one */
	if (seq == r->top + 1 && seq % 64 != 0) {
		r->top = seq;
		r->newest |= (uint64_t)1 << (seq % 64);
		return true;
	}
	if (!gw_replay_check(r, seq))
		return false;
	if (seq > r->top)
		gw_replay_advance(r, seq);
	if (seq / 64 == r->top / 64)
		r->newest |= (uint64_t)1 << (seq % 64);
	else
		r->blocks[(seq / 64) & r->mask] |= (uint64_t)1 << (seq % 64);
	return true;
}

#endif
