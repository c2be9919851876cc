/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_PEER_FORGE_H
#define TEST_PEER_FORGE_H

/*
 * A peer's messages written by hand: what no engine of ours says, in its name and with its keys. For
 * two engines that have one IKE SA between them, or are making it.
 */

#include "ike/msg.h"
#include "ike/payload.h"
#include "ike/sa.h"
#include "ike/send.h"
#include "world.h"

/** Both up with child gre. */
void forge_connect(struct world *w);

/**
 * Send a request in the name of peer from, whose engine never hears the answer.
 * @return the answer, opened, valid until the next call; NULL = none within a tenth of a second
 */
const struct ike_msg *forge_ask(
	struct world *w, unsigned int from, uint8_t exchange, struct ike_chain *c);

/** A change to messages of one kind: the world's filter while it is set by forge_edit(). */
struct forge {
	unsigned int from;
	uint8_t exchange;
	bool response;
	/* write what goes out instead of m; the header is m's */
	void (*edit)(const struct ike_msg *m, struct ike_chain *c);
	unsigned int done; /* how many were changed */
};

/** From here on f changes what it says it does. */
void forge_edit(struct world *w, struct forge *f);

/** For edit: the payloads of m one by one, but for those of that type. 0 = all */
void forge_copy(const struct ike_msg *m, struct ike_chain *c, uint8_t but);

#endif
