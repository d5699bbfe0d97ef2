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

#include "daemon/namer_impl.h"
#include "lib/name.h"
#include "lib/proto.h"
#include "lib/vec.h"
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
	const char *s = json_string_value(v);
	int64_t n = s ? dbx_proto_number(s) : -1;

	if (n < 0 && !read_number(v, 0, 255, &n))
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
				  "\"port\", \"protocol\", \"src\", \"product\", \"name\"}");
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
	v = json_object_get(j, "name");
	if (v && !json_is_null(v)) {
		q->name = json_string_value(v);
		if (!q->name || strlen(q->name) > DST_MAX_BYTES)
			return bad(reply, "\"name\" is the DNS name that the flow says");
	}
	v = json_object_get(j, "product");
	if (v && !json_is_null(v) && !read_product(v, &q->product))
		return bad(reply, "\"product\" is General Compute, DBSQL, MLServing, ML Build or "
				  "Apps");
	return 0;
}

/* ---- what was learned ---- */

/* Learned names, and guards. */
struct lessons {
	char dst[DBX_NAME_SIZE], said[DBX_NAME_SIZE]; /* canonical, "" = none */
	bool has_addr;                                /* dst is an address */
	struct dbx_addr addr;
	uint64_t policy_uid, now_ns;
	DBX_VEC(struct dbx_explain_learned) v;
	int err;
};

/*
 * Of the workspace's scope: what is known by one of the names, or of the address. A guard stays after
 * its time, until the resolver has looked again.
 */
static void collect(void *arg, const struct dbx_learned_name *l)
{
	struct lessons *x = arg;
	struct dbx_explain_learned e = {.addr = l->addr, .is_guard = l->is_guard};

	if (l->policy_uid != x->policy_uid || !l->name[0] ||
	    (!l->is_guard && l->expires_ns <= x->now_ns))
		return;
	if (strcmp(l->name, x->dst) && strcmp(l->name, x->said) &&
	    (!x->has_addr || dbx_addr_cmp(&x->addr, &l->addr)))
		return;
	if (!l->is_guard)
		e.expires_in_s = (l->expires_ns - x->now_ns) / 1000000000u;
	e.name = strdup(l->name);
	if (e.name && !dbx_vec_push(&x->v, e))
		return;
	free(e.name);
	x->err = -ENOMEM;
}

static int by_name(const void *x, const void *y)
{
	const struct dbx_explain_learned *a = x, *b = y;
	int c = strcmp(a->name, b->name);

	return c ? c : dbx_addr_cmp(&a->addr, &b->addr);
}

static int take_learned(struct dbx_daemon *d, const struct dbx_view *v, struct dbx_explain_query *q,
			struct lessons *x)
{
	x->now_ns = dbx_namer_now();
	x->policy_uid = dbx_names_policy_of(v->names, q->workspace_id);
	x->has_addr = !dbx_addr_parse(q->dst, &x->addr);
	if (!x->has_addr)
		dbx_name_canon(q->dst, x->dst, NULL);
	if (q->name)
		dbx_name_canon(q->name, x->said, NULL);
	if (x->policy_uid)
		dbx_namer_each(d->core.namer, collect, x);
	if (x->v.n)
		qsort(x->v.v, x->v.n, sizeof(x->v.v[0]), by_name);
	q->names = v->names;
	q->is_live = true;
	q->learned = x->v.v;
	q->n_learned = x->v.n;
	return x->err;
}

static int answer(struct dbx_daemon *d, struct dbx_explain_query *q, struct dbx_reply *reply,
		  struct dbx_diag *diag)
{
	const struct dbx_view *v = d->core.namer ? dbx_namer_view_get(d->core.namer) : NULL;
	struct dbx_explanation e = {0};
	struct lessons x = {.err = 0};
	char *text = NULL;
	int rc = v ? take_learned(d, v, q, &x) : 0;

	if (!rc)
		rc = dbx_explain(d->core.model, &d->core.now.img, q, &e, diag);
	if (!rc) {
		text = dbx_explanation_json(&e);
		rc = text ? dbx_strbuf_add(&reply->body, text) : -ENOMEM;
		dbx_explanation_fini(&e);
	}
	free(text);
	dbx_vec_for_each(&x.v, l)
		free(l->name);
	dbx_vec_fini(&x.v);
	if (v)
		dbx_namer_view_put(d->core.namer, v);
	return rc;
}

static void explain(struct dbx_daemon *d, struct dbx_explain_query *q, struct dbx_reply *reply)
{
	struct dbx_fail f;
	struct dbx_diag diag;
	int rc;

	dbx_diag_init(&diag);
	rc = answer(d, q, reply, &diag);
	if (rc == -EINVAL) {
		dbx_core_fail_from_diag(&diag, &f);
		dbx_reply_fail(reply, &f, &diag);
	} else if (rc) {
		dbx_reply_error(reply, 500, "INTERNAL_ERROR", "explain: %s", strerror(-rc));
	}
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
