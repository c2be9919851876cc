/* SPDX-License-Identifier: BSD-3-Clause */

/* Runs schedules, many or one. See usage() and README.md. */

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim.h"

#define FAILURES_MAX 20 /* a process stops there */

struct options {
	uint64_t first, last;
	unsigned int jobs;
	bool log, twice;
};

static uint64_t running;

static void
usage(FILE *f)
{
	fprintf(f, "usage: sim [--seeds FIRST..LAST] [--jobs N] [--twice]   run many schedules\n"
		   "       sim --seed N [--log]                             run one, and say what "
		   "happens\n"
		   "--twice: run each once more, and compare all that happened\n");
}

/** A crash of the engine is a finding like others. */
static void
on_signal(int sig)
{
	dprintf(STDOUT_FILENO, "FAIL seed %llu: signal %d\n", (unsigned long long)running, sig);
	_exit(1);
}

static void
catch_crashes(void)
{
	const int sigs[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL};

	for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		signal(sigs[i], on_signal);
}

static bool
parse(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{"seeds", required_argument, NULL, 's'},
		{"seed", required_argument, NULL, '1'},
		{"jobs", required_argument, NULL, 'j'},
		{"log", no_argument, NULL, 'l'},
		{"twice", no_argument, NULL, '2'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	char *end;
	int c;

	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			o->first = strtoull(optarg, &end, 0);
			if (strncmp(end, "..", 2) != 0)
				return false;
			o->last = strtoull(end + 2, &end, 0);
			if (*end != '\0' || o->last < o->first)
				return false;
			break;
		case '1':
			o->first = o->last = strtoull(optarg, &end, 0);
			if (*end != '\0')
				return false;
			break;
		case 'j':
			o->jobs = (unsigned int)strtoul(optarg, &end, 0);
			if (*end != '\0' || o->jobs == 0 || o->jobs > 64)
				return false;
			break;
		case 'l':
			o->log = true;
			break;
		case '2':
			o->twice = true;
			break;
		case 'h':
			usage(stdout);
			exit(0);
		default:
			return false;
		}
	}
	return optind == argc;
}

/** @return what did not hold, NULL = all did */
static const char *
run_seed(struct sim *s, const struct options *o, uint64_t seed)
{
	uint64_t digest;

	if (!sim_run(s, seed, o->log))
		return s->why;
	digest = s->digest;
	if (!o->twice)
		return NULL;
	if (!sim_run(s, seed, o->log))
		return s->why;
	return s->digest == digest ? NULL : "the second run is another one";
}

/** Every jobs-th seed. @return how many failed */
static unsigned int
run_share(const struct options *o, unsigned int share)
{
	static struct sim s;
	unsigned int bad = 0;
	uint64_t longest = 0, at = 0;
	const char *why;

	for (uint64_t seed = o->first + share; seed <= o->last; seed += o->jobs) {
		running = seed;
		why = run_seed(&s, o, seed);
		if (why != NULL) {
			printf("FAIL seed %llu: %s\n", (unsigned long long)seed, why);
			fflush(stdout);
			if (++bad == FAILURES_MAX)
				break;
		} else if (s.settled_ms > longest) {
			longest = s.settled_ms;
			at = seed;
		}
	}
	printf("job %u: %u failed; settled after %.1f s at the latest (seed %llu)\n", share, bad,
		(double)longest / 1000, (unsigned long long)at);
	fflush(stdout);
	sim_unwatch(&s);
	return bad;
}

int
main(int argc, char **argv)
{
	struct options o = {.first = 0, .last = 999, .jobs = 1};
	int status, bad = 0;

	if (!parse(&o, argc, argv)) {
		usage(stderr);
		return 2;
	}
	catch_crashes();
	if (o.jobs == 1)
		return run_share(&o, 0) == 0 ? 0 : 1;
	for (unsigned int i = 0; i < o.jobs; i++) {
		pid_t pid = fork();

		if (pid == 0) /* not _exit(): leaks are looked for at the end */
			exit(run_share(&o, i) == 0 ? 0 : 1);
		if (pid < 0)
			perror("fork");
		bad |= pid < 0;
	}
	while (wait(&status) > 0 || errno == EINTR)
		bad |= status != 0;
	return bad != 0;
}
