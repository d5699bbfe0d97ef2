/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * metrics.h -- the state of the gateway in the text format of Prometheus, version 0.0.4.
 */
#ifndef DBX_DAEMON_METRICS_H
#define DBX_DAEMON_METRICS_H

#include "daemon/api.h"

#define DBX_METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* 0, or -errno when the counters could not be read or memory is out: b is then of no use. */
int dbx_metrics_text(struct dbx_daemon *d, struct dbx_strbuf *b);

#endif
