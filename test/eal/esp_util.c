/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_lcore.h>

#include "esp_util.h"
#include "lib/early.h"
#include "lib/sa_priv.h"

#define N_MBUF    (GW_EARLY_MAX + 1024)
#define MAX_FRAME 9200

void
util_eal(const char *name)
{
	char line[] = "test --no-huge -m 1024 --no-pci --no-telemetry --no-shconf --lcores=0 "
		      "--log-level=*:error";
	char *args[16], *save = NULL;
	int n = 0;

	for (args[n] = strtok_r(line, " ", &save); args[n] != NULL && n + 1 < (int)RTE_DIM(args);)
		args[++n] = strtok_r(NULL, " ", &save);
	if (rte_eal_init(n, args) < 0) {
		fprintf(stderr, "%s: no EAL\n", name);
		exit(1);
	}
}

void
util_rig_init(struct rig *r)
{
	const char *failed;

	memset(r, 0, sizeof(*r));
	r->c = gw_crypto_create(SOCKET_ID_ANY, &failed);
	if (r->c == NULL)
		fail_msg("crypto: %s", failed != NULL ? failed : "no memory");
	r->pool = gw_pkt_pool_create("test", N_MBUF, MAX_FRAME, SOCKET_ID_ANY);
	assert_non_null(r->pool);
	r->db = gw_sadb_create(1024, SOCKET_ID_ANY);
	assert_non_null(r->db);
	r->tunnel.hop_limit = 64;
	gw_tunnel_set_tc(&r->tunnel, GW_DSCP_COPY, GW_ECN_NORMAL);
}

void
util_rig_fini(struct rig *r)
{
	util_sa_down(r);
	assert_int_equal(util_in_use(r), 0);
	gw_sadb_destroy(r->db);
	rte_mempool_free(r->pool);
	gw_crypto_destroy(r->c);
}

void
util_params(struct gw_sa_params *p, const struct gw_crypto_alg *row, unsigned int seed)
{
	unsigned int i;

	memset(p, 0, sizeof(*p));
	p->alg.cipher = row->cipher;
	p->alg.auth = row->auth;
	p->alg.icv_len = row->icv_len;
	p->alg.key_len = row->key_len;
	p->alg.auth_key_len = row->auth_key_len;
	for (i = 0; i < row->key_len; i++)
		p->alg.key[i] = (uint8_t)(seed * 7 + i);
	for (i = 0; i < row->salt_len; i++)
		p->alg.salt[i] = (uint8_t)(seed * 11 + i);
	for (i = 0; i < row->auth_key_len; i++)
		p->alg.auth_key[i] = (uint8_t)(seed * 13 + i * 3);
	p->replay_window = 1024;
	p->flow_label = 0x12345;
	inet_pton(AF_INET6, "2001:db8::1", &p->local);
	inet_pton(AF_INET6, "2001:db8:1::2", &p->remote);
}

void
util_sa_up(struct rig *r)
{
	struct gw_sa_params mirror;

	r->params.spi = gw_sadb_spi_alloc(r->db);
	assert_int_not_equal(r->params.spi, 0);
	mirror = r->params;
	mirror.local = r->params.remote;
	mirror.remote = r->params.local;
	mirror.inner_local = r->params.inner_remote;
	mirror.inner_remote = r->params.inner_local;
	mirror.local_port = r->params.remote_port;
	mirror.remote_port = r->params.local_port;
	r->out = gw_sa_out_create(&r->params, SOCKET_ID_ANY);
	assert_non_null(r->out);
	r->in = gw_sa_in_create(&mirror, SOCKET_ID_ANY);
	assert_non_null(r->in);
	gw_sadb_publish(r->db, r->in);
}

void
util_sa_down(struct rig *r)
{
	if (r->in != NULL) {
		gw_sadb_retire(r->db, r->in);
		gw_sadb_spi_free(r->db, gw_sa_in_spi(r->in));
	}
	gw_sa_in_destroy(r->in);
	gw_sa_out_destroy(r->out);
	r->in = NULL;
	r->out = NULL;
}

static uint8_t
pattern(unsigned int i, unsigned int seed)
{
	return (uint8_t)(i * 31 + seed * 17 + (i >> 8));
}

struct rte_mbuf *
util_gre(struct rig *r, unsigned int len, unsigned int seed)
{
	struct rte_mbuf *m = gw_pkt_alloc(r->pool);
	uint8_t *p;
	unsigned int i;

	assert_non_null(m);
	p = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)len);
	assert_non_null(p);
	for (i = 0; i < len; i++)
		p[i] = pattern(i, seed);
	memset(gw_pkt(m), 0xee, sizeof(struct gw_pkt));
	gw_pkt(m)->sa_out = r->out;
	gw_pkt(m)->tunnel = &r->tunnel;
	gw_pkt(m)->inner_tc = 0;
	gw_pkt(m)->flow_hash = 0xabcdef01;
	return m;
}

int
util_gre_same(const struct rte_mbuf *m, unsigned int len, unsigned int seed)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	unsigned int i;

	if (rte_pktmbuf_data_len(m) != len || rte_pktmbuf_pkt_len(m) != len)
		return 0;
	for (i = 0; i < len; i++) {
		if (p[i] != pattern(i, seed))
			return 0;
	}
	return 1;
}

void
util_received(struct rte_mbuf *m)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	struct gw_pkt *pkt = gw_pkt(m);

	memset(pkt, 0xee, sizeof(*pkt));
	pkt->l3_off = 0;
	pkt->udp_encap = p[6] == IPPROTO_UDP;
	pkt->l4_off = GW_IP6_HDR_LEN + (pkt->udp_encap ? GW_UDP_HDR_LEN : 0);
	pkt->outer_tc = (uint8_t)((p[0] & 0xf) << 4 | p[1] >> 4);
}

struct rte_mbuf *
util_packet(struct rig *r, const uint8_t *p, unsigned int len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(r->pool);
	char *room;

	assert_non_null(m);
	room = rte_pktmbuf_append(m, (uint16_t)len);
	assert_non_null(room);
	memcpy(room, p, len);
	util_received(m);
	return m;
}

unsigned int
util_in_use(const struct rig *r)
{
	return rte_mempool_in_use_count(r->pool);
}

int
util_unhex(const char *s, uint8_t *out, unsigned int max)
{
	unsigned int n, v;

	for (n = 0; s[0] != '\0' && s[1] != '\0' && n < max; s += 2, n++) {
		if (sscanf(s, "%2x", &v) != 1)
			return -1;
		out[n] = (uint8_t)v;
	}
	return s[0] == '\0' ? (int)n : -1;
}
