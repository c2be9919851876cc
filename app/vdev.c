/* SPDX-License-Identifier: BSD-3-Clause */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vdev.h"

#define L2_MAX         18u   /* Ethernet and one VLAN tag */
#define AF_FRAME       2048u /* af_packet's default */
#define AF_FRAME_ALIGN 1024u
#define AF_FRAME_HDR   128u  /* what the kernel puts in front, rounded up */
#define AF_FRAMES      2048u /* some 20 ms at 1 Gbit/s: CPUs of such machines are shared */
#define AF_BLOCK       4u    /* frames; four of AF_FRAME_ALIGN make whole pages */

bool
gw_port_is_pci(const char *port)
{
	unsigned int domain, bus, dev, fn;
	int end = 0;

	if (sscanf(port, "%4x:%2x:%2x.%1x%n", &domain, &bus, &dev, &fn, &end) == 4 &&
		(port[end] == '\0' || port[end] == ','))
		return true;
	end = 0;
	return sscanf(port, "%2x:%2x.%1x%n", &bus, &dev, &fn, &end) == 3 &&
	       (port[end] == '\0' || port[end] == ',');
}

const char *
gw_port_name(const char *port, char *buf, size_t len)
{
	bool short_pci = gw_port_is_pci(port) && strchr(port, ':') == strrchr(port, ':');

	snprintf(buf, len, "%s%.*s", short_pci ? "0000:" : "", (int)strcspn(port, ","), port);
	return buf;
}

bool
gw_port_arg(const char *port, const char *key, char *buf, size_t len)
{
	size_t key_len = strlen(key);

	for (const char *p = strchr(port, ','); p != NULL; p = strchr(p, ',')) {
		size_t n;

		p++;
		if (strncmp(p, key, key_len) != 0 || p[key_len] != '=')
			continue;
		p += key_len + 1;
		n = strcspn(p, ",");
		if (n >= len)
			return false;
		memcpy(buf, p, n);
		buf[n] = '\0';
		return true;
	}
	return false;
}

static bool
is_af_packet(const char *port)
{
	return strncmp(port, "net_af_packet", strlen("net_af_packet")) == 0;
}

/* Ring frame that takes mtu. */
static unsigned int
af_frame(uint16_t mtu)
{
	unsigned int need = mtu + L2_MAX + AF_FRAME_HDR;

	if (need <= AF_FRAME)
		return AF_FRAME;
	return (need + AF_FRAME_ALIGN - 1) / AF_FRAME_ALIGN * AF_FRAME_ALIGN;
}

const char *
gw_port_vdev(const char *port, uint16_t mtu, char *buf, size_t len)
{
	unsigned int frame = af_frame(mtu);
	char own[16];

	if (!is_af_packet(port) || gw_port_arg(port, "framesz", own, sizeof(own)) ||
		gw_port_arg(port, "blocksz", own, sizeof(own)) ||
		gw_port_arg(port, "framecnt", own, sizeof(own)))
		snprintf(buf, len, "%s", port);
	else
		snprintf(buf, len, "%s,framesz=%u,blocksz=%u,framecnt=%u", port, frame,
			frame * AF_BLOCK, AF_FRAMES);
	return buf;
}

unsigned int
gw_port_frame_max(const char *port, uint16_t mtu)
{
	unsigned int need = mtu + L2_MAX, frame = af_frame(mtu);
	char own[16];

	if (!is_af_packet(port))
		return need;
	if (gw_port_arg(port, "framesz", own, sizeof(own)))
		frame = (unsigned int)strtoul(own, NULL, 10);
	return frame > need && frame <= UINT16_MAX ? frame : need;
}
