/* SPDX-License-Identifier: BSD-3-Clause */
#include "pci.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *
gw_pci_driver(const char *sysfs, const char *name, char *buf, size_t len)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *slash;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", sysfs, name);
	if (access(path, F_OK) < 0)
		return NULL;
	snprintf(path, sizeof(path), "%s/%s/driver", sysfs, name);
	n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	slash = strrchr(target, '/');
	snprintf(buf, len, "%s", slash != NULL ? slash + 1 : target);
	return buf;
}

/* vfio's group for a device that has none by an IOMMU */
static bool
has_fake_group(const char *sysfs, const char *name)
{
	char path[PATH_MAX], group[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s/iommu_group/name", sysfs, name);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	if (fgets(group, sizeof(group), f) == NULL)
		group[0] = '\0';
	fclose(f);
	return strncmp(group, "vfio-noiommu", strlen("vfio-noiommu")) == 0;
}

bool
gw_pci_is_physical(const char *sysfs, const char *name)
{
	char driver[64];

	if (gw_pci_driver(sysfs, name, driver, sizeof(driver)) == NULL)
		return false;
	if (strcmp(driver, "igb_uio") == 0 || strcmp(driver, "uio_pci_generic") == 0)
		return true;
	return strcmp(driver, "vfio-pci") == 0 && has_fake_group(sysfs, name);
}
