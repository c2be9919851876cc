/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What ESP costs beyond its crypto, in TSC cycles per packet: bare IPsec-MB calls (for each
 * algorithm the fastest API) and gw_esp_out/gw_esp_in over the same buffers, in turn, burst by
 * burst; medians. See README.md for the method. Usage: bench_esp [ROUNDS [ALGORITHM [BURST
 * [SIZE]]]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_COMPAT_IMB_API_053
#include <intel-ipsec-mb.h>

#include <rte_cycles.h>
#include <rte_debug.h>
#include <rte_eal.h>

#include "lib/crypto_mb.h"
#include "lib/esp.h"
#include "lib/sa_priv.h"
#include "lib/tunnel.h"

#define ROUNDS_MAX 20000

static const char *const names[] = {"AES_CBC-128/HMAC_SHA1_96", "AES_CBC-256/HMAC_SHA2_256_128",
	"AES_GCM_16-128", "AES_GCM_16-256", "CHACHA20_POLY1305"};
static const uint16_t sizes[] = {64, 128, 256, 512, 1024, 1420, 0 /* mixed */};
static const uint16_t bursts[] = {8, 32, 64};

struct bench {
	struct gw_crypto *c;
	struct rte_mempool *pool;
	struct gw_sadb *db;
	struct gw_tunnel tunnel;
	struct gw_sa_out *out;
	struct gw_sa_in *in;
	const struct gw_crypto_alg *row;
	struct rte_mbuf *mbufs[GW_BURST_MAX];
	uint16_t size, burst; /* size 0: mixed */
	uint16_t sizes[GW_BURST_MAX];

	/* bare */
	IMB_MGR *mgr;
	_Alignas(64) struct gcm_key_data gcm;
	struct gcm_context_data ctx;
	_Alignas(16) uint8_t enc[16 * 15], dec[16 * 15], ipad[64], opad[64];
	uint8_t key[32], iv[16], aad[8], tags[GW_BURST_MAX][32];
	IMB_JOB jobs[GW_BURST_MAX];
};

static struct bench b;

/* The GRE packets as gw_esp_out finds them */
static void
refill(void)
{
	uint16_t i;

	for (i = 0; i < b.burst; i++) {
		struct rte_mbuf *m = b.mbufs[i];

		m->data_off = GW_PKT_HEADROOM;
		m->data_len = b.sizes[i];
		m->pkt_len = b.sizes[i];
		gw_pkt(m)->sa_out = b.out;
		gw_pkt(m)->tunnel = &b.tunnel;
		gw_pkt(m)->inner_tc = 0;
	}
}

static void
as_received(void)
{
	uint16_t i;

	for (i = 0; i < b.burst; i++) {
		struct gw_pkt *pkt = gw_pkt(b.mbufs[i]);

		pkt->l3_off = 0;
		pkt->l4_off = GW_IP6_HDR_LEN;
		pkt->udp_encap = 0;
		pkt->outer_tc = 0;
	}
}

static uint8_t *
text_of(uint16_t i)
{
	return (uint8_t *)b.mbufs[i]->buf_addr + GW_PKT_HEADROOM;
}

static uint32_t
text_len(uint16_t i)
{
	return (b.sizes[i] + 2u + b.row->align - 1) / b.row->align * b.row->align;
}

/*
 * Bare calls
 */

static void
bare_keys(void)
{
	memset(b.key, 0x33, sizeof(b.key));
	switch (b.row->key_len) {
	case 16:
		IMB_AES_KEYEXP_128(b.mgr, b.key, b.enc, b.dec);
		IMB_AES128_GCM_PRE(b.mgr, b.key, &b.gcm);
		break;
	default:
		IMB_AES_KEYEXP_256(b.mgr, b.key, b.enc, b.dec);
		IMB_AES256_GCM_PRE(b.mgr, b.key, &b.gcm);
	}
}

static void
bare_jobs(void)
{
	uint16_t i;

	for (i = 0; i < b.burst; i++) {
		IMB_JOB *j = &b.jobs[i];
		uint8_t *text = text_of(i);

		memset(j, 0, sizeof(*j));
		j->enc_keys = b.enc;
		j->dec_keys = b.dec;
		j->key_len_in_bytes = b.row->key_len;
		j->src = text - 24;
		j->dst = text;
		j->cipher_start_src_offset_in_bytes = 24;
		j->msg_len_to_cipher_in_bytes = text_len((uint16_t)i);
		j->iv = text - 16;
		j->iv_len_in_bytes = 16;
		j->msg_len_to_hash_in_bytes = text_len((uint16_t)i) + 24;
		j->auth_tag_output = b.tags[i];
		j->auth_tag_output_len_in_bytes = b.row->icv_len;
		j->u.HMAC._hashed_auth_key_xor_ipad = b.ipad;
		j->u.HMAC._hashed_auth_key_xor_opad = b.opad;
	}
}

static void
bare_cbc(bool out)
{
	IMB_KEY_SIZE_BYTES len = (IMB_KEY_SIZE_BYTES)b.row->key_len;
	IMB_HASH_ALG hash =
		b.row->auth == GW_AUTH_HMAC_SHA1_96 ? IMB_AUTH_HMAC_SHA_1 : IMB_AUTH_HMAC_SHA_256;
	uint32_t n = 0;

	if (out)
		n = IMB_SUBMIT_CIPHER_BURST(
			b.mgr, b.jobs, b.burst, IMB_CIPHER_CBC, IMB_DIR_ENCRYPT, len);
	n += IMB_SUBMIT_HASH_BURST(b.mgr, b.jobs, b.burst, hash);
	if (!out)
		n += IMB_SUBMIT_CIPHER_BURST(
			b.mgr, b.jobs, b.burst, IMB_CIPHER_CBC, IMB_DIR_DECRYPT, len);
	if (n != 2u * b.burst)
		rte_panic("bare CBC: %u\n", n);
}

static void
bare_gcm(bool out)
{
	aes_gcm_enc_dec_t fn = b.row->key_len == 16 ? (out ? b.mgr->gcm128_enc : b.mgr->gcm128_dec)
						    : (out ? b.mgr->gcm256_enc : b.mgr->gcm256_dec);
	uint16_t i;

	for (i = 0; i < b.burst; i++)
		fn(&b.gcm, &b.ctx, text_of(i), text_of(i), text_len((uint16_t)i), b.iv, b.aad, 8,
			b.tags[i], 16);
}

static void
bare_chacha(bool out)
{
	unsigned int i, n = 0;

	for (i = 0; i < b.burst; i++) {
		IMB_JOB *j = IMB_GET_NEXT_JOB(b.mgr);

		j->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
		j->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
		j->cipher_direction = out ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
		j->chain_order = out ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
		j->enc_keys = j->dec_keys = b.key;
		j->key_len_in_bytes = 32;
		j->src = text_of((uint16_t)i);
		j->dst = text_of((uint16_t)i);
		j->cipher_start_src_offset_in_bytes = 0;
		j->hash_start_src_offset_in_bytes = 0;
		j->msg_len_to_cipher_in_bytes = text_len((uint16_t)i);
		j->msg_len_to_hash_in_bytes = text_len((uint16_t)i);
		j->iv = b.iv;
		j->iv_len_in_bytes = 12;
		j->u.CHACHA20_POLY1305.aad = b.aad;
		j->u.CHACHA20_POLY1305.aad_len_in_bytes = 8;
		j->auth_tag_output = b.tags[i];
		j->auth_tag_output_len_in_bytes = 16;
		for (j = IMB_SUBMIT_JOB(b.mgr); j != NULL; j = IMB_GET_COMPLETED_JOB(b.mgr))
			n++;
	}
	while (IMB_FLUSH_JOB(b.mgr) != NULL)
		n++;
	if (n != b.burst)
		rte_panic("bare ChaCha20: %u\n", n);
}

static void
bare(bool out)
{
	switch (b.row->cipher) {
	case GW_CIPHER_AES_CBC:
		bare_cbc(out);
		break;
	case GW_CIPHER_AES_GCM:
		bare_gcm(out);
		break;
	default:
		bare_chacha(out);
	}
}

/*
 * Measuring
 */

static int
compare(const void *x, const void *y)
{
	uint64_t a = *(const uint64_t *)x, c = *(const uint64_t *)y;

	return a < c ? -1 : a > c;
}

static double
median(uint64_t *v, unsigned int n)
{
	qsort(v, n, sizeof(v[0]), compare);
	return (double)v[n / 2] / b.burst;
}

static uint64_t
time_bare(bool out)
{
	uint64_t start = rte_rdtsc_precise();

	bare(out);
	return rte_rdtsc_precise() - start;
}

static uint64_t
time_out(void)
{
	uint64_t start;
	uint16_t n;

	refill();
	start = rte_rdtsc_precise();
	n = gw_esp_out(b.c, b.mbufs, b.burst, start);
	start = rte_rdtsc_precise() - start;
	if (n != b.burst)
		rte_panic("out: %u of %u\n", n, b.burst);
	return start;
}

static uint64_t
time_in(void)
{
	uint64_t start;
	uint16_t n;

	refill();
	gw_esp_out(b.c, b.mbufs, b.burst, 1);
	as_received();
	start = rte_rdtsc_precise();
	n = gw_esp_in(b.c, b.db, b.mbufs, b.burst, start);
	start = rte_rdtsc_precise() - start;
	if (n != b.burst)
		rte_panic("in: %u of %u\n", n, b.burst);
	return start;
}

/* Mixed: 7 of 64, 4 of 512 and 1 of 1420 bytes, in no order */
static void
set_sizes(void)
{
	static const uint16_t mix[12] = {64, 512, 64, 64, 1420, 64, 512, 64, 512, 64, 512, 64};
	uint16_t i;

	for (i = 0; i < b.burst; i++)
		b.sizes[i] = b.size != 0 ? b.size : mix[i % RTE_DIM(mix)];
}

static void
measure(unsigned int rounds)
{
	static uint64_t v[4][ROUNDS_MAX];
	unsigned int i;
	double m[4];

	set_sizes();
	bare_jobs();
	for (i = 0; i < rounds; i++) {
		v[0][i] = time_bare(true);
		v[1][i] = time_out();
		v[2][i] = time_bare(false);
		v[3][i] = time_in();
	}
	for (i = 0; i < 4; i++)
		m[i] = median(v[i], rounds);
	printf("%-30s %5u %5u | %6.0f %6.0f %+5.0f | %6.0f %6.0f %+5.0f\n", b.row->name, b.burst,
		b.size, m[0], m[1], m[1] - m[0], m[2], m[3], m[3] - m[2]);
}

static void
sa_up(void)
{
	struct gw_sa_params p = {
		.alg = {.cipher = b.row->cipher,
			.auth = b.row->auth,
			.icv_len = b.row->icv_len,
			.key_len = b.row->key_len,
			.auth_key_len = b.row->auth_key_len},
		.replay_window = 1024,
		.spi = gw_sadb_spi_alloc(b.db),
		.local.s6_addr = {[15] = 1},
		.remote.s6_addr = {[15] = 2},
	};
	struct gw_sa_params mirror = p;

	mirror.local = p.remote;
	mirror.remote = p.local;
	b.out = gw_sa_out_create(&p, SOCKET_ID_ANY);
	b.in = gw_sa_in_create(&mirror, SOCKET_ID_ANY);
	if (b.out == NULL || b.in == NULL)
		rte_panic("no SA\n");
	gw_sadb_publish(b.db, b.in);
}

static void
sa_down(void)
{
	gw_sadb_retire(b.db, b.in);
	gw_sadb_spi_free(b.db, gw_sa_in_spi(b.in));
	gw_sa_in_destroy(b.in);
	gw_sa_out_destroy(b.out);
}

static void
setup(void)
{
	const char *failed;

	b.c = gw_crypto_create(SOCKET_ID_ANY, &failed);
	b.pool = gw_pkt_pool_create("bench", 512, 2048, SOCKET_ID_ANY);
	b.db = gw_sadb_create(256, SOCKET_ID_ANY);
	b.mgr = alloc_mb_mgr(0);
	if (b.c == NULL || b.pool == NULL || b.db == NULL || b.mgr == NULL)
		rte_panic("no memory, or the self-test failed\n");
	init_mb_mgr_auto(b.mgr, NULL);
	if (rte_pktmbuf_alloc_bulk(b.pool, b.mbufs, GW_BURST_MAX) != 0)
		rte_panic("no mbufs\n");
	b.tunnel.hop_limit = 64;
	b.tunnel.dscp = GW_DSCP_COPY;
}

static const struct gw_crypto_alg *
row_named(const char *name)
{
	const struct gw_crypto_alg *row;
	unsigned int i;

	for (i = 0; (row = gw_crypto_alg_at(i)) != NULL && strcmp(row->name, name) != 0; i++)
		;
	return row;
}

int
main(int argc, char **argv)
{
	char line[] = "bench --no-huge -m 256 --no-pci --no-telemetry --no-shconf --lcores=0 "
		      "--log-level=*:error";
	unsigned int rounds = argc > 1 ? (unsigned int)atoi(argv[1]) : 2000, a, s, k;
	unsigned int burst = argc > 3 ? (unsigned int)atoi(argv[3]) : 0;
	int size = argc > 4 ? atoi(argv[4]) : -1;
	char *args[16], *save = NULL;
	int n = 0;

	for (args[n] = strtok_r(line, " ", &save); args[n] != NULL && n + 1 < 16;)
		args[++n] = strtok_r(NULL, " ", &save);
	if (rounds == 0 || rounds > ROUNDS_MAX || rte_eal_init(n, args) < 0)
		return 1;
	setup();
	printf("TSC cycles per packet; size is of the ESP payload, 0: mixed, 7 of 64, 4 of 512, 1 "
	       "of 1420\n");
	printf("%-30s %5s %5s | %6s %6s %5s | %6s %6s %5s\n", "", "burst", "size", "bare", "out",
		"", "bare", "in", "");
	for (a = 0; a < RTE_DIM(names); a++) {
		if (argc > 2 && strstr(names[a], argv[2]) == NULL)
			continue;
		b.row = row_named(names[a]);
		sa_up();
		bare_keys();
		for (k = 0; k < RTE_DIM(bursts); k++) {
			for (s = 0; s < RTE_DIM(sizes); s++) {
				b.burst = bursts[k];
				b.size = sizes[s];
				if ((burst == 0 || burst == b.burst) &&
					(size < 0 || size == b.size))
					measure(rounds);
			}
		}
		sa_down();
	}
	rte_eal_cleanup();
	return 0;
}
