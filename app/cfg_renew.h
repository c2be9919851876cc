/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_CFG_RENEW_H
#define GW_CFG_RENEW_H

/*
 * Certificates, lists and keys of a configuration in use: exchanged for those that were read anew,
 * and looked at for their end. Nothing else of it changes. On the thread that owns cfg.
 */

#include "cfg.h"

/**
 * Give cfg what fresh, built from the same files later, has read from swanctl's folders; fresh gets
 * the old. All or nothing.
 *
 * @param why [out] a sentence that names the file or connection when it is refused: a certificate or
 *            list could not be read (without it, what is revoked might be let in), or a connection
 *            says something else than the running one about who proves what
 * @return 0, or -EINVAL and nothing is changed
 */
int cfg_renew(struct gw_cfg *cfg, struct gw_cfg *fresh, char *why, size_t len);

/** Certificates whose end is nearer than that, and lists whose successor is due. */
#define CFG_CERT_SOON_S (7 * 24 * 3600)
#define CFG_CRL_SOON_S	(24 * 3600)

/** A sentence for each of them that is over or will be soon; a bounded number of sentences. */
void cfg_renew_due(const struct gw_cfg *cfg, void (*say)(void *arg, const char *text), void *arg);

#endif
