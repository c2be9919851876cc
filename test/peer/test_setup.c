/* SPDX-License-Identifier: BSD-3-Clause */

/* Setting up: roles, algorithms, modes, selectors, identities; what is refused and what is said. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

static struct world *
connected(struct world *w, unsigned int initiator)
{
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	assert_int_equal(ike_initiate(w->p[initiator].e, "gw-gw", "gre", w->now), 0);
	world_run(w, 3000);
	return w;
}

static void
test_scenario(void **state)
{
	(void)state;
	for (unsigned int initiator = 0; initiator < 2; initiator++) {
		struct world *w = world_create(1);

		for (unsigned int i = 0; i < 2; i++)
			peer_proposals(&w->p[i], "aes128-sha1-modp1024", "aes128-sha1-modp1024");
		connected(w, initiator);
		world_assert_settled(w, 1);
		assert_int_equal(w->n_ike, 4);
		for (unsigned int i = 0; i < 2; i++) {
			struct mock_child *c = peer_sending(&w->p[i]);

			assert_int_equal(c->sa.mode, IKE_MODE_TRANSPORT);
			assert_int_equal(c->sa.suite.encr, IKE_ENCR_AES_CBC);
			assert_int_equal(c->sa.suite.integ, IKE_INTEG_HMAC_SHA1_96);
			assert_int_equal(c->sa.suite.dh, IKE_DH_NONE);
			assert_int_equal(c->sa.encr_key_len, 16);
			assert_int_equal(c->sa.integ_key_len, 20);
			assert_int_equal(c->sa.udp_encap, false);
			assert_int_equal(c->sa.local_ts.ts[0].proto, 47);
			assert_int_equal(c->sa.initiator, i == initiator);
			assert_int_equal(w->p[i].events[IKE_EV_IKE_UP], 1);
			assert_int_equal(w->p[i].events[IKE_EV_CHILD_UP], 1);
			assert_int_equal(w->p[i].events[IKE_EV_CHILD_FAILED], 0);
			assert_non_null(strstr(w->p[i].log, "legacy"));
		}
		assert_int_equal(ike_initiate(w->p[0].e, "gw-gw", "gre", w->now), -EALREADY);
		world_destroy(w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scenario),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
