// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * explain_path.c -- by which route a packet leaves, what limits its workspace, how a denial is told.
 */
#include "policy/explain_impl.h"

#include <inttypes.h>
#include <string.h>

static const struct dbx_addr *of_family(const struct dbx_addr *v, size_t n, bool is_v6)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if ((v[i].is_v6 != 0) == is_v6)
			return &v[i];
	}
	return NULL;
}

/* ": up0, next hop 192.0.2.1, from 203.0.113.5, mark 0x0db60001" */
static void add_route(const struct dbx_explain_ctx *c, const struct dbx_path_route *r,
		      struct dbx_strbuf *s)
{
	bool is_v6 = c->t.dst.is_v6 != 0;
	const struct dbx_addr *hop, *from;
	char text[DBX_ADDR_STRLEN];

	if (!r) {
		dbx_strbuf_add(s, ", as the host routes it: the gateway document has no such path");
		return;
	}
	hop = of_family(r->next_hops, r->n_next_hops, is_v6);
	from = of_family(r->source_addresses, r->n_source_addresses, is_v6);
	dbx_strbuf_addf(s, ": %s, ", r->interface);
	if (hop)
		dbx_strbuf_addf(s, "next hop %s", dbx_addr_format(hop, text));
	else
		dbx_strbuf_add(s, "on the link");
	if (from)
		dbx_strbuf_addf(s, ", from %s", dbx_addr_format(from, text));
	else
		dbx_strbuf_add(s, ", with its own source address");
	dbx_strbuf_addf(s, ", mark 0x%08" PRIx32, c->out->mark);
}

void dbx_explain_path_step(struct dbx_explain_ctx *c)
{
	static const char *const how[DBX_PATH_MAX] = {
		[DBX_PATH_LOCAL] = "stays on the gateway's own links",
		[DBX_PATH_PRIVATE_ENDPOINT] = "leaves to the private endpoint",
		[DBX_PATH_SERVICE_ENDPOINT] = "leaves by the service endpoint of the NCC",
		[DBX_PATH_NAT] = "leaves by NAT",
		[DBX_PATH_FIREWALL] = "leaves to the firewall, since the workspace is isolated",
	};
	enum dbx_path path = c->out->path;
	const struct dbx_where *where = NULL;
	const struct dbx_path_route *r;
	struct dbx_strbuf s;

	if (path == DBX_PATH_NONE)
		return;
	r = dbx_model_route(c->m, path, c->ncc ? c->ncc->id : NULL);
	if (r)
		where = &r->where;
	else if (path == DBX_PATH_SERVICE_ENDPOINT && c->ncc)
		where = &c->ncc->where;
	dbx_strbuf_init(&s);
	dbx_strbuf_add(&s, how[path]);
	if (path != DBX_PATH_LOCAL)
		add_route(c, r, &s);
	dbx_explain_say(c, "path", dbx_path_name(path), where, "%s", s.err ? "" : s.s);
	c->err = s.err ? s.err : c->err;
	dbx_strbuf_fini(&s);
}

/* ---- what happens beside the verdict ---- */

void dbx_explain_quota_step(struct dbx_explain_ctx *c)
{
	const struct dbx_quota_limits *q = &c->ws->quota;
	struct dbx_strbuf s;

	if (!q->has)
		q = &c->m->gateway.default_quota;
	if (!q->has || c->out->verdict == DBX_VERDICT_DROP)
		return;
	dbx_strbuf_init(&s);
	if (q->flows_per_s)
		dbx_strbuf_addf(&s, "%u new flows a second", q->flows_per_s);
	if (q->bytes_per_s)
		dbx_strbuf_addf(&s, "%s%" PRIu64 " bytes a second", q->flows_per_s ? " and " : "",
				q->bytes_per_s);
	dbx_explain_say(c, "quota", "info", &q->where,
			"as long as the workspace stays within %s (bursts of %u ms)",
			s.err ? "" : s.s, q->burst_ms);
	c->err = s.err ? s.err : c->err;
	dbx_strbuf_fini(&s);
}

static bool is_covered(const struct dbx_reject *r, const struct dbx_policy *p)
{
	size_t i;

	for (i = 0; p && i < r->n_policy_ids; i++) {
		if (strcmp(r->policy_ids[i], p->id) == 0)
			return true;
	}
	return r->n_policy_ids == 0;
}

/*
 * What answers nothing, or by itself: the resolver, the check of hellos, tunnels; and what may have
 * gone to many.
 */
static bool is_silent(const struct dbx_explain_ctx *c)
{
	switch (c->out->reason) {
	case DBX_REASON_SPOOFED_SOURCE: /* it may not be who it says */
	case DBX_REASON_MARTIAN:
	case DBX_REASON_MULTICAST:
	case DBX_REASON_NAME_MISMATCH:
	case DBX_REASON_QUIC_REFUSED:
		return true;
	case DBX_REASON_PRIVATE_REQUIRED: /* by its hello, or by the port alone */
		return c->if_learned.reason != DBX_REASON_PRIVATE_REQUIRED;
	default:
		return c->no_packet || c->pe_refuses || dbx_domain_is_tunnel(c->t.domain);
	}
}

void dbx_explain_reject_step(struct dbx_explain_ctx *c)
{
	const struct dbx_reject *r = &c->m->gateway.reject;

	if (!r->has || c->out->verdict != DBX_VERDICT_DROP || !c->source || is_silent(c) ||
	    !is_covered(r, c->policy))
		return;
	dbx_explain_say(c, "reject", "info", &r->where,
			"the sender is told, by %s, at most %u times a second for its workspace",
			c->t.proto == 6 ? "a TCP reset" : "ICMP administratively prohibited",
			r->per_second);
}
