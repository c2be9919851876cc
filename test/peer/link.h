/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_PEER_LINK_H
#define TEST_PEER_LINK_H

/* What is under way between peers. */

#include "world.h"

struct packet {
	struct packet *next;
	uint64_t at;
	unsigned int from, to;
	bool esp;
	struct ike_path path; /* as the receiver sees it */
	size_t len;
	uint8_t buf[]; /* esp: struct esp_packet */
};

#define ESP_KEYS (2 * IKE_ESP_KEY_MAX)

/** ESP that shows what it was sent with. */
struct esp_packet {
	uint32_t spi;
	uint64_t seq;	 /* of its SA */
	uint64_t number; /* of its sender's packets */
	uint8_t keys[ESP_KEYS];
};

/** A datagram leaves, and may be lost, doubled, changed or late. */
void link_send_ike(struct peer *me, const struct ike_path *path, const uint8_t *buf, size_t len);
void link_send_esp(struct peer *me, const struct ike_path *path, const struct esp_packet *esp);
/** A peer is at the end of that path, and no NAT in between has forgotten it. */
bool link_leads(struct peer *me, const struct ike_path *path);
/** Whatever is due now; the caller frees it. NULL = nothing. */
struct packet *link_due(struct world *w);
/** When there is something, UINT64_MAX = nothing under way. */
uint64_t link_next(const struct world *w);
void link_drop_all(struct world *w);

#endif
