/* SPDX-License-Identifier: BSD-3-Clause */
#include "tun.h"

#include <rte_mbuf.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "pkt.h"
#include "tunnel.h"

/* ---- one descriptor ---- */

/*
 * Without IFF_VNET_HDR: one packet a read, as the kernel would put it on a wire. The header of
 * offloads would go in front of the data, into the headroom, whose size leaves room for its 12
 * bytes.
 */
int
gw_tun_open(const char *name)
{
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};
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
	/* EINVAL is also the kernel's word for "there, but no TUN interface" */
	if (err == EINVAL && if_nametoindex(name) != 0)
		return -EEXIST;
	return -err;
}

/*
 * Read one byte more than an mbuf may carry: a packet that was cut off is then too long for every
 * tunnel MTU and disagrees with its own header, so that the next stage refuses and counts it.
 */
static ssize_t
read_one(int fd, struct rte_mbuf *m)
{
	size_t room = (size_t)m->buf_len - GW_PKT_HEADROOM - GW_PKT_TAILROOM + 1;
	ssize_t len;

	m->data_off = GW_PKT_HEADROOM;
	do {
		len = read(fd, rte_pktmbuf_mtod(m, void *), room);
	} while (len < 0 && errno == EINTR);
	if (len > 0) {
		m->data_len = (uint16_t)len;
		m->pkt_len = (uint32_t)len;
	}
	return len;
}

uint16_t
gw_tun_read(int fd, struct rte_mempool *pool, struct rte_mbuf **pkts, uint16_t n, bool *again)
{
	uint16_t i;

	*again = true;
	for (i = 0; i < n; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

		if (unlikely(!m))
			return i; /* they wait in the kernel's queue until mbufs come back */
		if (read_one(fd, m) <= 0) {
			rte_pktmbuf_free(m);
			*again = false;
			return i;
		}
		pkts[i] = m;
	}
	return n;
}

static enum gw_drop
write_error(int err)
{
	switch (err) {
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

uint16_t
gw_tun_write(int fd, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t i, bad = 0;

	for (i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		ssize_t len;

		do {
			len = write(fd, rte_pktmbuf_mtod(m, const void *), m->data_len);
		} while (len < 0 && errno == EINTR);
		if (likely(len == m->data_len)) {
			rte_pktmbuf_free(m);
			continue;
		}
		gw_pkt_refuse(m, len < 0 ? write_error(errno) : GW_DROP_TUN_ERROR);
		pkts[bad++] = m;
	}
	return (uint16_t)(n - bad);
}

static uint16_t
tun_write(struct gw_tunnel *t, struct rte_mbuf **pkts, uint16_t n)
{
	return gw_tun_write(t->fd, pkts, n);
}

const struct gw_handoff_ops gw_tun_handoff = {.write = tun_write};

/* ---- many of them ---- */

struct member {
	int fd; /* -1: free */
	void *cookie;
};

struct gw_tunset {
	int epfd;
	bool no_pwait2; /* kernel before 5.11 */
	unsigned int max;
	struct epoll_event *events;
	struct member member[];
};

struct gw_tunset *
gw_tunset_create(unsigned int max)
{
	struct gw_tunset *s;
	unsigned int i;

	if (max == 0 || max > 1u << 20) {
		errno = EINVAL;
		return NULL;
	}
	s = calloc(1, sizeof(*s) + max * sizeof(s->member[0]));
	if (!s)
		return NULL;
	s->max = max;
	for (i = 0; i < max; i++)
		s->member[i].fd = -1;
	s->events = calloc(max, sizeof(*s->events));
	if (!s->events)
		goto free_set;
	s->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (s->epfd < 0)
		goto free_events;
	return s;
free_events:
	free(s->events);
free_set:
	free(s);
	return NULL;
}

void
gw_tunset_destroy(struct gw_tunset *s)
{
	if (!s)
		return;
	close(s->epfd);
	free(s->events);
	free(s);
}

static struct member *
find_member(struct gw_tunset *s, int fd)
{
	unsigned int i;

	for (i = 0; i < s->max; i++) {
		if (s->member[i].fd == fd)
			return &s->member[i];
	}
	return NULL;
}

int
gw_tunset_add(struct gw_tunset *s, int fd, void *cookie)
{
	struct epoll_event ev = {.events = EPOLLIN};
	struct member *mb;

	if (fd < 0)
		return -EBADF;
	mb = find_member(s, -1);
	if (!mb)
		return -ENOSPC;
	ev.data.ptr = mb;
	if (epoll_ctl(s->epfd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return -errno;
	mb->fd = fd;
	mb->cookie = cookie;
	return 0;
}

int
gw_tunset_del(struct gw_tunset *s, int fd)
{
	struct member *mb = fd < 0 ? NULL : find_member(s, fd);

	if (!mb)
		return -ENOENT;
	mb->fd = -1;
	return epoll_ctl(s->epfd, EPOLL_CTL_DEL, fd, NULL) < 0 ? -errno : 0;
}

static int
wait_events(struct gw_tunset *s, unsigned int timeout_us, int n)
{
	struct timespec ts = {timeout_us / 1000000, (long)(timeout_us % 1000000) * 1000};
	int got;

	if (timeout_us == 0)
		return epoll_wait(s->epfd, s->events, n, 0);
	if (!s->no_pwait2) {
		got = epoll_pwait2(s->epfd, s->events, n, &ts, NULL);
		if (got >= 0 || errno != ENOSYS)
			return got;
		s->no_pwait2 = true;
	}
	return epoll_wait(s->epfd, s->events, n, (int)((timeout_us + 999) / 1000));
}

unsigned int
gw_tunset_wait(struct gw_tunset *s, unsigned int timeout_us, void **cookies, unsigned int n)
{
	unsigned int ready = 0;
	int i, got;

	if (n > s->max)
		n = s->max;
	if (n == 0)
		return 0;
	got = wait_events(s, timeout_us, (int)n);
	for (i = 0; i < got; i++) {
		struct member *mb = s->events[i].data.ptr;

		if (s->events[i].events & EPOLLIN)
			cookies[ready++] = mb->cookie;
		else /* its interface was deleted: it would be "ready" for ever */
			gw_tunset_del(s, mb->fd);
	}
	return ready;
}
