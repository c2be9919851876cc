/* SPDX-License-Identifier: BSD-3-Clause */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "pkt.h"

int
gw_tap_open(const char *name)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
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
	/* EINVAL is also the kernel's word for "there, but no TAP interface" */
	if (err == EINVAL && if_nametoindex(name) != 0)
		return -EEXIST;
	return -err;
}

uint16_t
gw_tap_read(int fd, struct rte_mempool *pool, struct rte_mbuf **frames, uint16_t n)
{
	uint16_t got = 0;

	while (got < n) {
		struct rte_mbuf *m = gw_pkt_alloc(pool);
		ssize_t len;

		if (m == NULL)
			break;
		do {
			len = read(fd, rte_pktmbuf_mtod(m, void *), rte_pktmbuf_tailroom(m));
		} while (len < 0 && errno == EINTR);
		if (len <= 0) {
			rte_pktmbuf_free(m);
			break;
		}
		rte_pktmbuf_append(m, (uint16_t)len);
		frames[got++] = m;
	}
	return got;
}

static enum gw_drop
reason_of(int error)
{
	if (error == EAGAIN || error == ENOBUFS)
		return GW_DROP_TUN_FULL;
	return error == EIO ? GW_DROP_TUN_DOWN : GW_DROP_TUN_ERROR;
}

uint16_t
gw_tap_write(int fd, struct rte_mbuf **frames, uint16_t n)
{
	uint16_t bad = 0;

	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = frames[i];
		ssize_t len;

		do {
			len = write(fd, rte_pktmbuf_mtod(m, const void *), m->data_len);
		} while (len < 0 && errno == EINTR);
		if (len == m->data_len) {
			rte_pktmbuf_free(m);
			continue;
		}
		gw_pkt_refuse(m, len < 0 ? reason_of(errno) : GW_DROP_TUN_ERROR);
		frames[bad++] = m;
	}
	return n - bad;
}
