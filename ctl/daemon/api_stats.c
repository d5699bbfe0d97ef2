// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * api_stats.c -- counters and recent denials, with the names of the rules that decided.
 *
 * Rules are named from the store, which remembers every rule that was ever in force: a counter
 * outlives the rule that it counted.
 */
#include "daemon/api.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/denials.h"
#include "daemon/process.h"
#include "lib/proto.h"
#include "lib/vec.h"
#include "policy/explain.h"

#define DENIALS_DEFAULT 100

/* What ?workspace= and ?reason= leave. */
struct filter {
	bool has_workspace, has_reason;
	uint64_t workspace_id;
	char reason[64];
};

static bool read_filter(const struct dbx_request *req, struct filter *f, struct dbx_reply *reply)
{
	char text[32], *end;
	int i;

	*f = (struct filter){0};
	if (dbx_query_get(req->query, "workspace", text, sizeof(text))) {
		errno = 0;
		f->workspace_id = strtoull(text, &end, 10);
		f->has_workspace = true;
		if (errno || *end || text[0] < '0' || text[0] > '9') {
			dbx_reply_error(reply, 400, "INVALID_PARAMETER_VALUE",
					"workspace is a workspace id: a decimal number");
			return false;
		}
	}
	f->has_reason = dbx_query_get(req->query, "reason", f->reason, sizeof(f->reason));
	for (i = 0; f->has_reason && i < DBX_REASON_MAX; i++) {
		if (strcmp(f->reason, dbx_reason_slug((enum dbx_reason)i)) == 0)
			return true;
	}
	if (f->has_reason)
		dbx_reply_error(reply, 400, "INVALID_PARAMETER_VALUE", "there is no reason \"%s\"",
				f->reason);
	return !f->has_reason;
}

static bool passes(const struct filter *f, uint64_t workspace_id, unsigned int reason)
{
	if (f->has_workspace && f->workspace_id != workspace_id)
		return false;
	return !f->has_reason || strcmp(f->reason, dbx_reason_slug((enum dbx_reason)reason)) == 0;
}

/* ---- rule names ---- */

struct rule_out {
	struct dbx_strbuf *b;
	bool has_policy;
};

static void out_rule(void *arg, const struct dbx_rule_name *r)
{
	struct rule_out *o = arg;
	char *file = NULL, *ptr = NULL;

	dbx_docs_place(r->doc, r->ptr, &file, &ptr);
	dbx_out_string(o->b, "rule", r->text);
	dbx_strbuf_addc(o->b, ',');
	dbx_out_string(o->b, "rule_doc", file ? file : r->doc);
	dbx_strbuf_addc(o->b, ',');
	dbx_out_string(o->b, "rule_ptr", ptr ? ptr : r->ptr);
	dbx_strbuf_addc(o->b, ',');
	if (r->policy[0]) {
		dbx_out_string(o->b, "policy", r->policy);
		o->has_policy = true;
	}
	free(file);
	free(ptr);
}

/* "rule_uid","rule","rule_doc","rule_ptr","policy": the policy of the rule, else the one given. */
static void out_rule_of(struct dbx_daemon *d, struct dbx_strbuf *b, uint64_t uid,
			uint64_t workspace_id, const char *policy)
{
	struct rule_out o = {.b = b};
	const struct dbx_policy *p;
	const char *as_bound;

	if (uid)
		dbx_strbuf_addf(b, "\"rule_uid\":\"%016" PRIx64 "\",", uid);
	else
		dbx_strbuf_add(b, "\"rule_uid\":null,");
	if (!uid || dbx_store_rule(d->core.store, uid, out_rule, &o))
		dbx_strbuf_add(b, "\"rule\":null,\"rule_doc\":null,\"rule_ptr\":null,");
	if (o.has_policy)
		return;
	if (!policy && workspace_id) {
		p = dbx_model_policy_of(d->core.model, (int64_t)workspace_id, &as_bound);
		policy = p ? p->id : "";
	}
	dbx_out_string(b, "policy", policy && policy[0] ? policy : NULL);
}

/* ---- stats ---- */

static void out_totals(struct dbx_strbuf *b, const struct dbx_counter *v)
{
	struct dbx_counter all = {0};
	uint64_t by_verdict[DBX_VERDICT_MAX] = {0};
	bool started = false;
	int r, k;

	for (r = 0; r < DBX_REASON_MAX; r++) {
		for (k = 0; k < DBX_VERDICT_MAX; k++) {
			const struct dbx_counter *c =
				&v[DBX_TOTAL_REASON_BASE + r * DBX_VERDICT_MAX + k];

			all.packets += c->packets;
			all.bytes += c->bytes;
			by_verdict[k] += c->packets;
		}
	}
	dbx_strbuf_addf(b,
			"\"totals\":{\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64
			",\"pass\":%" PRIu64 ",\"drop\":%" PRIu64 ",\"dry_run\":%" PRIu64
			",\"by_reason\":{",
			(uint64_t)all.packets, (uint64_t)all.bytes, by_verdict[DBX_VERDICT_PASS],
			by_verdict[DBX_VERDICT_DROP], by_verdict[DBX_VERDICT_DRY_RUN]);
	for (r = 0; r < DBX_REASON_MAX; r++) {
		struct dbx_counter sum = {0};

		for (k = 0; k < DBX_VERDICT_MAX; k++) {
			sum.packets += v[DBX_TOTAL_REASON_BASE + r * DBX_VERDICT_MAX + k].packets;
			sum.bytes += v[DBX_TOTAL_REASON_BASE + r * DBX_VERDICT_MAX + k].bytes;
		}
		if (!sum.packets)
			continue;
		dbx_strbuf_addf(b, "%s\"%s\":{\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 "}",
				started ? "," : "", dbx_reason_slug((enum dbx_reason)r),
				(uint64_t)sum.packets, (uint64_t)sum.bytes);
		started = true;
	}
	dbx_strbuf_add(b, "}}");
}

struct rows {
	const struct filter *filter;
	DBX_VEC(struct dbx_dp_counter) list;
};

static int collect(void *arg, const struct dbx_dp_counter *c)
{
	struct rows *rows = arg;

	if (!passes(rows->filter, c->key.workspace_id, c->key.reason))
		return 0;
	return dbx_vec_push(&rows->list, *c);
}

static int by_key(const void *x, const void *y)
{
	const struct dbx_counter_key *a = &((const struct dbx_dp_counter *)x)->key;
	const struct dbx_counter_key *b = &((const struct dbx_dp_counter *)y)->key;

	if (a->workspace_id != b->workspace_id)
		return a->workspace_id < b->workspace_id ? -1 : 1;
	if (a->reason != b->reason)
		return a->reason < b->reason ? -1 : 1;
	if (a->verdict != b->verdict)
		return a->verdict < b->verdict ? -1 : 1;
	if (a->path != b->path)
		return a->path < b->path ? -1 : 1;
	return a->rule_uid < b->rule_uid ? -1 : a->rule_uid > b->rule_uid;
}

static void out_row(struct dbx_daemon *d, struct dbx_strbuf *b, const struct dbx_dp_counter *c)
{
	const struct dbx_counter_key *k = &c->key;

	dbx_strbuf_addf(b,
			"{\"workspace_id\":%" PRIu64
			",\"reason\":\"%s\",\"verdict\":\"%s\",\"path\":\"%s\",",
			(uint64_t)k->workspace_id, dbx_reason_slug((enum dbx_reason)k->reason),
			dbx_verdict_name((enum dbx_verdict)k->verdict),
			dbx_path_name((enum dbx_path)k->path));
	out_rule_of(d, b, k->rule_uid, k->workspace_id, NULL);
	dbx_strbuf_addf(b, ",\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 "}",
			(uint64_t)c->value.packets, (uint64_t)c->value.bytes);
}

void dbx_api_stats(struct dbx_daemon *d, const struct dbx_request *req, struct dbx_reply *reply)
{
	struct dbx_strbuf *b = &reply->body;
	struct filter filter;
	struct rows rows = {.filter = &filter};
	struct dbx_counter *totals = NULL;
	size_t i;
	int rc;

	if (!read_filter(req, &filter, reply))
		return;
	totals = calloc(DBX_TOTAL_MAX, sizeof(*totals));
	rc = totals ? d->core.ops->totals(d->core.dp, totals) : -ENOMEM;
	if (!rc)
		rc = d->core.ops->counters(d->core.dp, collect, &rows);
	if (rc) {
		dbx_reply_error(reply, 500, "INTERNAL_ERROR", "reading the counters: %s",
				dbx_process_why(rc));
		goto out;
	}
	if (rows.list.n)
		qsort(rows.list.v, rows.list.n, sizeof(*rows.list.v), by_key);
	dbx_strbuf_addf(b, "{\"generation\":%" PRIu64 ",", d->core.generation);
	out_totals(b, totals);
	dbx_strbuf_add(b, ",\"rows\":[");
	for (i = 0; i < rows.list.n; i++) {
		dbx_strbuf_add(b, i ? "," : "");
		out_row(d, b, &rows.list.v[i]);
	}
	dbx_strbuf_addf(b, "],\"unkeyed_packets\":%" PRIu64 "}",
			(uint64_t)totals[DBX_TOTAL_UNKEYED].packets);
out:
	dbx_vec_fini(&rows.list);
	free(totals);
}

/* ---- denials ---- */

struct denials_out {
	struct dbx_daemon *d;
	struct dbx_strbuf *b;
	const struct filter *filter;
	size_t left;
	bool started;
};

static void out_tuple(struct dbx_strbuf *b, const struct dbx_event *e)
{
	int family = e->flags & DBX_EVENT_F_IPV6 ? AF_INET6 : AF_INET;
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN], proto[DBX_PROTO_SIZE];

	if (!(e->flags & DBX_EVENT_F_HAS_TUPLE)) {
		dbx_strbuf_add(b, "\"src\":null,\"dst\":null,\"proto\":null,\"port\":null,");
		return;
	}
	inet_ntop(family, e->src, src, sizeof(src));
	inet_ntop(family, e->dst, dst, sizeof(dst));
	dbx_strbuf_addf(b, "\"src\":\"%s\",\"dst\":\"%s\",\"proto\":\"%s\",", src, dst,
			dbx_proto_text(e->proto, proto));
	if (e->flags & DBX_EVENT_F_HAS_PORTS)
		dbx_strbuf_addf(b, "\"port\":%u,", e->dport);
	else
		dbx_strbuf_add(b, "\"port\":null,");
}

static int out_denial(void *arg, const struct dbx_denial *n)
{
	struct denials_out *o = arg;
	const struct dbx_event *e = &n->event;
	struct dbx_strbuf *b = o->b;

	if (!passes(o->filter, e->workspace_id, e->reason))
		return 0;
	if (o->left-- == 0)
		return -1;
	dbx_strbuf_add(b, o->started ? ",{" : "{");
	o->started = true;
	dbx_out_time_ms(b, "time", n->last_ms);
	dbx_strbuf_addc(b, ',');
	dbx_out_time_ms(b, "first_time", n->first_ms);
	dbx_strbuf_addf(b,
			",\"workspace_id\":%" PRIu64 ",\"generation\":%" PRIu64
			",\"reason\":\"%s\",\"verdict\":\"%s\",\"product\":\"%s\",",
			(uint64_t)e->workspace_id, (uint64_t)e->generation,
			dbx_reason_slug((enum dbx_reason)e->reason),
			dbx_verdict_name((enum dbx_verdict)e->verdict),
			dbx_product_name((enum dbx_product)e->product));
	out_rule_of(o->d, b, e->rule_uid, e->workspace_id, n->policy);
	dbx_strbuf_addc(b, ',');
	out_tuple(b, e);
	dbx_out_string(b, "name", n->name[0] ? n->name : NULL);
	dbx_strbuf_addc(b, ',');
	dbx_strbuf_addf(b, "\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 "}", n->packets, n->bytes);
	return 0;
}

void dbx_api_denials(struct dbx_daemon *d, const struct dbx_request *req, struct dbx_reply *reply)
{
	struct filter filter;
	struct denials_out o = {
		.d = d,
		.b = &reply->body,
		.filter = &filter,
		.left = DENIALS_DEFAULT,
	};
	char text[16], *end;

	if (!read_filter(req, &filter, reply))
		return;
	if (dbx_query_get(req->query, "limit", text, sizeof(text))) {
		errno = 0;
		o.left = strtoul(text, &end, 10);
		if (errno || *end || text[0] < '0' || text[0] > '9' || o.left > DBX_DENIALS_MAX) {
			dbx_reply_error(reply, 400, "INVALID_PARAMETER_VALUE",
					"limit is a number from 0 to %d", DBX_DENIALS_MAX);
			return;
		}
	}
	dbx_strbuf_add(&reply->body, "{\"denials\":[");
	if (d->denials)
		dbx_denials_walk(d->denials, out_denial, &o);
	dbx_strbuf_add(&reply->body, "]}");
}
