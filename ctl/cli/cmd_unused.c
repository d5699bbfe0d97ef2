// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cmd_unused.c -- unused: allow entries in force by which nothing has passed, ever or since a time.
 *
 * An entry that has not been in force for as long is shown too, and marked: it may need more time.
 */
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/offline.h"
#include "cli/out.h"
#include "lib/when.h"

#include <inttypes.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct unused {
	int64_t since_ms; /* 0: ever */
	int64_t begin_ms; /* times of last packets are on record from then on */
	size_t n_entries, n_young;
	json_t *list;
};

/* -1: null. */
static int64_t time_of(const json_t *v, const char *key)
{
	int64_t ms;

	return dbx_time_parse(dbx_json_str(v, key), &ms) ? -1 : ms;
}

static bool is_unused(const struct unused *u, const json_t *v)
{
	int64_t last = time_of(v, "last_time");

	if (last >= 0)
		return last < u->since_ms;
	/* A count without a time: packets from before times were recorded. */
	return !dbx_json_int(v, "packets") || (u->since_ms && u->since_ms >= u->begin_ms);
}

static bool is_young(const struct unused *u, const json_t *v)
{
	return u->since_ms && time_of(v, "first_time") >= u->since_ms;
}

static int choose(struct unused *u, const json_t *entries)
{
	json_t *v;
	size_t i;

	u->list = json_array();
	json_array_foreach((json_t *)entries, i, v) {
		u->n_entries++;
		if (!is_unused(u, v))
			continue;
		u->n_young += is_young(u, v);
		if (json_array_append(u->list, v))
			return dbx_err_memory();
	}
	return u->list ? DBX_EXIT_DONE : dbx_err_memory();
}

static void say_limits(const struct unused *u, const json_t *answer)
{
	const char *error = dbx_json_str(answer, "error");

	if (u->since_ms && u->begin_ms > u->since_ms)
		dbx_err("when packets passed last is on record since %s only",
			dbx_json_str(answer, "known_since"));
	if (*error)
		dbx_err("times may be too early: the daemon cannot write them down: %s", error);
}

static int print(const struct unused *u)
{
	static const struct dbx_column cols[] = {
		{"policy", false},  {"entry", false},       {"in force since", false},
		{"packets", true},  {"last passed", false}, {"document", false},
		{"pointer", false},
	};
	struct dbx_table t;
	const json_t *v;
	size_t i;
	int code;

	dbx_table_init(&t, cols, COUNT(cols));
	json_array_foreach(u->list, i, v) {
		const char *policy = dbx_json_str(v, "policy");
		const char *first = dbx_json_str(v, "first_time");
		const char *last = dbx_json_str(v, "last_time");

		dbx_table_cell(&t, DBX_PLAIN, "%s", *policy ? policy : "(gateway)");
		dbx_table_cell(&t, DBX_BOLD, "%s", dbx_json_str(v, "rule"));
		dbx_table_cell(&t, is_young(u, v) ? DBX_YELLOW : DBX_PLAIN, "%s%s",
			       *first ? first : "?", is_young(u, v) ? " (later)" : "");
		dbx_table_cell(&t, DBX_PLAIN, "%lld", (long long)dbx_json_int(v, "packets"));
		dbx_table_cell(&t, DBX_PLAIN, "%s", *last ? last : "never");
		dbx_table_cell(&t, DBX_PLAIN, "%s", dbx_json_str(v, "document"));
		dbx_table_cell(&t, DBX_PLAIN, "%s", dbx_json_str(v, "pointer"));
	}
	code = dbx_table_print(&t, stdout);
	dbx_table_fini(&t);
	dbx_say("%s%zu of %zu allow entries without a packet%s", i ? "\n" : "",
		json_array_size(u->list), u->n_entries, u->since_ms ? " since then" : "");
	if (u->n_young)
		dbx_say(", %zu of them in force only later", u->n_young);
	dbx_say("\n");
	return code;
}

static int print_json(const struct unused *u, const json_t *answer)
{
	json_t *j = json_pack(
		"{s:I, s:s?, s:O}", "allow_entries", (json_int_t)u->n_entries, "known_since",
		json_string_value(json_object_get(answer, "known_since")), "unused", u->list);
	int code = dbx_out_json(j);

	json_decref(j);
	return code;
}

int dbx_cmd_unused(const struct dbx_cli *cli)
{
	const char *since = cli->opt[DBX_OPT_SINCE];
	struct unused u = {.since_ms = 0};
	json_t *answer = NULL;
	int code;

	if (since && dbx_since_parse(since, dbx_offline_now_ms(), &u.since_ms))
		return dbx_cli_usage(cli->cmd, "--since '%s': --since " DBX_WHEN_ACCEPTED, since);
	code = dbx_client_get(cli, "/entries", "list unused entries", &answer);
	u.begin_ms = time_of(answer, "known_since");
	if (!code)
		code = choose(&u, json_object_get(answer, "entries"));
	if (!code) {
		say_limits(&u, answer);
		code = dbx_out_is_json() ? print_json(&u, answer) : print(&u);
	}
	json_decref(u.list);
	json_decref(answer);
	return code;
}
