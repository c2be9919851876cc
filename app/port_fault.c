/* SPDX-License-Identifier: BSD-3-Clause */

#include <stdlib.h>
#include <string.h>

#include <rte_ethdev.h>

#include "log.h"
#include "port_fault.h"

/*
 * Drivers say so by an event. ENA's raises it from its watchdog alone, and as of 22.11.11 the
 * watchdog looks no further when something else has found a fault: the burst functions, which met a
 * descriptor that cannot be. They count it and give up the device in silence, so their counters are
 * looked at here.
 */
#define ENA "net_ena"
static const char *const ena_bad[] = {"_bad_desc_num", "_bad_req_id", "_prepare_ctx_err"};

/* In any thread: drivers' interrupts, timers, or a worker's burst. */
static int
on_event(uint16_t id, enum rte_eth_event_type event, void *arg, void *ret)
{
	struct gw_port *port = arg;
	enum gw_port_fault fault = event == RTE_ETH_EVENT_INTR_RMV ? GW_PORT_GONE : GW_PORT_SICK;

	(void)id;
	(void)ret;
	atomic_fetch_or_explicit(&port->faults, fault, memory_order_relaxed);
	return 0;
}

static bool
is_bad(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < RTE_DIM(ena_bad); i++) {
		size_t n = strlen(ena_bad[i]);

		if (len > n && strcmp(name + len - n, ena_bad[i]) == 0)
			return true;
	}
	return false;
}

static void
find_bad(struct gw_port *port)
{
	int n = rte_eth_xstats_get_names(port->id, NULL, 0);
	struct rte_eth_xstat_name *names = n > 0 ? calloc((size_t)n, sizeof(*names)) : NULL;

	port->n_bad = 0;
	if (names == NULL || rte_eth_xstats_get_names(port->id, names, (unsigned int)n) != n)
		n = 0;
	for (int i = 0; i < n && port->n_bad < GW_PORT_BAD_MAX; i++) {
		if (is_bad(names[i].name))
			port->bad_ids[port->n_bad++] = (uint64_t)i;
	}
	free(names);
}

static uint64_t
count_bad(const struct gw_port *port)
{
	uint64_t values[GW_PORT_BAD_MAX], sum = 0;
	int n = (int)port->n_bad;

	if (n == 0 || rte_eth_xstats_get_by_id(port->id, port->bad_ids, values, port->n_bad) != n)
		return port->bad;
	for (int i = 0; i < n; i++)
		sum += values[i];
	return sum;
}

void
gw_port_watch(struct gw_port *port)
{
	/* who hears already does not hear twice */
	if (rte_eth_dev_callback_register(port->id, RTE_ETH_EVENT_INTR_RESET, on_event, port) < 0 ||
		rte_eth_dev_callback_register(port->id, RTE_ETH_EVENT_INTR_RMV, on_event, port) < 0)
		gw_log(GW_LOG_WARN, "port", "%s: its faults will not be heard of", port->name);
	if (strcmp(port->driver, ENA) != 0)
		return;
	find_bad(port);
	port->bad = count_bad(port);
}

void
gw_port_unwatch(struct gw_port *port)
{
	rte_eth_dev_callback_unregister(port->id, RTE_ETH_EVENT_INTR_RESET, on_event, port);
	rte_eth_dev_callback_unregister(port->id, RTE_ETH_EVENT_INTR_RMV, on_event, port);
}

void
gw_port_look(struct gw_port *port)
{
	uint64_t bad;

	if (port->down || port->n_bad == 0)
		return;
	bad = count_bad(port);
	if (bad != port->bad)
		atomic_fetch_or_explicit(&port->faults, GW_PORT_SICK, memory_order_relaxed);
	port->bad = bad;
}

uint32_t
gw_port_faults(struct gw_port *port)
{
	/* read first: most often there is nothing to take */
	if (atomic_load_explicit(&port->faults, memory_order_relaxed) == 0)
		return 0;
	return atomic_exchange_explicit(&port->faults, 0, memory_order_acquire);
}
