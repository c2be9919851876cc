/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_BYTES_H
#define GW_BYTES_H

/* Network order in foreign, perhaps unaligned bytes. The caller has checked that they are there. */

#include <stdint.h>
#include <string.h>

static inline uint16_t
gw_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t
gw_get32(const uint8_t *p)
{
	return (uint32_t)gw_get16(p) << 16 | gw_get16(p + 2);
}

static inline uint64_t
gw_get64(const uint8_t *p)
{
	return (uint64_t)gw_get32(p) << 32 | gw_get32(p + 4);
}

static inline void
gw_put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void
gw_put32(uint8_t *p, uint32_t v)
{
	gw_put16(p, (uint16_t)(v >> 16));
	gw_put16(p + 2, (uint16_t)v);
}

static inline void
gw_put64(uint8_t *p, uint64_t v)
{
	gw_put32(p, (uint32_t)(v >> 32));
	gw_put32(p + 4, (uint32_t)v);
}

#endif
