/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_ethdev.h>

#include "lib/classify.h"
#include "lib/early.h"
#include "lib/excp.h"
#include "lib/netif.h"
#include "lib/pkt.h"
#include "lib/rcu.h"
#include "lib/sadb.h"

#include "cfg_machine.h"
#include "ctl.h"
#include "ctl_certs.h"
#include "eal.h"
#include "guard.h"
#include "inside.h"
#include "log.h"
#include "notify.h"
#include "port.h"
#include "run.h"
#include "updown.h"
#include "vdev.h"
#include "worker.h"

#define POOL_MBUFS   16383 /* port rings, bursts, rings to control, reassembly; holds come on top */
#define WORKER_MBUFS 4096  /* of each worker more: queues, bursts, what others pass to it */
#define WIRE_MBUFS   2048  /* rings of a hand-off port or the inside port */
#define SADB_SLOTS   65536
#define IKE_SPIS     16384
#define LINK_WAIT_MS 3000
#define BASE_MB      96 /* everything but packets, tunnels and further workers */
#define WORKER_MB    8  /* of each worker more: crypto, reassembly, rings */
#define VUSER_MB     1  /* a virtio-user port: rings of 1024, room for a super-packet */
#define TUNNEL_KB                                                                                  \
	12 /* a tunnel, its SA pair with the largest window, and one more while it is rekeyed */

/* What runs; zero is "not made yet", so that take_down() serves a failed start as well. */
struct gw {
	const struct gw_cfg *cfg;
	struct gw_eal eal;
	bool eal_up;
	struct gw_netif *netif;
	struct gw_port port;
	struct gw_plane plane;
	struct gw_tunnels *tunnels;
	struct gw_worker *workers[GW_WORKERS_MAX];
	unsigned int n_started;
	struct gw_ctl ctl;
};

struct updown *
gw_run_helper(void)
{
	struct updown *u = updown_start();

	if (u == NULL)
		gw_log(GW_LOG_WARN, "updown", "no helper: %s: commands will not be run",
			strerror(errno));
	return u;
}

void
gw_run_helper_stop(struct updown *updown)
{
	updown_stop(updown);
}

/* What came in fragments is put together in one buffer, and is longer than the port's frames. */
static unsigned int
frame_max(const struct gw_cfg *cfg)
{
	unsigned int whole = RTE_MAX((unsigned int)GW_REASS_LEN, cfg->outside.mtu + GW_REASS_OUTER);
	unsigned int max = RTE_MAX(
		gw_port_frame_max(cfg->outside.port, cfg->outside.mtu), whole + GW_EXT_BYTES_MAX);

	if (cfg->inside.port[0] != '\0')
		max = RTE_MAX(max, gw_port_frame_max(cfg->inside.port, cfg->inside.mtu));
	for (unsigned int i = 0; i < cfg->n_tunnels; i++) {
		if (cfg->tunnels[i].handoff == GW_HANDOFF_WIRE)
			max = RTE_MAX(max,
				gw_port_frame_max(cfg->tunnels[i].handoff_port, cfg->outside.mtu));
	}
	return max;
}

static unsigned int
n_mbufs(const struct gw_cfg *cfg)
{
	unsigned int more = gw_eal_n_workers(cfg) - 1;
	unsigned int n = POOL_MBUFS + GW_EARLY_MAX + more * (WORKER_MBUFS + GW_EARLY_MAX);

	if (cfg->inside.port[0] != '\0')
		n += WIRE_MBUFS;
	for (unsigned int i = 0; i < cfg->n_tunnels; i++) {
		n += cfg->tunnels[i].hold;
		if (cfg->tunnels[i].handoff == GW_HANDOFF_VIRTIO_USER)
			n += GW_VUSER_MBUFS;
		else if (gw_tunnel_cfg_has_port(&cfg->tunnels[i]))
			n += WIRE_MBUFS;
	}
	return n;
}

static unsigned int
memory_mb(const struct gw_cfg *cfg)
{
	unsigned int mbuf = frame_max(cfg) + GW_PKT_HEADROOM + GW_PKT_TAILROOM + 512;
	unsigned int base = BASE_MB + (cfg->inside.port[0] != '\0' ? GW_FIB_MB : 0);

	for (unsigned int i = 0; i < cfg->n_tunnels; i++)
		base += cfg->tunnels[i].handoff == GW_HANDOFF_VIRTIO_USER ? VUSER_MB : 0;
	return base + (gw_eal_n_workers(cfg) - 1) * WORKER_MB +
	       (unsigned int)(((uint64_t)mbuf * n_mbufs(cfg)) >> 20) +
	       ((unsigned int)cfg->n_tunnels * TUNNEL_KB >> 10);
}

/* First of all: a start that fails, or takes its time, leads nothing elsewhere. */
static int
guard(struct gw *gw)
{
	gw->netif = gw_netif_open();
	if (gw->netif == NULL) {
		gw_log(GW_LOG_ERROR, "run", "rtnetlink: %s", strerror(errno));
		return -errno;
	}
	return gw_guard_lay(gw->cfg, gw->netif);
}

static int
no_memory(const char *what)
{
	gw_log(GW_LOG_ERROR, "run", "%s: %s", what, rte_strerror(rte_errno));
	return rte_errno != 0 ? -rte_errno : -ENOMEM;
}

static int
make_plane(struct gw *gw)
{
	struct gw_plane *p = &gw->plane;

	p->socket = (int)rte_socket_id();
	p->busy = gw->cfg->poll == GW_POLL_BUSY;
	p->port = &gw->port;
	p->pool = gw_pkt_pool_create("packets", n_mbufs(gw->cfg), frame_max(gw->cfg), p->socket);
	if (p->pool == NULL)
		return no_memory("packet pool");
	p->sadb = gw_sadb_create(SADB_SLOTS, p->socket);
	p->excp = gw_excp_create(GW_EXCP_DEPTH, p->socket);
	p->spis = gw_spiset_create(IKE_SPIS, p->socket);
	p->half_open = gw_spiset_create(IKE_SPIS, p->socket);
	p->n_workers = gw->eal.n_workers;
	p->fwd_worker = p->n_workers - 1;
	p->rcu = gw_rcu_create(p->n_workers, p->socket);
	if (p->n_workers > 1) {
		p->pass = gw_pass_create(p->n_workers, GW_PASS_DEPTH, p->socket);
		if (p->pass == NULL)
			return no_memory("rings between workers");
		p->offers = gw_offer_create(p->n_workers * GW_OFFER_N, p->socket);
		if (p->offers == NULL)
			return no_memory("batches between workers");
	}
	if (p->sadb == NULL || p->excp == NULL || p->spis == NULL || p->half_open == NULL ||
		p->rcu == NULL)
		return no_memory("data plane");
	return 0;
}

static int
make_port(struct gw *gw)
{
	int rc = gw_port_open(
		&gw->port, &gw->cfg->outside, gw->eal.n_workers, gw->plane.pool, gw->netif);

	if (rc == 0 && !gw_port_link_wait(&gw->port, LINK_WAIT_MS))
		gw_log(GW_LOG_WARN, "port", "%s: no link yet", gw->port.name);
	return rc;
}

/* A TUN needs a descriptor: take as many as we may have; open() will tell if they are too few. */
static void
raise_descriptors(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0 || lim.rlim_cur == lim.rlim_max)
		return;
	lim.rlim_cur = lim.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &lim) < 0)
		gw_log(GW_LOG_WARN, "run", "limit of open files: %s", strerror(errno));
}

static int
make_inside(struct gw *gw)
{
	struct gw_plane *p = &gw->plane;

	if (gw->cfg->inside.port[0] == '\0')
		return 0;
	p->inside = gw_inside_open(&gw->cfg->inside, p->pool, p->rcu, gw->netif, p->socket);
	return p->inside != NULL ? 0 : -EIO;
}

static int
make_tunnels(struct gw *gw)
{
	raise_descriptors();
	gw->tunnels = gw_tunnels_create(
		gw->cfg, gw->netif, gw->plane.pool, gw->plane.n_workers, gw->plane.socket);
	if (gw->tunnels == NULL)
		return -EIO;
	gw->plane.tunnels = gw->tunnels->tunnels;
	gw->plane.n_tunnels = gw->tunnels->n_tunifs;
	return 0;
}

static int
make_control(struct gw *gw, struct updown *updown)
{
	gw->ctl.port = &gw->port;
	gw->ctl.tunnels = gw->tunnels;
	gw->ctl.workers = gw->workers;
	gw->ctl.updown = updown;
	gw->ctl.spare_cpus = &gw->eal.spare;
	return gw_ctl_open(&gw->ctl);
}

static int
start_workers(struct gw *gw)
{
	for (unsigned int i = 0; i < gw->eal.n_workers; i++) {
		gw->workers[i] = gw_worker_create(&gw->plane, i);
		if (gw->workers[i] == NULL)
			return -EIO;
	}
	for (unsigned int i = 0; i < gw->eal.n_workers; i++) {
		int rc = gw_worker_start(gw->workers[i], gw->eal.worker_lcore[i]);

		if (rc < 0)
			return rc;
		gw->n_started++;
	}
	return 0;
}

/* Everything that took packets has given them back by now. */
static void
check_pool(struct rte_mempool *pool)
{
	unsigned int missing = rte_mempool_in_use_count(pool);

	if (missing > 0)
		gw_log(GW_LOG_WARN, "run", "%u packet buffers did not come back", missing);
	else
		gw_log(GW_LOG_INFO, "run", "stopped, all packet buffers are back");
}

/* Last made, first gone. Interfaces go after the workers that write to them; what was routed there
 * then meets the guard routes, which stay. */
static void
take_down(struct gw *gw)
{
	struct gw_plane *p = &gw->plane;

	gw_ctl_shutdown(&gw->ctl);
	for (unsigned int i = 0; i < gw->n_started; i++)
		gw_worker_stop(gw->workers[i]);
	gw_ctl_close(&gw->ctl);
	for (unsigned int i = 0; i < gw->eal.n_workers; i++)
		gw_worker_destroy(gw->workers[i]);
	gw_inside_close(p->inside);
	gw_tunnels_destroy(gw->tunnels);
	gw_port_close(&gw->port);
	gw_rcu_destroy(p->rcu);
	gw_pass_destroy(p->pass);
	gw_offer_destroy(p->offers, p->n_workers * GW_OFFER_N);
	gw_inside_destroy(p->inside);
	gw_excp_destroy(p->excp);
	gw_spiset_destroy(p->spis);
	gw_spiset_destroy(p->half_open);
	gw_sadb_destroy(p->sadb);
	if (p->pool != NULL)
		check_pool(p->pool);
	rte_mempool_free(p->pool);
	if (gw->netif != NULL)
		gw_netif_close(gw->netif);
	if (gw->eal_up)
		gw_eal_fini();
}

/* DPDK would answer with all of its options. */
static int
check_machine(const struct gw_cfg *cfg)
{
	struct conf_error err;
	int rc = cfg_machine_check(cfg, &err);

	if (rc < 0)
		gw_log(GW_LOG_ERROR, "config", "%s:%u: %s", err.file, err.line, err.msg);
	return rc;
}

/* Without it systemd would wait: it has to be seen why. */
static void
tell(const char *state)
{
	int rc = gw_notify(state);

	if (rc < 0)
		gw_log(GW_LOG_WARN, "run", "NOTIFY_SOCKET: %s: %s", state, strerror(-rc));
}

int
gw_run(struct gw_cfg *cfg, const char *path, struct updown *updown, bool telemetry)
{
	struct gw *gw = calloc(1, sizeof(*gw));
	int rc;

	if (gw == NULL)
		return -ENOMEM;
	gw->cfg = cfg;
	gw->ctl.cfg = cfg;
	gw->ctl.certs = gw_certs_create(cfg, path);
	if (gw->ctl.certs == NULL) {
		free(gw);
		return -ENOMEM;
	}
	gw->ctl.plane = &gw->plane;
	gw->ctl.signal_fd = -1;
	gw_ctl_block_signals();
	rc = guard(gw);
	if (rc == 0)
		rc = check_machine(cfg);
	if (rc == 0)
		rc = gw_log_take_dpdk();
	if (rc == 0)
		rc = gw_eal_init(cfg, telemetry, memory_mb(cfg), &gw->eal);
	gw->eal_up = rc == 0;
	if (rc == 0)
		rc = make_plane(gw);
	if (rc == 0)
		rc = make_port(gw);
	if (rc == 0)
		rc = make_inside(gw);
	if (rc == 0)
		rc = make_tunnels(gw);
	if (rc == 0)
		rc = make_control(gw, updown);
	if (rc == 0)
		rc = start_workers(gw);
	if (rc == 0) {
		gw_log(GW_LOG_INFO, "run",
			"raclette " GW_VERSION " runs: %u tunnels, %u worker%s, up to %u MB of %s",
			gw->plane.n_tunnels, gw->plane.n_workers,
			gw->plane.n_workers > 1 ? "s" : "", memory_mb(cfg),
			gw->eal.hugepages ? "huge pages" : "normal memory");
		tell("READY=1");
		rc = gw_ctl_run(&gw->ctl);
		tell("STOPPING=1");
	}
	take_down(gw);
	gw_certs_destroy(gw->ctl.certs);
	free(gw);
	return rc;
}
