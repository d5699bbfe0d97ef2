// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * findings.c -- findings for people and for programs.
 */
#include "cli/findings.h"
#include "cli/cli.h"
#include "cli/out.h"

#include <string.h>

static json_t *finding_json(const struct dbx_finding *f)
{
	json_t *j = json_object();

	if (!j ||
	    json_object_set_new(j, "severity", dbx_json_text(dbx_severity_name(f->severity))) ||
	    json_object_set_new(j, "code", dbx_json_text(f->code ? f->code : "")) ||
	    json_object_set_new(j, "doc", dbx_json_text(f->doc ? f->doc : "")) ||
	    json_object_set_new(j, "ptr", dbx_json_text(f->ptr ? f->ptr : "")) ||
	    json_object_set_new(j, "text", dbx_json_text(f->text ? f->text : ""))) {
		json_decref(j);
		return NULL;
	}
	return j;
}

json_t *dbx_findings_json(const struct dbx_diag *d)
{
	json_t *all = json_array();
	size_t i;

	for (i = 0; all && i < d->n; i++) {
		if (json_array_append_new(all, finding_json(&d->v[i]))) {
			json_decref(all);
			return NULL;
		}
	}
	return all;
}

static void print_one(const json_t *f, FILE *soft)
{
	const char *severity = dbx_json_str(f, "severity"), *code = dbx_json_str(f, "code");
	const char *doc = dbx_json_str(f, "doc"), *ptr = dbx_json_str(f, "ptr");
	bool is_error = strcmp(severity, "error") == 0;
	FILE *to = is_error ? stderr : soft;

	fflush(to == stderr ? stdout : stderr);
	dbx_say_in(to,
		   is_error                           ? DBX_RED
		   : strcmp(severity, "warning") == 0 ? DBX_YELLOW
						      : DBX_CYAN,
		   "%s:", severity);
	dbx_say_in(to, DBX_PLAIN, " %s%s%s%s%s", doc, *doc ? ": " : "", ptr, *ptr ? ": " : "",
		   dbx_json_str(f, "text"));
	if (*code)
		dbx_say_in(to, DBX_DIM, " [%s]", code);
	fputc('\n', to);
}

void dbx_findings_print(const json_t *findings, FILE *soft, bool with_notes)
{
	const json_t *f;
	size_t i;

	json_array_foreach(findings, i, f) {
		if (with_notes || strcmp(dbx_json_str(f, "severity"), "info") != 0)
			print_one(f, soft);
	}
	fflush(soft);
}

size_t dbx_findings_count(const json_t *findings, const char *severity)
{
	const json_t *f;
	size_t i, n = 0;

	json_array_foreach(findings, i, f)
		n += strcmp(dbx_json_str(f, "severity"), severity) == 0;
	return n;
}

int dbx_findings_refuse(const struct dbx_diag *d, const char *message)
{
	json_t *all = dbx_findings_json(d), *j;

	if (!all)
		return dbx_err_memory();
	dbx_findings_print(all, stderr, false);
	if (d->n_by_severity[DBX_SEV_ERROR] > DBX_DIAG_MAX)
		dbx_err("%zu errors in all; only the first ones are shown",
			d->n_by_severity[DBX_SEV_ERROR]);
	if (dbx_out_is_json()) {
		j = json_pack("{s:s, s:s, s:O}", "error_code", "INVALID_PARAMETER_VALUE", "message",
			      message, "findings", all);
		dbx_out_json(j);
		json_decref(j);
	}
	json_decref(all);
	return DBX_EXIT_REFUSED;
}
