/* SPDX-License-Identifier: BSD-3-Clause */

/* What neither engine would do: messages out of turn, mixed fragments, floods, moves under way. */

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ike/natd.h"
#include "ike/payload.h"
#include "ike/sa.h"
#include "ike/send.h"
#include "world.h"

static void
connect_world(struct world *w)
{
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
	world_run(w, 1000);
	world_assert_settled(w, 1);
}

static struct ike_sa *
only_sa(struct peer *p)
{
	struct ike_sa *sa;

	for (sa = p->e->sas; sa != NULL && sa->state != IKE_SA_UP; sa = sa->next)
		;
	assert_non_null(sa);
	return sa;
}

/** A datagram to peer `to` that seems to come from the other one. */
static void
inject(struct world *w, unsigned int to, const uint8_t *buf, size_t len)
{
	const struct ike_path path = {w->p[to].addr, w->p[1 - to].addr, 500, 500};

	ike_input(w->p[to].e, &path, buf, len, w->now);
}

/** A protected request while our IKE_SA_INIT is on its way: there are no keys to read it with. */
static void
test_request_before_keys(void **state)
{
	struct world *w = world_create(700);
	uint8_t m[28 + 4 + 64] = {0};
	uint64_t spi;

	(void)state;
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
	spi = w->p[0].e->sas->spi_i;
	for (unsigned int i = 0; i < 8; i++)
		m[i] = (uint8_t)(spi >> (56 - 8 * i));
	m[16] = IKE_PLD_SK;
	m[17] = IKE_VERSION;
	m[27] = sizeof(m);
	m[31] = sizeof(m) - 28;
	for (unsigned int x = IKE_X_AUTH; x <= IKE_X_INFORMATIONAL; x++) {
		m[18] = (uint8_t)x;
		inject(w, 0, m, sizeof(m));
	}
	world_run(w, 1000);
	world_assert_settled(w, 1);
	world_destroy(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_before_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
