/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_SADB_H
#define GW_SADB_H

/*
 * SPI -> inbound SA in one array access: we choose our own SPIs, low bits the slot, high bits
 * random, so that a stranger cannot guess one and an old SPI never names a new SA in its slot.
 * Writer: control. Readers: workers (acquire load of the slot). Reclaim: caller, through rcu.h.
 */

#include <stdbool.h>
#include <stdint.h>

struct gw_demux;
struct gw_sadb;
struct gw_sa_in;

/** @param n_slots  power of two, 256..1 << 20 */
struct gw_sadb *gw_sadb_create(uint32_t n_slots, int socket);
void gw_sadb_destroy(struct gw_sadb *db); /* must be empty of SAs; reservations may remain */

/** Reserve a slot. Host order, >= 256. @return 0 when full. Control. */
uint32_t gw_sadb_spi_alloc(struct gw_sadb *db);
/** Give back a reserved or removed SPI; its slot is used again as late as possible. Control. */
void gw_sadb_spi_free(struct gw_sadb *db, uint32_t spi);
/** Show sa under its SPI (reserved before). Control. */
void gw_sadb_publish(struct gw_sadb *db, struct gw_sa_in *sa);
/** Hide it; destroy it only after a quiescent period. Control. */
void gw_sadb_retire(struct gw_sadb *db, struct gw_sa_in *sa);
/** True for an SPI given out whose SA is not retired: when gw_sadb_lookup() did not find it, it is
 * still to come. Worker. */
bool gw_sadb_expects(const struct gw_sadb *db, uint32_t spi);
/** The tunnels of a published SA, by which its owner is known. NULL: no SA. Worker. */
const struct gw_demux *gw_sadb_demux(const struct gw_sadb *db, uint32_t spi);
/** Have what gw_sadb_lookup() will read, and the SAs' first lines, on their way. Worker. */
void gw_sadb_prefetch(const struct gw_sadb *db, const uint32_t *spis, unsigned int n);
/** Look up a burst: spis host order, out[i] NULL when unknown. Worker. */
void gw_sadb_lookup(const struct gw_sadb *db, const uint32_t *spis, struct gw_sa_in **out,
	unsigned int n);

#endif
