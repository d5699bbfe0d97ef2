/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * report.h -- what a report says, and the page that says it.
 */
#ifndef DBX_CLI_REPORT_H
#define DBX_CLI_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"
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

enum dbx_report_mode { /* of a workspace */
		       DBX_REPORT_ENFORCED,
		       DBX_REPORT_PARTLY, /* dry-run for some products */
		       DBX_REPORT_DRY_RUN,
		       DBX_REPORT_FULL_ACCESS,
		       DBX_REPORT_NO_POLICY,
		       DBX_REPORT_MODES,
};

struct dbx_report_entries { /* allow entries of one policy, "" = of the gateway */
	char *policy;
	uint64_t used, unused;
};

struct dbx_report {
	int64_t from_ms, to_ms; /* that was asked for; 0: from the first record to the last */
	bool has_documents;     /* what follows is of the documents in force */
	uint64_t n_modes[DBX_REPORT_MODES];
	DBX_VEC(struct dbx_report_entries) entries;
	struct dbx_tally destinations, workspaces, reasons;
	struct dbx_tally policies[2];            /* [1]: dry-run denials */
	uint64_t n_flows[2], n_packets[2];       /* dropped, dry-run */
	uint64_t n_allowed;                      /* records of what passed */
	DBX_VEC(struct dbx_report_point) points; /* in the order of the log */
};

/* What the daemon has in force: workspaces by mode, entries in use since from_ms. An enum dbx_exit. */
int dbx_report_load_documents(const struct dbx_cli *cli, struct dbx_report *r);
void dbx_report_fini(struct dbx_report *r);

/* Parts of the page. */
void dbx_report_text(struct dbx_strbuf *b, const char *s); /* what workloads may have chosen */
void dbx_report_coverage(const struct dbx_report *r, struct dbx_strbuf *b);

/* One page with everything in it: no script, nothing loaded. Returns b->err. */
int dbx_report_html(const struct dbx_report *r, struct dbx_strbuf *b);

#endif
