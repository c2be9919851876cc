/* SPDX-License-Identifier: BSD-3-Clause */

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>

#include "lib/excp.h"
#include "lib/rcu.h"

#include "ctl_balance.h"
#include "ctl_host.h"
#include "ctl_ike.h"
#include "ctl_jobs.h"
#include "ctl_vici.h"
#include "log.h"
#include "port.h"
#include "resolver.h"

/* How long control waits for room among the frames to be sent, before it drops one. */
#define TX_WAIT_US 2000
#define TX_STEP_US 50

static void
fill_random(void *arg, void *buf, size_t len)
{
	uint8_t *p = buf;

	while (len > 0) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			/* nothing may be negotiated with what is not random */
			gw_log(GW_LOG_ERROR, "ctl", "getrandom: %s", strerror(errno));
			abort();
		}
		p += n;
		len -= (size_t)n;
	}
}

/* ---- struct nd_ops ---- */

/** Thousands of SAs that start or end at once outrun the ring, which the workers empty in no time.
 */
static void
wait_for_room(const struct gw_excp *x)
{
	for (unsigned int us = 0; us < TX_WAIT_US && gw_excp_tx_is_full(x); us += TX_STEP_US)
		rte_delay_us_sleep(TX_STEP_US);
}

static void
nd_send_frame(void *arg, const uint8_t *frame, size_t len)
{
	struct gw_ctl *c = arg;
	struct rte_mbuf *m = rte_pktmbuf_alloc(c->plane->pool);
	char *p;

	if (m == NULL)
		return;
	p = rte_pktmbuf_append(m, (uint16_t)len);
	if (p != NULL)
		memcpy(p, frame, len);
	if (!c->paused)
		wait_for_room(c->plane->excp);
	if (p == NULL || !gw_excp_tx_push(c->plane->excp, m))
		rte_pktmbuf_free(m);
	else
		c->frames_sent++;
}

static void
nd_publish(void *arg, struct gw_nexthop *nh, const struct gw_l2hdr *l2)
{
	struct gw_ctl *c = arg;
	struct gw_l2hdr *copy = NULL;
	const struct gw_l2hdr *old;

	if (l2 != NULL) {
		copy = malloc(sizeof(*copy));
		if (copy == NULL)
			return; /* the old one stays: neighbour discovery will come back */
		*copy = *l2;
	}
	old = atomic_exchange_explicit(&nh->l2, copy, memory_order_acq_rel);
	if (old != NULL)
		gw_rcu_retire(c->plane->rcu, free, (void *)(uintptr_t)old);
}

static void
nd_event(void *arg, const struct nd_event *ev)
{
	struct gw_ctl *c = arg;

	(void)ev; /* neighbour discovery logs what happened itself */
	c->local_changed = true;
}

static void
nd_log(void *arg, enum nd_log_level level, const char *msg)
{
	gw_log((enum gw_log_level)level, "nd", "%s", msg);
}

static uint32_t
nd_random(void *arg)
{
	uint32_t r;

	fill_random(arg, &r, sizeof(r));
	return r;
}

void
gw_host_publish_local(struct gw_ctl *c)
{
	struct gw_local *local = malloc(sizeof(*local));
	const struct gw_local *old;
	uint8_t macs[GW_PORT_MCAST_MAX][6];

	if (local == NULL) {
		c->local_changed = true; /* again in the next round */
		return;
	}
	nd_local(c->nd, local);
	old = atomic_exchange_explicit(&c->plane->local, local, memory_order_acq_rel);
	if (old != NULL)
		gw_rcu_retire(c->plane->rcu, free, (void *)(uintptr_t)old);
	gw_port_set_mcast(c->port, macs, nd_mcast_macs(c->nd, macs, GW_PORT_MCAST_MAX));
}

/* ---- struct ike_host ---- */

#define UNSENT_LOG_MS 1000

struct send_ctx {
	struct gw_ctl *c;
	const struct ike_path *path;
};

static int
send_packet(void *arg, const uint8_t *ip6, size_t len)
{
	const struct send_ctx *ctx = arg;

	return nd_send(ctx->c->nd, ctx->c->now_ms, ip6, len);
}

static void
host_send(void *arg, const struct ike_path *path, const uint8_t *buf, size_t len)
{
	struct gw_ctl *c = arg;
	struct send_ctx ctx = {.c = c, .path = path};
	char text[INET6_ADDRSTRLEN];
	int rc;

	rc = gw_ike_build(path, buf, len, gw_sas_path_mtu(c->sas, &path->remote), nd_random(c),
		send_packet, &ctx);
	c->ike_sent += rc == 0;
	c->nd_due_ms = 0;
	/* strangers can have us answer where no answer goes */
	if (rc < 0 && c->now_ms >= c->unsent_log_ms) {
		c->unsent_log_ms = c->now_ms + UNSENT_LOG_MS;
		gw_log(GW_LOG_WARN, "ike", "datagram to %s not sent: %s",
			inet_ntop(AF_INET6, &path->remote, text, sizeof(text)), strerror(-rc));
	}
}

static uint16_t
host_path_mtu(void *arg, const struct in6_addr *remote)
{
	return gw_sas_path_mtu(((struct gw_ctl *)arg)->sas, remote);
}

static void
host_keepalive(void *arg, const struct ike_path *path)
{
	struct gw_ctl *c = arg;
	struct send_ctx ctx = {.c = c, .path = path};

	/* what cannot be sent now is sent in its next turn */
	gw_ike_keepalive(path, send_packet, &ctx);
	c->nd_due_ms = 0;
}

static bool
in_ranges(const struct in6_addr *addr, const struct ike_range *ranges, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		if (memcmp(addr, &ranges[i].from, sizeof(*addr)) >= 0 &&
			memcmp(addr, &ranges[i].to, sizeof(*addr)) <= 0)
			return true;
	}
	return n == 0;
}

static bool
same_network(const struct gw_prefix *p, const struct in6_addr *addr)
{
	unsigned int bytes = p->bits / 8, bits = p->bits % 8;

	if (memcmp(p->addr, addr->s6_addr, bytes) != 0)
		return false;
	return bits == 0 || ((p->addr[bytes] ^ addr->s6_addr[bytes]) >> (8 - bits)) == 0;
}

/* The first allowed address on the remote's own network, else the first allowed one. */
static void
host_resolve(void *arg, uint32_t token, const char *name)
{
	struct gw_ctl *c = arg;
	int rc = resolver_ask(c->resolver, token, name);

	/* the engine asks again by itself */
	if (rc < 0)
		gw_log(GW_LOG_ERROR, "ike", "%s cannot be looked up: %s", name, strerror(-rc));
}

static int
host_local_addr(void *arg, const struct in6_addr *remote, const struct ike_range *allowed,
	unsigned int n_allowed, struct in6_addr *local)
{
	const struct gw_ctl *c = arg;
	const struct gw_outside_cfg *out = &c->cfg->outside;
	bool found = false;

	for (unsigned int i = 0; i < out->n_addrs; i++) {
		enum nd_addr_state state;
		struct in6_addr addr;

		memcpy(&addr, out->addrs[i].addr, sizeof(addr));
		if (!in_ranges(&addr, allowed, n_allowed) || !nd_addr_state(c->nd, &addr, &state) ||
			state == ND_ADDR_DUPLICATE)
			continue;
		if (!found)
			*local = addr;
		found = true;
		if (same_network(&out->addrs[i], remote)) {
			*local = addr;
			break;
		}
	}
	return found ? 0 : -EADDRNOTAVAIL;
}

static uint32_t
host_spi_alloc(void *arg)
{
	return gw_sas_spi_alloc(((struct gw_ctl *)arg)->sas);
}

static void
host_spi_free(void *arg, uint32_t spi)
{
	gw_sas_spi_free(((struct gw_ctl *)arg)->sas, spi);
}

static void
host_ike_spi(void *arg, uint64_t spi, enum ike_spi_use before, enum ike_spi_use now)
{
	const struct gw_plane *p = ((struct gw_ctl *)arg)->plane;
	struct gw_spiset *const sets[IKE_SPI_USES] = {
		[IKE_SPI_STRANGER] = p->half_open, [IKE_SPI_PEER] = p->spis};

	/* into the new one first: workers look while we write */
	if (sets[now] != NULL && !gw_spiset_add(sets[now], spi))
		gw_log(GW_LOG_DEBUG, "ike", "SPI set is full: this SA shares the strangers' ring");
	if (sets[before] != NULL)
		gw_spiset_del(sets[before], spi);
}

static int
host_child_add(void *arg, const struct ike_child_sa *sa)
{
	return gw_sas_child_add(((struct gw_ctl *)arg)->sas, sa);
}

static void
host_child_use_out(void *arg, uint32_t child_id)
{
	gw_sas_child_use_out(((struct gw_ctl *)arg)->sas, child_id);
}

static void
host_child_path(void *arg, uint32_t child_id, const struct ike_path *path, bool udp_encap)
{
	gw_sas_child_path(((struct gw_ctl *)arg)->sas, child_id, path, udp_encap);
}

static void
host_child_del(void *arg, uint32_t child_id, bool in, bool out)
{
	gw_sas_child_del(((struct gw_ctl *)arg)->sas, child_id, in, out);
}

static int
host_child_stats(void *arg, uint32_t child_id, struct ike_child_stats *st)
{
	return gw_sas_child_stats(((struct gw_ctl *)arg)->sas, child_id, st);
}

static void
host_trap(void *arg, const struct ike_conn_cfg *conn, const struct ike_child_cfg *child)
{
	const struct gw_ctl *c = arg;
	struct gw_binding *b = gw_tunnels_binding(c->tunnels, conn, child);

	if (b != NULL)
		b->trap = true;
}

static void
host_event(void *arg, const struct ike_event *ev)
{
	struct gw_ctl *c = arg;

	if (ev->type == IKE_EV_CHILD_UP)
		gw_sas_updown(c->sas, ev->child_id, true);
	else if (ev->type == IKE_EV_CHILD_DOWN)
		gw_sas_updown(c->sas, ev->child_id, false);
	else if (ev->type == IKE_EV_CHILD_FAILED)
		gw_sas_failed(c->sas, ev->conn, ev->child);
	if (c->vici != NULL)
		gw_vici_event(c->vici, ev);
}

static void
host_log(void *arg, enum ike_log_level level, const char *group, const char *name, const char *msg)
{
	gw_log((enum gw_log_level)level, "ike", "%s%s%s: %s", name != NULL ? name : "",
		name != NULL ? " " : "", group, msg);
}

/* ---- wiring ---- */

static int
open_nd(struct gw_ctl *c)
{
	const struct gw_outside_cfg *out = &c->cfg->outside;
	struct nd_cfg cfg = {
		.vlan = c->port->vlan,
		.mtu = c->port->mtu,
		.router_auto = out->router_auto,
		.router = out->router,
		.n_addrs = out->n_addrs < ND_ADDRS_MAX ? out->n_addrs : ND_ADDRS_MAX,
	};
	const struct nd_ops ops = {
		.arg = c,
		.send = nd_send_frame,
		.publish = nd_publish,
		.event = nd_event,
		.log = nd_log,
		.random = nd_random,
	};

	memcpy(cfg.mac, c->port->mac.addr_bytes, sizeof(cfg.mac));
	memcpy(cfg.addrs, out->addrs, cfg.n_addrs * sizeof(cfg.addrs[0]));
	c->nd = nd_create(&cfg, &ops, c->now_ms);
	if (c->nd == NULL) {
		gw_log(GW_LOG_ERROR, "nd", "%s", strerror(errno));
		return -errno;
	}
	c->link_mtu = nd_mtu(c->nd);
	gw_host_publish_local(c);
	return 0;
}

/* Handing over costs two wake-ups; below this it is faster, and not worse for others, to do it
 * here. */
#define OFFLOAD_US 150

static enum ike_offload
host_offload(void *arg, struct ike_job *job, bool stranger, uint32_t cost_us)
{
	struct gw_ctl *c = arg;

	if (cost_us < OFFLOAD_US)
		return IKE_OFFLOAD_INLINE;
	if (gw_jobs_push(c->jobs, job, stranger))
		return IKE_OFFLOAD_TAKEN;
	return stranger ? IKE_OFFLOAD_FULL : IKE_OFFLOAD_INLINE;
}

static int
open_ike(struct gw_ctl *c)
{
	struct gw_sas_deps deps = {
		.cfg = c->cfg,
		.plane = c->plane,
		.tunnels = c->tunnels,
		.nd = c->nd,
		.updown = c->updown,
	};
	const struct ike_host host = {
		.arg = c,
		.send = host_send,
		.random = fill_random,
		.resolve = host_resolve,
		.local_addr = host_local_addr,
		.path_mtu = host_path_mtu,
		.keepalive = host_keepalive,
		.spi_alloc = host_spi_alloc,
		.spi_free = host_spi_free,
		.ike_spi = host_ike_spi,
		.child_add = host_child_add,
		.child_use_out = host_child_use_out,
		.child_path = host_child_path,
		.child_del = host_child_del,
		.child_stats = host_child_stats,
		.offload = host_offload,
		.trap = host_trap,
		.event = host_event,
		.log = host_log,
	};

	if (c->plane->n_workers > 1) {
		c->balance = gw_balance_create(c->plane, c->tunnels, c->workers);
		if (c->balance == NULL)
			return -ENOMEM;
		deps.balance = c->balance;
	}
	c->jobs = gw_jobs_create(c->spare_cpus, ike_job_run);
	if (c->jobs == NULL) {
		gw_log(GW_LOG_ERROR, "ike", "the job thread: %s", strerror(errno));
		return -errno;
	}
	c->sas = gw_sas_create(&deps, c->now_ms);
	c->resolver = resolver_create();
	if (c->sas != NULL && c->resolver != NULL)
		c->ike = ike_create(&host, &c->cfg->ike, c->now_ms);
	if (c->ike == NULL) {
		gw_log(GW_LOG_ERROR, "ike", "out of memory");
		return -ENOMEM;
	}
	return 0;
}

int
gw_host_open(struct gw_ctl *c)
{
	int rc = open_nd(c);

	if (rc == 0)
		rc = open_ike(c);
	if (rc == 0)
		c->vici = gw_vici_create(c, &rc);
	return rc;
}

/* Jobs under way outlive the engine; they are freed by being given back. */
static void
close_jobs(struct gw_ctl *c)
{
	struct ike_job *job;

	if (c->jobs == NULL)
		return;
	gw_jobs_stop(c->jobs);
	while ((job = gw_jobs_pull(c->jobs)) != NULL)
		ike_job_done(job, c->now_ms);
	gw_jobs_destroy(c->jobs);
	c->jobs = NULL;
}

void
gw_host_close(struct gw_ctl *c)
{
	const struct gw_local *local;

	gw_vici_destroy(c->vici);
	ike_destroy(c->ike);
	close_jobs(c);
	resolver_destroy(c->resolver);
	gw_sas_destroy(c->sas);
	gw_balance_destroy(c->balance);
	nd_destroy(c->nd);
	local = atomic_exchange(&c->plane->local, NULL);
	free((void *)(uintptr_t)local);
	c->vici = NULL;
	c->ike = NULL;
	c->sas = NULL;
	c->balance = NULL;
	c->nd = NULL;
}
