/* SPDX-License-Identifier: BSD-3-Clause */
#include "reass.h"

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/queue.h>

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_random.h>

#include "bytes.h"
#include "classify.h"
#include "nd.h"
#include "pkt.h"

#define IP6_LEN  40
#define FRAG_LEN 8
#define LINK_MAX 18 /* Ethernet with a VLAN tag */

/* In the mbuf that collects a packet, payload starts here, for the headers in front of it become
 * known only with the first fragment. */
#define HEADERS_MAX (LINK_MAX + IP6_LEN + GW_EXT_BYTES_MAX)
#define PAYLOAD_OFF RTE_ALIGN_CEIL(HEADERS_MAX, 64)

#define LEN_UNKNOWN UINT32_MAX

struct piece {
	uint16_t from, to;
};

struct key {
	uint8_t addrs[32]; /* source, destination: as in the header */
	uint32_t id;
};

/* A packet being put together. Dead (m NULL): it was killed, and what still comes of it dies. */
struct entry {
	TAILQ_ENTRY(entry) order; /* by age, or free */
	LIST_ENTRY(entry) chain;
	struct key key;
	uint64_t since_tsc;
	struct rte_mbuf *m;
	uint32_t len;             /* of the fragmentable part, or LEN_UNKNOWN */
	uint32_t have;            /* bytes of it that came */
	uint16_t hdr_len, l3_off; /* of the first fragment; 0 until it came */
	uint16_t n_pieces;
	uint8_t ecn_seen; /* bit per ECN value */
	struct piece pieces[GW_REASS_FRAGS_MAX];
};

TAILQ_HEAD(entry_list, entry);
LIST_HEAD(entry_chain, entry);

struct gw_reass {
	struct gw_reass_limits lim;
	struct rte_mempool *pool;
	uint64_t timeout_tsc;
	uint32_t payload_max; /* what the pool's mbufs take */
	uint64_t seed;        /* strangers shall not choose the chain */
	uint32_t mask;
	struct entry_list active, unused;
	struct entry *entries;
	struct entry_chain *chains;
	_Atomic(uint64_t) fragments, packets;
	_Atomic(uint32_t) in_use;
};

/* A fragment as read from its headers. */
struct fragment {
	const uint8_t *ip, *payload;
	uint16_t l3_off;
	uint16_t hdr_len; /* from the frame's start to the fragment header */
	uint16_t nh_off;  /* from the frame's start to the byte that says "fragment" */
	uint32_t len, off;
	uint8_t next;
	bool more;
	struct key key;
};

uint32_t
gw_reass_max_len(struct rte_mempool *pool)
{
	uint32_t room = rte_pktmbuf_data_room_size(pool);
	uint32_t rest = GW_PKT_HEADROOM + GW_PKT_TAILROOM + GW_EXT_BYTES_MAX;

	return room > rest ? room - rest : 0;
}

struct gw_reass *
gw_reass_create(const struct gw_reass_limits *lim, struct rte_mempool *pool, int socket)
{
	uint32_t room = rte_pktmbuf_data_room_size(pool), n_chains;
	struct gw_reass *r;

	if (lim->packets == 0 || lim->per_source == 0 || lim->fragments < 2 ||
		lim->fragments > GW_REASS_FRAGS_MAX || lim->timeout_ms == 0 ||
		room <= PAYLOAD_OFF + GW_PKT_TAILROOM) {
		rte_errno = EINVAL;
		return NULL;
	}
	r = rte_zmalloc_socket("gw_reass", sizeof(*r), RTE_CACHE_LINE_SIZE, socket);
	if (r == NULL)
		return NULL;
	n_chains = rte_align32pow2(lim->packets);
	r->entries = rte_zmalloc_socket(
		"gw_reass", lim->packets * sizeof(*r->entries), RTE_CACHE_LINE_SIZE, socket);
	r->chains = rte_zmalloc_socket(
		"gw_reass", n_chains * sizeof(*r->chains), RTE_CACHE_LINE_SIZE, socket);
	if (r->entries == NULL || r->chains == NULL) {
		gw_reass_destroy(r);
		rte_errno = ENOMEM;
		return NULL;
	}
	r->lim = *lim;
	r->pool = pool;
	r->timeout_tsc = rte_get_tsc_hz() / 1000 * lim->timeout_ms;
	r->payload_max = room - PAYLOAD_OFF - GW_PKT_TAILROOM;
	r->seed = rte_rand();
	r->mask = n_chains - 1;
	TAILQ_INIT(&r->active);
	TAILQ_INIT(&r->unused);
	for (uint32_t i = 0; i < lim->packets; i++)
		TAILQ_INSERT_TAIL(&r->unused, &r->entries[i], order);
	return r;
}

void
gw_reass_destroy(struct gw_reass *r)
{
	struct entry *e;

	if (r == NULL)
		return;
	TAILQ_FOREACH(e, &r->active, order)
	rte_pktmbuf_free(e->m);
	rte_free(r->entries);
	rte_free(r->chains);
	rte_free(r);
}

static void
count(_Atomic(uint64_t) *c)
{
	atomic_store_explicit(
		c, atomic_load_explicit(c, memory_order_relaxed) + 1, memory_order_relaxed);
}

static void
count_in_use(struct gw_reass *r, int by)
{
	uint32_t n = atomic_load_explicit(&r->in_use, memory_order_relaxed);

	atomic_store_explicit(&r->in_use, n + (uint32_t)by, memory_order_relaxed);
}

static void
entry_free(struct gw_reass *r, struct entry *e)
{
	rte_pktmbuf_free(e->m);
	LIST_REMOVE(e, chain);
	TAILQ_REMOVE(&r->active, e, order);
	TAILQ_INSERT_HEAD(&r->unused, e, order);
	count_in_use(r, -1);
}

/* RFC 8200 4.5: all of the packet is discarded, what comes later too. */
static void
entry_kill(struct entry *e, uint64_t *drops)
{
	drops[GW_DROP_FRAG_BAD] += e->n_pieces;
	e->n_pieces = 0;
	rte_pktmbuf_free(e->m);
	e->m = NULL;
}

/* The seed keeps chains short by chance; at worst one is as long as the table is wide. */
static struct entry_chain *
chain_of(struct gw_reass *r, const struct key *key)
{
	uint64_t h = (r->seed ^ key->id) * 0x9e3779b97f4a7c15u, w;

	h ^= h >> 32;
	for (unsigned int i = 0; i < sizeof(key->addrs); i += sizeof(w)) {
		memcpy(&w, key->addrs + i, sizeof(w));
		h = (h ^ w) * 0x9e3779b97f4a7c15u;
		h ^= h >> 32;
	}
	return &r->chains[h & r->mask];
}

static struct entry *
entry_find(struct gw_reass *r, const struct key *key)
{
	struct entry *e;

	LIST_FOREACH(e, chain_of(r, key), chain)
	{
		if (e->key.id == key->id && memcmp(e->key.addrs, key->addrs, 32) == 0)
			return e;
	}
	return NULL;
}

/* Who sends fragments that never make a packet, under others' addresses even, must not keep theirs
 * out: fragments of one packet come one after the other, long before its turn to give way.
 * @return the oldest of a source that has as many as it may, or of all when no place is left; NULL:
 * none has to */
static struct entry *
gives_way(const struct gw_reass *r, const struct key *key)
{
	struct entry *e, *of_source = NULL;
	uint32_t n = 0;

	TAILQ_FOREACH(e, &r->active, order)
	{
		if (memcmp(e->key.addrs, key->addrs, 16) != 0)
			continue;
		if (of_source == NULL)
			of_source = e;
		if (++n == r->lim.per_source)
			return of_source;
	}
	return TAILQ_EMPTY(&r->unused) ? TAILQ_FIRST(&r->active) : NULL;
}

static struct entry *
entry_new(struct gw_reass *r, const struct key *key, uint64_t now_tsc, uint64_t *drops)
{
	struct entry *e = gives_way(r, key);
	struct rte_mbuf *m;

	if (e != NULL) {
		drops[GW_DROP_FRAG_LIMIT] += e->n_pieces;
		entry_free(r, e);
	}
	m = gw_pkt_alloc(r->pool);
	if (m == NULL) {
		drops[GW_DROP_NO_MBUF]++;
		return NULL;
	}
	e = TAILQ_FIRST(&r->unused);
	TAILQ_REMOVE(&r->unused, e, order);
	e->key = *key;
	e->since_tsc = now_tsc;
	e->m = m;
	e->len = LEN_UNKNOWN;
	e->have = 0;
	e->hdr_len = 0;
	e->n_pieces = 0;
	e->ecn_seen = 0;
	TAILQ_INSERT_TAIL(&r->active, e, order);
	LIST_INSERT_HEAD(chain_of(r, key), e, chain);
	count_in_use(r, 1);
	return e;
}

/* @return offset of the next-header byte that names the fragment header */
static uint16_t
find_nh(const uint8_t *frame, uint16_t l3_off, uint16_t frag_off)
{
	uint16_t nh = l3_off + 6, at = l3_off + IP6_LEN;

	while (at < frag_off) { /* gw_classify() walked here: bounded, and it ends at frag_off */
		nh = at;
		at += 8 + 8 * frame[at + 1];
	}
	return nh;
}

/* The first fragment must hold all headers (RFC 7112), of which another fragment header is none. */
static bool
headers_ok(const struct fragment *f)
{
	uint8_t next = f->next, type;
	int off = gw_ip6_ext_walk(f->payload, f->len, &next);

	if (off < 0 || next == IPPROTO_FRAGMENT || f->len - (uint32_t)off < 8)
		return false;
	type = f->payload[off];
	return next != IPPROTO_ICMPV6 || !gw_nd_is(type);
}

static bool
fragment_read(struct rte_mbuf *m, uint16_t l3_off, uint16_t frag_off, struct fragment *f)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *), *h = frame + frag_off;
	uint32_t len = rte_pktmbuf_data_len(m);

	if (frag_off < l3_off + IP6_LEN || len < (uint32_t)frag_off + FRAG_LEN ||
		frag_off > HEADERS_MAX)
		return false;
	f->ip = frame + l3_off;
	f->payload = h + FRAG_LEN;
	f->l3_off = l3_off;
	f->hdr_len = frag_off;
	f->nh_off = find_nh(frame, l3_off, frag_off);
	f->len = len - frag_off - FRAG_LEN;
	f->next = h[0];
	f->off = gw_get16(h + 2) & 0xfff8;
	f->more = h[3] & 1;
	memcpy(f->key.addrs, f->ip + 8, 32);
	f->key.id = gw_get32(h + 4);
	if (f->len == 0 || f->off + f->len > UINT16_MAX || (f->more && f->len % 8 != 0))
		return false;
	return f->off != 0 || headers_ok(f);
}

/* RFC 6946: an atomic fragment is a packet by itself; only its fragment header goes. */
static struct rte_mbuf *
atomic(struct rte_mbuf *m, const struct fragment *f)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	uint16_t plen = gw_get16(frame + f->l3_off + 4);

	frame[f->nh_off] = f->next;
	gw_put16(frame + f->l3_off + 4, plen - FRAG_LEN);
	memmove(frame + FRAG_LEN, frame, f->hdr_len);
	rte_pktmbuf_adj(m, FRAG_LEN);
	return m;
}

static uint8_t *
payload_of(const struct entry *e)
{
	return (uint8_t *)e->m->buf_addr + PAYLOAD_OFF;
}

enum fit { FITS, DUPLICATE, OVERLAPS };

/* RFC 8200 4.5 lets exact duplicates, which networks make, be told from overlaps, which attackers
 * do. */
static enum fit
piece_fits(const struct entry *e, const struct fragment *f)
{
	uint32_t to = f->off + f->len;

	for (uint16_t i = 0; i < e->n_pieces; i++) {
		const struct piece *p = &e->pieces[i];

		if (f->off >= p->to || to <= p->from)
			continue;
		if (f->off == p->from && to == p->to &&
			memcmp(payload_of(e) + f->off, f->payload, f->len) == 0)
			return DUPLICATE;
		return OVERLAPS;
	}
	return FITS;
}

/* Does the fragment contradict what is known of the packet's end? */
static bool
end_fits(const struct entry *e, const struct fragment *f)
{
	uint32_t to = f->off + f->len;

	if (e->len != LEN_UNKNOWN)
		return f->more ? to < e->len : to == e->len;
	for (uint16_t i = 0; !f->more && i < e->n_pieces; i++) {
		if (e->pieces[i].to > to)
			return false;
	}
	return true;
}

static void
piece_add(struct entry *e, const struct fragment *f)
{
	uint32_t to = f->off + f->len;

	memcpy(payload_of(e) + f->off, f->payload, f->len);
	if (f->off == 0) {
		uint8_t *hdr = payload_of(e) - f->hdr_len;

		memcpy(hdr, f->payload - FRAG_LEN - f->hdr_len, f->hdr_len);
		hdr[f->nh_off] = f->next;
		e->hdr_len = f->hdr_len;
		e->l3_off = f->l3_off;
	}
	if (!f->more)
		e->len = to;
	e->have += f->len;
	e->ecn_seen |= (uint8_t)(1u << (f->ip[1] >> 4 & 3));
	e->pieces[e->n_pieces++] = (struct piece){(uint16_t)f->off, (uint16_t)to};
}

/* RFC 3168 5.3: a mark on one fragment marks the packet, unless it is not ECN capable. */
static bool
ecn_finish(uint8_t *ip, uint8_t seen)
{
	if (!(seen & 1u << 3))
		return true;
	if (seen & 1u << 0)
		return false;
	ip[1] |= 3 << 4;
	return true;
}

/* @return the whole frame, or NULL with e dead */
static struct rte_mbuf *
finish(struct gw_reass *r, struct entry *e, uint64_t *drops)
{
	uint32_t plen = e->len + e->hdr_len - e->l3_off - IP6_LEN;
	struct rte_mbuf *m = e->m;
	uint8_t *ip = payload_of(e) - e->hdr_len + e->l3_off;

	if (plen > UINT16_MAX || e->hdr_len + e->len > r->lim.max_len ||
		!ecn_finish(ip, e->ecn_seen)) {
		entry_kill(e, drops);
		return NULL;
	}
	gw_put16(ip + 4, (uint16_t)plen);
	m->data_off = (uint16_t)(PAYLOAD_OFF - e->hdr_len);
	m->data_len = (uint16_t)(e->hdr_len + e->len);
	m->pkt_len = m->data_len;
	e->m = NULL;
	entry_free(r, e);
	count(&r->packets);
	return m;
}

static struct rte_mbuf *
take(struct gw_reass *r, struct entry *e, const struct fragment *f, uint64_t *drops)
{
	enum fit fit = piece_fits(e, f);

	if (fit == DUPLICATE) {
		drops[GW_DROP_FRAG_BAD]++;
		return NULL;
	}
	if (fit == OVERLAPS || !end_fits(e, f)) {
		drops[GW_DROP_FRAG_BAD]++;
		entry_kill(e, drops);
		return NULL;
	}
	if (f->off + f->len > r->payload_max || f->off + f->len > r->lim.max_len ||
		e->n_pieces == r->lim.fragments) {
		drops[GW_DROP_FRAG_LIMIT]++;
		entry_kill(e, drops);
		return NULL;
	}
	piece_add(e, f);
	if (e->len == LEN_UNKNOWN || e->have != e->len)
		return NULL;
	return finish(r, e, drops);
}

struct rte_mbuf *
gw_reass_add(struct gw_reass *r, struct rte_mbuf *m, uint16_t l3_off, uint16_t frag_off,
	uint64_t now_tsc, uint64_t *drops)
{
	struct rte_mbuf *whole = NULL;
	struct fragment f;
	struct entry *e;

	count(&r->fragments);
	if (!fragment_read(m, l3_off, frag_off, &f)) {
		drops[GW_DROP_FRAG_BAD]++;
		rte_pktmbuf_free(m);
		return NULL;
	}
	if (f.off == 0 && !f.more)
		return atomic(m, &f);

	e = entry_find(r, &f.key);
	if (e == NULL)
		e = entry_new(r, &f.key, now_tsc, drops);
	if (e != NULL && e->m == NULL)
		drops[GW_DROP_FRAG_BAD]++;
	else if (e != NULL)
		whole = take(r, e, &f, drops);
	rte_pktmbuf_free(m);
	return whole;
}

void
gw_reass_expire(struct gw_reass *r, uint64_t now_tsc, uint64_t *drops)
{
	struct entry *e;

	while ((e = TAILQ_FIRST(&r->active)) != NULL && now_tsc - e->since_tsc >= r->timeout_tsc) {
		drops[GW_DROP_FRAG_TIMEOUT] += e->n_pieces;
		entry_free(r, e);
	}
}

void
gw_reass_get_stats(const struct gw_reass *r, struct gw_reass_stats *st)
{
	st->fragments = atomic_load_explicit(&r->fragments, memory_order_relaxed);
	st->packets = atomic_load_explicit(&r->packets, memory_order_relaxed);
	st->in_use = atomic_load_explicit(&r->in_use, memory_order_relaxed);
}
