// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * api_usage.c -- GET usage: packets and bytes that left, by workspace and path, since a time.
 */
#include "daemon/api.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/usage.h"
#include "policy/explain.h"

static bool read_since(const struct dbx_request *req, int64_t now_s, int64_t *since,
		       struct dbx_reply *reply)
{
	int64_t ms;

	if (!dbx_api_since(req, now_s * 1000, &ms, reply))
		return false;
	*since = ms / 1000;
	return true;
}

static bool read_workspace(const struct dbx_request *req, uint64_t *id, struct dbx_reply *reply)
{
	char text[32];
	int64_t n;

	*id = 0;
	if (!dbx_query_get(req->query, "workspace", text, sizeof(text)))
		return true;
	if (!dbx_api_parse_id(text, &n) || n <= 0) {
		dbx_reply_error(reply, 400, "INVALID_PARAMETER_VALUE",
				"workspace is a workspace id: a decimal number");
		return false;
	}
	*id = (uint64_t)n;
	return true;
}

struct out {
	struct dbx_strbuf rows;
	int64_t from_s, to_s; /* of all rows; 0 = none */
};

static int out_row(void *arg, const struct dbx_usage_row *r)
{
	struct out *o = arg;

	dbx_strbuf_addf(&o->rows,
			"%s{\"workspace_id\":%" PRIu64 ",\"path\":\"%s\",\"packets\":%" PRIu64
			",\"bytes\":%" PRIu64 "}",
			o->rows.len ? "," : "", r->workspace_id,
			dbx_path_name((enum dbx_path)r->path), (uint64_t)r->counter.packets,
			(uint64_t)r->counter.bytes);
	o->from_s = !o->from_s || r->from_s < o->from_s ? r->from_s : o->from_s;
	o->to_s = r->to_s > o->to_s ? r->to_s : o->to_s;
	return 0;
}

/* Packets that were judged while the table of counters was full: they are nobody's. */
static uint64_t unkeyed(struct dbx_daemon *d)
{
	struct dbx_counter *v = calloc(DBX_TOTAL_MAX, sizeof(*v));
	uint64_t n = v && !d->core.ops->totals(d->core.dp, v) ? v[DBX_TOTAL_UNKEYED].packets : 0;

	free(v);
	return n;
}

void dbx_api_usage(struct dbx_daemon *d, const struct dbx_request *req, struct dbx_reply *reply)
{
	int64_t now_s = dbx_now_ms() / 1000, since;
	struct dbx_strbuf *b = &reply->body;
	struct out o = {.from_s = 0};
	struct dbx_fail f;
	uint64_t id;
	int rc;

	if (!read_since(req, now_s, &since, reply) || !read_workspace(req, &id, reply))
		return;
	dbx_strbuf_init(&o.rows);
	/* What cannot be added now is added later; the reply says so. */
	dbx_usage_sample(d->core.usage, now_s, &f);
	rc = dbx_store_usage(d->core.store, since, id, out_row, &o, &f);
	if (rc) {
		dbx_reply_error(reply, 500, "INTERNAL_ERROR", "%s", f.text);
	} else {
		dbx_strbuf_addc(b, '{');
		dbx_out_time(b, "since", since);
		dbx_strbuf_addc(b, ',');
		dbx_out_time(b, "from", o.from_s);
		dbx_strbuf_addc(b, ',');
		dbx_out_time(b, "to", o.to_s < now_s ? o.to_s : now_s);
		dbx_strbuf_add(b, ",\"rows\":[");
		dbx_strbuf_addn(b, o.rows.s, o.rows.len);
		dbx_strbuf_addf(b, "],\"unkeyed_packets\":%" PRIu64 ",", unkeyed(d));
		dbx_out_string(b, "error",
			       *dbx_usage_error(d->core.usage) ? dbx_usage_error(d->core.usage)
							       : NULL);
		dbx_strbuf_addc(b, '}');
		if (o.rows.err)
			b->err = o.rows.err;
	}
	dbx_strbuf_fini(&o.rows);
}
