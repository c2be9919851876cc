/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "cfg.h"
#include "cfg_machine.h"
#include "guard.h"
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

static struct gw_cfg *
load(const char *path, struct cfg_notes *notes)
{
	struct conf_error err = {0};
	struct gw_cfg *cfg = cfg_load(path, notes, &err);

	if (cfg == NULL)
		say(err.file[0] != '\0' ? err.file : path, err.line, "", err.msg);
	return cfg;
}

static int
check(const struct gw_args *args)
{
	struct cfg_notes notes = {0};
	struct gw_cfg *cfg = load(args->config, &notes);
	struct conf_error err;

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

static int
guard(const struct gw_args *args)
{
	struct gw_netif *netif = gw_netif_open();
	struct cfg_notes notes = {0};
	struct gw_cfg *cfg;
	int rc = -1;

	if (netif == NULL) {
		perror("raclette: rtnetlink");
		return EXIT_FAILURE;
	}
	cfg = load(args->config, &notes);
	cfg_notes_free(&notes); /* they are `check`'s and `run`'s to tell */
	if (cfg != NULL)
		rc = gw_guard_lay(cfg, netif);
	cfg_free(cfg);
	gw_netif_close(netif);
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
	char at[300];
	bool runs;

	gw_log_set_level(args->level);
	updown = gw_run_helper(); /* before a key is in memory */
	cfg = load(args->config, &notes);
	for (unsigned int i = 0; i < notes.n; i++)
		gw_log(notes.note[i].warning ? GW_LOG_WARN : GW_LOG_INFO, "config", "%s: %s",
			place(notes.note[i].file, notes.note[i].line, at, sizeof(at)),
			notes.note[i].msg);
	cfg_notes_free(&notes);
	runs = cfg != NULL && cfg->outside.port[0] != '\0';
	if (cfg != NULL && !runs)
		say(args->config, 0, "", "has no section 'gateway': there is nothing to run");
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
