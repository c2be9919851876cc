/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_LOG_H
#define IKE_LOG_H

/* What the operator reads: sentences through host->log, and texts of what was offered. */

#include "host.h"

struct ike;

#define IKE_TEXT_MAX 512

/** @param name the connection's, or NULL */
void ike_log(struct ike *e, enum ike_log_level level, const char *group, const char *name,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/** "AES_CBC_128/HMAC_SHA1_96/PRF_HMAC_SHA1/MODP_1024, ..."; cut when it does not fit. @return buf */
const char *ike_proposals_text(const struct ike_proposals *l, char *buf, size_t len);
const char *ike_suite_text(const struct ike_suite *s, char *buf, size_t len);
const char *ike_ts_list_text(const struct ike_ts_list *l, char *buf, size_t len);
/** "2001:db8::1[500]" */
const char *ike_addr_text(const struct in6_addr *a, uint16_t port, char *buf, size_t len);

#endif
