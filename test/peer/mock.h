/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_PEER_MOCK_H
#define TEST_PEER_MOCK_H

/* What the gateway is to the engine: children, SPIs, events, ESP. */

#include "link.h"

/** A job that an engine gave away, or a look-up. */
struct mock_job {
	struct mock_job *next;
	struct peer *p;
	struct ike_job *job; /* NULL = a look-up: by which engine, with which token, of whom */
	uint32_t boots, token;
	unsigned int who;
	uint64_t at;
};

/** When the next one is done, UINT64_MAX = there is none. */
uint64_t mock_job_next(const struct world *w);
/** Do one that is due by then. @return false = there is none */
bool mock_job_do(struct world *w, uint64_t until);

struct ike_host mock_host(struct peer *p);
/** One packet on each child that sends. */
void mock_esp_send(struct peer *p);
void mock_esp_receive(struct peer *p, const struct packet *k);

#endif
