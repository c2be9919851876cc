/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_EAL_H
#define GW_EAL_H

/* Starting DPDK with arguments of our own making: nobody has to know them. */

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "cfg.h"

struct gw_eal {
	unsigned int n_workers;
	unsigned int worker_lcore[GW_WORKERS_MAX];
	bool hugepages;
	bool shared_cpu; /* a worker and control share one CPU */
	cpu_set_t spare; /* CPUs of ours without a worker; control's own if there are no others */
};

/** How many workers `lcores` means: one for each CPU but the first, 1 at least, GW_WORKERS_MAX at most. */
unsigned int gw_eal_n_workers(const struct gw_cfg *cfg);

/**
 * Initialise EAL; the calling thread becomes the control lcore.
 *
 * Huge pages are used in memory only (no hugetlbfs file that could keep keys) when enough are free,
 * normal memory otherwise. No file is shared with other DPDK processes, so that several gateways run
 * on one machine.
 *
 * @param mem_mb  memory that the gateway needs
 * @return 0, or -errno after logging why
 */
int gw_eal_init(const struct gw_cfg *cfg, bool telemetry, unsigned int mem_mb, struct gw_eal *eal);

/** After this no rte_* call but logs. */
void gw_eal_fini(void);

#endif
