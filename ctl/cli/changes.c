// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * changes.c -- what an apply changes, as lines for people.
 *
 *	+ network-policy np-lab
 *	~ network-policy np-prod /egress/network_access/restriction_mode "FULL_ACCESS" -> "..."
 *	~ feed Public 397 -> 398: 57 tags changed, 0 added, 0 removed; 309 entries added, ...
 */
#include "cli/changes.h"
#include "cli/findings.h"
#include "cli/out.h"

#include <stdlib.h>
#include <string.h>

#define VALUE_MAX 100 /* bytes of a value that a line shows unless verbose */

static const struct op {
	const char *name;
	const char *sign;
	enum dbx_colour colour;
} ops[] = {
	{"add", "+", DBX_GREEN},
	{"remove", "-", DBX_RED},
	{"modify", "~", DBX_YELLOW},
};

static const struct op *find_op(const char *name)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		if (strcmp(ops[i].name, name) == 0)
			return &ops[i];
	}
	return &ops[2];
}

static void say_op(const struct op *op, const char *object)
{
	dbx_say_in(stdout, op->colour, "%s", op->sign);
	dbx_say_in(stdout, DBX_BOLD, " %s", object);
}

static void say_value(const json_t *value, bool verbose)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
	bool is_cut = text && !verbose && strlen(text) > VALUE_MAX;

	dbx_say_in(stdout, DBX_PLAIN, " %.*s%s", is_cut ? VALUE_MAX : -1, text ? text : "?",
		   is_cut ? "..." : "");
	free(text);
}

static bool is_there(const json_t *value)
{
	const char *s = json_string_value(value);

	return value && !json_is_null(value) && (!s || *s);
}

static void print_change(const json_t *c, bool verbose)
{
	const struct op *op = find_op(dbx_json_str(c, "op"));
	const json_t *before = json_object_get(c, "before"), *after = json_object_get(c, "after");
	const char *field = dbx_json_str(c, "field");

	say_op(op, dbx_json_str(c, "object"));
	if (*field)
		dbx_say_in(stdout, DBX_PLAIN, " %s", field);
	/* A whole object is named, not printed. */
	if (*field || verbose) {
		if (is_there(before))
			say_value(before, verbose);
		if (is_there(before) && is_there(after))
			dbx_say(" ->");
		if (is_there(after))
			say_value(after, verbose);
	}
	dbx_say("\n");
}

static void print_feed(const json_t *f)
{
	const char *before = dbx_json_str(f, "version_before");
	const char *after = dbx_json_str(f, "version_after");
	char object[160];

	snprintf(object, sizeof(object), "feed %s", dbx_json_str(f, "cloud"));
	say_op(!*before ? &ops[0] : !*after ? &ops[1] : &ops[2], object);
	dbx_say_in(stdout, DBX_PLAIN, " %s%s%s", before, *before && *after ? " -> " : "", after);
	dbx_say(": %lld tags changed, %lld added, %lld removed; %lld entries added, %lld removed\n",
		dbx_json_int(f, "tags_changed"), dbx_json_int(f, "tags_added"),
		dbx_json_int(f, "tags_removed"), dbx_json_int(f, "entries_added"),
		dbx_json_int(f, "entries_removed"));
}

static void print_tag(const json_t *t)
{
	char object[160];

	snprintf(object, sizeof(object), "tag %s %s", dbx_json_str(t, "cloud"),
		 dbx_json_str(t, "tag"));
	say_op(find_op(dbx_json_str(t, "op")), object);
	dbx_say(": +%lld -%lld\n", dbx_json_int(t, "entries_added"),
		dbx_json_int(t, "entries_removed"));
}

size_t dbx_changes_print(const json_t *diff, bool verbose)
{
	const json_t *changes = json_object_get(diff, "changes"),
		     *feeds = json_object_get(diff, "feeds"), *tags = json_object_get(diff, "tags"),
		     *v;
	size_t i;

	json_array_foreach(changes, i, v)
		print_change(v, verbose);
	json_array_foreach(feeds, i, v)
		print_feed(v);
	if (verbose) {
		json_array_foreach(tags, i, v)
			print_tag(v);
	}
	return json_array_size(changes) + json_array_size(feeds);
}

/* ---- outcome ---- */

static double timing(const json_t *answer, const char *key)
{
	return json_number_value(json_object_get(json_object_get(answer, "timing_ms"), key));
}

static void say_times(const json_t *answer, double took_ms)
{
	dbx_say("enforced after %.0f ms (daemon %.0f: read %.0f, check %.0f, compile %.0f, build and flip %.1f, store %.0f)\n",
		took_ms, timing(answer, "total"), timing(answer, "read"), timing(answer, "check"),
		timing(answer, "compile"), timing(answer, "build_and_flip"),
		timing(answer, "store"));
}

void dbx_changes_outcome(const json_t *answer, bool verbose, double took_ms)
{
	long long before = dbx_json_int(answer, "generation_before");
	long long after = dbx_json_int(answer, "generation");
	long long elsewhere = dbx_json_int(answer, "findings_elsewhere");

	dbx_changes_print(answer, verbose);
	dbx_findings_print(json_object_get(answer, "findings"), stderr, verbose);
	if (elsewhere)
		dbx_say("%lld finding%s about other documents in force; --verbose shows all\n",
			elsewhere, elsewhere == 1 ? "" : "s");
	if (dbx_json_true(answer, "dry_run")) {
		dbx_say("dry run: nothing was changed, generation %lld stays in force\n", before);
	} else if (!dbx_json_true(answer, "changed")) {
		dbx_say("no change: generation %lld stays in force\n", after);
	} else if (before == after) {
		dbx_say("revision %lld; no verdict depends on the change, generation %lld stays in force\n",
			dbx_json_int(answer, "revision"), after);
	} else {
		dbx_say("generation %lld -> %lld, revision %lld\n", before, after,
			dbx_json_int(answer, "revision"));
		if (took_ms >= 0)
			say_times(answer, took_ms);
	}
}
