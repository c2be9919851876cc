/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <rte_cycles.h>

#include "lib/rcu.h"

#include "ctl_balance.h"
#include "ctl_nd.h"
#include "ctl_sa.h"
#include "log.h"
#include "suite.h"
#include "updown.h"

#define BACKOFF_MIN_MS 1000  /* after a failed attempt traffic waits so long to ask again, */
#define BACKOFF_MAX_MS 30000 /* doubling up to this */
#define LOOK_MS        20    /* between looks at inbound counters, */
#define LOOK_N         1024  /* each at so many children in turn: a fifth of a second for 10 000 */
#define ELSEWHERE_MS   100   /* between peers in UDP whose packets come from elsewhere */

struct gw_sas {
	struct gw_sas_deps d;
	struct pmtu *pmtu;
	LIST_HEAD(, gw_child) children; /* newest first; also those that are going */
	struct ike_hash by_id, by_spi_out;
	struct gw_child *look_next; /* where the next look begins; NULL: at the first */
	uint32_t n_children;
	uint64_t now_ms, next_look_ms, next_elsewhere_ms, next_pmtu_ms;
	uint64_t tsc_per_ms;
	int socket;
};

/* ---- making and finding ---- */

static struct gw_child *
find(const struct gw_sas *s, uint32_t id)
{
	return IKE_HOLDER(ike_hash_first(&s->by_id, id), struct gw_child, by_id);
}

/* It is there from now on. */
static void
keep(struct gw_sas *s, struct gw_child *c)
{
	LIST_INSERT_HEAD(&s->children, c, link);
	LIST_INSERT_HEAD(&c->binding->children, c, sibling);
	ike_hash_add(&s->by_id, &c->by_id, c->id);
	ike_hash_add(&s->by_spi_out, &c->by_spi_out, c->spi_out);
	s->n_children++;
}

const struct gw_child *
gw_sas_find(const struct gw_sas *s, uint32_t child_id)
{
	return find(s, child_id);
}

uint16_t
gw_sas_path_mtu(const struct gw_sas *s, const struct in6_addr *remote)
{
	return pmtu_get(s->pmtu, remote);
}

static bool
quoted_sa(void *arg, const struct gw_quoted *q, uint64_t *seq)
{
	const struct gw_sas *s = arg;

	for (struct ike_node *n = ike_hash_first(&s->by_spi_out, q->spi); n != NULL;
		n = ike_hash_next(n)) {
		const struct gw_child *c = IKE_HOLDER(n, struct gw_child, by_spi_out);
		struct gw_sa_stats st;

		if (c->out == NULL || !IN6_ARE_ADDR_EQUAL(&c->path.local, &q->src) ||
			!IN6_ARE_ADDR_EQUAL(&c->path.remote, &q->dst))
			continue;
		if (c->udp_encap &&
			(c->path.local_port != q->sport || c->path.remote_port != q->dport))
			continue;
		gw_sa_out_stats(c->out, &st);
		*seq = st.seq;
		return true;
	}
	return false;
}

struct gw_sas *
gw_sas_create(const struct gw_sas_deps *deps, uint64_t now_ms)
{
	struct gw_sas *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->d = *deps;
	s->now_ms = now_ms;
	s->tsc_per_ms = rte_get_tsc_hz() / 1000;
	s->socket = deps->plane->socket;
	s->pmtu = pmtu_create(nd_mtu(deps->nd), quoted_sa, s);
	if (s->pmtu != NULL && ike_hash_init(&s->by_id) == 0 && ike_hash_init(&s->by_spi_out) == 0)
		return s;
	gw_sas_destroy(s);
	return NULL;
}

/* ---- retiring ---- */

static void
forget(struct gw_child *c)
{
	struct gw_sas *s = c->sas;

	if (c->in != NULL || c->out != NULL || c->dying_in != NULL || c->dying_out != NULL)
		return;
	if (s->look_next == c)
		s->look_next = LIST_NEXT(c, link);
	LIST_REMOVE(c, link);
	LIST_REMOVE(c, sibling);
	ike_hash_del(&s->by_id, &c->by_id);
	ike_hash_del(&s->by_spi_out, &c->by_spi_out);
	s->n_children--;
	free(c);
}

static void
reclaim_in(void *arg)
{
	struct gw_child *c = arg;

	gw_sa_in_destroy(c->dying_in);
	c->dying_in = NULL;
	gw_sadb_spi_free(c->sas->d.plane->sadb, c->spi_in);
	forget(c);
}

static void
reclaim_out(void *arg)
{
	struct gw_child *c = arg;

	gw_sa_out_destroy(c->dying_out);
	c->dying_out = NULL;
	nd_nexthop_put(c->sas->d.nd, c->nexthop);
	forget(c);
}

/* ---- which SA the tunnels send on ---- */

static void
follow_mtu(struct gw_sas *s, struct gw_binding *b)
{
	const struct gw_child *c = b->out;
	uint16_t max_gre;

	if (c != NULL)
		max_gre = gw_sa_max_payload(&c->sizes, pmtu_get(s->pmtu, &c->path.remote));
	else
		max_gre = gw_suite_worst_payload(b->conn, b->child, nd_mtu(s->d.nd));
	for (unsigned int i = 0; i < b->n_tunifs; i++)
		gw_tunif_set_mtu(s->d.tunnels, b->tunifs[i], max_gre);
}

/* Let the binding's tunnels send on c; NULL: hold. Their MTU stays as it was while there is none.
 */
static void
use_out(struct gw_sas *s, struct gw_binding *b, struct gw_child *c)
{
	b->out = c;
	if (c != NULL)
		follow_mtu(s, b);
	for (unsigned int i = 0; i < b->n_tunifs; i++) {
		atomic_store_explicit(
			&b->tunifs[i]->t->sa_out, c != NULL ? c->out : NULL, memory_order_release);
		gw_tunif_set_sa(s->d.tunnels, b->tunifs[i], c != NULL);
	}
}

/* Before c's outbound SA goes: the newest of its siblings that may send, or none. */
static void
replace_out(struct gw_sas *s, struct gw_child *c)
{
	struct gw_child *other;

	if (c->binding->out != c)
		return;
	LIST_FOREACH(other, &c->binding->children, sibling)
	{
		if (other != c && other->wanted && other->out != NULL)
			break;
	}
	use_out(s, c->binding, other);
}

static void
retire_in(struct gw_sas *s, struct gw_child *c)
{
	if (c->in == NULL)
		return;
	gw_sa_in_stats(c->in, &c->last_in);
	gw_sadb_retire(s->d.plane->sadb, c->in);
	c->dying_in = c->in;
	c->in = NULL;
	gw_rcu_retire(s->d.plane->rcu, reclaim_in, c);
}

static void
retire_out(struct gw_sas *s, struct gw_child *c)
{
	if (c->out == NULL)
		return;
	replace_out(s, c);
	gw_sa_out_stats(c->out, &c->last_out);
	c->dying_out = c->out;
	c->out = NULL;
	gw_rcu_retire(s->d.plane->rcu, reclaim_out, c);
}

void
gw_sas_destroy(struct gw_sas *s)
{
	struct gw_child *c;

	if (s == NULL)
		return;
	LIST_FOREACH(c, &s->children, link)
	{
		retire_out(s, c);
		retire_in(s, c);
	}
	gw_rcu_poll(s->d.plane->rcu);
	while (gw_rcu_poll(s->d.plane->rcu) > 0)
		rte_delay_us_sleep(100);
	ike_hash_fini(&s->by_spi_out);
	ike_hash_fini(&s->by_id);
	pmtu_destroy(s->pmtu);
	free(s);
}

/* ---- struct ike_host ---- */

uint32_t
gw_sas_spi_alloc(struct gw_sas *s)
{
	return gw_sadb_spi_alloc(s->d.plane->sadb);
}

void
gw_sas_spi_free(struct gw_sas *s, uint32_t spi)
{
	gw_sadb_spi_free(s->d.plane->sadb, spi);
}

/* One label per SA, RFC 6437: a label per inner flow would let equal-cost paths reorder the SA. */
static uint32_t
flow_label(void)
{
	uint32_t label;

	if (getrandom(&label, sizeof(label), 0) != sizeof(label))
		return 0;
	return label & 0xfffff;
}

/* The one IPv6 host that all selectors name. @return false when they name others or none */
static bool
selected_host(const struct ike_ts_list *l, struct in6_addr *host)
{
	for (uint8_t i = 0; i < l->n; i++) {
		const struct ike_ts *t = &l->ts[i];

		if (t->type != IKE_TS_IPV6_ADDR_RANGE || memcmp(t->from, t->to, 16) != 0 ||
			memcmp(t->from, l->ts[0].from, 16) != 0)
			return false;
	}
	if (l->n > 0)
		memcpy(host, l->ts[0].from, sizeof(*host));
	return l->n > 0;
}

static void
fill_params(struct gw_sa_params *p, const struct ike_child_sa *sa, const struct gw_child *c)
{
	*p = (struct gw_sa_params){
		.esn = sa->suite.esn,
		.tunnel_mode = sa->mode == IKE_MODE_TUNNEL,
		.udp_encap = sa->udp_encap,
		.local_port = sa->path.local_port,
		.remote_port = sa->path.remote_port,
		.local = sa->path.local,
		.remote = sa->path.remote,
		.replay_window = sa->child->replay_window,
		.flow_label = flow_label(),
		.child_id = sa->id,
		.demux = c->binding->demux,
		.nexthop = c->nexthop,
	};
	if (p->tunnel_mode && (!selected_host(&sa->local_ts, &p->inner_local) ||
				      !selected_host(&sa->remote_ts, &p->inner_remote)))
		p->inner_local = p->inner_remote = in6addr_any;
}

static int
make_sas(struct gw_sas *s, struct gw_child *c, const struct ike_child_sa *sa)
{
	struct gw_sa_params p;
	int rc;

	fill_params(&p, sa, c);
	rc = gw_suite_alg(&sa->suite, &p.alg);
	if (rc < 0)
		return rc;
	c->sizes = p;
	p.spi = sa->spi_in;
	rc = gw_suite_keys(&p.alg, sa->encr_in, sa->encr_key_len, sa->integ_in, sa->integ_key_len);
	if (rc < 0)
		goto out;
	c->in = gw_sa_in_create(&p, s->socket);
	if (c->in == NULL) {
		rc = -errno;
		goto out;
	}
	p.spi = sa->spi_out;
	rc = gw_suite_keys(
		&p.alg, sa->encr_out, sa->encr_key_len, sa->integ_out, sa->integ_key_len);
	if (rc < 0)
		goto out;
	c->out = gw_sa_out_create(&p, s->socket);
	if (c->out == NULL)
		rc = -errno;
out:
	explicit_bzero(&p, sizeof(p));
	return rc;
}

static struct gw_child *
new_child(struct gw_sas *s, const struct ike_child_sa *sa)
{
	struct gw_child *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->sas = s;
	c->id = sa->id;
	c->ike_id = sa->ike_id;
	c->binding = gw_tunnels_binding(s->d.tunnels, sa->conn, sa->child);
	c->path = sa->path;
	c->tunnel_mode = sa->mode == IKE_MODE_TUNNEL;
	c->udp_encap = sa->udp_encap;
	c->spi_in = sa->spi_in;
	c->spi_out = sa->spi_out;
	c->local_id = sa->local_id;
	c->remote_id = sa->remote_id;
	c->local_ts = sa->local_ts;
	c->remote_ts = sa->remote_ts;
	return c;
}

/* A new SA that replaces none: its peer may have started again, with GRE sequence numbers from 0.
 */
static void
reset_gre_seq(const struct gw_binding *b)
{
	for (unsigned int i = 0; i < b->n_tunifs; i++)
		atomic_fetch_add_explicit(&b->tunifs[i]->t->seq_reset, 1, memory_order_relaxed);
}

int
gw_sas_child_add(struct gw_sas *s, const struct ike_child_sa *sa)
{
	struct gw_child *c = new_child(s, sa);
	int rc = -ENOMEM;

	if (c == NULL)
		return rc;
	if (c->binding == NULL) {
		rc = -ENOENT;
		goto fail;
	}
	c->nexthop = nd_nexthop(s->d.nd, s->now_ms, &sa->path.remote);
	if (c->nexthop == NULL) {
		rc = -errno;
		goto fail;
	}
	rc = make_sas(s, c, sa);
	if (rc < 0)
		goto fail;
	/* later ones, those of a rekeying above all, are where the first one is */
	if (s->d.balance != NULL && LIST_EMPTY(&c->binding->children))
		gw_balance_place(s->d.balance, c->binding->demux);
	keep(s, c);
	if (sa->replaces == 0)
		reset_gre_seq(c->binding);
	gw_sadb_publish(s->d.plane->sadb, c->in);
	c->binding->backoff_ms = 0;
	if (sa->use_out) {
		c->wanted = true;
		use_out(s, c->binding, c);
	}
	return 0;
fail:
	gw_log(GW_LOG_ERROR, "sa", "%s: CHILD_SA cannot be installed: %s", sa->child->name,
		strerror(-rc));
	gw_sa_in_destroy(c->in);
	gw_sa_out_destroy(c->out);
	if (c->nexthop != NULL)
		nd_nexthop_put(s->d.nd, c->nexthop);
	free(c);
	return rc;
}

void
gw_sas_child_use_out(struct gw_sas *s, uint32_t child_id)
{
	struct gw_child *c = find(s, child_id);

	if (c == NULL || c->out == NULL)
		return;
	c->wanted = true;
	use_out(s, c->binding, c);
}

/* An outbound SA that a moved one replaces, and what it held. */
struct moved {
	struct gw_sas *sas;
	struct gw_sa_out *out;
	struct gw_nexthop *nexthop;
};

static void
reclaim_moved(void *arg)
{
	struct moved *old = arg;

	gw_sa_out_destroy(old->out);
	nd_nexthop_put(old->sas->d.nd, old->nexthop);
	free(old);
}

/* @return 0, or -errno with everything as it was */
static int
move_out(struct gw_sas *s, struct gw_child *c, const struct gw_sa_params *p)
{
	struct moved *old = malloc(sizeof(*old));
	struct gw_sa_out *out;

	if (old == NULL)
		return -ENOMEM;
	out = gw_sa_out_move(c->out, p, s->socket);
	if (out == NULL) {
		int rc = -errno;

		free(old);
		return rc;
	}
	*old = (struct moved){.sas = s, .out = c->out, .nexthop = c->nexthop};
	c->out = out;
	c->nexthop = p->nexthop;
	c->sizes = *p;
	if (c->binding->out == c)
		use_out(s, c->binding, c);
	gw_rcu_retire(s->d.plane->rcu, reclaim_moved, old);
	return 0;
}

static bool
same_for_esp(const struct gw_child *c, const struct ike_path *path, bool udp_encap)
{
	return udp_encap == c->udp_encap && IN6_ARE_ADDR_EQUAL(&path->local, &c->path.local) &&
	       IN6_ARE_ADDR_EQUAL(&path->remote, &c->path.remote) &&
	       (!udp_encap || (path->local_port == c->path.local_port &&
				      path->remote_port == c->path.remote_port));
}

void
gw_sas_child_path(struct gw_sas *s, uint32_t child_id, const struct ike_path *path, bool udp_encap)
{
	struct gw_child *c = find(s, child_id);
	struct gw_sa_params p;
	int rc = 0;

	if (c == NULL)
		return;
	if (same_for_esp(c, path, udp_encap)) {
		c->path = *path;
		return;
	}
	p = c->sizes;
	p.local = path->local;
	p.remote = path->remote;
	p.local_port = path->local_port;
	p.remote_port = path->remote_port;
	p.udp_encap = udp_encap;
	p.flow_label = flow_label();
	p.nexthop = nd_nexthop(s->d.nd, s->now_ms, &path->remote);
	if (p.nexthop == NULL)
		rc = -errno;
	c->path = *path;
	c->udp_encap = udp_encap;
	if (rc == 0 && c->out != NULL) {
		rc = move_out(s, c, &p);
		if (rc < 0)
			nd_nexthop_put(s->d.nd, p.nexthop);
	} else if (rc == 0) {
		nd_nexthop_put(s->d.nd, p.nexthop);
	}
	if (c->in != NULL)
		gw_sa_in_move(c->in, &path->local, &path->remote, udp_encap, path->remote_port);
	if (rc < 0)
		gw_log(GW_LOG_ERROR, "sa",
			"%s: its peer moved, but it goes on sending to the old address: %s",
			c->binding->child->name, strerror(-rc));
}

void
gw_sas_child_del(struct gw_sas *s, uint32_t child_id, bool in, bool out)
{
	struct gw_child *c = find(s, child_id);

	if (c == NULL)
		return;
	if (out)
		retire_out(s, c);
	if (in)
		retire_in(s, c);
}

/* TSC of the data plane to the clock of control; a time yet to come is an unsynchronised counter.
 */
static uint64_t
tsc_to_ms(const struct gw_sas *s, uint64_t tsc)
{
	uint64_t now_tsc = rte_rdtsc(), ago;

	if (tsc == 0)
		return 0;
	ago = now_tsc > tsc ? (now_tsc - tsc) / s->tsc_per_ms : 0;
	return s->now_ms > ago ? s->now_ms - ago : 1;
}

int
gw_sas_child_stats(struct gw_sas *s, uint32_t child_id, struct ike_child_stats *st)
{
	const struct gw_child *c = find(s, child_id);
	struct gw_sa_stats in, out;

	if (c == NULL)
		return -ENOENT;
	in = c->last_in;
	out = c->last_out;
	if (c->in != NULL)
		gw_sa_in_stats(c->in, &in);
	if (c->out != NULL)
		gw_sa_out_stats(c->out, &out);
	*st = (struct ike_child_stats){
		.packets_in = in.packets,
		.bytes_in = in.bytes,
		.packets_out = out.packets,
		.bytes_out = out.bytes,
		.last_in_ms = tsc_to_ms(s, in.last_tsc),
		.last_out_ms = tsc_to_ms(s, out.last_tsc),
		.seq_out = out.seq,
	};
	return 0;
}

/* ---- what IKE says of attempts ---- */

void
gw_sas_failed(struct gw_sas *s, const struct ike_conn_cfg *conn, const struct ike_child_cfg *child)
{
	struct gw_binding *b = gw_tunnels_binding(s->d.tunnels, conn, child);

	if (b == NULL)
		return;
	b->backoff_ms = b->backoff_ms == 0                   ? BACKOFF_MIN_MS
			: b->backoff_ms < BACKOFF_MAX_MS / 2 ? b->backoff_ms * 2
							     : BACKOFF_MAX_MS;
	b->not_before_ms = s->now_ms + b->backoff_ms;
	for (unsigned int i = 0; i < b->n_tunifs; i++)
		atomic_fetch_add_explicit(&b->tunifs[i]->t->hold_flush, 1, memory_order_relaxed);
}

void
gw_sas_updown(struct gw_sas *s, uint32_t child_id, bool up)
{
	const struct gw_child *c = find(s, child_id);
	char my_id[IKE_ID_MAX * 4], peer_id[IKE_ID_MAX * 4];
	struct updown_call call;
	int rc;

	if (c == NULL || s->d.updown == NULL || c->binding->child->updown == NULL)
		return;
	call = (struct updown_call){
		.command = c->binding->child->updown,
		.up = up,
		.child = c->binding->child->name,
		.interface = c->binding->n_tunifs > 0 ? c->binding->tunifs[0]->t->name : "",
		.reqid = (uint32_t)(c->binding - s->d.tunnels->bindings) + 1,
		.uniqueid = c->ike_id,
		.me = c->path.local,
		.peer = c->path.remote,
		.my_id = ike_id_str(&c->local_id, my_id, sizeof(my_id)),
		.peer_id = ike_id_str(&c->remote_id, peer_id, sizeof(peer_id)),
		.udp_enc = c->udp_encap ? c->path.remote_port : 0,
	};
	for (unsigned int i = 0; i < c->local_ts.n; i++) {
		for (unsigned int j = 0; j < c->remote_ts.n; j++) {
			call.my_ts = c->local_ts.ts[i];
			call.peer_ts = c->remote_ts.ts[j];
			rc = updown_run(s->d.updown, &call);
			if (rc < 0)
				gw_log(GW_LOG_WARN, "updown", "%s: not run: %s", call.child,
					strerror(-rc));
		}
	}
}

/* ---- time, path MTU ---- */

static void
mtu_of_remote(struct gw_sas *s, const struct in6_addr *remote)
{
	for (uint32_t i = 0; i < s->d.tunnels->n_bindings; i++) {
		struct gw_binding *b = &s->d.tunnels->bindings[i];

		if (b->out != NULL && IN6_ARE_ADDR_EQUAL(&b->out->path.remote, remote))
			follow_mtu(s, b);
	}
}

static void
mtu_raised(void *arg, const struct in6_addr *remote)
{
	mtu_of_remote(arg, remote);
}

bool
gw_sas_too_big(struct gw_sas *s, const struct gw_nd *m)
{
	struct in6_addr remote;
	enum pmtu_result r = pmtu_input(s->pmtu, s->now_ms, m, &remote);

	if (r == PMTU_CHANGED) {
		gw_log(GW_LOG_INFO, "pmtu", "a router says %u", pmtu_get(s->pmtu, &remote));
		mtu_of_remote(s, &remote);
	} else {
		gw_log(GW_LOG_DEBUG, "pmtu", "Packet Too Big, MTU %u: %s", m->mtu,
			pmtu_result_str(r));
	}
	s->next_pmtu_ms = s->now_ms;
	return r == PMTU_CHANGED || r == PMTU_REFRESHED;
}

void
gw_sas_link_mtu(struct gw_sas *s, uint16_t mtu)
{
	pmtu_set_link(s->pmtu, mtu);
	for (uint32_t i = 0; i < s->d.tunnels->n_bindings; i++)
		follow_mtu(s, &s->d.tunnels->bindings[i]);
}

/* What IKE is told after a look. */
struct seen {
	uint32_t in_use[16];
	unsigned int n_in_use;
	uint32_t elsewhere; /* 0: none */
	struct ike_path path;
};

/* Good packets in UDP from elsewhere than IKE says: one is told in each turn, a NAT is not in a
 * hurry. */
static void
look_elsewhere(const struct gw_sas *s, const struct gw_child *c, struct seen *seen)
{
	struct ike_path path = c->path;

	if (!c->udp_encap || seen->elsewhere != 0 || s->now_ms < s->next_elsewhere_ms ||
		!gw_sa_in_elsewhere(c->in, &path.remote, &path.remote_port))
		return;
	seen->elsewhere = c->id;
	seen->path = path;
}

/* Inbound packets are evidence: to IKE that the peer uses the new SA, to ND that the next hop
 * works. */
static void
look_at(struct gw_sas *s, struct gw_child *c, struct seen *seen)
{
	struct gw_sa_stats st;

	if (c->in == NULL)
		return;
	look_elsewhere(s, c, seen);
	gw_sa_in_stats(c->in, &st);
	if (st.packets == c->confirmed_packets)
		return;
	if (!c->used) {
		if (seen->n_in_use == RTE_DIM(seen->in_use))
			return; /* at the next look */
		c->used = true;
		seen->in_use[seen->n_in_use++] = c->id;
	}
	c->confirmed_packets = st.packets;
	nd_confirm(s->d.nd, s->now_ms, &c->path.remote);
}

/* The engine may change the list: it is told afterwards. */
static void
look(struct gw_sas *s, struct ike *ike)
{
	struct seen seen = {0};
	struct gw_child *c = s->look_next;

	for (uint32_t n = RTE_MIN(s->n_children, LOOK_N); n > 0; n--) {
		if (c == NULL)
			c = LIST_FIRST(&s->children);
		look_at(s, c, &seen);
		c = LIST_NEXT(c, link);
	}
	s->look_next = c;
	for (unsigned int i = 0; i < seen.n_in_use; i++)
		ike_child_in_use(ike, seen.in_use[i], s->now_ms);
	if (seen.elsewhere != 0) {
		s->next_elsewhere_ms = s->now_ms + ELSEWHERE_MS;
		ike_child_elsewhere(ike, seen.elsewhere, &seen.path, s->now_ms);
	}
}

void
gw_sas_tick(struct gw_sas *s, struct ike *ike, uint64_t now_ms)
{
	s->now_ms = now_ms;
	if (now_ms >= s->next_look_ms) {
		look(s, ike);
		s->next_look_ms = now_ms + LOOK_MS;
	}
	if (now_ms >= s->next_pmtu_ms)
		s->next_pmtu_ms = pmtu_tick(s->pmtu, now_ms, mtu_raised, s);
}
