// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * api_records.c -- the records that are kept: GET records/{event_id}, one as its line was written, and
 * GET records?after=&since=&limit=, page by page from the oldest.
 *
 * A page is bounded in records and bytes. Who reads on asks for those after "next", until that is null
 * or past the "last" of the first page: records that come in meanwhile are not waited for.
 */
#include "daemon/api.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "daemon/records.h"

#define LIMIT_DEFAULT  1000
#define LIMIT_MAX      10000
#define PAGE_MAX_BYTES (8u << 20)

void dbx_api_record_get(struct dbx_daemon *d, const struct dbx_request *req,
			struct dbx_reply *reply)
{
	struct dbx_fail f;
	char *line = NULL;

	if (dbx_records_get(d->records, req->param[0], &line, &f))
		dbx_reply_fail(reply, &f, NULL);
	else
		dbx_strbuf_add(&reply->body, line);
	free(line);
}

/* ---- pages ---- */

struct page {
	struct dbx_strbuf *b;
	size_t from; /* where its records begin in b */
	uint64_t n, limit;
	int64_t number; /* of the last record in it */
	bool is_full;   /* there is at least one more */
};

static bool add(void *arg, int64_t number, const char *line, size_t len)
{
	struct page *p = arg;

	/* One record fits always, or a reader would never get past it. */
	p->is_full = p->n == p->limit || (p->n && p->b->len - p->from + len > PAGE_MAX_BYTES);
	if (p->is_full)
		return false;
	dbx_strbuf_add(p->b, p->n ? ",\n" : "");
	dbx_strbuf_addn(p->b, line, len);
	p->n++;
	p->number = number;
	return !p->b->err;
}

/* Decimal digits; *out stays when the parameter is absent. False: the reply is written. */
static bool read_number(const struct dbx_request *req, const char *key, uint64_t lo, uint64_t hi,
			uint64_t *out, struct dbx_reply *reply)
{
	char text[32], *end;
	uint64_t n;

	if (!dbx_query_get(req->query, key, text, sizeof(text)))
		return true;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || *end || text[0] < '0' || text[0] > '9' || n < lo || n > hi) {
		dbx_reply_error(reply, 400, "INVALID_PARAMETER_VALUE",
				"%s is a number from %" PRIu64 " to %" PRIu64, key, lo, hi);
		return false;
	}
	*out = n;
	return true;
}

static void out_number(struct dbx_strbuf *b, const char *key, bool is_there, int64_t n)
{
	dbx_strbuf_addf(b, ",\"%s\":", key);
	if (is_there)
		dbx_strbuf_addf(b, "%" PRId64, n);
	else
		dbx_strbuf_add(b, "null");
}

void dbx_api_records(struct dbx_daemon *d, const struct dbx_request *req, struct dbx_reply *reply)
{
	uint64_t after = 0, limit = LIMIT_DEFAULT;
	struct dbx_strbuf *b = &reply->body;
	struct page p = {.b = b};
	struct dbx_recstore_span span;
	struct dbx_recstore *kept;
	struct dbx_fail f;
	int64_t since_ms;

	if (!dbx_api_since(req, dbx_now_ms(), &since_ms, reply) ||
	    !read_number(req, "after", 0, INT64_MAX, &after, reply) ||
	    !read_number(req, "limit", 1, LIMIT_MAX, &limit, reply))
		return;
	kept = dbx_records_kept(d->records, &f);
	dbx_strbuf_add(b, "{\"records\":[");
	p.from = b->len;
	p.limit = limit;
	if (!kept || dbx_recstore_span(kept, &span, &f) ||
	    dbx_recstore_each(kept, (int64_t)after, since_ms, add, &p, &f)) {
		dbx_strbuf_reset(b);
		dbx_reply_fail(reply, &f, NULL);
		return;
	}
	dbx_strbuf_addc(b, ']');
	out_number(b, "next", p.is_full, p.number);
	out_number(b, "first", span.first, span.first);
	out_number(b, "last", span.last, span.last);
	dbx_strbuf_addc(b, ',');
	dbx_out_time_ms(b, "first_time", span.first ? span.first_ms : 0);
	dbx_strbuf_addc(b, '}');
}
