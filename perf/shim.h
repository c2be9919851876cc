/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SHIM_H
#define SHIM_H

/*
 * What the objects share that stand between a program and its DPDK ports, by LD_PRELOAD: a script
 * maps the same file, and each word of it has one writer.
 */

#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_ethdev.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* A port as it stands, before anything is put in front */
struct burst {
	uint16_t id;
	eth_rx_burst_t rx;
	eth_tx_burst_t tx;
	void *rxq, *txq;
};

static inline struct burst
burst_of(uint16_t id)
{
	const struct rte_eth_fp_ops *p = &rte_eth_fp_ops[id];

	return (struct burst){
		.id = id,
		.rx = p->rx_pkt_burst,
		.tx = p->tx_pkt_burst,
		.rxq = p->rxq.data != NULL ? p->rxq.data[0] : NULL,
		.txq = p->txq.data != NULL ? p->txq.data[0] : NULL,
	};
}

static inline uint64_t
get(const _Atomic(uint64_t) *p)
{
	return atomic_load_explicit(p, memory_order_relaxed);
}

/* One writer each: no locked instruction. */
static inline void
add(_Atomic(uint64_t) *p, uint64_t n)
{
	atomic_store_explicit(p, get(p) + n, memory_order_relaxed);
}

/* The file that an environment variable names, or NULL without one; ends the program on failure */
static inline void *
shim_map(const char *variable, size_t size)
{
	const char *path = getenv(variable);
	void *p;
	int fd;

	if (path == NULL)
		return NULL;
	fd = open(path, O_RDWR | O_CLOEXEC);
	p = fd >= 0 ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0) : MAP_FAILED;
	if (p == MAP_FAILED) {
		perror(path);
		exit(1);
	}
	close(fd);
	return p;
}

#endif
