// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * report.c -- the page of a report: tiles, a plot over time, bars, and policies.
 *
 * Names in it come from workloads, who may have chosen them to be read by a browser: each one goes
 * through text(). The page has no script, and its policy forbids to load anything.
 */
#include "cli/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/out.h"

#define N_BINS 48
#define N_BARS 12

static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	"style-src 'unsafe-inline'\">\n"
	"<meta name=\"viewport\" content=\"width=device-width\"><title>Egress denials</title>\n"
	"<style>\n"
	"body{font:15px/1.45 system-ui,sans-serif;margin:0;background:#f4f5f7;color:#1d2733}\n"
	"main{max-width:1120px;margin:0 auto;padding:28px}\n"
	"h1{font-size:24px;margin:0}h2{font-size:15px;margin:0 0 12px}p{margin:4px 0 20px;color:#5b6876}\n"
	".grid{display:grid;grid-template-columns:1fr 1fr;gap:16px}.wide{grid-column:1/3}\n"
	".tiles{display:grid;grid-template-columns:repeat(4,1fr);gap:16px;margin-bottom:16px}\n"
	".card{background:#fff;border:1px solid #dfe3e8;border-radius:8px;padding:18px;min-width:0}\n"
	".n{font-size:28px;font-weight:600;font-variant-numeric:tabular-nums}.l{color:#5b6876}\n"
	"table{border-collapse:collapse;width:100%;table-layout:fixed}\n"
	"td,th{padding:5px 8px 5px 0;text-align:left;border-bottom:1px solid #eef0f3;font-weight:400;"
	"overflow-wrap:anywhere}\n"
	"th{color:#5b6876}td.r,th.r{text-align:right;font-variant-numeric:tabular-nums;width:84px}\n"
	".bar{height:9px;border-radius:2px;background:#3d6fb6}.b{width:30%}\n"
	".drop{fill:#c8413b}.dry{fill:#e2a63b}svg text{fill:#5b6876;font-size:12px}\n"
	".stack{display:flex;height:11px;border-radius:2px;overflow:hidden;background:#eef0f3}\n"
	".m0{background:#3c8d5a}.m1{background:#a7b84a}.m2{background:#e2a63b}.m3{background:#8d99a6}"
	".m4{background:#c8413b}.u0{background:#3d6fb6}.u1{background:#cfd6de}\n"
	"svg line{stroke:#dfe3e8}i{display:inline-block;width:10px;height:10px;border-radius:2px;"
	"margin:0 5px 0 14px}\n"
	"</style></head><body><main>\n";

/* Text of the page: no markup, no control characters, no marks that turn the order around. */
void dbx_report_text(struct dbx_strbuf *b, const char *s)
{
	struct dbx_strbuf safe;

	dbx_strbuf_init(&safe);
	if (dbx_escape_add(&safe, s, strlen(s), false))
		b->err = safe.err;
	for (const char *c = safe.s; *c; c++) {
		switch (*c) {
		case '<':
			dbx_strbuf_add(b, "&lt;");
			break;
		case '>':
			dbx_strbuf_add(b, "&gt;");
			break;
		case '&':
			dbx_strbuf_add(b, "&amp;");
			break;
		case '"':
			dbx_strbuf_add(b, "&quot;");
			break;
		case '\'':
			dbx_strbuf_add(b, "&#39;");
			break;
		default:
			dbx_strbuf_addc(b, *c);
		}
	}
	dbx_strbuf_fini(&safe);
}

static void add_time(struct dbx_strbuf *b, int64_t ms)
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm = {0};
	char out[32];

	gmtime_r(&t, &tm);
	if (strftime(out, sizeof(out), "%Y-%m-%d %H:%M", &tm))
		dbx_strbuf_add(b, out);
}

/* ---- over time ---- */

struct series {
	int64_t from_ms, bin_ms;
	uint64_t v[2][N_BINS], top; /* [1]: dry-run */
};

/* Of the page: what was asked for, else what there is. False: nothing. */
static bool span_of(const struct dbx_report *r, int64_t *lo, int64_t *hi)
{
	*lo = r->from_ms ? r->from_ms : INT64_MAX;
	*hi = r->from_ms ? r->to_ms : INT64_MIN;
	if (r->from_ms)
		return true;
	dbx_vec_for_each(&r->points, p) {
		*lo = p->ms < *lo ? p->ms : *lo;
		*hi = p->ms > *hi ? p->ms : *hi;
	}
	return r->points.n > 0;
}

/* A flow that began before the span, and went on in it, is of its first bin. */
static int bin_of(const struct series *s, int64_t ms)
{
	int64_t i = ms < s->from_ms ? 0 : (ms - s->from_ms) / s->bin_ms;

	return i < N_BINS ? (int)i : N_BINS - 1;
}

static bool make_series(const struct dbx_report *r, struct series *s)
{
	int64_t lo, hi;

	*s = (struct series){.bin_ms = 60000, .top = 1};
	if (!span_of(r, &lo, &hi))
		return false;
	if ((hi - lo) / N_BINS + 1 > s->bin_ms)
		s->bin_ms = (hi - lo) / N_BINS + 1;
	s->from_ms = lo;
	dbx_vec_for_each(&r->points, p)
		s->v[p->is_dry_run][bin_of(s, p->ms)]++;
	for (int i = 0; i < N_BINS; i++) {
		if (s->v[0][i] + s->v[1][i] > s->top)
			s->top = s->v[0][i] + s->v[1][i];
	}
	return true;
}

static void add_column(struct dbx_strbuf *b, const struct series *s, int i)
{
	double scale = 180.0 / (double)s->top, y = 200;

	for (int k = 0; k < 2; k++) {
		double h = (double)s->v[k][i] * scale;

		y -= h;
		if (s->v[k][i])
			dbx_strbuf_addf(b,
					"<rect class=\"%s\" x=\"%d\" y=\"%.1f\" width=\"17\" "
					"height=\"%.1f\"><title>%" PRIu64 "</title></rect>\n",
					k ? "dry" : "drop", 50 + i * 20, y, h, s->v[k][i]);
	}
}

static void add_plot(const struct dbx_report *r, struct dbx_strbuf *b)
{
	struct series s;
	bool has_span = make_series(r, &s);

	dbx_strbuf_add(b, "<div class=\"card wide\"><h2>Denials over time (UTC)"
			  "<i style=\"background:#c8413b\"></i>dropped"
			  "<i style=\"background:#e2a63b\"></i>dry-run</h2>\n"
			  "<svg id=\"time\" viewBox=\"0 0 1020 226\" width=\"100%\">\n");
	for (int i = 0; i <= 2; i++)
		dbx_strbuf_addf(b,
				"<line x1=\"50\" x2=\"1010\" y1=\"%d\" y2=\"%d\"/>"
				"<text x=\"44\" y=\"%d\" text-anchor=\"end\">%.4g</text>\n",
				200 - 90 * i, 200 - 90 * i, 204 - 90 * i, (double)s.top * i / 2);
	for (int i = 0; i < N_BINS; i++)
		add_column(b, &s, i);
	for (int i = 0; has_span && i < 3; i++) {
		static const char *const anchors[] = {"start", "middle", "end"};

		dbx_strbuf_addf(b, "<text x=\"%d\" y=\"220\" text-anchor=\"%s\">", 50 + i * 480,
				anchors[i]);
		add_time(b, s.from_ms + s.bin_ms * N_BINS * i / 2);
		dbx_strbuf_add(b, "</text>\n");
	}
	dbx_strbuf_add(b, "</svg></div>\n");
}

/* ---- bars and tables ---- */

static void add_bars(const struct dbx_tally *t, const char *id, const char *title, bool is_wide,
		     struct dbx_strbuf *b)
{
	uint64_t top = t->rows.n ? t->rows.v[0].flows : 1;

	dbx_strbuf_addf(b, "<div class=\"card %s\"><h2>%s</h2><table id=\"%s\">",
			is_wide ? "wide" : "", title, id);
	dbx_strbuf_add(b, "<tr><th></th><th class=\"b\"></th><th class=\"r\">flows</th>"
			  "<th class=\"r\">packets</th></tr>\n");
	for (size_t i = 0; i < t->rows.n && i < N_BARS; i++) {
		const struct dbx_tally_row *row = &t->rows.v[i];

		dbx_strbuf_add(b, "<tr><td>");
		dbx_report_text(b, row->key);
		dbx_strbuf_addf(b,
				"</td><td class=\"b\"><div class=\"bar\" style=\"width:%.1f%%\">"
				"</div></td><td class=\"r\">%" PRIu64
				"</td><td class=\"r\">%" PRIu64 "</td></tr>\n",
				100.0 * (double)row->flows / (double)top, row->flows, row->packets);
	}
	dbx_strbuf_add(b, "</table>");
	if (t->rows.n > N_BARS || t->other)
		dbx_strbuf_addf(b, "<p>and %zu more</p>",
				t->rows.n > N_BARS ? t->rows.n - N_BARS : 0);
	dbx_strbuf_add(b, "</div>\n");
}

static void add_tile(struct dbx_strbuf *b, const char *id, uint64_t n, const char *label)
{
	dbx_strbuf_addf(b,
			"<div class=\"card\"><div class=\"n\" id=\"%s\">%" PRIu64
			"</div><div class=\"l\">%s</div></div>\n",
			id, n, label);
}

int dbx_report_html(const struct dbx_report *r, struct dbx_strbuf *b)
{
	int64_t lo, hi;

	dbx_strbuf_add(b, head);
	dbx_strbuf_add(b, "<h1>Egress denials</h1><p>");
	if (span_of(r, &lo, &hi)) {
		add_time(b, lo);
		dbx_strbuf_add(b, " to ");
		add_time(b, hi);
		dbx_strbuf_add(b, r->points.n ? " UTC" : " UTC: ");
	}
	if (!r->points.n)
		dbx_strbuf_add(b, "No denials in this time");
	dbx_strbuf_add(b, "</p>\n<div class=\"tiles\">\n");
	add_tile(b, "dropped", r->n_flows[0], "flows dropped");
	add_tile(b, "dry-run", r->n_flows[1], "flows denied in dry-run");
	add_tile(b, "packets", r->n_packets[0] + r->n_packets[1], "packets");
	add_tile(b, "n-destinations", r->destinations.rows.n, "destinations");
	dbx_strbuf_add(b, "</div><div class=\"grid\">\n");
	add_plot(r, b);
	add_bars(&r->destinations, "destinations", "Top destinations", true, b);
	add_bars(&r->reasons, "reasons", "Reasons", false, b);
	add_bars(&r->workspaces, "workspaces", "Workspaces", false, b);
	dbx_report_coverage(r, b);
	return dbx_strbuf_add(b, "</div></main></body></html>\n");
}
