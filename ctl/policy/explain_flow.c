// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * explain_flow.c -- a flow by name, step by step: the lookup, the address, the name that it says.
 *
 * The resolver's own index says what becomes of the lookup, the classifier what becomes of packets to
 * an address that is learned; the last step is the check of the hello. An address that has still to be
 * learned is taken for learned when its lookup would be answered: the verdict is then that on the flow
 * that follows the lookup, and needs_lookup says so.
 */
#include "policy/explain_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/strbuf.h"

#define LIST_MAX 8 /* addresses, or names, that a step tells */

const struct dbx_explain_learned *dbx_explain_learned_at(const struct dbx_explain_ctx *c,
							 const char *name,
							 const struct dbx_addr *addr)
{
	size_t i;

	for (i = 0; i < c->q->n_learned; i++) {
		const struct dbx_explain_learned *l = &c->q->learned[i];

		if (!l->is_guard && (!name || strcmp(l->name, name) == 0) &&
		    dbx_addr_cmp(&l->addr, addr) == 0)
			return l;
	}
	return NULL;
}

void dbx_explain_conclude(struct dbx_explain_ctx *c, enum dbx_verdict verdict,
			  enum dbx_reason reason, enum dbx_path path)
{
	struct dbx_result res = c->if_learned; /* of the same source */

	c->out->verdict = verdict;
	c->out->reason = reason;
	c->out->path = verdict == DBX_VERDICT_DROP ? DBX_PATH_NONE : path;
	res.verdict = (uint8_t)verdict;
	res.path = (uint8_t)c->out->path;
	c->out->mark = dbx_judge_mark(c->img, &res);
}

bool dbx_explain_is_private(const struct dbx_explain_ctx *c)
{
	return c->m->gateway.dns.has && c->asked.is_private && c->asked.verdict != DBX_VERDICT_DROP;
}

static void conclude_soft(struct dbx_explain_ctx *c, enum dbx_reason reason)
{
	dbx_explain_conclude(c, c->if_learned.dry_run ? DBX_VERDICT_DRY_RUN : DBX_VERDICT_DROP,
			     reason, (enum dbx_path)c->if_learned.name_path);
}

/* The verdict on the packet, should its address be learned. */
static void conclude_learned(struct dbx_explain_ctx *c)
{
	dbx_explain_conclude(c, (enum dbx_verdict)c->if_learned.verdict,
			     (enum dbx_reason)c->if_learned.reason,
			     (enum dbx_path)c->if_learned.path);
}

/* ---- DNS ---- */

static const char *blocked_only_there(const struct dbx_explain_ctx *c)
{
	if (!c->policy || c->policy->mode != DBX_MODE_FULL_ACCESS)
		return "";
	return "; under FULL_ACCESS that is all: packets to its addresses leave, if the client knows "
	       "them";
}

static void tell_query_in_tunnel(struct dbx_explain_ctx *c)
{
	dbx_explain_conclude(c, DBX_VERDICT_DROP, DBX_REASON_TUNNEL_NAME, DBX_PATH_NONE);
	dbx_explain_say(c, "dns", "deny", &c->source->where,
			"a DNS query inside a tunnel goes nowhere: %s",
			dbx_reason_text(DBX_REASON_TUNNEL_NAME));
}

static void tell_refusal(struct dbx_explain_ctx *c)
{
	const struct dbx_name_decision *d = &c->asked;
	bool is_inactive = d->reason == DBX_REASON_PRIVATE_ENDPOINT_INACTIVE && c->pe;
	struct dbx_strbuf s;

	dbx_explain_conclude(c, DBX_VERDICT_DROP, d->reason, DBX_PATH_NONE);
	c->rule_of = d;
	c->no_packet = true;
	dbx_strbuf_init(&s);
	if (is_inactive) {
		dbx_strbuf_addf(&s, "; rule %s is ", c->pe->rule_id);
		dbx_explain_pe_state(c, c->pe, &s);
	} else if (d->reason == DBX_REASON_DNS_BLOCKED) {
		dbx_strbuf_add(&s, blocked_only_there(c));
	}
	dbx_explain_say_of(
		c, "dns", "deny", d, "the resolver answers NXDOMAIN, and asks nobody: %s: %s%s",
		dbx_reason_slug(d->reason), dbx_reason_text(d->reason), s.len && !s.err ? s.s : "");
	c->err = s.err ? s.err : c->err;
	dbx_strbuf_fini(&s);
}

/* "the private address 10.9.0.4 (alias lake.privatelink.dfs.core.windows.net)" */
static void add_answer(const struct dbx_explain_ctx *c, struct dbx_strbuf *s)
{
	const struct dbx_name_decision *d = &c->asked;
	char text[DBX_ADDR_STRLEN];
	size_t i;

	dbx_strbuf_add(s, d->n_addrs == 0  ? "no address: the private endpoint has none"
			  : d->n_addrs > 1 ? "the private addresses "
					   : "the private address ");
	for (i = 0; i < d->n_addrs && i < LIST_MAX; i++)
		dbx_strbuf_addf(s, "%s%s", i ? ", " : "", dbx_addr_format(&d->addrs[i], text));
	if (d->n_addrs > LIST_MAX)
		dbx_strbuf_addf(s, " and %zu more", d->n_addrs - LIST_MAX);
	if (d->cname[0])
		dbx_strbuf_addf(s, " (alias %s)", d->cname);
	if (c->is_name && d->n_addrs && !c->pe_is_judged)
		dbx_strbuf_addf(s, ", none of them %s", c->t.src.is_v6 ? "IPv6" : "IPv4");
}

/* The resolver answers by itself. */
static void tell_private_answer(struct dbx_explain_ctx *c)
{
	const struct dbx_name_decision *d = &c->asked;
	struct dbx_strbuf s;

	dbx_strbuf_init(&s);
	add_answer(c, &s);
	if (!c->is_name)
		dbx_explain_say_of(c, "dns", "match", d, "a lookup of %s is answered with %s",
				   c->said, s.err ? "?" : s.s);
	else if (d->verdict == DBX_VERDICT_DRY_RUN)
		dbx_explain_say_of(c, "dns", "continue", d,
				   "%s: %s; the resolver answers with %s all the same, and records "
				   "it, because the policy is in dry-run for this product",
				   dbx_reason_slug(d->reason), dbx_reason_text(d->reason),
				   s.err ? "?" : s.s);
	else
		dbx_explain_say_of(c, "dns", "match", d, "the resolver answers with %s, by %s",
				   s.err ? "?" : s.s, d->rule_text);
	c->err = s.err ? s.err : c->err;
	dbx_strbuf_fini(&s);
}

/* False: the lookup is refused, and that decides. */
static bool tell_lookup(struct dbx_explain_ctx *c)
{
	const struct dbx_name_decision *d = &c->asked;
	const char *slug = dbx_reason_slug(d->reason), *text = dbx_reason_text(d->reason);

	if (dbx_domain_is_tunnel(c->t.domain)) {
		tell_query_in_tunnel(c);
		return false;
	}
	if (d->verdict == DBX_VERDICT_DROP) {
		tell_refusal(c);
		return false;
	}
	if (dbx_explain_is_private(c))
		tell_private_answer(c);
	else if (d->verdict == DBX_VERDICT_DRY_RUN)
		dbx_explain_say_of(c, "dns", "continue", d,
				   "%s: %s; answered and recorded all the same, because the policy "
				   "is in dry-run for this product; nothing is learned",
				   slug, text);
	else if (d->needs_learning)
		dbx_explain_say_of(c, "dns", "match", d, "the resolver answers: %s, by %s", slug,
				   d->rule_text);
	else
		dbx_explain_say_of(c, "dns", "continue", d,
				   "the resolver answers: %s; nothing need be learned", slug);
	return true;
}

/* Beside an address: what a lookup of the name that the flow says would come to. */
static void tell_lookup_aside(struct dbx_explain_ctx *c)
{
	const struct dbx_name_decision *d = &c->asked;

	if (!c->m->gateway.dns.has)
		dbx_explain_say(c, "dns", "no match", NULL,
				"the gateway document has no dns object, so no name is learned");
	else if (dbx_explain_is_private(c))
		tell_private_answer(c);
	else if (d->verdict == DBX_VERDICT_PASS)
		dbx_explain_say_of(c, "dns", "match", d, "a lookup of %s is answered: %s, by %s",
				   c->said, dbx_reason_slug(d->reason), d->rule_text);
	else
		dbx_explain_say_of(c, "dns", "no match", d,
				   "a lookup of %s teaches nothing: %s: %s", c->said,
				   dbx_reason_slug(d->reason), dbx_reason_text(d->reason));
}

void dbx_explain_flow_query_steps(struct dbx_explain_ctx *c)
{
	if (!dbx_explain_source_step(c))
		return;
	if (c->out->reason == DBX_REASON_TUNNEL_NAME)
		tell_query_in_tunnel(c);
	else
		dbx_explain_say(
			c, "dns", "allow", &c->m->gateway.dns.where,
			"a DNS query, to whatever server: the gateway's resolver answers it, by the "
			"policy of the workspace");
}

/* ---- the address ---- */

/* "192.0.2.1 (55 s), 192.0.2.2 (55 s) and 3 more" of a name; or the names of an address. */
static char *list_learned(const struct dbx_explain_ctx *c, const char *name,
			  const struct dbx_addr *addr)
{
	char text[DBX_ADDR_STRLEN];
	struct dbx_strbuf s;
	size_t i, n = 0;

	dbx_strbuf_init(&s);
	for (i = 0; i < c->q->n_learned; i++) {
		const struct dbx_explain_learned *l = &c->q->learned[i];

		if (name ? l->is_guard || strcmp(l->name, name) != 0
			 : dbx_addr_cmp(&l->addr, addr) != 0)
			continue;
		if (n++ >= LIST_MAX)
			continue;
		if (l->is_guard)
			dbx_strbuf_addf(&s, "%s%s (refused here)", n > 1 ? ", " : "", l->name);
		else
			dbx_strbuf_addf(&s, "%s%s (%" PRIu64 " s)", n > 1 ? ", " : "",
					name ? dbx_addr_format(&l->addr, text) : l->name,
					l->expires_in_s);
	}
	if (n > LIST_MAX)
		dbx_strbuf_addf(&s, " and %zu more", n - LIST_MAX);
	return dbx_strbuf_steal(&s);
}

static bool names_are_asked(const struct dbx_explain_ctx *c)
{
	if (c->if_learned.guarded)
		return dbx_explain_says_guard(c);
	switch (c->if_learned.reason) {
	case DBX_REASON_PRIVATE_REQUIRED:
	case DBX_REASON_NAME_HANDSHAKE:
	case DBX_REASON_NAME_UNVERIFIED:
	case DBX_REASON_NAME_PORT:
	case DBX_REASON_QUIC_REFUSED:
		return true;
	default:
		return false;
	}
}

/* Where the packets of a name go. */
static void tell_where(struct dbx_explain_ctx *c)
{
	char *list;

	if (c->at) {
		list = list_learned(c, c->name, NULL);
		dbx_explain_say(c, "address", "match", NULL, "learned for %s: %s", c->name,
				list ? list : "");
		if (!list)
			c->err = -ENOMEM;
		free(list);
		return;
	}
	c->out->needs_lookup = true;
	dbx_explain_say(c, "address", "continue", NULL,
			c->q->is_live
				? "not learned yet: a lookup of %s has to come first; the "
				  "addresses of its answer are learned before it is given"
				: "would be learned from the DNS answer for %s, before that is "
				  "given",
			c->name);
}

/* False: it decides, whatever name the flow says. */
static bool tell_address(struct dbx_explain_ctx *c)
{
	char text[DBX_ADDR_STRLEN];

	if (c->asked.needs_learning)
		tell_where(c);
	if (c->asked.needs_learning && names_are_asked(c))
		return true;
	if (c->asked.needs_learning)
		conclude_learned(c);
	dbx_explain_say(c, "address", dbx_explain_result(c), NULL,
			"packets to %s%s are judged as %s: %s, whatever name they say",
			c->at || c->pe_is_judged ? "" : "an address that nothing lists, like ",
			dbx_addr_format(&c->t.dst, text), dbx_reason_slug(c->out->reason),
			dbx_reason_text(c->out->reason));
	return false;
}

/* Packets to the private address that the name has; false: something else decides on them. */
static bool tell_endpoint(struct dbx_explain_ctx *c)
{
	char text[DBX_ADDR_STRLEN];
	bool is_of_endpoint = c->out->path == DBX_PATH_PRIVATE_ENDPOINT ||
			      (c->out->reason >= DBX_REASON_PRIVATE_ENDPOINT_INACTIVE &&
			       c->out->reason <= DBX_REASON_PRIVATE_ENDPOINT);

	if (!c->pe_is_judged || !c->pe || !is_of_endpoint)
		return false;
	dbx_explain_say(c, "private-endpoint", dbx_explain_result(c), &c->pe->where,
			"%s is the address of private endpoint rule %s (%s): %s%s",
			dbx_addr_format(&c->t.dst, text), c->pe->rule_id,
			dbx_pe_state_name(c->pe->state), dbx_reason_text(c->out->reason),
			dbx_explain_pe_is_required(c, c->pe) ? "; its public addresses are refused"
							     : "");
	return true;
}

/* Of an address: who learned it. False: nothing did, and the verdict on the packet stays. */
static bool tell_who(struct dbx_explain_ctx *c)
{
	const struct dbx_gateway *g = &c->m->gateway;
	bool is_known = c->q->is_live &&
			(dbx_explain_guard(c) || dbx_explain_learned_at(c, NULL, &c->t.dst));
	char *list, text[DBX_ADDR_STRLEN];

	dbx_addr_format(&c->t.dst, text);
	if (is_known) {
		list = list_learned(c, NULL, &c->t.dst);
		dbx_explain_say(c, "address", "match", NULL, "%s is learned for %s", text,
				list ? list : "");
		if (!list)
			c->err = -ENOMEM;
		free(list);
		return true;
	}
	if (dbx_explain_guard(c)) {
		dbx_explain_say(c, "address", "continue", NULL,
				"would be guarded, if it is a public address of %s: the resolver "
				"looks those up by itself",
				c->said);
		return true;
	}
	if (!c->q->is_live && g->dns.has && c->asked.needs_learning) {
		dbx_explain_say(c, "address", "continue", NULL,
				"would be learned from the DNS answer for %s, if that has %s",
				c->said, text);
		return true;
	}
	dbx_explain_say(c, "address", dbx_explain_result(c), NULL,
			"%s %s%s, so packets to it are judged as %s: %s", text,
			c->q->is_live ? "is learned for no name" : "is not learned by that",
			c->asked.needs_learning && g->dns.has
				? "; a lookup whose answer has it must come first"
				: "",
			dbx_reason_slug(c->out->reason), dbx_reason_text(c->out->reason));
	return false;
}

/* ---- the name that the flow says ---- */

static const struct {
	const char *step, *must;
} kinds[DBX_NAME_PORT_MAX] = {
	[DBX_NAME_PORT_TLS] = {"tls", "the TCP handshake passes; then its ClientHello must name"},
	[DBX_NAME_PORT_HTTP] =
		{"http", "the TCP handshake passes; then the Host of its only request must be"},
	[DBX_NAME_PORT_QUIC] = {"quic",
				"its packets are held until the ClientHello in its Initial names"},
};

static const char guard_must[DBX_NAME_PORT_MAX][80] = {
	[DBX_NAME_PORT_TLS] = "the TCP handshake passes; then its ClientHello must not name",
	[DBX_NAME_PORT_HTTP] = "the TCP handshake passes; then the Host of a request must not be",
	[DBX_NAME_PORT_QUIC] = "its packets are held; the ClientHello in its Initial must not name",
};

static bool is_bound(const struct dbx_explain_ctx *c)
{
	if (dbx_explain_learned_at(c, c->said, &c->t.dst))
		return true;
	if (c->is_name) /* still to be looked up: then its answer binds it */
		return !c->at && strcmp(c->said, c->name) == 0;
	return !c->q->is_live && c->saying.needs_learning;
}

static void tell_hello(struct dbx_explain_ctx *c)
{
	const char *step = kinds[c->if_learned.flow].step, *must = kinds[c->if_learned.flow].must;

	if (dbx_explain_says_guard(c)) {
		dbx_explain_guard_refuses(c, step, guard_must[c->if_learned.flow]);
	} else if (!c->said[0]) {
		conclude_learned(c);
		dbx_explain_say(c, step, "allow", NULL,
				"%s a name that was learned for the address", must);
	} else if (is_bound(c)) {
		dbx_explain_conclude(c, DBX_VERDICT_PASS, DBX_REASON_LISTED_NAME,
				     (enum dbx_path)c->if_learned.path);
		c->rule_of = &c->saying;
		dbx_explain_say_of(c, step, "allow", &c->saying, "%s %s, as here", must, c->said);
	} else {
		conclude_soft(c, DBX_REASON_NAME_MISMATCH);
		dbx_explain_say_of(c, step, dbx_explain_result(c), &c->saying,
				   "%s a name that was learned for the "
				   "address, and %s was not",
				   must, c->said);
	}
}

static void tell_flow(struct dbx_explain_ctx *c)
{
	char proto[DBX_PROTO_STRLEN];

	dbx_explain_proto(c->t.proto, c->t.dport, proto);
	if (c->if_learned.guarded || c->if_learned.reason == DBX_REASON_NAME_HANDSHAKE) {
		tell_hello(c);
		return;
	}
	conclude_learned(c);
	if (c->out->reason == DBX_REASON_PRIVATE_REQUIRED)
		dbx_explain_guard_refuses(c, "port",
					  "unverified_ports has it, where a flow need not tell "
					  "whether it means");
	else if (c->out->reason == DBX_REASON_TUNNEL_NAME)
		dbx_explain_say(c, "tunnel", "deny", &c->source->where,
				"the address would be learned or guarded, but %s",
				dbx_reason_text(c->out->reason));
	else if (c->out->reason == DBX_REASON_QUIC_REFUSED)
		dbx_explain_say(
			c, "quic", dbx_explain_result(c), NULL,
			"%s to a learned address is QUIC, and refused with an ICMP error, so "
			"that clients fall back to TCP at once",
			proto);
	else if (c->out->reason == DBX_REASON_NAME_UNVERIFIED)
		dbx_explain_say(c, "port", "allow", &c->m->gateway.names.where,
				"unverified_ports has %s: the flow need not say a name", proto);
	else
		dbx_explain_say(c, "port", dbx_explain_result(c), NULL,
				"%s carries no name that can be checked: neither tls_ports nor "
				"http_ports nor unverified_ports has it",
				proto);
	if (c->out->reason == DBX_REASON_NAME_UNVERIFIED && c->is_name)
		c->rule_of = &c->asked;
}

/* ---- all of it ---- */

void dbx_explain_flow_name_steps(struct dbx_explain_ctx *c)
{
	if (!dbx_explain_source_step(c))
		return;
	dbx_explain_say(c, "isolation", "continue", NULL,
			"a name: the addresses that it resolves to are judged when packets come");
	if (c->policy && c->policy->mode != DBX_MODE_UNSPECIFIED)
		dbx_explain_policy_step(c, "continue");
	if (!tell_lookup(c))
		return;
	if (!tell_endpoint(c) && tell_address(c))
		tell_flow(c);
}

void dbx_explain_flow_addr_steps(struct dbx_explain_ctx *c)
{
	if (c->said[0])
		tell_lookup_aside(c);
	if (tell_who(c))
		tell_flow(c);
}
