/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_VECTORS_H
#define TEST_VECTORS_H

/* What test/vectors/gre.py and gso.py wrote. */

#include <stdbool.h>
#include <stdint.h>

struct gre_vector {
	const char *name;
	uint16_t len, proto;
	bool csum, has_key, has_seq;
	uint32_t key, seq;
	uint8_t bytes[160];
};

struct icmp_vector {
	uint16_t len, mtu, err_len;
	uint8_t packet[1500];
	uint8_t headers[48]; /* 28 with IPv4; the error is these and the packet's beginning */
};

struct syn_vector {
	uint16_t len;
	uint8_t before[120], after[120];
};

struct gso_vector {
	const char *name;
	bool gro; /* the segments may be put together again */
	uint16_t size, csum_start, len, n_segs, seg_len[4];
	uint8_t packet[400], segs[600]; /* the segments one behind the other */
};

#define N_VECTORS(v) (sizeof(v) / sizeof((v)[0]))

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-const-variable"
#pragma GCC diagnostic ignored "-Wunused-variable"
#include "test/vectors/gre.h"
#include "test/vectors/gso.h"
#pragma GCC diagnostic pop

#endif
