/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_ESP_SIZE_H
#define GW_ESP_SIZE_H

/*
 * How much fits: the arithmetic of ESP's overhead over IPv6 (RFC 4303 section 2). Numbers only, no
 * DPDK, so that the data plane, control and `raclette check` reckon with the same figures.
 */

#include <stdbool.h>
#include <stdint.h>

/**
 * Largest GRE packet, GRE header included, whose ESP packet fits into path_mtu.
 *
 * ESP pads payload, pad length and next header to a multiple of block; the padding is the shortest
 * possible. Tunnel mode carries a second IPv6 header in front of the GRE packet.
 * Source: RFC 4303 2.4 (alignment to 4 at least), RFC 3948 2.1.
 *
 * @param path_mtu     bytes of an outer IPv6 packet, header included
 * @param iv_len       explicit IV in each packet, bytes
 * @param icv_len      bytes
 * @param block        cipher's block, bytes; below 4 counts as 4
 * @param tunnel_mode  an inner IPv6 header is carried too
 * @param udp_encap    ESP travels in UDP
 * @return bytes, or 0 when nothing fits
 */
uint16_t gw_esp_max_payload(uint16_t path_mtu, uint16_t iv_len, uint16_t icv_len, uint16_t block,
	bool tunnel_mode, bool udp_encap);

/** Length of the outer IPv6 packet that carries a GRE packet of payload_len bytes; same parameters. */
uint32_t gw_esp_packet_len(uint16_t payload_len, uint16_t iv_len, uint16_t icv_len, uint16_t block,
	bool tunnel_mode, bool udp_encap);

#endif
