/* SPDX-License-Identifier: BSD-3-Clause */
#include "timer.h"

#include <errno.h>
#include <stdlib.h>

int
ike_heap_reserve(struct ike_heap *h, uint32_t n)
{
	uint32_t cap = h->cap == 0 ? 16 : h->cap;
	struct ike_timer **v;

	if (n <= h->cap)
		return 0;
	while (cap < n) {
		if (cap > UINT32_MAX / 2)
			return -ENOMEM;
		cap *= 2;
	}
	v = reallocarray(h->v, cap, sizeof(struct ike_timer *));
	if (v == NULL)
		return -ENOMEM;
	h->v = v;
	h->cap = cap;
	return 0;
}

void
ike_heap_fini(struct ike_heap *h)
{
	free(h->v);
	*h = (struct ike_heap){0};
}

static void
put(struct ike_heap *h, uint32_t i, struct ike_timer *t)
{
	h->v[i] = t;
	t->place = i + 1;
}

static void
sift_up(struct ike_heap *h, uint32_t i)
{
	struct ike_timer *t = h->v[i];

	while (i > 0 && h->v[(i - 1) / 2]->at > t->at) {
		put(h, i, h->v[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put(h, i, t);
}

static void
sift_down(struct ike_heap *h, uint32_t i)
{
	struct ike_timer *t = h->v[i];
	uint32_t kid;

	while ((kid = 2 * i + 1) < h->n) {
		if (kid + 1 < h->n && h->v[kid + 1]->at < h->v[kid]->at)
			kid++;
		if (h->v[kid]->at >= t->at)
			break;
		put(h, i, h->v[kid]);
		i = kid;
	}
	put(h, i, t);
}

static void
cancel(struct ike_heap *h, struct ike_timer *t)
{
	uint32_t i = t->place - 1;
	struct ike_timer *last = h->v[--h->n];

	t->place = 0;
	if (last == t)
		return;
	put(h, i, last);
	sift_up(h, i);
	sift_down(h, last->place - 1);
}

void
ike_timer_set(struct ike_heap *h, struct ike_timer *t, uint64_t at)
{
	if (at == IKE_NEVER) {
		if (t->place != 0)
			cancel(h, t);
		return;
	}
	t->at = at;
	if (t->place == 0)
		put(h, h->n++, t);
	sift_up(h, t->place - 1);
	sift_down(h, t->place - 1);
}

struct ike_timer *
ike_heap_first(const struct ike_heap *h)
{
	return h->n == 0 ? NULL : h->v[0];
}
