/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <rte_log.h>

#include "log.h"

static enum gw_log_level shown = GW_LOG_INFO;
static bool to_journal; /* set before there are threads */

static const char *const level_names[] = {"error", "warning", "info", "debug"};

/* systemd says which stream is journald's: it may have been given away since (systemd.exec(5)) */
void
gw_log_start(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	to_journal = stream != NULL && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
		     fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void
gw_log_set_level(enum gw_log_level level)
{
	shown = level;
}

enum gw_log_level
gw_log_get_level(void)
{
	return shown;
}

int
gw_log_level_parse(const char *text, enum gw_log_level *level)
{
	for (int i = GW_LOG_ERROR; i <= GW_LOG_DEBUG; i++) {
		if (strcmp(text, level_names[i]) == 0) {
			*level = (enum gw_log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

static void
write_head(enum gw_log_level level, char *head, size_t len)
{
	static const int priority[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};
	struct timespec ts;
	struct tm tm;

	if (to_journal) {
		snprintf(head, len, "<%d>", priority[level]);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &ts);
	localtime_r(&ts.tv_sec, &tm);
	snprintf(head, len, "%02d:%02d:%02d.%03ld %s ", tm.tm_hour, tm.tm_min, tm.tm_sec,
		ts.tv_nsec / 1000000, level_names[level]);
}

void
gw_log(enum gw_log_level level, const char *module, const char *fmt, ...)
{
	char head[64], msg[1024];
	va_list ap;

	if (level > shown)
		return;
	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	for (char *p = msg; *p != '\0'; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	}
	write_head(level, head, sizeof(head));
	fprintf(stderr, "%s%s: %s\n", head, module, msg); /* one call: a line is not torn */
}

/* DPDK writes "EAL: text\n", in pieces of any size; a piece is a line in practice. */
static ssize_t
dpdk_write(void *cookie, const char *buf, size_t len)
{
	int dpdk_level = rte_log_cur_msg_loglevel();
	enum gw_log_level level = GW_LOG_DEBUG;
	size_t left = len;

	if (dpdk_level > 0 && dpdk_level <= (int)RTE_LOG_ERR)
		level = GW_LOG_ERROR;
	else if (dpdk_level == (int)RTE_LOG_WARNING)
		level = GW_LOG_WARN;
	while (left > 0) {
		const char *nl = memchr(buf, '\n', left);
		size_t n = nl != NULL ? (size_t)(nl - buf) : left;

		if (n > 0)
			gw_log(level, "dpdk", "%.*s", (int)n, buf);
		n += nl != NULL;
		buf += n;
		left -= n;
	}
	return (ssize_t)len;
}

int
gw_log_take_dpdk(void)
{
	FILE *f = fopencookie(NULL, "w", (cookie_io_functions_t){.write = dpdk_write});

	if (f == NULL)
		return -errno;
	setvbuf(f, NULL, _IOLBF, 0);
	rte_openlog_stream(f);
	return 0;
}
