/* SPDX-License-Identifier: BSD-3-Clause */

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_ether.h>

#include "lib/pkt.h"

#include "ctl.h"
#include "ctl_balance.h"
#include "ctl_certs.h"
#include "ctl_host.h"
#include "ctl_ike.h"
#include "ctl_jobs.h"
#include "ctl_port.h"
#include "ctl_route.h"
#include "ctl_vici.h"
#include "log.h"
#include "resolver.h"
#include "updown.h"

/* Frames a round. Strangers' IKE_SA_INITs cost a Diffie-Hellman each: few. */
static const uint8_t budget[GW_EXCP_N] = {
	[GW_EXCP_ND] = 64,
	[GW_EXCP_IKE] = 16,
	[GW_EXCP_ICMP6] = 16,
	[GW_EXCP_HALF_OPEN] = 4,
	[GW_EXCP_INIT] = 2,
	[GW_EXCP_ESP] = 4,
};
#define BUDGET_MAX 64

#define SLEEP_MS   1
#define CARRIER_MS 500 /* between attempts to bring carriers up */
#define FDS_OWN    3
#define FDS_MAX    (FDS_OWN + GW_VICI_FDS_MAX)

/* How long workers get to send DELETEs before they are stopped. */
#define LAST_WORDS_MS 200

uint64_t
gw_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000 + 1;
}

static void
signals_of_ours(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
}

void
gw_ctl_block_signals(void)
{
	sigset_t set;

	signals_of_ours(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* ---- frames from workers ---- */

static void
input_icmp6(struct gw_ctl *c, const struct rte_mbuf *m, const uint8_t *frame, uint16_t l3_off,
	uint16_t l4_off)
{
	struct gw_nd nd;
	uint8_t src_mac[6];

	gw_nd_parse(frame + l3_off, m->data_len - (size_t)l3_off, (size_t)l4_off - l3_off, &nd);
	if (nd.type == GW_ND_BAD) {
		c->drops[GW_DROP_ICMP_BAD]++;
		return;
	}
	if (nd.type == GW_ND_TOO_BIG) {
		c->drops[GW_DROP_PTB_REFUSED] += !gw_sas_too_big(c->sas, &nd);
		return;
	}
	memcpy(src_mac, frame + RTE_ETHER_ADDR_LEN, sizeof(src_mac));
	nd_input(c->nd, c->now_ms, src_mac, &nd);
	c->nd_due_ms = 0;
}

static void
input_ike(struct gw_ctl *c, const struct rte_mbuf *m, const uint8_t *frame, uint16_t l3_off,
	uint16_t l4_off)
{
	struct ike_path path;
	size_t len;
	const uint8_t *msg = gw_ike_parse(
		frame + l3_off, m->data_len - (size_t)l3_off, (size_t)l4_off - l3_off, &path, &len);

	if (msg == NULL) {
		c->drops[GW_DROP_UDP_BAD]++;
		return;
	}
	ike_input(c->ike, &path, msg, len, c->now_ms);
}

/* ESP for an SPI that nobody has; */
static void
input_unknown(struct gw_ctl *c, const struct rte_mbuf *m, const uint8_t *frame, uint16_t l3_off,
	uint16_t l4_off)
{
	struct ike_path path = {.local_port = GW_IKE_PORT, .remote_port = GW_IKE_PORT};
	uint32_t spi;

	if (m->data_len < l4_off + sizeof(spi))
		return;
	memcpy(&path.remote, frame + l3_off + 8, sizeof(path.remote));
	memcpy(&path.local, frame + l3_off + 24, sizeof(path.local));
	memcpy(&spi, frame + l4_off, sizeof(spi));
	ike_unknown_spi(c->ike, &path, ntohl(spi), c->now_ms);
}

static unsigned int
pull(struct gw_ctl *c, enum gw_excp_class cls)
{
	struct rte_mbuf *m[BUDGET_MAX];
	unsigned int n = gw_excp_pull(c->plane->excp, cls, m, budget[cls]);

	for (unsigned int i = 0; i < n; i++) {
		const uint8_t *frame = rte_pktmbuf_mtod(m[i], const uint8_t *);
		uint16_t l3_off = gw_pkt(m[i])->l3_off, l4_off = gw_pkt(m[i])->l4_off;

		if (cls == GW_EXCP_ND || cls == GW_EXCP_ICMP6)
			input_icmp6(c, m[i], frame, l3_off, l4_off);
		else if (cls == GW_EXCP_ESP)
			input_unknown(c, m[i], frame, l3_off, l4_off);
		else
			input_ike(c, m[i], frame, l3_off, l4_off);
	}
	if (n > 0)
		rte_pktmbuf_free_bulk(m, n);
	return n;
}

/*
 * Strangers' requests pile up: an eighth of the ring. It is over when the ring is empty, so that a
 * flood does not switch it to and fro.
 */
static void
watch_strangers(struct gw_ctl *c)
{
	struct gw_excp_stats st;
	uint32_t depth;

	gw_excp_get_stats(c->plane->excp, &st);
	depth = st.depth[GW_EXCP_INIT];
	if (depth > 0 && depth < GW_EXCP_DEPTH / 8)
		return;
	if (c->pressed == (depth > 0))
		return;
	c->pressed = depth > 0;
	ike_set_pressure(c->ike, c->pressed);
}

/* ---- traffic that wants an SA ---- */

/* @param traffic  which wants it even if somebody has terminated it */
static void
acquire(struct gw_ctl *c, struct gw_tunif *tif, bool traffic)
{
	struct gw_binding *b = tif->binding;
	int rc;

	if (b == NULL || !b->trap || c->now_ms < b->not_before_ms)
		return;
	if (!traffic && ike_is_terminated(c->ike, b->conn, b->child))
		return;
	rc = ike_initiate(c->ike, b->conn->name, b->child->name, c->now_ms);
	if (rc < 0 && rc != -EALREADY) {
		gw_log(GW_LOG_WARN, "ctl", "%s: traffic wants %s, which cannot be initiated: %s",
			tif->t->name, b->child->name, strerror(-rc));
		gw_sas_failed(c->sas, b->conn, b->child);
	}
}

static void
acquires(struct gw_ctl *c)
{
	uint32_t seen = atomic_load_explicit(&c->plane->acquires, memory_order_acquire);

	if (seen == c->acquires_seen)
		return;
	c->acquires_seen = seen;
	for (uint32_t i = 0; i < c->tunnels->n_tunifs; i++) {
		struct gw_tunif *tif = &c->tunnels->tunifs[i];

		/* read first: what the worker counts is on the same cache line */
		if (!atomic_load_explicit(&tif->t->acquire, memory_order_relaxed))
			continue;
		atomic_store_explicit(&tif->t->acquire, false, memory_order_relaxed);
		acquire(c, tif, true);
	}
}

/* Without carrier the kernel sends nothing that could ask for an SA: these tunnels ask themselves.
 */
static void
raise_carriers(struct gw_ctl *c)
{
	if (c->now_ms < c->carrier_due_ms)
		return;
	c->carrier_due_ms = c->now_ms + CARRIER_MS;
	for (uint32_t i = 0; i < c->tunnels->n_tunifs; i++) {
		struct gw_tunif *tif = &c->tunnels->tunifs[i];

		if (tif->cfg->carrier == GW_CARRIER_SA && !tif->carrier)
			acquire(c, tif, false);
	}
}

/* ---- the round ---- */

static void
publish_local(struct gw_ctl *c)
{
	c->local_changed = false;
	gw_host_publish_local(c);
	if (nd_mtu(c->nd) != c->link_mtu) {
		c->link_mtu = nd_mtu(c->nd);
		gw_sas_link_mtu(c->sas, c->link_mtu);
	}
}

static void
updown_line(void *arg, const char *child, const char *text)
{
	gw_log(GW_LOG_INFO, "updown", "%s: %s", child, text);
}

static void
resolved(void *arg, uint32_t token, const struct in6_addr *addrs, unsigned int n, const char *why)
{
	struct gw_ctl *c = arg;

	ike_resolved(c->ike, token, addrs, n, why, c->now_ms);
}

static void
watch_ports(struct gw_ctl *c)
{
	enum gw_watch_state state = gw_watch_tick(c->watch, c->now_ms);
	bool paused = state != GW_WATCH_UP;

	if (c->paused && !paused)
		c->local_changed = true; /* the port has forgotten its multicast addresses */
	c->paused = paused;
	c->lost = state == GW_WATCH_LOST;
	c->stopping |= c->lost;
}

/* @return frames handled */
static unsigned int
round_once(struct gw_ctl *c)
{
	unsigned int n = 0;

	c->now_ms = gw_now_ms();
	watch_ports(c);
	gw_sas_tick(c->sas, c->ike, c->now_ms);
	watch_strangers(c);
	for (unsigned int cls = 0; cls < GW_EXCP_N; cls++)
		n += pull(c, cls);
	acquires(c);
	raise_carriers(c);
	if (c->now_ms >= c->nd_due_ms)
		c->nd_due_ms = nd_tick(c->nd, c->now_ms);
	resolver_poll(c->resolver, resolved, c);
	gw_certs_tick(c->certs, c->ike, c->now_ms);
	if (c->now_ms >= ike_due(c->ike))
		ike_tick(c->ike, c->now_ms);
	if (c->local_changed)
		publish_local(c);
	if (c->routes != NULL) {
		gw_routes_tick(c->routes, c->now_ms);
		gw_inside_tick(c->plane->inside, c->now_ms);
	}
	gw_rcu_poll(c->plane->rcu);
	if (c->balance != NULL)
		gw_balance_tick(c->balance, c->now_ms);
	gw_vici_tick(c->vici, c->now_ms);
	return n;
}

static void
read_signal(struct gw_ctl *c)
{
	struct signalfd_siginfo si;

	while (read(c->signal_fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		if (si.ssi_signo == SIGHUP) {
			gw_certs_reread(c->certs);
			continue;
		}
		gw_log(GW_LOG_INFO, "ctl", "%s: stopping", strsignal((int)si.ssi_signo));
		c->stopping = true;
	}
}

static void
jobs_done(struct gw_ctl *c)
{
	struct ike_job *job;

	while ((job = gw_jobs_pull(c->jobs)) != NULL)
		ike_job_done(job, c->now_ms);
}

static void
wait_fds(struct gw_ctl *c, int timeout_ms)
{
	struct pollfd fds[FDS_MAX] = {{.fd = c->signal_fd, .events = POLLIN}};
	int updown = c->updown != NULL ? updown_fd(c->updown) : -1;
	nfds_t n;

	fds[1] = (struct pollfd){.fd = updown, .events = POLLIN};
	fds[2] = (struct pollfd){.fd = gw_jobs_fd(c->jobs), .events = POLLIN};
	n = FDS_OWN + gw_vici_fds(c->vici, fds + FDS_OWN);
	if (poll(fds, n, timeout_ms) <= 0)
		return;
	if (fds[0].revents != 0)
		read_signal(c);
	if (fds[1].revents != 0)
		updown_poll(c->updown, updown_line, c);
	c->now_ms = gw_now_ms();
	if (fds[2].revents != 0)
		jobs_done(c);
	gw_vici_io(c->vici, fds + FDS_OWN, (unsigned int)(n - FDS_OWN));
}

int
gw_ctl_run(struct gw_ctl *c)
{
	ike_start(c->ike, c->now_ms);
	while (!c->stopping) {
		unsigned int n = round_once(c);

		wait_fds(c, n > 0 ? 0 : SLEEP_MS);
	}
	return c->lost ? -EIO : 0;
}

void
gw_ctl_shutdown(struct gw_ctl *c)
{
	uint64_t frames = c->frames_sent, datagrams = c->ike_sent, deadline;

	if (c->ike == NULL)
		return;
	gw_vici_destroy(c->vici);
	c->vici = NULL;
	c->now_ms = gw_now_ms();
	deadline = c->now_ms + LAST_WORDS_MS;
	ike_shutdown(c->ike, c->now_ms);
	/* a DELETE may wait for its next hop's address, and answers still have to be heard for
	 * that; what is in the ring is sent by gw_worker_stop() */
	while (c->frames_sent - frames < c->ike_sent - datagrams && c->now_ms < deadline) {
		rte_delay_us_sleep(1000);
		c->now_ms = gw_now_ms();
		pull(c, GW_EXCP_ND);
		c->nd_due_ms = nd_tick(c->nd, c->now_ms);
	}
}

int
gw_ctl_open(struct gw_ctl *c)
{
	sigset_t set;

	c->now_ms = c->start_ms = gw_now_ms();
	signals_of_ours(&set);
	c->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (c->signal_fd < 0)
		return -errno;
	if (c->plane->inside != NULL) {
		c->routes = gw_routes_create(c->plane->inside, c->tunnels);
		if (c->routes == NULL)
			return -EIO;
	}
	c->watch = gw_watch_create(
		c->port, c->plane->inside, c->tunnels, c->workers, c->plane->n_workers);
	return c->watch != NULL ? gw_host_open(c) : -ENOMEM;
}

void
gw_ctl_close(struct gw_ctl *c)
{
	gw_host_close(c);
	gw_routes_destroy(c->routes);
	c->routes = NULL;
	gw_watch_destroy(c->watch);
	c->watch = NULL;
	if (c->signal_fd >= 0)
		close(c->signal_fd);
	c->signal_fd = -1;
}
