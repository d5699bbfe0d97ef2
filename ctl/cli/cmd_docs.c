// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cmd_docs.c -- list, get, delete: documents in force; history, rollback: revisions.
 */
#include "cli/changes.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/out.h"
#include "policy/model.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GATEWAY_ID "gateway" /* there is one gateway document, so its id need not be said */

/* ---- kinds ---- */

static int unknown_kind(const struct dbx_cli *cli, const char *kind)
{
	const char *near = NULL;
	unsigned int best = 4, distance;
	char known[256] = "";
	size_t n = 0;
	int i;

	for (i = DBX_DOC_UNKNOWN + 1; i < DBX_DOC_KIND_MAX; i++) {
		const char *name = dbx_doc_kind_name((enum dbx_doc_kind)i);

		distance = dbx_word_distance(kind, name);
		/* "policy" is no slip of "network-policy", but meant all the same. */
		if (strlen(kind) > 2 && strstr(name, kind))
			distance = 1;
		if (distance < best) {
			best = distance;
			near = name;
		}
		n += (size_t)snprintf(known + n, sizeof(known) - n, "%s%s", n ? ", " : "", name);
	}
	if (near)
		return dbx_cli_usage(cli->cmd, "unknown kind '%s'; did you mean '%s'?", kind, near);
	return dbx_cli_usage(cli->cmd, "unknown kind '%s'; the kinds are %s", kind, known);
}

/* The kind of the first operand: here, so that a slip is not taken for a missing document. */
static int check_kind(const struct dbx_cli *cli)
{
	int i;

	for (i = DBX_DOC_UNKNOWN + 1; i < DBX_DOC_KIND_MAX; i++) {
		if (strcmp(cli->operands.v[0], dbx_doc_kind_name((enum dbx_doc_kind)i)) == 0)
			return 0;
	}
	return unknown_kind(cli, cli->operands.v[0]);
}

/* "/documents/KIND/ID" of the operands, for the caller to free; 0 or an enum dbx_exit. */
static int document_path(const struct dbx_cli *cli, char **path)
{
	const char *kind = cli->operands.v[0];
	char *id;
	int n;

	if (check_kind(cli))
		return DBX_EXIT_USAGE;
	if (cli->operands.n < 2 && strcmp(kind, "gateway") != 0)
		return dbx_cli_usage(cli->cmd, "%s %s: needs an ID; see '%s list %s'",
				     cli->cmd->name, kind, DBX_CLI_NAME, kind);
	id = dbx_client_escape(cli->operands.n > 1 ? cli->operands.v[1] : GATEWAY_ID);
	n = id ? asprintf(path, "/documents/%s/%s", kind, id) : -1;
	free(id);
	return n < 0 ? dbx_err_memory() : 0;
}

/* ---- list, get, delete ---- */

/* Only those of a kind; NULL = all. */
static json_t *select_documents(const json_t *answer, const char *kind)
{
	json_t *docs = json_object_get(answer, "documents"), *some = json_array(), *v;
	size_t i;

	json_array_foreach(docs, i, v) {
		if (!kind || strcmp(dbx_json_str(v, "kind"), kind) == 0)
			json_array_append(some, v);
	}
	return some;
}

static int print_documents(const json_t *docs)
{
	static const struct dbx_column cols[] = {
		{"kind", false}, {"id", false}, {"revision", true}, {"source", false}};
	struct dbx_table t;
	const json_t *v;
	size_t i;
	int code;

	dbx_table_init(&t, cols, 4);
	json_array_foreach(docs, i, v) {
		dbx_table_cell(&t, DBX_PLAIN, "%s", dbx_json_str(v, "kind"));
		dbx_table_cell(&t, DBX_BOLD, "%s", dbx_json_str(v, "id"));
		dbx_table_cell(&t, DBX_PLAIN, "%lld", dbx_json_int(v, "revision"));
		dbx_table_cell(&t, DBX_PLAIN, "%s", dbx_json_str(v, "source"));
	}
	code = dbx_table_print(&t, stdout);
	dbx_table_fini(&t);
	return code;
}

int dbx_cmd_list(const struct dbx_cli *cli)
{
	const char *kind = cli->operands.n ? cli->operands.v[0] : NULL;
	json_t *answer = NULL, *docs, *v;
	size_t i;
	int code;

	if (kind && check_kind(cli))
		return DBX_EXIT_USAGE;
	code = dbx_client_get(cli, "/documents?brief=true", "list documents", &answer);
	if (code)
		return code;
	docs = select_documents(answer, kind);
	if (dbx_out_is_json()) {
		json_array_foreach(docs, i, v)
			json_object_del(v, "document"); /* that is what get is for */
		code = dbx_out_json(docs);
	} else {
		code = print_documents(docs);
	}
	json_decref(docs);
	json_decref(answer);
	return code;
}

int dbx_cmd_get(const struct dbx_cli *cli)
{
	json_t *answer = NULL;
	const json_t *document;
	char *path = NULL;
	int code;

	code = document_path(cli, &path);
	if (code)
		return code;
	code = dbx_client_get(cli, path, "get document", &answer);
	free(path);
	if (code)
		return code;
	document = json_object_get(answer, "document");
	code = dbx_out_json(document ? document : answer);
	json_decref(answer);
	return code;
}

/* The answer to a change of what is in force. */
static int print_change(const struct dbx_cli *cli, const json_t *answer)
{
	if (dbx_out_is_json())
		return dbx_out_json(answer);
	dbx_changes_outcome(answer, dbx_cli_has(cli, DBX_OPT_VERBOSE), -1);
	return DBX_EXIT_DONE;
}

int dbx_cmd_delete(const struct dbx_cli *cli)
{
	struct dbx_request r = {.method = "DELETE", .what = "delete document"};
	json_t *answer = NULL;
	char *path = NULL;
	int code;

	code = document_path(cli, &path);
	if (code)
		return code;
	r.path = path;
	code = dbx_client_call(cli, &r, &answer);
	if (!code)
		code = print_change(cli, answer);
	json_decref(answer);
	free(path);
	return code;
}

/* ---- history, rollback ---- */

static void cell_time(struct dbx_table *t, const json_t *revision)
{
	long long ms = dbx_json_int(revision, "time_ms");
	const char *text = dbx_json_str(revision, "time");
	time_t s = (time_t)(ms / 1000);
	struct tm tm;
	char buf[40] = "";

	if (*text) {
		dbx_table_cell(t, DBX_PLAIN, "%s", text);
		return;
	}
	if (ms && gmtime_r(&s, &tm))
		strftime(buf, sizeof(buf), "%Y-%m-%d %H:%M:%SZ", &tm);
	dbx_table_cell(t, DBX_PLAIN, "%s", buf);
}

int dbx_cmd_history(const struct dbx_cli *cli)
{
	static const struct dbx_column cols[] = {
		{"revision", true},  {"time", false}, {"generation", true},
		{"documents", true}, {"uid", true},   {"message", false},
	};
	json_t *answer = NULL;
	const json_t *revisions, *v;
	uint64_t limit = 100;
	char path[64];
	struct dbx_table t;
	size_t i;
	int code;

	if (dbx_cli_u64(cli, DBX_OPT_LIMIT, UINT32_MAX, &limit))
		return DBX_EXIT_USAGE;
	snprintf(path, sizeof(path), "/history?limit=%llu", (unsigned long long)limit);
	code = dbx_client_get(cli, path, "show the history", &answer);
	if (code)
		return code;
	if (dbx_out_is_json()) {
		code = dbx_out_json(answer);
		goto out;
	}
	revisions = json_object_get(answer, "revisions");
	dbx_table_init(&t, cols, sizeof(cols) / sizeof(cols[0]));
	json_array_foreach(revisions, i, v) {
		dbx_table_cell(&t, DBX_BOLD, "%lld", dbx_json_int(v, "revision"));
		cell_time(&t, v);
		dbx_table_cell(&t, DBX_PLAIN, "%lld", dbx_json_int(v, "generation"));
		dbx_table_cell(&t, DBX_PLAIN, "%lld", dbx_json_int(v, "documents"));
		dbx_table_cell(&t, DBX_PLAIN, "%lld", dbx_json_int(v, "uid"));
		dbx_table_cell(&t, DBX_PLAIN, "%s", dbx_json_str(v, "message"));
	}
	code = dbx_table_print(&t, stdout);
	dbx_table_fini(&t);
out:
	json_decref(answer);
	return code;
}

static char *rollback_body(const struct dbx_cli *cli, long long revision)
{
	bool is_dry = dbx_cli_has(cli, DBX_OPT_DRY_RUN);
	json_t *j = json_pack("{s:I, s:b}", "revision", (json_int_t)revision, "dry_run", is_dry);
	const char *message = cli->opt[DBX_OPT_MESSAGE];
	char *body = NULL;

	if (j && (!message || !json_object_set_new(j, "message", dbx_json_text(message))))
		body = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	return body;
}

int dbx_cmd_rollback(const struct dbx_cli *cli)
{
	struct dbx_request r = {.method = "POST", .path = "/rollback", .what = "roll back"};
	const char *s = cli->operands.v[0];
	json_t *answer = NULL;
	char *body;
	int code;

	if (!*s || strspn(s, "0123456789") != strlen(s) || strlen(s) > 18)
		return dbx_cli_usage(cli->cmd, "revision '%s': not a number; see '%s history'", s,
				     DBX_CLI_NAME);
	body = rollback_body(cli, strtoll(s, NULL, 10));
	if (!body)
		return dbx_err_memory();
	r.body = body;
	r.n_body = strlen(body);
	code = dbx_client_call(cli, &r, &answer);
	if (!code)
		code = print_change(cli, answer);
	json_decref(answer);
	free(body);
	return code;
}
