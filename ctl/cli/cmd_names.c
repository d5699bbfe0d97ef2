// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cmd_names.c -- names: what the gateway's resolver has learned.
 */
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/out.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int print_names(const json_t *names)
{
	static const struct dbx_column cols[] = {
		{"policy", false}, {"name", false},      {"address", false}, {"verdict", false},
		{"ncc", false},    {"expires in", true}, {"hits", true},     {"rule", false},
	};
	struct dbx_table t;
	const json_t *v;
	size_t i;
	int code;

	dbx_table_init(&t, cols, COUNT(cols));
	json_array_foreach(names, i, v) {
		const char *name = dbx_json_str(v, "name"), *ncc = dbx_json_str(v, "ncc");
		bool is_guard = !strcmp(dbx_json_str(v, "kind"), "guard");

		dbx_table_cell(&t, DBX_PLAIN, "%s", dbx_json_str(v, "policy"));
		dbx_table_cell(&t, DBX_BOLD, "%s", *name ? name : "?");
		dbx_table_cell(&t, DBX_PLAIN, "%s", dbx_json_str(v, "address"));
		dbx_table_cell(&t, is_guard ? DBX_RED : DBX_GREEN, "%s",
			       is_guard ? "private-required" : "allowed");
		dbx_table_cell(&t, DBX_PLAIN, "%s", *ncc ? ncc : "-");
		dbx_table_cell(&t, DBX_PLAIN, "%lld s", dbx_json_int(v, "expires_in_s"));
		dbx_table_cell(&t, DBX_PLAIN, "%lld", dbx_json_int(v, "hits"));
		dbx_table_cell(&t, DBX_PLAIN, "%s", dbx_json_str(v, "rule"));
	}
	code = dbx_table_print(&t, stdout);
	dbx_table_fini(&t);
	return code;
}

/* Everything but letters, digits, - and _ as %XX. */
static void add_coded(struct dbx_strbuf *b, const char *s)
{
	for (; *s; s++) {
		bool plain = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
			     (*s >= '0' && *s <= '9') || *s == '-' || *s == '_';

		dbx_strbuf_addf(b, plain ? "%c" : "%%%02X", (unsigned char)*s);
	}
}

int dbx_cmd_names(const struct dbx_cli *cli)
{
	const char *policy = cli->opt[DBX_OPT_POLICY_ID];
	struct dbx_strbuf path;
	json_t *answer = NULL;
	int code;

	dbx_strbuf_init(&path);
	dbx_strbuf_add(&path, "/names");
	if (policy) {
		dbx_strbuf_add(&path, "?policy=");
		add_coded(&path, policy);
	}
	code = path.err ? dbx_err_memory()
			: dbx_client_get(cli, path.s, "show learned names", &answer);
	dbx_strbuf_fini(&path);
	if (!code)
		code = dbx_out_is_json() ? dbx_out_json(answer)
					 : print_names(json_object_get(answer, "names"));
	json_decref(answer);
	return code;
}
