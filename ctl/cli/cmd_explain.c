// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cmd_explain.c -- explain: the verdict on one packet and every step that leads to it.
 *
 * Offline and from the daemon the answer is the same JSON object, and one function prints it.
 */
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/explain_record.h"
#include "cli/findings.h"
#include "cli/offline.h"
#include "cli/out.h"
#include "policy/compile.h"
#include "policy/explain.h"
#include "policy/image.h"

#include <stdlib.h>
#include <string.h>

static int read_query(const struct dbx_cli *cli, struct dbx_explain_query *q)
{
	const char *src = cli->opt[DBX_OPT_SRC];
	uint64_t workspace = 0;

	*q = (struct dbx_explain_query){.dst = cli->opt[DBX_OPT_DST],
					.name = cli->opt[DBX_OPT_NAME],
					.now_ms = dbx_offline_now_ms()};
	if (dbx_cli_u64(cli, DBX_OPT_WORKSPACE, INT64_MAX, &workspace) ||
	    dbx_cli_proto_port(cli, &q->proto, &q->port) || dbx_cli_product(cli, &q->product))
		return DBX_EXIT_USAGE;
	if (src && dbx_addr_parse(src, &q->src))
		return dbx_cli_usage(cli->cmd, "--src '%s': not an IP address", src);
	q->workspace_id = (int64_t)workspace;
	q->has_src = src != NULL;
	return 0;
}

/* ---- offline ---- */

static int explain_model(const struct dbx_model *m, const struct dbx_explain_query *q,
			 json_t **answer, struct dbx_diag *d)
{
	struct dbx_compile_opts opts = {.all_tags = true};
	struct dbx_compile_stats stats;
	struct dbx_explanation e;
	struct dbx_image img;
	const char *why = "";
	void *image = NULL;
	char *text = NULL;
	size_t n_bytes;
	int rc;

	rc = dbx_compile(m, &opts, &image, &n_bytes, &stats, d);
	if (rc)
		return rc;
	rc = dbx_image_open(&img, image, n_bytes, &why);
	if (rc)
		dbx_diag_add(d, DBX_SEV_ERROR, "bad-image", "", "",
			     "the compiled image does not pass its own check: %s", why);
	else
		rc = dbx_explain(m, &img, q, &e, d);
	if (!rc) {
		text = dbx_explanation_json(&e);
		*answer = text ? json_loads(text, 0, NULL) : NULL;
		rc = *answer ? 0 : -ENOMEM;
		dbx_explanation_fini(&e);
	}
	free(text);
	free(image);
	return rc;
}

/* What the daemon would say beside the explanation; the documents' own findings are for check. */
static int tell_disagreement(const struct dbx_diag *d, json_t *answer)
{
	json_t *all = dbx_findings_json(d);
	size_t i;

	for (i = json_array_size(all); i-- > 0;) {
		if (strcmp(dbx_json_str(json_array_get(all, i), "code"), "disagreement") != 0)
			json_array_remove(all, i);
	}
	if (!all || json_object_set_new(answer, "findings", all))
		return dbx_err_memory();
	return DBX_EXIT_DONE;
}

/* Documents and range files are read alike; two options only make the command line read well. */
static int load_model(const struct dbx_cli *cli, struct dbx_model **m, struct dbx_diag *d)
{
	const struct dbx_words *given[] = {&cli->list[DBX_OPT_POLICY], &cli->list[DBX_OPT_FEEDS]};
	struct dbx_words all = {0};
	size_t i, k;
	int rc = 0;

	for (i = 0; i < 2; i++) {
		for (k = 0; !rc && k < given[i]->n; k++)
			rc = dbx_vec_push(&all, given[i]->v[k]);
	}
	if (!rc)
		rc = dbx_offline_model(&all, DBX_OFFLINE_RESOLVE, m, d, NULL);
	dbx_vec_fini(&all);
	return rc;
}

static int explain_offline(const struct dbx_cli *cli, const struct dbx_explain_query *q,
			   json_t **answer)
{
	struct dbx_model *m = NULL;
	struct dbx_diag d;
	int rc, code = DBX_EXIT_DONE;

	dbx_diag_init(&d);
	rc = load_model(cli, &m, &d);
	if (!rc)
		rc = explain_model(m, q, answer, &d);
	if (rc)
		code = dbx_offline_refuse(rc, &d, "explain");
	else
		code = tell_disagreement(&d, *answer);
	dbx_model_free(&m);
	dbx_diag_fini(&d);
	return code;
}

/* ---- from the daemon ---- */

static json_t *query_json(const struct dbx_explain_query *q)
{
	char src[DBX_ADDR_STRLEN];
	json_t *j = json_pack("{s:I, s:i, s:i}", "workspace_id", (json_int_t)q->workspace_id,
			      "port", q->port, "protocol", q->proto);
	bool is_bad = !j || json_object_set_new(j, "dst", dbx_json_text(q->dst));

	if (!is_bad && q->has_src)
		is_bad =
			json_object_set_new(j, "src", dbx_json_text(dbx_addr_format(&q->src, src)));
	if (!is_bad && q->name)
		is_bad = json_object_set_new(j, "name", dbx_json_text(q->name));
	if (!is_bad && q->product >= 0)
		is_bad = json_object_set_new(
			j, "product",
			dbx_json_text(dbx_product_name((enum dbx_product)q->product)));
	if (!is_bad)
		return j;
	json_decref(j);
	return NULL;
}

static int ask_daemon(const struct dbx_cli *cli, const struct dbx_explain_query *q, json_t **answer)
{
	struct dbx_request r = {.method = "POST", .path = "/explain", .what = "explain"};
	json_t *query = query_json(q);
	char *body = query ? json_dumps(query, JSON_COMPACT) : NULL;
	int code;

	json_decref(query);
	if (!body)
		return dbx_err_memory();
	r.body = body;
	r.n_body = strlen(body);
	code = dbx_client_call(cli, &r, answer);
	free(body);
	return code;
}

/* ---- for people ---- */

static enum dbx_colour colour_of(const char *verdict)
{
	if (strcmp(verdict, "PASS") == 0)
		return DBX_GREEN;
	return strcmp(verdict, "DROP") == 0 ? DBX_RED : DBX_YELLOW;
}

static const char *reason_text(const char *slug)
{
	int i;

	for (i = 0; i < DBX_REASON_MAX; i++) {
		if (strcmp(slug, dbx_reason_slug((enum dbx_reason)i)) == 0)
			return dbx_reason_text((enum dbx_reason)i);
	}
	return "";
}

static void say_place(const char *doc, const char *ptr)
{
	if (*doc)
		dbx_say_in(stdout, DBX_DIM, " (%s%s%s)", doc, *ptr ? ": " : "", ptr);
}

/* A newline inside a value is shown as one, so that no name can write a line of its own. */
static void say_line(const char *title, const char *value)
{
	if (!*value)
		return;
	dbx_say("%-10s  ", title);
	dbx_say_in(stdout, DBX_PLAIN, "%s", value);
	dbx_say("\n");
}

static void say_tags(const json_t *tags)
{
	const json_t *tag;
	size_t i;

	json_array_foreach(tags, i, tag)
		say_line(i ? "" : "in", json_is_string(tag) ? json_string_value(tag) : "?");
}

static int say_steps(const json_t *steps)
{
	static const struct dbx_column cols[] = {
		{"step", false}, {"result", false}, {"why", false}};
	struct dbx_table t;
	const json_t *s;
	const char *doc, *ptr;
	size_t i;
	int code;

	dbx_table_init(&t, cols, 3);
	json_array_foreach(steps, i, s) {
		doc = dbx_json_str(s, "doc");
		ptr = dbx_json_str(s, "ptr");
		dbx_table_cell(&t, DBX_PLAIN, "%s", dbx_json_str(s, "name"));
		dbx_table_cell(&t, DBX_BOLD, "%s", dbx_json_str(s, "result"));
		dbx_table_cell(&t, DBX_PLAIN, "%s%s%s%s%s%s", dbx_json_str(s, "text"),
			       *doc ? " (" : "", doc, *doc && *ptr ? ": " : "", *doc ? ptr : "",
			       *doc ? ")" : "");
	}
	dbx_say("\n");
	code = dbx_table_print(&t, stdout);
	dbx_table_fini(&t);
	return code;
}

/* Addresses and the names that they go with. */
static void say_learned(const char *label, const json_t *list)
{
	const json_t *l;
	size_t i;

	json_array_foreach(list, i, l) {
		dbx_say("%-10s  ", i ? "" : label);
		dbx_say_in(stdout, DBX_PLAIN, "%s for %s", dbx_json_str(l, "address"),
			   dbx_json_str(l, "name"));
		if (json_object_get(l, "expires_in_s"))
			dbx_say(", %lld s more", dbx_json_int(l, "expires_in_s"));
		dbx_say("\n");
	}
}

static void say_list(const char *label, const json_t *list)
{
	const json_t *v;
	size_t i;

	json_array_foreach(list, i, v)
		say_line(i ? "" : label, json_is_string(v) ? json_string_value(v) : "?");
}

/* Of a name: the resolver's verdict, and what is known of it at the moment. */
static void say_name(const json_t *e)
{
	const json_t *dns = json_object_get(e, "dns"), *learned = json_object_get(e, "learned");

	if (strcmp(dbx_json_str(e, "name"), dbx_json_str(e, "dst")) != 0)
		say_line("says", dbx_json_str(e, "name"));
	if (json_is_object(dns)) {
		dbx_say("%-10s  ", "dns");
		dbx_say_in(stdout, colour_of(dbx_json_str(dns, "verdict")), "%s",
			   dbx_json_str(dns, "verdict"));
		dbx_say_in(stdout, DBX_BOLD, "  %s", dbx_json_str(dns, "reason"));
		dbx_say(": %s\n", reason_text(dbx_json_str(dns, "reason")));
		say_line("alias", dbx_json_str(dns, "alias"));
		say_list("answer", json_object_get(dns, "answer"));
	}
	say_learned("learned", learned);
	if (json_is_object(dns) && json_is_true(json_object_get(e, "is_live")) &&
	    !json_array_size(learned) && !json_object_get(dns, "answer"))
		say_line("learned", "no address at the moment");
	say_learned("guarded", json_object_get(e, "guarded"));
}

static int print_text(const json_t *e)
{
	const char *verdict = dbx_json_str(e, "verdict"), *reason = dbx_json_str(e, "reason");
	const char *rule = dbx_json_str(e, "rule"), *advice = dbx_json_str(e, "advice");
	int code;

	dbx_say_in(stdout, colour_of(verdict), "%s", verdict);
	dbx_say_in(stdout, DBX_BOLD, "  %s", reason);
	dbx_say(": %s\n", reason_text(reason));
	dbx_say("%-10s  %lld\n", "workspace", dbx_json_int(e, "workspace_id"));
	say_name(e);
	say_line("policy", dbx_json_str(e, "policy"));
	if (*rule) {
		dbx_say("%-10s  ", "rule");
		dbx_say_in(stdout, DBX_PLAIN, "%s", rule);
		say_place(dbx_json_str(e, "rule_doc"), dbx_json_str(e, "rule_ptr"));
		dbx_say("\n");
	}
	say_line("path", dbx_json_str(e, "path"));
	say_line("via", dbx_json_str(e, "via"));
	say_tags(json_object_get(e, "tags"));
	code = say_steps(json_object_get(e, "steps"));
	if (*advice) {
		dbx_say("\nto allow it: ");
		dbx_say_in(stdout, DBX_PLAIN, "%s", advice);
		dbx_say("\n");
	}
	dbx_findings_print(json_object_get(e, "findings"), stderr, false);
	return code;
}

static int answer_query(const struct dbx_cli *cli, const struct dbx_explain_query *q,
			json_t **answer)
{
	if (dbx_cli_has(cli, DBX_OPT_POLICY) || dbx_cli_has(cli, DBX_OPT_FEEDS))
		return explain_offline(cli, q, answer);
	return ask_daemon(cli, q, answer);
}

/* What was recorded, and what would become of the same flow now. */
static int explain_record(const struct dbx_cli *cli)
{
	json_t *record = NULL, *answer = NULL, *both;
	struct dbx_explain_query q;
	const char *why;
	int code = dbx_record_load(cli, cli->operands.v[0], &record), now = DBX_EXIT_DONE;
	bool can;

	if (code)
		return code;
	can = dbx_record_query(record, &q, &why);
	if (can)
		now = answer_query(cli, &q, &answer);
	if (dbx_out_is_json()) {
		both = json_pack("{s:O, s:O?}", "record", record, "explanation", answer);
		code = both ? dbx_out_json(both) : dbx_err_memory();
		json_decref(both);
	} else {
		dbx_record_print(record);
		dbx_say("\n");
		dbx_say_in(stdout, DBX_BOLD, "as of now   ");
		if (answer)
			code = print_text(answer);
		else
			dbx_say("not explained: %s\n",
				can ? "see the message on standard error" : why);
	}
	json_decref(answer);
	json_decref(record);
	return now ? now : code;
}

static bool has_query(const struct dbx_cli *cli)
{
	static const enum dbx_opt_id parts[] = {DBX_OPT_WORKSPACE, DBX_OPT_DST,  DBX_OPT_PORT,
						DBX_OPT_PROTO,     DBX_OPT_TYPE, DBX_OPT_SRC,
						DBX_OPT_PRODUCT};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (dbx_cli_has(cli, parts[i]))
			return true;
	}
	return false;
}

int dbx_cmd_explain(const struct dbx_cli *cli)
{
	struct dbx_explain_query q;
	json_t *answer = NULL;
	int code;

	if (cli->operands.n && has_query(cli))
		return dbx_cli_usage(cli->cmd, "explain: the record says workspace, destination "
					       "and the like: give it alone, or them alone");
	if (cli->operands.n)
		return explain_record(cli);
	if (!dbx_cli_has(cli, DBX_OPT_WORKSPACE) || !dbx_cli_has(cli, DBX_OPT_DST))
		return dbx_cli_usage(cli->cmd, "explain: needs --%s, or an event id",
				     dbx_cli_has(cli, DBX_OPT_WORKSPACE) ? "dst NAME|ADDR"
									 : "workspace ID");
	if (read_query(cli, &q))
		return DBX_EXIT_USAGE;
	code = answer_query(cli, &q, &answer);
	if (!code)
		code = dbx_out_is_json() ? dbx_out_json(answer) : print_text(answer);
	json_decref(answer);
	return code;
}
