/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel's side of tunnel interfaces, in memory, by LD_PRELOAD into raclette: what bench_growth
 * measures is then raclette's own. An interface is an eventfd that is never ready; requests that
 * would make or change one, its addresses and its routes are acknowledged and go nowhere. All else
 * is the kernel's, and so are real interfaces. The outside port has a link from the beginning.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include <rte_ethdev.h>

struct mnl_socket;

#define INDEX_FIRST 0x1000000u /* no real interface has such a number */

/* One thread opens interfaces and talks to the kernel: control's. */
static struct {
	char name[IFNAMSIZ]; /* the newest interface */
	unsigned int index;
	bool answered; /* a request waits for its acknowledgement */
	struct nlmsghdr request;
} g;

static void *
next(const char *name)
{
	void *p = dlsym(RTLD_NEXT, name);

	if (p == NULL) {
		fprintf(stderr, "tun_shim: no %s\n", name);
		abort();
	}
	return p;
}

int open64(const char *path, int flags, ...);
ssize_t mnl_socket_sendto(const struct mnl_socket *nl, const void *buf, size_t len);
ssize_t mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf, size_t size);

int
open64(const char *path, int flags, ...)
{
	int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))next("open64");
	mode_t mode;
	va_list ap;

	if (strcmp(path, "/dev/net/tun") == 0)
		return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	va_start(ap, flags);
	mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	return real(path, flags, mode);
}

int
ioctl(int fd, unsigned long request, ...)
{
	int (*real)(int, unsigned long, ...) = (int (*)(int, unsigned long, ...))next("ioctl");
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (request == TUNSETVNETHDRSZ || request == TUNSETOFFLOAD)
		return 0;
	if (request != TUNSETIFF)
		return real(fd, request, arg);
	memcpy(g.name, ((struct ifreq *)arg)->ifr_name, sizeof(g.name));
	g.index = g.index == 0 ? INDEX_FIRST : g.index + 1;
	return 0;
}

unsigned int
if_nametoindex(const char *name)
{
	unsigned int (*real)(const char *) = (unsigned int (*)(const char *))next("if_nametoindex");

	return strcmp(name, g.name) == 0 ? g.index : real(name);
}

/* routes and addresses are tunnels' alone; a link is when its number says so, or a group of them */
static bool
is_ours(const struct nlmsghdr *h)
{
	struct ifinfomsg link;

	switch (h->nlmsg_type) {
	case RTM_NEWADDR:
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
	case RTM_DELLINK:
		return true;
	case RTM_NEWLINK:
	case RTM_SETLINK:
		memcpy(&link, (const char *)h + NLMSG_HDRLEN, sizeof(link));
		return link.ifi_index >= (int)INDEX_FIRST;
	default:
		return false;
	}
}

ssize_t
mnl_socket_sendto(const struct mnl_socket *nl, const void *buf, size_t len)
{
	ssize_t (*real)(const struct mnl_socket *, const void *, size_t) = (ssize_t(*)(
		const struct mnl_socket *, const void *, size_t))next("mnl_socket_sendto");

	g.answered = is_ours(buf);
	if (!g.answered)
		return real(nl, buf, len);
	memcpy(&g.request, buf, sizeof(g.request));
	return (ssize_t)len;
}

ssize_t
mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf, size_t size)
{
	ssize_t (*real)(const struct mnl_socket *, void *, size_t) =
		(ssize_t(*)(const struct mnl_socket *, void *, size_t))next("mnl_socket_recvfrom");
	struct nlmsgerr ack = {.msg = g.request};
	struct nlmsghdr h = {
		.nlmsg_len = NLMSG_LENGTH(sizeof(ack)),
		.nlmsg_type = NLMSG_ERROR,
		.nlmsg_flags = NLM_F_CAPPED,
		.nlmsg_seq = g.request.nlmsg_seq,
	};

	if (!g.answered)
		return real(nl, buf, size);
	g.answered = false;
	if (size < h.nlmsg_len) {
		errno = ENOSPC;
		return -1;
	}
	memcpy(buf, &h, sizeof(h));
	memcpy((char *)buf + NLMSG_HDRLEN, &ack, sizeof(ack));
	return (ssize_t)h.nlmsg_len;
}

/* nobody waits for a peer that has not been started yet */
int
rte_eth_link_get_nowait(uint16_t port __rte_unused, struct rte_eth_link *link)
{
	*link = (struct rte_eth_link){.link_status = RTE_ETH_LINK_UP};
	return 0;
}
