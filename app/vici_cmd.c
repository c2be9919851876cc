/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "log.h"
#include "vici_cmd.h"

/* ---- answers ---- */

static void
finish(struct vici_request *req, struct vici_out *o)
{
	req->send(req->send_arg, o);
}

void
vici_answer(struct vici_request *req, const char *errmsg)
{
	struct vici_out o;

	vici_begin(&o, VICI_CMD_RESPONSE, NULL);
	vici_kv(&o, "success", errmsg == NULL ? "yes" : "no");
	if (errmsg != NULL)
		vici_kv(&o, "errmsg", errmsg);
	finish(req, &o);
}

void
vici_answer_empty(struct vici_request *req)
{
	struct vici_out o;

	vici_begin(&o, VICI_CMD_RESPONSE, NULL);
	finish(req, &o);
}

static void
answer_matches(struct vici_request *req, int matches, const char *count_key, const char *errmsg)
{
	struct vici_out o;

	vici_begin(&o, VICI_CMD_RESPONSE, NULL);
	vici_kv(&o, "success", matches > 0 ? "yes" : "no");
	vici_kvf(&o, "matches", "%d", matches);
	if (count_key != NULL)
		vici_kvf(&o, count_key, "%d", matches);
	if (matches <= 0)
		vici_kv(&o, "errmsg", errmsg);
	finish(req, &o);
}

/* ---- reading requests ---- */

/* @return false when the value is no number */
static bool
get_number(const struct conf_node *root, const char *name, int64_t *value)
{
	const char *text = conf_get(root, name);
	char *end;

	if (text == NULL)
		return true;
	errno = 0;
	*value = strtoll(text, &end, 10);
	return errno == 0 && end != text && *end == '\0';
}

/* @return NULL, or what is wrong with the selector */
static const char *
get_select(const struct conf_node *root, struct ike_select *sel)
{
	int64_t ike_id = 0, child_id = 0;

	*sel = (struct ike_select){
		.ike = conf_get(root, "ike"),
		.child = conf_get(root, "child"),
	};
	if (!get_number(root, "ike-id", &ike_id) || !get_number(root, "child-id", &child_id) ||
		ike_id < 0 || ike_id > UINT32_MAX || child_id < 0 || child_id > UINT32_MAX)
		return "invalid id";
	sel->ike_id = (uint32_t)ike_id;
	sel->child_id = (uint32_t)child_id;
	if (sel->ike == NULL && sel->child == NULL && ike_id == 0 && child_id == 0)
		return "";
	return NULL;
}

/* ---- strongSwan's commands, those that are served so far ---- */

static void
cmd_version(struct vici_request *req)
{
	struct utsname u;
	struct vici_out o;

	vici_begin(&o, VICI_CMD_RESPONSE, NULL);
	vici_kv(&o, "daemon", "raclette");
	vici_kv(&o, "version", GW_VERSION);
	if (uname(&u) == 0) {
		vici_kv(&o, "sysname", u.sysname);
		vici_kv(&o, "release", u.release);
		vici_kv(&o, "machine", u.machine);
	}
	finish(req, &o);
}

static void
put_uptime(struct vici_out *o, uint64_t ms)
{
	time_t since = time(NULL) - (time_t)(ms / 1000);
	uint64_t s = ms / 1000;
	char text[64];
	struct tm tm;

	vici_section(o, "uptime");
	/* strongSwan's way: a unit lasts until there are more than two of the next */
	if (s > 2 * 86400)
		vici_kvf(o, "running", "%llu days", (unsigned long long)(s / 86400));
	else if (s > 2 * 3600)
		vici_kvf(o, "running", "%llu hours", (unsigned long long)(s / 3600));
	else if (s > 2 * 60)
		vici_kvf(o, "running", "%llu minutes", (unsigned long long)(s / 60));
	else
		vici_kvf(o, "running", "%llu seconds", (unsigned long long)s);
	localtime_r(&since, &tm);
	strftime(text, sizeof(text), "%b %d %H:%M:%S %Y", &tm);
	vici_kv(o, "since", text);
	vici_section_end(o);
}

static void
put_priorities(struct vici_out *o, const char *section, unsigned int critical)
{
	vici_section(o, section);
	vici_kvf(o, "critical", "%u", critical);
	vici_kv(o, "high", "0");
	vici_kv(o, "medium", "0");
	vici_kv(o, "low", "0");
	vici_section_end(o);
}

/* strongSwan's words for its thread pool. A worker of ours has one job, the poll loop, for good,
 * and no job ever waits for one. */
static void
put_workers(struct vici_out *o, unsigned int n_workers, const struct ike_stats *st)
{
	vici_section(o, "workers");
	vici_kvf(o, "total", "%u", n_workers);
	vici_kv(o, "idle", "0");
	put_priorities(o, "active", n_workers);
	vici_section_end(o);
	put_priorities(o, "queues", 0);
	vici_kvf(o, "scheduled", "%u", st->n_timers);
}

static void
put_ike_stats(struct vici_out *o, const struct ike_stats *st)
{
	const struct {
		const char *name;
		uint64_t value;
	} counts[] = {
		{"rx", st->rx},
		{"tx", st->tx},
		{"rx-invalid", st->rx_invalid},
		{"rx-invalid-spi", st->rx_invalid_spi},
		{"retransmits", st->retransmits},
		{"cookies-asked", st->cookies_asked},
		{"init-dropped", st->init_dropped},
		{"jobs", st->jobs},
		{"jobs-refused", st->jobs_refused},
		{"ike-up", st->ike_up},
		{"ike-failed", st->ike_failed},
		{"ike-rekeys", st->ike_rekeys},
		{"child-up", st->child_up},
		{"child-failed", st->child_failed},
		{"child-rekeys", st->child_rekeys},
	};

	vici_section(o, "ikesas");
	vici_kvf(o, "total", "%u", st->n_sas);
	vici_kvf(o, "half-open", "%u", st->n_half_open);
	vici_kvf(o, "strangers", "%u", st->n_strangers);
	vici_section_end(o);
	vici_section(o, "childsas");
	vici_kvf(o, "total", "%u", st->n_children);
	vici_section_end(o);
	vici_section(o, "ike");
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		vici_kvf(o, counts[i].name, "%llu", (unsigned long long)counts[i].value);
	vici_section_end(o);
}

static void
put_rings(struct vici_out *o, const struct gw_excp_stats *st)
{
	static const char *const names[GW_EXCP_N] = {[GW_EXCP_ND] = "nd",
		[GW_EXCP_IKE] = "ike",
		[GW_EXCP_ICMP6] = "icmp6",
		[GW_EXCP_HALF_OPEN] = "half-open",
		[GW_EXCP_INIT] = "init",
		[GW_EXCP_ESP] = "esp"};

	vici_section(o, "rings");
	for (int i = 0; i < GW_EXCP_N; i++) {
		vici_section(o, names[i]);
		vici_kvf(o, "pushed", "%llu", (unsigned long long)st->pushed[i]);
		vici_kvf(o, "full", "%llu", (unsigned long long)st->full[i]);
		vici_kvf(o, "pulled", "%llu", (unsigned long long)st->pulled[i]);
		vici_kvf(o, "depth", "%u", st->depth[i]);
		vici_section_end(o);
	}
	vici_section(o, "tx");
	vici_kvf(o, "pushed", "%llu", (unsigned long long)st->tx);
	vici_kvf(o, "full", "%llu", (unsigned long long)st->tx_full);
	vici_section_end(o);
	vici_section_end(o);
}

static void
cmd_stats(struct vici_request *req)
{
	struct gw_excp_stats rings;
	struct ike_stats ike;
	struct vici_out o;

	ike_get_stats(req->ctl->ike, &ike);
	gw_excp_get_stats(req->ctl->plane->excp, &rings);
	vici_begin(&o, VICI_CMD_RESPONSE, NULL);
	put_uptime(&o, req->ctl->now_ms - req->ctl->start_ms);
	put_workers(&o, req->ctl->plane->n_workers, &ike);
	put_ike_stats(&o, &ike);
	put_rings(&o, &rings);
	finish(req, &o);
}

/* True when a tunnel's child is up already: what initiate asks for is there. */
static bool
is_up(const struct gw_ctl *c, const char *conn, const char *child)
{
	for (uint32_t i = 0; i < c->tunnels->n_bindings; i++) {
		const struct gw_binding *b = &c->tunnels->bindings[i];

		if (b->out != NULL && strcmp(b->child->name, child) == 0 &&
			(conn == NULL || strcmp(b->conn->name, conn) == 0))
			return true;
	}
	return false;
}

static void
wait_for_ike(struct vici_request *req, const char *conn, const char *child, int64_t timeout_ms)
{
	struct vici_wait *w = req->wait;

	*w = (struct vici_wait){.active = true, .timeout_ms = (uint64_t)timeout_ms};
	snprintf(w->conn, sizeof(w->conn), "%s", conn != NULL ? conn : "");
	snprintf(w->child, sizeof(w->child), "%s", child != NULL ? child : "");
	if (timeout_ms > 0)
		w->deadline_ms = req->ctl->now_ms + (uint64_t)timeout_ms;
}

static void
cmd_initiate(struct vici_request *req)
{
	const char *conn = conf_get(req->root, "ike"), *child = conf_get(req->root, "child");
	const char *name = child != NULL ? child : conn;
	int64_t timeout_ms = 0;
	char errmsg[256];
	int rc;

	if (name == NULL) {
		vici_answer(req, "missing configuration name");
		return;
	}
	if (!get_number(req->root, "timeout", &timeout_ms)) {
		vici_answer(req, "invalid timeout");
		return;
	}
	/* first: an event may come from within the call */
	wait_for_ike(req, conn, child, timeout_ms);
	rc = ike_initiate(req->ctl->ike, conn, child, req->ctl->now_ms);
	if (rc == -EALREADY &&
		(child != NULL ? is_up(req->ctl, conn, child) : ike_is_up(req->ctl->ike, conn)))
		timeout_ms = -1;
	if ((rc == 0 || rc == -EALREADY) && timeout_ms >= 0)
		return;
	req->wait->active = false;
	if (rc == 0 || rc == -EALREADY) {
		vici_answer(req, NULL);
		return;
	}
	if (rc == -ENOENT)
		snprintf(errmsg, sizeof(errmsg), "%s config '%s' not found",
			child != NULL ? "CHILD_SA" : "IKE_SA", name);
	else
		snprintf(errmsg, sizeof(errmsg), "establishing %s '%s' failed: %s",
			child != NULL ? "CHILD_SA" : "IKE_SA", name, strerror(-rc));
	vici_answer(req, errmsg);
}

static void
cmd_terminate(struct vici_request *req)
{
	struct ike_select sel;
	const char *wrong = get_select(req->root, &sel);

	if (wrong != NULL) {
		vici_answer(req, wrong[0] != '\0' ? wrong : "missing terminate selector");
		return;
	}
	answer_matches(req, ike_terminate(req->ctl->ike, &sel, req->ctl->now_ms), "terminated",
		"no matching SAs to terminate found");
}

static void
cmd_rekey(struct vici_request *req)
{
	struct ike_select sel;
	const char *wrong = get_select(req->root, &sel);

	if (wrong != NULL) {
		vici_answer(req, wrong[0] != '\0' ? wrong : "missing rekey selector");
		return;
	}
	answer_matches(req, ike_rekey(req->ctl->ike, &sel, req->ctl->now_ms), NULL,
		"no matching SAs to rekey found");
}

/* ---- dispatch ---- */

static const struct {
	const char *name;
	void (*run)(struct vici_request *req);
} commands[] = {
	{"version", cmd_version},
	{"stats", cmd_stats},
	{"initiate", cmd_initiate},
	{"terminate", cmd_terminate},
	{"rekey", cmd_rekey},
	{"show-sa", vici_show_sa},
	{"show-ike", vici_show_ike},
	{"show-tunnels", vici_show_tunnels},
	{"show-ports", vici_show_ports},
	{"show-drops", vici_show_drops},
	{"show-neighbours", vici_show_neighbours},
};

/* control-log belongs to initiate and terminate: a client registers it before it asks. Both ends
 * log to stderr, so nothing is sent. */
static const char *const events[] = {
	"show-sa",
	"show-ike",
	"show-tunnels",
	"show-ports",
	"show-drops",
	"show-neighbours",
	"control-log",
};

bool
vici_command_run(const char *name, struct vici_request *req)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(name, commands[i].name) == 0) {
			commands[i].run(req);
			return true;
		}
	}
	return false;
}

bool
vici_event_known(const char *name, unsigned int *index)
{
	for (unsigned int i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (strcmp(name, events[i]) == 0) {
			*index = i;
			return true;
		}
	}
	return false;
}
