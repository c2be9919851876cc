/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_ARGS_H
#define GW_ARGS_H

/* The command line. */

#include <stdbool.h>

#include "log.h"

enum gw_command { GW_CMD_RUN, GW_CMD_CHECK, GW_CMD_GUARD, GW_CMD_SHOW };

#define GW_EXIT_USAGE 2

struct gw_args {
	enum gw_command command;
	const char *config;	/* run, check, guard */
	enum gw_log_level level; /* run */
	bool telemetry;		/* run: DPDK's telemetry socket */
	const char *what;	/* show: sa, tunnels, ... */
	const char *socket;	/* show: NULL = the default path */
	bool json;		/* show */
};

/**
 * Read the command line. --help and --version print and leave the process with 0, a wrong command
 * line prints what would be right and leaves with GW_EXIT_USAGE.
 */
void gw_args_parse(struct gw_args *args, int argc, char **argv);

#endif
