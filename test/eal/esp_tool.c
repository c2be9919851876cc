/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ESP for a test in another language: one command a line on standard input, one answer a line.
 *
 *   sa ALGORITHM ESN TUNNEL UDP START KEY SALT AUTHKEY   -> ok SPI (hex)
 *   out TC GRE             seal a GRE packet             -> ok PACKET, from the outer IPv6 header
 * on in PACKET              open what out would make      -> ok TC GRE
 *
 * ESN, TUNNEL, UDP: 0 or 1; START: the sequence number before the first; bytes in hex, "-" for
 * none. Whatever is refused answers "drop REASON". The SA leads from 2001:db8::1 (UDP port 4500) to
 * 2001:db8:1::2 (61234), both ends are here. A new SA replaces the one before.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_util.h"
#include "lib/sa_priv.h"

#define BYTES_MAX 9200

static struct rig rig;

/* Next word, as bytes */
static int
bytes(char **save, uint8_t *out, unsigned int max)
{
	const char *word = strtok_r(NULL, " ", save);

	if (word == NULL)
		return -1;
	return strcmp(word, "-") == 0 ? 0 : util_unhex(word, out, max);
}

static unsigned long long
number(char **save)
{
	const char *word = strtok_r(NULL, " ", save);

	return word != NULL ? strtoull(word, NULL, 0) : 0;
}

static void
print_bytes(const uint8_t *p, unsigned int len)
{
	unsigned int i;

	if (len == 0)
		putchar('-');
	for (i = 0; i < len; i++)
		printf("%02x", p[i]);
	putchar('\n');
}

static const struct gw_crypto_alg *
row_named(const char *name)
{
	const struct gw_crypto_alg *row;
	unsigned int i;

	for (i = 0; (row = gw_crypto_alg_at(i)) != NULL; i++) {
		if (name != NULL && strcmp(row->name, name) == 0)
			break;
	}
	return row;
}

static bool
cmd_sa(char **save)
{
	const struct gw_crypto_alg *row = row_named(strtok_r(NULL, " ", save));
	struct gw_sa_params *p = &rig.params;
	uint64_t start;

	if (row == NULL)
		return false;
	util_sa_down(&rig);
	util_params(p, row, 0);
	p->esn = number(save) != 0;
	p->tunnel_mode = number(save) != 0;
	p->udp_encap = number(save) != 0;
	p->local_port = 4500;
	p->remote_port = 61234;
	start = number(save);
	if (bytes(save, p->alg.key, sizeof(p->alg.key)) != row->key_len ||
		bytes(save, p->alg.salt, sizeof(p->alg.salt)) != row->salt_len ||
		bytes(save, p->alg.auth_key, sizeof(p->alg.auth_key)) != row->auth_key_len)
		return false;
	util_sa_up(&rig);
	atomic_store(&rig.out->seq, start);
	if (start > 0 && !gw_replay_commit(&rig.in->replay, start))
		return false;
	printf("ok %08x\n", p->spi);
	return true;
}

static bool
cmd_out(char **save)
{
	uint8_t tc = (uint8_t)number(save), gre[BYTES_MAX];
	int len = bytes(save, gre, sizeof(gre));
	struct rte_mbuf *m;

	if (len < 0 || rig.out == NULL)
		return false;
	m = util_gre(&rig, (unsigned int)len, 0);
	memcpy(rte_pktmbuf_mtod(m, uint8_t *), gre, (size_t)len);
	gw_pkt(m)->inner_tc = tc;
	if (gw_esp_out(rig.c, &m, 1, 1) == 1) {
		printf("ok ");
		print_bytes(rte_pktmbuf_mtod(m, uint8_t *), rte_pktmbuf_data_len(m));
	} else {
		printf("drop %s\n", gw_drop_name(gw_pkt(m)->drop));
	}
	rte_pktmbuf_free(m);
	return true;
}

static bool
cmd_in(char **save)
{
	uint8_t packet[BYTES_MAX];
	int len = bytes(save, packet, sizeof(packet));
	struct rte_mbuf *m;

	if (len < GW_IP6_HDR_LEN || rig.in == NULL)
		return false;
	m = util_packet(&rig, packet, (unsigned int)len);
	if (gw_esp_in(rig.c, rig.db, &m, 1, 1) == 1) {
		printf("ok %u ", gw_pkt(m)->outer_tc);
		print_bytes(rte_pktmbuf_mtod(m, uint8_t *), rte_pktmbuf_data_len(m));
	} else {
		printf("drop %s\n", gw_drop_name(gw_pkt(m)->drop));
	}
	rte_pktmbuf_free(m);
	return true;
}

static bool
command(char *line)
{
	char *save = NULL;
	const char *word = strtok_r(line, " ", &save);

	if (word == NULL)
		return false;
	if (strcmp(word, "sa") == 0)
		return cmd_sa(&save);
	if (strcmp(word, "out") == 0)
		return cmd_out(&save);
	if (strcmp(word, "in") == 0)
		return cmd_in(&save);
	return false;
}

int
main(void)
{
	static char line[4 * BYTES_MAX];

	util_eal("esp_tool");
	util_rig_init(&rig);
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (!command(line)) {
			puts("error");
			break;
		}
	}
	util_rig_fini(&rig);
	return 0;
}
