/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_NAMES_H
#define IKE_NAMES_H

/*
 * Host names in remote_addrs. The host looks them up and answers by ike_resolved(); nothing here
 * waits. They are looked up at the start, before each connecting, now and then, and when a stranger
 * fits no connection: it may be a peer whose address changed. What was found last stays in use while
 * nothing better is known. Private to ike/.
 */

#include "cfg.h"

struct ike;

struct ike_name {
	const struct ike_conn_cfg *conn;
	const char *name;
	bool asked;		/* the host is looking */
	uint64_t asked_ms, done_ms; /* 0 = never */
	uint32_t fails;		/* in a row */
	uint8_t n;
	struct in6_addr addrs[IKE_NAME_ADDRS_MAX];
};

/** @return 0 or -ENOMEM */
int ike_names_init(struct ike *e);
void ike_names_fini(struct ike *e);
/** Look all of them up. */
void ike_names_start(struct ike *e);
/** What is due at names_timer. */
void ike_names_tick(struct ike *e);
/** Somebody fits no connection. */
void ike_names_stranger(struct ike *e);

/** conn's names have just been looked up, as far as it matters; else it is under way now. */
bool ike_names_ready(struct ike *e, const struct ike_conn_cfg *conn);
/** The address to connect to. @return -EDESTADDRREQ (%any or ranges only), -ENXIO (unknown names) */
int ike_names_remote(const struct ike *e, const struct ike_conn_cfg *conn, struct in6_addr *out);

#endif
