// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * metrics.c -- the state of the gateway in the text format of Prometheus, version 0.0.4.
 *
 * Rules are not a label: a policy may have thousands. Their rows are added up to workspace, verdict,
 * reason and path. What the counter table could not hold is in dbx_egress_judged_*, which is exact.
 */
#include "daemon/metrics.h"

#include <inttypes.h>
#include <string.h>

#include "daemon/links.h"
#include "daemon/naming.h"
#include "daemon/records.h"
#include "daemon/sink.h"
#include "dbx/program.h"
#include "lib/vec.h"
#include "policy/explain.h"

#define P "dbx_egress_"

static void head(struct dbx_strbuf *b, const char *name, const char *type, const char *help)
{
	dbx_strbuf_addf(b, "# HELP " P "%s %s\n# TYPE " P "%s %s\n", name, help, name, type);
}

static void one(struct dbx_strbuf *b, const char *name, const char *type, const char *help,
		uint64_t v)
{
	head(b, name, type, help);
	dbx_strbuf_addf(b, P "%s %" PRIu64 "\n", name, v);
}

/* A label's value: backslash, quote and newline have escapes, other bytes stand for themselves. */
static void label(struct dbx_strbuf *b, const char *key, const char *value)
{
	dbx_strbuf_addf(b, "%s=\"", key);
	for (; value && *value; value++) {
		if (*value == '\n')
			dbx_strbuf_add(b, "\\n");
		else if (*value == '\\' || *value == '"')
			dbx_strbuf_addf(b, "\\%c", *value);
		else
			dbx_strbuf_addc(b, *value);
	}
	dbx_strbuf_addc(b, '"');
}

/* ---- packets and bytes ---- */

struct rows {
	DBX_VEC(struct dbx_dp_counter) list;
};

static int collect(void *arg, const struct dbx_dp_counter *c)
{
	struct rows *r = arg;

	return dbx_vec_push(&r->list, *c);
}

static int by_labels(const void *x, const void *y)
{
	const struct dbx_counter_key *a = &((const struct dbx_dp_counter *)x)->key;
	const struct dbx_counter_key *b = &((const struct dbx_dp_counter *)y)->key;

	if (a->workspace_id != b->workspace_id)
		return a->workspace_id < b->workspace_id ? -1 : 1;
	if (a->verdict != b->verdict)
		return a->verdict < b->verdict ? -1 : 1;
	if (a->reason != b->reason)
		return a->reason < b->reason ? -1 : 1;
	return (int)a->path - (int)b->path;
}

/* Rows that differ by rule only become one. */
static void merge(struct rows *r)
{
	size_t i, n = 0;

	if (!r->list.n)
		return;
	qsort(r->list.v, r->list.n, sizeof(*r->list.v), by_labels);
	for (i = 1; i < r->list.n; i++) {
		if (by_labels(&r->list.v[n], &r->list.v[i])) {
			r->list.v[++n] = r->list.v[i];
			continue;
		}
		r->list.v[n].value.packets += r->list.v[i].value.packets;
		r->list.v[n].value.bytes += r->list.v[i].value.bytes;
	}
	r->list.n = n + 1;
}

static void out_rows(struct dbx_strbuf *b, const struct rows *r, const char *name, bool bytes)
{
	for (size_t i = 0; i < r->list.n; i++) {
		const struct dbx_counter_key *k = &r->list.v[i].key;
		const struct dbx_counter *c = &r->list.v[i].value;

		dbx_strbuf_addf(b,
				P "%s{workspace=\"%" PRIu64
				  "\",verdict=\"%s\",reason=\"%s\",path=\"%s\"} %" PRIu64 "\n",
				name, (uint64_t)k->workspace_id,
				dbx_verdict_name((enum dbx_verdict)k->verdict),
				dbx_reason_slug((enum dbx_reason)k->reason),
				dbx_path_name((enum dbx_path)k->path),
				(uint64_t)(bytes ? c->bytes : c->packets));
	}
}

static void out_judged(struct dbx_strbuf *b, const struct dbx_counter *v, const char *name,
		       bool bytes)
{
	for (int i = 0; i < DBX_REASON_MAX * DBX_VERDICT_MAX; i++) {
		const struct dbx_counter *c = &v[DBX_TOTAL_REASON_BASE + i];

		if (!c->packets)
			continue;
		dbx_strbuf_addf(b, P "%s{verdict=\"%s\",reason=\"%s\"} %" PRIu64 "\n", name,
				dbx_verdict_name((enum dbx_verdict)(i % DBX_VERDICT_MAX)),
				dbx_reason_slug((enum dbx_reason)(i / DBX_VERDICT_MAX)),
				(uint64_t)(bytes ? c->bytes : c->packets));
	}
}

static void out_packets(struct dbx_strbuf *b, const struct rows *r, const struct dbx_counter *v)
{
	head(b, "packets_total", "counter",
	     "Packets judged, by workspace (0: unknown), verdict, reason and path.");
	out_rows(b, r, "packets_total", false);
	head(b, "bytes_total", "counter", "Bytes of the frames judged.");
	out_rows(b, r, "bytes_total", true);
	head(b, "judged_packets_total", "counter",
	     "Packets judged by verdict and reason; exact also when the counter table is full.");
	out_judged(b, v, "judged_packets_total", false);
	head(b, "judged_bytes_total", "counter", "Bytes of those packets' frames.");
	out_judged(b, v, "judged_bytes_total", true);
	one(b, "unkeyed_packets_total", "counter",
	    "Packets that found the counter table full: counted in judged_packets_total only.",
	    v[DBX_TOTAL_UNKEYED].packets);
}

/* ---- policy ---- */

static void out_feeds(struct dbx_daemon *d, struct dbx_strbuf *b)
{
	const struct dbx_model *m = d->core.model;
	struct dbx_docset set = {0};
	struct dbx_fail f;

	dbx_store_load(d->core.store, d->core.head.rev, &set, &f);
	head(b, "feed_timestamp_seconds", "gauge",
	     "When the range file that is in force was applied.");
	for (size_t i = 0; i < m->n_feeds; i++) {
		int64_t t = dbx_api_feed_time_ms(d, &set, &m->feeds[i]);

		if (!t)
			continue;
		dbx_strbuf_add(b, P "feed_timestamp_seconds{");
		label(b, "cloud", m->feeds[i].cloud);
		dbx_strbuf_addf(b, "} %" PRId64 "\n", t / 1000);
	}
	dbx_docset_fini(&set);
}

static void out_policy(struct dbx_daemon *d, struct dbx_strbuf *b)
{
	const struct dbx_core *c = &d->core;
	const struct dbx_link *e;

	head(b, "info", "gauge", "Version of the daemon and driver of its data plane.");
	dbx_strbuf_add(b, P "info{version=\"" DBX_VERSION "\",");
	label(b, "driver", c->ops->name);
	dbx_strbuf_add(b, "} 1\n");
	one(b, "uptime_seconds", "gauge", "Age of the daemon.",
	    (uint64_t)((dbx_monotonic_ms() - d->started_ms) / 1000));
	one(b, "generation", "gauge", "Generation that the data plane enforces, 0 = none.",
	    c->generation);
	one(b, "degraded", "gauge", "1: what is enforced is not what is stored.",
	    c->degraded[0] != '\0');
	one(b, "last_apply_timestamp_seconds", "gauge", "When the stored revision was applied.",
	    (uint64_t)(c->head.time_ms / 1000));
	one(b, "workspaces", "gauge", "Workspaces of the gateway document.",
	    c->model->gateway.n_workspaces);
	one(b, "policies", "gauge", "Network policies.", c->model->n_policies);
	one(b, "data_plane_answers", "gauge",
	    "0: its process (dbx-egress-dpdk) does not; nothing can be applied or learned.",
	    !c->ops->process || d->process_was_there);
	head(b, "interface_attached", "gauge", "1: packets of the interface are judged.");
	for (size_t i = 0; d->links && (e = dbx_links_get(d->links, i)); i++) {
		dbx_strbuf_add(b, P "interface_attached{");
		label(b, "interface", e->name);
		dbx_strbuf_addf(b, "} %d\n", e->state == DBX_LINK_ATTACHED);
	}
	out_feeds(d, b);
}

/* ---- events, tables, names ---- */

struct table {
	const char *name;
	uint64_t entries, capacity;
};

static void out_tables(struct dbx_strbuf *b, const struct table *t, size_t n)
{
	head(b, "table_entries", "gauge", "Entries of a bounded table.");
	for (size_t i = 0; i < n; i++)
		dbx_strbuf_addf(b, P "table_entries{table=\"%s\"} %" PRIu64 "\n", t[i].name,
				t[i].entries);
	head(b, "table_capacity", "gauge", "Entries that a bounded table has room for.");
	for (size_t i = 0; i < n; i++)
		dbx_strbuf_addf(b, P "table_capacity{table=\"%s\"} %" PRIu64 "\n", t[i].name,
				t[i].capacity);
}

static void out_events(struct dbx_daemon *d, struct dbx_strbuf *b, size_t n_counters,
		       const struct dbx_counter *v)
{
	struct table t[3] = {{"counters", n_counters, DBX_COUNTERS_MAX}};
	struct dbx_flowlog_stats log = {0};
	struct dbx_namer_stats names = {0};
	size_t n = 1;

	if (d->records) {
		dbx_flowlog_stats(dbx_records_flowlog(d->records), &log);
		t[n++] = (struct table){"flows", log.open, log.max};
	}
	if (d->core.namer) {
		dbx_namer_stats(d->core.namer, &names);
		t[n++] = (struct table){"names", names.n_bound, names.bound_max};
	}
	out_tables(b, t, n);
	one(b, "events_total", "counter", "Events of denied packets put on the ring.",
	    v[DBX_TOTAL_EVENTS].packets);
	one(b, "events_packets_total", "counter", "Packets that those events stand for.",
	    v[DBX_TOTAL_TOLD].packets);
	head(b, "events_lost_total", "counter",
	     "Packets that no record has, by the place that was full.");
	dbx_strbuf_addf(b, P "events_lost_total{at=\"ring\"} %" PRIu64 "\n",
			(uint64_t)v[DBX_TOTAL_EVENTS_LOST].packets);
	dbx_strbuf_addf(b, P "events_lost_total{at=\"flows\"} %" PRIu64 "\n", log.lost_packets);
	dbx_strbuf_addf(b, P "events_lost_total{at=\"names\"} %" PRIu64 "\n",
			(uint64_t)v[DBX_TOTAL_NAMES_LOST].packets);
	one(b, "records_total", "counter", "Records of denied flows.", log.records);
	one(b, "learned_names", "gauge", "Names with their addresses that flows may use.",
	    names.n_bound - names.n_guards);
	one(b, "names_refused_total", "counter", "Names not learned because the table was full.",
	    names.refused_full);
}

/* A sink that never lost anything says so: alerts need a series to look at. */
static void out_sinks(struct dbx_strbuf *b, const struct dbx_sinks *s)
{
	head(b, "sink_error", "gauge", "1: a sink of records fails now; see status.");
	for (size_t i = 0; i < s->n; i++)
		dbx_strbuf_addf(b, P "sink_error{sink=\"%s\"} %d\n", s->v[i]->ops->name,
				s->v[i]->error[0] != '\0');
	head(b, "sink_lost_total", "counter", "Records that a sink could not take or deliver.");
	for (size_t i = 0; i < s->n; i++)
		dbx_strbuf_addf(b, P "sink_lost_total{sink=\"%s\"} %" PRIu64 "\n",
				s->v[i]->ops->name, s->v[i]->lost);
}

/* ---- the resolver ---- */

/* Bucket i of the stats is below 2^i microseconds; the last one has no end. */
static void out_outcome(struct dbx_strbuf *b, const char *outcome, const uint64_t *latency,
			uint64_t latency_us)
{
	uint64_t sum = 0;

	for (int i = 0; i < DBX_DNS_LATENCY_BUCKETS; i++) {
		sum += latency[i];
		if (i < DBX_DNS_LATENCY_BUCKETS - 1)
			dbx_strbuf_addf(b,
					P "dns_latency_seconds_bucket{outcome=\"%s\",le=\"%.6f\"} "
					  "%" PRIu64 "\n",
					outcome, (double)(UINT64_C(1) << i) / 1e6, sum);
	}
	dbx_strbuf_addf(b, P "dns_latency_seconds_bucket{outcome=\"%s\",le=\"+Inf\"} %" PRIu64 "\n",
			outcome, sum);
	dbx_strbuf_addf(b, P "dns_latency_seconds_sum{outcome=\"%s\"} %.6f\n", outcome,
			(double)latency_us / 1e6);
	dbx_strbuf_addf(b, P "dns_latency_seconds_count{outcome=\"%s\"} %" PRIu64 "\n", outcome,
			sum);
}

static void out_latency(struct dbx_strbuf *b, const struct dbx_dns_stats *s)
{
	static const char *const outcomes[DBX_DNS_OUTCOMES] = {"answered", "refused", "failed"};

	head(b, "dns_latency_seconds", "histogram",
	     "From reading a query to giving its answer: answered, refused by policies, failed.");
	for (int o = 0; o < DBX_DNS_OUTCOMES; o++)
		out_outcome(b, outcomes[o], s->latency[o], s->latency_us[o]);
}

static void out_dns(struct dbx_daemon *d, struct dbx_strbuf *b)
{
	struct dbx_naming_stats n = {.has_resolver = false};
	const struct dbx_dns_stats *s = &n.dns;

	if (d->naming)
		dbx_naming_stats(d->naming, &n);
	one(b, "dns_up", "gauge", "1: the resolver runs.", n.has_resolver);
	one(b, "dns_error", "gauge", "1: the resolver should run and does not.",
	    n.error[0] != '\0');
	if (!n.has_resolver)
		return;
	one(b, "dns_queries_total", "counter", "Queries, readable or not.", s->queries);
	head(b, "dns_decisions_total", "counter", "What policies said of names.");
	dbx_strbuf_addf(b,
			P "dns_decisions_total{decision=\"allowed\"} %" PRIu64 "\n" P
			  "dns_decisions_total{decision=\"denied\"} %" PRIu64 "\n" P
			  "dns_decisions_total{decision=\"blocked\"} %" PRIu64 "\n" P
			  "dns_decisions_total{decision=\"dry_run\"} %" PRIu64 "\n",
			s->allowed, s->denied, s->blocked, s->dry_run);
	head(b, "dns_refused_total", "counter", "Questions that got no answer, by reason.");
	for (int r = 0; r < DBX_REASON_MAX; r++) {
		if (s->refused[r])
			dbx_strbuf_addf(b, P "dns_refused_total{reason=\"%s\"} %" PRIu64 "\n",
					dbx_reason_slug((enum dbx_reason)r), s->refused[r]);
	}
	one(b, "dns_servfail_total", "counter", "Answers SERVFAIL given.", s->servfail);
	one(b, "dns_over_limit_total", "counter", "Queries dropped: too many outstanding.",
	    s->over_limit);
	one(b, "dns_cache_hits_total", "counter", "Answers out of the cache.", s->cache_hits);
	one(b, "dns_upstream_queries_total", "counter", "Questions to upstreams.",
	    s->upstream_queries);
	one(b, "dns_upstream_timeouts_total", "counter", "Upstreams that did not answer.",
	    s->upstream_timeouts);
	out_latency(b, s);
}

int dbx_metrics_text(struct dbx_daemon *d, struct dbx_strbuf *b)
{
	struct dbx_counter *v = calloc(DBX_TOTAL_MAX, sizeof(*v));
	struct rows rows = {0};
	size_t n;
	int rc;

	rc = v ? d->core.ops->totals(d->core.dp, v) : -ENOMEM;
	if (!rc)
		rc = d->core.ops->counters(d->core.dp, collect, &rows);
	if (!rc) {
		n = rows.list.n;
		merge(&rows);
		out_policy(d, b);
		out_packets(b, &rows, v);
		out_events(d, b, n, v);
		if (d->records)
			out_sinks(b, dbx_records_sinks(d->records));
		out_dns(d, b);
		rc = b->err;
	} else if (rc ==
		   -ENOTCONN) { /* its counters went with it; what we know is told all the same */
		out_policy(d, b);
		out_dns(d, b);
		rc = b->err;
	}
	dbx_vec_fini(&rows.list);
	free(v);
	return rc;
}

void dbx_api_metrics(struct dbx_daemon *d, const struct dbx_request *req, struct dbx_reply *reply)
{
	int rc = dbx_metrics_text(d, &reply->body);

	(void)req;
	if (rc)
		dbx_reply_error(reply, 500, "INTERNAL_ERROR", "reading the counters: %s",
				strerror(-rc));
	else
		reply->content_type = DBX_METRICS_CONTENT_TYPE;
}
