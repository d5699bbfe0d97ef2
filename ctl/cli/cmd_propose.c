// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cmd_propose.c -- propose: from recorded denials to documents that would allow what was denied.
 */
#include "cli/cli.h"
#include "cli/inforce.h"
#include "cli/offline.h"
#include "cli/out.h"
#include "cli/propose_docs.h"
#include "cli/reclog.h"
#include "lib/when.h"
#include "policy/propose.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct taker {
	struct dbx_propose *p;
	bool denied; /* DROP too, not only DRY_RUN_DENIAL */
	uint64_t taken, other;
};

/* ---- from a record to a flow ---- */

#define RDATA_MAX 64

static size_t read_rdata(const json_t *record, struct dbx_addr out[RDATA_MAX])
{
	const json_t *list = json_object_get(json_object_get(record, "dns_event"), "rdata"), *v;
	size_t i, n = 0;

	json_array_foreach(list, i, v) {
		if (n < RDATA_MAX && json_is_string(v) &&
		    !dbx_addr_parse(json_string_value(v), &out[n]))
			n++;
	}
	return n;
}

static void read_ports(const json_t *x, struct dbx_propose_flow *f)
{
	long long proto = dbx_json_int(x, "ip_proto"), port = dbx_json_int(x, "dst_port");
	long long type = dbx_json_int(x, "icmp_type"), code = dbx_json_int(x, "icmp_code");

	f->proto = proto > 0 && proto <= 255 ? (uint8_t)proto : 0;
	f->has_ports = json_is_integer(json_object_get(x, "dst_port"));
	if (json_is_integer(json_object_get(x, "icmp_type"))) {
		f->has_ports = true;
		port = (type & 0xff) << 8 | (code & 0xff);
	}
	if (port < 0 || port > 65535)
		f->has_ports = false;
	f->port = f->has_ports ? (uint16_t)port : 0;
}

static int take(void *arg, const struct dbx_reclog_entry *e)
{
	const json_t *x = json_object_get(e->record, "x_dbx_egress");
	const char *access = dbx_json_str(e->record, "access_type");
	struct taker *t = arg;
	struct dbx_addr rdata[RDATA_MAX];
	struct dbx_propose_flow f = {.policy_id = dbx_json_str(x, "network_policy_id"),
				     .name = dbx_json_str(x, "name"),
				     .reason = e->reason,
				     .rdata = rdata,
				     .packets = e->packets,
				     .first_ms = e->first_ms,
				     .last_ms = e->last_ms};

	if (strcmp(access, "DRY_RUN_DENIAL") && !(t->denied && !strcmp(access, "DROP"))) {
		t->other++;
		return 0;
	}
	if (e->reason >= DBX_REASON_MAX) {
		t->other++;
		return 0;
	}
	t->taken++;
	f.n_rdata = read_rdata(e->record, rdata);
	f.has_addr = !dbx_addr_parse(dbx_json_str(x, "dst_ip"), &f.addr);
	read_ports(x, &f);
	return dbx_propose_add(t->p, &f);
}

/* ---- for people ---- */

static void add_row(struct dbx_table *t, const struct dbx_propose_entry *e)
{
	static const char *const kinds[] = {"name", "storage", "address", "left out"};
	char what[400], first[DBX_TIME_SIZE], last[DBX_TIME_SIZE];

	dbx_propose_what(e, what, sizeof(what));
	dbx_table_cell(t, DBX_PLAIN, "%s", e->policy_id);
	dbx_table_cell(t, e->kind == DBX_PROPOSE_LEFT_OUT ? DBX_YELLOW : DBX_GREEN, "%s",
		       kinds[e->kind]);
	dbx_table_cell(t, DBX_BOLD, "%s", what);
	dbx_table_cell(t, DBX_PLAIN, "%" PRIu64, e->flows);
	dbx_table_cell(t, DBX_PLAIN, "%" PRIu64, e->packets);
	dbx_table_cell(t, DBX_PLAIN, "%s", dbx_time_format(e->first_ms, DBX_TIME_S, first));
	dbx_table_cell(t, DBX_PLAIN, "%s", dbx_time_format(e->last_ms, DBX_TIME_S, last));
	dbx_table_cell(t, DBX_PLAIN, "%s", dbx_reason_slug(e->reason));
	dbx_table_cell(t, DBX_DIM, "%s", e->why ? e->why : "");
}

static int print_table(const struct dbx_propose_entry *v, size_t n)
{
	static const struct dbx_column cols[] = {
		{"policy", false},    {"kind", false},   {"destination", false},
		{"flows", true},      {"packets", true}, {"first seen", false},
		{"last seen", false}, {"reason", false}, {"left out because it", false},
	};
	struct dbx_table t;
	int code;

	dbx_table_init(&t, cols, COUNT(cols));
	for (size_t i = 0; i < n; i++)
		add_row(&t, &v[i]);
	code = dbx_table_print(&t, stdout);
	dbx_table_fini(&t);
	return code;
}

static int print(const struct dbx_cli *cli, const struct dbx_propose_docs *docs,
		 const struct taker *t, const struct dbx_reclog_stats *stats)
{
	const struct dbx_propose_entry *v;
	size_t n, left = 0;
	int code;

	v = dbx_propose_entries(t->p, &n);
	for (size_t i = 0; i < n; i++)
		left += v[i].kind == DBX_PROPOSE_LEFT_OUT;
	if (dbx_out_is_json())
		return dbx_propose_docs_json(docs, v, n);
	code = print_table(v, n);
	dbx_say("%s%" PRIu64 " records, %" PRIu64
		" of them denials to propose for: %zu entr%s, %zu left out\n",
		n ? "\n" : "", stats->records, t->taken, n - left, n - left == 1 ? "y" : "ies",
		left);
	if (dbx_propose_lost(t->p))
		dbx_err("%" PRIu64 " flows found no room: there are more than %d destinations",
			dbx_propose_lost(t->p), DBX_PROPOSE_MAX);
	return code ? code : dbx_propose_docs_write(cli, docs);
}

/* ---- the command ---- */

static int run(const struct dbx_cli *cli, const struct dbx_model *m, unsigned int wildcards)
{
	struct dbx_propose_opts opts = {.m = m, .wildcards = wildcards};
	struct taker t = {.p = dbx_propose_new(&opts), .denied = dbx_cli_has(cli, DBX_OPT_DENIED)};
	struct dbx_reclog_stats stats;
	struct dbx_propose_docs docs = {0};
	const struct dbx_propose_entry *v;
	size_t n;
	int code;

	if (!t.p)
		return dbx_err_memory();
	code = dbx_reclog_read(cli, take, &t, &stats);
	if (!code && dbx_propose_finish(t.p))
		code = dbx_err_memory();
	if (!code) {
		dbx_reclog_say(&stats);
		v = dbx_propose_entries(t.p, &n);
		code = dbx_propose_docs_make(&docs, m, v, n, dbx_cli_has(cli, DBX_OPT_ENFORCE));
	}
	if (!code)
		code = print(cli, &docs, &t, &stats);
	dbx_propose_docs_fini(&docs);
	dbx_propose_free(&t.p);
	return code;
}

int dbx_cmd_propose(const struct dbx_cli *cli)
{
	struct dbx_model *m = NULL;
	uint64_t wildcards = 0;
	struct dbx_diag d;
	int code, rc = 0;

	code = dbx_cli_u64(cli, DBX_OPT_WILDCARDS, 1000000, &wildcards);
	if (code)
		return code;
	if (dbx_cli_has(cli, DBX_OPT_WILDCARDS) && wildcards < 2)
		return dbx_cli_usage(cli->cmd, "--wildcards is a number of names, at least 2");
	dbx_diag_init(&d);
	if (dbx_cli_has(cli, DBX_OPT_POLICY))
		rc = dbx_offline_model(&cli->list[DBX_OPT_POLICY], DBX_OFFLINE_RESOLVE, &m, &d,
				       NULL);
	else if (!dbx_cli_has(cli, DBX_OPT_FROM_LOG))
		code = dbx_inforce_model(cli, "propose", &m);
	if (rc)
		code = dbx_offline_refuse(rc, &d, "propose");
	if (!code)
		code = run(cli, m, (unsigned int)wildcards);
	dbx_model_free(&m);
	dbx_diag_fini(&d);
	return code;
}
