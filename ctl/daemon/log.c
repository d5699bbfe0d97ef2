// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * log.c -- one line a message on stderr, with systemd's level prefixes when the journal reads it.
 */
#include "daemon/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

static const struct {
	const char *name;
	const char *prefix; /* sd-daemon(3) */
} levels[] = {
	[DBX_LOG_ERROR] = {"error", SD_ERR},
	[DBX_LOG_WARNING] = {"warning", SD_WARNING},
	[DBX_LOG_INFO] = {"info", SD_INFO},
	[DBX_LOG_DEBUG] = {"debug", SD_DEBUG},
};

static enum dbx_log_level max_level = DBX_LOG_INFO;
static bool to_journal;

void dbx_log_init(enum dbx_log_level level)
{
	max_level = level;
	to_journal = getenv("JOURNAL_STREAM") != NULL;
}

int dbx_log_level_parse(const char *s, enum dbx_log_level *out)
{
	size_t i;

	for (i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (strcmp(s, levels[i].name) == 0) {
			*out = (enum dbx_log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

void dbx_log(enum dbx_log_level level, const char *fmt, ...)
{
	int saved = errno, n, head;
	char line[2048];
	va_list ap;
	char *p;

	if (level > max_level)
		return;
	head = to_journal ? snprintf(line, sizeof(line), "%s", levels[level].prefix)
			  : snprintf(line, sizeof(line), "dbx-egressd: %s: ", levels[level].name);
	va_start(ap, fmt);
	n = vsnprintf(line + head, sizeof(line) - 1 - (size_t)head, fmt, ap);
	va_end(ap);
	if (n < 0)
		line[head] = '\0';
	for (p = line + head; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	}
	*p++ = '\n';
	/* A log that cannot be written must not stop the gateway. */
	if (write(STDERR_FILENO, line, (size_t)(p - line)) < 0)
		errno = saved;
	errno = saved;
}
