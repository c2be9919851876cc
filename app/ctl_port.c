/* SPDX-License-Identifier: BSD-3-Clause */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_timer.h>

#include "ctl.h"
#include "ctl_port.h"
#include "log.h"

#define TIMER_MS 1000 /* as ENA's README wants it */
#define TRIES    5
#define TRY_MS   1000 /* between two */

struct gw_watch {
	struct gw_worker **workers;
	unsigned int n_workers;
	unsigned int n_ports;
	struct gw_port *ports[RTE_MAX_ETHPORTS];
	enum gw_watch_state state;
	unsigned int tries;
	uint64_t timer_due_ms, try_due_ms, since_ms;
};

static void
add(struct gw_watch *w, struct gw_port *port)
{
	if (port->started && w->n_ports < RTE_DIM(w->ports))
		w->ports[w->n_ports++] = port;
}

struct gw_watch *
gw_watch_create(struct gw_port *outside, struct gw_inside *inside, struct gw_tunnels *tunnels,
	struct gw_worker **workers, unsigned int n_workers)
{
	struct gw_watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->workers = workers;
	w->n_workers = n_workers;
	add(w, outside);
	if (inside != NULL)
		add(w, &inside->port);
	for (uint32_t i = 0; i < tunnels->n_tunifs; i++)
		add(w, &tunnels->tunifs[i].port);
	return w;
}

void
gw_watch_destroy(struct gw_watch *w)
{
	free(w);
}

/*
 * ENA arms its watchdog, an rte_timer, in rte_eth_dev_start(), for the lcore that calls it; as
 * of 22.11 no other driver of ours to be has one. Ports are started by control, first and after a
 * reset, which is the main lcore, 0 (eal.c), so here is where it fires. Its callback may find the
 * fault, and gw_port_faults() has it in the same round.
 */
static void
run_timers(struct gw_watch *w, uint64_t now_ms)
{
	if (now_ms < w->timer_due_ms)
		return;
	w->timer_due_ms = now_ms + TIMER_MS;
	rte_timer_manage();
	for (unsigned int i = 0; i < w->n_ports; i++)
		gw_port_look(w->ports[i]);
}

/* They leave the ports alone, until they are resumed. */
static void
pause_workers(struct gw_watch *w, uint64_t now_ms)
{
	if (w->state != GW_WATCH_UP)
		return;
	for (unsigned int i = 0; i < w->n_workers; i++)
		gw_worker_pause(w->workers[i]);
	w->state = GW_WATCH_DOWN;
	w->since_ms = w->try_due_ms = now_ms;
	w->tries = 0;
}

static void
lose(struct gw_watch *w, const struct gw_port *port, const char *why)
{
	w->state = GW_WATCH_LOST;
	gw_log(GW_LOG_ERROR, "port", "%s: %s: stopping, to be started anew", port->name, why);
}

static void
take_faults(struct gw_watch *w, uint64_t now_ms)
{
	for (unsigned int i = 0; i < w->n_ports; i++) {
		struct gw_port *port = w->ports[i];
		uint32_t faults = gw_port_faults(port);

		if (faults == 0)
			continue;
		pause_workers(w, now_ms);
		if ((faults & GW_PORT_GONE) != 0) {
			port->down = true;
			lose(w, port, "the device is gone");
			return;
		}
		if (port->down)
			continue;
		port->down = true;
		gw_log(GW_LOG_WARN, "port", "%s (%s): the device has failed: resetting it",
			port->name, port->driver);
	}
}

static void
resume_workers(struct gw_watch *w)
{
	w->state = GW_WATCH_UP;
	for (unsigned int i = 0; i < w->n_workers; i++) {
		int rc = gw_worker_resume(w->workers[i]);

		if (rc < 0) {
			w->state = GW_WATCH_LOST;
			gw_log(GW_LOG_ERROR, "port", "worker %u does not start again: %s", i,
				strerror(-rc));
			return;
		}
	}
	gw_log(GW_LOG_WARN, "port", "workers run again after %" PRIu64 " ms",
		gw_now_ms() - w->since_ms);
}

/* Those that are down, until all are up, a few times. */
static void
try_reset(struct gw_watch *w)
{
	const struct gw_port *failed = NULL;

	w->tries++;
	for (unsigned int i = 0; i < w->n_ports; i++) {
		if (w->ports[i]->down && gw_port_reset(w->ports[i]) < 0)
			failed = w->ports[i];
	}
	w->try_due_ms = gw_now_ms() + TRY_MS; /* it may have taken its time */
	if (failed == NULL)
		resume_workers(w);
	else if (w->tries == TRIES)
		lose(w, failed, "cannot be reset");
}

enum gw_watch_state
gw_watch_tick(struct gw_watch *w, uint64_t now_ms)
{
	if (w->state == GW_WATCH_LOST)
		return GW_WATCH_LOST;
	run_timers(w, now_ms);
	take_faults(w, now_ms);
	if (w->state == GW_WATCH_DOWN && now_ms >= w->try_due_ms)
		try_reset(w);
	return w->state;
}
