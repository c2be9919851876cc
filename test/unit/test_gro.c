/* SPDX-License-Identifier: BSD-3-Clause */
/* Segments that become super-packets, each rule with a case that must not; there and back again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/bytes.h"
#include "lib/csum.h"
#include "lib/gro.h"
#include "lib/gso.h"
#include "lib/inner.h"
#include "test_vectors.h"

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define PSH 0x08
#define ACK 0x10
#define URG 0x20
#define ECE 0x40
#define CWR 0x80

static uint32_t seed = 3168;

static uint32_t
rnd(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % below;
}

/* ---- packets ---- */

/* What one is made of; a test changes a word of it. */
struct spec {
	uint8_t version, tc, ttl, flags, src, doff_low;
	bool df, opt4, ext6, frag;
	uint16_t id, port, window, urgent, payload;
	uint32_t seq, ack, label, stamp; /* stamp: 0 = no options */
};

static const struct spec plain = {
	.version = 4,
	.tc = 0xb8,
	.ttl = 61,
	.flags = ACK,
	.src = 1,
	.df = true,
	.id = 100,
	.port = 5201,
	.window = 502,
	.payload = 100,
	.seq = 5000,
	.ack = 77,
	.label = 0x12345,
	.stamp = 9,
};

struct packet {
	uint16_t len;
	uint8_t *p; /* of just that many bytes, for the sanitizer */
};

static size_t
make4(uint8_t *p, const struct spec *s)
{
	size_t len = s->opt4 ? 24 : 20;

	p[0] = (uint8_t)(0x40 | len / 4);
	p[1] = s->tc;
	gw_put16(p + 4, s->id);
	gw_put16(p + 6, (uint16_t)((s->df ? GW_IP4_DF : 0) | (s->frag ? GW_IP4_MF : 0)));
	p[8] = s->ttl;
	p[9] = 6;
	memcpy(p + 12, (const uint8_t[]){10, 1, 0, s->src, 10, 2, 0, 2}, 8);
	if (s->opt4)
		memset(p + 20, 1, 4);
	return len;
}

static size_t
make6(uint8_t *p, const struct spec *s)
{
	gw_put32(p, 6u << 28 | (uint32_t)s->tc << 20 | s->label);
	p[6] = 6;
	p[7] = s->ttl;
	p[8] = p[24] = 0xfd;
	p[23] = s->src;
	p[39] = 2;
	if (!s->ext6)
		return 40;
	p[6] = 60;
	p[40] = 6;
	memcpy(p + 42, (const uint8_t[]){1, 4}, 2);
	return 48;
}

/* TCP's checksum by RFC 9293, whatever lies in front of it. */
static uint64_t
tcp_sum(const uint8_t *p, size_t off, size_t len)
{
	uint64_t sum = 6 + (len - off);

	sum = p[0] >> 4 == 4 ? gw_csum_add(sum, p + 12, 8) : gw_csum_add(sum, p + 8, 32);
	return gw_csum_add(sum, p + off, len - off);
}

static struct packet
make(const struct spec *s)
{
	uint8_t p[2048] = {0}, *tcp;
	size_t off = s->version == 4 ? make4(p, s) : make6(p, s), len;
	struct packet m;

	tcp = p + off;
	gw_put16(tcp, s->port);
	gw_put16(tcp + 2, 40000);
	gw_put32(tcp + 4, s->seq);
	gw_put32(tcp + 8, s->ack);
	tcp[12] = (uint8_t)((s->stamp ? 0x80 : 0x50) | s->doff_low);
	tcp[13] = s->flags;
	gw_put16(tcp + 14, s->window);
	gw_put16(tcp + 18, s->urgent);
	len = off + (tcp[12] >> 4) * 4u;
	if (s->stamp) {
		memcpy(tcp + 20, (const uint8_t[]){1, 1, 8, 10}, 4);
		gw_put32(tcp + 24, s->stamp);
	}
	for (unsigned int i = 0; i < s->payload; i++)
		p[len++] = (uint8_t)rnd(256);
	if (s->version == 4) {
		gw_put16(p + 2, (uint16_t)len);
		gw_put16(p + 10, gw_csum_fold(gw_csum_add(0, p, (p[0] & 0xfu) * 4)));
	} else {
		gw_put16(p + 4, (uint16_t)(len - 40));
	}
	gw_put16(tcp + 16, gw_csum_fold(tcp_sum(p, off, len)));
	m.len = (uint16_t)len;
	m.p = malloc(len);
	memcpy(m.p, p, len);
	return m;
}

/* What follows s in its stream. */
static struct spec
next(const struct spec *s)
{
	struct spec n = *s;

	n.seq += s->payload;
	n.id++;
	return n;
}

static void
add(struct gw_gro *g, const struct packet *m, unsigned int n)
{
	gw_gro_init(g);
	for (unsigned int i = 0; i < n; i++)
		gw_gro_add(g, m[i].p, m[i].len);
	assert_int_equal(g->n, n);
}

static void
done(struct packet *m, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		free(m[i].p);
}

/* Into how many writes do these go? */
static unsigned int
writes(const struct spec *s, unsigned int n)
{
	struct packet m[GW_GRO_PKTS];
	struct gw_gro g;

	for (unsigned int i = 0; i < n; i++)
		m[i] = make(&s[i]);
	add(&g, m, n);
	done(m, n);
	return g.n_out;
}

/* ---- rules ---- */

static unsigned int
pair(const struct spec *a, const struct spec *b)
{
	return writes((const struct spec[]){*a, *b}, 2);
}

#define RULE(field, value)                                                                         \
	do {                                                                                       \
		struct spec a_ = first, b_ = next(&a_);                                            \
		b_.field = (value);                                                                \
		if (pair(&a_, &b_) != 2)                                                           \
			fail_msg("IPv%u, second: " #field " = " #value, first.version);            \
	} while (0)

/* Both have it, and are apart all the same. */
#define NEVER(field, value)                                                                        \
	do {                                                                                       \
		struct spec a_ = first, b_;                                                        \
		a_.field = (value);                                                                \
		b_ = next(&a_);                                                                    \
		if (pair(&a_, &b_) != 2)                                                           \
			fail_msg("IPv%u, both: " #field " = " #value, first.version);              \
	} while (0)

#define MAY(field, value)                                                                          \
	do {                                                                                       \
		struct spec a_ = first, b_;                                                        \
		a_.field = (value);                                                                \
		b_ = next(&a_);                                                                    \
		if (pair(&a_, &b_) != 1)                                                           \
			fail_msg("IPv%u, both: " #field " = " #value, first.version);              \
	} while (0)

static void
rules(struct spec first)
{
	MAY(tc, 0xb8);
	RULE(tc, 0xb9);
	RULE(tc, 0xbb); /* CE */
	RULE(ttl, 60);
	RULE(src, 2);
	RULE(port, 5202);
	RULE(seq, first.seq);
	RULE(seq, first.seq + first.payload + 1);
	RULE(seq, first.seq + first.payload - 1);
	RULE(ack, 78);
	RULE(window, 503);
	RULE(urgent, 1);
	RULE(stamp, 10);
	RULE(stamp, 0);
	RULE(payload, 0);
	RULE(payload, 101);
	RULE(doff_low, 1);
	RULE(flags, ACK | ECE);
	RULE(flags, ACK | FIN);
	RULE(flags, ACK | URG);
	RULE(flags, ACK | CWR);
	RULE(flags, ACK | RST);
	RULE(flags, ACK | SYN);
	RULE(flags, 0);
	MAY(flags, ACK | ECE);
	NEVER(flags, 0);
	NEVER(flags, ACK | PSH); /* the first ends it at once */
	NEVER(flags, ACK | FIN);
	NEVER(flags, ACK | SYN);
	NEVER(flags, ACK | RST);
	NEVER(flags, ACK | URG);
	NEVER(flags, ACK | CWR);
	NEVER(payload, 0);
	MAY(payload, 1);
	MAY(payload, 1400);
	MAY(stamp, 0);
	MAY(seq, (uint32_t)-30); /* wraps within the first */
	MAY(seq, (uint32_t)-100);
	MAY(doff_low, 1);
}

static void
test_rules4(void **state)
{
	struct spec first = plain;

	rules(first);
	RULE(version, 6);
	RULE(df, false);
	NEVER(opt4, true);
	NEVER(frag, true);
	/* identification */
	MAY(id, 0xffff);
	RULE(ack, 0);
	first.id = 100;
	{
		struct spec b = next(&first);

		b.id = 9999; /* with DF it means nothing */
		assert_int_equal(pair(&first, &b), 1);
	}
	first.df = false;
	MAY(id, 0xffff);
	RULE(id, 100);
	RULE(id, 102);
	RULE(id, 9999);
}

static void
test_rules6(void **state)
{
	struct spec first = plain;

	first.version = 6;
	rules(first);
	RULE(label, 0x12346);
	NEVER(ext6, true);
}

static void
test_short_ends(void **state)
{
	struct spec s[4] = {plain};

	for (unsigned int i = 1; i < 4; i++)
		s[i] = next(&s[i - 1]);
	assert_int_equal(writes(s, 4), 1);
	s[2].payload = 99;
	s[3] = next(&s[2]);
	assert_int_equal(writes(s, 3), 1);
	assert_int_equal(writes(s, 4), 2);
	s[2].payload = 100;
	s[2].flags = ACK | PSH;
	s[3] = next(&s[2]);
	s[3].flags = ACK;
	assert_int_equal(writes(s, 3), 1);
	assert_int_equal(writes(s, 4), 2);
}

/* 65535 with headers, and one packet beyond. */
static void
test_longest(void **state)
{
	for (unsigned int round = 0; round < 2; round++) {
		unsigned int headers = round == 0 ? 20 + 32 : 40 + 32;
		struct packet m[GW_GRO_PKTS];
		struct spec s = plain;
		struct gw_gro g;

		s.version = round == 0 ? 4 : 6;
		s.payload = 1424;
		for (unsigned int i = 0; i < 46; i++, s = next(&s))
			m[i] = make(&s);
		add(&g, m, 46);
		assert_int_equal(g.n_out, 2);
		assert_int_equal(g.out[0].n, (65535 - headers) / 1424);
		assert_int_equal(g.out[0].len, headers + 45u * 1424);
		/* to the last byte */
		free(m[45].p);
		s.seq -= 1424;
		s.payload = (uint16_t)(65535 - g.out[0].len);
		m[45] = make(&s);
		add(&g, m, 46);
		assert_int_equal(g.n_out, 1);
		assert_int_equal(g.out[0].len, 65535);
		done(m, 46);
	}
}

/* ---- what must not be laundered ---- */

static void
test_damaged(void **state)
{
	for (unsigned int version = 4; version <= 6; version += 2) {
		size_t tcp = version == 4 ? 20 : 40;

		for (unsigned int bad = 0; bad < 3; bad++) {
			struct packet m[3];
			struct spec s = plain;
			struct gw_gro g;

			s.version = (uint8_t)version;
			for (unsigned int i = 0; i < 3; i++, s = next(&s))
				m[i] = make(&s);
			for (size_t bit = 8 * (tcp + 32); bit < 8u * m[bad].len; bit++) {
				m[bad].p[bit / 8] ^= (uint8_t)(1 << bit % 8);
				add(&g, m, 3);
				/* the damaged one is alone, whatever the others do */
				assert_int_equal(g.n_out, bad == 1 ? 3 : 2);
				for (unsigned int o = 0; o < g.n_out; o++)
					if (g.out[o].n > 1)
						assert_true(bad < g.out[o].first ||
							    bad > g.out[o].last);
				m[bad].p[bit / 8] ^= (uint8_t)(1 << bit % 8);
			}
			/* nor is a checksum that is there for another to complete */
			gw_put16(m[bad].p + tcp + 16, 0);
			add(&g, m, 3);
			assert_int_equal(g.n_out, bad == 1 ? 3 : 2);
			done(m, 3);
		}
	}
}

/* ---- order ---- */

static void
test_interleaved(void **state)
{
	struct packet m[GW_GRO_PKTS];
	struct spec s[GW_GRO_FLOWS + 1];
	struct gw_gro g;

	for (unsigned int flows = 1; flows <= GW_GRO_FLOWS + 1; flows++) {
		unsigned int n = 0;

		for (unsigned int f = 0; f < flows; f++) {
			s[f] = plain;
			s[f].port = (uint16_t)(1000 + f);
			s[f].version = f % 2 ? 4 : 6;
		}
		for (unsigned int i = 0; i < 5; i++)
			for (unsigned int f = 0; f < flows; f++, n++) {
				m[n] = make(&s[f]);
				s[f] = next(&s[f]);
			}
		add(&g, m, n);
		if (flows <= GW_GRO_FLOWS)
			assert_int_equal(g.n_out, flows);
		for (unsigned int o = 0; o < g.n_out && flows <= GW_GRO_FLOWS; o++) {
			assert_int_equal(g.out[o].first, o);
			assert_int_equal(g.out[o].n, 5);
			assert_int_equal(g.next[o], o + flows);
		}
		done(m, n);
	}
}

/* A packet between two that would fit: of the same flow it keeps them apart, of another it does
 * not. */
static void
test_between(void **state)
{
	struct spec a = plain, c = next(&a), between = plain;

	between.port = 7;
	assert_int_equal(writes((const struct spec[]){a, between, c}, 3), 2);
	between = a; /* sent again */
	assert_int_equal(writes((const struct spec[]){a, between, c}, 3), 2);
	between.payload = 0; /* an acknowledgement */
	assert_int_equal(writes((const struct spec[]){a, between, c}, 3), 3);
	between = plain;
	between.flags = ACK | FIN;
	assert_int_equal(writes((const struct spec[]){a, between, c}, 3), 3);
	/* which flow a fragment is of, or what an extension header hides, is not asked */
	between = plain;
	between.frag = true;
	assert_int_equal(writes((const struct spec[]){a, between, c}, 3), 3);
	between.src = 9;
	assert_int_equal(writes((const struct spec[]){a, between, c}, 3), 2);
	a.version = c.version = between.version = 6;
	between.src = 1;
	between.ext6 = true;
	assert_int_equal(writes((const struct spec[]){a, between, c}, 3), 3);
	between.src = 9;
	assert_int_equal(writes((const struct spec[]){a, between, c}, 3), 2);
}

/* ---- against what was written by others ---- */

static void
check_super(const struct gso_vector *v, const struct gw_gro *g, struct packet *m)
{
	uint8_t whole[400];
	struct virtio_net_hdr h;
	size_t len;

	gw_gro_header(&g->out[0], m[0].p, &h);
	memcpy(whole, m[0].p, m[0].len);
	len = m[0].len;
	for (unsigned int k = 1; k < v->n_segs; k++) {
		memcpy(whole + len, m[k].p + g->out[0].hdr_len, m[k].len - g->out[0].hdr_len);
		len += m[k].len - g->out[0].hdr_len;
	}
	assert_int_equal(len, v->len);
	assert_int_equal(len, g->out[0].len);
	assert_memory_equal(whole, v->packet, len);
	assert_int_equal(h.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(h.gso_type,
		v->packet[0] >> 4 == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6);
	assert_int_equal(h.gso_size, v->size);
	assert_int_equal(h.csum_start, v->csum_start);
	assert_int_equal(h.csum_offset, 16);
	assert_int_equal(h.hdr_len, g->out[0].hdr_len);
}

static void
test_scapy(void **state)
{
	for (size_t i = 0; i < N_VECTORS(gso_vectors); i++) {
		const struct gso_vector *v = &gso_vectors[i];
		const uint8_t *from = v->segs;
		struct packet m[4] = {0};
		struct gw_gro g;

		for (unsigned int k = 0; k < v->n_segs; k++) {
			m[k] = (struct packet){v->seg_len[k], malloc(v->seg_len[k])};
			memcpy(m[k].p, from, v->seg_len[k]);
			from += v->seg_len[k];
		}
		add(&g, m, v->n_segs);
		if (v->gro != (g.n_out == 1) && v->n_segs > 1)
			fail_msg("%s", v->name);
		if (v->gro)
			check_super(v, &g, m);
		done(m, v->n_segs);
	}
}

/* ---- there and back ---- */

#define STREAMS 12

/* A stream that does what streams do, mostly plain. */
static struct packet
random_packet(struct spec *s)
{
	struct spec now = *s;
	struct packet m;

	now.payload = rnd(6) == 0 ? (uint16_t)rnd(300) : s->payload;
	if (rnd(8) == 0)
		now.flags |= PSH;
	if (rnd(25) == 0)
		now.flags ^= (uint8_t)(1 << rnd(8));
	if (rnd(25) == 0)
		now.stamp = s->stamp++;
	if (rnd(25) == 0)
		s->ack += rnd(1000);
	if (rnd(25) == 0)
		now.tc ^= (uint8_t)rnd(4);
	if (rnd(40) == 0)
		now.frag = now.ext6 = true;
	if (rnd(40) == 0)
		now.opt4 = true;
	m = make(&now);
	if (rnd(20) == 0) { /* not in the IP header: gw_gre_in() refuses that */
		uint32_t from = now.version == 4 ? 20 : 40;

		m.p[from + rnd(m.len - from)] ^= (uint8_t)(1 << rnd(8));
	}
	s->seq = rnd(30) == 0 ? rnd(UINT32_MAX) : now.seq + now.payload;
	s->id++;
	return m;
}

/* What the kernel makes of one write is what went into it. */
static void
check_back(const struct gw_gro *g, const struct gw_gro_out *o, const struct packet *m)
{
	uint8_t *whole = malloc(o->len), *seg, *head;
	uint8_t k = o->first;
	struct virtio_net_hdr h;
	struct gw_gso gso;
	size_t len;

	head = malloc(m[k].len);
	memcpy(head, m[k].p, m[k].len);
	gw_gro_header(o, head, &h);
	memcpy(whole, head, m[k].len);
	for (len = m[k].len; k != o->last; len += m[k].len - o->hdr_len) {
		k = g->next[k];
		memcpy(whole + len, m[k].p + o->hdr_len, m[k].len - o->hdr_len);
	}
	assert_int_equal(len, o->len);
	assert_true(gw_gso_open(&gso, &h, whole, len));
	assert_int_equal(gso.n_segs, o->n);
	seg = malloc((size_t)gso.hdr_len + gso.seg_len);
	k = o->first;
	for (unsigned int i = 0; i < o->n; i++, k = g->next[k]) {
		assert_int_equal(gw_gso_segment(&gso, i, seg), m[k].len);
		assert_memory_equal(seg, m[k].p, m[k].len);
		if (i + 1u == o->n)
			break;
	}
	free(seg);
	free(head);
	free(whole);
}

/* Each packet is in one write, and a stream's packets are in the writes in their order. */
static void
check_order(const struct gw_gro *g, const unsigned int *stream)
{
	int last[STREAMS], seen = 0;

	memset(last, 0xff, sizeof(last));
	for (unsigned int o = 0; o < g->n_out; o++) {
		uint8_t k = g->out[o].first;

		for (unsigned int i = 0;; i++, k = g->next[k]) {
			assert_true((int)k > last[stream[k]]);
			last[stream[k]] = k;
			seen++;
			if (k == g->out[o].last) {
				assert_int_equal(i + 1, g->out[o].n);
				break;
			}
		}
	}
	assert_int_equal(seen, g->n);
}

static void
test_there_and_back(void **state)
{
	unsigned int stream[GW_GRO_PKTS], n_streams, together = 0, alone = 0;
	struct packet m[GW_GRO_PKTS];
	struct spec s[STREAMS];
	struct gw_gro g;

	for (unsigned int round = 0; round < 2000; round++) {
		unsigned int n = 1 + rnd(GW_GRO_PKTS);

		n_streams = 1 + rnd(STREAMS);
		for (unsigned int i = 0; i < n_streams; i++) {
			s[i] = plain;
			s[i].version = rnd(2) ? 4 : 6;
			s[i].port = (uint16_t)(100 + i);
			s[i].src = (uint8_t)rnd(3);
			s[i].df = rnd(2);
			s[i].id = (uint16_t)rnd(65536);
			s[i].seq = rnd(UINT32_MAX);
			s[i].payload = (uint16_t)(1 + rnd(1400));
		}
		for (unsigned int i = 0; i < n; i++) {
			stream[i] = rnd(n_streams);
			m[i] = random_packet(&s[stream[i]]);
		}
		add(&g, m, n);
		check_order(&g, stream);
		for (unsigned int o = 0; o < g.n_out; o++) {
			if (g.out[o].n > 1)
				check_back(&g, &g.out[o], m);
			together += g.out[o].n > 1;
			alone += g.out[o].n == 1;
		}
		done(m, n);
	}
	assert_true(together > 1000 && alone > 1000);
}

/* Too short for anything, or for what it says. */
static void
test_malformed(void **state)
{
	struct packet whole = make(&plain);

	for (unsigned int len = 0; len < whole.len; len++) {
		uint8_t *p = malloc(len + !len);
		struct gw_gro g;

		memcpy(p, whole.p, len);
		gw_gro_init(&g);
		gw_gro_add(&g, p, (uint16_t)len);
		gw_gro_add(&g, p, (uint16_t)len);
		assert_int_equal(g.n_out, 2);
		free(p);
	}
	free(whole.p);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules4),
		cmocka_unit_test(test_rules6),
		cmocka_unit_test(test_short_ends),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_interleaved),
		cmocka_unit_test(test_between),
		cmocka_unit_test(test_scapy),
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
