/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_ESP_UTIL_H
#define TEST_ESP_UTIL_H

/* Two gateways' halves of one SA in one process: what one seals, the other opens. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/crypto_mb.h"
#include "lib/esp.h"
#include "lib/tunnel.h"

/** An EAL without huge pages, ports or files. Exits the test when that fails. */
void util_eal(const char *name);

struct rig {
	struct gw_crypto *c;
	struct rte_mempool *pool;
	struct gw_sadb *db;
	struct gw_sa_params params; /* of the sender; the receiver's are mirrored */
	struct gw_sa_out *out;
	struct gw_sa_in *in;
	struct gw_tunnel tunnel;
};

/** Crypto, pool, SA table and a tunnel; no SAs. */
void util_rig_init(struct rig *r);
void util_rig_fini(struct rig *r);

/** Parameters with this row's algorithm and keys that depend on seed. */
void util_params(struct gw_sa_params *p, const struct gw_crypto_alg *row, unsigned int seed);
/** Create and publish both ends for r->params; the SPI is filled in. */
void util_sa_up(struct rig *r);
void util_sa_down(struct rig *r);

/** A packet as gw_esp_out wants it: len bytes that depend on seed. */
struct rte_mbuf *util_gre(struct rig *r, unsigned int len, unsigned int seed);
/** True if m holds just what util_gre(len, seed) did. */
int util_gre_same(const struct rte_mbuf *m, unsigned int len, unsigned int seed);

/** Make an outer packet look as if it had been received and classified. */
void util_received(struct rte_mbuf *m);
/** A received packet from bytes that begin with the outer IPv6 header. */
struct rte_mbuf *util_packet(struct rig *r, const uint8_t *p, unsigned int len);

/** Mbufs of r->pool that are out. */
unsigned int util_in_use(const struct rig *r);

/** Lowercase or uppercase hex to bytes. @return bytes, or -1 when it is no hex or longer than max */
int util_unhex(const char *s, uint8_t *out, unsigned int max);

#endif
