/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_QCDFILE_H
#define GW_QCDFILE_H

/* The secret that outlives a restart: what crash detection's tokens (RFC 6290) are made with. No DPDK. */

#include <stddef.h>
#include <stdint.h>

#define GW_QCD_SECRET_LEN 32

/**
 * Read the secret, or make the file (0600) and its folder (0700) with a new one.
 * @param why [out] a sentence when it fails: who else may read it, what is wrong with it
 * @return 0 or -errno; secret is then all zero
 */
int gw_qcdfile(const char *path, uint8_t secret[GW_QCD_SECRET_LEN], char *why, size_t why_len);

#endif
