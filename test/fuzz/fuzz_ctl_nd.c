/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The outside link under any sequence of messages, wishes and waits. Input: steps of one byte of
 * kind, one of argument; a message brings its length in the argument and itself behind it.
 */
#include <stdlib.h>
#include <string.h>

#include "app/ctl_nd.h"

#define REFS_MAX 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct in6_addr our = {{{0x20, 1, 0x0d, 0xb8, [15] = 1}}};

struct world {
	struct nd *nd;
	uint64_t now;
	uint32_t random;
	unsigned int n_refs;
	struct gw_nexthop *ref[REFS_MAX];
};

static void
on_send(void *arg, const uint8_t *frame, size_t len)
{
	/* whatever is sent is a whole IPv6 packet from us */
	if (len < 54 || frame[12] != 0x86 || frame[14] >> 4 != 6 ||
		len - 54 != (size_t)(frame[18] << 8 | frame[19]))
		abort();
}

static void
on_publish(void *arg, struct gw_nexthop *nh, const struct gw_l2hdr *l2)
{
	struct gw_l2hdr *copy = l2 ? malloc(sizeof(*copy)) : NULL;

	if (copy)
		*copy = *l2;
	if (l2 && (l2->hdr[0] & 1))
		abort(); /* a neighbour is never a group */
	free((void *)(uintptr_t)atomic_exchange(&nh->l2, copy));
}

static void
on_event(void *arg, const struct nd_event *ev)
{
	if (ev->type == ND_EV_MTU && ev->mtu < 1280)
		abort();
}

static void
on_log(void *arg, enum nd_log_level level, const char *msg)
{
	if (strlen(msg) == 0)
		abort();
}

static uint32_t
on_random(void *arg)
{
	struct world *w = arg;

	return w->random = w->random * 1664525 + 1013904223;
}

static void
count(void *arg, const struct nd_info *info)
{
	(*(unsigned int *)arg)++;
}

static struct in6_addr
address(uint8_t arg)
{
	struct in6_addr a = our;

	a.s6_addr[5] = arg >> 7; /* off link */
	a.s6_addr[15] = arg & 0x7f;
	return a;
}

static void
hear(struct world *w, const uint8_t *p, size_t len)
{
	static const uint8_t macs[2][6] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};
	size_t off = len > 6 && p[6] == 0 ? 48 : 40;
	struct in6_addr src, dst;
	uint8_t copy[256];
	struct gw_nd m;
	uint16_t sum;

	if (len < off + 4)
		return;
	memcpy(copy, p, len);
	memcpy(&src, p + 8, 16);
	memcpy(&dst, p + 24, 16);
	memset(copy + off + 2, 0, 2);
	sum = gw_ip6_csum(&src, &dst, 58, copy + off, len - off);
	copy[off + 2] = (uint8_t)(sum >> 8);
	copy[off + 3] = (uint8_t)sum;
	gw_nd_parse(copy, len, off, &m);
	if (m.type != GW_ND_BAD)
		nd_input(w->nd, w->now, macs[p[23] & 1], &m);
}

static void
wish(struct world *w, uint8_t kind, uint8_t arg)
{
	struct in6_addr a = address(arg);
	uint8_t p[40] = {0x60, [6] = 59};
	struct gw_nexthop *nh;

	switch (kind) {
	case 1:
		memcpy(p + 8, &our, 16);
		memcpy(p + 24, &a, 16);
		nd_send(w->nd, w->now, p, sizeof(p));
		break;
	case 2:
		nh = w->n_refs < REFS_MAX ? nd_nexthop(w->nd, w->now, &a) : NULL;
		if (nh)
			w->ref[w->n_refs++] = nh;
		break;
	case 3:
		if (w->n_refs > 0)
			nd_nexthop_put(w->nd, w->ref[--w->n_refs]);
		break;
	case 4:
		nd_confirm(w->nd, w->now, &a);
		break;
	case 5:
		if (w->n_refs > 0)
			atomic_store(&w->ref[arg % w->n_refs]->used, 1);
		break;
	default:
		w->now += (uint64_t)arg * arg * 50;
		break;
	}
}

static void
settle(struct world *w)
{
	unsigned int i, n = 0;

	for (i = 0; i < 8 && nd_tick(w->nd, w->now) <= w->now; i++)
		;
	if (i == 8)
		abort(); /* it would keep control awake */
	nd_walk(w->nd, count, &n);
	if (n > REFS_MAX + ND_STRAY_MAX + ND_ROUTERS_MAX)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = {.now = 1000};
	struct nd_ops ops = {&w, on_send, on_publish, on_event, on_log, on_random};
	struct nd_cfg cfg = {.mac = {2, 0, 0, 0, 0, 9}, .mtu = 1500, .n_addrs = 1};

	if (size < 1)
		return 0;
	cfg.router_auto = data[0] & 1;
	cfg.no_dad = data[0] & 2;
	cfg.addrs[0] = (struct gw_prefix){.family = AF_INET6, .bits = 64};
	memcpy(cfg.addrs[0].addr, &our, 16);
	w.nd = nd_create(&cfg, &ops, w.now);
	data++;
	size--;
	while (size >= 2) {
		uint8_t kind = data[0] % 7, arg = data[1];

		data += 2;
		size -= 2;
		if (kind == 0) {
			size_t len = arg < size ? arg : size;

			hear(&w, data, len);
			data += len;
			size -= len;
		} else {
			wish(&w, kind, arg);
		}
		settle(&w);
	}
	while (w.n_refs > 0)
		nd_nexthop_put(w.nd, w.ref[--w.n_refs]);
	nd_destroy(w.nd);
	return 0;
}
