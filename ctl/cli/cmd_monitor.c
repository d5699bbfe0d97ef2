// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cmd_monitor.c -- monitor: denied flows as they come, one line each.
 *
 * The daemon sends a flow's line when it first sees it ("open"), and again with its sums when the
 * interval ends. People are shown the first; --json passes both on as they are.
 */
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/out.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/addr.h"
#include "lib/name.h"
#include "lib/proto.h"
#include "policy/explain.h"

struct monitor {
	const struct dbx_cli *cli;
	struct dbx_prefix dst;
	bool has_dst; /* else --dst is a name, if it is given */
	char dst_name[DBX_NAME_SIZE], name[DBX_NAME_SIZE]; /* canonical, "" = all */
	int proto;                                         /* -1: all */
	uint64_t port, left;
	char workspace[24]; /* "" = all */
	bool is_limited;
	int code;
};

/* ---- what is wanted ---- */

static bool same_word(const char *option, const char *value)
{
	return !option || strcasecmp(option, value) == 0;
}

/* NAME itself, or with "*." in front what is below it. */
static bool name_matches(const char *want, const char *name)
{
	size_t n_want, n_name = strlen(name);

	if (!*want)
		return true;
	if (*want != '*')
		return strcasecmp(want, name) == 0;
	want++;
	n_want = strlen(want);
	return n_name > n_want && strcasecmp(name + n_name - n_want, want) == 0;
}

static bool dst_matches(const struct monitor *m, const char *text)
{
	struct dbx_addr a;

	if (!m->has_dst)
		return true;
	return dbx_addr_parse(text, &a) == 0 && dbx_prefix_contains(&m->dst, &a);
}

static bool is_wanted(const struct monitor *m, const json_t *r)
{
	const char *const *opt = m->cli->opt;
	const json_t *x = json_object_get(r, "x_dbx_egress");
	const json_t *proto = json_object_get(x, "ip_proto"),
		     *port = json_object_get(x, "dst_port");

	if (opt[DBX_OPT_PORT] &&
	    (!json_is_integer(port) || (uint64_t)json_integer_value(port) != m->port))
		return false;
	if (m->proto >= 0 && (!json_is_integer(proto) || json_integer_value(proto) != m->proto))
		return false;
	return (!m->workspace[0] || !strcmp(m->workspace, dbx_json_str(r, "workspace_id"))) &&
	       same_word(opt[DBX_OPT_REASON], dbx_json_str(x, "reason")) &&
	       same_word(opt[DBX_OPT_VERDICT], dbx_json_str(x, "verdict")) &&
	       name_matches(m->name, dbx_json_str(x, "name")) &&
	       name_matches(m->dst_name, dbx_json_str(x, "name")) &&
	       dst_matches(m, dbx_json_str(x, "dst_ip"));
}

/* ---- one line ---- */

static void add_end(struct dbx_strbuf *b, const char *ip, const json_t *port)
{
	dbx_strbuf_addf(b, strchr(ip, ':') ? "[%s]" : "%s", *ip ? ip : "?");
	if (json_is_integer(port))
		dbx_strbuf_addf(b, ":%lld", (long long)json_integer_value(port));
}

static void add_proto(struct dbx_strbuf *b, const json_t *x)
{
	const json_t *n = json_object_get(x, "ip_proto");
	const char *name = dbx_proto_name(json_integer_value(n));

	if (name)
		dbx_strbuf_addf(b, " %s", name);
	else if (json_is_integer(n))
		dbx_strbuf_addf(b, " proto %lld", (long long)json_integer_value(n));
}

/* 12:41:07.123 DROP no-match ws 1001 10.0.0.1:5000 > 192.0.2.7:443 tcp example.com rule "..." */
static void show(const json_t *r)
{
	const json_t *x = json_object_get(r, "x_dbx_egress");
	const char *when = strchr(dbx_json_str(r, "event_time"), 'T');
	const char *verdict = dbx_json_str(x, "verdict"), *name = dbx_json_str(x, "name");
	const char *rule = dbx_json_str(json_object_get(x, "rule"), "text");
	const char *workspace = dbx_json_str(r, "workspace_id");
	struct dbx_strbuf b;

	dbx_strbuf_init(&b);
	add_end(&b, dbx_json_str(x, "src_ip"), json_object_get(x, "src_port"));
	dbx_strbuf_add(&b, " > ");
	add_end(&b, dbx_json_str(x, "dst_ip"), json_object_get(x, "dst_port"));
	add_proto(&b, x);
	dbx_say_in(stdout, DBX_DIM, "%s", when ? when + 1 : "-");
	dbx_say_in(stdout, DBX_PLAIN, " ");
	dbx_say_in(stdout, strcmp(verdict, "DROP") ? DBX_YELLOW : DBX_RED, "%s", verdict);
	dbx_say_in(stdout, DBX_PLAIN, " %s ws %s %s", dbx_json_str(x, "reason"),
		   *workspace ? workspace : "-", b.len ? b.s : "");
	if (*name)
		dbx_say_in(stdout, DBX_BOLD, " %s", name);
	if (*rule)
		dbx_say_in(stdout, DBX_DIM, "  %s", rule);
	putchar('\n');
	dbx_strbuf_fini(&b);
}

/* False: no more lines are wanted. */
static bool on_line(void *arg, const char *line, size_t len)
{
	struct monitor *m = arg;
	json_t *r = json_loadb(line, len, 0, NULL);
	bool is_open = dbx_json_true(json_object_get(r, "x_dbx_egress"), "open");

	/* A line that is no record is one of a later version: not ours to judge. */
	if (json_is_object(r) && is_wanted(m, r) && (is_open || dbx_out_is_json())) {
		if (dbx_out_is_json())
			printf("%.*s\n", (int)len, line);
		else
			show(r);
		if (m->is_limited)
			m->left--;
	}
	json_decref(r);
	if (fflush(stdout))
		m->code = DBX_EXIT_REFUSED; /* told by dbx_out_finish() */
	return !m->code && (!m->is_limited || m->left);
}

/* ---- options ---- */

static bool is_verdict(const char *s)
{
	for (int i = 0; i < DBX_VERDICT_MAX; i++) {
		if (!strcasecmp(s, dbx_verdict_name((enum dbx_verdict)i)))
			return true;
	}
	return false;
}

/* "x", "*.x", or ".x", which is the same as "*.x". */
static int read_name(const struct dbx_cli *cli, enum dbx_opt_id id, const char *option,
		     char out[DBX_NAME_SIZE])
{
	const char *text = cli->opt[id], *why = NULL;
	char name[DBX_NAME_SIZE + 2];

	if (!text)
		return 0;
	if (snprintf(name, sizeof(name), "%s%s", *text == '.' ? "*" : "", text) <
		    (int)sizeof(name) &&
	    !dbx_name_canon_n(name, strlen(name), DBX_NAME_WILDCARD_OK | DBX_NAME_SINGLE_OK, out,
			      &why))
		return 0;
	return dbx_cli_usage(cli->cmd, "%s '%s' %s", option, text,
			     why ? why : "is too long for a name");
}

static int read_options(struct monitor *m)
{
	const struct dbx_cli *cli = m->cli;
	const char *dst = cli->opt[DBX_OPT_DST], *verdict = cli->opt[DBX_OPT_VERDICT];
	uint64_t workspace;
	int rc = dbx_cli_u64(cli, DBX_OPT_WORKSPACE, UINT64_MAX, &workspace);

	if (!rc)
		rc = dbx_cli_u64(cli, DBX_OPT_PORT, 65535, &m->port);
	if (!rc)
		rc = dbx_cli_u64(cli, DBX_OPT_COUNT, UINT64_MAX, &m->left);
	if (!rc)
		rc = dbx_cli_proto(cli, &m->proto);
	if (!rc && cli->opt[DBX_OPT_REASON])
		rc = dbx_cli_check_reason(cli, cli->opt[DBX_OPT_REASON]);
	if (!rc)
		rc = read_name(cli, DBX_OPT_NAME, "--name", m->name);
	if (rc)
		return rc;
	if (dbx_cli_has(cli, DBX_OPT_WORKSPACE)) /* "01001" is 1001 */
		snprintf(m->workspace, sizeof(m->workspace), "%" PRIu64, workspace);
	m->is_limited = dbx_cli_has(cli, DBX_OPT_COUNT);
	if (m->is_limited && !m->left)
		return dbx_cli_usage(cli->cmd, "--count 0: not a number of 1 or more");
	if (verdict && !is_verdict(verdict))
		return dbx_cli_usage(cli->cmd, "--verdict '%s': not DROP, DRY_RUN_DENIAL or PASS",
				     verdict);
	if (!dst)
		return 0;
	m->has_dst =
		!dbx_prefix_parse(dst, DBX_PREFIX_BARE_OK | DBX_PREFIX_CLEAR_HOST_BITS, &m->dst);
	if (!m->has_dst && strpbrk(dst, "/:"))
		return dbx_cli_usage(cli->cmd, "--dst '%s': no address, prefix or name", dst);
	return m->has_dst ? 0 : read_name(cli, DBX_OPT_DST, "--dst", m->dst_name);
}

int dbx_cmd_monitor(const struct dbx_cli *cli)
{
	struct monitor m = {.cli = cli, .proto = -1};
	int code = read_options(&m);

	if (!code)
		code = dbx_client_lines(cli, "/events", "watch flows", on_line, &m);
	return code ? code : m.code;
}
