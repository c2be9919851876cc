/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_X_FOLLOW_H
#define IKE_X_FOLLOW_H

/*
 * IKE_FOLLOWUP_KE after CREATE_CHILD_SA: additional key exchanges for what is rekeyed or made there
 * (RFC 9370 2.2.4). The negotiation holds the secrets until all are there; before that nothing is
 * installed. The initiator's stays with its task, the responder's with the SA: one, for a while.
 * Private to ike/.
 */

#include "nego.h"
#include "task.h"

/** After the round under way there is one more. */
bool ike_follow_missing(const struct ike_nego *n);

/** One secret more: SK(0) first, which is g^ir of CREATE_CHILD_SA. @return 0 or -ENOMEM */
int ike_follow_keep(struct ike_nego *n, struct ike_view secret);

/* ---- initiator ---- */

/** The secret of the round that m answers. @return 0, -EBADMSG, or as ike_dh_job_shared() */
int ike_follow_shared(struct ike_sa *sa, const struct ike_nego *n, const struct ike_msg *m,
	uint8_t *secret, size_t *len);

/**
 * Keep the secret that response m led to and ask for the next: the task goes on.
 * @return 0; -EINPROGRESS (nothing was done); -EBADMSG (m does not say how to go on); other -errno
 */
int ike_follow_ask(struct ike_sa *sa, struct ike_nego *n, const struct ike_msg *m,
	struct ike_view secret);

/* ---- responder ---- */

/** The answer to CREATE_CHILD_SA is in c, n holds SK(0): wait for the peer. Takes n. */
void ike_follow_await(struct ike_sa *sa, struct ike_nego *n, struct ike_chain *c);
/** Forget what the peer began and did not finish. */
void ike_follow_drop(struct ike_sa *sa);
/** When that is due by itself. */
uint64_t ike_follow_due(const struct ike_sa *sa);

#endif
