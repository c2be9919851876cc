/* SPDX-License-Identifier: BSD-3-Clause */

#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_timer.h>

#include "eal.h"
#include "log.h"
#include "pci.h"
#include "rundir.h"
#include "vdev.h"

#define HUGEPAGES_DIR "/sys/kernel/mm/hugepages"
#define ARGS_MAX      64 /* a build of DPDK has 32 ports */

/* The argument vector, each word in memory of its own: EAL permutes the vector and keeps pointers.
 */
struct argv {
	int n;
	char *arg[ARGS_MAX + 1];
};

/* What is known of the configuration's ports. */
struct ports {
	bool pci;          /* some are PCI devices */
	char physical[32]; /* one of them that needs physical addresses; "": none */
};

static int __attribute__((format(printf, 2, 3))) add_arg(struct argv *v, const char *fmt, ...)
{
	va_list ap;
	int rc;

	if (v->n == ARGS_MAX)
		return -E2BIG;
	va_start(ap, fmt);
	rc = vasprintf(&v->arg[v->n], fmt, ap);
	va_end(ap);
	if (rc < 0)
		return -ENOMEM;
	v->arg[++v->n] = NULL;
	return 0;
}

static void
free_args(struct argv *v, char *const *words, int n)
{
	for (int i = 0; i < n; i++)
		free(words[i]);
	v->n = 0;
}

static uint64_t
read_u64(const char *path)
{
	FILE *f = fopen(path, "re");
	unsigned long long n = 0;

	if (f == NULL)
		return 0;
	if (fscanf(f, "%llu", &n) != 1)
		n = 0;
	fclose(f);
	return n;
}

/* Bytes of free huge pages of every size. */
static uint64_t
free_hugepages(void)
{
	DIR *dir = opendir(HUGEPAGES_DIR);
	struct dirent *de;
	uint64_t sum = 0;

	if (dir == NULL)
		return 0;
	while ((de = readdir(dir)) != NULL) {
		unsigned long long size_kb;
		char path[sizeof(HUGEPAGES_DIR) + sizeof(de->d_name) + 32];

		if (sscanf(de->d_name, "hugepages-%llukB", &size_kb) != 1)
			continue;
		snprintf(path, sizeof(path), HUGEPAGES_DIR "/%s/free_hugepages", de->d_name);
		sum += read_u64(path) * size_kb * 1024;
	}
	closedir(dir);
	return sum;
}

/* The first CPUs that this process may run on. */
static unsigned int
allowed_cpus(uint16_t *cpus, unsigned int max)
{
	cpu_set_t set;
	unsigned int n = 0;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 0;
	for (int cpu = 0; cpu < CPU_SETSIZE && n < max; cpu++) {
		if (CPU_ISSET(cpu, &set))
			cpus[n++] = (uint16_t)cpu;
	}
	return n;
}

unsigned int
gw_eal_n_workers(const struct gw_cfg *cfg)
{
	if (cfg->lcores_auto || cfg->n_lcores <= 2)
		return 1;
	return RTE_MIN(cfg->n_lcores - 1u, GW_WORKERS_MAX);
}

/* Where threads may run that are neither: not beside a worker if that can be had. */
static void
set_spare(struct gw_eal *eal, const uint16_t *cpus, unsigned int n)
{
	if (sched_getaffinity(0, sizeof(eal->spare), &eal->spare) < 0)
		CPU_ZERO(&eal->spare);
	for (unsigned int i = 0; i < eal->n_workers; i++)
		CPU_CLR(cpus[i + 1 < n ? i + 1 : n - 1], &eal->spare);
	if (CPU_COUNT(&eal->spare) == 0)
		CPU_SET(cpus[0], &eal->spare);
}

/* lcore 0 is control; workers follow. With one CPU they share it. */
static int
add_lcores(struct argv *v, const struct gw_cfg *cfg, struct gw_eal *eal)
{
	uint16_t cpus[1 + GW_WORKERS_MAX];
	unsigned int n = 0;
	char text[64 + 16 * GW_WORKERS_MAX];
	int len;

	if (cfg->lcores_auto) {
		n = allowed_cpus(cpus, 2);
	} else {
		for (; n < cfg->n_lcores && n < 1 + GW_WORKERS_MAX; n++)
			cpus[n] = cfg->lcores[n];
	}
	if (n == 0) {
		gw_log(GW_LOG_ERROR, "eal", "no CPU to run on");
		return -ENODEV;
	}
	eal->n_workers = gw_eal_n_workers(cfg);
	set_spare(eal, cpus, n);
	len = snprintf(text, sizeof(text), "0@%u", cpus[0]);
	for (unsigned int i = 0; i < eal->n_workers; i++) {
		uint16_t cpu = cpus[i + 1 < n ? i + 1 : n - 1];

		eal->worker_lcore[i] = i + 1;
		eal->shared_cpu |= cpu == cpus[0];
		len += snprintf(text + len, sizeof(text) - (size_t)len, ",%u@%u", i + 1, cpu);
	}
	if (eal->shared_cpu && cfg->poll == GW_POLL_BUSY)
		gw_log(GW_LOG_WARN, "eal",
			"poll = busy, and control and worker share CPU %u, where control will "
			"starve: give lcores a second CPU or set poll = adaptive",
			cpus[0]);
	return add_arg(v, "--lcores=%s", text) < 0 ? -ENOMEM : add_arg(v, "--main-lcore=0");
}

static int
add_memory(struct argv *v, const struct gw_cfg *cfg, const struct ports *ports, unsigned int mem_mb,
	struct gw_eal *eal)
{
	uint64_t huge = free_hugepages();

	eal->hugepages = cfg->hugepages_auto && huge >= (uint64_t)mem_mb << 20;
	if (eal->hugepages)
		return add_arg(v, "--in-memory");
	if (ports->physical[0] != '\0') {
		gw_log(GW_LOG_ERROR, "eal",
			"port %s has no IOMMU and needs huge pages: %u MB, of which %llu MB are "
			"free%s",
			ports->physical, mem_mb, (unsigned long long)(huge >> 20),
			cfg->hugepages_auto ? "" : "; hugepages = no cannot be");
		return -ENOMEM;
	}
	if (cfg->hugepages_auto && huge > 0)
		gw_log(GW_LOG_WARN, "eal",
			"%llu MB of huge pages are free, %u MB are needed: normal memory is used",
			(unsigned long long)(huge >> 20), mem_mb);
	/* --in-memory and --no-huge exclude each other; --no-shconf has the part that matters */
	return add_arg(v, "--no-huge") < 0 || add_arg(v, "--no-shconf") < 0
		       ? -ENOMEM
		       : add_arg(v, "-m%u", mem_mb);
}

static int
add_port(struct argv *v, const char *port, uint16_t mtu, struct ports *ports)
{
	char vdev[sizeof(((struct gw_outside_cfg *)0)->port) + 64];
	char name[sizeof(ports->physical)];

	if (gw_port_is_pci(port)) {
		ports->pci = true;
		if (gw_pci_is_physical(GW_PCI_SYSFS, gw_port_name(port, name, sizeof(name))))
			memcpy(ports->physical, name, sizeof(name));
		return add_arg(v, "--allow=%s", port);
	}
	return add_arg(v, "--vdev=%s", gw_port_vdev(port, mtu, vdev, sizeof(vdev)));
}

static int
add_ports(struct argv *v, const struct gw_cfg *cfg, struct ports *ports)
{
	int rc = add_port(v, cfg->outside.port, cfg->outside.mtu, ports);

	if (rc == 0 && cfg->inside.port[0] != '\0')
		rc = add_port(v, cfg->inside.port, cfg->inside.mtu, ports);
	for (unsigned int i = 0; rc == 0 && i < cfg->n_tunnels; i++) {
		if (cfg->tunnels[i].handoff == GW_HANDOFF_WIRE)
			rc = add_port(v, cfg->tunnels[i].handoff_port, cfg->outside.mtu, ports);
	}
	if (rc == 0 && !ports->pci)
		rc = add_arg(v, "--no-pci");
	return rc == 0 && !ports->pci ? add_arg(v, "--iova-mode=va") : rc;
}

static int
build_args(struct argv *v, const struct gw_cfg *cfg, bool telemetry, unsigned int mem_mb,
	struct gw_eal *eal)
{
	int rc = add_arg(v, "raclette");
	struct ports ports = {0};

	if (rc == 0)
		rc = add_lcores(v, cfg, eal);
	if (rc == 0)
		rc = add_ports(v, cfg, &ports);
	if (rc == 0)
		rc = add_memory(v, cfg, &ports, mem_mb, eal);
	/* the prefix names the runtime directory alone: nothing is shared through it */
	if (rc == 0)
		rc = add_arg(v, "--file-prefix=raclette-%d", (int)getpid());
	if (rc == 0 && !telemetry)
		rc = add_arg(v, "--no-telemetry");
	if (rc == 0 && gw_log_get_level() < GW_LOG_DEBUG)
		rc = add_arg(v, "--log-level=*:warning");
	return rc;
}

static void
remove_own(const char *dir)
{
	int rc = gw_rundir_remove(dir, true);

	if (rc < 0 && rc != -ENOENT)
		gw_log(GW_LOG_DEBUG, "eal", "%s stays: %s", dir, strerror(-rc));
}

/* What killed gateways left beside our directory. */
static void
sweep(void)
{
	char dir[256];
	unsigned int n;

	snprintf(dir, sizeof(dir), "%s", rte_eal_get_runtime_dir());
	n = gw_rundir_sweep(dirname(dir));
	if (n > 0)
		gw_log(GW_LOG_DEBUG, "eal", "%u directories of dead gateways removed", n);
}

int
gw_eal_init(const struct gw_cfg *cfg, bool telemetry, unsigned int mem_mb, struct gw_eal *eal)
{
	struct argv v = {0};
	char *words[ARGS_MAX + 1];
	int n, rc;

	*eal = (struct gw_eal){0};
	rc = build_args(&v, cfg, telemetry, mem_mb, eal);
	n = v.n;
	memcpy(words, v.arg, sizeof(words));
	if (rc < 0)
		goto out;
	for (int i = 1; i < n; i++)
		gw_log(GW_LOG_DEBUG, "eal", "argument %s", words[i]);
	if (rte_eal_init(v.n, v.arg) < 0) {
		rc = rte_errno != 0 ? -rte_errno : -EIO;
		gw_log(GW_LOG_ERROR, "eal", "DPDK does not start: %s%s", strerror(-rc),
			rc == -EPERM || rc == -EACCES ? " (root is needed)" : "");
		remove_own(rte_eal_get_runtime_dir());
	} else {
		sweep();
		/* before a port is started that has a watchdog; ENA's driver does it, too
		 * (ctl_port.c) */
		rte_timer_subsystem_init();
	}
out:
	free_args(&v, words, n);
	return rc < 0 ? rc : 0;
}

void
gw_eal_fini(void)
{
	char dir[256];

	snprintf(dir, sizeof(dir), "%s", rte_eal_get_runtime_dir());
	rte_eal_cleanup();
	remove_own(dir); /* ours alone, by its prefix */
}
