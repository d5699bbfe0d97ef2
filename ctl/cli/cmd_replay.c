// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cmd_replay.c -- replay: what documents would have done to the packets of a capture.
 */
#include "cli/cli.h"
#include "cli/findings.h"
#include "cli/offline.h"
#include "cli/out.h"
#include "lib/addr.h"
#include "lib/pcapng.h"
#include "policy/compile.h"
#include "policy/explain.h"
#include "replay/replay.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FLOWS_DEFAULT 1000

/* Documents made ready to judge by. */
struct side {
	struct dbx_model *m;
	struct dbx_names *names;
	struct dbx_image img;
	void *image;
	struct dbx_replay *replay;
};

struct job {
	const struct dbx_cli *cli;
	const char *path;
	uint64_t workspace_id, limit;
	FILE *annotated;
	struct dbx_pcapng ng;
	int annotate_err;
	char damaged[512]; /* where the capture ends before its end, "" = it does not */
};

static void side_fini(struct side *s)
{
	dbx_replay_close(&s->replay);
	dbx_names_free(&s->names);
	free(s->image);
	dbx_model_free(&s->m);
}

static int prepare(struct side *s, struct dbx_diag *d)
{
	const struct dbx_compile_opts opts = {.generation = 0};
	struct dbx_compile_stats stats;
	const char *why = "";
	size_t n_bytes;
	int rc;

	rc = dbx_compile(s->m, &opts, &s->image, &n_bytes, &stats, d);
	if (!rc) {
		rc = dbx_image_open(&s->img, s->image, n_bytes, &why);
		if (rc)
			dbx_diag_add(d, DBX_SEV_ERROR, "bad-image", "", "",
				     "the compiled image does not pass its own check: %s", why);
	}
	return rc ? rc : dbx_names_new(s->m, &s->names);
}

static int load(const struct dbx_words *paths, struct side *s)
{
	struct dbx_diag d;
	int rc, code = DBX_EXIT_DONE;

	dbx_diag_init(&d);
	rc = dbx_offline_model(paths, DBX_OFFLINE_RESOLVE, &s->m, &d, NULL);
	if (!rc)
		rc = prepare(s, &d);
	if (rc)
		code = dbx_offline_refuse(rc, &d, "replay");
	dbx_diag_fini(&d);
	return code;
}

/* ---- what is said of a rule, an end, a flow ---- */

static const struct dbx_img_rule *rule_at(const struct dbx_image *img, uint32_t rule)
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

static const char *proto_text(uint8_t proto, char buf[8])
{
	switch (proto) {
	case DBX_PROTO_TCP:
		return "tcp";
	case DBX_PROTO_UDP:
		return "udp";
	case DBX_PROTO_ICMP:
		return "icmp";
	case DBX_PROTO_ICMPV6:
		return "icmpv6";
	case DBX_PROTO_SCTP:
		return "sctp";
	default:
		snprintf(buf, 8, "%u", proto);
		return buf;
	}
}

/* "10.0.0.1 > 192.0.2.1:443", or what there is of it. */
static void ends_text(const struct dbx_pkt *p, char out[160])
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

/* ---- annotated captures ---- */

static int annotate(struct job *j, const struct side *s, const struct dbx_captured *c,
		    const struct dbx_replay_packet *p)
{
	const struct dbx_img_rule *r = rule_at(&s->img, p->v.res.rule);
	bool denied = p->kind == DBX_REPLAY_JUDGED && p->v.res.verdict == DBX_VERDICT_DROP;
	struct dbx_pcapng_packet k = {
		.interface = denied,
		.time_ns = c->time_ns,
		.data = c->frame,
		.n_bytes = (uint32_t)c->n_bytes,
		.n_wire_bytes = (uint32_t)c->n_wire_bytes,
	};
	char text[1024];

	if (p->kind == DBX_REPLAY_JUDGED) {
		snprintf(text, sizeof(text), "%s %s: %s%s%.200s%s%.200s%s%.200s",
			 dbx_verdict_name((enum dbx_verdict)p->v.res.verdict),
			 dbx_reason_slug((enum dbx_reason)p->v.res.reason),
			 dbx_reason_text((enum dbx_reason)p->v.res.reason), r ? "; rule: " : "",
			 r ? dbx_image_string(&s->img, r->text) : "", r ? " in " : "",
			 r ? dbx_image_string(&s->img, r->doc) : "", r ? " " : "",
			 r ? dbx_image_string(&s->img, r->ptr) : "");
		k.comment = text;
	}
	return dbx_pcapng_packet(&j->ng, &k);
}

static int annotate_begin(struct job *j)
{
	const char *path = j->cli->opt[DBX_OPT_ANNOTATE];
	int rc;

	if (!path)
		return DBX_EXIT_DONE;
	j->annotated = fopen(path, "wbe");
	rc = j->annotated ? dbx_pcapng_begin(&j->ng, j->annotated, DBX_CLI_NAME " " DBX_VERSION)
			  : -errno;
	if (!rc)
		rc = dbx_pcapng_interface(&j->ng, "passed", "what was let through, and replies",
					  DBX_PCAPNG_ETHERNET, 262144);
	if (!rc)
		rc = dbx_pcapng_interface(&j->ng, "denied", "what was denied", DBX_PCAPNG_ETHERNET,
					  262144);
	if (!rc)
		return DBX_EXIT_DONE;
	dbx_err("cannot write %s: %s", path, strerror(-rc));
	return DBX_EXIT_REFUSED;
}

static int annotate_end(struct job *j, int code)
{
	if (!j->annotated)
		return code;
	if (fclose(j->annotated) && !j->annotate_err)
		j->annotate_err = -errno;
	j->annotated = NULL;
	if (!j->annotate_err)
		return code;
	dbx_err("cannot write %s: %s", j->cli->opt[DBX_OPT_ANNOTATE], strerror(-j->annotate_err));
	return DBX_EXIT_REFUSED;
}

/* ---- the run ---- */

static int run(struct job *j, struct side *s)
{
	const struct dbx_replay_opts o = {s->m, &s->img, s->names, (int64_t)j->workspace_id};
	struct dbx_capture_error err = {""};
	struct dbx_capture *c = NULL;
	struct dbx_replay_packet p;
	struct dbx_captured k;
	int rc;

	rc = dbx_replay_open(&s->replay, &o, &err);
	if (!rc)
		rc = dbx_capture_open(&c, j->path, &err);
	if (rc) {
		dbx_err("%s", err.text);
		return DBX_EXIT_REFUSED;
	}
	while ((rc = dbx_capture_next(c, &k, &err)) == 1) {
		dbx_replay_packet(s->replay, &k, &p);
		if (j->annotated && !j->annotate_err)
			j->annotate_err = annotate(j, s, &k, &p);
	}
	dbx_capture_close(&c);
	/* What was read before the damage counts; the exit code tells that it is not all. */
	if (rc)
		snprintf(j->damaged, sizeof(j->damaged), "%s", err.text);
	return DBX_EXIT_DONE;
}

/* ---- output ---- */

static json_t *flow_json(const struct side *s, const struct dbx_replay_flow *f)
{
	const struct dbx_img_rule *r = rule_at(&s->img, f->rule);
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

static int out_json(const struct job *j, const struct side *s)
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

static int out_flows(const struct job *j, const struct side *s)
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
		const struct dbx_img_rule *r = rule_at(&s->img, f->rule);
		char ends[160], proto[8];

		ends_text(&f->pkt, ends);
		if (f->workspace_id)
			dbx_table_cell(&t, DBX_PLAIN, "%" PRIu64, f->workspace_id);
		else
			dbx_table_cell(&t, DBX_DIM, "-");
		dbx_table_cell(&t, DBX_PLAIN, "%s", ends);
		dbx_table_cell(&t, DBX_PLAIN, "%s", proto_text(f->pkt.proto, proto));
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

static void out_summary(const struct job *j, const struct side *s)
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
	if (n->flows_unlisted)
		dbx_say("%" PRIu64 " packets belong to flows beyond the first %u\n",
			n->flows_unlisted, DBX_REPLAY_FLOWS_MAX);
	if (n->cut)
		dbx_say("%" PRIu64 " packets are shorter in the capture than they were: judged as "
			"they are\n",
			n->cut);
}

int dbx_cmd_replay(const struct dbx_cli *cli)
{
	struct job j = {.cli = cli, .path = cli->operands.v[0], .limit = FLOWS_DEFAULT};
	struct side s = {0};
	int code;

	code = dbx_cli_u64(cli, DBX_OPT_WORKSPACE, INT64_MAX, &j.workspace_id);
	if (!code)
		code = dbx_cli_u64(cli, DBX_OPT_LIMIT, SIZE_MAX, &j.limit);
	if (!code)
		code = load(&cli->list[DBX_OPT_POLICY], &s);
	if (!code)
		code = annotate_begin(&j);
	if (!code)
		code = run(&j, &s);
	code = annotate_end(&j, code);
	if (!code && dbx_out_is_json()) {
		code = out_json(&j, &s);
	} else if (!code) {
		code = out_flows(&j, &s);
		if (!code)
			out_summary(&j, &s);
	}
	if (!code && j.damaged[0]) {
		dbx_err("%s ends before its end: %s", j.path, j.damaged);
		code = DBX_EXIT_REFUSED;
	}
	side_fini(&s);
	return code;
}
