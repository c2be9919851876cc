/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device that fails, by LD_PRELOAD into raclette: RESET_PORT is the ethdev, files in the folder
 * RESET_DIR are what befalls it.
 *
 *   dead     while it is there bursts give and take nothing; what resets the device removes it
 *   timer    its watchdog, which like ENA's is an rte_timer of whoever starts the port, raises
 * INTR_RESET; taken away burst    a worker raises it, out of its receive burst gone     likewise
 * INTR_RMV counted  as ENA's burst functions do: a counter goes up, and nobody says anything (with
 * RESET_ENA in the environment, which makes an ENA of the port as far as names go) fail     so many
 * resets fail
 *
 * A reset unmakes the ethdev and makes it anew, for that of af_packet, once stopped, does not start
 * again; nothing of what raclette has set survives it.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_devargs.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_timer.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define ALIVE      2 /* worker's looks at files, in milliseconds */

/* ethdev's for drivers: their header is not installed */
struct rte_eth_dev;
struct rte_eth_dev *rte_eth_dev_allocated(const char *name);
int rte_eth_dev_callback_process(struct rte_eth_dev *dev, enum rte_eth_event_type event, void *ret);

static struct {
	const char *dir, *port;
	uint16_t id;
	bool known;
	eth_rx_burst_t rx;
	eth_tx_burst_t tx;
	struct rte_timer watchdog;
	_Atomic(bool) dead;
	_Atomic(uint64_t) look_tsc, bad;
} g;

static const char *
path(const char *file, char *buf, size_t len)
{
	snprintf(buf, len, "%s/%s", g.dir, file);
	return buf;
}

static bool
is_there(const char *file)
{
	char buf[256];

	return access(path(file, buf, sizeof(buf)), F_OK) == 0;
}

static bool
take(const char *file)
{
	char buf[256];

	return unlink(path(file, buf, sizeof(buf))) == 0;
}

static void
raise_event(enum rte_eth_event_type event)
{
	rte_eth_dev_callback_process(rte_eth_dev_allocated(g.port), event, NULL);
}

static void
on_watchdog(struct rte_timer *timer, void *arg)
{
	(void)timer;
	(void)arg;
	if (rte_lcore_id() != rte_get_main_lcore())
		abort();
	if (take("timer"))
		raise_event(RTE_ETH_EVENT_INTR_RESET);
}

/* One worker at a time. */
static void
look(void)
{
	uint64_t now = rte_rdtsc(), due = g.look_tsc;

	if (now < due || !atomic_compare_exchange_strong(
				 &g.look_tsc, &due, now + rte_get_tsc_hz() / 1000 * ALIVE))
		return;
	g.dead = is_there("dead");
	if (take("counted"))
		g.bad++;
	if (take("burst"))
		raise_event(RTE_ETH_EVENT_INTR_RESET);
	if (take("gone"))
		raise_event(RTE_ETH_EVENT_INTR_RMV);
}

static uint16_t
rx(void *q, struct rte_mbuf **pkts, uint16_t n)
{
	look();
	return g.dead ? 0 : g.rx(q, pkts, n);
}

static uint16_t
tx(void *q, struct rte_mbuf **pkts, uint16_t n)
{
	return g.dead ? 0 : g.tx(q, pkts, n);
}

static bool
is_ours(uint16_t id)
{
	char name[RTE_ETH_NAME_MAX_LEN];

	if (g.known)
		return id == g.id;
	g.dir = getenv("RESET_DIR");
	g.port = getenv("RESET_PORT");
	if (g.dir == NULL || g.port == NULL || rte_eth_dev_get_name_by_port(id, name) != 0 ||
		strcmp(name, g.port) != 0)
		return false;
	g.id = id;
	g.known = true;
	rte_timer_init(&g.watchdog);
	return true;
}

int
rte_eth_dev_start(uint16_t id)
{
	struct rte_eth_fp_ops *ops = &rte_eth_fp_ops[id];
	int rc = REAL(rte_eth_dev_start)(id);

	if (rc != 0 || !is_ours(id))
		return rc;
	g.rx = ops->rx_pkt_burst;
	g.tx = ops->tx_pkt_burst;
	ops->rx_pkt_burst = rx;
	ops->tx_pkt_burst = tx;
	return rte_timer_reset(
		&g.watchdog, rte_get_timer_hz(), PERIODICAL, rte_lcore_id(), on_watchdog, NULL);
}

int
rte_eth_dev_stop(uint16_t id)
{
	if (is_ours(id))
		rte_timer_stop_sync(&g.watchdog);
	return REAL(rte_eth_dev_stop)(id);
}

static bool
shall_fail(void)
{
	char buf[256];
	FILE *f = fopen(path("fail", buf, sizeof(buf)), "r+e");
	int n = 0;

	if (f == NULL)
		return false;
	if (fscanf(f, "%d", &n) == 1 && n > 0) {
		rewind(f);
		fprintf(f, "%d\n", n - 1);
	}
	fclose(f);
	return n > 0;
}

static void
must(bool so, const char *what)
{
	if (so)
		return;
	fprintf(stderr, "reset_shim: %s\n", what);
	abort();
}

int
rte_eth_dev_reset(uint16_t id)
{
	const struct rte_devargs *devargs;
	struct rte_eth_dev_info info;
	char args[512];
	uint16_t now;

	if (!is_ours(id))
		return REAL(rte_eth_dev_reset)(id);
	for (unsigned int i = 0; i < RTE_MAX_LCORE; i++)
		must(!rte_lcore_is_enabled(i) || i == rte_get_main_lcore() ||
				rte_eal_get_lcore_state(i) == WAIT,
			"a worker runs");
	if (shall_fail())
		return -EIO;
	must(REAL(rte_eth_dev_info_get)(id, &info) == 0, "no device");
	devargs = rte_dev_devargs(info.device);
	must(devargs != NULL, "no arguments");
	snprintf(args, sizeof(args), "%s", devargs->args);
	rte_eth_dev_stop(id);
	must(rte_eal_hotplug_remove("vdev", g.port) == 0, "it is not removed");
	must(rte_eal_hotplug_add("vdev", g.port, args) == 0, "it is not made");
	must(rte_eth_dev_get_port_by_name(g.port, &now) == 0 && now == id, "it is another port");
	take("dead");
	g.dead = false;
	g.bad = 0;
	return 0;
}

/* ---- an ENA's counters ---- */

static const char *const names[] = {"rx_good_packets", "rx_q0_bad_desc_num", "tx_q0_bad_req_id"};

static bool
is_ena(uint16_t id)
{
	return getenv("RESET_ENA") != NULL && is_ours(id);
}

int
rte_eth_dev_info_get(uint16_t id, struct rte_eth_dev_info *info)
{
	int rc = REAL(rte_eth_dev_info_get)(id, info);

	if (rc == 0 && is_ena(id))
		info->driver_name = "net_ena";
	return rc;
}

int
rte_eth_xstats_get_names(uint16_t id, struct rte_eth_xstat_name *list, unsigned int size)
{
	if (!is_ena(id))
		return REAL(rte_eth_xstats_get_names)(id, list, size);
	for (unsigned int i = 0; size >= RTE_DIM(names) && i < RTE_DIM(names); i++)
		snprintf(list[i].name, sizeof(list[i].name), "%s", names[i]);
	return RTE_DIM(names);
}

int
rte_eth_xstats_get_by_id(uint16_t id, const uint64_t *ids, uint64_t *values, unsigned int size)
{
	if (!is_ena(id))
		return REAL(rte_eth_xstats_get_by_id)(id, ids, values, size);
	for (unsigned int i = 0; i < size; i++)
		values[i] = ids[i] == 0 ? rte_rdtsc() : ids[i] == 1 ? g.bad : 7;
	return (int)size;
}
