// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * replay_diff.c -- the flows of a capture that two sets of documents judge differently.
 *
 * A flow is known by the number of its first packet, which no document changes.
 */
#include "cli/out.h"
#include "cli/replay_run.h"
#include "lib/proto.h"
#include "policy/explain.h"

#include <inttypes.h>
#include <stdlib.h>

enum change {
	SAME,
	BREAKS, /* it left, and will not */
	OPENS,  /* the other way round */
	OTHER,  /* for another reason, by another rule or workspace */
};

static const char *const change_names[] = {"same", "breaks", "opens", "other reason"};

struct pair {
	const struct dbx_replay_flow *before, *after; /* NULL: not judged on that side */
	enum change change;
};

static bool leaves(const struct dbx_replay_flow *f)
{
	return f && f->verdict != DBX_VERDICT_DROP;
}

static enum change compare(const struct dbx_replay_flow *a, const struct dbx_replay_flow *b)
{
	if (leaves(a) != leaves(b))
		return leaves(a) ? BREAKS : OPENS;
	if (!a || !b)
		return OTHER;
	return a->verdict == b->verdict && a->reason == b->reason &&
			       a->workspace_id == b->workspace_id
		       ? SAME
		       : OTHER;
}

/* Both lists are in the order of first packets. */
static struct pair *pair_up(const struct dbx_replay *a, const struct dbx_replay *b, size_t *n)
{
	size_t na = dbx_replay_n_flows(a), nb = dbx_replay_n_flows(b), i = 0, k = 0;
	struct pair *v = calloc(na + nb + 1, sizeof(*v));

	*n = 0;
	while (v && (i < na || k < nb)) {
		const struct dbx_replay_flow *x = i < na ? dbx_replay_flow(a, i) : NULL;
		const struct dbx_replay_flow *y = k < nb ? dbx_replay_flow(b, k) : NULL;

		if (x && y && x->first_packet < y->first_packet)
			y = NULL;
		else if (x && y && y->first_packet < x->first_packet)
			x = NULL;
		i += !!x;
		k += !!y;
		v[(*n)++] = (struct pair){x, y, compare(x, y)};
	}
	return v;
}

static const char *verdict_of(const struct dbx_replay_flow *f)
{
	return f ? dbx_verdict_name(f->verdict) : "not judged";
}

static const char *reason_of(const struct dbx_replay_flow *f)
{
	return f ? dbx_reason_slug(f->reason) : "";
}

/* A flow that is refused early says no name: the other side may know it. */
static const char *name_of(const struct pair *p)
{
	if (p->after && p->after->name[0])
		return p->after->name;
	return p->before && p->before->name[0] ? p->before->name : "-";
}

static int out_text(const struct dbx_replay_job *j, const struct pair *v, size_t n)
{
	static const struct dbx_column cols[] = {
		{"CHANGE", false}, {"WORKSPACE", false}, {"FLOW", false},  {"PROTO", false},
		{"NAME", false},   {"BEFORE", false},    {"AFTER", false}, {"PACKETS", true},
	};
	static const enum dbx_colour colours[] = {DBX_PLAIN, DBX_RED, DBX_YELLOW, DBX_DIM};
	size_t count[4] = {0}, shown = 0;
	struct dbx_table t;
	int code;

	dbx_table_init(&t, cols, sizeof(cols) / sizeof(cols[0]));
	for (size_t i = 0; i < n; i++) {
		const struct dbx_replay_flow *f = v[i].after ? v[i].after : v[i].before;
		char ends[160], proto[DBX_PROTO_SIZE];

		count[v[i].change]++;
		if (v[i].change == SAME || shown++ >= j->limit)
			continue;
		dbx_replay_ends(&f->pkt, ends);
		dbx_table_cell(&t, colours[v[i].change], "%s", change_names[v[i].change]);
		dbx_table_cell(&t, DBX_PLAIN, "%" PRIu64, f->workspace_id);
		dbx_table_cell(&t, DBX_PLAIN, "%s", ends);
		dbx_table_cell(&t, DBX_PLAIN, "%s", dbx_proto_text(f->pkt.proto, proto));
		dbx_table_cell(&t, DBX_CYAN, "%s", name_of(&v[i]));
		dbx_table_cell(&t, DBX_PLAIN, "%s %s", verdict_of(v[i].before),
			       reason_of(v[i].before));
		dbx_table_cell(&t, DBX_PLAIN, "%s %s", verdict_of(v[i].after),
			       reason_of(v[i].after));
		dbx_table_cell(&t, DBX_PLAIN, "%" PRIu64,
			       f->packets[0] + f->packets[1] + f->packets[2]);
	}
	code = dbx_table_print(&t, stdout);
	dbx_table_fini(&t);
	dbx_say("%s%zu flows: %zu break, %zu open, %zu fare alike for another reason, %zu are the "
		"same\n",
		shown ? "\n" : "", n, count[BREAKS], count[OPENS], count[OTHER], count[SAME]);
	return code;
}

static json_t *side_json(const struct dbx_replay_flow *f)
{
	if (!f)
		return json_null();
	return json_pack("{s:s, s:s}", "verdict", dbx_verdict_name(f->verdict), "reason",
			 dbx_reason_slug(f->reason));
}

static int out_json(const struct dbx_replay_job *j, const struct pair *v, size_t n)
{
	size_t count[4] = {0}, shown = 0;
	json_t *flows = json_array(), *all;
	int code;

	for (size_t i = 0; i < n; i++) {
		const struct dbx_replay_flow *f = v[i].after ? v[i].after : v[i].before;
		char ends[160], proto[DBX_PROTO_SIZE];

		count[v[i].change]++;
		if (v[i].change == SAME || shown++ >= j->limit)
			continue;
		dbx_replay_ends(&f->pkt, ends);
		json_array_append_new(
			flows, json_pack("{s:s, s:I, s:s, s:s, s:o, s:o, s:o}", "change",
					 change_names[v[i].change], "workspace_id",
					 (json_int_t)f->workspace_id, "flow", ends, "proto",
					 dbx_proto_text(f->pkt.proto, proto), "name",
					 dbx_json_text(name_of(&v[i])), "before",
					 side_json(v[i].before), "after", side_json(v[i].after)));
	}
	all = json_pack("{s:o, s:I, s:I, s:I, s:I}", "flows", flows, "breaks",
			(json_int_t)count[BREAKS], "opens", (json_int_t)count[OPENS],
			"other_reason", (json_int_t)count[OTHER], "same", (json_int_t)count[SAME]);
	code = dbx_out_json(all);
	json_decref(all);
	return code;
}

int dbx_replay_out_diff(const struct dbx_replay_job *j, const struct dbx_replay_side *before,
			const struct dbx_replay_side *after)
{
	size_t n;
	struct pair *v = pair_up(before->replay, after->replay, &n);
	int code;

	if (!v)
		return dbx_err_memory();
	code = dbx_out_is_json() ? out_json(j, v, n) : out_text(j, v, n);
	free(v);
	return code;
}
