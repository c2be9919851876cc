/* SPDX-License-Identifier: BSD-3-Clause */
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>

#include <rte_malloc.h>
#include <rte_prefetch.h>

#include "sa_priv.h"
#include "sadb.h"

#define SPI_MIN 256 /* RFC 4303 2.1: below is reserved */

struct gw_sadb {
	uint32_t mask; /* slots - 1; set before any worker runs */

	/* control only */
	uint32_t *spis;         /* last SPI given out for each slot, 0 = none yet */
	uint32_t *free_slots;   /* ring of mask + 1: the slot longest free is used next */
	uint32_t first, n_free; /* of the ring */
	uint8_t *reserved;      /* by slot */

	/* control writes, workers read when a look-up found nothing, or to find the owner without
	 * touching what that writes: by slot, the SPI given out and not retired, or 0; the tunnels
	 * of the SA published there, or NULL */
	struct expected {
		_Atomic(uint32_t) spi;
		_Atomic(const struct gw_demux *) demux;
	} * expected;

	/* control writes (release), workers read (acquire) */
	_Alignas(64) _Atomic(struct gw_sa_in *) slots[];
};

struct gw_sadb *
gw_sadb_create(uint32_t n_slots, int socket)
{
	struct gw_sadb *db;
	uint32_t i;

	if (n_slots < 256 || n_slots > 1u << 20 || (n_slots & (n_slots - 1)) != 0)
		return NULL;
	db = rte_zmalloc_socket(
		"gw_sadb", sizeof(*db) + n_slots * sizeof(db->slots[0]), 64, socket);
	if (db == NULL)
		return NULL;
	db->mask = n_slots - 1;
	db->spis = calloc(n_slots, sizeof(db->spis[0]));
	db->free_slots = calloc(n_slots, sizeof(db->free_slots[0]));
	db->reserved = calloc(n_slots, sizeof(db->reserved[0]));
	db->expected = calloc(n_slots, sizeof(db->expected[0]));
	if (db->spis == NULL || db->free_slots == NULL || db->reserved == NULL ||
		db->expected == NULL) {
		gw_sadb_destroy(db);
		return NULL;
	}
	for (i = 0; i < n_slots; i++)
		db->free_slots[i] = i;
	db->n_free = n_slots;
	return db;
}

void
gw_sadb_destroy(struct gw_sadb *db)
{
	uint32_t i;

	if (db == NULL)
		return;
	for (i = 0; i <= db->mask; i++)
		assert(atomic_load_explicit(&db->slots[i], memory_order_relaxed) == NULL);
	free(db->spis);
	free(db->free_slots);
	free(db->reserved);
	free(db->expected);
	rte_free(db);
}

/* Random bits above the slot, other than the slot's last ones. @return 0: no random bytes */
static uint32_t
spi_draw(const struct gw_sadb *db, uint32_t slot)
{
	uint32_t spi;

	do {
		if (getrandom(&spi, sizeof(spi), 0) != sizeof(spi))
			return 0;
		spi = (spi & ~db->mask) | slot;
	} while (spi < SPI_MIN || spi == db->spis[slot]);
	return spi;
}

uint32_t
gw_sadb_spi_alloc(struct gw_sadb *db)
{
	uint32_t slot, spi;

	if (db->n_free == 0)
		return 0;
	slot = db->free_slots[db->first];
	spi = spi_draw(db, slot);
	if (spi == 0)
		return 0;
	db->first = (db->first + 1) & db->mask;
	db->n_free--;
	db->reserved[slot] = 1;
	db->spis[slot] = spi;
	atomic_store_explicit(&db->expected[slot].spi, spi, memory_order_relaxed);
	return spi;
}

void
gw_sadb_spi_free(struct gw_sadb *db, uint32_t spi)
{
	uint32_t slot = spi & db->mask;

	/* giving back twice, or somebody else's, must not put a slot on the ring twice */
	if (!db->reserved[slot] || db->spis[slot] != spi)
		return;
	assert(atomic_load_explicit(&db->slots[slot], memory_order_relaxed) == NULL);
	db->reserved[slot] = 0;
	atomic_store_explicit(&db->expected[slot].spi, 0, memory_order_relaxed);
	db->free_slots[(db->first + db->n_free) & db->mask] = slot;
	db->n_free++;
}

void
gw_sadb_publish(struct gw_sadb *db, struct gw_sa_in *sa)
{
	uint32_t slot = sa->spi & db->mask;

	assert(db->reserved[slot] && db->spis[slot] == sa->spi);
	/* first this: whoever finds the SA finds its owner, too */
	atomic_store_explicit(&db->expected[slot].demux, sa->demux, memory_order_release);
	atomic_store_explicit(&db->slots[slot], sa, memory_order_release);
}

void
gw_sadb_retire(struct gw_sadb *db, struct gw_sa_in *sa)
{
	uint32_t slot = sa->spi & db->mask;

	if (atomic_load_explicit(&db->slots[slot], memory_order_relaxed) != sa)
		return;
	/* first this, so that who finds the slot empty does not wait for what has been */
	atomic_store_explicit(&db->expected[slot].spi, 0, memory_order_relaxed);
	atomic_store_explicit(&db->expected[slot].demux, NULL, memory_order_relaxed);
	atomic_store_explicit(&db->slots[slot], NULL, memory_order_release);
}

bool
gw_sadb_expects(const struct gw_sadb *db, uint32_t spi)
{
	return spi >= SPI_MIN &&
	       atomic_load_explicit(&db->expected[spi & db->mask].spi, memory_order_relaxed) == spi;
}

const struct gw_demux *
gw_sadb_demux(const struct gw_sadb *db, uint32_t spi)
{
	const struct expected *e = &db->expected[spi & db->mask];

	/* a slot changes hands over a quiescent period only */
	if (atomic_load_explicit(&e->spi, memory_order_relaxed) != spi)
		return NULL;
	return atomic_load_explicit(&e->demux, memory_order_acquire);
}

void
gw_sadb_prefetch(const struct gw_sadb *db, const uint32_t *spis, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		rte_prefetch0(&db->slots[spis[i] & db->mask]);
	for (unsigned int i = 0; i < n; i++) {
		const struct gw_sa_in *sa =
			atomic_load_explicit(&db->slots[spis[i] & db->mask], memory_order_relaxed);

		if (sa != NULL) {
			rte_prefetch0(sa);
			rte_prefetch0(&sa->replay);
		}
	}
}

void
gw_sadb_lookup(
	const struct gw_sadb *db, const uint32_t *spis, struct gw_sa_in **out, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		out[i] = atomic_load_explicit(&db->slots[spis[i] & db->mask], memory_order_acquire);
		if (out[i] != NULL && out[i]->spi != spis[i])
			out[i] = NULL;
	}
}
