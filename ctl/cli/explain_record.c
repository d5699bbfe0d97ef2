// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * explain_record.c -- what was recorded of a denied flow, as the question that explain answers.
 *
 * A line may come from anywhere: each of its values is checked as a command line's would be.
 */
#include "cli/explain_record.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/offline.h"
#include "cli/out.h"

#define LINE_MAX_BYTES 65536

/* ---- loading ---- */

static bool is_record(const json_t *j)
{
	return json_is_string(json_object_get(j, "event_id")) &&
	       json_is_object(json_object_get(j, "x_dbx_egress"));
}

static int load_line(json_t **record)
{
	char *line = malloc(LINE_MAX_BYTES + 1);
	json_error_t e;
	size_t n;

	if (!line)
		return dbx_err_memory();
	n = fread(line, 1, LINE_MAX_BYTES + 1, stdin);
	if (ferror(stdin) || !n || n > LINE_MAX_BYTES) {
		dbx_err("explain: standard input %s",
			ferror(stdin) ? "cannot be read"
			: n           ? "is longer than a record: give one line"
				      : "is empty: give one line of a log of records");
		free(line);
		return DBX_EXIT_REFUSED;
	}
	*record = json_loadb(line, n, JSON_REJECT_DUPLICATES, &e);
	free(line);
	if (!*record) {
		dbx_err("explain: <stdin>: not one JSON record: line %d: %s", e.line, e.text);
		return DBX_EXIT_REFUSED;
	}
	return DBX_EXIT_DONE;
}

static int load_kept(const struct dbx_cli *cli, const char *event_id, json_t **record)
{
	char path[512], *escaped = dbx_client_escape(event_id);
	int n;

	if (!escaped)
		return dbx_err_memory();
	n = snprintf(path, sizeof(path), "/records/%s", escaped);
	free(escaped);
	if (n < 0 || (size_t)n >= sizeof(path))
		return dbx_cli_usage(cli->cmd, "explain: an event id is a UUID");
	return dbx_client_get(cli, path, "explain", record);
}

int dbx_record_load(const struct dbx_cli *cli, const char *event_id, json_t **record)
{
	int code = strcmp(event_id, "-") ? load_kept(cli, event_id, record) : load_line(record);

	if (code || is_record(*record))
		return code;
	dbx_err("explain: this is no record of dbx-egress: it has no \"event_id\" or no "
		"\"x_dbx_egress\"");
	json_decref(*record);
	*record = NULL;
	return DBX_EXIT_REFUSED;
}

/* ---- the question ---- */

static int product_of(const char *name)
{
	for (int p = 0; p < DBX_PRODUCT_MAX; p++) {
		if (!strcmp(name, dbx_product_name((enum dbx_product)p)))
			return p;
	}
	return -1;
}

static uint16_t port_of(const json_t *x, uint8_t proto)
{
	long long type = dbx_json_int(x, "icmp_type"), code = dbx_json_int(x, "icmp_code");
	long long port = dbx_json_int(x, "dst_port");

	if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6)
		port = (type & 0xff) << 8 | (code & 0xff);
	return port >= 0 && port <= 65535 ? (uint16_t)port : 0;
}

/* A name that was asked for went to the resolver: what is explained is where it leads, by TLS. */
static void set_service(const json_t *record, const json_t *x, struct dbx_explain_query *q)
{
	const json_t *dns = json_object_get(record, "dns_event");
	long long proto = dbx_json_int(x, "ip_proto");

	if (*dbx_json_str(x, "name") && json_is_integer(json_object_get(dns, "rcode"))) {
		q->proto = IPPROTO_TCP;
		q->port = 443;
		return;
	}
	q->proto = proto >= 0 && proto <= 255 ? (uint8_t)proto : 0;
	q->port = port_of(x, q->proto);
}

bool dbx_record_query(const json_t *record, struct dbx_explain_query *q, const char **why)
{
	const json_t *x = json_object_get(record, "x_dbx_egress");
	const char *workspace = dbx_json_str(record, "workspace_id"), *src;
	char *end = NULL;

	*q = (struct dbx_explain_query){.now_ms = dbx_offline_now_ms()};
	q->dst = dbx_json_str(x, "name");
	if (!*q->dst)
		q->dst = dbx_json_str(x, "dst_ip");
	errno = 0;
	q->workspace_id = *workspace ? strtoll(workspace, &end, 10) : 0;
	*why = "the packet was refused before its workspace was known";
	if (errno || (end && *end) || q->workspace_id <= 0)
		return false;
	*why = "the packet was refused before its destination was known";
	if (!*q->dst)
		return false;
	set_service(record, x, q);
	q->product = product_of(dbx_json_str(record, "network_source_type"));
	src = dbx_json_str(x, "src_ip");
	q->has_src = *src && !dbx_addr_parse(src, &q->src);
	return true;
}

/* ---- for people ---- */

static void say(const char *title, const char *value)
{
	if (!*value)
		return;
	dbx_say("%-10s  ", title);
	dbx_say_in(stdout, DBX_PLAIN, "%s", value);
	dbx_say("\n");
}

static void say_flow(const json_t *x)
{
	const char *dst = dbx_json_str(x, "dst_ip"), *iface = dbx_json_str(x, "interface");
	char *domain = NULL;

	if (!*dst)
		return;
	if (json_is_object(json_object_get(x, "domain")))
		domain = json_dumps(json_object_get(x, "domain"), JSON_COMPACT);
	dbx_say("%-10s  ", "flow");
	dbx_say_in(stdout, DBX_PLAIN, "%s > %s", dbx_json_str(x, "src_ip"), dst);
	if (json_is_integer(json_object_get(x, "dst_port")))
		dbx_say(" port %lld", dbx_json_int(x, "dst_port"));
	dbx_say(", protocol %lld", dbx_json_int(x, "ip_proto"));
	if (*iface)
		dbx_say_in(stdout, DBX_PLAIN, ", on %s", iface);
	if (domain)
		dbx_say_in(stdout, DBX_PLAIN, ", domain %s", domain);
	dbx_say("\n");
	free(domain);
}

static void say_rule(const json_t *rule)
{
	const char *doc = dbx_json_str(rule, "document"), *ptr = dbx_json_str(rule, "pointer");

	if (!*dbx_json_str(rule, "text"))
		return;
	dbx_say("%-10s  ", "rule");
	dbx_say_in(stdout, DBX_PLAIN, "%s", dbx_json_str(rule, "text"));
	if (*doc)
		dbx_say_in(stdout, DBX_DIM, " (%s%s%s)", doc, *ptr ? ": " : "", ptr);
	dbx_say("\n");
}

static const char *reason_text(const char *slug)
{
	for (int i = 0; i < DBX_REASON_MAX; i++) {
		if (!strcmp(slug, dbx_reason_slug((enum dbx_reason)i)))
			return dbx_reason_text((enum dbx_reason)i);
	}
	return "a reason of another version";
}

void dbx_record_print(const json_t *record)
{
	const json_t *x = json_object_get(record, "x_dbx_egress");
	const char *access = dbx_json_str(record, "access_type"), *slug = dbx_json_str(x, "reason");

	dbx_say_in(stdout, DBX_BOLD, "recorded    ");
	dbx_say_in(stdout, !strcmp(access, "DROP") ? DBX_RED : DBX_YELLOW, "%s", access);
	dbx_say_in(stdout, DBX_BOLD, "  %s", slug);
	dbx_say(": %s\n", reason_text(slug));
	say("event", dbx_json_str(record, "event_id"));
	dbx_say("%-10s  ", "time");
	dbx_say_in(stdout, DBX_PLAIN, "%s to %s",
		   *dbx_json_str(x, "first_time") ? dbx_json_str(x, "first_time") : "?",
		   *dbx_json_str(x, "last_time") ? dbx_json_str(x, "last_time") : "?");
	dbx_say(": %lld packets, %lld bytes%s\n", dbx_json_int(x, "packets"),
		dbx_json_int(x, "bytes"),
		dbx_json_true(x, "open") ? " so far: the flow goes on" : "");
	say("workspace", dbx_json_str(record, "workspace_id"));
	say("product", dbx_json_str(record, "network_source_type"));
	say_flow(x);
	say("name", dbx_json_str(x, "name"));
	say("policy", dbx_json_str(x, "network_policy_id"));
	say_rule(json_object_get(x, "rule"));
	dbx_say("%-10s  %lld\n", "generation", dbx_json_int(x, "generation"));
}
