/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Several workers: each packet arrives once, in the order of its tunnel, whichever worker has the
 * port's queues, and while tunnels change their owner; polls in random order by hand, then threads.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/virtio_net.h>

#include <rte_cycles.h>
#include <rte_ring.h>

#include "app/worker_priv.h"
#include "lib/bytes.h"
#include "lib/csum.h"
#include "lib/drop.h"
#include "lib/nexthop.h"
#include "team.h"

#define SEG_LEN 16u /* payload of a small segment */

static struct team team;

static const struct team_shape shapes[] = {
	{1, 1, 1}, {2, 1, 1}, {2, 2, 2}, {2, 1, 2}, {3, 2, 1}, {3, 2, 2}, {4, 1, 1}, {4, 4, 4}};

/* ---- by hand ---- */

static void
by_hand(const struct team_shape *s)
{
	struct team_shape busy = *s;

	busy.busy = true;
	team_up(&team, &busy);
	for (unsigned int i = 0; i < s->n_workers; i++)
		gw_rcu_online(team.plane.rcu, i);
}

static void
poll_one(unsigned int worker, unsigned int times)
{
	for (unsigned int i = 0; i < times; i++)
		gw_worker_poll(team.w[worker]);
}

static void
poll_each(unsigned int times)
{
	for (unsigned int k = 0; k < times; k++) {
		for (unsigned int i = 0; i < team.plane.n_workers; i++)
			gw_worker_poll(team.w[i]);
	}
}

static void
move_now(unsigned int i, unsigned int to)
{
	assert_true(team_move(&team, i, to));
	poll_each(20);
	assert_true(gw_move_is_done(&team.plane.move));
	assert_int_equal(atomic_load(&team.demux[i]->owner), to);
}

static void
hands_off(void)
{
	for (unsigned int i = 0; i < team.plane.n_workers; i++)
		gw_rcu_offline(team.plane.rcu, i);
	team_down(&team);
}

/* Each as often as the others, or one of them seldom, so that much waits for it. */
static unsigned int
whose_turn(const struct team_shape *s, unsigned int seed)
{
	unsigned int i = (unsigned int)random() % s->n_workers, slow = seed / 2 % s->n_workers;

	if (seed % 2 == 1 && i == slow && random() % 16 != 0)
		return (i + 1) % s->n_workers;
	return i;
}

/* Others are to help any of them, from now on. */
static void
offer_any(const struct team_shape *s)
{
	atomic_store(
		&team.plane.offering, (uint64_t)random() & ((UINT64_C(1) << s->n_workers) - 1));
	atomic_store(&team.more, random() % 4 == 0 ? 0 : 300);
}

static struct gw_worker_stats
stats(unsigned int worker)
{
	struct gw_worker_stats st;

	gw_worker_get_stats(team.w[worker], &st);
	return st;
}

static uint64_t
helped(void)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < team.plane.n_workers; i++)
		sum += stats(i).helped;
	return sum;
}

/* Any order of polls, any time of a move, any help. */
static void
schedule(const struct team_shape *s, unsigned int seed, bool help, uint64_t *moves, uint64_t *helps)
{
	unsigned int polls = 0;

	by_hand(s);
	team.window = GW_PASS_DEPTH / TEAM_TUNNELS; /* all in one ring at worst */
	srandom(seed);
	team_send(&team, 3000);
	while (!team_done(&team) && polls++ < 1000000) {
		gw_worker_poll(team.w[whose_turn(s, seed)]);
		if (random() % 4 == 0)
			*moves += team_move(&team, (unsigned int)random() % TEAM_TUNNELS,
				(unsigned int)random() % s->n_workers);
		if (help && s->n_workers > 1 && random() % 16 == 0)
			offer_any(s);
	}
	team_check(&team);
	*helps += helped();
	hands_off();
}

static void
schedules(bool inside)
{
	for (unsigned int i = 0; i < RTE_DIM(shapes); i++) {
		struct team_shape s = shapes[i];
		uint64_t moves = 0, helps = 0;

		s.inside = inside;
		for (unsigned int seed = 0; seed < 10; seed++) {
			s.fwd_worker = seed % s.n_workers;
			schedule(&s, seed, seed % 3 != 0, &moves, &helps);
		}
		assert_true(s.n_workers == 1 ? moves == 0 : moves > 100);
		assert_true(s.n_workers == 1 ? helps == 0 : helps > 1000);
	}
}

static void
test_schedules(void **state)
{
	schedules(false);
}

/* The same between an inside port and tunnels: whoever has the port forwards for all. */
static void
test_schedules_inside(void **state)
{
	schedules(true);
}

/* A worker that is slow to come back keeps nobody from working but who waits for its tunnels. */
static void
test_stands_still(void **state)
{
	by_hand(&(struct team_shape){3, 1, 1});
	team_send(&team, 100);
	assert_true(team_move(&team, 1, 2)); /* 1 is away */
	for (unsigned int i = 0; i < 500; i++) {
		gw_worker_poll(team.w[0]);
		gw_worker_poll(team.w[2]);
	}
	assert_int_equal(atomic_load(&team.flows[0].got), 100);
	assert_int_equal(atomic_load(&team.flows[1].got), 0);
	assert_int_equal(atomic_load(&team.flows[2].got), 0);
	poll_each(200);
	assert_true(team_done(&team));
	assert_int_equal(atomic_load(&team.demux[1]->owner), 2);
	team_check(&team);
	hands_off();
}

/* Nor does anybody sleep until it is done. */
static void
test_nobody_sleeps(void **state)
{
	uint64_t before[3];

	by_hand(&(struct team_shape){3, 1, 1});
	team.plane.busy = false;
	poll_each(100);
	for (unsigned int i = 0; i < 3; i++) {
		before[i] = stats(i).sleeps;
		assert_true(before[i] > 0);
	}
	assert_true(team_move(&team, 1, 2));
	while (!gw_move_is_done(&team.plane.move)) {
		for (unsigned int i = 0; i < 3; i++)
			assert_int_equal(stats(i).sleeps, before[i]);
		poll_each(1);
	}
	poll_each(100);
	for (unsigned int i = 0; i < 3; i++)
		assert_true(stats(i).sleeps > before[i]);
	hands_off();
}

/* Tunnel 1 goes from worker 1 to worker 2, and sends on there; worker 0 has much to do. */
static void
to_two(void)
{
	struct flow *f = &team.flows[1];

	assert_true(team_move(&team, 1, 2));
	for (unsigned int i = 0; i < 2000 && !team_done(&team); i++) {
		gw_worker_poll(team.w[1]);
		gw_worker_poll(team.w[2]);
		if (i % 5 == 0)
			gw_worker_poll(team.w[0]);
		if (atomic_load(&team.demux[1]->owner) == 2)
			f->limit = 1000;
	}
	team_check(&team);
	hands_off();
}

/* Frames on their way to who transmits them leave before those of the new owner. */
static void
test_frames_first(void **state)
{
	struct flow *f = &team.flows[1];

	by_hand(&(struct team_shape){3, 1, 1});
	team.window = GW_PASS_DEPTH;
	f->limit = 900;
	for (unsigned int i = 0; i < 30; i++)
		gw_worker_poll(team.w[1]);
	assert_int_equal(f->sent, 900);
	to_two();
}

/* So do packets on their way to who forwards them. */
static void
test_forwarded_first(void **state)
{
	struct flow *f = &team.flows[1];

	by_hand(&(struct team_shape){3, 2, 3, .inside = true});
	team.window = GW_PASS_DEPTH;
	f->limit = 900;
	for (unsigned int i = 0; i < 60; i++)
		gw_worker_poll(team.w[1]);
	assert_int_equal(stats(1).passed, 900);
	to_two();
}

static uint16_t
segments_write(struct gw_tunnel *t, struct rte_mbuf **pkts, uint16_t n)
{
	struct flow *f = &team.flows[t->index];

	for (uint16_t i = 0; i < n; i++) {
		f->wrong +=
			gw_get32(rte_pktmbuf_mtod_offset(pkts[i], uint8_t *, 24)) != f->expected;
		f->expected += SEG_LEN;
	}
	rte_pktmbuf_free_bulk(pkts, n);
	f->got += n;
	return n;
}

/* A super-packet of the kernel's, TCP in IPv4, into n segments. */
static void
send_super(int fd, unsigned int n)
{
	static struct {
		struct virtio_net_hdr v;
		uint8_t p[65535];
	} s;
	size_t len = 40 + n * SEG_LEN;

	s.v = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.gso_size = SEG_LEN,
		.csum_start = 20,
		.csum_offset = 16,
	};
	s.p[0] = 0x45;
	gw_put16(s.p + 2, (uint16_t)len);
	s.p[8] = 64;
	s.p[9] = IPPROTO_TCP;
	gw_put16(s.p + 10, 0);
	gw_put16(s.p + 10, gw_csum_fold(gw_csum_add(0, s.p, 20)));
	s.p[32] = 5 << 4;
	gw_put16(s.p + 36,
		(uint16_t)~gw_csum_fold(gw_csum_add(IPPROTO_TCP + len - 20, s.p + 12, 8)));
	assert_int_equal(write(fd, &s, sizeof(s.v) + len), (ssize_t)(sizeof(s.v) + len));
}

/* A super-packet of more segments than a ring takes goes to its end before its tunnel does. */
static void
test_super(void **state)
{
	static const struct gw_handoff_ops by_fd = {.write = segments_write};
	struct gw_tunnel *t;
	struct flow *f = &team.flows[1];
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds), 0);
	by_hand(&(struct team_shape){2, 1, 1});
	t = team.tunnels[1];
	assert_true(team_move(&team, 1, 0));
	while (atomic_load(&team.demux[1]->owner) != 0)
		poll_each(1);
	/* while nobody looks at it, it becomes one with a descriptor */
	t->handoff = &by_fd;
	t->fd = fds[0];
	t->offload = true;
	poll_each(20);
	assert_true(gw_move_is_done(&team.plane.move));
	f->limit = 2 * GW_PASS_DEPTH;
	send_super(fds[1], f->limit);
	while (f->got == 0)
		poll_one(0, 1);
	assert_true(f->got < GW_BURST_MAX * 3);
	assert_true(team_move(&team, 1, 1));
	poll_each(100);
	assert_true(gw_move_is_done(&team.plane.move));
	assert_int_equal(atomic_load(&team.demux[1]->owner), 1);
	team_check(&team);
	hands_off();
	close(fds[0]);
	close(fds[1]);
}

/* The kernel's side of a TUN's queue: a packet with that number, or of any. */
static void
kernel_sends(int fd, uint32_t number)
{
	uint8_t p[32] = {0x45, [3] = sizeof(p), [8] = 64, [9] = IPPROTO_UDP, [25] = 12};

	gw_put16(p + 10, gw_csum_fold(gw_csum_add(0, p, 20)));
	gw_put32(p + 28, number);
	assert_int_equal(write(fd, p, sizeof(p)), sizeof(p));
}

/* @return false: nothing there */
static bool
kernel_gets(int fd, uint32_t *number)
{
	uint8_t p[64];

	if (recv(fd, p, sizeof(p), MSG_DONTWAIT) != 32)
		return false;
	*number = gw_get32(p + 28);
	return true;
}

static bool
is_empty(int fd)
{
	uint8_t p[64];

	return recv(fd, p, sizeof(p), MSG_DONTWAIT | MSG_PEEK) < 0;
}

/* A TUN's flows follow the answers to the new owner's queue: not before the old one's is empty. */
static void
test_queues(void **state)
{
	enum { N = 150 };
	uint32_t number = N, got, expected = 0;
	struct gw_tunnel *t;
	int ours[2], theirs[2];

	for (int i = 0; i < 2; i++) {
		int fds[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds), 0);
		ours[i] = fds[0];
		theirs[i] = fds[1];
	}
	by_hand(&(struct team_shape){2, 1, 1, .queues = ours});
	t = team.tunnels[1];
	move_now(1, 0);
	assert_int_equal(t->answers, 1);
	for (uint32_t i = 0; i < N; i++)
		kernel_sends(theirs[1], i);
	for (unsigned int i = 0; i < 1000 && t->answers == 1; i++) {
		/* now and then it seems to be empty */
		for (uint32_t k = 0; i < 40 && i % 4 == 0 && k < 30; k++)
			kernel_sends(theirs[1], number++);
		poll_each(1);
		assert_true(t->answers == 1 || is_empty(ours[1]));
		while (kernel_gets(theirs[1], &got))
			assert_int_equal(got, expected++);
	}
	assert_int_equal(t->answers, 0);
	kernel_sends(theirs[0], number++);
	poll_each(100);
	for (int i = 1; i >= 0; i--) {
		while (kernel_gets(theirs[i], &got))
			assert_int_equal(got, expected++);
	}
	assert_int_equal(expected, number);
	assert_int_equal(team_drops(&team, GW_DROP_N), 0);
	hands_off();
	for (int i = 0; i < 2; i++) {
		close(ours[i]);
		close(theirs[i]);
	}
}

/* What waits for an SA goes along. */
static void
test_held(void **state)
{
	struct gw_sa_out *sa;

	by_hand(&(struct team_shape){2, 1, 1});
	sa = atomic_exchange(&team.tunnels[1]->sa_out, NULL);
	team_send(&team, 40);
	poll_each(100);
	assert_int_equal(team.tunnels[1]->n_held, 40);
	move_now(1, 0);
	assert_int_equal(team.tunnels[1]->n_held, 40);
	atomic_store(&team.tunnels[1]->sa_out, sa);
	poll_each(20);
	assert_true(team_done(&team));
	team_check(&team);
	hands_off();
}

/* What others pass while a tunnel moves, and has to be held, is its new owner's once: when it moves
 * on nothing of it stays behind. */
static void
test_held_passed(void **state)
{
	const unsigned int last = TEAM_TUNNELS - 1;
	struct gw_tunnel *t;
	struct gw_sa_out *sa;

	by_hand(&(struct team_shape){3, 1, 1});
	t = team.tunnels[last];
	sa = atomic_exchange(&t->sa_out, NULL);
	assert_int_equal(atomic_load(&team.demux[last]->owner), 1);
	team.of_last = true; /* tunnel 0 and so worker 0 reads them */
	assert_true(team_move(&team, last, 2));
	while (atomic_load(&team.demux[last]->owner) != 2)
		poll_each(1);
	assert_false(gw_move_is_done(&team.plane.move));
	team.flows[last].limit = 20;
	poll_each(20);
	assert_true(gw_move_is_done(&team.plane.move));
	assert_int_equal(t->n_held, 20);
	move_now(last, 0);
	atomic_store(&t->sa_out, sa);
	poll_one(2, 20);
	assert_int_equal(t->n_held, 20);
	poll_each(20);
	assert_true(team_done(&team));
	team_check(&team);
	hands_off();
}

/* ESP ahead of its SA waits with who received it, and goes to the owner ahead of what comes later:
 * in pieces, as a ring holds no more than so many, and however much of it there is. */
static void
early(uint32_t before, uint32_t after)
{
	const unsigned int late = TEAM_TUNNELS - 1;

	by_hand(&(struct team_shape){2, 1, 1, .n_late = 1});
	team_send(&team, before);
	poll_each(300);
	assert_int_equal(team.flows[0].got, before);
	assert_int_equal(team.flows[late].got, 0);
	team_send(&team, after);
	gw_worker_poll(team.w[1]); /* on their way */
	gw_sadb_publish(team.plane.sadb, team.in[late]);
	poll_each(300);
	assert_true(team_done(&team));
	team_check(&team);
	hands_off();
}

static void
test_early(void **state)
{
	early(30, 30);
	early(900, 30);
	early(900, 400);
}

static void
note(void *reclaimed)
{
	*(bool *)reclaimed = true;
}

/* What gw_offer_work() does with what it has taken. */
static void
help_by_hand(struct gw_offer_slot *s)
{
	const char *failed;
	struct gw_crypto *c = gw_crypto_create(SOCKET_ID_ANY, &failed);

	assert_non_null(c);
	gw_esp_crypt(c, &s->batch);
	atomic_store(&s->done, true);
	gw_crypto_destroy(c);
}

/* Somebody who is off its CPU has what was begun first. */
static struct gw_offer_slot *
taken_away(struct gw_offer *out)
{
	struct flow *f = &team.flows[0];
	struct gw_offer_slot *s;

	team.window = 10000;
	team.more = 300;
	team.plane.offering = 1;
	gw_worker_poll(team.w[0]); /* takes notice */
	f->limit = GW_BURST_MAX;
	gw_worker_poll(team.w[0]);
	s = gw_offer_oldest(out);
	assert_non_null(s);
	assert_int_equal(s->batch.n, GW_BURST_MAX);
	assert_int_equal(gw_offer_waiting(out), 1);
	atomic_fetch_add(&out->taken, 1);
	return s;
}

/* It holds up what it has and what comes behind, and nothing that may be in it is reclaimed. The
 * owner reads no more than there is room for, and goes on with all else. */
static void
test_slow_helper(void **state)
{
	const uint32_t room = GW_OFFER_SLOTS * GW_BURST_MAX;
	struct flow *f = &team.flows[0], *other = &team.flows[1];
	bool reclaimed = false;
	struct gw_offer_slot *s;
	struct gw_offer *out;

	by_hand(&(struct team_shape){2, 1, 1});
	out = &team.plane.offers[GW_OFFER_OUT];
	s = taken_away(out);
	gw_rcu_retire(team.plane.rcu, note, &reclaimed);
	f->limit = room + 200;
	other->limit = 100; /* of worker 1, but sent and received by 0 */
	for (unsigned int i = 0; i < 100; i++) {
		poll_each(1);
		gw_rcu_poll(team.plane.rcu);
	}
	assert_int_equal(f->sent, room);
	assert_int_equal(f->got, 0);
	assert_int_equal(other->got, 100);
	assert_false(reclaimed);
	help_by_hand(s);
	poll_each(100);
	assert_int_equal(f->got, f->limit);
	gw_rcu_poll(team.plane.rcu);
	assert_true(reclaimed);
	team_check(&team);
	hands_off();
}

/* What nobody comes for, its owner does, though neither of them is ever idle. */
static void
test_no_helper(void **state)
{
	struct flow *f = &team.flows[0], *other = &team.flows[1];
	struct gw_offer *out;

	by_hand(&(struct team_shape){2, 1, 1});
	out = &team.plane.offers[GW_OFFER_OUT];
	team.window = 10000;
	team.more = 300;
	team.hold_wire = true;
	team.plane.offering = 1;
	gw_worker_poll(team.w[0]);
	other->limit = 10000;
	f->limit = GW_BURST_MAX;
	poll_each(1);
	assert_int_equal(f->sent, GW_BURST_MAX);
	assert_int_equal(gw_offer_waiting(out), 1);
	poll_each(3);
	assert_int_equal(gw_offer_waiting(out), 0);
	assert_null(gw_offer_oldest(out));
	other->limit = other->sent;
	team.hold_wire = false;
	poll_each(300);
	team_check(&team);
	hands_off();
}

/* ---- rings that are full ---- */

static void
test_full(void **state)
{
	struct flow *last = &team.flows[TEAM_TUNNELS - 1]; /* of worker 1, which has no queue */

	by_hand(&(struct team_shape){2, 1, 1});
	team.window = 10000;
	team.hold_wire = true;
	/* frames to who transmits */
	last->limit = GW_PASS_DEPTH + 100;
	poll_one(1, 200);
	assert_int_equal(stats(1).passed, GW_PASS_DEPTH);
	assert_int_equal(team_drops(&team, GW_DROP_OUT_TX_PASS_FULL), 100);
	poll_one(0, 200);
	last->limit += 50;
	poll_one(1, 20);
	poll_one(0, 20);
	assert_int_equal(stats(1).passed, GW_PASS_DEPTH + 50);
	/* ESP to the owner */
	team.hold_wire = false;
	poll_one(0, 200);
	assert_int_equal(stats(0).passed, GW_PASS_DEPTH);
	assert_int_equal(team_drops(&team, GW_DROP_PASS_FULL), 50);
	poll_one(1, 200);
	assert_int_equal(last->got, GW_PASS_DEPTH);
	/* inner packets to the owner */
	team.of_last = true;
	last->limit += GW_PASS_DEPTH + 7;
	poll_one(0, 200);
	assert_int_equal(stats(0).passed, 2 * GW_PASS_DEPTH);
	assert_int_equal(team_drops(&team, GW_DROP_OUT_PASS_FULL), 7);
	team.of_last = false;
	poll_each(200);
	assert_int_equal(last->got, 2 * GW_PASS_DEPTH);
	assert_int_equal(team_drops(&team, GW_DROP_N), 157);
	assert_int_equal(
		team.tunnels[TEAM_TUNNELS - 1]->drops, 107); /* those known to be its own */
	hands_off();
}

/* ---- waiting for more ---- */

/* Few packets in each poll wait for others, but not through a poll that is longer than they may. */
static void
test_gathers(void **state)
{
	uint32_t sent = 0, waited = 0;

	by_hand(&(struct team_shape){1, 1, 1});
	team.w[0]->gather_tsc =
		100 * team.w[0]->tsc_per_ms; /* longer than any poll, but slow ones */
	team.window = 1;
	team_send(&team, 10000);
	for (unsigned int k = 0; k < 110; k++) {
		if (k == 100)
			team.slow_us = 20000; /* for each of the tunnels */
		poll_one(0, 1);
		sent = 0;
		for (unsigned int i = 0; i < TEAM_TUNNELS; i++)
			sent += team.flows[i].sent;
		if (k >= 102)
			assert_int_equal(team.n_out, sent);
		else
			waited += team.n_out < sent;
	}
	assert_true(waited > 0);
	team.slow_us = 0;
	for (unsigned int i = 0; i < TEAM_TUNNELS; i++)
		team.flows[i].limit = team.flows[i].sent;
	poll_one(0, 200);
	team_check(&team);
	hands_off();
}

/* ---- asleep ---- */

#define ROUNDS 20
#define POLLS  10 /* more than begin in a millisecond, each of which sleeps for 200 us */

/* A packet that waits for its next hop's MAC goes on when that is there, and not when the worker
 * happens to be awake as a millisecond ends. */
static void
test_waits_asleep(void **state)
{
	const struct flow *f = &team.flows[1];
	unsigned int polls = 0;

	by_hand(&(struct team_shape){.n_workers = 1, .n_rx = 1, .n_tx = 1, .inside = true});
	team.plane.busy = false;
	for (unsigned int i = 0; i < ROUNDS; i++) {
		team_neighbour(&team, 1, false);
		team_send(&team, 1);
		poll_one(0, 100);
		assert_int_equal(f->sent, i + 1);
		assert_int_equal(f->got, i);
		team_neighbour(&team, 1, true);
		for (unsigned int n = 0; f->got == i && n < 100; n++, polls++)
			poll_one(0, 1);
		assert_int_equal(f->got, i + 1);
	}
	assert_true(polls <= ROUNDS * POLLS);
	team_check(&team);
	hands_off();
}

/* ---- what ports and control do not take ---- */

#define EACH 10u /* packets of a tunnel */

/* Packets of all tunnels, of which so many end for that reason and the others arrive. */
static void
end_for(enum gw_drop reason, unsigned int n)
{
	uint64_t of_it = team_drops(&team, reason), all = team_drops(&team, GW_DROP_N);
	uint32_t got = 0;

	for (unsigned int i = 0; i < TEAM_TUNNELS; i++)
		got += team.flows[i].got;
	team_send(&team, EACH);
	poll_each(100);
	assert_int_equal(team_drops(&team, reason) - of_it, n);
	assert_int_equal(team_drops(&team, GW_DROP_N) - all, n);
	for (unsigned int i = 0; i < TEAM_TUNNELS; i++)
		got -= team.flows[i].got;
	assert_int_equal(got + TEAM_TUNNELS * EACH, n);
}

/* It is counted for what it is, and the next one goes on. */
static void
test_ports_refuse(void **state)
{
	struct gw_nexthop *hop;
	const struct gw_l2hdr *l2;

	by_hand(&(struct team_shape){.n_workers = 1, .n_rx = 1, .n_tx = 1, .inside = true});
	team.window = 10000;
	end_for(GW_DROP_NONE, 0);
	team.port_full = true;
	end_for(GW_DROP_OUT_TX_FULL, TEAM_TUNNELS * EACH);
	team.port_full = false;
	team.lan_full = true; /* where every second tunnel's packets go */
	end_for(GW_DROP_FWD_TX_FULL, TEAM_TUNNELS / 2 * EACH);
	team.lan_full = false;
	hop = gw_sa_out_nexthop(team.tunnels[0]->sa_out);
	l2 = hop->l2;
	hop->l2 = NULL;
	end_for(GW_DROP_OUT_NO_NEXTHOP, TEAM_TUNNELS * EACH);
	hop->l2 = l2;
	team.port.mtu = 60; /* it has sunk since the tunnels' was set */
	end_for(GW_DROP_OUT_MTU, TEAM_TUNNELS * EACH);
	team.port.mtu = 2000;
	end_for(GW_DROP_NONE, 0);
	hands_off();
}

/* The ring to the worker that has the inside port. */
static void
test_inside_is_far(void **state)
{
	struct flow *f = &team.flows[3]; /* to the inside port, of worker 0 */

	by_hand(&(struct team_shape){
		.n_workers = 3, .n_rx = 1, .n_tx = 1, .inside = true, .fwd_worker = 2});
	team.window = 10000;
	f->limit = GW_PASS_DEPTH + 100;
	poll_one(0, 200);
	assert_int_equal(team_drops(&team, GW_DROP_FWD_PASS_FULL), 100);
	poll_one(2, 200);
	assert_int_equal(f->got, GW_PASS_DEPTH);
	f->limit += 50;
	poll_one(0, 20);
	poll_one(2, 20);
	assert_int_equal(f->got, GW_PASS_DEPTH + 50);
	assert_int_equal(team_drops(&team, GW_DROP_N), 100);
	hands_off();
}

/* A frame to us, and a checksum that the port says is right. */
static struct rte_mbuf *
frame(uint8_t proto, const uint8_t *payload, uint16_t len)
{
	struct rte_mbuf *m = gw_pkt_alloc(team.plane.pool);
	uint8_t *p = (uint8_t *)rte_pktmbuf_append(m, 54 + len);

	memset(p, 0, 54);
	gw_put16(p + 12, 0x86dd);
	p[14] = 0x60;
	gw_put16(p + 18, len);
	p[20] = proto;
	p[21] = 255;
	p[22] = 0xfe; /* fe80::2 */
	p[23] = 0x80;
	p[37] = 2;
	memcpy(p + 38, &team.plane.local->addr[0], 16);
	memcpy(p + 54, payload, len);
	m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	return m;
}

static struct rte_mbuf *
icmp_frame(uint8_t type)
{
	const uint8_t p[24] = {type};

	return frame(IPPROTO_ICMPV6, p, sizeof(p));
}

static struct rte_mbuf *
ike_frame(uint64_t spi_r)
{
	uint8_t p[8 + 28] = {0};

	gw_put16(p, 500);
	gw_put16(p + 2, 500);
	gw_put16(p + 4, sizeof(p));
	gw_put16(p + 6, 1);
	gw_put64(p + 8, 77);
	gw_put64(p + 16, spi_r);
	return frame(IPPROTO_UDP, p, sizeof(p));
}

/* Control is away: each class has a ring of its own, and what it does not take is counted as of
 * that class. */
static void
test_control_is_away(void **state)
{
	static const enum gw_drop full[] = {GW_DROP_EXCP_ND_FULL, GW_DROP_EXCP_ICMP_FULL,
		GW_DROP_EXCP_IKE_FULL, GW_DROP_EXCP_HALF_OPEN_FULL, GW_DROP_EXCP_INIT_FULL};

	by_hand(&(struct team_shape){1, 1, 1});
	team.port.rx_csum = true;
	assert_true(gw_spiset_add(team.plane.spis, 10));
	assert_true(gw_spiset_add(team.plane.half_open, 11));
	for (unsigned int i = 0; i < TEAM_EXCP_DEPTH + 1 + RTE_DIM(full); i++) {
		struct rte_mbuf *m[] = {icmp_frame(135), icmp_frame(128), ike_frame(10),
			ike_frame(11), ike_frame(0)};

		for (unsigned int k = 0; k < RTE_DIM(full); k++) {
			if (i < TEAM_EXCP_DEPTH + 1 + k)
				team_inject(m[k]);
			else
				rte_pktmbuf_free(m[k]);
		}
	}
	poll_one(0, 20);
	for (unsigned int k = 0; k < RTE_DIM(full); k++)
		assert_int_equal(team_drops(&team, full[k]), k + 1);
	assert_int_equal(team_drops(&team, GW_DROP_N), 1 + 2 + 3 + 4 + 5);
	hands_off();
}

/* One sends for all: what another makes in its polls goes on in as many. */
static void
test_one_sends(void **state)
{
	by_hand(&(struct team_shape){2, 1, 1});
	team.window = 10000;
	for (unsigned int i = 0; i < 40; i++) {
		/* both of worker 1, which reads on until it has had a burst */
		team.flows[1].limit += GW_BURST_MAX - 4;
		team.flows[3].limit += GW_BURST_MAX;
		poll_each(1);
	}
	assert_true(stats(1).passed > 2 * GW_PASS_DEPTH);
	poll_each(100);
	team_check(&team);
	hands_off();
}

/* ---- threads ---- */

/* One after the other, as control does it: some go on without the first. */
static void
pause_all(const struct team_shape *s)
{
	for (unsigned int i = 0; i < s->n_workers; i++)
		gw_worker_pause(team.w[i]);
	rte_delay_us_sleep(100);
	for (unsigned int i = 0; i < s->n_workers; i++)
		assert_int_equal(gw_worker_resume(team.w[i]), 0);
}

enum { HELP = 1, PAUSE = 2 };

static void
with_threads(const struct team_shape *s, unsigned int with)
{
	uint64_t end = rte_rdtsc() + 60 * rte_get_tsc_hz();
	unsigned int moves = 0, pauses = 0;

	team_up(&team, s);
	team_send(&team, 20000);
	for (unsigned int i = 0; i < s->n_workers; i++)
		assert_int_equal(gw_worker_start(team.w[i], i + 1), 0);
	while (!team_done(&team) && rte_rdtsc() < end) {
		moves += team_move(&team, (unsigned int)random() % TEAM_TUNNELS,
			(unsigned int)random() % s->n_workers);
		if ((with & HELP) != 0 && random() % 8 == 0)
			offer_any(s);
		if ((with & PAUSE) != 0 && random() % 8 == 0) {
			pause_all(s);
			pauses++;
		}
		rte_delay_us_sleep(200);
	}
	for (unsigned int i = 0; i < s->n_workers; i++)
		gw_worker_stop(team.w[i]);
	team_check(&team);
	assert_true(s->n_workers == 1 || moves > 0);
	assert_true((with & PAUSE) == 0 || pauses > 0);
	print_message(
		"%u workers, %u and %u queues: %u moves, %u pauses, %lu packets helped with\n",
		s->n_workers, s->n_rx, s->n_tx, moves, pauses, (unsigned long)helped());
	team_down(&team);
}

static void
test_threads(void **state)
{
	for (unsigned int i = 0; i < RTE_DIM(shapes); i++)
		with_threads(&shapes[i], 0);
}

static void
test_threads_help(void **state)
{
	for (unsigned int i = 1; i < RTE_DIM(shapes); i++)
		with_threads(&shapes[i], HELP);
}

static void
test_threads_inside(void **state)
{
	for (unsigned int i = 0; i < RTE_DIM(shapes); i++) {
		struct team_shape s = shapes[i];

		s.inside = true;
		s.fwd_worker = s.n_workers - 1; /* as in the gateway */
		with_threads(&s, HELP);
	}
}

/* A port is reset while tunnels move and others help: nothing is lost of what is on its way. */
static void
test_threads_pause(void **state)
{
	for (unsigned int i = 0; i < RTE_DIM(shapes); i++)
		with_threads(&shapes[i], shapes[i].n_workers > 1 ? HELP | PAUSE : PAUSE);
}

/* test_workers [TEST]: one alone, for ThreadSanitizer */
int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schedules),
		cmocka_unit_test(test_schedules_inside),
		cmocka_unit_test(test_stands_still),
		cmocka_unit_test(test_nobody_sleeps),
		cmocka_unit_test(test_frames_first),
		cmocka_unit_test(test_forwarded_first),
		cmocka_unit_test(test_super),
		cmocka_unit_test(test_queues),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_held_passed),
		cmocka_unit_test(test_early),
		cmocka_unit_test(test_slow_helper),
		cmocka_unit_test(test_no_helper),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_gathers),
		cmocka_unit_test(test_waits_asleep),
		cmocka_unit_test(test_ports_refuse),
		cmocka_unit_test(test_inside_is_far),
		cmocka_unit_test(test_control_is_away),
		cmocka_unit_test(test_one_sends),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_threads_help),
		cmocka_unit_test(test_threads_inside),
		cmocka_unit_test(test_threads_pause),
	};

	team_eal();
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
