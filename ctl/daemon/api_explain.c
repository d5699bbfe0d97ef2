// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * api_explain.c -- POST explain: what would become of one packet, and why.
 */
#include "daemon/api.h"

#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/namer.h"
#include "lib/name.h"
#include "policy/explain.h"

#define DST_MAX_BYTES 512

static int bad(struct dbx_reply *reply, const char *text)
{
	dbx_reply_error(reply, 400, "INVALID_PARAMETER_VALUE", "explain: %s", text);
	return -EINVAL;
}

/* A JSON integer, or a string of decimal digits, in lo..hi. */
static bool read_number(const json_t *v, int64_t lo, int64_t hi, int64_t *out)
{
	const char *s = json_string_value(v);
	char *end;

	if (json_is_integer(v)) {
		*out = json_integer_value(v);
	} else if (s && s[0] >= '0' && s[0] <= '9') {
		errno = 0;
		*out = strtoll(s, &end, 10);
		if (errno || *end)
			return false;
	} else {
		return false;
	}
	return *out >= lo && *out <= hi;
}

static bool read_protocol(const json_t *v, uint8_t *out)
{
	static const struct {
		const char *name;
		uint8_t proto;
	} names[] = {{"tcp", IPPROTO_TCP},
		     {"udp", IPPROTO_UDP},
		     {"sctp", IPPROTO_SCTP},
		     {"icmp", IPPROTO_ICMP},
		     {"icmpv6", IPPROTO_ICMPV6}};
	const char *s = json_string_value(v);
	int64_t n;
	size_t i;

	for (i = 0; s && i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcasecmp(s, names[i].name) == 0) {
			*out = names[i].proto;
			return true;
		}
	}
	if (!read_number(v, 0, 255, &n))
		return false;
	*out = (uint8_t)n;
	return true;
}

/* As in the vendor's log or as in its dry-run filter: "MLServing" and "ML_SERVING" are the same. */
static bool read_product(const json_t *v, int *out)
{
	const char *s = json_string_value(v);
	int p;

	for (p = 0; s && p < DBX_PRODUCT_MAX; p++) {
		const char *a = s, *b = dbx_product_name((enum dbx_product)p);

		for (; *a || *b; a++, b++) {
			while (*a == '_' || *a == ' ')
				a++;
			while (*b == '_' || *b == ' ')
				b++;
			if ((*a | 0x20) != (*b | 0x20) || !*a)
				break;
		}
		if (!*a && !*b) {
			*out = p;
			return true;
		}
	}
	return false;
}

static int read_query(const json_t *j, struct dbx_explain_query *q, struct dbx_reply *reply)
{
	const json_t *v;
	int64_t n;

	*q = (struct dbx_explain_query){
		.product = -1, .proto = IPPROTO_TCP, .now_ms = dbx_now_ms()};
	if (!json_is_object(j))
		return bad(reply, "the body must be one JSON object: {\"workspace_id\", \"dst\", "
				  "\"port\", \"protocol\", \"src\", \"product\"}");
	if (!read_number(json_object_get(j, "workspace_id"), 1, INT64_MAX, &q->workspace_id))
		return bad(reply, "\"workspace_id\" is needed: a positive integer");
	q->dst = json_string_value(json_object_get(j, "dst"));
	if (!q->dst || !*q->dst || strlen(q->dst) > DST_MAX_BYTES)
		return bad(reply, "\"dst\" is needed: an address or a DNS name");
	v = json_object_get(j, "protocol");
	if (v && !json_is_null(v) && !read_protocol(v, &q->proto))
		return bad(reply, "\"protocol\" is tcp, udp, sctp, icmp, icmpv6 or a number 0-255");
	v = json_object_get(j, "port");
	if (v && !json_is_null(v)) {
		if (!read_number(v, 0, 65535, &n))
			return bad(reply, "\"port\" is an integer 0-65535");
		q->port = (uint16_t)n;
	}
	v = json_object_get(j, "src");
	if (v && !json_is_null(v)) {
		if (!json_is_string(v) || dbx_addr_parse(json_string_value(v), &q->src))
			return bad(reply, "\"src\" is an IPv4 or IPv6 address");
		q->has_src = true;
	}
	v = json_object_get(j, "product");
	if (v && !json_is_null(v) && !read_product(v, &q->product))
		return bad(reply, "\"product\" is General Compute, DBSQL, MLServing, ML Build or "
				  "Apps");
	return 0;
}

/* ---- names ---- */

struct learned_out {
	struct dbx_strbuf *b;
	const char *name;
	uint64_t policy_uid;
	bool is_guard, started;
};

static void out_learned(void *arg, const struct dbx_learned_name *l)
{
	char text[DBX_ADDR_STRLEN];
	struct learned_out *o = arg;

	if (l->policy_uid != o->policy_uid || l->is_guard != o->is_guard ||
	    strcmp(l->name, o->name))
		return;
	dbx_strbuf_addf(o->b, "%s\"%s\"", o->started ? "," : "", dbx_addr_format(&l->addr, text));
	o->started = true;
}

/* What the resolver would answer itself. */
static void out_private(struct dbx_strbuf *b, const struct dbx_name_decision *n)
{
	char text[DBX_ADDR_STRLEN];

	if (!n->is_private || n->verdict == DBX_VERDICT_DROP)
		return;
	dbx_strbuf_addc(b, ',');
	dbx_out_string(b, "alias", n->cname[0] ? n->cname : NULL);
	dbx_strbuf_add(b, ",\"answer\":[");
	for (size_t i = 0; i < n->n_addrs; i++)
		dbx_strbuf_addf(b, "%s\"%s\"", i ? "," : "", dbx_addr_format(&n->addrs[i], text));
	dbx_strbuf_addc(b, ']');
}

/* Of a name: what the resolver says, and the addresses that it was learned with; before the "}". */
static void add_name(struct dbx_daemon *d, const struct dbx_explain_query *q, struct dbx_strbuf *b)
{
	struct dbx_name_decision n;
	char name[DBX_NAME_SIZE];
	const struct dbx_view *v;
	struct learned_out o = {.b = b, .name = name};
	struct dbx_addr a;

	if (!d->core.namer || !dbx_addr_parse(q->dst, &a) || dbx_name_canon(q->dst, name, NULL))
		return;
	v = dbx_namer_view_get(d->core.namer);
	if (!v)
		return;
	if (b->len && b->s[b->len - 1] == '}')
		b->s[--b->len] = '\0';
	dbx_names_decide(v->names, q->workspace_id, q->product < 0 ? 0 : q->product, name, &n);
	o.policy_uid = n.policy_uid;
	dbx_strbuf_addf(b, ",\"dns\":{\"verdict\":\"%s\",\"reason\":\"%s\",",
			dbx_verdict_name(n.verdict), dbx_reason_slug(n.reason));
	dbx_out_string(b, "rule", n.rule_text && n.rule_text[0] ? n.rule_text : NULL);
	out_private(b, &n);
	dbx_strbuf_add(b, "},\"learned\":[");
	dbx_namer_each(d->core.namer, out_learned, &o);
	o.is_guard = true;
	o.started = false;
	dbx_strbuf_add(b, "],\"guarded\":[");
	dbx_namer_each(d->core.namer, out_learned, &o);
	dbx_strbuf_add(b, "]}");
	dbx_namer_view_put(d->core.namer, v);
}

static void explain(struct dbx_daemon *d, const struct dbx_explain_query *q,
		    struct dbx_reply *reply)
{
	struct dbx_explanation e = {0};
	struct dbx_fail f;
	struct dbx_diag diag;
	char *text = NULL;
	int rc;

	dbx_diag_init(&diag);
	rc = dbx_explain(d->core.model, &d->core.now.img, q, &e, &diag);
	if (rc == -EINVAL) {
		dbx_core_fail_from_diag(&diag, &f);
		dbx_reply_fail(reply, &f, &diag);
	} else if (rc == 0) {
		text = dbx_explanation_json(&e);
		rc = text ? dbx_strbuf_add(&reply->body, text) : -ENOMEM;
		if (!rc)
			add_name(d, q, &reply->body);
	}
	if (rc && rc != -EINVAL)
		dbx_reply_error(reply, 500, "INTERNAL_ERROR", "explain: %s", strerror(-rc));
	if (!rc)
		dbx_explanation_fini(&e);
	free(text);
	dbx_diag_fini(&diag);
}

void dbx_api_explain(struct dbx_daemon *d, const struct dbx_request *req, struct dbx_reply *reply)
{
	struct dbx_explain_query q;
	json_error_t err;
	json_t *j;

	if (!d->core.now.mem) {
		dbx_reply_error(reply, 409, "RESOURCE_CONFLICT",
				"nothing has been applied yet: every packet is denied (no-image)");
		return;
	}
	j = json_loadb(req->body, req->n_body, JSON_REJECT_DUPLICATES, &err);
	if (!j)
		dbx_reply_error(reply, 400, "INVALID_PARAMETER_VALUE",
				"explain: the body is no JSON: line %d: %s", err.line, err.text);
	else if (read_query(j, &q, reply) == 0)
		explain(d, &q, reply);
	json_decref(j);
}
