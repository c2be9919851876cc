/* SPDX-License-Identifier: BSD-3-Clause */
#include "fib.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_malloc.h>
#include <rte_rib.h>
#include <rte_rib6.h>

#include "bytes.h"
#include "rcu.h"

#define TBL8_4    8192   /* /24s that have longer prefixes in them */
#define TBL8_6    0x7ffe /* one for each eight bits beyond 24 that differ: five for a lone /64 */
#define FIRST_OPS 256
#define TRIES     64 /* that fail, of a commit, to find refused routes a place: each takes long */

enum op_kind { OP_SET, OP_DEL, OP_NH, OP_SOURCE, OP_REFUSED /* a SET without a place */ };

struct op {
	enum op_kind kind;
	uint16_t nh; /* SET, NH */
	struct gw_prefix dst;
	struct gw_fib_nh what;
	uint32_t addr4;
	struct in6_addr addr6;
	size_t at; /* REFUSED: how many ops of this commit came before; 0 = of an earlier one */
};

struct ops {
	size_t n, cap;
	struct op *op;
};

struct gw_fib {
	struct gw_rcu *rcu;
	struct gw_fib_view *views[2];
	_Atomic(struct gw_fib_view *) shown; /* control writes (release), workers read (acquire) */

	/* control only */
	int socket;
	bool spare_free;     /* no worker looks at the view that is not shown */
	bool again4, again6; /* may still be built again in this commit: it takes long */
	struct ops fresh;    /* made to neither view */
	struct ops late;     /* made to the one that is shown */
	struct ops refused;  /* routes without a place, tried again when others go; sorted */
	size_t n_sorted;     /* of them: those behind were refused in this commit */
	size_t done;         /* ops of this commit */
};

/* ---- both views ---- */

static struct rte_fib6 *
create6(int socket)
{
	static unsigned int made; /* names are the process's */
	struct rte_fib6_conf conf = {
		.type = RTE_FIB6_TRIE,
		.default_nh = GW_FIB_NONE,
		.max_routes = GW_FIB_ROUTES6,
		.trie = {.nh_sz = RTE_FIB6_TRIE_2B, .num_tbl8 = TBL8_6},
	};
	char name[32];

	snprintf(name, sizeof(name), "gw6.%u", made++);
	return rte_fib6_create(name, socket, &conf);
}

static struct rte_fib *
create4(int socket)
{
	static unsigned int made;
	struct rte_fib_conf conf = {
		.type = RTE_FIB_DIR24_8,
		.default_nh = GW_FIB_NONE,
		.max_routes = GW_FIB_ROUTES4,
		.dir24_8 = {.nh_sz = RTE_FIB_DIR24_8_2B, .num_tbl8 = TBL8_4},
	};
	char name[32];

	snprintf(name, sizeof(name), "gw4.%u", made++);
	return rte_fib_create(name, socket, &conf);
}

static struct gw_fib_view *
view_create(int socket)
{
	struct gw_fib_view *v = rte_zmalloc_socket("fib_view", sizeof(*v), 64, socket);

	if (v == NULL)
		return NULL;
	v->fib4 = create4(socket);
	v->fib6 = create6(socket);
	for (unsigned int k = 0; k < GW_FIB_VIA_FIRST; k++)
		v->nh[k].kind = k <= GW_FIB_LINK ? (uint8_t)k : GW_FIB_NONE;
	return v;
}

static void
view_destroy(struct gw_fib_view *v)
{
	if (v == NULL)
		return;
	rte_fib_free(v->fib4);
	rte_fib6_free(v->fib6);
	rte_free(v);
}

struct gw_fib *
gw_fib_create(struct gw_rcu *rcu, int socket)
{
	struct gw_fib *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->rcu = rcu;
	f->socket = socket;
	f->spare_free = true;
	for (unsigned int i = 0; i < 2; i++) {
		f->views[i] = view_create(socket);
		if (f->views[i] == NULL || f->views[i]->fib4 == NULL || f->views[i]->fib6 == NULL) {
			gw_fib_destroy(f);
			return NULL;
		}
	}
	atomic_init(&f->shown, f->views[0]);
	return f;
}

void
gw_fib_destroy(struct gw_fib *f)
{
	if (f == NULL)
		return;
	view_destroy(f->views[0]);
	view_destroy(f->views[1]);
	free(f->fresh.op);
	free(f->late.op);
	free(f->refused.op);
	free(f);
}

const struct gw_fib_view *
gw_fib_view(const struct gw_fib *f)
{
	return atomic_load_explicit(&f->shown, memory_order_acquire);
}

/* ---- looking up ---- */

static unsigned int
leading_ones(uint32_t w)
{
	return w == UINT32_MAX ? 32 : (unsigned int)__builtin_clz(~w);
}

static uint16_t
by_ones(const uint16_t *ones, unsigned int most, uint32_t first_bits)
{
	unsigned int i = leading_ones(first_bits);

	for (i = i < most ? i : most - 1; i > 0 && ones[i] == GW_FIB_NONE;)
		i--;
	return ones[i];
}

void
gw_fib_look_up4(const struct gw_fib_view *v, uint32_t *addrs, uint64_t *nhs, unsigned int n)
{
	rte_fib_lookup_bulk(v->fib4, addrs, nhs, (int)n);
	for (unsigned int i = 0; i < n; i++) {
		if (nhs[i] == GW_FIB_NONE)
			nhs[i] = by_ones(v->ones4, GW_FIB_ONES4, addrs[i]);
	}
}

void
gw_fib_look_up6(const struct gw_fib_view *v, uint8_t (*addrs)[16], uint64_t *nhs, unsigned int n)
{
	rte_fib6_lookup_bulk(v->fib6, addrs, nhs, (int)n);
	for (unsigned int i = 0; i < n; i++) {
		if (nhs[i] == GW_FIB_NONE)
			nhs[i] = by_ones(v->ones6, GW_FIB_ONES6, gw_get32(addrs[i]));
	}
}

/* ---- changes ---- */

static int
push(struct ops *o, const struct op *op)
{
	if (o->n == o->cap) {
		size_t cap = o->cap > 0 ? 2 * o->cap : FIRST_OPS;
		struct op *more = realloc(o->op, cap * sizeof(*more));

		if (more == NULL)
			return -ENOMEM;
		o->op = more;
		o->cap = cap;
	}
	o->op[o->n++] = *op;
	return 0;
}

/* Without memory it is forgotten: it has no place anyhow, and may get one when it changes. */
static void
refuse(struct gw_fib *f, const struct op *op)
{
	struct op r = *op;

	r.kind = OP_REFUSED;
	r.at = f->done;
	(void)push(&f->refused, &r);
}

int
gw_fib_set(struct gw_fib *f, const struct gw_prefix *dst, uint16_t nh)
{
	return push(&f->fresh, &(struct op){.kind = OP_SET, .dst = *dst, .nh = nh});
}

int
gw_fib_del(struct gw_fib *f, const struct gw_prefix *dst)
{
	return push(&f->fresh, &(struct op){.kind = OP_DEL, .dst = *dst});
}

int
gw_fib_set_nh(struct gw_fib *f, uint16_t i, const struct gw_fib_nh *nh)
{
	return push(&f->fresh, &(struct op){.kind = OP_NH, .nh = i, .what = *nh});
}

int
gw_fib_set_source(struct gw_fib *f, uint32_t addr4, const struct in6_addr *addr6)
{
	return push(&f->fresh, &(struct op){.kind = OP_SOURCE, .addr4 = addr4, .addr6 = *addr6});
}

/* @return where the route of a prefix that reaches the last address stands, or NULL: in the tables
 */
static uint16_t *
ones_place(struct gw_fib_view *v, const struct gw_prefix *p)
{
	if (leading_ones(gw_get32(p->addr)) < p->bits)
		return NULL;
	return p->family == AF_INET ? &v->ones4[p->bits] : &v->ones6[p->bits];
}

static bool
is_multicast(const struct gw_prefix *p)
{
	unsigned int ones = p->family == AF_INET ? GW_FIB_ONES4 : GW_FIB_ONES6;

	return p->bits >= ones && leading_ones(gw_get32(p->addr)) >= ones;
}

/*
 * The same routes in a table that has counted none before; longer ones come before what covers
 * them, and are counted. @return false without memory
 */
static bool
build_again4(struct gw_fib *f, struct gw_fib_view *v)
{
	struct rte_rib *rib = rte_fib_get_rib(v->fib4);
	struct rte_fib *fib4 = create4(f->socket);
	struct rte_rib_node *n = NULL;

	if (fib4 == NULL)
		return false;
	while ((n = rte_rib_get_nxt(rib, 0, 0, n, RTE_RIB_GET_NXT_ALL)) != NULL) {
		struct op op = {.kind = OP_SET, .dst.family = AF_INET};
		uint32_t addr;
		uint64_t nh;

		rte_rib_get_ip(n, &addr);
		rte_rib_get_depth(n, &op.dst.bits);
		rte_rib_get_nh(n, &nh);
		if (rte_fib_add(fib4, addr, op.dst.bits, nh) == 0)
			continue;
		gw_put32(op.dst.addr, addr);
		op.nh = (uint16_t)nh;
		refuse(f, &op);
	}
	rte_fib_free(v->fib4);
	v->fib4 = fib4;
	return true;
}

static int
set4(struct gw_fib *f, struct gw_fib_view *v, const struct op *op)
{
	uint32_t addr = gw_get32(op->dst.addr);
	int rc = rte_fib_add(v->fib4, addr, op->dst.bits, op->nh);

	if (rc == -ENOSPC && f->again4) {
		f->again4 = false;
		if (build_again4(f, v))
			rc = rte_fib_add(v->fib4, addr, op->dst.bits, op->nh);
	}
	return rc;
}

/* Likewise. */
static bool
build_again6(struct gw_fib *f, struct gw_fib_view *v)
{
	static const uint8_t first[16];
	struct rte_rib6 *rib = rte_fib6_get_rib(v->fib6);
	struct rte_fib6 *fib6 = create6(f->socket);
	struct rte_rib6_node *n = NULL;

	if (fib6 == NULL)
		return false;
	while ((n = rte_rib6_get_nxt(rib, first, 0, n, RTE_RIB6_GET_NXT_ALL)) != NULL) {
		struct op op = {.kind = OP_SET, .dst.family = AF_INET6};
		uint64_t nh;

		rte_rib6_get_ip(n, op.dst.addr);
		rte_rib6_get_depth(n, &op.dst.bits);
		rte_rib6_get_nh(n, &nh);
		op.nh = (uint16_t)nh;
		if (rte_fib6_add(fib6, op.dst.addr, op.dst.bits, nh) < 0)
			refuse(f, &op);
	}
	rte_fib6_free(v->fib6);
	v->fib6 = fib6;
	return true;
}

static int
set6(struct gw_fib *f, struct gw_fib_view *v, const struct op *op)
{
	int rc = rte_fib6_add(v->fib6, op->dst.addr, op->dst.bits, op->nh);

	if (rc == -ENOSPC && f->again6) {
		f->again6 = false;
		if (build_again6(f, v))
			rc = rte_fib6_add(v->fib6, op->dst.addr, op->dst.bits, op->nh);
	}
	return rc;
}

/* @return 0, or why a route has no place */
static int
set_route(struct gw_fib *f, struct gw_fib_view *v, const struct op *op)
{
	uint16_t *ones;

	if (is_multicast(&op->dst))
		return 0;
	ones = ones_place(v, &op->dst);
	if (ones != NULL) {
		*ones = op->nh;
		return 0;
	}
	if (op->dst.family == AF_INET)
		return set4(f, v, op);
	return set6(f, v, op);
}

/* what had no place is not there: no harm */
static void
del_route(struct gw_fib_view *v, const struct op *op)
{
	uint16_t *ones;

	if (is_multicast(&op->dst))
		return;
	ones = ones_place(v, &op->dst);
	if (ones != NULL)
		*ones = GW_FIB_NONE;
	else if (op->dst.family == AF_INET)
		rte_fib_delete(v->fib4, gw_get32(op->dst.addr), op->dst.bits);
	else
		rte_fib6_delete(v->fib6, op->dst.addr, op->dst.bits);
}

/* @return 0, or why a route has no place */
static int
apply(struct gw_fib *f, struct gw_fib_view *v, const struct op *op)
{
	switch (op->kind) {
	case OP_SET:
		return set_route(f, v, op);
	case OP_DEL:
	case OP_REFUSED: /* nor shall it be in the other view */
		del_route(v, op);
		return 0;
	case OP_NH:
		v->nh[op->nh] = op->what;
		return 0;
	case OP_SOURCE:
		v->addr4 = op->addr4;
		v->addr6 = op->addr6;
		return 0;
	}
	return 0;
}

/* ---- what was refused ---- */

static int
by_prefix(const struct op *a, const struct op *b)
{
	const struct gw_prefix *p = &a->dst, *q = &b->dst;

	if (p->family != q->family)
		return p->family < q->family ? -1 : 1;
	if (p->bits != q->bits)
		return p->bits < q->bits ? -1 : 1;
	return memcmp(p->addr, q->addr, sizeof(p->addr));
}

static int
by_prefix_and_time(const void *a, const void *b)
{
	const struct op *p = a, *q = b;
	int d = by_prefix(p, q);

	return d != 0 ? d : (p->at > q->at) - (p->at < q->at);
}

/* @return the first of those that are sorted and of this prefix, or where it would be */
static size_t
find_refused(const struct ops *r, const struct op *op)
{
	size_t low = 0, high = r->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (by_prefix(&r->op[mid], op) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Of each prefix the last word counts, and is kept if that was a refusal. @return true if routes
 * went */
static bool
keep_last_word(struct gw_fib *f)
{
	struct ops *r = &f->refused;
	bool went = false;
	size_t n = 0;

	if (r->n > f->n_sorted)
		qsort(r->op, r->n, sizeof(r->op[0]), by_prefix_and_time);
	for (size_t i = 0; i < f->fresh.n; i++) {
		const struct op *op = &f->fresh.op[i];

		went |= op->kind == OP_DEL;
		if (op->kind != OP_SET && op->kind != OP_DEL)
			continue;
		for (size_t k = find_refused(r, op);
			k < r->n && r->op[k].at <= i && by_prefix(&r->op[k], op) == 0; k++)
			r->op[k].kind = OP_DEL;
	}
	for (size_t k = 0; k < r->n; k++) {
		bool last = k + 1 == r->n || by_prefix(&r->op[k], &r->op[k + 1]) != 0;

		if (last && r->op[k].kind == OP_REFUSED)
			r->op[n++] = r->op[k];
	}
	r->n = n;
	return went;
}

/* What a table that was built again had no room for is in the other view. Without memory it stays
 * there: that is where it shall lead. */
static void
drop_refused(struct gw_fib *f)
{
	size_t n = f->refused.n;

	for (size_t k = 0; k < n; k++)
		(void)push(&f->fresh, &f->refused.op[k]);
}

/* What has a place now becomes a change like others. */
static void
try_again(struct gw_fib *f, struct gw_fib_view *v)
{
	struct ops *r = &f->refused;
	unsigned int tries = TRIES;
	size_t n = 0;

	for (size_t k = 0; k < r->n; k++) {
		struct op op = r->op[k];

		op.kind = OP_SET;
		if (tries > 0 && apply(f, v, &op) == 0 && push(&f->fresh, &op) == 0)
			continue;
		if (tries > 0) {
			del_route(v, &op); /* both views or none */
			tries--;
		}
		r->op[n++] = r->op[k];
	}
	r->n = n;
}

static void
settle_refused(struct gw_fib *f, struct gw_fib_view *v)
{
	bool went = keep_last_word(f);

	for (size_t k = 0; k < f->refused.n; k++)
		f->refused.op[k].at = 0;
	if (!f->again4 || !f->again6)
		drop_refused(f);
	if (went)
		try_again(f, v);
	f->n_sorted = f->refused.n;
}

static void
spare_is_free(void *arg)
{
	((struct gw_fib *)arg)->spare_free = true;
}

bool
gw_fib_commit(struct gw_fib *f)
{
	struct gw_fib_view *old = atomic_load_explicit(&f->shown, memory_order_relaxed);
	struct gw_fib_view *spare = old == f->views[0] ? f->views[1] : f->views[0];
	struct ops reuse = f->late;

	if (f->fresh.n == 0)
		return true;
	if (!f->spare_free)
		return false;
	f->again4 = f->again6 = true;
	f->done = 0;
	for (size_t i = 0; i < f->late.n; i++) {
		if (apply(f, spare, &f->late.op[i]) < 0)
			refuse(f, &f->late.op[i]);
	}
	for (size_t i = 0; i < f->fresh.n; i++) {
		f->done++;
		if (apply(f, spare, &f->fresh.op[i]) == 0)
			continue;
		refuse(f, &f->fresh.op[i]);
		f->fresh.op[i].kind = OP_REFUSED;
	}
	if (f->refused.n > 0)
		settle_refused(f, spare);
	f->late = f->fresh;
	reuse.n = 0;
	f->fresh = reuse;
	f->spare_free = false;
	atomic_store_explicit(&f->shown, spare, memory_order_release);
	gw_rcu_retire(f->rcu, spare_is_free, f);
	return true;
}

uint64_t
gw_fib_refused(const struct gw_fib *f)
{
	return f->refused.n;
}
