/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Where IKE SAs are found: by our SPI, by id, by connection, by both identities, by the IKE_SA_INIT
 * request that made them. None of it grows with the number of SAs.
 */

#include <string.h>

#include "sa.h"

static uint64_t
conn_hash(const struct ike_conn_cfg *conn)
{
	return (uintptr_t)conn;
}

static uint64_t
host_hash(const struct ike_path *path)
{
	return ike_hash_bytes(IKE_HASH_SEED, &path->remote, sizeof(path->remote));
}

static uint64_t
ends_hash(const struct ike_sa *sa)
{
	return ike_id_hash(sa->remote_id, ike_id_hash(sa->local_id, IKE_HASH_SEED));
}

static void
use_spi(struct ike_sa *sa, enum ike_spi_use use)
{
	enum ike_spi_use before = sa->spi_use;

	sa->spi_use = use;
	if (use != before)
		sa->e->host.ike_spi(sa->e->host.arg, ike_sa_our_spi(sa), before, use);
}

void
ike_sa_enlist(struct ike_sa *sa)
{
	struct ike *e = sa->e;

	sa->next = e->sas;
	sa->link = &e->sas;
	if (e->sas != NULL)
		e->sas->link = &sa->next;
	e->sas = sa;
	ike_hash_add(&e->by_spi, &sa->by_spi, ike_sa_our_spi(sa));
	ike_hash_add(&e->by_id, &sa->by_id, sa->id);
	ike_hash_add(&e->by_conn, &sa->by_conn, conn_hash(sa->conn));
	ike_hash_add(&e->by_host, &sa->by_host, host_hash(&sa->path));
	e->n_listed++;
	use_spi(sa, sa->state == IKE_SA_HALF_OPEN ? IKE_SPI_STRANGER : IKE_SPI_PEER);
}

void
ike_sa_remember_init(struct ike_sa *sa)
{
	ike_hash_add(&sa->e->by_init, &sa->by_init, sa->spi_i);
}

void
ike_sa_know_ends(struct ike_sa *sa)
{
	ike_hash_add(&sa->e->by_ends, &sa->by_ends, ends_hash(sa));
	use_spi(sa, IKE_SPI_PEER);
}

void
ike_sa_set_conn(struct ike_sa *sa, const struct ike_conn_cfg *conn)
{
	ike_hash_del(&sa->e->by_conn, &sa->by_conn);
	sa->conn = conn;
	ike_hash_add(&sa->e->by_conn, &sa->by_conn, conn_hash(conn));
}

void
ike_sa_set_path(struct ike_sa *sa, const struct ike_path *path)
{
	ike_hash_del(&sa->e->by_host, &sa->by_host);
	sa->path = *path;
	ike_hash_add(&sa->e->by_host, &sa->by_host, host_hash(path));
}

void
ike_sa_forget(struct ike_sa *sa)
{
	struct ike *e = sa->e;

	*sa->link = sa->next;
	if (sa->next != NULL)
		sa->next->link = sa->link;
	ike_hash_del(&e->by_spi, &sa->by_spi);
	ike_hash_del(&e->by_id, &sa->by_id);
	ike_hash_del(&e->by_conn, &sa->by_conn);
	ike_hash_del(&e->by_host, &sa->by_host);
	if (sa->by_init.link != NULL)
		ike_hash_del(&e->by_init, &sa->by_init);
	if (sa->by_ends.link != NULL)
		ike_hash_del(&e->by_ends, &sa->by_ends);
	e->n_listed--;
	use_spi(sa, IKE_SPI_UNUSED);
}

/* ---- look-up ---- */

/* a hash of 64 bits is the SPI or the id itself: the first node found is the one */

struct ike_sa *
ike_sa_by_spi(const struct ike *e, uint64_t our_spi)
{
	return IKE_HOLDER(ike_hash_first(&e->by_spi, our_spi), struct ike_sa, by_spi);
}

struct ike_sa *
ike_sa_by_id(const struct ike *e, uint32_t id)
{
	struct ike_sa *sa = IKE_HOLDER(ike_hash_first(&e->by_id, id), struct ike_sa, by_id);

	return sa != NULL && sa->state != IKE_SA_DEAD ? sa : NULL;
}

struct ike_sa *
ike_sa_of_conn(const struct ike *e, const struct ike_conn_cfg *conn)
{
	return IKE_HOLDER(ike_hash_first(&e->by_conn, conn_hash(conn)), struct ike_sa, by_conn);
}

struct ike_sa *
ike_sa_of_conn_next(const struct ike_sa *sa)
{
	return IKE_HOLDER(ike_hash_next(&sa->by_conn), struct ike_sa, by_conn);
}

struct ike_sa *
ike_sa_between(const struct ike *e, const struct ike_path *path)
{
	struct ike_sa *found = NULL;

	for (struct ike_node *n = ike_hash_first(&e->by_host, host_hash(path)); n != NULL;
		n = ike_hash_next(n)) {
		struct ike_sa *sa = IKE_HOLDER(n, struct ike_sa, by_host);

		if (sa->state == IKE_SA_LINGER || sa->state == IKE_SA_DEAD ||
			memcmp(&sa->path.remote, &path->remote, 16) != 0 ||
			memcmp(&sa->path.local, &path->local, 16) != 0)
			continue;
		if (found == NULL || sa->state == IKE_SA_UP)
			found = sa;
	}
	return found;
}

struct ike_sa *
ike_sa_same_ends(const struct ike_sa *sa, const struct ike_sa *from)
{
	struct ike_node *n = from == NULL ? ike_hash_first(&sa->e->by_ends, ends_hash(sa))
					  : ike_hash_next(&from->by_ends);

	for (; n != NULL; n = ike_hash_next(n)) {
		struct ike_sa *o = IKE_HOLDER(n, struct ike_sa, by_ends);

		if (o != sa && o->state == IKE_SA_UP && ike_id_equal(o->remote_id, sa->remote_id) &&
			ike_id_equal(o->local_id, sa->local_id))
			return o;
	}
	return NULL;
}

bool
ike_sa_same_addresses(const struct ike_sa *a, const struct ike_sa *b)
{
	return memcmp(&a->path.local, &b->path.local, 16) == 0 &&
	       memcmp(&a->path.remote, &b->path.remote, 16) == 0;
}

struct ike_sa *
ike_sa_by_init(const struct ike *e, uint64_t spi_i, const struct ike_path *path,
	const uint8_t digest[IKE_DIGEST_LEN])
{
	for (struct ike_node *n = ike_hash_first(&e->by_init, spi_i); n != NULL;
		n = ike_hash_next(n)) {
		struct ike_sa *sa = IKE_HOLDER(n, struct ike_sa, by_init);

		if (memcmp(&sa->path.remote, &path->remote, 16) == 0 &&
			memcmp(sa->init_digest, digest, IKE_DIGEST_LEN) == 0)
			return sa;
	}
	return NULL;
}

uint64_t
ike_new_spi(struct ike *e)
{
	uint64_t spi = 0;

	while (spi == 0 || ike_sa_by_spi(e, spi) != NULL)
		e->host.random(e->host.arg, &spi, sizeof(spi));
	return spi;
}

uint64_t
ike_random_upto(struct ike *e, uint64_t max)
{
	uint64_t r;

	if (max == 0)
		return 0;
	/* the bias of the modulus is of no matter for jitter, which is all this is for */
	e->host.random(e->host.arg, &r, sizeof(r));
	return max == UINT64_MAX ? r : r % (max + 1);
}

void
ike_nonce_make(struct ike *e, struct ike_nonce *n)
{
	n->len = IKE_OUR_NONCE_LEN;
	e->host.random(e->host.arg, n->data, n->len);
}
