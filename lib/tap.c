/* SPDX-License-Identifier: BSD-3-Clause */
#include "tap.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <unistd.h>

#include "pkt.h"
#include "tundev.h"

int
gw_tap_open(const char *name)
{
	return gw_tundev_open(name, IFF_TAP | IFF_NO_PI);
}

int
gw_tap_try(const char *name)
{
	int fd = gw_tundev_open(name, IFF_TAP | IFF_NO_PI | IFF_TUN_EXCL);

	if (fd < 0)
		return fd;
	close(fd); /* and it is gone */
	return 0;
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
		gw_pkt_refuse(m, len < 0 ? gw_tundev_write_error(errno) : GW_DROP_TUN_ERROR);
		frames[bad++] = m;
	}
	return n - bad;
}
