// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cmd_check.c -- check: read documents and report what is wrong or doubtful in them.
 */
#include "cli/cli.h"
#include "cli/findings.h"
#include "cli/offline.h"
#include "cli/out.h"
#include "policy/check.h"

/* The documents as an update of those of --from, which need be readable only. */
static int check_update(const struct dbx_cli *cli, const struct dbx_model *after,
			struct dbx_diag *d)
{
	struct dbx_model *before = NULL;
	int rc;

	if (!dbx_cli_has(cli, DBX_OPT_FROM))
		return 0;
	rc = dbx_offline_model(&cli->list[DBX_OPT_FROM], DBX_OFFLINE_READ, &before, d, NULL);
	if (!rc)
		rc = dbx_check_update(before, after, dbx_cli_has(cli, DBX_OPT_FORCE), d);
	dbx_model_free(&before);
	return rc;
}

static void say_count(size_t n, const char *what)
{
	dbx_say("%zu %s%s", n, what, n == 1 ? "" : "s");
}

static void say_summary(const struct dbx_diag *d, size_t n_documents)
{
	say_count(n_documents, "document");
	dbx_say(": ");
	say_count(d->n_by_severity[DBX_SEV_ERROR], "error");
	dbx_say(", ");
	say_count(d->n_by_severity[DBX_SEV_WARNING], "warning");
	dbx_say(", ");
	say_count(d->n_by_severity[DBX_SEV_INFO], "note");
	dbx_say("\n");
}

int dbx_cmd_check(const struct dbx_cli *cli)
{
	struct dbx_model *m = NULL;
	struct dbx_diag d;
	json_t *findings = NULL;
	size_t n_documents = 0;
	int rc, code;

	dbx_diag_init(&d);
	rc = dbx_offline_model(&cli->operands, DBX_OFFLINE_CHECK, &m, &d, &n_documents);
	if (!rc)
		rc = check_update(cli, m, &d);
	findings = dbx_findings_json(&d);
	if (rc == -ENOMEM || !findings) {
		code = dbx_err_memory();
		goto out;
	}
	code = rc || dbx_diag_has_errors(&d) ? DBX_EXIT_REFUSED : DBX_EXIT_DONE;
	if (dbx_out_is_json()) {
		if (dbx_out_json(findings))
			code = DBX_EXIT_REFUSED;
		goto out;
	}
	dbx_findings_print(findings, stdout, true);
	say_summary(&d, n_documents);
out:
	json_decref(findings);
	dbx_model_free(&m);
	dbx_diag_fini(&d);
	return code;
}
