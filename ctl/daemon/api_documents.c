// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * api_documents.c -- the stored documents as they are, and the history of them.
 */
#include "daemon/api.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/jspan.h"

#define HISTORY_MAX 10000

/* One document as {"kind","id","source","revision","document"}. */
static int out_document(struct dbx_daemon *d, const struct dbx_document *doc, bool with_text,
			struct dbx_strbuf *b, struct dbx_fail *f)
{
	char *text = NULL;
	size_t len;
	int rc;

	dbx_strbuf_addc(b, '{');
	dbx_out_string(b, "kind", dbx_doc_kind_name(doc->kind));
	dbx_strbuf_addc(b, ',');
	dbx_out_string(b, "id", doc->id);
	dbx_strbuf_addc(b, ',');
	dbx_out_string(b, "source", doc->name);
	dbx_strbuf_addf(b, ",\"revision\":%" PRId64 ",\"bytes\":%zu", doc->revision, doc->len);
	if (with_text) {
		rc = dbx_store_text(d->core.store, doc->blob, &text, &len, f);
		if (rc)
			return rc;
		dbx_strbuf_add(b, ",\"document\":");
		dbx_strbuf_addn(b, text, len);
		free(text);
	}
	dbx_strbuf_addc(b, '}');
	return 0;
}

/* ?brief=true leaves the texts out: feeds are megabytes. */
void dbx_api_documents(struct dbx_daemon *d, const struct dbx_request *req, struct dbx_reply *reply)
{
	struct dbx_docset set = {0};
	struct dbx_fail f = {0};
	char brief[8];
	size_t i;
	int rc;

	if (!dbx_query_get(req->query, "brief", brief, sizeof(brief)))
		brief[0] = '\0';
	rc = dbx_store_load(d->core.store, d->core.head.rev, &set, &f);
	dbx_docset_sort(&set);
	dbx_strbuf_add(&reply->body, "{\"documents\":[");
	for (i = 0; i < set.n && !rc; i++) {
		dbx_strbuf_add(&reply->body, i ? "," : "");
		rc = out_document(d, &set.v[i], strcmp(brief, "true") != 0, &reply->body, &f);
	}
	dbx_strbuf_add(&reply->body, "]}");
	if (rc)
		dbx_reply_fail(reply, &f, NULL);
	dbx_docset_fini(&set);
}

/* Writes the reply when there is no such document. */
static struct dbx_document *find(struct dbx_daemon *d, struct dbx_docset *set,
				 enum dbx_doc_kind kind, const char *id, struct dbx_reply *reply)
{
	struct dbx_document *doc;
	struct dbx_fail f = {0};

	if (dbx_store_load(d->core.store, d->core.head.rev, set, &f)) {
		dbx_reply_fail(reply, &f, NULL);
		return NULL;
	}
	doc = dbx_docset_find(set, kind, id);
	if (!doc)
		dbx_reply_error(reply, 404, "RESOURCE_DOES_NOT_EXIST", "there is no %s \"%s\"",
				dbx_doc_kind_name(kind), id);
	return doc;
}

static enum dbx_doc_kind kind_of(const char *name, struct dbx_reply *reply)
{
	enum dbx_doc_kind kind = dbx_doc_kind_parse(name);

	if (kind == DBX_DOC_UNKNOWN)
		dbx_reply_error(reply, 404, "RESOURCE_DOES_NOT_EXIST",
				"there is no kind of document \"%s\"", name);
	return kind;
}

static void get_one(struct dbx_daemon *d, enum dbx_doc_kind kind, const char *id,
		    struct dbx_reply *reply)
{
	struct dbx_docset set = {0};
	const struct dbx_document *doc = find(d, &set, kind, id, reply);
	struct dbx_fail f = {0};

	if (doc && out_document(d, doc, true, &reply->body, &f))
		dbx_reply_fail(reply, &f, NULL);
	dbx_docset_fini(&set);
}

void dbx_api_document_get(struct dbx_daemon *d, const struct dbx_request *req,
			  struct dbx_reply *reply)
{
	enum dbx_doc_kind kind = kind_of(req->param[0], reply);

	if (kind != DBX_DOC_UNKNOWN)
		get_one(d, kind, req->param[1], reply);
}

void dbx_api_document_delete(struct dbx_daemon *d, const struct dbx_request *req,
			     struct dbx_reply *reply)
{
	enum dbx_doc_kind kind = kind_of(req->param[0], reply);

	if (kind != DBX_DOC_UNKNOWN)
		dbx_api_delete(d, req, kind, req->param[1], reply);
}

/* ---- the gateway and the feeds: one document, replaced whole ---- */

static void put_one(struct dbx_daemon *d, const struct dbx_request *req, const char *name,
		    enum dbx_doc_kind kind, const char *id, struct dbx_reply *reply)
{
	const struct dbx_input in = {
		.name = name,
		.text = req->body,
		.len = req->n_body,
		.kind = kind,
	};
	const struct dbx_apply_req a = {.inputs = &in, .n_inputs = 1, .message = name};

	if (dbx_api_apply_one(d, req, &a, reply) == 0) {
		dbx_strbuf_reset(&reply->body);
		get_one(d, kind, id, reply);
	}
}

void dbx_api_gateway_get(struct dbx_daemon *d, const struct dbx_request *req,
			 struct dbx_reply *reply)
{
	(void)req;
	get_one(d, DBX_DOC_GATEWAY, "gateway", reply);
}

void dbx_api_gateway_put(struct dbx_daemon *d, const struct dbx_request *req,
			 struct dbx_reply *reply)
{
	put_one(d, req, "gateway", DBX_DOC_GATEWAY, "gateway", reply);
}

/* Kind of a cloud's feed. Whatever is none of the other three is an Azure cloud. */
static enum dbx_doc_kind feed_kind(const char *cloud)
{
	if (strcmp(cloud, "AWS") == 0)
		return DBX_DOC_AWS_RANGES;
	if (strcmp(cloud, "Google") == 0 || strcmp(cloud, "Goog") == 0)
		return DBX_DOC_GOOGLE_RANGES;
	if (strcmp(cloud, "Databricks") == 0)
		return DBX_DOC_DATABRICKS_RANGES;
	return DBX_DOC_AZURE_TAGS;
}

void dbx_api_feed_get(struct dbx_daemon *d, const struct dbx_request *req, struct dbx_reply *reply)
{
	get_one(d, feed_kind(req->param[0]), req->param[0], reply);
}

void dbx_api_feed_put(struct dbx_daemon *d, const struct dbx_request *req, struct dbx_reply *reply)
{
	enum dbx_doc_kind kind = feed_kind(req->param[0]);
	struct dbx_jspan cloud;

	if (kind == DBX_DOC_AZURE_TAGS &&
	    (!dbx_jspan_find(dbx_jspan_trim(req->body, req->n_body), "cloud", &cloud) ||
	     !dbx_jspan_is(cloud, req->param[0]))) {
		dbx_reply_error(reply, 400, "INVALID_PARAMETER_VALUE",
				"the document's \"cloud\" must be \"%s\", as in the path",
				req->param[0]);
		return;
	}
	put_one(d, req, "service-tags", kind, req->param[0], reply);
}

/* ---- history ---- */

struct history {
	struct dbx_strbuf *b;
	bool started;
};

static int out_revision(void *arg, const struct dbx_revision *r)
{
	struct history *h = arg;

	dbx_strbuf_addf(h->b,
			"%s{\"revision\":%" PRId64 ",\"time_ms\":%" PRId64
			",\"uid\":%u,\"generation\":%" PRIu64 ",\"content_hash\":\"%016" PRIx64
			"\",\"documents\":%u,",
			h->started ? "," : "", r->rev, r->time_ms, r->uid, r->generation,
			r->content_hash, r->n_documents);
	dbx_out_string(h->b, "message", r->message);
	dbx_strbuf_addc(h->b, '}');
	h->started = true;
	return 0;
}

void dbx_api_history(struct dbx_daemon *d, const struct dbx_request *req, struct dbx_reply *reply)
{
	struct history h = {.b = &reply->body};
	struct dbx_fail f = {0};
	unsigned long limit = 100;
	char text[16], *end;

	if (dbx_query_get(req->query, "limit", text, sizeof(text))) {
		errno = 0;
		limit = strtoul(text, &end, 10);
		if (errno || !*text || *end || limit < 1 || limit > HISTORY_MAX) {
			dbx_reply_error(reply, 400, "INVALID_PARAMETER_VALUE",
					"limit is a number from 1 to %d", HISTORY_MAX);
			return;
		}
	}
	dbx_strbuf_add(&reply->body, "{\"revisions\":[");
	if (dbx_store_history(d->core.store, limit, out_revision, &h, &f)) {
		dbx_reply_fail(reply, &f, NULL);
		return;
	}
	dbx_strbuf_add(&reply->body, "]}");
}
