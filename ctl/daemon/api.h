/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * api.h -- the REST interface, apart from its transport: a request is plain data, a reply is text.
 *
 * server.c fills a request from HTTP and sends the reply; tests do the same by hand.
 */
#ifndef DBX_DAEMON_API_H
#define DBX_DAEMON_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "daemon/core.h"
#include "lib/strbuf.h"

#define DBX_API_PARAMS    3
#define DBX_API_PARAM_MAX 256

struct dbx_capture_want;
struct dbx_denials;
struct dbx_fib;
struct dbx_links;
struct dbx_naming;
struct dbx_records;
struct dbx_scrape;

struct dbx_daemon {
	struct dbx_core core;
	struct dbx_links *links;       /* NULL in tests: no interfaces */
	struct dbx_denials *denials;   /* or NULL */
	struct dbx_naming *naming;     /* NULL in tests */
	struct dbx_records *records;   /* or NULL */
	struct dbx_scrape *scrape;     /* or NULL */
	const char *records_path;      /* where they are kept, or NULL: nowhere */
	double started_ms;             /* monotonic */
	const char *const *interfaces; /* of the command line: attached whatever documents say */
	size_t n_interfaces;
	char forward_error[256]; /* of fast forward, "" = none */
	struct dbx_fib *fib;     /* NULL: the driver uses the kernel's own routes */
	char fib_error[256];
	bool process_was_there; /* when it was last looked for */
	bool sweep_failed;
};

enum dbx_method {
	DBX_GET = 1,
	DBX_POST = 2,
	DBX_PUT = 4,
	DBX_PATCH = 8,
	DBX_DELETE = 16,
	DBX_OTHER_METHOD = 32,
};

struct dbx_request {
	enum dbx_method method;
	const char *path;  /* as sent, without query */
	const char *query; /* as sent, or NULL */
	const char *body;
	size_t n_body;
	uint32_t uid;
	bool may_read, may_write;
	char param[DBX_API_PARAMS][DBX_API_PARAM_MAX]; /* set by dispatch: parts of the path */
};

struct dbx_reply {
	int status;
	const char *content_type;
	const char *allow;                /* of a 405 */
	bool is_stream;                   /* no body: records follow as they come, see stream.h */
	struct dbx_capture_want *capture; /* with is_stream: packets, see capture.h; owned */
	struct dbx_strbuf body;
};

void dbx_reply_init(struct dbx_reply *r);
void dbx_reply_fini(struct dbx_reply *r);

/* Routes one request and always leaves a whole reply. */
void dbx_api_handle(struct dbx_daemon *d, struct dbx_request *req, struct dbx_reply *reply);

/* Decoded value of a query parameter. False when absent; too long or badly coded: absent. */
bool dbx_query_get(const char *query, const char *key, char *out, size_t n_out);

/* ---- writing replies ---- */

/* "key":"value" with escapes; value NULL writes null. */
void dbx_out_string(struct dbx_strbuf *b, const char *key, const char *value);
/* "key":"2026-11-21T10:00:00Z", and with milliseconds; 0, not known or never, writes null. */
void dbx_out_time(struct dbx_strbuf *b, const char *key, int64_t s);
void dbx_out_time_ms(struct dbx_strbuf *b, const char *key, int64_t ms);
void dbx_out_findings(struct dbx_strbuf *b, const struct dbx_diag *d); /* "findings":[...] */
void dbx_out_apply(struct dbx_strbuf *b, const struct dbx_apply_result *res, bool dry_run);
void dbx_out_paths(struct dbx_daemon *d,
		   struct dbx_strbuf *b); /* "paths":..., "fast_forward":... */
void dbx_out_diff(struct dbx_strbuf *b, const struct dbx_diff *diff); /* members, no braces */

__attribute__((format(printf, 4, 5))) void
dbx_reply_error(struct dbx_reply *r, int status, const char *error_code, const char *fmt, ...);
void dbx_reply_fail(struct dbx_reply *r, const struct dbx_fail *f, const struct dbx_diag *d);

/* ---- handlers: one for each row of the route table ---- */

typedef void (*dbx_handler_fn)(struct dbx_daemon *d, const struct dbx_request *req,
			       struct dbx_reply *reply);

#define DBX_HANDLER(name)                                                        \
	void dbx_api_##name(struct dbx_daemon *d, const struct dbx_request *req, \
			    struct dbx_reply *reply)

DBX_HANDLER(apply);
DBX_HANDLER(diff);
DBX_HANDLER(rollback);
DBX_HANDLER(history);
DBX_HANDLER(documents);
DBX_HANDLER(document_get);
DBX_HANDLER(document_delete);
DBX_HANDLER(gateway_get);
DBX_HANDLER(gateway_put);
DBX_HANDLER(feed_get);
DBX_HANDLER(feed_put);
DBX_HANDLER(status);
DBX_HANDLER(stats);
DBX_HANDLER(denials);
DBX_HANDLER(names);
DBX_HANDLER(usage);
DBX_HANDLER(entries);
DBX_HANDLER(explain);
DBX_HANDLER(image);
DBX_HANDLER(records);
DBX_HANDLER(record_get);
DBX_HANDLER(metrics);
DBX_HANDLER(events);
DBX_HANDLER(capture);

DBX_HANDLER(policy_create);
DBX_HANDLER(policy_list);
DBX_HANDLER(policy_get);
DBX_HANDLER(policy_put);
DBX_HANDLER(policy_delete);
DBX_HANDLER(ncc_create);
DBX_HANDLER(ncc_list);
DBX_HANDLER(ncc_get);
DBX_HANDLER(ncc_delete);
DBX_HANDLER(rule_create);
DBX_HANDLER(rule_list);
DBX_HANDLER(rule_get);
DBX_HANDLER(rule_patch);
DBX_HANDLER(rule_delete);
DBX_HANDLER(option_get);
DBX_HANDLER(option_put);
DBX_HANDLER(workspace_get);
DBX_HANDLER(workspace_patch);

/* What several handlers share. */

/* Applies texts or removals: the reply is the result, or on failure (-errno) the error. */
int dbx_api_apply_one(struct dbx_daemon *d, const struct dbx_request *req,
		      const struct dbx_apply_req *apply, struct dbx_reply *reply);
/* The same for one document of ours, as JSON. */
int dbx_api_put_json(struct dbx_daemon *d, const struct dbx_request *req, enum dbx_doc_kind kind,
		     const char *name, const json_t *document, struct dbx_reply *reply);
/* Removes an object, unless others need it. The reply is written in each case. */
int dbx_api_delete(struct dbx_daemon *d, const struct dbx_request *req, enum dbx_doc_kind kind,
		   const char *id, struct dbx_reply *reply);
/* The body as an object, out of the vendor's wrapper if it is in one; NULL: the reply is written. */
json_t *dbx_api_body(const struct dbx_request *req, const char *wrapper, struct dbx_reply *reply);
/* The stored document as JSON, or NULL; *name: where it came from, malloc'ed (may be NULL). */
json_t *dbx_api_stored(struct dbx_daemon *d, enum dbx_doc_kind kind, const char *id, char **name);
/* Replaces the reply by an object's text, which is freed. */
void dbx_api_reply_text(struct dbx_reply *reply, char *text);
/* When the document of a feed, one of set, was applied last, or 0. */
int64_t dbx_api_feed_time_ms(struct dbx_daemon *d, const struct dbx_docset *set,
			     const struct dbx_feed *feed);
/* ?since= in milliseconds since 1970, 0 when absent; false: the reply is written. */
bool dbx_api_since(const struct dbx_request *req, int64_t now_ms, int64_t *since_ms,
		   struct dbx_reply *reply);
bool dbx_api_parse_id(const char *text, int64_t *out); /* a workspace id */

#endif
