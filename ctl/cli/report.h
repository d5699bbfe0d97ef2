/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * report.h -- what a report says, and the page that says it.
 */
#ifndef DBX_CLI_REPORT_H
#define DBX_CLI_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/hash.h"
#include "lib/strbuf.h"
#include "lib/vec.h"

#define DBX_TALLY_MAX 65536 /* different keys; flows of more are counted as others */

struct dbx_tally_row {
	char *key;
	uint64_t flows, packets;
};

struct dbx_tally {
	DBX_VEC(struct dbx_tally_row) rows; /* most flows first, once they are read */
	struct dbx_strmap index;
	uint64_t other;
};

struct dbx_report_point {
	int64_t ms;
	uint64_t packets;
	bool is_dry_run;
};

struct dbx_report {
	struct dbx_tally destinations, workspaces, reasons;
	struct dbx_tally policies[2];            /* [1]: dry-run denials */
	uint64_t n_flows[2], n_packets[2];       /* dropped, dry-run */
	uint64_t n_allowed;                      /* records of what passed */
	DBX_VEC(struct dbx_report_point) points; /* in the order of the log */
};

/* One page with everything in it: no script, nothing loaded. Returns b->err. */
int dbx_report_html(const struct dbx_report *r, struct dbx_strbuf *b);

#endif
