/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_UPDOWN_H
#define GW_UPDOWN_H

/*
 * Runs the `updown` commands of the configuration file in a small helper process, forked at the very
 * start: before EAL, before threads, before a key is in memory. The command is split into words here
 * and executed directly, not by a shell as strongSwan does: nothing a peer chooses (identities) can
 * become syntax. Only commands from the file may be passed here, never VICI's.
 * Context: control thread (start: the main thread, before it makes others).
 */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ike/ts.h"

#define UPDOWN_RUNNING_MAX 8	 /* at a time; the rest wait */
#define UPDOWN_WAITING_MAX 64	 /* more are refused */
#define UPDOWN_TIMEOUT_MS  30000 /* then the command's process group is killed */
#define UPDOWN_LINE_MAX	   512	 /* of its output, longer ones are cut in pieces */

struct updown;

/**
 * Check a command line: words, and a program that is a root-owned executable file, writable by
 * nobody else, as are all directories above it (a sticky one like /tmp is none of those).
 * @return 0, or -errno with a sentence in err: -ENOENT (missing: worth a warning, no error), -EPERM
 *         (may be changed by others), -EINVAL (quotes do not match, no absolute path), -EACCES
 */
int updown_check(const char *command, char *err, size_t err_len);

/** Fork the helper. @return NULL with errno */
struct updown *updown_start(void);

/** What a command is told: strongSwan's PLUTO_* variables. One call for each pair of selectors. */
struct updown_call {
	const char *command; /* as configured */
	bool up;
	const char *child;     /* PLUTO_CONNECTION */
	const char *interface; /* PLUTO_INTERFACE: the tunnel's, or "" */
	uint32_t reqid;	       /* PLUTO_REQID */
	uint32_t uniqueid;     /* PLUTO_UNIQUEID: of the IKE SA */
	struct in6_addr me, peer;
	const char *my_id, *peer_id;
	struct ike_ts my_ts, peer_ts; /* PLUTO_MY_CLIENT, _PORT, _PROTOCOL; resolved */
	uint16_t udp_enc;	      /* PLUTO_UDP_ENC: remote port, 0 = not encapsulated */
	bool host_access;	      /* PLUTO_HOST_ACCESS */
};

/**
 * Have a command run. Never blocks; its status is ignored. A missing script is skipped in silence
 * (it was a warning at load), a writable one with a log line.
 * @return 0, -EAGAIN (helper busy: refused), -EPIPE (helper gone), -EMSGSIZE, -EINVAL
 */
int updown_run(struct updown *u, const struct updown_call *call);

/** Readable when updown_poll() has something to do; -1 when the helper is gone. */
int updown_fd(const struct updown *u);
/** Pass on what arrived: one call for each line of output, or about a command. Never blocks. */
void updown_poll(struct updown *u, void (*line)(void *arg, const char *child, const char *text),
	void *arg);

/** Kill what runs and end the helper, within a second. NULL is fine. */
void updown_stop(struct updown *u);

#endif
