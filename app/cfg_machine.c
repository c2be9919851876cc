/* SPDX-License-Identifier: BSD-3-Clause */
#include "cfg_machine.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "conf_tree.h"

/*
 * The kernel cuts a wish for all CPUs down to those that are there and that the control group
 * allows. What we inherited may be less, which keeps nobody from pinning threads elsewhere.
 */
static bool
usable_cpus(cpu_set_t *set)
{
	cpu_set_t was, all;
	bool known;

	memset(&all, 0xff, sizeof(all));
	if (sched_getaffinity(0, sizeof(was), &was) < 0)
		return false;
	known = sched_setaffinity(0, sizeof(all), &all) == 0 &&
		sched_getaffinity(0, sizeof(*set), set) == 0;
	return sched_setaffinity(0, sizeof(was), &was) == 0 && known;
}

/* "0-3, 8" */
static const char *
cpus_str(const cpu_set_t *set, char *buf, size_t len)
{
	size_t at = 0;

	buf[0] = '\0';
	for (int cpu = 0; cpu < CPU_SETSIZE && at < len; cpu++) {
		int last = cpu;

		if (!CPU_ISSET(cpu, set))
			continue;
		while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, set))
			last++;
		at += (size_t)snprintf(buf + at, len - at, at > 0 ? ", %d" : "%d", cpu);
		if (last > cpu && at < len)
			at += (size_t)snprintf(buf + at, len - at, "-%d", last);
		cpu = last;
	}
	return buf;
}

int
cfg_machine_check(const struct gw_cfg *cfg, struct conf_error *err)
{
	char there[200];
	cpu_set_t set;

	if (cfg->n_lcores == 0 || !usable_cpus(&set))
		return 0; /* DPDK will tell */
	for (unsigned int i = 0; i < cfg->n_lcores; i++) {
		if (CPU_ISSET(cfg->lcores[i], &set))
			continue;
		conf_fail(err, cfg->lcores_at.file, cfg->lcores_at.line,
			"gateway.lcores: CPU %u does not exist or is not allowed here; %s %s",
			cfg->lcores[i], cpus_str(&set, there, sizeof(there)),
			CPU_COUNT(&set) > 1 ? "are" : "is");
		return -ENODEV;
	}
	return 0;
}
