/* SPDX-License-Identifier: BSD-3-Clause */
#include "esp.h"
#include "sa_priv.h"

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

static const struct gw_crypto_alg *
alg_of(const struct gw_esp_batch *b, const struct gw_esp_lane *lane)
{
	const struct gw_pkt *pkt = gw_pkt(lane->m);

	return b->out ? pkt->sa_out->alg : pkt->sa_in->alg;
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
		const struct gw_crypto_alg *alg = alg_of(b, rest[0]);

		for (i = 0, k = 0, n_rest = 0; i < n; i++) {
			if (alg_of(b, rest[i]) == alg)
				ops[k++] = &rest[i]->op;
			else
				rest[n_rest++] = rest[i];
		}
		run(c, alg, b->out, ops, k);
	}
}

void
gw_esp_batch_init(struct gw_esp_batch *b)
{
	for (unsigned int i = 0; i < GW_BURST_MAX; i++)
		b->ops[i] = &b->lanes[i].op;
}

void
gw_esp_crypt(struct gw_crypto *c, struct gw_esp_batch *b)
{
	if (unlikely(b->mixed))
		run_mixed(c, b);
	else if (b->n > 0)
		run(c, b->alg, b->out, b->ops, b->n);
}
