/* SPDX-License-Identifier: BSD-3-Clause */
/* What the data plane asks memory for, in bytes, by sizeof: an SA pair with a window of 1024, a
 * tunnel. */
#include <stdio.h>

#include "lib/sa_priv.h"
#include "lib/tunnel.h"

#define LINE 64

int
main(void)
{
	size_t replay = (gw_replay_size(1024) + LINE - 1) / LINE * LINE;
	size_t in = sizeof(struct gw_sa_in) + replay + gw_keys_size();
	size_t out = sizeof(struct gw_sa_out) + gw_keys_size();

	printf("{\"sa_in\": %zu, \"sa_out\": %zu, \"pair\": %zu, \"keys\": %zu, \"tunnel\": %zu}\n",
		in, out, in + out, gw_keys_size(),
		sizeof(struct gw_tunnel) + sizeof(struct gw_demux));
	return 0;
}
