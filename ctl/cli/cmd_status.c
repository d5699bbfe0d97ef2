// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cmd_status.c -- status: what is enforced, and whether all is well.
 */
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/out.h"
#include "cli/status.h"

#include <stdlib.h>
#include <string.h>

static void say_key(const char *key, const json_t *value)
{
	char *word;

	if (!value || json_is_null(value))
		return;
	word = dbx_json_word(value);
	dbx_say("%-13s ", key);
	dbx_say_in(stdout, DBX_PLAIN, "%s", word ? word : "?");
	dbx_say("\n");
	free(word);
}

static void say_seconds(const char *key, long long s)
{
	if (s >= 86400)
		dbx_say("%-13s %lld d %lld h\n", key, s / 86400, s / 3600 % 24);
	else if (s >= 3600)
		dbx_say("%-13s %lld h %lld min\n", key, s / 3600, s / 60 % 60);
	else if (s >= 60)
		dbx_say("%-13s %lld min %lld s\n", key, s / 60, s % 60);
	else
		dbx_say("%-13s %lld s\n", key, s);
}

static void say_degraded(const char *why)
{
	if (!*why)
		return;
	dbx_say("%-13s ", "degraded");
	dbx_say_in(stdout, DBX_RED, "%s", why);
	dbx_say("\n");
}

static void say_lost(const json_t *status)
{
	long long lost = dbx_json_int(status, "events_lost");

	dbx_say("%-13s %lld", "events", dbx_json_int(status, "events"));
	if (lost)
		dbx_say_in(stdout, DBX_YELLOW, ", %lld lost (counters are exact all the same)",
			   lost);
	dbx_say("\n");
}

/* Records of denied flows: one line for all, one for each sink. */
static void say_log(const json_t *log)
{
	long long lost = dbx_json_int(log, "lost_events");
	const json_t *v;
	size_t i;

	if (!json_is_object(log))
		return;
	dbx_say("%-13s %lld, %lld flows open", "records", dbx_json_int(log, "records"),
		dbx_json_int(log, "open_flows"));
	if (lost)
		dbx_say_in(stdout, DBX_YELLOW, ", %lld events of flows without room lost", lost);
	if (*dbx_json_str(log, "kept_error"))
		dbx_say_in(stdout, DBX_RED, ", not kept for explain: %s",
			   dbx_json_str(log, "kept_error"));
	dbx_say("\n");
	json_array_foreach(json_object_get(log, "sinks"), i, v) {
		dbx_say("%-13s ", i ? "" : "sinks");
		dbx_say_in(stdout, DBX_PLAIN, "%s %s%s", dbx_json_str(v, "sink"),
			   dbx_json_str(v, "path"), dbx_json_str(v, "topic"));
		dbx_say(": %lld written", dbx_json_int(v, "written"));
		if (dbx_json_int(v, "queued"))
			dbx_say(" (%lld wait)", dbx_json_int(v, "queued"));
		if (dbx_json_int(v, "lost"))
			dbx_say_in(stdout, DBX_YELLOW, ", %lld lost", dbx_json_int(v, "lost"));
		if (*dbx_json_str(v, "error"))
			dbx_say_in(stdout, DBX_RED, ", %s", dbx_json_str(v, "error"));
		dbx_say("\n");
	}
}

static void say_metrics(const json_t *metrics)
{
	if (!json_is_object(metrics))
		return;
	dbx_say("%-13s %s: %lld scrapes", "metrics", dbx_json_str(metrics, "listen"),
		dbx_json_int(metrics, "scrapes"));
	if (*dbx_json_str(metrics, "error"))
		dbx_say_in(stdout, DBX_RED, ", %s", dbx_json_str(metrics, "error"));
	dbx_say("\n");
}

static void say_dry_run(const json_t *policies)
{
	const json_t *v;
	size_t i;

	json_array_foreach(policies, i, v) {
		dbx_say("%-13s ", i ? "" : "dry run");
		dbx_say_in(stdout, DBX_YELLOW, "%s",
			   json_is_string(v) ? json_string_value(v) : "?");
		dbx_say("\n");
	}
}

static enum dbx_colour state_colour(const char *state)
{
	if (strcmp(state, "attached") == 0)
		return DBX_GREEN;
	return strcmp(state, "failed") == 0 ? DBX_RED : DBX_YELLOW;
}

static int print_interfaces(const json_t *interfaces)
{
	static const struct dbx_column cols[] = {
		{"interface", false}, {"state", false}, {"index", true}, {"", false}};
	struct dbx_table t;
	const json_t *v;
	size_t i;
	int code;

	dbx_table_init(&t, cols, 4);
	json_array_foreach(interfaces, i, v) {
		const char *state = dbx_json_str(v, "state");

		dbx_table_cell(&t, DBX_BOLD, "%s", dbx_json_str(v, "name"));
		dbx_table_cell(&t, state_colour(state), "%s", state);
		dbx_table_cell(&t, DBX_PLAIN, "%lld", dbx_json_int(v, "ifindex"));
		dbx_table_cell(&t, DBX_PLAIN, "%s", dbx_json_str(v, "error"));
	}
	if (t.n)
		dbx_say("\n");
	code = dbx_table_print(&t, stdout);
	dbx_table_fini(&t);
	return code;
}

static void cell_list(struct dbx_table *t, const json_t *list, const char *none)
{
	struct dbx_strbuf b;
	const json_t *v;
	size_t i;

	dbx_strbuf_init(&b);
	json_array_foreach(list, i, v)
		dbx_strbuf_addf(&b, "%s%s", i ? " " : "",
				json_is_string(v) ? json_string_value(v) : "?");
	dbx_table_cell(t, DBX_PLAIN, "%s", b.len ? b.s : none);
	dbx_strbuf_fini(&b);
}

static void cell_path_state(struct dbx_table *t, const char *state)
{
	bool is_up = strcmp(state, "up") == 0;

	dbx_table_cell(t, is_up ? DBX_GREEN : DBX_YELLOW, "%s", state);
}

/* Warnings are sentences: under the table, not in it. */
static void say_path_warnings(const json_t *routes)
{
	const json_t *r, *w;
	size_t i, k;

	json_array_foreach(routes, i, r) {
		json_array_foreach(json_object_get(r, "warnings"), k, w) {
			dbx_say_in(stdout, DBX_YELLOW, "path %s (%s): %s", dbx_json_str(r, "path"),
				   dbx_json_str(r, "mark"),
				   json_is_string(w) ? json_string_value(w) : "?");
			dbx_say("\n");
		}
	}
}

static int print_paths(const json_t *paths)
{
	static const struct dbx_column cols[] = {
		{"path", false}, {"ncc", false},    {"mark", false}, {"interface", false},
		{"by", false},   {"source", false}, {"IPv4", false}, {"IPv6", false}};
	const json_t *routes = json_object_get(paths, "routes"), *v;
	struct dbx_table t;
	size_t i;
	int code;

	dbx_table_init(&t, cols, 8);
	json_array_foreach(routes, i, v) {
		dbx_table_cell(&t, DBX_BOLD, "%s", dbx_json_str(v, "path"));
		cell_list(&t, json_object_get(v, "ncc_ids"), "any");
		dbx_table_cell(&t, DBX_PLAIN, "%s", dbx_json_str(v, "mark"));
		dbx_table_cell(&t, DBX_PLAIN, "%s", dbx_json_str(v, "interface"));
		cell_list(&t, json_object_get(v, "next_hops"), "the link");
		cell_list(&t, json_object_get(v, "source_addresses"), "the workload's");
		cell_path_state(&t, dbx_json_str(v, "ipv4"));
		cell_path_state(&t, dbx_json_str(v, "ipv6"));
	}
	if (t.n)
		dbx_say("\n");
	code = dbx_table_print(&t, stdout);
	dbx_table_fini(&t);
	say_path_warnings(routes);
	return code;
}

static int print_feeds(const json_t *feeds)
{
	static const struct dbx_column cols[] = {{"feed", false},
						 {"version", false},
						 {"tags", true},
						 {"prefixes", true},
						 {"age", true}};
	struct dbx_table t;
	const json_t *v;
	size_t i;
	int code;

	dbx_table_init(&t, cols, 5);
	json_array_foreach(feeds, i, v) {
		char *version = dbx_json_word(json_object_get(v, "version"));

		dbx_table_cell(&t, DBX_BOLD, "%s", dbx_json_str(v, "cloud"));
		dbx_table_cell(&t, DBX_PLAIN, "%s", version ? version : "");
		dbx_table_cell(&t, DBX_PLAIN, "%lld", dbx_json_int(v, "tags"));
		dbx_table_cell(&t, DBX_PLAIN, "%lld", dbx_json_int(v, "prefixes"));
		dbx_table_cell(&t, DBX_PLAIN, "%lld s", dbx_json_int(v, "age_s"));
		free(version);
	}
	if (t.n)
		dbx_say("\n");
	code = dbx_table_print(&t, stdout);
	dbx_table_fini(&t);
	return code;
}

static int print_text(const json_t *s)
{
	int code;

	say_degraded(dbx_json_str(s, "degraded"));
	say_degraded(dbx_json_str(json_object_get(s, "paths"), "error"));
	say_degraded(dbx_json_str(json_object_get(s, "fast_forward"), "error"));
	say_key("version", json_object_get(s, "version"));
	say_key("driver", json_object_get(s, "driver"));
	say_key("program", json_object_get(s, "program"));
	say_key("adopted", json_object_get(s, "adopted"));
	say_key("pid", json_object_get(s, "pid"));
	say_seconds("up", dbx_json_int(s, "uptime_s"));
	say_key("generation", json_object_get(s, "generation"));
	say_key("revision", json_object_get(s, "revision"));
	say_key("content", json_object_get(s, "content_hash"));
	say_key("image bytes", json_object_get(s, "image_bytes"));
	say_key("workspaces", json_object_get(s, "workspaces"));
	say_key("policies", json_object_get(s, "policies"));
	say_key("names waiting", json_object_get(s, "names_waiting"));
	say_lost(s);
	say_log(json_object_get(s, "log"));
	say_metrics(json_object_get(s, "metrics"));
	say_dry_run(json_object_get(s, "dry_run_policies"));
	code = print_interfaces(json_object_get(s, "interfaces"));
	if (!code)
		code = dbx_status_process(json_object_get(s, "process"));
	if (!code)
		code = print_paths(json_object_get(s, "paths"));
	return code ? code : print_feeds(json_object_get(s, "feeds"));
}

int dbx_cmd_status(const struct dbx_cli *cli)
{
	json_t *answer = NULL;
	int code;

	code = dbx_client_get(cli, "/status", "show the status", &answer);
	if (!code)
		code = dbx_out_is_json() ? dbx_out_json(answer) : print_text(answer);
	json_decref(answer);
	return code;
}
