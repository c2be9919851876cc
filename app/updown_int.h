/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_UPDOWN_INT_H
#define GW_UPDOWN_INT_H

/*
 * Between updown.c (in the gateway), updown_helper.c (the forked process) and updown_cmd.c (both).
 * They talk over a SOCK_SEQPACKET pair, one message a datagram, strings with their terminators:
 * down: child, command, VAR=value...; up: child, text.
 */

#include "updown.h"

#define UPDOWN_MSG_MAX	 8192
#define UPDOWN_WORDS_MAX 32
#define UPDOWN_ENV_MAX	 32
#define UPDOWN_GRACE_MS	 800 /* what is waiting or running at stop has this long */

/** A command line cut into words; argv is terminated by NULL and points into text. */
struct updown_words {
	unsigned int n;
	char *argv[UPDOWN_WORDS_MAX + 1];
	char text[UPDOWN_MSG_MAX];
};

/** @return 0, or -EINVAL with a sentence in err */
int updown_split(const char *command, struct updown_words *w, char *err, size_t err_len);
/** The rule about files of updown_check(), for one path. */
int updown_trusted(const char *path, char *err, size_t err_len);

/** updown_start() with another time limit for commands. */
struct updown *updown_start_limit(unsigned int timeout_ms);
/** Life of the helper; returns when its socket ends. */
void updown_helper(int sock, unsigned int timeout_ms);

#endif
