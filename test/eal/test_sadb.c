/* SPDX-License-Identifier: BSD-3-Clause */
/* SPIs, slots and look-up; parameters that an SA refuses; algorithms' names and sizes. */
#include <errno.h>
#include <string.h>

#include "esp_util.h"
#include "lib/sa_priv.h"

#define SLOTS 256

static void
sa_params(struct gw_sa_params *p, uint32_t spi)
{
	util_params(p, gw_crypto_alg_at(18), spi);
	p->spi = spi;
}

static struct gw_sa_in *
sa_make(uint32_t spi)
{
	struct gw_sa_params p;
	struct gw_sa_in *sa;

	sa_params(&p, spi);
	sa = gw_sa_in_create(&p, SOCKET_ID_ANY);
	assert_non_null(sa);
	return sa;
}

static struct gw_sa_in *
look_up(const struct gw_sadb *db, uint32_t spi)
{
	struct gw_sa_in *sa;

	gw_sadb_lookup(db, &spi, &sa, 1);
	return sa;
}

static void
test_slots(void **state)
{
	struct gw_sadb *db = gw_sadb_create(SLOTS, SOCKET_ID_ANY);
	uint32_t spis[SLOTS], again, i;
	uint8_t used[SLOTS] = {0};
	bool high_bits_differ = false;

	assert_non_null(db);
	assert_null(gw_sadb_create(SLOTS / 2, SOCKET_ID_ANY));
	assert_null(gw_sadb_create(SLOTS + 1, SOCKET_ID_ANY));
	assert_null(gw_sadb_create(1u << 21, SOCKET_ID_ANY));
	for (i = 0; i < SLOTS; i++) {
		spis[i] = gw_sadb_spi_alloc(db);
		assert_true(spis[i] >= 256);
		assert_false(used[spis[i] % SLOTS]);
		used[spis[i] % SLOTS] = 1;
		high_bits_differ |= (spis[i] ^ spis[0]) >= SLOTS;
	}
	assert_true(high_bits_differ);
	assert_int_equal(gw_sadb_spi_alloc(db), 0);

	/* the slot freed first comes back first, under another SPI */
	gw_sadb_spi_free(db, spis[7]);
	gw_sadb_spi_free(db, spis[3]);
	gw_sadb_spi_free(db, spis[7]);              /* twice: no effect */
	gw_sadb_spi_free(db, spis[9] ^ 0x80000000); /* nobody's: no effect */
	again = gw_sadb_spi_alloc(db);
	assert_int_equal(again % SLOTS, spis[7] % SLOTS);
	assert_int_not_equal(again, spis[7]);
	assert_int_equal(gw_sadb_spi_alloc(db) % SLOTS, spis[3] % SLOTS);
	assert_int_equal(gw_sadb_spi_alloc(db), 0);
	gw_sadb_destroy(db);
}

/* One slot in use over and over: all the others take their turn in between. */
static void
test_late_reuse(void **state)
{
	struct gw_sadb *db = gw_sadb_create(SLOTS, SOCKET_ID_ANY);
	uint32_t last[SLOTS] = {0}, round, i, spi;

	assert_non_null(db);
	for (round = 0; round < 20; round++) {
		for (i = 0; i < SLOTS; i++) {
			spi = gw_sadb_spi_alloc(db);
			assert_int_equal(spi % SLOTS, i);
			assert_int_not_equal(spi, last[i]);
			last[i] = spi;
			gw_sadb_spi_free(db, spi);
		}
	}
	gw_sadb_destroy(db);
}

static void
test_look_up(void **state)
{
	struct gw_sadb *db = gw_sadb_create(SLOTS, SOCKET_ID_ANY);
	struct gw_sa_in *sas[SLOTS], *out[GW_BURST_MAX];
	uint32_t spis[SLOTS], i, n, ask[GW_BURST_MAX];

	assert_non_null(db);
	for (i = 0; i < SLOTS; i++) {
		spis[i] = gw_sadb_spi_alloc(db);
		assert_null(look_up(db, spis[i])); /* reserved is not there yet */
		sas[i] = sa_make(spis[i]);
		gw_sadb_publish(db, sas[i]);
		assert_ptr_equal(look_up(db, spis[i]), sas[i]);
		assert_null(look_up(db, spis[i] ^ SLOTS)); /* same slot, other SPI */
		assert_null(look_up(db, spis[i] % SLOTS));
	}
	for (i = 0; i + GW_BURST_MAX <= SLOTS; i += GW_BURST_MAX) {
		for (n = 0; n < GW_BURST_MAX; n++)
			ask[n] = n % 3 == 0 ? spis[i + n] ^ 0x400 : spis[i + n];
		gw_sadb_lookup(db, ask, out, GW_BURST_MAX);
		for (n = 0; n < GW_BURST_MAX; n++)
			assert_ptr_equal(out[n], n % 3 == 0 ? NULL : sas[i + n]);
	}
	for (i = 0; i < SLOTS; i++) {
		gw_sadb_retire(db, sas[i]);
		assert_null(look_up(db, spis[i]));
		gw_sadb_retire(db, sas[i]);
		gw_sadb_spi_free(db, spis[i]);
		gw_sa_in_destroy(sas[i]);
	}
	gw_sadb_destroy(db);
}

/*
 * Parameters
 */

static void
refused_in(const struct gw_sa_params *p)
{
	errno = 0;
	assert_null(gw_sa_in_create(p, SOCKET_ID_ANY));
	assert_int_equal(errno, EINVAL);
}

static void
refused(const struct gw_sa_params *p)
{
	refused_in(p);
	errno = 0;
	assert_null(gw_sa_out_create(p, SOCKET_ID_ANY));
	assert_int_equal(errno, EINVAL);
}

static void
test_params(void **state)
{
	static const uint32_t bad_windows[] = {1, 31, 8193, UINT32_MAX};
	static const struct gw_demux none;
	struct gw_sa_params good, p;
	struct gw_sa_out *out;
	struct gw_sa_in *in;
	size_t i;

	sa_params(&good, 0x12345678);
	p = good, p.spi = 255;
	refused(&p);
	p = good, p.flow_label = 1u << 20;
	refused(&p);
	p = good, p.udp_encap = true;
	refused(&p);
	p.local_port = 4500;
	refused(&p);
	p = good, p.alg.key_len = 20;
	refused(&p);
	p = good, p.alg.icv_len = 10;
	refused(&p);
	p = good, p.alg.auth = GW_AUTH_HMAC_SHA1_96;
	refused(&p);
	p = good, p.alg.cipher = GW_CIPHER_NULL; /* and nothing to authenticate */
	refused(&p);
	for (i = 0; i < sizeof(bad_windows) / sizeof(bad_windows[0]); i++) {
		p = good, p.replay_window = bad_windows[i];
		refused_in(&p);
	}
	p = good, p.replay_window = 0, p.esn = true;
	refused_in(&p);

	good.child_id = 77;
	good.nexthop = (struct gw_nexthop *)0x10;
	good.demux = &none;
	in = gw_sa_in_create(&good, SOCKET_ID_ANY);
	out = gw_sa_out_create(&good, SOCKET_ID_ANY);
	assert_true(in != NULL && out != NULL);
	assert_int_equal(gw_sa_in_spi(in), good.spi);
	assert_int_equal(gw_sa_out_spi(out), good.spi);
	assert_int_equal(gw_sa_in_child_id(in), 77);
	assert_int_equal(gw_sa_out_child_id(out), 77);
	assert_ptr_equal(gw_sa_out_nexthop(out), good.nexthop);
	assert_ptr_equal(gw_sa_in_demux(in), good.demux);
	assert_memory_equal(gw_sa_in_remote(in), &good.remote, sizeof(good.remote));
	gw_sa_in_destroy(in);
	gw_sa_out_destroy(out);
	gw_sa_in_destroy(NULL);
	gw_sa_out_destroy(NULL);
}

/* Names are what a user reads, sizes what DESIGN promises at a path of 1500: inner IPv4 MTU is 4
 * less */
static void
test_names_and_sizes(void **state)
{
	static const struct {
		const char *name;
		unsigned int transport, tunnel, udp;
	} want[] = {
		{"AES_GCM_16-128", 1422, 1382, 1414},
		{"AES_GCM_16-256", 1422, 1382, 1414},
		{"CHACHA20_POLY1305", 1422, 1382, 1414},
		{"AES_CBC-128/HMAC_SHA1_96", 1418, 1378, 1402},
		{"AES_CBC-256/HMAC_SHA2_256_128", 1402, 1362, 1402},
	};
	const struct gw_crypto_alg *row;
	struct gw_sa_params p;
	uint16_t fixed, block;
	char name[64];
	unsigned int i, k, seen = 0;

	for (i = 0; (row = gw_crypto_alg_at(i)) != NULL; i++) {
		util_params(&p, row, 0);
		assert_string_equal(gw_alg_str(&p.alg, name, sizeof(name)), row->name);
		gw_alg_overhead(&p.alg, &fixed, &block);
		assert_int_equal(fixed, 10 + row->iv_len + row->icv_len);
		assert_int_equal(block, row->cipher == GW_CIPHER_AES_CBC ? 16 : 4);
		for (k = 0; k < sizeof(want) / sizeof(want[0]); k++) {
			if (strcmp(want[k].name, name) != 0)
				continue;
			assert_int_equal(gw_sa_max_payload(&p, 1500) - 4, want[k].transport);
			p.tunnel_mode = true;
			assert_int_equal(gw_sa_max_payload(&p, 1500) - 4, want[k].tunnel);
			p.tunnel_mode = false;
			p.udp_encap = true;
			assert_int_equal(gw_sa_max_payload(&p, 1500) - 4, want[k].udp);
			p.udp_encap = false;
			seen++;
		}
	}
	assert_int_equal(seen, sizeof(want) / sizeof(want[0]));
	/* an HMAC has one ICV length: 0 means that one */
	util_params(&p, gw_crypto_alg_at(4), 0);
	p.alg.icv_len = 0;
	assert_string_equal(gw_alg_str(&p.alg, name, sizeof(name)), "AES_CBC-128/HMAC_SHA1_96");
	p.alg.icv_len = 16;
	assert_string_equal(gw_alg_str(&p.alg, name, sizeof(name)), "unknown");
	gw_alg_overhead(&p.alg, &fixed, &block);
	assert_int_equal(fixed + block, 0);
	assert_int_equal(gw_sa_max_payload(&p, 1500), 0);
}

/* Two SAs with the same key have IVs of their own, and an SA never repeats one. */
static void
test_cbc_ivs(void **state)
{
	enum { N = 512 };
	static struct rig rig;
	static uint8_t ivs[2 * N][16];
	struct rte_mbuf *m;
	unsigned int i, k;

	util_rig_init(&rig);
	for (i = 0; i < 2 * N; i++) {
		if (i % N == 0) {
			util_sa_down(&rig);
			util_params(&rig.params, gw_crypto_alg_at(4), 0);
			util_sa_up(&rig);
		}
		m = util_gre(&rig, 60, 0);
		assert_int_equal(gw_esp_out(rig.c, &m, 1, 1), 1);
		memcpy(ivs[i], rte_pktmbuf_mtod_offset(m, uint8_t *, 48), 16);
		rte_pktmbuf_free(m);
		for (k = 0; k < i; k++)
			assert_memory_not_equal(ivs[k], ivs[i], 16);
	}
	util_rig_fini(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_late_reuse),
		cmocka_unit_test(test_look_up),
		cmocka_unit_test(test_params),
		cmocka_unit_test(test_names_and_sizes),
		cmocka_unit_test(test_cbc_ivs),
	};

	util_eal("test_sadb");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
