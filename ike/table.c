/* SPDX-License-Identifier: BSD-3-Clause */

/* Where IKE SAs are found: by our SPI, by id, by the IKE_SA_INIT request that made them. */

#include <string.h>

#include "sa.h"

/* Our SPIs are random: their low bits spread. The initiator's are not ours: mix them. */

static struct ike_sa **
spi_bucket(const struct ike *e, uint64_t spi)
{
	return &e->by_spi[spi % e->n_buckets];
}

static struct ike_sa **
init_bucket(const struct ike *e, uint64_t spi_i)
{
	return &e->by_init[((spi_i * 0x9e3779b97f4a7c15u) >> 32) % e->n_buckets];
}

void
ike_sa_enlist(struct ike_sa *sa)
{
	struct ike *e = sa->e;
	struct ike_sa **b = spi_bucket(e, ike_sa_our_spi(sa));

	sa->next = e->sas;
	sa->link = &e->sas;
	if (e->sas != NULL)
		e->sas->link = &sa->next;
	e->sas = sa;
	sa->spi_next = *b;
	*b = sa;
	e->n_listed++;
	e->host.ike_spi(e->host.arg, ike_sa_our_spi(sa), true);
}

void
ike_sa_remember_init(struct ike_sa *sa)
{
	struct ike_sa **b = init_bucket(sa->e, sa->spi_i);

	sa->init_next = *b;
	*b = sa;
	sa->in_init_table = true;
}

void
ike_sa_forget(struct ike_sa *sa)
{
	struct ike *e = sa->e;
	struct ike_sa **p;

	*sa->link = sa->next;
	if (sa->next != NULL)
		sa->next->link = sa->link;
	for (p = spi_bucket(e, ike_sa_our_spi(sa)); *p != sa; p = &(*p)->spi_next)
		;
	*p = sa->spi_next;
	if (sa->in_init_table) {
		for (p = init_bucket(e, sa->spi_i); *p != sa; p = &(*p)->init_next)
			;
		*p = sa->init_next;
		sa->in_init_table = false;
	}
	e->n_listed--;
	e->host.ike_spi(e->host.arg, ike_sa_our_spi(sa), false);
}

struct ike_sa *
ike_sa_by_spi(const struct ike *e, uint64_t our_spi)
{
	struct ike_sa *sa;

	for (sa = *spi_bucket(e, our_spi); sa != NULL; sa = sa->spi_next)
		if (ike_sa_our_spi(sa) == our_spi)
			break;
	return sa;
}

struct ike_sa *
ike_sa_by_id(const struct ike *e, uint32_t id)
{
	struct ike_sa *sa;

	for (sa = e->sas; sa != NULL && (sa->id != id || sa->state == IKE_SA_DEAD); sa = sa->next)
		;
	return sa;
}

struct ike_sa *
ike_sa_by_init(const struct ike *e, uint64_t spi_i, const struct ike_path *path,
	const uint8_t digest[IKE_DIGEST_LEN])
{
	struct ike_sa *sa;

	for (sa = *init_bucket(e, spi_i); sa != NULL; sa = sa->init_next)
		if (sa->spi_i == spi_i && memcmp(&sa->path.remote, &path->remote, 16) == 0 &&
			memcmp(sa->init_digest, digest, IKE_DIGEST_LEN) == 0)
			break;
	return sa;
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
