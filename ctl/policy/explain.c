// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * explain.c -- a verdict with every step that led to it.
 *
 * The verdict is the classifier's on the image, never explain's own (but for a name that is refused
 * before there is a packet); the steps are told from the model, and the evaluator is asked as well. If
 * the two do not agree, that is said.
 */
#include "policy/explain_impl.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_step(struct dbx_explain_ctx *c, const char *name, const char *result,
		     const char *doc, const char *ptr, char *text)
{
	struct dbx_explain_step s = {.text = text};

	s.name = strdup(name);
	s.result = strdup(result);
	s.doc = strdup(doc);
	s.ptr = strdup(ptr);
	if (!c->err && s.text && s.name && s.result && s.doc && s.ptr &&
	    dbx_vec_push(&c->steps, s) == 0)
		return;
	c->err = -ENOMEM;
	free(s.name);
	free(s.result);
	free(s.text);
	free(s.doc);
	free(s.ptr);
}

void dbx_explain_say(struct dbx_explain_ctx *c, const char *name, const char *result,
		     const struct dbx_where *where, const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	add_step(c, name, result, where ? dbx_model_doc_name(c->m, where) : "",
		 where && where->ptr ? where->ptr : "", text);
}

void dbx_explain_say_of(struct dbx_explain_ctx *c, const char *name, const char *result,
			const struct dbx_name_decision *d, const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	add_step(c, name, result, d->rule_doc, d->rule_ptr, text);
}

char *dbx_explain_proto(uint8_t proto, uint16_t port, char buf[DBX_PROTO_STRLEN])
{
	static const struct {
		uint8_t proto;
		const char *name;
	} named[] = {{6, "tcp"}, {17, "udp"}, {132, "sctp"}, {33, "dccp"}, {136, "udplite"}};
	size_t i;

	snprintf(buf, DBX_PROTO_STRLEN, "protocol %u", proto);
	for (i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		if (named[i].proto == proto)
			snprintf(buf, DBX_PROTO_STRLEN, "%s %u", named[i].name, port);
	}
	if (proto == 1 || proto == 58)
		snprintf(buf, DBX_PROTO_STRLEN, "%s type %u code %u",
			 proto == 1 ? "icmp" : "icmpv6", port >> 8, port & 0xff);
	return buf;
}

static bool has_ports(uint8_t proto)
{
	return proto == 6 || proto == 17 || proto == 132 || proto == 33 || proto == 136 ||
	       proto == 1 || proto == 58;
}

/* An address of the source that no longer prefix, of whatever workspace, takes from it. */
static bool pick_address(const struct dbx_model *m, const struct dbx_source *s,
			 struct dbx_addr *out)
{
	struct dbx_addr a = dbx_prefix_first(&s->prefix), last;
	const struct dbx_source *owner;
	const struct dbx_workspace *ws;

	for (;;) {
		owner = dbx_eval_binding(m, s->domain, &a, &ws);
		if (owner == s) {
			*out = a;
			return true;
		}
		last = owner ? dbx_prefix_last(&owner->prefix) : a; /* a: of the gateway */
		if (!dbx_addr_next(&last, &a) || !dbx_eval_in_prefix(&s->prefix, &a))
			return false;
	}
}

static bool source_fits(const struct dbx_explain_ctx *c, const struct dbx_source *s, bool is_v6)
{
	if (!c->is_name && (s->prefix.addr.is_v6 != 0) != is_v6)
		return false;
	return c->q->product < 0 || (int)dbx_eval_product(c->ws, s) == c->q->product;
}

/* The first source of the workspace that fits the question, and an address in it. */
static int choose_source(struct dbx_explain_ctx *c)
{
	size_t i, n_product = 0;

	for (i = 0; i < c->ws->n_sources; i++) {
		const struct dbx_source *s = &c->ws->sources[i];

		n_product += c->q->product < 0 || (int)dbx_eval_product(c->ws, s) == c->q->product;
		if (!source_fits(c, s, c->t.dst.is_v6) || !pick_address(c->m, s, &c->t.src))
			continue;
		c->source = s;
		c->t.domain = s->domain;
		return 0;
	}
	if (c->ws->n_sources && !n_product)
		dbx_diag_add(c->d, DBX_SEV_ERROR, "no-source-of-product", "", "",
			     "explain workspace %" PRId64 ": none of its sources is of product %s",
			     c->ws->id, dbx_product_name((enum dbx_product)c->q->product));
	else
		dbx_diag_add(c->d, DBX_SEV_ERROR, "no-source", "", "",
			     "explain workspace %" PRId64
			     ": it has no %ssource prefix in the gateway "
			     "document; add one, or give the source address",
			     c->ws->id,
			     !c->ws->n_sources ? ""
			     : c->t.dst.is_v6  ? "IPv6 "
					       : "IPv4 ");
	return -EINVAL;
}

/* The source that was asked for: any of the workspace's that has the address, else untagged. */
static int take_source(struct dbx_explain_ctx *c)
{
	const struct dbx_workspace *ws;
	size_t i;

	c->t.src = c->q->src;
	if (!c->is_name && (c->t.src.is_v6 != 0) != (c->t.dst.is_v6 != 0)) {
		dbx_diag_add(c->d, DBX_SEV_ERROR, "bad-query", "", "",
			     "explain: the source and the destination are of different address "
			     "families; give two IPv4 or two IPv6 addresses");
		return -EINVAL;
	}
	for (i = 0; i < c->ws->n_sources; i++) {
		const struct dbx_source *s = &c->ws->sources[i];

		if (dbx_eval_binding(c->m, s->domain, &c->t.src, &ws) == s) {
			c->source = s;
			c->t.domain = s->domain;
			return 0;
		}
	}
	if (!dbx_eval_owner(c->m, 0, &c->t.src, &ws))
		return 0; /* nobody's: unknown-source */
	dbx_diag_add(c->d, DBX_SEV_ERROR, "bad-query", "", "",
		     "explain workspace %" PRId64 ": the source address is not its own, but in a "
		     "prefix of another workspace",
		     c->ws->id);
	return -EINVAL;
}

static int read_destination(struct dbx_explain_ctx *c)
{
	const char *why = "";

	if (dbx_addr_parse(c->q->dst, &c->t.dst) == 0)
		return 0;
	if (dbx_name_canon(c->q->dst, c->name, &why) == 0) {
		c->is_name = true;
		return 0;
	}
	dbx_diag_add(
		c->d, DBX_SEV_ERROR, "bad-query", "", "",
		"explain destination \"%s\": it %s; accepted are an IP address and a host name",
		c->q->dst, why);
	return -EINVAL;
}

static int read_said(struct dbx_explain_ctx *c)
{
	const char *why = "";

	if (!c->q->name && c->is_name)
		strcpy(c->said, c->name);
	if (!c->q->name || dbx_name_canon(c->q->name, c->said, &why) == 0)
		return 0;
	dbx_diag_add(c->d, DBX_SEV_ERROR, "bad-query", "", "", "explain name \"%s\": it %s",
		     c->q->name, why);
	return -EINVAL;
}

static int read_query(struct dbx_explain_ctx *c)
{
	int rc = read_destination(c);

	if (!rc)
		rc = read_said(c);
	if (rc)
		return rc;
	c->ws = dbx_model_workspace(c->m, c->q->workspace_id);
	if (!c->ws) {
		dbx_diag_add(c->d, DBX_SEV_ERROR, "unknown-workspace", "", "",
			     "explain workspace %" PRId64 ": the gateway document does not have it",
			     c->q->workspace_id);
		return -EINVAL;
	}
	c->policy = dbx_model_policy_of(c->m, c->ws->id, NULL);
	c->ncc = dbx_model_ncc_of(c->m, c->ws->id);
	c->t.proto = c->q->proto;
	c->t.has_ports = true;
	c->t.dport = has_ports(c->q->proto) ? c->q->port : 0;
	return c->q->has_src ? take_source(c) : choose_source(c);
}

static char *dup_image_string(const struct dbx_image *img, uint32_t offset)
{
	return strdup(dbx_image_string(img, offset));
}

static void take_verdict(struct dbx_explain_ctx *c, const struct dbx_result *res)
{
	struct dbx_explanation *o = c->out;

	o->verdict = (enum dbx_verdict)res->verdict;
	o->reason = (enum dbx_reason)res->reason;
	o->path = (enum dbx_path)res->path;
	o->mark = dbx_judge_mark(c->img, res);
	o->workspace_id = res->workspace_id ? (int64_t)res->workspace_id : c->ws->id;
	o->generation = res->generation;
	if (c->is_name && !c->m->gateway.dns.has)
		dbx_explain_name_refused(c, o->reason);
	if (c->pe_refuses)
		dbx_explain_conclude(c, DBX_VERDICT_DROP, DBX_REASON_PRIVATE_ENDPOINT_INACTIVE,
				     DBX_PATH_NONE);
}

static void take_route(struct dbx_explain_ctx *c)
{
	const struct dbx_path_route *r =
		dbx_model_route(c->m, c->out->path, c->ncc ? c->ncc->id : NULL);

	c->out->via = strdup(r && c->out->mark ? r->interface : "");
	if (!c->out->via)
		c->err = -ENOMEM;
}

/* A name that waits has an entry of the documents, though the verdict on its packets has none. */
static void take_name_rule(struct dbx_explain_ctx *c)
{
	struct dbx_explanation *o = c->out;

	if (asprintf(&o->rule, "name %s", c->name) < 0)
		o->rule = NULL;
	o->rule_doc = strdup(dbx_model_doc_name(c->m, c->by_name));
	o->rule_ptr = strdup(c->by_name->ptr ? c->by_name->ptr : "");
}

static void take_endpoint_rule(struct dbx_explain_ctx *c)
{
	struct dbx_explanation *o = c->out;

	if (asprintf(&o->rule, "private endpoint rule %s", c->pe->rule_id) < 0)
		o->rule = NULL;
	o->rule_doc = strdup(dbx_model_doc_name(c->m, &c->pe->where));
	o->rule_ptr = strdup(c->pe->where.ptr ? c->pe->where.ptr : "");
}

/* Texts of the policy and rule that the classifier named. */
static void take_rule(struct dbx_explain_ctx *c, const struct dbx_result *res)
{
	static const struct dbx_img_rule none; /* string 0 is "" */
	struct dbx_explanation *o = c->out;
	const struct dbx_img_policy *policies;
	const struct dbx_img_rule *rules, *r = &none;
	uint32_t n_policies, n_rules;

	policies = dbx_image_section(c->img, DBX_SEC_POLICIES, &n_policies);
	rules = dbx_image_section(c->img, DBX_SEC_RULES, &n_rules);
	o->policy =
		dup_image_string(c->img, res->policy < n_policies ? policies[res->policy].id : 0);
	if (res->rule && res->rule <= n_rules && o->reason == (enum dbx_reason)res->reason)
		r = &rules[res->rule - 1];
	if (c->pe && (c->pe_refuses || o->reason == DBX_REASON_PRIVATE_REQUIRED)) {
		take_endpoint_rule(c);
	} else if (c->rule_of) {
		o->rule = strdup(c->rule_of->rule_text);
		o->rule_doc = strdup(c->rule_of->rule_doc);
		o->rule_ptr = strdup(c->rule_of->rule_ptr);
	} else if (r == &none && c->by_name && o->reason == DBX_REASON_NAME_NOT_LEARNED) {
		take_name_rule(c);
	} else {
		o->rule = dup_image_string(c->img, r->text);
		o->rule_doc = dup_image_string(c->img, r->doc);
		o->rule_ptr = dup_image_string(c->img, r->ptr);
	}
	if (!o->policy || !o->rule || !o->rule_doc || !o->rule_ptr)
		c->err = -ENOMEM;
}

static void judge(struct dbx_explain_ctx *c, struct dbx_result *res)
{
	struct dbx_pkt pkt = {
		.domain = c->t.domain,
		.dport = c->t.dport,
		.proto = c->t.proto,
		.flags = DBX_PKT_F_TUPLE | DBX_PKT_F_PORTS,
	};

	if (c->t.dst.is_v6)
		pkt.flags |= DBX_PKT_F_IPV6;
	dbx_judge_addr(&c->t.src, pkt.src);
	dbx_judge_addr(&c->t.dst, pkt.dst);
	dbx_judge_tuple(c->img, &pkt, DBX_PORT_ANY, res);
	dbx_judge_learned(c->img, &pkt, DBX_PORT_ANY,
			  DBX_ENV_LEARNED | (dbx_explain_guard(c) ? DBX_ENV_GUARDED : 0),
			  &c->if_learned);
}

/* A verdict that nobody can explain is worth more than a smooth story. */
static void compare(struct dbx_explain_ctx *c, const struct dbx_result *res)
{
	struct dbx_eval_result want;

	dbx_eval_tuple(c->m, &c->t, &want);
	if ((int)want.verdict == res->verdict && (int)want.reason == res->reason &&
	    (int)want.path == res->path && want.mark == dbx_judge_mark(c->img, res))
		return;
	dbx_diag_add(c->d, DBX_SEV_WARNING, "disagreement", "", "",
		     "the classifier says %s (%s, path %s), the evaluator %s (%s, path %s); the "
		     "classifier is what packets meet; please report this with the documents",
		     dbx_verdict_name((enum dbx_verdict)res->verdict),
		     dbx_reason_slug((enum dbx_reason)res->reason),
		     dbx_path_name((enum dbx_path)res->path), dbx_verdict_name(want.verdict),
		     dbx_reason_slug(want.reason), dbx_path_name(want.path));
}

static void describe(struct dbx_explain_ctx *c)
{
	char text[DBX_ADDR_STRLEN];
	struct dbx_explanation *o = c->out;

	o->src = strdup(dbx_addr_format(&c->t.src, text));
	o->dst = strdup(c->is_name ? c->name : dbx_addr_format(&c->t.dst, text));
	o->dst_is_name = c->is_name;
	o->said = strdup(c->said);
	o->is_live = c->q->is_live;
	o->port = c->t.dport;
	o->proto = c->t.proto;
	if (!o->src || !o->dst || !o->said)
		c->err = -ENOMEM;
}

/* What the resolver says, and what was learned: for programs, beside the steps. */
static void describe_names(struct dbx_explain_ctx *c)
{
	struct dbx_explanation *o = c->out;

	o->dns_verdict = c->asked.verdict;
	o->dns_reason = c->asked.reason;
	o->dns_rule = strdup(o->has_dns ? c->asked.rule_text : "");
	o->dns_doc = strdup(o->has_dns ? c->asked.rule_doc : "");
	o->dns_ptr = strdup(o->has_dns ? c->asked.rule_ptr : "");
	o->is_private = o->has_dns && dbx_explain_is_private(c);
	o->n_answer = o->is_private ? c->asked.n_addrs : 0;
	o->answer = calloc(o->n_answer + 1, sizeof(*o->answer));
	for (size_t i = 0; o->answer && i < o->n_answer; i++)
		o->answer[i] = c->asked.addrs[i];
	o->alias = strdup(o->is_private ? c->asked.cname : "");
	o->learned = calloc(c->q->n_learned + 1, sizeof(*o->learned));
	for (size_t i = 0; o->learned && i < c->q->n_learned; i++) {
		o->learned[i] = c->q->learned[i];
		o->learned[i].name = strdup(c->q->learned[i].name);
		if (!o->learned[i].name)
			c->err = -ENOMEM;
		o->n_learned++;
	}
	if (!o->dns_rule || !o->dns_doc || !o->dns_ptr || !o->answer || !o->alias || !o->learned)
		c->err = -ENOMEM;
}

/* The steps; what names decide replaces the verdict on the bare packet. */
static void tell(struct dbx_explain_ctx *c, const struct dbx_result *res)
{
	bool says_guard = dbx_explain_says_guard(c);
	bool by_name = c->if_learned.reason != res->reason || (c->if_learned.guarded && says_guard);

	/* of the bare packet, tunnel-name is a query's, too */
	if (res->reason == DBX_REASON_DNS_STEERED || res->reason == DBX_REASON_TUNNEL_NAME) {
		dbx_explain_flow_query_steps(c);
		return;
	}
	compare(c, res);
	if (c->is_name && c->m->gateway.dns.has) {
		dbx_explain_flow_name_steps(c);
	} else if (c->is_name) {
		dbx_explain_name_steps(c);
	} else {
		c->names_decide = by_name && (c->said[0] || dbx_explain_guard(c) ||
					      dbx_explain_learned_at(c, NULL, &c->t.dst));
		if (c->said[0] && !c->names_decide)
			dbx_explain_say(c, "name", "continue", NULL,
					"%s %s: the address alone decides", c->said,
					c->if_learned.guarded
						? "is not what is refused at this address"
						: "is not looked at");
		dbx_explain_addr_steps(c);
		if (c->names_decide)
			dbx_explain_flow_addr_steps(c);
	}
}

static int open_names(struct dbx_explain_ctx *c, struct dbx_names **own)
{
	int product = c->source ? (int)dbx_eval_product(c->ws, c->source) : 0;
	int rc = c->q->names ? 0 : dbx_names_new(c->m, own);

	if (rc)
		return rc;
	c->names = c->q->names ? c->q->names : *own;
	dbx_names_decide(c->names, c->ws->id, product, c->said, &c->saying);
	dbx_names_decide(c->names, c->ws->id, product, c->is_name ? c->name : c->said, &c->asked);
	c->out->has_dns = c->m->gateway.dns.has && (c->is_name || c->said[0]);
	return 0;
}

int dbx_explain(const struct dbx_model *m, const struct dbx_image *img,
		const struct dbx_explain_query *q, struct dbx_explanation *out, struct dbx_diag *d)
{
	struct dbx_explanation e = {0};
	struct dbx_explain_ctx c = {.m = m, .img = img, .q = q, .d = d, .out = &e};
	struct dbx_names *own = NULL;
	struct dbx_result res;
	int rc = read_query(&c);

	if (!rc)
		rc = open_names(&c, &own);
	if (rc)
		return rc;
	if (c.is_name)
		dbx_explain_name_pick(&c);
	judge(&c, &res);
	describe(&c);
	describe_names(&c);
	take_verdict(&c, &res);
	tell(&c, &res);
	take_route(&c);
	dbx_explain_path_step(&c);
	dbx_explain_guard_step(&c);
	if (res.reason != DBX_REASON_DNS_STEERED)
		dbx_explain_quota_step(&c);
	dbx_explain_reject_step(&c);
	take_rule(&c, &res);
	e.steps = c.steps.v;
	e.n_steps = c.steps.n;
	e.advice = dbx_explain_advice(&c);
	rc = dbx_explain_tags(&c);
	if (!e.advice || c.err)
		rc = -ENOMEM;
	if (rc)
		dbx_explanation_fini(&e);
	else
		*out = e;
	dbx_names_free(&own);
	return rc;
}

void dbx_explanation_fini(struct dbx_explanation *e)
{
	size_t i;

	for (i = 0; i < e->n_steps; i++) {
		free(e->steps[i].name);
		free(e->steps[i].result);
		free(e->steps[i].text);
		free(e->steps[i].doc);
		free(e->steps[i].ptr);
	}
	for (i = 0; i < e->n_tags; i++)
		free(e->tags[i]);
	for (i = 0; i < e->n_learned; i++)
		free(e->learned[i].name);
	free(e->learned);
	free(e->answer);
	free(e->alias);
	free(e->said);
	free(e->dns_rule);
	free(e->dns_doc);
	free(e->dns_ptr);
	free(e->steps);
	free(e->tags);
	free(e->src);
	free(e->dst);
	free(e->via);
	free(e->policy);
	free(e->rule);
	free(e->rule_doc);
	free(e->rule_ptr);
	free(e->advice);
	*e = (struct dbx_explanation){0};
}
