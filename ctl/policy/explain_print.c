// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * explain_print.c -- an explanation as JSON for programs and as text for people.
 */
#include "policy/explain_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/strbuf.h"

static void add_string(struct dbx_strbuf *s, const char *value)
{
	dbx_strbuf_addc(s, '"');
	dbx_strbuf_add_json_escaped(s, value, strlen(value));
	dbx_strbuf_addc(s, '"');
}

static void add_member(struct dbx_strbuf *s, const char *key, const char *value)
{
	dbx_strbuf_addf(s, ",\"%s\":", key);
	add_string(s, value);
}

/* "tcp", or the number as text. */
static void proto_name(uint8_t proto, char buf[DBX_PROTO_STRLEN])
{
	char text[DBX_PROTO_STRLEN];
	const char *sep;

	dbx_explain_proto(proto, 0, text);
	if (strncmp(text, "protocol ", 9) == 0) {
		snprintf(buf, DBX_PROTO_STRLEN, "%u", proto);
		return;
	}
	sep = strchr(text, ' ');
	snprintf(buf, DBX_PROTO_STRLEN, "%.*s", (int)(sep - text), text);
}

static void add_steps(struct dbx_strbuf *s, const struct dbx_explanation *e)
{
	size_t i;

	dbx_strbuf_add(s, ",\"steps\":[");
	for (i = 0; i < e->n_steps; i++) {
		const struct dbx_explain_step *t = &e->steps[i];

		dbx_strbuf_add(s, i ? ",{\"name\":" : "{\"name\":");
		add_string(s, t->name);
		add_member(s, "result", t->result);
		add_member(s, "text", t->text);
		add_member(s, "doc", t->doc);
		add_member(s, "ptr", t->ptr);
		dbx_strbuf_addc(s, '}');
	}
	dbx_strbuf_addc(s, ']');
}

/* What the resolver says by itself: the addresses of a private endpoint. */
static void add_answer(struct dbx_strbuf *s, const struct dbx_explanation *e)
{
	char text[DBX_ADDR_STRLEN];
	size_t i;

	add_member(s, "alias", e->alias);
	dbx_strbuf_add(s, ",\"answer\":[");
	for (i = 0; i < e->n_answer; i++) {
		dbx_strbuf_add(s, i ? "," : "");
		add_string(s, dbx_addr_format(&e->answer[i], text));
	}
	dbx_strbuf_addc(s, ']');
}

/* Guards stay until a later look-up misses the address: they have no time to be told. */
static void add_learned(struct dbx_strbuf *s, const struct dbx_explanation *e, bool is_guard)
{
	char text[DBX_ADDR_STRLEN];
	bool is_first = true;
	size_t i;

	dbx_strbuf_add(s, is_guard ? ",\"guarded\":[" : ",\"learned\":[");
	for (i = 0; i < e->n_learned; i++) {
		if (e->learned[i].is_guard != is_guard)
			continue;
		dbx_strbuf_add(s, is_first ? "{\"name\":" : ",{\"name\":");
		is_first = false;
		add_string(s, e->learned[i].name);
		add_member(s, "address", dbx_addr_format(&e->learned[i].addr, text));
		if (!is_guard)
			dbx_strbuf_addf(s, ",\"expires_in_s\":%" PRIu64,
					e->learned[i].expires_in_s);
		dbx_strbuf_addc(s, '}');
	}
	dbx_strbuf_addc(s, ']');
}

/* What the resolver says, null when no name was asked about; and what is known by that name. */
static void add_names(struct dbx_strbuf *s, const struct dbx_explanation *e)
{
	add_member(s, "name", e->said);
	if (e->has_dns) {
		dbx_strbuf_add(s, ",\"dns\":{\"verdict\":");
		add_string(s, dbx_verdict_name(e->dns_verdict));
		add_member(s, "reason", dbx_reason_slug(e->dns_reason));
		add_member(s, "rule", e->dns_rule);
		add_member(s, "rule_doc", e->dns_doc);
		add_member(s, "rule_ptr", e->dns_ptr);
		if (e->is_private)
			add_answer(s, e);
		dbx_strbuf_addc(s, '}');
	} else {
		dbx_strbuf_add(s, ",\"dns\":null");
	}
	dbx_strbuf_addf(s, ",\"is_live\":%s,\"needs_lookup\":%s", e->is_live ? "true" : "false",
			e->needs_lookup ? "true" : "false");
	add_learned(s, e, false);
	add_learned(s, e, true);
}

char *dbx_explanation_json(const struct dbx_explanation *e)
{
	char proto[DBX_PROTO_STRLEN];
	struct dbx_strbuf s;
	size_t i;

	proto_name(e->proto, proto);
	dbx_strbuf_init(&s);
	dbx_strbuf_add(&s, "{\"verdict\":");
	add_string(&s, dbx_verdict_name(e->verdict));
	add_member(&s, "reason", dbx_reason_slug(e->reason));
	add_member(&s, "reason_text", dbx_reason_text(e->reason));
	add_member(&s, "policy", e->policy);
	add_member(&s, "rule", e->rule);
	add_member(&s, "rule_doc", e->rule_doc);
	add_member(&s, "rule_ptr", e->rule_ptr);
	add_member(&s, "path", dbx_path_name(e->path));
	add_member(&s, "via", e->via);
	dbx_strbuf_addf(&s, ",\"mark\":%" PRIu32, e->mark);
	dbx_strbuf_addf(&s, ",\"workspace_id\":%" PRId64 ",\"generation\":%" PRIu64,
			e->workspace_id, e->generation);
	add_member(&s, "src", e->src);
	add_member(&s, "dst", e->dst);
	dbx_strbuf_addf(&s, ",\"port\":%u", e->port);
	add_member(&s, "protocol", proto);
	dbx_strbuf_add(&s, ",\"tags\":[");
	for (i = 0; i < e->n_tags; i++) {
		dbx_strbuf_add(&s, i ? "," : "");
		add_string(&s, e->tags[i]);
	}
	dbx_strbuf_addc(&s, ']');
	add_names(&s, e);
	add_member(&s, "advice", e->advice);
	add_steps(&s, e);
	dbx_strbuf_addc(&s, '}');
	return dbx_strbuf_steal(&s);
}

static void add_place(struct dbx_strbuf *s, const char *doc, const char *ptr)
{
	if (doc[0] || ptr[0])
		dbx_strbuf_addf(s, " (%s%s%s)", doc, ptr[0] ? ": " : "", ptr);
	dbx_strbuf_addc(s, '\n');
}

char *dbx_explanation_text(const struct dbx_explanation *e)
{
	char proto[DBX_PROTO_STRLEN];
	struct dbx_strbuf s;
	size_t i;

	dbx_strbuf_init(&s);
	dbx_strbuf_addf(&s, "%s  %s: %s\n", dbx_verdict_name(e->verdict),
			dbx_reason_slug(e->reason), dbx_reason_text(e->reason));
	dbx_strbuf_addf(&s, "packet     %s -> %s %s\n", e->src, e->dst,
			dbx_explain_proto(e->proto, e->port, proto));
	dbx_strbuf_addf(&s, "workspace  %" PRId64 "\n", e->workspace_id);
	if (e->policy[0])
		dbx_strbuf_addf(&s, "policy     %s\n", e->policy);
	if (e->rule[0]) {
		dbx_strbuf_addf(&s, "rule       %s", e->rule);
		add_place(&s, e->rule_doc, e->rule_ptr);
	}
	dbx_strbuf_addf(&s, "path       %s%s%s\n", dbx_path_name(e->path), e->via[0] ? " via " : "",
			e->via);
	for (i = 0; i < e->n_tags; i++)
		dbx_strbuf_addf(&s, "%-10s %s\n", i ? "" : "in", e->tags[i]);
	for (i = 0; i < e->n_steps; i++) {
		dbx_strbuf_addf(&s, "%2zu. %-16s  %-9s  %s", i + 1, e->steps[i].name,
				e->steps[i].result, e->steps[i].text);
		add_place(&s, e->steps[i].doc, e->steps[i].ptr);
	}
	if (e->advice[0])
		dbx_strbuf_addf(&s, "to allow it: %s\n", e->advice);
	return dbx_strbuf_steal(&s);
}
