/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "cfg.h"
#include "cfg_machine.h"
#include "guard.h"
#include "log.h"
#include "qcdfile.h"
#include "run.h"
#include "show.h"

/* "FILE:LINE", or "FILE" of what is on no line */
static const char *
place(const char *file, unsigned int line, char *buf, size_t len)
{
	if (line > 0)
		snprintf(buf, len, "%s:%u", file, line);
	else
		snprintf(buf, len, "%s", file);
	return buf;
}

static void
say(const char *file, unsigned int line, const char *kind, const char *msg)
{
	char at[300];

	fprintf(stderr, "raclette: %s: %s%s\n", place(file, line, at, sizeof(at)), kind, msg);
}

/* The same as a line of the log. */
static void
tell(enum gw_log_level level, const char *file, unsigned int line, const char *msg)
{
	char at[300];

	gw_log(level, "config", "%s: %s", place(file, line, at, sizeof(at)), msg);
}

static int
check(const struct gw_args *args)
{
	struct cfg_notes notes = {0};
	struct conf_error err = {0};
	struct gw_cfg *cfg = cfg_load(args->config, &notes, &err);

	if (cfg == NULL)
		say(err.file[0] != '\0' ? err.file : args->config, err.line, "", err.msg);
	for (unsigned int i = 0; i < notes.n; i++)
		say(notes.note[i].file, notes.note[i].line,
			notes.note[i].warning ? "warning: " : "", notes.note[i].msg);
	if (cfg != NULL && cfg_machine_check(cfg, &err) < 0)
		say(err.file, err.line, "warning: ", err.msg); /* it may be another's */
	if (cfg != NULL)
		cfg_print(cfg, stdout);
	cfg_notes_free(&notes);
	cfg_free(cfg);
	return cfg != NULL ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* @return 0, or -1 after logging why */
static int
lay_guards(const struct gw_cfg *cfg)
{
	struct gw_netif *netif = gw_netif_open();
	int rc;

	if (netif == NULL) {
		gw_log(GW_LOG_ERROR, "guard", "rtnetlink: %s", strerror(errno));
		return -1;
	}
	rc = gw_guard_lay(cfg, netif);
	gw_netif_close(netif);
	return rc < 0 ? -1 : 0;
}

/* A key that is missing, or a slip in one of the file's values, must not lead inner traffic
 * elsewhere. */
static void
guard_all_the_same(const char *path)
{
	struct gw_cfg *cfg = cfg_load_routes(path);

	if (cfg != NULL && cfg->n_tunnels > 0 && lay_guards(cfg) == 0)
		gw_log(GW_LOG_WARN, "guard",
			"the tunnels' guard routes are laid, as far as they can be read");
	cfg_free(cfg);
}

/* For those that act on it: what is wrong is logged, and its guard routes are laid. */
static struct gw_cfg *
load(const char *path, struct cfg_notes *notes)
{
	struct conf_error err = {0};
	struct gw_cfg *cfg = cfg_load(path, notes, &err);

	if (cfg == NULL) {
		tell(GW_LOG_ERROR, err.file[0] != '\0' ? err.file : path, err.line, err.msg);
		guard_all_the_same(path);
	}
	return cfg;
}

static int
guard(const struct gw_args *args)
{
	struct cfg_notes notes = {0};
	struct gw_cfg *cfg = load(args->config, &notes);
	int rc = cfg != NULL ? lay_guards(cfg) : -1;

	cfg_notes_free(&notes); /* they are `check`'s and `run`'s to tell */
	cfg_free(cfg);
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Without it a restart is noticed later, by INITIAL_CONTACT or liveness: no reason to stay down. */
static void
read_qcd_secret(struct gw_cfg *cfg)
{
	char why[512];

	if (cfg->qcd_secret[0] == '\0')
		return;
	cfg->ike.has_qcd_secret =
		gw_qcdfile(cfg->qcd_secret, cfg->ike.qcd_secret, why, sizeof(why)) == 0;
	if (!cfg->ike.has_qcd_secret)
		gw_log(GW_LOG_WARN, "config",
			"qcd_secret: %s: peers get no tokens for crash detection", why);
}

static int
run(const struct gw_args *args)
{
	struct cfg_notes notes = {0};
	struct updown *updown;
	struct gw_cfg *cfg;
	int rc = -EINVAL;
	bool runs;

	gw_log_set_level(args->level);
	updown = gw_run_helper(); /* before a key is in memory */
	cfg = load(args->config, &notes);
	for (unsigned int i = 0; i < notes.n; i++)
		tell(notes.note[i].warning ? GW_LOG_WARN : GW_LOG_INFO, notes.note[i].file,
			notes.note[i].line, notes.note[i].msg);
	cfg_notes_free(&notes);
	runs = cfg != NULL && cfg->outside.port[0] != '\0';
	if (cfg != NULL && !runs)
		tell(GW_LOG_ERROR, args->config, 0,
			"has no section 'gateway': there is nothing to run");
	if (runs)
		read_qcd_secret(cfg);
	if (runs)
		rc = gw_run(cfg, args->config, updown, args->telemetry);
	gw_run_helper_stop(updown);
	cfg_free(cfg);
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	struct gw_args args;

	gw_args_parse(&args, argc, argv);
	gw_log_start();
	switch (args.command) {
	case GW_CMD_CHECK:
		return check(&args);
	case GW_CMD_GUARD:
		return guard(&args);
	case GW_CMD_SHOW:
		return gw_show(args.what, args.socket, args.json);
	case GW_CMD_RUN:
		return run(&args);
	}
	return EXIT_FAILURE;
}
