/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_PCI_H
#define GW_PCI_H

/* What the kernel says of a PCI device. */

#include <stdbool.h>
#include <stddef.h>

#define GW_PCI_SYSFS "/sys/bus/pci/devices"

/**
 * The driver that a device is bound to.
 * @param sysfs  GW_PCI_SYSFS, or a test's
 * @param name   as gw_port_name() says it
 * @return buf, "" for none; NULL: there is no such device
 */
const char *gw_pci_driver(const char *sysfs, const char *name, char *buf, size_t len);

/**
 * It is driven without an IOMMU: igb_uio, uio_pci_generic, or vfio-pci in its unsafe mode. Then DPDK needs
 * physical addresses, which only huge pages have.
 */
bool gw_pci_is_physical(const char *sysfs, const char *name);

#endif
