// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * api_apply.c -- POST apply, diff and rollback: many documents at once.
 */
#include "daemon/api.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/jspan.h"
#include "daemon/links.h"
#include "daemon/log.h"

#define DOCUMENTS_MAX  65536
#define NAME_MAX_BYTES 1024

/* The body of an apply: {"documents":[{"source","document"}], "dry_run", "force", "message"} */
struct envelope {
	struct dbx_input *inputs; /* texts lie in the request's body */
	size_t n_inputs;
	char **names; /* owned; inputs[i].name points here */
	char *message;
	int64_t revision;
	bool dry_run, force;
};

static void envelope_fini(struct envelope *e)
{
	size_t i;

	for (i = 0; i < e->n_inputs; i++)
		free(e->names[i]);
	free(e->names);
	free(e->inputs);
	free(e->message);
}

static int bad(struct dbx_fail *f, const char *what)
{
	return dbx_fail_set(f, -EINVAL, DBX_FAIL_INVALID, "reading the request body: %s", what);
}

/* {"source": name, "document": value}, well-formed to its end. */
static int read_item(struct dbx_jspan item, struct dbx_jspan *source, struct dbx_jspan *document)
{
	struct dbx_jspan k, v;
	struct dbx_jwalk w;
	int rc = dbx_jwalk_object(&w, item);

	while (!rc && (rc = dbx_jwalk_next(&w, &k, &v)) > 0) {
		struct dbx_jspan *to = dbx_jspan_is(k, "source")     ? source
				       : dbx_jspan_is(k, "document") ? document
								     : NULL;

		rc = !to || to->s ? -EINVAL : 0;
		if (!rc)
			*to = v;
	}
	return rc ? rc : document->s ? 0 : -EINVAL;
}

static int add_document(struct envelope *e, struct dbx_jspan item, struct dbx_fail *f)
{
	struct dbx_jspan source = {0}, document = {0};
	char name[64], *s;

	if (read_item(item, &source, &document))
		return bad(f, "each of \"documents\" is {\"source\": name, \"document\": object}, "
			      "each key once and nothing else");
	if (source.s) {
		s = dbx_jspan_text(source);
		if (!s || source.s[0] != '"' || strlen(s) > NAME_MAX_BYTES) {
			free(s);
			return bad(f, "\"source\" is a string of at most 1024 bytes in UTF-8");
		}
	} else {
		snprintf(name, sizeof(name), "document-%zu", e->n_inputs);
		s = strdup(name);
	}
	if (!s)
		return -ENOMEM;
	e->names[e->n_inputs] = s;
	e->inputs[e->n_inputs++] = (struct dbx_input){
		.name = s,
		.text = document.s,
		.len = document.len,
	};
	return 0;
}

static int count_items(struct dbx_jspan list, size_t *n)
{
	struct dbx_jspan k, v;
	struct dbx_jwalk w;
	int rc;

	*n = 0;
	if (dbx_jwalk_array(&w, list))
		return -EINVAL;
	while ((rc = dbx_jwalk_next(&w, &k, &v)) > 0)
		(*n)++;
	return rc;
}

static int add_documents(struct envelope *e, struct dbx_jspan list, struct dbx_fail *f)
{
	struct dbx_jspan k, v;
	struct dbx_jwalk w;
	int rc = 0;
	size_t n;

	if (e->inputs)
		return bad(f, "\"documents\" is given twice");
	if (count_items(list, &n))
		return bad(f, "\"documents\" must be an array of objects");
	if (n > DOCUMENTS_MAX)
		return bad(f, "more than 65536 documents in one request");
	e->inputs = calloc(n + 1, sizeof(*e->inputs));
	e->names = calloc(n + 1, sizeof(*e->names));
	if (!e->inputs || !e->names)
		return -ENOMEM;
	dbx_jwalk_array(&w, list);
	while (!rc && dbx_jwalk_next(&w, &k, &v) > 0)
		rc = add_document(e, v, f);
	return rc; /* the list is well-formed: it was walked by count_items() */
}

static int read_bool(struct dbx_jspan v, bool *out, struct dbx_fail *f)
{
	if (v.len == 4 && memcmp(v.s, "true", 4) == 0)
		*out = true;
	else if (v.len == 5 && memcmp(v.s, "false", 5) == 0)
		*out = false;
	else
		return bad(f, "\"dry_run\" and \"force\" are true or false");
	return 0;
}

static int read_int(struct dbx_jspan v, int64_t *out, struct dbx_fail *f)
{
	char *s = dbx_jspan_text(v), *end;

	errno = 0;
	*out = s ? strtoll(s, &end, 10) : 0;
	if (!s || !*s || *end || errno || *out <= 0) {
		free(s);
		return bad(f, "\"revision\" is a positive integer, as shown by history");
	}
	free(s);
	return 0;
}

static int read_member(struct envelope *e, struct dbx_jspan key, struct dbx_jspan v,
		       struct dbx_fail *f)
{
	if (dbx_jspan_is(key, "documents"))
		return add_documents(e, v, f);
	if (dbx_jspan_is(key, "dry_run"))
		return read_bool(v, &e->dry_run, f);
	if (dbx_jspan_is(key, "force"))
		return read_bool(v, &e->force, f);
	if (dbx_jspan_is(key, "revision"))
		return read_int(v, &e->revision, f);
	if (dbx_jspan_is(key, "message")) {
		free(e->message);
		e->message = dbx_jspan_text(v);
		if (!e->message || v.s[0] != '"')
			return bad(f, "\"message\" is a string in UTF-8");
		return 0;
	}
	return dbx_fail_set(f, -EINVAL, DBX_FAIL_INVALID,
			    "reading the request body: key %.*s is not known; it takes documents, "
			    "dry_run, force, message and, for a rollback, revision",
			    (int)(key.len > 64 ? 64 : key.len), key.s);
}

static int envelope_read(struct envelope *e, const struct dbx_request *req, struct dbx_fail *f)
{
	struct dbx_jspan whole = dbx_jspan_trim(req->body, req->n_body), k, v;
	struct dbx_jwalk w;
	int rc;

	*f = (struct dbx_fail){0};
	if (dbx_jwalk_object(&w, whole))
		return bad(f, "it must be one JSON object");
	while ((rc = dbx_jwalk_next(&w, &k, &v)) > 0) {
		rc = read_member(e, k, v, f);
		if (rc)
			break;
	}
	if (rc && !f->text[0])
		return rc == -ENOMEM
			       ? dbx_fail_set(f, rc, DBX_FAIL_INTERNAL, "out of memory")
			       : bad(f,
				     "it is no well-formed JSON (a bracket, comma or quote is amiss)");
	return rc;
}

/* What the document asks for and the kernel did not give. */
static void note_links(struct dbx_daemon *d, struct dbx_diag *diag)
{
	const struct dbx_link *e;
	size_t i;

	for (i = 0; (e = dbx_links_get(d->links, i)); i++) {
		if (e->state == DBX_LINK_FAILED)
			dbx_diag_add(diag, DBX_SEV_WARNING, "interface-not-attached", "", "",
				     "interface %s is not judged: %s; it is tried again every few "
				     "seconds",
				     e->name, e->error);
		else if (e->state == DBX_LINK_WAITING)
			dbx_diag_add(diag, DBX_SEV_INFO, "interface-waiting", "", "",
				     "there is no interface %s yet; it is attached when it appears",
				     e->name);
	}
}

static void run(struct dbx_daemon *d, const struct dbx_apply_req *a, bool only_diff,
		struct dbx_reply *reply)
{
	struct dbx_apply_result res;
	int rc = dbx_apply(&d->core, a, &res);

	if (rc) {
		dbx_reply_fail(reply, &res.fail, &res.diag);
	} else if (only_diff) {
		dbx_strbuf_addc(&reply->body, '{');
		dbx_out_diff(&reply->body, &res.diff);
		dbx_strbuf_addc(&reply->body, ',');
		dbx_out_findings(&reply->body, &res.diag);
		dbx_strbuf_addc(&reply->body, '}');
	} else {
		if (!a->dry_run)
			note_links(d, &res.diag);
		dbx_out_apply(&reply->body, &res, a->dry_run);
	}
	if (rc)
		dbx_log_warning("apply by user id %u refused: %s", a->uid, res.fail.text);
	else if (!a->dry_run && res.changed)
		dbx_log_info("user id %u: revision %" PRId64 ", generation %" PRIu64
			     " in force after %.0f ms",
			     a->uid, res.revision, res.generation, res.ms.total);
	dbx_apply_result_fini(&res);
}

enum what { APPLY, DIFF, ROLLBACK };

static void handle(struct dbx_daemon *d, const struct dbx_request *req, enum what what,
		   struct dbx_reply *reply)
{
	struct envelope e = {0};
	struct dbx_fail f;
	int rc = envelope_read(&e, req, &f);

	if (!rc && what == ROLLBACK && (!e.revision || e.n_inputs))
		rc = bad(&f, "a rollback takes {\"revision\": n, \"dry_run\", \"message\"}");
	if (!rc && what != ROLLBACK && (e.revision || !e.n_inputs))
		rc = bad(&f, "\"documents\" must hold at least one document");
	if (rc) {
		dbx_reply_fail(reply, &f, NULL);
	} else {
		const struct dbx_apply_req a = {
			.inputs = e.inputs,
			.n_inputs = e.n_inputs,
			.rollback_to = e.revision,
			.dry_run = e.dry_run || what == DIFF,
			/* A diff shows what a forced apply would do. */
			.force = e.force || what == DIFF,
			.uid = req->uid,
			.message = e.message,
		};

		run(d, &a, what == DIFF, reply);
	}
	envelope_fini(&e);
}

void dbx_api_apply(struct dbx_daemon *d, const struct dbx_request *req, struct dbx_reply *reply)
{
	handle(d, req, APPLY, reply);
}

void dbx_api_diff(struct dbx_daemon *d, const struct dbx_request *req, struct dbx_reply *reply)
{
	handle(d, req, DIFF, reply);
}

void dbx_api_rollback(struct dbx_daemon *d, const struct dbx_request *req, struct dbx_reply *reply)
{
	handle(d, req, ROLLBACK, reply);
}

int dbx_api_apply_one(struct dbx_daemon *d, const struct dbx_request *req,
		      const struct dbx_apply_req *apply, struct dbx_reply *reply)
{
	struct dbx_apply_req a = *apply;
	struct dbx_apply_result res;
	int rc;

	a.uid = req->uid;
	rc = dbx_apply(&d->core, &a, &res);
	if (rc) {
		/* What others still refer to cannot go: the documents are fine, the moment is not. */
		if (a.n_removals && res.fail.kind == DBX_FAIL_INVALID)
			res.fail.kind = DBX_FAIL_CONFLICT;
		dbx_reply_fail(reply, &res.fail, &res.diag);
		dbx_log_warning("change by user id %u refused: %s", a.uid, res.fail.text);
	} else {
		note_links(d, &res.diag);
		dbx_out_apply(&reply->body, &res, false);
		if (res.changed)
			dbx_log_info("user id %u: revision %" PRId64 ", generation %" PRIu64, a.uid,
				     res.revision, res.generation);
	}
	dbx_apply_result_fini(&res);
	return rc;
}
