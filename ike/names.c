/* SPDX-License-Identifier: BSD-3-Clause */
#include "names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "sa.h"

#define FRESH_MS    5000   /* who connects so soon after a look-up needs no other */
#define ANSWER_MS   30000  /* a host that has not answered by then is asked again */
#define STRANGER_MS 30000  /* strangers cause look-ups no more often */
#define REFRESH_MS  300000 /* for peers that connect to us */
#define NO_NAME     "the peer's name does not resolve"
#define RETRY_MS    5000 /* doubled with each failure in a row, up to REFRESH_MS */

/* ---- life ---- */

int
ike_names_init(struct ike *e)
{
	uint32_t n = 0;

	for (uint16_t i = 0; i < e->cfg->n_conns; i++)
		n += e->cfg->conns[i].n_names;
	e->names = calloc(n + 1u, sizeof(*e->names));
	if (e->names == NULL)
		return -ENOMEM;
	for (uint16_t i = 0; i < e->cfg->n_conns; i++) {
		const struct ike_conn_cfg *c = &e->cfg->conns[i];

		for (uint8_t k = 0; k < c->n_names; k++)
			e->names[e->n_names++] = (struct ike_name){.conn = c, .name = c->names[k]};
	}
	return 0;
}

void
ike_names_fini(struct ike *e)
{
	free(e->names);
	e->names = NULL;
	e->n_names = 0;
}

/** The first name of a connection: its others follow. */
static struct ike_name *
first_of(const struct ike *e, const struct ike_conn_cfg *conn)
{
	uint32_t low = 0, high = e->n_names;

	/* in the order of connections */
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (e->names[mid].conn < conn)
			low = mid + 1;
		else
			high = mid;
	}
	return &e->names[low];
}

/* ---- asking ---- */

static void
ask(struct ike *e, struct ike_name *n)
{
	if (n->asked && e->now_ms - n->asked_ms < ANSWER_MS)
		return;
	n->asked = true;
	n->asked_ms = e->now_ms;
	e->host.resolve(e->host.arg, (uint32_t)(n - e->names), n->name);
}

void
ike_names_start(struct ike *e)
{
	if (e->n_names == 0 || e->host.resolve == NULL)
		return;
	e->names_ms = e->now_ms;
	for (uint32_t i = 0; i < e->n_names; i++)
		ask(e, &e->names[i]);
	ike_timer_set(&e->heap, &e->names_timer, e->now_ms + REFRESH_MS);
}

void
ike_names_tick(struct ike *e)
{
	ike_names_start(e);
}

void
ike_names_stranger(struct ike *e)
{
	if (e->now_ms - e->names_ms >= STRANGER_MS)
		ike_names_start(e);
}

bool
ike_names_ready(struct ike *e, const struct ike_conn_cfg *conn)
{
	struct ike_name *n = first_of(e, conn);
	bool ready = true;

	if (!conn->name_first || e->host.resolve == NULL)
		return true;
	for (uint8_t i = 0; i < conn->n_names; i++) {
		if (!n[i].asked && n[i].done_ms != 0 && e->now_ms - n[i].done_ms < FRESH_MS)
			continue;
		ask(e, &n[i]);
		ready = false;
	}
	return ready;
}

int
ike_names_remote(const struct ike *e, const struct ike_conn_cfg *conn, struct in6_addr *out)
{
	const struct ike_name *n = first_of(e, conn);
	bool host = ike_conn_remote_addr(conn, out);

	if (host && !conn->name_first)
		return 0;
	for (uint8_t i = 0; i < conn->n_names; i++)
		if (n[i].n > 0) {
			*out = n[i].addrs[0];
			return 0;
		}
	if (host)
		return 0;
	return conn->n_names > 0 ? -ENXIO : -EDESTADDRREQ;
}

/* ---- answers ---- */

/** All names' addresses together, for who connects to us. */
static void
publish(struct ike *e, const struct ike_conn_cfg *conn)
{
	struct in6_addr all[IKE_ADDRS_MAX * IKE_NAME_ADDRS_MAX];
	const struct ike_name *n = first_of(e, conn);
	unsigned int count = 0;

	for (uint8_t i = 0; i < conn->n_names; i++)
		for (uint8_t k = 0; k < n[i].n; k++)
			all[count++] = n[i].addrs[k];
	if (ike_index_resolved(&e->index, conn, all, count) != 0)
		ike_log(e, IKE_LOG_ERROR, "CFG", conn->name, "out of memory for its addresses");
}

static void
take(struct ike *e, struct ike_name *n, const struct in6_addr *addrs, unsigned int count)
{
	char text[64];

	if (count > IKE_NAME_ADDRS_MAX)
		count = IKE_NAME_ADDRS_MAX;
	if (count == n->n && memcmp(addrs, n->addrs, count * sizeof(*addrs)) == 0)
		return;
	memcpy(n->addrs, addrs, count * sizeof(*addrs));
	n->n = (uint8_t)count;
	ike_log(e, IKE_LOG_INFO, "CFG", n->conn->name, "%s is %s%s", n->name,
		ike_addr_text(&addrs[0], n->conn->remote_port, text, sizeof(text)),
		count > 1 ? " and others" : "");
	publish(e, n->conn);
}

/** Nobody to connect to: say so, and try again what is to be up always. */
static void
fail_waiting(struct ike *e, const struct ike_conn_cfg *conn, uint64_t retry_ms)
{
	for (uint16_t i = 0; i < conn->n_children; i++) {
		const struct ike_child_cfg *child = &conn->children[i];
		bool again = ((child->start_action | child->dpd_action | child->close_action) &
				     IKE_ACTION_START) != 0;

		if (ike_wish_move(e, conn, child, again ? e->now_ms + retry_ms : IKE_NEVER))
			ike_say_failed(e, conn, child, 0, NO_NAME);
	}
	if (ike_wish_move(e, conn, NULL, IKE_NEVER))
		ike_say_failed(e, conn, NULL, 0, NO_NAME);
}

/** Connecting waits for all names of a connection, since the first that resolves is taken. */
static void
wake(struct ike *e, const struct ike_conn_cfg *conn)
{
	const struct ike_name *n = first_of(e, conn);
	uint64_t retry_ms = RETRY_MS;
	struct in6_addr addr;

	for (uint8_t i = 0; i < conn->n_names; i++)
		if (n[i].asked)
			return;
	if (ike_names_remote(e, conn, &addr) != 0) {
		for (uint32_t i = n->fails; i > 1 && retry_ms < REFRESH_MS; i--)
			retry_ms *= 2;
		fail_waiting(e, conn, retry_ms < REFRESH_MS ? retry_ms : REFRESH_MS);
		return;
	}
	for (uint16_t i = 0; i < conn->n_children; i++)
		ike_wish_move(e, conn, &conn->children[i], e->now_ms);
	ike_wish_move(e, conn, NULL, e->now_ms);
}

void
ike_resolved(struct ike *e, uint32_t token, const struct in6_addr *addrs, unsigned int n,
	const char *why, uint64_t now_ms)
{
	struct ike_name *name = token < e->n_names ? &e->names[token] : NULL;

	e->now_ms = now_ms;
	if (name == NULL || !name->asked)
		return;
	name->asked = false;
	name->done_ms = now_ms;
	if (n > 0) {
		name->fails = 0;
		take(e, name, addrs, n);
	} else {
		name->fails++;
		ike_log(e, IKE_LOG_WARN, "CFG", name->conn->name, "%s does not resolve: %s%s",
			name->name, why, name->n > 0 ? "; what was known of it stays in use" : "");
	}
	wake(e, name->conn);
	ike_settle(e);
}
