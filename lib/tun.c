/* SPDX-License-Identifier: BSD-3-Clause */
#include "tun.h"

#include <rte_malloc.h>
#include <rte_mbuf.h>

#include <errno.h>
#include <limits.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "super.h"
#include "tundev.h"
#include "tunnel.h"

static_assert(GW_BURST_MAX + 1 <= IOV_MAX, "a burst may be one writev");

/* ---- one descriptor ---- */

/* Left undone by the kernel from now on; without TSO_ECN it would cut what has CWR set. */
static int
set_offload(int fd)
{
	unsigned long tso = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
	int len = sizeof(struct virtio_net_hdr);

	if (ioctl(fd, TUNSETVNETHDRSZ, &len) < 0)
		return -1;
	if (ioctl(fd, TUNSETOFFLOAD, tso | TUN_F_TSO_ECN) == 0)
		return 0;
	return ioctl(fd, TUNSETOFFLOAD, tso);
}

/* @param more  flags beside the usual ones */
static int
open_queue(const char *name, bool offload, int more)
{
	int fd = gw_tundev_open(name, IFF_TUN | IFF_NO_PI | (offload ? IFF_VNET_HDR : 0) | more);

	if (fd >= 0 && offload && set_offload(fd) < 0) {
		int err = errno;

		close(fd);
		return -err;
	}
	return fd;
}

int
gw_tun_open(const char *name, bool offload)
{
	return open_queue(name, offload, 0);
}

int
gw_tun_open_queues(const char *name, bool offload, int *fds, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		/* a queue more of somebody else's interface is for the asking: the first one says
		 * no */
		fds[i] = open_queue(name, offload, IFF_MULTI_QUEUE | (i == 0 ? IFF_TUN_EXCL : 0));
		if (fds[i] >= 0)
			continue;
		int err = fds[i];

		while (i-- > 0)
			close(fds[i]);
		return err;
	}
	return 0;
}

/* ---- reading ---- */

struct gw_tun_rx {
	struct rte_mempool *pool;
	unsigned int queue;
	struct gw_tunnel *pending;
	struct gw_super super;
};

struct gw_tun_rx *
gw_tun_rx_create(struct rte_mempool *pool, unsigned int queue, int socket)
{
	struct gw_tun_rx *rx = rte_zmalloc_socket("tun_rx", sizeof(*rx), 64, socket);

	if (rx) {
		rx->pool = pool;
		rx->queue = queue;
	}
	return rx;
}

int
gw_tun_rx_fd(const struct gw_tun_rx *rx, const struct gw_tunnel *t)
{
	return t->queues ? t->queues[rx->queue] : t->fd;
}

void
gw_tun_rx_destroy(struct gw_tun_rx *rx)
{
	rte_free(rx);
}

struct gw_tunnel *
gw_tun_rx_pending(const struct gw_tun_rx *rx)
{
	return rx->pending;
}

static void
set_len(struct rte_mbuf *m, size_t len)
{
	m->data_len = (uint16_t)len;
	m->pkt_len = (uint32_t)len;
}

/* What one call reads. */
struct burst {
	struct rte_mbuf **pkts; /* good ones */
	uint16_t max, n, n_bad;
	struct rte_mbuf *bad[GW_BURST_MAX];
};

/*
 * Read one byte more than an mbuf may carry: a packet that was cut off is then too long for every
 * tunnel MTU and disagrees with its own header, so that the next stage refuses and counts it.
 * @return false when there is none: m is still the caller's
 */
static bool
read_plain(int fd, struct rte_mbuf *m, struct burst *b)
{
	ssize_t len;

	do {
		len = read(fd, rte_pktmbuf_mtod(m, void *), gw_super_room(m) + 1);
	} while (len < 0 && errno == EINTR);
	if (len <= 0)
		return false;
	set_len(m, (size_t)len);
	b->pkts[b->n++] = m;
	return true;
}

/*
 * Into the mbuf as far as it goes, so that a packet that need not be cut costs no copy; what is
 * longer goes on where it belongs in the scratch, and its beginning follows it there.
 * @return bytes of the packet, or -1 when there is none
 */
static ssize_t
read_vnet(struct gw_tun_rx *rx, int fd, struct rte_mbuf *m, struct virtio_net_hdr *v)
{
	size_t room = RTE_MIN(gw_super_room(m), sizeof(rx->super.p));
	struct iovec iov[] = {
		{v, sizeof(*v)},
		{rte_pktmbuf_mtod(m, void *), room},
		{rx->super.p + room, sizeof(rx->super.p) - room},
	};
	ssize_t len;

	do {
		len = readv(fd, iov, RTE_DIM(iov));
	} while (len < 0 && errno == EINTR);
	return len >= (ssize_t)sizeof(*v) ? len - (ssize_t)sizeof(*v) : -1;
}

/* @return true when there are segments to be had, each of which fits into an mbuf */
static bool
open_super(
	struct gw_tun_rx *rx, const struct rte_mbuf *m, const struct virtio_net_hdr *v, size_t len)
{
	size_t room = gw_super_room(m);

	memcpy(rx->super.p, rte_pktmbuf_mtod(m, const void *), RTE_MIN(len, room));
	return gw_super_open(&rx->super, v, len, room);
}

/* The next segments of the tunnel's super-packet, the first of them into m when it is not NULL. */
static void
segments(struct gw_tun_rx *rx, struct gw_tunnel *t, struct rte_mbuf *m, struct burst *b)
{
	b->n += gw_super_segments(
		&rx->super, rx->pool, t, m, b->pkts + b->n, b->max - b->n - b->n_bad);
	rx->pending = gw_super_is_pending(&rx->super) ? t : NULL;
}

/* A packet complete, or its segments, or refused. @return as read_plain() */
static bool
read_offload(struct gw_tun_rx *rx, struct gw_tunnel *t, struct rte_mbuf *m, struct burst *b)
{
	struct virtio_net_hdr v;
	ssize_t got = read_vnet(rx, gw_tun_rx_fd(rx, t), m, &v);
	size_t len = (size_t)got;
	bool super;

	if (got < 0)
		return false;
	super = v.gso_type != VIRTIO_NET_HDR_GSO_NONE;
	if (super && open_super(rx, m, &v, len)) {
		segments(rx, t, m, b);
		return true;
	}
	if (!super && len <= gw_super_room(m) &&
		gw_gso_complete(&v, rte_pktmbuf_mtod(m, uint8_t *), len)) {
		set_len(m, len);
		b->pkts[b->n++] = m;
		return true;
	}
	gw_pkt_refuse(m, GW_DROP_OUT_INNER_BAD);
	b->bad[b->n_bad++] = m;
	return true;
}

static void
read_burst(struct gw_tun_rx *rx, struct gw_tunnel *t, struct burst *b)
{
	while (b->n + b->n_bad < b->max && !rx->pending) {
		struct rte_mbuf *m = gw_pkt_alloc(rx->pool);

		if (unlikely(!m))
			return; /* they wait in the kernel's queue until mbufs come back */
		gw_pkt(m)->tunnel = t;
		if (t->offload ? read_offload(rx, t, m, b) : read_plain(gw_tun_rx_fd(rx, t), m, b))
			continue;
		rte_pktmbuf_free(m);
		return;
	}
}

uint16_t
gw_tun_read(struct gw_tun_rx *rx, struct gw_tunnel *t, struct rte_mbuf **pkts, uint16_t n,
	uint16_t *refused)
{
	struct burst b;

	b.pkts = pkts;
	b.max = RTE_MIN(n, GW_BURST_MAX);
	b.n = b.n_bad = 0;
	if (rx->pending)
		segments(rx, rx->pending, NULL, &b);
	else
		read_burst(rx, t, &b);
	memcpy(pkts + b.n, b.bad, b.n_bad * sizeof(b.bad[0]));
	*refused = b.n_bad;
	return b.n;
}

/* ---- writing ---- */

static enum gw_drop
write_all(int fd, const struct iovec *iov, int n_iov, size_t total)
{
	ssize_t len;

	do {
		len = writev(fd, iov, n_iov);
	} while (len < 0 && errno == EINTR);
	if (likely(len >= 0 && (size_t)len == total))
		return GW_DROP_NONE;
	return len < 0 ? gw_tundev_write_error(errno) : GW_DROP_TUN_ERROR;
}

static enum gw_drop
write_plain(int fd, const struct rte_mbuf *m)
{
	const struct iovec iov = {rte_pktmbuf_mtod(m, void *), m->data_len};

	return write_all(fd, &iov, 1, iov.iov_len);
}

static enum gw_drop
write_lone(int fd, const struct rte_mbuf *m)
{
	struct virtio_net_hdr v = {0};
	const struct iovec iov[] = {{&v, sizeof(v)}, {rte_pktmbuf_mtod(m, void *), m->data_len}};

	return write_all(fd, iov, RTE_DIM(iov), sizeof(v) + m->data_len);
}

/* The first packet with its headers made those of all, of the others the payload where it lies. */
static enum gw_drop
write_super(
	int fd, const struct gw_gro *g, const struct gw_gro_out *o, struct rte_mbuf *const *pkts)
{
	struct rte_mbuf *m = pkts[o->first];
	struct iovec iov[GW_GRO_PKTS + 1];
	struct virtio_net_hdr v;
	int n = 0;

	gw_gro_header(o, rte_pktmbuf_mtod(m, uint8_t *), &v);
	iov[n++] = (struct iovec){&v, sizeof(v)};
	iov[n++] = (struct iovec){rte_pktmbuf_mtod(m, void *), m->data_len};
	for (uint8_t i = o->first; i != o->last;) {
		i = g->next[i];
		m = pkts[i];
		iov[n++] = (struct iovec){rte_pktmbuf_mtod_offset(m, void *, o->hdr_len),
			(size_t)m->data_len - o->hdr_len};
	}
	return write_all(fd, iov, n, sizeof(v) + o->len);
}

static void
write_offload(int fd, struct rte_mbuf **pkts, uint16_t n)
{
	struct gw_gro g;

	gw_super_coalesce(&g, pkts, n);
	for (uint8_t i = 0; i < g.n_out; i++) {
		const struct gw_gro_out *o = &g.out[i];

		gw_super_settle(&g, o, pkts,
			o->n > 1 ? write_super(fd, &g, o, pkts) : write_lone(fd, pkts[o->first]));
	}
}

static int
write_fd(const struct gw_tunnel *t)
{
	if (!t->queues)
		return t->fd;
	return t->queues[atomic_load_explicit(&t->answers, memory_order_relaxed)];
}

uint16_t
gw_tun_write(const struct gw_tunnel *t, struct rte_mbuf **pkts, uint16_t n)
{
	int fd = write_fd(t);
	uint16_t bad = 0;

	if (t->offload && n > 1)
		write_offload(fd, pkts, n);
	else
		for (uint16_t i = 0; i < n; i++)
			gw_pkt_refuse(pkts[i],
				t->offload ? write_lone(fd, pkts[i]) : write_plain(fd, pkts[i]));
	for (uint16_t i = 0; i < n; i++) {
		if (likely(gw_pkt(pkts[i])->drop == GW_DROP_NONE))
			rte_pktmbuf_free(pkts[i]);
		else
			pkts[bad++] = pkts[i];
	}
	return (uint16_t)(n - bad);
}

static uint16_t
tun_write(struct gw_tunnel *t, struct rte_mbuf **pkts, uint16_t n)
{
	return gw_tun_write(t, pkts, n);
}

const struct gw_handoff_ops gw_tun_handoff = {.write = tun_write};

/* ---- many of them ---- */

#define EVENTS_MAX 64 /* that one look brings */

struct member {
	int fd; /* -1: free */
	void *cookie;
};

struct gw_tunset {
	int epfd;
	bool no_pwait2; /* kernel before 5.11 */
	unsigned int max;
	int next, n_events; /* of those that were ready */
	struct epoll_event events[EVENTS_MAX];
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
	s->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (s->epfd < 0) {
		free(s);
		return NULL;
	}
	return s;
}

void
gw_tunset_destroy(struct gw_tunset *s)
{
	if (!s)
		return;
	close(s->epfd);
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
wait_events(struct gw_tunset *s, unsigned int timeout_us)
{
	struct timespec ts = {timeout_us / 1000000, (long)(timeout_us % 1000000) * 1000};
	int got;

	if (timeout_us == 0)
		return epoll_wait(s->epfd, s->events, EVENTS_MAX, 0);
	if (!s->no_pwait2) {
		got = epoll_pwait2(s->epfd, s->events, EVENTS_MAX, &ts, NULL);
		if (got >= 0 || errno != ENOSYS)
			return got;
		s->no_pwait2 = true;
	}
	return epoll_wait(s->epfd, s->events, EVENTS_MAX, (int)((timeout_us + 999) / 1000));
}

void
gw_tunset_wait(struct gw_tunset *s, unsigned int timeout_us)
{
	if (s->next < s->n_events)
		return;
	s->next = 0;
	s->n_events = wait_events(s, timeout_us);
}

void *
gw_tunset_next(struct gw_tunset *s)
{
	while (s->next < s->n_events) {
		const struct epoll_event *e = &s->events[s->next++];
		struct member *mb = e->data.ptr;

		if (mb->fd < 0) /* taken out since */
			continue;
		if (e->events & EPOLLIN)
			return mb->cookie;
		/* its interface was deleted: it would be "ready" for ever */
		gw_tunset_del(s, mb->fd);
	}
	return NULL;
}
