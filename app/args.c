/* SPDX-License-Identifier: BSD-3-Clause */

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "show.h"

static const char help_main[] =
	"usage: raclette COMMAND [OPTION...]\n"
	"\n"
	"A gateway that ends GRE over IPsec over IPv6.\n"
	"\n"
	"  run -c FILE      run in the foreground until SIGTERM or SIGINT\n"
	"  check -c FILE    check a configuration and print what it means\n"
	"  guard -c FILE    lay the guard routes of a configuration, which `run` does, too\n"
	"  show WHAT        look at a running gateway\n"
	"  --version        print the version\n"
	"  --help           print this; `raclette COMMAND --help` tells more\n";

static const char help_run[] =
	"usage: raclette run -c FILE [--log-level LEVEL] [--telemetry]\n"
	"\n"
	"Run in the foreground. SIGTERM or SIGINT: send DELETEs and stop. SIGHUP: read\n"
	"certificates, CRLs and private keys anew; all else needs a restart.\n"
	"\n"
	"  -c, --config FILE   configuration\n"
	"  --log-level LEVEL   error, warning, info (default) or debug\n"
	"  --telemetry         let DPDK open its telemetry socket\n";

static const char help_check[] =
	"usage: raclette check -c FILE\n"
	"\n"
	"Check a configuration and print what it means. Changes nothing, and needs no privileges\n"
	"but to read the files.\n"
	"\n"
	"  -c, --config FILE   configuration\n";

static const char help_guard[] =
	"usage: raclette guard -c FILE\n"
	"\n"
	"Lay the guard routes of a configuration: what is behind its tunnels is unreachable until\n"
	"`raclette run` makes it reachable. For the time between boot and that.\n"
	"`ip route flush proto 82` and `ip -6 route flush proto 82` remove them.\n"
	"\n"
	"  -c, --config FILE   configuration\n";

static const char help_show[] =
	"usage: raclette show WHAT [--json] [--socket PATH]\n"
	"\n"
	"Look at a running gateway.\n"
	"\n"
	"  sa            ESP security associations\n"
	"  ike           IKE security associations\n"
	"  tunnels       tunnel interfaces and their counters\n"
	"  ports         outside, inside and tunnels' ports and their counters\n"
	"  drops         why packets were dropped, and how many\n"
	"  neighbours    neighbours on the outside and the inside link\n"
	"\n"
	"  --json          an array of objects\n"
	"  --socket PATH   control socket (default " GW_SHOW_SOCKET ")\n";

enum { OPT_LEVEL = 256, OPT_TELEMETRY, OPT_JSON, OPT_SOCKET };

static const struct option opts_run[] = {
	{"config", required_argument, NULL, 'c'},
	{"help", no_argument, NULL, 'h'},
	{"log-level", required_argument, NULL, OPT_LEVEL},
	{"telemetry", no_argument, NULL, OPT_TELEMETRY},
	{NULL, 0, NULL, 0},
};
static const struct option opts_config[] = {
	{"config", required_argument, NULL, 'c'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};
static const struct option opts_show[] = {
	{"help", no_argument, NULL, 'h'},
	{"json", no_argument, NULL, OPT_JSON},
	{"socket", required_argument, NULL, OPT_SOCKET},
	{NULL, 0, NULL, 0},
};

static const struct command {
	const char *name;
	enum gw_command command;
	const char *help;
	const char *shorts;
	const struct option *opts;
} commands[] = {
	{"run", GW_CMD_RUN, help_run, "c:h", opts_run},
	{"check", GW_CMD_CHECK, help_check, "c:h", opts_config},
	{"guard", GW_CMD_GUARD, help_guard, "c:h", opts_config},
	{"show", GW_CMD_SHOW, help_show, "h", opts_show},
};

static void __attribute__((noreturn)) usage(const char *help, const char *wrong, const char *arg)
{
	if (wrong != NULL)
		fprintf(stderr, "raclette: %s%s%s\n", wrong, arg != NULL ? " " : "",
			arg != NULL ? arg : "");
	fputs(help, stderr);
	exit(GW_EXIT_USAGE);
}

static const struct command *
find_command(const char *word)
{
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
		fputs(help_main, stdout);
		exit(EXIT_SUCCESS);
	}
	if (strcmp(word, "--version") == 0) {
		puts("raclette " GW_VERSION);
		exit(EXIT_SUCCESS);
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(word, commands[i].name) == 0)
			return &commands[i];
	}
	usage(help_main, "no such command:", word);
}

static void
parse_options(struct gw_args *args, const struct command *cmd, int argc, char **argv)
{
	int opt;

	while ((opt = getopt_long(argc, argv, cmd->shorts, cmd->opts, NULL)) != -1) {
		switch (opt) {
		case 'c':
			args->config = optarg;
			break;
		case 'h':
			fputs(cmd->help, stdout);
			exit(EXIT_SUCCESS);
		case OPT_LEVEL:
			if (gw_log_level_parse(optarg, &args->level) < 0)
				usage(cmd->help, "no such log level:", optarg);
			break;
		case OPT_TELEMETRY:
			args->telemetry = true;
			break;
		case OPT_JSON:
			args->json = true;
			break;
		case OPT_SOCKET:
			args->socket = optarg;
			break;
		default: /* getopt has said what is wrong */
			usage(cmd->help, NULL, NULL);
		}
	}
}

void
gw_args_parse(struct gw_args *args, int argc, char **argv)
{
	const struct command *cmd;

	*args = (struct gw_args){.level = GW_LOG_INFO};
	if (argc < 2)
		usage(help_main, NULL, NULL);
	cmd = find_command(argv[1]);
	args->command = cmd->command;
	argv[1] = argv[0];
	argc--;
	argv++;
	parse_options(args, cmd, argc, argv);
	if (cmd->command == GW_CMD_SHOW && optind < argc) {
		args->what = argv[optind++];
		if (!gw_show_known(args->what))
			usage(cmd->help, "nothing to show of that name:", args->what);
	}
	if (optind < argc)
		usage(cmd->help, "what is this:", argv[optind]);
	if (cmd->command == GW_CMD_SHOW && args->what == NULL)
		usage(cmd->help, "show what?", NULL);
	if (cmd->command != GW_CMD_SHOW && args->config == NULL)
		usage(cmd->help, "a configuration is needed: -c FILE", NULL);
}
