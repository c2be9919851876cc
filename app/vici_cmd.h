/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_VICI_CMD_H
#define GW_VICI_CMD_H

/* The commands of the control socket: each reads a message and writes events and one response. */

#include <stdbool.h>
#include <stdint.h>

#include "conf.h"
#include "ctl.h"
#include "vici.h"

/** Where a command stands while it waits for IKE. */
struct vici_wait {
	bool active, done;
	char conn[IKE_NAME_MAX], child[IKE_NAME_MAX]; /* "" = any; child "": the IKE SA alone */
	uint64_t deadline_ms; /* 0 = none */
	uint64_t timeout_ms;
	char errmsg[IKE_NAME_MAX + 64]; /* when done; "" = it worked */
};

struct vici_request {
	struct gw_ctl *ctl;
	struct conf *msg;
	const struct conf_node *root; /* of msg */
	bool streaming;		      /* the client has registered the command's event */
	struct vici_wait *wait;	      /* a handler may fill it in and answer later */
	/** Send a finished segment (taken over, also on its error) to the client. */
	void (*send)(void *arg, struct vici_out *o);
	void *send_arg;
};

/** @return false when there is no such command */
bool vici_command_run(const char *name, struct vici_request *req);
/** True for events a client may register. */
bool vici_event_known(const char *name, unsigned int *index);

/** Answer { success, errmsg }. errmsg NULL: yes */
void vici_answer(struct vici_request *req, const char *errmsg);
/** An empty response: ends a stream. */
void vici_answer_empty(struct vici_request *req);

/* vici_show.c: streams, one event per object */
void vici_show_sa(struct vici_request *req);
void vici_show_ike(struct vici_request *req);
void vici_show_tunnels(struct vici_request *req);
void vici_show_ports(struct vici_request *req);
void vici_show_drops(struct vici_request *req);
void vici_show_neighbours(struct vici_request *req);

#endif
