/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_PEER_MOCK_H
#define TEST_PEER_MOCK_H

/* What the gateway is to the engine: children, SPIs, events, ESP. */

#include "link.h"

struct ike_host mock_host(struct peer *p);
/** One packet on each child that sends. */
void mock_esp_send(struct peer *p);
void mock_esp_receive(struct peer *p, const struct packet *k);

#endif
