/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * usage.h -- who sent how much by which path: the data plane's counters, kept over time.
 *
 * Every few seconds what the counters grew by is added to the minute, in one transaction with the
 * counters themselves; so nothing is lost or counted twice, whenever the daemon ends. Only counters
 * that begin anew between two samples (a reboot) take their last seconds along. The same samples say
 * when packets passed by each rule last.
 */
#ifndef DBX_DAEMON_USAGE_H
#define DBX_DAEMON_USAGE_H

#include "daemon/fail.h"
#include "daemon/store.h"
#include "dataplane/dp.h"

#define DBX_USAGE_MINUTES_S (2 * 86400)   /* then they become hours */
#define DBX_USAGE_KEPT_S    (400 * 86400) /* a year, and the month in which it is billed */

struct dbx_usage;

/* Reads what was counted so far; the first sample adds what passed while nobody looked. */
int dbx_usage_open(struct dbx_usage **u, struct dbx_store *store, const struct dbx_dp_ops *ops,
		   struct dbx_dp *dp, struct dbx_fail *f);
void dbx_usage_close(struct dbx_usage **u);

/* What passed since the last sample counts as of now_s (wall clock). 0, or -errno: not lost. */
int dbx_usage_sample(struct dbx_usage *u, int64_t now_s, struct dbx_fail *f);
void dbx_usage_second(struct dbx_usage *u, int64_t now_s); /* samples and rolls up when due */
const char *dbx_usage_error(const struct dbx_usage *u);    /* of the last sample, "" = none */

#endif
