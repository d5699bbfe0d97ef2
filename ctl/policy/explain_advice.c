// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * explain_advice.c -- the smallest change that would allow what was denied.
 *
 * One sentence that begins with a verb, with the JSON to write where there is some to write. "" for
 * what is allowed, and a plain no for what no document opens.
 */
#include "policy/explain_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/proto.h"
#include "lib/strbuf.h"

typedef void (*advice_fn)(const struct dbx_explain_ctx *c, struct dbx_strbuf *s);

static const char *policy_id(const struct dbx_explain_ctx *c)
{
	return c->policy ? c->policy->id : "default-policy";
}

/* "protocol": "tcp", "ports": [443] */
static void add_service(const struct dbx_explain_ctx *c, struct dbx_strbuf *s)
{
	const char *name = dbx_proto_name(c->t.proto);
	uint8_t p = c->t.proto;

	if (p == 1 || p == 58)
		dbx_strbuf_addf(s, "\"protocol\": \"%s\", \"types\": [%u]", name, c->t.dport >> 8);
	else if (name)
		dbx_strbuf_addf(s, "\"protocol\": \"%s\", \"ports\": [%u]", name, c->t.dport);
	else if (p == 33 || p == 136)
		dbx_strbuf_addf(s, "\"protocol\": %u, \"ports\": [%u]", p, c->t.dport);
	else
		dbx_strbuf_addf(s, "\"protocol\": %u", p);
}

static void advise_source(const struct dbx_explain_ctx *c, struct dbx_strbuf *s)
{
	char addr[DBX_ADDR_STRLEN];

	if (dbx_eval_is_gateway(c->m, &c->t.src)) {
		dbx_strbuf_add(s, "give the workload an address other than the gateway's");
		return;
	}
	dbx_strbuf_addf(s,
			"add {\"prefix\": \"%s/%u\"} to the sources of workspace %" PRId64
			" in the gateway document",
			dbx_addr_format(&c->t.src, addr), dbx_addr_bits(&c->t.src), c->ws->id);
}

static void advise_spoofed(const struct dbx_explain_ctx *c, struct dbx_strbuf *s)
{
	(void)c;
	dbx_strbuf_add(s, "correct the interface or mac of the source in the gateway document");
}

static void advise_nothing(const struct dbx_explain_ctx *c, struct dbx_strbuf *s)
{
	(void)c;
	dbx_strbuf_add(s, "nothing: no document opens this destination");
}

static void advise_gateway(const struct dbx_explain_ctx *c, struct dbx_strbuf *s)
{
	dbx_strbuf_add(s, "add {");
	add_service(c, s);
	dbx_strbuf_add(s, "} to gateway_services of the gateway document");
}

static void advise_workspace(const struct dbx_explain_ctx *c, struct dbx_strbuf *s)
{
	const struct dbx_workspace *owner = NULL;

	dbx_eval_owner(c->m, c->t.domain, &c->t.dst, &owner);
	if (owner)
		dbx_strbuf_addf(s,
				"add {\"workspace_ids\": [%" PRId64
				"]} to allowed_databricks_destinations of policy %s",
				owner->id, policy_id(c));
	else
		dbx_strbuf_add(s, "give the destination one owner: several workspaces claim the "
				  "address on other links");
}

static void advise_blocked(const struct dbx_explain_ctx *c, struct dbx_strbuf *s)
{
	dbx_strbuf_addf(s, "remove or narrow the blocked destination at %s %s", c->out->rule_doc,
			c->out->rule_ptr);
}

static void advise_policy(const struct dbx_explain_ctx *c, struct dbx_strbuf *s)
{
	dbx_strbuf_addf(
		s,
		"bind workspace %" PRId64
		" to a policy (workspace network option), or add one with network_policy_id "
		"default-policy",
		c->ws->id);
}

static void advise_mode(const struct dbx_explain_ctx *c, struct dbx_strbuf *s)
{
	dbx_strbuf_addf(s,
			"write restriction_mode RESTRICTED_ACCESS, with what is allowed, or "
			"FULL_ACCESS into egress.network_access of policy %s",
			policy_id(c));
}

static void advise_cluster(const struct dbx_explain_ctx *c, struct dbx_strbuf *s)
{
	dbx_strbuf_addf(s,
			"give both sources one \"cluster\", or set separate_clusters to false, in "
			"workspace %" PRId64 " of the gateway document",
			c->ws->id);
}

static void advise_foreign(const struct dbx_explain_ctx *c, struct dbx_strbuf *s)
{
	if (c->pe && c->pe->ncc_id)
		dbx_strbuf_addf(s, "bind workspace %" PRId64 " to NCC %s, which has rule %s",
				c->ws->id, c->pe->ncc_id, c->pe->rule_id);
	else
		dbx_strbuf_addf(s, "give the NCC of workspace %" PRId64 " a rule for this address",
				c->ws->id);
}

static int first_name(void *arg, const char *name)
{
	snprintf(arg, DBX_NAME_SIZE, "%s", name);
	return 1;
}

static void advise_endpoint_name(const struct dbx_explain_ctx *c, struct dbx_strbuf *s)
{
	char name[DBX_NAME_SIZE] = "";

	if (c->pe)
		dbx_pe_rule_names(c->pe, c->ncc ? c->ncc->region : NULL, first_name, name);
	if (name[0])
		dbx_strbuf_addf(s,
				"add {\"destination\": \"%s\", \"internet_destination_type\": "
				"\"DNS_NAME\"} to allowed_internet_destinations of policy %s",
				name, policy_id(c));
	else
		dbx_strbuf_addf(s, "give private endpoint rule %s its domain_names",
				c->pe ? c->pe->rule_id : "?");
}

static void advise_port(const struct dbx_explain_ctx *c, struct dbx_strbuf *s)
{
	dbx_strbuf_add(s, "add ");
	add_service(c, s);
	dbx_strbuf_addf(s, " to the entry at %s %s", c->out->rule_doc, c->out->rule_ptr);
}

static void advise_name(const struct dbx_explain_ctx *c, struct dbx_strbuf *s)
{
	dbx_strbuf_addf(s,
			"add {\"destination\": \"%s\", \"internet_destination_type\": "
			"\"DNS_NAME\"} to allowed_internet_destinations of policy %s",
			c->is_name && c->asked.verdict != DBX_VERDICT_PASS ? c->name : c->said,
			policy_id(c));
}

/* The flow says a name that was not learned for its address. */
static void advise_mismatch(const struct dbx_explain_ctx *c, struct dbx_strbuf *s)
{
	if (!c->saying.needs_learning)
		advise_name(c, s);
	else
		dbx_strbuf_addf(s,
				"connect to an address that the lookup of %s answers: this one was "
				"learned for another name",
				c->said);
}

/* Storage whose host does not tell the bucket. */
static void advise_storage(const struct dbx_explain_ctx *c, struct dbx_strbuf *s)
{
	bool is_google = c->out->reason == DBX_REASON_DNS_BARE_STORAGE;

	dbx_strbuf_addf(s,
			"use the host that names the bucket (%s), and list that bucket in "
			"allowed_storage_destinations of policy %s; to list %s itself would open "
			"everybody's buckets",
			is_google ? "BUCKET.storage.googleapis.com"
				  : "BUCKET.s3.REGION.amazonaws.com",
			policy_id(c), c->name);
}

static void advise_name_port(const struct dbx_explain_ctx *c, struct dbx_strbuf *s)
{
	if (c->t.proto == 6)
		dbx_strbuf_addf(s,
				"add %u to tls_ports, or to http_ports, of names in the gateway "
				"document, when that is what is spoken there; else ",
				c->t.dport);
	dbx_strbuf_add(s, "add {");
	add_service(c, s);
	dbx_strbuf_add(s,
		       "} to unverified_ports of names in the gateway document, where any name at "
		       "the address then passes");
}

static void advise_quic(const struct dbx_explain_ctx *c, struct dbx_strbuf *s)
{
	(void)c;
	dbx_strbuf_add(s,
		       "write \"quic\": \"inspect\" into names of the gateway document; without it "
		       "clients use TCP");
}

static void advise_listing(const struct dbx_explain_ctx *c, struct dbx_strbuf *s)
{
	char addr[DBX_ADDR_STRLEN];

	if (c->is_name && c->by_name) {
		dbx_strbuf_addf(s,
				"add a dns object with upstreams to the gateway document: %s is "
				"allowed by name, and without a resolver no name is learned",
				c->name);
		return;
	}
	if (c->said[0] && c->m->gateway.dns.has && c->asked.needs_learning) {
		dbx_strbuf_addf(
			s,
			"look up %s through the gateway first: its name is allowed, and the "
			"address must be in the answer",
			c->said);
		return;
	}
	if (c->is_name && c->asked.verdict == DBX_VERDICT_PASS && dbx_explain_is_private(c)) {
		dbx_strbuf_addf(s,
				"add an IPv%u address to rule %s in private_endpoints of the "
				"gateway document",
				c->t.src.is_v6 ? 6 : 4, c->pe ? c->pe->rule_id : "?");
		return;
	}
	if (c->said[0]) {
		advise_name(c, s);
		return;
	}
	dbx_strbuf_addf(s, "add {\"label\": \"...\", \"prefixes\": [\"%s/%u\"], ",
			dbx_addr_format(&c->t.dst, addr), dbx_addr_bits(&c->t.dst));
	add_service(c, s);
	dbx_strbuf_addf(
		s,
		", \"network_policy_ids\": [\"%s\"]} to allowed_destinations of the gateway "
		"document",
		policy_id(c));
}

static void advise_private(const struct dbx_explain_ctx *c, struct dbx_strbuf *s)
{
	const char *name = dbx_explain_guard(c);

	if (c->pe && !dbx_pe_rule_is_effective(c->pe))
		dbx_explain_pe_advice(c, s);
	else
		dbx_strbuf_addf(
			s,
			"look up %s through the gateway, and connect to the private address "
			"of the answer",
			name ? name : "the name");
}

static void advise_tunnel(const struct dbx_explain_ctx *c, struct dbx_strbuf *s)
{
	(void)c;
	dbx_strbuf_add(s, "reach it without a tunnel, or list it by address in "
			  "allowed_destinations of the gateway document and look it up elsewhere: "
			  "names are neither resolved nor checked inside a tunnel");
}

static const struct {
	enum dbx_reason reason;
	advice_fn advise;
} table[] = {
	{DBX_REASON_UNKNOWN_SOURCE, advise_source},
	{DBX_REASON_SPOOFED_SOURCE, advise_spoofed},
	{DBX_REASON_MARTIAN, advise_nothing},
	{DBX_REASON_MULTICAST, advise_nothing},
	{DBX_REASON_LINK_LOCAL, advise_nothing},
	{DBX_REASON_METADATA, advise_nothing},
	{DBX_REASON_GATEWAY_ADDRESS, advise_gateway},
	{DBX_REASON_WORKSPACE_ISOLATION, advise_workspace},
	{DBX_REASON_CLUSTER_ISOLATION, advise_cluster},
	{DBX_REASON_BLOCKED, advise_blocked},
	{DBX_REASON_NO_POLICY, advise_policy},
	{DBX_REASON_MODE_UNSPECIFIED, advise_mode},
	{DBX_REASON_PRIVATE_ENDPOINT_INACTIVE, dbx_explain_pe_advice},
	{DBX_REASON_PRIVATE_ENDPOINT_FOREIGN, advise_foreign},
	{DBX_REASON_PRIVATE_ENDPOINT_NAME, advise_endpoint_name},
	{DBX_REASON_PORT_NOT_LISTED, advise_port},
	{DBX_REASON_NAME_NOT_LEARNED, advise_listing},
	{DBX_REASON_NO_MATCH, advise_listing},
	{DBX_REASON_NAME_MISMATCH, advise_mismatch},
	{DBX_REASON_NAME_PORT, advise_name_port},
	{DBX_REASON_QUIC_REFUSED, advise_quic},
	{DBX_REASON_DNS_DENIED, advise_name},
	{DBX_REASON_DNS_BLOCKED, advise_blocked},
	{DBX_REASON_DNS_PATH_STYLE, advise_storage},
	{DBX_REASON_DNS_ACCESS_POINT, advise_storage},
	{DBX_REASON_DNS_BARE_STORAGE, advise_storage},
	{DBX_REASON_PRIVATE_REQUIRED, advise_private},
	{DBX_REASON_TUNNEL_NAME, advise_tunnel},
};

char *dbx_explain_advice(const struct dbx_explain_ctx *c)
{
	struct dbx_strbuf s;
	size_t i;

	dbx_strbuf_init(&s);
	for (i = 0; c->out->verdict != DBX_VERDICT_PASS && i < sizeof(table) / sizeof(table[0]);
	     i++) {
		if (table[i].reason == c->out->reason)
			table[i].advise(c, &s);
	}
	return dbx_strbuf_steal(&s);
}
