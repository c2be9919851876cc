/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_LOG_H
#define GW_LOG_H

/*
 * Log lines on stderr: `<time> <level> <module>: message`; for journald, which knows the time, with the level
 * as its priority: `<N><module>: message`. Control only; workers count, never log.
 */

#include <stdarg.h>

enum gw_log_level { GW_LOG_ERROR, GW_LOG_WARN, GW_LOG_INFO, GW_LOG_DEBUG };

/** Show this level and what is graver. Before the first line; default info. */
void gw_log_set_level(enum gw_log_level level);
enum gw_log_level gw_log_get_level(void);

/** See who reads stderr. Once, before the first line. */
void gw_log_start(void);

/** "error", "warning", "info", "debug". @return 0, or -EINVAL */
int gw_log_level_parse(const char *text, enum gw_log_level *level);

/** One line; newlines and control characters in it become '?', so that a peer cannot forge lines. */
void gw_log(enum gw_log_level level, const char *module, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** Let DPDK's messages come out as ours, module "dpdk". Before rte_eal_init(). @return 0, -errno */
int gw_log_take_dpdk(void);

#endif
