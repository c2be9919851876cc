/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_RCU_H
#define GW_RCU_H

/* Reclaim after a quiescent period, over rte_rcu_qsbr. Control retires; workers report. */

#include <stdbool.h>
#include <stdint.h>

struct gw_rcu;

struct gw_rcu *gw_rcu_create(unsigned int n_workers, int socket);
/** Runs every pending reclaim; no worker may be running. */
void gw_rcu_destroy(struct gw_rcu *r);

/** Worker id (0..n-1): comes and goes, and reports a quiescent state once per poll. */
void gw_rcu_online(struct gw_rcu *r, unsigned int id);
void gw_rcu_offline(struct gw_rcu *r, unsigned int id);
void gw_rcu_quiescent(struct gw_rcu *r, unsigned int id);

/** Worker: a point in time. What is unlinked before it, who looks after it does not find. */
uint64_t gw_rcu_token(struct gw_rcu *r);
/** Worker: it still holds what it has found since gw_rcu_token() gave token, nothing older. */
void gw_rcu_report(struct gw_rcu *r, unsigned int id, uint64_t token);

/** Worker: begin to wait, for what it has just stored. @return what to ask for */
uint64_t gw_rcu_start(struct gw_rcu *r);
/** Worker: whether every worker, itself included, has been quiescent since. Never blocks. */
bool gw_rcu_passed(struct gw_rcu *r, uint64_t token);

/** Control: free(obj) once no worker can hold it. obj is already unlinked. Never blocks. */
void gw_rcu_retire(struct gw_rcu *r, void (*reclaim)(void *obj), void *obj);
/** Control: run the reclaims that are due. @return how many are still pending */
unsigned int gw_rcu_poll(struct gw_rcu *r);

#endif
