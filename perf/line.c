/* SPDX-License-Identifier: BSD-3-Clause */
#include "line.h"

#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_debug.h>

#include "lib/csum.h"

#define PATIENCE_S 10

const char *
line_memory(void)
{
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "r");
	int n = 0;

	if (f != NULL && fscanf(f, "%d", &n) != 1)
		n = 0;
	if (f != NULL)
		fclose(f);
	return n >= 256 ? "--in-memory" : "--no-huge";
}

uint16_t
line_give(struct line *l, struct rte_mbuf **pkts, uint16_t n)
{
	n = RTE_MIN(n, l->burst);
	if (l->n_give < n)
		n = (uint16_t)l->n_give;
	if (n == 0)
		return 0;
	memcpy(pkts, l->give, n * sizeof(pkts[0]));
	l->give += n;
	l->n_give -= n;
	return n;
}

uint16_t
line_take(struct line *l, struct rte_mbuf **pkts, uint16_t n)
{
	if (n > LINE_DEPTH - l->n_taken)
		rte_panic("more packets came out than went in\n");
	memcpy(l->taken + l->n_taken, pkts, n * sizeof(pkts[0]));
	l->n_taken += n;
	return n;
}

uint16_t
line_rx(void *line, struct rte_mbuf **pkts, uint16_t n)
{
	return line_give(line, pkts, n);
}

uint16_t
line_tx(void *line, struct rte_mbuf **pkts, uint16_t n)
{
	return line_take(line, pkts, n);
}

void
line_fill(struct rte_mbuf *m, uint16_t size)
{
	static const uint8_t template[28] = {
		0x45, [8] = 64, 17, [12] = 10, 0, 0, 1, 10, 0, 0, 2, 0x30, 0x39, 0x30, 0x39};
	uint16_t len = size - GRE_LEN, sum;
	uint8_t *p;

	m->data_off = GW_PKT_HEADROOM;
	m->data_len = len;
	m->pkt_len = len;
	m->ol_flags = 0;
	p = rte_pktmbuf_mtod(m, uint8_t *);
	memcpy(p, template, sizeof(template));
	p[2] = (uint8_t)(len >> 8);
	p[3] = (uint8_t)len;
	sum = gw_csum_fold(gw_csum_add(0, p, 20));
	p[10] = (uint8_t)(sum >> 8);
	p[11] = (uint8_t)sum;
}

static void
tell_drops(const struct gw_worker *w)
{
	struct gw_worker_stats st;

	gw_worker_get_stats(w, &st);
	for (unsigned int i = 0; i < GW_DROP_N; i++)
		if (st.drops[i] > 0)
			fprintf(stderr, "dropped: %s %lu\n", gw_drop_name(i),
				(unsigned long)st.drops[i]);
}

uint64_t
line_time(
	struct gw_worker *w, struct line *from, struct rte_mbuf **pkts, uint32_t n, struct line *to)
{
	uint64_t start, end;

	from->give = pkts;
	from->n_give = n;
	to->n_taken = 0;
	start = rte_rdtsc_precise();
	end = start + PATIENCE_S * rte_get_tsc_hz();
	while (to->n_taken < n && rte_rdtsc() < end)
		gw_worker_poll(w);
	start = rte_rdtsc_precise() - start;
	if (to->n_taken != n) {
		tell_drops(w);
		rte_panic("%u of %u packets came out\n", to->n_taken, n);
	}
	return start;
}
