/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_CFG_CERT_H
#define GW_CFG_CERT_H

/* Certificates and keys behind a configuration: swanctl's folders, and what sections name. For cfg*.c only. */

#include "cfg_int.h"

#define CFG_CERTS_MAX 16 /* in one section */

/** Certificates that a section names, as it names them. */
struct cfg_certs {
	unsigned int n;
	X509 *cert[CFG_CERTS_MAX]; /* references of the list's */
};

/** Load FILE (relative to folder, beside the configuration file) into list. @return 0 or -errno */
int cfg_certs_add(struct cfg_ctx *x, const struct conf_node *node, const char *file,
	const char *folder, struct cfg_certs *list);
void cfg_certs_free(struct cfg_certs *list);

/** Our certificates with their keys and chains; without a list what fits the identity. */
int cfg_cert_local(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_certs *certs,
	struct ike_auth_cfg *auth);
/** What the peer's certificate is checked against. */
int cfg_cert_remote(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_certs *certs,
	const struct cfg_certs *cas, struct ike_auth_cfg *auth);

/** Check a section of `secrets` that holds a key file's passphrase. */
int cfg_cert_secret(struct cfg_ctx *x, const struct conf_node *node);
/** The folder that a section of `secrets` speaks of: private, rsa, ecdsa or pkcs8; NULL = none of them. */
const char *cfg_cert_folder(const char *name);

/** What was read to build a configuration, not needed any more. */
void cfg_cert_done(struct cfg_ctx *x);

#endif
