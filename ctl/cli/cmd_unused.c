// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cmd_unused.c -- unused: allow entries in force by which nothing has passed, ever or since a time.
 *
 * An entry that has not been in force for as long is shown too, and marked: it may need more time.
 */
#include "cli/cli.h"
#include "cli/entries.h"
#include "cli/offline.h"
#include "cli/out.h"
#include "lib/when.h"

#include <inttypes.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct unused {
	int64_t since_ms; /* 0: ever */
	struct dbx_entries all;
	size_t n_entries, n_young;
	json_t *list;
};

static bool is_young(const struct unused *u, const json_t *v)
{
	return u->since_ms && dbx_entries_time(v, "first_time") >= u->since_ms;
}

static int choose(struct unused *u)
{
	json_t *v;
	size_t i;

	u->list = json_array();
	json_array_foreach((json_t *)u->all.list, i, v) {
		u->n_entries++;
		if (!dbx_entries_is_unused(&u->all, v, u->since_ms))
			continue;
		u->n_young += is_young(u, v);
		if (json_array_append(u->list, v))
			return dbx_err_memory();
	}
	return u->list ? DBX_EXIT_DONE : dbx_err_memory();
}

static void say_limits(const struct unused *u)
{
	const char *error = dbx_json_str(u->all.answer, "error");

	if (u->since_ms && u->all.begin_ms > u->since_ms)
		dbx_err("when packets passed last is on record since %s only",
			dbx_json_str(u->all.answer, "known_since"));
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

static int print_json(const struct unused *u)
{
	json_t *begin = json_object_get(u->all.answer, "known_since");
	json_t *j = json_pack("{s:I, s:s?, s:O}", "allow_entries", (json_int_t)u->n_entries,
			      "known_since", json_string_value(begin), "unused", u->list);
	int code = dbx_out_json(j);

	json_decref(j);
	return code;
}

int dbx_cmd_unused(const struct dbx_cli *cli)
{
	const char *since = cli->opt[DBX_OPT_SINCE];
	struct unused u = {.since_ms = 0};
	int code;

	if (since && dbx_since_parse(since, dbx_offline_now_ms(), &u.since_ms))
		return dbx_cli_usage(cli->cmd, "--since '%s': --since " DBX_WHEN_ACCEPTED, since);
	code = dbx_entries_get(cli, "list unused entries", &u.all);
	if (!code)
		code = choose(&u);
	if (!code) {
		say_limits(&u);
		code = dbx_out_is_json() ? print_json(&u) : print(&u);
	}
	json_decref(u.list);
	dbx_entries_fini(&u.all);
	return code;
}
