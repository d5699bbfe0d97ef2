// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * report_coverage.c -- how far policies reach: what of their denials is enforced, how many workspaces
 * each mode has, and how many of their allow entries are in use.
 *
 * The first is told by records alone; the others by the documents in force, where a daemon has them.
 */
#include "cli/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/entries.h"
#include "cli/inforce.h"
#include "cli/out.h"

#define N_ROWS 24

/* ---- from the daemon ---- */

static enum dbx_report_mode mode_of(const struct dbx_policy *p)
{
	if (!p)
		return DBX_REPORT_NO_POLICY;
	if (p->mode == DBX_MODE_FULL_ACCESS)
		return DBX_REPORT_FULL_ACCESS;
	if (!p->has_enforcement || p->enforcement != DBX_DRY_RUN)
		return DBX_REPORT_ENFORCED;
	return p->dry_run_filter ? DBX_REPORT_PARTLY : DBX_REPORT_DRY_RUN;
}

static int add_entry(struct dbx_report *r, const char *policy, bool is_unused)
{
	struct dbx_report_entries row = {.policy = NULL}, *e = NULL;

	/* Entries of a policy follow each other. */
	if (r->entries.n && !strcmp(r->entries.v[r->entries.n - 1].policy, policy))
		e = &r->entries.v[r->entries.n - 1];
	for (size_t i = 0; i < r->entries.n && !e; i++) {
		if (!strcmp(r->entries.v[i].policy, policy))
			e = &r->entries.v[i];
	}
	if (!e) {
		row.policy = strdup(policy);
		if (!row.policy || dbx_vec_push(&r->entries, row)) {
			free(row.policy);
			return dbx_err_memory();
		}
		e = &r->entries.v[r->entries.n - 1];
	}
	e->used += !is_unused;
	e->unused += is_unused;
	return DBX_EXIT_DONE;
}

static int load_entries(const struct dbx_cli *cli, struct dbx_report *r)
{
	struct dbx_entries e;
	int code = dbx_entries_get(cli, "read entries", &e);
	const json_t *v;
	size_t i;

	json_array_foreach((json_t *)e.list, i, v) {
		if (!code)
			code = add_entry(r, dbx_json_str(v, "policy"),
					 dbx_entries_is_unused(&e, v, r->from_ms));
	}
	dbx_entries_fini(&e);
	return code;
}

int dbx_report_load_documents(const struct dbx_cli *cli, struct dbx_report *r)
{
	struct dbx_model *m = NULL;
	const char *as_bound;
	int code = dbx_inforce_model(cli, "read documents", &m);

	/* Before the first apply there is nothing to tell. */
	if (code || !m->has_gateway) {
		dbx_model_free(&m);
		return code;
	}
	r->has_documents = true;
	for (size_t i = 0; i < m->gateway.n_workspaces; i++)
		r->n_modes[mode_of(
			dbx_model_policy_of(m, m->gateway.workspaces[i].id, &as_bound))]++;
	dbx_model_free(&m);
	return load_entries(cli, r);
}

void dbx_report_fini(struct dbx_report *r)
{
	dbx_vec_for_each(&r->entries, e)
		free(e->policy);
	dbx_vec_fini(&r->entries);
}

/* ---- the page ---- */

struct row {
	const char *policy;
	uint64_t flows[2]; /* dropped, dry-run */
	uint64_t used, unused;
};

struct rows {
	struct row v[N_ROWS];
	size_t n;
	bool is_cut;
};

/* The row of a policy, made when there is room; NULL: there is none. */
static struct row *row_of(struct rows *rows, const char *policy)
{
	for (size_t i = 0; i < rows->n; i++) {
		if (!strcmp(rows->v[i].policy, policy))
			return &rows->v[i];
	}
	if (rows->n == N_ROWS) {
		rows->is_cut = true;
		return NULL;
	}
	rows->v[rows->n] = (struct row){.policy = policy};
	return &rows->v[rows->n++];
}

static void collect(const struct dbx_report *r, struct rows *rows)
{
	struct row *row;

	for (int k = 0; k < 2; k++) {
		dbx_vec_for_each(&r->policies[k].rows, t) {
			row = row_of(rows, t->key);
			if (row)
				row->flows[k] = t->flows;
		}
	}
	dbx_vec_for_each(&r->entries, e) {
		row = row_of(rows, *e->policy ? e->policy : "(gateway)");
		if (row) {
			row->used = e->used;
			row->unused = e->unused;
		}
	}
}

/* A bar of parts, which together are the whole width. */
static void add_stack(struct dbx_strbuf *b, const uint64_t *v, const char *const *classes, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += v[i];
	dbx_strbuf_add(b, "<div class=\"stack\">");
	for (size_t i = 0; i < n; i++) {
		if (v[i])
			dbx_strbuf_addf(b, "<div class=\"%s\" style=\"width:%.2f%%\"></div>",
					classes[i], 100.0 * (double)v[i] / (double)sum);
	}
	dbx_strbuf_add(b, "</div>");
}

static void add_modes(const struct dbx_report *r, struct dbx_strbuf *b)
{
	static const char *const classes[DBX_REPORT_MODES] = {"m0", "m1", "m2", "m3", "m4"};
	static const struct {
		const char *id, *text;
	} modes[DBX_REPORT_MODES] = {
		[DBX_REPORT_ENFORCED] = {"ws-enforced", "enforced"},
		[DBX_REPORT_PARTLY] = {"ws-partly", "dry-run for some products"},
		[DBX_REPORT_DRY_RUN] = {"ws-dry-run", "dry-run"},
		[DBX_REPORT_FULL_ACCESS] = {"ws-full-access", "full access"},
		[DBX_REPORT_NO_POLICY] = {"ws-no-policy", "no policy: all is denied"},
	};

	dbx_strbuf_add(b, "<p>Workspaces by the mode of their policy");
	for (int i = 0; i < DBX_REPORT_MODES; i++)
		dbx_strbuf_addf(b, " <i class=\"%s\"></i>%s <b id=\"%s\">%" PRIu64 "</b>",
				classes[i], modes[i].text, modes[i].id, r->n_modes[i]);
	dbx_strbuf_add(b, "</p>");
	add_stack(b, r->n_modes, classes, DBX_REPORT_MODES);
	dbx_strbuf_add(b, "<p></p>\n");
}

static void add_row(const struct dbx_report *r, const struct row *row, struct dbx_strbuf *b)
{
	static const char *const denied[] = {"m4", "m2"}, *const used[] = {"u0", "u1"};
	const uint64_t entries[] = {row->used, row->unused};
	uint64_t flows = row->flows[0] + row->flows[1];

	dbx_strbuf_add(b, "<tr><td>");
	dbx_report_text(b, row->policy);
	dbx_strbuf_add(b, "</td><td>");
	add_stack(b, row->flows, denied, 2);
	dbx_strbuf_addf(b,
			"</td><td class=\"r\">%" PRIu64 "</td><td class=\"r\">%" PRIu64
			"</td><td class=\"r\">",
			row->flows[0], row->flows[1]);
	if (flows)
		dbx_strbuf_addf(b, "%.0f %%", 100.0 * (double)row->flows[0] / (double)flows);
	dbx_strbuf_add(b, "</td>");
	if (r->has_documents) {
		dbx_strbuf_add(b, "<td>");
		add_stack(b, entries, used, 2);
		dbx_strbuf_addf(b, "</td><td class=\"r\">%" PRIu64 " of %" PRIu64 "</td>",
				row->used, row->used + row->unused);
	}
	dbx_strbuf_add(b, "</tr>\n");
}

void dbx_report_coverage(const struct dbx_report *r, struct dbx_strbuf *b)
{
	struct rows rows = {.n = 0};

	collect(r, &rows);
	dbx_strbuf_add(b, "<div class=\"card wide\" id=\"coverage\"><h2>Policy coverage"
			  "<i class=\"m4\"></i>dropped<i class=\"m2\"></i>dry-run");
	if (r->has_documents)
		dbx_strbuf_add(b, "<i class=\"u0\"></i>entries in use<i class=\"u1\"></i>not "
				  "in use");
	dbx_strbuf_add(b, "</h2>\n");
	if (r->has_documents)
		add_modes(r, b);
	dbx_strbuf_add(b, "<table id=\"policies\"><tr><th>policy</th><th>denied flows</th>"
			  "<th class=\"r\">dropped</th><th class=\"r\">dry-run</th>"
			  "<th class=\"r\">enforced</th>");
	if (r->has_documents)
		dbx_strbuf_add(b, "<th>allow entries</th><th class=\"r\">in use</th>");
	dbx_strbuf_add(b, "</tr>\n");
	for (size_t i = 0; i < rows.n; i++)
		add_row(r, &rows.v[i], b);
	dbx_strbuf_add(b, "</table>");
	if (rows.is_cut)
		dbx_strbuf_add(b, "<p>and more</p>");
	dbx_strbuf_add(b, "</div>\n");
}
