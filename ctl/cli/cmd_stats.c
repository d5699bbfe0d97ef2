// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cmd_stats.c -- stats: counters by workspace, reason and rule; denials: recent ones.
 */
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/out.h"
#include "policy/explain.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static enum dbx_colour verdict_colour(const char *verdict)
{
	if (strcmp(verdict, "PASS") == 0)
		return DBX_GREEN;
	return strcmp(verdict, "DROP") == 0 ? DBX_RED : DBX_YELLOW;
}

static void cell_word(struct dbx_table *t, const json_t *value)
{
	char *word = dbx_json_word(value);

	dbx_table_cell(t, DBX_PLAIN, "%s", word ? word : "?");
	free(word);
}

/* ---- stats ---- */

int dbx_cli_check_reason(const struct dbx_cli *cli, const char *slug)
{
	const char *near = NULL;
	unsigned int best = 4, distance;
	int i;

	for (i = 0; i < DBX_REASON_MAX; i++) {
		distance = dbx_word_distance(slug, dbx_reason_slug((enum dbx_reason)i));
		if (!distance)
			return 0;
		if (distance < best) {
			best = distance;
			near = dbx_reason_slug((enum dbx_reason)i);
		}
	}
	if (near)
		return dbx_cli_usage(cli->cmd, "unknown reason '%s'; did you mean '%s'?", slug,
				     near);
	return dbx_cli_usage(cli->cmd, "unknown reason '%s'", slug);
}

/* path with the filters of the command line as its query; 0 or DBX_EXIT_USAGE. */
static int add_filters(const struct dbx_cli *cli, struct dbx_strbuf *path)
{
	const char *reason = cli->opt[DBX_OPT_REASON];
	uint64_t workspace = 0, limit = 0;
	char sep = '?';

	if (dbx_cli_u64(cli, DBX_OPT_WORKSPACE, INT64_MAX, &workspace) ||
	    dbx_cli_u64(cli, DBX_OPT_LIMIT, UINT32_MAX, &limit) ||
	    (reason && dbx_cli_check_reason(cli, reason)))
		return DBX_EXIT_USAGE;
	if (dbx_cli_has(cli, DBX_OPT_WORKSPACE)) {
		dbx_strbuf_addf(path, "%cworkspace=%" PRIu64, sep, workspace);
		sep = '&';
	}
	if (reason) {
		dbx_strbuf_addf(path, "%creason=%s", sep, reason);
		sep = '&';
	}
	if (dbx_cli_has(cli, DBX_OPT_LIMIT))
		dbx_strbuf_addf(path, "%climit=%" PRIu64, sep, limit);
	return 0;
}

static int ask(const struct dbx_cli *cli, const char *resource, const char *what, json_t **answer)
{
	struct dbx_strbuf path;
	int code;

	dbx_strbuf_init(&path);
	dbx_strbuf_add(&path, resource);
	code = add_filters(cli, &path);
	if (!code)
		code = path.err ? dbx_err_memory() : dbx_client_get(cli, path.s, what, answer);
	dbx_strbuf_fini(&path);
	return code;
}

static int print_by_reason(const json_t *totals)
{
	static const struct dbx_column cols[] = {
		{"reason", false}, {"packets", true}, {"bytes", true}, {"", false}};
	struct dbx_table t;
	const char *slug;
	json_t *v;
	int i, code;

	dbx_table_init(&t, cols, COUNT(cols));
	json_object_foreach(json_object_get(totals, "by_reason"), slug, v) {
		if (!dbx_json_int(v, "packets"))
			continue;
		for (i = 0; i < DBX_REASON_MAX - 1; i++) {
			if (strcmp(dbx_reason_slug((enum dbx_reason)i), slug) == 0)
				break;
		}
		dbx_table_cell(&t, DBX_BOLD, "%s", slug);
		dbx_table_cell(&t, DBX_PLAIN, "%lld", dbx_json_int(v, "packets"));
		dbx_table_cell(&t, DBX_PLAIN, "%lld", dbx_json_int(v, "bytes"));
		dbx_table_cell(&t, DBX_DIM, "%s", dbx_reason_text((enum dbx_reason)i));
	}
	if (t.n)
		dbx_say("\n");
	code = dbx_table_print(&t, stdout);
	dbx_table_fini(&t);
	return code;
}

static void add_row(struct dbx_table *t, const json_t *v)
{
	const char *verdict = dbx_json_str(v, "verdict"), *doc = dbx_json_str(v, "rule_doc");
	const char *rule = dbx_json_str(v, "rule"), *ptr = dbx_json_str(v, "rule_ptr");

	cell_word(t, json_object_get(v, "workspace_id"));
	dbx_table_cell(t, verdict_colour(verdict), "%s", verdict);
	dbx_table_cell(t, DBX_BOLD, "%s", dbx_json_str(v, "reason"));
	dbx_table_cell(t, DBX_PLAIN, "%s", dbx_json_str(v, "path"));
	dbx_table_cell(t, DBX_PLAIN, "%lld", dbx_json_int(v, "packets"));
	dbx_table_cell(t, DBX_PLAIN, "%lld", dbx_json_int(v, "bytes"));
	dbx_table_cell(t, DBX_PLAIN, "%s", dbx_json_str(v, "policy"));
	dbx_table_cell(t, DBX_PLAIN, "%s%s%s%s%s%s", rule, *doc ? " (" : "", doc,
		       *doc && *ptr ? ": " : "", *doc ? ptr : "", *doc ? ")" : "");
}

static int print_rows(const json_t *rows)
{
	static const struct dbx_column cols[] = {
		{"workspace", true}, {"verdict", false}, {"reason", false}, {"path", false},
		{"packets", true},   {"bytes", true},    {"policy", false}, {"rule", false}};
	struct dbx_table t;
	const json_t *v;
	size_t i;
	int code;

	dbx_table_init(&t, cols, COUNT(cols));
	json_array_foreach(rows, i, v)
		add_row(&t, v);
	if (t.n)
		dbx_say("\n");
	code = dbx_table_print(&t, stdout);
	dbx_table_fini(&t);
	return code;
}

static int print_stats(const json_t *s)
{
	const json_t *totals = json_object_get(s, "totals");
	long long unkeyed = dbx_json_int(s, "unkeyed_packets");
	int code;

	dbx_say("generation %lld: %lld packets, %lld bytes; %lld passed, %lld dropped, %lld in dry run\n",
		dbx_json_int(s, "generation"), dbx_json_int(totals, "packets"),
		dbx_json_int(totals, "bytes"), dbx_json_int(totals, "pass"),
		dbx_json_int(totals, "drop"), dbx_json_int(totals, "dry_run"));
	if (unkeyed)
		dbx_say("%lld packets are in the totals only: the table of counters was full\n",
			unkeyed);
	code = print_by_reason(totals);
	return code ? code : print_rows(json_object_get(s, "rows"));
}

int dbx_cmd_stats(const struct dbx_cli *cli)
{
	json_t *answer = NULL;
	int code;

	code = ask(cli, "/stats", "show counters", &answer);
	if (!code)
		code = dbx_out_is_json() ? dbx_out_json(answer) : print_stats(answer);
	json_decref(answer);
	return code;
}

/* ---- denials ---- */

static void add_denial(struct dbx_table *t, const json_t *v)
{
	const char *verdict = dbx_json_str(v, "verdict");

	cell_word(t, json_object_get(v, "time"));
	cell_word(t, json_object_get(v, "workspace_id"));
	dbx_table_cell(t, verdict_colour(verdict), "%s", verdict);
	dbx_table_cell(t, DBX_BOLD, "%s", dbx_json_str(v, "reason"));
	dbx_table_cell(t, DBX_PLAIN, "%s", dbx_json_str(v, "src"));
	dbx_table_cell(t, DBX_PLAIN, "%s", dbx_json_str(v, "dst"));
	cell_word(t, json_object_get(v, "proto"));
	cell_word(t, json_object_get(v, "port"));
	dbx_table_cell(t, DBX_PLAIN, "%s", dbx_json_str(v, "name"));
	dbx_table_cell(t, DBX_PLAIN, "%lld", dbx_json_int(v, "packets"));
	dbx_table_cell(t, DBX_PLAIN, "%s", dbx_json_str(v, "policy"));
	cell_word(t, json_object_get(v, "rule"));
}

static int print_denials(const json_t *denials)
{
	static const struct dbx_column cols[] = {
		{"time", false},   {"workspace", true},    {"verdict", false}, {"reason", false},
		{"source", false}, {"destination", false}, {"proto", false},   {"port", true},
		{"name", false},   {"packets", true},      {"policy", false},  {"rule", false},
	};
	struct dbx_table t;
	const json_t *v;
	size_t i;
	int code;

	dbx_table_init(&t, cols, COUNT(cols));
	json_array_foreach(denials, i, v)
		add_denial(&t, v);
	code = dbx_table_print(&t, stdout);
	dbx_table_fini(&t);
	return code;
}

int dbx_cmd_denials(const struct dbx_cli *cli)
{
	json_t *answer = NULL;
	int code;

	code = ask(cli, "/denials", "show denials", &answer);
	if (!code)
		code = dbx_out_is_json() ? dbx_out_json(answer)
					 : print_denials(json_object_get(answer, "denials"));
	json_decref(answer);
	return code;
}
