/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_CTL_CERTS_H
#define GW_CTL_CERTS_H

/*
 * Certificates, lists and keys of the running gateway: read anew on SIGHUP, by a thread of its own,
 * as files may be many and control must not wait for them; and warnings before they end. Control's,
 * all functions on its thread.
 */

#include <stdint.h>

struct gw_certs;
struct gw_cfg;
struct ike;

/**
 * @param cfg  whose certificates are exchanged
 * @param path of the configuration, which says where they are
 * @return NULL on lack of memory
 */
struct gw_certs *gw_certs_create(struct gw_cfg *cfg, const char *path);
/** Waits for a reading that is under way. NULL is fine. */
void gw_certs_destroy(struct gw_certs *c);

/** Read them anew, or once more when that is under way. */
void gw_certs_reread(struct gw_certs *c);

/** Take what was read; say what ends soon, now and then. */
void gw_certs_tick(struct gw_certs *c, struct ike *ike, uint64_t now_ms);

#endif
