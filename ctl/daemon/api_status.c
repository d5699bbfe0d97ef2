// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * api_status.c -- how the gateway is, and the image that it enforces.
 */
#include "daemon/api.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/links.h"
#include "daemon/naming.h"
#include "daemon/process.h"
#include "daemon/records.h"
#include "daemon/scrape.h"

static void out_interfaces(struct dbx_strbuf *b, const struct dbx_links *links)
{
	const struct dbx_link *e;
	size_t i;

	dbx_strbuf_add(b, "\"interfaces\":[");
	for (i = 0; (e = dbx_links_get(links, i)); i++) {
		dbx_strbuf_add(b, i ? ",{" : "{");
		dbx_out_string(b, "name", e->name);
		dbx_strbuf_addc(b, ',');
		dbx_out_string(b, "state", dbx_link_state_name(e->state));
		dbx_strbuf_addf(b, ",\"ifindex\":%u,", e->ifindex);
		dbx_out_string(b, "error", e->error[0] ? e->error : NULL);
		dbx_strbuf_addc(b, '}');
	}
	dbx_strbuf_addc(b, ']');
}

static bool is_feed(enum dbx_doc_kind kind)
{
	return kind == DBX_DOC_AZURE_TAGS || kind == DBX_DOC_AWS_RANGES ||
	       kind == DBX_DOC_GOOGLE_RANGES || kind == DBX_DOC_DATABRICKS_RANGES;
}

int64_t dbx_api_feed_time_ms(struct dbx_daemon *d, const struct dbx_docset *set,
			     const struct dbx_feed *feed)
{
	const struct dbx_document *doc = dbx_docset_find(set, feed->kind, feed->cloud);
	struct dbx_revision r;
	struct dbx_fail f;

	if (!doc || !is_feed(doc->kind) || dbx_store_revision(d->core.store, doc->revision, &r, &f))
		return 0;
	return r.time_ms;
}

static void out_feeds(struct dbx_daemon *d, struct dbx_strbuf *b)
{
	const struct dbx_model *m = d->core.model;
	struct dbx_docset set = {0};
	struct dbx_fail f;
	size_t i;

	/* Without the store there is no age, and nothing worse. */
	dbx_store_load(d->core.store, d->core.head.rev, &set, &f);
	dbx_strbuf_add(b, "\"feeds\":[");
	for (i = 0; i < m->n_feeds; i++) {
		const struct dbx_feed *feed = &m->feeds[i];
		int64_t t = dbx_api_feed_time_ms(d, &set, feed);

		dbx_strbuf_add(b, i ? ",{" : "{");
		dbx_out_string(b, "cloud", feed->cloud);
		dbx_strbuf_addc(b, ',');
		dbx_out_string(b, "version", feed->version);
		dbx_strbuf_addf(b, ",\"tags\":%zu,\"prefixes\":%zu,\"age_s\":%" PRId64 "}",
				feed->n_tags, feed->n_prefixes, t ? (dbx_now_ms() - t) / 1000 : 0);
	}
	dbx_strbuf_addc(b, ']');
	dbx_docset_fini(&set);
}

static void out_dry_run(struct dbx_strbuf *b, const struct dbx_model *m)
{
	bool started = false;
	size_t i;

	dbx_strbuf_add(b, "\"dry_run_policies\":[");
	for (i = 0; i < m->n_policies; i++) {
		if (m->policies[i].enforcement != DBX_DRY_RUN)
			continue;
		dbx_strbuf_add(b, started ? ",\"" : "\"");
		dbx_strbuf_add_json_escaped(b, m->policies[i].id, strlen(m->policies[i].id));
		dbx_strbuf_addc(b, '"');
		started = true;
	}
	dbx_strbuf_addc(b, ']');
}

static void out_events(struct dbx_daemon *d, struct dbx_strbuf *b)
{
	struct dbx_counter *v = calloc(DBX_TOTAL_MAX, sizeof(*v));

	if (v && d->core.ops->totals(d->core.dp, v) == 0)
		dbx_strbuf_addf(b, "\"events\":%" PRIu64 ",\"events_lost\":%" PRIu64,
				v[DBX_TOTAL_EVENTS].packets, v[DBX_TOTAL_EVENTS_LOST].packets);
	else
		dbx_strbuf_add(b, "\"events\":null,\"events_lost\":null");
	free(v);
}

/* "names":{...}: the table of learned names, and what the daemon itself decides. */
static void out_namer(struct dbx_daemon *d, struct dbx_strbuf *b)
{
	struct dbx_namer_stats s;

	if (!d->core.namer) {
		dbx_strbuf_add(b, "\"names\":null");
		return;
	}
	dbx_namer_stats(d->core.namer, &s);
	dbx_strbuf_addf(b,
			"\"names\":{\"bound\":%zu,\"bound_max\":%zu,\"lessons\":%" PRIu64
			",\"guards\":%zu,\"refused_full\":%" PRIu64 ",\"failed\":%" PRIu64
			",\"expired\":%" PRIu64 ",\"revoked_flows\":%" PRIu64,
			s.n_bound, s.bound_max, s.learned, s.n_guards, s.refused_full, s.failed,
			s.swept, s.revoked_flows);
	if (d->naming) {
		struct dbx_naming_stats n;

		dbx_naming_stats(d->naming, &n);
		dbx_strbuf_addf(b,
				",\"events\":%" PRIu64 ",\"resets\":%" PRIu64
				",\"resets_failed\":%" PRIu64 ",\"http_allowed\":%" PRIu64
				",\"http_denied\":%" PRIu64 ",\"quic_allowed\":%" PRIu64
				",\"quic_denied\":%" PRIu64,
				n.name_events, n.resets, n.resets_failed, n.http_allowed,
				n.http_denied, n.quic_allowed, n.quic_denied);
	}
	dbx_strbuf_addc(b, '}');
}

/* "dns":{...}: the resolver; null where the gateway document has none. */
static void out_dns(struct dbx_daemon *d, struct dbx_strbuf *b)
{
	struct dbx_naming_stats n = {.has_resolver = false};
	const struct dbx_dns_stats *s = &n.dns;

	if (d->naming)
		dbx_naming_stats(d->naming, &n);
	if (!n.has_resolver && !n.error[0]) {
		dbx_strbuf_add(b, "\"dns\":null");
		return;
	}
	dbx_strbuf_addf(b, "\"dns\":{\"running\":%s,", n.has_resolver ? "true" : "false");
	dbx_out_string(b, "error", n.error[0] ? n.error : NULL);
#define OUT(field) dbx_strbuf_addf(b, ",\"" #field "\":%" PRIu64, s->field)
	OUT(queries), OUT(garbage), OUT(allowed), OUT(denied), OUT(blocked), OUT(dry_run);
	OUT(no_identity), OUT(bad_type), OUT(answered), OUT(servfail);
	OUT(commits), OUT(commit_failures), OUT(cache_hits), OUT(cache_entries), OUT(cache_bytes);
	OUT(cache_evictions), OUT(upstream_queries), OUT(upstream_timeouts), OUT(upstream_tcp);
	OUT(upstream_bad), OUT(over_limit), OUT(send_failures), OUT(tcp_accepted);
	OUT(tcp_refused), OUT(tcp_open), OUT(outstanding), OUT(answered_privately);
	OUT(guards), OUT(guards_over), OUT(guard_lookups), OUT(guard_failures);
#undef OUT
	dbx_strbuf_addc(b, '}');
}

static void out_core(struct dbx_daemon *d, struct dbx_strbuf *b)
{
	const struct dbx_core *c = &d->core;
	const struct dbx_image_header *h = c->now.mem ? c->now.img.hdr : NULL;

	dbx_strbuf_addf(b, "{\"version\":\"%s\",\"abi\":%d,", DBX_VERSION, DBX_ABI_VERSION);
	dbx_strbuf_addf(b, "\"generation\":%" PRIu64 ",\"revision\":%" PRId64 ",", c->generation,
			c->head.rev);
	dbx_strbuf_addf(b, "\"content_hash\":\"%016" PRIx64 "\",",
			h ? (uint64_t)h->content_hash : c->dp_state.content_hash);
	dbx_strbuf_addf(b, "\"pid\":%d,\"uptime_s\":%.0f,", (int)getpid(),
			(dbx_monotonic_ms() - d->started_ms) / 1000);
	dbx_out_string(b, "driver", c->ops->name);
	dbx_strbuf_addc(b, ',');
	dbx_out_string(b, "program", c->dp_state.program_id);
	dbx_strbuf_addf(b, ",\"adopted\":%s,\"upgraded\":%s,",
			c->dp_state.adopted ? "true" : "false",
			c->dp_state.upgraded ? "true" : "false");
	dbx_out_string(b, "degraded", c->degraded[0] ? c->degraded : NULL);
	dbx_strbuf_addf(b, ",\"image_bytes\":%" PRIu64 ",\"names_waiting\":%u,",
			h ? (uint64_t)h->n_bytes : 0, c->stats.n_names);
	dbx_strbuf_addf(b, "\"workspaces\":%zu,\"policies\":%zu,", c->model->gateway.n_workspaces,
			c->model->n_policies);
}

void dbx_api_status(struct dbx_daemon *d, const struct dbx_request *req, struct dbx_reply *reply)
{
	struct dbx_strbuf *b = &reply->body;

	(void)req;
	out_core(d, b);
	out_interfaces(b, d->links);
	dbx_strbuf_addc(b, ',');
	dbx_out_process(d, b);
	dbx_strbuf_addc(b, ',');
	dbx_out_paths(d, b);
	dbx_strbuf_addc(b, ',');
	out_feeds(d, b);
	dbx_strbuf_addc(b, ',');
	out_dry_run(b, d->core.model);
	dbx_strbuf_addc(b, ',');
	out_namer(d, b);
	dbx_strbuf_addc(b, ',');
	out_dns(d, b);
	dbx_strbuf_addc(b, ',');
	dbx_records_status(d->records, b);
	dbx_strbuf_addc(b, ',');
	dbx_scrape_status(d->scrape, b);
	dbx_strbuf_addc(b, ',');
	out_events(d, b);
	dbx_strbuf_addc(b, '}');
}

void dbx_api_image(struct dbx_daemon *d, const struct dbx_request *req, struct dbx_reply *reply)
{
	const struct dbx_built *now = &d->core.now;

	(void)req;
	if (!now->mem) {
		dbx_reply_error(reply, 404, "RESOURCE_DOES_NOT_EXIST",
				"nothing has been applied yet: there is no image");
		return;
	}
	reply->content_type = "application/octet-stream";
	dbx_strbuf_addn(&reply->body, now->mem, now->img.n_bytes);
}
