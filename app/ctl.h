/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_CTL_H
#define GW_CTL_H

/*
 * The control thread: owns every decision and every long-lived object. It is fed by the exception
 * rings, a budget a round for each class so that strangers cannot starve established peers, and
 * sleeps in steps of a millisecond at most.
 */

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "ike/ike.h"

#include "cfg.h"
#include "ctl_nd.h"
#include "ctl_sa.h"
#include "ctl_tunnel.h"
#include "port.h"
#include "worker.h"

#define GW_EXCP_DEPTH   1024 /* frames in each ring between workers and control */

struct gw_balance;
struct gw_certs;
struct gw_jobs;
struct gw_routes;
struct gw_vici;
struct gw_watch;
struct resolver;
struct updown;

/** Everything that runs. Made by main(), parts of it by gw_ctl_open(). */
struct gw_ctl {
	/* set by main() before gw_ctl_open(), borrowed */
	const struct gw_cfg *cfg;
	struct gw_port *port;
	struct gw_plane *plane;
	struct gw_tunnels *tunnels;
	struct gw_worker **workers; /* plane->n_workers of them */
	struct updown *updown; /* NULL: no commands are configured */
	struct gw_certs *certs; /* reads them anew on SIGHUP */
	const cpu_set_t *spare_cpus; /* for the job thread */

	/* control's own */
	struct nd *nd;
	struct gw_balance *balance; /* NULL: there is one worker */
	struct gw_sas *sas;
	struct resolver *resolver;
	struct ike *ike;
	struct gw_jobs *jobs;
	struct gw_routes *routes; /* NULL: nothing is forwarded */
	struct gw_vici *vici;
	struct gw_watch *watch; /* over the ports */
	int signal_fd;
	bool stopping;
	bool paused; /* workers are: a port is being reset */
	bool lost;   /* one that is not to be had any more: the reason to stop */
	uint64_t start_ms, now_ms;
	uint64_t unsent_log_ms; /* datagrams that cannot be sent are not named before */
	uint64_t nd_due_ms, carrier_due_ms;
	uint32_t acquires_seen;
	uint64_t frames_sent, ike_sent; /* given to workers; datagrams of IKE among them */
	uint64_t drops[GW_DROP_N]; /* what workers let pass and control refused */
	bool pressed;	    /* as last told to IKE: strangers pile up */
	bool local_changed; /* addresses: publish them after the call that said so */
	uint16_t link_mtu;  /* as last told to tunnels */
};

/** Signals that end the process are taken by gw_ctl_run() alone. First thing, before any thread. */
void gw_ctl_block_signals(void);

/** Neighbour discovery, SAs, IKE and the control socket. @return 0, -errno after logging why */
int gw_ctl_open(struct gw_ctl *c);
/** Run until a signal says otherwise. @return 0, -EIO when a port was lost */
int gw_ctl_run(struct gw_ctl *c);
/** DELETEs on their way, the socket closed; workers still run and send. */
void gw_ctl_shutdown(struct gw_ctl *c);
/** Workers have ended: everything of gw_ctl_open() goes. Also after a failed open. */
void gw_ctl_close(struct gw_ctl *c);

/** Milliseconds of a monotonic clock, never 0. */
uint64_t gw_now_ms(void);

#endif
