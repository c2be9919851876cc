/* SPDX-License-Identifier: BSD-3-Clause */

#include "nat.h"

#include <string.h>

#define ASK_MS      30000 /* a peer whose ESP comes from elsewhere is asked so often where it is */
#define ESP_FROM_MS 30000 /* so long it may be there */

static bool
same_remote(const struct ike_path *a, const struct ike_path *b)
{
	return memcmp(&a->remote, &b->remote, 16) == 0 && a->remote_port == b->remote_port;
}

/** The peer's address may change without a word about it. */
static bool
may_follow(const struct ike_sa *sa)
{
	return sa->nat_remote && sa->state == IKE_SA_UP;
}

/** ESP came from elsewhere, and not long ago. */
static bool
seen_elsewhere(const struct ike_sa *sa)
{
	return sa->has_esp_from && sa->e->now_ms < sa->esp_from_ms + ESP_FROM_MS;
}

void
ike_nat_heard(struct ike_sa *sa, const struct ike_path *path, bool response)
{
	bool moved = !same_remote(path, &sa->path);
	/* of a MOBIKE peer it is the answer that counts, to what we have sent there */
	bool there = response && seen_elsewhere(sa) && same_remote(path, &sa->esp_from);

	if (moved && sa->mobike && !there)
		return; /* it may only try whether there is a way */
	sa->has_esp_from = false;
	if (moved && may_follow(sa))
		ike_sa_moved(sa, path, sa->nat_local, sa->nat_remote);
}

void
ike_child_elsewhere(struct ike *e, uint32_t child_id, const struct ike_path *path, uint64_t now_ms)
{
	struct ike_child *c = ike_child_by_id(e, child_id);
	struct ike_sa *sa;

	e->now_ms = now_ms;
	if (c == NULL || !may_follow(c->sa) || same_remote(path, &c->sa->path) ||
		memcmp(&path->local, &c->sa->path.local, 16) != 0)
		return;
	sa = c->sa;
	sa->esp_from = *path;
	/* our own port is the one that IKE uses */
	sa->esp_from.local_port = sa->path.local_port;
	sa->esp_from_ms = now_ms;
	sa->has_esp_from = true;
	if (now_ms < sa->ask_ms)
		return;
	sa->ask_ms = now_ms + ASK_MS;
	ike_task_add(sa, IKE_TASK_LIVENESS, NULL, 0, 0);
	ike_settle(e);
}

const struct ike_path *
ike_nat_elsewhere(const struct ike_sa *sa)
{
	return may_follow(sa) && seen_elsewhere(sa) ? &sa->esp_from : NULL;
}

/* ---- keepalives ---- */

void
ike_nat_sent(struct ike_sa *sa)
{
	sa->sent_ms = sa->e->now_ms;
}

uint64_t
ike_nat_due(const struct ike_sa *sa)
{
	const struct ike *e = sa->e;

	if (!sa->behind_nat || e->keep_alive_ms == 0 || e->host.keepalive == NULL ||
		sa->state != IKE_SA_UP)
		return IKE_NEVER;
	return sa->sent_ms + e->keep_alive_ms;
}

void
ike_nat_tick(struct ike_sa *sa)
{
	struct ike *e = sa->e;
	struct ike_child_stats st;

	if (e->now_ms < ike_nat_due(sa))
		return;
	for (const struct ike_child *c = sa->children; c != NULL; c = c->next)
		if (e->host.child_stats(e->host.arg, c->id, &st) == 0 &&
			st.last_out_ms > sa->sent_ms)
			sa->sent_ms = st.last_out_ms;
	if (e->now_ms < ike_nat_due(sa))
		return;
	e->host.keepalive(e->host.arg, &sa->path);
	ike_nat_sent(sa);
}
