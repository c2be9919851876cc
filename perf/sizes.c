/* SPDX-License-Identifier: BSD-3-Clause */
/* What the data plane asks memory for, in bytes, by sizeof: an SA pair of the
 * first algorithm (AES_GCM_16-128) with a window of 1024 on this CPU, a tunnel that holds nothing.
 */
#include <stdio.h>

#include "lib/sa_priv.h"
#include "lib/tunnel.h"

#define LINE 64

int
main(void)
{
	size_t keys = gw_keys_size(gw_crypto_alg_at(0));
	size_t replay = (gw_replay_size(1024) + LINE - 1) / LINE * LINE;
	size_t in = sizeof(struct gw_sa_in) + replay + keys;
	size_t out = sizeof(struct gw_sa_out) + keys;

	printf("{\"sa_in\": %zu, \"sa_out\": %zu, \"pair\": %zu, \"keys\": %zu, \"tunnel\": %zu}\n",
		in, out, in + out, keys, sizeof(struct gw_tunnel) + sizeof(struct gw_demux));
	return 0;
}
