// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * reply.c -- the JSON that every answer is made of: errors, findings, the result of an apply.
 */
#include "daemon/api.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/when.h"

void dbx_reply_init(struct dbx_reply *r)
{
	*r = (struct dbx_reply){.status = 200, .content_type = "application/json"};
	dbx_strbuf_init(&r->body);
}

void dbx_reply_fini(struct dbx_reply *r)
{
	dbx_strbuf_fini(&r->body);
	free(r->capture);
}

void dbx_out_string(struct dbx_strbuf *b, const char *key, const char *value)
{
	if (!value) {
		dbx_strbuf_addf(b, "\"%s\":null", key);
		return;
	}
	dbx_strbuf_addf(b, "\"%s\":\"", key);
	dbx_strbuf_add_json_escaped(b, value, strlen(value));
	dbx_strbuf_addc(b, '"');
}

static void out_time(struct dbx_strbuf *b, const char *key, int64_t ms, enum dbx_time_form form)
{
	char text[DBX_TIME_SIZE] = "";

	if (ms)
		dbx_time_format(ms, form, text);
	dbx_out_string(b, key, text[0] ? text : NULL);
}

void dbx_out_time(struct dbx_strbuf *b, const char *key, int64_t s)
{
	int64_t ms;

	if (__builtin_mul_overflow(s, 1000, &ms))
		ms = -1;
	out_time(b, key, ms, DBX_TIME_S);
}

void dbx_out_time_ms(struct dbx_strbuf *b, const char *key, int64_t ms)
{
	out_time(b, key, ms, DBX_TIME_MS);
}

static void out_finding(struct dbx_strbuf *b, const struct dbx_finding *f)
{
	char *file = NULL, *ptr = NULL;

	/* Without memory the two parts are shown as they are stored. */
	dbx_docs_place(f->doc, f->ptr, &file, &ptr);
	dbx_strbuf_addc(b, '{');
	dbx_out_string(b, "severity", dbx_severity_name(f->severity));
	dbx_strbuf_addc(b, ',');
	dbx_out_string(b, "code", f->code);
	dbx_strbuf_addc(b, ',');
	dbx_out_string(b, "doc", file ? file : f->doc);
	dbx_strbuf_addc(b, ',');
	dbx_out_string(b, "ptr", ptr ? ptr : f->ptr);
	dbx_strbuf_addc(b, ',');
	dbx_out_string(b, "text", f->text);
	dbx_strbuf_addc(b, '}');
	free(file);
	free(ptr);
}

void dbx_out_findings(struct dbx_strbuf *b, const struct dbx_diag *d)
{
	size_t i;

	dbx_strbuf_add(b, "\"findings\":[");
	for (i = 0; d && i < d->n; i++) {
		dbx_strbuf_add(b, i ? "," : "");
		out_finding(b, &d->v[i]);
	}
	dbx_strbuf_addc(b, ']');
}

void dbx_out_diff(struct dbx_strbuf *b, const struct dbx_diff *diff)
{
	char *text = dbx_diff_json(diff);

	/* An object: its members go between ours. */
	if (text)
		dbx_strbuf_addn(b, text + 1, strlen(text) - 2);
	else
		b->err = b->err ? b->err : -ENOMEM;
	free(text);
}

static void out_stats(struct dbx_strbuf *b, const struct dbx_compile_stats *s)
{
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
		{"workspaces", s->n_workspaces},   {"policies", s->n_policies},
		{"profiles", s->n_profiles},       {"rows", s->n_rows},
		{"sources", s->n_sources},         {"sets", s->n_sets},
		{"classes", s->n_classes},         {"rulesets", s->n_rulesets},
		{"outcomes", s->n_outcomes},       {"rules", s->n_rules},
		{"intervals4", s->n_intervals4},   {"intervals6", s->n_intervals6},
		{"names_waiting", s->n_names},     {"image_bytes", s->image_bytes},
		{"kernel_bytes", s->kernel_bytes},
	};
	size_t i;

	dbx_strbuf_add(b, "\"stats\":{");
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		dbx_strbuf_addf(b, "%s\"%s\":%" PRIu64, i ? "," : "", rows[i].name, rows[i].value);
	dbx_strbuf_addc(b, '}');
}

void dbx_out_apply(struct dbx_strbuf *b, const struct dbx_apply_result *res, bool dry_run)
{
	const struct dbx_apply_times *t = &res->ms;

	dbx_strbuf_addf(b,
			"{\"revision\":%" PRId64 ",\"generation_before\":%" PRIu64
			",\"generation\":%" PRIu64 ",\"changed\":%s,\"dry_run\":%s,",
			res->revision, res->generation_before, res->generation,
			res->changed ? "true" : "false", dry_run ? "true" : "false");
	dbx_out_diff(b, &res->diff);
	dbx_strbuf_addc(b, ',');
	dbx_out_findings(b, &res->diag);
	dbx_strbuf_addf(b,
			",\"timing_ms\":{\"read\":%.3f,\"check\":%.3f,\"compile\":%.3f,"
			"\"build_and_flip\":%.3f,\"store\":%.3f,\"total\":%.3f},",
			t->read, t->check, t->compile, t->build_and_flip, t->store, t->total);
	out_stats(b, &res->stats);
	dbx_strbuf_addc(b, '}');
}

/* ---- errors ---- */

static void error_body(struct dbx_reply *r, int status, const char *error_code, const char *message,
		       const struct dbx_diag *d)
{
	dbx_strbuf_reset(&r->body);
	r->status = status;
	r->content_type = "application/json";
	dbx_strbuf_addc(&r->body, '{');
	dbx_out_string(&r->body, "error_code", error_code);
	dbx_strbuf_addc(&r->body, ',');
	dbx_out_string(&r->body, "message", message);
	dbx_strbuf_addc(&r->body, ',');
	dbx_out_findings(&r->body, d);
	dbx_strbuf_addc(&r->body, '}');
}

void dbx_reply_error(struct dbx_reply *r, int status, const char *error_code, const char *fmt, ...)
{
	char message[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	error_body(r, status, error_code, message, NULL);
}

void dbx_reply_fail(struct dbx_reply *r, const struct dbx_fail *f, const struct dbx_diag *d)
{
	static const struct {
		int status;
		const char *code;
	} rows[] = {
		[DBX_FAIL_NONE] = {500, "INTERNAL_ERROR"},
		[DBX_FAIL_INVALID] = {400, "INVALID_PARAMETER_VALUE"},
		[DBX_FAIL_NOT_FOUND] = {404, "RESOURCE_DOES_NOT_EXIST"},
		[DBX_FAIL_EXISTS] = {409, "RESOURCE_ALREADY_EXISTS"},
		[DBX_FAIL_CONFLICT] = {409, "RESOURCE_CONFLICT"},
		[DBX_FAIL_DENIED] = {403, "PERMISSION_DENIED"},
		[DBX_FAIL_TOO_LARGE] = {413, "RESOURCE_EXHAUSTED"},
		[DBX_FAIL_AWAY] = {503, "TEMPORARILY_UNAVAILABLE"},
		[DBX_FAIL_INTERNAL] = {500, "INTERNAL_ERROR"},
	};

	error_body(r, rows[f->kind].status, rows[f->kind].code, f->text, d);
}
