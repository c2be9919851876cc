/* SPDX-License-Identifier: BSD-3-Clause */
#include "lib/esp_size.h"

enum { IP6_HDR_LEN = 40, UDP_HDR_LEN = 8, ESP_HDR_LEN = 8, ESP_TRAILER_LEN = 2, ESP_ALIGN = 4 };

/* bytes around the encrypted part */
static uint32_t
clear_len(uint16_t iv_len, uint16_t icv_len, bool udp_encap)
{
	return IP6_HDR_LEN + (udp_encap ? UDP_HDR_LEN : 0u) + ESP_HDR_LEN + iv_len + icv_len;
}

/* bytes of the encrypted part that are neither payload nor padding */
static uint32_t
inner_len(bool tunnel_mode)
{
	return ESP_TRAILER_LEN + (tunnel_mode ? IP6_HDR_LEN : 0u);
}

uint16_t
gw_esp_max_payload(uint16_t path_mtu, uint16_t iv_len, uint16_t icv_len, uint16_t block,
	bool tunnel_mode, bool udp_encap)
{
	uint32_t align = block < ESP_ALIGN ? (uint32_t)ESP_ALIGN : block;
	uint32_t around = clear_len(iv_len, icv_len, udp_encap);
	uint32_t encrypted;

	if (path_mtu < around)
		return 0;
	encrypted = path_mtu - around;
	encrypted -= encrypted % align;
	if (encrypted < inner_len(tunnel_mode))
		return 0;
	return (uint16_t)(encrypted - inner_len(tunnel_mode));
}

uint32_t
gw_esp_packet_len(uint16_t payload_len, uint16_t iv_len, uint16_t icv_len, uint16_t block,
	bool tunnel_mode, bool udp_encap)
{
	uint32_t align = block < ESP_ALIGN ? (uint32_t)ESP_ALIGN : block;
	uint32_t encrypted = payload_len + inner_len(tunnel_mode);

	encrypted += (align - encrypted % align) % align;
	return clear_len(iv_len, icv_len, udp_encap) + encrypted;
}
