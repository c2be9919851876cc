/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_certs.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "ike/ike.h"

#include "cfg.h"
#include "cfg_renew.h"
#include "log.h"

#define LOOK_MS (6 * 3600 * 1000u) /* a list's last day is seen four times */

/* While `reading`, the thread has all below it, until it sets `done`. */
struct gw_certs {
	struct gw_cfg *cfg;
	char *path;
	uint64_t look_ms;
	bool reading, again; /* SIGHUP came while it was under way */
	pthread_t thread;
	atomic_bool done;
	struct gw_cfg *fresh; /* NULL with err */
	struct cfg_notes notes;
	struct conf_error err;
};

struct gw_certs *
gw_certs_create(struct gw_cfg *cfg, const char *path)
{
	struct gw_certs *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->cfg = cfg;
	c->path = strdup(path);
	if (c->path != NULL)
		return c;
	free(c);
	return NULL;
}

/* ---- the thread ---- */

static void *
read_all(void *arg)
{
	struct gw_certs *c = arg;

	c->fresh = cfg_load(c->path, &c->notes, &c->err);
	atomic_store_explicit(&c->done, true, memory_order_release);
	return NULL;
}

/* ---- control ---- */

void
gw_certs_reread(struct gw_certs *c)
{
	int rc;

	if (c->reading) {
		c->again = true;
		return;
	}
	gw_log(GW_LOG_INFO, "certs",
		"SIGHUP: certificates, CRLs and keys are read anew; all else of the configuration "
		"stays as it runs");
	rc = pthread_create(&c->thread, NULL, read_all, c);
	if (rc != 0) {
		gw_log(GW_LOG_WARN, "certs", "no thread: %s: the old ones stay", strerror(rc));
		return;
	}
	(void)pthread_setname_np(c->thread, "gw-certs");
	c->reading = true;
}

static void
say_notes(const struct cfg_notes *notes)
{
	for (unsigned int i = 0; i < notes->n; i++)
		if (notes->note[i].warning)
			gw_log(GW_LOG_WARN, "config", "%s:%u: %s", notes->note[i].file,
				notes->note[i].line, notes->note[i].msg);
}

static void
take(struct gw_certs *c, struct ike *ike)
{
	char why[1024];

	if (c->fresh == NULL) {
		gw_log(GW_LOG_ERROR, "certs", "the old ones stay: %s:%u: %s",
			c->err.file[0] != '\0' ? c->err.file : c->path, c->err.line, c->err.msg);
		return;
	}
	if (cfg_renew(c->cfg, c->fresh, why, sizeof(why)) != 0) {
		gw_log(GW_LOG_ERROR, "certs", "the old ones stay: %s", why);
		return;
	}
	if (ike_certs_changed(ike) != 0)
		gw_log(GW_LOG_WARN, "certs", "out of memory: peers are asked for the old CAs");
	gw_log(GW_LOG_INFO, "certs", "the new ones are in use; SAs that are up stay");
	c->look_ms = 0;
}

/** The thread is through, or it is waited for. */
static void
finish(struct gw_certs *c)
{
	pthread_join(c->thread, NULL);
	c->reading = false;
	atomic_store_explicit(&c->done, false, memory_order_relaxed);
}

/** What was read, or what it replaced: engine and jobs hold what they still look at. */
static void
forget(struct gw_certs *c)
{
	cfg_free(c->fresh);
	c->fresh = NULL;
	cfg_notes_free(&c->notes);
}

static void
warn(void *arg, const char *text)
{
	(void)arg;
	gw_log(GW_LOG_WARN, "certs", "%s", text);
}

void
gw_certs_tick(struct gw_certs *c, struct ike *ike, uint64_t now_ms)
{
	if (c->reading && atomic_load_explicit(&c->done, memory_order_acquire)) {
		finish(c);
		say_notes(&c->notes);
		take(c, ike);
		forget(c);
		if (c->again) {
			c->again = false;
			gw_certs_reread(c);
		}
	}
	if (now_ms < c->look_ms)
		return;
	c->look_ms = now_ms + LOOK_MS;
	cfg_renew_due(c->cfg, warn, NULL);
}

void
gw_certs_destroy(struct gw_certs *c)
{
	if (c == NULL)
		return;
	if (c->reading)
		finish(c);
	forget(c);
	free(c->path);
	free(c);
}
