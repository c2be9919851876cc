/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_EDIT_H
#define IKE_EDIT_H

/* Changes to messages of an IKE SA whose keys are known, payload by payload. For fuzz_ike_peer. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ike/sa.h"

#define EDIT_CAP 8192

enum edit_what {
	EDIT_DROP,
	EDIT_TWICE,
	EDIT_SWAP,
	EDIT_TYPE,
	EDIT_FLAGS,
	EDIT_BYTE,
	EDIT_WORD,
	EDIT_CUT,
	EDIT_GROW,
	EDIT_INSERT,
	EDIT_RAW,    /* a byte of the chain as a whole: lengths that lie */
	EDIT_HEADER, /* exchange, flags or Message ID */
	EDIT_N
};

/** What is done, and where. Any values make sense. */
struct edit {
	uint8_t what;	  /* enum edit_what */
	uint8_t at;	  /* payload */
	uint8_t kind;	  /* type, other payload, field */
	uint8_t hi, lo;	  /* offset, length */
	uint8_t value;
};

/**
 * Change a message: an unprotected one as it is, a protected one behind its encryption.
 * @param e    engine that sent it; for IKE_SA_INIT its memory of the message changes with it, so
 *             that the AUTH payloads still fit
 * @param buf  [in,out] EDIT_CAP bytes
 * @return new length; len when there was nothing to change
 */
size_t edit_message(struct ike *e, const struct edit *ed, uint8_t *buf, size_t len);

#endif
