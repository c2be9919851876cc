/* SPDX-License-Identifier: BSD-3-Clause */

/* What neither engine would do: messages out of turn, mixed fragments, floods, moves under way. */

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ike/natd.h"
#include "ike/nego.h"
#include "ike/payload.h"
#include "ike/sa.h"
#include "ike/send.h"
#include "ike/x.h"
#include "world.h"

static void
connect_world(struct world *w)
{
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
	world_run(w, 1000);
	world_assert_settled(w, 1);
}

/** A datagram to peer `to` that seems to come from the other one. */
static void
inject(struct world *w, unsigned int to, const uint8_t *buf, size_t len)
{
	const struct ike_path path = {w->p[to].addr, w->p[1 - to].addr, 500, 500};

	ike_input(w->p[to].e, &path, buf, len, w->now);
}

/** A protected request while our IKE_SA_INIT is on its way: there are no keys to read it with. */
static void
test_request_before_keys(void **state)
{
	struct world *w = world_create(700);
	uint8_t m[28 + 4 + 64] = {0};
	uint64_t spi;

	(void)state;
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
	spi = w->p[0].e->sas->spi_i;
	for (unsigned int i = 0; i < 8; i++)
		m[i] = (uint8_t)(spi >> (56 - 8 * i));
	m[16] = IKE_PLD_SK;
	m[17] = IKE_VERSION;
	m[27] = sizeof(m);
	m[31] = sizeof(m) - 28;
	for (unsigned int x = IKE_X_AUTH; x <= IKE_X_INFORMATIONAL; x++) {
		m[18] = (uint8_t)x;
		inject(w, 0, m, sizeof(m));
	}
	world_run(w, 1000);
	world_assert_settled(w, 1);
	world_destroy(w);
}

/** INVALID_SYNTAX is the end for both ends, without a DELETE (RFC 7296 2.21.3). */
static void
test_told_malformed(void **state)
{
	struct world *w = world_create(701);
	struct ike_sa *sa;
	struct ike_chain c;

	(void)state;
	connect_world(w);
	sa = peer_sa(&w->p[0]);
	ike_send_begin(sa->e, &c);
	ike_pld_raw_build(&c, IKE_PLD_NOTIFY, "\0", 1);
	assert_int_equal(ike_send_request(sa, IKE_X_INFORMATIONAL, &c, &sa->path), 0);
	sa->active = calloc(1, sizeof(*sa->active));
	sa->active->type = IKE_TASK_LIVENESS;
	world_run(w, 1000);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(peer_live_sas(&w->p[i]), 0);
		assert_int_equal(peer_installed(&w->p[i]), 0);
	}
	world_destroy(w);
}

/* ---- fragments (RFC 7383) ---- */

#define BIG 3000

static struct {
	uint8_t buf[2 * BIG];
	size_t len[8];
	unsigned int n;
} frags;

/** A large message from peer 0, in fragments of at most max bytes, into frags. */
static void
make_fragments(struct world *w, uint32_t msg_id, bool response, size_t max)
{
	struct ike_sa *sa = peer_sa(&w->p[0]);
	const struct ike_hdr hdr = {
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.exchange = IKE_X_INFORMATIONAL,
		.flags = (uint8_t)(IKE_FLAG_INITIATOR | (response ? IKE_FLAG_RESPONSE : 0)),
		.msg_id = msg_id,
	};
	static const uint8_t vendor[BIG];
	struct ike_chain c;
	size_t at = 0;

	ike_send_begin(sa->e, &c);
	ike_pld_raw_build(&c, IKE_PLD_VENDOR, vendor, sizeof(vendor));
	assert_true(ike_sk_seal_frags(&sa->keys.i, &hdr, c.first, c.w.buf, c.w.len, max, frags.buf,
			    sizeof(frags.buf), &frags.n) > 0);
	assert_true(frags.n <= 8);
	for (unsigned int i = 0; i < frags.n; i++) {
		frags.len[i] = ike_msg_length(frags.buf + at);
		at += frags.len[i];
	}
}

/** Bit i of which: fragment i + 1 goes to peer 1. */
static void
inject_fragments(struct world *w, unsigned int which)
{
	const uint8_t *p = frags.buf;

	for (unsigned int i = 0; i < frags.n; i++) {
		if ((which >> i & 1) != 0)
			inject(w, 1, p, frags.len[i]);
		p += frags.len[i];
	}
}

/** A fragment of a try that the peer gave up for smaller ones comes late: it is dropped (2.6.1). */
static void
test_late_fragment(void **state)
{
	struct world *w = world_create(710);
	uint32_t id;

	(void)state;
	connect_world(w);
	id = peer_sa(&w->p[0])->win.next_out;
	make_fragments(w, id, false, 700);
	inject_fragments(w, ~1u);
	make_fragments(w, id, false, 1700);
	inject_fragments(w, 1);
	assert_int_equal(peer_live_sas(&w->p[1]), 1);
	make_fragments(w, id, false, 700);
	inject_fragments(w, 1);
	assert_int_equal(peer_sa(&w->p[1])->win.next_in, id + 1);
	world_destroy(w);
}

static bool
drop_all(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	(void)w;
	(void)from;
	(void)buf;
	(void)len;
	return false;
}

/** A request and a response with the same Message ID come in fragments at the same time. */
static void
test_fragments_of_both_ways(void **state)
{
	struct world *w = world_create(711);
	struct ike_sa *sa[2];
	uint32_t id;

	(void)state;
	connect_world(w);
	sa[0] = peer_sa(&w->p[0]);
	sa[1] = peer_sa(&w->p[1]);
	id = sa[0]->win.next_out;
	sa[1]->win.next_out = sa[0]->win.next_in = id;
	w->filter = drop_all;
	ike_task_add(sa[1], IKE_TASK_LIVENESS, NULL, 0, 0);
	world_run(w, 10);
	make_fragments(w, id, true, 1700);
	inject_fragments(w, 1);
	make_fragments(w, id, false, 1700);
	inject_fragments(w, ~0u);
	assert_int_equal(peer_live_sas(&w->p[1]), 1);
	assert_int_equal(sa[1]->win.next_in, id + 1);
	make_fragments(w, id, true, 1700);
	inject_fragments(w, 2);
	assert_int_equal(sa[1]->win.next_out, id + 1);
	world_destroy(w);
}

/* ---- strangers ---- */

/** Who fails to authenticate again and again leaves a bounded number of lingering SAs behind, and
 * is not heard any more when they are that many. */
static void
test_failed_ones_are_bounded(void **state)
{
	struct world *w = world_create(720);

	(void)state;
	w->p[1].cfg.half_open_max = 4;
	peer_psk(&w->p[1], "another one");
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	for (unsigned int n = 0; n < 20; n++) {
		ike_initiate(w->p[0].e, NULL, "gre", w->now);
		world_run(w, 100);
	}
	assert_int_equal(w->p[0].events[IKE_EV_CHILD_FAILED], 4);
	assert_int_equal(w->p[1].e->n_listed, 4);
	assert_true(w->p[1].e->stats.init_dropped > 0);
	world_run(w, 200000);
	assert_int_equal(w->p[1].e->n_listed, 0);
	world_destroy(w);
}

static struct {
	unsigned int from;
	uint8_t buf[IKE_INIT_LEN_MAX];
	size_t len;
} kept;

/** Keep the first message of kept.from. */
static bool
keep_first(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	(void)w;
	if (from == kept.from && kept.len == 0 && *len <= sizeof(kept.buf)) {
		memcpy(kept.buf, buf, *len);
		kept.len = *len;
	}
	return true;
}

static void
keep_first_of(struct world *w, unsigned int from)
{
	kept.from = from;
	kept.len = 0;
	w->filter = keep_first;
}

/** An IKE_SA_INIT that somebody unknown makes us keep has 4 KiB at most: with a vendor ID it grows.
 */
static void
test_init_is_bounded(void **state)
{
	struct world *w = world_create(931);
	struct ike_path path;

	(void)state;
	keep_first_of(w, 0);
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
	world_run(w, 1000);
	world_assert_settled(w, 1);
	path = w->p[1].e->sas->path;
	for (unsigned int more = 0; more < 2; more++) {
		uint8_t buf[IKE_INIT_LEN_MAX + 1] = {0};
		size_t len = IKE_INIT_LEN_MAX + more, vid = len - kept.len;
		struct ike_stats st;

		memcpy(buf, kept.buf, IKE_HDR_LEN);
		memcpy(buf + IKE_HDR_LEN + vid, kept.buf + IKE_HDR_LEN, kept.len - IKE_HDR_LEN);
		buf[0] ^= 0x55; /* another IKE SA */
		buf[16] = IKE_PLD_VENDOR;
		buf[26] = (uint8_t)(len >> 8);
		buf[27] = (uint8_t)len;
		buf[IKE_HDR_LEN] = kept.buf[16];
		buf[IKE_HDR_LEN + 2] = (uint8_t)(vid >> 8);
		buf[IKE_HDR_LEN + 3] = (uint8_t)vid;
		ike_input(w->p[1].e, &path, buf, len, w->now);
		ike_get_stats(w->p[1].e, &st);
		assert_int_equal(st.n_half_open, more == 0);
		world_run(w, 40000);
	}
	world_destroy(w);
}

/** What strangers can make us write is bounded, and that something was left out is said. */
static void
test_log_is_bounded(void **state)
{
	struct world *w = world_create(721);
	unsigned int lines = 0;

	(void)state;
	peer_proposals(&w->p[1], "aes256-sha512-x25519", "aes128gcm16");
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	for (unsigned int n = 0; n < 100; n++) {
		assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
		world_run(w, 30);
	}
	for (const char *p = w->p[1].log; (p = strchr(p, '\n')) != NULL; p++)
		lines++;
	assert_in_range(lines, 20, 50);
	assert_non_null(strstr(w->p[1].log, "no common IKE proposal"));
	assert_non_null(strstr(w->p[1].log, "left out"));
	world_destroy(w);
}

/* ---- IKE_SA_INIT: answers that nobody vouches for ---- */

/** Copies of an INVALID_KE_PAYLOAD that was followed already count for nothing. */
static void
test_copies_of_a_restart(void **state)
{
	struct world *w = world_create(730);

	(void)state;
	peer_proposals(&w->p[0], "aes128-sha256-x25519-ecp256", "aes128gcm16");
	peer_proposals(&w->p[1], "aes128-sha256-ecp256", "aes128gcm16");
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	keep_first_of(w, 1);
	assert_int_equal(ike_initiate(w->p[0].e, NULL, "gre", w->now), 0);
	world_run(w, 16);
	assert_true(kept.len > 0);
	for (unsigned int n = 0; n < 10; n++)
		inject(w, 0, kept.buf, kept.len);
	world_run(w, 1000);
	world_assert_settled(w, 1);
	assert_int_equal(w->n_ike, 6);
	world_destroy(w);
}

/** A peer that is starting has no configuration yet: who shall be up always comes back. */
static void
test_refused_for_now(void **state)
{
	struct world *w = world_create(731);

	(void)state;
	w->p[0].children[0].start_action = IKE_ACTION_START;
	w->p[1].cfg.n_conns = 0;
	peer_start(&w->p[1]);
	peer_start(&w->p[0]);
	world_run(w, 10000);
	world_assert_settled(w, 0);
	assert_int_equal(w->p[0].events[IKE_EV_CHILD_FAILED], 1);
	peer_kill(&w->p[1]);
	w->p[1].cfg.n_conns = 1;
	peer_start(&w->p[1]);
	world_run(w, 60000);
	world_assert_settled(w, 1);
	world_destroy(w);
}

/* ---- MOBIKE: a peer that moves in the middle of things ---- */

static struct {
	void (*send)(void *arg, const struct ike_path *path, const uint8_t *buf, size_t len);
	struct in6_addr alive; /* the only address of peer 0 that is still there */
} moving;

static void
send_if_alive(void *arg, const struct ike_path *path, const uint8_t *buf, size_t len)
{
	if (memcmp(&path->remote, &moving.alive, 16) == 0)
		moving.send(arg, path, buf, len);
}

/** peer 0 is at that address now, nowhere else, and says so (RFC 4555 3.5). */
static void
move(struct world *w, const char *to)
{
	struct ike_sa *sa = peer_sa(&w->p[0]);
	struct ike_path path = {.remote = w->p[1].addr, .local_port = 4500, .remote_port = 4500};
	struct ike_chain c;

	inet_pton(AF_INET6, to, &path.local);
	moving.alive = path.local;
	ike_send_begin(w->p[0].e, &c);
	ike_pld_notify_build(&c, IKE_N_UPDATE_SA_ADDRESSES, NULL, 0);
	ike_natd_build(sa, &path, &c);
	assert_int_equal(ike_send_request(sa, IKE_X_INFORMATIONAL, &c, &path), 0);
	sa->active = calloc(1, sizeof(*sa->active));
	sa->active->type = IKE_TASK_LIVENESS;
}

static struct world *
moving_world(uint64_t seed)
{
	struct world *w = world_create(seed);

	connect_world(w);
	peer_sa(&w->p[1])->mobike = true;
	moving.alive = w->p[0].addr;
	moving.send = w->p[1].e->host.send;
	w->p[1].e->host.send = send_if_alive;
	return w;
}

static void
assert_followed(struct world *w)
{
	assert_memory_equal(&peer_sa(&w->p[1])->path.remote, &moving.alive, 16);
	assert_memory_equal(&peer_sending(&w->p[1])->sa.path.remote, &moving.alive, 16);
	world_assert_settled(w, 1);
	world_destroy(w);
}

/** A request of ours is still on its way to where the peer was: without an answer nothing follows.
 */
static void
test_moved_under_a_request(void **state)
{
	struct world *w = moving_world(740);

	(void)state;
	w->cut = true;
	ike_task_add(peer_sa(&w->p[1]), IKE_TASK_LIVENESS, NULL, 0, 0);
	world_run(w, 100);
	w->cut = false;
	move(w, "2001:db8::99");
	world_run(w, 10000);
	assert_followed(w);
}

/** The first new address is gone before it was checked; the second one gets a cookie of its own. */
static void
test_moved_twice(void **state)
{
	struct world *w = moving_world(741);

	(void)state;
	move(w, "2001:db8::98");
	inet_pton(AF_INET6, "2001:db8::97", &moving.alive);
	world_run(w, 100);
	assert_int_equal(peer_sa(&w->p[1])->active->type, IKE_TASK_PATH_CHECK);
	/* the answer to the first move was lost with its address */
	ike_flight_clear(&peer_sa(&w->p[0])->win.request);
	peer_sa(&w->p[0])->win.next_out++;
	free(peer_sa(&w->p[0])->active);
	peer_sa(&w->p[0])->active = NULL;
	move(w, "2001:db8::99");
	world_run(w, 3000);
	assert_memory_equal(&peer_sa(&w->p[1])->path.remote, &w->p[0].addr, 16);
	world_run(w, 10000);
	assert_followed(w);
}

/** Both were told to end the SA at the same moment: nobody's close_action undoes that. */
static void
test_ended_by_both(void **state)
{
	static const struct ike_select all = {.ike = "gw-gw"};
	struct world *w = world_create(702);

	(void)state;
	for (unsigned int i = 0; i < 2; i++)
		w->p[i].children[0].close_action = IKE_ACTION_START;
	connect_world(w);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(ike_terminate(w->p[i].e, &all, w->now), 1);
	world_run(w, 100000);
	world_assert_settled(w, 0);
	world_destroy(w);
}

/** IKE rekeying is refused until the hard limit: who shall be up always comes back by a new SA. */
static void
test_hard_limit_of_the_ike_sa(void **state)
{
	struct world *w = world_create(703);

	(void)state;
	w->p[0].children[0].start_action = IKE_ACTION_START;
	w->p[0].conn.rekey_time_s = 10;
	w->p[0].conn.over_time_s = 10;
	peer_start(&w->p[1]);
	peer_start(&w->p[0]);
	world_run(w, 5000);
	peer_proposals(&w->p[1], "aes256-sha512-x25519", "aes128gcm16-x25519");
	world_run(w, 10000);
	peer_proposals(&w->p[1], "aes128-sha256-x25519", "aes128gcm16-x25519");
	world_run(w, 9000);
	assert_int_equal(w->p[0].events[IKE_EV_IKE_DOWN], 1);
	world_assert_settled(w, 1);
	world_destroy(w);
}

/** peer 1 says that childless initiation is fine and thinks otherwise when it comes. */
static bool
change_mind(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	(void)buf;
	(void)len;
	if (from == 1)
		w->p[1].conn.childless = IKE_CHILDLESS_NEVER;
	return true;
}

static bool
drop_requests_of_0(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	(void)w;
	(void)len;
	return from == 1 || (buf[19] & IKE_FLAG_RESPONSE) != 0;
}

/** A peer that leaves our rekeying without an answer gets one successor out of us, not many. */
static void
test_many_rivals(void **state)
{
	static const struct ike_select all = {.ike = "gw-gw"};
	struct world *w = world_create(705);
	struct ike_sa *sa;

	(void)state;
	connect_world(w);
	w->filter = drop_requests_of_0;
	assert_int_equal(ike_rekey(w->p[0].e, &all, w->now), 1);
	sa = peer_sa(&w->p[1]);
	for (unsigned int n = 0; n < 5; n++) {
		struct ike_task t = {.type = IKE_TASK_REKEY_IKE};
		struct ike_chain c;

		ike_send_begin(sa->e, &c);
		assert_int_equal(ike_x_rekey_build(sa, &t, &c), 0);
		assert_int_equal(ike_send_request(sa, IKE_X_CREATE_CHILD_SA, &c, &sa->path), 0);
		ike_nego_free(sa, t.nego);
		sa->active = calloc(1, sizeof(*sa->active));
		sa->active->type = IKE_TASK_CHILD;
		sa->active->cfg = &w->p[1].children[0];
		sa->active->retries = IKE_X_RETRIES_MAX;
		sa->active->nego = ike_nego_create(sa);
		world_run(w, 100);
	}
	assert_int_equal(w->p[0].e->n_listed, 2);
	world_destroy(w);
}

/** childless = never: an IKE_AUTH without child is no IKE_AUTH (RFC 6023 3). */
static void
test_childless_never(void **state)
{
	struct world *w = world_create(704);

	(void)state;
	w->filter = change_mind;
	peer_start(&w->p[0]);
	peer_start(&w->p[1]);
	assert_int_equal(ike_initiate(w->p[0].e, "gw-gw", NULL, w->now), 0);
	world_run(w, 1000);
	assert_int_equal(w->n_ike, 4);
	assert_int_equal(peer_live_sas(&w->p[1]), 0);
	assert_int_equal(peer_live_sas(&w->p[0]), 0);
	world_destroy(w);
}

/* ---- mutants: what is inside the encryption is changed, with the keys known ---- */

static struct ike_sa *
sender_of(struct peer *p, const struct ike_hdr *h)
{
	struct ike_sa *sa;

	for (sa = p->e->sas; sa != NULL; sa = sa->next)
		if (sa->spi_i == h->spi_i && sa->spi_r == h->spi_r)
			break;
	return sa;
}

static void
mutate(struct world *w, uint8_t *p, size_t len)
{
	for (unsigned int n = 1 + world_rand(w, 3); n > 0 && len > 0; n--) {
		uint8_t *at = &p[world_rand(w, (uint32_t)len)];

		if (world_rand(w, 2) == 0)
			*at = (uint8_t)(*at ^ 1u << world_rand(w, 8));
		else
			*at = (uint8_t)world_rand(w, 256);
	}
}

/** One protected message in four is opened, changed and sealed again; in the clear, one in ten. */
static bool
change_inside(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	static uint8_t clear[IKE_MSG_MAX], out[IKE_WIRE_CAP];
	struct ike_sk_key k;
	struct ike_view inner;
	struct ike_msg m;
	struct ike_sa *sa;

	if (ike_msg_parse(&m, buf, *len) != 0)
		return true;
	if (m.sk_type == 0 && world_rand(w, 10) == 0)
		mutate(w, buf + 28, *len - 28);
	sa = m.sk_type == IKE_PLD_SK ? sender_of(&w->p[from], &m.hdr) : NULL;
	if (sa == NULL || world_rand(w, 4) != 0)
		return true;
	k = sa->initiator ? sa->keys.i : sa->keys.r;
	if (k.encr == NULL || ike_sk_open(&k, &m, clear, &inner) != 0)
		return true;
	mutate(w, clear, inner.len);
	if (ike_sk_seal(&k, &m.hdr, m.sk_first, clear, inner.len, out, sizeof(out)) ==
		(ssize_t)*len)
		memcpy(buf, out, *len);
	return true;
}

/** Whatever came of it: selectors and modes never leave what is configured. */
static void
assert_within_policy(const struct peer *p)
{
	const struct ike_child_cfg *cfg = &p->children[0];
	struct ike_ts_list local, remote;

	ike_ts_resolve(&local, &cfg->local_ts, &p->addr);
	ike_ts_resolve(&remote, &cfg->remote_ts, &p->w->p[1 - p->index].addr);
	for (unsigned int i = 0; i < p->n_child; i++) {
		assert_true(ike_ts_subset(&p->child[i].sa.local_ts, &local));
		assert_true(ike_ts_subset(&p->child[i].sa.remote_ts, &remote));
	}
}

static void
test_mutants(void **state)
{
	const char *one = getenv("PEER_SEED"), *many = getenv("PEER_SEEDS");
	uint64_t seed = one != NULL ? strtoull(one, NULL, 0) : 0;
	uint64_t end = one != NULL ? seed + 1 : many != NULL ? strtoull(many, NULL, 0) : 200;

	(void)state;
	for (; seed < end; seed++) {
		struct world *w = world_create(5000 + seed);

		/* the last line before a failure names the seed */
		fprintf(stderr, "\rseed %llu ", (unsigned long long)seed);
		for (unsigned int i = 0; i < 2; i++) {
			w->p[i].conn.dpd_delay_s = 20;
			w->p[i].children[0].close_action = IKE_ACTION_START;
			w->p[i].children[0].time_s = (struct ike_life){30, 60, 10};
			w->p[i].conn.rekey_time_s = 70;
		}
		w->filter = change_inside;
		peer_start(&w->p[0]);
		peer_start(&w->p[1]);
		for (unsigned int n = 0; n < 10; n++) {
			ike_initiate(w->p[world_rand(w, 2)].e, NULL, "gre", w->now);
			world_run(w, 20000);
		}
		for (unsigned int i = 0; i < 2; i++)
			assert_within_policy(&w->p[i]);
		/* and then all is well again */
		w->filter = NULL;
		world_run(w, 600000);
		ike_initiate(w->p[0].e, NULL, "gre", w->now);
		world_run(w, 5000);
		assert_true(peer_live_children(&w->p[0]) >= 1);
		world_destroy(w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_before_keys),
		cmocka_unit_test(test_told_malformed),
		cmocka_unit_test(test_late_fragment),
		cmocka_unit_test(test_fragments_of_both_ways),
		cmocka_unit_test(test_failed_ones_are_bounded),
		cmocka_unit_test(test_init_is_bounded),
		cmocka_unit_test(test_log_is_bounded),
		cmocka_unit_test(test_copies_of_a_restart),
		cmocka_unit_test(test_refused_for_now),
		cmocka_unit_test(test_moved_under_a_request),
		cmocka_unit_test(test_moved_twice),
		cmocka_unit_test(test_ended_by_both),
		cmocka_unit_test(test_hard_limit_of_the_ike_sa),
		cmocka_unit_test(test_childless_never),
		cmocka_unit_test(test_many_rivals),
		cmocka_unit_test(test_mutants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
