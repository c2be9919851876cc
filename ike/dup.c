/* SPDX-License-Identifier: BSD-3-Clause */
#include "dup.h"

#include <string.h>

#include "conn.h"
#include "reauth.h"
#include "sa.h"

#define SETTLE_MS 1000 /* what is under way on the pair that goes may arrive */

/** Where a child of sa may have its like: sa itself, then the others between the same two ends. */
static struct ike_sa *
next_sa(const struct ike_sa *sa, const struct ike_sa *from)
{
	return ike_sa_same_ends(sa, from == sa ? NULL : from);
}

/** The first live child of cfg in sa, other than c. */
static struct ike_child *
live_of(const struct ike_sa *sa, const struct ike_child_cfg *cfg, const struct ike_child *c)
{
	struct ike_child *o;

	for (o = sa->children; o != NULL; o = o->next)
		if (o != c && o->cfg == cfg && ike_child_is_live(o))
			break;
	return o;
}

/** The same child, asked for by the other end. */
static struct ike_child *
counterpart(const struct ike_child *c)
{
	for (struct ike_sa *sa = c->sa; sa != NULL; sa = next_sa(c->sa, sa)) {
		struct ike_child *o;

		if (sa->conn != c->sa->conn || sa->state != IKE_SA_UP ||
			!ike_sa_same_addresses(sa, c->sa))
			continue;
		/* one of the two is there to replace the other, and sees to its end */
		if (ike_reauth_replaces(sa, c->sa) || ike_reauth_replaces(c->sa, sa))
			continue;
		o = live_of(sa, c->cfg, c);
		if (o != NULL && o->ours != c->ours)
			return o;
	}
	return NULL;
}

/** We are the end whose children yield: by what both ends call themselves, which no NAT changes. */
static bool
we_yield(const struct ike_sa *sa)
{
	int d = ike_id_order(sa->local_id, sa->remote_id);

	return d != 0 ? d < 0 : memcmp(&sa->path.local, &sa->path.remote, 16) < 0;
}

/** The peer was faster: attempts of ours that nobody has answered yet are not needed any more. */
static void
cancel_attempts(const struct ike_child *c)
{
	struct in6_addr addr;
	struct ike_sa *sa;

	/* of a connection for many peers there are no attempts, and may be thousands of SAs */
	if (ike_names_remote(c->sa->e, c->sa->conn, &addr) != 0)
		return;
	for (sa = ike_sa_of_conn(c->sa->e, c->sa->conn); sa != NULL; sa = ike_sa_of_conn_next(sa)) {
		if (sa->state != IKE_SA_INIT_SENT || sa->setup->child != c->cfg ||
			sa->reauth_of != 0)
			continue;
		ike_task_move(sa, c->sa);
		ike_sa_end(sa, IKE_END_QUIET, false, NULL);
	}
}

void
ike_dup_check(struct ike_child *c)
{
	struct ike_child *o;
	struct ike_sa *stays;

	if (!c->ours && c->replaces == 0)
		cancel_attempts(c);
	/* also after a rekeying: it may have overtaken the DELETE of the surplus one */
	o = counterpart(c);
	if (o == NULL || !we_yield(c->sa))
		return;
	ike_log(c->sa->e, IKE_LOG_INFO, "CHD", c->sa->conn->name,
		"%s: both ends brought it up, ours (CHILD_SA %u) is the one to go", c->cfg->name,
		c->ours ? c->id : o->id);
	stays = c->ours ? o->sa : c->sa;
	stays->dup_ms = c->sa->e->now_ms + SETTLE_MS;
	ike_task_add(stays, IKE_TASK_LIVENESS, NULL, 0, stays->dup_ms);
}

/** Some child of from is not up over to, or is still to come. */
static bool
carries_more(const struct ike_sa *from, const struct ike_sa *to)
{
	if (ike_task_asks_child(from))
		return true;
	for (const struct ike_child *c = from->children; c != NULL; c = c->next)
		if (ike_child_is_live(c) && !ike_child_is_up(to, c->cfg))
			return true;
	return false;
}

static void
drop_surplus(const struct ike_sa *stays, const struct ike_child *surplus)
{
	struct ike_sa *sa = surplus->sa;

	if (sa == stays || carries_more(sa, stays))
		ike_task_add(sa, IKE_TASK_DELETE_CHILD, surplus->cfg, surplus->id, 0);
	else
		ike_sa_retire(sa);
}

void
ike_dup_alive(struct ike_sa *sa)
{
	const struct ike_child *o;

	/* who is who is looked up anew: either may have been rekeyed in between */
	sa->dup_ms = 0;
	if (ike_sa_is_leaving(sa)) /* it does not stay, after all */
		return;
	for (const struct ike_child *c = sa->children; c != NULL; c = c->next) {
		if (!ike_child_is_live(c) || c->ours)
			continue;
		o = counterpart(c);
		if (o != NULL)
			drop_surplus(sa, o);
	}
}

void
ike_dup_pass_on(const struct ike_child *gone)
{
	struct ike *e = gone->sa->e;

	/* of this peer: a connection may have many */
	for (struct ike_sa *sa = gone->sa; sa != NULL; sa = next_sa(gone->sa, sa)) {
		struct ike_child *c;

		if (sa->conn != gone->sa->conn || sa->state != IKE_SA_UP)
			continue;
		c = live_of(sa, gone->cfg, gone);
		if (c != NULL && c->out) {
			c->sending = true;
			c->use_out_ms = IKE_NEVER;
			e->host.child_use_out(e->host.arg, c->id);
			return;
		}
	}
}
