/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <string.h>

#include "log.h"
#include "refused.h"

int
gw_refused(
	const struct gw_netif *netif, const char *area, const char *name, const char *what, int rc)
{
	const char *kernel = gw_netif_error(netif);

	if (rc < 0)
		gw_log(GW_LOG_ERROR, area, "%s: %s: %s%s%s%s", name, what, strerror(-rc),
			kernel[0] != '\0' ? ": " : "", kernel,
			rc == -EPERM ? " (root or CAP_NET_ADMIN is needed)" : "");
	return rc;
}
