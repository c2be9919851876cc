/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * MOBIKE, the responder's side (RFC 4555): the initiator may move; we follow once it has shown, by
 * a cookie, that it receives where it claims to be (3.7, return routability).
 */

#include <string.h>

#include "natd.h"
#include "nego.h"
#include "payload.h"
#include "x.h"

#define CHECKS_MAX                                                                                 \
	3 /* of a new address whose answers came when its cookie had gone elsewhere, too */

static bool
same_path(const struct ike_path *a, const struct ike_path *b)
{
	return memcmp(&a->local, &b->local, 16) == 0 && memcmp(&a->remote, &b->remote, 16) == 0 &&
	       a->local_port == b->local_port && a->remote_port == b->remote_port;
}

/** NO_NATS_ALLOWED (3.9): addresses and ports as the sender put them, source first. */
static bool
nat_forbidden(const struct ike_path *path, const struct ike_msg *m)
{
	uint8_t want[16 + 16 + 2 + 2];
	struct ike_wr w = ike_wr_make(want, sizeof(want));
	struct ike_notify n;

	if (!ike_msg_notify(m, IKE_N_NO_NATS_ALLOWED, &n))
		return false;
	ike_wr_bytes(&w, &path->remote, 16);
	ike_wr_bytes(&w, &path->local, 16);
	ike_wr_u16(&w, path->remote_port);
	ike_wr_u16(&w, path->local_port);
	return n.data.len != sizeof(want) || memcmp(n.data.p, want, sizeof(want)) != 0;
}

/** The peer may not know yet that its SA has been replaced: what it says counts for the new one. */
static struct ike_sa *
in_use(struct ike_sa *sa)
{
	struct ike_sa *by = sa;

	while (by != NULL && by->successor != 0)
		by = ike_sa_by_id(sa->e, by->successor);
	return by != NULL && by->state == IKE_SA_UP ? by : sa;
}

/** Whoever answers on path is the one that to's peer says is there (3.7). @return NULL on lack of
 * memory */
static struct ike_task *
check(struct ike_sa *to, const struct ike_path *path)
{
	struct ike_task *t = ike_task_add(to, IKE_TASK_PATH_CHECK, NULL, 0, 0);

	if (t == NULL)
		return NULL;
	t->moved_on |= t == to->active && !same_path(path, &t->path);
	t->path = *path;
	t->retries = 0;
	return t;
}

static void
update_addresses(struct ike_sa *sa, const struct ike_path *path, const struct ike_msg *m,
	struct ike_chain *c)
{
	struct ike_sa *to = in_use(sa);
	bool local = sa->nat_local, remote = sa->nat_remote, behind = sa->behind_nat;
	bool natt = sa->peer_natt;
	struct ike_task *t;

	if (nat_forbidden(path, m)) {
		ike_pld_notify_build(c, IKE_N_UNEXPECTED_NAT_DETECTED, NULL, 0);
		return;
	}
	if (ike_msg_notify(m, IKE_N_NAT_DETECTION_SOURCE_IP, NULL)) {
		ike_natd_check(sa, path, m);
		ike_natd_build(sa, path, c);
	}
	if (same_path(path, &to->path) && ike_task_find(to, IKE_TASK_PATH_CHECK, NULL, 0) == NULL) {
		if (ike_sa_encap(sa) != (local || remote))
			ike_sa_moved(to, path, sa->nat_local, sa->nat_remote);
		return;
	}
	t = check(to, path);
	if (t != NULL) {
		t->nat.local = sa->nat_local;
		t->nat.remote = sa->nat_remote;
		t->nat.behind = sa->behind_nat;
	}
	/* until the check is done, the old state counts */
	sa->nat_local = local;
	sa->nat_remote = remote;
	sa->behind_nat = behind;
	sa->peer_natt = natt;
}

/** The check goes on over to, which took sa's place; what the peer has said over that one is newer.
 */
static void
hand_over(const struct ike_task *t, struct ike_sa *to)
{
	struct ike_task *again = NULL;

	if (!same_path(&t->path, &to->path) &&
		ike_task_find(to, IKE_TASK_PATH_CHECK, NULL, 0) == NULL)
		again = check(to, &t->path);
	if (again != NULL)
		again->nat = t->nat;
}

void
ike_mobike_hand_over(struct ike_sa *sa)
{
	const struct ike_task *t = sa->active;
	struct ike_sa *to = in_use(sa);

	if (t != NULL && t->type == IKE_TASK_PATH_CHECK && to != sa)
		hand_over(t, to);
}

void
ike_mobike_request(struct ike_sa *sa, const struct ike_path *path, const struct ike_msg *m,
	struct ike_chain *c)
{
	struct ike_notify n;

	if (ike_msg_notify(m, IKE_N_COOKIE2, &n) && n.data.len >= 8 && n.data.len <= 64)
		ike_pld_notify_build(c, IKE_N_COOKIE2, n.data.p, n.data.len);
	if (!sa->mobike)
		return;
	if (ike_msg_notify(m, IKE_N_UPDATE_SA_ADDRESSES, NULL))
		update_addresses(sa, path, m, c);
	else if (ike_msg_notify(m, IKE_N_NAT_DETECTION_SOURCE_IP, NULL))
		ike_natd_build(sa, path, c); /* asks what a NAT makes of it by now (3.8) */
}

int
ike_x_path_build(struct ike_sa *sa, struct ike_task *t, struct ike_chain *c)
{
	t->moved_on = t->told_old = false;
	sa->e->host.random(sa->e->host.arg, t->cookie2, sizeof(t->cookie2));
	ike_pld_notify_build(c, IKE_N_COOKIE2, t->cookie2, sizeof(t->cookie2));
	return 0;
}

/** Once more, with a fresh cookie. */
static void
check_again(struct ike_sa *sa, struct ike_task *t)
{
	struct ike_sa *to = in_use(sa);

	if (to != sa)
		hand_over(t, to);
	else
		ike_task_again(sa, t, 0);
}

/** Late, or in somebody else's name: who receives there at all can say so in time. */
static void
prove_again(struct ike_sa *sa, struct ike_task *t)
{
	if (t->retries < CHECKS_MAX - 1)
		check_again(sa, t);
	else
		ike_log(sa->e, IKE_LOG_WARN, "NET", sa->conn->name,
			"the peer's new address answers too late: it is not followed");
}

void
ike_x_path_process(struct ike_sa *sa, struct ike_task *t, const struct ike_msg *m)
{
	struct ike_notify n;
	struct ike_sa *to;

	if (t->moved_on) {
		check_again(sa, t);
		return;
	}
	if (!ike_msg_notify(m, IKE_N_COOKIE2, &n) || n.data.len != sizeof(t->cookie2) ||
		!ike_mem_equal(n.data.p, t->cookie2, sizeof(t->cookie2))) {
		ike_log(sa->e, IKE_LOG_WARN, "NET", sa->conn->name,
			"the new address did not repeat our cookie: it is not followed");
		return;
	}
	if (!same_path(&t->from, &t->path)) {
		ike_log(sa->e, IKE_LOG_WARN, "NET", sa->conn->name,
			"the peer answers, but not from its new address: it is not followed");
		return;
	}
	if (t->told_old && !same_path(&t->path, &sa->path)) {
		prove_again(sa, t);
		return;
	}
	to = in_use(sa);
	to->behind_nat = t->nat.behind;
	ike_sa_moved(to, &t->path, t->nat.local, t->nat.remote);
}
