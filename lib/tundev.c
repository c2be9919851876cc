/* SPDX-License-Identifier: BSD-3-Clause */
#include "tundev.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int
gw_tundev_open(const char *name, int flags)
{
	struct ifreq ifr = {.ifr_flags = (short)flags};
	int fd, err;

	/* the kernel takes '%' for a template, and would pick a name of its own */
	if (!name[0] || strchr(name, '%'))
		return -EINVAL;
	if (strlen(name) >= sizeof(ifr.ifr_name))
		return -ENAMETOOLONG;
	strcpy(ifr.ifr_name, name);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, TUNSETIFF, &ifr) == 0)
		return fd;
	err = errno;
	close(fd);
	/* EINVAL is also the kernel's word for "there, but of another kind" */
	if (err == EINVAL && if_nametoindex(name) != 0)
		return -EEXIST;
	return -err;
}

enum gw_drop
gw_tundev_write_error(int error)
{
	switch (error) {
	case EAGAIN:
	case ENOBUFS:
	case ENOMEM:
		return GW_DROP_TUN_FULL;
	case EIO:    /* not up */
	case EBADFD: /* deleted under us */
	case ENETDOWN:
		return GW_DROP_TUN_DOWN;
	default:
		return GW_DROP_TUN_ERROR;
	}
}
