// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cmd_usage.c -- usage: who sent how much by which path.
 */
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/out.h"

#include <ctype.h>
#include <inttypes.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int print_usage(const json_t *usage)
{
	static const struct dbx_column cols[] = {
		{"workspace", true}, {"path", false}, {"packets", true}, {"bytes", true}};
	long long unkeyed = dbx_json_int(usage, "unkeyed_packets");
	struct dbx_table t;
	const json_t *v;
	size_t i;
	int code;

	if (*dbx_json_str(usage, "from"))
		dbx_say("from %s to %s\n", dbx_json_str(usage, "from"), dbx_json_str(usage, "to"));
	dbx_table_init(&t, cols, COUNT(cols));
	json_array_foreach(json_object_get(usage, "rows"), i, v) {
		dbx_table_cell(&t, DBX_BOLD, "%lld", dbx_json_int(v, "workspace_id"));
		dbx_table_cell(&t, DBX_PLAIN, "%s", dbx_json_str(v, "path"));
		dbx_table_cell(&t, DBX_PLAIN, "%lld", dbx_json_int(v, "packets"));
		dbx_table_cell(&t, DBX_PLAIN, "%lld", dbx_json_int(v, "bytes"));
	}
	code = dbx_table_print(&t, stdout);
	dbx_table_fini(&t);
	if (unkeyed)
		dbx_err("%lld packets are nobody's: the table of counters was full", unkeyed);
	if (*dbx_json_str(usage, "error"))
		dbx_err("the latest seconds are missing: %s", dbx_json_str(usage, "error"));
	return code;
}

/* A value of the query: what is not a letter or digit as %XX. */
static void add_coded(struct dbx_strbuf *b, const char *s)
{
	for (; *s; s++)
		dbx_strbuf_addf(b, isalnum((unsigned char)*s) ? "%c" : "%%%02X", (unsigned char)*s);
}

int dbx_cmd_usage(const struct dbx_cli *cli)
{
	const char *since = cli->opt[DBX_OPT_SINCE];
	struct dbx_strbuf path;
	json_t *answer = NULL;
	uint64_t workspace = 0;
	int code;

	code = dbx_cli_u64(cli, DBX_OPT_WORKSPACE, INT64_MAX, &workspace);
	if (code)
		return code;
	dbx_strbuf_init(&path);
	dbx_strbuf_add(&path, "/usage?");
	if (since) {
		dbx_strbuf_add(&path, "since=");
		add_coded(&path, since);
	}
	if (dbx_cli_has(cli, DBX_OPT_WORKSPACE))
		dbx_strbuf_addf(&path, "%sworkspace=%" PRIu64, since ? "&" : "", workspace);
	code = path.err ? dbx_err_memory() : dbx_client_get(cli, path.s, "show usage", &answer);
	dbx_strbuf_fini(&path);
	if (!code)
		code = dbx_out_is_json() ? dbx_out_json(answer) : print_usage(answer);
	json_decref(answer);
	return code;
}
