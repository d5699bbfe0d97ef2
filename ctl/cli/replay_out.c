// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * replay_out.c -- what is said of a replayed capture: its flows, and how many packets met what.
 */
#include "cli/out.h"
#include "cli/replay_run.h"
#include "lib/addr.h"
#include "lib/proto.h"
#include "policy/explain.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- what is said of a rule, an end, a flow ---- */

const struct dbx_img_rule *dbx_replay_rule(const struct dbx_image *img, uint32_t rule)
{
	const struct dbx_img_rule *v;
	uint32_t n;

	v = dbx_image_section(img, DBX_SEC_RULES, &n);
	return rule && rule <= n ? &v[rule - 1] : NULL;
}

static void addr_text(const uint32_t words[4], bool is_v6, char out[DBX_ADDR_STRLEN])
{
	struct dbx_addr a = {.is_v6 = is_v6};

	for (int i = 0; i < (is_v6 ? 16 : 4); i++)
		a.a[i] = (uint8_t)(words[i / 4] >> (24 - i % 4 * 8));
	dbx_addr_format(&a, out);
}

/* "10.0.0.1 > 192.0.2.1:443", or what there is of it. */
void dbx_replay_ends(const struct dbx_pkt *p, char out[160])
{
	char src[DBX_ADDR_STRLEN], dst[DBX_ADDR_STRLEN];
	bool is_v6 = p->flags & DBX_PKT_F_IPV6;

	if (!(p->flags & DBX_PKT_F_TUPLE)) {
		snprintf(out, 160, "-");
		return;
	}
	addr_text(p->src, is_v6, src);
	addr_text(p->dst, is_v6, dst);
	if ((p->flags & DBX_PKT_F_PORTS) && dbx_proto_has_ports(p->proto))
		snprintf(out, 160, is_v6 ? "%s > [%s]:%u" : "%s > %s:%u", src, dst, p->dport);
	else
		snprintf(out, 160, "%s > %s", src, dst);
}

/* ---- output ---- */

static json_t *flow_json(const struct dbx_replay_side *s, const struct dbx_replay_flow *f)
{
	const struct dbx_img_rule *r = dbx_replay_rule(&s->img, f->rule);
	char src[DBX_ADDR_STRLEN] = "", dst[DBX_ADDR_STRLEN] = "";
	bool is_v6 = f->pkt.flags & DBX_PKT_F_IPV6;

	if (f->pkt.flags & DBX_PKT_F_TUPLE) {
		addr_text(f->pkt.src, is_v6, src);
		addr_text(f->pkt.dst, is_v6, dst);
	}
	return json_pack(
		"{s:I, s:s, s:s, s:i, s:i, s:i, s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:f, s:f, "
		"s:o?}",
		"workspace_id", (json_int_t)f->workspace_id, "src", src, "dst", dst, "proto",
		f->pkt.proto, "src_port", f->pkt.sport, "dst_port", f->pkt.dport, "verdict",
		dbx_verdict_name(f->verdict), "reason", dbx_reason_slug(f->reason), "name",
		dbx_json_text(f->name), "packets_passed", (json_int_t)f->packets[DBX_VERDICT_PASS],
		"packets_dropped", (json_int_t)f->packets[DBX_VERDICT_DROP], "packets_dry_run",
		(json_int_t)f->packets[DBX_VERDICT_DRY_RUN], "packets_held", (json_int_t)f->held,
		"bytes", (json_int_t)f->bytes, "first_time", (double)f->first_ns / 1e9, "last_time",
		(double)f->last_ns / 1e9, "rule",
		r ? json_pack("{s:o, s:o, s:o}", "text",
			      dbx_json_text(dbx_image_string(&s->img, r->text)), "document",
			      dbx_json_text(dbx_image_string(&s->img, r->doc)), "pointer",
			      dbx_json_text(dbx_image_string(&s->img, r->ptr)))
		  : NULL);
}

static json_t *counts_json(const struct dbx_replay_counts *n)
{
	json_t *reasons = json_array(), *j;

	for (int r = 0; r < DBX_REASON_MAX; r++)
		for (int v = 0; v < DBX_VERDICT_MAX; v++)
			if (n->by_reason[r][v])
				json_array_append_new(
					reasons,
					json_pack("{s:s, s:s, s:I}", "verdict",
						  dbx_verdict_name((enum dbx_verdict)v), "reason",
						  dbx_reason_slug((enum dbx_reason)r), "packets",
						  (json_int_t)n->by_reason[r][v]));
	j = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "packets", (json_int_t)n->packets,
		      "judged", (json_int_t)n->judged, "to_workloads", (json_int_t)n->back,
		      "not_judged", (json_int_t)n->foreign, "cut", (json_int_t)n->cut,
		      "of_unlisted_flows", (json_int_t)n->flows_unlisted, "names_learned",
		      (json_int_t)n->learned, "by_reason", reasons);
	return j;
}

static int out_json(const struct dbx_replay_job *j, const struct dbx_replay_side *s)
{
	json_t *flows = json_array(), *all;
	int code;

	for (size_t i = 0; i < dbx_replay_n_flows(s->replay) && i < j->limit; i++)
		json_array_append_new(flows, flow_json(s, dbx_replay_flow(s->replay, i)));
	all = json_pack("{s:o, s:o, s:I, s:s?}", "flows", flows, "counts",
			counts_json(dbx_replay_counts(s->replay)), "n_flows",
			(json_int_t)dbx_replay_n_flows(s->replay), "damaged",
			j->damaged[0] ? j->damaged : NULL);
	code = dbx_out_json(all);
	json_decref(all);
	return code;
}

static enum dbx_colour colour_of(enum dbx_verdict v)
{
	return v == DBX_VERDICT_PASS ? DBX_GREEN : v == DBX_VERDICT_DROP ? DBX_RED : DBX_YELLOW;
}

static int out_flows(const struct dbx_replay_job *j, const struct dbx_replay_side *s)
{
	static const struct dbx_column cols[] = {
		{"WORKSPACE", false}, {"FLOW", false},   {"PROTO", false},  {"NAME", false},
		{"VERDICT", false},   {"REASON", false}, {"PACKETS", true}, {"RULE", false},
	};
	struct dbx_table t;
	int code;

	dbx_table_init(&t, cols, sizeof(cols) / sizeof(cols[0]));
	for (size_t i = 0; i < dbx_replay_n_flows(s->replay) && i < j->limit; i++) {
		const struct dbx_replay_flow *f = dbx_replay_flow(s->replay, i);
		const struct dbx_img_rule *r = dbx_replay_rule(&s->img, f->rule);
		char ends[160], proto[DBX_PROTO_SIZE];

		dbx_replay_ends(&f->pkt, ends);
		if (f->workspace_id)
			dbx_table_cell(&t, DBX_PLAIN, "%" PRIu64, f->workspace_id);
		else
			dbx_table_cell(&t, DBX_DIM, "-");
		dbx_table_cell(&t, DBX_PLAIN, "%s", ends);
		dbx_table_cell(&t, DBX_PLAIN, "%s", dbx_proto_text(f->pkt.proto, proto));
		dbx_table_cell(&t, DBX_CYAN, "%s", f->name[0] ? f->name : "-");
		dbx_table_cell(&t, colour_of(f->verdict), "%s", dbx_verdict_name(f->verdict));
		dbx_table_cell(&t, DBX_PLAIN, "%s", dbx_reason_slug(f->reason));
		dbx_table_cell(&t, DBX_PLAIN, "%" PRIu64,
			       f->packets[0] + f->packets[1] + f->packets[2]);
		dbx_table_cell(&t, DBX_DIM, "%s%s%s", r ? dbx_image_string(&s->img, r->doc) : "-",
			       r ? ":" : "", r ? dbx_image_string(&s->img, r->ptr) : "");
	}
	code = dbx_table_print(&t, stdout);
	dbx_table_fini(&t);
	return code;
}

static void out_summary(const struct dbx_replay_job *j, const struct dbx_replay_side *s)
{
	const struct dbx_replay_counts *n = dbx_replay_counts(s->replay);
	size_t n_flows = dbx_replay_n_flows(s->replay);

	if (n_flows > j->limit)
		dbx_say("... and %zu flows more (--limit)\n", n_flows - (size_t)j->limit);
	dbx_say("\n%" PRIu64 " packets: %" PRIu64 " judged (%" PRIu64 " passed, %" PRIu64
		" dropped, %" PRIu64 " dry-run denials), %" PRIu64 " to workloads, %" PRIu64
		" of no protocol that is judged\n",
		n->packets, n->judged, n->by_verdict[DBX_VERDICT_PASS],
		n->by_verdict[DBX_VERDICT_DROP], n->by_verdict[DBX_VERDICT_DRY_RUN], n->back,
		n->foreign);
	dbx_say("%zu flows, %" PRIu64 " addresses of names learned from answers\n", n_flows,
		n->learned);
	for (int r = 0; r < DBX_REASON_MAX; r++)
		for (int v = 0; v < DBX_VERDICT_MAX; v++)
			if (n->by_reason[r][v])
				dbx_say("%10" PRIu64 "  %s %s: %s\n", n->by_reason[r][v],
					dbx_verdict_name((enum dbx_verdict)v),
					dbx_reason_slug((enum dbx_reason)r),
					dbx_reason_text((enum dbx_reason)r));
	if (j->hints && dbx_hints_used(j->hints))
		dbx_say("%zu addresses were taken as learned from hellos: the capture has no DNS answer for "
			"their names\n",
			dbx_hints_used(j->hints));
	if (n->flows_unlisted)
		dbx_say("%" PRIu64 " packets belong to flows beyond the first %u\n",
			n->flows_unlisted, DBX_REPLAY_FLOWS_MAX);
	if (n->cut)
		dbx_say("%" PRIu64 " packets are shorter in the capture than they were: judged as "
			"they are\n",
			n->cut);
}

int dbx_replay_out(const struct dbx_replay_job *j, const struct dbx_replay_side *s)
{
	int code;

	if (dbx_out_is_json())
		return out_json(j, s);
	code = out_flows(j, s);
	if (!code)
		out_summary(j, s);
	return code;
}
