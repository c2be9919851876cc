/* SPDX-License-Identifier: BSD-3-Clause */
#include "esp.h"

static void
run(struct gw_crypto *c, const struct gw_crypto_alg *alg, bool out, struct gw_crypto_op *const *ops,
	unsigned int n)
{
	if (!out) {
		alg->decrypt(c, alg, ops, n);
		return;
	}
	if (alg->make_iv != NULL)
		alg->make_iv(c, alg, ops, n);
	alg->encrypt(c, alg, ops, n);
}

/* One call for each algorithm in the batch */
static void
run_mixed(struct gw_crypto *c, struct gw_esp_batch *b)
{
	struct gw_crypto_op *ops[GW_BURST_MAX];
	struct gw_esp_lane *rest[GW_BURST_MAX];
	unsigned int i, k, n = b->n, n_rest;

	for (i = 0; i < n; i++)
		rest[i] = &b->lanes[i];
	for (; n > 0; n = n_rest) {
		const struct gw_crypto_alg *alg = rest[0]->alg;

		for (i = 0, k = 0, n_rest = 0; i < n; i++) {
			if (rest[i]->alg == alg)
				ops[k++] = &rest[i]->op;
			else
				rest[n_rest++] = rest[i];
		}
		run(c, alg, b->out, ops, k);
	}
}

void
gw_esp_crypt(struct gw_crypto *c, struct gw_esp_batch *b)
{
	struct gw_crypto_op *ops[GW_BURST_MAX];

	if (b->n == 0)
		return;
	if (unlikely(b->mixed)) {
		run_mixed(c, b);
		return;
	}
	for (unsigned int i = 0; i < b->n; i++)
		ops[i] = &b->lanes[i].op;
	run(c, b->lanes[0].alg, b->out, ops, b->n);
}
