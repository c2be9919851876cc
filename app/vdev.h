/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_VDEV_H
#define GW_VDEV_H

/* Reading and completing the `port` of the configuration: a PCI address or a DPDK vdev string. Pure. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** True for 0000:00:06.0 and 00:06.0, with device arguments or not; anything else is a vdev string. */
bool gw_port_is_pci(const char *port);

/**
 * DPDK's name of the port: the word before the first comma, a PCI address with its domain.
 * @return buf
 */
const char *gw_port_name(const char *port, char *buf, size_t len);

/**
 * The value of a vdev argument, ",key=value".
 * @return false when it is not there or does not fit
 */
bool gw_port_arg(const char *port, const char *key, char *buf, size_t len);

/**
 * A vdev string with what it lacks: af_packet's ring frames of 2048 bytes hold no jumbo packet, which
 * would vanish without a word, and its 512 frames overflow where CPUs are shared. A string that says
 * anything about the ring is left alone.
 * @return buf
 */
const char *gw_port_vdev(const char *port, uint16_t mtu, char *buf, size_t len);

/** Bytes that an mbuf must take: a frame of mtu, or what the port's driver insists on. */
unsigned int gw_port_frame_max(const char *port, uint16_t mtu);

#endif
