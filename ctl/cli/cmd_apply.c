// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cmd_apply.c -- apply: documents into force; diff: what that would change.
 *
 * Documents travel as they were written: the text is put into the request unchanged, so that the
 * daemon keeps what the author wrote.
 */
#include "cli/changes.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/findings.h"
#include "cli/load.h"
#include "cli/offline.h"
#include "cli/out.h"
#include "lib/strbuf.h"
#include "policy/diff.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void add_string(struct dbx_strbuf *b, const char *key, const char *value)
{
	dbx_strbuf_addf(b, "\"%s\":\"", key);
	dbx_strbuf_add_json_escaped(b, value, strlen(value));
	dbx_strbuf_addc(b, '"');
}

static int make_body(const struct dbx_cli *cli, const struct dbx_load *l, struct dbx_strbuf *b)
{
	const char *message = cli->opt[DBX_OPT_MESSAGE];
	size_t i;

	dbx_strbuf_add(b, "{\"documents\":[");
	for (i = 0; i < l->n; i++) {
		dbx_strbuf_add(b, i ? ",{" : "{");
		add_string(b, "source", l->v[i].name);
		dbx_strbuf_add(b, ",\"document\":");
		dbx_strbuf_addn(b, l->v[i].text, l->v[i].len);
		dbx_strbuf_addc(b, '}');
	}
	dbx_strbuf_addf(b, "],\"dry_run\":%s,\"force\":%s,",
			dbx_cli_has(cli, DBX_OPT_DRY_RUN) ? "true" : "false",
			dbx_cli_has(cli, DBX_OPT_FORCE) ? "true" : "false");
	add_string(b, "message", message ? message : "");
	return dbx_strbuf_addc(b, '}');
}

static bool is_among(const char *name, const struct dbx_load *l)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		if (strcmp(l->v[i].name, name) == 0)
			return true;
	}
	return false;
}

/*
 * The daemon tells what is doubtful in everything that is in force. Who applies one document wants
 * to read about that one; of the others only the number is kept, as "findings_elsewhere".
 */
static void keep_own_findings(const struct dbx_load *l, json_t *answer)
{
	json_t *findings = json_object_get(answer, "findings");
	const char *doc;
	size_t i, n = 0;

	for (i = json_array_size(findings); i-- > 0;) {
		doc = dbx_json_str(json_array_get(findings, i), "doc");
		if (*doc && !is_among(doc, l)) {
			json_array_remove(findings, i);
			n++;
		}
	}
	json_object_set_new(answer, "findings_elsewhere", json_integer((json_int_t)n));
}

/* Reads the operands, and sends them when each of them reads well. An enum dbx_exit. */
static int send_documents(const struct dbx_cli *cli, struct dbx_request *r, json_t **answer)
{
	bool keep_all = dbx_out_is_json() || dbx_cli_has(cli, DBX_OPT_VERBOSE);
	struct dbx_load load = {0};
	struct dbx_model *m = NULL;
	struct dbx_strbuf body;
	struct dbx_diag d;
	int rc, unread, code;

	dbx_diag_init(&d);
	dbx_strbuf_init(&body);
	unread = dbx_load_add(&load, cli->operands.v, cli->operands.n, &d);
	rc = unread == -ENOMEM ? unread : dbx_load_model(&load, &m, &d);
	if (!rc)
		rc = dbx_offline_judge(m, DBX_OFFLINE_READ, &d);
	dbx_model_free(&m);
	if (rc || unread) {
		code = dbx_offline_refuse(rc ? rc : unread, &d, r->what);
		goto out;
	}
	if (make_body(cli, &load, &body)) {
		code = dbx_err_memory();
		goto out;
	}
	r->body = body.s;
	r->n_body = body.len;
	code = dbx_client_call(cli, r, answer);
	if (!code && !keep_all)
		keep_own_findings(&load, *answer);
out:
	dbx_load_fini(&load);
	dbx_strbuf_fini(&body);
	dbx_diag_fini(&d);
	return code;
}

/* ---- apply ---- */

int dbx_cmd_apply(const struct dbx_cli *cli)
{
	struct dbx_request r = {.method = "POST", .path = "/apply", .what = "apply"};
	double began = now_ms();
	json_t *answer = NULL;
	int code;

	code = send_documents(cli, &r, &answer);
	if (code)
		return code;
	if (dbx_out_is_json())
		code = dbx_out_json(answer);
	else
		dbx_changes_outcome(answer, dbx_cli_has(cli, DBX_OPT_VERBOSE), now_ms() - began);
	json_decref(answer);
	return code;
}

/* ---- diff ---- */

/* 0, -EINVAL with errors in d, -ENOMEM. */
static int diff_files(const struct dbx_cli *cli, json_t **answer, struct dbx_diag *d)
{
	struct dbx_model *before = NULL, *after = NULL;
	struct dbx_diff diff = {0};
	char *text = NULL;
	int rc, rc2;

	/* Both sides are read, so that one run tells the mistakes of both. */
	rc = dbx_offline_model(&cli->list[DBX_OPT_FROM], DBX_OFFLINE_READ, &before, d, NULL);
	rc2 = dbx_offline_model(&cli->operands, DBX_OFFLINE_READ, &after, d, NULL);
	rc = rc == -ENOMEM || !rc2 ? rc : rc2;
	if (!rc)
		rc = dbx_diff_models(before, after, &diff);
	if (!rc) {
		text = dbx_diff_json(&diff);
		*answer = text ? json_loads(text, 0, NULL) : NULL;
		rc = *answer ? 0 : -ENOMEM;
	}
	free(text);
	dbx_diff_fini(&diff);
	dbx_model_free(&before);
	dbx_model_free(&after);
	return rc;
}

static int diff_offline(const struct dbx_cli *cli, json_t **answer)
{
	struct dbx_diag d;
	int rc, code = DBX_EXIT_DONE;

	dbx_diag_init(&d);
	rc = diff_files(cli, answer, &d);
	if (rc)
		code = dbx_offline_refuse(rc, &d, "diff");
	dbx_diag_fini(&d);
	return code;
}

int dbx_cmd_diff(const struct dbx_cli *cli)
{
	struct dbx_request r = {.method = "POST", .path = "/diff", .what = "diff"};
	json_t *answer = NULL;
	int code;

	if (dbx_cli_has(cli, DBX_OPT_FROM))
		code = diff_offline(cli, &answer);
	else
		code = send_documents(cli, &r, &answer);
	if (code)
		return code;
	if (dbx_out_is_json())
		code = dbx_out_json(answer);
	else if (!dbx_changes_print(answer, dbx_cli_has(cli, DBX_OPT_VERBOSE)))
		dbx_say("no change\n");
	/* What the daemon doubts about the result; check tells it about files. */
	if (dbx_cli_has(cli, DBX_OPT_VERBOSE))
		dbx_findings_print(json_object_get(answer, "findings"), stderr, true);
	json_decref(answer);
	return code;
}
