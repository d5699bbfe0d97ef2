// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cmd_report.c -- report: recorded denials as one HTML page.
 */
#include "cli/cli.h"
#include "cli/offline.h"
#include "cli/out.h"
#include "cli/reclog.h"
#include "cli/report.h"
#include "lib/file.h"
#include "policy/explain.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int tally(struct dbx_tally *t, const char *key, uint64_t packets)
{
	uint64_t number;
	struct dbx_tally_row row = {.flows = 0};
	int rc;

	if (!dbx_strmap_get(&t->index, key, &number)) {
		if (t->rows.n >= DBX_TALLY_MAX) {
			t->other++;
			return 0;
		}
		row.key = strdup(key);
		if (!row.key)
			return -ENOMEM;
		number = t->rows.n;
		rc = dbx_strmap_put(&t->index, key, number);
		if (!rc)
			rc = dbx_vec_push(&t->rows, row);
		if (rc) {
			free(row.key);
			return rc;
		}
	}
	t->rows.v[number].flows++;
	t->rows.v[number].packets += packets;
	return 0;
}

static int take(void *arg, const struct dbx_reclog_entry *e)
{
	const json_t *x = json_object_get(e->record, "x_dbx_egress");
	const char *access = dbx_json_str(e->record, "access_type");
	const char *workspace = dbx_json_str(e->record, "workspace_id");
	const char *policy = dbx_json_str(x, "network_policy_id");
	const char *where = dbx_json_str(e->record, "destination");
	struct dbx_report *r = arg;
	struct dbx_report_point p = {.ms = e->first_ms, .packets = e->packets};
	int rc;

	if (!strcmp(access, "ALLOW")) {
		r->n_allowed++;
		return 0;
	}
	p.is_dry_run = !strcmp(access, "DRY_RUN_DENIAL");
	r->n_flows[p.is_dry_run]++;
	r->n_packets[p.is_dry_run] += e->packets;
	rc = dbx_vec_push(&r->points, p);
	if (!rc)
		rc = tally(&r->destinations, *where ? where : "(none)", e->packets);
	if (!rc)
		rc = tally(&r->workspaces, *workspace ? workspace : "(none)", e->packets);
	if (!rc)
		rc = tally(&r->reasons,
			   *dbx_json_str(x, "reason") ? dbx_json_str(x, "reason") : "?",
			   e->packets);
	if (!rc)
		rc = tally(&r->policies[p.is_dry_run], *policy ? policy : "(none)", e->packets);
	return rc;
}

static int by_flows(const void *x, const void *y)
{
	const struct dbx_tally_row *a = x, *b = y;

	if (a->flows != b->flows)
		return a->flows < b->flows ? 1 : -1;
	return strcmp(a->key, b->key);
}

static void tally_fini(struct dbx_tally *t)
{
	dbx_vec_for_each(&t->rows, row)
		free(row->key);
	dbx_vec_fini(&t->rows);
	dbx_strmap_fini(&t->index);
}

static int write_page(const char *path, const struct dbx_report *r)
{
	struct dbx_strbuf b;
	int rc;

	dbx_strbuf_init(&b);
	rc = dbx_report_html(r, &b);
	if (!rc)
		rc = dbx_file_write(path, b.s, b.len, 0644);
	if (rc)
		dbx_err("cannot write report %s: %s", path, strerror(-rc));
	dbx_strbuf_fini(&b);
	return rc ? DBX_EXIT_REFUSED : DBX_EXIT_DONE;
}

int dbx_cmd_report(const struct dbx_cli *cli)
{
	struct dbx_report r = {0};
	struct dbx_tally *all[] = {&r.destinations, &r.workspaces, &r.reasons, &r.policies[0],
				   &r.policies[1]};
	struct dbx_reclog_stats stats;
	int code;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		dbx_strmap_init(&all[i]->index);
	code = dbx_reclog_read(cli, take, &r, &stats);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (all[i]->rows.n)
			qsort(all[i]->rows.v, all[i]->rows.n, sizeof(*all[i]->rows.v), by_flows);
	}
	r.from_ms = stats.since_ms;
	r.to_ms = dbx_offline_now_ms();
	if (!code)
		dbx_reclog_say(&stats);
	if (!code && !dbx_cli_has(cli, DBX_OPT_FROM_LOG))
		code = dbx_report_load_documents(cli, &r);
	if (!code)
		code = write_page(cli->opt[DBX_OPT_OUTPUT], &r);
	if (!code)
		dbx_say("%" PRIu64 " denials written to %s\n", r.n_flows[0] + r.n_flows[1],
			cli->opt[DBX_OPT_OUTPUT]);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		tally_fini(all[i]);
	dbx_vec_fini(&r.points);
	dbx_report_fini(&r);
	return code;
}
