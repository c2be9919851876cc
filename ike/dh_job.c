/* SPDX-License-Identifier: BSD-3-Clause */
#include "dh_job.h"

#include <errno.h>
#include <string.h>

#include "sa.h"

struct work {
	uint16_t group;
	struct ike_dh_key *dh; /* NULL = make one */
	size_t peer_len;       /* 0 = no secret is wanted */
	uint8_t peer[IKE_DH_PUB_MAX];
	/* results */
	int err; /* of the secret */
	size_t secret_len;
	uint8_t secret[IKE_DH_PUB_MAX];
};

static void
run(void *data)
{
	struct work *w = data;
	const struct ike_view peer = {.p = w->peer, .len = w->peer_len};

	if (w->dh == NULL)
		w->dh = w->peer_len > 0 ? ike_dh_answer(w->group, peer) : ike_dh_create(w->group);
	if (w->dh != NULL && w->peer_len > 0)
		w->err = ike_dh_shared(w->dh, peer, w->secret, &w->secret_len);
}

static void
fini(void *data)
{
	struct work *w = data;

	ike_dh_destroy(w->dh);
}

static const struct ike_job_ops ops = {.size = sizeof(struct work), .run = run, .fini = fini};

/** Ask for it, with a pair (dh may be NULL) and a peer's value (may be empty). */
static int
work_for(struct ike_sa *sa, enum ike_job_side side, uint16_t group, struct ike_dh_key *dh,
	struct ike_view peer, struct work **out)
{
	struct ike_job *j = ike_job_find(sa, side, &ops, group);
	unsigned int parts = (dh == NULL ? 1U : 0U) + (peer.len > 0 ? 1U : 0U);
	struct work *w;

	if (peer.len > IKE_DH_PUB_MAX)
		return -EINVAL;
	if (j == NULL) {
		j = ike_job_new(sa, side, &ops, group);
		if (j == NULL)
			return -ENOMEM;
		w = ike_job_data(j);
		w->group = group;
		w->dh = dh != NULL ? ike_dh_hold(dh) : NULL;
		w->peer_len = peer.len;
		if (peer.len > 0)
			memcpy(w->peer, peer.p, peer.len);
	}
	*out = ike_job_data(j);
	return ike_job_await(j, parts * ike_dh_cost_us(group));
}

int
ike_dh_job_pair(struct ike_sa *sa, enum ike_job_side side, uint16_t group, struct ike_view peer,
	struct ike_dh_key **dh)
{
	struct work *w;
	int err = work_for(sa, side, group, NULL, peer, &w);

	*dh = NULL;
	if (err != 0)
		return err;
	if (w->dh == NULL)
		return -EIO;
	*dh = ike_dh_hold(w->dh);
	return 0;
}

int
ike_dh_job_shared(struct ike_sa *sa, enum ike_job_side side, struct ike_dh_key *dh,
	struct ike_view peer, uint8_t *secret, size_t *len)
{
	struct work *w;
	int err = work_for(sa, side, ike_dh_group(dh), dh, peer, &w);

	*len = 0;
	if (err != 0)
		return err;
	/* a handler uses a group once: this is its secret */
	if (w->dh != dh || w->peer_len != peer.len || w->peer_len == 0)
		return -EINVAL;
	if (w->err == 0) {
		memcpy(secret, w->secret, w->secret_len);
		*len = w->secret_len;
	}
	return w->err;
}
