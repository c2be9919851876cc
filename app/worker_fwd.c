/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the inside port, its twin in the kernel, and tunnels: what the forwarding stage says is
 * done. */
#include <errno.h>

#include <rte_ethdev.h>
#include <rte_malloc.h>

#include "lib/tap.h"

#include "inside.h"
#include "log.h"
#include "worker_priv.h"

#define TWIN_BURST 16 /* frames of the kernel's a poll: a system call each */

int
worker_fwd_init(struct gw_worker *w)
{
	const struct gw_inside *in = w->plane->inside;
	struct gw_fwd *f;
	int rc;

	if (in == NULL || w->id != w->plane->fwd_worker)
		return 0;
	f = rte_zmalloc_socket("fwd", sizeof(*f), 64, w->plane->socket);
	if (f == NULL) {
		gw_log(GW_LOG_ERROR, "worker", "out of memory");
		return -ENOMEM;
	}
	f->fib = in->fib;
	f->neigh = in->neigh;
	f->asks = in->asks;
	f->pool = w->plane->pool;
	memcpy(f->mac, &in->port.mac, sizeof(f->mac));
	f->mtu = in->port.mtu;
	f->source_check = in->cfg->source_check;
	f->tsc_per_ms = w->tsc_per_ms;
	w->fwd = f;
	rc = gw_tunset_add(w->tunset, in->twin, f);
	if (rc < 0)
		gw_log(GW_LOG_ERROR, "worker", "%s: %s", in->cfg->interface, strerror(-rc));
	return rc;
}

void
worker_fwd_fini(struct gw_worker *w)
{
	if (w->fwd == NULL)
		return;
	gw_fwd_fini(w->fwd);
	rte_free(w->fwd);
	w->fwd = NULL;
}

static uint64_t
send_port(struct gw_worker *w, struct rte_mbuf **frames, uint16_t n)
{
	uint16_t port = w->plane->inside->port.id;
	uint16_t sent = rte_eth_tx_burst(port, 0, frames, n);

	if (sent < n) /* the first call has cleaned descriptors that are done */
		sent += rte_eth_tx_burst(port, 0, frames + sent, n - sent);
	for (uint16_t i = sent; i < n; i++)
		gw_pkt_refuse(frames[i], GW_DROP_FWD_TX_FULL);
	worker_drop(w, frames + sent, n - sent);
	return sent;
}

/* They join what the kernel sends into tunnels: size, SA, ESP. */
static void
send_tunnels(struct gw_worker *w, struct rte_mbuf **pkts, uint16_t n)
{
	while (n > 0) {
		uint16_t room, part;
		struct rte_mbuf **to = worker_out_room(w, &room);

		part = n < room ? n : room;
		memcpy(to, pkts, part * sizeof(pkts[0]));
		pkts += part;
		n -= part;
		if (w->pass != NULL)
			part = worker_pass_inner(w, to, part);
		worker_gathered(w, &w->from_inside, part);
	}
}

static void
carry_out(struct gw_worker *w)
{
	struct gw_fwd *f = w->fwd;

	worker_drop(w, f->refused, f->n_refused);
	if (f->n_port > 0)
		w->stats.fwd_to_port += send_port(w, f->to_port, f->n_port);
	w->stats.fwd_to_tunnels += f->n_tunnel;
	send_tunnels(w, f->to_tunnel, f->n_tunnel);
}

uint32_t
worker_fwd_port(struct gw_worker *w)
{
	const struct gw_inside *in = w->plane->inside;
	struct rte_mbuf *frames[GW_BURST_MAX];
	struct gw_fwd *f = w->fwd;
	uint16_t n = worker_rx(w, in->port.id, 0, frames, &w->inside_hope);

	if (n == 0)
		return 0;
	w->stats.fwd_from_port += n;
	gw_fwd_from_port(f, frames, n, w->now_tsc);
	carry_out(w);
	if (f->n_kernel > 0) {
		uint16_t written = gw_tap_write(in->twin, f->to_kernel, f->n_kernel);

		w->stats.fwd_to_kernel += written;
		worker_drop(w, f->to_kernel, f->n_kernel - written);
	}
	return n;
}

uint32_t
worker_fwd_twin(struct gw_worker *w)
{
	struct rte_mbuf *frames[TWIN_BURST];
	uint16_t n = gw_tap_read(w->plane->inside->twin, w->plane->pool, frames, TWIN_BURST);

	if (n > 0)
		w->stats.fwd_from_kernel += send_port(w, frames, n);
	return n;
}

void
worker_fwd(struct gw_worker *w, struct rte_mbuf **pkts, uint16_t n)
{
	struct gw_fwd *f = w->fwd;

	if (f == NULL) {
		for (uint16_t i = 0; i < n; i++)
			worker_pass(w, GW_PASS_FORWARD, w->plane->fwd_worker, pkts[i]);
		return;
	}
	gw_fwd_from_tunnel(f, pkts, n, w->now_tsc);
	carry_out(w);
	if (f->n_kernel > 0)
		worker_hand_off(w, f->to_kernel, f->n_kernel);
}

void
worker_fwd_settle(struct gw_worker *w)
{
	if (w->fwd->n_waiting == 0)
		return;
	gw_fwd_settle(w->fwd, w->now_tsc);
	carry_out(w);
}
