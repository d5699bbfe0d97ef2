/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * log.h -- one line a message on stderr, with systemd's level prefixes when the journal reads it.
 */
#ifndef DBX_DAEMON_LOG_H
#define DBX_DAEMON_LOG_H

enum dbx_log_level { DBX_LOG_ERROR, DBX_LOG_WARNING, DBX_LOG_INFO, DBX_LOG_DEBUG };

/* Looks at $JOURNAL_STREAM once; before it is called, lines are plain and the level is info. */
void dbx_log_init(enum dbx_log_level level);
int dbx_log_level_parse(const char *s, enum dbx_log_level *out); /* 0 or -EINVAL */

/* errno is kept; line breaks and control characters of the text are shown as '?'. */
__attribute__((format(printf, 2, 3))) void dbx_log(enum dbx_log_level level, const char *fmt, ...);

#define dbx_log_error(...)   dbx_log(DBX_LOG_ERROR, __VA_ARGS__)
#define dbx_log_warning(...) dbx_log(DBX_LOG_WARNING, __VA_ARGS__)
#define dbx_log_info(...)    dbx_log(DBX_LOG_INFO, __VA_ARGS__)
#define dbx_log_debug(...)   dbx_log(DBX_LOG_DEBUG, __VA_ARGS__)

#endif
